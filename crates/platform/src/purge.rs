//! Emptying the bin: what was deleted long enough ago is removed for good, with its files.
//!
//! The rows of a run and the place of its files change in one transaction: the rows go, the place is written down. Then
//! the files go, then the note; a server that is ended in between goes on with the notes. A run or logged model from
//! which a version was made stays as long as the version can be used or restored.

use artifacts::SafePath;
use base::{Actor, NewEvent, ObjectRef, Period, Timestamp};
use db::{Sql, Tx, params};
use experiments::{BinnedKind, BinnedThing};
use serde::{Deserialize, Serialize};

use crate::{Error, Platform};

/// The root in the artifact store under which runs and logged models have their files.
const FILE_ROOT: &str = "mlflow";
/// Runs or logged models of one transaction.
const THINGS_AT_ONCE: i64 = 50;
/// Places whose files are removed before the next look.
const PLACES_AT_ONCE: i64 = 500;

/// What was removed for good, or would be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purged {
    /// Versions of models, those of deleted models too.
    pub versions: u64,
    /// Models.
    pub models: u64,
    /// Runs, those of deleted experiments too.
    pub runs: u64,
    /// Logged models.
    pub logged_models: u64,
    /// Experiments.
    pub experiments: u64,
    /// Runs and logged models that stay because a version was made from them.
    pub kept: u64,
}

impl Purged {
    fn count(&mut self, kind: BinnedKind) -> &mut u64 {
        match kind {
            BinnedKind::Run => &mut self.runs,
            BinnedKind::LoggedModel => &mut self.logged_models,
        }
    }
}

impl Platform {
    /// Removes for good what has been in the bin for longer than `deleted_for`; a dry run only counts. What is removed
    /// cannot be restored; the log of events keeps what was done.
    ///
    /// # Errors
    /// When the database or the artifact store fails; what was removed by then stays removed, and another call goes on.
    pub async fn empty_bin(
        &self,
        deleted_for: Period,
        dry_run: bool,
        actor: &Actor,
    ) -> Result<Purged, Error> {
        let before = self.clock.now().minus(deleted_for);
        if dry_run {
            return self.look_into_bin(before).await;
        }
        let mut purged = self.purge_registry(before, actor).await?;
        for kind in [BinnedKind::LoggedModel, BinnedKind::Run] {
            self.purge_things(kind, before, actor, &mut purged).await?;
        }
        purged.experiments = self.purge_experiments(before, actor).await?;
        self.remove_purged_files().await?;
        Ok(purged)
    }

    async fn look_into_bin(&self, before: Timestamp) -> Result<Purged, Error> {
        let mut sql = self.db.read().await?;
        let registry = registry::binned_models(&mut sql, before).await?;
        let mut purged = Purged { versions: registry.versions, models: registry.models, ..Purged::default() };
        for kind in [BinnedKind::LoggedModel, BinnedKind::Run] {
            let mut after = String::new();
            loop {
                let things = experiments::binned(&mut sql, kind, before, &after, THINGS_AT_ONCE).await?;
                let Some(last) = things.last() else { break };
                after.clone_from(&last.id);
                for thing in &things {
                    if registry::is_source(&mut sql, &thing.id, before).await? {
                        purged.kept += 1;
                    } else {
                        *purged.count(kind) += 1;
                    }
                }
            }
        }
        let experiments = experiments::binned_experiments(&mut sql, before).await?;
        purged.experiments = u64::try_from(experiments).unwrap_or(u64::MAX);
        Ok(purged)
    }

    async fn purge_registry(&self, before: Timestamp, actor: &Actor) -> Result<Purged, Error> {
        let actor = actor.clone();
        let gone = self
            .db
            .write(move |tx| {
                Box::pin(async move {
                    let gone = registry::purge_models(tx, before).await?;
                    if gone.versions + gone.models > 0 {
                        let facts = serde_json::json!({"versions": gone.versions, "models": gone.models});
                        let summary =
                            format!("{} versions and {} models removed for good", gone.versions, gone.models);
                        tx.append_event(emptied(&actor, summary).with(facts)).await?;
                    }
                    Ok::<_, Error>(gone)
                })
            })
            .await?;
        Ok(Purged { versions: gone.versions, models: gone.models, ..Purged::default() })
    }

    async fn purge_things(
        &self,
        kind: BinnedKind,
        before: Timestamp,
        actor: &Actor,
        purged: &mut Purged,
    ) -> Result<(), Error> {
        let mut after = String::new();
        loop {
            let mut sql = self.db.read().await?;
            let things = experiments::binned(&mut sql, kind, before, &after, THINGS_AT_ONCE).await?;
            drop(sql);
            let Some(last) = things.last() else { return Ok(()) };
            after.clone_from(&last.id);
            let (actor, now) = (actor.clone(), self.clock.now());
            let (gone, kept) = self
                .db
                .write(move |tx| Box::pin(async move { purge_some(tx, things, before, &actor, now).await }))
                .await?;
            *purged.count(kind) += gone;
            purged.kept += kept;
            self.remove_purged_files().await?;
        }
    }

    async fn purge_experiments(&self, before: Timestamp, actor: &Actor) -> Result<u64, Error> {
        let actor = actor.clone();
        let gone = self
            .db
            .write(move |tx| {
                Box::pin(async move {
                    let gone = experiments::purge_experiments(tx, before).await?;
                    if gone > 0 {
                        let facts = serde_json::json!({"experiments": gone});
                        let summary = format!("{gone} experiments removed for good");
                        tx.append_event(emptied(&actor, summary).with(facts)).await?;
                    }
                    Ok::<_, Error>(gone)
                })
            })
            .await?;
        Ok(u64::try_from(gone).unwrap_or(u64::MAX))
    }

    /// Removes the files of what is gone; their content goes with the next collections.
    async fn remove_purged_files(&self) -> Result<(), Error> {
        loop {
            let find = "select location from purged_files order by location limit $1";
            let rows = self.db.read().await?.fetch_all(find, params![PLACES_AT_ONCE]).await?;
            if rows.is_empty() {
                return Ok(());
            }
            for row in rows {
                let location = row.text("location")?;
                match self.artifacts.delete(&SafePath::parse(FILE_ROOT)?, &SafePath::parse(&location)?).await
                {
                    Ok(()) | Err(artifacts::Error::FileNotFound { .. }) => {}
                    Err(error) => return Err(error.into()),
                }
                let done = "delete from purged_files where location = $1";
                self.db
                    .write(move |tx| {
                        Box::pin(
                            async move { tx.execute(done, params![location]).await.map_err(Error::from) },
                        )
                    })
                    .await?;
            }
        }
    }
}

/// Removes those that no version needs. Answers how many were removed, and how many are needed.
async fn purge_some(
    tx: &mut Tx,
    things: Vec<BinnedThing>,
    before: Timestamp,
    actor: &Actor,
    now: Timestamp,
) -> Result<(u64, u64), Error> {
    let (mut gone, mut kept) = (Vec::new(), 0);
    for thing in things {
        if registry::is_source(tx, &thing.id, before).await? {
            kept += 1;
        } else if experiments::purge_binned(tx, thing.kind, &thing.id, before).await? {
            if let Some(place) = own_place(&thing) {
                let put = "insert into purged_files (location, at) values ($1, $2) on conflict (location) do nothing";
                tx.execute(put, params![place, now]).await?;
            }
            gone.push(thing);
        }
    }
    if let Some(first) = gone.first() {
        let what = match first.kind {
            BinnedKind::Run => "runs",
            BinnedKind::LoggedModel => "logged models",
        };
        let ids: Vec<&str> = gone.iter().map(|thing| thing.id.as_str()).collect();
        let summary = format!("{} {what} removed for good", gone.len());
        tx.append_event(emptied(actor, summary).with(serde_json::json!({what: ids}))).await?;
    }
    Ok((u64::try_from(gone.len()).unwrap_or(u64::MAX), kept))
}

/// The folder in the artifact store that is this thing's alone; nothing for places elsewhere, or that it may share.
fn own_place(thing: &BinnedThing) -> Option<String> {
    let path = thing.artifact_uri.strip_prefix("mlflow-artifacts:/").filter(|path| !path.starts_with('/'))?;
    let folder = path.strip_suffix("/artifacts")?;
    let own =
        folder == thing.id || folder.strip_suffix(&thing.id).is_some_and(|before| before.ends_with('/'));
    (own && SafePath::parse(folder).is_ok()).then(|| folder.to_owned())
}

fn emptied(actor: &Actor, summary: String) -> NewEvent {
    NewEvent::new("bin.emptied", actor, ObjectRef::new("bin", "deleted"), summary)
}

#[cfg(test)]
mod tests;
