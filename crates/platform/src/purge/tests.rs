//! What is deleted can come back until the bin is emptied, and then neither it nor its bytes are there.

use artifacts::{CollectOptions, Entry};
use base::Digest;
use experiments::{Batch, LoggedModelStatus, Metric, NewExperiment, NewLoggedModel, NewRun, RunQuery, View};
use registry::{NewModel, NewVersion};

use super::*;
use crate::fixture;

fn ada() -> Actor {
    Actor::named("ada")
}

fn at(path: &str) -> SafePath {
    SafePath::parse(path).unwrap()
}

async fn written<T: Send + 'static>(
    platform: &Platform,
    work: impl for<'a> FnOnce(&'a mut Tx) -> futures::future::BoxFuture<'a, Result<T, Error>> + Send + 'static,
) -> T {
    platform.db.write(work).await.unwrap_or_else(|error: Error| panic!("{error}"))
}

async fn experiment(platform: &Platform, name: &str) -> i64 {
    let new = NewExperiment { name: name.to_owned(), ..NewExperiment::default() };
    let now = platform.clock.now();
    written(platform, move |tx| {
        Box::pin(async move { Ok(experiments::create_experiment(tx, &new, &ada(), now).await?.id) })
    })
    .await
}

/// A run with a metric at two steps, a param, a tag and a file.
async fn run(platform: &Platform, experiment: i64, id: &'static str) {
    let now = platform.clock.now();
    let point = |step| Metric { key: "m".into(), value: 0.5, time: now, step };
    let batch = Batch {
        metrics: vec![point(1), point(2)],
        params: vec![("p".into(), "1".into())],
        tags: vec![("t".into(), "1".into())],
    };
    written(platform, move |tx| {
        Box::pin(async move {
            let new = NewRun {
                id: Some(id.to_owned()),
                experiment_id: experiment,
                start_time: now,
                ..NewRun::default()
            };
            experiments::create_run(tx, new, &ada()).await?;
            Ok(experiments::log_batch(tx, id, batch).await?)
        })
    })
    .await;
    let blob = platform.artifacts.put_bytes(format!("file of {id}")).await.unwrap();
    let path = at(&format!("{experiment}/{id}/artifacts/model/file"));
    platform.artifacts.link(&at(FILE_ROOT), &path, blob.digest).await.unwrap();
}

async fn delete_run(platform: &Platform, id: &'static str) {
    let now = platform.clock.now();
    written(platform, move |tx| {
        Box::pin(async move { Ok(experiments::delete_run(tx, id, &ada(), now).await?) })
    })
    .await;
}

async fn delete_experiment(platform: &Platform, id: i64) {
    let now = platform.clock.now();
    written(platform, move |tx| {
        Box::pin(async move { Ok(experiments::delete_experiment(tx, id, &ada(), now).await?) })
    })
    .await;
}

/// A version from a run, with bytes of its own.
async fn version(
    platform: &Platform,
    model: &'static str,
    run: Option<&'static str>,
    content: &str,
) -> Digest {
    let blob = platform.artifacts.put_bytes(content.to_owned()).await.unwrap();
    let entry = Entry { path: at("model"), digest: blob.digest, bytes: blob.bytes };
    let tree = platform.artifacts.put_tree(vec![entry]).await.unwrap().digest;
    let now = platform.clock.now();
    written(platform, move |tx| {
        Box::pin(async move {
            let named = NewModel { name: model.to_owned(), ..NewModel::default() };
            if registry::find_model(tx, model).await?.is_none() {
                registry::create_model(tx, &named, &ada(), now).await?;
            }
            let new = NewVersion {
                model: model.to_owned(),
                artifact: Some(tree),
                digest: Some(tree),
                source: "elsewhere".to_owned(),
                source_run: run.map(str::to_owned),
                ..NewVersion::default()
            };
            registry::create_version(tx, new, &ada(), now).await?;
            Ok(())
        })
    })
    .await;
    tree
}

async fn has_file(platform: &Platform, experiment: i64, run: &str) -> bool {
    let path = at(&format!("{experiment}/{run}/artifacts/model/file"));
    platform.artifacts.find_file(&at(FILE_ROOT), &path).await.unwrap().is_some()
}

async fn has_run(platform: &Platform, id: &str) -> bool {
    let mut sql = platform.db.read().await.unwrap();
    experiments::get_run(&mut sql, id).await.is_ok()
}

/// A moment later than everything before, as the bin keeps microseconds.
async fn a_moment() {
    tokio::time::sleep(std::time::Duration::from_millis(3)).await;
}

fn at_once() -> Period {
    Period::from_micros(0)
}

#[tokio::test]
async fn runs_and_experiments_go_for_good_with_their_files_when_the_bin_is_emptied() {
    for database in testing::databases().await {
        let engine = database.engine;
        let (platform, _folder) = fixture::on(&database).await;
        let (first, second) = (experiment(&platform, "first").await, experiment(&platform, "second").await);
        run(&platform, first, "a").await;
        run(&platform, first, "b").await;
        run(&platform, second, "c").await;
        // The indexes for search are there too.
        let query = RunQuery {
            experiments: vec![first],
            filter: experiments::query::run_filter("metrics.m@1 > 0 and min(metrics.m) > 0").unwrap(),
            order: Vec::new(),
            view: View::Active,
            limit: 10,
            token: None,
        };
        assert_eq!(experiments::search_runs(&platform.db, &query).await.unwrap().items.len(), 2);
        delete_run(&platform, "a").await;
        delete_experiment(&platform, second).await;
        a_moment().await;

        let young = platform.empty_bin(Period::from_days(1), false, &ada()).await.unwrap();
        assert_eq!(young, Purged::default(), "what was deleted just now can come back");
        assert!(has_run(&platform, "a").await && has_file(&platform, first, "a").await);

        let told = platform.empty_bin(at_once(), true, &ada()).await.unwrap();
        assert_eq!(told, Purged { runs: 2, experiments: 1, ..Purged::default() }, "{engine}");
        assert!(has_run(&platform, "a").await, "a dry run removes nothing");

        assert_eq!(platform.empty_bin(at_once(), false, &ada()).await.unwrap(), told);
        for (id, there) in [("a", false), ("b", true), ("c", false)] {
            let home = if id == "c" { second } else { first };
            assert_eq!(has_run(&platform, id).await, there, "{id} on {engine}");
            assert_eq!(has_file(&platform, home, id).await, there, "files of {id} on {engine}");
        }
        assert_eq!(experiments::search_runs(&platform.db, &query).await.unwrap().items.len(), 1);
        assert_ne!(experiment(&platform, "second").await, second, "the name is free again");
        assert_eq!(platform.empty_bin(at_once(), false, &ada()).await.unwrap(), Purged::default());
        let rows = platform
            .db
            .read()
            .await
            .unwrap()
            .fetch_all(
                "select (select count(*) from metric_values) + (select count(*) from metric_bests) \
                 + (select count(*) from metric_steps) as found",
                params![],
            )
            .await
            .unwrap();
        assert_eq!(rows[0].int("found").unwrap(), 3, "one row each for run `b` on {engine}");
    }
}

#[tokio::test]
async fn what_a_version_was_made_from_stays_as_long_as_the_version() {
    for database in testing::databases().await {
        let engine = database.engine;
        let (platform, _folder) = fixture::on(&database).await;
        let home = experiment(&platform, "home").await;
        run(&platform, home, "made").await;
        version(&platform, "model", Some("made"), "bytes").await;
        delete_experiment(&platform, home).await;
        a_moment().await;
        let purged = platform.empty_bin(at_once(), false, &ada()).await.unwrap();
        assert_eq!(purged, Purged { kept: 1, ..Purged::default() }, "{engine}");
        assert!(has_run(&platform, "made").await && has_file(&platform, home, "made").await);
        let now = platform.clock.now();
        written(&platform, move |tx| {
            Box::pin(async move { Ok(registry::delete_model(tx, "model", &ada(), now).await?) })
        })
        .await;
        a_moment().await;
        let all = Purged { versions: 1, models: 1, runs: 1, experiments: 1, ..Purged::default() };
        assert_eq!(platform.empty_bin(at_once(), true, &ada()).await.unwrap(), all, "{engine}");
        assert_eq!(platform.empty_bin(at_once(), false, &ada()).await.unwrap(), all, "{engine}");
        assert!(!has_run(&platform, "made").await);
    }
}

#[tokio::test]
async fn bytes_of_a_deleted_version_are_there_until_the_bin_is_emptied_and_garbage_collected() {
    for database in testing::databases().await {
        let engine = database.engine;
        let (platform, _folder) = fixture::on(&database).await;
        let gone = version(&platform, "model", None, "bytes of one").await;
        let kept = version(&platform, "model", None, "bytes of two").await;
        let now = platform.clock.now();
        written(&platform, move |tx| {
            Box::pin(async move { Ok(registry::delete_version(tx, "model", 1, &ada(), now).await?) })
        })
        .await;
        let options = CollectOptions { grace: at_once(), keep_in_bin: at_once(), dry_run: false };
        let collect = async || {
            for _ in 0..3 {
                a_moment().await;
                platform.collect_artifacts(options).await.unwrap();
            }
        };
        collect().await;
        let now = platform.clock.now();
        written(&platform, move |tx| {
            Box::pin(async move {
                registry::restore_version(tx, "model", 1, &ada(), now).await?;
                Ok(registry::delete_version(tx, "model", 1, &ada(), now).await?)
            })
        })
        .await;
        assert!(platform.artifacts.get_tree(gone).await.is_ok(), "it can be restored on {engine}");
        a_moment().await;
        let purged = platform.empty_bin(at_once(), false, &ada()).await.unwrap();
        assert_eq!(purged, Purged { versions: 1, ..Purged::default() }, "{engine}");
        collect().await;
        assert!(platform.artifacts.get_tree(gone).await.is_err(), "its bytes are gone on {engine}");
        assert!(platform.artifacts.get_tree(kept).await.is_ok(), "those of others stay on {engine}");
        let next = version(&platform, "model", None, "bytes of three").await;
        let mut sql = platform.db.read().await.unwrap();
        assert_eq!(registry::get_version(&mut sql, "model", 3).await.unwrap().artifact, Some(next));
        assert!(registry::get_version(&mut sql, "model", 1).await.is_err());
    }
}

#[tokio::test]
async fn a_deleted_logged_model_goes_with_its_files() {
    for database in testing::databases().await {
        let (platform, _folder) = fixture::on(&database).await;
        let now = platform.clock.now();
        let model = written(&platform, move |tx| {
            Box::pin(async move {
                let new = NewLoggedModel { name: Some("m".into()), ..NewLoggedModel::default() };
                let made = experiments::create_logged_model(tx, new, now).await?;
                experiments::finish_logged_model(tx, &made.id, LoggedModelStatus::Ready, None, now).await?;
                experiments::delete_logged_model(tx, &made.id, now).await?;
                Ok(made)
            })
        })
        .await;
        let blob = platform.artifacts.put_bytes("weights").await.unwrap();
        let folder = format!("0/models/{}/artifacts/weights", model.id);
        platform.artifacts.link(&at(FILE_ROOT), &at(&folder), blob.digest).await.unwrap();
        a_moment().await;
        let purged = platform.empty_bin(at_once(), false, &ada()).await.unwrap();
        assert_eq!(purged, Purged { logged_models: 1, ..Purged::default() });
        assert!(platform.artifacts.find_file(&at(FILE_ROOT), &at(&folder)).await.unwrap().is_none());
    }
}

#[test]
fn only_a_folder_of_its_own_is_removed() {
    for (uri, own) in [
        ("mlflow-artifacts:/0/abc/artifacts", Some("0/abc")),
        ("mlflow-artifacts:/abc/artifacts", Some("abc")),
        ("mlflow-artifacts:/0/xabc/artifacts", None),
        ("mlflow-artifacts:/0/other/artifacts", None),
        ("mlflow-artifacts:/0/abc", None),
        ("mlflow-artifacts://host/0/abc/artifacts", None),
        ("mlflow-artifacts:/../abc/artifacts", None),
        ("s3://bucket/0/abc/artifacts", None),
    ] {
        let thing = BinnedThing { kind: BinnedKind::Run, id: "abc".into(), artifact_uri: uri.into() };
        assert_eq!(own_place(&thing).as_deref(), own, "{uri}");
    }
}
