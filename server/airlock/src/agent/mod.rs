//! A model's task in this program: who is asked (`model`), what it may see (`files`), who runs its tests (`bench`), who hears
//! of it and may speak into it (`audience`), and the loop lived through and written down (`drive`).

pub mod audience;
mod bench;
pub mod drive;
mod files;
pub mod key;
pub mod model;

pub use audience::Audience;
pub use drive::{Driver, Ended};
pub use files::ProjectFiles;
pub use model::Model;
