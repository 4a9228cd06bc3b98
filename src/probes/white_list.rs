//! White list entries that match every source, or none.

use super::{Probe, RESTART_MANAGER, Sink, block_subject, lossy, read_config};
use crate::facts::Facts;
use crate::findings::{Confidence, Finding, checks};
use crate::wazuh::os_match::looks_like_ip;
use crate::wazuh::ossec_conf::WhiteListKind;

/// `<global><white_list>`.
pub(super) const PROBE: Probe = Probe {
    name: "white-list",
    checks: &[checks::WHITE_LIST_MATCHES_EVERYTHING, checks::WHITE_LIST_NEVER_MATCHES],
    run,
};

fn run(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    let config = facts.config();
    let Some(read) = read_config(facts, sink, PROBE.checks) else { return };
    let stopped = facts.meant_to_run();
    for entry in &read.white_list {
        let text = lossy(&entry.value.text);
        let span = if entry.value.span.start == entry.value.span.end {
            entry.value.element
        } else {
            entry.value.span
        };
        let any_text = matches!(&entry.kind, WhiteListKind::Pattern(pattern) if pattern.matches_everything());
        let (everything, never) = match &entry.kind {
            WhiteListKind::Ip(ip) => (ip.prefix() == Some(0), None),
            WhiteListKind::Pattern(pattern) => {
                (pattern.matches_every_ipv4(), never(&entry.value.text, pattern.can_match_an_address()))
            }
            WhiteListKind::Invalid => (false, None),
        };
        let is_ip = matches!(entry.kind, WhiteListKind::Ip(_));
        if let Some(meant) = text.strip_prefix('!').filter(|_| is_ip && !everything) {
            sink.find(
                Finding::new(
                    checks::WHITE_LIST_NEVER_MATCHES,
                    block_subject(facts, entry.value.element),
                    format!("White list entry \"{text}\" does the opposite of what it says: {meant} is never blocked."),
                )
                .confidence(Confidence::Proven)
                .cause("A ! in front of a white list entry has no effect: what stands behind it is protected as if the ! were not there. Nothing is logged.")
                .evidence(config.file.excerpt(span, "the ! has no effect"))
                .remedy(format!(
                    "take <white_list>{text}</white_list> out of {}; to leave {meant} out of a network, list the parts of the network around it",
                    config.file.shown
                ))
                .remedy(RESTART_MANAGER)
                .verify(super::show_command(facts))
                .stops(stopped.clone())
                .at(entry.value.span.start),
            );
        } else if everything {
            let why = if matches!(entry.kind, WhiteListKind::Ip(_)) {
                "A network of 0 bits contains every IPv4 address."
            } else {
                "What is neither an IPv4 address nor a network is a text that is searched for in the source address. This one is found in every one."
            };
            sink.find(
                Finding::new(
                    checks::WHITE_LIST_MATCHES_EVERYTHING,
                    block_subject(facts, entry.value.element),
                    format!(
                        "No response fires for an event with a source address: a white list entry matches every {}.",
                        if any_text { "address" } else { "IPv4 address" }
                    ),
                )
                .cause(format!("{why} analysisd drops the response and logs nothing at any level."))
                .evidence(config.file.excerpt(span, "matches every source address"))
                .remedy(format!("take <white_list>{text}</white_list> out of {}", config.file.shown))
                .remedy(RESTART_MANAGER)
                .verify(super::show_command(facts))
                .stops(stopped.clone())
                .at(entry.value.span.start),
            );
        } else if let Some(why) = never {
            sink.find(
                Finding::new(
                    checks::WHITE_LIST_NEVER_MATCHES,
                    block_subject(facts, entry.value.element),
                    format!("White list entry \"{text}\" protects nobody: {why}."),
                )
                .confidence(Confidence::Proven)
                .cause("Only IPv4 addresses and IPv4 networks are compared as such. Anything else is a text that is searched for, letter by letter, in the source address.")
                .evidence(config.file.excerpt(span, why.clone()))
                .remedy(if looks_like_ip(text.trim().as_bytes()) {
                    format!("write <white_list>{}</white_list> in {}, without blanks", text.trim(), config.file.shown)
                } else {
                    format!(
                        "write an IPv4 address or network (192.0.2.0/24), or the beginning of the address (^2001:db8:), in {}; one entry for each",
                        config.file.shown
                    )
                })
                .remedy(RESTART_MANAGER)
                .verify(super::show_command(facts))
                .stops(stopped.clone())
                .at(entry.value.span.start),
            );
        }
    }
}

/// Why a text can be in no source address. Host names are left alone: `srcip`
/// may hold one.
fn never(text: &[u8], can_match: bool) -> Option<String> {
    let text = lossy(text);
    match text.as_str() {
        "*" => return Some("* stands for itself, and no source address contains it".to_owned()),
        "^$" => return Some("it matches only an empty address, and no event has one".to_owned()),
        _ => {}
    }
    let addressy = text.bytes().any(|byte| byte.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_hexdigit() || b".:/*! \t\r\n-^$|[]".contains(&byte));
    if text.bytes().any(|byte| byte.is_ascii_whitespace()) {
        return Some("no source address contains a blank".to_owned());
    }
    if text.contains('/') && text.contains(':') {
        return Some(
            "an IPv6 network is taken for a text, and no source address contains a slash".to_owned(),
        );
    }
    if text.contains('*') && addressy {
        return Some("* stands for itself, and no source address contains it".to_owned());
    }
    if addressy && text.contains('-') {
        return Some(
            "ranges do not exist, and no source address contains a hyphen between digits".to_owned(),
        );
    }
    if addressy && !can_match {
        return Some("no source address can contain it".to_owned());
    }
    None
}

#[cfg(test)]
mod tests {
    use super::never;

    #[test]
    fn what_no_address_contains_is_named() {
        for text in ["2001:db8::/32", "192.0.2.1 ", "192.0.2.*", "10.0.0.1-10.0.0.9", " 10.0.0.1", "*", "^$"]
        {
            assert!(never(text.as_bytes(), true).is_some(), "{text}");
        }
        for text in
            ["^localhost.localdomain$", "2001:db8::1", "10.0.", "host-01.example", "^2001:db8:", "a|b"]
        {
            assert!(never(text.as_bytes(), true).is_none(), "{text}");
        }
    }
}
