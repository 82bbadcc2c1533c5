//! The console's cookies: read strictly, and set with every attribute that keeps them in one place.

use http::{HeaderMap, HeaderValue, header};

/// The names of the cookies of one deployment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Names {
    /// Holds a session's secret.
    pub session: &'static str,
    /// Holds the secret of a sign-in under way.
    pub sign_in: &'static str,
}

impl Names {
    /// The names for a deployment at `origin`. The prefix makes browsers take such a cookie only from the host itself, over
    /// TLS and for all paths, so that no neighbour can plant one (RFC 6265bis section 4.1.3.2). Chromium has refused it on
    /// `http://localhost` although it takes `Secure` cookies there, so that a laptop, and only a laptop (the configuration
    /// sees to that), does without the prefix.
    #[must_use]
    pub fn of(origin: &str) -> Self {
        if origin.starts_with("https://") {
            Self {
                session: "__Host-hourglass",
                sign_in: "__Host-hourglass-sign-in",
            }
        } else {
            Self {
                session: "hourglass",
                sign_in: "hourglass-sign-in",
            }
        }
    }
}

/// The value of a cookie. Two of the same name are none: which one is ours cannot be told.
#[must_use]
pub fn read<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(found, _)| *found == name)
        .map(|(_, value)| value);
    let value = values.next()?;
    values.next().is_none().then_some(value)
}

/// A `Set-Cookie` for a secret that lasts `seconds`, or as long as the browser runs. Scripts cannot read it, and pages of
/// other sites send it with nothing but a link.
///
/// `None` when the value cannot be a header's: then it is none of ours.
#[must_use]
pub fn set(name: &str, value: &str, seconds: Option<i64>) -> Option<HeaderValue> {
    let age = seconds.map_or_else(String::new, |seconds| format!("; Max-Age={seconds}"));
    let text = format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax{age}");
    let mut value = HeaderValue::from_str(&text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// A `Set-Cookie` that takes the cookie away.
#[must_use]
pub fn clear(name: &str) -> Option<HeaderValue> {
    set(name, "", Some(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::COOKIE, line.parse().unwrap());
        }
        headers
    }

    #[test]
    fn a_cookie_is_read_by_its_whole_name() {
        let headers = headers(&["a=1; hourglass=secret; xhourglass=2", "b=3"]);
        assert_eq!(read(&headers, "hourglass"), Some("secret"));
        assert_eq!(read(&headers, "b"), Some("3"));
        assert_eq!(read(&headers, "c"), None);
    }

    #[test]
    fn two_cookies_of_one_name_are_none() {
        assert_eq!(read(&headers(&["a=1; a=2"]), "a"), None);
        assert_eq!(read(&headers(&["a=1", "a=2"]), "a"), None);
    }

    #[test]
    fn a_cookie_is_kept_to_the_host_and_from_scripts() {
        let names = Names::of("https://hourglass.contoso.example");
        assert!(names.session.starts_with("__Host-"));
        let set = set(names.session, "x", None).unwrap();
        assert_eq!(
            set.to_str().unwrap(),
            "__Host-hourglass=x; Path=/; Secure; HttpOnly; SameSite=Lax"
        );
        assert!(super::set(names.session, "x\r\nSet-Cookie: y", None).is_none());
        assert!(clear("a").unwrap().to_str().unwrap().ends_with("Max-Age=0"));
    }
}
