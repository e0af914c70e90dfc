//! A condition in SQL, evaluated on a few rows at a time outside of a query.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType, SchemaRef};
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::physical_expr::PhysicalExpr;

use super::guard::Asked;
use super::{Source, guard, plan, session};
use crate::bits::Bits;
use crate::{Schema, Table, engine};

/// A condition on single rows.
#[derive(Debug, Clone)]
pub struct Condition {
    /// What it reads, as indexes of the schema.
    columns: Vec<usize>,
    schema: SchemaRef,
    expression: Arc<dyn PhysicalExpr>,
}

impl Condition {
    /// The condition, or nothing where it needs more than the row itself or is not a condition at all: a query must
    /// answer that.
    pub async fn plan(sql: &str, table: &str, schema: &Schema) -> Option<Self> {
        let (sql, table, schema) = (sql.to_owned(), table.to_owned(), schema.clone());
        engine::run(async move { Ok(planned(&sql, &table, &schema).await) }).await.ok().flatten()
    }

    /// What it reads, as indexes of the schema.
    #[must_use]
    pub fn columns(&self) -> &[usize] {
        &self.columns
    }

    /// The rows that meet it, of arrays as its columns are; nothing where it cannot be evaluated.
    pub(crate) fn met(&self, arrays: Vec<ArrayRef>, rows: usize) -> Option<Bits> {
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options).ok()?;
        let found = self.expression.evaluate(&batch).and_then(|found| found.into_array(rows)).ok()?;
        let found = found.as_boolean_opt()?;
        let mut met = Bits::of_arrow(found.values());
        if let Some(there) = found.nulls() {
            met.and(&Bits::of_arrow(there.inner()));
        }
        Some(met)
    }
}

async fn planned(sql: &str, table: &str, schema: &Schema) -> Option<Condition> {
    // As part of a larger condition it must be a condition itself, and one expression.
    let question = format!("select (({sql}) and true) as \"met\" from \"{table}\"");
    let Asked::Rows(statement) = guard::read(&question).ok()? else { return None };
    let state = Arc::new(session::state().ok()?);
    let sources = [(table.to_owned(), Source::Rows(Table::empty(schema).ok()?))];
    let planned = plan::plan(&state, &sources, *statement).await.ok()?;
    let LogicalPlan::Projection(projection) = state.optimize(&planned).ok()? else { return None };
    let (LogicalPlan::TableScan(scan), [expression]) =
        (projection.input.as_ref(), projection.expr.as_slice())
    else {
        return None;
    };
    if !scan.filters.is_empty() || scan.fetch.is_some() {
        return None;
    }
    let expression = match expression {
        Expr::Alias(alias) => alias.expr.as_ref().clone(),
        other => other.clone(),
    };
    let read = Arc::clone(scan.projected_schema.inner());
    let columns = read.fields().iter().map(|field| schema.names().position(|name| name == field.name()));
    let columns = columns.collect::<Option<Vec<usize>>>()?;
    let expression = state.create_physical_expr(expression, &scan.projected_schema).ok()?;
    (expression.data_type(&read).ok()? == DataType::Boolean).then_some(Condition {
        columns,
        schema: read,
        expression,
    })
}
