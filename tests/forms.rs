//! The forms of a report through the binary and over the whole fault grid: Markdown, SARIF,
//! several in one run; what a site accepts; and that none of it changes the exit status.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Output};

use ar_doctor::engine::{self, Options};
use ar_doctor::redact::Redactor;
use ar_doctor::report::{Report, json, sarif, ticket};
use serde_json::Value;

const TICKET: &str = "fixtures/tickets/web-01";
const AGENT: &str = "fixtures/hosts/agent-4.14-debian";
const MANAGER: &str = "fixtures/hosts/manager-4.14-debian";
const FORMS: [&str; 4] = ["text", "json", "markdown", "sarif"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn doctor_in(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ar-doctor"))
        .args(arguments)
        .current_dir(directory)
        .env_clear()
        .output()
        .expect("the binary runs")
}

fn doctor(arguments: &[&str]) -> Output {
    doctor_in(root(), arguments)
}

fn text(output: &Output) -> String {
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).expect("output is UTF-8")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).expect("it is JSON")
}

fn validator(path: &Path) -> jsonschema::Validator {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    // The first edition has a bracket too many in its pattern of languages.
    let schema = parsed(&text.replace("{2}]?$", "{2}$"));
    jsonschema::validator_for(&schema).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Our own schema of the part that is written, and the published one where it is at hand.
fn validators() -> Vec<jsonschema::Validator> {
    let mut all = vec![validator(&root().join("tests/schema/sarif-2.1.0-used.json"))];
    match std::env::var_os("AR_DOCTOR_SARIF_SCHEMA") {
        Some(path) => all.push(validator(Path::new(&path))),
        None => support::skip("AR_DOCTOR_SARIF_SCHEMA does not name the published schema of SARIF 2.1.0"),
    }
    all
}

/// What a schema cannot say.
fn sound(log: &Value) -> Result<(), String> {
    let run = &log["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().ok_or("no rules")?;
    let mut named = vec![false; rules.len()];
    let mut seen = std::collections::BTreeSet::new();
    for result in run["results"].as_array().ok_or("no results")? {
        if let Some(index) = result["ruleIndex"].as_u64().and_then(|index| usize::try_from(index).ok()) {
            if rules.get(index).is_none_or(|rule| rule["id"] != result["ruleId"]) {
                return Err(format!("ruleIndex of {result}"));
            }
            named[index] = true;
        }
        if !seen.insert(result["partialFingerprints"].to_string()) {
            return Err(format!("fingerprint of {result}"));
        }
        for place in ["locations", "relatedLocations"] {
            for location in result[place].as_array().into_iter().flatten() {
                region(&location["physicalLocation"]["region"])?;
                let base = location["physicalLocation"]["artifactLocation"]["uriBaseId"].as_str();
                if base.is_some_and(|base| run["originalUriBaseIds"].get(base).is_none()) {
                    return Err(format!("base of {location}"));
                }
            }
        }
    }
    if named.contains(&false) { Err("a rule without a result".to_owned()) } else { Ok(()) }
}

/// Columns are characters of the line, the end not included.
fn region(region: &Value) -> Result<(), String> {
    let (Some(start), Some(end)) = (region["startColumn"].as_u64(), region["endColumn"].as_u64()) else {
        return Ok(());
    };
    let length = region["snippet"]["text"].as_str().map_or(0, |text| text.chars().count()) as u64;
    if start <= end && end <= length + 1 { Ok(()) } else { Err(format!("columns of {region}")) }
}

#[test]
fn every_row_of_the_grid_is_valid_sarif_and_a_whole_ticket() {
    let validators = validators();
    let mut wrong = Vec::new();
    for case in support::cases::cases() {
        let mut host = support::base(case.base);
        case.apply(&mut host).unwrap_or_else(|error| panic!("{}: {error}", case.name()));
        let redactor = Redactor::new();
        let facts = support::facts_of_row(case, &host, &redactor);
        let diagnosis = engine::run(&facts, &Options::default());
        let report = Report {
            facts: &facts,
            diagnosis: &diagnosis,
            redactor: &redactor,
            response: None,
            timings: None,
        };
        let log = parsed(&json::to_text(&sarif::check(&report, 1)).expect("it is JSON"));
        wrong.extend(validators.iter().filter_map(|validator| {
            let error = validator.iter_errors(&log).next()?;
            Some(format!("{}: {} at {}", case.name(), error, error.instance_path()))
        }));
        wrong.extend(sound(&log).err().map(|why| format!("{}: {why}", case.name())));
        let results = log["runs"][0]["results"].as_array().map_or(0, Vec::len);
        let expected = diagnosis.entries.len() + diagnosis.suppressed.len();
        let gone = diagnosis.compared.iter().flat_map(|compared| &compared.gone).filter(|gone| gone.examined);
        if results != expected + gone.count() {
            wrong.push(format!("{}: {results} results", case.name()));
        }
        let ticket = ticket::write(&report);
        let is_named = |id: &str| ticket.contains(id);
        wrong.extend(
            diagnosis
                .findings()
                .filter(|finding| !is_named(finding.check.check().id))
                .map(|finding| format!("{}: the ticket lacks {}", case.name(), finding.check)),
        );
        wrong.extend(unbalanced(&ticket).map(|why| format!("{}: {why}\n{ticket}", case.name())));
    }
    assert!(wrong.is_empty(), "{} rows fail:\n{}", wrong.len(), wrong.join("\n"));
}

/// What is wrong with the blocks and the folded parts of a ticket.
fn unbalanced(ticket: &str) -> Option<String> {
    let (mut fence, mut open) = (None::<String>, 0_i32);
    for line in ticket.lines() {
        match &fence {
            Some(end) if line == end => fence = None,
            Some(_) => {}
            None if line.starts_with("```") => fence = Some(line.trim_end_matches("text").to_owned()),
            None => {
                open += i32::from(line == "<details>") - i32::from(line == "</details>");
                let own = line.starts_with("<summary>") || line.ends_with("details>");
                if line.contains('<') && !own && !is_in_code(line) {
                    return Some(format!("a tag in {line:?}"));
                }
            }
        }
        if line.chars().any(char::is_control) {
            return Some(format!("a control character in {line:?}"));
        }
    }
    (fence.is_some() || open != 0).then(|| "a block is not closed".to_owned())
}

/// Whether every `<` stands in a code span of single backticks, or longer ones.
fn is_in_code(line: &str) -> bool {
    let mut rest = line;
    while let Some(at) = rest.find(['`', '<']) {
        if rest[at..].starts_with('<') {
            return false;
        }
        let long = rest[at..].bytes().take_while(|&byte| byte == b'`').count();
        let fence = "`".repeat(long);
        let inside = &rest[at + long..];
        let Some(end) = inside.find(&fence) else { return false };
        rest = &inside[end + long..];
    }
    true
}

#[test]
fn lint_is_valid_sarif_for_every_script() {
    let validators = validators();
    let mut arguments = vec!["lint".to_owned(), "--format".to_owned(), "sarif".to_owned()];
    for directory in ["bad", "good", "styles"] {
        let entries =
            fs::read_dir(root().join("fixtures/scripts").join(directory)).expect("scripts are there");
        let mut paths: Vec<String> = entries
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| path.is_file())
            .map(|path| path.strip_prefix(root()).expect("it is inside").display().to_string())
            .collect();
        paths.sort();
        arguments.extend(paths);
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let first = text(&doctor(&arguments));
    let log = parsed(&first);
    for validator in &validators {
        if let Some(error) = validator.iter_errors(&log).next() {
            panic!("{error} at {}", error.instance_path());
        }
    }
    sound(&log).unwrap_or_else(|why| panic!("{why}"));
    assert!(log["runs"][0]["results"].as_array().is_some_and(|results| results.len() > 20));
    assert_eq!(first, text(&doctor(&arguments)), "it is the same every time");
}

#[test]
fn a_script_keeps_its_fingerprints_when_lines_are_added_and_shows_what_is_switched_off() {
    let directory = tempfile::tempdir().expect("a directory");
    let script =
        fs::read_to_string(root().join("fixtures/scripts/bad/answer-first.sh")).expect("it is there");
    let run = |text: &str| {
        fs::write(directory.path().join("ä b.sh"), text).expect("it is written");
        let output = doctor_in(directory.path(), &["lint", "ä b.sh", "--format", "sarif"]);
        parsed(&self::text(&output))["runs"][0]["results"].clone()
    };
    let first = run(&script);
    let moved = run(&script.replacen('\n', "\n# One more line.\n\n", 1));
    let of = |results: &Value, field: &str| -> Vec<Value> {
        results.as_array().expect("results").iter().map(|result| result[field].clone()).collect()
    };
    assert!(!of(&first, "ruleId").is_empty());
    assert_eq!(of(&first, "partialFingerprints"), of(&moved, "partialFingerprints"));
    assert_ne!(of(&first, "locations"), of(&moved, "locations"));
    let place = &first[0]["locations"][0]["physicalLocation"]["artifactLocation"];
    assert_eq!((&place["uri"], &place["uriBaseId"]), (&"%C3%A4%20b.sh".into(), &"%SRCROOT%".into()));
    let id = first[0]["ruleId"].as_str().expect("an id");
    let off = run(&script.replacen('\n', &format!("\n# ar-doctor: ignore-file[{id}]\n"), 1));
    let off: Vec<&Value> =
        off.as_array().expect("results").iter().filter(|one| one["ruleId"] == id).collect();
    assert!(!off.is_empty() && off.iter().all(|one| one["suppressions"][0]["kind"] == "inSource"), "{off:?}");
}

#[test]
fn columns_are_characters() {
    let directory = tempfile::tempdir().expect("a directory");
    let conf = "<ossec_config>\n<!-- 東京ä --><active-response><command>none</command><location>local</location>\
        <level>3</level></active-response>\n</ossec_config>\n";
    fs::write(directory.path().join("ossec.conf"), conf).expect("it is written");
    let output = doctor_in(
        directory.path(),
        &["check", "--config", "ossec.conf", "--role", "manager", "--format", "sarif"],
    );
    let log = parsed(&text(&output));
    let region = &log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"];
    let number = |name: &str| usize::try_from(region[name].as_u64().expect("a number")).expect("small");
    let line = conf.lines().nth(number("startLine") - 1).expect("the line is there");
    let (start, end) = (number("startColumn"), number("endColumn"));
    let marked: String = line.chars().skip(start - 1).take(end - start).collect();
    assert!(marked.contains("none"), "{marked:?} in {log:#}");
}

/// What a configuration holds ends neither a ticket nor a message, and a ticket fits into a forge.
#[test]
fn hostile_and_huge_configurations_stay_inside() {
    let directory = tempfile::tempdir().expect("a directory");
    let hostile = [
        "&lt;/details&gt;&lt;script&gt;x",
        "@all",
        "```",
        "` `` a",
        "[x](https://evil.test)",
        "{0} #1 !2",
        "|---|",
        "\u{202e}gpj",
        "www.evil.test",
        ":bomb:",
        "/close",
    ];
    let names: Vec<String> = (0..1500).map(|at| format!("{} {at}", hostile[at % hostile.len()])).collect();
    let blocks: String = names
        .iter()
        .map(|name| {
            format!(
                "<active-response>\n<command>{name}</command><location>local</location><level>3</level>\n\
                 <timeout>60</timeout></active-response>\n"
            )
        })
        .collect();
    fs::write(directory.path().join("ossec.conf"), format!("<ossec_config>\n{blocks}</ossec_config>\n"))
        .expect("it is written");
    let run = |form: &str| {
        let arguments = ["check", "--config", "ossec.conf", "--role", "manager", "--format", form];
        text(&doctor_in(directory.path(), &arguments))
    };
    let ticket = run("markdown");
    assert!(ticket.len() < 65_536, "{} bytes", ticket.len());
    assert!(ticket.contains("too many for a ticket"), "{ticket}");
    assert_eq!(unbalanced(&ticket), None);
    let log = parsed(&run("sarif"));
    for validator in validators() {
        assert!(validator.is_valid(&log), "{:?}", validator.iter_errors(&log).next());
    }
    sound(&log).unwrap_or_else(|why| panic!("{why}"));
}

#[test]
fn check_as_markdown() {
    let output = doctor(&["check", "--format", "markdown", "--from", TICKET]);
    assert_eq!(output.status.code(), Some(1));
    insta::assert_snapshot!(text(&output));
}

#[test]
fn check_of_a_healthy_host_as_markdown() {
    insta::assert_snapshot!(text(&doctor(&["check", "--format", "markdown", "--from", MANAGER])));
}

#[test]
fn check_as_sarif() {
    let output = doctor(&["check", "--format", "sarif", "--from", TICKET]);
    assert_eq!(output.status.code(), Some(1));
    insta::assert_snapshot!(text(&output));
}

#[test]
fn check_of_a_healthy_host_as_sarif() {
    insta::assert_snapshot!(text(&doctor(&["check", "--format", "sarif", "--from", AGENT])));
}

#[test]
fn lint_as_markdown() {
    let scripts = ["fixtures/scripts/bad/answer-first.sh", "fixtures/scripts/bad/changes-nothing.sh"];
    insta::assert_snapshot!(text(&doctor(&[&["lint", "--format", "markdown"], &scripts[..]].concat())));
}

#[test]
fn the_form_never_changes_the_exit_status() {
    let directory = tempfile::tempdir().expect("a directory");
    let files: Vec<String> =
        FORMS.iter().map(|form| format!("{form}={}", directory.path().join(form).display())).collect();
    let files: Vec<&str> = files.iter().flat_map(|file| ["--output", file]).collect();
    let script = "fixtures/scripts/bad/answer-first.sh";
    for (arguments, status) in [
        (&["check", "--from", TICKET][..], 1),
        (&["check", "--from", TICKET, "--fail-on", "never"], 0),
        (&["check", "--from", TICKET, "--response", "quarantine0", "--fail-on", "warning"], 1),
        (&["check", "--from", MANAGER, "--strict"], 0),
        (&["check", "--from", "fixtures"], 3),
        (&["check", "--from", TICKET, "--response", "none"], 2),
        (&["lint", script], 1),
        (&["lint", script, "--fail-on", "never"], 0),
        (&["lint", script, "/no/such/file"], 2),
    ] {
        for form in FORMS {
            let all = [arguments, &["--format", form]].concat();
            assert_eq!(doctor(&all).status.code(), Some(status), "{all:?}");
        }
        assert_eq!(
            doctor(&[arguments, &files].concat()).status.code(),
            Some(status),
            "{arguments:?} to files"
        );
    }
}

#[test]
fn several_forms_in_one_run_say_the_same_as_one_each() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = |form: &str| directory.path().join(form);
    let targets: Vec<String> = FORMS.iter().map(|form| format!("{form}={}", file(form).display())).collect();
    let targets: Vec<&str> = targets.iter().flat_map(|target| ["-o", target]).collect();
    let output = doctor(&[&["check", "--from", TICKET, "--format", "json"], &targets[..]].concat());
    assert_eq!(output.status.code(), Some(1));
    for form in FORMS {
        let alone = text(&doctor(&["check", "--from", TICKET, "--format", form]));
        assert_eq!(fs::read_to_string(file(form)).expect("it is written"), alone, "{form}");
        let mode = fs::metadata(file(form)).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o7777, 0o600, "{form}");
        if form == "json" {
            assert_eq!(text(&output), alone);
        }
    }
    assert_eq!(fs::read_dir(directory.path()).expect("it is there").count(), FORMS.len());
}

#[test]
fn a_file_that_cannot_be_written_is_named_and_the_others_are_written() {
    let directory = tempfile::tempdir().expect("a directory");
    let good = directory.path().join("good.json");
    let bad = directory.path().join("none/bad.json");
    let output = doctor(&[
        "check",
        "--from",
        TICKET,
        "-o",
        &format!("sarif={}", bad.display()),
        "-o",
        &format!("json={}", good.display()),
    ]);
    assert_eq!(output.status.code(), Some(3));
    assert!(
        said(&output).contains("none/bad.json") && said(&output).lines().count() == 1,
        "{}",
        said(&output)
    );
    assert!(!output.stdout.is_empty() && good.is_file());
}

#[test]
fn files_that_must_not_be_written_are_refused_before_anything_is_done() {
    let directory = tempfile::tempdir().expect("a directory");
    let home = directory.path().join("var/ossec");
    fs::create_dir_all(home.join("etc")).expect("it is made");
    fs::create_dir_all(home.join("active-response/bin")).expect("it is made");
    fs::write(home.join("etc/ossec.conf"), "<ossec_config/>").expect("it is written");
    let link = directory.path().join("link.json");
    symlink("/dev/null", &link).expect("it is made");
    let from = directory.path().display().to_string();
    let inside = format!("json={}", home.join("report.json").display());
    let link = format!("json={}", link.display());
    let twice = format!("json={}", directory.path().join("a").display());
    let other = twice.replacen("json", "text", 1);
    let script = root().join("fixtures/scripts/bad/answer-first.sh").display().to_string();
    for (targets, words) in [
        (&["-o", &inside][..], "Wazuh directory"),
        (&["-o", "text=/dev/null"], "no regular file"),
        (&["-o", &link], "no regular file"),
        (&["-o", &twice, "-o", &other], "twice"),
        (&["-o", "json=-"], "--format"),
        (&["-o", "xml=a"], "'xml'"),
        (&["-o", "json"], "json=report.json"),
    ] {
        for command in [&["check", "--from", &from][..], &["lint", &script]] {
            let output = doctor(&[command, targets].concat());
            assert_eq!(output.status.code(), Some(2), "{targets:?}: {}", said(&output));
            assert!(said(&output).contains(words), "{targets:?}: {}", said(&output));
            assert!(output.stdout.is_empty(), "{targets:?}");
        }
    }
    assert!(!home.join("report.json").exists() && !directory.path().join("a").exists());
}

const ACCEPTED: &str = "[[suppress]]\nid = \"crlf-shebang\"\nsubject = \"edge-block900\"\nreason = \"OPS-311\"\n\
    expires = 2027-03-31\n\n[[suppress]]\nid = \"AR061\"\nsubject = \"*/quarantine.sh\"\nreason = \"by design\"\n\n\
    [[suppress]]\nid = \"AR110\"\nsubject = \"firewall-drop600\"\nreason = \"no IPv6\"\n";

#[test]
fn what_is_accepted_is_marked_in_every_form_and_decides_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("ours.toml");
    fs::write(&file, ACCEPTED).expect("it is written");
    let file = file.display().to_string();
    let run = |more: &[&str]| doctor(&[&["check", "--from", TICKET, "--suppressions", &file], more].concat());
    assert_eq!(doctor(&["check", "--from", TICKET]).status.code(), Some(1));
    let output = run(&["--fail-on", "advice"]);
    assert_eq!(output.status.code(), Some(0));
    let told = text(&output);
    assert!(told.contains("No fault found besides 3 suppressed: 4 responses"), "{told}");
    assert!(told.contains("3 suppressed (-v shows them)") && !told.contains("AR041"), "{told}");
    let told = text(&run(&["-v"])).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains(&format!("suppressions are read from {file}")), "{told}");
    assert!(told.contains("suppressed: AR041 crlf-shebang") && told.contains("OPS-311"), "{told}");
    let report = parsed(&text(&run(&["--format", "json"])));
    assert_eq!((&report["verdict"], &report["headline"]), (&"ok".into(), &Value::Null));
    assert_eq!(report["summary"]["suppressed"], 3);
    let found = report["findings"].as_array().expect("findings");
    assert!(found.len() == 3 && found.iter().all(|one| one["rank"].is_null()), "{found:?}");
    let crlf = found.iter().find(|one| one["id"] == "AR041").expect("it is there");
    let by = &crlf["suppressed"];
    assert_eq!(
        (&by["line"], &by["reason"], &by["expires"]),
        (&1.into(), &"OPS-311".into(), &"2027-03-31".into())
    );
    let stopped = &report["responses"][1];
    assert_eq!(
        (&stopped["verdict"]["kind"], &stopped["verdict"]["suppressed"]),
        (&"stops".into(), &true.into())
    );
    let schema = validator(&root().join("tests/schema/check.v2.json"));
    assert!(schema.is_valid(&report), "{:?}", schema.iter_errors(&report).next());
    let log = parsed(&text(&run(&["--format", "sarif"])));
    let results = log["runs"][0]["results"].as_array().expect("results");
    assert!(results.len() == 3 && results.iter().all(|one| one["suppressions"][0]["kind"] == "external"));
    let markdown = text(&run(&["--format", "markdown"]));
    assert!(markdown.contains("<summary>Suppressed: 3 findings</summary>") && markdown.contains("OPS-311"));
}

/// Several files, so that some are still to be written when the signal comes.
#[test]
fn a_signal_while_a_report_is_written_leaves_no_part_of_it() {
    use nix::sys::signal::{Signal, kill};
    const EARLIER: &str = "last week's";
    let directory = tempfile::tempdir().expect("a directory");
    let config = directory.path().join("ossec.conf");
    fs::write(&config, faulty_blocks(200)).expect("it is written");
    let into = directory.path().join("reports");
    fs::create_dir(&into).expect("it is made");
    let targets: Vec<_> = (10..22).map(|number| into.join(format!("{number}.sarif"))).collect();
    let names = || {
        let entries = fs::read_dir(&into).expect("it is there");
        entries.filter_map(|entry| Some(into.join(entry.ok()?.file_name()))).collect::<Vec<_>>()
    };
    // Who is too late tries again.
    let is_stopped = |signal: Signal, doctor: &dyn Fn() -> Command, tries: usize| {
        (0..tries).any(|_| {
            let mut doctor = doctor();
            for target in &targets {
                fs::write(target, EARLIER).expect("it is written");
            }
            let child = doctor
                .args(["check", "--quiet", "--role", "manager", "--config"])
                .arg(&config)
                .args(targets.iter().map(|target| format!("--output=sarif={}", target.display())))
                .env_clear()
                .stdout(std::process::Stdio::piped())
                .stderr(std::process::Stdio::piped())
                .spawn()
                .expect("the binary runs");
            let begun = std::time::Instant::now();
            let is_begun = || {
                let first = fs::metadata(&targets[0]).expect("it is there").len();
                first > EARLIER.len() as u64 || names().len() > targets.len()
            };
            while !is_begun() {
                assert!(begun.elapsed().as_secs() < 120, "nothing is written");
            }
            let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).expect("a number"));
            kill(pid, signal).expect("it is there");
            let output = child.wait_with_output().expect("it ends");
            let mut left = names();
            left.sort();
            assert_eq!(left, targets, "{signal}");
            let texts: Vec<String> =
                targets.iter().map(|target| fs::read_to_string(target).expect("it is there")).collect();
            let earlier = texts.iter().filter(|text| *text == EARLIER).count();
            for text in texts.iter().filter(|text| *text != EARLIER) {
                assert_eq!(parsed(text)["version"], "2.1.0", "a whole one");
            }
            if earlier == 0 {
                return false;
            }
            assert_eq!(output.status.code(), Some(130), "{signal}: {}", said(&output));
            assert!(said(&output).contains(".sarif was not written"), "{}", said(&output));
            assert!(output.stdout.is_empty());
            true
        })
    };
    let Some(_) = support::heeding_signals("true") else { return };
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        let doctor = || {
            let doctor = support::heeding_signals(env!("CARGO_BIN_EXE_ar-doctor"));
            doctor.expect("env(1) can do it")
        };
        assert!(is_stopped(signal, &doctor, 20), "{signal} never came in time");
    }
    let ignoring = || {
        let mut shell = Command::new("sh");
        shell.args(["-c", "trap '' HUP; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_ar-doctor")]);
        shell
    };
    assert!(!is_stopped(Signal::SIGHUP, &ignoring, 2), "as under nohup");
}

#[test]
fn one_file_of_accepted_findings_counts_and_its_fault_is_one_clear_error() {
    let directory = tempfile::tempdir().expect("a directory");
    let ticket = root().join(TICKET).display().to_string();
    let run = |more: &[&str]| doctor_in(directory.path(), &[&["check", "--from", &ticket], more].concat());
    let here = directory.path().join("ar-doctor.toml");
    fs::write(&here, ACCEPTED).expect("it is written");
    assert_eq!(run(&[]).status.code(), Some(0), "the one in the directory");
    assert_eq!(run(&["--no-suppressions"]).status.code(), Some(1));
    fs::write(directory.path().join("other.toml"), "").expect("it is written");
    assert_eq!(run(&["--suppressions", "other.toml"]).status.code(), Some(1), "the one that is named");
    assert_eq!(run(&["--suppressions", "none.toml"]).status.code(), Some(2));
    // One that everybody may write may be somebody else's.
    fs::set_permissions(&here, fs::Permissions::from_mode(0o666)).expect("it is there");
    let output = run(&[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        said(&output).contains("is not read") && said(&output).contains("--suppressions"),
        "{}",
        said(&output)
    );
    fs::set_permissions(&here, fs::Permissions::from_mode(0o644)).expect("it is there");
    for (text, words) in [
        (ACCEPTED.replace("reason = \"by design\"\n", ""), "ar-doctor.toml:7: "),
        (ACCEPTED.replace("AR061", "AR999"), "ar-doctor.toml:8: no check is called 'AR999'"),
        (ACCEPTED.replace("2027-03-31", "\"next year\""), "ar-doctor.toml:5: `expires`"),
        ("[[suppress]\n".to_owned(), "ar-doctor.toml:1: "),
    ] {
        fs::write(&here, text).expect("it is written");
        let output = run(&["--format", "json"]);
        assert_eq!(output.status.code(), Some(2), "{words}: {}", said(&output));
        assert!(
            said(&output).contains(words) && said(&output).lines().count() == 1,
            "{words}: {}",
            said(&output)
        );
        assert!(output.stdout.is_empty());
    }
}

/// A configuration of responses whose command is defined nowhere. Each of them keeps analysisd from
/// starting, and so stops every response.
fn faulty_blocks(blocks: usize) -> String {
    let block = |number| {
        format!(
            "<active-response><command>none{number:03}</command><location>local</location>\
             <rules_id>{number:03}</rules_id></active-response>\n"
        )
    };
    format!("<ossec_config>\n{}</ossec_config>\n", (0..blocks).map(block).collect::<String>())
}

#[test]
fn a_report_grows_with_the_responses_and_not_with_their_square() {
    let directory = tempfile::tempdir().expect("a directory");
    let config = directory.path().join("ossec.conf").display().to_string();
    let check = |blocks: usize, form: &str| {
        fs::write(&config, faulty_blocks(blocks)).expect("it is written");
        text(&doctor(&["check", "--config", &config, "--role", "manager", "--format", form]))
    };
    for form in ["json", "text", "markdown", "sarif"] {
        let (few, many) = (check(200, form).len(), check(800, form).len());
        // Four times as many, and longer numbers.
        assert!(many < few * 5, "{form}: {few} bytes for 200 blocks, {many} for 800");
    }
    for blocks in [32, 33] {
        let report = parsed(&check(blocks, "json"));
        let all: Vec<&Value> =
            report["responses"].as_array().expect("responses").iter().map(|one| &one["id"]).collect();
        assert_eq!(all.len(), blocks);
        let schema = validator(&root().join("tests/schema/check.v2.json"));
        assert!(schema.is_valid(&report), "{:?}", schema.iter_errors(&report).next());
        let findings = report["findings"].as_array().expect("findings");
        let stopping: Vec<&Value> = findings.iter().filter(|one| one["id"] == "AR010").collect();
        assert_eq!(stopping.len(), blocks);
        for finding in stopping {
            let ids = match finding.get("response_set") {
                Some(set) => {
                    assert_eq!(finding["responses"], Value::Array(Vec::new()), "they are there, not here");
                    let set = usize::try_from(set.as_u64().expect("a number")).expect("a place");
                    &report["response_sets"][set]
                }
                None => &finding["responses"],
            };
            assert_eq!(finding.get("response_set").is_some(), blocks > 32, "what is short is written out");
            assert!(ids.as_array().expect("ids").iter().eq(all.iter().copied()), "{ids}");
        }
        assert_eq!(report["responses"][0]["stages"][0]["reason"], "AR010 command-undefined");
    }
}

#[test]
fn a_baseline_says_what_is_new_gone_and_the_same_in_every_form() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut was = parsed(&text(&doctor(&["check", "--from", TICKET, "--format", "json"])));
    // As if one had been mended and one had come since.
    let findings = was["findings"].as_array_mut().expect("findings");
    let mut gone = findings[0].clone();
    gone["fingerprint"] = "AR034:file:/var/ossec/active-response/bin/old.sh".into();
    gone["id"] = "AR034".into();
    gone["title"] = "old.sh <b> does not run.".into();
    findings[1] = gone;
    let file = directory.path().join("last.json");
    fs::write(&file, was.to_string()).expect("it is written");
    let file = file.display().to_string();
    let run =
        |more: &[&str]| text(&doctor(&[&["check", "--from", TICKET, "--baseline", &file], more].concat()));
    let told = run(&[]).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains("1 new, 1 gone, 2 the same"), "{told}");
    assert!(told.contains("error, proven, same") && told.contains("warning, proven, new"), "{told}");
    assert!(told.contains("gone: AR034"), "{told}");
    let report = parsed(&run(&["--format", "json"]));
    let states: Vec<&str> = report["findings"]
        .as_array()
        .expect("findings")
        .iter()
        .map(|one| one["since_baseline"].as_str().expect("a state"))
        .collect();
    assert_eq!(states, ["same", "new", "same"]);
    assert_eq!((&report["gone"][0]["id"], &report["gone"][0]["examined"]), (&"AR034".into(), &true.into()));
    let schema = validator(&root().join("tests/schema/check.v2.json"));
    assert!(schema.is_valid(&report), "{:?}", schema.iter_errors(&report).next());
    let log = parsed(&run(&["--format", "sarif"]));
    for validator in validators() {
        assert!(validator.is_valid(&log), "{:?}", validator.iter_errors(&log).next());
    }
    let states: Vec<&str> = log["runs"][0]["results"]
        .as_array()
        .expect("results")
        .iter()
        .map(|one| one["baselineState"].as_str().expect("a state"))
        .collect();
    assert_eq!(states, ["unchanged", "new", "unchanged", "absent"]);
    let markdown = run(&["--format", "markdown"]);
    assert!(markdown.contains("1 new, 1 gone, 2 the same") && markdown.contains("`<b>`"), "{markdown}");
}
