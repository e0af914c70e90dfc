//! Where messages go.

use serde::{Deserialize, Serialize};

use crate::secret::Secret;

/// A named way to tell someone, with what it is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notifier {
    /// Its name.
    pub name: String,
    /// Where it leads.
    #[serde(flatten)]
    pub target: Target,
    /// Only about these models; about all when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<String>,
    /// Only of this severity or a worse one: `warn` or `error`.
    #[serde(default = "warn")]
    pub severity: String,
    /// Whether it also hears when something is over.
    #[serde(default = "yes")]
    pub resolved: bool,
    /// Hears only of what nobody has taken for so many minutes: an escalation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_minutes: Option<u32>,
    /// While something fires and nobody has taken it, it is told again after so many minutes; never when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeat_minutes: Option<u32>,
    /// At most so many messages in an hour; more wait, and what waits longer than a day is dropped and counted.
    #[serde(default = "sixty")]
    pub most_per_hour: u32,
}

fn warn() -> String {
    "warn".to_owned()
}

const fn yes() -> bool {
    true
}

const fn sixty() -> u32 {
    60
}

/// Where messages go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Target {
    /// A mailbox.
    Email(MailTarget),
    /// A Slack channel, by an incoming webhook.
    Slack {
        /// The webhook's address, which is a secret.
        url: Secret,
    },
    /// A Teams channel, by a workflow that takes Adaptive Cards.
    Teams {
        /// The workflow's address, which is a secret.
        url: Secret,
    },
    /// PagerDuty, Events API v2.
    Pagerduty {
        /// The integration's routing key.
        routing_key: Secret,
        /// Another address, for a proxy or a test.
        #[serde(default = "pagerduty")]
        url: String,
    },
    /// Opsgenie, Alert API.
    Opsgenie {
        /// The integration's key.
        api_key: Secret,
        /// Another address: `https://api.eu.opsgenie.com` for the EU.
        #[serde(default = "opsgenie")]
        url: String,
    },
    /// Any address that takes JSON, signed as Standard Webhooks asks for.
    Webhook {
        /// The address.
        url: String,
        /// The key that signs.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        secret: Option<Secret>,
    },
    /// An Alertmanager, by its API v2.
    Alertmanager {
        /// Its address, such as `http://alertmanager:9093`.
        url: String,
    },
}

/// A mailbox and the server that leads there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailTarget {
    /// `smtps://HOST[:PORT]` (encrypted from the start), `smtp+starttls://HOST[:PORT]` or `smtp://HOST[:PORT]` (plain,
    /// for a relay on the same machine).
    pub server: String,
    /// The account at the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Its password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
    /// The sender.
    pub from: String,
    /// The receivers.
    pub to: Vec<String>,
}

fn pagerduty() -> String {
    "https://events.pagerduty.com/v2/enqueue".to_owned()
}

fn opsgenie() -> String {
    "https://api.opsgenie.com".to_owned()
}

impl Target {
    /// The word by which it is chosen.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Email(_) => "email",
            Self::Slack { .. } => "slack",
            Self::Teams { .. } => "teams",
            Self::Pagerduty { .. } => "pagerduty",
            Self::Opsgenie { .. } => "opsgenie",
            Self::Webhook { .. } => "webhook",
            Self::Alertmanager { .. } => "alertmanager",
        }
    }
}

impl Notifier {
    /// Whether it wants to hear about something of this model and severity.
    #[must_use]
    pub fn hears(&self, model: &str, severity: &str) -> bool {
        let bad_enough = self.severity != "error" || severity == "error";
        bad_enough && (self.models.is_empty() || self.models.iter().any(|own| own == model))
    }
}
