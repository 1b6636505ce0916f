//! What the test runner said at its end, kept to be said again at ours.

use std::fmt;

/// Summary lines of `cargo test` or `cargo nextest`, and the sum of their counts.
#[derive(Debug, Default, Eq, PartialEq)]
pub(crate) struct Tally {
    skipped: Vec<String>,
    summaries: Vec<String>,
    passed: u32,
    failed: u32,
}

impl Tally {
    /// Remembers what was not tested.
    pub(crate) fn skip(&mut self, sentence: String) {
        self.skipped.push(sentence);
    }

    /// Reads the lines of one test run.
    pub(crate) fn read(&mut self, lines: &[String]) {
        for line in lines.iter().map(|line| plain(line)) {
            let is_summary = line.starts_with("test result:") || line.trim_start().starts_with("Summary [");
            if !is_summary {
                continue;
            }
            let (passed, failed) = (count_before(&line, "passed"), count_before(&line, "failed"));
            self.passed += passed;
            self.failed += failed;
            if passed + failed > 0 {
                self.summaries.push(line.trim().to_owned());
            }
        }
    }
}

/// The line without colour.
fn plain(line: &str) -> String {
    let mut rest = line;
    let mut plain = String::new();
    while let Some((before, escape)) = rest.split_once("\u{1b}[") {
        plain.push_str(before);
        rest = escape.split_once('m').map_or("", |(_, after)| after);
    }
    plain + rest
}

fn count_before(line: &str, word: &str) -> u32 {
    let words: Vec<&str> = line.split_whitespace().map(|word| word.trim_end_matches([',', ';', '.'])).collect();
    let at = words.windows(2).find(|pair| pair[1] == word);
    at.and_then(|pair| pair[0].parse().ok()).unwrap_or(0)
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.summaries.iter().chain(&self.skipped).try_for_each(|line| writeln!(f, "  {line}"))?;
        write!(f, "{} tests passed, {} failed", self.passed, self.failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(lines: &[&str]) -> Tally {
        let mut tally = Tally::default();
        tally.read(&lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>());
        tally
    }

    #[test]
    fn sums_what_cargo_test_says_and_leaves_out_empty_runs() {
        let tally = tally(&[
            "running 3 tests",
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s",
            "test result: FAILED. 4 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s",
            "test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
        ]);
        assert_eq!((tally.passed, tally.failed, tally.summaries.len()), (7, 2, 2));
    }

    #[test]
    fn what_was_skipped_is_said_again_at_the_end() {
        let mut tally = tally(&["test result: ok. 3 passed; 0 failed"]);
        tally.skip("SKIPPED: the rest".into());
        assert!(tally.to_string().contains("  SKIPPED: the rest\n3 tests passed"));
    }

    #[test]
    fn reads_nextest_in_colour() {
        let tally = tally(&[
            "\u{1b}[32;1m     Summary\u{1b}[0m [   0.512s] \u{1b}[1m12\u{1b}[0m tests run: \u{1b}[1m12\u{1b}[0m \u{1b}[32;1mpassed\u{1b}[0m, 0 skipped",
        ]);
        assert_eq!(
            tally.to_string(),
            "  Summary [   0.512s] 12 tests run: 12 passed, 0 skipped\n12 tests passed, 0 failed"
        );
    }
}
