"""Many writers at once, clients that go away, large files: what a server of a team meets every day."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest
import requests
from large_file import stream

Fresh = Callable[[str], str]

API = "/api/2.0/mlflow"
PROXY = "/api/2.0/mlflow-artifacts/artifacts"
MEGABYTE = 1_000_000


def post(url: str, path: str, body: object) -> requests.Response:
    return requests.post(f"{url}{API}/{path}", json=body, timeout=60)


def new_run(url: str) -> str:
    answer = post(url, "runs/create", {"experiment_id": "0", "start_time": 1})
    return str(answer.json()["run"]["info"]["run_id"])


WRITER = """
import json, sys, urllib.request
url, run, writer, points = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
def post(path, body):
    request = urllib.request.Request(url + "/api/2.0/mlflow/" + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
    urllib.request.urlopen(request, timeout=60).read()
for step in range(points):
    post("runs/log-metric", {"run_id": run, "key": f"own-{writer}", "value": step, "timestamp": step, "step": step})
    post("runs/log-metric", {"run_id": run, "key": "shared", "value": writer * 1000 + step, "timestamp": writer, "step": step})
    post("runs/log-batch", {"run_id": run, "params": [{"key": "same", "value": "1"}], "tags": [{"key": f"t{writer}", "value": str(step)}]})
"""


def test_writers_in_many_processes_lose_and_double_nothing(url: str) -> None:
    run, writers, points = new_run(url), 6, 15
    started = [
        subprocess.Popen([sys.executable, "-c", WRITER, url, run, str(writer), str(points)]) for writer in range(writers)
    ]
    assert [one.wait(timeout=240) for one in started] == [0] * writers
    found = requests.get(f"{url}{API}/runs/get", params={"run_id": run}, timeout=60).json()["run"]["data"]
    assert {tag["key"]: tag["value"] for tag in found["tags"] if tag["key"].startswith("t")} == {
        f"t{writer}": str(points - 1) for writer in range(writers)
    }
    assert found["params"] == [{"key": "same", "value": "1"}]
    for key, count in [("shared", writers * points), *((f"own-{writer}", points) for writer in range(writers))]:
        query = {"run_id": run, "metric_key": key, "max_results": 1_000}
        history = requests.get(f"{url}{API}/metrics/get-history", params=query, timeout=60).json()["metrics"]
        assert len(history) == count and len({(m["timestamp"], m["step"], m["value"]) for m in history}) == count


def test_one_param_has_one_value_however_many_write_it(url: str) -> None:
    run = new_run(url)
    write = lambda value: post(url, "runs/log-parameter", {"run_id": run, "key": "p", "value": str(value)})  # noqa: E731
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(write, range(8)))
    won = [number for number, answer in enumerate(answers) if answer.status_code == 200]
    assert len(won) == 1 and {answer.status_code for answer in answers} == {200, 400}
    found = requests.get(f"{url}{API}/runs/get", params={"run_id": run}, timeout=60).json()["run"]["data"]["params"]
    assert found == [{"key": "p", "value": str(won[0])}]


def test_versions_made_at_once_get_numbers_without_gaps(url: str, fresh: Fresh) -> None:
    name = fresh("model")
    post(url, "registered-models/create", {"name": name})
    make = lambda _: post(url, "model-versions/create", {"name": name, "source": "s3://bucket/x"})  # noqa: E731
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(make, range(12)))
    numbers = sorted(int(answer.json()["model_version"]["version"]) for answer in answers)
    assert numbers == list(range(1, 13))


def test_a_request_that_comes_twice_changes_nothing_more(url: str) -> None:
    run = new_run(url)
    batch = {
        "run_id": run,
        "metrics": [{"key": "m", "value": 0.5, "timestamp": 1, "step": step} for step in range(50)],
        "params": [{"key": "p", "value": "1"}],
        "tags": [{"key": "t", "value": "1"}],
    }
    read = lambda: requests.get(f"{url}{API}/runs/get", params={"run_id": run}, timeout=60).json()  # noqa: E731
    assert post(url, "runs/log-batch", batch).status_code == 200
    once = read()
    assert [post(url, "runs/log-batch", batch).status_code for _ in range(3)] == [200] * 3
    assert read() == once
    query = {"run_id": run, "metric_key": "m", "max_results": 1_000}
    assert len(requests.get(f"{url}{API}/metrics/get-history", params=query, timeout=60).json()["metrics"]) == 50


@pytest.mark.parametrize("chunked", [False, True])
def test_a_client_that_goes_away_in_the_middle_leaves_nothing(url: str, chunked: bool) -> None:
    run = new_run(url)
    at = urlsplit(url)
    head = f"PUT {PROXY}/0/{run}/artifacts/half.bin HTTP/1.1\r\nHost: {at.netloc}\r\n"
    head += "Transfer-Encoding: chunked\r\n\r\n" if chunked else f"Content-Length: {50 * MEGABYTE}\r\n\r\n"
    part = b"x" * MEGABYTE
    with socket.create_connection((at.hostname or "", at.port or 80), timeout=30) as client:
        client.sendall(head.encode())
        for _ in range(5):
            client.sendall(b"%x\r\n%s\r\n" % (len(part), part) if chunked else part)
        listed = requests.get(f"{url}{API}/artifacts/list", params={"run_id": run}, timeout=60).json()
        assert "files" not in listed, "half a file is seen while it arrives"
    for _ in range(5):
        listed = requests.get(f"{url}{API}/artifacts/list", params={"run_id": run}, timeout=60).json()
        assert "files" not in listed
        assert requests.get(f"{url}{PROXY}/0/{run}/artifacts/half.bin", timeout=60).status_code == 404
    whole = requests.put(f"{url}{PROXY}/0/{run}/artifacts/half.bin", data=b"whole", timeout=60)
    assert whole.status_code == 200
    assert requests.get(f"{url}{PROXY}/0/{run}/artifacts/half.bin", timeout=60).content == b"whole"


def test_bodies_have_limits_however_they_come(url: str) -> None:
    # Announced, it is refused before it is read; in pieces, as soon as it is too large. Neither is a status that
    # clients try again, and nothing of it is kept.
    run, at = new_run(url), urlsplit(url)
    point = b'{"key": "m", "value": 1, "timestamp": 1, "step": 1},'
    start = b'{"run_id": "' + run.encode() + b'", "metrics": ['
    for path, announced in [("runs/log-batch", True), ("runs/log-batch", False), ("experiments/create", False)]:
        head = f"POST {API}/{path} HTTP/1.1\r\nHost: {at.netloc}\r\nContent-Type: application/json\r\n"
        head += f"Content-Length: {200 * MEGABYTE}\r\n\r\n" if announced else "Transfer-Encoding: chunked\r\n\r\n"
        piece = point * 20_000
        with socket.create_connection((at.hostname or "", at.port or 80), timeout=30) as client:
            client.sendall(head.encode())
            sent = 0
            try:
                while sent < 200 * MEGABYTE:
                    body = start if sent == 0 else piece
                    client.sendall(body if announced else b"%x\r\n%s\r\n" % (len(body), body))
                    sent += len(body)
            except OSError:
                pass  # The server has answered and reads no more.
            assert sent < 150 * MEGABYTE, f"{path} reads all that comes"
            try:
                answer = client.recv(4_096)
            except OSError:
                answer = b""
            assert answer == b"" or b" 413 " in answer.splitlines()[0], answer
    found = requests.get(f"{url}{API}/runs/get", params={"run_id": run}, timeout=60).json()["run"]["data"]
    assert "metrics" not in found
    refused = requests.post(f"{url}{API}/runs/log-batch", data=start + point * 800_000, headers={"Content-Type": "application/json"}, timeout=60)
    assert refused.status_code == 413 and refused.json()["error_code"]


def test_small_requests_are_answered_while_a_large_file_streams_in_constant_memory(url: str) -> None:
    told = stream(url, int(os.environ.get("GINGHAM_LARGE_MEGABYTES", "400")), fresh=True)
    assert told.small_requests > 20
    assert told.small_median_s < 0.5, f"small requests waited {told.small_median_s:.2f} s"
    assert told.small_longest_s < 10, f"a small request waited {told.small_longest_s:.2f} s"
    # A copy of the file in memory would be all of it; buffers are a few pieces, however large the file is.
    assert told.grown_mb < 100, f"{told.grown_mb:.0f} MB more memory for a file of {told.megabytes} MB"
