//! Models and their tags.

use std::collections::BTreeMap;

use base::{Actor, NewEvent, ObjectRef, Timestamp};
use db::{Page, Row, SortKey, Sql, SqlText, Tx, params};

use super::{model_number, next_number, rows_of_page, touch_model};
use crate::names::{PROMPT_TAG, check_tag, check_text};
use crate::search::{MODELS, prepare, push_filter, sort_keys};
use crate::{
    Alias, Error, Filter, Found, Model, NewModel, Order, check_model_name, in_project, project_and_name,
};

/// What changes in a model; nothing else does.
#[derive(Debug, Clone, Default)]
pub struct ModelChange {
    /// Its new name.
    pub name: Option<String>,
    /// Its new description.
    pub description: Option<String>,
    /// Its new owner.
    pub owner: Option<String>,
}

/// Which models are looked for.
#[derive(Debug, Clone)]
pub struct ModelQuery {
    /// What they must be.
    pub filter: Filter,
    /// In which order; by name if none is said.
    pub order: Vec<Order>,
    /// How many at most.
    pub limit: usize,
    /// Where the page before ended.
    pub token: Option<String>,
}

/// Makes a model. Fails with [`Error::ModelExists`] when one in use has the name.
pub async fn create_model(
    tx: &mut Tx,
    new: &NewModel,
    actor: &Actor,
    now: Timestamp,
) -> Result<Model, Error> {
    let (project, name) = project_and_name(&new.name);
    check_model_name(name)?;
    check_text("the description", &new.description)?;
    for (key, value) in &new.tags {
        check_tag(key, value)?;
    }
    let number = next_number(tx, "model").await?;
    let made = tx
        .execute(
            "insert into registry_models \
             (number, project, name, description, owner, last_version, created_at, updated_at) \
             values ($1, $2, $3, $4, $5, 0, $6, $7) on conflict do nothing",
            params![number, project, name, &new.description, &new.owner, now, now],
        )
        .await?;
    if made == 0 {
        return Err(Error::ModelExists { model: new.name.clone() });
    }
    for (key, value) in &new.tags {
        put_tag(tx, number, key, value).await?;
    }
    let facts = serde_json::json!({
        "tags": new.tags, "description": new.description, "prompt": new.tags.contains_key(PROMPT_TAG),
    });
    let summary = format!("model `{}` created", new.name);
    tx.append_event(event("model.created", actor, &new.name, summary).with(facts)).await?;
    get_model(tx, &new.name).await
}

/// The model with this name.
pub async fn get_model(sql: &mut impl Sql, name: &str) -> Result<Model, Error> {
    find_model(sql, name).await?.ok_or_else(|| Error::ModelNotFound { model: name.to_owned() })
}

/// The model with this name, if there is one.
pub async fn find_model(sql: &mut impl Sql, name: &str) -> Result<Option<Model>, Error> {
    let (project, name) = project_and_name(name);
    let text = select().push(" and m.project = ").bind(project).push(" and m.name = ").bind(name);
    let rows = sql.fetch_all_text(text).await?;
    Ok(with_details(sql, &rows).await?.pop())
}

/// Changes name, description or owner of a model.
pub async fn update_model(
    tx: &mut Tx,
    name: &str,
    change: &ModelChange,
    actor: &Actor,
    now: Timestamp,
) -> Result<Model, Error> {
    let model = get_model(tx, name).await?;
    let new_name = change.name.as_deref().unwrap_or(name);
    let (project, plain_name) = project_and_name(new_name);
    if new_name != name {
        check_model_name(plain_name)?;
        if project != model.project {
            return Err(Error::invalid(format!("model `{name}`"), "cannot be renamed into another project"));
        }
        if find_model(tx, new_name).await?.is_some() {
            return Err(Error::ModelExists { model: new_name.to_owned() });
        }
    }
    let description = change.description.clone().unwrap_or(model.description);
    check_text("the description", &description)?;
    let owner = change.owner.clone().unwrap_or(model.owner);
    tx.execute(
        "update registry_models set name = $1, description = $2, owner = $3, updated_at = $4 where number = $5",
        params![plain_name, &description, &owner, now, model.number],
    )
    .await?;
    if new_name != name {
        let facts = serde_json::json!({"previous_name": name});
        let summary = format!("model `{name}` renamed to `{new_name}`");
        tx.append_event(event("model.renamed", actor, new_name, summary).with(facts)).await?;
    }
    get_model(tx, new_name).await
}

/// Puts a model and its versions out of use and gives its name back.
pub async fn delete_model(tx: &mut Tx, name: &str, actor: &Actor, now: Timestamp) -> Result<(), Error> {
    let number = model_number(tx, name).await?;
    tx.execute("update registry_models set deleted_at = $1 where number = $2", params![now, number]).await?;
    tx.execute(
        "update registry_versions set deleted_at = $1 where model = $2 and deleted_at is null",
        params![now, number],
    )
    .await?;
    tx.execute("delete from registry_aliases where model = $1", params![number]).await?;
    tx.append_event(event("model.deleted", actor, name, format!("model `{name}` deleted"))).await?;
    Ok(())
}

/// Sets a tag of a model.
pub async fn set_model_tag(
    tx: &mut Tx,
    name: &str,
    key: &str,
    value: &str,
    actor: &Actor,
    now: Timestamp,
) -> Result<(), Error> {
    check_tag(key, value)?;
    let number = model_number(tx, name).await?;
    put_tag(tx, number, key, value).await?;
    touch_model(tx, number, now).await?;
    let facts = serde_json::json!({"key": key, "value": value, "prompt": is_prompt(tx, number).await?});
    let summary = format!("tag `{key}` of model `{name}` set");
    tx.append_event(event("model.tagged", actor, name, summary).with(facts)).await?;
    Ok(())
}

/// Removes a tag of a model, if it is there.
pub async fn delete_model_tag(
    tx: &mut Tx,
    name: &str,
    key: &str,
    actor: &Actor,
    now: Timestamp,
) -> Result<(), Error> {
    let number = model_number(tx, name).await?;
    let prompt = is_prompt(tx, number).await?;
    let gone = tx
        .execute("delete from registry_model_tags where model = $1 and key = $2", params![number, key])
        .await?;
    touch_model(tx, number, now).await?;
    if gone > 0 {
        let facts = serde_json::json!({"key": key, "prompt": prompt});
        let summary = format!("tag `{key}` of model `{name}` removed");
        tx.append_event(event("model.untagged", actor, name, summary).with(facts)).await?;
    }
    Ok(())
}

/// Whether a model is a prompt, as MLflow's clients mark them.
pub(super) async fn is_prompt(sql: &mut impl Sql, number: i64) -> Result<bool, Error> {
    let row = sql
        .fetch_optional(
            "select key from registry_model_tags where model = $1 and key = $2",
            params![number, PROMPT_TAG],
        )
        .await?;
    Ok(row.is_some())
}

/// Finds models.
pub async fn search_models(sql: &mut impl Sql, query: &ModelQuery) -> Result<Found<Model>, Error> {
    prepare(sql, &query.filter).await?;
    let text = push_filter(select().push(" and "), &MODELS, &query.filter);
    let listing = format!("models by {:?}", query.order);
    let keys = sort_keys(&MODELS, &query.order, &TIES);
    let page = Page { keys: &keys, listing: &listing, token: query.token.as_deref(), limit: query.limit };
    let (rows, next_token) = rows_of_page(sql, text, &page).await?;
    Ok(Found { items: with_details(sql, &rows).await?, next_token })
}

/// What decides between models that the ordering leaves equal.
const TIES: [SortKey; 2] = [
    SortKey { column: "name", is_text: true, is_optional: false, descending: false },
    SortKey { column: "number", is_text: false, is_optional: false, descending: false },
];

fn select() -> SqlText {
    SqlText::new(
        "select m.number, m.project, m.name, m.description, m.owner, m.created_at, m.updated_at, \
         (select max(v.number) from registry_versions v where v.model = m.number and v.deleted_at is null) as latest \
         from registry_models m where m.deleted_at is null",
    )
}

async fn with_details(sql: &mut impl Sql, rows: &[Row]) -> Result<Vec<Model>, Error> {
    let mut models = Vec::with_capacity(rows.len());
    for row in rows {
        models.push(Model {
            number: row.int("number")?,
            name: in_project(&row.text("project")?, &row.text("name")?),
            project: row.text("project")?,
            description: row.text("description")?,
            owner: row.text("owner")?,
            created_at: row.time("created_at")?,
            updated_at: row.time("updated_at")?,
            latest_version: row.opt_int("latest")?,
            aliases: Vec::new(),
            tags: BTreeMap::new(),
        });
    }
    let at: BTreeMap<i64, usize> = models.iter().enumerate().map(|(at, model)| (model.number, at)).collect();
    let numbers: Vec<i64> = models.iter().map(|model| model.number).collect();
    for numbers in numbers.chunks(500) {
        let text = SqlText::new(
            "select model, alias, version, since, actor, reason from registry_aliases where model in (",
        )
        .bind_list(numbers.iter().copied())
        .push(") order by model, alias");
        for row in sql.fetch_all_text(text).await? {
            let alias = Alias {
                alias: row.text("alias")?,
                version: row.int("version")?,
                since: row.time("since")?,
                actor: row.text("actor")?,
                reason: row.text("reason")?,
            };
            if let Some(model) = at.get(&row.int("model")?).and_then(|at| models.get_mut(*at)) {
                model.aliases.push(alias);
            }
        }
        let text = SqlText::new("select model, key, value from registry_model_tags where model in (")
            .bind_list(numbers.iter().copied())
            .push(")");
        for row in sql.fetch_all_text(text).await? {
            if let Some(model) = at.get(&row.int("model")?).and_then(|at| models.get_mut(*at)) {
                model.tags.insert(row.text("key")?, row.text("value")?);
            }
        }
    }
    Ok(models)
}

async fn put_tag(tx: &mut Tx, number: i64, key: &str, value: &str) -> Result<(), Error> {
    tx.execute(
        "insert into registry_model_tags (model, key, value) values ($1, $2, $3) \
         on conflict (model, key) do update set value = excluded.value",
        params![number, key, value],
    )
    .await?;
    Ok(())
}

/// An event on a model.
pub(super) fn event(kind: &str, actor: &Actor, model: &str, summary: String) -> NewEvent {
    NewEvent::new(kind, actor, ObjectRef::new("model", model), summary)
}
