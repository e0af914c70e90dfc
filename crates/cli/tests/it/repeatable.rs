//! `run` and `rerun` through the real binary: what is captured, what is masked, and what is found to differ.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

use crate::harness::{Ran, Server, free_port, gingham};

/// A folder with a script that reads `data.csv` and writes `out/sum.txt`, in a repository with one commit.
fn project() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("data.csv", "1\n2\n3\n");
    write(
        "work.sh",
        "mkdir -p out\nawk '{ s += $1 } END { print s }' data.csv > out/sum.txt\n\
         echo param=$GINGHAM_PARAM_ALPHA word=$1\necho to-stderr >&2\n",
    );
    write(".gitignore", "out/\n");
    for words in [
        &["init", "-q", "-b", "main"][..],
        &["add", "."],
        &["-c", "user.name=t", "-c", "user.email=t@localhost", "commit", "-q", "-m", "first"],
    ] {
        assert!(Command::new("git").args(words).current_dir(folder.path()).status().unwrap().success());
    }
    folder
}

fn at(server: &Server, folder: &Path) -> Command {
    let mut command = gingham();
    command.current_dir(folder).env("GINGHAM_URL", server.address());
    command
}

fn ran(command: &mut Command) -> Ran {
    command.output().unwrap().into()
}

/// The id of the run that was told of last.
fn run_of(ran: &Ran) -> String {
    let told = ran.stderr.lines().rev().find_map(|line| line.strip_prefix("gingham: run "));
    told.unwrap_or_else(|| panic!("no run in: {}\n{}", ran.stdout, ran.stderr))
        .split(' ')
        .next()
        .unwrap()
        .to_owned()
}

fn record(server: &Server, run: &str) -> Value {
    let address = format!("{}/api/v1/runs/{run}/capture", server.address());
    let output = Command::new("curl").args(["-sf", &address]).output().unwrap();
    serde_json::from_slice::<Value>(&output.stdout).unwrap()["record"].take()
}

fn log_of(server: &Server, run: &str) -> String {
    let address = format!("{}/get-artifact?run_id={run}&path=logs/output.log", server.address());
    String::from_utf8(Command::new("curl").args(["-sf", &address]).output().unwrap().stdout).unwrap()
}

#[test]
fn a_command_becomes_a_run_that_repeats_to_the_bit() {
    let (server, project) = (Server::start(), project());
    let folder = project.path();
    // What is not committed is captured, too.
    std::fs::write(folder.join("data.csv"), "1\n2\n4\n").unwrap();
    std::fs::write(folder.join("notes.txt"), "new\n").unwrap();
    let run = [
        "run",
        "--param",
        "alpha=0.5",
        "--input",
        "data.csv",
        "--output",
        "out",
        "--",
        "sh",
        "work.sh",
        "{alpha}",
    ];
    let first = ran(at(&server, folder).args(run));
    assert_eq!(first.code, Some(0), "{}", first.stderr);
    assert_eq!(first.stdout, "param=0.5 word=0.5\n");
    assert!(first.stderr.contains("to-stderr\n"), "{}", first.stderr);

    let id = run_of(&first);
    let kept = record(&server, &id);
    let git = &kept["code"]["git"];
    assert_eq!((git["branch"].as_str(), git["is_dirty"].as_bool()), (Some("main"), Some(true)));
    assert_eq!(git["untracked"], serde_json::json!(["notes.txt"]));
    assert!(git["diff"].is_string() && git["commit"].as_str().unwrap().len() == 40, "{git}");
    // Inputs and outputs are not code.
    assert_eq!(kept["code"]["files"], 3);
    assert_eq!(
        (kept["inputs"][0]["bytes"].as_u64(), kept["outputs"][0]["files"].as_u64()),
        (Some(6), Some(1))
    );
    assert_eq!(kept["params"][0]["origin"], "command line");
    assert!(kept["ended"]["usage"]["wall_seconds"].as_f64().unwrap() > 0.0);
    let log = log_of(&server, &id);
    assert!(log.contains("param=0.5 word=0.5\n") && log.contains("to-stderr\n"), "{log}");
    let shown = server.json(&["show", "run", &id]);
    assert_eq!(
        (shown["status"].as_str(), shown["params"]["alpha"].as_str()),
        (Some("FINISHED"), Some("0.5"))
    );

    // Whatever becomes of the folder, the run repeats.
    std::fs::remove_dir_all(folder.join("out")).unwrap();
    std::fs::write(folder.join("data.csv"), "100\n").unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let again = ran(at(&server, elsewhere.path()).args(["rerun", &id, "--verify"]));
    assert_eq!(again.code, Some(0), "{}\n{}", again.stdout, again.stderr);
    assert!(again.stdout.contains("equal to the bit: 1 output files"), "{}", again.stdout);
}

#[test]
fn a_repetition_that_differs_names_the_first_file_and_place_and_exits_with_2() {
    let (server, project) = (Server::start(), project());
    let command =
        "mkdir -p out; echo same > out/a.txt; printf 'x\\n%s\\n' $(od -An -N8 -tx8 /dev/urandom) > out/b.txt";
    let first = ran(at(&server, project.path()).args(["run", "--output", "out", "--", "sh", "-c", command]));
    assert_eq!(first.code, Some(0), "{}", first.stderr);
    let again = ran(at(&server, project.path()).env("OMP_NUM_THREADS", "1").args([
        "--json",
        "rerun",
        &run_of(&first),
        "--verify",
    ]));
    assert_eq!(again.code, Some(2), "{}\n{}", again.stdout, again.stderr);
    let told: Value = serde_json::from_str(&again.stdout).unwrap();
    assert_eq!(
        (told["first"]["what"].as_str(), told["verdict"].as_str()),
        (Some("out/b.txt"), Some("different"))
    );
    assert!(told["first"]["place"].as_str().unwrap().starts_with("line 2, byte "), "{told}");
    assert_eq!(told["differences"].as_array().unwrap().len(), 1);
    assert_eq!(told["causes"][0]["kind"], "seed");
}

#[test]
fn numbers_may_differ_by_what_the_run_declares() {
    let (server, project) = (Server::start(), project());
    let command = "printf '{\"mae\": 1.00000%s}' $(od -An -N2 -tu2 /dev/urandom | tr -d ' ') > fit.json";
    let run = ["run", "--tolerance", "mae=0.001", "--output", "fit.json", "--", "sh", "-c", command];
    let first = ran(at(&server, project.path()).args(run));
    assert_eq!(first.code, Some(0), "{}", first.stderr);
    let again = ran(at(&server, project.path()).args(["rerun", &run_of(&first), "--verify"]));
    assert_eq!(again.code, Some(0), "{}\n{}", again.stdout, again.stderr);
    assert!(again.stdout.starts_with("equal"), "{}", again.stdout);
}

#[test]
fn exit_codes_and_signals_pass_through_and_mark_the_run() {
    let (server, project) = (Server::start(), project());
    let failed = ran(at(&server, project.path()).args(["run", "--", "sh", "-c", "exit 7"]));
    assert_eq!(failed.code, Some(7));
    assert_eq!(server.json(&["show", "run", &run_of(&failed)])["status"], "FAILED");
    let missing = ran(at(&server, project.path()).args(["run", "--", "no-such-program"]));
    assert_eq!(missing.code, Some(127), "{}", missing.stderr);

    let mut child = at(&server, project.path())
        .args([
            "run",
            "--",
            "sh",
            "-c",
            "trap 'exit 9' TERM; echo ready > ready; while :; do sleep 0.05; done",
        ])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let started = Instant::now();
    while !project.path().join("ready").exists() {
        assert!(started.elapsed() < Duration::from_secs(60), "the command does not start");
        std::thread::sleep(Duration::from_millis(20));
    }
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), Signal::SIGTERM).unwrap();
    let status = child.wait().unwrap();
    assert_eq!((status.code(), status.signal()), (Some(9), None));
    let mut told = String::new();
    std::io::Read::read_to_string(&mut child.stderr.take().unwrap(), &mut told).unwrap();
    let ran = Ran { code: Some(9), stdout: String::new(), stderr: told };
    assert_eq!(server.json(&["show", "run", &run_of(&ran)])["status"], "KILLED");
}

#[test]
fn secrets_are_kept_by_name_only() {
    let (server, project) = (Server::start(), project());
    std::fs::write(project.path().join("leak.txt"), "hunter2-hunter2").unwrap();
    let mut command = at(&server, project.path());
    command.env("DB_PASSWORD", "hunter2-hunter2");
    let run = [
        "run",
        "--secret",
        "DB_PASSWORD",
        "--",
        "sh",
        "-c",
        "echo it is $DB_PASSWORD; echo hunter2-hunter2 >&2",
    ];
    let first = ran(command.args(run));
    assert_eq!((first.code, first.stdout.as_str()), (Some(0), "it is hunter2-hunter2\n"), "{}", first.stderr);
    let id = run_of(&first);
    assert!(log_of(&server, &id).contains("it is ***\n"));
    assert!(!log_of(&server, &id).contains("hunter2"));
    let kept = record(&server, &id);
    assert_eq!(kept["secrets"], serde_json::json!(["DB_PASSWORD"]));
    assert!(!kept.to_string().contains("hunter2"), "{kept}");
    assert!(kept["code"]["left_out"].to_string().contains("leak.txt holds the value of a secret"), "{kept}");
    let without = ran(at(&server, project.path()).args(["run", "--secret", "DB_PASSWORD", "--", "true"]));
    assert!(without.stderr.contains("`DB_PASSWORD` is not in the environment"), "{}", without.stderr);
}

#[test]
fn without_a_server_nothing_is_run() {
    let folder = tempfile::tempdir().unwrap();
    let address = format!("http://127.0.0.1:{}", free_port());
    let mut command = gingham();
    command.current_dir(folder.path()).env("GINGHAM_URL", address);
    let refused = ran(command.args(["run", "--", "touch", "made"]));
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("no server answers at"), "{}", refused.stderr);
    assert!(!folder.path().join("made").exists());
}

#[test]
fn queued_runs_go_one_after_another() {
    let (server, project) = (Server::start(), project());
    let script = "test ! -e busy || exit 9; touch busy; sleep 0.3; rm busy";
    let started: Vec<_> = (0..3)
        .map(|_| {
            at(&server, project.path())
                .args(["run", "--queue", "--", "sh", "-c", script])
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    let mut waited = 0;
    for child in started {
        let ran: Ran = child.wait_with_output().unwrap().into();
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        waited += usize::from(ran.stderr.contains("before this one"));
    }
    assert!(waited >= 1, "nobody waited");
}

#[test]
fn a_run_that_is_killed_with_its_starter_is_marked_and_leaves_nothing_half() {
    let (server, project) = (Server::start(), project());
    let mut child = at(&server, project.path())
        .args([
            "run",
            "--output",
            "out",
            "--",
            "sh",
            "-c",
            "mkdir -p out; echo half > out/a; echo begun; sleep 60",
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = String::new();
    let deadline = Instant::now() + Duration::from_secs(30);
    while !told.contains("begun") {
        assert!(Instant::now() < deadline, "the command did not begin");
        let mut buffer = [0; 64];
        let count = std::io::Read::read(child.stdout.as_mut().unwrap(), &mut buffer).unwrap();
        told.push_str(&String::from_utf8_lossy(&buffer[..count]));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let runs = server.json(&["ls", "runs"]);
    let run = runs["items"][0]["id"].as_str().unwrap().to_owned();
    // It is alive until a minute without a heartbeat has passed, and cannot be repeated as if it were whole.
    let again = ran(at(&server, project.path()).args(["rerun", &run]));
    assert_eq!(again.code, Some(1), "{}", again.stdout);
    assert!(again.stderr.contains("still under way"), "{}", again.stderr);
    assert_eq!(record(&server, &run)["outputs"], serde_json::json!([]), "no output is told before the end");
    // The next run of the same folder is not held up by it.
    let next = ran(at(&server, project.path()).args(["run", "--output", "out", "--", "sh", "work.sh", "x"]));
    assert_eq!(next.code, Some(0), "{}", next.stderr);
}

#[test]
fn processors_memory_gpus_libraries_and_locks_are_captured() {
    let (server, project) = (Server::start(), project());
    // A stand-in for the tool of the vendor, which this machine need not have.
    let tools = tempfile::tempdir().unwrap();
    let tool = tools.path().join("nvidia-smi");
    std::fs::write(
        &tool,
        "#!/bin/sh\ncase \"$*\" in\n*driver_version*) echo 'NVIDIA H100, 550.54, 81559 MiB';;\n\
         *) echo '0, NVIDIA H100, 37, 1024';;\nesac\n",
    )
    .unwrap();
    std::fs::set_permissions(&tool, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    for lock in ["uv.lock", "requirements.txt", "environment.yml"] {
        std::fs::write(project.path().join(lock), format!("# {lock}\n")).unwrap();
    }
    let path = format!("{}:{}", tools.path().display(), std::env::var("PATH").unwrap());
    let work = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; sleep 1.2";
    let first = ran(at(&server, project.path())
        .env("PATH", path)
        .env("OMP_NUM_THREADS", "3")
        .args(["run", "--", "sh", "-c", work]));
    assert_eq!(first.code, Some(0), "{}", first.stderr);
    let kept = record(&server, &run_of(&first));
    let (environment, usage) = (&kept["environment"], &kept["ended"]["usage"]);
    assert_eq!(environment["gpus"], serde_json::json!(["NVIDIA H100, 550.54, 81559 MiB"]));
    assert_eq!(environment["variables"]["OMP_NUM_THREADS"], "3");
    for lock in ["uv.lock", "requirements.txt", "environment.yml"] {
        assert_eq!(environment["locks"][lock].as_str().unwrap().len(), 64, "{environment}");
    }
    assert!(usage["user_cpu_seconds"].as_f64().unwrap() > 0.01, "{usage}");
    assert!(usage["peak_memory_bytes"].as_u64().unwrap() > 100_000, "{usage}");
    let gpu = &usage["gpus"][0];
    assert_eq!(
        (gpu["name"].as_str(), gpu["mean_utilization_percent"].as_f64()),
        (Some("0: NVIDIA H100"), Some(37.0))
    );
    assert_eq!(gpu["peak_memory_bytes"], 1024 << 20);
    assert!(usage["libraries"].to_string().contains("libc"), "{usage}");
}
