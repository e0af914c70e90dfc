//! The environment that a logged model asks for, from its `requirements.txt` and `python_env.yaml`.

use artifacts::{Artifacts, SafePath};

use super::effect::Factors;

/// How the location of files begins that this server keeps, and the root in the artifact store that holds them.
const OWN_FILES: &str = "mlflow-artifacts:/";
const FILE_ROOT: &str = "mlflow";
/// The most bytes of such a file that are read.
const MOST_BYTES: u64 = 256 * 1024;

/// Packages by name, and the version of Python; nothing where the files are kept elsewhere.
pub(super) async fn of(artifacts: &Artifacts, location: &str) -> Factors {
    let Some(place) = location.strip_prefix(OWN_FILES).map(|place| place.trim_matches('/')) else {
        return Factors::new();
    };
    let mut found = Factors::new();
    if let Some(text) = text_of(artifacts, &format!("{place}/requirements.txt")).await {
        found.extend(packages(&text));
    }
    if let Some(text) = text_of(artifacts, &format!("{place}/python_env.yaml")).await {
        found.extend(python(&text));
    }
    found
}

async fn text_of(artifacts: &Artifacts, path: &str) -> Option<String> {
    let (root, path) = (SafePath::parse(FILE_ROOT).ok()?, SafePath::parse(path).ok()?);
    let reader = artifacts.read(&root, &path, None).await.ok()?;
    let bytes = reader.into_bytes(MOST_BYTES).await.ok()?;
    String::from_utf8(bytes.to_vec()).ok()
}

/// `name==1.2` and its like, a line each.
fn packages(text: &str) -> Factors {
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    lines
        .filter(|line| !line.is_empty() && !line.starts_with('-'))
        .map(|line| {
            let end = line.find(['=', '<', '>', '!', '~', ' ', ';', '[']).unwrap_or(line.len());
            let (name, version) = line.split_at(end);
            let version = version.trim_start_matches("==").trim();
            let version = if version.is_empty() { "any" } else { version };
            (format!("environment.{}", name.to_ascii_lowercase()), version.to_owned())
        })
        .collect()
}

fn python(text: &str) -> Factors {
    let version = text.lines().find_map(|line| line.strip_prefix("python:"));
    version.map(|version| ("environment.python".to_owned(), version.trim().to_owned())).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_read_from_requirements() {
        let found =
            packages("mlflow==3.12.0\n# a word\nNumPy>=2 ; python_version > '3'\n-r other.txt\nscipy\n");
        let shown: Vec<_> = found.iter().map(|(name, version)| format!("{name} {version}")).collect();
        let expected = [
            "environment.mlflow 3.12.0",
            "environment.numpy >=2 ; python_version > '3'",
            "environment.scipy any",
        ];
        assert_eq!(shown, expected);
        assert_eq!(python("python: 3.11.2\nbuild_dependencies:\n")["environment.python"], "3.11.2");
    }
}
