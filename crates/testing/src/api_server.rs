//! A stand-in for Kubernetes' API server: server-side apply with field managers, conflicts and dry runs, in memory.
//!
//! It holds to the documented rules of server-side apply for objects in namespaces: a field belongs to whoever applied
//! it; applying another value to somebody else's field is a conflict (409 with its causes) unless it is forced; a field
//! that its only owner leaves out is removed; lists of containers, ports, environment, volumes and mounts merge by
//! their keys, others are values. It knows no schemas beyond that, no controllers and no admission: what it accepts, a
//! real API server may still refuse.

mod fields;
mod objects;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use objects::{Objects, Request};

/// An API server on a port of its own; it stops with its handle.
pub struct ApiServer {
    /// Where it listens.
    pub address: SocketAddr,
    objects: Arc<Mutex<Objects>>,
    task: JoinHandle<()>,
    folder: tempfile::TempDir,
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl ApiServer {
    /// Starts a server that has these namespaces and knows the built-in kinds.
    pub async fn start(namespaces: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("the listener's address");
        let objects = Arc::new(Mutex::new(Objects {
            namespaces: namespaces.iter().map(|name| (*name).to_owned()).collect(),
            ..Objects::default()
        }));
        let shared = Arc::clone(&objects);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(converse(stream, Arc::clone(&shared)));
            }
        });
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self { address, objects, task, folder }
    }

    /// A kubeconfig that leads here.
    pub fn kubeconfig(&self) -> PathBuf {
        let path = self.folder.path().join("config");
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: test\n\
             clusters: [{{ name: test, cluster: {{ server: 'http://{}' }} }}]\n\
             contexts: [{{ name: test, context: {{ cluster: test, user: test }} }}]\n\
             users: [{{ name: test, user: {{ token: test }} }}]\n",
            self.address
        );
        std::fs::write(&path, text).expect("a kubeconfig");
        path
    }

    /// The objects there are, as `plural/name`, in order.
    pub fn names(&self) -> Vec<String> {
        self.lock().all.keys().map(|(_, plural, name)| format!("{plural}/{name}")).collect()
    }

    /// An object as it is, without who owns what.
    pub fn object(&self, namespace: &str, plural: &str, name: &str) -> Option<Value> {
        let key = (namespace.to_owned(), plural.to_owned(), name.to_owned());
        self.lock().all.get(&key).map(|stored| stored.object.clone())
    }

    /// Changes an object as somebody else would, such as with `kubectl edit`.
    pub fn edit(&self, (namespace, plural, name): (&str, &str, &str), manager: &str, patch: &Value) {
        let key = (namespace.to_owned(), plural.to_owned(), name.to_owned());
        self.lock().merge(&key, manager, patch).expect("the object to edit");
    }

    /// Writes the status of an object, as its controller would.
    pub fn set_status(&self, (namespace, plural, name): (&str, &str, &str), status: Value) {
        let key = (namespace.to_owned(), plural.to_owned(), name.to_owned());
        let mut objects = self.lock();
        let stored = objects.all.get_mut(&key).expect("the object with the status");
        stored.object["status"] = status;
    }

    /// Takes an object away.
    pub fn delete(&self, namespace: &str, plural: &str, name: &str) {
        let key = (namespace.to_owned(), plural.to_owned(), name.to_owned());
        self.lock().all.remove(&key).expect("the object to delete");
    }

    /// Makes KEDA's kind known.
    pub fn install_keda(&self) {
        self.lock().keda = true;
    }

    /// How many requests have changed something.
    pub fn writes(&self) -> usize {
        self.lock().writes
    }

    /// A path below the server's own folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Objects> {
        self.objects.lock().expect("no test panicked with the lock")
    }
}

/// Answers the requests of one connection, HTTP/1.1 with keep-alive and `Content-Length`.
async fn converse(stream: TcpStream, objects: Arc<Mutex<Objects>>) {
    let mut stream = BufReader::new(stream);
    while let Some(request) = read_request(&mut stream).await {
        let (status, body) = objects.lock().expect("no test panicked with the lock").answer(&request);
        let body = body.to_string();
        let head = format!(
            "HTTP/1.1 {status} -\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let sent = stream.get_mut().write_all(format!("{head}{body}").as_bytes()).await;
        if sent.is_err() {
            return;
        }
    }
}

async fn read_request(stream: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut line = String::new();
    if stream.read_line(&mut line).await.ok()? == 0 {
        return None;
    }
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let (mut length, mut content_type) = (0, String::new());
    loop {
        let mut header = String::new();
        stream.read_line(&mut header).await.ok()?;
        let header = header.trim();
        if header.is_empty() {
            break;
        }
        let (name, value) = header.split_once(':')?;
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().ok()?,
            "content-type" => value.trim().clone_into(&mut content_type),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let query: BTreeMap<String, String> = query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    Some(Request {
        method,
        path: path.to_owned(),
        query,
        content_type,
        body: serde_json::from_slice(&body).unwrap_or(Value::Null),
    })
}

/// A refusal as Kubernetes words it.
#[expect(clippy::needless_pass_by_value, reason = "words are made where they are handed over")]
fn status(code: u16, reason: &str, message: String, details: Value) -> (u16, Value) {
    let body = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "code": code, "details": details,
    });
    (code, body)
}

type Key = (String, String, String);
type Paths = BTreeSet<fields::Path>;
