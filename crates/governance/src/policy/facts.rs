//! What is known of a move, gathered by the platform from the rooms that know it.

use std::collections::{BTreeMap, BTreeSet};

use base::{Digest, Timestamp};
use serde::{Deserialize, Serialize};

use super::written::Evidence;

/// All that a verdict is made from.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// The model.
    pub model: String,
    /// The alias that is to move.
    pub alias: String,
    /// The version that it is to point at.
    pub version: i64,
    /// The version that it points at now.
    pub previous: Option<i64>,
    /// What an approval is given for: the version with all that is recorded of it, its card, the move and the policy.
    pub digest: Digest,
    /// What the promotion rules said when they were asked last; nothing when they never were.
    pub gates: Option<Vec<GateFact>>,
    /// The newest result of each check on the version, by the check's id.
    pub checks: BTreeMap<String, CheckFact>,
    /// The dataset versions that it learnt from; nothing when that is not recorded.
    pub data: Option<Vec<DataFact>>,
    /// Whether those who ask now can go on.
    pub schema: SchemaFact,
    /// The alerts of the model that fire.
    pub alerts: Vec<AlertFact>,
    /// What is recorded of the version, with where to see it.
    pub evidence: BTreeMap<Evidence, Known>,
    /// The fields of the card that are filled.
    pub card: BTreeSet<String>,
    /// The datasheets of the datasets that it learnt from.
    pub datasheets: Vec<DatasheetFact>,
    /// The newest opinion of everyone who gave one.
    pub approvals: Vec<ApprovalFact>,
    /// Who asked for the move.
    pub requester: Option<String>,
    /// Who made the version.
    pub trainers: BTreeSet<String>,
    /// The override that stands for exactly this, if there is one.
    pub exception: Option<OverrideFact>,
    /// Why the request does not fit what is there any more, if it does not.
    pub stale: Option<String>,
    /// Now.
    pub now: Timestamp,
}

/// Something that is recorded, with the page that shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The page.
    pub link: String,
}

/// A promotion rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateFact {
    /// The rule in words.
    pub rule: String,
    /// Whether it held.
    pub passed: bool,
    /// Why, or why not.
    pub why: String,
}

/// How a check on the version came out last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckFact {
    /// `pass`, `warn`, `fail` or `error`.
    pub outcome: String,
    /// The result in a sentence.
    pub message: String,
    /// When.
    pub at: Timestamp,
    /// The verdict that holds the result.
    pub verdict: String,
}

/// A dataset version with what the data checks said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataFact {
    /// Such as `traffic@3`.
    pub dataset: String,
    /// The newest verdict on it: id, outcome, whether it must not be used, and a line for people.
    pub verdict: Option<(String, String, bool, String)>,
}

/// Whether those who ask now can go on as they do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SchemaFact {
    /// Nobody asks yet: the alias points at nothing.
    Nobody,
    /// They can.
    Compatible,
    /// They cannot: each reason in words.
    Breaks(Vec<String>),
    /// It cannot be told, and why.
    Unknown(String),
}

/// An alert that fires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertFact {
    /// Its id.
    pub id: String,
    /// Its kind.
    pub kind: String,
    /// In a line.
    pub title: String,
}

/// A dataset with the fields of its datasheet that are filled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatasheetFact {
    /// The dataset.
    pub dataset: String,
    /// The fields.
    pub fields: BTreeSet<String>,
}

/// What somebody thinks of a move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Opinion {
    /// It may be carried out.
    Approve,
    /// Something must change first.
    RequestChanges,
}

impl Opinion {
    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Opinion::Approve => "approve",
            Opinion::RequestChanges => "request_changes",
        }
    }
}

/// An opinion with who gave it and for what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovalFact {
    /// Who.
    pub by: String,
    /// The roles that they hold now, in the model's project.
    pub roles: BTreeSet<String>,
    /// What they think.
    pub opinion: Opinion,
    /// What they looked at.
    pub digest: Digest,
    /// When.
    pub at: Timestamp,
}

/// A broken glass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverrideFact {
    /// Its number.
    pub number: i64,
    /// Who broke it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// Until when it stands.
    pub expires_at: Timestamp,
}
