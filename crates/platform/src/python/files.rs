//! The files of a model, laid out where workers read them.

use std::path::PathBuf;

use base::Digest;
use futures::StreamExt;
use inference::Input;
use serde_json::Value;
use tokio::io::AsyncWriteExt;

use super::name_of;
use crate::parity::example_rows;
use crate::{Error, Platform};

const MOST_TEXT: u64 = 1 << 20;
const MOST_EXAMPLE: u64 = 16 << 20;
/// The most bytes that are laid out for one model.
const MOST_BYTES: u64 = 32 << 30;

impl Platform {
    /// The folder with the files of a tree; made once.
    pub(super) async fn laid_out(&self, tree: Digest) -> Result<PathBuf, Error> {
        let parent = self.workers_folder("models")?;
        let folder = parent.join(name_of(tree));
        if folder.is_dir() {
            return Ok(folder);
        }
        let files =
            |cause| Error::Files { doing: "the files of a model cannot be laid out".to_owned(), cause };
        let entries = self.artifacts.get_tree(tree).await?;
        if entries.bytes() > MOST_BYTES {
            let cause =
                std::io::Error::other(format!("it has {} bytes, {MOST_BYTES} may be", entries.bytes()));
            return Err(files(cause));
        }
        let made = tempfile::tempdir_in(&parent).map_err(files)?;
        for entry in entries.entries() {
            // A path of a tree cannot lead out of it.
            let place = made.path().join(entry.path.as_str());
            if let Some(above) = place.parent() {
                tokio::fs::create_dir_all(above).await.map_err(files)?;
            }
            let mut file = tokio::fs::File::create(&place).await.map_err(files)?;
            let mut content = self.artifacts.get_blob(entry.digest, None).await?.content;
            while let Some(part) = content.next().await {
                file.write_all(&part?).await.map_err(files)?;
            }
            file.flush().await.map_err(files)?;
        }
        // All of it is there, or nothing.
        let made = made.keep();
        match std::fs::rename(&made, &folder) {
            Ok(()) => Ok(folder),
            Err(_) if folder.is_dir() => {
                let _ = std::fs::remove_dir_all(&made);
                Ok(folder)
            }
            Err(cause) => Err(files(cause)),
        }
    }

    /// What a model's folder says that it needs.
    pub(super) async fn requirements_of(&self, tree: Digest) -> Result<String, Error> {
        Ok(self.text_of(tree, "requirements.txt", MOST_TEXT).await?.unwrap_or_default())
    }

    /// The rows that were logged as an example, for the columns of these names.
    pub(crate) async fn example_of(
        &self,
        tree: Digest,
        names: &[String],
    ) -> Result<Option<Vec<Input>>, Error> {
        let text = self.text_of(tree, "input_example.json", MOST_EXAMPLE).await?;
        let example: Option<Value> = text.and_then(|text| serde_json::from_str(&text).ok());
        Ok(example.and_then(|example| example_rows(&example, names)))
    }

    async fn text_of(&self, tree: Digest, path: &str, most: u64) -> Result<Option<String>, Error> {
        let tree = self.artifacts.get_tree(tree).await?;
        let Some(entry) = tree.find(path).filter(|entry| entry.bytes <= most) else { return Ok(None) };
        let bytes = self.artifacts.read_bytes(entry.digest, most).await?;
        Ok(String::from_utf8(bytes.to_vec()).ok())
    }
}
