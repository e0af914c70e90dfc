//! Failures of the query engine, in our words.

use datafusion::common::SchemaError;
use datafusion::error::DataFusionError;
use datafusion::sql::sqlparser::parser::ParserError;

use crate::Error;

/// What the engine reports, without its types and prefixes.
pub(super) fn words(error: DataFusionError) -> Error {
    if let DataFusionError::External(inner) = error {
        return match inner.downcast::<Error>() {
            Ok(own) => *own,
            Err(other) => Error::Internal { problem: format!("the query failed: {other}") },
        };
    }
    match error.find_root() {
        DataFusionError::SchemaError(schema, _) => schema_words(schema),
        DataFusionError::SQL(parser, _) => {
            let problem = match parser.as_ref() {
                ParserError::TokenizerError(text) | ParserError::ParserError(text) => text.clone(),
                ParserError::RecursionLimitExceeded => "it is nested too deeply".to_owned(),
            };
            sql(format!("the query cannot be read: {}", lower_first(&problem)))
        }
        DataFusionError::Plan(text)
        | DataFusionError::Execution(text)
        | DataFusionError::Configuration(text) => sql(lower_first(text)),
        DataFusionError::NotImplemented(text) => sql(format!("not supported: {}", lower_first(text))),
        DataFusionError::ArrowError(arrow, _) => sql(lower_first(&arrow.to_string())),
        DataFusionError::ResourcesExhausted(_) => Error::TooLarge {
            what: "what the query keeps in memory".to_owned(),
            limit: "its budget".to_owned(),
        },
        DataFusionError::ParquetError(parquet) => {
            Error::Damaged { what: "a data file".to_owned(), problem: parquet.to_string() }
        }
        DataFusionError::ObjectStore(store) => {
            Error::Storage { doing: "read", location: "a data file".to_owned(), problem: store.to_string() }
        }
        DataFusionError::IoError(io) => {
            Error::Storage { doing: "read", location: "a data file".to_owned(), problem: io.to_string() }
        }
        other => Error::Internal { problem: format!("the query failed: {other}") },
    }
}

fn schema_words(error: &SchemaError) -> Error {
    match error {
        SchemaError::FieldNotFound { field, valid_fields } => {
            let mut columns: Vec<String> = valid_fields.iter().map(|valid| valid.name.clone()).collect();
            columns.sort_unstable();
            columns.dedup();
            Error::UnknownColumn { column: field.name.clone(), columns }
        }
        SchemaError::AmbiguousReference { field } => Error::Sql {
            problem: format!("column `{}` is in more than one table", field.name),
            hint: Some("write the table before it, as in `a.name`".to_owned()),
        },
        SchemaError::DuplicateQualifiedField { name, .. }
        | SchemaError::DuplicateUnqualifiedField { name } => Error::Sql {
            problem: format!("column `{name}` appears twice"),
            hint: Some("give one of them another name with `as`".to_owned()),
        },
    }
}

fn sql(problem: String) -> Error {
    let (problem, hint) = match problem.split_once("\nDid you mean ") {
        Some((problem, near)) => {
            let near = near.trim_end_matches('?').trim_matches('\'');
            (problem.trim_end_matches('.').to_owned(), Some(format!("did you mean `{near}`?")))
        }
        None => (problem, None),
    };
    Error::Sql { problem, hint }
}

fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    match (letters.next(), letters.clone().next()) {
        (Some(first), Some(second)) if first.is_uppercase() && second.is_lowercase() => {
            first.to_lowercase().chain(letters).collect()
        }
        _ => text.to_owned(),
    }
}
