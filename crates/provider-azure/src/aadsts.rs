//! The AADSTS codes that a refresh meets ("Microsoft Entra authentication and authorization error codes").

use crate::known_code::{KnownCode, dead, interaction, malformed, setup, transient};

/// The row of a code.
pub(crate) fn find(number: u32) -> Option<&'static KnownCode> {
    TABLE.iter().find(|known| known.number == number)
}

const CONDITIONAL_ACCESS: &str =
    "a Conditional Access policy stands in the way; its administrator can say what it wants";
const OWN_TENANT: &str = "name the tenant instead of common, or make the app registration multi-tenant";
const FAILED_FOR_GOOD: &str = "the service failed and says that repeating does not help: ask Microsoft's support";
const ONE_RESOURCE: &str = "ask for the scopes of one resource at a time";

const TABLE: &[KnownCode] = &[
    // The refresh token is gone.
    dead(70000),  // not valid
    dead(70008),  // expired, or unused for too long
    dead(700082), // unused for 90 days
    dead(700084).advice("register the redirect URI as Web or as Mobile and desktop: single-page apps get 24 hours"),
    dead(50173), // revoked, for example by a change of password
    dead(70043).advice("a Conditional Access policy limits how long a sign-in lasts"),
    dead(50089), // the flow's token has expired
    dead(50132), // the session was revoked, or the password changed
    dead(50133), // the same
    dead(50034), // no such user
    dead(50057), // the user is disabled
    dead(51004), // the account is not in the directory
    dead(50139), // the session has no refresh token
    dead(50085), // a social identity provider wants the user to sign in again
    dead(54005), // an authorization code that was redeemed already
    // Somebody has to do something.
    interaction(50072), // has to enrol for multi-factor authentication
    interaction(50074), // multi-factor authentication
    interaction(50076), // multi-factor authentication, after a change of settings or place
    interaction(50079), // has to enrol for multi-factor authentication
    interaction(50078), // multi-factor authentication has expired
    interaction(50055), // the password has expired
    interaction(50144), // the password has expired in Active Directory
    interaction(50058), // nobody is signed in
    interaction(50097), // the device has to authenticate
    interaction(50125), // interrupted by a change of password or a registration
    interaction(50131).advice(CONDITIONAL_ACCESS),
    interaction(50135), // the password has to be changed
    interaction(50158), // an external challenge
    interaction(50187), // the device could not authenticate
    interaction(53000).advice(CONDITIONAL_ACCESS),
    interaction(53001).advice(CONDITIONAL_ACCESS),
    interaction(53002).advice(CONDITIONAL_ACCESS),
    interaction(53003).advice(CONDITIONAL_ACCESS),
    interaction(53004), // may not enrol for multi-factor authentication, because of a risk
    interaction(530_032).advice(CONDITIONAL_ACCESS),
    interaction(530_035)
        .advice("security defaults stand in the way; an administrator of the tenant can say what they want"),
    interaction(65001).advice("the user or an administrator has to consent to the scopes of this client"),
    interaction(65004).advice("the user declined to consent to the scopes of this client"),
    interaction(16000), // several accounts to choose from
    interaction(90094).advice("an administrator has to consent to the scopes of this client"),
    interaction(90095).advice("an administrator has to approve the request for consent"),
    interaction(700_020), // the provider behind the tenant wants interaction
    interaction(50105)
        .advice("an administrator has to assign the user to this application; signing in again does not help"),
    // The server could not judge.
    transient(50033),
    transient(50087),
    transient(50166),
    transient(50088),
    transient(51005),
    transient(90006),
    transient(90012),
    transient(90024),
    transient(90033),
    transient(90055), // the tenant is throttled
    transient(90090),
    transient(90091),
    transient(70012),
    transient(80002),
    transient(80005),
    transient(80014),
    transient(40010),
    // It comes as `invalid_grant`, after fifteen equal requests in five minutes, and is over when those stop.
    transient(50196).least_wait(300).advice("this client sent the same request too often: find the loop"),
    // The client or the tenant is set up wrongly.
    setup(50001).advice("check the resource: the tenant does not know it"),
    setup(500_011).advice("check the resource: the tenant does not know it"),
    setup(50011).advice("register exactly this redirect URI in the app registration"),
    setup(50020).advice("the user is of another tenant: invite them, or make the app registration multi-tenant"),
    setup(50059).advice("name the tenant"),
    setup(50194).advice(OWN_TENANT),
    setup(65005).advice("add the API's permissions to the app registration"),
    setup(650_052).advice("the tenant lacks the service: an administrator has to add or enable it"),
    setup(650_056).advice("add the API's permissions to the app registration, and consent to them"),
    setup(650_057).advice("add the resource to the permissions of the app registration"),
    setup(70001).advice("check the client id and the tenant: the application is not in it, or disabled"),
    setup(70002).advice("check the client id, the client secret and how the client authenticates"),
    setup(70003).advice("the server does not support the grant type for this client"),
    setup(70011).advice("check the scopes: one is misspelt, or needs the resource before it"),
    setup(700_016).advice("check the client id and the tenant: the tenant does not know this application"),
    setup(700_022).advice(ONE_RESOURCE),
    setup(28000).advice(ONE_RESOURCE),
    setup(28002).advice("check the scopes: one is not valid for its resource"),
    setup(28003).advice("ask for a scope: none was named"),
    setup(700_023).advice("check the client assertion: its audience must be the token endpoint of this tenant"),
    setup(700_025).advice("the app registration is a public client: configure no client secret or certificate"),
    setup(700_027).advice("upload the certificate of the client assertion's key to the app registration"),
    setup(7_000_112).advice("the application is disabled in this tenant: enable it"),
    setup(7_000_215).advice("use the value of the client secret, not its id, and one of this app registration"),
    setup(7_000_218)
        .advice("configure a client secret or certificate, or allow public client flows in the app registration"),
    setup(7_000_222).advice("the client secret has expired: make a new one in the app registration"),
    setup(90002).advice("check the tenant: there is none of this name in this cloud"),
    setup(90009).advice("ask for a scope of the API, which must name it by its application id"),
    setup(90130).advice("name the tenant, or organizations, instead of common"),
    setup(900_144).advice("a parameter is missing in the request"),
    setup(9_001_023).advice("the grant type needs the address of a tenant: name it instead of common"),
    setup(500_133).advice("check the clock of this machine, and for how long client assertions are valid"),
    setup(90036).advice(FAILED_FOR_GOOD),
    setup(90092).advice(FAILED_FOR_GOOD),
    setup(50086).advice(FAILED_FOR_GOOD),
    // It comes as `invalid_grant` or `invalid_request`, for a refresh token that is no longer whole.
    malformed(9_002_313),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::known_code::Class;

    #[test]
    fn every_code_has_one_row() {
        for (index, known) in TABLE.iter().enumerate() {
            assert!(TABLE[..index].iter().all(|earlier| earlier.number != known.number), "{}", known.number);
        }
    }

    #[test]
    fn whoever_is_to_mend_something_is_told_what() {
        let mute = TABLE.iter().find(|known| known.class == Class::Setup && known.advice.is_none());
        assert!(mute.is_none(), "{mute:?}");
    }
}
