//! Lets through what only reads.

use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::sqlparser::ast::Statement as Sql;

use super::failure;
use crate::{Error, Result};

/// Deeper nesting of parentheses and subqueries is refused.
const MOST_NESTING: usize = 50;

/// What a query asks for.
pub(super) enum Asked {
    /// Rows: a `select`, or the plan of one.
    Rows(Box<Statement>),
    /// The names of the tables.
    Tables,
    /// The columns of a table.
    Columns(String),
}

/// Reads one statement; fails if it could change anything, or if there is not exactly one.
pub(super) fn read(sql: &str) -> Result<Asked> {
    let mut statements = parse(sql)?;
    let only_one = || Error::Sql {
        problem: "one statement was expected".to_owned(),
        hint: Some("send statements one by one".to_owned()),
    };
    let statement = statements.pop().ok_or_else(only_one)?;
    if !statements.is_empty() {
        return Err(only_one());
    }
    match statement {
        Statement::Statement(plain) => match *plain {
            Sql::Query(query) => Ok(Asked::Rows(Box::new(Statement::Statement(Box::new(Sql::Query(query)))))),
            Sql::ShowTables { .. } => Ok(Asked::Tables),
            Sql::ExplainTable { table_name, .. } => {
                let parts = table_name.0.iter().filter_map(|part| part.as_ident());
                Ok(Asked::Columns(parts.map(|part| part.value.as_str()).collect::<Vec<_>>().join(".")))
            }
            other => Err(refused(&other.to_string())),
        },
        Statement::Explain(explain) => match explain.statement.as_ref() {
            Statement::Statement(plain) if matches!(**plain, Sql::Query(_)) => {
                Ok(Asked::Rows(Box::new(Statement::Explain(explain))))
            }
            other => Err(refused(&other.to_string())),
        },
        other => Err(refused(&other.to_string())),
    }
}

/// The `select` of a view.
pub(super) fn read_view(sql: &str) -> Result<Statement> {
    match read(sql)? {
        Asked::Rows(statement) => Ok(*statement),
        Asked::Tables | Asked::Columns(_) => Err(refused(sql)),
    }
}

fn parse(sql: &str) -> Result<Vec<Statement>> {
    let statements = DFParserBuilder::new(sql).with_recursion_limit(MOST_NESTING).build();
    let statements = statements.and_then(|mut parser| parser.parse_statements()).map_err(failure::words)?;
    Ok(statements.into())
}

fn refused(statement: &str) -> Error {
    let words: Vec<&str> = statement.split_whitespace().take(2).collect();
    Error::NotReadOnly { statement: words.join(" ").to_lowercase() }
}
