//! How differently a classifier of two classes treats groups of people.
//!
//! Rates of a group come from its own rows: *selection rate* is the share called true, TPR the share of the true ones
//! called true, FPR the share of the false ones called true. A rate without rows to divide by is absent; where
//! Fairlearn's and AIF360's differences need one, it counts as 0, as it does there.
//!
//! Definitions: Fairlearn 0.15 (`fairlearn.metrics`, `method` as in [`Against`]) and AIF360 0.6
//! (`ClassificationMetric`), compared with both in `python/tests/test_fairness.py`. Intervals of rates: Wilson (1927).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Groups with fewer rows (or fewer true, or false, ones for a rate of those) say little; figures name them.
pub const SMALL_GROUP: u64 = 30;
/// 97.5 % quantile of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// A share of rows with its 95 % interval (Wilson's score).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rate {
    /// The share.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Rows that it is a share of.
    pub rows: u64,
}

impl Rate {
    /// `hits` of `rows`; `None` without rows.
    #[must_use]
    pub fn of(hits: u64, rows: u64) -> Option<Self> {
        if rows == 0 {
            return None;
        }
        let (n, share) = (rows as f64, hits as f64 / rows as f64);
        let square = Z * Z / n;
        let middle = (share + square / 2.0) / (1.0 + square);
        let half = Z / (1.0 + square) * (share * (1.0 - share) / n + square / (4.0 * n)).sqrt();
        Some(Self { value: share, low: (middle - half).max(0.0), high: (middle + half).min(1.0), rows })
    }
}

/// One group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Its rows.
    pub rows: u64,
    /// Share of rows that are called true.
    pub selection_rate: Option<Rate>,
    /// Share of the true rows that are called true.
    pub true_positive_rate: Option<Rate>,
    /// Share of the false rows that are called true.
    pub false_positive_rate: Option<Rate>,
    /// Share of rows that are called wrong.
    pub error_rate: Option<Rate>,
    /// Share of those called true that are not.
    pub false_discovery_rate: Option<Rate>,
    /// Share of those called false that are true.
    pub false_omission_rate: Option<Rate>,
}

/// What rates of groups are compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Against {
    /// The greatest with the least.
    #[default]
    BetweenGroups,
    /// Each with that of all rows.
    ToOverall,
}

/// How groups are treated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fairness {
    /// All rows as one group.
    pub overall: Group,
    /// The groups by name.
    pub groups: Vec<Group>,
    /// What to be careful with: groups that are small.
    pub warnings: Vec<String>,
    /// Mean of `b ln(b/µ) / µ` over rows, `b = called − true + 1` (AIF360's Theil index).
    pub theil_index: f64,
    /// Generalized entropy with α = 2 (AIF360).
    pub generalized_entropy_index: f64,
    /// Square root of twice the generalized entropy with α = 2 (AIF360).
    pub coefficient_of_variation: f64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    hit: u64,
    false_alarm: u64,
    missed: u64,
    rest: u64,
}

impl Counts {
    fn group(self, name: String) -> Group {
        let Self { hit, false_alarm, missed, rest } = self;
        let rows = hit + false_alarm + missed + rest;
        Group {
            name,
            rows,
            selection_rate: Rate::of(hit + false_alarm, rows),
            true_positive_rate: Rate::of(hit, hit + missed),
            false_positive_rate: Rate::of(false_alarm, false_alarm + rest),
            error_rate: Rate::of(false_alarm + missed, rows),
            false_discovery_rate: Rate::of(false_alarm, hit + false_alarm),
            false_omission_rate: Rate::of(missed, missed + rest),
        }
    }
}

/// Figures of groups: what is true, what was called true, and the group, row by row. `None` without rows, or when the
/// lists differ in length.
#[must_use]
pub fn fairness(truth: &[bool], called: &[bool], groups: &[String]) -> Option<Fairness> {
    if truth.is_empty() || truth.len() != called.len() || truth.len() != groups.len() {
        return None;
    }
    let mut counts: BTreeMap<&str, Counts> = BTreeMap::new();
    let mut all = Counts::default();
    for ((truth, called), group) in truth.iter().zip(called).zip(groups) {
        for counts in [counts.entry(group).or_default(), &mut all] {
            match (*truth, *called) {
                (true, true) => counts.hit += 1,
                (false, true) => counts.false_alarm += 1,
                (true, false) => counts.missed += 1,
                (false, false) => counts.rest += 1,
            }
        }
    }
    let entropy = Entropy::of(all);
    let groups: Vec<Group> = counts.into_iter().map(|(name, counts)| counts.group(name.to_owned())).collect();
    Some(Fairness {
        warnings: groups.iter().filter_map(warning).collect(),
        overall: all.group("all".to_owned()),
        groups,
        theil_index: entropy.theil,
        generalized_entropy_index: entropy.squared,
        coefficient_of_variation: (2.0 * entropy.squared).sqrt(),
    })
}

/// The same of rows whose truth is not known: of the groups only selection rates, and of the figures demographic parity.
/// `None` without rows, or when the lists differ in length.
#[must_use]
pub fn parity(called: &[bool], groups: &[String]) -> Option<Fairness> {
    let mut found = fairness(&vec![false; called.len()], called, groups)?;
    for group in found.groups.iter_mut().chain([&mut found.overall]) {
        let Group { name, rows, selection_rate, .. } = group.clone();
        *group = Group {
            name,
            rows,
            selection_rate,
            true_positive_rate: None,
            false_positive_rate: None,
            error_rate: None,
            false_discovery_rate: None,
            false_omission_rate: None,
        };
    }
    found.warnings.clear();
    Some(found)
}

fn warning(group: &Group) -> Option<String> {
    let few = |rate: &Option<Rate>| rate.map_or(0, |rate| rate.rows);
    let (trues, falses) = (few(&group.true_positive_rate), few(&group.false_positive_rate));
    if group.rows < SMALL_GROUP {
        return Some(format!("group `{}` has {} rows only: its rates say little", group.name, group.rows));
    }
    (trues.min(falses) < SMALL_GROUP).then(|| {
        let (count, what) = if trues <= falses { (trues, "true") } else { (falses, "false") };
        format!("group `{}` has {count} {what} rows only: its rate among those says little", group.name)
    })
}

/// Inequality of `b = called − true + 1` over rows: 2 of a false alarm, 0 of a miss, else 1.
struct Entropy {
    theil: f64,
    squared: f64,
}

impl Entropy {
    fn of(counts: Counts) -> Self {
        let kinds = [(2.0, counts.false_alarm), (0.0, counts.missed), (1.0, counts.hit + counts.rest)];
        let rows: f64 = kinds.iter().map(|(_, rows)| *rows as f64).sum();
        let mean = kinds.iter().map(|(b, rows)| b * *rows as f64).sum::<f64>() / rows;
        let over = |value: fn(f64) -> f64| {
            kinds.iter().filter(|(_, rows)| *rows > 0).map(|(b, n)| value(b / mean) * *n as f64).sum::<f64>()
                / rows
        };
        Self {
            theil: over(|share| if share > 0.0 { share * share.ln() } else { 0.0 }),
            squared: over(|share| share * share - 1.0) / 2.0,
        }
    }
}

/// A rate of a group.
type Pick = fn(&Group) -> Option<Rate>;

impl Fairness {
    /// The names that [`Self::get`] knows.
    pub const NAMES: [&'static str; 8] = [
        "demographic_parity_difference",
        "demographic_parity_ratio",
        "equalized_odds_difference",
        "equalized_odds_ratio",
        "equal_opportunity_difference",
        "equal_opportunity_ratio",
        "error_rate_difference",
        "error_rate_ratio",
    ];

    /// The figure of that name over all groups, as Fairlearn defines it; a difference is at best 0, a ratio at best 1.
    /// Equalized odds are those of the worse of TPR and FPR. `None` for an unknown name and for 0 over 0.
    #[must_use]
    pub fn get(&self, name: &str, against: Against) -> Option<f64> {
        let (selection, tpr, fpr, error): (Pick, Pick, Pick, Pick) = (
            |group| group.selection_rate,
            |group| group.true_positive_rate,
            |group| group.false_positive_rate,
            |group| group.error_rate,
        );
        match name {
            "demographic_parity_difference" => Some(self.difference(selection, against)),
            "demographic_parity_ratio" => self.ratio(selection, against),
            "equalized_odds_difference" => {
                Some(self.difference(tpr, against).max(self.difference(fpr, against)))
            }
            "equalized_odds_ratio" => Some(self.ratio(tpr, against)?.min(self.ratio(fpr, against)?)),
            "equal_opportunity_difference" => Some(self.difference(tpr, against)),
            "equal_opportunity_ratio" => self.ratio(tpr, against),
            "error_rate_difference" => Some(self.difference(error, against)),
            "error_rate_ratio" => self.ratio(error, against),
            _ => None,
        }
    }

    fn values(&self, pick: Pick) -> impl Iterator<Item = f64> {
        self.groups.iter().map(move |group| value(pick(group)))
    }

    fn difference(&self, pick: Pick, against: Against) -> f64 {
        let overall = value(pick(&self.overall));
        match against {
            Against::BetweenGroups => {
                let greatest = self.values(pick).fold(f64::NEG_INFINITY, f64::max);
                greatest - self.values(pick).fold(f64::INFINITY, f64::min)
            }
            Against::ToOverall => self.values(pick).map(|rate| (rate - overall).abs()).fold(0.0, f64::max),
        }
    }

    fn ratio(&self, pick: Pick, against: Against) -> Option<f64> {
        let overall = value(pick(&self.overall));
        let ratio = match against {
            Against::BetweenGroups => {
                let least = self.values(pick).fold(f64::INFINITY, f64::min);
                least / self.values(pick).fold(f64::NEG_INFINITY, f64::max)
            }
            Against::ToOverall => self
                .values(pick)
                .map(|rate| rate / overall)
                .map(|ratio| if ratio > 1.0 { 1.0 / ratio } else { ratio })
                .fold(f64::INFINITY, f64::min),
        };
        ratio.is_finite().then_some(ratio)
    }

    /// The group with the highest and the one with the lowest selection rate.
    #[must_use]
    pub fn extremes(&self) -> Option<(&Group, &Group)> {
        let by = |left: &&Group, right: &&Group| {
            value(left.selection_rate).total_cmp(&value(right.selection_rate))
        };
        Some((self.groups.iter().max_by(by)?, self.groups.iter().min_by(by)?))
    }

    /// One group beside another, as AIF360 has it; `None` when there is no such group.
    #[must_use]
    pub fn pair(&self, unprivileged: &str, privileged: &str) -> Option<Pair> {
        let find = |name: &str| self.groups.iter().find(|group| group.name == name);
        let (own, other) = (find(unprivileged)?, find(privileged)?);
        let difference = |pick: Pick| value(pick(own)) - value(pick(other));
        let ratio =
            |pick: Pick| Some(value(pick(own)) / value(pick(other))).filter(|ratio: &f64| ratio.is_finite());
        let (tpr, fpr) =
            (difference(|group| group.true_positive_rate), difference(|group| group.false_positive_rate));
        Some(Pair {
            statistical_parity_difference: difference(|group| group.selection_rate),
            disparate_impact: ratio(|group| group.selection_rate),
            equal_opportunity_difference: tpr,
            average_odds_difference: f64::midpoint(fpr, tpr),
            average_abs_odds_difference: f64::midpoint(fpr.abs(), tpr.abs()),
            error_rate_difference: difference(|group| group.error_rate),
            error_rate_ratio: ratio(|group| group.error_rate),
            false_positive_rate_difference: fpr,
            false_discovery_rate_difference: difference(|group| group.false_discovery_rate),
            false_omission_rate_difference: difference(|group| group.false_omission_rate),
        })
    }
}

fn value(rate: Option<Rate>) -> f64 {
    rate.map_or(0.0, |rate| rate.value)
}

/// An unprivileged group beside a privileged one: each difference is that of the first less that of the second.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Pair {
    /// Of selection rates.
    pub statistical_parity_difference: f64,
    /// Ratio of selection rates; below 0.8 is the "four fifths" of US practice.
    pub disparate_impact: Option<f64>,
    /// Of true positive rates.
    pub equal_opportunity_difference: f64,
    /// Mean of the differences of FPR and TPR.
    pub average_odds_difference: f64,
    /// Mean of their sizes.
    pub average_abs_odds_difference: f64,
    /// Of error rates.
    pub error_rate_difference: f64,
    /// Ratio of error rates.
    pub error_rate_ratio: Option<f64>,
    /// Of false positive rates.
    pub false_positive_rate_difference: f64,
    /// Of false discovery rates.
    pub false_discovery_rate_difference: f64,
    /// Of false omission rates.
    pub false_omission_rate_difference: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small() -> Fairness {
        // Ten rows of `a` (6 true, 4 of them called; 1 false called), ten of `b` (5 true, 2 called; 2 false called).
        let mut rows = Vec::new();
        for (group, truth, called, count) in [
            ("a", true, true, 4),
            ("a", true, false, 2),
            ("a", false, true, 1),
            ("a", false, false, 3),
            ("b", true, true, 2),
            ("b", true, false, 3),
            ("b", false, true, 2),
            ("b", false, false, 3),
        ] {
            rows.extend((0..count).map(|_| (truth, called, group.to_owned())));
        }
        let truth: Vec<bool> = rows.iter().map(|row| row.0).collect();
        let called: Vec<bool> = rows.iter().map(|row| row.1).collect();
        let groups: Vec<String> = rows.into_iter().map(|row| row.2).collect();
        fairness(&truth, &called, &groups).unwrap()
    }

    #[test]
    fn differences_and_ratios_follow_their_definitions() {
        let found = small();
        let near = |name: &str, against, expected: f64| {
            let figure = found.get(name, against).unwrap();
            assert!((figure - expected).abs() < 1e-12, "{name}: {figure} is not {expected}");
        };
        let groups = Against::BetweenGroups;
        near("demographic_parity_difference", groups, 0.5 - 0.4);
        near("demographic_parity_ratio", groups, 0.8);
        near("demographic_parity_difference", Against::ToOverall, 0.05);
        near("equal_opportunity_difference", groups, 4.0 / 6.0 - 0.4);
        near("equalized_odds_difference", groups, 4.0 / 6.0 - 0.4);
        near("equalized_odds_ratio", groups, 0.4 / (4.0 / 6.0));
        let pair = found.pair("b", "a").unwrap();
        assert!((pair.disparate_impact.unwrap() - 0.8).abs() < 1e-12);
        assert!((pair.average_odds_difference - f64::midpoint(0.4 - 0.25, 0.4 - 4.0 / 6.0)).abs() < 1e-12);
        assert!(found.get("demographic_parity", groups).is_none() && found.pair("b", "c").is_none());
    }

    #[test]
    fn small_groups_are_named_and_rates_have_intervals() {
        let found = small();
        assert_eq!(found.warnings.len(), 2, "{:?}", found.warnings);
        let rate = found.groups[0].selection_rate.unwrap();
        // Wilson's interval of 5 in 10, as statsmodels' `proportion_confint(5, 10, method="wilson")` has it.
        assert!((rate.low - 0.236_593_090_512_564_3).abs() < 1e-12, "{rate:?}");
        assert!((rate.high - 0.763_406_909_487_435_7).abs() < 1e-12, "{rate:?}");
    }

    #[test]
    fn a_group_without_true_rows_has_no_rate_of_them() {
        let found = fairness(&[false, true], &[false, true], &["a".into(), "b".into()]).unwrap();
        assert_eq!(found.groups[0].true_positive_rate, None);
        assert_eq!(found.get("equal_opportunity_difference", Against::BetweenGroups), Some(1.0));
        assert_eq!(found.get("equalized_odds_ratio", Against::BetweenGroups), None);
        assert!(fairness(&[], &[], &[]).is_none());
    }
}
