//! Writes are all or nothing, and many of them share a commit.

use base::{Actor, NewEvent, ObjectRef};
use db::{Db, Error, EventFilter, Sql, params};

fn event(name: &str) -> NewEvent {
    NewEvent::new(
        "test.happened",
        &Actor::named("tester"),
        ObjectRef::new("test", name),
        "something happened",
    )
}

async fn append(db: &Db, name: String) -> Result<i64, Error> {
    db.write(move |tx| Box::pin(async move { Ok(tx.append_event(event(&name)).await?.seq) })).await
}

#[tokio::test]
async fn values_come_back_as_they_went_in() {
    for db in testing::databases().await {
        let row = db
            .write(|tx| {
                Box::pin(async move {
                    tx.execute("create table t (i bigint, r double precision, s text, n bigint)", params![])
                        .await?;
                    tx.execute(
                        "insert into t (i, r, s, n) values ($1, $2, $3, $4)",
                        params![7_i64, 0.1_f64, "seven", None::<i64>],
                    )
                    .await?;
                    Ok::<_, Error>(tx.fetch_optional("select i, r, s, n from t", params![]).await?.unwrap())
                })
            })
            .await
            .unwrap();
        assert_eq!(row.int("i").unwrap(), 7, "{}", db.engine);
        assert_eq!(row.real("r").unwrap(), 0.1);
        assert_eq!(row.text("s").unwrap(), "seven");
        assert_eq!(row.opt_int("n").unwrap(), None);
        assert!(matches!(row.int("n"), Err(Error::Column { .. })));
    }
}

#[tokio::test]
async fn an_error_undoes_its_own_write_and_no_other() {
    for db in testing::databases().await {
        let db: Db = (*db).clone();
        let writers: Vec<_> = (0..40)
            .map(|number| {
                let db = db.clone();
                tokio::spawn(async move {
                    db.write(move |tx| {
                        Box::pin(async move {
                            tx.append_event(event(&number.to_string())).await?;
                            if number % 4 == 0 { Err(Error::Busy) } else { Ok(()) }
                        })
                    })
                    .await
                })
            })
            .collect();
        let mut failed = 0;
        for writer in writers {
            failed += usize::from(writer.await.unwrap().is_err());
        }
        assert_eq!(failed, 10);
        assert_eq!(db.verify_chain().await.unwrap().entries, 30);
    }
}

#[tokio::test]
async fn a_panic_is_an_error_and_the_next_write_works() {
    let db = testing::sqlite().await;
    let result: Result<(), Error> = db.write(|_| Box::pin(async { panic!("a fault in the program") })).await;
    assert!(matches!(result, Err(Error::Panicked)));
    assert_eq!(append(&db, "after".into()).await.unwrap(), 1);
}

#[tokio::test]
async fn a_second_row_with_the_same_key_is_a_unique_violation() {
    for db in testing::databases().await {
        let result = db
            .write(|tx| {
                Box::pin(async move {
                    tx.execute("create table t (k text primary key)", params![]).await?;
                    tx.execute("insert into t (k) values ($1)", params!["a"]).await?;
                    tx.execute("insert into t (k) values ($1)", params!["a"]).await
                })
            })
            .await;
        assert!(result.unwrap_err().is_unique_violation(), "{}", db.engine);
    }
}

#[tokio::test]
async fn subscribers_hear_of_new_events_after_the_commit() {
    for db in testing::databases().await {
        let mut newest = db.subscribe();
        append(&db, "one".into()).await.unwrap();
        newest.changed().await.unwrap();
        assert_eq!(*newest.borrow(), 1);
        let events = db.events(&EventFilter::default(), 10).await.unwrap();
        assert_eq!(events.len(), 1);
    }
}
