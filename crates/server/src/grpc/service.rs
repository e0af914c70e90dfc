//! The calls of the protocol.

use std::sync::Arc;

use ::serving::{Inference, Serving};
use base::Kind;
use governance::{Action, Object, ObjectKind, Principal, decide};
use proto::inference::grpc_inference_service_server::GrpcInferenceService;
use proto::inference::{
    ModelConfigRequest, ModelConfigResponse, ModelInferRequest, ModelInferResponse, ModelMetadataRequest,
    ModelMetadataResponse, ModelReadyRequest, ModelReadyResponse, ModelStatisticsRequest,
    ModelStatisticsResponse, RepositoryIndexRequest, RepositoryIndexResponse, RepositoryModelLoadRequest,
    RepositoryModelLoadResponse, RepositoryModelUnloadRequest, RepositoryModelUnloadResponse,
    ServerLiveRequest, ServerLiveResponse, ServerMetadataRequest, ServerMetadataResponse, ServerReadyRequest,
    ServerReadyResponse, repository_index_response,
};
use tonic::{Request, Response, Status};

use super::{Deadline, answers, status, tensors};
use crate::app::App;
use crate::extract::Caller;
use crate::oip::context::trace_id;
use crate::oip::{EXTENSIONS, repository};
use crate::problem::Problem;

/// The methods that are counted under their names.
pub(super) const METHODS: &[&str] = &[
    "ServerLive",
    "ServerReady",
    "ModelReady",
    "ServerMetadata",
    "ModelMetadata",
    "ModelInfer",
    "ModelConfig",
    "ModelStatistics",
    "RepositoryIndex",
    "RepositoryModelLoad",
    "RepositoryModelUnload",
    "Check",
    "Watch",
];

/// The service over the deployments of this process.
#[derive(Clone)]
pub(super) struct Service {
    app: App,
}

type Answer<T> = Result<Response<T>, Status>;

/// Asks the one decision point.
fn permit<T>(
    request: &Request<T>,
    action: Action,
    kind: ObjectKind,
    name: Option<&str>,
) -> Result<(), Status> {
    let object = name.map_or_else(|| Object::of(kind), |name| Object::named(kind, name));
    let principal = request
        .extensions()
        .get::<Caller>()
        .map_or(Principal::Anonymous, |caller| caller.principal().clone());
    let decision = decide(&principal, action, &object);
    if decision.allowed {
        return Ok(());
    }
    let problem = match principal {
        Principal::Anonymous => Problem::new(Kind::Unauthenticated, "unauthenticated", decision.reason)
            .with_hint("send a token as the metadata `authorization: Bearer gng_…`"),
        _ => Problem::new(Kind::Denied, "denied", decision.reason),
    };
    Err(status::of(&problem))
}

fn failure(problem: impl Into<Problem>) -> Status {
    status::of(&problem.into())
}

fn version(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

impl Service {
    pub(super) fn new(app: App) -> Self {
        Self { app }
    }

    fn serving(&self) -> &Arc<Serving> {
        &self.app.platform().serving
    }
}

#[tonic::async_trait]
impl GrpcInferenceService for Service {
    async fn server_live(&self, request: Request<ServerLiveRequest>) -> Answer<ServerLiveResponse> {
        permit(&request, Action::View, ObjectKind::Health, None)?;
        Ok(Response::new(ServerLiveResponse { live: true }))
    }

    async fn server_ready(&self, request: Request<ServerReadyRequest>) -> Answer<ServerReadyResponse> {
        permit(&request, Action::View, ObjectKind::Health, None)?;
        Ok(Response::new(ServerReadyResponse { ready: crate::replicas::is_ready(&self.app) }))
    }

    async fn model_ready(&self, request: Request<ModelReadyRequest>) -> Answer<ModelReadyResponse> {
        permit(&request, Action::View, ObjectKind::Deployment, Some(&request.get_ref().name))?;
        let asked = request.into_inner();
        let found = self.serving().metadata(&asked.name, version(&asked.version));
        found.map(|_| Response::new(ModelReadyResponse { ready: true })).map_err(failure)
    }

    async fn server_metadata(
        &self,
        request: Request<ServerMetadataRequest>,
    ) -> Answer<ServerMetadataResponse> {
        permit(&request, Action::View, ObjectKind::Health, None)?;
        Ok(Response::new(ServerMetadataResponse {
            name: "gingham".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            extensions: EXTENSIONS.iter().map(|extension| (*extension).to_owned()).collect(),
        }))
    }

    async fn model_metadata(&self, request: Request<ModelMetadataRequest>) -> Answer<ModelMetadataResponse> {
        permit(&request, Action::View, ObjectKind::Deployment, Some(&request.get_ref().name))?;
        let asked = request.into_inner();
        let found = self.serving().metadata(&asked.name, version(&asked.version)).map_err(failure)?;
        Ok(Response::new(answers::metadata(found)))
    }

    async fn model_infer(&self, request: Request<ModelInferRequest>) -> Answer<ModelInferResponse> {
        permit(&request, Action::Predict, ObjectKind::Deployment, Some(&request.get_ref().model_name))?;
        let text = |name: &str| request.metadata().get(name).and_then(|value| value.to_str().ok());
        let inference = Inference {
            version: version(&request.get_ref().model_version).map(str::to_owned),
            trace_id: text("traceparent").and_then(trace_id),
            variant: text("x-gingham-variant").map(str::to_owned),
            key: text("x-gingham-key").map(str::to_owned),
            deadline: request.extensions().get::<Deadline>().map(|deadline| deadline.0),
        };
        let mut call = request.into_inner();
        let as_raw = !call.raw_input_contents.is_empty();
        let name = std::mem::take(&mut call.model_name);
        let asked = tensors::request(call).map_err(failure)?;
        let answer = self.serving().infer(&name, asked, inference).await.map_err(failure)?;
        Ok(Response::new(answers::response(answer, as_raw)))
    }

    async fn model_config(&self, request: Request<ModelConfigRequest>) -> Answer<ModelConfigResponse> {
        permit(&request, Action::View, ObjectKind::Deployment, Some(&request.get_ref().name))?;
        let asked = request.into_inner();
        let found = self.serving().metadata(&asked.name, version(&asked.version)).map_err(failure)?;
        Ok(Response::new(ModelConfigResponse { config: Some(answers::config(found)) }))
    }

    async fn model_statistics(
        &self,
        request: Request<ModelStatisticsRequest>,
    ) -> Answer<ModelStatisticsResponse> {
        let named = version(&request.get_ref().name);
        permit(&request, Action::View, ObjectKind::Deployment, named)?;
        let asked = request.into_inner();
        let serving = self.serving();
        let names = if asked.name.is_empty() { serving.names() } else { vec![asked.name.clone()] };
        let mut model_stats = Vec::new();
        for name in names {
            let branches = repository::answering(serving, &name, version(&asked.version)).map_err(failure)?;
            model_stats.extend(branches.iter().map(|branch| answers::statistics(&name, branch)));
        }
        Ok(Response::new(ModelStatisticsResponse { model_stats }))
    }

    async fn repository_index(
        &self,
        request: Request<RepositoryIndexRequest>,
    ) -> Answer<RepositoryIndexResponse> {
        permit(&request, Action::View, ObjectKind::Deployment, None)?;
        let found = repository::index(&self.app, self.serving(), request.get_ref().ready).await;
        let models = found.into_iter().map(|indexed| repository_index_response::ModelIndex {
            name: indexed.name,
            version: indexed.version,
            state: indexed.state.to_owned(),
            reason: indexed.reason,
        });
        Ok(Response::new(RepositoryIndexResponse { models: models.collect() }))
    }

    async fn repository_model_load(
        &self,
        request: Request<RepositoryModelLoadRequest>,
    ) -> Answer<RepositoryModelLoadResponse> {
        let asked = request.get_ref();
        let name = version(&asked.model_name).unwrap_or(&asked.repository_name).to_owned();
        permit(&request, Action::Change, ObjectKind::Deployment, Some(&name))?;
        let actor = caller(&request).actor();
        self.app.platform().load_deployment(&name, &actor).await.map_err(failure)?;
        Ok(Response::new(RepositoryModelLoadResponse { model_name: name, is_loaded: true }))
    }

    async fn repository_model_unload(
        &self,
        request: Request<RepositoryModelUnloadRequest>,
    ) -> Answer<RepositoryModelUnloadResponse> {
        let asked = request.get_ref();
        let name = version(&asked.model_name).unwrap_or(&asked.repository_name).to_owned();
        permit(&request, Action::Change, ObjectKind::Deployment, Some(&name))?;
        let actor = caller(&request).actor();
        let reason = "unloaded by a client";
        self.app.platform().unload_deployment(&name, reason, &actor).await.map_err(failure)?;
        Ok(Response::new(RepositoryModelUnloadResponse { model_name: name, is_unloaded: true }))
    }
}

fn caller<T>(request: &Request<T>) -> Caller {
    request.extensions().get::<Caller>().cloned().unwrap_or_else(|| Caller::new(Principal::Anonymous))
}
