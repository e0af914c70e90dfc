//! Webhooks: who is told over HTTP of events on models. Subjects are named as MLflow's clients name them.

use std::fmt;

use base::Timestamp;

use crate::Error;

const NAME_CHARS: usize = 63;
const URL_CHARS: usize = 500;
const DESCRIPTION_CHARS: usize = 1_000;
const SECRET_CHARS: usize = 1_000;

/// What a webhook can be told of, as `entity.action`.
const SUBJECTS: [&str; 15] = [
    "registered_model.created",
    "model_version.created",
    "model_version_tag.set",
    "model_version_tag.deleted",
    "model_version_alias.created",
    "model_version_alias.deleted",
    "prompt.created",
    "prompt_version.created",
    "prompt_tag.set",
    "prompt_tag.deleted",
    "prompt_version_tag.set",
    "prompt_version_tag.deleted",
    "prompt_alias.created",
    "prompt_alias.deleted",
    // Never happens here, as there is no gateway; taken all the same, as clients may ask for it.
    "budget_policy.exceeded",
];

/// One thing that a webhook can be told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Subject(&'static str);

impl Subject {
    /// Every subject.
    pub fn all() -> impl Iterator<Item = Self> {
        SUBJECTS.into_iter().map(Self)
    }

    /// The subject written as `entity.action`, if there is one.
    #[must_use]
    pub fn find(words: &str) -> Option<Self> {
        Self::all().find(|subject| subject.0 == words)
    }

    /// What it happens to, such as `model_version`.
    #[must_use]
    pub fn entity(self) -> &'static str {
        self.0.split_once('.').map_or(self.0, |(entity, _)| entity)
    }

    /// What happens, such as `created`.
    #[must_use]
    pub fn action(self) -> &'static str {
        self.0.split_once('.').map_or("", |(_, action)| action)
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.0)
    }
}

/// Whether a webhook is told at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebhookStatus {
    /// It is told.
    Active,
    /// It is not; what happens meanwhile it is never told of.
    Disabled,
}

impl WebhookStatus {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Disabled => "DISABLED",
        }
    }

    /// The status with this word, if there is one.
    #[must_use]
    pub fn find(word: &str) -> Option<Self> {
        [Self::Active, Self::Disabled].into_iter().find(|status| status.word() == word)
    }
}

/// A webhook, and how it is doing.
#[derive(Clone)]
pub struct Webhook {
    /// Its id.
    pub id: String,
    /// The project whose models it is told of.
    pub project: String,
    /// Its name; several may have the same.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Where it is told.
    pub url: String,
    /// Of what.
    pub subjects: Vec<Subject>,
    /// Whether at all.
    pub status: WebhookStatus,
    /// What deliveries are signed with. Never shown and never logged.
    pub secret: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed.
    pub updated_at: Timestamp,
    /// The last event that it was told of or that was given up.
    pub after_seq: i64,
    /// How often the event after that was tried in vain.
    pub attempts: i64,
    /// How many deliveries were taken.
    pub delivered: i64,
    /// How many were given up.
    pub given_up: i64,
    /// The status of the last answer.
    pub last_status: Option<i64>,
    /// Why the last delivery failed, if it did.
    pub last_error: Option<String>,
}

impl fmt::Debug for Webhook {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Webhook").field("id", &self.id).field("name", &self.name).finish_non_exhaustive()
    }
}

/// A webhook that is about to be made.
#[derive(Clone)]
pub struct NewWebhook {
    /// The project whose models it is told of.
    pub project: String,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Where it is told; whether that may be is not decided here.
    pub url: String,
    /// Of what.
    pub subjects: Vec<Subject>,
    /// Whether at all.
    pub status: WebhookStatus,
    /// What deliveries are signed with.
    pub secret: Option<String>,
}

/// What changes in a webhook; what is absent stays.
#[derive(Clone, Default)]
pub struct WebhookChange {
    /// Its name.
    pub name: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// Where it is told.
    pub url: Option<String>,
    /// Of what.
    pub subjects: Option<Vec<Subject>>,
    /// Whether at all.
    pub status: Option<WebhookStatus>,
    /// What deliveries are signed with.
    pub secret: Option<String>,
}

/// Checks the name of a webhook: 1 to 63 letters, digits, `.`, `_` and `-`, a letter or digit first and last.
pub fn check_webhook_name(name: &str) -> Result<(), Error> {
    let plain = |c: u8| c.is_ascii_alphanumeric();
    let bytes = name.as_bytes();
    let ends = bytes.first().copied().is_some_and(plain) && bytes.last().copied().is_some_and(plain);
    let inner = bytes.iter().all(|c| plain(*c) || matches!(c, b'.' | b'_' | b'-'));
    if ends && inner && bytes.len() <= NAME_CHARS {
        return Ok(());
    }
    Err(Error::invalid(
        format!("webhook name `{name}`"),
        "must be 1 to 63 letters, digits, `.`, `_` and `-`, with a letter or digit first and last",
    ))
}

/// Checks all that can be checked without looking at the address.
pub(crate) fn check(webhook: &Webhook) -> Result<(), Error> {
    check_webhook_name(&webhook.name)?;
    if webhook.subjects.is_empty() {
        return Err(Error::invalid("the list of events of a webhook", "is empty"));
    }
    for (what, text, most) in [
        ("the URL of a webhook", Some(&webhook.url), URL_CHARS),
        ("the description of a webhook", webhook.description.as_ref(), DESCRIPTION_CHARS),
        ("the secret of a webhook", webhook.secret.as_ref(), SECRET_CHARS),
    ] {
        let Some(text) = text else { continue };
        if text.contains('\0') || text.chars().count() > most {
            return Err(Error::invalid(what, format!("must have at most {most} characters")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_read_back_from_their_words() {
        for subject in Subject::all() {
            let words = format!("{}.{}", subject.entity(), subject.action());
            assert_eq!(Subject::find(&words), Some(subject));
        }
        assert_eq!(Subject::find("registered_model.deleted"), None);
    }

    #[test]
    fn names_are_short_and_plain() {
        for good in ["a", "My-hook_1.x", &"a".repeat(63)] {
            assert!(check_webhook_name(good).is_ok(), "{good}");
        }
        for bad in ["", "-a", "a-", "a b", "a/b", &"a".repeat(64)] {
            assert!(check_webhook_name(bad).is_err(), "{bad}");
        }
    }
}
