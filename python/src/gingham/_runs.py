"""Runs: what was tried, with which parameters, and how well it went."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Optional

from ._errors import NotFound
from ._times import now_ms
from ._transport import Transport, quoted

_MLFLOW = "/api/2.0/mlflow"


class Run:
    """A run that is being written. As a context manager it ends itself: finished, or failed."""

    def __init__(self, transport: Transport, run_id: str) -> None:
        self._transport = transport
        self.id = run_id

    def __repr__(self) -> str:
        return f"Run({self.id!r})"

    def log_metric(self, key: str, value: float, *, step: int = 0) -> None:
        """Appends one point of a metric."""
        self.log_metrics({key: value}, step=step)

    def log_metrics(self, metrics: Mapping[str, float], *, step: int = 0) -> None:
        """Appends one point of each metric."""
        at = now_ms()
        points = [
            {"key": key, "value": _number(value), "timestamp": at, "step": step}
            for key, value in metrics.items()
        ]
        self._batch(metrics=points)

    def log_param(self, key: str, value: object) -> None:
        """Writes a parameter; it cannot change afterwards."""
        self.log_params({key: value})

    def log_params(self, params: Mapping[str, object]) -> None:
        """Writes parameters; they cannot change afterwards."""
        self._batch(params=[{"key": key, "value": str(value)} for key, value in params.items()])

    def set_tag(self, key: str, value: object) -> None:
        """Writes a tag over what was there."""
        self._batch(tags=[{"key": key, "value": str(value)}])

    def end(self, status: str = "FINISHED") -> None:
        """Ends the run: ``FINISHED``, ``FAILED`` or ``KILLED``."""
        body = {"run_id": self.id, "status": status, "end_time": now_ms()}
        self._transport.post(f"{_MLFLOW}/runs/update", body)

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

    def _batch(self, **logged: list[dict[str, Any]]) -> None:
        self._transport.post(f"{_MLFLOW}/runs/log-batch", {"run_id": self.id, **logged})


class Runs:
    """Starting runs and finding them again."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def start(
        self,
        *,
        experiment: str = "Default",
        name: Optional[str] = None,
        tags: Optional[Mapping[str, object]] = None,
    ) -> Run:
        """Starts a run; an experiment that does not exist yet is made."""
        body: dict[str, Any] = {
            "experiment_id": self._experiment(experiment),
            "start_time": now_ms(),
            "tags": [{"key": key, "value": str(value)} for key, value in (tags or {}).items()],
        }
        if name is not None:
            body["run_name"] = name
        answer = self._transport.post(f"{_MLFLOW}/runs/create", body)
        return Run(self._transport, answer["run"]["info"]["run_id"])

    def get(self, run_id: str) -> Run:
        """A run by its id; raises :class:`~gingham.NotFound` if there is none."""
        run = Run(self._transport, run_id)
        run.read()
        return run

    def _experiment(self, name: str) -> str:
        try:
            answer = self._transport.get(
                f"{_MLFLOW}/experiments/get-by-name", {"experiment_name": name}
            )
            return str(answer["experiment"]["experiment_id"])
        except NotFound:
            answer = self._transport.post(f"{_MLFLOW}/experiments/create", {"name": name})
            return str(answer["experiment_id"])


def _number(value: float) -> Any:
    """JSON has no word for these three; the server reads them as text."""
    number = float(value)
    if number != number:
        return "NaN"
    if number in (float("inf"), float("-inf")):
        return "Infinity" if number > 0 else "-Infinity"
    return number
