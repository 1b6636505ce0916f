//! [`Page`]: what of a Markdown page matters to links.

use std::collections::{HashMap, HashSet};

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

/// A page as it is written.
#[derive(Debug, Default)]
pub(crate) struct Page {
    /// Where its links and pictures lead, in order.
    pub(crate) links: Vec<Link>,
    /// What can be linked to: a name for each heading, as code hosts make them.
    pub(crate) anchors: HashSet<String>,
    /// What is written as code amid the text, in order.
    pub(crate) code: Vec<Code>,
}

/// Where a link leads, and on which line it stands.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) line: usize,
    pub(crate) to: String,
}

/// A piece of code amid the text, and on which line it stands.
#[derive(Debug)]
pub(crate) struct Code {
    pub(crate) line: usize,
    pub(crate) text: String,
}

impl Page {
    /// Reads a page.
    pub(crate) fn parse(text: &str) -> Self {
        let (mut page, mut heading) = (Self::default(), None::<String>);
        let mut seen = HashMap::new();
        let line = |offset: usize| text[..offset].matches('\n').count() + 1;
        for (event, range) in
            Parser::new_ext(text, Options::ENABLE_TABLES | Options::ENABLE_FOOTNOTES).into_offset_iter()
        {
            match event {
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    page.links.push(Link { line: line(range.start), to: dest_url.into_string() });
                }
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::End(TagEnd::Heading(_)) => {
                    let name = slug(&heading.take().unwrap_or_default());
                    let count = seen.entry(name.clone()).and_modify(|count| *count += 1).or_insert(0);
                    page.anchors.insert(if *count == 0 { name } else { format!("{name}-{count}") });
                }
                Event::Text(part) => {
                    if let Some(heading) = &mut heading {
                        *heading += &part;
                    }
                }
                Event::Code(part) => {
                    page.code.push(Code { line: line(range.start), text: part.to_string() });
                    if let Some(heading) = &mut heading {
                        *heading += &part;
                    }
                }
                _ => {}
            }
        }
        page
    }
}

/// The name of a heading: small letters, hyphens for spaces, and nothing else.
fn slug(heading: &str) -> String {
    let kept = |letter: &char| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_');
    heading.trim().to_lowercase().chars().filter(kept).map(|letter| if letter == ' ' { '-' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_read_with_their_lines_and_code_is_not() {
        let page = Page::parse(
            "# A\n\n[b](b.md) `[c](c.md)`\n\n```text\n[d](d.md)\n```\n\n![e](e.svg) [f][g]\n\n[g]: g.md#h\n",
        );
        let found: Vec<_> = page.links.iter().map(|link| (link.line, link.to.as_str())).collect();
        assert_eq!(found, [(3, "b.md"), (9, "e.svg"), (9, "g.md#h")]);
    }

    #[test]
    fn headings_are_named_as_code_hosts_name_them() {
        let page =
            Page::parse("# `cargo xtask test`: all of it\n\n## Twice\n\n## Twice\n\n## P1, or *one* grant_type\n");
        let expected = ["cargo-xtask-test-all-of-it", "twice", "twice-1", "p1-or-one-grant_type"].map(str::to_owned);
        assert_eq!(page.anchors, HashSet::from(expected));
    }
}
