"""Alerts, and what a person does about them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Optional

from ._times import Time, written
from ._transport import Transport, quoted

Alert = Mapping[str, Any]


class Alerts:
    """All alerts of the server."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def __iter__(self) -> Iterator[Alert]:
        return self.list()

    def list(self, *, state: Optional[str] = None, model: Optional[str] = None) -> Iterator[Alert]:
        """Alerts, newest first, if asked only those in a state or of a model."""
        return self._transport.pages("/api/v1/alerts", {"state": state, "model": model})

    def get(self, alert_id: str) -> Alert:
        """One alert; raises :class:`~gingham.NotFound` if there is none."""
        alert: Alert = self._transport.get(f"/api/v1/alerts/{quoted(alert_id)}")
        return alert

    def acknowledge(self, alert_id: str, *, reason: str) -> Alert:
        """Says that somebody is at it."""
        return self._act(alert_id, "acknowledge", {"reason": reason})

    def resolve(self, alert_id: str, *, reason: str) -> Alert:
        """Says that it is over."""
        return self._act(alert_id, "resolve", {"reason": reason})

    def silence(self, alert_id: str, *, until: Time, reason: str) -> Alert:
        """Says that nobody wants to hear of it until then."""
        return self._act(alert_id, "silence", {"reason": reason, "until": written(until)})

    def _act(self, alert_id: str, act: str, body: Mapping[str, Any]) -> Alert:
        alert: Alert = self._transport.post(f"/api/v1/alerts/{quoted(alert_id)}/{act}", body)
        return alert
