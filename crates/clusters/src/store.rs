//! What was applied to a cluster: every revision with its objects, its reason and its event.

use base::{Actor, NewEvent, ObjectRef, Timestamp};
use db::{Row, Sql, SqlText, Tx, params};
use serde::{Deserialize, Serialize};

use crate::{Error, Manifest, Result};

/// What a deployment was in a cluster from some moment on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Revision {
    /// 1, 2, 3 … for each deployment.
    pub revision: i64,
    /// The address of the API server.
    pub cluster: String,
    /// The objects; none when the deployment was taken out of the cluster.
    pub manifests: Vec<Manifest>,
    /// Why.
    pub reason: String,
    /// Who.
    pub actor: Actor,
    /// When.
    pub at: Timestamp,
}

/// What is to be written down of an application.
#[derive(Debug, Clone)]
pub struct NewRevision {
    /// The deployment.
    pub deployment: String,
    /// The address of the API server.
    pub cluster: String,
    /// The objects; none when the deployment was taken out of the cluster.
    pub manifests: Vec<Manifest>,
    /// Why.
    pub reason: String,
    /// The earlier revision whose objects these are, when it was gone back to.
    pub back_to: Option<i64>,
}

/// Writes down the next revision, with its event.
///
/// # Errors
/// When the database fails.
pub async fn put(tx: &mut Tx, new: &NewRevision, actor: &Actor, at: Timestamp) -> Result<Revision> {
    let before = newest(tx, &new.deployment).await?;
    let revision = before.map_or(1, |before| before.revision + 1);
    let manifests = serde_json::to_string(&new.manifests).unwrap_or_default();
    tx.execute(
        "insert into cluster_revisions (deployment, revision, cluster, manifests, reason, actor, at) \
         values ($1, $2, $3, $4, $5, $6, $7)",
        params![&new.deployment, revision, &new.cluster, manifests, &new.reason, actor.as_str(), at],
    )
    .await?;
    let name = &new.deployment;
    let (kind, summary) = match (new.back_to, new.manifests.is_empty()) {
        (_, true) => ("deployment.cluster_removed", format!("`{name}` was taken out of the cluster")),
        (Some(to), _) => {
            ("deployment.cluster_rolled_back", format!("`{name}` went back to revision {to} in the cluster"))
        }
        (None, _) => (
            "deployment.cluster_applied",
            format!("revision {revision} of `{name}` was applied to the cluster"),
        ),
    };
    let facts = serde_json::json!({
        "revision": revision,
        "cluster": new.cluster,
        "reason": new.reason,
        "objects": new.manifests.iter().map(|manifest| manifest.kind.word()).collect::<Vec<_>>(),
    });
    let object = ObjectRef::new("deployment", name);
    tx.append_event(NewEvent::new(kind, actor, object, summary).with(facts)).await?;
    Ok(Revision {
        revision,
        cluster: new.cluster.clone(),
        manifests: new.manifests.clone(),
        reason: new.reason.clone(),
        actor: actor.clone(),
        at,
    })
}

const COLUMNS: &str =
    "select revision, cluster, manifests, reason, actor, at from cluster_revisions where deployment = ";

/// The newest revision, if there ever was one.
///
/// # Errors
/// When the database fails.
pub async fn newest(sql: &mut impl Sql, deployment: &str) -> Result<Option<Revision>> {
    Ok(history(sql, deployment, 1).await?.into_iter().next())
}

/// One revision.
///
/// # Errors
/// [`Error::NoRevision`] when there is none, or it is one that took the deployment out of the cluster.
pub async fn get(sql: &mut impl Sql, deployment: &str, revision: i64) -> Result<Revision> {
    let text = SqlText::new(COLUMNS).bind(deployment).push(" and revision = ").bind(revision);
    let rows = sql.fetch_all_text(text).await?;
    let found = rows.first().map(read).transpose()?.filter(|found| !found.manifests.is_empty());
    found.ok_or_else(|| Error::NoRevision { deployment: deployment.to_owned(), revision })
}

/// The revisions of a deployment, newest first.
///
/// # Errors
/// When the database fails.
pub async fn history(sql: &mut impl Sql, deployment: &str, limit: usize) -> Result<Vec<Revision>> {
    let most = i64::try_from(limit).unwrap_or(i64::MAX);
    let text = SqlText::new(COLUMNS).bind(deployment).push(" order by revision desc limit ").bind(most);
    let rows = sql.fetch_all_text(text).await?;
    rows.iter().map(read).collect()
}

fn read(row: &Row) -> Result<Revision> {
    Ok(Revision {
        revision: row.int("revision")?,
        cluster: row.text("cluster")?,
        manifests: row.json("manifests")?,
        reason: row.text("reason")?,
        actor: Actor::named(row.text("actor")?),
        at: row.time("at")?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Kind;

    fn new(reason: &str, manifests: Vec<Manifest>, back_to: Option<i64>) -> NewRevision {
        NewRevision {
            deployment: "traffic".into(),
            cluster: "https://127.0.0.1:6443".into(),
            manifests,
            reason: reason.into(),
            back_to,
        }
    }

    fn manifest(image: &str) -> Manifest {
        Manifest {
            kind: Kind::Deployment,
            namespace: "models".into(),
            name: "traffic".into(),
            object: json!({ "image": image }),
        }
    }

    #[tokio::test]
    async fn revisions_are_numbered_and_can_be_read_again() {
        for db in testing::databases().await {
            let at = Timestamp::from_micros(1);
            let order = [
                new("first", vec![manifest("a")], None),
                new("second", vec![manifest("b")], None),
                new("worse", vec![manifest("a")], Some(1)),
                new("enough", Vec::new(), None),
            ];
            for one in order {
                let written: Result<_> = db
                    .write(move |tx| {
                        Box::pin(async move { put(tx, &one, &Actor::platform("test"), at).await })
                    })
                    .await;
                written.unwrap();
            }
            let mut read = db.read().await.unwrap();
            let all = history(&mut read, "traffic", 10).await.unwrap();
            let numbers: Vec<_> = all.iter().map(|one| one.revision).collect();
            assert_eq!(numbers, [4, 3, 2, 1], "{}", db.engine);
            assert_eq!(get(&mut read, "traffic", 2).await.unwrap().manifests, [manifest("b")]);
            for missing in [4, 5] {
                let error = get(&mut read, "traffic", missing).await.unwrap_err();
                assert!(matches!(error, Error::NoRevision { .. }), "{error}");
            }
            assert_eq!(newest(&mut read, "other").await.unwrap(), None);
        }
    }
}
