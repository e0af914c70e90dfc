//! A model that scores tables: of a server's registry, or of files.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use base::{Digest, Timestamp};
use registry::{Stage, Version};
use serde_json::{Map, Value};
use serving::{Column, Engine, FieldKind, InputField, Values as Outputs};
use tables::{Table, Values};

use crate::replica::Registry;
use crate::served::ServedEngine;
use crate::{Error, Platform, PlatformOptions, PythonSettings, Worker};

/// The column with the predictions.
pub(super) const PREDICTION: &str = "prediction";

/// A loaded model that scores tables.
#[derive(Debug, Clone)]
pub struct Scorer {
    engine: Arc<dyn Engine>,
    spent_ns: Arc<AtomicU64>,
    /// The model; the file's name when it comes from a file.
    pub model: String,
    /// Its version; 0 when it comes from a file.
    pub version: i64,
    /// What it is made of: a word that changes with the model.
    pub digest: String,
}

/// A folder of our own to load models in.
pub struct Local {
    platform: Arc<Platform>,
}

impl Local {
    /// Opens a folder in which fetched models stay, so that they are fetched once.
    ///
    /// # Errors
    /// When the folder cannot be used.
    pub async fn open(folder: &Path, worker: Worker) -> Result<Self, Error> {
        let python = PythonSettings::default();
        let options =
            PlatformOptions { folder: folder.to_owned(), database: None, artifacts: None, worker, python };
        Ok(Self { platform: Platform::open(options).await? })
    }

    /// Loads a version of a server's registry.
    ///
    /// # Errors
    /// When the server does not help, or no engine here can run the version.
    pub async fn fetch(&self, registry: &Registry, model: &str, pointer: &str) -> Result<Scorer, Error> {
        let version = registry.version(model, pointer).await?;
        registry.fetch(&version, &self.platform.artifacts).await?;
        self.load(version).await
    }

    /// Loads a model from a file, or from a folder that MLflow's `log_model` has made. No server is asked.
    ///
    /// # Errors
    /// When there is nothing that can be run.
    pub async fn read(&self, path: &Path) -> Result<Scorer, Error> {
        let name = path.file_stem().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let unreadable = |cause: std::io::Error| Error::Files {
            doing: format!("the model `{}` cannot be read", path.display()),
            cause,
        };
        let found = std::fs::metadata(path).map_err(unreadable)?;
        let mut version = nameless(&name);
        if found.is_dir() {
            let (store, folder) = (self.platform.artifacts.clone(), path.to_owned());
            version.artifact = Some(put_folder(&store, &folder).await?);
            "mlflow".clone_into(&mut version.flavor);
        } else {
            let bytes = std::fs::read(path).map_err(unreadable)?;
            version.digest = Some(self.platform.artifacts.put_bytes(bytes).await?.digest);
        }
        self.load(version).await
    }

    async fn load(&self, version: Version) -> Result<Scorer, Error> {
        let engine = self.platform.engine_of_version(&version).await?;
        let digest = version.digest.or(version.artifact).map(|digest| digest.to_string()).unwrap_or_default();
        Ok(Scorer {
            engine: Arc::new(ServedEngine::new(engine)),
            spent_ns: Arc::default(),
            model: version.model,
            version: version.number,
            digest,
        })
    }
}

/// Puts the files below a folder into the store as a tree.
async fn put_folder(store: &artifacts::Artifacts, folder: &Path) -> Result<Digest, Error> {
    let mut entries = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(here) = folders.pop() {
        let unreadable = |cause: std::io::Error| Error::Files {
            doing: format!("the folder `{}` cannot be read", here.display()),
            cause,
        };
        for entry in std::fs::read_dir(&here).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let below = path.strip_prefix(folder).unwrap_or(&path).to_string_lossy().replace('\\', "/");
            let bytes = std::fs::read(&path).map_err(unreadable)?;
            let blob = store.put_bytes(bytes).await?;
            let path = artifacts::SafePath::parse(&below)?;
            entries.push(artifacts::Entry { path, digest: blob.digest, bytes: blob.bytes });
        }
    }
    Ok(store.put_tree(entries).await?.digest)
}

/// A version that no registry knows.
fn nameless(model: &str) -> Version {
    let at = Timestamp::from_micros(0);
    Version {
        model: model.to_owned(),
        number: 0,
        created_at: at,
        updated_at: at,
        actor: String::new(),
        description: String::new(),
        stage: Stage::None,
        status: "READY".to_owned(),
        status_message: String::new(),
        digest: None,
        artifact: None,
        source: String::new(),
        storage_location: String::new(),
        source_run: None,
        run_link: None,
        logged_model: None,
        pipeline_run: None,
        flavor: String::new(),
        engine: String::new(),
        trainer: String::new(),
        signature: None,
        metrics: None,
        baseline_metrics: None,
        dataset_versions: None,
        training_rows: None,
        evaluation_rows: None,
        feature_importance: None,
        reference_profile: None,
        aliases: Vec::new(),
        tags: std::collections::BTreeMap::new(),
    }
}

/// What a part of the rows became.
pub(super) struct Part {
    /// The rows with their predictions.
    pub(super) rows: Table,
    /// The predictions alone.
    pub(super) predictions: Vec<f64>,
}

impl Scorer {
    /// How long the engine itself has computed, on all threads together.
    #[must_use]
    pub fn engine_time(&self) -> Duration {
        Duration::from_nanos(self.spent_ns.load(Ordering::Relaxed))
    }

    /// The columns that hold numbers, for files that do not tell.
    #[must_use]
    pub fn numbers(&self) -> Vec<String> {
        let inputs = self.engine.signature().inputs.iter();
        inputs
            .filter(|field| field.kind == FieldKind::Number)
            .flat_map(|field| field.element_names().collect::<Vec<_>>())
            .collect()
    }

    /// The columns that the model takes.
    #[must_use]
    pub fn features(&self) -> Vec<String> {
        self.engine
            .signature()
            .inputs
            .iter()
            .flat_map(|field| field.element_names().collect::<Vec<_>>())
            .collect()
    }

    /// The predictions for rows that are given as JSON objects.
    ///
    /// # Errors
    /// Rows that the model does not take.
    pub fn score_json(&self, rows: &[Map<String, Value>]) -> Result<Vec<f64>, Error> {
        let table = crate::table_of_json(&self.model, rows)?;
        Ok(self.score(&table, 0, None)?.predictions)
    }

    /// The rows with their predictions; `keep` names the columns that are passed on, all when absent. `first` is the
    /// number of the first row in its file.
    pub(super) fn score(&self, rows: &Table, first: u64, keep: Option<&[String]>) -> Result<Part, Error> {
        let signature = self.engine.signature();
        let columns = signature
            .inputs
            .iter()
            .map(|field| self.column(field, rows, first))
            .collect::<Result<Vec<_>, _>>()?;
        let began = Instant::now();
        let answer = self.engine.answer(&columns);
        let took = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.spent_ns.fetch_add(took, Ordering::Relaxed);
        let answer = answer.map_err(|failure| Error::Scoring {
            model: self.model.clone(),
            first,
            rows: rows.row_count() as u64,
            reason: failure.to_string(),
        })?;
        let mut kept = match keep {
            None => rows.clone(),
            Some(names) => rows.select(&names.iter().map(String::as_str).collect::<Vec<_>>())?,
        };
        let predictions = answer.predictions.iter().map(|value| value.is_finite().then_some(*value));
        kept = kept.with_column(PREDICTION, Values::Real(predictions.collect()))?;
        let outputs = signature.shown.iter().chain(&signature.more_outputs);
        for (output, values) in outputs.zip(answer.shown.iter().chain(&answer.more)) {
            let width = output.width.max(1) as usize;
            for at in 0..width {
                let name = if width == 1 { output.name.clone() } else { format!("{}_{at}", output.name) };
                let taken = kept.schema().find(&name).is_some();
                let name = if taken { format!("predicted_{name}") } else { name };
                kept = kept.with_column(&name, every(values, at, width))?;
            }
        }
        Ok(Part { rows: kept, predictions: answer.predictions })
    }

    fn column(&self, field: &InputField, rows: &Table, first: u64) -> Result<Column, Error> {
        let unusable = |column: &str, reason: String| Error::RowsUnusable {
            model: self.model.clone(),
            column: column.to_owned(),
            reason,
        };
        let width = field.width.max(1) as usize;
        let mut parts = Vec::with_capacity(width);
        for name in field.element_names() {
            if rows.schema().find(&name).is_none() {
                if !field.required {
                    return Ok(Column::missing(field, rows.row_count()));
                }
                let near = base::names::nearest(&name, rows.schema().names());
                let near = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
                return Err(unusable(&name, format!("the rows have no such column{near}")));
            }
            parts.push(name);
        }
        let lacking = |name: &str, row: Option<usize>| match row {
            Some(row) if field.required => Err(unusable(
                name,
                format!("row {} has no value, and the model needs one", first + row as u64 + 1),
            )),
            _ => Ok(()),
        };
        if field.kind == FieldKind::Category {
            let name = parts.first().map(String::as_str).unwrap_or_default();
            let words = rows.texts(name)?;
            lacking(name, words.iter().position(Option::is_none))?;
            return Ok(Column::Words(words));
        }
        let mut elements = Vec::with_capacity(width);
        for name in &parts {
            let numbers = rows.numbers(name).map_err(|error| unusable(name, error.to_string()))?;
            lacking(name, numbers.iter().position(Option::is_none))?;
            elements.push(numbers);
        }
        let value =
            |row: usize, element: &Vec<Option<f64>>| element.get(row).copied().flatten().unwrap_or(f64::NAN);
        let all =
            (0..rows.row_count()).flat_map(|row| elements.iter().map(move |element| value(row, element)));
        Ok(Column::Numbers(all.collect()))
    }
}

/// Every `width`th value from `at` on, as a column.
fn every(values: &Outputs, at: usize, width: usize) -> Values {
    match values {
        Outputs::Reals(all) => {
            Values::Real(all.iter().skip(at).step_by(width).map(|value| Some(*value)).collect())
        }
        Outputs::Integers(all) => {
            Values::Int(all.iter().skip(at).step_by(width).map(|value| Some(*value)).collect())
        }
        Outputs::Words(all) => {
            Values::Text(all.iter().skip(at).step_by(width).map(|value| Some(value.clone())).collect())
        }
    }
}
