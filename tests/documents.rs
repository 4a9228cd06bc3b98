//! Pages that are generated from the program are what the program says today.
//! `AR_DOCTOR_UPDATE=1 cargo test --test documents` writes them anew.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "a test fails by panicking")]

#[path = "replay/play.rs"]
mod play;
mod support;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use ar_doctor::findings::{CheckId, Stage};
use regex::Regex;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn run(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_ar-doctor"))
        .args(arguments)
        .current_dir(root())
        .env_clear()
        .env("NO_COLOR", "1")
        .output()
        .expect("the binary runs");
    String::from_utf8(output.stdout).expect("output is UTF-8")
}

/// Compares a page with what it should be, or writes it.
fn page(path: &str, expected: &str) {
    let file = root().join(path);
    if std::env::var_os("AR_DOCTOR_UPDATE").is_some() {
        fs::create_dir_all(file.parent().expect("a page lies in a directory"))
            .expect("the directory is made");
        fs::write(&file, expected).expect("the page is written");
        return;
    }
    let actual = fs::read_to_string(&file).unwrap_or_default();
    assert!(actual == expected, "{path} is stale: AR_DOCTOR_UPDATE=1 cargo test --test documents");
}

/// What a replay says of times and processes, and the repository's place, differ from run to run,
/// and a column is as wide as its widest time.
fn settled(report: &str) -> String {
    [(r"\b\d+(\.\d+)? ms\b", "[TIME]"), (r"\bpid \d+", "pid [PID]"), (r"(\S) {2,}", "$1  ")].iter().fold(
        report.to_owned(),
        |text, (pattern, with)| {
            Regex::new(pattern).expect("a pattern").replace_all(&text, *with).into_owned()
        },
    )
}

/// Why a replay cannot be shown here; none when it can.
fn cannot_replay() -> Option<String> {
    let missing = |tool: &&&str| {
        !["/bin", "/sbin", "/usr/bin", "/usr/sbin"].iter().any(|path| Path::new(path).join(**tool).exists())
    };
    play::cannot_run()
        .or_else(|| ["bash", "jq", "iptables"].iter().find(missing).map(|tool| format!("no {tool} here")))
        // Of its own Wazuh it would take the version and the environment.
        .or_else(|| Path::new("/var/ossec").exists().then(|| "Wazuh is installed here".to_owned()))
}

const REPORT: &str = "<!-- report: ar-doctor ";
const END: &str = "\n```\n<!-- end of report -->";

/// Each report is what the command in its mark prints. Times of a replay are as they were when
/// it was written.
#[test]
fn the_reports_in_the_readme_are_real() {
    let readme = fs::read_to_string(root().join("README.md")).expect("there is a README");
    let mut expected = String::new();
    let mut rest = readme.as_str();
    let mut reports = 0;
    while let Some((before, marked)) = rest.split_once(REPORT) {
        let (command, marked) = marked.split_once(" -->\n```").expect("a mark is closed");
        let (shown, after) = marked.split_once(END).expect("the end of a report is marked");
        let (shown, arguments) = (shown.trim_start_matches('\n'), command.split(' ').collect::<Vec<_>>());
        let report = match cannot_replay().filter(|_| command.starts_with("replay ")) {
            Some(why) => {
                support::skip(&format!("ar-doctor {command}: {why}"));
                shown.to_owned()
            }
            None => {
                let place = root().to_string_lossy().into_owned();
                let report = run(&arguments).trim_end().replace(&place, "~/ar-doctor");
                if settled(&report) == settled(shown) { shown.to_owned() } else { report }
            }
        };
        expected += &format!("{before}{REPORT}{command} -->\n```\n{report}{END}");
        rest = after;
        reports += 1;
    }
    assert_eq!(reports, readme.matches("<!-- end of report -->").count(), "each mark has its end");
    assert!(reports >= 3, "the README shows {reports} reports");
    page("README.md", &(expected + rest));
}

/// `--help` is answered only where every option before it is known.
#[test]
fn commands_in_the_pages_are_understood() {
    let mut commands = 0;
    for page in ["README.md", "CONTRIBUTING.md"] {
        let text = fs::read_to_string(root().join(page)).expect("the page is there");
        for line in text.split("```").skip(1).step_by(2).flat_map(str::lines) {
            let line = line.split('#').next().unwrap_or_default().split('<').next().unwrap_or_default();
            let Some(rest) = line.strip_prefix("sudo ").unwrap_or(line).strip_prefix("ar-doctor ") else {
                continue;
            };
            // The first line of a report.
            if rest.starts_with(|letter: char| letter.is_ascii_digit()) {
                continue;
            }
            let arguments: Vec<&str> = rest.split_whitespace().chain(["--help"]).collect();
            let said = run(&arguments);
            assert!(said.contains("Usage: ar-doctor"), "{page}: {line}");
            commands += 1;
        }
    }
    assert!(commands >= 12, "only {commands} commands are shown");
}

#[test]
fn the_list_of_checks_is_complete() {
    let mut text = String::from(
        "# The checks\n\nOne file each; this page is generated from them (`CONTRIBUTING.md` says how). \
         `ar-doctor explain ID` prints the whole text.\n",
    );
    for stage in Stage::ALL {
        let mut of_stage = CheckId::all().map(CheckId::check).filter(|check| check.stage == stage).peekable();
        if of_stage.peek().is_none() {
            continue;
        }
        let _ = write!(
            text,
            "\n## {stage}\n\n| Check | Severity | Side | By | What it finds |\n| --- | --- | --- | --- | --- |\n"
        );
        for check in of_stage {
            let sides: Vec<&str> = check.sides.iter().map(|side| side.name()).collect();
            let (id, slug, title) = (check.id, check.slug, check.title.replace('|', "\\|"));
            let _ = writeln!(
                text,
                "| [{id}]({id}-{slug}.toml) {slug} | {} | {} | {} | {title} |",
                check.severity,
                sides.join(", "),
                check.found_by.iter().map(|finder| finder.name()).collect::<Vec<_>>().join(", ")
            );
        }
    }
    page("checks/README.md", &text);
}

#[test]
fn the_page_of_what_is_redacted_is_what_is_recognised() {
    let published = ar_doctor::redact::page();
    page("docs/redaction.md", &published);
    let said = run(&["explain", "redaction"]);
    for kind in ar_doctor::redact::Kind::ALL {
        let about = kind.about();
        assert!(said.contains(about.name) && said.contains(about.what), "{kind}: {said}");
    }
}

#[test]
fn the_schemas_are_the_published_ones() {
    page("tests/schema/check.v2.json", &run(&["schema", "check"]));
    for name in ["show", "lint", "replay", "simulate", "simulate-alerts", "trace", "migrate"] {
        page(&format!("tests/schema/{name}.v1.json"), &run(&["schema", name]));
    }
}

#[test]
fn paths_in_the_pages_exist() {
    for page in ["README.md", "CONTRIBUTING.md"] {
        let text = fs::read_to_string(root().join(page)).expect("the page is there");
        for word in text.split(|letter: char| letter.is_whitespace() || "`()[]:,;".contains(letter)) {
            let word = word.trim_end_matches('.');
            let is_path =
                ["src/", "tests/", "fixtures/", "checks/"].iter().any(|start| word.starts_with(start));
            // What stands in Wazuh's tree has an extension of C.
            if is_path && !word.ends_with(".c") && !word.contains("ARnnn") {
                assert!(root().join(word).exists(), "{page} names {word}, which does not exist");
            }
        }
    }
}
