//! Sends spans to a collector: OTLP/HTTP with binary protobuf, by the HTTP client of the process.

use std::sync::atomic::{AtomicBool, Ordering};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use prost::Message;
use reqwest::header::CONTENT_TYPE;
use tokio::runtime::Handle;
use url::Url;

/// The SDK exports from a thread of its own, and the client works on the runtime.
#[derive(Debug)]
pub(super) struct Exporter {
    url: Url,
    client: reqwest::Client,
    resource: ResourceAttributesWithSchema,
    runtime: Handle,
    /// The last batch was not taken, and it was said so.
    is_failing: AtomicBool,
}

impl Exporter {
    pub(super) fn new(endpoint: &Url, client: reqwest::Client, resource: &Resource) -> Self {
        Self {
            url: endpoint
                .join("v1/traces")
                .expect("the configuration makes the path end in a slash"),
            client,
            resource: resource.into(),
            runtime: Handle::current(),
            is_failing: AtomicBool::new(false),
        }
    }

    async fn send(&self, batch: Vec<SpanData>) -> Result<(), &'static str> {
        let spans = ExportTraceServiceRequest {
            resource_spans: group_spans_by_resource_and_scope(batch, &self.resource),
        };
        let request = self
            .client
            .post(self.url.clone())
            .header(CONTENT_TYPE, "application/x-protobuf")
            .body(spans.encode_to_vec());
        // All of it on the runtime: its timers are made when it is sent.
        let answer = self.runtime.spawn(async { request.send().await }).await;
        // The client's errors name the URL.
        match answer {
            Ok(Ok(answer)) if answer.status().is_success() => Ok(()),
            Ok(Ok(_)) => Err("it refused them"),
            Ok(Err(_)) | Err(_) => Err("it could not be reached"),
        }
    }
}

impl SpanExporter for Exporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let sent = self.send(batch).await;
        let was_failing = self.is_failing.swap(sent.is_err(), Ordering::Relaxed);
        sent.map_err(|why| {
            if !was_failing {
                tracing::warn!("spans did not reach the collector: {why}");
            }
            OTelSdkError::InternalFailure(why.to_owned())
        })
    }
}
