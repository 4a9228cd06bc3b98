//! `ar-doctor replay` through the built binary on scripts of our own: good ones in
//! many styles, one for each way to fail, and events of all kinds. Root only.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "a test fails by panicking")]

#[path = "replay/play.rs"]
mod play;
#[path = "replay/quirks.rs"]
mod quirks;
#[path = "replay/rows.rs"]
mod rows;
mod support;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use ar_doctor::findings::CheckId;
use ar_doctor::findings::catalogue::FoundBy;
use play::{ALERT, Place, Played, doctor, message, replay, run, skipped, wrong};
use regex::Regex;
use rows::{BAD, EVENTS, GOOD, ONCE, Row, STYLES, Shows};
use serde_json::{Value, json};

const FINE: Option<i32> = Some(0);
const BROKEN: Option<i32> = Some(5);

/// Checks that have tests of their own here, with a near miss in them.
const OWN_TESTS: &[&str] = &["launch-refused", "message-refused"];

/// What is wrong with a home of the fixtures on this machine: nothing runs in it, and
/// nobody here is called wazuh.
const OF_THE_MACHINE: &[&str] = &["group-missing", "execd-not-running", "stale-pid-file"];

fn base(contract: &str) -> &'static str {
    if contract == "json5" { "agent-5.0-debian" } else { "agent-4.14-debian" }
}

/// Plays a row; none when the machine lacks a compiler.
fn play_row(place: &Place, number: usize, row: &Row, more: &[&str]) -> Option<Played> {
    let target = place.script(row.script, row.contract)?;
    let event = place.file(&format!("{number}{}.json", more.concat()), row.text());
    let mut arguments = vec!["--contract", row.contract];
    if !row.arguments.contains(&"--timeout") {
        arguments.extend(["--timeout", "600"]);
    }
    arguments.extend(row.arguments);
    arguments.extend(more);
    Some(replay(&target, &event, &place.home(base(row.contract)), &arguments))
}

/// Homes are made before several threads ask for them.
fn ready() -> Place {
    let place = Place::new();
    for base in ["agent-4.14-debian", "agent-5.0-debian", "manager-4.14-debian"] {
        place.home(base);
    }
    place
}

fn judge(row: &Row, played: &Played, more: &[&str]) -> Result<(), String> {
    let said = |why: &str| {
        Err(format!(
            "{} {} {:?} {more:?}: {why}\n  {}",
            row.script,
            row.contract,
            row.shows,
            played.summary()
        ))
    };
    match row.shows {
        Shows::Clean if !played.report["findings"].is_array() => said("there is no report"),
        Shows::Clean if !played.findings().is_empty() => said("it is not silent"),
        Shows::Clean if played.status != FINE => said("its exit status is not 0"),
        Shows::Clean => Ok(()),
        Shows::Fault(slug) | Shows::Told(slug) if played.headline() != slug => said("another check leads"),
        Shows::Fault(_) | Shows::Told(_) => {
            let error = played.findings().iter().any(|(_, _, severity)| severity == "error");
            let right = played.status == BROKEN || (!error && played.status == FINE);
            if right { Ok(()) } else { said("the exit status does not fit") }
        }
    }
}

fn all(rows: &[Row], more: &[&str]) {
    if skipped() {
        return;
    }
    let place = ready();
    let numbered: Vec<(usize, &Row)> = rows.iter().enumerate().collect();
    let wrong = wrong(&numbered, |(number, row)| {
        play_row(&place, *number, row, more).map_or(Ok(()), |played| judge(row, &played, more))
    });
    assert!(wrong.is_empty(), "{} of {} rows fail:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
}

#[test]
fn each_way_to_fail_is_the_headline() {
    all(BAD, &[]);
}

#[test]
fn good_scripts_are_silent() {
    all(GOOD, &[]);
    all(ONCE, &[]);
}

#[test]
fn scripts_that_lack_something_here_are_told_what() {
    all(STYLES, &[]);
}

#[test]
fn good_scripts_pass_the_battery() {
    all(GOOD, &["--conformance"]);
}

/// What a good script of a response with a timeout does, as the report has it.
#[test]
fn the_outcome_of_a_good_script_is_told() {
    if skipped() {
        return;
    }
    let place = ready();
    let stateful: Vec<(usize, &Row)> =
        GOOD.iter().enumerate().filter(|(_, row)| !row.arguments.contains(&"--timeout")).collect();
    let wrong = wrong(&stateful, |(number, row)| {
        let Some(played) = play_row(&place, *number, row, &[]) else { return Ok(()) };
        let outcome = &played.report["outcome"];
        let told = json!({
            "blocks_execd": outcome["blocks_execd"],
            "reads_line": outcome["reads_line"],
            "registered": outcome["registered"],
            "second_target_aborted": outcome["second_target_aborted"],
            "delete_ran": outcome["delete_ran"],
            "exit_status": outcome["exit_status"],
            "signal": outcome["signal"],
        });
        let expected = json!({
            "blocks_execd": false,
            "reads_line": true,
            "registered": true,
            "second_target_aborted": false,
            "delete_ran": true,
            "exit_status": 0,
            "signal": null,
        });
        let effects = played.report["effects"].as_array().map_or(0, Vec::len);
        let key = if row.script.contains("lock-account") || row.script == "good/json5/perl-stdin.pl" {
            "nobody"
        } else {
            "203.0.113.9"
        };
        if told != expected
            || outcome["keys"][0] != key
            || effects == 0
            || played.report["launch"]["started"] != true
        {
            return Err(format!(
                "{} {}: {told} {effects} effects, keys {}",
                row.script, row.contract, outcome["keys"]
            ));
        }
        Ok(())
    });
    assert!(wrong.is_empty(), "{} rows fail:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn events_are_judged_before_they_are_played() {
    if skipped() {
        return;
    }
    let place = ready();
    let numbered: Vec<_> = EVENTS.iter().enumerate().collect();
    let wrong = wrong(&numbered, |(number, event)| {
        let file = place.file(&format!("event{number}.json"), (event.make)());
        let contract = if event.base.contains("-5.") { "json5" } else { "json4" };
        let name = if contract == "json5" { "sh-head-short-keys" } else { "sh-head" };
        let target = play::script(&format!("good/{contract}/{name}.sh"));
        let arguments = ["--contract", contract, "--timeout", "600"];
        let home = place.home(event.base);
        // `--check-only` says the same of the event as a replay.
        for more in [&["--check-only"][..], &[]] {
            let played = replay(&target, &file, &home, &[&arguments[..], more].concat());
            let said = |why: &str| {
                Err(format!("{} {:?} {more:?}: {why}\n  {}", event.what, event.shows, played.summary()))
            };
            let valid = &played.report["payload"]["valid"];
            let error = played
                .findings()
                .iter()
                .any(|(_, slug, severity)| severity == "error" && slug.starts_with("payload-"));
            match event.shows {
                Shows::Clean if !played.findings().is_empty() || played.status != FINE => {
                    return said("not silent");
                }
                Shows::Clean if valid != &json!(true) => return said("it is not called valid"),
                Shows::Fault(slug) | Shows::Told(slug) if played.headline() != slug => {
                    return said("another check leads");
                }
                Shows::Told(_) if valid != &json!(true) => return said("it is not called valid"),
                Shows::Told(_) if error => return said("it is called an error"),
                // What is only read out of the text of a script is a warning.
                Shows::Fault(_) if valid != &json!(!error) => {
                    return said("`valid` does not fit the findings");
                }
                Shows::Fault(_) if played.status != BROKEN => return said("the exit status is not 5"),
                _ => {}
            }
            let steps = played.report["steps"].as_array().map_or(0, Vec::len);
            if !more.is_empty() && steps > 0 {
                return said("--check-only played it");
            }
        }
        Ok(())
    });
    assert!(wrong.is_empty(), "{} of {} events fail:\n{}", wrong.len(), EVENTS.len(), wrong.join("\n"));
}

#[test]
fn every_check_of_replay_has_a_fault_and_a_near_miss() {
    let shown = BAD.iter().map(|row| row.shows).chain(EVENTS.iter().map(|event| event.shows));
    let mut faults: BTreeSet<&str> = shown
        .filter_map(|shows| match shows {
            Shows::Fault(slug) | Shows::Told(slug) => Some(slug),
            Shows::Clean => None,
        })
        .collect();
    let near = GOOD.iter().chain(ONCE).map(|row| row.near).chain(EVENTS.iter().map(|event| event.near));
    let mut near: BTreeSet<&str> = near.flatten().copied().collect();
    faults.extend(OWN_TESTS);
    near.extend(OWN_TESTS);
    let expected: BTreeSet<&str> = CheckId::all()
        .map(CheckId::check)
        .filter(|check| check.is_found_by(FoundBy::Replay))
        .map(|check| check.slug)
        .collect();
    assert!(expected.len() >= 30, "the catalogue has only {} checks of replay", expected.len());
    assert_eq!(faults, expected, "faults");
    assert_eq!(near, expected, "near misses");
}

#[test]
fn every_script_of_the_fixtures_is_in_a_table() {
    let used: BTreeSet<&str> =
        BAD.iter().chain(GOOD).chain(ONCE).chain(STYLES).map(|row| row.script).collect();
    let root = play::script("");
    let mut there = BTreeSet::new();
    for entry in walkdir::WalkDir::new(&root).into_iter().filter_map(Result::ok) {
        if entry.file_type().is_file() {
            let name = entry.path().strip_prefix(&root).expect("it is below").to_string_lossy().into_owned();
            assert!(used.contains(name.as_str()), "{name} is in no table");
            let text = fs::read_to_string(entry.path()).expect("it is text");
            let word = if name.starts_with("bad") { "Fault: " } else { "Style: " };
            let head: String = text.lines().take(2).collect();
            assert!(head.contains(word), "{name} does not begin by saying what it shows");
            there.insert(name);
        }
    }
    assert!(there.len() > 90, "{there:?}");
    // Correct ones that a replay finds nothing in.
    let clean: BTreeSet<&str> = GOOD
        .iter()
        .chain(STYLES)
        .filter(|row| row.shows == Shows::Clean && !row.script.starts_with("bad/"))
        .map(|row| row.script)
        .collect();
    assert!(clean.len() >= 30, "{clean:?}");
}

/// `{"version":1,"command":"add",...}`, as it is found in guides: no origin, no rule.
#[test]
fn the_short_message_of_the_guides_is_played() {
    if skipped() {
        return;
    }
    let place = ready();
    let text = r#"{"version":1,"command":"add","parameters":{"alert":{"data":{"srcip":"10.0.0.1"}}}}"#;
    let event = place.file("short.json", text);
    let target = play::script("good/json4/bash-read.sh");
    let played = replay(
        &target,
        &event,
        &place.home("agent-4.14-debian"),
        &["--contract", "json4", "--timeout", "600"],
    );
    assert_eq!(played.status, FINE, "{}", played.summary());
    assert_eq!(played.report["outcome"]["keys"], json!(["10.0.0.1"]), "{}", played.summary());
}

#[test]
fn the_full_message_with_origin_and_extra_args_is_played() {
    if skipped() {
        return;
    }
    let place = ready();
    let text =
        message(ALERT).replace(r#""extra_args":[]"#, r#""extra_args":["--zone","public"],"program":"x""#);
    let event = place.file("full.json", text);
    let script = place.file(
        "extra.sh",
        "#!/bin/bash\nread -r line\nmkdir -p /var/lib/extra\n\
         jq -r '.parameters.extra_args | join(\" \")' <<<\"$line\" >/var/lib/extra/arguments\n\
         jq -r '.origin.module' <<<\"$line\" >>/var/lib/extra/arguments\n",
    );
    let home = place.home("agent-4.14-debian");
    let played = replay(&script, &event, &home, &["--contract", "json4", "--timeout", "0"]);
    assert_eq!(played.status, FINE, "{}", played.summary());
    let effects = played.report["effects"].to_string();
    assert!(effects.contains("--zone public"), "{effects}");
    assert!(effects.contains("wazuh-execd"), "execd names itself as the origin: {effects}");
}

#[test]
fn a_python_script_without_its_module_says_which() {
    if skipped() {
        return;
    }
    let place = ready();
    let event = place.file("event.json", ALERT);
    let target = play::script("bad/module-missing.py");
    let home = place.home("agent-4.14-debian");
    let played = replay(&target, &event, &home, &["--contract", "json4", "--timeout", "600"]);
    assert_eq!(played.status, BROKEN, "{}", played.summary());
    assert_eq!(played.headline(), "module-missing", "{}", played.summary());
    assert!(played.report["findings"][0].to_string().contains("wazuh_edge_firewall"), "{}", played.stdout);
}

#[test]
fn a_block_and_its_removal_are_seen() {
    if skipped() {
        return;
    }
    let place = ready();
    let home = place.home("agent-4.14-debian");
    let played = |text: &str, script: &str| {
        let event = place.file(&format!("{}.json", text.len()), text);
        replay(&play::script(script), &event, &home, &["--contract", "json4", "--timeout", "600"])
    };
    let rule = |played: &Played, rule: &str| -> Value {
        let effects = played.report["effects"].as_array().cloned().unwrap_or_default();
        let holds = |effect: &&Value| {
            let added = effect["added"].as_array().cloned().unwrap_or_default();
            effect["kind"] == "firewall" && added.iter().any(|line| line == rule)
        };
        effects.iter().find(holds).cloned().unwrap_or_else(|| panic!("no {rule} in {effects:#?}"))
    };
    let four = played(ALERT, "good/json4/bash-read.sh");
    assert_eq!(rule(&four, "-A INPUT -s 203.0.113.9/32 -j DROP")["taken_back"], true);
    let six = played(&play::alert_with("203.0.113.9", "2001:db8::1"), "good/json4/bash-read.sh");
    assert_eq!(rule(&six, "-A INPUT -s 2001:db8::1/128 -j DROP")["taken_back"], true);
    let stays = played(ALERT, "bad/not-reverted.sh");
    assert_eq!(rule(&stays, "-A INPUT -s 203.0.113.9/32 -j DROP")["taken_back"], false);
}

/// The script of the base host, changed, and what leads the report then.
#[test]
fn what_stops_a_launch_is_named_by_its_own_check() {
    if skipped() {
        return;
    }
    type Spoil = fn(&Path) -> std::io::Result<()>;
    let cases: &[(&str, Option<&str>, Spoil)] = &[
        ("as it is", None, |_| Ok(())),
        ("mode 640", Some("script-not-executable"), |script| {
            fs::set_permissions(script, fs::Permissions::from_mode(0o640))
        }),
        ("CR LF in line 1", Some("crlf-shebang"), |script| first_line(script, "#!/bin/bash\r")),
        ("CR LF in a comment only", None, |script| first_line(script, "#!/bin/bash\n# a comment\r")),
        ("no such interpreter", Some("interpreter-missing"), |script| {
            first_line(script, "#!/usr/local/bin/bash5.9")
        }),
        ("an interpreter env does not find", Some("env-not-in-path"), |script| {
            first_line(script, "#!/usr/bin/env bash5.9")
        }),
        ("gone", Some("executable-missing"), |script| fs::remove_file(script)),
        ("a dangling link", Some("executable-dangling-link"), |script| {
            fs::remove_file(script)?;
            std::os::unix::fs::symlink("/nonexistent/edge-block.sh", script)
        }),
        ("interpreters of interpreters without end", Some("interpreter-not-executable"), |script| {
            chain(script, 9)
        }),
        ("an interpreter that is a script itself", None, |script| chain(script, 1)),
    ];
    let wrong = wrong(cases, |(what, slug, spoil)| {
        let place = Place::new();
        let home = place.home("agent-4.14-debian");
        spoil(&home.join("active-response/bin/edge-block.sh"))
            .unwrap_or_else(|error| panic!("{what}: {error}"));
        let event = place.file("event.json", ALERT);
        let played = replay(Path::new("edge-block900"), &event, &home, &[]);
        let found = played.findings();
        let slugs = found.iter().map(|(_, slug, _)| slug.as_str());
        let headline = slugs.clone().find(|slug| !OF_THE_MACHINE.contains(slug)).unwrap_or_default();
        let launch = &played.report["launch"]["started"];
        let right = match slug {
            Some(slug) => {
                // env(1) itself does start.
                let started = launch == &json!(true) && *slug != "env-not-in-path";
                let cause = &played.report["launch"]["cause"];
                let told = *slug == "env-not-in-path"
                    || cause.is_string() && played.report["outcome"]["exit_status"].is_null();
                headline == *slug && played.status == BROKEN && !started && told
            }
            // It only writes a line to the log, which may be said.
            None => launch == &json!(true) && ["", "changed-nothing"].contains(&headline),
        };
        if right { Ok(()) } else { Err(format!("{what}, {slug:?}: {}", played.summary())) }
    });
    assert!(wrong.is_empty(), "{} of {} cases fail:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

/// Makes of a good script in bash and of one in python what does not start.
type Change = fn(&str) -> String;

fn with_first_line(text: &str, line: &str) -> String {
    let (_, rest) = text.split_once('\n').unwrap_or_default();
    format!("{line}\n{rest}")
}

fn without_first_line(text: &str) -> String {
    text.split_once('\n').map_or("", |(_, rest)| rest).to_owned()
}

/// What a file that is not installed shows: what is done to which good script, the check that leads,
/// and whether something is started at all.
const PLAIN: &[(&str, &str, Option<&str>, bool, Change)] = &[
    ("as it is", "bash-read.sh", None, true, str::to_owned),
    ("a comment behind it", "bash-read.sh", None, true, |text| {
        with_first_line(text, "#!/bin/bash\n# a comment\r")
    }),
    ("CR LF", "bash-read.sh", Some("crlf-shebang"), false, |text| with_first_line(text, "#!/bin/bash\r")),
    ("CR LF behind an option", "bash-read.sh", Some("crlf-shebang"), true, |text| {
        with_first_line(text, "#!/bin/bash -e\r")
    }),
    ("two words for env", "python-readline.py", Some("env-two-words"), true, |text| {
        with_first_line(text, "#!/usr/bin/env python3 -u")
    }),
    ("two words for env -S", "python-readline.py", None, true, |text| {
        with_first_line(text, "#!/usr/bin/env -S python3 -u")
    }),
    ("env without a program", "python-readline.py", Some("env-two-words"), true, |text| {
        with_first_line(text, "#!/usr/bin/env")
    }),
    ("env with an unknown program", "python-readline.py", Some("env-not-in-path"), true, |text| {
        with_first_line(text, "#!/usr/bin/env python5.9")
    }),
    ("no such interpreter", "bash-read.sh", Some("interpreter-missing"), false, |text| {
        with_first_line(text, "#!/opt/nonexistent/bash")
    }),
    ("no program for an interpreter", "bash-read.sh", Some("interpreter-not-executable"), false, |text| {
        with_first_line(text, "#!/etc/passwd")
    }),
    ("no absolute path", "bash-read.sh", Some("shebang-relative"), false, |text| {
        with_first_line(text, "#!bash")
    }),
    ("a byte order mark", "bash-read.sh", Some("shebang-behind-bom"), true, |text| format!("\u{feff}{text}")),
    ("a byte order mark", "python-readline.py", Some("shebang-behind-bom"), true, |text| {
        format!("\u{feff}{text}")
    }),
    // sh makes nothing of it but a line on standard error.
    ("a byte order mark", "sh-read.sh", Some("shebang-behind-bom"), true, |text| format!("\u{feff}{text}")),
    ("an empty line", "bash-read.sh", Some("shebang-behind-bom"), true, |text| format!("\n{text}")),
    ("no first line", "bash-read.sh", Some("shebang-missing"), true, without_first_line),
    ("no first line", "python-readline.py", Some("shebang-missing"), true, without_first_line),
    ("no first line", "perl-stdin.pl", Some("shebang-missing"), true, without_first_line),
    ("no first line", "sh-read.sh", Some("shebang-missing"), true, without_first_line),
    ("nothing", "bash-read.sh", Some("executable-empty"), true, |_| String::new()),
    ("a program for another machine", "bash-read.sh", Some("wrong-architecture"), true, |_| {
        let head = "\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x15\0\x01\0\0\0";
        format!("{head}{}", "\0".repeat(200))
    }),
];

#[test]
fn what_stops_the_launch_of_a_file_that_is_not_installed_is_named_too() {
    if skipped() {
        return;
    }
    let place = ready();
    let event = place.file("event.json", ALERT);
    // A file with a name of its own in each case; one has a blank in it.
    let cases: Vec<_> = PLAIN.iter().enumerate().collect();
    let wrong = wrong(&cases, |(number, (what, script, slug, started, change))| {
        let text = fs::read_to_string(play::script(&format!("good/json4/{script}")))
            .unwrap_or_else(|error| panic!("{script}: {error}"));
        let file = place.file(&format!("case {number}"), change(&text));
        for base in ["agent-4.14-debian", "manager-4.14-debian"] {
            let arguments = ["--contract", "json4", "--timeout", "600", "--deadline", "2s"];
            let played = replay(&file, &event, &place.home(base), &arguments);
            let said = |why: &str| Err(format!("{what}, {script} {slug:?}: {why}: {}", played.summary()));
            let first = &played.report["findings"][0];
            if played.headline() != slug.unwrap_or_default() {
                return said("another check leads");
            }
            if played.report["launch"]["started"] != json!(started) {
                return said("`started` is wrong");
            }
            if played.report["launch"]["cause"].is_string() == *started {
                return said("the cause is wrong");
            }
            if !started && !played.report["outcome"]["exit_status"].is_null() {
                return said("what did not start has an exit status");
            }
            if first.to_string().contains("/active-response/bin/case") {
                return said("it names a file that is not there");
            }
            let shown = file.to_string_lossy();
            if slug.is_some() && !first["evidence"].to_string().contains(&*shown) {
                return said("the evidence does not name the file");
            }
            // What is to be mended may be the interpreter.
            let of_file = *slug != Some("interpreter-not-executable");
            if slug.is_some() && of_file && !first["remedy"].to_string().contains(&*shown) {
                return said("the remedy does not name the file");
            }
            let ranked = played.report["findings"].as_array().cloned().unwrap_or_default();
            let milder = first["severity"] == "advice";
            if ranked.iter().filter(|finding| !finding["rank"].is_null()).count() > 1
                || (milder && ranked.len() > 1)
            {
                return said("something else is told beside it");
            }
        }
        Ok(())
    });
    assert!(wrong.is_empty(), "{} of {} cases fail:\n{}", wrong.len(), PLAIN.len(), wrong.join("\n"));
}

/// The contract of the host or another, a home or none: a file's own faults are the same.
#[test]
fn the_first_line_is_looked_at_for_every_contract_and_without_a_home() {
    if skipped() {
        return;
    }
    let place = ready();
    let events = [place.file("event.json", ALERT), place.file("finding.json", play::FINDING)];
    let event = |contract: &str| &events[usize::from(contract == "json5")];
    let script = place.file("crlf.sh", "#!/bin/bash\r\nread -r line\n");
    for contract in ["args", "json4", "json5"] {
        for base in ["agent-4.14-debian", "agent-5.0-debian", "manager-4.14-debian"] {
            let arguments = ["--contract", contract, "--timeout", "0"];
            let played = replay(&script, event(contract), &place.home(base), &arguments);
            assert_eq!(played.headline(), "crlf-shebang", "{contract} on {base}: {}", played.summary());
        }
    }
    // Whatever is installed on this machine, or nothing.
    let mut command = doctor();
    command.arg("replay").arg(&script).arg("--payload").arg(event("json4")).args(["--format", "json"]);
    let played = run(&mut command);
    assert_eq!(played.headline(), "crlf-shebang", "{}", played.summary());
    // Installed, under a name that no response has, and as it would be for the other generation.
    let home = place.home("agent-4.14-debian");
    fs::copy(&script, home.join("active-response/bin/unused.sh")).expect("a copy");
    fs::set_permissions(home.join("active-response/bin/unused.sh"), fs::Permissions::from_mode(0o750))
        .expect("it is ours");
    for contract in ["json4", "json5"] {
        let played = replay(Path::new("unused.sh"), event(contract), &home, &["--contract", contract]);
        let found = played.findings();
        let first =
            found.iter().map(|(_, slug, _)| slug.as_str()).find(|slug| !OF_THE_MACHINE.contains(slug));
        assert_eq!(first, Some("crlf-shebang"), "{contract}: {}", played.summary());
    }
}

/// execd opens it for reading, and never comes back.
#[test]
fn a_fifo_blocks_execd_and_is_not_opened_here() {
    if skipped() {
        return;
    }
    let place = Place::new();
    let home = place.home("agent-4.14-debian");
    let event = place.file("event.json", ALERT);
    let script = home.join("active-response/bin/edge-block.sh");
    let judge = |blocks: bool, target: &Path| {
        let played = replay(target, &event, &home, &[]);
        assert_eq!(played.report["outcome"]["blocks_execd"], json!(blocks), "{}", played.summary());
        assert_eq!(played.report["launch"].is_null(), blocks, "{}", played.stdout);
        played
    };
    judge(false, Path::new("edge-block900"));
    fs::remove_file(&script).expect("it is ours");
    nix::unistd::mkfifo(&script, nix::sys::stat::Mode::from_bits_truncate(0o750)).expect("a FIFO");
    for target in [Path::new("edge-block900"), &script] {
        let played = judge(true, target);
        assert_eq!(played.status, BROKEN, "{}", played.summary());
        let found = played.findings();
        let first =
            found.iter().map(|(_, slug, _)| slug.as_str()).find(|slug| !OF_THE_MACHINE.contains(slug));
        assert_eq!(first, Some("executable-not-regular"), "{}", played.summary());
        assert!(played.report["outcome"]["exit_status"].is_null(), "{}", played.stdout);
    }
}

/// What execd does not start is never fine, and its own words are the proof.
#[test]
fn a_message_that_execd_refuses_is_told() {
    if skipped() {
        return;
    }
    let place = Place::new();
    let home = place.home("agent-4.14-debian");
    let home_5 = place.home("agent-5.0-debian");
    let words = "block - 203.0.113.9 1616161616.123 5712 (web) any->/var/log/auth.log - -";
    let executable = "wazuh.active_response.executable";
    let cases = [
        ("json4", "", ALERT, "", ""),
        ("json4", "command=nobody600", ALERT, "message-refused", "(1311)"),
        ("json4", "command:=7", ALERT, "payload-field-type", "(1316)"),
        ("json5", "", play::FINDING, "", ""),
        ("json5", &format!("{executable}=gone"), play::FINDING, "message-refused", "(1311)"),
        ("json5", &format!("{executable}=../x"), play::FINDING, "payload-field-type", "traversal"),
        // The name in a line of 4.1 is that of the response, as in JSON.
        ("args", "", words, "", ""),
    ];
    let wrong = wrong(&cases, |(contract, set, event, slug, proof)| {
        let name = format!("{contract}{}.event", set.replace('/', "_"));
        let (script, home) = match *contract {
            "json5" => ("good/json5/bash-read.sh", &home_5),
            "args" => ("bad/positional.sh", &home),
            _ => ("good/json4/bash-read.sh", &home),
        };
        let mut more = vec!["--contract", *contract, "--timeout", "600"];
        if !set.is_empty() {
            more.extend(["--set", set]);
        }
        for deed in [&[][..], &["--command", "delete"]] {
            let played = replay(
                &play::script(script),
                &place.file(&format!("{}{name}", deed.len()), event),
                home,
                &[&more[..], deed].concat(),
            );
            let error = format!("{contract} {set} {deed:?}: {}", played.summary());
            let status = if slug.is_empty() { FINE } else { BROKEN };
            if slug.is_empty()
                && deed.is_empty()
                && (!played.findings().is_empty() || played.status != status)
                || slug.is_empty() && played.report["findings"].to_string().contains("message-refused")
                || !slug.is_empty() && (played.headline() != *slug || played.status != status)
                || !played.report["findings"].to_string().contains(proof)
            {
                return Err(error);
            }
        }
        Ok(())
    });
    assert!(wrong.is_empty(), "{} of {} cases fail:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

/// A row of the table that says FAIL, and no finding beside it.
#[test]
fn a_failed_case_of_the_battery_is_never_fine() {
    if skipped() {
        return;
    }
    let place = Place::new();
    let event = place.file("event.json", ALERT);
    let text = fs::read_to_string(play::script("good/json4/bash-read.sh")).expect("a script");
    // The key hangs on the logged text too, so it is another one for the same target.
    let other = text
        .replace(".parameters.alert.data.srcip", "(.parameters.alert | .data.srcip + (.full_log | @base64))");
    let home = place.home("agent-4.14-debian");
    let arguments = ["--contract", "json4", "--timeout", "600", "--conformance"];
    for (name, text, status) in [("plain.sh", &text, FINE), ("other.sh", &other, BROKEN)] {
        let played = replay(&place.file(name, text), &event, &home, &arguments);
        let failed = played.stdout.contains(r#""verdict": "fail""#);
        assert_eq!((played.status, failed), (status, status == BROKEN), "{name}: {}", played.summary());
    }
}

/// Arguments, as up to 4.1: one that keeps to it, and one that evaluates them.
#[test]
fn the_battery_of_arguments() {
    if skipped() {
        return;
    }
    let place = Place::new();
    let event = place.file("event.json", ALERT);
    let home = place.home("agent-4.14-debian");
    let arguments = ["--contract", "args", "--timeout", "600", "--conformance"];
    let head = "#!/bin/sh\ncase $1 in add) what=-I ;; *) what=-D ;; esac\n";
    let tool = "case $3 in *[!0-9a-f.:]* | '') exit 0 ;; *:*) tool=ip6tables ;; *) tool=iptables ;; esac\n";
    let good = format!("{head}{tool}\"$tool\" \"$what\" INPUT -s \"$3\" -j DROP\n");
    let played = replay(&place.file("good.sh", &good), &event, &home, &arguments);
    assert_eq!(played.status, FINE, "{}\n{}", played.summary(), played.stdout);
    let rows = &played.report["conformance"].to_string();
    for case in ["same key again", "second target", "missing field", "IPv6", "injection", "delete"] {
        assert!(rows.contains(case), "{case}: {rows}");
    }
    let bad = format!("{good}eval \"echo $2\" >>/var/log/x.log\n");
    let played = replay(&place.file("bad.sh", &bad), &event, &home, &arguments);
    assert_eq!(
        (played.headline().as_str(), played.status),
        ("shell-injection", BROKEN),
        "{}",
        played.summary()
    );
}

#[test]
fn a_slow_script_holds_up_the_others() {
    if skipped() {
        return;
    }
    let place = Place::new();
    let event = place.file("event.json", ALERT);
    let text = fs::read_to_string(play::script("good/json4/bash-read.sh")).expect("a script");
    let slow = place.file("slow.sh", text.replacen('\n', "\nsleep 1.2\n", 1));
    let mut command = doctor();
    command.arg("replay").arg(&slow).arg("--payload").arg(&event);
    command.arg("--home").arg(place.home("agent-4.14-debian"));
    let played = run(command.args(["--contract", "json4", "--timeout", "600"]));
    assert_eq!(played.status, FINE, "{}", played.stdout);
    assert!(played.stdout.contains("execd takes nothing else for 1."), "{}", played.stdout);
}

/// `--payload <(command)` of a shell.
#[test]
fn the_event_may_come_from_a_substituted_process() {
    let place = Place::new();
    let event = place.file("event.json", ALERT);
    let mut command = Command::new("bash");
    command.args([
        "-c",
        r#"exec "$1" replay "$2" --payload <(cat "$3") --check-only --contract json4 --format json"#,
        "bash",
    ]);
    command.arg(play::PROGRAM).arg(play::script("good/json4/bash-read.sh")).arg(&event);
    let played = run(&mut command);
    assert_eq!(played.status, FINE, "{}", played.summary());
    assert_eq!(played.report["payload"]["valid"], true, "{}", played.stdout);
}

/// A program whose loader is no program: the kernel says ELIBBAD.
#[test]
fn a_refusal_without_a_check_of_its_own_is_told_with_its_errno() {
    if skipped() {
        return;
    }
    let place = Place::new();
    let (event, home) = (place.file("event.json", ALERT), place.home("agent-4.14-debian"));
    let loader = place.file("loader", "this is no loader\n".repeat(10));
    fs::set_permissions(&loader, fs::Permissions::from_mode(0o755)).expect("it is ours");
    for (name, flag) in
        [("broken", Some(format!("-Wl,--dynamic-linker={}", loader.display()))), ("sound", None)]
    {
        let program = place.path().join(name);
        let mut compiler = Command::new("cc");
        compiler.args(["-O1", "-o"]).arg(&program).arg(play::script("good/block.c")).args(&flag);
        match compiler.status() {
            Ok(status) => assert!(status.success(), "cc ends with {status}"),
            Err(error) => return support::skip(&format!("no cc: {error}")),
        }
        let played = replay(&program, &event, &home, &["--contract", "json4", "--timeout", "600"]);
        if flag.is_some() {
            assert_eq!(played.headline(), "launch-refused", "{}", played.summary());
            assert_eq!(played.status, BROKEN, "{}", played.summary());
            assert_eq!(played.report["launch"]["errno"], 80, "{}", played.stdout);
        } else {
            assert!(played.findings().is_empty(), "{}", played.summary());
        }
    }
}

fn first_line(script: &Path, line: &str) -> std::io::Result<()> {
    let text = fs::read_to_string(script)?;
    let (_, rest) = text.split_once('\n').unwrap_or_default();
    fs::write(script, format!("{line}\n{rest}"))
}

/// Puts so many scripts between a script and bash, each the interpreter of the one before.
fn chain(script: &Path, length: usize) -> std::io::Result<()> {
    let mut interpreter = "/bin/bash".to_owned();
    for number in 0..length {
        let link = script.with_file_name(format!("link{number}"));
        fs::write(&link, format!("#!{interpreter}\n. \"$1\"\n"))?;
        fs::set_permissions(&link, fs::Permissions::from_mode(0o755))?;
        interpreter = link.to_string_lossy().into_owned();
    }
    first_line(script, &format!("#!{interpreter}"))
}

/// A home whose scripts lie on a file system that was mounted noexec.
#[test]
fn noexec_stays_noexec_in_the_sandbox() {
    if skipped() {
        return;
    }
    let place = Place::new();
    let home = place.home("agent-4.14-debian");
    let event = place.file("event.json", ALERT);
    let played = |options: &str| {
        let mut command = Command::new("unshare");
        command.args(["-m", "--propagation", "private", "sh", "-ec"]);
        command.arg(
            "bin=$1/active-response/bin\n\
             copy=$(mktemp -d)\n\
             cp -a \"$bin/.\" \"$copy\"\n\
             mount -t tmpfs -o mode=0750 ar-doctor \"$bin\"\n\
             cp -a \"$copy/.\" \"$bin\"\n\
             rm -rf \"$copy\"\n\
             mount -o \"remount,$3\" \"$bin\"\n\
             exec \"$4\" replay edge-block900 --payload \"$2\" --home \"$1\" --format json",
        );
        command.arg("sh").arg(&home).arg(&event).args([options, play::PROGRAM]);
        run(&mut command)
    };
    let noexec = played("noexec");
    assert_eq!(noexec.headline(), "noexec-mount", "{}", noexec.summary());
    assert_eq!(noexec.report["launch"]["started"], false, "{}", noexec.stdout);
    let exec = played("exec");
    assert_eq!(exec.report["launch"]["started"], true, "{}", exec.summary());
}

#[test]
fn directories_are_no_targets_to_choose_from() {
    if skipped() {
        return;
    }
    let place = Place::new();
    let home = place.home("agent-4.14-debian");
    let event = place.file("event.json", ALERT);
    fs::create_dir(home.join("active-response/bin/my-blocks")).expect("a directory");
    fs::write(home.join("active-response/bin/my-block"), "#!/bin/sh\n").expect("a file");
    let played = replay(Path::new("my-blockz"), &event, &home, &[]);
    assert_eq!(played.status, Some(2), "{}", played.summary());
    assert!(played.stderr.contains("my-block,"), "{}", played.stderr);
    assert!(!played.stderr.contains("my-blocks"), "{}", played.stderr);
}

#[test]
fn a_command_line_that_makes_no_sense_is_refused() {
    let place = Place::new();
    let event = place.file("event.json", ALERT);
    let event = event.to_string_lossy();
    let good = play::script("good/json4/bash-read.sh");
    let good = good.to_string_lossy();
    for arguments in [
        &["replay"][..],
        &["replay", &good, "--payload", "/nonexistent/alert.json"],
        &["replay", &good, "--payload", &event, "--set", "novalue"],
        &["replay", &good, "--payload", &event, "--command", "block"],
        &["replay", &good, "--payload", &event, "--deadline", "soon"],
        &["replay", &good, "--payload", &event, "--contract", "json6"],
        // For real only on purpose: nobody is asked here, so it needs --yes.
        &["replay", &good, "--payload", &event, "--execute"],
    ] {
        let played = run(doctor().args(arguments));
        assert_eq!(played.status, Some(2), "{arguments:?}: {}", played.summary());
        assert!(!played.stderr.is_empty(), "{arguments:?} says nothing");
    }
}

/// Times, process numbers and places differ from run to run.
fn settled(text: &str, place: &Place) -> String {
    let text = text.replace(&place.path().to_string_lossy().into_owned(), "[PLACE]");
    let text = text.replace(env!("CARGO_MANIFEST_DIR"), "[REPOSITORY]");
    [
        (r"\b\d+(\.\d+)? ?(µs|us|ms|s)\b", "[TIME]"),
        (r"\b(pid|process) \d+", "$1 [PID]"),
        (r#""(line_read|keys|answered|ended|own_time|pid|elapsed\w*|\w+_(us|ms))": \d+"#, "\"$1\": 0"),
        (r"\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z?", "[INSTANT]"),
        (r"ar-doctor \d+\.\d+\.\d+", "ar-doctor [VERSION]"),
        (r#""name": "ar-doctor",\s+"version": "[^"]+""#, r#""name": "ar-doctor", "version": "[VERSION]""#),
        // The width of a column is that of its widest time.
        (r"(\S) {2,}", "$1  "),
    ]
    .iter()
    .fold(text, |text, (pattern, with)| {
        Regex::new(pattern).unwrap_or_else(|error| panic!("{error}")).replace_all(&text, *with).into_owned()
    })
}

#[test]
fn reports_as_text_and_json() {
    if skipped() {
        return;
    }
    let place = Place::of_known_length();
    place.home("agent-4.14-debian");
    place.file("event.json", ALERT);
    for (name, script, more) in [
        ("good", "good/json4/bash-read.sh", &[][..]),
        ("stuck", "bad/read-to-end-cat.sh", &["--deadline", "1s"]),
        ("battery", "good/json4/python-readline.py", &["--conformance"]),
    ] {
        let file = format!("./{name}.{}", script.rsplit('.').next().unwrap_or_default());
        fs::copy(play::script(script), place.path().join(&file)).expect("a copy");
        for format in ["text", "json"] {
            let mut command = doctor();
            command.current_dir(place.path()).args(["--color", "never", "replay", &file]);
            command.args(["--payload", "event.json", "--home", "agent-4.14-debian/var/ossec"]);
            command.args(["--contract", "json4", "--timeout", "600", "--format", format]).args(more);
            let played = run(&mut command);
            assert_eq!(played.stderr, "", "{name}");
            insta::assert_snapshot!(format!("{name}-{format}"), settled(&played.stdout, &place));
        }
    }
}
