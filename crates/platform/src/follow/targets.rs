//! Who is told of lineage: the file in the data folder, and one event brought to one target.

use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use base::{Period, Timestamp};
use lineage::outbox::{Tried, Waiting};
use notices::{Secret, pause_after};
use serde::{Deserialize, Serialize};

use crate::{Error, Platform};

/// What has not arrived by then is given up.
const OLDEST: Period = Period::from_days(7);

/// The file `openlineage.yaml` of the data folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenLineage {
    /// Under which namespace jobs and datasets of this server are told.
    #[serde(default = "usual_namespace")]
    pub namespace: String,
    /// Who is told; nobody without any.
    #[serde(default)]
    pub targets: Vec<Target>,
}

impl Default for OpenLineage {
    fn default() -> Self {
        Self { namespace: usual_namespace(), targets: Vec::new() }
    }
}

fn usual_namespace() -> String {
    "gingham".to_owned()
}

/// One who is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Its name.
    pub name: String,
    /// Where it is.
    #[serde(flatten)]
    pub kind: TargetKind,
}

/// Where events go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetKind {
    /// To the end of a file on the server, one event a line.
    File(PathBuf),
    /// To an address that takes events, such as `http://marquez:5000/api/v1/lineage`.
    Http(HttpTarget),
}

/// An address that takes events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpTarget {
    /// The whole address.
    pub url: String,
    /// The token that is sent as `Authorization: Bearer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<Secret>,
}

impl OpenLineage {
    /// Brings an event to its target, if that is still there.
    pub(super) async fn attempt(&self, waiting: &Waiting, now: Timestamp) -> Tried {
        let Some(target) = self.targets.iter().find(|target| target.name == waiting.target) else {
            return Tried::Dropped("its target is no longer there".to_owned());
        };
        let problem = match &target.kind {
            TargetKind::File(path) => {
                let (path, line) = (path.clone(), waiting.event.clone());
                let written = tokio::task::spawn_blocking(move || append(&path, &line)).await;
                match written.map_err(std::io::Error::other).and_then(|written| written) {
                    Ok(()) => return Tried::Sent,
                    Err(error) => error.to_string(),
                }
            }
            TargetKind::Http(http) => match send(http, &waiting.event).await {
                Ok(()) => return Tried::Sent,
                // An event that the other side does not want would hold back all that come after it.
                Err(error) if is_unwanted(&error) => {
                    tracing::warn!(target.name = %target.name, %error, "an event of lineage was refused");
                    return Tried::Dropped(error.to_string());
                }
                Err(error) => error.to_string(),
            },
        };
        if now.since(waiting.created_at) > OLDEST {
            return Tried::Dropped(format!("it was a week old: {problem}"));
        }
        let tried = u32::try_from(waiting.attempts + 1).unwrap_or(u32::MAX);
        let pause = i64::try_from(pause_after(tried).as_micros()).unwrap_or(i64::MAX / 4);
        Tried::Later(now.plus(Period::from_micros(pause)), problem)
    }
}

/// Whether the event itself was refused; a wrong token or address can be mended, and the event then arrives.
fn is_unwanted(error: &notices::Error) -> bool {
    matches!(error, notices::Error::Refused { status: 400 | 409 | 413 | 415 | 422, .. })
}

async fn send(http: &HttpTarget, event: &str) -> Result<(), notices::Error> {
    let token = http.token.as_ref().map(Secret::read).transpose()?;
    notices::post_json(&http.url, event.to_owned(), token.as_deref()).await
}

/// Adds a line, on disk when this returns. A line that a crash has cut off is ended first, so that it spoils no other.
fn append(path: &Path, line: &str) -> std::io::Result<()> {
    let mut file = std::fs::OpenOptions::new().create(true).append(true).read(true).open(path)?;
    let mut text = String::with_capacity(line.len() + 2);
    if file.metadata()?.len() > 0 {
        let mut last = [0];
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            text.push('\n');
        }
    }
    text.push_str(line);
    text.push('\n');
    file.write_all(text.as_bytes())?;
    file.sync_data()
}

impl Platform {
    /// The file that says who is told of lineage.
    #[must_use]
    pub fn openlineage_file(&self) -> PathBuf {
        self.folder.join("openlineage.yaml")
    }

    /// Who is told of lineage; nobody without the file.
    ///
    /// # Errors
    /// When the file is wrong.
    pub fn openlineage(&self) -> Result<OpenLineage, Error> {
        let path = self.openlineage_file();
        match std::fs::read_to_string(&path) {
            Ok(text) => parse(&text),
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => Ok(OpenLineage::default()),
            Err(cause) => Err(Error::Files { doing: format!("`{}` cannot be read", path.display()), cause }),
        }
    }
}

fn parse(text: &str) -> Result<OpenLineage, Error> {
    let wrong = |reason: String| Error::OpenLineageFile { reason };
    let value: serde_json::Value = serde_yaml_ng::from_str(text).map_err(|error| wrong(error.to_string()))?;
    if value.is_null() {
        return Ok(OpenLineage::default());
    }
    let known: OpenLineage =
        serde_path_to_error::deserialize(value).map_err(|error| wrong(error.to_string()))?;
    let mut names: Vec<&str> = known.targets.iter().map(|target| target.name.as_str()).collect();
    names.sort_unstable();
    if let Some((name, _)) = names.iter().zip(names.iter().skip(1)).find(|(one, next)| one == next) {
        return Err(wrong(format!("two targets are called `{name}`")));
    }
    // The longest list of characters that every receiver takes.
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "_:/.-".contains(letter);
    if known.namespace.is_empty() || !known.namespace.chars().all(is_plain) {
        return Err(wrong("`namespace` may hold letters, digits and `_ : / . -` only".to_owned()));
    }
    for target in &known.targets {
        match &target.kind {
            TargetKind::File(path) if !path.is_absolute() => {
                return Err(wrong(format!("the file of `{}` must be absolute", target.name)));
            }
            TargetKind::Http(http)
                if !http.url.starts_with("http://") && !http.url.starts_with("https://") =>
            {
                return Err(wrong(format!(
                    "the address of `{}` must begin with http:// or https://",
                    target.name
                )));
            }
            _ => {}
        }
    }
    Ok(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_names_targets_and_where_their_tokens_are() {
        let text = "namespace: prod\ntargets:\n- name: log\n  file: /var/log/lineage.jsonl\n\
                    - name: marquez\n  http: {url: 'http://m:5000/api/v1/lineage', token: {env: T}}\n";
        let known = parse(text).unwrap();
        assert_eq!((known.namespace.as_str(), known.targets.len()), ("prod", 2));
        assert_eq!(known.targets[0].kind, TargetKind::File("/var/log/lineage.jsonl".into()));
        assert_eq!(parse("").unwrap().namespace, "gingham");
    }

    #[test]
    fn a_wrong_file_is_refused_by_what_is_wrong() {
        for (text, word) in [
            ("targets: [{name: a, file: /x}, {name: a, file: /y}]", "`a`"),
            ("targets: [{name: a, file: x}]", "absolute"),
            ("targets: [{name: a, http: {url: 'ftp://x'}}]", "http://"),
            ("namespace: 'a b'", "namespace"),
            ("target: []", "target"),
        ] {
            let told = parse(text).unwrap_err().to_string();
            assert!(told.contains(word), "{text}: {told}");
        }
    }

    #[test]
    fn a_line_that_was_cut_off_spoils_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        append(&path, "{\"a\":1}").unwrap();
        std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"b").unwrap();
        append(&path, "{\"c\":3}").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "{\"a\":1}\n{\"b\n{\"c\":3}\n");
    }
}
