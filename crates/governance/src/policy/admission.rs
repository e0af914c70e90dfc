//! What a version needs before it gets a share of the requests, while the alias still points at another.

use serde::{Deserialize, Serialize};

use super::judge::{Mark, PolicyVerdict};
use super::written::Policy;

/// The tier whose versions need no approval for a share of the requests, if its policy says nothing else.
const LOWEST_TIER: &str = "low";

/// What a version needs before it answers a part of the requests. The greater asks more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Admission {
    /// Nothing.
    Free,
    /// Every rule of the policy but its approvals.
    Checked,
    /// Every rule: what a move of the alias needs.
    Approved,
}

impl Admission {
    /// Whether a verdict on moving the alias to a version lets that version answer a part of the requests.
    #[must_use]
    pub fn admits(self, verdict: &PolicyVerdict) -> bool {
        let but_approvals = || {
            verdict.objections().all(|rule| rule.mark == Mark::Waits && rule.rule.starts_with("approvals["))
        };
        match self {
            Admission::Free => true,
            Admission::Checked => verdict.allowed || but_approvals(),
            Admission::Approved => verdict.allowed,
        }
    }
}

impl Policy {
    /// What a version needs before it answers a part of the requests: what the policy says, or what is sensible for its
    /// tier, [`Admission::Checked`] for `low` and [`Admission::Approved`] for every other.
    #[must_use]
    pub fn admission(&self) -> Admission {
        let usual = if self.tier == LOWEST_TIER { Admission::Checked } else { Admission::Approved };
        self.traffic.unwrap_or(usual)
    }
}
