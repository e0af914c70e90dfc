//! Nothing of the machine on which a file was written stays in it.

use super::TextFile;

/// Folders that exist on someone's machine only; written apart so that this file may hold them.
const PLACES: &[&str] =
    &[concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/Us", "ers/"), concat!("/wo", "rk/")];

/// The only source that a Cargo lock file may name.
const PUBLIC_INDEX: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Files that configure where packages come from.
const PACKAGE_SETTINGS: &[&str] = &[".npmrc", "pip.conf", "pip.ini", "uv.toml", ".cargo/config.toml"];

/// Words with which such a file names a registry of its own.
const REGISTRY_WORDS: &[&str] = &["index-url", "extra-index", "registry", "replace-with", "find-links"];

/// Paths of a machine and hosts of registries in `file`.
pub fn problems(file: &TextFile) -> Vec<String> {
    let mut problems = Vec::new();
    let name = file.path.rsplit('/').next().unwrap_or_default();
    for (index, line) in file.text.lines().enumerate() {
        let mut say = |what: &str| problems.push(format!("{}:{}: {what}", file.path, index + 1));
        if PLACES.iter().any(|place| stands_alone(line, place)) {
            say("a path of one machine");
        }
        match name {
            "Cargo.lock" if line.starts_with("source = ") && !line.contains(PUBLIC_INDEX) => {
                say("a crate that is not from the public index");
            }
            "package-lock.json" if line.trim_start().starts_with("\"resolved\": \"http") => {
                say("the address of a registry; install with `omit-lockfile-registry-resolved`");
            }
            _ => {}
        }
        let settings = PACKAGE_SETTINGS.iter().any(|settings| file.path.ends_with(settings))
            || (name.starts_with("requirements") && name.ends_with(".txt"));
        if settings
            && !line.trim_start().starts_with('#')
            && line.contains("://")
            && REGISTRY_WORDS.iter().any(|word| line.contains(word))
        {
            say("a registry of its own");
        }
    }
    problems
}

/// Whether `place` begins a path in `line` rather than standing inside one.
fn stands_alone(line: &str, place: &str) -> bool {
    line.match_indices(place).any(|(found, _)| {
        let before = line.get(..found).and_then(|text| text.chars().next_back());
        !before.is_some_and(|letter| letter.is_alphanumeric() || "._-~}".contains(letter))
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::file;
    use super::*;

    fn found(path: &str, text: &str) -> usize {
        problems(&file(path, text)).len()
    }

    #[test]
    fn paths_of_a_machine_are_named() {
        let place = concat!("cd /ro", "ot/gingham");
        assert_eq!(problems(&file("a.md", place)), ["a.md:1: a path of one machine"]);
        assert_eq!(found("a.md", concat!("see docs/wo", "rk/plan and ~/.cache")), 0);
    }

    #[test]
    fn registries_of_ones_own_are_named() {
        assert_eq!(found("Cargo.lock", "source = \"registry+https://crates.example.org/index\""), 1);
        assert_eq!(found("Cargo.lock", &format!("source = \"{PUBLIC_INDEX}\"")), 0);
        assert_eq!(found("ui/package-lock.json", "  \"resolved\": \"https://npm.example.org/a.tgz\","), 1);
        assert_eq!(found("ui/.npmrc", "registry=https://npm.example.org"), 1);
        assert_eq!(found("python/tests/requirements.txt", "--index-url https://pypi.example.org"), 1);
        assert_eq!(found("python/tests/requirements.txt", "pytest==8.3"), 0);
    }
}
