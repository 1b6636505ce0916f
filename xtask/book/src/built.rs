//! The links of the book as it is built, as readers follow them.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::Result;
use crate::folder::{files, normal};

/// What of a built page matters to links.
#[derive(Default)]
struct Built {
    links: Vec<String>,
    ids: HashSet<String>,
}

/// Every link of the HTML below `folder` that leads nowhere, as a sentence.
pub(crate) fn broken_links(folder: &Path) -> Result<Vec<String>> {
    let mut pages = BTreeMap::new();
    for path in files(folder, "html")? {
        pages.insert(path.clone(), read(&fs::read_to_string(folder.join(&path))?));
    }
    if pages.is_empty() {
        return Err(format!("{} has no pages", folder.display()).into());
    }
    let mut broken = Vec::new();
    for (path, page) in &pages {
        // It is shown for any address, and says itself where the others begin.
        if path == Path::new("404.html") {
            continue;
        }
        for link in &page.links {
            if !leads_somewhere(folder, &pages, path, link) {
                broken.push(format!("in the built book, {}: {link} leads nowhere", path.display()));
            }
        }
    }
    Ok(broken)
}

fn leads_somewhere(folder: &Path, pages: &BTreeMap<PathBuf, Built>, from: &Path, link: &str) -> bool {
    if ["https:", "http:", "mailto:", "data:", "javascript:"].iter().any(|scheme| link.starts_with(scheme)) {
        return true;
    }
    let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
    let path = path.split('?').next().unwrap_or_default();
    let target = match path {
        "" => Some(from.to_owned()),
        _ => from.parent().and_then(|parent| normal(&parent.join(path))),
    };
    let Some(target) = target.filter(|target| folder.join(target).is_file()) else { return false };
    anchor.is_empty() || pages.get(&target).is_some_and(|page| page.ids.contains(anchor))
}

/// Goes through the tags of a page. mdBook quotes every value, and escapes what stands in text.
fn read(html: &str) -> Built {
    let mut built = Built::default();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        if let Some(comment) = rest.strip_prefix("!--") {
            rest = comment.split_once("-->").map_or("", |(_, after)| after);
            continue;
        }
        let tag = &rest[..end_of_tag(rest)];
        rest = &rest[tag.len()..];
        built.links.extend(["href", "src"].iter().filter_map(|name| value(tag, name)));
        built.ids.extend(["id", "name"].iter().filter_map(|name| value(tag, name)));
        if tag.starts_with("script") {
            rest = rest.split_once("</script>").map_or("", |(_, after)| after);
        }
    }
    built
}

fn end_of_tag(text: &str) -> usize {
    let mut is_quoted = false;
    for (at, letter) in text.char_indices() {
        match letter {
            '"' => is_quoted = !is_quoted,
            '>' if !is_quoted => return at,
            _ => {}
        }
    }
    text.len()
}

fn value(tag: &str, name: &str) -> Option<String> {
    let before = format!(" {name}=\"");
    // Attributes stand on lines of their own, too.
    let tag = tag.replace(['\n', '\t'], " ");
    let (_, after) = tag.split_once(&before)?;
    let (value, _) = after.split_once('"')?;
    Some(value.replace("&amp;", "&").replace("%20", " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(one: &str) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("deep")).unwrap();
        fs::write(folder.path().join("one.html"), one).unwrap();
        fs::write(folder.path().join("deep/two.html"), r#"<h2 class="x" id="there">There</h2>"#).unwrap();
        fs::write(folder.path().join("deep/x.svg"), "").unwrap();
        broken_links(folder.path()).unwrap()
    }

    #[test]
    fn what_leads_somewhere_is_not_found() {
        let none: [&str; 0] = [];
        let page = r##"<a
            href="deep/two.html#there">t</a> <img src="deep/x.svg"> <a id="here" href="#here">h</a>
            <!-- <a href="gone.html"> --><script>if (a < b) { x = '<a href="gone.html">'; }</script>
            <code>&lt;a href="gone.html"&gt;</code> <a title="a > b" href="https://example.org/">e</a>"##;
        assert_eq!(found(page), none);
    }

    #[test]
    fn what_leads_nowhere_is_found() {
        for link in ["gone.html", "deep/two.html#gone", "#gone", "deep", "../one.html", "one.md"] {
            assert_eq!(
                found(&format!(r#"<p>a</p><a class="b" href="{link}">c</a>"#)),
                [format!("in the built book, one.html: {link} leads nowhere")]
            );
        }
    }

    #[test]
    fn a_book_without_pages_is_no_book() {
        assert!(broken_links(tempfile::tempdir().unwrap().path()).is_err());
    }
}
