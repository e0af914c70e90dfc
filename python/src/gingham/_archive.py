"""Predictions and labels of models that are served elsewhere."""

from __future__ import annotations

import hashlib
import json
import os
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any, Optional, Union

from ._errors import Unavailable
from ._times import written
from ._transport import Transport, quoted

BATCH_ROWS = 20_000
ATTEMPTS = 6

Parameters = Mapping[str, Union[str, int, float, bool, None]]


class Logged(list[str]):
    """The ids of the rows that were sent, with how many the server keeps from this call."""

    def __init__(self, ids: Sequence[str], taken: int, repeated: int) -> None:
        super().__init__(ids)
        self.taken = taken
        self.repeated = repeated

    def __repr__(self) -> str:
        return f"Logged(taken={self.taken}, repeated={self.repeated})"


def log_predictions(
    transport: Transport,
    rows: Any,
    model: str,
    version: Optional[int],
    deployment: Optional[str],
) -> Logged:
    """Sends predictions in batches, each until it is durable."""
    path = f"/api/v1/models/{quoted(model)}/predictions"
    parameters: Parameters = {"version": version, "deployment": deployment}
    return _send_all(transport, path, parameters, rows, with_ids=True)


def log_labels(transport: Transport, rows: Any, model: str, source: Optional[str]) -> Logged:
    """Sends labels in batches, each until it is durable."""
    path = f"/api/v1/models/{quoted(model)}/labels"
    return _send_all(transport, path, {"source": source}, rows, with_ids=False)


def _send_all(
    transport: Transport, path: str, parameters: Parameters, rows: Any, *, with_ids: bool
) -> Logged:
    ids: list[str] = []
    taken = repeated = 0
    # Without a time of its own a label would be another one when it is sent again.
    now = written(datetime.now().astimezone())
    said = json.dumps(dict(parameters), sort_keys=True) if with_ids else None
    batches = _records(rows, now, said) if isinstance(rows, list) else _tables(rows, now, said)
    for body, content_type, batch_ids in batches:
        answer = _until_durable(
            lambda: transport.upload(path, body, content_type=content_type, parameters=parameters)
        )
        taken += answer["taken"]
        repeated += answer["repeated"]
        ids.extend(batch_ids)
    return Logged(ids, taken, repeated)


def _until_durable(send: Callable[[], Any]) -> Any:
    """Sends the same bytes again while the server cannot be reached; rows have ids, so none is kept twice."""
    for attempt in range(ATTEMPTS):
        try:
            return send()
        except Unavailable:
            if attempt + 1 == ATTEMPTS:
                raise
            time.sleep(0.2 * 2**attempt)
    raise AssertionError("the last attempt answers or raises")


def _records(
    rows: Sequence[Mapping[str, Any]], now: Optional[str], said: Optional[str]
) -> Iterator[tuple[bytes, str, list[str]]]:
    for start in range(0, len(rows), BATCH_ROWS):
        batch = [{name: _plain(value) for name, value in row.items()} for row in rows[start : start + BATCH_ROWS]]
        for row in batch:
            if said is not None:
                row["prediction_id"] = row.get("prediction_id") or id_of(row, said)
                row.setdefault("event_time", now)
            else:
                row.setdefault("label_time", now)
        ids = [str(row["prediction_id"]) for row in batch] if said is not None else []
        yield json.dumps(batch, allow_nan=False).encode(), "application/json", ids


def _plain(value: Any) -> Any:
    """A value as JSON has it: times as text, NaN and pandas' own words for nothing as null."""
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, datetime):
        return written(value) if value == value else None
    if hasattr(value, "item"):
        value = value.item()
    return None if value is None or value != value else value


def _tables(rows: Any, now: Optional[str], said: Optional[str]) -> Iterator[tuple[bytes, str, list[str]]]:
    import pyarrow as pa

    table = rows if isinstance(rows, pa.Table) else pa.Table.from_pandas(rows, preserve_index=False)
    table = table.replace_schema_metadata(None)
    for place, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type):
            table = table.set_column(place, field.name, table.column(place).cast(field.type.value_type))
    count = table.num_rows
    if said is not None:
        named = {"entity", "event_time"} <= set(table.column_names)
        table = _with(
            table,
            "prediction_id",
            lambda: [id_of(row, said) for row in table.to_pylist()] if named else [new_id() for _ in range(count)],
        )
        table = _with(table, "event_time", lambda: [now] * count)
    else:
        table = _with(table, "label_time", lambda: [now] * count)
    for start in range(0, count, BATCH_ROWS):
        batch = table.slice(start, BATCH_ROWS)
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, batch.schema) as stream:
            stream.write_table(batch)
        ids = [str(id) for id in batch.column("prediction_id").to_pylist()] if said is not None else []
        yield sink.getvalue().to_pybytes(), "application/vnd.apache.arrow.stream", ids


def _with(table: Any, name: str, values: Callable[[], Sequence[Any]]) -> Any:
    return table if name in table.column_names else table.append_column(name, [values()])


def id_of(row: Mapping[str, Any], said: str) -> str:
    """The id of a row that names an entity and a moment is made from what it holds, so that a script which runs
    again sends the same ids; any other row gets a new one."""
    moment, entity = row.get("event_time"), row.get("entity")
    if isinstance(moment, str):
        try:
            moment = datetime.fromisoformat(moment.replace("Z", "+00:00"))
        except ValueError:
            return new_id()
    if entity is None or not isinstance(moment, datetime):
        return new_id()
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    content = json.dumps({name: str(value) for name, value in row.items()}, sort_keys=True)
    digest = hashlib.sha256((said + content).encode()).digest()
    return _version_seven(max(0, int(moment.timestamp() * 1000)), digest[:10])


def new_id() -> str:
    """A UUID of version 7: ordered by time, so that looking it up reads little."""
    return _version_seven(time.time_ns() // 1_000_000, os.urandom(10))


def _version_seven(millis: int, rest: bytes) -> str:
    number = ((millis & (1 << 48) - 1) << 80) | int.from_bytes(rest, "big")
    number = (number & ~(0xF << 76)) | (0x7 << 76)
    number = (number & ~(0x3 << 62)) | (0x2 << 62)
    return str(uuid.UUID(int=number))
