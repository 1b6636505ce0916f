//! The tests that there are.

use std::collections::BTreeSet;
use std::io::BufReader;
use std::process::Command;

use cargo_metadata::camino::Utf8PathBuf;
use cargo_metadata::{Message, Target};

use crate::command_line::CommandLine;
use crate::{Result, workspace};

/// Every test of the workspace, as nextest names it: its binary, a blank, its path.
///
/// The binaries themselves are asked, so that what a macro makes is found, too. After the tests have run, nothing is built.
pub(super) fn tests() -> Result<BTreeSet<String>> {
    let build = CommandLine::cargo(["test", "--workspace", "--all-features", "--lib", "--bins", "--tests", "--no-run"]);
    let messages = build.args(["--message-format", "json-render-diagnostics"]).output()?;
    let mut tests = BTreeSet::new();
    for (binary, program) in binaries(&messages)? {
        // Not by cargo, and so without its environment: nothing is run, only listed.
        let output = Command::new(&program).args(["--list", "--format", "terse"]).output()?;
        if !output.status.success() {
            return Err(format!("`{program} --list` failed ({})", output.status).into());
        }
        tests.extend(listed(&String::from_utf8(output.stdout)?).map(|test| format!("{binary} {test}")));
    }
    Ok(tests)
}

fn binaries(messages: &str) -> Result<Vec<(String, Utf8PathBuf)>> {
    let metadata = workspace::metadata()?;
    let mut binaries = Vec::new();
    for message in Message::parse_stream(BufReader::new(messages.as_bytes())) {
        let Message::CompilerArtifact(artifact) = message? else { continue };
        let (true, Some(program)) = (artifact.profile.test, artifact.executable) else { continue };
        binaries.push((binary_id(&metadata[&artifact.package_id].name, &artifact.target), program));
    }
    Ok(binaries)
}

fn binary_id(package: &str, target: &Target) -> String {
    if target.is_test() {
        format!("{package}::{}", target.name)
    } else if target.is_bin() {
        format!("{package}::bin/{}", target.name)
    } else {
        package.to_owned()
    }
}

fn listed(output: &str) -> impl Iterator<Item = &str> {
    output.lines().filter_map(|line| line.strip_suffix(": test"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_listed_and_benchmarks_are_not() {
        assert_eq!(listed("a::b: test\nc: benchmark\nd: test\n").collect::<Vec<_>>(), ["a::b", "d"]);
    }

    #[test]
    fn binaries_are_named_as_the_test_runner_names_them() {
        let target = |kind: &str| -> Target {
            serde_json::from_value(serde_json::json!({
                "name": "t", "kind": [kind], "crate_types": [], "src_path": "t.rs", "edition": "2024",
                "doc": false, "doctest": false, "test": true, "required-features": []
            }))
            .unwrap()
        };
        assert_eq!(binary_id("p", &target("lib")), "p");
        assert_eq!(binary_id("p", &target("test")), "p::t");
        assert_eq!(binary_id("p", &target("bin")), "p::bin/t");
    }
}
