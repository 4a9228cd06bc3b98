//! Which signatures a pasted line, or a phrase of one, is of.

use super::line::{Form, Line};
use super::set::{Match, Set};
use crate::findings::signatures::{Class, Log, SIGNATURES, Signature};

/// Signatures told of one phrase.
const MOST: usize = 3;

/// Letters below which a phrase says too little.
const SHORTEST: usize = 8;

/// A signature that a line is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Which.
    pub signature: &'static Signature,
    /// The named parts of the line.
    pub captures: Vec<(&'static str, Vec<u8>)>,
}

/// The signature of a whole line of a log; of a phrase, those that it fits, at most three. Those of
/// a site come first.
pub fn explain(query: &str, site: &[&'static Signature]) -> Vec<Known> {
    let query = query.trim();
    if query.len() < SHORTEST {
        return Vec::new();
    }
    for log in Log::ALL {
        let line = Line::read(log, query.as_bytes());
        if line.form == Form::Other || line.time.is_none() {
            continue;
        }
        let set = Set::shared(log, site, None);
        if let Some(Match { signature, captures }) = set.find(&line) {
            return vec![Known { signature: set.signature(signature), captures }];
        }
    }
    // Without time and level, from the number or the message on.
    let line = Line::read(Log::Ossec, query.as_bytes());
    // Who says it and at which level stand before the message, if they were pasted.
    let after = ["CRITICAL: ", "ERROR: ", "WARNING: ", "INFO: ", "DEBUG: "];
    let behind = after.iter().find_map(|level| query.split_once(level).map(|(_, rest)| rest));
    let (mut phrases, mut number) = (vec![line.message.as_ref()], line.number);
    for text in [query].into_iter().chain(behind) {
        phrases.push(text.as_bytes());
        if let Some((digits, rest)) = text.strip_prefix('(').and_then(|rest| rest.split_once(')'))
            && let Ok(found) = digits.parse()
        {
            number = Some(found);
            phrases.push(rest.trim_start_matches([':', ' ']).as_bytes());
        }
    }
    let all = site.iter().copied().chain(SIGNATURES);
    let fits = |signature: &&'static Signature| signature.number.is_none_or(|own| number == Some(own));
    let known = all.filter(fits).filter_map(|signature| {
        let regex = signature.regex().ok()?;
        let found = phrases.iter().find_map(|phrase| regex.captures(phrase))?;
        // What fits everything says something with its number only.
        let whole = found.get(0).map_or(0, |whole| whole.len());
        if whole < SHORTEST && signature.number.is_none() {
            return None;
        }
        let names = regex.capture_names().flatten();
        let parts = names.filter_map(|name| Some((name, found.name(name)?.as_bytes().to_vec())));
        let captures =
            parts.map(|(name, part)| (&*Box::leak(name.to_owned().into_boxed_str()), part)).collect();
        Some(Known { signature, captures })
    });
    let mut known: Vec<Known> = known.take(MOST).collect();
    // A phrase of guides is of no log, whatever else it may look like.
    if known.iter().any(|known| known.signature.class == Class::Folklore) {
        known.retain(|known| known.signature.class == Class::Folklore);
        known.truncate(1);
    }
    known
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(query: &str) -> Vec<&'static str> {
        explain(query, &[]).iter().map(|known| known.signature.name).collect()
    }

    #[test]
    fn lines_and_phrases() {
        let line = "2026/11/20 10:41:12 wazuh-execd: ERROR: (1311): Invalid command name 'geo600' provided.";
        assert_eq!(names(line), ["execd-invalid-name"]);
        assert_eq!(explain(line, &[])[0].captures, [("command", b"geo600".to_vec())]);
        assert_eq!(names("(1311): Invalid command name 'geo600' provided."), ["execd-invalid-name"]);
        let pasted = "wazuh-execd: ERROR: (1311): Invalid command name 'geo600' provided.";
        assert_eq!(names(pasted), ["execd-invalid-name"]);
        assert_eq!(names("active response command not found"), ["guide-command-not-found"]);
        assert_eq!(names("AR command execution failed"), ["guide-execution-failed"]);
        assert_eq!(names("Error 1204"), ["guide-1204"]);
        assert_eq!(names("2026/11/20 10:41:12 active-response/bin/firewall-drop: Aborted"), ["run-aborted"]);
        for nothing in ["", "1311", "AR041", "(8251", "my response does not run", "%$/(("] {
            assert_eq!(names(nothing), Vec::<&str>::new(), "{nothing}");
        }
    }
}
