//! From rows to a version with a verdict.

use base::{Failure, PageRequest};
use pipelines::{JobState, RunState, runs};
use platform::Platform;
use serde_json::json;

use crate::harness::{Home, actor, rows, spec};

async fn newest_run(platform: &Platform) -> pipelines::PipelineRun {
    let mut read = platform.db.read().await.unwrap();
    let page = runs::list(&mut read, Some("traffic"), &PageRequest::default()).await.unwrap();
    runs::get(&mut read, &page.items[0].id).await.unwrap()
}

#[tokio::test]
async fn the_best_candidate_becomes_a_version_with_its_evidence() {
    let home = Home::with_rows("2012-10-02", "2013-10-02").await;
    let job = home.train().await;
    assert_eq!(job.state, JobState::Succeeded, "{:?}", job.error);
    let view = home.platform.version("traffic", 1).await.unwrap();
    let version = &view.version;
    assert_eq!(version.trainer, "gradient_boosting");
    let mae = version.metrics.as_ref().unwrap()["mae"].as_f64().unwrap();
    let naive = version.baseline_metrics.as_ref().unwrap()["same-hour-last-week"]["mae"].as_f64().unwrap();
    assert!(mae < naive, "{mae} of boosting, {naive} of the baseline");
    let promotion = view.promotion.unwrap();
    assert!(promotion.promoted, "{}", promotion.decision);
    assert_eq!(job.result.unwrap()["promoted"], json!(true));
    let model = home.platform.model("traffic").await.unwrap();
    assert_eq!(model.alias_list[0].version, 1);

    let run = newest_run(&home.platform).await;
    assert_eq!(run.state, RunState::Succeeded);
    let names: Vec<&str> = run.steps.iter().map(|step| step.name.as_str()).collect();
    assert_eq!(
        names,
        ["prepare", "train same-hour-last-week", "train linear", "train boosted", "evaluate", "register"]
    );
    let lineage = home.platform.lineage("model:traffic@1").await.unwrap();
    let kinds: Vec<&str> = lineage.nodes.iter().map(|node| node.kind.as_str()).collect();
    assert_eq!(kinds, ["version", "run", "pipeline_run", "dataset", "rows"]);
    home.platform.db.verify_chain().await.unwrap();
}

#[tokio::test]
async fn training_again_on_the_same_rows_runs_nothing_and_promotes_nothing() {
    let home = Home::with_rows("2012-10-02", "2013-02-01").await;
    home.train().await;
    let job = home.train().await;
    assert_eq!(job.state, JobState::Succeeded, "{:?}", job.error);
    let run = newest_run(&home.platform).await;
    let cached: Vec<bool> = run.steps.iter().map(|step| step.cached).collect();
    assert_eq!(cached, [true, true, true, true, false, false]);
    assert_eq!(job.result.unwrap()["promoted"], json!(false));
}

#[tokio::test]
async fn a_worse_version_stays_out_of_production() {
    let home = Home::with_rows("2012-10-02", "2013-10-02").await;
    home.train().await;
    let source = spec();
    let spec_yaml = source.spec_yaml.replace("trees: 300", "trees: 2");
    home.platform.apply(&platform::spec::SpecSource { spec_yaml, ..source }, &actor()).await.unwrap();
    let job = home.train().await;
    assert_eq!(job.state, JobState::Succeeded, "{:?}", job.error);
    let view = home.platform.version("traffic", 2).await.unwrap();
    assert!(!view.promotion.unwrap().promoted);
    assert_eq!(home.platform.model("traffic").await.unwrap().alias_list[0].version, 1);
}

#[tokio::test]
async fn a_training_that_cannot_work_fails_with_its_reason() {
    let home = Home::new().await;
    let error = home.platform.order_training("traffic", "a test", &actor()).await.unwrap_err();
    assert_eq!(error.code(), "model_not_found");
    home.platform.apply(&spec(), &actor()).await.unwrap();
    let job = home.train().await;
    assert_eq!(job.state, JobState::Failed);
    assert!(job.error.unwrap().contains("has no rows yet"));

    home.platform.push_rows("traffic", rows("2012-10-02", "2012-10-20"), "a test", &actor()).await.unwrap();
    let job = home.train().await;
    assert_eq!(job.state, JobState::Failed);
    assert!(job.error.unwrap().contains("both are needed"));
}

#[tokio::test]
async fn applying_twice_changes_nothing_and_a_change_is_planned() {
    let home = Home::new().await;
    let first = home.platform.apply(&spec(), &actor()).await.unwrap();
    assert!(first.changes_anything());
    let events = home.platform.db.verify_chain().await.unwrap().entries;
    assert!(!home.platform.apply(&spec(), &actor()).await.unwrap().changes_anything());
    assert_eq!(home.platform.db.verify_chain().await.unwrap().entries, events);

    let mut changed = spec();
    changed.files.insert("prepare.sql".into(), "select * from input".into());
    let plan = home.platform.plan(&changed).await.unwrap();
    let updated: Vec<&str> = plan
        .changes
        .iter()
        .filter(|change| change.action == platform::ChangeAction::Update)
        .map(|change| change.object.as_str())
        .collect();
    assert_eq!(updated, ["pipeline"]);
}
