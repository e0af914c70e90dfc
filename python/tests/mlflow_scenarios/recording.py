"""Recordings on disk: a file a scenario, a line a step."""

from __future__ import annotations

import json
from pathlib import Path

from .world import Step, as_line

FOLDER = Path(__file__).parent / "recordings"


def load(scenario: str) -> list[Step]:
    """What MLflow's server answered."""
    lines = (FOLDER / f"{scenario}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def keep(scenario: str, steps: list[Step]) -> None:
    """Writes what a server answered."""
    (FOLDER / f"{scenario}.jsonl").write_text("".join(f"{as_line(step)}\n" for step in steps), encoding="utf-8")


def names() -> set[str]:
    """Scenarios that have a recording."""
    return {path.stem for path in FOLDER.glob("*.jsonl")}
