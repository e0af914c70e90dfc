"""Checks of data and of models from Python, by the same code as ``gingham test``.

``run`` writes the rows to a file of its own and evaluates them with the ``gingham`` program: nothing is sent
anywhere. ``test_model`` and ``backtest`` ask a server.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional, Union

from ._client import Client, connect
from ._errors import GinghamError
from ._transport import quoted

__all__ = ["CheckFailure", "Result", "Results", "backtest", "licences", "run", "test_model"]

Rows = Any
Check = Mapping[str, Any]


class CheckFailure(AssertionError):
    """Checks that did not hold; ``results`` has all of them."""

    def __init__(self, results: "Results") -> None:
        self.results = results
        failed = [f"  {result}" for result in results if not result.passed]
        super().__init__("\n".join([results.summary, *failed]))


@dataclass(frozen=True)
class Result:
    """How one check came out."""

    id: str
    outcome: str
    severity: str
    message: str
    observed: str = ""
    expected: str = ""
    rows: int = 0
    failing_rows: int = 0
    #: Up to five failing rows.
    sample: Sequence[Mapping[str, Any]] = field(default=(), repr=False)
    hint: Optional[str] = None
    reason: Optional[str] = None
    owner: Optional[str] = None

    @property
    def passed(self) -> bool:
        """Whether it holds, or only warns."""
        return self.outcome in ("pass", "warn")

    def __str__(self) -> str:
        return f"{self.outcome}: {self.id}: {self.message}"


class Results(Sequence[Result]):
    """The results of a list of checks, in their order."""

    def __init__(self, results: Sequence[Mapping[str, Any]], *, verdict: Optional[str] = None) -> None:
        self._results = [_result(result) for result in results]
        #: The id of the verdict that a server keeps; none for checks that were evaluated here.
        self.verdict = verdict

    @property
    def outcome(self) -> str:
        """The worst of the outcomes: ``pass``, ``warn``, ``fail`` or ``error``."""
        order = ["pass", "warn", "fail", "error"]
        return max((result.outcome for result in self), key=order.index, default="pass")

    @property
    def passed(self) -> bool:
        """Whether every check holds, or only warns."""
        return all(result.passed for result in self)

    @property
    def failed(self) -> list[Result]:
        """The checks that do not hold or could not be evaluated."""
        return [result for result in self if not result.passed]

    @property
    def summary(self) -> str:
        """One line: how many came out how."""
        counts = {outcome: 0 for outcome in ("pass", "warn", "fail", "error")}
        for result in self:
            counts[result.outcome] += 1
        told = ", ".join(f"{count} {outcome}" for outcome, count in counts.items() if count)
        return f"{len(self)} checks: {told}" if told else "0 checks"

    def assert_passed(self) -> "Results":
        """Raises :class:`CheckFailure` unless every check holds or only warns; answers itself."""
        if not self.passed:
            raise CheckFailure(self)
        return self

    def to_pandas(self) -> Any:
        """One row a check, as a ``pandas.DataFrame``; needs pandas."""
        import pandas

        names = ["id", "outcome", "severity", "rows", "failing_rows", "observed", "expected", "message"]
        return pandas.DataFrame([[getattr(result, name) for name in names] for result in self], columns=names)

    def by_id(self, id: str) -> Result:
        """The result of that check; raises ``KeyError`` when there is none."""
        for result in self:
            if result.id == id:
                return result
        raise KeyError(id)

    def __len__(self) -> int:
        return len(self._results)

    def __getitem__(self, index: Any) -> Any:
        return self._results[index]

    def __iter__(self) -> Iterator[Result]:
        return iter(self._results)

    def __repr__(self) -> str:
        return f"<Results {self.summary}>"

    def __str__(self) -> str:
        return "\n".join([self.summary, *(f"  {result}" for result in self)])

    def _repr_html_(self) -> str:
        def cell(text: object) -> str:
            return str(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

        rows = "".join(
            f"<tr><td>{cell(one.outcome)}<td>{cell(one.id)}<td>{cell(one.message)}</tr>" for one in self
        )
        return f"<p>{cell(self.summary)}</p><table><tr><th>Outcome<th>Check<th>Found</tr>{rows}</table>"


def run(
    rows: Rows,
    checks: Sequence[Check],
    *,
    others: Optional[Mapping[str, Rows]] = None,
    time: Optional[str] = None,
    history: Sequence[Rows] = (),
    program: Optional[str] = None,
) -> Results:
    """Evaluates checks of data on a table.

    ``rows`` is a pandas or Polars frame, an Arrow table, or the path of a CSV or Parquet file. ``others`` are tables that
    checks refer to by name (``references``, ``rows_as_in``, ``drift``), ``history`` earlier versions for ``volume``,
    ``time`` the column that says when a row happened. ``program`` names the ``gingham`` program; that of
    ``GINGHAM_BINARY``, or the one on the path, when not given.

    Raises :class:`GinghamError` when a check cannot be read: an unknown key, column or pattern.
    """
    with tempfile.TemporaryDirectory(prefix="gingham-checks-") as folder:
        place = Path(folder)
        source: dict[str, Any] = {"file": _written(rows, place, "rows"), "checks": [dict(check) for check in checks]}
        if time is not None:
            source["time"] = time
        if history:
            source["history"] = [_written(table, place, f"before-{at}") for at, table in enumerate(history)]
        sources = {"rows": source}
        for name, table in (others or {}).items():
            sources[name] = {"file": _written(table, place, f"other-{len(sources)}")}
        suite = place / "checks.yaml"
        # JSON is YAML.
        suite.write_text(json.dumps({"sources": sources}, default=str))
        command = [_program(program), "--json", "test", str(suite), "--source", "rows"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        try:
            answer = json.loads(done.stdout)
        except ValueError:
            told = done.stderr.strip().replace(f"{folder}{os.sep}", "") or f"it ended with {done.returncode}"
            raise GinghamError(told, code="checks_unreadable") from None
        found: Sequence[Mapping[str, Any]] = answer["sources"][0]["verdict"]["results"]
        return Results(found)


def test_model(
    version: str,
    *,
    checks: Optional[Sequence[Check]] = None,
    dataset: Optional[str] = None,
    target: Optional[str] = None,
    time: Optional[str] = None,
    packages: Optional[Sequence[Mapping[str, Any]]] = None,
    client: Optional[Client] = None,
) -> Results:
    """Tests a version, ``MODEL@NUMBER`` or ``MODEL@ALIAS``, on the server; the verdict is kept as the version's.

    Without ``checks`` those of its ``gingham.yaml`` are evaluated, on the rows that it was evaluated on; ``dataset`` and
    ``target`` name others. ``packages`` are those of :func:`licences`.
    """
    asked = {"checks": checks, "dataset": dataset, "target": target, "time": time, "packages": packages}
    body = {key: value for key, value in asked.items() if value is not None}
    answer = _post(client, version, "test", body)
    return Results(answer["results"], verdict=answer["id"])


# pytest would take it for a test of its own.
test_model.__test__ = False  # type: ignore[attr-defined]


def backtest(
    version: str,
    *,
    last: Optional[str] = None,
    metric: Optional[str] = None,
    client: Optional[Client] = None,
) -> Mapping[str, Any]:
    """Scores archived requests with a version and compares with what was served: metric, parts, what changed most."""
    asked = {"last": last, "metric": metric}
    return _post(client, version, "backtest", {key: value for key, value in asked.items() if value is not None})


def licences() -> list[dict[str, Optional[str]]]:
    """The packages of this environment with the licences that they state, for checks of licences."""
    found = []
    for distribution in importlib.metadata.distributions():
        about: Any = distribution.metadata
        stated = about.get("License-Expression") or _classified(about.get_all("Classifier") or [])
        text = about.get("License")
        # Some packages put the whole text of their licence there.
        short = text if text and "\n" not in text and len(text) < 60 else None
        found.append({"name": about["Name"], "version": distribution.version, "licence": stated or short})
    return sorted(found, key=lambda package: (package["name"] or "").lower())


def _classified(classifiers: Sequence[str]) -> Optional[str]:
    names = [line.rsplit(" :: ", 1)[-1] for line in classifiers if line.startswith("License :: OSI Approved :: ")]
    return " AND ".join(names) or None


def _post(client: Optional[Client], version: str, what: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
    model, _, number = version.partition("@")
    if not number:
        raise ValueError(f"`{version}` names no version: write `MODEL@NUMBER` or `MODEL@ALIAS`")
    transport = (client or connect())._transport
    answer: Mapping[str, Any] = transport.post(
        f"/api/v1/models/{quoted(model)}/versions/{quoted(number)}/{what}", body
    )
    return answer


def _result(result: Mapping[str, Any]) -> Result:
    sample = [row.get("values", row) if isinstance(row, Mapping) else row for row in result.get("sample", [])]
    return Result(
        id=result["check_id"],
        outcome=result["outcome"],
        severity=result["severity"],
        message=result["message"],
        observed=result.get("observed", ""),
        expected=result.get("expected", ""),
        rows=result.get("rows", 0),
        failing_rows=result.get("failing_rows", 0),
        sample=sample,
        hint=result.get("hint"),
        reason=result.get("reason"),
        owner=result.get("owner"),
    )


def _written(rows: Rows, folder: Path, name: str) -> str:
    """Writes rows where the program finds them; a file stays where it is."""
    if isinstance(rows, (str, os.PathLike)):
        return str(Path(rows).resolve())
    parquet, csv = folder / f"{name}.parquet", folder / f"{name}.csv"
    if hasattr(rows, "write_parquet"):  # Polars
        rows.write_parquet(parquet)
        return parquet.name
    if hasattr(rows, "to_parquet"):  # pandas
        try:
            rows.to_parquet(parquet, index=False)
        except ImportError:
            rows.to_csv(csv, index=False)
            return csv.name
        return parquet.name
    if hasattr(rows, "schema") and hasattr(rows, "column_names"):  # Arrow
        import pyarrow.parquet

        pyarrow.parquet.write_table(rows, parquet)
        return parquet.name
    raise TypeError(f"a frame, an Arrow table or a path is expected, not `{type(rows).__name__}`")


def _program(named: Optional[str]) -> str:
    program: Union[str, None] = named or os.environ.get("GINGHAM_BINARY") or shutil.which("gingham")
    if program is None:
        raise GinghamError(
            "the program `gingham` is not on the path",
            code="program_missing",
            hint="install it, or name it in GINGHAM_BINARY",
        )
    return program
