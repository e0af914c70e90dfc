"""One server, with everything that it can do from Python."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Optional

from . import _archive
from ._alerts import Alerts
from ._datasets import Datasets
from ._models import Models
from ._predictions import Predictions, predict
from ._runs import Offline, Runs
from ._sync import Synced
from ._tables import Table
from ._times import Time, written
from ._transport import Transport


class Client:
    """A connection to one server; made by :func:`connect`."""

    def __init__(self, transport: Transport, offline: Offline = "auto") -> None:
        self._transport = transport
        self.models = Models(transport)
        self.runs = Runs(transport, offline)
        self.datasets = Datasets(transport)
        self.alerts = Alerts(transport)

    def __repr__(self) -> str:
        return f"Client({self.url!r})"

    @property
    def url(self) -> str:
        """The address of the server."""
        return self._transport.url

    def sync(self) -> Synced:
        """Brings up what was logged while the server could not be reached."""
        return self.runs.sync()

    def info(self) -> Mapping[str, Any]:
        """Name and version of the server, and who we are to it."""
        info: Mapping[str, Any] = self._transport.get("/api/v1/info")
        return info

    def status(self) -> Mapping[str, Any]:
        """What needs attention, and models, deployments and jobs in short."""
        status: Mapping[str, Any] = self._transport.get("/api/v1/status")
        return status

    def predict(
        self, deployment: str, rows: Any, *, event_time: Optional[Time] = None, ids: bool = False
    ) -> Predictions:
        """Predicts rows (a list of dicts, or a DataFrame) in one request.

        ``event_time`` is when the rows happened; without it, now. With ``ids`` the answer carries
        the ids under which :meth:`log_labels` can name the outcome later. A missing value is
        ``None`` or NaN.
        """
        return predict(self._transport, deployment, rows, event_time, ids)

    def log_labels(self, model: str, labels: Iterable[Mapping[str, Any]]) -> Mapping[str, Any]:
        """Tells how it turned out.

        Each label has a ``value``, and a ``prediction_id`` or an ``entity`` and ``event_time``;
        ``label_time`` says when it became known.
        """
        written_labels = [
            {
                key: written(value) if key in ("event_time", "label_time") else value
                for key, value in label.items()
            }
            for label in labels
        ]
        answer: Optional[Mapping[str, Any]] = self._transport.post(
            "/api/v1/labels", {"model": model, "labels": written_labels}
        )
        return answer or {}

    def log_predictions(
        self, rows: Any, *, model: str, version: Optional[int] = None, deployment: Optional[str] = None
    ) -> _archive.Logged:
        """Keeps predictions of a model that is served elsewhere; returns when they are durable.

        ``rows`` is a pandas DataFrame, a ``pyarrow.Table`` or a list of dicts. The column
        ``prediction`` is the answer; ``prediction_id``, ``event_time``, ``entity``, ``version`` and
        some more have their own meaning; all others are features. Rows without an id get one, and
        the answer lists them in order. What is sent again after a lost answer is kept once.
        """
        return _archive.log_predictions(self._transport, rows, model, version, deployment)

    def log_outcomes(self, rows: Any, *, model: str, source: Optional[str] = None) -> _archive.Logged:
        """Tells how it turned out, for a table of rows with the column ``label``, and
        ``prediction_id`` or ``entity`` and ``event_time``. A ``source`` that begins with
        ``override`` overrules what was recorded."""
        return _archive.log_labels(self._transport, rows, model, source)

    def sql(
        self, query: str, *, limit: Optional[int] = None, known_by: Optional[Time] = None
    ) -> Table:
        """Rows of predictions, labels and datasets by SQL; ``to_pandas()`` makes a DataFrame.

        With ``known_by`` the answer is the one that this moment would have got: without
        predictions and labels that came later.
        """
        body: dict[str, Any] = {"query": query}
        if known_by is not None:
            body["known_by"] = written(known_by)
        if limit is not None:
            body["limit"] = limit
        return Table(self._transport.post("/api/v1/sql", body))


def connect(
    url: Optional[str] = None,
    token: Optional[str] = None,
    *,
    timeout_s: float = 60.0,
    offline: Offline = "auto",
) -> Client:
    """Connects to a server: ``url`` or ``GINGHAM_URL``, ``token`` or ``GINGHAM_TOKEN``.

    Nothing is sent until something is asked. With ``offline="auto"`` runs are kept on this machine
    while the server cannot be reached; ``"always"`` keeps them in any case, ``"never"`` raises.
    """
    return Client(Transport(url, token, timeout_s), offline)
