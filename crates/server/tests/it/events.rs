//! The event log over HTTP.

use std::time::Duration;

use axum::http::{Method, StatusCode};
use base::{Actor, NewEvent, ObjectRef};
use futures::StreamExt;
use server::Connection;
use tower::ServiceExt;

use crate::harness::{Server, request, server};

async fn write(server: &Server, kind: &'static str, name: &'static str) -> i64 {
    let written = server.database.write::<_, db::Error, _>(move |tx| {
        Box::pin(async move {
            let event = NewEvent::new(
                kind,
                &Actor::named("ada"),
                ObjectRef::new("model", name),
                "something happened",
            );
            tx.append_event(event).await
        })
    });
    written.await.unwrap().seq
}

#[tokio::test]
async fn events_come_newest_first_in_pages_or_oldest_first_after_one() {
    let server = server().await;
    for _ in 0..5 {
        write(&server, "model.created", "traffic").await;
    }
    let seqs = |reply: &crate::harness::Reply| -> Vec<i64> {
        reply.json()["items"].as_array().unwrap().iter().map(|event| event["seq"].as_i64().unwrap()).collect()
    };
    let first = server.get("/api/v1/events?limit=2").await;
    assert_eq!(seqs(&first), [5, 4]);
    let cursor = first.json()["next_cursor"].as_str().unwrap().to_owned();
    assert_eq!(seqs(&server.get(&format!("/api/v1/events?limit=9&cursor={cursor}")).await), [3, 2, 1]);
    assert_eq!(seqs(&server.get("/api/v1/events?after=3").await), [4, 5]);
    let page = server.get("/api/v1/events?after=0&limit=3").await;
    assert_eq!(seqs(&page), [1, 2, 3]);
    let cursor = page.json()["next_cursor"].as_str().unwrap().to_owned();
    assert_eq!(seqs(&server.get(&format!("/api/v1/events?after=0&cursor={cursor}")).await), [4, 5]);
}

#[tokio::test]
async fn events_can_be_narrowed_to_a_noun_and_an_object() {
    let server = server().await;
    write(&server, "model.created", "traffic").await;
    write(&server, "alert.opened", "traffic").await;
    write(&server, "model.created", "churn").await;
    let items = |reply: crate::harness::Reply| reply.json()["items"].as_array().unwrap().len();
    assert_eq!(items(server.get("/api/v1/events?kind=model.*").await), 2);
    assert_eq!(items(server.get("/api/v1/events?object=model:traffic").await), 2);
    assert_eq!(items(server.get("/api/v1/events?object=model:churn&kind=alert.opened").await), 0);
}

#[tokio::test]
async fn an_untouched_log_verifies() {
    let server = server().await;
    write(&server, "model.created", "traffic").await;
    let reply = server.get("/api/v1/events/verify").await;
    assert_eq!((reply.json()["entries"].as_i64(), reply.json()["ok"].as_bool()), (Some(1), Some(true)));
}

#[tokio::test]
async fn a_stream_goes_on_where_the_client_was_and_shows_what_is_written_next() {
    for database in testing::databases().await {
        let server = crate::harness::over(database, server::Settings::default()).await;
        write(&server, "model.created", "one").await;
        write(&server, "model.created", "two").await;
        let mut request = request(Method::GET, "/api/v1/events/stream");
        request.headers_mut().insert("last-event-id", "1".parse().unwrap());
        request.extensions_mut().insert(Connection {
            peer: ([127, 0, 0, 1], 40_000).into(),
            listener: ([127, 0, 0, 1], 5_000).into(),
        });
        let response = server.router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let mut stream = response.into_body().into_data_stream();
        let mut text = String::new();
        while !text.contains("id: 2") {
            text.push_str(std::str::from_utf8(&next(&mut stream).await).unwrap());
        }
        assert!(!text.contains("id: 1\n"), "{text}");
        write(&server, "model.created", "three").await;
        while !text.contains("id: 3") {
            text.push_str(std::str::from_utf8(&next(&mut stream).await).unwrap());
        }
        assert!(text.contains(r#""name":"three""#), "{text}");
    }
}

async fn next(stream: &mut axum::body::BodyDataStream) -> bytes::Bytes {
    tokio::time::timeout(Duration::from_secs(10), stream.next())
        .await
        .expect("an event in time")
        .unwrap()
        .unwrap()
}
