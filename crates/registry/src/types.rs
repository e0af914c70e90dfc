//! What a model, a version, an alias and a promotion are.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use base::{Digest, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Error;

/// A named series of versions.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Model {
    /// The short number that the tables use.
    #[serde(skip)]
    pub number: i64,
    /// Its name, unique among models in use.
    pub name: String,
    /// Its project.
    pub project: String,
    /// What it is for.
    pub description: String,
    /// Whose it is.
    pub owner: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it or one of its versions or aliases last changed.
    pub updated_at: Timestamp,
    /// The greatest version number in use; nothing before the first version.
    pub latest_version: Option<i64>,
    /// Its aliases.
    pub aliases: Vec<Alias>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

impl Model {
    /// The version that an alias points at.
    #[must_use]
    pub fn alias(&self, name: &str) -> Option<i64> {
        self.aliases.iter().find(|alias| alias.alias == name).map(|alias| alias.version)
    }
}

/// A model that is about to be made.
#[derive(Debug, Clone, Default)]
pub struct NewModel {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Whose it is.
    pub owner: String,
    /// Its first tags.
    pub tags: BTreeMap<String, String>,
}

/// A name that points at a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Alias {
    /// The name.
    pub alias: String,
    /// The version that it points at.
    pub version: i64,
    /// Since when.
    pub since: Timestamp,
    /// Who moved it there.
    pub actor: String,
    /// Why.
    pub reason: String,
}

/// Where the one who moves an alias thinks it points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// It does not matter.
    Anything,
    /// Nowhere: the alias is not set.
    Nothing,
    /// At this version.
    Version(i64),
}

/// What moving an alias did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AliasMove {
    /// The model.
    pub model: String,
    /// The alias.
    pub alias: String,
    /// Where it points now.
    pub version: i64,
    /// Where it pointed before.
    pub previous: Option<i64>,
}

/// MLflow's stages of a version; aliases have taken their place, yet many still use them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// None yet.
    #[default]
    None,
    /// Being tried.
    Staging,
    /// In use.
    Production,
    /// Out of use.
    Archived,
}

impl Stage {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::None, Self::Staging, Self::Production, Self::Archived];

    /// The word for it, as MLflow writes it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Staging => "Staging",
            Self::Production => "Production",
            Self::Archived => "Archived",
        }
    }
}

impl FromStr for Stage {
    type Err = Error;

    fn from_str(word: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|stage| stage.word().eq_ignore_ascii_case(word)).ok_or_else(|| {
            Error::invalid(format!("stage `{word}`"), "is none of None, Staging, Production, Archived")
        })
    }
}

/// A version of a model. Description, stage, tags and status may change; the rest never does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Version {
    /// The model.
    pub model: String,
    /// 1, 2, 3 …; never used twice.
    pub number: i64,
    /// When it was registered.
    pub created_at: Timestamp,
    /// When its description, stage or tags last changed.
    pub updated_at: Timestamp,
    /// Who registered it.
    pub actor: String,
    /// What is to be said about it.
    pub description: String,
    /// MLflow's stage.
    pub stage: Stage,
    /// `READY`, or `PENDING_REGISTRATION`, or `FAILED_REGISTRATION`.
    pub status: String,
    /// A word on the status.
    pub status_message: String,
    /// The digest of its bytes.
    pub digest: Option<Digest>,
    /// The digest of its tree of files in the artifact store.
    pub artifact: Option<Digest>,
    /// Where its files come from, as a URI.
    pub source: String,
    /// Where its files are, as a URI.
    pub storage_location: String,
    /// The run that made it.
    pub source_run: Option<String>,
    /// A link to that run elsewhere.
    pub run_link: Option<String>,
    /// The logged model that it was registered from.
    pub logged_model: Option<String>,
    /// The pipeline run that made it.
    pub pipeline_run: Option<String>,
    /// The format of its files.
    pub flavor: String,
    /// The engine that runs it.
    pub engine: String,
    /// The trainer that made it.
    pub trainer: String,
    /// What goes in and what comes out.
    pub signature: Option<Value>,
    /// How good it is.
    pub metrics: Option<Value>,
    /// How good the baselines are on the same rows.
    pub baseline_metrics: Option<Value>,
    /// The dataset versions that it was trained on.
    pub dataset_versions: Option<Value>,
    /// The range and number of rows that it was trained on.
    pub training_rows: Option<Value>,
    /// The range and number of rows that it was evaluated on.
    pub evaluation_rows: Option<Value>,
    /// Which features it leans on.
    pub feature_importance: Option<Value>,
    /// Profiles of its training rows; lists leave it out.
    pub reference_profile: Option<Value>,
    /// The aliases that point at it.
    pub aliases: Vec<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// A version that is about to be registered.
#[derive(Debug, Clone, Default)]
pub struct NewVersion {
    /// The model, which must exist.
    pub model: String,
    /// The digest of its bytes.
    pub digest: Option<Digest>,
    /// The digest of its tree of files in the artifact store.
    pub artifact: Option<Digest>,
    /// Where its files come from, as a URI.
    pub source: String,
    /// Where its files are, if not at the source.
    pub storage_location: Option<String>,
    /// The run that made it.
    pub source_run: Option<String>,
    /// A link to that run elsewhere.
    pub run_link: Option<String>,
    /// The logged model that it is registered from.
    pub logged_model: Option<String>,
    /// The pipeline run that made it.
    pub pipeline_run: Option<String>,
    /// What is to be said about it.
    pub description: String,
    /// The format of its files.
    pub flavor: String,
    /// The engine that runs it.
    pub engine: String,
    /// The trainer that made it.
    pub trainer: String,
    /// What goes in and what comes out.
    pub signature: Option<Value>,
    /// How good it is.
    pub metrics: Option<Value>,
    /// How good the baselines are on the same rows.
    pub baseline_metrics: Option<Value>,
    /// The dataset versions that it was trained on.
    pub dataset_versions: Option<Value>,
    /// The range and number of rows that it was trained on.
    pub training_rows: Option<Value>,
    /// The range and number of rows that it was evaluated on.
    pub evaluation_rows: Option<Value>,
    /// Which features it leans on.
    pub feature_importance: Option<Value>,
    /// Profiles of its training rows.
    pub reference_profile: Option<Value>,
    /// Its first tags.
    pub tags: BTreeMap<String, String>,
}

/// What points at one version: its number, an alias, or `latest`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pointer {
    /// This version.
    Number(i64),
    /// The version that this alias points at.
    Alias(String),
    /// The version with the greatest number.
    Latest,
}

impl FromStr for Pointer {
    type Err = Error;

    /// Reads `3`, `v3`, `latest`, `champion` or `@champion`.
    fn from_str(text: &str) -> Result<Self, Error> {
        if let Some(alias) = text.strip_prefix('@') {
            crate::check_alias(alias)?;
            return Ok(Self::Alias(alias.to_owned()));
        }
        let digits = text.strip_prefix(['v', 'V']).unwrap_or(text);
        if let Ok(number) = digits.parse::<i64>() {
            return Ok(Self::Number(number));
        }
        if text.eq_ignore_ascii_case("latest") {
            return Ok(Self::Latest);
        }
        crate::check_alias(text)?;
        Ok(Self::Alias(text.to_owned()))
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Alias(alias) => write!(f, "@{alias}"),
            Self::Latest => f.write_str("latest"),
        }
    }
}

/// A decision on whether a version takes an alias, with its reasons.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Promotion {
    /// Its place among all decisions.
    pub number: i64,
    /// The model.
    pub model: String,
    /// The version that was weighed.
    pub version: i64,
    /// The version that held the alias.
    pub previous: Option<i64>,
    /// The alias.
    pub alias: String,
    /// Whether the version took the alias.
    pub promoted: bool,
    /// The decision in one word or sentence.
    pub decision: String,
    /// Why.
    pub reason: String,
    /// Each rule with what was observed and required.
    pub rules: Value,
    /// Who decided.
    pub actor: String,
    /// When.
    pub at: Timestamp,
}

/// A decision that is about to be noted.
#[derive(Debug, Clone)]
pub struct NewPromotion {
    /// The model.
    pub model: String,
    /// The version that was weighed.
    pub version: i64,
    /// The version that held the alias.
    pub previous: Option<i64>,
    /// The alias.
    pub alias: String,
    /// Whether the version took the alias.
    pub promoted: bool,
    /// The decision in one word or sentence.
    pub decision: String,
    /// Why.
    pub reason: String,
    /// Each rule with what was observed and required.
    pub rules: Value,
}

/// Some things of a search and where to go on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Found<T> {
    /// The things, in order.
    pub items: Vec<T>,
    /// The token for the next page; absent on the last one.
    pub next_token: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_named_in_many_ways() {
        for (text, expected) in [
            ("3", Pointer::Number(3)),
            ("v3", Pointer::Number(3)),
            ("latest", Pointer::Latest),
            ("champion", Pointer::Alias("champion".into())),
            ("@champion", Pointer::Alias("champion".into())),
        ] {
            assert_eq!(text.parse::<Pointer>().unwrap(), expected);
        }
        assert!("a/b".parse::<Pointer>().is_err());
    }
}
