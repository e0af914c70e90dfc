//! Which aliases are guarded, and by what.

use base::Digest;
use db::Sql;
use governance::policy::{Policy, Rollback};
use registry::AliasChange;

use crate::{AppliedSpec, Error, specs};

/// The policy in force over an alias of a model.
#[derive(Debug, Clone)]
pub(crate) struct Guard {
    pub(crate) policy: Policy,
    /// The digest of the policy's words: another policy is another thing to approve under.
    pub(crate) digest: Digest,
    pub(crate) applied: AppliedSpec,
}

/// The guard of an alias, if it has one.
pub(crate) async fn guard_of(sql: &mut impl Sql, model: &str, alias: &str) -> Result<Option<Guard>, Error> {
    let applied = specs::find(sql, model).await?;
    Ok(applied.and_then(Guard::over).filter(|guard| guard.policy.guards(alias)))
}

impl Guard {
    /// The guard that a spec sets up, if it names a policy.
    pub(crate) fn over(applied: AppliedSpec) -> Option<Self> {
        let policy = applied.spec.policy.clone()?;
        let words = serde_json::to_string(&policy).unwrap_or_default();
        Some(Self { policy, digest: Digest::of(words), applied })
    }

    /// The same spec under another policy, to try it.
    pub(crate) fn under(applied: AppliedSpec, policy: Policy) -> Self {
        let words = serde_json::to_string(&policy).unwrap_or_default();
        Self { policy, digest: Digest::of(words), applied }
    }
}

/// Refuses to move a guarded alias by hand. Going back to a version that was let in before is free, unless the policy
/// wants a review of that too.
///
/// # Errors
/// [`Error::AliasGuarded`].
pub(crate) async fn let_by(sql: &mut impl Sql, change: &AliasChange) -> Result<(), Error> {
    let Some(guard) = guard_of(sql, &change.model, &change.alias).await? else { return Ok(()) };
    let about = (change.model.as_str(), change.alias.as_str(), change.version);
    if guard.policy.rollback == Rollback::Free && was_let_in(sql, about).await? {
        return Ok(());
    }
    Err(guarded(&guard, &change.model, &change.alias, Some(change.version)))
}

/// Refuses to take a guarded alias away, or to rename its model.
///
/// # Errors
/// [`Error::AliasGuarded`].
pub(crate) async fn keep(sql: &mut impl Sql, model: &str, alias: &str) -> Result<(), Error> {
    match guard_of(sql, model, alias).await? {
        Some(guard) => Err(guarded(&guard, model, alias, None)),
        None => Ok(()),
    }
}

fn guarded(guard: &Guard, model: &str, alias: &str, version: Option<i64>) -> Error {
    Error::AliasGuarded {
        model: model.to_owned(),
        alias: alias.to_owned(),
        policy: guard.policy.policy.clone(),
        version,
    }
}

/// Whether the alias has pointed at the version before, by a decision under rules or by a review.
pub(super) async fn was_let_in(
    sql: &mut impl Sql,
    (model, alias, version): (&str, &str, i64),
) -> Result<bool, Error> {
    let version = registry::get_version(sql, model, version).await?;
    let glass = governance::reviews::exceptions(sql, Some(model), true).await?;
    if glass.iter().any(|each| each.alias == alias && each.version == version.number) {
        // It stood there by broken glass only.
        return Ok(false);
    }
    let decision = registry::promotion_of(sql, model, version.number).await?;
    Ok(decision.is_some_and(|decision| decision.promoted && decision.alias == alias))
}

/// Refuses to let a deployment that follows a guarded alias follow another one that nothing guards.
///
/// # Errors
/// [`Error::AliasGuarded`].
pub(crate) async fn keep_following(
    sql: &mut impl Sql,
    deployment: &serving::store::Deployment,
    (model, alias): (&str, &str),
) -> Result<(), Error> {
    let Some(held) = &deployment.alias else { return Ok(()) };
    if deployment.model == model && held == alias {
        return Ok(());
    }
    match guard_of(sql, &deployment.model, held).await? {
        Some(guard) if deployment.model != model || !guard.policy.guards(alias) => {
            Err(guarded(&guard, &deployment.model, held, None))
        }
        _ => Ok(()),
    }
}
