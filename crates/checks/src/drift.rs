//! Whether rows resemble those of another time: what a check of drift asks, and what whoever compares answers.
//!
//! This room does not compare: the statistics of drift belong to monitoring, and `platform` joins both.

use serde::{Deserialize, Serialize};

/// From when on a column has drifted: a difference must be large enough to matter, and certain. Each limit that is not
/// said is that of `gingham drift`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DriftBounds {
    /// Numbers: greatest difference between the shares of rows below any value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shift: Option<f64>,
    /// Numbers: Wasserstein distance in standard deviations of the reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distance: Option<f64>,
    /// Texts: share of rows that would have to change their text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved: Option<f64>,
    /// More or fewer missing values, as a share of rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<f64>,
    /// Rows with a text that the reference never had, as a share of rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unseen: Option<f64>,
    /// Columns with fewer values on either side are not judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_rows: Option<u64>,
}

/// What a comparison came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DriftFound {
    /// The rows compared with, in words.
    pub reference: String,
    /// How many columns could be judged.
    pub judged: u64,
    /// The columns that drifted, each with what changed in words.
    pub drifted: Vec<(String, String)>,
    /// Why columns could not be judged, in words.
    pub not_judged: Vec<String>,
    /// Why there is nothing to compare with yet: the first rows, the first version. Nothing is wrong then.
    pub nothing_yet: Option<String>,
}

/// Whoever compares rows with those of another time.
pub trait Drifts: Send + Sync {
    /// Compares the rows that are checked with `against`; an error says in words why it cannot.
    fn compare(&self, against: &str, columns: &[String], bounds: &DriftBounds) -> Result<DriftFound, String>;
}

impl DriftFound {
    /// There is nothing to compare with yet, and why.
    #[must_use]
    pub fn nothing(why: String) -> Self {
        Self {
            reference: String::new(),
            judged: 0,
            drifted: Vec::new(),
            not_judged: Vec::new(),
            nothing_yet: Some(why),
        }
    }

    /// How it came out, for at most so many drifted columns: whether it holds, what was found, a sentence.
    pub(crate) fn told(&self, at_most: u64) -> Result<(bool, String, String), String> {
        if let Some(why) = &self.nothing_yet {
            return Ok((true, "nothing yet".to_owned(), format!("nothing to compare with: {why}")));
        }
        if self.judged == 0 {
            let why = self.not_judged.first().cloned().unwrap_or_else(|| "there are no columns".to_owned());
            return Err(format!("no column could be compared with {}: {why}", self.reference));
        }
        let count = self.drifted.len() as u64;
        let observed = format!("{count} of {} columns drifted", self.judged);
        let names: Vec<String> = self.drifted.iter().map(|(_, words)| words.clone()).take(5).collect();
        let message = if names.is_empty() {
            format!("no drift in {} columns, compared with {}", self.judged, self.reference)
        } else {
            format!("{observed}, compared with {}: {}", self.reference, names.join("; "))
        };
        Ok((count <= at_most, observed, message))
    }
}
