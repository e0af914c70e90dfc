//! What the store promises, on both engines.

use base::{Actor, Digest, Timestamp};
use db::{Db, EventFilter};
use serde_json::json;

use super::*;
use crate::{Expected, Filter, NewModel, NewPromotion, NewVersion, Pointer, Stage, Test, Version, Wanted};

fn me() -> Actor {
    Actor::named("ada")
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_millis(second * 1_000)
}

async fn model(db: &Db, name: &str) {
    let new =
        NewModel { name: name.into(), tags: [("team".into(), name.into())].into(), ..NewModel::default() };
    db.write(move |tx| Box::pin(async move { create_model(tx, &new, &me(), at(1)).await })).await.unwrap();
}

async fn version(db: &Db, name: &str) -> Version {
    let new = NewVersion {
        model: name.into(),
        digest: Some(Digest::of("bytes")),
        source: "mlflow-artifacts:/0/r/artifacts/model".into(),
        source_run: Some("r".into()),
        signature: Some(json!({"inputs": []})),
        metrics: Some(json!({"mae": 1.5})),
        reference_profile: Some(json!({"rows": 10})),
        ..NewVersion::default()
    };
    db.write(move |tx| Box::pin(async move { create_version(tx, new, &me(), at(2)).await })).await.unwrap()
}

async fn point(
    db: &Db,
    name: &str,
    alias: &str,
    version: i64,
    expected: Expected,
) -> Result<Option<i64>, Error> {
    let change = AliasChange {
        model: name.to_owned(),
        alias: alias.to_owned(),
        version,
        expected,
        reason: "better".into(),
    };
    db.write(move |tx| Box::pin(async move { Ok(set_alias(tx, &change, &me(), at(3)).await?.previous) }))
        .await
}

#[tokio::test]
async fn versions_count_up_and_keep_what_they_were_given() {
    for db in testing::databases().await {
        model(&db, "traffic").await;
        assert_eq!(version(&db, "traffic").await.number, 1);
        assert_eq!(version(&db, "traffic").await.number, 2);
        db.write(|tx| Box::pin(async move { delete_version(tx, "traffic", 2, &me(), at(3)).await }))
            .await
            .unwrap();
        assert_eq!(version(&db, "traffic").await.number, 3, "a number is never used twice");
        let mut read = db.read().await.unwrap();
        let one = get_version(&mut read, "traffic", 1).await.unwrap();
        assert_eq!(one.metrics, Some(json!({"mae": 1.5})));
        assert_eq!(one.reference_profile, Some(json!({"rows": 10})));
        assert_eq!((one.digest, one.status.as_str()), (Some(Digest::of("bytes")), "READY"));
        let listed = list_versions(&mut read, "traffic", 1, None).await.unwrap();
        assert_eq!((listed.items[0].number, listed.items[0].reference_profile.as_ref()), (3, None));
        let rest = list_versions(&mut read, "traffic", 1, listed.next_token).await.unwrap();
        assert_eq!((rest.items[0].number, rest.next_token), (1, None));
        assert!(matches!(get_version(&mut read, "traffic", 2).await, Err(Error::VersionNotFound { .. })));
        assert_eq!(get_model(&mut read, "traffic").await.unwrap().latest_version, Some(3));
    }
}

#[tokio::test]
async fn an_alias_moves_only_from_where_it_is_thought_to_be() {
    for db in testing::databases().await {
        model(&db, "traffic").await;
        version(&db, "traffic").await;
        version(&db, "traffic").await;
        assert_eq!(point(&db, "traffic", "champion", 1, Expected::Nothing).await.unwrap(), None);
        assert_eq!(point(&db, "traffic", "champion", 2, Expected::Version(1)).await.unwrap(), Some(1));
        for expected in [Expected::Version(1), Expected::Nothing] {
            let refused = point(&db, "traffic", "champion", 1, expected).await;
            assert!(matches!(refused, Err(Error::AliasMoved { .. })), "{refused:?}");
        }
        let unknown = point(&db, "traffic", "champion", 9, Expected::Anything).await;
        assert!(matches!(unknown, Err(Error::VersionNotFound { .. })));
        let mut read = db.read().await.unwrap();
        let champion = resolve(&mut read, "traffic", &Pointer::Alias("champion".into())).await.unwrap();
        assert_eq!((champion.number, champion.aliases), (2, vec!["champion".to_owned()]));
        assert_eq!(resolve(&mut read, "traffic", &Pointer::Latest).await.unwrap().number, 2);
        let missing = resolve(&mut read, "traffic", &Pointer::Alias("nobody".into())).await;
        assert!(matches!(missing, Err(Error::AliasNotFound { .. })));
        let moves = db.events(&EventFilter::default(), 100).await.unwrap();
        let moves: Vec<_> = moves.iter().filter(|event| event.kind == "alias.moved").collect();
        assert_eq!(moves.len(), 2, "a refused move leaves no event");
        assert_eq!(moves[1].data["previous"], 1);
    }
}

#[tokio::test]
async fn of_two_who_move_an_alias_at_once_one_is_refused() {
    for db in testing::databases().await {
        model(&db, "traffic").await;
        for _ in 0..3 {
            version(&db, "traffic").await;
        }
        point(&db, "traffic", "champion", 1, Expected::Nothing).await.unwrap();
        let (first, second) = tokio::join!(
            point(&db, "traffic", "champion", 2, Expected::Version(1)),
            point(&db, "traffic", "champion", 3, Expected::Version(1)),
        );
        assert!(first.is_ok() != second.is_ok(), "{first:?} {second:?} on {}", db.engine);
    }
}

#[tokio::test]
async fn a_deleted_model_gives_its_name_back() {
    for db in testing::databases().await {
        model(&db, "traffic").await;
        version(&db, "traffic").await;
        let taken = NewModel { name: "traffic".into(), ..NewModel::default() };
        let refused =
            db.write(move |tx| Box::pin(async move { create_model(tx, &taken, &me(), at(1)).await })).await;
        assert!(matches!(refused, Err(Error::ModelExists { .. })));
        db.write(|tx| Box::pin(async move { delete_model(tx, "traffic", &me(), at(2)).await }))
            .await
            .unwrap();
        assert!(find_model(&mut db.read().await.unwrap(), "traffic").await.unwrap().is_none());
        model(&db, "traffic").await;
        assert_eq!(version(&db, "traffic").await.number, 1);
    }
}

#[tokio::test]
async fn a_renamed_model_keeps_its_versions_and_aliases() {
    for db in testing::databases().await {
        model(&db, "old").await;
        model(&db, "taken").await;
        version(&db, "old").await;
        point(&db, "old", "champion", 1, Expected::Anything).await.unwrap();
        let rename = |name: &str| ModelChange { name: Some(name.to_owned()), ..ModelChange::default() };
        let change = rename("taken");
        let refused = db
            .write(move |tx| Box::pin(async move { update_model(tx, "old", &change, &me(), at(2)).await }))
            .await;
        assert!(matches!(refused, Err(Error::ModelExists { .. })));
        let change = rename("new");
        db.write(move |tx| Box::pin(async move { update_model(tx, "old", &change, &me(), at(2)).await }))
            .await
            .unwrap();
        let found =
            resolve(&mut db.read().await.unwrap(), "new", &"@champion".parse().unwrap()).await.unwrap();
        assert_eq!((found.model.as_str(), found.number), ("new", 1));
    }
}

#[tokio::test]
async fn models_and_versions_are_found_by_name_tag_and_run() {
    for db in testing::databases().await {
        for name in ["Alpha", "beta"] {
            model(&db, name).await;
            version(&db, name).await;
        }
        db.write(|tx| {
            Box::pin(async move { set_version_tag(tx, "beta", 1, "kind", "Ridge", &me(), at(4)).await })
        })
        .await
        .unwrap();
        let mut read = db.read().await.unwrap();
        let is = |wanted: Wanted| Filter::Is(wanted);
        for (filter, expected) in [
            (Filter::everything(), vec!["Alpha", "beta"]),
            (is(Wanted::Name(Test::Like("al%".into()))), vec![]),
            (is(Wanted::Name(Test::ILike("al%".into()))), vec!["Alpha"]),
            (is(Wanted::Tag("team".into(), Test::Equal("beta".into()))), vec!["beta"]),
            (is(Wanted::Tag("team".into(), Test::Missing)), vec![]),
        ] {
            let query = ModelQuery { filter: filter.clone(), order: Vec::new(), limit: 10, token: None };
            let found = search_models(&mut read, &query).await.unwrap();
            let mut names: Vec<_> = found.items.iter().map(|model| model.name.as_str()).collect();
            names.sort_unstable();
            assert_eq!(names, expected, "{filter:?} on {}", db.engine);
        }
        for (filter, expected) in [
            (is(Wanted::SourceRun(Test::In(vec!["r".into()]))), 2),
            (is(Wanted::SourceRun(Test::Equal("x".into()))), 0),
            (is(Wanted::Tag("kind".into(), Test::Like("R%".into()))), 1),
            (is(Wanted::Source(Test::Like("%/model".into()))), 2),
            (Filter::version("beta", 1), 1),
        ] {
            let query = VersionQuery { filter: filter.clone(), order: Vec::new(), limit: 10, token: None };
            let found = search_versions(&mut read, &query).await.unwrap();
            assert_eq!(found.items.len(), expected, "{filter:?} on {}", db.engine);
        }
    }
}

#[tokio::test]
async fn moving_to_a_stage_may_archive_the_others() {
    for db in testing::databases().await {
        model(&db, "traffic").await;
        version(&db, "traffic").await;
        version(&db, "traffic").await;
        for number in [1, 2] {
            db.write(move |tx| {
                Box::pin(async move {
                    transition_stage(tx, "traffic", number, Stage::Production, Others::Archive, &me(), at(3))
                        .await
                })
            })
            .await
            .unwrap();
        }
        let mut read = db.read().await.unwrap();
        let latest = latest_of_stages(&mut read, "traffic", &Stage::ALL).await.unwrap();
        let stages: Vec<_> = latest.iter().map(|version| (version.number, version.stage)).collect();
        assert_eq!(stages, [(2, Stage::Production), (1, Stage::Archived)]);
    }
}

#[tokio::test]
async fn every_decision_is_kept_with_its_rules() {
    for db in testing::databases().await {
        model(&db, "traffic").await;
        version(&db, "traffic").await;
        for promoted in [false, true] {
            let new = NewPromotion {
                model: "traffic".into(),
                version: 1,
                previous: None,
                alias: "champion".into(),
                promoted,
                decision: if promoted { "promoted" } else { "kept back" }.into(),
                reason: "mae".into(),
                rules: json!([{"rule": "beats baselines", "passed": promoted}]),
            };
            db.write(move |tx| Box::pin(async move { record_promotion(tx, new, &me(), at(5)).await }))
                .await
                .unwrap();
        }
        let mut read = db.read().await.unwrap();
        let history = list_promotions(&mut read, "traffic", 10, None).await.unwrap().items;
        assert_eq!(history.iter().map(|one| one.promoted).collect::<Vec<_>>(), [true, false]);
        let newest = promotion_of(&mut read, "traffic", 1).await.unwrap().unwrap();
        assert_eq!(newest.rules[0]["passed"], true);
    }
}

#[tokio::test]
async fn models_of_the_same_name_in_two_projects_know_nothing_of_each_other() {
    for db in testing::databases().await {
        model(&db, "traffic").await;
        model(&db, "pricing/traffic").await;
        version(&db, "traffic").await;
        version(&db, "traffic").await;
        let theirs = version(&db, "pricing/traffic").await;
        assert_eq!((theirs.model.as_str(), theirs.number), ("pricing/traffic", 1));
        point(&db, "pricing/traffic", "champion", 1, Expected::Nothing).await.unwrap();
        let mut read = db.read().await.unwrap();
        assert_eq!(get_model(&mut read, "traffic").await.unwrap().aliases, []);
        assert_eq!(list_versions(&mut read, "traffic", 9, None).await.unwrap().items.len(), 2);
        assert_eq!(list_versions(&mut read, "pricing/traffic", 9, None).await.unwrap().items.len(), 1);
        let query = |project: &str| ModelQuery {
            filter: Filter::everything().within(project),
            order: Vec::new(),
            limit: 9,
            token: None,
        };
        for (project, expected) in [("default", "traffic"), ("pricing", "pricing/traffic")] {
            let found = search_models(&mut read, &query(project)).await.unwrap().items;
            assert_eq!(found.iter().map(|model| model.name.as_str()).collect::<Vec<_>>(), [expected]);
        }
        drop(read);
        let moved =
            db.write(|tx| Box::pin(async move { move_models(tx, "pricing", "default", &me()).await })).await;
        assert!(matches!(moved, Err(Error::ModelExists { model }) if model == "traffic"));
        db.write(|tx| Box::pin(async move { delete_model(tx, "traffic", &me(), at(9)).await }))
            .await
            .unwrap();
        db.write(|tx| Box::pin(async move { move_models(tx, "pricing", "default", &me()).await }))
            .await
            .unwrap();
        let moved = get_model(&mut db.read().await.unwrap(), "traffic").await.unwrap();
        assert_eq!(moved.alias("champion"), Some(1));
    }
}

#[tokio::test]
async fn what_was_deleted_comes_back_without_its_aliases() {
    for db in testing::databases().await {
        model(&db, "traffic").await;
        version(&db, "traffic").await;
        version(&db, "traffic").await;
        point(&db, "traffic", "champion", 2, Expected::Nothing).await.unwrap();
        db.write(|tx| Box::pin(async move { delete_version(tx, "traffic", 1, &me(), at(4)).await }))
            .await
            .unwrap();
        db.write(|tx| Box::pin(async move { delete_model(tx, "traffic", &me(), at(5)).await }))
            .await
            .unwrap();
        let binned = deleted_models(&mut db.read().await.unwrap(), 9).await.unwrap();
        assert_eq!(binned, [Binned { name: "traffic".into(), deleted_at: at(5), versions: 1 }]);
        let back = db
            .write(|tx| Box::pin(async move { restore_model(tx, "traffic", &me(), at(6)).await }))
            .await
            .unwrap();
        assert_eq!((back.latest_version, back.aliases.len()), (Some(2), 0));
        let missing = get_version(&mut db.read().await.unwrap(), "traffic", 1).await;
        assert!(matches!(missing, Err(Error::VersionNotFound { .. })), "it was deleted by itself");
        let one = db
            .write(|tx| Box::pin(async move { restore_version(tx, "traffic", 1, &me(), at(7)).await }))
            .await
            .unwrap();
        assert_eq!(one.digest, Some(Digest::of("bytes")), "its bytes are as they were");
        let again =
            db.write(|tx| Box::pin(async move { restore_model(tx, "traffic", &me(), at(8)).await })).await;
        assert!(matches!(again, Err(Error::ModelExists { .. })));
    }
}

#[tokio::test]
async fn a_webhook_is_told_by_one_at_a_time_and_moves_on_by_what_became_of_it() {
    use crate::{NewWebhook, Subject, WebhookChange, WebhookStatus};
    for db in testing::databases().await {
        let new = NewWebhook {
            project: "default".into(),
            name: "hook".into(),
            description: None,
            url: "https://hooks.example/x".into(),
            subjects: vec![Subject::find("model_version.created").unwrap()],
            status: WebhookStatus::Active,
            secret: Some("quiet".into()),
        };
        let made = db
            .write(|tx| Box::pin(async move { create_webhook(tx, new, &me(), at(1)).await }))
            .await
            .unwrap();
        assert!(made.after_seq > 0 && !format!("{made:?}").contains("quiet"));
        let events = db.events(&EventFilter::default(), 99).await.unwrap();
        assert!(events.iter().all(|event| !format!("{event:?}").contains("quiet")));
        let claim = |now: i64| {
            let (id, seq) = (made.id.clone(), made.after_seq);
            db.write(move |tx| {
                Box::pin(async move { claim_webhook(tx, &id, seq, at(now), at(now + 60)).await })
            })
        };
        assert!(claim(2).await.unwrap());
        assert!(!claim(3).await.unwrap(), "somebody tells it already");
        assert!(claim(70).await.unwrap(), "who told it is gone");
        let settle = |seq: i64, tried: Tried| {
            let id = made.id.clone();
            db.write(move |tx| Box::pin(async move { settle_webhook(tx, &id, seq, &tried).await }))
        };
        let later = Tried::Later { at: at(100), status: Some(503), error: "busy".into() };
        settle(made.after_seq + 1, later).await.unwrap();
        let due = |now: i64| {
            let db = &db;
            async move { active_webhooks(&mut db.read().await.unwrap(), at(now)).await.unwrap() }
        };
        assert!(due(99).await.is_empty());
        assert_eq!(due(100).await[0].attempts, 1);
        settle(made.after_seq + 1, Tried::Delivered { status: 200 }).await.unwrap();
        let told = due(100).await.remove(0);
        assert_eq!((told.after_seq, told.delivered, told.attempts), (made.after_seq + 1, 1, 0));
        settle(made.after_seq + 1, Tried::Delivered { status: 200 }).await.unwrap();
        assert_eq!(due(100).await[0].delivered, 1, "once only");
        let change = WebhookChange { status: Some(WebhookStatus::Disabled), ..WebhookChange::default() };
        let id = made.id.clone();
        db.write(move |tx| {
            Box::pin(async move { update_webhook(tx, "default", &id, change, &me(), at(9)).await })
        })
        .await
        .unwrap();
        assert!(due(100).await.is_empty());
        let elsewhere = get_webhook(&mut db.read().await.unwrap(), "pricing", &made.id).await;
        assert!(matches!(elsewhere, Err(Error::WebhookNotFound { .. })));
    }
}
