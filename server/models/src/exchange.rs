//! One exchange over HTTP: every wait and every byte of it is bounded, and every failure has its name.

use std::error::Error;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, SystemTime};

use airlock_core::conversation::Reply;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{self, HeaderMap};
use reqwest::{Certificate, RequestBuilder, Response, redirect, retry};
use thiserror::Error;
use tokio::time::{Instant, timeout, timeout_at};

use crate::client::{Begun, Client, Failure};
use crate::endpoint::Endpoint;
use crate::error::ModelError;
use crate::presets::Quirks;
use crate::protocol::{Decoder, Delta, Fault, Kind, Refusal};
use crate::settings::Settings;
use crate::{redact, sse};

/// Largest file of certificates; the system's own has some 200 KB.
const MAX_CA_BYTES: u64 = 8 * 1024 * 1024;

/// How much of an answer is read that is no success.
const MAX_REFUSAL_BYTES: usize = 64 * 1024;

/// Longest reply and list that come whole. As JSON values they take some ten times as much.
const MAX_WHOLE_BYTES: usize = 8 * 1024 * 1024;
const MAX_LIST_BYTES: usize = 4 * 1024 * 1024;

/// A reply with what is known of the way to it.
pub struct Answer {
    pub reply: Reply,
    /// It came as a stream.
    pub streamed: bool,
    /// From the question to the first byte.
    pub first_byte: Duration,
}

/// The means to ask: no redirects, no cookies, no connection that outlives a question, no tries of its own.
pub fn connector(settings: &Settings, endpoint: &Endpoint) -> Result<reqwest::Client, ModelError> {
    // Whoever was first has chosen for the process; all of them do.
    drop(rustls::crypto::ring::default_provider().install_default());
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("airlock/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .referer(false)
        .connect_timeout(settings.timeouts.connect)
        .pool_max_idle_per_host(0)
        .dns_resolver(Resolver);
    if endpoint.local || !settings.use_system_proxy {
        builder = builder.no_proxy();
    }
    let own = settings.ca_file.as_deref().map(certificates).transpose()?;
    builder = match (endpoint.is_tls(), own) {
        (true, Some(own)) => builder.tls_certs_merge(own),
        (true, None) => builder,
        // The system's certificates are of no use, and may be missing.
        (false, _) => builder.tls_certs_only([]),
    };
    builder.build().map_err(|error| ModelError::NoTls { why: root(&error) })
}

fn certificates(path: &Path) -> Result<Vec<Certificate>, ModelError> {
    let bad = |why: &str| ModelError::BadCa { path: path.to_owned(), why: why.to_owned() };
    let length = fs::metadata(path).map_err(|error| bad(&error.to_string()))?;
    if !length.is_file() || length.len() > MAX_CA_BYTES {
        return Err(bad("it is no file of certificates"));
    }
    let text = fs::read(path).map_err(|error| bad(&error.to_string()))?;
    let certificates = Certificate::from_pem_bundle(&text).map_err(|error| bad(&root(&error)))?;
    if certificates.is_empty() {
        return Err(bad("it holds none"));
    }
    Ok(certificates)
}

/// The system's own way to look a name up, with a failure that can be told from others.
struct Resolver;

#[derive(Debug, Error)]
#[error("the name {0} was not found")]
struct NotFound(String);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let name = name.as_str().to_owned();
            let found: Vec<SocketAddr> = match tokio::net::lookup_host((name.as_str(), 0)).await {
                Ok(found) => found.collect(),
                Err(_) => Vec::new(),
            };
            if found.is_empty() {
                return Err(NotFound(name).into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

impl Client {
    /// Sends a question and reads the reply.
    pub(crate) async fn read(
        &self,
        request: RequestBuilder,
        path: &str,
        quirks: &Quirks,
        mut decoder: Box<dyn Decoder>,
        on: &mut dyn FnMut(Delta),
    ) -> Result<Answer, Failure> {
        let begun = Begun::now();
        let mut body = match self.send(request).await? {
            Sent::Taken(body) => body,
            Sent::Refused(refusal, headers) => return Err(self.refused(refusal, &headers, path, Some(quirks))),
        };
        let first = body.next(self).await?;
        let first_byte = begun.elapsed();
        let streamed = match body.kind(first.as_deref().unwrap_or_default(), self) {
            Shape::Page(what) => return Err(self.not_an_api(what).into()),
            Shape::Stream => {
                self.stream(body, first, &mut *decoder, on).await?;
                true
            }
            Shape::Json => {
                let bytes = body.rest(first, MAX_WHOLE_BYTES, self).await?;
                let mut out = Vec::new();
                let value = serde_json::from_slice(&bytes).map_err(|error| self.malformed(&error.to_string()))?;
                let read = decoder.whole(&value, &mut out);
                out.into_iter().for_each(&mut *on);
                read.map_err(|fault| self.fault(fault))?;
                false
            }
        };
        let mut reply = decoder.finish().map_err(|fault| self.fault(fault))?;
        if redact::has_key(&reply.model, self.settings.key.as_ref()) {
            reply.model = self.said(&reply.model);
        }
        Ok(Answer { reply, streamed, first_byte })
    }

    /// Sends a question whose answer is one JSON document.
    pub(crate) async fn read_json(&self, request: RequestBuilder, path: &str) -> Result<serde_json::Value, ModelError> {
        let mut body = match self.send(request).await? {
            Sent::Taken(body) => body,
            Sent::Refused(refusal, headers) => {
                return match self.refused(refusal, &headers, path, None) {
                    Failure::Error(error) => Err(error),
                    Failure::Without(_) => Err(self.malformed("a refusal")),
                };
            }
        };
        let first = body.next(self).await?;
        if let Shape::Page(what) = body.kind(first.as_deref().unwrap_or_default(), self) {
            return Err(self.not_an_api(what));
        }
        let bytes = body.rest(first, MAX_LIST_BYTES, self).await?;
        serde_json::from_slice(&bytes).map_err(|error| self.malformed(&error.to_string()))
    }

    async fn send(&self, request: RequestBuilder) -> Result<Sent, ModelError> {
        let after = self.settings.timeouts.first_byte;
        let deadline = Instant::now() + after;
        let host = || self.endpoint.host.clone();
        let response = timeout_at(deadline, request.send()).await;
        let response = response.map_err(|_| ModelError::Silent { host: host(), after })?;
        let response = response.map_err(|error| self.not_sent(&error))?;
        let status = response.status();
        if status.is_redirection() {
            return Err(ModelError::Redirected {
                host: host(),
                to: self.endpoint.redirect(response.headers(), self.settings.key.as_ref()),
            });
        }
        let limit = self.settings.limits.reply_bytes;
        let headers = response.headers().clone();
        let body = Body { response, deadline: Some(deadline), read: 0, limit, ended: false };
        if status.is_success() {
            return Ok(Sent::Taken(body));
        }
        let mut body = Body { limit: MAX_REFUSAL_BYTES, ..body };
        // What it says may be cut off or too long; that it refuses counts.
        let mut bytes = Vec::new();
        while let Ok(Some(piece)) = body.next(self).await {
            bytes.extend_from_slice(&piece);
        }
        let refusal = Refusal::of_answer(status.as_u16(), &String::from_utf8_lossy(&bytes));
        Ok(Sent::Refused(refusal, headers))
    }

    async fn stream(
        &self,
        mut body: Body,
        first: Option<Vec<u8>>,
        decoder: &mut dyn Decoder,
        on: &mut dyn FnMut(Delta),
    ) -> Result<(), ModelError> {
        let mut parser = sse::Parser::new(self.settings.limits.event_bytes);
        let (mut events, mut out) = (Vec::new(), Vec::new());
        let mut piece = first;
        while let Some(bytes) = piece {
            let fed = parser.feed(&bytes, &mut events);
            for event in events.drain(..) {
                let read = decoder.event(&event, &mut out);
                out.drain(..).for_each(&mut *on);
                read.map_err(|fault| self.fault(fault))?;
                if decoder.is_closed() {
                    return Ok(());
                }
            }
            fed.map_err(|sse::TooLong(limit)| self.too_large("bytes of an event", limit))?;
            piece = match body.next(self).await {
                Ok(piece) => piece,
                // The reply is whole, and only its last formality is missing.
                Err(_) if decoder.is_complete() => return Ok(()),
                Err(error) => return Err(error),
            };
        }
        Ok(())
    }

    fn fault(&self, fault: Fault) -> ModelError {
        let host = self.endpoint.host.clone();
        match fault {
            Fault::TooMuch { what, limit } => self.too_large(what, limit),
            Fault::Malformed(why) => self.malformed(&why),
            Fault::CutOff => ModelError::CutOff { host },
            Fault::Said(refusal) => match refusal.kind {
                Kind::Other | Kind::UnknownPath => ModelError::Failed { host, said: self.said(&refusal.said) },
                _ => self.error_of(refusal, None, ""),
            },
        }
    }

    fn too_large(&self, what: &'static str, limit: usize) -> ModelError {
        ModelError::TooLarge { host: self.endpoint.host.clone(), what, limit }
    }

    pub(crate) fn malformed(&self, why: &str) -> ModelError {
        ModelError::Malformed { host: self.endpoint.host.clone(), why: self.said(why) }
    }

    fn not_an_api(&self, what: String) -> ModelError {
        ModelError::NotAnApi { host: self.endpoint.host.clone(), what }
    }

    fn said(&self, text: &str) -> String {
        redact::said(text, self.settings.key.as_ref())
    }

    /// What to make of a refusal: an error, or another try without what it refuses.
    fn refused(&self, refusal: Refusal, headers: &HeaderMap, path: &str, quirks: Option<&Quirks>) -> Failure {
        if matches!((refusal.status, refusal.kind), (400 | 422, Kind::Other))
            && let Some(less) = quirks.and_then(|quirks| quirks.without(&refusal.parameter, &refusal.said))
        {
            return Failure::Without(less);
        }
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let wait = crate::retry::retry_after(header, SystemTime::now());
        let is_page = header("content-type").is_some_and(|kind| kind.contains("html"));
        // A proxy's or a gateway's word, which says nothing of keys and models.
        if is_page && refusal.said.is_empty() && matches!(refusal.kind, Kind::Key | Kind::UnknownPath | Kind::Other) {
            return self.not_an_api(format!("a page (HTTP {})", refusal.status)).into();
        }
        self.error_of(refusal, wait, path).into()
    }

    fn error_of(&self, refusal: Refusal, wait: Option<Duration>, path: &str) -> ModelError {
        let (host, model) = (self.endpoint.host.clone(), self.settings.model.clone());
        let said = self.said(&refusal.said);
        let status = refusal.status;
        match refusal.kind {
            Kind::Key => ModelError::KeyRefused { host, status, said },
            Kind::Credit => ModelError::NoCredit { host, status, said },
            Kind::UnknownModel => ModelError::UnknownModel { host, model, said },
            Kind::UnknownPath => ModelError::UnknownPath { host, path: path.to_owned(), said },
            Kind::RateLimit => ModelError::RateLimited { host, wait, said },
            Kind::Overloaded => ModelError::Overloaded { host, status, wait, said },
            Kind::ContextTooLong => ModelError::ContextTooLong { host, model, said },
            Kind::Declined => ModelError::Declined { host, said },
            Kind::Other => ModelError::Rejected { host, status, said },
        }
    }

    /// Why a question was not answered by so much as a status.
    fn not_sent(&self, error: &reqwest::Error) -> ModelError {
        let host = self.endpoint.host.clone();
        if let Some(NotFound(name)) = find::<NotFound>(error) {
            return ModelError::Unresolved { host: name.clone() };
        }
        if error.is_timeout() {
            return ModelError::ConnectTimeout { host, after: self.settings.timeouts.connect };
        }
        if let Some(error) = find::<rustls::Error>(error) {
            return ModelError::Untrusted { host, why: self.said(&error.to_string()) };
        }
        let why = self.said(&root(error));
        match find::<io::Error>(error).map(io::Error::kind) {
            Some(io::ErrorKind::ConnectionRefused) => ModelError::ConnectionRefused { host },
            Some(_) => ModelError::Unreachable { host, why },
            // The connection stood, and what came over it was no answer.
            None if !error.is_connect() && why.contains("before message completed") => {
                ModelError::Unreachable { host, why: "it closed the connection without an answer".to_owned() }
            }
            None if !error.is_connect() => ModelError::NotHttp { host, why },
            None => ModelError::Unreachable { host, why },
        }
    }
}

enum Sent {
    Taken(Body),
    Refused(Refusal, HeaderMap),
}

/// What an answer seems to be.
enum Shape {
    Stream,
    Json,
    /// Something else, in words.
    Page(String),
}

/// The body of an answer, as it comes.
struct Body {
    response: Response,
    /// Until when the first byte has to come; none once it is there.
    deadline: Option<Instant>,
    read: usize,
    limit: usize,
    ended: bool,
}

impl Body {
    /// The next piece; none at the end.
    async fn next(&mut self, client: &Client) -> Result<Option<Vec<u8>>, ModelError> {
        if self.ended {
            return Ok(None);
        }
        let host = || client.endpoint.host.clone();
        let timeouts = &client.settings.timeouts;
        let piece = match self.deadline {
            Some(deadline) => timeout_at(deadline, self.response.chunk())
                .await
                .map_err(|_| ModelError::Silent { host: host(), after: timeouts.first_byte })?,
            None => timeout(timeouts.idle, self.response.chunk())
                .await
                .map_err(|_| ModelError::Stalled { host: host(), after: timeouts.idle })?,
        };
        let Some(piece) = piece.map_err(|_| ModelError::CutOff { host: host() })? else {
            self.ended = true;
            return Ok(None);
        };
        self.deadline = None;
        self.read = self.read.saturating_add(piece.len());
        if self.read > self.limit {
            return Err(client.too_large("bytes of a reply", self.limit));
        }
        Ok(Some(piece.to_vec()))
    }

    /// All that is left, where all of it is no longer than this.
    async fn rest(&mut self, first: Option<Vec<u8>>, most: usize, client: &Client) -> Result<Vec<u8>, ModelError> {
        self.limit = self.limit.min(most);
        let mut all = first.unwrap_or_default();
        while let Some(piece) = self.next(client).await? {
            all.extend_from_slice(&piece);
        }
        Ok(all)
    }

    /// What it is, by its header, and by how it begins where that says nothing.
    fn kind(&self, first: &[u8], client: &Client) -> Shape {
        let header = self.response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let header = header.unwrap_or_default().to_ascii_lowercase();
        let begins = first.trim_ascii_start().first().copied();
        if header.starts_with("text/event-stream") {
            Shape::Stream
        } else if header.contains("html") || begins == Some(b'<') {
            Shape::Page("a page".to_owned())
        } else if header.contains("json") || begins == Some(b'{') {
            Shape::Json
        } else if header.is_empty() || header.starts_with("text/plain") {
            Shape::Stream
        } else {
            Shape::Page(client.said(&header))
        }
    }
}

/// An error of a kind among the causes of another. What stands inside of an `io::Error` is looked at too.
fn find<'e, E: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = match inner {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

/// The words of the first cause. Those above it name the address.
fn root(error: &(dyn Error + 'static)) -> String {
    let mut last = error;
    while let Some(cause) = last.source() {
        last = cause;
    }
    redact::said(&last.to_string(), None)
}
