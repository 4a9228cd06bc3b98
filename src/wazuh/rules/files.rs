//! Which rules, decoder and list files `<ruleset>` names, in analysisd's order.
//!
//! Model: `src/config/rules-config.c Read_Rules` and `src/analysisd/lists.c
//! Lists_OP_LoadList`, 4.14.

use super::super::ossec_conf::{Configuration, RulesetEntry, RulesetKind};
use super::super::xml::Span;
use super::os_regex::OsRegex;

/// Where rules are looked for when nothing is said (`DEFAULT_RULE_DIR`).
pub const RULE_DIR: &[u8] = b"ruleset/rules";
/// The same for decoders.
pub const DECODER_DIR: &[u8] = b"ruleset/decoders";
/// The pattern of a directory without one.
const PATTERN: &[u8] = b".xml$";

/// How a file came into the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The default directory.
    Default,
    /// An entry of [`Configuration::ruleset`].
    Entry(usize),
}

/// One file to read. The path is relative to the home directory, or absolute: then analysisd,
/// which has changed its root directory by then, does not find it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The path as analysisd opens it.
    pub path: Vec<u8>,
    /// Who names it.
    pub origin: Origin,
}

/// A CDB list; rules may call it by either name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List {
    /// The text file, which must be there (else 1103 and the list does not exist).
    pub text: Vec<u8>,
    /// The compiled file.
    pub cdb: Vec<u8>,
    /// The entry of [`Configuration::ruleset`].
    pub entry: usize,
}

/// A directory's `pattern` that ends analysisd: it does not compile, or there are attributes
/// and none of them is `pattern`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadPattern {
    /// The entry of [`Configuration::ruleset`].
    pub entry: usize,
    /// `rules_dir` or `decoder_dir`, as the message 1202 calls it.
    pub option: &'static str,
}

/// What a `<ruleset>` comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files {
    /// Rules files in the order they are read.
    pub rules: Vec<Named>,
    /// Decoder files in the order they are read.
    pub decoders: Vec<Named>,
    /// Lists, in file order.
    pub lists: Vec<List>,
    /// Files an exclusion kept out, with the excluding entry.
    pub excluded: Vec<(Vec<u8>, usize)>,
    /// Exclusions that keep nothing out.
    pub idle_exclusions: Vec<usize>,
    /// Directories that cannot be listed: silently no file. The entry, none for the default.
    pub missing_directories: Vec<Option<usize>>,
    /// Entries of an earlier `<ruleset>` that a later one replaces.
    pub replaced: Vec<usize>,
    /// The first fault, at which analysisd stops.
    pub fault: Option<BadPattern>,
}

/// The names in a directory, or nothing when it cannot be opened.
pub type Listing<'a> = dyn Fn(&[u8]) -> Option<Vec<Vec<u8>>> + 'a;

/// Reads every `<ruleset>` in turn. `list` gives the names in a directory, or nothing when it
/// cannot be opened.
pub fn files(conf: &Configuration, list: &Listing<'_>) -> Files {
    let entries = conf.ruleset.iter().enumerate().collect::<Vec<_>>();
    let mut blocks = Vec::new();
    if let Ok(document) = &conf.xml {
        for root in &document.roots {
            blocks.extend(root.children_named("ruleset").map(|block| block.span));
        }
    }
    let inside = |block: &Span, entry: &RulesetEntry| block.contains(entry.value.element.start);
    let mut result = Files::default();
    let mut current: [Vec<usize>; 2] = [Vec::new(), Vec::new()];
    for block in &blocks {
        let own = entries.iter().copied().filter(|(_, entry)| inside(block, entry)).collect::<Vec<_>>();
        if own.is_empty() {
            continue;
        }
        if read_block(&mut result, &own, list, &mut current).is_none() {
            return result;
        }
    }
    // Without a block, or with nothing in any of them, the default directories are read.
    if result.decoders.is_empty() || result.rules.is_empty() {
        let rules = std::mem::take(&mut result.rules);
        let decoders = std::mem::take(&mut result.decoders);
        read_block(&mut result, &[], list, &mut current);
        if !rules.is_empty() {
            result.rules = rules;
        }
        if !decoders.is_empty() {
            result.decoders = decoders;
        }
    }
    result.replaced.sort_unstable();
    result
}

/// One call of `Read_Rules`. Nothing when it fails.
fn read_block(
    result: &mut Files,
    entries: &[(usize, &RulesetEntry)],
    list: &Listing<'_>,
    current: &mut [Vec<usize>; 2],
) -> Option<()> {
    let of = |kind: RulesetKind| entries.iter().copied().filter(move |(_, entry)| entry.kind == kind);
    let lists = of(RulesetKind::List).map(|(index, entry)| cdb_list(&entry.value.text, index));
    let lists = lists.collect::<Vec<_>>();
    if !lists.is_empty() {
        let gone = std::mem::replace(&mut result.lists, lists);
        result.replaced.extend(gone.into_iter().map(|list| list.entry));
    }
    let sides = [
        (
            RulesetKind::DecoderInclude,
            RulesetKind::DecoderDir,
            RulesetKind::DecoderExclude,
            DECODER_DIR,
            "decoder_dir",
        ),
        (RulesetKind::RuleInclude, RulesetKind::RuleDir, RulesetKind::RuleExclude, RULE_DIR, "rules_dir"),
    ];
    for (side, (include, directory, exclude, default, option)) in sides.into_iter().enumerate() {
        let mut named = of(include)
            .map(|(index, entry)| Named {
                path: with_directory(&entry.value.text, default),
                origin: Origin::Entry(index),
            })
            .collect::<Vec<_>>();
        let exclusions = of(exclude).map(|(index, entry)| (index, entry.value.text.as_slice()));
        let exclusions = exclusions.collect::<Vec<_>>();
        let mut idle = exclusions.iter().map(|&(index, _)| index).collect::<Vec<_>>();
        let mut directories = of(directory)
            .map(|(index, entry)| (entry.value.text.as_slice(), entry.pattern.as_deref(), Some(index)))
            .collect::<Vec<_>>();
        if directories.is_empty() {
            directories.push((default, Some(PATTERN), None));
        }
        for (path, pattern, entry) in directories {
            let Some(Ok(pattern)) = pattern.map(OsRegex::compile) else {
                result.fault = entry.map(|entry| BadPattern { entry, option });
                return None;
            };
            let Some(mut names) = list(path) else {
                result.missing_directories.push(entry);
                continue;
            };
            names.retain(|name| name != b"." && name != b"..");
            names.sort();
            for name in names {
                let full = [path, b"/", &name].concat();
                let keeps_out = |&&(_, text): &&(usize, &[u8])| text == name || text == full;
                if let Some(&(index, _)) = exclusions.iter().find(keeps_out) {
                    idle.retain(|&other| other != index);
                    result.excluded.push((full, index));
                } else if !named.iter().any(|known| known.path == full || known.path == name)
                    && pattern.matches(&full)
                {
                    let origin = entry.map_or(Origin::Default, Origin::Entry);
                    named.push(Named { path: full, origin });
                }
            }
        }
        // Stable, as glibc's `qsort` is: equal names stay in the order they came in.
        named.sort_by(|a, b| base_name(&a.path).cmp(base_name(&b.path)));
        result.idle_exclusions.append(&mut idle);
        if named.is_empty() {
            continue;
        }
        let slot = if side == 0 { &mut result.decoders } else { &mut result.rules };
        *slot = named;
        let kinds = [include, directory, exclude];
        let own = entries.iter().filter(|(_, entry)| kinds.contains(&entry.kind));
        let own = own.map(|&(index, _)| index).collect::<Vec<_>>();
        if let Some(before) = current.get_mut(side) {
            result.replaced.append(before);
            *before = own;
        }
    }
    Some(())
}

fn with_directory(path: &[u8], default: &[u8]) -> Vec<u8> {
    if path.contains(&b'/') { path.to_vec() } else { [default, b"/", path].concat() }
}

/// The part of a path behind its last slash, by which files are sorted.
pub fn base_name(path: &[u8]) -> &[u8] {
    path.rsplit(|&byte| byte == b'/').next().unwrap_or(path)
}

/// The two names of a list.
pub fn cdb_list(entry: &[u8], index: usize) -> List {
    let mut text = with_directory(entry, RULE_DIR);
    if let Some(end) = memchr::memmem::find(&text, b".cdb") {
        text.truncate(end);
    }
    let cdb = [&text, &b".cdb"[..]].concat();
    List { text, cdb, entry: index }
}
