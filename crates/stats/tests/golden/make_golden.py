"""Writes golden.json: statistics as scipy, numpy and scikit-learn compute them, on fixed made-up samples.

Run in a temporary environment:  pip install scipy scikit-learn statsmodels && python make_golden.py
"""

import json
import pathlib

import numpy as np
import scipy
import sklearn
from scipy import stats
from scipy.spatial.distance import jensenshannon
from sklearn import metrics

FLOOR = 1e-4


def numbers(reference, current):
    n = len(reference)
    ordered = np.sort(reference)
    cuts = np.unique([ordered[i * n // 10] for i in range(1, 10)])
    count = lambda values: np.bincount(np.searchsorted(cuts, values, side="left"), minlength=len(cuts) + 1)
    ks = stats.ks_2samp(reference, current, method="asymp")
    q25, q75 = np.quantile(reference, [0.25, 0.75])
    distance = stats.wasserstein_distance(reference, current)
    p, q = count(reference), count(current)
    return {
        "reference": list(map(float, reference)),
        "current": list(map(float, current)),
        "ks": ks.statistic,
        "ks_p": ks.pvalue,
        "wasserstein": distance,
        "wasserstein_over_iqr": distance / (q75 - q25) if q75 > q25 else None,
        "quantiles": [float(v) for v in np.quantile(reference, [0, 0.01, 0.25, 0.5, 0.9, 1])],
        "mean": float(np.mean(reference)),
        "population_deviation": float(np.std(reference)),
        "sample_deviation": float(np.std(reference, ddof=1)),
        "skewness": float(stats.skew(reference)),
        "kurtosis": float(stats.kurtosis(reference)),
        "coarse_reference": p.tolist(),
        "coarse_current": q.tolist(),
    }


def shares(p, q):
    p, q = np.array(p), np.array(q)
    ps, qs = p / p.sum(), q / q.sum()
    pf, qf = np.maximum(ps, FLOOR), np.maximum(qs, FLOOR)
    used = (p + q) > 0
    chi = stats.chi2_contingency(np.array([p[used], q[used]]), correction=False)
    return {
        "reference": p.tolist(),
        "current": q.tolist(),
        "psi": float(np.sum((qf - pf) * np.log(qf / pf))),
        "kl": float(stats.entropy(pf, qf)),
        "js2": float(jensenshannon(ps, qs, 2)),
        "js_e": float(jensenshannon(ps, qs)),
        "hellinger": float(np.sqrt(np.sum((np.sqrt(ps) - np.sqrt(qs)) ** 2)) / np.sqrt(2)),
        "tvd": float(np.abs(ps - qs).sum() / 2),
        "linf": float(np.abs(ps - qs).max()),
        "chi2": float(chi.statistic),
        "chi2_p": float(chi.pvalue),
        "chi2_freedom": int(chi.dof),
        "cramers_v": float(stats.contingency.association(np.array([p[used], q[used]]), "cramer")),
        "psi_null_99": float((1 / p.sum() + 1 / q.sum()) * stats.chi2.ppf(0.99, len(p) - 1)),
    }


def regression(truth, predicted):
    return {
        "truth": list(map(float, truth)),
        "predicted": list(map(float, predicted)),
        "mae": metrics.mean_absolute_error(truth, predicted),
        "rmse": metrics.root_mean_squared_error(truth, predicted),
        "median_absolute_error": metrics.median_absolute_error(truth, predicted),
        "max_error": float(metrics.max_error(truth, predicted)),
        "r2": metrics.r2_score(truth, predicted),
        "mape": metrics.mean_absolute_percentage_error(truth, predicted) if np.all(truth) else None,
        "bias": float(np.mean(predicted - truth)),
        "wape": float(np.abs(predicted - truth).sum() / np.abs(truth).sum()) if np.any(truth) else None,
    }


def main():
    rng = np.random.default_rng(20120713)
    round6 = lambda values: np.round(values, 6)
    pairs = [
        (rng.normal(size=300), rng.normal(size=168)),
        (rng.normal(size=500), rng.normal(0.3, 1.2, size=168)),
        (rng.normal(size=50), rng.normal(1.5, 1, size=40)),
        (rng.lognormal(size=900), rng.lognormal(0.35, 1, size=700)),
        (rng.integers(0, 5, size=400), rng.integers(0, 6, size=300)),
        (np.where(rng.random(600) < 0.93, 0, rng.exponential(2, 600)), np.where(rng.random(200) < 0.8, 0, rng.exponential(2, 200))),
        (rng.normal(size=7), rng.normal(size=5)),
        (rng.normal(size=3), rng.normal(5, 1, size=3)),
        (np.arange(10), np.arange(10)),
        (rng.normal(280, 12, size=2000), rng.normal(285, 8, size=150)),
        (rng.normal(size=1500), rng.normal(0.05, 1, size=1500)),
        (rng.normal(size=1500), rng.normal(0.6, 1, size=1500)),
    ]
    counts = [
        ([10, 20, 30, 40], [12, 18, 33, 37]),
        ([100, 0, 50], [90, 20, 40]),
        ([5000, 3000, 1500, 500, 0], [4800, 2900, 1450, 450, 400]),
        ([1, 0], [0, 1]),
        ([7, 7, 7], [7, 7, 7]),
        ([1000, 1, 0, 0, 5], [3, 900, 0, 2, 1]),
        ([17] * 10, [3, 9, 14, 22, 31, 25, 19, 11, 4, 2]),
        ([120, 80], [60, 90]),
    ]
    truth = rng.uniform(200, 6000, size=97)
    golden = {
        "made_with": {"numpy": np.__version__, "scipy": scipy.__version__, "scikit-learn": sklearn.__version__},
        "numbers": [numbers(round6(a), round6(b)) for a, b in pairs],
        "shares": [shares(p, q) for p, q in counts],
        "kolmogorov": [
            {"n": n, "x": x, "tail": float(stats.kstwo.sf(x, n))}
            for n in [1, 2, 5, 10, 50, 139, 140, 141, 165, 400, 1000, 20000, 150000]
            for x in sorted({0.6 / n, 0.9 / n, *(round(z / np.sqrt(n), 12) for z in (0.3, 0.6, 0.85, 1.0, 1.3, 1.6, 2.2, 3.0, 5.0)), 0.5, 0.7, 1 - 0.5 / n})
            if 0 < x < 1
        ],
        "discovery": [
            {"p": p, "adjusted": [float(v) for v in stats.false_discovery_control(p, method="bh")]}
            for p in ([0.01, 0.04, 0.03, 0.005, 0.5], [0.2], [1.0, 1.0, 1e-12], [float(v) for v in np.round(rng.random(25) ** 3, 9)])
        ],
        "regression": [
            regression(truth, truth + rng.normal(30, 400, size=97)),
            regression(np.array([3.0, 3.0, 3.0]), np.array([3.0, 3.0, 3.0])),
            regression(np.array([3.0, 3.0, 3.0]), np.array([3.0, 3.5, 2.0])),
            regression(np.array([0.0, 2.0, -4.0, 1.0]), np.array([0.5, 2.0, -3.0, 7.0])),
            regression(np.array([0.0, 0.0]), np.array([1.0, -1.0])),
        ],
    }
    path = pathlib.Path(__file__).with_name("golden.json")
    path.write_text(json.dumps(golden) + "\n")


main()
