//! Many runs changed at once, on a real database.

use base::Actor;
use experiments::{Batch, Lifecycle, NewRun};

use super::*;
use crate::fixture;

async fn platform_with(count: usize) -> (std::sync::Arc<Platform>, Vec<String>, impl Sized) {
    let (platform, kept) = fixture::empty().await;
    let ids = platform
        .db
        .write::<_, experiments::Error, _>(move |tx| {
            Box::pin(async move {
                let mut ids = Vec::new();
                for at in 0..count {
                    let run = experiments::create_run(tx, NewRun::default(), &Actor::named("ada")).await?;
                    let params = vec![("at".to_owned(), at.to_string())];
                    experiments::log_batch(tx, &run.id, Batch { params, ..Batch::default() }).await?;
                    ids.push(run.id);
                }
                Ok(ids)
            })
        })
        .await
        .unwrap();
    (platform, ids, kept)
}

fn order(act: Act, filter: &str, expected: Option<usize>) -> BulkOrder {
    let tag = (act == Act::Tag).then(|| ("team".to_owned(), "blue".to_owned()));
    BulkOrder { act, filter: filter.to_owned(), experiments: Vec::new(), tag, expected }
}

async fn lifecycles(platform: &Platform, ids: &[String]) -> Vec<Lifecycle> {
    let mut found = Vec::new();
    for id in ids {
        let mut read = platform.db.read().await.unwrap();
        found.push(experiments::get_run(&mut read, id).await.unwrap().lifecycle);
    }
    found
}

#[tokio::test]
async fn runs_are_counted_first_and_changed_only_when_the_count_is_right() {
    let (platform, ids, _kept) = platform_with(3).await;
    let ada = Actor::named("ada");
    let filter = "params.at != '1'";
    let counted = platform.change_runs(order(Act::Delete, filter, None), &ada).await.unwrap();
    assert_eq!((counted.runs, counted.some.len(), counted.change), (2, 2, None));
    let wrong = platform.change_runs(order(Act::Delete, filter, Some(3)), &ada).await.unwrap_err();
    assert_eq!(wrong.code(), "bulk_count_differs");
    assert_eq!(lifecycles(&platform, &ids).await, [Lifecycle::Active; 3]);
    let done = platform.change_runs(order(Act::Delete, filter, Some(2)), &ada).await.unwrap();
    assert_eq!(
        lifecycles(&platform, &ids).await,
        [Lifecycle::Deleted, Lifecycle::Active, Lifecycle::Deleted]
    );
    let change = done.change.unwrap();
    assert_eq!(platform.undo_change_of_runs(&change, &ada).await.unwrap(), 2);
    assert_eq!(lifecycles(&platform, &ids).await, [Lifecycle::Active; 3]);
    assert_eq!(platform.undo_change_of_runs(&change, &ada).await.unwrap_err().code(), "bulk_change_undone");
}

#[tokio::test]
async fn undoing_a_tag_gives_each_run_what_it_had() {
    let (platform, ids, _kept) = platform_with(2).await;
    let ada = Actor::named("ada");
    let first = ids[0].clone();
    platform
        .db
        .write::<_, experiments::Error, _>(move |tx| {
            Box::pin(async move { experiments::set_run_tag(tx, &first, "team", "red").await })
        })
        .await
        .unwrap();
    let done = platform.change_runs(order(Act::Tag, "", Some(2)), &ada).await.unwrap();
    platform.undo_change_of_runs(&done.change.unwrap(), &ada).await.unwrap();
    let mut read = platform.db.read().await.unwrap();
    let tags = [
        experiments::get_run(&mut read, &ids[0]).await.unwrap().tags.get("team").cloned(),
        experiments::get_run(&mut read, &ids[1]).await.unwrap().tags.get("team").cloned(),
    ];
    assert_eq!(tags, [Some("red".to_owned()), None]);
}

#[tokio::test]
async fn the_archive_keeps_runs_and_gives_them_back() {
    let (platform, ids, _kept) = platform_with(1).await;
    let ada = Actor::named("ada");
    platform.change_runs(order(Act::Archive, "", Some(1)), &ada).await.unwrap();
    let again = platform.change_runs(order(Act::Archive, "", None), &ada).await.unwrap();
    assert_eq!(again.runs, 0);
    platform.change_runs(order(Act::Restore, "", Some(1)), &ada).await.unwrap();
    let run = experiments::get_run(&mut platform.db.read().await.unwrap(), &ids[0]).await.unwrap();
    assert!(!run.tags.contains_key(ARCHIVED_TAG));
}
