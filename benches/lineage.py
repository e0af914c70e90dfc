"""The graph of lineage with a million edges: told through the doors that other tools use, asked over HTTP.

usage: lineage.py GINGHAM FOLDER [--quick]

100,000 datasets; each run reads ten of them and writes ten: its job, the run and its datasets are 21 edges. First one
emitter tells of runs, each event acknowledged before the next, then sixteen at once, then the rest comes in batches of
500; beside it what this disk does: a block written and flushed, again and again. Then things are drawn by chance, and what
is up to three steps from them is asked for, both ways, as the interface does; on SQLite the same question also goes to the
same database in one recursive query.

GINGHAM_LINEAGE_EDGES says how many edges, GINGHAM_BENCH_DATABASE an empty PostgreSQL database to keep them in.
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
from multiprocessing import get_context
from pathlib import Path
from urllib.parse import quote

GINGHAM, FOLDER = sys.argv[1], Path(sys.argv[2])
QUICK = "--quick" in sys.argv
EDGES = int(os.environ.get("GINGHAM_LINEAGE_EDGES", "50000" if QUICK else "1000000"))
DATABASE = os.environ.get("GINGHAM_BENCH_DATABASE")
RUNS = EDGES // 21
ALONE = min(RUNS // 8, 2_000)
TOGETHER, EMITTERS = min(RUNS // 4, 16_000), 16
BATCH = 500
DATASETS = max(RUNS * 2, 100)
ASKED = 200
Process = get_context("fork").Process
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


def flushes_a_second() -> float:
    """How often this disk writes a block to a file and flushes it."""
    with (FOLDER / "flushed").open("wb") as file:
        start = time.monotonic()
        for _ in range(200):
            file.write(bytes(4_096))
            file.flush()
            os.fdatasync(file.fileno())
        return 200 / (time.monotonic() - start)


def server_cpu_ms() -> float:
    fields = Path(f"/proc/{server.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") * 1000


def told(how: str, count: int, seconds: float, cpu_ms: float) -> None:
    note(f"events taken {how}, a second", count / seconds)
    note(f"events taken {how}, server CPU ms each", cpu_ms / count)


def ask(client: http.client.HTTPConnection, method: str, path: str, body: str | None = None) -> bytes:
    client.request(method, path, body, {"Content-Type": "application/json"})
    answer = client.getresponse()
    text = answer.read()
    if answer.status >= 300:
        raise SystemExit(f"{path}: {answer.status} {text[:300]!r}")
    return text


def tell(bodies: list[str]) -> None:
    client = connection()
    for body in bodies:
        ask(client, "POST", "/api/v1/lineage", body)


def connection() -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", port, timeout=120)


with socket.socket() as listener:
    listener.bind(("127.0.0.1", 0))
    port = listener.getsockname()[1]
FOLDER.mkdir(parents=True)
command = [GINGHAM, "up", "--data", str(FOLDER / "data"), "--port", str(port), "--log", "error"]
server = subprocess.Popen(
    command + (["--database", DATABASE] if DATABASE else []),
    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
)
try:
    for _ in range(600):
        try:
            client = connection()
            client.request("GET", "/health")
            client.getresponse().read()
            break
        except OSError:
            time.sleep(0.1)

    note("flushes of this disk, a second", flushes_a_second())
    bodies = [event(number) for number in range(ALONE + TOGETHER)]
    cpu, start = server_cpu_ms(), time.monotonic()
    tell(bodies[:ALONE])
    told("of one emitter", ALONE, time.monotonic() - start, server_cpu_ms() - cpu)
    # Emitters are programs of their own.
    emitters = [Process(target=tell, args=(bodies[ALONE + emitter::EMITTERS],)) for emitter in range(EMITTERS)]
    cpu, start = server_cpu_ms(), time.monotonic()
    for emitter in emitters:
        emitter.start()
    for emitter in emitters:
        emitter.join()
    told("of 16 emitters", TOGETHER, time.monotonic() - start, server_cpu_ms() - cpu)
    client = connection()
    spent, cpu, rest = 1e-9, server_cpu_ms(), range(ALONE + TOGETHER, RUNS)
    for begin in range(0, len(rest), BATCH):
        batch = "[" + ",".join(event(number) for number in rest[begin:begin + BATCH]) + "]"
        start = time.monotonic()
        answer = json.loads(ask(client, "POST", "/api/v1/lineage/batch", batch))
        spent += time.monotonic() - start
        if answer["status"] != "success":
            raise SystemExit(f"{answer}")
    told("in batches", len(rest), spent, server_cpu_ms() - cpu)
    drawn = [f"dataset:s3://lake/tables/{chance.randrange(DATASETS)}" for _ in range(ASKED)]
    if not DATABASE:
        database = sqlite3.connect(f"file:{FOLDER / 'data/gingham.db'}?mode=ro", uri=True)
        note("edges", database.execute("select count(*) from lineage_steps").fetchone()[0])
        note("things", database.execute("select count(*) from lineage_nodes").fetchone()[0])
    taken, sizes, plain = [], [], []
    recursive = """
        with recursive near (number, depth) as (
            select number, 0 from lineage_nodes where id = ?
            union select e.source, depth + 1 from near join lineage_steps e on e.target = near.number where depth < 3
        ) select n.id from lineage_nodes n where n.number in (select number from near limit 500)"""
    for one in drawn:
        start = time.monotonic()
        graph = json.loads(ask(client, "GET", f"/api/v1/lineage/graph?object={quote(one, safe='')}&depth=3"))
        taken.append((time.monotonic() - start) * 1000)
        sizes.append(len(graph["nodes"]))
        if not DATABASE:
            start = time.monotonic()
            database.execute(recursive, (one,)).fetchall()
            plain.append((time.monotonic() - start) * 1000)
    note("things in an answer, median", share(sizes, 0.5))
    note("3 steps both ways, median ms", share(taken, 0.5))
    note("3 steps both ways, 95 of 100 ms", share(taken, 0.95))
    note("3 steps both ways, slowest ms", max(taken))
    if plain:
        note("one recursive query, one way, median ms", share(plain, 0.5))
    with open(f"/proc/{server.pid}/status") as status:
        peak = next(line for line in status if line.startswith("VmHWM:"))
    note("server: most memory, MB", int(peak.split()[1]) / 1024)
finally:
    os.killpg(server.pid, signal.SIGTERM)
    server.wait(timeout=60)
print(json.dumps(found))
