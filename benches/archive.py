"""The prediction archive under load: durable ingest, look-ups and questions, beside what they are measured against.

    python archive.py URL DATA_FOLDER ROWS

prints JSON. `URL` is a running server whose data folder is `DATA_FOLDER`; `ROWS` predictions of 25 columns are sent to it as
Arrow in calls of 20,000 rows, each acknowledged when its rows are on the disk. Beside it stands pyarrow's Parquet writer, which
encodes the same rows with the same compression and no promise. Questions are asked of the server and of DuckDB on the same files.
"""

from __future__ import annotations

import glob
import io
import json
import os
import statistics
import sys
import time
import urllib.request
import uuid

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq

CALL = 20_000
MODEL = "bench"
QUESTIONS = [
    "select count(*) as n, avg(prediction) as mean, max(n0) as most from {t}",
    "select c0, count(*) as n, avg(n1) as mean from {t} group by c0 order by c0",
    "select date_trunc('day', event_time) as day, avg(prediction - n2) as off, stddev(n3) as spread from {t} group by 1 order by 1",
    "select c1, c2, sum(n4) as total from {t} where n5 > 0.5 group by c1, c2 order by total desc limit 20",
]


def batch(rng: np.random.Generator, number: int) -> pa.Table:
    started = 1_760_000_000_000_000 + number * CALL * 100_000
    columns: dict[str, object] = {
        "prediction_id": [str(uuid.UUID(int=(0x0199 << 112) | (7 << 76) | (2 << 62) | (number * CALL + row))) for row in range(CALL)],
        "event_time": pa.array(started + np.arange(CALL) * 100_000, pa.timestamp("us", tz="UTC")),
        "entity": [f"c-{row % 5_000}" for row in range(CALL)],
        "prediction": rng.random(CALL),
    }
    for at in range(16):
        columns[f"n{at}"] = rng.normal(0, 1, CALL) if at % 2 else rng.exponential(2.0, CALL).round(2)
    for at, levels in enumerate([3, 5, 12, 40, 200]):
        columns[f"c{at}"] = rng.choice([f"v{i}" for i in range(levels)], CALL)
    return pa.table(columns)


def post(url: str, path: str, body: bytes, kind: str) -> bytes:
    request = urllib.request.Request(url + path, data=body, headers={"content-type": kind}, method="POST")
    with urllib.request.urlopen(request, timeout=600) as answer:
        return answer.read()


def sql(url: str, query: str) -> tuple[list[list[object]], float]:
    began = time.perf_counter()
    answer = json.loads(post(url, "/api/v1/sql", json.dumps({"query": query, "limit": 10_000}).encode(), "application/json"))
    return answer["rows"], time.perf_counter() - began


def main() -> None:
    url, folder, rows = sys.argv[1], sys.argv[2], int(sys.argv[3])
    rng = np.random.default_rng(7)
    calls = max(rows // CALL, 1)
    sent = encoded = 0.0
    latencies, ids = [], []
    for number in range(calls):
        table = batch(rng, number)
        ids.append(table["prediction_id"][number % CALL].as_py())
        sink = io.BytesIO()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        body = sink.getvalue()
        began = time.perf_counter()
        post(url, f"/api/v1/models/{MODEL}/predictions", body, "application/vnd.apache.arrow.stream")
        latencies.append(time.perf_counter() - began)
        sent += latencies[-1]
        began = time.process_time()
        pq.write_table(table, io.BytesIO(), compression="zstd")
        encoded += time.process_time() - began
    # Everything is committed once a minute at the latest; wait until the files hold it.
    files: list[str] = []
    for _ in range(240):
        files = glob.glob(os.path.join(folder, "archive", MODEL, "predictions", "*.parquet"))
        if files and duckdb.sql(f"select count(*) from read_parquet({files!r})").fetchone()[0] >= calls * CALL:
            break
        time.sleep(1)
    looked_up = []
    for id in ids[:50]:
        began = time.perf_counter()
        with urllib.request.urlopen(f"{url}/api/v1/predictions/{id}", timeout=60) as answer:
            answer.read()
        looked_up.append(time.perf_counter() - began)
    ours, theirs = 0.0, 0.0
    for question in QUESTIONS:
        asked = [sql(url, question.format(t=f'"{MODEL}".predictions'))[1] for _ in range(5)]
        beside = []
        for _ in range(5):
            connection = duckdb.connect()
            connection.execute("set timezone = 'UTC'")
            began = time.perf_counter()
            connection.execute(question.format(t=f"read_parquet({files!r})")).fetchall()
            beside.append(time.perf_counter() - began)
        ours += statistics.median(asked)
        theirs += statistics.median(beside)
    reports = []
    # The first look sums up what has come; those after it are what a person waits for.
    for _ in range(6):
        began = time.perf_counter()
        with urllib.request.urlopen(f"{url}/api/v1/monitors/{MODEL}/profile", timeout=600) as answer:
            json.load(answer)
        reports.append(time.perf_counter() - began)
    print(
        json.dumps(
            {
                "rows": calls * CALL,
                "ingest_rows_s": calls * CALL / sent,
                "encode_rows_s": calls * CALL / encoded,
                "ingest_call_p50_ms": statistics.median(latencies) * 1e3,
                "look_up_ms": [value * 1e3 for value in looked_up],
                "questions_ms": ours * 1e3,
                "duckdb_ms": theirs * 1e3,
                "first_report_ms": reports[0] * 1e3,
                "report_ms": [value * 1e3 for value in reports[1:]],
            }
        )
    )


if __name__ == "__main__":
    main()
