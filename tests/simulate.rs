//! `ar-doctor simulate` through the binary: what fires, and the first condition that stops the rest.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "a test fails by panicking")]

#[path = "support/tree.rs"]
mod tree;

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tree::copy;

const MANAGER: &str = "fixtures/hosts/manager-4.14-debian";

fn simulate(host: &str, arguments: &[&str], input: &str) -> Output {
    run(&[&["--from", host], arguments].concat(), input)
}

fn run(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_ar-doctor"))
        .args(["simulate", "--format", "json"])
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    // It may end before it reads.
    let _ = child.stdin.take().expect("a pipe").write_all(input.as_bytes());
    child.wait_with_output().expect("it ends")
}

/// By response: empty when it fires, else why not.
fn answers(host: &str, arguments: &[&str], input: &str) -> Vec<(String, String)> {
    let output = simulate(host, arguments, input);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {said}");
    let document: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    document["responses"]
        .as_array()
        .expect("responses")
        .iter()
        .map(|entry| (text(&entry["name"]), text(&entry["reason"])))
        .collect()
}

const LOGTEST: &str = "**Phase 2: Completed decoding.\n\tname: 'sshd'\n\tsrcip: '203.0.113.9'\n\n**Phase 3: Completed filtering (rules).\n\tid: '5712'\n\tlevel: '10'\n\tgroups: '['syslog', 'sshd', 'authentication_failures']'\n";
const ALERT: &str = r#"{"rule":{"level":16,"id":"5719","groups":["syslog","sshd"]},"agent":{"id":"000"},"data":{"srcip":"203.0.113.9","dstuser":"root"}}"#;

#[test]
fn the_first_condition_that_failed_is_named() {
    const FIRES: &str = "";
    let level = "level 10 < 12";
    let group = "rules_group \"authentication_failures\" is not in ";
    // Arguments, input, and the beginning of each answer: firewall-drop, notify-oncall, netsh.
    let rows: &[(&[&str], &str, [&str; 3])] = &[
        (&["--rule", "5712"], "", [FIRES, level, FIRES]),
        (&["--rule", "5763"], "", [FIRES, level, group]),
        (&["--rule", "5719"], "", ["rule 5719 is not among rules_id 5712, 5763", FIRES, group]),
        (&["--rule", "5700"], "", ["rule 5700 has level 0"; 3]),
        (
            &["--rule", "5712", "--srcip", "10.20.1.1"],
            "",
            ["white_list 10.20.0.0/16 holds 10.20.1.1, etc/ossec.conf:8", level, "white_list 10.20.0.0/16"],
        ),
        (
            &["--rule", "5712", "--srcip", "::ffff:10.20.1.1"],
            "",
            ["white_list 10.20.0.0/16", level, "white_list"],
        ),
        (&["--rule", "5712", "--srcip", "10.21.1.1"], "", [FIRES, level, FIRES]),
        (&["--rule", "5712", "--user", "a b"], "", ["dstuser \"a b\"", level, "dstuser"]),
        (&["--rule", "5712", "--srcip", "a/b"], "", ["srcip \"a/b\"", level, "srcip"]),
        (&["--rule", "5712", "--level", "13"], "", [FIRES, FIRES, FIRES]),
        (&["--rule", "5712", "--group", "x"], "", [FIRES, level, group]),
        (
            &["--rule", "77", "--level", "12"],
            "",
            [
                "rule 77 is not among",
                FIRES,
                "rules_group \"authentication_failures\": the groups of rule 77 are not known",
            ],
        ),
        (&["--logtest", "-"], LOGTEST, [FIRES, level, FIRES]),
        (&["-"], ALERT, ["rule 5719", FIRES, group]),
        (
            &["-", "--srcip", "127.0.0.1"],
            ALERT,
            ["rule 5719", "white_list 127.0.0.1 holds 127.0.0.1, etc/ossec.conf:6", group],
        ),
    ];
    for (arguments, input, expected) in rows {
        for host in [MANAGER, "fixtures/hosts/manager-4.9-rhel", "fixtures/hosts/manager-4.2-debian"] {
            let answers = answers(host, arguments, input);
            assert_eq!(answers.len(), expected.len());
            for ((name, why), expected) in answers.iter().zip(expected) {
                let fits = if expected.is_empty() { why.is_empty() } else { why.starts_with(expected) };
                assert!(fits, "{host} {arguments:?}: {name}: {why:?} is not {expected:?}");
            }
        }
    }
}

#[test]
fn the_line_is_the_one_execd_writes() {
    let output = simulate(MANAGER, &["-"], ALERT);
    let document: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    let entry = &document["responses"][1];
    assert_eq!(entry["hosts"][0], "the manager");
    let line: Value = serde_json::from_str(entry["line"].as_str().expect("a line")).expect("it is JSON");
    assert_eq!(line["command"], "add");
    assert_eq!(line["origin"]["module"], "wazuh-execd");
    assert_eq!(line["parameters"]["program"], "active-response/bin/notify-oncall.sh");
    let alert: Value = serde_json::from_str(ALERT).expect("it is JSON");
    assert_eq!(line["parameters"]["alert"], alert);
}

#[test]
fn how_it_ends() {
    for (host, arguments, input, status) in [
        (MANAGER, &["--rule", "5712", "--expect", "netsh1800"][..], "", 0),
        (MANAGER, &["--rule", "5763", "--expect", "netsh1800"], "", 1),
        (MANAGER, &["--rule", "5763", "--expect", "no-such"], "", 2),
        (MANAGER, &["--rule", "77"], "", 2),
        (MANAGER, &["-"], "nonsense", 2),
        (MANAGER, &["--logtest", "-"], "nonsense", 2),
        (MANAGER, &[], "", 2),
        (MANAGER, &["-", "--rule", "5712"], ALERT, 2),
        ("fixtures/hosts/agent-4.14-debian", &["--rule", "5712"], "", 3),
        ("fixtures/hosts/manager-5.0-debian", &["--rule", "5712"], "", 3),
    ] {
        let output = simulate(host, arguments, input);
        assert_eq!(output.status.code(), Some(status), "{host} {arguments:?}");
    }
}

/// What is said of the first response: `fires HOSTS`, or why not.
fn first(arguments: &[&str], input: &str) -> (String, Value) {
    let output = run(arguments, input);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {said}");
    let document: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    let entry = document["responses"][0].clone();
    let hosts = entry["hosts"].as_array().expect("hosts").iter().filter_map(Value::as_str);
    let answer = match entry["reason"].as_str() {
        Some(reason) => reason.to_owned(),
        None => format!("fires on {}", hosts.collect::<Vec<_>>().join(", ")),
    };
    (answer, entry)
}

/// A configuration with one command, `fw`.
fn conf(directory: &Path, sections: &str, blocks: &[&str]) -> String {
    let blocks: String = blocks
        .iter()
        .map(|body| format!("<active-response><command>fw</command>{body}</active-response>\n"))
        .collect();
    let path = directory.join("ossec.conf");
    let text = format!(
        "<ossec_config>\n{sections}\n<command><name>fw</name><executable>fw</executable></command>\n{blocks}</ossec_config>\n"
    );
    fs::write(&path, text).expect("it is written");
    path.to_str().expect("a name").to_owned()
}

/// The rows of what was seen on a real manager, each through the program: an event of rule 5710 of
/// the manager itself, as there.
#[test]
fn what_was_seen_on_a_real_manager_is_what_is_said() {
    const FIRES: &str = "fires on the manager";
    let directory = tempfile::tempdir().expect("a directory");
    let event = ["--rule", "5710", "--level", "5", "--agent", "000"];
    let groups = ["syslog", "sshd", "authentication_failed", "invalid_login"];
    let groups: Vec<&str> = groups.iter().flat_map(|group| ["--group", group]).collect();
    let not_listed = "rule 5710 is not among rules_id";
    // The block behind its location, and what is said.
    let rows: &[(&str, &str)] = &[
        ("<rules_id>5710</rules_id>", FIRES),
        ("<rules_id>5710, 5711</rules_id>", FIRES),
        ("<rules_id>5711, 5710</rules_id>", FIRES),
        ("<rules_id> 5710 </rules_id>", FIRES),
        ("<rules_id>,5710</rules_id>", FIRES),
        ("<rules_id>05710</rules_id>", FIRES),
        ("<rules_id>5710 5711</rules_id>", FIRES),
        ("<rules_id>5711 5710</rules_id>", not_listed),
        ("<rules_id>5711;5710</rules_id>", not_listed),
        ("<rules_id>5711|5710</rules_id>", not_listed),
        ("<rules_id>5700-5720</rules_id>", not_listed),
        ("<rules_id>abc5710</rules_id>", "its block selects no rule"),
        ("<rules_id></rules_id>", "its block selects no rule"),
        ("<rules_id>5711,\n5710</rules_id>", not_listed),
        ("<rules_id>101 ,5710</rules_id>", FIRES),
        ("<rules_id>101;5,5710</rules_id>", FIRES),
        ("<rules_id>101,\t5710</rules_id>", not_listed),
        ("", "its block selects no rule"),
        ("<level>0</level>", "its block selects no rule"),
        ("<level></level>", "its block selects no rule"),
        ("<level>3</level>", FIRES),
        ("<level>5</level>", FIRES),
        ("<level>6</level>", "level 5 < 6"),
        ("<level>6</level><rules_id>5710</rules_id>", FIRES),
        ("<level>3</level><rules_id>5716</rules_id>", FIRES),
        ("<level>3</level><rules_group>nosuch</rules_group>", "rules_group \"nosuch\" is not in"),
        ("<rules_id>5716</rules_id><rules_group>sshd</rules_group>", FIRES),
        ("<rules_group>ssh</rules_group>", FIRES),
        ("<rules_group>SSHD</rules_group>", FIRES),
        ("<rules_group>sshd|foo</rules_group>", FIRES),
        ("<rules_group>authentication_failed,</rules_group>", FIRES),
        ("<rules_group>foo,sshd</rules_group>", "rules_group \"foo,sshd\" is not in"),
        ("<rules_group>sshd,foo</rules_group>", "rules_group \"sshd,foo\" is not in"),
        ("<rules_group>sshd,authentication_failed</rules_group>", FIRES),
        ("<rules_group></rules_group>", FIRES),
        ("<level>6</level><rules_group></rules_group>", "level 5 < 6"),
        ("<rules_group>^sshd$</rules_group>", "rules_group \"^sshd$\" is not in"),
        ("<rules_group>*</rules_group>", "rules_group \"*\" is not in"),
        ("<rules_group>foo sshd</rules_group>", "rules_group \"foo sshd\" is not in"),
        ("<rules_group>^syslog</rules_group>", FIRES),
        ("<rules_group>x|</rules_group>", FIRES),
        ("<level>3</level><disabled>yes</disabled>", "the block is disabled"),
        ("<level>3</level><disabled>yes</disabled><disabled>no</disabled>", "the block is disabled"),
        ("<level>3</level><disabled>no</disabled>", FIRES),
        ("<level>21</level>", "analysisd does not start"),
    ];
    for (block, wanted) in rows {
        let conf = conf(directory.path(), "", &[&format!("<location>local</location>{block}")]);
        let bare = ["--config", &conf, "--role", "manager"];
        let (said, _) = first(&[&bare[..], &event, &groups].concat(), "");
        assert!(said.starts_with(wanted), "{block}: {said}");
    }

    // Where it runs: for an event of the manager, and of agent 001.
    let named = |id: &str| format!("<location>defined-agent</location><agent_id>{id}</agent_id>");
    let all = "fires on every connected agent";
    for (place, of_manager, of_agent) in [
        ("<location>local</location>".to_owned(), FIRES, "fires on agent 001"),
        ("<location>server</location>".to_owned(), FIRES, FIRES),
        ("<location>all</location>".to_owned(), all, all),
        ("<location>firewall</location>".to_owned(), all, all),
        ("<location>base</location>".to_owned(), FIRES, FIRES),
        ("<location>local,server</location>".to_owned(), FIRES, FIRES),
        ("<location>server,all</location>".to_owned(), FIRES, FIRES),
        (named("002"), "fires on agent 002", "fires on agent 002"),
        (named("001,002"), "fires on agent 001", "fires on agent 001"),
        (named("7web"), "fires on agent 007", "fires on agent 007"),
        (named("99999999999"), "fires on agent 1215752191", "fires on agent 1215752191"),
        (named("-1"), "the agent has no id", "the agent has no id"),
        (named("000"), "the block is dropped", "the block is dropped"),
        (
            "<location>defined-agent,local</location><agent_id>002</agent_id>".to_owned(),
            FIRES,
            "fires on agent 002",
        ),
    ] {
        let conf = conf(directory.path(), "", &[&format!("{place}<level>3</level>")]);
        for (agent, wanted) in [("000", of_manager), ("001", of_agent)] {
            let (said, _) = first(
                &["--config", &conf, "--role", "manager", "--rule", "5710", "--level", "5", "--agent", agent],
                "",
            );
            assert!(said.starts_with(wanted), "{place} {agent}: {said}");
        }
    }

    // The white list.
    let held = |entry: &str| format!("white_list {entry} holds");
    let (one, net, name) = (held("192.0.2.1"), held("192.0.2.0/24"), held("^host.example$"));
    let (empty, begins) = (held(""), held("10.0.0.|"));
    for (entry, srcip, wanted) in [
        ("192.0.2.1", "192.0.2.1", one.as_str()),
        ("192.0.2.1", "::ffff:192.0.2.1", &one),
        ("192.0.2.1", "192.0.2.2", FIRES),
        ("192.0.2.0/24", "192.0.2.77", &net),
        ("192.0.2.*", "192.0.2.77", FIRES),
        ("192.0.2.1 ", "192.0.2.1", FIRES),
        ("^host.example$", "host.example", &name),
        ("^host.example$", "host.example.org", FIRES),
        ("", "198.51.100.1", &empty),
        ("10.0.0.|", "198.51.100.1", &begins),
        ("2001:db8::/32", "2001:db8::1", FIRES),
        ("192.0.2.1", "UNKNOWN", FIRES),
        ("192.0.2.1", "fe80::1%eth0", "srcip \"fe80::1%eth0\" has a character that is not allowed, at 8"),
        ("192.0.2.01", "192.0.2.1", "analysisd does not start"),
    ] {
        let list = format!("<global><white_list>{entry}</white_list></global>");
        let conf = conf(directory.path(), &list, &["<location>local</location><level>3</level>"]);
        let bare = ["--config", &conf, "--role", "manager"];
        let (said, _) = first(&[&bare[..], &event, &["--srcip", srcip]].concat(), "");
        assert!(said.starts_with(wanted), "{entry} {srcip}: {said}");
    }

    // No srcip: it fires, and that is told. Two of the same: both fire. A disabled block closes the
    // queue for those before it.
    let level = "<location>local</location><level>3</level>";
    let two = conf(directory.path(), "", &[level, level]);
    let output = run(&[&["--config", &two, "--role", "manager"][..], &event].concat(), "");
    let document: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    let fired =
        document["responses"].as_array().expect("responses").iter().filter(|one| one["fires"] == true);
    assert_eq!(fired.count(), 2);
    assert!(document["notes"].to_string().contains("no srcip"), "{}", document["notes"]);
    let closed = conf(directory.path(), "", &[level, &format!("{level}<disabled>yes</disabled>")]);
    let (said, _) = first(&[&["--config", &closed, "--role", "manager"][..], &event].concat(), "");
    assert!(said.starts_with("analysisd has no queue to the manager's own execd open, because of"), "{said}");
}

/// The form of the message, and what is taken for granted.
#[test]
fn agents_of_all_versions_get_their_own_form() {
    let directory = tempfile::tempdir().expect("a directory");
    let level = "<location>local</location><level>3</level>";
    let path = conf(directory.path(), "", &[level]);
    let base = ["--config", &path, "--role", "manager", "-", "--agent", "001"];
    let alert = r#"{"rule":{"level":5,"id":"5710"},"agent":{"id":"003"},"id":"1.2","location":"x","data":{"srcip":"203.0.113.9","u":"a!b$c'd`e"}}"#;
    for (version, form, known, inside) in [
        (None, "json", false, "a!b$c'd`e"),
        (Some("4.14.2"), "json", true, "a!b$c'd`e"),
        (Some("4.2.5"), "json", true, "a!b$c'd`e"),
        (Some("4.2.4"), "escaped-json", true, r"a\\x21b\\x24c\\x27d\\x60e"),
        (Some("4.1.5"), "words", true, "fw0 - 203.0.113.9 1.2 5710 x - -"),
    ] {
        let version: Vec<&str> =
            version.into_iter().flat_map(|version| ["--agent-version", version]).collect();
        let (_, entry) = first(&[&base[..], &version].concat(), alert);
        assert_eq!((entry["form"].as_str(), entry["form_is_known"].as_bool()), (Some(form), Some(known)));
        let sent = entry["message"].as_str().expect("a message");
        assert!(sent.contains(inside), "{version:?}: {sent}");
        let line = entry["line"].as_str().expect("a line");
        match form {
            "words" => assert_eq!(line, "add - 203.0.113.9 1.2 5710 x - -"),
            _ => assert!(line.contains(inside), "{line}"),
        }
    }
    let notes = |arguments: &[&str], input: &str| {
        let output = run(arguments, input);
        let document: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
        document["notes"].to_string()
    };
    let said = notes(&base, alert);
    assert!(said.contains("agent 001 is taken to be connected and to run 4.2.5 or later"), "{said}");
    assert!(said.contains("bin/agent_control -i 001"), "{said}");
    assert!(!notes(&[&base[..], &["--agent-version", "4.9.0"]].concat(), alert).contains("4.2.5"));
    // No number of an agent, and a device that the manager itself asks.
    let bare = &base[..5];
    let nobody = alert.replace(r#""agent":{"id":"003"},"#, "");
    assert!(notes(bare, &nobody).contains("no agent.id: agent 001 is assumed"));
    let device = nobody.replace(r#""id":"1.2""#, r#""agentless":{"host":"h"}"#);
    assert_eq!(first(bare, &device).0, "fires on the manager");
    // A worker, and a cluster.
    let worker = "<cluster><node_type>worker</node_type><node_name>w2</node_name>\n<disabled>no</disabled>\n</cluster>";
    let everybody = "<location>all</location><level>3</level>";
    let path = conf(directory.path(), worker, &[everybody]);
    let base = ["--config", &path, "--role", "manager", "-"];
    let said = notes(&base, alert);
    for part in ["is a worker", "only agents connected to the node", "on the master", "agent_control -lc"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(first(&base, alert).1["message"].as_str().expect("sent").contains(r#""origin":{"name":"w2""#));
    // Neither is said of a manager on its own.
    let path = conf(directory.path(), "", &[everybody]);
    let said = notes(&["--config", &path, "--role", "manager", "-"], alert);
    assert!(!said.contains("worker") && !said.contains("node"), "{said}");
}

/// A copy of the manager with other rules, responses and alerts.
fn manager(directory: &Path, blocks: &[&str], rules: &str) {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join(MANAGER);
    copy(&from, directory);
    let etc = directory.join("files/var/ossec/etc");
    conf(
        &etc,
        "<global><white_list>10.0.0.0/8</white_list></global>\n<ruleset><decoder_dir>ruleset/decoders</decoder_dir>\
         <rule_dir>ruleset/rules</rule_dir><rule_dir>etc/rules</rule_dir></ruleset>",
        blocks,
    );
    let text = format!("<group name=\"local,\">{rules}</group>\n");
    fs::write(etc.join("rules/local_rules.xml"), text).expect("rules are written");
}

#[test]
fn a_child_that_wins_is_named() {
    const RULES: &str = "<rule id=\"100010\" level=\"3\"><if_sid>5712</if_sid><match>a</match><description>x</description></rule>\
        <rule id=\"100011\" level=\"4\"><if_sid>100010</if_sid><match>b</match><description>x</description></rule>\
        <rule id=\"100012\" level=\"0\"><if_sid>5712</if_sid><match>c</match><description>x</description></rule>\
        <rule id=\"100013\" level=\"12\"><if_sid>5712</if_sid><match>d</match><description>x</description></rule>\
        <rule id=\"100014\" level=\"3\"><if_sid>100013</if_sid><match>e</match><description>x</description></rule>\
        <rule id=\"100015\" level=\"9\" noalert=\"1\"><if_sid>5711</if_sid><match>f</match><description>x</description></rule>\
        <rule id=\"100016\" level=\"4\"><if_sid>100015</if_sid><match>g</match><description>x</description></rule>\
        <rule id=\"100017\" level=\"9\" accuracy=\"0\"><match>h</match><description>x</description></rule>\
        <rule id=\"100018\" level=\"9\"><match>i</match><options>no_ar</options><description>x</description></rule>\
        <rule id=\"100019\" level=\"9\"><match>j</match><options>no_log</options><description>x</description></rule>";
    let level = "<location>local</location><level>10</level>";
    let nine = "<location>local</location><level>9</level>";
    let group = "<location>local</location><rules_group>authentication_failures</rules_group>";
    let both = "<location>local</location><level>6</level><rules_group>authentication_failures</rules_group>";
    let id = "<location>local</location><rules_id>5712</rules_id>";
    let none = "<location>local</location><rules_id>5700</rules_id>";
    for (block, rule, wanted) in [
        (
            level,
            "100010",
            "rule 100010 (level 3) is a child that wins over 5712 (level 10), which would have fired it",
        ),
        (
            level,
            "100011",
            "rule 100011 (level 4) is a descendant that wins over 5712 (level 10), which would have fired it",
        ),
        // The nearest that is bound.
        (
            level,
            "100014",
            "rule 100014 (level 3) is a child that wins over 100013 (level 12), which would have fired it",
        ),
        (
            level,
            "100012",
            "rule 100012 has level 0, and is a child that wins over 5712 (level 10), which would have fired it",
        ),
        (
            group,
            "100010",
            "rule 100010 is a child that wins over 5712, which is in rules_group \"authentication_failures\" and would have fired it",
        ),
        (
            both,
            "100010",
            "rule 100010 (level 3) is a child that wins over 5712 (level 10), which is in rules_group \"authentication_failures\" and would have fired it",
        ),
        (id, "100010", "rule 100010 is a child that wins over 5712"),
        (id, "100011", "rule 100011 is a descendant that wins over 5712"),
        // Near misses: the child is bound itself; the one above is not, or never has the last word.
        (level, "100013", "fires on agent 001"),
        (level, "5710", "level 5 < 10"),
        (nine, "100016", "level 4 < 9"),
        (none, "5710", "rule 5710 is not among rules_id 5700"),
        (id, "5710", "rule 5710 is not among rules_id 5712"),
        (group, "5710", "rules_group \"authentication_failures\" is not in \"syslog,sshd,\""),
        // What a rule says of itself.
        (nine, "100017", "rule 100017 has accuracy=\"0\""),
        (nine, "100018", "rule 100018 has <options>no_ar</options>"),
        (nine, "100019", "fires on agent 001"),
        (nine, "5700", "rule 5700 has level 0"),
    ] {
        let directory = tempfile::tempdir().expect("a directory");
        manager(directory.path(), &[block], RULES);
        let from = directory.path().to_str().expect("a name");
        let (said, _) = first(&["--from", from, "--rule", rule], "");
        if wanted.ends_with("it") || wanted.ends_with("5712") {
            assert_eq!(said, wanted, "{block} {rule}");
        }
        assert!(said.starts_with(wanted), "{block} {rule}: {said}");
        // An alert of it bears its level, also where responses see 0.
        if rule == "100017" {
            let alert = r#"{"rule":{"id":"100017","level":9},"agent":{"id":"001"}}"#;
            assert!(first(&["--from", from, "-"], alert).0.starts_with(wanted));
        }
    }
}

/// analysisd ends at a fatal rule: nothing fires, whatever the event, and `show` says so as well.
#[test]
fn nothing_fires_where_a_rule_is_refused() {
    const BAD: &str = "<rule id=\"100010\" level=\"7\"><match>a</match><description>x</description></rule>\n\
        <rule id=\"100011\" level=\"7\"><match>a</match><no_such>b</no_such><description>x</description></rule>\n\
        <rule id=\"100012\" level=\"7\"><match>a</match><description>x</description></rule>";
    let why = "analysisd does not start: it refuses the rules, etc/rules/local_rules.xml:2";
    let directory = tempfile::tempdir().expect("a directory");
    manager(directory.path(), &["<location>local</location><level>3</level>"], BAD);
    let from = directory.path().to_str().expect("a name");
    let alert = r#"{"rule":{"id":"5712","level":10},"agent":{"id":"001"}}"#;
    for (arguments, input) in [
        (&["--rule", "5712"][..], ""),
        (&["--rule", "100010"], ""),
        (&["--rule", "100012", "--level", "7"], ""),
        (&["-"], alert),
        (&["--logtest", "-"], LOGTEST),
    ] {
        let (said, entry) = first(&[&["--from", from], arguments].concat(), input);
        assert_eq!((said.as_str(), entry["fires"].as_bool()), (why, Some(false)), "{arguments:?}");
    }
    let document = many(&["-", "--from", from], alert, 0);
    assert_eq!(counts(&document, 0), (0, vec![(why.to_owned(), 1)]));
    // A rule behind it is not loaded, and that is said.
    let output = run(&["--from", from, "--rule", "100012"], "");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("100012 before etc/rules/local_rules.xml:2, at which analysisd ends"), "{said}");

    for (format, status) in [("text", Some(1)), ("json", Some(1))] {
        let output = Command::new(env!("CARGO_BIN_EXE_ar-doctor"))
            .args(["show", "--format", format, "--from", from])
            .output()
            .expect("it runs");
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), status, "{said}");
        if format == "text" {
            assert!(said.contains("wazuh-analysisd     refuses to start"), "{said}");
            assert!(said.contains("ERROR: Invalid option 'no_such' for rule '100011'."), "{said}");
            assert!(said.contains("(1220)"), "{said}");
        } else {
            let document: Value = serde_json::from_str(&said).expect("it is JSON");
            let daemon = &document["daemons"]["wazuh-analysisd"];
            assert_eq!((&daemon["starts"], &daemon["end"]), (&false.into(), &"exits".into()));
        }
    }
}

/// Why a rule that is asked for is not there, and why its group does not fit any more.
#[test]
fn rules_that_are_left_out_or_overwritten_are_named() {
    const RULES: &str = "<rule id=\"100010\" level=\"7\"><if_sid>99999</if_sid><description>x</description></rule>\n\
        <rule id=\"5712\" level=\"12\" overwrite=\"yes\"><if_matched_sid>5710</if_matched_sid><description>x</description></rule>";
    let directory = tempfile::tempdir().expect("a directory");
    let group = "<location>local</location><rules_group>authentication_failures</rules_group>";
    manager(directory.path(), &[group], RULES);
    let from = directory.path().to_str().expect("a name");
    let output = run(&["--from", from, "--rule", "100010"], "");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("the one in etc/rules/local_rules.xml:1 is left out, (7619)"), "{said}");
    let (said, _) = first(&["--from", from, "--rule", "5712"], "");
    let taken_out = "; its overwrite in etc/rules/local_rules.xml:2 took it out";
    assert_eq!(said, format!("rules_group \"authentication_failures\" is not in \"local,\"{taken_out}"));
    // Groups that are given are not those of the overwrite.
    let (said, _) = first(&["--from", from, "--rule", "5712", "--group", "x"], "");
    assert!(!said.contains(taken_out), "{said}");
    let alert = r#"{"rule":{"id":"5712","level":12},"agent":{"id":"001"}}"#;
    let document = many(&["-", "--from", from], alert, 0);
    let (started, stopped) = counts(&document, 0);
    assert!(started == 0 && stopped[0].0.ends_with(taken_out), "{stopped:?}");
}

/// Alerts without a source start responses, and it is said that their scripts get none; an empty
/// log has no beginning.
#[test]
fn alerts_without_a_source_and_logs_without_alerts() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = conf(directory.path(), "", &["<location>local</location><level>6</level>"]);
    let bare = ["-", "--config", &path, "--role", "manager"];
    let with = r#"{"rule":{"id":"1","level":6},"agent":{"id":"001"},"data":{"srcip":"192.0.2.1"}}"#;
    let without = r#"{"rule":{"id":"1","level":6},"agent":{"id":"001"},"data":{"src_ip":"192.0.2.1"}}"#;
    let low = without.replace("6}", "5}");
    for (alerts, note) in [
        (vec![with, &low], None),
        (vec![with, without, without], Some("2 of 3 alerts that start a response have no data.srcip")),
        (vec![without], Some("1 alert that starts a response has no data.srcip")),
    ] {
        let notes = many(&bare, &alerts.join("\n"), 0)["notes"].to_string();
        assert_eq!(notes.contains("no data.srcip"), note.is_some(), "{notes}");
        assert!(note.is_none_or(|note| notes.contains(note)), "{notes}");
    }

    // A tree has no clock, and neither an alert to go by.
    let tree = tempfile::tempdir().expect("a directory");
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join(MANAGER).join("files"), tree.path());
    let from = tree.path().to_str().expect("a name");
    let logs = tree.path().join("var/ossec/logs/alerts");
    fs::create_dir_all(&logs).expect("a directory");
    assert_eq!(many(&["--from", from], "", 3)["read"]["since"], Value::Null);
    fs::write(logs.join("alerts.json"), "").expect("it is written");
    assert_eq!(many(&["--from", from], "", 0)["read"]["since"], Value::Null);
    fs::remove_file(logs.join("alerts.json")).expect("it is removed");
    let ossec = tree.path().join("var/ossec/etc/ossec.conf");
    let text = fs::read_to_string(&ossec).expect("it is read");
    fs::write(&ossec, text.replace("<jsonout_output>yes", "<jsonout_output>no")).expect("it is written");
    let output = Command::new(env!("CARGO_BIN_EXE_ar-doctor"))
        .args(["simulate", "--from-alerts", "--from", from])
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("no file of alerts to read: jsonout_output is off, etc/ossec.conf:4."), "{said}");
}

/// A line as analysisd writes it.
fn line(time: &str, rule: u32, level: u32, agent: &str, srcip: &str) -> String {
    format!(
        "{{\"timestamp\":\"{time}.000+0000\",\"rule\":{{\"level\":{level},\"id\":\"{rule}\",\"groups\":[\"g\"]}},\
         \"agent\":{{\"id\":\"{agent}\",\"name\":\"host-{agent}\"}},\"data\":{{\"srcip\":\"{srcip}\"}}}}\n"
    )
}

fn gzip(text: &str) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(text.as_bytes()).expect("it is packed");
    packed.finish().expect("it is packed")
}

/// Adds files to a capture's host.json.
fn listed(directory: &Path, entries: &str) {
    let json = directory.join("host.json");
    let text = fs::read_to_string(&json).expect("the capture");
    let with = text.replacen("\"files\": {", &format!("\"files\": {{\n{entries}"), 1);
    assert_ne!(with, text);
    fs::write(&json, with).expect("it is written");
}

/// A manager with days of alerts: the host's clock says 2026-11-20T14:10:00Z.
fn with_alerts(directory: &Path) -> String {
    let by_level = "<location>local</location><level>6</level>";
    let by_id = "<location>server</location><rules_id>5712,5763,99999</rules_id>";
    manager(
        directory,
        &[by_level, by_id],
        "<rule id=\"100010\" level=\"3\"><if_sid>5712</if_sid><match>a</match><description>x</description></rule>",
    );
    let old = line("2026-10-01T08:00:00", 5712, 10, "001", "203.0.113.1");
    let day = [
        line("2026-11-18T08:00:00", 5710, 5, "001", "203.0.113.1"),
        line("2026-11-18T08:00:01", 5710, 5, "002", "203.0.113.1"),
        line("2026-11-18T08:00:02", 5712, 10, "001", "203.0.113.1"),
        "torn {\"timestamp\n".to_owned(),
        line("2026-11-18T08:00:03", 5712, 10, "001", "10.1.2.3"),
    ];
    let today = [
        line("2026-11-20T08:00:00", 5712, 10, "002", "203.0.113.1"),
        line("2026-11-20T08:00:01", 5712, 10, "002", "a b"),
        line("2026-11-20T08:00:02", 100_010, 3, "002", "203.0.113.1"),
        line("2026-11-20T08:00:03", 5719, 16, "000", "203.0.113.1"),
        line("2026-11-20T08:00:04", 77, 9, "001", "203.0.113.1"),
        line("2026-11-20T08:00:05", 5710, 7, "001", "203.0.113.1"),
    ];
    let logs = directory.join("files/var/ossec/logs/alerts");
    for (path, bytes) in [
        ("2026/Oct/ossec-alerts-01.json.gz", gzip(&old)),
        ("2026/Nov/ossec-alerts-18.json.gz", gzip(&day.concat())),
        ("alerts.json", today.concat().into_bytes()),
    ] {
        let path = logs.join(path);
        fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
        fs::write(path, bytes).expect("alerts are written");
    }
    let entries = ["2026/Oct/ossec-alerts-01.json.gz", "2026/Nov/ossec-alerts-18.json.gz", "alerts.json"];
    let entries: String =
        entries.iter().map(|path| format!("\"/var/ossec/logs/alerts/{path}\": {{}},\n")).collect();
    listed(directory, &entries);
    directory.to_str().expect("a name").to_owned()
}

fn many(arguments: &[&str], input: &str, status: i32) -> Value {
    let output = run(&[&["--from-alerts"], arguments].concat(), input);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{arguments:?}: {said}");
    serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
}

/// How many alerts started the responses, and what stopped the others.
fn counts(document: &Value, response: usize) -> (u64, Vec<(String, u64)>) {
    let entry = &document["responses"][response];
    let stopped = entry["stopped"].as_array().expect("conditions").iter();
    let stopped = stopped.map(|one| {
        (one["reason"].as_str().expect("a reason").to_owned(), one["alerts"].as_u64().expect("a count"))
    });
    (entry["started"].as_u64().expect("a count"), stopped.collect())
}

#[test]
fn alerts_of_a_window_are_held_against_every_response() {
    let directory = tempfile::tempdir().expect("a directory");
    let from = with_alerts(directory.path());
    let document = many(&["--from", &from], "", 0);
    let alerts = &document["alerts"];
    assert_eq!((&alerts["held"], &alerts["started"]), (&10.into(), &5.into()), "{alerts}");
    assert_eq!(alerts["first"], "2026-11-18T08:00:00Z");
    assert_eq!(document["read"]["skipped"], 1);
    assert_eq!(document["read"]["files"].as_array().map(Vec::len), Some(2), "{}", document["read"]);
    let (started, stopped) = counts(&document, 0);
    assert_eq!(started, 5);
    let white = "white_list 10.0.0.0/8, etc/ossec.conf:2".to_owned();
    let child = "rule 100010 (level 3) is a child that wins over 5712 (level 10), which would have fired it";
    let odd = "srcip has a character that is not allowed, \"a b\" for one".to_owned();
    assert_eq!(
        stopped,
        [("level 5 < 6".to_owned(), 2), (child.to_owned(), 1), (odd.clone(), 1), (white.clone(), 1)]
    );
    let (started, stopped) = counts(&document, 1);
    assert_eq!(started, 2);
    let listed = "the rule is not among rules_id 5712, 5763, 99999".to_owned();
    let child = "rule 100010 is a child that wins over 5712".to_owned();
    assert_eq!(stopped, [(listed, 5), (child, 1), (odd, 1), (white, 1)]);
    assert_eq!(document["responses"][1]["silent"], serde_json::json!([5763, 99999]));
    let hosts = document["responses"][0]["hosts"].as_array().expect("hosts").iter();
    let hosts: Vec<String> =
        hosts.map(|host| format!("{} {}", host["host"].as_str().expect("a host"), host["alerts"])).collect();
    assert_eq!(hosts, ["agent 001 host-001 3", "the manager 1", "agent 002 host-002 1"]);
    assert_eq!(document["responses"][1]["hosts"][0]["host"], "the manager");
    let logged = document["responses"][1]["stopped"].as_array().expect("conditions").iter();
    assert_eq!(logged.filter(|one| one["logged"] == 1271).count(), 1);
    let rule = document["rules"].as_array().expect("rules").iter().find(|row| row["rule"] == 5712);
    let rule = rule.expect("rule 5712 has a row");
    assert_eq!((&rule["alerts"], &rule["responses"][0]["alerts"]), (&4.into(), &2.into()));
    let notes = document["notes"].to_string();
    for note in [
        "1 alert has another level than the rule has now (5710)",
        "1 alert is of a rule that is not loaded (77)",
    ] {
        assert!(notes.contains(note), "{note}: {notes}");
    }

    // The same one by one: each alert of the window, held on its own.
    let mut each = [0, 0];
    let logs = directory.path().join("files/var/ossec/logs/alerts");
    let today = fs::read_to_string(logs.join("alerts.json")).expect("alerts");
    for alert in today.lines() {
        let output = run(&["--from", &from, "-"], alert);
        let one: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
        for (at, sum) in each.iter_mut().enumerate() {
            *sum += u64::from(one["responses"][at]["fires"] == true);
        }
    }
    let path = logs.join("alerts.json");
    let path = path.to_str().expect("a name");
    let named = many(&[path, "--from", &from], "", 0);
    assert_eq!([counts(&named, 0).0, counts(&named, 1).0], each);
}

#[test]
fn windows_filters_and_files_that_are_named() {
    let directory = tempfile::tempdir().expect("a directory");
    let from = with_alerts(directory.path());
    let held = |arguments: &[&str], input: &str| {
        let document = many(&[arguments, &["--from", &from]].concat(), input, 0);
        document["alerts"]["held"].as_u64().expect("a count")
    };
    assert_eq!(held(&[], ""), 10);
    assert_eq!(held(&["--since", "all"], ""), 11);
    assert_eq!(held(&["--since", "1d"], ""), 6);
    assert_eq!(held(&["--since", "2026-11-20T08:00:03Z"], ""), 3);
    assert_eq!(held(&["--rule", "5712"], ""), 4);
    assert_eq!(held(&["--agent", "2"], ""), 4);
    assert_eq!(held(&["--agent", "000"], ""), 1);
    assert_eq!(held(&["--rule", "5712", "--agent", "002"], ""), 2);
    assert_eq!(held(&["--rule", "1"], ""), 0);
    let logs = directory.path().join("files/var/ossec/logs/alerts");
    let name = |path: &str| logs.join(path).to_str().expect("a name").to_owned();
    let (current, old) = (name("alerts.json"), name("2026/Oct/ossec-alerts-01.json.gz"));
    assert_eq!(held(&[&current], ""), 6);
    assert_eq!(held(&[&current, &old], ""), 7);
    assert_eq!(held(&[&current, &old, "--since", "1d"], ""), 6);
    let text = fs::read_to_string(&current).expect("alerts");
    assert_eq!(held(&["-"], &text), 6);
    assert_eq!(held(&["-"], ""), 0);
    assert_eq!(held(&["-"], "{"), 0);

    // Without a host, and how it ends.
    let conf = conf(directory.path(), "", &["<location>local</location><level>6</level>"]);
    let bare = ["--config", &conf, "--role", "manager"];
    assert_eq!(many(&[&[current.as_str()], &bare[..]].concat(), "", 0)["alerts"]["held"], 6);
    many(&bare, "", 2);
    let missing = name("nothing.json");
    for (arguments, status) in [
        (&["--expect", "fw"][..], 0),
        (&["--expect", "fw0"], 0),
        (&["--expect", "fw", "--rule", "100010"], 1),
        (&["--expect", "fw", "--since", "0s"], 1),
        (&["--expect", "nobody"], 2),
        (&[&missing], 2),
        (&["/dev/null"], 2),
        (&["--since", "soon"], 2),
        (&["--srcip", "192.0.2.1"], 2),
        (&["--level", "3"], 2),
        (&["--group", "x"], 2),
        (&["--user", "x"], 2),
        (&["--agent-version", "4.9.0"], 2),
        (&["--logtest", "-"], 2),
        (&["--agent", "web"], 2),
    ] {
        many(&[arguments, &["--from", &from]].concat(), "", status);
    }
    many(&["--from", MANAGER], "", 3);
    many(&["--from", "fixtures/hosts/agent-4.14-debian"], "", 3);
    assert_eq!(run(&["--from", &from, "--since", "1d", "--rule", "5712"], "").status.code(), Some(2));
    assert_eq!(run(&["--from", &from, "-", "--from-alerts"], "").status.code(), Some(2));
    // A log that may not be read is not an empty one.
    let directory = tempfile::tempdir().expect("a directory");
    manager(
        directory.path(),
        &["<location>local</location><level>6</level>"],
        "<rule id=\"100010\" level=\"3\"><match>a</match><description>x</description></rule>",
    );
    listed(directory.path(), "\"/var/ossec/logs/alerts/\": {\"read_denied\": \"Permission denied\"},\n");
    let from = directory.path().to_str().expect("a name");
    let output = run(&["--from-alerts", "--from", from], "");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("Permission denied"), "{said}");
}

/// More rules than are told apart: every alert is held against the responses all the same.
#[test]
fn alerts_of_very_many_rules_are_all_counted() {
    const ALERTS: u64 = 66_000;
    let directory = tempfile::tempdir().expect("a directory");
    let path = conf(directory.path(), "", &["<location>local</location><level>6</level>"]);
    let alerts: String = (0..ALERTS)
        .map(|rule| format!("{{\"rule\":{{\"id\":\"{rule}\",\"level\":{}}}}}\n", 5 + rule % 2))
        .collect();
    let document = many(&["-", "--config", &path, "--role", "manager"], &alerts, 0);
    let totals = &document["alerts"];
    assert_eq!((&totals["held"], &totals["undated"]), (&ALERTS.into(), &ALERTS.into()));
    let (started, stopped) = counts(&document, 0);
    assert_eq!((started, totals["started"].as_u64()), (ALERTS / 2, Some(ALERTS / 2)));
    assert_eq!(document["rules"].as_array().map(Vec::len), Some(1 << 16));
    let told: u64 = stopped.iter().map(|(_, alerts)| alerts).sum();
    assert_eq!(told + started, ALERTS, "those without a row, too");
    // They have no agent: it is not made up.
    assert_eq!(document["responses"][0]["hosts"][0]["host"], "an agent without a number in the alert");
}
