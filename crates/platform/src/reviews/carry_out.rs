//! The one place where a guarded alias moves: judged, moved and written down in one transaction.

use base::{Actor, Timestamp};
use checks::gate::RuleResult;
use db::{Sql, Tx};
use governance::policy::{Approvals, PolicyVerdict, Standing, judge};
use governance::reviews::{self, Ended, NewReview, Review, ReviewState, Subject};
use registry::{AliasChange, AliasMove, Expected, NewPromotion};
use serde_json::{Value, json};

use super::facts::{Move, gather};
use super::guard::Guard;
use crate::Error;

/// What came of an attempt to carry a review out.
#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    pub(crate) review: Review,
    pub(crate) verdict: PolicyVerdict,
    /// The move, if the verdict allowed it.
    pub(crate) moved: Option<AliasMove>,
}

impl Attempt {
    /// Why the alias moved, if it did.
    pub(crate) fn decision(&self) -> Option<String> {
        self.moved.as_ref().map(|_| decision(&self.review, &self.verdict))
    }
}

/// Judges a review as things are in this moment.
pub(super) async fn judge_review(
    sql: &mut impl Sql,
    guard: &Guard,
    review: &Review,
    gates: Option<&[RuleResult]>,
    now: Timestamp,
) -> Result<PolicyVerdict, Error> {
    let asked = Move {
        model: &review.model,
        alias: &review.alias,
        version: review.version,
        review: Some(review),
        gates,
        now,
    };
    Ok(judge(&guard.policy, &gather(sql, guard, asked).await?))
}

/// What a review of a move is about, as things are in this moment.
pub(super) async fn subject_of(
    sql: &mut impl Sql,
    guard: &Guard,
    (model, alias, version): (&str, &str, i64),
    now: Timestamp,
) -> Result<Subject, Error> {
    let asked = Move { model, alias, version, review: None, gates: None, now };
    let facts = gather(sql, guard, asked).await?;
    Ok(Subject {
        version,
        previous: facts.previous,
        digest: facts.digest,
        policy: guard.policy.policy.clone(),
        tier: guard.policy.tier.clone(),
    })
}

/// Brings a review up to date when what it is about has changed under it: the card, the policy, what is recorded. A move
/// of the alias is not glossed over so; that takes a person who revises the review.
pub(super) async fn refresh(
    tx: &mut Tx,
    guard: &Guard,
    review: Review,
    now: Timestamp,
) -> Result<Review, Error> {
    let about = (review.model.as_str(), review.alias.as_str(), review.version);
    let subject = subject_of(tx, guard, about, now).await?;
    if subject.digest == review.digest || subject.previous != review.previous {
        return Ok(review);
    }
    let why = "the card, the policy or what is recorded of the version changed";
    Ok(reviews::revise(tx, &review, &subject, why, &Actor::platform("reviews"), now).await?)
}

/// Moves the alias if the verdict allows it. The review must be held and open.
pub(super) async fn attempt(
    tx: &mut Tx,
    guard: &Guard,
    review: Review,
    gates: Option<&[RuleResult]>,
    actor: &Actor,
    now: Timestamp,
) -> Result<Attempt, Error> {
    let review = refresh(tx, guard, review, now).await?;
    let verdict = judge_review(tx, guard, &review, gates, now).await?;
    if !verdict.allowed {
        return Ok(Attempt { review, verdict, moved: None });
    }
    let number = review.number;
    let decision = decision(&review, &verdict);
    let change = AliasChange {
        model: review.model.clone(),
        alias: review.alias.clone(),
        version: review.version,
        expected: verdict.previous.map_or(Expected::Nothing, Expected::Version),
        reason: decision.clone(),
    };
    let moved = registry::set_alias(tx, &change, actor, now).await?;
    let rules = match gates {
        Some(gates) => json!(gates),
        None => registry::promotion_of(tx, &review.model, review.version)
            .await?
            .map_or_else(|| Value::Array(Vec::new()), |before| before.rules),
    };
    let promotion = NewPromotion {
        model: review.model.clone(),
        version: review.version,
        previous: verdict.previous,
        alias: review.alias.clone(),
        promoted: true,
        decision,
        reason: review.reason.clone(),
        rules,
    };
    registry::record_promotion(tx, promotion, actor, now).await?;
    if verdict.standing == Standing::Allowed {
        // What an override stood in for has been made good, or another version took its place.
        let why = format!("review {number} was carried out by the rules");
        reviews::end_exceptions(tx, &review.model, &review.alias, &why, actor, now).await?;
    }
    let ended = Ended {
        state: ReviewState::CarriedOut,
        outcome: format!("`{}` of `{}` points at version {}", review.alias, review.model, review.version),
        verdict: Some(verdict.clone()),
    };
    let review = reviews::end_review(tx, number, &ended, actor, now).await?;
    Ok(Attempt { review, verdict, moved: Some(moved) })
}

/// Why the alias moves, in a sentence that stays with it.
fn decision(review: &Review, verdict: &PolicyVerdict) -> String {
    let number = review.number;
    match verdict.standing {
        Standing::Overridden => format!("review {number}, with broken glass: {}", verdict.summary),
        _ => format!("promoted to {}: {}; review {number}, {}", review.alias, review.reason, verdict.summary),
    }
}

/// Whether an alias points at a version by broken glass only; a review then makes good what was left out.
async fn stands_by_override(
    sql: &mut impl Sql,
    (model, alias, version): (&str, &str, i64),
) -> Result<bool, Error> {
    let open = reviews::exceptions(sql, Some(model), true).await?;
    Ok(open.iter().any(|exception| exception.alias == alias && exception.version == version))
}

/// Asks for a move and carries it out at once, if the policy lets that be.
pub(crate) async fn ask_and_attempt(
    tx: &mut Tx,
    guard: &Guard,
    (model, alias, version): (&str, &str, i64),
    (reason, at_once): (&str, Option<bool>),
    gates: Option<&[RuleResult]>,
    actor: &Actor,
    now: Timestamp,
) -> Result<Attempt, Error> {
    let subject = subject_of(tx, guard, (model, alias, version), now).await?;
    if subject.previous == Some(version) && !stands_by_override(tx, (model, alias, version)).await? {
        return Err(Error::AliasThere { model: model.to_owned(), alias: alias.to_owned(), version });
    }
    let automatic = guard.policy.approvals == Approvals::Automatic;
    let new = NewReview {
        model: model.to_owned(),
        alias: alias.to_owned(),
        subject,
        reason: reason.to_owned(),
        at_once: at_once.unwrap_or(automatic),
    };
    let review = reviews::open_review(tx, &new, actor, now).await?;
    if !review.at_once {
        let verdict = judge_review(tx, guard, &review, gates, now).await?;
        return Ok(Attempt { review, verdict, moved: None });
    }
    let mover = if automatic { Actor::platform("policy") } else { actor.clone() };
    attempt(tx, guard, review, gates, &mover, now).await
}
