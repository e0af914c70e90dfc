//! Where statements run: a transaction that writes, or a connection that reads.

use std::future::Future;

use sqlx::pool::PoolConnection;
use sqlx::{AssertSqlSafe, PgConnection, Postgres, Sqlite, SqliteConnection};

use crate::text::Places;
use crate::{Error, Row, SqlText, Value};

/// Runs statements. Implemented by [`Tx`] and [`Read`].
pub trait Sql: Send {
    /// Runs a statement made at run time and answers its rows.
    fn fetch_all_text(&mut self, text: SqlText) -> impl Future<Output = Result<Vec<Row>, Error>> + Send;

    /// Runs a statement made at run time and answers how many rows it touched.
    fn execute_text(&mut self, text: SqlText) -> impl Future<Output = Result<u64, Error>> + Send;

    /// Runs a statement and answers its rows.
    fn fetch_all(
        &mut self,
        sql: &'static str,
        values: Vec<Value>,
    ) -> impl Future<Output = Result<Vec<Row>, Error>> + Send;

    /// Runs a statement and answers how many rows it touched.
    fn execute(
        &mut self,
        sql: &'static str,
        values: Vec<Value>,
    ) -> impl Future<Output = Result<u64, Error>> + Send;

    /// Runs a statement and answers its first row, if there is one.
    fn fetch_optional(
        &mut self,
        sql: &'static str,
        values: Vec<Value>,
    ) -> impl Future<Output = Result<Option<Row>, Error>> + Send {
        async move { Ok(self.fetch_all(sql, values).await?.into_iter().next()) }
    }
}

/// A transaction that may write. All of it becomes visible and durable, or nothing.
#[derive(Debug)]
pub struct Tx {
    pub(crate) connection: TxConnection,
    /// The newest event written here; told to subscribers after the commit.
    pub(crate) newest_event: Option<i64>,
}

#[derive(Debug)]
pub(crate) enum TxConnection {
    Lite(Box<SqliteConnection>),
    Postgres(Box<sqlx::Transaction<'static, Postgres>>),
}

/// A connection that reads; each statement sees what is committed when it starts.
#[derive(Debug)]
pub struct Read {
    pub(crate) connection: ReadConnection,
}

#[derive(Debug)]
pub(crate) enum ReadConnection {
    Lite(Box<PoolConnection<Sqlite>>),
    Postgres(Box<PoolConnection<Postgres>>),
}

/// The engine behind a session.
enum EngineConnection<'a> {
    Lite(&'a mut SqliteConnection),
    Postgres(&'a mut PgConnection),
}

impl EngineConnection<'_> {
    const fn places(&self) -> Places {
        match self {
            Self::Lite(_) => Places::InOrder,
            Self::Postgres(_) => Places::Numbered,
        }
    }
}

impl Tx {
    fn engine(&mut self) -> EngineConnection<'_> {
        match &mut self.connection {
            TxConnection::Lite(connection) => EngineConnection::Lite(connection),
            TxConnection::Postgres(connection) => EngineConnection::Postgres(connection),
        }
    }
}

impl Tx {
    pub(crate) fn is_sqlite(&self) -> bool {
        matches!(self.connection, TxConnection::Lite(_))
    }

    /// Runs a statement of a migration.
    pub(crate) async fn execute_owned(&mut self, sql: String) -> Result<u64, Error> {
        touch(self.engine(), sql, Vec::new()).await
    }
}

impl Read {
    fn engine(&mut self) -> EngineConnection<'_> {
        match &mut self.connection {
            ReadConnection::Lite(connection) => EngineConnection::Lite(connection),
            ReadConnection::Postgres(connection) => EngineConnection::Postgres(connection),
        }
    }
}

impl Read {
    /// Runs a statement that was made of names in the catalogue of the database itself.
    pub(crate) async fn fetch_all_of_catalogue(&mut self, sql: String) -> Result<Vec<Row>, Error> {
        rows(self.engine(), sql, Vec::new()).await
    }
}

macro_rules! bind_all {
    ($sql:expr, $values:expr) => {{
        let mut query = sqlx::query(AssertSqlSafe($sql));
        for value in $values {
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

async fn rows(engine: EngineConnection<'_>, sql: String, values: Vec<Value>) -> Result<Vec<Row>, Error> {
    match engine {
        EngineConnection::Lite(connection) => {
            Row::all_from_lite(&bind_all!(sql, values).fetch_all(connection).await?)
        }
        EngineConnection::Postgres(connection) => {
            Row::all_from_postgres(&bind_all!(sql, values).fetch_all(connection).await?)
        }
    }
}

async fn touch(engine: EngineConnection<'_>, sql: String, values: Vec<Value>) -> Result<u64, Error> {
    match engine {
        EngineConnection::Lite(connection) => {
            Ok(bind_all!(sql, values).execute(connection).await?.rows_affected())
        }
        EngineConnection::Postgres(connection) => {
            Ok(bind_all!(sql, values).execute(connection).await?.rows_affected())
        }
    }
}

macro_rules! implement_sql {
    ($session:ty) => {
        impl Sql for $session {
            async fn fetch_all_text(&mut self, text: SqlText) -> Result<Vec<Row>, Error> {
                let engine = self.engine();
                let (sql, values) = text.render(engine.places());
                rows(engine, sql, values).await
            }

            async fn execute_text(&mut self, text: SqlText) -> Result<u64, Error> {
                let engine = self.engine();
                let (sql, values) = text.render(engine.places());
                touch(engine, sql, values).await
            }

            async fn fetch_all(&mut self, sql: &'static str, values: Vec<Value>) -> Result<Vec<Row>, Error> {
                rows(self.engine(), sql.to_owned(), values).await
            }

            async fn execute(&mut self, sql: &'static str, values: Vec<Value>) -> Result<u64, Error> {
                touch(self.engine(), sql.to_owned(), values).await
            }
        }
    };
}

implement_sql!(Tx);
implement_sql!(Read);
