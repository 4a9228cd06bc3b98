//! A capture answers as the host did, holds no secret, and is refused when it is hostile.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use ar_doctor::capture::{self, Form, Recorder, Summary, Wanted};
use ar_doctor::facts::{Facts, install};
use ar_doctor::host::{Host, Sums, open_source};
use ar_doctor::redact::{Pair, Redactor};
use ar_doctor::report::{Report, json, show};
use support::cases::{Case, cases};

fn options(target: &Path) -> capture::Options<'_> {
    let is_archive = target.extension().is_some_and(|extension| extension == "gz");
    capture::Options {
        target,
        form: if is_archive { Form::Archive } else { Form::Directory },
        max_size: 64 << 20,
        label: "captured".to_owned(),
        home: None,
        since: None,
        made_by: "the tests",
        made_at: 1_795_262_400,
        stop: Arc::new(AtomicBool::new(false)),
    }
}

/// Captures a host, as the command does.
fn capture(host: &dyn Host, target: &Path) -> Summary {
    write(host, &Redactor::new(), &options(target)).unwrap_or_else(|error| panic!("{error}"))
}

/// What the commands say of a host, but for what names the source.
fn said(host: &dyn Host) -> String {
    let redactor = Redactor::new();
    let install = install::find(host, None).unwrap_or_else(|error| panic!("{error}"));
    let facts = Facts::new(host, &redactor, install);
    let diagnosis = ar_doctor::engine::run(&facts, &ar_doctor::engine::Options::default());
    let report =
        Report { facts: &facts, diagnosis: &diagnosis, redactor: &redactor, response: None, timings: None };
    let mut said = json::to_text(&json::check(&report)).expect("JSON");
    if let Some(view) = show::View::new(&facts, &redactor) {
        said.push_str(&json::to_text(&view.document()).expect("JSON"));
    }
    let is_about = |line: &&str| {
        let line = line.trim_start();
        let sources = ["\"source\": \"tree\",", "\"source\": \"capture\",", "\"source\": \"live\","];
        // Of a file that is no text a capture holds no bytes but those that say so.
        let is_binary = line.starts_with("\"text\": ") && line.contains("\\u0000");
        !line.starts_with("\"label\": ") && !sources.contains(&line) && !is_binary
    };
    said.lines().filter(is_about).collect::<Vec<_>>().join("\n")
}

/// Why a capture says something else than its host; none when it does not.
fn round_trip(name: &str, host: &dyn Host, form: &str) -> Option<String> {
    let directory = tempfile::tempdir().expect("a directory");
    let target = directory.path().join(form);
    capture(host, &target);
    let captured = open_source(&target).unwrap_or_else(|error| panic!("{name}: {error}"));
    let difference = support::difference(&said(host), &said(&*captured))?;
    Some(format!("{name}:\n{difference}"))
}

#[test]
fn every_base_host_says_the_same_captured() {
    let mut wrong = Vec::new();
    for name in support::BASES {
        let host = support::base(name);
        wrong.extend(round_trip(name, &host, "x.tar.gz"));
        wrong.extend(round_trip(name, &host, "x"));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// Rows of the grid, each captured with and without pseudonyms.
fn rows_say_the_same_captured(rows: &[&Case]) {
    let next = AtomicUsize::new(0);
    let wrong = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from).min(4) {
            scope.spawn(|| {
                while let Some(case) = rows.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let mut host = support::base(case.base);
                    case.apply(&mut host).unwrap_or_else(|error| panic!("{}: {error}", case.name()));
                    if install::find(&host, None).is_ok() {
                        let plain = round_trip(&case.name(), &host, "x.tar.gz");
                        let hidden = hidden_round_trip(&case.name(), &host).err();
                        wrong.lock().expect("no panic").extend(plain.into_iter().chain(hidden));
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().expect("no panic");
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), rows.len(), wrong.join("\n\n"));
}

/// One row of five, not always the same one, so that rows that are alike in pairs all have their turn.
#[test]
fn every_fifth_row_of_the_grid_says_the_same_captured() {
    let is_chosen = |row: &usize| row % 5 == row / 5 % 5;
    let rows: Vec<&Case> =
        cases().enumerate().filter(|(row, _)| is_chosen(row)).map(|(_, case)| case).collect();
    rows_say_the_same_captured(&rows);
}

/// `cargo test --test capture -- --ignored every_row`
#[test]
#[ignore = "takes minutes"]
fn every_row_of_the_grid_says_the_same_captured() {
    rows_say_the_same_captured(&cases().collect::<Vec<_>>());
}

/// A base host on a real disk, with real owners and modes.
fn built(base: &str, root: &Path) -> ar_doctor::host::tree::TreeHost {
    let host = support::base(base);
    host.materialise(root).unwrap_or_else(|error| panic!("{base}: {error}"));
    ar_doctor::host::tree::TreeHost::open(root).unwrap_or_else(|error| panic!("{base}: {error}"))
}

#[test]
fn a_home_built_for_real_says_the_same_captured() {
    let mut wrong = Vec::new();
    for base in support::BASES {
        let scratch = support::Scratch::new();
        let host = built(base, &scratch.path().join("root"));
        wrong.extend(round_trip(base, &host, "x.tar.gz"));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// Ids and order of what is found, with the verdicts: what pseudonyms must not change.
fn found(host: &dyn Host) -> String {
    let outcome = support::diagnose(host);
    let lines = outcome.diagnosis.findings().map(|finding| format!("{} {}", finding.check, finding.severity));
    let verdicts = outcome.diagnosis.responses.iter().map(|response| format!("{:?}", response.verdict));
    lines.chain(verdicts).collect::<Vec<_>>().join("\n")
}

/// Captures a host with pseudonyms and opens that; an error when it says something else.
fn hidden_round_trip(name: &str, host: &dyn Host) -> Result<(Box<dyn Host>, Redactor), String> {
    let directory = tempfile::tempdir().expect("a directory");
    let target = directory.path().join("x.tar.gz");
    let redactor = Redactor::new();
    redactor.redact_identities([7; 32]);
    write(host, &redactor, &options(&target)).unwrap_or_else(|error| panic!("{name}: {error}"));
    let captured = open_source(&target).unwrap_or_else(|error| panic!("{name}: {error}"));
    match support::difference(&found(host), &found(&*captured)) {
        Some(difference) => Err(format!("{name}, identities hidden:\n{difference}")),
        None => Ok((captured, redactor)),
    }
}

#[test]
fn identities_are_hidden_and_the_diagnosis_stays() {
    for base in support::BASES {
        let host = support::base(base);
        let (captured, redactor) =
            hidden_round_trip(base, &host).unwrap_or_else(|difference| panic!("{difference}"));
        assert!(!redactor.map().is_empty(), "{base}");
        let machine = captured.machine();
        let hostname = &machine.get().expect("a machine").hostname;
        assert_ne!(Some(hostname), host.machine().get().map(|machine| &machine.hostname), "{base}");
    }
}

#[test]
fn patterns_that_match_other_pseudonyms_are_named() {
    let mut host = support::base("manager-4.14-debian");
    let conf = "/var/ossec/etc/ossec.conf";
    let text = host.read(conf.as_ref(), 1 << 20).get().expect("a configuration").bytes.clone();
    let text = String::from_utf8(text).expect("text");
    let (before, behind) = text.split_once("<white_list>").expect("a white list");
    let line = before.lines().count();
    host.write(conf, format!("{before}<white_list>.34$</white_list><white_list>{behind}"))
        .expect("it is there");
    for (hidden, places) in [(false, vec![]), (true, vec![format!("{conf}:{line}")])] {
        let directory = tempfile::tempdir().expect("a directory");
        let target = directory.path().join("x");
        let redactor = Redactor::new();
        if hidden {
            redactor.redact_identities([7; 32]);
        }
        let summary = write(&host, &redactor, &options(&target)).unwrap_or_else(|error| panic!("{error}"));
        let named: Vec<&str> = summary
            .notes
            .iter()
            .filter_map(|note| note.split_once(": a piece"))
            .map(|(place, _)| place)
            .collect();
        assert_eq!(named, places);
        let ledger = std::fs::read_to_string(target.join("ledger.json")).expect("a ledger");
        assert!(places.iter().all(|place| ledger.contains(place)), "{ledger}");
    }
}

/// Entries of a capture that is a directory, with their names, but for lists of packages.
fn entries(top: &Path) -> Vec<(String, String)> {
    let files =
        walkdir::WalkDir::new(top).sort_by_file_name().into_iter().map(|entry| entry.expect("an entry"));
    let files = files.filter(|entry| entry.file_type().is_file());
    let text = |entry: walkdir::DirEntry| {
        let name = entry.path().strip_prefix(top).expect("below it").to_string_lossy().into_owned();
        (name, String::from_utf8_lossy(&std::fs::read(entry.path()).expect("it is read")).into_owned())
    };
    files.map(text).filter(|(name, _)| !name.contains("/lib/dpkg/")).collect()
}

/// Appends to the configuration of Wazuh.
fn configure(host: &mut ar_doctor::host::capture::CaptureHost, text: &str) {
    append(host, "/var/ossec/etc/ossec.conf", text);
}

/// What stands under excerpts, and the lines of them.
fn marked(ticket: &str) -> Vec<String> {
    let lines: Vec<&str> = ticket.lines().collect();
    let is_mark = |pair: &&[&str]| pair[1].trim_start().starts_with('|') && pair[1].contains('^');
    lines.windows(2).filter(is_mark).map(|pair| pair.join("\n")).collect()
}

/// Lines of a configuration stand in every form of a report, and names and addresses stand in them.
#[test]
fn no_document_shows_a_name_or_an_address_that_is_hidden() {
    let mut host = support::base("manager-4.14-debian");
    configure(
        &mut host,
        "<ossec_config>\n<global><!-- 198.51.100.61 --><white_list>203.0.113.77/99</white_list></global>\n\
         <command><name>netsh</name><!-- siem-01 198.51.100.9 --> <bogus>web-01 198.51.100.7</bogus></command>\n\
         <active-response><command>of-siem-01</command><location>server</location><level>3</level>\
         </active-response></ossec_config>\n",
    );
    let directory = tempfile::tempdir().expect("a directory");
    let target = directory.path().join("x");
    let redactor = Redactor::new();
    redactor.redact_identities([7; 32]);
    write(&host, &redactor, &options(&target)).unwrap_or_else(|error| panic!("{error}"));
    let entries = entries(&target);
    let of =
        |name: &str| entries.iter().find(|(entry, _)| entry == name).map(|(_, text)| text.as_str()).unwrap();
    // The lines are shown, and marked as they are marked on the capture itself.
    let marks = marked(of("ticket.md"));
    for words in ["<white_list>", "<bogus>"] {
        assert!(marks.iter().any(|line| line.contains(words)), "{words}: {marks:#?}");
    }
    let captured = open_source(&target).expect("a capture");
    let (found, again) = (Redactor::new(), install::find(&*captured, None).unwrap());
    let facts = Facts::new(&*captured, &found, again);
    let diagnosis = ar_doctor::engine::run(&facts, &ar_doctor::engine::Options::default());
    let report =
        Report { facts: &facts, diagnosis: &diagnosis, redactor: &found, response: None, timings: None };
    assert_eq!(marked(&ar_doctor::report::ticket::write(&report)), marks);
    let excerpts = |text: &str| -> Vec<String> {
        let is_excerpt =
            |line: &&str| ["\"text\":", "\"start\":", "\"end\":"].iter().any(|key| line.contains(key));
        text.lines().filter(is_excerpt).map(str::to_owned).collect()
    };
    let again = json::to_text(&json::check(&report)).expect("JSON");
    assert_eq!(
        support::difference(&excerpts(of("report.json")).join("\n"), &excerpts(&again).join("\n")),
        None
    );

    let pairs = redactor.map();
    for original in ["siem-01", "web-01", "203.0.113.77", "198.51.100.9", "198.51.100.7"] {
        assert!(pairs.iter().any(|pair| pair.original == original), "{original}: {pairs:?}");
    }
    let mut shown = Vec::new();
    // An example of the catalogue is nobody's.
    let is_hidden = |pair: &&Pair| pair.original != pair.pseudonym && pair.original != "192.0.2.0";
    for pair in pairs.iter().filter(is_hidden) {
        let name = format!(r"(?i)(?:^|[^\w.:-]){}(?:$|[^\w:.-]|\.(?:$|\W))", regex::escape(&pair.original));
        let name = regex::Regex::new(&name).unwrap();
        for (entry, text) in &entries {
            let line = text.lines().find(|line| name.is_match(line));
            shown.extend(line.map(|line| format!("{entry} shows {}: {line}", pair.original)));
        }
    }
    assert!(shown.is_empty(), "{}", shown.join("\n"));
}

/// Appends to a file of a host.
fn append(host: &mut ar_doctor::host::capture::CaptureHost, path: &str, text: &str) {
    let path = Path::new(path);
    let held = host.read(path, 1 << 24).get().map(|content| content.bytes.clone()).unwrap_or_default();
    host.write(path, [held.as_slice(), text.as_bytes()].concat()).unwrap();
}

/// Words that captures and diagnoses are made of.
const WORDS: [&str; 18] = [
    "processes",
    "permitted",
    "unix_sockets",
    "sha256",
    "format",
    "effective",
    "2026-11-20",
    "2026-11-20T14:06:00Z",
    "ar-doctor",
    "wazuh-execd",
    "wazuh-exec",
    "analysisd",
    "var/ossec",
    "firewall-drop",
    "firewall-drop600",
    "firewall-drop600x1y2z3a4b5c6d7",
    "executable-missing",
    "000001ffffffffff",
];

/// The name that somebody logs in with stands in logs.
#[test]
fn a_word_that_a_stranger_calls_a_password_is_hidden_there_alone() {
    for (base, log, host_name) in [
        ("manager-4.14-debian", "/var/ossec/logs/ossec.log", "siem-01"),
        ("agent-4.14-debian", "/var/ossec/logs/active-responses.log", "web-01"),
    ] {
        let mut host = support::base(base);
        let names = WORDS.iter().flat_map(|word| [format!("password={word}"), format!("token={word}")]);
        let lines = names.map(|name| {
            format!(
                "2026/11/20 14:06:00 {host_name}: WARNING: Invalid user {name} from 203.0.113.66 port 42\n"
            )
        });
        append(&mut host, log, &lines.collect::<String>());
        assert_eq!(round_trip(base, &host, "x"), None);
        hidden_round_trip(base, &host).unwrap_or_else(|difference| panic!("{difference}"));
        let directory = tempfile::tempdir().expect("a directory");
        let target = directory.path().join("x");
        capture(&host, &target);
        let held = entries(&target);
        let of =
            |name: &str| held.iter().find(|(entry, _)| entry.ends_with(name)).map(|(_, text)| text).unwrap();
        assert!(of(log).contains("Invalid user password=********* from"), "{}", of(log));
        assert!(!of(log).contains("password=processes"), "{}", of(log));
        assert!(!of("host.json").contains("***"), "{}", of("host.json"));
    }
}

/// A guessable password of this host's own is hidden in its place, and takes no word out of the rest.
#[test]
fn a_password_that_is_a_word_of_every_capture_forbids_none() {
    for word in WORDS {
        let mut host = support::base("manager-4.14-debian");
        configure(
            &mut host,
            &format!("<ossec_config><wodle><password>{word}</password></wodle></ossec_config>\n"),
        );
        assert_eq!(round_trip(word, &host, "x"), None);
    }
}

/// What is strong and told by a log is hidden wherever it stands.
#[test]
fn a_secret_that_a_log_tells_is_hidden_elsewhere_too() {
    let mut host = support::base("agent-4.14-debian");
    const SECRET: &str = "Zx81kQpL0vTnE4sWbR7u";
    append(&mut host, "/var/ossec/logs/ossec.log", &format!("2026/11/20 14:06:00 x: INFO: token={SECRET}\n"));
    append(
        &mut host,
        "/var/ossec/logs/active-responses.log",
        &format!("2026/11/20 14:06:01 x: said {SECRET} once\n"),
    );
    let directory = tempfile::tempdir().expect("a directory");
    let target = directory.path().join("x");
    capture(&host, &target);
    for (name, text) in entries(&target) {
        assert!(!text.contains(SECRET), "{name}");
    }
}

/// `manage_agents -e` prints a line of `client.keys` in base64, and sudo logs what `-i` was given.
#[test]
fn an_agents_line_in_base64_is_hidden() {
    use base64::Engine as _;
    let mut host = support::base("manager-4.14-debian");
    let key = "8d2f6b1c9e4a7053f1b8c2d6e9a4075183bc6d2f4e1a9c7058d3b6f2e4a1c907";
    let path = "/var/ossec/logs/ossec.log";
    append(
        &mut host,
        "/var/ossec/etc/client.keys",
        &format!("097 db-7 any {key}\n098 db-78 10.0.0.7 {key}\n"),
    );
    for (agent, before) in
        [("097 db-7 any", ""), ("098 db-78 10.0.0.7", ""), ("097 db-7 any", "x"), ("097 db-7 any", "yz")]
    {
        let code = base64::engine::general_purpose::STANDARD.encode(format!("{before}{agent} {key}"));
        append(
            &mut host,
            path,
            &format!("2026/11/20 14:06:00 sudo: INFO: COMMAND=manage_agents -i {code}.\n"),
        );
    }
    let directory = tempfile::tempdir().expect("a directory");
    let target = directory.path().join("x");
    capture(&host, &target);
    let held = entries(&target);
    let (_, log) = held.iter().find(|(name, _)| name.ends_with(path)).unwrap();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("manage_agents -i ")).collect();
    assert_eq!(lines.len(), 4);
    for line in lines {
        let (_, code) = line.split_once("-i ").unwrap();
        assert!(code.bytes().all(|byte| byte == b'*' || byte == b'.'), "{line}");
    }
}

/// Memory is bounded, however many secrets logs tell of.
#[test]
fn logs_that_tell_of_very_many_secrets_cost_little_memory() {
    let scratch = support::Scratch::new();
    let (root, target) = (scratch.path().join("root"), scratch.path().join("x"));
    let host = support::base("agent-4.14-debian");
    host.materialise(&root).unwrap();
    let peak = |target: &Path| {
        let script = "\"$1\" capture --from \"$2\" -o \"$3\" >/dev/null & pid=$!; peak=0; \
            while now=$(grep VmHWM /proc/$pid/status 2>/dev/null); do peak=$now; sleep 0.02; done; wait $pid && echo $peak";
        let output = std::process::Command::new("bash")
            .args(["-c", script, "sh", env!("CARGO_BIN_EXE_ar-doctor")])
            .args([&root, target])
            .output()
            .expect("bash runs");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let kib = said.split_whitespace().find_map(|word| word.parse::<u64>().ok());
        kib.unwrap_or_else(|| panic!("{said} {}", String::from_utf8_lossy(&output.stderr)))
    };
    let before = peak(&scratch.path().join("before"));
    let log = root.join("var/ossec/logs/active-responses.log");
    let mut file = std::io::BufWriter::new(std::fs::OpenOptions::new().append(true).open(log).unwrap());
    for number in 0..200_000_u64 {
        let token = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        std::io::Write::write_fmt(&mut file, format_args!("2026/11/20 14:06:00 x: token=a1{token:016x}\n"))
            .unwrap();
    }
    drop(file);
    let after = peak(&target);
    assert!(after < before + (24 << 10), "{before} KiB become {after}");
    let held = entries(&target);
    let of = |name: &str| held.iter().find(|(entry, _)| entry.ends_with(name)).map(|(_, text)| text).unwrap();
    assert!(!of("active-responses.log").contains("token=a1"));
    assert!(of("ledger.json").contains("more secrets than are remembered"), "{}", of("ledger.json"));
}

/// What the command says of a host, with its status.
fn run(host: &Path, arguments: &[&str], directory: &Path) -> (Option<i32>, String) {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_ar-doctor"))
        .args(["capture", "--from"])
        .arg(host)
        .args(arguments)
        .current_dir(directory)
        .output()
        .expect("the binary runs");
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn a_packed_log_that_does_not_fit_is_named() {
    let mut host = support::base("agent-4.14-debian");
    let line = "Nov 21 10:00:00 web-01 kernel: audit: type=1400 audit(1795255200.000:1): nothing\n";
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut packer, line.repeat(40_000).as_bytes()).unwrap();
    let packed = packer.finish().unwrap();
    assert!(packed.len() < 1 << 20);
    let path = "/var/ossec/logs/active-responses.log.1.gz";
    host.write(Path::new(path), packed).unwrap();
    let directory = tempfile::tempdir().expect("a directory");
    let target = directory.path().join("x");
    let recorder = Recorder::new(&host);
    // Whatever reads it: it is read as a whole.
    let source = host.open(Path::new(path));
    assert!(source.get().is_some());
    let read = recorder.open(Path::new(path));
    let mut buffer = vec![0; 1 << 20];
    read.get().unwrap().read_at(&mut buffer, 0).unwrap();
    let redactor = Redactor::new();
    let documents = || Ok(capture::Documents::default());
    let options = capture::Options { max_size: 1 << 20, ..options(&target) };
    let summary = capture::write(&recorder, &redactor, &documents, &options).unwrap();
    let left = summary.left_out.iter().find(|left| left.path == path).expect("it is named");
    assert!(left.why.contains("--max-size (1 MiB)"), "{left:?}");
    let held = std::fs::read(target.join("files").join(path.trim_start_matches('/'))).unwrap();
    let mut unpacked = Vec::new();
    let _ = std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(held.as_slice()), &mut unpacked);
    assert!(unpacked.len() <= 1 << 20 && unpacked.len() > 900 << 10, "{}", unpacked.len());
    assert!(unpacked.ends_with(line.as_bytes()));
}

#[test]
fn a_map_that_cannot_be_written_makes_no_capture() {
    let host = support::base_path("agent-4.14-debian");
    let directory = tempfile::tempdir().expect("a directory");
    let left = || std::fs::read_dir(directory.path()).unwrap().count();
    let hidden = ["--redact", "identities", "-o", "x.tar.gz", "--map"];
    let with = |map| [hidden.as_slice(), &[map]].concat();
    for (map, words) in [
        ("x.tar.gz", "the capture has this name"),
        ("./x.tar.gz", "the capture has this name"),
        ("none/map.json", "No such file"),
        ("/proc/map.json", "--map /proc/map.json: "),
    ] {
        let (status, said) = run(&host, &with(map), directory.path());
        assert_eq!(status, Some(2), "{map}: {said}");
        assert!(said.contains(words) && !said.contains(".partial"), "{map}: {said}");
        assert_eq!(left(), 0, "{map}");
    }
    let (status, said) = run(&host, &with("map.json"), directory.path());
    assert_eq!((status, left()), (Some(0), 2), "{said}");
}

#[test]
fn names_of_what_it_cannot_write_are_refused() {
    let host = support::base_path("agent-4.14-debian");
    let directory = tempfile::tempdir().expect("a directory");
    for name in ["-", "x.tar", "x.zip"] {
        let (status, said) = run(&host, &["-o", name], directory.path());
        assert_eq!(status, Some(2), "{said}");
        assert!(said.contains("file"), "{said}");
    }
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn what_is_no_archive_is_said_in_few_words() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("x.tar.gz");
    let bytes: Vec<u8> =
        (0..4096_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 23) as u8 | 0x80).collect();
    std::fs::write(&path, bytes).unwrap();
    let Err(error) = open_source(&path) else { panic!("it is none") };
    let said = error.to_string();
    assert!(said.contains("it is no archive, or damaged") && said.is_ascii() && said.len() < 250, "{said}");
}

fn write(
    host: &dyn Host,
    redactor: &Redactor,
    options: &capture::Options<'_>,
) -> Result<Summary, capture::Error> {
    let recorder = Recorder::new(host);
    let install = install::find(&recorder, None).unwrap_or_else(|error| panic!("{error}"));
    let facts = Facts::new(&recorder, redactor, install);
    let diagnosis = capture::look(&facts, redactor, Wanted::default());
    let documents = || capture::documents(&facts, &diagnosis, redactor);
    capture::write(&recorder, redactor, &documents, options)
}

#[test]
fn whoever_reads_it_a_capture_of_root_is_roots() {
    let mut host = support::base("agent-4.14-debian");
    let directory = tempfile::tempdir().expect("a directory");
    let (all, some) = (directory.path().join("all.tar.gz"), directory.path().join("some.tar.gz"));
    capture(&host, &all);
    host.set_reader(1000, &[1000]);
    let sealed = said(&host);
    capture(&host, &some);
    let captured = open_source(&some).expect("a capture");
    assert_eq!(captured.reader_uid(), 1000);
    assert_eq!(support::difference(&sealed, &said(&*captured)), None);
    assert!(sealed.contains("denied"));
    assert_eq!(open_source(&all).expect("a capture").reader_uid(), 0);
}

#[test]
fn nothing_is_overwritten_and_nothing_half_is_left() {
    let host = support::base("manager-4.14-debian");
    let directory = tempfile::tempdir().expect("a directory");
    for name in ["x.tar.gz", "x"] {
        let target = directory.path().join(name);
        capture(&host, &target);
        let redactor = Redactor::new();
        let error = write(&host, &redactor, &options(&target)).expect_err("it is there");
        assert!(matches!(error, capture::Error::Exists(_)), "{error}");
        // Stopped while it is written.
        let other = directory.path().join(format!("other-{name}"));
        let stopped = options(&other);
        stopped.stop.store(true, Ordering::Relaxed);
        let error = write(&host, &redactor, &stopped).expect_err("it was stopped");
        assert!(matches!(error, capture::Error::Stopped), "{error}");
    }
    let mut left: Vec<_> =
        std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["x", "x.tar.gz"]);
    use std::os::unix::fs::MetadataExt as _;
    let mode = |name: &str| std::fs::metadata(directory.path().join(name)).unwrap().mode() & 0o7777;
    assert_eq!((mode("x.tar.gz"), mode("x"), mode("x/host.json")), (0o600, 0o700, 0o600));
    assert_eq!(mode("x/files/var/ossec/etc/ossec.conf"), 0o600);
}

/// What is told of a response whose arguments hold a secret is the same, to the sum of its definition.
#[test]
fn a_secret_in_arguments_changes_no_sum() {
    let mut host = support::base("manager-4.14-debian");
    let path = Path::new("/var/ossec/etc/ossec.conf");
    let text = host.read(path, 1 << 20).get().map(|content| content.bytes.clone()).unwrap();
    let text = String::from_utf8(text).unwrap();
    let executable = "<executable>";
    assert!(text.contains(executable), "{text}");
    let secret = "<extra_args>--api-key 5w0rdf1sh5w0rdf1sh5w0rdf1sh</extra_args>\n    <executable>";
    host.write(path, text.replace(executable, secret)).unwrap();
    assert_eq!(round_trip("a secret in arguments", &host, "x.tar.gz"), None);
    let sums = |text: &str| text.matches("\"definition_sha256\": \"").count();
    let directory = tempfile::tempdir().expect("a directory");
    let target = directory.path().join("x");
    capture(&host, &target);
    let said = said(&*open_source(&target).expect("a capture"));
    assert!(sums(&said) > 0 && !said.contains("5w0rdf1sh"), "{said}");
    let held = std::fs::read_to_string(target.join("files/var/ossec/etc/ossec.conf")).unwrap();
    assert!(held.contains("--api-key *************"), "{held}");
}

/// From the sum of a script and the rest of its text a short secret could be tried out.
#[test]
fn no_sum_tells_a_secret_of_a_script() {
    let mut host = support::base("agent-4.14-debian");
    let script = "#!/bin/bash\nread -r line\ncurl -u admin:5w0rdf -d \"$line\" https://siem.example/\n";
    host.write("/var/ossec/active-response/bin/edge-block.sh", script).unwrap();
    assert_eq!(round_trip("a secret in a script", &host, "x.tar.gz"), None);
    let directory = tempfile::tempdir().expect("a directory");
    let target = directory.path().join("x");
    capture(&host, &target);
    let held = ["host.json", "report.json"].map(|name| std::fs::read_to_string(target.join(name)).unwrap());
    let (real, told) = (Sums::of(script.as_bytes()), Sums::of(script.replace("5w0rdf", "******").as_bytes()));
    for text in held {
        assert!(!text.contains(&real.sha256) && !text.contains(&real.md5), "{text}");
        assert!(text.contains(&told.sha256), "{text}");
    }
}

/// Whoever wrote it by another way than the redactor: what was read is looked for in all that is written.
#[test]
fn a_secret_that_would_leak_fails_it() {
    let host = support::base("agent-4.14-debian");
    let directory = tempfile::tempdir().expect("a directory");
    const SECRET: &str = "made by 5w0rdf1sh";
    for name in ["x.tar.gz", "x"] {
        let target = directory.path().join(name);
        let redactor = Redactor::new();
        // In manifest.json the name of the program is written as it is.
        redactor.remember(ar_doctor::redact::Kind::Password, SECRET.as_bytes());
        let options = capture::Options { made_by: SECRET, ..options(&target) };
        let error = write(&host, &redactor, &options).expect_err("a leak");
        assert!(matches!(error, capture::Error::Leak { .. }), "{name}: {error}");
        let said = error.to_string();
        assert!(said.contains("manifest.json would hold a secret") && said.contains("password"), "{said}");
        assert!(!said.contains(SECRET), "{said}");
    }
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn what_it_is_called_is_hidden_in_it() {
    let host = support::base("agent-4.14-debian");
    let directory = tempfile::tempdir().expect("a directory");
    let target = directory.path().join("5w0rdf1sh-web.tar.gz");
    let redactor = Redactor::new();
    redactor.remember(ar_doctor::redact::Kind::Password, b"5w0rdf1sh");
    write(&host, &redactor, &options(&target)).unwrap();
    let mut unpacked = Vec::new();
    let file = std::fs::File::open(&target).unwrap();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(file), &mut unpacked).unwrap();
    assert!(memchr::memmem::find(&unpacked, b"5w0rdf1sh").is_none());
    assert!(memchr::memmem::find(&unpacked, b"*********-web/host.json").is_some());
    open_source(&target).expect("a capture");
}

#[test]
fn a_signal_while_it_is_written_leaves_nothing_behind() {
    use nix::sys::signal::{Signal, kill};
    if !nix::unistd::geteuid().is_root() {
        support::skip("owners of a real home need root");
        return;
    }
    let scratch = support::Scratch::new();
    let root = scratch.path().join("root");
    large(&root, 24, 2000);
    let directory = tempfile::tempdir().expect("a directory");
    let left = || std::fs::read_dir(directory.path()).unwrap().count();
    for (name, signal) in [
        ("x.tar.gz", Signal::SIGINT),
        ("x.tar.gz", Signal::SIGTERM),
        ("x", Signal::SIGINT),
        ("x", Signal::SIGHUP),
    ] {
        let Some(mut doctor) = support::heeding_signals(env!("CARGO_BIN_EXE_ar-doctor")) else { return };
        let child = doctor
            .args(["capture", "--from"])
            .arg(&root)
            .arg("-o")
            .arg(directory.path().join(name))
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .expect("the binary runs");
        // The unfinished one is there while it is written.
        let begun = std::time::Instant::now();
        while left() == 0 {
            assert!(begun.elapsed().as_secs() < 120, "nothing is written");
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        kill(nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap()), signal).unwrap();
        let output = child.wait_with_output().expect("it ends");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(130), "{name} {signal}: {said}");
        assert!(said.contains("interrupted; nothing was left behind"), "{name} {signal}: {said}");
        assert!(output.stdout.is_empty());
        assert_eq!(left(), 0, "{name} {signal}");
    }
}

/// A device that is full, as the kernel has one: whatever is written there fails so.
#[test]
fn a_full_disk_leaves_nothing_behind() {
    if !nix::unistd::geteuid().is_root() {
        support::skip("a small file system needs root");
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let script = "mount -t tmpfs -o size=8k ar-doctor \"$1\" && \"$2\" capture --from \"$3\" -o \"$1/x.tar.gz\"; \
                  code=$?; ls -A \"$1\"; exit $code";
    let output = std::process::Command::new("unshare")
        .args(["-m", "--propagation", "private", "sh", "-c", script, "sh"])
        .arg(directory.path())
        .arg(env!("CARGO_BIN_EXE_ar-doctor"))
        .arg(support::base_path("manager-4.14-debian"))
        .output()
        .expect("unshare runs");
    let said = String::from_utf8_lossy(&output.stderr);
    if said.contains("unshare") || said.contains("mount") {
        support::skip("unshare(1) and mount(8) do not work here");
        return;
    }
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("No space left") && said.contains("nothing was left behind"), "{said}");
    assert!(said.matches("No space left").count() == 1 && !said.contains(".partial"), "{said}");
    assert!(output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn it_is_never_written_below_the_home() {
    if !nix::unistd::geteuid().is_root() {
        support::skip("owners of a real home need root");
        return;
    }
    let scratch = support::Scratch::new();
    let root = scratch.path().join("root");
    built("agent-4.14-debian", &root);
    std::os::unix::fs::symlink(root.join("var/ossec/logs"), scratch.path().join("link")).unwrap();
    for target in [root.join("var/ossec/tmp/x.tar.gz"), scratch.path().join("link/x"), root.join("var/ossec")]
    {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_ar-doctor"))
            .args(["capture", "--from"])
            .arg(&root)
            .arg("-o")
            .arg(&target)
            .output()
            .expect("the binary runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("where nothing is written") || said.contains("No such file"), "{said}");
    }
}

#[test]
fn who_asked_for_it_is_told_its_real_name() {
    let directory = tempfile::tempdir().expect("a directory");
    // The host is called so.
    let target = directory.path().join("web-01.tar.gz");
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_ar-doctor"))
        .args(["capture", "--redact", "identities", "--from"])
        .arg(support::base_path("../tickets/web-01"))
        .arg("-o")
        .arg(&target)
        .output()
        .expect("the binary runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(target.is_file(), "{said}");
    let named = target.display().to_string();
    assert!(said.starts_with(&named) && said.contains(&format!("--from {named}`")), "{said}");
    let captured = open_source(&target).expect("a capture");
    assert_ne!(captured.machine().get().expect("a machine").hostname, "web-01");
}

/// A manager with logs of so many MiB, almost all of it holes between lines, and so many agents.
fn large(root: &Path, mib: u64, agents: u32) {
    use std::io::{Seek as _, SeekFrom, Write as _};
    built("manager-4.14-debian", root);
    let home = root.join("var/ossec");
    let mut keys = std::io::BufWriter::new(std::fs::File::create(home.join("etc/client.keys")).unwrap());
    for agent in 1..=agents {
        let key = format!("{agent:016x}").repeat(4);
        writeln!(keys, "{agent:03} agent-{agent} any {key}").unwrap();
    }
    drop(keys);
    std::fs::create_dir_all(home.join("logs/alerts")).unwrap();
    for (name, line) in [
        ("logs/ossec.log", "2026/11/20 14:0%:00 wazuh-analysisd: INFO: (7203): Reading rules file 'x.xml'"),
        (
            "logs/alerts/alerts.json",
            r#"{"timestamp":"2026-11-20T14:0%:00.000+0000","rule":{"level":5,"id":"5712","groups":["sshd"]},"agent":{"id":"003","name":"web-01"},"manager":{"name":"siem-01"},"id":"1.2","full_log":"sshd: x","data":{"srcip":"203.0.113.9"},"location":"/var/log/auth.log"}"#,
        ),
    ] {
        let mut log = std::fs::File::create(home.join(name)).unwrap();
        // An old line in each MiB, so that it can be told where the new ones begin.
        let old = line
            .replace("14:0%", "11:00")
            .replace("2026/11/20", "2026/11/01")
            .replace("2026-11-20", "2026-11-01");
        for mebibyte in 0..mib / 2 {
            log.seek(SeekFrom::Start(mebibyte << 20)).unwrap();
            writeln!(log, "\n{old}").unwrap();
        }
        log.seek(SeekFrom::Start(mib << 19)).unwrap();
        writeln!(log).unwrap();
        let mut log = std::io::BufWriter::new(log);
        for minute in 0..10 {
            for _ in 0..2000 {
                writeln!(log, "{}", line.replace('%', &minute.to_string())).unwrap();
            }
        }
    }
}

/// Seconds and bytes that a capture of it takes, and the size of the file.
fn cost_of(root: &Path, target: &Path) -> (f64, u64, u64) {
    let start = std::time::Instant::now();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_ar-doctor"))
        .args(["capture", "--from"])
        .arg(root)
        .arg("-o")
        .arg(target)
        .output()
        .expect("the binary runs");
    let seconds = start.elapsed().as_secs_f64();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let used = nix::sys::resource::getrusage(nix::sys::resource::UsageWho::RUSAGE_CHILDREN).unwrap();
    (seconds, u64::try_from(used.max_rss()).unwrap() << 10, std::fs::metadata(target).unwrap().len())
}

#[test]
fn a_large_manager_costs_what_is_read() {
    let scratch = support::Scratch::new();
    let (root, target) = (scratch.path().join("root"), scratch.path().join("x.tar.gz"));
    large(&root, 24, 2000);
    let (_, memory, size) = cost_of(&root, &target);
    assert!(memory < 160 << 20, "{} MiB", memory >> 20);
    assert!(size < 8 << 20, "{size} bytes");
    let host = ar_doctor::host::tree::TreeHost::open(&root).unwrap();
    let captured = open_source(&target).unwrap();
    assert_eq!(support::difference(&said(&host), &said(&*captured)), None);
}

/// `cargo test --release --test capture -- --ignored --nocapture large`
#[test]
#[ignore = "takes a release build"]
#[allow(clippy::print_stderr, reason = "it prints figures")]
fn fifty_gib_and_a_hundred_thousand_agents() {
    let scratch = support::Scratch::new();
    let (root, target) = (scratch.path().join("root"), scratch.path().join("x.tar.gz"));
    large(&root, 50 << 10, 100_000);
    let (seconds, memory, size) = cost_of(&root, &target);
    eprintln!("{seconds:.1} s, {} MiB of memory, a file of {} KiB", memory >> 20, size >> 10);
    assert!(seconds < 30.0 && memory < 64 << 20, "{seconds:.1} s, {} MiB", memory >> 20);
}
