//! Words that are masked before anything keeps them: not in the log, not in a table, not in a statistic.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{PoisonError, RwLock};

use base::Hasher;
use uuid::Uuid;

use crate::archive::Archive;
use crate::{Cell, Error, Label, Prediction, Result};

/// How a mask begins.
const MASK: &str = "masked:";
/// The file that holds the key, in the archive's folder.
const KEY_FILE: &str = ".mask-key";
/// The column of who or what a row is about.
const ENTITY: &str = "entity";

/// The columns that are masked, by model, and the key by which they are.
///
/// A mask is the keyed digest of column and word: the same word becomes the same mask, so that rows can still be counted,
/// joined and erased by it; without the key nobody can try words against it.
pub(crate) struct Masks {
    key: Vec<u8>,
    columns: RwLock<BTreeMap<String, BTreeSet<String>>>,
}

impl std::fmt::Debug for Masks {
    /// Without the key.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Masks").field("columns", &self.columns).finish_non_exhaustive()
    }
}

impl Masks {
    /// Reads the key of the folder, or makes one.
    pub(crate) fn open(folder: &Path) -> Result<Self> {
        let path = folder.join(KEY_FILE);
        let failed = |error: std::io::Error| Error::Storage {
            doing: "read the key of masks in",
            location: path.display().to_string(),
            problem: error.to_string(),
        };
        let key = match std::fs::read(&path) {
            Ok(key) if key.len() >= 32 => key,
            Ok(_) => return Err(failed(std::io::Error::other("it is shorter than a key"))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let key =
                    [Uuid::new_v4().into_bytes(), Uuid::new_v4().into_bytes(), Uuid::new_v4().into_bytes()]
                        .concat();
                let fresh = folder.join(format!("{KEY_FILE}.new"));
                let mut file = std::fs::OpenOptions::new()
                    .write(true)
                    .create(true)
                    .truncate(true)
                    .mode(0o600)
                    .open(&fresh)
                    .map_err(failed)?;
                file.write_all(&key).and_then(|()| file.sync_all()).map_err(failed)?;
                std::fs::rename(&fresh, &path).map_err(failed)?;
                key
            }
            Err(error) => return Err(failed(error)),
        };
        Ok(Self { key, columns: RwLock::default() })
    }

    /// What a word of a column becomes; a mask stays what it is.
    pub(crate) fn mask(&self, column: &str, word: &str) -> String {
        if word.starts_with(MASK) {
            return word.to_owned();
        }
        let digest = Hasher::new().field(&self.key).field(column).field(word).finish().to_string();
        let start = digest.len().saturating_sub(32);
        format!("{MASK}{}", digest.get(start..).unwrap_or(&digest))
    }

    pub(crate) fn of(&self, model: &str) -> BTreeSet<String> {
        let columns = self.columns.read().unwrap_or_else(PoisonError::into_inner);
        columns.get(model).cloned().unwrap_or_default()
    }

    fn any(&self) -> bool {
        !self.columns.read().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    pub(crate) fn mask_predictions(&self, rows: &mut [Prediction]) {
        if !self.any() {
            return;
        }
        for row in rows {
            let masked = self.of(&row.model);
            if masked.contains(ENTITY) {
                row.entity = row.entity.take().map(|entity| self.mask(ENTITY, &entity));
            }
            for (name, cell) in &mut row.features {
                if let (true, Cell::Text(word)) = (masked.contains(&**name), &*cell) {
                    *cell = Cell::Text(self.mask(name, word));
                }
            }
        }
    }

    pub(crate) fn mask_labels(&self, rows: &mut [Label]) {
        if !self.any() {
            return;
        }
        for row in rows {
            if self.of(&row.model).contains(ENTITY) {
                row.entity = row.entity.take().map(|entity| self.mask(ENTITY, &entity));
            }
        }
    }

    /// A word as a person says it, and as the columns of a model hold it.
    pub(crate) fn forms(&self, model: &str, word: &str) -> Vec<String> {
        let masked = self.of(model);
        std::iter::once(word.to_owned()).chain(masked.iter().map(|column| self.mask(column, word))).collect()
    }
}

impl Archive {
    /// Says which columns of words of a model are masked from now on, `entity` perhaps among them; what is kept already
    /// stays as it is.
    pub fn set_masked(&self, model: &str, columns: &[String]) {
        let mut all = self.inner.masks.columns.write().unwrap_or_else(PoisonError::into_inner);
        if columns.is_empty() {
            all.remove(model);
        } else {
            all.insert(model.to_owned(), columns.iter().cloned().collect());
        }
    }
}
