//! Whose tokens are accepted, for whom, and from which clients.

use std::collections::{BTreeMap, BTreeSet};

use hourglass_domain::ids::{ObjectId, TenantId};
use hourglass_domain::roles::Scopes;
use hourglass_domain::target::Cloud;
use url::{Host, Url};

/// What a deployment accepts; fixed at start-up and never read from a table.
#[derive(Clone, Debug)]
pub struct TokenSettings {
    /// Tenants whose users may call.
    pub tenants: Vec<TenantId>,
    /// The API's client id (a GUID).
    pub audience: String,
    /// Client applications (GUIDs) and the scopes that each may use.
    pub clients: BTreeMap<String, Scopes>,
    /// The authentication context that stands for a second factor: `c1` to `c99`.
    pub auth_context: String,
    /// The cloud of all tenants.
    pub cloud: Cloud,
    /// Instead of the cloud's token service, for a laptop or a test: an address of this machine.
    pub login_endpoint: Option<String>,
}

/// Settings that cannot be worked with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// Nobody could sign in.
    #[error("at least one sign-in tenant is needed")]
    NoTenant,
    /// No client could call.
    #[error("at least one client application is needed")]
    NoClient,
    /// Not a GUID.
    #[error("{name} has to be a GUID, not \"{value}\"")]
    NotGuid {
        /// Which setting.
        name: &'static str,
        /// What it is.
        value: String,
    },
    /// Not an authentication context of Conditional Access.
    #[error("the authentication context has to be one of c1 to c99, not \"{0}\"")]
    NotAuthContext(String),
    /// Not the address of this machine.
    #[error("the login endpoint may only be overridden with an address of this machine, such as http://127.0.0.1:8080")]
    NotLoopback,
}

/// Versions of access tokens. Which one a token has is the API registration's choice (`requestedAccessTokenVersion`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Version {
    /// `ver` is `1.0`.
    One,
    /// `ver` is `2.0`.
    Two,
}

impl Version {
    pub(crate) const BOTH: [Self; 2] = [Self::One, Self::Two];
}

/// Checked settings.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) tenants: BTreeSet<TenantId>,
    pub(crate) audience: String,
    pub(crate) clients: BTreeMap<String, Scopes>,
    pub(crate) auth_context: String,
}

impl Rules {
    pub(crate) fn new(settings: &TokenSettings) -> Result<Self, SettingsError> {
        if settings.tenants.is_empty() {
            return Err(SettingsError::NoTenant);
        }
        if settings.clients.is_empty() {
            return Err(SettingsError::NoClient);
        }
        let context = settings.auth_context.strip_prefix('c').unwrap_or_default();
        let is_plain = !context.starts_with('0') && context.bytes().all(|byte| byte.is_ascii_digit());
        if !is_plain || !matches!(context.len(), 1 | 2) {
            return Err(SettingsError::NotAuthContext(settings.auth_context.clone()));
        }
        let clients = settings.clients.iter();
        Ok(Self {
            tenants: settings.tenants.iter().copied().collect(),
            audience: guid("the API's client id", &settings.audience)?,
            clients: clients
                .map(|(id, scopes)| Ok((guid("a client id", id)?, scopes.clone())))
                .collect::<Result<_, _>>()?,
            auth_context: settings.auth_context.clone(),
        })
    }
}

/// In lower case, as Entra writes GUIDs into tokens.
fn guid(name: &'static str, value: &str) -> Result<String, SettingsError> {
    let id = value.parse::<ObjectId>().map_err(|_| SettingsError::NotGuid {
        name,
        value: value.to_owned(),
    })?;
    Ok(id.to_string())
}

/// Who issues tokens, and where the keys are.
#[derive(Debug)]
pub(crate) struct Issuers {
    /// Where discovery documents are.
    login: String,
    /// What issuers of version 1 begin with.
    sts: String,
    /// Origins that may hold keys.
    key_origins: Vec<url::Origin>,
    pub(crate) https_only: bool,
}

impl Issuers {
    pub(crate) fn new(settings: &TokenSettings) -> Result<Self, SettingsError> {
        if let Some(address) = &settings.login_endpoint {
            let url = loopback(address).ok_or(SettingsError::NotLoopback)?;
            let base = url.as_str().trim_end_matches('/').to_owned();
            return Ok(Self {
                sts: base.clone(),
                login: base,
                key_origins: vec![url.origin()],
                https_only: false,
            });
        }
        let (login, sts) = match settings.cloud {
            // The same hosts as for signing in, except that China has moved its issuer: tokens and discovery carry the
            // newer name (Microsoft identity platform, "National clouds"), while the older one still answers.
            Cloud::China => (
                "https://login.partner.microsoftonline.cn",
                "https://sts.chinacloudapi.cn",
            ),
            cloud @ (Cloud::Global | Cloud::UsGov | Cloud::UsGovDod) => (cloud.login(), "https://sts.windows.net"),
        };
        let origins = [login, settings.cloud.login()];
        Ok(Self {
            login: login.to_owned(),
            sts: sts.to_owned(),
            key_origins: origins
                .iter()
                .filter_map(|base| Url::parse(base).ok())
                .map(|url| url.origin())
                .collect(),
            https_only: true,
        })
    }

    /// The exact `iss` of a tenant's tokens.
    pub(crate) fn issuer(&self, tenant: TenantId, version: Version) -> String {
        match version {
            Version::One => format!("{}/{tenant}/", self.sts),
            Version::Two => format!("{}/{tenant}/v2.0", self.login),
        }
    }

    /// OpenID Connect Discovery 1.0 section 4; the tenant's own, never that of all tenants.
    pub(crate) fn discovery(&self, tenant: TenantId, version: Version) -> String {
        let path = match version {
            Version::One => "",
            Version::Two => "/v2.0",
        };
        format!("{}/{tenant}{path}/.well-known/openid-configuration", self.login)
    }

    /// Whether keys may be fetched from there. A discovery document that could name any host would make us call it.
    pub(crate) fn may_hold_keys(&self, url: &Url) -> bool {
        self.key_origins.contains(&url.origin()) && url.username().is_empty() && url.password().is_none()
    }
}

fn loopback(address: &str) -> Option<Url> {
    let url = Url::parse(address).ok()?;
    let here = match url.host()? {
        Host::Ipv4(ip) => ip.is_loopback(),
        Host::Ipv6(ip) => ip.is_loopback(),
        // RFC 6761 section 6.3: the name never leaves the machine.
        Host::Domain(host) => host == "localhost",
    };
    let plain = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none()
        && matches!(url.scheme(), "http" | "https");
    (here && plain).then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT: &str = "99999999-2222-3333-4444-555555555555";

    fn settings() -> TokenSettings {
        TokenSettings {
            tenants: vec![TENANT.parse().unwrap()],
            audience: "AAAAAAAA-2222-3333-4444-555555555555".to_owned(),
            clients: BTreeMap::from([("bbbbbbbb-2222-3333-4444-555555555555".to_owned(), Scopes::new())]),
            auth_context: "c1".to_owned(),
            cloud: Cloud::Global,
            login_endpoint: None,
        }
    }

    #[test]
    fn the_cloud_names_the_issuers() {
        let tenant = TENANT.parse().unwrap();
        for (cloud, one, two) in [
            (
                Cloud::Global,
                "https://sts.windows.net",
                "https://login.microsoftonline.com",
            ),
            (
                Cloud::UsGov,
                "https://sts.windows.net",
                "https://login.microsoftonline.us",
            ),
            (
                Cloud::UsGovDod,
                "https://sts.windows.net",
                "https://login.microsoftonline.us",
            ),
            (
                Cloud::China,
                "https://sts.chinacloudapi.cn",
                "https://login.partner.microsoftonline.cn",
            ),
        ] {
            let issuers = Issuers::new(&TokenSettings { cloud, ..settings() }).unwrap();
            assert_eq!(issuers.issuer(tenant, Version::One), format!("{one}/{TENANT}/"));
            assert_eq!(issuers.issuer(tenant, Version::Two), format!("{two}/{TENANT}/v2.0"));
            let path = ".well-known/openid-configuration";
            assert_eq!(
                issuers.discovery(tenant, Version::One),
                format!("{two}/{TENANT}/{path}")
            );
            assert_eq!(
                issuers.discovery(tenant, Version::Two),
                format!("{two}/{TENANT}/v2.0/{path}")
            );
            assert!(issuers.https_only);
        }
    }

    #[test]
    fn keys_come_from_the_token_service_only() {
        let issuers = Issuers::new(&settings()).unwrap();
        for (url, allowed) in [
            ("https://login.microsoftonline.com/x/discovery/v2.0/keys", true),
            ("http://login.microsoftonline.com/x/keys", false),
            ("https://login.microsoftonline.com:8443/x/keys", false),
            ("https://login.microsoftonline.com.contoso.example/keys", false),
            ("https://a@login.microsoftonline.com/keys", false),
            ("https://sts.windows.net/keys", false),
            ("file:///keys", false),
        ] {
            assert_eq!(issuers.may_hold_keys(&Url::parse(url).unwrap()), allowed, "{url}");
        }
    }

    #[test]
    fn settings_that_make_no_sense_are_refused() {
        assert!(Rules::new(&settings()).is_ok());
        let refused = |settings: TokenSettings| Rules::new(&settings).unwrap_err();
        assert_eq!(
            refused(TokenSettings {
                tenants: Vec::new(),
                ..settings()
            }),
            SettingsError::NoTenant
        );
        assert_eq!(
            refused(TokenSettings {
                clients: BTreeMap::new(),
                ..settings()
            }),
            SettingsError::NoClient
        );
        for audience in ["", "api://x", "aaaaaaaa222233334444555555555555"] {
            let settings = TokenSettings {
                audience: audience.to_owned(),
                ..settings()
            };
            assert!(matches!(refused(settings), SettingsError::NotGuid { .. }), "{audience}");
        }
        let clients = BTreeMap::from([("form".to_owned(), Scopes::new())]);
        assert!(matches!(
            refused(TokenSettings { clients, ..settings() }),
            SettingsError::NotGuid { .. }
        ));
        for context in ["", "c", "c0", "c01", "c100", "C1", "1", "p1", "c1 "] {
            let settings = TokenSettings {
                auth_context: context.to_owned(),
                ..settings()
            };
            assert_eq!(refused(settings), SettingsError::NotAuthContext(context.to_owned()));
        }
        for endpoint in [
            "https://contoso.example",
            "http://10.0.0.1",
            "http://a@127.0.0.1",
            "127.0.0.1",
            "",
        ] {
            let settings = TokenSettings {
                login_endpoint: Some(endpoint.to_owned()),
                ..settings()
            };
            assert_eq!(
                Issuers::new(&settings).unwrap_err(),
                SettingsError::NotLoopback,
                "{endpoint}"
            );
        }
    }

    #[test]
    fn an_override_issues_under_its_own_address() {
        let endpoint = Some("http://127.0.0.1:8080/oidc/".to_owned());
        let issuers = Issuers::new(&TokenSettings {
            login_endpoint: endpoint,
            ..settings()
        })
        .unwrap();
        let tenant = TENANT.parse().unwrap();
        assert_eq!(
            issuers.issuer(tenant, Version::One),
            format!("http://127.0.0.1:8080/oidc/{TENANT}/")
        );
        assert_eq!(
            issuers.issuer(tenant, Version::Two),
            format!("http://127.0.0.1:8080/oidc/{TENANT}/v2.0")
        );
        assert!(!issuers.https_only);
    }
}
