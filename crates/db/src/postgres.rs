//! PostgreSQL: a pool of connections, a transaction a write.

use std::str::FromStr;
use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::session::{Sql, TxConnection};
use crate::{Error, Tx, params};

const CONNECTIONS: u32 = 8;
const PATIENCE: Duration = Duration::from_secs(10);

/// Held while migrating, so that servers that start together do not migrate twice.
const MIGRATION_LOCK: i64 = 0x6769_6e67_6861_6d02;

pub(crate) async fn open(url: &str, location: &str) -> Result<PgPool, Error> {
    let opened = |cause: sqlx::Error| Error::Open { location: location.to_owned(), cause: cause.to_string() };
    let options = PgConnectOptions::from_str(url).map_err(opened)?;
    PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(PATIENCE)
        .connect_with(options)
        .await
        .map_err(opened)
}

pub(crate) async fn begin(pool: &PgPool) -> Result<Tx, Error> {
    let transaction = pool.begin().await?;
    Ok(Tx { connection: TxConnection::Postgres(Box::new(transaction)), newest_event: None })
}

pub(crate) async fn migrate(pool: &PgPool) -> Result<(), Error> {
    let mut tx = begin(pool).await?;
    tx.fetch_all("select pg_advisory_xact_lock($1)::text as locked", params![MIGRATION_LOCK]).await?;
    crate::migrations::apply(&mut tx).await?;
    commit(tx).await
}

pub(crate) async fn commit(tx: Tx) -> Result<(), Error> {
    match tx.connection {
        TxConnection::Postgres(transaction) => Ok((*transaction).commit().await?),
        TxConnection::Lite(_) => {
            Err(Error::Failed { cause: "a SQLite transaction reached PostgreSQL".into() })
        }
    }
}
