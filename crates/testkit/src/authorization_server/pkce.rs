//! [`Challenge`]: proof that the one who redeems a code is the one who asked for it (RFC 7636, S256 only).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

/// A code challenge: the SHA-256 of a verifier that only the client knows.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Challenge(String);

impl Challenge {
    /// Reads the challenge of an authorization request; `None` if it cannot be the base64url form of a SHA-256.
    pub(super) fn parse(challenge: &str) -> Option<Self> {
        let decoded = URL_SAFE_NO_PAD.decode(challenge).ok()?;
        (decoded.len() == 32).then(|| Self(challenge.to_owned()))
    }

    /// Whether `verifier` is the one this challenge was made of.
    pub(super) fn is_met_by(&self, verifier: &str) -> bool {
        let well_formed = (43..=128).contains(&verifier.len())
            && verifier.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte));
        well_formed && URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)) == self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 7636, appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    #[test]
    fn only_the_verifier_meets_its_challenge() {
        let challenge = Challenge::parse(CHALLENGE).unwrap();
        assert!(challenge.is_met_by(VERIFIER));
        for wrong in ["", CHALLENGE, "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXK"] {
            assert!(!challenge.is_met_by(wrong), "{wrong}");
        }
    }

    #[test]
    fn a_challenge_is_43_characters_of_base64url() {
        for malformed in ["", "short", VERIFIER.to_uppercase().repeat(2).as_str(), &CHALLENGE.replace('-', "+")] {
            assert_eq!(Challenge::parse(malformed), None, "{malformed}");
        }
    }
}
