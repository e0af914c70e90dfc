//! Mistakes that people make, and what they are told.

use std::fs;
use std::path::Path;

use crate::harness::{example, run};

/// The example's file with a change, in a folder of its own.
fn changed(from: &str, to: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let yaml = fs::read_to_string(example().join("gingham.yaml")).unwrap();
    assert!(yaml.contains(from), "the example has no `{from}`");
    fs::write(folder.path().join("gingham.yaml"), yaml.replacen(from, to, 1)).unwrap();
    for file in ["prepare.sql", "low.policy.yaml"] {
        fs::copy(example().join(file), folder.path().join(file)).unwrap();
    }
    let path = folder.path().join("gingham.yaml").to_str().unwrap().to_owned();
    (folder, path)
}

/// The line and column of the first `text` in the file, as errors write them.
fn place(path: &str, text: &str) -> String {
    let yaml = fs::read_to_string(path).unwrap();
    let (line, content) = yaml.lines().enumerate().find(|(_, line)| line.contains(text)).unwrap();
    format!("{path}:{}:{}", line + 1, content.find(text).unwrap() + 1)
}

fn check(from: &str, to: &str, wrong_word: &str, hint: &str) {
    let (_folder, path) = changed(from, to);
    let ran = run(&["plan", &path]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(
        ran.stderr.contains(&place(&path, wrong_word)),
        "{} is not at {}",
        ran.stderr,
        place(&path, wrong_word)
    );
    assert!(ran.stderr.contains(hint), "{}", ran.stderr);
}

#[test]
fn an_unknown_key_is_placed_and_the_nearest_one_offered() {
    check("\npipeline:", "\npipelin:", "pipelin:", "did you mean `pipeline`?");
    check("\n  evaluate:", "\n  evalute:", "evalute:", "did you mean `evaluate`?");
}

#[test]
fn an_unknown_trainer_is_placed_and_the_nearest_one_offered() {
    check(
        "trainer: gradient_boosting",
        "trainer: gradient_bosting",
        "trainer: gradient_bosting",
        "did you mean `gradient_boosting`?",
    );
}

#[test]
fn an_unknown_metric_is_placed_and_the_nearest_one_offered() {
    check("metric: mae }", "metric: mea }", "metric: mea }", "did you mean `mae`?");
}

#[test]
fn the_target_among_the_features_is_refused() {
    let (_folder, path) = changed("volume_last_week]", "volume_last_week, traffic_volume]");
    let ran = run(&["plan", &path]);
    assert!(ran.stderr.contains("a model that is given it has nothing to predict"), "{}", ran.stderr);
}

#[test]
fn yaml_that_is_broken_is_placed() {
    let (_folder, path) = changed("data:\n", "data: [\n");
    let ran = run(&["plan", &path]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains(&format!("{path}:")), "{}", ran.stderr);
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let ran = run(&["plan", "/nowhere/gingham.yaml"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("`/nowhere/gingham.yaml` cannot be read"), "{}", ran.stderr);
}

#[test]
fn a_csv_with_a_broken_row_gets_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rows.csv");
    fs::write(&file, "a,b\n1,2\n3\n").unwrap();
    let ran = run(&["push", "rows", file.to_str().unwrap()]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("line 3"), "{}", ran.stderr);
}

#[test]
fn a_server_that_is_not_there_is_said_with_a_hint() {
    let port = crate::harness::free_port();
    let ran = run(&["--server", &format!("http://127.0.0.1:{port}"), "status"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("no server answers at"), "{}", ran.stderr);
    assert!(ran.stderr.contains("hint: start one with `gingham up"), "{}", ran.stderr);
}

#[test]
fn arguments_that_make_no_sense_have_an_exit_code_of_their_own() {
    assert_eq!(run(&["frobnicate"]).code, Some(64));
    assert_eq!(run(&["--help"]).code, Some(0));
}

#[test]
fn completions_know_every_command() {
    let ran = run(&["completions", "bash"]);
    assert_eq!(ran.code, Some(0));
    for command in ["up", "apply", "status", "lineage"] {
        assert!(ran.stdout.contains(command), "{command}");
    }
    assert!(Path::new(env!("CARGO_BIN_EXE_gingham")).exists());
}
