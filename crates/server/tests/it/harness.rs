//! A server over a fresh database, spoken to without a socket.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use db::Db;
use platform::{Platform, PlatformOptions, Worker};
use server::{App, Connection, Settings, router};
use tempfile::TempDir;
use testing::TestDatabase;
use tower::ServiceExt;

/// A server and its database.
pub struct Server {
    pub app: App,
    pub platform: Arc<Platform>,
    pub router: Router,
    pub database: Db,
    _kept: (TestDatabase, TempDir),
}

/// A response, read to its end.
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Reply {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.body))
    }

    /// The `code` of a problem, checked to be a whole one.
    pub fn problem(&self) -> String {
        assert_eq!(self.headers["content-type"], "application/problem+json", "{}", self.body);
        let body = self.json();
        assert_eq!(body["status"], self.status.as_u16());
        assert_eq!(body["request_id"].as_str().unwrap(), self.headers["x-request-id"].to_str().unwrap());
        assert!(!body["title"].as_str().unwrap().is_empty() && !body["detail"].as_str().unwrap().is_empty());
        body["code"].as_str().unwrap().to_owned()
    }
}

/// A server on SQLite that listens on loopback.
pub async fn server() -> Server {
    over(testing::sqlite().await, Settings::default()).await
}

/// A server over that database and a fresh folder.
pub async fn over(database: TestDatabase, settings: Settings) -> Server {
    over_at(database, settings, Arc::new(base::SystemClock)).await
}

/// A server over that database and a fresh folder, whose present comes from the test.
pub async fn over_at(database: TestDatabase, settings: Settings, clock: Arc<dyn base::Clock>) -> Server {
    let nobody = Worker { program: "false".into(), arguments: Vec::new() };
    with_worker(database, settings, clock, nobody).await
}

/// A server that hands trainings to a worker.
pub async fn with_worker(
    database: TestDatabase,
    settings: Settings,
    clock: Arc<dyn base::Clock>,
    worker: Worker,
) -> Server {
    let folder = tempfile::tempdir().unwrap();
    let options = PlatformOptions {
        folder: folder.path().to_owned(),
        database: Some(database.url.clone()),
        artifacts: None,
        worker,
        python: platform::PythonSettings::default(),
    };
    let platform = Platform::open_at(options, clock).await.unwrap();
    let app = App::new(Arc::clone(&platform), settings);
    Server {
        router: router(app.clone()),
        app,
        database: platform.db.clone(),
        platform,
        _kept: (database, folder),
    }
}

/// A request as a client on this machine sends it.
pub fn request(method: Method, path: &str) -> Request<Body> {
    Request::builder().method(method).uri(path).header("host", "localhost:5000").body(Body::empty()).unwrap()
}

/// A request with a JSON body.
pub fn json(method: Method, path: &str, body: &serde_json::Value) -> Request<Body> {
    let mut request = request(method, path).map(|_| Body::from(body.to_string()));
    request.headers_mut().insert("content-type", "application/json".parse().unwrap());
    request
}

impl Server {
    /// What a client on this machine gets.
    pub async fn send(&self, request: Request<Body>) -> Reply {
        self.send_over(request, ([127, 0, 0, 1], 40_000).into(), ([127, 0, 0, 1], 5_000).into()).await
    }

    /// What a client elsewhere gets from a server that listens to all.
    pub async fn send_from_afar(&self, request: Request<Body>) -> Reply {
        self.send_over(request, ([192, 168, 1, 7], 40_000).into(), ([0, 0, 0, 0], 5_000).into()).await
    }

    pub async fn send_over(
        &self,
        mut request: Request<Body>,
        peer: SocketAddr,
        listener: SocketAddr,
    ) -> Reply {
        request.extensions_mut().insert(Connection { peer, listener });
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, 64 * 1024 * 1024).await.unwrap();
        Reply {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8_lossy(&body).into_owned(),
        }
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.send(request(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: serde_json::Value) -> Reply {
        self.send(json(Method::POST, path, &body)).await
    }
}
