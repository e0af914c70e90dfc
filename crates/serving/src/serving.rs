//! The table of deployments: requests find their version in it, and versions change in it without a pause.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use base::Clock;

use crate::counters::{Stats, Sums};
use crate::deployment::{Draining, Loaded, Offer, Slot};
use crate::engine::EngineFailure;
use crate::oip::ModelMetadata;
use crate::predict::warm_up;
use crate::routing::{CanaryBranch, FallbackBranch, Routing, Variant};
use crate::shadow::{Comparison, ShadowBranch};
use crate::sink::PredictionSink;
use crate::traffic::Traffic;
use crate::window::Guard;
use crate::{Error, Result};

/// What a swap did.
#[derive(Debug)]
pub struct Swap {
    /// The version that answers now.
    pub version: i64,
    /// The version that answered before and drains; absent for a new deployment.
    pub previous: Option<Draining>,
}

/// A deployment as it is now.
#[derive(Debug, Clone)]
pub struct Described {
    /// Its name.
    pub name: String,
    /// The version that answers.
    pub current: Arc<Loaded>,
    /// Its limits.
    pub settings: crate::Settings,
    /// All that was asked of it since the server started.
    pub stats: Stats,
    /// What was asked of the current version.
    pub current_stats: Stats,
    /// Every version behind it with what was asked of it, the primary first.
    pub branches: Vec<Branch>,
}

/// One version behind a deployment.
#[derive(Debug, Clone)]
pub struct Branch {
    /// Its part.
    pub variant: Variant,
    /// The version.
    pub version: i64,
    /// The share of requests that it is meant to get, 0 to 1.
    pub share: f64,
    /// What was asked of it.
    pub stats: Stats,
    /// The same as sums.
    pub sums: Sums,
    /// How its answers compare with those that were given; of a shadow only.
    pub comparison: Option<Comparison>,
    /// Why it should be taken back, once it should.
    pub tripped: Option<String>,
}

/// The versions that are to stand beside the primary.
#[derive(Debug, Default)]
pub struct Beside {
    /// The loaded canary.
    pub canary: Option<Offer>,
    /// The loaded shadow.
    pub shadow: Option<Offer>,
    /// The loaded version that steps in.
    pub fallback: Option<Offer>,
}

/// All deployments of this process.
#[derive(Debug)]
pub struct Serving {
    slots: ArcSwap<HashMap<String, Arc<Slot>>>,
    /// Held while the table changes; requests never wait for it.
    changing: Mutex<()>,
    pub(crate) sink: Arc<dyn PredictionSink>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Serving {
    /// A table without deployments, whose predictions go to `sink`.
    #[must_use]
    pub fn new(sink: Arc<dyn PredictionSink>, clock: Arc<dyn Clock>) -> Self {
        Self { slots: ArcSwap::default(), changing: Mutex::new(()), sink, clock }
    }

    fn changing(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a version answer under a name, in place of the one that did. Canary, shadow and fallback stay, unless
    /// they are the same version.
    ///
    /// It must answer its warm-up rows first; if it does not, [`Error::WarmUp`] says why and the old version goes on
    /// answering. Requests that are under way keep the old version, which drains.
    pub async fn deploy(&self, offer: Offer) -> Result<Swap> {
        base::names::check_name("deployment", &offer.deployment)?;
        let next = self.warmed(&offer).await?;
        let _changing = self.changing();
        if let Some(slot) = self.slots.load().get(&offer.deployment) {
            let previous = Some(slot.swap(next, offer.settings));
            return Ok(Swap { version: offer.version, previous });
        }
        let slot = Arc::new(Slot::new(&offer.deployment, next, offer.settings));
        let mut table = HashMap::clone(&self.slots.load());
        table.insert(offer.deployment, slot);
        self.slots.store(Arc::new(table));
        Ok(Swap { version: offer.version, previous: None })
    }

    async fn warmed(&self, offer: &Offer) -> Result<Arc<Loaded>> {
        let warmed = offer.clone();
        let answered =
            tokio::task::spawn_blocking(move || warm_up(&*warmed.engine, warmed.warm_up.as_deref())).await;
        let failure = match answered {
            Ok(Ok(())) => return Ok(Arc::new(Loaded::of(offer, self.clock.now()))),
            Ok(Err(failure)) => failure,
            Err(_) => EngineFailure::internal("the engine broke down"),
        };
        Err(Error::WarmUp { name: offer.deployment.clone(), version: offer.version, failure })
    }

    /// Shares the requests of a deployment out anew. Every version answers its warm-up rows first; if one does not,
    /// nothing changes. A version that already stands in the same place is kept with its counts.
    pub async fn share_out(&self, name: &str, traffic: &Traffic, beside: Beside) -> Result<()> {
        traffic.check()?;
        let before = self.slot(name)?.routing();
        let canary = match (&traffic.canary, beside.canary) {
            (Some(rule), Some(offer)) => {
                let known = before.canary.as_ref().map(|canary| &canary.loaded);
                let kept = before
                    .canary
                    .as_ref()
                    .filter(|canary| canary.rule.seed == rule.seed && before.rollback == traffic.rollback)
                    .and_then(|canary| canary.guard.clone());
                let fresh = || traffic.rollback.as_ref().map(|rule| Arc::new(Guard::new(rule)));
                let loaded = self.kept_or_warmed(known, &offer).await?;
                Some(CanaryBranch { loaded, rule: rule.clone(), guard: kept.or_else(fresh) })
            }
            _ => None,
        };
        let shadow = match (&traffic.shadow, beside.shadow) {
            (Some(rule), Some(offer)) => {
                let known = before.shadow.as_ref().map(|shadow| &shadow.loaded);
                let loaded = self.kept_or_warmed(known, &offer).await?;
                Some(Arc::new(ShadowBranch::new(loaded, rule.share, rule.tolerance)))
            }
            _ => None,
        };
        let fallback = match &traffic.fallback {
            Some(rule) => {
                let known = before.fallback.as_ref().and_then(|fallback| fallback.loaded.as_ref());
                let loaded = match &beside.fallback {
                    Some(offer) => Some(self.kept_or_warmed(known, offer).await?),
                    None => None,
                };
                Some(Arc::new(FallbackBranch { loaded, rule: rule.clone() }))
            }
            None => None,
        };
        let _changing = self.changing();
        let slot = self.slot(name)?;
        let now = slot.routing();
        let same_rule = now.rollback == traffic.rollback;
        let guard = if same_rule {
            now.primary_guard.clone()
        } else {
            traffic.rollback.as_ref().map(|rule| Arc::new(Guard::new(rule)))
        };
        let mut routing = Routing {
            primary: Arc::clone(&now.primary),
            primary_guard: guard,
            canary,
            shadow,
            fallback,
            rollback: traffic.rollback.clone(),
            known: Arc::default(),
        };
        routing.know();
        slot.reroute(routing);
        Ok(())
    }

    async fn kept_or_warmed(&self, known: Option<&Arc<Loaded>>, offer: &Offer) -> Result<Arc<Loaded>> {
        let same = |loaded: &&Arc<Loaded>| *loaded.model == offer.model && loaded.version == offer.version;
        match known.filter(same) {
            Some(loaded) => Ok(Arc::clone(loaded)),
            None => self.warmed(offer).await,
        }
    }

    /// Takes a deployment away; requests that are under way are answered. Whether there was one.
    pub fn withdraw(&self, name: &str) -> bool {
        let _changing = self.changing();
        let mut table = HashMap::clone(&self.slots.load());
        let found = table.remove(name).is_some();
        self.slots.store(Arc::new(table));
        found
    }

    pub(crate) fn slot(&self, name: &str) -> Result<Arc<Slot>> {
        let slots = self.slots.load();
        slots.get(name).cloned().ok_or_else(|| Error::DeploymentNotFound {
            name: name.chars().take(100).collect(),
            nearest: base::names::nearest(name, slots.keys().map(String::as_str)).map(str::to_owned),
        })
    }

    /// The version that most requests go to. Fails with [`Error::DeploymentNotFound`].
    pub fn current(&self, name: &str) -> Result<Arc<Loaded>> {
        Ok(self.slot(name)?.current())
    }

    /// The names of all deployments, in order.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.slots.load().keys().cloned().collect();
        names.sort_unstable();
        names
    }

    /// A deployment as it is now. Fails with [`Error::DeploymentNotFound`].
    pub fn describe(&self, name: &str) -> Result<Described> {
        let slot = self.slot(name)?;
        let (current, working) = (slot.current(), slot.working());
        let in_flight = current.in_flight.load(std::sync::atomic::Ordering::Relaxed) as u64;
        let waiting = working.limiter.waiting() as u64;
        let live = |stats| Stats { in_flight, waiting, ..stats };
        Ok(Described {
            name: name.to_owned(),
            settings: working.settings,
            stats: live(slot.counters.stats()),
            current_stats: live(current.counters.stats()),
            branches: branches(&slot.routing()),
            current,
        })
    }

    /// What the deployment says of itself in the Open Inference Protocol.
    pub fn metadata(&self, name: &str, version: Option<&str>) -> Result<ModelMetadata> {
        let routing = self.slot(name)?.routing();
        let versions = routing.versions();
        let loaded = match version {
            None => &routing.primary,
            Some(version) => {
                let canary = routing.canary.as_ref().map(|canary| &canary.loaded);
                let found = std::iter::once(&routing.primary).chain(canary);
                let mut found = found.filter(|loaded| loaded.version.to_string() == version);
                found.next().ok_or_else(|| version_not_served(name, version, &versions))?
            }
        };
        let mut metadata =
            ModelMetadata::of(name, loaded.version, loaded.engine.name(), loaded.engine.signature());
        if version.is_none() {
            metadata.versions = versions.iter().map(i64::to_string).collect();
        }
        Ok(metadata)
    }
}

pub(crate) fn version_not_served(name: &str, version: &str, current: &[i64]) -> Error {
    Error::VersionNotServed {
        name: name.to_owned(),
        version: version.chars().take(40).collect(),
        current: current.to_vec(),
    }
}

fn branches(routing: &Routing) -> Vec<Branch> {
    let branch = |variant, loaded: &Loaded, share| Branch {
        variant,
        version: loaded.version,
        share,
        stats: loaded.counters.stats(),
        sums: loaded.counters.sums(),
        comparison: None,
        tripped: None,
    };
    let reason =
        |guard: &Option<Arc<Guard>>| guard.as_ref().and_then(|guard| guard.tripped()).map(str::to_owned);
    let taken = routing.canary.as_ref().map_or(0.0, |canary| canary.rule.share);
    let mut branches = vec![Branch {
        tripped: reason(&routing.primary_guard),
        ..branch(Variant::Primary, &routing.primary, 1.0 - taken)
    }];
    if let Some(canary) = &routing.canary {
        let of_canary = branch(Variant::Canary, &canary.loaded, canary.rule.share);
        branches.push(Branch { tripped: reason(&canary.guard), ..of_canary });
    }
    if let Some(shadow) = &routing.shadow {
        let of_shadow = branch(Variant::Shadow, &shadow.loaded, shadow.share);
        branches.push(Branch { comparison: Some(shadow.comparison()), ..of_shadow });
    }
    if let Some(loaded) = routing.fallback.as_ref().and_then(|fallback| fallback.loaded.as_ref()) {
        branches.push(branch(Variant::Fallback, loaded, 0.0));
    }
    branches
}
