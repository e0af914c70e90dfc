//! A Parquet file as a table that is read while a query runs.

use std::path::Path;
use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::common::{Column, Result as Planned};
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl};
use datafusion::datasource::{ViewTable, provider_as_source};
use datafusion::execution::SessionState;
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, cast};

use super::failure;
use crate::{ColumnType, Error, Result};

/// The file with every column as one of our five types; a column of another type is refused.
pub(super) async fn parquet(state: &SessionState, file: &Path) -> Result<Arc<dyn TableProvider>> {
    let shown = || file.display().to_string();
    let storage =
        |problem: String| Error::Storage { doing: "open", location: file.display().to_string(), problem };
    let path = file.canonicalize().map_err(|error| storage(error.to_string()))?;
    let url = url::Url::from_file_path(&path)
        .map_err(|()| storage("the path cannot be written as an address".to_owned()))?;
    let place = ListingTableUrl::parse(url.as_str()).map_err(failure::words)?;
    let options = ListingOptions::new(Arc::new(ParquetFormat::default())).with_file_extension("");
    let damaged = |problem: String| Error::Damaged { what: format!("`{}`", shown()), problem };
    let schema = options.infer_schema(state, &place).await.map_err(|error| damaged(error.to_string()))?;
    let mut columns = Vec::with_capacity(schema.fields().len());
    for field in schema.fields() {
        let kind = ColumnType::of_arrow(field.data_type()).ok_or_else(|| Error::UnsupportedType {
            column: field.name().clone(),
            kind: field.data_type().to_string(),
        })?;
        let column = Expr::Column(Column::new_unqualified(field.name()));
        let wanted = kind.to_arrow();
        columns.push(if *field.data_type() == wanted {
            column
        } else {
            cast(column, wanted).alias(field.name())
        });
    }
    let config = ListingTableConfig::new(place).with_listing_options(options).with_schema(schema);
    let table = ListingTable::try_new(config).map_err(failure::words)?;
    view(table, columns).map_err(failure::words)
}

fn view(table: ListingTable, columns: Vec<Expr>) -> Planned<Arc<dyn TableProvider>> {
    let plan = LogicalPlanBuilder::scan("file", provider_as_source(Arc::new(table)), None)?
        .project(columns)?
        .build()?;
    Ok(Arc::new(ViewTable::new(plan, None)))
}
