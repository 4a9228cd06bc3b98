//! Finds the Wazuh installation on a host: its home, kind, version, contract.

use std::path::{Path, PathBuf};

use crate::host::{Content, Fact, FileType, Host, SourceKind, Value};
use crate::wazuh::install::{self, Identity, Kind};
use crate::wazuh::version::{Contract, Version};

/// Homes that are looked at when nothing names one
/// (`src/init/init.sh`, 4.14; `packages/`, 5.0).
const DEFAULT_HOMES: &[&str] = &["/var/ossec", "/var/wazuh-manager", "/Library/Ossec"];

/// Directories of unit files, in systemd's order.
pub(super) const UNIT_DIRS: &[&str] =
    &["/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"];

/// Units that packages install (`src/init/templates/`, 4.14; `packages/`, 5.0).
pub(super) const UNITS: &[&str] =
    &["wazuh-manager.service", "wazuh-agent.service", "wazuh-local.service", "ossec.service"];

/// Variables that name a home (`src/shared/file_op.c w_homedir`, 4.14; the other two 5.0).
const HOME_VARIABLES: &[&str] = &["WAZUH_HOME", "WAZUH_MANAGER_HOME", "WAZUH_AGENT_HOME"];

/// Files that show that a directory is a home.
const MARKS: &[&str] = &[
    "bin/wazuh-control",
    "bin/wazuh-manager-control",
    "bin/ossec-control",
    "etc/ossec.conf",
    "etc/wazuh-manager.conf",
];

/// The most a small text file of an installation is read: control scripts are
/// about 20 KiB, the manager's `client.keys` may be larger but is not needed.
const SMALL: u64 = 256 * 1024;

/// A home, and what names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The directory.
    pub home: PathBuf,
    /// What names it, in words.
    pub named_by: String,
}

/// Why no installation was chosen.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum NotFound {
    /// There is none.
    #[error(
        "no Wazuh installation found on {host}; looked at {looked_at}. Name its directory with --home DIR"
    )]
    None {
        /// The host's label.
        host: String,
        /// Where it was looked for.
        looked_at: String,
    },
    /// There are several.
    #[error("several Wazuh installations found on {host}: {}. Choose one with --home DIR", homes.join(", "))]
    Several {
        /// The host's label.
        host: String,
        /// Their homes.
        homes: Vec<String>,
    },
    /// The one that was named is none.
    #[error("{home} ({named_by}) is no Wazuh home: {why}")]
    NotAHome {
        /// The directory.
        home: String,
        /// What named it.
        named_by: String,
        /// In words.
        why: String,
    },
}

/// The installation that is diagnosed.
#[derive(Clone, Debug)]
pub struct Install {
    /// Its directory, as the host names it.
    pub home: PathBuf,
    /// What names it, in words.
    pub named_by: String,
    /// Set when the home could not be entered: every fact below it is denied.
    pub sealed: Option<String>,
    /// Manager, agent or local.
    pub kind: Fact<Kind>,
    /// Version on disk.
    pub version: Fact<Version>,
    /// Agent number and name; only an agent has them.
    pub identity: Fact<Identity>,
}

impl Install {
    /// How scripts are called here. An unknown version counts as the newest 4.x.
    pub fn contract(&self) -> Contract {
        self.version.get().map_or(
            if self.home.ends_with("wazuh-manager") { Contract::Json5 } else { Contract::Json4 },
            |version| Contract::of(*version),
        )
    }

    /// Whether this is an agent; an unknown kind is taken for a manager only
    /// where nothing speaks for an agent.
    pub fn is_agent(&self) -> bool {
        self.kind.get() == Some(&Kind::Agent)
    }

    /// The main configuration file.
    pub fn config_path(&self) -> PathBuf {
        let name = if !self.is_agent() && self.contract() == Contract::Json5 {
            "etc/wazuh-manager.conf"
        } else {
            "etc/ossec.conf"
        };
        self.home.join(name)
    }

    /// The group that owns Wazuh's files (`src/headers/defs.h`, 4.2.7 and 4.3.0; 5.0).
    pub fn group(&self) -> &'static str {
        match self.version.get() {
            Some(version) if *version < Version::new(4, 3, 0) => "ossec",
            Some(version) if version.major >= 5 && !self.is_agent() => "wazuh-manager",
            _ => "wazuh",
        }
    }
}

/// Finds the one installation, or says why not.
pub fn find(host: &dyn Host, home: Option<&Path>) -> Result<Install, NotFound> {
    let asked = host.asked().home;
    if let Some(home) = home.or(asked.as_deref()) {
        return named(host, home, "--home");
    }
    for variable in HOME_VARIABLES {
        if let Some(value) = host.env(variable).filter(|value| !value.is_empty()) {
            return named(host, Path::new(&value), variable);
        }
    }
    let mut found: Vec<Candidate> = Vec::new();
    for candidate in candidates(host) {
        let same = |known: &Candidate| {
            known.home == candidate.home || real(host, &known.home) == real(host, &candidate.home)
        };
        if !found.iter().any(same) && !matches!(examine(host, &candidate.home), Standing::No(_)) {
            found.push(candidate);
        }
    }
    match <[Candidate; 1]>::try_from(found) {
        Ok([only]) => Ok(read(host, only)),
        Err(none) if none.is_empty() => Err(NotFound::None {
            host: host.label(),
            looked_at: DEFAULT_HOMES.join(", ") + ", /etc/ossec-init.conf and systemd units",
        }),
        Err(several) => Err(NotFound::Several {
            host: host.label(),
            homes: several
                .iter()
                .map(|candidate| format!("{} ({})", candidate.home.display(), candidate.named_by))
                .collect(),
        }),
    }
}

fn real(host: &dyn Host, path: &Path) -> PathBuf {
    host.resolve(path).get().map_or_else(|| path.to_owned(), |resolved| resolved.path.clone())
}

fn named(host: &dyn Host, home: &Path, named_by: &str) -> Result<Install, NotFound> {
    let absolute = if host.kind() == SourceKind::Live {
        std::path::absolute(home).unwrap_or_else(|_| home.to_owned())
    } else if home.is_absolute() {
        home.to_owned()
    } else {
        Path::new("/").join(home)
    };
    match examine(host, &absolute) {
        Standing::No(why) => Err(NotFound::NotAHome {
            home: absolute.display().to_string(),
            named_by: named_by.to_owned(),
            why,
        }),
        _ => Ok(read(host, Candidate { home: absolute, named_by: named_by.to_owned() })),
    }
}

/// Whether a directory is a home.
enum Standing {
    Yes,
    /// Nobody can tell: it may not be entered.
    Sealed(String),
    No(String),
}

fn examine(host: &dyn Host, home: &Path) -> Standing {
    match host.resolve(home).value {
        Value::Known(resolved) if resolved.meta.file_type == FileType::Directory => {}
        Value::Known(_) => return Standing::No("it is no directory".to_owned()),
        Value::Absent => return Standing::No("there is no such directory".to_owned()),
        Value::Denied(why) => return Standing::Sealed(why),
        Value::Failed(why) | Value::NotCollected(why) => return Standing::No(why),
    }
    let mut sealed = None;
    for mark in MARKS {
        match host.resolve(&home.join(mark)).value {
            Value::Known(_) => return Standing::Yes,
            Value::Denied(why) => sealed = Some(why),
            Value::Absent | Value::Failed(_) | Value::NotCollected(_) => {}
        }
    }
    sealed.map_or_else(
        || Standing::No("it holds neither etc/ossec.conf nor bin/wazuh-control".to_owned()),
        Standing::Sealed,
    )
}

/// Every directory that something names as a home, best first.
fn candidates(host: &dyn Host) -> Vec<Candidate> {
    let mut all = Vec::new();
    if let Some(content) = host.read(Path::new("/etc/ossec-init.conf"), SMALL).get()
        && let Some(home) = install::shell_value(&content.bytes, "DIRECTORY")
        && home.starts_with('/')
    {
        all.push(Candidate { home: home.into(), named_by: "/etc/ossec-init.conf".to_owned() });
    }
    for dir in UNIT_DIRS {
        for unit in UNITS {
            let path = Path::new(dir).join(unit);
            if let Some(content) = host.read(&path, SMALL).get() {
                all.extend(
                    install::unit_homes(&content.bytes)
                        .into_iter()
                        .map(|home| Candidate { home: home.into(), named_by: path.display().to_string() }),
                );
            }
        }
    }
    all.extend(
        DEFAULT_HOMES.iter().map(|home| Candidate { home: home.into(), named_by: "default path".to_owned() }),
    );
    all
}

fn read(host: &dyn Host, candidate: Candidate) -> Install {
    let home = candidate.home;
    let sealed = match examine(host, &home) {
        Standing::Sealed(why) => Some(why),
        _ => None,
    };
    let small = |name: &str| host.read(&home.join(name), SMALL);
    let controls =
        [small("bin/wazuh-control"), small("bin/wazuh-manager-control"), small("bin/ossec-control")];
    let init = host.read(Path::new("/etc/ossec-init.conf"), SMALL);
    let text = |fact: &Fact<Content>| fact.get().map(|content| content.bytes.clone());

    let version_json = small("VERSION.json");
    let mut version = match text(&version_json).as_deref().and_then(install::version_json) {
        Some(version) => Fact::known(version_json.source.clone(), version),
        None => version_json.and_then(|_| Value::Failed("holds no version".to_owned())),
    };
    let mut kind: Fact<Kind> = Fact::absent(home.join("bin/wazuh-control").display().to_string());
    for source in controls.iter().chain([&init]) {
        if let Some(bytes) = text(source) {
            if version.get().is_none()
                && let Some(found) = install::version(&bytes)
            {
                version = Fact::known(source.source.clone(), found);
            }
            if kind.get().is_none()
                && let Some(found) = install::kind(&bytes)
            {
                kind = Fact::known(source.source.clone(), found);
            }
        } else if kind.get().is_none()
            && let Some(gap) = source.unknown()
        {
            kind = Fact { source: gap.source.clone(), value: source.as_ref().map(|_| Kind::Server).value };
        }
    }
    if kind.get().is_none() {
        for (program, found) in [
            ("bin/wazuh-agentd", Kind::Agent),
            ("bin/ossec-agentd", Kind::Agent),
            ("bin/wazuh-analysisd", Kind::Server),
            ("bin/ossec-analysisd", Kind::Server),
            ("bin/wazuh-manager-analysisd", Kind::Server),
            ("etc/wazuh-manager.conf", Kind::Server),
            ("etc/shared/merged.mg", Kind::Agent),
        ] {
            let path = home.join(program);
            if host.entry(&path).get().is_some() {
                kind = Fact::known(path.display().to_string(), found);
                break;
            }
        }
    }
    let identity = if kind.get() == Some(&Kind::Agent) {
        let keys = small("etc/client.keys");
        match text(&keys).as_deref().map(install::identity) {
            Some(Some(identity)) => Fact::known(keys.source, identity),
            Some(None) => Fact::absent(keys.source),
            None => keys.and_then(|_| Value::Failed("could not be read".to_owned())),
        }
    } else {
        Fact::absent(home.join("etc/client.keys").display().to_string())
    };
    Install { home, named_by: candidate.named_by, sealed, kind, version, identity }
}
