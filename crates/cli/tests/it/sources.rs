//! Rows from Arrow files and from a real PostgreSQL become versions of datasets that know where they come from, and runs
//! that fetch them repeat.

use std::path::Path;
use std::process::Command;

use base::Digest;
use db::{Sql, params};
use serde_json::{Value, json};
use tables::{Table, Values};
use testing::TestDatabase;

use crate::harness::{Ran, Server, gingham};

fn rows_of(server: &Server, version: &str) -> Value {
    server.json(&["dataset", "rows", version])["rows"].clone()
}

fn types_of(version: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let columns = version["schema"]["columns"].as_array().unwrap();
    columns.iter().map(|column| (text(&column["name"]), text(&column["type"]))).collect()
}

/// A command in a folder, as somebody types it there.
fn typed(server: &Server, folder: &Path, more: &[(&str, &str)], words: &[&str]) -> Ran {
    let mut command = gingham();
    command.current_dir(folder).env("GINGHAM_URL", server.address());
    command.envs(more.iter().copied()).args(words).output().unwrap().into()
}

/// The id of the run that was told of last.
fn run_of(ran: &Ran) -> String {
    let told = ran.stderr.lines().rev().find_map(|line| line.strip_prefix("gingham: run "));
    told.unwrap_or_else(|| panic!("{}\n{}", ran.stdout, ran.stderr)).split(' ').next().unwrap().to_owned()
}

/// What the graph says a version came from, one step up.
fn above(server: &Server, object: &str) -> Vec<String> {
    let graph = server.json(&["lineage", object, "--up", "--depth", "1"]);
    let nodes = graph["nodes"].as_array().unwrap();
    nodes.iter().map(|node| node["id"].as_str().unwrap().to_owned()).collect()
}

fn arrow(path: &Path, speeds: &[i64]) -> Digest {
    let table = Table::from_columns(vec![
        ("speed".into(), Values::Int(speeds.iter().copied().map(Some).collect())),
        ("road".into(), Values::Text(speeds.iter().map(|speed| Some(format!("é{speed}"))).collect())),
        ("at".into(), Values::Time(speeds.iter().map(|speed| (*speed != 2).then_some(*speed)).collect())),
    ]);
    let bytes = table.unwrap().to_ipc().unwrap();
    std::fs::write(path, &bytes).unwrap();
    Digest::of(bytes)
}

#[test]
fn arrow_files_become_versions_that_know_their_file_and_a_run_that_pushes_one_repeats() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let digest = arrow(&folder.path().join("roads.arrow"), &[1, 2, 3]);
    let pushed = typed(&server, folder.path(), &[], &["push", "roads", "roads.arrow"]);
    assert_eq!(pushed.code, Some(0), "{}", pushed.stderr);
    let version = server.json(&["dataset", "show", "roads@1"]);
    assert_eq!(
        types_of(&version),
        [("speed", "int"), ("road", "text"), ("at", "time")].map(|(a, b)| (a.to_owned(), b.to_owned()))
    );
    let file = &version["origin"]["files"][0];
    assert_eq!(
        (file["name"].as_str(), file["blake3"].as_str()),
        (Some("roads.arrow"), Some(&*digest.to_string()))
    );
    assert_eq!(
        rows_of(&server, "roads@1"),
        json!([
            [1, "é1", "1970-01-01T00:00:00.000001Z"],
            [2, "é2", null],
            [3, "é3", "1970-01-01T00:00:00.000003Z"]
        ])
    );
    // A file that is cut off, and one that is none, are refused with their name; nothing becomes a version.
    let whole = std::fs::read(folder.path().join("roads.arrow")).unwrap();
    std::fs::write(folder.path().join("cut.arrow"), &whole[..whole.len() / 2]).unwrap();
    std::fs::write(folder.path().join("none.feather"), "speed\n1\n").unwrap();
    for name in ["cut.arrow", "none.feather"] {
        let refused = typed(&server, folder.path(), &[], &["push", "roads", name]);
        assert_eq!(refused.code, Some(1), "{}", refused.stdout);
        assert!(refused.stderr.contains(&format!("`{name}` cannot be read")), "{}", refused.stderr);
    }
    assert_eq!(server.json(&["dataset", "versions", "roads"])["versions"].as_array().unwrap().len(), 1);

    // A run that pushes it: its input is kept, so that it repeats when the file is gone.
    let binary = env!("CARGO_BIN_EXE_gingham");
    let script = format!(
        "{binary} push speeds roads.arrow --replace && \
         {binary} sql 'select speed, road from datasets.speeds order by speed' | grep -v ' rows in ' > rows.txt"
    );
    let words = ["run", "--input", "roads.arrow", "--output", "rows.txt", "--", "sh", "-c", &script];
    let ran = typed(&server, folder.path(), &[], &words);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    arrow(&folder.path().join("roads.arrow"), &[7]);
    let elsewhere = tempfile::tempdir().unwrap();
    let again = typed(&server, elsewhere.path(), &[], &["rerun", &run_of(&ran), "--verify"]);
    assert_eq!(again.code, Some(0), "{}\n{}", again.stdout, again.stderr);
    assert!(again.stdout.contains("equal to the bit: 1 output files"), "{}", again.stdout);
    let (first, second) =
        (server.json(&["dataset", "show", "speeds@1"]), server.json(&["dataset", "show", "speeds@2"]));
    assert_eq!(first["digest"], second["digest"]);
    assert_eq!(first["origin"]["files"][0]["blake3"], second["origin"]["files"][0]["blake3"]);
}

/// The PostgreSQL of the tests with a table of roads in it; nothing where it is switched off.
async fn postgres() -> Option<TestDatabase> {
    let all = testing::databases().await;
    let database = all.into_iter().find(|database| database.engine == "postgres")?;
    let made: Result<(), db::Error> = database
        .write(|tx| {
            Box::pin(async move {
                for sql in [
                    "create table roads (id bigint primary key, name text, length numeric(10, 2), speed real, \
                     toll boolean, opened date, seen timestamptz)",
                    "insert into roads values \
                     (1, 'Straße', 12.25, 50.5, true, '1999-12-31', '2026-01-31 13:00:00.25+01'), \
                     (2, null, null, null, false, null, null), \
                     (3, 'it''s', -0.5, 130, null, '2020-02-29', '1969-07-20 20:17:40Z')",
                ] {
                    tx.execute(sql, params![]).await?;
                }
                Ok(())
            })
        })
        .await;
    made.unwrap();
    Some(database)
}

async fn change(database: &TestDatabase, sql: &'static str) {
    let done: Result<(), db::Error> =
        database.write(move |tx| Box::pin(async move { tx.execute(sql, params![]).await.map(drop) })).await;
    done.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_of_postgresql_becomes_a_version_that_knows_its_query_and_state_and_a_run_that_asks_repeats()
{
    let Some(database) = postgres().await else { return };
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    // With a password, which must not be kept anywhere.
    let address = database.url.replacen('@', ":open-sesame@", 1);
    let query = "select * from roads where id < 100 order by id";
    let words = ["push", "roads", "--database", &address, "--sql", query];
    let pushed = typed(&server, folder.path(), &[], &words);
    assert_eq!(pushed.code, Some(0), "{}", pushed.stderr);
    let version = server.json(&["dataset", "show", "roads@1"]);
    let kinds: Vec<String> = types_of(&version).into_iter().map(|(_, kind)| kind).collect();
    assert_eq!(kinds, ["int", "text", "real", "real", "bool", "time", "time"]);
    let first_rows = json!([
        [1, "Straße", 12.25, 50.5, true, "1999-12-31T00:00:00Z", "2026-01-31T12:00:00.250Z"],
        [2, null, null, null, false, null, null],
        [3, "it's", -0.5, 130.0, null, "2020-02-29T00:00:00Z", "1969-07-20T20:17:40Z"]
    ]);
    assert_eq!(rows_of(&server, "roads@1"), first_rows);
    let origin = &version["origin"];
    let state = origin["state"].as_str().unwrap();
    assert_eq!((origin["kind"].as_str(), origin["engine"].as_str()), (Some("query"), Some("postgresql")));
    assert_eq!((origin["query"].as_str(), state.contains(':')), (Some(query), true), "{origin}");
    assert!(!version.to_string().contains("open-sesame"), "{version}");
    let name = database.url.rsplit('/').next().unwrap();
    let port = database.url.rsplit(':').next().unwrap().split('/').next().unwrap();
    let source = format!("dataset:postgres://127.0.0.1:{port}/{name}");
    assert_eq!(above(&server, "dataset:roads@1"), ["dataset:roads@1".to_owned(), source.clone()]);
    let below = server.json(&["lineage", &source, "--down", "--depth", "1"]).to_string();
    assert!(below.contains("dataset:roads@1"), "{below}");

    // The same query over the same rows gives the same; over other rows the version before stays as it was.
    let again = [&words[..], &["--replace"]].concat();
    assert_eq!(typed(&server, folder.path(), &[], &again).code, Some(0));
    let same = server.json(&["dataset", "diff", "roads@1", "roads@2"]);
    assert_eq!(same["is_same"], true, "{same}");
    change(&database, "update roads set speed = 80 where id = 1").await;
    assert_eq!(typed(&server, folder.path(), &[], &again).code, Some(0));
    assert_eq!(rows_of(&server, "roads@1"), first_rows);
    assert_eq!(rows_of(&server, "roads@3")[0][3], 80.0);
    assert_ne!(server.json(&["dataset", "show", "roads@3"])["origin"]["state"].as_str(), Some(state));

    // What is no query, would write, or answers with nothing, is refused in the database's words.
    for (refused, why) in [
        ("select * from nowhere", "nowhere"),
        ("delete from roads", "read-only"),
        ("select * from roads where id > 100", "no rows"),
    ] {
        let words = ["push", "roads", "--database", &address, "--sql", refused];
        let ran = typed(&server, folder.path(), &[], &words);
        assert!(ran.code == Some(1) && ran.stderr.contains(why), "{refused}: {}", ran.stderr);
        assert!(!ran.stderr.contains("open-sesame"), "{}", ran.stderr);
    }
    let away = ["push", "roads", "--database", "postgresql://me:open-sesame@127.0.0.1:1/x", "--sql", query];
    let ran = typed(&server, folder.path(), &[], &away);
    assert!(ran.code == Some(1) && !ran.stderr.contains("open-sesame"), "{}", ran.stderr);

    // A run asks, with an address that is a secret: it repeats as long as the database answers the same.
    let binary = env!("CARGO_BIN_EXE_gingham");
    let script = format!(
        "{binary} push fast --sql 'select id, speed from roads where speed > 60 order by id' --replace && \
         {binary} sql 'select * from datasets.fast order by id' | grep -v ' rows in ' > rows.txt"
    );
    let secret = [("GINGHAM_SOURCE_DATABASE", address.as_str())];
    let words =
        ["run", "--secret", "GINGHAM_SOURCE_DATABASE", "--output", "rows.txt", "--", "sh", "-c", &script];
    let ran = typed(&server, folder.path(), &secret, &words);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let run = run_of(&ran);
    let capture = format!("{}/api/v1/runs/{run}/capture", server.address());
    let kept =
        String::from_utf8(Command::new("curl").args(["-sf", &capture]).output().unwrap().stdout).unwrap();
    assert!(kept.contains("GINGHAM_SOURCE_DATABASE") && !kept.contains("open-sesame"), "{kept}");
    let verify = ["rerun", run.as_str(), "--verify"];
    let again = typed(&server, folder.path(), &secret, &verify);
    assert_eq!(again.code, Some(0), "{}\n{}", again.stdout, again.stderr);
    change(&database, "update roads set speed = 90 where id = 3").await;
    let differs = typed(&server, folder.path(), &secret, &verify);
    assert_eq!(differs.code, Some(2), "{}\n{}", differs.stdout, differs.stderr);
    assert!(differs.stdout.contains("different: first in rows.txt"), "{}", differs.stdout);
}
