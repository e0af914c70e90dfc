"""All scenarios by name."""

from __future__ import annotations

from collections.abc import Callable

from . import artifacts, experiments, logged_models, metrics, registry, runs, searching, server, workspaces
from .world import World

Scenario = Callable[[World], None]

MODULES = [experiments, runs, metrics, searching, logged_models, registry, artifacts, server, workspaces]

SCENARIOS: dict[str, Scenario] = {
    scenario.__name__: scenario for module in MODULES for scenario in module.SCENARIOS
}
