//! What can go wrong in a use case: a domain's own failure, or that things do not fit together.

use base::{Failure, Kind};

use crate::spec::SpecError;

macro_rules! errors {
    ($($(#[$doc:meta])* $variant:ident($source:ty)),* $(,)?) => {
        /// A failure of a use case.
        #[derive(Debug, thiserror::Error)]
        pub enum Error {
            $($(#[$doc])* #[error(transparent)] $variant(#[from] $source),)*
            /// Nothing has been applied under this name.
            #[error("no model `{model}` has been applied")]
            ModelNotApplied {
                /// The name that was asked for.
                model: String,
                /// A name that is near.
                nearest: Option<String>,
            },
            /// The dataset has no rows yet.
            #[error("dataset `{dataset}` has no rows yet")]
            NoRows {
                /// The dataset.
                dataset: String,
            },
            /// Rows do not have the columns of the rows before.
            #[error("the rows do not fit dataset `{dataset}`: {reason}")]
            RowsDoNotFit {
                /// The dataset.
                dataset: String,
                /// What does not fit.
                reason: String,
            },
            /// A check with severity `block` failed; nothing was kept.
            #[error("{summary}")]
            Blocked {
                /// Which checks, in words.
                summary: String,
                /// The whole verdict.
                verdict: Box<checks::Verdict>,
            },
            /// The prepared rows lack something that the pipeline needs.
            #[error("the result of `prepare` cannot be used: {reason}")]
            Prepared {
                /// What is missing.
                reason: String,
            },
            /// A training process came to no good end.
            #[error("training `{candidate}` failed: {reason}")]
            Training {
                /// The candidate.
                candidate: String,
                /// What happened.
                reason: String,
            },
            /// The version cannot be served.
            #[error("version {version} of `{model}` cannot be served: {reason}")]
            NotServable {
                /// The model.
                model: String,
                /// The version.
                version: i64,
                /// Why.
                reason: String,
            },
            /// The version cannot be tested.
            #[error("version {version} of `{model}` cannot be tested: {reason}")]
            Untestable {
                /// The model.
                model: String,
                /// The version.
                version: i64,
                /// What is missing.
                reason: String,
            },
            /// Rows that a version is to keep cannot be replayed.
            #[error("these rows cannot be kept with the version: {reason}")]
            ExpectedRows {
                /// Why.
                reason: String,
            },
            /// Nobody watches this model.
            #[error("model `{model}` has no monitor")]
            NoMonitor {
                /// The model.
                model: String,
            },
            /// Rows of a model that is served elsewhere cannot be kept.
            #[error("column `{column}` of the rows of `{model}` cannot be used: {reason}")]
            RowsUnusable {
                /// The model.
                model: String,
                /// The column.
                column: String,
                /// What is wrong with it.
                reason: String,
            },
            /// A filter of predictions cannot be understood.
            #[error("the filter cannot be understood: {reason}")]
            Filter {
                /// What is wrong with it.
                reason: String,
            },
            /// Nothing of the model's archive may be deleted.
            #[error("the archive of `{model}` is held: {reason}")]
            Held {
                /// The model.
                model: String,
                /// Why it is held.
                reason: String,
            },
            /// The object has no known shape.
            #[error("`{object}` names nothing whose origin is known")]
            UnknownObject {
                /// What was asked for.
                object: String,
            },
            /// Rows were named in a form that is not understood.
            #[error("`{name}` names no rows")]
            UnknownRows {
                /// What was asked for.
                name: String,
            },
            /// Nobody is told under this name.
            #[error("there is no notifier `{name}`")]
            UnknownNotifier {
                /// What was asked for.
                name: String,
                /// The names there are.
                known: Vec<String>,
            },
            /// The file of those who are told of lineage is wrong.
            #[error("`openlineage.yaml` cannot be used: {reason}")]
            OpenLineageFile {
                /// What is wrong.
                reason: String,
            },
            /// The file of notifiers is wrong.
            #[error("`notifiers.yaml` cannot be used: {reason}")]
            NotifiersFile {
                /// What is wrong.
                reason: String,
            },
            /// A policy guards the alias; it does not move by hand.
            #[error("`{alias}` of `{model}` is guarded by policy `{policy}` and does not move by hand")]
            AliasGuarded {
                /// The model.
                model: String,
                /// The alias.
                alias: String,
                /// The policy.
                policy: String,
                /// The version that it was to point at.
                version: Option<i64>,
            },
            /// A policy guards the alias that a deployment follows, and has not let the version in.
            #[error("{0}")]
            TrafficGuarded(Box<GuardedShare>),
            /// No policy guards the alias.
            #[error("no policy guards `{alias}` of `{model}`")]
            NotGuarded {
                /// The model.
                model: String,
                /// The alias.
                alias: String,
            },
            /// There is nothing to ask for.
            #[error("`{alias}` of `{model}` points at version {version} already")]
            AliasThere {
                /// The model.
                model: String,
                /// The alias.
                alias: String,
                /// The version.
                version: i64,
            },
            /// The policy does not allow the move now.
            #[error("policy `{policy}` does not allow it: {summary}")]
            PolicyRefused {
                /// The policy.
                policy: String,
                /// Why, in a sentence.
                summary: String,
                /// The whole verdict.
                verdict: Box<governance::policy::PolicyVerdict>,
            },
            /// The file system does not do what it must.
            #[error("{doing}: {cause}")]
            Files {
                /// What was attempted.
                doing: String,
                /// What the system said.
                cause: std::io::Error,
            },
            /// The project holds things, and is not to lose them.
            #[error("project `{project}` cannot be deleted: it still has {holds}")]
            ProjectNotEmpty {
                /// The project.
                project: String,
                /// What is in it, in words.
                holds: String,
            },
            /// Nobody is told there.
            #[error("webhook address `{url}` cannot be used: {reason}")]
            WebhookAddress {
                /// The address, without what may be secret in it.
                url: String,
                /// Why.
                reason: String,
            },
            /// The deployment has no settings for a cluster.
            #[error("the `gingham.yaml` of `{deployment}` says nothing about Kubernetes")]
            NoClusterSettings {
                /// The deployment.
                deployment: String,
            },
            /// The engine does not answer for rows of a batch.
            #[error("rows {} to {} cannot be scored by `{model}`: {reason}", .first + 1, .first + .rows)]
            Scoring {
                /// The model.
                model: String,
                /// The number of the first row, from 0.
                first: u64,
                /// How many rows were tried together.
                rows: u64,
                /// What the engine said.
                reason: String,
            },
            /// The server that this process is fed by does not help.
            #[error("the server at {address} cannot be used: {reason}")]
            Server {
                /// Its address.
                address: String,
                /// What happened.
                reason: String,
            },
            /// Something was written in a form that is not understood.
            #[error("stored {what} cannot be read: {cause}")]
            Stored {
                /// What it is.
                what: &'static str,
                /// What is wrong with it.
                cause: String,
            },
        }

        impl Error {
            fn inner(&self) -> Option<&dyn Failure> {
                match self {
                    $(Self::$variant(error) => Some(error),)*
                    _ => None,
                }
            }
        }
    };
}

errors! {
    /// The `gingham.yaml` is wrong.
    Spec(SpecError),
    /// The database.
    Db(db::Error),
    /// Tables and queries.
    Tables(tables::Error),
    /// Artifacts.
    Artifacts(artifacts::Error),
    /// The prediction archive.
    Archive(archive::Error),
    /// Datasets.
    Datasets(datasets::Error),
    /// Experiments and runs.
    Experiments(experiments::Error),
    /// Models and versions.
    Registry(registry::Error),
    /// Checks.
    Checks(checks::Error),
    /// Pipelines and jobs.
    Pipelines(pipelines::Error),
    /// Engines.
    Inference(inference::Error),
    /// Deployments.
    Serving(serving::Error),
    /// Clusters.
    Clusters(clusters::Error),
    /// Monitoring and alerts.
    Monitoring(monitoring::Error),
    /// Messages.
    Notices(notices::Error),
    /// What came of what.
    Lineage(lineage::Error),
    /// People and tokens.
    Governance(governance::Error),
}

impl Failure for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::ModelNotApplied { .. }
            | Self::NoClusterSettings { .. }
            | Self::UnknownNotifier { .. }
            | Self::UnknownObject { .. }
            | Self::NoMonitor { .. } => Kind::NotFound,
            Self::NoRows { .. }
            | Self::Held { .. }
            | Self::AliasThere { .. }
            | Self::ProjectNotEmpty { .. } => Kind::Conflict,
            Self::AliasGuarded { .. } => Kind::Denied,
            Self::RowsDoNotFit { .. }
            | Self::Prepared { .. }
            | Self::NotServable { .. }
            | Self::Scoring { .. }
            | Self::Untestable { .. }
            | Self::ExpectedRows { .. }
            | Self::RowsUnusable { .. }
            | Self::Filter { .. }
            | Self::UnknownRows { .. }
            | Self::NotifiersFile { .. }
            | Self::NotGuarded { .. }
            | Self::OpenLineageFile { .. }
            | Self::WebhookAddress { .. } => Kind::Invalid,
            Self::Blocked { .. } | Self::PolicyRefused { .. } | Self::TrafficGuarded(_) => Kind::CheckFailed,
            Self::Files { .. } | Self::Server { .. } => Kind::Unavailable,
            Self::Training { .. } | Self::Stored { .. } => Kind::Internal,
            _ => self.inner().map_or(Kind::Internal, Failure::kind),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::ModelNotApplied { .. } => "model_not_found",
            Self::NoMonitor { .. } => "monitor_not_found",
            Self::NoClusterSettings { .. } => "cluster_settings_missing",
            Self::Server { .. } => "registry_unavailable",
            Self::Scoring { .. } => "scoring_failed",
            Self::RowsUnusable { .. } => "rows_unusable",
            Self::Filter { .. } => "invalid_filter",
            Self::Held { .. } => "archive_held",
            Self::UnknownObject { .. } => "object_not_found",
            Self::UnknownRows { .. } => "rows_unknown",
            Self::UnknownNotifier { .. } => "notifier_not_found",
            Self::NotifiersFile { .. } => "notifier_invalid",
            Self::OpenLineageFile { .. } => "openlineage_invalid",
            Self::NoRows { .. } => "dataset_empty",
            Self::ProjectNotEmpty { .. } => "project_not_empty",
            Self::WebhookAddress { .. } => "webhook_address",
            Self::RowsDoNotFit { .. } => "rows_do_not_fit",
            Self::Blocked { .. } => "check_failed",
            Self::AliasGuarded { .. } => "alias_guarded",
            Self::TrafficGuarded(_) => "traffic_guarded",
            Self::NotGuarded { .. } => "alias_not_guarded",
            Self::AliasThere { .. } => "alias_there",
            Self::PolicyRefused { .. } => "policy_refused",
            Self::Prepared { .. } => "prepare_result_unusable",
            Self::Training { .. } => "training_failed",
            Self::NotServable { .. } => "version_not_servable",
            Self::Untestable { .. } => "version_not_testable",
            Self::ExpectedRows { .. } => "expected_rows_invalid",
            Self::Files { .. } => "files_unavailable",
            Self::Stored { .. } => "stored_unreadable",
            _ => self.inner().map_or("internal", Failure::code),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::ModelNotApplied { nearest: Some(nearest), .. } => {
                Some(format!("did you mean `{nearest}`?"))
            }
            Self::ModelNotApplied { .. } => Some("`gingham ls models` lists the models there are".into()),
            Self::NoRows { dataset } => Some(format!("add rows with `gingham push {dataset} FILE`")),
            Self::Blocked { .. } => {
                Some("mend the rows, or change the check's severity in `gingham.yaml`".into())
            }
            Self::AliasGuarded { model, alias, version: Some(version), .. } => Some(format!(
                "ask for the move: `gingham review ask {model}@{version} --alias {alias} --reason …`"
            )),
            Self::AliasGuarded { .. } => {
                Some("take the policy out of `gingham.yaml` first; that takes an approver's rights".into())
            }
            Self::TrafficGuarded(share) => share.hint(),
            Self::NotGuarded { model, .. } => Some(format!(
                "name a policy under `risk` in the `gingham.yaml` of `{model}`, or move it by hand"
            )),
            Self::PolicyRefused { .. } => {
                Some("each rule with its reason: `gingham policy check MODEL@VERSION`".into())
            }
            Self::ProjectNotEmpty { .. } => {
                Some("move what it has to `default`, or delete it too, by the mode of deletion".into())
            }
            Self::WebhookAddress { .. } => Some(
                "public `https` addresses can be told; `gingham up --webhook-targets any` opens the others"
                    .into(),
            ),
            Self::Untestable { .. } => Some(
                "write `model_checks` into its `gingham.yaml`, or name checks, a dataset and a target".into(),
            ),
            Self::NoMonitor { .. } => Some("add a `monitor` to its `gingham.yaml` and apply it".into()),
            Self::NoClusterSettings { .. } => {
                Some("write `kubernetes:` under `deployment:` and apply it; see docs/kubernetes.md".into())
            }
            Self::Filter { .. } => Some(
                "conditions are joined by `and`: `temp > 290 and weather_main = Rain and label is known`"
                    .into(),
            ),
            Self::Held { .. } => Some("lift the hold first: `gingham archive hold MODEL --lift`".into()),
            Self::UnknownRows { .. } => Some(
                "write `dataset:NAME`, `dataset:NAME@VERSION`, `archive:MODEL` or `archive:MODEL@FROM..TO`"
                    .into(),
            ),
            Self::UnknownObject { .. } => {
                Some("write `prediction:ID`, `model:NAME@VERSION` or `dataset:NAME@VERSION`".into())
            }
            _ => self.inner().and_then(Failure::hint),
        }
    }
}

/// A share of a deployment's traffic that a policy keeps from a version.
#[derive(Debug, thiserror::Error)]
#[error("the {part} of `{deployment}` may not answer with {}: policy `{policy}` has not let it in for `{alias}`: {why}", named(*.version))]
pub struct GuardedShare {
    /// The deployment.
    pub deployment: String,
    /// `canary` or `fallback`.
    pub part: &'static str,
    /// The model.
    pub model: String,
    /// The alias that the deployment follows.
    pub alias: String,
    /// The policy.
    pub policy: String,
    /// The version; nothing when it is named by an alias that the policy does not guard.
    pub version: Option<i64>,
    /// Every rule that does not hold, in words.
    pub why: String,
    /// The verdict on moving the alias to it.
    pub verdict: Option<governance::policy::PolicyVerdict>,
}

impl GuardedShare {
    fn hint(&self) -> Option<String> {
        let (model, alias, version) = (&self.model, &self.alias, self.version?);
        Some(format!(
            "ask for a review, `gingham review ask {model}@{version} --alias {alias} --reason …`, and have what is missing \
             made good; a shadow is free: `gingham deploy {model}@{version} --shadow`"
        ))
    }
}

/// A version in words; one that an alias names is not known by its number.
fn named(version: Option<i64>) -> String {
    version.map_or_else(|| "what an alias points at".to_owned(), |version| format!("version {version}"))
}
