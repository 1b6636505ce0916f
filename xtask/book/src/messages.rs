//! The messages that the page on troubleshooting quotes: each of them is still in the code.

use std::fs;
use std::path::Path;

use crate::Result;
use crate::folder::files;
use crate::markdown::Page;

const PAGE: &str = "docs/troubleshooting.md";
/// What stands for the part of a message that differs each time.
const GAP: char = '…';
/// What has so many words is taken for a message.
const FEWEST_WORDS: usize = 4;

/// Every message that the page quotes and no program says, as a sentence.
pub(crate) fn unsaid(root: &Path) -> Result<Vec<String>> {
    let page = Page::parse(&fs::read_to_string(root.join(PAGE))?);
    let mut sources = Vec::new();
    for source in files(&root.join("crates"), "rs")? {
        if source.components().any(|part| part.as_os_str() == "src") {
            sources.push(said(&fs::read_to_string(root.join("crates").join(source))?));
        }
    }
    let quoted = page.code.iter().filter(|code| is_message(&code.text));
    let unsaid = quoted.filter(|code| !sources.iter().any(|source| says(source, &code.text)));
    Ok(unsaid.map(|code| format!("{PAGE}:{}: no program says `{}`", code.line, code.text)).collect())
}

/// What a program says: without its tests, and with texts that go over several lines as one.
fn said(source: &str) -> String {
    let code = source.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let mut parts = code.split("\\\n");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.trim_start())
}

/// Commands and Rust are checked elsewhere.
fn is_message(code: &str) -> bool {
    code.split(' ').count() >= FEWEST_WORDS && !code.starts_with("oidc-session ")
}

/// Each part between two gaps is in the same file.
fn says(source: &str, message: &str) -> bool {
    message.split(GAP).map(str::trim).filter(|part| !part.is_empty()).all(|part| source.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "fn tell() {\n    write!(f, \"a lease of {ttl:?} is too short: a request \\\n               \
                          and a commit\")\n}\n\n#[cfg(test)]\nmod tests {\n    \"what only a test says\";\n}\n";

    #[test]
    fn what_is_not_said_is_found_with_its_line() {
        let root = tempfile::tempdir().unwrap();
        let page = "# Page\n\n### `a lease of … is too short: a request and a commit`\n\nNot `seal_with`, nor \
                    `oidc-session keys generate keys.json`.\n\n| `what only a test says` |\n|---|\n| `what nobody says any more` |\n";
        for (path, text) in
            [(PAGE, page), ("crates/a/src/b.rs", SOURCE), ("crates/a/tests/c.rs", "what nobody says any more")]
        {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let expected = [(7, "what only a test says"), (9, "what nobody says any more")]
            .map(|(line, message)| format!("{PAGE}:{line}: no program says `{message}`"));
        assert_eq!(unsaid(root.path()).unwrap(), expected);
    }
}
