//! Databases of other programs are asked, and only asked.

use db::{AnswerKind, Error, Foreign, Sql, params};

#[tokio::test]
async fn a_query_is_answered_with_names_types_and_the_state_that_was_read() {
    for db in testing::databases().await {
        let made: Result<(), Error> = db
            .write(|tx| {
                Box::pin(async move {
                    tx.execute("create table things (n bigint, x double precision, w text)", params![])
                        .await?;
                    tx.execute("insert into things values (1, 0.5, 'a'), (2, null, 'b')", params![]).await?;
                    Ok(())
                })
            })
            .await;
        made.unwrap();
        let foreign = match db.url.strip_prefix("sqlite:") {
            Some(file) => Foreign::open_file(std::path::Path::new(file)).await.unwrap(),
            None => Foreign::open_postgres(&db.url).await.unwrap(),
        };
        let answer = foreign.ask("select n, x, w from things order by n", 10).await.unwrap();
        let kinds: Vec<AnswerKind> = answer.columns.iter().map(|(_, kind)| *kind).collect();
        assert_eq!(kinds, [AnswerKind::Int, AnswerKind::Real, AnswerKind::Text], "{}", db.engine);
        let row = |n: &str, x: Option<&str>, w: &str| {
            vec![Some(n.to_owned()), x.map(str::to_owned), Some(w.to_owned())]
        };
        assert_eq!(answer.rows, [row("1", Some("0.5"), "a"), row("2", None, "b")]);
        assert_eq!(answer.state.is_empty(), db.engine == "sqlite");
        let long = foreign.ask("select n from things", 1).await;
        assert!(matches!(long, Err(Error::AnswerTooLong { limit: 1 })));
        assert!(foreign.ask("delete from things", 10).await.is_err(), "nothing can be written");
        if db.engine == "sqlite" {
            continue;
        }
        let query =
            "select 1.25::numeric a, true b, '2026-01-31 12:00+02'::timestamptz c, '2026-01-31'::date d";
        let typed = foreign.ask(query, 1).await.unwrap();
        let texts: Vec<&str> = typed.rows[0].iter().map(|text| text.as_deref().unwrap()).collect();
        assert_eq!(texts, ["1.25", "t", "2026-01-31 10:00:00+00", "2026-01-31"]);
    }
}
