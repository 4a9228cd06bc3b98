//! Every quirk of execd that was seen on a real one, as a row, and what always holds.

#![allow(clippy::unwrap_used, clippy::panic)]

use proptest::prelude::*;

use super::*;

/// Files by name, and an ar.conf that can be edited.
#[derive(Clone, Default)]
struct Home {
    ar_conf: Option<Vec<u8>>,
    files: Vec<&'static str>,
}

impl Files for Home {
    fn ar_conf(&self) -> Option<Vec<u8>> {
        self.ar_conf.clone()
    }

    fn present(&self, path: &[u8]) -> bool {
        self.files.iter().any(|file| path == [b"active-response/bin/", file.as_bytes()].concat())
    }
}

fn home(ar_conf: &str, files: &[&'static str]) -> Home {
    Home { ar_conf: Some(ar_conf.as_bytes().to_vec()), files: files.to_vec() }
}

fn setup(contract: Contract, repeated_offenders: &[i32]) -> Setup {
    Setup { contract, version: None, agent: true, repeated_offenders: repeated_offenders.to_vec() }
}

fn execd4() -> Execd {
    Execd::new(setup(Contract::Json4, &[]))
}

fn started(received: Received) -> Start {
    match received {
        Received::Start(start) => start,
        other => panic!("not started: {other:?}"),
    }
}

fn message(name: &str) -> Vec<u8> {
    format!(
        "{{\"version\":1,\"origin\":{{\"name\":\"n\",\"module\":\"wazuh-analysisd\"}},\
         \"command\":\"{name}\",\"parameters\":{{\"extra_args\":[],\"alert\":{{}}}}}}"
    )
    .into_bytes()
}

fn keys_line(keys: &str) -> Vec<u8> {
    format!(
        "{{\"version\":1,\"origin\":{{\"name\":\"x\",\"module\":\"active-response\"}},\
         \"command\":\"check_keys\",\"parameters\":{{\"keys\":{keys}}}}}\n"
    )
    .into_bytes()
}

/// Log lines of the default level.
fn said(execd: &mut Execd) -> Vec<String> {
    execd.take_log().into_iter().filter(|line| !line.debug).map(|line| line.text).collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn start4(timeout: i32) -> Start {
    let home = home(&format!("r - x.sh - {timeout}\n"), &["x.sh"]);
    started(execd4().receive(&message("r"), &home))
}

const BAD_NAME: &str = "ERROR: (1311): Invalid command name";

#[test]
fn messages_of_4() {
    let home = home("r600 - x.sh - 600\nlost - gone.sh - 5\n", &["x.sh", "restart.sh"]);
    let whole = String::from_utf8(message("r600")).unwrap();
    let start = "start";
    for (datagram, outcome, log) in [
        (whole.clone(), start, ""),
        (
            String::new(),
            "refused",
            "ERROR: (1210): Queue 'queue/alerts/execq' not accessible: 'No such file or directory'",
        ),
        (whole.replace('"', "'"), "refused", "ERROR: (1315): Invalid JSON message: '{'version'"),
        (whole[..40].to_owned(), "refused", "ERROR: (1315): Invalid JSON message: '{\"version\""),
        (
            "r600 - 10.0.0.1 1.2 3".to_owned(),
            "refused",
            "ERROR: (1315): Invalid JSON message: 'r600 - 10.0.0.1 1.2 3'",
        ),
        (format!("[{whole}]"), "refused", "ERROR: (1316): Invalid AR command: '[{\"version\""),
        ("{}".to_owned(), "refused", "ERROR: (1316): Invalid AR command: '{}'"),
        ("{\"command\":5}".to_owned(), "refused", "ERROR: (1316): Invalid AR command: '{\"command\":5}'"),
        (format!("{whole} trailing"), start, ""),
        (format!("{whole}{whole}"), start, ""),
        (format!("\u{feff}{whole}"), start, ""),
        (format!("{whole}\0"), start, ""),
        (format!("\0{whole}"), "refused", "ERROR: (1315): Invalid JSON message: ''"),
        (whole.replace("command", "COMMAND"), start, ""),
        (whole.replace("parameters", "Parameters"), start, ""),
        (
            whole
                .replacen('{', "{\"command\":\"r600\",", 1)
                .replace("\"command\":\"r600\",\"parameters", "\"command\":\"other\",\"parameters"),
            start,
            "",
        ),
        (whole.replace("\"version\":1,", ""), start, ""),
        (whole.replace(":1,", ":99,\"more\":[],"), start, ""),
        ("{\"command\":\"r600\",\"origin\":7,\"parameters\":\"x\"}".to_owned(), start, ""),
        (whole.replace("r600", "r"), "refused", "ERROR: (1311): Invalid command name 'r' provided."),
        (whole.replace("r600", "R600"), "refused", BAD_NAME),
        (whole.replace("r600", " r600"), "refused", BAD_NAME),
        (whole.replace("r600", ""), "refused", "ERROR: (1311): Invalid command name '' provided."),
        (whole.replace("r600", "r600\\u0000x"), start, ""),
        (
            whole.replace("r600", "lost"),
            "dropped",
            "INFO: Active response command not present: 'active-response/bin/gone.sh'. Not using it on this system.",
        ),
        (whole.replace("r600", "!custom.sh"), start, ""),
        (whole.replace("r600", "!sub/x.sh"), start, ""),
        (whole.replace("r600", "!"), start, ""),
        (whole.replace("r600", "restart-wazuh"), "restart", ""),
        (whole.replace("r600", "restart-wazuh0"), "refused", BAD_NAME),
    ] {
        let mut execd = execd4();
        let received = execd.receive(datagram.as_bytes(), &home);
        let got = match received {
            Received::Refused => "refused",
            Received::Dropped => "dropped",
            Received::Restart(_) => "restart",
            Received::Start(_) => start,
        };
        assert_eq!(got, outcome, "{datagram}");
        let said: Vec<_> = said(&mut execd)
            .into_iter()
            .filter(|line| log.starts_with("INFO") || !line.starts_with("INFO"))
            .collect();
        if log.is_empty() {
            assert_eq!(said, Vec::<String>::new(), "{datagram}");
        } else {
            assert_eq!(said.len(), 1, "{datagram}: {said:?}");
            assert!(said[0].starts_with(log), "{datagram}: {said:?}");
        }
    }
}

#[test]
fn a_message_is_cut_at_65535_bytes() {
    let home = home("r - x.sh - 0\n", &["x.sh"]);
    let with = |length: usize| {
        let plain = text(&message("r"));
        let filler = "a".repeat(length - plain.len() - ",\"f\":\"\"".len());
        plain.replace("\"alert\":{}", &format!("\"alert\":{{}},\"f\":\"{filler}\"")).into_bytes()
    };
    assert_eq!(with(65_535).len(), 65_535);
    started(execd4().receive(&with(65_535), &home));
    let mut execd = execd4();
    assert_eq!(execd.receive(&with(65_536), &home), Received::Refused);
    let said = said(&mut execd);
    assert!(
        said[0].starts_with("ERROR: (1315)")
            && said[0].len() == "ERROR: (1315): Invalid JSON message: ''".len() + 65_535
    );
}

#[test]
fn the_line_of_an_add() {
    let home = home("r - x.sh - 600\n", &["x.sh"]);
    for (sent, line) in [
        (
            text(&message("r")),
            r#"{"version":1,"origin":{"name":"n","module":"wazuh-execd"},"command":"add","parameters":{"extra_args":[],"alert":{},"program":"active-response/bin/x.sh"}}"#,
        ),
        // The member keeps its place and gets the spelling of execd; no member, no change.
        (
            r#"{"Command":"r", "Origin":{"MODULE":1,"a":"\u0041\/"}}"#.into(),
            r#"{"command":"add","Origin":{"module":"wazuh-execd","a":"A/"}}"#,
        ),
        (
            r#"{"command":"r","origin":{},"parameters":[1]}"#.into(),
            r#"{"command":"add","origin":{},"parameters":[1,"active-response/bin/x.sh"]}"#,
        ),
        (
            r#"{"command":"r","parameters":"p","command":"s"}"#.into(),
            r#"{"command":"add","parameters":"p","command":"s"}"#,
        ),
    ] {
        let start = started(execd4().receive(sent.as_bytes(), &home));
        assert_eq!(text(&start.line.unwrap()), line);
        assert_eq!(
            (text(&start.path).as_str(), start.arguments.len(), start.timeout),
            ("active-response/bin/x.sh", 0, 600)
        );
    }
}

#[test]
fn restart_wazuh_is_not_a_response() {
    for (agent, who) in [(true, "agent"), (false, "manager")] {
        for there in [true, false] {
            let mut execd = Execd::new(Setup { agent, ..setup(Contract::Json4, &[]) });
            let files: &[&'static str] = if there { &["restart.sh"] } else { &[] };
            let received = execd.receive(&message("restart-wazuh"), &home("", files));
            assert_eq!(
                received,
                Received::Restart(vec!["active-response/bin/restart.sh".into(), who.into()])
            );
            let missing =
                "ERROR: (1312): Error executing 'active-response/bin/restart.sh': No such file or directory";
            assert_eq!(said(&mut execd), if there { vec![] } else { vec![missing] });
        }
    }
    // The name with the timeout is a response like others.
    let home = home("restart-wazuh0 - restart-wazuh - 0\n", &["restart-wazuh"]);
    assert_eq!(
        text(&started(execd4().receive(&message("restart-wazuh0"), &home)).path),
        "active-response/bin/restart-wazuh"
    );
}

#[test]
fn names_that_lead_out_or_are_too_long() {
    let traversal =
        "WARNING: Active response command '../x' vulnerable to directory traversal attack. Ignoring.";
    let home = home("", &[]);
    let mut execd = execd4();
    assert_eq!(execd.receive(&message("!../x"), &home), Received::Refused);
    assert_eq!(
        said(&mut execd),
        [traversal, traversal, "ERROR: (1311): Invalid command name '!../x' provided."]
    );
    let mut old = Execd::new(Setup { version: Some(Version::new(4, 3, 7)), ..setup(Contract::Json4, &[]) });
    assert_eq!(text(&started(old.receive(&message("!../x"), &home)).path), "active-response/bin/../x");

    let name = |length: usize| format!("!{}", "n".repeat(length - 20));
    started(execd.receive(&message(&name(255)), &home));
    said(&mut execd);
    assert_eq!(execd.receive(&message(&name(256)), &home), Received::Refused);
    let lines = said(&mut execd);
    assert!(
        lines[0].starts_with("WARNING: Cannot execute command 'nnn")
            && lines[0].ends_with("...': path too long.")
    );
    assert_eq!((lines.len(), &lines[0]), (3, &lines[1]));
}

#[test]
fn the_table_is_read_for_an_unknown_name_only() {
    let absent = |file: &str| {
        format!(
            "INFO: Active response command not present: 'active-response/bin/{file}'. Not using it on this system."
        )
    };
    let mut home = home("# comment\na - a.sh - 3\nb - b.sh - 3\nbad - ../a.sh - 3\n", &["a.sh"]);
    let malformed = "ERROR: (1313): Invalid active response config: 'etc/shared/ar.conf'.".to_owned();
    let traversal =
        "ERROR: Active response command '../a.sh' vulnerable to directory traversal attack. Ignoring."
            .to_owned();
    let mut execd = execd4();
    started(execd.receive(&message("a"), &home));
    assert_eq!(said(&mut execd), [malformed.clone(), absent("b.sh"), traversal.clone()]);
    // A file that comes later, and an edited line, go unnoticed; so does the drop.
    home.files.push("b.sh");
    home.ar_conf = Some(b"a - other.sh - 9\nb - b.sh - 3\nn - n.sh - 1\n".to_vec());
    assert_eq!(execd.receive(&message("b"), &home), Received::Dropped);
    let start = started(execd.receive(&message("a"), &home));
    assert_eq!((text(&start.path).as_str(), start.timeout), ("active-response/bin/a.sh", 3));
    assert_eq!(said(&mut execd), Vec::<String>::new());
    // A name it does not know makes it read; what is missing is said at the first reading only.
    assert_eq!(execd.receive(&message("n"), &home), Received::Dropped);
    assert_eq!(said(&mut execd), Vec::<String>::new());
    started(execd.receive(&message("b"), &home));
    assert_eq!(execd.receive(&message("a"), &home), Received::Dropped);
    // And without the file all names are gone.
    home.ar_conf = None;
    assert_eq!(execd.receive(&message("u"), &home), Received::Refused);
    let missing =
        "ERROR: (1103): Could not open file 'etc/shared/ar.conf' due to [(2)-(No such file or directory)].";
    assert_eq!(said(&mut execd), [missing, "ERROR: (1311): Invalid command name 'u' provided."]);
    assert_eq!(execd.receive(&message("b"), &home), Received::Refused);
    // The errors come at every reading.
    home.ar_conf = Some(b"# comment\nbad - ../a.sh - 3\n".to_vec());
    for _ in 0..2 {
        said(&mut execd);
        assert_eq!(execd.receive(&message("u"), &home), Received::Refused);
        assert_eq!(said(&mut execd)[..2], [malformed.clone(), traversal.clone()]);
    }
}

/// Lines that are well formed, and start something else than was meant.
#[test]
fn lines_with_an_odd_name_or_file() {
    let home1 = home("none -  - 0\nsub - sub/x.sh - 3\nr - x.sh - 3\n", &["", "sub/x.sh", "x.sh"]);
    let mut execd = execd4();
    // No file is the directory itself, which can be opened: no word, and execve fails.
    for (name, path) in [("none", ""), ("sub", "sub/x.sh"), ("r", "x.sh")] {
        let start = started(execd.receive(&message(name), &home1));
        assert_eq!(text(&start.path), format!("active-response/bin/{path}"));
    }
    assert_eq!(said(&mut execd), Vec::<String>::new());
    // What stands in front of the first name belongs to it.
    for before in ["\u{feff}", " ", "\t"] {
        let odd = home(&format!("{before}r - x.sh - 3\nother - x.sh - 3\n"), &["x.sh"]);
        let mut execd = execd4();
        assert_eq!(execd.receive(&message("r"), &odd), Received::Refused, "{before:?}");
        assert_eq!(said(&mut execd), ["ERROR: (1311): Invalid command name 'r' provided."], "{before:?}");
        started(execd.receive(&message("other"), &odd));
        let name = message("r").to_vec();
        let with = text(&name).replace("\"r\"", &format!("\"{}r\"", before.replace('\t', "\\t")));
        assert_eq!(text(&started(execd.receive(with.as_bytes(), &odd)).path), "active-response/bin/x.sh");
    }
}

/// One block with a timeout and one without for the same file and key.
#[test]
fn a_timed_and_an_untimed_block_together() {
    for timed_first in [true, false] {
        let mut execd = execd4();
        let keys = keys_line("[\"a\"]");
        let order = if timed_first { [600, 0] } else { [0, 600] };
        let first = execd.answer(&start4(order[0]), Some(&keys), 100);
        let second = execd.answer(&start4(order[1]), Some(&keys), 101);
        assert_eq!((first.answer, first.registered), (Some(Answer::Continue), timed_first));
        // The untimed one leaves no trace, and is not aborted: only a timeout makes execd look.
        assert_eq!((second.answer, second.registered), (Some(Answer::Continue), !timed_first));
        assert_eq!(execd.pending().len(), 1);
    }
}

/// execd looks at a file when it reads the table, not when it starts it.
#[test]
fn a_script_that_is_removed_before_its_delete() {
    let mut home = home("r - x.sh - 3\n", &["x.sh"]);
    let mut execd = execd4();
    let start = started(execd.receive(&message("r"), &home));
    execd.answer(&start, Some(&keys_line("[\"a\"]")), 100);
    home.files.clear();
    let due = execd.due(104);
    assert_eq!((due.len(), text(&due[0].path)), (1, "active-response/bin/x.sh".to_owned()));
    // The next add is still tried, until something makes it read the table again.
    assert_eq!(started(execd.receive(&message("r"), &home)).path, due[0].path);
    execd.receive(&message("unknown"), &home);
    said(&mut execd);
    assert_eq!(execd.receive(&message("r"), &home), Received::Dropped);
    assert_eq!(said(&mut execd), Vec::<String>::new());
}

#[test]
fn double_names_and_a_full_table() {
    let lines = "a - gone - 1\na - here - 2\nb - here - 3\nb - there - 4\n";
    let home1 = home(lines, &["here", "there"]);
    let mut execd = execd4();
    for (name, path, timeout) in [("a", "here", 1), ("b", "here", 3)] {
        let start = started(execd.receive(&message(name), &home1));
        assert_eq!((text(&start.path), start.timeout), (format!("active-response/bin/{path}"), timeout));
    }
    let lines: String = (0..70).map(|at| format!("r{at} - here - 0\n")).chain(["bad\n".to_owned()]).collect();
    let home2 = home(&lines, &["here"]);
    let full = "ERROR: (1319): Reached the maximum of 64 active response commands. Ignoring the remaining entries of 'etc/shared/ar.conf'.";
    let mut execd = execd4();
    started(execd.receive(&message("r63"), &home2));
    assert_eq!(said(&mut execd), [full]);
    assert_eq!(execd.receive(&message("r64"), &home2), Received::Refused);
    // Said once, until the table has fitted again.
    assert_eq!(said(&mut execd), ["ERROR: (1311): Invalid command name 'r64' provided."]);
    execd.receive(&message("u"), &home("", &[]));
    said(&mut execd);
    execd.receive(&message("r64"), &home2);
    assert_eq!(said(&mut execd)[0], full);
}

#[test]
fn what_counts_as_keys() {
    let good = text(&keys_line("[\"1.2.3.4\"]"));
    let both = |line: String, key: &'static str| (line, key, key);
    let noise = "x.sh";
    for (line, key4, key5) in [
        both(good.clone(), "x.sh-1.2.3.4"),
        both(good.trim_end().to_owned(), "x.sh-1.2.3.4"),
        both(format!("\u{feff}{good}"), "x.sh-1.2.3.4"),
        both(format!("{} trailing\n", good.trim_end()), "x.sh-1.2.3.4"),
        both(good.replace("\"keys\"", "\"Keys\""), "x.sh-1.2.3.4"),
        both(good.replace("\"name\":\"x\",\"module\":\"active-response\"", ""), "x.sh-1.2.3.4"),
        both(good.replace(":1,", ":2,"), "x.sh-1.2.3.4"),
        both(text(&keys_line("[\"a\",\"b\"]")), "x.sh-a-b"),
        both(text(&keys_line("[\"a\",7,null,[\"b\"],\"c\"]")), "x.sh-a-c"),
        both(text(&keys_line("[\"\"]")), "x.sh-"),
        both(text(&keys_line("[7]")), noise),
        both(text(&keys_line("[]")), noise),
        both(text(&keys_line("\"1.2.3.4\"")), noise),
        both(good.replace("check_keys", "Check_keys"), noise),
        both(good.replace("\"command\"", "\"cmd\""), noise),
        both("\n".to_owned(), noise),
        both("debug\n".to_owned(), noise),
        both("{\"a\":1}\n".to_owned(), noise),
        both(format!("x{good}"), noise),
        (good.replace("\"version\":1,", ""), noise, "x.sh-1.2.3.4"),
        (good.replace(":1,", ":\"1\","), noise, "x.sh-1.2.3.4"),
        (good.replace("origin", "from"), noise, "x.sh-1.2.3.4"),
        ("{\"command\":\"check_keys\",\"parameters\":{\"keys\":[\"k\"]}}\n".to_owned(), noise, "x.sh-k"),
    ] {
        for (contract, key) in [(Contract::Json4, key4), (Contract::Json5, key5)] {
            let mut execd = Execd::new(setup(contract, &[]));
            let answered = execd.answer(&start4(600), Some(line.as_bytes()), 100);
            assert_eq!(text(&answered.session_key.unwrap()), key, "{contract:?} {line}");
            assert_eq!((answered.answer, answered.registered), (Some(Answer::Continue), true), "{line}");
        }
    }
    let mut execd = execd4();
    let answered = execd.answer(&start4(600), Some(&keys_line("[\"a\",7]")), 0);
    assert_eq!(answered.keys, Some(vec!["a".to_owned()]));
    assert_eq!(execd.answer(&start4(600), Some(b"noise\n"), 0).keys, None);
    assert_eq!(execd.answer(&start4(600), Some(&keys_line("[]")), 0).keys, Some(vec![]));
    // End of file: no answer, nothing remembered.
    execd.take_log();
    let pending = execd.pending().len();
    assert_eq!(execd.answer(&start4(600), None, 0), Answered::default());
    let log = execd.take_log();
    assert!(log[0].debug && log[0].text.ends_with("alert keys from script 'active-response/bin/x.sh'"));
    assert_eq!(execd.pending().len(), pending);
}

#[test]
fn long_keys() {
    let warning = "WARNING: Active response key exceeds maximum size (4096). Truncating keys.";
    let of = |length: usize| keys_line(&format!("[\"{}\"]", "k".repeat(length)));
    let version = |version| Setup { version, ..setup(Contract::Json4, &[]) };
    // `x.sh` and the dash are five bytes.
    for (length, key, warned) in
        [(4090, 4095, false), (4091, 4095, true), (4094, 4095, true), (4095, 4, false)]
    {
        let mut execd = execd4();
        let answered = execd.answer(&start4(600), Some(&of(length)), 0);
        assert_eq!(answered.session_key.unwrap().len(), key, "{length}");
        assert_eq!(said(&mut execd), if warned { vec![warning] } else { vec![] }, "{length}");
    }
    let mut old = Execd::new(version(Some(Version::new(4, 14, 2))));
    assert_eq!(old.answer(&start4(600), Some(&of(4094)), 0).session_key.unwrap().len(), 4099);
    assert_eq!(said(&mut old), Vec::<String>::new());
    // The first key that does not fit ends the list.
    let many = keys_line(&format!("[\"a\",\"{}\",\"b\"]", "k".repeat(4094)));
    assert_eq!(execd4().answer(&start4(600), Some(&many), 0).session_key.as_deref(), Some(&b"x.sh-a"[..]));
    // A line over 8191 bytes is cut, which is no JSON then.
    let blanks = |length: usize| {
        let line = text(&keys_line("[\"a\"]"));
        format!("{{{}{}", " ".repeat(length - line.len()), &line[1..]).into_bytes()
    };
    assert_eq!(execd4().answer(&start4(600), Some(&blanks(8192)), 0).session_key.unwrap(), b"x.sh-a");
    assert_eq!(execd4().answer(&start4(600), Some(&blanks(8193)), 0).session_key.unwrap(), b"x.sh");
}

#[test]
fn a_block_from_add_to_delete() {
    let mut execd = execd4();
    let start = start4(3);
    let first = execd.answer(&start, Some(&keys_line("[\"a\"]")), 100);
    assert_eq!((first.answer, first.registered, first.timeout), (Some(Answer::Continue), true, 3));
    let line = text(&first.line.unwrap());
    assert!(
        line.contains("\"command\":\"continue\",\"parameters\"") && line.contains("wazuh-execd"),
        "{line}"
    );
    // Strictly more than the timeout.
    assert_eq!(execd.next_due(), Some(104));
    assert_eq!(execd.due(103), []);
    let due = execd.due(104);
    assert_eq!(due.len(), 1);
    assert_eq!(due[0], Delete { session_key: b"x.sh-a".to_vec(), ..execd.delete_of(&start) });
    let delete = text(due[0].line.as_ref().unwrap());
    assert_eq!(delete, text(start.line.as_ref().unwrap()).replace("\"add\"", "\"delete\""));
    assert_eq!((execd.due(1000), execd.next_due()), (vec![], None));
    // Then the same key is new again.
    assert_eq!(execd.answer(&start, Some(&keys_line("[\"a\"]")), 200).answer, Some(Answer::Continue));
}

#[test]
fn the_same_key_again() {
    // After noise the second target has the same key; so have two responses of one file.
    for (line1, line2) in [(&b"debug\n"[..], &b"other\n"[..]), (&keys_line("[\"a\"]"), &keys_line("[\"a\"]"))]
    {
        let mut execd = execd4();
        execd.answer(&start4(600), Some(line1), 100);
        let again = execd.answer(&start4(3), Some(line2), 200);
        assert_eq!((again.answer, again.registered, again.timeout), (Some(Answer::Abort), false, 3));
        assert!(text(&again.line.unwrap()).contains("\"command\":\"abort\""));
        // The abort rewrote the end of the block.
        assert_eq!((execd.pending().len(), execd.next_due()), (1, Some(204)));
    }
}

#[test]
fn other_timeouts() {
    // 0 is never remembered, a negative one is due at once.
    let mut execd = Execd::new(setup(Contract::Json4, &[1]));
    for _ in 0..2 {
        let answered = execd.answer(&start4(0), Some(&keys_line("[\"a\"]")), 100);
        assert_eq!(
            (answered.answer, answered.registered, answered.timeout),
            (Some(Answer::Continue), false, 0)
        );
        assert_eq!(answered.session_key.as_deref(), Some(&b"x.sh-a"[..]));
    }
    assert_eq!(execd.pending(), []);
    execd.answer(&start4(-5), Some(&keys_line("[\"a\"]")), 100);
    assert_eq!(execd.due(100).len(), 1);
}

#[test]
fn repeated_offenders() {
    for (minutes, timeouts) in [
        (&[1, 2][..], &[3, 60, 120, 120, 120][..]),
        (&[], &[3, 3, 3]),
        (&[0, 5], &[3, 3, 3]),
        (&[-1], &[3, -60, -60]),
        (&[1, 0, 7], &[3, 60, 60, 60]),
        (&[1, 2, 3, 4, 5, 6], &[3, 60, 120, 180, 240, 300, 360, 360]),
    ] {
        for aborted in [false, true] {
            let mut execd = Execd::new(setup(Contract::Json4, minutes));
            for (at, &timeout) in timeouts.iter().enumerate() {
                let answered = execd.answer(&start4(3), Some(b"noise\n"), 100);
                assert_eq!(answered.timeout, timeout, "{minutes:?} {at}");
                assert_eq!(answered.answer == Some(Answer::Abort), aborted && at > 0, "{minutes:?} {at}");
                if !aborted {
                    assert_eq!(execd.due(1_000_000).len(), 1);
                }
            }
            // Another key begins anew.
            assert_eq!(execd.answer(&start4(3), Some(&keys_line("[\"n\"]")), 100).timeout, 3);
        }
    }
}

#[test]
fn a_stop_deletes_everything() {
    let mut execd = execd4();
    for key in ["a", "b"] {
        execd.answer(&start4(600), Some(&keys_line(&format!("[\"{key}\"]"))), 0);
    }
    let stopped = execd.stop();
    assert_eq!(
        stopped.iter().map(|delete| text(&delete.session_key)).collect::<Vec<_>>(),
        ["x.sh-a", "x.sh-b"]
    );
    assert_eq!(said(&mut execd), ["INFO: (1314): Shutdown received. Deleting responses."]);
    assert_eq!(execd.stop(), []);
}

fn message5(response: &str) -> Vec<u8> {
    format!("{{\"source\":{{\"ip\":\"1.2.3.4\"}},\"wazuh\":{{\"active_response\":{response}}}}}").into_bytes()
}

#[test]
fn messages_of_5() {
    let home = home("unused - x - 5\n", &["x", "sub/x"]);
    let long = "n".repeat(236);
    let executable = |rest: &str| text(&message5(&format!("{{\"executable\":\"x\"{rest}}}")));
    for (datagram, outcome) in [
        (executable(""), Ok(0)),
        (executable(",\"type\":\"stateful\",\"stateful_timeout\":60"), Ok(60)),
        (executable(",\"type\":\"stateful\",\"stateful_timeout\":60.9"), Ok(60)),
        (executable(",\"type\":\"stateful\",\"stateful_timeout\":-60"), Ok(-60)),
        (executable(",\"type\":\"stateful\",\"stateful_timeout\":10000000000"), Ok(i32::MIN)),
        (executable(",\"type\":\"stateful\",\"stateful_timeout\":\"60\""), Ok(0)),
        (executable(",\"type\":\"stateful\""), Ok(0)),
        (executable(",\"type\":\"Stateful\",\"stateful_timeout\":60"), Ok(0)),
        (executable(",\"type\":\"stateless\",\"stateful_timeout\":60"), Ok(0)),
        (executable("").replace("executable\":\"x", "executable\":\"sub/x"), Ok(0)),
        (
            String::new(),
            Err("ERROR: (1210): Queue 'queue/sockets/execq' not accessible: 'No such file or directory'"
                .into()),
        ),
        ("{".into(), Err("ERROR: (1315): Invalid JSON message: '{'".into())),
        ("{}".into(), Err("ERROR: (1316): Invalid AR command: '{}'".into())),
        (text(&message("x")), Err(format!("ERROR: (1316): Invalid AR command: '{}'", text(&message("x"))))),
        ("{\"wazuh\":{}}".into(), Err("ERROR: (1316): Invalid AR command: '{\"wazuh\":{}}'".into())),
        (
            text(&message5("[]")),
            Err(format!("ERROR: (1316): Invalid AR command: '{}'", text(&message5("[]")))),
        ),
        (
            executable("").replace("\"x\"", "\"\""),
            Err(format!("ERROR: (1316): Invalid AR command: '{}'", executable("").replace("\"x\"", "\"\""))),
        ),
        (
            executable("").replace("\"x\"", "\"../x\""),
            Err("ERROR: Active response command '../x' vulnerable to directory traversal attack. Ignoring."
                .into()),
        ),
        (
            executable("").replace("\"x\"", &format!("\"{long}\"")),
            Err(format!("ERROR: Active response command path too long for '{long}'. Ignoring.")),
        ),
        (
            executable("").replace("\"x\"", "\"gone\""),
            Err("ERROR: (1311): Invalid command name 'gone' provided.".into()),
        ),
        (
            executable("").replace("\"x\"", "\"restart-wazuh\""),
            Err("ERROR: (1311): Invalid command name 'restart-wazuh' provided.".into()),
        ),
    ] {
        let mut execd = Execd::new(setup(Contract::Json5, &[]));
        let received = execd.receive(datagram.as_bytes(), &home);
        let log = execd.take_log();
        let stateless =
            log.iter().any(|line| line.debug && line.text.contains("AR will be treated as stateless."));
        match outcome {
            Ok(timeout) => {
                let start = started(received);
                assert_eq!(start.timeout, timeout, "{datagram}");
                let expected = format!("{},\"command\":\"enable\"}}", datagram.strip_suffix('}').unwrap());
                assert_eq!(text(start.line.as_ref().unwrap()), expected);
                assert_eq!(stateless, timeout == 0 && datagram.contains("\"stateful\""), "{datagram}");
            }
            Err(line) => {
                assert_eq!(received, Received::Refused, "{datagram}");
                assert_eq!(log, [LogLine { debug: false, text: line }]);
            }
        }
    }
}

#[test]
fn words_and_statuses_of_5() {
    let home = home("", &["x"]);
    let sent = message5("{\"executable\":\"x\",\"type\":\"stateful\",\"stateful_timeout\":5}");
    let mut execd = Execd::new(setup(Contract::Json5, &[]));
    let start = started(execd.receive(&sent, &home));
    let first = execd.answer(&start, Some(&keys_line("[\"k\"]")), 0);
    let second = execd.answer(&start, Some(&keys_line("[\"k\"]")), 1);
    assert!(text(&first.line.unwrap()).ends_with(",\"command\":\"continue\"}"));
    assert!(text(&second.line.unwrap()).ends_with(",\"command\":\"abort\"}"));
    assert_eq!(execd.due(6), []);
    assert!(text(execd.due(7)[0].line.as_ref().unwrap()).ends_with(",\"command\":\"disable\"}"));
    // A command of the event's own stays in front; it is the one that is replaced later.
    let own = text(&sent).replacen('{', "{\"Command\":\"ls\",", 1);
    let start = started(execd.receive(own.as_bytes(), &home));
    let line = text(start.line.as_ref().unwrap());
    assert!(line.starts_with("{\"Command\":\"ls\",") && line.ends_with(",\"command\":\"enable\"}"));
    let line = text(&execd.answer(&start, Some(b"x\n"), 0).line.unwrap());
    assert!(line.starts_with("{\"command\":\"continue\",") && line.ends_with(",\"command\":\"enable\"}"));
    execd.take_log();
    for exit in [Some(0), Some(3), None] {
        execd.ended(b"active-response/bin/x", exit);
    }
    assert_eq!(
        said(&mut execd),
        [
            "WARNING: Active response command 'active-response/bin/x' reported failure (exit code 3).",
            "WARNING: Active response command 'active-response/bin/x' terminated abnormally.",
        ]
    );
    let mut four = execd4();
    four.ended(b"active-response/bin/x", Some(3));
    assert_eq!(four.log, []);
}

#[test]
fn messages_with_arguments() {
    let home = home("r600 - x.sh - 600\n", &["x.sh"]);
    let many = format!("r600{}", " a".repeat(40));
    for (sent, arguments) in [
        (
            "r600 - 10.0.0.1 1.2 3 (a) any->/f - -",
            vec!["-", "10.0.0.1", "1.2", "3", "(a)", "any->/f", "-", "-"],
        ),
        ("r600 u  x ", vec!["u", "", "x"]),
        ("!x.sh", vec![]),
        ("!x.sh ", vec![]),
        ("!x.sh one", vec!["one"]),
        (many.as_str(), vec!["a"; 29]),
    ] {
        let mut execd = Execd::new(setup(Contract::Args, &[]));
        let start = started(execd.receive(sent.as_bytes(), &home));
        assert_eq!(
            start.arguments.iter().map(|a| text(a)).collect::<Vec<_>>(),
            [vec!["add"], arguments].concat(),
            "{sent}"
        );
        assert_eq!((start.line, text(&start.path)), (None, "active-response/bin/x.sh".to_owned()));
    }
    for (sent, line) in [
        ("r600", "WARNING: (1310): Invalid active response (execd) message 'r600'."),
        ("r600 ", "ERROR: Invalid number of arguments (r600)"),
        ("r600 -", "ERROR: Invalid number of arguments (r600)"),
        ("r - 10.0.0.1", "ERROR: (1311): Invalid command name 'r' provided."),
        ("", "ERROR: (1210): Queue 'queue/alerts/execq' not accessible: 'No such file or directory'"),
    ] {
        let mut execd = Execd::new(setup(Contract::Args, &[]));
        assert_eq!(execd.receive(sent.as_bytes(), &home), Received::Refused, "{sent}");
        assert_eq!(said(&mut execd), [line]);
    }
    let mut execd = Execd::new(setup(Contract::Args, &[]));
    assert!(matches!(execd.receive(b"restart-wazuh x", &home), Received::Restart(_)));
}

#[test]
fn a_json_message_as_arguments() {
    let sent = br#"{"version":1,"command":"r600","parameters":{"extra_args":["-x","a b;"],"alert":{
        "id":"1700.12","rule":{"id":"5710"},"agent":{"id":"001","name":"web","ip":"10.0.0.9"},"location":"/var/log/a",
        "data":{"srcip":"::ffff:10.0.0.1","dstuser":"bob"},"syscheck":{"path":"/tmp/$x"}}}}"#;
    let expected = r"r600 bob 10.0.0.1 1700.12 5710 (web) 10.0.0.9->/var/log/a /tmp/\$x -x a b\;";
    assert_eq!(text(&args_message(sent).unwrap()), expected);
    let bare = br#"{"command":"r","parameters":{"alert":{"agent":{"id":"000","name":"m"},"location":"l","id":"1.2","rule":{"id":7}}}}"#;
    assert_eq!(text(&args_message(bare).unwrap()), "r - - 1.2 7 l - -");
    assert_eq!(args_message(b"r600 - 10.0.0.1"), None);
}

#[test]
fn the_session_of_arguments() {
    let home = home("r3 - x.sh - 3\nother3 - x.sh - 3\nr0 - x.sh - 0\n", &["x.sh"]);
    let mut execd = Execd::new(setup(Contract::Args, &[1, 2]));
    let first = started(execd.receive_at(b"r3 u 10.0.0.1 1.2 3", &home, 100));
    let answered = execd.answer(&first, None, 100);
    assert_eq!((answered.answer, answered.registered, answered.timeout), (None, true, 3));
    assert_eq!(execd.due(103), []);
    // The same file and address: not started at all, whatever the name; the end is put off.
    assert_eq!(execd.receive_at(b"other3 v 10.0.0.1 9.9 9", &home, 103), Received::Dropped);
    assert_eq!(execd.next_due(), Some(164));
    started(execd.receive_at(b"r3 u 10.0.0.2 1.2 3", &home, 103));
    let due = execd.due(164);
    let arguments: Vec<_> = due[0].arguments.iter().map(|argument| text(argument)).collect();
    assert_eq!((arguments.join(" "), due[0].line.clone()), ("delete u 10.0.0.1 1.2 3".to_owned(), None));
    // It counts on after the delete.
    let again = started(execd.receive_at(b"r3 u 10.0.0.1 1.2 3", &home, 200));
    assert_eq!(execd.answer(&again, None, 200).timeout, 120);
    // No timeout, nothing remembered.
    let once = started(execd.receive_at(b"r0 u 10.0.0.7 1.2 3", &home, 200));
    assert_eq!(execd.answer(&once, None, 200), Answered::default());
    assert_eq!(execd.pending().len(), 1);
}

fn contracts() -> impl Strategy<Value = Contract> {
    proptest::sample::select(vec![Contract::Args, Contract::Json4, Contract::Json5])
}

proptest! {
    #[test]
    fn nothing_panics(
        contract in contracts(),
        messages in proptest::collection::vec(
            proptest::collection::vec(proptest::sample::select(b"{}[]\":,\\!r/.. -\0\xff1command".to_vec()), 0..40), 1..4),
        table in proptest::collection::vec(proptest::sample::select(b"r- x\n!./1".to_vec()), 0..40),
        line in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..40)),
        now: i64,
        timeout: i32,
        minutes in proptest::collection::vec(any::<i32>(), 0..9),
    ) {
        let files = Home { ar_conf: Some(table), files: vec!["x", ""] };
        let mut execd = Execd::new(setup(contract, &minutes));
        for message in &messages {
            let received = execd.receive_at(message, &files, now);
            if let Received::Start(mut start) = received {
                start.timeout = timeout;
                execd.answer(&start, line.as_deref(), now);
                execd.delete_of(&start);
            }
            // Whatever the caller makes of it.
            let start = Start { path: message.clone(), arguments: vec![message.clone(); 3], line: line.clone(), timeout };
            execd.answer(&start, line.as_deref(), now);
            execd.answer(&start, Some(message), now);
            execd.delete_of(&start);
            execd.ended(message, Some(timeout));
        }
        execd.next_due();
        execd.due(now.saturating_sub(1));
        execd.stop();
    }

    #[test]
    fn every_delete_comes_due_exactly_once(
        contract in contracts(),
        minutes in proptest::collection::vec(-2..3_i32, 0..4),
        deeds in proptest::collection::vec((0..4_usize, 0..5_i64, -3..8_i32), 1..40),
    ) {
        let conf: String = (-3..8).map(|timeout| format!("r{timeout} - x - {timeout}\n")).collect();
        let files = home(&conf, &["x"]);
        let mut execd = Execd::new(setup(contract, &minutes));
        let (mut now, mut registered, mut came) = (1_000_i64, 0, 0);
        for (target, wait, timeout) in deeds {
            now += wait;
            came += execd.due(now).len();
            let message = match contract {
                Contract::Args => format!("r{timeout} u {target} 1.2 3").into_bytes(),
                Contract::Json4 => message(&format!("r{timeout}")),
                Contract::Json5 => message5(&format!(
                    "{{\"executable\":\"x\",\"type\":\"stateful\",\"stateful_timeout\":{timeout}}}"
                )),
            };
            let before = execd.pending().len();
            if let Received::Start(start) = execd.receive_at(&message, &files, now) {
                let line = match target {
                    0 => b"noise\n".to_vec(),
                    _ => keys_line(&format!("[\"{target}\"]")),
                };
                let answered = execd.answer(&start, Some(&line), now);
                prop_assert_eq!(execd.pending().len() - before, usize::from(answered.registered));
                prop_assert_eq!(answered.registered && timeout == 0, false);
                registered += usize::from(answered.registered);
            }
            prop_assert_eq!(execd.pending().len(), registered - came);
            let mut keys: Vec<_> = execd.pending().iter().map(|entry| entry.delete.session_key.clone()).collect();
            keys.sort();
            keys.dedup();
            prop_assert_eq!(keys.len(), execd.pending().len());
            if let Some(due) = execd.next_due().filter(|&due| due > now) {
                prop_assert_eq!(execd.clone().due(due - 1).len(), 0);
                prop_assert!(!execd.clone().due(due).is_empty());
            }
        }
        came += execd.due(now + 10_000).len();
        prop_assert_eq!(came, registered);
        prop_assert_eq!(execd.stop().len(), 0);
    }
}
