"""A large file through the artifact proxy while others ask for small things: memory, waiting times, the bytes back.

By hand, on a server of its own in a temporary folder:

    python tests/large_file.py BINARY MEGABYTES [--fresh]

With ``--fresh`` each byte is random, so that the whole size is written to disk; otherwise blocks resemble each other,
and most of their chunks are stored once.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

API = "/api/2.0/mlflow"
PROXY = "/api/2.0/mlflow-artifacts/artifacts"
MEGABYTE = 1_000_000


def server_process(url: str) -> int | None:
    """The process that listens there, where this machine can tell."""
    if not Path("/proc/net/tcp").exists():
        return None
    port = f":{urlsplit(url).port:04X}"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    listening = {row[9] for row in rows if row[1].endswith(port) and row[3] == "0A"}
    for process in filter(str.isdigit, os.listdir("/proc")):
        try:
            links = [os.readlink(f"/proc/{process}/fd/{one}") for one in os.listdir(f"/proc/{process}/fd")]
        except OSError:
            continue
        if any(link == f"socket:[{inode}]" for link in links for inode in listening):
            return int(process)
    return None


def resident_bytes(process: int) -> int:
    """What belongs to the process alone: pages of the database and of files that it maps are the kernel's to take back."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    return 0


@dataclass
class Measured:
    """What a file of `megabytes` cost; times in seconds, memory in MB."""

    megabytes: int
    up_s: float = 0.0
    down_s: float = 0.0
    memory_before_mb: float = 0.0
    memory_most_mb: float = 0.0
    small_requests: int = 0
    small_median_s: float = 0.0
    small_longest_s: float = 0.0
    waits: list[float] = field(default_factory=list, repr=False)

    @property
    def grown_mb(self) -> float:
        return self.memory_most_mb - self.memory_before_mb


def stream(url: str, megabytes: int, fresh: bool = False) -> Measured:
    """Sends a file up and fetches it back, a megabyte at a time, while another client asks for a run and logs to it."""
    made = requests.post(f"{url}{API}/runs/create", json={"experiment_id": "0", "start_time": 1}, timeout=60)
    run = made.json()["run"]["info"]["run_id"]
    address = f"{url}{PROXY}/0/{run}/artifacts/large.bin"
    digest, block = hashlib.sha256(), os.urandom(MEGABYTE)
    process = server_process(url)
    told = Measured(megabytes)

    def memory() -> float:
        return resident_bytes(process) / MEGABYTE if process else 0.0

    told.memory_before_mb = told.memory_most_mb = memory()

    def blocks() -> Iterator[bytes]:
        for number in range(megabytes):
            one = os.urandom(MEGABYTE) if fresh else number.to_bytes(8, "big") + block[8:]
            digest.update(one)
            yield one

    def fetch() -> tuple[int, bytes]:
        back, length = hashlib.sha256(), 0
        with requests.get(address, stream=True, timeout=600) as answer:
            assert int(answer.headers["Content-Length"]) == megabytes * MEGABYTE
            for one in answer.iter_content(MEGABYTE):
                back.update(one)
                length += len(one)
        return length, back.digest()

    def meanwhile(work: Future[Any]) -> float:
        """Asks for small things until the work is done; answers for how long that was."""
        begun, step = time.monotonic(), 0
        while not work.done():
            for ask in (
                lambda: requests.get(f"{url}{API}/runs/get", params={"run_id": run}, timeout=60),
                lambda: requests.post(
                    f"{url}{API}/runs/log-metric",
                    json={"run_id": run, "key": "m", "value": 1, "timestamp": step, "step": step},
                    timeout=60,
                ),
            ):
                start = time.monotonic()
                assert ask().status_code == 200
                told.waits.append(time.monotonic() - start)
            step += 1
            told.memory_most_mb = max(told.memory_most_mb, memory())
            time.sleep(0.02)
        return time.monotonic() - begun

    with ThreadPoolExecutor(1) as pool:
        upload = pool.submit(requests.put, address, data=blocks(), timeout=3_600)
        told.up_s = meanwhile(upload)
        assert upload.result().status_code == 200
        download = pool.submit(fetch)
        told.down_s = meanwhile(download)
        assert download.result() == (megabytes * MEGABYTE, digest.digest()), "other bytes came back"
    told.waits.sort()
    told.small_requests = len(told.waits)
    told.small_median_s, told.small_longest_s = told.waits[len(told.waits) // 2], told.waits[-1]
    return told


def main(binary: str, megabytes: int, fresh: bool) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        command = [binary, "up", "--data", folder, "--port", str(port), "--log", "warn"]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            url = f"http://127.0.0.1:{port}"
            for _ in range(300):
                try:
                    requests.get(f"{url}/health", timeout=5)
                    break
                except requests.ConnectionError:
                    time.sleep(0.1)
            told = asdict(stream(url, megabytes, fresh))
            del told["waits"]
            told["stored_mb"] = sum(one.stat().st_size for one in Path(folder).rglob("*") if one.is_file()) / MEGABYTE
            print(json.dumps({name: round(value, 4) for name, value in told.items()}, indent=1))
        finally:
            server.terminate()
            server.wait(60)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), "--fresh" in sys.argv)
