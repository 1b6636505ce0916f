//! Where a preset is pointed to instead of the vendor.

use oidc_session_core::ProviderError;
use oidc_session_provider_oidc::Origin;

/// `issuer` at another address; its path stays.
pub(crate) fn moved(issuer: &str, address: &str) -> Result<String, ProviderError> {
    let behind_scheme = issuer.split_once("://").map_or(issuer, |(_, rest)| rest);
    let path = behind_scheme.find('/').map_or("", |slash| &behind_scheme[slash..]);
    Ok(Origin::parse("address of the emulator", address)?.issuer(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_stays() {
        for (issuer, expected) in [
            ("https://accounts.example", "http://127.0.0.1:9"),
            ("https://login.example/", "http://127.0.0.1:9/"),
            ("https://login.example:8443/realms/r", "http://127.0.0.1:9/realms/r"),
        ] {
            assert_eq!(moved(issuer, "http://127.0.0.1:9/").unwrap(), expected);
        }
        assert!(moved("https://accounts.example", "http://elsewhere.example").is_err());
        assert!(moved("https://accounts.example", "http://127.0.0.1:9/as").is_err());
    }
}
