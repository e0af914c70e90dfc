//! Shares of a deployment's requests under the policy of the alias that it follows.
//!
//! A canary and a fallback answer requests, so that they need what the policy's [`Admission`] says. A shadow answers
//! nobody, and neither does a canary with no share: they are free.

use base::Timestamp;
use db::Sql;
use governance::policy::{Admission, judge};
use governance::reviews;
use registry::Pointer;
use serving::store::Deployment;
use serving::{Target, Traffic};

use super::facts::{Move, gather};
use super::guard::{Guard, guard_of, was_let_in};
use crate::{AppliedSpec, Error, GuardedShare};

/// A part of the settings that brings requests to a version.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Part<'a> {
    name: &'static str,
    target: &'a Target,
    share: f64,
}

fn parts(traffic: &Traffic) -> Vec<Part<'_>> {
    let canary = traffic.canary.iter().filter(|canary| canary.share > 0.0);
    let canary = canary.map(|canary| Part { name: "canary", target: &canary.version, share: canary.share });
    let fallback = traffic.fallback.iter().filter_map(|fallback| fallback.version.as_ref());
    canary.chain(fallback.map(|target| Part { name: "fallback", target, share: 1.0 })).collect()
}

/// The guard over a deployment's alias: that of the file that is about to be applied, or the one in force.
pub(crate) async fn guard_over(
    sql: &mut impl Sql,
    deployment: &Deployment,
    file: Option<AppliedSpec>,
) -> Result<Option<Guard>, Error> {
    let Some(alias) = &deployment.alias else { return Ok(None) };
    match file {
        Some(applied) => Ok(Guard::over(applied).filter(|guard| guard.policy.guards(alias))),
        None => guard_of(sql, &deployment.model, alias).await,
    }
}

/// Refuses settings that give requests to a version that the policy has not let in. What held before and gets no more is
/// let be.
///
/// # Errors
/// [`Error::TrafficGuarded`] with the verdict.
pub(crate) async fn admit(
    sql: &mut impl Sql,
    guard: &Guard,
    deployment: &Deployment,
    (before, wanted): (&Traffic, &Traffic),
    now: Timestamp,
) -> Result<(), Error> {
    let Some(alias) = &deployment.alias else { return Ok(()) };
    let held = parts(before);
    for part in parts(wanted) {
        let no_more = |held: &&Part<'_>| {
            held.name == part.name && held.target == part.target && part.share <= held.share
        };
        if guard.policy.admission() != Admission::Free && !held.iter().any(|held| no_more(&held)) {
            admit_part(sql, guard, (deployment, alias), part, now).await?;
        }
    }
    Ok(())
}

async fn admit_part(
    sql: &mut impl Sql,
    guard: &Guard,
    (deployment, alias): (&Deployment, &str),
    part: Part<'_>,
    now: Timestamp,
) -> Result<(), Error> {
    let model = &deployment.model;
    let refused = |version: Option<i64>, why: String, verdict| {
        Error::TrafficGuarded(Box::new(GuardedShare {
            deployment: deployment.name.clone(),
            part: part.name,
            model: model.clone(),
            alias: alias.to_owned(),
            policy: guard.policy.policy.clone(),
            version,
            why,
            verdict,
        }))
    };
    let version = match part.target {
        Target::Version(number) => *number,
        Target::Alias(other) if !guard.policy.guards(other) => {
            let why = format!(
                "`{other}` moves without it, and its requests would go along; name the version by its number"
            );
            return Err(refused(None, why, None));
        }
        Target::Alias(other) => registry::resolve(sql, model, &Pointer::Alias(other.clone())).await?.number,
    };
    let known = registry::get_model(sql, model).await?;
    if known.alias(alias) == Some(version) || was_let_in(sql, (model, alias, version)).await? {
        return Ok(());
    }
    // What the policy let in for another alias that it guards has passed the same rules.
    if let Target::Alias(other) = part.target
        && was_let_in(sql, (model, other, version)).await?
    {
        return Ok(());
    }
    let open = reviews::find_open(sql, model, alias, version).await?;
    let asked = Move { model, alias, version, review: open.as_ref(), gates: None, now };
    let verdict = judge(&guard.policy, &gather(sql, guard, asked).await?);
    if guard.policy.admission().admits(&verdict) {
        return Ok(());
    }
    let why: Vec<&str> = verdict.objections().map(|rule| rule.why.as_str()).collect();
    Err(refused(Some(version), why.join("; "), Some(verdict)))
}
