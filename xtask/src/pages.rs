//! The tasks that the README and the pages of the book name: each of them exists.

use std::fs;
use std::path::PathBuf;

use clap::CommandFactory as _;

use crate::{Task, workspace};

const NAME: &str = "cargo xtask ";

#[test]
fn every_task_in_the_pages_exists() {
    let root = workspace::root().unwrap();
    let (mut pages, mut folders) = (vec![root.join("README.md"), root.join("CHANGELOG.md")], vec![root.join("docs")]);
    while let Some(folder) = folders.pop() {
        let inside = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let (deeper, files): (Vec<PathBuf>, Vec<PathBuf>) = inside.partition(|path| path.is_dir());
        folders.extend(deeper);
        pages.extend(files.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "md")));
    }
    let tasks = Task::command();
    let mut seen = 0;
    for page in pages {
        let text = fs::read_to_string(&page).unwrap();
        for (at, _) in text.match_indices(NAME) {
            let rest = &text[at + NAME.len()..];
            let end = rest.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-').unwrap_or(rest.len());
            assert!(tasks.find_subcommand(&rest[..end]).is_some(), "{}: {NAME}{}", page.display(), &rest[..end]);
            seen += 1;
        }
    }
    assert!(seen > 20, "{seen}");
}
