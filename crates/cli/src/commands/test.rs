//! `test`: the data checks of a folder, evaluated here, without a server.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use base::{Failure, Timestamp};
use checks::report::{self, Tested};
use checks::{Check, Circumstances, Misfit, Outcome, Rows};
use clap::Args;
use platform::SourceDrifts;
use platform::spec::{Places, Suite, SuiteSource, parse_suite};
use serde_json::{Value, json};
use tables::QueryLimits;

use crate::exit::{self, hinted};
use crate::output;
use crate::project::Project;

/// A scan over a file larger than memory takes its time.
const SCAN_DEADLINE: Duration = Duration::from_secs(1_800);

/// What is tested, and where the results go.
#[derive(Debug, Clone, Args)]
pub(crate) struct TestArguments {
    /// A `checks.yaml` or a `gingham.yaml`, or the folder it is in.
    #[arg(default_value = ".")]
    path: PathBuf,
    /// Only this source; may be given several times.
    #[arg(long)]
    source: Vec<String>,
    /// Write the results as JUnit XML.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Write the results as SARIF, with their places in the file.
    #[arg(long, value_name = "FILE")]
    sarif: Option<PathBuf>,
    /// Write the results as Markdown.
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Write the results as one HTML file.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// The moment from which ages are counted; the present when not given.
    #[arg(long)]
    now: Option<Timestamp>,
    /// Test a version of a model on the server instead: `MODEL@NUMBER` or `MODEL@ALIAS`.
    #[arg(long, value_name = "MODEL@VERSION", conflicts_with_all = ["source", "now"])]
    pub(super) model: Option<String>,
    /// With `--model`: a file with a list of checks, instead of the `model_checks` of its `gingham.yaml`.
    #[arg(long, value_name = "FILE", requires = "model")]
    pub(super) checks: Option<PathBuf>,
    /// With `--model`: rows to judge by, a dataset `NAME` or `NAME@VERSION`.
    #[arg(long, requires = "model")]
    pub(super) dataset: Option<String>,
    /// With `--model`: the column with the truth.
    #[arg(long, requires = "model")]
    pub(super) target: Option<String>,
    /// With `--model`: the column that says when a row happened.
    #[arg(long, requires = "model")]
    pub(super) time: Option<String>,
}

/// A file with checks, read together with the rows they are about.
struct Loaded {
    file: String,
    folder: PathBuf,
    places: Places,
    /// Each source with the path of its checks in the file.
    sources: Vec<(String, SuiteSource, String)>,
}

/// Evaluates all checks; says each result, and by the exit code how it came out.
pub(super) async fn test(arguments: &TestArguments, json: bool) -> Result<ExitCode> {
    let mut loaded = Vec::new();
    for file in files(&arguments.path)? {
        loaded.push(Loaded::read(&file)?);
    }
    let known: Vec<&str> =
        loaded.iter().flat_map(|one| &one.sources).map(|(name, ..)| name.as_str()).collect();
    if let Some(stranger) = arguments.source.iter().find(|name| !known.contains(&name.as_str())) {
        let message = format!("there is no source `{stranger}`");
        return Err(hinted(message, format!("the sources are {}", known.join(", "))));
    }
    let now = arguments.now.unwrap_or_else(|| base::Clock::now(&base::SystemClock));
    let mut tested = Vec::new();
    for one in &loaded {
        let Some(results) = one.test(&arguments.source, now).await? else {
            return Ok(ExitCode::FAILURE);
        };
        tested.extend(results);
    }
    finish(arguments, &tested, json)
}

/// Writes and prints results; the exit code says how they came out.
pub(super) fn finish(arguments: &TestArguments, tested: &[Tested], json: bool) -> Result<ExitCode> {
    write_reports(arguments, tested)?;
    let worst = report::worst(tested);
    if json {
        output::json(&json!({ "outcome": worst, "sources": tested }));
    } else {
        print(tested);
    }
    for one in tested {
        say_errors(one);
    }
    Ok(match worst {
        Outcome::Pass | Outcome::Warn => ExitCode::SUCCESS,
        Outcome::Fail => ExitCode::from(exit::CHECK_FAILED),
        Outcome::Error => ExitCode::FAILURE,
    })
}

/// The file itself, or those in the folder.
fn files(path: &Path) -> Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let names = ["checks.yaml", "gingham.yaml"];
    let found: Vec<PathBuf> =
        names.iter().map(|name| path.join(name)).filter(|file| file.is_file()).collect();
    if found.is_empty() {
        return Err(hinted(
            format!("`{}` has neither a `checks.yaml` nor a `gingham.yaml`", path.display()),
            "`gingham checks draft FILE` proposes a `checks.yaml` for a file of rows",
        ));
    }
    Ok(found)
}

impl Loaded {
    fn read(path: &Path) -> Result<Self> {
        let file = path.display().to_string();
        let folder = crate::project::folder_of(path).to_owned();
        if path.file_name().is_some_and(|name| name == "gingham.yaml") {
            let Project { spec, source, .. } = Project::read(path)?;
            let rows = spec.data.source.clone().ok_or_else(|| {
                hinted(format!("`{file}` names no `data.source`"), "name the file with the rows there")
            })?;
            let time = Some(spec.data.time.clone());
            let checked = SuiteSource { file: rows, time, history: Vec::new(), checks: spec.checks };
            let sources = vec![(spec.data.dataset, checked, "checks".to_owned())];
            return Ok(Self { places: Places::of(&file, &source.spec_yaml), file, folder, sources });
        }
        let yaml = std::fs::read_to_string(path).map_err(|error| {
            hinted(format!("`{file}` cannot be read: {error}"), "name the file or its folder")
        })?;
        let Suite { sources } = parse_suite(&file, &yaml).map_err(|error| match error.hint.clone() {
            Some(hint) => hinted(error.to_string(), hint),
            None => anyhow::Error::new(error),
        })?;
        let sources = sources.into_iter().map(|(name, source)| {
            let list = format!("sources.{name}.checks");
            (name, source, list)
        });
        Ok(Self { places: Places::of(&file, &yaml), sources: sources.collect(), file, folder })
    }

    /// The results of the sources asked for; nothing if checks do not fit their rows, which is then said.
    async fn test(&self, wanted: &[String], now: Timestamp) -> Result<Option<Vec<Tested>>> {
        let mut all = Vec::new();
        for (name, source, _) in &self.sources {
            let path = self.folder.join(&source.file);
            let rows = Rows::open(&path)
                .await
                .with_context(|| format!("the rows of source `{name}`, `{}`", path.display()))?;
            all.push((name.clone(), rows));
        }
        let mut fit = true;
        for ((name, source, list), (_, rows)) in self.sources.iter().zip(&all) {
            let others: Vec<(&str, &tables::Schema)> = all
                .iter()
                .filter(|(other, _)| other != name)
                .map(|(other, rows)| (other.as_str(), rows.schema()))
                .collect();
            for misfit in checks::misfits_among(&source.checks, rows.schema(), &others) {
                fit = false;
                self.say_misfit(list, &source.checks, &misfit);
            }
        }
        if !fit {
            return Ok(None);
        }
        let mut tested = Vec::new();
        for ((name, source, list), (_, rows)) in self.sources.iter().zip(&all) {
            if !wanted.is_empty() && !wanted.contains(name) {
                continue;
            }
            let mut history = Vec::new();
            for file in &source.history {
                let path = self.folder.join(file);
                let earlier = Rows::open(&path).await;
                history.push(earlier.with_context(|| format!("`{}`", path.display()))?.row_count());
            }
            let others: Vec<(String, Rows)> =
                all.iter().filter(|(other, _)| other != name).cloned().collect();
            let circumstances = Circumstances {
                now,
                time_column: source.time.clone().filter(|time| rows.schema().find(time).is_some()),
                history,
                others: others.clone(),
                drifts: Some(Arc::new(SourceDrifts { rows: rows.clone(), others })),
                limits: Some(QueryLimits { timeout: SCAN_DEADLINE, ..QueryLimits::default() }),
            };
            let verdict = checks::evaluate_rows(&source.checks, rows, &circumstances).await?;
            let place = |index: usize| {
                let at = self.places.nearest(&format!("{list}[{index}]"))?;
                Some((at.line, at.column))
            };
            tested.push(Tested {
                source: name.clone(),
                file: source.file.clone(),
                suite: self.file.clone(),
                places: (0..source.checks.len()).map(place).collect(),
                verdict,
            });
        }
        Ok(Some(tested))
    }

    fn say_misfit(&self, list: &str, checks: &[Check], misfit: &Misfit) {
        let index = checks.iter().position(|check| check.id == misfit.check_id).unwrap_or_default();
        let error = self.places.misfit(list, index, misfit);
        output::error(&error.to_string());
        if let Some(hint) = error.hint() {
            output::hint(&hint);
        }
    }
}

/// Says on standard error, with line and column, which checks cannot be evaluated.
fn say_errors(tested: &Tested) {
    let places = tested.places.iter().copied().chain(std::iter::repeat(None));
    for (result, place) in tested.verdict.results.iter().zip(places) {
        if result.outcome == Outcome::Error {
            let at = place.map(|(line, column)| format!(":{line}:{column}")).unwrap_or_default();
            output::error(&format!("{}{at}: check `{}` {}", tested.suite, result.check_id, result.message));
            if let Some(hint) = &result.hint {
                output::hint(hint);
            }
        }
    }
}

fn write_reports(arguments: &TestArguments, tested: &[Tested]) -> Result<()> {
    let sarif = || report::sarif(tested, env!("CARGO_PKG_VERSION")).to_string();
    let write = |file: &Option<PathBuf>, text: &dyn Fn() -> String| match file {
        None => Ok(()),
        Some(file) => std::fs::write(file, text())
            .with_context(|| format!("the report `{}` cannot be written", file.display())),
    };
    write(&arguments.junit, &|| report::junit(tested))?;
    write(&arguments.sarif, &sarif)?;
    write(&arguments.markdown, &|| report::markdown(tested))?;
    write(&arguments.html, &|| report::html(tested))
}

fn print(tested: &[Tested]) {
    let titles = ["source", "check", "outcome", "found"].map(str::to_owned);
    let mut rows: Vec<Vec<Value>> = Vec::new();
    for one in tested {
        for result in &one.verdict.results {
            rows.push(vec![
                json!(one.source),
                json!(result.check_id),
                json!(result.outcome),
                json!(result.message),
            ]);
        }
    }
    output::grid(&titles, &rows);
    for one in tested {
        let Tested { source, verdict, .. } = one;
        output::line(&format!("{source}: {} over {} rows", verdict.in_words(), verdict.rows));
    }
}
