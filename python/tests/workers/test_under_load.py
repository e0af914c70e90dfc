"""Nothing is lost while versions change, workers are killed and a bad canary comes and goes."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from typing import Any

import cloudpickle
import mlflow
import numpy as np
import pandas as pd
import pytest
from conftest import Refused, Server, promote

cloudpickle.register_pickle_by_value(sys.modules[__name__])
pytestmark = pytest.mark.filterwarnings("ignore")
NEEDS = ["mlflow-skinny==3.12.0", "scikit-learn==1.9.1", "pandas", "numpy", "cloudpickle"]


class Times(mlflow.pyfunc.PythonModel):
    """Multiplies, so that an answer tells which version gave it; may fail or be slow, but not for the first rows."""

    def __init__(self, factor: float, fails: bool = False, sleeps: float = 0.0) -> None:
        self.factor, self.fails, self.sleeps = factor, fails, sleeps

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> np.ndarray:
        values = model_input["x"].to_numpy()
        if values[0] != 0:
            time.sleep(self.sleeps)
            if self.fails:
                raise ValueError("this version does not work")
        return values * self.factor


class Asker(threading.Thread):
    """Asks again and again, and keeps what came."""

    def __init__(self, server: Server, name: str) -> None:
        super().__init__(daemon=True)
        self.url = f"{server.url}/v2/models/{name}/infer"
        self.stop = threading.Event()
        self.answered = 0
        self.versions: set[str] = set()
        self.failures: list[str] = []

    def run(self) -> None:
        tensor = {"name": "x", "shape": [2], "datatype": "FP64", "data": [3.0, 5.0]}
        body = json.dumps({"inputs": [tensor]}).encode()
        while not self.stop.is_set():
            request = urllib.request.Request(self.url, body, {"content-type": "application/json"})
            try:
                with urllib.request.urlopen(request, timeout=60) as answer:
                    answer = json.load(answer)
            except Exception as error:  # noqa: BLE001 - every failure counts
                said = error.read().decode() if hasattr(error, "read") else str(error)
                self.failures.append(said)
                continue
            factor = float(answer["model_version"])
            if answer["outputs"][0]["data"] != [3 * factor, 5 * factor]:
                self.failures.append(f"mixed: {answer}")
            self.versions.add(answer["model_version"])
            self.answered += 1


def log(model: Times) -> Callable[[str], Any]:
    frame = pd.DataFrame({"x": [0.0, 1.0]})
    return lambda name: mlflow.pyfunc.log_model(
        name="m",
        python_model=model,
        signature=mlflow.models.infer_signature(frame, np.array([1.0])),
        registered_model_name=name,
        pip_requirements=NEEDS,
    )


def test_no_request_fails_while_versions_change_and_workers_are_killed(
    server: Server, register: Callable[..., str], serve: Callable[..., str]
) -> None:
    others = len(server.workers())
    name = serve(log(Times(1)))
    for version in range(2, 5):
        register(log(Times(version)), name)
    askers = [Asker(server, name) for _ in range(4)]
    for asker in askers:
        asker.start()
    killed = 0
    try:
        for version in [2, 3, 4, 1]:
            before = sum(asker.answered for asker in askers)
            workers = server.workers()
            if workers:
                os.kill(workers[0], signal.SIGKILL)
                killed += 1
            promote(name, version)
            deadline = time.monotonic() + 60
            while sum(asker.answered for asker in askers) < before + 50:
                assert time.monotonic() < deadline, "answers come on"
                time.sleep(0.05)
    finally:
        for asker in askers:
            asker.stop.set()
        for asker in askers:
            asker.join(60)
    assert [failure for asker in askers for failure in asker.failures] == []
    assert set().union(*(asker.versions for asker in askers)) == {"1", "2", "3", "4"}
    assert killed >= 3
    # Those of versions that have gone are gone, too.
    deadline = time.monotonic() + 30
    while len(server.workers()) > others + 2:
        assert time.monotonic() < deadline, (others, server.workers())
        time.sleep(0.5)


@pytest.mark.parametrize(
    ("bad", "rule", "words"),
    [
        (Times(2, fails=True), {"error_rate": 0.2, "least_requests": 5}, "requests of the last"),
        (Times(2, sleeps=0.3), {"p99_ms": 100, "least_requests": 5}, "ms"),
    ],
    ids=["errors", "latency"],
)
def test_a_canary_that_breaks_its_limits_is_taken_back_by_the_server(
    server: Server, register: Callable[..., str], serve: Callable[..., str], bad: Times, rule: dict[str, Any], words: str
) -> None:
    name = serve(log(Times(1)))
    register(log(bad), name)
    wanted = {
        "traffic": {"canary": {"version": 2, "share": 0.5}, "rollback": rule},
        "reason": "to see whether it is better",
    }
    server.call("PUT", f"/api/v1/deployments/{name}/traffic", wanted)
    deadline = time.monotonic() + 60
    frame = pd.DataFrame({"x": [3.0]})
    while True:
        try:
            server.infer(name, frame)
        except Refused as refused:
            assert refused.status == 500
        traffic = server.call("GET", f"/api/v1/deployments/{name}/traffic")
        if traffic["traffic"].get("canary") is None:
            break
        assert time.monotonic() < deadline, traffic
    newest = traffic["history"][0]
    assert words in newest["reason"] and newest["reason"].startswith("version 2: "), newest
    assert newest["actor"].endswith("traffic"), newest
    for _ in range(5):
        assert server.infer(name, frame)["prediction"].tolist() == [3.0]
