//! The dashboard and the alerts ask for metrics that there are, by words that there are.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Mutex;

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};

use crate::support::World;

/// What the code registers: name, kind and unit.
#[derive(Debug, Default)]
struct Register(Mutex<BTreeMap<String, (&'static str, Option<Unit>)>>);

impl Register {
    fn note(&self, name: &KeyName, kind: &'static str, unit: Option<Unit>) {
        self.0.lock().unwrap().insert(name.as_str().to_owned(), (kind, unit));
    }
}

impl Recorder for Register {
    fn describe_counter(&self, name: KeyName, unit: Option<Unit>, _: SharedString) {
        self.note(&name, "counter", unit);
    }

    fn describe_gauge(&self, name: KeyName, unit: Option<Unit>, _: SharedString) {
        self.note(&name, "gauge", unit);
    }

    fn describe_histogram(&self, name: KeyName, unit: Option<Unit>, _: SharedString) {
        self.note(&name, "histogram", unit);
    }

    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        Counter::noop()
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

fn registered() -> BTreeMap<String, (&'static str, Option<Unit>)> {
    let register = Register::default();
    metrics::with_local_recorder(&register, || World::new().builder().build().unwrap());
    register.0.into_inner().unwrap()
}

/// A page of the documentation.
fn page(name: &str) -> String {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    std::fs::read_to_string(docs.join(name)).unwrap()
}

/// The names of metrics in a text, without what Prometheus adds to those of a histogram.
fn names(text: &str, registered: &BTreeMap<String, (&'static str, Option<Unit>)>) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let of_histogram = |word: &str| {
        let base = ["_bucket", "_count", "_sum"].iter().find_map(|suffix| word.strip_suffix(suffix))?;
        registered.get(base).filter(|(kind, _)| *kind == "histogram").map(|_| base.to_owned())
    };
    let words = words.filter(|word| word.starts_with("oidc_session_"));
    words.map(|word| of_histogram(word).unwrap_or_else(|| word.to_owned())).collect()
}

/// Everything that a dashboard asks Prometheus for.
fn queries(value: &serde_json::Value, found: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(object) => object.iter().for_each(|(name, value)| match value {
            serde_json::Value::String(text) if name == "expr" || name == "query" => found.push(text.clone()),
            value => queries(value, found),
        }),
        serde_json::Value::Array(array) => array.iter().for_each(|value| queries(value, found)),
        _ => {}
    }
}

#[test]
fn counters_end_in_total_and_durations_in_seconds() {
    let registered = registered();
    assert!(registered.len() >= 10, "{registered:#?}");
    for (name, (kind, unit)) in registered {
        assert!(name.starts_with("oidc_session_"), "{name}");
        assert_eq!(name.ends_with("_total"), kind == "counter", "{name}");
        assert_eq!(name.ends_with("_seconds"), unit == Some(Unit::Seconds), "{name}");
    }
}

#[test]
fn the_dashboard_asks_for_every_metric_and_for_no_other() {
    let registered = registered();
    let dashboard: serde_json::Value = serde_json::from_str(&page("grafana/oidc-session.json")).unwrap();
    let mut asked = Vec::new();
    queries(&dashboard, &mut asked);
    assert!(asked.len() >= 20, "{asked:#?}");
    let all: BTreeSet<String> = registered.keys().cloned().collect();
    assert_eq!(names(&asked.join("\n"), &registered), all);

    let mut ids = BTreeSet::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "two panels have the id of {}", panel["title"]);
        let source = &panel["datasource"]["uid"];
        assert!(panel["type"] == "row" || source == "${datasource}", "{} has a source of its own", panel["title"]);
    }
}

#[test]
fn the_alerts_and_the_page_name_metrics_that_there_are() {
    let registered = registered();
    let all: BTreeSet<String> = registered.keys().cloned().collect();
    let alerts = names(&page("grafana/alerts.yaml"), &registered);
    assert!(alerts.len() >= 5 && alerts.is_subset(&all), "{:?}", alerts.difference(&all));
    assert_eq!(names(&page("observability.md"), &registered), all);
}

#[test]
fn what_is_asked_for_by_a_word_is_told_by_that_word() {
    let (dashboard, alerts) = (page("grafana/oidc-session.json"), page("grafana/alerts.yaml"));
    let explained = page("observability.md");
    let asked = format!("{}\n{alerts}", dashboard.replace("\\\"", "\""));
    let mut words = 0;
    for label in ["outcome", "reason", "request", "result", "call"] {
        for operator in ["=\"", "=~\"", "!=\"", "!~\""] {
            for rest in asked.split(&format!("{label}{operator}")).skip(1) {
                for word in rest.split('"').next().unwrap().split('|') {
                    words += 1;
                    assert!(explained.contains(&format!("`{word}`")), "{label} {word} is not on the page");
                }
            }
        }
    }
    assert!(words > 20, "{words}");
}
