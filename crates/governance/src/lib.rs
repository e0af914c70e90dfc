//! People, tokens and the one decision about who may do what.
//!
//! [`decide`] is asked by every route of every protocol. Tokens are kept as BLAKE3 hashes; the secret itself is
//! shown once, when it is issued.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")
)]

mod action;
mod decision;
mod directory;
mod error;
mod principal;
mod role;
mod store;
mod token;

pub use action::{Action, Object, ObjectKind};
pub use decision::{Decision, decide};
pub use directory::Directory;
pub use error::Error;
pub use principal::{Account, AccountKind, Principal};
pub use role::{Grant, Role};
pub use store::{
    Member, NewMember, NewToken, TokenRecord, add_grant, bootstrap, create_member, disable_member,
    find_member, find_principal, issue_token, list_members, list_tokens, note_use, remove_grant,
    revoke_token,
};
pub use token::{IssuedToken, Secret};
