//! Runs by the hundred: found, tagged, archived, thrown away, brought back, exported, followed.

use std::process::Stdio;

use serde_json::{Value, json};

use crate::harness::{Server, gingham};

/// Runs of the experiment `nets`, five of team `blue` and three of `red`; each with a metric of three steps.
fn filled() -> Server {
    let server = Server::start();
    let made = server.mlflow("experiments/create", &json!({"name": "nets"}));
    for number in 0..8_i32 {
        let team = if number < 5 { "blue" } else { "red" };
        let run = json!({
            "experiment_id": made["experiment_id"], "start_time": 1_700_000_000_000_i64 + i64::from(number) * 1_000,
            "run_name": format!("net {number}, \"{team}\""),
        });
        let run = server.mlflow("runs/create", &run)["run"]["info"]["run_id"].clone();
        let points: Vec<Value> = (0..3_i32)
            .map(|step| json!({"key": "loss", "value": f64::from(number + 10 - step) / 2.0, "timestamp": step, "step": step * 10}))
            .chain([json!({"key": "odd", "value": if number == 7 { json!("NaN") } else { json!(number) }, "timestamp": 5})])
            .collect();
        let batch = json!({"run_id": run, "metrics": points, "params": [{"key": "depth", "value": number.to_string()}],
            "tags": [{"key": "team", "value": team}]});
        server.mlflow("runs/log-batch", &batch);
        server.mlflow(
            "runs/update",
            &json!({"run_id": run, "status": "FINISHED", "end_time": 1_700_000_100_000_i64}),
        );
    }
    server
}

/// The names of the runs that a search finds, by number.
fn numbers(server: &Server, arguments: &[&str]) -> Vec<String> {
    let found = server.json(&[&["search", "runs"], arguments].concat());
    let mut numbers: Vec<String> = found["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|run| run["params"]["depth"].as_str().unwrap().to_owned())
        .collect();
    numbers.sort();
    numbers
}

#[test]
fn many_runs_are_counted_changed_and_taken_back() {
    let server = filled();
    let blue = "tags.team = 'blue'";
    assert_eq!(numbers(&server, &[blue]), ["0", "1", "2", "3", "4"]);

    let counted = server.run(&["runs", "tag", "reviewed=yes", blue, "--dry-run"]);
    assert!(counted.starts_with("5 runs fit\n") && counted.contains("net 0, \"blue\""), "{counted}");
    assert_eq!(numbers(&server, &["tags.reviewed is not null"]), [""; 0], "a dry run changes nothing");
    let alone = server.try_run(&["runs", "tag", "reviewed=yes", blue]);
    assert_eq!(alone.code, Some(1), "{alone:?}");
    assert!(
        alone.stderr.contains("5 runs fit, and nobody is there to say that they are meant"),
        "{}",
        alone.stderr
    );
    assert!(alone.stderr.contains("--expect 5"), "{}", alone.stderr);
    let wrong = server.try_run(&["runs", "tag", "reviewed=yes", blue, "--expect", "4"]);
    assert!(wrong.code == Some(1) && wrong.stderr.contains("5 runs fit, not 4"), "{wrong:?}");
    let nothing = server.try_run(&["runs", "tag", "reviewed", blue, "--expect", "5"]);
    assert!(
        nothing.stderr.contains("`reviewed` is no tag") && nothing.stderr.contains("team=blue"),
        "{nothing:?}"
    );

    let told = server.run(&["runs", "tag", "reviewed=yes", blue, "--expect", "5"]);
    assert!(told.starts_with("tag: 5 runs changed; `gingham runs undo "), "{told}");
    assert_eq!(numbers(&server, &["tags.reviewed = 'yes'"]).len(), 5);
    assert_eq!(
        server.json(&["runs", "tag", "reviewed=yes", blue, "--dry-run"])["runs"],
        0,
        "they are so already"
    );

    let change = told.split('`').nth(1).unwrap().rsplit(' ').next().unwrap().to_owned();
    server.run(&["runs", "undo", &change]);
    assert_eq!(numbers(&server, &["tags.reviewed is not null"]), [""; 0]);
    let twice = server.try_run(&["runs", "undo", &change]);
    assert_eq!(twice.code, Some(1), "{twice:?}");
    let nobody = server.try_run(&["runs", "undo", "0123"]);
    assert!(nobody.code == Some(1) && nobody.stderr.contains("0123"), "{nobody:?}");
}

#[test]
fn runs_go_to_the_archive_and_the_bin_and_come_back() {
    let server = filled();
    let all = ["0", "1", "2", "3", "4", "5", "6", "7"];
    server.run(&["runs", "archive", "metrics.odd < 2", "--expect", "2"]);
    assert_eq!(numbers(&server, &[""]), all[2..]);
    assert_eq!(numbers(&server, &["", "--archived"]), all);
    server.run(&["runs", "restore", "metrics.odd < 2", "--expect", "2"]);
    assert_eq!(numbers(&server, &[""]), all);

    let deleted = server.json(&["runs", "delete", "tags.team = 'red'", "-e", "nets", "--expect", "3"]);
    assert_eq!(deleted["runs"], 3);
    assert_eq!(numbers(&server, &[""]), all[..5]);
    assert_eq!(numbers(&server, &["", "--deleted"]), all[5..]);
    server.run(&["runs", "restore", "params.depth = '5'", "--expect", "1"]);
    assert_eq!(numbers(&server, &[""]), all[..6]);
    // Taking the change back brings home who is still in the bin.
    server.run(&["runs", "undo", deleted["change"].as_str().unwrap()]);
    assert_eq!(numbers(&server, &[""]), all);

    let wrong = server.try_run(&["runs", "delete", "metrics.odd <", "--expect", "1"]);
    assert!(wrong.code == Some(1) && wrong.stderr.contains("invalid filter at character 14"), "{wrong:?}");
    let stranger = server.try_run(&["runs", "delete", "", "-e", "cars", "--expect", "1"]);
    assert!(stranger.code == Some(1) && stranger.stderr.contains("cars"), "{stranger:?}");
    assert_eq!(
        numbers(&server, &["metrics.loss@10 > 7"]),
        ["6", "7"],
        "the value at a step can be asked for"
    );
    assert_eq!(numbers(&server, &["metrics.loss@10 > 7", "-e", "Default"]), [""; 0]);
}

#[test]
fn runs_and_their_histories_become_files() {
    let server = filled();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let chosen = ["tags.team = 'red'", "-e", "nets", "--order", "metrics.loss desc"];

    let printed = server.run(&[&["export", "runs"], &chosen[..]].concat());
    let lines: Vec<&str> = printed.lines().collect();
    assert_eq!(
        lines[0],
        "id,name,experiment_id,status,user,start_time,end_time,metrics.loss,metrics.odd,params.depth,tags.mlflow.runName,tags.team"
    );
    assert_eq!(lines.len(), 4);
    assert!(lines[1].contains(",\"net 7, \"\"red\"\"\",1,FINISHED,"), "{}", lines[1]);
    assert!(lines[1].contains(",2023-11-14T22:13:27Z,") && lines[1].contains(",7.5,,7,"), "{}", lines[1]);

    let (runs, points) = (path("runs.jsonl"), path("points.jsonl"));
    server.run(
        &[&["export", "runs"], &chosen[..], &["--to", "json", "-o", &runs, "--histories", &points]].concat(),
    );
    let read = |path: &str| -> Vec<Value> {
        let text = std::fs::read_to_string(path).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let (runs, points) = (read(&runs), read(&points));
    assert_eq!(
        runs.iter().map(|run| run["metrics.loss"].as_f64().unwrap()).collect::<Vec<_>>(),
        [7.5, 7.0, 6.5]
    );
    assert_eq!(points.len(), 3 * 4, "each point of each metric");
    let of_first: Vec<&Value> = points.iter().filter(|point| point["run"] == runs[0]["id"]).collect();
    let losses: Vec<(i64, f64)> = of_first
        .iter()
        .filter(|point| point["key"] == "loss")
        .map(|point| (point["step"].as_i64().unwrap(), point["value"].as_f64().unwrap()))
        .collect();
    assert_eq!(losses, [(0, 8.5), (10, 8.0), (20, 7.5)]);
    let odd = of_first.iter().find(|point| point["key"] == "odd").unwrap();
    assert_eq!((&odd["value"], &odd["time"]), (&json!("NaN"), &json!("1970-01-01T00:00:00.005Z")));

    let (runs, points) = (path("runs.parquet"), path("points.parquet"));
    let refused = server.try_run(&["export", "runs", "--to", "parquet"]);
    assert!(refused.code == Some(1) && refused.stderr.contains("--out"), "{refused:?}");
    server.run(&[
        "export",
        "runs",
        "--to",
        "parquet",
        "-o",
        &runs,
        "--histories",
        &points,
        "--columns",
        "metrics.loss",
    ]);
    for (file, rows) in [(&runs, 8), (&points, 8 * 4)] {
        let bytes = std::fs::read(file).unwrap();
        assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"), "{file}");
        assert_eq!(tables::Table::from_parquet(bytes).unwrap().row_count(), rows, "{file}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 4, "no half file is left");
}

#[test]
fn why_two_runs_differ_is_told_with_the_greatest_effect_first() {
    let server = Server::start();
    let made = server.mlflow("experiments/create", &json!({"name": "grid"}));
    // The score falls by 1 for the small change and by 10 for the large one, in whatever company; the name of the
    // machine is known of the two that are compared only.
    let mut runs = Vec::new();
    for (small, large) in [("a", "x"), ("b", "x"), ("a", "y"), ("b", "y")] {
        let run = json!({"experiment_id": made["experiment_id"], "start_time": 1_700_000_000_000_i64});
        let run = server.mlflow("runs/create", &run)["run"]["info"]["run_id"].as_str().unwrap().to_owned();
        let score = 20.0 - f64::from(u8::from(small == "b")) - 10.0 * f64::from(u8::from(large == "y"));
        server.mlflow(
            "runs/log-batch",
            &json!({"run_id": run, "metrics": [{"key": "score", "value": score, "timestamp": 1}],
                "params": [{"key": "small", "value": small}, {"key": "large", "value": large}],
                "tags": [{"key": "mlflow.source.git.commit", "value": format!("{small}{large}")}]}),
        );
        server.mlflow("runs/update", &json!({"run_id": run, "status": "FINISHED", "end_time": 2}));
        runs.push(run);
    }
    let found = server.json(&["diff", &runs[0], &runs[3], "--metric", "score"]);
    assert_eq!(
        (found["metric"]["left"].as_f64(), found["metric"]["right"].as_f64()),
        (Some(20.0), Some(9.0))
    );
    let params: Vec<(&str, &str)> = found["causes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|cause| (cause["area"].as_str().unwrap(), cause["name"].as_str().unwrap()))
        .filter(|(area, _)| *area == "params")
        .collect();
    assert_eq!(params, [("params", "large"), ("params", "small")], "{found}");
    let areas: Vec<&Value> = found["causes"].as_array().unwrap().iter().map(|cause| &cause["area"]).collect();
    assert!(areas.contains(&&json!("code")), "{found}");
    let told = server.run(&["diff", &runs[0], &runs[3], "--metric", "score"]);
    assert!(told.contains("Why, the greatest effect first"), "{told}");
    assert!(told.find("large").unwrap() < told.find("small").unwrap(), "{told}");
}

#[test]
fn what_is_deleted_comes_back_until_the_bin_is_emptied() {
    let server = filled();
    server.run(&["runs", "delete", "tags.team = 'red'", "--expect", "3"]);
    std::thread::sleep(std::time::Duration::from_millis(5));
    let young = server.json(&["gc", "--deleted-for", "1d"]);
    assert_eq!(young["purged"]["runs"], 0, "{young}");
    server.run(&["runs", "restore", "params.depth = '7'", "--expect", "1"]);
    let counted = server.run(&["gc", "--deleted-for", "0d", "--dry-run"]);
    assert!(counted.contains("would be removed for good: 0 experiments, 2 runs"), "{counted}");
    let gone = server.run(&["gc", "--deleted-for", "0d"]);
    assert!(gone.contains("removed for good: 0 experiments, 2 runs"), "{gone}");
    assert_eq!(numbers(&server, &["--deleted"]), [""; 0]);
    assert_eq!(numbers(&server, &[]), ["0", "1", "2", "3", "4", "7"]);
    assert!(server.run(&["log"]).contains("2 runs removed for good"));
    server.run(&["verify"]);
}

#[test]
fn a_run_is_followed_to_its_end() {
    let server = Server::start();
    let run =
        server.mlflow("runs/create", &json!({"experiment_id": "0", "start_time": 1, "run_name": "going"}));
    let run = run["run"]["info"]["run_id"].as_str().unwrap().to_owned();
    let watch = gingham()
        .args(["--server", &server.address(), "--json", "watch", &format!("run:{run}")])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    for step in 0..3 {
        server.mlflow(
            "runs/log-metric",
            &json!({"run_id": run, "key": "m", "value": step, "timestamp": 1, "step": step}),
        );
    }
    server.mlflow("runs/update", &json!({"run_id": run, "status": "FAILED", "end_time": 2}));
    let ended = watch.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(2), "the run failed");
    let told = String::from_utf8(ended.stdout).unwrap();
    let kinds: Vec<String> = told
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["event"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        (kinds.first().map(String::as_str), kinds.last().map(String::as_str)),
        (Some("snapshot"), Some("end"))
    );
}
