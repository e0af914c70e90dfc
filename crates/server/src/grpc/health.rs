//! `grpc.health.v1.Health`.

use std::pin::Pin;

use futures::{Stream, StreamExt};
use proto::health::health_check_response::ServingStatus;
use proto::health::{HealthCheckRequest, HealthCheckResponse, health_server};
use tokio_stream::wrappers::WatchStream;
use tonic::{Request, Response, Status};

use crate::app::App;

/// Tells whether the server takes calls: not any more when it is told to stop.
#[derive(Clone)]
pub(super) struct Health {
    app: App,
}

impl Health {
    pub(super) fn new(app: App) -> Self {
        Self { app }
    }
}

fn known(service: &str) -> bool {
    matches!(service, "" | "inference.GRPCInferenceService" | "grpc.health.v1.Health")
}

fn told(stopping: bool) -> HealthCheckResponse {
    let status = if stopping { ServingStatus::NotServing } else { ServingStatus::Serving };
    HealthCheckResponse { status: status.into() }
}

#[tonic::async_trait]
impl health_server::Health for Health {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        let service = &request.get_ref().service;
        if !known(service) {
            return Err(Status::not_found(format!("there is no service `{service}`")));
        }
        Ok(Response::new(told(*self.app.stopping().borrow())))
    }

    type WatchStream = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        if !known(&request.get_ref().service) {
            let unknown = HealthCheckResponse { status: ServingStatus::ServiceUnknown.into() };
            return Ok(Response::new(Box::pin(futures::stream::iter([Ok(unknown)]))));
        }
        // Ends with the server, so that nobody's stream keeps it from stopping.
        let stream = WatchStream::new(self.app.stopping()).map(|stopping| (stopping, Ok(told(stopping))));
        let mut over = false;
        let stream = stream.take_while(move |(stopping, _)| {
            let go_on = !over;
            over = *stopping;
            futures::future::ready(go_on)
        });
        Ok(Response::new(Box::pin(stream.map(|(_, response)| response))))
    }
}
