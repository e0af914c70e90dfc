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
    /// A field of a card or a datasheet cannot be written so.
    #[error("the field `{field}` {rule}")]
    Field {
        /// The field.
        field: String,
        /// The rule that is broken.
        rule: String,
    },
    /// No review has that number.
    #[error("there is no review {number}")]
    ReviewNotFound {
        /// The number that was asked for.
        number: i64,
    },
    /// The same move is under review.
    #[error("review {number} asks for this already")]
    ReviewExists {
        /// The review.
        number: i64,
    },
    /// The review has ended.
    #[error("review {number} is {state}")]
    ReviewEnded {
        /// The review.
        number: i64,
        /// How it ended, in words.
        state: &'static str,
    },
    /// The one who asked for a move, or made the version, cannot approve it.
    #[error("`{person}` {why} and cannot approve it")]
    OwnApproval {
        /// Who wanted to.
        person: String,
        /// What they have to do with it.
        why: &'static str,
    },
    /// An opinion was given for something that is there no more.
    #[error("review {number} is about {found} now, not about {given}")]
    ReviewChanged {
        /// The review.
        number: i64,
        /// The digest that was looked at, short.
        given: String,
        /// The digest now, short.
        found: String,
    },
    /// A comment that cannot be written so.
    #[error("the comment {rule}")]
    Comment {
        /// The rule that is broken.
        rule: String,
    },
    /// An override that cannot be.
    #[error("the glass cannot be broken: {rule}")]
    Override {
        /// The rule that is broken.
        rule: String,
    },
    /// A cursor that no page gave.
    #[error("`{cursor}` is not a cursor of this list")]
    BadCursor {
        /// What was sent.
        cursor: String,
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
            | Error::ProjectName { .. }
            | Error::Field { .. }
            | Error::Comment { .. }
            | Error::Override { .. }
            | Error::BadCursor { .. } => Kind::Invalid,
            Error::MemberExists { .. }
            | Error::ProjectExists { .. }
            | Error::ReviewExists { .. }
            | Error::ReviewEnded { .. }
            | Error::ReviewChanged { .. } => Kind::Conflict,
            Error::OwnApproval { .. } => Kind::Denied,
            Error::MemberNotFound { .. }
            | Error::TokenNotFound { .. }
            | Error::ProjectNotFound { .. }
            | Error::ReviewNotFound { .. } => Kind::NotFound,
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
            Error::Field { .. } => "field_invalid",
            Error::ReviewNotFound { .. } => "review_not_found",
            Error::ReviewExists { .. } => "review_exists",
            Error::ReviewEnded { .. } => "review_ended",
            Error::OwnApproval { .. } => "own_approval",
            Error::ReviewChanged { .. } => "review_changed",
            Error::Comment { .. } => "comment_invalid",
            Error::Override { .. } => "override_refused",
            Error::BadCursor { .. } => "invalid_cursor",
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
            Error::ReviewExists { number } => {
                Some(format!("`gingham review show {number}` tells how it stands"))
            }
            Error::ReviewChanged { number, .. } => {
                Some(format!("look again: `gingham review show {number}`, then decide"))
            }
            Error::OwnApproval { .. } => Some("ask somebody who had no part in it".to_owned()),
            Error::Db(error) => error.hint(),
            _ => None,
        }
    }
}
