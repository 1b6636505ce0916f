//! The commands that the README and the pages of the book name: each of them is one.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser as _;
use clap::error::ErrorKind;

use crate::arguments::Arguments;

const NAME: &str = "oidc-session ";

/// The README, and every page below `docs`.
fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let (mut found, mut folders) = (vec![root.join("README.md")], vec![root.join("docs")]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                found.push(path);
            }
        }
    }
    found
}

/// The commands in the shell blocks of a page, and those that stand as code amid its text.
fn commands(page: &str) -> Vec<String> {
    let (mut found, mut fence) = (Vec::new(), None);
    // `cargo run --bin oidc-session -- demo` is the command, too.
    for line in page.replace("\\\n", " ").replace("oidc-session -- ", NAME).lines() {
        match (fence, line.trim_start().strip_prefix("```")) {
            (None, Some(language)) => fence = Some(language == "sh"),
            (Some(_), Some(_)) => fence = None,
            (Some(true), None) => found.extend(line.match_indices(NAME).map(|(at, _)| of_shell(&line[at..]))),
            (Some(false), None) => {}
            // Of what backquotes part, every other piece is between two of them.
            (None, None) => {
                let spans = line.split('`').skip(1).step_by(2);
                found.extend(spans.filter(|span| span.starts_with(NAME)).map(str::to_owned));
            }
        }
    }
    found
}

/// Up to what ends a command: a pipe, a list, a comment, a file, the end of a substitution.
fn of_shell(line: &str) -> String {
    let end = ["|", "&&", ";", ")", " #", " <", " >"].iter().filter_map(|end| line.find(end)).min();
    line[..end.unwrap_or(line.len())].to_owned()
}

#[test]
fn every_command_in_the_pages_is_a_command_line() {
    let mut seen = 0;
    for path in pages() {
        for command in commands(&fs::read_to_string(&path).unwrap()) {
            let words = command.split_whitespace().map(|word| word.trim_matches('\''));
            if let Err(error) = Arguments::try_parse_from(words) {
                // Amid a text, what a command cannot do without may be left out.
                let is_named = matches!(
                    error.kind(),
                    ErrorKind::DisplayHelp
                        | ErrorKind::MissingRequiredArgument
                        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
                );
                assert!(is_named, "{}: {command}: {error}", path.display());
            }
            seen += 1;
        }
    }
    assert!(seen > 25, "{seen}");
}

#[test]
fn commands_are_found_where_they_stand() {
    let page = "Run `oidc-session sweep`. oidc-session never\n```sh\ncurl -H \"$(oidc-session token --json)\" u | x\n\
                oidc-session login \\\n    --par # now\n```\n```text\noidc-session nothing\n```\n";
    assert_eq!(
        commands(page)
            .iter()
            .map(|command| command.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect::<Vec<_>>(),
        ["oidc-session sweep", "oidc-session token --json", "oidc-session login --par"]
    );
}
