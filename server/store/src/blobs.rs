//! Contents by hash, each kept once however many sessions name it.

use airlock_core::hash::ContentHash;
use rusqlite::OptionalExtension;

use crate::error::StoreError;
use crate::thread::Store;

/// Largest content that is kept: a file of a proposal has at most half of it, a diff has both sides of one.
pub(crate) const MAX_CONTENT: usize = 64 << 20;

impl Store {
    /// A content that some session names.
    ///
    /// # Errors
    /// It is not there, or no longer what its hash says.
    pub fn content(&self, hash: ContentHash) -> Result<Vec<u8>, StoreError> {
        self.call(move |database| {
            let bytes: Option<Vec<u8>> = database
                .connection
                .query_row("SELECT bytes FROM blob WHERE hash = ?1", [hash.as_bytes().as_slice()], |row| row.get(0))
                .optional()
                .map_err(|error| database.failed(&error))?;
            bytes.filter(|bytes| ContentHash::of(bytes) == hash).ok_or_else(|| StoreError::NoContent(hash.to_string()))
        })
    }
}
