//! The probes: each a pure function from facts to findings, registered in one list.
//!
//! A probe never reads a file, prints, or asks the clock. It names every check
//! it reports; a stage passes only when all of them ran on known facts.

mod config;
mod executable;
mod feedback;
mod placement;
mod resolve;
mod runtime;
mod selectors;
mod syntax;
mod white_list;

use crate::engine::Sink;
use crate::facts::Facts;
use crate::findings::{CheckId, Subject};
use crate::wazuh::ossec_conf::Role;
use crate::wazuh::xml::Span;

/// One probe.
pub struct Probe {
    /// Its name in messages.
    pub name: &'static str,
    /// Every check it reports.
    pub checks: &'static [CheckId],
    /// The function.
    pub run: fn(&Facts<'_>, &mut Sink<'_, '_>),
}

/// All probes. The order does not matter: the report is ranked.
pub const PROBES: &[Probe] = &[
    syntax::PROBE,
    syntax::RULESET,
    config::PROBLEMS,
    config::COMMANDS,
    config::DISABLED,
    placement::PROBE,
    placement::LOCATION,
    selectors::PROBE,
    selectors::TIMES,
    white_list::PROBE,
    resolve::NAMES,
    resolve::AR_CONF,
    resolve::DELIVERY,
    executable::FILE,
    executable::PERMISSIONS,
    executable::INTERPRETER,
    executable::BINARY,
    runtime::PROBE,
    feedback::PROBE,
];

/// A place in the configuration as the subject of a finding.
fn block_subject(facts: &Facts<'_>, span: Span) -> Subject {
    let file = &facts.config().file;
    Subject::Config(file.shown.clone(), file.line(span.start))
}

/// The command that shows the configuration this report is about.
fn show_command(facts: &Facts<'_>) -> String {
    if !facts.is_bare() {
        return "ar-doctor show".to_owned();
    }
    let role = match facts.role() {
        Role::Manager => "manager",
        Role::Agent => "agent",
    };
    format!("ar-doctor show --config {} --role {role}", quote(&facts.config().file.shown))
}

/// Text as one word of a POSIX shell.
fn quote(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+:=@%,".contains(&byte);
    if !text.is_empty() && text.bytes().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

/// How far two names are apart when one may be meant for the other: 0 when they
/// differ only in case, blanks, `_` for `-` or a suffix such as `.sh`; none when
/// they are too different.
fn resemblance(wanted: &str, other: &str) -> Option<usize> {
    let plain = |name: &str| {
        let name = name.trim().to_lowercase().replace('_', "-");
        let stem = [".sh", ".py", ".pl", ".exe", ".cmd", ".bat", ".ps1"]
            .iter()
            .find_map(|suffix| name.strip_suffix(suffix))
            .unwrap_or(&name);
        stem.to_owned()
    };
    let (a, b) = (plain(wanted), plain(other));
    if a.is_empty() || wanted == other {
        return None;
    }
    let distance = strsim::damerau_levenshtein(&a, &b);
    let allowed = match a.chars().count() {
        0..=3 => 0,
        4..=7 => 1,
        _ => 2,
    };
    (distance <= allowed).then_some(distance)
}

#[cfg(test)]
mod tests {
    use super::{quote, resemblance};

    #[test]
    fn words_survive_a_shell() {
        assert_eq!(quote("/var/ossec/bin/x.sh"), "/var/ossec/bin/x.sh");
        assert_eq!(quote("a b"), "'a b'");
        assert_eq!(quote("it's"), "'it'\\''s'");
        assert_eq!(quote(""), "''");
    }

    #[test]
    fn names_that_resemble() {
        assert_eq!(resemblance("firewall-drop", "firewall-drop.sh"), Some(0));
        assert_eq!(resemblance("Firewall_Drop", "firewall-drop"), Some(0));
        assert_eq!(resemblance(" firewall-drop", "firewall-drop"), Some(0));
        assert_eq!(resemblance("firewal-drop", "firewall-drop"), Some(1));
        assert_eq!(resemblance("host-deny", "route-null"), None);
        assert_eq!(resemblance("pf", "ipf"), None);
        assert_eq!(resemblance("same", "same"), None);
    }
}
