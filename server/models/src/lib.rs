//! Asks language models over HTTP. The only crate that knows reqwest, and of ours it depends on core alone.
//!
//! A [`Client`] is made of [`Settings`] (a [`preset`], a model, a key) and asks that one model: [`Client::ask`] in a runtime,
//! [`Client::ask_blocking`] on a plain thread. What is asked and what comes back is in no provider's words
//! ([`airlock_core::conversation`]); the [`Protocol`]s, each a pure function of request to JSON and a machine of events to reply,
//! translate. Whatever goes wrong has a variant of [`ModelError`].
//!
//! - Only the configured host is asked. Redirects are refused, nothing is fetched, no connection outlives its question.
//! - Nothing that comes in is unbounded: bytes, events, parts, calls, names, waits, tries.
//! - A [`Secret`] goes into one header and nowhere else; what a provider repeats of it is taken out of its words.
//!
//! ```no_run
//! use airlock_core::conversation::{Message, Request, ToolChoice};
//! use airlock_models::{Client, Delta, Settings, preset};
//!
//! # fn main() -> Result<(), airlock_models::ModelError> {
//! let preset = preset("ollama").expect("it is among the presets");
//! let client = Client::new(Settings::of(&preset, "qwen3", None))?;
//! let request = Request {
//!     system: "Be brief.".to_owned(),
//!     messages: vec![Message::User { text: "What is a fold?".to_owned() }],
//!     tools: Vec::new(),
//!     tool_choice: ToolChoice::Auto,
//!     max_output_tokens: 1000,
//! };
//! let mut on = |delta| {
//!     if let Delta::Text(piece) = delta {
//!         print!("{piece}");
//!     }
//! };
//! let reply = client.ask_blocking(&request, &mut on, &|| false)?;
//! println!("{:?} after {} tokens", reply.stop, reply.usage.output);
//! # Ok(())
//! # }
//! ```

mod client;
mod endpoint;
mod error;
mod exchange;
mod list;
mod presets;
mod prices;
mod probe;
mod protocol;
mod redact;
mod retry;
mod secret;
mod settings;
mod sse;

pub use client::Client;
pub use error::ModelError;
pub use list::ModelInfo;
pub use presets::{Preset, Quirks, TokenLimit, preset, presets};
pub use prices::{BadPrice, MicroUsd, Price, Prices, Row, cost};
pub use probe::Probe;
pub use protocol::{Delta, Limits, Protocol};
pub use retry::Retries;
pub use secret::Secret;
pub use settings::{Settings, Timeouts};
/// What ends a question: any clone of it, from any thread.
pub use tokio_util::sync::CancellationToken;
