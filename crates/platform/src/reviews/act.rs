//! What people do with reviews. Who may do it at all has been decided before.

use base::{Actor, Digest, NewEvent, ObjectRef};
use db::Tx;
use governance::policy::{Opinion, PolicyVerdict, judge};
use governance::reviews::{self, Comment, Ended, NewException, Review, ReviewState};
use serde_json::json;

use super::carry_out::{Attempt, ask_and_attempt, attempt, refresh, subject_of};
use super::facts::{Move, gather};
use super::guard::{Guard, guard_of};
use super::tell::{announcement, people_of};
use crate::{Error, Platform, spec, specs};

/// A move that somebody asks for.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The model.
    pub model: String,
    /// The alias.
    pub alias: String,
    /// The version.
    pub version: i64,
    /// Why.
    pub reason: String,
    /// Whether it is carried out as soon as the policy allows; as the policy approves by itself, when absent.
    pub at_once: Option<bool>,
}

/// What somebody thinks of a review.
#[derive(Debug, Clone)]
pub struct Opined {
    /// What they think.
    pub opinion: Opinion,
    /// What they looked at; not compared when absent.
    pub digest: Option<Digest>,
    /// In their words.
    pub comment: String,
}

async fn needed(tx: &mut Tx, model: &str, alias: &str) -> Result<Guard, Error> {
    registry::get_model(tx, model).await?;
    let missing = || Error::NotGuarded { model: model.to_owned(), alias: alias.to_owned() };
    guard_of(tx, model, alias).await?.ok_or_else(missing)
}

impl Platform {
    /// Judges a move without asking for it: by the policy in force, or by another one that is tried.
    ///
    /// # Errors
    /// [`Error::NotGuarded`] when no policy is in force and none is given; a policy that makes no sense.
    pub async fn judge_move(
        &self,
        (model, alias, version): (&str, &str, i64),
        policy: Option<(&str, &str)>,
    ) -> Result<PolicyVerdict, Error> {
        let mut read = self.db.read().await?;
        registry::get_version(&mut read, model, version).await?;
        let guard = match policy {
            Some((file, text)) => {
                let applied = specs::find(&mut read, model).await?;
                let Some(applied) = applied else { return Err(self.not_applied(model).await?) };
                Some(Guard::under(applied, spec::parse_policy(file, text, None)?))
            }
            None => guard_of(&mut read, model, alias).await?,
        };
        let missing = || Error::NotGuarded { model: model.to_owned(), alias: alias.to_owned() };
        let guard = guard.ok_or_else(missing)?;
        let open = reviews::find_open(&mut read, model, alias, version).await?;
        let asked = Move { model, alias, version, review: open.as_ref(), gates: None, now: self.clock.now() };
        Ok(judge(&guard.policy, &gather(&mut read, &guard, asked).await?))
    }

    /// Asks for a move of a guarded alias.
    ///
    /// # Errors
    /// When no policy guards the alias, the alias is there already, or the same is asked for already.
    pub async fn ask_review(&self, asked: Asked, actor: &Actor) -> Result<Review, Error> {
        let (actor, now) = (actor.clone(), self.clock.now());
        let attempted = self
            .db
            .write(move |tx| {
                Box::pin(async move {
                    let Asked { model, alias, version, reason, at_once } = asked;
                    let guard = needed(tx, &model, &alias).await?;
                    let about = (model.as_str(), alias.as_str(), version);
                    ask_and_attempt(tx, &guard, about, (&reason, at_once), None, &actor, now).await
                })
            })
            .await?;
        self.after(attempted).await
    }

    /// Keeps what somebody thinks of a review, and carries it out if that was all that was waited for.
    ///
    /// # Errors
    /// [`governance::Error::OwnApproval`] for who asked or trained, which is written down; a digest that is not the
    /// review's any more.
    pub async fn opine(&self, number: i64, opined: Opined, actor: &Actor) -> Result<Review, Error> {
        let (actor, now) = (actor.clone(), self.clock.now());
        let outcome: Result<Attempt, governance::Error> = self
            .db
            .write(move |tx| {
                Box::pin(async move {
                    let review = reviews::hold_review(tx, number, now).await?;
                    let guard = needed(tx, &review.model, &review.alias).await?;
                    let review = refresh(tx, &guard, review, now).await?;
                    if let Some(digest) = opined.digest.filter(|digest| *digest != review.digest) {
                        // The review as it is now is kept, so that the next look finds it.
                        let (given, found) = (digest.short(), review.digest.short());
                        return Ok(Err(governance::Error::ReviewChanged { number, given, found }));
                    }
                    let asked = Move {
                        model: &review.model,
                        alias: &review.alias,
                        version: review.version,
                        review: Some(&review),
                        gates: None,
                        now,
                    };
                    let facts = gather(tx, &guard, asked).await?;
                    let person = actor.as_str();
                    let part = if review.requester == person {
                        Some("asked for the move")
                    } else {
                        facts.trainers.contains(person).then_some("trained the version")
                    };
                    if let Some(why) = part.filter(|_| opined.opinion == Opinion::Approve) {
                        let summary = format!("review {number}: `{person}` {why}; the approval was refused");
                        let object = ObjectRef::new("review", number.to_string());
                        let event = NewEvent::new("review.approval_refused", &actor, object, summary);
                        tx.append_event(event.with(json!({ "digest": review.digest }))).await?;
                        return Ok(Err(governance::Error::OwnApproval { person: person.to_owned(), why }));
                    }
                    reviews::opine(tx, &review, opined.opinion, &opined.comment, &actor, now).await?;
                    if review.at_once {
                        return Ok(Ok(attempt(tx, &guard, review, None, &actor, now).await?));
                    }
                    let verdict = judge(&guard.policy, &facts);
                    Ok::<_, Error>(Ok(Attempt { review, verdict, moved: None }))
                })
            })
            .await?;
        self.after(outcome?).await
    }

    /// Moves the alias that a review asks for.
    ///
    /// # Errors
    /// [`Error::PolicyRefused`] with the reason, when the policy does not allow it now.
    pub async fn carry_out_review(&self, number: i64, actor: &Actor) -> Result<Review, Error> {
        let (actor, now) = (actor.clone(), self.clock.now());
        let attempted = self
            .db
            .write(move |tx| {
                Box::pin(async move {
                    let review = reviews::hold_review(tx, number, now).await?;
                    let guard = needed(tx, &review.model, &review.alias).await?;
                    attempt(tx, &guard, review, None, &actor, now).await
                })
            })
            .await?;
        if attempted.moved.is_none() {
            return Err(Error::PolicyRefused {
                policy: attempted.verdict.policy.clone(),
                summary: attempted.verdict.summary.clone(),
                verdict: Box::new(attempted.verdict),
            });
        }
        self.after(attempted).await
    }

    /// Moves the alias that a review asks for although a rule does not hold. Somebody answers for it, with a reason, for
    /// as long as the policy lets an override stand.
    ///
    /// # Errors
    /// When the policy has no glass to break, the reason is missing or the time too long; when the alias has moved since.
    pub async fn break_glass(&self, number: i64, new: NewException, actor: &Actor) -> Result<Review, Error> {
        let (actor, now) = (actor.clone(), self.clock.now());
        let attempted = self
            .db
            .write(move |tx| {
                Box::pin(async move {
                    let review = reviews::hold_review(tx, number, now).await?;
                    let guard = needed(tx, &review.model, &review.alias).await?;
                    let review = refresh(tx, &guard, review, now).await?;
                    let Some(rule) = guard.policy.break_glass else {
                        let rule = format!("policy `{}` does not allow it", guard.policy.policy);
                        return Err(governance::Error::Override { rule }.into());
                    };
                    let exception =
                        reviews::break_glass(tx, &review, &new, rule.longest, &actor, now).await?;
                    let owner = registry::get_model(tx, &review.model).await?.owner;
                    let place = (owner.as_str(), guard.applied.spec.project.as_str());
                    let people = people_of(tx, &guard.policy, place, actor.as_str()).await?;
                    let text = announcement(&exception.reason, exception.expires_at, &people);
                    reviews::comment(tx, number, None, &text, &actor, now).await?;
                    let attempted = attempt(tx, &guard, review, None, &actor, now).await?;
                    if attempted.moved.is_none() {
                        // Nothing is kept of a broken glass that moved nothing.
                        return Err(Error::PolicyRefused {
                            policy: attempted.verdict.policy.clone(),
                            summary: attempted.verdict.summary.clone(),
                            verdict: Box::new(attempted.verdict),
                        });
                    }
                    Ok(attempted)
                })
            })
            .await?;
        self.after(attempted).await
    }

    /// Lets a review ask for another version, or for the same one as things are now. Approvals that were given for what it
    /// asked before do not count from then on.
    ///
    /// # Errors
    /// When the review has ended, or there is no such version.
    pub async fn revise_review(
        &self,
        number: i64,
        version: Option<i64>,
        actor: &Actor,
    ) -> Result<Review, Error> {
        let (actor, now) = (actor.clone(), self.clock.now());
        let attempted = self
            .db
            .write(move |tx| {
                Box::pin(async move {
                    let review = reviews::hold_review(tx, number, now).await?;
                    let guard = needed(tx, &review.model, &review.alias).await?;
                    let version = version.unwrap_or(review.version);
                    let about = (review.model.as_str(), review.alias.as_str(), version);
                    let subject = subject_of(tx, &guard, about, now).await?;
                    if subject.previous == Some(version) {
                        let (model, alias) = (review.model.clone(), review.alias.clone());
                        return Err(Error::AliasThere { model, alias, version });
                    }
                    let why = format!("`{}` revised it to version {version}", actor.as_str());
                    let review = reviews::revise(tx, &review, &subject, &why, &actor, now).await?;
                    if review.at_once {
                        return attempt(tx, &guard, review, None, &actor, now).await;
                    }
                    let verdict = super::carry_out::judge_review(tx, &guard, &review, None, now).await?;
                    Ok(Attempt { review, verdict, moved: None })
                })
            })
            .await?;
        self.after(attempted).await
    }

    /// Closes a review without a move.
    ///
    /// # Errors
    /// When it has ended already.
    pub async fn close_review(&self, number: i64, reason: &str, actor: &Actor) -> Result<Review, Error> {
        let (actor, now) = (actor.clone(), self.clock.now());
        let outcome = match reason.trim() {
            "" => "closed without a move".to_owned(),
            reason => format!("closed without a move: {reason}"),
        };
        let ended = Ended { state: ReviewState::Closed, outcome, verdict: None };
        let closed: Result<Review, governance::Error> = self
            .db
            .write(move |tx| {
                Box::pin(async move { reviews::end_review(tx, number, &ended, &actor, now).await })
            })
            .await;
        Ok(closed?)
    }

    /// Adds to the discussion of a review.
    ///
    /// # Errors
    /// When it says nothing, is too long, or answers nothing of this review.
    pub async fn comment_review(
        &self,
        number: i64,
        parent: Option<i64>,
        text: &str,
        actor: &Actor,
    ) -> Result<Comment, Error> {
        let (actor, now, text) = (actor.clone(), self.clock.now(), text.to_owned());
        let written: Result<Comment, governance::Error> = self
            .db
            .write(move |tx| {
                Box::pin(async move { reviews::comment(tx, number, parent, &text, &actor, now).await })
            })
            .await;
        Ok(written?)
    }

    /// Lets deployments follow an alias that has moved.
    pub(super) async fn after(&self, attempted: Attempt) -> Result<Review, Error> {
        let Attempt { review, moved, .. } = attempted;
        if moved.is_some() {
            self.follow_model(&review.model).await?;
        }
        Ok(review)
    }
}
