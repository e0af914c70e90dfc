//! Pandera: the YAML of a DataFrame schema, given as JSON values.

use serde_json::{Map, Value, json};

use super::{Imported, fields, type_of};

/// What a column says of itself beside its checks, which newer releases write next to it instead of under `checks`.
const OF_A_COLUMN: [&str; 14] = [
    "title",
    "description",
    "dtype",
    "nullable",
    "unique",
    "coerce",
    "required",
    "regex",
    "checks",
    "default",
    "metadata",
    "parsers",
    "report_duplicates",
    "drop_invalid_rows",
];
/// What the value of a check is called where it has options beside it.
const VALUES: [&str; 8] =
    ["value", "min_value", "max_value", "allowed_values", "forbidden_values", "pattern", "string", "values"];

/// Reads a schema as `schema.to_yaml()` writes it.
///
/// # Errors
/// When the file is no schema.
pub fn pandera(schema: &Value) -> Result<Imported, String> {
    let columns = schema
        .get("columns")
        .and_then(Value::as_object)
        .ok_or("the file has no mapping `columns`: it is no schema of Pandera")?;
    let mut imported = Imported::default();
    let is_true = |value: Option<&Value>| value == Some(&Value::Bool(true));
    let mut required = Vec::new();
    for (name, column) in columns {
        if is_true(column.get("regex")) {
            imported.leave(&format!("column `{name}`"), "names by pattern have no counterpart");
            continue;
        }
        if column.get("required") != Some(&Value::Bool(false)) {
            required.push(name.as_str());
        }
        of_column(&mut imported, name, column);
    }
    let all: Vec<&str> = columns.keys().map(String::as_str).collect();
    let strict = is_true(schema.get("strict"));
    let (key, names) = match (strict && required.len() == all.len(), is_true(schema.get("ordered"))) {
        (true, true) => ("columns_in_order", all),
        (true, false) => ("columns_are", all),
        _ => ("columns_exist", required),
    };
    if !names.is_empty() {
        imported.add("columns", "columns", json!({ key: names, "severity": "block" }));
    }
    match schema.get("unique") {
        Some(Value::Array(key)) if !key.is_empty() => {
            imported.add("unique", "unique-key", json!({ "unique": key }));
        }
        Some(Value::String(column)) => imported.add("unique", "unique-key", json!({ "unique": [column] })),
        _ => {}
    }
    for key in ["checks", "index"] {
        let there = schema
            .get(key)
            .is_some_and(|value| !value.is_null() && *value != json!([]) && *value != json!({}));
        if there {
            imported.leave(&format!("`{key}` of the whole schema"), "it has no counterpart");
        }
    }
    Ok(imported)
}

fn of_column(imported: &mut Imported, name: &str, column: &Value) {
    let what = format!("column `{name}`");
    match column.get("dtype").and_then(Value::as_str) {
        None => {}
        Some(dtype) => match type_of(dtype) {
            Some(of_type) => {
                let fields = json!({ "column": name, "of_type": of_type });
                imported.add(&what, &format!("{name}-type"), fields);
            }
            None => imported.leave(&what, &format!("the type `{dtype}` has no counterpart")),
        },
    }
    if column.get("nullable") != Some(&Value::Bool(true)) {
        imported.add(&what, &format!("{name}-not_null"), json!({ "column": name, "not_null": true }));
    }
    if column.get("unique") == Some(&Value::Bool(true)) {
        imported.add(&what, &format!("{name}-unique"), json!({ "unique": [name] }));
    }
    match column.get("checks") {
        Some(Value::Object(checks)) => {
            for (kind, argument) in checks {
                of_check(imported, name, kind, argument);
            }
        }
        Some(Value::Array(checks)) => {
            for check in checks {
                let kind =
                    check.pointer("/options/check_name").and_then(Value::as_str).unwrap_or("(no name)");
                of_check(imported, name, kind, check);
            }
        }
        _ => {}
    }
    for (kind, argument) in fields(column) {
        if !OF_A_COLUMN.contains(&kind.as_str()) {
            of_check(imported, name, &kind, &argument);
        }
    }
}

/// One check; its argument is the value itself or an object with `value` or named values beside `options`.
fn of_check(imported: &mut Imported, column: &str, kind: &str, argument: &Value) {
    let what = format!("check `{kind}` of `{column}`");
    let named: Map<String, Value> = fields(argument);
    let value = VALUES.iter().find_map(|key| named.get(*key)).cloned().unwrap_or_else(|| argument.clone());
    let get = |key: &str| named.get(key).cloned().unwrap_or_default();
    let options = fields(&get("options"));
    let is_true = |value: Option<&Value>| value == Some(&Value::Bool(true));
    let warns = is_true(options.get("raise_warning")) || is_true(named.get("raise_warning"));
    let severity = if warns { "warn" } else { "error" };
    let mut add = |key: &str, value: Value| {
        let fields = json!({ "column": column, key: value, "severity": severity });
        imported.add(&what, &format!("{column}-{key}"), fields);
    };
    let escaped = || value.as_str().map(regex::escape).unwrap_or_default();
    match kind {
        "greater_than_or_equal_to" | "ge" => add("between", json!([value, null])),
        "less_than_or_equal_to" | "le" => add("between", json!([null, value])),
        // A bound that does not belong to the range: no value may be equal to it.
        "greater_than" | "gt" => {
            add("between", json!([value, null]));
            add("not_in_set", json!([value]));
        }
        "less_than" | "lt" => {
            add("between", json!([null, value]));
            add("not_in_set", json!([value]));
        }
        "in_range" | "between" => {
            add("between", json!([get("min_value"), get("max_value")]));
            for (included, bound) in [("include_min", "min_value"), ("include_max", "max_value")] {
                if named.get(included) == Some(&Value::Bool(false)) {
                    add("not_in_set", json!([get(bound)]));
                }
            }
        }
        "equal_to" | "eq" => add("in_set", json!([value])),
        "not_equal_to" | "ne" => add("not_in_set", json!([value])),
        "isin" => add("in_set", value),
        "notin" => add("not_in_set", value),
        // Theirs begins at the start of the text; ours anywhere.
        "str_matches" => add("matches", json!(format!("^(?:{})", value.as_str().unwrap_or_default()))),
        "str_contains" => add("matches", value),
        "str_startswith" => add("matches", json!(format!("^{}", escaped()))),
        "str_endswith" => add("matches", json!(format!("{}$", escaped()))),
        "str_length" => {
            let exact = get("exact_value");
            let bounds =
                if exact.is_null() { [get("min_value"), get("max_value")] } else { [exact.clone(), exact] };
            add("length", json!(bounds));
        }
        "unique_values_eq" => add("distinct_equal", value),
        _ => imported.leave(&what, "there is no check of that kind here"),
    }
}
