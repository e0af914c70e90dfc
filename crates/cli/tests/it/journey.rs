//! A short journey on real rows: three months to learn from, five weeks of production.

use serde_json::{Value, json};

use crate::harness::{Server, guarded_example};

fn count(server: &Server, query: &str) -> Value {
    server.json(&["sql", query])["rows"][0][0].clone()
}

#[test]
fn a_file_becomes_a_monitored_model_that_survives_a_crash() {
    let (_folder, path) = guarded_example();
    let path = path.to_str().unwrap();
    let mut server = Server::start();

    let planned = server.json(&["plan", path]);
    assert!(
        planned["changes"].as_array().unwrap().iter().all(|change| change["action"] == "create"),
        "{planned}"
    );

    let applied = server.try_run(&["apply", path]);
    assert!(matches!(applied.code, Some(0 | 2)), "{}\n{}", applied.stdout, applied.stderr);
    assert!(applied.stdout.contains("one-row-per-hour"), "{}", applied.stdout);
    assert!(applied.stdout.contains("temperature-is-physical"), "{}", applied.stdout);
    let version = server.json(&["show", "version", "traffic@1"]);
    assert!(version["metrics"]["mae"].as_f64().unwrap() > 0.0);
    assert_eq!(version["dataset_versions"][0]["number"], 1);
    if applied.code == Some(2) {
        // The rules did not let it in, so neither does the policy; somebody answers for it all the same.
        let reason = "the short example has too little to learn from";
        let by_hand = server.try_run(&["promote", "traffic@1", "--reason", reason]);
        assert!(by_hand.stderr.contains("guarded by policy `low-risk`"), "{}", by_hand.stderr);
        assert_eq!(server.try_run(&["policy", "check", "traffic@1"]).code, Some(2));
        let review = server.json(&["review", "ask", "traffic@1", "--reason", reason])["number"].to_string();
        assert_eq!(server.try_run(&["review", "carry-out", &review]).code, Some(2));
        server.run(&["review", "break-glass", &review, "--reason", reason]);
        assert!(server.run(&["review", "overrides"]).contains("standing"));
    }

    let again = server.json(&["plan", path]);
    assert!(
        again["changes"].as_array().unwrap().iter().all(|change| change["action"] == "unchanged"),
        "{again}"
    );

    let fed = server.json(&["feed", path, "--until", "2013-03-08"]);
    assert_eq!(fed["failed"], 0, "{fed}");
    let sent = fed["predictions"].as_u64().unwrap();
    assert!(sent > 700, "{fed}");
    assert_eq!(count(&server, "select count(distinct prediction_id) from predictions"), json!(sent));

    server.crash_and_start_again();
    assert_eq!(count(&server, "select count(distinct prediction_id) from predictions"), json!(sent));
    assert_eq!(count(&server, "select count(*) from scored where label is not null"), fed["labels"]);
    let windows = server.json(&["show", "monitor", "traffic"]);
    assert!(windows["windows"].as_array().unwrap().len() >= 4, "{windows}");

    let newest = count(&server, "select prediction_id from predictions order by event_time desc limit 1");
    let lineage = server.json(&["lineage", &format!("prediction:{}", newest.as_str().unwrap())]);
    let kinds: Vec<&str> =
        lineage["nodes"].as_array().unwrap().iter().map(|node| node["kind"].as_str().unwrap()).collect();
    for kind in ["prediction", "deployment", "version", "run", "dataset", "rows"] {
        assert!(kinds.contains(&kind), "{kind} is not among {kinds:?}");
    }
    let replayed = server.json(&["replay", newest.as_str().unwrap()]);
    assert_eq!(replayed["verdict"], "equal", "{replayed}");
    let replayed = server.json(&["replay", "--model", "traffic", "--last", "200"]);
    assert_eq!((&replayed["replayed"], &replayed["equal"]), (&json!(200), &json!(200)), "{replayed}");
    both_ways(&server, newest.as_str().unwrap());
    same_elsewhere(&server, path, &version);
    let predicted = server.run(&["predict", "traffic", "--row", r#"{"hour": 8, "weekday": 1, "month": 3, "temp": 270.0, "rain_1h": 0, "snow_1h": 0, "clouds_all": 40, "weather_main": "Clouds", "holiday": "None", "volume_last_week": 6100}"#]);
    assert!(predicted.trim().parse::<f64>().unwrap() > 1_000.0, "{predicted}");
    server.run(&["verify"]);
    for listing in ["models", "datasets", "pipelines", "deployments", "alerts", "jobs", "experiments"] {
        server.run(&["ls", listing]);
    }
    server.run(&["ls", "versions", "--model", "traffic"]);
    server.run(&["ls", "runs", "--model", "traffic"]);
    server.run(&["show", "model", "traffic"]);
    server.run(&["log"]);
    assert!(server.run(&["status"]).contains("traffic"));
}

/// From the first rows to the predictions and from one prediction to the rows, and what lies between both ways.
fn both_ways(server: &Server, prediction: &str) {
    let kinds = |words: &[&str]| -> Vec<String> {
        let graph = server.json(words);
        let nodes = graph["nodes"].as_array().unwrap();
        nodes.iter().map(|node| node["kind"].as_str().unwrap().to_owned()).collect()
    };
    let check = |words: &[&str], wanted: &[&str]| {
        let found = kinds(words);
        for kind in wanted {
            assert!(found.iter().any(|known| known == kind), "{kind} is not among {found:?} of {words:?}");
        }
    };
    check(
        &["lineage", "dataset:traffic@1", "--down", "--depth", "6"],
        &["dataset", "run", "version", "model", "deployment", "predictions"],
    );
    check(&["lineage", prediction, "--up", "--depth", "6"], &["prediction", "version", "run", "dataset"]);
    check(
        &["lineage", "deployment:traffic", "--up", "--depth", "4"],
        &["deployment", "version", "run", "dataset"],
    );
    check(&["lineage", "version:traffic@champion", "--down"], &["version", "deployment", "predictions"]);
    check(&["lineage", "predictions:traffic@1", "--down"], &["predictions", "prediction"]);
    check(&["lineage", "model:traffic"], &["model", "version", "run"]);
    let run = server.json(&["show", "version", "traffic@1"])["source_run"].as_str().unwrap().to_owned();
    check(&["lineage", &run], &["run", "dataset", "version"]);
    let shown = server.run(&["show", "run", &run, "--lineage"]);
    assert!(shown.contains("What it came from") && shown.contains("traffic version 1"), "{shown}");
}

/// The version trained again here, and all of it once more in a folder of its own with nothing in it.
fn same_elsewhere(server: &Server, path: &str, version: &Value) {
    let again = server.json(&["rerun", "version", "traffic@1", "--verify"]);
    assert_eq!(again["verdict"], "equal", "{again}");
    let elsewhere = Server::start();
    let applied = elsewhere.try_run(&["apply", path]);
    assert!(matches!(applied.code, Some(0 | 2)), "{}", applied.stderr);
    let other = elsewhere.json(&["show", "version", "traffic@1"]);
    for fact in ["digest", "metrics", "baseline_metrics", "training_rows"] {
        assert_eq!(other[fact], version[fact], "{fact}");
    }
    let again = elsewhere.json(&["rerun", "version", "traffic@1", "--verify"]);
    assert_eq!((&again["verdict"], &again["digest"]), (&json!("equal"), &version["digest"]), "{again}");
}

#[test]
fn an_empty_server_says_what_to_do_first() {
    let server = Server::start();
    assert!(server.run(&["status"]).contains("gingham apply examples/traffic"));
    assert!(server.run(&["ls", "alerts"]).contains("all is quiet"));
    assert_eq!(server.json(&["ls", "models"]), json!([]));
}

#[test]
fn what_is_not_there_is_a_404_with_a_hint() {
    let server = Server::start();
    let ran = server.try_run(&["show", "model", "traffik"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("traffik"), "{}", ran.stderr);
    let ran = server.try_run(&["train", "traffik"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("hint:"), "{}", ran.stderr);
}
