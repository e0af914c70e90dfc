//! The objects, and what requests do to them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{Key, Paths, fields, status};

/// A request, read as a whole.
pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: BTreeMap<String, String>,
    pub(super) content_type: String,
    pub(super) body: Value,
}

/// An object with who owns which of its fields.
#[derive(Clone)]
pub(super) struct Stored {
    pub(super) object: Value,
    managers: BTreeMap<String, Paths>,
    pub(super) version: u64,
    generation: u64,
}

#[derive(Default)]
pub(super) struct Objects {
    pub(super) all: BTreeMap<Key, Stored>,
    pub(super) namespaces: BTreeSet<String>,
    pub(super) keda: bool,
    pub(super) writes: usize,
    pub(super) version: u64,
}

impl Stored {
    fn shown(&self) -> Value {
        let mut object = self.object.clone();
        let managers: Vec<Value> = self
            .managers
            .iter()
            .map(|(name, paths)| {
                json!({
                    "manager": name, "operation": "Apply", "fieldsType": "FieldsV1",
                    "apiVersion": self.object["apiVersion"], "fieldsV1": fields::fields_v1(paths.iter()),
                })
            })
            .collect();
        object["metadata"]["managedFields"] = json!(managers);
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        object["metadata"]["generation"] = json!(self.generation);
        object
    }
}

impl Objects {
    pub(super) fn answer(&mut self, request: &Request) -> (u16, Value) {
        let known = ["v1", "apps/v1", "networking.k8s.io/v1", "policy/v1", "autoscaling/v2"];
        let parts: Vec<&str> = request.path.trim_matches('/').split('/').collect();
        let (group, rest) = match parts.as_slice() {
            ["api", version, rest @ ..] => ((*version).to_owned(), rest),
            ["apis", group, version, rest @ ..] => (format!("{group}/{version}"), rest),
            _ => return missing(&request.path),
        };
        if !(known.contains(&group.as_str()) || self.keda && group == "keda.sh/v1alpha1") {
            return missing(&request.path);
        }
        let ["namespaces", namespace, plural, name] = rest else { return missing(&request.path) };
        let key = ((*namespace).to_owned(), (*plural).to_owned(), (*name).to_owned());
        match request.method.as_str() {
            "GET" => match self.all.get(&key) {
                Some(stored) => (200, stored.shown()),
                None => not_found(plural, name),
            },
            "DELETE" => match self.all.remove(&key) {
                Some(stored) => {
                    self.writes += 1;
                    (200, stored.shown())
                }
                None => not_found(plural, name),
            },
            "PATCH" if request.content_type.starts_with("application/apply-patch+yaml") => {
                self.apply(key, request)
            }
            "PATCH" if request.content_type.starts_with("application/merge-patch+json") => {
                let manager =
                    request.query.get("fieldManager").cloned().unwrap_or_else(|| "unknown".to_owned());
                match self.merge(&key, &manager, &request.body) {
                    Some(stored) => (200, stored),
                    None => not_found(plural, name),
                }
            }
            method => status(405, "MethodNotAllowed", format!("{method} is not known here"), json!({})),
        }
    }

    fn apply(&mut self, key: Key, request: &Request) -> (u16, Value) {
        let Some(manager) = request.query.get("fieldManager").cloned() else {
            return status(400, "BadRequest", "fieldManager is required for apply patch".into(), json!({}));
        };
        let force = request.query.get("force").is_some_and(|force| force == "true");
        let dry = request.query.get("dryRun").is_some_and(|dry| dry == "All");
        if !self.namespaces.contains(&key.0) {
            let details = json!({ "name": key.0, "kind": "namespaces" });
            return status(404, "NotFound", format!("namespaces \"{}\" not found", key.0), details);
        }
        let named = (request.body.pointer("/metadata/name"), request.body.pointer("/metadata/namespace"));
        if named != (Some(&json!(key.2)), Some(&json!(key.0))) {
            let message = "the name or namespace of the object does not fit the path".to_owned();
            return status(400, "BadRequest", message, json!({}));
        }
        let wanted = fields::leaves(&request.body);
        let known = self.all.get(&key).cloned();
        let before = known.clone().unwrap_or_else(|| Stored {
            object: json!({
                "apiVersion": request.body["apiVersion"], "kind": request.body["kind"],
                "metadata": {
                    "name": key.2, "namespace": key.0, "uid": format!("{}-{}", key.1, key.2),
                    "creationTimestamp": "2026-01-01T00:00:00Z",
                },
            }),
            managers: BTreeMap::new(),
            version: 0,
            generation: 0,
        });
        let mut after = before.clone();
        let mut causes = Vec::new();
        for (path, value) in &wanted {
            let differs = fields::get(&before.object, path) != Some(value);
            for (other, paths) in &mut after.managers {
                if *other == manager || !differs || !paths.contains(path) {
                    continue;
                }
                if force {
                    paths.remove(path);
                } else {
                    causes.push(json!({
                        "reason": "FieldManagerConflict",
                        "message": format!("conflict with \"{other}\""),
                        "field": fields::words(path),
                    }));
                }
            }
        }
        if !causes.is_empty() {
            let message = format!("Apply failed with {} conflicts", causes.len());
            return status(409, "Conflict", message, json!({ "causes": causes }));
        }
        let set: Paths = wanted.iter().map(|(path, _)| path.clone()).collect();
        let left = after.managers.insert(manager.clone(), set.clone()).unwrap_or_default();
        for path in left.difference(&set) {
            let others =
                after.managers.iter().any(|(other, paths)| *other != manager && paths.contains(path));
            if !others {
                fields::remove(&mut after.object, path);
            }
        }
        for (path, value) in wanted {
            fields::set(&mut after.object, &path, value);
        }
        after.managers.retain(|_, paths| !paths.is_empty());
        let changed = after.object != before.object || after.managers != before.managers || known.is_none();
        if changed && !dry {
            self.writes += 1;
            self.version += 1;
            after.version = self.version;
            if after.object["spec"] != before.object["spec"] || known.is_none() {
                after.generation += 1;
            }
            self.all.insert(key, after.clone());
        }
        (if known.is_none() { 201 } else { 200 }, after.shown())
    }

    /// A merge patch: its fields belong to `manager` from then on, and to nobody else.
    pub(super) fn merge(&mut self, key: &Key, manager: &str, patch: &Value) -> Option<Value> {
        self.version += 1;
        self.writes += 1;
        let version = self.version;
        let stored = self.all.get_mut(key)?;
        let before = stored.object["spec"].clone();
        for (path, value) in fields::leaves(patch) {
            for paths in stored.managers.values_mut() {
                paths.remove(&path);
            }
            if value.is_null() {
                fields::remove(&mut stored.object, &path);
            } else {
                fields::set(&mut stored.object, &path, value);
                stored.managers.entry(manager.to_owned()).or_default().insert(path);
            }
        }
        stored.version = version;
        if stored.object["spec"] != before {
            stored.generation += 1;
        }
        Some(stored.shown())
    }
}

fn missing(path: &str) -> (u16, Value) {
    status(404, "NotFound", format!("the server could not find the requested resource ({path})"), json!({}))
}

fn not_found(plural: &str, name: &str) -> (u16, Value) {
    let details = json!({ "name": name, "kind": plural });
    status(404, "NotFound", format!("{plural} \"{name}\" not found"), details)
}
