//! What was applied: each revision of each model's `gingham.yaml`.

use base::{Actor, Digest, NewEvent, ObjectRef, Timestamp};
use db::{Row, Sql, Tx, params};
use serde_json::json;

use crate::Error;
use crate::spec::{Spec, SpecSource, parse};

/// A `gingham.yaml` as it was applied.
#[derive(Debug, Clone)]
pub struct AppliedSpec {
    /// 1, 2, 3 … for each model.
    pub revision: i64,
    /// The digest of the file and the files it names.
    pub digest: Digest,
    /// The text.
    pub source: SpecSource,
    /// What it says.
    pub spec: Spec,
    /// Who applied it.
    pub actor: Actor,
    /// When.
    pub applied_at: Timestamp,
}

impl AppliedSpec {
    /// The text of the `prepare` step.
    #[must_use]
    pub fn prepare_sql(&self) -> &str {
        self.source.files.get(&self.spec.pipeline.prepare).map_or("", String::as_str)
    }
}

const NEWEST: &str = "select model, revision, digest, source, actor, applied_at from applied_specs s \
    where revision = (select max(revision) from applied_specs where model = s.model)";

/// The newest revision of a model's spec, if it was ever applied.
pub(crate) async fn find(sql: &mut impl Sql, model: &str) -> Result<Option<AppliedSpec>, Error> {
    let text = db::SqlText::new(NEWEST).push(" and model = ").bind(model);
    sql.fetch_all_text(text).await?.first().map(read).transpose()
}

/// The revision of a model's spec that was in force at a moment.
pub(crate) async fn at(
    sql: &mut impl Sql,
    model: &str,
    moment: Timestamp,
) -> Result<Option<AppliedSpec>, Error> {
    let row = sql
        .fetch_optional(
            "select model, revision, digest, source, actor, applied_at from applied_specs \
             where model = $1 and applied_at <= $2 order by revision desc limit 1",
            params![model, moment],
        )
        .await?;
    row.as_ref().map(read).transpose()
}

/// The newest revision of each model whose rows come from the dataset.
pub(crate) async fn of_dataset(sql: &mut impl Sql, dataset: &str) -> Result<Vec<AppliedSpec>, Error> {
    let text = db::SqlText::new(NEWEST).push(" and dataset = ").bind(dataset).push(" order by model");
    sql.fetch_all_text(text).await?.iter().map(read).collect()
}

/// The newest revision of every model.
pub(crate) async fn all(sql: &mut impl Sql) -> Result<Vec<AppliedSpec>, Error> {
    sql.fetch_all_text(db::SqlText::new(NEWEST).push(" order by model")).await?.iter().map(read).collect()
}

/// Writes down the next revision, with its event.
pub(crate) async fn insert(
    tx: &mut Tx,
    spec: &Spec,
    source: &SpecSource,
    actor: &Actor,
    now: Timestamp,
) -> Result<i64, Error> {
    let before = find(tx, &spec.model).await?.map_or(0, |applied| applied.revision);
    let revision = before + 1;
    let digest = digest_of(source);
    let text = serde_json::to_string(source).map_err(|cause| unreadable(&cause))?;
    tx.execute(
        "insert into applied_specs (model, revision, digest, dataset, source, actor, applied_at) \
         values ($1, $2, $3, $4, $5, $6, $7)",
        params![&spec.model, revision, digest, &spec.data.dataset, text, actor.as_str(), now],
    )
    .await?;
    let summary = format!("revision {revision} of `{}` was applied", spec.model);
    let event = NewEvent::new("spec.applied", actor, ObjectRef::new("model", &spec.model), summary);
    tx.append_event(event.with(json!({ "revision": revision, "digest": digest }))).await?;
    Ok(revision)
}

/// The digest of a file and the files it names.
pub(crate) fn digest_of(source: &SpecSource) -> Digest {
    let mut hasher = base::Hasher::new();
    hasher.field(&source.spec_yaml);
    for (name, text) in &source.files {
        hasher.field(name).field(text);
    }
    hasher.finish()
}

fn read(row: &Row) -> Result<AppliedSpec, Error> {
    let source: SpecSource = row.json("source")?;
    let spec = parse(&source)?;
    Ok(AppliedSpec {
        revision: row.int("revision")?,
        digest: row.digest("digest")?,
        source,
        spec,
        actor: Actor::named(row.text("actor")?),
        applied_at: row.time("applied_at")?,
    })
}

fn unreadable(cause: &serde_json::Error) -> Error {
    Error::Stored { what: "spec", cause: cause.to_string() }
}
