//! Why a model could not be asked, in words for the user.

use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

/// Why a model gave no reply. `said` is what the provider said, bounded, without keys and control characters. No variant
/// holds a key.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ModelError {
    // What was set.
    #[error("the address {url} cannot be asked: {why}")]
    BadUrl { url: String, why: String },
    #[error(
        "{host} would be sent the key and the code over plain http, where anybody on the way can read them; use https, or \
         set allow_insecure_http where the network is your own"
    )]
    InsecureUrl { host: String },
    #[error("the certificates in {} cannot be used: {why}; it has to be a PEM file", .path.display())]
    BadCa { path: PathBuf, why: String },
    #[error("the key cannot be used: {why}")]
    BadKey { why: &'static str },
    #[error("the setting {name} cannot be used: {why}")]
    BadSetting { name: &'static str, why: &'static str },
    #[error("nothing can be asked over TLS: {why}; install the system's certificates, or name a file with them")]
    NoTls { why: String },

    // On the way.
    #[error("the host {host} was not found; check the address and the network")]
    Unresolved { host: String },
    #[error("nothing answers at {host}: the connection was refused; start the server there, or check address and port")]
    ConnectionRefused { host: String },
    #[error("{host} cannot be reached: {why}")]
    Unreachable { host: String, why: String },
    #[error("{host} is not trusted: {why}; where a proxy signs connections, name its certificate file")]
    Untrusted { host: String, why: String },
    #[error("{host} did not accept a connection within {}; check the network", seconds(*.after))]
    ConnectTimeout { host: String, after: Duration },
    #[error("{host} did not begin to answer within {}; raise the time-out if its model is slow", seconds(*.after))]
    Silent { host: String, after: Duration },
    #[error("{host} stopped in the middle of its answer and said nothing for {}; try again", seconds(*.after))]
    Stalled { host: String, after: Duration },
    #[error("{host} did not finish within {}; raise the time-out, or ask for less", seconds(*.after))]
    TookTooLong { host: String, after: Duration },
    #[error("{host} does not speak HTTP as it should: {why}; check the address")]
    NotHttp { host: String, why: String },

    // What came back.
    #[error("{host} sends elsewhere ({to}), which is not followed; set that as the address if it is right")]
    Redirected { host: String, to: String },
    #[error("{host} answered with {what} and not as a model's server; check the address")]
    NotAnApi { host: String, what: String },
    #[error("{host} does not take the key{}{}; check the key and what it may do", of_status(*.status), told(.said))]
    KeyRefused { host: String, status: u16, said: String },
    #[error("the account at {host} has nothing left to spend{}{}", of_status(*.status), told(.said))]
    NoCredit { host: String, status: u16, said: String },
    #[error("{host} has no model {model}{}; its list of models tells which there are", told(.said))]
    UnknownModel { host: String, model: String, said: String },
    #[error("{host} has nothing under {path} (HTTP 404){}; check the address and the protocol", told(.said))]
    UnknownPath { host: String, path: String, said: String },
    #[error("{host} takes no more requests for now{}{}; try again later", of_wait(*.wait), told(.said))]
    RateLimited { host: String, wait: Option<Duration>, said: String },
    #[error("{host} could not answer for now{}{}{}; try again later", of_status(*.status), of_wait(*.wait), told(.said))]
    Overloaded { host: String, status: u16, wait: Option<Duration>, said: String },
    #[error("what was asked is longer than {model} at {host} can read{}; ask with less", told(.said))]
    ContextTooLong { host: String, model: String, said: String },
    #[error("{host} declined to answer this{}", told(.said))]
    Declined { host: String, said: String },
    #[error("{host} refused the request{}{}", of_status(*.status), told(.said))]
    Rejected { host: String, status: u16, said: String },
    #[error("{host} failed in the middle of its answer{}", told(.said))]
    Failed { host: String, said: String },
    #[error("the answer of {host} was cut off before its end; try again")]
    CutOff { host: String },
    #[error("{host} sent more than is read: {what} above {limit}; check the address, or ask for less")]
    TooLarge { host: String, what: &'static str, limit: usize },
    #[error("{host} sent what cannot be understood: {why}; check that the protocol is the right one")]
    Malformed { host: String, why: String },

    // Here.
    #[error("the model was stopped")]
    Cancelled,
    #[error("the system gives no means to ask a model: {why}")]
    NoRuntime { why: String },
}

impl ModelError {
    /// Whether the same request may well be answered a little later.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. }
                | Self::ConnectTimeout { .. }
                | Self::Silent { .. }
                | Self::Stalled { .. }
                | Self::RateLimited { .. }
                | Self::Overloaded { .. }
                | Self::CutOff { .. }
        )
    }

    /// How long the provider asked to wait.
    pub fn wait(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { wait, .. } | Self::Overloaded { wait, .. } => *wait,
            _ => None,
        }
    }

    /// One word for it, which stays.
    pub fn code(&self) -> &'static str {
        match self {
            Self::BadUrl { .. } => "bad_url",
            Self::InsecureUrl { .. } => "insecure_url",
            Self::BadCa { .. } => "bad_ca",
            Self::BadKey { .. } => "bad_key",
            Self::BadSetting { .. } => "bad_setting",
            Self::NoTls { .. } => "no_tls",
            Self::Unresolved { .. } => "unresolved",
            Self::ConnectionRefused { .. } => "connection_refused",
            Self::Unreachable { .. } => "unreachable",
            Self::Untrusted { .. } => "untrusted",
            Self::ConnectTimeout { .. } => "connect_timeout",
            Self::Silent { .. } => "silent",
            Self::Stalled { .. } => "stalled",
            Self::TookTooLong { .. } => "took_too_long",
            Self::NotHttp { .. } => "not_http",
            Self::Redirected { .. } => "redirected",
            Self::NotAnApi { .. } => "not_an_api",
            Self::KeyRefused { .. } => "key_refused",
            Self::NoCredit { .. } => "no_credit",
            Self::UnknownModel { .. } => "unknown_model",
            Self::UnknownPath { .. } => "unknown_path",
            Self::RateLimited { .. } => "rate_limited",
            Self::Overloaded { .. } => "overloaded",
            Self::ContextTooLong { .. } => "context_too_long",
            Self::Declined { .. } => "declined",
            Self::Rejected { .. } => "rejected",
            Self::Failed { .. } => "failed",
            Self::CutOff { .. } => "cut_off",
            Self::TooLarge { .. } => "too_large",
            Self::Malformed { .. } => "malformed",
            Self::Cancelled => "cancelled",
            Self::NoRuntime { .. } => "no_runtime",
        }
    }
}

fn told(said: &str) -> String {
    if said.is_empty() { String::new() } else { format!(": {said}") }
}

/// In the middle of a stream there is none.
fn of_status(status: u16) -> String {
    if status == 0 { String::new() } else { format!(" (HTTP {status})") }
}

fn of_wait(wait: Option<Duration>) -> String {
    wait.map_or_else(String::new, |wait| format!(" (it asks to wait {})", seconds(wait)))
}

fn seconds(span: Duration) -> String {
    if span < Duration::from_secs(10) && span.subsec_millis() != 0 {
        format!("{} ms", span.as_millis())
    } else {
        format!("{} s", span.as_secs())
    }
}
