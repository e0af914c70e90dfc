//! The search language over models and versions, turned into the registry's own conditions.

use experiments::compare::{self, KeyTest, TextTest};
use experiments::filter::{Condition, Field, FilterError, Operand, Tree, parse, parse_order};
use registry::{Column, Filter, Order, Sign, Test, Wanted};

use super::failure::Failure;

const MODEL_FIELDS: [&str; 1] = ["name"];
const VERSION_FIELDS: [&str; 4] = ["name", "version_number", "run_id", "source_path"];
const ORDER_FIELDS: [&str; 4] = ["name", "creation_timestamp", "last_updated_timestamp", "version_number"];
/// Prompts are models with this tag; they are hidden from those who do not ask for them.
const PROMPT_TAG: &str = "mlflow.prompt.is_prompt";

/// A filter on models.
pub(super) fn models(text: &str) -> Result<Filter, Failure> {
    hide_prompts(text, |condition| match (tag_of(&condition.field)?, condition.field.name.as_str()) {
        (true, key) => Ok(Wanted::Tag(key.to_owned(), key_test(condition)?)),
        (false, "name") => Ok(Wanted::Name(text_test(TextTest::of(condition)?))),
        (false, other) => Err(FilterError::UnknownField { name: other.to_owned(), known: &MODEL_FIELDS }),
    })
}

/// A filter on versions.
pub(super) fn versions(text: &str) -> Result<Filter, Failure> {
    hide_prompts(text, |condition| match (tag_of(&condition.field)?, condition.field.name.as_str()) {
        (true, key) => Ok(Wanted::Tag(key.to_owned(), key_test(condition)?)),
        (false, "name") => Ok(Wanted::Name(text_test(TextTest::of(condition)?))),
        (false, "run_id") => Ok(Wanted::SourceRun(text_test(TextTest::of(condition)?))),
        (false, "source_path") => Ok(Wanted::Source(text_test(TextTest::of(condition)?))),
        (false, "version_number") => {
            let (sign, number) = compare::whole_test(&unquoted(condition))?;
            Ok(Wanted::Number(sign_of(sign), number))
        }
        (false, other) => Err(FilterError::UnknownField { name: other.to_owned(), known: &VERSION_FIELDS }),
    })
}

/// An ordering of models or versions.
pub(super) fn order(terms: &[String]) -> Result<Vec<Order>, Failure> {
    terms
        .iter()
        .map(|term| {
            let parsed = parse_order(term)?;
            let column = match parsed.field.name.as_str() {
                "name" => Column::Name,
                "creation_timestamp" => Column::CreatedAt,
                "timestamp" | "last_updated_timestamp" => Column::UpdatedAt,
                "version_number" => Column::Number,
                other => {
                    return Err(
                        FilterError::UnknownField { name: other.to_owned(), known: &ORDER_FIELDS }.into()
                    );
                }
            };
            Ok(Order { column, descending: parsed.descending })
        })
        .collect()
}

/// Hides prompts from those who do not ask for them with `tags.mlflow.prompt.is_prompt = 'true'`. Clients send
/// `!= 'true'` for the rest, which has no such tag at all.
fn hide_prompts(
    text: &str,
    turn: impl Fn(&Condition) -> Result<Wanted, FilterError>,
) -> Result<Filter, Failure> {
    let tree = parse(text)?.try_map(&mut |condition| turn(&condition))?;
    let for_prompts = |wanted: &Wanted| matches!(wanted, Wanted::Tag(key, Test::Equal(word)) if key == PROMPT_TAG && word == "true");
    let filter = if tree.mentions(&for_prompts) { Vec::new() } else { vec![no_prompt()] };
    Ok(Filter::All([vec![filter_of(tree)], filter].concat()))
}

fn no_prompt() -> Filter {
    Filter::Any(vec![
        Filter::Is(Wanted::Tag(PROMPT_TAG.to_owned(), Test::Missing)),
        Filter::Is(Wanted::Tag(PROMPT_TAG.to_owned(), Test::NotEqual("true".to_owned()))),
    ])
}

fn filter_of(tree: Tree<Wanted>) -> Filter {
    match tree {
        Tree::All(parts) => Filter::All(parts.into_iter().map(filter_of).collect()),
        Tree::Any(parts) => Filter::Any(parts.into_iter().map(filter_of).collect()),
        Tree::Is(Wanted::Tag(key, Test::NotEqual(_))) if key == PROMPT_TAG => no_prompt(),
        Tree::Is(Wanted::Tag(key, Test::Equal(word))) if key == PROMPT_TAG && word != "true" => no_prompt(),
        Tree::Is(wanted) => Filter::Is(wanted),
    }
}

/// The same condition with a quoted number read as a number, as clients write versions.
fn unquoted(condition: &Condition) -> Condition {
    let mut condition = condition.clone();
    if let Operand::Text(text) = &condition.operand
        && text.parse::<i64>().is_ok()
    {
        condition.operand = Operand::Number(text.clone());
    }
    condition
}

/// Whether a field is a tag; anything else must be an attribute.
fn tag_of(field: &Field) -> Result<bool, FilterError> {
    match field.entity.as_deref() {
        Some("tag" | "tags") => Ok(true),
        None | Some("attribute" | "attributes" | "attr") => Ok(false),
        Some(other) => {
            Err(FilterError::UnknownEntity { entity: other.to_owned(), known: &["tags", "attributes"] })
        }
    }
}

fn key_test(condition: &Condition) -> Result<Test, FilterError> {
    Ok(match KeyTest::of(condition)? {
        KeyTest::Missing => Test::Missing,
        KeyTest::Present => Test::Present,
        KeyTest::Value(test) => text_test(test),
    })
}

fn text_test(test: TextTest) -> Test {
    match test {
        TextTest::Equal(value) => Test::Equal(value),
        TextTest::NotEqual(value) => Test::NotEqual(value),
        TextTest::Like(pattern) => Test::Like(pattern),
        TextTest::ILike(pattern) => Test::ILike(pattern),
        TextTest::In(values) => Test::In(values),
        TextTest::NotIn(values) => Test::NotIn(values),
    }
}

const fn sign_of(sign: compare::Sign) -> Sign {
    match sign {
        compare::Sign::Equal => Sign::Equal,
        compare::Sign::NotEqual => Sign::NotEqual,
        compare::Sign::Less => Sign::Less,
        compare::Sign::LessOrEqual => Sign::LessOrEqual,
        compare::Sign::Greater => Sign::Greater,
        compare::Sign::GreaterOrEqual => Sign::GreaterOrEqual,
    }
}
