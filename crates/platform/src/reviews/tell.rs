//! Broken glass told to people at once: by every notifier that hears of the model, and in the inboxes of those who own
//! the model or may approve its moves.

use std::collections::BTreeSet;

use base::{Event, PageRequest, Period, Timestamp};
use db::Sql;
use governance::Role;
use governance::policy::{Approvals, Mark, Policy};
use governance::reviews::{self, Exception, Review};
use monitoring::store::{self, NewOutgoing};
use notices::{Notice, NoticeState};
use serde::Serialize;

use crate::notify::Notifiers;
use crate::{Error, Platform};

/// The most people who are named.
const MOST_NAMED: usize = 20;

/// A message about a broken glass, and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Told {
    /// The override.
    pub number: i64,
    /// By which notifier.
    pub notifier: String,
    /// `waiting`, `sent` or `dropped`.
    pub state: String,
    /// When it was written.
    pub at: Timestamp,
    /// When it arrived, or was dropped.
    pub ended_at: Option<Timestamp>,
    /// Why it waits or was dropped.
    pub reason: Option<String>,
}

/// Under which name messages about an override are kept.
fn kept_as(number: i64) -> String {
    format!("override:{number}")
}

/// The owner of a model, if that is a person, and those who may approve its moves, without the one who acts.
pub(super) async fn people_of(
    sql: &mut impl Sql,
    policy: &Policy,
    (owner, project): (&str, &str),
    but: &str,
) -> Result<Vec<String>, Error> {
    let mut groups = BTreeSet::new();
    let mut roles = BTreeSet::new();
    if let Approvals::By(demands) = &policy.approvals {
        for demand in demands {
            match policy.groups.get(&demand.from) {
                Some(people) => groups.extend(people.iter().cloned()),
                None => drop(roles.insert(demand.from.clone())),
            }
        }
    }
    if groups.is_empty() && roles.is_empty() {
        roles.insert(Role::Approver.as_str().to_owned());
    }
    let members = governance::list_members(sql).await?;
    let concerned = |member: &governance::Member| {
        let holds = || {
            let covering = member.grants.iter().filter(|grant| grant.covers(Some(project)));
            covering.into_iter().any(|grant| roles.contains(grant.role.as_str()))
        };
        member.disabled_at.is_none()
            && member.name != but
            && (member.name == owner || groups.contains(&member.name) || holds())
    };
    Ok(members.into_iter().filter(concerned).map(|member| member.name).take(MOST_NAMED).collect())
}

/// What stands in the discussion of a review whose rules somebody goes past; it names those whom that concerns.
pub(super) fn announcement(reason: &str, expires_at: Timestamp, people: &[String]) -> String {
    let named: Vec<String> = people.iter().map(|person| format!("@{person}")).collect();
    format!("The glass is broken until {expires_at}: {reason}\n\n{}", named.join(" ")).trim_end().to_owned()
}

impl Platform {
    /// The messages about the overrides of a review.
    pub(super) async fn told(&self, overrides: &[Exception]) -> Result<Vec<Told>, Error> {
        let mut told = Vec::new();
        let mut read = self.db.read().await?;
        for exception in overrides {
            let page = PageRequest::first(PageRequest::MOST);
            let kept = kept_as(exception.number);
            let sent = store::list_notices(&mut read, Some(&kept), &page).await?.items;
            told.extend(sent.into_iter().map(|one| Told {
                number: exception.number,
                notifier: one.notifier,
                state: one.state,
                at: one.created_at,
                ended_at: one.ended_at,
                reason: one.reason,
            }));
        }
        Ok(told)
    }

    /// The messages that an event of a review makes: a broken glass, one that has expired, one that is made good. They go
    /// out at once, to all who hear of errors of the model, whatever `notify`, escalations and silences say of alerts.
    pub(crate) async fn notices_of_override(
        &self,
        known: &Notifiers,
        event: &Event,
    ) -> Result<Vec<NewOutgoing>, Error> {
        let stage = match event.kind.as_str() {
            "review.glass_broken" => Stage::Broken,
            "review.override_expired" => Stage::Expired,
            "review.override_over" => Stage::Over,
            _ => return Ok(Vec::new()),
        };
        let Some(number) = event.data.get("override").and_then(serde_json::Value::as_i64) else {
            return Ok(Vec::new());
        };
        let mut read = self.db.read().await?;
        let Ok(review) = event.object.name.parse() else { return Ok(Vec::new()) };
        let Ok(review) = reviews::get_review(&mut read, review).await else { return Ok(Vec::new()) };
        let all = reviews::exceptions(&mut read, Some(&review.model), false).await?;
        let Some(exception) = all.into_iter().find(|each| each.number == number) else {
            return Ok(Vec::new());
        };
        drop(read);
        let now = self.clock.now();
        let notice = notice_of(stage, &review, &exception, known, now);
        let hears = |notifier: &&notices::Notifier| {
            notifier.hears(&review.model, "error") && (stage != Stage::Over || notifier.resolved)
        };
        let fresh = known.notifiers.iter().filter(hears).map(|notifier| NewOutgoing {
            alert_id: kept_as(number),
            notifier: notifier.name.clone(),
            notice: serde_json::to_value(&notice).unwrap_or_default(),
            only_while_firing: false,
            due_at: now.plus(Period::from_micros(0)),
            now,
        });
        Ok(fresh.collect())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Broken,
    Expired,
    Over,
}

fn notice_of(
    stage: Stage,
    review: &Review,
    exception: &Exception,
    known: &Notifiers,
    now: Timestamp,
) -> Notice {
    let Exception { by, model, alias, version, .. } = exception;
    let missing: Vec<&str> = review
        .verdict
        .iter()
        .flat_map(|verdict| {
            verdict.rules.iter().filter(|rule| rule.mark != Mark::Pass).map(|rule| rule.why.as_str())
        })
        .collect();
    let what = format!("`{alias}` of `{model}` points at version {version}");
    let title = match stage {
        Stage::Broken => format!("`{by}` broke the glass: {what} against the policy"),
        Stage::Expired => format!("an override has expired and was not made good: {what}"),
        Stage::Over => format!("the override of `{by}` for `{alias}` of `{model}` is over"),
    };
    let ticket = if exception.ticket.is_empty() { String::new() } else { format!(" ({})", exception.ticket) };
    Notice {
        id: String::new(),
        fingerprint: kept_as(exception.number),
        state: if stage == Stage::Over { NoticeState::Resolved } else { NoticeState::Firing },
        model: model.clone(),
        kind: "override".to_owned(),
        severity: "error".to_owned(),
        title,
        what_changed: format!("{what}, although: {}", missing.join("; ")),
        since: exception.at,
        cause: format!("{}{ticket}", exception.reason),
        impact: match stage {
            Stage::Broken => format!(
                "it stands until {}, and is listed until a review by the rules takes its place",
                exception.expires_at
            ),
            Stage::Expired => format!(
                "it stood until {}; the alias stays where it is until somebody moves it",
                exception.expires_at
            ),
            Stage::Over => exception.ended_why.clone(),
        },
        act:
            "Look at the review; fill what was missing and ask for the version again, or move the alias back"
                .to_owned(),
        command: format!("gingham review show {}", exception.review),
        link: known
            .public_url
            .as_ref()
            .map(|url| format!("{}/reviews/{}", url.trim_end_matches('/'), exception.review)),
        at: now,
    }
}
