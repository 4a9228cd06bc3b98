//! What is held of any bytes, by reader. `fuzz/` runs these with bytes that libFuzzer makes up;
//! `tests/fuzz.rs` runs them with the bytes it once found worth keeping.
//!
//! Each begins with a byte that says under which circumstances the rest is read.

use std::borrow::Cow;
use std::io::{self, Read};
use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;

use ar_doctor::findings::signatures::Log;
use ar_doctor::host::{apparmor, audit_log, dpkg, elf, mountinfo, selinux, settings, systemd};
use ar_doctor::lint::{self, Context, Language};
use ar_doctor::logs::line::{Form, Line, time_of};
use ar_doctor::logs::place;
use ar_doctor::logs::scan::{Fold, Found, Search};
use ar_doctor::logs::set::Set;
use ar_doctor::redact::{self, Redactor};
use ar_doctor::replay::needs::Needs;
use ar_doctor::replay::payload::{Against, Payload, Source, Wish};
use ar_doctor::wazuh::alerts::lines::ReadAt;
use ar_doctor::wazuh::execd::{self, Execd, Files, Received, Setup};
use ar_doctor::wazuh::ossec_conf::{self, Platform, Role};
use ar_doctor::wazuh::rules::{self, Content, SourceFile, Surroundings};
use ar_doctor::wazuh::version::{Contract, Version};
use ar_doctor::wazuh::xml::{Document, LineIndex, SecondOpinion, Span};
use ar_doctor::wazuh::{ar_conf, ar_log, cjson, client_keys, daemon_log, launch, merged_mg, state, xml};

/// A reader, and what is held of it.
pub struct Target {
    /// Its name in `fuzz/` and below `tests/fuzz/`.
    pub name: &'static str,
    /// Panics where something does not hold.
    pub run: fn(&[u8]),
}

/// All of them.
pub const TARGETS: [Target; 8] = [
    Target { name: "logs", run: logs },
    Target { name: "xml", run: xml },
    Target { name: "config", run: config },
    Target { name: "ar_conf", run: ar_conf },
    Target { name: "script", run: script },
    Target { name: "payload", run: payload },
    Target { name: "redact", run: redact },
    Target { name: "files", run: files },
];

/// The first byte, and the rest.
fn split(data: &[u8]) -> (u8, &[u8]) {
    data.split_first().map_or((0, data), |(first, rest)| (*first, rest))
}

fn pick<T: Copy>(from: &[T], by: u8) -> T {
    from[usize::from(by) % from.len()]
}

const CONTRACTS: [Contract; 3] = [Contract::Args, Contract::Json4, Contract::Json5];

fn version(by: u8) -> Option<Version> {
    let numbers = [(4, 1, 5), (4, 2, 0), (4, 3, 7), (4, 4, 0), (4, 9, 2), (4, 14, 9), (5, 0, 1)];
    let versions = numbers.map(|(major, minor, patch)| Some(Version::new(major, minor, patch)));
    if by % 8 == 7 { None } else { pick(&versions, by % 8) }
}

fn within(span: &Range<usize>, bytes: &[u8]) {
    assert!(span.start <= span.end && span.end <= bytes.len(), "{span:?} of {}", bytes.len());
}

fn holds(span: Span, bytes: &[u8]) {
    within(&(span.start..span.end), bytes);
}

/// A source that hands out a few bytes at a time.
struct Slowly<'a>(&'a [u8], usize);

impl ReadAt for Slowly<'_> {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let some = buffer.len().min(self.1);
        self.0.read_at(&mut buffer[..some], offset)
    }
}

impl Read for Slowly<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let some = buffer.len().min(self.1).min(self.0.len());
        let (now, later) = self.0.split_at(some);
        buffer[..some].copy_from_slice(now);
        self.0 = later;
        Ok(some)
    }
}

fn sets() -> &'static [Set] {
    static SETS: OnceLock<Vec<Set>> = OnceLock::new();
    SETS.get_or_init(|| Log::ALL.iter().map(|log| Set::new(*log, &[], None)).collect())
}

/// Lines of a log, taken apart and held against the signatures.
///
/// However the bytes are handed out the same lines are found, and they are those that are found
/// by looking at each line alone.
pub fn logs(data: &[u8]) {
    let (first, text) = split(data);
    let set = &sets()[usize::from(first & 7) % sets().len()];
    let log = set.log();
    let length = text.len() as u64;
    let mut alone: Vec<(u64, bool)> = Vec::new();
    let mut offset = 0;
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let body = line.strip_suffix(b"\n").unwrap_or(line);
        let read = Line::read(log, body);
        let is_part = |part: &[u8]| body.as_ptr_range().start <= part.as_ptr() && part.len() <= body.len();
        assert!(read.origin.is_empty() || is_part(read.origin));
        for part in [&read.tag, &read.message] {
            assert!(part.is_empty() || matches!(part, Cow::Owned(_)) || is_part(part));
        }
        let _ = time_of(log, body);
        let found = set.find(&read);
        if let Some(found) = &found {
            assert_eq!(set.matches(found.signature, &read).as_ref(), Some(found));
        }
        // In JSON a character can be written in several ways; the daemons use one.
        alone.push((offset, found.is_some() && read.form != Form::Json));
        offset += line.len() as u64;
    }
    let search = Search { set, since: None, file: 0 };
    let done = AtomicU64::new(0);
    let (whole, error) = search.file(text, 0, length, 1, &done);
    assert!(error.is_none());
    let streamed = search.stream(text, &AtomicU64::new(0)).0;
    same(&whole, &streamed);
    for fold in streamed.folds() {
        for seen in [&fold.first, &fold.last] {
            let before = &text[..seen.offset as usize];
            let number = before.iter().filter(|byte| **byte == b'\n').count() as u64 + 1;
            assert_eq!(seen.line, Some(number));
        }
    }
    let step = usize::from(first >> 3) + 1 + text.len() / 256;
    same(&whole, &search.stream(Slowly(text, step), &AtomicU64::new(0)).0);
    same(&whole, &search.file(&Slowly(text, step), 0, length, 1, &AtomicU64::new(0)).0);
    let hits = alone.iter().filter(|(_, is_hit)| *is_hit).count() as u64;
    assert!(whole.stats.hits >= hits, "{} of {hits} lines are found", whole.stats.hits);
    for fold in whole.folds() {
        for seen in [&fold.first, &fold.last] {
            let at = seen.offset as usize;
            assert!(at == 0 || text[at - 1] == b'\n', "{at} is no beginning of a line");
            assert!(text[at..].starts_with(&seen.excerpt));
        }
    }
    // From a place on, there are the lines that begin there or behind it.
    let from = length / 2;
    let (late, _) = search.file(text, from, length, 1, &AtomicU64::new(0));
    let late_hits = alone.iter().filter(|(offset, is_hit)| *is_hit && *offset >= from).count() as u64;
    assert!(late.stats.hits >= late_hits && late.stats.hits <= whole.stats.hits);
    if let Some((offset, _)) = alone.get(alone.len() / 2) {
        let start = place::since(log, text, length, i64::try_from(*offset).unwrap_or(0) << 20);
        let start = start.unwrap_or_else(|error| panic!("{error}")).offset as usize;
        assert!(start == 0 || text[start - 1] == b'\n', "{start} is no beginning of a line");
    }
    let starts = place::last_starts(text, length, &[b"execd"], u64::MAX);
    let starts = starts.unwrap_or_else(|error| panic!("{error}"));
    for started in starts.last.values() {
        let at = started.offset as usize;
        assert!(at == 0 || text[at - 1] == b'\n', "{at} is no beginning of a line");
    }
    let _ = (ar_log::tail(text, first & 8 != 0), daemon_log::read(text));
}

/// But for the number of a line, which only a stream has.
fn same(one: &Found, other: &Found) {
    assert_eq!(one.stats.hits, other.stats.hits);
    assert_eq!(one.stats.long, other.stats.long);
    let plain = |found: &Found| -> Vec<Fold> {
        let mut folds: Vec<Fold> = found.folds().into_iter().cloned().collect();
        folds.iter_mut().for_each(|fold| (fold.first.line, fold.last.line) = (None, None));
        folds
    };
    assert_eq!(plain(one), plain(other));
}

/// Wazuh's XML: everything lies within the bytes, inside of what holds it, and on its line.
pub fn xml(data: &[u8]) {
    let read = xml::parse(data);
    assert_eq!(xml::check(data).err().as_ref(), read.as_ref().err());
    match read {
        Ok(document) => {
            spans(data, &document);
            for opinion in
                [xml::second_opinion(data, &document), xml::second_opinion_wrapped(data, &document)]
            {
                match opinion {
                    SecondOpinion::Misreads(all) => {
                        all.iter().for_each(|misreading| holds(misreading.span, data));
                    }
                    SecondOpinion::Refuses { line, column, .. } => {
                        assert!(line >= 1 && column >= 1 && line <= LineIndex::new(data).lines());
                    }
                    SecondOpinion::Agrees => {}
                }
            }
        }
        Err(error) => {
            assert!(error.message.starts_with(b"XMLERR: ") && error.message.len() <= xml::MAX_MESSAGE);
            assert!(error.offset <= data.len() && error.line >= 1);
            assert!(error.line <= LineIndex::new(data).lines() + 1);
            for span in [error.culprit, error.open].into_iter().flatten() {
                holds(span, data);
            }
        }
    }
}

fn spans(bytes: &[u8], document: &Document) {
    let index = LineIndex::new(bytes);
    let line = |offset| index.line_col(offset).0;
    for element in document.elements() {
        for span in [element.span, element.name_span, element.content_span, element.start_tag] {
            holds(span, bytes);
        }
        let name_span = element.name_span;
        assert!(element.span.start <= name_span.start && name_span.end <= element.span.end);
        assert!(element.start_tag.start == element.span.start && element.start_tag.end <= element.span.end);
        let lines = line(element.name_span.start)..=line(element.start_tag.end);
        assert!(lines.contains(&element.line), "line {} is none of {lines:?}", element.line);
        for attribute in &element.attributes {
            holds(attribute.span, bytes);
            holds(attribute.value_span, bytes);
            assert!(attribute.span.start <= attribute.value_span.start);
            assert!(attribute.value_span.end <= attribute.span.end);
        }
        for pair in element.children.windows(2) {
            assert!(pair[0].span.end <= pair[1].span.start, "children one after the other");
        }
    }
    for comment in &document.comments {
        holds(comment.span, bytes);
        assert_eq!(comment.line, line(comment.span.start));
    }
    for invisible in &document.invisible {
        holds(invisible.span, bytes);
    }
    assert!(document.stopped_at.is_none_or(|at| at <= bytes.len()));
}

/// ossec.conf, agent.conf, and the rules.
pub fn config(data: &[u8]) {
    let (first, text) = split(data);
    let (second, text) = split(text);
    let index = LineIndex::new(text);
    let role = if first & 1 == 0 { Role::Manager } else { Role::Agent };
    let platform =
        pick(&[Platform::Linux, Platform::MacOs, Platform::Windows, Platform::OtherUnix], first >> 1);
    let read = ossec_conf::read_on(text, role, version(second), platform);
    for problem in &read.problems {
        holds(problem.span, text);
        assert!(problem.line <= index.lines() + 1, "{problem:?}");
        assert!(problem.consequence_of.is_none_or(|cause| cause < read.problems.len()));
    }
    for command in &read.commands {
        holds(command.span, text);
        for value in [&command.name, &command.executable, &command.extra_args].into_iter().flatten() {
            holds(value.span, text);
            holds(value.element, text);
        }
    }
    for response in &read.responses {
        holds(response.span, text);
        assert!(response.problems.iter().all(|problem| *problem < read.problems.len()));
        assert!(response.command_block.is_none_or(|block| block < read.commands.len()));
        assert!(response.erased_by.is_none_or(|by| by < read.responses.len()));
        response.rule_id_cuts.iter().for_each(|span| holds(*span, text));
    }
    read.commented_blocks.iter().for_each(|block| holds(block.span, text));
    assert!(ar_conf::read(&read.ar_conf, version(second)).slots <= ar_conf::MAX_COMMANDS);
    let shared = ossec_conf::read_agent_conf(text);
    shared.blocks.iter().for_each(|block| holds(block.span, text));
    let around = Surroundings { version: version(second), ..Surroundings::default() };
    let files = [SourceFile { path: b"etc/rules/local_rules.xml", content: Content::Bytes(text) }];
    let rules = rules::load(&files, &around);
    let _ = rules::decoder_names(&rules::Parsed::of(text));
    for response in 0..read.responses.len() {
        let response = &read.responses[response];
        for (rule, _) in rules.bound_rules(response) {
            assert!(rule < rules.rules.len());
        }
    }
}

/// ar.conf: its lines are the file's, in order, and the table is never larger than execd's.
pub fn ar_conf(data: &[u8]) {
    let (first, text) = split(data);
    let index = LineIndex::new(text);
    let read = ar_conf::read(text, version(first));
    assert!(read.slots <= ar_conf::MAX_COMMANDS);
    let mut before = 0;
    for line in &read.lines {
        for span in [line.span, line.name_span, line.executable_span] {
            holds(span, text);
        }
        assert!(before <= line.span.start, "in the order of the file");
        before = line.span.end;
        assert!(line.span.start <= line.name_span.start && line.name_span.end <= line.executable_span.start);
        assert!(line.name_span.slice(text).starts_with(&line.name) && line.name.len() <= ar_conf::MAX_NAME);
        assert_eq!(line.line, index.line_col(line.span.start).0);
    }
    for (line, span, _) in &read.problems {
        holds(*span, text);
        assert_eq!(*line, index.line_col(span.start).0);
    }
    for present in [true, false] {
        let table = read.table(|path| present || path.len().is_multiple_of(2));
        assert!(table.slots.len() <= ar_conf::MAX_COMMANDS);
        for slot in &table.slots {
            assert!(table.resolve(&slot.name).is_some() && read.lines[slot.line].name == slot.name);
        }
    }
}

/// The text of a script: every fault is a place in it, on its line and column.
pub fn script(data: &[u8]) {
    let (first, text) = split(data);
    let language = pick(&[Language::Sh, Language::Bash, Language::Python, Language::Perl], first);
    let contract = pick(&CONTRACTS, first >> 2);
    let context = Context { contract, timeout: if first & 0x80 == 0 { 600 } else { 0 } };
    let read = lint::lint(text, language, &context);
    let index = LineIndex::new(text);
    for fault in read.faults.iter().chain(&read.suppressed) {
        within(&fault.span, text);
        assert_eq!((fault.line, fault.column), index.line_col(fault.span.start), "{fault:?}");
    }
    for need in read.tools.iter().chain(&read.modules) {
        within(&need.span, text);
    }
    for field in &read.fields {
        within(&field.span, text);
        let _ = field.contract();
    }
    let _ = (lint::language(b"x", text), launch::program(text));
}

struct Home<'a>(&'a [u8]);

impl Files for Home<'_> {
    fn ar_conf(&self) -> Option<Vec<u8>> {
        Some([b"drop600 - drop - 600\ndrop0 - drop - 0\n", self.0].concat())
    }

    fn present(&self, path: &[u8]) -> bool {
        !path.len().is_multiple_of(7)
    }
}

/// Messages: as execd takes, keeps and answers them, and as `replay` explains them.
pub fn payload(data: &[u8]) {
    let (first, text) = split(data);
    if let Some(value) = cjson::parse(text) {
        for version in [version(first), None] {
            let printed = value.print_for(version);
            let again = cjson::parse(&printed).unwrap_or_else(|| panic!("what is printed is read"));
            assert_eq!(again.print_for(version), printed, "printing it again changes nothing");
        }
    }
    let contract = pick(&CONTRACTS, first);
    let message = match contract {
        Contract::Args => execd::args_message(text).unwrap_or_else(|| text.to_vec()),
        _ => text.to_vec(),
    };
    let version = version(first >> 2).filter(|version| Contract::of(*version) == contract);
    let setup = Setup { contract, version, agent: first & 0x80 == 0, repeated_offenders: vec![1, 5, 30] };
    let mut execd = Execd::new(setup);
    for now in [10, 700, 20] {
        let received = execd.receive_at(&message, &Home(text), now);
        if let Received::Start(start) = received {
            let _ = execd.delete_of(&start);
            let line = text.split(|byte| *byte == b'\n').next();
            let answered = execd.answer(&start, line, now);
            assert!(!answered.registered || execd.pending().len() == 1);
            execd.ended(&start.path, None);
        }
    }
    let deletes = execd.pending().len();
    assert_eq!(execd.next_due().is_some(), deletes > 0);
    assert_eq!(execd.due(0).len() + execd.stop().len(), deletes);
    let needs = Needs::default();
    for is_log in [false, true] {
        let wish = Wish {
            source: Some(Source { shown: "x", bytes: text, is_log }),
            contract,
            name: "drop600",
            program: "drop",
            rule: None,
            agent: None,
            deed: None,
            extra_args: None,
            timeout: Some(600),
            set: &[],
            needs: &needs,
        };
        let Ok(mut payload) = Payload::make(&wish) else { continue };
        let script = Some(("x", text));
        let arrived = first & 0x40 != 0;
        let against = Against { needs: &needs, version, white_list: None, to_agent: true, script, arrived };
        payload.check(&against);
        for place in payload.problems.iter().filter_map(|problem| problem.place.as_ref()) {
            within(&place.mark, &place.text);
            assert!(place.line >= 1 && place.column >= 1);
        }
        let _ = payload.findings("x");
    }
}

/// Secrets: hiding them keeps every length and line break, and changes nothing but them.
pub fn redact(data: &[u8]) {
    let secrets = redact::secrets(data);
    secrets.iter().for_each(|span| within(span, data));
    let redactor = Redactor::new();
    let hidden = redactor.hide(data);
    assert_eq!(hidden.len(), data.len());
    let mut expected = data.to_vec();
    for span in &secrets {
        // A number of JSON stays a number.
        let is_number = data[span.clone()].iter().all(u8::is_ascii_digit);
        for at in span.clone().filter(|at| !matches!(data[*at], b'\n' | b'\r')) {
            expected[at] = if is_number && hidden[at] == b'1' { b'1' } else { b'*' };
        }
    }
    assert_eq!(hidden.escape_ascii().to_string(), expected.escape_ascii().to_string());
    redactor.mark(data);
    assert_eq!(redactor.hide(data).len(), data.len());
    for span in secrets {
        let secret = data[span].trim_ascii();
        // Shorter ones are hidden where they stand alone.
        if secret.len() >= 6 {
            let elsewhere = [b"- ", secret, b" -"].concat();
            assert!(memchr::memmem::find(&redactor.hide(&elsewhere), secret).is_none() || is_blank(secret));
        }
    }
    let _ = redactor.text(data);
}

/// It was hidden before it was read.
fn is_blank(secret: &[u8]) -> bool {
    secret.iter().all(|byte| *byte == b'*')
}

/// Small files of Wazuh and of the system.
pub fn files(data: &[u8]) {
    let (first, text) = split(data);
    match first % 12 {
        0 => {
            let keys = client_keys::read(text);
            let lines = LineIndex::new(text).lines();
            assert!(keys.entries.iter().all(|(line, _)| (1..=lines).contains(line)));
            let _ = (keys.agents(), keys.has(1), keys.has_removed(1));
        }
        1 => {
            let merged = merged_mg::read(text);
            let mut before = 0;
            for member in &merged.members {
                within(&member.content, text);
                assert!(before <= member.content.start, "in the order of the file");
                before = member.content.end;
                assert!(merged.member(&member.name).is_some());
            }
        }
        2 => {
            let mounts = mountinfo::parse(text);
            for mount in &mounts {
                let _ = mountinfo::mount_at(&mounts, &mount.target);
            }
        }
        3 => {
            let mut reader = audit_log::Reader::new(0);
            let mut offset = 0;
            for line in text.split_inclusive(|byte| *byte == b'\n') {
                reader.line(line.strip_suffix(b"\n").unwrap_or(line), offset);
                offset += line.len() as u64;
            }
            let (denials, ..) = reader.finish();
            for denial in &denials {
                assert!(text[denial.offset as usize..].starts_with(&denial.line));
                let _ = (denial.whole_paths(), denial.asks("read"));
            }
        }
        4 => {
            if let Ok(Some(elf)) = elf::parse(text)
                && let Some(sample) = elf::sample(&elf)
            {
                assert!(elf::parse(&sample[..]).is_ok(), "{elf:?}");
            }
        }
        5 => {
            let mut contexts = selinux::FileContexts::default();
            let (one, two) = text.split_at(text.len() / 2);
            contexts.add(one);
            contexts.substitute(two, true);
            let _ = contexts.expected("/var/ossec/active-response/bin/x", ar_doctor::host::FileType::Regular);
        }
        6 => {
            let profiles = apparmor::profiles(text).unwrap_or_default();
            for profile in profiles {
                let _ = profile.attachment.map(|pattern| apparmor::fits(&pattern, b"/usr/bin/x"));
            }
            let _ = (apparmor::loaded(text), apparmor::included(text));
        }
        7 => {
            let unit = systemd::read([text]);
            for setting in &unit.settings {
                assert!(setting.start <= setting.end && setting.end <= text.len());
                let _ = (unit.filter(&setting.key), unit.list(&setting.key), unit.on(&setting.key));
            }
            let _ = (unit.capabilities(), unit.shuts("/var/ossec/x"), unit.forbids_start("/var/ossec/x"));
        }
        8 => {
            let _ = (settings::value(text, "log_file"), settings::lets_everyone_in(text, "sshd"));
            let _ = (settings::flushes_ruleset(text), settings::excludes_record(text, &["AVC"]));
            let _ = (settings::trusted(text), settings::unit_path(&[text.to_vec()]));
        }
        9 => {
            let _ = (dpkg::package(text, "wazuh-agent"), dpkg::md5_of(text, b"var/ossec/bin/x"));
        }
        10 => {
            let read = state::read(text);
            let _ = (read.status(), read.number("msg_count"), read.local_time("last_ack"));
        }
        _ => {
            let text = String::from_utf8_lossy(text);
            let _ = Version::parse(&text);
            let words: Vec<&str> = text.splitn(2, '\n').collect();
            if let [pattern, path] = words[..] {
                let _ = apparmor::fits(pattern, path.as_bytes());
            }
        }
    }
}
