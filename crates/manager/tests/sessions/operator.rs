//! What an operator is told while a test runs: spans, events and metrics of its thread.

use std::fmt::{Debug, Write as _};
use std::sync::{Arc, Mutex, MutexGuard};

use metrics::LocalRecorderGuard;
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::DefaultGuard;
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;

/// Hears everything of our crates, at every level. The tests' runtimes run on their thread.
pub(crate) struct Operator {
    told: Told,
    snapshotter: Snapshotter,
    _recording: LocalRecorderGuard<'static>,
    _tracing: DefaultGuard,
}

/// One metric with the labels that tell it from others of its name.
#[derive(Debug)]
pub(crate) struct Metric {
    pub(crate) name: String,
    pub(crate) labels: Vec<(String, String)>,
    pub(crate) value: Value,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Value {
    Counter(u64),
    Gauge(f64),
    Histogram(Vec<f64>),
}

impl Operator {
    pub(crate) fn listens() -> Self {
        let recorder = Box::leak(Box::new(DebuggingRecorder::new()));
        let told = Told::default();
        Self {
            snapshotter: recorder.snapshotter(),
            _recording: metrics::set_default_local_recorder(recorder),
            _tracing: tracing::subscriber::set_default(tracing_subscriber::registry().with(told.clone())),
            told,
        }
    }

    /// Every span, field and event since the last time: a line each.
    pub(crate) fn lines(&self) -> Vec<String> {
        std::mem::take(&mut *self.told.lines())
    }

    /// What the metrics have come to since the last time.
    pub(crate) fn metrics(&self) -> Vec<Metric> {
        let metric = |(key, _, _, value): (metrics_util::CompositeKey, _, _, DebugValue)| {
            let labels = key.key().labels().map(|label| (label.key().to_owned(), label.value().to_owned()));
            Metric {
                name: key.key().name().to_owned(),
                labels: labels.collect(),
                value: match value {
                    DebugValue::Counter(count) => Value::Counter(count),
                    DebugValue::Gauge(value) => Value::Gauge(value.into_inner()),
                    DebugValue::Histogram(values) => {
                        Value::Histogram(values.into_iter().map(|value| value.into_inner()).collect())
                    }
                },
            }
        };
        self.snapshotter.snapshot().into_vec().into_iter().map(metric).collect()
    }
}

impl Metric {
    pub(crate) fn label(&self, name: &str) -> Option<&str> {
        self.labels.iter().find(|(label, _)| label == name).map(|(_, value)| value.as_str())
    }
}

/// What the counter of this name and label has counted.
pub(crate) fn count(metrics: &[Metric], name: &str, label: (&str, &str)) -> u64 {
    let found = metrics.iter().find(|metric| metric.name == name && metric.label(label.0) == Some(label.1));
    match found.map(|metric| &metric.value) {
        Some(Value::Counter(count)) => *count,
        Some(value) => panic!("{name} is no counter: {value:?}"),
        None => 0,
    }
}

/// What the histograms of this name were given, with any labels but for this one.
pub(crate) fn values(metrics: &[Metric], name: &str, label: Option<(&str, &str)>) -> Vec<f64> {
    let wanted = metrics.iter().filter(|metric| metric.name == name);
    let wanted = wanted.filter(|metric| label.is_none_or(|(label, value)| metric.label(label) == Some(value)));
    let mut all = Vec::new();
    for metric in wanted {
        let Value::Histogram(values) = &metric.value else { panic!("{name} is no histogram") };
        all.extend(values);
    }
    all
}

#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<String>>>);

impl Told {
    fn lines(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap()
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Told {
    fn enabled(&self, metadata: &tracing::Metadata<'_>, _: Context<'_, S>) -> bool {
        // The server of the tests is on the other side, and says what it was told to do.
        let target = metadata.target();
        target.starts_with("oidc_session") && !target.starts_with("oidc_session_testkit")
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let parent = context.span(id).and_then(|span| span.parent()).map(|parent| parent.name());
        let metadata = attributes.metadata();
        let mut line = Line(format!("span {} {} in {}:", metadata.target(), metadata.name(), parent.unwrap_or("none")));
        attributes.record(&mut line);
        self.lines().push(line.0);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let name = context.span(id).map(|span| span.name()).unwrap_or_default();
        let mut line = Line(format!("record {name}:"));
        values.record(&mut line);
        self.lines().push(line.0);
    }

    fn on_follows_from(&self, id: &Id, follows: &Id, context: Context<'_, S>) {
        let name = |id| context.span(id).map(|span| span.name()).unwrap_or_default();
        self.lines().push(format!("{} follows from {}", name(id), name(follows)));
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut line = Line(format!("event {} {}:", event.metadata().target(), event.metadata().level()));
        event.record(&mut line);
        self.lines().push(line.0);
    }
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, " {}={value:?}", field.name()).unwrap();
    }

    /// With every cause, as a subscriber may print them.
    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        write!(self.0, " {}={value} {value:?}", field.name()).unwrap();
        let mut cause = value.source();
        while let Some(error) = cause {
            write!(self.0, ": {error}").unwrap();
            cause = error.source();
        }
    }
}
