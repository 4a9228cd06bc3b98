//! `etc/shared/ar.conf`: what analysisd writes into it on its own account, and what execd
//! reads out of it.
//!
//! Model: `src/analysisd/active-response.c AR_ReadConfig` and
//! `src/os_execd/exec.c ReadExecConfig`, 4.14.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;

use memchr::{memchr, memmem};

use super::behavior::{NAME_TRUNCATED_1318, RESTART_WAZUH_LINES, TRAVERSAL_SPELLING};
use super::version::Version;
use super::xml::Span;

/// Where the executables of responses are looked for, below the home directory.
pub const BIN_DIR: &str = "active-response/bin";

/// Slots in execd's table (`src/headers/defs.h MAX_AR`, 4.14).
pub const MAX_COMMANDS: usize = 64;

/// Bytes of a command name that execd keeps (`OS_FLSIZE`).
pub const MAX_NAME: usize = 256;

/// Bytes of an executable that still fit behind [`BIN_DIR`] and a slash.
pub const MAX_EXECUTABLE: usize = MAX_PATH - 20;

/// Bytes of a path that execd keeps.
const MAX_PATH: usize = 255;

/// Bytes that one `fgets` takes (`OS_MAXSTR` less one).
const MAX_CHUNK: usize = 65_535;

/// A line that analysisd always writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Builtin {
    /// The command's name with the timeout.
    pub name: &'static str,
    /// The file.
    pub executable: &'static str,
}

const fn line(name: &'static str, executable: &'static str) -> Builtin {
    Builtin { name, executable }
}

const BUILTIN: &[Builtin] = &[
    line("restart-ossec0", "restart-ossec.sh"),
    line("restart-ossec0", "restart-ossec.cmd"),
    line("restart-wazuh0", "restart-ossec.sh"),
    line("restart-wazuh0", "restart-ossec.cmd"),
    line("restart-wazuh0", "restart-wazuh"),
    line("restart-wazuh0", "restart-wazuh.exe"),
];

/// The lines analysisd begins the file with, before it has read any configuration.
pub fn builtin(version: Option<Version>) -> &'static [Builtin] {
    if RESTART_WAZUH_LINES.holds(version) { BUILTIN } else { BUILTIN.get(..2).unwrap_or_default() }
}

/// The same lines as they stand in the file.
pub fn builtin_text(version: Option<Version>) -> Vec<u8> {
    let mut text = Vec::new();
    for line in builtin(version) {
        push_line(&mut text, line.name.as_bytes(), line.executable.as_bytes(), 0);
    }
    text
}

/// Appends one line as analysisd writes it.
pub(super) fn push_line(text: &mut Vec<u8>, name: &[u8], executable: &[u8], timeout: i32) {
    text.extend_from_slice(name);
    text.extend_from_slice(b" - ");
    text.extend_from_slice(executable);
    text.extend_from_slice(b" - ");
    text.extend_from_slice(timeout.to_string().as_bytes());
    text.push(b'\n');
}

/// One line execd takes for a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArLine {
    /// Line in the file, from 1.
    pub line: u64,
    /// The line without its line feed.
    pub span: Span,
    /// The name, at most [`MAX_NAME`] bytes.
    pub name: Vec<u8>,
    /// Where the name stands in the file, uncut.
    pub name_span: Span,
    /// The executable as written.
    pub executable: Vec<u8>,
    /// Where it stands in the file.
    pub executable_span: Span,
    /// The path execd opens, below the home directory; none when it refuses the executable.
    pub path: Option<Vec<u8>>,
    /// The timeout as `atoi` reads it.
    pub timeout: i32,
    /// One of the lines analysisd always writes, even with an [odd start](LineProblem::OddStart).
    pub builtin: bool,
}

/// What execd does not like, or silently bends, in a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LineProblem {
    /// Begins with `!` or lacks a ` - `: skipped with ERROR 1313.
    Malformed1313,
    /// The name is longer than [`MAX_NAME`] bytes: cut, so no message can name it (ERROR
    /// 1318 since 4.4.0).
    NameTooLong,
    /// The path is longer than 255 bytes: cut without a word.
    ExecutableTooLong,
    /// The executable leads out of its directory: ERROR, no path.
    Traversal,
    /// An earlier line, not one of analysisd's own, has the same name: the first one whose
    /// file is there is used.
    DuplicateName,
    /// No room in the table even if the file of every line is there once: ignored (ERROR
    /// 1319 since 4.14.9), written past the table before.
    BeyondTable,
    /// Longer than one read: the rest is taken for another line.
    Split,
    /// The name begins with a byte order mark or a blank, so no message can name it.
    OddStart,
}

/// A byte order mark, as editors put before the first line.
pub const BOM: &[u8] = b"\xef\xbb\xbf";

/// A name without what an editor, or a hand, put before it.
pub fn plain_name(name: &[u8]) -> &[u8] {
    name.strip_prefix(BOM).unwrap_or(name).trim_ascii_start()
}

/// The file as execd reads it, whatever is on the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArConf {
    /// The lines it takes, in order.
    pub lines: Vec<ArLine>,
    /// What is wrong: line, its span, the problem.
    pub problems: Vec<(u64, Span, LineProblem)>,
    /// The errors 1313, 1318 and traversal, in order, with the line they are about. When the
    /// table overflows, execd stops before it gets to later lines ([`Table::overflow`]).
    pub messages: Vec<(Span, Vec<u8>)>,
    /// How many slots are used when every executable is there, except those of other
    /// systems among analysisd's own lines.
    pub slots: usize,
}

/// One slot of execd's table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The name a message has to give.
    pub name: Vec<u8>,
    /// The file execd starts; none when it was not there: then a message for the name is
    /// dropped without a word.
    pub path: Option<Vec<u8>>,
    /// The timeout.
    pub timeout: i32,
    /// Index into [`ArConf::lines`] of the line that made the slot.
    pub line: usize,
    /// Index of the line whose file is used.
    pub path_line: Option<usize>,
}

/// execd's table after one reading.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// The slots in use.
    pub slots: Vec<Slot>,
    /// The first line for which there was no room.
    pub overflow: Option<usize>,
    /// Lines whose file was not there: on the first reading one INFO each.
    pub not_present: Vec<usize>,
}

impl Table {
    /// The slot a name resolves to (`GetCommandbyName`).
    pub fn resolve(&self, name: &[u8]) -> Option<&Slot> {
        self.slots.iter().find(|slot| slot.name == name)
    }
}

impl ArConf {
    /// The table execd builds when exactly the paths that `present` accepts can be opened for
    /// reading. A directory can, and the execute bit does not matter.
    pub fn table(&self, present: impl Fn(&[u8]) -> bool) -> Table {
        let mut table = Table::default();
        let mut missing_by_name: HashMap<&[u8], (usize, bool)> = HashMap::new();
        for (index, line) in self.lines.iter().enumerate() {
            let path = line.path.clone().filter(|path| present(path));
            if path.is_none() && line.path.is_some() {
                table.not_present.push(index);
            }
            // The first slot of the name without a file takes this one; else the line is
            // dropped when its own file is missing; else it gets a slot of its own. Only the
            // first slot of a name can be without a file.
            match missing_by_name.get_mut(line.name.as_slice()) {
                Some((slot, has_path)) => {
                    if !*has_path {
                        if let Some(slot) = table.slots.get_mut(*slot) {
                            *has_path = path.is_some();
                            slot.path_line = path.is_some().then_some(index);
                            slot.path = path;
                        }
                        continue;
                    }
                    if path.is_none() {
                        continue;
                    }
                }
                None if table.slots.len() < MAX_COMMANDS => {
                    missing_by_name.insert(&line.name, (table.slots.len(), path.is_some()));
                }
                None => {}
            }
            if table.slots.len() >= MAX_COMMANDS {
                table.overflow = Some(index);
                break;
            }
            table.slots.push(Slot {
                name: line.name.clone(),
                path_line: path.is_some().then_some(index),
                path,
                timeout: line.timeout,
                line: index,
            });
        }
        table
    }
}

/// Reads the file.
pub fn read(bytes: &[u8], version: Option<Version>) -> ArConf {
    let mut reader = Reader {
        version,
        conf: ArConf { lines: Vec::new(), problems: Vec::new(), messages: Vec::new(), slots: 0 },
    };
    let mut at = 0;
    let mut number = 1;
    while at < bytes.len() {
        let rest = bytes.get(at..).unwrap_or_default();
        let window = rest.get(..MAX_CHUNK).unwrap_or(rest);
        let (taken, ended) = match memchr(b'\n', window) {
            Some(feed) => (feed + 1, true),
            None => (window.len(), window.len() == rest.len()),
        };
        let chunk = rest.get(..taken).unwrap_or_default();
        if !ended {
            let span = Span { start: at, end: at + taken };
            reader.conf.problems.push((number, span, LineProblem::Split));
        }
        reader.chunk(chunk, at, number);
        at += taken;
        if chunk.ends_with(b"\n") {
            number += 1;
        }
    }
    reader.finish()
}

struct Reader {
    version: Option<Version>,
    conf: ArConf,
}

impl Reader {
    fn chunk(&mut self, chunk: &[u8], at: usize, number: u64) {
        let shown = chunk.strip_suffix(b"\n").unwrap_or(chunk);
        let span = Span { start: at, end: at + shown.len() };
        // A C string ends at the first NUL.
        let text = chunk.split(|&byte| byte == 0).next().unwrap_or_default();
        if let ControlFlow::Break(()) = self.line(text, at, span, number) {
            self.conf.problems.push((number, span, LineProblem::Malformed1313));
            let text = b"(1313): Invalid active response config: 'etc/shared/ar.conf'.".to_vec();
            self.conf.messages.push((span, text));
        }
    }

    fn line(&mut self, text: &[u8], at: usize, span: Span, number: u64) -> ControlFlow<()> {
        const SEPARATOR: &[u8] = b" - ";
        if text.starts_with(b"!") {
            return ControlFlow::Break(());
        }
        let Some(name_end) = memmem::find(text, SEPARATOR) else {
            return ControlFlow::Break(());
        };
        let full_name = text.get(..name_end).unwrap_or_default();
        let name = full_name.get(..MAX_NAME).unwrap_or(full_name);
        if name.len() < full_name.len() {
            self.conf.problems.push((number, span, LineProblem::NameTooLong));
            if NAME_TRUNCATED_1318.holds(self.version) {
                let text = [b"(1318): Command name truncated ", name].concat();
                self.conf.messages.push((span, text));
            }
        }
        let executable_at = name_end + SEPARATOR.len();
        let rest = text.get(executable_at..).unwrap_or_default();
        let Some(executable_length) = memmem::find(rest, SEPARATOR) else {
            return ControlFlow::Break(());
        };
        let executable = rest.get(..executable_length).unwrap_or_default();
        let timeout = rest.get(executable_length + SEPARATOR.len()..).unwrap_or_default();
        let path = if leaves_its_folder(executable) {
            self.conf.problems.push((number, span, LineProblem::Traversal));
            let word: &[u8] =
                if TRAVERSAL_SPELLING.holds(self.version) { b"traversal" } else { b"transversal" };
            let text = [
                b"Active response command '",
                executable,
                b"' vulnerable to directory ",
                word,
                b" attack. Ignoring.",
            ]
            .concat();
            self.conf.messages.push((span, text));
            None
        } else {
            let mut path = BIN_DIR.as_bytes().to_vec();
            path.push(b'/');
            path.extend_from_slice(executable);
            if path.len() > MAX_PATH {
                self.conf.problems.push((number, span, LineProblem::ExecutableTooLong));
                path.truncate(MAX_PATH);
            }
            Some(path)
        };
        let plain = plain_name(name);
        if plain.len() < name.len() && !plain.is_empty() {
            self.conf.problems.push((number, span, LineProblem::OddStart));
        }
        let executable_start = at + executable_at;
        self.conf.lines.push(ArLine {
            line: number,
            span,
            name: name.to_vec(),
            name_span: Span { start: at, end: at + name_end },
            executable: executable.to_vec(),
            executable_span: Span { start: executable_start, end: executable_start + executable.len() },
            path,
            timeout: atoi(timeout),
            builtin: builtin(self.version)
                .iter()
                .any(|line| line.name.as_bytes() == plain && line.executable.as_bytes() == executable),
        });
        ControlFlow::Continue(())
    }

    fn finish(mut self) -> ArConf {
        let mut own: HashSet<&[u8]> = HashSet::new();
        let mut found = Vec::new();
        for line in &self.conf.lines {
            if !line.builtin && !own.insert(&line.name) {
                found.push((line.line, line.span, LineProblem::DuplicateName));
            }
        }
        // Elsewhere's executables among analysisd's own lines are never there.
        let absent = |path: &[u8]| {
            [".sh", ".cmd", ".exe"].iter().any(|suffix| {
                path.ends_with(suffix.as_bytes())
                    && (path.starts_with(b"active-response/bin/restart-ossec.")
                        || path.starts_with(b"active-response/bin/restart-wazuh."))
            })
        };
        let table = self.conf.table(|path| !absent(path));
        self.conf.slots = table.slots.len();
        if let Some(first) = table.overflow {
            for line in self.conf.lines.get(first..).unwrap_or_default() {
                found.push((line.line, line.span, LineProblem::BeyondTable));
            }
        }
        self.conf.problems.extend(found);
        self.conf.problems.sort_by_key(|(_, span, _)| span.start);
        self.conf
    }
}

/// True for `..`, `../x`, `x/..` and `x/../y` (`src/shared/file_op.c w_ref_parent_folder`, 4.14).
pub fn leaves_its_folder(path: &[u8]) -> bool {
    path.split(|&byte| byte == b'/').any(|part| part == b"..")
}

/// C's `atoi` as glibc has it: blanks, a sign, digits, the rest ignored; what does not fit a
/// long is the nearest long, of which the lowest 32 bits are kept.
pub fn atoi(text: &[u8]) -> i32 {
    let (number, _) = strtol(text);
    #[expect(clippy::cast_possible_truncation, reason = "that is what the cast in C does")]
    let low = number as i32;
    low
}

/// Where the digits of a number begin as C's conversions see it: behind blanks and
/// a sign; and whether the sign is a minus.
pub(super) fn blanks_and_sign(text: &[u8]) -> (usize, bool) {
    let blanks =
        text.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r')).count();
    match text.get(blanks) {
        Some(b'-') => (blanks + 1, true),
        Some(b'+') => (blanks + 1, false),
        _ => (blanks, false),
    }
}

/// C's `strtol` in base ten: the number and how many bytes it took.
pub(super) fn strtol(text: &[u8]) -> (i64, usize) {
    let (mut at, negative) = blanks_and_sign(text);
    let digits_from = at;
    let mut number = 0_i64;
    while let Some(digit) = text.get(at).filter(|byte| byte.is_ascii_digit()) {
        let digit = i64::from(digit - b'0');
        number = number.saturating_mul(10);
        number = if negative { number.saturating_sub(digit) } else { number.saturating_add(digit) };
        at += 1;
    }
    if at == digits_from { (0, 0) } else { (number, at) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<(u64, LineProblem)> {
        read(text.as_bytes(), None).problems.iter().map(|&(line, _, problem)| (line, problem)).collect()
    }

    fn stock() -> String {
        String::from_utf8(builtin_text(None)).unwrap()
    }

    #[test]
    fn the_stock_lines_are_sound_and_take_two_slots() {
        let conf = read(stock().as_bytes(), None);
        assert_eq!(conf.problems, []);
        assert_eq!(conf.lines.len(), 6);
        assert!(conf.lines.iter().all(|line| line.builtin));
        assert_eq!(conf.slots, 2);
        let table = conf.table(|path| path == b"active-response/bin/restart-wazuh");
        assert_eq!(table.slots.len(), 2);
        assert_eq!(table.resolve(b"restart-ossec0").unwrap().path, None);
        assert_eq!(table.resolve(b"restart-wazuh0").unwrap().path_line, Some(4));
        assert_eq!(table.not_present, [0, 1, 2, 3, 5]);
        let old = Some(Version::new(4, 1, 5));
        assert_eq!(read(&builtin_text(old), old).lines.len(), 2);
    }

    #[test]
    fn malformed_lines() {
        for text in [
            "\n",
            "# note\n",
            "!a - b - 1\n",
            "a - b\n",
            "a -b - 1\n",
            "a - b -1\n",
            "a\0 - b - 1\n",
            "a - b -",
        ] {
            assert_eq!(problems(text), [(1, LineProblem::Malformed1313)], "{text}");
        }
        for text in ["", "a - b - 1", " -  - ", "a b - b - 1\r\n", "a - b - \0"] {
            assert_eq!(problems(text), [], "{text}");
        }
        for text in ["\u{feff}a - b - 1\r\n", " a - b - 1", "\ta - b - 1\n", "\u{feff} a - b - 1"] {
            assert_eq!(problems(text), [(1, LineProblem::OddStart)], "{text}");
        }
        let conf = read("\u{feff}restart-ossec0 - restart-ossec.sh - 0\n".as_bytes(), None);
        assert!(conf.lines[0].builtin && conf.lines[0].name.starts_with(BOM));
        let conf = read(b"x\na - b - 1\n", None);
        assert_eq!((conf.lines[0].line, conf.lines[0].span), (2, Span { start: 2, end: 11 }));
        assert_eq!(conf.messages.len(), 1);
    }

    #[test]
    fn fields_are_not_trimmed() {
        let conf = read(b"fw600 -  fw.sh  - 600\r\nfw - a - b - 7\n", None);
        let first = &conf.lines[0];
        assert_eq!(
            (first.name.as_slice(), first.executable.as_slice(), first.timeout),
            (&b"fw600"[..], &b" fw.sh "[..], 600)
        );
        assert_eq!(first.path.as_deref(), Some(&b"active-response/bin/ fw.sh "[..]));
        assert_eq!(conf.lines[1].executable, b"a");
        assert_eq!(conf.lines[1].timeout, 0);
        assert_eq!(conf.lines[1].executable_span, Span { start: 28, end: 29 });
    }

    #[test]
    fn limits() {
        let name = |length: usize| format!("{} - x - 0\n", "n".repeat(length));
        assert_eq!(problems(&name(256)), []);
        assert_eq!(problems(&name(257)), [(1, LineProblem::NameTooLong)]);
        let old = read(name(257).as_bytes(), Some(Version::new(4, 3, 11)));
        assert_eq!((old.messages.len(), old.lines[0].name.len()), (0, 256));
        let file = |length: usize| format!("a - {} - 0\n", "x".repeat(length));
        assert_eq!(problems(&file(MAX_EXECUTABLE)), []);
        assert_eq!(problems(&file(MAX_EXECUTABLE + 1)), [(1, LineProblem::ExecutableTooLong)]);
        assert_eq!(read(file(300).as_bytes(), None).lines[0].path.as_ref().map(Vec::len), Some(255));
        for path in ["..", "../x", "a/..", "a/../b", "/.."] {
            assert_eq!(problems(&format!("a - {path} - 0")), [(1, LineProblem::Traversal)], "{path}");
        }
        for path in ["...", "a..b", ".", "a/.b", "/usr/bin/x"] {
            assert_eq!(problems(&format!("a - {path} - 0")), [], "{path}");
        }
        let long = format!("{}\nb - c - 1\n", "x".repeat(70_000));
        let split = (1, LineProblem::Split);
        let bad = (1, LineProblem::Malformed1313);
        assert_eq!(problems(&long), [split, bad, bad]);
        assert_eq!(read(long.as_bytes(), None).lines[0].line, 2);
    }

    #[test]
    fn the_table_is_full() {
        let lines = (0..63).map(|at| format!("r{at} - x - {at}\n")).collect::<String>();
        let text = format!("{}{lines}z - x - 9\n", stock());
        let conf = read(text.as_bytes(), None);
        assert_eq!(conf.slots, MAX_COMMANDS);
        assert_eq!(problems(&text), [(69, LineProblem::BeyondTable), (70, LineProblem::BeyondTable)]);
        let table = conf.table(|_| true);
        // The six stock lines take two slots only because most of their files are absent.
        assert_eq!(table.overflow.map(|index| conf.lines[index].line), Some(65));
        assert!(table.resolve(b"z").is_none());
    }

    #[test]
    fn the_first_file_that_is_there_wins() {
        let text = b"a - gone - 1\na - here - 2\na - too - 3\na - gone - 4\n";
        let conf = read(text, None);
        let table = conf.table(|path| !path.ends_with(b"gone"));
        assert_eq!(table.slots.len(), 2);
        let used = table.resolve(b"a").unwrap();
        // The timeout stays that of the first line.
        assert_eq!((used.path.as_deref(), used.timeout), (Some(&b"active-response/bin/here"[..]), 1));
        assert_eq!(conf.problems.len(), 3);
        assert!(conf.problems.iter().all(|problem| problem.2 == LineProblem::DuplicateName));
    }

    #[test]
    fn numbers_as_c_reads_them() {
        for (text, number) in [
            ("600", 600),
            (" \t600s", 600),
            ("-5", -5),
            ("+7", 7),
            ("abc", 0),
            ("", 0),
            ("-", 0),
            ("99999999999", 1_215_752_191),
            ("99999999999999999999", -1),
            ("-99999999999999999999", 0),
            ("2147483648", i32::MIN),
        ] {
            assert_eq!(atoi(text.as_bytes()), number, "{text}");
        }
        assert_eq!(strtol(b" 12x"), (12, 3));
        assert_eq!(strtol(b" x"), (0, 0));
    }

    proptest::proptest! {
        #[test]
        fn no_panic_and_spans_hold(
            bytes in proptest::collection::vec(proptest::sample::select(b"a- !./\0\n\r9".to_vec()), 0..120),
            present: bool,
        ) {
            let conf = read(&bytes, None);
            proptest::prop_assert_eq!(&conf, &read(&bytes, None));
            for line in &conf.lines {
                let Span { start, end } = line.executable_span;
                proptest::prop_assert_eq!(&bytes[start..end], line.executable.as_slice());
                proptest::prop_assert!(bytes[line.name_span.start..].starts_with(&line.name));
            }
            for (_, span, _) in &conf.problems {
                proptest::prop_assert!(span.start <= span.end && span.end <= bytes.len());
            }
            proptest::prop_assert!(conf.table(|_| present).slots.len() <= MAX_COMMANDS);
        }
    }
}
