//! Which digests the rows of all tables mention: what a collector of garbage must keep.
//!
//! The tables and their columns come from the catalogue of the database, so none can be forgotten. The log of
//! events is left out: it tells what once was.

use std::collections::BTreeSet;

use base::Digest;

use crate::{Db, Engine, Error};

/// Tables whose rows keep nothing alive.
const LEFT_OUT: &[&str] = &["events"];
/// How long a digest is as text.
const DIGEST_CHARS: usize = 64;
/// How many rows are read at once.
const AT_ONCE: usize = 500;

const SQLITE_COLUMNS: &str = "select t.name as tab, c.name as col from sqlite_master t, pragma_table_info(t.name) c \
     where t.type = 'table' and lower(c.type) = 'text' order by 1, 2";
const POSTGRES_COLUMNS: &str = "select table_name::text as tab, column_name::text as col from information_schema.columns \
     where table_schema = current_schema() and data_type = 'text' order by 1, 2";

/// A digest that some row mentions.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mention {
    /// The digest.
    pub digest: Digest,
    /// The table of one such row.
    pub table: String,
}

impl Db {
    /// All digests that rows of any table mention, anywhere in a text; each once.
    pub async fn digests_mentioned(&self) -> Result<Vec<Mention>, Error> {
        let mut read = self.read().await?;
        let columns = match self.engine() {
            Engine::Sqlite => SQLITE_COLUMNS,
            Engine::Postgres => POSTGRES_COLUMNS,
        };
        let columns = read.fetch_all_of_catalogue(columns.to_owned()).await?;
        let (mut seen, mut mentions) = (BTreeSet::new(), Vec::new());
        for column in &columns {
            let (table, name) = (column.text("tab")?, column.text("col")?);
            if LEFT_OUT.contains(&table.as_str()) || table.starts_with('_') {
                continue;
            }
            let (quoted, of) = (quoted(&name), quoted(&table));
            let mut after = String::new();
            loop {
                // Values in their order, a page at a time: long texts never lie in memory all at once.
                let text = format!(
                    "select distinct {quoted} as value from {of} where length({quoted}) >= {DIGEST_CHARS} \
                     and {quoted} > '{}' order by 1 limit {AT_ONCE}",
                    after.replace('\'', "''")
                );
                let rows = read.fetch_all_of_catalogue(text).await?;
                for row in &rows {
                    let value = row.text("value")?;
                    for digest in digests_in(&value) {
                        if seen.insert(digest) {
                            mentions.push(Mention { digest, table: table.clone() });
                        }
                    }
                    after = value;
                }
                if rows.len() < AT_ONCE {
                    break;
                }
            }
        }
        Ok(mentions)
    }
}

/// A name of the catalogue as it is written in a statement.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The digests in a text: runs of exactly 64 hexadecimal digits.
fn digests_in(text: &str) -> Vec<Digest> {
    text.split(|c: char| !c.is_ascii_hexdigit())
        .filter(|run| run.len() == DIGEST_CHARS)
        .filter_map(|run| run.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_found_anywhere_in_a_text() {
        let digest = Digest::of("x");
        assert_eq!(digests_in(&digest.to_string()), [digest]);
        assert_eq!(digests_in(&format!("{{\"a\":[\"{digest}\", \"{digest}0\"]}}")), [digest]);
        assert!(digests_in("abc").is_empty());
    }
}
