//! Opening a browser, without being held up by it.

use std::thread;

use tokio::sync::oneshot;
use url::Url;

/// Opens `url` in the browser. The future, which need not be waited for, says whether one took it.
///
/// A browser in the terminal ends only when its user leaves it. So this has a thread of its own: the runtime waits for
/// each of its threads before the program can end.
pub(crate) fn open(url: &Url) -> impl Future<Output = bool> + Send + use<> {
    let (tell, told) = oneshot::channel();
    let url = url.clone();
    let started = thread::Builder::new().name("browser".to_owned()).spawn(move || {
        // Nobody may be waiting.
        let _ = tell.send(webbrowser::open(url.as_str()).is_ok());
    });
    async move { started.is_ok() && told.await.unwrap_or(false) }
}
