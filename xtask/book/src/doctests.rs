//! The Rust in the pages: a page that has some is the documentation of a crate, too, so that it is compiled.

use std::fs;
use std::path::Path;

use crate::Result;
use crate::folder::files;

/// Every page with Rust that nobody compiles, as a sentence.
pub(crate) fn not_compiled(root: &Path) -> Result<Vec<String>> {
    let mut sources = String::new();
    for source in files(&root.join("crates"), "rs")? {
        sources += &fs::read_to_string(root.join("crates").join(source))?;
    }
    let mut found = Vec::new();
    for page in files(&root.join("docs"), "md")? {
        let text = fs::read_to_string(root.join("docs").join(&page))?;
        let has_rust = text.lines().any(|line| line.trim_start().starts_with("```rust"));
        if has_rust && !sources.contains(&format!("include_str!(\"../../../docs/{}\")", page.display())) {
            found.push(format!("docs/{}: no crate includes it, so nothing compiles its Rust", page.display()));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_with_rust_is_included_by_a_crate() {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in [
            ("docs/prose.md", "No Rust.\n```text\nrust\n```\n"),
            ("docs/included.md", "```rust,no_run\nfn main() {}\n```\n"),
            ("docs/deep/left_out.md", "- as a list\n\n  ```rust\n  fn main() {}\n  ```\n"),
            ("crates/a/src/lib.rs", "#[doc = include_str!(\"../../../docs/included.md\")]\nstruct Page;\n"),
        ] {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let expected = ["docs/deep/left_out.md: no crate includes it, so nothing compiles its Rust"];
        assert_eq!(not_compiled(root.path()).unwrap(), expected);
    }
}
