//! Which findings the site has accepted: `--suppressions FILE`, else `ar-doctor.toml` here, else
//! the one of the machine. Only one file counts, so that what is hidden stands in one place.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use clap::Args;

use super::{Failure, source, terminal};
use crate::suppress;

/// In the directory the program is called in.
const HERE: &str = "ar-doctor.toml";

/// That of the machine.
const OF_MACHINE: &str = "/etc/ar-doctor/ar-doctor.toml";

/// Where accepted findings are named.
#[derive(Debug, Args)]
pub(super) struct Suppressions {
    /// Findings that are accepted: [[suppress]] with id, subject and reason, and expires where it is
    /// for a time [default: ./ar-doctor.toml, else /etc/ar-doctor/ar-doctor.toml]
    #[arg(long, value_name = "FILE")]
    suppressions: Option<PathBuf>,
    /// Read no file of accepted findings
    #[arg(long, conflicts_with = "suppressions")]
    no_suppressions: bool,
}

impl Suppressions {
    /// Reads the file that counts; none where there is none.
    pub(super) fn load(&self) -> Result<Option<suppress::Suppressions>, Failure> {
        let path = match &self.suppressions {
            _ if self.no_suppressions => None,
            Some(path) => Some(path.as_path()),
            None => found(),
        };
        let Some(path) = path else { return Ok(None) };
        let bytes = source::read(path).context("suppressions").map_err(Failure::usage)?;
        let shown = path.display().to_string();
        let text = String::from_utf8(bytes)
            .map_err(|_| Failure::usage(anyhow!("suppressions: {shown} is not UTF-8")))?;
        let mut read = suppress::Suppressions::read(&shown, &text)
            .map_err(|fault| Failure::usage(anyhow!("suppressions: {fault}")))?;
        read.today = Some(jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date());
        Ok(Some(read))
    }
}

/// The file that counts where none is named. A link to nothing counts as there: it is a mistake
/// that has to be seen.
fn found() -> Option<&'static Path> {
    let here = Path::new(HERE);
    if let Ok(meta) = std::fs::symlink_metadata(here) {
        // Root is often in a directory of others, who might hide from it what they did.
        let sudo = std::env::var("SUDO_UID").ok().and_then(|uid| uid.parse().ok());
        let mine = [Some(nix::unistd::geteuid().as_raw()), Some(0), sudo];
        if mine.contains(&Some(meta.uid())) && (meta.is_symlink() || meta.mode() & 0o002 == 0) {
            return Some(here);
        }
        terminal::complain(&format!(
            "{HERE} in this directory is not read: it belongs to uid {}, or everybody may write it; \
             name it with --suppressions if it is right",
            meta.uid()
        ));
    }
    let of_machine = Path::new(OF_MACHINE);
    std::fs::symlink_metadata(of_machine).is_ok().then_some(of_machine)
}
