//! Models and versions that have lain in the bin for long enough, removed for good.

use base::Timestamp;
use db::{Sql, Tx, params};

use crate::Error;

/// How many versions and models there are in the bin, or were removed from it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PurgedModels {
    /// Versions, those of deleted models too.
    pub versions: u64,
    /// Models.
    pub models: u64,
}

/// How much went into the bin before a moment.
pub async fn binned_models(sql: &mut impl Sql, before: Timestamp) -> Result<PurgedModels, Error> {
    let versions = "select count(*) as found from registry_versions where deleted_at < $1";
    let models = "select count(*) as found from registry_models where deleted_at < $1";
    Ok(PurgedModels {
        versions: count(sql, versions, before).await?,
        models: count(sql, models, before).await?,
    })
}

async fn count(sql: &mut impl Sql, text: &'static str, before: Timestamp) -> Result<u64, Error> {
    let row = sql.fetch_optional(text, params![before]).await?;
    let found = row.map_or(Ok(0), |row| row.int("found"))?;
    Ok(u64::try_from(found).unwrap_or(0))
}

/// Removes what went into the bin before a moment. Numbers of versions are not used again; the decisions about a model's
/// aliases stay as long as the model does.
pub async fn purge_models(tx: &mut Tx, before: Timestamp) -> Result<PurgedModels, Error> {
    for delete in [
        "delete from registry_version_tags where exists (select 1 from registry_versions v where v.deleted_at < $1 \
         and v.model = registry_version_tags.model and v.number = registry_version_tags.version)",
        "delete from registry_version_files where exists (select 1 from registry_versions v where v.deleted_at < $1 \
         and v.model = registry_version_files.model and v.number = registry_version_files.number)",
    ] {
        tx.execute(delete, params![before]).await?;
    }
    let versions = tx.execute("delete from registry_versions where deleted_at < $1", params![before]).await?;
    for delete in [
        "delete from registry_model_tags where model in (select m.number from registry_models m where m.deleted_at < $1)",
        "delete from registry_aliases where model in (select m.number from registry_models m where m.deleted_at < $1)",
        "delete from registry_promotions where model in (select m.number from registry_models m where m.deleted_at < $1)",
    ] {
        tx.execute(delete, params![before]).await?;
    }
    let models = tx.execute("delete from registry_models where deleted_at < $1", params![before]).await?;
    Ok(PurgedModels { versions, models })
}

/// Whether a version was made from this run or logged model: one that is in use, or went into the bin later than `before`.
pub async fn is_source(sql: &mut impl Sql, id: &str, before: Timestamp) -> Result<bool, Error> {
    let find = "select 1 as there from registry_versions where (source_run = $1 or logged_model = $1 \
                or source like $2 or storage_location like $2) and (deleted_at is null or deleted_at >= $3) limit 1";
    Ok(sql.fetch_optional(find, params![id, format!("%{id}%"), before]).await?.is_some())
}
