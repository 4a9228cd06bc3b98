//! Rows R: what the files of a running installation show, before or after the move.

use super::{Hits, Inventory, Place};
use crate::host::Fact;
use crate::wazuh::ossec_conf::Role;
use crate::wazuh::xml::Span;

/// A file or a socket that is not known is no sign that all is well.
fn unread<T>(row: &'static str, fact: &Fact<T>, hits: &mut Hits) {
    if let Some(gap) = fact.unknown() {
        hits.unknown.insert(row, format!("{}: {}", gap.source, gap.why));
    }
}

/// Looks at logs, state files, locks and sockets.
pub(super) fn look(inventory: &Inventory<'_>, hits: &mut Hits) {
    if inventory.is_bare {
        return;
    }
    let agent = inventory.role == Role::Agent;
    if !inventory.is_5x() || agent {
        hits.look(&["R03", "R04"]);
        last_run(inventory, hits);
        unread("R03", &inventory.ar_log.bytes, hits);
        for (file, pid, alive) in &inventory.locks {
            unread("R04", &file.bytes, hits);
            let said = match (pid, alive) {
                (Some(pid), Some(false)) => format!("process {pid} does not run"),
                (Some(pid), None) => {
                    hits.unknown.insert("R04", format!("whether process {pid} runs is not known"));
                    continue;
                }
                (None, _) if file.bytes.get().is_none() => continue,
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
        if inventory.execd_runs.is_none() {
            for row in ["R01", "R05"] {
                hits.unknown.insert(row, "whether execd runs is not known".to_owned());
            }
        }
        if let Some(fact) = socket("queue/sockets/execq") {
            unread("R01", fact, hits);
        }
        unread("R02", &inventory.agentd_state.bytes, hits);
        unread("R05", &inventory.ossec_log.bytes, hits);
        if inventory.execd_runs == Some(true)
            && let Some(fact) = socket("queue/sockets/execq")
            && (fact.get() == Some(&false) || fact.is_absent())
        {
            hits.add("R01", Place::whole("queue/sockets/execq", Some("execd runs".to_owned())));
        }
        tasks(inventory, hits);
        gate(inventory, hits);
    } else {
        hits.look(&["R06", "R07", "R08"]);
        for row in ["R06", "R07", "R08"] {
            unread(row, &inventory.cluster_log.bytes, hits);
        }
        if let Some(fact) = socket("queue/tasks/task") {
            unread("R07", fact, hits);
        }
        if let Some(fact) = socket("queue/tasks/task")
            && (fact.get() == Some(&false) || fact.is_absent())
            && inventory.cluster_log.bytes.get().is_some()
        {
            hits.add("R07", Place::whole("queue/tasks/task", None));
        }
        cursor(inventory, hits);
        quiet(inventory, hits);
    }
}

/// Seconds without a cycle of the poller, which runs every 30: ten of them.
const QUIET: i64 = 300;

/// The log goes on, and the poller's cycles do not.
fn quiet(inventory: &Inventory<'_>, hits: &mut Hits) {
    let file = &inventory.cluster_log;
    let Some(bytes) = file.bytes.get() else { return };
    let mut at = 0;
    let mut last = None;
    let mut newest = None;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let span = Span { start: at, end: at + line.trim_ascii_end().len() };
        at += line.len();
        let Some(time) = seconds(line) else { continue };
        newest = Some(time);
        if memchr::memmem::find(line, b"[Active Response] ").is_some()
            && memchr::memmem::find(line, b"Finished in ").is_some()
        {
            last = Some((time, span));
        }
    }
    if let (Some((time, span)), Some(newest)) = (last, newest)
        && newest - time > QUIET
    {
        let note = format!("the last cycle; the log goes on for {} minutes", (newest - time) / 60);
        hits.add("R08", Place::of(file, span, Some(note)));
    }
}

/// The time a line of cluster.log begins with, in seconds on the same clock.
fn seconds(line: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(line.get(..19)?).ok()?;
    let time = jiff::civil::DateTime::strptime("%Y/%m/%d %H:%M:%S", text).ok()?;
    Some(time.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second())
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
