//! Rows of a window and of a reference.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use base::Timestamp;
use stats::{Edges, Levels, Profile, ProfiledColumn, Sample};

use crate::error::Error;
use crate::multivariate::Learned;
use crate::stretch::PREDICTION;

/// Values of one input.
#[derive(Debug, Clone, PartialEq)]
pub enum Column {
    /// Numbers, truth values as 0 and 1, times as microseconds.
    Numbers(Vec<Option<f64>>),
    /// Words.
    Texts(Vec<Option<String>>),
}

impl Column {
    /// How many rows.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Numbers(values) => values.len(),
            Self::Texts(values) => values.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Rows with their times, all columns of the same length.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Rows {
    times: Vec<Timestamp>,
    columns: Vec<(String, Column)>,
    predictions: Vec<Option<f64>>,
    labels: Vec<Option<f64>>,
    /// Answers and what came true, where those are words.
    words: Option<Answers>,
}

/// Words that were answered, and those that came true.
type Answers = (Vec<Option<String>>, Vec<Option<String>>);

impl Rows {
    /// Rows of inputs, in any order.
    ///
    /// # Errors
    /// [`Error::RaggedRows`] when a column is not as long as the times.
    pub fn new(times: Vec<Timestamp>, columns: Vec<(String, Column)>) -> Result<Self, Error> {
        for (name, column) in &columns {
            same_length(name, column.len(), times.len())?;
        }
        let nothing = vec![None; times.len()];
        Ok(Self { predictions: nothing.clone(), labels: nothing, times, columns, words: None })
    }

    /// Adds what was predicted for each row.
    ///
    /// # Errors
    /// [`Error::RaggedRows`] when it is not as long as the times.
    pub fn with_predictions(mut self, predictions: Vec<Option<f64>>) -> Result<Self, Error> {
        same_length("prediction", predictions.len(), self.times.len())?;
        self.predictions = predictions;
        Ok(self)
    }

    /// Adds what turned out to be true for each row, where it is known.
    ///
    /// # Errors
    /// [`Error::RaggedRows`] when it is not as long as the times.
    pub fn with_labels(mut self, labels: Vec<Option<f64>>) -> Result<Self, Error> {
        same_length("label", labels.len(), self.times.len())?;
        self.labels = labels;
        Ok(self)
    }

    /// Adds answers that are words, and what came true.
    ///
    /// # Errors
    /// [`Error::RaggedRows`] when they are not as long as the times.
    pub fn with_words(
        mut self,
        answers: Vec<Option<String>>,
        truths: Vec<Option<String>>,
    ) -> Result<Self, Error> {
        same_length("prediction", answers.len(), self.times.len())?;
        same_length("label", truths.len(), self.times.len())?;
        self.words = Some((answers, truths));
        Ok(self)
    }

    /// The rows that `keep` names by their place.
    #[must_use]
    fn only(&self, keep: &[usize]) -> Self {
        fn pick<T: Clone>(values: &[Option<T>], keep: &[usize]) -> Vec<Option<T>> {
            keep.iter().map(|row| values.get(*row).cloned().flatten()).collect()
        }
        let columns = self.columns.iter().map(|(name, column)| {
            let column = match column {
                Column::Numbers(values) => Column::Numbers(pick(values, keep)),
                Column::Texts(values) => Column::Texts(pick(values, keep)),
            };
            (name.clone(), column)
        });
        Self {
            times: keep.iter().filter_map(|row| self.times.get(*row).copied()).collect(),
            columns: columns.collect(),
            predictions: pick(&self.predictions, keep),
            labels: pick(&self.labels, keep),
            words: self.words.as_ref().map(|(answers, truths)| (pick(answers, keep), pick(truths, keep))),
        }
    }

    /// Answers that are words, and what came true.
    #[must_use]
    pub fn words(&self) -> Option<&Answers> {
        self.words.as_ref()
    }

    /// Whether the predictions are of two classes: all labels are 0 or 1 (and there are some), all predictions from 0 to 1.
    #[must_use]
    pub fn is_binary(&self) -> bool {
        let mut labels = self.labels.iter().flatten().peekable();
        labels.peek().is_some()
            && labels.all(|label| *label == 0.0 || *label == 1.0)
            && self.predictions.iter().flatten().all(|chance| (0.0..=1.0).contains(chance))
    }

    /// How many have an answer, and how many of all have a label.
    pub(crate) fn answered(&self) -> (u64, u64) {
        let count = |there: usize| there as u64;
        match &self.words {
            Some((answers, truths)) => {
                (count(answers.iter().flatten().count()), count(truths.iter().flatten().count()))
            }
            None => (
                count(self.predictions.iter().flatten().count()),
                count(self.labels.iter().flatten().count()),
            ),
        }
    }

    /// How many rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// Event time of each row.
    #[must_use]
    pub fn times(&self) -> &[Timestamp] {
        &self.times
    }

    /// The inputs by name.
    #[must_use]
    pub fn columns(&self) -> &[(String, Column)] {
        &self.columns
    }

    /// The input of that name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|(column, _)| column == name).map(|(_, column)| column)
    }

    /// What was predicted.
    #[must_use]
    pub fn predictions(&self) -> &[Option<f64>] {
        &self.predictions
    }

    /// What turned out to be true.
    #[must_use]
    pub fn labels(&self) -> &[Option<f64>] {
        &self.labels
    }
}

pub(crate) fn same_length(column: &str, found: usize, expected: usize) -> Result<(), Error> {
    if found == expected {
        Ok(())
    } else {
        Err(Error::RaggedRows { column: column.to_owned(), found, expected })
    }
}

/// What a version is compared with: the rows it was trained on, and how well it did in its evaluation.
///
/// Making one reads all rows once; keep it for as long as the version serves.
#[derive(Debug, Clone)]
pub struct Reference {
    rows: Rows,
    predictions: Option<Column>,
    days: Vec<u32>,
    words: BTreeMap<String, Levels>,
    ranges: BTreeMap<String, (f64, f64)>,
    evaluation: BTreeMap<String, f64>,
    profiled: OnceLock<Vec<(String, ProfiledColumn)>>,
    learned: OnceLock<Option<Learned>>,
}

impl Reference {
    /// A reference of training rows (with predictions, if those are known, so that predictions can drift too) and of
    /// evaluation metrics by name.
    #[must_use]
    pub fn new(rows: Rows, evaluation: BTreeMap<String, f64>) -> Self {
        let (mut words, mut ranges) = (BTreeMap::new(), BTreeMap::new());
        for (name, column) in &rows.columns {
            match column {
                Column::Numbers(values) => {
                    let finite = || values.iter().flatten().copied().filter(|value| value.is_finite());
                    if let (Some(min), Some(max)) = (finite().reduce(f64::min), finite().reduce(f64::max)) {
                        ranges.insert(name.clone(), (min, max));
                    }
                }
                Column::Texts(values) => {
                    words.insert(name.clone(), values.iter().flatten().map(String::as_str).collect());
                }
            }
        }
        let days = rows.times.iter().map(|time| time.day_of_year()).collect();
        let predicted = rows.predictions.iter().any(Option::is_some);
        let predictions = predicted.then(|| Column::Numbers(rows.predictions.clone()));
        Self {
            rows,
            predictions,
            days,
            words,
            ranges,
            evaluation,
            profiled: OnceLock::new(),
            learned: OnceLock::new(),
        }
    }

    /// The training rows.
    #[must_use]
    pub fn rows(&self) -> &Rows {
        &self.rows
    }

    /// The inputs, and the prediction if it is known, as they are compared with what was kept of live rows: in the place
    /// of many rows stand their bins. Made once.
    #[must_use]
    pub fn profiled(&self) -> &[(String, ProfiledColumn)] {
        self.profiled.get_or_init(|| {
            let inputs = self.rows.columns.iter().map(|(name, column)| (name.as_str(), column));
            let predicted = self.predictions.iter().map(|column| (PREDICTION, column));
            inputs.chain(predicted).map(|(name, column)| (name.to_owned(), profiled(column))).collect()
        })
    }

    /// The rows whose column is that word; `None` when there are none.
    pub(crate) fn of_segment(&self, column: &str, value: &str) -> Option<Self> {
        let Some(Column::Texts(words)) = self.rows.column(column) else { return None };
        let keep: Vec<usize> = words
            .iter()
            .enumerate()
            .filter(|(_, word)| word.as_deref().unwrap_or("") == value)
            .map(|(row, _)| row)
            .collect();
        (!keep.is_empty()).then(|| Self::new(self.rows.only(&keep), BTreeMap::new()))
    }

    /// How its inputs hang together; learned once.
    pub(crate) fn learned(&self) -> Option<&Learned> {
        self.learned.get_or_init(|| Learned::of(&self.rows)).as_ref()
    }

    /// The evaluation metric of that name.
    #[must_use]
    pub fn evaluation(&self, metric: &str) -> Option<f64> {
        self.evaluation.get(metric).copied().filter(|value| value.is_finite())
    }

    /// What was predicted for the training rows, if it is known.
    pub(crate) fn predictions(&self) -> Option<&Column> {
        self.predictions.as_ref()
    }

    /// Day of the year of each row.
    pub(crate) fn days(&self) -> &[u32] {
        &self.days
    }

    /// Every text that a column has ever held.
    pub(crate) fn words(&self, column: &str) -> Option<&Levels> {
        self.words.get(column)
    }

    /// Least and greatest number of a column.
    pub(crate) fn range(&self, column: &str) -> Option<(f64, f64)> {
        self.ranges.get(column).copied()
    }
}

fn profiled(column: &Column) -> ProfiledColumn {
    let profile = match column {
        Column::Numbers(values) => {
            let edges = Edges::from_reference(&Sample::of_present(values));
            Profile::of_numbers(values, edges.as_ref())
        }
        Column::Texts(values) => Profile::of_texts(values),
    };
    ProfiledColumn::from(&profile)
}
