//! Remembers for which inputs something was made, so that it is made again only when they change.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// A small file that holds the hash of the inputs of the last success.
#[derive(Debug)]
pub struct Stamp {
    file: PathBuf,
    hash: String,
}

impl Stamp {
    /// A stamp in `file` for these inputs, read now.
    pub fn of_files<'a>(
        file: PathBuf,
        root: &Path,
        inputs: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self> {
        let mut hasher = DefaultHasher::new();
        for input in inputs {
            input.hash(&mut hasher);
            std::fs::read(root.join(input))
                .with_context(|| format!("`{input}` cannot be read"))?
                .hash(&mut hasher);
        }
        Ok(Self { file, hash: format!("{:016x}", hasher.finish()) })
    }

    /// Whether the last success was for the same inputs.
    pub fn is_current(&self) -> bool {
        std::fs::read_to_string(&self.file).is_ok_and(|kept| kept == self.hash)
    }

    /// Notes a success.
    pub fn set(&self) -> Result<()> {
        if let Some(folder) = self.file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(&self.file, &self.hash)
            .with_context(|| format!("`{}` cannot be written", self.file.display()))
    }

    /// The hash of the inputs.
    pub fn hash(&self) -> &str {
        &self.hash
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_current_until_an_input_changes() {
        let folder = std::env::temp_dir().join(format!("gingham-stamp-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("a"), "1").unwrap();
        let stamp = || Stamp::of_files(folder.join("stamp"), &folder, ["a"]).unwrap();
        assert!(!stamp().is_current());
        stamp().set().unwrap();
        assert!(stamp().is_current());
        std::fs::write(folder.join("a"), "2").unwrap();
        assert!(!stamp().is_current());
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
