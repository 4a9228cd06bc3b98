//! A capture answers as the host did, holds no secret, and is refused when it is hostile.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use ar_doctor::capture::{self, Form, Recorder, Summary, Wanted};
use ar_doctor::facts::{Facts, install};
use ar_doctor::host::{Host, open_source};
use ar_doctor::redact::Redactor;
use ar_doctor::report::{Report, json, show};
use support::cases::{Case, cases};

fn options(target: &Path) -> capture::Options<'_> {
    let is_archive = target.extension().is_some_and(|extension| extension == "gz");
    capture::Options {
        target,
        form: if is_archive { Form::Archive } else { Form::Directory },
        max_size: 64 << 20,
        label: "captured".to_owned(),
        home: None,
        since: None,
        made_by: "the tests",
        made_at: 1_795_262_400,
        stop: Arc::new(AtomicBool::new(false)),
    }
}

/// Captures a host, as the command does.
fn capture(host: &dyn Host, target: &Path) -> Summary {
    let redactor = Redactor::new();
    let recorder = Recorder::new(host);
    let install = install::find(&recorder, None).unwrap_or_else(|error| panic!("{error}"));
    let facts = Facts::new(&recorder, &redactor, install);
    let diagnosis = capture::look(&facts, &redactor, Wanted::default());
    let documents = || capture::documents(&facts, &diagnosis, &redactor);
    capture::write(&recorder, &redactor, &documents, &options(target))
        .unwrap_or_else(|error| panic!("{error}"))
}

/// What the commands say of a host, but for what names the source.
fn said(host: &dyn Host) -> String {
    let redactor = Redactor::new();
    let install = install::find(host, None).unwrap_or_else(|error| panic!("{error}"));
    let facts = Facts::new(host, &redactor, install);
    let diagnosis = ar_doctor::engine::run(&facts, &ar_doctor::engine::Options::default());
    let report =
        Report { facts: &facts, diagnosis: &diagnosis, redactor: &redactor, response: None, timings: None };
    let mut said = json::to_text(&json::check(&report)).expect("JSON");
    if let Some(view) = show::View::new(&facts, &redactor) {
        said.push_str(&json::to_text(&view.document()).expect("JSON"));
    }
    let is_about = |line: &&str| {
        let line = line.trim_start();
        !line.starts_with("\"label\": ")
            && !line.starts_with("\"source\": \"tree\"")
            && !line.starts_with("\"kind\": \"tree\"")
    };
    said.lines().filter(is_about).collect::<Vec<_>>().join("\n")
}

/// Where two texts differ first, with the lines around.
fn difference(one: &str, other: &str) -> Option<String> {
    let (one, other): (Vec<&str>, Vec<&str>) = (one.lines().collect(), other.lines().collect());
    let at = one.iter().zip(&other).position(|(one, other)| one != other);
    let at = at.or((one.len() != other.len()).then(|| one.len().min(other.len())))?;
    let around =
        |lines: &[&str]| lines[at.saturating_sub(8).min(lines.len())..lines.len().min(at + 5)].join("\n");
    Some(format!("{}\n    --- becomes ---\n{}", around(&one), around(&other)))
}

/// Why a capture says something else than its host; none when it does not.
fn round_trip(name: &str, host: &dyn Host, form: &str) -> Option<String> {
    let directory = tempfile::tempdir().expect("a directory");
    let target = directory.path().join(form);
    capture(host, &target);
    let captured = open_source(&target).unwrap_or_else(|error| panic!("{name}: {error}"));
    let difference = difference(&said(host), &said(&*captured))?;
    Some(format!("{name}:\n{difference}"))
}

#[test]
fn every_base_host_says_the_same_captured() {
    let mut wrong = Vec::new();
    for name in support::BASES {
        let host = support::base(name);
        wrong.extend(round_trip(name, &host, "x.tar.gz"));
        wrong.extend(round_trip(name, &host, "x"));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn every_row_of_the_grid_says_the_same_captured() {
    let rows: Vec<&Case> = cases().collect();
    let next = AtomicUsize::new(0);
    let wrong = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from).min(4) {
            scope.spawn(|| {
                while let Some(case) = rows.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let mut host = support::base(case.base);
                    case.apply(&mut host).unwrap_or_else(|error| panic!("{}: {error}", case.name()));
                    if install::find(&host, None).is_ok() {
                        let found = round_trip(&case.name(), &host, "x.tar.gz");
                        wrong.lock().expect("no panic").extend(found);
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().expect("no panic");
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), rows.len(), wrong.join("\n\n"));
}
