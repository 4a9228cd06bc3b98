//! What an installation says of itself: its home, version and type, read from
//! `ossec-init.conf`, `wazuh-control`, `VERSION.json`, unit files and `client.keys`.

use super::version::Version;

/// What kind of installation it is (`TYPE` in `bin/wazuh-control`, 4.2 and later).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `server`: a manager; a worker is one whose `<cluster>` says so.
    Server,
    /// `agent`.
    Agent,
    /// `local`: a manager without agents.
    Local,
}

/// Values of shell assignments `NAME="value"` or `NAME=value` at the start of a
/// line, the first of each name.
///
/// `bin/wazuh-control` (`src/init/wazuh-client.sh`, 4.14) and
/// `/etc/ossec-init.conf` (up to 4.1) both carry `VERSION` and `TYPE` so.
pub fn shell_value(text: &[u8], name: &str) -> Option<String> {
    text.split(|&byte| byte == b'\n').find_map(|line| {
        let value = line.strip_prefix(name.as_bytes())?.strip_prefix(b"=")?;
        let value = String::from_utf8_lossy(value);
        let value = value.trim().trim_matches('"').trim_matches('\'');
        (!value.is_empty()).then(|| value.to_owned())
    })
}

/// The type a control script or `ossec-init.conf` names.
pub fn kind(text: &[u8]) -> Option<Kind> {
    match shell_value(text, "TYPE")?.as_str() {
        "server" => Some(Kind::Server),
        "agent" => Some(Kind::Agent),
        "local" => Some(Kind::Local),
        _ => None,
    }
}

/// The version a control script or `ossec-init.conf` names.
pub fn version(text: &[u8]) -> Option<Version> {
    Version::parse(&shell_value(text, "VERSION")?)
}

/// The version in `VERSION.json` (4.12.0 and later).
pub fn version_json(text: &[u8]) -> Option<Version> {
    let value: serde_json::Value = serde_json::from_slice(text).ok()?;
    Version::parse(value.get("version")?.as_str()?)
}

/// What [`embedded_versions`] looks for, as a regular expression on bytes.
pub const EMBEDDED_VERSION: &str = r"(?-u)\x00(?:v[0-9.]{5,14}\x00)+";

/// Versions inside a program: `v4.14.2` as a string of its own
/// (`src/headers/defs.h __ossec_version`, 4.14). It may hold others than its own, which it
/// compares those of its agents with.
pub fn embedded_versions(program: &[u8]) -> Vec<Version> {
    let mut found: Vec<Version> = memchr::memmem::find_iter(program, b"\0v")
        .filter_map(|at| {
            let text = program.get(at + 1..(at + 17).min(program.len()))?;
            let text = text.get(..memchr::memchr(0, text)?)?;
            let digits = text.get(1..)?;
            let is_version = digits.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.')
                && digits.split(|&byte| byte == b'.').count() == 3;
            Version::parse(std::str::from_utf8(text).ok().filter(|_| is_version)?)
        })
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// The home named by the `ExecStart=` lines of a systemd unit
/// (`src/init/templates/wazuh-agent.service`: `/usr/bin/env HOME/bin/wazuh-control start`).
pub fn unit_homes(text: &[u8]) -> Vec<String> {
    let mut homes = Vec::new();
    for line in String::from_utf8_lossy(text).lines() {
        let Some(command) = line.trim().strip_prefix("ExecStart=") else { continue };
        for word in command.split_whitespace() {
            for control in ["/bin/wazuh-control", "/bin/wazuh-manager-control", "/bin/ossec-control"] {
                if let Some(home) = word.strip_suffix(control)
                    && home.starts_with('/')
                    && !homes.iter().any(|known| known == home)
                {
                    homes.push(home.to_owned());
                }
            }
        }
    }
    homes
}

/// Who an agent is: the first usable line of its `client.keys`, without the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Three digits or more.
    pub id: String,
    /// Agent name.
    pub name: String,
}

/// Reads `ID NAME IP KEY` (`src/os_crypto/shared/keys.c OS_ReadKeys`, 4.14: lines that start
/// with `#` or a blank, and removed names that start with `#` or `!`, are skipped).
pub fn identity(text: &[u8]) -> Option<Identity> {
    String::from_utf8_lossy(text).lines().find_map(|line| {
        if line.starts_with('#') || line.starts_with(' ') {
            return None;
        }
        let mut words = line.split(' ');
        let (id, name) = (words.next()?, words.next()?);
        let usable = !id.is_empty()
            && id.bytes().all(|byte| byte.is_ascii_digit())
            && !name.starts_with(['#', '!'])
            && !name.is_empty();
        usable.then(|| Identity { id: id.to_owned(), name: name.to_owned() })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_control_script_names_version_and_type() {
        let text = b"#!/bin/sh\n# VERSION=\"no\"\nVERSION=\"v4.9.2\"\nREVISION=\"40907\"\nTYPE=\"agent\"\n";
        assert_eq!(version(text), Version::parse("4.9.2"));
        assert_eq!(kind(text), Some(Kind::Agent));
        assert_eq!(kind(b"TYPE=\"other\"\n"), None);
    }

    #[test]
    fn a_unit_file_names_the_home() {
        let text = b"[Service]\nType=forking\nExecStart=/usr/bin/env /opt/ossec/bin/wazuh-control start\n\
                     ExecStart=/usr/bin/env relative/bin/wazuh-control start\n";
        assert_eq!(unit_homes(text), ["/opt/ossec"]);
    }

    #[test]
    fn a_program_holds_its_version() {
        let program = b"\x7fELF\0v4.14.2\0v4.3.0\0xv1.2.3\0v9\0v1.2.3-x\0v1.2.3.4\0v4.14.2\0\0v5.0.0";
        let found: Vec<String> = embedded_versions(program).iter().map(ToString::to_string).collect();
        assert_eq!(found, ["4.3.0", "4.14.2"]);
        assert!(embedded_versions(b"").is_empty());
    }

    #[test]
    fn an_identity_never_carries_the_key() {
        let keys = b"# comment\n001 !gone any 00\n003 web-01 10.0.0.7 deadbeef\n";
        assert_eq!(identity(keys), Some(Identity { id: "003".into(), name: "web-01".into() }));
        assert_eq!(identity(b""), None);
    }
}
