"""`gingham data` when the disk is full, when files may not grow, and when it is killed at any moment: a clear error, nothing
half visible, and a second try that carries on."""

from __future__ import annotations

import os
import random
import resource
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from test_artifacts import Data, digest_of, noise

MB = 1 << 20


@pytest.fixture(scope="module")
def binary() -> str:
    path = os.environ.get("GINGHAM_BINARY")
    if not path:
        pytest.skip("GINGHAM_BINARY names no binary; `cargo xtask test clients` does")
    return path


class Disk:
    """A small disk in memory that can grow."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def resize(self, megabytes: int) -> None:
        options = f"remount,size={megabytes}m"
        subprocess.run(["mount", "-o", options, str(self.folder)], check=True, capture_output=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "none", str(folder)], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("no small disk can be mounted here: that takes the rights of root")
    try:
        yield Disk(folder)
    finally:
        subprocess.run(["umount", "-l", str(folder)], capture_output=True)


def photos(folder: Path, count: int = 24) -> None:
    folder.mkdir(parents=True)
    for number in range(count):
        (folder / f"{number:02}.bin").write_bytes(noise(number, MB))


def run(home: Data, *words: str, **more: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [home.binary, "data", *words], cwd=home.folder, env=home.environment, capture_output=True, text=True,
        timeout=120, **more,  # type: ignore[call-overload]
    )


def test_a_full_disk_is_told_and_an_add_carries_on_when_there_is_room(binary: str, disk: Disk, tmp_path: Path) -> None:
    here = Data(binary, tmp_path / "here", {"GINGHAM_STORE": str(disk.folder / "store")})
    photos(here.folder / "photos")
    full = run(here, "add", "photos")
    assert full.returncode == 1 and "No space left" in full.stderr, full.stderr
    assert "panicked" not in full.stderr
    listed = run(here, "ls")
    assert "photos" not in listed.stdout, "nothing half is visible"
    disk.resize(60)
    second = here("add", "photos")
    assert second["version"]["number"] == 1 and second["version"]["files"] == 24
    assert here("verify")["damaged"] == []
    there = Data(binary, tmp_path / "there", {"GINGHAM_STORE": str(disk.folder / "store")})
    there("pull", "photos", "--from", str(disk.folder / "store/store"))
    assert digest_of(there.folder / "photos") == digest_of(here.folder / "photos")


def test_a_full_disk_at_the_other_end_shows_nothing_half(binary: str, disk: Disk, tmp_path: Path) -> None:
    here = Data(binary, tmp_path / "here", {})
    photos(here.folder / "photos")
    here("add", "photos")
    remote = str(disk.folder / "remote")
    full = run(here, "push", "photos", "--to", remote)
    assert full.returncode == 1 and "No space left" in full.stderr, full.stderr
    there = Data(binary, tmp_path / "there", {})
    assert run(there, "pull", "photos", "--from", remote).returncode == 1
    disk.resize(60)
    moved = here("push", "photos", "--to", remote)[0]["moved"]
    assert moved["sent_bytes"] <= 25 * MB
    there("pull", "photos", "--from", remote)
    assert digest_of(there.folder / "photos") == digest_of(here.folder / "photos")


def test_a_full_disk_under_the_files_that_are_written_leaves_whole_ones_only(
    binary: str, disk: Disk, tmp_path: Path
) -> None:
    here = Data(binary, tmp_path / "here", {})
    photos(here.folder / "photos")
    here("add", "photos")
    remote = str(tmp_path / "remote")
    here("push", "photos", "--to", remote)
    there = Data(binary, tmp_path / "there", {})
    full = run(there, "pull", "photos", "--from", remote, "--into", str(disk.folder / "photos"))
    assert full.returncode == 1 and ("No space left" in full.stderr or "cannot be written" in full.stderr), full.stderr
    wanted, found = digest_of(here.folder / "photos"), digest_of(disk.folder / "photos")
    assert 0 < len(found) < 24 and all(wanted[name] == digest for name, digest in found.items())
    assert not list((disk.folder / "photos").glob(".gingham*")), "nothing is left aside"
    disk.resize(60)
    there("pull", "photos", "--from", remote, "--into", str(disk.folder / "photos"))
    assert digest_of(disk.folder / "photos") == wanted


def test_files_that_may_not_grow_are_told(binary: str, tmp_path: Path) -> None:
    here = Data(binary, tmp_path / "here", {})
    photos(here.folder / "photos", 12)

    def limited() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2 * MB, 2 * MB))

    full = run(here, "add", "photos", preexec_fn=limited)
    assert full.returncode == 1 and "File too large" in full.stderr, full.stderr
    assert here("add", "photos")["version"]["number"] == 1
    assert here("verify")["damaged"] == []


def test_killed_at_any_moment_it_leaves_nothing_half_and_carries_on(binary: str, tmp_path: Path) -> None:
    """Add, push and pull are each killed at moments spread over their whole length, by chance; after each kill what is
    visible is whole, and in the end all of it arrives."""
    chance = random.Random(20261122)
    here = Data(binary, tmp_path / "here", {})
    photos(here.folder / "photos")
    remote, there = str(tmp_path / "remote"), Data(binary, tmp_path / "there", {})
    for home, words in (
        (here, ["add", "photos"]),
        (here, ["push", "photos", "--to", remote]),
        (there, ["pull", "photos", "--from", remote]),
    ):
        for _ in range(8):
            process = subprocess.Popen(
                [binary, "data", *words], cwd=home.folder, env=home.environment,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )
            time.sleep(chance.uniform(0.02, 0.6))
            process.kill()
            process.wait()
            if (home.folder / "photos").is_dir():
                wanted, found = digest_of(here.folder / "photos"), digest_of(home.folder / "photos")
                whole = {name: digest for name, digest in found.items() if not name.startswith(".gingham-")}
                assert all(wanted[name] == digest for name, digest in whole.items())
        home(*words)
        assert home("verify")["damaged"] == []
    assert digest_of(there.folder / "photos") == digest_of(here.folder / "photos")


def test_pushes_at_once_to_one_folder_all_become_versions(binary: str, tmp_path: Path) -> None:
    remote = str(tmp_path / "remote")
    homes = []
    for number in range(4):
        home = Data(binary, tmp_path / f"home-{number}", {})
        photos(home.folder / "photos", 3)
        (home.folder / "photos/own.bin").write_bytes(noise(500 + number, MB))
        home("add", "photos")
        homes.append(home)
    pushing = [
        subprocess.Popen(
            [binary, "data", "push", "photos", "--to", remote], cwd=home.folder, env=home.environment,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )
        for home in homes
    ]
    for process in pushing:
        _, told = process.communicate(timeout=120)
        assert process.returncode == 0, told
    there = Data(binary, tmp_path / "there", {})
    contents = set()
    for number in range(1, 5):
        there("pull", f"photos@{number}", "--from", remote, "--into", f"v{number}")
        contents.add((there.folder / f"v{number}/own.bin").read_bytes())
    assert contents == {noise(500 + number, MB) for number in range(4)}


def test_a_server_on_a_full_disk_says_so_and_goes_on(
    binary: str, disk: Disk, tmp_path: Path, fresh: Callable[[str], str]
) -> None:
    from test_artifacts import free_port, wait_for

    disk.resize(16)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(
        [binary, "up", "--data", str(disk.folder / "data"), "--port", str(port)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(f"{url}/health", process)
        place = f"{url}/api/2.0/mlflow-artifacts/artifacts/0/full"
        content = noise(9, 30 * MB)
        refused = requests.put(f"{place}/large.bin", data=content, timeout=60)
        assert refused.status_code in (503, 507), refused.text
        assert requests.get(f"{place}/large.bin", timeout=60).status_code == 404, "nothing half is visible"
        small = noise(10, 100_000)
        disk.resize(120)
        assert requests.put(f"{place}/small.bin", data=small, timeout=60).status_code == 200
        assert requests.put(f"{place}/large.bin", data=content, timeout=60).status_code == 200
        assert requests.get(f"{place}/large.bin", timeout=60).content == content
        assert requests.get(f"{place}/small.bin", timeout=60).content == small
    finally:
        process.terminate()
        process.wait(timeout=30)
