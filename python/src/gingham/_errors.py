"""Failures, as the server names them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Optional


class GinghamError(Exception):
    """Something the server refused or could not do.

    ``code`` is stable and has a page in the documentation; ``hint`` says what to do about it.
    """

    def __init__(
        self,
        detail: str,
        *,
        code: str = "unknown",
        status: Optional[int] = None,
        title: Optional[str] = None,
        hint: Optional[str] = None,
        request_id: Optional[str] = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code
        self.status = status
        self.title = title
        self.hint = hint
        self.request_id = request_id

    def __str__(self) -> str:
        text = f"{self.detail} [{self.code}]"
        return f"{text}\nhint: {self.hint}" if self.hint else text


class Invalid(GinghamError):
    """The request does not fit; it will not fit when it is sent again."""


class Denied(GinghamError):
    """Nobody is known under this token, or they may not do this."""


class NotFound(GinghamError):
    """What was named does not exist."""


class Conflict(GinghamError):
    """Somebody else was faster, or it exists already."""


class Unavailable(GinghamError):
    """The server cannot be reached or cannot answer now."""


_KINDS: Mapping[int, type[GinghamError]] = {
    400: Invalid,
    401: Denied,
    403: Denied,
    404: NotFound,
    409: Conflict,
    412: Conflict,
    413: Invalid,
    415: Invalid,
    422: Invalid,
    429: Unavailable,
    502: Unavailable,
    503: Unavailable,
    504: Unavailable,
}


def from_answer(status: int, body: Any, request_id: Optional[str]) -> GinghamError:
    """The failure that an answer with this status and body tells of.

    Understands the server's own shape, MLflow's and that of the Open Inference Protocol.
    """
    kind = _KINDS.get(status, GinghamError)
    problem: Mapping[str, Any] = body if isinstance(body, Mapping) else {}
    detail = problem.get("detail") or problem.get("message") or problem.get("error") or problem.get("title")
    code = problem.get("code") or str(problem.get("error_code", "unknown")).lower()
    return kind(
        str(detail) if detail else f"the server answered {status}",
        code=str(code),
        status=status,
        title=_text(problem.get("title")),
        hint=_text(problem.get("hint")),
        request_id=_text(problem.get("request_id")) or request_id,
    )


def _text(value: Any) -> Optional[str]:
    return str(value) if value is not None else None
