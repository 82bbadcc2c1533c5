//! Whose people sign in, and where.

use std::collections::BTreeSet;

use hourglass_domain::ids::{ObjectId, TenantId};
use hourglass_domain::target::Cloud;
use url::{Host, Url};

/// What a deployment signs people in with; fixed at start-up and never read from a table.
#[derive(Clone, Debug)]
pub struct SignInSettings {
    /// Tenants whose people may sign in.
    pub tenants: Vec<TenantId>,
    /// The sign-in registration's client id (a GUID).
    pub client_id: String,
    /// The authentication context that stands for a second factor.
    pub auth_context: String,
    /// The cloud of all tenants.
    pub cloud: Cloud,
    /// Instead of the cloud's token service, for a laptop or a test: an address of this machine.
    pub login_endpoint: Option<String>,
    /// Base of our own urls, without a trailing slash.
    pub public_url: String,
}

/// Settings that cannot be worked with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// Nobody could sign in.
    #[error("at least one sign-in tenant is needed")]
    NoTenant,
    /// Not a GUID.
    #[error("the client id has to be a GUID")]
    NotGuid,
    /// Not the address of this machine.
    #[error("the login endpoint may only be overridden with an address of this machine, such as http://127.0.0.1:8080")]
    NotLoopback,
}

/// Checked settings.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) tenants: BTreeSet<TenantId>,
    pub(crate) client_id: String,
    pub(crate) auth_context: String,
    /// Where people come back to.
    pub(crate) redirect: String,
    /// Origins that are spoken to. A discovery document that could name any host would make us call it.
    pub(crate) origins: Vec<url::Origin>,
    pub(crate) https_only: bool,
    login: String,
}

impl Rules {
    pub(crate) fn new(settings: &SignInSettings) -> Result<Self, SettingsError> {
        if settings.tenants.is_empty() {
            return Err(SettingsError::NoTenant);
        }
        // In lower case, as Entra writes GUIDs into tokens.
        let client_id: ObjectId = settings.client_id.parse().map_err(|_| SettingsError::NotGuid)?;
        let (login, bases) = match &settings.login_endpoint {
            Some(address) => {
                let url = loopback(address).ok_or(SettingsError::NotLoopback)?;
                let base = url.as_str().trim_end_matches('/').to_owned();
                (base.clone(), vec![base])
            }
            None => {
                // China has moved its issuer to the newer name, while the older one still answers ("National clouds").
                let login = match settings.cloud {
                    Cloud::China => "https://login.partner.microsoftonline.cn",
                    cloud @ (Cloud::Global | Cloud::UsGov | Cloud::UsGovDod) => cloud.login(),
                };
                (
                    login.to_owned(),
                    vec![login.to_owned(), settings.cloud.login().to_owned()],
                )
            }
        };
        Ok(Self {
            tenants: settings.tenants.iter().copied().collect(),
            client_id: client_id.to_string(),
            auth_context: settings.auth_context.clone(),
            redirect: format!("{}/auth/callback", settings.public_url),
            origins: bases
                .iter()
                .filter_map(|base| Url::parse(base).ok())
                .map(|url| url.origin())
                .collect(),
            https_only: settings.login_endpoint.is_none(),
            login,
        })
    }

    /// The exact `iss` of a tenant's ID tokens, which are of version 2 because the endpoint is.
    pub(crate) fn issuer(&self, tenant: TenantId) -> String {
        format!("{}/{tenant}/v2.0", self.login)
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
    let plain = url.username().is_empty() && url.password().is_none() && url.query().is_none();
    (here && plain).then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> SignInSettings {
        SignInSettings {
            tenants: vec!["99999999-2222-3333-4444-555555555555".parse().unwrap()],
            client_id: "AAAAAAAA-2222-3333-4444-555555555555".to_owned(),
            auth_context: "c1".to_owned(),
            cloud: Cloud::Global,
            login_endpoint: None,
            public_url: "https://hourglass.contoso.example".to_owned(),
        }
    }

    #[test]
    fn the_cloud_names_the_issuer() {
        let tenant = settings().tenants[0];
        for (cloud, host) in [
            (Cloud::Global, "login.microsoftonline.com"),
            (Cloud::UsGov, "login.microsoftonline.us"),
            (Cloud::China, "login.partner.microsoftonline.cn"),
        ] {
            let rules = Rules::new(&SignInSettings { cloud, ..settings() }).unwrap();
            assert_eq!(rules.issuer(tenant), format!("https://{host}/{tenant}/v2.0"));
            assert!(rules.https_only);
        }
    }

    #[test]
    fn the_issuer_is_overridden_with_this_machine_only() {
        let overridden = |address: &str| {
            Rules::new(&SignInSettings {
                login_endpoint: Some(address.to_owned()),
                ..settings()
            })
        };
        assert!(overridden("http://127.0.0.1:8080").is_ok());
        assert!(overridden("http://localhost:8080/").is_ok());
        for bad in [
            "http://fabrikam.example",
            "http://localhost.fabrikam.example",
            "http://a@localhost",
            "",
        ] {
            assert_eq!(overridden(bad).unwrap_err(), SettingsError::NotLoopback, "{bad}");
        }
    }
}
