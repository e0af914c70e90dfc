"""Artifacts and data beside DVC and `mlflow server`, in one run; prints one JSON object.

usage: artifacts.py GINGHAM FOLDER [--quick]

CPU seconds are those of the process and its children; what is compared is the same work on the same files.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

GINGHAM = Path(sys.argv[1])
FOLDER = Path(sys.argv[2])
QUICK = "--quick" in sys.argv
BIN = Path(sys.executable).parent

SMALL_FILES = 2_000 if QUICK else 10_000
MANY_FILES = 10_000 if QUICK else 100_000
LARGE_BYTES = (256 << 20) if QUICK else (4 << 30)
ARTIFACT_BYTES = (50 << 20) if QUICK else (200 << 20)
TICK = os.sysconf("SC_CLK_TCK")
found: dict[str, float] = {}


def run(*command: object, cwd: Path) -> dict[str, float]:
    """Runs a command; CPU and wall seconds and the most memory in MB."""
    start = time.monotonic()
    process = subprocess.Popen([str(word) for word in command], cwd=cwd, stdout=subprocess.DEVNULL, env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"{command} ended with {process.returncode}")
    return {"cpu": usage.ru_utime + usage.ru_stime, "wall": time.monotonic() - start, "mb": usage.ru_maxrss / 1024}


def note(name: str, value: float) -> None:
    found[name] = round(value, 4)
    print(f"  {name:<44} {value:10.3f}", file=sys.stderr, flush=True)


def bytes_below(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def small_files(folder: Path, count: int, size: int) -> None:
    chance = random.Random(1)
    for number in range(count):
        place = folder / f"{number // 1000:03}"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number}.bin").write_bytes(chance.randbytes(size))


def large_file(path: Path) -> None:
    chance = random.Random(2)
    with path.open("wb") as file:
        for _ in range(LARGE_BYTES >> 22):
            file.write(chance.randbytes(1 << 22))


def insert(path: Path) -> None:
    """Puts 1 MB into the middle."""
    other = path.with_suffix(".new")
    with path.open("rb") as source, other.open("wb") as target:
        left = LARGE_BYTES // 2 + 12_345
        while left > 0:
            left -= target.write(source.read(min(1 << 22, left)))
        target.write(random.Random(3).randbytes(1_000_000))
        shutil.copyfileobj(source, target, 1 << 22)
    other.rename(path)


def ours(work: Path) -> None:
    store, remote = work / ".gingham/store", work / "remote"
    add = lambda what: run(GINGHAM, "data", "add", what, "--json", cwd=work)
    push = lambda what: run(GINGHAM, "data", "push", what, "--to", remote, "--json", cwd=work)
    most = 0.0

    def both(name: str, what: str) -> None:
        nonlocal most
        added, pushed = add(what), push(what)
        note(f"{name}: gingham add, CPU s", added["cpu"])
        note(f"{name}: gingham push, CPU s", pushed["cpu"])
        most = max(most, added["mb"], pushed["mb"])

    both("small files", "small")
    time.sleep(0.2)
    add("small")
    unchanged = min((add("small") for _ in range(3)), key=lambda one: one["wall"])
    note("small files, unchanged: gingham add, wall ms", unchanged["wall"] * 1000)
    many = add("many")
    time.sleep(0.2)
    add("many")
    unchanged = min((add("many") for _ in range(3)), key=lambda one: one["wall"])
    note("many files, unchanged: gingham add, wall ms", unchanged["wall"] * 1000)
    most = max(most, many["mb"], unchanged["mb"])
    both("large file", "large.bin")
    before = bytes_below(store), bytes_below(remote)
    insert(work / "large.bin")
    both("1 MB put in", "large.bin")
    note("1 MB put in: gingham store grew by MB", (bytes_below(store) - before[0]) / 1e6)
    note("1 MB put in: gingham remote grew by MB", (bytes_below(remote) - before[1]) / 1e6)
    elsewhere = work / "elsewhere"
    elsewhere.mkdir()
    for what in ("small", "large.bin"):
        pulled = run(GINGHAM, "data", "pull", what, "--from", remote, "--json", cwd=elsewhere)
        note(f"{'small files' if what == 'small' else 'large file'}: gingham pull, CPU s", pulled["cpu"])
        most = max(most, pulled["mb"])
    shutil.rmtree(elsewhere)
    note("gingham: most memory, MB", most)


def dvc(work: Path) -> None:
    command = BIN / "dvc"
    run(command, "init", "--no-scm", "-q", cwd=work)
    run(command, "remote", "add", "-q", "-d", "here", work / "dvc-remote", cwd=work)

    def both(name: str, what: str) -> None:
        note(f"{name}: dvc add, CPU s", run(command, "add", "-q", what, cwd=work)["cpu"])
        note(f"{name}: dvc push, CPU s", run(command, "push", "-q", cwd=work)["cpu"])

    both("small files", "small")
    note("small files, unchanged: dvc add, wall ms", run(command, "add", "-q", "small", cwd=work)["wall"] * 1000)
    both("large file", "large.bin")
    before = bytes_below(work / ".dvc/cache")
    insert(work / "large.bin")
    both("1 MB put in", "large.bin")
    note("1 MB put in: dvc cache grew by MB", (bytes_below(work / ".dvc/cache") - before) / 1e6)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def cpu_of(pid: int) -> float:
    """CPU seconds of a process and all below it."""
    total = 0.0
    for place in Path("/proc").iterdir():
        if not place.name.isdigit():
            continue
        try:
            fields = (place / "stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        parents[int(place.name)] = int(fields[1])
        if int(place.name) == pid or is_below(int(place.name), pid):
            total += (int(fields[11]) + int(fields[12]) + int(fields[13]) + int(fields[14])) / TICK
    return total


parents: dict[int, int] = {}


def is_below(process: int, ancestor: int) -> bool:
    while process in parents and process > 1:
        process = parents[process]
        if process == ancestor:
            return True
    return False


@contextmanager
def server(command: list[object], port: int, cwd: Path) -> Iterator[int]:
    process = subprocess.Popen(
        [str(word) for word in command], cwd=cwd, env=environment,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )
    try:
        for _ in range(1200):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5).read()
                break
            except OSError:
                time.sleep(0.1)
        yield process.pid
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=60)


def transfer(name: str, command: list[object], port: int, work: Path, file: Path) -> None:
    """Sends a file through the artifact proxy and fetches it again, by curl-like plain HTTP."""
    with server(command, port, work) as process:
        address = f"http://127.0.0.1:{port}/api/2.0/mlflow-artifacts/artifacts/0/bench/artifacts"
        ups, downs = [], []
        before = cpu_of(process)
        for number in range(3):
            start = time.monotonic()
            run("curl", "-sf", "-T", file, f"{address}/{name}-{number}.bin", cwd=work)
            ups.append(time.monotonic() - start)
            # Another file each time, or it would be there already.
            with file.open("r+b") as changed:
                changed.write(os.urandom(1 << 20))
        middle = cpu_of(process)
        for number in range(3):
            start = time.monotonic()
            run("curl", "-sf", "-o", "/dev/null", f"{address}/{name}-{number}.bin", cwd=work)
            downs.append(time.monotonic() - start)
        after = cpu_of(process)
    note(f"artifact: {name} up, s", sorted(ups)[1])
    note(f"artifact: {name} up, server CPU s", (middle - before) / 3)
    note(f"artifact: {name} down, s", sorted(downs)[1])
    note(f"artifact: {name} down, server CPU s", (after - middle) / 3)


def artifacts(work: Path) -> None:
    file = work / "artifact.bin"
    chance = random.Random(4)
    with file.open("wb") as target:
        for _ in range(ARTIFACT_BYTES >> 20):
            target.write(chance.randbytes(1 << 20))
    copied = run("sh", "-c", f"cp {file} {work}/copy.bin && sync {work}/copy.bin && b2sum {work}/copy.bin", cwd=work)
    hashed = run("sh", "-c", f"cat {file} > /dev/null", cwd=work)
    note("artifact: copying, flushing and hashing (b2sum), s", copied["wall"])
    note("artifact: reading, s", hashed["wall"])
    port = free_port()
    transfer("gingham", [GINGHAM, "up", "--data", work / "server", "--port", port, "--log", "warn"], port, work, file)
    port = free_port()
    place = work / "mlflow"
    place.mkdir()
    transfer(
        "mlflow",
        [BIN / "mlflow", "server", "--host", "127.0.0.1", "--port", port, "--workers", 1, "--serve-artifacts",
         "--backend-store-uri", f"sqlite:///{place}/m.db", "--artifacts-destination", place / "artifacts"],
        port, place, file,
    )


environment = {
    **os.environ, "DVC_NO_ANALYTICS": "1", "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true",
    "NO_COLOR": "1", "PATH": f"{BIN}:{os.environ['PATH']}",
}
for variable in ("GINGHAM_URL", "GINGHAM_STORE", "GINGHAM_DATA"):
    environment.pop(variable, None)

for name, who in (("ours", ours), ("dvc", dvc)):
    work = FOLDER / name
    work.mkdir(parents=True)
    small_files(work / "small", SMALL_FILES, 10_000)
    large_file(work / "large.bin")
    if name == "ours":
        small_files(work / "many", MANY_FILES, 100)
        os.sync()
        note("small files: cp -r, CPU s", run("cp", "-r", "small", "copy", cwd=work)["cpu"])
        shutil.rmtree(work / "copy")
        note("large file: cp, CPU s", run("cp", "large.bin", "copy.bin", cwd=work)["cpu"])
        (work / "copy.bin").unlink()
    who(work)
    shutil.rmtree(work)
work = FOLDER / "artifacts"
work.mkdir(parents=True)
artifacts(work)
shutil.rmtree(work)

for what in ("small files", "large file", "1 MB put in"):
    ratio = (found[f"{what}: dvc add, CPU s"] + found[f"{what}: dvc push, CPU s"]) / max(
        found[f"{what}: gingham add, CPU s"] + found[f"{what}: gingham push, CPU s"], 0.001
    )
    note(f"{what}: dvc / gingham, times the CPU", ratio)
for way in ("up", "down"):
    note(f"artifact {way}: mlflow / gingham, times the server CPU",
         found[f"artifact: mlflow {way}, server CPU s"] / max(found[f"artifact: gingham {way}, server CPU s"], 0.01))
base = found["artifact: copying, flushing and hashing (b2sum), s"]
note("artifact up: gingham / copying and hashing, times", found["artifact: gingham up, s"] / base)
note("artifact down: gingham / copying and hashing, times", found["artifact: gingham down, s"] / base)
print(json.dumps(found))
