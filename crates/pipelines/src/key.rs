//! The cache key of a step, and what changed when it is not the one of last time.

use std::collections::{BTreeMap, BTreeSet};

use base::{Digest, Hasher};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Everything that decides what a step gives. Two steps with equal parts give equal outputs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepParts {
    /// What is done, such as `train gradient_boosting` or a command line.
    pub command: String,
    /// The contents that are read, by name.
    pub inputs: BTreeMap<String, Digest>,
    /// The parameters.
    pub params: BTreeMap<String, Value>,
    /// The code that runs: a tree of files, or the release of the program.
    pub code: Digest,
    /// The kind of machine; see [`this_platform`].
    pub platform: String,
}

/// One part of a key that is not what it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// `command`, `code`, `platform`, `input NAME` or `param NAME`.
    pub part: String,
    /// What it was; absent if it was not there.
    pub before: Option<String>,
    /// What it is; absent if it is gone.
    pub after: Option<String>,
}

/// The processor and system that this program runs on, such as `x86_64-linux`.
#[must_use]
pub fn this_platform() -> String {
    format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS)
}

impl StepParts {
    /// The key: a hash over all parts, each with its length, names and order of keys settled.
    #[must_use]
    pub fn key(&self) -> Digest {
        let mut hasher = Hasher::new();
        hasher.field("gingham step 1").field(&self.command);
        hasher.field(self.inputs.len().to_le_bytes());
        for (name, digest) in &self.inputs {
            hasher.field(name).field(digest.as_bytes());
        }
        hasher.field(self.params.len().to_le_bytes());
        for (name, value) in &self.params {
            hasher.field(name).field(settled(value));
        }
        hasher.field(self.code.as_bytes()).field(&self.platform).finish()
    }
}

/// JSON with its keys in order, whatever order the parser kept.
fn settled(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(settled).collect();
            format!("[{}]", items.join(","))
        }
        Value::Object(entries) => {
            let entries: BTreeMap<_, _> = entries.iter().collect();
            let entries: Vec<_> = entries
                .into_iter()
                .map(|(name, value)| format!("{}:{}", Value::from(name.as_str()), settled(value)))
                .collect();
            format!("{{{}}}", entries.join(","))
        }
        plain => plain.to_string(),
    }
}

/// What differs between two sets of parts; nothing exactly when their keys are equal.
#[must_use]
pub fn changes(before: &StepParts, after: &StepParts) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut compare = |part: String, before: Option<String>, after: Option<String>| {
        if before != after {
            changes.push(Change { part, before, after });
        }
    };
    compare("command".to_owned(), Some(before.command.clone()), Some(after.command.clone()));
    let names: BTreeSet<_> = before.inputs.keys().chain(after.inputs.keys()).collect();
    for name in names {
        let digest = |parts: &StepParts| parts.inputs.get(name).map(ToString::to_string);
        compare(format!("input {name}"), digest(before), digest(after));
    }
    let names: BTreeSet<_> = before.params.keys().chain(after.params.keys()).collect();
    for name in names {
        let value = |parts: &StepParts| parts.params.get(name).map(settled);
        compare(format!("param {name}"), value(before), value(after));
    }
    compare("code".to_owned(), Some(before.code.to_string()), Some(after.code.to_string()));
    compare("platform".to_owned(), Some(before.platform.clone()), Some(after.platform.clone()));
    changes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn parts() -> StepParts {
        StepParts {
            command: "train gradient_boosting".to_owned(),
            inputs: BTreeMap::from([("rows".to_owned(), Digest::of("rows"))]),
            params: BTreeMap::from([("trees".to_owned(), json!(300))]),
            code: Digest::of("code"),
            platform: "x86_64-linux".to_owned(),
        }
    }

    fn check(change: impl FnOnce(&mut StepParts), expected: &[&str]) {
        let (before, mut after) = (parts(), parts());
        change(&mut after);
        let found: Vec<_> = changes(&before, &after).into_iter().map(|change| change.part).collect();
        assert_eq!(found, expected);
        assert_eq!(before.key() == after.key(), expected.is_empty());
    }

    #[test]
    fn each_part_counts_and_is_named() {
        check(|_| (), &[]);
        check(|parts| parts.command = "train linear".to_owned(), &["command"]);
        check(
            |parts| parts.inputs = BTreeMap::from([("rows".to_owned(), Digest::of("more"))]),
            &["input rows"],
        );
        check(
            |parts| parts.inputs = BTreeMap::from([("table".to_owned(), Digest::of("rows"))]),
            &["input rows", "input table"],
        );
        check(
            |parts| parts.params = BTreeMap::from([("leaves".to_owned(), json!(300))]),
            &["param leaves", "param trees"],
        );
        check(|parts| parts.code = Digest::of("newer"), &["code"]);
        check(|parts| parts.platform = "aarch64-linux".to_owned(), &["platform"]);
    }

    #[test]
    fn the_order_of_json_keys_does_not_count() {
        let mut nested = parts();
        nested
            .params
            .insert("grid".to_owned(), serde_json::from_str(r#"{"b":[1,{"y":1,"x":2}],"a":2}"#).unwrap());
        let mut other = parts();
        other
            .params
            .insert("grid".to_owned(), serde_json::from_str(r#"{"a":2,"b":[1,{"x":2,"y":1}]}"#).unwrap());
        assert_eq!(nested.key(), other.key());
    }

    proptest! {
        #[test]
        fn keys_are_equal_only_if_nothing_changed(
            names in proptest::collection::btree_map("[ab]{1,2}", "[cd]{0,2}", 0..3),
            others in proptest::collection::btree_map("[ab]{1,2}", "[cd]{0,2}", 0..3),
        ) {
            let with = |names: &BTreeMap<String, String>| StepParts {
                params: names.iter().map(|(name, value)| (name.clone(), json!(value))).collect(),
                ..parts()
            };
            let (before, after) = (with(&names), with(&others));
            prop_assert_eq!(before.key() == after.key(), changes(&before, &after).is_empty());
            prop_assert_eq!(before.key() == after.key(), names == others);
        }
    }
}
