//! The plan for a message, and rows for runs made by hand.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::replay::{Effect, EffectKind, Launch, Release, Stuck};

const FOUR: &str = r#"{"version":1,"origin":{"name":"","module":"wazuh-analysisd"},"command":"custom-block600","parameters":{"extra_args":[],"alert":{"rule":{"id":"5710","description":"sshd"},"agent":{"id":"001","name":"web-01","ip":"192.0.2.3"},"full_log":"Failed password from 203.0.113.9","data":{"srcip":"203.0.113.9","srcuser":"bob"}}}}"#;
const FIVE: &str = r#"{"source":{"ip":"203.0.113.9"},"event":{"original":"Failed password from 203.0.113.9"},"wazuh":{"active_response":{"executable":"custom-block","type":"stateful","stateful_timeout":600},"agent":{"id":"001"}}}"#;

const WORDS: &str = "custom-block600 bob 203.0.113.9 1.2 5710 (web 1) any->/var/log/auth.log /etc/x -a";

fn target(timeout: i32) -> Target {
    Target {
        asked: "custom-block".to_owned(),
        name: "custom-block".to_owned(),
        path: PathBuf::from("active-response/bin/custom-block"),
        home: PathBuf::from("/var/ossec"),
        install: None,
        gid: None,
        environment: Vec::new(),
        timeout,
        timeout_from: "--timeout".to_owned(),
    }
}

fn played(label: &str, deed: Deed) -> StepRun {
    StepRun {
        label: label.to_owned(),
        deed: Some(deed),
        launch: Some(Launch { started: true, errno: None, by_sh: false }),
        sent: FOUR.as_bytes().to_vec(),
        bytes_read: FOUR.len() as u64,
        ended: Ended::Exit(0),
        ..StepRun::default()
    }
}

fn keyed(label: &str, key: &str, answer: Answer) -> StepRun {
    StepRun {
        first_line: Some(b"{}\n".to_vec()),
        keys: Some(vec![key.to_owned()]),
        answer: Some(answer),
        session_key: Some(format!("custom-block-{key}")),
        ..played(label, Deed::Add)
    }
}

fn verdict(timeout: i32, steps: &[StepRun], label: &str) -> RowVerdict {
    let run = Run { steps: steps.to_vec(), ..Run::default() };
    let plan: Vec<Step> = steps
        .iter()
        .map(|step| Step {
            label: step.label.clone(),
            deed: step.deed.unwrap_or(Deed::Add),
            message: Vec::new(),
            fresh: false,
            table_of: None,
        })
        .collect();
    let rows = rows(&target(timeout), &plan, &run, Contract::Json4);
    assert_eq!(rows.len(), plan.len());
    rows.into_iter().find(|row| row.case == label).unwrap().verdict
}

#[test]
fn every_label_is_unique_and_known() {
    for (message, contract) in [(FOUR, Contract::Json4), (FIVE, Contract::Json5)] {
        let battery = plan(&target(600), message.as_bytes(), contract, &[]);
        let mut labels: Vec<&str> = battery.steps.iter().map(|step| step.label.as_str()).collect();
        let purposes: std::collections::HashSet<Purpose> =
            labels.iter().map(|label| purpose(label)).collect();
        assert_eq!(purposes.len(), 12, "{labels:?}");
        assert!(!purposes.contains(&Purpose::Other));
        let count = labels.len();
        labels.sort_unstable();
        labels.dedup();
        assert_eq!(labels.len(), count);
        for step in &battery.steps {
            let json = serde_json::from_slice::<Value>(&step.message).is_ok();
            let empty = step.label == "delete";
            let malformed = purpose(&step.label) == Purpose::Malformed;
            assert_eq!(json, !empty && !malformed, "{}", step.label);
            assert!(step.message.len() < 65_408);
        }
        let large = battery.steps.iter().find(|step| purpose(&step.label) == Purpose::Large).unwrap();
        assert!((58 * 1024..=LARGE).contains(&large.message.len()), "{}", large.message.len());
    }
}

#[test]
fn the_plan_changes_what_it_says() {
    let battery = plan(&target(600), FOUR.as_bytes(), Contract::Json4, &[]);
    let value = |label: &str| -> Value {
        let step = battery.steps.iter().find(|step| step.label == label).unwrap();
        serde_json::from_slice(&step.message).unwrap()
    };
    let srcip = "/parameters/alert/data/srcip";
    assert_eq!(value("add").pointer(srcip).unwrap(), "203.0.113.9");
    assert_ne!(value("second target").pointer(srcip).unwrap(), "203.0.113.9");
    assert_eq!(value("second target").pointer("/parameters/alert/agent/ip").unwrap(), "192.0.2.3");
    assert!(value("missing field parameters.alert.data.srcip").pointer(srcip).is_none());
    assert_eq!(value("IPv6 address").pointer(srcip).unwrap(), IPV6);
    assert!(
        value("backslashes and quotes")
            .pointer("/parameters/alert/full_log")
            .unwrap()
            .as_str()
            .unwrap()
            .contains('\\')
    );
    let kept = value("injection eval");
    assert_eq!(kept.pointer(srcip).unwrap(), "203.0.113.9");
    assert!(kept.pointer("/parameters/alert/data/srcuser").unwrap().as_str().unwrap().contains(CANARY));
    let all = value("injection eval, addresses too");
    assert!(all.pointer(srcip).unwrap().as_str().unwrap().contains(CANARY));
    assert_eq!(all.pointer("/command").unwrap(), "custom-block600");
    for canary in &battery.canaries {
        let name = canary.display().to_string();
        let fields = all.to_string().matches(&name).count();
        assert_eq!(fields, 1, "{name} names one field");
    }
}

#[test]
fn a_stateless_or_old_response_has_fewer_steps() {
    let labels = |timeout, message: &str, contract| -> Vec<String> {
        plan(&target(timeout), message.as_bytes(), contract, &[])
            .steps
            .into_iter()
            .map(|step| step.label)
            .collect()
    };
    assert!(!labels(0, FOUR, Contract::Json4).iter().any(|label| label.starts_with("delete")));
    let words = labels(600, WORDS, Contract::Args);
    let injections: Vec<String> =
        words.iter().filter(|label| label.starts_with("injection")).cloned().collect();
    assert_eq!(
        words,
        [
            "add",
            "same key again",
            "second target",
            "delete",
            "delete without add",
            "missing field parameters.alert.data.srcip",
            "missing field parameters.alert.data.dstuser",
            "IPv6 address",
        ]
        .into_iter()
        .chain(injections.iter().map(String::as_str))
        .collect::<Vec<_>>()
    );
    assert!(injections.len() > 5 && !labels(0, WORDS, Contract::Args).contains(&"delete".to_owned()));
    let none = r#"{"version":1,"command":"x","parameters":{"alert":{"rule":{"id":"1"}}}}"#;
    assert!(!labels(600, none, Contract::Json4).contains(&"second target".to_owned()));
}

#[test]
fn a_line_of_4_1_is_changed_as_its_event_is() {
    let battery = plan(&target(600), WORDS.as_bytes(), Contract::Args, &[]);
    let line = |label: &str| {
        let step = battery.steps.iter().find(|step| step.label == label).unwrap();
        String::from_utf8(step.message.clone()).unwrap()
    };
    let words = |label: &str| line(label).split(' ').map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(line("add"), WORDS);
    assert_eq!(
        line("second target"),
        "custom-block600 ardoctor2 198.51.100.77 1.2 5710 (web 1) any->/var/log/auth.log /etc/x.other -a"
    );
    assert_eq!(line("delete without add"), line("second target"));
    assert_eq!(words("missing field parameters.alert.data.srcip")[1..3], ["bob", "-"]);
    assert_eq!(words("missing field parameters.alert.data.dstuser")[1..3], ["-", "203.0.113.9"]);
    assert_eq!(words("IPv6 address")[2], IPV6);
    let kept = words("injection out of single quotes");
    assert!(kept[1].contains("x';echo${IFS}x>/run/ar-doctor-canary-"), "{kept:?}");
    assert_eq!((kept[2].as_str(), kept[3].as_str(), kept[4].as_str()), ("203.0.113.9", "1.2", "5710"));
    assert!(words(&format!("injection out of single quotes{ADDRESSES}"))[2].contains(CANARY));
    assert!(!battery.canaries.is_empty());
    for step in &battery.steps {
        assert!(step.message.starts_with(b"custom-block600 ") == (step.label != "delete"), "{}", step.label);
    }
}

/// `execd` of 4.1 does not start a script whose delete is pending.
#[test]
fn the_same_key_of_4_1_is_dropped() {
    let again = |debug: &[&str], timeout| {
        let step = StepRun {
            label: "same key again".to_owned(),
            deed: Some(Deed::Add),
            refused: true,
            daemon_debug: debug.iter().map(|&line| line.to_owned()).collect(),
            ..StepRun::default()
        };
        let plan = Step {
            label: step.label.clone(),
            deed: Deed::Add,
            message: Vec::new(),
            fresh: false,
            table_of: None,
        };
        let run = Run { steps: vec![step], ..Run::default() };
        rows(&target(timeout), &[plan], &run, Contract::Args).remove(0)
    };
    let known = "DEBUG: Command already received, updating time of addition to now.";
    assert_eq!(again(&[known], 600).verdict, RowVerdict::Pass);
    assert!(again(&[known], 600).expected.contains("not started again"));
    assert_eq!(again(&[], 600).verdict, RowVerdict::Fail);
}

#[test]
fn rows_by_what_was_seen() {
    use RowVerdict::{Bent, Fail, NotRun, Pass};
    let add = keyed("add", "203.0.113.9", Answer::Continue);
    let with = |mut step: StepRun, change: &dyn Fn(&mut StepRun)| {
        change(&mut step);
        step
    };
    let exit = |step: StepRun, status: i32| with(step, &|step| step.ended = Ended::Exit(status));
    let refused = |label: &str, log: &str| StepRun {
        label: label.to_owned(),
        deed: Some(Deed::Add),
        refused: true,
        daemon_log: vec![log.to_owned()],
        ..StepRun::default()
    };
    let effect = |kind, back| Effect {
        kind,
        what: "iptables".to_owned(),
        change: String::new(),
        added: vec!["-A INPUT -s 203.0.113.9/32 -j DROP".to_owned()],
        removed: Vec::new(),
        taken_back: back,
    };
    let stuck = |label: &str| StepRun {
        ended: Ended::Deadline,
        stuck: Some(Stuck { released_by: Some(Release::EndOfInput), ..Stuck::default() }),
        ..played(label, Deed::Add)
    };
    let same = || keyed("same key again", "203.0.113.9", Answer::Abort);
    let second = |answer| keyed("second target", "198.51.100.77", answer);
    let missing = || played("missing field x", Deed::Add);
    let table: Vec<(&str, i32, StepRun, RowVerdict)> = vec![
        ("good", 600, add.clone(), Pass),
        ("no keys", 600, played("add", Deed::Add), Fail),
        ("no keys, no timeout", 0, played("add", Deed::Add), Pass),
        ("never read", 0, with(played("add", Deed::Add), &|step| step.bytes_read = 0), Fail),
        ("status", 0, exit(played("add", Deed::Add), 1), Fail),
        ("hangs", 600, stuck("add"), Fail),
        ("stopped", 600, with(add.clone(), &|step| step.ended = Ended::Stopped), NotRun),
        ("abort", 600, same(), Pass),
        ("abort, status 1", 600, exit(same(), 1), Bent),
        (
            "abort ignored",
            600,
            with(same(), &|step| step.effects = vec![effect(EffectKind::Firewall, None)]),
            Fail,
        ),
        ("no abort", 600, keyed("same key again", "other", Answer::Continue), Fail),
        ("second", 600, second(Answer::Continue), Pass),
        ("second aborted", 600, second(Answer::Abort), Fail),
        ("second fails", 600, exit(second(Answer::Continue), 1), Fail),
        (
            "second account is not there",
            600,
            exit(keyed("second target", "ardoctor2", Answer::Continue), 6),
            Bent,
        ),
        ("missing, refused", 600, exit(missing(), 1), Pass),
        ("missing, empty key", 600, keyed("missing field x", "", Answer::Continue), Fail),
        ("missing, the word null", 600, keyed("missing field x", "null", Answer::Continue), Fail),
        ("missing, killed", 600, with(missing(), &|step| step.ended = Ended::Signal(11)), Fail),
        ("missing, hangs", 600, stuck("missing field x"), Fail),
        ("IPv6", 600, keyed("IPv6 address", IPV6, Answer::Continue), Pass),
        (
            "IPv6 without effect",
            600,
            with(keyed("IPv6 address", IPV6, Answer::Continue), &|step| step.sent = b"acts".to_vec()),
            Bent,
        ),
        ("IPv6 refused", 600, exit(played("IPv6 address", Deed::Add), 1), Bent),
        ("IPv6, empty key", 600, keyed("IPv6 address", "", Answer::Continue), Fail),
        ("backslashes", 600, keyed("backslashes and quotes", "203.0.113.9", Answer::Continue), Pass),
        ("backslashes, other key", 600, keyed("backslashes and quotes", "x", Answer::Continue), Fail),
        ("backslashes, no keys", 600, played("backslashes and quotes", Deed::Add), Fail),
        ("injection", 600, exit(played("injection eval", Deed::Add), 1), Pass),
        (
            "injected",
            600,
            with(played("injection eval", Deed::Add), &|step| step.canaries = vec![PathBuf::from(canary(1))]),
            Fail,
        ),
        ("malformed", 600, refused("malformed JSON", "ERROR: (1315): Invalid JSON message: 'x'"), Pass),
        ("malformed, started", 600, played("malformed JSON", Deed::Add), Fail),
        ("no delete", 600, StepRun { deed: Some(Deed::Delete), ..refused("delete", "") }, Fail),
        ("no delete, no timeout", 0, StepRun { deed: Some(Deed::Delete), ..refused("delete", "") }, NotRun),
        ("delete", 600, played("delete", Deed::Delete), Pass),
        ("delete without add", 600, exit(played("delete without add", Deed::Delete), 1), Pass),
        ("delete without add hangs", 600, stuck("delete without add"), Fail),
    ];
    for (what, timeout, step, expected) in table {
        let label = step.label.clone();
        let mut before = add.clone();
        if step.sent == b"acts" {
            before.effects = vec![effect(EffectKind::Firewall, None)];
        }
        let steps = if label == "add" { vec![step] } else { vec![before, step] };
        assert_eq!(verdict(timeout, &steps, &label), expected, "{what}");
    }
    for (back, expected) in [(Some(false), Fail), (Some(true), Pass), (None, Pass)] {
        let changed = with(add.clone(), &|step| step.effects = vec![effect(EffectKind::Firewall, back)]);
        assert_eq!(verdict(600, &[changed, played("delete", Deed::Delete)], "delete"), expected);
    }
    let planned = plan(&target(600), FOUR.as_bytes(), Contract::Json4, &[]);
    let none = rows(&target(600), &planned.steps, &Run::default(), Contract::Json4);
    assert!(none.iter().all(|row| row.verdict == NotRun && !row.expected.is_empty() && !row.seen.is_empty()));
}

proptest::proptest! {
    #[test]
    fn any_message_gives_a_plan(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200), text in "\\PC{0,20}") {
        for contract in [Contract::Args, Contract::Json4, Contract::Json5] {
            proptest::prop_assert!(plan(&target(600), &bytes, contract, &[]).steps.len() >= 3);
            let message = serde_json::json!({"command": text, "parameters": {"alert": {"data": {"srcip": text}}}, "source": {"ip": text}});
            let battery = plan(&target(600), message.to_string().as_bytes(), contract, &[]);
            proptest::prop_assert!(battery.steps.len() >= 3);
        }
    }
}

/// What each code runs when a text of a language takes it in, and that as a plain argument it does not.
#[test]
fn injections_run_only_when_they_are_code() {
    let directory = std::env::temp_dir().join(format!("ar-doctor-battery-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let file = directory.join("c");
    let runs = |name: &str, program: &str, arguments: &[&str]| {
        let (_, code, _) = INJECTIONS.iter().find(|(known, ..)| *known == name).unwrap();
        let code = code.replace("CANARY", &file.display().to_string());
        let _ = std::fs::remove_file(&file);
        let arguments = arguments.iter().map(|argument| argument.replace("{}", &code));
        std::process::Command::new(program)
            .args(arguments)
            .current_dir(&directory)
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .status()
            .ok()
            .map(|_| file.exists())
    };
    let shell = "; | && & $( ) and backticks";
    for (name, program, arguments) in [
        (shell, "sh", ["-c", "logger_x {}"]),
        (shell, "sh", ["-c", ": \"{}\""]),
        ("out of single quotes", "sh", ["-c", ": '{}'"]),
        ("out of double quotes", "sh", ["-c", ": \"{}\""]),
        ("line feed", "sh", ["-c", ": {}"]),
        ("arithmetic", "bash", ["-c", "x='{}'; [[ $x -eq 5 ]]"]),
        ("eval", "python3", ["-c", "eval({:?})"]),
        ("python, single quotes", "python3", ["-c", "print('{}')"]),
        ("python, double quotes", "python3", ["-c", "x=\"{}\""]),
        ("system, double quotes", "awk", ["BEGIN{x=\"{}\"}", "--"]),
        ("system, double quotes", "perl", ["-e", "my $x=\"{}\";"]),
        ("perl, single quotes", "perl", ["-e", "my $x=q({});"]),
        ("perl, single quotes", "perl", ["-e", "my $x='{}';"]),
    ] {
        let literal = format!("\"{}\"", INJECTIONS[5].1.replace("CANARY", &file.display().to_string()));
        let arguments: Vec<String> =
            arguments.iter().map(|argument| argument.replace("{:?}", &literal)).collect();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        // None is a host without that program.
        assert_ne!(runs(name, program, &arguments), Some(false), "{name}, {program} {arguments:?}");
    }
    for (name, code, _) in INJECTIONS {
        let code = code.replace("CANARY", &file.display().to_string());
        let _ = std::fs::remove_file(&file);
        for text in ["touch -- $1", "touch -- \"$1\"", "mkdir -p -- $1", "printf '%s' $1 > /dev/null"] {
            let mut command = std::process::Command::new("sh");
            command.args(["-c", text, "sh", &code]).current_dir(&directory);
            let _ = command.stderr(std::process::Stdio::null()).status();
            assert!(!file.exists(), "{name}: {text}");
        }
    }
    let _ = std::fs::remove_dir_all(&directory);
}
