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
