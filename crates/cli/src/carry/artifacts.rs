//! Files on their way: from a folder, or from the other server, into ours.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use reqwest::{Body, Method};
use serde_json::Value;

use super::report::Report;
use super::rest::Rest;
use super::source::Source;
use crate::client::Client;

/// How locations begin that a tracking server keeps behind its own address.
const PROXIED: &str = "mlflow-artifacts:";
/// Folders within folders that are followed.
const MOST_DEEP: usize = 40;

/// Where files are now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// In a folder of this machine.
    Folder(PathBuf),
    /// Behind the other server's artifact proxy.
    Proxied(String),
    /// With a run of the other server, wherever that keeps them.
    OfRun(String),
    /// In a store that clients reach by themselves, such as a bucket.
    Elsewhere,
    /// Nowhere that can be read from here.
    Unreachable(String),
}

/// Where the files of `uri` are; `run` names the run if they are a run's.
pub(super) fn place(source: &Source, uri: &str, run: Option<&str>, root: Option<&Path>) -> Place {
    if let Some(path) = proxied_path(uri) {
        return match (source, root) {
            (Source::Rest(_), _) => Place::Proxied(path),
            (_, Some(root)) => Place::Folder(root.join(path)),
            (_, None) => Place::Unreachable(
                "the files are behind the server's artifact proxy: name its folder with --artifact-root"
                    .into(),
            ),
        };
    }
    match (local_path(uri), source, run) {
        (None, ..) => Place::Elsewhere,
        (Some(_), Source::Rest(_), Some(run)) => Place::OfRun(run.to_owned()),
        (Some(path), Source::Rest(_), None) if !path.is_dir() => {
            Place::Unreachable(format!("the folder {} is on the other server", path.display()))
        }
        (Some(path), ..) => Place::Folder(path),
    }
}

/// The path of `mlflow-artifacts:/a/b` or `mlflow-artifacts://host/a/b`.
fn proxied_path(uri: &str) -> Option<String> {
    let rest = uri.strip_prefix(PROXIED)?;
    let path = match rest.strip_prefix("//") {
        Some(with_host) => with_host.split_once('/').map_or("", |(_, path)| path),
        None => rest,
    };
    Some(path.trim_matches('/').to_owned())
}

/// The path of `file:///a` or of a location without a scheme.
fn local_path(uri: &str) -> Option<PathBuf> {
    if let Some(rest) = uri.strip_prefix("file:") {
        let path = rest.strip_prefix("//").unwrap_or(rest);
        let path = path.strip_prefix("localhost").unwrap_or(path);
        let decoded = percent_decoded(path);
        return Some(PathBuf::from(decoded));
    }
    let has_scheme = uri.split_once(':').is_some_and(|(scheme, _)| scheme.len() > 1 && !scheme.contains('/'));
    (!has_scheme && !uri.is_empty()).then(|| PathBuf::from(uri))
}

fn percent_decoded(path: &str) -> String {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = (*first == b'%').then(|| after.get(..2)).flatten();
        let code = code.and_then(|code| u8::from_str_radix(std::str::from_utf8(code).ok()?, 16).ok());
        match code {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Copies all files of a place to a path of our artifact proxy. With `resume` those that are there in the same size are
/// left alone: an earlier import that broke off has brought them.
pub(super) async fn copy(
    source: &Source,
    from: &Place,
    client: &Client,
    to: &str,
    resume: bool,
    report: &mut Report,
) -> Result<()> {
    let files = match (from, source) {
        (Place::Folder(folder), _) => folder_files(folder, report)?,
        (Place::Proxied(path), Source::Rest(rest)) => {
            walk(|below| proxied(rest, path.clone(), below)).await?
        }
        (Place::OfRun(run), Source::Rest(rest)) => walk(|below| of_run(rest, run.clone(), below)).await?,
        _ => return Ok(()),
    };
    let there = if resume && !files.is_empty() { own_files(client, to).await? } else { HashMap::new() };
    for (path, bytes) in files {
        if there.get(&path) == Some(&bytes) {
            continue;
        }
        let body = match (from, source) {
            (Place::Folder(folder), _) => {
                let file = folder.join(&path);
                let opened = tokio::fs::File::open(&file).await;
                Body::from(opened.with_context(|| format!("{} cannot be read", file.display()))?)
            }
            (Place::Proxied(base), Source::Rest(rest)) => {
                Body::wrap_stream(rest.open_proxied(&format!("{base}/{path}")).await?.bytes_stream())
            }
            (Place::OfRun(run), Source::Rest(rest)) => {
                Body::wrap_stream(rest.open_run_file(run, &path).await?.bytes_stream())
            }
            _ => continue,
        };
        match put(client, to, &path, body).await {
            Ok(()) => {
                report.files += 1;
                report.bytes += bytes;
            }
            Err(error)
                if error.downcast_ref::<crate::client::ServerError>().is_some_and(|no| no.status < 500) =>
            {
                report.leave_out(format!("file {to}/{path}"), error.to_string());
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

async fn put(client: &Client, to: &str, path: &str, body: Body) -> Result<()> {
    let prefix = ["api", "2.0", "mlflow-artifacts", "artifacts"];
    let segments: Vec<&str> = prefix.into_iter().chain(to.split('/')).chain(path.split('/')).collect();
    client.ask(client.at(Method::PUT, &segments).body(body)).await.map(drop)
}

type Listed = Vec<(String, Option<u64>)>;

/// All files below a place, given how a folder of it is listed.
async fn walk<F: Future<Output = Result<Listed>>>(list: impl Fn(String) -> F) -> Result<Vec<(String, u64)>> {
    let mut files = Vec::new();
    let mut waiting = vec![(String::new(), 0)];
    while let Some((folder, depth)) = waiting.pop() {
        for (path, bytes) in list(folder.clone()).await? {
            let name = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
            if name.is_empty() || name == "." || name == ".." {
                continue;
            }
            let path = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
            match bytes {
                Some(bytes) => files.push((path, bytes)),
                None if depth < MOST_DEEP => waiting.push((path, depth + 1)),
                None => {}
            }
        }
    }
    Ok(files)
}

async fn proxied(rest: &Rest, base: String, below: String) -> Result<Listed> {
    let path = if below.is_empty() { base } else { format!("{base}/{below}") };
    rest.proxied_files(&path).await
}

async fn of_run(rest: &Rest, run: String, below: String) -> Result<Listed> {
    rest.run_files(&run, &below).await
}

/// The files of a folder; links are not followed.
fn folder_files(folder: &Path, report: &mut Report) -> Result<Vec<(String, u64)>> {
    let mut files = Vec::new();
    let mut waiting = if folder.is_dir() { vec![folder.to_owned()] } else { Vec::new() };
    while let Some(place) = waiting.pop() {
        let entries =
            std::fs::read_dir(&place).with_context(|| format!("{} cannot be read", place.display()))?;
        for entry in entries {
            let entry = entry?;
            let (kind, path) = (entry.file_type()?, entry.path());
            let Ok(below) = path.strip_prefix(folder) else { continue };
            if kind.is_dir() {
                waiting.push(path);
            } else if kind.is_file() {
                let below = below.to_string_lossy().replace(std::path::MAIN_SEPARATOR, "/");
                files.push((below, entry.metadata()?.len()));
            } else {
                report.leave_out(format!("file {}", path.display()), "is a link or no plain file");
            }
        }
    }
    files.sort();
    Ok(files)
}

/// The files that our server has at a path already.
async fn own_files(client: &Client, to: &str) -> Result<HashMap<String, u64>> {
    let listed = walk(|below| async move {
        let path = if below.is_empty() { to.to_owned() } else { format!("{to}/{below}") };
        let answer = client.get_with("/api/2.0/mlflow-artifacts/artifacts", &[("path", Some(path))]).await;
        let Ok(answer) = answer else { return Ok(Vec::new()) };
        let files = answer.get("files").and_then(Value::as_array).cloned().unwrap_or_default();
        Ok(files
            .iter()
            .map(|file| {
                let path = file.get("path").and_then(Value::as_str).unwrap_or_default().to_owned();
                let is_folder = file.get("is_dir").and_then(Value::as_bool).unwrap_or(false);
                let bytes = file.get("file_size").and_then(Value::as_u64).unwrap_or(0);
                (path, (!is_folder).then_some(bytes))
            })
            .collect())
    })
    .await?;
    Ok(listed.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_are_told_apart() {
        assert_eq!(proxied_path("mlflow-artifacts:/1/abc/artifacts").as_deref(), Some("1/abc/artifacts"));
        assert_eq!(proxied_path("mlflow-artifacts://host:5000/1/abc").as_deref(), Some("1/abc"));
        assert_eq!(local_path("file:///tmp/a%20b"), Some(PathBuf::from("/tmp/a b")));
        assert_eq!(local_path("/tmp/a"), Some(PathBuf::from("/tmp/a")));
        assert_eq!(local_path("s3://bucket/a"), None);
        assert_eq!(local_path("dbfs:/a"), None);
    }
}
