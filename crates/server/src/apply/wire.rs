//! JSON shapes of plan and apply.

use std::collections::BTreeMap;

use platform::{Change, ChangeAction, Plan};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// A `gingham.yaml` with the files beside it that it names.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SpecBody {
    /// The text of the file.
    pub spec_yaml: String,
    /// The texts of the files that it names, by their path beside it.
    #[serde(default)]
    pub files: BTreeMap<String, String>,
}

/// What applying changes, or has changed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PlanBody {
    /// The model.
    pub model: String,
    /// Each part of the file with what happens to it.
    pub changes: Vec<ChangeBody>,
    /// In which ways it asks less of versions than what is in force under a policy; to apply that takes the right to
    /// approve moves.
    pub weakens: Vec<String>,
}

/// What happens to one part of the file.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChangeBody {
    /// `create`, `update` or `unchanged`.
    pub action: &'static str,
    /// To what.
    pub object: String,
    /// How it is now.
    pub before: Value,
    /// How it will be.
    pub after: Value,
    /// In words.
    pub detail: String,
}

impl From<Plan> for PlanBody {
    fn from(plan: Plan) -> Self {
        let changes = plan.changes.into_iter().map(ChangeBody::from).collect();
        PlanBody { model: plan.model, changes, weakens: plan.weakens }
    }
}

impl From<Change> for ChangeBody {
    fn from(change: Change) -> Self {
        let action = match change.action {
            ChangeAction::Create => "create",
            ChangeAction::Update => "update",
            ChangeAction::Unchanged => "unchanged",
        };
        ChangeBody {
            action,
            object: change.object,
            before: change.before,
            after: change.after,
            detail: change.detail,
        }
    }
}
