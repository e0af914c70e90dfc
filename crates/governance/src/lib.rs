//! People, tokens and the one decision about who may do what.
//!
//! [`decide`] is asked by every route of every protocol. Tokens are kept as BLAKE3 hashes; the secret itself is
//! shown once, when it is issued.
//!
//! [`policy`] says what a move of an alias needs and judges one; [`reviews`] keeps the requests for moves, with what
//! people think of them; [`documents`] keeps what people write on cards and datasheets.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")
)]

mod action;
mod decision;
mod directory;
pub mod documents;
mod error;
pub mod policy;
mod principal;
mod project;
pub mod reviews;
mod role;
mod store;
mod token;

pub use action::{Action, Object, ObjectKind};
pub use decision::{Decision, decide};
pub use directory::Directory;
pub use error::Error;
pub use principal::{Account, AccountKind, Principal};
pub use project::{DEFAULT_PROJECT, NewProject, Project, ProjectChange, check_project_name};
pub use role::{Grant, Role};
pub use store::{
    Member, NewMember, NewToken, TokenRecord, add_grant, bootstrap, create_member, create_project,
    delete_project, disable_member, find_member, find_principal, find_project, has_several_projects,
    issue_token, list_members, list_projects, list_tokens, note_use, remove_grant, revoke_token,
    update_project,
};
pub use token::{IssuedToken, Secret};
