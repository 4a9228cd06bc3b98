//! Rows C and M: what is in the configuration, the rules and other files of a setup.

use std::collections::BTreeMap;

use super::channel::{self, Executable};
use super::{Hits, Inventory, Place};
use crate::facts::TextFile;
use crate::facts::response::is_response;
use crate::wazuh::ossec_conf::{Outcome, ResponseBlock, Role, Value};
use crate::wazuh::stock::{self, System};
use crate::wazuh::xml::{Document, Element, Span};

/// Sections that 5.x refuses (`src/config/src/config.c read_main_elements`, 5.0).
const OLD_SECTIONS: [&[u8]; 4] = [b"alerts", b"ruleset", b"integration", b"labels"];

/// Looks for everything that stands in configuration files.
pub(super) fn look(inventory: &Inventory<'_>, hits: &mut Hits) {
    let config = inventory.config;
    let document = config.read.as_ref().and_then(|read| read.xml.as_ref().ok());
    match inventory.role {
        Role::Manager => {
            hits.look(&["C03", "M01", "C04", "C14", "C32"]);
            hits.look(&["C05", "C06", "C07", "C08", "C10", "C11", "C13", "C15", "C16", "C17", "C18", "C20"]);
            if let Some(document) = document {
                manager_sections(inventory, &config.file, document, hits);
            }
            blocks(inventory, hits);
        }
        Role::Agent => {
            hits.look(&["C01", "M01", "C12", "C17", "C18", "C20", "C21", "C22", "C24", "C29"]);
            if let Some(document) = document {
                agent_sections(&config.file, document, hits);
            }
            ar_conf(inventory, hits);
        }
    }
    if document.is_none() {
        let why = match &config.file.bytes.unknown() {
            Some(gap) => gap.why.clone(),
            None if config.file.bytes.is_absent() => format!("{} is not there", config.file.shown),
            None => format!("{} is no XML that Wazuh reads", config.file.shown),
        };
        for row in hits.looked.clone() {
            hits.unknown.insert(row, why.clone());
        }
    }
    if inventory.is_bare {
        return;
    }
    hits.look(&["C02", "C23"]);
    for (row, why) in inventory.unread.iter().flat_map(|(rows, why)| rows.iter().map(move |row| (*row, why)))
    {
        hits.unknown.entry(row).or_insert_with(|| why.clone());
    }
    for file in inventory.agent_confs {
        let Some(Ok(document)) = file.read.as_ref().map(|read| read.xml.as_ref()) else { continue };
        for root in document.roots.iter().filter(|root| root.name == b"agent_config") {
            for child in &root.children {
                match child.name.as_slice() {
                    b"command" | b"labels" => hits.add("C02", Place::of(&file.file, child.start_tag, None)),
                    b"active-response" => hits.add("C23", Place::of(&file.file, child.start_tag, None)),
                    _ => {}
                }
            }
        }
    }
    versions(inventory, hits);
    other_programs(inventory, hits);
    if inventory.role == Role::Manager {
        hits.look(&["C28"]);
        for file in &inventory.site_rules {
            rules(file, hits);
        }
    }
}

fn manager_sections(inventory: &Inventory<'_>, file: &TextFile, document: &Document, hits: &mut Hits) {
    // A 5.x manager is a clean installation: what stands here does harm when it is carried over.
    let note = || (!inventory.is_5x()).then(|| "if it is carried over to wazuh-manager.conf".to_owned());
    let mut indexer = false;
    for child in document.roots.iter().flat_map(|root| &root.children) {
        let mut at = |row| hits.add(row, Place::of(file, child.start_tag, note()));
        match child.name.as_slice() {
            b"command" => at("C03"),
            b"active-response" => at("C04"),
            name if OLD_SECTIONS.contains(&name) => at("M01"),
            b"indexer" => {
                let disabled = child
                    .children_named("enabled")
                    .last()
                    .is_some_and(|enabled| enabled.content.trim_ascii() == b"no");
                let host = child.children_named("hosts").flat_map(|hosts| hosts.children_named("host"));
                indexer |= !disabled && host.into_iter().any(|host| !host.content.trim_ascii().is_empty());
            }
            b"global" => {
                for entry in child.children_named("white_list") {
                    hits.add("C14", Place::of(file, entry.span, None));
                }
            }
            _ => {}
        }
    }
    if !indexer {
        hits.add("C32", Place::whole(&file.shown, Some("there is no <indexer> with a host".to_owned())));
    }
}

fn agent_sections(file: &TextFile, document: &Document, hits: &mut Hits) {
    let mut offenders = false;
    let mut disabled = false;
    for child in document.roots.iter().flat_map(|root| &root.children) {
        match child.name.as_slice() {
            b"command" => hits.add("C01", Place::of(file, child.start_tag, None)),
            b"labels" => hits.add("M01", Place::of(file, child.start_tag, None)),
            b"client" | b"agent" => {
                for old in child.children_named("disable-active-response") {
                    hits.add("C29", Place::of(file, old.span, None));
                }
            }
            b"active-response" => {
                for value in child.children_named("disabled") {
                    if value.content != b"yes" && value.content != b"no" {
                        hits.add("C22", Place::of(file, span_of(value), None));
                    } else if !disabled && value.content == b"yes" {
                        hits.add("C21", Place::of(file, span_of(value), None));
                    }
                    // The first one decides.
                    disabled = true;
                }
                if let Some(value) = child.children_named("repeated_offenders").next()
                    && !offenders
                {
                    offenders = true;
                    let first = value.content.trim_ascii_start();
                    let digits = first.iter().take_while(|byte| byte.is_ascii_digit()).count();
                    let on =
                        first.get(..digits).is_some_and(|digits| digits.iter().any(|digit| *digit != b'0'));
                    if on {
                        let note =
                            "delete it, or plan with its minutes: it overrides stateful_timeout".to_owned();
                        hits.add("C12", Place::of(file, span_of(value), Some(note)));
                    }
                }
            }
            _ => {}
        }
    }
}

fn span_of(element: &Element) -> Span {
    if element.content_span.is_empty() { element.span } else { element.content_span }
}

/// Response blocks of a manager, and the commands they use.
fn blocks(inventory: &Inventory<'_>, hits: &mut Hits) {
    let Some(read) = &inventory.config.read else { return };
    let file = &inventory.config.file;
    let mut alike: BTreeMap<_, Vec<&ResponseBlock>> = BTreeMap::new();
    for block in read.responses.iter().filter(|block| is_response(block)) {
        let in_force = matches!(block.outcome, Outcome::Active | Outcome::CrashesWhenFired);
        let meant = in_force || block.outcome == Outcome::DroppedInvalidAgent;
        if !meant && block.outcome != Outcome::NotRead {
            continue;
        }
        let at = |value: &Value| {
            Place::of(file, if value.span.is_empty() { value.element } else { value.span }, None)
        };
        if let Some(value) = &block.location {
            if block.location_in_force.server {
                hits.add("C05", at(value));
            }
            if block.location_in_force.all {
                hits.add("C06", at(value));
            }
        }
        if let Some(value) = &block.agent_id {
            let text = value.text.trim_ascii();
            let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
            let zero = digits && text.iter().all(|digit| *digit == b'0');
            if zero {
                hits.add("C08", at(value));
            } else if digits && text.len() < 3 && block.location_in_force.agent.is_some() {
                hits.add("C07", at(value));
            }
        }
        if !in_force {
            continue;
        }
        for value in [&block.rules_id, &block.rules_group, &block.level].into_iter().flatten() {
            hits.add("C13", at(value));
        }
        let command = block.command_block.and_then(|command| read.commands.get(command));
        if block.raw_timeout != 0 && block.timeout_in_force == 0 {
            if let (Some(value), Some(command)) = (&block.timeout, command)
                && !command.timeout_allowed
            {
                hits.add("C10", at(value));
            }
        } else if block.timeout_in_force == 0 {
            let span = block.timeout.as_ref().map_or(block.span, |value| value.element);
            hits.add("C11", Place::of(file, span, Some("make the channel stateless".to_owned())));
        }
        let Some(command) = command else { continue };
        if let Some(value) = command.extra_args.as_ref().filter(|value| !value.text.trim_ascii().is_empty()) {
            hits.add("C16", at(value));
        }
        if let Some(value) = &command.executable {
            executable(&value.text, false, || at(value), hits);
            if block.location_in_force.all
                && !block.location_in_force.server
                && let Some(system) = stock::system_of(&value.text).filter(|system| {
                    // Programs for Linux are the usual case and run on every Unix of the fleet.
                    *system != System::Linux
                })
            {
                let note = format!("{} is for {system}", String::from_utf8_lossy(&value.text));
                hits.add("C36", Place { note: Some(note), ..at(value) });
            }
        }
        let windows_program = command
            .executable
            .as_ref()
            .is_some_and(|value| matches!(value.text.as_slice(), b"netsh.exe" | b"route-null.exe"));
        let windows_rules = block.rules_group.as_ref().is_some_and(|value| {
            memchr::memmem::find(&value.text.to_ascii_lowercase(), b"windows").is_some()
        }) || block.rule_ids.iter().any(|id| (60_000..62_000).contains(id));
        if windows_program || windows_rules {
            let value = block.rules_group.as_ref().or(block.rules_id.as_ref()).or(block.command.as_ref());
            if let Some(value) = value {
                hits.add("C15", at(value));
            }
        }
        alike
            .entry((
                block.command.as_ref().map(|value| value.text.clone()),
                block.location.as_ref().map(|value| value.text.clone()),
                block.agent_id.as_ref().map(|value| value.text.clone()),
                block.timeout_in_force,
            ))
            .or_default()
            .push(block);
    }
    hits.look(&["C35", "C36"]);
    for blocks in alike.values().filter(|blocks| blocks.len() >= 3) {
        for block in blocks {
            let note = "one channel serves them all; one monitor with one query would too".to_owned();
            hits.add("C35", Place::of(file, block.span, Some(note)));
        }
    }
}

fn executable(name: &[u8], windows: bool, place: impl Fn() -> Place, hits: &mut Hits) {
    if name.trim_ascii() != name {
        hits.add("C20", place());
    }
    match channel::executable(name) {
        Executable::Replaced { new, .. } => {
            hits.add("C17", Place { note: Some(format!("use {new}")), ..place() });
        }
        Executable::Gone { instead, .. } => {
            hits.add("C17", Place { note: Some(format!("instead: {instead}")), ..place() });
        }
        Executable::Same(_) => {
            let lower = name.trim_ascii().to_ascii_lowercase();
            let script = [&b".ps1"[..], b".vbs", b".cmd", b".bat"].iter().any(|end| lower.ends_with(end));
            if script || windows && lower.ends_with(b".py") {
                hits.add("C18", place());
            }
        }
    }
}

/// Lines of an agent's ar.conf.
fn ar_conf(inventory: &Inventory<'_>, hits: &mut Hits) {
    let Some(read) = &inventory.ar_conf.read else {
        if let Some(gap) = inventory.ar_conf.file.bytes.unknown() {
            for row in ["C17", "C18", "C20"] {
                hits.unknown.insert(row, gap.why.clone());
            }
        }
        return;
    };
    for line in read.lines.iter().filter(|line| !line.builtin) {
        // Names of other systems are in every agent's list and do no harm here.
        let other = stock::system_of(&line.executable).is_some_and(|system| {
            (system == System::Windows) != (inventory.system.as_deref() == Some("Windows"))
        });
        if !other {
            let windows = inventory.system.as_deref() == Some("Windows");
            executable(
                &line.executable,
                windows,
                || Place::of(&inventory.ar_conf.file, line.span, None),
                hits,
            );
        }
    }
}

fn versions(inventory: &Inventory<'_>, hits: &mut Hits) {
    match inventory.role {
        Role::Agent => {
            if let Some(version) = inventory.version.filter(|version| version.major < 5) {
                let note = format!("this agent is {version}");
                hits.add("C24", Place::whole("VERSION.json", Some(note)));
            }
            let beta = inventory.version_json.bytes.get().is_some_and(|bytes| {
                let text = String::from_utf8_lossy(bytes);
                ["beta1", "beta2", "beta3"].iter().any(|stage| text.contains(&format!("\"{stage}\"")))
            });
            if beta && inventory.is_5x() && inventory.system.as_deref() == Some("Windows") {
                hits.add("C19", Place::whole("VERSION.json", None));
            }
        }
        Role::Manager => {
            hits.look(&["C24"]);
            if let Some(agents) = inventory.agents.filter(|agents| *agents > 0 && !inventory.is_5x()) {
                let note =
                    format!("{agents} agents are registered; look at the version of each before you move");
                hits.add("C24", Place::whole("etc/client.keys", Some(note)));
            }
        }
    }
}

/// Programs that start responses or look into their files.
fn other_programs(inventory: &Inventory<'_>, hits: &mut Hits) {
    hits.look(&["C26", "C27"]);
    for script in &inventory.scripts {
        let Some(bytes) = script.file.bytes.get() else {
            // What Wazuh ships does neither.
            let own = stock::program_named(&script.name).is_none();
            if let Some(gap) = script.file.bytes.unknown().filter(|_| own) {
                for row in ["C26", "C27"] {
                    hits.unknown.insert(row, format!("{}: {}", script.file.shown, gap.why));
                }
            }
            continue;
        };
        let code = crate::lint::Code::of(bytes);
        let Some(code) = code else { continue };
        let mut find = |row, needle: &[u8], whole: bool| {
            for span in code.all(needle) {
                let byte = |at: usize| bytes.get(at).copied().unwrap_or(b' ');
                let free = |byte: u8| !(byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
                if whole && !(free(byte(span.start.wrapping_sub(1))) && free(byte(span.end))) {
                    continue;
                }
                hits.add(row, Place::of(&script.file, Span { start: span.start, end: span.end }, None));
            }
        };
        find("C26", b"agent_control", true);
        find("C27", b"ar.conf", true);
        // `"command": "!script"`, in whatever quotes.
        for span in code.all(b"!") {
            let head = bytes.get(code.line(span.start).start..span.start).unwrap_or_default();
            let quoted = head.ends_with(b"\"") || head.ends_with(b"'");
            let head = head.trim_ascii_end().strip_suffix(b"\"").or(head.strip_suffix(b"'")).unwrap_or(head);
            let head = head.strip_suffix(b"\\").unwrap_or(head).trim_ascii_end();
            let key = head.strip_suffix(b":").unwrap_or_default().trim_ascii_end();
            let key = key.strip_suffix(b"\"").or(key.strip_suffix(b"'")).unwrap_or_default();
            let key = key.strip_suffix(b"\\").unwrap_or(key);
            if quoted && key.ends_with(b"command") {
                hits.add("C26", Place::of(&script.file, Span { start: span.start, end: span.end }, None));
            }
        }
        for span in code.all(b"/active-response") {
            // The directory of that name is another matter.
            let behind = bytes.get(span.end).copied().unwrap_or(b' ');
            let line = code.line(span.start);
            let head = bytes.get(line.start..span.start).unwrap_or_default();
            let remote = memchr::memmem::find(head, b"://").is_some()
                || memchr::memmem::find(head, b"55000").is_some();
            if matches!(behind, b'?' | b'"' | b'\'' | b' ' | b'\n') && remote {
                hits.add("C26", Place::of(&script.file, Span { start: span.start, end: span.end }, None));
            }
        }
    }
}

/// Rules and decoders of the site that look at active-responses.log.
fn rules(file: &TextFile, hits: &mut Hits) {
    let Some(Ok(document)) = file.bytes.get().map(|bytes| crate::wazuh::xml::parse(bytes)) else { return };
    for element in document.elements() {
        let text = element.content.trim_ascii();
        let concerns = match element.name.as_slice() {
            b"if_group" | b"if_matched_group" => text == b"active_response",
            b"if_sid" | b"if_matched_sid" => text.split(|byte| matches!(byte, b',' | b' ')).any(|id| {
                std::str::from_utf8(id)
                    .ok()
                    .and_then(|id| id.parse::<u32>().ok())
                    .is_some_and(|id| (600..700).contains(&id))
            }),
            b"decoded_as" | b"parent" => matches!(text, b"ar_log" | b"ar_log_json"),
            b"match" | b"regex" | b"prematch" => memchr::memmem::find(text, b"active-response/bin").is_some(),
            _ => false,
        };
        if concerns {
            hits.add("C28", Place::of(file, element.span, None));
        }
    }
}

/// What only all channels together show.
pub(super) fn look_at_channels(inventory: &Inventory<'_>, channels: usize, hits: &mut Hits) {
    if inventory.role != Role::Manager {
        return;
    }
    hits.look(&["C09"]);
    if channels > 10 {
        let note = format!("{channels} different channels, 10 are allowed");
        hits.add("C09", Place::whole(&inventory.config.file.shown, Some(note)));
    }
}
