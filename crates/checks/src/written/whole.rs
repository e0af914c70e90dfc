//! The kinds that are about more than one value: whole columns, several columns, other rows.

use super::{Written, bounds, filled};
use crate::check::{CheckKind, Form};

/// The kinds about the values of a column, or the columns of a table, as a whole.
pub(super) fn of_the_whole(
    written: &Written,
    column: &dyn Fn() -> Result<String, String>,
    kinds: &mut Vec<CheckKind>,
) -> Result<(), String> {
    let id = &written.id;
    if let Some(quantile) = &written.quantile {
        if !(0.0..=1.0).contains(&quantile.at) {
            return Err(format!("check `{id}`: `at` is a quantile, between 0 and 1"));
        }
        let bounds = bounds(id, "between", &quantile.between)?;
        kinds.push(CheckKind::Quantile { column: column()?, at: quantile.at, bounds });
    }
    for (key, values, exactly) in [
        ("distinct_contain", &written.distinct_contain, false),
        ("distinct_equal", &written.distinct_equal, true),
    ] {
        if let Some(values) = values {
            let values = filled(id, key, values)?;
            kinds.push(CheckKind::DistinctValues { column: column()?, values, exactly });
        }
    }
    if let Some(values) = &written.most_common_in {
        let values = filled(id, "most_common_in", values)?;
        kinds.push(CheckKind::MostCommon { column: column()?, values });
    }
    for (key, columns, in_order) in
        [("columns_in_order", &written.columns_in_order, true), ("columns_are", &written.columns_are, false)]
    {
        if let Some(columns) = columns {
            kinds.push(CheckKind::ColumnsAre { columns: filled(id, key, columns)?, in_order });
        }
    }
    if let Some(pair) = &written.column_count {
        kinds.push(CheckKind::ColumnCount { bounds: bounds(id, "column_count", pair)? });
    }
    if let Some(shape) = &written.schema {
        let columns = filled(id, "columns", &shape.columns)?;
        kinds.push(CheckKind::Shape { columns, allow: shape.allow.clone() });
    }
    if let Some(types) = &written.type_in {
        let of_types = filled(id, "type_in", types)?;
        kinds.push(CheckKind::OfTypes { column: column()?, of_types });
    }
    if let Some(pair) = &written.volume {
        kinds.push(CheckKind::Volume { bounds: bounds(id, "volume", pair)? });
    }
    Ok(())
}

/// The kinds about several columns of a row, about all rows at once, and about other sources.
pub(super) fn of_other_rows(
    written: &Written,
    column: &dyn Fn() -> Result<String, String>,
    kinds: &mut Vec<CheckKind>,
) -> Result<(), String> {
    let id = &written.id;
    if let Some(below) = written.z_score {
        if !(below > 0.0 && below.is_finite()) {
            return Err(format!("check `{id}`: `z_score` is a number of standard deviations above 0"));
        }
        kinds.push(CheckKind::ZScore { column: column()?, below });
    }
    if let Some(form) = &written.parses {
        let form = match form.as_str() {
            "json" => Form::Json,
            format if format.contains('%') => Form::Time(format.to_owned()),
            other => {
                return Err(format!(
                    "check `{id}`: `parses` is `json` or a format of times such as `%Y-%m-%d`, not `{other}`"
                ));
            }
        };
        kinds.push(CheckKind::Parses { column: column()?, form });
    }
    if let Some(sum) = &written.row_sum {
        let columns = filled(id, "columns", &sum.columns)?;
        kinds.push(CheckKind::RowSum { columns, bounds: bounds(id, "between", &sum.between)? });
    }
    if let Some(pairs) = &written.pair_in_set {
        let (left, right) = pairs.columns.clone();
        kinds.push(CheckKind::PairInSet { left, right, values: filled(id, "values", &pairs.values)? });
    }
    if let Some(references) = &written.references {
        let columns = filled(id, "columns", &references.columns)?;
        if columns.len() != references.to.len() {
            return Err(format!("check `{id}`: `columns` and `to` name a different number of columns"));
        }
        let (source, to) = (references.source.clone(), references.to.clone());
        kinds.push(CheckKind::References { columns, source, to });
    }
    if let Some(drift) = &written.drift {
        kinds.push(CheckKind::Drift {
            against: drift.against.clone(),
            columns: drift.columns.clone(),
            at_most: drift.at_most,
            bounds: drift.bounds,
        });
    }
    if let Some(other) = &written.rows_as_in {
        let bounds = bounds(id, "share", &other.share)?;
        kinds.push(CheckKind::RowsAsIn { source: other.source.clone(), bounds });
    }
    Ok(())
}
