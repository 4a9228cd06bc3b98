//! The one type that text must pass before it leaves.
//!
//! Whatever is printed, written to JSON or packed into a capture is a
//! [`Redacted`], and only a [`Redactor`] makes one. Secrets are recognised where
//! they are read (by element, key or file) and remembered, so that the same
//! bytes are hidden wherever else they turn up; and by format everywhere.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::{LazyLock, Mutex, PoisonError};

use regex::bytes::Regex;
use serde::Serialize;

/// Text that may leave this program: secrets hidden, valid UTF-8. Control
/// characters are still in it; the printers deal with those.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct Redacted(String);

impl Redacted {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Text that is part of this program: names, ids, units.
    pub fn constant(text: &'static str) -> Self {
        Self(text.to_owned())
    }
}

impl std::fmt::Display for Redacted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.0)
    }
}

/// Elements of Wazuh's configuration whose text is a secret.
const SECRET_ELEMENTS: &[&str] = &[
    "key",
    "api_key",
    "apikey",
    "hook_url",
    "password",
    "pass",
    "secret",
    "client_secret",
    "secret_key",
    "secret_access_key",
    "access_key",
    "api_token",
    "token",
    "authorization",
    "private_key",
    "community",
    "uninstall-auth-token",
    "uninstall-auth-login",
];

/// Remembered secrets shorter than this are hidden only where they were read:
/// hiding `yes` everywhere would hide the report.
const SHORTEST_REMEMBERED: usize = 6;

/// Elements that hold a secret, well formed or not: the report quotes lines just
/// because they are broken. Group 1 is what is hidden.
static ELEMENTS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    let names = SECRET_ELEMENTS.join("|");
    [
        // `<key>X`, also `< key>X`, `key>X`, and without an end tag.
        // Not what follows an end tag.
        format!(r"(?is-u)(?:^|[^/\w-])(?:{names})(?:\s[^<>]*)?>\s*([^<]*[^<\s])"),
        // `<key X`: the `>` is missing.
        format!(r"(?is-u)<\s*(?:{names})\s+([^<>]*[^<>\s])"),
        // `<key><!-- X -->`.
        format!(r"(?is-u)<\s*(?:{names})[^<>]*>\s*<!--\s*(.*?[^\s])\s*(?:-->|\z)"),
    ]
    .iter()
    .filter_map(|pattern| Regex::new(pattern).ok())
    .collect()
});

/// Formats that are secrets wherever they stand; group 1 is what is hidden.
static FORMATS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    [
        // JSON Web Tokens.
        r"(?-u)\b(eyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]*)",
        // Bearer and basic credentials.
        r"(?i-u)\b(?:bearer|basic)\s+([A-Za-z0-9._~+/=-]{8,})",
        // User and password in a URL.
        r"(?-u)[a-z][a-z0-9+.-]*://([^/@\s:<>]*:[^/@\s<>]+)@",
        // Chat web hooks: the path is the credential.
        r"(?i-u)https?://(?:hooks\.slack\.com|discord(?:app)?\.com/api/webhooks|[a-z0-9.-]*webhook\.office\.com)/([^\s<>\x22']+)",
        // Cloud access keys.
        r"(?-u)\b((?:AKIA|ASIA)[A-Z0-9]{16})\b",
        // name=value pairs of the usual names, also as the end of one (`DB_PASSWORD=`), in JSON
        // inside of JSON (`\"token\":\"x\"`), and as `:=`.
        r#"(?i-u)(?:password|passwd|passphrase|secret|api[_-]?key|access[_-]?key|private[_-]?key|secret[_-]?key|hook[_-]?url|token)\\*["']?\s*:?[=:]\s*\\*["']?([^\s"'<>,;&]{3,}[^\s"'<>,;&\\])"#,
        // Options of commands.
        r#"(?i-u)--?(?:password|passwd|pass|token|secret|api[_-]?key|access[_-]?key|auth)[ \t]+([^\s"'<>]{4,})"#,
        r#"(?-u)(?:^|\s)(?:-u|--user)[ \t]+[^\s:"'<>]+:([^\s"'<>]{2,})"#,
        r#"(?-u)(?:^|\s)-p[ \t]+([^\s"'<>/]{6,})"#,
        // Keys in PEM form.
        r"(?s-u)-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----(.*?)-----END",
        // client.keys: the fourth word.
        r"(?-u)(?:^|\n)\d{3,} \S+ \S+ ([0-9a-fA-F]{32,})",
    ]
    .iter()
    .filter_map(|pattern| Regex::new(pattern).ok())
    .collect()
});

/// Remembers the secrets of one run and hides them in all text that leaves.
#[derive(Debug, Default)]
pub struct Redactor {
    remembered: Mutex<BTreeSet<Vec<u8>>>,
}

impl Redactor {
    /// One that remembers nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Remembers the secrets in the bytes of a file; [`secrets`] says where they are.
    pub fn mark(&self, bytes: &[u8]) -> Vec<Range<usize>> {
        let spans = secrets(bytes);
        for span in &spans {
            self.remember(&bytes[span.clone()]);
        }
        spans
    }

    /// Remembers a secret as a whole (the content of `authd.pass`, a key).
    pub fn remember(&self, secret: &[u8]) {
        let secret = secret.trim_ascii();
        if secret.len() >= SHORTEST_REMEMBERED {
            self.lock().insert(secret.to_vec());
        }
    }

    /// Text that may leave.
    pub fn text(&self, text: impl AsRef<[u8]>) -> Redacted {
        Redacted(String::from_utf8_lossy(&self.hide(text.as_ref())).into_owned())
    }

    /// The bytes with every secret overwritten by `*`, length kept, so that
    /// columns and marks stay where they are.
    pub fn hide(&self, bytes: &[u8]) -> Vec<u8> {
        let mut hidden = bytes.to_vec();
        for span in secrets(bytes) {
            hidden[span].fill(b'*');
        }
        for secret in self.lock().iter() {
            for at in memchr::memmem::find_iter(bytes, secret) {
                hidden[at..at + secret.len()].fill(b'*');
            }
        }
        hidden
    }

    /// The secrets that are remembered.
    pub(crate) fn remembered(&self) -> Vec<Vec<u8>> {
        self.lock().iter().cloned().collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeSet<Vec<u8>>> {
        // A poisoned lock still holds the secrets; losing them would leak.
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where the secrets stand in the bytes of a file, whether or not it is well
/// formed: in elements that hold one, and in formats that are one.
pub fn secrets(bytes: &[u8]) -> Vec<Range<usize>> {
    // The shortest format is a pair such as `token=abcd`.
    if bytes.len() < 8 {
        return Vec::new();
    }
    ELEMENTS
        .iter()
        .chain(FORMATS.iter())
        .flat_map(|pattern| pattern.captures_iter(bytes))
        .filter_map(|found| found.get(1).map(|value| value.range()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_patterns_compile() {
        assert_eq!(ELEMENTS.len(), 3);
        assert_eq!(FORMATS.len(), 11);
    }

    #[test]
    fn an_element_is_hidden_where_it_stands_and_elsewhere() {
        let redactor = Redactor::new();
        let config = b"<cluster><key>\n fd3350b86d239654e34866ab3c4988a8 </key></cluster><key></key>";
        let spans = redactor.mark(config);
        assert_eq!(spans.len(), 1);
        assert_eq!(&config[spans[0].clone()], b"fd3350b86d239654e34866ab3c4988a8");
        let elsewhere = redactor.text("see fd3350b86d239654e34866ab3c4988a8!");
        assert_eq!(elsewhere.as_str(), "see ********************************!");
    }

    #[test]
    fn formats_are_hidden_without_having_been_read() {
        let redactor = Redactor::new();
        for (text, secret) in [
            ("https://hooks.slack.com/services/T000/B000/XXXXYYYY", "T000/B000"),
            ("https://user:hunter22@example.test/x", "hunter22"),
            ("Authorization: Bearer abcdef0123456789", "abcdef0123456789"),
            ("password=swordfish1", "swordfish1"),
            ("DB_PASSWORD=swordfish1", "swordfish1"),
            ("AWS_SECRET_ACCESS_KEY=swordfish1", "swordfish1"),
            (r#"{\"client_secret\":\"swordfish1\"}"#, "swordfish1"),
            (r#"{\\\"access_token\\\": \\\"swordfish1\\\"}"#, "swordfish1"),
            (r#""hook_url":"swordfish1""#, "swordfish1"),
            (r#"--set 'data.api_token:="swordfish1"'"#, "swordfish1"),
            ("003 web-01 any 0123456789abcdef0123456789abcdef0123456789abcdef", "0123456789abcdef01"),
            ("AKIAABCDEFGHIJKLMNOP", "AKIAABCDEFGHIJKLMNOP"),
            ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc", "eyJzdWIi"),
        ] {
            let out = redactor.text(text);
            assert!(!out.as_str().contains(secret), "{text} -> {out}");
            assert_eq!(out.as_str().len(), text.len());
        }
    }

    #[test]
    fn a_broken_element_hides_its_secret_too() {
        for text in [
            "<key>SECRETA1<key>",
            "<key>SECRETA1",
            "<key>\n SECRETA1\n<other>",
            "< key>SECRETA1</key>",
            "key>SECRETA1</key>",
            "<key SECRETA1</key>",
            "<key><!-- SECRETA1 --></key>",
            "<!-- <password>SECRETA1</password> -->",
            "<KEY>SECRETA1</KEY>",
            "<extra_args>--token SECRETA1 -v</extra_args>",
            "#!/usr/bin/curl -u admin:SECRETA1",
            "x.sh -p SECRETA1 y",
        ] {
            let redactor = Redactor::new();
            assert!(!redactor.text(text).as_str().contains("SECRET"), "{}", redactor.text(text));
            redactor.mark(text.as_bytes());
            let said = redactor.text("Attribute 'SECRETA1<' has no value.");
            assert!(!said.as_str().contains("SECRETA1"), "{text} -> {said}");
        }
    }

    #[test]
    fn ordinary_text_is_left_alone() {
        let redactor = Redactor::new();
        for text in [
            "<name>firewall-drop</name>",
            "rules_id 5712, 5763",
            "#!/bin/bash\r",
            "10.0.0.0/8",
            "<key></key>\n  <port>1516</port>",
            "<key>\n  <port>1516</port>",
            "mkdir -p /var/ossec/logs",
            "stat -c '%a %U:%G' x",
            "</key>\nfurther lines",
            "unexpected token `)'",
        ] {
            assert_eq!(redactor.text(text).as_str(), text);
        }
    }

    proptest::proptest! {
        #[test]
        fn a_planted_secret_never_leaves(secret in "[A-Za-z0-9]{8,40}", before in ".{0,40}", after in ".{0,40}") {
            let redactor = Redactor::new();
            redactor.remember(secret.as_bytes());
            let out = redactor.text(format!("{before}{secret}{after}"));
            proptest::prop_assert!(!out.as_str().contains(&secret));
        }
    }
}
