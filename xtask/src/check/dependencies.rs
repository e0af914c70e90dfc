//! What we build on: licences that allow it, crates that must never come in, one public source.
//!
//! The rules stand in `.config/dependencies.toml`, each exception with its reason.

use anyhow::{Context, Result};
use serde_json::Value;

use crate::process::Program;
use crate::repository;

/// The rules, relative to the root.
const RULES: &str = ".config/dependencies.toml";

/// The only source of crates.
const PUBLIC_INDEX: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// What the file of rules says.
#[derive(Debug, Default)]
struct Rules {
    licences: Vec<String>,
    /// Crates with a licence that is fine for them alone: (crate, licence).
    exceptions: Vec<(String, String)>,
    /// Crates that must not come in: (crate, reason).
    banned: Vec<(String, String)>,
}

/// A crate of the tree, as far as the rules care.
#[derive(Debug)]
struct Crate {
    name: String,
    version: String,
    licence: Option<String>,
    source: Option<String>,
}

/// Everything in the dependency tree that breaks a rule.
pub fn problems() -> Result<Vec<String>> {
    let text = std::fs::read_to_string(repository::root()?.join(RULES))
        .with_context(|| format!("`{RULES}` cannot be read"))?;
    let rules = parse(&text)?;
    let metadata =
        Program::cargo()?.args(["metadata", "--format-version", "1", "--locked", "--quiet"]).stdout()?;
    let metadata: Value = serde_json::from_slice(&metadata)?;
    let crates: Vec<Crate> =
        metadata["packages"].as_array().into_iter().flatten().filter_map(read_crate).collect();
    Ok(judge(&rules, &crates))
}

fn parse(text: &str) -> Result<Rules> {
    let table: toml::Table = text.parse().with_context(|| format!("`{RULES}` is not valid TOML"))?;
    let licences = table.get("licences").and_then(toml::Value::as_array).into_iter().flatten();
    let pairs = |key: &str| -> Vec<(String, String)> {
        let pairs = table.get(key).and_then(toml::Value::as_table).into_iter().flatten();
        pairs.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
    };
    Ok(Rules {
        licences: licences.filter_map(|licence| licence.as_str().map(str::to_owned)).collect(),
        exceptions: pairs("exceptions"),
        banned: pairs("banned"),
    })
}

fn read_crate(package: &Value) -> Option<Crate> {
    let text = |key: &str| package[key].as_str().map(str::to_owned);
    Some(Crate {
        name: text("name")?,
        version: text("version")?,
        licence: text("license"),
        source: text("source"),
    })
}

fn judge(rules: &Rules, crates: &[Crate]) -> Vec<String> {
    let mut problems = Vec::new();
    for Crate { name, version, licence, source } in crates {
        // Without a source it is one of our own.
        let Some(source) = source else { continue };
        if source != PUBLIC_INDEX {
            problems.push(format!("`{name}` {version} comes from `{source}`, not from the public index"));
        }
        if let Some((_, reason)) = rules.banned.iter().find(|(banned, _)| banned == name) {
            problems.push(format!("`{name}` must not come in: {reason}"));
        }
        match licence {
            None if rules.exceptions.iter().any(|(exception, _)| exception == name) => {}
            None => problems.push(format!("`{name}` {version} states no licence")),
            Some(licence) => {
                let allowed = |id: &str| {
                    rules.licences.iter().any(|known| known == id)
                        || rules.exceptions.iter().any(|(exception, known)| exception == name && known == id)
                };
                if !satisfied(licence, &allowed) {
                    problems.push(format!("`{name}` {version} has the licence `{licence}`"));
                }
            }
        }
    }
    problems.sort();
    problems
}

/// Whether an SPDX expression can be met with allowed licences. `OR` binds weaker than `AND`,
/// `WITH` belongs to the licence before it, and the old `/` means `OR`.
fn satisfied(expression: &str, allowed: &dyn Fn(&str) -> bool) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    any_of(&words, &mut at, allowed) && at == words.len()
}

fn any_of(words: &[&str], at: &mut usize, allowed: &dyn Fn(&str) -> bool) -> bool {
    let mut holds = all_of(words, at, allowed);
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        holds |= all_of(words, at, allowed);
    }
    holds
}

fn all_of(words: &[&str], at: &mut usize, allowed: &dyn Fn(&str) -> bool) -> bool {
    let mut holds = one(words, at, allowed);
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        holds &= one(words, at, allowed);
    }
    holds
}

fn one(words: &[&str], at: &mut usize, allowed: &dyn Fn(&str) -> bool) -> bool {
    let Some(word) = words.get(*at) else { return false };
    *at += 1;
    if *word == "(" {
        let holds = any_of(words, at, allowed);
        *at += 1;
        return holds;
    }
    let mut licence = (*word).to_owned();
    if words.get(*at) == Some(&"WITH") {
        licence = format!("{licence} WITH {}", words.get(*at + 1).copied().unwrap_or_default());
        *at += 2;
    }
    allowed(&licence)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str, licence: &str, source: &str) -> Vec<String> {
        let rules = parse(
            "licences = ['MIT', 'Apache-2.0']\n[exceptions]\nodd = 'MPL-2.0'\n[banned]\nrusqlite = 'links sqlite3 twice'",
        )
        .unwrap();
        let tree = Crate {
            name: name.to_owned(),
            version: "1.0.0".to_owned(),
            licence: Some(licence.to_owned()),
            source: Some(source.to_owned()),
        };
        judge(&rules, &[tree])
    }

    #[test]
    fn allowed_licences_from_the_public_index_pass() {
        for licence in ["MIT", "MIT OR GPL-3.0", "MIT/Apache-2.0", "(MIT OR X) AND Apache-2.0"] {
            assert_eq!(found("serde", licence, PUBLIC_INDEX), Vec::<String>::new(), "{licence}");
        }
    }

    #[test]
    fn other_licences_are_named() {
        for licence in
            ["GPL-3.0", "MIT AND GPL-3.0", "(MIT OR X) AND GPL-3.0", "MPL-2.0", "Apache-2.0 WITH X"]
        {
            assert_eq!(found("serde", licence, PUBLIC_INDEX).len(), 1, "{licence}");
        }
        assert!(found("odd", "MPL-2.0", PUBLIC_INDEX).is_empty());
    }

    #[test]
    fn a_banned_crate_is_named_with_its_reason() {
        assert_eq!(
            found("rusqlite", "MIT", PUBLIC_INDEX),
            ["`rusqlite` must not come in: links sqlite3 twice"]
        );
    }

    #[test]
    fn a_crate_from_elsewhere_is_named() {
        assert_eq!(found("serde", "MIT", "git+https://example.org/serde").len(), 1);
    }
}
