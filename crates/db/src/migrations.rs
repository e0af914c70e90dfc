//! The tables of every domain, brought up to date when the database is opened.

use base::{Clock, Digest, SystemClock};

use crate::session::{Sql, Tx};
use crate::{Error, params};

struct Migration {
    name: &'static str,
    sql: &'static str,
}

macro_rules! migrations {
    ($($name:literal),* $(,)?) => {
        &[$(Migration { name: $name, sql: include_str!(concat!("../../../migrations/", $name, "/up.sql")) }),*]
    };
}

/// Every migration, in the order in which they are applied.
const MIGRATIONS: &[Migration] = migrations![
    "20261122_01_events",
    "20261122_02_experiments",
    "20261122_03_registry",
    "20261122_04_datasets",
    "20261122_05_checks",
    "20261122_06_monitoring",
    "20261122_07_pipelines",
    "20261122_08_serving",
    "20261122_09_governance",
    "20261122_10_platform",
    "20261122_20_projects",
    "20261122_21_webhooks",
    "20261122_23_metric_segments",
    "20261122_29_carried",
    "20261122_30_bulk_changes",
    "20261122_32_traffic",
    "20261122_38_notices",
    "20261122_46_archive_rules",
    "20261122_47_served_elsewhere",
    "20261122_48_cloud_events",
    "20261122_49_captured_runs",
    "20261122_50_lineage",
    "20261122_60_metric_steps",
    "20261122_63_openlineage",
    "20261122_64_dataset_tags",
    "20261122_66_reviews",
    "20261122_67_overrides",
    "20261122_68_documents",
    "20261122_73_profiles",
    "20261122_77_version_files",
    "20261122_80_cluster_revisions",
    "20261122_81_metric_bests",
    "20261122_82_purged_files",
    "20261122_84_lineage_numbers",
    "20261122_85_lineage_steps",
];

const TABLE: &str = "create table if not exists schema_migrations \
    (name text primary key, digest text not null, applied_at bigint not null)";

/// The names of all migrations of this release, in their order.
pub fn known_migrations() -> impl Iterator<Item = &'static str> {
    MIGRATIONS.iter().map(|migration| migration.name)
}

/// Applies what is missing, all in the given transaction: either everything or nothing.
pub(crate) async fn apply(tx: &mut Tx) -> Result<(), Error> {
    tx.execute(TABLE, Vec::new()).await?;
    let applied =
        tx.fetch_all("select name, digest from schema_migrations order by name", Vec::new()).await?;
    for row in &applied {
        let name = row.text("name")?;
        let Some(known) = MIGRATIONS.iter().find(|migration| migration.name == name) else {
            return Err(Error::NewerSchema { migration: name });
        };
        if row.digest("digest")? != Digest::of(known.sql) {
            return Err(Error::ChangedMigration { migration: known.name });
        }
    }
    let names = applied.iter().map(|row| row.text("name")).collect::<Result<Vec<_>, _>>()?;
    for migration in MIGRATIONS.iter().filter(|migration| !names.iter().any(|name| name == migration.name)) {
        for statement in statements(migration.sql) {
            let statement = if tx.is_sqlite() { for_sqlite(statement) } else { statement.to_owned() };
            tx.execute_owned(statement)
                .await
                .map_err(|error| Error::Migration { migration: migration.name, cause: error.to_string() })?;
        }
        tx.execute(
            "insert into schema_migrations (name, digest, applied_at) values ($1, $2, $3)",
            params![migration.name, Digest::of(migration.sql), SystemClock.now()],
        )
        .await?;
    }
    Ok(())
}

/// The statements of a migration; each ends with a semicolon at the end of a line.
fn statements(sql: &'static str) -> impl Iterator<Item = &'static str> {
    sql.split(";\n").map(str::trim).filter(|statement| statement.lines().any(|line| !is_comment(line)))
}

/// What stands in `/*sqlite …*/` is a comment to PostgreSQL and part of the statement here.
fn for_sqlite(statement: &str) -> String {
    let mut text = String::with_capacity(statement.len());
    let mut rest = statement;
    while let Some((before, after)) = rest.split_once("/*sqlite ") {
        let (inside, behind) = after.split_once("*/").unwrap_or((after, ""));
        text.push_str(before);
        text.push_str(inside);
        rest = behind;
    }
    text.push_str(rest);
    text
}

fn is_comment(line: &str) -> bool {
    let line = line.trim();
    line.is_empty() || line.starts_with("--")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn migrations_are_in_order() {
        let names: Vec<_> = MIGRATIONS.iter().map(|migration| migration.name).collect();
        let mut sorted = names.clone();
        sorted.sort_unstable();
        assert_eq!(names, sorted);
    }

    #[test]
    fn words_for_sqlite_stand_in_marked_comments() {
        assert_eq!(
            for_sqlite("create table t (a text)/*sqlite  without rowid*/"),
            "create table t (a text) without rowid"
        );
        assert_eq!(for_sqlite("a /* b */ c"), "a /* b */ c");
    }

    #[test]
    fn comments_alone_are_no_statement() {
        assert_eq!(statements("-- a\ncreate table t (a text);\n-- b\n").count(), 1);
        assert_eq!(statements("-- a\n").count(), 0);
    }
}
