//! One entry of the log of everything that happened.

use serde::{Deserialize, Serialize};

use crate::{Digest, Hasher, Timestamp};

/// Who did something: a person, a service, or a part of the platform itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Actor(String);

impl Actor {
    /// A person or service by name.
    pub fn named(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// A part of the platform, such as `gingham/monitor`.
    #[must_use]
    pub fn platform(part: &str) -> Self {
        Self(format!("gingham/{part}"))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What something was done to, such as `model:traffic` or `deployment:traffic`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ObjectRef {
    /// The noun: `model`, `version`, `dataset`, `run`, `deployment`, `alert`, …
    pub kind: String,
    /// Its name or id.
    pub name: String,
}

impl ObjectRef {
    /// The object `name` of the given kind.
    pub fn new(kind: &str, name: impl Into<String>) -> Self {
        Self { kind: kind.to_owned(), name: name.into() }
    }
}

/// An event that is about to be written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NewEvent {
    /// What happened, as `noun.verb`: `version.registered`, `alias.moved`.
    pub kind: String,
    /// Who did it.
    pub actor: Actor,
    /// To what.
    pub object: ObjectRef,
    /// One sentence for people.
    pub summary: String,
    /// The facts, for programs.
    pub data: serde_json::Value,
}

impl NewEvent {
    /// An event with no facts beyond its sentence.
    pub fn new(kind: &str, actor: &Actor, object: ObjectRef, summary: impl Into<String>) -> Self {
        Self {
            kind: kind.to_owned(),
            actor: actor.clone(),
            object,
            summary: summary.into(),
            data: serde_json::Value::Null,
        }
    }

    /// The same event with facts for programs.
    #[must_use]
    pub fn with(mut self, data: serde_json::Value) -> Self {
        self.data = data;
        self
    }
}

/// An event as it stands in the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Its place in the log; 1, 2, 3 … without gaps.
    pub seq: i64,
    /// When it was written.
    pub at: Timestamp,
    /// What happened.
    pub kind: String,
    /// Who did it.
    pub actor: Actor,
    /// To what.
    pub object: ObjectRef,
    /// One sentence for people.
    pub summary: String,
    /// The facts, for programs.
    pub data: serde_json::Value,
    /// The hash of the entry before; all zeros for the first.
    pub previous_hash: Digest,
    /// The hash of this entry, its predecessor's hash included.
    pub hash: Digest,
}

impl Event {
    /// The hash that an entry with this content must carry. `data` is the text as stored.
    #[must_use]
    pub fn chain_hash(seq: i64, at: Timestamp, event: &NewEvent, data: &str, previous: Digest) -> Digest {
        Hasher::new()
            .field(seq.to_le_bytes())
            .field(at.as_micros().to_le_bytes())
            .field(&event.kind)
            .field(event.actor.as_str())
            .field(&event.object.kind)
            .field(&event.object.name)
            .field(&event.summary)
            .field(data)
            .field(previous.as_bytes())
            .finish()
    }
}
