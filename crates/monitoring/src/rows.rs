//! Rows of a window and of a reference.

use std::collections::BTreeMap;

use base::Timestamp;
use stats::Levels;

use crate::error::Error;

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
}

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
        Ok(Self { predictions: nothing.clone(), labels: nothing, times, columns })
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

fn same_length(column: &str, found: usize, expected: usize) -> Result<(), Error> {
    if found == expected {
        Ok(())
    } else {
        Err(Error::RaggedRows { column: column.to_owned(), found, expected })
    }
}

/// What a version is compared with: the rows it was trained on, and how well it did in its evaluation.
///
/// Making one reads all rows once; keep it for as long as the version serves.
#[derive(Debug, Clone, PartialEq)]
pub struct Reference {
    rows: Rows,
    predictions: Option<Column>,
    days: Vec<u32>,
    words: BTreeMap<String, Levels>,
    ranges: BTreeMap<String, (f64, f64)>,
    evaluation: BTreeMap<String, f64>,
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
        Self { rows, predictions, days, words, ranges, evaluation }
    }

    /// The training rows.
    #[must_use]
    pub fn rows(&self) -> &Rows {
        &self.rows
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
