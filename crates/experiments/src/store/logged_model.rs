//! Logged models: the model folders that runs upload, before anyone registers them.

use std::collections::BTreeMap;
use std::str::FromStr;

use base::Timestamp;
use db::{Page, Row, SortKey, Sql, SqlText, Tx, params};
use serde::Serialize;

use super::latest::metric_of;
use super::search::{
    DatasetOf, MODELS, Scope, prepare, push_measured_on, push_numbers, push_sort_columns, push_tree,
};
use super::{get_experiment, rows_of_page, run_head};
use crate::filter::{Order, Tree};
use crate::limits::{PARAM_CHARS, TAG_CHARS, check_chars, check_key, check_text, cut};
use crate::query::{By, Wanted};
use crate::{Error, Found, Lifecycle, Metric, run_name};

/// How the upload of a logged model is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LoggedModelStatus {
    /// Its files are on the way.
    Pending,
    /// All its files are there.
    Ready,
    /// The upload was given up.
    UploadFailed,
}

impl LoggedModelStatus {
    /// The word for it, as MLflow writes it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pending => "LOGGED_MODEL_PENDING",
            Self::Ready => "LOGGED_MODEL_READY",
            Self::UploadFailed => "LOGGED_MODEL_UPLOAD_FAILED",
        }
    }
}

impl FromStr for LoggedModelStatus {
    type Err = Error;

    fn from_str(word: &str) -> Result<Self, Error> {
        [Self::Pending, Self::Ready, Self::UploadFailed]
            .into_iter()
            .find(|status| status.word() == word)
            .ok_or_else(|| Error::invalid(format!("logged model status `{word}`"), "is not known"))
    }
}

/// A value of a logged model's metric, and which run and dataset it comes from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LoggedModelMetric {
    /// The point.
    pub metric: Metric,
    /// The run that logged it.
    pub run_id: String,
    /// The dataset that it was measured on, or nothing.
    pub dataset_name: String,
    /// That dataset's digest, or nothing.
    pub dataset_digest: String,
}

/// A model folder that a run uploads.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LoggedModel {
    /// `m-` and 32 hexadecimal digits.
    pub id: String,
    /// Its experiment.
    pub experiment_id: i64,
    /// Its name; not unique.
    pub name: String,
    /// Where its files are.
    pub artifact_uri: String,
    /// How its upload is doing.
    pub status: LoggedModelStatus,
    /// A word on the status.
    pub status_message: Option<String>,
    /// What sort of model it is, as the client said.
    pub model_type: Option<String>,
    /// The run that made it.
    pub source_run_id: Option<String>,
    /// When it was announced.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Its params.
    pub params: BTreeMap<String, String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Its metrics.
    pub metrics: Vec<LoggedModelMetric>,
}

/// A logged model that is announced.
#[derive(Debug, Clone, Default)]
pub struct NewLoggedModel {
    /// Its experiment.
    pub experiment_id: i64,
    /// Its name; one is made up if none is given.
    pub name: Option<String>,
    /// What sort of model it is.
    pub model_type: Option<String>,
    /// The run that makes it.
    pub source_run_id: Option<String>,
    /// Its params.
    pub params: Vec<(String, String)>,
    /// Its tags.
    pub tags: Vec<(String, String)>,
}

/// Which logged models are looked for.
#[derive(Debug, Clone)]
pub struct LoggedModelQuery {
    /// In which experiments.
    pub experiments: Vec<i64>,
    /// What they must be, from [`crate::query::model_filter`].
    pub filter: Tree<Wanted>,
    /// Metrics in the filter count only when measured on one of these datasets (name, and digest if that matters); all
    /// count when none is named.
    pub datasets: Vec<DatasetOf>,
    /// In which order; newest first if none is said.
    pub order: Vec<Order<By>>,
    /// For each term of the ordering, the datasets of which metrics count; all do where none is named.
    pub order_datasets: Vec<Vec<DatasetOf>>,
    /// How many at most.
    pub limit: usize,
    /// Where the page before ended.
    pub token: Option<String>,
}

/// Announces a logged model; its status is pending.
pub async fn create_logged_model(
    tx: &mut Tx,
    new: NewLoggedModel,
    now: Timestamp,
) -> Result<LoggedModel, Error> {
    let experiment = get_experiment(tx, new.experiment_id).await?;
    if experiment.lifecycle == Lifecycle::Deleted {
        return Err(Error::ExperimentDeleted { experiment: experiment.id });
    }
    if let Some(run) = &new.source_run_id {
        run_head(tx, run).await?;
    }
    let id = format!("m-{}", base::id::new_hex_id());
    let name = match new.name.filter(|name| !name.is_empty()) {
        Some(name) => {
            if name.contains(['/', ':', '.', '%', '"', '\'', '\0']) {
                return Err(Error::invalid(
                    format!("logged model name `{name}`"),
                    "must be a non-empty string that does not contain any of / : . % \" '",
                ));
            }
            check_chars("logged model name", &name, 500)?;
            name
        }
        None => run_name(&id),
    };
    let artifact_uri = format!("{}/models/{id}/artifacts", experiment.artifact_location);
    tx.execute(
        "insert into logged_models (id, experiment_id, name, artifact_uri, status, model_type, source_run_id, \
         created_at, updated_at, lifecycle) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'active')",
        params![
            &id,
            experiment.id,
            &name,
            &artifact_uri,
            LoggedModelStatus::Pending.word(),
            new.model_type,
            new.source_run_id,
            now,
            now
        ],
    )
    .await?;
    put_params(tx, &id, &new.params).await?;
    put_tags(tx, &id, &new.tags).await?;
    get_logged_model(tx, &id).await
}

/// The logged model with this id, unless it is deleted.
pub async fn get_logged_model(sql: &mut impl Sql, id: &str) -> Result<LoggedModel, Error> {
    let text =
        SqlText::new(COLUMNS).push(" from logged_models m where m.lifecycle = 'active' and m.id = ").bind(id);
    let rows = sql.fetch_all_text(text).await?;
    with_details(sql, &rows).await?.pop().ok_or_else(|| Error::LoggedModelNotFound { model: id.to_owned() })
}

/// Says that the upload has ended, well or badly.
pub async fn finish_logged_model(
    tx: &mut Tx,
    id: &str,
    status: LoggedModelStatus,
    message: Option<&str>,
    now: Timestamp,
) -> Result<LoggedModel, Error> {
    let touched = tx
        .execute(
            "update logged_models set status = $1, status_message = $2, updated_at = $3 \
             where id = $4 and lifecycle = 'active'",
            params![status.word(), message.map(str::to_owned), now, id],
        )
        .await?;
    if touched == 0 {
        return Err(Error::LoggedModelNotFound { model: id.to_owned() });
    }
    get_logged_model(tx, id).await
}

/// Puts a logged model into the bin; one that lies there already stays.
pub async fn delete_logged_model(tx: &mut Tx, id: &str, now: Timestamp) -> Result<(), Error> {
    let touched = tx
        .execute(
            "update logged_models set lifecycle = 'deleted', updated_at = $1 where id = $2",
            params![now, id],
        )
        .await?;
    if touched == 0 { Err(Error::LoggedModelNotFound { model: id.to_owned() }) } else { Ok(()) }
}

/// Adds params to a logged model.
pub async fn log_logged_model_params(
    tx: &mut Tx,
    id: &str,
    params: &[(String, String)],
) -> Result<(), Error> {
    get_logged_model(tx, id).await?;
    put_params(tx, id, params).await
}

/// Sets tags of a logged model.
pub async fn set_logged_model_tags(
    tx: &mut Tx,
    id: &str,
    tags: &[(String, String)],
    now: Timestamp,
) -> Result<LoggedModel, Error> {
    get_logged_model(tx, id).await?;
    put_tags(tx, id, tags).await?;
    touch(tx, id, now).await?;
    get_logged_model(tx, id).await
}

/// Removes a tag of a logged model.
pub async fn delete_logged_model_tag(tx: &mut Tx, id: &str, key: &str, now: Timestamp) -> Result<(), Error> {
    get_logged_model(tx, id).await?;
    let gone = tx
        .execute("delete from logged_model_tags where model_id = $1 and key = $2", params![id, key])
        .await?;
    if gone == 0 {
        return Err(Error::TagNotFound { owner: format!("logged model {id}"), key: key.to_owned() });
    }
    touch(tx, id, now).await
}

/// Notes metrics of logged models that a run measured; a point that is there already is ignored.
pub async fn log_logged_model_metrics(
    tx: &mut Tx,
    run: &str,
    metrics: &[(String, LoggedModelMetric)],
) -> Result<(), Error> {
    for (model, LoggedModelMetric { metric, dataset_name, dataset_digest, .. }) in metrics {
        check_key("metric", &metric.key)?;
        get_logged_model(tx, model).await?;
        let is_nan = metric.value.is_nan();
        tx.execute(
            "insert into logged_model_metrics \
             (model_id, key, step, time, value, is_nan, run_id, dataset_name, dataset_digest) \
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict do nothing",
            params![
                model,
                &metric.key,
                metric.step,
                metric.time,
                if is_nan { 0.0 } else { metric.value },
                is_nan,
                run,
                dataset_name,
                dataset_digest
            ],
        )
        .await?;
    }
    Ok(())
}

/// Finds logged models.
pub async fn search_logged_models(
    sql: &mut impl Sql,
    query: &LoggedModelQuery,
) -> Result<Found<LoggedModel>, Error> {
    if query.experiments.is_empty() {
        return Ok(Found { items: Vec::new(), next_token: None });
    }
    prepare(sql, &query.filter).await?;
    let of = |datasets| Scope { datasets, ..Scope::default() };
    let scopes: Vec<Scope<'_>> = query.order_datasets.iter().map(|datasets| of(datasets)).collect();
    let (text, mut keys) = push_sort_columns(SqlText::new(COLUMNS), &MODELS, &scopes, &query.order);
    keys.extend(TIES);
    let text = text.push(" from logged_models m where m.lifecycle = 'active' and ");
    let text = push_numbers(text, "m.experiment_id", &query.experiments).push(" and ");
    let mut text = push_tree(text, &MODELS, &of(&query.datasets), &query.filter);
    let compares = |wanted: &Wanted| matches!(wanted, Wanted::Metric { .. });
    if !query.datasets.is_empty() && !query.filter.mentions(&compares) {
        text = push_measured_on(text, &query.datasets);
    }
    let listing = format!(
        "logged models {:?} {:?} {:?} {:?} {:?}",
        query.experiments, query.filter, query.datasets, query.order, query.order_datasets
    );
    let page = Page { keys: &keys, listing: &listing, token: query.token.as_deref(), limit: query.limit };
    let (rows, next_token) = rows_of_page(sql, text, &page).await?;
    Ok(Found { items: with_details(sql, &rows).await?, next_token })
}

const COLUMNS: &str = "select m.id, m.experiment_id, m.name, m.artifact_uri, m.status, m.status_message, \
                       m.model_type, m.source_run_id, m.created_at, m.updated_at";

/// What decides between logged models that the ordering leaves equal.
const TIES: [SortKey; 2] = [
    SortKey { column: "created_at", is_text: false, is_optional: false, descending: true },
    SortKey { column: "id", is_text: true, is_optional: false, descending: false },
];

async fn with_details(sql: &mut impl Sql, rows: &[Row]) -> Result<Vec<LoggedModel>, Error> {
    let mut models = Vec::with_capacity(rows.len());
    for row in rows {
        models.push(LoggedModel {
            id: row.text("id")?,
            experiment_id: row.int("experiment_id")?,
            name: row.text("name")?,
            artifact_uri: row.text("artifact_uri")?,
            status: row.text("status")?.parse()?,
            status_message: row.opt_text("status_message")?,
            model_type: row.opt_text("model_type")?,
            source_run_id: row.opt_text("source_run_id")?,
            created_at: row.time("created_at")?,
            updated_at: row.time("updated_at")?,
            params: BTreeMap::new(),
            tags: BTreeMap::new(),
            metrics: Vec::new(),
        });
    }
    let at: BTreeMap<String, usize> =
        models.iter().enumerate().map(|(at, model)| (model.id.clone(), at)).collect();
    let ids: Vec<String> = models.iter().map(|model| model.id.clone()).collect();
    for ids in ids.chunks(500) {
        for row in
            all(sql, "select model_id, key, value from logged_model_params where model_id in (", ids).await?
        {
            if let Some(model) = at.get(&row.text("model_id")?).and_then(|at| models.get_mut(*at)) {
                model.params.insert(row.text("key")?, row.text("value")?);
            }
        }
        for row in
            all(sql, "select model_id, key, value from logged_model_tags where model_id in (", ids).await?
        {
            if let Some(model) = at.get(&row.text("model_id")?).and_then(|at| models.get_mut(*at)) {
                model.tags.insert(row.text("key")?, row.text("value")?);
            }
        }
        let metrics = "select model_id, key, step, time, value, is_nan, run_id, dataset_name, dataset_digest \
                       from logged_model_metrics where model_id in (";
        for row in all(sql, metrics, ids).await? {
            if let Some(model) = at.get(&row.text("model_id")?).and_then(|at| models.get_mut(*at)) {
                model.metrics.push(LoggedModelMetric {
                    metric: metric_of(&row)?,
                    run_id: row.text("run_id")?,
                    dataset_name: row.text("dataset_name")?,
                    dataset_digest: row.text("dataset_digest")?,
                });
            }
        }
    }
    Ok(models)
}

async fn all(sql: &mut impl Sql, begin: &'static str, ids: &[String]) -> Result<Vec<Row>, Error> {
    Ok(sql.fetch_all_text(SqlText::new(begin).bind_list(ids).push(") order by model_id, key")).await?)
}

async fn put_params(tx: &mut Tx, id: &str, params: &[(String, String)]) -> Result<(), Error> {
    for (key, value) in params {
        check_key("param", key)?;
        check_text("param", key, value)?;
        tx.execute(
            "insert into logged_model_params (model_id, key, value) values ($1, $2, $3) \
             on conflict (model_id, key) do nothing",
            params![id, key, &*cut(value, PARAM_CHARS)],
        )
        .await?;
    }
    Ok(())
}

async fn put_tags(tx: &mut Tx, id: &str, tags: &[(String, String)]) -> Result<(), Error> {
    for (key, value) in tags {
        check_key("tag", key)?;
        check_text("tag", key, value)?;
        tx.execute(
            "insert into logged_model_tags (model_id, key, value) values ($1, $2, $3) \
             on conflict (model_id, key) do update set value = excluded.value",
            params![id, key, &*cut(value, TAG_CHARS)],
        )
        .await?;
    }
    Ok(())
}

async fn touch(tx: &mut Tx, id: &str, now: Timestamp) -> Result<(), Error> {
    tx.execute("update logged_models set updated_at = $1 where id = $2", params![now, id]).await?;
    Ok(())
}
