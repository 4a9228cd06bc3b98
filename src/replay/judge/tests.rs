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
    let case = Case { target: &target, contract, text: text.map(str::as_bytes), real: false };
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
                step.first_line =
                    Some([&br#"{"parameters":{"keys":[""#[..], &[b'x'; 8191]].concat()[..8191].to_vec());
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
            &["message-refused"],
        ),
        (
            "a refusal that was meant",
            Json4,
            600,
            None,
            {
                let mut run = good();
                run.steps.push(StepRun {
                    label: "malformed JSON".to_owned(),
                    deed: Some(Deed::Add),
                    refused: true,
                    ..StepRun::default()
                });
                run
            },
            &[],
        ),
        (
            "much without a line feed",
            Json4,
            600,
            None,
            each_add(good(), |step| {
                step.first_line = Some(vec![b'A'; 8191]);
                step.keys = None;
            }),
            &["noise-before-keys"],
        ),
        (
            "the whole event, and that is long",
            Json4,
            600,
            None,
            each_add(good(), |step| {
                step.first_line = Some([SENT.as_bytes(), &vec![b' '; 8191]].concat()[..8191].to_vec());
                step.keys = None;
            }),
            &["noise-before-keys"],
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
    let findings = judge(&Case { target: &target, contract: Contract::Json4, text: None, real: false }, &run);
    let found = findings.iter().find(|finding| finding.check == checks::SHELL_INJECTION).unwrap();
    assert!(found.title.contains("parameters.alert.agent.name"), "{}", found.title);
}

#[test]
fn what_execd_refuses_is_told_in_its_own_words() {
    let target = target(600);
    let case = Case { target: &target, contract: Contract::Json4, text: None, real: false };
    let refused = |log: &str| Run {
        steps: vec![StepRun {
            label: "delete".to_owned(),
            deed: Some(Deed::Delete),
            refused: true,
            daemon_log: log.lines().map(str::to_owned).collect(),
            ..StepRun::default()
        }],
        ..Run::default()
    };
    let log = "INFO: Active response command not present: 'active-response/bin/y'. Not using it on this system.\nERROR: (1311): Invalid command name 'x' provided.";
    let findings = judge(&case, &refused(log));
    assert_eq!(findings.len(), 1);
    assert!(format!("{:?}", findings[0].evidence).contains("(1311)"), "{findings:?}");
    assert_eq!(findings[0].check, checks::MESSAGE_REFUSED);
    assert!(judge(&case, &refused(""))[0].title.contains("without a word"));
    // A fault of the event that says why comes first.
    for check in [
        checks::PAYLOAD_NOT_JSON,
        checks::PAYLOAD_OTHER_CONTRACT,
        checks::PAYLOAD_FIELD_TYPE,
        checks::PAYLOAD_TOO_LARGE,
    ] {
        let cause = Finding::new(check, Subject::Response("custom-block".to_owned()), "why");
        let ranked = rank(findings.iter().cloned().chain([cause]).collect());
        assert_eq!((ranked.len(), ranked[0].finding.check), (1, check));
        let mild = Finding::new(check, Subject::Response("custom-block".to_owned()), "why")
            .severity(Severity::Warning);
        let ranked = rank(findings.iter().cloned().chain([mild]).collect());
        assert_eq!((ranked.len(), ranked[0].finding.check), (2, checks::MESSAGE_REFUSED));
    }
}

#[test]
fn a_slow_script_is_told() {
    let target = target(600);
    let case = |contract| Case { target: &target, contract, text: None, real: false };
    let slow_by = |time| first(good(), |step| step.times.ended = Some(time));
    let said = slow(&case(Contract::Json4), &slow_by(5_040_000)).unwrap();
    assert!(said.contains("for 5.0 s while custom-block runs (step add)"), "{said}");
    assert_eq!(slow(&case(Contract::Json4), &slow_by(999_999)), None);
    assert_eq!(slow(&case(Contract::Args), &slow_by(5_000_000)), None);
    // What never ends is a finding.
    assert_eq!(slow(&case(Contract::Json4), &stuck(waits(None, b""))), None);
}

#[test]
fn outcomes() {
    let target = target(600);
    let case = Case { target: &target, contract: Contract::Json4, text: None, real: false };
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
    let table = effect(EffectKind::Firewall, "nft", "table inet block", Some(false));
    let log = effect(EffectKind::File, "/var/log/x.log", "blocked", Some(false));
    for (more, said) in [
        (vec![log.clone()], "and its delete takes back what add did."),
        (
            vec![log, table.clone()],
            "and its delete takes back 1 of 2 changes (the packet filter (nft) stays).",
        ),
        (
            vec![table.clone(), effect(EffectKind::File, "/etc/hosts", "192.0.2.1 x", Some(false))],
            "and its delete takes back 1 of 3 changes (the packet filter (nft) and 1 more stay).",
        ),
    ] {
        let run = first(good.clone(), |step| step.effects.extend(more.clone()));
        let line = one_line(&case, &run);
        assert!(line.ends_with(said), "{line}");
    }
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
            let case = Case { target: &target, contract, text: Some(&text), real: false };
            for finding in judge(&case, &run) {
                proptest::prop_assert!(finding.title.starts_with("custom-block"));
                proptest::prop_assert!(!finding.remedy.is_empty());
            }
            proptest::prop_assert!(!one_line(&case, &run).is_empty());
        }
    }
}

/// A failure that a sandbox explains is told, and blamed on nobody; its near miss is blamed.
#[test]
fn what_only_the_sandbox_lacks_is_no_fault() {
    let reach = |kind, what: &str| vec![Attempt { kind, what: what.to_owned(), ..Attempt::default() }];
    let network = reach(AttemptKind::Network, "203.0.113.5:443");
    let none = Vec::new();
    let rows: &[(&str, &[Attempt], &str, i32, &str)] = &[
        ("#!/bin/sh\n", &none, "", 1, ""),
        ("#!/bin/sh\n", &network, "", 1, "could not reach 203.0.113.5:443"),
        ("#!/bin/sh\n", &network, "curl: (7) Failed to connect to x", 7, "could not reach 203.0.113.5:443"),
        ("#!/bin/sh\n", &reach(AttemptKind::Lookup, "/run/nscd/socket"), "", 1, ""),
        ("#!/usr/bin/python3\n", &network, "Traceback\nKeyError: 'srcip'", 1, ""),
        ("#!/bin/sh\n", &none, "curl: (6) Could not resolve host: a.example", 6, "could not reach something"),
        (
            "#!/bin/sh\n",
            &none,
            "x: line 4: /proc/sys/net/ipv4/tcp_syncookies: Read-only file system",
            1,
            "/proc/sys/net/ipv4/tcp_syncookies",
        ),
        ("#!/bin/sh\n", &none, "x: line 4: /opt/list: Read-only file system", 1, ""),
        (
            "#!/bin/sh\n",
            &none,
            "sysctl: permission denied on key \"net.ipv4.conf.all.rp_filter\"",
            1,
            "setting of the kernel",
        ),
        ("#!/bin/sh\n", &none, "iptables: No chain/target/match by that name.", 1, "packet filter"),
        ("#!/bin/sh\n", &none, "iptables v1.8.9 (nf_tables): unknown option \"--x\"", 2, ""),
        (
            "#!/bin/sh\n",
            &none,
            "Error: No such file or directory\nadd element inet filter x { 192.0.2.1 }\n  ^^^^",
            1,
            "packet filter",
        ),
        ("#!/bin/sh\n", &none, "cat: /etc/list: No such file or directory", 1, ""),
        ("#!/bin/sh\n", &none, "Cannot find device \"eth0\"", 1, "device"),
        ("#!/bin/sh\n", &none, "RTNETLINK answers: File exists", 2, ""),
        (
            "#!/bin/sh\n",
            &none,
            "chattr: Operation not supported while setting flags on /etc/x",
            1,
            "attributes",
        ),
        ("#!/bin/sh\n", &none, "x: line 3: kill: (4242) - No such process", 1, "process"),
        ("#!/bin/sh\n", &none, "Failed to connect to bus: Host is down", 1, "systemd"),
        ("#!/bin/sh\n", &none, "FirewallD is not running", 252, "firewalld"),
        ("#!/bin/sh\npkill -9 -u games\n", &none, "", 1, "processes"),
        ("#!/bin/sh\n# pkill\n", &none, "", 1, ""),
        ("#!/bin/sh\npkill -9 -u games\n", &none, "x: line 2: bad: command not found", 1, ""),
        ("#!/bin/sh\nip -4 link set eth0 down\n", &none, "", 1, "devices"),
        ("#!/bin/sh\n", &network, "x: 3: curl: not found", 127, ""),
    ];
    let target = target(0);
    let mut wrong = Vec::new();
    for (text, attempts, stderr, status, wanted) in rows {
        let run = each_add(without_effects(says(stateless(), stderr, *status)), |step| {
            step.attempts = attempts.to_vec();
        });
        let case =
            |real| Case { target: &target, contract: Contract::Json4, text: Some(text.as_bytes()), real };
        let blamed = !judge(&case(false), &run).is_empty();
        let notes = notes(&case(false), &run);
        let told = notes.first().is_some_and(|note| note.contains(wanted));
        if wanted.is_empty() && !(blamed && notes.is_empty()) || !wanted.is_empty() && (blamed || !told) {
            wrong.push(format!("{stderr}, {text}: {blamed}, {notes:?}"));
        }
        if !wanted.is_empty() {
            assert!(one_line(&case(false), &run).contains("cannot be judged"));
        }
        assert!(!judge(&case(true), &run).is_empty(), "for real: {stderr}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_not_watched_is_not_nothing() {
    for (text, is_nothing) in [
        ("#!/bin/sh\n:\n", true),
        ("#!/bin/sh\npkill -u x\nexit 0\n", false),
        ("#!/bin/sh\nfor p in $(pgrep -f x); do kill $p; done\n", false),
        ("#!/bin/sh\nlogger -t ar blocked\n", false),
        ("#!/bin/sh\necho x > /dev/kmsg\n", false),
        ("#!/bin/sh\ncurl -s http://x\n", false),
        ("#!/bin/sh\n# logger, mail, curl\n", true),
        // It logs as well, but its work would have been seen.
        ("#!/bin/sh\nlogger x\niptables -I INPUT -s \"$IP\" -j DROP\n", true),
    ] {
        let run = without_effects(stateless());
        let found = entries(Contract::Json4, 0, Some(text), &run);
        assert_eq!(found == ["changed-nothing"], is_nothing, "{text}: {found:?}");
    }
}

#[test]
fn keys_with_a_flush_came_too_late() {
    let held = || stuck(waits(Some(Release::SecondLine), &keys_line("203.0.113.9")));
    for (text, slug) in [
        (PY.to_owned(), "keys-not-flushed"),
        (format!("{PY}print(k, flush=True)\n"), "answer-before-keys"),
        (format!("{PY}sys.stdout.flush()\n"), "answer-before-keys"),
        (format!("{PY}# flush=True\n"), "keys-not-flushed"),
        (PY.replace("python3", "python3 -u"), "answer-before-keys"),
        ("#!/usr/bin/perl\n$| = 1;\nprint $k;\n".to_owned(), "answer-before-keys"),
        ("#!/usr/bin/perl\nprint $k;\n".to_owned(), "keys-not-flushed"),
    ] {
        assert_eq!(entries(Contract::Json4, 600, Some(&text), &held()), [slug], "{text}");
    }
    let target = target(600);
    let case = Case { target: &target, contract: Contract::Json4, text: None, real: false };
    let found = judge(&case, &held());
    assert_eq!(found.first().unwrap().confidence, Confidence::Likely);
}

#[test]
fn a_srcip_of_code_never_comes_on_4() {
    let mut run = good();
    let mut step = add("injection eval, addresses too", "203.0.113.9");
    step.sent = SENT.replace("203.0.113.9", "x;echo x>/run/ar-doctor-canary-004;").into_bytes();
    step.canaries = vec![PathBuf::from("/run/ar-doctor-canary-004")];
    run.steps.push(step.clone());
    let target = target(600);
    let sure = |contract, run: &Run| {
        let found = judge(&Case { target: &target, contract, text: None, real: false }, run);
        found.iter().find(|finding| finding.check == checks::SHELL_INJECTION).unwrap().confidence
    };
    assert_eq!(sure(Contract::Json4, &run), Confidence::Likely);
    assert_eq!(sure(Contract::Json5, &run), Confidence::Proven);
    step.sent = SENT.replace("web-01", "x;echo x>/run/ar-doctor-canary-004;").into_bytes();
    *run.steps.last_mut().unwrap() = step;
    assert_eq!(sure(Contract::Json4, &run), Confidence::Proven);
}

#[test]
fn carriage_returns_and_a_closed_input_are_named() {
    let target = target(0);
    let found = |text: &str, run: &Run| {
        judge(
            &Case { target: &target, contract: Contract::Json4, text: Some(text.as_bytes()), real: false },
            run,
        )
    };
    let failed = says(stateless(), "x: line 5: syntax error: unexpected end of file", 2);
    let of = |text: &str| found(text, &failed).into_iter().any(|finding| finding.title.contains("CR LF"));
    assert!(of("#!/bin/bash\nread -r L\r\nif true; then\r\n:\r\nfi\r\n"));
    assert!(!of("#!/bin/bash\nread -r L\nif true; then\n"));
    let unread = each_add(failed, |step| step.bytes_read = 0);
    let never =
        |text: &str| found(text, &unread).iter().any(|finding| finding.check == checks::STDIN_NEVER_READ);
    assert!(never("#!/bin/bash\nexec </dev/null\nread -r L\n"));
    assert!(!never("#!/bin/bash\nread -r L\n"));
}
