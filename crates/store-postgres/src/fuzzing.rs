//! What holds of any text that is given as the URL of a server. Only tests and fuzzing call it.

use std::error::Error;

use oidc_session_core::StoreErrorKind;
use tokio_postgres::config::SslMode;

use crate::address::{Address, Trust};

/// Stands for a password in what fuzzing begins with. No error may quote it.
const SECRET: &str = "~hunter2~";

/// Reads `bytes` as a URL: nothing is sent in the clear unless it says so, and no error quotes it.
pub fn url(bytes: &[u8]) {
    let Ok(url) = str::from_utf8(bytes) else { return };
    for has_authorities in [false, true] {
        match Address::parse(url, has_authorities) {
            Ok(address) => is_safe(url, &address),
            Err(error) => {
                assert_eq!(error.kind(), StoreErrorKind::Misconfigured);
                let mut cause: Option<&dyn Error> = Some(&error);
                while let Some(shown) = cause {
                    let text = format!("{shown} {shown:?}");
                    assert!(!text.contains(SECRET), "{text}");
                    cause = shown.source();
                }
            }
        }
    }
}

fn is_safe(url: &str, address: &Address) {
    let config = &address.config;
    assert!(url.starts_with("postgres"));
    assert!(!config.get_hosts().is_empty() || !config.get_hostaddrs().is_empty());
    match config.get_ssl_mode() {
        SslMode::Disable => assert!(url.contains("sslmode"), "in the clear, and nobody asked for it"),
        SslMode::Prefer => {
            assert!(crate::address::is_local(config), "in the clear to another machine");
            assert_eq!(address.trust, Trust::Anybody);
        }
        _ => assert!(url.contains("sslmode") || address.trust == Trust::Name, "anybody could be the server"),
    }
}

#[cfg(test)]
#[path = "../../../fuzz/seeds.rs"]
mod seeds;

#[cfg(test)]
mod tests {
    use proptest::prelude::proptest;

    use super::seeds::{damaged_seeds, seeds};
    use super::*;

    #[test]
    fn every_seed_holds() {
        seeds("configuration").iter().for_each(|seed| url(seed));
    }

    proptest! {
        #[test]
        fn any_text_holds(text in "(postgres(ql)?://)?\\PC{0,40}") {
            url(text.as_bytes());
        }

        #[test]
        fn any_damage_to_a_seed_holds(bytes in damaged_seeds("configuration")) {
            url(&bytes);
        }
    }
}
