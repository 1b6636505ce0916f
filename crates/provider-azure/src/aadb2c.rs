//! The AADB2C codes that a refresh meets ("Error codes: Azure Active Directory B2C").

use crate::known_code::{KnownCode, dead, interaction, setup, transient};

/// The row of a code.
pub(crate) fn find(number: u32) -> Option<&'static KnownCode> {
    TABLE.iter().find(|known| known.number == number)
}

const REGISTRATION: &str = "check the client id, and that the app registration is one for this tenant's users";
const SECRET: &str = "check the client secret: make a new one in the app registration if it has expired";
const SCOPES: &str = "check the scopes: each must be exposed by its API and permitted to this client";

const TABLE: &[KnownCode] = &[
    // The refresh token is gone.
    dead(90080), // expired
    dead(90128), // the account is gone
    dead(90129), // revoked
    dead(90088).advice("the session was made with another policy"),
    dead(90087), // made for another version of the endpoint
    dead(90279).advice("the session was made with another client"),
    // Somebody has to do something.
    interaction(90077), // nobody is signed in any more
    interaction(90091), // the user cancelled
    interaction(90118).advice("the user forgot the password: sign in with the policy that resets it"),
    interaction(90111), // the account is locked
    interaction(90114), // the account is locked
    // The server could not judge.
    transient(90035),
    transient(90048),
    transient(90206),
    transient(90244), // too many requests
    transient(90289),
    transient(90085), // an internal error, which comes as `invalid_grant`
    // The client, the policy or the tenant is set up wrongly.
    setup(90006).advice("register exactly this redirect URI in the app registration"),
    setup(90008).advice("the request names no client id"),
    setup(90010).advice("ask for a scope"),
    setup(90011).advice(REGISTRATION),
    setup(90012).advice(SCOPES),
    setup(90018).advice(REGISTRATION),
    setup(90055).advice(SCOPES),
    setup(90068).advice(REGISTRATION),
    setup(90079).advice("configure the client secret: the app registration is a confidential client"),
    setup(90081).advice(SECRET),
    setup(90083).advice("the request lacks a parameter"),
    setup(90084).advice("the app registration is a public client: configure no client secret"),
    setup(90086).advice("the server does not support the grant type for this client"),
    setup(90092).advice("the application is disabled in this tenant: enable it"),
    setup(90107).advice("ask for the scope openid, and let the app registration have ID tokens"),
    setup(90115).advice("ask for the client id or an API's scope, for openid and for offline_access"),
    setup(90117).advice(SCOPES),
    setup(90146).advice("ask for the scopes of one API at a time"),
    setup(90205).advice("give the app registration the permissions for this API, and consent to them"),
    setup(90285).advice(REGISTRATION),
    setup(90288).advice("check the custom policy: its user journey for refresh tokens does not exist"),
    setup(99059).advice("the redirect URI is one of a single-page app: register it as Web or as Mobile and desktop"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::known_code::Class;

    #[test]
    fn every_code_has_one_row_and_every_mistake_its_advice() {
        for (index, known) in TABLE.iter().enumerate() {
            assert!(TABLE[..index].iter().all(|earlier| earlier.number != known.number), "{}", known.number);
            assert!(known.class != Class::Setup || known.advice.is_some(), "{}", known.number);
        }
    }
}
