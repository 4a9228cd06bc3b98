//! Makes a capture: a redacted archive of everything the commands read on a host.
//!
//! The commands read the host through a [`Recorder`]; what they asked becomes `host.json`, and
//! the parts of files that they read become contents ([`write`]). So on the capture they get the
//! same answers, and what nobody asked for is not in it. The format is that of
//! [`crate::host::capture`].
//!
//! Every byte passes the redactor in one place (`clean`), and what was written is read again and
//! looked through for secrets that were seen; where one is found, nothing is left behind.

mod clean;
mod describe;
mod look;
mod pack;
mod record;

pub use look::{Wanted, documents, look};
pub use pack::{Documents, Error, Form, Left, Options, Summary, write};
pub use record::Recorder;
