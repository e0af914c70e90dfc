//! Compiles conditions and orderings to SQL. Only fixed pieces and bound values ever meet here.

use db::{Sql, SqlText, params};

use crate::compare::{KeyTest, Sign, TextTest};
use crate::filter::{Order, Tree};
use crate::query::{By, DatasetField, TextColumn, TimeColumn, Wanted};
use crate::{Error, View};

/// How the tables around a thing are called. Each `…_of` piece ends where the key is bound.
pub(super) struct Target {
    tag_of: &'static str,
    param_of: &'static str,
    metric_of: &'static str,
    tag_value_of: &'static str,
    param_value_of: &'static str,
    metric_value_of: &'static str,
    number: &'static str,
    text: fn(TextColumn) -> &'static str,
    time: fn(TimeColumn) -> &'static str,
}

/// Runs, called `r`.
pub(super) const RUNS: Target = Target {
    tag_of: "exists (select 1 from run_tags x where x.run = r.number and x.key = ",
    param_of: "exists (select 1 from run_params x where x.run = r.number and x.key = ",
    metric_of: "exists (select 1 from latest_metrics x where x.run = r.number and x.key = ",
    tag_value_of: "(select x.value from run_tags x where x.run = r.number and x.key = ",
    param_value_of: "(select x.value from run_params x where x.run = r.number and x.key = ",
    metric_value_of: "(select x.value from latest_metrics x where x.run = r.number and x.is_nan = 0 and x.key = ",
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
    metric_of: "exists (select 1 from latest_metrics x where 1 = 0 and x.key = ",
    tag_value_of: "(select x.value from experiment_tags x where x.experiment_id = e.id and x.key = ",
    param_value_of: "(select x.value from run_params x where 1 = 0 and x.key = ",
    metric_value_of: "(select x.value from latest_metrics x where 1 = 0 and x.key = ",
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
    metric_of: "exists (select 1 from logged_model_metrics x where x.model_id = m.id and x.key = ",
    tag_value_of: "(select x.value from logged_model_tags x where x.model_id = m.id and x.key = ",
    param_value_of: "(select x.value from logged_model_params x where x.model_id = m.id and x.key = ",
    metric_value_of: "(select max(x.value) from logged_model_metrics x \
                      where x.model_id = m.id and x.is_nan = 0 and x.key = ",
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
pub(super) fn push_tree(text: SqlText, target: &Target, tree: &Tree<Wanted>) -> SqlText {
    let (parts, word, empty) = match tree {
        Tree::Is(wanted) => return push_wanted(text, target, wanted),
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
        text = push_tree(text, target, part);
    }
    text.push(")")
}

fn push_wanted(text: SqlText, target: &Target, wanted: &Wanted) -> SqlText {
    match wanted {
        Wanted::Metric { key, sign: Sign::NotEqual, value } => text
            .push(target.metric_of)
            .bind(key)
            .push(" and (x.is_nan = 1 or x.value <> ")
            .bind(*value)
            .push("))"),
        Wanted::Metric { key, sign, value } => text
            .push(target.metric_of)
            .bind(key)
            .push(" and x.is_nan = 0 and x.value")
            .push(sign.sql())
            .bind(*value)
            .push(")"),
        Wanted::Param(key, test) => push_key(text, target.param_of, key, test),
        Wanted::Tag(key, test) => push_key(text, target.tag_of, key, test),
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
        TextTest::ILike(pattern) => {
            text.push("lower(").push(column).push(") like lower(").bind(pattern).push(") escape '\u{1}'")
        }
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

/// Adds `order by` with these terms and then `ties`.
pub(super) fn push_order(
    mut text: SqlText,
    target: &Target,
    order: &[Order<By>],
    ties: &'static str,
) -> SqlText {
    text = text.push(" order by ");
    for Order { field, descending } in order {
        text = match field {
            By::Metric(key) => text.push(target.metric_value_of).bind(key).push(")"),
            By::Param(key) => text.push(target.param_value_of).bind(key).push(")"),
            By::Tag(key) => text.push(target.tag_value_of).bind(key).push(")"),
            By::Text(column) => text.push((target.text)(*column)),
            By::Time(column) => text.push((target.time)(*column)),
            By::Number => text.push(target.number),
        };
        text = text.push(if *descending { " desc nulls last," } else { " asc nulls last," });
    }
    text.push(ties)
}
