"""Datasets: named series of versions that never change."""

from __future__ import annotations

import gzip
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Optional, Union

from ._transport import Transport, quoted

_CSV = "text/csv"
_PARQUET = "application/vnd.apache.parquet"


class Datasets:
    """All datasets of the server."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        return self._transport.pages("/api/v1/datasets")

    def get(self, name: str) -> Mapping[str, Any]:
        """One dataset; raises :class:`~gingham.NotFound` if there is none."""
        dataset: Mapping[str, Any] = self._transport.get(f"/api/v1/datasets/{quoted(name)}")
        return dataset

    def versions(self, name: str) -> Iterator[Mapping[str, Any]]:
        """Its versions, newest first."""
        return self._transport.pages(f"/api/v1/datasets/{quoted(name)}/versions")

    def preview(self, name: str, version: int, *, limit: int = 20) -> Mapping[str, Any]:
        """The first rows of a version."""
        path = f"/api/v1/datasets/{quoted(name)}/versions/{version}/preview"
        rows: Mapping[str, Any] = self._transport.get(path, {"limit": limit})
        return rows

    def push(
        self, name: str, rows: Union[str, "os.PathLike[str]", Any], *, origin: Optional[str] = None
    ) -> Mapping[str, Any]:
        """Adds rows as a new version: a path to CSV (``.gz`` too) or Parquet, or a DataFrame.

        Answers the version and the verdict of the checks on it.
        """
        if isinstance(rows, (str, os.PathLike)):
            return self._push_file(name, Path(rows), origin)
        if hasattr(rows, "to_csv"):
            content: bytes = rows.to_csv(index=False).encode()
            return self._send(name, content, _CSV, origin or "DataFrame")
        raise TypeError(f"a path or a DataFrame is expected, not `{type(rows).__name__}`")

    def _push_file(self, name: str, path: Path, origin: Optional[str]) -> Mapping[str, Any]:
        origin = origin or path.name
        if path.suffix == ".gz":
            with tempfile.TemporaryFile() as plain, gzip.open(path, "rb") as packed:
                shutil.copyfileobj(packed, plain)
                plain.seek(0)
                return self._send(name, plain, _CSV, origin)
        with path.open("rb") as file:
            return self._send(name, file, _PARQUET if path.suffix == ".parquet" else _CSV, origin)

    def _send(self, name: str, body: Any, content_type: str, origin: str) -> Mapping[str, Any]:
        answer: Mapping[str, Any] = self._transport.upload(
            f"/api/v1/datasets/{quoted(name)}/versions",
            body,
            content_type=content_type,
            parameters={"origin": origin},
        )
        return answer
