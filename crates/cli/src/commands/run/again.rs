//! `rerun`: a run once more in a clean folder, and what came out beside what came out then.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::arguments::RerunArguments;
use super::causes::causes;
use super::compare::{Comparison, Difference, Verdict, compare};
use super::execute::{Outcome, Plan, execute};
use super::record::{FORMAT, Record};
use super::secrets::Secrets;
use super::{environment, restore, variable_name};
use crate::args::ServerArguments;
use crate::client::Client;
use crate::commands::data::home::Home;
use crate::exit::{CHECK_FAILED, hinted};
use crate::output::{self, at, faint, text_at};

/// How many differences are shown to people.
const SHOWN: usize = 10;

/// Repeats a run, or trains a version again.
pub(crate) async fn rerun(server: &ServerArguments, arguments: &RerunArguments) -> Result<ExitCode> {
    let client = Client::new(&server.server, server.token.clone())?;
    let what: Vec<&str> = arguments.what.iter().map(String::as_str).collect();
    match what.as_slice() {
        ["version", version] => version_again(&client, version, arguments.verify, server.json).await,
        ["run", run] | [run] if !run.contains('@') => run_again(client, server, arguments, run).await,
        [version] => version_again(&client, version, arguments.verify, server.json).await,
        _ => Err(hinted(
            "this names nothing that can be repeated",
            "write `gingham rerun RUN` or `gingham rerun version MODEL@VERSION`",
        )),
    }
}

async fn version_again(client: &Client, name: &str, verify: bool, json: bool) -> Result<ExitCode> {
    let (model, version) = name.split_once('@').ok_or_else(|| {
        hinted(format!("`{name}` names no version"), "write `MODEL@NUMBER` or `MODEL@ALIAS`")
    })?;
    let told = client.post(&format!("/api/v1/models/{model}/versions/{version}/retrain"), &json!({})).await?;
    let is_equal = at(&told, "verdict") == "equal";
    if json {
        output::json(&told);
    } else {
        let name = format!("version {} of {model}", text_at(&told, "version"));
        output::line(&match at(&told, "verdict").as_str() {
            Some("equal") => format!(
                "equal to the bit: {name} trained again from {} gives {}",
                text_at(&told, "dataset"),
                text_at(&told, "digest")
            ),
            Some("differs") => format!(
                "different: {name} was {} and is {} now; the first step that differs is `{}`",
                text_at(&told, "digest"),
                text_at(&told, "retrained_digest"),
                text_at(&told, "first_difference")
            ),
            _ => format!("{name} cannot be trained again"),
        });
        if let Some(why) = at(&told, "why").as_str() {
            output::line(&faint(why));
        }
    }
    Ok(if verify && !is_equal { ExitCode::from(CHECK_FAILED) } else { ExitCode::SUCCESS })
}

async fn run_again(
    client: Client,
    server: &ServerArguments,
    arguments: &RerunArguments,
    run: &str,
) -> Result<ExitCode> {
    let found = client.get(&format!("/api/v1/runs/{run}/capture")).await?;
    let then: Record = serde_json::from_value(at(&found, "record"))
        .context("what was captured of the run cannot be read")?;
    if then.format > FORMAT {
        return Err(hinted("the run was captured by a newer version", "use that version to repeat it"));
    }
    if !at(&found, "alive_until").is_null() {
        return Err(hinted(format!("run `{run}` is still under way"), "wait for its end"));
    }
    let secrets = Secrets::from_environment(&then.secrets)?;
    if then.command.iter().any(|word| word.contains("***")) && !then.secrets.is_empty() {
        return Err(hinted(
            "the command held the value of a secret, which was not kept",
            "let the command read it from its variable instead",
        ));
    }
    let (root, temporary) = clean_folder(arguments.into.as_deref())?;
    let local = Home::at(&root.join(".gingham")).open_or_make().await?;
    let files = root.join("files");
    restore::files(&local, server, &then, &files).await?;
    let files = files.canonicalize()?;
    let mut variables = restore::recorded_variables(&then.environment);
    if !arguments.no_environment {
        variables.extend(restore::environment(&then, &files)?);
    }
    let param = |name: &str| format!("GINGHAM_PARAM_{}", variable_name(name));
    variables.extend(then.params.iter().map(|given| (param(&given.name), Some(given.value.clone()))));
    let folder = restore::folder_of(&then, &files)?;
    let record = Record {
        environment: environment::capture(&files, &folder, &then.command, &variables),
        ended: None,
        outputs: Vec::new(),
        rerun_of: Some(run.to_owned()),
        ..then.clone()
    };
    let known = client.get(&format!("/api/v1/runs/{run}")).await?;
    let plan = Plan {
        client: client.clone(),
        server: server.clone(),
        experiment: text_at(&known, "experiment_id"),
        name: Some(format!("again: {}", text_at(&known, "name"))),
        record,
        command: then.command.clone(),
        root: files,
        folder,
        secrets,
        variables,
        outputs: then.outputs.iter().map(|output| output.path.clone()).collect(),
    };
    let outcome = execute(&local, &plan).await?;
    let metrics_then = metrics_of(&known);
    let metrics_now = metrics_of(&client.get(&format!("/api/v1/runs/{}", outcome.tracked.run)).await?);
    let sides = ((&then, &metrics_then), (&outcome.record, &metrics_now));
    let comparison = compare(&local, server, sides.0, sides.1).await?;
    let word = text_at(&json!(comparison), "verdict");
    outcome.tracked.tag("gingham.verified", &word).await?;
    tell(&then, &outcome, &comparison, run, server.json);
    if !temporary {
        output::note(&format!("gingham: everything is in {}", root.display()));
    } else if let Err(error) = std::fs::remove_dir_all(&root) {
        output::note(&format!("gingham: {} could not be removed: {error}", root.display()));
    }
    Ok(match (arguments.verify, comparison.verdict) {
        (true, Verdict::Different) => ExitCode::from(CHECK_FAILED),
        (true, _) => ExitCode::SUCCESS,
        (false, _) => ExitCode::from(outcome.exit),
    })
}

/// A folder that is empty, and whether it goes away afterwards.
fn clean_folder(given: Option<&Path>) -> Result<(PathBuf, bool)> {
    let Some(given) = given else {
        return Ok((tempfile::Builder::new().prefix("gingham-rerun-").tempdir()?.keep(), true));
    };
    std::fs::create_dir_all(given).with_context(|| format!("`{}` cannot be made", given.display()))?;
    if std::fs::read_dir(given)?.next().is_some() {
        return Err(hinted(format!("`{}` is not empty", given.display()), "name a new folder with --into"));
    }
    Ok((given.canonicalize()?, false))
}

fn metrics_of(run: &Value) -> BTreeMap<String, f64> {
    let metrics = at(run, "metrics");
    let pairs = metrics.as_object().into_iter().flatten();
    pairs.filter_map(|(name, value)| Some((name.clone(), value.as_f64()?))).collect()
}

fn tell(then: &Record, outcome: &Outcome, comparison: &Comparison, run: &str, json: bool) {
    let is_different = comparison.verdict == Verdict::Different;
    let causes =
        if is_different { causes(then, &outcome.record, &comparison.differences) } else { Vec::new() };
    let first = comparison.differences.iter().find(|found| !found.is_tolerated);
    if json {
        output::json(&json!({
            "run": run, "rerun": outcome.tracked.run, "exit": outcome.exit, "verdict": comparison.verdict,
            "files": comparison.files, "metrics": comparison.metrics, "first": first,
            "differences": comparison.differences, "causes": causes,
        }));
        return;
    }
    let counted = format!("{} output files and {} metrics", comparison.files, comparison.metrics);
    match (comparison.verdict, first) {
        (Verdict::Equal, _) => output::line(&format!("equal to the bit: {counted}")),
        (Verdict::WithinTolerance, _) => {
            output::line(&format!("equal within the declared tolerances: {counted}"));
        }
        (Verdict::Different, first) => {
            let first = first.map_or_else(String::new, |first| format!("{}, {}", first.what, first.place));
            output::line(&format!("different: first in {first}"));
        }
    }
    for Difference { what, place, then, now, is_tolerated } in comparison.differences.iter().take(SHOWN) {
        let mark = if *is_tolerated { "≈" } else { "≠" };
        output::line(&format!("  {mark} {what}  {}", faint(place)));
        output::line(&faint(&format!("      then  {then}")));
        output::line(&faint(&format!("      now   {now}")));
    }
    if comparison.differences.len() > SHOWN {
        output::line(&format!("  … and {} more; `--json` shows all", comparison.differences.len() - SHOWN));
    }
    if !causes.is_empty() {
        output::line("likely causes:");
    } else if is_different {
        output::line("nothing that was captured differs; chance without a seed is the likeliest cause");
    }
    for cause in causes {
        output::line(&format!("  {:<12} {}", cause.kind, cause.evidence));
    }
    output::line(&faint(&format!("the repetition is run {}", outcome.tracked.run)));
}
