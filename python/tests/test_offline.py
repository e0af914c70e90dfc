"""What is logged without a server is kept here, and comes up exactly once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import gingham
from gingham import _sync
from gingham._transport import Transport

NOWHERE = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GINGHAM_SPOOL", str(tmp_path / "spool"))
    return tmp_path / "spool"


def logged(client: gingham.Client, experiment: str, points: int = 20) -> str:
    with client.runs.start(experiment=experiment, name="away", tags={"team": "blue"}) as run:
        run.log_params({"rate": 0.1})
        for step in range(points):
            run.log_metric("loss", 1.0 / (step + 1), step=step)
        run.log_metric("odd", float("nan"))
        run.set_tag("team", "red")
    return run.id


def test_a_run_without_a_server_comes_up_later(
    client: gingham.Client, fresh: Callable[[str], str], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    away = gingham.connect(NOWHERE)
    run_id = logged(away, fresh("away"))
    assert "cannot be reached" in capsys.readouterr().err
    assert len(list(folder.glob("*.jsonl"))) == 1
    with pytest.raises(gingham.Unavailable):
        away.sync()
    synced = client.sync()
    assert (synced.spools, synced.records, synced.refused) == (1, 26, [])
    run: Any = client.runs.get(run_id).read()
    assert (run["name"], run["status"], run["tags"]["team"]) == ("away", "FINISHED", "red")
    assert len(client.runs.get(run_id).metric("loss")) == 20
    assert list(folder.iterdir()) == []
    assert client.sync().records == 0


def test_a_sync_that_is_cut_off_is_repeated_without_doubling(
    client: gingham.Client,
    fresh: Callable[[str], str],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run_id = logged(gingham.connect(NOWHERE, offline="always"), fresh("cut"))
    monkeypatch.setattr(_sync, "LINES", 7)
    sent: list[int] = []
    upload = Transport.upload

    def cut_off(self: Transport, path: str, body: Any, **more: Any) -> Any:
        answer = upload(self, path, body, **more)
        sent.append(len(body))
        if len(sent) == 2:
            # The server has applied it; the answer is lost on its way.
            raise gingham.Unavailable("cut off", code="server_unreachable")
        return answer

    monkeypatch.setattr(Transport, "upload", cut_off)
    with pytest.raises(gingham.Unavailable):
        client.sync()
    monkeypatch.setattr(Transport, "upload", upload)
    # Meanwhile somebody changes what the lost batch had written.
    monkeypatch.setattr(_sync, "LINES", 500)
    client.runs.get(run_id).set_tag("team", "green")
    repeated: list[bool] = []

    def watched(self: Transport, path: str, body: Any, **more: Any) -> Any:
        answer = upload(self, path, body, **more)
        repeated.append(answer["repeated"])
        return answer

    monkeypatch.setattr(Transport, "upload", watched)
    client.sync()
    assert repeated == [True, False]
    assert len(client.runs.get(run_id).metric("loss")) == 20


def test_a_server_that_goes_away_in_the_middle_stops_nobody(
    client: gingham.Client, fresh: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = client.runs.start(experiment=fresh("middle"))
    run.log_metric("loss", 1.0, step=0)
    transport = client._transport
    address = transport.url
    monkeypatch.setattr(transport, "url", NOWHERE)
    run.log_metric("loss", 0.5, step=1)
    assert run.is_offline
    monkeypatch.setattr(transport, "url", address)
    run.log_metric("loss", 0.25, step=2)
    run.end()
    assert [point["value"] for point in client.runs.get(run.id).metric("loss")] == [1.0, 0.5, 0.25]


def test_spools_are_bounded_and_private(
    fresh: Callable[[str], str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GINGHAM_SPOOL_BYTES", "2000")
    run = gingham.connect(NOWHERE, offline="always").runs.start(experiment=fresh("full"))
    spool = next(folder.glob("*.jsonl"))
    assert spool.stat().st_mode & 0o077 == 0
    with pytest.raises(gingham.GinghamError) as caught:
        for step in range(100):
            run.log_metric("loss", 1.0, step=step)
    assert caught.value.code == "spool_full"
    assert sum(path.stat().st_size for path in folder.glob("*.jsonl")) <= 2000


def test_a_line_that_was_cut_off_is_left_where_it_is(
    client: gingham.Client, fresh: Callable[[str], str], folder: Path
) -> None:
    run_id = logged(gingham.connect(NOWHERE), fresh("torn"))
    spool = next(folder.glob("*.jsonl"))
    with open(spool, "ab") as file:
        file.write(b'{"kind": "tags", "run"')
    client.sync()
    assert client.runs.get(run_id).read()["status"] == "FINISHED"
    assert spool.exists()


def test_never_offline_means_never(fresh: Callable[[str], str], folder: Path) -> None:
    with pytest.raises(gingham.Unavailable):
        gingham.connect(NOWHERE, offline="never").runs.start(experiment=fresh("never"))
    assert not folder.exists()


def test_what_the_server_refuses_is_told(
    client: gingham.Client, fresh: Callable[[str], str]
) -> None:
    run = gingham.connect(NOWHERE).runs.start(experiment=fresh("refused"))
    run.log_param("rate", 1)
    run.log_param("rate", 2)
    run.end()
    synced = client.sync()
    assert [refused["code"] for refused in synced.refused] == ["param_changed"]
    assert client.runs.get(run.id).read()["params"] == {"rate": "1"}


@pytest.mark.parametrize("by", ["module", "binary"])
def test_both_programs_bring_spools_up(
    by: str, client: gingham.Client, fresh: Callable[[str], str], folder: Path
) -> None:
    run_id = logged(gingham.connect(NOWHERE), fresh("programs"), points=700)
    if by == "module":
        command = [sys.executable, "-m", "gingham", "sync", "--server", client.url]
    else:
        binary = os.environ.get("GINGHAM_BINARY")
        if not binary:
            pytest.skip("GINGHAM_BINARY names no binary; `cargo xtask test clients` builds one")
        command = [binary, "--server", client.url, "--json", "sync"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr
    if by == "binary":
        assert json.loads(ended.stdout)["records"] == 706
    assert client.runs.get(run_id).read()["metrics"]["loss"] == pytest.approx(1 / 700)
    assert list(folder.glob("*.jsonl")) == []
