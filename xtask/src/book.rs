//! `cargo xtask book`: the pages of `docs/` as a book.

use std::path::PathBuf;

use crate::Result;
use crate::command_line::CommandLine;
use crate::workspace;

const PACKAGE: &str = "oidc-session-book";

/// How the book is made.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct Options {
    /// Keep no book; fail if it cannot be built, or if a link leads nowhere.
    #[arg(long)]
    check: bool,
}

/// Builds the book, and checks its links.
pub(crate) fn task(options: Options) -> Result {
    let target = PathBuf::from(workspace::metadata()?.target_directory);
    let book = target.join(if options.check { "book-check" } else { "book" });
    command(&book).run()?;
    if options.check {
        std::fs::remove_dir_all(&book)?;
        println!("The book can be built, and every link of it leads somewhere.");
    } else {
        println!("The book: {}", book.join("index.html").display());
    }
    Ok(())
}

/// As the tests run it.
pub(crate) fn check() -> Result {
    task(Options { check: true })
}

/// A program of its own: building books takes crates that nothing else here needs.
fn command(out: &std::path::Path) -> CommandLine {
    CommandLine::cargo(["run", "--quiet", "-p", PACKAGE, "--"]).args([out.display().to_string()])
}
