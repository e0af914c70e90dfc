//! Opening a database: again, from a newer version, where there is none.

use base::Failure;
use db::{Db, Error, Sql, params};

#[tokio::test]
async fn opening_again_changes_nothing() {
    for db in testing::databases().await {
        let again = Db::open(&db.url).await.unwrap();
        assert_eq!(again.verify_chain().await.unwrap().entries, 0);
    }
}

#[tokio::test]
async fn a_newer_schema_is_refused_with_a_hint() {
    for db in testing::databases().await {
        db.write(|tx| {
            Box::pin(async move {
                tx.execute(
                    "insert into schema_migrations (name, digest, applied_at) values ('99990101_01_future', '', 0)",
                    params![],
                )
                .await
            })
        })
        .await
        .unwrap();
        let error = Db::open(&db.url).await.err().unwrap();
        assert!(matches!(&error, Error::NewerSchema { migration } if migration == "99990101_01_future"));
        assert!(error.hint().unwrap().contains("newer version"));
    }
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_said() {
    let error = Db::open("sqlite:/nowhere/at/all/gingham.db").await.err().unwrap();
    assert_eq!(error.code(), "database_unavailable");
    let error = Db::open("mysql://user:secret@host/db").await.err().unwrap();
    assert_eq!(error.code(), "database_address_invalid");
    assert!(!error.to_string().contains("secret"));
}
