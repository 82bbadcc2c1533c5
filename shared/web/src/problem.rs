//! Errors on the wire: problem details (RFC 9457).

use axum::Json;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hourglass_app::AppError;
use hourglass_app::ports::store::StoreError;
use hourglass_domain::Refusal;
use hourglass_domain::refusal::{RefusalKind, Rule};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::StepUp;
use crate::words::{Html, Words};

/// Prefix of every problem type; what follows is the stable code of the rule.
pub const TYPE_PREFIX: &str = "urn:hourglass:problem:";

/// A problem, as every error is told.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Problem {
    /// Which rule refused it: `urn:hourglass:problem:<code>`. Codes do not change.
    #[serde(rename = "type")]
    pub kind: String,
    /// The HTTP status in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What was refused, by which rule, and what would work.
    pub detail: String,
    /// The field at fault, as the caller spells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The claims challenge, when the caller has to prove more: the same value as in `WWW-Authenticate`, because some
    /// gateways rename that header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claims: Option<String>,
    /// The refusal behind it, for pages in other languages.
    #[serde(skip)]
    #[schema(ignore)]
    refusal: Option<Box<Refusal>>,
    /// Further headers of the answer.
    #[serde(skip)]
    #[schema(ignore)]
    headers: Vec<(String, String)>,
}

impl Problem {
    /// A problem.
    #[must_use]
    pub fn new(status: StatusCode, code: &str, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("{TYPE_PREFIX}{code}"),
            title: status.canonical_reason().unwrap_or("Error").to_owned(),
            status: status.as_u16(),
            detail: detail.into(),
            field: None,
            claims: None,
            refusal: None,
            headers: Vec::new(),
        }
    }

    /// The body or query cannot be read.
    #[must_use]
    pub fn bad_request(code: &str, field: Option<String>, detail: impl Into<String>) -> Self {
        Self {
            field,
            ..Self::new(StatusCode::BAD_REQUEST, code, detail)
        }
    }

    /// There is nothing at this path.
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "There is nothing here.")
    }

    /// No or no valid access token.
    #[must_use]
    pub fn unauthorized(why: &str) -> Self {
        let mut problem = Self::new(StatusCode::UNAUTHORIZED, "unauthorized", why);
        problem.headers.push((
            "www-authenticate".to_owned(),
            "Bearer error=\"invalid_token\"".to_owned(),
        ));
        problem
    }

    /// Something of ours or behind us does not work; the caller may try again.
    #[must_use]
    pub fn unavailable() -> Self {
        let mut problem = Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            "Hourglass cannot do this right now. Try again in a few seconds, with the same Idempotency-Key.",
        );
        problem.headers.push(("retry-after".to_owned(), "2".to_owned()));
        problem
    }

    /// A fault of our own code.
    #[must_use]
    pub fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "Something went wrong inside Hourglass.",
        )
    }

    /// What a refusal says on the wire.
    #[must_use]
    pub fn refused(refusal: &Refusal, step_up: &StepUp, tenant: Option<&str>) -> Self {
        let status = match refusal.kind() {
            RefusalKind::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
            RefusalKind::Forbidden => StatusCode::FORBIDDEN,
            RefusalKind::NotFound => StatusCode::NOT_FOUND,
            RefusalKind::Conflict => StatusCode::CONFLICT,
            RefusalKind::TooMany => StatusCode::TOO_MANY_REQUESTS,
            RefusalKind::StepUp => StatusCode::UNAUTHORIZED,
        };
        let mut problem = Self::new(status, refusal.code(), refusal.to_string());
        problem.field = refusal.field().map(str::to_owned);
        problem.refusal = Some(Box::new(refusal.clone()));
        if let Some(seconds) = refusal.retry_after() {
            problem.headers.push(("retry-after".to_owned(), seconds.to_string()));
        }
        if refusal.kind() == RefusalKind::StepUp {
            problem = problem.challenged(step_up, tenant.unwrap_or("organizations"));
        }
        problem
    }

    /// With the claims challenge that makes a client sign its user in again with the authentication context.
    fn challenged(mut self, step_up: &StepUp, tenant: &str) -> Self {
        let wanted = serde_json::json!({
            "access_token": {"acrs": {"essential": true, "value": step_up.auth_context}}
        });
        let claims = STANDARD.encode(wanted.to_string());
        let uri = format!("{}/{tenant}/oauth2/v2.0/authorize", step_up.login);
        self.headers.push((
            "www-authenticate".to_owned(),
            format!(
                "Bearer realm=\"\", authorization_uri=\"{uri}\", error=\"insufficient_claims\", claims=\"{claims}\""
            ),
        ));
        self.claims = Some(claims);
        self
    }

    /// The problem as people read it: title and sentence in their language.
    #[must_use]
    pub fn in_words(mut self, words: Words) -> Self {
        let title = words.maybe(&format!("error-title-{}", self.status));
        self.title = title.unwrap_or_else(|| words.t("error-title-other"));
        match &self.refusal {
            Some(refusal) => self.detail = words.refusal(refusal),
            None => {
                if let Some(detail) = words.maybe(&format!("error-{}", self.code())) {
                    self.detail = detail;
                }
            }
        }
        self
    }

    /// The sentence of [`Self::in_words`] on a page: its instants are shown like every other.
    pub(crate) fn told(&self, words: Words) -> Html {
        match &self.refusal {
            Some(refusal) => words.refused(refusal),
            None => Html::text(&self.detail),
        }
    }

    /// The stable code: the last part of the type.
    #[must_use]
    pub fn code(&self) -> &str {
        self.kind.strip_prefix(TYPE_PREFIX).unwrap_or(&self.kind)
    }

    /// Puts the problem's own headers where they belong.
    pub(crate) fn put_headers(&self, headers: &mut http::HeaderMap) {
        for (name, value) in &self.headers {
            if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), value.parse::<HeaderValue>()) {
                headers.insert(name, value);
            }
        }
    }

    /// What a use case's error says on the wire. What is not the caller's business is logged here, once.
    #[must_use]
    pub fn from_error(error: &AppError, step_up: &StepUp, tenant: Option<&str>) -> Self {
        match error {
            AppError::Refused(refusal) => {
                // Denials are logged, what is merely misspelled is not (OWASP ASVS 16.3.2).
                if matches!(
                    refusal.kind(),
                    RefusalKind::Forbidden | RefusalKind::StepUp | RefusalKind::TooMany
                ) {
                    tracing::warn!(code = refusal.code(), tenant, "a call was refused");
                }
                Self::refused(refusal, step_up, tenant)
            }
            AppError::Store(StoreError::Cursor) => Self {
                refusal: Some(Box::new(Refusal::invalid("cursor", Rule::Cursor))),
                ..Self::bad_request(
                    "invalid-field",
                    Some("cursor".to_owned()),
                    "cursor is not one that a list gave.",
                )
            },
            AppError::Store(_)
            | AppError::Secret(_)
            | AppError::Connector(_)
            | AppError::Schedule(_)
            | AppError::Delay(_)
            | AppError::Seal(_) => {
                tracing::error!(%error, "a call could not be served");
                Self::unavailable()
            }
            AppError::Canonical(_) => {
                tracing::error!(%error, "a call could not be served");
                Self::internal()
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(&self)).into_response();
        response.headers_mut().insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        self.put_headers(response.headers_mut());
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hourglass_domain::refusal::{Shape, StepUpProblem};

    fn step_up() -> StepUp {
        StepUp {
            login: "https://login.example".to_owned(),
            auth_context: "c1".to_owned(),
        }
    }

    #[test]
    fn a_refusal_names_rule_field_and_sentence() {
        let problem = Problem::refused(
            &Refusal::invalid("duration", Rule::Shape(Shape::Duration)),
            &step_up(),
            None,
        );
        assert_eq!(problem.status, 422);
        assert_eq!(problem.kind, "urn:hourglass:problem:invalid-field");
        assert_eq!(problem.field.as_deref(), Some("duration"));
        assert_eq!(problem.detail, "duration: must be a duration such as 30m, 1h or 2d");
    }

    #[test]
    fn a_step_up_is_a_claims_challenge_in_header_and_body() {
        let refusal = Refusal::StepUpRequired {
            why: StepUpProblem::Stale,
        };
        let response = Problem::refused(&refusal, &step_up(), Some("t")).into_response();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        let header = response.headers()["www-authenticate"].to_str().unwrap().to_owned();
        assert!(header.contains("error=\"insufficient_claims\""), "{header}");
        let claims = Problem::refused(&refusal, &step_up(), None).claims.unwrap();
        assert!(header.contains(&claims));
        let decoded: serde_json::Value = serde_json::from_slice(&STANDARD.decode(claims).unwrap()).unwrap();
        assert_eq!(decoded["access_token"]["acrs"]["value"], "c1");
    }

    #[test]
    fn what_is_inside_stays_inside() {
        let inside = AppError::Store(hourglass_app::ports::store::StoreError::Unavailable(
            "host 10.0.0.1".to_owned(),
        ));
        let problem = Problem::from_error(&inside, &step_up(), None);
        assert_eq!(problem.status, 503);
        assert!(!problem.detail.contains("10.0.0.1"));
    }
}
