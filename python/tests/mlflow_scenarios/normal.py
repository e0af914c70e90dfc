"""Answers without what differs from run to run: ids, times, tokens and generated names become placeholders.

Placeholders are numbered by first appearance in a scenario, so that an answer that names the wrong run is still seen.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from typing import Any

# A text longer than this is kept as its length and digest.
LONGEST_TEXT = 400
# A time within this many milliseconds of now is "now"; any other time was sent and must come back.
AROUND_NOW_MS = 24 * 3_600 * 1_000

HEX_ID = re.compile(r"(?<![0-9a-f])(m-)?[0-9a-f]{32}(?![0-9a-f])")
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
GENERATED_NAME = re.compile(r"[a-z]+-[a-z]+-\d{1,4}")
EXPERIMENT_IN_TEXT = re.compile(
    r"(?P<before>mlflow-artifacts:/+|\bid=|[Ee]xperiment(?: ID| with id)? ?'?)(?P<id>\d+)(?=$|[/' .])"
    r"|(?<!\w)(?P<of>\d+)(?=/(?:models/m-)?[0-9a-f]{32})"
)
# Numbers from here on (to its double) are given by scenarios and belong to no experiment.
NOBODYS = 900_000
EXPERIMENT_FIELDS = {"experiment_id", "experiment_ids"}
TOKEN_FIELDS = {"next_page_token", "page_token"}
# What newer servers add to every error and no client reads.
UNREAD = {"sqlstate", "error_class"}
# A database's own words, which MLflow's server passes on with statement and values.
SQL = re.compile(r"\((?:raised as a result of Query-invoked autoflush|sqlite3\.|psycopg2?\.|builtins\.).*", re.DOTALL)
# Lists longer than this are kept as their length, digest, first and last.
LONGEST_LIST = 60
# Lists whose order means nothing: they are compared sorted.
UNORDERED = {"metrics", "params", "tags", "aliases", "registrations", "model_outputs", "model_inputs", "files", "dataset_inputs", "latest_versions"}


def _place(item: Any) -> str:
    name = item.get("path", "") if isinstance(item, dict) else ""
    return name + json.dumps(item, sort_keys=True)


class Normaliser:
    """What one scenario has named so far."""

    def __init__(self, suffix: str, address: str) -> None:
        self._suffix = suffix
        self._address = address
        self._numbers: dict[str, dict[str, int]] = {}

    def _placeholder(self, kind: str, value: str) -> str:
        known = self._numbers.setdefault(kind, {})
        return f"<{kind} {known.setdefault(value, len(known) + 1)}>"

    def _experiment(self, number: str) -> str:
        made_up = number == "0" or NOBODYS <= int(number) < 2 * NOBODYS
        return number if made_up else self._placeholder("experiment", number)

    def _experiment_in_text(self, found: re.Match[str]) -> str:
        return (found.group("before") or "") + self._experiment(found.group("id") or found.group("of"))

    def _text(self, text: str) -> str:
        text = text.replace(self._suffix, "<suffix>").replace(self._address, "<server>")
        text = SQL.sub("<SQL>", text)
        if GENERATED_NAME.fullmatch(text):
            return "<generated name>"
        text = EXPERIMENT_IN_TEXT.sub(self._experiment_in_text, text)
        text = UUID.sub(lambda found: self._placeholder("run", found.group()), text)
        text = HEX_ID.sub(
            lambda found: self._placeholder("model" if found.group(1) else "run", found.group()), text
        )
        if len(text) > LONGEST_TEXT:
            digest = hashlib.sha256(text.encode()).hexdigest()[:16]
            return f"<{len(text)} characters, {digest}> {text[:40]}"
        return text

    def value(self, value: Any, field: str = "") -> Any:
        """The value as it is recorded."""
        if field in TOKEN_FIELDS and isinstance(value, str) and value:
            return "<token>"
        if field in EXPERIMENT_FIELDS and isinstance(value, str) and value.isdigit():
            return self._experiment(value)
        if isinstance(value, dict):
            return {self._text(key): self.value(one, key) for key, one in value.items() if key not in UNREAD}
        if isinstance(value, list):
            items = [self.value(one, field) for one in value]
            if field in UNORDERED:
                items.sort(key=_place)
            if len(items) > LONGEST_LIST:
                text = json.dumps(items, sort_keys=True)
                digest = hashlib.sha256(text.encode()).hexdigest()[:16]
                return [f"<{len(items)} items, {digest}>", items[0], items[-1]]
            return items
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, int) and not isinstance(value, bool):
            return "<now>" if abs(value - time.time() * 1_000) < AROUND_NOW_MS else value
        return value
