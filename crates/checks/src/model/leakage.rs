//! Features that know the answer, and rows that stand on both sides of the split.

use std::collections::{HashMap, HashSet};

use stats::{Moments, Ordered};
use tables::{Table, Values};

use super::bench::{Bench, Failed, Found};
use super::words::share;
use crate::words::count;

const BINS: u64 = 50;
const MOST_WORDS: usize = 1_000;

/// Looks for leaks: a feature that alone explains the target, times that overlap, rows on both sides.
pub(super) fn leakage(bench: &Bench<'_>, alone: f64, duplicates: f64) -> Result<Found, Failed> {
    let (training, rows) = (bench.training()?, bench.rows());
    let mut leaks = Vec::new();
    let learnt = bench.numbers_of(training, bench.target())?;
    let truth = bench.truth()?;
    let mut strongest: Option<(f64, &str)> = None;
    for input in bench.inputs() {
        if training.schema().find(&input.name).is_none() || rows.schema().find(&input.name).is_none() {
            continue;
        }
        let Some(power) = explains(training, rows, &input.name, &learnt, truth)? else { continue };
        if strongest.is_none_or(|(known, _)| power > known) {
            strongest = Some((power, &input.name));
        }
        if power > alone {
            leaks.push(format!(
                "`{}` alone explains {} of the target: does it hold the answer?",
                input.name,
                share(power)
            ));
        }
    }
    if let Some(time) = bench.subject.time {
        let newest = training.times(time)?.into_iter().flatten().max();
        let oldest = rows.times(time)?.into_iter().flatten().min();
        if let (Some(newest), Some(oldest)) = (newest, oldest)
            && newest >= oldest
        {
            leaks.push(
                "rows learnt from are as new as rows to judge by: the split is not one in time".to_owned(),
            );
        }
    }
    let common = doubled(bench, training, rows)?;
    let total = rows.row_count() as u64;
    if common as f64 > duplicates * total as f64 {
        leaks.push(format!(
            "{} of {} rows to judge by stand among the rows learnt from with the same inputs and target",
            count(common),
            count(total)
        ));
    }
    let strongest = strongest.map_or_else(
        || "no feature explains anything alone".to_owned(),
        |(power, name)| format!("most is explained by `{name}` alone: {}", share(power.max(0.0))),
    );
    let observed = format!("{} leaks", leaks.len());
    let message = if leaks.is_empty() { format!("no leak found; {strongest}") } else { leaks.join("; ") };
    let mut found = Found::of(leaks.is_empty(), total, observed, message);
    found.failing = common;
    Ok(found)
}

/// The share of the target's variance on the rows to judge by that one feature explains, when the mean target of each
/// of its bins is learnt from the other rows; `None` when the target does not vary.
fn explains(
    training: &Table,
    rows: &Table,
    feature: &str,
    learnt: &[f64],
    truth: &[f64],
) -> Result<Option<f64>, Failed> {
    let (then, now) = match (training.column(feature)?, rows.column(feature)?) {
        (Values::Text(then), Values::Text(now)) => {
            let mut places: HashMap<String, usize> = HashMap::new();
            let mut place = |text: Option<String>| {
                let text = text?;
                let next = places.len();
                if next >= MOST_WORDS {
                    places.get(&text).copied()
                } else {
                    Some(*places.entry(text).or_insert(next))
                }
            };
            let then: Vec<Option<usize>> = then.into_iter().map(&mut place).collect();
            (then, now.into_iter().map(&mut place).collect())
        }
        (Values::Text(_), _) | (_, Values::Text(_)) => return Ok(None),
        _ => {
            let (then, now) = (training.numbers(feature)?, rows.numbers(feature)?);
            let cuts = Ordered::of(then.iter().flatten().copied()).cuts(BINS);
            let place = |value: &Option<f64>| {
                value.filter(|value| value.is_finite()).map(|value| cuts.partition_point(|cut| *cut < value))
            };
            let now: Vec<Option<usize>> = now.iter().map(place).collect();
            (then.iter().map(place).collect::<Vec<_>>(), now)
        }
    };
    let finite: Vec<f64> = learnt.iter().copied().filter(|value| value.is_finite()).collect();
    let mean = Moments::of(&finite).mean;
    let mut bins: HashMap<Option<usize>, (f64, f64)> = HashMap::new();
    for (bin, value) in then.iter().zip(learnt).filter(|(_, value)| value.is_finite()) {
        let (sum, rows) = bins.entry(*bin).or_default();
        *sum += value;
        *rows += 1.0;
    }
    let known: Vec<f64> = truth.iter().copied().filter(|value| value.is_finite()).collect();
    let own_mean = Moments::of(&known).mean;
    let (mut rest, mut whole) = (0.0, 0.0);
    for (bin, value) in now.iter().zip(truth).filter(|(_, value)| value.is_finite()) {
        let guess = bins.get(bin).map_or(mean, |(sum, rows)| sum / rows);
        rest += (value - guess).powi(2);
        whole += (value - own_mean).powi(2);
    }
    Ok((whole > 0.0).then(|| 1.0 - rest / whole))
}

/// How many rows to judge by have a twin among the rows learnt from, inputs and target alike.
fn doubled(bench: &Bench<'_>, training: &Table, rows: &Table) -> Result<u64, Failed> {
    let mut names: Vec<&str> = bench
        .inputs()
        .iter()
        .map(|input| input.name.as_str())
        .filter(|name| training.schema().find(name).is_some() && rows.schema().find(name).is_some())
        .collect();
    names.push(bench.target());
    let then: HashSet<u64> = hashes(training, &names)?.into_iter().collect();
    Ok(hashes(rows, &names)?.into_iter().filter(|row| then.contains(row)).count() as u64)
}

fn hashes(table: &Table, names: &[&str]) -> Result<Vec<u64>, Failed> {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut rows: Vec<DefaultHasher> = vec![DefaultHasher::new(); table.row_count()];
    for name in names {
        match table.column(name)? {
            Values::Text(texts) => rows.iter_mut().zip(&texts).for_each(|(row, text)| text.hash(row)),
            _ => {
                let numbers = table.numbers(name)?;
                rows.iter_mut().zip(&numbers).for_each(|(row, number)| number.map(f64::to_bits).hash(row));
            }
        }
    }
    Ok(rows.iter().map(Hasher::finish).collect())
}
