//! What a review is.

use base::{Digest, Timestamp};
use serde::{Deserialize, Serialize};

use crate::policy::{Opinion, PolicyVerdict};

/// How a review stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReviewState {
    /// It waits.
    Open,
    /// The alias moved.
    CarriedOut,
    /// It was taken back.
    Closed,
}

impl ReviewState {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Open, Self::CarriedOut, Self::Closed];

    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            ReviewState::Open => "open",
            ReviewState::CarriedOut => "carried_out",
            ReviewState::Closed => "closed",
        }
    }

    /// In words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            ReviewState::Open => "open",
            ReviewState::CarriedOut => "carried out already",
            ReviewState::Closed => "closed",
        }
    }

    /// Reads what is written.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

/// What is asked for, as it was when it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The version that the alias is to point at.
    pub version: i64,
    /// The version that it pointed at.
    pub previous: Option<i64>,
    /// What approvals are given for.
    pub digest: Digest,
    /// The policy.
    pub policy: String,
    /// Its tier.
    pub tier: String,
}

/// A review that is about to be opened.
#[derive(Debug, Clone)]
pub struct NewReview {
    /// The model.
    pub model: String,
    /// The alias.
    pub alias: String,
    /// What is asked for.
    pub subject: Subject,
    /// Why.
    pub reason: String,
    /// Whether it is carried out as soon as the policy allows.
    pub at_once: bool,
}

/// A request to move an alias.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Review {
    /// 1, 2, 3 …
    pub number: i64,
    /// The model.
    pub model: String,
    /// The alias.
    pub alias: String,
    /// The version that the alias is to point at.
    pub version: i64,
    /// The version that it pointed at when the review was opened or revised.
    pub previous: Option<i64>,
    /// What approvals are given for.
    pub digest: Digest,
    /// The policy.
    pub policy: String,
    /// Its tier.
    pub tier: String,
    /// Why it is asked for.
    pub reason: String,
    /// Who asked.
    pub requester: String,
    /// Whether it is carried out as soon as the policy allows.
    pub at_once: bool,
    /// How it stands.
    pub state: ReviewState,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When something happened to it last.
    pub updated_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Who ended it.
    pub ended_by: Option<String>,
    /// How it ended, in a sentence.
    pub outcome: String,
    /// The verdict with which it ended.
    pub verdict: Option<PolicyVerdict>,
}

/// How a review ends.
#[derive(Debug, Clone)]
pub struct Ended {
    /// The state.
    pub state: ReviewState,
    /// In a sentence.
    pub outcome: String,
    /// The verdict.
    pub verdict: Option<PolicyVerdict>,
}

/// Which reviews are asked for.
#[derive(Debug, Clone, Default)]
pub struct ReviewFilter {
    /// In this state.
    pub state: Option<ReviewState>,
    /// Of this model.
    pub model: Option<String>,
    /// That this person asked for.
    pub requester: Option<String>,
}

/// What somebody thinks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OpinionGiven {
    /// Who.
    pub author: String,
    /// What.
    pub opinion: Opinion,
    /// What they looked at.
    pub digest: Digest,
    /// In their words.
    pub comment: String,
    /// When.
    pub at: Timestamp,
}

/// A part of the discussion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Comment {
    /// Its number.
    pub number: i64,
    /// The comment that it answers.
    pub parent: Option<i64>,
    /// Who wrote it.
    pub author: String,
    /// Markdown.
    pub text: String,
    /// When.
    pub at: Timestamp,
}
