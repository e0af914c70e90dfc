"""`gingham rerun` restores environments with `uv`: from a uv.lock, and from what a virtual environment held; and it names a
package that differs as the likely cause."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PYPROJECT = """[project]
name = "work"
version = "0"
requires-python = ">=3.9"
dependencies = ["iniconfig==2.0.0"]
"""
WORK = """
import pathlib
from importlib.metadata import version
pathlib.Path("out").mkdir(exist_ok=True)
pathlib.Path("out/version.txt").write_text(version("iniconfig") + "\\n")
"""


@pytest.fixture(scope="module")
def binary() -> str:
    path = os.environ.get("GINGHAM_BINARY")
    if not path:
        pytest.skip("GINGHAM_BINARY names no binary; `cargo xtask test clients` does")
    return path


@pytest.fixture(scope="module")
def uv() -> str:
    beside = Path(sys.executable).parent / "uv"
    found = str(beside) if beside.is_file() else shutil.which("uv")
    if not found:
        pytest.skip("`uv` is not installed")
    return found


class Project:
    def __init__(self, binary: str, uv: str, url: str, folder: Path) -> None:
        self.binary, self.uv, self.folder = binary, uv, folder
        folder.mkdir(parents=True, exist_ok=True)
        kept = {key: value for key, value in os.environ.items() if key not in ("VIRTUAL_ENV", "PYTHONPATH", "GINGHAM_STORE")}
        self.environment = {**kept, "GINGHAM_URL": url, "UV_PYTHON": sys.executable, "NO_COLOR": "1"}
        self.environment["PATH"] = f"{Path(uv).parent}:{os.environ['PATH']}"

    def __call__(self, *words: str, active: bool = False) -> subprocess.CompletedProcess[str]:
        environment = dict(self.environment)
        if active:
            environment["PATH"] = f"{self.folder / '.venv/bin'}:{environment['PATH']}"
        return subprocess.run(words, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=300)

    def must(self, *words: str, active: bool = False) -> subprocess.CompletedProcess[str]:
        ran = self(*words, active=active)
        assert ran.returncode == 0, ran.stderr + ran.stdout
        return ran

    def run(self) -> str:
        told = self.must(self.binary, "run", "--output", "out", "--", "python", "work.py", active=True).stderr
        assert (self.folder / "out/version.txt").read_text() == "2.0.0\n"
        return next(line.split()[2] for line in told.splitlines() if line.startswith("gingham: run "))


def locked(project: Project) -> str:
    (project.folder / "pyproject.toml").write_text(PYPROJECT)
    (project.folder / "work.py").write_text(WORK)
    project.must(project.uv, "lock")
    project.must(project.uv, "sync", "--frozen")
    return project.run()


def test_a_lock_is_restored_where_nothing_is_installed(binary: str, uv: str, url: str, tmp_path: Path) -> None:
    run = locked(Project(binary, uv, url, tmp_path / "here"))
    shutil.rmtree(tmp_path / "here")
    there = Project(binary, uv, url, tmp_path / "there")
    again = there(binary, "rerun", run, "--verify", "--into", str(tmp_path / "again"))
    assert again.returncode == 0, again.stderr + again.stdout
    assert "equal to the bit: 1 output files" in again.stdout
    assert (tmp_path / "again/files/.venv/bin/python").exists()


def test_what_a_virtual_environment_held_is_restored_without_a_lock(
    binary: str, uv: str, url: str, tmp_path: Path
) -> None:
    here = Project(binary, uv, url, tmp_path / "here")
    (here.folder / "requirements.txt").write_text("iniconfig==2.0.0\n")
    (here.folder / "work.py").write_text(WORK)
    here.must(uv, "venv", ".venv")
    here.must(uv, "pip", "install", "--python", ".venv", "-r", "requirements.txt")
    run = here.run()
    shutil.rmtree(here.folder)
    there = Project(binary, uv, url, tmp_path / "there")
    again = there(binary, "rerun", run, "--verify")
    assert again.returncode == 0, again.stderr + again.stdout
    assert "equal to the bit: 1 output files" in again.stdout


def test_a_package_that_differs_is_named_as_the_cause(binary: str, uv: str, url: str, tmp_path: Path) -> None:
    project = Project(binary, uv, url, tmp_path / "here")
    run = locked(project)
    project.must(uv, "pip", "install", "--python", ".venv", "iniconfig==2.1.0")
    again = project(binary, "--json", "rerun", run, "--verify", "--no-environment", active=True)
    assert again.returncode == 2, again.stderr + again.stdout
    told = json.loads(again.stdout)
    assert told["first"]["what"] == "out/version.txt" and told["verdict"] == "different"
    causes = [cause for cause in told["causes"] if cause["kind"] == "environment"]
    assert any("iniconfig was 2.0.0 and is 2.1.0" in cause["evidence"] for cause in causes), told["causes"]
