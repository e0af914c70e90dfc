//! What must hold for any input.

use proptest::collection::vec;
use proptest::prelude::*;
use stats::{Edges, Profile, Sample, Shares, paired_bootstrap, regression_metrics};

fn cells() -> impl Strategy<Value = Vec<Option<f64>>> {
    vec(
        prop_oneof![
            8 => (-1e6..1e6_f64).prop_map(Some),
            4 => (-3..4_i32).prop_map(|value| Some(f64::from(value))),
            1 => Just(None),
            1 => Just(Some(f64::NAN)),
            1 => Just(Some(f64::INFINITY)),
        ],
        0..400,
    )
}

fn words() -> impl Strategy<Value = Vec<Option<String>>> {
    vec(prop_oneof![9 => "[a-e]{0,2}".prop_map(Some), 1 => Just(None)], 0..200)
}

fn counts() -> impl Strategy<Value = (Vec<u64>, Vec<u64>)> {
    (1..12_usize).prop_flat_map(|bins| (vec(0..5000_u64, bins), vec(0..5000_u64, bins)))
}

fn merged(parts: &[&Profile]) -> Profile {
    let (first, rest) = parts.split_first().unwrap();
    rest.iter().fold((*first).clone(), |mut sum, part| {
        sum.merge(part).unwrap();
        sum
    })
}

fn near(left: f64, right: f64, scale: f64) -> bool {
    (left - right).abs() <= 1e-9 * scale.max(1.0)
}

fn assert_same(left: &Profile, right: &Profile) {
    assert_eq!((left.rows, left.null), (right.rows, right.null));
    if let (Some(a), Some(b)) = (left.texts(), right.texts()) {
        assert_eq!((&a.levels, a.empty, a.lengths.count), (&b.levels, b.empty, b.lengths.count));
        assert_eq!(a.distinct.estimate(), b.distinct.estimate());
        return;
    }
    let (a, b) = (left.numbers().unwrap(), right.numbers().unwrap());
    assert_eq!((a.nan, a.infinite, a.zero, a.negative), (b.nan, b.infinite, b.zero, b.negative));
    assert_eq!((&a.bins, &a.levels), (&b.bins, &b.levels));
    assert_eq!((a.min.is_some(), a.max.is_some()), (b.min.is_some(), b.max.is_some()));
    for (x, y) in [(a.min, b.min), (a.max, b.max)] {
        assert!(near(x.unwrap_or(0.0), y.unwrap_or(0.0), 1.0));
    }
    assert_eq!(a.distinct.estimate(), b.distinct.estimate());
    assert_eq!(a.quantiles.count(), b.quantiles.count());
    let (x, y) = (&a.moments, &b.moments);
    assert_eq!(x.count, y.count);
    let reach = a.min.unwrap_or(0.0).abs().max(a.max.unwrap_or(0.0).abs());
    let n = x.count as f64;
    assert!(near(x.mean, y.mean, reach));
    assert!(near(x.m2, y.m2, n * reach.powi(2)));
    assert!(near(x.m3, y.m3, n * reach.powi(3)));
    assert!(near(x.m4, y.m4, n * reach.powi(4)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn number_profiles_of_parts_merge_to_that_of_the_whole(a in cells(), b in cells(), c in cells()) {
        let reference = Sample::of_present(&a);
        let edges = Edges::from_reference(&reference);
        let profile = |cells: &[Option<f64>]| Profile::of_numbers(cells, edges.as_ref());
        let whole = profile(&[a.clone(), b.clone(), c.clone()].concat());
        let (a, b, c) = (profile(&a), profile(&b), profile(&c));
        let left = merged(&[&merged(&[&a, &b]), &c]);
        let right = merged(&[&a, &merged(&[&b, &c])]);
        assert_same(&left, &right);
        assert_same(&left, &whole);
        assert_same(&merged(&[&c, &b, &a]), &whole);
    }

    #[test]
    fn text_profiles_of_parts_merge_to_that_of_the_whole(a in words(), b in words(), c in words()) {
        let whole = Profile::of_texts(&[a.clone(), b.clone(), c.clone()].concat());
        let (a, b, c) = (Profile::of_texts(&a), Profile::of_texts(&b), Profile::of_texts(&c));
        assert_same(&merged(&[&merged(&[&a, &b]), &c]), &whole);
        assert_same(&merged(&[&a, &merged(&[&b, &c])]), &whole);
    }

    #[test]
    fn a_profile_survives_json(a in cells(), b in words()) {
        let edges = Edges::from_reference(&Sample::of_present(&a));
        for profile in [Profile::of_numbers(&a, edges.as_ref()), Profile::of_texts(&b)] {
            let text = serde_json::to_string(&profile).unwrap();
            let back: Profile = serde_json::from_str(&text).unwrap();
            assert_same(&back, &profile);
            let mut twice = back.clone();
            twice.merge(&profile).unwrap();
            prop_assert_eq!(twice.rows, 2 * profile.rows);
        }
    }

    #[test]
    fn distances_of_shares_are_bounded_and_symmetric((p, q) in counts()) {
        let (Some(there), Some(back)) = (Shares::of_counts(&p, &q), Shares::of_counts(&q, &p)) else { return Ok(()) };
        for distance in [
            Shares::jensen_shannon as fn(&Shares) -> f64,
            Shares::hellinger,
            Shares::total_variation,
            Shares::l_infinity,
            Shares::cramers_v,
        ] {
            prop_assert!((0.0..=1.0).contains(&distance(&there)));
            prop_assert!((distance(&there) - distance(&back)).abs() < 1e-9);
        }
        prop_assert!(there.population_stability() >= 0.0);
        prop_assert!(there.kullback_leibler() >= 0.0);
        prop_assert!((there.population_stability() - back.population_stability()).abs() < 1e-9);
        prop_assert!(there.l_infinity() <= 2.0 * there.total_variation() + 1e-12);
        prop_assert!((0.0..=1.0).contains(&there.chi_square().p_value));
        let sum: f64 = there.stability_contributions().iter().sum();
        prop_assert!((sum - there.population_stability()).abs() < 1e-9);
    }

    #[test]
    fn equal_shares_have_no_distance((p, _) in counts(), times in 1..5_u64) {
        let scaled: Vec<u64> = p.iter().map(|count| count * times).collect();
        let Some(shares) = Shares::of_counts(&p, &scaled) else { return Ok(()) };
        for value in [
            shares.population_stability(),
            shares.kullback_leibler(),
            shares.jensen_shannon(),
            shares.hellinger(),
            shares.total_variation(),
            shares.l_infinity(),
            shares.chi_square().statistic,
        ] {
            prop_assert!(value.abs() < 1e-6, "{}", value);
        }
        prop_assert!(shares.chi_square().p_value > 0.999);
    }

    #[test]
    fn distances_of_samples_are_symmetric_and_zero_for_equal_ones(a in cells(), b in cells(), by in -50.0..50.0_f64) {
        let (x, y) = (Sample::of_present(&a), Sample::of_present(&b));
        if let (Some(there), Some(back)) = (x.kolmogorov_smirnov(&y), y.kolmogorov_smirnov(&x)) {
            prop_assert!((there.statistic - back.statistic).abs() < 1e-12);
            prop_assert!((0.0..=1.0).contains(&there.statistic) && (0.0..=1.0).contains(&there.p_value));
            let (there, back) = (x.wasserstein(&y).unwrap(), y.wasserstein(&x).unwrap());
            prop_assert!((there - back).abs() <= 1e-9 * there.max(1.0));
        } else {
            prop_assert!(x.is_empty() || y.is_empty());
        }
        if let Some(same) = x.kolmogorov_smirnov(&x) {
            prop_assert_eq!((same.statistic, same.p_value), (0.0, 1.0));
            prop_assert_eq!(x.wasserstein(&x), Some(0.0));
            let moved = Sample::new(x.values().iter().map(|value| value + by));
            prop_assert!((x.wasserstein(&moved).unwrap() - by.abs()).abs() < 1e-6);
        }
    }

    #[test]
    fn sketched_quantiles_stay_within_their_bound(seed in 0..1000_u64) {
        let mut state = seed;
        let values: Vec<f64> = (0..20_000).map(|_| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            ((state >> 11) as f64).powi(2)
        }).collect();
        let cells: Vec<Option<f64>> = values.iter().copied().map(Some).collect();
        let (left, right) = cells.split_at(7_000);
        let mut profile = Profile::of_numbers(left, None);
        profile.merge(&Profile::of_numbers(right, None)).unwrap();
        let sketch = &profile.numbers().unwrap().quantiles;
        let sorted = Sample::new(values);
        for share in [0.05, 0.5, 0.95] {
            let value = sketch.quantile(share).unwrap();
            let rank = sorted.values().partition_point(|at| *at <= value) as f64 / sorted.len() as f64;
            prop_assert!((rank - share).abs() <= 2.0 * sketch.rank_error(), "{} for {}", rank, share);
        }
    }

    #[test]
    fn metrics_of_a_perfect_prediction_are_zero(truth in vec(-1e6..1e6_f64, 1..100)) {
        let metrics = regression_metrics(&truth, &truth).unwrap();
        prop_assert_eq!((metrics.mae, metrics.rmse, metrics.bias, metrics.max_error), (0.0, 0.0, 0.0, 0.0));
        prop_assert_eq!(metrics.r2, (truth.len() > 1).then_some(1.0));
    }

    #[test]
    fn a_bootstrap_repeats_with_its_seed_and_holds_the_difference(errors in vec((0.0..100.0_f64, 0.0..100.0_f64), 1..80), seed in any::<u64>()) {
        let (a, b): (Vec<f64>, Vec<f64>) = errors.into_iter().unzip();
        let first = paired_bootstrap(&a, &b, seed, 200).unwrap();
        prop_assert_eq!(paired_bootstrap(&a, &b, seed, 200).unwrap(), first);
        prop_assert!(first.low <= first.high);
        let against = paired_bootstrap(&b, &a, seed, 200).unwrap();
        prop_assert!((against.difference + first.difference).abs() < 1e-9);
        prop_assert!((against.low + first.high).abs() < 1e-6);
    }
}

#[test]
fn a_better_model_has_an_interval_below_zero() {
    let b: Vec<f64> = (0..200).map(|row| 10.0 + f64::from(row % 7)).collect();
    let a: Vec<f64> = b.iter().enumerate().map(|(row, error)| error - 1.0 + (row % 3) as f64 * 0.1).collect();
    let interval = paired_bootstrap(&a, &b, 7, 1000).unwrap();
    assert!(interval.high < 0.0 && interval.a_is_lower == 1.0, "{interval:?}");
}

#[test]
fn many_values_keep_the_most_frequent_within_a_known_error() {
    let mut cells: Vec<Option<String>> = (0..5_000).map(|row| Some(format!("rare-{row}"))).collect();
    cells.extend((0..3_000).map(|_| Some("often".to_owned())));
    let (left, right) = cells.split_at(5_500);
    let mut profile = Profile::of_texts(left);
    profile.merge(&Profile::of_texts(right)).unwrap();
    let levels = &profile.texts().unwrap().levels;
    assert!(!levels.is_exact());
    let top = levels.top(1);
    assert_eq!(top[0].value, "often");
    assert!(top[0].count <= 3_000 && top[0].count + levels.error() >= 3_000);
    let distinct = profile.texts().unwrap().distinct.estimate();
    assert!((distinct - 5_001.0).abs() < 5_001.0 * 0.05, "{distinct}");
}

#[test]
fn profiles_of_different_kind_or_edges_do_not_merge() {
    let numbers = [Some(1.0), Some(2.0), Some(3.0)];
    let edges = Edges::from_reference(&Sample::of_present(&numbers)).unwrap();
    let mut binned = Profile::of_numbers(&numbers, Some(&edges));
    let before = binned.clone();
    assert_eq!(binned.merge(&Profile::of_texts(&[Some("a")])), Err(stats::Error::KindsDiffer));
    assert_eq!(binned.merge(&Profile::of_numbers(&numbers, None)), Err(stats::Error::EdgesDiffer));
    assert_eq!(binned, before);
}
