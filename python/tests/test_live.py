"""A run as it goes, over server-sent events: many watchers, lines that are cut and taken up again, watchers that do not read."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any, Optional
from urllib.parse import urlsplit

import requests

API = "/api/2.0/mlflow"
Frame = tuple[str, str, Any]


def post(url: str, path: str, body: object) -> Any:
    answer = requests.post(f"{url}{API}/{path}", json=body, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.json()


def new_run(url: str) -> str:
    return str(post(url, "runs/create", {"experiment_id": "0", "start_time": 1})["run"]["info"]["run_id"])


async def log(url: str, run: str, first: int, count: int) -> None:
    """Points of the metric `m`, one step after the other."""
    points = [{"key": "m", "value": step / 2, "timestamp": step, "step": step} for step in range(first, first + count)]
    await asyncio.to_thread(post, url, "runs/log-batch", {"run_id": run, "metrics": points})


async def end(url: str, run: str) -> None:
    await asyncio.to_thread(post, url, "runs/update", {"run_id": run, "status": "FINISHED", "end_time": 2})


async def opened(url: str, run: str, last: Optional[str] = None) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    at = urlsplit(url)
    reader, writer = await asyncio.open_connection(at.hostname, at.port, limit=1 << 22)
    head = f"GET /api/v1/runs/{run}/live HTTP/1.0\r\nHost: {at.netloc}\r\nAccept: text/event-stream\r\n"
    head += f"Last-Event-ID: {last}\r\n" if last else ""
    writer.write((head + "\r\n").encode())
    await writer.drain()
    answer = await reader.readuntil(b"\r\n\r\n")
    assert b" 200 " in answer.splitlines()[0], answer
    return reader, writer


async def frames(reader: asyncio.StreamReader) -> AsyncIterator[Frame]:
    """Frames as `(id, kind, data)` until the server closes the line."""
    while True:
        try:
            block = (await reader.readuntil(b"\n\n")).decode()
        except asyncio.IncompleteReadError:
            return
        fields = dict(line.split(":", 1) for line in block.splitlines() if line.find(":") > 0)
        if "data" in fields:
            yield fields["id"].strip(), fields["event"].strip(), json.loads(fields["data"])


def steps(told: list[Frame]) -> list[int]:
    return [point[0] for _, kind, data in told if kind == "points" for point in data["metrics"].get("m", [])]


async def cut(writer: asyncio.StreamWriter) -> None:
    """Breaks the line off, as a network does."""
    writer.transport.abort()
    with suppress(OSError):
        await writer.wait_closed()


async def watch(url: str, run: str) -> list[Frame]:
    reader, writer = await opened(url, run)
    told = [frame async for frame in frames(reader)]
    writer.close()
    await writer.wait_closed()
    return told


def test_two_hundred_watchers_of_one_run_are_told_the_same(url: str) -> None:
    async def story() -> None:
        run = new_run(url)
        first = asyncio.create_task(watch(url, run))
        await asyncio.sleep(0.2)
        others = [asyncio.create_task(watch(url, run)) for _ in range(199)]
        await asyncio.sleep(0.5)
        for part in range(6):
            await log(url, run, part * 50, 50)
            await asyncio.sleep(0.3)
        start = time.monotonic()
        await asyncio.to_thread(requests.get, f"{url}{API}/runs/get", params={"run_id": run}, timeout=60)
        assert time.monotonic() - start < 5, "watchers keep others waiting"
        await end(url, run)
        told = await asyncio.wait_for(asyncio.gather(first, *others), 60)
        for one in told:
            assert [kind for _, kind, _ in one if kind in ("snapshot", "end")] == ["snapshot", "end"]
            assert steps(one) == list(range(300))
            numbers = [int(mark.rsplit("-", 1)[1]) for mark, _, _ in one]
            assert numbers == sorted(set(numbers)), "a frame came twice, or out of order"

    asyncio.run(story())


def test_a_line_that_is_cut_is_taken_up_where_it_was(url: str) -> None:
    async def story() -> None:
        run = new_run(url)
        whole = asyncio.create_task(watch(url, run))
        told: list[Frame] = []

        async def patient() -> None:
            last: Optional[str] = None
            while True:
                reader, writer = await opened(url, run, last)
                held = 0
                async for frame in frames(reader):
                    told.append(frame)
                    last, held = frame[0], held + 1
                    if held == 2 or frame[1] == "end":
                        break
                await cut(writer)
                if told[-1][1] == "end":
                    return
                # Longer than the server waits between two looks: frames come while nobody listens.
                await asyncio.sleep(0.9)

        patience = asyncio.create_task(patient())
        await asyncio.sleep(0.3)
        for part in range(12):
            await log(url, run, part * 20, 20)
            await asyncio.sleep(0.4)
        await end(url, run)
        await asyncio.wait_for(asyncio.gather(whole, patience), 60)
        assert steps(told) == list(range(240)) == steps(whole.result())
        assert [kind for _, kind, _ in told].count("snapshot") == 1, "what is kept needs no other snapshot"
        assert [mark for mark, _, _ in told] == [mark for mark, _, _ in whole.result()]

    asyncio.run(story())


def test_a_frame_of_nobody_begins_with_a_snapshot(url: str) -> None:
    async def story() -> None:
        run = new_run(url)
        for last in ("nothing", "0123456789ab-7", "-1", "ü"):
            reader, writer = await opened(url, run, last)
            async for _, kind, data in frames(reader):
                assert kind == "snapshot" and data["run"]["id"] == run
                break
            await cut(writer)

    asyncio.run(story())


def test_a_watcher_that_does_not_read_keeps_nobody_waiting(url: str) -> None:
    async def story() -> None:
        run = new_run(url)
        silent = [await opened(url, run) for _ in range(20)]
        for reader, _ in silent:
            # Nothing of what comes is taken from the socket any more.
            reader._transport.pause_reading()  # type: ignore[attr-defined]
        quick = asyncio.create_task(watch(url, run))
        await asyncio.sleep(0.3)
        keys = [f"a/rather/long/name/of/a/metric/{number:03}" for number in range(150)]
        for step in range(5):
            metrics = [{"key": key, "value": 0.5, "timestamp": step, "step": step} for key in keys]
            metrics.append({"key": "m", "value": step, "timestamp": step, "step": step})
            await asyncio.to_thread(post, url, "runs/log-batch", {"run_id": run, "metrics": metrics})
            await asyncio.sleep(0.8)
        await end(url, run)
        told = await asyncio.wait_for(quick, 60)
        assert steps(told) == list(range(5)) and told[-1][1] == "end"
        for _, writer in silent:
            await cut(writer)

    asyncio.run(story())
