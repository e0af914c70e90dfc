//! What can go wrong with models, versions and aliases.

use base::{Failure, Kind};

/// A failure of this room.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No model has that name.
    #[error("there is no model `{model}`")]
    ModelNotFound {
        /// The name that was asked for.
        model: String,
    },
    /// The name is taken.
    #[error("model `{model}` exists already")]
    ModelExists {
        /// The name that was asked for.
        model: String,
    },
    /// The model has no such version.
    #[error("model `{model}` has no version `{version}`")]
    VersionNotFound {
        /// The model.
        model: String,
        /// What was asked for.
        version: String,
    },
    /// The model has no such alias.
    #[error("model `{model}` has no alias `{alias}`")]
    AliasNotFound {
        /// The model.
        model: String,
        /// The alias that was asked for.
        alias: String,
    },
    /// Somebody else moved the alias first.
    #[error("alias `{alias}` of model `{model}` points at {found}, not at {expected}")]
    AliasMoved {
        /// The model.
        model: String,
        /// The alias.
        alias: String,
        /// Where it was thought to point.
        expected: String,
        /// Where it points.
        found: String,
    },
    /// There is no such tag to delete.
    #[error("{owner} has no tag `{key}`")]
    TagNotFound {
        /// The model or version.
        owner: String,
        /// The tag.
        key: String,
    },
    /// There is no such webhook.
    #[error("there is no webhook `{id}`")]
    WebhookNotFound {
        /// The id that was asked for.
        id: String,
    },
    /// A name, key or value breaks a rule or a limit.
    #[error("{what} {rule}")]
    Invalid {
        /// What was given.
        what: String,
        /// The rule that it breaks.
        rule: String,
    },
    /// The page token was not made here.
    #[error("page token `{token}` was not given by this server")]
    BadPageToken {
        /// The token as given.
        token: String,
    },
    /// The database failed.
    #[error(transparent)]
    Db(#[from] db::Error),
}

impl Error {
    pub(crate) fn invalid(what: impl Into<String>, rule: impl Into<String>) -> Self {
        Self::Invalid { what: what.into(), rule: rule.into() }
    }
}

impl Failure for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::ModelNotFound { .. }
            | Self::VersionNotFound { .. }
            | Self::AliasNotFound { .. }
            | Self::TagNotFound { .. }
            | Self::WebhookNotFound { .. } => Kind::NotFound,
            Self::ModelExists { .. } | Self::AliasMoved { .. } => Kind::Conflict,
            Self::Invalid { .. } | Self::BadPageToken { .. } => Kind::Invalid,
            Self::Db(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::ModelNotFound { .. } => "model_not_found",
            Self::ModelExists { .. } => "model_exists",
            Self::VersionNotFound { .. } => "version_not_found",
            Self::AliasNotFound { .. } => "alias_not_found",
            Self::AliasMoved { .. } => "alias_moved",
            Self::TagNotFound { .. } => "tag_not_found",
            Self::WebhookNotFound { .. } => "webhook_not_found",
            Self::Invalid { .. } => "invalid_value",
            Self::BadPageToken { .. } => "bad_page_token",
            Self::Db(error) => error.code(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::AliasMoved { .. } => Some("look at what it points at now, then decide again".into()),
            Self::VersionNotFound { model, .. } => {
                Some(format!("`gingham ls versions {model}` lists the versions there are"))
            }
            Self::Db(error) => error.hint(),
            _ => None,
        }
    }
}
