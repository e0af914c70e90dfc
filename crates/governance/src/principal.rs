//! Who asks.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::role::Grant;

/// Who stands behind a request, once the credentials have been looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    /// Nobody that is known.
    Anonymous,
    /// Whoever sits at the machine: a request over loopback without credentials. May do what an admin may.
    Local,
    /// A person, by a token of theirs.
    Person(Account),
    /// A service account, by a token of its own.
    Service(Account),
}

/// The account behind a token, with the roles it holds now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The account's id.
    pub id: String,
    /// Its unique name.
    pub name: String,
    /// The token by which it came.
    pub token_id: String,
    /// The roles it holds.
    pub grants: Vec<Grant>,
}

/// What kind of account it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountKind {
    /// A human being.
    Person,
    /// A program.
    Service,
}

impl AccountKind {
    /// The word for this kind in the database and in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            AccountKind::Person => "person",
            AccountKind::Service => "service",
        }
    }
}

impl Principal {
    /// The name shown to people and written into events.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Principal::Anonymous => "anonymous",
            Principal::Local => "local",
            Principal::Person(account) | Principal::Service(account) => &account.name,
        }
    }

    /// The word for the kind of principal: `anonymous`, `local`, `person` or `service`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Principal::Anonymous => "anonymous",
            Principal::Local => "local",
            Principal::Person(_) => "person",
            Principal::Service(_) => "service",
        }
    }

    /// The token by which the principal came, if any.
    #[must_use]
    pub fn token_id(&self) -> Option<&str> {
        match self {
            Principal::Anonymous | Principal::Local => None,
            Principal::Person(account) | Principal::Service(account) => Some(&account.token_id),
        }
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}
