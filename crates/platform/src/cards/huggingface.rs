//! A sheet as a `README.md` on Hugging Face: YAML between two lines of dashes, then Markdown.

use serde_json::Value;

use super::{Sheet, markdown};

pub(super) fn write(sheet: &Sheet, base: &str) -> String {
    let mut metadata = sheet.metadata.clone();
    complete(&mut metadata, base);
    let front = serde_yaml_ng::to_string(&metadata).unwrap_or_default();
    format!("---\n{front}---\n{}", markdown::write(sheet, base))
}

/// Puts `base` before the addresses of sources.
fn complete(value: &mut Value, base: &str) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                match value {
                    Value::String(link) if key == "url" => *link = format!("{base}{link}"),
                    other => complete(other, base),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| complete(item, base)),
        _ => {}
    }
}
