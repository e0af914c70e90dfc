//! JSON shapes of the event log.

use base::{Digest, Event, ObjectRef, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::problem::Problem;

/// One entry of the log.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventBody {
    /// Its place in the log: 1, 2, 3 … without gaps.
    pub seq: i64,
    /// When it was written.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// What happened, as `noun.verb`.
    pub kind: String,
    /// Who did it.
    pub actor: String,
    /// To what.
    pub object: ObjectBody,
    /// One sentence for people.
    pub summary: String,
    /// The facts, for programs.
    pub data: serde_json::Value,
    /// The hash of the entry before.
    #[schema(value_type = String)]
    pub previous_hash: Digest,
    /// The hash of this entry.
    #[schema(value_type = String)]
    pub hash: Digest,
}

/// What an event is about.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ObjectBody {
    /// The noun.
    pub kind: String,
    /// Its name or id.
    pub name: String,
}

impl From<Event> for EventBody {
    fn from(event: Event) -> Self {
        EventBody {
            seq: event.seq,
            at: event.at,
            kind: event.kind,
            actor: event.actor.as_str().to_owned(),
            object: ObjectBody { kind: event.object.kind, name: event.object.name },
            summary: event.summary,
            data: event.data,
            previous_hash: event.previous_hash,
            hash: event.hash,
        }
    }
}

/// Which events are asked for.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct EventQuery {
    /// Only events after this one; without it the newest come first.
    pub after: Option<i64>,
    /// How many at most: 1 to 1000, 50 if not said.
    pub limit: Option<usize>,
    /// The `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// Only events of this kind; `alert.*` takes all of a noun.
    pub kind: Option<String>,
    /// Only events about this object, as `model:traffic`.
    pub object: Option<String>,
}

/// An object as it is written in addresses: `kind:name`.
pub(crate) fn parse_object(text: &str) -> Result<ObjectRef, Problem> {
    match text.split_once(':') {
        Some((kind, name)) if !kind.is_empty() && !name.is_empty() => Ok(ObjectRef::new(kind, name)),
        _ => Err(Problem::invalid("invalid_object", format!("`{text}` is not an object"))
            .with_hint("write `kind:name`, such as `model:traffic`")),
    }
}

/// What the verification of the whole log found.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChainBody {
    /// How many entries there are.
    pub entries: i64,
    /// The hash of the last one.
    #[schema(value_type = String)]
    pub head: Digest,
    /// Whether every entry is what it was when it was written.
    pub ok: bool,
    /// The first entry that does not fit, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// A page of events.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventPage {
    /// The events.
    pub items: Vec<EventBody>,
    /// Where the next page begins; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}
