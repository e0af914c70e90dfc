//! Groups of people or things side by side: whether a model treats them alike, window by window.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use stats::{Against, Fairness, Group, Rate, class_metrics, regression_metrics};

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
    let mut kept: Vec<(&str, Vec<usize>)> =
        members.into_iter().filter(|(_, members)| members.len() as u64 >= rule.min_rows).collect();
    kept.sort_by(|left, right| right.1.len().cmp(&left.1.len()).then_with(|| left.0.cmp(right.0)));
    kept.truncate(MOST_GROUPS);
    let treatment = classifier.then(|| Treatment::of(&kept, rows));
    let groups: Vec<GroupFigures> =
        kept.iter().map(|(group, members)| figures(group, members, rows, treatment.as_ref())).collect();
    let spread = |of: fn(&GroupFigures) -> Option<f64>| -> Option<(f64, f64)> {
        let known: Vec<f64> = groups.iter().filter_map(of).collect();
        (known.len() >= 2).then(|| {
            (
                known.iter().copied().fold(f64::INFINITY, f64::min),
                known.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            )
        })
    };
    let rate = spread(|group| group.rate);
    let figure = |name: &str| treatment.as_ref().and_then(|treatment| treatment.figure(name));
    let opportunity = figure("equal_opportunity_difference");
    let (rate_difference, rate_ratio) = if classifier {
        (figure("demographic_parity_difference"), figure("demographic_parity_ratio"))
    } else {
        let ratio = rate.filter(|(_, most)| *most > 0.0).map(|(least, most)| least / most);
        (rate.map(|(least, most)| most - least), ratio)
    };
    let breached = classifier
        && [rate_difference, opportunity].into_iter().flatten().any(|difference| difference > rule.most);
    let mut report = GroupReport {
        column: column.to_owned(),
        classifier,
        rate_difference,
        rate_ratio,
        opportunity_difference: opportunity,
        odds_difference: figure("equalized_odds_difference").or(opportunity),
        quality_difference: spread(|group| group.quality).map(|(least, most)| most - least),
        breached,
        groups,
        words: String::new(),
    };
    report.words = report.sentence(rule);
    Some(report)
}

/// How a classifier of two classes treats the groups, by the definitions of [`stats::fairness`].
struct Treatment {
    /// Of all predictions.
    called: Option<Fairness>,
    /// Of those with a label.
    labelled: Option<Fairness>,
}

impl Treatment {
    fn of(groups: &[(&str, Vec<usize>)], rows: &Rows) -> Self {
        let at = |values: &[Option<f64>], row: &usize| values.get(*row).copied().flatten();
        let (mut called, mut names) = (Vec::new(), Vec::new());
        let (mut truth, mut answers, mut of) = (Vec::new(), Vec::new(), Vec::new());
        for (group, row) in
            groups.iter().flat_map(|(group, members)| members.iter().map(move |row| (group, row)))
        {
            let Some(prediction) = at(rows.predictions(), row) else { continue };
            called.push(prediction >= 0.5);
            names.push((*group).to_owned());
            if let Some(label) = at(rows.labels(), row) {
                truth.push(label == 1.0);
                answers.push(prediction >= 0.5);
                of.push((*group).to_owned());
            }
        }
        Self { called: stats::parity(&called, &names), labelled: stats::fairness(&truth, &answers, &of) }
    }

    /// A figure over the groups for which the rates behind it are known; nothing when there are not two of them.
    fn figure(&self, name: &str) -> Option<f64> {
        let mut treated = match name {
            "demographic_parity_difference" | "demographic_parity_ratio" => self.called.clone()?,
            _ => self.labelled.clone()?,
        };
        treated.groups.retain(|group| match name {
            "equal_opportunity_difference" => group.true_positive_rate.is_some(),
            "equalized_odds_difference" => {
                group.true_positive_rate.is_some() && group.false_positive_rate.is_some()
            }
            _ => true,
        });
        (treated.groups.len() >= 2).then(|| treated.get(name, Against::BetweenGroups)).flatten()
    }

    fn group<'a>(of: Option<&'a Fairness>, name: &str) -> Option<&'a Group> {
        of?.groups.iter().find(|group| group.name == name)
    }
}

fn figures(group: &str, members: &[usize], rows: &Rows, treatment: Option<&Treatment>) -> GroupFigures {
    let at = |values: &[Option<f64>], row: &usize| values.get(*row).copied().flatten();
    let predicted: Vec<f64> = members.iter().filter_map(|row| at(rows.predictions(), row)).collect();
    let pairs: Vec<(f64, f64)> = members
        .iter()
        .filter_map(|row| Some((at(rows.predictions(), row)?, at(rows.labels(), row)?)))
        .collect();
    let words = rows.words().map(|(answers, truths)| {
        let both =
            members.iter().filter_map(|row| Some((answers.get(*row)?.clone()?, truths.get(*row)?.clone()?)));
        both.unzip::<String, String, Vec<_>, Vec<_>>()
    });
    let called = treatment.and_then(|treatment| Treatment::group(treatment.called.as_ref(), group));
    let labelled = treatment.and_then(|treatment| Treatment::group(treatment.labelled.as_ref(), group));
    let value = |rate: Option<Rate>| rate.map(|rate| rate.value);
    let quality = match &words {
        Some((answers, truths)) => class_metrics(answers, truths).map(|metrics| metrics.accuracy),
        None if treatment.is_some() => {
            labelled.and_then(|group| value(group.error_rate)).map(|error| 1.0 - error)
        }
        None => {
            let (answers, truths): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
            regression_metrics(&truths, &answers).and_then(|metrics| metrics.get("mae"))
        }
    };
    let rate = match treatment {
        Some(_) => called.and_then(|group| value(group.selection_rate)),
        None => (!predicted.is_empty()).then(|| predicted.iter().sum::<f64>() / predicted.len() as f64),
    };
    GroupFigures {
        group: group.to_owned(),
        rows: members.len() as u64,
        labelled: words.map_or(pairs.len(), |(answers, _)| answers.len()) as u64,
        rate,
        true_positive_rate: labelled.and_then(|group| value(group.true_positive_rate)),
        false_positive_rate: labelled.and_then(|group| value(group.false_positive_rate)),
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
    fn a_group_without_true_rows_does_not_count_as_one_where_none_are_found() {
        let whole = rows();
        let labels = (0..400).map(|row| Some(f64::from(u8::from(row < 200 && row % 2 == 0)))).collect();
        let report = judge(&rule(), &whole.with_labels(labels).unwrap()).remove(0);
        assert_eq!((report.opportunity_difference, report.rate_difference), (None, Some(0.25)));
        assert_eq!(report.groups[1].true_positive_rate, None);
    }

    #[test]
    fn groups_that_are_too_small_are_not_judged() {
        let report = judge(&FairnessRule { min_rows: 300, ..rule() }, &rows()).remove(0);
        assert!(!report.breached && report.groups.is_empty());
        assert!(judge(&FairnessRule { columns: vec!["age".to_owned()], ..rule() }, &rows()).is_empty());
    }
}
