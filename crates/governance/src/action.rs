//! What can be done, and to what.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A verb of the platform, as the decision table knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Look at an object or list objects.
    View,
    /// Ask a question in SQL over tables.
    Query,
    /// Call a deployment.
    Predict,
    /// Make a new object.
    Create,
    /// Change an object.
    Change,
    /// Remove an object.
    Delete,
    /// Start work: train, run a pipeline, evaluate a monitor.
    Run,
    /// Acknowledge, silence or resolve an alert.
    Handle,
    /// Move an alias to another version.
    Promote,
    /// Say yes or no to what somebody else asked for.
    Approve,
    /// Verify or export the audit trail.
    Audit,
    /// Manage people, tokens and settings.
    Administer,
}

impl Action {
    /// Every action.
    pub const ALL: [Action; 12] = [
        Action::View,
        Action::Query,
        Action::Predict,
        Action::Create,
        Action::Change,
        Action::Delete,
        Action::Run,
        Action::Handle,
        Action::Promote,
        Action::Approve,
        Action::Audit,
        Action::Administer,
    ];

    /// The word for this action in messages and in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Action::View => "view",
            Action::Query => "query",
            Action::Predict => "predict",
            Action::Create => "create",
            Action::Change => "change",
            Action::Delete => "delete",
            Action::Run => "run",
            Action::Handle => "handle",
            Action::Promote => "promote",
            Action::Approve => "approve",
            Action::Audit => "audit",
            Action::Administer => "administer",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// What kind of thing an action is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ObjectKind {
    /// Whether the process is alive; carries no data.
    Health,
    /// The files of the web interface; they carry no data.
    Interface,
    /// The server itself: its description, metrics and settings.
    Server,
    /// A project.
    Project,
    /// An experiment.
    Experiment,
    /// A run with its params, metrics and tags.
    Run,
    /// A stored file or tree of files.
    Artifact,
    /// A dataset and its versions.
    Dataset,
    /// A model, its versions and aliases.
    Model,
    /// A pipeline and its runs.
    Pipeline,
    /// A job in the queue.
    Job,
    /// The results of a set of checks.
    Verdict,
    /// A named endpoint.
    Deployment,
    /// What watches a model.
    Monitor,
    /// An alert.
    Alert,
    /// A row of the prediction archive.
    Prediction,
    /// The outcome that belongs to a prediction.
    Label,
    /// An entry of the event log.
    Event,
    /// A person or a service account.
    Person,
    /// A token.
    Token,
    /// Who is told over HTTP of what happens.
    Webhook,
    /// A request to move an alias.
    Review,
}

impl ObjectKind {
    /// Every kind of object.
    pub const ALL: [ObjectKind; 22] = [
        ObjectKind::Health,
        ObjectKind::Interface,
        ObjectKind::Server,
        ObjectKind::Project,
        ObjectKind::Experiment,
        ObjectKind::Run,
        ObjectKind::Artifact,
        ObjectKind::Dataset,
        ObjectKind::Model,
        ObjectKind::Pipeline,
        ObjectKind::Job,
        ObjectKind::Verdict,
        ObjectKind::Deployment,
        ObjectKind::Monitor,
        ObjectKind::Alert,
        ObjectKind::Prediction,
        ObjectKind::Label,
        ObjectKind::Event,
        ObjectKind::Person,
        ObjectKind::Token,
        ObjectKind::Webhook,
        ObjectKind::Review,
    ];

    /// The word for this kind in messages and in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            ObjectKind::Health => "health",
            ObjectKind::Interface => "interface",
            ObjectKind::Server => "server",
            ObjectKind::Project => "project",
            ObjectKind::Experiment => "experiment",
            ObjectKind::Run => "run",
            ObjectKind::Artifact => "artifact",
            ObjectKind::Dataset => "dataset",
            ObjectKind::Model => "model",
            ObjectKind::Pipeline => "pipeline",
            ObjectKind::Job => "job",
            ObjectKind::Verdict => "verdict",
            ObjectKind::Deployment => "deployment",
            ObjectKind::Monitor => "monitor",
            ObjectKind::Alert => "alert",
            ObjectKind::Prediction => "prediction",
            ObjectKind::Label => "label",
            ObjectKind::Event => "event",
            ObjectKind::Person => "person",
            ObjectKind::Token => "token",
            ObjectKind::Webhook => "webhook",
            ObjectKind::Review => "review",
        }
    }
}

impl fmt::Display for ObjectKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// What a decision is about: a kind, and the one object of it when it is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Object {
    /// What kind of thing it is.
    pub kind: ObjectKind,
    /// Its name or id; `None` speaks of the kind as a whole, as a list does.
    pub name: Option<String>,
    /// The project that it belongs to, if the caller knows it.
    pub project: Option<String>,
}

impl Object {
    /// The kind as a whole.
    #[must_use]
    pub fn of(kind: ObjectKind) -> Self {
        Object { kind, name: None, project: None }
    }

    /// One object by its name or id.
    #[must_use]
    pub fn named(kind: ObjectKind, name: impl Into<String>) -> Self {
        Object { kind, name: Some(name.into()), project: None }
    }

    /// The same object, known to belong to `project`.
    #[must_use]
    pub fn within(mut self, project: impl Into<String>) -> Self {
        self.project = Some(project.into());
        self
    }
}

impl fmt::Display for Object {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(out, "{} `{name}`", self.kind),
            None => write!(out, "{}", self.kind),
        }
    }
}
