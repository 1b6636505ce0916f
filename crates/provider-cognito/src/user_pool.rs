//! [`UserPool`]: which user pool, who it says it is, and where it answers.

use oidc_session_core::ProviderError;
use url::Url;

use crate::address::{address, below, misconfigured};

/// The longest id of a user pool (`UserPoolId` in the user pools API reference).
const LONGEST_ID: usize = 55;

/// A user pool, as its id and its place describe it.
#[derive(Clone, Debug)]
pub(crate) struct UserPool {
    id: String,
    /// Every spelling of its issuer. The first is the one that sessions keep.
    issuers: Vec<String>,
    discovery_url: String,
    /// Where the metadata is if the pool has the updated issuer.
    updated_discovery_url: String,
    /// The user pools API.
    api: Url,
}

impl UserPool {
    /// A pool at AWS, in the Region that its id begins with.
    pub(crate) fn at_aws(id: &str) -> Result<Self, ProviderError> {
        let home = region_of(checked_id(id)?).ok_or_else(|| {
            misconfigured("the user pool id does not begin with a Region, as in `eu-west-1_AbCdEf123`")
        })?;
        Self::in_region(id, home)
    }

    /// The same pool where `region` answers for it, if that is not its home: a replica.
    pub(crate) fn replica(&self, region: &str) -> Result<Self, ProviderError> {
        if !is_region(region) {
            return Err(misconfigured("the Region is not one, as in `eu-west-1`"));
        }
        Self::in_region(&self.id, region)
    }

    /// A pool in an emulator.
    pub(crate) fn emulated(endpoint: &str, id: &str) -> Result<Self, ProviderError> {
        let endpoint = address(endpoint)?;
        let issuer = below(&endpoint, checked_id(id)?);
        let discovery_url = discovery_url(&issuer);
        // Some emulators write the issuer that the pool would have at AWS.
        let issuers = [issuer].into_iter().chain(region_of(id).into_iter().flat_map(|home| aws_issuers(id, home)));
        Ok(Self {
            id: id.to_owned(),
            issuers: issuers.collect(),
            updated_discovery_url: discovery_url.clone(),
            discovery_url,
            api: endpoint,
        })
    }

    /// The issuer that sessions keep, whichever the pool writes.
    pub(crate) fn issuer(&self) -> &str {
        self.issuers.first().map_or("", String::as_str)
    }

    /// Whether `issuer` is one of the spellings of this pool's issuer.
    pub(crate) fn is_named(&self, issuer: &str) -> bool {
        self.issuers.iter().any(|known| known == issuer)
    }

    pub(crate) fn discovery_url(&self, updated: bool) -> &str {
        if updated { &self.updated_discovery_url } else { &self.discovery_url }
    }

    /// Where the user pools API takes requests.
    pub(crate) fn api(&self) -> &Url {
        &self.api
    }

    fn in_region(id: &str, region: &str) -> Result<Self, ProviderError> {
        let home = region_of(id).unwrap_or(region);
        let [original, updated] = aws_issuers(id, home);
        let [here, _] = aws_issuers(id, region);
        let discovery = discovery_url(&here);
        let updated_discovery = discovery_url(&updated);
        let mut issuers = vec![original, here, updated];
        issuers.dedup();
        // In AWS GovCloud (US) the API answers at FIPS endpoints only.
        let service = if region.starts_with("us-gov-") { "cognito-idp-fips" } else { "cognito-idp" };
        let api = Url::parse(&format!("https://{service}.{region}.{}/", domain(region)))
            .map_err(|_| misconfigured("the Region is not one, as in `eu-west-1`"))?;
        Ok(Self { id: id.to_owned(), issuers, discovery_url: discovery, updated_discovery_url: updated_discovery, api })
    }
}

/// The original and the updated issuer (`IssuerConfigurationType` in the user pools API reference).
fn aws_issuers(id: &str, region: &str) -> [String; 2] {
    ["cognito-idp", "issuer-cognito-idp"].map(|service| format!("https://{service}.{region}.{}/{id}", domain(region)))
}

fn discovery_url(issuer: &str) -> String {
    format!("{issuer}/.well-known/openid-configuration")
}

/// The domain of the partition that `region` belongs to.
fn domain(region: &str) -> &'static str {
    if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" }
}

fn checked_id(id: &str) -> Result<&str, ProviderError> {
    let is_id = |id: &str| {
        let (place, name) = id.rsplit_once('_')?;
        let is_place =
            !place.is_empty() && place.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
        Some(is_place && is_name && id.len() <= LONGEST_ID)
    };
    if is_id(id) == Some(true) {
        Ok(id)
    } else {
        Err(misconfigured("the user pool id is not one, as in `eu-west-1_AbCdEf123`; the ARN and the name are not"))
    }
}

fn region_of(id: &str) -> Option<&str> {
    id.rsplit_once('_').map(|(place, _)| place).filter(|place| is_region(place))
}

/// Words of lower-case letters and a number at the end, joined by hyphens. It becomes a part of a host name.
fn is_region(text: &str) -> bool {
    let mut parts = text.rsplit('-');
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let is_word = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase());
    parts.next().is_some_and(is_number) && parts.clone().count() >= 2 && parts.all(is_word)
}

#[cfg(test)]
mod tests {
    use oidc_session_core::ProviderErrorKind;

    use super::*;

    const ORIGINAL: &str = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbC";
    const UPDATED: &str = "https://issuer-cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbC";

    #[test]
    fn the_id_says_where_the_pool_is() {
        for (id, issuer, api) in [
            ("eu-west-1_AbC", ORIGINAL, "https://cognito-idp.eu-west-1.amazonaws.com/"),
            (
                "cn-north-1_AbC",
                "https://cognito-idp.cn-north-1.amazonaws.com.cn/cn-north-1_AbC",
                "https://cognito-idp.cn-north-1.amazonaws.com.cn/",
            ),
            (
                "us-gov-west-1_AbC",
                "https://cognito-idp.us-gov-west-1.amazonaws.com/us-gov-west-1_AbC",
                "https://cognito-idp-fips.us-gov-west-1.amazonaws.com/",
            ),
        ] {
            let pool = UserPool::at_aws(id).unwrap();
            assert_eq!(pool.issuer(), issuer);
            assert_eq!(pool.api().as_str(), api);
            assert_eq!(pool.discovery_url(false), format!("{issuer}/.well-known/openid-configuration"));
        }
    }

    #[test]
    fn what_is_no_pool_id_is_refused() {
        for id in [
            "",
            "eu-west-1",
            "eu-west-1_",
            "_AbC",
            "eu-west-1_A/b",
            "eu-west-1_AbC/",
            "eu-west-1_A.b",
            "eu-west-1_AbC?x",
            "evil.example/eu-west-1_AbC",
            "evil.example#-1_AbC",
            "evil-1_AbC",
            "EU-WEST-1_AbC",
            "local_AbC",
            "arn:aws:cognito-idp:eu-west-1:123456789012:userpool/eu-west-1_AbC",
            "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbC",
            "eu-west-1_AbCdEfGhIjKlMnOpQrStUvWxYz0123456789AbCdEfGhIjKlMn",
        ] {
            let error = UserPool::at_aws(id).unwrap_err();
            assert_eq!(error.kind(), ProviderErrorKind::Misconfigured, "{id}");
        }
    }

    #[test]
    fn both_issuers_are_the_same_pool_and_sessions_keep_the_original() {
        let pool = UserPool::at_aws("eu-west-1_AbC").unwrap();
        assert!(pool.is_named(ORIGINAL) && pool.is_named(UPDATED));
        assert_eq!(pool.issuer(), ORIGINAL);
        for other in [
            "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbD",
            "https://cognito-idp.eu-west-2.amazonaws.com/eu-west-1_AbC",
            "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbC/",
            "http://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbC",
            "https://cognito-idp.eu-west-1.amazonaws.com.evil.example/eu-west-1_AbC",
            "",
        ] {
            assert!(!pool.is_named(other), "{other}");
        }
    }

    #[test]
    fn the_updated_issuer_publishes_itself() {
        let pool = UserPool::at_aws("eu-west-1_AbC").unwrap();
        assert_eq!(pool.discovery_url(true), format!("{UPDATED}/.well-known/openid-configuration"));
    }

    #[test]
    fn a_replica_answers_elsewhere_for_the_same_issuer() {
        let pool = UserPool::at_aws("eu-west-1_AbC").unwrap().replica("eu-west-2").unwrap();
        assert_eq!(pool.issuer(), ORIGINAL);
        assert!(pool.is_named(UPDATED) && pool.is_named("https://cognito-idp.eu-west-2.amazonaws.com/eu-west-1_AbC"));
        assert_eq!(pool.api().as_str(), "https://cognito-idp.eu-west-2.amazonaws.com/");
        assert!(pool.discovery_url(false).starts_with("https://cognito-idp.eu-west-2.amazonaws.com/"));
        for region in ["", "eu", "1", "eu-1", "eu-west-", "-west-1", "eu.west-1", "evil.example/-a-1"] {
            assert!(pool.replica(region).is_err(), "{region}");
        }
    }

    #[test]
    fn an_emulator_may_write_its_own_issuer_or_the_one_of_aws() {
        let pool = UserPool::emulated("http://127.0.0.1:9229/", "eu-west-1_AbC").unwrap();
        assert_eq!(pool.issuer(), "http://127.0.0.1:9229/eu-west-1_AbC");
        assert!(pool.is_named(ORIGINAL) && pool.is_named(UPDATED));
        assert_eq!(pool.api().as_str(), "http://127.0.0.1:9229/");
        let pool = UserPool::emulated("http://127.0.0.1:9229", "local_AbC").unwrap();
        assert_eq!(pool.discovery_url(true), "http://127.0.0.1:9229/local_AbC/.well-known/openid-configuration");
        assert!(!pool.is_named(ORIGINAL));
        assert!(UserPool::emulated("http://127.0.0.1:9229", "../local_AbC").is_err());
        assert!(UserPool::emulated("http://10.0.0.1:9229", "local_AbC").is_err());
    }
}
