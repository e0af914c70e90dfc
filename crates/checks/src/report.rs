//! Results for other programs and for people: JUnit, SARIF, Markdown, one self-contained HTML file.
//!
//! Nothing here grows with the rows: each result has at most five of them.

use std::fmt::Write;

use serde::Serialize;
use serde_json::{Value, json};

use crate::{CheckResult, Outcome, Severity, Verdict};

/// The results of one source.
#[derive(Debug, Clone, Serialize)]
pub struct Tested {
    /// The name of the source.
    pub source: String,
    /// The file with its rows.
    pub file: String,
    /// The file in which the checks stand.
    pub suite: String,
    /// The line and the column of each check there, counted from 1.
    pub places: Vec<Option<(usize, usize)>>,
    /// The results, in the order of the checks.
    pub verdict: Verdict,
}

impl Tested {
    fn each(&self) -> impl Iterator<Item = (&CheckResult, Option<(usize, usize)>)> {
        let places = self.places.iter().copied().chain(std::iter::repeat(None));
        self.verdict.results.iter().zip(places)
    }
}

/// The worst outcome of all sources.
#[must_use]
pub fn worst(tested: &[Tested]) -> Outcome {
    tested.iter().map(|one| one.verdict.outcome).max().unwrap_or(Outcome::Pass)
}

/// A text inside XML or HTML. Characters that XML cannot hold become `?`.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            '\t' | '\n' | '\r' => safe.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => safe.push('?'),
            c => safe.push(c),
        }
    }
    safe
}

/// JUnit XML: a suite for each source, a case for each check. What only warns is a passed case with its sentence as
/// output.
#[must_use]
pub fn junit(tested: &[Tested]) -> String {
    let count = |outcome| tested.iter().map(|one| one.verdict.count(outcome)).sum::<usize>();
    let total: usize = tested.iter().map(|one| one.verdict.results.len()).sum();
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"gingham\" tests=\"{total}\" failures=\"{}\" errors=\"{}\">\n",
        count(Outcome::Fail),
        count(Outcome::Error)
    );
    for one in tested {
        let _ = writeln!(
            xml,
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"0\">",
            escaped(&one.source),
            one.verdict.results.len(),
            one.verdict.count(Outcome::Fail),
            one.verdict.count(Outcome::Error)
        );
        for (result, place) in one.each() {
            let at = place.map(|(line, _)| format!(" line=\"{line}\"")).unwrap_or_default();
            let _ = write!(
                xml,
                "    <testcase classname=\"{}\" name=\"{}\" file=\"{}\"{at}",
                escaped(&one.source),
                escaped(&result.check_id),
                escaped(&one.suite)
            );
            let message = escaped(&result.message);
            let _ = match result.outcome {
                Outcome::Pass => writeln!(xml, "/>"),
                Outcome::Warn => writeln!(xml, "><system-out>{message}</system-out></testcase>"),
                Outcome::Fail => writeln!(
                    xml,
                    "><failure type=\"{}\" message=\"{message}\">{}</failure></testcase>",
                    severity(result.severity),
                    escaped(&rows_as_text(result))
                ),
                Outcome::Error => writeln!(
                    xml,
                    "><error message=\"{message}\">{}</error></testcase>",
                    escaped(result.hint.as_deref().unwrap_or_default())
                ),
            };
        }
        xml.push_str("  </testsuite>\n");
    }
    xml.push_str("</testsuites>\n");
    xml
}

const fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Warn => "warn",
        Severity::Error => "error",
        Severity::Block => "block",
    }
}

fn rows_as_text(result: &CheckResult) -> String {
    result
        .sample
        .iter()
        .map(|row| format!("row {}: {}", row.row, Value::Object(row.values.clone())))
        .collect::<Vec<_>>()
        .join("\n")
}

/// SARIF 2.1.0: a result for each check that did not pass, at its place in the suite.
#[must_use]
pub fn sarif(tested: &[Tested], version: &str) -> Value {
    let mut rules: Vec<Value> = Vec::new();
    let mut results: Vec<Value> = Vec::new();
    for one in tested {
        for (result, place) in one.each() {
            let rule = format!("{}/{}", one.source, result.check_id);
            rules.push(json!({
                "id": rule,
                "shortDescription": { "text": format!("{}: {}", result.target, result.expected) },
                "fullDescription": { "text": result.reason.clone().unwrap_or_else(|| result.expected.clone()) },
                "properties": { "severity": result.severity, "owner": result.owner },
            }));
            if result.outcome == Outcome::Pass {
                continue;
            }
            let region = place.map(|(line, column)| json!({ "startLine": line, "startColumn": column }));
            let mut location = json!({ "artifactLocation": { "uri": address(&one.suite) } });
            if let (Some(region), Some(fields)) = (region, location.as_object_mut()) {
                fields.insert("region".into(), region);
            }
            results.push(json!({
                "ruleId": rule,
                "ruleIndex": rules.len() - 1,
                "level": if result.outcome == Outcome::Warn { "warning" } else { "error" },
                "message": { "text": format!("{}: {}", one.source, result.message) },
                "locations": [{ "physicalLocation": location }],
                "properties": { "failing_rows": result.failing_rows, "rows": result.rows, "sample": result.sample },
            }));
        }
    }
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "gingham", "semanticVersion": version, "rules": rules } },
            "results": results,
        }],
    })
}

/// A path as a relative address: blanks and what has a meaning in addresses are written as numbers.
fn address(path: &str) -> String {
    let mut address = String::new();
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' | b'~' => {
                address.push(byte.into());
            }
            byte => {
                let _ = write!(address, "%{byte:02X}");
            }
        }
    }
    address
}

const fn sign(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "✓ pass",
        Outcome::Warn => "! warn",
        Outcome::Fail => "✗ fail",
        Outcome::Error => "✗ error",
    }
}

/// Markdown: a table for each source, as for a comment on a change.
#[must_use]
pub fn markdown(tested: &[Tested]) -> String {
    let cell = |text: &str| text.replace('\\', "\\\\").replace('|', "\\|").replace(['\n', '\r'], " ");
    let mut text = String::from("# Checks of data\n");
    for one in tested {
        let _ = write!(
            text,
            "\n## {}\n\n{}, {} rows of `{}`\n\n| Outcome | Check | About | What was found |\n| --- | --- | --- | --- |\n",
            cell(&one.source),
            one.verdict.in_words(),
            one.verdict.rows,
            one.file
        );
        for (result, _) in one.each() {
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} |",
                sign(result.outcome),
                cell(&result.check_id),
                cell(&result.target),
                cell(&result.message)
            );
        }
    }
    text
}

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem;color:#1d2433}\
table{border-collapse:collapse;width:100%;margin:.5rem 0 2rem}th,td{text-align:left;vertical-align:top;padding:.4rem .6rem;border-bottom:1px solid #dfe3ea}\
th{font-weight:600;color:#566}.pass{color:#176b3a}.warn{color:#8a5a00}.fail,.error{color:#b3261e;font-weight:600}\
.note{color:#566}details table{font-size:13px;margin:.3rem 0}code{background:#f1f3f7;padding:0 .25em;border-radius:3px}\
@media(prefers-color-scheme:dark){body{background:#14171d;color:#e3e6ec}th,.note{color:#9aa4b5}th,td{border-color:#2c323d}\
.pass{color:#6fd298}.warn{color:#e6b450}.fail,.error{color:#ff8a80}code{background:#222833}}";

/// One HTML file without scripts and without anything to load.
#[must_use]
pub fn html(tested: &[Tested]) -> String {
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>Checks of data</title><style>{STYLE}</style></head><body><h1>Checks of data</h1>\n"
    );
    for one in tested {
        let _ = write!(
            page,
            "<h2>{}</h2><p>{}, {} rows of <code>{}</code></p>\n<table><thead><tr><th>Outcome<th>Check<th>Found</tr></thead><tbody>\n",
            escaped(&one.source),
            escaped(&one.verdict.in_words()),
            one.verdict.rows,
            escaped(&one.file)
        );
        for (result, place) in one.each() {
            let at = place.map(|(line, _)| format!(" · line {line}")).unwrap_or_default();
            let note = |text: &Option<String>, before: &str| {
                text.as_ref()
                    .map(|text| format!("<br><span class=\"note\">{before}{}</span>", escaped(text)))
                    .unwrap_or_default()
            };
            let _ = writeln!(
                page,
                "<tr><td class=\"{}\">{}<td>{}<br><span class=\"note\">{}, {}{at}</span>{}{}<td>{}{}{}</tr>",
                result.outcome.word(),
                sign(result.outcome),
                escaped(&result.check_id),
                escaped(&result.target),
                severity(result.severity),
                note(&result.reason, ""),
                note(&result.owner, "owner: "),
                escaped(&result.message),
                note(&result.hint, "hint: "),
                sample(result)
            );
        }
        page.push_str("</tbody></table>\n");
    }
    page.push_str("</body></html>\n");
    page
}

/// The failing rows that were kept, folded away.
fn sample(result: &CheckResult) -> String {
    let Some(first) = result.sample.first() else { return String::new() };
    let mut html = String::from("<details><summary>failing rows</summary><table><thead><tr><th>row");
    for name in first.values.keys() {
        let _ = write!(html, "<th>{}", escaped(name));
    }
    html.push_str("</tr></thead><tbody>");
    for row in &result.sample {
        let _ = write!(html, "<tr><td>{}", row.row);
        for value in row.values.values() {
            let text = match value {
                Value::Null => String::new(),
                Value::String(text) => text.chars().take(200).collect(),
                other => other.to_string(),
            };
            let _ = write!(html, "<td>{}", escaped(&text));
        }
        html.push_str("</tr>");
    }
    html.push_str("</tbody></table></details>");
    html
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SampleRow;

    fn tested() -> Vec<Tested> {
        let result = |id: &str, outcome| CheckResult {
            check_id: id.into(),
            target: "column `a`".into(),
            severity: Severity::Error,
            outcome,
            observed: "1 of 2 rows fail".into(),
            expected: "x < 3 & \"y\"".into(),
            rows: 2,
            failing_rows: 1,
            vacuous: false,
            sample: vec![SampleRow {
                row: 2,
                values: serde_json::from_value(json!({ "a": "<script>|\u{1}" })).unwrap(),
            }],
            message: "`a` is <b> | \"it\"".into(),
            hint: None,
            reason: Some("why & how".into()),
            owner: None,
        };
        let results = vec![
            result("good", Outcome::Pass),
            result("odd", Outcome::Warn),
            result("bad", Outcome::Fail),
            result("broken", Outcome::Error),
        ];
        vec![Tested {
            source: "orders".into(),
            file: "my orders.csv".into(),
            suite: "the checks.yaml".into(),
            places: vec![Some((4, 7)), None, Some((9, 7)), None],
            verdict: Verdict::of(2, results),
        }]
    }

    #[test]
    fn junit_counts_and_escapes() {
        let xml = junit(&tested());
        assert!(xml.contains("<testsuite name=\"orders\" tests=\"4\" failures=\"1\" errors=\"1\""), "{xml}");
        assert!(xml.contains("name=\"good\" file=\"the checks.yaml\" line=\"4\"/>"), "{xml}");
        assert!(xml.contains("message=\"`a` is &lt;b&gt; | &quot;it&quot;\""), "{xml}");
        assert!(!xml.contains('\u{1}') && !xml.contains("<script>"), "{xml}");
    }

    #[test]
    fn sarif_points_into_the_suite() {
        let found = sarif(&tested(), "1.2.3");
        let results = found.pointer("/runs/0/results").unwrap().as_array().unwrap();
        assert_eq!(results.len(), 3);
        assert_eq!(results[1]["ruleId"], "orders/bad");
        assert_eq!(results[1]["ruleIndex"], 2);
        assert_eq!(
            results[1]["locations"][0]["physicalLocation"],
            json!({ "artifactLocation": { "uri": "the%20checks.yaml" }, "region": { "startLine": 9, "startColumn": 7 } })
        );
        assert_eq!([&results[0]["level"], &results[2]["level"]], ["warning", "error"]);
    }

    #[test]
    fn pages_hold_no_markup_of_the_rows() {
        let page = html(&tested());
        assert!(page.contains("&lt;script&gt;") && !page.contains("<script"), "{page}");
        assert!(!page.contains("http"), "nothing is loaded");
        assert!(markdown(&tested()).contains("`a` is <b> \\| \"it\""));
    }
}
