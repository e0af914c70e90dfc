"""A dataset of many gigabytes: added, changed, compared, pushed to an S3-compatible server, pulled elsewhere, verified.

usage: data_journey.py GINGHAM FOLDER [--quick]

GINGHAM_JOURNEY_GB says how large (5 if not said, 0.25 with --quick); about five times as much disk is needed. The server is
moto_server with what it holds in temporary files. What comes back is compared byte by byte, by SHA-256.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

GINGHAM, FOLDER = sys.argv[1], Path(sys.argv[2])
QUICK = "--quick" in sys.argv
GIGABYTES = float(os.environ.get("GINGHAM_JOURNEY_GB", "0.25" if QUICK else "5"))
SMALL_FILES = 1_000 if QUICK else 10_000
BLOCK = 4 << 20
REMOTE = "s3://journey/data"
found: dict[str, float] = {}


def note(name: str, value: float) -> None:
    found[name] = round(value, 4)
    print(f"  {name:<52} {value:10.3f}", file=sys.stderr, flush=True)


def gingham(cwd: Path, *words: object) -> tuple[dict, dict[str, float]]:
    start = time.monotonic()
    told = FOLDER / "told.json"
    with told.open("wb") as output:
        command = [GINGHAM, "data", *(str(word) for word in words), "--json"]
        process = subprocess.Popen(command, cwd=cwd, env=environment, stdout=output)
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"{words} ended with {process.returncode}")
    used = {"cpu": usage.ru_utime + usage.ru_stime, "wall": time.monotonic() - start, "mb": usage.ru_maxrss / 1024}
    text = told.read_text()
    return (json.loads(text) if text.strip() else {}), used


def step(name: str, cwd: Path, *words: object) -> dict:
    answer, used = gingham(cwd, *words)
    note(f"{name}, wall s", used["wall"])
    note(f"{name}, CPU s", used["cpu"])
    memory.append(used["mb"])
    return answer


def make(folder: Path) -> None:
    """Half in one file, a quarter in files of 64 MB, the rest of bytes that repeat, and many small files."""
    chance = random.Random(7)
    folder.mkdir(parents=True)
    total = int(GIGABYTES * 1e9)
    with (folder / "large.bin").open("wb") as file:
        for _ in range(total // 2 // BLOCK):
            file.write(chance.randbytes(BLOCK))
    for number in range(max(total // 4 // (64 << 20), 1)):
        with (folder / f"part-{number:03}.bin").open("wb") as file:
            for _ in range(16):
                file.write(chance.randbytes(BLOCK))
    lines = "".join(f"{chance.random():.6f},{chance.randrange(1000)}\n" for _ in range(20_000)).encode()
    with (folder / "rows.csv").open("wb") as file:
        for number in range(total // 4 // len(lines)):
            file.write(lines.replace(b"0.1", f"{number % 10}.1".encode()))
    (folder / "small").mkdir()
    for number in range(SMALL_FILES):
        (folder / f"small/{number}.bin").write_bytes(chance.randbytes(2_000))


def change(folder: Path) -> None:
    """1 MB into the middle of the large file, one file gone, one new, one renamed."""
    large, other = folder / "large.bin", folder / "large.new"
    with large.open("rb") as source, other.open("wb") as target:
        left = large.stat().st_size // 2 + 12_345
        while left > 0:
            left -= target.write(source.read(min(BLOCK, left)))
        target.write(random.Random(8).randbytes(1_000_000))
        shutil.copyfileobj(source, target, BLOCK)
    other.rename(large)
    (folder / "small/0.bin").unlink()
    (folder / "small/new.bin").write_bytes(b"new" * 1_000)
    (folder / "part-000.bin").rename(folder / "renamed.bin")


def hashes(folder: Path) -> dict[str, str]:
    all = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and ".gingham" not in path.parts:
            with path.open("rb") as file:
                all[str(path.relative_to(folder))] = hashlib.file_digest(file, "sha256").hexdigest()
    return all


def server() -> subprocess.Popen[bytes]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    (FOLDER / "moto").mkdir(parents=True)
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        env={**os.environ, "MOTO_S3_DEFAULT_KEY_BUFFER_SIZE": "65536", "TMPDIR": str(FOLDER / "moto")},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    environment.update(
        AWS_ENDPOINT=address, AWS_ALLOW_HTTP="true", AWS_REGION="us-east-1", AWS_ACCESS_KEY_ID="testing",
        AWS_SECRET_ACCESS_KEY="testing",
    )
    request = urllib.request.Request(f"{address}/journey", method="PUT")
    # Moto looks at which service a signature is for, not at whether it holds.
    request.add_header(
        "Authorization",
        "AWS4-HMAC-SHA256 Credential=testing/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0",
    )
    for _ in range(600):
        try:
            urllib.request.urlopen(request, timeout=10).read()
            return process
        except OSError:
            time.sleep(0.1)
    raise SystemExit("moto_server was not ready within a minute")


environment = {**os.environ, "NO_COLOR": "1", "NO_PROXY": "127.0.0.1,localhost"}
for variable in ("GINGHAM_URL", "GINGHAM_STORE", "GINGHAM_DATA"):
    environment.pop(variable, None)
memory: list[float] = []
here, there = FOLDER / "here", FOLDER / "there"
there.mkdir(parents=True)
make(here / "data")
note("gigabytes", sum(path.stat().st_size for path in (here / "data").rglob("*") if path.is_file()) / 1e9)
bucket = server()
try:
    first = step("add", here, "add", "data")
    note("stored, share of the bytes", first["stored_bytes"] / max(first["version"]["bytes"], 1))
    step("push", here, "push", "data", "--to", REMOTE)
    change(here / "data")
    second = step("add after a change", here, "add", "data")
    note("stored by the change, MB", second["stored_bytes"] / 1e6)
    changes = step("diff", here, "diff", "data@1", "data@2")["changes"]
    pushed = step("push after a change", here, "push", "data", "--to", REMOTE)
    note("sent by the change, MB", pushed[0]["moved"]["sent_bytes"] / 1e6)
    step("pull elsewhere", there, "pull", "data", "--from", REMOTE)
    report = step("verify elsewhere", there, "verify")
    same = hashes(there / "data") == hashes(here / "data")
    note("files that came back the same", float(len(hashes(there / "data")) if same else 0))
    note("most memory, MB", max(memory))
    told = {(change["change"], change["path"]) for change in changes}
    wanted = {("changed", "large.bin"), ("removed", "small/0.bin"), ("added", "small/new.bin")}
    if not same or report["damaged"] or not wanted <= told:
        raise SystemExit(f"what came back differs: {sorted(told)[:10]} {report}")
finally:
    bucket.kill()
    bucket.wait()
    shutil.rmtree(FOLDER)
print(json.dumps(found))
