"""Events of OpenLineage that go out: held to the specification's JSON schemas, read by its own Python classes, taken by our
own door, and brought to a file and to an address that fails at first."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
from test_artifacts import free_port, wait_for

SCHEMAS = Path(__file__).parent / "openlineage_schemas/schemas.json"
PATIENCE = 60.0


@pytest.fixture(scope="module")
def binary() -> str:
    path = os.environ.get("GINGHAM_BINARY")
    if not path:
        pytest.skip("GINGHAM_BINARY names no binary; `cargo xtask test clients` does")
    return path


class Receiver:
    """Takes events, after it has refused the first ones."""

    def __init__(self, refuse: int) -> None:
        self.bodies: list[bytes] = []
        self.refused: list[bytes] = []
        self.tokens: set[str | None] = set()
        receiver = self

        class Door(BaseHTTPRequestHandler):
            def log_message(self, format: str, *args: object) -> None:
                pass

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.tokens.add(self.headers.get("Authorization"))
                is_late = len(receiver.refused) < refuse
                (receiver.refused if is_late else receiver.bodies).append(body)
                self.send_response(503 if is_late else 201)
                if is_late:
                    self.send_header("Retry-After", "0")
                self.end_headers()

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/api/v1/lineage"


class Place:
    def __init__(self, url: str, file: Path, receiver: Receiver) -> None:
        self.url, self.file, self.receiver = url, file, receiver

    def events(self, enough: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
        until = time.monotonic() + PATIENCE
        while True:
            lines = self.file.read_text().splitlines() if self.file.exists() else []
            found = [json.loads(line) for line in lines]
            if enough(found):
                return found
            assert time.monotonic() < until, [event["job"] for event in found if "job" in event]
            time.sleep(0.1)


@pytest.fixture(scope="module")
def place(binary: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("openlineage")
    (folder / "data").mkdir()
    receiver = Receiver(refuse=1)
    file = folder / "events.jsonl"
    (folder / "data/openlineage.yaml").write_text(
        "namespace: tests\ntargets:\n"
        f"- name: file\n  file: {file}\n"
        f"- name: catalog\n  http: {{url: '{receiver.url}', token: {{env: CATALOG_TOKEN}}}}\n"
    )
    port = free_port()
    process = subprocess.Popen(
        [binary, "up", "--data", str(folder / "data"), "--port", str(port)],
        env={**os.environ, "CATALOG_TOKEN": "open-sesame", "NO_PROXY": "127.0.0.1,localhost"},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(f"{url}/health", process)
        # What happened before anybody was to be told stays untold: the first look comes a second after the start.
        time.sleep(2.5)
        yield Place(url, file, receiver)
    finally:
        process.terminate()
        process.wait(timeout=30)
        receiver.server.shutdown()
        receiver.server.server_close()


@pytest.fixture(scope="module")
def told(place: Place, binary: str, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What is told of rows that came, rows selected from them, runs with files, and a registered model."""
    import mlflow

    folder = tmp_path_factory.mktemp("work")
    environment = {**os.environ, "GINGHAM_URL": place.url}
    (folder / "rows.csv").write_text("speed,road\n1,a\n2,b\n3,c\n")
    subprocess.run(
        ["git", "init", "-q", "-b", "main"], cwd=folder, check=True,
    )
    subprocess.run(
        ["git", "remote", "add", "origin", "https://me:secret@git.example/roads.git"], cwd=folder, check=True,
    )

    def gingham(*words: str, code: int = 0) -> None:
        ran = subprocess.run([binary, *words], cwd=folder, env=environment, capture_output=True, text=True, timeout=120)
        assert ran.returncode == code, ran.stderr + ran.stdout

    gingham("push", "roads", "rows.csv")
    gingham("push", "fast", "--sql", "select * from datasets.roads where speed > 1")
    gingham("run", "--experiment", "work", "--input", "rows.csv", "--output", "out.txt", "--",
            sys.executable, "-c", "open('out.txt', 'w').write(open('rows.csv').read())")
    gingham("run", "--experiment", "work", "--", sys.executable, "-c", "raise SystemExit(3)", code=3)
    mlflow.set_tracking_uri(place.url)
    mlflow.set_experiment("models")
    with mlflow.start_run() as run:
        mlflow.log_param("depth", 3)
    client = mlflow.MlflowClient(place.url, place.url)  # whatever registry other tests have set
    client.create_registered_model("speeds")
    client.create_model_version("speeds", f"{run.info.artifact_uri}/model", run_id=run.info.run_id)

    def enough(events: list[dict[str, Any]]) -> bool:
        return any(output["name"] == "models/speeds" for event in events for output in event.get("outputs", []))

    return place.events(enough)


def test_every_event_holds_to_the_schemas(told: list[dict[str, Any]]) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    referencing = pytest.importorskip("referencing")
    schemas = json.loads(SCHEMAS.read_text())
    registry = referencing.Registry().with_resources(
        [(schema["$id"], referencing.Resource.from_contents(schema)) for schema in schemas]
    )
    formats = jsonschema.Draft202012Validator.FORMAT_CHECKER

    def hold(value: object, address: str) -> None:
        jsonschema.Draft202012Validator({"$ref": address}, registry=registry, format_checker=formats).validate(value)

    facets = 0
    for event in told:
        hold(event, event["schemaURL"])
        things = [event.get("run"), event.get("job"), event.get("dataset"), *event.get("inputs", []), *event.get("outputs", [])]
        for thing in filter(None, things):
            for kind in ("facets", "inputFacets", "outputFacets"):
                for facet in thing.get(kind, {}).values():
                    hold(facet, facet["_schemaURL"])
                    facets += 1
    assert len(told) >= 11 and facets > 30
    # The schemas do refuse what is wrong.
    with pytest.raises(jsonschema.ValidationError):
        hold({**told[0], "run": {"runId": "17"}}, told[0]["schemaURL"])


def test_the_events_are_read_by_the_specification_s_own_classes(told: list[dict[str, Any]]) -> None:
    event_v2 = pytest.importorskip("openlineage.client.event_v2")
    for event in (event for event in told if "run" in event):
        job = event_v2.Job(namespace=event["job"]["namespace"], name=event["job"]["name"])
        run = event_v2.Run(runId=event["run"]["runId"])
        read = event_v2.RunEvent(
            eventTime=event["eventTime"], producer=event["producer"], run=run, job=job,
            eventType=event_v2.RunState[event["eventType"]],
            inputs=[event_v2.InputDataset(namespace=one["namespace"], name=one["name"]) for one in event["inputs"]],
            outputs=[event_v2.OutputDataset(namespace=one["namespace"], name=one["name"]) for one in event["outputs"]],
        )
        assert read.run.runId == event["run"]["runId"]


def test_each_run_begins_once_and_ends_once(told: list[dict[str, Any]]) -> None:
    states: dict[str, list[str]] = {}
    for event in (event for event in told if "run" in event):
        states.setdefault(event["run"]["runId"], []).append(event["eventType"])
    kinds = sorted(tuple(all) for all in states.values())
    assert kinds == [
        ("START", "COMPLETE"), ("START", "COMPLETE"), ("START", "COMPLETE"), ("START", "COMPLETE", "OTHER"), ("START", "FAIL"),
    ]
    assert all(event["job"]["namespace"] == "tests" for event in told if "job" in event)


def test_the_facts_are_those_of_what_happened(told: list[dict[str, Any]]) -> None:
    ends = {event["job"]["name"]: event for event in told if event.get("eventType") == "COMPLETE"}
    roads, fast, work = ends["push/roads"], ends["push/fast"], ends["experiments/work"]
    fields = roads["outputs"][0]["facets"]["schema"]["fields"]
    assert [(field["name"], field["type"]) for field in fields] == [("speed", "int"), ("road", "text")]
    assert roads["outputs"][0]["outputFacets"]["outputStatistics"]["rowCount"] == 3
    assert fast["job"]["facets"]["sql"]["query"] == "select * from datasets.roads where speed > 1"
    assert [(one["name"], one["facets"]["version"]["datasetVersion"]) for one in fast["inputs"]] == [("roads", "1")]
    assert {one["name"] for one in work["inputs"]} == {"files/rows.csv"}
    assert {one["name"] for one in work["outputs"]} == {"files/out.txt"}
    code = work["job"]["facets"]["sourceCodeLocation"]
    assert code["url"] == "https://git.example/roads.git" and "secret" not in json.dumps(told)
    failed = next(event for event in told if event.get("eventType") == "FAIL")
    assert failed["run"]["facets"]["errorMessage"]["message"]


def test_the_address_that_failed_hears_the_same_in_the_same_order(place: Place, told: list[dict[str, Any]]) -> None:
    until = time.monotonic() + PATIENCE
    while len(place.receiver.bodies) < len(told):
        assert time.monotonic() < until, (len(place.receiver.bodies), len(told))
        time.sleep(0.1)
    lines = place.file.read_text().splitlines()
    assert [body.decode() for body in place.receiver.bodies] == lines
    # The try that was refused said the very same.
    assert [body.decode() for body in place.receiver.refused] == lines[:1]
    assert place.receiver.tokens == {"Bearer open-sesame"}
    standing = requests.get(f"{place.url}/api/v1/lineage/delivery", timeout=10).json()["items"]
    assert {(one["target"], one["state"]) for one in standing} == {("file", "sent"), ("catalog", "sent")}


def test_our_own_door_takes_what_we_send(place: Place, told: list[dict[str, Any]]) -> None:
    for event in told:
        assert requests.post(f"{place.url}/api/v1/lineage", json=event, timeout=10).status_code == 201
    graph = requests.get(
        f"{place.url}/api/v1/lineage/graph", params={"object": "dataset:tests/roads", "down": "true"}, timeout=10
    ).json()
    assert "dataset:tests/fast" in {node["id"] for node in graph["nodes"]}


def neighbours(place: Place, object: str, way: str) -> set[str]:
    answer = requests.get(
        f"{place.url}/api/v1/lineage/graph", params={"object": object, way: "true", "limit": 5000}, timeout=30
    )
    return {node["id"] for node in answer.json()["nodes"]} if answer.ok else set()


def emitted(client: Any, name: str, inputs: list[str], outputs: list[str]) -> None:
    """A run from its start to its end, as an emitter tells of it."""
    from openlineage.client import event_v2
    from openlineage.client.facet_v2 import output_statistics_output_dataset, schema_dataset
    from openlineage.client.uuid import generate_new_uuid

    run, job = event_v2.Run(runId=str(generate_new_uuid())), event_v2.Job(namespace="emitter", name=name)
    fields = schema_dataset.SchemaDatasetFacet([schema_dataset.SchemaDatasetFacetFields("speed", "BIGINT")])
    counted = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(rowCount=3)
    reads = [event_v2.InputDataset(namespace="s3://lake", name=one, facets={"schema": fields}) for one in inputs]
    writes = [
        event_v2.OutputDataset(namespace="s3://lake", name=one, outputFacets={"outputStatistics": counted})
        for one in outputs
    ]
    for state in (event_v2.RunState.START, event_v2.RunState.COMPLETE):
        client.emit(event_v2.RunEvent(
            eventTime=datetime.now(timezone.utc).isoformat(), producer="https://example.org/emitter", run=run, job=job,
            eventType=state, inputs=reads, outputs=writes,
        ))


@pytest.mark.parametrize("compression", [None, "gzip"])
def test_the_specification_s_own_client_is_taken(place: Place, compression: str | None) -> None:
    client_of = pytest.importorskip("openlineage.client")
    word = compression or "plain"
    options = {"type": "http", "url": place.url, **({"compression": compression} if compression else {})}
    client = client_of.OpenLineageClient(config={"transport": options})
    emitted(client, f"load-{word}", [f"{word}/raw"], [f"{word}/clean"])
    client.close()
    assert f"dataset:s3://lake/{word}/clean" in neighbours(place, f"dataset:s3://lake/{word}/raw", "down")


def test_its_asynchronous_client_s_many_requests_at_once_are_all_taken(place: Place) -> None:
    pytest.importorskip("httpx2")
    client_of = pytest.importorskip("openlineage.client")
    client = client_of.OpenLineageClient(config={"transport": {"type": "async_http", "url": place.url}})
    for number in range(300):
        emitted(client, f"many-{number % 7}", ["many/raw"], [f"many/{number}"])
    assert client.close(60.0)
    below = neighbours(place, "dataset:s3://lake/many/raw", "down")
    assert {f"dataset:s3://lake/many/{number}" for number in range(300)} <= below


def test_a_batch_is_answered_as_the_specification_says(place: Place, told: list[dict[str, Any]]) -> None:
    answer = requests.post(f"{place.url}/api/v1/lineage/batch", json=[*told, {"producer": "me"}], timeout=30)
    assert answer.status_code == 200
    body = answer.json()
    assert body["status"] == "partial_success"
    assert (body["summary"]["received"], body["summary"]["failed"]) == (len(told) + 1, 1)
    assert body["failed_events"][0]["index"] == len(told) and body["failed_events"][0]["retriable"] is False
