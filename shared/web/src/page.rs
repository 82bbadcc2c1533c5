//! Pages: the frame around each, and what goes wrong as a page.
//!
//! A function renders its content with a template of its own ([`askama`], which escapes everything that is put into it) and
//! hands it to [`crate::session::Console::page`]. The frame adds the header and the style sheet. The content security
//! policy allows files of our own and nothing else: no style or script stands in a page.

use askama::Template;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use crate::assets::{Asset, CONSOLE, STYLE};
use crate::csrf::FormToken;
use crate::look::{Look, Theme};
use crate::problem::Problem;
use crate::words::{Html, Language, Words};

/// What a browser may do with a page.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'";

/// Headers of every page. The referrer goes to our own pages, which need it: with `no-referrer`, browsers would send
/// `Origin: null` with our own forms (Fetch, "append a request `Origin` header").
const HEADERS: [(HeaderName, &str); 7] = [
    (header::CONTENT_TYPE, "text/html; charset=utf-8"),
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::CACHE_CONTROL, "no-store"),
    (header::REFERRER_POLICY, "same-origin"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::STRICT_TRANSPORT_SECURITY, "max-age=63072000; includeSubDomains"),
];

/// Who reads a page.
#[derive(Clone, Debug)]
pub struct Reader {
    /// `None` for somebody who is signed in, and not provisioned.
    name: Option<String>,
    token: FormToken,
    /// Whether the frame shows the way to the configuration.
    admin: bool,
    /// Whether it shows the way to what waits for a decision.
    approver: bool,
    /// The path of the page, so that the frame marks where they are.
    place: String,
}

impl Reader {
    /// Somebody by the name `name`; `None` for somebody who is signed in, and not provisioned.
    #[must_use]
    pub fn new(name: Option<&str>, token: &FormToken) -> Self {
        Self {
            name: name.map(str::to_owned),
            token: token.clone(),
            admin: false,
            approver: false,
            place: String::new(),
        }
    }

    /// Somebody who may configure things, or not.
    #[must_use]
    pub const fn admin(mut self, admin: bool) -> Self {
        self.admin = admin;
        self
    }

    /// Somebody who may decide on requests, or not.
    #[must_use]
    pub const fn approver(mut self, approver: bool) -> Self {
        self.approver = approver;
        self
    }

    /// Where they are.
    #[must_use]
    pub fn at(mut self, place: &str) -> Self {
        place.clone_into(&mut self.place);
        self
    }

    /// The links of the frame: address, message, and whether the reader is there.
    fn links(&self) -> Vec<(&'static str, &'static str, bool)> {
        LINKS
            .iter()
            .filter(|(place, ..)| match *place {
                ADMIN => self.admin,
                INBOX => self.approver,
                _ => true,
            })
            .map(|(place, message)| {
                let here = self.place.strip_prefix(place);
                (
                    *place,
                    *message,
                    here.is_some_and(|rest| !rest.starts_with(|next: char| next.is_ascii_alphanumeric())),
                )
            })
            .collect()
    }
}

/// Where the configuration begins.
const ADMIN: &str = "/admin";
/// Where people decide.
const INBOX: &str = "/inbox";

/// The frame's links and their messages.
const LINKS: [(&str, &str); 5] = [
    ("/request", "nav-request"),
    ("/access", "nav-access"),
    (INBOX, "nav-inbox"),
    ("/history", "nav-history"),
    (ADMIN, "nav-admin"),
];

/// A page.
#[derive(Debug)]
pub struct Page {
    title: String,
    /// What a template made; `None` when it failed.
    content: Option<String>,
    reader: Option<Reader>,
    look: Look,
    scripts: Vec<&'static Asset>,
    /// Where its news are asked for, where there are any; empty for its own address.
    news: Option<String>,
    wide: bool,
    status: StatusCode,
}

impl Page {
    /// A page that nobody need be signed in to read.
    #[must_use]
    pub fn new<T: Template>(title: &str, content: &T) -> Self {
        let content = content
            .render()
            .inspect_err(|error| tracing::error!(%error, title, "a page cannot be rendered"));
        Self {
            title: title.to_owned(),
            content: content.ok(),
            reader: None,
            look: Look::default(),
            scripts: vec![&CONSOLE],
            news: None,
            wide: false,
            status: StatusCode::OK,
        }
    }

    /// The page in this language and theme.
    #[must_use]
    pub const fn look(mut self, look: Look) -> Self {
        self.look = look;
        self
    }

    /// The page whose parts with `data-live` and an id a script asks for again every few seconds while somebody looks.
    #[must_use]
    pub fn live(mut self) -> Self {
        self.news = Some(String::new());
        self
    }

    /// The live page whose news are at `place`. The answer to a form stands at an address that only forms are sent to,
    /// where nobody is told anything.
    #[must_use]
    pub fn live_at(mut self, place: &str) -> Self {
        self.news = Some(place.to_owned());
        self
    }

    /// The page over the whole width of the window: for timelines and wide tables.
    #[must_use]
    pub const fn wide(mut self) -> Self {
        self.wide = true;
        self
    }

    /// The page for `reader`.
    #[must_use]
    pub fn reader(mut self, reader: Option<Reader>) -> Self {
        self.reader = reader;
        self
    }

    /// The page with a script.
    #[must_use]
    pub fn script(mut self, script: &'static Asset) -> Self {
        self.scripts.push(script);
        self
    }

    /// The page with another status than 200.
    #[must_use]
    pub const fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }
}

#[derive(Template)]
#[template(path = "frame.html")]
struct Frame<'a> {
    w: Words,
    look: Look,
    themes: [Theme; 3],
    languages: [Language; 2],
    said: String,
    news: Option<&'a str>,
    wide: bool,
    title: &'a str,
    style: String,
    scripts: Vec<String>,
    reader: Option<&'a Reader>,
    /// Rendered by a template before.
    content: &'a str,
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        let Some(content) = &self.content else {
            return Problem::internal().into_response();
        };
        let w = self.look.words();
        let frame = Frame {
            w,
            look: self.look,
            themes: Theme::ALL,
            languages: Language::ALL,
            said: w.of_scripts(),
            news: self.news.as_deref(),
            wide: self.wide,
            title: &self.title,
            style: STYLE.path(),
            scripts: self.scripts.iter().map(|script| script.path()).collect(),
            reader: self.reader.as_ref(),
            content,
        };
        match frame.render() {
            Ok(text) => (self.status, headers(), text).into_response(),
            Err(error) => {
                tracing::error!(%error, "the frame of a page cannot be rendered");
                Problem::internal().into_response()
            }
        }
    }
}

fn headers() -> HeaderMap {
    HEADERS
        .into_iter()
        .map(|(name, value)| (name, HeaderValue::from_static(value)))
        .collect()
}

/// Why there is no page: a problem, told as a page or, to a script, as JSON; or another place to go.
#[derive(Debug)]
pub struct PageError(Box<Inner>);

#[derive(Debug)]
enum Inner {
    Problem {
        problem: Box<Problem>,
        page: bool,
        reader: Option<Reader>,
        look: Look,
        /// The message of a link to what would work, and where it leads.
        way: Option<(&'static str, String)>,
    },
    Redirect(String),
    Page(Page),
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorContent<'a> {
    w: Words,
    detail: Html,
    problem: &'a Problem,
    code: &'a str,
    way: Option<(&'a str, &'a str)>,
}

impl PageError {
    /// A problem, as a page or as JSON.
    #[must_use]
    pub fn new(problem: impl Into<Box<Problem>>, page: bool) -> Self {
        Self(Box::new(Inner::Problem {
            problem: problem.into(),
            page,
            reader: None,
            look: Look::default(),
            way: None,
        }))
    }

    /// Another place to go. The place has to be one of our own, or one that the configuration names.
    #[must_use]
    pub fn redirect(place: String) -> Self {
        Self(Box::new(Inner::Redirect(place)))
    }

    /// A page that says what is wrong in its own way.
    #[must_use]
    pub fn page(page: Page) -> Self {
        Self(Box::new(Inner::Page(page)))
    }

    /// The error page for `reader`.
    #[must_use]
    pub fn reader(mut self, of: Option<Reader>) -> Self {
        if let Inner::Problem { reader, .. } = &mut *self.0 {
            *reader = of;
        }
        self
    }

    /// The error page in this language and theme.
    #[must_use]
    pub fn look(mut self, of: Look) -> Self {
        if let Inner::Problem { look, .. } = &mut *self.0 {
            *look = of;
        }
        self
    }

    /// With a link to what would work: its message and its address.
    #[must_use]
    pub fn way(mut self, words: &'static str, place: String) -> Self {
        if let Inner::Problem { way, .. } = &mut *self.0 {
            *way = Some((words, place));
        }
        self
    }
}

impl From<Problem> for PageError {
    fn from(problem: Problem) -> Self {
        Self::new(problem, true)
    }
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        match *self.0 {
            Inner::Redirect(place) => see_other(&place),
            Inner::Page(page) => page.into_response(),
            Inner::Problem {
                problem,
                page: false,
                look,
                ..
            } => problem.in_words(look.words()).into_response(),
            Inner::Problem {
                problem,
                reader,
                way,
                look,
                ..
            } => {
                let problem = problem.in_words(look.words());
                // Whoever came to nothing is shown where there is something.
                let search = || (problem.status == 404).then(|| ("error-way-request", "/request".to_owned()));
                let way = way.or_else(search);
                let content = ErrorContent {
                    w: look.words(),
                    detail: problem.told(look.words()),
                    problem: &problem,
                    code: problem.code(),
                    way: way.as_ref().map(|(words, place)| (*words, place.as_str())),
                };
                let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                let mut response = Page::new(&problem.title, &content)
                    .status(status)
                    .look(look)
                    .reader(reader)
                    .into_response();
                problem.put_headers(response.headers_mut());
                response
            }
        }
    }
}

/// Sends a browser to `place` with a GET: after a form, so that back and reload repeat nothing.
#[must_use]
pub fn see_other(place: &str) -> Response {
    let Ok(place) = HeaderValue::from_str(place) else {
        return Problem::internal().into_response();
    };
    let mut response = StatusCode::SEE_OTHER.into_response();
    response.headers_mut().insert(header::LOCATION, place);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Template)]
    #[template(source = "<p>{{ text }}</p>", ext = "html")]
    struct Sample {
        text: &'static str,
    }

    async fn text(response: Response) -> String {
        let body = axum::body::to_bytes(response.into_body(), 100_000).await.unwrap();
        String::from_utf8(body.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn everything_that_is_shown_is_escaped() {
        let token = FormToken::of("secret");
        let evil = "<script>alert('x')</script>\"&";
        let page = Page::new(evil, &Sample { text: evil }).reader(Some(Reader::new(Some(evil), &token)));
        let page = text(page.into_response()).await;
        assert!(!page.contains("<script>alert"), "{page}");
        assert_eq!(page.matches("alert(").count(), 4, "{page}");
        assert!(page.contains(token.as_str()));
    }

    #[tokio::test]
    async fn a_page_allows_nothing_but_our_own_files() {
        let response = Page::new("Inbox", &Sample { text: "" }).into_response();
        let policy = response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        for part in [
            "default-src 'none'",
            "script-src 'self'",
            "frame-ancestors 'none'",
            "form-action 'self'",
        ] {
            assert!(policy.contains(part), "{policy}");
        }
        assert!(!policy.contains("unsafe"));
        assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
        assert_eq!(response.headers()[header::REFERRER_POLICY], "same-origin");
        let page = text(response).await;
        for inline in ["<style", "style=", "onclick", "javascript:"] {
            assert!(!page.contains(inline), "{inline}: {page}");
        }
    }

    #[tokio::test]
    async fn a_live_page_says_where_its_news_are() {
        let page = || Page::new("Inbox", &Sample { text: "" });
        assert!(!text(page().into_response()).await.contains("data-news"));
        assert!(text(page().live().into_response()).await.contains(" data-news=\"\">"));
        let answer = text(page().live_at("/inbox/7").into_response()).await;
        assert!(answer.contains(" data-news=\"/inbox/7\">"), "{answer}");
    }

    #[tokio::test]
    async fn an_error_is_a_page_for_a_person_and_a_problem_for_a_script() {
        let problem = || Problem::bad_request("strange", Some("<b>".to_owned()), "It is <i>wrong</i>.");
        let page = PageError::new(problem(), true).way("error-way-sign-in", "/auth/sign-in".to_owned());
        let page = page.into_response();
        assert_eq!(page.status(), StatusCode::BAD_REQUEST);
        let page = text(page).await;
        assert!(!page.contains("<i>wrong") && page.contains("strange"), "{page}");
        assert!(page.contains("href=\"/auth/sign-in\""), "{page}");
        let json = PageError::new(problem(), false).into_response();
        assert_eq!(json.headers()[header::CONTENT_TYPE], "application/problem+json");
        let elsewhere = PageError::redirect("/inbox".to_owned()).into_response();
        assert_eq!(elsewhere.status(), StatusCode::SEE_OTHER);
        assert_eq!(elsewhere.headers()[header::LOCATION], "/inbox");
        let broken = PageError::redirect("/inbox\r\nx: y".to_owned()).into_response();
        assert_eq!(broken.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }
}
