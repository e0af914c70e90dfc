//! With nothing changed, alarms stay at the stated rate; measured on six years of real traffic, hour by hour.

use monitoring::{ComparedColumn, DriftLimits, State, judge_columns};
use stats::{Exactness, NumberGathering, TextColumn, compare_numbers, compare_texts};

use crate::traffic::{Hour, NUMBERS, hours};

const TRIALS: u64 = 400;
const ROWS: usize = 1_500;

/// Whole numbers in no order, the same in every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % most as u64) as usize
    }
}

fn numbers(hours: &[&Hour], value: impl Fn(&Hour) -> Option<f64>) -> stats::NumberColumn {
    let mut gathering = NumberGathering::new(Exactness::default());
    let values: Vec<f64> = hours.iter().filter_map(|hour| value(hour)).collect();
    gathering.add(&values, (hours.len() - values.len()) as u64);
    gathering.finish()
}

fn words(hours: &[&Hour]) -> TextColumn {
    let mut column = TextColumn::new(Exactness::default());
    hours.iter().for_each(|hour| column.add(&hour.weather, 1));
    column
}

fn compared(then: &[&Hour], now: &[&Hour]) -> Vec<ComparedColumn> {
    let mut columns: Vec<ComparedColumn> = NUMBERS
        .iter()
        .enumerate()
        .map(|(at, name)| {
            let value = |hour: &Hour| hour.numbers[at];
            ((*name).to_owned(), Ok(compare_numbers(&numbers(then, value), &numbers(now, value))))
        })
        .collect();
    let volume = |hour: &Hour| Some(hour.volume);
    columns.push(("volume".to_owned(), Ok(compare_numbers(&numbers(then, volume), &numbers(now, volume)))));
    columns.push(("weather".to_owned(), Ok(compare_texts(&words(then), &words(now)))));
    columns
}

#[test]
fn of_hundreds_of_runs_in_which_nothing_changed_at_most_two_in_a_hundred_alarm() {
    let hours = hours();
    let mut chance = Chance(17);
    let evidence_alone = DriftLimits {
        shift: 0.0,
        distance: f64::MAX,
        moved: 0.0,
        missing: 0.0,
        unseen: 0.0,
        ..DriftLimits::default()
    };
    let (mut by_evidence, mut by_verdict) = (0, 0);
    let mut order: Vec<&Hour> = hours.iter().collect();
    for _ in 0..TRIALS {
        for place in 0..2 * ROWS {
            let other = place + chance.below(order.len() - place);
            order.swap(place, other);
        }
        let columns = compared(&order[..ROWS], &order[ROWS..2 * ROWS]);
        let drifted = |limits| judge_columns("then", "now", columns.clone(), limits).state == State::Drift;
        by_evidence += u64::from(drifted(evidence_alone));
        by_verdict += u64::from(drifted(DriftLimits::default()));
    }
    println!("{by_evidence} of {TRIALS} by evidence alone, {by_verdict} by the whole verdict");
    assert!(by_evidence <= TRIALS / 50, "{by_evidence} of {TRIALS} runs by evidence alone");
    assert!(by_verdict <= TRIALS / 100, "{by_verdict} of {TRIALS} runs");
}

#[test]
fn winter_against_summer_is_drift_in_what_differs_and_only_there() {
    let hours = hours();
    let in_months = |months: &[f64]| -> Vec<&Hour> {
        hours.iter().filter(|hour| months.contains(&hour.numbers[6].unwrap_or_default())).collect()
    };
    let report = judge_columns(
        "winter",
        "summer",
        compared(&in_months(&[12.0, 1.0, 2.0]), &in_months(&[6.0, 7.0, 8.0])),
        DriftLimits::default(),
    );
    let state = |name: &str| report.columns.iter().find(|column| column.column == name).unwrap().state;
    for name in ["temp", "month", "weather"] {
        assert_eq!(state(name), State::Drift, "{name}: {}", report.words);
    }
    for name in ["hour", "weekday"] {
        assert_eq!(state(name), State::Ok, "{name}");
    }
}
