//! How a call failed, in the few kinds that matter, with words a person can act on.

use std::error::Error;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::diagnosis::evidence::Status;

use super::wire::{NotInCase, NotOnTheList};

/// A failed call. `message` is one line without a full stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failing {
    pub kind: Kind,
    /// AWS's own error code, where it gave one.
    pub code: Option<String>,
    pub message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Denied,
    /// The credentials have expired or are not known: nothing else will work either.
    Credentials,
    Throttled,
    TimedOut,
    /// No answer, or none that could be read.
    Unreachable,
    /// The case file holds no answer to this question.
    NotRecorded,
    Unexpected,
}

impl Failing {
    #[must_use]
    pub fn status(&self) -> Status {
        match self.kind {
            Kind::Denied => Status::Denied,
            Kind::Throttled => Status::Throttled,
            Kind::TimedOut => Status::TimedOut,
            Kind::NotRecorded => Status::Skipped,
            Kind::Credentials | Kind::Unreachable | Kind::Unexpected => Status::Failed,
        }
    }

    /// Code and message in one.
    #[must_use]
    pub fn words(&self) -> String {
        let code = self.code.as_deref().filter(|code| *code != self.message).map(|code| format!("{code}: ")).unwrap_or_default();
        format!("{code}{}", self.message)
    }

    /// An answer came and cannot be what the operation gives.
    #[must_use]
    pub fn unreadable(message: impl Into<String>) -> Self {
        Self { kind: Kind::Unexpected, code: None, message: message.into() }
    }

    /// What an answer that calls for another attempt says, in the words of the SDK's error that it would have been.
    #[must_use]
    pub fn refused(status: u16, code: Option<String>, message: Option<String>) -> Self {
        let Some(code) = code else { return by_status(status) };
        Self { kind: kind_of(&code), message: message.map_or_else(|| code.clone(), |message| one_line(&message)), code: Some(code) }
    }

    /// What had its share of the run and was not read to its end in it.
    #[must_use]
    pub fn out_of_time() -> Self {
        Self { kind: Kind::TimedOut, code: None, message: "not read to its end in time".to_owned() }
    }

    /// AWS gave a page token a second time: what lies behind it stays unseen.
    #[must_use]
    pub fn repeated_token() -> Self {
        Self::unreadable("a page token that was there before: not read to the end")
    }

    /// Whether a clock is to blame, here or on the way, and no key.
    #[must_use]
    pub fn is_of_the_clock(&self) -> bool {
        self.is("RequestTimeTooSkewed") || self.kind == Kind::Credentials && ["Signature expired", "Signature not yet current"].iter().any(|words| self.message.starts_with(words))
    }

    #[must_use]
    pub fn is(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }
}

/// Sorts an SDK error by its code where AWS gave one, else by where on the way it arose.
///
/// `SdkError` prints as "service error": the sentence is made from code and message, or from the innermost source.
pub fn failing<E, R>(error: &SdkError<E, R>) -> Failing
where
    E: ProvideErrorMetadata + Error + 'static,
    R: std::fmt::Debug + 'static,
{
    if let Some(kind) = own_refusal(error) {
        return Failing { kind, code: None, message: innermost(error) };
    }
    if let SdkError::ServiceError(service) = error {
        let code = service.err().code().map(str::to_owned);
        let message = service.err().message().map_or_else(|| code.clone().unwrap_or_else(|| "no message".to_owned()), one_line);
        return match code {
            Some(code) => Failing { kind: kind_of(&code), message, code: Some(code) },
            None => untold(error).unwrap_or_else(|| Failing {
                kind: Kind::Unreachable,
                code: None,
                message: format!("an error without a code that could be read ({})", innermost(error)),
            }),
        };
    }
    match error {
        SdkError::TimeoutError(_) => Failing { kind: Kind::TimedOut, code: None, message: "no answer in time".to_owned() },
        SdkError::DispatchFailure(dispatch) if dispatch.is_timeout() => Failing { kind: Kind::TimedOut, code: None, message: "no answer in time".to_owned() },
        SdkError::DispatchFailure(_) => Failing { kind: Kind::Unreachable, code: None, message: innermost(error) },
        SdkError::ResponseError(_) => {
            untold(error).unwrap_or_else(|| Failing { kind: Kind::Unreachable, code: None, message: format!("an answer that cannot be read ({})", innermost(error)) })
        }
        _ => Failing { kind: Kind::Unexpected, code: None, message: innermost(error) },
    }
}

/// What an HTTP status says alone, where the answer holds no word of AWS's: something on the way wrote it, or a server that
/// was too busy for words.
fn untold<E, R: std::fmt::Debug + 'static>(error: &SdkError<E, R>) -> Option<Failing> {
    let response: &dyn std::any::Any = error.raw_response()?;
    let status = response.downcast_ref::<HttpResponse>()?.status().as_u16();
    (status >= 300).then(|| by_status(status))
}

fn by_status(status: u16) -> Failing {
    let (kind, message) = match status {
        300..=399 => (Kind::Unreachable, format!("HTTP {status}, a redirection: AWS sends none, something on the way does")),
        407 => (Kind::Unreachable, "HTTP 407: the proxy asks for a login".to_owned()),
        429 => (Kind::Throttled, "HTTP 429, too many requests".to_owned()),
        _ => (Kind::Unreachable, format!("HTTP {status}, and no words of AWS's with it")),
    };
    Failing { kind, code: None, message }
}

fn kind_of(code: &str) -> Kind {
    // Whether a code ends in `Exception` is a matter of the protocol.
    match code.trim_end_matches("Exception") {
        "AccessDenied" | "UnauthorizedOperation" | "NotAuthorized" | "Unauthorized" => Kind::Denied,
        "ExpiredToken"
        | "RequestExpired"
        | "UnrecognizedClient"
        | "InvalidClientTokenId"
        | "InvalidSignature"
        | "SignatureDoesNotMatch"
        | "AuthFailure"
        | "IncompleteSignature"
        | "MissingAuthenticationToken"
        | "RequestTimeTooSkewed" => Kind::Credentials,
        _ if is_throttle(code) => Kind::Throttled,
        _ => Kind::Unexpected,
    }
}

/// Whether this code says that too much was asked.
pub(super) fn is_throttle(code: &str) -> bool {
    let codes = ["Throttling", "Throttled", "TooManyRequests", "RequestLimitExceeded", "RequestThrottled", "SlowDown"];
    codes.contains(&code.trim_end_matches("Exception"))
}

fn own_refusal(error: &(dyn Error + 'static)) -> Option<Kind> {
    let mut at = Some(error);
    while let Some(here) = at {
        if here.is::<NotInCase>() {
            return Some(Kind::NotRecorded);
        }
        if here.is::<NotOnTheList>() {
            return Some(Kind::Unexpected);
        }
        at = here.source();
    }
    None
}

/// The words of the innermost cause: outer layers only say that something failed.
pub(super) fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut at = error;
    while let Some(next) = at.source() {
        at = next;
    }
    one_line(&at.to_string())
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").trim_end_matches('.').to_owned()
}
