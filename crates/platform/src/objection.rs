//! What speaks against a version that answers, beside its own failures: alerts on what it answers, and checks that fail.
//!
//! All is read from the log of events, whose times are those of this clock: alerts and rows have times of their own,
//! which may lie years back.

use base::{Event, ObjectRef, Timestamp};
use db::EventFilter;
use monitoring::{Alert, AlertKind};
use serving::store::Deployment;
use serving::traffic_store::Revision;
use serving::{Branch, Rollback, Variant};

use crate::proving::version_object;
use crate::traffic::canary_since;
use crate::{Error, Platform, specs};

/// The kinds of events that may speak against a version.
const KINDS: [&str; 3] = ["alert.firing", DATA_FAILED, VERSION_FAILED];
const DATA_FAILED: &str = "dataset.checks_failed";
const VERSION_FAILED: &str = "version.checks_failed";
const VERSION_PASSED: &str = "version.checked";
/// How many events are read at once.
const MOST_EVENTS: usize = 500;
/// How many of the newest failures of datasets, and events of a version, are looked through.
const MOST_FAILURES: usize = 100;

/// How far the log of events was read for what may speak against a version.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    upto: Option<i64>,
}

/// A branch, and why its version should be taken back.
pub(crate) struct Objection<'a> {
    pub(crate) branch: &'a Branch,
    pub(crate) reason: String,
}

impl Platform {
    /// Whether something was written down, since the last time, that may speak against a version.
    pub(crate) async fn may_object(&self, heard: &mut Heard) -> Result<bool, Error> {
        let Some(mut upto) = heard.upto else {
            let newest = EventFilter { newest_first: true, ..EventFilter::default() };
            let newest = self.db.events(&newest, 1).await?.first().map_or(0, |event| event.seq);
            heard.upto = Some(newest);
            return Ok(true);
        };
        let mut found = false;
        loop {
            let filter = EventFilter { after: upto, ..EventFilter::default() };
            let events = self.db.events(&filter, MOST_EVENTS).await?;
            found |= events.iter().any(|event| KINDS.contains(&event.kind.as_str()));
            upto = events.last().map_or(upto, |event| event.seq);
            heard.upto = Some(upto);
            if events.len() < MOST_EVENTS {
                return Ok(found);
            }
        }
    }

    /// What speaks against a version of a deployment: the canary is judged first, as what came last.
    pub(crate) async fn objection<'a>(
        &self,
        deployment: &Deployment,
        history: &[Revision],
        branches: &'a [Branch],
    ) -> Result<Option<Objection<'a>>, Error> {
        let Some(rule) = history.first().and_then(|held| held.traffic.rollback.as_ref()) else {
            return Ok(None);
        };
        if !rule.on_alert && !rule.on_failed_check {
            return Ok(None);
        }
        for variant in [Variant::Canary, Variant::Primary] {
            let Some(branch) = branches.iter().find(|branch| branch.variant == variant) else { continue };
            let since = match variant {
                Variant::Canary => canary_since(history),
                // What sent a canary back does not send the primary back as well.
                _ => self.last_taken_back(deployment).await?.max(deployment.since),
            };
            if let Some(reason) = self.against(deployment, rule, branch, since).await? {
                return Ok(Some(Objection { branch, reason }));
            }
        }
        Ok(None)
    }

    async fn against(
        &self,
        deployment: &Deployment,
        rule: &Rollback,
        branch: &Branch,
        since: Timestamp,
    ) -> Result<Option<String>, Error> {
        if rule.on_alert {
            let blamed = |alert: &Alert| {
                let kind =
                    matches!(alert.kind, AlertKind::Drift | AlertKind::Performance | AlertKind::ValueRange);
                // A window holds the answers of all versions that share the requests, and names one of them.
                kind && (branch.variant == Variant::Canary || alert.version == branch.version)
            };
            for alert in self.firing_alerts(Some(&deployment.model)).await?.into_iter().filter(blamed) {
                let object = ObjectRef::new("alert", &alert.id);
                let fired = self.newest(Some(object), "alert.firing", 1).await?;
                if fired.first().is_some_and(|event| event.at >= since) {
                    return Ok(Some(format!("alert {}: {}", alert.id, alert.title)));
                }
            }
        }
        if !rule.on_failed_check {
            return Ok(None);
        }
        let of_version = version_object(&deployment.model, branch.version);
        let verdicts = self.newest(Some(of_version), "version.*", MOST_FAILURES).await?;
        let verdict =
            verdicts.into_iter().find(|event| [VERSION_FAILED, VERSION_PASSED].contains(&&*event.kind));
        if let Some(failed) = verdict.filter(|event| event.kind == VERSION_FAILED && event.at >= since) {
            return Ok(Some(failed.summary));
        }
        let Some(applied) = specs::find(&mut self.db.read().await?, &deployment.model).await? else {
            return Ok(None);
        };
        let dataset = &applied.spec.data.dataset;
        let failures = self.newest(None, DATA_FAILED, MOST_FAILURES).await?;
        let failed = failures.into_iter().take_while(|event| event.at >= since).find(|event| {
            // The object is a version of the dataset.
            event.object.name.rsplit_once('@').is_some_and(|(name, _)| name == dataset)
        });
        Ok(failed.map(|event| event.summary))
    }

    /// When a version of a deployment was last taken back.
    async fn last_taken_back(&self, deployment: &Deployment) -> Result<Timestamp, Error> {
        let object = ObjectRef::new("deployment", &deployment.name);
        let taken = self.newest(Some(object), "deployment.rolled_back", 1).await?;
        Ok(taken.first().map_or(deployment.since, |event| event.at))
    }

    async fn newest(&self, object: Option<ObjectRef>, kind: &str, most: usize) -> Result<Vec<Event>, Error> {
        let filter =
            EventFilter { kind: Some(kind.to_owned()), object, newest_first: true, ..EventFilter::default() };
        Ok(self.db.events(&filter, most).await?)
    }
}
