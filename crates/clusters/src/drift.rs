//! What applying again would change, field by field, and who has set it otherwise.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::Kind;
use crate::cluster::FIELD_MANAGER;

/// The most differences of one object that are told.
const MOST_DIFFERENCES: usize = 50;

/// A field that is not as it was applied.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// The field, such as `spec.template.spec.containers[replica].image`.
    pub field: String,
    /// What stands there; nothing when it is gone.
    pub found: Value,
    /// What was applied; nothing when it was never there.
    pub applied: Value,
    /// Who has set it, if the cluster knows.
    pub by: Option<String>,
}

/// An object that is not as it was applied.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ObjectDrift {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// Whether it is gone as a whole.
    pub missing: bool,
    /// The fields that differ.
    pub differences: Vec<Difference>,
}

/// A step from an object into one of its parts.
enum Step<'a> {
    Field(&'a str),
    /// An element of a list; as it is in the live object, if it is there.
    Element(usize, Option<&'a Value>),
}

/// What differs between an object as it is and as it would be after applying again.
pub(crate) fn compare(live: &Value, wanted: &Value) -> Vec<Difference> {
    let managers = live.pointer("/metadata/managedFields").and_then(Value::as_array);
    let managers = managers.map(Vec::as_slice).unwrap_or_default();
    let (live, wanted) = (cleaned(live), cleaned(wanted));
    let mut found = Vec::new();
    let mut path = Vec::new();
    walk(&live, &wanted, &mut path, &mut |path, live, wanted| {
        if found.len() < MOST_DIFFERENCES {
            found.push(Difference {
                field: in_words(path),
                found: live.cloned().unwrap_or_default(),
                applied: wanted.cloned().unwrap_or_default(),
                by: manager(managers, path),
            });
        }
    });
    found
}

/// Without what the API server writes by itself.
fn cleaned(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(object) = object.as_object_mut() {
        object.remove("status");
    }
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        for own in ["managedFields", "resourceVersion", "generation", "creationTimestamp", "uid", "selfLink"]
        {
            metadata.remove(own);
        }
    }
    object
}

type Tell<'t, 'v> = dyn FnMut(&[Step<'v>], Option<&'v Value>, Option<&'v Value>) + 't;

fn walk<'v>(live: &'v Value, wanted: &'v Value, path: &mut Vec<Step<'v>>, tell: &mut Tell<'_, 'v>) {
    if live == wanted {
        return;
    }
    match (live, wanted) {
        (Value::Object(before), Value::Object(after)) => fields(before, after, path, tell),
        (Value::Array(before), Value::Array(after)) => {
            for at in 0..before.len().max(after.len()) {
                let (old, new) = (before.get(at), after.get(at));
                path.push(Step::Element(at, old));
                match (old, new) {
                    (Some(old), Some(new)) => walk(old, new, path, tell),
                    (old, new) => tell(path, old, new),
                }
                path.pop();
            }
        }
        _ => tell(path, Some(live), Some(wanted)),
    }
}

fn fields<'v>(
    before: &'v Map<String, Value>,
    after: &'v Map<String, Value>,
    path: &mut Vec<Step<'v>>,
    tell: &mut Tell<'_, 'v>,
) {
    let more = after.keys().filter(|key| !before.contains_key(*key));
    for key in before.keys().chain(more) {
        path.push(Step::Field(key));
        match (before.get(key), after.get(key)) {
            (Some(old), Some(new)) => walk(old, new, path, tell),
            (old, new) => tell(path, old, new),
        }
        path.pop();
    }
}

fn in_words(path: &[Step<'_>]) -> String {
    let mut words = String::new();
    for step in path {
        match step {
            Step::Field(key) if key.contains(['.', '/']) => words.push_str(&format!("[{key}]")),
            Step::Field(key) => {
                if !words.is_empty() {
                    words.push('.');
                }
                words.push_str(key);
            }
            Step::Element(at, element) => {
                let name = element.and_then(|element| element.get("name")).and_then(Value::as_str);
                words.push_str(&name.map_or_else(|| format!("[{at}]"), |name| format!("[{name}]")));
            }
        }
    }
    words
}

/// Who owns the field at `path`, among those that are not we. The deepest entry that leads there counts.
fn manager(managers: &[Value], path: &[Step<'_>]) -> Option<String> {
    let others = managers.iter().filter_map(|entry| {
        let name = entry.get("manager")?.as_str().filter(|name| *name != FIELD_MANAGER)?;
        Some((depth(entry.get("fieldsV1")?, path)?, name))
    });
    others.max_by_key(|(depth, _)| *depth).map(|(_, name)| name.to_owned())
}

/// How many steps of `path` an entry of `managedFields` follows; `None` when it owns neither the field nor what it
/// lies in as a whole.
fn depth(fields: &Value, path: &[Step<'_>]) -> Option<usize> {
    let mut here = fields;
    for (done, step) in path.iter().enumerate() {
        let object = here.as_object()?;
        if object.is_empty() {
            // A leaf: everything below belongs to its owner.
            return Some(done);
        }
        let next = match step {
            Step::Field(key) => object.get(&format!("f:{key}")),
            Step::Element(_, element) => object.iter().find_map(|(key, below)| {
                let wanted: Map<String, Value> = serde_json::from_str(key.strip_prefix("k:")?).ok()?;
                let element = element.as_ref()?.as_object()?;
                wanted.iter().all(|(key, value)| element.get(key) == Some(value)).then_some(below)
            }),
        };
        here = next?;
    }
    Some(path.len())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn live() -> Value {
        json!({
            "metadata": {
                "name": "a", "resourceVersion": "7",
                "managedFields": [
                    { "manager": "gingham", "fieldsV1": { "f:spec": { "f:replicas": {} } } },
                    { "manager": "kubectl-edit", "fieldsV1": { "f:spec": {
                        "f:replicas": {},
                        "f:containers": { "k:{\"name\":\"replica\"}": { "f:image": {} } },
                    } } },
                ],
            },
            "spec": { "replicas": 5, "containers": [{ "name": "replica", "image": "b" }] },
            "status": { "replicas": 5 },
        })
    }

    #[test]
    fn a_changed_field_is_told_with_who_changed_it() {
        let wanted = json!({
            "metadata": { "name": "a", "resourceVersion": "8" },
            "spec": { "replicas": 2, "containers": [{ "name": "replica", "image": "a" }] },
        });
        let mut found = compare(&live(), &wanted);
        found.sort_by(|one, other| one.field.cmp(&other.field));
        let told: Vec<_> = found.iter().map(|found| (found.field.as_str(), found.by.as_deref())).collect();
        assert_eq!(
            told,
            [
                ("spec.containers[replica].image", Some("kubectl-edit")),
                ("spec.replicas", Some("kubectl-edit"))
            ]
        );
        assert_eq!((&found[1].found, &found[1].applied), (&json!(5), &json!(2)));
    }

    #[test]
    fn what_the_server_writes_by_itself_is_no_drift() {
        let mut wanted = live();
        wanted["metadata"]["resourceVersion"] = json!("9");
        wanted["status"] = json!({});
        assert!(compare(&live(), &wanted).is_empty());
    }

    #[test]
    fn a_field_that_is_gone_is_told_too() {
        let mut wanted = live();
        wanted["metadata"]["labels"] = json!({ "app.kubernetes.io/name": "x" });
        let found = compare(&live(), &wanted);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].field.as_str(), &found[0].found), ("metadata.labels", &Value::Null));
    }
}
