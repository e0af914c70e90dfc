"""Runs: what was tried, with which parameters, and how well it went."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Literal, Optional

from ._errors import Invalid, Unavailable
from ._spool import Record, Spool
from ._sync import Synced, sync
from ._times import now_ms
from ._transport import Transport, quoted

Offline = Literal["auto", "never", "always"]


class Run:
    """A run that is being written. As a context manager it ends itself: finished, or failed.

    When the server cannot be reached, what is logged is kept on this machine (``offline`` of
    :func:`gingham.connect`), in its order; :meth:`Client.sync` or ``gingham sync`` brings it up.
    """

    def __init__(
        self, transport: Transport, run_id: str, log: Optional[Log] = None
    ) -> None:
        self._transport = transport
        self._log = log or Log(transport, "never")
        self.id = run_id

    def __repr__(self) -> str:
        return f"Run({self.id!r})"

    @property
    def is_offline(self) -> bool:
        """Whether what is logged is kept on this machine for now."""
        return self._log.is_offline

    def log_metric(self, key: str, value: float, *, step: int = 0) -> None:
        """Appends one point of a metric."""
        self.log_metrics({key: value}, step=step)

    def log_metrics(self, metrics: Mapping[str, float], *, step: int = 0) -> None:
        """Appends one point of each metric."""
        at = now_ms()
        self._log.send(
            [
                {
                    "kind": "metric",
                    "run": self.id,
                    "key": key,
                    "steps": [step],
                    "times_ms": [at],
                    "values": [_number(value)],
                }
                for key, value in metrics.items()
            ]
        )

    def log_param(self, key: str, value: object) -> None:
        """Writes a parameter; it cannot change afterwards."""
        self.log_params({key: value})

    def log_params(self, params: Mapping[str, object]) -> None:
        """Writes parameters; they cannot change afterwards."""
        written = {key: str(value) for key, value in params.items()}
        self._log.send([{"kind": "params", "run": self.id, "params": written}])

    def set_tag(self, key: str, value: object) -> None:
        """Writes a tag over what was there."""
        self._log.send([{"kind": "tags", "run": self.id, "tags": {key: str(value)}}])

    def end(self, status: str = "FINISHED") -> None:
        """Ends the run: ``FINISHED``, ``FAILED`` or ``KILLED``."""
        state = {"kind": "run_state", "run": self.id, "status": status, "end_ms": now_ms()}
        self._log.send([state])
        self._log.close()

    def read(self) -> Mapping[str, Any]:
        """The run as the server has it: params, metrics, tags, inputs, artifacts."""
        run: Mapping[str, Any] = self._transport.get(f"/api/v1/runs/{quoted(self.id)}")
        return run

    def metric(self, key: str, *, points: int = 500) -> list[Mapping[str, Any]]:
        """The history of a metric, thinned to at most this many points."""
        path = f"/api/v1/runs/{quoted(self.id)}/metrics/{quoted(key)}"
        history: list[Mapping[str, Any]] = self._transport.get(path, {"points": points})["points"]
        return history

    def __enter__(self) -> Run:
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.end("FINISHED" if kind is None else "FAILED")


class Log:
    """Where the records of a run go: to the server, or once that cannot be reached, to a spool.

    Records can be applied twice, so one that may have arrived is sent again. A run that has gone to
    a spool stays there until it ends: its records keep their order.
    """

    def __init__(self, transport: Transport, offline: Offline) -> None:
        self._transport = transport
        self._offline = offline
        self._spool: Optional[Spool] = Spool() if offline == "always" else None

    @property
    def is_offline(self) -> bool:
        """Whether records go to a spool."""
        return self._spool is not None

    def send(self, records: Sequence[Record]) -> None:
        """Brings records to the server or to disk; raises what the server refuses."""
        if not records:
            return
        if self._spool is None:
            try:
                _post(self._transport, records)
                return
            except Unavailable as error:
                if self._offline == "never" or error.code != "server_unreachable":
                    raise
                self._spool = Spool()
                print(
                    f"gingham: {error}; what is logged is kept here until `gingham sync`",
                    file=sys.stderr,
                )
        self._spool.append(records)

    def close(self) -> None:
        """Lets go of the spool, and brings it up if the server can be reached again."""
        if self._spool is None:
            return
        self._spool.close()
        if self._offline == "auto":
            try:
                sync(self._transport)
            except Unavailable:
                pass


def _post(transport: Transport, records: Sequence[Record]) -> None:
    import json

    body = "".join(json.dumps(record, allow_nan=False) + "\n" for record in records).encode()
    answer = transport.upload(
        "/api/v1/records",
        body,
        content_type="application/x-ndjson",
        parameters={"source": "client"},
    )
    for refused in answer["refused"]:
        raise Invalid(refused["reason"], code=refused["code"])


class Runs:
    """Starting runs and finding them again."""

    def __init__(self, transport: Transport, offline: Offline = "auto") -> None:
        self._transport = transport
        self._offline: Offline = offline

    def start(
        self,
        *,
        experiment: str = "Default",
        name: Optional[str] = None,
        tags: Optional[Mapping[str, object]] = None,
    ) -> Run:
        """Starts a run; an experiment that does not exist yet is made.

        Its id is made here, so that a request that may have arrived can be sent again.
        """
        run_id = uuid.uuid4().hex
        log = Log(self._transport, self._offline)
        begun: dict[str, Any] = {
            "kind": "run",
            "id": run_id,
            "experiment": experiment,
            "user": _user(),
            "start_ms": now_ms(),
            "tags": {key: str(value) for key, value in (tags or {}).items()},
        }
        if name is not None:
            begun["name"] = name
        log.send([{"kind": "experiment", "name": experiment}, begun])
        return Run(self._transport, run_id, log)

    def get(self, run_id: str) -> Run:
        """A run by its id; raises :class:`~gingham.NotFound` if there is none."""
        run = Run(self._transport, run_id, Log(self._transport, self._offline))
        run.read()
        return run

    def sync(self) -> Synced:
        """Brings up what was kept on this machine; see :class:`~gingham.Synced`."""
        return sync(self._transport)


def _user() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return ""


def _number(value: float) -> Any:
    """JSON has no word for these three; the server reads them as text."""
    number = float(value)
    if number != number:
        return "NaN"
    if number in (float("inf"), float("-inf")):
        return "Infinity" if number > 0 else "-Infinity"
    return number
