//! What is kept with a version beside its model, by kind: the newest of each kind holds.

use base::{Actor, Digest, Timestamp};
use db::{Sql, Tx, params};

use super::version_home;
use crate::Error;

/// Keeps a file with a version, in place of the one of that kind before. Fails when there is no such version.
pub async fn put_version_file(
    tx: &mut Tx,
    (model, number): (&str, i64),
    kind: &str,
    digest: Digest,
    actor: &Actor,
    now: Timestamp,
) -> Result<(), Error> {
    let home = version_home(tx, model, number).await?;
    tx.execute(
        "insert into registry_version_files (model, number, kind, digest, actor, at) values ($1, $2, $3, $4, $5, $6) \
         on conflict (model, number, kind) do update set digest = excluded.digest, actor = excluded.actor, \
         at = excluded.at",
        params![home, number, kind, digest, actor.as_str(), now],
    )
    .await?;
    let summary = format!("{} kept with version {number} of model `{model}`", kind.replace('_', " "));
    let facts = serde_json::json!({ "model": model, "version": number, "kind": kind, "digest": digest });
    tx.append_event(super::version::event("version.file_kept", actor, model, number, summary).with(facts))
        .await?;
    Ok(())
}

/// The file of a kind that is kept with a version, if there is one. Fails when there is no such version.
pub async fn version_file(
    sql: &mut impl Sql,
    model: &str,
    number: i64,
    kind: &str,
) -> Result<Option<Digest>, Error> {
    let home = version_home(sql, model, number).await?;
    let found = sql
        .fetch_optional(
            "select digest from registry_version_files where model = $1 and number = $2 and kind = $3",
            params![home, number, kind],
        )
        .await?;
    Ok(found.map(|row| row.digest("digest")).transpose()?)
}
