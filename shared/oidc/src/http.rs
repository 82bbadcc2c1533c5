//! How the protocol's requests reach the network: to known hosts only, bounded in time, size and number.

use std::pin::Pin;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};
use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};
use tokio::sync::OnceCell;
use url::Url;

/// Making a connection.
const CONNECT: Duration = Duration::from_secs(2);
/// One attempt.
const REQUEST: Duration = Duration::from_secs(4);
/// Attempts after the first.
const RETRIES: usize = 2;
/// Least pause before the second; it grows, and up to as much again is added.
const PAUSE: Duration = Duration::from_millis(150);
/// Largest answer, in bytes.
const LARGEST_ANSWER: usize = 256 * 1024;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpError {
    /// An address that is none of the token service's.
    #[error("the address is not the token service's")]
    ForeignHost,
    /// The client could not be made.
    #[error("no HTTP client: {0}")]
    Client(String),
    /// Nothing was sent.
    #[error("no connection")]
    Unsent,
    /// It may have been carried out.
    #[error("no answer")]
    Lost,
    /// More than we take.
    #[error("the answer is too large")]
    TooLarge,
    /// The service says "not now".
    #[error("the token service answers with status {0}")]
    Busy(u16),
}

/// The network.
#[derive(Debug)]
pub(crate) struct Http {
    origins: Vec<url::Origin>,
    https_only: bool,
    client: OnceCell<reqwest::Client>,
}

impl Http {
    pub(crate) fn new(origins: Vec<url::Origin>, https_only: bool) -> Self {
        Self {
            origins,
            https_only,
            client: OnceCell::new(),
        }
    }

    /// Carries out a request, more than once where that changes nothing.
    async fn carry_out(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let url = Url::parse(&request.uri().to_string()).map_err(|_| HttpError::ForeignHost)?;
        let plain = url.username().is_empty() && url.password().is_none();
        if !plain || !self.origins.contains(&url.origin()) {
            return Err(HttpError::ForeignHost);
        }
        let client = self.client.get_or_try_init(|| async { self.make() }).await?;
        // A code is good for one redemption: what may have arrived is not sent again.
        let harmless = request.method() == http::Method::GET;
        let again = |error: &HttpError| match error {
            HttpError::Unsent => true,
            HttpError::Lost | HttpError::Busy(_) => harmless,
            HttpError::ForeignHost | HttpError::Client(_) | HttpError::TooLarge => false,
        };
        let pauses = ExponentialBuilder::default()
            .with_min_delay(PAUSE)
            .with_max_times(RETRIES)
            .with_jitter();
        (|| attempt(client, &request)).retry(pauses).when(again).await
    }

    fn make(&self) -> Result<reqwest::Client, HttpError> {
        reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .timeout(REQUEST)
            .redirect(reqwest::redirect::Policy::none())
            .https_only(self.https_only)
            .build()
            .map_err(|error| HttpError::Client(error.to_string()))
    }
}

impl<'c> AsyncHttpClient<'c> for Http {
    type Error = HttpError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.carry_out(request))
    }
}

async fn attempt(client: &reqwest::Client, request: &HttpRequest) -> Result<HttpResponse, HttpError> {
    let request = reqwest::Request::try_from(request.clone()).map_err(|error| HttpError::Client(error.to_string()))?;
    let mut answer = client.execute(request).await.map_err(|error| {
        if error.is_connect() {
            HttpError::Unsent
        } else {
            HttpError::Lost
        }
    })?;
    let status = answer.status();
    if status == http::StatusCode::TOO_MANY_REQUESTS || status.is_server_error() {
        return Err(HttpError::Busy(status.as_u16()));
    }
    let mut response = http::Response::builder().status(status);
    if let Some(headers) = response.headers_mut() {
        headers.clone_from(answer.headers());
    }
    let mut body = Vec::new();
    while let Some(part) = answer.chunk().await.map_err(|_| HttpError::Lost)? {
        if body.len() + part.len() > LARGEST_ANSWER {
            return Err(HttpError::TooLarge);
        }
        body.extend_from_slice(&part);
    }
    response.body(body).map_err(|_| HttpError::Lost)
}
