"""`gingham drift --json` beside scipy, on real data: every statistic to the stated tolerance, and the verdicts."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

stats = pytest.importorskip("scipy.stats")
datasets = pytest.importorskip("sklearn.datasets")

VALUE = 1e-9
P_VALUE = 1e-6
FLOOR = 1e-4


@pytest.fixture(scope="session")
def binary() -> str:
    path = os.environ.get("GINGHAM_BINARY")
    if not path:
        pytest.skip("GINGHAM_BINARY names no program; `cargo xtask test clients` builds one")
    return path


def drift(binary: str, folder: Path, before: pd.DataFrame, after: pd.DataFrame, *options: str) -> dict[str, Any]:
    """The report, by column."""
    one, two = folder / "before.parquet", folder / "after.parquet"
    before.to_parquet(one, index=False)
    after.to_parquet(two, index=False)
    done = subprocess.run(
        [binary, "drift", str(one), str(two), "--json", *options], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    report["by_name"] = {column["column"]: column for column in report["columns"]}
    return report


def close(what: str, ours: float | None, theirs: float, tolerance: float) -> None:
    assert ours is not None, what
    assert ours == pytest.approx(theirs, rel=tolerance, abs=1e-12), what


def check_shares(name: str, figures: dict[str, Any], p: np.ndarray, q: np.ndarray) -> None:
    from scipy.spatial.distance import jensenshannon

    one, two = p / p.sum(), q / q.sum()
    first, second = np.maximum(one, FLOOR), np.maximum(two, FLOOR)
    value = lambda key: figures[key]["value"]
    close(f"{name} psi", value("psi"), np.sum((second - first) * np.log(second / first)), VALUE)
    close(f"{name} js", value("jensen_shannon"), jensenshannon(one, two, 2), 1e-8)
    close(f"{name} hellinger", value("hellinger"), np.sqrt(np.sum((np.sqrt(one) - np.sqrt(two)) ** 2) / 2), VALUE)
    close(f"{name} tv", value("total_variation"), np.abs(one - two).sum() / 2, VALUE)
    close(f"{name} linf", value("l_infinity"), np.abs(one - two).max(), VALUE)
    close(f"{name} kl", value("kullback_leibler"), stats.entropy(first, second), VALUE)
    used = (p + q) > 0
    table = np.array([p[used], q[used]])
    chi = stats.chi2_contingency(table, correction=False)
    close(f"{name} chi2", value("chi_square"), chi.statistic, VALUE)
    close(f"{name} chi2 p", figures["chi_square"]["p_value"], chi.pvalue, P_VALUE)
    close(f"{name} v", value("cramers_v"), stats.contingency.association(table, "cramer"), VALUE)
    ratio = stats.chi2_contingency(table, correction=False, lambda_="log-likelihood")
    close(f"{name} g", value("g"), ratio.statistic, 1e-8)
    close(f"{name} g p", figures["g"]["p_value"], ratio.pvalue, 1e-5)


def check_numbers(name: str, column: dict[str, Any], before: pd.Series, after: pd.Series) -> None:
    x = np.asarray(before.dropna(), dtype=float)
    y = np.asarray(after.dropna(), dtype=float)
    compared = column["comparison"]
    figures = compared["statistics"]
    assert compared["precision"]["exact"]
    value = lambda key: figures[key]["value"]
    p_value = lambda key: figures[key]["p_value"]
    ks = stats.ks_2samp(x, y, method="asymp")
    close(f"{name} ks", value("kolmogorov_smirnov"), ks.statistic, VALUE)
    close(f"{name} ks p", p_value("kolmogorov_smirnov"), ks.pvalue, P_VALUE)
    distance = stats.wasserstein_distance(x, y)
    close(f"{name} wasserstein", value("wasserstein"), distance, VALUE)
    close(f"{name} wasserstein/sd", value("wasserstein_over_deviation"), distance / np.std(x), VALUE)
    spread = np.subtract(*np.quantile(x, [0.75, 0.25]))
    if spread > 0:
        close(f"{name} wasserstein/iqr", value("wasserstein_over_iqr"), distance / spread, VALUE)
    close(f"{name} energy", value("energy"), stats.energy_distance(x, y), VALUE)
    cramer = stats.cramervonmises_2samp(x, y, method="asymptotic")
    close(f"{name} cvm", value("cramer_von_mises"), cramer.statistic, 1e-8)
    # scipy ends its series at terms below 1e-7; ours goes on.
    assert p_value("cramer_von_mises") == pytest.approx(cramer.pvalue, rel=P_VALUE, abs=1e-7)
    mann = stats.mannwhitneyu(x, y, method="asymptotic")
    close(f"{name} u", value("mann_whitney"), mann.statistic, VALUE)
    close(f"{name} u p", p_value("mann_whitney"), mann.pvalue, P_VALUE)
    welch = stats.ttest_ind(x, y, equal_var=False)
    close(f"{name} t", value("welch"), welch.statistic, 1e-8)
    close(f"{name} t p", p_value("welch"), welch.pvalue, P_VALUE)
    cuts = np.array(compared["bars"]["cuts"])
    count = lambda values: np.bincount(np.searchsorted(cuts, values, side="left"), minlength=len(cuts) + 1)
    if len(np.unique(x)) > 10 or len(np.unique(y)) > 10:
        ordered = np.sort(x)
        assert np.array_equal(cuts, np.unique([ordered[i * len(x) // 10] for i in range(1, 10)])), name
    assert compared["bars"]["reference"] == count(x).tolist()
    assert compared["bars"]["current"] == count(y).tolist()
    check_shares(name, figures, count(x), count(y))
    shown = compared["reference"]["numbers"]
    close(f"{name} mean", shown["mean"], x.mean(), VALUE)
    close(f"{name} sd", shown["sample_deviation"], x.std(ddof=1), VALUE)
    close(f"{name} skew", shown["skewness"], stats.skew(x), 1e-8)
    close(f"{name} kurtosis", shown["kurtosis"], stats.kurtosis(x), 1e-8)
    for share, quantile in shown["quantiles"].items():
        close(f"{name} q{share}", quantile, np.quantile(x, float(share)), VALUE)
    assert compared["reference"]["distinct"] == len(np.unique(x))
    check_missing(name, compared["missing"], before, after)


def check_missing(name: str, missing: dict[str, Any], before: pd.Series, after: pd.Series) -> None:
    nulls, rows = (before.isna().sum(), after.isna().sum()), (len(before), len(after))
    close(f"{name} missing", missing["reference"], nulls[0] / rows[0], VALUE)
    if sum(nulls):
        pooled = sum(nulls) / sum(rows)
        z = (nulls[0] / rows[0] - nulls[1] / rows[1]) / np.sqrt(pooled * (1 - pooled) * (1 / rows[0] + 1 / rows[1]))
        close(f"{name} missing z", missing["z"], z, VALUE)
        close(f"{name} missing p", missing["p_value"], 2 * stats.norm.sf(abs(z)), P_VALUE)


def check_texts(name: str, column: dict[str, Any], before: pd.Series, after: pd.Series) -> None:
    compared = column["comparison"]
    texts = sorted(set(before.dropna()) | set(after.dropna()))
    count = lambda values: np.array([(values == text).sum() for text in texts])
    p, q = count(before), count(after)
    check_shares(name, compared["statistics"], p, q)
    assert compared["levels"]["new"] == int(((p == 0) & (q > 0)).sum())
    assert compared["levels"]["gone"] == int(((q == 0) & (p > 0)).sum())
    if len(texts) == 2:
        pooled = (p[0] + q[0]) / (p.sum() + q.sum())
        z = (p[0] / p.sum() - q[0] / q.sum()) / np.sqrt(pooled * (1 - pooled) * (1 / p.sum() + 1 / q.sum()))
        close(f"{name} z", compared["statistics"]["z"]["value"], z, VALUE)
        close(f"{name} z p", compared["statistics"]["z"]["p_value"], 2 * stats.norm.sf(abs(z)), P_VALUE)


@pytest.mark.parametrize("name", ["breast_cancer", "diabetes", "wine", "digits", "linnerud"])
def test_every_statistic_agrees_with_scipy(binary: str, tmp_path: Path, name: str) -> None:
    frame = getattr(datasets, f"load_{name}")(as_frame=True).frame.astype(float)
    frame = frame.loc[:, frame.nunique() > 1]
    rng = np.random.default_rng(7)
    rows = rng.permutation(len(frame))
    before, after = (frame.iloc[part].reset_index(drop=True) for part in np.array_split(rows, 2))
    keep = (before.nunique() > 1) & (after.nunique() > 1)
    before, after = before.loc[:, keep], after.loc[:, keep]
    after = after * 1.05 + after.std() * 0.1
    after.iloc[::9, 0] = np.nan
    middle = frame.iloc[:, 1].median()
    for side in (before, after):
        side["level"] = np.where(side.iloc[:, 1] > middle, "high", "low")
        words = pd.cut(side.iloc[:, 1], 6, labels=list("abcdef")).astype(object)
        side["word"] = words.where(words != "d")
    after.loc[after.index[:3], "word"] = "né"
    report = drift(binary, tmp_path, before, after, "--min-rows", "2")
    for column in before.columns:
        judged = report["by_name"][column]
        check = check_texts if column in ("level", "word") else check_numbers
        check(column, judged, before[column], after[column])


@pytest.mark.parametrize("kind", ["lognormal", "cauchy", "integers", "uneven"])
def test_heavy_tails_and_ties_agree_with_scipy(binary: str, tmp_path: Path, kind: str) -> None:
    rng = np.random.default_rng(3)
    make = {
        "lognormal": lambda n, d: rng.lognormal(d, 1.0, n),
        "cauchy": lambda n, d: rng.standard_cauchy(n) + d,
        "integers": lambda n, d: rng.poisson(30 + d, n).astype(float),
        "uneven": lambda n, d: np.round(rng.exponential(2 + d, n), 1),
    }[kind]
    before, after = pd.DataFrame({"x": make(20_000, 0.0)}), pd.DataFrame({"x": make(7_001, 0.1)})
    report = drift(binary, tmp_path, before, after)
    check_numbers(kind, report["by_name"]["x"], before["x"], after["x"])


def clean(rng: np.random.Generator, rows: int) -> pd.DataFrame:
    """Twenty columns of numbers and five of texts, as the research drew them."""
    columns: dict[str, Any] = {}
    for at in range(20):
        kind = at % 5
        columns[f"n{at}"] = [
            lambda: rng.normal(0, 1, rows),
            lambda: rng.lognormal(0, 1, rows),
            lambda: rng.exponential(2.0, rows),
            lambda: np.where(rng.random(rows) < 0.6, 0.0, rng.gamma(2.0, 3.0, rows)),
            lambda: np.where(rng.random(rows) < 0.02, np.nan, rng.uniform(0, 10, rows)),
        ][kind]()
    for at, levels in enumerate([3, 5, 12, 40, 1000]):
        weights = 1 / np.arange(1, levels + 1)
        columns[f"c{at}"] = rng.choice([f"v{i}" for i in range(levels)], rows, p=weights / weights.sum())
    return pd.DataFrame(columns)


def test_each_planted_change_is_caught_and_nothing_else(binary: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(11)
    rows = 100_000
    before, after = clean(rng, rows), clean(rng, rows)
    after["n0"] += 0.15
    after["n5"] *= 1.2
    after["n3"] = np.where(rng.random(rows) < 0.7, 0.0, rng.gamma(2.0, 3.0, rows))
    after["n4"] = np.where(rng.random(rows) < 0.08, np.nan, rng.uniform(0, 10, rows))
    after["c1"] = rng.choice([f"v{i}" for i in range(5)], rows, p=[0.36, 0.26, 0.16, 0.12, 0.10])
    after["c2"] = np.where(rng.random(rows) < 0.04, "brand new", after["c2"])
    report = drift(binary, tmp_path, before, after)
    drifted = {name for name, column in report["by_name"].items() if column["state"] == "drift"}
    assert drifted == {"n0", "n5", "n3", "n4", "c1", "c2"}
    assert "brand new" in report["by_name"]["c2"]["words"]
    assert "missing" in report["by_name"]["n4"]["words"]


def test_more_rows_than_are_kept_stay_within_the_stated_error(binary: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    rows = 2_600_000
    before = pd.DataFrame({"x": rng.normal(0, 1, rows)})
    after = pd.DataFrame({"x": rng.normal(0.02, 1, rows)})
    sketched = drift(binary, tmp_path, before, after)["by_name"]["x"]["comparison"]
    exact = drift(binary, tmp_path, before, after, "--exact")["by_name"]["x"]["comparison"]
    assert exact["precision"]["exact"] and not sketched["precision"]["exact"]
    error = sketched["precision"]["rank_error"]
    assert 0 < error < 1e-4
    of = lambda report, name: report["statistics"][name]["value"]
    assert abs(of(exact, "kolmogorov_smirnov") - of(sketched, "kolmogorov_smirnov")) <= error
    assert of(sketched, "psi") == pytest.approx(of(exact, "psi"), abs=20 * error)
    assert sketched["reference"]["distinct"] == pytest.approx(rows, rel=0.05)


def test_a_column_that_is_on_one_side_only_is_no_pass(binary: str, tmp_path: Path) -> None:
    before = pd.DataFrame({"x": np.arange(500.0), "gone": np.arange(500.0)})
    after = pd.DataFrame({"x": np.arange(500.0), "came": np.arange(500.0)})
    by_name = drift(binary, tmp_path, before, after)["by_name"]
    assert by_name["x"]["state"] == "ok"
    assert by_name["gone"]["state"] == by_name["came"]["state"] == "no_reference"
    few = drift(binary, tmp_path, before, after.head(20))["by_name"]["x"]
    assert few["state"] == "not_enough_data"
