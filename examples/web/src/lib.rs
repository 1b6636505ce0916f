//! The tutorial's application on a web server: three tabs, guarded pages, an API behind a bearer token, a live session.
//!
//! The browser holds a cookie; the tokens stay here. Start at `app.rs`, which puts it together: `session_view.rs` is what a
//! page learns of its session, `events.rs` tells it what happens, `orders.rs` calls the protected API, and `trouble.rs`
//! lets things go wrong on purpose, with the embedded authorization server of `embedded.rs`.

mod app;
mod assets;
mod embedded;
mod events;
mod flags;
mod headers;
mod network;
mod orders;
mod orders_api;
mod pages;
mod running;
mod session_view;
mod sign_in_page;
mod store_url;
mod streams;
mod template;
mod trouble;

pub use flags::Flags;
pub use running::RunningApp;
pub use store_url::StoreUrl;

/// Why the application does not start: a sentence for the person who started it, and its causes.
pub type StartError = Box<dyn std::error::Error + Send + Sync>;
