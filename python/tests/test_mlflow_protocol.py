"""The rest of MLflow's protocol with its unmodified client: what is not served, workspaces, webhooks, credentials."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.server
import json
import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

mlflow = pytest.importorskip("mlflow")

from mlflow.exceptions import MlflowException, RestException  # noqa: E402

pytestmark = pytest.mark.filterwarnings("default")

Fresh = Callable[[str], str]


@pytest.fixture(autouse=True)
def tracked(url: str) -> Iterator[None]:
    mlflow.set_tracking_uri(url)
    mlflow.set_registry_uri(url)
    yield
    mlflow.set_workspace(None)
    while mlflow.active_run():
        mlflow.end_run()


@pytest.fixture
def tracking() -> Any:
    return mlflow.MlflowClient()


# What is not served


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/3.0/mlflow/traces/tr-1"),
        ("POST", "/api/3.0/mlflow/traces"),
        ("POST", "/v1/traces"),
        ("GET", "/api/3.0/mlflow/scorers/list"),
        ("POST", "/api/3.0/mlflow/gateway/endpoints/create"),
        ("GET", "/ajax-api/2.0/mlflow/gateway-proxy"),
        ("POST", "/graphql"),
        ("GET", "/api/2.0/mlflow/users/get"),
        ("DELETE", "/api/2.0/mlflow/runs/create"),
    ],
)
def test_what_is_not_served_is_refused_as_by_an_older_server(url: str, method: str, path: str) -> None:
    answer = requests.request(method, url + path, timeout=10)
    assert answer.status_code == (405 if method == "DELETE" else 404)
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["error_code"] == "ENDPOINT_NOT_FOUND"


def test_a_traced_function_runs_although_traces_are_not_kept(
    fresh: Fresh, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MLFLOW_ENABLE_ASYNC_TRACE_LOGGING", "false")
    mlflow.set_experiment(fresh("traced"))

    @mlflow.trace
    def doubled(x: int) -> int:
        return 2 * x

    started = time.monotonic()
    with caplog.at_level(logging.WARNING):
        assert doubled(21) == 42
        with mlflow.start_run():
            assert doubled(4) == 8
            mlflow.log_metric("seen", 1)
    mlflow.flush_trace_async_logging()
    assert time.monotonic() - started < 30, "nothing is tried again for minutes"


def test_searching_traces_says_that_there_are_none_to_search(fresh: Fresh) -> None:
    mlflow.set_experiment(fresh("traced"))
    started = time.monotonic()
    with pytest.raises(MlflowException, match="answers to MLflow's tracking"):
        mlflow.search_traces()
    assert time.monotonic() - started < 10


def test_evaluation_data_sets_are_refused_clearly(fresh: Fresh) -> None:
    datasets = pytest.importorskip("mlflow.genai.datasets")
    started = time.monotonic()
    with pytest.raises(MlflowException, match="answers to MLflow's tracking"):
        datasets.create_dataset(name=fresh("evaluation"))
    assert time.monotonic() - started < 10


def test_prompts_are_kept_as_models_that_searches_hide(tracking: Any, fresh: Fresh) -> None:
    name = fresh("prompt")
    prompt = mlflow.genai.register_prompt(name=name, template="Hello {{name}}")
    assert prompt.version == 1
    assert mlflow.genai.load_prompt(f"prompts:/{name}/1").format(name="Ada") == "Hello Ada"
    assert not [one for one in tracking.search_registered_models(filter_string=f"name = '{name}'")]
    assert [one.name for one in mlflow.genai.search_prompts(filter_string=f"name='{name}'")] == [name]


# Workspaces


def test_workspaces_are_made_listed_changed_and_removed(tracking: Any, fresh: Fresh) -> None:
    name = fresh("team")
    made = mlflow.create_workspace(name, description="the team")
    assert (made.name, made.description) == (name, "the team")
    with pytest.raises(MlflowException) as refused:
        mlflow.create_workspace(name)
    assert refused.value.error_code == "RESOURCE_ALREADY_EXISTS"
    assert {"default", name} <= {one.name for one in mlflow.list_workspaces()}
    assert mlflow.update_workspace(name, description="another").description == "another"
    assert mlflow.get_workspace(name).description == "another"
    mlflow.delete_workspace(name)
    with pytest.raises(MlflowException, match="not found") as missing:
        mlflow.get_workspace(name)
    assert missing.value.error_code == "RESOURCE_DOES_NOT_EXIST"


def test_two_workspaces_know_nothing_of_each_other(fresh: Fresh, tmp_path: Any) -> None:
    experiment, model = fresh("same"), fresh("model")
    notes = tmp_path / "notes.txt"
    seen: dict[str, tuple[str, str]] = {}
    for team in ["a", "b"]:
        workspace = fresh(f"team-{team}")
        mlflow.create_workspace(workspace)
        mlflow.set_workspace(workspace)
        mlflow.set_experiment(experiment)
        notes.write_text(team)
        with mlflow.start_run() as run:
            mlflow.log_metric("m", 1)
            mlflow.log_artifact(str(notes))
        client = mlflow.MlflowClient()
        client.create_registered_model(model)
        source = f"{run.info.artifact_uri}"
        version = client.create_model_version(model, source, run_id=run.info.run_id)
        assert (version.name, str(version.version)) == (model, "1")
        client.set_registered_model_alias(model, "champion", 1)
        seen[workspace] = (run.info.run_id, run.info.experiment_id)
    for workspace, (mine, _) in seen.items():
        mlflow.set_workspace(workspace)
        client = mlflow.MlflowClient()
        assert list(mlflow.search_runs(search_all_experiments=True)["run_id"]) == [mine]
        assert [one.name for one in client.search_registered_models()] == [model]
        assert client.get_model_version_by_alias(model, "champion").run_id == mine
        path = mlflow.artifacts.download_artifacts(f"runs:/{mine}/notes.txt", dst_path=str(tmp_path / workspace))
        with open(path) as notes_again:
            assert notes_again.read() == ("a" if "team-a" in workspace else "b")
        for other, (theirs, theirs_experiment) in seen.items():
            if other == workspace:
                continue
            for ask in [
                lambda: client.get_run(theirs),
                lambda: client.log_metric(theirs, "m", 2),
                lambda: client.get_experiment(theirs_experiment),
                lambda: client.list_artifacts(theirs),
            ]:
                with pytest.raises(MlflowException) as refused:
                    ask()
                assert refused.value.error_code == "RESOURCE_DOES_NOT_EXIST"
    mlflow.set_workspace(None)
    assert mlflow.MlflowClient().get_experiment_by_name(experiment) is None


def test_an_unknown_workspace_is_refused(monkeypatch: pytest.MonkeyPatch, fresh: Fresh) -> None:
    monkeypatch.setenv("MLFLOW_WORKSPACE", fresh("nobody"))
    with pytest.raises(RestException, match="not found") as refused:
        mlflow.MlflowClient().search_experiments()
    assert refused.value.error_code == "RESOURCE_DOES_NOT_EXIST"


# Webhooks


class Receiver:
    """A server on this machine that keeps what it is told."""

    def __init__(self) -> None:
        told: queue.Queue[tuple[Any, bytes]] = queue.Queue()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                told.put((self.headers, body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.told = told
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hook"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.server.shutdown()
    receiver.server.server_close()


def test_a_webhook_is_told_of_a_model_with_a_signature_that_holds(
    tracking: Any, fresh: Fresh, receiver: Receiver
) -> None:
    events = [
        "registered_model.created",
        "model_version.created",
        "model_version_tag.set",
        "model_version_tag.deleted",
        "model_version_alias.created",
        "model_version_alias.deleted",
    ]
    try:
        hook = tracking.create_webhook("hook", receiver.url, events=events, secret="quiet", description="d")
    except MlflowException as refused:
        if "--webhook-targets" in str(refused):
            pytest.skip("this server tells public addresses only")
        raise
    try:
        assert (hook.name, hook.status, [str(one) for one in hook.events]) == ("hook", "ACTIVE", events)
        assert hook.secret is None
        result = tracking.test_webhook(hook.webhook_id, event="model_version.created")
        assert (result.success, result.response_status) == (True, 200)
        receiver.told.get(timeout=20)
        name = fresh("model")
        tracking.create_registered_model(name, tags={"a": "b"}, description="words")
        tracking.create_model_version(name, "s3://bucket/model", tags={"c": "d"})
        tracking.set_model_version_tag(name, "1", "k", "v")
        tracking.delete_model_version_tag(name, "1", "k")
        tracking.set_registered_model_alias(name, "champion", "1")
        tracking.delete_registered_model_alias(name, "champion")
        expected = [
            {"name": name, "tags": {"a": "b"}, "description": "words"},
            {
                "name": name,
                "version": "1",
                "source": "s3://bucket/model",
                "run_id": None,
                "tags": {"c": "d"},
                "description": None,
            },
            {"name": name, "version": "1", "key": "k", "value": "v"},
            {"name": name, "version": "1", "key": "k"},
            {"name": name, "version": "1", "alias": "champion"},
            {"name": name, "alias": "champion"},
        ]
        for event, data in zip(events, expected, strict=True):
            headers, body = receiver.told.get(timeout=20)
            told = json.loads(body)
            assert (f"{told['entity']}.{told['action']}", told["data"]) == (event, data)
            signed = f"{headers['X-MLflow-Delivery-Id']}.{headers['X-MLflow-Timestamp']}.".encode() + body
            digest = hmac.new(b"quiet", signed, hashlib.sha256).digest()
            assert headers["X-MLflow-Signature"] == "v1," + base64.b64encode(digest).decode()
        tracking.update_webhook(hook.webhook_id, status="DISABLED")
        assert [one.status for one in tracking.list_webhooks() if one.webhook_id == hook.webhook_id] == ["DISABLED"]
        tracking.create_registered_model(fresh("quiet"))
        with pytest.raises(queue.Empty):
            receiver.told.get(timeout=1)
    finally:
        tracking.delete_webhook(hook.webhook_id)
    with pytest.raises(MlflowException, match="not found"):
        tracking.get_webhook(hook.webhook_id)


# Registry


def test_stages_archive_what_was_there_and_name_models(tracking: Any, fresh: Fresh) -> None:
    name = fresh("staged")
    tracking.create_registered_model(name)
    for _ in range(2):
        tracking.create_model_version(name, "s3://bucket/model")
    tracking.transition_model_version_stage(name, "1", "Production")
    tracking.transition_model_version_stage(name, "2", "Production", archive_existing_versions=True)
    stages = {str(one.version): one.current_stage for one in tracking.search_model_versions(f"name = '{name}'")}
    assert stages == {"1": "Archived", "2": "Production"}
    assert [str(one.version) for one in tracking.get_latest_versions(name, ["Production"])] == ["2"]
    from mlflow.store.artifact.models_artifact_repo import ModelsArtifactRepository

    found = ModelsArtifactRepository.get_underlying_uri(f"models:/{name}/Production")
    assert found == "s3://bucket/model"


def test_a_version_made_here_has_the_digest_of_its_bytes_and_comes_back_with_it(
    url: str, tracking: Any, fresh: Fresh
) -> None:
    name = fresh("kept")
    mlflow.set_experiment(fresh("kept"))
    with mlflow.start_run() as run:
        mlflow.log_text("weights", "model/weights.txt")
    tracking.create_registered_model(name)
    tracking.create_model_version(name, f"{run.info.artifact_uri}/model", run_id=run.info.run_id)
    tracking.create_model_version(name, "s3://bucket/model")
    versions = f"{url}/api/v1/models/{name}/versions"
    here, elsewhere = (requests.get(f"{versions}/{number}", timeout=10).json() for number in (1, 2))
    assert here["digest"] and elsewhere["digest"] is None
    tracking.delete_registered_model(name)
    with pytest.raises(MlflowException, match="not found"):
        tracking.get_registered_model(name)
    deleted = requests.get(f"{url}/api/v1/deleted-models", timeout=10).json()["items"]
    assert (deleted[0]["name"], deleted[0]["versions"]) == (name, 2)
    assert requests.post(f"{url}/api/v1/models/{name}/restore", timeout=10).ok
    assert requests.get(f"{versions}/1", timeout=10).json()["digest"] == here["digest"]
    tracking.delete_model_version(name, "1")
    assert requests.post(f"{versions}/1/restore", timeout=10).ok
    assert tracking.get_model_version(name, "1").run_id == run.info.run_id


# Credentials


def test_credentials_that_are_wrong_are_refused_in_shape_and_at_once(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ada")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "wrong")
    started = time.monotonic()
    with pytest.raises(RestException) as refused:
        mlflow.MlflowClient().search_experiments()
    assert refused.value.error_code == "UNAUTHENTICATED"
    assert time.monotonic() - started < 10
    answer = requests.get(f"{url}/api/2.0/mlflow/experiments/search", auth=("ada", "wrong"), timeout=10)
    assert (answer.status_code, answer.json()["error_code"]) == (401, "UNAUTHENTICATED")
