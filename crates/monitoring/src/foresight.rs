//! Performance before its labels have come, with the record of how wrong that was.

use serde::{Deserialize, Serialize};
use stats::{BinaryMetrics, Calibration, ErrorModel, Explains, binary_metrics, expected_metrics};

use crate::rows::{Column, Rows};
use crate::window::Window;
use crate::words;

/// Labelled rows that are needed before anything is said.
const FEWEST: usize = 200;
/// At most so many of the newest labelled rows are learned from.
const LEARNED_FROM: usize = 50_000;

/// Performance of each window as it was foreseen and as it turned out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Foresight {
    /// `cbpe` for predictions that are probabilities of a label of 0 or 1, `dle` for all others.
    pub method: String,
    /// What is foreseen: `accuracy` or `mae`.
    pub metric: String,
    /// The windows, oldest first.
    pub windows: Vec<ForeseenWindow>,
    /// By how much it was wrong on average in windows whose labels came, relative to the truth; absent while there are
    /// none.
    pub typical_error: Option<f64>,
    /// In words, with what it cannot see.
    pub words: String,
}

/// One window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ForeseenWindow {
    /// The window.
    #[serde(flatten)]
    pub window: Window,
    /// Predictions.
    pub rows: u64,
    /// Those whose label has come.
    pub labelled: u64,
    /// Share of labels that has come.
    pub maturity: f64,
    /// The metric foreseen from what was known before the window.
    pub foreseen: Option<f64>,
    /// The metric of its labelled rows.
    pub realised: Option<f64>,
    /// Labelled rows before the window, which were learned from.
    pub learned_from: u64,
}

struct Known {
    columns: Vec<(String, Column)>,
    predictions: Vec<f64>,
    labels: Vec<f64>,
}

/// Foresees each window from the labelled rows of the windows before it. `windows` are in order of time, all with the
/// same columns.
#[must_use]
pub fn foresee(windows: &[(Window, Rows)], min_rows: u64) -> Foresight {
    let binary = is_binary(windows);
    let (method, metric) = if binary { ("cbpe", "accuracy") } else { ("dle", "mae") };
    let mut known: Option<Known> = None;
    let mut foreseen = Vec::new();
    for (window, rows) in windows {
        let labelled = labelled(rows);
        let realised = (labelled.predictions.len() as u64 >= min_rows.min(30))
            .then(|| real(&labelled, binary))
            .flatten();
        let learned_from = known.as_ref().map_or(0, |known| known.predictions.len());
        let estimate = known
            .as_ref()
            .filter(|_| learned_from >= FEWEST && rows.len() as u64 >= min_rows)
            .and_then(|known| expected(known, rows, binary));
        foreseen.push(ForeseenWindow {
            window: *window,
            rows: rows.len() as u64,
            labelled: labelled.predictions.len() as u64,
            maturity: labelled.predictions.len() as f64 / rows.len().max(1) as f64,
            foreseen: estimate,
            realised,
            learned_from: learned_from as u64,
        });
        known = Some(match known {
            Some(before) => joined(before, labelled),
            None => labelled,
        });
    }
    let misses: Vec<f64> = foreseen
        .iter()
        .filter(|window| window.maturity >= 0.8)
        .filter_map(|window| Some((window.foreseen?, window.realised?)))
        .filter(|(_, real)| *real > 0.0)
        .map(|(foreseen, real)| (foreseen / real - 1.0).abs())
        .collect();
    let typical_error = (!misses.is_empty()).then(|| misses.iter().sum::<f64>() / misses.len() as f64);
    let record = typical_error.map_or_else(
        || "it has no record yet".to_owned(),
        |error| {
            format!(
                "in {} whose labels came it was wrong by {} on average",
                words::count(misses.len() as u64, "window"),
                words::percent(error)
            )
        },
    );
    Foresight {
        method: method.to_owned(),
        metric: metric.to_owned(),
        windows: foreseen,
        typical_error,
        words: format!(
            "{metric} foreseen from the labels that came before ({}); {record}. It follows inputs that change, not a \
             change of what they mean",
            if binary { "calibrated confidences" } else { "errors learned by input" }
        ),
    }
}

fn is_binary(windows: &[(Window, Rows)]) -> bool {
    let labels = || windows.iter().flat_map(|(_, rows)| rows.labels().iter().flatten());
    let predictions = || windows.iter().flat_map(|(_, rows)| rows.predictions().iter().flatten());
    labels().next().is_some()
        && labels().all(|label| *label == 0.0 || *label == 1.0)
        && predictions().all(|prediction| (0.0..=1.0).contains(prediction))
}

fn labelled(rows: &Rows) -> Known {
    let pairs = rows.predictions().iter().zip(rows.labels());
    let keep: Vec<bool> = pairs.map(|(prediction, label)| prediction.is_some() && label.is_some()).collect();
    let kept = |values: &[Option<f64>]| -> Vec<f64> {
        values.iter().zip(&keep).filter(|(_, keep)| **keep).filter_map(|(value, _)| *value).collect()
    };
    let columns = rows.columns().iter().map(|(name, column)| (name.clone(), chosen(column, &keep))).collect();
    Known { columns, predictions: kept(rows.predictions()), labels: kept(rows.labels()) }
}

fn chosen(column: &Column, keep: &[bool]) -> Column {
    match column {
        Column::Numbers(values) => Column::Numbers(
            values.iter().zip(keep).filter(|(_, keep)| **keep).map(|(value, _)| *value).collect(),
        ),
        Column::Texts(values) => Column::Texts(
            values.iter().zip(keep).filter(|(_, keep)| **keep).map(|(value, _)| value.clone()).collect(),
        ),
    }
}

fn joined(mut before: Known, after: Known) -> Known {
    fn newest<T>(values: &mut Vec<T>, more: Vec<T>) {
        values.extend(more);
        let surplus = values.len().saturating_sub(LEARNED_FROM);
        values.drain(..surplus);
    }
    for ((_, mine), (_, theirs)) in before.columns.iter_mut().zip(after.columns) {
        match (mine, theirs) {
            (Column::Numbers(mine), Column::Numbers(theirs)) => newest(mine, theirs),
            (Column::Texts(mine), Column::Texts(theirs)) => newest(mine, theirs),
            _ => {}
        }
    }
    newest(&mut before.predictions, after.predictions);
    newest(&mut before.labels, after.labels);
    before
}

fn truths(known: &Known) -> Vec<bool> {
    known.labels.iter().map(|label| *label >= 0.5).collect()
}

fn real(known: &Known, binary: bool) -> Option<f64> {
    if binary {
        return binary_metrics(&known.predictions, &truths(known), 0.5)
            .map(|found: BinaryMetrics| found.accuracy);
    }
    let errors = errors(known);
    (!errors.is_empty()).then(|| errors.iter().sum::<f64>() / errors.len() as f64)
}

fn errors(known: &Known) -> Vec<f64> {
    known.predictions.iter().zip(&known.labels).map(|(predicted, label)| (predicted - label).abs()).collect()
}

fn expected(known: &Known, rows: &Rows, binary: bool) -> Option<f64> {
    if binary {
        let calibration = Calibration::learn(&known.predictions, &truths(known))?;
        let scores: Vec<f64> = rows.predictions().iter().flatten().copied().collect();
        let chances: Vec<f64> = scores.iter().map(|score| calibration.probability(*score)).collect();
        return expected_metrics(&scores, &chances, 0.5).map(|found| found.accuracy);
    }
    let predicted: Vec<Option<f64>> = known.predictions.iter().copied().map(Some).collect();
    let mut learn_from = explaining(&known.columns);
    learn_from.push(Explains::Numbers(&predicted));
    let model = ErrorModel::learn(&learn_from, &errors(known))?;
    let mut foresee_from = explaining(rows.columns());
    foresee_from.push(Explains::Numbers(rows.predictions()));
    let expected = model.expected(&foresee_from, rows.len());
    (!expected.is_empty()).then(|| expected.iter().sum::<f64>() / expected.len() as f64)
}

fn explaining(columns: &[(String, Column)]) -> Vec<Explains<'_>> {
    columns
        .iter()
        .map(|(_, column)| match column {
            Column::Numbers(values) => Explains::Numbers(values),
            Column::Texts(values) => Explains::Texts(values),
        })
        .collect()
}
