//! What differs between a run and its repetition: outputs to the bit, then metrics; within tolerances where declared.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use artifacts::Tree;
use base::Digest;
use serde::Serialize;
use serde_json::Value;

use super::record::Record;
use super::restore::fetch;
use crate::args::ServerArguments;
use crate::commands::data::home::{Local, failed};

/// The longest file that is looked into, in bytes; of longer ones only the digests are compared.
const MOST_LOOKED_INTO: u64 = 64 << 20;
/// How much of a line is shown, in characters.
const SHOWN: usize = 160;
/// Metrics of this kind tell of the machine.
const OF_THE_MACHINE: &str = "system/";

/// How much alike two runs are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Verdict {
    /// To the bit.
    Equal,
    /// Some numbers differ by no more than was declared.
    WithinTolerance,
    /// Something differs.
    Different,
}

/// One thing that differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Difference {
    /// A file, a metric, or the exit code.
    pub(super) what: String,
    /// Where in it.
    pub(super) place: String,
    pub(super) then: String,
    pub(super) now: String,
    pub(super) is_tolerated: bool,
}

/// All that was compared.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Comparison {
    pub(super) verdict: Verdict,
    pub(super) files: usize,
    pub(super) metrics: usize,
    /// In the order of paths, exit code first and metrics last.
    pub(super) differences: Vec<Difference>,
}

/// Compares two runs by their records and metrics.
pub(super) async fn compare(
    local: &Local,
    server: &ServerArguments,
    (then, metrics_then): (&Record, &BTreeMap<String, f64>),
    (now, metrics_now): (&Record, &BTreeMap<String, f64>),
) -> Result<Comparison> {
    let mut differences = Vec::new();
    let ended = |record: &Record| {
        let ended = record.ended.clone().unwrap_or_default();
        match (ended.exit_code, ended.signal) {
            (Some(code), _) => format!("exit code {code}"),
            (None, Some(signal)) => format!("signal {signal}"),
            (None, None) => "unknown".to_owned(),
        }
    };
    if ended(then) != ended(now) {
        differences.push(Difference {
            what: "the command".to_owned(),
            place: "its end".to_owned(),
            then: ended(then),
            now: ended(now),
            is_tolerated: false,
        });
    }
    let mut files = 0;
    for output in &then.outputs {
        let again = now.outputs.iter().find(|again| again.path == output.path).and_then(|again| again.tree);
        let (before, after) =
            (tree_of(local, server, output.tree).await?, tree_of(local, server, again).await?);
        let listed = |tree: &Option<Tree>| -> BTreeMap<String, (Digest, u64)> {
            let entries = tree.iter().flat_map(Tree::entries);
            entries.map(|entry| (entry.path.to_string(), (entry.digest, entry.bytes))).collect()
        };
        let (before, after) = (listed(&before), listed(&after));
        let paths: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        files += paths.len();
        for path in paths {
            let whole = if output.is_file { output.path.clone() } else { format!("{}/{path}", output.path) };
            let gone = |then: &str, now: &str| Difference {
                what: whole.clone(),
                place: "the whole file".to_owned(),
                then: then.to_owned(),
                now: now.to_owned(),
                is_tolerated: false,
            };
            match (before.get(path), after.get(path)) {
                (Some((old, _)), Some((new, _))) if old == new => {}
                (Some((old, bytes)), Some((new, again))) => {
                    if (*bytes).max(*again) > MOST_LOOKED_INTO {
                        differences.push(gone(&format!("{bytes} bytes"), &format!("{again} other bytes")));
                        continue;
                    }
                    let old = local.artifacts.read_bytes(*old, MOST_LOOKED_INTO).await.map_err(failed)?;
                    let new = local.artifacts.read_bytes(*new, MOST_LOOKED_INTO).await.map_err(failed)?;
                    differences.push(of_contents(&whole, &old, &new, &then.tolerances));
                }
                (Some(_), None) => differences.push(gone("written", "not written")),
                (None, _) => differences.push(gone("not written", "written")),
            }
        }
    }
    let names: BTreeSet<&String> = metrics_then
        .keys()
        .chain(metrics_now.keys())
        .filter(|name| !name.starts_with(OF_THE_MACHINE))
        .collect();
    for name in &names {
        let (old, new) = (metrics_then.get(*name), metrics_now.get(*name));
        if old.map(|value| value.to_bits()) == new.map(|value| value.to_bits()) {
            continue;
        }
        let word = |value: Option<&f64>| value.map_or_else(|| "not logged".to_owned(), f64::to_string);
        differences.push(Difference {
            what: format!("metric {name}"),
            place: "its newest value".to_owned(),
            then: word(old),
            now: word(new),
            is_tolerated: old
                .zip(new)
                .is_some_and(|(old, new)| tolerated(&then.tolerances, name, *old, *new)),
        });
    }
    let verdict = if differences.is_empty() {
        Verdict::Equal
    } else if differences.iter().all(|difference| difference.is_tolerated) {
        Verdict::WithinTolerance
    } else {
        Verdict::Different
    };
    Ok(Comparison { verdict, files, metrics: names.len(), differences })
}

async fn tree_of(local: &Local, server: &ServerArguments, tree: Option<Digest>) -> Result<Option<Tree>> {
    let Some(tree) = tree else { return Ok(None) };
    fetch(local, server, tree).await?;
    Ok(Some(local.artifacts.get_tree(tree).await.map_err(failed)?))
}

fn tolerated(tolerances: &BTreeMap<String, f64>, name: &str, old: f64, new: f64) -> bool {
    tolerances.get(name).is_some_and(|amount| (old - new).abs() <= *amount)
}

/// Where two contents differ first.
fn of_contents(path: &str, old: &[u8], new: &[u8], tolerances: &BTreeMap<String, f64>) -> Difference {
    if let (Ok(old), Ok(new)) = (serde_json::from_slice::<Value>(old), serde_json::from_slice::<Value>(new)) {
        let mut found = Vec::new();
        differing_values("", "", &old, &new, tolerances, &mut found);
        let worst = found.iter().find(|found| !found.is_tolerated).or_else(|| found.first()).cloned();
        if let Some(worst) = worst {
            return Difference { what: path.to_owned(), ..worst };
        }
    }
    let same = old.iter().zip(new).take_while(|(old, new)| old == new).count();
    match (std::str::from_utf8(old), std::str::from_utf8(new)) {
        (Ok(_), Ok(_)) => {
            let line = 1 + old.iter().take(same).filter(|byte| **byte == b'\n').count();
            let start = old.iter().take(same).rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            let text = |bytes: &[u8]| -> String {
                let rest = bytes.get(start..).unwrap_or_default();
                let rest = rest.split(|byte| *byte == b'\n').next().unwrap_or_default();
                String::from_utf8_lossy(rest).chars().take(SHOWN).collect()
            };
            Difference {
                what: path.to_owned(),
                place: format!("line {line}, byte {same}"),
                then: text(old),
                now: text(new),
                is_tolerated: false,
            }
        }
        _ => {
            let shown = |bytes: &[u8]| {
                let part = bytes.get(same..bytes.len().min(same + 8)).unwrap_or_default();
                let digits: Vec<String> = part.iter().map(|byte| format!("{byte:02x}")).collect();
                if digits.is_empty() { "the end".to_owned() } else { digits.join(" ") }
            };
            Difference {
                what: path.to_owned(),
                place: format!("byte {same}"),
                then: shown(old),
                now: shown(new),
                is_tolerated: false,
            }
        }
    }
}

/// Leaves of two JSON values that differ. A number is tolerated by its whole place or by its own name.
fn differing_values(
    place: &str,
    name: &str,
    old: &Value,
    new: &Value,
    tolerances: &BTreeMap<String, f64>,
    found: &mut Vec<Difference>,
) {
    let at = |key: &str| if place.is_empty() { key.to_owned() } else { format!("{place}.{key}") };
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
            for key in keys {
                let (old, new) = (old.get(key).unwrap_or(&Value::Null), new.get(key).unwrap_or(&Value::Null));
                differing_values(&at(key), key, old, new, tolerances, found);
            }
        }
        (Value::Array(old), Value::Array(new)) if old.len() == new.len() => {
            for (index, (old, new)) in old.iter().zip(new).enumerate() {
                differing_values(&at(&index.to_string()), name, old, new, tolerances, found);
            }
        }
        (old, new) if old == new => {}
        (old, new) => {
            let is_tolerated = old.as_f64().zip(new.as_f64()).is_some_and(|(old, new)| {
                tolerated(tolerances, place, old, new) || tolerated(tolerances, name, old, new)
            });
            let text = |value: &Value| value.to_string().chars().take(SHOWN).collect::<String>();
            found.push(Difference {
                what: String::new(),
                place: if place.is_empty() { "its value".to_owned() } else { place.to_owned() },
                then: text(old),
                now: text(new),
                is_tolerated,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(old: &str, new: &str, tolerances: &[(&str, f64)]) -> Difference {
        let tolerances = tolerances.iter().map(|(name, amount)| ((*name).to_owned(), *amount)).collect();
        of_contents("out", old.as_bytes(), new.as_bytes(), &tolerances)
    }

    #[test]
    fn the_first_line_that_differs_is_named() {
        let found = compared("a\nb,1\nc", "a\nb,2\nc", &[]);
        assert_eq!(
            (found.place.as_str(), found.then.as_str(), found.now.as_str()),
            ("line 2, byte 4", "b,1", "b,2")
        );
    }

    #[test]
    fn numbers_of_json_are_tolerated_by_name_or_place_and_no_others() {
        let (old, new) = (r#"{"fit":{"mae":1.0},"n":3}"#, r#"{"fit":{"mae":1.0000001},"n":3}"#);
        assert!(compared(old, new, &[("mae", 1e-6)]).is_tolerated);
        assert!(compared(old, new, &[("fit.mae", 1e-6)]).is_tolerated);
        assert!(!compared(old, new, &[("mae", 1e-9)]).is_tolerated);
        let other = compared(old, r#"{"fit":{"mae":1.0000001},"n":4}"#, &[("mae", 1e-6)]);
        assert_eq!((other.place.as_str(), other.is_tolerated), ("n", false));
    }

    #[test]
    fn binary_contents_are_told_by_their_bytes() {
        let found = of_contents("x", &[0xff, 1], &[0xff, 2, 3], &BTreeMap::new());
        assert_eq!(
            (found.place.as_str(), found.then.as_str(), found.now.as_str()),
            ("byte 1", "01", "02 03")
        );
    }
}
