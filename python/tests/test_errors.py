"""Failures say what happened and what to do, whichever protocol they came from."""

from __future__ import annotations

import socket

import pytest

import gingham
from gingham._errors import from_answer


def test_a_problem_keeps_code_hint_and_request_id() -> None:
    body = {
        "code": "model_not_found",
        "title": "not found",
        "status": 404,
        "detail": "there is no model `trafic`",
        "hint": "did you mean `traffic`?",
        "request_id": "r1",
    }
    error = from_answer(404, body, None)
    assert isinstance(error, gingham.NotFound)
    assert (error.code, error.hint, error.request_id) == ("model_not_found", body["hint"], "r1")
    assert str(error) == "there is no model `trafic` [model_not_found]\nhint: did you mean `traffic`?"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, gingham.Invalid),
        (401, gingham.Denied),
        (409, gingham.Conflict),
        (503, gingham.Unavailable),
        (500, gingham.GinghamError),
    ],
)
def test_the_status_decides_the_kind(status: int, kind: type[gingham.GinghamError]) -> None:
    assert type(from_answer(status, None, "r2")) is kind


def test_the_shapes_of_other_protocols_are_understood() -> None:
    mlflow = from_answer(404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "no run"}, None)
    assert (mlflow.code, mlflow.detail) == ("resource_does_not_exist", "no run")
    inference = from_answer(400, {"error": "field `hour` is missing"}, None)
    assert inference.detail == "field `hour` is missing"


def test_a_server_that_is_not_there_is_unavailable_with_a_hint() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(gingham.Unavailable) as caught:
        gingham.connect(f"http://127.0.0.1:{port}").status()
    assert caught.value.code == "server_unreachable"
    assert "gingham up" in (caught.value.hint or "")


def test_an_address_without_a_scheme_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="http://HOST:PORT"):
        gingham.connect("localhost:5050")
