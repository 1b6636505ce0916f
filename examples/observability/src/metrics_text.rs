//! Metrics for Prometheus: a recorder, and the text that a program serves at `/metrics`.

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use crate::Result;

/// From a call to a store nearby to a wait for a server that hangs.
const SECONDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5, 10.0, 30.0];

/// Installs the recorder. Whoever serves the text calls `render` for each request.
///
/// Without buckets the exporter makes summaries of histograms, and those of several processes cannot be added up.
pub(crate) fn install() -> Result<PrometheusHandle> {
    let durations = Matcher::Suffix("_seconds".to_owned());
    Ok(PrometheusBuilder::new().set_buckets_for_metric(durations, &SECONDS)?.install_recorder()?)
}
