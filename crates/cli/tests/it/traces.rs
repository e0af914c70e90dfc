//! Traces reach a collector, within the trace that the caller named.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::harness::{free_port, gingham};

/// Takes messages over HTTP and hands their bodies on.
fn collector() -> (u16, mpsc::Receiver<(String, Vec<u8>)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut message = Vec::new();
            let mut chunk = [0_u8; 4_096];
            loop {
                let read = stream.read(&mut chunk).unwrap_or(0);
                message.extend_from_slice(&chunk[..read]);
                let Some(end) = message.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
                let head = String::from_utf8_lossy(&message[..end]).to_ascii_lowercase();
                let length =
                    head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
                if read == 0 || message.len() >= end + 4 + length.unwrap_or(0_usize) {
                    let _ = stream
                        .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                    let _ = tell.send((head, message.split_off(end + 4)));
                    break;
                }
            }
        }
    });
    (port, told)
}

fn get(port: u16, path: &str, headers: &str) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return false };
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n{headers}\r\n");
    let mut answer = String::new();
    stream.write_all(request.as_bytes()).is_ok()
        && stream.read_to_string(&mut answer).is_ok()
        && answer.starts_with("HTTP/1.1 200")
}

#[test]
fn a_request_is_traced_within_the_trace_that_it_names() {
    let (collector, told) = collector();
    let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
    let mut server = gingham()
        .args(["up", "--port", &port.to_string(), "--log", "warn", "--data"])
        .arg(folder.path().join("data"))
        .args(["--otlp", &format!("http://127.0.0.1:{collector}")])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let started = Instant::now();
    while !get(port, "/health", "") {
        assert!(started.elapsed() < Duration::from_secs(60), "the server does not answer");
        std::thread::sleep(Duration::from_millis(50));
    }
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    assert!(get(port, "/v2/health/live", &format!("traceparent: 00-{trace}-00f067aa0ba902b7-01\r\n")));
    let bytes: Vec<u8> =
        (0..16).map(|at| u8::from_str_radix(&trace[2 * at..2 * at + 2], 16).unwrap()).collect();
    let found = loop {
        let Ok((head, body)) = told.recv_timeout(Duration::from_secs(20)) else { break false };
        assert!(head.starts_with("post /v1/traces "), "{head}");
        if body.windows(16).any(|window| window == bytes) {
            break true;
        }
    };
    server.kill().unwrap();
    server.wait().unwrap();
    assert!(found, "no message holds the trace");
}
