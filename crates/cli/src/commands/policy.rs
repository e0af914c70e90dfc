//! `policy` and `card`: what a move of an alias needs, and what is written about versions and datasets.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::review::print_verdict;
use crate::client::Client;
use crate::exit::{self, hinted};
use crate::output::{self, at, bold, faint, text_at};

/// `gingham policy …`
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Say whether a version may take an alias, rule by rule; exit code 2 if it may not.
    Check(CheckArguments),
}

#[derive(Debug, Clone, Args)]
pub(crate) struct CheckArguments {
    /// The version, as `MODEL@NUMBER` or `MODEL@latest`.
    model_version: String,
    /// The alias that would move.
    #[arg(long, default_value = "champion")]
    alias: String,
    /// Another policy than the one in force, to try it.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Write the rules as a JUnit file too, for CI.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
}

/// `gingham card …`
#[derive(Debug, Clone, Args)]
pub(crate) struct CardArguments {
    /// A version, as `MODEL@NUMBER`, or `dataset:NAME` for a datasheet.
    of: String,
    /// In which form it is printed.
    #[arg(long, default_value = "markdown", value_parser = ["markdown", "html", "huggingface"])]
    form: String,
    /// Write a field, as `FIELD=TEXT`; an empty text makes it blank. May be repeated.
    #[arg(long, value_name = "FIELD=TEXT")]
    set: Vec<String>,
    /// Write it to a file instead of printing it.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// A model and a version, as `traffic@3` or `traffic@latest`.
pub(super) fn model_and_version(text: &str) -> Result<(&str, &str)> {
    text.split_once('@').filter(|(model, version)| !model.is_empty() && !version.is_empty()).ok_or_else(
        || hinted(format!("`{text}` names no version"), "write `MODEL@NUMBER`, such as `traffic@2`"),
    )
}

/// Does what was asked.
pub(super) async fn policy(client: &Client, command: &PolicyCommand, json: bool) -> Result<ExitCode> {
    let PolicyCommand::Check(asked) = command;
    let (model, version) = model_and_version(&asked.model_version)?;
    let mut body = json!({ "version": version, "alias": asked.alias });
    if let Some(file) = &asked.policy {
        let text =
            fs::read_to_string(file).with_context(|| format!("`{}` cannot be read", file.display()))?;
        body["policy"] = json!(text);
        body["file"] = json!(file.display().to_string());
    }
    let verdict = client.post(&format!("/api/v1/models/{model}/policy-verdict"), &body).await?;
    if let Some(file) = &asked.junit {
        fs::write(file, junit(&verdict))
            .with_context(|| format!("`{}` cannot be written", file.display()))?;
    }
    if json {
        output::json(&verdict);
    } else {
        print_verdict(&verdict);
    }
    let allowed = at(&verdict, "allowed") == Value::Bool(true);
    Ok(if allowed { ExitCode::SUCCESS } else { ExitCode::from(exit::CHECK_FAILED) })
}

/// The rules as test cases: one that fails or waits is a failure with its reason.
fn junit(verdict: &Value) -> String {
    let escape = |text: String| {
        text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
    };
    let rules = at(verdict, "rules").as_array().cloned().unwrap_or_default();
    let failures = rules.iter().filter(|rule| text_at(rule, "mark") != "pass").count();
    let policy = escape(text_at(verdict, "policy"));
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"policy {policy}\" tests=\"{}\" failures=\"{failures}\">\n",
        rules.len()
    );
    for rule in &rules {
        let (place, asks) = (escape(text_at(rule, "rule")), escape(text_at(rule, "asks")));
        text.push_str(&format!("  <testcase classname=\"{place}\" name=\"{asks}\">"));
        if text_at(rule, "mark") != "pass" {
            text.push_str(&format!("<failure message=\"{}\"/>", escape(text_at(rule, "why"))));
        }
        text.push_str("</testcase>\n");
    }
    text.push_str("</testsuite>\n");
    text
}

/// Prints a card or a datasheet, or writes fields of one.
pub(super) async fn card(client: &Client, asked: &CardArguments, json: bool) -> Result<()> {
    let path = match asked.of.strip_prefix("dataset:") {
        Some(dataset) => format!("/api/v1/datasets/{dataset}/datasheet"),
        None => {
            let (model, version) = model_and_version(&asked.of)?;
            format!("/api/v1/models/{model}/versions/{version}/card")
        }
    };
    if !asked.set.is_empty() {
        let mut fields = serde_json::Map::new();
        for pair in &asked.set {
            let (field, text) = pair.split_once('=').ok_or_else(|| {
                hinted(format!("`{pair}` writes no field"), "write `--set purpose='forecasts an hour'`")
            })?;
            fields.insert(field.to_owned(), json!(text));
        }
        let sheet = client.put(&path, &json!({ "fields": fields })).await?;
        if json {
            output::json(&sheet);
            return Ok(());
        }
        output::line(&format!("{} is written", bold(&text_at(&sheet, "title"))));
        let blank = text_at(&sheet, "blank");
        if !blank.is_empty() {
            output::line(&faint(&format!("still blank, and asked for by the policy: {blank}")));
        }
        return Ok(());
    }
    if json {
        output::json(&client.get(&path).await?);
        return Ok(());
    }
    let base = Some(client.address().to_owned());
    let text = client.get_text(&format!("{path}/{}", asked.form), &[("base", base)]).await?;
    match &asked.out {
        Some(file) => {
            fs::write(file, text).with_context(|| format!("`{}` cannot be written", file.display()))
        }
        None => {
            output::line(text.trim_end());
            Ok(())
        }
    }
}
