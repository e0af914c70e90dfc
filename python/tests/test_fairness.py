"""`gingham fairness` beside the definitions of Fairlearn and AIF360, on real data."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

numpy = pytest.importorskip("numpy")
pandas = pytest.importorskip("pandas")
sm = pytest.importorskip("statsmodels.api")

pytestmark = pytest.mark.skipif(
    "GINGHAM_BINARY" not in os.environ, reason="GINGHAM_BINARY names no binary; `cargo xtask test clients` does"
)


def affairs() -> Any:
    """Fair's survey (6,366 women, shipped with statsmodels): who had an affair, called by a crude score."""
    frame = sm.datasets.fair.load_pandas().data
    return pandas.DataFrame(
        {
            "truth": (frame["affairs"] > 0).astype(int),
            "called": (frame["rate_marriage"] <= 3).astype(int),
            "children": numpy.where(frame["children"] > 0, "some", "none"),
            "job": frame["occupation"].astype(int).astype(str).radd("job "),
        }
    )


def told(folder: Path, frame: Any, groups: str, *more: str) -> Any:
    frame.to_csv(folder / "rows.csv", index=False)
    command = [os.environ["GINGHAM_BINARY"], "--json", "fairness", str(folder / "rows.csv")]
    command += ["--truth", "truth", "--predicted", "called", "--groups", groups, *more]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def rates(frame: Any) -> dict[str, float]:
    true, called = frame["truth"] == 1, frame["called"] == 1
    return {
        "selection": called.mean(),
        "tpr": called[true].mean(),
        "fpr": called[~true].mean(),
        "error": (called != true).mean(),
        "fdr": (~true[called]).mean(),
        "for": true[~called].mean(),
    }


def test_differences_and_ratios_are_those_of_fairlearn(tmp_path: Path) -> None:
    frame = affairs()
    found = told(tmp_path, frame, "job")
    groups = [rates(part) for _, part in frame.groupby("job")]
    whole = rates(frame)

    def difference(name: str) -> float:
        return max(group[name] for group in groups) - min(group[name] for group in groups)

    def ratio(name: str) -> float:
        return min(group[name] for group in groups) / max(group[name] for group in groups)

    between = found["between_groups"]
    expected = {
        "demographic_parity_difference": difference("selection"),
        "demographic_parity_ratio": ratio("selection"),
        "equalized_odds_difference": max(difference("tpr"), difference("fpr")),
        "equalized_odds_ratio": min(ratio("tpr"), ratio("fpr")),
        "equal_opportunity_difference": difference("tpr"),
        "equal_opportunity_ratio": ratio("tpr"),
        "error_rate_difference": difference("error"),
    }
    for name, value in expected.items():
        assert between[name] == pytest.approx(value, rel=1e-9), name
    away = [abs(group["selection"] - whole["selection"]) for group in groups]
    assert found["to_overall"]["demographic_parity_difference"] == pytest.approx(max(away), rel=1e-9)


def test_the_same_as_the_library_where_it_is_installed(tmp_path: Path) -> None:
    metrics = pytest.importorskip("fairlearn.metrics")
    frame = affairs()
    found = told(tmp_path, frame, "job")
    for method in ("between_groups", "to_overall"):
        for name in (
            "demographic_parity_difference",
            "demographic_parity_ratio",
            "equalized_odds_difference",
            "equalized_odds_ratio",
            "equal_opportunity_difference",
            "equal_opportunity_ratio",
        ):
            theirs = getattr(metrics, name)(
                frame["truth"], frame["called"], sensitive_features=frame["job"], method=method
            )
            assert found[method][name] == pytest.approx(theirs, rel=1e-9), (name, method)


def test_a_pair_is_that_of_aif360(tmp_path: Path) -> None:
    frame = affairs()
    found = told(tmp_path, frame, "children", "--unprivileged", "some", "--privileged", "none")
    own, other = (rates(frame[frame["children"] == name]) for name in ("some", "none"))
    pair = found["pair"]
    expected = {
        "statistical_parity_difference": own["selection"] - other["selection"],
        "disparate_impact": own["selection"] / other["selection"],
        "equal_opportunity_difference": own["tpr"] - other["tpr"],
        "average_odds_difference": ((own["fpr"] - other["fpr"]) + (own["tpr"] - other["tpr"])) / 2,
        "average_abs_odds_difference": (abs(own["fpr"] - other["fpr"]) + abs(own["tpr"] - other["tpr"])) / 2,
        "error_rate_difference": own["error"] - other["error"],
        "error_rate_ratio": own["error"] / other["error"],
        "false_discovery_rate_difference": own["fdr"] - other["fdr"],
        "false_omission_rate_difference": own["for"] - other["for"],
    }
    for name, value in expected.items():
        assert pair[name] == pytest.approx(value, rel=1e-9), name
    benefit = 1 + frame["called"] - frame["truth"]
    share = benefit / benefit.mean()
    entropy = ((share**2 - 1) / 2).mean()
    assert found["fairness"]["generalized_entropy_index"] == pytest.approx(entropy, rel=1e-9)
    assert found["fairness"]["coefficient_of_variation"] == pytest.approx((2 * entropy) ** 0.5, rel=1e-9)
    positive = share[share > 0]
    theil = (positive * numpy.log(positive)).sum() / len(share)
    assert found["fairness"]["theil_index"] == pytest.approx(theil, rel=1e-9)


def test_intervals_are_wilsons_and_small_groups_are_named(tmp_path: Path) -> None:
    proportion = pytest.importorskip("statsmodels.stats.proportion")
    frame = affairs()
    found = told(tmp_path, frame, "job")
    for group in found["fairness"]["groups"]:
        part = frame[frame["job"] == group["name"]]
        low, high = proportion.proportion_confint(part["called"].sum(), len(part), method="wilson")
        rate = group["selection_rate"]
        assert (rate["low"], rate["high"]) == (pytest.approx(low, rel=1e-9), pytest.approx(high, rel=1e-9))
    warned = " ".join(found["fairness"]["warnings"])
    for name, part in frame.groupby("job"):
        if len(part) < 30:
            assert f"`{name}`" in warned
