//! What is no time per operation: tables that benchmarks leave as `<target>/measurements/*.json`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::SystemTime;

use serde::Deserialize;

use crate::Result;

/// One table.
#[derive(Debug, Deserialize, PartialEq)]
pub(super) struct Measurement {
    /// The file's name without its extension.
    #[serde(skip)]
    pub(super) name: String,
    /// What was measured.
    pub(super) title: String,
    /// How, and what to know when reading it.
    #[serde(default)]
    pub(super) note: String,
    /// One for each that was measured, in the order of the file.
    pub(super) rows: Vec<Row>,
}

impl Measurement {
    /// What it is about: its name up to the first dash.
    pub(super) fn family(&self) -> &str {
        self.name.split('-').next().unwrap_or_default()
    }

    /// Whether it tells how callers fare who come all at once.
    pub(super) fn is_storm(&self) -> bool {
        self.name.contains("storm")
    }
}

/// What one of them took.
#[derive(Debug, Deserialize, PartialEq)]
pub(super) struct Row {
    /// The one that was measured.
    pub(super) who: String,
    /// How much, in `unit`.
    pub(super) value: f64,
    /// Such as `ms`.
    pub(super) unit: String,
    /// How many times the floor of the same run.
    pub(super) against_floor: Option<f64>,
    /// More columns: numbers, or words.
    #[serde(default)]
    pub(super) extra: BTreeMap<String, serde_json::Value>,
}

/// Reads every table in `folder` that is not older than `since`, by name. A folder that is not there holds none.
///
/// # Errors
///
/// A file that is not such a table, by its name.
pub(super) fn read(folder: &Path, since: Option<SystemTime>) -> Result<Vec<Measurement>> {
    let mut measurements = Vec::new();
    if !folder.is_dir() {
        return Ok(measurements);
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let is_table = path.extension().is_some_and(|extension| extension == "json");
        if !is_table || since.is_some_and(|since| modified(&path).is_some_and(|at| at < since)) {
            continue;
        }
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let measurement = parse(&name, &fs::read_to_string(&path)?);
        measurements.push(measurement.map_err(|error| format!("{}: not a measurement: {error}", path.display()))?);
    }
    measurements.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(measurements)
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}

fn parse(name: &str, json: &str) -> serde_json::Result<Measurement> {
    let measurement: Measurement = serde_json::from_str(json)?;
    Ok(Measurement { name: name.to_owned(), ..measurement })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Ten thousand callers of two.
    pub(in super::super) const STORM: &str = r#"{
        "title": "Storm", "note": "10,000 callers.",
        "rows": [
            {"who": "floor", "value": 56.0, "unit": "ms", "against_floor": null, "extra": {}},
            {"who": "ours", "value": 58.8, "unit": "ms", "against_floor": 1.05, "extra": {"requests": 1, "how": "shared"}}
        ]
    }"#;

    /// Reads a table written in a test.
    pub(in super::super) fn measurement(name: &str, json: &str) -> Measurement {
        parse(name, json).unwrap()
    }

    #[test]
    fn rows_keep_their_order_and_what_they_say_beyond_the_value() {
        let storm = parse("storm", STORM).unwrap();
        assert_eq!(
            (storm.name.as_str(), storm.title.as_str(), storm.note.as_str()),
            ("storm", "Storm", "10,000 callers.")
        );
        assert_eq!(storm.rows.iter().map(|row| row.who.as_str()).collect::<Vec<_>>(), ["floor", "ours"]);
        assert_eq!(storm.rows[1].against_floor, Some(1.05));
        assert_eq!(storm.rows[1].extra["requests"], 1);
    }

    #[test]
    fn note_floor_and_extras_may_be_missing() {
        let short = parse("short", r#"{"title": "T", "rows": [{"who": "a", "value": 1, "unit": "ms"}]}"#).unwrap();
        assert_eq!((short.note.as_str(), short.rows[0].against_floor), ("", None));
    }

    #[test]
    fn tables_are_read_by_name_unless_they_are_too_old_and_a_malformed_one_is_named() {
        let folder = std::env::temp_dir().join(format!("bench-report-measurements-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("b.json"), STORM).unwrap();
        fs::write(folder.join("a.json"), STORM).unwrap();
        fs::write(folder.join("notes.txt"), "no table").unwrap();
        let names: Vec<String> = read(&folder, None).unwrap().into_iter().map(|table| table.name).collect();
        assert_eq!(names, ["a", "b"]);
        let later = modified(&folder.join("b.json")).unwrap() + std::time::Duration::from_secs(1);
        assert_eq!(read(&folder, Some(later)).unwrap(), []);
        fs::write(folder.join("c.json"), r#"{"title": "T"}"#).unwrap();
        let error = read(&folder, None).unwrap_err().to_string();
        assert!(error.contains("c.json: not a measurement: missing field `rows`"), "{error}");
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(read(&folder, None).unwrap(), []);
    }
}
