//! Roles, and grants of a role within one project or everywhere.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// What a person is in a project. Which role may do what stands in [`crate::decide`] and nowhere else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Looks at everything but people and tokens.
    Viewer,
    /// Also asks questions in SQL, calls deployments and handles alerts.
    Analyst,
    /// Also makes and changes runs, data, models and pipelines.
    Contributor,
    /// Also promotes, deploys and deletes.
    Maintainer,
    /// Looks, asks, and approves what others ask for.
    Approver,
    /// Looks at everything, people and the audit trail included; changes nothing.
    Auditor,
    /// May do everything.
    Admin,
}

impl Role {
    /// Every role, in the order of the decision table's columns.
    pub const ALL: [Role; 7] = [
        Role::Viewer,
        Role::Analyst,
        Role::Contributor,
        Role::Maintainer,
        Role::Approver,
        Role::Auditor,
        Role::Admin,
    ];

    /// The word for this role in files, in the API and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Analyst => "analyst",
            Role::Contributor => "contributor",
            Role::Maintainer => "maintainer",
            Role::Approver => "approver",
            Role::Auditor => "auditor",
            Role::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = Error;

    fn from_str(word: &str) -> Result<Self, Error> {
        Role::ALL
            .into_iter()
            .find(|role| role.as_str() == word)
            .ok_or_else(|| Error::UnknownRole { word: word.to_owned() })
    }
}

/// A role held in one project, or everywhere when `project` is `None`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// The role that is held.
    pub role: Role,
    /// The project it is held in; `None` is every project and the server itself.
    pub project: Option<String>,
}

impl Grant {
    /// `role` in every project and on the server itself.
    #[must_use]
    pub fn everywhere(role: Role) -> Self {
        Grant { role, project: None }
    }

    /// `role` in `project` alone.
    #[must_use]
    pub fn within(role: Role, project: impl Into<String>) -> Self {
        Grant { role, project: Some(project.into()) }
    }

    /// Whether the grant speaks about an object of `project`; what belongs to no project needs a grant everywhere.
    #[must_use]
    pub fn covers(&self, project: Option<&str>) -> bool {
        match (&self.project, project) {
            (None, _) => true,
            (Some(mine), Some(its)) => mine == its,
            (Some(_), None) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_reads_back_from_its_word() {
        for role in Role::ALL {
            assert_eq!(role.as_str().parse::<Role>().unwrap(), role);
        }
        assert!("root".parse::<Role>().is_err());
    }

    #[test]
    fn a_grant_in_one_project_does_not_reach_another_or_the_server() {
        let grant = Grant::within(Role::Admin, "pricing");
        assert!(grant.covers(Some("pricing")));
        assert!(!grant.covers(Some("hiring")));
        assert!(!grant.covers(None));
        assert!(Grant::everywhere(Role::Viewer).covers(Some("hiring")));
    }
}
