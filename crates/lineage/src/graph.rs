//! Things and the steps between them.

use serde::Serialize;

/// A thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Node {
    /// Its kind and name, such as `dataset:roads@3`.
    pub id: String,
    /// `dataset`, `run`, `job`, `version`, `files` …
    pub kind: String,
    /// Its name for people.
    pub title: String,
    /// What else is known of it.
    pub detail: String,
}

impl Node {
    /// A thing of a kind.
    #[must_use]
    pub fn new(kind: &str, name: &str, title: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            id: format!("{kind}:{name}"),
            kind: kind.to_owned(),
            title: title.into(),
            detail: detail.into(),
        }
    }
}

/// A step: `target` came of `source`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Edge {
    /// What was there before.
    pub source: String,
    /// What came of it.
    pub target: String,
    /// How.
    pub label: String,
}

/// Things and steps.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Graph {
    /// Each thing once.
    pub nodes: Vec<Node>,
    /// Each step once.
    pub edges: Vec<Edge>,
    /// Whether there is more, beyond the limit on things.
    pub is_cut: bool,
}

impl Graph {
    /// Adds a thing, unless it is there; answers its id.
    pub fn add(&mut self, node: Node) -> String {
        let id = node.id.clone();
        if self.nodes.iter().all(|known| known.id != id) {
            self.nodes.push(node);
        }
        id
    }

    /// Adds a step.
    pub fn join(&mut self, source: &str, target: &str, label: &str) {
        let edge = Edge { source: source.to_owned(), target: target.to_owned(), label: label.to_owned() };
        if !self.edges.contains(&edge) {
            self.edges.push(edge);
        }
    }
}

/// Which part of the graph is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Neighbourhood {
    /// Towards what it came from.
    pub up: bool,
    /// Towards what came of it.
    pub down: bool,
    /// How many steps.
    pub depth: u32,
    /// The most things.
    pub most_nodes: usize,
}
