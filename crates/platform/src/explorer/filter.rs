//! A filter as a person writes it: `temp > 290 and weather_main = Rain and label is missing`.

use tables::{ColumnType, Schema};

use crate::Error;

/// Longer filters are refused.
const LONGEST: usize = 2_000;
/// Conditions of one filter.
const MOST_CONDITIONS: usize = 30;

/// The condition in SQL over the columns of `schema`. Columns are checked names and values are quoted, so that nothing but
/// conditions gets through.
///
/// # Errors
/// [`Error::Filter`] with what cannot be read, and the nearest column where there is none of that name.
pub(crate) fn condition(filter: &str, schema: &Schema) -> Result<Option<String>, Error> {
    if filter.trim().is_empty() {
        return Ok(None);
    }
    if filter.len() > LONGEST {
        return Err(wrong("it is too long"));
    }
    let words = words(filter)?;
    let mut conditions = Vec::new();
    for part in words.split(|word| matches!(word, Word::Plain(text) if text.eq_ignore_ascii_case("and"))) {
        conditions.push(one(part, schema)?);
        if conditions.len() > MOST_CONDITIONS {
            return Err(wrong("it has too many conditions"));
        }
    }
    Ok(Some(conditions.join(" and ")))
}

#[derive(Debug, Clone, PartialEq)]
enum Word {
    /// As it stands.
    Plain(String),
    /// Between quotes.
    Quoted(String),
    /// A comparison.
    Sign(&'static str),
}

/// Two-letter signs come before those that they begin with.
const SIGNS: [&str; 8] = ["!=", ">=", "<=", "!~", "=", ">", "<", "~"];

fn words(filter: &str) -> Result<Vec<Word>, Error> {
    let mut words = Vec::new();
    let mut rest = filter.trim_start();
    while let Some(first) = rest.chars().next() {
        if let Some(sign) = SIGNS.into_iter().find(|sign| rest.starts_with(sign)) {
            words.push(Word::Sign(sign));
            rest = rest.get(sign.len()..).unwrap_or_default();
        } else if matches!(first, '\'' | '"' | '`') {
            let inner = rest.get(1..).unwrap_or_default();
            let end = inner.find(first).ok_or_else(|| wrong("a quote is not closed"))?;
            let (text, after) = inner.split_at(end);
            words.push(Word::Quoted(text.to_owned()));
            rest = after.get(1..).unwrap_or_default();
        } else {
            let ends = |c: char| c.is_whitespace() || "=!<>~".contains(c);
            let end = rest.find(ends).unwrap_or(rest.len());
            let (text, after) = rest.split_at(end);
            if text.is_empty() {
                return Err(wrong("`!` stands alone"));
            }
            words.push(Word::Plain(text.to_owned()));
            rest = after;
        }
        rest = rest.trim_start();
    }
    Ok(words)
}

fn one(words: &[Word], schema: &Schema) -> Result<String, Error> {
    let [Word::Plain(name) | Word::Quoted(name), rest @ ..] = words else {
        return Err(wrong("a condition begins with a column, such as `temp > 290`"));
    };
    let plain = archive::feature_column(name);
    let found = schema.find(name).or_else(|| schema.find(&plain)).ok_or_else(|| {
        let near = base::names::nearest(name, schema.names());
        let near = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
        wrong(&format!("there is no column `{name}`{near}"))
    })?;
    let column = format!("\"{}\"", found.name.replace('"', "\"\""));
    if let [Word::Plain(is), tail @ ..] = rest
        && is.eq_ignore_ascii_case("is")
    {
        let tail: Vec<&str> = tail
            .iter()
            .filter_map(|word| if let Word::Plain(text) = word { Some(text.as_str()) } else { None })
            .collect();
        return match tail.as_slice() {
            ["missing"] => Ok(format!("{column} is null")),
            ["known" | "there"] | ["not", "missing"] => Ok(format!("{column} is not null")),
            _ => Err(wrong(&format!("after `{name} is` comes `missing` or `known`"))),
        };
    }
    let [Word::Sign(sign), values @ ..] = rest else {
        return Err(wrong(&format!("after `{name}` comes =, !=, >, >=, <, <=, ~ or `is missing`")));
    };
    let value = values
        .iter()
        .map(|word| match word {
            Word::Plain(text) | Word::Quoted(text) => Ok(text.as_str()),
            Word::Sign(sign) => {
                Err(wrong(&format!("`{sign}` comes twice in one condition; join them by `and`")))
            }
        })
        .collect::<Result<Vec<_>, _>>()?
        .join(" ");
    if values.is_empty() {
        return Err(wrong(&format!("a value is missing after `{name} {sign}`")));
    }
    compared(&column, found.kind, sign, &value)
        .ok_or_else(|| wrong(&format!("`{value}` is no value for `{name}`, which holds {}", found.kind)))
}

fn compared(column: &str, kind: ColumnType, sign: &str, value: &str) -> Option<String> {
    let quoted = format!("'{}'", value.replace('\'', "''"));
    if let "~" | "!~" = sign {
        let found = format!("strpos(lower(cast({column} as varchar)), lower({quoted})) > 0");
        return Some(if sign == "~" { found } else { format!("not ({found})") });
    }
    let sign = if sign == "!=" { "<>" } else { sign };
    Some(match kind {
        ColumnType::Int | ColumnType::Real => {
            let number: f64 = value.parse().ok().filter(|number: &f64| number.is_finite())?;
            format!("{column} {sign} {number:?}")
        }
        ColumnType::Bool => {
            let truth: bool = value.to_lowercase().parse().ok()?;
            format!("{column} {sign} {truth}")
        }
        ColumnType::Time => format!("{column} {sign} timestamp '{}'", base::Timestamp::parse(value).ok()?),
        ColumnType::Text => format!("{column} {sign} {quoted}"),
    })
}

fn wrong(reason: &str) -> Error {
    Error::Filter { reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use tables::Column;

    use super::*;

    fn schema() -> Schema {
        Schema::new(vec![
            Column::new("temp", ColumnType::Real),
            Column::new("weather_main", ColumnType::Text),
            Column::new("event_time", ColumnType::Time),
            Column::new("feature_model", ColumnType::Text),
            Column::new("label", ColumnType::Real),
        ])
    }

    fn check(filter: &str, expected: &str) {
        assert_eq!(condition(filter, &schema()).unwrap().unwrap(), expected, "{filter}");
    }

    #[test]
    fn conditions_become_sql_with_quoted_values() {
        check("temp > 290", "\"temp\" > 290.0");
        check("temp>=1e2 and label is missing", "\"temp\" >= 100.0 and \"label\" is null");
        check("weather_main = Rain", "\"weather_main\" = 'Rain'");
        check("weather_main = \"a and b\"", "\"weather_main\" = 'a and b'");
        check("weather_main != O'Hara", "\"weather_main\" <> 'O''Hara'");
        check("event_time >= 2016-01-01", "\"event_time\" >= timestamp '2016-01-01T00:00:00Z'");
        check("weather_main ~ rai", "strpos(lower(cast(\"weather_main\" as varchar)), lower('rai')) > 0");
        check("feature_model = x", "\"feature_model\" = 'x'");
        assert_eq!(condition("  ", &schema()).unwrap(), None);
    }

    #[test]
    fn nothing_else_gets_through() {
        for filter in [
            "temp > 1; drop table predictions",
            "temp > (select 1)",
            "1 = 1",
            "temp",
            "temp >",
            "temp > 1 or 1 = 1",
            "weather_main = 'a' = 'b'",
            "\"temp\" is null",
            "temp = nan",
            "temp !",
        ] {
            assert!(condition(filter, &schema()).is_err(), "{filter}");
        }
        // In a column of words all of it is the value.
        check("weather_main = x or 1", "\"weather_main\" = 'x or 1'");
        let near = condition("tmp > 1", &schema()).unwrap_err().to_string();
        assert!(near.contains("did you mean `temp`"), "{near}");
    }
}
