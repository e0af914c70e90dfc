//! Answers of databases of other programs to queries that a person wrote.

use futures::stream::StreamExt;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Column, Connection, Row as _, TypeInfo, ValueRef};

use crate::foreign::Pool;
use crate::{Error, Foreign, Row, Value};

/// What a column of an answer holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerKind {
    /// Whole numbers of 64 bits.
    Int,
    /// Other numbers; decimals become the nearest real number.
    Real,
    /// `t` or `f`, or `true` or `false`.
    Bool,
    /// Moments: `2026-01-31`, `2026-01-31 12:00:00.5` (taken as UTC) or with `+00` behind.
    Time,
    /// Anything else, as the database writes it.
    Text,
}

/// An answer, all of one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Names and kinds.
    pub columns: Vec<(String, AnswerKind)>,
    /// The rows, each with a text a column; nothing for null.
    pub rows: Vec<Vec<Option<String>>>,
    /// The state of the database that was read, in its own words.
    pub state: String,
}

impl Foreign {
    /// Answers a query of any shape, in a transaction that can only read and sees one state of the database.
    ///
    /// # Errors
    /// What the database says; [`Error::AnswerTooLong`] for more rows than `most_rows`.
    pub async fn ask(&self, query: &str, most_rows: usize) -> Result<Answer, Error> {
        match self.pool() {
            Pool::Lite(pool) => {
                let mut rows = Vec::new();
                let mut stream = sqlx::query(AssertSqlSafe(query.to_owned())).fetch(pool);
                while let Some(row) = stream.next().await {
                    if rows.len() == most_rows {
                        return Err(Error::AnswerTooLong { limit: most_rows });
                    }
                    rows.push(Row::one_from_lite(&row?)?);
                }
                Ok(answer_of_lite(&rows))
            }
            Pool::Postgres(pool) => {
                let mut connection = pool.acquire().await?;
                let mut tx = connection
                    .begin_with("begin transaction isolation level repeatable read, read only")
                    .await?;
                sqlx::raw_sql("set local timezone = 'UTC'; set local datestyle = 'ISO'")
                    .execute(&mut *tx)
                    .await?;
                let state: (String,) =
                    sqlx::query_as("select pg_current_snapshot()::text").fetch_one(&mut *tx).await?;
                let mut answer = Answer { columns: Vec::new(), rows: Vec::new(), state: state.0 };
                {
                    let mut stream = sqlx::raw_sql(AssertSqlSafe(query.to_owned())).fetch(&mut *tx);
                    while let Some(row) = stream.next().await {
                        if answer.rows.len() == most_rows {
                            return Err(Error::AnswerTooLong { limit: most_rows });
                        }
                        let row = row?;
                        if answer.rows.is_empty() {
                            answer.columns = columns_of(&row);
                        }
                        answer.rows.push(texts_of(&row)?);
                    }
                }
                tx.rollback().await?;
                Ok(answer)
            }
        }
    }
}

fn columns_of(row: &PgRow) -> Vec<(String, AnswerKind)> {
    let kind = |name: &str| match name {
        "INT2" | "INT4" | "INT8" | "OID" => AnswerKind::Int,
        "FLOAT4" | "FLOAT8" | "NUMERIC" => AnswerKind::Real,
        "BOOL" => AnswerKind::Bool,
        "DATE" | "TIMESTAMP" | "TIMESTAMPTZ" => AnswerKind::Time,
        _ => AnswerKind::Text,
    };
    row.columns().iter().map(|column| (column.name().to_owned(), kind(column.type_info().name()))).collect()
}

fn texts_of(row: &PgRow) -> Result<Vec<Option<String>>, Error> {
    let text = |index: usize| {
        let raw = row.try_get_raw(index)?;
        if raw.is_null() {
            return Ok(None);
        }
        raw.as_str().map(|text| Some(text.to_owned())).map_err(sqlx::Error::Decode)
    };
    Ok((0..row.columns().len()).map(text).collect::<Result<_, sqlx::Error>>()?)
}

/// SQLite has types of values rather than of columns: a column is what all its values are.
fn answer_of_lite(rows: &[Row]) -> Answer {
    let names: Vec<String> = rows.first().map(|row| row.names().to_vec()).unwrap_or_default();
    let mut columns: Vec<(String, Option<AnswerKind>)> = names.into_iter().map(|name| (name, None)).collect();
    let mut texts = Vec::with_capacity(rows.len());
    for row in rows {
        let mut line = Vec::with_capacity(columns.len());
        for (value, (_, kind)) in row.values().iter().zip(&mut columns) {
            let (found, text) = match value {
                Value::Int(Some(value)) => (AnswerKind::Int, value.to_string()),
                Value::Real(Some(value)) => (AnswerKind::Real, value.to_string()),
                Value::Text(Some(value)) => (AnswerKind::Text, value.clone()),
                Value::Bytes(Some(value)) => (AnswerKind::Text, String::from_utf8_lossy(value).into_owned()),
                _ => {
                    line.push(None);
                    continue;
                }
            };
            *kind = Some(match (*kind, found) {
                (None, found) => found,
                (Some(before), found) if before == found => found,
                (Some(AnswerKind::Int | AnswerKind::Real), AnswerKind::Int | AnswerKind::Real) => {
                    AnswerKind::Real
                }
                _ => AnswerKind::Text,
            });
            line.push(Some(text));
        }
        texts.push(line);
    }
    let columns = columns.into_iter().map(|(name, kind)| (name, kind.unwrap_or(AnswerKind::Text))).collect();
    Answer { columns, rows: texts, state: String::new() }
}
