//! `kill -9` in the middle of writes, or of the database's server, loses no acknowledged change and breaks no chain.

use std::collections::HashSet;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base::{Actor, NewEvent, ObjectRef};
use db::{Db, Error, EventFilter};

const PLAY_WRITER: &str = "GINGHAM_TEST_WRITE_TO";

/// Not a test of its own: the child process of the test below, which is this program started again.
#[tokio::test]
#[ignore = "the child process of the test below"]
async fn writer_that_will_be_killed() {
    let url = std::env::var(PLAY_WRITER).unwrap();
    let db = Db::open(&url).await.unwrap();
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let db = db.clone();
            tokio::spawn(async move {
                for number in 0.. {
                    let seq = note(&db, format!("{writer}-{number}")).await.unwrap();
                    // One line for each acknowledged write, in one system call.
                    std::io::Write::write_all(&mut std::io::stderr(), format!("ack {seq}\n").as_bytes())
                        .unwrap();
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
}

/// Appends an event about this object, and answers its number when it is acknowledged.
async fn note(db: &Db, name: String) -> Result<i64, Error> {
    db.write(move |tx| {
        Box::pin(async move {
            let object = ObjectRef::new("writer", name);
            let event = NewEvent::new("writer.wrote", &Actor::named("tester"), object, "wrote");
            Ok::<_, Error>(tx.append_event(event).await?.seq)
        })
    })
    .await
}

#[tokio::test]
async fn a_killed_writer_loses_nothing_acknowledged() {
    for database in testing::databases().await {
        for lines in [5, 60, 150] {
            let before = database.verify_chain().await.unwrap().entries;
            let mut child = Command::new(std::env::current_exe().unwrap())
                .args(["crash::writer_that_will_be_killed", "--exact", "--ignored", "--nocapture"])
                .env(PLAY_WRITER, &database.url)
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            let mut acknowledged = before;
            let stderr = BufReader::new(child.stderr.take().unwrap());
            for line in stderr.lines().map_while(Result::ok).take(lines) {
                if let Some(seq) = line.strip_prefix("ack ") {
                    acknowledged = acknowledged.max(seq.parse().unwrap());
                }
            }
            child.kill().unwrap();
            child.wait().unwrap();
            assert!(acknowledged > before, "{}", database.engine);
            let entries = entries_after_the_dust_settles(&database).await;
            assert!(entries >= acknowledged, "{}: {entries} kept of {acknowledged}", database.engine);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crashed_postgres_server_loses_nothing_acknowledged() {
    let Some(server) = testing::FragileServer::start() else { return };
    let db = Db::open(&server.url()).await.unwrap();
    for round in 0..3 {
        let acknowledged: Arc<Mutex<Vec<String>>> = Arc::default();
        let over = Arc::new(AtomicBool::new(false));
        let writers: Vec<_> = (0..8)
            .map(|writer| {
                let (db, acknowledged, over) = (db.clone(), Arc::clone(&acknowledged), Arc::clone(&over));
                tokio::spawn(async move {
                    for number in 0.. {
                        if over.load(Ordering::SeqCst) {
                            break;
                        }
                        let name = format!("{round}-{writer}-{number}");
                        // Those that the crash breaks off are told so.
                        if note(&db, name.clone()).await.is_ok() {
                            acknowledged.lock().unwrap().push(name);
                        }
                    }
                })
            })
            .collect();
        while acknowledged.lock().unwrap().len() < 40 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::task::block_in_place(|| server.crash_and_come_back());
        over.store(true, Ordering::SeqCst);
        for writer in writers {
            writer.await.unwrap();
        }
        let entries = Db::open(&server.url()).await.unwrap();
        entries.verify_chain().await.unwrap();
        let kept = entries.events(&EventFilter::default(), usize::MAX).await.unwrap();
        let kept: HashSet<_> = kept.into_iter().map(|event| event.object.name).collect();
        let acknowledged = acknowledged.lock().unwrap();
        let lost: Vec<_> = acknowledged.iter().filter(|name| !kept.contains(*name)).collect();
        assert!(lost.is_empty(), "lost {lost:?} of {}", acknowledged.len());
    }
}

/// PostgreSQL may take a moment to notice that the writer is gone.
async fn entries_after_the_dust_settles(db: &Db) -> i64 {
    let mut entries = db.verify_chain().await.unwrap().entries;
    loop {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let now = db.verify_chain().await.unwrap().entries;
        if now == entries {
            return entries;
        }
        entries = now;
    }
}
