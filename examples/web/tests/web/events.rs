//! [`Events`]: a stream of server-sent events, read one by one.

use serde_json::Value;
use tokio::time::timeout;

use crate::PATIENCE;
use crate::browser::Browser;

/// The events of one session.
#[derive(Debug)]
pub(crate) struct Events {
    response: reqwest::Response,
    read: String,
}

impl Events {
    pub(crate) async fn of(browser: &Browser) -> Self {
        let response = browser.events().send().await.unwrap();
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-store");
        Self { response, read: String::new() }
    }

    /// The name of the next event, and what it says.
    pub(crate) async fn next(&mut self) -> (String, Value) {
        loop {
            if let Some((event, rest)) = self.read.split_once("\n\n") {
                let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
                let found = field("event: ").zip(field("data: "));
                self.read = rest.to_owned();
                // What has neither keeps the line open.
                if let Some((name, data)) = found {
                    return (name, serde_json::from_str(&data).unwrap());
                }
                continue;
            }
            let chunk = timeout(PATIENCE, self.response.chunk()).await.unwrap().unwrap();
            self.read.push_str(std::str::from_utf8(&chunk.unwrap()).unwrap());
        }
    }

    /// Whether nothing comes any more.
    pub(crate) async fn is_over(&mut self) -> bool {
        self.read.is_empty() && timeout(PATIENCE, self.response.chunk()).await.unwrap().unwrap().is_none()
    }
}
