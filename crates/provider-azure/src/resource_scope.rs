//! The scope of a token request: one resource, and what OpenID Connect needs.

use oidc_session_core::{Scopes, Session, Target};

use crate::guid::Guid;

/// The permission that stands for everything that was consented to (Microsoft identity platform, "Scopes").
const EVERYTHING: &str = ".default";

/// The scope to ask for when `target` is refreshed, without those that every refresh asks for.
pub(crate) fn refreshed(session: &Session, target: &Target) -> Scopes {
    if target.is_default() {
        let own = session.requested_scope.as_ref().or(session.tokens.scope.as_ref());
        own.map(one_resource).unwrap_or_default()
    } else {
        of_target(target)
    }
}

/// The same scope with `more`.
pub(crate) fn with(scopes: &Scopes, more: &str) -> Scopes {
    Scopes::parse(&format!("{scopes} {more}"))
}

/// What a token request may ask for of a scope that a sign-in may: only one resource's.
///
/// An API comes before Microsoft Graph, and of several APIs the first in alphabetical order.
pub(crate) fn one_resource(requested: &Scopes) -> Scopes {
    let resources = || requested.iter().filter_map(|scope| resource_of(scope));
    let Some(chosen) = resources().find(|resource| !is_graph(resource)).or_else(|| resources().next()) else {
        return requested.clone();
    };
    let is_chosen = |scope: &&str| match resource_of(scope) {
        Some(resource) => resource.eq_ignore_ascii_case(chosen),
        None => is_openid(scope) || is_graph(chosen),
    };
    requested.iter().filter(is_chosen).collect()
}

/// Whether `granted` holds all of `wanted`, in whichever spelling.
///
/// One answer is for one resource, so the names of permissions are all there is to compare.
pub(crate) fn grants(wanted: &Scopes, granted: &Scopes) -> bool {
    let is_granted = |scope| granted.iter().any(|other| permission(other).eq_ignore_ascii_case(permission(scope)));
    wanted.iter().all(|scope| is_openid(scope) || permission(scope) == EVERYTHING || is_granted(scope))
}

/// The scope of a further access token: that of the target under the name of its resource, or everything there is.
fn of_target(target: &Target) -> Scopes {
    let Some(resource) = target.resource_indicator() else { return target.scope().clone() };
    let (openid, permissions): (Vec<_>, Vec<_>) = target.scope().iter().partition(|scope| is_openid(scope));
    if !permissions.is_empty() {
        let full = permissions.iter().map(|scope| match resource_of(scope) {
            Some(_) => (*scope).to_owned(),
            None => format!("{resource}/{scope}"),
        });
        let full: Vec<_> = full.chain(openid.iter().map(|scope| (*scope).to_owned())).collect();
        return full.iter().map(String::as_str).collect();
    }
    // A client id stands for the client's own API, and is a scope by itself (Azure AD B2C, "Request an access token").
    let everything =
        if Guid::parse(resource).is_some() { resource.to_owned() } else { format!("{resource}/{EVERYTHING}") };
    with(&openid.into_iter().collect(), &everything)
}

/// The resource that a scope is for; `None` is Microsoft Graph, or OpenID Connect itself.
fn resource_of(scope: &str) -> Option<&str> {
    match scope.rsplit_once('/') {
        Some((resource, _)) => Some(resource),
        None => Guid::parse(scope).map(|_| scope),
    }
}

fn permission(scope: &str) -> &str {
    scope.rsplit_once('/').map_or(scope, |(_, permission)| permission)
}

fn is_graph(resource: &str) -> bool {
    ["https://graph.microsoft.", "https://dod-graph.microsoft.", "https://microsoftgraph."]
        .iter()
        .any(|graph| resource.to_ascii_lowercase().starts_with(graph))
}

fn is_openid(scope: &str) -> bool {
    ["openid", "profile", "email", "offline_access", "address", "phone"].contains(&scope)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT_ID: &str = "11111111-2222-3333-4444-555555555555";

    #[test]
    fn a_token_request_names_one_resource() {
        for (requested, expected) in [
            ("openid offline_access", "openid offline_access"),
            ("openid User.Read Mail.Read", "openid User.Read Mail.Read"),
            ("openid api://app/read api://app/write User.Read", "openid api://app/read api://app/write"),
            ("openid api://b/read api://a/read", "openid api://a/read"),
            ("openid https://graph.microsoft.com/User.Read https://vault/x", "openid https://vault/x"),
            ("https://graph.microsoft.com/User.Read Mail.Read", "https://graph.microsoft.com/User.Read Mail.Read"),
            ("https://management.azure.com//.default openid", "https://management.azure.com//.default openid"),
            ("api://app/read API://APP/write", "api://app/read API://APP/write"),
        ] {
            assert_eq!(one_resource(&Scopes::parse(requested)), Scopes::parse(expected), "{requested}");
        }
        let own = Scopes::parse(&format!("openid offline_access {CLIENT_ID}"));
        assert_eq!(one_resource(&own), own);
    }

    #[test]
    fn a_target_asks_for_its_permissions_or_for_everything() {
        for (target, expected) in [
            (Target::resource("api://app"), "api://app/.default"),
            (Target::resource("https://management.azure.com/"), "https://management.azure.com//.default"),
            (Target::resource("api://app").scopes(Scopes::parse("read")), "api://app/read"),
            (Target::resource("api://app").scopes(Scopes::parse("api://app/read email")), "api://app/read email"),
            (Target::resource("api://app").scopes(Scopes::parse("email")), "api://app/.default email"),
            (Target::default().scopes(Scopes::parse("User.Read")), "User.Read"),
            (Target::resource(CLIENT_ID), CLIENT_ID),
        ] {
            assert_eq!(of_target(&target), Scopes::parse(expected), "{target:?}");
        }
    }

    #[test]
    fn a_scope_comes_back_in_another_spelling() {
        for (wanted, granted, expected) in [
            ("", "", true),
            ("read", "api://app/read", true),
            ("api://app/read", "api://app/Read api://app/write", true),
            ("https://graph.microsoft.com/User.Read", "User.Read profile", true),
            ("api://app/.default", "api://app/read", true),
            (".default", "", true),
            ("openid profile email offline_access", "api://app/read", true),
            ("read write", "api://app/read", false),
            ("api://app/read", "", false),
            ("read", "api://app/read.all", false),
            (CLIENT_ID, CLIENT_ID, true),
        ] {
            assert_eq!(grants(&Scopes::parse(wanted), &Scopes::parse(granted)), expected, "{wanted} in {granted}");
        }
    }
}
