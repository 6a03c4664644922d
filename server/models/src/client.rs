//! The client: asks, waits, tries again, stops.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use airlock_core::conversation::{Reply, Request, Usage};
use reqwest::header::{self, HeaderMap, HeaderValue};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::endpoint::Endpoint;
use crate::error::ModelError;
use crate::exchange::{self, Answer};
use crate::presets::Quirks;
use crate::protocol::{self, Delta, Manner, Protocol};
use crate::settings::Settings;

/// Asks one model of one provider. It holds no connection between two questions, so that it can be used on any thread and
/// from any runtime.
pub struct Client {
    http: reqwest::Client,
    pub(crate) endpoint: Endpoint,
    pub(crate) settings: Settings,
    /// Names protocol, provider and, where reasoning is bound to it, model.
    origin: String,
    /// What has turned out to be understood.
    quirks: Mutex<Quirks>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("host", &self.endpoint.host).field("model", &self.settings.model).finish()
    }
}

/// A question failed: by an error for the user, or by a refusal of something that can be left out.
pub(crate) enum Failure {
    Error(ModelError),
    Without(Quirks),
}

impl From<ModelError> for Failure {
    fn from(error: ModelError) -> Self {
        Self::Error(error)
    }
}

impl Client {
    /// A client for these settings. Nothing is sent yet.
    ///
    /// # Errors
    /// What of the settings cannot be used: [`ModelError::BadUrl`], `InsecureUrl`, `BadCa`, `BadKey`, `BadSetting`, or
    /// `NoTls` where the system has no certificates.
    pub fn new(settings: Settings) -> Result<Self, ModelError> {
        settings.check()?;
        let endpoint = Endpoint::new(&settings.base_url, settings.allow_insecure_http)?;
        let http = exchange::connector(&settings, &endpoint)?;
        let (protocol, host, model) = (settings.protocol, &endpoint.host, &settings.model);
        let origin = match protocol {
            // Plain text there.
            Protocol::Chat => format!("{}@{host}", protocol.name()),
            // Signed or encrypted for the model.
            Protocol::Responses | Protocol::Anthropic => format!("{}@{host}/{model}", protocol.name()),
        };
        // What is not sent is not what a server refuses.
        let mut quirks = settings.quirks.clone();
        quirks.effort &= settings.effort.is_some() || settings.thinking_tokens.is_some();
        quirks.cache_key &= settings.cache_key.is_some();
        let quirks = Mutex::new(quirks);
        Ok(Self { http, endpoint, settings, origin, quirks })
    }

    /// The host that is asked, as it is told to people.
    pub fn host(&self) -> &str {
        &self.endpoint.host
    }

    pub fn model(&self) -> &str {
        &self.settings.model
    }

    /// Asks, and tells `on` each piece of the reply as it comes. A cancel ends it at once: the connection is closed. Dropping the
    /// future does the same.
    ///
    /// # Errors
    /// Each way in which it can fail is one of [`ModelError`]; those that may pass were tried again before.
    pub async fn ask(
        &self,
        request: &Request,
        on: &mut dyn FnMut(Delta),
        cancel: &CancellationToken,
    ) -> Result<Reply, ModelError> {
        Ok(self.answer(request, on, cancel).await?.reply)
    }

    /// The same with what is known of the way.
    pub(crate) async fn answer(
        &self,
        request: &Request,
        on: &mut dyn FnMut(Delta),
        cancel: &CancellationToken,
    ) -> Result<Answer, ModelError> {
        self.within(self.until_answered(request, on), cancel).await
    }

    /// Bounds work by the time-out for the whole and by a cancel.
    pub(crate) async fn within<T>(
        &self,
        work: impl Future<Output = Result<T, ModelError>>,
        cancel: &CancellationToken,
    ) -> Result<T, ModelError> {
        let whole = self.settings.timeouts.whole;
        tokio::select! {
            biased;
            () = cancel.cancelled() => Err(ModelError::Cancelled),
            done = timeout(whole, work) => {
                done.unwrap_or_else(|_| Err(ModelError::TookTooLong { host: self.endpoint.host.clone(), after: whole }))
            }
        }
    }

    async fn until_answered(&self, request: &Request, on: &mut dyn FnMut(Delta)) -> Result<Answer, ModelError> {
        let begun = Begun::now();
        let mut done = 0;
        // What tries that failed have used is to be paid too, as far as it was told.
        let mut spent = Usage::default();
        loop {
            let mut used = Usage::default();
            let mut watched = |delta: Delta| {
                if let Delta::Usage(usage) = &delta {
                    used = *usage;
                }
                on(delta);
            };
            let once = self.once(request, &mut watched).await;
            let error = match once {
                Ok(mut answer) => {
                    answer.reply.usage = answer.reply.usage.plus(spent);
                    return Ok(answer);
                }
                // Each is left out once, so this has an end.
                Err(Failure::Without(quirks)) => {
                    *self.quirks.lock().unwrap_or_else(PoisonError::into_inner) = quirks;
                    continue;
                }
                Err(Failure::Error(error)) => error,
            };
            let wait = self.settings.retries.wait(done, error.wait());
            // A wait that leaves no time to ask helps nobody.
            let left = self.settings.timeouts.whole.saturating_sub(begun.elapsed());
            match wait.filter(|wait| error.is_transient() && *wait < left) {
                Some(wait) => {
                    spent = spent.plus(used);
                    on(Delta::Again { wait, why: error });
                    sleep(wait).await;
                    done += 1;
                }
                None => return Err(error),
            }
        }
    }

    async fn once(&self, request: &Request, on: &mut dyn FnMut(Delta)) -> Result<Answer, Failure> {
        let quirks = self.quirks.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let manner = Manner {
            protocol: self.settings.protocol,
            model: &self.settings.model,
            origin: &self.origin,
            quirks: &quirks,
            effort: self.settings.effort.as_deref(),
            thinking_tokens: self.settings.thinking_tokens,
            cache_key: self.settings.cache_key.as_deref(),
            extra: &self.settings.extra,
        };
        let body = protocol::body(request, &manner).to_string();
        let path = self.settings.protocol.path();
        let sent = self.http.post(self.endpoint.join(path)).headers(self.headers(true)).body(body);
        let decoder = protocol::decoder(request, &manner, self.settings.limits);
        self.read(sent, path, &quirks, decoder, on).await
    }

    /// A question without a body.
    pub(crate) fn get(&self, path: &str) -> reqwest::RequestBuilder {
        self.http.get(self.endpoint.join(path)).headers(self.headers(false))
    }

    fn headers(&self, stream: bool) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let accept = if stream { "text/event-stream, application/json" } else { "application/json" };
        headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
        let is_anthropic = self.settings.protocol == Protocol::Anthropic;
        if is_anthropic {
            headers.insert("anthropic-version", HeaderValue::from_static("2023-06-01"));
        }
        if let Some(key) = &self.settings.key {
            let (name, value) = match is_anthropic {
                true => ("x-api-key", key.expose().to_owned()),
                false => ("authorization", format!("Bearer {}", key.expose())),
            };
            // A key is visible ASCII, which every header takes.
            if let Ok(mut value) = HeaderValue::from_str(&value) {
                value.set_sensitive(true);
                headers.insert(name, value);
            }
        }
        headers
    }

    /// Asks from a plain thread, without a runtime. `stopped` is looked at some twenty times a second; once it says yes, the
    /// question ends.
    ///
    /// # Errors
    /// Those of [`Client::ask`], and [`ModelError::NoRuntime`] where the system gives no means.
    ///
    /// # Panics
    /// On a thread of a runtime, which may not wait: use [`Client::ask`] there.
    pub fn ask_blocking(
        &self,
        request: &Request,
        on: &mut dyn FnMut(Delta),
        stopped: &dyn Fn() -> bool,
    ) -> Result<Reply, ModelError> {
        drive(stopped, async |cancel| self.ask(request, on, cancel).await)
    }
}

/// Runs a question on this thread.
pub(crate) fn drive<T>(
    stopped: &dyn Fn() -> bool,
    work: impl AsyncFnOnce(&CancellationToken) -> Result<T, ModelError>,
) -> Result<T, ModelError> {
    const LOOK: Duration = Duration::from_millis(50);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| ModelError::NoRuntime { why: error.to_string() })?;
    let cancel = CancellationToken::new();
    let done = runtime.block_on(async {
        let mut work = std::pin::pin!(work(&cancel));
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                () = sleep(LOOK) => if stopped() { cancel.cancel() },
            }
        }
    });
    // A name that is still being looked up is not waited for.
    runtime.shutdown_background();
    done
}

/// Measures from here.
#[derive(Clone, Copy)]
pub(crate) struct Begun(Instant);

impl Begun {
    pub fn now() -> Self {
        Self(Instant::now())
    }

    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}
