//! [`Params`]: the parameters of a request, each at most once.

use std::fmt;

use super::protocol_error::ProtocolError;

/// Form-encoded parameters of a query or a body.
pub(super) struct Params(Vec<(String, String)>);

impl Params {
    /// Decodes them. Refuses a repeated one (RFC 6749 §3.1, §3.2), except `resource` (RFC 8707).
    pub(super) fn parse(encoded: &[u8]) -> Result<Self, ProtocolError> {
        let mut params: Vec<(String, String)> = Vec::new();
        for (name, value) in url::form_urlencoded::parse(encoded) {
            if name != "resource" && params.iter().any(|(known, _)| *known == name) {
                return Err(ProtocolError::invalid_request("a parameter is repeated"));
            }
            params.push((name.into_owned(), value.into_owned()));
        }
        Ok(Self(params))
    }

    /// The value of `name`. A parameter without a value counts as omitted (RFC 6749 §3.1).
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(known, _)| known == name)?;
        (!value.is_empty()).then_some(value)
    }

    /// Every value of `name`, which may be repeated.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.iter().filter(move |(known, value)| *known == name && !value.is_empty()).map(|(_, value)| value)
    }

    /// The value of a parameter the request cannot do without.
    pub(super) fn require(&self, name: &'static str, missing: &'static str) -> Result<&str, ProtocolError> {
        self.get(name).ok_or(ProtocolError::invalid_request(missing))
    }

    /// All parameters but these.
    pub(super) fn without(mut self, names: &[&str]) -> Self {
        self.0.retain(|(name, _)| !names.contains(&name.as_str()));
        self
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// Names only: values may be secrets.
impl fmt::Debug for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_parameter_is_refused_unless_it_is_a_resource() {
        assert!(Params::parse(b"state=1&state=1").is_err());
        assert!(Params::parse(b"resource=a&resource=b").is_ok());
    }

    #[test]
    fn an_empty_parameter_counts_as_omitted() {
        let params = Params::parse(b"scope=&code=a%20b").unwrap();
        assert_eq!((params.get("scope"), params.get("code")), (None, Some("a b")));
        assert_eq!(format!("{params:?}"), r#"{"scope", "code"}"#);
    }
}
