//! The sections beside the responses: their elements, and the values that are refused.

use super::super::ar_conf::{atoi, blanks_and_sign, strtol};
use super::super::behavior::{
    CA_IN_AGENT_UPGRADE, CLIENT_BLOCKS_ADD_UP, CLIENT_LOCAL_IP_IGNORED, COMMAND_SECTION_REMOVED,
    JSON_CONTRACT, LINK_LOCAL_CHECKED, REMOTED_NEEDS_CONNECTION,
};
use super::super::os_match::{IpKind, MAX_PATTERN, OsMatch, looks_like_ip, valid_ip, white_list_ip};
use super::super::version::Version;
use super::super::xml::{Document, Element, Span};
use super::top::{
    Ctx, Entry, Fault, Item, Stop, ignored, is_number, reader, root_name, str_break, value_error,
    value_place, yes_no,
};
use super::{
    Cluster, Configuration, Connection, DaemonLog, ExecdReading, LocalFile, LogLevel, ProblemKind, Remote,
    Role, RulesetEntry, RulesetKind, Server, Value, WhiteListEntry, WhiteListKind,
};

/// What is remembered from section to section.
#[derive(Default)]
pub(super) struct GlobalState {
    /// A secure connection is there already.
    secure: bool,
    /// `connection_overtake_time` so far, when it is not the default.
    overtake_time: Option<i32>,
    rotate_interval: Option<(i32, Span, u64)>,
    max_output_size: Option<(i64, Span, u64)>,
}

/// One section of 4.x that has passed the list of names.
pub(super) fn section(ctx: &mut Ctx<'_>, conf: &mut Configuration, entry: &mut Entry, element: &Element) {
    match element.name.as_slice() {
        b"global" => {
            let items = global(ctx, conf, element, Side::Daemon);
            entry.by.push((reader::GLOBAL, items));
            let items = global(ctx, conf, element, Side::Mail);
            entry.by.push((reader::MAIL, items));
        }
        b"syscheck" => entry.by.push((reader::GLOBAL, global_syscheck(ctx, element))),
        b"alerts" => entry.by.push((reader::ALERTS, alerts(ctx, conf, element))),
        b"ruleset" => entry.by.push((reader::RULES, ruleset(ctx, conf, element))),
        b"cluster" => entry.by.push((reader::CLUSTER, cluster(ctx, element))),
        b"client" => entry.by.push((reader::CLIENT, client(ctx, conf, element))),
        b"anti_tampering" => entry.by.push((reader::TAMPERING, anti_tampering(ctx, element))),
        b"remote" => entry.by.push((reader::REMOTE, remote(ctx, conf, element))),
        b"localfile" => entry.by.push((reader::LOCALFILE, localfile(ctx, conf, element))),
        b"database_output" if since(ctx, 4, 14, 7) => {
            let text = b"The 'database_output' configuration is deprecated and no longer supported. This configuration will be ignored.";
            ignored(ctx, entry, text.to_vec(), element);
        }
        b"vulnerability-detector" if ctx.role == Role::Manager && since(ctx, 4, 8, 0) => {
            let text: &[u8] = b"The 'vulnerability-detector' configuration is deprecated, please update your settings to use the new 'vulnerability-detection' instead (default values will be used based on your previous configurations). See https://documentation.wazuh.com";
            let mut items = Vec::new();
            ctx.fault(
                &mut items,
                Fault {
                    kind: ProblemKind::IgnoredSection,
                    number: None,
                    level: LogLevel::Warning,
                    text: text.to_vec(),
                    span: element.name_span,
                    line: element.line,
                    stop: Stop::Go,
                },
            );
            entry.by.push((reader::MODULES, items));
        }
        b"wodle" if element.attributes.is_empty() => {
            // The manager's read_main_elements looks at the first attribute even when
            // modulesd's reader is not asked; on an agent only that reader does.
            let mut items = Vec::new();
            ctx.fault(
                &mut items,
                Fault {
                    kind: ProblemKind::WodleWithoutAttributes,
                    number: None,
                    level: LogLevel::Critical,
                    text: Vec::new(),
                    span: element.name_span,
                    line: element.line,
                    stop: Stop::Crash,
                },
            );
            if ctx.role == Role::Manager && since(ctx, 4, 4, 0) {
                entry.always = items;
            } else {
                entry.by.push((reader::MODULES, items));
            }
        }
        _ => {}
    }
}

fn since(ctx: &Ctx<'_>, major: u16, minor: u16, patch: u16) -> bool {
    ctx.version.is_none_or(|version| version.at_least(Version::new(major, minor, patch)))
}

/// The two callers of `Read_Global`: with the daemon's settings, or with the mailer's.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Daemon,
    Mail,
}

/// `src/config/global-config.c Read_Global`, 4.14.
fn global(ctx: &mut Ctx<'_>, conf: &mut Configuration, element: &Element, side: Side) -> Vec<Item> {
    let mut items = Vec::new();
    let daemon = side == Side::Daemon;
    for child in &element.children {
        let text = child.content.as_slice();
        match child.name.as_slice() {
            b"email_notification" => switch(ctx, &mut items, "email_notification", child),
            b"prelude_output" => switch(ctx, &mut items, "prelude_output", child),
            b"zeromq_output" => switch(ctx, &mut items, "zeromq_output", child),
            b"jsonout_output" => {
                switch(ctx, &mut items, "jsonout_output", child);
                if let Some(on) = yes_no(text).filter(|_| daemon) {
                    conf.jsonout_output = Some((Value::of(child), on));
                }
            }
            b"alerts_log" => {
                switch(ctx, &mut items, "alerts_log", child);
                if let Some(on) = yes_no(text).filter(|_| daemon) {
                    conf.alerts_log = Some((Value::of(child), on));
                }
            }
            b"logall" => switch(ctx, &mut items, "logall", child),
            b"logall_json" => switch(ctx, &mut items, "logall_json", child),
            b"update_check" if since(ctx, 4, 8, 0) => switch(ctx, &mut items, "update_check", child),
            b"prelude_log_level" => number(ctx, &mut items, "prelude_log_level", child),
            b"integrity_checking" => number(ctx, &mut items, "integrity_checking", child),
            b"rootkit_detection" => number(ctx, &mut items, "rootkit_detection", child),
            b"host_information" => number(ctx, &mut items, "host_information", child),
            b"stats" => number(ctx, &mut items, "stats", child),
            b"memory_size" => number(ctx, &mut items, "memory_size", child),
            b"custom_alert_output"
            | b"geoipdb"
            | b"prelude_profile"
            | b"zeromq_uri"
            | b"zeromq_server_cert"
            | b"zeromq_client_cert"
            | b"compress_alerts"
            | b"email_from"
            | b"email_reply_to"
            | b"email_idsname"
            | b"smtp_server"
            | b"helo_server" => {}
            b"forward_to" if since(ctx, 4, 9, 0) => {}
            b"cti-url" if since(ctx, 4, 8, 0) => {}
            b"limits" if since(ctx, 4, 4, 0) => limits(ctx, &mut items, child, daemon),
            b"white_list" => {
                if daemon {
                    white_list(ctx, conf, &mut items, child);
                }
            }
            b"email_to" => {
                if !looks_like_mail(text) {
                    let text = [b"Invalid Email address: ", text, b"."].concat();
                    ctx.fatal(&mut items, ProblemKind::BadValue { element: "email_to" }, None, text, child);
                }
            }
            b"email_maxperhour" => {
                let fits = is_number(text) && (1..=1_000_000).contains(&atoi(text));
                if !daemon && !fits {
                    ctx.bad_value(&mut items, "email_maxperhour", child);
                }
            }
            b"email_log_source" => {
                if !daemon && is_number(text) {
                    ctx.bad_value(&mut items, "email_log_source", child);
                }
            }
            b"rotate_interval" => {
                if daemon {
                    match scaled(text, &[(b"s", 1), (b"m", 60), (b"h", 3_600), (b"d", 86_400)]) {
                        Some((value, factor)) => {
                            #[expect(clippy::cast_possible_truncation, reason = "sscanf %d keeps 32 bits")]
                            let value = (value as i32).wrapping_mul(factor);
                            if value < 0 {
                                ctx.bad_value(&mut items, "rotate_interval", child);
                            } else {
                                ctx.global.rotate_interval = Some((value, value_place(child), child.line));
                            }
                        }
                        None => {
                            ctx.bad_value(&mut items, "rotate_interval", child);
                        }
                    }
                }
            }
            b"max_output_size" => {
                if daemon {
                    match scaled(text, &[(b"bB", 1), (b"kK", 1 << 10), (b"mM", 1 << 20), (b"gG", 1 << 30)]) {
                        Some((value, factor)) => {
                            let value = value.wrapping_mul(i64::from(factor));
                            ctx.global.max_output_size = Some((value, value_place(child), child.line));
                        }
                        None => {
                            ctx.bad_value(&mut items, "max_output_size", child);
                        }
                    }
                }
            }
            b"queue_size" => {
                if daemon && !whole_positive(text) {
                    option_value(ctx, &mut items, "queue_size", child);
                }
            }
            b"agents_disconnection_time" if since(ctx, 4, 1, 0) => {
                if daemon && parse_time(text) < 1 {
                    ctx.bad_value(&mut items, "agents_disconnection_time", child);
                }
            }
            b"agents_disconnection_alert_time" if since(ctx, 4, 1, 0) => {
                if daemon && parse_time(text) < 0 {
                    ctx.bad_value(&mut items, "agents_disconnection_alert_time", child);
                }
            }
            _ => {
                ctx.unknown(&mut items, ProblemKind::UnknownElement { section: "global" }, child);
            }
        }
    }
    items
}

fn switch(ctx: &mut Ctx<'_>, items: &mut Vec<Item>, name: &'static str, child: &Element) {
    if yes_no(&child.content).is_none() {
        ctx.bad_value(items, name, child);
    }
}

fn number(ctx: &mut Ctx<'_>, items: &mut Vec<Item>, name: &'static str, child: &Element) {
    if !is_number(&child.content) {
        ctx.bad_value(items, name, child);
    }
}

fn option_value(ctx: &mut Ctx<'_>, items: &mut Vec<Item>, name: &'static str, child: &Element) {
    let text = format!("Invalid value for option '<{name}>'").into_bytes();
    ctx.fatal(items, ProblemKind::BadValue { element: name }, None, text, child);
}

/// `strtol` that must take everything and give at least 1.
fn whole_positive(text: &[u8]) -> bool {
    let (value, taken) = strtol(text);
    taken == text.len() && value >= 1
}

fn white_list(ctx: &mut Ctx<'_>, conf: &mut Configuration, items: &mut Vec<Item>, child: &Element) {
    let text = child.content.as_slice();
    let kind = if looks_like_ip(text) {
        white_list_ip(text).map_or(WhiteListKind::Invalid, WhiteListKind::Ip)
    } else {
        OsMatch::compile(text).map_or(WhiteListKind::Invalid, WhiteListKind::Pattern)
    };
    if kind == WhiteListKind::Invalid {
        if text.len() > MAX_PATTERN {
            let message = [b"(1450): Syntax error on regex: '", text, b"': 2."].concat();
            ctx.fatal(items, ProblemKind::BadPattern, Some(1450), message, child);
        } else {
            bad_ip(ctx, items, child);
        }
    }
    conf.white_list.push(WhiteListEntry { value: Value::of(child), kind });
}

fn bad_ip(ctx: &mut Ctx<'_>, items: &mut Vec<Item>, child: &Element) {
    let text = [b"(1237): Invalid ip address: '", child.content.as_slice(), b"'."].concat();
    ctx.fatal(items, ProblemKind::BadIp, Some(1237), text, child);
}

/// `Read_Global_limits` and what is below it; unknown elements are passed over.
fn limits(ctx: &mut Ctx<'_>, items: &mut Vec<Item>, element: &Element, daemon: bool) {
    if element.children.is_empty() {
        ctx.unknown(items, ProblemKind::EmptyElement { element: "limits" }, element);
    }
    for eps in element.children_named("eps") {
        if eps.children.is_empty() {
            ctx.unknown(items, ProblemKind::EmptyElement { element: "eps" }, eps);
        }
        for child in &eps.children {
            let (name, range): (_, std::ops::RangeInclusive<i32>) = match child.name.as_slice() {
                b"maximum" => ("maximum", 0..=100_000),
                b"timeframe" => ("timeframe", 1..=3_600),
                _ => continue,
            };
            let text = child.content.as_slice();
            if !is_number(text) || daemon && !range.contains(&atoi(text)) {
                ctx.bad_value(items, name, child);
            }
        }
    }
}

/// A letter, digit, dot, underscore, backslash or minus on both sides of an `@`.
fn looks_like_mail(text: &[u8]) -> bool {
    let part = |byte: &u8| byte.is_ascii_alphanumeric() || b"\\._-".contains(byte);
    text.windows(3).any(|window| match window {
        [left, b'@', right] => part(left) && part(right),
        _ => false,
    })
}

/// `sscanf` with a number and one letter; what follows the letter is not looked at.
fn scaled(text: &[u8], units: &[(&[u8], i32)]) -> Option<(i64, i32)> {
    let (value, taken) = strtol(text);
    if taken == 0 {
        return None;
    }
    match text.get(taken) {
        None => Some((value, 1)),
        Some(letter) => {
            units.iter().find(|(letters, _)| letters.contains(letter)).map(|(_, factor)| (value, *factor))
        }
    }
}

/// `src/shared/string_op.c w_parse_time`, 4.14: -1 when it is no time.
fn parse_time(text: &[u8]) -> i64 {
    let (seconds, taken) = strtol(text);
    if seconds < 0 || seconds == i64::MAX {
        return -1;
    }
    let factor = match text.get(taken) {
        None | Some(b's') => 1,
        Some(b'w') => 604_800,
        Some(b'd') => 86_400,
        Some(b'h') => 3_600,
        Some(b'm') => 60,
        Some(_) => return -1,
    };
    Some(seconds.wrapping_mul(factor)).filter(|&seconds| seconds >= 0).unwrap_or(-1)
}

/// `Read_GlobalSK`: the part of `<syscheck>` that the readers of `<global>` take.
fn global_syscheck(ctx: &mut Ctx<'_>, element: &Element) -> Vec<Item> {
    let mut items = Vec::new();
    for child in &element.children {
        match child.name.as_slice() {
            b"alert_new_files" => switch(ctx, &mut items, "alert_new_files", child),
            b"auto_ignore" => {
                switch(ctx, &mut items, "auto_ignore", child);
                let value_at =
                    |at: usize| child.attributes.get(at).map(|attribute| attribute.value.as_slice());
                for attribute in &child.attributes {
                    // The frequency is always taken from the first attribute, the time
                    // frame from the second.
                    let (name, checked, taken, range): (_, _, _, std::ops::RangeInclusive<i32>) =
                        match attribute.name.as_slice() {
                            b"frequency" => ("frequency", value_at(0), value_at(0), 1..=99),
                            b"timeframe" => {
                                ("timeframe", Some(attribute.value.as_slice()), value_at(1), 0..=43_200)
                            }
                            other => {
                                let text = [
                                    b"(1233): Invalid attribute '",
                                    other,
                                    b"' in the configuration: 'auto_ignore'.",
                                ]
                                .concat();
                                ctx.fault(
                                    &mut items,
                                    Fault {
                                        kind: ProblemKind::BadValue { element: "auto_ignore" },
                                        number: Some(1233),
                                        level: LogLevel::Error,
                                        text,
                                        span: attribute.span,
                                        line: child.line,
                                        stop: Stop::Fatal,
                                    },
                                );
                                continue;
                            }
                        };
                    let good = checked.is_some_and(is_number);
                    match taken {
                        Some(taken) if good && range.contains(&atoi(taken)) => {}
                        None if good => {
                            ctx.fault(
                                &mut items,
                                Fault {
                                    kind: ProblemKind::NullAttribute { element: "auto_ignore" },
                                    number: None,
                                    level: LogLevel::Critical,
                                    text: Vec::new(),
                                    span: attribute.span,
                                    line: child.line,
                                    stop: Stop::Crash,
                                },
                            );
                        }
                        _ => {
                            ctx.bad_text(
                                &mut items,
                                name,
                                &attribute.name,
                                &attribute.value,
                                attribute.value_span,
                                child.line,
                            );
                        }
                    }
                }
            }
            _ => {}
        }
    }
    items
}

/// `src/config/alerts-config.c Read_Alerts`, 4.14. `use_geoip` is only in builds with GeoIP.
fn alerts(ctx: &mut Ctx<'_>, conf: &mut Configuration, element: &Element) -> Vec<Item> {
    let mut items = Vec::new();
    for child in &element.children {
        let (name, place) = match child.name.as_slice() {
            b"email_alert_level" => ("email_alert_level", &mut conf.email_alert_level),
            b"log_alert_level" => ("log_alert_level", &mut conf.log_alert_level),
            _ => {
                ctx.unknown(&mut items, ProblemKind::UnknownElement { section: "alerts" }, child);
                continue;
            }
        };
        if is_number(&child.content) {
            let [low, ..] = atoi(&child.content).to_le_bytes();
            *place = Some((Value::of(child), low));
        } else {
            ctx.bad_value(&mut items, name, child);
        }
    }
    items
}

/// `src/config/rules-config.c Read_Rules`, 4.14.
fn ruleset(ctx: &mut Ctx<'_>, conf: &mut Configuration, element: &Element) -> Vec<Item> {
    let mut items = Vec::new();
    for child in &element.children {
        let kind = match child.name.as_slice() {
            b"decoder_dir" => RulesetKind::DecoderDir,
            b"decoder_include" => RulesetKind::DecoderInclude,
            b"decoder_exclude" => RulesetKind::DecoderExclude,
            b"rule_dir" => RulesetKind::RuleDir,
            b"rule_include" => RulesetKind::RuleInclude,
            b"rule_exclude" => RulesetKind::RuleExclude,
            b"list" => RulesetKind::List,
            _ => {
                ctx.unknown(&mut items, ProblemKind::UnknownElement { section: "ruleset" }, child);
                continue;
            }
        };
        let pattern = match kind {
            RulesetKind::DecoderDir | RulesetKind::RuleDir if child.attributes.is_empty() => {
                Some(b".xml$".to_vec())
            }
            RulesetKind::DecoderDir | RulesetKind::RuleDir => child
                .attributes
                .iter()
                .rfind(|attribute| attribute.name.eq_ignore_ascii_case(b"pattern"))
                .map(|attribute| attribute.value.clone()),
            _ => None,
        };
        conf.ruleset.push(RulesetEntry { kind, value: Value::of(child), pattern });
    }
    items
}

/// `src/config/cluster-config.c Read_Cluster`, 4.14.
fn cluster(ctx: &mut Ctx<'_>, element: &Element) -> Vec<Item> {
    let mut items = Vec::new();
    for (index, child) in element.children.iter().enumerate() {
        let text = child.content.as_slice();
        match child.name.as_slice() {
            b"name" => cluster_name(ctx, &mut items, "name", "Cluster", "cluster", child),
            b"node_name" => cluster_name(ctx, &mut items, "node_name", "Node", "node", child),
            b"node_type" => {
                let kind = ProblemKind::BadValue { element: "node_type" };
                if text.is_empty() {
                    ctx.fatal(&mut items, kind, None, b"Node type is empty in configuration".to_vec(), child);
                } else if !matches!(text, b"worker" | b"client" | b"master") {
                    let text = [
                        b"Detected a not allowed node type '",
                        text,
                        b"'. Valid types are 'master' and 'worker'.",
                    ]
                    .concat();
                    ctx.fatal(&mut items, kind, None, text, child);
                }
            }
            b"disabled" => {
                if yes_no(text).is_none() {
                    let text = [
                        b"Detected a not allowed value for disabled tag '",
                        text,
                        b"'. Valid values are 'yes' and 'no'.",
                    ]
                    .concat();
                    ctx.fatal(&mut items, ProblemKind::BadValue { element: "disabled" }, None, text, child);
                }
            }
            b"hidden" => switch(ctx, &mut items, "hidden", child),
            b"interval" => {
                let text =
                    b"Detected a deprecated configuration for cluster. Interval option is not longer available.";
                let kind = ProblemKind::IgnoredValue { element: "interval" };
                ctx.warning(&mut items, kind, None, text.to_vec(), child);
            }
            b"key" | b"socket_timeout" | b"connection_timeout" | b"nodes" | b"port" | b"bind_addr" => {}
            b"haproxy_helper" if since(ctx, 4, 9, 0) => haproxy(ctx, &mut items, child, index),
            _ => {
                ctx.unknown(&mut items, ProblemKind::UnknownElement { section: "cluster" }, child);
            }
        }
    }
    items
}

const CLUSTER_CHARACTERS: &str =
    "!\"#$%&'-.0123456789:<=>?ABCDEFGHIJKLMNOPQRESTUVWXYZ[\\]^_abcdefghijklmnopqrstuvwxyz{|}~";

fn cluster_name(
    ctx: &mut Ctx<'_>,
    items: &mut Vec<Item>,
    element: &'static str,
    title: &str,
    word: &str,
    child: &Element,
) {
    let kind = ProblemKind::BadValue { element };
    let text = child.content.as_slice();
    if text.is_empty() {
        let text = format!("{title} name is empty in configuration").into_bytes();
        ctx.fatal(items, kind, None, text, child);
    } else if !text.iter().all(|byte| CLUSTER_CHARACTERS.as_bytes().contains(byte)) {
        let text = [
            format!("Detected a not allowed character in {word} name: \"").as_bytes(),
            text,
            b"\". Characters allowed: \"",
            CLUSTER_CHARACTERS.as_bytes(),
            b"\".",
        ]
        .concat();
        ctx.fatal(items, kind, None, text, child);
    }
}

/// The helper's own options. What must not be empty is, by mistake, the text of the
/// `<haproxy_helper>` itself, and an unknown option is reported under the name of another, the
/// one whose place among its brothers is that of the helper; without such a one the daemon
/// reads past the list, which is counted as a crash here.
fn haproxy(ctx: &mut Ctx<'_>, items: &mut Vec<Item>, element: &Element, index: usize) {
    for child in &element.children {
        let missing = match child.name.as_slice() {
            b"haproxy_disabled" => {
                if yes_no(&child.content).is_none() {
                    let text = b"Detected an invalid value for the disabled tag 'haproxy_disabled'. Valid values are 'yes' and 'no'.";
                    let kind = ProblemKind::BadValue { element: "haproxy_disabled" };
                    ctx.fatal(items, kind, None, text.to_vec(), child);
                }
                continue;
            }
            b"haproxy_protocol" => {
                if !matches!(child.content.as_slice(), b"http" | b"https") {
                    let text = b"Detected an invalid value for the haproxy_protocol tag 'haproxy_protocol'. Valid values are 'http' and 'https'.";
                    let kind = ProblemKind::BadValue { element: "haproxy_protocol" };
                    ctx.fatal(items, kind, None, text.to_vec(), child);
                }
                continue;
            }
            b"haproxy_address" => "HAProxy address is missing in the configuration",
            b"haproxy_user" => "HAProxy user is missing in the configuration",
            b"haproxy_password" => "HAProxy password is missing in the configuration",
            b"frequency"
            | b"haproxy_port"
            | b"haproxy_cert"
            | b"client_cert"
            | b"client_cert_key"
            | b"client_cert_password"
            | b"haproxy_backend"
            | b"haproxy_resolver"
            | b"excluded_nodes"
            | b"agent_chunk_size"
            | b"agent_reconnection_time"
            | b"agent_reconnection_stability_time"
            | b"imbalance_tolerance"
            | b"remove_disconnected_node_after" => continue,
            _ => {
                let shown = element.children.get(index);
                ctx.fault(
                    items,
                    Fault {
                        kind: ProblemKind::UnknownElement { section: "haproxy_helper" },
                        number: Some(1230),
                        level: LogLevel::Error,
                        text: super::top::invalid_element(&shown.unwrap_or(child).name),
                        span: child.name_span,
                        line: child.line,
                        stop: if shown.is_some() { Stop::Fatal } else { Stop::Crash },
                    },
                );
                continue;
            }
        };
        if element.content.is_empty() {
            let kind = ProblemKind::EmptyElement { element: "haproxy_helper" };
            ctx.fatal(items, kind, None, missing.as_bytes().to_vec(), child);
        }
    }
}

/// `src/config/client-config.c Read_Client`, 4.14.
fn client(ctx: &mut Ctx<'_>, conf: &mut Configuration, element: &Element) -> Vec<Item> {
    let mut items = Vec::new();
    if !CLIENT_BLOCKS_ADD_UP.holds(ctx.version) {
        conf.client.servers.clear();
    }
    conf.client.span.get_or_insert(element.span);
    let first_legacy = conf.client.servers.len();
    let (mut port, mut udp) = (1514, false);
    for child in &element.children {
        let text = child.content.as_slice();
        match child.name.as_slice() {
            b"local_ip" => {
                if CLIENT_LOCAL_IP_IGNORED.holds(ctx.version) {
                    let text = b"The <local_ip> tag has no functionality, so it will have no effect.";
                    let kind = ProblemKind::IgnoredValue { element: "local_ip" };
                    ctx.warning(&mut items, kind, None, text.to_vec(), child);
                } else if valid_ip(text) != Some(IpKind::Single) {
                    bad_ip(ctx, &mut items, child);
                }
            }
            b"server-ip" => {
                deprecated(ctx, &mut items, "server-ip", "address", child);
                if valid_ip(text) == Some(IpKind::Single) {
                    conf.client.servers.push(legacy_server(child, text.to_vec()));
                } else {
                    bad_ip(ctx, &mut items, child);
                }
            }
            b"server-hostname" => {
                deprecated(ctx, &mut items, "server-hostname", "address", child);
                if text.contains(&b'/') {
                    bad_host(ctx, &mut items, child);
                } else {
                    let mut kept = [text, b"/"].concat();
                    kept.truncate(126);
                    conf.client.servers.push(legacy_server(child, kept));
                }
            }
            b"port" => {
                deprecated(ctx, &mut items, "port", "port", child);
                if let Some(number) = port_number(ctx, &mut items, child) {
                    port = number;
                }
            }
            b"protocol" => {
                deprecated(ctx, &mut items, "protocol", "protocol", child);
                protocol(ctx, &mut items, &mut udp, child);
            }
            b"server" => {
                if child.children.is_empty() {
                    ctx.unknown(&mut items, ProblemKind::EmptyElement { element: "server" }, child);
                } else if let Some(server) = server(ctx, &mut items, child) {
                    conf.client.servers.push(server);
                }
            }
            b"enrollment" => enrollment(ctx, &mut items, child),
            b"notify_time" => {
                if let Some(value) = not_negative(ctx, &mut items, "notify_time", child) {
                    conf.client.notify_time = Some((Value::of(child), value));
                }
            }
            b"time-reconnect" => {
                not_negative(ctx, &mut items, "time-reconnect", child);
            }
            b"ip_update_interval" if since(ctx, 4, 2, 0) => {
                not_negative(ctx, &mut items, "ip_update_interval", child);
            }
            b"force_reconnect_interval" if since(ctx, 4, 3, 0) => {
                if parse_time(text) < 0 {
                    let kind = ProblemKind::IgnoredValue { element: "force_reconnect_interval" };
                    ctx.warning(&mut items, kind, Some(1235), value_error(&child.name, text), child);
                }
            }
            b"disable-active-response" => {
                switch(ctx, &mut items, "disable-active-response", child);
                if let Some(off) = yes_no(text) {
                    conf.client.disable_active_response = Some((Value::of(child), off));
                }
            }
            b"config-profile" => conf.client.profile = Some(Value::of(child)),
            b"auto_restart" => {
                switch(ctx, &mut items, "auto_restart", child);
                if let Some(on) = yes_no(text) {
                    conf.client.auto_restart = Some((Value::of(child), on));
                }
            }
            b"crypto_method" => {
                if !matches!(text, b"blowfish" | b"aes") {
                    ctx.bad_value(&mut items, "crypto_method", child);
                }
            }
            _ => {
                ctx.unknown(&mut items, ProblemKind::UnknownElement { section: "client" }, child);
            }
        }
    }
    for server in conf.client.servers.get_mut(first_legacy..).unwrap_or_default() {
        if server.legacy {
            (server.port, server.udp) = (port, udp);
        }
    }
    items
}

fn deprecated(ctx: &mut Ctx<'_>, items: &mut Vec<Item>, old: &'static str, new: &str, child: &Element) {
    let text = format!("The <{old}> tag is deprecated, please use <server><{new}> instead.").into_bytes();
    ctx.warning(items, ProblemKind::IgnoredValue { element: old }, None, text, child);
}

fn bad_host(ctx: &mut Ctx<'_>, items: &mut Vec<Item>, child: &Element) {
    let text = [b"(4104): Invalid hostname: '", child.content.as_slice(), b"'."].concat();
    ctx.fatal(items, ProblemKind::BadHost, Some(4104), text, child);
}

fn legacy_server(child: &Element, kept: Vec<u8>) -> Server {
    Server {
        address: Value::of(child),
        placeholder: is_placeholder(&kept),
        kept,
        port: 1514,
        udp: false,
        interface: 0,
        legacy: true,
    }
}

fn is_placeholder(address: &[u8]) -> bool {
    matches!(address, b"MANAGER_IP" | b"0.0.0.0" | b"")
}

fn port_number(ctx: &mut Ctx<'_>, items: &mut Vec<Item>, child: &Element) -> Option<i32> {
    if !is_number(&child.content) {
        ctx.bad_value(items, "port", child);
        return None;
    }
    let port = atoi(&child.content);
    if (1..=65_535).contains(&port) {
        return Some(port);
    }
    let text = format!("(1205): Invalid port number: '{port}'.").into_bytes();
    ctx.fatal(items, ProblemKind::BadPort, Some(1205), text, child);
    None
}

fn protocol(ctx: &mut Ctx<'_>, items: &mut Vec<Item>, udp: &mut bool, child: &Element) {
    match child.content.as_slice() {
        b"tcp" => *udp = false,
        b"udp" => *udp = true,
        _ => {
            ctx.bad_value(items, "protocol", child);
        }
    }
}

fn not_negative(
    ctx: &mut Ctx<'_>,
    items: &mut Vec<Item>,
    name: &'static str,
    child: &Element,
) -> Option<i32> {
    let value = Some(&child.content)
        .filter(|text| is_number(text))
        .map(|text| atoi(text))
        .filter(|&value| value >= 0);
    if value.is_none() {
        ctx.bad_value(items, name, child);
    }
    value
}

fn positive(ctx: &mut Ctx<'_>, items: &mut Vec<Item>, name: &'static str, child: &Element) -> Option<i32> {
    let value =
        Some(&child.content).filter(|text| is_number(text)).map(|text| atoi(text)).filter(|&value| value > 0);
    if value.is_none() {
        ctx.bad_value(items, name, child);
    }
    value
}

/// An address or a host name, cut to 126 bytes.
fn address(ctx: &mut Ctx<'_>, items: &mut Vec<Item>, child: &Element) -> Option<Vec<u8>> {
    let text = child.content.as_slice();
    if valid_ip(text) == Some(IpKind::Single) {
        Some(text.to_vec())
    } else if text.contains(&b'/') {
        bad_host(ctx, items, child);
        None
    } else {
        Some(text.get(..126).unwrap_or(text).to_vec())
    }
}

/// `Read_Client_Server`
fn server(ctx: &mut Ctx<'_>, items: &mut Vec<Item>, element: &Element) -> Option<Server> {
    let mut found = None;
    let mut named = false;
    let (mut port, mut udp, mut interface) = (1514, false, 0);
    for child in &element.children {
        match child.name.as_slice() {
            b"address" => {
                named = true;
                if let Some(kept) = address(ctx, items, child) {
                    found = Some((Value::of(child), kept));
                }
            }
            b"port" => {
                if let Some(number) = port_number(ctx, items, child) {
                    port = number;
                }
            }
            b"interface_index" if since(ctx, 4, 4, 0) => {
                if let Some(number) = positive(ctx, items, "interface_index", child) {
                    interface = number;
                }
            }
            b"protocol" => protocol(ctx, items, &mut udp, child),
            b"max_retries" => {
                positive(ctx, items, "max_retries", child);
            }
            b"retry_interval" => {
                positive(ctx, items, "retry_interval", child);
            }
            _ => {
                ctx.unknown(items, ProblemKind::UnknownElement { section: "server" }, child);
            }
        }
    }
    if !named {
        ctx.fault(
            items,
            Fault {
                kind: ProblemKind::NoServerAddress,
                number: None,
                level: LogLevel::Error,
                text: b"No such address in the configuration.".to_vec(),
                span: element.name_span,
                line: element.line,
                stop: Stop::Fatal,
            },
        );
    }
    let (address, kept) = found?;
    Some(Server { address, placeholder: is_placeholder(&kept), kept, port, udp, interface, legacy: false })
}

/// `Read_Client_Enrollment`; without children it is passed over.
fn enrollment(ctx: &mut Ctx<'_>, items: &mut Vec<Item>, element: &Element) {
    for child in &element.children {
        match child.name.as_slice() {
            b"enabled" => tag_switch(ctx, items, "enabled", child),
            b"auto_method" => tag_switch(ctx, items, "auto_method", child),
            b"use_source_ip" => tag_switch(ctx, items, "use_source_ip", child),
            b"manager_address" => {
                address(ctx, items, child);
            }
            b"port" => {
                port_number(ctx, items, child);
            }
            b"interface_index" if since(ctx, 4, 4, 0) => {
                positive(ctx, items, "interface_index", child);
            }
            b"agent_address" => {
                if valid_ip(&child.content).is_none() {
                    bad_host(ctx, items, child);
                }
            }
            b"delay_after_enrollment" => {
                positive(ctx, items, "delay_after_enrollment", child);
            }
            b"agent_name"
            | b"groups"
            | b"ssl_cipher"
            | b"server_ca_path"
            | b"agent_certificate_path"
            | b"agent_key_path"
            | b"authorization_pass_path" => {}
            _ => {
                ctx.unknown(items, ProblemKind::UnknownElement { section: "enrollment" }, child);
            }
        }
    }
}

fn tag_switch(ctx: &mut Ctx<'_>, items: &mut Vec<Item>, name: &'static str, child: &Element) {
    if yes_no(&child.content).is_none() {
        let text = format!("Invalid content for tag '{name}'.").into_bytes();
        ctx.fatal(items, ProblemKind::BadValue { element: name }, None, text, child);
    }
}

/// `Read_AntiTampering`
fn anti_tampering(ctx: &mut Ctx<'_>, element: &Element) -> Vec<Item> {
    let mut items = Vec::new();
    for child in &element.children {
        if child.name == b"package_uninstallation" {
            tag_switch(ctx, &mut items, "package_uninstallation", child);
        } else {
            ctx.unknown(&mut items, ProblemKind::UnknownElement { section: "anti_tampering" }, child);
        }
    }
    items
}

/// `src/config/remote-config.c Read_Remote`, 4.14.
fn remote(ctx: &mut Ctx<'_>, conf: &mut Configuration, element: &Element) -> Vec<Item> {
    let mut items = Vec::new();
    let mut block = Remote {
        span: element.span,
        line: element.line,
        connection: None,
        port: 0,
        tcp: false,
        udp: false,
        local_ip: None,
        accepted: false,
    };
    let mut secure = u32::from(ctx.global.secure);
    let mut connection_seen = None;
    let mut queue_size = None;
    for child in &element.children {
        let text = child.content.as_slice();
        let lower = child.name.to_ascii_lowercase();
        match (lower.as_slice(), child.name.as_slice()) {
            (b"connection", _) => {
                connection_seen = Some(child);
                match text {
                    b"syslog" => block.connection = Some(Connection::Syslog),
                    b"secure" => {
                        block.connection = Some(Connection::Secure);
                        secure += 1;
                        if secure > 1 {
                            let text = b"(1244): Can't add more than one secure connection.".to_vec();
                            ctx.fatal(&mut items, ProblemKind::DuplicateSecure, Some(1244), text, child);
                        }
                    }
                    _ => {
                        ctx.bad_value(&mut items, "connection", child);
                    }
                }
            }
            (b"port", _) => {
                if let Some(port) = port_number(ctx, &mut items, child) {
                    block.port = port;
                }
            }
            (b"protocol", _) => (block.tcp, block.udp) = protocols(ctx, &mut items, child),
            (b"ipv6", _) => {
                if !(text.eq_ignore_ascii_case(b"yes") || text.eq_ignore_ascii_case(b"no")) {
                    not_taken(ctx, &mut items, "ipv6", text, child);
                }
            }
            (b"local_ip", _) => {
                if valid_ip(text) != Some(IpKind::Single) {
                    bad_ip(ctx, &mut items, child);
                }
                block.local_ip = Some(Value::of(child));
            }
            (_, b"allowed-ips" | b"denied-ips") => {
                if valid_ip(text).is_none() {
                    bad_ip(ctx, &mut items, child);
                }
            }
            (_, b"queue_size") => {
                if whole_positive(text) {
                    queue_size = Some(child);
                } else {
                    option_value(ctx, &mut items, "queue_size", child);
                }
            }
            (_, b"rids_closing_time") => {
                let unit = text.iter().position(|byte| b"sSmMhHdD".contains(byte));
                let trailing = unit.is_some_and(|unit| unit + 1 < text.len());
                if trailing || !(1..=i64::from(i32::MAX)).contains(&parse_time(text)) {
                    let message = [
                        b"(9004): Invalid value '",
                        text,
                        b"' in 'rids_closing_time' option. Default value will be used.",
                    ]
                    .concat();
                    let kind = ProblemKind::IgnoredValue { element: "rids_closing_time" };
                    ctx.warning(&mut items, kind, Some(9004), message, child);
                }
            }
            (_, b"connection_overtake_time") if since(ctx, 4, 5, 0) => {
                if is_number(text) && (0..=3_600).contains(&atoi(text)) {
                    ctx.global.overtake_time = Some(atoi(text));
                } else {
                    // What the message calls the default is the value so far.
                    let kept = ctx.global.overtake_time.unwrap_or(60);
                    let message = [
                        b"Invalid value for element 'connection_overtake_time':'",
                        text,
                        format!("'. Setting to default value: '{kept}'.").as_bytes(),
                    ]
                    .concat();
                    let kind = ProblemKind::IgnoredValue { element: "connection_overtake_time" };
                    ctx.warning(&mut items, kind, None, message, child);
                }
            }
            (b"agents", _) if since(ctx, 4, 6, 0) => {
                if child.children.is_empty() {
                    ctx.fault(
                        &mut items,
                        Fault {
                            kind: ProblemKind::EndlessLoop { element: "agents" },
                            number: None,
                            level: LogLevel::Critical,
                            text: Vec::new(),
                            span: child.name_span,
                            line: child.line,
                            stop: Stop::Hang,
                        },
                    );
                }
                for option in &child.children {
                    if !option.name.eq_ignore_ascii_case(b"allow_higher_versions") {
                        let text = super::top::invalid_element(&option.name);
                        let kind = ProblemKind::IgnoredValue { element: "agents" };
                        ctx.warning(&mut items, kind, Some(1230), text, option);
                    } else if yes_no(&option.content).is_none() {
                        not_taken(ctx, &mut items, "allow_higher_versions", &option.content, option);
                    }
                }
            }
            _ => {
                ctx.unknown(&mut items, ProblemKind::UnknownElement { section: "remote" }, child);
            }
        }
    }
    match (block.connection, connection_seen) {
        (None, None) => {
            ctx.fault(
                &mut items,
                Fault {
                    kind: ProblemKind::NoConnection,
                    number: Some(1201),
                    level: LogLevel::Error,
                    text: b"(1201): No remote connection configured.".to_vec(),
                    span: element.name_span,
                    line: element.line,
                    stop: Stop::Fatal,
                },
            );
        }
        (Some(Connection::Syslog), Some(connection)) => {
            if block.tcp && block.udp {
                let text = b"(9002): Only secure connection supports TCP and UDP at the same time. Default value (TCP) will be used.";
                let kind = ProblemKind::IgnoredValue { element: "protocol" };
                ctx.warning(&mut items, kind, Some(9002), text.to_vec(), connection);
                block.udp = false;
            }
            if let Some(child) = queue_size {
                let text = b"Invalid option <queue_size> for Syslog remote connection.".to_vec();
                ctx.fatal(&mut items, ProblemKind::BadValue { element: "queue_size" }, None, text, child);
            }
        }
        _ => {}
    }
    if block.port == 0 {
        block.port = if block.connection == Some(Connection::Syslog) { 514 } else { 1514 };
    }
    if !block.tcp && !block.udp {
        block.tcp = true;
    }
    block.accepted = items.iter().all(|item| item.stop == Stop::Go);
    ctx.global.secure |= block.accepted && block.connection == Some(Connection::Secure);
    conf.remotes.push(block);
    items
}

fn not_taken(ctx: &mut Ctx<'_>, items: &mut Vec<Item>, name: &'static str, text: &[u8], child: &Element) {
    let message = [b"(9001): Ignored invalid value '", text, b"' for '", name.as_bytes(), b"'."].concat();
    ctx.warning(items, ProblemKind::IgnoredValue { element: name }, Some(9001), message, child);
}

/// TCP and UDP (`w_remoted_get_net_protocol`; one of the two before 4.2).
fn protocols(ctx: &mut Ctx<'_>, items: &mut Vec<Item>, child: &Element) -> (bool, bool) {
    let text = child.content.as_slice();
    if !JSON_CONTRACT.holds(ctx.version) {
        let (tcp, udp) = (text.eq_ignore_ascii_case(b"tcp"), text.eq_ignore_ascii_case(b"udp"));
        if !tcp && !udp {
            ctx.bad_value(items, "protocol", child);
        }
        return (tcp, udp);
    }
    let (mut tcp, mut udp) = (false, false);
    for (_, piece) in str_break(b',', text, 64) {
        let from = piece.iter().take_while(|&&byte| byte == b' ').count();
        let word = piece.get(from..).unwrap_or_default();
        let word = word.split(|&byte| byte == b' ').next().unwrap_or_default();
        if word.eq_ignore_ascii_case(b"tcp") {
            tcp = true;
        } else if word.eq_ignore_ascii_case(b"udp") {
            udp = true;
        } else {
            not_taken(ctx, items, "protocol", word, child);
        }
    }
    if !tcp && !udp {
        tcp = true;
        let text = b"(9000): Error getting protocol. Default value (TCP) will be used.".to_vec();
        ctx.warning(items, ProblemKind::IgnoredValue { element: "protocol" }, Some(9000), text, child);
    }
    (tcp, udp)
}

/// Formats `src/config/localfile-config.c Read_Localfile` takes, 4.14, besides `multi-line`.
const LOG_FORMATS: [&[u8]; 23] = [
    b"syslog",
    b"generic",
    b"json",
    b"snort-full",
    b"snort-fast",
    b"apache",
    b"iis",
    b"squid",
    b"nmapg",
    b"mysql_log",
    b"ossecalert",
    b"mssql_log",
    b"postgresql_log",
    b"djb-multilog",
    b"syslog-pipe",
    b"command",
    b"full_command",
    b"audit",
    b"multi-line-regex",
    b"eventlog",
    b"eventchannel",
    b"macos",
    b"journald",
];

/// `Read_Localfile`. Regular expressions are not compiled here, and what logcollector only
/// warns about is left out.
fn localfile(ctx: &mut Ctx<'_>, conf: &mut Configuration, element: &Element) -> Vec<Item> {
    let mut items = Vec::new();
    let mut block = LocalFile {
        span: element.span,
        line: element.line,
        location: None,
        log_format: None,
        command: None,
        accepted: false,
    };
    let (mut filtered, mut multiline) = (false, false);
    for child in &element.children {
        let text = child.content.as_slice();
        let lower = child.name.to_ascii_lowercase();
        match (lower.as_slice(), child.name.as_slice()) {
            (_, b"location") => block.location = Some(Value::of(child)),
            (_, b"command") => block.command = Some(Value::of(child)),
            (b"log_format", _) => {
                if !LOG_FORMATS.contains(&text) && !multi_line(text) {
                    ctx.bad_value(&mut items, "log_format", child);
                }
                block.log_format = Some(Value::of(child));
            }
            (_, b"only-future-events" | b"query" | b"target" | b"out_format") => {}
            (b"exclude" | b"alias", _) => {}
            (b"multiline_regex", _) => multiline |= !text.is_empty(),
            (b"filter", _) => filtered = true,
            (_, b"reconnect_time") => {
                let (value, taken) = strtoul(text);
                if value != 0 && !matches!(text.get(taken), Some(b'w' | b'd' | b'h' | b'm' | b's')) {
                    ctx.bad_value(&mut items, "reconnect_time", child);
                }
            }
            (_, b"frequency") => {
                if !matches!(text, b"hourly" | b"daily") && !is_number(text) {
                    ctx.bad_value(&mut items, "frequency", child);
                }
            }
            (_, b"age") => {
                let (value, taken) = strtoul(text);
                let unit = matches!(text.get(taken), None | Some(b'w' | b'd' | b'h' | b'm' | b's'));
                if value == 0 || value == u32::MAX || !unit {
                    let text = b"Invalid age for localfile".to_vec();
                    ctx.fatal(&mut items, ProblemKind::BadValue { element: "age" }, None, text, child);
                }
            }
            (b"ignore_binaries", _) => switch(ctx, &mut items, "ignore_binaries", child),
            (b"ignore", _) => regex_type(ctx, &mut items, "ignore", child),
            (b"restrict", _) => regex_type(ctx, &mut items, "restrict", child),
            (_, b"label") => label(ctx, &mut items, child),
            _ => {
                ctx.unknown(&mut items, ProblemKind::UnknownElement { section: "localfile" }, child);
            }
        }
    }
    // A journald filter that does not compile drops the block without complaint.
    let format = block.log_format.as_ref().map(|value| value.text.as_slice());
    let misspelled = items.iter().any(|item| item.log.number == Some(1230));
    let nameless = block.location.is_none() && block.command.is_none();
    let missing = match format {
        _ if filtered || misspelled => None,
        None => Some((ProblemKind::MissingLogFormat, 1901, "(1901): Missing 'log_format' element.")),
        Some(b"macos" | b"journald") => None,
        Some(_) if nameless => Some((ProblemKind::MissingFile, 1902, "(1902): Missing 'location' element.")),
        Some(b"multi-line-regex") if !multiline => {
            Some((ProblemKind::MissingRegex, 1968, "(1968): Missing 'multiline_regex' element."))
        }
        Some(_) => None,
    };
    if let Some((kind, number, text)) = missing {
        ctx.fault(
            &mut items,
            Fault {
                kind,
                number: Some(number),
                level: LogLevel::Error,
                text: text.as_bytes().to_vec(),
                span: element.name_span,
                line: element.line,
                stop: Stop::Fatal,
            },
        );
    }
    block.accepted = items.iter().all(|item| item.stop == Stop::Go);
    conf.localfiles.push(block);
    items
}

/// `multi-line: N`
fn multi_line(text: &[u8]) -> bool {
    let Some(rest) = text.strip_prefix(b"multi-line") else {
        return false;
    };
    let blanks = rest.iter().take_while(|&&byte| byte == b' ').count();
    let Some([b':', count @ ..]) = rest.get(blanks..) else {
        return false;
    };
    let (lines, taken) = strtol(count);
    taken > 0 && lines >= 1
}

fn regex_type(ctx: &mut Ctx<'_>, items: &mut Vec<Item>, name: &'static str, child: &Element) {
    if child.attributes.first().is_some_and(|attribute| attribute.name != b"type") {
        let text =
            [b"(1975): Syntax error on regex ", name.as_bytes(), b": '", child.content.as_slice(), b"'"]
                .concat();
        ctx.fatal(items, ProblemKind::BadValue { element: name }, Some(1975), text, child);
    }
}

fn label(ctx: &mut Ctx<'_>, items: &mut Vec<Item>, child: &Element) {
    let kind = ProblemKind::BadValue { element: "label" };
    let mut keyed = false;
    let mut reserved = None;
    for attribute in child.attributes.iter().filter(|attribute| attribute.name == b"key") {
        match attribute.value.first() {
            None => {
                ctx.fatal(items, kind, None, b"Label with empty key.".to_vec(), child);
                return;
            }
            Some(b'_') => reserved = Some(attribute),
            Some(_) => {}
        }
        keyed = true;
    }
    if let Some(attribute) = reserved {
        let text = [
            b"Labels starting with \"_\"  are reserved for internal use. Skipping label '",
            attribute.value.as_slice(),
            b"'.",
        ]
        .concat();
        ctx.fault(
            items,
            Fault {
                kind: ProblemKind::EndlessLoop { element: "label" },
                number: None,
                level: LogLevel::Warning,
                text,
                span: attribute.span,
                line: child.line,
                stop: Stop::Hang,
            },
        );
    } else if !keyed {
        ctx.fatal(items, kind, None, b"Expected 'key' attribute for label.".to_vec(), child);
    }
}

/// `strtoul` in base 0 as far as an unsigned int of it is looked at.
fn strtoul(text: &[u8]) -> (u32, usize) {
    let (mut at, negative) = blanks_and_sign(text);
    let digit = |at: usize, base: u64| {
        let value = match text.get(at)? {
            byte @ b'0'..=b'9' => u64::from(byte - b'0'),
            byte @ b'a'..=b'f' => u64::from(byte - b'a') + 10,
            byte @ b'A'..=b'F' => u64::from(byte - b'A') + 10,
            _ => return None,
        };
        (value < base).then_some(value)
    };
    let mut base = 10;
    if text.get(at) == Some(&b'0') {
        base = 8;
        if matches!(text.get(at + 1), Some(b'x' | b'X')) && digit(at + 2, 16).is_some() {
            base = 16;
            at += 2;
        }
    }
    let from = at;
    let mut value = Some(0_u64);
    while let Some(next) = digit(at, base) {
        value = value.and_then(|value| value.checked_mul(base)?.checked_add(next));
        at += 1;
    }
    if at == from {
        return (0, 0);
    }
    let value = match value {
        Some(value) if negative => value.wrapping_neg(),
        Some(value) => value,
        None => u64::MAX,
    };
    #[expect(clippy::cast_possible_truncation, reason = "kept in 32 bits")]
    let low = value as u32;
    (low, at)
}

/// What is looked up by path instead of section by section, and what a daemon checks when it
/// has read everything.
#[derive(Default)]
pub(super) struct Before {
    /// The logger cannot start: the only thing any daemon says.
    pub(super) logger: Vec<Item>,
    pub(super) execd: Vec<Item>,
    pub(super) agent_upgrade: Vec<Item>,
    pub(super) agentd: Vec<Item>,
    pub(super) remoted: Vec<Item>,
    pub(super) analysisd: Vec<Item>,
}

pub(super) fn before_all(
    ctx: &mut Ctx<'_>,
    conf: &mut Configuration,
    document: &Document,
    entries: &[Entry],
) -> Before {
    let mut before = Before::default();
    let root = root_name(ctx.role, ctx.version);
    logging(ctx, conf, &mut before, document, root);
    conf.cluster = cluster_lookup(document, root);
    if ctx.role == Role::Agent || !COMMAND_SECTION_REMOVED.holds(ctx.version) {
        execd(ctx, conf, &mut before, document);
    }
    if COMMAND_SECTION_REMOVED.holds(ctx.version) {
        return before;
    }
    match ctx.role {
        Role::Agent => {
            if CA_IN_AGENT_UPGRADE.holds(ctx.version) {
                agent_upgrade(ctx, &mut before, document);
            }
            servers(ctx, conf, &mut before, gives_up(entries, reader::CLIENT));
        }
        Role::Manager => {
            after_global(ctx, conf, &mut before, gives_up(entries, reader::REMOTE | reader::GLOBAL))
        }
    }
    before
}

/// Does a daemon with this reader stop at a section?
fn gives_up(entries: &[Entry], mask: u32) -> bool {
    entries.iter().any(|entry| {
        let by = entry.by.iter().filter(|(who, _)| who & mask != 0).flat_map(|(_, items)| items);
        entry.always.iter().chain(by).any(|item| item.stop != Stop::Go)
    })
}

/// `src/shared/debug_op.c os_logging_config`, 4.14.
fn logging(
    ctx: &mut Ctx<'_>,
    conf: &mut Configuration,
    before: &mut Before,
    document: &Document,
    root: &str,
) {
    let Some(element) =
        document.one_content(&[root, "logging", "log_format"]).filter(|element| !element.content.is_empty())
    else {
        return;
    };
    conf.logging.plain = false;
    conf.logging.log_format = Some(Value::of(element));
    for (_, piece) in str_break(b',', &element.content, 2) {
        let piece = trim_blanks(&piece);
        match piece {
            b"plain" => conf.logging.plain = true,
            b"json" => conf.logging.json = true,
            _ => {
                conf.logging.plain = true;
                conf.logging.json = false;
                conf.logging.invalid = Some(piece.to_vec());
                ctx.bad_text(
                    &mut before.logger,
                    "log_format",
                    b"log_format",
                    piece,
                    value_place(element),
                    element.line,
                );
                return;
            }
        }
    }
}

fn trim_blanks(text: &[u8]) -> &[u8] {
    let Some(first) = text.iter().position(|&byte| byte != b' ') else {
        return &[];
    };
    let last = text.iter().rposition(|&byte| byte != b' ').unwrap_or(first);
    text.get(first..=last).unwrap_or_default()
}

fn cluster_lookup(document: &Document, root: &str) -> Cluster {
    let look = |name: &str| document.one_content(&[root, "cluster", name]);
    let value = |name: &str| look(name).map(Value::of);
    let block = document.one_content(&[root, "cluster"]);
    // The block itself must have a text of its own, a line break is enough.
    let written = block.is_some_and(|element| !element.content.is_empty());
    let text =
        |name: &str| look(name).map(|element| element.content.as_slice()).filter(|text| !text.is_empty());
    let worker = matches!(text("node_type"), Some(b"client" | b"worker"));
    let enabled = matches!(text("disabled"), None | Some(b"no"));
    Cluster {
        span: block.map(|element| element.span),
        disabled: value("disabled"),
        node_type: value("node_type"),
        node_name: value("node_name"),
        name: value("name"),
        is_worker: written && worker && enabled,
    }
}

/// `src/os_execd/config.c ExecdConfig`, 4.14.
fn execd(ctx: &mut Ctx<'_>, conf: &mut Configuration, before: &mut Before, document: &Document) {
    let reading = &mut conf.execd;
    if let Some(element) = document.one_content(&["ossec_config", "active-response", "disabled"]) {
        let off = yes_no(&element.content).ok_or(());
        reading.disabled = Some((Value::of(element), off));
        if off.is_err() {
            ctx.bad_text(
                &mut before.execd,
                "disabled",
                b"disabled",
                &element.content,
                value_place(element),
                element.line,
            );
        }
    }
    if let Some(element) = document.repeated_offenders() {
        offenders(reading, element);
        let (minutes, refused) = match &reading.repeated_offenders {
            Some((_, minutes)) => (minutes.as_slice(), !before.execd.is_empty()),
            None => return,
        };
        if !refused {
            for (index, minutes) in minutes.iter().enumerate() {
                let text = format!("Adding offenders timeout: {minutes} (for #{})", index + 1);
                before.execd.push(info(None, text.into_bytes()));
            }
        }
    }
    if let Some((_, Ok(true))) = reading.disabled {
        before.execd.push(info(Some(1350), b"(1350): Active response disabled.".to_vec()));
    }
}

fn info(number: Option<u32>, text: Vec<u8>) -> Item {
    Item { log: DaemonLog { level: LogLevel::Info, number, text }, stop: Stop::Go, problem: None }
}

fn offenders(reading: &mut ExecdReading, element: &Element) {
    let mut minutes = Vec::new();
    for (_, piece) in str_break(b',', &element.content, 5) {
        let from = piece.iter().take_while(|&&byte| matches!(byte, b' ' | b'\t')).count();
        let piece = piece.get(from..).unwrap_or_default();
        if piece.is_empty() {
            continue;
        }
        minutes.push(atoi(piece));
        let (_, taken) = strtol(piece);
        let mut rest = piece.get(taken..).unwrap_or_default();
        while let Some(comma) = rest.iter().position(|&byte| byte == b',') {
            let (left, right) = rest.split_at(comma);
            if !left.trim_ascii().is_empty() {
                reading.dropped.push(left.trim_ascii().to_vec());
            }
            rest = right.get(1..).unwrap_or_default();
        }
        if !rest.trim_ascii().is_empty() {
            reading.dropped.push(rest.trim_ascii().to_vec());
        }
    }
    reading.offenders_in_force = minutes.iter().copied().take_while(|&minutes| minutes != 0).collect();
    reading.repeated_offenders = Some((Value::of(element), minutes));
}

/// `src/config/wmodules-agent-upgrade.c wm_agent_upgrade_read_ca_verification_old`, 4.14.
fn agent_upgrade(ctx: &mut Ctx<'_>, before: &mut Before, document: &Document) {
    for element in document.contents(&["ossec_config", "active-response", "ca_verification"]) {
        let text = element.content.as_slice();
        if !text.eq_ignore_ascii_case(b"yes") && !text.eq_ignore_ascii_case(b"no") {
            let text = [b"Invalid content for tag <ca_verification>: '", text, b"'"].concat();
            let kind = ProblemKind::BadValue { element: "ca_verification" };
            ctx.fatal(&mut before.agent_upgrade, kind, None, text, element);
        }
    }
}

/// `src/client-agent/main.c`, 4.14: is there anything to connect to? A fault in a section is
/// met before this, and may be the reason.
fn servers(ctx: &mut Ctx<'_>, conf: &Configuration, before: &mut Before, spoiled: bool) {
    if spoiled {
        return;
    }
    let servers = &conf.client.servers;
    let fault = |kind, number, level, text: Vec<u8>, span, line, stop| Fault {
        kind,
        number,
        level,
        text,
        span,
        line,
        stop,
    };
    let Some(first) = servers.first() else {
        let (span, line) = match conf.client.span {
            Some(span) => (span, line_of(ctx, span)),
            None => (Span { start: 0, end: 0 }, 1),
        };
        let text = b"(4105): No valid server IP found.".to_vec();
        let (kind, level) = (ProblemKind::NoServerAddress, LogLevel::Error);
        ctx.fault(&mut before.agentd, fault(kind, Some(4105), level, text, span, line, Stop::Fatal));
        return;
    };
    let place = |value: &Value| if value.text.is_empty() { value.element } else { value.span };
    if servers.iter().all(|server| server.placeholder) {
        let text = [b"(4112): Invalid server address found: '", first.kept.as_slice(), b"'"].concat();
        let (kind, level) = (ProblemKind::PlaceholderAddress, LogLevel::Error);
        let (span, line) = (place(&first.address), first.address.line);
        ctx.fault(&mut before.agentd, fault(kind, Some(4112), level, text, span, line, Stop::Fatal));
    } else if LINK_LOCAL_CHECKED.holds(ctx.version) {
        let mut reachable = false;
        for (index, server) in servers.iter().enumerate() {
            // The interface of a first server in the old spelling is never set: whatever the
            // memory held.
            if server.legacy && index == 0 {
                reachable = true;
                continue;
            }
            match link_local(&server.kept).filter(|_| server.interface == 0) {
                Some(address) => {
                    let text = format!(
                        "No network interface index provided to use {address} link-local IPv6 address."
                    );
                    let (kind, level) = (ProblemKind::NoInterface, LogLevel::Warning);
                    let (span, line) = (place(&server.address), server.address.line);
                    let fault = fault(kind, None, level, text.into_bytes(), span, line, Stop::Go);
                    ctx.fault(&mut before.agentd, fault);
                }
                None => reachable = true,
            }
        }
        if !reachable {
            let text = b"(4114): All server addresses are IPv6 link-local and no interface to any <server> block has been configured.";
            let (kind, level) = (ProblemKind::NoInterface, LogLevel::Error);
            let (span, line) = (place(&first.address), first.address.line);
            let fault = fault(kind, Some(4114), level, text.to_vec(), span, line, Stop::Fatal);
            ctx.fault(&mut before.agentd, fault);
        }
    }
}

fn line_of(ctx: &Ctx<'_>, span: Span) -> u64 {
    let before = ctx.bytes.get(..span.start).unwrap_or_default();
    memchr::memchr_iter(b'\n', before).fold(1, |line, _| line + 1)
}

/// `fe80::/64` written as an address, in full.
fn link_local(address: &[u8]) -> Option<String> {
    let address = std::str::from_utf8(address).ok()?.parse::<std::net::Ipv6Addr>().ok()?;
    let [0xfe80, 0, 0, 0, rest @ ..] = address.segments() else {
        return None;
    };
    let rest = rest.map(|group| format!("{group:04X}")).join(":");
    Some(format!("FE80:0000:0000:0000:{rest}"))
}

/// `src/analysisd/config.c GlobalConf` and `src/remoted/main.c`, 4.14. The lower bound of the
/// interval is an internal option; only what no setting allows is reported.
fn after_global(ctx: &mut Ctx<'_>, conf: &Configuration, before: &mut Before, spoiled: bool) {
    let fault = |kind, number, level, text: &str, span, line, stop| Fault {
        kind,
        number,
        level,
        text: text.as_bytes().to_vec(),
        span,
        line,
        stop,
    };
    if let Some((value, span, line)) = ctx.global.rotate_interval
        && value != 0
        && !(10..=86_400).contains(&value)
    {
        let text = "Rotate interval setting must be between 600 seconds and one day.";
        let kind = ProblemKind::BadValue { element: "rotate_interval" };
        ctx.fault(&mut before.analysisd, fault(kind, None, LogLevel::Error, text, span, line, Stop::Fatal));
    }
    if let Some((value, span, line)) = ctx.global.max_output_size
        && value != 0
        && !(1_000_000..=1_099_511_627_776).contains(&value)
    {
        let text = "Maximum output size must be between 1 MiB and 1 TiB.";
        let kind = ProblemKind::BadValue { element: "max_output_size" };
        ctx.fault(&mut before.analysisd, fault(kind, None, LogLevel::Error, text, span, line, Stop::Fatal));
    }
    if let (Some((alerts, false)), Some((_, false))) = (&conf.alerts_log, &conf.jsonout_output) {
        let text = "All alert formats are disabled. Mail reporting, Syslog client and Integrator won't work properly.";
        let kind = ProblemKind::IgnoredValue { element: "alerts_log" };
        let (span, line) = (alerts.span, alerts.line);
        ctx.fault(&mut before.analysisd, fault(kind, None, LogLevel::Warning, text, span, line, Stop::Go));
    }
    if conf.remotes.is_empty() && !spoiled && REMOTED_NEEDS_CONNECTION.holds(ctx.version) {
        let (kind, span) = (ProblemKind::NoRemote, Span { start: 0, end: 0 });
        let text = "Remoted connection is not configured.";
        ctx.fault(&mut before.remoted, fault(kind, None, LogLevel::Critical, text, span, 1, Stop::Fatal));
    }
}
