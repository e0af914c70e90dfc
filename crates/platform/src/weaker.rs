//! In which ways a `gingham.yaml` asks less of the versions of its model than the one in force.
//!
//! Whoever could ask for less alone would not be bound by a policy. To ask for more is everybody's right. What cannot be
//! told to be as strict counts as weaker.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::spec::Spec;

/// Words of a check that change nothing of what it asks.
const WORDS: [&str; 2] = ["reason", "owner"];
/// Bounds that ask more when they are smaller.
const SMALLER_IS_STRICTER: [&str; 9] =
    ["at_most", "tolerance", "p99_ms", "file_mb", "memory_mb", "ece", "brier", "alone", "worse_by"];
/// Bounds that ask more when they are greater.
const GREATER_IS_STRICTER: [&str; 2] = ["at_least", "mostly"];

/// The ways in which `after` asks less than `before`, if a policy is in force; none where there is no policy to weaken.
pub(crate) fn weaker_in(before: &Spec, after: &Spec) -> Vec<String> {
    let Some(policy) = &before.policy else { return Vec::new() };
    let mut ways = match &after.policy {
        None => vec![format!("policy `{}` is in force no more", policy.policy)],
        Some(next) => policy.weaker_in(next),
    };
    if after.promotion.alias != before.promotion.alias {
        ways.push(format!(
            "the promotion rules move `{}` instead of `{}`",
            after.promotion.alias, before.promotion.alias
        ));
    }
    for rule in &before.promotion.rules {
        let as_strict = |other: &checks::gate::Rule| rule == other || differs("rule", rule, other).is_none();
        if !after.promotion.rules.iter().any(as_strict) {
            ways.push(format!("the rule that a version {} is gone or asks less", rule.in_words()));
        }
    }
    let id = |check: &checks::model::ModelCheck| check.id.clone();
    lists("model check", (&before.model_checks, &after.model_checks), id, &mut ways);
    if policy.require.data.is_some() {
        lists("check", (&before.checks, &after.checks), |check: &checks::Check| check.id.clone(), &mut ways);
    }
    if before.pipeline.evaluate != after.pipeline.evaluate {
        ways.push("versions are judged by other rows or another metric".to_owned());
    }
    let guarded = before.deployment.as_ref().filter(|held| policy.guards(&held.alias));
    if let (Some(held), Some(wanted)) = (guarded, &after.deployment)
        && held.name == wanted.name
        && !after.policy.as_ref().is_some_and(|policy| policy.guards(&wanted.alias))
        && after.policy.is_some()
    {
        ways.push(format!("deployment `{}` follows `{}`, which no policy guards", wanted.name, wanted.alias));
    }
    ways
}

fn lists<T: Serialize + PartialEq>(
    noun: &str,
    (before, after): (&[T], &[T]),
    id: impl Fn(&T) -> String,
    ways: &mut Vec<String>,
) {
    for check in before {
        let name = id(check);
        match after.iter().find(|other| id(other) == name) {
            None => ways.push(format!("{noun} `{name}` is gone")),
            Some(same) if same == check => {}
            Some(other) => {
                if let Some(how) = differs(noun, check, other) {
                    ways.push(format!("{noun} `{name}` {how}"));
                }
            }
        }
    }
}

/// How a check that reads differently asks less, if it does not ask as much or more.
fn differs<T: Serialize + PartialEq>(noun: &str, before: &T, after: &T) -> Option<String> {
    let (old, new) = (leaves(before), leaves(after));
    let mut found = false;
    // What is left out of the written form has its usual value, so that nothing can be compared with it.
    let names: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for path in names {
        let (was, is) = (old.get(path), new.get(path));
        if was == is {
            continue;
        }
        found = true;
        let key = path.rsplit('.').next().unwrap_or_default();
        if WORDS.contains(&path.as_str()) || stricter(key, (was, is), &old) {
            continue;
        }
        let text = |value: Option<&Value>| value.map_or_else(|| "nothing".to_owned(), Value::to_string);
        return Some(format!("says {} for `{path}` instead of {}", text(is), text(was)));
    }
    (!found).then(|| format!("is another {noun}"))
}

/// Whether a value that changed asks more now.
fn stricter(key: &str, (was, is): (Option<&Value>, Option<&Value>), old: &BTreeMap<String, Value>) -> bool {
    if key == "severity" {
        let rank = |value: Option<&Value>| match value.and_then(Value::as_str) {
            Some("warn") => Some(0),
            Some("error") => Some(1),
            Some("block") => Some(2),
            _ => None,
        };
        return matches!((rank(was), rank(is)), (Some(was), Some(is)) if is > was);
    }
    let (Some(was), Some(is)) = (number(was, key), number(is, key)) else { return false };
    // To beat by more is harder; to be worse by more is easier.
    let greater = GREATER_IS_STRICTER.contains(&key) || (key == "by" && old.contains_key("beats"));
    let smaller = SMALLER_IS_STRICTER.contains(&key) || (key == "by" && !old.contains_key("beats"));
    (greater && is > was) || (smaller && is < was)
}

/// A number or a share; a margin or share of rows that is not written is the usual one.
fn number(value: Option<&Value>, key: &str) -> Option<f64> {
    match value {
        None if key == "mostly" => Some(1.0),
        None if key == "by" => Some(0.0),
        None => None,
        Some(Value::String(text)) => {
            text.strip_suffix('%')?.trim().parse::<f64>().ok().map(|share| share / 100.0)
        }
        Some(value) => value.as_f64(),
    }
}

/// The written form as its leaves, by path; lists count as leaves.
fn leaves<T: Serialize>(check: &T) -> BTreeMap<String, Value> {
    fn collect(path: &str, value: Value, into: &mut BTreeMap<String, Value>) {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    let path = if path.is_empty() { name } else { format!("{path}.{name}") };
                    collect(&path, value, into);
                }
            }
            leaf => drop(into.insert(path.to_owned(), leaf)),
        }
    }
    let mut found = BTreeMap::new();
    collect("", serde_json::to_value(check).unwrap_or_default(), &mut found);
    found
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::spec::{SpecSource, parse};

    const POLICY: &str = "policy: p\ntier: high\n";
    const CHECKS: &str = "model_checks:\n\
        - { id: error, metric: mae, at_most: 300, severity: error }\n\
        - { id: slices, metric: mae, no_worse_than: champion, by: 10%, each: hour }\n\
        - { id: better, metric: mae, beats: baselines, by: 5% }\n\
        - { id: up, direction: { column: hour, step: { plus: 1 }, may: not_lower, tolerance: 5 }, mostly: 0.9 }\n";

    fn spec(yaml: &str, policy: Option<&str>) -> Spec {
        let risk = if policy.is_some() { "risk: { tier: high, policy: p.policy.yaml }\n" } else { "" };
        let spec_yaml = format!(
            "model: m\ndata: {{ dataset: m, time: at }}\npipeline:\n  prepare: prepare.sql\n  time: at\n  target: y\n\
             \x20 features: [hour]\n  evaluate: {{ last: 1d, metric: mae }}\n  candidates: [{{ id: a, trainer: linear }}]\n\
             {risk}{yaml}"
        );
        let mut files = BTreeMap::from([("prepare.sql".to_owned(), "select * from input".to_owned())]);
        files.extend(policy.map(|policy| ("p.policy.yaml".to_owned(), policy.to_owned())));
        parse(&SpecSource { spec_yaml, files }).unwrap()
    }

    fn with(checks: &str) -> String {
        format!("promotion: {{ rules: [{{ metric: mae, at_most: 500 }}] }}\n{checks}")
    }

    fn check(old: &str, new: &str, expected: &[&str]) {
        let changed = with(&CHECKS.replace(old, new));
        assert_ne!(changed, with(CHECKS), "`{old}` is not there");
        let (before, after) = (spec(&with(CHECKS), Some(POLICY)), spec(&changed, Some(POLICY)));
        assert_eq!(weaker_in(&before, &after), expected, "{old} -> {new}");
    }

    #[test]
    fn checks_that_ask_more_are_free() {
        check("at_most: 300", "at_most: 250", &[]);
        check("severity: error", "severity: block", &[]);
        check("by: 10%", "by: 5%", &[]);
        check("by: 5% }", "by: 8% }", &[]);
        check("tolerance: 5", "tolerance: 2.5", &[]);
        check("mostly: 0.9", "mostly: 0.95", &[]);
        check(", mostly: 0.9", "", &[]);
        check("{ id: error, ", "{ id: error, reason: because, owner: ada, ", &[]);
        check("model_checks:\n", "model_checks:\n- { id: leak, leakage: { alone: 0.98 } }\n", &[]);
    }

    #[test]
    fn checks_that_ask_less_are_named() {
        check(
            "at_most: 300",
            "at_most: 350",
            &["model check `error` says 350.0 for `at_most` instead of 300.0"],
        );
        check(
            "severity: error",
            "severity: warn",
            &["model check `error` says \"warn\" for `severity` instead of \"error\""],
        );
        check("by: 10%", "by: 20%", &["model check `slices` says \"20%\" for `by` instead of \"10%\""]);
        check("by: 5% }", "by: 1% }", &["model check `better` says \"1%\" for `by` instead of \"5%\""]);
        check(
            "each: hour",
            "each: hour, min_rows: 5000",
            &["model check `slices` says 5000 for `min_rows` instead of nothing"],
        );
        check(
            "each: hour",
            "each: day",
            &["model check `slices` says \"day\" for `each` instead of \"hour\""],
        );
        check("mostly: 0.9", "mostly: 0.5", &["model check `up` says 0.5 for `mostly` instead of 0.9"]);
        check(
            "{ id: error, metric: mae, at_most: 300, severity: error }",
            "{ id: other, metric: mae, at_most: 1 }",
            &["model check `error` is gone"],
        );
        check("model_checks", "checks: []\nretrain: { cooldown: 2d }\nmodel_checks", &[]);
    }

    #[test]
    fn without_a_policy_in_force_nothing_is_weakened_and_taking_it_away_is() {
        let (guarded, bare) = (spec(&with(CHECKS), Some(POLICY)), spec(&with(""), None));
        assert_eq!(weaker_in(&bare, &guarded), Vec::<String>::new());
        assert_eq!(weaker_in(&guarded, &bare)[0], "policy `p` is in force no more");
    }

    #[test]
    fn rules_and_rows_to_judge_by_count_too() {
        let before = spec(&with(CHECKS), Some(POLICY));
        let looser = spec(&with(CHECKS).replace("at_most: 500", "at_most: 600"), Some(POLICY));
        assert_eq!(weaker_in(&before, &looser).len(), 1);
        let stricter = spec(&with(CHECKS).replace("at_most: 500", "at_most: 400"), Some(POLICY));
        assert_eq!(weaker_in(&before, &stricter), Vec::<String>::new());
        let mut other = before.clone();
        other.pipeline.evaluate.metric = "rmse".to_owned();
        assert_eq!(weaker_in(&before, &other), ["versions are judged by other rows or another metric"]);
    }
}
