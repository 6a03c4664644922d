//! The one who writes a session.

use airlock_core::hash::ContentHash;
use airlock_core::session::{Event, Opened, Session};

use crate::blobs::MAX_CONTENT;
use crate::codec;
use crate::error::StoreError;
use crate::owner::Owner;
use crate::sessions::{self, Append, Stored};
use crate::thread::{Store, Ticket};

/// A session that is being worked on. While this lives nobody else can write to it.
pub struct Writer {
    store: Store,
    number: i64,
    id: String,
    session: Session,
    _owner: Owner,
}

impl Store {
    /// Begins a session. It is on the disk when this returns.
    ///
    /// # Errors
    /// The database fails.
    pub fn begin(&self, opened: Opened) -> Result<Writer, StoreError> {
        let event = Event::from(opened);
        let mut session = Session::default();
        session.apply(&event).map_err(|source| StoreError::Illegal { id: "new".to_owned(), source })?;
        let first = codec::encode("new", &event)?;
        let (number, id, owner) = self.create(first, summary(&session))?;
        Ok(Writer { store: self.clone(), number, id, session, _owner: owner })
    }

    /// Takes a session up again, with all that is known of it.
    ///
    /// # Errors
    /// There is none of that id, somebody is at work on it, or its events cannot be read.
    pub fn take_up(&self, id: &str) -> Result<(Writer, Vec<Stored>), StoreError> {
        let owner = Owner::take(&self.0.folder, id)?;
        let wanted = id.to_owned();
        let (number, events) = self.call(move |database| sessions::load(database, &wanted))?;
        let session = Session::replay(events.iter().map(|stored| &stored.event))
            .map_err(|source| StoreError::Illegal { id: id.to_owned(), source })?;
        Ok((Writer { store: self.clone(), number, id: id.to_owned(), session, _owner: owner }, events))
    }
}

impl Writer {
    /// The session's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What is known of it, what is on its way to the disk included.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// The store it is in.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Hands an event over, with the contents it names. What it causes may start when the ticket says that it is durable.
    ///
    /// Should the ticket say that it is not, the session on disk ends before it, and whatever is handed over after it is
    /// refused too: nothing is ever missing in the middle.
    ///
    /// # Errors
    /// The event cannot follow, or is too large.
    pub fn append(&mut self, event: impl Into<Event>, contents: Vec<Vec<u8>>) -> Result<Ticket, StoreError> {
        let event = event.into();
        let row = codec::encode(&self.id, &event)?;
        for bytes in &contents {
            if bytes.len() > MAX_CONTENT {
                return Err(StoreError::TooLarge { what: "a content", len: bytes.len(), max: MAX_CONTENT });
            }
        }
        let first = self.session.count();
        self.session.apply(&event).map_err(|source| StoreError::Illegal { id: self.id.clone(), source })?;
        let contents = contents.into_iter().map(|bytes| (ContentHash::of(&bytes), bytes)).collect();
        self.store.append(Append {
            session: self.number,
            id: self.id.clone(),
            first,
            rows: vec![row],
            contents,
            summary: summary(&self.session),
        })
    }
}

fn summary(session: &Session) -> String {
    // Plain data; and a session without a summary is still a session.
    session.summary().and_then(|summary| serde_json::to_string(&summary).ok()).unwrap_or_default()
}
