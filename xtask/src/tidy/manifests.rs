//! Crates take versions and lints from the workspace, so that features are set in one place.

use super::TextFile;

/// What is wrong with a crate's manifest.
pub fn problems(file: &TextFile) -> Vec<String> {
    let is_crate = file.path.starts_with("crates/") || file.path.starts_with("xtask/");
    if !is_crate || !file.path.ends_with("/Cargo.toml") {
        return Vec::new();
    }
    let manifest: toml::Table = match file.text.parse() {
        Ok(manifest) => manifest,
        Err(error) => return vec![format!("{}: {error}", file.path)],
    };
    let mut problems = Vec::new();
    let from_workspace = |value: Option<&toml::Value>| {
        value.and_then(|value| value.get("workspace")).and_then(toml::Value::as_bool) == Some(true)
    };
    if !from_workspace(manifest.get("lints")) {
        problems.push(format!("{}: does not take its lints from the workspace", file.path));
    }
    for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
        for (name, need) in manifest.get(section).and_then(toml::Value::as_table).into_iter().flatten() {
            if !from_workspace(Some(need)) {
                problems
                    .push(format!("{}: `{name}` does not take its version from the workspace", file.path));
            } else if need.get("features").is_some() {
                problems.push(format!(
                    "{}: features of `{name}` belong into the workspace's manifest",
                    file.path
                ));
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::super::tests::file;
    use super::*;

    fn found(text: &str) -> usize {
        problems(&file("crates/a/Cargo.toml", text)).len()
    }

    #[test]
    fn versions_features_and_lints_come_from_the_workspace() {
        assert_eq!(found("[lints]\nworkspace = true\n[dependencies]\nserde.workspace = true"), 0);
        assert_eq!(found("[dependencies]\nserde.workspace = true"), 1);
        assert_eq!(found("[lints]\nworkspace = true\n[dependencies]\nserde = \"1\""), 1);
        assert_eq!(
            found(
                "[lints]\nworkspace = true\n[dependencies]\nserde = { workspace = true, features = ['rc'] }"
            ),
            1
        );
    }
}
