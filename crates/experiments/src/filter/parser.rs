//! Puts the pieces of a filter together.

use super::lexer::{Placed, Token, Word, tokens};
use super::{Condition, Field, FilterError, Operand, Operator, Order, Tree, ValueOf};

/// How deep parentheses may nest.
const MOST_DEPTH: usize = 50;
/// How many comparisons a filter may hold.
const MOST_CONDITIONS: usize = 500;
/// How many values an `in` list may hold.
const MOST_LISTED: usize = 5_000;

/// Reads a filter; an empty one lets everything through.
pub fn parse(text: &str) -> Result<Tree<Condition>, FilterError> {
    let tokens = tokens(text)?;
    let end = text.chars().count() + 1;
    let mut parser = Parser { tokens: &tokens, next: 0, end, depth: 0, conditions: 0 };
    if tokens.is_empty() {
        return Ok(Tree::everything());
    }
    let tree = parser.any()?;
    match parser.peek() {
        None => Ok(tree),
        Some(_) => Err(parser.problem("expected `and`, `or` or the end")),
    }
}

/// Reads one term of an ordering: a field, then perhaps `asc` or `desc`.
pub fn parse_order(text: &str) -> Result<Order<Field>, FilterError> {
    let tokens = tokens(text)?;
    let end = text.chars().count() + 1;
    let mut parser = Parser { tokens: &tokens, next: 0, end, depth: 0, conditions: 0 };
    let field = parser.field()?;
    let descending = parser.keyword("desc");
    if !descending {
        parser.keyword("asc");
    }
    match parser.peek() {
        None => Ok(Order { field, descending }),
        Some(_) => Err(parser.problem("expected `asc`, `desc` or the end of the ordering")),
    }
}

struct Parser<'a> {
    tokens: &'a [Placed],
    next: usize,
    end: usize,
    depth: usize,
    conditions: usize,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<&'a Token> {
        self.tokens.get(self.next).map(|(_, token)| token)
    }

    fn take(&mut self) -> Option<&'a Token> {
        let token = self.peek();
        self.next += usize::from(token.is_some());
        token
    }

    fn problem(&self, problem: impl Into<String>) -> FilterError {
        let at = self.tokens.get(self.next).map_or(self.end, |(at, _)| *at);
        FilterError::Syntax { at, problem: problem.into() }
    }

    /// Takes the next word if it is this keyword, in any case.
    fn keyword(&mut self, keyword: &str) -> bool {
        let there = matches!(self.peek(), Some(Token::Word(Word { entity: None, name, bare: true, .. }))
            if name.eq_ignore_ascii_case(keyword));
        self.next += usize::from(there);
        there
    }

    fn any(&mut self) -> Result<Tree<Condition>, FilterError> {
        let mut parts = vec![self.all()?];
        while self.keyword("or") {
            parts.push(self.all()?);
        }
        Ok(only_or(parts, Tree::Any))
    }

    fn all(&mut self) -> Result<Tree<Condition>, FilterError> {
        let mut parts = vec![self.one()?];
        while self.keyword("and") {
            parts.push(self.one()?);
        }
        Ok(only_or(parts, Tree::All))
    }

    fn one(&mut self) -> Result<Tree<Condition>, FilterError> {
        if self.peek() != Some(&Token::Open) {
            return self.condition().map(Tree::Is);
        }
        self.take();
        self.depth += 1;
        if self.depth > MOST_DEPTH {
            return Err(FilterError::TooLarge { most: MOST_DEPTH, unit: "nested parentheses" });
        }
        let tree = self.any()?;
        if self.peek() != Some(&Token::Close) {
            return Err(self.problem("expected `)`"));
        }
        self.take();
        self.depth -= 1;
        Ok(tree)
    }

    fn field(&mut self) -> Result<Field, FilterError> {
        let around = self.value_of();
        if around != ValueOf::Last {
            self.next += 2;
        }
        let (entity, mut name, step) = match self.peek() {
            Some(Token::Word(word)) => (word.entity.clone(), word.name.clone(), step_of(word)),
            Some(Token::Text(text)) => (None, text.clone(), None),
            _ => return Err(self.problem("expected a field such as `metrics.rmse`")),
        };
        let value_of = match step {
            None => around,
            Some(_) if around != ValueOf::Last => {
                return Err(self.problem("`min` and `max` look at all steps: leave them or `@` away"));
            }
            Some(step) => {
                name.truncate(name.len() - step.len() - 1);
                let step = step.parse().map_err(|_| {
                    self.problem(format!("behind `@` stands a step, a whole number; `{step}` is none"))
                })?;
                ValueOf::AtStep(step)
            }
        };
        self.take();
        if around != ValueOf::Last {
            if self.peek() != Some(&Token::Close) {
                return Err(self.problem("expected `)`"));
            }
            self.take();
        }
        Ok(Field { entity, name, value_of })
    }

    /// Whether `min(` or `max(` stands here.
    fn value_of(&self) -> ValueOf {
        let opened = matches!(self.tokens.get(self.next + 1), Some((_, Token::Open)));
        match self.peek() {
            Some(Token::Word(Word { entity: None, name, bare: true, .. })) if opened => {
                match name.to_ascii_lowercase().as_str() {
                    "min" => ValueOf::Least,
                    "max" => ValueOf::Greatest,
                    _ => ValueOf::Last,
                }
            }
            _ => ValueOf::Last,
        }
    }

    fn condition(&mut self) -> Result<Condition, FilterError> {
        self.conditions += 1;
        if self.conditions > MOST_CONDITIONS {
            return Err(FilterError::TooLarge { most: MOST_CONDITIONS, unit: "comparisons" });
        }
        let field = self.field()?;
        let operator = self.operator()?;
        let operand = match operator {
            Operator::IsNull | Operator::IsNotNull => Operand::Nothing,
            Operator::In | Operator::NotIn => self.list()?,
            _ => {
                let operand = match self.peek() {
                    Some(Token::Text(text)) => Operand::Text(text.clone()),
                    Some(Token::Number(number)) => Operand::Number(number.clone()),
                    _ => return Err(self.problem("expected a number or a quoted text")),
                };
                self.take();
                operand
            }
        };
        Ok(Condition { field, operator, operand })
    }

    fn operator(&mut self) -> Result<Operator, FilterError> {
        if let Some(Token::Sign(sign)) = self.peek() {
            self.take();
            return Ok(match *sign {
                "=" => Operator::Equal,
                "!=" => Operator::NotEqual,
                "<" => Operator::Less,
                "<=" => Operator::LessOrEqual,
                ">" => Operator::Greater,
                _ => Operator::GreaterOrEqual,
            });
        }
        if self.keyword("like") {
            return Ok(Operator::Like);
        }
        if self.keyword("ilike") {
            return Ok(Operator::ILike);
        }
        if self.keyword("in") {
            return Ok(Operator::In);
        }
        if self.keyword("not") {
            return if self.keyword("in") {
                Ok(Operator::NotIn)
            } else {
                Err(self.problem("expected `in` after `not`"))
            };
        }
        if self.keyword("is") {
            let not = self.keyword("not");
            return match (self.keyword("null"), not) {
                (true, false) => Ok(Operator::IsNull),
                (true, true) => Ok(Operator::IsNotNull),
                (false, _) => Err(self.problem("expected `null`")),
            };
        }
        Err(self.problem("expected a comparison such as `=`, `<`, `like` or `in`"))
    }

    fn list(&mut self) -> Result<Operand, FilterError> {
        if self.peek() != Some(&Token::Open) {
            return Err(self.problem("expected a list in parentheses"));
        }
        self.take();
        let mut items = Vec::new();
        loop {
            match self.peek() {
                Some(Token::Text(item) | Token::Number(item)) => items.push(item.clone()),
                _ => return Err(self.problem("expected a quoted text")),
            }
            self.take();
            if items.len() > MOST_LISTED {
                return Err(FilterError::TooLarge { most: MOST_LISTED, unit: "values in a list" });
            }
            match self.peek() {
                Some(Token::Comma) => {
                    self.take();
                }
                Some(Token::Close) => {
                    self.take();
                    return Ok(Operand::List(items));
                }
                _ => return Err(self.problem("expected `,` or `)`")),
            }
        }
    }
}

/// What stands behind the `@` of a metric.
fn step_of(word: &Word) -> Option<&str> {
    word.after_at.as_deref().filter(|_| matches!(word.entity.as_deref(), Some("metric" | "metrics")))
}

fn only_or(
    mut parts: Vec<Tree<Condition>>,
    join: fn(Vec<Tree<Condition>>) -> Tree<Condition>,
) -> Tree<Condition> {
    match (parts.len(), parts.pop()) {
        (1, Some(only)) => only,
        (_, last) => {
            parts.extend(last);
            join(parts)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(tree: &Tree<Condition>) -> String {
        let join = |word: &str, parts: &[Tree<Condition>]| {
            let parts: Vec<_> = parts.iter().map(words).collect();
            format!("({word} {})", parts.join(" "))
        };
        match tree {
            Tree::All(parts) => join("and", parts),
            Tree::Any(parts) => join("or", parts),
            Tree::Is(Condition { field, operator, operand }) => match operand {
                Operand::Nothing => format!("[{field} {}]", operator.word()),
                Operand::Text(text) => format!("[{field} {} '{text}']", operator.word()),
                Operand::Number(number) => format!("[{field} {} {number}]", operator.word()),
                Operand::List(items) => format!("[{field} {} {items:?}]", operator.word()),
            },
        }
    }

    fn check(text: &str, expected: &str) {
        assert_eq!(
            parse(text).map(|tree| words(&tree)).unwrap_or_else(|error| error.to_string()),
            expected,
            "{text}"
        );
    }

    #[test]
    fn an_empty_filter_lets_everything_through() {
        check("  ", "(and )");
    }

    #[test]
    fn and_binds_tighter_than_or() {
        check("a = 1 or b = 2 AND c = 3", "(or [a = 1] (and [b = 2] [c = 3]))");
        check("(a=1 or b=2) and c=3", "(and (or [a = 1] [b = 2]) [c = 3])");
    }

    #[test]
    fn keys_may_be_quoted_and_hold_dots_and_spaces() {
        check("metrics.a.b>=-1.5e-3", "[metrics.a.b >= -1.5e-3]");
        check("metrics.a >= .5", "[metrics.a >= .5]");
        check("params.`my key` = 'x'", "[params.my key = 'x']");
        check("tags.\"my key\" != \"it's\"", "[tags.my key != 'it's']");
        check("tags.mlflow.source.name like 'a%'", "[tags.mlflow.source.name LIKE 'a%']");
        check("\"run name\" = 'it''s'", "[run name = 'it's']");
        check("`metric`.`a-b/c` < 3", "[metric.a-b/c < 3]");
    }

    #[test]
    fn the_least_and_the_greatest_value_can_be_meant() {
        check(
            "min(metrics.loss) < 1 and MAX( metrics.`a b` )>2",
            "(and [min(metrics.loss) < 1] [max(metrics.a b) > 2])",
        );
        check("min(metrics.loss < 1", "invalid filter at character 18: expected `)`");
        check("min = 1 or max.x = 2", "(or [min = 1] [max.x = 2])");
        assert_eq!(parse_order("max(metrics.acc) desc").unwrap().field.to_string(), "max(metrics.acc)");
    }

    #[test]
    fn the_value_at_a_step_can_be_meant() {
        check(
            "metrics.loss@100<3 and metric.a.b@-5 >= 1",
            "(and [metrics.loss@100 < 3] [metric.a.b@-5 >= 1])",
        );
        check("metrics.`a b`@0 = 1", "[metrics.a b@0 = 1]");
        assert_eq!(parse_order("metrics.loss@7 desc").unwrap().field.value_of, ValueOf::AtStep(7));
        let plain = |text: &str| parse_order(text).unwrap().field;
        for text in ["tags.a@7", "metrics.`a@7`", "params.a@b"] {
            assert_eq!(plain(text).value_of, ValueOf::Last, "{text}");
        }
        assert_eq!(plain("tags.a@7").name, "a@7");
        for step in ["", "x", "1.5", "99999999999999999999"] {
            let told = format!(
                "invalid filter at character 1: behind `@` stands a step, a whole number; `{step}` is none"
            );
            check(&format!("metrics.loss@{step} < 3"), &told);
        }
        check(
            "min(metrics.loss@3) < 1",
            "invalid filter at character 5: `min` and `max` look at all steps: leave them or `@` away",
        );
    }

    #[test]
    fn lists_and_nulls_are_read() {
        check("run_id in ('a', 'b')", "[run_id IN [\"a\", \"b\"]]");
        check("run_id NOT IN ('a') and tags.x IS NULL", "(and [run_id NOT IN [\"a\"]] [tags.x IS NULL])");
        check("params.x is not null", "[params.x IS NOT NULL]");
    }

    #[test]
    fn mistakes_are_placed() {
        check("a =", "invalid filter at character 4: expected a number or a quoted text");
        check("a = 1 b = 2", "invalid filter at character 7: expected `and`, `or` or the end");
        check("a = 'x", "invalid filter at character 5: the text has no closing '");
        check("(a = 1", "invalid filter at character 7: expected `)`");
        check("a ! 1", "invalid filter at character 3: `!` is followed by `=` only");
        check("a = b", "invalid filter at character 5: expected a number or a quoted text");
    }

    #[test]
    fn nesting_is_bounded() {
        let text = format!("{}a = 1{}", "(".repeat(51), ")".repeat(51));
        check(&text, "the filter is too large: at most 50 nested parentheses are allowed");
    }

    #[test]
    fn an_ordering_names_a_field_and_a_direction() {
        let order = parse_order("metrics.`a b` DESC").unwrap();
        assert_eq!((order.field.to_string().as_str(), order.descending), ("metrics.a b", true));
        assert!(!parse_order("start_time").unwrap().descending);
        assert!(parse_order("start_time sideways").is_err());
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "\\PC{0,60}") {
            let _ = parse(&text);
            let _ = parse_order(&text);
        }

        #[test]
        fn no_soup_of_tokens_makes_the_parser_panic(words in proptest::collection::vec("[()=<>!,.@'\"`]|and|or|not|in|is|null|a|1", 0..30)) {
            let _ = parse(&words.join(" "));
        }
    }
}
