//! [`Resources`]: what access tokens may be for, and with which scopes (RFC 8707). Pure.

use super::params::Params;
use super::protocol_error::ProtocolError;
use super::scope::Scope;
use super::sign_in::SignIn;

const UNKNOWN: ProtocolError = ProtocolError::new("invalid_target", "the resource is unknown");

/// A resource server that asks for access tokens of its own.
#[derive(Clone, Debug)]
pub(super) struct Resource {
    pub(super) uri: String,
    pub(super) scope: Scope,
}

/// Every resource of a server, and how strictly they are kept apart.
#[derive(Clone, Debug, Default)]
pub(super) struct Resources {
    pub(super) declared: Vec<Resource>,
    /// A refresh may ask for what the sign-in did not.
    pub(super) beyond_sign_in: bool,
    /// Scope values that are not allowed are left out instead of refused.
    pub(super) drop_disallowed: bool,
}

/// What a token request wants its access token to be good for.
#[derive(Debug, Default)]
pub(super) struct Target {
    pub(super) resources: Vec<String>,
    pub(super) scope: Option<Scope>,
}

/// What it gets.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Permit {
    pub(super) audience: Vec<String>,
    pub(super) scope: Scope,
}

impl Resources {
    /// Every scope value that means something here.
    pub(super) fn scopes_supported(&self) -> Vec<String> {
        let mut supported = Scope::parse("openid profile email offline_access");
        self.declared.iter().for_each(|resource| supported.extend(&resource.scope));
        supported.values().map(str::to_owned).collect()
    }

    /// The resources a request names. A server that has none does not know the parameter, and ignores it.
    pub(super) fn named(&self, params: &Params) -> Result<Vec<String>, ProtocolError> {
        if self.declared.is_empty() {
            return Ok(Vec::new());
        }
        let mut named: Vec<String> = Vec::new();
        for uri in params.all("resource") {
            let resource = self.find(uri).ok_or(UNKNOWN)?;
            if !named.contains(&resource.uri) {
                named.push(resource.uri.clone());
            }
        }
        Ok(named)
    }

    /// What `sign_in` is good for, if `target` asks for it. Without a target, for everything it was made for.
    pub(super) fn permit(&self, sign_in: &SignIn, target: &Target) -> Result<Permit, ProtocolError> {
        let limited = !self.beyond_sign_in && !sign_in.resources.is_empty();
        if limited && !target.resources.iter().all(|uri| sign_in.resources.contains(uri)) {
            return Err(ProtocolError::new("invalid_target", "the sign-in was not for this resource"));
        }
        let named: Vec<&Resource> =
            target.resources.iter().map(|uri| self.find(uri).ok_or(UNKNOWN)).collect::<Result<_, _>>()?;
        let (audience, allowed) = if named.is_empty() {
            (sign_in.resources.clone(), sign_in.scope.clone())
        } else {
            (target.resources.clone(), self.allowed(sign_in, &named))
        };
        let scope = match &target.scope {
            None => allowed,
            Some(asked) if asked.is_within(&allowed) => asked.clone(),
            Some(asked) if self.drop_disallowed => asked.keep(|value| allowed.contains(value)),
            Some(_) => return Err(ProtocolError::new("invalid_scope", "the scope is wider than what was granted")),
        };
        Ok(Permit { audience, scope })
    }

    /// The scope of the sign-in without what only other resources understand.
    fn allowed(&self, sign_in: &SignIn, named: &[&Resource]) -> Scope {
        let belongs = |value: &str| named.iter().any(|resource| resource.scope.contains(value));
        // What no resource declares is about the subject, as `openid` is, and comes along with every resource.
        let of_nobody = |value: &str| !self.declared.iter().any(|resource| resource.scope.contains(value));
        let mut allowed = sign_in.scope.keep(|value| belongs(value) || of_nobody(value));
        if self.beyond_sign_in {
            named.iter().for_each(|resource| allowed.extend(&resource.scope));
        }
        allowed
    }

    fn find(&self, uri: &str) -> Option<&Resource> {
        self.declared.iter().find(|resource| resource.uri == uri)
    }
}

#[cfg(test)]
mod tests {
    use oidc_session_core::Timestamp;

    use super::*;

    const ORDERS: &str = "https://orders.example/";
    const STOCK: &str = "https://stock.example/";

    fn resources() -> Resources {
        let resource = |uri: &str, scope| Resource { uri: uri.to_owned(), scope: Scope::parse(scope) };
        let declared = vec![resource(ORDERS, "read write"), resource(STOCK, "count")];
        Resources { declared, ..Resources::default() }
    }

    fn sign_in(scope: &str, resources: &[&str]) -> SignIn {
        SignIn {
            client_id: "native-app".to_owned(),
            subject: "alice".to_owned(),
            scope: Scope::parse(scope),
            resources: resources.iter().map(|&uri| uri.to_owned()).collect(),
            sid: "sid".to_owned(),
            auth_time: Timestamp::UNIX_EPOCH,
        }
    }

    fn permitted(rules: &Resources, sign_in: &SignIn, uris: &[&str], scope: Option<&str>) -> String {
        let resources = uris.iter().map(|&uri| uri.to_owned()).collect();
        match rules.permit(sign_in, &Target { resources, scope: scope.map(Scope::parse) }) {
            Ok(Permit { audience, scope }) => format!("{} for {}", scope, audience.join(" ")),
            Err(refusal) => refusal.code().to_owned(),
        }
    }

    #[test]
    fn an_access_token_is_for_what_was_asked_within_what_was_granted() {
        let strict = resources();
        let beyond = Resources { beyond_sign_in: true, ..resources() };
        let dropping = Resources { drop_disallowed: true, ..resources() };
        let (free, bound) = (sign_in("openid read count", &[]), sign_in("openid read count", &[ORDERS]));
        for (rules, sign_in, uris, scope, expected) in [
            (&strict, &free, &[][..], None, "openid read count for "),
            (&strict, &bound, &[], None, "openid read count for https://orders.example/"),
            (&strict, &free, &[ORDERS], None, "openid read for https://orders.example/"),
            (&strict, &free, &[STOCK], None, "openid count for https://stock.example/"),
            (
                &strict,
                &free,
                &[ORDERS, STOCK],
                Some("count"),
                "count for https://orders.example/ https://stock.example/",
            ),
            (&strict, &bound, &[STOCK], None, "invalid_target"),
            (&beyond, &bound, &[STOCK], None, "openid count for https://stock.example/"),
            (&strict, &free, &["https://nowhere.example/"], None, "invalid_target"),
            (&strict, &free, &[ORDERS], Some("write"), "invalid_scope"),
            (&strict, &free, &[ORDERS], Some("count"), "invalid_scope"),
            (&beyond, &free, &[ORDERS], Some("write"), "write for https://orders.example/"),
            (&beyond, &free, &[ORDERS], Some("count"), "invalid_scope"),
            (&dropping, &free, &[ORDERS], Some("count openid write"), "openid for https://orders.example/"),
            (&dropping, &free, &[], Some("email read"), "read for "),
        ] {
            assert_eq!(permitted(rules, sign_in, uris, scope), expected, "{uris:?} {scope:?}");
        }
    }

    #[test]
    fn a_server_without_resources_does_not_know_the_parameter() {
        let params = Params::parse(b"resource=a&resource=b").unwrap();
        assert_eq!(Resources::default().named(&params), Ok(Vec::new()));
        assert_eq!(resources().named(&params).unwrap_err().code(), "invalid_target");
    }
}
