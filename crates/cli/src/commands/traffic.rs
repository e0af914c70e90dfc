//! `deploy` and `traffic`: which version answers which requests.

use anyhow::Result;
use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};

use crate::client::Client;
use crate::exit::hinted;
use crate::output::{self, at, text_at};

/// What `deploy` is told.
#[derive(Debug, Clone, Args)]
pub(crate) struct DeployArguments {
    /// The version, as `MODEL@NUMBER`; the name of a deployment with --stop, --start or --target kubernetes.
    pub(crate) what: String,
    /// The deployment; the one with the model's name when absent.
    #[arg(long)]
    pub(crate) to: Option<String>,
    /// Give it this share of the requests only, such as `5%`; the primary keeps the rest.
    #[arg(long, value_parser = share, conflicts_with_all = ["shadow", "stop", "start"])]
    pub(crate) canary: Option<f64>,
    /// Ask it too, after each answer, and give its answers to nobody.
    #[arg(long, conflicts_with_all = ["stop", "start"])]
    pub(crate) shadow: bool,
    /// Take the deployment out of service.
    #[arg(long, conflicts_with = "start")]
    pub(crate) stop: bool,
    /// Put the deployment back into service.
    #[arg(long)]
    pub(crate) start: bool,
    /// Where: in the server, or in the Kubernetes cluster that the server knows.
    #[arg(long, value_enum, default_value_t = Destination::Server, conflicts_with_all = ["canary", "shadow", "start"])]
    pub(crate) target: Destination,
    /// Make fields Gingham's that somebody else has set in the cluster.
    #[arg(long)]
    pub(crate) take_over: bool,
    /// Apply an earlier revision to the cluster again: the one before the newest, or the one with this number.
    #[arg(long, value_name = "REVISION", num_args = 0..=1, conflicts_with = "stop")]
    pub(crate) roll_back: Option<Option<i64>>,
    /// The alias that moves when all requests go to the version.
    #[arg(long, default_value = "champion")]
    pub(crate) alias: String,
    /// Why; kept for ever.
    #[arg(long)]
    pub(crate) reason: String,
}

/// Where a deployment runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Destination {
    /// In the server.
    Server,
    /// As replicas in a cluster.
    Kubernetes,
}

/// What `traffic` is told; without options it shows what holds.
#[derive(Debug, Clone, Args)]
pub(crate) struct TrafficArguments {
    /// The deployment.
    pub(crate) deployment: String,
    /// A version, by number or alias, that answers a part of the requests.
    #[arg(long, requires = "reason")]
    pub(crate) canary: Option<String>,
    /// The canary's share, such as `5%`; with 0 it answers only those who ask by `X-Gingham-Variant: canary`.
    #[arg(long, value_parser = share, requires = "reason")]
    pub(crate) share: Option<f64>,
    /// Makes the canary an A/B test in this loss.
    #[arg(long, requires = "reason")]
    pub(crate) test: Option<Loss>,
    /// A version that is asked too, and whose answers nobody gets.
    #[arg(long, requires = "reason")]
    pub(crate) shadow: Option<String>,
    /// A version that steps in when another cannot answer.
    #[arg(long, requires = "reason")]
    pub(crate) fallback: Option<String>,
    /// A fixed value that steps in.
    #[arg(long, requires = "reason", allow_negative_numbers = true)]
    pub(crate) fallback_value: Option<f64>,
    /// A model is too slow after so many milliseconds.
    #[arg(long, requires = "reason")]
    pub(crate) fallback_after_ms: Option<u64>,
    /// Take a version back when more than this share of its requests fails, such as `2%`.
    #[arg(long, value_parser = share, requires = "reason")]
    pub(crate) rollback_errors: Option<f64>,
    /// Take a version back when 99 of 100 requests take longer, in milliseconds.
    #[arg(long, requires = "reason")]
    pub(crate) rollback_p99_ms: Option<f64>,
    /// Take a version back when an alert fires for it.
    #[arg(long, requires = "reason")]
    pub(crate) rollback_on_alert: bool,
    /// Switch these off.
    #[arg(long, value_enum, requires = "reason")]
    pub(crate) off: Vec<Part>,
    /// Why; kept for ever.
    #[arg(long)]
    pub(crate) reason: Option<String>,
}

/// A part of the traffic settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// The canary.
    Canary,
    /// The shadow.
    Shadow,
    /// Whoever steps in.
    Fallback,
    /// Taking versions back.
    Rollback,
}

/// What an A/B test compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Loss {
    /// The distance between prediction and label.
    AbsoluteError,
    /// Its square.
    SquaredError,
    /// Whether both are on the same side of one half.
    Misclassified,
    /// The logarithmic loss of a probability.
    #[value(name = "log-loss")]
    Logarithmic,
}

fn share(text: &str) -> Result<f64, String> {
    let (number, unit) = text.strip_suffix('%').map_or((text, 1.0), |number| (number, 100.0));
    let share = number.trim().parse::<f64>().map_err(|_| "write `5%` or `0.05`".to_owned())? / unit;
    if (0.0..=1.0).contains(&share) {
        Ok(share)
    } else {
        Err("it is no share between 0 and 100 %".to_owned())
    }
}

/// A version by number, or by alias.
fn target(text: &str) -> Value {
    text.parse::<i64>().map_or_else(|_| json!(text), |number| json!(number))
}

fn address(deployment: &str, rest: &str) -> String {
    format!("/api/v1/deployments/{deployment}{rest}")
}

/// Brings a version into a deployment.
pub(super) async fn deploy(client: &Client, arguments: &DeployArguments, json: bool) -> Result<()> {
    if arguments.stop || arguments.start {
        let act = if arguments.stop { "unload" } else { "load" };
        let path = address(&arguments.what, &format!("/{act}"));
        let deployment = client.post(&path, &json!({ "reason": arguments.reason })).await?;
        if json {
            output::json(&deployment);
        } else {
            output::line(&format!("{} is {}", arguments.what, text_at(&deployment, "state")));
        }
        return Ok(());
    }
    let named =
        arguments.what.split_once('@').and_then(|(model, number)| Some((model, number.parse::<i64>().ok()?)));
    let (model, version) = named.ok_or_else(|| {
        hinted(format!("`{}` names no version", arguments.what), "write `MODEL@NUMBER`, such as `traffic@2`")
    })?;
    let deployment = arguments.to.as_deref().unwrap_or(model);
    if arguments.canary.is_none() && !arguments.shadow {
        let path = format!("/api/v1/models/{model}/aliases/{}", arguments.alias);
        let moved = client.post(&path, &json!({ "version": version, "reason": arguments.reason })).await?;
        if json {
            output::json(&moved);
        } else {
            output::line(&format!("{deployment} answers with version {version} of {model}"));
        }
        return Ok(());
    }
    let mut traffic = held(client, deployment).await?;
    if let Some(share) = arguments.canary {
        traffic.insert("canary".to_owned(), json!({ "version": version, "share": share }));
    } else {
        traffic.insert("shadow".to_owned(), json!({ "version": version }));
    }
    put(client, deployment, traffic, &arguments.reason, json).await
}

async fn held(client: &Client, deployment: &str) -> Result<Map<String, Value>> {
    let found = client.get(&address(deployment, "/traffic")).await?;
    Ok(found.get("traffic").and_then(Value::as_object).cloned().unwrap_or_default())
}

async fn put(
    client: &Client,
    deployment: &str,
    traffic: Map<String, Value>,
    reason: &str,
    json: bool,
) -> Result<()> {
    let body = json!({ "traffic": traffic, "reason": reason });
    let found = client.put(&address(deployment, "/traffic"), &body).await?;
    show(&found, json);
    Ok(())
}

/// Shows or changes which version answers which requests.
pub(super) async fn traffic(client: &Client, arguments: &TrafficArguments, json: bool) -> Result<()> {
    let Some(reason) = &arguments.reason else {
        show(&client.get(&address(&arguments.deployment, "/traffic")).await?, json);
        return Ok(());
    };
    let mut traffic = held(client, &arguments.deployment).await?;
    change(&mut traffic, arguments)?;
    put(client, &arguments.deployment, traffic, reason, json).await
}

/// The settings of one part, made when they are not there.
fn part<'a>(traffic: &'a mut Map<String, Value>, name: &str) -> Option<&'a mut Map<String, Value>> {
    traffic.entry(name).or_insert_with(|| json!({})).as_object_mut()
}

fn change(traffic: &mut Map<String, Value>, arguments: &TrafficArguments) -> Result<()> {
    if let Some(version) = &arguments.canary {
        traffic.insert("canary".to_owned(), json!({ "version": target(version), "share": 0.0 }));
    }
    if arguments.share.is_some() || arguments.test.is_some() {
        let canary = traffic.get_mut("canary").and_then(Value::as_object_mut);
        let canary = canary.ok_or_else(|| hinted("there is no canary", "name one with --canary VERSION"))?;
        if let Some(share) = arguments.share {
            canary.insert("share".to_owned(), json!(share));
        }
        if let Some(loss) = arguments.test {
            let metric = loss.to_possible_value().map(|value| value.get_name().replace('-', "_"));
            canary.insert("test".to_owned(), json!({ "metric": metric }));
        }
    }
    if let Some(version) = &arguments.shadow {
        traffic.insert("shadow".to_owned(), json!({ "version": target(version) }));
    }
    let set = |part: Option<&mut Map<String, Value>>, key: &str, value: Option<Value>| {
        if let (Some(part), Some(value)) = (part, value) {
            part.insert(key.to_owned(), value);
        }
    };
    let falls = [
        ("version", arguments.fallback.as_deref().map(target)),
        ("value", arguments.fallback_value.map(|value| json!(value))),
        ("after_ms", arguments.fallback_after_ms.map(|after| json!(after))),
    ];
    for (key, value) in falls.into_iter().filter(|(_, value)| value.is_some()) {
        set(part(traffic, "fallback"), key, value);
    }
    let backs = [
        ("error_rate", arguments.rollback_errors.map(|rate| json!(rate))),
        ("p99_ms", arguments.rollback_p99_ms.map(|most| json!(most))),
        ("on_alert", arguments.rollback_on_alert.then_some(Value::Bool(true))),
    ];
    for (key, value) in backs.into_iter().filter(|(_, value)| value.is_some()) {
        set(part(traffic, "rollback"), key, value);
    }
    for off in &arguments.off {
        if let Some(name) = off.to_possible_value() {
            traffic.remove(name.get_name());
        }
    }
    Ok(())
}

fn show(found: &Value, json: bool) {
    if json {
        output::json(found);
        return;
    }
    output::line(&text_at(found, "summary"));
    let branches = at(found, "branches").as_array().cloned().unwrap_or_default();
    let columns = output::columns(&[
        ("VARIANT", "variant"),
        ("VERSION", "version"),
        ("SHARE", "share"),
        ("REQUESTS", "requests_total"),
        ("FAILED", "errors_total"),
        ("P50 MS", "p50_ms"),
        ("P99 MS", "p99_ms"),
    ]);
    output::table(&branches, &columns, "no version answers");
    for branch in branches.iter().filter(|branch| at(branch, "comparison").is_object()) {
        let of = |key: &str| text_at(branch, &format!("comparison.{key}"));
        output::line(&format!(
            "shadow: {} of {} rows agree, mean difference {}, {} dropped, {} failed",
            of("agreed"),
            of("rows"),
            of("mean_difference"),
            of("dropped"),
            of("failed"),
        ));
    }
    if at(found, "test").is_object() {
        let of = |key: &str| text_at(found, &format!("test.{key}"));
        output::line(&format!(
            "test: difference {} ± {}, {} and {} labels: {}",
            of("difference"),
            of("margin"),
            of("primary.labels"),
            of("canary.labels"),
            of("verdict"),
        ));
    }
    for revision in at(found, "history").as_array().into_iter().flatten().take(5) {
        let of = |key: &str| text_at(revision, key);
        output::line(&output::faint(&format!(
            "{}  {}  {} ({})",
            of("at"),
            of("summary"),
            of("reason"),
            of("actor")
        )));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_written_as_percent_or_as_fractions() {
        assert_eq!(share("5%"), Ok(0.05));
        assert_eq!(share("0.05"), Ok(0.05));
        assert!(share("5").is_err() && share("-1%").is_err() && share("many").is_err());
    }

    #[test]
    fn versions_are_numbers_or_aliases() {
        assert_eq!((target("3"), target("challenger")), (json!(3), json!("challenger")));
    }
}
