//! Every statistic of one column between a reference and current rows.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::column::{NumberColumn, SideProfile, TextColumn};
use crate::levels::TopValue;
use crate::shares::Shares;
use crate::two_samples::{order_tests, proportions, welch};

/// Up to so many different values a column of numbers is compared value by value.
const BY_VALUE: f64 = 10.0;
/// How many new and gone texts are named.
const NAMED: usize = 20;
/// How many bars a chart of texts has.
const BARS: usize = 20;

/// One statistic of a column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Statistic {
    /// Its value; absent when it is not defined for these rows.
    pub value: Option<f64>,
    /// Probability of a value at least as extreme when nothing changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p_value: Option<f64>,
    /// How many bins it was taken over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bins: Option<usize>,
    /// How it is defined.
    pub convention: String,
}

/// Counts side by side.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Bars {
    /// What each bar stands for.
    pub labels: Vec<String>,
    /// Upper edges of all bins but the last; empty for values.
    pub cuts: Vec<f64>,
    /// Rows of the reference.
    pub reference: Vec<u64>,
    /// Current rows.
    pub current: Vec<u64>,
}

/// Missing values side by side.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Missing {
    /// Share of the reference's rows.
    pub reference: Option<f64>,
    /// Share of the current rows.
    pub current: Option<f64>,
    /// Test of two proportions.
    pub z: Option<f64>,
    /// Its p-value.
    pub p_value: Option<f64>,
}

/// Texts that came or went.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct LevelChange {
    /// How many texts the reference never had.
    pub new: u64,
    /// Current rows that have one of them.
    pub new_rows: u64,
    /// Test of two proportions of those rows.
    pub new_p_value: Option<f64>,
    /// The most frequent of them.
    pub new_values: Vec<TopValue>,
    /// How many texts of the reference no current row has.
    pub gone: u64,
    /// Rows of the reference that had one of them.
    pub gone_rows: u64,
    /// The most frequent of them.
    pub gone_values: Vec<TopValue>,
}

/// How exact the figures are.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Precision {
    /// Whether every figure is exact up to rounding.
    pub exact: bool,
    /// By how much a share of rows below a value can be wrong, both sides together.
    pub rank_error: f64,
    /// By how many rows the count of a text can be too low, both sides together.
    pub count_error: u64,
}

/// A column compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// `number` or `text`.
    pub kind: String,
    /// The reference.
    pub reference: SideProfile,
    /// The current rows.
    pub current: SideProfile,
    /// The statistics by name.
    pub statistics: BTreeMap<String, Statistic>,
    /// The bins that the statistics of shares are taken over (of texts the most frequent ones).
    pub bars: Bars,
    /// Missing values.
    pub missing: Missing,
    /// Texts that came or went.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub levels: Option<LevelChange>,
    /// How exact it is.
    pub precision: Precision,
}

impl Comparison {
    /// The value of a statistic.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<f64> {
        self.statistics.get(name)?.value
    }

    /// The p-value of a statistic.
    #[must_use]
    pub fn p_value(&self, name: &str) -> Option<f64> {
        self.statistics.get(name)?.p_value
    }
}

struct Sheet(BTreeMap<String, Statistic>);

impl Sheet {
    fn put(&mut self, name: &str, value: Option<f64>, p_value: Option<f64>, convention: &str) {
        let statistic = Statistic { value, p_value, bins: None, convention: convention.to_owned() };
        self.0.insert(name.to_owned(), statistic);
    }

    fn shares(&mut self, shares: Option<&Shares>, over: &str) {
        let mut put = |name: &str, value: Option<f64>, p_value: Option<f64>, how: &str| {
            let statistic = Statistic {
                value,
                p_value,
                bins: shares.map(Shares::bins),
                convention: format!("{how}; {over}"),
            };
            self.0.insert(name.to_owned(), statistic);
        };
        let of = |figure: fn(&Shares) -> f64| shares.map(figure);
        put(
            "psi",
            of(Shares::population_stability),
            None,
            "sum (q-p) ln(q/p), shares floored at 1e-4, not renormalised",
        );
        put("jensen_shannon", of(Shares::jensen_shannon), None, "distance, base 2");
        put("hellinger", of(Shares::hellinger), None, "0 to 1");
        put("total_variation", of(Shares::total_variation), None, "half the sum of |p-q|");
        put("l_infinity", of(Shares::l_infinity), None, "greatest |p-q|");
        put(
            "kullback_leibler",
            of(Shares::kullback_leibler),
            None,
            "of p from q in nats, shares floored at 1e-4 and renormalised",
        );
        let chi = shares.map(Shares::chi_square);
        put(
            "chi_square",
            chi.map(|chi| chi.statistic),
            chi.map(|chi| chi.p_value),
            "two samples, no continuity correction, empty bins left out",
        );
        put("cramers_v", of(Shares::cramers_v), None, "sqrt(chi2/(n+m)), no bias correction");
        let ratio = shares.map(Shares::likelihood_ratio);
        put(
            "g",
            ratio.map(|g| g.statistic),
            ratio.map(|g| g.p_value),
            "likelihood ratio, two samples, empty bins left out",
        );
    }
}

fn missing(nulls: (u64, u64), rows: (u64, u64)) -> Missing {
    let share = |null: u64, rows: u64| (rows > 0).then(|| null as f64 / rows as f64);
    let test = proportions(nulls, rows);
    Missing {
        reference: share(nulls.0, rows.0),
        current: share(nulls.1, rows.1),
        z: test.map(|test| test.statistic),
        p_value: test.map(|test| test.p_value),
    }
}

/// Compares two columns of numbers.
///
/// Bins are the deciles of the reference: cut `i` is the value at place `floor(i n / 10)` in order, each once, bins
/// `(a, b]`, the outer two open. With at most ten different values on both sides each value is a bin.
#[must_use]
pub fn compare_numbers(reference: &NumberColumn, current: &NumberColumn) -> Comparison {
    let mut sheet = Sheet(BTreeMap::new());
    let (then, now) = (&reference.ordered, &current.ordered);
    let mut pooled: Vec<f64> = Vec::new();
    let few = reference.distinct <= BY_VALUE && current.distinct <= BY_VALUE;
    if few {
        pooled = then.steps(now).map(|step| step.value).take(2 * BY_VALUE as usize).collect();
    }
    let (cuts, labels, over) = if few {
        let cuts: Vec<f64> = pooled.iter().copied().take(pooled.len().saturating_sub(1)).collect();
        (cuts, pooled.iter().map(f64::to_string).collect(), "each value is a bin")
    } else {
        let cuts = then.cuts(10);
        let labels = bin_labels(&cuts);
        (cuts, labels, "bins are deciles of the reference, (a, b], outer ones open")
    };
    let bars = Bars { labels, reference: then.counts(&cuts), current: now.counts(&cuts), cuts };
    let shares = Shares::of_counts(&bars.reference, &bars.current);
    sheet.shares(shares.as_ref(), over);
    let tests = order_tests(then, now);
    let ks = tests.map(|tests| tests.kolmogorov_smirnov);
    sheet.put(
        "kolmogorov_smirnov",
        ks.map(|ks| ks.statistic),
        ks.map(|ks| ks.p_value),
        "after every distinct pooled value; p asymptotic, two-sided",
    );
    let distance = tests.map(|tests| tests.wasserstein);
    let over_deviation = reference.moments.population_deviation().filter(|deviation| *deviation > 0.0);
    let iqr =
        then.quantile(0.75).zip(then.quantile(0.25)).map(|(high, low)| high - low).filter(|iqr| *iqr > 0.0);
    let divided = |by: Option<f64>| Some(distance? / by?);
    sheet.put("wasserstein", distance, None, "integral of |F-G|, in the unit of the column");
    sheet.put(
        "wasserstein_over_deviation",
        divided(over_deviation),
        None,
        "divided by the reference's standard deviation (divisor n)",
    );
    sheet.put("wasserstein_over_iqr", divided(iqr), None, "divided by the reference's interquartile range");
    sheet.put("energy", tests.map(|tests| tests.energy), None, "sqrt(2 integral (F-G)^2)");
    let cramer = tests.map(|tests| tests.cramer_von_mises);
    sheet.put(
        "cramer_von_mises",
        cramer.map(|t| t.statistic),
        cramer.map(|t| t.p_value),
        "two samples, midranks; p asymptotic",
    );
    let mann = tests.map(|tests| tests.mann_whitney);
    sheet.put(
        "mann_whitney",
        mann.map(|t| t.statistic),
        mann.map(|t| t.p_value),
        "U of the reference; ties and continuity corrected, two-sided",
    );
    let means = welch(&reference.moments, &current.moments);
    sheet.put("welch", means.map(|t| t.statistic), means.map(|t| t.p_value), "unequal variances, two-sided");
    if let (true, Some((first, second))) =
        (pooled.len() == 2, bars.reference.first().zip(bars.current.first()))
    {
        let z = proportions((*first, *second), (then.count(), now.count()));
        sheet.put(
            "z",
            z.map(|t| t.statistic),
            z.map(|t| t.p_value),
            "share of the lower of two values, pooled variance, two-sided",
        );
    }
    let rank_error = then.rank_error() + now.rank_error();
    Comparison {
        kind: "number".to_owned(),
        reference: SideProfile::from(reference),
        current: SideProfile::from(current),
        statistics: sheet.0,
        bars,
        missing: missing((reference.null, current.null), (reference.rows(), current.rows())),
        levels: None,
        precision: Precision { exact: rank_error == 0.0, rank_error, count_error: 0 },
    }
}

fn bin_labels(cuts: &[f64]) -> Vec<String> {
    let (Some(first), Some(last)) = (cuts.first(), cuts.last()) else { return vec!["any value".to_owned()] };
    let mut labels = vec![format!("at most {first}")];
    labels.extend(cuts.iter().zip(cuts.iter().skip(1)).map(|(low, high)| format!("{low} to {high}")));
    labels.push(format!("above {last}"));
    labels
}

/// Compares two columns of texts, each text a bin.
#[must_use]
pub fn compare_texts(reference: &TextColumn, current: &TextColumn) -> Comparison {
    let mut sheet = Sheet(BTreeMap::new());
    let pairs = reference.paired(current);
    let (then, now): (Vec<u64>, Vec<u64>) = pairs.values().copied().unzip();
    let shares = Shares::of_counts(&then, &now);
    sheet.shares(shares.as_ref(), "each text is a bin");
    if pairs.len() == 2
        && let Some((first, second)) = pairs.values().next()
    {
        let z = proportions((*first, *second), (reference.present(), current.present()));
        sheet.put(
            "z",
            z.map(|t| t.statistic),
            z.map(|t| t.p_value),
            "share of the first text, pooled variance, two-sided",
        );
    }
    let came: Vec<(&str, u64)> =
        pairs.iter().filter(|(_, pair)| pair.0 == 0).map(|(text, pair)| (*text, pair.1)).collect();
    let went: Vec<(&str, u64)> =
        pairs.iter().filter(|(_, pair)| pair.1 == 0).map(|(text, pair)| (*text, pair.0)).collect();
    let new_rows = came.iter().map(|(_, rows)| rows).sum();
    let levels = LevelChange {
        new: came.len() as u64,
        new_rows,
        new_p_value: proportions((0, new_rows), (reference.present(), current.present()))
            .map(|test| test.p_value),
        new_values: most(&came),
        gone: went.len() as u64,
        gone_rows: went.iter().map(|(_, rows)| rows).sum(),
        gone_values: most(&went),
    };
    let mut charted: Vec<(&str, (u64, u64))> = pairs.iter().map(|(text, pair)| (*text, *pair)).collect();
    charted.sort_by_key(|(text, pair)| (std::cmp::Reverse(pair.0 + pair.1), *text));
    charted.truncate(BARS);
    let bars = Bars {
        labels: charted.iter().map(|(text, _)| (*text).to_owned()).collect(),
        cuts: Vec::new(),
        reference: charted.iter().map(|(_, pair)| pair.0).collect(),
        current: charted.iter().map(|(_, pair)| pair.1).collect(),
    };
    let count_error = reference.error() + current.error();
    Comparison {
        kind: "text".to_owned(),
        reference: SideProfile::from(reference),
        current: SideProfile::from(current),
        statistics: sheet.0,
        bars,
        missing: missing((reference.null, current.null), (reference.rows(), current.rows())),
        levels: Some(levels),
        precision: Precision { exact: count_error == 0, rank_error: 0.0, count_error },
    }
}

fn most(values: &[(&str, u64)]) -> Vec<TopValue> {
    let mut sorted: Vec<&(&str, u64)> = values.iter().collect();
    sorted.sort_by_key(|(text, rows)| (std::cmp::Reverse(*rows), *text));
    sorted
        .into_iter()
        .take(NAMED)
        .map(|(text, rows)| TopValue { value: (*text).to_owned(), count: *rows })
        .collect()
}
