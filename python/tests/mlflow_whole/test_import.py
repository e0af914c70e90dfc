"""`gingham import mlflow`: what MLflow's own client reads afterwards is what it wrote before."""

from __future__ import annotations

import http.server
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    mlflow = pytest.importorskip("mlflow")
    from mlflow import MlflowClient
    from mlflow.entities import Dataset, DatasetInput, InputTag, LoggedModelOutput, Metric, Param, RunTag

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def binary() -> str:
    path = os.environ.get("GINGHAM_BINARY")
    if not path:
        pytest.skip("GINGHAM_BINARY names no binary; `cargo xtask test mlflow-whole` builds one")
    return path


def client_of(uri: str) -> MlflowClient:
    """A client of one place for runs and models, whatever other tests have set for the whole process."""
    return MlflowClient(uri, registry_uri=uri)


class Written:
    """A store with one of everything, and the names under which it is found again."""

    def __init__(self, client: MlflowClient, folder: Path, runs: int = 3, points: int = 40) -> None:
        word = uuid.uuid4().hex[:8]
        # MLflow's stores look logged models up under this address, whatever the client's own is.
        mlflow.set_tracking_uri(client.tracking_uri)
        self.client = client
        self.experiment = f"import-{word}"
        self.gone = f"gone-{word}"
        self.model = f"model-{word}"
        number = client.create_experiment(self.experiment, tags={"team": "blue"})
        self.runs: list[str] = []
        for at in range(runs):
            run = client.create_run(number, run_name=f"run {at}", tags={"at": str(at), "empty": ""})
            self.runs.append(run.info.run_id)
            now = int(time.time() * 1000)
            curve = [Metric("loss", 1.0 / (step + 1), now + step, step) for step in range(points)]
            odd = [
                Metric("nan", float("nan"), now, 0),
                Metric("inf", float("inf"), now, 0),
                Metric("a/b c", -0.5, now, -3),
                # Out of order, and twice at the same step.
                Metric("late", 3.0, now + 5, 7),
                Metric("late", 1.0, now, 2),
                Metric("late", 2.0, now + 9, 2),
            ]
            params = [Param("rate", str(0.1 * at)), Param("long", "x" * 500), Param("word", "größer ü")]
            client.log_batch(run.info.run_id, metrics=curve + odd, params=params, tags=[RunTag("k", "v")])
        first = self.runs[0]
        dataset = Dataset("d1", "abc123", "local", json.dumps({"uri": "x"}), '{"a": "long"}', '{"rows": 2}')
        used = DatasetInput(dataset, [InputTag("mlflow.data.context", "train")])
        client.log_inputs(first, [used])
        client.log_text(first, "hello", "notes/a b.txt")
        logged = client.create_logged_model(
            number, "fitted", source_run_id=first, params={"depth": "3"}, tags={"k": "v"}, model_type="tree"
        )
        (folder / "weights.bin").write_bytes(b"\x00\x01" * 500)
        client.log_model_artifact(logged.model_id, str(folder / "weights.bin"))
        client.finalize_logged_model(logged.model_id, "READY")
        client.log_outputs(first, [LoggedModelOutput(logged.model_id, 2)])
        client.log_metric(first, "score", 0.75, step=1, model_id=logged.model_id)
        self.logged = logged.model_id
        client.set_terminated(first)
        client.set_terminated(self.runs[1], "FAILED")
        client.delete_run(self.runs[2])
        trash = client.create_experiment(self.gone)
        self.gone_run = client.create_run(trash).info.run_id
        client.delete_experiment(trash)
        client.create_registered_model(self.model, tags={"x": "y"}, description="what it is for")
        client.create_model_version(
            self.model, f"models:/{logged.model_id}", run_id=first, tags={"t": "1"}, model_id=logged.model_id
        )
        client.create_model_version(self.model, f"{client.get_run(first).info.artifact_uri}/notes", run_id=first)
        client.update_model_version(self.model, "2", description="the second")
        client.set_registered_model_alias(self.model, "champion", "1")
        client.transition_model_version_stage(self.model, "2", "Staging")


def bring(binary: str, url: str, source: str, folder: Path, *more: str) -> dict[str, Any]:
    """Imports and answers the report."""
    report = folder / "report.json"
    command = [binary, "--server", url, "import", "mlflow", source, "--report", str(report), *more]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    told: dict[str, Any] = json.loads(report.read_text())
    return told


def history(client: MlflowClient, run: str, key: str) -> list[tuple[int, int, str]]:
    return sorted((p.step, p.timestamp, repr(p.value)) for p in client.get_metric_history(run, key))


def largest(value: float) -> float:
    """Infinity as MLflow's database keeps it."""
    return max(min(value, 1.7976931348623157e308), -1.7976931348623157e308)


def compare(written: Written, ours: MlflowClient) -> None:
    """Field by field, both read by MLflow's client."""
    there, here = written.client, ours
    a = there.get_experiment_by_name(written.experiment)
    b = here.get_experiment_by_name(written.experiment)
    assert b is not None and a is not None
    assert (b.tags, b.lifecycle_stage, b.creation_time) == (a.tags, a.lifecycle_stage, a.creation_time)
    gone = here.get_experiment_by_name(written.gone)
    assert gone is not None and gone.lifecycle_stage == "deleted"
    assert here.get_run(written.gone_run).info.lifecycle_stage == "deleted"
    for run in written.runs:
        x, y = there.get_run(run), here.get_run(run)
        for field in ("run_id", "run_name", "status", "start_time", "end_time", "lifecycle_stage"):
            assert getattr(y.info, field) == getattr(x.info, field), field
        assert (y.data.params, y.data.tags) == (x.data.params, x.data.tags)
        assert y.data.metrics.keys() == x.data.metrics.keys()
        for key, value in x.data.metrics.items():
            assert repr(largest(y.data.metrics[key])) == repr(largest(value)), key
            if key != "inf":
                assert history(here, run, key) == history(there, run, key), key
        inputs = [
            sorted((i.dataset.name, i.dataset.digest, i.dataset.schema, str(i.tags)) for i in z.inputs.dataset_inputs)
            for z in (x, y)
        ]
        assert inputs[0] == inputs[1]
    first = written.runs[0]
    assert [(o.model_id, o.step) for o in here.get_run(first).outputs.model_outputs] == [(written.logged, 2)]
    assert here.list_artifacts(first)[0].path == "notes"
    assert Path(here.download_artifacts(first, "notes/a b.txt")).read_text() == "hello"
    x, y = there.get_logged_model(written.logged), here.get_logged_model(written.logged)
    for field in ("model_id", "name", "model_type", "status", "params", "tags", "source_run_id", "creation_timestamp"):
        assert getattr(y, field) == getattr(x, field), field
    assert [(m.key, m.value, m.step) for m in y.metrics] == [(m.key, m.value, m.step) for m in x.metrics]
    x, y = there.get_registered_model(written.model), here.get_registered_model(written.model)
    assert (y.description, y.tags, {a: int(v) for a, v in y.aliases.items()}) == (
        x.description,
        x.tags,
        {a: int(v) for a, v in x.aliases.items()},
    )
    for number in ("1", "2"):
        x, y = there.get_model_version(written.model, number), here.get_model_version(written.model, number)
        for field in ("run_id", "current_stage", "status", "tags", "creation_timestamp"):
            assert getattr(y, field) == getattr(x, field), field
        assert (y.description or "") == (x.description or "")
    source = here.get_model_version_download_uri(written.model, "2")
    assert source == f"{here.get_run(first).info.artifact_uri}/notes"


def test_a_file_store_comes_over_whole(binary: str, url: str, tmp_path: Path) -> None:
    written = Written(client_of(f"file:{tmp_path}/mlruns"), tmp_path)
    told = bring(binary, url, f"{tmp_path}/mlruns", tmp_path)
    assert (told["runs"], told["left_out"]) == (4, 0), told["not_carried"]
    compare(written, client_of(url))
    again = bring(binary, url, f"{tmp_path}/mlruns", tmp_path)
    assert (again["runs"], again["runs_unchanged"], again["models"]) == (0, 4, 0)
    compare(written, client_of(url))


def test_a_database_comes_over_whole_and_later_runs_follow(
    binary: str, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Without a server MLflow puts files into `mlruns` of the present folder.
    monkeypatch.chdir(tmp_path)
    source = f"sqlite:///{tmp_path}/m.db"
    written = Written(client_of(source), tmp_path)
    told = bring(binary, url, source, tmp_path)
    assert (told["runs"], told["left_out"]) == (4, 0), told["not_carried"]
    compare(written, client_of(url))
    number = written.client.get_experiment_by_name(written.experiment).experiment_id
    late = written.client.create_run(number).info.run_id
    written.client.log_metric(written.runs[1], "loss", 9.0, step=1000)
    again = bring(binary, url, source, tmp_path)
    assert (again["runs"], again["runs_unchanged"]) == (2, 3)
    written.runs.append(late)
    compare(written, client_of(url))


def test_an_import_that_is_killed_goes_on_and_doubles_nothing(binary: str, url: str, tmp_path: Path) -> None:
    written = Written(client_of(f"file:{tmp_path}/mlruns"), tmp_path, runs=60, points=400)
    ours = client_of(url)
    command = [binary, "--server", url, "import", "mlflow", f"{tmp_path}/mlruns", "--report", str(tmp_path / "r")]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        if ours.get_experiment_by_name(written.experiment) is not None:
            break
        time.sleep(0.01)
    time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    told = bring(binary, url, f"{tmp_path}/mlruns", tmp_path)
    assert told["runs"] + told["runs_unchanged"] == 61
    compare(written, ours)


def test_an_import_shows_how_far_it_is_to_who_watches(binary: str, url: str, tmp_path: Path) -> None:
    import pty

    Written(client_of(f"file:{tmp_path}/mlruns"), tmp_path, runs=60, points=200)
    command = [binary, "--server", url, "import", "mlflow", f"{tmp_path}/mlruns", "--report", str(tmp_path / "r")]
    parent, child = pty.openpty()
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=child, env={**os.environ, "TERM": "xterm"}
    )
    os.close(child)
    shown = b""
    while True:
        try:
            part = os.read(parent, 65_536)
        except OSError:
            break
        if not part:
            break
        shown += part
    os.close(parent)
    assert process.wait(60) == 0
    assert b"runs" in shown and shown.count(b"%") > 1, shown


def test_work_goes_on_where_it_was_after_an_import(binary: str, url: str, tmp_path: Path) -> None:
    written = Written(client_of(f"file:{tmp_path}/mlruns"), tmp_path)
    bring(binary, url, f"{tmp_path}/mlruns", tmp_path)
    ours = client_of(url)
    first = written.runs[0]
    ours.log_metric(first, "loss", 0.001, step=1_000)
    assert ours.get_run(first).data.metrics["loss"] == 0.001
    home = ours.get_experiment_by_name(written.experiment).experiment_id
    new = ours.create_run(home).info.run_id
    ours.log_text(new, "more", "notes/more.txt")
    found = ours.search_runs([home], "metrics.loss < 0.01 or tags.at = '1'")
    assert {run.info.run_id for run in found} == {first, written.runs[1]}
    third = ours.create_model_version(written.model, f"{ours.get_run(new).info.artifact_uri}/notes", run_id=new)
    assert str(third.version) == "3"
    ours.set_registered_model_alias(written.model, "champion", "3")
    assert str(ours.get_model_version_by_alias(written.model, "champion").version) == "3"
    ours.restore_run(written.runs[2])
    assert ours.get_run(written.runs[2]).info.lifecycle_stage == "active"
    # What was logged here stays when the import is repeated.
    bring(binary, url, f"{tmp_path}/mlruns", tmp_path)
    assert ours.get_run(first).data.metrics["loss"] == 0.001


@contextmanager
def serving(command: list[str], port: int, path: str, log: Path) -> Iterator[str]:
    with open(log, "wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out)
        try:
            address = f"http://127.0.0.1:{port}"
            deadline = time.monotonic() + 240
            while True:
                try:
                    urllib.request.urlopen(address + path, timeout=5).read()
                    break
                except OSError:
                    assert process.poll() is None, log.read_text()
                    assert time.monotonic() < deadline, log.read_text()
                    time.sleep(0.2)
            yield address
        finally:
            process.terminate()
            process.wait(30)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_running_server_of_ours_comes_over_by_rest(binary: str, url: str, tmp_path: Path) -> None:
    port = free_port()
    command = [binary, "up", "--port", str(port), "--data", str(tmp_path / "data"), "--log", "warn"]
    with serving(command, port, "/health", tmp_path / "log") as address:
        written = Written(client_of(address), tmp_path)
        told = bring(binary, url, address, tmp_path)
        assert (told["runs"], told["left_out"]) == (4, 0), told["not_carried"]
        compare(written, client_of(url))
        assert bring(binary, url, address, tmp_path)["runs"] == 0


@contextmanager
def mlflow_server(folder: Path, *more: str, **environment: str) -> Iterator[str]:
    """MLflow's own server on a fresh SQLite database."""
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--port", str(port), "--workers", "1", *more]
    command += ["--backend-store-uri", f"sqlite:///{folder}/m.db", "--artifacts-destination", f"{folder}/files"]
    changed = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", **environment}
    before = {name: os.environ.get(name) for name in changed}
    os.environ.update(changed)
    try:
        with serving(command, port, "/health", folder / "log") as address:
            yield address
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def test_a_running_mlflow_server_comes_over_by_rest(binary: str, url: str, tmp_path: Path) -> None:
    with mlflow_server(tmp_path) as address:
        written = Written(client_of(address), tmp_path)
        told = bring(binary, url, address, tmp_path)
        assert (told["runs"], told["left_out"]) == (4, 0), told["not_carried"]
        compare(written, client_of(url))


def refused(binary: str, url: str, source: str, folder: Path, **credentials: str) -> str:
    """What an import says that is not let in; the password is never part of it."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_TRACKING_")}
    command = [binary, "--server", url, "import", "mlflow", source, "--report", str(folder / "none.json")]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, env={**clean, **credentials})
    assert ended.returncode == 1, ended.stdout
    for secret in credentials.values():
        assert secret not in ended.stdout + ended.stderr
    return ended.stderr


def test_a_server_that_asks_for_a_password_gets_it(
    binary: str, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "auth.ini"
    config.write_text(
        f"[mlflow]\ndefault_permission = READ\ndatabase_uri = sqlite:///{tmp_path}/auth.db\nadmin_username = admin\n"
        "admin_password = a p@ss/w:rd%%1\nauthorization_function = mlflow.server.auth:authenticate_request_basic_auth\n",
    )
    secrets = {"MLFLOW_AUTH_CONFIG_PATH": str(config), "MLFLOW_FLASK_SERVER_SECRET_KEY": "for this test"}
    with mlflow_server(tmp_path, "--app-name", "basic-auth", **secrets) as address:
        said = refused(binary, url, address, tmp_path)
        assert "401" in said and "MLFLOW_TRACKING_USERNAME" in said
        wrong = {"MLFLOW_TRACKING_USERNAME": "admin", "MLFLOW_TRACKING_PASSWORD": "not-this-one"}
        assert "401" in refused(binary, url, address, tmp_path, **wrong)
        # In the address MLflow's client takes it too; the variables would be shown to both servers.
        known = address.replace("://", "://admin:a%20p%40ss%2Fw%3Ard%251@")
        written = Written(client_of(known), tmp_path)
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "admin")
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "a p@ss/w:rd%1")
        told = bring(binary, url, address, tmp_path)
        assert (told["runs"], told["left_out"]) == (4, 0), told["not_carried"]
        monkeypatch.delenv("MLFLOW_TRACKING_USERNAME")
        monkeypatch.delenv("MLFLOW_TRACKING_PASSWORD")
        compare(written, client_of(url))
        again = bring(binary, url, known, tmp_path)
        assert (again["runs"], again["runs_unchanged"]) == (0, 4)
        for report in (told, again):
            assert "ss%2Fw" not in json.dumps(report) and "ss/w" not in json.dumps(report)


@contextmanager
def behind_a_token(address: str, token: str) -> Iterator[str]:
    """A proxy before a server that lets through who shows the token."""

    class Proxy(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            if self.headers.get("Authorization") != f"Bearer {token}":
                self.answer(401, b'{"error_code": "UNAUTHENTICATED", "message": "who are you?"}')
                return
            asked = urllib.request.Request(address + self.path, body or None, method=self.command)
            asked.add_header("Content-Type", self.headers.get("Content-Type", "application/json"))
            try:
                with urllib.request.urlopen(asked, timeout=60) as answer:
                    self.answer(answer.status, answer.read())
            except urllib.error.HTTPError as error:
                self.answer(error.code, error.read())

        do_GET = do_POST

        def answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_server_that_asks_for_a_token_gets_it(
    binary: str, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    command = [binary, "up", "--port", str(port), "--data", str(tmp_path / "data"), "--log", "warn"]
    with serving(command, port, "/health", tmp_path / "log") as address:
        written = Written(client_of(address), tmp_path)
        with behind_a_token(address, "let-me-in") as guarded:
            assert "401" in refused(binary, url, guarded, tmp_path, MLFLOW_TRACKING_TOKEN="not-this-one")
            monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "let-me-in")
            told = bring(binary, url, guarded, tmp_path)
            monkeypatch.delenv("MLFLOW_TRACKING_TOKEN")
        assert (told["runs"], told["left_out"]) == (4, 0), told["not_carried"]
        compare(written, client_of(url))


@pytest.fixture
def postgres() -> Iterator[tuple[str, str]]:
    """A fresh database: its address for who owns it, and for a reader whose password PostgreSQL checks."""
    address = os.environ.get("GINGHAM_TEST_POSTGRES")
    if not address:
        pytest.skip("GINGHAM_TEST_POSTGRES names no server; `cargo xtask test mlflow-whole` starts one")
    psycopg2 = pytest.importorskip("psycopg2")
    name = f"mlflow_{uuid.uuid4().hex[:8]}"
    connection = psycopg2.connect(address)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(f"create database {name}")
        cursor.execute(f"create role reader_{name} login password 'p@ss/w:rd 1'")
        # Nobody else's rule is changed: this one stands before all of them.
        cursor.execute("select current_setting('hba_file')")
        rules = cursor.fetchone()[0]
        cursor.execute("select pg_read_file(%s)", (rules,))
        kept = cursor.fetchone()[0]
        rule = f"host {name} reader_{name} 127.0.0.1/32 scram-sha-256"
        # Tabs and backslashes have a meaning where rows are copied to a file; rules have none of them that matters.
        lines = [rule, *(line.replace("\t", " ") for line in kept.splitlines() if "\\" not in line)]
        values = ", ".join(["(%s::text)"] * len(lines))
        cursor.execute(f"copy (values {cursor.mogrify(values, lines).decode()}) to '{rules}'")
        cursor.execute("select pg_reload_conf()")
    connection.close()
    at = urlsplit(address)
    place = f"{at.hostname}:{at.port}/{name}"
    # MLflow's clients name the driver; without one SQLAlchemy takes another than this.
    yield f"postgresql+psycopg2://{at.username}@{place}", f"postgresql://reader_{name}:p%40ss%2Fw%3Ard%201@{place}"


def plain(address: str) -> str:
    """Without the name of the driver."""
    return address.replace("+psycopg2", "")


def test_a_postgresql_database_comes_over_whole_and_later_runs_follow(
    binary: str, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgres: tuple[str, str]
) -> None:
    import psycopg2

    monkeypatch.chdir(tmp_path)
    owned, read_only = postgres
    written = Written(client_of(owned), tmp_path)
    said = refused(binary, url, read_only, tmp_path)
    assert "permission denied" in said, "a reader without rights is told so"
    with psycopg2.connect(plain(owned)) as connection, connection.cursor() as cursor:
        reader = urlsplit(read_only).username
        cursor.execute(f"grant select on all tables in schema public to {reader}")
    wrong = read_only.replace("ss%2Fw", "xx")
    said = refused(binary, url, wrong, tmp_path)
    assert "password authentication failed" in said and "p%40xx" not in said and "p@xx" not in said
    told = bring(binary, url, read_only, tmp_path)
    assert (told["runs"], told["left_out"]) == (4, 0), told["not_carried"]
    assert "w%3Ard" not in json.dumps(told) and "w:rd" not in json.dumps(told)
    compare(written, client_of(url))
    number = written.client.get_experiment_by_name(written.experiment).experiment_id
    late = written.client.create_run(number).info.run_id
    written.client.log_metric(written.runs[1], "loss", 9.0, step=1000)
    again = bring(binary, url, owned, tmp_path)
    assert (again["runs"], again["runs_unchanged"]) == (2, 3)
    written.runs.append(late)
    compare(written, client_of(url))


def test_an_import_only_reads_the_postgresql_database(
    binary: str, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgres: tuple[str, str]
) -> None:
    import psycopg2

    monkeypatch.chdir(tmp_path)
    owned, _ = postgres
    empty = refused(binary, url, owned, tmp_path)
    assert "holds no tables of MLflow" in empty
    Written(client_of(owned), tmp_path)

    def written_rows() -> Any:
        with psycopg2.connect(plain(owned)) as connection, connection.cursor() as cursor:
            cursor.execute("select relname, n_live_tup, n_tup_ins, n_tup_upd, n_tup_del from pg_stat_user_tables order by 1")
            return cursor.fetchall()

    before = written_rows()
    assert bring(binary, url, owned, tmp_path)["runs"] == 4
    assert written_rows() == before


def test_what_is_no_store_is_said_to_be_none(binary: str, url: str, tmp_path: Path) -> None:
    ended = subprocess.run(
        [binary, "--server", url, "import", "mlflow", str(tmp_path / "nothing")], capture_output=True, text=True
    )
    assert ended.returncode == 1
    assert "is no tracking store" in ended.stderr and "hint:" in ended.stderr
