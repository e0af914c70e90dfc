//! `run` and `rerun`: any command as a run that can be repeated.
//!
//! | Module | Subject |
//! | --- | --- |
//! | `record` | what is kept of a run |
//! | `code`, `environment`, `files` | what is captured before and after |
//! | `execute` | the command as a child: signals, heartbeat, outputs |
//! | `logs`, `secrets` | what it prints, kept as it comes, with secrets masked |
//! | `usage` | what it takes |
//! | `queue` | runs that wait for their turn |
//! | `tracking` | the run on the server |
//! | `again`, `restore` | repeating a run |
//! | `compare`, `causes` | what differs, and why it may |

mod again;
mod arguments;
mod causes;
mod code;
mod compare;
mod environment;
mod execute;
mod files;
mod logs;
mod queue;
mod record;
mod restore;
mod secrets;
mod tracking;
mod usage;

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::args::ServerArguments;
use crate::client::Client;
use crate::commands::data::home::Home;
use crate::exit::hinted;
use crate::output;

pub(crate) use again::rerun;
pub(crate) use arguments::{RerunArguments, RunArguments};
use execute::{Plan, execute, pair, send_code};
use record::{FORMAT, Param, Record};
use secrets::Secrets;

/// Does what `run` says; exits as the command does.
pub(crate) async fn run(server: &ServerArguments, arguments: RunArguments) -> Result<ExitCode> {
    let client = Client::new(&server.server, server.token.clone())?;
    let secrets = Secrets::from_environment(&arguments.secrets)?;
    let params = params(&arguments.params, &secrets)?;
    let tolerances = tolerances(&arguments.tolerances)?;
    // A server that is not there is told before anything is done.
    let experiment = tracking::experiment(&client, &arguments.experiment).await?;
    let folder = std::env::current_dir().and_then(|folder| folder.canonicalize());
    let folder = folder.context("the current folder cannot be found")?;
    let root = code::root_of(&folder);
    let below = |given: &std::path::PathBuf| files::below_root(&root, &folder, given);
    let inputs = arguments.inputs.iter().map(below).collect::<Result<Vec<_>>>()?;
    let outputs = arguments.outputs.iter().map(below).collect::<Result<Vec<_>>>()?;
    let command: Vec<String> = arguments.command.iter().map(|word| filled(word, &params)).collect();
    let variables: Vec<(String, Option<String>)> = params
        .iter()
        .map(|param| (format!("GINGHAM_PARAM_{}", variable_name(&param.name)), Some(param.value.clone())))
        .collect();

    let local = Home::find(arguments.store.as_deref()).open_or_make().await?;
    // What is captured is how things are when the command begins, not when it was queued.
    let _turn = if arguments.queue {
        let store = local.folder().to_owned();
        let masked: Vec<String> = command.iter().map(|word| secrets.masked(word)).collect();
        let told = store.clone();
        let tell = move |ahead: usize| {
            let first = queue::waiting(&told).into_iter().next().unwrap_or_default();
            output::note(&format!("gingham: {ahead} before this one; at work: {first}"));
        };
        Some(queue::wait(&store, &masked.join(" "), tell).await?)
    } else {
        None
    };
    let apart: Vec<String> = inputs.iter().chain(&outputs).cloned().collect();
    let (at, known) = (root.clone(), secrets.clone());
    let code = local.blocking(move |artifacts| code::capture(artifacts, &at, &apart, &known)).await?;
    let mut captured = Vec::new();
    for input in &inputs {
        let files = files::capture(&local, &root, input).await?;
        captured.push(files.ok_or_else(|| {
            hinted(format!("the input `{input}` is not there"), "inputs must be there when the run begins")
        })?);
    }
    let record = Record {
        format: FORMAT,
        command: command.iter().map(|word| secrets.masked(word)).collect(),
        folder: folder.strip_prefix(&root).unwrap_or(&folder).display().to_string(),
        code,
        environment: environment::capture(&root, &folder, &command, &variables),
        params,
        inputs: captured,
        tolerances,
        secrets: secrets.names.clone(),
        ..Record::default()
    };
    send_code(&local, server, &record).await?;
    let plan = Plan {
        client,
        server: server.clone(),
        experiment,
        name: arguments.name,
        record,
        command,
        root,
        folder,
        secrets,
        variables,
        outputs,
    };
    let outcome = execute(&local, &plan).await?;
    if server.json {
        output::note(&serde_json::json!({"run": outcome.tracked.run, "exit": outcome.exit}).to_string());
    } else {
        output::note(&format!("gingham: run {} ended with {}", outcome.tracked.run, outcome.exit));
    }
    Ok(ExitCode::from(outcome.exit))
}

fn params(given: &[String], secrets: &Secrets) -> Result<Vec<Param>> {
    let mut params: Vec<Param> = Vec::new();
    for text in given {
        let (name, value) = pair(text, "param")?;
        if secrets.are_in(value.as_bytes()) {
            return Err(hinted(
                format!("the param `{name}` holds the value of a secret"),
                "params are kept and shown; let the command read the secret from its variable",
            ));
        }
        if params.iter().any(|known| known.name == name) {
            return Err(hinted(format!("the param `{name}` is given twice"), "give it once"));
        }
        params.push(Param { name, value, origin: "command line".to_owned() });
    }
    Ok(params)
}

fn tolerances(given: &[String]) -> Result<BTreeMap<String, f64>> {
    given
        .iter()
        .map(|text| {
            let (name, amount) = pair(text, "tolerance")?;
            let amount = amount.parse::<f64>().ok().filter(|amount| amount.is_finite() && *amount >= 0.0);
            let amount = amount.ok_or_else(|| {
                hinted(format!("`{text}` is no tolerance"), "write NAME=AMOUNT, such as mae=1e-9")
            })?;
            Ok((name, amount))
        })
        .collect()
}

/// A word of the command with params in the place of their names in braces.
fn filled(word: &str, params: &[Param]) -> String {
    params
        .iter()
        .fold(word.to_owned(), |word, param| word.replace(&format!("{{{}}}", param.name), &param.value))
}

/// A name as a variable of the environment may have it.
fn variable_name(name: &str) -> String {
    name.chars()
        .map(|letter| if letter.is_ascii_alphanumeric() { letter.to_ascii_uppercase() } else { '_' })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn params_stand_in_for_their_names_in_braces() {
        let params = params(&["alpha=0.5".to_owned()], &Secrets::default()).unwrap();
        assert_eq!(filled("--alpha={alpha}", &params), "--alpha=0.5");
        assert_eq!(filled("{beta}", &params), "{beta}");
        assert_eq!(variable_name("learning-rate"), "LEARNING_RATE");
    }

    #[test]
    fn tolerances_are_amounts() {
        assert!(tolerances(&["mae=-1".to_owned()]).is_err());
        assert!(tolerances(&["mae".to_owned()]).is_err());
        assert_eq!(tolerances(&["mae=1e-9".to_owned()]).unwrap(), BTreeMap::from([("mae".to_owned(), 1e-9)]));
    }
}
