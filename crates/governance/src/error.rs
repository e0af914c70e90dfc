//! What can go wrong with people and tokens.

use base::{Failure, Kind};

/// A failure of the governance room.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A role that does not exist was named.
    #[error("`{word}` is not a role")]
    UnknownRole {
        /// What was written.
        word: String,
    },
    /// The account's name breaks the rules for names.
    #[error(transparent)]
    Name(#[from] base::names::NameError),
    /// Somebody has that name already.
    #[error("there is already an account named `{name}`")]
    MemberExists {
        /// The name that was asked for.
        name: String,
    },
    /// Nobody has that name.
    #[error("there is no account named `{name}`")]
    MemberNotFound {
        /// The name that was asked for.
        name: String,
    },
    /// No token has that id.
    #[error("there is no token `{id}`")]
    TokenNotFound {
        /// The id that was asked for.
        id: String,
    },
    /// A token was asked for that would outlive the limit, or be dead at birth.
    #[error("a token lives for at least a minute and at most {most_days} days")]
    TokenLifetime {
        /// The limit in days.
        most_days: i64,
    },
    /// The name cannot be that of a project.
    #[error("`{name}` cannot be the name of a project: {rule}")]
    ProjectName {
        /// The name that was asked for.
        name: String,
        /// The rule that it breaks.
        rule: &'static str,
    },
    /// There is such a project.
    #[error("there is already a project `{name}`")]
    ProjectExists {
        /// The name that was asked for.
        name: String,
    },
    /// There is no such project.
    #[error("there is no project `{name}`")]
    ProjectNotFound {
        /// The name that was asked for.
        name: String,
    },
    /// The database did not do it.
    #[error(transparent)]
    Db(#[from] db::Error),
}

impl Failure for Error {
    fn kind(&self) -> Kind {
        match self {
            Error::UnknownRole { .. }
            | Error::Name(_)
            | Error::TokenLifetime { .. }
            | Error::ProjectName { .. } => Kind::Invalid,
            Error::MemberExists { .. } | Error::ProjectExists { .. } => Kind::Conflict,
            Error::MemberNotFound { .. } | Error::TokenNotFound { .. } | Error::ProjectNotFound { .. } => {
                Kind::NotFound
            }
            Error::Db(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Error::UnknownRole { .. } => "unknown_role",
            Error::Name(_) => "invalid_name",
            Error::TokenLifetime { .. } => "invalid_token_lifetime",
            Error::ProjectName { .. } => "invalid_project_name",
            Error::ProjectExists { .. } => "project_exists",
            Error::ProjectNotFound { .. } => "project_not_found",
            Error::MemberExists { .. } => "member_exists",
            Error::MemberNotFound { .. } => "member_not_found",
            Error::TokenNotFound { .. } => "token_not_found",
            Error::Db(error) => error.code(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Error::UnknownRole { word } => {
                let roles = crate::Role::ALL.map(crate::Role::as_str);
                Some(match base::names::nearest(word, roles) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("the roles are {}", roles.join(", ")),
                })
            }
            Error::Db(error) => error.hint(),
            _ => None,
        }
    }
}
