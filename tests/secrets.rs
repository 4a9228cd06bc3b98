//! Secrets of every kind, planted where they live in every file that is read: none is in any
//! form of any report, nor in what is packed.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "support/forms.rs"]
mod forms;
mod support;

use std::collections::BTreeMap;
use std::path::Path;

use ar_doctor::engine::{self, Options};
use ar_doctor::facts::{Facts, TextFile, install};
use ar_doctor::host::capture::CaptureHost;
use ar_doctor::host::{Fact, Host as _};
use ar_doctor::lint;
use ar_doctor::redact::Redactor;
use ar_doctor::report::page::Page;
use ar_doctor::report::{self, Report, json};
use ar_doctor::simulate::{self, Given};
use ar_doctor::trace::gather::{Asked, gather};
use ar_doctor::wazuh::version::Contract;
use forms::{FORMS, planted};
use proptest::prelude::*;

/// Where a secret is planted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Config,
    ConfigBroken,
    AgentConf,
    Rules,
    Keys,
    Enrollment,
    Script,
    Shebang,
    Log,
    ResponseLog,
    SystemLog,
    Alerts,
    Unit,
    Options,
    Arguments,
}

const PLACES: [Place; 15] = [
    Place::Config,
    Place::ConfigBroken,
    Place::AgentConf,
    Place::Rules,
    Place::Keys,
    Place::Enrollment,
    Place::Script,
    Place::Shebang,
    Place::Log,
    Place::ResponseLog,
    Place::SystemLog,
    Place::Alerts,
    Place::Unit,
    Place::Options,
    Place::Arguments,
];

/// One secret.
#[derive(Clone, Debug)]
struct Planted {
    place: Place,
    form: usize,
    secret: String,
    /// It stands alone in another file, too.
    again: Place,
}

fn any_planted() -> impl Strategy<Value = Planted> {
    let place = || proptest::sample::select(&PLACES[..]);
    // Digits and letters, as keys have them, or words with odd ones between.
    let secret = "[A-Z][a-z][0-9][A-Za-z0-9]{21,29}";
    (place(), 0..FORMS.len(), secret, place()).prop_map(|(place, form, secret, again)| Planted {
        place,
        form,
        secret,
        again,
    })
}

fn append(host: &mut CaptureHost, path: &str, text: &str) {
    if host.entry(path.as_ref()).get().is_some() {
        host.append(path, text).expect("it is there");
    } else {
        host.write(path, text).expect("its directory is there");
    }
}

/// Puts a piece in front of a mark, or at the end where there is none.
fn before(text: &str, mark: &str, piece: &str) -> String {
    let at = text.find(mark).unwrap_or(text.len());
    format!("{}{piece}{}", &text[..at], &text[at..])
}

/// Puts a text into a file; the file.
fn put(host: &mut CaptureHost, place: Place, text: &str) -> &'static str {
    let line = text.replace('\n', " ");
    let home = if host.entry("/var/ossec/etc".as_ref()).get().is_some() {
        "/var/ossec"
    } else {
        "/var/wazuh-manager"
    };
    let path = |rest: &str| -> &'static str {
        let name = format!("{home}/{rest}");
        name.leak()
    };
    let edit = |host: &mut CaptureHost, file: &str, change: &dyn Fn(&str) -> String| {
        let content = host.read(file.as_ref(), 1 << 22);
        let text = content.get().map(|content| String::from_utf8_lossy(&content.bytes).into_owned());
        host.write(file, change(&text.unwrap_or_default())).expect("its directory is there");
    };
    match place {
        // What stands beside it is wrong, so that the line is shown.
        Place::Config | Place::ConfigBroken => {
            let conf = if host.entry(path("etc/ossec.conf").as_ref()).get().is_some() {
                path("etc/ossec.conf")
            } else {
                path("etc/wazuh-manager.conf")
            };
            let end = if place == Place::Config { "</bogus>" } else { "" };
            edit(host, conf, &|text| before(text, "  <localfile>", &format!("  <bogus>{line}{end}\n")));
            conf
        }
        Place::AgentConf => {
            let manager = path("etc/shared/default/agent.conf");
            let conf = if host.entry(manager.as_ref()).get().is_some() {
                manager
            } else {
                path("etc/shared/agent.conf")
            };
            edit(host, conf, &|text| {
                before(text, "</agent_config>", &format!("<active-response>{line}</active-response>"))
            });
            conf
        }
        Place::Rules => {
            let rules = path("etc/rules/local_rules.xml");
            edit(host, rules, &|text| {
                before(
                    text,
                    "</group>",
                    &format!("<rule id=\"100900\" level=\"3\"><bogus>{line}</rule></group>"),
                )
            });
            rules
        }
        Place::Keys => {
            append(host, path("etc/client.keys"), &format!("077 web-77 any {line}\n"));
            path("etc/client.keys")
        }
        Place::Enrollment => {
            append(host, path("etc/authd.pass"), &format!("{line}\n"));
            path("etc/authd.pass")
        }
        Place::Script => {
            let script = path("active-response/bin/restart.sh");
            edit(host, script, &|old| format!("{old}\nread x; grep srcip $x '{line}'; x=$(cat) # {line}\n"));
            script
        }
        Place::Shebang => {
            let script = path("active-response/bin/edge-block.sh");
            append(host, script, "");
            edit(host, script, &|old| format!("#!/bin/bsh {line}\r\n{old}"));
            script
        }
        Place::Log => {
            append(
                host,
                path("logs/ossec.log"),
                &format!(
                    "2026/11/20 14:05:11 wazuh-execd: ERROR: (1312): Error executing '{line}': (2) No such file or directory.\n"
                ),
            );
            path("logs/ossec.log")
        }
        Place::ResponseLog => {
            append(
                host,
                path("logs/active-responses.log"),
                &format!(
                    "2026/11/20 14:05:12 active-response/bin/edge-block.sh: {line}: command not found\n"
                ),
            );
            path("logs/active-responses.log")
        }
        Place::SystemLog => {
            append(
                host,
                "/var/log/syslog",
                &format!("Nov 20 14:05:12 web-01 wazuh-control[1]: {line}: Permission denied\n"),
            );
            "/var/log/syslog"
        }
        Place::Alerts => {
            let log = serde_json::to_string(text).expect("a string");
            let alert = format!(
                r#"{{"timestamp":"2026-11-20T14:05:12.000+0000","rule":{{"level":10,"id":"5712"}},"agent":{{"id":"003","name":"web-01"}},"data":{{"srcip":"203.0.113.9","dstuser":{log}}},"full_log":{log},"location":"/var/log/auth.log"}}"#
            );
            let _ = host.mkdir(path("logs/alerts"));
            append(host, path("logs/alerts/alerts.json"), &format!("{alert}\n"));
            path("logs/alerts/alerts.json")
        }
        Place::Unit => {
            let units = [
                "/usr/lib/systemd/system/wazuh-manager.service",
                "/usr/lib/systemd/system/wazuh-agent.service",
            ];
            let unit = units.into_iter().find(|unit| host.entry(unit.as_ref()).get().is_some());
            if let Some(unit) = unit {
                append(
                    host,
                    unit,
                    &format!("ReadOnlyPaths=/var/ossec/active-response/bin /{line}\nEnvironment={line}\n"),
                );
            }
            unit.unwrap_or("")
        }
        Place::Options => {
            append(
                host,
                path("etc/local_internal_options.conf"),
                &format!("execd.request_timeout={line}\n# {line}\n"),
            );
            path("etc/local_internal_options.conf")
        }
        Place::Arguments => {
            let processes = host.processes();
            let mut processes = processes.get().cloned().unwrap_or_default();
            if let Some(execd) = processes
                .iter_mut()
                .find(|process| process.comm.starts_with("wazuh-execd") || process.pid == 811)
            {
                execd.args = ["/var/ossec/bin/wazuh-execd".to_owned()]
                    .into_iter()
                    .chain(line.split(' ').map(str::to_owned))
                    .map(Into::into)
                    .collect();
            }
            host.set_processes(processes);
            ""
        }
    }
}

/// Everything that the commands say of a host, in every form.
fn reports(host: &CaptureHost, script: &str) -> Vec<(&'static str, String)> {
    let redactor = Redactor::new();
    let mut all = Vec::new();
    let page = |write: &dyn Fn(&mut Page)| {
        let mut page = Page::new(100, false);
        write(&mut page);
        page.into_text()
    };
    let install = match install::find(host, None) {
        Ok(install) => install,
        Err(error) => panic!("{error}"),
    };
    let facts = Facts::new(host, &redactor, install);
    let diagnosis = engine::run(&facts, &Options::default());
    let check =
        Report { facts: &facts, diagnosis: &diagnosis, redactor: &redactor, response: None, timings: None };
    let options = report::text::Options { verbose: true, quiet: false, why: true };
    all.push(("check", page(&|page| report::text::write(&check, options, page))));
    all.push(("check as JSON", json::to_text(&json::check(&check)).expect("JSON")));
    if let Some(view) = report::show::View::new(&facts, &redactor) {
        all.push(("show", page(&|page| view.write(page))));
        all.push(("show as JSON", json::to_text(&view.document()).expect("JSON")));
    }
    let asked = Asked::default();
    if let Ok(gathered) = gather(&facts, &asked, |_| {}) {
        let view =
            report::trace::View { facts: &facts, gathered: &gathered, asked: &asked, redactor: &redactor };
        all.push(("trace", page(&|page| view.write(page, true, false))));
        all.push(("trace as JSON", json::to_text(&view.document()).expect("JSON")));
    }
    let alerts = host.read("/var/ossec/logs/alerts/alerts.json".as_ref(), 1 << 20);
    if let Some(given) = alerts.get().and_then(|alerts| Given::of_alert(&alerts.bytes).ok())
        && let Ok(simulation) = simulate::run(&facts, &given)
    {
        let view = report::simulate::View { facts: &facts, simulation: &simulation, redactor: &redactor };
        all.push(("simulate", page(&|page| view.write(page, true))));
        all.push(("simulate as JSON", json::to_text(&view.document()).expect("JSON")));
    }
    if let Some(content) = host.read(script.as_ref(), 1 << 20).get() {
        // As `lint` does it: alone.
        let redactor = Redactor::new();
        redactor.mark(&content.bytes);
        let context = lint::Context { contract: Contract::Json4, timeout: 600 };
        let language = lint::language(script.as_bytes(), &content.bytes);
        let found =
            language.map(|language| lint::lint(&content.bytes, language, &context)).unwrap_or_default();
        let file = TextFile::of_bytes(
            script.to_owned(),
            script.into(),
            Fact::known("script", content.bytes.clone()),
        );
        let scripts = [report::lint::Script { file, language, context, lint: found }];
        let options = report::lint::Options { verbose: true, quiet: false };
        all.push(("lint", page(&|page| report::lint::write(&scripts, options, &redactor, page))));
        all.push((
            "lint as JSON",
            json::to_text(&report::lint::document(&scripts, &[], &redactor)).expect("JSON"),
        ));
    }
    all
}

/// What is packed of the files, as `capture` does it: all are learned from first.
fn packed(
    host: &CaptureHost,
    files: &[&'static str],
    identities: bool,
) -> Result<Vec<(&'static str, Vec<u8>)>, String> {
    let redactor = Redactor::new();
    if identities {
        redactor.redact_identities([9; 32]);
    }
    let contents: Vec<(&'static str, Vec<u8>)> = files
        .iter()
        .filter_map(|file| Some((*file, host.read(file.as_ref(), 1 << 22).get()?.bytes.clone())))
        .collect();
    for (file, bytes) in &contents {
        redactor.learn(Path::new(file), bytes);
    }
    let mut all = Vec::new();
    for (file, bytes) in contents {
        let out = redactor.file(Path::new(file), &bytes);
        if out.len() != bytes.len() && !identities {
            return Err(format!("{file} changes its length"));
        }
        let mut scanner = redactor.scanner();
        if let Some(leak) = out.chunks(4096).find_map(|block| scanner.feed(block)) {
            return Err(format!("{file}: {leak:?}"));
        }
        all.push((file, out));
    }
    let places: Vec<String> = redactor.ledger().iter().map(|entry| entry.place.to_string()).collect();
    if let Some((file, _)) = all.iter().find(|(file, out)| {
        !places.iter().any(|place| place == file) && memchr::memmem::find(out, b"********").is_some()
    }) {
        return Err(format!("{file} is not in the ledger {places:?}"));
    }
    Ok(all)
}

/// Eight bytes of a secret in a row.
fn leaks(text: &[u8], secret: &str) -> bool {
    secret.as_bytes().windows(8).any(|piece| memchr::memmem::find(text, piece).is_some())
}

/// A host with secrets, the files they stand in, and what was planted, in words.
fn plant(
    base: &str,
    all: &[Planted],
    is_read: impl Fn(Place) -> bool,
) -> (CaptureHost, Vec<&'static str>, String) {
    let mut host = support::base(base);
    let (mut files, mut told) = (Vec::new(), String::new());
    for one in all {
        let (kind, form) = FORMS[one.form];
        // Of these files the line itself is the secret.
        let alone = |place| [Place::Keys, Place::Enrollment].contains(&place);
        let text = if alone(one.place) { one.secret.clone() } else { planted(form, &one.secret) };
        files.push(put(&mut host, one.place, &text));
        told += &format!("{:?} {kind}: {text:?}, again in {:?}\n", one.place, one.again);
        if is_read(one.place) {
            let again = if alone(one.again) { Place::Log } else { one.again };
            files.push(put(&mut host, again, &format!("it was {} then", one.secret)));
        }
    }
    files.sort_unstable();
    files.dedup();
    files.retain(|file| !file.is_empty());
    (host, files, told)
}

/// How often each report hid something.
fn judge(base: &str, all: &[Planted]) -> Result<BTreeMap<&'static str, usize>, String> {
    let leak = |what: &str, text: &[u8], secret: &str, told: &str| {
        let text = String::from_utf8_lossy(text).into_owned();
        let line = text.lines().find(|line| leaks(line.as_bytes(), secret)).unwrap_or_default();
        format!("{base}: {what} tells {secret}:\n{line}\nplanted:\n{told}")
    };
    // Every report reads these files, and all of them; of others some read parts.
    let (host, _, told) =
        plant(base, all, |place| [Place::Config, Place::ConfigBroken, Place::Keys].contains(&place));
    let script =
        if all.iter().any(|one| one.place == Place::Shebang) { "edge-block.sh" } else { "restart.sh" };
    let mut hidden = BTreeMap::new();
    for (what, report) in reports(&host, &format!("/var/ossec/active-response/bin/{script}")) {
        // `lint` reads a script and nothing else.
        let is_read = |one: &&Planted| {
            !what.starts_with("lint") || [Place::Script, Place::Shebang].contains(&one.place)
        };
        if let Some(one) = all.iter().filter(is_read).find(|one| leaks(report.as_bytes(), &one.secret)) {
            return Err(leak(what, report.as_bytes(), &one.secret, &told));
        }
        *hidden.entry(what).or_insert(0) += usize::from(report.contains("********"));
    }
    let (host, files, told) = plant(base, all, |place| place != Place::Arguments);
    for identities in [false, true] {
        let packed = packed(&host, &files, identities);
        for (file, bytes) in packed.map_err(|why| format!("{base}: {why}\nplanted:\n{told}"))? {
            if let Some(one) = all.iter().find(|one| leaks(&bytes, &one.secret)) {
                return Err(leak(file, &bytes, &one.secret, &told));
            }
        }
    }
    Ok(hidden)
}

fn run(cases: u32) {
    let config =
        ProptestConfig { cases, failure_persistence: None, max_shrink_iters: 0, ..ProptestConfig::default() };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let seen = std::cell::RefCell::new(BTreeMap::<&str, usize>::new());
    let strategy = (proptest::sample::select(support::BASES), proptest::collection::vec(any_planted(), 1..6));
    let result = runner.run(&strategy, |(base, all)| {
        let hidden = judge(base, &all).map_err(TestCaseError::fail)?;
        for (what, count) in hidden {
            *seen.borrow_mut().entry(what).or_default() += count;
        }
        Ok(())
    });
    if let Err(why) = result {
        panic!("{why}");
    }
    // Reports in which nothing had to be hidden prove nothing.
    for (what, least) in
        [("check", 8), ("check as JSON", 8), ("lint", 40), ("lint as JSON", 40), ("show", 100)]
    {
        let count = seen.borrow().get(what).copied().unwrap_or(0);
        assert!(
            count >= cases as usize / least,
            "{what} showed a hidden secret {count} times in {cases} cases: {seen:?}"
        );
    }
}

#[test]
fn no_secret_leaves() {
    run(256);
}

#[test]
#[ignore = "some minutes"]
fn no_secret_leaves_in_ten_thousand_cases() {
    run(10_000);
}
