//! Databases of other programs, from which things are brought in. Nothing can be written through them.

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use futures::stream::{BoxStream, StreamExt};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{AssertSqlSafe, PgPool, SqlitePool};

use crate::{Engine, Error, Row, Value};

/// Connections to such a database: one may stream while another one looks things up.
const CONNECTIONS: u32 = 3;
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// A database of another program, read only.
#[derive(Debug, Clone)]
pub struct Foreign {
    pool: Pool,
}

#[derive(Debug, Clone)]
pub(crate) enum Pool {
    Lite(SqlitePool),
    Postgres(PgPool),
}

impl Foreign {
    /// Opens a SQLite file that exists. Another program may go on writing to it.
    pub async fn open_file(path: &Path) -> Result<Self, Error> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .read_only(true)
            .create_if_missing(false)
            .pragma("query_only", "1")
            .busy_timeout(LONGEST_WAIT);
        let pool = SqlitePoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(LONGEST_WAIT)
            .connect_with(options)
            .await
            .map_err(|cause| cannot_open(path.display().to_string(), &cause))?;
        Ok(Self { pool: Pool::Lite(pool) })
    }

    /// Connects to `postgres://…`; every transaction is read only.
    pub async fn open_postgres(url: &str) -> Result<Self, Error> {
        let location = crate::handle::without_credentials(url);
        let options = PgConnectOptions::from_str(url)
            .map_err(|cause| cannot_open(location.clone(), &cause))?
            .options([("default_transaction_read_only", "on")]);
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(LONGEST_WAIT)
            .connect_with(options)
            .await
            .map_err(|cause| cannot_open(location, &cause))?;
        Ok(Self { pool: Pool::Postgres(pool) })
    }

    pub(crate) const fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Which engine it is.
    #[must_use]
    pub fn engine(&self) -> Engine {
        match self.pool {
            Pool::Lite(_) => Engine::Sqlite,
            Pool::Postgres(_) => Engine::Postgres,
        }
    }

    /// All rows of a query; for results that fit into memory.
    pub async fn rows(&self, sql: &'static str, values: Vec<Value>) -> Result<Vec<Row>, Error> {
        let mut rows = Vec::new();
        let mut stream = self.stream(sql, values);
        while let Some(row) = stream.next().await {
            rows.push(row?);
        }
        Ok(rows)
    }

    /// The rows of a query as they come; only few of them are held at a time.
    #[must_use]
    pub fn stream(&self, sql: &'static str, values: Vec<Value>) -> BoxStream<'_, Result<Row, Error>> {
        macro_rules! bound {
            () => {{
                let mut query = sqlx::query(AssertSqlSafe(sql));
                for value in values {
                    query = match value {
                        Value::Int(value) => query.bind(value),
                        Value::Real(value) => query.bind(value),
                        Value::Text(value) => query.bind(value),
                        Value::Bytes(value) => query.bind(value),
                    };
                }
                query
            }};
        }
        match &self.pool {
            Pool::Lite(pool) => bound!().fetch(pool).map(|row| Row::one_from_lite(&row?)).boxed(),
            Pool::Postgres(pool) => bound!().fetch(pool).map(|row| Row::one_from_postgres(&row?)).boxed(),
        }
    }

    /// Whether there is such a table.
    pub async fn has_table(&self, table: &str) -> Result<bool, Error> {
        let sql = match self.pool {
            Pool::Lite(_) => "select 1 as found from sqlite_master where type = 'table' and name = $1",
            // The information schema would hide what this account may not read; reading it then tells why.
            Pool::Postgres(_) => "select 1 as found where to_regclass($1) is not null",
        };
        Ok(!self.rows(sql, crate::params![table]).await?.is_empty())
    }

    /// Whether a table has such a column.
    pub async fn has_column(&self, table: &str, column: &str) -> Result<bool, Error> {
        let sql = match self.pool {
            Pool::Lite(_) => "select 1 as found from pragma_table_info($1) where name = $2",
            Pool::Postgres(_) => {
                "select 1 as found from pg_catalog.pg_attribute \
                 where attrelid = to_regclass($1) and attname = $2 and attnum > 0 and not attisdropped"
            }
        };
        Ok(!self.rows(sql, crate::params![table, column]).await?.is_empty())
    }
}

fn cannot_open(location: String, cause: &sqlx::Error) -> Error {
    Error::Open { location, cause: cause.to_string() }
}
