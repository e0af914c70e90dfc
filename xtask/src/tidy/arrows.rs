//! Which crate may know which: `cli → server → platform → domains → leaves → base`.

use serde_json::Value;

/// The rooms that know only `base`.
const LEAVES: &[&str] = &["artifacts", "db", "notices", "proto", "stats", "tables"];

/// The rooms that hold one subject each and do not know each other.
const DOMAINS: &[&str] = &[
    "archive",
    "checks",
    "clusters",
    "datasets",
    "experiments",
    "governance",
    "inference",
    "lineage",
    "monitoring",
    "pipelines",
    "registry",
    "serving",
    "training",
];

/// Arrows between domains that are wanted, each for a reason.
const EXCEPTIONS: &[(&str, &str)] = &[
    // Training writes the files that inference reads, so that both cannot differ.
    ("training", "inference"),
];

/// Dependencies that live in few rooms, so that an edit elsewhere never rebuilds them.
const OWNED: &[(&str, &[&str])] = &[
    ("anyhow", &["cli", "xtask"]),
    ("arrow", &["inference", "tables"]),
    ("axum", &["server"]),
    ("clap", &["cli"]),
    ("clap_complete", &["cli"]),
    ("comfy-table", &["cli"]),
    ("datafusion", &["tables"]),
    ("deltalake", &["tables"]),
    ("hyper", &["server"]),
    ("indicatif", &["cli"]),
    ("k8s-openapi", &["clusters"]),
    ("kube", &["clusters"]),
    ("lettre", &["notices"]),
    ("object_store", &["artifacts", "tables"]),
    ("ort", &["inference"]),
    ("parquet", &["tables"]),
    ("rust-embed", &["server"]),
    ("sqlx", &["db"]),
    ("tonic", &["proto", "server"]),
    ("tower-http", &["server"]),
    ("utoipa", &["server"]),
    ("utoipa-axum", &["server"]),
];

/// A crate of the workspace and what its manifest asks for.
#[derive(Debug)]
pub struct Package {
    name: String,
    needs: Vec<Need>,
}

/// One line of a manifest.
#[derive(Debug)]
struct Need {
    name: String,
    for_tests: bool,
}

/// The crates of the workspace, from `cargo metadata --no-deps`.
pub fn read(metadata: &Value) -> Vec<Package> {
    let packages = metadata["packages"].as_array().into_iter().flatten();
    packages
        .map(|package| Package {
            name: package["name"].as_str().unwrap_or_default().to_owned(),
            needs: package["dependencies"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|need| Need {
                    name: need["name"].as_str().unwrap_or_default().to_owned(),
                    for_tests: need["kind"].as_str() == Some("dev"),
                })
                .collect(),
        })
        .collect()
}

/// Arrows that point the wrong way, and heavy dependencies in the wrong room.
pub fn problems(packages: &[Package]) -> Vec<String> {
    let own = |name: &str| packages.iter().any(|package| package.name == name);
    let mut problems = Vec::new();
    for package in packages {
        let name = package.name.as_str();
        if height(name).is_none() {
            problems
                .push(format!("crates/{name}: tidy does not know this room; give it its place in arrows.rs"));
        }
        for need in &package.needs {
            if own(&need.name) {
                if !allowed(name, need) {
                    problems.push(format!("crates/{name}: must not know `{}`", need.name));
                }
            } else if let Some((_, owners)) = OWNED.iter().find(|(owned, _)| *owned == need.name)
                && !owners.contains(&name)
            {
                let owners = owners.join("` and `");
                problems.push(format!("crates/{name}: only `{owners}` may use `{}`", need.name));
            }
        }
    }
    problems
}

/// How far above the ground a room stands; a room knows only what is below it.
fn height(name: &str) -> Option<u8> {
    match name {
        "base" => Some(0),
        _ if LEAVES.contains(&name) => Some(1),
        _ if DOMAINS.contains(&name) => Some(2),
        "platform" => Some(3),
        "server" => Some(4),
        "cli" => Some(5),
        "testing" | "xtask" => Some(6),
        _ => None,
    }
}

fn allowed(from: &str, need: &Need) -> bool {
    let to = need.name.as_str();
    if from == "xtask" || to == "xtask" {
        return false;
    }
    if to == "testing" {
        return need.for_tests;
    }
    if from == "testing" || EXCEPTIONS.contains(&(from, to)) {
        return true;
    }
    height(from) > height(to)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(arrows: &[(&str, &str, bool)]) -> Vec<String> {
        let mut packages: Vec<Package> =
            ["base", "db", "registry", "serving", "platform", "server", "testing"]
                .iter()
                .map(|name| Package { name: (*name).to_owned(), needs: Vec::new() })
                .collect();
        for (from, to, for_tests) in arrows {
            let package = packages.iter_mut().find(|package| package.name == *from).unwrap();
            package.needs.push(Need { name: (*to).to_owned(), for_tests: *for_tests });
        }
        problems(&packages)
    }

    #[test]
    fn arrows_that_point_down_pass() {
        let good =
            [("server", "platform", false), ("platform", "registry", false), ("registry", "db", false)];
        assert_eq!(found(&good), Vec::<String>::new());
        assert!(found(&[("registry", "testing", true), ("testing", "db", false)]).is_empty());
    }

    #[test]
    fn domains_do_not_know_each_other() {
        assert_eq!(found(&[("serving", "registry", false)]), ["crates/serving: must not know `registry`"]);
        assert_eq!(found(&[("serving", "registry", true)]).len(), 1);
    }

    #[test]
    fn nothing_points_up() {
        assert_eq!(found(&[("db", "registry", false)]).len(), 1);
        assert_eq!(found(&[("registry", "testing", false)]).len(), 1);
    }

    #[test]
    fn heavy_dependencies_stay_in_their_room() {
        assert_eq!(found(&[("registry", "sqlx", false)]), ["crates/registry: only `db` may use `sqlx`"]);
        assert!(found(&[("db", "sqlx", false), ("server", "axum", false)]).is_empty());
    }

    #[test]
    fn a_room_without_a_place_is_named() {
        let stranger = Package { name: "attic".to_owned(), needs: Vec::new() };
        assert_eq!(problems(&[stranger]).len(), 1);
    }
}
