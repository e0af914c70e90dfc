//! Silences by label, as Alertmanager knows them.

use base::{Timestamp, id};
use db::{Row, Sql, Tx, params};
use serde::{Deserialize, Serialize};

use crate::alert::Alert;
use crate::error::Error;

/// One condition on a label.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Matcher {
    /// The label.
    pub name: String,
    /// What it is compared with.
    pub value: String,
    /// Whether that is a pattern. Patterns of words and `.*` are understood.
    #[serde(default)]
    pub is_regex: bool,
    /// Whether it must be so, or must not.
    #[serde(default = "yes")]
    pub is_equal: bool,
}

const fn yes() -> bool {
    true
}

impl Matcher {
    fn holds(&self, labels: &[(String, String)]) -> bool {
        let found =
            labels.iter().find(|(name, _)| *name == self.name).map_or("", |(_, value)| value.as_str());
        let same = if self.is_regex { fits(&self.value, found) } else { self.value == found };
        same == self.is_equal
    }
}

/// Alternatives separated by `|`, each text with `.*` or `.+` for anything: what silences are written with.
fn fits(pattern: &str, text: &str) -> bool {
    let pattern = pattern.trim_start_matches('^').trim_end_matches('$');
    let pattern = pattern.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).unwrap_or(pattern);
    pattern.split('|').any(|one| {
        let one = one.replace(".+", ".*");
        let mut parts = one.split(".*").map(|part| part.replace('\\', ""));
        let Some(first) = parts.next() else { return false };
        let Some(mut rest) = text.strip_prefix(first.as_str()) else { return false };
        let mut last: Option<String> = None;
        for part in parts {
            if let Some(before) = last.take() {
                match rest.split_once(before.as_str()) {
                    Some((_, after)) => rest = after,
                    None => return false,
                }
            }
            last = Some(part);
        }
        last.map_or(rest.is_empty(), |last| rest.ends_with(last.as_str()))
    })
}

/// Alerts with these labels bother nobody for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Silence {
    /// Its id.
    pub id: String,
    /// All of these must hold.
    pub matchers: Vec<Matcher>,
    /// From when on, by the clock.
    pub starts_at: Timestamp,
    /// Until when.
    pub ends_at: Timestamp,
    /// Who asked for it.
    pub created_by: String,
    /// Why.
    pub note: String,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl Silence {
    /// Whether it silences an alert at a moment.
    #[must_use]
    pub fn holds(&self, alert: &Alert, now: Timestamp) -> bool {
        let labels = alert_labels(alert);
        self.starts_at <= now && now < self.ends_at && self.matchers.iter().all(|one| one.holds(&labels))
    }
}

/// The labels by which an alert is known outside.
#[must_use]
pub fn alert_labels(alert: &Alert) -> Vec<(String, String)> {
    let mut labels = vec![
        ("alertname".to_owned(), format!("gingham_{}", alert.kind.as_str())),
        ("model".to_owned(), alert.model.clone()),
        ("kind".to_owned(), alert.kind.as_str().to_owned()),
        ("severity".to_owned(), alert.severity.as_str().to_owned()),
        ("version".to_owned(), alert.version.to_string()),
        ("fingerprint".to_owned(), alert.fingerprint.clone()),
    ];
    let own = alert.details.get("labels").and_then(serde_json::Value::as_object);
    for (name, value) in own.into_iter().flatten() {
        let value = value.as_str().unwrap_or_default().to_owned();
        match labels.iter_mut().find(|(known, _)| known == name) {
            Some(known) => known.1 = value,
            None => labels.push((name.clone(), value)),
        }
    }
    labels
}

fn read(row: &Row) -> Result<Silence, Error> {
    Ok(Silence {
        id: row.text("id")?,
        matchers: row.json("matchers")?,
        starts_at: row.time("starts_at")?,
        ends_at: row.time("ends_at")?,
        created_by: row.text("created_by")?,
        note: row.text("note")?,
        updated_at: row.time("updated_at")?,
    })
}

const SILENCE: &str =
    "select id, matchers, starts_at, ends_at, created_by, note, updated_at from alert_silences";

/// Keeps a silence, a new one or in place of the one with its id; answers the id.
///
/// # Errors
/// When the database fails.
pub async fn put_silence(tx: &mut Tx, silence: &Silence) -> Result<String, Error> {
    let id = if silence.id.is_empty() { id::new_hex_id() } else { silence.id.clone() };
    tx.execute(
        "insert into alert_silences (id, matchers, starts_at, ends_at, created_by, note, updated_at) \
         values ($1, $2, $3, $4, $5, $6, $7) on conflict (id) do update set matchers = excluded.matchers, \
         starts_at = excluded.starts_at, ends_at = excluded.ends_at, created_by = excluded.created_by, \
         note = excluded.note, updated_at = excluded.updated_at",
        params![
            &id,
            serde_json::to_string(&silence.matchers)?,
            silence.starts_at,
            silence.ends_at,
            &silence.created_by,
            &silence.note,
            silence.updated_at
        ],
    )
    .await?;
    Ok(id)
}

/// Silences that end after `after`, newest first, at most 1,000.
///
/// # Errors
/// When the database fails.
pub async fn list_silences(sql: &mut impl Sql, after: Timestamp) -> Result<Vec<Silence>, Error> {
    let text =
        db::SqlText::new(SILENCE).push(" where ends_at > ").bind(after).push(" order by id desc limit 1000");
    sql.fetch_all_text(text).await?.iter().map(read).collect()
}

/// The silence of that id.
///
/// # Errors
/// When the database fails.
pub async fn find_silence(sql: &mut impl Sql, id: &str) -> Result<Option<Silence>, Error> {
    let text = db::SqlText::new(SILENCE).push(" where id = ").bind(id);
    sql.fetch_all_text(text).await?.first().map(read).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matchers_are_understood_as_alertmanager_does() {
        let labels = [("model".to_owned(), "traffic-main".to_owned())];
        for (value, is_regex, is_equal, expected) in [
            ("traffic-main", false, true, true),
            ("traffic", false, true, false),
            ("traffic.*", true, true, true),
            ("^(other|traffic-.+)$", true, true, true),
            (".*main", true, true, true),
            (".*a.*m.*", true, true, true),
            ("other", true, true, false),
            ("other", false, false, true),
        ] {
            let matcher = Matcher { name: "model".to_owned(), value: value.to_owned(), is_regex, is_equal };
            assert_eq!(matcher.holds(&labels), expected, "{value}");
        }
        let absent = Matcher { name: "team".into(), value: String::new(), is_regex: false, is_equal: true };
        assert!(absent.holds(&labels));
    }
}
