//! `ar-doctor trace` through the binary: a generated week whose truth is known, and each gap.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "a test fails by panicking")]

#[path = "support/week.rs"]
mod week;

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use week::{Faults, HEALTHY, ILL, NOW, alert, back, clock, keys, put, request, say};

fn run(from: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ar-doctor"))
        .args(["trace", "--from", from.to_str().expect("a name")])
        .args(arguments)
        .env_clear()
        .output()
        .expect("the binary runs")
}

fn trace(from: &Path, arguments: &[&str], status: i32) -> Value {
    let output = run(from, &[&["--format", "json"], arguments].concat());
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{arguments:?}: {said}{}", text(&output));
    let document: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schema/trace.v1.json");
    let schema = std::fs::read_to_string(schema).expect("the schema is published");
    let schema: Value = serde_json::from_str(&schema).expect("a schema is JSON");
    if let Err(error) = jsonschema::validate(&schema, &document) {
        panic!("{error}");
    }
    document
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

const COUNTS: [&str; 9] = [
    "expected",
    "confirmed",
    "aborted",
    "failed",
    "unanswered",
    "in_force",
    "not_reverted",
    "not_back",
    "unexpected",
];

fn counts(entry: &Value) -> [u64; 9] {
    COUNTS.map(|name| entry[name].as_u64().expect("a count"))
}

fn generated(alerts: u32, faults: Faults) {
    let directory = tempfile::tempdir().expect("a directory");
    week::manager(directory.path());
    let truth = week::write(directory.path(), alerts, faults);
    let missing: u64 = truth.iter().map(|one| one.failed + one.unanswered).sum();
    let document = trace(directory.path(), &[], i32::from(missing > 0));
    assert!(document["read"]["held"].as_u64().expect("a count") >= u64::from(alerts));
    for (entry, truth) in document["responses"].as_array().expect("responses").iter().zip(&truth) {
        let true_ones = [
            truth.expected,
            truth.confirmed,
            truth.aborted,
            truth.failed,
            truth.unanswered,
            truth.in_force,
            truth.not_reverted,
            truth.not_back,
            0,
        ];
        assert!(truth.expected > u64::from(alerts) / 15, "{truth:?}");
        assert_eq!(counts(entry), true_ones, "{} {COUNTS:?} {}", entry["name"], entry["gaps"]);
        assert_eq!((&entry["unknown"], &entry["pending"]), (&0.into(), &0.into()));
        let days: Vec<(String, (u64, u64))> = entry["days"]
            .as_array()
            .expect("days")
            .iter()
            .map(|day| {
                let count = |name: &str| day[name].as_u64().expect("a count");
                (
                    day["day"].as_str().expect("a day").to_owned(),
                    (count("expected"), count("failed") + count("unanswered")),
                )
            })
            .collect();
        let true_days: Vec<(String, (u64, u64))> = truth
            .days
            .iter()
            .map(|(day, counts)| (week::stamp(day * 86_400_000)[..10].to_owned(), *counts))
            .collect();
        assert_eq!(days, true_days, "{}", entry["name"]);
    }
    if missing == 0 {
        assert_eq!(
            document["alerts"].as_array().map(Vec::len),
            Some(0).filter(|_| alerts > 10_000),
            "no row has a gap"
        );
        let said = text(&run(directory.path(), &["-q"]));
        assert!(said.starts_with("All answered: "), "{said}");
    } else {
        assert!(document["left_out"].as_u64().expect("a count") > 0);
    }
}

#[test]
fn every_count_of_a_week_is_right() {
    generated(100_000, ILL);
}

#[test]
fn a_healthy_week_is_silent() {
    generated(20_000, HEALTHY);
}

/// A manager with some alerts, log lines of responses, and lines of ossec.log.
fn small(alerts: &[String], log: &str, ossec: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    week::manager(directory.path());
    put(
        directory.path(),
        &[
            ("logs/alerts/alerts.json".to_owned(), (alerts.join("\n") + "\n").into_bytes()),
            ("logs/active-responses.log".to_owned(), log.as_bytes().to_vec()),
            ("logs/ossec.log".to_owned(), ossec.as_bytes().to_vec()),
        ],
    );
    directory
}

/// When the alert of each row was.
const AT: i64 = NOW - 4 * 3_600_000 + 123;
/// Another one, long before, that was answered.
const BEFORE: i64 = NOW - 5 * 3_600_000;

fn whole(log: &mut String, at: i64, of: &str, until: &[&str]) {
    let name = "host-deny";
    for step in until {
        let line = match *step {
            "add" | "continue" | "abort" | "delete" => request(name, step, of),
            "keys" => keys(name, "192.0.2.7"),
            other => other.to_owned(),
        };
        say(log, at, name, &line);
    }
}

#[test]
fn each_gap_is_named_by_its_stage() {
    let (before, of) = (alert(BEFORE, 5763, 1, "192.0.2.7"), alert(AT, 5763, 2, "192.0.2.7"));
    let all = ["Starting", "add", "keys", "continue", "Ended"];
    let ossec = |at: i64, text: &str| format!("{} {text}\n", clock(at));
    let refused = "wazuh-execd: ERROR: (1311): Invalid command name 'host-deny1800' provided.";
    let other = "wazuh-execd: ERROR: (1311): Invalid command name 'other0' provided.";
    let absent = "wazuh-execd: INFO: Active response command not present: 'active-response/bin/host-deny'. Not using it on this system.";
    let queue = "wazuh-analysisd: ERROR: (1321): Error communicating with queue 'queue/alerts/execq'.";
    let executing = format!(
        "wazuh-execd[811] execd.c:290 at ExecdRun(): DEBUG: Executing command 'active-response/bin/host-deny {}'",
        request("host-deny", "add", &of)
    );
    // The steps of the run, lines of ossec.log, then what is said: outcome, first and last stage.
    let rows: &[(&[&str], String, &str, &str, &str)] = &[
        (&all, String::new(), "confirmed", "", ""),
        (&["Starting", "add", "keys", "abort", "Aborted"], String::new(), "aborted", "", ""),
        (&[], String::new(), "unanswered", "dispatch", "launch"),
        (&[], ossec(AT, other), "unanswered", "dispatch", "launch"),
        (&[], ossec(AT + 900, refused), "unanswered", "resolve", "resolve"),
        (&[], ossec(AT, absent), "unanswered", "resolve", "resolve"),
        (&[], ossec(AT + 900, queue), "unanswered", "dispatch", "dispatch"),
        (
            &[],
            ossec(
                AT + 900,
                "wazuh-execd: ERROR: (1317): Could not launch command Cannot allocate memory (12)",
            ),
            "unanswered",
            "launch",
            "launch",
        ),
        (&[], ossec(AT + 900, &executing), "unanswered", "launch", "launch"),
        (
            &[],
            ossec(AT - 60_000, "wazuh-execd: INFO: (1314): Shutdown received. Deleting responses.")
                + &ossec(AT + 60_000, "wazuh-execd: INFO: Started (pid: 9)."),
            "unanswered",
            "resolve",
            "resolve",
        ),
        (
            &all,
            ossec(AT - 60_000, "wazuh-execd: INFO: (1314): Shutdown received. Deleting responses.")
                + &ossec(AT - 50_000, "wazuh-execd: INFO: Started (pid: 9)."),
            "confirmed",
            "",
            "",
        ),
        (
            &[],
            ossec(AT - 60_000, "wazuh-execd: INFO: (1350): Active response disabled.")
                + &ossec(AT - 60_000, "wazuh-execd: INFO: Started (pid: 9)."),
            "unanswered",
            "resolve",
            "resolve",
        ),
        (&["Starting"], String::new(), "failed", "contract", "contract"),
        (&["Starting", "Cannot read input from stdin"], String::new(), "failed", "contract", "contract"),
        (&["Starting", "add"], String::new(), "failed", "contract", "contract"),
        (&["Starting", "add", "Cannot read 'srcip' from data", "Ended"], String::new(), "failed", "?", "?"),
        (&["Starting", "add", "keys"], String::new(), "failed", "contract", "contract"),
        (&["Starting", "add", "keys", "continue"], String::new(), "failed", "effect", "effect"),
    ];
    for (number, (steps, ossec, outcome, from, to)) in rows.iter().enumerate() {
        let shown = format!("row {number}: {steps:?} {ossec}");
        let mut log = String::new();
        whole(&mut log, BEFORE, &before, &all);
        whole(&mut log, BEFORE + 1_800_000, &before, &["Starting", "delete", "Ended"]);
        whole(&mut log, AT + 1000, &of, steps);
        let came = |at, command, of| back(at, 0, "host-deny", command, of);
        let mut alerts = vec![
            before.clone(),
            came(BEFORE + 2000, "add", &before),
            came(BEFORE + 1_802_000, "delete", &before),
            of.clone(),
        ];
        if steps.contains(&"add") {
            alerts.push(came(AT + 2000, "add", &of));
        }
        if steps.contains(&"continue") {
            whole(&mut log, AT + 1_801_000, &of, &["Starting", "delete", "Ended"]);
        }
        let host = small(&alerts, &log, ossec);
        let missing = matches!(*outcome, "failed" | "unanswered");
        let document = trace(host.path(), &[], i32::from(missing));
        let row = &document["alerts"][1];
        assert_eq!(row["rule"], "5763", "{shown}");
        assert_eq!(row["outcome"], *outcome, "{shown} {row}");
        let stage = |name: &str| row["gap"][name].as_str().unwrap_or_default().to_owned();
        if *from == "?" {
            assert_ne!(stage("stage"), "", "{shown}");
        } else {
            assert_eq!(
                (stage("stage").as_str(), stage("last_stage").as_str()),
                (*from, *to),
                "{shown} {row}"
            );
        }
        let counted = &document["responses"][1];
        assert_eq!(counted["expected"], 2, "{shown}");
        assert_eq!(counted["unexpected"], 0, "{shown}");
        assert_eq!(counted["not_reverted"], 0, "{shown}");
        // Who refuses it has got it.
        if ossec.contains("(1311)") && *from == "resolve" || ossec.contains("(1317)") {
            assert_eq!(
                (&row["steps"][1]["state"], &row["steps"][2]["state"]),
                (&"passed".into(), &"seen".into())
            );
        }
    }
}

#[test]
fn what_is_in_force_and_what_is_not_undone() {
    let all = ["Starting", "add", "keys", "continue", "Ended"];
    let undone = ["Starting", "delete", "Ended"];
    let row = |at: i64, more: &dyn Fn(&mut String, &str)| {
        let of = alert(at, 5763, 1, "192.0.2.7");
        let mut log = String::new();
        whole(&mut log, at, &of, &all);
        more(&mut log, &of);
        let host = small(&[of.clone(), back(at + 2000, 0, "host-deny", "add", &of)], &log, "");
        let document = trace(host.path(), &[], 0);
        let entry = &document["responses"][1];
        (entry["in_force"].as_u64().expect("a count"), entry["not_reverted"].as_u64().expect("a count"))
    };
    let minute = 60_000;
    assert_eq!(row(NOW - 20 * minute, &|_, _| ()), (1, 0), "its timeout has not passed");
    assert_eq!(row(NOW - 32 * minute, &|_, _| ()), (0, 0), "it has just passed");
    assert_eq!(row(NOW - 60 * minute, &|_, _| ()), (0, 1), "it has long passed");
    let gone = |log: &mut String, of: &str| whole(log, NOW - 30 * minute, of, &undone);
    assert_eq!(row(NOW - 60 * minute, &gone), (0, 0), "it was undone");
    // One that was aborted sets the time of the first to now.
    let again = |log: &mut String, _: &str| {
        let of = alert(NOW - 10 * minute, 5763, 2, "192.0.2.7");
        whole(log, NOW - 10 * minute, &of, &["Starting", "add", "keys", "abort", "Aborted"]);
    };
    assert_eq!(row(NOW - 39 * minute, &again), (1, 0), "it was extended");
}

#[test]
fn what_happened_on_an_agent_is_elsewhere() {
    let (lost, kept) = (alert(AT, 5712, 2, "192.0.2.7"), alert(AT + 60_000, 5712, 3, "192.0.2.8"));
    let came = back(AT + 62_000, 3, "firewall-drop", "add", &kept);
    let gone = back(AT + 662_000, 3, "firewall-drop", "delete", &kept);
    let host = small(&[lost, kept, came, gone], "", "");
    let document = trace(host.path(), &[], 1);
    let entry = &document["responses"][0];
    assert_eq!(
        (&entry["confirmed"], &entry["unanswered"], &entry["not_reverted"]),
        (&1.into(), &1.into(), &0.into())
    );
    let row = &document["alerts"][0];
    assert_eq!((&row["host"], &row["gap"]["stage"]), (&"002".into(), &"dispatch".into()), "{row}");
    let states: Vec<&str> = row["steps"]
        .as_array()
        .expect("steps")
        .iter()
        .map(|step| step["state"].as_str().expect("a state"))
        .collect();
    assert_eq!(states[2..7], ["elsewhere"; 5]);
    // Where what ran here did not come back either, nothing is said of agents.
    let mut log = String::new();
    whole(&mut log, AT, &alert(AT, 5763, 1, "192.0.2.7"), &["Starting", "add", "keys", "continue", "Ended"]);
    let mute = small(&[alert(AT, 5763, 1, "192.0.2.7"), alert(AT + 1000, 5712, 2, "192.0.2.7")], &log, "");
    let document = trace(mute.path(), &[], 0);
    let (far, near) = (&document["responses"][0], &document["responses"][1]);
    assert_eq!((&far["unknown"], &near["confirmed"], &near["not_back"]), (&1.into(), &1.into(), &1.into()));
    // By rule, agent and response.
    let held = |arguments: &[&str], status| {
        let document = trace(host.path(), arguments, status);
        let entries = document["responses"].as_array().expect("responses").clone();
        entries.iter().map(|entry| entry["expected"].as_u64().expect("a count")).sum::<u64>()
    };
    assert_eq!(held(&["--agent", "3"], 0), 1);
    assert_eq!(held(&["--rule", "5763"], 0), 0);
    assert_eq!(held(&["--response", "firewall-drop"], 1), 2);
    assert_eq!(held(&["--response", "host-deny1800"], 0), 0);
    assert_eq!(held(&["--since", "1h"], 0), 0);
    assert_eq!(run(host.path(), &["--response", "nobody"]).status.code(), Some(2));
    let said = text(&run(host.path(), &[]));
    assert!(
        said.contains("1 of 2 alerts was not answered; the first gap is between dispatch and feedback"),
        "{said}"
    );
}

#[test]
fn a_script_that_writes_nothing_is_not_called_unanswered() {
    let host = small(&[alert(AT, 5710, 1, "192.0.2.7")], "", "");
    let document = trace(host.path(), &[], 0);
    assert_eq!(document["responses"][2]["unknown"], 1);
    // One with words of its own is known by their time.
    let mut log = String::new();
    say(&mut log, AT + 1000, "page-oncall.sh", "paged somebody");
    say(&mut log, AT + 1000, "page-oncall.sh", "done");
    let host =
        small(&[alert(AT, 5710, 1, "192.0.2.7"), alert(AT + 5_000_000, 5710, 1, "192.0.2.7")], &log, "");
    let document = trace(host.path(), &[], 1);
    assert_eq!(
        (&document["responses"][2]["confirmed"], &document["responses"][2]["unanswered"]),
        (&1.into(), &1.into())
    );
    // The log may have been rotated since.
    let mut log = String::new();
    let late = alert(AT + 3_600_000, 5763, 1, "192.0.2.7");
    whole(&mut log, AT + 3_600_000, &late, &["Starting", "add", "keys", "continue", "Ended"]);
    let host = small(
        &[alert(AT, 5763, 1, "192.0.2.7"), late.clone(), back(AT + 3_602_000, 0, "host-deny", "add", &late)],
        &log,
        "",
    );
    assert_eq!(trace(host.path(), &[], 0)["responses"][1]["unknown"], 1);
}

/// An agent's log alone, in both contracts.
#[test]
fn an_agent_tells_of_the_requests_that_arrived() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/hosts");
    let five = |at: i64, command: &str| {
        format!(
            "{{\"@timestamp\":\"{}\",\"source\":{{\"ip\":\"192.0.2.7\"}},\"wazuh\":{{\"agent\":{{\"id\":\"003\"}},\
             \"rule\":{{\"id\":\"r-1\"}},\"active_response\":{{\"executable\":\"block-ip\"}}}},\"command\":\"{command}\"}}",
            week::stamp(at)
        )
    };
    let four = |at: i64, command: &str| request("firewall-drop", command, &alert(at, 5712, 3, "192.0.2.7"));
    type Form<'a> = &'a dyn Fn(i64, &str) -> String;
    let rows: [(&str, &str, &str, &str, Form<'_>); 2] = [
        ("agent-4.14-debian", "firewall-drop", "add", "delete", &four),
        ("agent-5.0-debian", "block-ip", "enable", "disable", &five),
    ];
    for (base, program, add, delete, form) in rows {
        let directory = tempfile::tempdir().expect("a directory");
        week::copy(&root.join(base), directory.path());
        let mut log = String::new();
        for (at, end) in [(AT, true), (AT + 3_600_000, false)] {
            say(&mut log, at, program, "Starting");
            say(&mut log, at, program, &form(at, add));
            say(&mut log, at, program, &keys(program, "192.0.2.7"));
            say(&mut log, at, program, &form(at, "continue"));
            if end {
                say(&mut log, at, program, "Ended");
                say(&mut log, at + 600_000, program, "Starting");
                say(&mut log, at + 600_000, program, &form(at, delete));
                say(&mut log, at + 600_000, program, "Ended");
            }
        }
        let manifest = std::fs::read_to_string(directory.path().join("host.json")).expect("the capture");
        let path =
            manifest.split('"').find(|path| path.ends_with("logs/active-responses.log")).expect("a log");
        std::fs::write(directory.path().join(format!("files{path}")), &log).expect("it is written");
        let document = trace(directory.path(), &[], 1);
        let entries = document["responses"].as_array().expect("responses");
        let entry = entries
            .iter()
            .find(|entry| entry["expected"] == 2)
            .unwrap_or_else(|| panic!("{base}: {document}"));
        assert_eq!((&entry["confirmed"], &entry["failed"]), (&1.into(), &1.into()), "{base}");
        let row = &document["alerts"][1];
        assert_eq!((&row["gap"]["stage"], &row["agent"]), (&"effect".into(), &"003".into()), "{base} {row}");
        let said = text(&run(directory.path(), &[]));
        assert!(said.contains("1 of 2 requests was not answered; the first gap is at effect"), "{said}");
    }
}

/// `check` shows what became of the last alert of a response that it finds stopped, from the
/// alerts that it reads anyway.
#[test]
fn check_shows_the_last_alert() {
    let check = |host: &Path, arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_ar-doctor"))
            .args(["check", "--from", host.to_str().expect("a name")])
            .args(arguments)
            .env_clear()
            .output()
            .expect("the binary runs");
        text(&output)
    };
    let flat = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let timeline = |host: &Path| -> Value {
        let document: Value = serde_json::from_str(&check(host, &["--format", "json"])).expect("it is JSON");
        let response = document["responses"].as_array().expect("responses");
        response.iter().find(|one| one["name"] == "host-deny1800").expect("it is there")["timeline"].clone()
    };
    let (before, of) = (alert(BEFORE, 5763, 1, "192.0.2.7"), alert(AT, 5763, 2, "192.0.2.8"));
    let mut log = String::new();
    whole(&mut log, BEFORE, &before, &["Starting", "add", "keys", "continue", "Ended"]);
    whole(&mut log, BEFORE + 1_800_000, &before, &["Starting", "delete", "Ended"]);
    let alerts = [before.clone(), back(BEFORE + 2000, 0, "host-deny", "add", &before), of.clone()];
    let host = small(&alerts, &log, "");
    let whole_trace = trace(host.path(), &[], 1);
    let healthy = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/hosts/manager-4.14-debian");
    assert!(!check(&healthy, &["--format", "json"]).contains("timeline"));

    let listed = host.path().join("host.json");
    let entries = std::fs::read_to_string(&listed).expect("it is there");
    let mut document: Value = serde_json::from_str(&entries).expect("it is JSON");
    let entry = &mut document["files"]["/var/ossec/active-response/bin/host-deny"];
    assert!(entry.is_object(), "{entry}");
    entry["mode"] = "0640".into();
    std::fs::write(&listed, document.to_string()).expect("it is written");
    let found = timeline(host.path());
    assert_eq!(
        (&found["expected"], &found["confirmed"], &found["unanswered"]),
        (&2.into(), &1.into(), &1.into())
    );
    assert_eq!(found["fit"], "agrees", "{found}");
    assert_eq!(found["last"], whole_trace["alerts"][1], "as trace has it");
    assert_eq!(found["gaps"], whole_trace["responses"][1]["gaps"]);
    let said = flat(&check(host.path(), &[]));
    assert!(said.contains("2 expected, 1 confirmed, 1 unanswered"), "{said}");
    assert!(said.contains("nothing from here on: between dispatch and launch"), "{said}");
    assert_eq!(said.matches("timeline of host-deny1800").count(), 1, "{said}");

    // Where the last alert was answered it says so, even where nothing undid it.
    whole(&mut log, AT + 1000, &of, &["Starting", "add", "keys", "continue", "Ended"]);
    put(host.path(), &[("logs/active-responses.log".to_owned(), log.into_bytes())]);
    assert_eq!(timeline(host.path())["fit"], "behind");
    let said = flat(&check(host.path(), &[]));
    assert!(said.contains("it got as far as revert, past deliver"), "{said}");
    let mut log = std::fs::read_to_string(host.path().join(week::HOME).join("logs/active-responses.log"))
        .expect("it was written");
    whole(&mut log, AT + 1_801_000, &of, &["Starting", "delete", "Ended"]);
    put(host.path(), &[("logs/active-responses.log".to_owned(), log.into_bytes())]);
    let alerts = [&alerts[..], &[back(AT + 2000, 0, "host-deny", "add", &of)]].concat().join("\n") + "\n";
    put(host.path(), &[("logs/alerts/alerts.json".to_owned(), alerts.into_bytes())]);
    assert_eq!(timeline(host.path())["fit"], "answered");
    let said = flat(&check(host.path(), &[]));
    assert!(said.contains("despite it: it stands at deliver"), "{said}");
}

/// Where `check` finds no fault it says who looks at alerts, if there are any.
#[test]
fn check_without_a_fault_points_here() {
    let check = |host: &Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ar-doctor"));
        let output = command.args(["check", "--from", host.to_str().expect("a name")]).env_clear().output();
        text(&output.expect("the binary runs"))
    };
    let base = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/hosts/manager-4.14-debian");
    let silent = check(&base);
    assert!(silent.contains("No fault found") && !silent.contains("ar-doctor trace"), "{silent}");
    let host = tempfile::tempdir().expect("a directory");
    week::copy(&base, host.path());
    let alerts = alert(AT, 5402, 1, "192.0.2.7") + "\n";
    put(host.path(), &[("logs/alerts/alerts.json".to_owned(), alerts.into_bytes())]);
    let said = check(host.path());
    assert!(said.contains("No fault found") && said.lines().count() == 3, "{said}");
    assert!(said.contains("Whether alerts were answered: ar-doctor trace."), "{said}");
}

/// A gzipped text.
fn gzip(text: &str) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(text.as_bytes()).expect("it is packed");
    packed.finish().expect("it is packed")
}

#[test]
fn what_logrotate_set_aside_is_read_too() {
    let all = ["Starting", "add", "keys", "continue", "Ended"];
    let day = 86_400_000;
    let (one, two) = (alert(AT - 2 * day, 5763, 1, "192.0.2.7"), alert(AT - day, 5763, 2, "192.0.2.8"));
    let lost = alert(AT, 5763, 1, "192.0.2.9");
    let alerts = [
        one.clone(),
        back(AT - 2 * day + 2000, 0, "host-deny", "add", &one),
        back(AT - 2 * day + 1_802_000, 0, "host-deny", "delete", &one),
        two.clone(),
        back(AT - day + 2000, 0, "host-deny", "add", &two),
        back(AT - day + 1_802_000, 0, "host-deny", "delete", &two),
        lost,
    ];
    // The newest part is empty.
    let host = small(&alerts, "", "");
    let part = |at: i64, of: &str| {
        let mut log = String::new();
        whole(&mut log, at + 1000, of, &all);
        whole(&mut log, at + 1_801_000, of, &["Starting", "delete", "Ended"]);
        log
    };
    let files = [
        ("logs/active-responses.log.1".to_owned(), part(AT - day, &two).into_bytes()),
        ("logs/active-responses.log.2.gz".to_owned(), gzip(&part(AT - 2 * day, &one))),
    ];
    put(host.path(), &files);
    let document = trace(host.path(), &[], 1);
    let entry = &document["responses"][1];
    assert_eq!(counts(entry), [3, 2, 0, 0, 1, 0, 0, 0, 0], "{entry}");
    let read = document["read"]["files"].as_array().expect("files");
    assert!(read.contains(&"logs/active-responses.log.2.gz".into()), "{read:?}");
    // What is no longer there may have held the first one.
    std::fs::remove_file(host.path().join(week::HOME).join("logs/active-responses.log.2.gz"))
        .expect("it is there");
    let json = host.path().join("host.json");
    let text = std::fs::read_to_string(&json).expect("the capture");
    let text = text.replace("\"/var/ossec/logs/active-responses.log.2.gz\": {},", "");
    std::fs::write(&json, text).expect("it is written");
    let alerts = [alert(AT - 2 * day, 5763, 1, "192.0.2.7"), alerts[6].clone()];
    put(host.path(), &[("logs/alerts/alerts.json".to_owned(), (alerts.join("\n") + "\n").into_bytes())]);
    let document = trace(host.path(), &[], 1);
    let entry = &document["responses"][1];
    assert_eq!((&entry["unknown"], &entry["unanswered"]), (&1.into(), &1.into()), "{entry}");
}

/// The log of an agent in a copy of its host.
fn agent(log: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    let base = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/hosts/agent-4.14-debian");
    week::copy(&base, directory.path());
    put(directory.path(), &[("logs/active-responses.log".to_owned(), log.as_bytes().to_vec())]);
    directory
}

#[test]
fn a_run_without_a_request_is_told() {
    let mut log = String::new();
    for (minute, text) in [(0, "Starting"), (0, "Invalid input format"), (5, "Starting"), (9, "Starting")] {
        say(&mut log, AT + minute * 60_000, "firewall-drop", text);
    }
    // That of one who undoes is no other run.
    let of = alert(AT - 5_000_000, 5712, 3, "192.0.2.7");
    for text in ["Starting", &request("firewall-drop", "delete", &of), "Ended"] {
        say(&mut log, AT + 720_000, "firewall-drop", text);
    }
    let host = agent(&log);
    let document = trace(host.path(), &[], 1);
    let entry = document["responses"].as_array().expect("responses").iter();
    let entry = entry.clone().find(|entry| entry["name"] == "firewall-drop600").expect("it is there");
    assert_eq!((&entry["expected"], &entry["failed"]), (&3.into(), &3.into()), "{entry}");
    assert_eq!(document["alerts"][0]["gap"]["stage"], "contract");
    assert_eq!(document["alerts"][0]["rule"], "");
    let said = text(&run(host.path(), &[]));
    assert!(said.contains("a run that wrote no request"), "{said}");
    // Of a rule that was asked for nothing is known.
    assert!(text(&run(host.path(), &["--rule", "5712"])).contains("No response left a trace"));
}

#[test]
fn lines_of_a_clock_that_is_ahead_are_waited_for() {
    let of = alert(AT, 5712, 3, "192.0.2.7");
    let mut log = String::new();
    let ahead = AT + 19_800_000;
    for (text, seconds) in [("Starting", 0), ("add", 0), ("keys", 0), ("continue", 1), ("Ended", 1)] {
        let line = match text {
            "add" | "continue" => request("firewall-drop", text, &of),
            "keys" => keys("firewall-drop", "192.0.2.7"),
            other => other.to_owned(),
        };
        say(&mut log, ahead + seconds * 1000, "firewall-drop", &line);
    }
    let document = trace(agent(&log).path(), &[], 0);
    assert_eq!(document["alerts"][0]["outcome"], "confirmed", "{document}");
}

#[test]
fn what_is_too_young_is_not_called_answered() {
    let host = small(&[alert(NOW - 10_000, 5763, 1, "192.0.2.7")], "", "");
    let said = text(&run(host.path(), &["-q"]));
    assert_eq!(said, "Whether 1 alert was answered cannot be told yet.\n");
}

/// `2026-11-18 ####xx 6, 2 not answered (x)`
#[test]
fn each_day_has_a_bar() {
    let day = 86_400_000;
    let all = ["Starting", "add", "keys", "continue", "Ended"];
    let (mut alerts, mut log) = (Vec::new(), String::new());
    // Of each day: alerts that were answered, and others.
    for (back_then, (answered, lost)) in [(3, (1, 0)), (2, (6, 2)), (0, (0, 1))] {
        for number in 0..answered + lost {
            let at = AT - back_then * day + number * 60_000;
            let of = alert(at, 5763, 1, &format!("192.0.2.{}", 7 + number));
            alerts.push(of.clone());
            if number < answered {
                whole(&mut log, at + 1000, &of, &all);
                alerts.push(back(at + 2000, 0, "host-deny", "add", &of));
            }
        }
    }
    let host = small(&alerts, &log, "");
    let said = text(&run(host.path(), &["--color", "never"]));
    let (_, bars) = said.split_once("days ").expect("there are days");
    let bars: Vec<&str> = bars.lines().map(str::trim).take_while(|line| line.starts_with("2026")).collect();
    // The largest day has all of the width, one alert is seen at least.
    assert_eq!(
        bars,
        [
            format!("2026-11-17 {} 1", "#".repeat(5)),
            format!("2026-11-18 {}{} 8, 2 not answered (x)", "#".repeat(30), "x".repeat(10)),
            format!("2026-11-20 {} 1, 1 not answered (x)", "x".repeat(5)),
        ],
        "{said}"
    );
}
