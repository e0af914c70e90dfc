"""Compares what our server answered with what was recorded, field by field."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from .differences import DIFFERENCES, Difference
from .world import Step

NOTHING = "<nothing>"


@dataclass
class Found:
    """One field that differs."""

    step: int
    call: str
    case: str
    field: str
    recorded: Any
    answered: Any

    def __str__(self) -> str:
        what = f"{self.call} ({self.case})" if self.case else self.call
        return f"  step {self.step + 1}: {what}\n    {self.field}: recorded {_short(self.recorded)}\n    {' ' * len(self.field)}  answered {_short(self.answered)}"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) < 1_200 else f"{text[:1_200]} …"


def fields_that_differ(recorded: Any, answered: Any, field: str = "answer") -> list[tuple[str, Any, Any]]:
    """The paths of all values that are not the same, with both."""
    if isinstance(recorded, dict) and isinstance(answered, dict):
        found = []
        for key in sorted({*recorded, *answered}):
            found += fields_that_differ(recorded.get(key, NOTHING), answered.get(key, NOTHING), f"{field}.{key}")
        return found
    if isinstance(recorded, list) and isinstance(answered, list) and len(recorded) == len(answered):
        pairs = enumerate(zip(recorded, answered))
        return [one for at, (left, right) in pairs for one in fields_that_differ(left, right, f"{field}[{at}]")]
    same = recorded == answered and isinstance(recorded, bool) == isinstance(answered, bool)
    return [] if same else [(field, recorded, answered)]


def unlike(recorded: list[Step], answered: list[Step]) -> tuple[list[Found], set[Difference], str]:
    """Differences nobody intended, the intended ones that were met, and what was sent differently."""
    found: list[Found] = []
    met: set[Difference] = set()
    for number, (left, right) in enumerate(zip(recorded, answered)):
        for name in ("call", "case", "sent", "query"):
            if left.get(name) != right.get(name):
                sent = f"step {number + 1}: {name} was {_short(left.get(name))} and is {_short(right.get(name))}"
                return found, met, sent
        pairs = [("status", left["status"], right["status"])] if left["status"] != right["status"] else []
        pairs += fields_that_differ(left["answer"], right["answer"])
        for field, was, now in pairs:
            one = Found(number, left["call"], left.get("case", ""), field, was, now)
            reason = next((d for d in DIFFERENCES if d.covers(left, right, one.field)), None)
            if reason is None:
                found.append(one)
            else:
                met.add(reason)
    if len(recorded) != len(answered):
        return found, met, f"{len(recorded)} steps were recorded, {len(answered)} were taken"
    return found, met, ""
