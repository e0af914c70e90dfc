"""The graph of lineage with a million edges: told through the door that other tools use, asked over HTTP.

usage: lineage.py GINGHAM FOLDER [--quick]

100,000 datasets; each run reads ten of them and writes ten: its job, the run and its datasets are 21 edges. Then things are
drawn by chance, and what is up to three steps from them is asked for, both ways, as the interface does. Beside it the same
question to the same database in one recursive query.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import uuid
from pathlib import Path
from urllib.parse import quote

GINGHAM, FOLDER = sys.argv[1], Path(sys.argv[2])
QUICK = "--quick" in sys.argv
EDGES = 50_000 if QUICK else 1_000_000
RUNS = EDGES // 21
DATASETS = max(RUNS * 2, 100)
ASKED = 200
found: dict[str, float] = {}
chance = random.Random(11)


def note(name: str, value: float) -> None:
    found[name] = round(value, 4)
    print(f"  {name:<52} {value:10.3f}", file=sys.stderr, flush=True)


def dataset(number: int) -> dict[str, str]:
    return {"namespace": "s3://lake", "name": f"tables/{number}"}


def event(number: int) -> str:
    # Data flows on: what is written lies behind what is read, as in a real pipeline, and not too far.
    middle = chance.randrange(DATASETS)
    reads = {max(middle - chance.randrange(1, 200), 0) for _ in range(14)}
    writes = {min(middle + chance.randrange(200), DATASETS - 1) for _ in range(14)}
    return json.dumps({
        "eventTime": "2026-01-31T12:00:00Z", "eventType": "COMPLETE", "producer": "https://example.org/bench",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": str(uuid.UUID(int=number + 1))}, "job": {"namespace": "bench", "name": f"job-{number % 500}"},
        "inputs": [dataset(one) for one in sorted(reads)[:10]], "outputs": [dataset(one) for one in sorted(writes)[:10]],
    })


def share(values: list[float], part: float) -> float:
    return sorted(values)[min(int(len(values) * part), len(values) - 1)]


with socket.socket() as listener:
    listener.bind(("127.0.0.1", 0))
    port = listener.getsockname()[1]
FOLDER.mkdir(parents=True)
server = subprocess.Popen(
    [GINGHAM, "up", "--data", str(FOLDER / "data"), "--port", str(port), "--log", "error"],
    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
)
try:
    for _ in range(600):
        try:
            client = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
            client.request("GET", "/health")
            client.getresponse().read()
            break
        except OSError:
            time.sleep(0.1)

    def ask(method: str, path: str, body: str | None = None) -> bytes:
        client.request(method, path, body, {"Content-Type": "application/json"})
        answer = client.getresponse()
        text = answer.read()
        if answer.status >= 300:
            raise SystemExit(f"{path}: {answer.status} {text[:300]!r}")
        return text

    start = time.monotonic()
    for number in range(RUNS):
        ask("POST", "/api/v1/lineage", event(number))
    note("events taken, a second", RUNS / (time.monotonic() - start))
    database = sqlite3.connect(f"file:{FOLDER / 'data/gingham.db'}?mode=ro", uri=True)
    (edges,) = database.execute("select count(*) from lineage_edges").fetchone()
    (nodes,) = database.execute("select count(*) from lineage_nodes").fetchone()
    note("edges", edges)
    note("nodes", nodes)
    ids = [id for (id,) in database.execute("select id from lineage_nodes where kind = 'dataset'")]
    drawn = [chance.choice(ids) for _ in range(ASKED)]
    taken, sizes, plain = [], [], []
    recursive = """
        with recursive near (number, depth) as (
            select number, 0 from lineage_nodes where id = ?
            union select e.source, depth + 1 from near join lineage_edges e on e.target = near.number where depth < 3
        ) select n.id from lineage_nodes n where n.number in (select number from near limit 500)"""
    for one in drawn:
        start = time.monotonic()
        graph = json.loads(ask("GET", f"/api/v1/lineage/graph?object={quote(one, safe='')}&depth=3"))
        taken.append((time.monotonic() - start) * 1000)
        sizes.append(len(graph["nodes"]))
        start = time.monotonic()
        database.execute(recursive, (one,)).fetchall()
        plain.append((time.monotonic() - start) * 1000)
    note("things in an answer, median", share(sizes, 0.5))
    note("3 steps both ways, median ms", share(taken, 0.5))
    note("3 steps both ways, 95 of 100 ms", share(taken, 0.95))
    note("3 steps both ways, slowest ms", max(taken))
    note("one recursive query, one way, median ms", share(plain, 0.5))
    with open(f"/proc/{server.pid}/status") as status:
        peak = next(line for line in status if line.startswith("VmHWM:"))
    note("server: most memory, MB", int(peak.split()[1]) / 1024)
finally:
    os.killpg(server.pid, signal.SIGTERM)
    server.wait(timeout=60)
print(json.dumps(found))
