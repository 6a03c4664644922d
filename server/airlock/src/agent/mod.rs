//! A model's task in this program: who is asked (`model`), what it may see (`files`), who runs its tests (`bench`), and the
//! loop lived through and written down (`drive`).

mod bench;
pub mod drive;
mod files;
pub mod key;
pub mod model;

pub use drive::{Driver, Ended};
pub use files::ProjectFiles;
pub use model::Model;
