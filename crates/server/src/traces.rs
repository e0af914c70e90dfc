//! The trace that a request belongs to, by the W3C header `traceparent`.

use axum::http::HeaderMap;
use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// Makes a span part of the trace that the headers name. Without such a header, or when no traces are sent, nothing
/// happens.
pub(crate) fn join(span: &Span, headers: &HeaderMap) {
    if let Some(parent) = parent(headers) {
        // Fails only when no traces are sent.
        let _ = span.set_parent(Context::new().with_remote_span_context(parent));
    }
}

fn parent(headers: &HeaderMap) -> Option<SpanContext> {
    let mut parts = headers.get("traceparent")?.to_str().ok()?.split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let whole = version.len() == 2 && version != "ff" && trace.len() == 32 && span.len() == 16;
    let state = headers.get("tracestate").and_then(|state| state.to_str().ok()?.parse::<TraceState>().ok());
    let context = SpanContext::new(
        TraceId::from_hex(trace).ok()?,
        SpanId::from_hex(span).ok()?,
        TraceFlags::new(u8::from_str_radix(flags, 16).ok()?),
        true,
        state.unwrap_or_default(),
    );
    (whole && context.is_valid()).then_some(context)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(traceparent: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert("traceparent", traceparent.parse().unwrap());
        parent(&headers)
            .map(|context| format!("{} {} {}", context.trace_id(), context.span_id(), context.is_sampled()))
    }

    #[test]
    fn the_header_names_trace_and_span() {
        let found = of("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
        assert_eq!(found.unwrap(), "4bf92f3577b34da6a3ce929d0e0e4736 00f067aa0ba902b7 true");
    }

    #[test]
    fn a_header_that_cannot_be_read_names_nothing() {
        for header in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473x-00f067aa0ba902b7-01",
        ] {
            assert_eq!(of(header), None, "{header}");
        }
    }
}
