//! A policy as its file says it.

use std::collections::BTreeMap;
use std::fmt;

use base::Period;
use base::names::{check_name, nearest};
use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::admission::Admission;
use super::window::{Freeze, Window};
use crate::role::Role;

/// The most that a list in a policy may hold.
const MOST_LISTED: usize = 100;
/// The most approvals that one demand may ask for.
const MOST_APPROVALS: u32 = 20;
/// The longest that a broken glass may stand open.
const LONGEST_OVERRIDE_DAYS: i64 = 30;

/// What a move of an alias needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Its name.
    pub policy: String,
    /// The tier of risk that it is for.
    pub tier: String,
    /// Which aliases it guards; every one when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// What must hold.
    #[serde(default)]
    pub require: Require,
    /// Which fields of the model card must be filled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub card: Vec<String>,
    /// Which fields of the datasheet must be filled, for each dataset that the version learnt from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub datasheet: Vec<String>,
    /// Who must say yes.
    #[serde(default)]
    pub approvals: Approvals,
    /// Groups of people, by name, for `approvals`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub groups: BTreeMap<String, Vec<String>>,
    /// When moves may be carried out; at any time when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<Window>,
    /// When they may not, whatever the windows say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub freezes: Vec<Freeze>,
    /// Whether the glass may be broken; not at all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub break_glass: Option<BreakGlass>,
    /// Whether a version that was let in before may come back without a new review.
    #[serde(default)]
    pub rollback: Rollback,
    /// What a version needs before it answers a part of the requests; see [`Policy::admission`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traffic: Option<Admission>,
}

/// What must hold of a version.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Require {
    /// The promotion rules of `gingham.yaml` held for this version.
    #[serde(default)]
    pub gates: bool,
    /// Checks whose newest result for this version must be good.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<CheckDemand>,
    /// What the data checks said of the dataset versions that it learnt from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<DataDemand>,
    /// Those who ask the version that answers now can go on as they do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<SchemaDemand>,
    /// No alert of these kinds fires for the model.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quiet: Vec<String>,
    /// What must be recorded of the version.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
}

/// A check whose newest result must be good; written as its id, or with more words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckDemand {
    /// The check; a `*` at the end takes all that begin so, of which there must be one.
    pub id: String,
    /// Whether a warning is good enough.
    pub warnings: bool,
    /// How old the result may be.
    pub within: Option<Period>,
}

/// How good the data must have been.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DataDemand {
    /// They were checked, and no check said that they must not be used.
    NotBlocked,
    /// They were checked, and no check failed.
    NoFailures,
    /// They were checked, and no check even warned.
    NoWarnings,
}

/// How inputs and output may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SchemaDemand {
    /// Every request that was good stays good, and the answer keeps its name and kind.
    Compatible,
}

/// Something that must be recorded of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// The run that made it.
    SourceRun,
    /// The code that made it.
    Code,
    /// The environment in which it was made.
    Environment,
    /// The dataset versions that it learnt from.
    Datasets,
    /// What goes in and what comes out.
    Signature,
    /// How good it is.
    Metrics,
    /// How good the baselines are on the same rows.
    Baselines,
    /// Profiles of the rows that it learnt from, for watching it.
    ReferenceProfile,
}

impl Evidence {
    /// In words for people.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Evidence::SourceRun => "the run that made it",
            Evidence::Code => "the code that made it",
            Evidence::Environment => "the environment it was made in",
            Evidence::Datasets => "the dataset versions it learnt from",
            Evidence::Signature => "its signature",
            Evidence::Metrics => "its metrics",
            Evidence::Baselines => "the metrics of the baselines",
            Evidence::ReferenceProfile => "the profile of its training rows",
        }
    }
}

/// Who must say yes: nobody but the policy itself, or so many of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Approvals {
    /// The policy approves when everything else holds.
    Automatic,
    /// People approve.
    By(Vec<Demand>),
}

/// So many people of a group, or with a role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Demand {
    /// How many.
    #[serde(default = "one")]
    pub count: u32,
    /// A group of the policy, or a role.
    pub from: String,
}

/// How the glass may be broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BreakGlass {
    /// How long at most an override stands.
    pub longest: Period,
}

/// Whether a version that was let in before may come back without a new review.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rollback {
    /// It may: going back must be quick.
    #[default]
    Free,
    /// It needs a review like any other move.
    Reviewed,
}

/// What is wrong with a policy beyond its shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where, as a path such as `approvals[0].from`.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

const fn one() -> u32 {
    1
}

impl Default for Approvals {
    /// One approval by somebody whose role it is.
    fn default() -> Self {
        Approvals::By(vec![Demand { count: 1, from: Role::Approver.as_str().to_owned() }])
    }
}

impl Policy {
    /// Whether it guards this alias.
    #[must_use]
    pub fn guards(&self, alias: &str) -> bool {
        self.aliases.is_empty() || self.aliases.iter().any(|guarded| guarded == alias)
    }

    /// The first thing that makes no sense, if there is one. `kinds` are the kinds of alerts there are.
    #[must_use]
    pub fn fault(&self, kinds: &[&str]) -> Option<Fault> {
        self.lists()
            .or_else(|| self.names())
            .or_else(|| self.alerts(kinds))
            .or_else(|| self.people())
            .or_else(|| self.times())
    }

    fn lists(&self) -> Option<Fault> {
        let lists = [
            ("aliases", self.aliases.len()),
            ("require.checks", self.require.checks.len()),
            ("card", self.card.len()),
            ("datasheet", self.datasheet.len()),
            ("groups", self.groups.len()),
            ("windows", self.windows.len()),
            ("freezes", self.freezes.len()),
        ];
        let long = lists.into_iter().find(|(_, length)| *length > MOST_LISTED)?;
        fault(long.0, format!("at most {MOST_LISTED} are taken here"))
    }

    fn names(&self) -> Option<Fault> {
        for (path, noun, name) in [("policy", "policy", &self.policy), ("tier", "tier", &self.tier)] {
            if let Err(cause) = check_name(noun, name) {
                return fault(path, cause.to_string());
            }
        }
        for (list, fields) in [("card", &self.card), ("datasheet", &self.datasheet)] {
            for (index, field) in fields.iter().enumerate() {
                if !crate::documents::is_field(field) {
                    let rule = "a field is named by small letters, digits and `_`";
                    return fault(&format!("{list}[{index}]"), format!("`{field}` names no field: {rule}"));
                }
            }
        }
        let stars =
            |check: &CheckDemand| check.id.trim_end_matches('*').contains('*') || check.id.ends_with("**");
        let odd = self.require.checks.iter().position(|check| check.id.is_empty() || stars(check))?;
        fault(
            &format!("require.checks[{odd}]"),
            "a check is named by its id, or by its beginning and one `*`".into(),
        )
    }

    fn alerts(&self, kinds: &[&str]) -> Option<Fault> {
        let (index, kind) =
            self.require.quiet.iter().enumerate().find(|(_, kind)| !kinds.contains(&kind.as_str()))?;
        let message = format!("no alert is of kind `{kind}`; there are `{}`", kinds.join("`, `"));
        let hint = nearest(kind, kinds.iter().copied()).map(|near| format!("did you mean `{near}`?"));
        Some(Fault { path: format!("require.quiet[{index}]"), message, hint })
    }

    fn people(&self) -> Option<Fault> {
        for (group, people) in &self.groups {
            if people.is_empty() || people.len() > MOST_LISTED {
                let message = format!("a group has between 1 and {MOST_LISTED} people");
                return fault(&format!("groups.{group}"), message);
            }
            if group.parse::<Role>().is_ok() {
                return fault(
                    &format!("groups.{group}"),
                    format!("`{group}` is a role; name the group otherwise"),
                );
            }
        }
        let Approvals::By(demands) = &self.approvals else { return None };
        if demands.len() > MOST_LISTED {
            return fault("approvals", format!("at most {MOST_LISTED} are taken here"));
        }
        for (index, demand) in demands.iter().enumerate() {
            let known =
                || Role::ALL.map(Role::as_str).into_iter().chain(self.groups.keys().map(String::as_str));
            if !known().any(|name| name == demand.from) {
                let message = format!("`{}` is neither a group of this policy nor a role", demand.from);
                let hint = nearest(&demand.from, known()).map(|near| format!("did you mean `{near}`?"));
                return Some(Fault { path: format!("approvals[{index}].from"), message, hint });
            }
            let most = self.groups.get(&demand.from).map_or(MOST_APPROVALS as usize, Vec::len);
            if demand.count == 0 || demand.count > MOST_APPROVALS || demand.count as usize > most {
                let most = most.min(MOST_APPROVALS as usize);
                let message = format!("between 1 and {most} can approve from `{}`", demand.from);
                return fault(&format!("approvals[{index}].count"), message);
            }
        }
        None
    }

    fn times(&self) -> Option<Fault> {
        for (index, window) in self.windows.iter().enumerate() {
            if window.days.is_empty() || window.from >= window.until {
                let message = "a window has days, and ends after it begins on the same day (UTC)".to_owned();
                return fault(&format!("windows[{index}]"), message);
            }
        }
        if let Some(index) = self.freezes.iter().position(|freeze| freeze.from >= freeze.until) {
            return fault(&format!("freezes[{index}]"), "a freeze ends after it begins".to_owned());
        }
        let longest = self.break_glass?.longest;
        let most = Period::from_days(LONGEST_OVERRIDE_DAYS);
        if longest.as_micros() <= 0 || longest > most {
            let message = format!("an override stands for at most {LONGEST_OVERRIDE_DAYS} days");
            return fault("break_glass.longest", message);
        }
        None
    }
}

fn fault(path: &str, message: String) -> Option<Fault> {
    Some(Fault { path: path.to_owned(), message, hint: None })
}

impl Serialize for Approvals {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Approvals::Automatic => serializer.serialize_str("automatic"),
            Approvals::By(demands) => demands.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Approvals {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form;
        impl<'de> Visitor<'de> for Form {
            type Value = Approvals;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("`automatic`, or a list such as `[{ count: 1, from: approver }]`")
            }

            fn visit_str<E: de::Error>(self, word: &str) -> Result<Approvals, E> {
                if word == "automatic" {
                    return Ok(Approvals::Automatic);
                }
                Err(E::invalid_value(de::Unexpected::Str(word), &self))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Approvals, A::Error> {
                Vec::deserialize(de::value::SeqAccessDeserializer::new(list)).map(Approvals::By)
            }
        }
        deserializer.deserialize_any(Form)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenCheck {
    id: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    warnings: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    within: Option<Period>,
}

impl Serialize for CheckDemand {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !self.warnings && self.within.is_none() {
            return serializer.serialize_str(&self.id);
        }
        WrittenCheck { id: self.id.clone(), warnings: self.warnings, within: self.within }
            .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for CheckDemand {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form;
        impl<'de> Visitor<'de> for Form {
            type Value = CheckDemand;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("the id of a check, or `{ id, warnings, within }`")
            }

            fn visit_str<E: de::Error>(self, id: &str) -> Result<CheckDemand, E> {
                Ok(CheckDemand { id: id.to_owned(), warnings: false, within: None })
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<CheckDemand, A::Error> {
                let WrittenCheck { id, warnings, within } =
                    WrittenCheck::deserialize(de::value::MapAccessDeserializer::new(map))?;
                Ok(CheckDemand { id, warnings, within })
            }
        }
        deserializer.deserialize_any(Form)
    }
}
