//! Whether requests that are good for one version are good for another.
//!
//! A request names inputs, leaves some out, and gives each a number or a word; the answer has one name and kind. So
//! the new version must take every input that the old one took, of the same kind, require none that could be left out,
//! and answer alike.

use governance::policy::SchemaFact;
use inference::Signature;
use registry::Version;

/// What becomes of those who ask `now`, if `next` answers them.
pub(super) fn compare(now: Option<&Version>, next: &Version) -> SchemaFact {
    let Some(now) = now else { return SchemaFact::Nobody };
    let (old, new) = match (read(now), read(next)) {
        (Ok(old), Ok(new)) => (old, new),
        (Err(why), _) | (_, Err(why)) => return SchemaFact::Unknown(why),
    };
    let breaks = breaks(&old, &new);
    if breaks.is_empty() { SchemaFact::Compatible } else { SchemaFact::Breaks(breaks) }
}

fn read(version: &Version) -> Result<Signature, String> {
    let number = version.number;
    let value =
        version.signature.clone().ok_or_else(|| format!("no signature is recorded for version {number}"))?;
    serde_json::from_value(value).map_err(|_| format!("the signature of version {number} cannot be compared"))
}

fn breaks(old: &Signature, new: &Signature) -> Vec<String> {
    let mut breaks = Vec::new();
    for field in &old.inputs {
        match new.inputs.iter().find(|other| other.name == field.name) {
            None => breaks.push(format!("input `{}` is not taken any more", field.name)),
            Some(other) if other.kind != field.kind => {
                breaks.push(format!("input `{}` is of another kind", field.name));
            }
            Some(other) if other.required && !field.required => {
                breaks.push(format!("input `{}` may not be left out any more", field.name));
            }
            Some(_) => {}
        }
    }
    let fresh = new.inputs.iter().filter(|field| old.inputs.iter().all(|other| other.name != field.name));
    for field in fresh.filter(|field| field.required) {
        breaks.push(format!("input `{}` is new and must be given", field.name));
    }
    if old.output.name != new.output.name || old.output.kind != new.output.kind {
        breaks.push(format!("the answer is `{}` instead of `{}`", new.output.name, old.output.name));
    }
    breaks
}

#[cfg(test)]
mod tests {
    use inference::Field;

    use super::*;

    fn signature(inputs: Vec<Field>) -> Signature {
        Signature { inputs, output: Field::number("volume") }
    }

    fn check(new: Vec<Field>, expected: &[&str]) {
        let old = signature(vec![Field::number("hour").required(), Field::category("weather")]);
        assert_eq!(breaks(&old, &signature(new)), expected);
    }

    #[test]
    fn what_breaks_those_who_ask_is_named() {
        let (hour, weather) = (Field::number("hour").required(), Field::category("weather"));
        check(vec![hour.clone(), weather.clone()], &[]);
        check(vec![weather.clone(), Field::number("hour"), Field::number("rain")], &[]);
        check(vec![hour.clone()], &["input `weather` is not taken any more"]);
        check(vec![hour.clone(), Field::number("weather")], &["input `weather` is of another kind"]);
        check(
            vec![hour.clone(), weather.clone().required()],
            &["input `weather` may not be left out any more"],
        );
        check(
            vec![hour, weather, Field::number("rain").required()],
            &["input `rain` is new and must be given"],
        );
    }

    #[test]
    fn another_answer_breaks_too() {
        let old = signature(vec![Field::number("a")]);
        let new = Signature { output: Field::number("speed"), ..old.clone() };
        assert_eq!(breaks(&old, &new), ["the answer is `speed` instead of `volume`"]);
    }
}
