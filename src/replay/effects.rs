//! What a run changed: files, packet filters, routes, accounts.

mod accounts;
mod files;
mod lines;
mod netlink;
mod network;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use self::files::Files;
use self::network::Network;
use super::{Effect, EffectKind};

/// One file system of the sandbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Where it is mounted, as the script sees it (`/`, `/var`).
    pub mount: PathBuf,
    /// The upper directory of its overlay, or the root of a tmpfs that began empty. The overlay
    /// is mounted with `redirect_dir=off,metacopy=off`.
    pub upper: PathBuf,
    /// The lower directory: the host's; none for a tmpfs.
    pub lower: Option<PathBuf>,
}

/// What is looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The home. It is closed to others as a whole, so there a file's own mode says whether
    /// its content may be shown.
    pub home: Option<PathBuf>,
    /// Absolute paths that are left out, with what is in them.
    pub ignored: Vec<PathBuf>,
}

impl Options {
    /// Files that come and go with any program are left out, too.
    fn leaves_out(&self, path: &Path) -> bool {
        let name = path.file_name().unwrap_or_default();
        self.ignored.iter().any(|ignored| ignored == path)
            || name == "xtables.lock"
            || name == "__pycache__"
            || path.extension() == Some(OsStr::new("pyc"))
            || path == Path::new("/etc/ld.so.cache")
    }
}

/// Watches the network configuration of the namespace it was opened in. It must be opened while
/// the namespace is new: what was there before counts as empty until something changes.
#[derive(Debug)]
pub struct NetworkWatch {
    nftables: netlink::Bell,
}

impl NetworkWatch {
    /// Starts watching.
    ///
    /// # Errors
    ///
    /// When a netlink socket cannot be opened.
    pub fn open() -> std::io::Result<Self> {
        Ok(Self { nftables: netlink::Bell::open()? })
    }

    /// Whether nftables changed since it was last asked. What tells nobody of its changes
    /// (routes, legacy iptables, ipset) is looked at every time, and not asked for here.
    pub fn changed(&self) -> bool {
        self.nftables.rang()
    }
}

/// The state of everything that is looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct World {
    files: Files,
    network: Network,
}

impl World {
    /// The state now. `previous` saves looking at what cannot have changed.
    pub fn look(
        layers: &[Layer],
        network: &NetworkWatch,
        options: &Options,
        previous: Option<&Self>,
    ) -> Self {
        let files = Files::look(layers, options, previous.map(|previous| &previous.files));
        // A tool that the script could have put there is not run: it would run outside of what
        // holds the script.
        let barred = files
            .touched(could_run)
            .then_some("the tools that list them, or libraries, were changed as well, so they were not run");
        let network = Network::look(Some(network), previous.map(|previous| &previous.network), barred);
        Self { files, network }
    }

    /// The state of the host itself: of `paths` and the files that responses change, and of the
    /// network if that is asked for.
    pub fn look_at_host(paths: &[PathBuf], network: bool) -> Self {
        let mut all: Vec<PathBuf> = ["/etc/hosts.deny", "/etc/hosts.allow"]
            .iter()
            .chain(&accounts::FILES)
            .map(PathBuf::from)
            .collect();
        all.extend_from_slice(paths);
        let network = if network { Network::look(None, None, None) } else { Network::default() };
        Self { files: Files::look_at(&all), network }
    }

    /// What could not be looked at, in words.
    pub fn notes(&self) -> impl Iterator<Item = &str> {
        self.files.notes.iter().chain(&self.network.notes).map(String::as_str)
    }

    /// What is different in `later`, by kind, then by name.
    pub fn changes(&self, later: &Self) -> Vec<Effect> {
        let mut effects = self.network.changes(&later.network);
        effects.extend(self.files.changes(&later.files));
        effects.sort_by(|a, b| (a.kind, &a.what).cmp(&(b.kind, &b.what)));
        effects
    }
}

/// Says of each effect of an add whether the delete took it back. It stays none where that
/// cannot be said, and for what blocks nobody by itself: an empty directory, a chain, a set.
pub fn taken_back(before: &World, after_add: &World, after_delete: &World, effects: &mut [Effect]) {
    for effect in effects {
        effect.taken_back = match effect.kind {
            EffectKind::Firewall | EffectKind::Route => {
                before.network.taken_back(&after_add.network, &after_delete.network, effect)
            }
            EffectKind::Account | EffectKind::File => {
                before.files.taken_back(&after_add.files, &after_delete.files, effect)
            }
            EffectKind::Signal => None,
        };
    }
}

/// Whether the tools run this file, or load it.
fn could_run(path: &Path) -> bool {
    let within = |directories: &[&str]| directories.iter().any(|directory| path.starts_with(directory));
    let name = path.file_name().unwrap_or_default().as_bytes();
    within(&[
        "/usr/local/sbin",
        "/usr/local/bin",
        "/usr/sbin",
        "/usr/bin",
        "/sbin",
        "/bin",
        "/etc/alternatives",
    ]) && is_tool(name)
        || within(&["/etc/ld.so.preload", "/etc/ld.so.conf", "/etc/ld.so.conf.d"])
        || within(&[
            "/lib",
            "/lib32",
            "/lib64",
            "/libx32",
            "/usr/lib",
            "/usr/lib32",
            "/usr/lib64",
            "/usr/local",
        ]) && name.windows(3).any(|part| part == b".so")
}

fn is_tool(name: &[u8]) -> bool {
    name == b"nft"
        || name == b"ipset"
        || [&b"iptables"[..], b"ip6tables", b"xtables"].iter().any(|start| name.starts_with(start))
}

#[cfg(test)]
mod tests;
