"""A model that is served elsewhere, watched with the lines that the guide shows."""

from __future__ import annotations

import csv
import random
import re
import threading
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pandas
import pyarrow
import pytest

import gingham
from gingham._archive import new_id

Fresh = Callable[[str], str]

GUIDE = Path(__file__).parents[2] / "docs" / "served-elsewhere.md"
START = datetime(2026, 1, 1, tzinfo=timezone.utc)
DAYS = 21
CHANGED_ON_DAY = 14


def lines_of_the_guide() -> str:
    code = re.search(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    assert code is not None
    return code.group(1)


def write_files(folder: Path) -> None:
    """Three weeks of 96 customers a day; in the third the age is told in months."""
    chance = random.Random(7)
    with open(folder / "scored.csv", "w") as scored, open(folder / "outcomes.csv", "w") as outcomes:
        rows, labels = csv.writer(scored), csv.writer(outcomes)
        rows.writerow(["event_time", "customer", "age", "plan", "score"])
        labels.writerow(["event_time", "customer", "churned"])
        for quarter in range(DAYS * 96):
            at = (START + timedelta(minutes=15 * quarter)).isoformat()
            age = chance.gauss(40, 9) * (12 if quarter >= CHANGED_ON_DAY * 96 else 1)
            score = chance.random()
            rows.writerow([at, f"c{quarter}", age, chance.choice(["gold", "basic"]), score])
            labels.writerow([at, f"c{quarter}", int(chance.random() < score)])


def test_the_lines_of_the_guide_watch_a_model(
    client: gingham.Client, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fresh: Fresh
) -> None:
    code = lines_of_the_guide()
    assert len([line for line in code.splitlines() if line.strip()]) <= 10
    model = fresh("churn")
    code = code.replace('model="churn"', f'model="{model}"')
    write_files(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GINGHAM_URL", url)
    exec(compile(code, str(GUIDE), "exec"), {})
    exec(compile(code, str(GUIDE), "exec"), {})  # a script that is started again
    counted = client.sql(
        f'select count(*) as n, count(label) as labels, avg(age) as age from "{model}".scored'
    )[0]
    assert (counted["n"], counted["labels"]) == (DAYS * 96, DAYS * 96), counted
    seen = client._transport.post(f"/api/v1/monitors/{model}/evaluate", {})
    assert seen["windows_evaluated"] >= DAYS - 1
    alerts = seen["alerts_opened"]
    assert alerts and all("age" in str(alert) for alert in alerts), seen


def test_frames_tables_and_dicts_are_kept_once(client: gingham.Client, fresh: Fresh) -> None:
    model = fresh("elsewhere")
    frame = pandas.DataFrame(
        {
            "prediction": [0.5, 0.25],
            "plan": pandas.Categorical(["gold", None]),
            "age": [41.0, float("nan")],
            "event_time": pandas.to_datetime(["2026-01-01", "2026-01-02"], utc=True),
        }
    )
    logged = client.log_predictions(frame, model=model, version=2)
    assert (logged.taken, logged.repeated, len(set(logged))) == (2, 0, 2)
    again = client.log_predictions(frame.assign(prediction_id=list(logged)), model=model)
    assert (again.taken, again.repeated) == (0, 2)
    table = pyarrow.table({"prediction": [1.0], "city": ["Oslo"]})
    assert client.log_predictions(table, model=model).taken == 1
    rows = [{"prediction": True, "age": None, "event_time": datetime(2026, 1, 3)}]
    dicts = client.log_predictions(rows, model=model)
    assert dicts.taken == 1
    told = client.log_outcomes(
        [{"prediction_id": id, "label": 1} for id in [*logged, *dicts]], model=model
    )
    assert told.taken == 3
    scored = client.sql(f'select prediction, label, plan, age from "{model}".scored order by event_time')
    assert [row["prediction"] for row in scored] == [0.5, 0.25, 1.0, 1.0]
    assert [row["label"] for row in scored] == [1.0, 1.0, 1.0, None]
    assert scored[0]["plan"] == "gold" and scored[1]["plan"] is None and scored[1]["age"] is None
    with pytest.raises(gingham.Conflict) as refused:
        client.log_predictions([{"prediction": 1, "age": "old"}], model=model)
    assert "`age`" in refused.value.detail
    then = client.sql(f'select * from "{model}".scored', known_by="2026-01-01T00:00:00Z")
    assert len(then) == 0


def test_many_rows_go_in_batches(client: gingham.Client, fresh: Fresh) -> None:
    model = fresh("many")
    logged = client.log_predictions(pandas.DataFrame({"prediction": range(45_000)}), model=model)
    assert logged.taken == 45_000 and len(set(logged)) == 45_000


def test_a_batch_is_sent_again_after_a_lost_answer(fresh: Fresh) -> None:
    bodies: list[bytes] = []

    class Flaky(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(503 if len(bodies) < 3 else 200)
            self.end_headers()
            if len(bodies) >= 3:
                self.wfile.write(b'{"taken": 1, "repeated": 0}')

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Flaky)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    flaky = gingham.connect(f"http://127.0.0.1:{server.server_port}")
    assert flaky.log_predictions([{"prediction": 1}], model=fresh("m")).taken == 1
    server.shutdown()
    server.server_close()
    assert len(bodies) == 3 and len(set(bodies)) == 1


def test_new_ids_are_of_version_seven() -> None:
    ids = [uuid.UUID(new_id()) for _ in range(100)]
    assert all(id.version == 7 and id.variant == uuid.RFC_4122 for id in ids)
    assert len(set(ids)) == 100
