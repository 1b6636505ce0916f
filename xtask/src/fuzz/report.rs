//! [`Report`]: what a target did, as libFuzzer tells it.

use std::fmt::Write as _;

/// What one target did.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Report {
    target: String,
    executions: u64,
    /// Edges of the code that were reached.
    coverage: u64,
    /// Unknown if it was stopped by a finding.
    seconds: Option<u64>,
    /// The file with the input that broke a promise.
    pub(super) finding: Option<String>,
}

impl Report {
    /// Reads what a run wrote. `None` if it never began.
    pub(super) fn of(target: &str, lines: &[String]) -> Option<Self> {
        let last = |prefix: &str| lines.iter().rev().find_map(|line| line.strip_prefix(prefix));
        let coverage = lines.iter().rev().find_map(|line| number_after(line, "cov: "))?;
        let numbered = lines.iter().rev().find_map(|line| number_after(line, "#").filter(|_| line.contains("cov: ")));
        let executions = last("stat::number_of_executed_units:").and_then(|number| number.trim().parse().ok());
        let finding = lines.iter().find_map(|line| line.split_once("Test unit written to ")).map(|(_, file)| file);
        Some(Self {
            target: target.to_owned(),
            executions: executions.or(numbered)?,
            coverage,
            seconds: last("Done ").and_then(|done| number_after(done, " runs in ")),
            finding: finding.map(|file| file.trim().to_owned()),
        })
    }

    /// The line that shows the finding again.
    pub(super) fn replay(&self) -> Option<String> {
        let file = self.finding.as_deref()?;
        // From the workspace's root, as a person would type it.
        let file = file.find("fuzz/artifacts/").map_or(file, |start| &file[start..]);
        Some(format!("cargo +nightly fuzz run {} {file}", self.target))
    }
}

fn number_after(line: &str, word: &str) -> Option<u64> {
    let (_, rest) = line.split_once(word)?;
    let end = rest.find(|character: char| !character.is_ascii_digit()).unwrap_or(rest.len());
    rest[..end].parse().ok()
}

/// All reports, a line for each.
pub(super) fn table(reports: &[Report]) -> String {
    let mut table = format!("{:<20} {:>8} {:>12} {:>9}  findings", "target", "seconds", "executions", "coverage");
    for Report { target, executions, coverage, seconds, finding } in reports {
        let seconds = seconds.map_or("-".to_owned(), |seconds| seconds.to_string());
        let finding = finding.as_deref().map_or("none", |_| "ONE, and it stopped there");
        // Writing to a string cannot fail.
        let _ = write!(table, "\n{target:<20} {seconds:>8} {executions:>12} {coverage:>9}  {finding}");
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_run_to_the_end_is_read() {
        let report = Report::of(
            "record",
            &lines(
                "INFO: seed corpus: files: 7\n#8\tINITED cov: 90 ft: 91 corp: 7/1Kb exec/s: 0 rss: 44Mb\n\
                 #40961\tDONE   cov: 1234 ft: 2000 corp: 80/9Kb lim: 4096 exec/s: 136 rss: 400Mb\n\
                 Done 40961 runs in 301 second(s)\nstat::number_of_executed_units: 40961\n",
            ),
        );
        let report = report.unwrap();
        assert_eq!((report.executions, report.coverage, report.seconds), (40961, 1234, Some(301)));
        assert_eq!((report.finding.as_ref(), report.replay()), (None, None));
        let table = table(&[report]);
        assert_eq!(table.lines().nth(1), Some("record                    301        40961      1234  none"));
    }

    #[test]
    fn a_finding_comes_with_the_line_that_shows_it_again() {
        let report = Report::of(
            "record",
            &lines(
                "#512\tpulse  cov: 77 ft: 91 corp: 7/1Kb\nthread '<unnamed>' panicked at record.rs:7\n\
                 artifact_prefix='/somewhere/fuzz/artifacts/record/'; \
                 Test unit written to /somewhere/fuzz/artifacts/record/crash-0a\n",
            ),
        );
        let report = report.unwrap();
        assert_eq!((report.executions, report.coverage, report.seconds), (512, 77, None));
        assert_eq!(report.replay().unwrap(), "cargo +nightly fuzz run record fuzz/artifacts/record/crash-0a");
        assert!(table(&[report]).contains("ONE"));
    }

    #[test]
    fn what_never_began_is_no_report() {
        assert_eq!(Report::of("record", &lines("error: could not compile")), None);
    }
}
