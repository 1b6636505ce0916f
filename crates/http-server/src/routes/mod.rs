//! The routes of signing in and out.

mod back_channel;
mod callback;
mod login;
mod logout;

use axum::Router;
use axum::routing::{get, post};
use url::form_urlencoded;

use crate::WebSessions;

/// The paths of the routes.
#[derive(Clone, Debug)]
pub(crate) struct Paths {
    pub(crate) login: String,
    pub(crate) callback: String,
    pub(crate) logout: String,
    pub(crate) back_channel_logout: String,
}

impl Paths {
    pub(crate) fn under(path: &str) -> Self {
        let at = |name: &str| format!("{}/{name}", path.trim_end_matches('/'));
        Self {
            login: at("login"),
            callback: at("callback"),
            logout: at("logout"),
            back_channel_logout: at("back-channel-logout"),
        }
    }

    /// Whether a path is one of these: nobody is to be sent round in a circle.
    pub(crate) fn has(&self, path: &str) -> bool {
        [&self.login, &self.callback, &self.logout, &self.back_channel_logout].into_iter().any(|own| own == path)
    }
}

pub(crate) fn router<S: Clone + Send + Sync + 'static>(web: &WebSessions) -> Router<S> {
    let paths = &web.0.paths;
    let mut router = Router::new()
        .route(&paths.login, get(login::login))
        .route(&paths.callback, get(callback::callback))
        .route(&paths.logout, post(logout::logout));
    if web.0.logout_tokens.is_some() {
        router = router.route(&paths.back_channel_logout, post(back_channel::back_channel_logout));
    }
    router.layer(web.layer()).with_state(web.clone())
}

/// A parameter that is there once. Of two, somebody has added one.
fn parameter(encoded: &[u8], name: &str) -> Option<String> {
    let mut values = form_urlencoded::parse(encoded).filter(|(found, _)| found == name).map(|(_, value)| value);
    let value = values.next()?.into_owned();
    values.next().is_none().then_some(value)
}
