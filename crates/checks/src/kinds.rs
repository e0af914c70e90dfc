//! What holds for whole groups of kinds of checks.

use crate::check::CheckKind;

impl CheckKind {
    /// The columns it is about.
    #[must_use]
    pub fn columns(&self) -> Vec<&str> {
        match self {
            Self::NotNull { column }
            | Self::IsNull { column }
            | Self::Between { column, .. }
            | Self::InSet { column, .. }
            | Self::NotInSet { column, .. }
            | Self::Matches { column, .. }
            | Self::NotMatches { column, .. }
            | Self::Length { column, .. }
            | Self::MaxAge { column, .. }
            | Self::Ordered { column, .. }
            | Self::OfType { column, .. }
            | Self::Freshness { column, .. }
            | Self::Measured { column, .. }
            | Self::Quantile { column, .. }
            | Self::ZScore { column, .. }
            | Self::Parses { column, .. }
            | Self::DistinctValues { column, .. }
            | Self::MostCommon { column, .. }
            | Self::OfTypes { column, .. } => vec![column],
            Self::Compare { left, right, .. } | Self::PairInSet { left, right, .. } => vec![left, right],
            Self::Unique { columns }
            | Self::ColumnsExist { columns }
            | Self::RowSum { columns, .. }
            | Self::Drift { columns, .. }
            | Self::References { columns, .. } => columns.iter().map(String::as_str).collect(),
            Self::RowCount { .. }
            | Self::Sql { .. }
            | Self::ColumnsAre { .. }
            | Self::ColumnCount { .. }
            | Self::Shape { .. }
            | Self::RowsAsIn { .. }
            | Self::Volume { .. } => Vec::new(),
        }
    }

    /// Whether it holds or not for each row, so that `mostly` means something.
    #[must_use]
    pub const fn is_row_check(&self) -> bool {
        matches!(
            self,
            Self::NotNull { .. }
                | Self::IsNull { .. }
                | Self::Between { .. }
                | Self::InSet { .. }
                | Self::NotInSet { .. }
                | Self::Matches { .. }
                | Self::NotMatches { .. }
                | Self::Length { .. }
                | Self::Compare { .. }
                | Self::MaxAge { .. }
                | Self::Unique { .. }
                | Self::Ordered { .. }
                | Self::ZScore { .. }
                | Self::Parses { .. }
                | Self::RowSum { .. }
                | Self::PairInSet { .. }
                | Self::References { .. }
        )
    }

    /// Whether a condition on rows can be put before it.
    #[must_use]
    pub const fn takes_where(&self) -> bool {
        !matches!(self, Self::Sql { .. } | Self::Drift { .. }) && !self.is_about_the_schema()
    }

    /// Whether the schema alone decides it.
    #[must_use]
    pub const fn is_about_the_schema(&self) -> bool {
        matches!(
            self,
            Self::ColumnsExist { .. }
                | Self::OfType { .. }
                | Self::OfTypes { .. }
                | Self::ColumnsAre { .. }
                | Self::ColumnCount { .. }
                | Self::Shape { .. }
        )
    }

    /// The key that says what must hold, as it is written.
    #[must_use]
    pub const fn key(&self) -> &'static str {
        match self {
            Self::NotNull { .. } => "not_null",
            Self::IsNull { .. } => "is_null",
            Self::Between { .. } => "between",
            Self::InSet { .. } => "in_set",
            Self::NotInSet { .. } => "not_in_set",
            Self::Matches { .. } => "matches",
            Self::NotMatches { .. } => "not_matches",
            Self::Length { .. } => "length",
            Self::Compare { .. } => "compare",
            Self::MaxAge { .. } => "max_age",
            Self::Unique { .. } => "unique",
            Self::Ordered { order, .. } => {
                if order.rising {
                    "increasing"
                } else {
                    "decreasing"
                }
            }
            Self::ColumnsExist { .. } => "columns_exist",
            Self::OfType { .. } => "of_type",
            Self::RowCount { .. } => "row_count",
            Self::Freshness { .. } => "freshness",
            Self::Measured { measure, .. } => measure.word(),
            Self::Quantile { .. } => "quantile",
            Self::ZScore { .. } => "z_score",
            Self::Parses { .. } => "parses",
            Self::RowSum { .. } => "row_sum",
            Self::PairInSet { .. } => "pair_in_set",
            Self::DistinctValues { exactly, .. } => {
                if *exactly {
                    "distinct_equal"
                } else {
                    "distinct_contain"
                }
            }
            Self::MostCommon { .. } => "most_common_in",
            Self::ColumnsAre { in_order, .. } => {
                if *in_order {
                    "columns_in_order"
                } else {
                    "columns_are"
                }
            }
            Self::ColumnCount { .. } => "column_count",
            Self::Shape { .. } => "schema",
            Self::OfTypes { .. } => "type_in",
            Self::References { .. } => "references",
            Self::RowsAsIn { .. } => "rows_as_in",
            Self::Volume { .. } => "volume",
            Self::Drift { .. } => "drift",
            Self::Sql { .. } => "sql",
        }
    }
}
