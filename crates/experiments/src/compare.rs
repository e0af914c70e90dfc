//! Typed comparisons: what a condition of the search language means for a text or a number.

use crate::filter::{Condition, FilterError, Operand, Operator};

/// How two numbers are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is its own name")]
pub enum Sign {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Sign {
    fn of(operator: Operator) -> Option<Self> {
        Some(match operator {
            Operator::Equal => Self::Equal,
            Operator::NotEqual => Self::NotEqual,
            Operator::Less => Self::Less,
            Operator::LessOrEqual => Self::LessOrEqual,
            Operator::Greater => Self::Greater,
            Operator::GreaterOrEqual => Self::GreaterOrEqual,
            _ => return None,
        })
    }

    /// The sign in SQL, with spaces around it.
    #[must_use]
    pub const fn sql(self) -> &'static str {
        match self {
            Self::Equal => " = ",
            Self::NotEqual => " <> ",
            Self::Less => " < ",
            Self::LessOrEqual => " <= ",
            Self::Greater => " > ",
            Self::GreaterOrEqual => " >= ",
        }
    }

    /// Whether `left` stands so to `right`.
    pub fn holds<T: PartialOrd>(self, left: &T, right: &T) -> bool {
        match self {
            Self::Equal => left == right,
            Self::NotEqual => left != right,
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
        }
    }
}

/// What a text must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TextTest {
    /// This text.
    Equal(String),
    /// Any other text.
    NotEqual(String),
    /// A text of this pattern: `%` is any text, `_` any one character; case counts.
    Like(String),
    /// A text of this pattern, whatever the case of its ASCII letters.
    ILike(String),
    /// One of these.
    In(Vec<String>),
    /// None of these.
    NotIn(Vec<String>),
}

impl TextTest {
    /// The test that the right half of `condition` asks for.
    pub fn of(condition: &Condition) -> Result<Self, FilterError> {
        let text = || match &condition.operand {
            Operand::Text(text) => Ok(text.clone()),
            _ => Err(wrong_operand(condition, "a quoted text")),
        };
        let list = || match &condition.operand {
            Operand::List(items) => Ok(items.clone()),
            _ => Err(wrong_operand(condition, "a list of quoted texts")),
        };
        Ok(match condition.operator {
            Operator::Equal => Self::Equal(text()?),
            Operator::NotEqual => Self::NotEqual(text()?),
            Operator::Like => Self::Like(text()?),
            Operator::ILike => Self::ILike(text()?),
            Operator::In => Self::In(list()?),
            Operator::NotIn => Self::NotIn(list()?),
            _ => return Err(wrong_operator(condition, "=, !=, LIKE, ILIKE, IN, NOT IN")),
        })
    }

    /// Whether `text` passes.
    #[must_use]
    pub fn holds(&self, text: &str) -> bool {
        match self {
            Self::Equal(wanted) => text == wanted,
            Self::NotEqual(other) => text != other,
            Self::Like(pattern) => like(text, pattern),
            Self::ILike(pattern) => like(&text.to_ascii_lowercase(), &pattern.to_ascii_lowercase()),
            Self::In(wanted) => wanted.iter().any(|one| one == text),
            Self::NotIn(others) => others.iter().all(|one| one != text),
        }
    }
}

/// What the value under a key must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyTest {
    /// There is no such key.
    Missing,
    /// There is such a key.
    Present,
    /// There is such a key, and its value passes.
    Value(TextTest),
}

impl KeyTest {
    /// The test that the right half of `condition` asks for.
    pub fn of(condition: &Condition) -> Result<Self, FilterError> {
        match condition.operator {
            Operator::IsNull => Ok(Self::Missing),
            Operator::IsNotNull => Ok(Self::Present),
            Operator::Equal
            | Operator::NotEqual
            | Operator::Like
            | Operator::ILike
            | Operator::In
            | Operator::NotIn => TextTest::of(condition).map(Self::Value),
            _ => Err(wrong_operator(condition, "=, !=, LIKE, ILIKE, IN, NOT IN, IS NULL, IS NOT NULL")),
        }
    }

    /// Whether what is under the key passes.
    #[must_use]
    pub fn holds(&self, value: Option<&str>) -> bool {
        match (self, value) {
            (Self::Missing, value) => value.is_none(),
            (Self::Present, value) => value.is_some(),
            (Self::Value(test), Some(value)) => test.holds(value),
            (Self::Value(_), None) => false,
        }
    }
}

/// The sign and number that the right half of `condition` asks for.
pub fn number_test(condition: &Condition) -> Result<(Sign, f64), FilterError> {
    let (sign, text) = sign_and_number(condition)?;
    match text.parse::<f64>() {
        Ok(number) => Ok((sign, number)),
        Err(_) => Err(wrong_operand(condition, "a number")),
    }
}

/// The sign and whole number that the right half of `condition` asks for.
pub fn whole_test(condition: &Condition) -> Result<(Sign, i64), FilterError> {
    let (sign, text) = sign_and_number(condition)?;
    match text.parse::<i64>() {
        Ok(number) => Ok((sign, number)),
        Err(_) => Err(wrong_operand(condition, "a whole number")),
    }
}

fn sign_and_number(condition: &Condition) -> Result<(Sign, &str), FilterError> {
    let sign =
        Sign::of(condition.operator).ok_or_else(|| wrong_operator(condition, "=, !=, <, <=, >, >="))?;
    match &condition.operand {
        Operand::Number(text) => Ok((sign, text)),
        _ => Err(wrong_operand(condition, "a number")),
    }
}

fn wrong_operand(condition: &Condition, expected: &'static str) -> FilterError {
    FilterError::WrongOperand { field: condition.field.to_string(), expected }
}

fn wrong_operator(condition: &Condition, known: &'static str) -> FilterError {
    FilterError::WrongOperator {
        field: condition.field.to_string(),
        operator: condition.operator.word(),
        known,
    }
}

/// Whether `text` has the pattern: `%` is any text, `_` any one character.
#[must_use]
pub fn like(text: &str, pattern: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let pattern: Vec<char> = pattern.chars().collect();
    let (mut t, mut p) = (0, 0);
    // Where to go back to when the rest does not fit: the last `%` and the text it has swallowed so far.
    let mut back: Option<(usize, usize)> = None;
    loop {
        match (pattern.get(p), text.get(t)) {
            (Some('%'), _) => {
                back = Some((p, t));
                p += 1;
            }
            (Some(wanted), Some(c)) if *wanted == '_' || wanted == c => {
                t += 1;
                p += 1;
            }
            (None, None) => return true,
            (_, rest) => match back {
                Some((percent, swallowed)) if rest.is_some() || swallowed < text.len() => {
                    back = Some((percent, swallowed + 1));
                    t = swallowed + 1;
                    p = percent + 1;
                }
                _ => return false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_sql() {
        for (text, pattern, expected) in [
            ("abc", "abc", true),
            ("abc", "a%", true),
            ("abc", "%c", true),
            ("abc", "%b%", true),
            ("abc", "a_c", true),
            ("abc", "A%", false),
            ("abc", "%d%", false),
            ("abc", "ab", false),
            ("", "%", true),
            ("", "_", false),
            ("aXbXc", "a%b%c", true),
            ("aab", "%ab", true),
            ("abcabd", "%ab_", true),
        ] {
            assert_eq!(like(text, pattern), expected, "{text} like {pattern}");
        }
    }
}
