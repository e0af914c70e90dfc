"""Records kept on this machine while the server cannot be reached.

A spool is a file to which one process appends records, a JSON object a line; what ``append`` has
returned from is on disk. Its writer holds a lock on it for as long as it lives.
"""

from __future__ import annotations

import json
import os
import threading
import time
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, Any, Optional, Union

from ._errors import GinghamError

try:
    import fcntl
except ImportError:  # pragma: no cover - there are no such locks on Windows
    fcntl = None  # type: ignore[assignment]

FORM = 1
"""The form of spools that this version writes and reads."""

MOST_BYTES = 1024 * 1024 * 1024
"""Bytes that all spools of a folder may take unless ``GINGHAM_SPOOL_BYTES`` says otherwise."""

Record = Mapping[str, Any]


def spool_folder() -> Path:
    """Where spools are: ``GINGHAM_SPOOL``, or ``.gingham/spool`` in the home folder."""
    named = os.environ.get("GINGHAM_SPOOL")
    return Path(named) if named else Path.home() / ".gingham" / "spool"


def try_lock(file: Union[int, IO[bytes]], *, shared: bool = False) -> bool:
    """Whether the lock of a file could be taken; it is given back when the file is closed."""
    if fcntl is None:  # pragma: no cover
        return True
    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def sync_folder(folder: Path) -> None:
    """Makes the names in a folder durable."""
    if os.name != "posix":  # pragma: no cover
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _write(handle: int, lines: bytes) -> None:
    """Appends lines; they are on disk when this returns."""
    left = memoryview(lines)
    while left:
        left = left[os.write(handle, left) :]
    os.fsync(handle)


class Spool:
    """One file of records, made at the first append."""

    def __init__(self, folder: Optional[Path] = None) -> None:
        self._folder = folder or spool_folder()
        self._handle: Optional[int] = None
        self._process: Optional[int] = None
        self._lock = threading.Lock()
        self.path: Optional[Path] = None

    def append(self, records: Iterable[Record]) -> None:
        """Keeps records; they are on disk when this returns.

        Raises :class:`~gingham.GinghamError` with the code ``spool_full`` when the folder would
        pass its bound; nothing of the records is kept then.
        """
        lines = "".join(json.dumps(record, allow_nan=False) + "\n" for record in records).encode()
        with self._lock:
            # A forked child writes a spool of its own: two writers would mix their lines.
            handle = self._handle
            if handle is None or self._process != os.getpid():
                handle = self._open()
            self._bound(len(lines))
            _write(handle, lines)

    def close(self) -> None:
        """Lets go of the file; a later append begins another one."""
        with self._lock:
            if self._handle is not None:
                os.close(self._handle)
                self._handle = None

    def __del__(self) -> None:
        self.close()

    def _open(self) -> int:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        name = uuid.uuid4().hex
        stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
        self.path = self._folder / f"{stamp}-{name}.jsonl"
        handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        self._handle = handle
        self._process = os.getpid()
        try_lock(handle, shared=True)
        _write(handle, json.dumps({"spool": FORM, "id": name}).encode() + b"\n")
        sync_folder(self._folder)
        return handle

    def _bound(self, more: int) -> None:
        most = int(os.environ.get("GINGHAM_SPOOL_BYTES") or MOST_BYTES)
        held = 0
        for path in self._folder.glob("*.jsonl"):
            try:
                held += path.stat().st_size
            except FileNotFoundError:
                continue
        if held + more > most:
            raise GinghamError(
                f"the spools in {self._folder} hold {held} bytes, and {most} are the most",
                code="spool_full",
                hint="bring them up with `gingham sync`, or allow more with GINGHAM_SPOOL_BYTES",
            )
