//! The search language, read without knowing what is searched: `metrics.rmse < 0.8 and (params.kind = 'ridge' or tags.best is not null)`.
//!
//! `and` binds tighter than `or`; parentheses group; keywords are read in any case. A field is `name` or `entity.name`;
//! `min(metrics.loss)` and `max(metrics.loss)` are the least and the greatest value a metric ever had, and
//! `metrics.loss@100` is its value at step 100 (no key of a metric holds an `@`, so no other filter changes by it);
//! names with odd characters stand in `` `backticks` `` or quotes. Texts stand in single or double quotes, a doubled
//! quote inside them is one quote.

mod lexer;
mod parser;

use base::names::nearest;

pub use parser::{parse, parse_order};

/// Conditions joined by `and` and `or`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tree<C> {
    /// All must hold; holds when empty.
    All(Vec<Tree<C>>),
    /// At least one must hold.
    Any(Vec<Tree<C>>),
    /// One condition.
    Is(C),
}

impl<C> Tree<C> {
    /// The tree that always holds.
    #[must_use]
    pub const fn everything() -> Self {
        Self::All(Vec::new())
    }

    /// The same tree with each condition turned into something else, or the first failure.
    pub fn try_map<D, E>(self, turn: &mut impl FnMut(C) -> Result<D, E>) -> Result<Tree<D>, E> {
        Ok(match self {
            Self::All(parts) => {
                Tree::All(parts.into_iter().map(|part| part.try_map(turn)).collect::<Result<_, _>>()?)
            }
            Self::Any(parts) => {
                Tree::Any(parts.into_iter().map(|part| part.try_map(turn)).collect::<Result<_, _>>()?)
            }
            Self::Is(condition) => Tree::Is(turn(condition)?),
        })
    }

    /// Whether the tree holds, given whether each condition does.
    pub fn holds(&self, condition_holds: &impl Fn(&C) -> bool) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.holds(condition_holds)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(condition_holds)),
            Self::Is(condition) => condition_holds(condition),
        }
    }

    /// Shows every condition to `look`.
    pub fn visit<'a>(&'a self, look: &mut impl FnMut(&'a C)) {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.visit(look)),
            Self::Is(condition) => look(condition),
        }
    }

    /// Whether any condition is one that `wanted` accepts.
    pub fn mentions(&self, wanted: &impl Fn(&C) -> bool) -> bool {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().any(|part| part.mentions(wanted)),
            Self::Is(condition) => wanted(condition),
        }
    }
}

/// Which value of a metric is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ValueOf {
    /// That of the newest point: `metrics.loss`.
    #[default]
    Last,
    /// The least of all points that are numbers: `min(metrics.loss)`.
    Least,
    /// The greatest of all points that are numbers: `max(metrics.loss)`.
    Greatest,
    /// That of the newest point at a step: `metrics.loss@100`.
    AtStep(i64),
}

/// A field as written: `metrics.rmse` has the entity `metrics` and the name `rmse`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// What stands before the first dot, if there is one.
    pub entity: Option<String>,
    /// The rest, without its quotes.
    pub name: String,
    /// Which of its values: `min(…)` and `max(…)` stand around metrics, `@` and a step behind them.
    pub value_of: ValueOf,
}

impl std::fmt::Display for Field {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = match &self.entity {
            Some(entity) => format!("{entity}.{}", self.name),
            None => self.name.clone(),
        };
        match self.value_of {
            ValueOf::Last => f.write_str(&name),
            ValueOf::Least => write!(f, "min({name})"),
            ValueOf::Greatest => write!(f, "max({name})"),
            ValueOf::AtStep(step) => write!(f, "{name}@{step}"),
        }
    }
}

/// One comparison as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// The left side.
    pub field: Field,
    /// What is between.
    pub operator: Operator,
    /// The right side.
    pub operand: Operand,
}

/// How a field is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is its own name")]
pub enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Like,
    ILike,
    In,
    NotIn,
    IsNull,
    IsNotNull,
}

impl Operator {
    /// The operator as it is written.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Like => "LIKE",
            Self::ILike => "ILIKE",
            Self::In => "IN",
            Self::NotIn => "NOT IN",
            Self::IsNull => "IS NULL",
            Self::IsNotNull => "IS NOT NULL",
        }
    }
}

/// The right side of a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operand {
    /// There is none (`is null`).
    Nothing,
    /// A quoted text.
    Text(String),
    /// A number, as written.
    Number(String),
    /// A list of texts or numbers, as written.
    List(Vec<String>),
}

/// One term of an ordering: `metrics.rmse desc`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order<F> {
    /// By what.
    pub field: F,
    /// Whether the greatest comes first.
    pub descending: bool,
}

/// A filter or ordering that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// The text breaks the grammar.
    #[error("invalid filter at character {at}: {problem}")]
    Syntax {
        /// Where, counted in characters from 1.
        at: usize,
        /// What is wrong.
        problem: String,
    },
    /// The filter is larger than anyone can mean.
    #[error("the filter is too large: at most {most} {unit} are allowed")]
    TooLarge {
        /// The limit.
        most: usize,
        /// Of what.
        unit: &'static str,
    },
    /// There is no such entity.
    #[error("invalid entity type '{entity}'")]
    UnknownEntity {
        /// As written.
        entity: String,
        /// What may stand there.
        known: &'static [&'static str],
    },
    /// There is no such field.
    #[error("invalid attribute key '{name}' specified")]
    UnknownField {
        /// As written.
        name: String,
        /// What may stand there.
        known: &'static [&'static str],
    },
    /// The field cannot be compared so.
    #[error("invalid comparator '{operator}' for `{field}`")]
    WrongOperator {
        /// The field.
        field: String,
        /// The operator as written.
        operator: &'static str,
        /// Those that work.
        known: &'static str,
    },
    /// The right side is of the wrong sort.
    #[error("expected {expected} for `{field}`")]
    WrongOperand {
        /// The field.
        field: String,
        /// What was expected.
        expected: &'static str,
    },
}

impl FilterError {
    /// The nearest word, or the list of what works.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownEntity { entity: word, known } | Self::UnknownField { name: word, known } => {
                Some(match nearest(word, known.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("valid are: {}", known.join(", ")),
                })
            }
            Self::WrongOperator { known, .. } => Some(format!("valid are: {known}")),
            Self::Syntax { .. } | Self::TooLarge { .. } | Self::WrongOperand { .. } => None,
        }
    }
}
