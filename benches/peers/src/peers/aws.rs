//! aws-smithy-runtime: the lazy identity cache of the SDK's clients, with a resolver of its public trait.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_async::time::SystemTimeSource;
use aws_smithy_runtime::client::auth::http::BearerAuthScheme;
use aws_smithy_runtime::client::identity::IdentityCache;
use aws_smithy_runtime::client::orchestrator::endpoints::StaticUriEndpointResolver;
use aws_smithy_runtime::client::retries::strategy::NeverRetryStrategy;
use aws_smithy_runtime_api::client::auth::http::HTTP_BEARER_AUTH_SCHEME_ID;
use aws_smithy_runtime_api::client::auth::static_resolver::StaticAuthSchemeOptionResolver;
use aws_smithy_runtime_api::client::identity::http::Token;
use aws_smithy_runtime_api::client::identity::{
    Identity, IdentityFuture, ResolveCachedIdentity, ResolveIdentity, SharedIdentityCache, SharedIdentityResolver,
};
use aws_smithy_runtime_api::client::runtime_components::{RuntimeComponents, RuntimeComponentsBuilder};
use aws_smithy_types::config_bag::ConfigBag;
use http::HeaderValue;

use crate::bearer::bearer;
use crate::{Peer, TokenEndpoint};

/// An identity cache with what a client keeps beside it.
#[derive(Debug)]
pub struct Aws {
    cache: SharedIdentityCache,
    resolver: SharedIdentityResolver,
    components: RuntimeComponents,
    config: ConfigBag,
}

#[derive(Debug)]
struct Resolver(Arc<TokenEndpoint>);

impl ResolveIdentity for Resolver {
    fn resolve_identity<'a>(&'a self, _: &'a RuntimeComponents, _: &'a ConfigBag) -> IdentityFuture<'a> {
        IdentityFuture::new(async move {
            let issued = self.0.token().await;
            let expires_at = Some(after(issued.lifetime));
            Ok(Identity::new(Token::new(issued.token, expires_at), expires_at))
        })
    }
}

impl Aws {
    async fn identity(&self) -> Identity {
        let resolving = self.cache.resolve_cached_identity(self.resolver.clone(), &self.components, &self.config);
        resolving.await.expect("the endpoint does not fail")
    }
}

impl Peer for Aws {
    const NAME: &'static str = "aws-smithy-runtime";

    async fn start(endpoint: Arc<TokenEndpoint>) -> Self {
        let cache = IdentityCache::lazy().build();
        let resolver = SharedIdentityResolver::new(Resolver(endpoint));
        let components = RuntimeComponentsBuilder::new("peer")
            .with_auth_scheme(BearerAuthScheme::new())
            .with_auth_scheme_option_resolver(Some(StaticAuthSchemeOptionResolver::new(vec![
                HTTP_BEARER_AUTH_SCHEME_ID,
            ])))
            .with_endpoint_resolver(Some(StaticUriEndpointResolver::uri("https://api.example")))
            .with_identity_cache(Some(cache.clone()))
            .with_identity_resolver(HTTP_BEARER_AUTH_SCHEME_ID, resolver.clone())
            .with_retry_strategy(Some(NeverRetryStrategy::new()))
            .with_sleep_impl(Some(TokioSleep::new()))
            .with_time_source(Some(SystemTimeSource::new()))
            .build()
            .expect("nothing required is left out");
        let peer = Self { cache, resolver, components, config: ConfigBag::base() };
        peer.identity().await;
        peer
    }

    async fn authorization(&self) -> HeaderValue {
        let identity = self.identity().await;
        bearer(identity.data::<Token>().expect("the resolver makes tokens").token())
    }
}

#[expect(clippy::disallowed_methods, reason = "an identity says when it expires as the operating system tells time")]
fn after(lifetime: Duration) -> SystemTime {
    SystemTime::now() + lifetime
}
