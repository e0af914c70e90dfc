//! Every statistic against the value that scipy, numpy or scikit-learn computes.

use serde::Deserialize;
use stats::{Edges, Moments, Sample, Shares, adjusted_p_values, psi_null_quantile, regression_metrics};

const VALUE: f64 = 1e-9;
const P_VALUE: f64 = 1e-6;

#[derive(Deserialize)]
struct Golden {
    numbers: Vec<Numbers>,
    shares: Vec<Counts>,
    discovery: Vec<Discovery>,
    regression: Vec<Regression>,
}

#[derive(Deserialize)]
struct Numbers {
    reference: Vec<f64>,
    current: Vec<f64>,
    ks: f64,
    ks_p: f64,
    wasserstein: f64,
    wasserstein_over_iqr: Option<f64>,
    quantiles: Vec<f64>,
    mean: f64,
    population_deviation: f64,
    sample_deviation: f64,
    skewness: f64,
    kurtosis: f64,
    coarse_reference: Vec<u64>,
    coarse_current: Vec<u64>,
}

#[derive(Deserialize)]
struct Counts {
    reference: Vec<u64>,
    current: Vec<u64>,
    psi: f64,
    kl: f64,
    js2: f64,
    js_e: f64,
    hellinger: f64,
    tvd: f64,
    linf: f64,
    chi2: f64,
    chi2_p: f64,
    chi2_freedom: u64,
    cramers_v: f64,
    psi_null_99: f64,
}

#[derive(Deserialize)]
struct Discovery {
    p: Vec<f64>,
    adjusted: Vec<f64>,
}

#[derive(Deserialize)]
struct Regression {
    truth: Vec<f64>,
    predicted: Vec<f64>,
    mae: f64,
    rmse: f64,
    median_absolute_error: f64,
    max_error: f64,
    r2: f64,
    mape: Option<f64>,
    bias: f64,
    wape: Option<f64>,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("../golden/golden.json")).unwrap()
}

#[track_caller]
fn close(what: &str, ours: f64, theirs: f64, relative: f64) {
    let bound = relative * theirs.abs() + 1e-12_f64.min(relative * 1e-3);
    assert!((ours - theirs).abs() <= bound, "{what}: {ours:e} here, {theirs:e} there");
}

#[test]
fn samples_agree_with_scipy() {
    for (at, case) in golden().numbers.into_iter().enumerate() {
        let (reference, current) = (Sample::new(case.reference.clone()), Sample::new(case.current.clone()));
        let ks = reference.kolmogorov_smirnov(&current).unwrap();
        close(&format!("ks {at}"), ks.statistic, case.ks, VALUE);
        close(&format!("ks p {at}"), ks.p_value, case.ks_p, P_VALUE);
        close(
            &format!("wasserstein {at}"),
            reference.wasserstein(&current).unwrap(),
            case.wasserstein,
            VALUE,
        );
        let scaled = reference.wasserstein_over_iqr(&current);
        assert_eq!(scaled.is_some(), case.wasserstein_over_iqr.is_some());
        if let (Some(ours), Some(theirs)) = (scaled, case.wasserstein_over_iqr) {
            close(&format!("wasserstein over iqr {at}"), ours, theirs, VALUE);
        }
        for (share, theirs) in [0.0, 0.01, 0.25, 0.5, 0.9, 1.0].into_iter().zip(case.quantiles) {
            close(&format!("quantile {share} {at}"), reference.quantile(share).unwrap(), theirs, VALUE);
        }
        let moments = Moments::of(&case.reference);
        close(&format!("mean {at}"), moments.mean, case.mean, VALUE);
        close(
            &format!("deviation {at}"),
            moments.population_deviation().unwrap(),
            case.population_deviation,
            VALUE,
        );
        close(&format!("deviation {at}"), moments.sample_deviation().unwrap(), case.sample_deviation, VALUE);
        close(&format!("skewness {at}"), moments.skewness().unwrap(), case.skewness, VALUE);
        close(&format!("kurtosis {at}"), moments.kurtosis().unwrap(), case.kurtosis, VALUE);
        let edges = Edges::from_reference(&reference).unwrap();
        assert_eq!(edges.count(&case.reference).coarse_counts(), case.coarse_reference, "bins {at}");
        assert_eq!(edges.count(&case.current).coarse_counts(), case.coarse_current, "bins {at}");
    }
}

#[test]
fn shares_agree_with_scipy() {
    for (at, case) in golden().shares.into_iter().enumerate() {
        let shares = Shares::of_counts(&case.reference, &case.current).unwrap();
        close(&format!("psi {at}"), shares.population_stability(), case.psi, VALUE);
        close(&format!("kl {at}"), shares.kullback_leibler(), case.kl, VALUE);
        close(&format!("js {at}"), shares.jensen_shannon(), case.js2, VALUE);
        close(&format!("js in nats {at}"), shares.jensen_shannon() * 2_f64.ln().sqrt(), case.js_e, VALUE);
        close(&format!("hellinger {at}"), shares.hellinger(), case.hellinger, VALUE);
        close(&format!("tvd {at}"), shares.total_variation(), case.tvd, VALUE);
        close(&format!("linf {at}"), shares.l_infinity(), case.linf, VALUE);
        let chi = shares.chi_square();
        close(&format!("chi2 {at}"), chi.statistic, case.chi2, VALUE);
        close(&format!("chi2 p {at}"), chi.p_value, case.chi2_p, P_VALUE);
        assert_eq!(chi.freedom, case.chi2_freedom);
        close(&format!("v {at}"), shares.cramers_v(), case.cramers_v, VALUE);
        let (n, m) = (case.reference.iter().sum(), case.current.iter().sum());
        close(
            &format!("psi null {at}"),
            psi_null_quantile(n, m, case.reference.len(), 0.99).unwrap(),
            case.psi_null_99,
            VALUE,
        );
    }
}

#[test]
fn adjusted_p_values_agree_with_scipy() {
    for case in golden().discovery {
        let p: Vec<Option<f64>> = case.p.iter().copied().map(Some).collect();
        for (ours, theirs) in adjusted_p_values(&p).into_iter().zip(case.adjusted) {
            close("adjusted", ours.unwrap(), theirs, VALUE);
        }
    }
}

#[test]
fn a_column_without_a_test_does_not_count_as_one() {
    assert_eq!(adjusted_p_values(&[None, Some(0.02), None]), [None, Some(0.02), None]);
}

#[test]
fn regression_metrics_agree_with_sklearn() {
    for (at, case) in golden().regression.into_iter().enumerate() {
        let ours = regression_metrics(&case.truth, &case.predicted).unwrap();
        for (name, theirs) in [
            ("mae", Some(case.mae)),
            ("rmse", Some(case.rmse)),
            ("median_absolute_error", Some(case.median_absolute_error)),
            ("max_error", Some(case.max_error)),
            ("r2", Some(case.r2)),
            ("mape", case.mape),
            ("bias", Some(case.bias)),
            ("wape", case.wape),
        ] {
            assert_eq!(ours.get(name).is_some(), theirs.is_some(), "{name} {at}");
            if let Some(theirs) = theirs {
                close(&format!("{name} {at}"), ours.get(name).unwrap(), theirs, VALUE);
            }
        }
        assert_eq!(ours.rows, case.truth.len() as u64);
    }
}
