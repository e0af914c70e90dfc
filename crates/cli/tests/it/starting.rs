//! Starting a server where it cannot start, and what it says then.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use crate::harness::{Server, free_port, gingham, run};

#[test]
fn a_taken_port_is_said_with_a_hint() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let folder = tempfile::tempdir().unwrap();
    let ran = run(&["up", "--port", &port, "--data", folder.path().to_str().unwrap()]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains(&format!("cannot listen on 127.0.0.1:{port}")), "{}", ran.stderr);
    assert!(ran.stderr.contains("hint: another program listens there"), "{}", ran.stderr);
}

#[test]
fn a_folder_in_use_is_said_with_a_hint() {
    let server = Server::start();
    let port = free_port().to_string();
    let ran = run(&["up", "--port", &port, "--data", server.data.to_str().unwrap()]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("another server uses the data folder"), "{}", ran.stderr);
}

#[test]
fn a_data_folder_that_is_a_file_is_said_with_a_hint() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let port = free_port().to_string();
    let ran = run(&["up", "--port", &port, "--data", file.to_str().unwrap()]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("cannot be used"), "{}", ran.stderr);
    assert!(ran.stderr.contains("hint: name a folder on a disk that can be written to"), "{}", ran.stderr);
}

#[test]
fn a_folder_of_a_newer_version_is_refused() {
    let server = Server::start();
    let data = server.data.clone();
    let port = free_port().to_string();
    // Only a stopped server leaves its folder to another.
    let copy = data.with_file_name("copy");
    drop_into_the_future(&data, &copy);
    let ran = run(&["up", "--port", &port, "--data", copy.to_str().unwrap()]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("written by a newer version"), "{}", ran.stderr);
    assert!(ran.stderr.contains("hint: start the newer version again"), "{}", ran.stderr);
}

/// A copy of the folder whose database has a migration that this version does not know.
fn drop_into_the_future(data: &std::path::Path, copy: &std::path::Path) {
    fs::create_dir_all(copy).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let db = db::Db::open_file(&copy.join("gingham.db")).await.unwrap();
        db.write(|tx| {
            Box::pin(async move {
                let sql = "insert into schema_migrations (name, digest, applied_at) values ('99990101_01_future', '', 0)";
                db::Sql::execute(tx, sql, Vec::new()).await
            })
        })
        .await
        .unwrap();
    });
    assert!(data.join("gingham.db").exists());
}

#[test]
fn the_first_token_is_for_its_owner_only() {
    let server = Server::start();
    let token = server.data.join("token");
    assert_eq!(fs::metadata(&token).unwrap().permissions().mode() & 0o777, 0o600);
    let secret = fs::read_to_string(&token).unwrap();
    let ran = gingham()
        .args(["--server", &server.address(), "--token", secret.trim(), "--json", "status"])
        .output()
        .unwrap();
    assert!(ran.status.success());
}
