//! [`Site`]: two web processes behind a load balancer.

use std::time::Duration;

use oidc_session::{EndReason, SessionManager};
use oidc_session_test_servers::Proxy;
use tokio::time::{sleep, timeout};
use url::Url;

use super::{Answer, Visitor, WebProcess};
use crate::order::Setup;
use crate::{Result, home};

/// The client, as the embedded authorization server knows it.
pub(crate) const CLIENT_ID: &str = "web-site";
pub(crate) const CLIENT_SECRET: &str = "web-site-secret";
/// On any port.
pub(crate) const REDIRECT_URI: &str = "http://127.0.0.1/auth/callback";

/// How long a change may take to be heard of by every process.
const HEARD_WITHIN: Duration = Duration::from_secs(5);

/// Two web processes behind a load balancer, over the store of the stage.
pub(crate) struct Site {
    pub(crate) balancer: Proxy,
    pub(crate) one: WebProcess,
    pub(crate) other: WebProcess,
    base_url: Url,
    /// What is done to sessions behind the backs of the web processes.
    desk: SessionManager,
}

impl Site {
    /// Starts everything.
    pub(crate) async fn open(setup: &Setup) -> Result<Self> {
        let setup = Setup { place: None, ..setup.clone() };
        let balancer = Proxy::balancer();
        let base_url = Url::parse(&format!("http://{}", balancer.address()))?;
        let (one, other) = tokio::try_join!(
            WebProcess::start("one", &setup, &base_url),
            WebProcess::start("other", &setup, &base_url)
        )?;
        balancer.lead_to(&[one.address, other.address]);
        let desk = home::open(&setup).await?;
        let site = Self { balancer, one, other, base_url, desk };
        // The feed is sought from the first look at the store on.
        let visitor = site.visitor().await?;
        for process in [&site.one, &site.other] {
            let is_followed = |health: &Answer| health.text("feed").as_deref() == Some("followed");
            until(&visitor, process.at("/healthz")?, is_followed).await?;
        }
        Ok(site)
    }

    /// A URL as browsers see it.
    pub(crate) fn at(&self, path: &str) -> Result<Url> {
        Ok(self.base_url.join(path)?)
    }

    /// A visitor who has signed in through the load balancer, and whom both processes know.
    pub(crate) async fn visitor(&self) -> Result<Visitor> {
        let visitor = Visitor::new()?;
        visitor.follow(self.at("/auth/login?return_to=/me")?).await?.says(200)?;
        for process in [&self.one, &self.other] {
            visitor.get(process.at("/session")?).await?.says(200)?;
        }
        Ok(visitor)
    }

    /// Lets the access tokens of some visitors expire, and returns when both processes know.
    ///
    /// Changes are heard of in order: whoever has heard of the end of a later session has heard of all before.
    pub(crate) async fn expire(&self, visitors: &[&Visitor]) -> Result {
        let last = self.visitor().await?;
        for visitor in visitors {
            self.desk.session(&visitor.session_id()?).expire().await?;
        }
        self.desk.session(&last.session_id()?).end(EndReason::LoggedOut).await?;
        for process in [&self.one, &self.other] {
            turned_away(&last, process.at("/session")?).await?;
        }
        Ok(())
    }
}

/// Asks until the visitor is told to sign in; returns why.
pub(crate) async fn turned_away(visitor: &Visitor, url: Url) -> Result<Option<String>> {
    Ok(until(visitor, url, |answer| answer.status == 401).await?.text("reason"))
}

/// Asks until the answer is what is waited for; until then, it is 200.
async fn until(visitor: &Visitor, url: Url, is_it: impl Fn(&Answer) -> bool) -> Result<Answer> {
    let asking = async {
        loop {
            let answer = visitor.get(url.clone()).await?;
            if is_it(&answer) {
                return Ok(answer);
            }
            answer.says(200)?;
            sleep(Duration::from_millis(1)).await;
        }
    };
    let silence = || format!("after {HEARD_WITHIN:?}, a process has not heard what the others know");
    timeout(HEARD_WITHIN, asking).await.map_err(|_| silence())?
}
