//! `checks.yaml`: files with rows and what must hold for them, without a model.

use std::collections::BTreeMap;

use checks::Check;
use serde::{Deserialize, Serialize};

use super::parse::{read_value, shape_error};
use super::positions::Positions;
use super::{Position, SpecError};

/// A whole file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Suite {
    /// The sources, by name; a check may refer to another source by its name.
    pub sources: BTreeMap<String, SuiteSource>,
}

/// Rows in a file, and what must hold for them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SuiteSource {
    /// A CSV (also gzipped) or Parquet file, beside the suite.
    pub file: String,
    /// The column that says when a row happened; the first column of times when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// Files with the rows of earlier versions, for checks of volume.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<String>,
    /// What must hold.
    #[serde(default)]
    pub checks: Vec<Check>,
}

/// Where each part of a file stands.
#[derive(Debug)]
pub struct Places {
    file: String,
    positions: Positions,
}

impl Places {
    /// Walks a file that was read without an error; one that cannot be walked has no places.
    #[must_use]
    pub fn of(file: &str, yaml: &str) -> Self {
        Self { file: file.to_owned(), positions: Positions::of(yaml).unwrap_or_default() }
    }

    /// The place of the part at a path such as `checks[2].column`, or of the nearest part around it.
    #[must_use]
    pub fn nearest(&self, path: &str) -> Option<Position> {
        self.positions.nearest(path)
    }

    /// An error at the place of a check that cannot be evaluated. `list` is the path of the list of checks.
    #[must_use]
    pub fn misfit(&self, list: &str, index: usize, misfit: &checks::Misfit) -> SpecError {
        let path = format!("{list}[{index}]");
        let exact = |key: &str| {
            let path = format!("{path}.{key}");
            self.positions.exact(&path)
        };
        SpecError {
            file: self.file.clone(),
            position: exact(&misfit.key).or_else(|| self.positions.nearest(&path)),
            message: format!("check `{}`: {}", misfit.check_id, misfit.message),
            hint: misfit.hint.clone(),
        }
    }
}

/// Reads a suite; an error says where it is and what was probably meant.
pub fn parse_suite(file: &str, yaml: &str) -> Result<Suite, SpecError> {
    let placed = |mut error: SpecError| {
        file.clone_into(&mut error.file);
        error
    };
    let (positions, value) = read_value(yaml).map_err(placed)?;
    let suite: Suite =
        serde_path_to_error::deserialize(value).map_err(|cause| placed(shape_error(&positions, &cause)))?;
    let places = Places { file: file.to_owned(), positions };
    let wrong = |path: &str, message: String| SpecError {
        file: file.to_owned(),
        position: places.nearest(path),
        message,
        hint: None,
    };
    if suite.sources.is_empty() {
        return Err(wrong("sources", "the suite has no sources".to_owned()));
    }
    for (name, source) in &suite.sources {
        let path = format!("sources.{name}");
        base::names::check_name("source", name).map_err(|cause| wrong(&path, cause.to_string()))?;
        if name == "input" {
            return Err(wrong(&path, "`input` is the name of the rows that are checked".to_owned()));
        }
        check_list(&places, &format!("{path}.checks"), &source.checks)?;
    }
    Ok(suite)
}

/// The values of a YAML file as JSON; an error says where it is. For files of other tools.
pub fn yaml_value(file: &str, yaml: &str) -> Result<serde_json::Value, SpecError> {
    read_value(yaml).map(|(_, value)| value).map_err(|mut error| {
        file.clone_into(&mut error.file);
        error
    })
}

/// A suite as it is written.
#[must_use]
pub fn suite_yaml(suite: &Suite) -> String {
    serde_yaml_ng::to_string(suite).unwrap_or_default()
}

/// What holds for a list of checks whatever the table: each has its own id, patterns and formats compile.
pub(super) fn check_list(places: &Places, list: &str, checks: &[Check]) -> Result<(), SpecError> {
    let mut ids = std::collections::HashSet::new();
    for (index, check) in checks.iter().enumerate() {
        if !ids.insert(check.id.as_str()) {
            let misfit = checks::Misfit {
                check_id: check.id.clone(),
                message: "an earlier check has this id".to_owned(),
                hint: None,
                key: "id".to_owned(),
            };
            return Err(places.misfit(list, index, &misfit));
        }
        if let Some(misfit) = checks::fault(check) {
            return Err(places.misfit(list, index, &misfit));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(yaml: &str) -> String {
        let error = parse_suite("checks.yaml", yaml).unwrap_err();
        format!("{error}{}", error.hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default())
    }

    #[test]
    fn mistakes_are_placed() {
        let head = "sources:\n  orders:\n    file: orders.csv\n";
        for (rest, expected) in [
            ("    cheks: []\n", "checks.yaml:4:5: unknown field `cheks`"),
            (
                "    checks:\n      - { id: a, column: b, matches: '(' }\n",
                "checks.yaml:5:29: check `a`: the pattern `(` does not compile",
            ),
            (
                "    checks:\n      - { id: a, column: b, parses: '%Q' }\n",
                "checks.yaml:5:29: check `a`: `%Q` is not a format of times",
            ),
            (
                "    checks:\n      - { id: a, row_count: [1, 2] }\n      - { id: a, row_count: [1, 3] }\n",
                "checks.yaml:6:11: check `a`: an earlier check has this id",
            ),
        ] {
            let found = wrong(&format!("{head}{rest}"));
            assert!(found.starts_with(expected), "{found}");
        }
        assert!(wrong(&format!("{head}    cheks: []\n")).ends_with("did you mean `checks`?"));
        assert!(wrong("sources: {}\n").contains("no sources"));
    }

    #[test]
    fn a_suite_survives_its_written_form() {
        let yaml = "sources:\n  orders:\n    file: orders.csv\n    history: [a.csv]\n    checks:\n      - { id: a, column: b, in_set: ['1', x], mostly: 0.5, reason: 'why: so' }\n";
        let suite = parse_suite("a", yaml).unwrap();
        assert_eq!(parse_suite("a", &suite_yaml(&suite)).unwrap(), suite);
    }
}
