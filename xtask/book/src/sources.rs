//! The links of the pages as they are written, as code hosts show them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::Result;
use crate::folder::{files, normal};
use crate::markdown::{Link, Page};

/// Pages beside the book whose links are checked too. They may lead anywhere in the repository.
const BESIDE: [&str; 3] = ["README.md", "CHANGELOG.md", "examples/README.md"];
/// Where paths from the root begin.
const FOLDERS: [&str; 6] = ["benches", "crates", "docs", "examples", "fuzz", "xtask"];
const BOOK: &str = "docs";
const SUMMARY: &str = "docs/SUMMARY.md";

/// Every link that leads nowhere, as a sentence; also every page that is not in the book, and every path that is named and
/// does not exist.
pub(crate) fn broken_links(root: &Path) -> Result<Vec<String>> {
    let pages = pages(root)?;
    let Some(summary) = pages.get(Path::new(SUMMARY)) else { return Err(format!("there is no {SUMMARY}").into()) };
    let in_the_book: BTreeSet<PathBuf> =
        summary.links.iter().filter_map(|link| normal(&Path::new(BOOK).join(&link.to))).collect();
    let mut broken = Vec::new();
    for (path, page) in &pages {
        if path.starts_with(BOOK) && path != Path::new(SUMMARY) && !in_the_book.contains(path) {
            broken.push(format!("{}: is not in {SUMMARY}", path.display()));
        }
        let named = page.code.iter().filter(|code| is_path(&code.text) && !root.join(&code.text).exists());
        broken.extend(named.map(|code| format!("{}:{}: `{}` does not exist", path.display(), code.line, code.text)));
        for link in &page.links {
            if let Some(reason) = why_broken(root, &pages, path, link) {
                broken.push(format!("{}:{}: {} {reason}", path.display(), link.line, link.to));
            }
        }
    }
    Ok(broken)
}

/// All pages that are checked, by their path from the root.
pub(crate) fn pages(root: &Path) -> Result<BTreeMap<PathBuf, Page>> {
    let book = files(&root.join(BOOK), "md")?.into_iter().map(|page| Path::new(BOOK).join(page));
    let beside = BESIDE.into_iter().map(PathBuf::from).filter(|page| root.join(page).exists());
    book.chain(beside)
        .map(|path| {
            let text = fs::read_to_string(root.join(&path))?;
            Ok((path, Page::parse(&text)))
        })
        .collect()
}

/// Whether a piece of code names something in the repository: the book cannot link to it, so it is named.
fn is_path(code: &str) -> bool {
    let begins = FOLDERS.iter().any(|folder| code.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/')));
    begins && code.chars().all(|letter| letter.is_ascii_alphanumeric() || "/._-".contains(letter))
}

fn why_broken(root: &Path, pages: &BTreeMap<PathBuf, Page>, from: &Path, link: &Link) -> Option<&'static str> {
    let (path, anchor) = match link.to.split_once('#') {
        Some((path, anchor)) => (path, Some(anchor)),
        None => (link.to.as_str(), None),
    };
    // What is on the net is not asked.
    if ["https:", "http:", "mailto:"].iter().any(|scheme| path.starts_with(scheme)) {
        return None;
    }
    let target = match path {
        "" => from.to_owned(),
        _ => match normal(&from.parent()?.join(path)) {
            Some(target) => target,
            None => return Some("leads out of the repository"),
        },
    };
    if !root.join(&target).exists() {
        return Some("does not exist");
    }
    if from.starts_with(BOOK) && !target.starts_with(BOOK) {
        return Some("leads out of the book, where no reader of the book can follow: name it without a link");
    }
    if from.starts_with(BOOK) && root.join(&target).is_dir() {
        return Some("is a folder, which the book does not show");
    }
    let anchor = anchor?;
    match pages.get(&target) {
        Some(page) if page.anchors.contains(anchor) => None,
        Some(_) => Some("has no such heading"),
        None => Some("is not a page with headings"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A repository with a book of two pages, whose first one has `text`.
    fn repository(text: &str) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in [
            ("docs/SUMMARY.md", "# Summary\n\n- [One](one.md)\n- [Two](deep/two.md)\n"),
            ("docs/one.md", text),
            ("docs/deep/two.md", "# Two\n\n## A heading\n\n[back](../one.md) [up](#a-heading)\n"),
            ("README.md", "[the book](docs/one.md) [code](crates/lib.rs)\n"),
            ("crates/lib.rs", ""),
        ] {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    fn found(text: &str) -> Vec<String> {
        broken_links(repository(text).path()).unwrap()
    }

    #[test]
    fn what_leads_somewhere_is_not_found() {
        let none: [&str; 0] = [];
        assert_eq!(found("[a](deep/two.md) [b](deep/two.md#a-heading) [c](https://example.org/nowhere)"), none);
    }

    #[test]
    fn what_leads_nowhere_is_found_with_its_line() {
        for (link, reason) in [
            ("three.md", "does not exist"),
            ("deep/two.md#another", "has no such heading"),
            ("#another", "has no such heading"),
            ("../../elsewhere.md", "leads out of the repository"),
            ("/deep/two.md", "leads out of the repository"),
            (
                "../crates/lib.rs",
                "leads out of the book, where no reader of the book can follow: name it without a link",
            ),
            ("deep", "is a folder, which the book does not show"),
        ] {
            assert_eq!(found(&format!("# One\n\n[it]({link})\n")), [format!("docs/one.md:3: {link} {reason}")]);
        }
    }

    #[test]
    fn a_page_that_is_not_in_the_summary_is_found_and_so_is_a_chapter_without_a_page() {
        let root = repository("");
        fs::write(root.path().join("docs/three.md"), "").unwrap();
        fs::remove_file(root.path().join("docs/deep/two.md")).unwrap();
        let expected = ["docs/SUMMARY.md:4: deep/two.md does not exist", "docs/three.md: is not in docs/SUMMARY.md"];
        assert_eq!(broken_links(root.path()).unwrap(), expected);
    }

    #[test]
    fn a_path_that_is_named_and_does_not_exist_is_found() {
        let text = "`crates/lib.rs` `crates/*` `crates` `docs/FOLDER of yours` `Crates/x`\n\n`examples/gone`\n";
        assert_eq!(found(text), ["docs/one.md:3: `examples/gone` does not exist"]);
    }

    #[test]
    fn pages_beside_the_book_are_looked_at_too() {
        let root = repository("");
        fs::write(root.path().join("README.md"), "[gone](docs/gone.md)\n").unwrap();
        assert_eq!(broken_links(root.path()).unwrap(), ["README.md:1: docs/gone.md does not exist"]);
    }
}
