"""Records what a running MLflow server answers: ``python -m mlflow_scenarios.record URL [SCENARIO ...]``."""

from __future__ import annotations

import sys

from . import recording
from .catalogue import SCENARIOS
from .world import World


def main(url: str, chosen: list[str]) -> None:
    for name in chosen or list(SCENARIOS):
        world = World(url.rstrip("/"))
        SCENARIOS[name](world)
        recording.keep(name, world.steps)
        print(f"{len(world.steps):4} steps  {name}")
    for stale in recording.names() - set(SCENARIOS):
        print(f"no scenario any more: {stale}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
