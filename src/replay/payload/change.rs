//! Messages made out of a message: other targets, other texts, fields put in and taken out.

use std::net::IpAddr;

use super::doc::{self, Node};
use super::{ALERT, Value};
use crate::wazuh::version::Contract;

/// The message with `value` at `path`, counted from the root of the message
/// (`parameters.alert.data.srcip`); missing objects on the way are made. The error says why
/// there is no such place.
pub fn with(message: &[u8], path: &str, value: &Value) -> Result<Vec<u8>, String> {
    doc::put(message, path, value.to_string().as_bytes())
}

/// The message without what is at `path`; unchanged when there is nothing, or when it is not JSON.
pub fn without(message: &[u8], path: &str) -> Vec<u8> {
    doc::take(message, path).unwrap_or_else(|| message.to_vec())
}

/// Where the event stands in a message.
fn event(root: &Node, contract: Contract) -> Option<(&Node, &'static str)> {
    match contract {
        Contract::Json5 => Some((root, "")),
        _ => root.at(ALERT).map(|node| (node, ALERT)),
    }
}

/// What execd and the envelope need, which is no text of an event.
fn is_envelope(path: &str) -> bool {
    path == "command" || path.starts_with("wazuh.active_response.") || path == "wazuh.active_response"
}

/// The message with every string of its event given through `f`, which gets the path from
/// the root and the text. Names, the command, the executable and `extra_args` stay.
/// A message that is not JSON is unchanged.
pub fn fill_strings(message: &[u8], contract: Contract, mut f: impl FnMut(&str, &str) -> String) -> Vec<u8> {
    let Some(root) = Node::read(message) else { return message.to_vec() };
    let Some((node, path)) = event(&root, contract) else { return message.to_vec() };
    let mut changes = Vec::new();
    node.strings(path, &mut |path, node| {
        if is_envelope(path) {
            return;
        }
        if let Some(text) = node.text(message) {
            let new = f(path, &text);
            if new != text {
                changes.push((node.span.clone(), doc::quote(&new)));
            }
        }
    });
    let mut out = message.to_vec();
    for (span, new) in changes.into_iter().rev() {
        out = doc::splice(&out, span, &new);
    }
    out
}

/// The same event about somebody else: another address, account and file. The agent, the rule
/// and the envelope stay. Used to see whether keys differ.
/// Unchanged when the message is not JSON or names nobody.
pub fn other_target(message: &[u8], contract: Contract) -> Vec<u8> {
    // Old text and new, for texts that quote the target, such as full_log.
    let mut swapped: Vec<(String, String)> = Vec::new();
    let changed = fill_strings(message, contract, |path, text| match other(path, text) {
        Some(new) => {
            if text.len() > 2 && !swapped.iter().any(|(old, _)| old == text) {
                swapped.push((text.to_owned(), new.clone()));
            }
            new
        }
        None => text.to_owned(),
    });
    swapped.sort_by_key(|(old, _)| std::cmp::Reverse(old.len()));
    fill_strings(&changed, contract, |path, text| {
        if !matches!(
            last(path),
            "full_log" | "previous_output" | "previous_log" | "original" | "message" | "log"
        ) {
            return text.to_owned();
        }
        swapped.iter().fold(text.to_owned(), |text, (old, new)| text.replace(old, new))
    })
}

fn last(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or_default()
}

/// Another value for a field that says whom or what the event is about.
fn other(path: &str, text: &str) -> Option<String> {
    let about = path.strip_prefix("parameters.alert.").unwrap_or(path);
    if about.starts_with("agent.")
        || about.starts_with("manager.")
        || about.starts_with("wazuh.")
        || about.starts_with("rule.")
    {
        return None;
    }
    match last(path) {
        "srcip" | "src_ip" | "srcip2" | "ipAddress" | "destinationIp" | "sourceIp" => {
            Some(other_address(text))
        }
        "ip" if about == "source.ip" || about == "client.ip" => Some(other_address(text)),
        "dstuser" | "srcuser" | "targetUserName" | "user" | "username" => Some(other_name(text)),
        "name" if about == "user.name" => Some(other_name(text)),
        "path" if matches!(about, "syscheck.path" | "file.path") => Some(other_path(text)),
        "file" if about.starts_with("data.") => Some(other_path(text)),
        _ => None,
    }
}

fn other_address(text: &str) -> String {
    let choices = match text.parse::<IpAddr>() {
        Ok(IpAddr::V6(_)) => ["2001:db8::77", "2001:db8::78"],
        _ => ["198.51.100.77", "198.51.100.78"],
    };
    choices[usize::from(choices[0] == text)].to_owned()
}

fn other_name(text: &str) -> String {
    let choices = ["ardoctor2", "ardoctor3"];
    choices[usize::from(choices[0] == text)].to_owned()
}

fn other_path(text: &str) -> String {
    format!("{text}.other")
}
