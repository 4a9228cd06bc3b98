//! Files whose secrets are known by the name of the file.

use std::ops::Range;
use std::path::Path;

use super::Kind;
use super::formats::Mode;

/// How the secrets of a file are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    /// By what stands in it.
    Plain(Mode),
    /// By their place in each line.
    Fields(Fields),
    /// All of it is one, or cannot be looked into.
    Opaque,
}

/// Files of lines with fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fields {
    /// `client.keys`: behind the third blank.
    Keys,
    /// `authd.pass`: the whole line.
    Whole,
    /// `shadow`, `.htpasswd`: the second field.
    Shadow,
    /// `.pgpass`: the fifth field.
    Pgpass,
    /// `agentless/.passlist`: what follows the first `|`.
    Passlist,
}

impl Sort {
    /// What is known of a file of this name.
    pub(super) fn of(path: &Path, bytes: &[u8]) -> Self {
        let name =
            path.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
        let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
        if magic(bytes) > 0 {
            return Self::Opaque;
        }
        if ["p12", "pfx", "jks", "keystore", "kdbx", "gpg", "keytab", "ppk12"].contains(&extension) {
            return Self::Opaque;
        }
        if name.contains("client.keys") {
            return Self::Fields(Fields::Keys);
        }
        if name.starts_with("authd.pass") {
            return Self::Fields(Fields::Whole);
        }
        if ["shadow", "gshadow", "shadow-", "gshadow-", ".htpasswd", "htpasswd"].contains(&name.as_str()) {
            return Self::Fields(Fields::Shadow);
        }
        match name.as_str() {
            ".pgpass" => return Self::Fields(Fields::Pgpass),
            ".passlist" => return Self::Fields(Fields::Passlist),
            _ => {}
        }
        // A key that is not in PEM form.
        if extension == "key" && memchr::memmem::find(bytes, b"-----BEGIN").is_none() {
            return Self::Opaque;
        }
        Self::Plain(match extension {
            "py" | "pl" | "pm" | "rb" | "js" | "php" | "ps1" | "psm1" | "lua" => Mode::Code,
            "yml" | "yaml" | "ini" | "properties" | "env" | "cnf" => Mode::Settings,
            "sh" | "bash" | "ksh" | "zsh" | "dash" if Mode::of(bytes) != Mode::Code => Mode::Shell,
            _ if name == ".env" || name == "environment" => Mode::Settings,
            _ => Mode::of(bytes),
        })
    }
}

/// Bytes at the beginning of what is compressed that say by what it is, and nothing else.
pub(super) fn magic(bytes: &[u8]) -> usize {
    let compressed: [&[u8]; 7] = [
        b"\x1f\x8b",
        b"PK\x03\x04",
        b"\xfd7zXZ",
        b"BZh",
        b"\x28\xb5\x2f\xfd",
        b"7z\xbc\xaf",
        b"\x04\x22\x4d\x18",
    ];
    compressed.into_iter().find(|magic| bytes.starts_with(magic)).map_or(0, <[u8]>::len)
}

impl Fields {
    /// Every secret, where it stands.
    pub(super) fn each(self, bytes: &[u8], secret: &mut impl FnMut(Range<usize>, Kind)) {
        let mut start = 0;
        for line in bytes.split_inclusive(|&byte| byte == b'\n') {
            let line_start = start;
            start += line.len();
            let line = line.trim_ascii_end();
            let found = match self {
                Self::Keys => key(line),
                Self::Whole => (!line.is_empty()).then_some((0..line.len(), Kind::EnrollmentPassword)),
                Self::Shadow => field(line, b':', 1, Some(b':'))
                    .filter(|range| is_hash(line, range))
                    .map(|range| (range, Kind::PasswordHash)),
                Self::Pgpass => field(line, b':', 4, None).map(|range| (range, Kind::Password)),
                Self::Passlist => field(line, b'|', 1, None).map(|range| (range, Kind::Password)),
            };
            if let Some((range, kind)) = found.filter(|(range, _)| !range.is_empty()) {
                secret(line_start + range.start..line_start + range.end, kind);
            }
        }
    }
}

/// What follows the third blank. In a line that is cut short a long word is the key.
fn key(line: &[u8]) -> Option<(Range<usize>, Kind)> {
    let comment = line.starts_with(b"#");
    let mut blanks = memchr::memchr_iter(b' ', line);
    if let Some(third) = blanks.nth(2).filter(|_| !comment) {
        return Some((third + 1..line.len(), Kind::AgentKey));
    }
    let mut start = 0;
    for word in line.split(|&byte| byte == b' ' || byte == b'\t') {
        if word.len() >= 32 && word.iter().all(u8::is_ascii_alphanumeric) {
            return Some((start..start + word.len(), Kind::AgentKey));
        }
        start += word.len() + 1;
    }
    None
}

/// The field of this number, from 0; to the next separator, or to the end of the line.
fn field(line: &[u8], by: u8, number: usize, until: Option<u8>) -> Option<Range<usize>> {
    let start = memchr::memchr_iter(by, line).nth(number - 1)? + 1;
    let rest = line.get(start..)?;
    let end = until.and_then(|until| memchr::memchr(until, rest)).unwrap_or(rest.len());
    Some(start..start + end)
}

/// Not `*`, `!`, `x`: an account without a password.
fn is_hash(line: &[u8], range: &Range<usize>) -> bool {
    line.get(range.clone()).is_some_and(|field| field.len() >= 8)
}
