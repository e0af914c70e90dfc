//! Who asks a model, what its environment is, which files it has.

use checks::model::{Consumer, Footprint, InputKind, ModelFile, Package};
use registry::Version;
use serving::FieldKind;

use crate::{Error, Platform};

/// So much of a file is looked at for unsafe instructions.
const MOST_OF_A_FILE: u64 = 64 * 1024 * 1024;
/// So many files are looked at, and so many bytes of all of them.
const MOST_FILES: usize = 1_000;
const MOST_BYTES: u64 = 256 * 1024 * 1024;

/// What stands around a version.
pub(super) struct Surroundings {
    pub(super) consumers: Option<Vec<Consumer>>,
    pub(super) packages: Option<Vec<Package>>,
    pub(super) files: Option<Vec<ModelFile>>,
    pub(super) footprint: Footprint,
}

impl Platform {
    pub(super) async fn surroundings(&self, version: &Version) -> Result<Surroundings, Error> {
        let (files, file_bytes) = self.files_of(version).await?;
        let packages = match (&files, version.digest) {
            (_, Some(_)) if version.flavor == "gingham" => Some(Vec::new()),
            (Some(files), _) => packages_of(files),
            _ => None,
        };
        Ok(Surroundings {
            consumers: Some(self.consumers_of(&version.model).await?),
            packages,
            files,
            footprint: Footprint { file_bytes, memory_bytes: None },
        })
    }

    /// The deployments that serve the model, with what they take from those who ask them now.
    pub(crate) async fn consumers_of(&self, model: &str) -> Result<Vec<Consumer>, Error> {
        let mut consumers = Vec::new();
        for view in self.deployments().await? {
            if view.deployment.model != model {
                continue;
            }
            let Ok(described) = self.serving.describe(&view.deployment.name) else { continue };
            let signature = described.current.engine.signature();
            let kind = |kind: FieldKind| match kind {
                FieldKind::Category => InputKind::Word,
                FieldKind::Number => InputKind::Number,
            };
            consumers.push(Consumer {
                name: format!("deployment `{}`", view.deployment.name),
                sends: signature.inputs.iter().map(|field| (field.name.clone(), kind(field.kind))).collect(),
                reads: Some(signature.output.clone()),
            });
        }
        Ok(consumers)
    }

    async fn files_of(&self, version: &Version) -> Result<(Option<Vec<ModelFile>>, Option<u64>), Error> {
        if let Some(tree) = version.artifact {
            let tree = self.artifacts.get_tree(tree).await?;
            let (mut files, mut sum, mut all) = (Vec::new(), 0, 0);
            for entry in tree.entries() {
                all += entry.bytes;
                let wanted = entry.bytes.min(MOST_OF_A_FILE);
                if files.len() >= MOST_FILES || sum + wanted > MOST_BYTES {
                    files.push(ModelFile {
                        path: entry.path.as_str().to_owned(),
                        content: Vec::new(),
                        whole: false,
                    });
                    continue;
                }
                let whole = entry.bytes <= MOST_OF_A_FILE;
                let content = if whole {
                    self.artifacts.read_bytes(entry.digest, MOST_OF_A_FILE).await?.to_vec()
                } else {
                    Vec::new()
                };
                sum += wanted;
                files.push(ModelFile { path: entry.path.as_str().to_owned(), content, whole });
            }
            return Ok((Some(files), Some(all)));
        }
        let Some(digest) = version.digest else { return Ok((None, None)) };
        let content = self.artifacts.read_bytes(digest, MOST_BYTES).await?.to_vec();
        let bytes = content.len() as u64;
        Ok((Some(vec![ModelFile { path: "model.json".to_owned(), content, whole: true }]), Some(bytes)))
    }
}

/// The packages that a folder of MLflow names. Their licences are in a file `licences.json` where the client put one.
fn packages_of(files: &[ModelFile]) -> Option<Vec<Package>> {
    let find = |name: &str| files.iter().find(|file| file.path == name && file.whole);
    let licences: std::collections::BTreeMap<String, String> =
        find("licences.json").and_then(|file| serde_json::from_slice(&file.content).ok()).unwrap_or_default();
    let listed = find("requirements.txt")?;
    let text = String::from_utf8_lossy(&listed.content).into_owned();
    Some(
        text.lines()
            .map(|line| line.split(['#', ';']).next().unwrap_or_default().trim())
            .filter(|line| !line.is_empty() && !line.starts_with('-'))
            .map(|line| {
                let end = line.find(['=', '<', '>', '!', '~', '[', ' ', '@']).unwrap_or(line.len());
                let (name, rest) = line.split_at(end);
                let version = rest.rsplit(['=', '<', '>', '~', ' ']).next().unwrap_or_default();
                Package {
                    name: name.to_owned(),
                    version: version.to_owned(),
                    licence: licences.get(name).cloned(),
                }
            })
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_those_of_the_requirements_with_their_licences() {
        let file = |path: &str, text: &str| ModelFile {
            path: path.to_owned(),
            content: text.as_bytes().to_vec(),
            whole: true,
        };
        let files = [
            file("requirements.txt", "numpy==2.1\nxgboost[gpu]>=3 # fast\n\n-r other.txt\nplain\n"),
            file("licences.json", r#"{ "numpy": "BSD-3-Clause" }"#),
        ];
        let found = packages_of(&files).unwrap();
        let told: Vec<(&str, &str, Option<&str>)> = found
            .iter()
            .map(|package| (package.name.as_str(), package.version.as_str(), package.licence.as_deref()))
            .collect();
        assert_eq!(
            told,
            [("numpy", "2.1", Some("BSD-3-Clause")), ("xgboost", "3", None), ("plain", "", None)]
        );
        assert_eq!(packages_of(&files[1..]), None);
    }
}
