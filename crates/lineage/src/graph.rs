//! Things and the steps between them.

use std::collections::{HashMap, HashSet};

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
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Edge {
    /// What was there before.
    pub source: String,
    /// What came of it.
    pub target: String,
    /// How.
    pub label: String,
}

/// Things and steps.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Graph {
    /// Each thing once.
    pub nodes: Vec<Node>,
    /// Each step once.
    pub edges: Vec<Edge>,
    /// Whether there is more, beyond the limit on things.
    pub is_cut: bool,
    /// Where each thing is among the nodes, as far as they were looked at.
    #[serde(skip)]
    places: HashMap<String, usize>,
    /// The steps that are there, as far as they were looked at.
    #[serde(skip)]
    steps: HashSet<Edge>,
}

impl Graph {
    /// A graph of things and steps, each of which is there once.
    #[must_use]
    pub fn of(nodes: Vec<Node>, edges: Vec<Edge>, is_cut: bool) -> Self {
        Self { nodes, edges, is_cut, ..Self::default() }
    }

    /// Adds a thing, unless it is there; answers its id.
    pub fn add(&mut self, node: Node) -> String {
        let id = node.id.clone();
        if self.place_of(&id).is_none() {
            self.places.insert(id.clone(), self.nodes.len());
            self.nodes.push(node);
        }
        id
    }

    /// Adds a step, unless it is there.
    pub fn join(&mut self, source: &str, target: &str, label: &str) {
        let edge = Edge { source: source.to_owned(), target: target.to_owned(), label: label.to_owned() };
        self.steps.extend(self.edges.get(self.steps.len()..).unwrap_or_default().iter().cloned());
        if self.steps.insert(edge.clone()) {
            self.edges.push(edge);
        }
    }

    /// The thing of this name.
    pub fn node_mut(&mut self, id: &str) -> Option<&mut Node> {
        let place = self.place_of(id)?;
        self.nodes.get_mut(place)
    }

    fn place_of(&mut self, id: &str) -> Option<usize> {
        let known = self.places.len();
        for (place, node) in self.nodes.iter().enumerate().skip(known) {
            self.places.insert(node.id.clone(), place);
        }
        self.places.get(id).copied()
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
