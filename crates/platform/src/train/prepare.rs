//! The `prepare` step: rows of a dataset version become rows to learn from and rows to judge by.

use base::{Digest, Timestamp};
use checks::Circumstances;
use datasets::DatasetVersion;
use inference::Signature;
use serde_json::json;
use tables::{Query, Table};

use super::params;
use super::steps::{Pipeline, StepResult, digest_in, parts};
use crate::rows::{RowRange, range_of, signature_of, split_at, with_target};
use crate::{Error, Platform};

/// The most bytes of a prepared table.
const MOST_BYTES: u64 = 4 << 30;

/// Prepared rows, split by time.
pub(super) struct Prepared {
    pub(super) dataset: DatasetVersion,
    pub(super) signature: Signature,
    pub(super) training: Table,
    pub(super) training_range: RowRange,
    pub(super) evaluation: Table,
    pub(super) evaluation_range: RowRange,
}

/// Runs the step, and splits its result.
pub(super) async fn prepare(pipeline: &Pipeline<'_>, until: Option<Timestamp>) -> Result<Prepared, Error> {
    let (platform, spec) = (pipeline.platform, &pipeline.applied.spec);
    let dataset = platform.newest_version(&spec.data.dataset).await?;
    let prepared = platform.prepared_rows(pipeline, &dataset).await?;
    let signature = signature_of(&spec.pipeline, &prepared.table)?;
    split(pipeline, dataset, signature, &prepared.table, prepared.digest, until)
}

/// Splits prepared rows into those to learn from and those to judge by.
pub(super) fn split(
    pipeline: &Pipeline<'_>,
    dataset: DatasetVersion,
    signature: Signature,
    table: &Table,
    digest: Digest,
    until: Option<Timestamp>,
) -> Result<Prepared, Error> {
    let spec = &pipeline.applied.spec;
    let time = &spec.pipeline.time;
    let known = with_target(table, &spec.pipeline.target)?;
    let known = match until {
        Some(until) => split_at(&known, time, until.as_micros())?.0,
        None => known,
    };
    let last = known
        .times(time)?
        .into_iter()
        .flatten()
        .max()
        .ok_or_else(|| Error::NoRows { dataset: dataset.name.clone() })?;
    let split = Timestamp::from_micros(last).minus(spec.pipeline.evaluate.last);
    let (training, evaluation) = split_at(&known, time, split.as_micros())?;
    if training.row_count() == 0 || evaluation.row_count() == 0 {
        let reason = format!(
            "{} rows to learn from and {} of the last {} to judge by; both are needed",
            training.row_count(),
            evaluation.row_count(),
            spec.pipeline.evaluate.last.in_words()
        );
        return Err(Error::Prepared { reason });
    }
    Ok(Prepared {
        training_range: range_of(&training, time, digest)?,
        evaluation_range: range_of(&evaluation, time, digest)?,
        dataset,
        signature,
        training,
        evaluation,
    })
}

/// A prepared table and the artifact that it is kept as.
struct Kept {
    table: Table,
    digest: Digest,
}

impl Platform {
    async fn prepared_rows(&self, pipeline: &Pipeline<'_>, dataset: &DatasetVersion) -> Result<Kept, Error> {
        let (sql, checks) = (pipeline.applied.prepare_sql().to_owned(), &pipeline.applied.spec.checks);
        let key = parts(
            "prepare".to_owned(),
            [("rows", dataset.digest), ("sql", Digest::of(&sql))],
            params([("left_out", json!(checks))]),
        );
        let work = || async {
            let rows = self.rows_of(dataset).await?;
            let sound = checks::sound_rows(checks, &rows, &Circumstances::at(self.clock.now())).await?;
            let left_out = sound.iter().filter(|sound| !**sound).count();
            let input = rows.filter(&sound)?;
            let table = Query::new().table("input", input).run(&sql).await?;
            let blob = self.artifacts.put_bytes(table.to_parquet()?).await?;
            Ok(StepResult {
                outputs: json!({ "table": blob.digest, "rows": table.row_count(), "left_out": left_out }),
                tracked: None,
                message: format!(
                    "{} rows of {} version {} became {}; {left_out} left out by checks",
                    rows.row_count(),
                    dataset.name,
                    dataset.number,
                    table.row_count()
                ),
            })
        };
        let done = pipeline.step("prepare", key, Some("table"), work).await?;
        let digest = digest_in(&done.outputs, "table")?;
        Ok(Kept { table: self.stored_table(digest).await?, digest })
    }

    /// A table that is kept as an artifact.
    pub(crate) async fn stored_table(&self, digest: Digest) -> Result<Table, Error> {
        let bytes = self.artifacts.read_bytes(digest, MOST_BYTES).await?;
        Ok(Table::from_parquet(Vec::from(bytes))?)
    }
}
