//! Runs made by hand, and the findings they must give.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::PathBuf;

use super::*;
use crate::engine::rank::rank;
use crate::replay::{Captured, Launch, Times};

const SENT: &str = r#"{"version":1,"origin":{"name":"","module":"wazuh-execd"},"command":"add","parameters":{"extra_args":[],"alert":{"rule":{"id":"5710"},"agent":{"name":"web-01"},"data":{"srcip":"203.0.113.9"}},"program":"active-response/bin/custom-block"}}"#;

fn target(timeout: i32) -> Target {
    Target {
        asked: "custom-block".to_owned(),
        name: "custom-block".to_owned(),
        path: PathBuf::from("active-response/bin/custom-block"),
        home: PathBuf::from("/var/ossec"),
        install: None,
        gid: Some(999),
        environment: vec![("PATH".into(), "/usr/sbin:/usr/bin".into())],
        timeout,
        timeout_from: "etc/shared/ar.conf:7".to_owned(),
    }
}

fn effect(kind: EffectKind, what: &str, added: &str, taken_back: Option<bool>) -> Effect {
    Effect {
        kind,
        what: what.to_owned(),
        change: "changed".to_owned(),
        added: vec![added.to_owned()],
        removed: Vec::new(),
        taken_back,
    }
}

fn rule(key: &str, taken_back: Option<bool>) -> Effect {
    effect(EffectKind::Firewall, "iptables", &format!("-A INPUT -s {key}/32 -j DROP"), taken_back)
}

fn keys_line(key: &str) -> Vec<u8> {
    format!(
        "{{\"version\":1,\"origin\":{{\"name\":\"custom-block\",\"module\":\"active-response\"}},\"command\":\"check_keys\",\"parameters\":{{\"keys\":[\"{key}\"]}}}}\n"
    )
    .into_bytes()
}

/// An add that did everything right.
fn add(label: &str, key: &str) -> StepRun {
    let sent = SENT.replace("203.0.113.9", key).into_bytes();
    StepRun {
        label: label.to_owned(),
        deed: Some(Deed::Add),
        bytes_read: sent.len() as u64 + 1,
        sent,
        launch: Some(Launch { started: true, errno: None, by_sh: false }),
        times: Times { line_read: Some(900), keys: Some(1_500), answered: Some(1_600), ended: Some(4_000) },
        first_line: Some(keys_line(key)),
        keys: Some(vec![key.to_owned()]),
        answer: Some(Answer::Continue),
        session_key: Some(format!("custom-block-{key}")),
        registered: true,
        timeout: 600,
        ended: Ended::Exit(0),
        effects: vec![rule(key, Some(true))],
        ..StepRun::default()
    }
}

fn delete(key: &str) -> StepRun {
    StepRun {
        label: "delete".to_owned(),
        deed: Some(Deed::Delete),
        sent: SENT.replace("\"add\"", "\"delete\"").into_bytes(),
        launch: Some(Launch { started: true, errno: None, by_sh: false }),
        bytes_read: 300,
        session_key: Some(format!("custom-block-{key}")),
        ended: Ended::Exit(0),
        effects: vec![Effect { taken_back: None, ..rule(key, None) }],
        ..StepRun::default()
    }
}

fn good() -> Run {
    let steps = vec![add("add", "203.0.113.9"), add("second target", "198.51.100.77"), delete("203.0.113.9")];
    Run { steps, ..Run::default() }
}

/// Without a timeout: no keys, no delete.
fn stateless() -> Run {
    let mut step = add("add", "203.0.113.9");
    step.first_line = None;
    step.keys = None;
    step.answer = None;
    step.session_key = None;
    step.registered = false;
    step.timeout = 0;
    for effect in &mut step.effects {
        effect.taken_back = None;
    }
    Run { steps: vec![step], ..Run::default() }
}

fn first(mut run: Run, change: impl Fn(&mut StepRun)) -> Run {
    change(run.steps.first_mut().unwrap());
    run
}

fn each_add(mut run: Run, change: impl Fn(&mut StepRun)) -> Run {
    run.steps.iter_mut().filter(|step| step.deed == Some(Deed::Add)).for_each(change);
    run
}

fn process(name: &str, is_script: bool, state: char, reads_stdin: bool, holds_stdout: bool) -> Waiting {
    Waiting {
        pid: 12,
        name: name.to_owned(),
        command: name.to_owned(),
        is_script,
        state,
        reads_stdin,
        holds_stdout,
    }
}

/// Only the add, and it did not end.
fn stuck(stuck: Stuck) -> Run {
    let mut step = add("add", "203.0.113.9");
    step.ended = Ended::Deadline;
    step.effects = Vec::new();
    step.times = Times { line_read: Some(900), ended: Some(10_000_000), ..Times::default() };
    if stuck.execd == ExecdWaits::Line {
        step.first_line = None;
        step.keys = None;
        step.answer = None;
        step.session_key = None;
        step.registered = false;
    }
    step.stuck = Some(stuck);
    Run { steps: vec![step], ..Run::default() }
}

fn waits(released_by: Option<Release>, output: &[u8]) -> Stuck {
    Stuck {
        execd: ExecdWaits::Line,
        processes: vec![process("custom-block", true, 'S', true, true)],
        released_by,
        output: output.to_vec(),
        partial: Vec::new(),
    }
}

fn says(run: Run, stderr: &str, status: i32) -> Run {
    each_add(run, |step| {
        step.ended = Ended::Exit(status);
        step.stderr = Captured { bytes: stderr.as_bytes().to_vec(), total: stderr.len() as u64 };
    })
}

fn without_effects(run: Run) -> Run {
    each_add(run, |step| step.effects = Vec::new())
}

/// Slugs of the entries, the headline first; advice is left out, as a report leaves it out.
fn entries(contract: Contract, timeout: i32, text: Option<&str>, run: &Run) -> Vec<&'static str> {
    let target = target(timeout);
    let case = Case { target: &target, contract, text: text.map(str::as_bytes) };
    let findings = judge(&case, run);
    for finding in &findings {
        assert!(finding.title.starts_with("custom-block"), "{}", finding.title);
        assert!(finding.title.ends_with('.') && !finding.title.contains('\n'), "{}", finding.title);
        assert!(!finding.evidence.is_empty() && !finding.remedy.is_empty() && !finding.cause.is_empty());
        assert_eq!(finding.verify, "ar-doctor replay custom-block");
    }
    rank(findings)
        .into_iter()
        .filter(|entry| entry.finding.severity > Severity::Advice)
        .map(|entry| entry.finding.check.check().slug)
        .collect()
}

const SH: &str = "#!/bin/sh\nread -r INPUT\nprintf '%s\\n' \"$KEYS\"\nread -r ANSWER\niptables -I INPUT -s \"$IP\" -j DROP\n";
const PY: &str = "#!/usr/bin/python3\nimport sys, json\nline = sys.stdin.readline()\n";
const SH_ARGUMENTS: &str = "#!/bin/sh\nACTION=$1\nUSER=$2\nIP=$3\niptables -I INPUT -s $3 -j DROP\n";
const SH_PLAIN_READ: &str =
    "#!/bin/bash\nread INPUT\nSRCIP=$(echo \"$INPUT\" | jq -r .parameters.alert.data.srcip)\n";
const SH_FIVE: &str = "#!/bin/bash\nread -r INPUT\nIP=$(printf '%s' \"$INPUT\" | jq -r '.source.ip')\ncase $(printf '%s' \"$INPUT\" | jq -r '.wazuh.active_response.name') in x) ;; esac\n";

#[test]
fn good_runs_say_nothing() {
    let none: [&str; 0] = [];
    for text in [None, Some(SH), Some(PY)] {
        assert_eq!(entries(Contract::Json4, 600, text, &good()), none);
        assert_eq!(entries(Contract::Json5, 600, text, &good()), none);
        assert_eq!(entries(Contract::Json4, 0, text, &stateless()), none);
        assert_eq!(entries(Contract::Json5, 0, text, &stateless()), none);
    }
    let args = first(stateless(), |step| {
        step.bytes_read = 0;
        step.sent = Vec::new();
    });
    assert_eq!(entries(Contract::Args, 600, Some(SH_ARGUMENTS), &args), none);
    // What the sandbox stopped says nothing about the script.
    let mut stopped = first(stateless(), |step| {
        step.ended = Ended::Stopped;
        step.effects = Vec::new();
    });
    stopped.not_containable =
        Some(Attempt { what: "/run/dbus/system_bus_socket".to_owned(), ..Attempt::default() });
    assert_eq!(entries(Contract::Json4, 600, Some(SH), &stopped), none);
}

#[test]
fn each_fault_is_the_headline_and_its_near_miss_is_not() {
    use Contract::{Json4, Json5};
    let keys = keys_line("203.0.113.9");
    let child = |held: bool, script: bool| {
        let mut processes = vec![process("sleep", false, 'S', false, held)];
        if script {
            processes.insert(0, process("custom-block", true, 'S', false, true));
        }
        Stuck { execd: ExecdWaits::Line, processes, ..Stuck::default() }
    };
    let exits = |state| Stuck {
        execd: ExecdWaits::Exit,
        processes: vec![process("custom-block", true, state, false, false)],
        ..Stuck::default()
    };
    let silent = || {
        each_add(good(), |step| {
            step.first_line = None;
            step.keys = None;
            step.answer = None;
            step.session_key = None;
            step.registered = false;
        })
    };
    let unread = |run: Run| each_add(run, |step| step.bytes_read = 0);
    let noise = |run: Run| {
        each_add(run, |step| {
            step.first_line = Some(b"starting\n".to_vec());
            step.keys = None;
            step.session_key = Some("custom-block".to_owned());
        })
    };
    let line = |run: Run, text: &str, keys: Option<Vec<String>>| {
        each_add(run, |step| {
            step.first_line = Some(text.as_bytes().to_vec());
            step.keys.clone_from(&keys);
            step.session_key = Some("custom-block".to_owned());
        })
    };
    let backslash = |run: Run| first(run, |step| step.sent = SENT.replace("web-01", "C:\\\\x").into_bytes());
    let aborted = |run: Run, key: &str| {
        let mut run = each_add(run, |step| {
            step.keys = Some(vec![key.to_owned()]);
            step.first_line = Some(keys_line(key));
            step.session_key = Some(format!("custom-block-{key}"));
        });
        run.steps.get_mut(1).unwrap().answer = Some(Answer::Abort);
        run
    };
    let left = |effect: Effect| first(good(), |step| step.effects = vec![effect.clone()]);
    type Row<'a> = (&'a str, Contract, i32, Option<&'a str>, Run, &'a [&'a str]);
    let rows: Vec<Row<'_>> = vec![
        // stdin and the handshake
        (
            "to EOF",
            Json4,
            600,
            Some("#!/bin/bash\nI=$(cat)\n"),
            stuck(waits(Some(Release::EndOfInput), b"")),
            &["stdin-read-to-end"],
        ),
        (
            "to EOF, compiled, 5.x",
            Json5,
            0,
            None,
            stuck(waits(Some(Release::EndOfInput), &keys)),
            &["stdin-read-to-end"],
        ),
        (
            "unflushed keys",
            Json4,
            600,
            Some(PY),
            stuck(waits(Some(Release::SecondLine), &keys)),
            &["keys-not-flushed"],
        ),
        (
            "unflushed keys, compiled",
            Json4,
            600,
            None,
            stuck(waits(Some(Release::SecondLine), &keys)),
            &["keys-not-flushed"],
        ),
        (
            "no line feed",
            Json4,
            600,
            Some(SH),
            stuck(Stuck { partial: keys.trim_ascii_end().to_vec(), ..waits(Some(Release::SecondLine), b"") }),
            &["keys-not-flushed"],
        ),
        (
            "two reads",
            Json4,
            600,
            Some(SH),
            stuck(waits(Some(Release::SecondLine), b"")),
            &["answer-before-keys"],
        ),
        (
            "two reads in a shell, then keys",
            Json4,
            600,
            Some(SH),
            stuck(waits(Some(Release::SecondLine), &keys)),
            &["answer-before-keys"],
        ),
        ("child on stdout", Json4, 600, Some(SH), stuck(child(true, false)), &["child-holds-stdout"]),
        ("the script is still there", Json4, 600, Some(SH), stuck(child(true, true)), &["script-never-ends"]),
        ("hangs after the answer", Json4, 600, Some(SH), stuck(exits('S')), &["script-never-ends"]),
        ("busy", Json5, 0, None, stuck(exits('R')), &["script-never-ends"]),
        (
            "never takes the line",
            Json4,
            0,
            None,
            stuck(Stuck { execd: ExecdWaits::Write, ..Stuck::default() }),
            &["script-never-ends"],
        ),
        ("never reads", Json4, 0, Some("#!/bin/sh\nlogger x\n"), unread(stateless()), &["stdin-never-read"]),
        (
            "never reads, with a timeout",
            Json4,
            600,
            Some("#!/bin/sh\nlogger x\n"),
            unread(silent()),
            &["stdin-never-read"],
        ),
        (
            "a restart needs no input",
            Json4,
            0,
            Some("#!/bin/sh\nsystemctl restart nginx\n"),
            unread(stateless()),
            &[],
        ),
        (
            "arguments",
            Json4,
            600,
            Some(SH_ARGUMENTS),
            unread(says(without_effects(silent()), "iptables: option \"-s\" requires an argument", 2)),
            &["positional-arguments"],
        ),
        ("arguments as well as the line", Json4, 0, Some(SH_ARGUMENTS), stateless(), &[]),
        // keys
        ("noise", Json4, 600, Some(SH), noise(good()), &["noise-before-keys"]),
        ("noise, no timeout", Json4, 0, Some(PY), noise(stateless()), &[]),
        (
            "noise, then killed at its keys",
            Json4,
            0,
            Some("#!/bin/sh\n# check_keys\n"),
            each_add(noise(stateless()), |step| {
                step.answer = Some(Answer::Continue);
                step.ended = Ended::Signal(13);
            }),
            &["noise-before-keys"],
        ),
        (
            "the short form on 4.x",
            Json4,
            600,
            None,
            line(good(), "{\"command\":\"check_keys\",\"parameters\":{\"keys\":[\"203.0.113.9\"]}}\n", None),
            &["noise-before-keys"],
        ),
        (
            "empty list",
            Json4,
            600,
            None,
            line(
                good(),
                "{\"version\":1,\"origin\":{},\"command\":\"check_keys\",\"parameters\":{\"keys\":[]}}\n",
                Some(vec![]),
            ),
            &["keys-empty"],
        ),
        (
            "empty string",
            Json5,
            600,
            None,
            line(
                good(),
                "{\"command\":\"check_keys\",\"parameters\":{\"keys\":[\"\"]}}\n",
                Some(vec![String::new()]),
            ),
            &["keys-empty"],
        ),
        (
            "the word null",
            Json4,
            600,
            None,
            line(
                good(),
                "{\"version\":1,\"origin\":{},\"command\":\"check_keys\",\"parameters\":{\"keys\":[\"null\"]}}\n",
                Some(vec!["null".to_owned()]),
            ),
            &["keys-empty"],
        ),
        (
            "keys no array",
            Json4,
            600,
            None,
            line(
                good(),
                "{\"version\":1,\"origin\":{},\"command\":\"check_keys\",\"parameters\":{\"keys\":\"x\"}}\n",
                None,
            ),
            &["keys-empty"],
        ),
        ("constant", Json4, 600, None, aborted(good(), "blocked"), &["keys-constant"]),
        ("the rule's id", Json4, 600, None, aborted(good(), "5710"), &["keys-constant"]),
        (
            "constant, no timeout",
            Json4,
            0,
            None,
            each_add(good(), |step| step.keys = Some(vec!["x".to_owned()])),
            &[],
        ),
        ("no keys", Json4, 600, Some(SH), silent(), &["keys-missing"]),
        ("no keys, no timeout", Json4, 0, Some(SH), stateless(), &[]),
        (
            "keys cut",
            Json4,
            600,
            None,
            first(good(), |step| {
                step.daemon_log = vec![
                    "WARNING: Active response key exceeds maximum size (4096). Truncating keys.".to_owned(),
                ]
            }),
            &["keys-too-long"],
        ),
        (
            "keys too long to be read",
            Json5,
            600,
            None,
            each_add(good(), |step| {
                step.first_line = Some(vec![b'x'; 8191]);
                step.keys = None;
            }),
            &["keys-too-long"],
        ),
        // after the answer
        (
            "SIGPIPE",
            Json4,
            600,
            Some(SH),
            first(good(), |step| step.ended = Ended::Signal(13)),
            &["output-after-answer"],
        ),
        (
            "BrokenPipeError",
            Json4,
            600,
            Some(PY),
            says(good(), "BrokenPipeError: [Errno 32] Broken pipe", 120),
            &["output-after-answer"],
        ),
        (
            "a second line",
            Json5,
            600,
            None,
            first(good(), |step| step.after_line = b"done\n".to_vec()),
            &["output-after-answer"],
        ),
        (
            "an empty second line",
            Json5,
            600,
            None,
            first(good(), |step| step.after_line = b"\n".to_vec()),
            &[],
        ),
        (
            "SIGPIPE of its own",
            Json4,
            0,
            None,
            first(stateless(), |step| step.ended = Ended::Signal(13)),
            &["script-killed"],
        ),
        // read
        ("read without -r", Json4, 600, Some(SH_PLAIN_READ), good(), &["read-without-r"]),
        (
            "read without -r, seen",
            Json4,
            600,
            Some(SH_PLAIN_READ),
            without_effects(says(
                backslash(silent()),
                "parse error: Invalid numeric literal at line 1, column 40",
                0,
            )),
            &["read-without-r"],
        ),
        (
            "read without -r, harmless",
            Json4,
            600,
            Some(SH_PLAIN_READ),
            each_add(good(), |step| step.sent.extend_from_slice(b"\\\\")),
            &[],
        ),
        // other generation
        (
            "5.x on 4.x",
            Json4,
            600,
            Some(SH_FIVE),
            without_effects(line(
                good(),
                "{\"version\":1,\"origin\":{},\"command\":\"check_keys\",\"parameters\":{\"keys\":[\"null\"]}}\n",
                Some(vec!["null".to_owned()]),
            )),
            &["script-other-contract"],
        ),
        ("5.x on 5.x", Json5, 600, Some(SH_FIVE), good(), &[]),
        // its end
        ("status 1", Json4, 0, Some(SH), says(stateless(), "", 1), &["script-exits-nonzero"]),
        (
            "SIGSEGV",
            Json4,
            600,
            None,
            first(good(), |step| step.ended = Ended::Signal(11)),
            &["script-killed"],
        ),
        (
            "jq missing",
            Json4,
            600,
            Some(SH),
            without_effects(says(
                line(
                    good(),
                    "{\"version\":1,\"origin\":{},\"command\":\"check_keys\",\"parameters\":{\"keys\":[\"\"]}}\n",
                    Some(vec![String::new()]),
                ),
                "active-response/bin/custom-block: line 3: jq: command not found",
                0,
            )),
            &["tool-missing"],
        ),
        (
            "jq missing, no keys",
            Json4,
            600,
            Some(SH),
            without_effects(says(silent(), "active-response/bin/custom-block: 3: jq: not found", 127)),
            &["tool-missing"],
        ),
        (
            "stock, iptables missing",
            Json4,
            600,
            None,
            each_add(without_effects(good()), |step| {
                step.log_lines = vec!["2026/01/01 00:00:00 active-response/bin/custom-block: The iptables file 'iptables' is not accessible: No such file or directory (2)".to_owned()]
            }),
            &["tool-missing"],
        ),
        (
            "module missing",
            Json4,
            600,
            Some(PY),
            unread(without_effects(says(silent(), "ModuleNotFoundError: No module named 'requests'", 1))),
            &["module-missing"],
        ),
        // injection, effects
        (
            "injection",
            Json4,
            600,
            None,
            first(good(), |step| step.canaries = vec![PathBuf::from("/run/ar-doctor-canary-001")]),
            &["shell-injection"],
        ),
        ("nothing changed", Json4, 600, None, without_effects(good()), &["changed-nothing"]),
        (
            "asked the network",
            Json4,
            0,
            None,
            each_add(without_effects(stateless()), |step| {
                step.attempts = vec![Attempt {
                    kind: AttemptKind::Network,
                    what: "192.0.2.1:443".to_owned(),
                    ..Attempt::default()
                }]
            }),
            &[],
        ),
        (
            "only a log",
            Json4,
            0,
            None,
            each_add(stateless(), |step| {
                step.effects =
                    vec![effect(EffectKind::File, "/var/ossec/logs/active-responses.log", "x", None)]
            }),
            &[],
        ),
        ("rule left", Json4, 600, None, left(rule("203.0.113.9", Some(false))), &["delete-does-not-revert"]),
        (
            "file left",
            Json4,
            600,
            None,
            left(effect(EffectKind::File, "/etc/hosts.deny", "ALL:203.0.113.9", Some(false))),
            &["delete-does-not-revert"],
        ),
        (
            "log left",
            Json4,
            600,
            None,
            {
                let mut run =
                    left(effect(EffectKind::File, "/var/log/block.log", "203.0.113.9", Some(false)));
                run.steps.first_mut().unwrap().effects.push(rule("203.0.113.9", Some(true)));
                run
            },
            &[],
        ),
        (
            "a log under another name",
            Json4,
            600,
            None,
            {
                let mut run = left(effect(
                    EffectKind::File,
                    "/srv/history",
                    "2026-01-01 blocked 203.0.113.9",
                    Some(false),
                ));
                run.steps.first_mut().unwrap().effects.push(rule("203.0.113.9", Some(true)));
                run
            },
            &[],
        ),
        (
            "state of its own left",
            Json4,
            600,
            None,
            {
                let mut run = left(effect(EffectKind::File, "/var/lib/custom/count", "1", Some(false)));
                run.steps.first_mut().unwrap().effects.push(rule("203.0.113.9", Some(true)));
                run
            },
            &[],
        ),
        (
            "an empty table left",
            Json4,
            600,
            None,
            {
                let mut run =
                    left(effect(EffectKind::Firewall, "nftables", "table ip filter {", Some(false)));
                run.steps.first_mut().unwrap().effects.push(rule("203.0.113.9", Some(true)));
                run
            },
            &[],
        ),
        // launch
        (
            "EACCES",
            Json4,
            600,
            None,
            Run {
                steps: vec![StepRun {
                    label: "add".to_owned(),
                    deed: Some(Deed::Add),
                    launch: Some(Launch { started: false, errno: Some(13), by_sh: false }),
                    ended: Ended::Exit(127),
                    ..StepRun::default()
                }],
                ..Run::default()
            },
            &["launch-refused"],
        ),
        (
            "refused by execd",
            Json4,
            600,
            None,
            Run {
                steps: vec![StepRun {
                    label: "add".to_owned(),
                    deed: Some(Deed::Add),
                    refused: true,
                    ..StepRun::default()
                }],
                ..Run::default()
            },
            &[],
        ),
    ];
    let mut wrong = Vec::new();
    for (what, contract, timeout, text, run, expected) in &rows {
        let found = entries(*contract, *timeout, *text, run);
        if found.first() != expected.first() || expected.is_empty() != found.is_empty() {
            wrong.push(format!("{what}: {found:?}, not {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn hostile_steps_may_be_refused() {
    let mut run = good();
    for label in ["missing field parameters.alert.data.srcip", "IPv6 address", "delete without add"] {
        let mut step = add(label, "203.0.113.9");
        step.ended = Ended::Exit(1);
        step.first_line = None;
        step.keys = None;
        step.answer = None;
        step.session_key = None;
        step.effects = Vec::new();
        run.steps.push(step);
    }
    assert_eq!(entries(Contract::Json4, 600, Some(SH), &run), [] as [&str; 0]);
    // To hang is never right.
    let mut step = stuck(waits(Some(Release::EndOfInput), b"")).steps.remove(0);
    step.label = "missing field x".to_owned();
    run.steps.push(step);
    assert_eq!(entries(Contract::Json4, 600, Some(SH), &run), ["stdin-read-to-end"]);
}

#[test]
fn the_injected_field_is_named() {
    let mut run = good();
    let mut step = add("injection ; | && &", "203.0.113.9");
    step.sent = SENT.replace("web-01", "x;touch /run/ar-doctor-canary-004;").into_bytes();
    step.canaries = vec![PathBuf::from("/run/ar-doctor-canary-004")];
    run.steps.push(step);
    let target = target(600);
    let findings = judge(&Case { target: &target, contract: Contract::Json4, text: None }, &run);
    let found = findings.iter().find(|finding| finding.check == checks::SHELL_INJECTION).unwrap();
    assert!(found.title.contains("parameters.alert.agent.name"), "{}", found.title);
}

#[test]
fn outcomes() {
    let target = target(600);
    let case = Case { target: &target, contract: Contract::Json4, text: None };
    let good = good();
    let expected = Outcome {
        blocks_execd: Some(false),
        reads_line: Some(true),
        keys: vec!["203.0.113.9".to_owned()],
        registered: true,
        session_key: Some("custom-block-203.0.113.9".to_owned()),
        second_target_aborted: Some(false),
        delete_ran: Some(true),
        exit_status: Some(0),
        signal: None,
    };
    assert_eq!(outcome(&case, &good), expected);
    assert_eq!(
        one_line(&case, &good),
        "custom-block would run: it reads the line, sends the key 203.0.113.9, and its delete takes back what add did."
    );
    let hung = outcome(&case, &stuck(waits(Some(Release::EndOfInput), b"")));
    assert_eq!((hung.blocks_execd, hung.exit_status, hung.delete_ran), (Some(true), None, None));
    assert_eq!(outcome(&case, &Run::default()), Outcome::default());
    assert_eq!(one_line(&case, &Run::default()), "custom-block was not played.");
}

proptest::proptest! {
    #[test]
    fn any_run_gives_findings_that_can_be_read(
        stderr in proptest::collection::vec(proptest::num::u8::ANY, 0..80),
        line in proptest::option::of(proptest::collection::vec(proptest::num::u8::ANY, 0..40)),
        ended in 0..6_i32,
        read in 0..3_u64,
        timeout in -1..2_i32,
        waits_for in 0..4_i32,
        script in proptest::collection::vec(proptest::num::u8::ANY, 0..120),
    ) {
        let mut run = good();
        for step in &mut run.steps {
            step.stderr.bytes.clone_from(&stderr);
            step.first_line.clone_from(&line);
            step.keys = None;
            step.bytes_read = read;
            step.ended = match ended {
                0 => Ended::Never,
                1 => Ended::Deadline,
                2 => Ended::Stopped,
                3 => Ended::Signal(13),
                other => Ended::Exit(other - 4),
            };
            step.stuck = match waits_for {
                0 => Some(waits(None, &stderr)),
                1 => Some(waits(Some(Release::SecondLine), &stderr)),
                2 => Some(Stuck { execd: ExecdWaits::Exit, ..Stuck::default() }),
                _ => None,
            };
        }
        let mut text = b"#!/bin/sh\n".to_vec();
        text.extend_from_slice(&script);
        let target = target(timeout);
        for contract in [Contract::Args, Contract::Json4, Contract::Json5] {
            let case = Case { target: &target, contract, text: Some(&text) };
            for finding in judge(&case, &run) {
                proptest::prop_assert!(finding.title.starts_with("custom-block"));
                proptest::prop_assert!(!finding.remedy.is_empty());
            }
            proptest::prop_assert!(!one_line(&case, &run).is_empty());
        }
    }
}
