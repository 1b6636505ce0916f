//! The browser: the user's own, or one that only follows redirects.

use url::Url;

use crate::{Result, http_client};

/// Opens `url` in the browser of this machine, and prints it for those who have none.
pub(crate) fn open(url: &Url) {
    println!("Open this URL in a browser to sign in:\n\n{url}\n");
    let url = url.clone();
    // Not waited for: a browser in the terminal ends only when the sign-in has.
    tokio::task::spawn_blocking(move || webbrowser::open(url.as_str()));
}

/// Goes where a browser would go, with nobody in front of it. Returns when it has arrived.
pub(crate) async fn visit(url: Url) -> Result {
    http_client(&url).build()?.get(url).send().await?.error_for_status()?;
    Ok(())
}
