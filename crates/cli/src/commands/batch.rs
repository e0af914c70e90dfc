//! `predict --in`: rows of files of any size, scored in this process by the engine that also serves.

mod places;
mod state;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};
use base::Failure;
use clap::{Args, ValueEnum};
use indicatif::ProgressBar;
use platform::replica::Registry;
use platform::scoring::{Local, ScoreOptions, Scored, Scorer, Sent, score_file};
use serde_json::{Map, Value, json};
use tables::RowFormat;

use self::places::{Input, Output};
use self::state::State;
use super::up;
use crate::args::{PredictArguments, ServerArguments};
use crate::exit::hinted;
use crate::output;
use crate::progress;

/// What `predict` is told of a batch.
#[derive(Debug, Clone, Args)]
pub(crate) struct BatchArguments {
    /// A model file, or a folder made by MLflow's `log_model`: it is run here, and no server is asked.
    #[arg(long)]
    pub(crate) model: Option<PathBuf>,
    /// The rows: a Parquet, CSV or JSON lines file, a folder or pattern of them, or `s3://BUCKET/KEY`.
    #[arg(long = "in", value_name = "ROWS", requires = "out")]
    pub(crate) input: Option<String>,
    /// Where rows and predictions go: a file, a folder when the rows are several files, or `s3://BUCKET/KEY`.
    #[arg(long, value_name = "PLACE", requires = "input")]
    pub(crate) out: Option<String>,
    /// The format of the output; told by its name when not given.
    #[arg(long, value_enum, requires = "input")]
    pub(crate) format: Option<BatchFormat>,
    /// The columns that are passed on; all when not given.
    #[arg(long, value_delimiter = ',', requires = "input")]
    pub(crate) columns: Option<Vec<String>>,
    /// Keep the predictions in the server's archive too, each once.
    #[arg(long, requires = "input", conflicts_with = "model")]
    pub(crate) archive: bool,
    /// The column that says when a row happens, for the archive.
    #[arg(long, requires = "archive")]
    pub(crate) event_time: Option<String>,
    /// The column that says whom or what a row is about, for the archive.
    #[arg(long, requires = "archive")]
    pub(crate) entity: Option<String>,
    /// Score files again that an earlier run has finished.
    #[arg(long, requires = "input")]
    pub(crate) again: bool,
}

/// How the output is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum BatchFormat {
    /// Parquet.
    Parquet,
    /// CSV.
    Csv,
    /// One JSON object a line.
    Jsonl,
}

impl BatchFormat {
    const fn rows(self) -> RowFormat {
        match self {
            Self::Parquet => RowFormat::Parquet,
            Self::Csv => RowFormat::Csv,
            Self::Jsonl => RowFormat::JsonLines,
        }
    }
}

impl BatchArguments {
    /// Whether the model runs in this process.
    pub(crate) const fn runs_here(&self) -> bool {
        self.input.is_some() || self.model.is_some()
    }
}

/// An error of the platform with its hint.
pub(super) fn failed(error: &impl Failure) -> anyhow::Error {
    match error.hint() {
        Some(hint) => hinted(error.to_string(), hint),
        None => anyhow::anyhow!("{error}"),
    }
}

/// Where models that were fetched once stay.
fn cache() -> PathBuf {
    let home = |name: &str| std::env::var_os(name).filter(|path| !path.is_empty()).map(PathBuf::from);
    let base = home("XDG_CACHE_HOME").or_else(|| home("HOME").map(|home| home.join(".cache")));
    base.unwrap_or_else(std::env::temp_dir).join("gingham").join("models")
}

/// Scores files, or a row without a server.
pub(super) async fn run(server: &ServerArguments, arguments: &PredictArguments, json: bool) -> Result<()> {
    let batch = &arguments.batch;
    // A model of a file leaves nothing behind.
    let scratch = tempfile::tempdir().context("there is no room for temporary files")?;
    let folder = if batch.model.is_some() { scratch.path().join("model") } else { cache() };
    std::fs::create_dir_all(&folder).with_context(|| format!("`{}` cannot be made", folder.display()))?;
    // Two runs of one person do not fetch into one folder at once.
    let _lock = up::lock(&folder).or_else(|_| up::lock(scratch.path()));
    let local = Local::open(&folder, up::worker()?).await.map_err(|error| failed(&error))?;
    let (scorer, registry) = load(&local, server, arguments).await?;
    if let Some(row) = &arguments.row {
        let row: Map<String, Value> = serde_json::from_str(row)
            .map_err(|error| hinted(format!("the row is not a JSON object: {error}"), ""))?;
        let predictions = scorer.score_json(&[row]).map_err(|error| failed(&error))?;
        for prediction in predictions {
            output::line(&Value::from(prediction).to_string());
        }
        return Ok(());
    }
    let (Some(input), Some(out)) = (&batch.input, &batch.out) else {
        return Err(hinted("there are no rows", "name them with --in, and with --out where predictions go"));
    };
    let inputs = places::inputs(input).await?;
    let target =
        Output::of(out, inputs.len() > 1 || places::is_many(input), batch.format.map(BatchFormat::rows))?;
    let mut state = State::read(&target, scratch.path()).await?;
    let began = Instant::now();
    let (mut rows, mut skipped) = (0, 0);
    for each in &inputs {
        let place = target.place(each);
        let mark = state::mark(each, &scorer.digest, batch.columns.as_deref());
        if !batch.again && target.is_many() && state.is_done(&each.name, &mark) && place.exists().await? {
            skipped += 1;
            continue;
        }
        let scored = one(&scorer, (each, &place), (batch, registry.as_ref()), scratch.path()).await?;
        rows += scored.rows;
        if target.is_many() {
            state.done(&each.name, mark, scored.rows);
            state.write(&target, scratch.path()).await?;
        }
    }
    report(json, (&scorer, out), (inputs.len(), skipped), rows, began);
    Ok(())
}

/// The model, and the server that it came from.
async fn load(
    local: &Local,
    server: &ServerArguments,
    arguments: &PredictArguments,
) -> Result<(Scorer, Option<Registry>)> {
    if let Some(path) = &arguments.batch.model {
        return Ok((local.read(path).await.map_err(|error| failed(&error))?, None));
    }
    let what = arguments.deployment.as_deref().unwrap_or_default();
    let (model, pointer) = what.rsplit_once('@').ok_or_else(|| {
        hinted(format!("`{what}` names no version"), "write `MODEL@champion` or `MODEL@NUMBER`")
    })?;
    let registry = Registry::at(&server.server, server.token.clone()).map_err(|error| failed(&error))?;
    let scorer = local.fetch(&registry, model, pointer).await.map_err(|error| failed(&error))?;
    Ok((scorer, Some(registry)))
}

/// Scores one file.
async fn one(
    scorer: &Scorer,
    (input, place): (&Input, &places::Place),
    (batch, registry): (&BatchArguments, Option<&Registry>),
    scratch: &Path,
) -> Result<Scored> {
    let source = input.fetch(scratch).await?;
    let written = place.local(scratch);
    let options = ScoreOptions {
        keep: batch.columns.clone(),
        event_time: batch.event_time.clone(),
        entity: batch.entity.clone(),
    };
    let archive = registry.filter(|_| batch.archive).cloned();
    let key = format!("batch/{}/{}/{}", scorer.digest, input.name, input.tag);
    let bar = Arc::new(progress::bar(100, &shortened(&input.name)));
    let (shown, model) = (Arc::clone(&bar), scorer.clone());
    let (input_format, output_format, target) = (input.format, place.format, written.clone());
    let runtime = tokio::runtime::Handle::current();
    let scored = tokio::task::spawn_blocking(move || {
        let name = model.model.clone();
        let mut send = |part: u64, rows: Vec<Map<String, Value>>| {
            let Some(registry) = &archive else { return Ok(()) };
            for (at, rows) in rows.chunks(5_000).enumerate() {
                let rows: Vec<Value> = rows.iter().cloned().map(Value::Object).collect();
                runtime.block_on(registry.send_predictions(&name, &rows, &format!("{key}/{part}/{at}")))?;
            }
            Ok(())
        };
        let sent: Option<Sent<'_>> = if archive.is_some() { Some(&mut send) } else { None };
        let tell = |progress: tables::Progress, rows| told(&shown, progress, rows);
        score_file(&model, (&source, input_format), (&target, output_format), &options, sent, &tell)
    })
    .await
    .context("the work broke off")?;
    bar.finish_and_clear();
    let scored = scored.map_err(|error| failed(&error)).with_context(|| format!("`{}`", input.name))?;
    place.put(&written).await?;
    Ok(scored)
}

fn told(bar: &ProgressBar, progress: tables::Progress, rows: u64) {
    let share = progress.done.saturating_mul(100).checked_div(progress.total).unwrap_or(0);
    bar.set_position(share.min(100));
    bar.set_message(format!("{rows} rows"));
}

fn shortened(name: &str) -> String {
    let last = name.rsplit('/').next().unwrap_or(name);
    last.chars().take(26).collect()
}

fn report(
    as_json: bool,
    (scorer, out): (&Scorer, &str),
    (files, skipped): (usize, usize),
    rows: u64,
    began: Instant,
) {
    let seconds = began.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = if seconds > 0.0 { rows as f64 / seconds } else { 0.0 };
    if as_json {
        output::json(&json!({
            "model": scorer.model, "version": scorer.version, "out": out, "files": files,
            "files_done_before": skipped, "rows": rows, "seconds": seconds, "rows_per_second": rate.round(),
            "engine_seconds": scorer.engine_time().as_secs_f64(),
        }));
        return;
    }
    let before =
        if skipped > 0 { format!("; {skipped} of {files} files were done before") } else { String::new() };
    output::line(&format!("{rows} rows in {seconds:.1} s ({rate:.0} a second) to {out}{before}"));
}
