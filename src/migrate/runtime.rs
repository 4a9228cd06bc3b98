//! Rows R: what the files of a running installation show, before or after the move.

use super::{Hits, Inventory, Place};
use crate::wazuh::ossec_conf::Role;
use crate::wazuh::xml::Span;

/// Looks at logs, state files, locks and sockets.
pub(super) fn look(inventory: &Inventory<'_>, hits: &mut Hits) {
    if inventory.is_bare {
        return;
    }
    let agent = inventory.role == Role::Agent;
    if !inventory.is_5x() || agent {
        hits.look(&["R03", "R04"]);
        last_run(inventory, hits);
        for (file, pid, alive) in &inventory.locks {
            let said = match (pid, alive) {
                (Some(pid), Some(false)) => format!("process {pid} does not run"),
                (None, _) => "it names no process: the wait is up to 1225 seconds".to_owned(),
                _ => continue,
            };
            hits.add("R04", Place::whole(&file.shown, Some(said)));
        }
    }
    if !inventory.is_5x() {
        return;
    }
    let socket = |path: &str| inventory.sockets.iter().find(|(name, _)| *name == path).map(|(_, fact)| fact);
    if agent {
        hits.look(&["R01", "R02", "R05"]);
        if inventory.execd_runs == Some(true)
            && let Some(fact) = socket("queue/sockets/execq")
            && (fact.get() == Some(&false) || fact.is_absent())
        {
            hits.add("R01", Place::whole("queue/sockets/execq", Some("execd runs".to_owned())));
        }
        tasks(inventory, hits);
        gate(inventory, hits);
    } else {
        hits.look(&["R06", "R07"]);
        if let Some(fact) = socket("queue/tasks/task")
            && (fact.get() == Some(&false) || fact.is_absent())
            && inventory.cluster_log.bytes.get().is_some()
        {
            hits.add("R07", Place::whole("queue/tasks/task", None));
        }
        cursor(inventory, hits);
    }
}

/// The last run of active-responses.log, when nothing in the log ends it.
fn last_run(inventory: &Inventory<'_>, hits: &mut Hits) {
    let file = &inventory.ar_log;
    let Some(bytes) = file.bytes.get() else { return };
    let mut at = 0;
    let mut open: Option<Span> = None;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let span = Span { start: at, end: at + line.len() };
        at = span.end;
        let line = line.trim_ascii_end();
        if memchr::memmem::find(line, b"active-response/bin/").is_none() {
            continue;
        }
        if line.ends_with(b": Starting") {
            open = Some(span);
        } else if [&b": Ended"[..], b": Aborted"].iter().any(|word| line.ends_with(word))
            || memchr::memmem::find(line, b": Cannot ").is_some()
            || memchr::memmem::find(line, b": Invalid ").is_some()
        {
            open = None;
        }
    }
    if let Some(span) = open {
        hits.add("R03", Place::of(file, span, None));
    }
}

fn tasks(inventory: &Inventory<'_>, hits: &mut Hits) {
    let file = &inventory.agentd_state;
    let Some(bytes) = file.bytes.get() else { return };
    let mut at = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let span = Span { start: at, end: at + line.trim_ascii_end().len() };
        at += line.len();
        let text = String::from_utf8_lossy(line);
        if let Some((name, value)) = text.split_once('=')
            && name.trim().rsplit('.').next() == Some("failed")
            && value.trim().trim_matches(['\'', '"']).parse::<u64>().is_ok_and(|count| count > 0)
        {
            hits.add("R02", Place::of(file, span, None));
        }
    }
}

fn gate(inventory: &Inventory<'_>, hits: &mut Hits) {
    let file = &inventory.ossec_log;
    let Some(bytes) = file.bytes.get() else { return };
    if inventory.execd_runs != Some(true) || bytes.is_empty() {
        return;
    }
    // Since agentd started last, execd never said so.
    let agentd = memchr::memmem::rfind(bytes, b"wazuh-agentd: INFO: Started (pid");
    let execd = memchr::memmem::rfind(bytes, b"wazuh-execd: INFO: Started (pid");
    if let Some(agentd) = agentd
        && execd.is_none_or(|execd| execd < agentd)
        // It starts before agentd does, so only a log that is older than both tells.
        && execd.is_none()
    {
        hits.add(
            "R05",
            Place::of(
                file,
                Span { start: agentd, end: agentd + 12 },
                Some("and nothing of wazuh-execd".to_owned()),
            ),
        );
    }
}

fn cursor(inventory: &Inventory<'_>, hits: &mut Hits) {
    let file = &inventory.cluster_log;
    let Some(bytes) = file.bytes.get() else { return };
    let needle = b"Error during active response processing: ";
    let mut last: Option<(&[u8], usize)> = None;
    for at in memchr::memmem::find_iter(bytes, needle) {
        let rest = bytes.get(at + needle.len()..).unwrap_or_default();
        let said = rest.get(..memchr::memchr(b'\n', rest).unwrap_or(rest.len())).unwrap_or_default();
        let between = last.and_then(|(_, before)| bytes.get(before..at)).unwrap_or_default();
        let repeated = last.is_some_and(|(before, _)| before == said)
            && memchr::memmem::find(between, b"task(s) from ").is_none();
        let behind = memchr::memmem::find(rest, b"task(s) from ").is_some();
        if repeated && !behind {
            hits.add("R06", Place::of(file, Span { start: at, end: at + needle.len() }, None));
            return;
        }
        last = Some((said, at));
    }
}
