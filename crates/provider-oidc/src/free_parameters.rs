//! The parameters of a request that are not the protocol's: those of the dialect, and those that the caller gave.

use oidc_session_core::{ProviderError, ProviderErrorKind};

/// The dialect's parameters, except where the caller gave another value, and the caller's. None is `reserved`.
///
/// Fails as `Misconfigured` if the caller gave one that is, or one twice.
pub(crate) fn free_parameters(
    reserved: &[&str],
    dialects: Vec<(&'static str, String)>,
    given: Vec<(String, String)>,
) -> Result<Vec<(String, String)>, ProviderError> {
    for (index, (name, _)) in given.iter().enumerate() {
        if reserved.contains(&name.as_str()) {
            return Err(misconfigured("a parameter of the sign-in would replace one of the protocol"));
        }
        if given[..index].iter().any(|(earlier, _)| earlier == name) {
            return Err(misconfigured("a parameter of the sign-in is given twice"));
        }
    }
    let mut parameters: Vec<_> = dialects
        .into_iter()
        .filter(|(name, _)| !reserved.contains(name) && given.iter().all(|(other, _)| other != name))
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    parameters.extend(given);
    Ok(parameters)
}

fn misconfigured(detail: &str) -> ProviderError {
    ProviderError::new(ProviderErrorKind::Misconfigured, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(names: &[(&str, &str)]) -> Vec<(String, String)> {
        names.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_protocol_wins_over_the_caller_and_the_caller_over_the_dialect() {
        let dialects = || vec![("state", "d".to_owned()), ("prompt", "d".to_owned()), ("audience", "d".to_owned())];
        let free = |given| free_parameters(&["state"], dialects(), pairs(given));
        assert_eq!(free(&[("prompt", "c")]).unwrap(), pairs(&[("audience", "d"), ("prompt", "c")]));
        for given in [&[("state", "c")][..], &[("prompt", "c"), ("prompt", "c")]] {
            assert_eq!(free(given).unwrap_err().kind(), ProviderErrorKind::Misconfigured, "{given:?}");
        }
    }
}
