//! Bringing in runs and models that were made elsewhere: another tracking server, or a client that was offline.
//!
//! Records are applied in the order in which they come, a batch in one transaction. Applying a record again changes
//! nothing, and a batch that carries an id is applied once for ever. Where a batch as a whole is refused, its records
//! are applied one by one, and what is refused then is named and left out.

mod apply;
mod record;

use artifacts::SafePath;
use base::{Actor, Digest, Failure, Kind, Timestamp};
use db::{Sql, params};
use serde::Serialize;

pub use record::{Dataset, Link, ModelPoint, Pairs, Real, Record};

use crate::{Error, Platform};

/// How the location of files begins that this server keeps, and the root in the artifact store that holds them.
const OWN_FILES: &str = "mlflow-artifacts:/";
const FILE_ROOT: &str = "mlflow";

/// Records of one batch, and at most so many points of metrics in them.
pub const MOST_RECORDS: usize = 10_000;
/// Points of metrics that one batch may hold.
pub const MOST_POINTS: usize = 200_000;

/// Where a batch comes from.
#[derive(Debug, Clone)]
pub struct Origin {
    /// The store that it comes from, as the one who brings it names it.
    pub source: String,
    /// The batch's own id: one that was applied before is not applied again.
    pub batch: Option<String>,
    /// Who brings it.
    pub actor: Actor,
}

/// What became of a batch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Carried {
    /// How many records were applied.
    pub applied: usize,
    /// Whether the batch had been applied before, and was left alone now.
    pub repeated: bool,
    /// The records that were left out, and why.
    pub refused: Vec<Refused>,
}

/// A record that was left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refused {
    /// What it is about.
    pub subject: String,
    /// The stable word for why.
    pub code: String,
    /// Why.
    pub reason: String,
}

/// Something that has been brought in whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Whole {
    /// Which.
    pub id: String,
    /// In which state.
    pub fingerprint: String,
}

impl Platform {
    /// Applies a batch.
    ///
    /// # Errors
    /// When the database fails; what a record lacks is told in [`Carried::refused`].
    pub async fn carry(&self, origin: Origin, mut records: Vec<Record>) -> Result<Carried, Error> {
        let now = self.clock.now();
        for record in &mut records {
            if let Record::Version { source, storage_location, digest, .. } = record {
                *digest = self.digest_of(storage_location.as_deref().unwrap_or(source)).await?;
            }
        }
        let count = records.len();
        match self.carry_whole(origin.clone(), records.clone(), now).await {
            Ok(true) => Ok(Carried { applied: count, ..Carried::default() }),
            Ok(false) => Ok(Carried { repeated: true, ..Carried::default() }),
            Err(error) if is_about_the_record(&error) => self.carry_apart(origin, records, now).await,
            Err(error) => Err(error),
        }
    }

    /// The digest of the files at a location, if this server keeps them.
    async fn digest_of(&self, location: &str) -> Result<Option<Digest>, Error> {
        let Some(path) = location.strip_prefix(OWN_FILES) else { return Ok(None) };
        let Ok(path) = SafePath::parse(path.trim_matches('/')) else { return Ok(None) };
        let tree = self.artifacts.freeze(&SafePath::parse(FILE_ROOT)?, Some(&path)).await?;
        Ok((tree.files > 0).then_some(tree.digest))
    }

    /// All of it or nothing; answers whether it was applied now.
    async fn carry_whole(&self, origin: Origin, records: Vec<Record>, now: Timestamp) -> Result<bool, Error> {
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    if let Some(batch) = &origin.batch
                        && !apply::note(tx, &origin.source, "batch", batch, "applied", now).await?
                    {
                        return Ok(false);
                    }
                    apply::apply(tx, &origin, records, now).await?;
                    Ok(true)
                })
            })
            .await
    }

    async fn carry_apart(
        &self,
        origin: Origin,
        records: Vec<Record>,
        now: Timestamp,
    ) -> Result<Carried, Error> {
        let mut carried = Carried::default();
        // The batch is noted only when all of it has been looked at: one that breaks off is looked at again.
        let alone = Origin { batch: None, ..origin.clone() };
        for record in records {
            let mut refused = false;
            for part in record.apart() {
                let subject = part.subject();
                match self.carry_whole(alone.clone(), vec![part], now).await {
                    Ok(_) => {}
                    Err(error) if is_about_the_record(&error) => {
                        refused = true;
                        let (code, reason) = (error.code().to_owned(), error.to_string());
                        carried.refused.push(Refused { subject, code, reason });
                    }
                    Err(error) => return Err(error),
                }
            }
            carried.applied += usize::from(!refused);
        }
        if origin.batch.is_some() {
            self.carry_whole(origin, Vec::new(), now).await?;
        }
        Ok(carried)
    }

    /// What has been brought in whole from a source, a page of it by id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn carried(
        &self,
        source: &str,
        kind: &str,
        after: &str,
        limit: usize,
    ) -> Result<Vec<Whole>, Error> {
        let rows = self
            .db
            .read()
            .await?
            .fetch_all(
                "select id, fingerprint from carried where source = $1 and kind = $2 and id > $3 order by id limit $4",
                params![source, kind, after, i64::try_from(limit).unwrap_or(i64::MAX)],
            )
            .await?;
        rows.iter()
            .map(|row| Ok(Whole { id: row.text("id")?, fingerprint: row.text("fingerprint")? }))
            .collect()
    }
}

/// Whether another record might well be applied: this one breaks a rule or clashes with what is there.
fn is_about_the_record(error: &Error) -> bool {
    matches!(error.kind(), Kind::Invalid | Kind::NotFound | Kind::Conflict)
}

#[cfg(test)]
mod tests;
