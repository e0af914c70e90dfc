//! Fields of objects as server-side apply counts them.

use serde_json::{Map, Value, json};

/// A way into an object: `f:NAME` for a field, `k:{…}` for an element of a list that merges by a key.
pub(super) type Path = Vec<String>;

/// By which fields the elements of a list are told apart; `None` for a list that is one value.
fn keys_of(list: &str) -> Option<&'static [&'static str]> {
    match list {
        "containers" | "env" | "volumes" | "imagePullSecrets" => Some(&["name"]),
        "volumeMounts" => Some(&["mountPath"]),
        "topologySpreadConstraints" => Some(&["topologyKey", "whenUnsatisfiable"]),
        _ => None,
    }
}

/// The key of an element of the list that lies under `list`.
fn key_of(list: &str, element: &Value) -> Option<String> {
    // The ports of a container and those of a service are told apart by different fields.
    let keys: &[&str] = match list {
        "ports" if element.get("containerPort").is_some() => &["containerPort", "protocol"],
        "ports" if element.get("targetPort").is_some() => &["port", "protocol"],
        _ => keys_of(list)?,
    };
    let found: Map<String, Value> =
        keys.iter().map(|key| ((*key).to_owned(), element.get(*key).cloned().unwrap_or_default())).collect();
    Some(format!("k:{}", Value::Object(found)))
}

/// The leaves that somebody sets by applying `object`.
pub(super) fn leaves(object: &Value) -> Vec<(Path, Value)> {
    let mut found = Vec::new();
    collect(object, "", &mut Vec::new(), &mut found);
    found.retain(|(path, _)| {
        let own =
            [&["f:apiVersion"][..], &["f:kind"], &["f:metadata", "f:name"], &["f:metadata", "f:namespace"]];
        !own.iter().any(|own| path.iter().map(String::as_str).eq(own.iter().copied()))
    });
    found
}

fn collect(value: &Value, name: &str, path: &mut Path, found: &mut Vec<(Path, Value)>) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (key, value) in fields {
                path.push(format!("f:{key}"));
                collect(value, key, path, found);
                path.pop();
            }
        }
        Value::Array(elements)
            if !elements.is_empty() && elements.iter().all(|element| key_of(name, element).is_some()) =>
        {
            for element in elements {
                path.push(key_of(name, element).expect("it was looked at"));
                collect(element, "", path, found);
                path.pop();
            }
        }
        value => found.push((path.clone(), value.clone())),
    }
}

/// The value at a path.
pub(super) fn get<'v>(object: &'v Value, path: &[String]) -> Option<&'v Value> {
    path.iter().try_fold(object, |value, step| match step.strip_prefix("f:") {
        Some(key) => value.get(key),
        None => {
            let place = place_of(value, step)?;
            value.get(place)
        }
    })
}

/// Where in a list the element with that key stands.
fn place_of(list: &Value, step: &str) -> Option<usize> {
    let wanted: Map<String, Value> = serde_json::from_str(step.strip_prefix("k:")?).ok()?;
    let fits =
        |element: &Value| wanted.iter().all(|(key, value)| element.get(key).unwrap_or(&Value::Null) == value);
    list.as_array()?.iter().position(fits)
}

/// Sets the value at a path; what lies on the way is made.
pub(super) fn set(object: &mut Value, path: &[String], new: Value) {
    let Some((step, rest)) = path.split_first() else {
        *object = new;
        return;
    };
    if let Some(key) = step.strip_prefix("f:") {
        if !object.is_object() {
            *object = json!({});
        }
        set(&mut object[key], rest, new);
        return;
    }
    if !object.is_array() {
        *object = json!([]);
    }
    let place = place_of(object, step).unwrap_or_else(|| {
        let element = serde_json::from_str(step.trim_start_matches("k:")).expect("a key is JSON");
        let list = object.as_array_mut().expect("it is a list");
        list.push(element);
        list.len() - 1
    });
    set(&mut object[place], rest, new);
}

/// Takes the value at a path away, and what is empty then.
pub(super) fn remove(object: &mut Value, path: &[String]) {
    let Some((step, rest)) = path.split_first() else { return };
    if let Some(key) = step.strip_prefix("f:") {
        let Some(fields) = object.as_object_mut() else { return };
        if rest.is_empty() {
            fields.remove(key);
        } else if let Some(below) = fields.get_mut(key) {
            remove(below, rest);
            if below.as_object().is_some_and(Map::is_empty) || below.as_array().is_some_and(Vec::is_empty) {
                fields.remove(key);
            }
        }
        return;
    }
    let Some(place) = place_of(object, step) else { return };
    if let Some(below) = object.get_mut(place) {
        remove(below, rest);
        // Of an element without its key nothing is left.
        let alone =
            place_of(object, step) != Some(place) || object[place].as_object().is_some_and(Map::is_empty);
        if alone && let Some(list) = object.as_array_mut() {
            list.remove(place);
        }
    }
}

/// Paths as `managedFields` writes them.
pub(super) fn fields_v1<'p>(paths: impl Iterator<Item = &'p Path>) -> Value {
    let mut tree = json!({});
    for path in paths {
        let mut here = &mut tree;
        for step in path {
            here = &mut here[step];
            if here.is_null() {
                *here = json!({});
            }
        }
    }
    tree
}

/// A path as messages of conflicts write it.
pub(super) fn words(path: &Path) -> String {
    path.iter()
        .map(|step| match step.strip_prefix("f:") {
            Some(key) => format!(".{key}"),
            None => {
                let keys: Map<String, Value> =
                    serde_json::from_str(step.trim_start_matches("k:")).unwrap_or_default();
                let words: Vec<String> = keys.iter().map(|(key, value)| format!("{key}={value}")).collect();
                format!("[{}]", words.join(","))
            }
        })
        .collect()
}
