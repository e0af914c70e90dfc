//! Facts about children, on real processes.

use std::time::{Duration, Instant};

use base::Failure;

use super::{ChildError, ChildSpec, Finished, Limits, run_child};

async fn run(script: &str, limits: &Limits) -> (Result<Finished, ChildError>, Vec<String>) {
    let mut lines = Vec::new();
    let spec = ChildSpec::new("/bin/sh", ["-c", script]).reading("from the parent\n");
    let result = run_child(&spec, limits, |line| lines.push(line.to_owned())).await;
    (result, lines)
}

fn within(millis: u64) -> Limits {
    Limits { timeout: Duration::from_millis(millis), ..Limits::default() }
}

/// Waits until the process is gone or a zombie.
async fn is_gone(process: &str) -> bool {
    let until = Instant::now() + Duration::from_secs(5);
    while Instant::now() < until {
        match std::fs::read_to_string(format!("/proc/{}/stat", process.trim())) {
            Ok(stat) if !stat.contains(") Z ") => tokio::time::sleep(Duration::from_millis(10)).await,
            _ => return true,
        }
    }
    false
}

async fn check_error(script: &str, limits: &Limits, expected: &str) -> ChildError {
    let (result, _) = run(script, limits).await;
    let error = result.unwrap_err();
    assert_eq!(error.to_string(), expected);
    error
}

#[tokio::test]
async fn lines_go_out_and_input_goes_in() {
    let (result, lines) = run("cat; echo two; echo note >&2; printf three", &Limits::default()).await;
    assert_eq!(lines, ["from the parent", "two", "three"]);
    assert_eq!(result.unwrap(), Finished { stderr_tail: "note\n".to_owned(), lines: 3 });
}

#[tokio::test]
async fn failures_say_how_it_ended_and_its_last_words() {
    let error = check_error(
        "echo first >&2; echo 'no such table' >&2; exit 3",
        &Limits::default(),
        "`/bin/sh` ended with code 3; its last words: no such table",
    )
    .await;
    assert_eq!(
        (error.code(), error.stderr_tail(), error.may_go_better()),
        ("process_failed", "first\nno such table\n", false)
    );
    let error = check_error("kill -SEGV $$", &Limits::default(), "`/bin/sh` crashed (SIGSEGV)").await;
    assert!(error.may_go_better());
    let spec = ChildSpec::new("/nonexistent/program", [""; 0]);
    let error = run_child(&spec, &Limits::default(), |_| ()).await.unwrap_err();
    assert!(
        error.to_string().starts_with("`/nonexistent/program` could not be started: No such file"),
        "{error}"
    );
}

#[tokio::test]
async fn a_hang_ends_with_all_its_descendants() {
    let (result, lines) =
        run("sleep 60 & echo $!; trap '' TERM; sleep 60 & wait; wait; sleep 60", &within(300)).await;
    let error = result.unwrap_err();
    assert_eq!(error.to_string(), "`/bin/sh` was stopped as it was not done after 0.3 s");
    assert_eq!(error.code(), "process_timed_out");
    assert!(is_gone(&lines[0]).await);
}

#[tokio::test]
async fn silence_is_a_hang_too() {
    let limits = Limits { silence: Some(Duration::from_millis(400)), ..Limits::default() };
    let talks = "for i in 1 2 3 4 5 6; do echo $i; sleep 0.1; done";
    let (result, lines) = run(talks, &limits).await;
    assert_eq!((result.unwrap().lines, lines.len()), (6, 6));
    check_error("echo hello; sleep 60", &limits, "`/bin/sh` was stopped as it said nothing for 0.4 s").await;
}

#[tokio::test]
async fn a_child_that_is_forgotten_is_killed() {
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let spec = ChildSpec::new("/bin/sh", ["-c", "sleep 60 & echo $!; wait"]);
    let limits = Limits::default();
    let child = run_child(&spec, &limits, move |line| tell.send(line.to_owned()).unwrap());
    let process = tokio::select! {
        _ = child => panic!("it should sleep"),
        process = told.recv() => process.unwrap(),
    };
    assert!(is_gone(&process).await);
}

#[tokio::test]
async fn what_a_child_leaves_behind_ends_with_it() {
    let start = Instant::now();
    // The descendant holds the output open.
    let (result, lines) = run("sleep 60 & echo $!", &Limits::default()).await;
    result.unwrap();
    assert!(is_gone(&lines[0]).await);
    assert!(start.elapsed() < Duration::from_secs(30));
}

#[tokio::test]
async fn memory_is_bounded() {
    let limits = Limits { memory_bytes: Some(64 * 1024 * 1024), ..Limits::default() };
    let (result, lines) = run("ulimit -v; ulimit -c", &limits).await;
    result.unwrap();
    assert_eq!(lines, ["65536", "0"]);
    let (result, _) = run("head -c 300000000 /dev/zero | tail -c 200000000 | wc -c; exit 9", &limits).await;
    let error = result.unwrap_err();
    assert_eq!(error.exit_code(), Some(9));
    assert_eq!(
        error.hint().unwrap(),
        "it ran out of the 64 MiB of memory it may use",
        "{}",
        error.stderr_tail()
    );
}

#[tokio::test]
async fn endless_output_is_bounded() {
    let limits = Limits { line_bytes: 10, stderr_bytes: 10, ..Limits::default() };
    let script =
        "head -c 1000000 /dev/zero | tr '\\0' x; echo; echo end; head -c 1000000 /dev/zero | tr '\\0' e >&2";
    let (result, lines) = run(script, &limits).await;
    assert_eq!(lines, ["xxxxxxxxxx", "end"]);
    assert_eq!(result.unwrap().stderr_tail, "eeeeeeeeee");
}

#[tokio::test]
async fn a_child_that_does_not_read_is_no_trouble() {
    let spec = ChildSpec::new("/bin/sh", ["-c", "exec <&-; echo done"]).reading(vec![b'x'; 10_000_000]);
    assert_eq!(run_child(&spec, &Limits::default(), |_| ()).await.unwrap().lines, 1);
}

#[tokio::test]
async fn secrets_of_the_server_stay_with_it() {
    let names = "env | cut -d= -f1 | grep -v -e '^PWD$' -e '^SHLVL$' -e '^_$' -e '^OLDPWD$'";
    let mut lines = Vec::new();
    let mut spec = ChildSpec::new("/bin/sh", ["-c", names]);
    spec.env.push(("GINGHAM_JOB".into(), "7".into()));
    run_child(&spec, &Limits::default(), |line| lines.push(line.to_owned())).await.unwrap();
    assert!(lines.contains(&"GINGHAM_JOB".to_owned()));
    assert!(
        lines.iter().all(|name| name == "GINGHAM_JOB" || super::PASSED_ON.contains(&name.as_str())),
        "{lines:?}"
    );
}
