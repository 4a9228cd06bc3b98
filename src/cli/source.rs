//! What a command looks at: this machine, a directory, or a bare file.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use clap::{Args, ValueEnum};
use nix::fcntl::OFlag;

use super::{Failure, Global};
use crate::facts::{BareConfig, CONFIG_LIMIT, Facts, Since, install};
use crate::host::elf::Elf;
use crate::host::live::LiveHost;
use crate::host::{
    Account, Attributes, Content, Fact, Host, Machine, Meta, Mount, Process, ProcessDetail, Resolved,
    SourceKind, Space, UnixSocket, open_source,
};
use crate::redact::Redactor;
use crate::wazuh::ossec_conf::Role;
use crate::wazuh::version::Version;

/// A bare configuration file.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Bare file")]
pub(super) struct Bare {
    /// Look at one configuration file only, not at a host; `-` is standard input
    #[arg(long, value_name = "FILE", requires = "role", conflicts_with_all = ["home", "from"])]
    config: Option<PathBuf>,
    /// Whose configuration the file is
    #[arg(long, value_name = "ROLE", value_enum, requires = "config")]
    role: Option<RoleArgument>,
    /// The version of Wazuh that reads the file [default: the newest known 4.x]
    #[arg(long, value_name = "V", value_parser = version, requires = "config")]
    wazuh_version: Option<Version>,
}

/// Whose configuration a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum RoleArgument {
    /// A manager's: master, worker or local
    Manager,
    /// An agent's
    Agent,
}

pub(super) fn version(text: &str) -> Result<Version, String> {
    Version::parse(text).ok_or_else(|| "write it like 4.14.2".to_owned())
}

/// A source that can be asked; [`Facts`] borrow it.
pub(super) struct Source {
    host: Box<dyn Host>,
    bare: Option<BareConfig>,
}

impl Source {
    /// Opens what the command line names.
    pub(super) fn open(global: &Global, bare: &Bare) -> Result<Self, Failure> {
        if let (Some(config), Some(role)) = (&bare.config, bare.role) {
            let bytes = read(config).map_err(Failure::usage)?;
            let shown = config.display().to_string();
            let role = match role {
                RoleArgument::Manager => Role::Manager,
                RoleArgument::Agent => Role::Agent,
            };
            let bare = BareConfig { shown, bytes, role, version: bare.wazuh_version };
            return Ok(Self { host: Box::new(NoHost), bare: Some(bare) });
        }
        let host: Box<dyn Host> = match &global.from {
            Some(directory) => open_source(directory).context("--from").map_err(Failure::usage)?,
            None => Box::new(LiveHost::new()),
        };
        Ok(Self { host, bare: None })
    }

    /// Opens the host the command line names.
    pub(super) fn of_host(global: &Global) -> Result<Self, Failure> {
        Self::open(global, &Bare::default())
    }

    /// How far back to read logs: as asked for, else as when the host was captured.
    pub(super) fn since(&self, asked: Option<Since>) -> Since {
        let captured = || self.host.asked().since.and_then(|text| super::since::parse(&text).ok());
        asked.or_else(captured).unwrap_or_default()
    }

    /// The host itself.
    pub(super) fn host(&self) -> &dyn Host {
        self.host.as_ref()
    }

    /// The facts about the one installation in it.
    pub(super) fn facts<'a>(&'a self, global: &Global, redactor: &'a Redactor) -> Result<Facts<'a>, Failure> {
        if let Some(bare) = &self.bare {
            return Ok(Facts::bare(&NoHost, redactor, bare.clone()));
        }
        let install = install::find(self.host.as_ref(), global.home.as_deref()).map_err(Failure::nothing)?;
        Ok(Facts::new(self.host.as_ref(), redactor, install))
    }
}

pub(super) fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

/// The bytes of a file the user named.
pub(super) fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    if is_stdin(path) {
        return limited(io::stdin().lock()).context("standard input");
    }
    limited(open(path)?).with_context(|| path.display().to_string())
}

/// A file the user named, however large: a log. A FIFO, such as a shell makes for `<(command)`,
/// waits for who writes there, as standard input does.
pub(super) fn stream(path: &Path) -> anyhow::Result<Box<dyn Read + Send>> {
    if is_stdin(path) {
        return Ok(Box::new(io::stdin()));
    }
    let shown = || path.display().to_string();
    let is_fifo = fs::metadata(path).with_context(shown)?.file_type().is_fifo();
    Ok(Box::new(if is_fifo { fs::File::open(path).with_context(shown)? } else { open(path)? }))
}

/// Only a regular file is opened: a FIFO would wait for ever, a device may act.
fn open(path: &Path) -> anyhow::Result<fs::File> {
    let shown = path.display();
    let kind = |meta: &fs::Metadata| {
        let kind = meta.file_type();
        if kind.is_file() {
            None
        } else if kind.is_dir() {
            Some("a directory")
        } else if kind.is_fifo() {
            Some("a FIFO")
        } else if kind.is_socket() {
            Some("a socket")
        } else {
            Some("a device")
        }
    };
    let refuse = |what| anyhow!("{shown} is {what}; name a regular file, or use `-` for standard input");
    if let Some(what) = kind(&fs::metadata(path).with_context(|| shown.to_string())?) {
        return Err(refuse(what));
    }
    // It may have become something else meanwhile: then opening does not wait,
    // and what was opened decides.
    let file = OpenOptions::new()
        .read(true)
        .custom_flags((OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC).bits())
        .open(path)
        .with_context(|| shown.to_string())?;
    if let Some(what) = kind(&file.metadata().with_context(|| shown.to_string())?) {
        return Err(refuse(what));
    }
    Ok(file)
}

/// The bytes of a FIFO the user named, such as a shell makes for `<(command)`. It waits for who
/// writes there, as on standard input.
pub(super) fn read_stream(path: &Path) -> anyhow::Result<Vec<u8>> {
    let shown = || path.display().to_string();
    limited(fs::File::open(path).with_context(shown)?).with_context(shown)
}

fn limited(source: impl Read) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.take(CONFIG_LIMIT + 1).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > CONFIG_LIMIT) {
        return Err(anyhow!("is larger than {CONFIG_LIMIT} bytes, the most that is read"));
    }
    Ok(bytes)
}

/// The host of a bare file: there is none, and that is not the same as a host
/// on which nothing is.
#[derive(Debug)]
struct NoHost;

fn nothing<T>(source: impl Into<String>) -> Fact<T> {
    Fact::not_collected(source, "only a configuration file was given")
}

fn nothing_at<T>(path: &Path) -> Fact<T> {
    nothing(path.display().to_string())
}

impl Host for NoHost {
    fn kind(&self) -> SourceKind {
        SourceKind::Tree
    }

    fn label(&self) -> String {
        "a bare file".to_owned()
    }

    fn reader_uid(&self) -> u32 {
        nix::unistd::geteuid().as_raw()
    }

    fn entry(&self, path: &Path) -> Fact<Meta> {
        nothing_at(path)
    }

    fn resolve(&self, path: &Path) -> Fact<Resolved> {
        nothing_at(path)
    }

    fn link_target(&self, path: &Path) -> Fact<PathBuf> {
        nothing_at(path)
    }

    fn birth(&self, path: &Path) -> Fact<i64> {
        nothing_at(path)
    }

    fn xattr(&self, path: &Path, _name: &str) -> Fact<Vec<u8>> {
        nothing_at(path)
    }

    fn attributes(&self, path: &Path) -> Fact<Attributes> {
        nothing_at(path)
    }

    fn space(&self, path: &Path) -> Fact<Space> {
        nothing_at(path)
    }

    fn read(&self, path: &Path, _limit: u64) -> Fact<Content> {
        nothing_at(path)
    }

    fn open(&self, path: &Path) -> Fact<Box<dyn crate::host::Source>> {
        nothing_at(path)
    }

    fn list(&self, path: &Path) -> Fact<Vec<OsString>> {
        nothing_at(path)
    }

    fn elf(&self, path: &Path) -> Fact<Elf> {
        nothing_at(path)
    }

    fn mounts(&self) -> Fact<Vec<Mount>> {
        nothing("mounts")
    }

    fn processes(&self) -> Fact<Vec<Process>> {
        nothing("processes")
    }

    fn process_detail(&self, _pid: u32) -> Fact<ProcessDetail> {
        nothing("processes")
    }

    fn unix_sockets(&self, _pid: Option<u32>) -> Fact<Vec<UnixSocket>> {
        nothing("sockets")
    }

    fn users(&self) -> Fact<Vec<Account>> {
        nothing("users")
    }

    fn groups(&self) -> Fact<Vec<Account>> {
        nothing("groups")
    }

    fn machine(&self) -> Fact<Machine> {
        nothing("machine")
    }

    fn now(&self) -> Fact<i64> {
        nothing("clock")
    }

    fn boot_time(&self) -> Fact<i64> {
        nothing("clock")
    }

    fn env(&self, _name: &str) -> Option<OsString> {
        None
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_a_regular_file_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ossec.conf");
        fs::write(&path, b"<ossec_config/>").unwrap();
        assert_eq!(read(&path).unwrap(), b"<ossec_config/>");
        let said = |path: &Path| format!("{:#}", read(path).unwrap_err());
        assert!(said(directory.path()).contains("is a directory"));
        assert!(said(Path::new("/dev/null")).contains("is a device"));
        assert!(said(&directory.path().join("none")).contains("No such file"));
        let fifo = directory.path().join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(said(&fifo).contains("is a FIFO"));
    }

    #[test]
    fn a_file_that_is_too_large_is_refused_and_not_cut() {
        assert!(limited(io::repeat(b'x')).is_err());
        assert_eq!(limited(&b"abc"[..]).unwrap(), b"abc");
    }
}
