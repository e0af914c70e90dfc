//! Collecting garbage and verifying, here and on a server.

use std::process::ExitCode;

use anyhow::{Context, Result};
use artifacts::{CollectOptions, CollectReport, DamageReport, Error};
use base::{Clock, SystemClock};
use futures::future::BoxFuture;
use platform::Purged;
use serde::Deserialize;
use serde_json::json;

use super::add::size;
use super::arguments::{CollectArguments, GcArguments};
use super::home::{Local, failed};
use crate::client::Client;
use crate::exit;
use crate::output::{self, faint};

/// Collects in the local store.
pub(super) async fn collect(local: &Local, arguments: &CollectArguments, json: bool) -> Result<()> {
    if arguments.restore {
        let bytes = local.artifacts.restore_bin().await.map_err(failed)?;
        return restored(bytes, json);
    }
    let options = CollectOptions {
        grace: arguments.grace,
        keep_in_bin: arguments.keep_in_bin,
        dry_run: arguments.dry_run,
    };
    let none = || Box::pin(std::future::ready(Ok::<_, Error>(Vec::new()))) as BoxFuture<'_, _>;
    let report = local.artifacts.collect(options, SystemClock.now(), &none).await.map_err(failed)?;
    tell_collected(&report, json)
}

/// Collects on a server.
pub(crate) async fn collect_on_server(client: &Client, gc: &GcArguments, json: bool) -> Result<()> {
    let arguments = &gc.collect;
    if arguments.restore {
        let answer = client.post("/api/content/restore", &json!({})).await?;
        let bytes = answer.get("restored_bytes").and_then(serde_json::Value::as_u64).unwrap_or_default();
        return restored(bytes, json);
    }
    let mut body = json!({
        "grace": arguments.grace, "keep_in_bin": arguments.keep_in_bin, "dry_run": arguments.dry_run,
    });
    if let (Some(period), Some(fields)) = (gc.deleted_for, body.as_object_mut()) {
        fields.insert("deleted_for".to_owned(), json!(period));
    }
    let answer = client.post("/api/content/collect", &body).await?;
    if json {
        output::json(&answer);
        return Ok(());
    }
    if let Some(purged) = answer.get("purged") {
        let purged = Purged::deserialize(purged).context("the server's answer does not fit")?;
        tell_purged(&purged, arguments.dry_run);
    }
    let report = serde_json::from_value(answer).context("the server's answer does not fit")?;
    tell_collected(&report, false)
}

fn tell_purged(purged: &Purged, dry_run: bool) {
    let verb = if dry_run { "would be removed for good" } else { "removed for good" };
    output::line(&format!(
        "{verb}: {} experiments, {} runs, {} logged models, {} models, {} versions",
        purged.experiments, purged.runs, purged.logged_models, purged.models, purged.versions
    ));
    if purged.kept > 0 {
        output::line(&faint(&format!(
            "{} runs and logged models stay in the bin: versions in use, or that can be restored, were made from them",
            purged.kept
        )));
    }
}

fn restored(bytes: u64, json: bool) -> Result<()> {
    if json {
        output::json(&json!({"restored_bytes": bytes}));
    } else {
        output::line(&format!("{} were taken out of the bin", size(bytes)));
    }
    Ok(())
}

fn tell_collected(report: &CollectReport, json: bool) -> Result<()> {
    if json {
        output::json(&json!(report));
        return Ok(());
    }
    let items: Vec<_> = report
        .found
        .iter()
        .map(|found| {
            let object = found.object.chars().take(28).collect::<String>();
            json!({
                "object": object, "unused": size(found.unreachable_bytes),
                "used": size(found.reachable_bytes), "fate": found.fate, "why": found.why,
            })
        })
        .collect();
    let columns = output::columns(&[
        ("object", "object"),
        ("unused", "unused"),
        ("in use", "used"),
        ("what happens", "fate"),
        ("why", "why"),
    ]);
    output::table(&items, &columns, "there is no garbage");
    let verb = if report.dry_run { "nothing was changed; " } else { "" };
    output::line(&format!(
        "{verb}{} in use by {} roots, {} unused; {} thrown away, {} in the bin, {} gone for good",
        size(report.reachable_bytes),
        report.roots,
        size(report.unreachable_bytes),
        size(report.thrown_away_bytes),
        size(report.in_bin_bytes),
        size(report.emptied_bytes),
    ));
    if report.writers > 0 {
        output::line(&faint(&format!("{} writers are at work; nothing was thrown away", report.writers)));
    }
    Ok(())
}

/// Verifies the local store.
pub(super) async fn verify(local: &Local, json: bool) -> Result<ExitCode> {
    let report = local.artifacts.verify(&[]).await.map_err(failed)?;
    Ok(tell_damage(&report, json))
}

/// Verifies the artifacts of a server.
pub(crate) async fn verify_on_server(client: &Client, json: bool) -> Result<ExitCode> {
    let answer = client.post("/api/content/verify", &json!({})).await?;
    let report: DamageReport = serde_json::from_value(answer).context("the server's answer does not fit")?;
    Ok(tell_damage(&report, json))
}

fn tell_damage(report: &DamageReport, json: bool) -> ExitCode {
    if json {
        output::json(&json!(report));
    } else {
        for part in &report.damaged {
            let which = part.digest.map_or_else(|| "all of it".into(), |digest| digest.short());
            output::line(&format!("damaged  {}  {which}: {}", part.object, part.why));
        }
        for broken in &report.broken {
            output::line(&format!("broken   {broken}"));
        }
        let (objects, bytes) = (report.objects, size(report.bytes));
        if report.is_sound() {
            output::line(&format!("all is as it was stored: {objects} objects, {bytes}"));
        } else {
            output::line("what is damaged is not served; store or push it again to heal it");
        }
    }
    if report.is_sound() { ExitCode::SUCCESS } else { ExitCode::from(exit::CHECK_FAILED) }
}
