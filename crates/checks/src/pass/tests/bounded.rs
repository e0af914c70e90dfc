//! What is more than fits is gone over in parts, and the result is that of all at once.

use std::collections::HashMap;

use proptest::prelude::*;
use tables::{RowSource, Table, Values};

use super::super::distinct::{DistinctLook, Of};
use super::super::keys::Key;
use super::super::rank::RankLook;
use super::super::{Asked, Ended, Found, Look};

/// What a look finds in the first column, and how often it has gone over it.
fn found(mut look: impl Look, table: &Table) -> (Found, usize) {
    let source = RowSource::from(table.clone());
    for times in 1.. {
        let mut pieces = source.pieces(&[0], &[]);
        while let Some(piece) = pieces.next_piece().unwrap() {
            look.see(&Asked::new(&piece, None));
        }
        if let Ended::Found(found) = look.end() {
            return (found, times);
        }
    }
    unreachable!("a look ends")
}

/// Rows, rows that repeat an earlier one, and the numbers of the first five of those.
fn repeats<T: std::hash::Hash + Eq>(values: &[T]) -> Found {
    let mut seen = HashMap::new();
    let mut first = Vec::new();
    for (row, value) in (1..).zip(values) {
        if seen.insert(value, ()).is_some() {
            first.push(row);
        }
    }
    let failing = first.len() as f64;
    first.truncate(5);
    Found { rows: values.len() as u64, value: Some(failing), first }
}

fn of_numbers(values: &[i64]) -> Table {
    let values = values.iter().copied().map(Some).collect();
    Table::from_columns(vec![("n".into(), Values::Int(values))]).unwrap()
}

fn keys<K: Key>(of: Of, most: usize) -> DistinctLook<K> {
    DistinctLook::new(&[0], of, most)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn keys_that_are_too_many_are_counted_part_by_part(
        values in prop::collection::vec(-3000_i64..3000, 1..20_000),
        sorted in 0_usize..20_000,
        most in 8_usize..4000,
    ) {
        // What rises at first and then does not.
        let mut values = values;
        let sorted = sorted.min(values.len());
        values[..sorted].sort_unstable();
        let expected = repeats(&values);
        let table = of_numbers(&values);
        prop_assert_eq!(&found(keys::<u64>(Of::Repeats, most), &table).0, &expected);
        let distinct = expected.rows as f64 - expected.value.unwrap_or_default();
        prop_assert_eq!(found(keys::<u64>(Of::Count, most), &table).0.value, Some(distinct));
        let words = values.iter().map(|value| Some(format!("word {value}"))).collect();
        let words = Table::from_columns(vec![("w".into(), Values::Text(words))]).unwrap();
        prop_assert_eq!(&found(keys::<u128>(Of::Repeats, most), &words).0, &expected);
    }

    #[test]
    fn quantiles_of_many_values_are_those_of_the_sorted_ones(
        few in 1_i64..50_000,
        scale in prop::sample::select(vec![1.0, 1e-9, 1e12]),
        rows in 60_000_usize..150_000,
        at in 0.0_f64..1.0,
    ) {
        let mut state = 7_u64;
        let mut values: Vec<f64> = (0..rows)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                ((state >> 33) as i64 % few - few / 3) as f64 * scale
            })
            .collect();
        let column = values.iter().copied().map(Some).collect();
        let table = Table::from_columns(vec![("x".into(), Values::Real(column))]).unwrap();
        values.sort_by(f64::total_cmp);
        let middle = (values[(rows - 1) / 2] + values[rows / 2]) / 2.0;
        prop_assert_eq!(found(RankLook::median(0), &table).0.value, Some(middle));
        let rank = at * (rows - 1) as f64;
        let (low, high) = (values[rank.floor() as usize], values[rank.ceil() as usize]);
        let quantile = found(RankLook::quantile(0, at), &table).0.value.unwrap();
        prop_assert!((low..=high).contains(&quantile), "{quantile} is not in {low} to {high}");
    }
}

#[test]
fn keys_that_never_fall_are_gone_over_once_whatever_their_number() {
    let values: Vec<i64> = (0..100_000).map(|n| n - n % 7).collect();
    let (found, times) = found(keys::<u64>(Of::Repeats, 100), &of_numbers(&values));
    assert_eq!((found, times), (repeats(&values), 1));
}

#[test]
fn values_that_are_all_alike_are_gone_over_four_times_at_most() {
    let column = vec![Some(0.1); 100_000];
    let table = Table::from_columns(vec![("x".into(), Values::Real(column))]).unwrap();
    let (found, times) = found(RankLook::median(0), &table);
    assert_eq!((found.value, times), (Some(0.1), 4));
}
