//! New rows become a dataset version, after every check that concerns them.

use std::collections::BTreeSet;
use std::sync::Arc;

use base::{Actor, Digest, NewEvent, ObjectRef, PageRequest, Timestamp};
use checks::{Check, CheckKind, Circumstances, Drifts, Outcome, Verdict, evaluate};
use datasets::{DatasetVersion, NewVersion};
use serde::Serialize;
use serde_json::json;
use tables::{DeltaTable, Table};

use crate::data_alerts::JudgedPush;
use crate::proving::DatasetDrifts;
use crate::specs::AppliedSpec;
use crate::{Error, Platform, specs};

/// With how many of the newest versions a check of volume compares.
const VERSIONS_COMPARED: usize = 30;

/// What a push brought about.
#[derive(Debug, Clone, Serialize)]
pub struct Pushed {
    /// The new version.
    pub version: DatasetVersion,
    /// What the checks say of its new rows.
    pub verdict: Verdict,
}

/// Where rows come from, and what they do to the rows before.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Origin {
    /// In words.
    pub source: String,
    /// What else is known, as an object: `kind`, `query`, `engine`, `inputs` (versions of our datasets), `external`
    /// (things of other systems, with `namespace`, `name` and `version`), `files`, `with`.
    pub facts: serde_json::Map<String, serde_json::Value>,
    /// Whether the rows stand in place of those before rather than behind them.
    pub replaces: bool,
}

impl Origin {
    /// An origin that is known in words only.
    #[must_use]
    pub fn words(source: &str) -> Self {
        Self { source: source.to_owned(), ..Self::default() }
    }

    fn record(&self) -> serde_json::Value {
        let mut record = self.facts.clone();
        record.insert("source".to_owned(), json!(self.source));
        record.into()
    }
}

impl Platform {
    /// Adds rows to a dataset as a new version, and checks them first.
    ///
    /// `origin` says where they come from. Rows must have the columns of the rows before.
    ///
    /// # Errors
    /// [`Error::Blocked`] when a check with severity `block` fails, and [`Error::RowsDoNotFit`]; nothing is kept then.
    pub async fn push_rows(
        &self,
        dataset: &str,
        rows: Table,
        origin: &str,
        actor: &Actor,
    ) -> Result<Pushed, Error> {
        self.push_rows_of(dataset, rows, &Origin::words(origin), actor).await
    }

    /// Like [`Platform::push_rows`], with all that is known of where the rows come from.
    ///
    /// # Errors
    /// As [`Platform::push_rows`].
    pub async fn push_rows_of(
        &self,
        dataset: &str,
        rows: Table,
        origin: &Origin,
        actor: &Actor,
    ) -> Result<Pushed, Error> {
        base::names::check_name("dataset", dataset).map_err(|cause| Error::RowsDoNotFit {
            dataset: dataset.to_owned(),
            reason: cause.to_string(),
        })?;
        if rows.row_count() == 0 {
            return Err(Error::RowsDoNotFit {
                dataset: dataset.to_owned(),
                reason: "there are none".to_owned(),
            });
        }
        // One push at a time, so that versions of the table and of the dataset stay in step.
        let _turn = self.pushing.lock().await;
        let applied = specs::of_dataset(&mut self.db.read().await?, dataset).await?;
        let rows = self.fitted(dataset, rows).await?;
        let checks: Vec<Check> = applied.iter().flat_map(|applied| applied.spec.checks.clone()).collect();
        let time = applied.first().map(|applied| applied.spec.data.time.clone());
        let circumstances = Circumstances {
            time_column: time.clone(),
            history: self.rows_before(dataset).await?,
            others: self.other_sources(dataset, &checks).await?,
            drifts: self.dataset_drifts(dataset, &checks, &rows, &applied).await?,
            ..Circumstances::at(self.clock.now())
        };
        let verdict = evaluate(&checks, &rows, &circumstances).await?;
        let moments = moments_of(&rows, time.as_deref(), self.clock.now());
        let judged = JudgedPush::of(dataset, &applied, &verdict, moments);
        if verdict.blocked {
            if let Some(judged) = judged {
                let told: Result<(), monitoring::Error> =
                    self.db.write(move |tx| Box::pin(async move { judged.observe(tx).await })).await;
                told?;
            }
            return Err(Error::Blocked { summary: summary_of(&verdict), verdict: Box::new(verdict) });
        }
        let version = self.append(dataset, &rows, time.as_deref(), origin, (&verdict, judged), actor).await?;
        Ok(Pushed { version, verdict })
    }

    /// The newest rows of the datasets that checks refer to by their name.
    async fn other_sources(
        &self,
        dataset: &str,
        checks: &[Check],
    ) -> Result<Vec<(String, checks::Rows)>, Error> {
        let named: BTreeSet<&str> = checks
            .iter()
            .filter_map(|check| match &check.kind {
                CheckKind::References { source, .. } | CheckKind::RowsAsIn { source, .. } => {
                    Some(source.as_str())
                }
                _ => None,
            })
            .filter(|source| *source != dataset)
            .collect();
        let mut found = Vec::new();
        for name in named {
            // A dataset without rows is not there yet; the check then says so.
            let newest = datasets::latest(&mut self.db.read().await?, name).await?;
            if let Some(version) = newest {
                found.push((name.to_owned(), checks::Rows::Table(self.rows_of(&version).await?)));
            }
        }
        Ok(found)
    }

    /// What new rows are compared with, if a check asks for it.
    async fn dataset_drifts(
        &self,
        dataset: &str,
        checks: &[Check],
        rows: &Table,
        applied: &[AppliedSpec],
    ) -> Result<Option<Arc<dyn Drifts>>, Error> {
        if !checks.iter().any(|check| matches!(check.kind, CheckKind::Drift { .. })) {
            return Ok(None);
        }
        let newest = datasets::latest(&mut self.db.read().await?, dataset).await?;
        let before = match newest {
            Some(version) => {
                let rows = self.rows_of(&version).await?;
                Some((version, rows))
            }
            None => None,
        };
        let mut training_until = None;
        if let Some(applied) = applied.first() {
            let mut read = self.db.read().await?;
            let spec = &applied.spec;
            let model = registry::get_model(&mut read, &spec.model).await?;
            if let Some(number) = model.alias(&spec.promotion.alias) {
                let version = registry::get_version(&mut read, &spec.model, number).await?;
                let range = version.training_rows.unwrap_or_default();
                let until = range.get("to").and_then(serde_json::Value::as_str);
                training_until = until.and_then(|until| Timestamp::parse(until).ok());
            }
        }
        Ok(Some(Arc::new(DatasetDrifts {
            rows: rows.clone(),
            before,
            time: applied.first().map(|applied| applied.spec.data.time.clone()),
            training_until,
        })))
    }

    /// How many rows each of the newest versions brought, for checks of volume.
    async fn rows_before(&self, dataset: &str) -> Result<Vec<u64>, Error> {
        let page = PageRequest::first(VERSIONS_COMPARED);
        let mut reader = self.db.read().await?;
        if datasets::find_dataset(&mut reader, dataset).await?.is_none() {
            return Ok(Vec::new());
        }
        let versions = datasets::list_versions(&mut reader, dataset, &page).await?;
        Ok(versions.items.into_iter().map(|version| version.rows_added).collect())
    }

    /// The newest version of a dataset.
    pub(crate) async fn newest_version(&self, dataset: &str) -> Result<DatasetVersion, Error> {
        let newest = datasets::latest(&mut self.db.read().await?, dataset).await?;
        newest.ok_or_else(|| Error::NoRows { dataset: dataset.to_owned() })
    }

    /// The rows of a dataset version.
    pub async fn rows_of(&self, version: &DatasetVersion) -> Result<Table, Error> {
        let table = DeltaTable::open(&self.dataset_location(&version.name)).await?;
        Ok(table.read(Some(version.delta_version)).await?)
    }

    /// Where the rows of a dataset are kept.
    pub(crate) fn dataset_location(&self, dataset: &str) -> String {
        self.folder.join("datasets").join(dataset).to_string_lossy().into_owned()
    }

    /// The rows with the columns, types and order of the rows before.
    async fn fitted(&self, dataset: &str, rows: Table) -> Result<Table, Error> {
        let newest = datasets::latest(&mut self.db.read().await?, dataset).await?;
        let Some(newest) = newest else { return Ok(rows) };
        let wrong = |reason: String| Error::RowsDoNotFit { dataset: dataset.to_owned(), reason };
        let schema = newest.schema;
        if let Some(extra) = rows.schema().names().find(|name| schema.find(name).is_none()) {
            return Err(wrong(format!("column `{extra}` is new; the rows before have no such column")));
        }
        crate::rows::fitted_to(&schema, &rows).map_err(wrong)
    }

    async fn append(
        &self,
        dataset: &str,
        rows: &Table,
        time: Option<&str>,
        origin: &Origin,
        (verdict, judged): (&Verdict, Option<JudgedPush>),
        actor: &Actor,
    ) -> Result<DatasetVersion, Error> {
        let table = DeltaTable::open_or_create(&self.dataset_location(dataset), rows.schema()).await?;
        self.drop_unrecorded(dataset, &table).await?;
        let delta_version =
            if origin.replaces { table.overwrite(rows).await? } else { table.append(rows).await? };
        let digest = digest_of(&table, delta_version).await?;
        let range = time.and_then(|time| rows.times(time).ok()).unwrap_or_default();
        let from = range.iter().flatten().min().copied().map(Timestamp::from_micros);
        let to = range.iter().flatten().max().copied().map(Timestamp::from_micros);
        let new = NewVersion {
            dataset: dataset.to_owned(),
            delta_version,
            digest,
            rows_added: rows.row_count() as u64,
            replaces: origin.replaces,
            schema: rows.schema().clone(),
            from,
            to,
            origin: origin.record(),
            profile: profile_of(rows)?,
        };
        let (actor, now, verdict) = (actor.clone(), self.clock.now(), verdict.clone());
        let version = self
            .db
            .write(move |tx| {
                Box::pin(async move {
                    if datasets::find_dataset(tx, &new.dataset).await?.is_none() {
                        datasets::create_dataset(tx, &new.dataset, "", &actor, now).await?;
                    }
                    let version = datasets::add_version(tx, &new, &actor, now).await?;
                    let object = ObjectRef::new("dataset", format!("{}@{}", version.name, version.number));
                    checks::store::insert_verdict(tx, &object, &actor, now, &verdict).await?;
                    if verdict.outcome >= Outcome::Fail {
                        let event =
                            NewEvent::new("dataset.checks_failed", &actor, object, summary_of(&verdict));
                        tx.append_event(event).await?;
                    }
                    if let Some(judged) = judged {
                        judged.taken_as(version.number).observe(tx).await?;
                    }
                    Ok::<_, Error>(version)
                })
            })
            .await?;
        Ok(version)
    }

    /// Undoes an append that a crash kept from being recorded.
    async fn drop_unrecorded(&self, dataset: &str, table: &DeltaTable) -> Result<(), Error> {
        let newest = datasets::latest(&mut self.db.read().await?, dataset).await?;
        let Some(newest) = newest else {
            if table.version() > 0 {
                table.overwrite(&Table::empty(&table.schema()?)?).await?;
            }
            return Ok(());
        };
        if table.refresh().await? > newest.delta_version {
            let rows = table.read(Some(newest.delta_version)).await?;
            tracing::warn!(
                dataset.name = dataset,
                "rows of dataset `{dataset}` that were never acknowledged are dropped"
            );
            table.overwrite(&rows).await?;
        }
        Ok(())
    }
}

/// The first and the last moment that rows are about; the present where they have none.
fn moments_of(rows: &Table, time: Option<&str>, now: Timestamp) -> (Timestamp, Timestamp) {
    let times = time.and_then(|time| rows.times(time).ok()).unwrap_or_default();
    let known = || times.iter().flatten().copied().map(Timestamp::from_micros);
    (known().min().unwrap_or(now), known().max().unwrap_or(now))
}

async fn digest_of(table: &DeltaTable, version: i64) -> Result<Digest, Error> {
    let mut hasher = base::Hasher::new();
    hasher.field(json!(table.schema()?).to_string());
    let mut files = table.file_digests(Some(version)).await?;
    files.sort_by_key(|(_, digest)| *digest);
    for (_, digest) in files {
        hasher.field(digest.as_bytes());
    }
    Ok(hasher.finish())
}

fn profile_of(rows: &Table) -> Result<serde_json::Value, Error> {
    let profiles = rows
        .schema()
        .names()
        .map(|name| {
            let profile = match rows.column(name)? {
                tables::Values::Text(texts) => stats::Profile::of_texts(&texts),
                _ => stats::Profile::of_numbers(&rows.numbers(name)?, None),
            };
            Ok((name.to_owned(), json!(profile)))
        })
        .collect::<Result<serde_json::Map<_, _>, Error>>()?;
    Ok(profiles.into())
}

/// The checks that failed, in a sentence.
fn summary_of(verdict: &Verdict) -> String {
    let failed: Vec<&str> = verdict
        .results
        .iter()
        .filter(|result| result.outcome >= Outcome::Fail)
        .map(|result| result.message.as_str())
        .collect();
    failed.join("; ")
}
