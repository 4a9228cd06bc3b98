//! Which bytes a line must hold to match a pattern, and a few pieces of them to search for.
//!
//! Hundreds of signatures have hundreds of literals, and no search for so many is as fast as
//! memory. Most of them share a few short pieces, though ("(13", "ERROR"), and pieces that
//! ordinary lines do not have find the same lines: so a small set of pieces is chosen that
//! every signature needs one of, which [`super::filter`] searches for.

use std::collections::{BTreeMap, BTreeSet};

use regex_syntax::ParserBuilder;
use regex_syntax::hir::literal::{ExtractKind, Extractor};
use regex_syntax::hir::{Hir, HirKind, Look};

use super::filter::PIECE;

/// Alternatives: every line that matches holds one of them.
pub(super) type Choice = BTreeSet<Vec<u8>>;

/// Every message that matches begins with one of them.
pub(super) type Starts = Vec<Vec<u8>>;

/// Longer ones find no less.
const LONG_PIECE: usize = 12;
/// Alternatives that are followed; more of them are no literals.
const MAX_ALTERNATIVES: usize = 16;

/// What lines hold that match a pattern, and how their messages begin.
pub(super) fn literals_of(pattern: &str) -> (Need, Option<Starts>) {
    match ParserBuilder::new().unicode(false).utf8(false).build().parse(pattern) {
        Ok(hir) => (required(&hir), beginnings(&hir)),
        Err(_) => (Need::new(), None),
    }
}

/// Choices of literals for a pattern: a line that matches holds one of each choice. Empty when
/// the pattern has none that is long enough.
fn required(hir: &Hir) -> Need {
    let mut choices = Vec::new();
    collect(hir, &mut choices);
    choices.sort_by_key(|choice: &Choice| {
        (choice.len(), std::cmp::Reverse(choice.iter().map(Vec::len).min().unwrap_or(0)))
    });
    choices.dedup();
    choices
}

/// Bytes of a beginning that are told apart.
const BEGINNING: usize = 16;

/// How all messages begin that a pattern matches, at least four bytes of each; none when it may
/// match behind the beginning of the message, or there are many ways.
fn beginnings(hir: &Hir) -> Option<Starts> {
    if !hir.properties().look_set_prefix().contains(Look::Start) {
        return None;
    }
    let mut seq = Extractor::new().kind(ExtractKind::Prefix).extract(hir);
    seq.keep_first_bytes(BEGINNING);
    // In JSON a quote or a backslash is written otherwise.
    let plain = |bytes: &[u8]| {
        let end = bytes.iter().position(|byte| matches!(byte, b'"' | b'\\') || *byte < b' ');
        bytes.get(..end.unwrap_or(bytes.len())).filter(|plain| plain.len() >= PIECE).map(<[u8]>::to_vec)
    };
    seq.literals()?.iter().map(|literal| plain(literal.as_bytes())).collect()
}

fn collect(hir: &Hir, choices: &mut Vec<Choice>) {
    match hir.kind() {
        HirKind::Literal(literal) => {
            // JSON writes these otherwise, so a raw line of that form does not hold them.
            let parts = literal.0.split(|byte| matches!(byte, b'"' | b'\\') || *byte < b' ');
            choices
                .extend(parts.filter(|part| part.len() >= PIECE).map(|part| Choice::from([part.to_vec()])));
        }
        HirKind::Concat(parts) => parts.iter().for_each(|part| collect(part, choices)),
        HirKind::Capture(capture) => collect(&capture.sub, choices),
        HirKind::Repetition(repetition) if repetition.min > 0 => collect(&repetition.sub, choices),
        HirKind::Alternation(parts) => {
            let mut union = Choice::new();
            for part in parts {
                let mut inner = Vec::new();
                collect(part, &mut inner);
                // The longest of each part.
                let best = inner.into_iter().max_by_key(|choice| choice.iter().map(Vec::len).min());
                let Some(best) = best else { return };
                union.extend(best);
            }
            if !union.is_empty() && union.len() <= MAX_ALTERNATIVES {
                choices.push(union);
            }
        }
        _ => {}
    }
}

/// What ordinary logs are full of. Pieces that are in here find too much.
pub(super) const ORDINARY: &str = "\
2026/11/20 10:41:12 wazuh-syscheckd: INFO: (6008): File integrity monitoring scan started.
2026/11/20 10:41:12 wazuh-syscheckd: INFO: (6003): Monitoring path: '/etc', with options 'size | permissions | owner | group | mtime | inode | hash_md5 | scheduled'.
2026/11/20 10:41:12 wazuh-modulesd:syscollector: INFO: Starting evaluation. Module started.
2026/11/20 10:41:12 wazuh-modulesd:sca: INFO: Evaluation finished for policy '/var/ossec/ruleset/sca/cis.yml'. Security Configuration Assessment scan finished. Duration: 7 seconds.
2026/11/20 10:41:12 wazuh-logcollector: INFO: (1950): Analyzing file: '/var/log/app/1.log'. Monitoring output of command(360): df -P. (9203): Monitoring journal entries.
2026/11/20 10:41:12 wazuh-remoted: INFO: (1409): Authentication file changed. Updating. (1410): Reading authentication keys file. Agent '42' connected. (1403): Incorrectly formatted message.
2026/11/20 10:41:12 wazuh-authd: INFO: New connection from 192.0.2.9. Received request for a new agent (web-01) from: 192.0.2.9. Agent key generated for 'web-01' (requested by any)
2026/11/20 10:41:12 rootcheck: INFO: Starting rootcheck scan. Ending rootcheck scan.
2026/11/20 10:41:12 wazuh-modulesd:vulnerability-scanner: INFO: Feed update process completed.
2026/11/20 10:41:12 wazuh-db[4711] wdb.c:1020 at wdb_close(): DEBUG: Closed database for agent 042, command: agent 042 syscollector_processes save
2026/11/20 10:41:12 wazuh-analysisd: INFO: Total rules enabled: '7000'. Started (pid: 4711). Server started. Listening on port 1514/TCP (secure). The option is not set, using default
{\"timestamp\":\"2026/11/20 10:41:12\",\"tag\":\"wazuh-db\",\"level\":\"info\",\"description\":\"Created table\"}
user process connection status message server session error failed request service data queue
to the from in of at is are not has been was with and for: this when will be by on an it wazuh-execd exec
exited exiting pid: task lock block archive native for: file: path: value: configured configuration found
message: '1' could not be loaded is full may be lost timed out retry again after before until every line
";

/// Bits beyond which a piece is not better for being rarer: many signatures with one piece are.
const ENOUGH: f64 = 4.0;

/// How good pieces are to search for.
struct Rarity {
    /// How many bits each byte says, by how often ordinary lines have it.
    bits: [f64; 256],
}

impl Rarity {
    fn new() -> Self {
        let mut counts = [1_u32; 256];
        for byte in ORDINARY.bytes() {
            if let Some(count) = counts.get_mut(usize::from(byte)) {
                *count += 1;
            }
        }
        let total = f64::from(counts.iter().sum::<u32>());
        Self { bits: counts.map(|count| (total / f64::from(count)).log2()) }
    }

    /// How many bits a piece says beyond what any text has; less when ordinary lines hold it.
    fn of(&self, piece: &[u8]) -> f64 {
        let bits: f64 = piece.iter().filter_map(|byte| self.bits.get(usize::from(*byte))).sum();
        let seen = memchr::memmem::find_iter(ORDINARY.as_bytes(), piece).count();
        (bits - 15.0).clamp(0.25, ENOUGH) / (1.0 + 3.0 * seen as f64)
    }

    fn rarest<'l>(&self, literal: &'l [u8]) -> &'l [u8] {
        let rarer = |one: &&[u8], other: &&[u8]| self.of(one).total_cmp(&self.of(other));
        literal.windows(PIECE).max_by(rarer).unwrap_or(literal)
    }
}

/// What every line that one signature matches holds, one literal of each choice.
pub(super) type Need = Vec<Choice>;

/// Pieces of the literals: every line that meets one of the needs holds one of them. `given`
/// are in it in any case. None when a need has no choice: then every line has to be looked at.
pub(super) fn pieces(needs: &[Need], given: &[&[u8]]) -> Option<Vec<Vec<u8>>> {
    if needs.iter().any(Vec::is_empty) {
        return None;
    }
    let rarity = Rarity::new();
    let mut chosen: BTreeSet<Vec<u8>> = given.iter().map(|piece| piece.to_vec()).collect();
    let holds = |literal: &[u8], piece: &[u8]| memchr::memmem::find(literal, piece).is_some();
    let covered = |chosen: &BTreeSet<Vec<u8>>, need: &Need| {
        let literal = |literal: &Vec<u8>| chosen.iter().any(|piece| holds(literal, piece));
        need.iter().any(|choice| choice.iter().all(literal))
    };
    let mut open: Vec<&Need> = needs.iter().filter(|need| !covered(&chosen, need)).collect();
    // Those with one literal in a choice first: the piece that most of them share.
    loop {
        let mut shared: BTreeMap<&[u8], usize> = BTreeMap::new();
        for need in &open {
            let single = need.iter().filter(|choice| choice.len() == 1).flatten();
            let own: BTreeSet<&[u8]> = single.flat_map(|literal| literal.windows(PIECE)).collect();
            for piece in own {
                *shared.entry(piece).or_default() += 1;
            }
        }
        // As many as possible that are as rare as possible.
        let score = |piece: &[u8], count: usize| count as f64 * rarity.of(piece);
        let scored = shared.into_iter().map(|(piece, count)| (score(piece, count), piece));
        let Some((_, piece)) = scored.max_by(|one, other| one.0.total_cmp(&other.0)) else { break };
        let piece = piece.to_vec();
        // As long as all who share it have it so, it may be longer.
        let sharing: Vec<&[u8]> = open
            .iter()
            .filter_map(|need| {
                let mut single = need.iter().filter(|choice| choice.len() == 1).flatten();
                single.find(|literal| holds(literal, &piece)).map(Vec::as_slice)
            })
            .collect();
        chosen.insert(lengthened(piece, &sharing));
        open.retain(|need| !covered(&chosen, need));
    }
    for need in open {
        if covered(&chosen, need) {
            continue;
        }
        let cost = |choice: &Choice| -> f64 {
            choice.iter().map(|literal| 1.0 / rarity.of(rarity.rarest(literal))).sum()
        };
        if let Some(choice) = need.iter().min_by(|one, other| cost(one).total_cmp(&cost(other))) {
            for literal in choice {
                if !chosen.iter().any(|piece| holds(literal, piece)) {
                    chosen.insert(lengthened(rarity.rarest(literal).to_vec(), &[literal]));
                }
            }
        }
    }
    Some(chosen.into_iter().collect())
}

/// The piece with what follows it in all of the literals.
fn lengthened(piece: Vec<u8>, literals: &[&[u8]]) -> Vec<u8> {
    let behind = |literal: &[u8]| {
        let at = memchr::memmem::find(literal, &piece).unwrap_or(0) + piece.len();
        literal.get(at..).unwrap_or_default().to_vec()
    };
    let mut rests = literals.iter().map(|literal| behind(literal));
    let mut common = rests.next().unwrap_or_default();
    for rest in rests {
        let same = common.iter().zip(&rest).take_while(|(one, other)| one == other).count();
        common.truncate(same);
    }
    common.truncate(LONG_PIECE.saturating_sub(piece.len()));
    [piece, common].concat()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn texts(pattern: &str) -> Vec<Vec<String>> {
        let text = |literal: &Vec<u8>| String::from_utf8_lossy(literal).into_owned();
        literals_of(pattern).0.iter().map(|choice| choice.iter().map(text).collect()).collect()
    }

    #[test]
    fn literals_of_patterns() {
        assert_eq!(
            texts(r"^Invalid command name '(?P<c>[^']*)' provided"),
            [["Invalid command name '"], ["' provided"]]
        );
        assert_eq!(texts(r"(?:alpha|beta)x"), [["alpha", "beta"]]);
        assert_eq!(texts(r"(?:alphabet|.*)x.{3}"), Vec::<Vec<String>>::new());
        assert_eq!(texts(r"(?:alphabet)?gamma"), [["gamma"]]);
        assert_eq!(texts(r#"^\{.*"command": ?"add""#), [["command"]]);
        assert_eq!(texts(r"(broken"), Vec::<Vec<String>>::new());
        assert_eq!(texts(r"(?:(?:one1|two2) (?:three|four4)|five5)"), [["five5", "four4", "three"]]);
    }

    #[test]
    fn beginnings_of_patterns() {
        let texts = |pattern: &str| -> Vec<String> {
            let found = literals_of(pattern).1.unwrap();
            found.into_iter().map(|text| String::from_utf8(text).unwrap()).collect()
        };
        assert_eq!(texts("^Invalid command '[^']*"), ["Invalid command "]);
        assert_eq!(texts("^(?:Input queue|Queue.* are)"), ["Input queue", "Queue"]);
        assert_eq!(texts("^(?P<kind>MD5|SHA1) check"), ["MD5 check", "SHA1 check"]);
        assert_eq!(texts(r#"^Said "yes""#), ["Said "]);
        for pattern in ["Invalid", "^.*x", "^abc", "^(?:Input|x)", "(?:^Input|Inputs)", "("] {
            assert_eq!(literals_of(pattern).1, None, "{pattern}");
        }
    }

    #[test]
    fn few_pieces_for_many_needs() {
        let need = |literals: &[&str]| {
            vec![literals.iter().map(|text| text.as_bytes().to_vec()).collect::<Choice>()]
        };
        let needs = [need(&["(1311)"]), need(&["(1312)"]), need(&["(1319)"]), need(&["alpha", "beta"])];
        let pieces = pieces(&needs, &[]).unwrap();
        assert_eq!(pieces.len(), 3, "{pieces:?}");
        assert!(pieces.contains(&b"(131".to_vec()), "{pieces:?}");
        assert!(super::pieces(&[vec![]], &[]).is_none());
    }
}
