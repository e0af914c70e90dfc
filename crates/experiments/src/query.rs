//! What can be searched and how it is ordered: runs, experiments and logged models.

use crate::compare::{KeyTest, Sign, TextTest, number_test, whole_test};
pub use crate::filter::ValueOf;
use crate::filter::{Condition, Field, FilterError, Order, Tree, parse, parse_order};

const ENTITIES: [&str; 5] = ["metrics", "params", "tags", "attributes", "datasets"];
const RUN_ATTRIBUTES: [&str; 7] =
    ["run_id", "run_name", "status", "user_id", "artifact_uri", "start_time", "end_time"];
const EXPERIMENT_ATTRIBUTES: [&str; 4] = ["name", "creation_time", "last_update_time", "experiment_id"];
const MODEL_ATTRIBUTES: [&str; 7] = [
    "name",
    "model_id",
    "model_type",
    "status",
    "source_run_id",
    "creation_timestamp",
    "last_updated_timestamp",
];
const DATASET_FIELDS: [&str; 3] = ["name", "digest", "context"];

/// What the entity before the dot stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Entity {
    Metric,
    Param,
    Tag,
    Attribute,
    Dataset,
}

fn entity(field: &Field) -> Result<Entity, FilterError> {
    let entity = match field.entity.as_deref() {
        None | Some("attribute" | "attributes" | "attr" | "run") => Entity::Attribute,
        Some("metric" | "metrics") => Entity::Metric,
        Some("param" | "params" | "parameter" | "parameters") => Entity::Param,
        Some("tag" | "tags") => Entity::Tag,
        Some("dataset" | "datasets") => Entity::Dataset,
        Some(other) => return Err(FilterError::UnknownEntity { entity: other.to_owned(), known: &ENTITIES }),
    };
    if entity != Entity::Metric && field.value_of != ValueOf::Last {
        return Err(FilterError::UnknownEntity { entity: field.to_string(), known: &ENTITIES[..1] });
    }
    Ok(entity)
}

fn unknown(field: &Field, known: &'static [&'static str]) -> FilterError {
    FilterError::UnknownField { name: field.name.clone(), known }
}

/// A column of runs, experiments or logged models that holds text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is its own name")]
pub enum TextColumn {
    Id,
    Name,
    Status,
    User,
    ArtifactUri,
    ModelType,
    SourceRun,
}

/// A column that holds a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is its own name")]
pub enum TimeColumn {
    Start,
    End,
    Created,
    Updated,
}

/// A property of a dataset that a run read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is its own name")]
pub enum DatasetField {
    Name,
    Digest,
    Context,
}

/// One condition on a run, experiment or logged model.
#[derive(Debug, Clone, PartialEq)]
pub enum Wanted {
    /// A value of a metric; a metric that is not a number passes `!=` only.
    Metric {
        /// Its name.
        key: String,
        /// Which of its values.
        of: ValueOf,
        /// How it is compared.
        sign: Sign,
        /// With what.
        value: f64,
    },
    /// A param.
    Param(String, KeyTest),
    /// A tag.
    Tag(String, KeyTest),
    /// A text of the thing itself.
    Text(TextColumn, TextTest),
    /// A time of the thing itself, compared in whole milliseconds.
    Time {
        /// Which.
        column: TimeColumn,
        /// How it is compared.
        sign: Sign,
        /// With what, in milliseconds since the epoch.
        millis: i64,
    },
    /// At least one dataset of the run passes.
    Dataset(DatasetField, TextTest),
}

/// By what things are ordered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum By {
    /// A value of a metric; missing ones and those that are not a number come last.
    Metric(String, ValueOf),
    /// A param; missing ones come last.
    Param(String),
    /// A tag; missing ones come last.
    Tag(String),
    /// A text.
    Text(TextColumn),
    /// A time; missing ones come last.
    Time(TimeColumn),
    /// The number of an experiment.
    Number,
}

/// A filter on runs.
pub fn run_filter(text: &str) -> Result<Tree<Wanted>, FilterError> {
    parse(text)?.try_map(&mut |condition: Condition| {
        let key = condition.field.name.clone();
        Ok(match entity(&condition.field)? {
            Entity::Metric => metric(&condition, key)?,
            Entity::Param => Wanted::Param(key, KeyTest::of(&condition)?),
            Entity::Tag => Wanted::Tag(key, KeyTest::of(&condition)?),
            Entity::Dataset => {
                let field = match key.as_str() {
                    "name" => DatasetField::Name,
                    "digest" => DatasetField::Digest,
                    "context" => DatasetField::Context,
                    _ => return Err(unknown(&condition.field, &DATASET_FIELDS)),
                };
                Wanted::Dataset(field, TextTest::of(&condition)?)
            }
            Entity::Attribute => attribute(run_column(&condition.field)?, &condition)?,
        })
    })
}

/// An ordering of runs.
pub fn run_order(terms: &[String]) -> Result<Vec<Order<By>>, FilterError> {
    order(terms, |field| {
        let key = field.name.clone();
        Ok(match entity(field)? {
            Entity::Metric => By::Metric(key, field.value_of),
            Entity::Param => By::Param(key),
            Entity::Tag => By::Tag(key),
            Entity::Attribute => run_column(field)?.into(),
            Entity::Dataset => return Err(unknown(field, &ENTITIES)),
        })
    })
}

/// A filter on experiments.
pub fn experiment_filter(text: &str) -> Result<Tree<Wanted>, FilterError> {
    parse(text)?.try_map(&mut |condition: Condition| match entity(&condition.field)? {
        Entity::Tag => Ok(Wanted::Tag(condition.field.name.clone(), KeyTest::of(&condition)?)),
        Entity::Attribute => match experiment_column(&condition.field)? {
            Column::Number => Err(unknown(&condition.field, &EXPERIMENT_ATTRIBUTES)),
            column => attribute(column, &condition),
        },
        _ => Err(unknown_entity(&condition.field)),
    })
}

/// An ordering of experiments.
pub fn experiment_order(terms: &[String]) -> Result<Vec<Order<By>>, FilterError> {
    order(terms, |field| match entity(field)? {
        Entity::Attribute => experiment_column(field).map(By::from),
        _ => Err(unknown_entity(field)),
    })
}

/// A filter on logged models.
pub fn model_filter(text: &str) -> Result<Tree<Wanted>, FilterError> {
    parse(text)?.try_map(&mut |condition: Condition| {
        let key = condition.field.name.clone();
        Ok(match entity(&condition.field)? {
            Entity::Metric => metric(&condition, key)?,
            Entity::Param => Wanted::Param(key, KeyTest::of(&condition)?),
            Entity::Tag => Wanted::Tag(key, KeyTest::of(&condition)?),
            Entity::Attribute => attribute(model_column(&condition.field)?, &condition)?,
            Entity::Dataset => return Err(unknown_entity(&condition.field)),
        })
    })
}

/// One term of an ordering of logged models.
pub fn model_order(field_name: &str, descending: bool) -> Result<Order<By>, FilterError> {
    let mut found = order(&[field_name.to_owned()], |field| match entity(field)? {
        Entity::Attribute => model_column(field).map(By::from),
        Entity::Metric => Ok(By::Metric(field.name.clone(), field.value_of)),
        _ => Err(unknown_entity(field)),
    })?;
    match found.pop() {
        Some(term) => Ok(Order { descending, ..term }),
        None => Err(FilterError::UnknownField { name: field_name.to_owned(), known: &MODEL_ATTRIBUTES }),
    }
}

fn unknown_entity(field: &Field) -> FilterError {
    FilterError::UnknownEntity {
        entity: field.entity.clone().unwrap_or_default(),
        known: &["tags", "attributes"],
    }
}

fn order(
    terms: &[String],
    by: impl Fn(&Field) -> Result<By, FilterError>,
) -> Result<Vec<Order<By>>, FilterError> {
    const MOST_TERMS: usize = 20;
    if terms.len() > MOST_TERMS {
        return Err(FilterError::TooLarge { most: MOST_TERMS, unit: "terms of an ordering" });
    }
    terms
        .iter()
        .map(|term| {
            let Order { field, descending } = parse_order(term)?;
            Ok(Order { field: by(&field)?, descending })
        })
        .collect()
}

#[derive(Clone, Copy)]
enum Column {
    Text(TextColumn),
    Time(TimeColumn),
    Number,
}

impl From<Column> for By {
    fn from(column: Column) -> Self {
        match column {
            Column::Text(column) => Self::Text(column),
            Column::Time(column) => Self::Time(column),
            Column::Number => Self::Number,
        }
    }
}

fn run_column(field: &Field) -> Result<Column, FilterError> {
    Ok(match field.name.as_str() {
        "run_id" => Column::Text(TextColumn::Id),
        "run_name" | "run name" | "Run name" | "Run Name" => Column::Text(TextColumn::Name),
        "status" => Column::Text(TextColumn::Status),
        "user_id" => Column::Text(TextColumn::User),
        "artifact_uri" => Column::Text(TextColumn::ArtifactUri),
        "start_time" | "created" | "Created" => Column::Time(TimeColumn::Start),
        "end_time" => Column::Time(TimeColumn::End),
        _ => return Err(unknown(field, &RUN_ATTRIBUTES)),
    })
}

fn experiment_column(field: &Field) -> Result<Column, FilterError> {
    Ok(match field.name.as_str() {
        "name" => Column::Text(TextColumn::Name),
        "creation_time" => Column::Time(TimeColumn::Created),
        "last_update_time" => Column::Time(TimeColumn::Updated),
        "experiment_id" => Column::Number,
        _ => return Err(unknown(field, &EXPERIMENT_ATTRIBUTES)),
    })
}

fn model_column(field: &Field) -> Result<Column, FilterError> {
    Ok(match field.name.as_str() {
        "name" => Column::Text(TextColumn::Name),
        "model_id" => Column::Text(TextColumn::Id),
        "model_type" => Column::Text(TextColumn::ModelType),
        "status" => Column::Text(TextColumn::Status),
        "source_run_id" => Column::Text(TextColumn::SourceRun),
        "creation_timestamp" | "creation_time" => Column::Time(TimeColumn::Created),
        "last_updated_timestamp" | "last_updated_time" => Column::Time(TimeColumn::Updated),
        _ => return Err(unknown(field, &MODEL_ATTRIBUTES)),
    })
}

fn metric(condition: &Condition, key: String) -> Result<Wanted, FilterError> {
    let (sign, value) = number_test(condition)?;
    Ok(Wanted::Metric { key, of: condition.field.value_of, sign, value })
}

fn attribute(column: Column, condition: &Condition) -> Result<Wanted, FilterError> {
    Ok(match column {
        Column::Text(column) => Wanted::Text(column, TextTest::of(condition)?),
        Column::Time(column) => {
            let (sign, millis) = whole_test(condition)?;
            Wanted::Time { column, sign, millis }
        }
        Column::Number => return Err(unknown(&condition.field, &EXPERIMENT_ATTRIBUTES)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(text: &str) -> String {
        run_filter(text).unwrap_err().to_string()
    }

    #[test]
    fn every_name_of_an_entity_is_understood() {
        for text in ["metrics.a > 1", "metric.a > 1"] {
            let wanted =
                Wanted::Metric { key: "a".into(), of: ValueOf::Last, sign: Sign::Greater, value: 1.0 };
            assert_eq!(run_filter(text).unwrap(), Tree::Is(wanted));
        }
        for text in ["params.a = 'x'", "param.a = 'x'", "parameters.a = 'x'", "parameter.a = \"x\""] {
            let wanted = Wanted::Param("a".into(), KeyTest::Value(TextTest::Equal("x".into())));
            assert_eq!(run_filter(text).unwrap(), Tree::Is(wanted));
        }
        for text in ["status = 'x'", "attribute.status = 'x'", "attr.status = 'x'", "run.status = 'x'"] {
            let wanted = Wanted::Text(TextColumn::Status, TextTest::Equal("x".into()));
            assert_eq!(run_filter(text).unwrap(), Tree::Is(wanted));
        }
    }

    #[test]
    fn wrong_fields_operators_and_operands_are_named() {
        assert_eq!(problem("foo.a > 1"), "invalid entity type 'foo'");
        assert_eq!(problem("attribute.x = 'a'"), "invalid attribute key 'x' specified");
        assert_eq!(problem("metrics.a like 'x'"), "invalid comparator 'LIKE' for `metrics.a`");
        assert_eq!(problem("metrics.a > 'x'"), "expected a number for `metrics.a`");
        assert_eq!(problem("params.a > 'x'"), "invalid comparator '>' for `params.a`");
        assert_eq!(problem("params.a = 3"), "expected a quoted text for `params.a`");
        assert_eq!(problem("start_time > 1.5"), "expected a whole number for `start_time`");
    }

    #[test]
    fn the_nearest_word_is_a_hint() {
        let error = run_filter("metrisc.a > 1").unwrap_err();
        assert_eq!(error.hint().as_deref(), Some("did you mean `metrics`?"));
    }
}
