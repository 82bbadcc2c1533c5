//! What the SDK's errors mean to the port.

use std::error::Error;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::CancellationReason;
use hourglass_app::ports::store::{CommitError, StoreError};

/// Codes that no repetition cures: the call, the table or the role is not what our code takes it for. Every other code
/// (throttling, server faults, credentials that are being renewed, what AWS may add) leaves open what happened.
const LASTING: [&str; 7] = [
    "ValidationException",
    "SerializationException",
    "UnknownOperationException",
    "ResourceNotFoundException",
    "AccessDeniedException",
    "IdempotentParameterMismatchException",
    "ItemCollectionSizeLimitExceededException",
];

/// The reason of an action that is not why a transaction was cancelled.
const NO_REASON: &str = "None";
/// The reason of an action whose condition did not hold.
const CONDITION: &str = "ConditionalCheckFailed";
/// Reasons that no repetition cures. The others (`TransactionConflict`, `ThrottlingError`,
/// `ProvisionedThroughputExceeded`, what AWS may add) pass, or can be tried without harm: nothing was written.
const LASTING_REASONS: [&str; 3] = ["ValidationError", "ItemCollectionSizeLimitExceeded", "AccessDenied"];

/// How an attempt to commit failed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Attempt {
    /// Nothing was written, for a reason that passes.
    Again(String),
    /// For good.
    Final(CommitError),
}

impl From<Attempt> for CommitError {
    fn from(attempt: Attempt) -> Self {
        match attempt {
            Attempt::Again(why) => StoreError::Unavailable(why).into(),
            Attempt::Final(error) => error,
        }
    }
}

/// What a failed call means.
pub(crate) fn store_error<E>(operation: &str, error: &SdkError<E>) -> StoreError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    match error {
        SdkError::ServiceError(answer) => {
            let code = answer.err().code().unwrap_or("an error without a code");
            let status = answer.raw().status().as_u16();
            let message = answer.err().message().unwrap_or("no message");
            let text = format!("{operation}: {code} ({status}): {message}");
            if LASTING.contains(&code) {
                StoreError::Rejected(text)
            } else {
                StoreError::Unavailable(text)
            }
        }
        SdkError::ConstructionFailure(_) => StoreError::Rejected(format!("{operation}: {}", chain(error))),
        _ => StoreError::Unavailable(format!("{operation}: {}", chain(error))),
    }
}

/// What a failed attempt to commit means.
pub(crate) fn commit_error(error: &SdkError<TransactWriteItemsError>) -> Attempt {
    match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
            by_reasons(cancelled.cancellation_reasons())
        }
        _ => Attempt::Final(store_error("TransactWriteItems", error).into()),
    }
}

/// Reasons come in the order of the actions. A condition that did not hold is the news whatever else was in the way:
/// the caller has to decide anew.
fn by_reasons(reasons: &[CancellationReason]) -> Attempt {
    let reasons: Vec<(usize, &str, &str)> = reasons
        .iter()
        .enumerate()
        .map(|(position, reason)| {
            let code = reason.code().unwrap_or(NO_REASON);
            (position, code, reason.message().unwrap_or("no message"))
        })
        .filter(|(_, code, _)| *code != NO_REASON)
        .collect();
    let failed: Vec<usize> = reasons
        .iter()
        .filter(|(_, code, _)| *code == CONDITION)
        .map(|(position, ..)| *position)
        .collect();
    if !failed.is_empty() {
        return Attempt::Final(CommitError::Conflict { failed });
    }
    let text = |(position, code, message): &(usize, &str, &str)| format!("{code} at write {position}: {message}");
    match reasons.iter().find(|(_, code, _)| LASTING_REASONS.contains(code)) {
        Some(lasting) => Attempt::Final(StoreError::Rejected(text(lasting)).into()),
        None => Attempt::Again(
            reasons
                .first()
                .map_or_else(|| "cancelled without a reason".to_owned(), text),
        ),
    }
}

/// An error with its causes, in one line.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reasons(codes: &[Option<&str>]) -> Vec<CancellationReason> {
        codes
            .iter()
            .map(|code| CancellationReason::builder().set_code(code.map(str::to_owned)).build())
            .collect()
    }

    #[test]
    fn reasons_decide_in_order_of_what_the_caller_has_to_do() {
        let conflict = |failed: &[usize]| {
            Attempt::Final(CommitError::Conflict {
                failed: failed.to_vec(),
            })
        };
        for (codes, expected) in [
            (
                &[
                    Some("None"),
                    Some("ConditionalCheckFailed"),
                    None,
                    Some("ConditionalCheckFailed"),
                ][..],
                conflict(&[1, 3]),
            ),
            (
                &[Some("TransactionConflict"), Some("ConditionalCheckFailed")],
                conflict(&[1]),
            ),
            (
                &[Some("TransactionConflict"), Some("ValidationError")],
                Attempt::Final(StoreError::Rejected("ValidationError at write 1: no message".to_owned()).into()),
            ),
            (
                &[Some("None"), Some("SomethingNew")],
                Attempt::Again("SomethingNew at write 1: no message".to_owned()),
            ),
            (
                &[Some("None"), Some("TransactionConflict"), Some("ThrottlingError")],
                Attempt::Again("TransactionConflict at write 1: no message".to_owned()),
            ),
            (
                &[Some("ProvisionedThroughputExceeded")],
                Attempt::Again("ProvisionedThroughputExceeded at write 0: no message".to_owned()),
            ),
            (&[], Attempt::Again("cancelled without a reason".to_owned())),
        ] {
            assert_eq!(by_reasons(&reasons(codes)), expected, "{codes:?}");
        }
    }
}
