"""Rows that came from SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class Table(list[dict[str, Any]]):
    """A list of rows, each a dict by column name, with what the server said about them."""

    def __init__(self, answer: Mapping[str, Any]) -> None:
        self.columns: Sequence[str] = [column["name"] for column in answer["columns"]]
        self.types: Mapping[str, str] = {
            column["name"]: column["type"] for column in answer["columns"]
        }
        self.truncated: bool = bool(answer.get("truncated", False))
        self.elapsed_ms: float = float(answer.get("elapsed_ms", 0.0))
        super().__init__(dict(zip(self.columns, row)) for row in answer["rows"])

    def to_pandas(self) -> Any:
        """The rows as a ``pandas.DataFrame``; times become timestamps in UTC."""
        import pandas

        frame = pandas.DataFrame.from_records(list(self), columns=list(self.columns))
        for name, kind in self.types.items():
            if kind.lower() in ("time", "timestamp"):
                frame[name] = pandas.to_datetime(frame[name], utc=True, format="ISO8601")
        return frame
