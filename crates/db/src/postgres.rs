//! PostgreSQL: a pool of connections, a transaction a write, and one flush for all writes that wait.

use std::str::FromStr;
use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::flush::Flusher;
use crate::session::{Sql, TxConnection};
use crate::{Error, Tx, params};

const CONNECTIONS: u32 = 8;
const PATIENCE: Duration = Duration::from_secs(10);

/// Begins a transaction whose commit does not wait for the disk; [`Flusher`] does, for many at once.
const BEGIN: &str = "begin; set local synchronous_commit = off";

/// Held while migrating, so that servers that start together do not migrate twice.
const MIGRATION_LOCK: i64 = 0x6769_6e67_6861_6d02;

/// A server.
#[derive(Debug)]
pub(crate) struct Postgres {
    pub(crate) pool: PgPool,
    flusher: Flusher,
}

/// Connects to the server.
pub(crate) async fn open(url: &str, location: &str) -> Result<Postgres, Error> {
    let opened = |cause: sqlx::Error| Error::Open { location: location.to_owned(), cause: cause.to_string() };
    let options = PgConnectOptions::from_str(url).map_err(opened)?;
    let flusher = Flusher::start(options.clone()).await.map_err(opened)?;
    let pool = PgPoolOptions::new().max_connections(CONNECTIONS).acquire_timeout(PATIENCE);
    let pool = pool.connect_with(options).await.map_err(opened)?;
    Ok(Postgres { pool, flusher })
}

/// What a commit needs to know of the beginning of its transaction.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Begun(u64);

impl Postgres {
    /// Begins a transaction that writes.
    pub(crate) async fn begin(&self) -> Result<(Tx, Begun), Error> {
        let begun = Begun(self.flusher.begun().await?);
        let transaction = self.pool.begin_with(BEGIN).await?;
        Ok((Tx { connection: TxConnection::Postgres(Box::new(transaction)), newest_event: None }, begun))
    }

    /// Applies the migrations that are missing.
    pub(crate) async fn migrate(&self) -> Result<(), Error> {
        let (mut tx, begun) = self.begin().await?;
        tx.fetch_all("select pg_advisory_xact_lock($1)::text as locked", params![MIGRATION_LOCK]).await?;
        crate::migrations::apply(&mut tx).await?;
        self.commit(tx, begun).await
    }

    /// Commits; what it holds is durable when this returns.
    pub(crate) async fn commit(&self, tx: Tx, begun: Begun) -> Result<(), Error> {
        match tx.connection {
            TxConnection::Postgres(transaction) => (*transaction).commit().await?,
            TxConnection::Lite(_) => {
                return Err(Error::Failed { cause: "a SQLite transaction reached PostgreSQL".into() });
            }
        }
        self.flusher.flushed(begun.0).await
    }
}
