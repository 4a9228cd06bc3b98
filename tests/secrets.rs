//! Secrets of every kind, planted where they live in every file that is read: none is in any
//! form of any report, nor in what is packed.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "a test fails by panicking")]

#[path = "support/forms.rs"]
mod forms;
mod support;

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use ar_doctor::capture::{self, Form, Recorder, Wanted};
use ar_doctor::engine::{self, Options};
use ar_doctor::facts::{Facts, TextFile, install};
use ar_doctor::host::capture::CaptureHost;
use ar_doctor::host::{Fact, Host as _};
use ar_doctor::lint;
use ar_doctor::migrate::{self, Inventory};
use ar_doctor::redact::Redactor;
use ar_doctor::report::page::Page;
use ar_doctor::report::{self, Report, json, sarif, ticket};
use ar_doctor::simulate::{self, Given};
use ar_doctor::trace::gather::{Asked, gather};
use ar_doctor::wazuh::version::Contract;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use forms::{FORMS, planted};
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};

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
    Response,
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
    kind: &'static str,
    /// How it stands there.
    text: String,
    /// What must not be seen of it.
    secrets: Vec<String>,
    /// It stands alone in another file, too.
    again: Place,
}

/// How a secret with odd letters is written.
#[derive(Clone, Copy, Debug)]
enum Written {
    AsIs,
    Json,
    JsonInJson,
    Xml,
    Url,
}

impl Written {
    fn write(self, secret: &str) -> String {
        let json = |text: &str| serde_json::to_string(text).expect("a string").trim_matches('"').to_owned();
        match self {
            Self::AsIs => secret.to_owned(),
            // A quote at its end would be taken for the one that closes.
            Self::Json => json(secret),
            Self::JsonInJson => json(&json(secret)),
            Self::Xml => secret.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;"),
            Self::Url => {
                let coded = |byte: u8| match byte {
                    _ if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
                    _ => format!("%{byte:02X}"),
                };
                secret.bytes().map(coded).collect()
            }
        }
    }
}

/// Forms that a secret of any letters can stand in.
const ODD: &[(&str, &str, Written)] = &[
    ("password", "<password>S</password>", Written::Xml),
    ("api-key", "<api_key>S</api_key>", Written::Xml),
    ("token", "<client_secret>S</client_secret>", Written::Xml),
    ("password", "<db_password>S</db_password>", Written::Xml),
    ("password", "Environment=\"DB_PASS=S\"", Written::Json),
    ("password", "requests.get(u, auth=('svc', \"S\"))", Written::Json),
    ("hook-url", "<hook_url>https://x.example/S</hook_url>", Written::Url),
    ("password", "{\"password\":\"S\"}", Written::Json),
    ("token", "{\"x\":1,\"access_token\": \"S\"}", Written::Json),
    ("password", r#"{"x":"{\"password\":\"S\"}"}"#, Written::JsonInJson),
    ("password", "password: \"S\"", Written::Json),
    ("password", "os.environ[\"DB_PASSWORD\"] = \"S\"", Written::Json),
    ("password", "[\"x\", \"--password\", \"S\"]", Written::Json),
    ("password", "  password   =   'S'", Written::AsIs),
    ("password", "export DB_PASSWORD='S'", Written::AsIs),
    ("password", "curl --password 'S' https://x", Written::AsIs),
    ("password", "curl -u 'admin:S' https://x", Written::AsIs),
    ("password", "sshpass -p 'S' ssh host", Written::AsIs),
    ("token", "x --token 'S' -v", Written::AsIs),
    ("connection-string", "postgres://admin:S@db.example/x", Written::Url),
    ("api-key", "https://x.example/report?apikey=S&resource=1", Written::Url),
    ("cookie", "Cookie: session=S; theme=1", Written::Url),
];

/// Secrets that their own letters tell.
const TOKENS: &[(&str, &str)] = &[
    ("cloud-key", "A(KIA|SIA)[A-Z0-9]{16}"),
    ("service-token", "gh[pous]_[A-Za-z0-9]{35}[0-9]"),
    ("service-token", "github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{20}[0-9]"),
    ("service-token", "glpat-[A-Za-z0-9_-]{19}[0-9]"),
    ("service-token", "xoxb-[0-9]{12}-[0-9]{12}-[A-Za-z0-9]{24}"),
    ("service-token", "sk_live_[A-Za-z0-9]{23}[0-9]"),
    ("service-token", "sk-proj-[A-Za-z0-9]{39}[0-9]"),
    ("service-token", "SG\\.[A-Za-z0-9_-]{22}\\.[A-Za-z0-9_-]{42}[0-9]"),
    ("service-token", "AIza[A-Za-z0-9_-]{34}[0-9]"),
    ("service-token", "npm_[A-Za-z0-9]{35}[0-9]"),
    ("service-token", "hvs\\.[A-Za-z0-9_-]{30}[0-9]"),
    ("service-token", "dop_v1_[a-f0-9]{63}[0-9]"),
    ("password-hash", "\\$6\\$[A-Za-z0-9]{8}\\$[A-Za-z0-9./]{86}"),
    ("json-web-token", "eyJhbGciOiJIUzI1NiJ9\\.eyJ[A-Za-z0-9_-]{20,60}\\.[A-Za-z0-9_-]{43}"),
];

/// What such a one may stand in.
const AROUND: &[&str] = &[
    "S",
    "it is S now",
    "\"S\"",
    "(S)",
    "x=S; y",
    "-S",
    "/S/x",
    "x: S",
    "[S]",
    "'S',",
    "S: not found",
    "{\"x\":\"S\"}",
];

fn any_secret() -> impl Strategy<Value = (&'static str, String, Vec<String>)> {
    // Digits and letters, as keys have them.
    let plain = (0..FORMS.len(), "[A-Z][a-z][0-9][A-Za-z0-9]{21,29}").prop_map(|(form, secret)| {
        let (kind, form) = FORMS[form];
        (kind, planted(form, &secret), vec![secret])
    });
    // Words with odd ones between.
    let secret = "[A-Z][a-z][0-9][A-Za-z0-9]{6,9}(([\"\\\\&%]|[/+=#<]|[\"\\\\&%]{2})[A-Za-z0-9]{8,12}){1,3}";
    let odd = (0..ODD.len(), secret).prop_map(|(form, secret)| {
        let (kind, form, written) = ODD[form];
        (kind, planted(form, &written.write(&secret)), vec![secret])
    });
    let tokens: Vec<_> = TOKENS
        .iter()
        .map(|&(kind, pattern)| {
            let pattern = proptest::string::string_regex(pattern).expect("a pattern");
            (0..AROUND.len(), pattern)
                .prop_map(move |(around, secret)| (kind, planted(AROUND[around], &secret), vec![secret]))
                .boxed()
        })
        .collect();
    let tokens = proptest::strategy::Union::new(tokens);
    const NAMES: &[&str] = &["", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED "];
    let lines = (proptest::collection::vec("([A-Za-z0-9]{15}[A-Za-z0-9+/]){4}", 2..5), "[A-Za-z0-9]{9,40}=");
    let pem = (proptest::sample::select(NAMES), lines, proptest::sample::select(&["\n", "\r\n", "\\n"][..]))
        .prop_map(|(name, (mut lines, last), end)| {
            lines.push(last);
            let body = lines.join(end);
            let text =
                format!("-----BEGIN {name}PRIVATE KEY-----{end}{body}{end}-----END {name}PRIVATE KEY-----");
            ("private-key", text, lines)
        });
    prop_oneof![5 => plain, 3 => odd, 3 => tokens, 1 => pem]
}

fn any_planted() -> impl Strategy<Value = Planted> {
    let place = proptest::sample::select(&PLACES[..]);
    // A name tells no secret: one stands there only again. `trace` and `simulate` show little else.
    let again = prop_oneof![2 => place.clone(), 1 => Just(Place::Response)];
    (place, any_secret(), again).prop_map(|(place, (kind, text, secrets), again)| Planted {
        place,
        kind,
        text,
        secrets,
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
    // A key may have its lines where a file has lines of any sort.
    let many = [Place::Config, Place::ConfigBroken, Place::AgentConf, Place::Rules, Place::Script];
    let line = if many.contains(&place) { text.to_owned() } else { text.replace(['\r', '\n'], " ") };
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
        // A response by this name: what `show`, `trace` and `simulate` are about.
        Place::Response => {
            let text = Written::Xml.write(text);
            let name = text.replace(' ', "-");
            let conf = path("etc/ossec.conf");
            let is_manager = host.entry(path("etc/rules/local_rules.xml").as_ref()).get().is_some();
            if home != "/var/ossec" {
                return "";
            }
            if !is_manager {
                append(host, path("etc/shared/ar.conf"), &format!("{name}0 - edge-block.sh - 0\n"));
                return path("etc/shared/ar.conf");
            }
            let response = format!(
                "  <command><name>{name}</name><executable>edge-block.sh</executable><extra_args>{text}</extra_args></command>\n  \
                 <active-response><command>{name}</command><location>local</location><rules_id>5712</rules_id></active-response>\n"
            );
            edit(host, conf, &|text| before(text, "  <localfile>", &response));
            conf
        }
    }
}

/// What the commands say of a host; forms that often show secrets in every second case.
fn reports(host: &CaptureHost, script: &str, number: usize) -> Vec<(&'static str, String)> {
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
    if number.is_multiple_of(2) {
        let options = report::text::Options { verbose: true, quiet: false, why: true };
        all.push(("check", page(&|page| report::text::write(&check, options, page))));
        all.push(("check as SARIF", json::to_text(&sarif::check(&check, 0)).expect("JSON")));
    } else {
        all.push(("check as JSON", json::to_text(&json::check(&check)).expect("JSON")));
        all.push(("check as Markdown", ticket::write(&check)));
    }
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
    let given = alerts.get().and_then(|alerts| Given::of_alert(&alerts.bytes).ok());
    let given = given.unwrap_or(Given { rule: Some(5712), ..Given::default() });
    if let Ok(simulation) = simulate::run(&facts, &given) {
        let view = report::simulate::View { facts: &facts, simulation: &simulation, redactor: &redactor };
        all.push(("simulate", page(&|page| view.write(page, true))));
        all.push(("simulate as JSON", json::to_text(&view.document()).expect("JSON")));
    }
    {
        // As `migrate` does it: with no check before it.
        let redactor = Redactor::new();
        let install = install::find(host, None).unwrap_or_else(|error| panic!("{error}"));
        let facts = Facts::new(host, &redactor, install);
        let plan = migrate::plan(&Inventory::collect(&facts));
        let label = format!("{}, {}", facts.label(), facts.install.home.display());
        let document = report::migrate::document(&plan, &label, &redactor);
        if number.is_multiple_of(2) {
            all.push(("migrate", report::migrate::markdown(&document)));
        } else {
            all.push(("migrate as JSON", json::to_text(&document).expect("JSON")));
        }
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
        let document = report::lint::document(&scripts, &[], &redactor);
        all.push(("lint as JSON", json::to_text(&document).expect("JSON")));
        all.push(("lint as Markdown", report::lint::markdown(&scripts, &[], &redactor)));
        let document = sarif::lint(&scripts, &[], &redactor, 0);
        all.push(("lint as SARIF", json::to_text(&document).expect("JSON")));
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

/// The one of them that leaks.
fn leaking<'p>(text: &[u8], one: &'p Planted) -> Option<&'p str> {
    one.secrets.iter().map(String::as_str).find(|secret| leaks(text, secret))
}

/// A host with secrets.
struct Sown {
    host: CaptureHost,
    /// The file that each stands in; none when in no file.
    first: Vec<&'static str>,
    /// All of them.
    files: Vec<&'static str>,
    /// What was planted, in words.
    told: String,
}

fn plant(base: &str, all: &[Planted], is_read: impl Fn(Place) -> bool) -> Sown {
    let mut host = support::base(base);
    let (mut first, mut files, mut told) = (Vec::new(), Vec::new(), String::new());
    for one in all {
        // Of these files the line itself is the secret.
        let alone = |place| [Place::Keys, Place::Enrollment].contains(&place);
        let text = if alone(one.place) { &one.secrets[0] } else { &one.text };
        first.push(put(&mut host, one.place, text));
        told += &format!("{:?} {}: {text:?}, again in {:?}\n", one.place, one.kind, one.again);
        if is_read(one.place) {
            let again = if alone(one.again) { Place::Log } else { one.again };
            files.push(put(&mut host, again, &format!("it was {} then", one.secrets[0])));
        }
    }
    files.extend(&first);
    files.sort_unstable();
    files.dedup();
    files.retain(|file| !file.is_empty());
    Sown { host, first, files, told }
}

/// How often each report hid something. Each case has a part of the forms.
fn judge(base: &str, all: &[Planted], number: usize) -> Result<BTreeMap<&'static str, usize>, String> {
    let leak = |what: &str, text: &[u8], secret: &str, told: &str| {
        let text = String::from_utf8_lossy(text).into_owned();
        let line = text.lines().find(|line| leaks(line.as_bytes(), secret)).unwrap_or_default();
        format!("{base}: {what} tells {secret}:\n{line}\nplanted:\n{told}")
    };
    let Sown { host, told, .. } = plant(base, all, |place| READ.contains(&place));
    let script =
        if all.iter().any(|one| one.place == Place::Shebang) { "edge-block.sh" } else { "restart.sh" };
    let script = format!("/var/ossec/active-response/bin/{script}");
    let mut hidden = BTreeMap::new();
    let mut count = |what: &'static str, hides: bool| *hidden.entry(what).or_insert(0) += usize::from(hides);
    for (what, report) in reports(&host, &script, number) {
        // `lint` reads a script and nothing else, `migrate` no keys.
        let is_read = |one: &&Planted| match what {
            _ if what.starts_with("lint") => [Place::Script, Place::Shebang].contains(&one.place),
            _ if what.starts_with("migrate") => one.place != Place::Keys,
            _ => true,
        };
        let leaking = all.iter().filter(is_read).find_map(|one| leaking(report.as_bytes(), one));
        if let Some(secret) = leaking {
            return Err(leak(what, report.as_bytes(), secret, &told));
        }
        count(what, report.contains("********"));
    }
    let Sown { host, first, files, told } = plant(base, all, |place| place != Place::Arguments);
    let identities = number % 2 == 1;
    let packed = packed(&host, &files, identities);
    for (file, bytes) in packed.map_err(|why| format!("{base}: {why}\nplanted:\n{told}"))? {
        if let Some(secret) = all.iter().find_map(|one| leaking(&bytes, one)) {
            return Err(leak(file, &bytes, secret, &told));
        }
    }
    if (number / 2).is_multiple_of(ARCHIVES) {
        let (what, entries) = match captured(&host, identities, number / (2 * ARCHIVES) % 2 == 1) {
            Ok(entries) => (if identities { "archive, identities hidden" } else { "archive" }, entries),
            Err(why) => return Err(format!("{base}: {why}\nplanted:\n{told}")),
        };
        for (one, path) in all.iter().zip(first) {
            // What is not read is not known elsewhere.
            let is_held = |name: &str| name.ends_with(&format!("/files{path}"));
            if !path.is_empty() && !entries.iter().any(|(name, _)| is_held(name)) {
                continue;
            }
            count(if identities { "held, identities hidden" } else { "held" }, true);
            for (name, bytes) in &entries {
                if let Some(secret) = leaking(name.as_bytes(), one).or_else(|| leaking(bytes, one)) {
                    return Err(leak(&format!("{what}, {name}"), bytes, secret, &told));
                }
            }
        }
        let hides = |(_, bytes): &(String, Vec<u8>)| memchr::memmem::find(bytes, b"********").is_some();
        count(what, entries.iter().any(hides));
    }
    Ok(hidden)
}

/// Every report reads the files of these, and all of them; of others some read parts.
const READ: [Place; 3] = [Place::Config, Place::ConfigBroken, Place::Keys];

/// One case of so many pairs is captured.
const ARCHIVES: usize = 4;

/// All entries of a capture, by name; a compressed one unpacked, too, and what host.json holds in base64.
fn captured(
    host: &CaptureHost,
    identities: bool,
    is_archive: bool,
) -> Result<Vec<(String, Vec<u8>)>, capture::Error> {
    let directory = tempfile::tempdir().expect("a directory");
    let target = directory.path().join(if is_archive { "x.tar.gz" } else { "x" });
    let options = capture::Options {
        target: &target,
        form: if is_archive { Form::Archive } else { Form::Directory },
        max_size: 64 << 20,
        label: "captured".to_owned(),
        home: None,
        since: None,
        made_by: "the tests",
        made_at: 1_795_262_400,
        stop: Arc::default(),
    };
    let redactor = Redactor::new();
    if identities {
        redactor.redact_identities([9; 32]);
    }
    let recorder = Recorder::new(host);
    let install = install::find(&recorder, None).unwrap_or_else(|error| panic!("{error}"));
    let facts = Facts::new(&recorder, &redactor, install);
    let diagnosis = capture::look(&facts, &redactor, Wanted { scripts: true, ..Wanted::default() });
    let documents = || capture::documents(&facts, &diagnosis, &redactor);
    capture::write(&recorder, &redactor, &documents, &options)?;
    let mut entries = Vec::new();
    if is_archive {
        let unpacked = flate2::read::GzDecoder::new(fs::File::open(&target).expect("a capture"));
        let mut archive = tar::Archive::new(unpacked);
        for entry in archive.entries().expect("an archive") {
            let mut entry = entry.expect("an entry");
            let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).expect("an entry");
            entries.push((name, bytes));
        }
    } else {
        for entry in walkdir::WalkDir::new(&target) {
            let entry = entry.expect("an entry");
            if entry.file_type().is_file() {
                let name = entry.path().strip_prefix(directory.path()).expect("it is below");
                entries.push((name.display().to_string(), fs::read(entry.path()).expect("an entry")));
            }
        }
    }
    let mut inner = Vec::new();
    for (name, bytes) in &entries {
        if bytes.starts_with(&[0x1f, 0x8b]) {
            let mut unpacked = Vec::new();
            flate2::read::MultiGzDecoder::new(bytes.as_slice()).read_to_end(&mut unpacked).expect("gzip");
            inner.push((format!("{name}, unpacked"), unpacked));
        }
        if name.ends_with("/host.json") {
            let host: serde_json::Value = serde_json::from_slice(bytes).expect("JSON");
            let mut decoded = Vec::new();
            decode(&host, &mut decoded);
            inner.push((format!("{name}, decoded"), decoded));
        }
    }
    assert!(entries.iter().any(|(name, _)| name.ends_with("/host.json")), "{entries:?}");
    entries.extend(inner);
    Ok(entries)
}

/// All texts of a document, and what they are when they are base64.
fn decode(value: &serde_json::Value, all: &mut Vec<u8>) {
    let mut text = |text: &str| {
        all.extend_from_slice(text.as_bytes());
        all.push(b'\n');
        if let Ok(decoded) = STANDARD.decode(text) {
            all.extend_from_slice(&decoded);
            all.push(b'\n');
        }
    };
    match value {
        serde_json::Value::String(string) => text(string),
        serde_json::Value::Array(values) => values.iter().for_each(|value| decode(value, all)),
        serde_json::Value::Object(fields) => {
            fields.keys().for_each(|name| text(name));
            fields.values().for_each(|value| decode(value, all));
        }
        _ => {}
    }
}

/// Each hides something at least once in so many cases. What is drawn differs: `simulate` does it some
/// 15 times in 256, and one draw in millions has none; the others have as much room.
const LEAST: [(&str, usize); 20] = [
    ("check", 16),
    ("check as JSON", 16),
    ("check as Markdown", 16),
    ("check as SARIF", 16),
    ("show", 64),
    ("show as JSON", 64),
    ("lint", 40),
    ("lint as JSON", 40),
    ("lint as Markdown", 40),
    ("lint as SARIF", 40),
    ("migrate", 64),
    ("migrate as JSON", 64),
    ("archive", 16),
    ("archive, identities hidden", 16),
    ("held", 16),
    ("held, identities hidden", 16),
    ("trace", 64),
    ("trace as JSON", 64),
    ("simulate", 256),
    ("simulate as JSON", 256),
];

/// Draws cases; `AR_DOCTOR_SEED`, as a failure names it, draws the same ones again, and with
/// `AR_DOCTOR_CASE` one of them is judged alone.
fn run(cases: u32) {
    let number = |name| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let drawn = || std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), cases);
    let seed = number("AR_DOCTOR_SEED").unwrap_or_else(drawn);
    let alone = number("AR_DOCTOR_CASE").and_then(|number| usize::try_from(number).ok());
    let again = format!("AR_DOCTOR_SEED={seed} draws these {cases} cases again");
    let seen = Mutex::new(BTreeMap::<&str, usize>::new());
    let wrong = Mutex::new(Vec::<String>::new());
    // The half of them each: two processors are everywhere.
    let half = |first: u8| {
        let config =
            ProptestConfig { cases: cases / 2, failure_persistence: None, ..ProptestConfig::default() };
        let mut bytes = [first; 32];
        bytes[..8].copy_from_slice(&u64::to_le_bytes(seed));
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        let mut runner = TestRunner::new_with_rng(config, rng);
        let strategy =
            (proptest::sample::select(support::BASES), proptest::collection::vec(any_planted(), 1..6));
        let next = AtomicUsize::new(usize::from(first));
        let result = runner.run(&strategy, |(base, all)| {
            // Some that are wrong say more than one.
            if wrong.lock().expect("no panic").len() >= 20 {
                return Ok(());
            }
            let number = next.fetch_add(2, Ordering::Relaxed);
            if alone.is_some_and(|alone| alone != number) {
                return Ok(());
            }
            match judge(base, &all, number) {
                Ok(hidden) => {
                    let mut seen = seen.lock().expect("no panic");
                    hidden.into_iter().for_each(|(what, count)| *seen.entry(what).or_default() += count);
                }
                Err(why) => {
                    println!("case {number}, {why}");
                    wrong.lock().expect("no panic").push(format!("case {number}, {why}"));
                }
            }
            if number.is_multiple_of(1000) {
                println!("{number} of {cases} cases");
            }
            Ok(())
        });
        result.unwrap_or_else(|error| panic!("{again}: {error}"));
    };
    std::thread::scope(|scope| {
        for half in [scope.spawn(|| half(0)), scope.spawn(|| half(1))] {
            half.join().unwrap_or_else(|_| panic!("{again}"));
        }
    });
    let wrong = wrong.into_inner().expect("no panic");
    assert!(wrong.is_empty(), "{} cases leak; {again}:\n{}", wrong.len(), wrong.join("\n"));
    let seen = seen.into_inner().expect("no panic");
    println!("{again}: {seen:#?}");
    // Reports in which nothing had to be hidden prove nothing.
    for (what, least) in LEAST.into_iter().filter(|_| alone.is_none()) {
        let count = seen.get(what).copied().unwrap_or(0);
        assert!(
            count >= cases as usize / least,
            "{what} showed a hidden secret {count} times in {cases} cases; {again}: {seen:?}"
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
