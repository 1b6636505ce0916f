//! Builds the book of `docs/`, and checks the links of its pages and of those beside it: `cargo xtask book`.

mod book;
mod built;
mod doctests;
mod folder;
mod markdown;
mod messages;
mod sources;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What the steps return: errors are sentences for the person who ran this.
type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// What is asked for on the command line.
struct Arguments {
    /// Where the book goes. It is emptied first.
    out: PathBuf,
}

fn main() -> ExitCode {
    match arguments(std::env::args().skip(1)).and_then(|arguments| run(&arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// One argument: the folder for the book.
fn arguments(mut given: impl Iterator<Item = String>) -> Result<Arguments> {
    match (given.next(), given.next()) {
        (Some(out), None) => Ok(Arguments { out: out.into() }),
        _ => Err("usage: oidc-session-book OUT".into()),
    }
}

fn run(arguments: &Arguments) -> Result {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
    let mut broken = sources::broken_links(&root)?;
    broken.extend(doctests::not_compiled(&root)?);
    broken.extend(messages::unsaid(&root)?);
    if broken.is_empty() {
        book::build(&root.join("docs"), &arguments.out)?;
        broken = built::broken_links(&arguments.out)?;
    }
    match broken.len() {
        0 => Ok(()),
        count => Err(format!("{count} to correct:\n  {}", broken.join("\n  ")).into()),
    }
}
