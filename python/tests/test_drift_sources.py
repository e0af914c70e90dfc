"""`gingham drift --json` on every kind of rows it takes: each says the same, and what scipy and numpy say."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

import gingham

np = pytest.importorskip("numpy")
pd = pytest.importorskip("pandas")
stats = pytest.importorskip("scipy.stats")
distance = pytest.importorskip("scipy.spatial.distance")

Drift = Callable[..., dict[str, Any]]

ROWS = 1_200
START = datetime(2026, 3, 1, tzinfo=timezone.utc)
COLUMNS = ["income", "plan"]


@pytest.fixture(scope="module")
def frames() -> tuple[Any, Any]:
    """Two months: incomes that rose and a plan that is chosen more often, and a column that stayed."""
    rng = np.random.default_rng(2026)

    def month(at: datetime, rise: float, plans: list[float]) -> Any:
        return pd.DataFrame(
            {
                "event_time": [at + timedelta(minutes=30 * row) for row in range(ROWS)],
                "income": np.round(rng.lognormal(7.5 + rise, 0.4, ROWS), 2),
                "plan": rng.choice(["basic", "gold", "silver"], ROWS, p=plans),
                "age": rng.integers(18, 90, ROWS).astype(float),
                "prediction": rng.random(ROWS),
            }
        )

    return month(START, 0.0, [0.5, 0.3, 0.2]), month(START + timedelta(days=31), 0.3, [0.35, 0.3, 0.35])


@pytest.fixture(scope="module")
def drift(url: str) -> Drift:
    """Runs `gingham drift`; answers the report with its columns by name."""
    binary = os.environ.get("GINGHAM_BINARY")
    if not binary:
        pytest.skip("GINGHAM_BINARY names no program; `cargo xtask test clients` builds one")

    def run(reference: object, current: object, *options: str, ends_with: int = 0) -> dict[str, Any]:
        done = subprocess.run(
            [binary, "drift", str(reference), str(current), "--json", *options],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "GINGHAM_URL": url},
        )
        assert done.returncode == ends_with, done.stderr
        report: dict[str, Any] = json.loads(done.stdout)
        report["by_name"] = {column["column"]: column for column in report["columns"]}
        return report

    return run


@pytest.fixture(scope="module")
def sources(
    client: gingham.Client, frames: tuple[Any, Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, tuple[str, str]]]:
    """The same two months as files, as versions of datasets and as stretches of the archive."""
    folder = tmp_path_factory.mktemp("sources")
    before, after = frames
    name = f"sources-{os.getpid()}-{datetime.now().timestamp():.0f}"
    files = {}
    for ending in ("csv", "parquet"):
        files[ending] = (str(folder / f"before.{ending}"), str(folder / f"after.{ending}"))
        for frame, path in zip(frames, files[ending]):
            rows = frame.drop(columns="event_time")
            rows.to_csv(path, index=False) if ending == "csv" else rows.to_parquet(path, index=False)
    for side, frame in (("before", before), ("after", after)):
        client.datasets.push(f"{name}-{side}", frame.drop(columns="event_time"))
        client.log_predictions(frame, model=name)
    middle, end = "2026-04-01", "2026-05-01"
    yield {
        **files,
        "dataset": (f"dataset:{name}-before@1", f"dataset:{name}-after"),
        "archive": (f"archive:{name}@2026-03-01..{middle}", f"archive:{name}@{middle}..{end}"),
    }


def expected_numbers(x: Any, y: Any) -> dict[str, tuple[float, float | None]]:
    """What scipy and numpy say, by the name of the statistic, with the p-value where there is one."""
    ordered = np.sort(x)
    cuts = np.unique([ordered[at * len(x) // 10] for at in range(1, 10)])
    count = lambda values: np.bincount(np.searchsorted(cuts, values, side="left"), minlength=len(cuts) + 1)
    ks = stats.ks_2samp(x, y, method="asymp")
    moved = stats.wasserstein_distance(x, y)
    mann = stats.mannwhitneyu(x, y, method="asymptotic")
    welch = stats.ttest_ind(x, y, equal_var=False)
    return {
        **expected_shares(count(x), count(y)),
        "kolmogorov_smirnov": (ks.statistic, ks.pvalue),
        "wasserstein": (moved, None),
        "wasserstein_over_deviation": (moved / np.std(x), None),
        "wasserstein_over_iqr": (moved / np.subtract(*np.quantile(x, [0.75, 0.25])), None),
        "energy": (stats.energy_distance(x, y), None),
        "mann_whitney": (mann.statistic, mann.pvalue),
        "welch": (welch.statistic, welch.pvalue),
        "cramer_von_mises": (stats.cramervonmises_2samp(x, y, method="asymptotic").statistic, None),
    }


def expected_shares(before: Any, after: Any) -> dict[str, tuple[float, float | None]]:
    p, q = before / before.sum(), after / after.sum()
    low, high = np.maximum(p, 1e-4), np.maximum(q, 1e-4)
    table = np.array([before, after])
    chi = stats.chi2_contingency(table, correction=False)
    ratio = stats.chi2_contingency(table, correction=False, lambda_="log-likelihood")
    return {
        "psi": (np.sum((high - low) * np.log(high / low)), None),
        "jensen_shannon": (distance.jensenshannon(p, q, 2), None),
        "hellinger": (np.sqrt(np.sum((np.sqrt(p) - np.sqrt(q)) ** 2) / 2), None),
        "total_variation": (np.abs(p - q).sum() / 2, None),
        "l_infinity": (np.abs(p - q).max(), None),
        "kullback_leibler": (stats.entropy(low, high), None),
        "chi_square": (chi.statistic, chi.pvalue),
        "cramers_v": (np.sqrt(chi.statistic / table.sum()), None),
        "g": (ratio.statistic, ratio.pvalue),
    }


# What the words of each convention must name: without it a value cannot be compared with another tool's.
CONVENTIONS = {
    "psi": ["1e-4", "not renormalised"],
    "jensen_shannon": ["distance", "base 2"],
    "hellinger": ["0 to 1"],
    "total_variation": ["half"],
    "l_infinity": ["greatest"],
    "kullback_leibler": ["nats", "1e-4", "renormalised"],
    "chi_square": ["two samples", "no continuity correction"],
    "cramers_v": ["no bias correction"],
    "g": ["likelihood ratio"],
    "kolmogorov_smirnov": ["asymptotic", "two-sided"],
    "wasserstein": ["unit of the column"],
    "wasserstein_over_deviation": ["divisor n"],
    "wasserstein_over_iqr": ["interquartile"],
    "energy": ["sqrt(2 integral"],
    "cramer_von_mises": ["midranks", "asymptotic"],
    "mann_whitney": ["continuity corrected", "two-sided"],
    "welch": ["unequal variances"],
}
BINS = {"income": "deciles of the reference", "plan": "each text is a bin"}
SHARES = set(list(CONVENTIONS)[:9])


@pytest.mark.parametrize("options", [[], ["--exact"]], ids=["default", "exact"])
@pytest.mark.parametrize("kind", ["csv", "parquet", "dataset", "archive"])
def test_all_rows_are_compared_alike(
    drift: Drift, sources: dict[str, tuple[str, str]], frames: tuple[Any, Any], kind: str, options: list[str]
) -> None:
    report = drift(*sources[kind], "--columns", ",".join(COLUMNS), *options)
    assert sorted(report["by_name"]) == COLUMNS, "only what was asked for"
    before, after = frames
    texts = sorted(set(before["plan"]))
    count = lambda frame: np.array([(frame["plan"] == text).sum() for text in texts])
    expected = {
        "income": expected_numbers(before["income"].to_numpy(), after["income"].to_numpy()),
        "plan": expected_shares(count(before), count(after)),
    }
    for name in COLUMNS:
        compared = report["by_name"][name]["comparison"]
        assert compared["precision"]["exact"], "as few rows are exact, asked for or not"
        assert (compared["reference"]["rows"], compared["current"]["rows"]) == (ROWS, ROWS)
        figures = compared["statistics"]
        assert set(figures) == set(expected[name])
        for statistic, (value, p_value) in expected[name].items():
            ours = figures[statistic]
            assert ours["value"] == pytest.approx(value, rel=1e-8), (name, statistic)
            if p_value is not None:
                assert ours["p_value"] == pytest.approx(p_value, rel=1e-6), (name, statistic)
            for words in CONVENTIONS[statistic]:
                assert words in ours["convention"], (name, statistic, ours["convention"])
            if statistic in SHARES:
                assert BINS[name] in ours["convention"], (name, statistic, ours["convention"])
                assert ours["bins"] == len(compared["bars"]["reference"])
    shown = report["by_name"]["income"]["comparison"]["current"]["numbers"]
    assert shown["mean"] == pytest.approx(after["income"].mean(), rel=1e-9)
    for share, quantile in shown["quantiles"].items():
        assert quantile == pytest.approx(np.quantile(after["income"], float(share)), rel=1e-9)
    assert report["state"] == "drift"
    assert {name: column["state"] for name, column in report["by_name"].items()} == dict.fromkeys(COLUMNS, "drift")


def test_the_exit_code_tells_of_drift_and_what_stayed_is_no_drift(
    drift: Drift, sources: dict[str, tuple[str, str]]
) -> None:
    drift(*sources["csv"], "--fail-on-drift", "--columns", "income", ends_with=2)
    stayed = drift(*sources["csv"], "--fail-on-drift", "--columns", "age")
    assert stayed["state"] == "ok"
    both = drift(sources["csv"][0], sources["parquet"][0])
    assert both["state"] == "ok", "a file is as its copy of another kind"
    assert all(column["comparison"]["statistics"]["total_variation"]["value"] == 0 for column in both["columns"])


def test_what_cannot_be_compared_is_named(url: str, drift: Drift, sources: dict[str, tuple[str, str]]) -> None:
    def refused(*arguments: str) -> str:
        done = subprocess.run(
            [os.environ["GINGHAM_BINARY"], "drift", *arguments],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "GINGHAM_URL": url},
        )
        assert done.returncode == 1, done
        return done.stderr

    assert "`nothing`" in refused(*sources["csv"], "--columns", "nothing")
    assert "`none`" in refused("dataset:none", sources["dataset"][0])
    assert "gingham push" in refused(sources["csv"][0], sources["dataset"][0])
