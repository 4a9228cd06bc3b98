//! Pages that are generated from the program are what the program says today.
//! `AR_DOCTOR_UPDATE=1 cargo test --test documents` writes them anew.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "a test fails by panicking")]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use ar_doctor::findings::{CheckId, Stage};

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

#[test]
fn the_report_in_the_readme_is_real() {
    let report = run(&["check", "--from", "fixtures/tickets/web-01"]);
    let readme = fs::read_to_string(root().join("README.md")).expect("there is a README");
    let (before, rest) = readme.split_once("<!-- report:").expect("the README marks its report");
    let (command, rest) = rest.split_once("-->").expect("the mark is closed");
    let (_, after) = rest.split_once("<!-- end of report -->").expect("the README marks the report's end");
    let expected = format!(
        "{before}<!-- report:{command}-->\n```\n{}\n```\n<!-- end of report -->{after}",
        report.trim_end()
    );
    page("README.md", &expected);
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
                check.found_by
            );
        }
    }
    page("checks/README.md", &text);
}

#[test]
fn the_schemas_are_the_published_ones() {
    for name in ["check", "show", "replay"] {
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
