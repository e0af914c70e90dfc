//! A few rows by the value of one column: whatever cannot hold them is not read.
//!
//! Files are left out by what the table's log says of them, row groups by their statistics and their Bloom filter, pages by
//! the index of pages. What was learnt of files is kept within bounds, so that the next look-up opens only files that may
//! hold what it looks for.

mod bloom;
mod kept;
mod listing;
mod outline;
mod pages;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;

use base::Timestamp;

pub(super) use self::kept::forget;
use self::listing::Listed;
pub(super) use self::listing::Listings;
use super::{DeltaTable, blocking};
use crate::{Query, QueryLimits, Range, Result, Schema, Table, engine};

impl DeltaTable {
    /// The rows of a version whose value in `column` lies in `range`: as [`DeltaTable::read_within`], but made for ranges that
    /// hold next to nothing, such as one id. Reads single pages of the few files that may hold such rows; rows that were
    /// deleted by a mask are left out.
    pub async fn find(&self, version: i64, column: &str, range: &Range) -> Result<Table> {
        let listing = match self.shared.listings.get(column, version) {
            Some(listing) => listing,
            None => {
                let (this, name) = (self.clone(), column.to_owned());
                engine::run(async move {
                    let lake = this.at(Some(version)).await?;
                    let folder = this.shared.folder.clone();
                    blocking(move || this.shared.listings.add(&lake, &folder, &name, version)).await
                })
                .await?
            }
        };
        if listing.schema.find(column).is_none() {
            return Err(listing.schema.unknown(column));
        }
        let files: Vec<Arc<Listed>> =
            listing.files.iter().filter(|file| file.bounds.may_hold(range)).cloned().collect();
        if files.is_empty() {
            return Table::empty(&listing.schema);
        }
        if files.iter().any(|file| file.masked) {
            return self.ask_for(version, column, range, &listing.schema).await;
        }
        let (folder, column, range) = (self.shared.folder.clone(), column.to_owned(), range.clone());
        engine::run(blocking(move || read(&folder, &files, &listing.schema, &column, &range))).await
    }

    /// The same by a query, which knows which rows a mask deletes.
    async fn ask_for(&self, version: i64, column: &str, range: &Range, schema: &Schema) -> Result<Table> {
        let name = column.replace('"', "\"\"");
        let condition = match range {
            Range::Time { from, to } => {
                // SQL writes times in nanoseconds, which end in the year 2262.
                const MOST: i64 = i64::MAX / 1_000;
                let (from, to) = ((*from).clamp(-MOST, MOST), (*to).clamp(-MOST, MOST));
                let (from, to) = (Timestamp::from_micros(from), Timestamp::from_micros(to));
                format!("\"{name}\" >= timestamp '{from}' and \"{name}\" < timestamp '{to}'")
            }
            Range::Text { first, last } => {
                let (first, last) = (first.replace('\'', "''"), last.replace('\'', "''"));
                format!("\"{name}\" >= '{first}' and \"{name}\" <= '{last}'")
            }
        };
        let query = Query::new().delta("kept", self.clone(), Some(version)).limits(QueryLimits::default());
        query.run(&format!("select * from kept where {condition}")).await?.brought_to(schema)
    }
}

fn read(folder: &Path, files: &[Arc<Listed>], schema: &Schema, column: &str, range: &Range) -> Result<Table> {
    let mut parts = vec![Table::empty(schema)?];
    for file in files {
        let path = folder.join(&file.path);
        let groups = outline::groups_that_may_hold(&path, column, range)?;
        if !groups.is_empty() {
            parts.push(pages::read(&path, schema, column, range, groups)?);
        }
    }
    Table::concat(&parts)
}
