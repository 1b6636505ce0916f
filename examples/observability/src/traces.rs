//! Traces by OpenTelemetry: printed here; a program takes an exporter for its collector.

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use opentelemetry_stdout::SpanExporter;
use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::Result;

/// Installs the subscriber. What is returned is to be shut down at the end, or the last spans are lost.
pub(crate) fn install() -> Result<SdkTracerProvider> {
    let resource = Resource::builder().with_service_name("oidc-session-example").build();
    let provider =
        SdkTracerProvider::builder().with_resource(resource).with_simple_exporter(SpanExporter::default()).build();
    // At INFO there is a span for each refresh; at DEBUG its requests and its calls to the store are spans of their own.
    let ours = Targets::new().with_target("oidc_session", Level::DEBUG);
    let layer = tracing_opentelemetry::layer().with_location(false).with_threads(false);
    let layer = layer.with_tracer(provider.tracer("oidc-session-example"));
    tracing_subscriber::registry().with(layer.with_filter(ours)).try_init()?;
    Ok(provider)
}
