//! Groups of people or things side by side: whether a model treats them alike, window by window.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use stats::{class_metrics, probability_metrics, regression_metrics};

use crate::rows::{Column, Rows};
use crate::spec::FairnessRule;
use crate::words;

/// Groups of one column that are shown.
const MOST_GROUPS: usize = 20;

/// One group in a window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupFigures {
    /// The value that its rows have.
    pub group: String,
    /// Predictions.
    pub rows: u64,
    /// Those with a label.
    pub labelled: u64,
    /// Share of rows called 1 by a classifier of two classes; else the mean prediction.
    pub rate: Option<f64>,
    /// Share of the true 1s that are called so; of classifiers of two classes.
    pub true_positive_rate: Option<f64>,
    /// Share of the true 0s that are called 1.
    pub false_positive_rate: Option<f64>,
    /// Share of right answers of a classifier; else the mean absolute error.
    pub quality: Option<f64>,
}

/// A column's groups in a window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupReport {
    /// The column.
    pub column: String,
    /// Whether the model is a classifier of two classes.
    pub classifier: bool,
    /// The groups with enough rows, largest first.
    pub groups: Vec<GroupFigures>,
    /// Greatest difference of rates (of classifiers: demographic parity difference).
    pub rate_difference: Option<f64>,
    /// Least rate over greatest one (of classifiers: disparate impact; four fifths is a common bound).
    pub rate_ratio: Option<f64>,
    /// Greatest difference of true positive rates (equal opportunity difference).
    pub opportunity_difference: Option<f64>,
    /// The greater of the differences of true and of false positive rates (equalised odds difference).
    pub odds_difference: Option<f64>,
    /// Greatest difference of quality.
    pub quality_difference: Option<f64>,
    /// Whether it is more than the rule allows.
    pub breached: bool,
    /// What it means.
    pub words: String,
}

/// The groups of each column that the rule names.
pub(crate) fn judge(rule: &FairnessRule, rows: &Rows) -> Vec<GroupReport> {
    rule.columns.iter().filter_map(|column| of_column(rule, rows, column)).collect()
}

fn of_column(rule: &FairnessRule, rows: &Rows, column: &str) -> Option<GroupReport> {
    let named: Vec<Option<String>> = match rows.column(column)? {
        Column::Texts(values) => values.clone(),
        Column::Numbers(values) => values.iter().map(|value| value.map(|value| value.to_string())).collect(),
    };
    let mut members: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (row, name) in named.iter().enumerate() {
        members.entry(name.as_deref().unwrap_or("missing")).or_default().push(row);
    }
    let classifier = rows.is_binary();
    let mut groups: Vec<GroupFigures> = members
        .into_iter()
        .filter(|(_, members)| members.len() as u64 >= rule.min_rows)
        .map(|(group, members)| figures(group, &members, rows, classifier))
        .collect();
    groups.sort_by(|left, right| right.rows.cmp(&left.rows).then_with(|| left.group.cmp(&right.group)));
    groups.truncate(MOST_GROUPS);
    let spread = |of: fn(&GroupFigures) -> Option<f64>| -> Option<(f64, f64)> {
        let known: Vec<f64> = groups.iter().filter_map(of).collect();
        (known.len() >= 2).then(|| {
            (
                known.iter().copied().fold(f64::INFINITY, f64::min),
                known.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            )
        })
    };
    let apart = |of: fn(&GroupFigures) -> Option<f64>| spread(of).map(|(least, most)| most - least);
    let rate = spread(|group| group.rate);
    let opportunity = apart(|group| group.true_positive_rate);
    let false_alarms = apart(|group| group.false_positive_rate);
    let rate_difference = apart(|group| group.rate);
    let breached = classifier
        && [rate_difference, opportunity].into_iter().flatten().any(|difference| difference > rule.most);
    let mut report = GroupReport {
        column: column.to_owned(),
        classifier,
        rate_difference,
        rate_ratio: rate.filter(|(_, most)| *most > 0.0).map(|(least, most)| least / most),
        opportunity_difference: opportunity,
        odds_difference: opportunity.into_iter().chain(false_alarms).reduce(f64::max),
        quality_difference: apart(|group| group.quality),
        breached,
        groups,
        words: String::new(),
    };
    report.words = report.sentence(rule);
    Some(report)
}

fn figures(group: &str, members: &[usize], rows: &Rows, classifier: bool) -> GroupFigures {
    let at = |values: &[Option<f64>], row: &usize| values.get(*row).copied().flatten();
    let predicted: Vec<f64> = members.iter().filter_map(|row| at(rows.predictions(), row)).collect();
    let pairs: Vec<(f64, f64)> = members
        .iter()
        .filter_map(|row| Some((at(rows.predictions(), row)?, at(rows.labels(), row)?)))
        .collect();
    let (answers, truths): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
    let share = |part: usize, whole: usize| (whole > 0).then(|| part as f64 / whole as f64);
    let called = |wanted: f64| {
        let of: Vec<&(f64, f64)> = pairs.iter().filter(|(_, truth)| *truth == wanted).collect();
        share(of.iter().filter(|(answer, _)| *answer >= 0.5).count(), of.len())
    };
    let words = rows.words().map(|(answers, truths)| {
        let both =
            members.iter().filter_map(|row| Some((answers.get(*row)?.clone()?, truths.get(*row)?.clone()?)));
        both.unzip::<String, String, Vec<_>, Vec<_>>()
    });
    let quality = match &words {
        Some((answers, truths)) => class_metrics(answers, truths).map(|metrics| metrics.accuracy),
        None if classifier => {
            let truth: Vec<bool> = truths.iter().map(|truth| *truth == 1.0).collect();
            probability_metrics(&answers, &truth, 0.5).map(|metrics| metrics.accuracy)
        }
        None => regression_metrics(&truths, &answers).and_then(|metrics| metrics.get("mae")),
    };
    let rate = if classifier {
        share(predicted.iter().filter(|chance| **chance >= 0.5).count(), predicted.len())
    } else {
        (!predicted.is_empty()).then(|| predicted.iter().sum::<f64>() / predicted.len() as f64)
    };
    GroupFigures {
        group: group.to_owned(),
        rows: members.len() as u64,
        labelled: words.map_or(pairs.len(), |(answers, _)| answers.len()) as u64,
        rate,
        true_positive_rate: classifier.then(|| called(1.0)).flatten(),
        false_positive_rate: classifier.then(|| called(0.0)).flatten(),
        quality,
    }
}

impl GroupReport {
    fn sentence(&self, rule: &FairnessRule) -> String {
        let column = &self.column;
        if self.groups.len() < 2 {
            return format!("`{column}` has no two groups of at least {} rows", rule.min_rows);
        }
        let of = words::count(self.groups.len() as u64, "group");
        let mut parts = Vec::new();
        if let (true, Some(difference)) = (self.classifier, self.rate_difference) {
            parts.push(format!("shares called 1 differ by {}", words::percent(difference)));
        } else if let Some(difference) = self.rate_difference {
            parts.push(format!("mean predictions differ by {}", words::number(difference)));
        }
        if let Some(difference) = self.opportunity_difference {
            parts.push(format!("shares of the true 1s found by {}", words::percent(difference)));
        }
        if let Some(difference) = self.quality_difference {
            let what = if self.classifier { "accuracy" } else { "quality" };
            parts.push(format!("{what} by {}", words::number(difference)));
        }
        let verdict = if self.breached {
            format!("; more than the {} allowed", words::percent(rule.most))
        } else {
            String::new()
        };
        format!(
            "between the {of} of `{column}`, {}{verdict}",
            words::list(&parts.iter().map(String::as_str).collect::<Vec<_>>())
        )
    }
}

#[cfg(test)]
mod tests {
    use base::Timestamp;

    use super::*;

    fn rule() -> FairnessRule {
        FairnessRule { columns: vec!["sex".to_owned()], most: 0.1, min_rows: 10 }
    }

    /// A classifier that calls every second man and every fourth woman 1; half of each are.
    fn rows() -> Rows {
        let count = 400_usize;
        let sex = |row: usize| if row < 200 { "man" } else { "woman" };
        let called = |row: usize| row.is_multiple_of(if row < 200 { 2 } else { 4 });
        Rows::new(
            (0..count).map(|row| Timestamp::from_micros(row as i64)).collect(),
            vec![(
                "sex".to_owned(),
                Column::Texts((0..count).map(|row| Some(sex(row).to_owned())).collect()),
            )],
        )
        .unwrap()
        .with_predictions((0..count).map(|row| Some(if called(row) { 0.9 } else { 0.1 })).collect())
        .unwrap()
        .with_labels((0..count).map(|row| Some(f64::from(u8::from(row % 2 == 0)))).collect())
        .unwrap()
    }

    #[test]
    fn groups_that_are_treated_differently_are_found_with_the_usual_measures() {
        let report = judge(&rule(), &rows()).remove(0);
        assert!(report.classifier && report.breached, "{report:?}");
        assert_eq!((report.rate_difference, report.rate_ratio), (Some(0.25), Some(0.5)));
        assert_eq!((report.opportunity_difference, report.odds_difference), (Some(0.5), Some(0.5)));
        assert_eq!(report.quality_difference, Some(0.25));
        assert!(report.words.contains("more than the 10 % allowed"), "{}", report.words);
    }

    #[test]
    fn groups_that_are_too_small_are_not_judged() {
        let report = judge(&FairnessRule { min_rows: 300, ..rule() }, &rows()).remove(0);
        assert!(!report.breached && report.groups.is_empty());
        assert!(judge(&FairnessRule { columns: vec!["age".to_owned()], ..rule() }, &rows()).is_empty());
    }
}
