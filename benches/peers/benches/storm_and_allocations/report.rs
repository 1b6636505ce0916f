//! [`Report`]: rows for whoever draws them.

use std::path::PathBuf;
use std::{env, fs};

use oidc_session_peers::{Peer, version};
use serde_json::{Value, json};

/// A title, a note, and one row for each peer.
pub(crate) struct Report {
    title: &'static str,
    note: &'static str,
    rows: Vec<Value>,
}

/// One peer's row.
pub(crate) struct Row {
    pub(crate) value: f64,
    pub(crate) unit: &'static str,
    pub(crate) against_floor: Option<f64>,
    pub(crate) extra: Value,
}

impl Report {
    pub(crate) fn new(title: &'static str, note: &'static str) -> Self {
        Self { title, note, rows: Vec::new() }
    }

    pub(crate) fn add<P: Peer>(&mut self, row: &Row) {
        let who = P::CRATE.map_or_else(
            || P::NAME.to_owned(),
            |name| format!("{} {}", P::NAME, version(name).expect("it is in the lock file")),
        );
        println!("{who:<32} {:>10} {} {}", row.value, row.unit, row.extra);
        self.rows.push(json!({
            "who": who,
            "value": row.value,
            "unit": row.unit,
            "against_floor": row.against_floor,
            "extra": row.extra,
        }));
    }

    /// Writes the report beside those of criterion.
    pub(crate) fn write(self, name: &str) {
        let folder = target_folder().join("measurements");
        fs::create_dir_all(&folder).expect("the target directory is ours to write");
        let report = json!({ "title": self.title, "note": self.note, "rows": self.rows });
        let text = serde_json::to_string_pretty(&report).expect("plain values");
        fs::write(folder.join(name), text + "\n").expect("the target directory is ours to write");
    }
}

/// Where cargo builds: as the environment says, or else the folder above that of the profile, above that of this program.
fn target_folder() -> PathBuf {
    if let Some(folder) = env::var_os("CARGO_TARGET_DIR") {
        return folder.into();
    }
    let program = env::current_exe().expect("a program has a path");
    program.ancestors().nth(3).expect("cargo has put it there").to_owned()
}
