//! `cargo xtask book`: the pages of `docs/` as a book.

use std::path::PathBuf;

use crate::Result;
use crate::command_line::CommandLine;
use crate::workspace;

const PROGRAM: &str = "oidc-session-book";

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
    // A program of its own: building books takes crates that nothing else here needs.
    let program = workspace::build(&[PROGRAM])?.join(PROGRAM);
    CommandLine::new(&program.display().to_string(), []).args([book.display().to_string()]).run()?;
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
