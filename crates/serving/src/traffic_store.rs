//! Traffic settings in the database: every revision with its reason and its event.

use base::{Actor, NewEvent, ObjectRef, Timestamp};
use db::{Row, Sql, Tx, params};
use serde::{Deserialize, Serialize};

use crate::{Error, Result, Traffic};

/// One revision of the traffic settings of a deployment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Revision {
    /// 1, 2, 3 … for each deployment.
    pub revision: i64,
    /// The settings.
    pub traffic: Traffic,
    /// Why they came.
    pub reason: String,
    /// Who brought them.
    pub actor: Actor,
    /// From when on they held.
    pub at: Timestamp,
}

/// What a change of the settings is, for the event that tells of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Somebody or some file said so.
    Set,
    /// The server took a version back.
    RolledBack,
    /// An A/B test came to its end.
    TestEnded,
}

impl Change {
    const fn kind(self) -> &'static str {
        match self {
            Self::Set => "deployment.traffic_changed",
            Self::RolledBack => "deployment.rolled_back",
            Self::TestEnded => "deployment.test_ended",
        }
    }
}

/// The settings as the next revision would have them: a canary that stays keeps its seed, a new one gets the revision's
/// number.
#[must_use]
pub fn seeded(mut traffic: Traffic, before: Option<&Revision>) -> Traffic {
    let next = before.map_or(1, |before| before.revision + 1);
    if let Some(canary) = &mut traffic.canary {
        let known = before.and_then(|before| before.traffic.canary.as_ref());
        canary.seed = match known {
            Some(known) if known.version == canary.version => known.seed,
            _ => next,
        };
    }
    traffic
}

/// Writes down the next revision, with its event.
pub async fn put(
    tx: &mut Tx,
    deployment: &str,
    traffic: &Traffic,
    (change, reason): (Change, &str),
    actor: &Actor,
    at: Timestamp,
) -> Result<Revision> {
    traffic.check()?;
    let before = find(tx, deployment).await?;
    let revision = before.as_ref().map_or(1, |before| before.revision + 1);
    let settings = serde_json::to_string(traffic).unwrap_or_default();
    tx.execute(
        "insert into deployment_traffic (deployment, revision, settings, reason, actor, at) \
         values ($1, $2, $3, $4, $5, $6)",
        params![deployment, revision, settings, reason, actor.as_str(), at],
    )
    .await?;
    let summary = match change {
        Change::Set => format!("traffic of `{deployment}`: {}", traffic.in_words()),
        Change::RolledBack => format!("`{deployment}` took a version back: {reason}"),
        Change::TestEnded => format!("the test of `{deployment}` ended: {reason}"),
    };
    let facts = serde_json::json!({
        "revision": revision,
        "reason": reason,
        "before": before.map(|before| before.traffic),
        "after": traffic,
    });
    let object = ObjectRef::new("deployment", deployment);
    tx.append_event(NewEvent::new(change.kind(), actor, object, summary).with(facts)).await?;
    Ok(Revision { revision, traffic: traffic.clone(), reason: reason.to_owned(), actor: actor.clone(), at })
}

/// The settings that hold, if there ever were any.
pub async fn find(sql: &mut impl Sql, deployment: &str) -> Result<Option<Revision>> {
    Ok(history(sql, deployment, 1).await?.into_iter().next())
}

/// The revisions of a deployment, newest first.
pub async fn history(sql: &mut impl Sql, deployment: &str, limit: usize) -> Result<Vec<Revision>> {
    let most = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = sql
        .fetch_all(
            "select revision, settings, reason, actor, at from deployment_traffic where deployment = $1 \
             order by revision desc limit $2",
            params![deployment, most],
        )
        .await?;
    let revision = |row: &Row| {
        Ok::<_, Error>(Revision {
            revision: row.int("revision")?,
            traffic: row.json("settings")?,
            reason: row.text("reason")?,
            actor: Actor::named(row.text("actor")?),
            at: row.time("at")?,
        })
    };
    rows.iter().map(revision).collect()
}
