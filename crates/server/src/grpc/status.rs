//! Failures as statuses of gRPC.

use base::Kind;
use tonic::{Code, Status};

use crate::oip;
use crate::problem::Problem;

/// The status of a problem; its code goes along as metadata.
pub(super) fn of(problem: &Problem) -> Status {
    let code = match problem.kind {
        Kind::Invalid | Kind::TooLarge => Code::InvalidArgument,
        Kind::NotFound => Code::NotFound,
        Kind::Conflict => Code::Aborted,
        Kind::Unauthenticated => Code::Unauthenticated,
        Kind::Denied => Code::PermissionDenied,
        Kind::Busy => Code::ResourceExhausted,
        Kind::CheckFailed => Code::FailedPrecondition,
        Kind::TimedOut => Code::DeadlineExceeded,
        Kind::Unsupported => Code::Unimplemented,
        Kind::Unavailable => Code::Unavailable,
        Kind::Internal => Code::Internal,
    };
    if matches!(problem.kind, Kind::Internal | Kind::Unavailable) {
        let error = problem.cause.as_deref().unwrap_or(&problem.detail);
        tracing::error!(error.code = problem.code, error, "could not answer a call");
    }
    let mut status = Status::new(code, oip::sentence(problem));
    if let Ok(code) = problem.code.parse() {
        status.metadata_mut().insert("gingham-error-code", code);
    }
    if problem.kind == Kind::Busy {
        status.metadata_mut().insert("retry-after", tonic::metadata::MetadataValue::from_static("1"));
    }
    status
}
