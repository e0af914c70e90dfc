//! `manifests`, and `deploy --target kubernetes`: replicas of a deployment in a cluster.

use std::path::PathBuf;

use anyhow::Result;
use base::Failure;
use clap::Args;
use clusters::Access;
use serde_json::{Value, json};

use super::traffic::DeployArguments;
use crate::client::Client;
use crate::exit::hinted;
use crate::output::{self, at, text_at};
use crate::project::Project;

/// What `manifests` is told. It reads the file only; no server and no cluster are asked.
#[derive(Debug, Clone, Args)]
pub(crate) struct ManifestsArguments {
    /// The `gingham.yaml`, or the folder it is in.
    #[arg(default_value = "gingham.yaml")]
    pub(crate) file: PathBuf,
}

/// How the server is to reach a cluster.
pub(super) fn access(how: &str, context: Option<String>) -> Access {
    if how == "in-cluster" { Access::InCluster } else { Access::Kubeconfig { path: how.into(), context } }
}

/// Prints what would be applied.
pub(super) fn manifests(arguments: &ManifestsArguments, json: bool) -> Result<()> {
    let project = Project::read(&arguments.file)?;
    let target = platform::cluster_target(&project.spec).ok_or_else(|| {
        hinted(
            format!("`{}` says nothing about Kubernetes", arguments.file.display()),
            "write `kubernetes:` under `deployment:`; docs/kubernetes.md shows how",
        )
    })?;
    let manifests = clusters::manifests::manifests(&target).map_err(|error| match error.hint() {
        Some(hint) => hinted(error.to_string(), hint),
        None => anyhow::anyhow!("{error}"),
    })?;
    if json {
        output::json(&manifests.iter().map(|manifest| manifest.object.clone()).collect());
    } else {
        output::line(clusters::yaml(&manifests).trim_end());
    }
    Ok(())
}

/// Applies a deployment to the cluster, goes back, or takes it out.
pub(super) async fn deploy(client: &Client, arguments: &DeployArguments, json: bool) -> Result<()> {
    let name = &arguments.what;
    let (act, revision) = match (arguments.stop, arguments.roll_back) {
        (true, _) => ("remove", None),
        (false, Some(revision)) => ("rollback", revision),
        (false, None) => ("apply", None),
    };
    let path = format!("/api/v1/deployments/{name}/cluster/{act}");
    let wish = json!({ "reason": arguments.reason, "take_over": arguments.take_over, "revision": revision });
    let change = client.post(&path, &wish).await?;
    if json {
        output::json(&change);
        return Ok(());
    }
    let objects = at(&change, "objects").as_array().cloned().unwrap_or_default();
    output::table(
        &objects,
        &output::columns(&[("OBJECT", "kind"), ("NAME", "name"), ("", "outcome")]),
        "there was nothing to do",
    );
    output::line(&match act {
        "remove" => format!("{name} is out of the cluster; the server answers for it"),
        _ => format!("revision {} of {name} is in the cluster", text_at(&change, "revision")),
    });
    Ok(())
}

/// Tells how a deployment is in its cluster; nothing when it is not in one.
pub(super) async fn show(client: &Client, name: &str) -> Result<()> {
    let found = client.get(&format!("/api/v1/deployments/{name}/cluster")).await?;
    if text_at(&found, "target") != "kubernetes" {
        return Ok(());
    }
    output::line("");
    output::line(&output::bold("in the cluster"));
    let newest = at(&found, "history").as_array().and_then(|all| all.first().cloned()).unwrap_or_default();
    let status = match text_at(&found, "unreachable") {
        why if why.is_empty() => {
            format!("{}: {}", text_at(&found, "status.rollout"), text_at(&found, "status.message"))
        }
        why => why,
    };
    output::facts(&[
        ("cluster", text_at(&found, "cluster")),
        ("revision", format!("{} ({})", text_at(&newest, "revision"), text_at(&newest, "reason"))),
        ("replicas", status),
        (
            "gingham.yaml",
            if at(&found, "outdated") == Value::Bool(true) {
                "says something else than what was applied".to_owned()
            } else {
                String::new()
            },
        ),
    ]);
    for drift in at(&found, "drift").as_array().into_iter().flatten() {
        let object = format!("{} {}", text_at(drift, "kind"), text_at(drift, "name"));
        if at(drift, "missing") == Value::Bool(true) {
            output::line(&format!("drift: {object} is gone"));
        }
        for difference in at(drift, "differences").as_array().into_iter().flatten() {
            let by = match text_at(difference, "by") {
                by if by.is_empty() => String::new(),
                by => format!(", set by {by}"),
            };
            output::line(&format!(
                "drift: {object}: {} is {}, applied was {}{by}",
                text_at(difference, "field"),
                at(difference, "found"),
                at(difference, "applied"),
            ));
        }
    }
    Ok(())
}
