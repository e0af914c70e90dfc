"""Asking a deployment, over the Open Inference Protocol."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Optional

from ._errors import Invalid
from ._times import Time, written
from ._transport import Transport, quoted

Row = Mapping[str, Any]


class Predictions(list[Any]):
    """The predicted values in the order of the rows: the first output of the model.

    ``outputs`` has every output by name, such as a classifier's scores, flat and row by row.
    """

    def __init__(
        self,
        values: Iterable[Any],
        *,
        model: str,
        version: Optional[str],
        ids: Optional[list[str]],
        outputs: Optional[Mapping[str, list[Any]]] = None,
    ) -> None:
        super().__init__(values)
        self.model = model
        self.version = version
        self.outputs = dict(outputs or {})
        self._ids = ids

    @property
    def ids(self) -> list[str]:
        """The prediction ids, to name the outcome later; only if they were asked for."""
        if self._ids is None:
            raise ValueError("ask for them: predict(..., ids=True)")
        return self._ids


def predict(
    transport: Transport, deployment: str, rows: Any, event_time: Optional[Time], ids: bool
) -> Predictions:
    """Predicts all rows in one request."""
    records = _records(rows)
    path = f"/v2/models/{quoted(deployment)}"
    metadata = transport.get(path)
    parameters: dict[str, Any] = {}
    if event_time is not None:
        parameters["event_time"] = written(event_time)
    if ids:
        parameters["return_prediction_id"] = True
    body: dict[str, Any] = {"inputs": _tensors(metadata["inputs"], records)}
    if parameters:
        body["parameters"] = parameters
    answer = transport.post(f"{path}/infer", body)
    outputs = {output["name"]: output["data"] for output in answer["outputs"]}
    given = outputs.pop("prediction_id", None)
    if not outputs:
        raise Invalid(f"`{deployment}` answers without an output", code="answer_unexpected")
    return Predictions(
        next(iter(outputs.values())),
        model=answer.get("model_name", deployment),
        version=answer.get("model_version"),
        ids=[str(id) for id in given] if given is not None else None,
        outputs=outputs,
    )


def _records(rows: Any) -> Sequence[Row]:
    if hasattr(rows, "to_dict") and hasattr(rows, "columns"):
        records: Sequence[Row] = rows.to_dict("records")
        return records
    if isinstance(rows, Mapping):
        raise TypeError("a list of rows is expected; for one row write [row]")
    return list(rows)


def _tensors(fields: Sequence[Mapping[str, Any]], rows: Sequence[Row]) -> list[dict[str, Any]]:
    known = {field["name"] for field in fields}
    for place, row in enumerate(rows):
        strangers = sorted(set(row) - known)
        if strangers:
            raise Invalid(
                f"row {place} has a field `{strangers[0]}` that the model does not know",
                code="unknown_field",
                hint=f"it knows {', '.join(sorted(known))}",
            )
    return [
        {
            "name": field["name"],
            "datatype": field["datatype"],
            "shape": [len(rows)],
            "data": [_cell(row.get(field["name"]), field["datatype"]) for row in rows],
        }
        for field in fields
        if any(field["name"] in row for row in rows)
    ]


def _cell(value: Any, datatype: str) -> Any:
    """A value as JSON has it; a missing one is null, NaN and pandas' own words for it too."""
    if value is None or value != value:
        return None
    if datatype == "BYTES":
        return str(value)
    if datatype == "BOOL":
        return bool(value)
    number = float(value)
    return int(number) if datatype.startswith(("INT", "UINT")) else number
