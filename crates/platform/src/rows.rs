//! Rows of tables as engines take them.

use inference::{FeatureKind, Field, Input, Signature};
use tables::{Column, ColumnType, Schema, Table, Values};

use crate::Error;
use crate::spec::PipelineSpec;

/// The columns that a signature asks for, as an engine takes them: NaN for missing numbers.
pub(crate) fn columns_of(
    signature: &Signature,
    table: &Table,
) -> Result<Vec<(String, Input)>, tables::Error> {
    signature
        .inputs
        .iter()
        .map(|field| {
            let input = match field.kind {
                FeatureKind::Number => Input::Numbers(or_nan(table.numbers(&field.name)?)),
                FeatureKind::Category => Input::Words(table.texts(&field.name)?),
            };
            Ok((field.name.clone(), input))
        })
        .collect()
}

/// The column that a signature's model predicts; NaN where it is missing.
pub(crate) fn target_of(signature: &Signature, table: &Table) -> Result<Vec<f64>, tables::Error> {
    table.numbers(&signature.output.name).map(or_nan)
}

/// What a model trained on prepared rows takes and gives: words are categories, all else is numbers.
pub(crate) fn signature_of(pipeline: &PipelineSpec, prepared: &Table) -> Result<Signature, Error> {
    let kind_of = |name: &str| {
        let column = prepared.schema().find(name);
        column.map(|column| column.kind).ok_or_else(|| {
            let there: Vec<&str> = prepared.schema().names().collect();
            let near = base::names::nearest(name, there.iter().copied());
            let near = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            Error::Prepared {
                reason: format!("it has no column `{name}`, only `{}`{near}", there.join("`, `")),
            }
        })
    };
    let inputs = pipeline
        .features
        .iter()
        .map(|name| {
            Ok(match kind_of(name)? {
                ColumnType::Text => Field::category(name),
                ColumnType::Int | ColumnType::Real | ColumnType::Bool | ColumnType::Time => {
                    Field::number(name)
                }
            })
        })
        .collect::<Result<_, Error>>()?;
    if kind_of(&pipeline.target)? == ColumnType::Text {
        let reason =
            format!("the target `{}` holds words; only numbers can be predicted so far", pipeline.target);
        return Err(Error::Prepared { reason });
    }
    if kind_of(&pipeline.time)? != ColumnType::Time {
        return Err(Error::Prepared { reason: format!("`{}` holds no times", pipeline.time) });
    }
    Ok(Signature { inputs, output: Field::number(&pipeline.target) })
}

/// Only the rows whose target is known.
pub(crate) fn with_target(prepared: &Table, target: &str) -> Result<Table, tables::Error> {
    let known: Vec<bool> = prepared.numbers(target)?.iter().map(Option::is_some).collect();
    prepared.filter(&known)
}

/// The rows before and from a moment on.
pub(crate) fn split_at(table: &Table, time: &str, at: i64) -> Result<(Table, Table), tables::Error> {
    let before: Vec<bool> =
        table.times(time)?.iter().map(|moment| moment.is_some_and(|moment| moment < at)).collect();
    let after: Vec<bool> = before.iter().map(|before| !before).collect();
    Ok((table.filter(&before)?, table.filter(&after)?))
}

/// The range and number of rows, as a version keeps them.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct RowRange {
    pub(crate) from: Option<base::Timestamp>,
    pub(crate) to: Option<base::Timestamp>,
    pub(crate) rows: u64,
    /// The prepared table that holds them, as an artifact.
    pub(crate) table: base::Digest,
}

/// The range of a table's rows.
pub(crate) fn range_of(table: &Table, time: &str, stored: base::Digest) -> Result<RowRange, tables::Error> {
    let times: Vec<i64> = table.times(time)?.into_iter().flatten().collect();
    Ok(RowRange {
        from: times.iter().min().copied().map(base::Timestamp::from_micros),
        to: times.iter().max().copied().map(base::Timestamp::from_micros),
        rows: table.row_count() as u64,
        table: stored,
    })
}

/// The rows with the columns, types and order of a schema, or why they do not fit. Columns that the
/// schema has and the rows have not become missing values; whole numbers become real ones.
pub(crate) fn fitted_to(schema: &Schema, rows: &Table) -> Result<Table, String> {
    let columns = schema
        .columns
        .iter()
        .map(|column| {
            if rows.schema().find(&column.name).is_none() {
                return Ok((column.name.clone(), Values::missing(column.kind, rows.row_count())));
            }
            let values = rows.column(&column.name).map_err(|cause| cause.to_string())?;
            Ok((column.name.clone(), fitted_values(column, &values)?))
        })
        .collect::<Result<_, String>>()?;
    Table::from_columns(columns).map_err(|cause| cause.to_string())
}

#[expect(
    clippy::cast_precision_loss,
    reason = "whole numbers in a column of real ones are read so everywhere"
)]
fn fitted_values(column: &Column, values: &Values) -> Result<Values, String> {
    let all_missing = |missing: usize| missing == values.len();
    match (values, column.kind) {
        (values, kind) if values.kind() == kind => Ok(values.clone()),
        (Values::Int(whole), ColumnType::Real) => {
            Ok(Values::Real(whole.iter().map(|value| value.map(|value| value as f64)).collect()))
        }
        (Values::Text(texts), kind) if all_missing(texts.iter().filter(|text| text.is_none()).count()) => {
            Ok(Values::missing(kind, texts.len()))
        }
        (values, kind) => {
            Err(format!("column `{}` holds {:?}, the rows before hold {kind:?}", column.name, values.kind()))
        }
    }
}

fn or_nan(values: Vec<Option<f64>>) -> Vec<f64> {
    values.into_iter().map(|value| value.unwrap_or(f64::NAN)).collect()
}

/// A column for monitoring: words stay words, all else is numbers.
pub(crate) fn watched_column(table: &Table, name: &str) -> Result<monitoring::Column, tables::Error> {
    Ok(match table.column(name)? {
        Values::Text(texts) => monitoring::Column::Texts(texts),
        _ => monitoring::Column::Numbers(table.numbers(name)?),
    })
}
