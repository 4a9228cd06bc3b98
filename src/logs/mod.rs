//! What logs say about active responses: [`line`] reads one line in each of its forms, [`set`]
//! knows which signature it is, [`scan`] finds all such lines of a log of any size in one pass,
//! [`place`] finds where to begin, [`rotated`] which files are its older parts.
//!
//! Everything works on bytes handed to it; which files there are is for `facts`.

pub mod blocks;
pub mod explain;
mod filter;
pub mod line;
mod literals;
pub mod place;
pub mod rotated;
pub mod scan;
pub mod set;

pub use line::Line;
pub use set::Set;

/// Bytes of one line that are looked at; the rest of a longer one is passed over.
pub const LINE_CAP: usize = 64 * 1024;
