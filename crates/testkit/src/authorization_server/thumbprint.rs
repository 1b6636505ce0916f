//! [`Thumbprint`]: the name of a key that tokens are bound to (RFC 7638, SHA-256).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{Jwk, ThumbprintHash};

/// The SHA-256 of a public key in its one canonical form. Not a secret.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct Thumbprint([u8; 32]);

impl Thumbprint {
    pub(super) fn of(key: &Jwk) -> Option<Self> {
        let digest = key.thumbprint(ThumbprintHash::SHA256).ok()?;
        URL_SAFE_NO_PAD.decode(digest).ok()?.try_into().ok().map(Self)
    }
}

/// The base64url form, as in `jkt` and `dpop_jkt` (RFC 9449 §6, §10).
impl fmt::Display for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_the_thumbprint_of_the_standard() {
        // RFC 9449, figures 1 and 10.
        let key = r#"{"kty":"EC","crv":"P-256","x":"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
            "y":"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA"}"#;
        let thumbprint = Thumbprint::of(&serde_json::from_str(key).unwrap()).unwrap();
        assert_eq!(thumbprint.to_string(), "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
    }
}
