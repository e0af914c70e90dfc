//! What the reader of the log makes of what happens, and who is told of it.

use base::{Actor, Digest};
use lineage::{Neighbourhood, outbox};
use registry::{NewModel, NewVersion};
use serde_json::json;
use tables::{Table, Values};

use crate::{Error, Origin, Platform, fixture};

const ALL: Neighbourhood = Neighbourhood { up: true, down: true, depth: 6, most_nodes: 200 };

fn actor() -> Actor {
    Actor::named("tester")
}

fn rows(speeds: &[i64]) -> Table {
    Table::from_columns(vec![("speed".into(), Values::Int(speeds.iter().copied().map(Some).collect()))])
        .unwrap()
}

async fn version_of(platform: &Platform, model: &'static str, dataset: &'static str) {
    let made: Result<(), registry::Error> = platform
        .db
        .write(move |tx| {
            Box::pin(async move {
                let now = base::Timestamp::from_millis(1);
                let new = NewModel { name: model.to_owned(), ..NewModel::default() };
                registry::create_model(tx, &new, &actor(), now).await?;
                let version = NewVersion {
                    model: model.to_owned(),
                    source: "somewhere".to_owned(),
                    dataset_versions: Some(json!([{"dataset": dataset, "number": 1}])),
                    ..NewVersion::default()
                };
                registry::create_version(tx, version, &actor(), now).await.map(drop)
            })
        })
        .await;
    made.unwrap();
}

async fn ids(platform: &Platform, object: &str, asked: Neighbourhood) -> Vec<String> {
    let graph = platform.lineage_around(object, asked).await.unwrap();
    let mut ids: Vec<String> = graph.nodes.into_iter().map(|node| node.id).collect();
    ids.sort_unstable();
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_makes_a_version_that_knows_what_it_read() {
    let (platform, _kept) = fixture::empty().await;
    platform.push_rows("roads", rows(&[1, 2, 3]), "a test", &actor()).await.unwrap();
    platform.push_rows("roads", rows(&[9]), "a test", &actor()).await.unwrap();
    let query = "select speed from datasets.\"roads@1\" where speed > 1 order by speed";
    let pushed = platform.push_query("fast", query, false, &actor()).await.unwrap();
    assert_eq!((pushed.version.number, pushed.version.rows), (1, 2));
    let origin = &pushed.version.origin;
    assert_eq!((&origin["query"], &origin["inputs"][0]["number"]), (&json!(query), &json!(1)));
    let newest = platform
        .push_query("fast", "select speed from datasets.roads order by speed", true, &actor())
        .await
        .unwrap();
    assert_eq!((newest.version.number, newest.version.rows, newest.version.rows_added), (2, 4, 4));
    assert_eq!(newest.version.origin["inputs"][0]["number"], 2);
    // The version before is as it was, and the same query over it gives the same rows.
    let again = platform.push_query("again", query, false, &actor()).await.unwrap();
    let first = datasets::get_version(&mut platform.db.read().await.unwrap(), "fast", 1).await.unwrap();
    assert_eq!(
        platform.rows_of(&first).await.unwrap().column("speed").unwrap(),
        Values::Int(vec![Some(2), Some(3)])
    );
    assert_eq!(again.version.rows, 2);
    let page = platform.some_rows_of(&newest.version, 2, 1).await.unwrap();
    assert_eq!(page.column("speed").unwrap(), Values::Int(vec![Some(3)]));
    assert_eq!(platform.some_rows_of(&newest.version, 9, 5).await.unwrap().row_count(), 0);

    assert_eq!(
        ids(&platform, "dataset:roads@1", Neighbourhood { up: false, depth: 1, ..ALL }).await,
        ["dataset:again@1", "dataset:fast@1", "dataset:roads@1", "dataset:roads@2"]
    );
    for refused in ["select 1 as a", "select * from datasets.nothing", "delete from datasets.roads"] {
        assert!(platform.push_query("fast", refused, false, &actor()).await.is_err(), "{refused}");
    }
    let away = platform.push_query("fast", "select * from datasets.\"roads@7\"", false, &actor()).await;
    assert_eq!(base::Failure::kind(&away.unwrap_err()), base::Kind::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_graph_joins_outer_sources_datasets_versions_and_models() {
    let (platform, _kept) = fixture::empty().await;
    let facts =
        json!({"external": [{"namespace": "postgres://db:5432", "name": "roads", "version": "10:20:"}]});
    let origin =
        Origin { source: "a database".into(), facts: facts.as_object().unwrap().clone(), replaces: false };
    platform.push_rows_of("roads", rows(&[1]), &origin, &actor()).await.unwrap();
    version_of(&platform, "speeds", "roads").await;
    let all = ["dataset:postgres://db:5432/roads", "dataset:roads@1", "model:speeds", "version:speeds@1"];
    assert_eq!(
        ids(&platform, "dataset:postgres://db:5432/roads", Neighbourhood { up: false, ..ALL }).await,
        all
    );
    assert_eq!(ids(&platform, "model:speeds", Neighbourhood { down: false, ..ALL }).await, all);
    // An alias, a dataset without its number: what is meant is found.
    assert_eq!(ids(&platform, "version:speeds@latest", ALL).await, all);
    assert_eq!(ids(&platform, "dataset:roads", ALL).await, all);
    let unknown = platform.lineage_around("dataset:nothing", ALL).await;
    assert!(matches!(unknown, Err(Error::Lineage(lineage::Error::ObjectNotFound { .. }))));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_is_told_once_and_nothing_before_anybody_was_to_be_told() {
    let (platform, _kept) = fixture::empty().await;
    platform.push_rows("early", rows(&[1]), "a test", &actor()).await.unwrap();
    assert_eq!(platform.tell_lineage().await.unwrap(), 0);
    let file = platform.folder.join("told.jsonl");
    let targets = format!(
        "targets:\n- name: file\n  file: {}\n- name: gone\n  http: {{url: 'http://127.0.0.1:9/x'}}\n",
        file.display()
    );
    std::fs::write(platform.openlineage_file(), targets).unwrap();
    assert_eq!(platform.tell_lineage().await.unwrap(), 0);
    platform.push_rows("roads", rows(&[1, 2]), "a test", &actor()).await.unwrap();
    assert_eq!(platform.tell_lineage().await.unwrap(), 2);
    assert_eq!(platform.tell_lineage().await.unwrap(), 0);
    let lines: Vec<serde_json::Value> = std::fs::read_to_string(&file)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let told: Vec<(&str, &str)> = lines
        .iter()
        .map(|event| (event["job"]["name"].as_str().unwrap(), event["eventType"].as_str().unwrap()))
        .collect();
    assert_eq!(told, [("push/roads", "START"), ("push/roads", "COMPLETE")]);
    // Whoever cannot be reached is tried again later; its events wait in their order.
    let standing = outbox::standing(&mut platform.db.read().await.unwrap()).await.unwrap();
    let words: Vec<(&str, &str, i64)> =
        standing.iter().map(|one| (one.target.as_str(), one.state.as_str(), one.events)).collect();
    assert_eq!(words, [("file", "sent", 2), ("gone", "waiting", 2)]);
    assert!(standing[1].reason.is_some());
    // A file of targets that is wrong loses nothing.
    std::fs::write(platform.openlineage_file(), "targets: [{}]").unwrap();
    platform.push_rows("roads", rows(&[3]), "a test", &actor()).await.unwrap();
    assert!(matches!(platform.tell_lineage().await, Err(Error::OpenLineageFile { .. })));
    std::fs::write(
        platform.openlineage_file(),
        format!("targets: [{{name: file, file: {}}}]", file.display()),
    )
    .unwrap();
    assert_eq!(platform.tell_lineage().await.unwrap(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_run_captured_is_no_garbage() {
    let (platform, _kept) = fixture::empty().await;
    let folder = tempfile::tempdir().unwrap();
    let stored = |name: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir(&path).unwrap();
        std::fs::write(path.join("file"), name.repeat(1_000)).unwrap();
        path
    };
    let (kept, left) = (stored("code"), stored("left"));
    let artifacts = platform.artifacts.clone();
    let add = move |path: &std::path::Path| {
        artifacts.add_folder(path, &artifacts::AddOptions::default(), &|_| {}).unwrap().tree.digest
    };
    let (kept, left): (Digest, Digest) =
        tokio::task::spawn_blocking(move || (add(&kept), add(&left))).await.unwrap();
    let run: Result<experiments::Run, experiments::Error> = platform
        .db
        .write(|tx| {
            Box::pin(async move {
                let now = base::Timestamp::from_millis(1);
                let new = experiments::NewExperiment {
                    name: "work".into(),
                    artifact_location: None,
                    tags: Default::default(),
                    project: None,
                    artifact_root: None,
                };
                let experiment = experiments::create_experiment(tx, &new, &actor(), now).await?;
                let new = experiments::NewRun {
                    id: None,
                    experiment_id: experiment.id,
                    name: None,
                    user: "tester".into(),
                    start_time: now,
                    tags: Default::default(),
                };
                experiments::create_run(tx, new, &actor()).await
            })
        })
        .await;
    let record = json!({"command": ["work"], "code": {"tree": kept}, "inputs": [], "outputs": []});
    platform.put_capture(run.unwrap().id, record, None).await.unwrap();
    let options = artifacts::CollectOptions {
        grace: base::Period::from_micros(0),
        keep_in_bin: base::Period::from_micros(0),
        dry_run: false,
    };
    for _ in 0..3 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        platform.collect_artifacts(options).await.unwrap();
    }
    let reread = |digest| {
        let artifacts = platform.artifacts.clone();
        async move { artifacts.get_tree(digest).await }
    };
    assert_eq!(reread(kept).await.unwrap().entries().len(), 1);
    assert!(reread(left).await.is_err(), "what nothing mentions is gone");
}
