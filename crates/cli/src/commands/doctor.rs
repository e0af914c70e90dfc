//! `doctor`: whether everything that Gingham needs is in place, and how to get what is not.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::Result;
use base::{Clock, Failure, SystemClock};
use clap::Args;
use nix::sys::statvfs::statvfs;
use serde::Serialize;
use serde_json::json;

use crate::args::{DEFAULT_PORT, ServerArguments};
use crate::exit::CHECK_FAILED;
use crate::output;

/// Free space below which the data folder is in danger, in bytes.
const LITTLE_SPACE: u64 = 1 << 30;
/// Connections need handles: fewer than this many are few.
const FEW_HANDLES: u64 = 4_096;
/// By how much two clocks may differ, in seconds.
const MOST_SKEW_SECONDS: i64 = 5;

/// What `doctor` is told.
#[derive(Debug, Clone, Args)]
pub(crate) struct DoctorArguments {
    /// The data folder to look at.
    #[arg(long, env = "GINGHAM_DATA", default_value = "gingham-data")]
    pub(crate) data: PathBuf,
    /// The database to look at; the SQLite file in the data folder when not given.
    #[arg(long, env = "GINGHAM_DATABASE", hide_env_values = true)]
    pub(crate) database: Option<String>,
    /// The port that a server is to listen on.
    #[arg(long, env = "GINGHAM_PORT", default_value_t = DEFAULT_PORT)]
    pub(crate) port: u16,
}

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    /// As it should be.
    Good,
    /// Something is not there that only some need.
    Missing,
    /// It works, and will not for long or not well.
    Worrying,
    /// It does not work.
    Bad,
}

/// What was found out about one thing.
#[derive(Debug, Serialize)]
struct Finding {
    what: &'static str,
    state: State,
    message: String,
    hint: Option<String>,
}

fn finding(what: &'static str, state: State, message: impl Into<String>) -> Finding {
    Finding { what, state, message: message.into(), hint: None }
}

impl Finding {
    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Looks at everything and prints what it finds. Nothing is changed.
pub(super) async fn doctor(server: &ServerArguments, arguments: &DoctorArguments) -> Result<ExitCode> {
    let (skew, answers) = ask_server(server).await;
    let findings = vec![
        folder(&arguments.data),
        space(&arguments.data),
        database(arguments).await,
        port(arguments.port, answers),
        handles(),
        skew,
        onnx_runtime(),
        python(),
        uv(),
        gpu(),
    ];
    let bad = findings.iter().any(|finding| finding.state == State::Bad);
    if server.json {
        output::json(&json!({ "good": !bad, "findings": findings }));
    } else {
        for finding in &findings {
            let mark = match finding.state {
                State::Good => "ok",
                State::Missing => "--",
                State::Worrying => "??",
                State::Bad => "!!",
            };
            output::line(&format!("{mark}  {:<14} {}", finding.what, finding.message));
            if let Some(hint) = &finding.hint {
                output::line(&output::faint(&format!("    {:<14} {hint}", "")));
            }
        }
    }
    Ok(if bad { ExitCode::from(CHECK_FAILED) } else { ExitCode::SUCCESS })
}

/// The nearest folder that is there, the folder itself or one above it.
fn nearest(folder: &Path) -> PathBuf {
    let absolute = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    absolute.ancestors().find(|above| above.is_dir()).unwrap_or(Path::new("/")).to_owned()
}

fn folder(data: &Path) -> Finding {
    let there = data.is_dir();
    let place = nearest(data);
    match tempfile::tempfile_in(&place) {
        Ok(_) if there => {
            finding("data folder", State::Good, format!("`{}` can be written to", data.display()))
        }
        Ok(_) => finding(
            "data folder",
            State::Good,
            format!("`{}` is not there yet and can be made", data.display()),
        ),
        Err(error) => {
            finding("data folder", State::Bad, format!("`{}` cannot be written to: {error}", place.display()))
                .hint("name another folder with --data")
        }
    }
}

fn space(data: &Path) -> Finding {
    let place = nearest(data);
    match statvfs(&place) {
        Ok(found) => {
            let free = found.blocks_available().saturating_mul(found.fragment_size());
            let words = format!("{:.1} GiB free at `{}`", gib(free), place.display());
            if free >= LITTLE_SPACE {
                return finding("disk", State::Good, words);
            }
            let state = if free < LITTLE_SPACE / 16 { State::Bad } else { State::Worrying };
            finding("disk", state, words)
                .hint("a full archive disk refuses predictions, or gives them without a record, as the deployment says")
        }
        Err(error) => finding("disk", State::Worrying, format!("the free space is not known: {error}")),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a size for people")]
fn gib(bytes: u64) -> f64 {
    bytes as f64 / (1_u64 << 30) as f64
}

async fn database(arguments: &DoctorArguments) -> Finding {
    const WHAT: &str = "database";
    let file = arguments.data.join("gingham.db");
    if arguments.database.is_none() && !file.exists() {
        return finding(WHAT, State::Good, "none yet; the first `gingham up` makes a SQLite file");
    }
    let looked = look_at_database(arguments.database.as_deref(), &file);
    match tokio::time::timeout(Duration::from_secs(10), looked).await {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => {
            let told = finding(WHAT, State::Bad, error.to_string());
            match error.hint() {
                Some(hint) => told.hint(hint),
                None => told,
            }
        }
        Err(_) => finding(WHAT, State::Bad, "it does not answer within 10 s")
            .hint("look whether the server of the database runs and can be reached from here"),
    }
}

/// Opens the database for reading only, and compares its migrations with those of this release.
async fn look_at_database(url: Option<&str>, file: &Path) -> Result<Finding, db::Error> {
    const WHAT: &str = "database";
    let foreign = match url {
        Some(url) if url.starts_with("postgres") => db::Foreign::open_postgres(url).await?,
        Some(url) => db::Foreign::open_file(Path::new(url.trim_start_matches("sqlite:"))).await?,
        None => db::Foreign::open_file(file).await?,
    };
    let applied = if foreign.has_table("schema_migrations").await? {
        let rows = foreign.rows("select name from schema_migrations order by name", Vec::new()).await?;
        rows.iter().map(|row| row.text("name")).collect::<Result<Vec<_>, _>>()?
    } else {
        Vec::new()
    };
    let known: Vec<&str> = db::known_migrations().collect();
    if let Some(newer) = applied.iter().find(|name| !known.contains(&name.as_str())) {
        let told = finding(WHAT, State::Bad, format!("a newer release has changed it: migration `{newer}`"));
        return Ok(told.hint("start that release, or a newer one"));
    }
    let missing = known.len() - applied.len();
    let engine = format!("{:?}", foreign.engine());
    Ok(finding(
        WHAT,
        State::Good,
        match missing {
            0 => format!("{engine} answers and is up to date"),
            _ => format!("{engine} answers; the next start applies {missing} migrations"),
        },
    ))
}

fn port(port: u16, server_answers: bool) -> Finding {
    match TcpListener::bind(("127.0.0.1", port)) {
        Ok(_) => finding("port", State::Good, format!("{port} is free")),
        Err(_) if server_answers => {
            finding("port", State::Good, format!("a Gingham server listens on {port}"))
        }
        Err(error) => finding("port", State::Bad, format!("{port} cannot be listened on: {error}"))
            .hint("name another one with --port"),
    }
}

fn handles() -> Finding {
    use nix::sys::resource::{Resource, getrlimit};
    match getrlimit(Resource::RLIMIT_NOFILE) {
        Ok((soft, _)) if soft >= FEW_HANDLES => {
            finding("file handles", State::Good, format!("{soft} may be open"))
        }
        Ok((soft, hard)) => {
            finding("file handles", State::Worrying, format!("only {soft} may be open, connections included"))
                .hint(format!("raise it with `ulimit -n {}`", hard.min(65_536)))
        }
        Err(error) => finding("file handles", State::Worrying, format!("not known: {error}")),
    }
}

/// Whether our clock agrees with that of the server, and whether there is one.
async fn ask_server(server: &ServerArguments) -> (Finding, bool) {
    const WHAT: &str = "clock";
    let now = SystemClock.now();
    if now.as_micros() < 1_750_000_000_000_000 {
        let told = finding(WHAT, State::Bad, format!("it says {now}, which is in the past"));
        return (told.hint("set it, for instance by NTP"), false);
    }
    let http = reqwest::Client::builder().timeout(Duration::from_secs(3)).build();
    let Ok(http) = http else { return (finding(WHAT, State::Worrying, "it cannot be compared"), false) };
    let address = format!("{}/api/v1/info", server.server.trim_end_matches('/'));
    let mut request = http.get(address);
    if let Some(token) = &server.token {
        request = request.bearer_auth(token);
    }
    let Ok(response) = request.send().await else {
        return (
            finding(WHAT, State::Good, format!("{now}; no server answers that it could be compared with")),
            false,
        );
    };
    let date = response.headers().get(reqwest::header::DATE).and_then(|date| date.to_str().ok());
    let theirs = date.and_then(|date| chrono::DateTime::parse_from_rfc2822(date).ok());
    let Some(theirs) = theirs else { return (finding(WHAT, State::Good, now.to_string()), true) };
    let skew = (now.as_micros() / 1_000_000 - theirs.timestamp()).abs();
    let told = if skew <= MOST_SKEW_SECONDS {
        finding(WHAT, State::Good, format!("it agrees with that of {}", server.server))
    } else {
        finding(WHAT, State::Bad, format!("it is {skew} s from that of {}", server.server))
            .hint("windows of monitoring and the life of tokens go by the clock; keep both by NTP")
    };
    (told, true)
}

fn onnx_runtime() -> Finding {
    const WHAT: &str = "ONNX Runtime";
    match inference::onnx_runtime(&inference::RuntimeOptions::default()) {
        Ok(words) => finding(WHAT, State::Good, words),
        Err(why) => finding(WHAT, State::Missing, why.to_string()).hint(
            "only ONNX graphs with operators that Gingham lacks need it, and GPUs: `pip install onnxruntime`, then set \
             ORT_DYLIB_PATH to its `capi/libonnxruntime.so.*`",
        ),
    }
}

/// The first line that a program prints about itself.
fn version_of(program: &str, argument: &str) -> Option<String> {
    let output =
        Command::new(program).arg(argument).output().ok().filter(|output| output.status.success())?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().next().map(|line| line.trim().to_owned())
}

fn python() -> Finding {
    match version_of("python3", "--version") {
        Some(version) => finding("Python", State::Good, version),
        None => finding("Python", State::Missing, "there is no `python3`")
            .hint("only models that are Python code need it; models of graphs and trees do not"),
    }
}

fn uv() -> Finding {
    match version_of("uv", "--version") {
        Some(version) => finding("uv", State::Good, version),
        None => finding("uv", State::Missing, "there is no `uv`")
            .hint("it makes the environments of Python models: `pip install uv`"),
    }
}

fn gpu() -> Finding {
    let query = Command::new("nvidia-smi")
        .args(["--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"])
        .output();
    let found = query.ok().filter(|output| output.status.success());
    let names = found.map(|output| String::from_utf8_lossy(&output.stdout).trim().replace('\n', "; "));
    match names.filter(|names| !names.is_empty()) {
        Some(names) => finding("GPU", State::Good, names),
        None if fs::exists("/dev/nvidia0").unwrap_or(false) => {
            finding("GPU", State::Worrying, "there is a device, and `nvidia-smi` does not answer")
                .hint("install the driver's tools, or give the container access to them")
        }
        None => finding("GPU", State::Missing, "none; everything is computed on the processor"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_cannot_be_is_bad() {
        assert_eq!(folder(Path::new("/proc/nothing/here")).state, State::Bad);
        let there = tempfile::tempdir().unwrap();
        assert_eq!(folder(there.path()).state, State::Good);
        assert_eq!(folder(&there.path().join("new/one")).state, State::Good);
    }

    #[test]
    fn a_taken_port_is_bad_unless_it_is_ours() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let number = taken.local_addr().unwrap().port();
        assert_eq!(port(number, false).state, State::Bad);
        assert_eq!(port(number, true).state, State::Good);
    }
}
