"""Answers of MLflow's own server, recorded, against ours, field by field: see mlflow_scenarios/README.md."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlflow_scenarios import recording
from mlflow_scenarios.catalogue import SCENARIOS
from mlflow_scenarios.compare import unlike
from mlflow_scenarios.differences import DIFFERENCES, Difference
from mlflow_scenarios.world import World


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
    assert not found and not sent and broke is None, f"{len(found)} fields differ\n{report}\n{sent}\n{broke!r}"


def test_every_scenario_is_recorded_and_every_recording_has_its_scenario() -> None:
    assert recording.names() == set(SCENARIOS)


def test_every_endpoint_in_scope_is_in_a_scenario() -> None:
    # The pages' prefix leads to the same handlers: a scenario under either counts.
    table = Path(__file__).parents[2] / "crates/server/src/mlflow/endpoints.tsv"
    endpoints = [line.split("\t") for line in table.read_text().splitlines() if not line.startswith("#")]
    played: set[tuple[str, str]] = set()
    for name in recording.names():
        for step in recording.load(name):
            if step["status"]:
                method, path = step["call"].split(" ", 1)
                path = path if path.startswith("/") else f"/api/2.0/mlflow/{path}"
                played.add((method, path.replace("/ajax-api/", "/api/").split("?")[0]))
    left_out = []
    for mark, method, path in endpoints:
        pattern = re.sub(r"/x(?=/|$)", "/[^/]+", path.replace("/ajax-api/", "/api/")).replace("/a/b", "/.+")
        if mark != "O" and not any(method == one and re.fullmatch(pattern + "/?", called) for one, called in played):
            left_out.append(f"{method} {path}")
    assert len(endpoints) == 371 and left_out == []


def test_every_intended_difference_is_needed(
    request: pytest.FixtureRequest, met: set[Difference]
) -> None:
    ran = {item.name for item in request.session.items if item.name.startswith("test_a_scenario")}
    if len(ran) < len(SCENARIOS):
        pytest.skip("only some scenarios ran")
    needless = [one.reason for one in DIFFERENCES if one not in met]
    assert needless == []
