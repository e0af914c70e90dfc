//! Columns of a window against the rows a version was trained on.

use std::collections::BTreeMap;

use base::Timestamp;
use stats::{Edges, Levels, Sample, Shares, adjusted_p_values, prediction_bound};

use crate::current::{Current, CurrentColumn};
use crate::report::{BinShare, ColumnDrift, State, Unseen, WindowReport};
use crate::rows::{Column, Reference};
use crate::spec::{DriftReference, DriftRule};
use crate::window::Window;
use crate::words;

/// Share of false alarms that is accepted among the flagged columns of a run.
const FALSE_DISCOVERY: f64 = 0.01;
/// A statistic is clearly within bounds below this share of its threshold.
const CLEAR_SHARE: f64 = 0.8;
/// So many more missing values, as a share of rows, matter.
const NULL_INCREASE: f64 = 0.05;
/// So many values that training has never seen, as a share of rows, matter.
const UNSEEN_SHARE: f64 = 0.02;
/// Days of the year on either side of a window that are its season.
const SEASON_DAYS: u32 = 21;
/// With fewer windows the reference does not tell how much it varies by itself.
const FEWEST_BLOCKS: usize = 4;
/// Share of further windows of the reference that stay below its own variation.
const FURTHER_WINDOWS: f64 = 0.99;
/// Bars of a chart of texts.
const MOST_BARS: usize = 12;

/// What does not change from column to column.
pub(crate) struct Comparison<'a> {
    pub(crate) rule: &'a DriftRule,
    pub(crate) min_rows: u64,
    pub(crate) window: Window,
    pub(crate) current: &'a Current,
    pub(crate) reference: Option<&'a Reference>,
    /// Reports of earlier windows of this version, oldest first.
    pub(crate) earlier: &'a [&'a WindowReport],
}

/// Judges every input, and the prediction if the reference has predictions.
pub(crate) fn judge(comparison: &Comparison<'_>) -> Vec<ColumnDrift> {
    let chosen = comparison.reference.map(|reference| ChosenRows::of(comparison, reference));
    let mut columns: Vec<ColumnDrift> = comparison
        .current
        .columns
        .iter()
        .map(|(name, column)| {
            let seen = comparison.reference.and_then(|reference| reference.rows().column(name));
            comparison.compare(name, column, seen.zip(chosen.as_ref()))
        })
        .collect();
    if let Some(predictions) = comparison.reference.and_then(Reference::predictions) {
        let current = &comparison.current.predictions;
        columns.push(comparison.compare("prediction", current, Some(predictions).zip(chosen.as_ref())));
    }
    let p_values: Vec<Option<f64>> = columns.iter().map(|column| column.p_value).collect();
    for (column, adjusted) in columns.iter_mut().zip(adjusted_p_values(&p_values)) {
        column.adjusted_p_value = adjusted;
        comparison.settle(column);
    }
    columns
}

/// The rows of the reference that a window is compared with, and which of its windows each belongs to.
struct ChosenRows {
    which: DriftReference,
    rows: Vec<usize>,
    blocks: Vec<Vec<usize>>,
}

impl ChosenRows {
    /// The season, if the reference has enough of it to know how much its windows differ; else all of the reference.
    fn of(comparison: &Comparison<'_>, reference: &Reference) -> Self {
        let times = reference.rows().times();
        if comparison.rule.reference == DriftReference::SameSeason {
            let middle = comparison.window.middle().day_of_year();
            let near = |day: u32| days_apart(day, middle) <= SEASON_DAYS;
            let days = reference.days().iter().enumerate();
            let season = days.filter(|(_, day)| near(**day)).map(|(row, _)| row).collect();
            let chosen = Self::in_blocks(comparison, DriftReference::SameSeason, season, times);
            if chosen.blocks.len() >= FEWEST_BLOCKS {
                return chosen;
            }
        }
        Self::in_blocks(comparison, DriftReference::Training, (0..times.len()).collect(), times)
    }

    fn in_blocks(
        comparison: &Comparison<'_>,
        which: DriftReference,
        rows: Vec<usize>,
        times: &[Timestamp],
    ) -> Self {
        let length = comparison.window.to.since(comparison.window.from);
        let mut blocks: BTreeMap<Timestamp, Vec<usize>> = BTreeMap::new();
        for row in &rows {
            if let Some(time) = times.get(*row) {
                blocks.entry(time.window_start(length)).or_default().push(*row);
            }
        }
        let blocks = blocks.into_values().filter(|rows| rows.len() as u64 >= comparison.min_rows).collect();
        Self { which, rows, blocks }
    }
}

fn days_apart(one: u32, other: u32) -> u32 {
    let apart = one.abs_diff(other);
    apart.min(366_u32.saturating_sub(apart))
}

impl Comparison<'_> {
    fn compare(
        &self,
        name: &str,
        current: &CurrentColumn,
        reference: Option<(&Column, &ChosenRows)>,
    ) -> ColumnDrift {
        let mut drift = self.blank(name, current);
        let Some((seen, chosen)) = reference else { return drift };
        drift.reference = chosen.which;
        match (current, seen) {
            (CurrentColumn::Numbers { sample, rows, .. }, Column::Numbers(seen)) => {
                self.numbers(&mut drift, (sample, *rows), seen, chosen);
            }
            (CurrentColumn::Texts { levels, rows, .. }, Column::Texts(seen)) => {
                self.texts(&mut drift, (levels, *rows), seen, chosen);
            }
            _ => {}
        }
        drift
    }

    fn blank(&self, name: &str, current: &CurrentColumn) -> ColumnDrift {
        let statistic = match current {
            CurrentColumn::Numbers { .. } => "psi",
            CurrentColumn::Texts { .. } => "jensen_shannon",
        };
        let (rows, missing) = (self.current.rows, current.missing());
        ColumnDrift {
            column: name.to_owned(),
            state: State::NoReference,
            statistic: statistic.to_owned(),
            value: None,
            threshold: self.rule.threshold,
            own_variation: None,
            p_value: None,
            adjusted_p_value: None,
            breached: false,
            clear: false,
            breached_windows: 0,
            judged_windows: 0,
            reference: self.rule.reference,
            reference_rows: 0,
            null_share: (rows > 0).then(|| missing as f64 / rows as f64),
            reference_null_share: None,
            unseen: Vec::new(),
            ks: None,
            wasserstein_over_iqr: None,
            cramers_v: None,
            median: None,
            reference_median: None,
            stuck: false,
            reference_constant: false,
            share_of_constant: 0.0,
            bins: Vec::new(),
            words: String::new(),
        }
    }

    fn numbers(
        &self,
        drift: &mut ColumnDrift,
        (current, rows): (&Sample, u64),
        seen: &[Option<f64>],
        chosen: &ChosenRows,
    ) {
        let pick = |rows: &[usize]| -> Vec<f64> {
            rows.iter()
                .filter_map(|row| seen.get(*row).copied().flatten())
                .filter(|value| value.is_finite())
                .collect()
        };
        let picked = pick(&chosen.rows);
        drift.note_reference(chosen.rows.len(), picked.len());
        let reference = Sample::new(picked);
        let constant = |sample: &Sample| sample.min() == sample.max();
        drift.median = current.quantile(0.5);
        drift.reference_median = reference.quantile(0.5);
        if constant(&reference)
            && let Some(only) = reference.min()
        {
            let same = current.values().iter().filter(|value| **value == only).count();
            drift.reference_constant = true;
            drift.share_of_constant = same as f64 / current.len().max(1) as f64;
        }
        let blocks: Vec<Sample> = chosen.blocks.iter().map(|rows| Sample::new(pick(rows))).collect();
        drift.stuck = rows >= self.min_rows
            && constant(current)
            && !constant(&reference)
            && !blocks.iter().any(constant);
        if rows < self.min_rows {
            return;
        }
        let Some(edges) = Edges::from_reference(&reference) else { return };
        let whole = edges.count(reference.values()).coarse_counts();
        let window = edges.count(current.values()).coarse_counts();
        let blocks = blocks.iter().map(|block| edges.count(block.values()).coarse_counts());
        drift.own_variation = own_variation(&whole, blocks, Shares::population_stability);
        if let Some(shares) = Shares::of_counts(&whole, &window) {
            drift.value = Some(shares.population_stability());
        }
        drift.bins = bars(&bin_labels(&edges.coarse_cuts()), &whole, &window);
        let test = reference.kolmogorov_smirnov_of(current, rows);
        drift.ks = test.map(|test| test.statistic);
        drift.p_value = test.map(|test| test.p_value);
        drift.wasserstein_over_iqr = reference.wasserstein_over_iqr(current);
    }

    fn texts(
        &self,
        drift: &mut ColumnDrift,
        (current, rows): (&Levels, u64),
        seen: &[Option<String>],
        chosen: &ChosenRows,
    ) {
        let pick = |rows: &[usize]| -> Levels {
            rows.iter().filter_map(|row| seen.get(*row).and_then(Option::as_deref)).collect()
        };
        let reference = pick(&chosen.rows);
        let present = chosen.rows.iter().filter(|row| matches!(seen.get(**row), Some(Some(_)))).count();
        drift.note_reference(chosen.rows.len(), present);
        let ever = self.reference.and_then(|reference| reference.words(&drift.column));
        if let Some(ever) = ever.filter(|ever| ever.is_exact()) {
            let is_new = |value: &str| ever.count(value) == 0;
            drift.unseen = Levels::top(current, usize::MAX)
                .into_iter()
                .filter(|top| is_new(&top.value))
                .take(10)
                .map(|top| Unseen { value: top.value, rows: top.count })
                .collect();
        }
        let blocks: Vec<Levels> = chosen.blocks.iter().map(|rows| pick(rows)).collect();
        drift.stuck = rows >= self.min_rows
            && current.len() == 1
            && reference.len() > 1
            && !blocks.iter().any(|block| block.len() <= 1);
        if rows < self.min_rows {
            return;
        }
        let paired = blocks.iter().map(|block| reference.paired(block).1);
        let (whole, window) = reference.paired(current);
        let levels: Vec<u64> = reference.iter().map(|(_, count)| count).collect();
        drift.own_variation = own_variation(&levels, paired, Shares::jensen_shannon);
        if let Some(shares) = Shares::of_counts(&whole, &window) {
            drift.value = Some(shares.jensen_shannon());
            if reference.is_exact() && current.is_exact() {
                drift.p_value = Some(shares.chi_square().p_value);
                drift.cramers_v = Some(shares.cramers_v());
            }
        }
        drift.bins = text_bars(&reference, current);
    }

    /// Decides about a column once the p-values of all columns are known.
    fn settle(&self, drift: &mut ColumnDrift) {
        if drift.reference_rows == 0 {
            drift.words = format!("`{}` has nothing to be compared with in training", drift.column);
            return;
        }
        drift.threshold = drift.own_variation.map_or(self.rule.threshold, |own| own.max(self.rule.threshold));
        let rows = self.current.rows;
        let faults = drift.faults(rows);
        let faulty = !faults.is_empty() && rows >= self.min_rows;
        let certain = drift.adjusted_p_value.is_some_and(|p| p <= FALSE_DISCOVERY);
        let large = drift.value.is_some_and(|value| value >= drift.threshold);
        let judged = faulty || drift.value.is_some();
        drift.breached = faulty || (large && certain);
        drift.clear =
            judged && !faulty && drift.value.is_some_and(|value| value < CLEAR_SHARE * drift.threshold);
        drift.breached_windows = usize::from(drift.breached);
        drift.judged_windows = usize::from(judged);
        let past = self
            .earlier
            .iter()
            .rev()
            .filter_map(|report| report.drift.iter().find(|column| column.column == drift.column))
            .filter(|column| column.state.is_judged())
            .take(self.rule.persist.of.saturating_sub(1));
        for column in past {
            drift.breached_windows += usize::from(column.breached);
            drift.judged_windows += 1;
        }
        drift.state = if !judged {
            State::NotEnoughData
        } else if drift.breached && drift.breached_windows >= self.rule.persist.windows {
            State::Drift
        } else if drift.breached {
            State::Warn
        } else {
            State::Ok
        };
        drift.words = drift.sentence(&faults, self.min_rows);
    }
}

/// What one more window of the reference would stay below in 99 of 100 cases, judged by how much each of its windows
/// differs from all the others.
///
/// Rows that follow each other are alike (a week has one weather), so tests that take each row for itself find a
/// difference in nearly every window. Whole windows are the honest unit. The square root of both statistics is near
/// normal, so the bound is taken there.
fn own_variation(
    whole: &[u64],
    blocks: impl Iterator<Item = Vec<u64>>,
    statistic: impl Fn(&Shares) -> f64,
) -> Option<f64> {
    let roots: Vec<f64> = blocks
        .filter_map(|block| {
            let others: Vec<u64> =
                whole.iter().zip(&block).map(|(all, own)| all.saturating_sub(*own)).collect();
            Some(statistic(&Shares::of_counts(&others, &block)?).sqrt())
        })
        .collect();
    if roots.len() < FEWEST_BLOCKS {
        return None;
    }
    prediction_bound(&roots, FURTHER_WINDOWS).map(|bound| bound * bound)
}

impl ColumnDrift {
    fn note_reference(&mut self, rows: usize, present: usize) {
        self.reference_rows = rows as u64;
        self.reference_null_share = (rows > 0).then(|| (rows - present) as f64 / rows as f64);
    }

    /// What is wrong apart from the distribution.
    fn faults(&self, rows: u64) -> Vec<String> {
        let mut faults = Vec::new();
        if let (Some(now), Some(then)) = (self.null_share, self.reference_null_share)
            && now - then >= NULL_INCREASE
        {
            faults.push(format!(
                "{} of its values are missing, were {}",
                words::percent(now),
                words::percent(then)
            ));
        }
        let unseen: u64 = self.unseen.iter().map(|unseen| unseen.rows).sum();
        if unseen as f64 >= UNSEEN_SHARE * rows as f64 && unseen > 0 {
            let names: Vec<&str> = self.unseen.iter().map(|unseen| unseen.value.as_str()).collect();
            let share = words::percent(unseen as f64 / rows as f64);
            faults
                .push(format!("{share} of its values were never seen in training: {}", words::list(&names)));
        }
        if self.stuck {
            faults.push("all its values are the same".to_owned());
        }
        faults
    }

    fn sentence(&self, faults: &[String], min_rows: u64) -> String {
        let column = &self.column;
        let Some(value) = self.value else {
            return if faults.is_empty() {
                format!("`{column}` has fewer than {min_rows} values, too few to judge")
            } else {
                format!("`{column}`: {}", faults.join("; "))
            };
        };
        let season = match self.reference {
            DriftReference::SameSeason => "the same season of training",
            DriftReference::Training => "training",
        };
        let name = if self.statistic == "psi" { "PSI" } else { "Jensen-Shannon distance" };
        let against = match self.own_variation {
            Some(own) if own >= self.threshold => {
                format!("its own windows stay below {}", words::number(own))
            }
            _ => format!("threshold {}", words::number(self.threshold)),
        };
        let figures = format!("{name} {}, {against}", words::number(value));
        if !self.breached {
            return format!("`{column}` is distributed as in {season} ({figures})");
        }
        let mut parts = faults.to_vec();
        if value >= self.threshold {
            parts.push(self.direction(season));
        }
        format!("`{column}`: {} ({figures})", parts.join("; "))
    }

    fn direction(&self, season: &str) -> String {
        if let (true, Some(only)) = (self.reference_constant, self.reference_median) {
            let differing: f64 = 1.0 - self.share_of_constant;
            let (only, differing) = (words::number(only), words::percent(differing));
            return format!("was always {only} in {season}, {differing} of its values differ now");
        }
        if let (Some(now), Some(then)) = (self.median, self.reference_median)
            && now != then
        {
            let moved = if now > then { "moved up" } else { "moved down" };
            let (now, then) = (words::number(now), words::number(then));
            return format!("{moved}, its middle value is {now} and was {then} in {season}");
        }
        let most = self
            .bins
            .iter()
            .max_by(|left, right| {
                (left.current - left.reference).total_cmp(&(right.current - right.reference))
            })
            .map(|bin| {
                let (now, then) = (words::percent(bin.current), words::percent(bin.reference));
                format!(", {now} of its values are {} and were {then} in {season}", bin.label)
            });
        format!("distributed differently{}", most.unwrap_or_default())
    }
}

fn bin_labels(cuts: &[f64]) -> Vec<String> {
    let (Some(first), Some(last)) = (cuts.first(), cuts.last()) else { return vec!["any value".to_owned()] };
    let mut labels = vec![format!("at most {}", words::number(*first))];
    for (low, high) in cuts.iter().zip(cuts.iter().skip(1)) {
        labels.push(format!("{} to {}", words::number(*low), words::number(*high)));
    }
    labels.push(format!("above {}", words::number(*last)));
    labels
}

fn bars(labels: &[String], reference: &[u64], current: &[u64]) -> Vec<BinShare> {
    let share = |count: u64, counts: &[u64]| count as f64 / counts.iter().sum::<u64>().max(1) as f64;
    labels
        .iter()
        .zip(reference.iter().zip(current))
        .map(|(label, (then, now))| BinShare {
            label: label.clone(),
            reference: share(*then, reference),
            current: share(*now, current),
        })
        .collect()
}

fn text_bars(reference: &Levels, current: &Levels) -> Vec<BinShare> {
    let sum = |levels: &Levels| levels.iter().map(|(_, count)| count).sum::<u64>().max(1) as f64;
    let (then, now) = (sum(reference), sum(current));
    let mut both = reference.clone();
    both.merge(current);
    let mut shares: Vec<BinShare> = both
        .iter()
        .map(|(value, _)| BinShare {
            label: format!("`{value}`"),
            reference: reference.count(value) as f64 / then,
            current: current.count(value) as f64 / now,
        })
        .collect();
    shares
        .sort_by(|left, right| (right.reference + right.current).total_cmp(&(left.reference + left.current)));
    shares.truncate(MOST_BARS);
    shares
}
