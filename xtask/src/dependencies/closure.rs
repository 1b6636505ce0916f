//! Every package that comes with one crate.

use std::collections::BTreeSet;

use crate::Result;
use crate::command_line::CommandLine;

/// One platform, so that every machine counts the same.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// A crate and what it pulls in.
#[derive(Clone, Debug)]
pub(super) struct Closure {
    /// The crate.
    pub(super) name: String,
    /// Name and version of each package of its normal dependencies, and theirs; without the crate itself.
    pub(super) packages: BTreeSet<(String, String)>,
}

impl Closure {
    /// How many packages it pulls in; two versions of one count as two.
    pub(super) fn size(&self) -> usize {
        self.packages.len()
    }

    /// How many of them are not ours.
    pub(super) fn foreign(&self) -> usize {
        self.packages.iter().filter(|(name, _)| !is_ours(name)).count()
    }

    /// The names of what it pulls in.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.packages.iter().map(|(name, _)| name.as_str())
    }
}

/// Whether a package is of this workspace.
pub(super) fn is_ours(name: &str) -> bool {
    name == "oidc-session" || name.starts_with("oidc-session-")
}

/// Reads what `name` pulls in with its default features, and with nothing but them: the features that another member
/// turns on do not count, which is why this is `cargo tree` and not `cargo metadata`.
pub(super) fn read(name: &str) -> Result<Closure> {
    let tree = CommandLine::cargo(["tree", "--edges", "normal", "--prefix", "none", "--target", TARGET]);
    let text = tree.args(["--package", name]).output()?;
    Ok(Closure { name: name.to_owned(), packages: parse(name, &text)? })
}

/// Reads lines like `serde v1.0.229 (*)`.
fn parse(name: &str, tree: &str) -> Result<BTreeSet<(String, String)>> {
    let mut packages = BTreeSet::new();
    for line in tree.lines().filter(|line| !line.trim().is_empty()) {
        let mut words = line.split_whitespace();
        let (Some(package), Some(version)) = (words.next(), words.next().and_then(|word| word.strip_prefix('v')))
        else {
            return Err(format!("cargo tree wrote a line that is no package: {line}").into());
        };
        packages.insert((package.to_owned(), version.to_owned()));
    }
    packages.retain(|(package, _)| package != name);
    Ok(packages)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREE: &str = "ours v0.1.0 (/somewhere/crates/ours)\n\
        async-trait v0.1.92 (proc-macro)\n\
        syn v2.0.1\n\
        syn v2.0.1 (*)\n\
        syn v3.0.0\n";

    #[test]
    fn a_package_counts_once_and_each_of_its_versions() {
        let packages = parse("ours", TREE).unwrap();
        let lines: Vec<String> = packages.iter().map(|(name, version)| format!("{name} {version}")).collect();
        assert_eq!(lines, ["async-trait 0.1.92", "syn 2.0.1", "syn 3.0.0"]);
    }

    #[test]
    fn what_is_no_package_is_an_error() {
        assert!(parse("ours", "[build-dependencies]\n").is_err());
    }
}
