//! The log has no gaps and cannot be changed unnoticed.

use base::{Actor, NewEvent, ObjectRef};
use db::{Db, Error, EventFilter, Sql, params};

async fn fill(db: &Db, entries: usize) {
    for number in 0..entries {
        db.write(move |tx| {
            Box::pin(async move {
                let object = ObjectRef::new(if number % 2 == 0 { "even" } else { "odd" }, number.to_string());
                let event =
                    NewEvent::new("number.counted", &Actor::named("tester"), object, format!("{number}"))
                        .with(serde_json::json!({"number": number, "text": "naïve — ok", "real": 228.04999999999995, "other": 0.1}));
                tx.append_event(event).await?;
                Ok::<_, Error>(())
            })
        })
        .await
        .unwrap();
    }
}

#[tokio::test]
async fn a_log_as_it_was_written_verifies() {
    for db in testing::databases().await {
        fill(&db, 12).await;
        assert_eq!(db.verify_chain().await.unwrap().entries, 12);
    }
}

#[tokio::test]
async fn a_changed_entry_is_named() {
    for db in testing::databases().await {
        fill(&db, 6).await;
        db.write(|tx| {
            Box::pin(async move {
                tx.execute("update events set summary = 'nothing' where seq = 4", params![]).await?;
                Ok::<_, Error>(())
            })
        })
        .await
        .unwrap();
        assert!(matches!(db.verify_chain().await, Err(Error::BrokenChain { seq: 4, .. })), "{}", db.engine);
    }
}

#[tokio::test]
async fn a_removed_entry_is_named() {
    for db in testing::databases().await {
        fill(&db, 6).await;
        db.write(|tx| {
            Box::pin(async move {
                tx.execute("delete from events where seq = 3", params![]).await?;
                Ok::<_, Error>(())
            })
        })
        .await
        .unwrap();
        assert!(matches!(db.verify_chain().await, Err(Error::BrokenChain { seq: 4, .. })), "{}", db.engine);
    }
}

#[tokio::test]
async fn writers_at_the_same_time_leave_no_gap() {
    for db in testing::databases().await {
        let db: Db = (*db).clone();
        let writers: Vec<_> = (0..8)
            .map(|_| {
                let db = db.clone();
                tokio::spawn(async move { fill(&db, 10).await })
            })
            .collect();
        for writer in writers {
            writer.await.unwrap();
        }
        assert_eq!(db.verify_chain().await.unwrap().entries, 80);
    }
}

#[tokio::test]
async fn events_are_filtered_and_paged_both_ways() {
    for db in testing::databases().await {
        fill(&db, 9).await;
        let of = |filter: EventFilter| {
            let db: Db = (*db).clone();
            async move { db.events(&filter, 3).await.unwrap().iter().map(|event| event.seq).collect::<Vec<_>>() }
        };
        assert_eq!(of(EventFilter { after: 4, ..Default::default() }).await, [5, 6, 7]);
        assert_eq!(of(EventFilter { newest_first: true, ..Default::default() }).await, [9, 8, 7]);
        assert_eq!(of(EventFilter { newest_first: true, after: 7, ..Default::default() }).await, [6, 5, 4]);
        let object = Some(ObjectRef::new("odd", "3"));
        assert_eq!(of(EventFilter { object, ..Default::default() }).await, [4]);
        assert_eq!(of(EventFilter { kind: Some("number.*".into()), ..Default::default() }).await, [1, 2, 3]);
        assert!(of(EventFilter { kind: Some("word.*".into()), ..Default::default() }).await.is_empty());
    }
}
