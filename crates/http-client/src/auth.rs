//! [`SessionAuth`]: which requests carry whose access token.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{Extensions, HeaderMap};
use oidc_session_core::{Clock, SystemClock, Target};
use oidc_session_manager::SessionHandle;

#[cfg(feature = "dpop")]
use crate::bound::{Nonces, Signers};
use crate::origin::Address;
use crate::rests::Rests;
use crate::{HttpSessionError, ResourceOrigin};

/// Which requests carry whose access token. Cheap to clone; clones share what they remember.
///
/// A token goes to the origins that are named here and to no other, however a request gets its address. A request that has
/// an `Authorization` header of its own is sent as it is.
///
/// ```
/// # use oidc_session_http_client::{InvalidOrigin, SessionAuth};
/// # fn example(session: oidc_session_manager::SessionHandle) -> Result<(), InvalidOrigin> {
/// // A desktop program or a service: one session for all requests.
/// let auth = SessionAuth::builder("https://api.example".parse()?).session(session).build();
///
/// // A server that acts for its visitors: each request names its session, by `with_session`.
/// let auth = SessionAuth::builder("https://api.example".parse()?).build();
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct SessionAuth(Arc<Shared>);

/// Makes a [`SessionAuth`].
#[derive(Clone, Debug)]
#[must_use]
pub struct SessionAuthBuilder {
    resources: Vec<Resource>,
    session: Option<SessionHandle>,
    without_session: WithoutSession,
    rest: Duration,
    clock: Arc<dyn Clock>,
}

/// What becomes of a request for which there is no session.
///
/// There is none if the request names none and there is none for all, if nobody has signed in, or if it has ended. A session
/// whose token cannot be had just now, or that cannot be read, is there: such a request always fails.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum WithoutSession {
    /// It fails with an [`HttpSessionError`] and is not sent.
    #[default]
    Fail,
    /// It is sent without a token, for resources that also serve anybody.
    SendPlain,
}

pub(crate) struct Shared {
    resources: Box<[Resource]>,
    session: Option<SessionHandle>,
    without_session: WithoutSession,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) rests: Rests,
    #[cfg(feature = "dpop")]
    pub(crate) signers: Signers,
    #[cfg(feature = "dpop")]
    pub(crate) nonces: Nonces,
}

#[derive(Clone, Debug)]
struct Resource {
    origin: ResourceOrigin,
    target: Option<Target>,
}

/// A request that is to carry a token.
pub(crate) struct Addressee {
    pub(crate) session: SessionHandle,
    /// The place of the origin in the list.
    pub(crate) origin: usize,
}

impl SessionAuth {
    /// Begins with the one origin that there must be.
    pub fn builder(origin: ResourceOrigin) -> SessionAuthBuilder {
        SessionAuthBuilder {
            resources: vec![Resource { origin, target: None }],
            session: None,
            without_session: WithoutSession::default(),
            rest: Duration::from_secs(60),
            clock: Arc::new(SystemClock),
        }
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.0
    }

    /// Whose token a request is to carry; none if it is not to carry any.
    pub(crate) fn addressee(
        &self,
        address: Address<'_>,
        headers: &HeaderMap,
        extensions: &Extensions,
    ) -> Result<Option<Addressee>, HttpSessionError> {
        let Some(origin) = self.0.resources.iter().position(|resource| resource.origin.is_of(address)) else {
            return Ok(None);
        };
        if headers.contains_key(AUTHORIZATION) {
            return Ok(None);
        }
        let Some(session) = extensions.get::<SessionHandle>().or(self.0.session.as_ref()) else {
            return self.plain_or(HttpSessionError::no_session_named());
        };
        let session = match &self.0.resources[origin].target {
            Some(target) => session.for_target(target.clone()),
            None => session.clone(),
        };
        Ok(Some(Addressee { session, origin }))
    }

    /// What becomes of a request that gets no token.
    pub(crate) fn plain_or<T>(&self, error: HttpSessionError) -> Result<Option<T>, HttpSessionError> {
        match self.0.without_session {
            WithoutSession::SendPlain if error.is_absence() => Ok(None),
            _ => Err(error),
        }
    }
}

impl SessionAuthBuilder {
    /// Also sends tokens to `origin`: the session's own, as to the first.
    pub fn origin(self, origin: ResourceOrigin) -> Self {
        self.resource(Resource { origin, target: None })
    }

    /// Sends the access token for `target` to `origin` (RFC 8707), and no other.
    ///
    /// ```
    /// # use oidc_session_core::Target;
    /// # use oidc_session_http_client::{InvalidOrigin, SessionAuth};
    /// # fn example() -> Result<(), InvalidOrigin> {
    /// let auth = SessionAuth::builder("https://api.example".parse()?)
    ///     .target("https://reports.example".parse()?, Target::resource("https://reports.example"))
    ///     .build();
    /// # Ok(())
    /// # }
    /// ```
    pub fn target(self, origin: ResourceOrigin, target: Target) -> Self {
        self.resource(Resource { origin, target: Some(target) })
    }

    /// The session of all requests that name none. Without it, each names its own.
    pub fn session(mut self, session: SessionHandle) -> Self {
        self.session = Some(session);
        self
    }

    /// What becomes of a request for which there is no session. It fails, unless this says otherwise.
    pub fn without_session(mut self, without_session: WithoutSession) -> Self {
        self.without_session = without_session;
        self
    }

    /// For how long a server that also refuses the token after a refresh causes no further one; 60 seconds by default.
    ///
    /// Meanwhile its 401 is passed on as it is.
    pub fn rest(mut self, rest: Duration) -> Self {
        self.rest = rest;
        self
    }

    /// Where the time comes from; the operating system by default.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Ready to decide.
    pub fn build(self) -> SessionAuth {
        SessionAuth(Arc::new(Shared {
            #[cfg(feature = "dpop")]
            nonces: Nonces::of(self.resources.len()),
            #[cfg(feature = "dpop")]
            signers: Signers::default(),
            rests: Rests::new(self.rest, Rests::MOST),
            resources: self.resources.into(),
            session: self.session,
            without_session: self.without_session,
            clock: self.clock,
        }))
    }

    /// The last word on an origin counts.
    fn resource(mut self, resource: Resource) -> Self {
        self.resources.retain(|other| other.origin != resource.origin);
        self.resources.push(resource);
        self
    }
}

impl fmt::Debug for SessionAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionAuth")
            .field("resources", &self.0.resources)
            .field("without_session", &self.0.without_session)
            .field("rests", &self.0.rests)
            .finish_non_exhaustive()
    }
}
