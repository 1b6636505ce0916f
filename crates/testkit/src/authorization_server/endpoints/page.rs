//! The few pages a person may see. Plain HTML: no script, nothing loaded, usable with a keyboard and a screen reader.

use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY};
use axum::response::{Html, IntoResponse, Response};

use crate::authorization_server::params::Params;

const STYLE: &str = "\
    :root{color-scheme:light dark}\
    body{font:1.125rem/1.5 system-ui,sans-serif;max-width:32rem;margin:3rem auto;padding:0 1rem}\
    label{display:block}\
    input,button{font:inherit;padding:.5rem 1rem;margin:.5rem .5rem .5rem 0}\
    :focus-visible{outline:3px solid;outline-offset:2px}";

/// Asks whether to sign in. Sends all parameters of the request back, with the decision.
pub(super) fn sign_in(client_id: &str, scope: &str, subject: &str, params: &Params) -> Response {
    let hidden: String = params
        .iter()
        .map(|(name, value)| format!(r#"<input type="hidden" name="{}" value="{}">"#, escaped(name), escaped(value)))
        .collect();
    let scope = if scope.is_empty() { "nothing in particular" } else { scope };
    let main = format!(
        r#"<h1>Sign in to {client}?</h1>
<p>It asks for: {scope}.</p>
<form method="post" action="/authorize">
{hidden}
<label for="subject">Sign in as</label>
<input id="subject" name="subject" value="{subject}" autocomplete="username" required>
<div>
<button name="decision" value="sign_in">Sign in</button>
<button name="decision" value="refuse" formnovalidate>Refuse</button>
</div>
</form>
<p>This is a test server: there is no password.</p>"#,
        client = escaped(client_id),
        scope = escaped(scope),
        subject = escaped(subject),
    );
    page(StatusCode::OK, &format!("Sign in to {client_id}?"), &main)
}

/// Asks for the code a device shows, and whether to sign in there.
pub(super) fn device(user_code: &str, subject: &str) -> Response {
    let main = format!(
        r#"<h1>Connect a device</h1>
<form method="post" action="/device">
<label for="user_code">The code that the device shows</label>
<input id="user_code" name="user_code" value="{user_code}" autocomplete="off" autocapitalize="characters" required>
<label for="subject">Sign in as</label>
<input id="subject" name="subject" value="{subject}" autocomplete="username" required>
<div>
<button name="decision" value="sign_in">Sign in</button>
<button name="decision" value="refuse">Refuse</button>
</div>
</form>
<p>This is a test server: there is no password.</p>"#,
        user_code = escaped(user_code),
        subject = escaped(subject),
    );
    page(StatusCode::OK, "Connect a device", &main)
}

/// Says something, and offers nothing.
pub(super) fn message(status: StatusCode, title: &str, text: &str) -> Response {
    page(status, title, &format!("<h1>{}</h1>\n<p>{}</p>", escaped(title), escaped(text)))
}

fn page(status: StatusCode, title: &str, main: &str) -> Response {
    let html = format!(
        r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{STYLE}</style>
</head>
<body><main>
{main}
</main></body>
</html>
"#,
        title = escaped(title),
    );
    let headers = [
        (CACHE_CONTROL, "no-store"),
        (REFERRER_POLICY, "no-referrer"),
        (
            CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
        ),
    ];
    (status, headers, Html(html)).into_response()
}

fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            _ => html.push(character),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_request_becomes_markup() {
        assert_eq!(escaped(r#"<b a="1" b='2'>&"#), "&lt;b a=&quot;1&quot; b=&#39;2&#39;&gt;&amp;");
    }
}
