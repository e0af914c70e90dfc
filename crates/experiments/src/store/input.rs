//! What runs read and made: datasets and logged models.

use db::{Sql, SqlText, Tx, params};
use serde::Serialize;

use super::{active_run, next_number};
use crate::limits::check_dataset;
use crate::{DatasetInput, Error, ModelLink};

const CONTEXT_TAG: &str = "mlflow.data.context";

/// A dataset that runs of an experiment read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DatasetSummary {
    /// The experiment.
    pub experiment_id: i64,
    /// Its name.
    pub name: String,
    /// Its digest.
    pub digest: String,
    /// What it was read for, if a run said so.
    pub context: Option<String>,
}

/// Notes datasets and logged models that a run read; saying it twice changes nothing.
pub async fn log_inputs(
    tx: &mut Tx,
    run: &str,
    datasets: &[DatasetInput],
    models: &[ModelLink],
) -> Result<(), Error> {
    for input in datasets {
        check_dataset(input)?;
    }
    let head = active_run(tx, run).await?;
    for input in datasets {
        let number = dataset_number(tx, head.experiment_id, input).await?;
        let tags = serde_json::to_value(&input.tags).unwrap_or_default();
        tx.execute(
            "insert into run_inputs (run, dataset, context, tags) values ($1, $2, $3, $4) \
             on conflict (run, dataset) do nothing",
            params![head.number, number, input.tags.get(CONTEXT_TAG).cloned(), tags],
        )
        .await?;
    }
    link_models(tx, head.number, "input", models).await
}

/// Notes logged models that a run made.
pub async fn log_outputs(tx: &mut Tx, run: &str, models: &[ModelLink]) -> Result<(), Error> {
    let head = active_run(tx, run).await?;
    link_models(tx, head.number, "output", models).await
}

/// The datasets that runs of these experiments read, each once for each context.
pub async fn search_datasets(sql: &mut impl Sql, experiments: &[i64]) -> Result<Vec<DatasetSummary>, Error> {
    if experiments.is_empty() {
        return Ok(Vec::new());
    }
    let text = SqlText::new(
        "select distinct d.experiment_id, d.name, d.digest, i.context from input_datasets d \
         join run_inputs i on i.dataset = d.number where d.experiment_id in (",
    )
    .bind_list(experiments.iter().copied())
    .push(") order by d.experiment_id, d.name, d.digest limit 1000");
    let rows = sql.fetch_all_text(text).await?;
    rows.iter()
        .map(|row| {
            Ok(DatasetSummary {
                experiment_id: row.int("experiment_id")?,
                name: row.text("name")?,
                digest: row.text("digest")?,
                context: row.opt_text("context")?,
            })
        })
        .collect()
}

async fn dataset_number(tx: &mut Tx, experiment_id: i64, input: &DatasetInput) -> Result<i64, Error> {
    let find = "select number from input_datasets where experiment_id = $1 and name = $2 and digest = $3";
    if let Some(row) = tx.fetch_optional(find, params![experiment_id, &input.name, &input.digest]).await? {
        return Ok(row.int("number")?);
    }
    let number = next_number(tx, "dataset").await?;
    tx.execute(
        "insert into input_datasets (number, experiment_id, name, digest, source_type, source, schema_text, profile_text) \
         values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (experiment_id, name, digest) do nothing",
        params![
            number,
            experiment_id,
            &input.name,
            &input.digest,
            &input.source_type,
            &input.source,
            input.schema.clone(),
            input.profile.clone()
        ],
    )
    .await?;
    match tx.fetch_optional(find, params![experiment_id, &input.name, &input.digest]).await? {
        Some(row) => Ok(row.int("number")?),
        None => Ok(number),
    }
}

async fn link_models(
    tx: &mut Tx,
    number: i64,
    direction: &'static str,
    models: &[ModelLink],
) -> Result<(), Error> {
    for link in models {
        tx.execute(
            "insert into run_models (run, direction, model_id, step) values ($1, $2, $3, $4) \
             on conflict (run, direction, model_id) do update set step = excluded.step",
            params![number, direction, &link.model_id, link.step],
        )
        .await?;
    }
    Ok(())
}
