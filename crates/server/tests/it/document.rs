//! The list of routes, their rules, and the committed description of the API.

use std::path::Path;

/// Only these files may speak to axum's router: everything else goes through `Routes`, which asks for a rule.
const MAY_ROUTE: &[&str] = &["routes.rs", "router.rs", "serve.rs"];

#[test]
fn every_documented_operation_has_a_rule() {
    let document = serde_json::to_value(server::document()).unwrap();
    let routes = server::all_routes();
    let mut operations = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys().filter(|key| key.as_str() != "parameters") {
            operations += 1;
            let known = routes
                .entries()
                .iter()
                .any(|entry| entry.path == *path && entry.method.as_str().eq_ignore_ascii_case(method));
            assert!(known, "{method} {path} has no rule");
        }
    }
    assert!(operations > 0);
}

#[test]
fn every_route_of_the_api_is_documented() {
    let document = serde_json::to_value(server::document()).unwrap();
    for entry in server::all_routes().entries().iter().filter(|entry| entry.path.starts_with("/api/v1/")) {
        let method = entry.method.as_str().to_ascii_lowercase();
        let known =
            document["paths"][&entry.path].get(&method).is_some() || entry.path == "/api/v1/openapi.json";
        assert!(known, "{method} {} is not documented", entry.path);
    }
}

#[test]
fn no_route_changes_anything_under_the_rule_of_looking() {
    for entry in server::all_routes().entries() {
        let safe = entry.method.is_safe();
        let looks = matches!(entry.rule.action(), governance::Action::View);
        let search = entry.path.contains("/search")
            || entry.path.ends_with("/get-latest-versions")
            || entry.path.ends_with("/plan")
            || entry.path.ends_with("/policy-verdict")
            || entry.path == "/v2/repository/index";
        assert!(safe || !looks || search, "{} {} only asks for `view`", entry.method, entry.path);
    }
}

#[test]
fn routes_are_made_in_one_place() {
    let mut files = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            continue;
        }
        let in_root = path.parent().is_some_and(|folder| folder.ends_with("src"));
        if in_root && MAY_ROUTE.contains(&path.file_name().unwrap().to_str().unwrap()) {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        for word in ["Router::new", ".route(", ".nest(", "Router::<"] {
            assert!(!text.contains(word), "{} makes routes of its own: `{word}`", path.display());
        }
    }
}

#[test]
fn the_committed_description_is_the_one_the_code_makes() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    let made =
        serde_json::to_string_pretty(&serde_json::to_value(server::document()).unwrap()).unwrap() + "\n";
    if std::env::var_os("GINGHAM_UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&file, &made).unwrap();
    }
    let committed = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        committed == made,
        "crates/server/openapi.json is out of date; run this test with GINGHAM_UPDATE_SNAPSHOTS=1 and look at the change"
    );
}
