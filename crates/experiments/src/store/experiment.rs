//! Experiments and their tags.

use std::collections::BTreeMap;

use base::{Actor, NewEvent, ObjectRef, Timestamp};
use db::{Page, Row, SortKey, Sql, SqlText, Tx, params};

use super::search::{EXPERIMENTS, Scope, push_sort_columns, push_tree};
use super::{next_number, rows_of_page};
use crate::filter::{Order, Tree};
use crate::limits::{
    EXPERIMENT_TAG_CHARS, check_chars, check_experiment_name, check_key, check_location, check_text,
};
use crate::query::{By, Wanted};
use crate::{Error, Experiment, Found, Lifecycle, View};

const PROJECT: &str = "default";
const DEFAULT_EXPERIMENT: i64 = 0;

/// What decides between experiments that the ordering leaves equal.
const TIES: [SortKey; 2] = [
    SortKey { column: "created_at", is_text: false, is_optional: false, descending: true },
    SortKey { column: "id", is_text: false, is_optional: false, descending: true },
];

/// An experiment that is about to be made.
#[derive(Debug, Clone, Default)]
pub struct NewExperiment {
    /// Its name; nothing else may have it, deleted or not.
    pub name: String,
    /// Where its runs put artifacts; the platform's own store if none is said.
    pub artifact_location: Option<String>,
    /// Its first tags.
    pub tags: BTreeMap<String, String>,
    /// The project it belongs to; `default` if none is said.
    pub project: Option<String>,
    /// Below which URI it puts artifacts when `artifact_location` is not said; the platform's own store if absent.
    pub artifact_root: Option<String>,
}

/// Which experiments are looked for.
#[derive(Debug, Clone)]
pub struct ExperimentQuery {
    /// Of which project; of `default` if none is said.
    pub project: Option<String>,
    /// What they must be, from [`crate::query::experiment_filter`].
    pub filter: Tree<Wanted>,
    /// In which order; newest first if none is said.
    pub order: Vec<Order<By>>,
    /// In use, in the bin or both.
    pub view: View,
    /// How many at most.
    pub limit: usize,
    /// Where the page before ended.
    pub token: Option<String>,
}

/// Makes an experiment. Fails with [`Error::ExperimentExists`] when the name is taken, also by a deleted one.
pub async fn create_experiment(
    tx: &mut Tx,
    new: &NewExperiment,
    actor: &Actor,
    now: Timestamp,
) -> Result<Experiment, Error> {
    check_experiment_name(&new.name)?;
    if let Some(location) = &new.artifact_location {
        check_location(location)?;
    }
    for (key, value) in &new.tags {
        check_tag(key, value)?;
    }
    let project = new.project.as_deref().unwrap_or(PROJECT);
    let id = next_number(tx, "experiment").await?;
    let location = match (&new.artifact_location, &new.artifact_root) {
        (Some(location), _) => location.trim_end_matches('/').to_owned(),
        (None, Some(root)) => format!("{}/{id}", root.trim_end_matches('/')),
        (None, None) => format!("mlflow-artifacts:/{id}"),
    };
    let made = tx
        .execute(
            "insert into experiments (id, project, name, artifact_location, lifecycle, created_at, updated_at) \
             values ($1, $2, $3, $4, 'active', $5, $6) on conflict (project, name) do nothing",
            params![id, project, &new.name, &location, now, now],
        )
        .await?;
    if made == 0 {
        let there = find_experiment_in(tx, project, &new.name).await?;
        let deleted = there.is_some_and(|there| there.lifecycle == Lifecycle::Deleted);
        return Err(Error::ExperimentExists { name: new.name.clone(), deleted });
    }
    for (key, value) in &new.tags {
        put_tag(tx, id, key, value).await?;
    }
    let summary = format!("experiment `{}` created", new.name);
    tx.append_event(event("experiment.created", actor, id, summary)).await?;
    Ok(Experiment {
        id,
        project: project.to_owned(),
        name: new.name.clone(),
        artifact_location: location,
        lifecycle: Lifecycle::Active,
        created_at: now,
        updated_at: now,
        tags: new.tags.clone(),
    })
}

/// The experiment with this number, deleted or not.
pub async fn get_experiment(sql: &mut impl Sql, id: i64) -> Result<Experiment, Error> {
    let rows = sql.fetch_all_text(select().push(" from experiments e where e.id = ").bind(id)).await?;
    one(sql, rows).await?.ok_or_else(|| Error::ExperimentNotFound { experiment: id.to_string() })
}

/// The experiment with this name in the project `default`, deleted or not, if there is one.
pub async fn find_experiment(sql: &mut impl Sql, name: &str) -> Result<Option<Experiment>, Error> {
    find_experiment_in(sql, PROJECT, name).await
}

/// The experiment with this name in a project, deleted or not, if there is one.
pub async fn find_experiment_in(
    sql: &mut impl Sql,
    project: &str,
    name: &str,
) -> Result<Option<Experiment>, Error> {
    let text = select()
        .push(" from experiments e where e.project = ")
        .bind(project)
        .push(" and e.name = ")
        .bind(name);
    let rows = sql.fetch_all_text(text).await?;
    one(sql, rows).await
}

/// Gives an experiment another name.
pub async fn rename_experiment(
    tx: &mut Tx,
    id: i64,
    name: &str,
    actor: &Actor,
    now: Timestamp,
) -> Result<(), Error> {
    check_experiment_name(name)?;
    let before = active(tx, id).await?;
    if before.name == name {
        return Ok(());
    }
    if let Some(other) = find_experiment_in(tx, &before.project, name).await? {
        return Err(Error::ExperimentExists {
            name: name.to_owned(),
            deleted: other.lifecycle == Lifecycle::Deleted,
        });
    }
    tx.execute("update experiments set name = $1, updated_at = $2 where id = $3", params![name, now, id])
        .await?;
    let summary = format!("experiment `{}` renamed to `{name}`", before.name);
    tx.append_event(event("experiment.renamed", actor, id, summary)).await?;
    Ok(())
}

/// Puts an experiment and its runs into the bin.
pub async fn delete_experiment(tx: &mut Tx, id: i64, actor: &Actor, now: Timestamp) -> Result<(), Error> {
    if id == DEFAULT_EXPERIMENT {
        return Err(Error::DefaultExperiment);
    }
    let before = active(tx, id).await?;
    tx.execute(
        "update experiments set lifecycle = 'deleted', updated_at = $1 where id = $2",
        params![now, id],
    )
    .await?;
    tx.execute(
        "update runs set lifecycle = 'deleted', deleted_at = $1 where experiment_id = $2 and lifecycle = 'active'",
        params![now, id],
    )
    .await?;
    let summary = format!("experiment `{}` deleted", before.name);
    tx.append_event(event("experiment.deleted", actor, id, summary)).await?;
    Ok(())
}

/// Takes an experiment out of the bin, and with it the runs that went in together with it.
pub async fn restore_experiment(tx: &mut Tx, id: i64, actor: &Actor, now: Timestamp) -> Result<(), Error> {
    let before = get_experiment(tx, id).await?;
    if before.lifecycle == Lifecycle::Active {
        return Err(Error::ExperimentActive { experiment: id });
    }
    tx.execute(
        "update experiments set lifecycle = 'active', updated_at = $1 where id = $2",
        params![now, id],
    )
    .await?;
    tx.execute(
        "update runs set lifecycle = 'active', deleted_at = null where experiment_id = $1 and deleted_at = $2",
        params![id, before.updated_at],
    )
    .await?;
    let summary = format!("experiment `{}` restored", before.name);
    tx.append_event(event("experiment.restored", actor, id, summary)).await?;
    Ok(())
}

/// Sets a tag of an experiment.
pub async fn set_experiment_tag(
    tx: &mut Tx,
    id: i64,
    key: &str,
    value: &str,
    now: Timestamp,
) -> Result<(), Error> {
    check_tag(key, value)?;
    active(tx, id).await?;
    put_tag(tx, id, key, value).await?;
    touch(tx, id, now).await
}

/// Removes a tag of an experiment.
pub async fn delete_experiment_tag(tx: &mut Tx, id: i64, key: &str, now: Timestamp) -> Result<(), Error> {
    active(tx, id).await?;
    let gone = tx
        .execute("delete from experiment_tags where experiment_id = $1 and key = $2", params![id, key])
        .await?;
    if gone == 0 {
        return Err(Error::TagNotFound { owner: format!("experiment {id}"), key: key.to_owned() });
    }
    touch(tx, id, now).await
}

/// Finds experiments.
pub async fn search_experiments(
    sql: &mut impl Sql,
    query: &ExperimentQuery,
) -> Result<Found<Experiment>, Error> {
    super::search::prepare(sql, &query.filter).await?;
    let (text, mut keys) = push_sort_columns(select(), &EXPERIMENTS, &[], &query.order);
    keys.extend(TIES);
    let project = query.project.as_deref().unwrap_or(PROJECT);
    let text = text.push(" from experiments e where e.project = ").bind(project);
    let text = super::search::push_view(text, query.view, " and e.lifecycle = ");
    let text = push_tree(text.push(" and "), &EXPERIMENTS, &Scope::default(), &query.filter);
    let listing = format!("experiments by {:?}", query.order);
    let page = Page { keys: &keys, listing: &listing, token: query.token.as_deref(), limit: query.limit };
    let (rows, next_token) = rows_of_page(sql, text, &page).await?;
    Ok(Found { items: with_tags(sql, &rows).await?, next_token })
}

fn select() -> SqlText {
    SqlText::new(
        "select e.id, e.project, e.name, e.artifact_location, e.lifecycle, e.created_at, e.updated_at",
    )
}

async fn one(sql: &mut impl Sql, rows: Vec<Row>) -> Result<Option<Experiment>, Error> {
    Ok(with_tags(sql, &rows).await?.pop())
}

async fn with_tags(sql: &mut impl Sql, rows: &[Row]) -> Result<Vec<Experiment>, Error> {
    let mut items = Vec::with_capacity(rows.len());
    for row in rows {
        items.push(Experiment {
            id: row.int("id")?,
            project: row.text("project")?,
            name: row.text("name")?,
            artifact_location: row.text("artifact_location")?,
            lifecycle: Lifecycle::of(&row.text("lifecycle")?),
            created_at: row.time("created_at")?,
            updated_at: row.time("updated_at")?,
            tags: BTreeMap::new(),
        });
    }
    let at: BTreeMap<i64, usize> = items.iter().enumerate().map(|(at, item)| (item.id, at)).collect();
    for ids in items.iter().map(|item| item.id).collect::<Vec<_>>().chunks(500) {
        let text =
            SqlText::new("select experiment_id, key, value from experiment_tags where experiment_id in (")
                .bind_list(ids.iter().copied())
                .push(")");
        for row in sql.fetch_all_text(text).await? {
            let item = at.get(&row.int("experiment_id")?).and_then(|at| items.get_mut(*at));
            if let Some(item) = item {
                item.tags.insert(row.text("key")?, row.text("value")?);
            }
        }
    }
    Ok(items)
}

async fn active(tx: &mut Tx, id: i64) -> Result<Experiment, Error> {
    let experiment = get_experiment(tx, id).await?;
    match experiment.lifecycle {
        Lifecycle::Active => Ok(experiment),
        Lifecycle::Deleted => Err(Error::ExperimentDeleted { experiment: id }),
    }
}

fn check_tag(key: &str, value: &str) -> Result<(), Error> {
    check_key("tag", key)?;
    check_text("tag", key, value)?;
    check_chars(&format!("the value of tag `{key}`"), value, EXPERIMENT_TAG_CHARS)
}

async fn put_tag(tx: &mut Tx, id: i64, key: &str, value: &str) -> Result<(), Error> {
    tx.execute(
        "insert into experiment_tags (experiment_id, key, value) values ($1, $2, $3) \
         on conflict (experiment_id, key) do update set value = excluded.value",
        params![id, key, value],
    )
    .await?;
    Ok(())
}

async fn touch(tx: &mut Tx, id: i64, now: Timestamp) -> Result<(), Error> {
    tx.execute("update experiments set updated_at = $1 where id = $2", params![now, id]).await?;
    Ok(())
}

fn event(kind: &str, actor: &Actor, id: i64, summary: String) -> NewEvent {
    NewEvent::new(kind, actor, ObjectRef::new("experiment", id.to_string()), summary)
}
