//! Versions: registered once, then only described, tagged and staged.

use std::collections::BTreeMap;

use base::{Actor, Digest, NewEvent, ObjectRef, Timestamp};
use db::{Page, Row, SortKey, Sql, SqlText, Tx, params};
use serde_json::Value;

use super::model::is_prompt;
use super::{model_number, rows_of_page, touch_model, version_home};
use crate::names::{PROMPT_TAG, check_tag, check_text};
use crate::search::{VERSIONS, prepare, push_filter, sort_keys};
use crate::{Column, Error, Filter, Found, NewVersion, Order, Stage, Version, in_project};

/// What changes in a version; nothing else ever does.
#[derive(Debug, Clone, Default)]
pub struct VersionChange {
    /// Its new description.
    pub description: Option<String>,
    /// Its new status.
    pub status: Option<String>,
}

/// Which versions are looked for.
#[derive(Debug, Clone)]
pub struct VersionQuery {
    /// What they must be.
    pub filter: Filter,
    /// In which order; by change, newest first, then name, then number from the greatest, if none is said.
    pub order: Vec<Order>,
    /// How many at most.
    pub limit: usize,
    /// Where the page before ended.
    pub token: Option<String>,
}

/// Registers a version under the model's next number.
pub async fn create_version(
    tx: &mut Tx,
    new: NewVersion,
    actor: &Actor,
    now: Timestamp,
) -> Result<Version, Error> {
    check_text("the description", &new.description)?;
    check_text("the source", &new.source)?;
    for (key, value) in &new.tags {
        check_tag(key, value)?;
    }
    let model = new.model.clone();
    let home = model_number(tx, &model).await?;
    let number = tx
        .fetch_optional(
            "update registry_models set last_version = last_version + 1, updated_at = $1 where number = $2 \
             returning last_version",
            params![now, home],
        )
        .await?
        .ok_or_else(|| Error::ModelNotFound { model: model.clone() })?
        .int("last_version")?;
    let (source, description) = (new.source.clone(), new.description.clone());
    let storage_location = new.storage_location.unwrap_or_else(|| source.clone());
    tx.execute(
        "insert into registry_versions (model, number, created_at, updated_at, actor, description, stage, status, \
         status_message, digest, artifact, source, storage_location, source_run, run_link, logged_model, pipeline_run, \
         flavor, engine, trainer, signature_json, metrics_json, baseline_metrics_json, dataset_versions_json, \
         training_rows_json, evaluation_rows_json, feature_importance_json, reference_profile_json) \
         values ($1, $2, $3, $4, $5, $6, 'None', 'READY', '', $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, \
         $18, $19, $20, $21, $22, $23, $24, $25)",
        params![
            home,
            number,
            now,
            now,
            actor.as_str(),
            new.description,
            new.digest,
            new.artifact,
            new.source,
            storage_location,
            new.source_run.clone(),
            new.run_link,
            new.logged_model,
            new.pipeline_run,
            new.flavor,
            new.engine,
            new.trainer,
            new.signature,
            new.metrics,
            new.baseline_metrics,
            new.dataset_versions,
            new.training_rows,
            new.evaluation_rows,
            new.feature_importance,
            new.reference_profile
        ],
    )
    .await?;
    for (key, value) in &new.tags {
        put_tag(tx, home, number, key, value).await?;
    }
    let facts = serde_json::json!({
        "model": model, "version": number, "digest": new.digest, "source_run": new.source_run,
        "source": source, "tags": new.tags, "description": description,
        "prompt": new.tags.contains_key(PROMPT_TAG),
    });
    let summary = format!("version {number} of model `{model}` registered");
    tx.append_event(event("version.registered", actor, &model, number, summary).with(facts)).await?;
    get_version(tx, &model, number).await
}

/// One version, with all that is known of it.
pub async fn get_version(sql: &mut impl Sql, model: &str, number: i64) -> Result<Version, Error> {
    let home = version_home(sql, model, number).await?;
    let text = select(Detail::All).push(" and v.model = ").bind(home).push(" and v.number = ").bind(number);
    let rows = sql.fetch_all_text(text).await?;
    with_details(sql, &rows)
        .await?
        .pop()
        .ok_or_else(|| Error::VersionNotFound { model: model.to_owned(), version: number.to_string() })
}

/// The versions of a model, newest first, without their reference profiles. `token` is where the page before ended.
pub async fn list_versions(
    sql: &mut impl Sql,
    model: &str,
    limit: usize,
    token: Option<String>,
) -> Result<Found<Version>, Error> {
    model_number(sql, model).await?;
    let query = VersionQuery {
        filter: Filter::model(model),
        order: vec![Order { column: Column::Number, descending: true }],
        limit,
        token,
    };
    search_versions(sql, &query).await
}

/// Finds versions of all models, without their reference profiles.
pub async fn search_versions(sql: &mut impl Sql, query: &VersionQuery) -> Result<Found<Version>, Error> {
    prepare(sql, &query.filter).await?;
    let text = push_filter(select(Detail::Listed).push(" and "), &VERSIONS, &query.filter);
    let listing = format!("versions by {:?}", query.order);
    let ties = if query.order.is_empty() { &TIES[..] } else { &TIES[1..] };
    let keys = sort_keys(&VERSIONS, &query.order, ties);
    let page = Page { keys: &keys, listing: &listing, token: query.token.as_deref(), limit: query.limit };
    let (rows, next_token) = rows_of_page(sql, text, &page).await?;
    Ok(Found { items: with_details(sql, &rows).await?, next_token })
}

/// What decides between versions that the ordering leaves equal.
const TIES: [SortKey; 4] = [
    SortKey { column: "updated_at", is_text: false, is_optional: false, descending: true },
    SortKey { column: "name", is_text: true, is_optional: false, descending: false },
    SortKey { column: "number", is_text: false, is_optional: false, descending: true },
    SortKey { column: "model", is_text: false, is_optional: false, descending: false },
];

/// The newest version of each of these stages.
pub async fn latest_of_stages(
    sql: &mut impl Sql,
    model: &str,
    stages: &[Stage],
) -> Result<Vec<Version>, Error> {
    let home = model_number(sql, model).await?;
    let mut latest = Vec::new();
    for stage in stages {
        let row = sql
            .fetch_optional(
                "select max(number) as number from registry_versions \
                 where model = $1 and stage = $2 and deleted_at is null",
                params![home, stage.word()],
            )
            .await?;
        if let Some(number) = row.map(|row| row.opt_int("number")).transpose()?.flatten() {
            latest.push(get_version(sql, model, number).await?);
        }
    }
    Ok(latest)
}

/// Changes the words about a version.
pub async fn update_version(
    tx: &mut Tx,
    model: &str,
    number: i64,
    change: VersionChange,
    now: Timestamp,
) -> Result<Version, Error> {
    let version = get_version(tx, model, number).await?;
    let home = version_home(tx, model, number).await?;
    let description = change.description.unwrap_or(version.description);
    check_text("the description", &description)?;
    tx.execute(
        "update registry_versions set description = $1, status = $2, updated_at = $3 where model = $4 and number = $5",
        params![description, change.status.unwrap_or(version.status), now, home, number],
    )
    .await?;
    touch_model(tx, home, now).await?;
    get_version(tx, model, number).await
}

/// What becomes of the versions that are at a stage when another one moves there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Others {
    /// They stay.
    Keep,
    /// They are archived.
    Archive,
}

/// Moves a version to a stage.
pub async fn transition_stage(
    tx: &mut Tx,
    model: &str,
    number: i64,
    stage: Stage,
    others: Others,
    actor: &Actor,
    now: Timestamp,
) -> Result<Version, Error> {
    if others == Others::Archive && !matches!(stage, Stage::Staging | Stage::Production) {
        return Err(Error::invalid(
            format!("stage `{}`", stage.word()),
            "cannot archive the versions that are there: only Staging and Production can",
        ));
    }
    let home = version_home(tx, model, number).await?;
    if others == Others::Archive {
        tx.execute(
            "update registry_versions set stage = 'Archived', updated_at = $1 \
             where model = $2 and stage = $3 and number <> $4 and deleted_at is null",
            params![now, home, stage.word(), number],
        )
        .await?;
    }
    tx.execute(
        "update registry_versions set stage = $1, updated_at = $2 where model = $3 and number = $4",
        params![stage.word(), now, home, number],
    )
    .await?;
    touch_model(tx, home, now).await?;
    let summary = format!("version {number} of model `{model}` moved to stage {}", stage.word());
    tx.append_event(event("version.staged", actor, model, number, summary)).await?;
    get_version(tx, model, number).await
}

/// Puts a version out of use; aliases that point at it go with it, its number stays taken.
pub async fn delete_version(
    tx: &mut Tx,
    model: &str,
    number: i64,
    actor: &Actor,
    now: Timestamp,
) -> Result<(), Error> {
    let home = version_home(tx, model, number).await?;
    tx.execute(
        "update registry_versions set deleted_at = $1 where model = $2 and number = $3",
        params![now, home, number],
    )
    .await?;
    tx.execute("delete from registry_aliases where model = $1 and version = $2", params![home, number])
        .await?;
    touch_model(tx, home, now).await?;
    let summary = format!("version {number} of model `{model}` deleted");
    tx.append_event(event("version.deleted", actor, model, number, summary)).await?;
    Ok(())
}

/// Sets a tag of a version.
pub async fn set_version_tag(
    tx: &mut Tx,
    model: &str,
    number: i64,
    key: &str,
    value: &str,
    actor: &Actor,
    now: Timestamp,
) -> Result<(), Error> {
    check_tag(key, value)?;
    let home = version_home(tx, model, number).await?;
    put_tag(tx, home, number, key, value).await?;
    touch_version(tx, home, number, now).await?;
    let facts = serde_json::json!({
        "model": model, "version": number, "key": key, "value": value, "prompt": is_prompt(tx, home).await?,
    });
    let summary = format!("tag `{key}` of version {number} of model `{model}` set");
    tx.append_event(event("version.tagged", actor, model, number, summary).with(facts)).await?;
    Ok(())
}

/// Removes a tag of a version, if it is there.
pub async fn delete_version_tag(
    tx: &mut Tx,
    model: &str,
    number: i64,
    key: &str,
    actor: &Actor,
    now: Timestamp,
) -> Result<(), Error> {
    let home = version_home(tx, model, number).await?;
    let gone = tx
        .execute(
            "delete from registry_version_tags where model = $1 and version = $2 and key = $3",
            params![home, number, key],
        )
        .await?;
    touch_version(tx, home, number, now).await?;
    if gone > 0 {
        let facts = serde_json::json!({
            "model": model, "version": number, "key": key, "prompt": is_prompt(tx, home).await?,
        });
        let summary = format!("tag `{key}` of version {number} of model `{model}` removed");
        tx.append_event(event("version.untagged", actor, model, number, summary).with(facts)).await?;
    }
    Ok(())
}

async fn touch_version(tx: &mut Tx, home: i64, number: i64, now: Timestamp) -> Result<(), Error> {
    tx.execute(
        "update registry_versions set updated_at = $1 where model = $2 and number = $3",
        params![now, home, number],
    )
    .await?;
    Ok(())
}

async fn put_tag(tx: &mut Tx, home: i64, number: i64, key: &str, value: &str) -> Result<(), Error> {
    tx.execute(
        "insert into registry_version_tags (model, version, key, value) values ($1, $2, $3, $4) \
         on conflict (model, version, key) do update set value = excluded.value",
        params![home, number, key, value],
    )
    .await?;
    Ok(())
}

/// How much of a version is read.
#[derive(Clone, Copy)]
enum Detail {
    /// All of it.
    All,
    /// All but the reference profile, which is large.
    Listed,
}

fn select(detail: Detail) -> SqlText {
    let text = SqlText::new(
        "select m.project, m.name, v.model, v.number, v.created_at, v.updated_at, v.actor, v.description, v.stage, v.status, \
         v.status_message, v.digest, v.artifact, v.source, v.storage_location, v.source_run, v.run_link, \
         v.logged_model, v.pipeline_run, v.flavor, v.engine, v.trainer, v.signature_json, v.metrics_json, \
         v.baseline_metrics_json, v.dataset_versions_json, v.training_rows_json, v.evaluation_rows_json, \
         v.feature_importance_json, ",
    );
    text.push(match detail {
        Detail::All => "v.reference_profile_json",
        Detail::Listed => "null as reference_profile_json",
    })
    .push(" from registry_versions v join registry_models m on m.number = v.model where v.deleted_at is null")
}

async fn with_details(sql: &mut impl Sql, rows: &[Row]) -> Result<Vec<Version>, Error> {
    let mut versions = Vec::with_capacity(rows.len());
    let mut at: BTreeMap<(i64, i64), usize> = BTreeMap::new();
    for row in rows {
        at.insert((row.int("model")?, row.int("number")?), versions.len());
        versions.push(version(row)?);
    }
    let homes: Vec<i64> =
        at.keys().map(|(home, _)| *home).collect::<std::collections::BTreeSet<_>>().into_iter().collect();
    for homes in homes.chunks(500) {
        // Of one model with thousands of versions a page shows few: those between the least and the greatest are read.
        let wanted = || at.keys().filter(|(home, _)| homes.contains(home)).map(|(_, number)| *number);
        let (least, greatest) = (wanted().min().unwrap_or(0), wanted().max().unwrap_or(0));
        let text = SqlText::new("select model, version, alias from registry_aliases where model in (")
            .bind_list(homes.iter().copied())
            .push(") order by alias");
        for row in sql.fetch_all_text(text).await? {
            let version =
                at.get(&(row.int("model")?, row.int("version")?)).and_then(|at| versions.get_mut(*at));
            if let Some(version) = version {
                version.aliases.push(row.text("alias")?);
            }
        }
        let text =
            SqlText::new("select model, version, key, value from registry_version_tags where model in (")
                .bind_list(homes.iter().copied())
                .push(") and version >= ")
                .bind(least)
                .push(" and version <= ")
                .bind(greatest);
        for row in sql.fetch_all_text(text).await? {
            let version =
                at.get(&(row.int("model")?, row.int("version")?)).and_then(|at| versions.get_mut(*at));
            if let Some(version) = version {
                version.tags.insert(row.text("key")?, row.text("value")?);
            }
        }
    }
    Ok(versions)
}

fn version(row: &Row) -> Result<Version, Error> {
    let json = |column: &str| row.opt_json::<Value>(column);
    let digest = |column: &str| -> Result<Option<Digest>, db::Error> {
        if row.opt_text(column)?.is_some() { row.digest(column).map(Some) } else { Ok(None) }
    };
    Ok(Version {
        model: in_project(&row.text("project")?, &row.text("name")?),
        number: row.int("number")?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
        actor: row.text("actor")?,
        description: row.text("description")?,
        stage: row.text("stage")?.parse()?,
        status: row.text("status")?,
        status_message: row.text("status_message")?,
        digest: digest("digest")?,
        artifact: digest("artifact")?,
        source: row.text("source")?,
        storage_location: row.text("storage_location")?,
        source_run: row.opt_text("source_run")?,
        run_link: row.opt_text("run_link")?,
        logged_model: row.opt_text("logged_model")?,
        pipeline_run: row.opt_text("pipeline_run")?,
        flavor: row.text("flavor")?,
        engine: row.text("engine")?,
        trainer: row.text("trainer")?,
        signature: json("signature_json")?,
        metrics: json("metrics_json")?,
        baseline_metrics: json("baseline_metrics_json")?,
        dataset_versions: json("dataset_versions_json")?,
        training_rows: json("training_rows_json")?,
        evaluation_rows: json("evaluation_rows_json")?,
        feature_importance: json("feature_importance_json")?,
        reference_profile: json("reference_profile_json")?,
        aliases: Vec::new(),
        tags: BTreeMap::new(),
    })
}

pub(super) fn event(kind: &str, actor: &Actor, model: &str, number: i64, summary: String) -> NewEvent {
    NewEvent::new(kind, actor, ObjectRef::new("version", format!("{model}@{number}")), summary)
}
