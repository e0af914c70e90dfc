"""A full disk, a registry that is down, clients that are slow and clients that go: serving goes on."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cloudpickle
import mlflow
import numpy as np
import pandas as pd
import pytest
import xgboost
from conftest import Refused, Server, promote, rows

cloudpickle.register_pickle_by_value(sys.modules[__name__])
pytestmark = pytest.mark.filterwarnings("ignore")
NEEDS = ["mlflow-skinny==3.12.0", "scikit-learn==1.9.1", "pandas", "numpy", "cloudpickle"]


def booster(server: Server, *names: tuple[str, dict[str, Any]]) -> pd.DataFrame:
    """Endpoints of one model with different limits; answers rows for them."""
    frame, target = rows()
    model = xgboost.train({"objective": "reg:squarederror"}, xgboost.DMatrix(frame, frame["height"]), 3)
    mlflow.set_tracking_uri(server.url)
    mlflow.set_experiment("faults")
    with mlflow.start_run():
        mlflow.xgboost.log_model(model, name="m", registered_model_name="booster")
    promote("booster")
    for name, limits in names:
        server.call("POST", "/api/v1/deployments", {"model": "booster", "name": name, "limits": limits})
    return frame.head(4)


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Callable[[Path], Server]]:
    """Servers that a test may spoil."""
    if not os.environ.get("GINGHAM_BINARY"):
        pytest.skip("GINGHAM_BINARY names no program; `cargo xtask test workers` builds one")
    started: list[Server] = []

    def start(folder: Path) -> Server:
        started.append(Server(folder))
        return started[-1]

    yield start
    for server in started:
        if server.process.poll() is None:
            server.process.kill()
            server.process.wait()


def metric(server: Server, name: str) -> float:
    with urllib.request.urlopen(f"{server.url}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name))


def test_a_full_disk_refuses_or_sheds_as_the_policy_says(own: Callable[[Path], Server], tmp_path: Path) -> None:
    archive = tmp_path / "data" / "archive"
    archive.mkdir(parents=True)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(archive)], capture_output=True)
    if mounted.returncode:
        pytest.skip("a small file system can be mounted by root only")
    started: list[Server] = []
    try:
        server = own(tmp_path / "data")
        started.append(server)
        frame = booster(server, ("strict", {}), ("lenient", {"archive": "best_effort"}), ("none", {"archive": "off"}))
        expected = server.infer("strict", frame)["prediction"]
        with open(archive / "filler", "wb") as filler:
            try:
                while True:
                    filler.write(b"x" * 65536)
                    filler.flush()
            except OSError:
                pass
        # What was begun may still fit; soon nothing does.
        deadline = time.monotonic() + 60
        while True:
            try:
                server.infer("strict", frame)
            except Refused as refused:
                assert refused.status == 503, refused
                break
            assert time.monotonic() < deadline, "the disk is full"
        before = metric(server, "gingham_unarchived_rows_total")
        for name in ["lenient", "none"]:
            np.testing.assert_array_equal(server.infer(name, frame)["prediction"], expected)
        deadline = time.monotonic() + 30
        while metric(server, "gingham_unarchived_rows_total") < before + len(frame):
            assert time.monotonic() < deadline, "what is not archived is counted"
            time.sleep(0.1)
        (archive / "filler").unlink()
        deadline = time.monotonic() + 60
        while True:
            try:
                np.testing.assert_array_equal(server.infer("strict", frame)["prediction"], expected)
                break
            except Refused:
                assert time.monotonic() < deadline, "with room there are answers again"
                time.sleep(0.5)
        log = Path(server.log.name).read_text()
        assert "could not be archived, so it is not given" in log
    finally:
        for each in started:
            each.process.kill()
            each.process.wait()
        subprocess.run(["umount", str(archive)], check=True)


def test_serving_goes_on_while_the_registry_is_down(own: Callable[[Path], Server], tmp_path: Path) -> None:
    server = own(tmp_path / "data")
    frame = booster(server, ("booster", {}))
    expected = server.infer("booster", frame)["prediction"]
    for file in (tmp_path / "data").glob("gingham.db*"):
        length = max(file.stat().st_size, 8192)
        with open(file, "r+b") as spoilt:
            spoilt.write(b"no database any more " * (length // 20))
    with pytest.raises(Refused) as refused:
        server.call("GET", "/api/v1/models/booster")
    assert refused.value.status >= 500
    for _ in range(100):
        np.testing.assert_array_equal(server.infer("booster", frame)["prediction"], expected)
    assert server.call("GET", "/v2/models/booster/ready")["ready"] is True
    # What needs the registry says so, and does not take the endpoint away.
    with pytest.raises(Refused):
        server.call("POST", "/api/v1/models/booster/aliases/champion", {"version": 1, "reason": "again"})
    np.testing.assert_array_equal(server.infer("booster", frame)["prediction"], expected)


def test_slow_clients_hold_up_nobody_and_are_let_go(own: Callable[[Path], Server], tmp_path: Path) -> None:
    server = own(tmp_path / "data")
    frame = booster(server, ("booster", {}))
    expected = server.infer("booster", frame)["prediction"]
    slow = []
    head = b"POST /v2/models/booster/infer HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    for at in range(200):
        client = socket.create_connection(("127.0.0.1", server.port))
        # Half of them never end their head, half never end their body.
        client.sendall(head + (b"" if at % 2 else b"content-length: 1000\r\n\r\n{"))
        slow.append(client)
    began = time.monotonic()
    for _ in range(50):
        np.testing.assert_array_equal(server.infer("booster", frame)["prediction"], expected)
    assert time.monotonic() - began < 20
    deadline = time.monotonic() + 120
    for client in (slow[0], slow[1]):
        client.settimeout(max(deadline - time.monotonic(), 0.1))
        assert len(client.recv(4096)) >= 0, "an answer or the end, and no wait for ever"
    for client in slow:
        client.close()


class Sleeper(mlflow.pyfunc.PythonModel):
    """Takes its time."""

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> np.ndarray:
        values = model_input["x"].to_numpy()
        time.sleep(float(values[0]))
        return values


def test_what_nobody_waits_for_any_more_is_not_computed(server: Server, serve: Callable[..., str]) -> None:
    frame = pd.DataFrame({"x": [0.0]})
    name = serve(
        lambda name: mlflow.pyfunc.log_model(
            name="m",
            python_model=Sleeper(),
            signature=mlflow.models.infer_signature(frame, np.array([1.0])),
            registered_model_name=name,
            pip_requirements=NEEDS,
        )
    )
    tensor = {"name": "x", "shape": [1], "datatype": "FP64", "data": [2.0]}
    body = json.dumps({"inputs": [tensor]}).encode()
    head = (
        f"POST /v2/models/{name}/infer HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    ).encode()
    for _ in range(40):
        client = socket.create_connection(("127.0.0.1", server.port))
        client.sendall(head + body)
        time.sleep(0.02)
        client.close()
    began = time.monotonic()
    assert server.infer(name, frame)["prediction"].tolist() == [0.0]
    # Forty of two seconds each would take two workers 40 s.
    assert time.monotonic() - began < 15
