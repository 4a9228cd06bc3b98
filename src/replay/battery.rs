//! The cases of `--conformance`: what is played beyond one event, and how each case must end.
//!
//! A case has its step (or two) in the plan and its row in the table. Findings come from
//! [`super::judge`], which asks [`purpose`] what a step was for: a script may refuse what is
//! meant to be refused.

use std::net::IpAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Answer, AttemptKind, Deed, Ended, Run, Step, StepRun, Target};
use super::{judge, payload};
use crate::wazuh::execd;
use crate::wazuh::version::Contract;

/// Where the canaries are: `/run` is an empty tmpfs in the sandbox.
const CANARY: &str = "/run/ar-doctor-canary-";
/// The most fields that get a canary of their own; a longer event shares the last one.
const CANARIES: usize = 999;
/// Size of the large message, in bytes: what execd and the pipe take with room to spare.
const LARGE: usize = 60 * 1024;
/// An address of the documentation range of IPv6, RFC 3849.
const IPV6: &str = "2001:db8::c0de";

/// What a step is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// The event itself.
    Add,
    /// The same event while its delete is pending.
    SameKey,
    /// The event with other targets.
    SecondTarget,
    /// The timeout is over.
    Delete,
    /// A delete for what was never added.
    DeleteWithoutAdd,
    /// A field is gone.
    MissingField,
    /// The addresses are of IPv6.
    Ipv6,
    /// Letters beyond ASCII in every free text.
    Unicode,
    /// About 60 KiB.
    Large,
    /// Backslashes and quotation marks in the logged text.
    Backslashes,
    /// Shell code in every field.
    Injection,
    /// No JSON.
    Malformed,
    /// Of a plan of another's making.
    Other,
}

impl Purpose {
    /// A script that keeps to its contract may refuse such an event.
    pub const fn is_hostile(self) -> bool {
        matches!(
            self,
            Self::DeleteWithoutAdd | Self::MissingField | Self::Ipv6 | Self::Injection | Self::Malformed
        )
    }

    /// When it is, as the end of a sentence.
    pub const fn when(self) -> &'static str {
        match self {
            Self::Add | Self::Other => "for this event",
            Self::SameKey => "when the same event comes again",
            Self::SecondTarget => "for a second target",
            Self::Delete => "at its delete",
            Self::DeleteWithoutAdd => "at a delete without an add",
            Self::MissingField => "when the event lacks a field",
            Self::Ipv6 => "for an IPv6 address",
            Self::Unicode => "when the event holds letters beyond ASCII",
            Self::Large => "when the event is large",
            Self::Backslashes => "when the event holds backslashes and quotation marks",
            Self::Injection => "when the event holds shell code",
            Self::Malformed => "when the message is no JSON",
        }
    }
}

/// What a step of this label is for.
pub fn purpose(label: &str) -> Purpose {
    const LABELS: [(&str, Purpose); 11] = [
        ("same key again", Purpose::SameKey),
        ("second target", Purpose::SecondTarget),
        ("delete without add", Purpose::DeleteWithoutAdd),
        ("missing field", Purpose::MissingField),
        ("IPv6 address", Purpose::Ipv6),
        ("unicode", Purpose::Unicode),
        ("60 KiB", Purpose::Large),
        ("backslashes", Purpose::Backslashes),
        ("injection", Purpose::Injection),
        ("malformed JSON", Purpose::Malformed),
        ("delete", Purpose::Delete),
    ];
    if label == "add" {
        return Purpose::Add;
    }
    LABELS.iter().find(|(start, _)| label.starts_with(start)).map_or(Purpose::Other, |(_, purpose)| *purpose)
}

/// The steps of the battery, and the canaries to watch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Battery {
    /// In this order.
    pub steps: Vec<Step>,
    /// For [`super::Plan::canaries`].
    pub canaries: Vec<PathBuf>,
}

/// The battery for a message that arrives at execd's socket. `required` are the paths of fields
/// the script cannot do without; when there are none, the target's own is taken.
pub fn plan(target: &Target, message: &[u8], contract: Contract, required: &[String]) -> Battery {
    let mut battery = Battery::default();
    let mut step = |label: &str, deed: Deed, message: Vec<u8>, fresh: bool| {
        battery.steps.push(Step { label: label.to_owned(), deed, message, fresh, table_of: None });
    };
    step("add", Deed::Add, message.to_vec(), true);
    step("same key again", Deed::Add, message.to_vec(), false);
    let event = serde_json::from_slice::<Value>(message).ok().filter(Value::is_object);
    if contract == Contract::Args {
        return of_words(target, message, battery);
    }
    let Some(event) = event else {
        if target.timeout != 0 {
            step("delete", Deed::Delete, Vec::new(), false);
        }
        return battery;
    };
    let second = payload::other_target(message, contract);
    if second != message {
        step("second target", Deed::Add, second.clone(), false);
    }
    if target.timeout != 0 {
        step("delete", Deed::Delete, Vec::new(), false);
        step("delete without add", Deed::Delete, second, true);
    }
    let own = own_field(&event, contract).map(str::to_owned);
    let missing: Vec<&String> =
        if required.is_empty() { own.iter().collect() } else { required.iter().collect() };
    for path in missing.into_iter().take(6) {
        let without = payload::without(message, path);
        if without != message {
            step(&format!("missing field {path}"), Deed::Add, without, true);
        }
    }
    let six = payload::fill_strings(message, contract, |path, text| {
        let own = path.contains(".agent.") || path.contains(".manager.") || path.starts_with("wazuh.");
        if is_address(text) && !own { IPV6.to_owned() } else { text.to_owned() }
    });
    if six != message {
        step("IPv6 address", Deed::Add, six, true);
    }
    let mut logged = |label: &str, text: String| {
        if let Ok(changed) = payload::with(message, log_field(contract), &Value::String(text)) {
            step(label, Deed::Add, changed, true);
        }
    };
    logged("unicode", "Zürich 北京 עברית \u{1f525} e\u{301} \u{2028} ½".to_owned());
    // Measured as JSON, so that nothing of it is escaped.
    let padding = LARGE.saturating_sub(message.len() + 64);
    if padding > 0 {
        logged("60 KiB alert", "large log ".repeat(padding / 10));
    }
    logged(
        "backslashes and quotes",
        r#"C:\new\table "quoted" \"twice\" \\server\share \u0041 'single' end\"#.to_owned(),
    );
    let mut canaries = 0;
    for (name, code, deep) in INJECTIONS {
        for keep in if deep { &[true, false][..] } else { &[true] } {
            let keep = *keep;
            // Addresses stay what they are, so that a script that looks at them goes on; then they do not.
            let (poisoned, used) = poison(message, contract, code, keep);
            canaries = canaries.max(used);
            let which = if keep { "" } else { ADDRESSES };
            step(&format!("injection {name}{which}"), Deed::Add, poisoned, true);
        }
    }
    let mut cut = message.to_vec();
    cut.truncate(message.len().saturating_sub(message.len() / 4 + 2));
    step("malformed JSON", Deed::Add, cut, true);
    battery.canaries = (0..canaries).map(|number| PathBuf::from(canary(number))).collect();
    battery
}

/// The battery for a line of 4.1: what is changed is changed in the event analysisd would make
/// the line of.
fn of_words(target: &Target, message: &[u8], mut battery: Battery) -> Battery {
    let event = event_of(message);
    // Both spellings of one line: what the event leaves out is in neither.
    let plain = execd::args_message(&event);
    let mut step = |label: &str, deed: Deed, event: Vec<u8>, fresh: bool| {
        let line = execd::args_message(&event).filter(|line| Some(line) != plain.as_ref());
        if let Some(message) = line {
            battery.steps.push(Step { label: label.to_owned(), deed, message, fresh, table_of: None });
        }
    };
    let second = payload::other_target(&event, Contract::Json4);
    step("second target", Deed::Add, second.clone(), false);
    if target.timeout != 0 {
        step("delete without add", Deed::Delete, second, true);
    }
    for path in ["parameters.alert.data.srcip", "parameters.alert.data.dstuser"] {
        step(&format!("missing field {path}"), Deed::Add, payload::without(&event, path), true);
    }
    let six = payload::fill_strings(&event, Contract::Json4, |_, text| {
        if is_address(text) { IPV6.to_owned() } else { text.to_owned() }
    });
    step("IPv6 address", Deed::Add, six, true);
    let mut canaries = 0;
    for (name, code, deep) in INJECTIONS {
        // execd splits at blanks, and whoever writes the text knows it.
        let code = code.replace(' ', "${IFS}");
        for keep in if deep { &[true, false][..] } else { &[true] } {
            let keep = *keep;
            let (poisoned, used) = poison(&event, Contract::Json4, &code, keep);
            canaries = canaries.max(used);
            let which = if keep { "" } else { ADDRESSES };
            step(&format!("injection {name}{which}"), Deed::Add, poisoned, true);
        }
    }
    if target.timeout != 0 {
        // Before the first execd that knows of no add.
        let at = battery.steps.iter().skip(1).position(|step| step.fresh).map(|at| at + 1);
        let delete = Step {
            label: "delete".to_owned(),
            deed: Deed::Delete,
            message: Vec::new(),
            fresh: false,
            table_of: None,
        };
        battery.steps.insert(at.unwrap_or(battery.steps.len()), delete);
    }
    battery.canaries = (0..canaries).map(|number| PathBuf::from(canary(number))).collect();
    battery
}

/// The message of 4.x that a line of 4.1 tells: name, account, address, number of the event and of
/// the rule, place, file, arguments. Only the place may hold blanks.
fn event_of(line: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(line);
    let words: Vec<&str> = text.split(' ').collect();
    let word = |at: usize| words.get(at).copied().filter(|word| !matches!(*word, "" | "-"));
    let text = |at: usize| word(at).map(Value::from);
    let end = words.len().saturating_sub(2).max(5);
    let place = words.get(5..end).map(|words| words.join(" ")).filter(|place| !place.is_empty());
    let plain = |at: usize| word(at).map(|word| word.replace('\\', ""));
    let mut data = serde_json::Map::new();
    data.extend(text(2).map(|address| ("srcip".to_owned(), address)));
    data.extend(text(1).map(|user| ("dstuser".to_owned(), user)));
    let mut alert = serde_json::Map::new();
    // Numbers: nobody outside chooses them, so no code belongs there.
    let number = |at: usize| word(at).and_then(|word| serde_json::from_str::<serde_json::Number>(word).ok());
    alert.extend(number(3).map(|id| ("id".to_owned(), Value::Number(id))));
    alert.extend(number(4).map(|id| ("rule".to_owned(), serde_json::json!({ "id": id }))));
    alert.extend(place.map(|place| ("location".to_owned(), Value::from(place))));
    alert.extend(plain(end).map(|path| ("syscheck".to_owned(), serde_json::json!({ "path": path }))));
    alert.insert("data".to_owned(), Value::Object(data));
    let extra: Vec<String> = plain(end + 1).into_iter().collect();
    serde_json::json!({
        "command": word(0).unwrap_or_default(),
        "parameters": { "extra_args": extra, "alert": alert },
    })
    .to_string()
    .into_bytes()
}

/// The end of the label of a step in which code is in the place of addresses, too.
pub(super) const ADDRESSES: &str = ", addresses too";

/// Ways out of a command line, and out of texts of other languages; whether addresses are replaced
/// by them as well. `CANARY` is the file. It is written by a redirection within one word, so that no
/// program that gets the text as a plain argument makes it.
const INJECTIONS: [(&str, &str, bool); 10] = [
    (
        "; | && & $( ) and backticks",
        "x$(echo x>CANARY)`echo x>CANARY`;echo x>CANARY;x|echo x>CANARY|x&&echo x>CANARY&x||echo x>CANARY #",
        true,
    ),
    ("out of single quotes", "x';echo x>CANARY;'", true),
    ("out of double quotes", "x\";echo x>CANARY;\"", true),
    ("line feed", "x\necho x>CANARY\n", true),
    // [[ $X -eq 5 ]] evaluates a subscript.
    ("arithmetic", "a[$(echo x>CANARY)]", false),
    ("eval", "__import__('os').system('echo x>CANARY')", true),
    ("python, single quotes", "x'+str(__import__(\"os\").system(\"echo x>CANARY\"))+'x", false),
    ("python, double quotes", "x\"+str(__import__('os').system('echo x>CANARY'))+\"x", false),
    // Of awk, perl and ruby.
    ("system, double quotes", "x\";system(\"echo x>CANARY\");\"x", false),
    // In q() the first line counts, in single quotes the last.
    ("perl, single quotes", "x);system(\"echo x>CANARY\");\n__END__\n';system(\"echo x>CANARY\");'x", false),
];

fn canary(number: usize) -> String {
    format!("{CANARY}{number:03}")
}

fn is_address(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok()
}

/// Where the logged text stands.
const fn log_field(contract: Contract) -> &'static str {
    match contract {
        Contract::Json5 => "event.original",
        _ => "parameters.alert.full_log",
    }
}

/// The field of the event that responses look at first.
fn own_field(event: &Value, contract: Contract) -> Option<&'static str> {
    const FOUR: [&str; 7] = [
        "parameters.alert.data.srcip",
        "parameters.alert.data.win.eventdata.ipAddress",
        "parameters.alert.data.dstuser",
        "parameters.alert.data.srcuser",
        "parameters.alert.syscheck.path",
        "parameters.alert.data.virustotal.source.file",
        "parameters.alert.data",
    ];
    const FIVE: [&str; 4] = ["source.ip", "user.name", "file.path", "destination.ip"];
    let fields: &[&'static str] = if contract == Contract::Json5 { &FIVE } else { &FOUR };
    fields.iter().copied().find(|path| event.pointer(&format!("/{}", path.replace('.', "/"))).is_some())
}

/// The event with code in every string, and how many canaries that takes: one for each
/// field, so that the field can be named. `keep` leaves addresses as they are.
fn poison(message: &[u8], contract: Contract, code: &str, keep: bool) -> (Vec<u8>, usize) {
    let mut used = 0_usize;
    let poisoned = payload::fill_strings(message, contract, |_, text| {
        if keep && is_address(text) {
            return text.to_owned();
        }
        let number = used.min(CANARIES);
        used += 1;
        code.replace("CANARY", &canary(number))
    });
    (poisoned, used.min(CANARIES + 1))
}

// ----------------------------------------------------------------------- rows

/// How a case ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RowVerdict {
    /// As it must.
    Pass,
    /// As it may, with a remark.
    Bent,
    /// Not as it must.
    Fail,
    /// It was not played.
    NotRun,
}

/// One case of the table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Label of the step.
    pub case: String,
    /// What must be seen.
    pub expected: String,
    /// What was seen.
    pub seen: String,
    /// Whether that is the same.
    pub verdict: RowVerdict,
}

/// The table: a row for each step of the plan, played or not.
pub fn rows(target: &Target, steps: &[Step], run: &Run, contract: Contract) -> Vec<Row> {
    let table = Table { target, run, contract };
    steps
        .iter()
        .map(|step| {
            let expected = table.expected(step).to_owned();
            let (verdict, seen) = match run.steps.iter().find(|played| played.label == step.label) {
                Some(played) => table.seen(purpose(&step.label), played),
                None => {
                    (RowVerdict::NotRun, "not played: an earlier step did not come to its end".to_owned())
                }
            };
            Row { case: step.label.clone(), expected, seen, verdict }
        })
        .collect()
}

struct Table<'a> {
    target: &'a Target,
    run: &'a Run,
    contract: Contract,
}

impl Table<'_> {
    fn stateful(&self) -> bool {
        self.target.timeout != 0 && self.contract != Contract::Args
    }

    fn expected(&self, step: &Step) -> &'static str {
        match purpose(&step.label) {
            Purpose::Add | Purpose::Other if self.stateful() => "reads one line, sends its keys, ends with 0",
            Purpose::Add | Purpose::Other => "reads one line, ends with 0",
            Purpose::SameKey if self.stateful() => "sends the same key, gets abort, changes nothing, ends",
            Purpose::SameKey if self.target.timeout != 0 => "is not started again: execd puts its delete off",
            Purpose::SameKey => "ends with 0; without a timeout nothing is remembered",
            Purpose::SecondTarget if self.stateful() => "sends another key, gets continue, ends with 0",
            Purpose::SecondTarget => "ends with 0",
            Purpose::Delete => "ends with 0, and what add did is taken back",
            Purpose::DeleteWithoutAdd => "ends",
            Purpose::MissingField => "ends, and sends no empty or constant key",
            Purpose::Ipv6 => "handles it, or refuses it and ends",
            Purpose::Unicode | Purpose::Large | Purpose::Backslashes => "as for the plain event",
            Purpose::Injection => "executes nothing of it, and ends",
            Purpose::Malformed => "execd refuses it; the script never sees it",
        }
    }

    /// The event itself, which the others are compared with.
    fn add(&self) -> Option<&StepRun> {
        self.run.steps.iter().find(|step| purpose(&step.label) == Purpose::Add)
    }

    fn add_succeeded(&self) -> bool {
        self.add().is_some_and(|add| add.ended == Ended::Exit(0))
    }

    fn seen(&self, purpose: Purpose, step: &StepRun) -> (RowVerdict, String) {
        use RowVerdict::{Bent, Fail, NotRun, Pass};
        if purpose == Purpose::Malformed {
            return match step.daemon_log.iter().find(|line| line.contains("1315")) {
                _ if !step.refused => (Fail, "execd started the script".to_owned()),
                Some(_) => (Pass, "refused: 1315 Invalid JSON message".to_owned()),
                None => (Pass, "refused".to_owned()),
            };
        }
        if step.refused || step.launch.is_none() {
            let why = step.daemon_log.last().map(|line| judge::piece(line.as_bytes()));
            let known = step.daemon_debug.iter().any(|line| line.contains("Command already received"));
            return match purpose {
                Purpose::SameKey if known && self.contract == Contract::Args => {
                    (Pass, "not started again: its delete is put off".to_owned())
                }
                // Nothing pending: there was no keys line, or no timeout.
                Purpose::Delete if self.stateful() => {
                    (Fail, "no delete was pending, so none came".to_owned())
                }
                Purpose::Delete | Purpose::DeleteWithoutAdd => {
                    (NotRun, "no delete is pending without a timeout".to_owned())
                }
                _ => (
                    Fail,
                    why.map_or_else(
                        || "execd started nothing".to_owned(),
                        |why| format!("execd started nothing: {why}"),
                    ),
                ),
            };
        }
        if !judge::started(step) {
            return (Fail, "did not start".to_owned());
        }
        if !step.canaries.is_empty() {
            return (Fail, "text of the event was executed".to_owned());
        }
        if step.ended == Ended::Stopped {
            return (NotRun, "stopped: it asked a service of the host".to_owned());
        }
        if judge::hangs(step) {
            let waits = step.stuck.as_ref().and_then(|stuck| stuck.released_by);
            return (
                Fail,
                match waits {
                    Some(super::Release::EndOfInput) => "hangs: reads its input to the end".to_owned(),
                    Some(super::Release::SecondLine) => {
                        "hangs: waits for an answer to keys that did not come".to_owned()
                    }
                    None => "hangs".to_owned(),
                },
            );
        }
        let (verdict, seen) = match purpose {
            Purpose::Add | Purpose::Other => self.plain(step, true),
            Purpose::SameKey => self.same_key(step),
            Purpose::SecondTarget => self.second(step),
            Purpose::Delete => self.delete(step),
            Purpose::DeleteWithoutAdd => {
                (if matches!(step.ended, Ended::Exit(_)) { Pass } else { Fail }, how(step))
            }
            Purpose::MissingField => self.missing(step),
            Purpose::Ipv6 => match self.plain(step, true) {
                (Pass, seen) if self.only_plain_acts(step) => {
                    (Bent, format!("changes nothing, unlike for the plain address: {seen}"))
                }
                (Pass, seen) => (Pass, seen),
                (_, seen) if matches!(step.ended, Ended::Exit(_)) && !self.bad_keys(step) => {
                    (Bent, format!("refused: {seen}"))
                }
                (_, seen) => (Fail, seen),
            },
            Purpose::Unicode | Purpose::Large | Purpose::Backslashes => self.like_add(step),
            Purpose::Injection => match step.ended {
                Ended::Exit(_) if judge::pipe_broke(step) => {
                    (Fail, "writes to standard output after the answer".to_owned())
                }
                Ended::Exit(_) if self.stateful() && self.noise(step) => {
                    (Bent, "nothing executed; its first line is no keys".to_owned())
                }
                Ended::Exit(_) => (Pass, "nothing executed".to_owned()),
                _ => (Fail, how(step)),
            },
            Purpose::Malformed => (NotRun, String::new()),
        };
        (verdict, seen)
    }

    /// The add changed something and this step did not, though it was not told to leave it.
    fn only_plain_acts(&self, step: &StepRun) -> bool {
        let acts = |step: &StepRun| {
            step.effects.iter().any(|effect| !judge::is_log(effect))
                || step.attempts.iter().any(|attempt| attempt.kind != AttemptKind::Lookup)
        };
        step.answer != Some(Answer::Abort) && !acts(step) && self.add().is_some_and(acts)
    }

    fn noise(&self, step: &StepRun) -> bool {
        step.first_line.is_some() && step.keys.is_none()
    }

    /// A line came, so execd registers it, and the key names no target.
    fn bad_keys(&self, step: &StepRun) -> bool {
        self.stateful()
            && step.first_line.is_some()
            && judge::usable(step.keys.as_deref().unwrap_or_default()).is_empty()
    }

    /// What every event must show.
    fn plain(&self, step: &StepRun, status: bool) -> (RowVerdict, String) {
        use RowVerdict::{Fail, Pass};
        if judge::pipe_broke(step) {
            return (Fail, format!("writes to standard output after the answer, {}", how(step)));
        }
        if self.contract != Contract::Args && step.bytes_read == 0 && step.deed == Some(Deed::Add) {
            return (Fail, format!("never read its line, {}", how(step)));
        }
        if status && step.ended != Ended::Exit(0) {
            return (Fail, how(step));
        }
        let keys = judge::usable(step.keys.as_deref().unwrap_or_default()).join(", ");
        if !self.stateful() {
            return (Pass, how(step));
        }
        if step.first_line.is_none() {
            return (Fail, format!("sent no keys, {}", how(step)));
        }
        if step.keys.is_none() {
            return (Fail, "its first line is no keys".to_owned());
        }
        if keys.is_empty() {
            return (Fail, "its keys are empty".to_owned());
        }
        (Pass, format!("key {}, {}, {}", judge::piece(keys.as_bytes()), answer(step), how(step)))
    }

    fn same_key(&self, step: &StepRun) -> (RowVerdict, String) {
        use RowVerdict::{Bent, Fail, Pass};
        if !self.stateful() {
            return match self.plain(step, true) {
                // It was done already, and it says so.
                (Fail, seen)
                    if matches!(step.ended, Ended::Exit(status) if status != 0) && self.add_succeeded() =>
                {
                    (Bent, seen)
                }
                other => other,
            };
        }
        match self.plain(step, false) {
            (Pass, _) if step.answer == Some(Answer::Abort) => {
                let acted = step.effects.iter().filter(|effect| !judge::is_log(effect)).count();
                match step.ended {
                    _ if acted > 0 => (Fail, "got abort, and acted all the same".to_owned()),
                    Ended::Exit(0) => (Pass, format!("abort, {}", how(step))),
                    Ended::Exit(_) => (Bent, format!("abort, {}", how(step))),
                    _ => (Fail, format!("abort, {}", how(step))),
                }
            }
            (Pass, seen) => (Fail, format!("got no abort: the keys of one event differ ({seen})")),
            other => other,
        }
    }

    fn second(&self, step: &StepRun) -> (RowVerdict, String) {
        use RowVerdict::{Bent, Fail, Pass};
        let (verdict, seen) = self.plain(step, true);
        if verdict == Pass && self.stateful() && step.answer == Some(Answer::Abort) {
            return (Fail, format!("got abort: the same key as the first target ({seen})"));
        }
        if self.stateful() && step.answer == Some(Answer::Abort) {
            return (Fail, format!("got abort: {seen}"));
        }
        // An account or a file that this host need not have.
        if verdict == Fail
            && matches!(step.ended, Ended::Exit(status) if status != 0)
            && self.add_succeeded()
            && !judge::acts_on_address(step)
            && self.plain(step, false).0 == Pass
        {
            return (Bent, seen);
        }
        (verdict, seen)
    }

    fn delete(&self, step: &StepRun) -> (RowVerdict, String) {
        use RowVerdict::{Bent, Fail, Pass};
        if !matches!(step.ended, Ended::Exit(_)) {
            return (Fail, how(step));
        }
        let effects =
            || self.add().into_iter().flat_map(|add| &add.effects).filter(|effect| !judge::is_log(effect));
        let keys =
            self.add().map(|add| judge::usable(add.keys.as_deref().unwrap_or_default())).unwrap_or_default();
        if let Some(left) = effects().find(|effect| judge::stays(effect, &keys).is_some()) {
            return (Fail, format!("{} is not taken back", judge::piece(left.what.as_bytes())));
        }
        let back = effects().filter(|effect| effect.taken_back == Some(true)).count();
        let seen = if back > 0 { format!("took back {back}, {}", how(step)) } else { how(step) };
        (if step.ended == Ended::Exit(0) { Pass } else { Bent }, seen)
    }

    fn missing(&self, step: &StepRun) -> (RowVerdict, String) {
        use RowVerdict::{Fail, Pass};
        if self.bad_keys(step) {
            let what = if self.noise(step) { "its first line is no keys" } else { "its keys are empty" };
            return (Fail, format!("{what}, so every other target is aborted"));
        }
        if judge::pipe_broke(step) {
            return (Fail, "writes to standard output after the answer".to_owned());
        }
        match step.ended {
            Ended::Exit(_) => (Pass, how(step)),
            _ => (Fail, how(step)),
        }
    }

    /// What a longer or stranger text must not change.
    fn like_add(&self, step: &StepRun) -> (RowVerdict, String) {
        use RowVerdict::{Fail, Pass};
        let (verdict, seen) = self.plain(step, true);
        let Some(add) = self.add() else { return (verdict, seen) };
        if verdict != Pass {
            let again = self.add_succeeded() && !judge::can_be_repeated(self.run, self.stateful());
            let status = matches!(step.ended, Ended::Exit(status) if status != 0);
            return (if again && status { RowVerdict::Bent } else { Fail }, seen);
        }
        let keys = |step: &StepRun| step.keys.clone().unwrap_or_default();
        if self.stateful() && keys(step) != keys(add) {
            return (Fail, format!("another key than for the plain event ({seen})"));
        }
        (Pass, seen)
    }
}

fn answer(step: &StepRun) -> &'static str {
    match step.answer {
        Some(Answer::Continue) => "continue",
        Some(Answer::Abort) => "abort",
        None => "no answer",
    }
}

fn how(step: &StepRun) -> String {
    match step.ended {
        Ended::Exit(status) => format!("exit status {status}"),
        other => format!("ended {}", judge::how(other)),
    }
}

#[cfg(test)]
#[path = "battery/tests.rs"]
mod tests;
