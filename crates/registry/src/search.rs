//! What models and versions can be looked for by, and its SQL. Only fixed pieces and bound values ever meet here.

use db::{SortKey, Sql, SqlText, params};

use crate::{Error, project_and_name};

/// Conditions joined by `and` and `or`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// All must hold; holds when empty.
    All(Vec<Filter>),
    /// At least one must hold.
    Any(Vec<Filter>),
    /// One condition.
    Is(Wanted),
}

impl Filter {
    /// Lets everything through.
    #[must_use]
    pub const fn everything() -> Self {
        Self::All(Vec::new())
    }

    /// The model of this name, which says its project unless that is the default one, and its versions.
    #[must_use]
    pub fn model(model: &str) -> Self {
        let (project, name) = project_and_name(model);
        Self::Is(Wanted::Name(Test::Equal(name.to_owned()))).within(project)
    }

    /// Versions of `model` with this number.
    #[must_use]
    pub fn version(model: &str, number: i64) -> Self {
        Self::All(vec![Self::model(model), Self::Is(Wanted::Number(Sign::Equal, number))])
    }

    /// The same, of this project only.
    #[must_use]
    pub fn within(self, project: &str) -> Self {
        Self::All(vec![Self::Is(Wanted::Project(project.to_owned())), self])
    }

    fn mentions_like(&self) -> bool {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().any(Self::mentions_like),
            Self::Is(
                Wanted::Name(test) | Wanted::SourceRun(test) | Wanted::Source(test) | Wanted::Tag(_, test),
            ) => matches!(test, Test::Like(_)),
            Self::Is(Wanted::Number(..) | Wanted::Project(_)) => false,
        }
    }
}

/// One condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// On the model's project.
    Project(String),
    /// On the model's name, without its project.
    Name(Test),
    /// On a version's number.
    Number(Sign, i64),
    /// On the run that made a version.
    SourceRun(Test),
    /// On where a version's files come from.
    Source(Test),
    /// On a tag of the model or version.
    Tag(String, Test),
}

/// What a text must be. A text that is not there passes `Missing` only.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is its own name")]
pub enum Test {
    Equal(String),
    NotEqual(String),
    Like(String),
    ILike(String),
    In(Vec<String>),
    NotIn(Vec<String>),
    Missing,
    Present,
}

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

/// By what models or versions are ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is its own name")]
pub enum Column {
    Name,
    Number,
    CreatedAt,
    UpdatedAt,
}

/// One term of an ordering.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// By what.
    pub column: Column,
    /// Whether the greatest comes first.
    pub descending: bool,
}

/// How the tables around a thing are called; models are `m`, versions `v`.
pub(crate) struct Target {
    /// Ends where the key is bound.
    pub tag_of: &'static str,
    /// How the select calls the number.
    pub number: &'static str,
}

pub(crate) const MODELS: Target = Target {
    tag_of: "exists (select 1 from registry_model_tags x where x.model = m.number and x.key = ",
    number: "latest",
};

pub(crate) const VERSIONS: Target = Target {
    tag_of: "exists (select 1 from registry_version_tags x \
             where x.model = v.model and x.version = v.number and x.key = ",
    number: "number",
};

/// Makes `like` count case on every engine. SQLite's does not unless the connection says so; PostgreSQL's always does.
pub(crate) async fn prepare(sql: &mut impl Sql, filter: &Filter) -> Result<(), Error> {
    if filter.mentions_like() {
        let loose = sql
            .fetch_optional("select case when 'a' like 'A' then 1 else 0 end as loose", params![])
            .await?
            .is_some_and(|row| row.int("loose").is_ok_and(|loose| loose == 1));
        if loose {
            sql.execute("pragma case_sensitive_like = 1", params![]).await?;
        }
    }
    Ok(())
}

/// Adds a whole filter.
pub(crate) fn push_filter(text: SqlText, target: &Target, filter: &Filter) -> SqlText {
    let (parts, word, empty) = match filter {
        Filter::Is(wanted) => return push_wanted(text, target, wanted),
        Filter::All(parts) => (parts, " and ", "1 = 1"),
        Filter::Any(parts) => (parts, " or ", "1 = 0"),
    };
    if parts.is_empty() {
        return text.push(empty);
    }
    let mut text = text.push("(");
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            text = text.push(word);
        }
        text = push_filter(text, target, part);
    }
    text.push(")")
}

/// What rows are sorted by: these terms, and then what tells any two apart.
pub(crate) fn sort_keys(target: &Target, order: &[Order], ties: &[SortKey]) -> Vec<SortKey> {
    let terms = order.iter().map(|term| {
        let column = match term.column {
            Column::Name => "name",
            Column::Number => target.number,
            Column::CreatedAt => "created_at",
            Column::UpdatedAt => "updated_at",
        };
        let is_text = term.column == Column::Name;
        let is_optional = term.column == Column::Number;
        SortKey { column, is_text, is_optional, descending: term.descending }
    });
    terms.chain(ties.iter().copied()).collect()
}

fn push_wanted(text: SqlText, target: &Target, wanted: &Wanted) -> SqlText {
    match wanted {
        Wanted::Project(project) => text.push("m.project = ").bind(project),
        Wanted::Name(test) => push_test(text, "m.name", test),
        Wanted::SourceRun(test) => push_test(text, "v.source_run", test),
        Wanted::Source(test) => push_test(text, "v.source", test),
        Wanted::Number(sign, number) => text
            .push(match sign {
                Sign::Equal => "v.number = ",
                Sign::NotEqual => "v.number <> ",
                Sign::Less => "v.number < ",
                Sign::LessOrEqual => "v.number <= ",
                Sign::Greater => "v.number > ",
                Sign::GreaterOrEqual => "v.number >= ",
            })
            .bind(*number),
        Wanted::Tag(key, Test::Missing) => text.push("not ").push(target.tag_of).bind(key).push(")"),
        Wanted::Tag(key, Test::Present) => text.push(target.tag_of).bind(key).push(")"),
        Wanted::Tag(key, test) => {
            push_test(text.push(target.tag_of).bind(key).push(" and "), "x.value", test).push(")")
        }
    }
}

fn push_test(text: SqlText, column: &'static str, test: &Test) -> SqlText {
    match test {
        Test::Equal(value) => text.push(column).push(" = ").bind(value),
        Test::NotEqual(value) => text.push(column).push(" <> ").bind(value),
        Test::Like(pattern) => text.push(column).push(" like ").bind(pattern).push(" escape '\u{1}'"),
        Test::ILike(pattern) => {
            text.push("lower(").push(column).push(") like lower(").bind(pattern).push(") escape '\u{1}'")
        }
        Test::In(values) => text.push(column).push(" in (").bind_list(values).push(")"),
        Test::NotIn(values) => text.push(column).push(" not in (").bind_list(values).push(")"),
        Test::Missing => text.push(column).push(" is null"),
        Test::Present => text.push(column).push(" is not null"),
    }
}
