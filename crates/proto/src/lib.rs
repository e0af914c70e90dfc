//! Protocol buffers: the messages and services of gRPC, generated from `proto/`.

/// The Open Inference Protocol, version 2.
pub mod inference {
    #![allow(
        missing_docs,
        unused_qualifications,
        clippy::all,
        clippy::pedantic,
        clippy::allow_attributes_without_reason,
        reason = "generated"
    )]
    tonic::include_proto!("inference");
}

/// Health as Kubernetes asks for it.
pub mod health {
    #![allow(
        missing_docs,
        unused_qualifications,
        clippy::all,
        clippy::pedantic,
        clippy::allow_attributes_without_reason,
        reason = "generated"
    )]
    tonic::include_proto!("grpc.health.v1");
}
