//! Sums add up however rows come, pack small, and cover any range.

use std::collections::BTreeMap;

use base::{Period, Timestamp};
use proptest::prelude::*;
use stats::{Edges, Sample};

use super::*;
use crate::rows::{Column, Rows};

fn start() -> Timestamp {
    Timestamp::parse("2026-03-01").unwrap()
}

/// Rows at chosen minutes after the start.
fn lot(minutes: &[i64]) -> Lot {
    let value = |minute: i64| ((minute * 7_919) % 1_009) as f64 / 10.0;
    let times: Vec<Timestamp> =
        minutes.iter().map(|minute| start().plus(Period::from_micros(minute * 60_000_000))).collect();
    let heat = minutes.iter().map(|minute| (minute % 11 != 0).then(|| value(*minute))).collect();
    let sky = minutes
        .iter()
        .map(|minute| Some(["clear", "rain", "fog"][(minute % 3) as usize].to_owned()))
        .collect();
    let rows = Rows::new(
        times,
        vec![("heat".to_owned(), Column::Numbers(heat)), ("sky".to_owned(), Column::Texts(sky))],
    )
    .unwrap()
    .with_predictions(minutes.iter().map(|minute| Some(value(minute + 1))).collect())
    .unwrap();
    Lot {
        rows,
        words: None,
        versions: minutes.iter().map(|minute| 1 + minute / 3_000).collect(),
        ids: minutes.iter().map(|minute| format!("id-{minute}")).collect(),
        latencies: minutes.iter().map(|minute| Some((minute % 50) as f64)).collect(),
    }
}

fn shape() -> Shape {
    let reference = Sample::new((0..2_000).map(|value| f64::from(value % 101)));
    let edges = Edges::from_reference(&reference).unwrap();
    Shape {
        edges: BTreeMap::from([("heat".to_owned(), edges)]),
        segments: vec!["sky".to_owned()],
        values: BTreeMap::new(),
    }
}

fn add(to: &mut BTreeMap<StretchKey, StretchProfile>, lot: &Lot, shape: &mut Shape) {
    for (key, profile) in lot.sum_up(shape, start()).unwrap() {
        let grain = key.grain;
        to.entry(key).or_default().merge(&profile, grain).unwrap();
    }
}

/// All but what sketches decide by chance and rounding.
fn exact(profile: &StretchProfile) -> String {
    let mut text = format!(
        "{} {} {:?} {:?} {:?}",
        profile.rows, profile.failed, profile.first, profile.last, profile.examples
    );
    for (name, column) in &profile.columns {
        text += &format!(" {name} {} {}", column.rows, column.null);
        match &column.values {
            Values::Numbers(numbers) => {
                let counts = numbers.bins.as_ref().map(stats::Bins::counts);
                text += &format!(
                    "{} {} {:?} {:?} {:?} {:?} {:?}",
                    numbers.zero,
                    numbers.negative,
                    numbers.min,
                    numbers.max,
                    counts,
                    numbers.levels,
                    numbers.distinct.estimate().round()
                );
            }
            Values::Texts(texts) => {
                text += &format!("{} {:?} {}", texts.empty, texts.levels, texts.distinct.estimate().round());
            }
        }
    }
    text
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn rows_add_up_to_the_same_however_late_and_in_whatever_lots_they_come(
        order in Just((0..4_000_i64).collect::<Vec<_>>()).prop_shuffle(), lots in 1_usize..9
    ) {
        let (mut whole, mut parts) = (BTreeMap::new(), BTreeMap::new());
        let (mut one, mut other) = (shape(), shape());
        // The values that are segments are those that came first; here all of them fit.
        add(&mut whole, &lot(&(0..4_000).collect::<Vec<_>>()), &mut one);
        for some in order.chunks(order.len().div_ceil(lots)) {
            add(&mut parts, &lot(some), &mut other);
        }
        prop_assert_eq!(whole.len(), parts.len());
        for (key, profile) in &whole {
            prop_assert!(exact(profile) == exact(&parts[key]), "{:?}", key);
        }
    }
}

#[test]
fn a_packed_profile_reads_back_and_is_small() {
    let mut shape = shape();
    let mut kept = BTreeMap::new();
    add(&mut kept, &lot(&(0..4_000).collect::<Vec<_>>()), &mut shape);
    for (key, profile) in &kept {
        let packed = profile.pack().unwrap();
        let read = StretchProfile::unpack(&packed, &shape).unwrap();
        assert_eq!(exact(profile), exact(&read), "{key:?}");
        assert!(packed.len() < 40_000, "{} bytes for {} rows", packed.len(), profile.rows);
    }
    assert!(StretchProfile::unpack(b"torn", &shape).is_err());
}

#[test]
fn segments_have_the_rows_of_their_value_and_all_of_them_together_are_the_whole() {
    let mut kept = BTreeMap::new();
    add(&mut kept, &lot(&(0..1_200).collect::<Vec<_>>()), &mut shape());
    let rows = |segment: &str| -> u64 {
        kept.iter()
            .filter(|(key, _)| key.grain == Grain::Day && key.segment == segment)
            .map(|(_, profile)| profile.rows)
            .sum()
    };
    assert_eq!((rows(""), rows("sky=clear"), rows("sky=rain"), rows("sky=fog")), (1_200, 400, 400, 400));
}

#[test]
fn a_range_is_whole_days_and_the_hours_around_them() {
    let at = |hour: i64| start().plus(Period::from_hours(hour));
    assert_eq!(
        cover(at(5), at(60)).unwrap(),
        [(Grain::Hour, at(5), at(24)), (Grain::Day, at(24), at(48)), (Grain::Hour, at(48), at(60))]
    );
    assert_eq!(cover(at(0), at(168)).unwrap(), [(Grain::Day, at(0), at(168))]);
    assert_eq!(cover(at(5), at(20)).unwrap(), [(Grain::Hour, at(5), at(20))]);
    assert_eq!(cover(at(5).plus(Period::from_micros(1)), at(20)), None);
}
