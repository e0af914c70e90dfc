//! Two sets of rows compared: every statistic of every column, and what to make of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use stats::{Comparison, adjusted_p_values};

use crate::report::State;
use crate::words;

/// From when on a difference matters, and how sure one must be.
///
/// A column is called drifted only if a difference is large enough to matter *and* would hardly come by chance, all
/// tests of the run taken together (Benjamini-Hochberg).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct DriftLimits {
    /// Numbers: greatest difference between the shares of rows below any value (Kolmogorov-Smirnov).
    pub shift: f64,
    /// Numbers: Wasserstein distance in standard deviations of the reference; sees what a few extreme rows do.
    pub distance: f64,
    /// Texts: share of rows that would have to change their text (total variation).
    pub moved: f64,
    /// More or fewer missing values, as a share of rows.
    pub missing: f64,
    /// Rows with a text that the reference never had, as a share of rows.
    pub unseen: f64,
    /// Accepted share of false ones among the columns that are called drifted.
    pub false_discovery: f64,
    /// Columns with fewer values on either side are not judged.
    pub min_rows: u64,
}

impl Default for DriftLimits {
    fn default() -> Self {
        Self {
            shift: 0.04,
            distance: 0.1,
            moved: 0.03,
            missing: 0.02,
            unseen: 0.01,
            false_discovery: 0.01,
            min_rows: 100,
        }
    }
}

/// One column judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JudgedColumn {
    /// Its name.
    pub column: String,
    /// `ok`, `warn` (large or certain, not both), `drift`, `not_enough_data`, `no_reference` or `missing`.
    pub state: State,
    /// What changed, in words.
    pub words: String,
    /// The least adjusted p-value of its tests.
    pub adjusted_p_value: Option<f64>,
    /// Its tests: what was tested, how large the difference is against its limit, and how certain.
    pub tests: Vec<ColumnTest>,
    /// All figures; absent where the column is on one side only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comparison: Option<Comparison>,
}

/// One test of a column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ColumnTest {
    /// `distribution`, `missing` or `unseen`.
    pub about: String,
    /// The difference.
    pub effect: f64,
    /// What it is measured by.
    pub measure: String,
    /// From where on it matters.
    pub limit: f64,
    /// Probability of such a difference when nothing changed.
    pub p_value: f64,
    /// The same over all tests of the run.
    pub adjusted_p_value: f64,
    /// Whether it is both large and certain.
    pub found: bool,
}

/// Two sets of rows compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DriftReport {
    /// The reference, as it was named.
    pub reference: String,
    /// The current rows, as they were named.
    pub current: String,
    /// Over all columns.
    pub state: State,
    /// One sentence.
    pub words: String,
    /// How many columns were judged, and how many of them drifted.
    pub judged: usize,
    /// Columns that drifted.
    pub drifted: usize,
    /// What was asked of a difference.
    pub limits: DriftLimits,
    /// Whether every figure is exact up to rounding.
    pub exact: bool,
    /// The columns in the order of the reference.
    pub columns: Vec<JudgedColumn>,
}

/// A column before it is judged; absent where one side does not have it or the kinds differ.
pub type ComparedColumn = (String, Result<Comparison, String>);

/// Judges all columns of a run at once.
#[must_use]
pub fn judge_columns(
    reference: &str,
    current: &str,
    columns: Vec<ComparedColumn>,
    limits: DriftLimits,
) -> DriftReport {
    let mut judged: Vec<JudgedColumn> =
        columns.into_iter().map(|(name, compared)| before_verdict(&name, compared, &limits)).collect();
    let p_values: Vec<Option<f64>> =
        judged.iter().flat_map(|column| column.tests.iter().map(|test| Some(test.p_value))).collect();
    let mut adjusted = adjusted_p_values(&p_values).into_iter().flatten();
    for column in &mut judged {
        for (test, p) in column.tests.iter_mut().zip(adjusted.by_ref()) {
            test.adjusted_p_value = p;
            test.found = test.effect >= test.limit && p <= limits.false_discovery;
        }
        settle(column, &limits);
    }
    let drifted = judged.iter().filter(|column| column.state == State::Drift).count();
    let judged_count = judged.iter().filter(|column| column.state.is_judged()).count();
    let state = [State::Drift, State::Warn, State::Ok, State::NotEnoughData]
        .into_iter()
        .find(|state| judged.iter().any(|column| column.state == *state))
        .unwrap_or(State::NoReference);
    let exact = judged
        .iter()
        .filter_map(|column| column.comparison.as_ref())
        .all(|compared| compared.precision.exact);
    let names: Vec<&str> = judged
        .iter()
        .filter(|column| column.state == State::Drift)
        .map(|column| column.column.as_str())
        .collect();
    let words = match (names.len(), judged_count) {
        (_, 0) => "nothing could be judged".to_owned(),
        (0, count) => format!("no drift in {}", words::count(count as u64, "column")),
        (found, count) => {
            format!("{found} of {} drifted: {}", words::count(count as u64, "column"), words::list(&names))
        }
    };
    DriftReport {
        reference: reference.to_owned(),
        current: current.to_owned(),
        state,
        words,
        judged: judged_count,
        drifted,
        limits,
        exact,
        columns: judged,
    }
}

fn before_verdict(column: &str, compared: Result<Comparison, String>, limits: &DriftLimits) -> JudgedColumn {
    let blank = |state, words, comparison| JudgedColumn {
        column: column.to_owned(),
        state,
        words,
        adjusted_p_value: None,
        tests: Vec::new(),
        comparison,
    };
    let compared = match compared {
        Ok(compared) => compared,
        Err(why) => return blank(State::NoReference, why, None),
    };
    if compared.reference.rows == 0 {
        let words = format!("`{column}` has no rows in the reference");
        return blank(State::NoReference, words, Some(compared));
    }
    let fewest = compared.reference.rows.min(compared.current.rows);
    if fewest < limits.min_rows {
        let words = format!("`{column}` has {fewest} rows on one side, fewer than {}", limits.min_rows);
        return blank(State::NotEnoughData, words, Some(compared));
    }
    let mut judged = blank(State::Ok, String::new(), None);
    judged.tests = tests_of(&compared, limits);
    judged.comparison = Some(compared);
    judged
}

fn tests_of(compared: &Comparison, limits: &DriftLimits) -> Vec<ColumnTest> {
    let mut tests = Vec::new();
    let mut put = |about: &str, measure: &str, effect: f64, limit: f64, p_value: f64| {
        tests.push(ColumnTest {
            about: about.to_owned(),
            effect,
            measure: measure.to_owned(),
            limit,
            p_value,
            adjusted_p_value: 1.0,
            found: false,
        });
    };
    let present = |side: &stats::SideProfile| side.rows - side.null;
    let enough = present(&compared.reference).min(present(&compared.current)) >= limits.min_rows;
    let p = |name: &str| compared.p_value(name);
    if enough && compared.kind == "number" {
        let both = [p("kolmogorov_smirnov"), p("chi_square")];
        if let Some(least) = both.into_iter().flatten().reduce(f64::min) {
            let certain = (2.0 * least).min(1.0);
            let shift = compared.value("kolmogorov_smirnov").unwrap_or_default();
            let distance = compared.value("wasserstein_over_deviation").unwrap_or_default();
            if distance / limits.distance > shift / limits.shift {
                put("distribution", "wasserstein_over_deviation", distance, limits.distance, certain);
            } else {
                put("distribution", "kolmogorov_smirnov", shift, limits.shift, certain);
            }
        }
    } else if enough
        && let (Some(moved), Some(certain)) = (compared.value("total_variation"), p("chi_square"))
    {
        put("distribution", "total_variation", moved, limits.moved, certain);
    }
    if let (Some(then), Some(now), Some(certain)) =
        (compared.missing.reference, compared.missing.current, compared.missing.p_value)
        && compared.reference.null + compared.current.null > 0
    {
        put("missing", "share of rows", (now - then).abs(), limits.missing, certain);
    }
    if enough
        && let Some(levels) = &compared.levels
        && levels.new_rows > 0
        && let Some(certain) = levels.new_p_value
    {
        let share = levels.new_rows as f64 / present(&compared.current).max(1) as f64;
        put("unseen", "share of rows", share, limits.unseen, certain);
    }
    tests
}

fn settle(column: &mut JudgedColumn, limits: &DriftLimits) {
    let Some(compared) = &column.comparison else { return };
    if !column.state.is_judged() {
        return;
    }
    if column.tests.is_empty() {
        column.state = State::NotEnoughData;
        column.words = format!("`{}` has fewer than {} values on one side", column.column, limits.min_rows);
        return;
    }
    column.adjusted_p_value = column.tests.iter().map(|test| test.adjusted_p_value).reduce(f64::min);
    let found: Vec<&ColumnTest> = column.tests.iter().filter(|test| test.found).collect();
    if found.is_empty() {
        let large = column
            .tests
            .iter()
            .any(|test| test.effect >= test.limit && test.p_value <= 0.05 && test.about != "unseen");
        column.state = if large { State::Warn } else { State::Ok };
        column.words = if large {
            format!("`{}` differs, but with so few rows that may be chance", column.column)
        } else {
            format!("`{}` is distributed as in the reference", column.column)
        };
        return;
    }
    let parts: Vec<String> = found.iter().map(|test| sentence(test, compared)).collect();
    column.state = State::Drift;
    column.words = format!("`{}`: {}", column.column, parts.join("; "));
}

fn sentence(test: &ColumnTest, compared: &Comparison) -> String {
    match test.about.as_str() {
        "missing" => format!(
            "{} of its values are missing, were {}",
            words::percent(compared.missing.current.unwrap_or_default()),
            words::percent(compared.missing.reference.unwrap_or_default())
        ),
        "unseen" => {
            let levels = compared.levels.clone().unwrap_or_default();
            let names: Vec<&str> = levels.new_values.iter().take(5).map(|top| top.value.as_str()).collect();
            format!("{} of its values are new: {}", words::percent(test.effect), words::list(&names))
        }
        _ => moved(compared),
    }
}

fn moved(compared: &Comparison) -> String {
    let figures = compared.reference.numbers.as_ref().zip(compared.current.numbers.as_ref());
    if let Some((then, now)) = figures {
        let at = |side: &BTreeMap<String, f64>| side.get("0.5").copied();
        let deviations = then.sample_deviation.zip(now.sample_deviation);
        if let (Some(before), Some(after)) = (at(&then.quantiles), at(&now.quantiles))
            && before != after
            && deviations.is_none_or(|(spread, _)| (after - before).abs() > 0.05 * spread)
        {
            let way = if after > before { "up" } else { "down" };
            return format!(
                "moved {way}, its middle value is {} and was {}",
                words::number(after),
                words::number(before)
            );
        }
        if let Some((before, after)) = deviations
            && before > 0.0
            && (after / before > 1.05 || after / before < 0.95)
        {
            let way = if after > before { "wider" } else { "narrower" };
            return format!("spread {way}, {} times as before", words::number(after / before));
        }
    }
    let sum = |counts: &[u64]| counts.iter().sum::<u64>().max(1) as f64;
    let (then, now) = (sum(&compared.bars.reference), sum(&compared.bars.current));
    let most = compared
        .bars
        .labels
        .iter()
        .zip(compared.bars.reference.iter().zip(&compared.bars.current))
        .map(|(label, (before, after))| (label, *before as f64 / then, *after as f64 / now))
        .max_by(|left, right| (left.2 - left.1).abs().total_cmp(&(right.2 - right.1).abs()));
    most.map_or_else(
        || "distributed differently".to_owned(),
        |(label, before, after)| {
            format!("{} of its values are {label}, were {}", words::percent(after), words::percent(before))
        },
    )
}
