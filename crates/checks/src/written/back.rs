//! A check as it would be written.

use super::{
    AsInWritten, DriftWritten, Key, PairsWritten, QuantileWritten, ReferencesWritten, ShapeWritten,
    StrictWord, Strictness, SumWritten, Written,
};
use crate::check::{Check, CheckKind, Form, Measure};

impl From<Check> for Written {
    fn from(check: Check) -> Self {
        let mut written = Self {
            id: check.id,
            severity: check.severity,
            mostly: (check.mostly < 1.0).then_some(check.mostly),
            where_sql: check.where_sql,
            reason: check.reason,
            owner: check.owner,
            ..Self::default()
        };
        let mut column_is = |column: String| written.column = Some(column);
        match check.kind {
            CheckKind::NotNull { column } => {
                column_is(column);
                written.not_null = Some(true);
            }
            CheckKind::IsNull { column } => {
                column_is(column);
                written.is_null = Some(true);
            }
            CheckKind::Between { column, bounds } => {
                column_is(column);
                written.between = Some(vec![bounds.low, bounds.high]);
            }
            CheckKind::InSet { column, values } => {
                column_is(column);
                written.in_set = Some(values);
            }
            CheckKind::NotInSet { column, values } => {
                column_is(column);
                written.not_in_set = Some(values);
            }
            CheckKind::Matches { column, pattern } => {
                column_is(column);
                written.matches = Some(pattern);
            }
            CheckKind::NotMatches { column, pattern } => {
                column_is(column);
                written.not_matches = Some(pattern);
            }
            CheckKind::Length { column, bounds } => {
                column_is(column);
                written.length = Some(vec![bounds.low, bounds.high]);
            }
            CheckKind::Compare { left, operator, right } => written.compare = Some((left, operator, right)),
            CheckKind::MaxAge { column, age } => {
                column_is(column);
                written.max_age = Some(age);
            }
            CheckKind::Unique { columns } => written.unique = Some(Key::Columns(columns)),
            CheckKind::Ordered { column, order } => {
                column_is(column);
                let strictness = if order.strictly {
                    Strictness::Word(StrictWord::Strictly)
                } else {
                    Strictness::Flag(true)
                };
                if order.rising {
                    written.increasing = Some(strictness);
                } else {
                    written.decreasing = Some(strictness);
                }
            }
            CheckKind::ColumnsExist { columns } => written.columns_exist = Some(columns),
            CheckKind::OfType { column, of_type } => {
                column_is(column);
                written.of_type = Some(of_type);
            }
            CheckKind::RowCount { bounds } => written.row_count = Some(vec![bounds.low, bounds.high]),
            CheckKind::Freshness { column, age } => {
                column_is(column);
                written.freshness = Some(age);
            }
            CheckKind::Measured { column, measure, bounds } => {
                column_is(column);
                let pair = Some(vec![bounds.low, bounds.high]);
                match measure {
                    Measure::Min => written.min = pair,
                    Measure::Max => written.max = pair,
                    Measure::Mean => written.mean = pair,
                    Measure::Median => written.median = pair,
                    Measure::Stdev => written.stdev = pair,
                    Measure::Sum => written.sum = pair,
                    Measure::Distinct => written.distinct = pair,
                    Measure::UniqueShare => written.unique_share = pair,
                    Measure::NullShare => written.null_share = pair,
                }
            }
            CheckKind::Sql { query } => written.sql = Some(query),
            CheckKind::Quantile { column, at, bounds } => {
                column_is(column);
                written.quantile = Some(QuantileWritten { at, between: vec![bounds.low, bounds.high] });
            }
            CheckKind::ZScore { column, below } => {
                column_is(column);
                written.z_score = Some(below);
            }
            CheckKind::Parses { column, form } => {
                column_is(column);
                written.parses = Some(match form {
                    Form::Json => "json".to_owned(),
                    Form::Time(format) => format,
                });
            }
            CheckKind::RowSum { columns, bounds } => {
                written.row_sum = Some(SumWritten { columns, between: vec![bounds.low, bounds.high] });
            }
            CheckKind::PairInSet { left, right, values } => {
                written.pair_in_set = Some(PairsWritten { columns: (left, right), values });
            }
            CheckKind::DistinctValues { column, values, exactly } => {
                column_is(column);
                if exactly {
                    written.distinct_equal = Some(values);
                } else {
                    written.distinct_contain = Some(values);
                }
            }
            CheckKind::MostCommon { column, values } => {
                column_is(column);
                written.most_common_in = Some(values);
            }
            CheckKind::ColumnsAre { columns, in_order: true } => written.columns_in_order = Some(columns),
            CheckKind::ColumnsAre { columns, in_order: false } => written.columns_are = Some(columns),
            CheckKind::ColumnCount { bounds } => written.column_count = Some(vec![bounds.low, bounds.high]),
            CheckKind::Shape { columns, allow } => written.schema = Some(ShapeWritten { columns, allow }),
            CheckKind::OfTypes { column, of_types } => {
                column_is(column);
                written.type_in = Some(of_types);
            }
            CheckKind::References { columns, source, to } => {
                written.references = Some(ReferencesWritten { columns, source, to });
            }
            CheckKind::RowsAsIn { source, bounds } => {
                written.rows_as_in = Some(AsInWritten { source, share: vec![bounds.low, bounds.high] });
            }
            CheckKind::Drift { against, columns, at_most, bounds } => {
                written.drift = Some(DriftWritten { against, columns, at_most, bounds });
            }
            CheckKind::Volume { bounds } => written.volume = Some(vec![bounds.low, bounds.high]),
        }
        written
    }
}
