//! [`fill`]: pages from templates. What is not markup by its type is escaped.

/// What stands for a name in a template.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value<'a> {
    /// Any text; it never becomes markup.
    Text(&'a str),
    /// Markup of ours.
    Markup(&'a str),
}

/// Puts `values` in the place of their `{names}`. What was put in is not looked at again; other braces stay.
pub(crate) fn fill(template: &str, values: &[(&str, Value<'_>)]) -> String {
    let mut page = String::with_capacity(template.len() * 2);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        page.push_str(before);
        let named = after.split_once('}').and_then(|(name, after)| {
            values.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value, after))
        });
        rest = match named {
            Some((Value::Text(text), after)) => {
                escape_into(&mut page, text);
                after
            }
            Some((Value::Markup(markup), after)) => {
                page.push_str(markup);
                after
            }
            None => {
                page.push('{');
                after
            }
        };
    }
    page.push_str(rest);
    page
}

fn escape_into(page: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => page.push_str("&amp;"),
            '<' => page.push_str("&lt;"),
            '>' => page.push_str("&gt;"),
            '"' => page.push_str("&quot;"),
            '\'' => page.push_str("&#39;"),
            _ => page.push(character),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_never_becomes_markup_nor_a_name() {
        let values = [("a", Value::Text(r#"<b c="1">{m}&'"#)), ("m", Value::Markup("<hr>"))];
        assert_eq!(fill("{a}|{m}|{x}|{", &values), "&lt;b c=&quot;1&quot;&gt;{m}&amp;&#39;|<hr>|{x}|{");
    }
}
