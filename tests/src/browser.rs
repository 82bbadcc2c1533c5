//! A browser without a screen: cookies, redirects one by one, and what browsers say of where a call comes from.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, ensure};
use reqwest::header::{HeaderMap, HeaderValue, LOCATION, SET_COOKIE};
use reqwest::{Method, Url};
use serde_json::Value;

use crate::{Client, PATIENCE};

/// Most redirects that are followed.
const MOST_HOPS: usize = 8;
/// What the browser calls itself.
const AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0";

/// A browser.
#[derive(Debug)]
pub struct Browser {
    /// The console's origin.
    pub console: String,
    http: reqwest::Client,
    cookies: Mutex<BTreeMap<(String, String), String>>,
}

/// What came of a call.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Where it came from.
    pub url: Url,
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: String,
}

impl Seen {
    /// Where it sends the browser.
    #[must_use]
    pub fn location(&self) -> Option<&str> {
        self.headers.get(LOCATION).and_then(|place| place.to_str().ok())
    }

    /// The token of the page's forms.
    ///
    /// # Errors
    /// When the page has no form.
    pub fn form_token(&self) -> anyhow::Result<String> {
        let (_, rest) = self
            .body
            .split_once("name=\"form_token\" value=\"")
            .with_context(|| format!("no form in {}", self.body))?;
        Ok(rest.split('"').next().unwrap_or_default().to_owned())
    }

    /// The `Set-Cookie` lines.
    #[must_use]
    pub fn cookies(&self) -> Vec<String> {
        let lines = self.headers.get_all(SET_COOKIE).iter();
        lines.filter_map(|line| line.to_str().ok().map(str::to_owned)).collect()
    }
}

impl Browser {
    /// A browser without cookies.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn new(client: &Client) -> anyhow::Result<Self> {
        Self::at(&client.ready.console)
    }

    /// A browser for the console at `console`.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn at(console: &str) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder()
            .timeout(PATIENCE)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(AGENT)
            .build()?;
        Ok(Self {
            console: console.to_owned(),
            http,
            cookies: Mutex::default(),
        })
    }

    /// The value of a cookie of the console's.
    #[must_use]
    pub fn cookie(&self, name: &str) -> Option<String> {
        let host = Url::parse(&self.console).ok()?.host_str()?.to_owned();
        let cookies = self.cookies.lock().unwrap_or_else(PoisonError::into_inner);
        cookies.get(&(host, name.to_owned())).cloned()
    }

    /// Plants a cookie of the console's, as somebody with a moment at the machine could.
    pub fn set_cookie(&self, name: &str, value: &str) {
        let host = Url::parse(&self.console)
            .ok()
            .and_then(|url| url.host_str().map(str::to_owned));
        let mut cookies = self.cookies.lock().unwrap_or_else(PoisonError::into_inner);
        cookies.insert((host.unwrap_or_default(), name.to_owned()), value.to_owned());
    }

    /// One call, with the headers given and the cookies that the host has. `place` is a path of the console's, or a url.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn call(&self, method: Method, place: &str, headers: HeaderMap, body: String) -> anyhow::Result<Seen> {
        let url = if place.starts_with('/') {
            Url::parse(&format!("{}{place}", self.console))?
        } else {
            Url::parse(place)?
        };
        let host = url.host_str().unwrap_or_default().to_owned();
        let mut request = self.http.request(method, url.clone()).headers(headers).body(body);
        let line = self.line(&host);
        if !line.is_empty() {
            request = request.header("cookie", line);
        }
        let answer = request.send().await?;
        for line in answer.headers().get_all(SET_COOKIE) {
            self.keep(&host, line.to_str()?);
        }
        Ok(Seen {
            url,
            status: answer.status().as_u16(),
            headers: answer.headers().clone(),
            body: answer.text().await?,
        })
    }

    fn line(&self, host: &str) -> String {
        let cookies = self.cookies.lock().unwrap_or_else(PoisonError::into_inner);
        let own = cookies.iter().filter(|((of, _), _)| of == host);
        own.map(|((_, name), value)| format!("{name}={value}"))
            .collect::<Vec<_>>()
            .join("; ")
    }

    fn keep(&self, host: &str, line: &str) {
        let mut cookies = self.cookies.lock().unwrap_or_else(PoisonError::into_inner);
        let pair = line.split(';').next().unwrap_or_default();
        if let Some((name, value)) = pair.split_once('=') {
            let key = (host.to_owned(), name.to_owned());
            if line.contains("Max-Age=0") {
                cookies.remove(&key);
            } else {
                cookies.insert(key, value.to_owned());
            }
        }
    }

    /// Opens a page, without following redirects.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn open(&self, place: &str) -> anyhow::Result<Seen> {
        let mut headers = HeaderMap::new();
        headers.insert("sec-fetch-mode", HeaderValue::from_static("navigate"));
        headers.insert("sec-fetch-site", HeaderValue::from_static("none"));
        headers.insert("accept", HeaderValue::from_static("text/html"));
        self.call(Method::GET, place, headers, String::new()).await
    }

    /// Sends a form of one of the console's own pages, without following redirects.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn send(&self, place: &str, fields: &[(&str, &str)]) -> anyhow::Result<Seen> {
        let mut headers = self.own()?;
        headers.insert(
            "content-type",
            HeaderValue::from_static("application/x-www-form-urlencoded"),
        );
        let mut body = Url::parse("form:///")?;
        body.query_pairs_mut().extend_pairs(fields);
        let body = body.query().unwrap_or_default().to_owned();
        self.call(Method::POST, place, headers, body).await
    }

    /// What a browser says of a form that a page of the console's sends.
    ///
    /// # Errors
    /// When the console's origin is none.
    pub fn own(&self) -> anyhow::Result<HeaderMap> {
        let mut headers = HeaderMap::new();
        headers.insert("sec-fetch-mode", HeaderValue::from_static("navigate"));
        headers.insert("sec-fetch-site", HeaderValue::from_static("same-origin"));
        headers.insert("origin", self.console.parse()?);
        Ok(headers)
    }

    /// Opens a page and follows redirects; at the identity provider `user` signs in, as `order` says where there is one
    /// (see the simulated provider's `_order`). The last page, and where the provider sent the browser.
    ///
    /// # Errors
    /// When there is no answer, or no end.
    pub async fn travel(
        &self,
        start: &str,
        user: &str,
        order: Option<&Value>,
    ) -> anyhow::Result<(Seen, Option<String>)> {
        let mut back = None;
        let mut seen = self.open(start).await?;
        for _ in 0..MOST_HOPS {
            let Some(place) = seen.location() else {
                return Ok((seen, back));
            };
            let mut place = seen.url.join(place)?;
            let at_provider = place.path().ends_with("/authorize");
            if at_provider {
                place.query_pairs_mut().append_pair("login_hint", user);
                if let Some(order) = order {
                    place.query_pairs_mut().append_pair("_order", &order.to_string());
                }
            }
            seen = self.open(place.as_str()).await?;
            if at_provider {
                back = seen.location().map(str::to_owned);
            }
        }
        anyhow::bail!("no end of redirects, last at {}", seen.url)
    }

    /// Goes to the identity provider and signs in there, but does not come back: the address that would be next.
    ///
    /// # Errors
    /// When the provider sends the browser nowhere.
    pub async fn almost(&self, start: &str, user: &str, order: Option<&Value>) -> anyhow::Result<String> {
        let seen = self.open(start).await?;
        let mut place = Url::parse(seen.location().with_context(|| format!("not sent on: {}", seen.body))?)?;
        place.query_pairs_mut().append_pair("login_hint", user);
        if let Some(order) = order {
            place.query_pairs_mut().append_pair("_order", &order.to_string());
        }
        let seen = self.open(place.as_str()).await?;
        Ok(seen
            .location()
            .with_context(|| format!("not sent back: {} {}", seen.status, seen.body))?
            .to_owned())
    }

    /// Signs somebody in, and ends on the page of their sessions.
    ///
    /// # Errors
    /// When that does not work.
    pub async fn sign_in(&self, user: &str) -> anyhow::Result<Seen> {
        let (seen, _) = self.travel("/auth/sessions", user, None).await?;
        ensure!(
            seen.status == 200 && seen.url.path() == "/auth/sessions",
            "{} {}: {}",
            seen.url,
            seen.status,
            seen.body
        );
        Ok(seen)
    }
}
