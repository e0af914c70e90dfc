//! `gingham serve`: a replica goes on when its server is gone, follows it when it is there, and loses nothing.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::harness::{Server, free_port, gingham, short_example};

const ROW: &str = r#"{"hour":8,"weekday":2,"month":2,"temp":280.5,"rain_1h":0,"snow_1h":0,"clouds_all":40,"weather_main":"Clouds","holiday":"None","volume_last_week":5000}"#;

/// Asks once, on a connection of its own; the status, and the body.
fn ask(port: u16, method: &str, path: &str, body: &str) -> std::io::Result<(u16, String)> {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(5))?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\nContent-Length: {}\r\n\
         Content-Type: application/json\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Ok((status, answer.split_once("\r\n\r\n").map_or_else(String::new, |(_, body)| body.to_owned())))
}

struct Replica {
    process: Child,
    port: u16,
}

impl Replica {
    fn start(server: &str, cache: &Path) -> Self {
        let port = free_port();
        let process = gingham()
            .args(["serve", "traffic", "--registry", server, "--port", &port.to_string(), "--log", "warn"])
            .args(["--drain-delay-seconds", "1", "--cache"])
            .arg(cache)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Self { process, port }
    }

    fn wait_until_ready(&self) {
        let started = Instant::now();
        while ask(self.port, "GET", "/v2/health/ready", "").map_or(0, |(status, _)| status) != 200 {
            assert!(started.elapsed() < Duration::from_secs(60), "the replica does not get ready");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn predict(&self) -> (u16, String) {
        ask(self.port, "POST", "/serve/traffic/predict", ROW).unwrap_or((0, String::new()))
    }

    fn tell_to_stop(&self) {
        kill(Pid::from_raw(i32::try_from(self.process.id()).unwrap()), Signal::SIGTERM).unwrap();
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn count(server: &Server, condition: &str) -> u64 {
    let query = format!("select count(distinct prediction_id) from predictions where {condition}");
    server.json(&["sql", &query])["rows"][0][0].as_u64().unwrap()
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_replica_loses_no_request_and_no_record_while_its_server_dies_and_comes_back() {
    let (_folder, path) = short_example();
    let path = path.to_str().unwrap();
    let mut server = Server::start();
    server.try_run(&["apply", path]);
    server.try_run(&["promote", "traffic@1", "--reason", "it is the first"]);
    let cache = tempfile::tempdir().unwrap();
    let replica = Replica::start(&server.address(), cache.path());
    replica.wait_until_ready();
    let (status, body) = replica.predict();
    assert_eq!(status, 200, "{body}");
    let answer: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(answer["model_version"], "1", "{body}");
    assert_eq!(ask(replica.port, "GET", "/api/v1/models", "").unwrap().0, 404, "a replica only predicts");

    // Load goes on all the time; the server is killed, and comes back with another version.
    let (stop, answered, failed) =
        (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(1)), Arc::new(AtomicU64::new(0)));
    let load: Vec<_> = (0..3)
        .map(|_| {
            let (stop, answered, failed) = (Arc::clone(&stop), Arc::clone(&answered), Arc::clone(&failed));
            let port = replica.port;
            std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    match ask(port, "POST", "/serve/traffic/predict", ROW) {
                        Ok((200, _)) => answered.fetch_add(1, Ordering::Relaxed),
                        _ => failed.fetch_add(1, Ordering::Relaxed),
                    };
                }
            })
        })
        .collect();
    let so_far = || answered.load(Ordering::Relaxed);
    until("load runs", || so_far() > 30);
    server.crash();
    let before = so_far();
    until("answers go on without the server", || so_far() > before + 100);
    server.start_again();
    server.try_run(&["train", "traffic"]);
    server.try_run(&["promote", "traffic@2", "--reason", "the replica is to follow"]);
    until("the replica follows the alias", || replica.predict().1.contains(r#""model_version":"2""#));
    let followed = so_far();
    until("load runs on", || so_far() > followed + 30);
    stop.store(true, Ordering::Relaxed);
    load.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(failed.load(Ordering::Relaxed), 0, "requests failed of {}", so_far());

    // Everything that was given is in the server's archive, once.
    let at_least = so_far();
    until("the archive has all", || count(&server, "deployment = 'traffic'") >= at_least);
    assert!(count(&server, "version = 2") > 0);
}

#[test]
fn a_replica_starts_without_its_server_and_drains_before_it_ends() {
    let (_folder, path) = short_example();
    let mut server = Server::start();
    server.try_run(&["apply", path.to_str().unwrap()]);
    server.try_run(&["promote", "traffic@1", "--reason", "it is the first"]);
    let cache = tempfile::tempdir().unwrap();
    let first = Replica::start(&server.address(), cache.path());
    first.wait_until_ready();
    drop(first);
    server.crash();

    let mut again = Replica::start(&server.address(), cache.path());
    again.wait_until_ready();
    let (status, body) = again.predict();
    assert_eq!(status, 200, "{body}");
    // Told to stop, it says at once that it is not ready, and answers for a while all the same.
    again.tell_to_stop();
    until("it is not ready any more", || {
        ask(again.port, "GET", "/v2/health/ready", "").is_ok_and(|(status, _)| status == 503)
    });
    assert_eq!(again.predict().0, 200, "requests are taken until everybody has heard");
    until("it ends", || again.process.try_wait().unwrap().is_some());
    assert!(again.process.wait().unwrap().success());

    // What it answered without the server is sent by the next one.
    server.start_again();
    let next = Replica::start(&server.address(), cache.path());
    next.wait_until_ready();
    until("the archive has both", || count(&server, "deployment = 'traffic'") == 2);
}

#[test]
fn a_replica_that_everybody_could_reach_asks_for_a_token() {
    let cache = tempfile::tempdir().unwrap();
    let serve = |more: &[&str]| {
        let port = free_port().to_string();
        let mut command = gingham();
        command.args(["serve", "traffic", "--host", "0.0.0.0", "--port", &port, "--cache"]);
        command.arg(cache.path()).args(more).output().unwrap()
    };
    let refused = serve(&[]);
    assert_eq!(refused.status.code(), Some(1));
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(words.contains("GINGHAM_CLIENT_TOKEN") && words.contains("--open"), "{words}");
}
