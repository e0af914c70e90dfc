//! A fresh database on each engine.

use std::ops::Deref;

use db::Db;
use tempfile::TempDir;

use crate::postgres;

/// A fresh, migrated database; use it as a [`Db`]. A SQLite file goes away with it.
pub struct TestDatabase {
    /// `sqlite` or `postgres`, for messages.
    pub engine: &'static str,
    /// Its address, to open it once more.
    pub url: String,
    db: Db,
    _folder: Option<TempDir>,
}

impl Deref for TestDatabase {
    type Target = Db;

    fn deref(&self) -> &Db {
        &self.db
    }
}

/// A fresh SQLite database.
pub async fn sqlite() -> TestDatabase {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let url = format!("sqlite:{}", folder.path().join("gingham.db").display());
    let db = Db::open(&url).await.expect("a fresh SQLite database");
    TestDatabase { engine: "sqlite", url, db, _folder: Some(folder) }
}

/// A fresh database on each engine.
pub async fn databases() -> Vec<TestDatabase> {
    let mut all = vec![sqlite().await];
    if postgres::is_off() {
        return all;
    }
    let url = postgres::fresh_database();
    let db = Db::open(&url).await.expect("a fresh PostgreSQL database");
    all.push(TestDatabase { engine: "postgres", url, db, _folder: None });
    all
}
