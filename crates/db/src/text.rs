//! Statements put together at run time from fixed pieces and bound values.

use crate::Value;

#[derive(Debug, Clone)]
enum Piece {
    Fixed(&'static str),
    Bound(Value),
}

/// How the places of values are written.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Places {
    /// `?`, one after another. SQLite walks along all the names of a statement for each place that has one, so that a
    /// thousand named places cost half a million steps.
    InOrder,
    /// `$1`, `$2`, as PostgreSQL wants them.
    Numbered,
}

/// A statement made of fixed pieces and bound values. What users send can only ever be bound.
#[derive(Debug, Clone, Default)]
pub struct SqlText {
    pieces: Vec<Piece>,
}

impl SqlText {
    /// A statement that begins with `fixed`.
    #[must_use]
    pub fn new(fixed: &'static str) -> Self {
        Self { pieces: vec![Piece::Fixed(fixed)] }
    }

    /// Adds a fixed piece.
    #[must_use]
    pub fn push(mut self, fixed: &'static str) -> Self {
        self.pieces.push(Piece::Fixed(fixed));
        self
    }

    /// Adds a placeholder with its value.
    #[must_use]
    pub fn bind(mut self, value: impl Into<Value>) -> Self {
        self.pieces.push(Piece::Bound(value.into()));
        self
    }

    /// Adds placeholders with their values, separated by commas.
    #[must_use]
    pub fn bind_list<V: Into<Value>>(mut self, values: impl IntoIterator<Item = V>) -> Self {
        for (index, value) in values.into_iter().enumerate() {
            if index > 0 {
                self.pieces.push(Piece::Fixed(", "));
            }
            self.pieces.push(Piece::Bound(value.into()));
        }
        self
    }

    /// Adds another statement's pieces.
    #[must_use]
    pub fn append(mut self, other: Self) -> Self {
        self.pieces.extend(other.pieces);
        self
    }

    /// How many values are bound.
    #[must_use]
    pub fn bound(&self) -> usize {
        self.pieces.iter().filter(|piece| matches!(piece, Piece::Bound(_))).count()
    }

    pub(crate) fn render(self, places: Places) -> (String, Vec<Value>) {
        let mut sql = String::new();
        let mut values = Vec::new();
        for piece in self.pieces {
            match piece {
                Piece::Fixed(fixed) => sql.push_str(fixed),
                Piece::Bound(value) => {
                    values.push(value);
                    match places {
                        Places::InOrder => sql.push('?'),
                        Places::Numbered => {
                            sql.push('$');
                            sql.push_str(&values.len().to_string());
                        }
                    }
                }
            }
        }
        (sql, values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_written_across_pieces_as_the_database_wants_them() {
        let inner = SqlText::new("b in (").bind_list(["x", "y"]).push(")");
        let text = SqlText::new("select a from t where a = ").bind(1_i64).push(" and ").append(inner);
        let (sql, values) = text.clone().render(Places::Numbered);
        assert_eq!(sql, "select a from t where a = $1 and b in ($2, $3)");
        assert_eq!(values, crate::params![1_i64, "x", "y"]);
        let (sql, values) = text.render(Places::InOrder);
        assert_eq!(sql, "select a from t where a = ? and b in (?, ?)");
        assert_eq!(values, crate::params![1_i64, "x", "y"]);
    }
}
