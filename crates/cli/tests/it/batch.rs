//! `predict --in`: files of rows through a model, with and without a server, whole or not at all.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{Server, gingham, short_example};

/// XGBoost's own file format, with two trees over two features.
fn model(folder: &Path) -> PathBuf {
    let tree = |id: usize, feature: usize, at: f64, low: f64, high: f64| {
        json!({
            "id": id, "tree_param": { "num_deleted": "0", "num_feature": "2", "num_nodes": "3", "size_leaf_vector": "1" },
            "left_children": [1, -1, -1], "right_children": [2, -1, -1], "parents": [2147483647, 0, 0],
            "split_indices": [feature, 0, 0], "split_conditions": [at, low, high], "split_type": [0, 0, 0],
            "default_left": [1, 0, 0], "base_weights": [0.0, low, high], "loss_changes": [1.0, 0.0, 0.0],
            "sum_hessian": [10.0, 5.0, 5.0], "categories": [], "categories_nodes": [],
            "categories_segments": [], "categories_sizes": [],
        })
    };
    let file = json!({
        "version": [2, 1, 0],
        "learner": {
            "attributes": {}, "feature_names": ["a", "b"], "feature_types": ["float", "float"],
            "objective": { "name": "reg:squarederror", "reg_loss_param": { "scale_pos_weight": "1" } },
            "learner_model_param": {
                "base_score": "0E0", "boost_from_average": "1", "num_class": "0", "num_feature": "2", "num_target": "1",
            },
            "gradient_booster": {
                "name": "gbtree",
                "model": {
                    "gbtree_model_param": { "num_parallel_tree": "1", "num_trees": "2" },
                    "iteration_indptr": [0, 1, 2], "tree_info": [0, 0],
                    "trees": [tree(0, 0, 5.0, 1.0, 2.0), tree(1, 1, 0.5, 10.0, 20.0)],
                },
            },
        },
    });
    let path = folder.join("trees.json");
    fs::write(&path, file.to_string()).unwrap();
    path
}

fn csv(path: &Path, rows: usize) {
    let mut text = String::from("id,a,b\n");
    for row in 0..rows {
        text.push_str(&format!("r{row},{},{}\n", row % 10, if row % 2 == 0 { 0 } else { 1 }));
    }
    fs::write(path, text).unwrap();
}

/// What the two trees say about row `row` of `csv`.
fn expected(row: usize) -> f64 {
    (if row % 10 < 5 { 1.0 } else { 2.0 }) + (if row.is_multiple_of(2) { 10.0 } else { 20.0 })
}

fn predict(arguments: &[&str]) -> (Option<i32>, String, String) {
    let ran = gingham().arg("predict").args(arguments).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (ran.status.code(), text(&ran.stdout), text(&ran.stderr))
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn a_file_is_scored_without_a_server_in_every_format() {
    let folder = tempfile::tempdir().unwrap();
    let model = model(folder.path());
    let input = folder.path().join("rows.csv");
    csv(&input, 40_000);
    let paths: Vec<PathBuf> =
        ["a.csv", "b.jsonl", "c.parquet", "d.csv.gz"].iter().map(|name| folder.path().join(name)).collect();
    let mut source = input;
    for target in &paths {
        let (code, stdout, stderr) = predict(&[
            "--model",
            model.to_str().unwrap(),
            "--in",
            source.to_str().unwrap(),
            "--out",
            target.to_str().unwrap(),
            "--columns",
            "id,a,b",
        ]);
        assert_eq!(code, Some(0), "{stderr}");
        assert!(stdout.starts_with("40000 rows in"), "{stdout}");
        source.clone_from(target);
    }
    let text = fs::read_to_string(&paths[0]).unwrap();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("id,a,b,prediction"));
    for (row, line) in lines.enumerate() {
        let fields: Vec<&str> = line.split(',').collect();
        assert_eq!(fields[0], format!("r{row}"));
        assert!((fields[3].parse::<f64>().unwrap() - expected(row)).abs() < 1e-6, "{line}");
    }
    let first: Value =
        serde_json::from_str(fs::read_to_string(&paths[1]).unwrap().lines().next().unwrap()).unwrap();
    assert_eq!((&first["id"], &first["prediction"]), (&json!("r0"), &json!(11.0)));
}

#[test]
fn one_row_is_scored_without_a_server() {
    let folder = tempfile::tempdir().unwrap();
    let model = model(folder.path());
    let (code, stdout, stderr) =
        predict(&["--model", model.to_str().unwrap(), "--row", r#"{"a": 7, "b": 1}"#]);
    assert_eq!((code, stdout.trim()), (Some(0), "22.0"), "{stderr}");
}

#[test]
fn a_run_that_is_killed_leaves_nothing_half_written_and_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let model = model(folder.path());
    let (rows, out) = (folder.path().join("rows"), folder.path().join("out"));
    fs::create_dir(&rows).unwrap();
    for part in 0..12 {
        csv(&rows.join(format!("part-{part:02}.csv")), 60_000);
    }
    let arguments = [
        "predict",
        "--model",
        model.to_str().unwrap(),
        "--in",
        rows.to_str().unwrap(),
        "--out",
        out.to_str().unwrap(),
        "--format",
        "parquet",
    ];
    let mut process = gingham().args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let started = Instant::now();
    while !out.join("part-01.parquet").exists() {
        assert!(started.elapsed() < Duration::from_secs(60), "nothing is written");
        std::thread::sleep(Duration::from_millis(5));
    }
    process.kill().unwrap();
    process.wait().unwrap();
    let after_kill = names(&out);
    let finished = after_kill.iter().filter(|name| name.ends_with(".parquet")).count();
    assert!((2..12).contains(&finished), "{after_kill:?}");
    for name in after_kill.iter().filter(|name| name.ends_with(".parquet")) {
        tables::Table::from_parquet_file(&out.join(name)).unwrap();
    }
    let again = gingham().arg("--json").args(arguments).output().unwrap();
    assert!(again.status.success(), "{}", String::from_utf8_lossy(&again.stderr));
    let told: Value = serde_json::from_slice(&again.stdout).unwrap();
    let skipped = told["files_done_before"].as_u64().unwrap();
    assert!(skipped >= 1 && skipped <= finished as u64, "{told}");
    let whole: usize = (0..12)
        .map(|part| tables::Table::from_parquet_file(&out.join(format!("part-{part:02}.parquet"))).unwrap())
        .map(|table| table.row_count())
        .sum();
    assert_eq!(whole, 12 * 60_000);
    assert!(!names(&out).iter().any(|name| name.ends_with(".unfinished")), "{:?}", names(&out));
}

#[test]
fn a_row_that_does_not_fit_is_named_and_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let model = model(folder.path());
    let (input, out) = (folder.path().join("rows.csv"), folder.path().join("out.csv"));
    csv(&input, 3);
    let text = fs::read_to_string(&input).unwrap();
    fs::write(&input, text + "r3,many,1\n").unwrap();
    let arguments =
        ["--model", model.to_str().unwrap(), "--in", input.to_str().unwrap(), "--out", out.to_str().unwrap()];
    let (code, _, stderr) = predict(&arguments);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("line 5") && stderr.contains("`many` is no number"), "{stderr}");
    assert_eq!(names(folder.path()), ["rows.csv", "trees.json"]);
    let (_, _, stderr) =
        predict(&["--model", model.to_str().unwrap(), "--in", input.to_str().unwrap(), "--out", "out"]);
    assert!(stderr.contains("tells no format"), "{stderr}");
}

#[test]
fn a_registered_version_scores_and_its_predictions_are_archived_once() {
    let (_folder, path) = short_example();
    let server = Server::start();
    server.try_run(&["apply", path.to_str().unwrap()]);
    server.try_run(&["promote", "traffic@1", "--reason", "it is the first"]);
    let folder = tempfile::tempdir().unwrap();
    let (input, out) = (folder.path().join("rows.jsonl"), folder.path().join("out.jsonl"));
    let row = |hour: u32| {
        json!({
            "at": format!("2013-03-01T{hour:02}:00:00Z"), "hour": hour, "weekday": 2, "month": 3, "temp": 280.5, "rain_1h": 0,
            "snow_1h": 0, "clouds_all": 40, "weather_main": "Clouds", "holiday": "None", "volume_last_week": 5000,
        })
        .to_string()
    };
    fs::write(&input, (0..24).map(row).collect::<Vec<_>>().join("\n")).unwrap();
    let score = || {
        gingham()
            .env("XDG_CACHE_HOME", folder.path().join("cache"))
            .args([
                "--server",
                &server.address(),
                "predict",
                "traffic@champion",
                "--archive",
                "--event-time",
                "at",
            ])
            .args(["--in", input.to_str().unwrap(), "--out", out.to_str().unwrap()])
            .output()
            .unwrap()
    };
    let ran = score();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let served =
        server.json(&["predict", "traffic", "--row", &row(8).replace(r#""at":"2013-03-01T08:00:00Z","#, "")]);
    let lines = fs::read_to_string(&out).unwrap();
    let scored: Value = serde_json::from_str(lines.lines().nth(8).unwrap()).unwrap();
    assert_eq!(scored["prediction"], served["outputs"][0]["data"][0], "batch and serving agree to the bit");
    assert!(score().status.success());
    let counted = server.json(&["sql", "select count(*) from predictions where deployment = 'batch'"]);
    assert_eq!(counted["rows"][0][0], 24);
}
