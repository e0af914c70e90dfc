//! What is told.

use base::Timestamp;
use serde::{Deserialize, Serialize};

/// Where the thing that is told of stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeState {
    /// Someone should act.
    Firing,
    /// Someone has taken it.
    Acknowledged,
    /// It is over.
    Resolved,
    /// Nobody can tell any more whether it is over, for lack of data. To a pager that is an end as well.
    Expired,
    /// Only a test of the way.
    Test,
}

impl NoticeState {
    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Firing => "firing",
            Self::Acknowledged => "acknowledged",
            Self::Resolved => "resolved",
            Self::Expired => "expired",
            Self::Test => "test",
        }
    }
}

/// One message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// Its own id: the same for every attempt, so that a receiver can tell repetitions.
    pub id: String,
    /// Names the cause; messages about one cause belong together.
    pub fingerprint: String,
    /// Where it stands.
    pub state: NoticeState,
    /// The model.
    pub model: String,
    /// What it is about, such as `drift`.
    pub kind: String,
    /// `warn` or `error`.
    pub severity: String,
    /// One line.
    pub title: String,
    /// What changed.
    pub what_changed: String,
    /// Since when, in event time.
    pub since: Timestamp,
    /// The likely cause.
    pub cause: String,
    /// What it means.
    pub impact: String,
    /// What to do, in words.
    pub act: String,
    /// The same as a command.
    pub command: String,
    /// A page with everything about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// When it was written.
    pub at: Timestamp,
}

impl Notice {
    /// A message that only tests the way.
    #[must_use]
    pub fn test(id: String, at: Timestamp) -> Self {
        Self {
            fingerprint: format!("test/{id}"),
            id,
            state: NoticeState::Test,
            model: "none".to_owned(),
            kind: "test".to_owned(),
            severity: "warn".to_owned(),
            title: "Gingham: a test of this way".to_owned(),
            what_changed: "nothing changed; someone tested whether messages arrive".to_owned(),
            since: at,
            cause: "`gingham notify test`, or the button of the same name".to_owned(),
            impact: "alerts will arrive here".to_owned(),
            act: "Nothing is to be done".to_owned(),
            command: "gingham notify ls".to_owned(),
            link: None,
            at,
        }
    }

    /// Whether whoever keeps it open is to close it.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(self.state, NoticeState::Resolved | NoticeState::Expired)
    }

    /// The title with the state in front when it is no longer firing.
    #[must_use]
    pub fn headline(&self) -> String {
        match self.state {
            NoticeState::Firing | NoticeState::Test => self.title.clone(),
            state => format!("{}: {}", state.as_str(), self.title),
        }
    }

    /// Names and words, for bodies that list them.
    pub(crate) fn facts(&self) -> [(&'static str, String); 6] {
        [
            ("What changed", self.what_changed.clone()),
            ("Since", self.since.to_string()),
            ("Likely cause", self.cause.clone()),
            ("What it means", self.impact.clone()),
            ("What to do", self.act.clone()),
            ("Command", self.command.clone()),
        ]
    }
}
