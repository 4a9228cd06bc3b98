//! Reads `checks/*.toml` and writes them as Rust, so that a probe that names a
//! check without text does not compile, and a check without one of its texts
//! stops the build with the file and the reason.

#![allow(clippy::expect_used)]

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use serde::Deserialize;

#[path = "src/findings/signature_file.rs"]
mod signature_file;

const STAGES: [&str; 10] = [
    "config", "trigger", "dispatch", "deliver", "resolve", "launch", "contract", "effect", "revert",
    "feedback",
];
const SEVERITIES: [&str; 3] = ["advice", "warning", "error"];
const SIDES: [&str; 2] = ["manager", "agent"];
const CONTRACTS: [&str; 3] = ["args", "json4", "json5"];
const FINDERS: [&str; 3] = ["check", "lint", "replay"];
const LEVELS: [&str; 6] = ["critical", "error", "warning", "info", "debug", "never"];
/// Columns a line of text may have.
const WIDTH: usize = 100;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Signature {
    pattern: String,
    sample: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Check {
    id: String,
    slug: String,
    title: String,
    stage: String,
    severity: String,
    sides: Vec<String>,
    since: Option<String>,
    until: Option<String>,
    #[serde(default)]
    found_by: Finders,
    #[serde(default)]
    contracts: Vec<String>,
    #[serde(default)]
    explains: Vec<String>,
    meaning: String,
    why: String,
    source: Vec<String>,
    looks: String,
    fix: String,
    verify: String,
    not_a_problem: String,
    #[serde(default)]
    references: Vec<String>,
    #[serde(default)]
    keywords: Vec<String>,
    #[serde(default)]
    numbers: Vec<u32>,
    #[serde(default)]
    log: Vec<Signature>,
}

/// One command, or several.
#[derive(Deserialize)]
#[serde(untagged)]
enum Finders {
    One(String),
    Several(Vec<String>),
}

impl Default for Finders {
    /// Most checks are made by probes.
    fn default() -> Self {
        Self::One(FINDERS[0].to_owned())
    }
}

impl Finders {
    fn list(&self) -> Vec<String> {
        match self {
            Self::One(name) => vec![name.clone()],
            Self::Several(names) => names.clone(),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Message {
    number: Option<u32>,
    text: String,
    level: String,
    daemons: Vec<String>,
    since: Option<String>,
    until: Option<String>,
    meaning: String,
    todo: String,
    #[serde(default)]
    checks: Vec<String>,
    #[serde(default)]
    keywords: Vec<String>,
    #[serde(default)]
    log: Vec<Signature>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Messages {
    message: Vec<Message>,
}

/// What is wrong with the catalogue: file and reason.
type Fault = String;

fn main() {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    let dir = root.join("checks");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=checks");
    println!("cargo::rerun-if-changed=src/findings/signature_file.rs");
    let written = compile(&dir).and_then(|rust| Ok((rust, log_signatures(&dir)?)));
    match written {
        Ok((catalogue, signatures)) => {
            fs::write(out.join("catalogue.rs"), catalogue).expect("OUT_DIR can be written");
            fs::write(out.join("signatures.rs"), signatures).expect("OUT_DIR can be written");
        }
        Err(faults) => {
            for fault in &faults {
                println!("cargo::error={fault}");
            }
            std::process::exit(1);
        }
    }
}

/// The whole catalogue as Rust, or everything that is wrong with it.
fn compile(dir: &Path) -> Result<String, Vec<Fault>> {
    let mut faults = Vec::new();
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).map_err(|e| vec![format!("{}: {e}", dir.display())])? {
        let path = entry.map_err(|e| vec![format!("{}: {e}", dir.display())])?.path();
        if path.extension().is_some_and(|e| e == "toml") {
            println!("cargo::rerun-if-changed={}", path.display());
            files.push(path);
        }
    }
    files.sort();

    let mut checks = Vec::new();
    let mut messages = Vec::new();
    for path in files {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) => {
                faults.push(format!("checks/{name}: {e}"));
                continue;
            }
        };
        if name == "messages.toml" {
            match toml::from_str::<Messages>(&text) {
                Ok(read) => messages = read.message,
                Err(e) => faults.push(format!("checks/{name}: {}", one_line(&e.to_string()))),
            }
        } else {
            match toml::from_str::<Check>(&text) {
                Ok(check) => {
                    examine(&name, &check, &mut faults);
                    checks.push(check);
                }
                Err(e) => faults.push(format!("checks/{name}: {}", one_line(&e.to_string()))),
            }
        }
    }
    checks.sort_by(|a, b| a.id.cmp(&b.id));

    let mut index = HashMap::new();
    for (at, check) in checks.iter().enumerate() {
        for key in [check.id.clone(), check.slug.clone(), format!("{}-{}", check.id, check.slug)] {
            if index.insert(key.clone(), at).is_some() {
                faults.push(format!("checks/{}-{}.toml: `{key}` is there twice", check.id, check.slug));
            }
        }
    }

    let resolve = |file: &str, field: &str, names: &[String], faults: &mut Vec<Fault>| {
        let mut found = Vec::new();
        for name in names {
            match index.get(name) {
                Some(at) if found.contains(at) => {
                    faults.push(format!("checks/{file}: `{field}` names `{name}` twice"));
                }
                Some(at) => found.push(*at),
                None => faults.push(format!("checks/{file}: `{field}` names unknown `{name}`")),
            }
        }
        found
    };

    let explains: Vec<Vec<usize>> = checks
        .iter()
        .map(|c| resolve(&format!("{}-{}.toml", c.id, c.slug), "explains", &c.explains, &mut faults))
        .collect();
    if let Some(cycle) = cycle(&explains) {
        let names: Vec<_> = cycle.iter().map(|at| checks[*at].slug.as_str()).collect();
        faults.push(format!("checks: `explains` goes round in a circle: {}", names.join(" -> ")));
    }

    messages.sort_by_key(|m| m.number.unwrap_or(u32::MAX));
    let mut pointers = Vec::new();
    for message in &messages {
        let name = match message.number {
            Some(number) => format!("messages.toml: {number}"),
            None => format!("messages.toml: {}", message.text),
        };
        examine_message(&name, message, &mut faults);
        pointers.push(resolve(&name, "checks", &message.checks, &mut faults));
    }

    if !faults.is_empty() {
        return Err(faults);
    }
    let mut rust = String::from("// Written by build.rs from checks/*.toml.\n\n");
    emit(&mut rust, &checks, &explains, &messages, &pointers).map_err(|e| vec![e.to_string()])?;
    Ok(rust)
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn examine(name: &str, check: &Check, faults: &mut Vec<Fault>) {
    let mut fault = |reason: String| faults.push(format!("checks/{name}: {reason}"));
    if name != format!("{}-{}.toml", check.id, check.slug) {
        fault(format!("file name, id `{}` and slug `{}` do not agree", check.id, check.slug));
    }
    let digits = check.id.strip_prefix("AR").unwrap_or_default();
    if digits.len() != 3 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        fault(format!("id `{}` is not AR and three digits", check.id));
    }
    let slug = check.slug.as_bytes();
    if !slug.first().is_some_and(u8::is_ascii_lowercase)
        || !slug.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-')
    {
        fault(format!("slug `{}` is not lower case letters, digits and dashes", check.slug));
    }
    if !STAGES.contains(&check.stage.as_str()) {
        fault(format!("unknown stage `{}`", check.stage));
    }
    if !SEVERITIES.contains(&check.severity.as_str()) {
        fault(format!("unknown severity `{}`", check.severity));
    }
    if check.found_by.list().is_empty() {
        fault("`found_by` is empty".to_owned());
    }
    for finder in check.found_by.list() {
        if !FINDERS.contains(&finder.as_str()) {
            fault(format!("unknown `found_by` `{finder}`"));
        }
    }
    if check.sides.is_empty() {
        fault("`sides` is empty".to_owned());
    }
    for (field, words, known) in
        [("sides", &check.sides, &SIDES[..]), ("contracts", &check.contracts, &CONTRACTS[..])]
    {
        for word in words {
            if !known.contains(&word.as_str()) {
                fault(format!("`{field}` has unknown `{word}`"));
            }
        }
    }
    for (field, text) in [
        ("title", &check.title),
        ("meaning", &check.meaning),
        ("why", &check.why),
        ("looks", &check.looks),
        ("fix", &check.fix),
        ("verify", &check.verify),
        ("not_a_problem", &check.not_a_problem),
    ] {
        prose(field, text, &mut fault);
    }
    if check.source.is_empty() {
        fault("`source` is empty".to_owned());
    }
    for (field, lines) in
        [("source", &check.source), ("references", &check.references), ("keywords", &check.keywords)]
    {
        for line in lines {
            prose(field, line, &mut fault);
        }
    }
    versions(&check.since, &check.until, &mut fault);
    signatures(&check.log, &mut fault);
}

fn examine_message(name: &str, message: &Message, faults: &mut Vec<Fault>) {
    let mut fault = |reason: String| faults.push(format!("checks/{name}: {reason}"));
    for (field, text) in [("text", &message.text), ("meaning", &message.meaning), ("todo", &message.todo)] {
        prose(field, text, &mut fault);
    }
    if !LEVELS.contains(&message.level.as_str()) {
        fault(format!("unknown level `{}`", message.level));
    }
    if message.number.is_none() && message.log.is_empty() {
        fault("a message without number needs a `log`".to_owned());
    }
    versions(&message.since, &message.until, &mut fault);
    signatures(&message.log, &mut fault);
}

fn prose(field: &str, text: &str, fault: &mut impl FnMut(String)) {
    if text.trim().is_empty() {
        fault(format!("`{field}` is empty"));
    }
    for line in text.lines() {
        if line.chars().count() > WIDTH {
            fault(format!("`{field}` has a line over {WIDTH} columns: {line}"));
        }
        if line.ends_with(' ') {
            fault(format!("`{field}` has a line with blanks at its end: {line}"));
        }
        if line.chars().any(char::is_control) {
            fault(format!("`{field}` holds a control character: {}", line.escape_debug()));
        }
    }
}

fn signatures(log: &[Signature], fault: &mut impl FnMut(String)) {
    for signature in log {
        if signature.pattern.is_empty() || signature.sample.is_empty() {
            fault("a `log` entry needs a pattern and a sample".to_owned());
        }
    }
}

fn versions(since: &Option<String>, until: &Option<String>, fault: &mut impl FnMut(String)) {
    let first = since.as_deref().map(|v| version(v, 0));
    let last = until.as_deref().map(|v| version(v, u32::MAX));
    if first == Some(None) || last == Some(None) {
        fault("`since` or `until` is not like 4.14 or 4.14.7".to_owned());
    } else if let (Some(Some(first)), Some(Some(last))) = (first, last)
        && first > last
    {
        fault("`since` is after `until`".to_owned());
    }
}

/// `4.14` or `4.14.7`; a patch that is not named is `patch`.
fn version(text: &str, patch: u32) -> Option<(u32, u32, u32)> {
    let parts: Option<Vec<u32>> = text.split('.').map(|p| p.parse().ok()).collect();
    match parts?[..] {
        [a, b] => Some((a, b, patch)),
        [a, b, c] => Some((a, b, c)),
        _ => None,
    }
}

/// A way round `edges`, if there is one.
fn cycle(edges: &[Vec<usize>]) -> Option<Vec<usize>> {
    fn walk(at: usize, edges: &[Vec<usize>], done: &mut [bool], path: &mut Vec<usize>) -> bool {
        if let Some(start) = path.iter().position(|p| *p == at) {
            path.drain(..start);
            path.push(at);
            return true;
        }
        if done[at] {
            return false;
        }
        path.push(at);
        if edges[at].iter().any(|next| walk(*next, edges, done, path)) {
            return true;
        }
        path.pop();
        done[at] = true;
        false
    }
    let mut done = vec![false; edges.len()];
    (0..edges.len()).find_map(|start| {
        let mut path = Vec::new();
        walk(start, edges, &mut done, &mut path).then_some(path)
    })
}

fn emit(
    out: &mut String,
    checks: &[Check],
    explains: &[Vec<usize>],
    messages: &[Message],
    pointers: &[Vec<usize>],
) -> std::fmt::Result {
    writeln!(out, "/// One constant per check: a check without text has no name to call it by.")?;
    writeln!(out, "pub mod checks {{\n    use super::CheckId;\n")?;
    let mut names = BTreeMap::new();
    for (at, check) in checks.iter().enumerate() {
        let name = check.slug.replace('-', "_").to_ascii_uppercase();
        writeln!(out, "    /// {}: {}", check.id, check.title.trim())?;
        writeln!(out, "    pub const {name}: CheckId = CheckId({at});")?;
        names.insert(at, name);
    }
    writeln!(out, "}}\n\n/// Every check, by id.\npub static CATALOGUE: &[Check] = &[")?;
    for (at, check) in checks.iter().enumerate() {
        writeln!(out, "    Check {{")?;
        writeln!(out, "        id: {:?}, slug: {:?},", check.id, check.slug)?;
        writeln!(out, "        title: {:?},", check.title.trim())?;
        writeln!(out, "        stage: super::Stage::{},", camel(&check.stage))?;
        writeln!(out, "        severity: super::Severity::{},", camel(&check.severity))?;
        writeln!(out, "        sides: &{},", variants("Side", &check.sides))?;
        writeln!(out, "        found_by: &{},", variants("FoundBy", &check.found_by.list()))?;
        writeln!(out, "        since: {:?},", check.since.as_deref().and_then(|v| version(v, 0)))?;
        let until = check.until.as_deref().and_then(|v| version(v, u32::MAX));
        writeln!(out, "        until: {until:?},")?;
        let contracts: Vec<String> = if check.contracts.is_empty() {
            CONTRACTS.iter().map(|c| (*c).to_owned()).collect()
        } else {
            check.contracts.clone()
        };
        writeln!(out, "        contracts: &{},", variants("Contract", &contracts))?;
        writeln!(out, "        explains: &{},", ids(&explains[at]))?;
        for (field, text) in [
            ("meaning", &check.meaning),
            ("why", &check.why),
            ("looks", &check.looks),
            ("fix", &check.fix),
            ("verify", &check.verify),
            ("not_a_problem", &check.not_a_problem),
        ] {
            writeln!(out, "        {field}: {:?},", text.trim())?;
        }
        writeln!(out, "        source: &{:?},", check.source)?;
        writeln!(out, "        references: &{:?},", check.references)?;
        writeln!(out, "        keywords: &{:?},", check.keywords)?;
        writeln!(out, "        numbers: &{:?},", check.numbers)?;
        writeln!(out, "        log: &{},\n    }},", signature_list(&check.log))?;
    }
    writeln!(out, "];\n\n/// Every message, numbered ones first, by number.")?;
    writeln!(out, "pub static MESSAGES: &[Message] = &[")?;
    for (message, pointer) in messages.iter().zip(pointers) {
        writeln!(out, "    Message {{\n        number: {:?},", message.number)?;
        writeln!(out, "        text: {:?},", message.text.trim())?;
        writeln!(out, "        level: Level::{},", camel(&message.level))?;
        writeln!(out, "        daemons: &{:?},", message.daemons)?;
        writeln!(out, "        since: {:?},", message.since.as_deref().and_then(|v| version(v, 0)))?;
        let until = message.until.as_deref().and_then(|v| version(v, u32::MAX));
        writeln!(out, "        until: {until:?},")?;
        writeln!(out, "        meaning: {:?},", message.meaning.trim())?;
        writeln!(out, "        todo: {:?},", message.todo.trim())?;
        writeln!(out, "        checks: &{},", ids(pointer))?;
        writeln!(out, "        keywords: &{:?},", message.keywords)?;
        writeln!(out, "        log: &{},\n    }},", signature_list(&message.log))?;
    }
    writeln!(out, "];")
}

fn camel(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or_else(String::new, |c| c.to_ascii_uppercase().to_string() + chars.as_str())
}

fn variants(name: &str, words: &[String]) -> String {
    let list: Vec<_> = words.iter().map(|w| format!("{name}::{}", camel(w))).collect();
    format!("[{}]", list.join(", "))
}

fn ids(list: &[usize]) -> String {
    let list: Vec<_> = list.iter().map(|at| format!("CheckId({at})")).collect();
    format!("[{}]", list.join(", "))
}

fn signature_list(log: &[Signature]) -> String {
    let list: Vec<_> = log
        .iter()
        .map(|s| format!("Signature {{ pattern: {:?}, sample: {:?} }}", s.pattern, s.sample))
        .collect();
    format!("[{}]", list.join(", "))
}

/// The log signatures of `checks/signatures` as Rust, or everything that is wrong with them.
fn log_signatures(dir: &Path) -> Result<String, Vec<Fault>> {
    let dir = dir.join("signatures");
    let fail = |path: &Path, e: &dyn std::fmt::Display| vec![format!("{}: {e}", path.display())];
    let mut files = Vec::new();
    for entry in fs::read_dir(&dir).map_err(|e| fail(&dir, &e))? {
        files.push(entry.map_err(|e| fail(&dir, &e))?.path());
    }
    files.retain(|path| path.extension().is_some_and(|e| e == "toml"));
    files.sort();
    let mut faults = Vec::new();
    let mut all = Vec::new();
    for path in files {
        println!("cargo::rerun-if-changed={}", path.display());
        let text = fs::read_to_string(&path).map_err(|e| fail(&path, &e))?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let (entries, wrong) = signature_file::read(&text);
        faults.extend(wrong.into_iter().map(|(line, why)| format!("checks/signatures/{name}:{line}: {why}")));
        for (line, entry) in entries {
            if entry.example.is_empty() || entry.near_miss.is_empty() {
                faults.push(format!("checks/signatures/{name}:{line}: no example or no near miss"));
            }
            all.push((format!("{name}:{line}"), entry));
        }
    }
    let mut places = BTreeMap::new();
    for (place, entry) in &all {
        if let Some(other) = places.insert(entry.name.as_str(), place.as_str()) {
            faults.push(format!("checks/signatures/{place}: `{}` is at {other} too", entry.name));
        }
    }
    for (place, entry) in &all {
        if let Some(cure) = entry.cured_by.as_deref().filter(|cure| !places.contains_key(cure)) {
            faults.push(format!("checks/signatures/{place}: `cured_by` names unknown `{cure}`"));
        }
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let mut out = String::from("// Written by build.rs from checks/signatures/*.toml.\n\n");
    emit_signatures(&mut out, &all).map_err(|e| vec![e.to_string()])?;
    Ok(out)
}

fn emit_signatures(out: &mut String, all: &[(String, signature_file::Entry)]) -> std::fmt::Result {
    let version =
        |text: &Option<String>, patch| signature_file::version(text.as_deref(), patch).ok().flatten();
    writeln!(out, "/// Every log signature, in the order in which they are tried.")?;
    writeln!(out, "pub static SIGNATURES: &[Signature] = &[")?;
    for (place, entry) in all {
        let check = entry.check.as_ref().map_or("None".to_owned(), |slug| {
            format!("Some(checks::{})", slug.replace('-', "_").to_ascii_uppercase())
        });
        let logs: Vec<_> =
            entry.log.iter().map(|log| log.split('-').map(camel).collect::<String>()).collect();
        writeln!(out, "    Signature {{")?;
        writeln!(out, "        name: {:?}, place: {:?},", entry.name, format!("checks/signatures/{place}"))?;
        writeln!(out, "        logs: &{},", variants("Log", &logs))?;
        writeln!(out, "        daemons: &{:?},", entry.daemon)?;
        writeln!(out, "        levels: &{},", variants("Level", &entry.severity))?;
        writeln!(out, "        number: {:?}, class: Class::{},", entry.number, camel(&entry.class))?;
        writeln!(
            out,
            "        since: {:?}, until: {:?},",
            version(&entry.since, 0),
            version(&entry.until, u32::MAX)
        )?;
        writeln!(out, "        check: {check}, cured_by: {:?},", entry.cured_by)?;
        writeln!(out, "        pattern: {:?},", entry.pattern)?;
        writeln!(out, "        examples: &{:?},", entry.example)?;
        writeln!(out, "        near_misses: &{:?},\n    }},", entry.near_miss)?;
    }
    writeln!(out, "];")
}
