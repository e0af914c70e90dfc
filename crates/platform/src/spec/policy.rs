//! Files with policies: what a move of an alias needs, for one tier of risk.

use governance::policy::Policy;

use super::SpecError;
use super::parse::{read_value, shape_error};

/// The kinds of alerts that a policy can name.
#[must_use]
pub fn alert_kinds() -> [&'static str; 6] {
    use monitoring::AlertKind::{DataCheck, Drift, External, Gap, Performance, ValueRange};
    [Performance, Drift, Gap, ValueRange, DataCheck, External].map(monitoring::AlertKind::as_str)
}

/// Reads a policy; an error says where it is and what was probably meant. `tier` is what it must be for, if that is known.
pub fn parse_policy(file: &str, yaml: &str, tier: Option<&str>) -> Result<Policy, SpecError> {
    let placed = |mut error: SpecError| {
        file.clone_into(&mut error.file);
        error
    };
    let (positions, value) = read_value(yaml).map_err(placed)?;
    let policy: Policy =
        serde_path_to_error::deserialize(value).map_err(|cause| placed(shape_error(&positions, &cause)))?;
    let wrong = |path: &str, message: String, hint: Option<String>| {
        Err(SpecError { file: file.to_owned(), position: positions.nearest(path), message, hint })
    };
    if let Some(fault) = policy.fault(&alert_kinds()) {
        return wrong(&fault.path, fault.message, fault.hint);
    }
    match tier {
        Some(tier) if tier != policy.tier => {
            let message =
                format!("the policy is for tier `{}`, and the model is of tier `{tier}`", policy.tier);
            wrong("tier", message, None)
        }
        _ => Ok(policy),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(yaml: &str) -> String {
        let error = parse_policy("low.policy.yaml", yaml, Some("low")).unwrap_err();
        format!("{error}{}", error.hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default())
    }

    #[test]
    fn mistakes_are_placed() {
        for (rest, expected) in [
            ("aproval: automatic\n", "low.policy.yaml:3:1: unknown field `aproval`"),
            (
                "approvals: by-itself\n",
                "low.policy.yaml:3:1: invalid value: string \"by-itself\", expected `automatic`",
            ),
            ("approvals:\n  - { from: aprover }\n", "low.policy.yaml:4:7: `aprover` is neither"),
            (
                "windows:\n  - { days: [mon], from: \"8:00\", until: \"16:00\" }\n",
                "low.policy.yaml:4:20: `8:00` is no time",
            ),
            ("require:\n  quiet: [drfit]\n", "low.policy.yaml:4:11: no alert is of kind `drfit`"),
            ("require:\n  shema: compatible\n", "low.policy.yaml:4:3: unknown field `shema`"),
        ] {
            let found = wrong(&format!("policy: low-risk\ntier: low\n{rest}"));
            assert!(found.starts_with(expected), "{found}");
        }
        assert!(wrong("policy: p\ntier: low\nrequire: { shema: x }\n").ends_with("did you mean `schema`?"));
        assert_eq!(
            wrong("policy: p\ntier: high\n"),
            "low.policy.yaml:2:1: the policy is for tier `high`, and the model is of tier `low`"
        );
    }
}
