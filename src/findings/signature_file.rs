//! Files of log signatures: `checks/signatures/*.toml`, and those of a site. `build.rs` reads
//! the former with this very file, the program reads the latter, so both know one format.

use serde::Deserialize;

/// Kinds of logs that a signature can be of.
pub(crate) const LOGS: [&str; 7] =
    ["ossec", "active-responses", "integrations", "api", "cluster", "audit", "kernel"];
/// What a line that matches says.
pub(crate) const CLASSES: [&str; 4] = ["failure", "success", "harmless", "folklore"];
/// Levels a line can have.
pub(crate) const SEVERITIES: [&str; 5] = ["critical", "error", "warning", "info", "debug"];

/// One signature as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) class: String,
    #[serde(default)]
    pub(crate) log: Vec<String>,
    #[serde(default)]
    pub(crate) daemon: Vec<String>,
    #[serde(default)]
    pub(crate) severity: Vec<String>,
    pub(crate) number: Option<u32>,
    pub(crate) since: Option<String>,
    pub(crate) until: Option<String>,
    pub(crate) check: Option<String>,
    pub(crate) cured_by: Option<String>,
    pub(crate) pattern: String,
    #[serde(default)]
    pub(crate) example: Vec<String>,
    #[serde(default)]
    pub(crate) near_miss: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    log: Vec<String>,
    #[serde(default)]
    signature: Vec<toml::Spanned<toml::Value>>,
}

/// Something wrong: its line, from 1, and why.
pub(crate) type Fault = (usize, String);

/// The signatures of a file with the lines they begin in, and what is wrong with the others.
pub(crate) fn read(text: &str) -> (Vec<(usize, Entry)>, Vec<Fault>) {
    let line = |at: usize| 1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count();
    let file: File = match toml::from_str(text) {
        Ok(file) => file,
        Err(error) => {
            return (
                Vec::new(),
                vec![(line(error.span().map_or(0, |span| span.start)), one_line(error.message()))],
            );
        }
    };
    let (mut entries, mut faults) = (Vec::new(), Vec::new());
    for value in file.signature {
        let at = line(value.span().start);
        match value.into_inner().try_into::<Entry>() {
            Ok(mut entry) => {
                if entry.log.is_empty() {
                    entry.log.clone_from(&file.log);
                }
                match examine(&entry) {
                    Ok(()) => entries.push((at, entry)),
                    Err(why) => faults.push((at, format!("`{}`: {why}", entry.name.escape_debug()))),
                }
            }
            Err(error) => faults.push((at, one_line(error.message()))),
        }
    }
    (entries, faults)
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn examine(entry: &Entry) -> Result<(), String> {
    if entry.name.is_empty()
        || !entry.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    {
        return Err("its name is not lower case letters, digits and dashes".to_owned());
    }
    if entry.log.is_empty() {
        return Err("neither it nor its file says of which `log` it is".to_owned());
    }
    if entry.pattern.is_empty() {
        return Err("its pattern is empty".to_owned());
    }
    let class = std::slice::from_ref(&entry.class);
    for (field, words, known) in [
        ("log", entry.log.as_slice(), LOGS.as_slice()),
        ("severity", entry.severity.as_slice(), SEVERITIES.as_slice()),
        ("class", class, CLASSES.as_slice()),
    ] {
        if let Some(word) = words.iter().find(|word| !known.contains(&word.as_str())) {
            return Err(format!(
                "unknown `{field}` `{}`; known are {}",
                word.escape_debug(),
                known.join(", ")
            ));
        }
    }
    let first = version(entry.since.as_deref(), 0)?;
    let last = version(entry.until.as_deref(), u32::MAX)?;
    match (first, last) {
        (Some(first), Some(last)) if first > last => Err("`since` is after `until`".to_owned()),
        _ => Ok(()),
    }
}

/// `4.14` or `4.14.7`; a patch that is not named is `patch`.
pub(crate) fn version(text: Option<&str>, patch: u32) -> Result<Option<(u32, u32, u32)>, String> {
    let Some(text) = text else { return Ok(None) };
    let parts: Option<Vec<u32>> = text.split('.').map(|part| part.parse().ok()).collect();
    match parts.as_deref() {
        Some([major, minor]) => Ok(Some((*major, *minor, patch))),
        Some([major, minor, patch]) => Ok(Some((*major, *minor, *patch))),
        _ => Err("`since` or `until` is not like 4.14 or 4.14.7".to_owned()),
    }
}
