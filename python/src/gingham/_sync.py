"""Bringing spools up to the server, each record exactly once.

Beside a spool, ``….at`` says how far it has been brought up and which lines are on their way. It is
written before they are sent: sent again they carry the same id, and the server applies a batch of
one id only once.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Optional

from ._errors import GinghamError
from ._spool import FORM, spool_folder, sync_folder, try_lock
from ._transport import Transport

LINES = 500
BYTES = 4 * 1024 * 1024


@dataclass
class Synced:
    """What bringing up did."""

    spools: int = 0
    """How many spools were looked at."""
    records: int = 0
    """How many records were brought up."""
    open: int = 0
    """Spools whose writer is still at work, or that another program is bringing up."""
    refused: list[Any] = field(default_factory=list)
    """Records that the server refused: ``subject``, ``code`` and ``reason`` of each."""


def sync(transport: Transport, folder: Optional[Path] = None) -> Synced:
    """Brings up all spools of a folder; raises :class:`~gingham.Unavailable` without a server."""
    synced = Synced()
    place = folder or spool_folder()
    for spool in sorted(place.glob("*.jsonl")):
        _bring_up(transport, spool, synced)
    return synced


def _beside(spool: Path, ending: str) -> Path:
    return spool.with_name(f"{spool.name}.{ending}")


def _bring_up(transport: Transport, spool: Path, synced: Synced) -> None:
    mark = _beside(spool, "at")
    with open(_beside(spool, "lock"), "ab") as lock:
        if not try_lock(lock):
            synced.open += 1
            return
        try:
            file = open(spool, "rb")
        except FileNotFoundError:
            return
        with file:
            header = file.readline()
            if not header.endswith(b"\n"):
                return
            told = json.loads(header)
            if told.get("spool") != FORM:
                raise GinghamError(
                    f"{spool} has a form that this version does not know", code="spool_unknown"
                )
            synced.spools += 1
            done, sending = _marked(mark, len(header))
            while True:
                file.seek(done)
                body, lines, end = _batch(file, done, sending)
                if lines == 0:
                    break
                _keep(mark, done, end)
                answer = transport.upload(
                    "/api/v1/records",
                    body,
                    content_type="application/x-ndjson",
                    parameters={"source": "spool", "batch": f"{told['id']}:{done}-{end}"},
                )
                if not answer["repeated"]:
                    synced.records += lines
                synced.refused.extend(answer["refused"])
                done, sending = end, None
                _keep(mark, done, None)
            # What its writer has left behind whole is not needed any more.
            if try_lock(file) and os.fstat(file.fileno()).st_size == done:
                spool.unlink()
                mark.unlink(missing_ok=True)
                _beside(spool, "lock").unlink(missing_ok=True)
            else:
                synced.open += 1


def _marked(mark: Path, header: int) -> tuple[int, Optional[int]]:
    try:
        at = json.loads(mark.read_bytes())
    except (FileNotFoundError, ValueError):
        return header, None
    return max(int(at["done"]), header), at.get("sending")


def _batch(file: IO[bytes], done: int, until: Optional[int]) -> tuple[bytes, int, int]:
    """Whole lines: those on their way already, else as many as a batch holds."""
    parts: list[bytes] = []
    size = 0
    while done + size < until if until is not None else len(parts) < LINES and size < BYTES:
        line = file.readline()
        if not line.endswith(b"\n"):
            break
        parts.append(line)
        size += len(line)
    return b"".join(parts), len(parts), done + size


def _keep(mark: Path, done: int, sending: Optional[int]) -> None:
    part = _beside(mark, "part")
    with open(part, "wb") as file:
        file.write(json.dumps({"done": done, "sending": sending}).encode())
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, mark)
    sync_folder(mark.parent)
