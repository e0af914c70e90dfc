//! The rules for names of models, aliases and tags; as wide as MLflow's, so that its clients' models fit.

use crate::Error;

/// The project of models whose name says no other.
const DEFAULT_PROJECT: &str = "default";
/// A model with this tag is a prompt of MLflow's prompt registry.
pub(crate) const PROMPT_TAG: &str = "mlflow.prompt.is_prompt";
const NAME_CHARS: usize = 256;
const ALIAS_CHARS: usize = 255;
const TAG_KEY_CHARS: usize = 250;
const TAG_VALUE_CHARS: usize = 100_000;

/// How the model `name` of a project is called everywhere: `project/name`, and `name` alone in the project `default`.
/// A name itself holds no `/`, so that the two cannot be mixed up.
#[must_use]
pub fn in_project(project: &str, name: &str) -> String {
    if project == DEFAULT_PROJECT { name.to_owned() } else { format!("{project}/{name}") }
}

/// The project of a model, and what it is called there; the other way round of [`in_project`].
#[must_use]
pub fn project_and_name(model: &str) -> (&str, &str) {
    model.split_once('/').unwrap_or((DEFAULT_PROJECT, model))
}

/// Checks the name of a model: not blank, no `/` and no `:`.
pub fn check_model_name(name: &str) -> Result<(), Error> {
    if name.trim().is_empty() {
        return Err(Error::invalid("model name ``", "is empty"));
    }
    if name.contains(['/', ':', '\0']) {
        return Err(Error::invalid(format!("model name `{name}`"), "may not hold `/` or `:`"));
    }
    check_length("model name", name, NAME_CHARS)
}

/// Checks an alias: letters, digits, `_` and `-`; neither `latest` nor `v` and a number, which mean versions.
pub fn check_alias(alias: &str) -> Result<(), Error> {
    if alias.is_empty() || !alias.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-')) {
        return Err(Error::invalid(format!("alias `{alias}`"), "must be letters, digits, `_` and `-`"));
    }
    let lower = alias.to_ascii_lowercase();
    let is_number = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    if lower == "latest" || lower.strip_prefix('v').is_some_and(is_number) {
        return Err(Error::invalid(format!("alias `{alias}`"), "is reserved, as it reads like a version"));
    }
    check_length("alias", alias, ALIAS_CHARS)
}

/// Checks a tag.
pub(crate) fn check_tag(key: &str, value: &str) -> Result<(), Error> {
    let allowed = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ' ' | ':' | '/');
    let plain = key.split('/').all(|part| !part.is_empty() && part != "." && part != "..");
    if !plain || !key.chars().all(allowed) {
        return Err(Error::invalid(
            format!("tag name `{key}`"),
            "may only contain alphanumerics, underscores (_), dashes (-), periods (.), spaces ( ), colon(:) and slashes (/)",
        ));
    }
    check_length("tag name", key, TAG_KEY_CHARS)?;
    check_text(&format!("the value of tag `{key}`"), value)?;
    check_length(&format!("the value of tag `{key}`"), value, TAG_VALUE_CHARS)
}

/// Checks that every database can hold a text.
pub(crate) fn check_text(what: &str, text: &str) -> Result<(), Error> {
    if text.contains('\0') { Err(Error::invalid(what, "holds a character of number zero")) } else { Ok(()) }
}

fn check_length(what: &str, text: &str, most: usize) -> Result<(), Error> {
    let chars = text.chars().count();
    if chars > most {
        return Err(Error::invalid(what, format!("has {chars} characters, at most {most} are allowed")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_that_read_like_versions_are_reserved() {
        for bad in ["", "latest", "Latest", "v3", "V12", "a b", "a/b", "@x"] {
            assert!(check_alias(bad).is_err(), "{bad}");
        }
        for good in ["champion", "v", "7", "v1b", "prod-2_x"] {
            assert!(check_alias(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn a_name_says_its_project_unless_it_is_the_default_one() {
        assert_eq!(in_project("default", "churn"), "churn");
        assert_eq!(in_project("pricing", "churn"), "pricing/churn");
        assert_eq!(project_and_name("pricing/churn"), ("pricing", "churn"));
        assert_eq!(project_and_name("churn"), ("default", "churn"));
    }

    #[test]
    fn model_names_cannot_be_paths_or_addresses() {
        for bad in ["", "  ", "a/b", "models:x"] {
            assert!(check_model_name(bad).is_err(), "{bad}");
        }
        assert!(check_model_name("my model (2)").is_ok());
    }
}
