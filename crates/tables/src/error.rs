//! What can go wrong with tables, in words that name the table, the column and the line.

use base::{Failure, Kind};

/// The result of an operation on tables.
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong with a table, a file or a query.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The table has no such column.
    #[error("there is no column `{column}`")]
    UnknownColumn {
        /// The name as it was asked for.
        column: String,
        /// The columns there are.
        columns: Vec<String>,
    },
    /// The query names a table that it was not given.
    #[error("there is no table `{table}`")]
    UnknownTable {
        /// The name as it was asked for.
        table: String,
        /// The tables there are.
        tables: Vec<String>,
    },
    /// A column holds something else than was asked for.
    #[error("column `{column}` holds {found}, expected {expected}")]
    WrongType {
        /// The column.
        column: String,
        /// What was asked for.
        expected: String,
        /// What it holds.
        found: String,
    },
    /// A column has another length than those before it.
    #[error("column `{column}` has {rows} rows, the columns before it have {expected}")]
    UnevenColumns {
        /// The column.
        column: String,
        /// Its rows.
        rows: usize,
        /// The rows of the others.
        expected: usize,
    },
    /// Two columns have one name.
    #[error("there are two columns `{column}`")]
    RepeatedColumn {
        /// The name.
        column: String,
    },
    /// A file holds a type that has no place in our tables.
    #[error("column `{column}` holds {kind}, which is not supported")]
    UnsupportedType {
        /// The column.
        column: String,
        /// The type as the file names it.
        kind: String,
    },
    /// A line of a CSV file does not fit.
    #[error("{file}: line {line}{}: {problem}", column_words(.column.as_deref()))]
    Csv {
        /// The file, as the caller named it.
        file: String,
        /// The line, counted from 1; the header is line 1.
        line: u64,
        /// The column, where one is at fault.
        column: Option<String>,
        /// What is wrong with it.
        problem: String,
    },
    /// Something is larger than its stated limit.
    #[error("{what} is larger than the limit of {limit}")]
    TooLarge {
        /// What is too large.
        what: String,
        /// The limit with its unit.
        limit: String,
    },
    /// A query took longer than it may.
    #[error("the query was stopped after {limit_ms} ms")]
    TimedOut {
        /// How long it was allowed to take.
        limit_ms: u64,
    },
    /// A query would change something.
    #[error("queries can only read: `{statement}` is not allowed here")]
    NotReadOnly {
        /// The kind of statement.
        statement: String,
    },
    /// The query is not valid SQL, or does not fit the tables.
    #[error("{problem}")]
    Sql {
        /// What is wrong with it.
        problem: String,
        /// What may help.
        hint: Option<String>,
    },
    /// A file or table does not hold what it should.
    #[error("{what} is damaged: {problem}")]
    Damaged {
        /// The file or table.
        what: String,
        /// What is wrong with it.
        problem: String,
    },
    /// There is no table at that place.
    #[error("there is no Delta table at `{location}`")]
    NoTable {
        /// The place.
        location: String,
    },
    /// The table does not have that version.
    #[error("table `{location}` has no version {version}; the newest is {newest}")]
    NoVersion {
        /// The table.
        location: String,
        /// The version asked for.
        version: i64,
        /// The newest version.
        newest: i64,
    },
    /// A place that no table can be at.
    #[error("`{location}` is not a place for a table: {problem}")]
    BadLocation {
        /// The place.
        location: String,
        /// Why not.
        problem: String,
    },
    /// Rows do not fit the columns that the table has.
    #[error("column `{column}` of table `{location}` holds {was}; the new rows hold {is}")]
    SchemaChange {
        /// The table.
        location: String,
        /// The column.
        column: String,
        /// What the table holds.
        was: String,
        /// What the new rows hold.
        is: String,
    },
    /// Somebody else changed the table at the same time.
    #[error("table `{location}` was changed by somebody else at the same time")]
    Conflict {
        /// The table.
        location: String,
    },
    /// The disk or the object store failed.
    #[error("cannot {doing} `{location}`: {problem}")]
    Storage {
        /// What was tried.
        doing: &'static str,
        /// The file or table.
        location: String,
        /// What the system says.
        problem: String,
    },
    /// A fault of ours.
    #[error("{problem}")]
    Internal {
        /// What happened.
        problem: String,
    },
}

fn column_words(column: Option<&str>) -> String {
    column.map(|name| format!(", column `{name}`")).unwrap_or_default()
}

impl Failure for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::UnknownColumn { .. }
            | Self::UnknownTable { .. }
            | Self::WrongType { .. }
            | Self::UnevenColumns { .. }
            | Self::RepeatedColumn { .. }
            | Self::UnsupportedType { .. }
            | Self::Csv { .. }
            | Self::NotReadOnly { .. }
            | Self::Sql { .. }
            | Self::BadLocation { .. } => Kind::Invalid,
            Self::TooLarge { .. } => Kind::TooLarge,
            Self::TimedOut { .. } => Kind::TimedOut,
            Self::NoTable { .. } | Self::NoVersion { .. } => Kind::NotFound,
            Self::SchemaChange { .. } | Self::Conflict { .. } => Kind::Conflict,
            Self::Storage { .. } => Kind::Unavailable,
            Self::Damaged { .. } | Self::Internal { .. } => Kind::Internal,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::UnknownColumn { .. } => "unknown_column",
            Self::UnknownTable { .. } => "unknown_table",
            Self::WrongType { .. } => "wrong_column_type",
            Self::UnevenColumns { .. } => "uneven_columns",
            Self::RepeatedColumn { .. } => "repeated_column",
            Self::UnsupportedType { .. } => "unsupported_column_type",
            Self::Csv { .. } => "csv_invalid",
            Self::TooLarge { .. } => "table_too_large",
            Self::TimedOut { .. } => "query_timed_out",
            Self::NotReadOnly { .. } => "query_not_read_only",
            Self::Sql { .. } => "query_invalid",
            Self::Damaged { .. } => "table_damaged",
            Self::NoTable { .. } => "table_not_found",
            Self::NoVersion { .. } => "table_version_not_found",
            Self::BadLocation { .. } => "table_location_invalid",
            Self::SchemaChange { .. } => "table_schema_changed",
            Self::Conflict { .. } => "table_conflict",
            Self::Storage { .. } => "table_storage_failed",
            Self::Internal { .. } => "table_engine_failed",
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownColumn { column, columns } => Some(nearest_or_list("column", column, columns)),
            Self::UnknownTable { table, tables } => Some(nearest_or_list("table", table, tables)),
            Self::Sql { hint, .. } => hint.clone(),
            Self::NotReadOnly { .. } => Some("use one `select` statement".to_owned()),
            Self::TimedOut { .. } => Some("narrow it by time or ask for fewer columns".to_owned()),
            Self::TooLarge { .. } => Some("narrow it, or add `limit`".to_owned()),
            _ => None,
        }
    }
}

fn nearest_or_list(noun: &str, word: &str, known: &[String]) -> String {
    if let Some(near) = base::names::nearest(word, known.iter().map(String::as_str)) {
        return format!("did you mean `{near}`?");
    }
    if known.is_empty() {
        return format!("there are no {noun}s here");
    }
    let mut shown: Vec<String> = known.iter().take(20).map(|name| format!("`{name}`")).collect();
    if known.len() > shown.len() {
        shown.push("…".to_owned());
    }
    format!("the {noun}s are {}", shown.join(", "))
}
