//! What a dataset and its versions are.

use base::{Digest, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tables::Schema;

/// A named series of versions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dataset {
    /// Its name.
    pub name: String,
    /// What its rows are.
    pub description: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: String,
    /// The number of its newest version; nothing before the first.
    pub latest_version: Option<i64>,
    /// How many rows the newest version has.
    pub rows: u64,
    /// When its first row happened, if rows are timed.
    pub from: Option<Timestamp>,
    /// When its last row happened, if rows are timed.
    pub to: Option<Timestamp>,
}

/// An immutable snapshot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DatasetVersion {
    /// The dataset.
    #[serde(rename = "dataset")]
    pub name: String,
    /// 1, 2, 3 …
    pub number: i64,
    /// The version of the Delta table that holds its rows.
    pub delta_version: i64,
    /// The digest of its schema and all its data files.
    pub digest: Digest,
    /// How many rows it has.
    pub rows: u64,
    /// How many of them the version before did not have.
    pub rows_added: u64,
    /// Its columns.
    pub schema: Schema,
    /// When its first row happened, if rows are timed.
    pub from: Option<Timestamp>,
    /// When its last row happened, if rows are timed.
    pub to: Option<Timestamp>,
    /// Where the added rows come from.
    pub origin: Value,
    /// A profile of each column of the added rows; lists leave it out.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub profile: Value,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: String,
}

/// A version that is about to be written down; its rows are in the Delta table already.
#[derive(Debug, Clone, PartialEq)]
pub struct NewVersion {
    /// The dataset, which must exist.
    pub dataset: String,
    /// The version of the Delta table that holds its rows.
    pub delta_version: i64,
    /// The digest of its schema and all its data files.
    pub digest: Digest,
    /// How many rows are new.
    pub rows_added: u64,
    /// Whether they stand in place of the rows before rather than behind them.
    pub replaces: bool,
    /// Its columns.
    pub schema: Schema,
    /// When the first added row happened.
    pub from: Option<Timestamp>,
    /// When the last added row happened.
    pub to: Option<Timestamp>,
    /// Where the added rows come from.
    pub origin: Value,
    /// A profile of each column of the added rows.
    pub profile: Value,
}
