//! Datasets on both engines.

use base::{Actor, Digest, PageRequest, Timestamp};
use db::Db;
use serde_json::json;
use tables::{Column, ColumnType, Schema};

use crate::*;

fn at(day: &str) -> Timestamp {
    Timestamp::parse(day).unwrap()
}

fn version(delta_version: i64, rows_added: u64, from: &str, to: &str) -> NewVersion {
    NewVersion {
        dataset: "traffic".into(),
        delta_version,
        digest: Digest::of(delta_version.to_le_bytes()),
        rows_added,
        replaces: false,
        schema: Schema { columns: vec![Column::new("at", ColumnType::Time)] },
        from: Some(at(from)),
        to: Some(at(to)),
        origin: json!({ "source": "a test" }),
        profile: json!({ "at": {} }),
    }
}

async fn add(db: &Db, new: NewVersion) -> Result<DatasetVersion, Error> {
    db.write(move |tx| {
        Box::pin(async move { add_version(tx, &new, &Actor::named("tester"), at("2026-01-01")).await })
    })
    .await
}

async fn create(db: &Db, name: &'static str) -> Result<Dataset, Error> {
    db.write(move |tx| {
        Box::pin(
            async move { create_dataset(tx, name, "rows", &Actor::named("tester"), at("2026-01-01")).await },
        )
    })
    .await
}

#[tokio::test]
async fn versions_count_up_and_their_rows_add_up() {
    for db in testing::databases().await {
        create(&db, "traffic").await.unwrap();
        add(&db, version(1, 100, "2012-10-02", "2013-10-01")).await.unwrap();
        let second = add(&db, version(2, 20, "2013-10-02", "2013-10-30")).await.unwrap();
        assert_eq!((second.number, second.rows, second.rows_added), (2, 120, 20), "{}", db.engine);
        assert_eq!((second.from, second.to), (Some(at("2012-10-02")), Some(at("2013-10-30"))));
        assert_eq!(second.profile, json!({ "at": {} }));
        let dataset = get_dataset(&mut db.read().await.unwrap(), "traffic").await.unwrap();
        assert_eq!((dataset.latest_version, dataset.rows), (Some(2), 120));
        assert_eq!((dataset.from, dataset.to), (Some(at("2012-10-02")), Some(at("2013-10-30"))));
    }
}

#[tokio::test]
async fn lists_come_in_pages() {
    for db in testing::databases().await {
        for name in ["traffic", "weather", "prices"] {
            create(&db, name).await.unwrap();
        }
        let mut read = db.read().await.unwrap();
        let first = list_datasets(&mut read, &PageRequest::first(2)).await.unwrap();
        assert_eq!(
            first.items.iter().map(|dataset| dataset.name.as_str()).collect::<Vec<_>>(),
            ["prices", "traffic"]
        );
        let rest = list_datasets(&mut read, &PageRequest::after(2, first.next_cursor)).await.unwrap();
        assert_eq!((rest.items.len(), rest.next_cursor), (1, None));
        drop(read);
        for number in 1..=3 {
            add(&db, version(number, 1, "2012-10-02", "2012-10-03")).await.unwrap();
        }
        let mut read = db.read().await.unwrap();
        let newest = list_versions(&mut read, "traffic", &PageRequest::first(2)).await.unwrap();
        assert_eq!(newest.items.iter().map(|version| version.number).collect::<Vec<_>>(), [3, 2]);
        let page = PageRequest::after(2, Some("a lot".into()));
        assert!(matches!(list_versions(&mut read, "traffic", &page).await, Err(Error::BadCursor { .. })));
    }
}

#[tokio::test]
async fn what_is_not_there_is_named() {
    for db in testing::databases().await {
        let missing = add(&db, version(1, 1, "2012-10-02", "2012-10-03")).await;
        assert!(matches!(missing, Err(Error::DatasetNotFound { dataset }) if dataset == "traffic"));
        create(&db, "traffic").await.unwrap();
        assert!(matches!(create(&db, "traffic").await, Err(Error::DatasetExists { .. })));
        assert!(matches!(create(&db, "../traffic").await, Err(Error::Name(_))));
        let missing = get_version(&mut db.read().await.unwrap(), "traffic", 7).await;
        assert!(matches!(missing, Err(Error::VersionNotFound { number: 7, .. })));
        assert_eq!(db.verify_chain().await.unwrap().entries, 1, "{}", db.engine);
    }
}

#[tokio::test]
async fn rows_that_replace_others_count_alone() {
    for db in testing::databases().await {
        create(&db, "traffic").await.unwrap();
        add(&db, version(1, 100, "2012-10-02", "2013-10-01")).await.unwrap();
        let new = NewVersion { replaces: true, ..version(2, 20, "2013-05-01", "2013-05-02") };
        let second = add(&db, new).await.unwrap();
        assert_eq!((second.number, second.rows, second.rows_added), (2, 20, 20), "{}", db.engine);
        assert_eq!((second.from, second.to), (Some(at("2013-05-01")), Some(at("2013-05-02"))));
        let dataset = get_dataset(&mut db.read().await.unwrap(), "traffic").await.unwrap();
        assert_eq!((dataset.from, dataset.rows), (Some(at("2013-05-01")), 20));
    }
}

#[tokio::test]
async fn versions_are_found_by_number_tag_and_moment() {
    for db in testing::databases().await {
        create(&db, "traffic").await.unwrap();
        for (number, day) in [(1, "2026-01-01"), (2, "2026-02-01"), (3, "2026-03-01")] {
            let new = version(number, 1, "2012-10-02", "2012-10-03");
            let made: Result<DatasetVersion, Error> = db
                .write(move |tx| {
                    Box::pin(async move { add_version(tx, &new, &Actor::named("tester"), at(day)).await })
                })
                .await;
            made.unwrap();
        }
        let tag = async |tag: &'static str, version| {
            let done: Result<(), Error> = db
                .write(move |tx| {
                    let (actor, now) = (Actor::named("tester"), at("2026-04-01"));
                    Box::pin(async move { set_tag(tx, "traffic", tag, version, &actor, now).await })
                })
                .await;
            done
        };
        tag("gold", 1).await.unwrap();
        tag("gold", 2).await.unwrap();
        for wrong in ["3", "v3", "latest", "2026-01-01", ""] {
            assert!(tag(wrong, 1).await.is_err(), "`{wrong}` is no tag");
        }
        assert!(matches!(tag("silver", 9).await, Err(Error::VersionNotFound { .. })));
        let mut read = db.read().await.unwrap();
        for (pointer, number) in
            [("2", 2), ("v1", 1), ("latest", 3), ("gold", 2), ("2026-02-15", 2), ("2026-03-01T00:00:00Z", 3)]
        {
            let found = resolve(&mut read, "traffic", &pointer.parse().unwrap()).await.unwrap();
            assert_eq!(found.number, number, "{pointer} on {}", db.engine);
        }
        for pointer in ["2025-12-31", "silver", "9"] {
            let found = resolve(&mut read, "traffic", &pointer.parse().unwrap()).await;
            assert_eq!(base::Failure::kind(&found.unwrap_err()), base::Kind::NotFound, "{pointer}");
        }
        assert_eq!(tags(&mut read, "traffic").await.unwrap().len(), 1);
        drop(read);
        let gone: Result<(), Error> = db
            .write(|tx| Box::pin(async move { remove_tag(tx, "traffic", "gold", &Actor::named("t")).await }))
            .await;
        gone.unwrap();
        assert!(tags(&mut db.read().await.unwrap(), "traffic").await.unwrap().is_empty());
    }
}
