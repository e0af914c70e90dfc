//! MLflow's file store: a folder of folders, `mlruns/`.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use futures::stream::{self, BoxStream, StreamExt};
use serde_json::{Value, json};

use super::database::logged_status;
use super::source::{
    Experiment, Link, LoggedModel, ModelPoint, Page, Pairs, Points, Registered, Run, Version, real,
};

const PAGE: usize = 100;
/// Points of one metric in a piece.
const PIECE: usize = 2_000;
/// Folders of the store that hold no experiment.
const NOT_EXPERIMENTS: &[&str] = &["models", ".trash"];
/// The most bytes of a file that holds one value.
const VALUE_BYTES: u64 = 16 * 1024 * 1024;

/// A file store.
pub(super) struct FileStore {
    root: PathBuf,
    name: String,
}

impl FileStore {
    /// The store in `folder`, or in `mlruns` below it.
    pub(super) fn open(folder: &Path) -> Result<Self> {
        let root = if folder.join("mlruns").is_dir() { folder.join("mlruns") } else { folder.to_owned() };
        let root =
            root.canonicalize().with_context(|| format!("the folder {} cannot be read", root.display()))?;
        let store = Self { name: format!("file:{}", root.display()), root };
        if store.experiment_folders()?.is_empty() && !store.root.join("models").is_dir() {
            bail!("{} holds no experiments of MLflow: no folder there has a meta.yaml", store.root.display());
        }
        Ok(store)
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    fn experiment_folders(&self) -> Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        for place in [self.root.clone(), self.root.join(".trash")] {
            if place.is_dir() {
                let folders = folders(&place)?;
                found.extend(folders.into_iter().filter(|folder| {
                    !NOT_EXPERIMENTS.contains(&name_of(folder).as_str()) && folder.join("meta.yaml").is_file()
                }));
            }
        }
        Ok(found)
    }

    pub(super) fn experiments(&self) -> Result<Vec<Experiment>> {
        let mut found = Vec::new();
        for folder in self.experiment_folders()? {
            let meta = meta(&folder)?;
            found.push(Experiment {
                id: text(&meta, "experiment_id").unwrap_or_else(|| name_of(&folder)),
                name: text(&meta, "name").unwrap_or_else(|| name_of(&folder)),
                location: text(&meta, "artifact_location").unwrap_or_default(),
                deleted: text(&meta, "lifecycle_stage").as_deref() == Some("deleted"),
                created_ms: int(&meta, "creation_time"),
                updated_ms: int(&meta, "last_update_time"),
                tags: values(&folder.join("tags"))?,
            });
        }
        Ok(found)
    }

    fn folder_of(&self, experiment: &Experiment) -> PathBuf {
        let there = self.root.join(&experiment.id);
        if there.is_dir() { there } else { self.root.join(".trash").join(&experiment.id) }
    }

    fn run_folders(&self, experiment: &Experiment) -> Result<Vec<PathBuf>> {
        let all = folders(&self.folder_of(experiment))?;
        let others = ["models", "datasets", "tags", "traces"];
        Ok(all
            .into_iter()
            .filter(|folder| {
                !others.contains(&name_of(folder).as_str()) && folder.join("meta.yaml").is_file()
            })
            .collect())
    }

    pub(super) fn count_runs(&self, experiments: &[Experiment]) -> Result<u64> {
        let mut total = 0;
        for experiment in experiments {
            total += u64::try_from(self.run_folders(experiment)?.len()).unwrap_or(0);
        }
        Ok(total)
    }

    pub(super) fn runs(&self, experiment: &Experiment, after: Option<&str>) -> Result<Page<Run>> {
        let (folders, next) = page_of(self.run_folders(experiment)?, after);
        let home = self.folder_of(experiment);
        let runs = folders.iter().map(|folder| run(&home, folder)).collect::<Result<Vec<_>>>()?;
        Ok((runs, next))
    }

    pub(super) fn points<'a>(&'a self, run: &'a Run) -> BoxStream<'a, Result<Points>> {
        let files: Vec<(String, PathBuf)> = match self.find_run(&run.id) {
            Some(folder) => {
                run.metrics.keys().map(|key| (key.clone(), folder.join("metrics").join(key))).collect()
            }
            None => Vec::new(),
        };
        stream::iter(files).flat_map(|(key, file)| stream::iter(Pieces::open(key, &file))).boxed()
    }

    /// The folder of a run, wherever its experiment is.
    fn find_run(&self, run: &str) -> Option<PathBuf> {
        let folders = self.experiment_folders().ok()?;
        folders.into_iter().map(|folder| folder.join(run)).find(|folder| folder.join("meta.yaml").is_file())
    }

    pub(super) fn logged_models(
        &self,
        experiment: &Experiment,
        after: Option<&str>,
    ) -> Result<Page<LoggedModel>> {
        let place = self.folder_of(experiment).join("models");
        if !place.is_dir() {
            return Ok((Vec::new(), None));
        }
        let (folders, next) = page_of(folders(&place)?, after);
        let mut models = Vec::new();
        for folder in folders {
            let meta = meta(&folder)?;
            if text(&meta, "lifecycle_stage").as_deref() == Some("deleted") {
                continue;
            }
            models.push(LoggedModel {
                id: name_of(&folder),
                name: text(&meta, "name").unwrap_or_default(),
                model_type: text(&meta, "model_type"),
                source_run: text(&meta, "source_run_id"),
                status: logged_status(int(&meta, "status").unwrap_or(2)).into(),
                status_message: text(&meta, "status_message"),
                artifact_uri: text(&meta, "artifact_location").unwrap_or_default(),
                created_ms: int(&meta, "creation_timestamp").unwrap_or(0),
                updated_ms: int(&meta, "last_updated_timestamp").unwrap_or(0),
                params: values(&folder.join("params"))?,
                tags: values(&folder.join("tags"))?,
                metrics: model_points(&folder.join("metrics"))?,
            });
        }
        Ok((models, next))
    }

    pub(super) fn registered(&self, after: Option<&str>) -> Result<Page<Registered>> {
        let place = self.root.join("models");
        if !place.is_dir() {
            return Ok((Vec::new(), None));
        }
        let (folders, next) = page_of(folders(&place)?, after);
        let mut models = Vec::new();
        for folder in folders.into_iter().filter(|folder| folder.join("meta.yaml").is_file()) {
            let meta = meta(&folder)?;
            let mut aliases: BTreeMap<String, i64> = BTreeMap::new();
            for (alias, version) in values(&folder.join("aliases"))? {
                let version =
                    version.trim().parse().with_context(|| format!("alias `{alias}` names no version"))?;
                aliases.insert(alias, version);
            }
            models.push(Registered {
                name: text(&meta, "name").unwrap_or_else(|| name_of(&folder)),
                description: text(&meta, "description").unwrap_or_default(),
                created_ms: int(&meta, "creation_timestamp").unwrap_or(0),
                updated_ms: int(&meta, "last_updated_timestamp").unwrap_or(0),
                tags: values(&folder.join("tags"))?,
                aliases,
                versions: versions(&folder)?,
            });
        }
        Ok((models, next))
    }
}

/// A page of folders by name.
fn page_of(mut all: Vec<PathBuf>, after: Option<&str>) -> (Vec<PathBuf>, Option<String>) {
    if let Some(after) = after {
        all.retain(|folder| name_of(folder).as_str() > after);
    }
    let more = all.len() > PAGE;
    all.truncate(PAGE);
    let next = all.last().filter(|_| more).map(|folder| name_of(folder));
    (all, next)
}

fn run(home: &Path, folder: &Path) -> Result<Run> {
    let meta = meta(folder)?;
    let tags = values(&folder.join("tags"))?;
    let mut metrics = Pairs::new();
    for (key, file) in files_below(&folder.join("metrics"))? {
        let bytes = file.metadata().map(|meta| meta.len()).unwrap_or(0);
        metrics.insert(key, bytes.to_string());
    }
    let (mut datasets, mut model_inputs, mut model_outputs) = (Vec::new(), Vec::new(), Vec::new());
    for input in folders_if_there(&folder.join("inputs"))? {
        let of = self::meta(&input)?;
        let source = text(&of, "source_id").unwrap_or_default();
        if text(&of, "source_type").as_deref() == Some("DATASET") {
            datasets.push(dataset(&home.join("datasets").join(&source), of.get("tags"))?);
        } else {
            let model = text(&of, "destination_id").or_else(|| text(&of, "source_id")).unwrap_or_default();
            model_inputs.push(Link { model, step: int(&of, "step").unwrap_or(0) });
        }
    }
    for output in folders_if_there(&folder.join("outputs"))? {
        let of = self::meta(&output)?;
        let model = text(&of, "destination_id").unwrap_or_else(|| name_of(&output));
        model_outputs.push(Link { model, step: int(&of, "step").unwrap_or(0) });
    }
    Ok(Run {
        id: text(&meta, "run_id").or_else(|| text(&meta, "run_uuid")).unwrap_or_else(|| name_of(folder)),
        name: text(&meta, "run_name")
            .filter(|name| !name.is_empty())
            .or_else(|| tags.get("mlflow.runName").cloned())
            .unwrap_or_default(),
        user: text(&meta, "user_id").unwrap_or_default(),
        status: run_status(&meta).into(),
        start_ms: int(&meta, "start_time").unwrap_or(0),
        end_ms: int(&meta, "end_time"),
        deleted: text(&meta, "lifecycle_stage").as_deref() == Some("deleted"),
        artifact_uri: text(&meta, "artifact_uri")
            .unwrap_or_else(|| folder.join("artifacts").to_string_lossy().into_owned()),
        params: values(&folder.join("params"))?,
        tags,
        metrics,
        datasets,
        model_inputs,
        model_outputs,
    })
}

/// The status of a run; the number is that of MLflow's protocol.
fn run_status(meta: &Value) -> &'static str {
    match meta.get("status").and_then(Value::as_i64) {
        Some(2) => "SCHEDULED",
        Some(3) => "FINISHED",
        Some(4) => "FAILED",
        Some(5) => "KILLED",
        _ => "RUNNING",
    }
}

fn dataset(folder: &Path, tags: Option<&Value>) -> Result<Value> {
    let meta = meta(folder)?;
    Ok(json!({
        "name": text(&meta, "name").unwrap_or_default(),
        "digest": text(&meta, "digest").unwrap_or_default(),
        "source_type": text(&meta, "source_type").unwrap_or_default(),
        "source": text(&meta, "source").unwrap_or_default(),
        "schema": text(&meta, "schema"),
        "profile": text(&meta, "profile"),
        "tags": tags.filter(|tags| tags.is_object()).cloned().unwrap_or_else(|| json!({})),
    }))
}

fn versions(folder: &Path) -> Result<Vec<Version>> {
    let mut found = Vec::new();
    for version in folders(folder)? {
        if !name_of(&version).starts_with("version-") {
            continue;
        }
        let meta = meta(&version)?;
        let stage = text(&meta, "current_stage").unwrap_or_else(|| "None".into());
        let number = int(&meta, "version").or_else(|| text(&meta, "version")?.parse().ok()).unwrap_or(0);
        if stage == "Deleted_Internal" || number == 0 {
            continue;
        }
        found.push(Version {
            number,
            description: text(&meta, "description").unwrap_or_default(),
            source: text(&meta, "source").unwrap_or_default(),
            storage_location: text(&meta, "storage_location"),
            source_run: text(&meta, "run_id"),
            run_link: text(&meta, "run_link"),
            logged_model: text(&meta, "model_id"),
            stage,
            status: text(&meta, "status").unwrap_or_else(|| "READY".into()),
            status_message: text(&meta, "status_message").unwrap_or_default(),
            created_ms: int(&meta, "creation_timestamp").unwrap_or(0),
            updated_ms: int(&meta, "last_updated_timestamp").unwrap_or(0),
            tags: values(&version.join("tags"))?,
        });
    }
    found.sort_by_key(|version| version.number);
    Ok(found)
}

fn model_points(folder: &Path) -> Result<Vec<ModelPoint>> {
    let mut found = Vec::new();
    for (key, file) in files_below(folder)? {
        for line in read(&file)?.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [time, value, step, run, dataset @ ..] = words.as_slice() else { continue };
            found.push(ModelPoint {
                run: (*run).to_owned(),
                key: key.clone(),
                value: real(number(value, &file)?),
                time_ms: time.parse().with_context(|| format!("{} has a bad line", file.display()))?,
                step: step.parse().with_context(|| format!("{} has a bad line", file.display()))?,
                dataset_name: dataset.first().map(|word| (*word).to_owned()).unwrap_or_default(),
                dataset_digest: dataset.get(1).map(|word| (*word).to_owned()).unwrap_or_default(),
            });
        }
    }
    Ok(found)
}

/// The lines of a metric's file, a piece at a time.
struct Pieces {
    key: String,
    lines: Option<std::io::Lines<BufReader<std::fs::File>>>,
    file: PathBuf,
    failed: Option<anyhow::Error>,
}

impl Pieces {
    fn open(key: String, file: &Path) -> Self {
        let opened = std::fs::File::open(file).with_context(|| format!("{} cannot be read", file.display()));
        let (lines, failed) = match opened {
            Ok(opened) => (Some(BufReader::new(opened).lines()), None),
            Err(error) => (None, Some(error)),
        };
        Self { key, lines, file: file.to_owned(), failed }
    }

    fn piece(&mut self) -> Result<Option<Points>> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        let Some(lines) = &mut self.lines else { return Ok(None) };
        let mut points = Points::of(&self.key);
        for line in lines.by_ref() {
            let line = line.with_context(|| format!("{} cannot be read", self.file.display()))?;
            let mut words = line.split_whitespace();
            let (Some(time), Some(value)) = (words.next(), words.next()) else { continue };
            let bad = || format!("{} has a bad line: `{line}`", self.file.display());
            let step = words.next().unwrap_or("0").parse().with_context(bad)?;
            points.push(step, time.parse().with_context(bad)?, number(value, &self.file)?);
            if points.len() >= PIECE {
                break;
            }
        }
        Ok((points.len() > 0).then_some(points))
    }
}

impl Iterator for Pieces {
    type Item = Result<Points>;

    fn next(&mut self) -> Option<Self::Item> {
        let piece = self.piece();
        if piece.is_err() {
            self.lines = None;
        }
        piece.transpose()
    }
}

fn number(word: &str, file: &Path) -> Result<f64> {
    word.parse().with_context(|| format!("{}: `{word}` is no number", file.display()))
}

fn name_of(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// The folders right below a folder, by name; links are not followed.
fn folders(place: &Path) -> Result<Vec<PathBuf>> {
    let entries =
        std::fs::read_dir(place).with_context(|| format!("the folder {} cannot be read", place.display()))?;
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

fn folders_if_there(place: &Path) -> Result<Vec<PathBuf>> {
    if place.is_dir() { folders(place) } else { Ok(Vec::new()) }
}

/// All files below a folder, with their paths within it; a key with slashes is kept in folders.
fn files_below(place: &Path) -> Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    let mut waiting = if place.is_dir() { vec![place.to_owned()] } else { Vec::new() };
    while let Some(folder) = waiting.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                waiting.push(entry.path());
            } else if kind.is_file()
                && let Ok(key) = entry.path().strip_prefix(place)
            {
                found.push((key.to_string_lossy().into_owned(), entry.path()));
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Values of which each has a file of its own.
fn values(place: &Path) -> Result<Pairs> {
    files_below(place)?.into_iter().map(|(key, file)| Ok((key, read(&file)?))).collect()
}

fn read(file: &Path) -> Result<String> {
    let shown = || format!("{} cannot be read", file.display());
    let bytes = file.metadata().with_context(shown)?.len();
    if bytes > VALUE_BYTES {
        bail!("{} is larger than {VALUE_BYTES} bytes", file.display());
    }
    let text = std::fs::read_to_string(file).with_context(shown)?;
    Ok(text)
}

fn meta(folder: &Path) -> Result<Value> {
    let file = folder.join("meta.yaml");
    let text = read(&file)?;
    serde_yaml_ng::from_str(&text).with_context(|| format!("{} is not YAML", file.display()))
}

fn text(meta: &Value, key: &str) -> Option<String> {
    match meta.get(key)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn int(meta: &Value, key: &str) -> Option<i64> {
    meta.get(key)?.as_i64()
}
