//! Accepting connections, and stopping without breaking off what is under way.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tower::ServiceExt;

use crate::app::App;
use crate::front_door::Connection;
use crate::grpc::{self, Grpc};
use crate::observe;
use crate::router::router;

/// How long a client may take to send the head of a request.
const HEAD_DEADLINE: Duration = Duration::from_secs(15);
/// How long to wait when the system has no more file handles.
const OUT_OF_HANDLES_PAUSE: Duration = Duration::from_millis(100);

/// Serves every protocol on `listener` until `shutdown` is ready. Then no more connections are accepted, streams end,
/// and requests under way have `Settings::drain` to finish; what is not finished then is broken off.
///
/// # Errors
///
/// Fails only when the listener has no address; failures of single connections end that connection alone.
pub async fn serve(
    app: App,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send,
) -> io::Result<()> {
    serve_router(router(app.clone()), app, listener, shutdown).await
}

async fn serve_router(
    router: Router,
    app: App,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send,
) -> io::Result<()> {
    let address = listener.local_addr()?;
    observe::prometheus();
    let mut housework = JoinSet::new();
    housework.spawn(observe::fold_figures());
    let grpc = Grpc::new(&app);
    let seats = Arc::new(Semaphore::new(app.settings().most_connections));
    let graceful = GracefulShutdown::new();
    let mut shutdown = std::pin::pin!(shutdown);
    tracing::info!(server.address = %address, "listening on {address}");
    loop {
        let accepted = async {
            // The semaphore is never closed; without a seat there would be no limit, and nothing else.
            let seat = Arc::clone(&seats).acquire_owned().await.ok();
            (listener.accept().await, seat)
        };
        let ((stream, peer), seat) = tokio::select! {
            () = &mut shutdown => break,
            (accepted, seat) = accepted => match accepted {
                Ok(pair) => (pair, seat),
                Err(error) => {
                    pause_after(&error).await;
                    continue;
                }
            },
        };
        let connection = Connection { peer, listener: address };
        let work = converse(&graceful, router.clone(), grpc.clone(), stream, connection);
        tokio::spawn(async move {
            work.await;
            drop(seat);
        });
    }
    drop(listener);
    app.stop();
    let drain = app.settings().drain;
    tracing::info!("stopping: finishing {} open connections", graceful.count());
    if tokio::time::timeout(drain, graceful.shutdown()).await.is_err() {
        tracing::warn!(drain_ms = drain.as_millis(), "stopped although some requests were not finished");
    }
    Ok(())
}

fn converse(
    graceful: &GracefulShutdown,
    router: Router,
    grpc: Grpc,
    stream: TcpStream,
    connection: Connection,
) -> impl Future<Output = ()> + Send + use<> {
    let _ = stream.set_nodelay(true);
    let watcher = graceful.watcher();
    async move {
        let service = service_fn(move |request: hyper::Request<Incoming>| {
            let mut request: Request = request.map(axum::body::Body::new);
            request.extensions_mut().insert(connection);
            let (router, grpc) = (router.clone(), grpc.clone());
            async move {
                if grpc::is_grpc(&request) {
                    Ok(grpc.answer(request).await)
                } else {
                    router.oneshot(request).await
                }
            }
        });
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_DEADLINE);
        builder.http2().timer(TokioTimer::new()).max_concurrent_streams(256);
        let conversation = builder.serve_connection_with_upgrades(TokioIo::new(stream), service).into_owned();
        if let Err(error) = watcher.watch(conversation).await {
            tracing::debug!(peer = %connection.peer, error, "a connection broke off");
        }
    }
}

/// A failed accept is the client's doing, or the system is short of file handles: then a moment's wait helps.
async fn pause_after(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        return;
    }
    tracing::error!(%error, "could not accept a connection");
    tokio::time::sleep(OUT_OF_HANDLES_PAUSE).await;
}

/// The host and port that a person types into a browser.
#[must_use]
pub fn browser_address(address: SocketAddr) -> String {
    let port = address.port();
    match address.ip() {
        ip if ip.is_loopback() || ip.is_unspecified() => format!("127.0.0.1:{port}"),
        _ => address.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use governance::{Action, ObjectKind};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::{Notify, oneshot};

    use super::*;
    use crate::router::finished;
    use crate::routes::{Routes, may};

    #[tokio::test]
    async fn a_slow_request_is_finished_before_the_server_stops() {
        let fixture = crate::fixture::app(testing::sqlite().await).await;
        let app = fixture.app.clone();
        let (begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (tell, wait) = (Arc::clone(&begun), Arc::clone(&go_on));
        let slow = async move || {
            tell.notify_one();
            wait.notified().await;
            "done"
        };
        let routes = Routes::new().get("/slow", may(Action::View, ObjectKind::Model), slow);
        let router = finished(routes.into_parts().0, app.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(serve_router(router, app, listener, async {
            let _ = stopped.await;
        }));

        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(format!("GET /slow HTTP/1.1\r\nHost: {address}\r\n\r\n").as_bytes()).await.unwrap();
        begun.notified().await;
        stop.send(()).unwrap();
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
        assert!(!serving.is_finished(), "the server waits for the request");
        go_on.notify_one();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("done"), "{answer}");
        tokio::time::timeout(Duration::from_secs(5), serving)
            .await
            .expect("the server stops")
            .unwrap()
            .unwrap();
    }
}
