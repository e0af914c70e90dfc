//! The files of a version with the bounds of one column, kept for the newest versions: a commit adds few to many.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use deltalake::DeltaTable as Lake;

use super::super::statistics::{Bounds, Statistics};
use super::super::{schema_of, storage_error};
use crate::{Result, Schema};

/// Listings that a table keeps: two columns, and the version before the newest for those who began with it.
const MOST_LISTINGS: usize = 6;

/// One data file.
#[derive(Debug)]
pub(super) struct Listed {
    /// Its path in the table's folder.
    pub(super) path: String,
    /// Whether some of its rows were deleted by a mask.
    pub(super) masked: bool,
    /// Between what its values in the column lie.
    pub(super) bounds: Bounds,
}

/// The files of a version, in no order.
#[derive(Debug)]
pub(super) struct Listing {
    pub(super) schema: Schema,
    pub(super) files: Vec<Arc<Listed>>,
}

/// The listings of a table, newest last.
#[derive(Debug, Default)]
pub(in crate::delta) struct Listings(Mutex<Vec<(String, i64, Arc<Listing>)>>);

impl Listings {
    pub(super) fn get(&self, column: &str, version: i64) -> Option<Arc<Listing>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = known.iter().find(|(name, at, _)| *at == version && name == column);
        found.map(|(_, _, listing)| Arc::clone(listing))
    }

    pub(super) fn add(&self, lake: &Lake, folder: &Path, column: &str, version: i64) -> Result<Arc<Listing>> {
        let before = {
            let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let newest = known.iter().filter(|(name, ..)| name == column).max_by_key(|(_, at, _)| *at);
            newest.map(|(_, _, listing)| Arc::clone(listing))
        };
        let known: HashMap<(&str, bool), &Arc<Listed>> = before
            .iter()
            .flat_map(|listing| &listing.files)
            .map(|file| ((file.path.as_str(), file.masked), file))
            .collect();
        let snapshot = lake.snapshot().map_err(|error| storage_error("read", folder, &error))?;
        let files = snapshot
            .log_data()
            .iter()
            .map(|file| {
                let path = file.object_store_path().to_string();
                let masked = file.deletion_vector_descriptor().is_some();
                if let Some(known) = known.get(&(path.as_str(), masked)) {
                    return Arc::clone(known);
                }
                let bounds = Statistics::read(file.stats().as_deref()).bounds(column);
                Arc::new(Listed { path, masked, bounds })
            })
            .collect();
        let listing = Arc::new(Listing { schema: schema_of(lake, folder)?, files });
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|(name, at, _)| *at != version || name != column);
        known.push((column.to_owned(), version, Arc::clone(&listing)));
        if known.len() > MOST_LISTINGS {
            known.remove(0);
        }
        Ok(listing)
    }

    /// Lets go of all: files are gone.
    pub(in crate::delta) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
