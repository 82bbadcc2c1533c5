//! Where Microsoft Graph and the token service are.
//!
//! Addresses come from [`Cloud`] alone. The only exception is an override for a laptop or a test, which has to be an
//! address of this machine: an override that could name another host would be a way to have our credentials sent there
//! (abuse case 54).

use hourglass_domain::target::Cloud;
use url::{Host, Url};

/// Overrides for a laptop or a test; empty in production.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Endpoints {
    /// Instead of the cloud's Graph host; `/v1.0` is appended.
    pub graph: Option<String>,
    /// Instead of the cloud's token service; `/<tenant>/oauth2/v2.0/token` is appended.
    pub login: Option<String>,
}

/// An override that is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// It is not the address of this machine.
    #[error(
        "the {name} endpoint may only be overridden with an address of this machine, such as http://127.0.0.1:8080"
    )]
    NotLoopback {
        /// Which one.
        name: &'static str,
    },
}

/// Checked addresses, without trailing slashes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Bases {
    graph: Option<String>,
    login: Option<String>,
}

impl Bases {
    pub(crate) fn new(endpoints: &Endpoints) -> Result<Self, EndpointError> {
        let check = |address: &Option<String>, name| address.as_deref().map(|it| loopback(it, name)).transpose();
        Ok(Self {
            graph: check(&endpoints.graph, "Graph")?,
            login: check(&endpoints.login, "login")?,
        })
    }

    /// Whether every address is the cloud's own, and so reached over TLS.
    pub(crate) const fn are_the_clouds(&self) -> bool {
        self.graph.is_none() && self.login.is_none()
    }

    pub(crate) fn graph(&self, cloud: Cloud) -> &str {
        self.graph.as_deref().unwrap_or(cloud.graph())
    }

    pub(crate) fn login(&self, cloud: Cloud) -> &str {
        self.login.as_deref().unwrap_or(cloud.login())
    }
}

fn loopback(address: &str, name: &'static str) -> Result<String, EndpointError> {
    let refused = EndpointError::NotLoopback { name };
    let Ok(url) = Url::parse(address) else {
        return Err(refused);
    };
    let here = match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        // RFC 6761 section 6.3: the name never leaves the machine.
        Some(Host::Domain(host)) => host == "localhost",
        None => false,
    };
    let plain = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none()
        && matches!(url.scheme(), "http" | "https");
    if here && plain {
        Ok(url.as_str().trim_end_matches('/').to_owned())
    } else {
        Err(refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_overrides_the_cloud_names_the_hosts() {
        let bases = Bases::new(&Endpoints::default()).unwrap();
        assert!(bases.are_the_clouds());
        assert_eq!(bases.graph(Cloud::Global), "https://graph.microsoft.com");
        assert_eq!(bases.graph(Cloud::UsGovDod), "https://dod-graph.microsoft.us");
        assert_eq!(bases.login(Cloud::China), "https://login.chinacloudapi.cn");
    }

    #[test]
    fn an_override_is_this_machine() {
        for (given, base) in [
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://127.0.0.1:8080/graph/", "http://127.0.0.1:8080/graph"),
            ("http://[::1]:8080", "http://[::1]:8080"),
            ("http://localhost:8080", "http://localhost:8080"),
        ] {
            let endpoints = Endpoints {
                graph: Some(given.to_owned()),
                login: None,
            };
            let bases = Bases::new(&endpoints).unwrap();
            assert_eq!(bases.graph(Cloud::Global), base);
            assert!(!bases.are_the_clouds());
        }
    }

    #[test]
    fn any_other_override_is_refused() {
        for bad in [
            "https://graph.contoso.example",
            "http://10.0.0.1",
            "http://169.254.169.254",
            "http://0.0.0.0:80",
            "http://localhost.contoso.example",
            "http://127.0.0.1@contoso.example",
            "http://someone@127.0.0.1",
            "http://127.0.0.1?x=1",
            "file:///127.0.0.1",
            "127.0.0.1:80",
            "",
        ] {
            let login = Endpoints {
                graph: None,
                login: Some(bad.to_owned()),
            };
            assert_eq!(
                Bases::new(&login),
                Err(EndpointError::NotLoopback { name: "login" }),
                "{bad}"
            );
        }
    }
}
