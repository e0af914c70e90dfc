//! Traces for a collector, over OTLP and HTTP. Nothing is sent unless an endpoint is named.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use opentelemetry::trace::TracerProvider;
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    SdkTracer, SdkTracerProvider, Span, SpanData, SpanExporter as _, SpanProcessor,
};
use tokio::sync::mpsc;

/// Spans that wait to be sent; further ones are dropped and counted.
const WAITING_SPANS: usize = 8_192;
/// Spans of one message.
const MESSAGE_SPANS: usize = 512;
/// How long spans gather for a message.
const GATHER: Duration = Duration::from_millis(500);
/// How long a collector may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Sends what was traced, and ends with the process.
pub(crate) struct Traces {
    provider: SdkTracerProvider,
}

/// Hands ended spans to the task that sends them, and never waits.
#[derive(Debug)]
struct Handing {
    queue: mpsc::Sender<SpanData>,
    dropped: AtomicU64,
    told: AtomicBool,
}

impl SpanProcessor for Handing {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        if self.queue.try_send(span).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            if !self.told.swap(true, Ordering::Relaxed) {
                tracing::warn!("traces come faster than the collector takes them; some are not sent");
            }
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

impl Traces {
    /// Sends to the collector at `endpoint`, such as `http://127.0.0.1:4318`.
    pub(crate) fn to(endpoint: &str) -> Result<Self> {
        let address = format!("{}/v1/traces", endpoint.trim_end_matches('/'));
        let exporter = SpanExporter::builder()
            .with_http()
            .with_endpoint(&address)
            .with_timeout(PATIENCE)
            .build()
            .with_context(|| format!("traces cannot be sent to `{endpoint}`"))?;
        let resource = Resource::builder_empty()
            .with_attributes([
                KeyValue::new("service.name", "gingham"),
                KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            ])
            .build();
        let (queue, waiting) = mpsc::channel(WAITING_SPANS);
        tokio::spawn(send(exporter, resource.clone(), waiting));
        let processor = Handing { queue, dropped: AtomicU64::new(0), told: AtomicBool::new(false) };
        let provider =
            SdkTracerProvider::builder().with_resource(resource).with_span_processor(processor).build();
        Ok(Self { provider })
    }

    /// What makes spans of the log's spans.
    pub(crate) fn tracer(&self) -> SdkTracer {
        self.provider.tracer("gingham")
    }
}

async fn send(mut exporter: SpanExporter, resource: Resource, mut waiting: mpsc::Receiver<SpanData>) {
    exporter.set_resource(&resource);
    let mut failing = false;
    while let Some(first) = waiting.recv().await {
        let mut batch = vec![first];
        tokio::time::sleep(GATHER).await;
        while batch.len() < MESSAGE_SPANS {
            match waiting.try_recv() {
                Ok(span) => batch.push(span),
                Err(_) => break,
            }
        }
        match exporter.export(batch).await {
            Ok(()) => failing = false,
            // Once is enough: a collector that is down stays down for a while.
            Err(error) if !failing => {
                tracing::warn!(%error, "the collector does not take traces");
                failing = true;
            }
            Err(_) => {}
        }
    }
}
