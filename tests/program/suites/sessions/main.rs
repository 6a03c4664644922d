//! Sessions: what is kept, how it is told, and that kills, damage and other processes lose and double nothing.

mod keeping;
mod killed;
mod landing;
mod nothing_kept;
mod support;
mod together;
