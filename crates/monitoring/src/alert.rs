//! An alert and the states it goes through.

use base::{Period, Timestamp};
use serde::{Deserialize, Serialize};

use crate::finding::{Act, AlertKind};
use crate::spec::{Action, Severity};

/// Where an alert stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertState {
    /// Seen, but not yet in enough windows to bother anyone.
    Pending,
    /// Someone should act.
    Firing,
    /// Someone has taken it.
    Acknowledged,
    /// It is over.
    Resolved,
    /// Nobody is to be bothered until a given time.
    Silenced,
    /// It did not persist, or no data came to tell.
    Expired,
}

impl AlertState {
    /// All states.
    pub const ALL: [Self; 6] =
        [Self::Pending, Self::Firing, Self::Acknowledged, Self::Resolved, Self::Silenced, Self::Expired];

    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Firing => "firing",
            Self::Acknowledged => "acknowledged",
            Self::Resolved => "resolved",
            Self::Silenced => "silenced",
            Self::Expired => "expired",
        }
    }

    /// The state of that name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// Whether it still needs watching.
    #[must_use]
    pub const fn is_open(self) -> bool {
        !matches!(self, Self::Resolved | Self::Expired)
    }
}

/// How a cause looks in one window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Out of bounds, persistently.
    Firing,
    /// Out of bounds in this window.
    Pending,
    /// Within bounds, but not clearly.
    Holding,
    /// Clearly within bounds.
    Clear,
    /// Not enough data to tell.
    Unknown,
}

/// What decides besides the verdict. Counted in windows of event time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Patience {
    /// Clear windows in a row that end it; doubled for each time it came back.
    pub(crate) clear_windows: i64,
    /// Windows without data in a row after which it expires.
    pub(crate) unknown_windows: i64,
    /// A cause that comes back within this time opens the same alert again.
    pub(crate) cooldown: Period,
}

/// How far an alert is on its way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Progress {
    pub(crate) clear_windows: i64,
    pub(crate) unknown_windows: i64,
    pub(crate) flaps: i64,
}

/// What one look does to an open alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// The state afterwards.
    pub state: AlertState,
    /// Clear windows in a row afterwards.
    pub(crate) clear_windows: i64,
    /// Windows without data in a row afterwards.
    pub(crate) unknown_windows: i64,
    /// Why the state changed.
    pub reason: &'static str,
}

/// Moves an open alert. `silence_over` says whether a silence has ended by the time of the look.
pub(crate) fn step(
    state: AlertState,
    progress: Progress,
    verdict: Verdict,
    patience: Patience,
    silence_over: bool,
) -> Step {
    let still = |state, reason| Step { state, clear_windows: 0, unknown_windows: 0, reason };
    match verdict {
        Verdict::Firing if state == AlertState::Pending => {
            still(AlertState::Firing, "it has lasted long enough to act")
        }
        Verdict::Holding if state == AlertState::Pending => calmer(state, progress, patience.clear_windows),
        Verdict::Firing | Verdict::Pending | Verdict::Holding
            if state == AlertState::Silenced && silence_over =>
        {
            still(AlertState::Firing, "the silence is over and it still holds")
        }
        Verdict::Firing | Verdict::Pending | Verdict::Holding => still(state, "it still holds"),
        Verdict::Clear if state == AlertState::Pending => calmer(state, progress, patience.clear_windows),
        Verdict::Clear => calmer(state, progress, patience.clear_windows << progress.flaps.clamp(0, 3)),
        Verdict::Unknown => {
            let unknown_windows = progress.unknown_windows + 1;
            let (next, reason) = if unknown_windows >= patience.unknown_windows {
                (AlertState::Expired, "no data has come to tell whether it still holds")
            } else {
                (state, "too little data to tell")
            };
            Step { state: next, clear_windows: progress.clear_windows, unknown_windows, reason }
        }
    }
}

/// One more window in which nothing was wrong; enough of them in a row end the alert.
fn calmer(state: AlertState, progress: Progress, enough: i64) -> Step {
    let clear_windows = progress.clear_windows + 1;
    let (state, reason) = match (clear_windows >= enough, state) {
        (true, AlertState::Pending) => (AlertState::Expired, "it did not last"),
        (true, _) => (AlertState::Resolved, "it has been clearly within bounds for long enough"),
        (false, _) => (state, "it is within bounds again, for now"),
    };
    Step { state, clear_windows, unknown_windows: 0, reason }
}

/// An alert.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// Its id.
    pub id: String,
    /// Names the cause.
    pub fingerprint: String,
    /// The model.
    pub model: String,
    /// The version that served.
    pub version: i64,
    /// What it is about.
    pub kind: AlertKind,
    /// How bad it is.
    pub severity: Severity,
    /// Where it stands.
    pub state: AlertState,
    /// One line.
    pub title: String,
    /// What changed.
    pub what_changed: String,
    /// Event time from which on.
    pub since: Timestamp,
    /// The likely cause.
    pub cause: String,
    /// What it means.
    pub impact: String,
    /// What to do first.
    pub suggested_action: Act,
    /// What else can be done.
    pub more_actions: Vec<Act>,
    /// What the platform does by itself when this fires.
    pub automatic: Option<Action>,
    /// Figures behind the words.
    pub details: serde_json::Value,
    /// Event time at which it was first seen.
    pub opened_at: Timestamp,
    /// Event time of the last window in which it was looked at.
    pub updated_at: Timestamp,
    /// Event time at which it ended.
    pub closed_at: Option<Timestamp>,
    /// Until when it is silenced.
    pub silenced_until: Option<Timestamp>,
    /// How often it came back after it was over.
    pub flaps: i64,
    /// How it got where it stands, oldest first; empty in lists.
    #[serde(default)]
    pub history: Vec<Transition>,
}

/// One move of an alert.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Transition {
    /// Event time.
    pub at: Timestamp,
    /// The state before; absent for the first.
    pub from: Option<AlertState>,
    /// The state after.
    pub to: AlertState,
    /// Who moved it.
    pub actor: String,
    /// Why.
    pub reason: String,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PATIENCE: Patience =
        Patience { clear_windows: 2, unknown_windows: 3, cooldown: Period::from_days(14) };

    fn walk(verdicts: &[Verdict]) -> Vec<AlertState> {
        let mut state = AlertState::Pending;
        let mut progress = Progress::default();
        let mut seen = vec![state];
        for verdict in verdicts {
            if !state.is_open() {
                break;
            }
            let step = step(state, progress, *verdict, PATIENCE, false);
            state = step.state;
            progress.clear_windows = step.clear_windows;
            progress.unknown_windows = step.unknown_windows;
            seen.push(state);
        }
        seen
    }

    #[test]
    fn one_clear_window_does_not_end_a_firing_alert() {
        use {AlertState as S, Verdict as V};
        assert_eq!(
            walk(&[V::Firing, V::Clear, V::Firing, V::Clear, V::Holding, V::Clear, V::Clear]),
            [S::Pending, S::Firing, S::Firing, S::Firing, S::Firing, S::Firing, S::Firing, S::Resolved]
        );
    }

    #[test]
    fn what_does_not_last_expires_unnoticed() {
        use {AlertState as S, Verdict as V};
        assert_eq!(walk(&[V::Clear, V::Clear]), [S::Pending, S::Pending, S::Expired]);
        assert_eq!(walk(&[V::Unknown, V::Unknown, V::Unknown]).last(), Some(&S::Expired));
    }

    #[test]
    fn an_alert_that_comes_back_needs_more_quiet_to_end() {
        let flapped = Progress { clear_windows: 1, flaps: 1, ..Progress::default() };
        assert_eq!(
            step(AlertState::Firing, flapped, Verdict::Clear, PATIENCE, false).state,
            AlertState::Firing
        );
        let longer = Progress { clear_windows: 3, ..flapped };
        assert_eq!(
            step(AlertState::Firing, longer, Verdict::Clear, PATIENCE, false).state,
            AlertState::Resolved
        );
    }

    #[test]
    fn a_silence_ends_in_firing_or_quiet() {
        let go =
            |verdict, over| step(AlertState::Silenced, Progress::default(), verdict, PATIENCE, over).state;
        assert_eq!(go(Verdict::Firing, false), AlertState::Silenced);
        assert_eq!(go(Verdict::Firing, true), AlertState::Firing);
        assert_eq!(go(Verdict::Clear, true), AlertState::Silenced);
    }

    proptest! {
        #[test]
        fn any_open_alert_ends_when_all_is_clear(
            start in prop::sample::select(vec![
                AlertState::Pending, AlertState::Firing, AlertState::Acknowledged, AlertState::Silenced,
            ]),
            flaps in 0..100_i64,
        ) {
            let mut progress = Progress { flaps, ..Progress::default() };
            let mut state = start;
            for _ in 0..32 {
                if state.is_open() {
                    let step = step(state, progress, Verdict::Clear, PATIENCE, false);
                    state = step.state;
                    progress.clear_windows = step.clear_windows;
                }
            }
            prop_assert!(!state.is_open());
        }
    }
}
