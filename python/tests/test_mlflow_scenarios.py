"""Answers of MLflow's own server, recorded, against ours, field by field: see mlflow_scenarios/README.md."""

from __future__ import annotations

from collections.abc import Iterator

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


def test_every_intended_difference_is_needed(
    request: pytest.FixtureRequest, met: set[Difference]
) -> None:
    ran = {item.name for item in request.session.items if item.name.startswith("test_a_scenario")}
    if len(ran) < len(SCENARIOS):
        pytest.skip("only some scenarios ran")
    needless = [one.reason for one in DIFFERENCES if one not in met]
    assert needless == []
