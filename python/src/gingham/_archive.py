"""Predictions and labels of models that are served elsewhere."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
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
    batches = _records(rows, now, with_ids) if isinstance(rows, list) else _tables(rows, now, with_ids)
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
    rows: Sequence[Mapping[str, Any]], now: Optional[str], with_ids: bool
) -> Iterator[tuple[bytes, str, list[str]]]:
    import json

    for start in range(0, len(rows), BATCH_ROWS):
        batch = [{name: _plain(value) for name, value in row.items()} for row in rows[start : start + BATCH_ROWS]]
        for row in batch:
            if with_ids:
                row.setdefault("prediction_id", new_id())
                row.setdefault("event_time", now)
            else:
                row.setdefault("label_time", now)
        ids = [str(row["prediction_id"]) for row in batch] if with_ids else []
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


def _tables(rows: Any, now: Optional[str], with_ids: bool) -> Iterator[tuple[bytes, str, list[str]]]:
    import pyarrow as pa

    table = rows if isinstance(rows, pa.Table) else pa.Table.from_pandas(rows, preserve_index=False)
    table = table.replace_schema_metadata(None)
    for place, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type):
            table = table.set_column(place, field.name, table.column(place).cast(field.type.value_type))
    count = table.num_rows
    if with_ids:
        table = _with(table, "prediction_id", lambda: [new_id() for _ in range(count)])
        table = _with(table, "event_time", lambda: [now] * count)
    else:
        table = _with(table, "label_time", lambda: [now] * count)
    for start in range(0, count, BATCH_ROWS):
        batch = table.slice(start, BATCH_ROWS)
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, batch.schema) as stream:
            stream.write_table(batch)
        ids = [str(id) for id in batch.column("prediction_id").to_pylist()] if with_ids else []
        yield sink.getvalue().to_pybytes(), "application/vnd.apache.arrow.stream", ids


def _with(table: Any, name: str, values: Callable[[], Sequence[Any]]) -> Any:
    return table if name in table.column_names else table.append_column(name, [values()])


def new_id() -> str:
    """A UUID of version 7: ordered by time, so that looking it up reads little."""
    millis = time.time_ns() // 1_000_000
    number = (millis << 80) | int.from_bytes(os.urandom(10), "big")
    number = (number & ~(0xF << 76)) | (0x7 << 76)
    number = (number & ~(0x3 << 62)) | (0x2 << 62)
    return str(uuid.UUID(int=number))
