//! What is kept: versions of datasets by number, tag and moment, and the artifacts of a server, from garbage to the bin and
//! back, and what damage is told.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tables::{DeltaTable, Table, Values};

use crate::harness::{Server, gingham};

fn speeds(speeds: &[i64]) -> Table {
    Table::from_columns(vec![("speed".into(), Values::Int(speeds.iter().copied().map(Some).collect()))])
        .unwrap()
}

fn rows(server: &Server, words: &[&str]) -> Value {
    server.json(&[&["dataset", "rows"], words].concat())["rows"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_form_of_rows_becomes_a_version_with_its_origin() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name).display().to_string();
    fs::write(place("rows.csv"), "speed\n1\n2\n").unwrap();
    fs::write(place("rows.jsonl"), "{\"speed\": 1}\n{\"speed\": 2}\n").unwrap();
    fs::write(place("rows.parquet"), speeds(&[1, 2]).to_parquet().unwrap()).unwrap();
    fs::write(place("rows.arrow"), speeds(&[1, 2]).to_ipc().unwrap()).unwrap();
    for name in ["csv", "jsonl", "parquet", "arrow"] {
        server.run(&["push", name, &place(&format!("rows.{name}"))]);
        let version = server.json(&["dataset", "show", &format!("{name}@1")]);
        assert_eq!(version["origin"]["kind"], "file", "{version}");
        assert!(version["profile"]["speed"].is_object() && version["actor"].is_string(), "{version}");
        assert_eq!(rows(&server, &[name]), json!([[1], [2]]), "{name}");
    }
    // A Delta table at a version that is not its newest.
    let lake = place("lake");
    fs::create_dir(&lake).unwrap();
    let table = DeltaTable::open_or_create(&lake, speeds(&[]).schema()).await.unwrap();
    let first = table.append(&speeds(&[1, 2])).await.unwrap();
    table.append(&speeds(&[3])).await.unwrap();
    server.run(&["push", "delta", "--delta", &lake, "--delta-version", &first.to_string()]);
    server.run(&["push", "delta", "--delta", &lake, "--replace"]);
    assert_eq!(
        (rows(&server, &["delta@1"]), rows(&server, &["delta@2"])),
        (json!([[1], [2]]), json!([[1], [2], [3]]))
    );
    assert_eq!(server.json(&["dataset", "show", "delta@1"])["origin"]["version"], first);
    // All files below a prefix, and a query over what is there by now.
    fs::create_dir(place("many")).unwrap();
    fs::copy(place("rows.csv"), place("many/a.csv")).unwrap();
    fs::copy(place("rows.parquet"), place("many/b.parquet")).unwrap();
    server.run(&["push", "many", &format!("file://{}", place("many"))]);
    assert_eq!(server.json(&["dataset", "show", "many"])["origin"]["files"].as_array().unwrap().len(), 2);
    server.run(&["push", "asked", "--sql", "select speed from datasets.\"delta@1\" where speed > 1"]);
    let asked = server.json(&["dataset", "show", "asked"]);
    assert_eq!(
        (&asked["origin"]["inputs"][0]["number"], rows(&server, &["asked"])),
        (&json!(1), json!([[2]]))
    );
}

#[test]
fn versions_are_found_by_number_tag_and_moment_and_their_rows_come_in_pages() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rows.csv").display().to_string();
    let push = |text: &str| {
        fs::write(&file, text).unwrap();
        server.run(&["push", "roads", &file, "--replace"]);
    };
    push(&(0..50).fold("speed\n".to_owned(), |all, speed| format!("{all}{speed}\n")));
    server.run(&["dataset", "tag", "roads@1", "gold"]);
    let between = server.json(&["dataset", "show", "roads@1"])["created_at"].as_str().unwrap().to_owned();
    push(&(0..60).fold("speed\n".to_owned(), |all, speed| format!("{all}{}\n", speed + 1_000)));
    assert_eq!(rows(&server, &["roads@gold", "--offset", "47", "--limit", "2"]), json!([[47], [48]]));
    for (named, number) in [("roads@gold", 1), ("roads@latest", 2), ("roads", 2), ("roads@v1", 1)] {
        assert_eq!(server.json(&["dataset", "show", named])["number"], number, "{named}");
    }
    assert_eq!(
        server.json(&["dataset", "show", &format!("roads@{between}")])["number"],
        1,
        "as of {between}"
    );
    let early = server.try_run(&["dataset", "show", "roads@2020-01-01"]);
    assert_eq!(early.code, Some(1), "nothing was there yet: {}", early.stdout);
    let asked = server.json(&["sql", "select count(*) as rows from datasets.\"roads@gold\""]);
    assert_eq!(asked["rows"], json!([[50]]), "{asked}");
    server.run(&["dataset", "tag", "roads@2", "gold"]);
    assert_eq!(server.json(&["dataset", "show", "roads@gold"])["number"], 2, "tags move");
    assert_eq!(rows(&server, &["roads@1", "--limit", "1"]), json!([[0]]), "versions stay");
    let told = server.run(&["dataset", "diff", "roads@1", "roads@2"]);
    for words in ["rows  50 → 60 (+10)", "the same columns", "speed"] {
        assert!(told.contains(words), "{words}: {told}");
    }
    fs::write(&file, "speed,road\nfast,a\n").unwrap();
    server.run(&["push", "paths", &file]);
    let told = server.run(&["dataset", "diff", "roads@1", "paths@1"]);
    for words in ["`speed` was int and is text", "`road`"] {
        assert!(told.contains(words), "{words}: {told}");
    }
    server.run(&["dataset", "untag", "roads", "gold"]);
    assert_eq!(server.try_run(&["dataset", "show", "roads@gold"]).code, Some(1));
}

fn put(server: &Server, name: &str, content: &[u8]) {
    let address = format!("{}/api/2.0/mlflow-artifacts/artifacts/0/r/artifacts/{name}", server.address());
    let words = ["-sf", "--data-binary", "@-", "-X", "PUT", &address];
    let mut curl =
        Command::new("curl").args(words).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    curl.stdin.take().unwrap().write_all(content).unwrap();
    assert!(curl.wait().unwrap().success());
}

fn packs(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut waiting = vec![folder.join("store/packs"), folder.join("artifacts/packs")];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.path().is_dir() { waiting.push(entry.path()) } else { found.push(entry.path()) }
        }
    }
    found
}

/// Bytes that do not shrink.
fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let mut state = seed;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    std::iter::repeat_with(next).take(bytes).collect()
}

#[test]
fn garbage_is_told_with_sizes_and_reasons_thrown_away_and_restored_and_damage_is_told() {
    let server = Server::start();
    put(&server, "kept.bin", &noise(1, 900_000));
    put(&server, "lost.bin", &noise(2, 700_000));
    let gone = format!("{}/api/2.0/mlflow-artifacts/artifacts/0/r/artifacts/lost.bin", server.address());
    assert!(
        Command::new("curl")
            .args(["-sf", "-X", "DELETE", &gone])
            .stdout(Stdio::null())
            .status()
            .unwrap()
            .success()
    );
    let number = |report: &Value, key: &str| report[key].as_u64().unwrap();

    let dry = server.json(&["gc", "--dry-run", "--grace", "0s"]);
    assert!(
        number(&dry, "unreachable_bytes") >= 700_000 && number(&dry, "reachable_bytes") >= 900_000,
        "{dry}"
    );
    let found = &dry["found"][0];
    assert!(found["unreachable_bytes"].as_u64().unwrap() >= 700_000, "{dry}");
    assert!(!found["why"].as_str().unwrap().is_empty(), "{dry}");
    let told = server.run(&["gc", "--dry-run", "--grace", "0s"]);
    assert!(told.contains("nothing was changed") && told.contains("700."), "{told}");
    let young = server.json(&["gc"]);
    assert_eq!(number(&young, "thrown_away_bytes"), 0, "a day must pass");
    let hasty = server.try_run(&["gc", "--grace", "0s"]);
    assert!(hasty.code == Some(1) && hasty.stderr.contains("at least a minute"), "{}", hasty.stderr);

    // The same store as a local one, which nobody writes to, need not wait.
    let local = tempfile::tempdir().unwrap();
    let mut copy = Command::new("cp");
    copy.arg("-r").arg(server.data.join("artifacts")).arg(local.path().join("store"));
    assert!(copy.status().unwrap().success());
    let data = |words: &[&str]| -> Value {
        let ran = gingham()
            .arg("--json")
            .arg("data")
            .args(words)
            .arg("--store")
            .arg(local.path())
            .output()
            .unwrap();
        assert!(ran.status.success(), "{words:?}: {}", String::from_utf8_lossy(&ran.stderr));
        serde_json::from_slice(&ran.stdout).unwrap()
    };
    let before = packs(local.path()).len();
    let report = data(&["gc", "--grace", "0s"]);
    assert!(number(&report, "thrown_away_bytes") >= 700_000, "{report}");
    assert_eq!(packs(local.path()).len(), before - 1);
    assert!(number(&data(&["gc", "--restore"]), "restored_bytes") >= 700_000);
    assert_eq!(packs(local.path()).len(), before);
    assert!(data(&["verify"])["damaged"].as_array().unwrap().is_empty());
    assert!(server.run(&["verify", "--artifacts"]).contains("all is as it was stored"));

    // One byte of what is in use is not what it was.
    let pack = packs(&server.data).into_iter().max_by_key(|pack| fs::metadata(pack).unwrap().len()).unwrap();
    let mut content = fs::read(&pack).unwrap();
    let middle = content.len() / 2;
    content[middle] ^= 1;
    fs::write(&pack, content).unwrap();
    let damaged = server.try_run(&["verify", "--artifacts"]);
    assert_eq!(damaged.code, Some(2), "{}", damaged.stdout);
    assert!(damaged.stdout.contains("is damaged and in use"), "{}", damaged.stdout);
}
