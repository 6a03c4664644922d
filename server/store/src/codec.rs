//! Events as rows: a kind, a version and a body in JSON.

use airlock_core::session::Event;

use crate::error::StoreError;

/// Longest body of one event, in bytes: a batch of candidates has some kilobytes, a project with ten thousand failing tests
/// has one megabyte.
const MAX_BODY: usize = 16 << 20;

/// An event as it is written.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub kind: &'static str,
    pub version: u32,
    pub body: String,
}

pub(crate) fn encode(id: &str, event: &Event) -> Result<Row, StoreError> {
    let body = serde_json::to_string(event)
        .map_err(|error| StoreError::Unreadable { id: id.to_owned(), why: error.to_string() })?;
    if body.len() > MAX_BODY {
        return Err(StoreError::TooLarge { what: "an event", len: body.len(), max: MAX_BODY });
    }
    Ok(Row { kind: event.kind(), version: event.version(), body })
}

/// Tells whether a row is still the one that was written: half of a BLAKE3 hash over all of it.
pub(crate) fn checksum(n: i64, at: i64, kind: &str, version: u32, body: &str) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&n.to_le_bytes()).update(&at.to_le_bytes()).update(&version.to_le_bytes());
    hasher.update(&(kind.len() as u64).to_le_bytes()).update(kind.as_bytes()).update(body.as_bytes());
    let mut half = [0; 16];
    half.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    half
}

pub(crate) fn decode(id: &str, kind: &str, version: u32, body: &str) -> Result<Event, StoreError> {
    Event::is_known(kind, version).map_err(|source| StoreError::Unknown { id: id.to_owned(), source })?;
    let unreadable = |why: String| StoreError::Unreadable { id: id.to_owned(), why };
    let event: Event =
        serde_json::from_str(body).map_err(|error| unreadable(format!("its event `{kind}` is damaged: {error}")))?;
    if event.kind() != kind {
        return Err(unreadable(format!("an event is called `{kind}` and says it is `{}`", event.kind())));
    }
    Ok(event)
}
