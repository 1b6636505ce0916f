//! What the pages load: in the program itself, so that nothing has to be built or found.

use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

const FILES: [(&str, &str, &str); 7] = [
    ("app.css", "text/css; charset=utf-8", include_str!("../assets/app.css")),
    ("app.js", "text/javascript; charset=utf-8", include_str!("../assets/app.js")),
    ("door.js", "text/javascript; charset=utf-8", include_str!("../assets/door.js")),
    ("history.js", "text/javascript; charset=utf-8", include_str!("../assets/history.js")),
    ("timeline.js", "text/javascript; charset=utf-8", include_str!("../assets/timeline.js")),
    ("words.js", "text/javascript; charset=utf-8", include_str!("../assets/words.js")),
    ("icon.svg", "image/svg+xml", include_str!("../assets/icon.svg")),
];

/// `GET /assets/{name}`.
pub(crate) async fn asset(axum::extract::Path(name): axum::extract::Path<String>) -> Response {
    match FILES.iter().find(|(known, ..)| *known == name) {
        Some((_, kind, text)) => ([(CONTENT_TYPE, *kind), (CACHE_CONTROL, "no-cache")], *text).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
