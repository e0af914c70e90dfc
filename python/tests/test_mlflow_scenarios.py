"""Answers of MLflow's own server, recorded, against ours, field by field: see mlflow_scenarios/README.md."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import requests

from mlflow_scenarios import recording
from mlflow_scenarios.catalogue import SCENARIOS
from mlflow_scenarios.compare import unlike
from mlflow_scenarios.differences import DIFFERENCES, Difference
from mlflow_scenarios.world import World

Lacks = Callable[[str], bool]


def no_endpoint(method: str, path: str) -> Lacks:
    """Whether the server says that it has no such endpoint."""

    def lacks(url: str) -> bool:
        answer = requests.request(method, url + path, json={}, timeout=30)
        return answer.status_code == 404 and "ENDPOINT_NOT_FOUND" in answer.text

    return lacks


def another_shape(path: str) -> Lacks:
    """Whether errors of a path are not in MLflow's shape."""
    return lambda url: "error_code" not in requests.get(url + path, timeout=30).json()


# What may not be there yet, and how to tell. As long as it is not, the scenario must fail; from then on it must pass.
LATER: dict[str, tuple[str, Lacks]] = {
    "webhooks": ("there are no webhooks", no_endpoint("GET", "/api/2.0/mlflow/webhooks")),
    "uploads_from_pages": (
        "there is no upload from pages", no_endpoint("POST", "/ajax-api/2.0/mlflow/upload-artifact?run_uuid=x&path=y")
    ),
    "files_of_a_version": (
        "errors have another shape", another_shape("/model-versions/get-artifact?name=nobody&version=1&path=x")
    ),
    "up_listed_down_and_away": ("errors have another shape", another_shape("/get-artifact?run_id=nobody&path=x")),
}


@pytest.fixture(scope="module")
def met() -> Iterator[set[Difference]]:
    """The intended differences that scenarios of this run have met."""
    yield set()


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_is_answered_as_by_mlflow(url: str, met: set[Difference], name: str) -> None:
    world = World(url)
    broke = None
    try:
        SCENARIOS[name](world)
    except (AssertionError, KeyError, TypeError, ValueError) as error:
        # The scenario cannot go on with what it got; what differs says why.
        broke = error
    found, used, sent = unlike(recording.load(name), world.steps)
    met |= used
    report = "\n".join(map(str, found))
    good = not found and not sent and broke is None
    if name in LATER and LATER[name][1](url):
        assert not good, "it passes all the same: take it off the list"
        pytest.xfail(LATER[name][0])
    assert good, f"{len(found)} fields differ\n{report}\n{sent}\n{broke!r}"


def test_every_scenario_is_recorded_and_every_recording_has_its_scenario() -> None:
    assert recording.names() == set(SCENARIOS)


def test_every_intended_difference_is_needed(
    request: pytest.FixtureRequest, url: str, met: set[Difference]
) -> None:
    ran = {item.name for item in request.session.items if item.name.startswith("test_a_scenario")}
    if len(ran) < len(SCENARIOS):
        pytest.skip("only some scenarios ran")
    lacking = {name for name, (_, lacks) in LATER.items() if lacks(url)}
    needless = [one.reason for one in DIFFERENCES if one not in met and one.only_in not in lacking]
    assert needless == []
