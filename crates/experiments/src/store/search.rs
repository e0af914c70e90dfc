//! Compiles conditions and orderings to SQL. Only fixed pieces and bound values ever meet here.

use std::collections::BTreeMap;

use db::{SortKey, Sql, SqlText, params};

use crate::compare::{KeyTest, Sign, TextTest};
use crate::filter::{Order, Tree};
use crate::query::{By, DatasetField, TextColumn, TimeColumn, ValueOf, Wanted};
use crate::{Error, View};

/// How the tables around a thing are called. Each `…_of` piece ends where the key is bound.
pub(super) struct Target {
    tag_of: &'static str,
    param_of: &'static str,
    metrics: Metrics,
    tag_value_of: &'static str,
    param_value_of: &'static str,
    number: &'static str,
    text: fn(TextColumn) -> &'static str,
    time: fn(TimeColumn) -> &'static str,
}

/// Where a thing's metrics are.
#[derive(Clone, Copy)]
enum Metrics {
    /// In `metric_values`, under the numbers of [`MetricKeys`].
    OfRuns,
    /// In `logged_model_metrics`, under their names.
    OfModels,
    /// There are none.
    None,
}

/// The numbers that metrics have in the experiments that are searched, by name.
pub(super) type MetricKeys = BTreeMap<String, Vec<i64>>;

/// A logged model's dataset: its name, and its digest if that matters.
pub type DatasetOf = (String, Option<String>);

/// What a compiled search needs to know beside the filter itself.
#[derive(Default)]
pub(super) struct Scope<'a> {
    /// The numbers of metrics; of runs only.
    pub keys: MetricKeys,
    /// Metrics of models count only when measured on one of these; all do when none is named.
    pub datasets: &'a [DatasetOf],
}

/// Runs, called `r`.
pub(super) const RUNS: Target = Target {
    tag_of: "exists (select 1 from run_tags x where x.run = r.number and x.key = ",
    param_of: "exists (select 1 from run_params x where x.run = r.number and x.key = ",
    metrics: Metrics::OfRuns,
    tag_value_of: "(select x.value from run_tags x where x.run = r.number and x.key = ",
    param_value_of: "(select x.value from run_params x where x.run = r.number and x.key = ",
    number: "r.number",
    text: |column| match column {
        TextColumn::Id | TextColumn::ModelType | TextColumn::SourceRun => "r.id",
        TextColumn::Name => "r.name",
        TextColumn::Status => "r.status",
        TextColumn::User => "r.user_id",
        TextColumn::ArtifactUri => "r.artifact_uri",
    },
    time: |column| match column {
        TimeColumn::Start | TimeColumn::Created | TimeColumn::Updated => "r.start_time",
        TimeColumn::End => "r.end_time",
    },
};

/// Experiments, called `e`; they have no params and no metrics.
pub(super) const EXPERIMENTS: Target = Target {
    tag_of: "exists (select 1 from experiment_tags x where x.experiment_id = e.id and x.key = ",
    param_of: "exists (select 1 from run_params x where 1 = 0 and x.key = ",
    metrics: Metrics::None,
    tag_value_of: "(select x.value from experiment_tags x where x.experiment_id = e.id and x.key = ",
    param_value_of: "(select x.value from run_params x where 1 = 0 and x.key = ",
    number: "e.id",
    text: |_| "e.name",
    time: |column| match column {
        TimeColumn::Updated | TimeColumn::End => "e.updated_at",
        TimeColumn::Created | TimeColumn::Start => "e.created_at",
    },
};

/// Logged models, called `m`.
pub(super) const MODELS: Target = Target {
    tag_of: "exists (select 1 from logged_model_tags x where x.model_id = m.id and x.key = ",
    param_of: "exists (select 1 from logged_model_params x where x.model_id = m.id and x.key = ",
    metrics: Metrics::OfModels,
    tag_value_of: "(select x.value from logged_model_tags x where x.model_id = m.id and x.key = ",
    param_value_of: "(select x.value from logged_model_params x where x.model_id = m.id and x.key = ",
    number: "m.created_at",
    text: |column| match column {
        TextColumn::Id | TextColumn::User => "m.id",
        TextColumn::Name => "m.name",
        TextColumn::Status => "m.status",
        TextColumn::ArtifactUri => "m.artifact_uri",
        TextColumn::ModelType => "m.model_type",
        TextColumn::SourceRun => "m.source_run_id",
    },
    time: |column| match column {
        TimeColumn::Updated | TimeColumn::End => "m.updated_at",
        TimeColumn::Created | TimeColumn::Start => "m.created_at",
    },
};

/// Makes `like` count case on every engine. SQLite's does not unless the connection says so; PostgreSQL's always does.
pub(super) async fn prepare(sql: &mut impl Sql, filter: &Tree<Wanted>) -> Result<(), Error> {
    let likes = |wanted: &Wanted| {
        matches!(
            wanted,
            Wanted::Param(_, KeyTest::Value(TextTest::Like(_)))
                | Wanted::Tag(_, KeyTest::Value(TextTest::Like(_)))
                | Wanted::Text(_, TextTest::Like(_))
                | Wanted::Dataset(_, TextTest::Like(_))
        )
    };
    if !filter.mentions(&likes) {
        return Ok(());
    }
    let loose = sql
        .fetch_optional("select case when 'a' like 'A' then 1 else 0 end as loose", params![])
        .await?
        .is_some_and(|row| row.int("loose").is_ok_and(|loose| loose == 1));
    if loose {
        sql.execute("pragma case_sensitive_like = 1", params![]).await?;
    }
    Ok(())
}

/// Adds the condition on lifecycle; `column` is such as `" and r.lifecycle = "`.
pub(super) fn push_view(text: SqlText, view: View, column: &'static str) -> SqlText {
    match view {
        View::Active => text.push(column).push("'active'"),
        View::Deleted => text.push(column).push("'deleted'"),
        View::All => text,
    }
}

/// Adds a whole filter.
pub(super) fn push_tree(text: SqlText, target: &Target, scope: &Scope<'_>, tree: &Tree<Wanted>) -> SqlText {
    let (parts, word, empty) = match tree {
        Tree::Is(wanted) => return push_wanted(text, target, scope, wanted),
        Tree::All(parts) => (parts, " and ", "1 = 1"),
        Tree::Any(parts) => (parts, " or ", "1 = 0"),
    };
    if parts.is_empty() {
        return text.push(empty);
    }
    let mut text = text.push("(");
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            text = text.push(word);
        }
        text = push_tree(text, target, scope, part);
    }
    text.push(")")
}

/// A logged model that no run made counts as one of the run ``, as with MLflow.
const SOURCE_RUN_OR_NOTHING: &str = "coalesce(m.source_run_id, '')";

/// Whether what has no run fails the test anyway, so that the column itself can be compared.
fn can_use_index(test: &TextTest) -> bool {
    match test {
        TextTest::Equal(value) => !value.is_empty(),
        TextTest::In(values) => values.iter().all(|value| !value.is_empty()),
        _ => false,
    }
}

fn push_wanted(text: SqlText, target: &Target, scope: &Scope<'_>, wanted: &Wanted) -> SqlText {
    match wanted {
        Wanted::Metric { key, of, sign, value } => {
            push_metric(text, target, scope, (key, *of), *sign, *value)
        }
        Wanted::Param(key, test) => push_key(text, target.param_of, key, test),
        Wanted::Tag(key, test) => push_key(text, target.tag_of, key, test),
        Wanted::Text(TextColumn::SourceRun, test) if !can_use_index(test) => {
            push_test(text, SOURCE_RUN_OR_NOTHING, test)
        }
        Wanted::Text(column, test) => push_test(text, (target.text)(*column), test),
        Wanted::Time { column, sign, millis } => push_time(text, (target.time)(*column), *sign, *millis),
        Wanted::Dataset(field, test) => {
            let column = match field {
                DatasetField::Name => "d.name",
                DatasetField::Digest => "d.digest",
                DatasetField::Context => "i.context",
            };
            let text = text.push(
                "exists (select 1 from run_inputs i join input_datasets d on d.number = i.dataset \
                 where i.run = r.number and ",
            );
            push_test(text, column, test).push(")")
        }
    }
}

fn push_key(text: SqlText, of: &'static str, key: &str, test: &KeyTest) -> SqlText {
    match test {
        KeyTest::Missing => text.push("not ").push(of).bind(key).push(")"),
        KeyTest::Present => text.push(of).bind(key).push(")"),
        // The first letters are what the index holds.
        KeyTest::Value(TextTest::Equal(value)) => text
            .push(of)
            .bind(key)
            .push(" and substr(x.value, 1, 100) = ")
            .bind(&*crate::limits::cut(value, 100))
            .push(" and x.value = ")
            .bind(value)
            .push(")"),
        KeyTest::Value(test) => push_test(text.push(of).bind(key).push(" and "), "x.value", test).push(")"),
    }
}

fn push_test(text: SqlText, column: &'static str, test: &TextTest) -> SqlText {
    match test {
        TextTest::Equal(value) => text.push(column).push(" = ").bind(value),
        TextTest::NotEqual(value) => text.push(column).push(" <> ").bind(value),
        TextTest::Like(pattern) => text.push(column).push(" like ").bind(pattern).push(" escape '\u{1}'"),
        TextTest::ILike(pattern) => text
            .push("lower(")
            .push(column)
            .push(" collate \"C\") like lower(")
            .bind(pattern)
            .push(" collate \"C\") escape '\u{1}'"),
        TextTest::In(values) => text.push(column).push(" in (").bind_list(values).push(")"),
        TextTest::NotIn(values) => text.push(column).push(" not in (").bind_list(values).push(")"),
    }
}

/// Times are compared in whole milliseconds, as clients know them, though columns hold microseconds.
fn push_time(text: SqlText, column: &'static str, sign: Sign, millis: i64) -> SqlText {
    let start = millis.saturating_mul(1_000);
    let end = millis.saturating_add(1).saturating_mul(1_000);
    let from = |text: SqlText| text.push(column).push(" >= ").bind(start);
    let until = |text: SqlText| text.push(column).push(" < ").bind(end);
    match sign {
        Sign::GreaterOrEqual => from(text),
        Sign::LessOrEqual => until(text),
        Sign::Less => text.push(column).push(" < ").bind(start),
        Sign::Greater => text.push(column).push(" >= ").bind(end),
        Sign::Equal => until(from(text.push("(")).push(" and ")).push(")"),
        Sign::NotEqual => text
            .push("(")
            .push(column)
            .push(" < ")
            .bind(start)
            .push(" or ")
            .push(column)
            .push(" >= ")
            .bind(end)
            .push(")"),
    }
}

/// A condition on a metric's value; a newest value that is not a number passes `!=` only.
fn push_metric(
    text: SqlText,
    target: &Target,
    scope: &Scope<'_>,
    (key, of): (&str, ValueOf),
    sign: Sign,
    value: f64,
) -> SqlText {
    let text = match target.metrics {
        Metrics::None => return text.push("1 = 0"),
        Metrics::OfRuns => {
            let Some(numbers) = scope.keys.get(key) else { return text.push("1 = 0") };
            push_values(text.push("exists (select 1"), of, numbers).push(" and ")
        }
        Metrics::OfModels => {
            let text = push_models_metric(text.push("exists (select 1 from "), key, of, scope);
            match of {
                ValueOf::Last | ValueOf::AtStep(_) => text.push(" and "),
                ValueOf::Least | ValueOf::Greatest => text.push(" group by x.model_id having "),
            }
        }
    };
    let column = match (target.metrics, of) {
        (Metrics::OfModels, of) => models_value(of),
        (_, ValueOf::Last | ValueOf::AtStep(_)) => "x.value",
        (_, ValueOf::Least) => "x.low",
        (_, ValueOf::Greatest) => "x.high",
    };
    let text = match sign {
        Sign::NotEqual => {
            text.push("(").push(column).push(" is null or ").push(column).push(" <> ").bind(value).push(")")
        }
        sign => text.push(column).push(sign.sql()).bind(value),
    };
    text.push(")")
}

/// Where the values of a run's metric are, as far as the condition on its key.
pub(super) fn push_values(text: SqlText, of: ValueOf, numbers: &[i64]) -> SqlText {
    let text = match of {
        ValueOf::AtStep(step) => {
            text.push(" from metric_steps x where x.run = r.number and x.step = ").bind(step)
        }
        ValueOf::Last | ValueOf::Least | ValueOf::Greatest => {
            text.push(" from metric_values x where x.run = r.number")
        }
    };
    push_numbers(text.push(" and "), "x.key", numbers)
}

/// A value of a logged model's points; points that are not a number have none.
const fn models_value(of: ValueOf) -> &'static str {
    match of {
        ValueOf::Last | ValueOf::AtStep(_) => "case when x.is_nan = 0 then x.value end",
        ValueOf::Least => "min(case when x.is_nan = 0 then x.value end)",
        ValueOf::Greatest => "max(case when x.is_nan = 0 then x.value end)",
    }
}

fn push_models_metric(text: SqlText, key: &str, of: ValueOf, scope: &Scope<'_>) -> SqlText {
    let mut text = text.push("logged_model_metrics x where x.model_id = m.id and x.key = ").bind(key);
    if let ValueOf::AtStep(step) = of {
        text = text.push(" and x.step = ").bind(step);
    }
    push_datasets(text, scope.datasets)
}

/// ` and (…)`: measured on one of these datasets; nothing when none is named.
fn push_datasets(mut text: SqlText, datasets: &[DatasetOf]) -> SqlText {
    for (index, (name, digest)) in datasets.iter().enumerate() {
        text = text.push(if index == 0 { " and (" } else { " or " });
        text = text.push("(x.dataset_name = ").bind(name);
        if let Some(digest) = digest {
            text = text.push(" and x.dataset_digest = ").bind(digest);
        }
        text = text.push(")");
    }
    if datasets.is_empty() { text } else { text.push(")") }
}

/// Keeps logged models that were measured on one of these datasets at all.
pub(super) fn push_measured_on(text: SqlText, datasets: &[DatasetOf]) -> SqlText {
    let text = text.push(" and exists (select 1 from logged_model_metrics x where x.model_id = m.id");
    push_datasets(text, datasets).push(")")
}

/// `column = 7`, or `column in (7, 8)`.
pub(super) fn push_numbers(text: SqlText, column: &'static str, numbers: &[i64]) -> SqlText {
    match numbers {
        [one] => text.push(column).push(" = ").bind(*one),
        many => text.push(column).push(" in (").bind_list(many.iter().copied()).push(")"),
    }
}

/// The names of the columns that hold sort values, for as many terms as an ordering may have.
const SORT_COLUMNS: [&str; 20] = [
    "k0", "k1", "k2", "k3", "k4", "k5", "k6", "k7", "k8", "k9", "k10", "k11", "k12", "k13", "k14", "k15",
    "k16", "k17", "k18", "k19",
];

/// Adds a column for the value of each term to a select's columns, and the key it is sorted by. `scopes` tells for
/// each term which metrics count; the last holds for the rest.
pub(super) fn push_sort_columns(
    text: SqlText,
    target: &Target,
    scopes: &[Scope<'_>],
    order: &[Order<By>],
) -> (SqlText, Vec<SortKey>) {
    push_sort_columns_from(text, target, scopes, order, 0)
}

fn push_sort_columns_from(
    mut text: SqlText,
    target: &Target,
    scopes: &[Scope<'_>],
    order: &[Order<By>],
    first: usize,
) -> (SqlText, Vec<SortKey>) {
    let everything = Scope::default();
    let mut keys = Vec::new();
    for (index, (Order { field, descending }, column)) in
        order.iter().zip(SORT_COLUMNS.into_iter().skip(first)).enumerate()
    {
        let scope = scopes.get(index).or_else(|| scopes.last()).unwrap_or(&everything);
        text = push_sort_value(text.push(", "), target, scope, field).push(" as ").push(column);
        let is_text = matches!(field, By::Param(_) | By::Tag(_) | By::Text(_));
        keys.push(SortKey { column, is_text, is_optional: true, descending: *descending });
    }
    (text, keys)
}

/// The same for a walk along the values of the metric of the first term, which are in the column `walked`.
pub(super) fn push_sort_columns_walked(
    text: SqlText,
    scope: &Scope<'_>,
    order: &[Order<By>],
    walked: &'static str,
) -> (SqlText, Vec<SortKey>) {
    let text = text.push(", ").push(walked).push(" as k0");
    let Some((first, rest)) = order.split_first() else { return (text, Vec::new()) };
    let walked = SortKey { column: "k0", is_text: false, is_optional: true, descending: first.descending };
    let (text, others) = push_sort_columns_from(text, &RUNS, std::slice::from_ref(scope), rest, 1);
    (text, std::iter::once(walked).chain(others).collect())
}

fn push_sort_value(text: SqlText, target: &Target, scope: &Scope<'_>, field: &By) -> SqlText {
    match field {
        By::Metric(key, of) => match target.metrics {
            Metrics::None => text.push("cast(null as double precision)"),
            Metrics::OfRuns => {
                let Some(numbers) = scope.keys.get(key) else {
                    return text.push("cast(null as double precision)");
                };
                let text = text.push(match of {
                    ValueOf::Last | ValueOf::AtStep(_) => "(select x.value",
                    ValueOf::Least => "(select x.low",
                    ValueOf::Greatest => "(select x.high",
                });
                push_values(text, *of, numbers).push(")")
            }
            Metrics::OfModels => {
                let text = text.push("(select ").push(models_value(*of)).push(" from ");
                let text = push_models_metric(text, key, *of, scope);
                match of {
                    ValueOf::Last | ValueOf::AtStep(_) => {
                        text.push(" order by x.time desc, x.step desc limit 1)")
                    }
                    ValueOf::Least | ValueOf::Greatest => text.push(")"),
                }
            }
        },
        By::Param(key) => text.push(target.param_value_of).bind(key).push(")"),
        By::Tag(key) => text.push(target.tag_value_of).bind(key).push(")"),
        By::Text(TextColumn::SourceRun) => text.push(SOURCE_RUN_OR_NOTHING),
        By::Text(column) => text.push((target.text)(*column)),
        By::Time(column) => text.push((target.time)(*column)),
        By::Number => text.push(target.number),
    }
}
