//! `doctor` tells what is there, and what is not.

use serde_json::Value;

use crate::harness::{Server, gingham};

fn doctor(arguments: &[&str]) -> (Option<i32>, Value) {
    let ran = gingham().arg("--json").arg("doctor").args(arguments).output().unwrap();
    (ran.status.code(), serde_json::from_slice(&ran.stdout).unwrap())
}

fn finding<'a>(told: &'a Value, what: &str) -> &'a Value {
    told["findings"].as_array().unwrap().iter().find(|finding| finding["what"] == what).unwrap()
}

#[test]
fn a_running_server_is_found_in_good_health() {
    let server = Server::start();
    let port = server.address().rsplit(':').next().unwrap().to_owned();
    let data = server.data.to_str().unwrap();
    let (code, told) = doctor(&["--server", &server.address(), "--data", data, "--port", &port]);
    assert_eq!(code, Some(0), "{told}");
    assert_eq!(finding(&told, "database")["state"], "good");
    assert!(finding(&told, "database")["message"].as_str().unwrap().contains("up to date"), "{told}");
    assert!(finding(&told, "port")["message"].as_str().unwrap().contains("Gingham server"), "{told}");
}

#[test]
fn a_folder_that_cannot_be_and_a_taken_port_are_bad() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let (code, told) =
        doctor(&["--server", "http://127.0.0.1:9", "--data", "/proc/nothing/here", "--port", &port]);
    assert_eq!(code, Some(2), "{told}");
    assert_eq!(told["good"], false);
    for what in ["data folder", "port"] {
        assert_eq!(finding(&told, what)["state"], "bad", "{told}");
        assert!(finding(&told, what)["hint"].is_string(), "{told}");
    }
}

#[test]
fn a_missing_library_is_told_with_the_way_to_get_it() {
    let ran = gingham().env_remove("ORT_DYLIB_PATH").arg("doctor").output().unwrap();
    let words = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert!(words.contains("ONNX Runtime") && words.contains("pip install onnxruntime"), "{words}");
}
