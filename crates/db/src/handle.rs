//! The handle that everybody holds.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::future::BoxFuture;
use tokio::sync::{oneshot, watch};

use crate::lite::{Answer, LONGEST_WRITE, Lite, Wish, Work, Write};
use crate::postgres::Postgres;
use crate::session::{Read, ReadConnection, Tx};
use crate::{Error, EventFilter};

/// Which engine is behind a handle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// A file on this machine.
    Sqlite,
    /// A PostgreSQL server.
    Postgres,
}

/// A database. Cheap to clone; all clones are the same database.
#[derive(Clone)]
pub struct Db {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    newest: watch::Sender<i64>,
}

enum Store {
    Lite(Lite),
    Postgres(Postgres),
}

impl Db {
    /// Opens `sqlite:PATH` or `postgres://…` and applies the migrations that are missing.
    ///
    /// Fails with [`Error::NewerSchema`] when a newer version of the program wrote it.
    pub async fn open(url: &str) -> Result<Self, Error> {
        let location = without_credentials(url);
        if let Some(path) = sqlite_path(url) {
            return Self::open_file(&path).await;
        }
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(Error::UnknownEngine { location });
        }
        let postgres = crate::postgres::open(url, &location).await?;
        postgres.migrate().await?;
        Self::finish(Store::Postgres(postgres), watch::Sender::new(0)).await
    }

    /// Opens the SQLite file at `path`, making it if it is not there.
    pub async fn open_file(path: &Path) -> Result<Self, Error> {
        let newest = watch::Sender::new(0);
        let lite = crate::lite::open(path, newest.clone()).await?;
        Self::finish(Store::Lite(lite), newest).await
    }

    async fn finish(store: Store, newest: watch::Sender<i64>) -> Result<Self, Error> {
        let db = Self { inner: Arc::new(Inner { store, newest }) };
        let last = db.events(&EventFilter { newest_first: true, ..EventFilter::default() }, 1).await?;
        db.inner.newest.send_replace(last.first().map_or(0, |event| event.seq));
        Ok(db)
    }

    /// Which engine is behind this handle.
    #[must_use]
    pub fn engine(&self) -> Engine {
        match self.inner.store {
            Store::Lite(_) => Engine::Sqlite,
            Store::Postgres(_) => Engine::Postgres,
        }
    }

    /// A connection to read with.
    pub async fn read(&self) -> Result<Read, Error> {
        let connection = match &self.inner.store {
            Store::Lite(lite) => ReadConnection::Lite(Box::new(lite.readers.acquire().await?)),
            Store::Postgres(postgres) => ReadConnection::Postgres(Box::new(postgres.pool.acquire().await?)),
        };
        Ok(Read { connection })
    }

    /// Runs `work` in a transaction and answers when it is durable.
    ///
    /// An `Err` from `work` undoes all of it. On SQLite writes that wait for each other share one
    /// commit, so `work` must do nothing but talk to the transaction.
    pub async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        F: for<'c> FnOnce(&'c mut Tx) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
    {
        match &self.inner.store {
            Store::Lite(lite) => write_lite(lite, work).await,
            Store::Postgres(postgres) => self.write_postgres(postgres, work).await,
        }
    }

    async fn write_postgres<T, E, F>(&self, postgres: &Postgres, work: F) -> Result<T, E>
    where
        T: Send,
        E: From<Error> + Send,
        F: for<'c> FnOnce(&'c mut Tx) -> BoxFuture<'c, Result<T, E>> + Send,
    {
        let (mut tx, begun) = postgres.begin().await?;
        let value = tokio::time::timeout(LONGEST_WRITE, work(&mut tx))
            .await
            .map_err(|_| Error::TimedOut { seconds: LONGEST_WRITE.as_secs() })??;
        let seq = tx.newest_event;
        postgres.commit(tx, begun).await?;
        if let Some(seq) = seq {
            self.inner.newest.send_if_modified(|newest| {
                let newer = seq > *newest;
                *newest = seq.max(*newest);
                newer
            });
        }
        Ok(value)
    }

    /// The number of the newest event written through this handle; changes as events are committed.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<i64> {
        self.inner.newest.subscribe()
    }
}

async fn write_lite<T, E, F>(lite: &Lite, work: F) -> Result<T, E>
where
    T: Send + 'static,
    E: From<Error> + Send + 'static,
    F: for<'c> FnOnce(&'c mut Tx) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
{
    let (done, result) = oneshot::channel();
    let (committed, durable) = oneshot::channel();
    let run = boxed_work(move |tx| {
        let future = work(tx);
        Box::pin(async move {
            let outcome = future.await;
            let wish = if outcome.is_ok() { Wish::Keep } else { Wish::Undo };
            // A caller that has gone away still gets its write done.
            let _ = done.send(outcome);
            wish
        })
    });
    let answer: Answer = Box::new(move |outcome| {
        let _ = committed.send(outcome);
    });
    lite.writes.send(Write { run, answer }).await.map_err(|_| Error::Busy)?;
    durable.await.map_err(|_| Error::Panicked)??;
    result.await.map_err(|_| Error::Panicked)?
}

fn boxed_work<F>(work: F) -> Work
where
    F: for<'c> FnOnce(&'c mut Tx) -> BoxFuture<'c, Wish> + Send + 'static,
{
    Box::new(work)
}

fn sqlite_path(url: &str) -> Option<PathBuf> {
    let path = url.strip_prefix("sqlite:")?;
    Some(PathBuf::from(path.strip_prefix("//").unwrap_or(path)))
}

pub(crate) fn without_credentials(url: &str) -> String {
    match (url.find("://"), url.rfind('@')) {
        (Some(scheme), Some(at)) if at > scheme => {
            let (head, tail) = (url.get(..scheme + 3).unwrap_or(""), url.get(at + 1..).unwrap_or(""));
            format!("{head}…@{tail}")
        }
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_never_reach_a_message() {
        assert_eq!(without_credentials("postgres://me:secret@host/db"), "postgres://…@host/db");
        assert_eq!(without_credentials("sqlite:data/gingham.db"), "sqlite:data/gingham.db");
    }
}
