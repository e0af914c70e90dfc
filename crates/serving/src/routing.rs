//! Which version a request goes to: a snapshot that a request takes once and keeps.

use std::collections::HashSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::deployment::Loaded;
use crate::shadow::ShadowBranch;
use crate::traffic::{Canary, Fallback, Rollback, Sticky, place};
use crate::window::Guard;

/// The part of a deployment that answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Variant {
    /// The version that most requests go to.
    #[default]
    Primary,
    /// The version that is being tried.
    Canary,
    /// A version whose answers nobody gets.
    Shadow,
    /// Whoever stepped in.
    Fallback,
}

impl Variant {
    /// As it is written.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Canary => "canary",
            Self::Shadow => "shadow",
            Self::Fallback => "fallback",
        }
    }
}

/// Who answered a request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Route {
    /// The part of the deployment.
    pub variant: Variant,
    /// Why somebody stepped in for the version that should have answered.
    pub fallback: Option<String>,
}

/// The versions of a deployment and how requests are shared out among them; never changed, only replaced.
#[derive(Debug)]
pub(crate) struct Routing {
    pub(crate) primary: Arc<Loaded>,
    pub(crate) primary_guard: Option<Arc<Guard>>,
    pub(crate) canary: Option<CanaryBranch>,
    pub(crate) shadow: Option<Arc<ShadowBranch>>,
    pub(crate) fallback: Option<Arc<FallbackBranch>>,
    pub(crate) rollback: Option<Rollback>,
    /// Inputs that some branch takes; naming them is never a mistake.
    pub(crate) known: Arc<HashSet<String>>,
}

#[derive(Debug)]
pub(crate) struct CanaryBranch {
    pub(crate) loaded: Arc<Loaded>,
    pub(crate) rule: Canary,
    pub(crate) guard: Option<Arc<Guard>>,
}

#[derive(Debug)]
pub(crate) struct FallbackBranch {
    pub(crate) loaded: Option<Arc<Loaded>>,
    pub(crate) rule: Fallback,
}

/// The versions that may have to do with one request.
#[derive(Debug)]
pub(crate) struct Choice {
    pub(crate) loaded: Arc<Loaded>,
    pub(crate) variant: Variant,
    pub(crate) guard: Option<Arc<Guard>>,
    pub(crate) fallback: Option<Arc<FallbackBranch>>,
    pub(crate) shadow: Option<Arc<ShadowBranch>>,
    pub(crate) known: Arc<HashSet<String>>,
}

/// What a request says about where it wants to go.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Wish<'a> {
    /// A version that must answer.
    pub(crate) version: Option<&'a str>,
    /// A variant that it asks for.
    pub(crate) variant: Option<&'a str>,
    /// What keeps its version.
    pub(crate) key: Option<&'a str>,
    /// Where it falls between 0 and 1 when it has no key.
    pub(crate) chance: f64,
}

impl Routing {
    pub(crate) fn only(primary: Arc<Loaded>) -> Self {
        Self {
            primary,
            primary_guard: None,
            canary: None,
            shadow: None,
            fallback: None,
            rollback: None,
            known: Arc::default(),
        }
    }

    /// The same with another primary. A canary that has become the primary is a canary no more.
    pub(crate) fn with_primary(&self, primary: Arc<Loaded>) -> Self {
        let canary = self.canary.as_ref().filter(|canary| canary.loaded.version != primary.version);
        let mut next = Self {
            primary_guard: self.rollback.as_ref().map(|rule| Arc::new(Guard::new(rule))),
            canary: canary.map(|canary| CanaryBranch {
                loaded: Arc::clone(&canary.loaded),
                rule: canary.rule.clone(),
                guard: canary.guard.clone(),
            }),
            shadow: self.shadow.clone().filter(|shadow| shadow.loaded.version != primary.version),
            fallback: self.fallback.clone(),
            rollback: self.rollback.clone(),
            known: Arc::default(),
            primary,
        };
        next.know();
        next
    }

    /// Gathers the inputs that any branch takes.
    pub(crate) fn know(&mut self) {
        let branches = [
            self.canary.as_ref().map(|canary| &canary.loaded),
            self.shadow.as_ref().map(|shadow| &shadow.loaded),
            self.fallback.as_ref().and_then(|fallback| fallback.loaded.as_ref()),
        ];
        let mut known = HashSet::new();
        for loaded in branches.into_iter().flatten().chain([&self.primary]) {
            let signature = loaded.engine.signature();
            known.extend(signature.inputs.iter().map(|field| field.name.clone()));
            known.extend(signature.tensors.iter().map(|tensor| tensor.name.clone()));
        }
        self.known = Arc::new(known);
    }

    /// The versions that can be asked for by number.
    pub(crate) fn versions(&self) -> Vec<i64> {
        let mut versions = vec![self.primary.version];
        versions.extend(self.canary.as_ref().map(|canary| canary.loaded.version));
        versions.sort_unstable();
        versions.dedup();
        versions
    }

    /// Who answers; `None` when the version that is asked for is not here.
    pub(crate) fn choose(&self, deployment: &str, wish: Wish<'_>) -> Option<Choice> {
        let canary = self.canary.as_ref();
        let chosen = match wish.version {
            Some(version) if version == self.primary.version.to_string() => None,
            Some(version) => Some(canary.filter(|canary| version == canary.loaded.version.to_string())?),
            None => canary.filter(|canary| canary.takes(deployment, wish)),
        };
        let (loaded, variant, guard) = match chosen {
            Some(canary) => (&canary.loaded, Variant::Canary, canary.guard.clone()),
            None => (&self.primary, Variant::Primary, self.primary_guard.clone()),
        };
        Some(Choice {
            loaded: Arc::clone(loaded),
            variant,
            guard,
            fallback: self.fallback.clone(),
            shadow: self.shadow.clone(),
            known: Arc::clone(&self.known),
        })
    }
}

impl CanaryBranch {
    fn takes(&self, deployment: &str, wish: Wish<'_>) -> bool {
        if self.guard.as_ref().is_some_and(|guard| guard.tripped().is_some()) {
            return false;
        }
        match wish.variant {
            Some("canary") => return true,
            Some("primary") => return false,
            _ => {}
        }
        let at = match (self.rule.sticky, wish.key) {
            (Sticky::Key, Some(key)) => place(deployment, self.rule.seed, key),
            _ => wish.chance,
        };
        at < self.rule.share
    }
}
