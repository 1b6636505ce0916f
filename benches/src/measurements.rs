//! [`Measurements`]: what was measured without criterion, as a file for reports.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::PathBuf;

use serde::Serialize;

/// One table of figures that were measured in one run.
///
/// Written to `measurements/<name>.json` in the build folder, where criterion has its folder too.
#[derive(Clone, Debug, Serialize)]
pub struct Measurements {
    #[serde(skip)]
    name: &'static str,
    title: &'static str,
    note: String,
    rows: Vec<Row>,
}

/// One figure.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    who: String,
    value: f64,
    unit: Unit,
    against_floor: Option<f64>,
    extra: BTreeMap<&'static str, f64>,
}

/// What a figure counts.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Unit {
    /// Seconds.
    S,
    /// Milliseconds.
    Ms,
    /// Nanoseconds.
    Ns,
    /// Bytes.
    Bytes,
    /// Calls of the allocator.
    Allocations,
    /// Instructions of the program, without those of the kernel.
    Instructions,
    /// Sessions.
    Sessions,
    /// Questions of callers.
    Questions,
}

impl Measurements {
    /// An empty table. `name` is that of its file; `note` says how it was measured.
    pub fn new(name: &'static str, title: &'static str, note: impl Into<String>) -> Self {
        Self { name, title, note: note.into(), rows: Vec::new() }
    }

    /// Adds a figure.
    pub fn push(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// Prints the table, and writes its file over the one of an earlier run.
    ///
    /// # Errors
    ///
    /// The build folder is not found or cannot be written.
    pub fn publish(&self) -> io::Result<()> {
        println!("\n{}\n{}\n", self.title, self.note);
        for Row { who, value, unit, against_floor, extra } in &self.rows {
            let unit = format!("{unit:?}").to_lowercase();
            let ratio = against_floor.map(|ratio| format!("{ratio:>6.2} x floor")).unwrap_or_default();
            let extra: Vec<_> = extra.iter().map(|(name, value)| format!("{name} {value}")).collect();
            println!("{who:<28} {value:>12.2} {unit:<13} {ratio:<15} {}", extra.join(", "));
        }
        let folder = build_folder()?.join("measurements");
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(self.name).with_extension("json"), serde_json::to_vec_pretty(self)?)
    }
}

impl Row {
    /// A figure.
    pub fn new(who: impl Into<String>, value: f64, unit: Unit) -> Self {
        Self { who: who.into(), value, unit, against_floor: None, extra: BTreeMap::new() }
    }

    /// Compared with the least that it can be.
    #[must_use]
    pub fn against(mut self, floor: f64) -> Self {
        self.against_floor = (floor > 0.0).then(|| self.value / floor);
        self
    }

    /// With something else that was seen on the way.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: f64) -> Self {
        self.extra.insert(name, value);
        self
    }
}

/// Where cargo builds: as the environment says, or else the folder that this program lies in, profile and `deps` taken off.
fn build_folder() -> io::Result<PathBuf> {
    if let Some(folder) = env::var_os("CARGO_TARGET_DIR") {
        return Ok(folder.into());
    }
    let program = env::current_exe()?;
    let folder = program.ancestors().skip(1).find(|folder| folder.file_name() != Some(OsStr::new("deps")));
    let folder = folder.and_then(|profile| profile.parent()).map(PathBuf::from);
    folder.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "this program lies in no build folder"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_the_form_that_reports_read() {
        let mut table = Measurements::new("form", "Title", "note");
        table.push(Row::new("floor", 2.0, Unit::Ms));
        table.push(Row::new("ours", 3.0, Unit::Ms).against(2.0).with("refreshes", 1.0));
        assert_eq!(
            serde_json::to_value(&table).unwrap(),
            serde_json::json!({
                "title": "Title",
                "note": "note",
                "rows": [
                    { "who": "floor", "value": 2.0, "unit": "ms", "against_floor": null, "extra": {} },
                    { "who": "ours", "value": 3.0, "unit": "ms", "against_floor": 1.5, "extra": { "refreshes": 1.0 } },
                ],
            })
        );
    }
}
