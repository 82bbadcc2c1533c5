//! How a SCIM call fails (RFC 7644 section 3.12).

use super::query::invalid_cursor;
use crate::change::ChangeError;
use crate::error::AppError;
use crate::ports::store::StoreError;

/// What a SCIM use case gives.
pub type Result<T, E = ScimError> = std::result::Result<T, E>;

/// The `scimType` of an error (RFC 7644 table 9; `invalidCursor` and `invalidCount` from RFC 9865 section 2.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ScimType {
    /// The filter cannot be read or is not supported.
    InvalidFilter,
    /// The filter would read more than the server is willing to.
    TooMany,
    /// A value is taken.
    Uniqueness,
    /// The attribute cannot be changed.
    Mutability,
    /// The body is not what was asked for.
    InvalidSyntax,
    /// The path names nothing.
    InvalidPath,
    /// The path has no target.
    NoTarget,
    /// A value is missing or unfit.
    InvalidValue,
    /// The cursor is not one of ours.
    InvalidCursor,
}

impl ScimType {
    /// As on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidFilter => "invalidFilter",
            Self::TooMany => "tooMany",
            Self::Uniqueness => "uniqueness",
            Self::Mutability => "mutability",
            Self::InvalidSyntax => "invalidSyntax",
            Self::InvalidPath => "invalidPath",
            Self::NoTarget => "noTarget",
            Self::InvalidValue => "invalidValue",
            Self::InvalidCursor => "invalidCursor",
        }
    }
}

/// Why a SCIM call did not do what was asked. Nothing was written, with two exceptions. When the table did not answer
/// ([`ScimError::App`]), it may have been. And of a change of members that is too large for one transaction, a part may
/// be stored when the table did not answer, when others changed the same group all the time ([`ScimError::Busy`]), or
/// when somebody deleted the group meanwhile ([`ScimError::NotFound`]). In each case the client asks again, which is safe
/// for every call.
#[derive(Debug, thiserror::Error)]
pub enum ScimError {
    /// The call breaks a rule that the client can mend.
    #[error("{detail}")]
    Bad {
        /// Which sort of rule.
        kind: ScimType,
        /// The rule, for people; names the attribute at fault.
        detail: String,
    },
    /// No secret, or not a valid one.
    #[error("A valid SCIM secret is needed in the Authorization header.")]
    Unauthorized,
    /// Nothing by that id in this application.
    #[error("There is no such {what}.")]
    NotFound {
        /// `user`, `group`, `endpoint`, …
        what: &'static str,
    },
    /// Another resource has the value.
    #[error("{attribute}: another {what} of this application has this value.")]
    Taken {
        /// The attribute.
        attribute: &'static str,
        /// `user` or `group`.
        what: &'static str,
    },
    /// `If-Match` names another version.
    #[error("The {what} has changed since the version that If-Match names.")]
    Precondition {
        /// `user` or `group`.
        what: &'static str,
    },
    /// The body, or what it asks for, is larger than the server takes in one call.
    #[error("{0}")]
    TooLarge(String),
    /// Discovery takes no filter (RFC 7644 section 4).
    #[error("Discovery endpoints take no filter.")]
    NoFilterHere,
    /// Others kept changing the same thing at the same time.
    #[error("Too many changes of the same {what} at the same time; ask again.")]
    Busy {
        /// `user` or `group`.
        what: &'static str,
    },
    /// Our own trouble; callers learn only that the service is not available.
    #[error(transparent)]
    App(#[from] AppError),
}

impl ScimError {
    /// A call that breaks a rule.
    pub fn bad(kind: ScimType, detail: impl Into<String>) -> Self {
        Self::Bad {
            kind,
            detail: detail.into(),
        }
    }

    /// A value that is missing or unfit.
    pub fn value(detail: impl Into<String>) -> Self {
        Self::bad(ScimType::InvalidValue, detail)
    }

    /// The HTTP status.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::Bad { .. } => 400,
            Self::Unauthorized => 401,
            Self::NoFilterHere => 403,
            Self::NotFound { .. } => 404,
            Self::Taken { .. } => 409,
            Self::Precondition { .. } => 412,
            Self::TooLarge(_) => 413,
            Self::Busy { .. } | Self::App(AppError::Store(StoreError::Unavailable(_))) => 503,
            Self::App(_) => 500,
        }
    }

    /// The `scimType`, where the RFC has one.
    #[must_use]
    pub const fn scim_type(&self) -> Option<ScimType> {
        match self {
            Self::Bad { kind, .. } => Some(*kind),
            Self::Taken { .. } => Some(ScimType::Uniqueness),
            _ => None,
        }
    }

    /// What the client is told. Of our own trouble it learns nothing.
    #[must_use]
    pub fn detail(&self) -> String {
        match self {
            Self::App(AppError::Store(StoreError::Unavailable(_))) => {
                "The service is not available at the moment; ask again.".to_owned()
            }
            Self::App(_) => "The service failed.".to_owned(),
            other => other.to_string(),
        }
    }
}

impl From<StoreError> for ScimError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Cursor => invalid_cursor(),
            error => Self::App(error.into()),
        }
    }
}

impl From<ChangeError> for ScimError {
    fn from(error: ChangeError) -> Self {
        Self::App(error.into())
    }
}
