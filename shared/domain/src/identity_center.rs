//! Where AWS IAM Identity Center takes users and groups over SCIM.
//!
//! The address is typed in by an admin and a token is sent to it, so it is spelled exactly as AWS spells it or refused
//! (abuse case 54). It is compared letter by letter, not parsed and put together again: what two readers of urls could take
//! for two things never gets that far.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

/// Longest name of a region, in bytes; `ap-southeast-1` has 14.
const LONGEST_REGION: usize = 32;
/// Longest tenant id, in bytes; AWS's have 47 at the most.
const LONGEST_TENANT: usize = 64;
/// What follows the tenant id, without the slash in the end that AWS's console leaves out.
const PATH: &str = "/scim/v2";

/// A SCIM endpoint of IAM Identity Center, with a slash in the end: paths are appended as they are.
///
/// One that was read from the table was checked when it came in. Whoever sends a token checks it again.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ScimUrl(String);

/// What is no SCIM endpoint of IAM Identity Center.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("is no SCIM endpoint of IAM Identity Center")]
pub struct NoScimUrl;

impl ScimUrl {
    /// Reads an endpoint: `https://scim.<region>.amazonaws.com/<tenant id>/scim/v2/`, in the China partition with the host
    /// `scim.<region>.amazonaws.com.cn` (AWS, "IAM Identity Center SCIM Implementation"). A missing slash in the end is
    /// added; user, port, query and fragment are refused. With `local`, which is for machines that reach nothing outside,
    /// an address of this machine with http is taken as well.
    ///
    /// # Errors
    /// [`NoScimUrl`], which says what would be taken.
    pub fn parse(text: &str, local: bool) -> Result<Self, NoScimUrl> {
        let url = Self(format!("{}/", text.strip_suffix('/').unwrap_or(text)));
        if url.holds(local) { Ok(url) } else { Err(NoScimUrl) }
    }

    /// Whether it is what [`ScimUrl::parse`] takes.
    #[must_use]
    pub fn holds(&self, local: bool) -> bool {
        let Some((scheme, rest)) = self.0.split_once("://") else {
            return false;
        };
        let Some((authority, path)) = rest.split_once('/') else {
            return false;
        };
        let host =
            (scheme == "https" && is_aws(authority)) || (local && scheme == "http" && is_this_machine(authority));
        let tenant = path.strip_suffix('/').and_then(|path| path.strip_suffix(PATH));
        host && tenant.is_some_and(is_tenant)
    }

    /// The url, with a slash in the end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is reached over TLS.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.0.starts_with("https://")
    }
}

impl fmt::Display for ScimUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `scim.<region>.amazonaws.com`; the regions of the China partition, and no others, have names below `.cn`.
fn is_aws(host: &str) -> bool {
    let Some(rest) = host.strip_prefix("scim.") else {
        return false;
    };
    match (
        rest.strip_suffix(".amazonaws.com.cn"),
        rest.strip_suffix(".amazonaws.com"),
    ) {
        (Some(region), _) => region.starts_with("cn-") && is_region(region),
        (None, Some(region)) => !region.starts_with("cn-") && is_region(region),
        (None, None) => false,
    }
}

/// `eu-central-1`, `us-gov-west-1`: words of small letters, and a number.
fn is_region(text: &str) -> bool {
    let words: Vec<&str> = text.split('-').collect();
    let Some((number, words)) = words.split_last() else {
        return false;
    };
    let is_word = |word: &&str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase());
    text.len() <= LONGEST_REGION
        && words.len() >= 2
        && words.iter().all(is_word)
        && !number.is_empty()
        && number.bytes().all(|b| b.is_ascii_digit())
}

fn is_tenant(text: &str) -> bool {
    (1..=LONGEST_TENANT).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

/// `<address>:<port>`, the address that of this machine.
fn is_this_machine(authority: &str) -> bool {
    let Some((host, port)) = authority.rsplit_once(':') else {
        return false;
    };
    let port = !port.starts_with('0') && port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok();
    let here = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(host) => host.parse::<Ipv6Addr>().is_ok_and(|ip| ip.is_loopback()),
        None => host.parse::<Ipv4Addr>().is_ok_and(|ip| ip.is_loopback()),
    };
    port && here
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT: &str = "abcd1234ef-6f9619ff-8b86-d011-b42d-00cf4fc964ff";

    #[test]
    fn what_the_console_of_aws_shows_is_taken_and_ends_in_a_slash() {
        for host in [
            "scim.us-east-1.amazonaws.com",
            "scim.eu-central-1.amazonaws.com",
            "scim.ap-southeast-2.amazonaws.com",
            "scim.us-gov-west-1.amazonaws.com",
            "scim.cn-north-1.amazonaws.com.cn",
        ] {
            let url = format!("https://{host}/{TENANT}/scim/v2/");
            assert_eq!(ScimUrl::parse(&url, false).unwrap().as_str(), url);
            assert_eq!(ScimUrl::parse(url.trim_end_matches('/'), false).unwrap().as_str(), url);
            assert!(ScimUrl::parse(&url, false).unwrap().is_https());
        }
    }

    #[test]
    fn everything_else_is_refused() {
        let good = format!("https://scim.us-east-1.amazonaws.com/{TENANT}/scim/v2/");
        let with = |from: &str, to: &str| {
            assert!(good.contains(from), "{from}");
            good.replacen(from, to, 1)
        };
        let bad = [
            // Another scheme.
            with("https", "http"),
            with("https", "HTTPS"),
            with("https", "ftp"),
            with("https://", "https:/"),
            with("https://", "//"),
            with("https://", ""),
            with("https://", "https:\\\\"),
            // Another host.
            with("scim.us-east-1.amazonaws.com", "169.254.169.254"),
            with(
                "scim.us-east-1.amazonaws.com",
                "scim.us-east-1.amazonaws.com.evil.example",
            ),
            with("scim.us-east-1.amazonaws.com", "evil.example"),
            with("scim.", "evil.example/scim."),
            with("scim.", "evil.example#scim."),
            with("scim.", "evil.example?scim."),
            with("scim.", "evil.example\\scim."),
            with("scim.", "scim.evil."),
            with("scim.", "sts."),
            with("scim.", "Scim."),
            with("scim.", ""),
            with("us-east-1", "us-east-1.s3"),
            with("us-east-1", "useast1"),
            with("us-east-1", "us-east"),
            with("us-east-1", "1"),
            with("us-east-1", ""),
            with("us-east-1", "US-EAST-1"),
            with("us-east-1", "us--1"),
            with("us-east-1", "us-east-1%2e"),
            with("us-east-1", "us-e\u{430}st-1"),
            with("us-east-1", &format!("us-{}-1", "a".repeat(30))),
            with("us-east-1", "cn-north-1"),
            with("amazonaws.com", "amazonaws.com.cn"),
            with("amazonaws.com", "amazonaws.com."),
            with("amazonaws.com", "amazonaws.org"),
            // A user, a port, a query, a fragment.
            with("scim.", "me@scim."),
            with("scim.", "me:secret@scim."),
            with("amazonaws.com/", "amazonaws.com@evil.example/"),
            with("amazonaws.com", "amazonaws.com:443"),
            with("amazonaws.com", "amazonaws.com:8443"),
            with("scim/v2/", "scim/v2/?x=1"),
            with("scim/v2/", "scim/v2?x=1"),
            with("scim/v2/", "scim/v2/#x"),
            // Another path.
            with(TENANT, ""),
            with(TENANT, ".."),
            with(TENANT, "a/b"),
            with(TENANT, "a%2fb"),
            with(TENANT, "a b"),
            with(TENANT, &"a".repeat(65)),
            with("scim/v2/", ""),
            with("scim/v2/", "scim/v1/"),
            with("scim/v2/", "scim/v2/Users"),
            with("scim/v2/", "scim/v2//"),
            with("scim/v2/", "/scim/v2/"),
            with("scim/v2/", "SCIM/v2/"),
            // Around it.
            format!(" {good}"),
            format!("{good} "),
            format!("{good}\n"),
            String::new(),
            "/".to_owned(),
        ];
        for url in bad {
            for local in [false, true] {
                assert_eq!(ScimUrl::parse(&url, local), Err(NoScimUrl), "{url}");
            }
        }
    }

    #[test]
    fn this_machine_is_taken_only_where_nothing_outside_is_reached() {
        for base in ["http://127.0.0.1:8608", "http://127.9.9.9:1", "http://[::1]:8608"] {
            let url = format!("{base}/{TENANT}/scim/v2");
            assert_eq!(ScimUrl::parse(&url, false), Err(NoScimUrl), "{url}");
            let here = ScimUrl::parse(&url, true).unwrap();
            assert!(here.holds(true) && !here.holds(false) && !here.is_https());
        }
        for base in [
            "http://127.0.0.1",
            "http://127.0.0.1:0",
            "http://127.0.0.1:99999",
            "http://127.0.0.1:",
            "http://127.0.0.1:+80",
            "http://127.1:80",
            "http://localhost:8608",
            "http://localhost.evil.example:80",
            "http://10.0.0.1:80",
            "http://169.254.169.254:80",
            "http://0.0.0.0:80",
            "http://[::]:80",
            "http://[::ffff:127.0.0.1]:80",
            "http://me@127.0.0.1:80",
            "http://127.0.0.1:80@evil.example:80",
            "https://127.0.0.1:8608",
        ] {
            let url = format!("{base}/{TENANT}/scim/v2/");
            assert_eq!(ScimUrl::parse(&url, true), Err(NoScimUrl), "{url}");
        }
    }

    #[test]
    fn what_was_stored_is_checked_again() {
        let stored: ScimUrl = serde_json::from_str("\"https://evil.example/x/scim/v2/\"").unwrap();
        assert!(!stored.holds(false) && !stored.holds(true));
    }
}
