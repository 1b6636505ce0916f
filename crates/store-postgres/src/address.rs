//! [`Address`]: which server a URL names, and how safely it must be spoken to.

use std::path::PathBuf;

use oidc_session_core::StoreError;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};

use crate::error::misconfigured;

const DOING: &str = "read the URL of the PostgreSQL server";

/// What libpq knows and this crate does not. Only these are named in an error: anything else may be half a password.
const UNSUPPORTED: &[&str] = &[
    "client_encoding",
    "fallback_application_name",
    "gssdelegation",
    "gssencmode",
    "gsslib",
    "krbsrvname",
    "passfile",
    "replication",
    "require_auth",
    "requirepeer",
    "requiressl",
    "scram_client_key",
    "scram_server_key",
    "service",
    "ssl_max_protocol_version",
    "ssl_min_protocol_version",
    "sslcert",
    "sslcertmode",
    "sslcompression",
    "sslcrl",
    "sslcrldir",
    "sslkey",
    "sslpassword",
    "sslsni",
];

/// A parsed URL.
pub(crate) struct Address {
    pub(crate) config: Config,
    pub(crate) trust: Trust,
    /// A file with the authorities to trust in place of the platform's.
    pub(crate) authorities: Option<PathBuf>,
}

/// Whose certificate the server must show, if it shows one at all.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Trust {
    /// Anybody's. Protects from those who listen, not from those who interfere.
    Anybody,
    /// One of a known authority, whatever name is in it.
    Authority,
    /// One of a known authority for the name in the URL.
    Name,
}

impl Address {
    /// `has_authorities` says that authorities to trust were given beside the URL.
    pub(crate) fn parse(url: &str, has_authorities: bool) -> Result<Self, StoreError> {
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(misconfigured(DOING, "it must begin with `postgres://` or `postgresql://`"));
        }
        let (rest, tls) = TlsParameters::taken_out_of(url)?;
        let mut config: Config = rest.parse().map_err(|error| misconfigured(DOING, fault(url, &error)))?;
        check_hosts(&config)?;
        match config.get_target_session_attrs() {
            TargetSessionAttrs::ReadOnly => {
                return Err(misconfigured(DOING, "sessions are written too: `target_session_attrs` must allow that"));
            }
            // After a failover, the address of the old primary may lead to a standby.
            _ => config.target_session_attrs(TargetSessionAttrs::ReadWrite),
        };
        if config.get_application_name().is_none() {
            config.application_name("oidc-session");
        }
        let (mode, trust) = tls.decide(is_local(&config), has_authorities)?;
        config.ssl_mode(mode);
        let authorities = tls.root.filter(|root| root != "system").map(PathBuf::from);
        Ok(Self { config, trust, authorities })
    }
}

/// The parameters that the driver does not know, or knows otherwise than libpq.
#[derive(Default)]
struct TlsParameters {
    mode: Option<String>,
    root: Option<String>,
}

impl TlsParameters {
    /// The URL without these parameters, and their values.
    fn taken_out_of(url: &str) -> Result<(String, Self), StoreError> {
        // As the driver reads it: what is before the first `@` is the user and the password, whatever it looks like.
        let host = url.find('@').map_or(0, |at| at + 1);
        let mut taken = Self::default();
        let Some(query) = url[host..].find('?').map(|at| host + at) else {
            return Ok((url.to_owned(), taken));
        };
        let mut left = Vec::new();
        for parameter in url[query + 1..].split('&') {
            match parameter.split_once('=') {
                Some(("sslmode", value)) => taken.mode = Some(decoded(value)?),
                Some(("sslrootcert", value)) => taken.root = Some(decoded(value)?),
                _ => left.push(parameter),
            }
        }
        Ok((format!("{}?{}", &url[..query], left.join("&")), taken))
    }

    /// What libpq would do, except that nothing is sent in the clear to another machine unless `disable` says so.
    fn decide(&self, is_local: bool, has_authorities: bool) -> Result<(SslMode, Trust), StoreError> {
        let refused = |why: &str| Err(misconfigured(DOING, why));
        let from_system = self.root.as_deref() == Some("system");
        let has_authorities = has_authorities || (self.root.is_some() && !from_system);
        let default = if from_system || has_authorities || !is_local { "verify-full" } else { "prefer" };
        let mode = self.mode.as_deref().unwrap_or(default);
        if from_system && mode != "verify-full" {
            return refused("`sslrootcert=system` needs `sslmode=verify-full`");
        }
        match mode {
            "disable" => Ok((SslMode::Disable, Trust::Anybody)),
            "allow" | "prefer" if is_local => Ok((SslMode::Prefer, Trust::Anybody)),
            "allow" | "prefer" => refused(
                "with `sslmode=allow` or `prefer`, anybody on the way can have everything sent in the clear; \
                 say `verify-full`, or `disable` if that is meant",
            ),
            "require" if has_authorities => Ok((SslMode::Require, Trust::Authority)),
            "require" => Ok((SslMode::Require, Trust::Anybody)),
            "verify-ca" if has_authorities => Ok((SslMode::Require, Trust::Authority)),
            "verify-ca" => refused("`sslmode=verify-ca` needs an authority: give its certificate, or `sslrootcert`"),
            "verify-full" => Ok((SslMode::Require, Trust::Name)),
            _ => refused("`sslmode` must be disable, allow, prefer, require, verify-ca or verify-full"),
        }
    }
}

/// What is wrong with the URL, without anything that is in it.
fn fault(url: &str, error: &tokio_postgres::Error) -> String {
    let unsupported =
        UNSUPPORTED.iter().find(|name| ["?", "&"].iter().any(|before| url.contains(&format!("{before}{name}="))));
    match unsupported {
        Some(name) => format!("the parameter `{name}` is not supported"),
        None => format!("{error}; are all special characters of the user and the password percent-encoded?"),
    }
}

fn check_hosts(config: &Config) -> Result<(), StoreError> {
    let (hosts, addresses, ports) = (config.get_hosts().len(), config.get_hostaddrs().len(), config.get_ports().len());
    let servers = hosts.max(addresses);
    if servers == 0 {
        return Err(misconfigured(DOING, "it names no host"));
    }
    if (hosts != 0 && addresses != 0 && hosts != addresses) || (ports > 1 && ports != servers) {
        return Err(misconfigured(DOING, "it must name as many ports and addresses as hosts"));
    }
    Ok(())
}

/// Whether nothing leaves this machine.
pub(crate) fn is_local(config: &Config) -> bool {
    if !config.get_hostaddrs().is_empty() {
        return config.get_hostaddrs().iter().all(std::net::IpAddr::is_loopback);
    }
    config.get_hosts().iter().all(|host| match host {
        Host::Tcp(name) => name == "localhost" || name.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback()),
        #[cfg(unix)]
        Host::Unix(_) => true,
    })
}

fn decoded(value: &str) -> Result<String, StoreError> {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digits = rest
                    .next()
                    .zip(rest.next())
                    .and_then(|(high, low)| Some(char::from(high).to_digit(16)? * 16 + char::from(low).to_digit(16)?));
                match digits.and_then(|byte| u8::try_from(byte).ok()) {
                    Some(byte) => byte,
                    None => return Err(misconfigured(DOING, "it has a `%` without two hexadecimal digits")),
                }
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).map_err(|_| misconfigured(DOING, "a parameter of it is no UTF-8"))
}

#[cfg(test)]
mod tests {
    use oidc_session_core::StoreErrorKind;

    use super::*;

    fn decision(url: &str) -> Option<(SslMode, Trust)> {
        let address = Address::parse(url, false).ok()?;
        Some((address.config.get_ssl_mode(), address.trust))
    }

    #[test]
    fn sslmode_means_what_libpq_means_but_nothing_is_silently_in_the_clear() {
        use SslMode::{Disable, Prefer, Require};
        use Trust::{Anybody, Authority, Name};
        for (mode, remote, local) in [
            ("", Some((Require, Name)), Some((Prefer, Anybody))),
            ("sslmode=disable", Some((Disable, Anybody)), Some((Disable, Anybody))),
            ("sslmode=allow", None, Some((Prefer, Anybody))),
            ("sslmode=prefer", None, Some((Prefer, Anybody))),
            ("sslmode=require", Some((Require, Anybody)), Some((Require, Anybody))),
            ("sslmode=require&sslrootcert=/ca", Some((Require, Authority)), Some((Require, Authority))),
            ("sslmode=verify-ca", None, None),
            ("sslmode=verify-ca&sslrootcert=/ca", Some((Require, Authority)), Some((Require, Authority))),
            ("sslmode=verify-full", Some((Require, Name)), Some((Require, Name))),
            ("sslmode=verify-full&sslrootcert=/ca", Some((Require, Name)), Some((Require, Name))),
            ("sslrootcert=/ca", Some((Require, Name)), Some((Require, Name))),
            ("sslrootcert=system", Some((Require, Name)), Some((Require, Name))),
            ("sslrootcert=system&sslmode=require", None, None),
            ("sslmode=Require", None, None),
            ("sslmode=", None, None),
        ] {
            for host in ["db.example", "192.0.2.1", "[2001:db8::1]", "127.0.0.1,db.example", "localhost.example"] {
                assert_eq!(decision(&format!("postgres://u:p@{host}/d?{mode}")), remote, "{host} {mode}");
            }
            for host in ["localhost", "127.0.0.1", "127.9.9.9", "[::1]", "%2Fvar%2Frun", "localhost,127.0.0.1"] {
                assert_eq!(decision(&format!("postgres://u:p@{host}/d?{mode}")), local, "{host} {mode}");
            }
        }
        let by_address = "postgres://u:p@localhost/d?hostaddr=192.0.2.1&sslmode=prefer";
        assert_eq!(decision(by_address), None, "the address counts, not the name");
    }

    #[test]
    fn parameters_are_found_wherever_they_stand() {
        let url = "postgresql://u:p?sslmode=disable@h/d?application_name=a&sslmode=verify-full&sslrootcert=%2Fa%20b";
        let address = Address::parse(url, false).unwrap();
        assert_eq!(address.authorities, Some(PathBuf::from("/a b")));
        assert_eq!(address.config.get_application_name(), Some("a"));
        assert_eq!(address.config.get_password(), Some(b"p?sslmode=disable".as_slice()));
        assert_eq!(address.trust, Trust::Name);
    }

    #[test]
    fn a_url_that_cannot_be_used_is_misconfigured_and_not_quoted() {
        for url in [
            "",
            "host=secret user=secret",
            "mysql://secret@h/d",
            "postgres://u:secret?secret=1",
            "postgres://u:se@cret?secret=1@h/d",
            "postgres://u@h:secret/d",
            "postgres:///secret",
            "postgres://u@h/d?sslmode=secret",
            "postgres://u@h/d?sslrootcert=%secret",
            "postgres://u@h/d?target_session_attrs=read-only&application_name=secret",
            "postgres://u@a,b/secret?hostaddr=127.0.0.1",
            "postgres://u@h/d?sslcert=secret",
            "postgres://u:%ff@h%ff/secret",
        ] {
            let error = Address::parse(url, false).err().unwrap_or_else(|| panic!("{url} was accepted"));
            assert_eq!(error.kind(), StoreErrorKind::Misconfigured, "{url}");
            assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
        }
        let error = Address::parse("postgres://u@h/d?sslcert=c", false).err().unwrap();
        assert!(format!("{error:?}").contains("sslcert"), "{error:?}");
    }
}
