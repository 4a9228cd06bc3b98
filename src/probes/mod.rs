//! The probes: each a pure function from facts to findings, registered in one list.
//!
//! A probe never reads a file, prints, or asks the clock. It names every check
//! it reports; a stage passes only when all of them ran on known facts.

mod alerts;
mod blocked;
mod config;
mod confinement;
mod delivery;
mod drift;
mod executable;
mod feedback;
mod filesystem;
mod interference;
pub mod logs;
mod payloads;
mod placement;
mod processes;
mod resolve;
mod rules;
mod runtime;
mod script_text;
mod security;
mod selectors;
mod sink;
mod sockets;
pub mod suppressions;
mod syntax;
mod tools;
mod unit;
mod versions;
mod white_list;

use crate::facts::{Facts, Response, TextFile};
use crate::findings::{CheckId, ResponseIndex, Subject};
use crate::wazuh::ossec_conf::{Configuration, Problem, ResponseBlock, Role};
use crate::wazuh::version::Contract;
use crate::wazuh::xml::{Element, Span};

pub use script_text::excerpt;
pub use sink::{Sink, Unknown, applies};

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
    rules::PROBE,
    alerts::PROBE,
    payloads::PROBE,
    white_list::PROBE,
    resolve::NAMES,
    resolve::AR_CONF,
    resolve::DELIVERY,
    delivery::AGENT,
    delivery::HUNG,
    delivery::GROUPS,
    delivery::MANAGER,
    delivery::OPTIONS,
    executable::FILE,
    executable::PERMISSIONS,
    executable::INTERPRETER,
    executable::BINARY,
    runtime::PROBE,
    blocked::PROBE,
    blocked::STALE,
    sockets::PROBE,
    script_text::PROBE,
    feedback::PROBE,
    versions::PROBE,
    drift::PROBE,
    suppressions::PROBE,
    tools::PROBE,
    interference::PROBE,
    security::PROBE,
    filesystem::SPACE,
    filesystem::FROZEN,
    filesystem::MOUNTS,
    processes::PROBE,
    confinement::PROBE,
];

/// A place in the configuration as the subject of a finding.
fn block_subject(facts: &Facts<'_>, span: Span) -> Subject {
    let config = facts.config();
    let what = config.read.as_ref().map_or_else(String::new, |read| named_place(&config.file, read, span));
    Subject::Config(config.file.shown.clone(), what)
}

/// A place by the names around it (`active-response[firewall-drop600]/timeout`):
/// it stays the same when lines are added elsewhere.
fn named_place(file: &TextFile, read: &Configuration, span: Span) -> String {
    let element = read.xml.as_ref().ok().and_then(|document| document.element_at(span.start));
    let inside = |block: Span| match element {
        Some(element) if element.span != block => format!("/{}", lossy(&element.name)),
        _ => String::new(),
    };
    if let Some(block) = read.responses.iter().find(|block| holds(block.span, span)) {
        let name = block.name.as_ref().or(block.command.as_ref().map(|value| &value.text));
        let name = name.map_or_else(String::new, |name| lossy(name));
        return format!("active-response[{name}]{}", inside(block.span));
    }
    if let Some(block) = read.commands.iter().find(|block| holds(block.span, span)) {
        let name = block.name.as_ref().map_or_else(String::new, |name| lossy(&name.text));
        return format!("command[{name}]{}", inside(block.span));
    }
    match element {
        Some(element) if element.children.is_empty() => {
            format!("{}[{}]", lossy(&element.name), file.name(element.content_span))
        }
        Some(element) => lossy(&element.name),
        None => String::new(),
    }
}

/// The sections of the configuration: children of the roots.
fn sections(read: &Configuration) -> impl Iterator<Item = &Element> {
    read.xml.as_ref().into_iter().flat_map(|document| &document.roots).flat_map(|root| &root.children)
}

/// Whether one span lies in another.
const fn holds(outer: Span, inner: Span) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}

/// Whether a daemon refuses something in a section of this name, other than one
/// problem: what the section fails to do then is no fault of its own.
fn section_is_broken(read: &Configuration, name: &str, but: Option<&Problem>) -> bool {
    sections(read).filter(|section| section.name == name.as_bytes()).any(|section| {
        read.problems.iter().any(|problem| {
            Some(problem) != but && !problem.fatal_for.is_empty() && holds(section.span, problem.span)
        })
    })
}

/// Bytes of a file as text.
fn lossy(text: &[u8]) -> String {
    String::from_utf8_lossy(text).into_owned()
}

/// The configuration as read, or the gap put down for all checks of a probe.
fn read_config<'f>(
    facts: &'f Facts<'_>,
    sink: &mut Sink<'_, '_>,
    checks: &[CheckId],
) -> Option<&'f Configuration> {
    let config = facts.config();
    if let Some(gap) = config.file.bytes.unknown() {
        sink.unknown_for_all(checks, &gap);
    }
    config.read.as_ref()
}

/// Every response that has a block, with its block.
fn blocks<'f>(
    facts: &'f Facts<'_>,
    read: &'f Configuration,
) -> impl Iterator<Item = (ResponseIndex, &'f Response, &'f ResponseBlock)> {
    let responses = facts.responses().iter().enumerate();
    responses.filter_map(|(index, response)| Some((index, response, read.responses.get(response.block?)?)))
}

/// The package, and the unit, of this host's Wazuh.
fn service(facts: &Facts<'_>) -> &'static str {
    if facts.role() == Role::Agent { "wazuh-agent" } else { "wazuh-manager" }
}

/// The command that makes this host's daemons read their files again.
fn restart(facts: &Facts<'_>) -> String {
    if facts.lacks_systemd() {
        return format!("{} restart", under_home(facts, &format!("bin/{}", control_program(facts))));
    }
    let command = if facts.role() == Role::Agent { RESTART_AGENT } else { RESTART_MANAGER };
    command.to_owned()
}

const RESTART_AGENT: &str = "systemctl restart wazuh-agent";
const RESTART_MANAGER: &str = "systemctl restart wazuh-manager";

/// The script that starts and stops the daemons (`src/init/`, 4.1.5, 4.14, 5.0).
fn control_program(facts: &Facts<'_>) -> &'static str {
    match (facts.contract(), facts.role()) {
        (Contract::Args, _) => "ossec-control",
        (Contract::Json5, Role::Manager) => "wazuh-manager-control",
        _ => "wazuh-control",
    }
}

/// A path below the home as one word of a shell.
fn under_home(facts: &Facts<'_>, relative: &str) -> String {
    quote(&facts.under_home(relative).display().to_string())
}

/// The command that shows the configuration this report is about.
fn show_command(facts: &Facts<'_>) -> String {
    if facts.is_bare() { show_file_command(facts) } else { "ar-doctor show".to_owned() }
}

/// The command that shows the configuration file alone, before a daemon reads it.
fn show_file_command(facts: &Facts<'_>) -> String {
    let role = match facts.role() {
        Role::Manager => "manager",
        Role::Agent => "agent",
    };
    // Without the version the file would be read as the newest 4.x reads it.
    let version = facts.version().map_or_else(String::new, |version| format!(" --wazuh-version {version}"));
    let path = facts.config().file.path.display().to_string();
    format!("ar-doctor show --config {} --role {role}{version}", quote(&path))
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

/// A path as one word of a shell.
fn quote_path(path: &std::path::Path) -> String {
    quote_bytes(std::os::unix::ffi::OsStrExt::as_bytes(path.as_os_str()))
}

/// Bytes as one word of a shell: what is not text, or would not be seen, in the
/// `$'...'` of bash.
fn quote_bytes(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.chars().any(char::is_control) => return quote(text),
        _ => {}
    }
    let mut word = String::from("$'");
    for chunk in bytes.utf8_chunks() {
        for letter in chunk.valid().chars() {
            match letter {
                '\'' | '\\' => word.extend(['\\', letter]),
                letter if letter.is_control() => {
                    let mut buffer = [0; 4];
                    let bytes = letter.encode_utf8(&mut buffer).bytes();
                    word.extend(bytes.map(|byte| format!("\\x{byte:02x}")));
                }
                letter => word.push(letter),
            }
        }
        word.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")));
    }
    word.push('\'');
    word
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
    let allowed = match a.chars().count() {
        0..=3 => 0,
        4..=7 => 1,
        _ => 2,
    };
    // The distance is at least the difference in length, which costs nothing.
    if a.chars().count().abs_diff(b.chars().count()) > allowed {
        return None;
    }
    let distance = strsim::damerau_levenshtein(&a, &b);
    (distance <= allowed).then_some(distance)
}

#[cfg(test)]
mod tests {
    use super::{quote, quote_bytes, resemblance};

    #[test]
    fn words_survive_a_shell() {
        assert_eq!(quote("/var/ossec/bin/x.sh"), "/var/ossec/bin/x.sh");
        assert_eq!(quote("a b"), "'a b'");
        assert_eq!(quote("it's"), "'it'\\''s'");
        assert_eq!(quote(""), "''");
    }

    #[test]
    fn bytes_survive_a_shell() {
        assert_eq!(quote_bytes(b"/a/x.sh"), "/a/x.sh");
        assert_eq!(quote_bytes("/a/\u{e9}.sh".as_bytes()), "'/a/\u{e9}.sh'");
        assert_eq!(quote_bytes(b"/a/bad\xff'.sh"), "$'/a/bad\\xff\\'.sh'");
        assert_eq!(quote_bytes(b"a\r"), "$'a\\x0d'");
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
