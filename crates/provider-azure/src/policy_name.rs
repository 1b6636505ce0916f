//! [`PolicyName`]: a user flow or custom policy of Azure AD B2C.

use oidc_session_core::ProviderError;

use crate::authority::wrong_setting;

/// The name of a user flow (`B2C_1_…`) or custom policy (`B2C_1A_…`). The servers do not mind its case.
#[derive(Clone, Debug)]
pub(crate) struct PolicyName(String);

impl PolicyName {
    /// Checks a name. It becomes a part of addresses.
    pub(crate) fn parse(text: &str) -> Result<Self, ProviderError> {
        if looks_like_one(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err(wrong_setting(
                "the policy is not one",
                "write its whole name: B2C_1_ and the name of a user flow, or B2C_1A_ and that of a custom policy",
            ))
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn is(&self, name: &str) -> bool {
        self.0.eq_ignore_ascii_case(name)
    }
}

/// Whether a claim that may hold a policy's name does.
pub(crate) fn looks_like_one(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let name = lower.strip_prefix("b2c_1a_").or_else(|| lower.strip_prefix("b2c_1_"));
    text.len() <= 128
        && name.is_some_and(|name| {
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_name_is_whole() {
        for name in ["B2C_1_signin", "b2c_1_sign-in", "B2C_1A_SIGNUP_SIGNIN"] {
            assert!(PolicyName::parse(name).is_ok(), "{name}");
        }
        for name in ["", "signin", "B2C_1_", "B2C_1A_", "B2C_2_x", "B2C_1_a/b", "B2C_1_a?p=b", "B2C_1_ä"] {
            let error = PolicyName::parse(name).unwrap_err();
            assert!(error.to_string().contains("write its whole name"), "{name}: {error}");
        }
        assert!(PolicyName::parse("B2C_1_signin").unwrap().is("b2c_1_SignIn"));
    }
}
