//! Canaries, shadows, tests and who steps in: set by people and files, watched over by the server.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use base::{Actor, Timestamp};
use registry::{AliasChange, Pointer};
use serde::Serialize;
use serving::abtest::{Side, Standing, Verdict, judge};
use serving::store::{self, Deployment, State};
use serving::traffic_store::{self, Change, Revision, seeded};
use serving::{Beside, Branch, Offer, Target, Traffic, Variant};
use tables::Table;
use tokio::sync::watch;

use crate::objection::Heard;
use crate::spec::Spec;
use crate::{AppliedSpec, Endpoint, Error, Platform, reviews, specs};

/// How often tripped limits are looked for.
const EVERY: Duration = Duration::from_secs(1);
/// Alerts, checks and tests are looked at in each such round.
const SLOW_ROUNDS: u64 = 30;
const HISTORY: usize = 50;
const MICROS_PER_DAY: f64 = 86_400e6;

/// How a deployment shares its requests out.
#[derive(Debug, Clone, Serialize)]
pub struct TrafficView {
    /// The deployment.
    pub deployment: String,
    /// What holds now.
    pub traffic: Traffic,
    /// In a line.
    pub summary: String,
    /// How the A/B test stands, if there is one.
    pub test: Option<Standing>,
    /// The revisions, newest first.
    pub history: Vec<Revision>,
    /// The versions behind it with what was asked of them.
    #[serde(skip)]
    pub branches: Vec<Branch>,
}

impl Platform {
    /// How a deployment shares its requests out.
    ///
    /// # Errors
    /// When there is no such deployment.
    pub async fn traffic(&self, name: &str) -> Result<TrafficView, Error> {
        let mut read = self.db.read().await?;
        let deployment = store::get_deployment(&mut read, name).await?;
        let history = traffic_store::history(&mut read, name, HISTORY).await?;
        drop(read);
        let current = history.first().map(|revision| revision.traffic.clone()).unwrap_or_default();
        let test = self.standing(&deployment, &history).await?;
        let described = self.serving.describe(name);
        Ok(TrafficView {
            deployment: deployment.name,
            summary: current.in_words(),
            traffic: current,
            test,
            history,
            branches: described.map(|described| described.branches).unwrap_or_default(),
        })
    }

    /// Shares the requests of a deployment out anew. The versions answer their warm-up rows first; if one does not, or
    /// there is none of that name, nothing changes.
    ///
    /// # Errors
    /// Settings that make no sense, and versions that are not there or do not answer.
    pub async fn set_traffic(
        &self,
        name: &str,
        traffic: Traffic,
        reason: &str,
        actor: &Actor,
    ) -> Result<TrafficView, Error> {
        traffic.check()?;
        let turn = self.deploying.lock().await;
        self.change_traffic(name, traffic, (Change::Set, reason), actor).await?;
        drop(turn);
        self.traffic(name).await
    }

    async fn change_traffic(
        &self,
        name: &str,
        traffic: Traffic,
        (change, reason): (Change, &str),
        actor: &Actor,
    ) -> Result<(), Error> {
        let mut read = self.db.read().await?;
        let deployment = store::get_deployment(&mut read, name).await?;
        let before = traffic_store::find(&mut read, name).await?;
        if let Some(guard) = reviews::guard_over(&mut read, &deployment, None).await? {
            let held = before.as_ref().map(|before| before.traffic.clone()).unwrap_or_default();
            reviews::admit(&mut read, &guard, &deployment, (&held, &traffic), self.clock.now()).await?;
        }
        drop(read);
        let traffic = seeded(traffic, before.as_ref());
        self.share_out(&deployment, &traffic).await?;
        let (name, written, reason) = (name.to_owned(), traffic, reason.to_owned());
        let (actor, now) = (actor.clone(), self.clock.now());
        let kept: Result<Revision, serving::Error> = self
            .db
            .write(move |tx| {
                Box::pin(async move {
                    traffic_store::put(tx, &name, &written, (change, &reason), &actor, now).await
                })
            })
            .await;
        if let Err(error) = kept {
            // What is not written down does not hold.
            let held = before.map(|before| before.traffic).unwrap_or_default();
            self.share_out(&deployment, &held).await?;
            return Err(error.into());
        }
        Ok(())
    }

    /// Loads the versions that the settings name and puts them beside the primary.
    async fn share_out(&self, deployment: &Deployment, traffic: &Traffic) -> Result<(), Error> {
        let canary = match &traffic.canary {
            Some(canary) => Some(self.target(deployment, &canary.version).await?),
            None => None,
        };
        let shadow = match &traffic.shadow {
            Some(shadow) => Some(self.target(deployment, &shadow.version).await?),
            None => None,
        };
        let fallback = match traffic.fallback.as_ref().and_then(|fallback| fallback.version.as_ref()) {
            Some(version) => Some(self.target(deployment, version).await?),
            None => None,
        };
        let beside = Beside { canary, shadow, fallback };
        Ok(self.serving.share_out(&deployment.name, traffic, beside).await?)
    }

    async fn target(&self, deployment: &Deployment, target: &Target) -> Result<Offer, Error> {
        let pointer = match target {
            Target::Version(number) => Pointer::Number(*number),
            Target::Alias(alias) => Pointer::Alias(alias.clone()),
        };
        let version = registry::resolve(&mut self.db.read().await?, &deployment.model, &pointer).await?;
        self.offer(&deployment.name, None, &version, deployment.settings).await
    }

    /// Puts the versions of the newest settings beside the primary again, after a start or a move of an alias. One that
    /// cannot be loaded any more is told in the log; the primary answers alone then.
    pub(crate) async fn restore_traffic(&self, name: &str) -> Result<(), Error> {
        let mut read = self.db.read().await?;
        let Some(held) = traffic_store::find(&mut read, name).await? else { return Ok(()) };
        let deployment = store::get_deployment(&mut read, name).await?;
        drop(read);
        if let Err(error) = self.share_out(&deployment, &held.traffic).await {
            tracing::error!(deployment.name = name, %error, "`{name}` answers without its canary, shadow and fallback");
        }
        Ok(())
    }

    /// Refuses a file whose traffic settings its policy does not allow, before anything of it is written down.
    pub(crate) async fn admit_traffic(&self, applied: AppliedSpec) -> Result<(), Error> {
        let Some((name, wanted)) =
            applied.spec.deployment.as_ref().and_then(|of| Some((of.name.clone(), of.traffic.clone()?)))
        else {
            return Ok(());
        };
        let mut read = self.db.read().await?;
        let Ok(deployment) = store::get_deployment(&mut read, &name).await else { return Ok(()) };
        let held = traffic_store::find(&mut read, &name).await?.map(|held| held.traffic).unwrap_or_default();
        match reviews::guard_over(&mut read, &deployment, Some(applied)).await? {
            Some(guard) => {
                reviews::admit(&mut read, &guard, &deployment, (&held, &wanted), self.clock.now()).await
            }
            None => Ok(()),
        }
    }

    /// Makes the traffic settings of a file hold, if it has some and they are others.
    pub(crate) async fn apply_traffic(&self, spec: &Spec, actor: &Actor) -> Result<(), Error> {
        let Some((name, traffic)) =
            spec.deployment.as_ref().and_then(|wanted| Some((&wanted.name, wanted.traffic.clone()?)))
        else {
            return Ok(());
        };
        let _turn = self.deploying.lock().await;
        let held = traffic_store::find(&mut self.db.read().await?, name).await?;
        let wanted = seeded(traffic, held.as_ref());
        if held.is_some_and(|held| held.traffic == wanted) || self.serving.current(name).is_err() {
            return Ok(());
        }
        self.change_traffic(name, wanted, (Change::Set, "the file says so"), actor).await
    }

    /// Puts a deployment that was taken away back into service.
    ///
    /// # Errors
    /// When there is no such deployment, or its version cannot be served.
    pub async fn load_deployment(&self, name: &str, actor: &Actor) -> Result<(), Error> {
        let deployment = store::get_deployment(&mut self.db.read().await?, name).await?;
        let applied = specs::find(&mut self.db.read().await?, &deployment.model).await?;
        let spec = applied.map(|applied| applied.spec);
        let described =
            spec.filter(|spec| spec.deployment.as_ref().is_some_and(|wanted| wanted.name == name));
        let before = self.serving.current(name).is_ok();
        match (described, deployment.alias) {
            (Some(spec), _) => self.follow_alias(&spec).await?,
            (None, Some(alias)) => {
                let endpoint = Endpoint {
                    name: name.to_owned(),
                    model: deployment.model,
                    alias,
                    settings: deployment.settings,
                };
                self.follow_endpoint(&endpoint).await?;
            }
            (None, None) => {}
        }
        if !before {
            tracing::info!(deployment.name = name, actor = actor.as_str(), "`{name}` is loaded again");
        }
        Ok(())
    }

    /// Takes a deployment out of service, until it is loaded again. Requests under way are answered.
    ///
    /// # Errors
    /// When there is no such deployment.
    pub async fn unload_deployment(&self, name: &str, reason: &str, actor: &Actor) -> Result<(), Error> {
        let _turn = self.deploying.lock().await;
        store::get_deployment(&mut self.db.read().await?, name).await?;
        self.serving.withdraw(name);
        let (name, reason, actor, now) =
            (name.to_owned(), reason.to_owned(), actor.clone(), self.clock.now());
        let told: Result<(), serving::Error> = self
            .db
            .write(move |tx| {
                Box::pin(async move {
                    store::set_state(tx, &name, State::Stopped, &reason, &actor, now).await.map(drop)
                })
            })
            .await;
        Ok(told?)
    }

    /// Takes versions back that break their limits and ends tests, until `stop` becomes true.
    pub async fn keep_traffic(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let mut given_up = HashSet::new();
        let mut heard = Heard::default();
        let mut round: u64 = 0;
        while !*stop.borrow() {
            tokio::select! {
                _ = stop.changed() => return,
                () = tokio::time::sleep(EVERY) => {}
            }
            round += 1;
            let slow = round.is_multiple_of(SLOW_ROUNDS);
            let news = self.may_object(&mut heard).await.unwrap_or_else(|error| {
                tracing::error!(%error, "the log of events cannot be read for what speaks against versions");
                false
            });
            for name in self.serving.names() {
                if let Err(error) = self.tend(&name, (news || slow, slow), &mut given_up).await {
                    tracing::error!(deployment.name = %name, %error, "the traffic of `{name}` cannot be looked at");
                }
            }
        }
    }

    /// Looks at one deployment once; at alerts and checks where there is news, at tests now and then.
    async fn tend(
        &self,
        name: &str,
        (news, slow): (bool, bool),
        given_up: &mut HashSet<(String, i64)>,
    ) -> Result<(), Error> {
        let branches = self.serving.describe(name)?.branches;
        for branch in &branches {
            if let Some(reason) = &branch.tripped {
                self.take_back(name, branch, reason, given_up).await?;
            }
        }
        if !news {
            return Ok(());
        }
        let mut read = self.db.read().await?;
        let deployment = store::get_deployment(&mut read, name).await?;
        let history = traffic_store::history(&mut read, name, HISTORY).await?;
        drop(read);
        let Some(held) = history.first() else { return Ok(()) };
        if let Some(objection) = self.objection(&deployment, &history, &branches).await? {
            return self.take_back(name, objection.branch, &objection.reason, given_up).await;
        }
        if slow { self.end_test(&deployment, held, &history).await } else { Ok(()) }
    }

    /// A canary goes; a primary makes way for the version before it, once.
    async fn take_back(
        &self,
        name: &str,
        branch: &Branch,
        reason: &str,
        given_up: &mut HashSet<(String, i64)>,
    ) -> Result<(), Error> {
        let actor = Actor::platform("traffic");
        match branch.variant {
            Variant::Canary => {
                let _turn = self.deploying.lock().await;
                let held = traffic_store::find(&mut self.db.read().await?, name).await?;
                let without = Traffic { canary: None, ..held.map(|held| held.traffic).unwrap_or_default() };
                let reason = format!("version {}: {reason}", branch.version);
                self.change_traffic(name, without, (Change::RolledBack, &reason), &actor).await
            }
            Variant::Primary if !given_up.contains(&(name.to_owned(), branch.version)) => {
                given_up.insert((name.to_owned(), branch.version));
                self.primary_back(name, branch.version, reason, &actor).await
            }
            _ => Ok(()),
        }
    }

    async fn primary_back(&self, name: &str, version: i64, reason: &str, actor: &Actor) -> Result<(), Error> {
        let mut read = self.db.read().await?;
        let deployment = store::get_deployment(&mut read, name).await?;
        let held = traffic_store::find(&mut read, name).await?;
        drop(read);
        let within =
            held.as_ref().and_then(|held| held.traffic.rollback.as_ref()).map(|rule| rule.within_minutes);
        let age_s = self.clock.now().since(deployment.since).as_micros() / 1_000_000;
        let recent = within.is_some_and(|minutes| age_s.unsigned_abs() <= minutes.saturating_mul(60));
        let (Some(previous), Some(alias), true) = (deployment.previous_version, &deployment.alias, recent)
        else {
            tracing::error!(
                deployment.name = name,
                reason,
                "version {version} of `{name}` breaks its limits, and there is no version to go back to"
            );
            return Ok(());
        };
        let change = AliasChange {
            model: deployment.model.clone(),
            alias: alias.clone(),
            version: previous,
            expected: registry::Expected::Version(version),
            reason: format!("taken back: {reason}"),
        };
        self.take_back_alias(change, actor).await?;
        let _turn = self.deploying.lock().await;
        let traffic = held.map(|held| held.traffic).unwrap_or_default();
        let reason = format!("version {version}: {reason}");
        self.change_traffic(name, traffic, (Change::RolledBack, &reason), actor).await
    }

    /// How the test stands, from the labels that have come for the predictions since it began.
    async fn standing(
        &self,
        deployment: &Deployment,
        history: &[Revision],
    ) -> Result<Option<Standing>, Error> {
        let Some(held) = history.first() else { return Ok(None) };
        let Some(rule) = held.traffic.canary.as_ref().and_then(|canary| canary.test.as_ref()) else {
            return Ok(None);
        };
        let since = canary_since(history);
        let now = self.clock.now();
        // The time that counts is when the prediction was asked for; the time it is about may be any.
        let newest = self.archive.watermark(&deployment.model).unwrap_or(now).max(now);
        let mut sides = [Side::default(), Side::default()];
        if self.archive.watermark(&deployment.model).is_some() {
            let first = Timestamp::from_micros(0);
            let rows = self
                .archive
                .scored(&deployment.model, first, newest.plus(base::Period::from_days(1)))
                .await?;
            let received = rows.times("received_time")?;
            let (names, variants) = (rows.texts("deployment")?, rows.texts("variant")?);
            let pairs = rows.numbers("prediction")?.into_iter().zip(rows.numbers("label")?);
            for (at, (prediction, label)) in pairs.enumerate() {
                let of = |column: &[Option<String>]| column.get(at).cloned().flatten();
                let recent = received.get(at).copied().flatten().is_some_and(|at| at >= since.as_micros());
                let (Some(prediction), Some(label), true) = (prediction, label, recent) else { continue };
                if of(&names).as_deref() != Some(&deployment.name) {
                    continue;
                }
                let [primary, canary] = &mut sides;
                match of(&variants).as_deref() {
                    Some("primary") => primary.add(rule.metric.of(prediction, label)),
                    Some("canary") => canary.add(rule.metric.of(prediction, label)),
                    _ => {}
                }
            }
        }
        #[expect(clippy::cast_precision_loss, reason = "days for people")]
        let days = now.since(since).as_micros() as f64 / MICROS_PER_DAY;
        let [primary, canary] = sides;
        Ok(Some(judge(rule, primary, canary, days)))
    }

    async fn end_test(
        &self,
        deployment: &Deployment,
        held: &Revision,
        history: &[Revision],
    ) -> Result<(), Error> {
        let Some(standing) = self.standing(deployment, history).await? else { return Ok(()) };
        let Some(canary) = &held.traffic.canary else { return Ok(()) };
        let mut traffic = held.traffic.clone();
        let words = match standing.verdict {
            Verdict::GoesOn => return Ok(()),
            Verdict::CanaryBetter => {
                // It has won its share; the alias is moved by whoever may promote.
                if let Some(canary) = &mut traffic.canary {
                    canary.test = None;
                }
                format!("{} is better; promote it", canary.version)
            }
            Verdict::PrimaryBetter => {
                traffic.canary = None;
                format!("the primary is better than {}, which goes", canary.version)
            }
            Verdict::Undecided => {
                traffic.canary = None;
                format!("nobody is known to be better, and {} goes", canary.version)
            }
        };
        let margin = standing.margin.map_or_else(String::new, |margin| format!(" ± {margin:.4}"));
        let metric = canary.test.as_ref().map_or("loss", |test| test.metric.in_words());
        let reason = format!(
            "{words}: difference in {metric} {:.4}{margin}, from {} and {} labels",
            standing.difference, standing.primary.labels, standing.canary.labels
        );
        let _turn = self.deploying.lock().await;
        let actor = Actor::platform("traffic");
        self.change_traffic(&deployment.name, traffic, (Change::TestEnded, &reason), &actor).await
    }
}

/// Since when the canary that is there now is there.
pub(crate) fn canary_since(history: &[Revision]) -> Timestamp {
    let seed = history.first().and_then(|held| held.traffic.canary.as_ref()).map(|canary| canary.seed);
    let first = seed.and_then(|seed| history.iter().find(|revision| revision.revision == seed));
    first.or(history.first()).map_or(Timestamp::from_micros(0), |revision| revision.at)
}

/// The predictions that somebody got: a shadow's answers are nobody's, and would be counted twice.
pub(crate) fn heard(rows: &Table) -> Result<Table, tables::Error> {
    let variants = rows.texts("variant")?;
    let keep: Vec<bool> = variants.iter().map(|variant| variant.as_deref() != Some("shadow")).collect();
    rows.filter(&keep)
}
