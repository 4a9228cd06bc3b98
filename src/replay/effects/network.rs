//! The network: rules of packet filters as their own tools list them, routes and what else
//! netlink lists.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{ErrorKind, Read};
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use regex::Regex;

use super::lines::{self, Difference};
use super::{NetworkWatch, netlink};
use crate::replay::{Effect, EffectKind, child};

/// Where the tools are looked for.
const SEARCH: [&str; 6] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// Time a tool may take.
const LIMIT: Duration = Duration::from_secs(2);

/// Bytes of the output of a tool that are taken; one that has more is not taken at all.
const MOST_OUTPUT: usize = 8 << 20;

/// The name under which it is told that rules changed that cannot be listed.
const UNLISTED: &str = "packet filter";

/// What one list holds.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Listing {
    /// These lines, in order.
    Lines(Arc<[String]>),
    /// It changed, for the n-th time, and cannot be listed: why.
    Unknown(u64, String),
}

impl Listing {
    fn lines(&self) -> Option<&[String]> {
        match self {
            Self::Lines(lines) => Some(lines),
            Self::Unknown(..) => None,
        }
    }
}

type Lists = BTreeMap<&'static str, Listing>;

/// Every list; one that is not there is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Network {
    /// `iptables`, `nftables` and the like: what nftables tells of.
    nftables: Lists,
    /// What is looked at each time, because nothing tells of it.
    others: Lists,
    /// How often nftables changed.
    serial: u64,
    /// What could not be looked at, in words.
    pub(super) notes: Vec<String>,
}

impl Network {
    /// Looks. Without a watch everything is listed. `barred` is why no tool may be run.
    pub(super) fn look(watch: Option<&NetworkWatch>, previous: Option<&Self>, barred: Option<&str>) -> Self {
        let mut network = previous.cloned().unwrap_or_default();
        network.notes.clear();
        if watch.is_none_or(NetworkWatch::changed) {
            network.serial += 1;
            network.nftables = network.list_nftables(watch.is_some(), barred);
        }
        let mut others = Lists::new();
        match netlink::lists() {
            Ok(lists) => {
                others.extend(lists.into_iter().map(|(name, lines)| (name, Listing::Lines(lines.into()))));
            }
            Err(error) => network.notes.push(format!("routes could not be listed: {error}")),
        }
        network.list_legacy(&mut others, barred);
        if netlink::has_ipsets() {
            match barred
                .map_or_else(|| tool(&["ipset"]), |why| Err(why.to_owned()))
                .and_then(|tool| run(&tool, &["save"]))
            {
                Ok(text) => {
                    others.insert("ipset", Listing::Lines(ipset(&text).into()));
                }
                Err(why) => network.notes.push(format!("sets of ipset could not be listed: {why}")),
            }
        }
        network.others = others;
        network
    }

    /// `told`: the watch says that there was a change.
    fn list_nftables(&mut self, told: bool, barred: Option<&str>) -> Lists {
        let mut lists = Lists::new();
        if let Some(why) = barred {
            lists.insert(UNLISTED, Listing::Unknown(self.serial, why.to_owned()));
            return lists;
        }
        let default_is_legacy = Variant::of_default() == Variant::Legacy;
        let mut hidden = BTreeSet::new();
        let mut problems = Vec::new();
        for (family, default, names) in [
            ("ip", "iptables-save", ["iptables", "iptables-nft"]),
            ("ip6", "ip6tables-save", ["ip6tables", "ip6tables-nft"]),
        ] {
            let own = format!("{}-nft-save", default.trim_end_matches("-save"));
            let candidates: &[&str] = if default_is_legacy { &[&own] } else { &[&own, default] };
            match tool(candidates).and_then(|tool| run(&tool, &[])) {
                Ok(text) => {
                    let (tables, lines) = iptables(&text);
                    hidden.extend(tables.into_iter().map(|table| format!("{family} {table}")));
                    let [name, other] = names;
                    lists.insert(if default_is_legacy { other } else { name }, Listing::Lines(lines.into()));
                }
                Err(why) => problems.push(why),
            }
        }
        match tool(&["nft"]).and_then(|tool| run(&tool, &["list", "ruleset"])) {
            Ok(text) => {
                lists.insert("nftables", Listing::Lines(nftables(&text, &hidden).into()));
            }
            Err(why) => problems.insert(0, why),
        }
        if lists.is_empty() {
            let why = problems.into_iter().next().unwrap_or_default();
            if told {
                lists.insert(UNLISTED, Listing::Unknown(self.serial, why));
            } else {
                self.notes.push(format!("rules of packet filters could not be listed: {why}"));
            }
        }
        lists
    }

    /// Tables of the kernel's older packet filter, which tells nobody.
    fn list_legacy(&mut self, lists: &mut Lists, barred: Option<&str>) {
        for (names, default, called) in [
            ("/proc/net/ip_tables_names", "iptables-save", ["iptables", "iptables-legacy"]),
            ("/proc/net/ip6_tables_names", "ip6tables-save", ["ip6tables", "ip6tables-legacy"]),
        ] {
            let tables = std::fs::read_to_string(names).unwrap_or_default();
            if tables.trim().is_empty() {
                continue;
            }
            let default_is_legacy = Variant::of_default() == Variant::Legacy;
            let own = format!("{}-legacy-save", default.trim_end_matches("-save"));
            let candidates: &[&str] = if default_is_legacy { &[&own, default] } else { &[&own] };
            let [name, other] = called;
            let found = barred.map_or_else(|| tool(candidates), |why| Err(why.to_owned()));
            let listing = match found.and_then(|tool| run(&tool, &[])) {
                Ok(text) => Listing::Lines(iptables(&text).1.into()),
                // Old kernels have the tables from the start: only new ones are a change for sure.
                Err(why) => Listing::Unknown(lines_of(&tables), why),
            };
            lists.insert(if default_is_legacy { name } else { other }, listing);
        }
    }

    fn lists(&self) -> impl Iterator<Item = (&'static str, &Listing)> {
        self.nftables.iter().chain(&self.others).map(|(name, listing)| (*name, listing))
    }

    fn list(&self, name: &str) -> Listing {
        let found = self.lists().find(|(other, _)| *other == name);
        found.map_or_else(|| Listing::Lines(Arc::new([])), |(_, listing)| listing.clone())
    }

    /// What is different in `later`.
    pub(super) fn changes(&self, later: &Self) -> Vec<Effect> {
        let names: BTreeSet<&str> = self.lists().chain(later.lists()).map(|(name, _)| name).collect();
        let mut effects = Vec::new();
        for name in names {
            let (old, new) = (self.list(name), later.list(name));
            if old == new {
                continue;
            }
            let kind = match name {
                "links" | "addresses" | "routes" | "routing rules" => EffectKind::Route,
                _ => EffectKind::Firewall,
            };
            let mut effect = Effect {
                kind,
                what: name.to_owned(),
                change: String::new(),
                added: Vec::new(),
                removed: Vec::new(),
                taken_back: None,
            };
            match (&old, &new) {
                (Listing::Lines(old), Listing::Lines(new)) => {
                    let difference = Difference::between(old, new);
                    let (one, many) = match name {
                        "links" => ("link", "links"),
                        "addresses" => ("address", "addresses"),
                        "routes" => ("route", "routes"),
                        "ipset" => ("entry", "entries"),
                        _ => ("rule", "rules"),
                    };
                    effect.change = difference.sentence(one, many);
                    effect.added = lines::cut(&difference.added);
                    effect.removed = lines::cut(&difference.removed);
                    if difference.is_empty() {
                        continue;
                    }
                }
                (_, Listing::Unknown(_, why)) => {
                    effect.change = format!("rules changed, but they cannot be listed: {why}");
                }
                // It was told when they changed; only now there is nothing left of it to list.
                (Listing::Unknown(..), Listing::Lines(new)) if new.is_empty() => continue,
                (Listing::Unknown(..), Listing::Lines(_)) => {
                    effect.change = "rules are listed that could not be listed before".to_owned();
                }
            }
            effects.push(effect);
        }
        effects
    }

    /// Whether what `effect` says of `self` and `after` is taken back in `end`.
    pub(super) fn taken_back(&self, after: &Self, end: &Self, effect: &Effect) -> Option<bool> {
        let (before, added, last) =
            (self.list(&effect.what), after.list(&effect.what), end.list(&effect.what));
        if last == before {
            return Some(true);
        }
        if last == added {
            // Nothing happened since; but a frame round nothing is no block.
            added.lines()?;
        }
        let lists = (before.lines()?, added.lines()?, last.lines()?);
        let sets = self.list("ipset") != after.list("ipset");
        lines::undone(lists.0, lists.1, lists.2, |line| !is_frame(line, lists.1, sets))
    }
}

/// Chains, sets, and the rules that lead to them: they stay with many a good script, and block
/// nobody by themselves. `sets`: the members of a set changed along with the rule.
fn is_frame(line: &str, all: &[String], sets: bool) -> bool {
    let has_address = line.split([' ', ',']).any(|word| {
        let word = word.split_once('/').map_or(word, |(address, _)| address);
        word.parse::<IpAddr>().is_ok()
    });
    let mut words = line.split(' ').peekable();
    let first = words.peek().copied().unwrap_or_default();
    if has_address || line.contains("policy drop") {
        return false;
    }
    if matches!(first, "create" | "table" | "chain" | "set" | "map") || words.clone().any(|word| word == "-N")
    {
        return true;
    }
    let after = |mark: &str| {
        let mut words = line.split(' ');
        words.by_ref().find(|word| *word == mark).and_then(|_| words.next())
    };
    let made_here = |chain: &str| {
        all.iter().any(|other| {
            let mut words = other.split(' ');
            words.by_ref().any(|word| word == "-N") && words.next() == Some(chain)
        })
    };
    after("-j").or(after("-g")).is_some_and(made_here)
        || sets && line.contains("--match-set ")
        || after("jump").or(after("goto")).is_some()
        || line.contains(" @")
}

fn lines_of(text: &str) -> u64 {
    text.lines().filter(|line| !line.trim().is_empty()).count() as u64
}

/// The rules of `iptables-save` as commands that would make them, with the names of the tables
/// it lists. Comments, counters and chains that are there by themselves are dropped.
fn iptables(text: &str) -> (Vec<String>, Vec<String>) {
    let (mut tables, mut lines) = (Vec::new(), Vec::new());
    let mut table = String::new();
    for line in text.lines().map(str::trim) {
        let at = if table.is_empty() || table == "filter" { String::new() } else { format!("-t {table} ") };
        if let Some(name) = line.strip_prefix('*') {
            table = name.to_owned();
            tables.push(table.clone());
        } else if let Some(chain) = line.strip_prefix(':') {
            let mut words = chain.split(' ');
            match (words.next(), words.next()) {
                (_, Some("ACCEPT")) | (None, _) => {}
                (Some(name), Some("-") | None) => lines.push(format!("{at}-N {name}")),
                (Some(name), Some(policy)) => lines.push(format!("{at}-P {name} {policy}")),
            }
        } else if line.starts_with('-') || line.starts_with('[') {
            // `[1:60] -A INPUT ...` where counters are asked for.
            let rule = line.split_once("] ").filter(|_| line.starts_with('[')).map_or(line, |(_, rule)| rule);
            lines.push(format!("{at}{rule}"));
        }
    }
    (tables, lines)
}

/// The rules of `nft list ruleset`, one a line behind its table and chain, but for the tables of
/// `hidden` (`ip filter`). Counters and remaining times are dropped.
fn nftables(text: &str, hidden: &BTreeSet<String>) -> Vec<String> {
    let mut lines = Vec::new();
    // Type and name of the blocks round a line.
    let mut blocks: Vec<(String, String)> = Vec::new();
    let mut pending = String::new();
    for line in text.lines() {
        let line = line.trim();
        if pending.is_empty() && (line.is_empty() || line.starts_with('#')) {
            continue;
        }
        if !pending.is_empty() {
            pending.push(' ');
        }
        pending.push_str(line);
        if pending == "}" {
            blocks.pop();
            pending.clear();
            continue;
        }
        let open = depth(&pending);
        if open == 1 && blocks.len() < 2 && pending.ends_with('{') {
            let head = pending.trim_end_matches('{').trim();
            let (kind, name) = head.split_once(' ').unwrap_or((head, ""));
            blocks.push((kind.to_owned(), name.to_owned()));
            pending.clear();
            let shown = shown_in(&blocks, hidden);
            match (shown, blocks.as_slice()) {
                (true, [(kind, name)]) => lines.push(format!("{kind} {name}")),
                (true, [(_, table), (kind, name), ..]) => lines.push(format!("{kind} {table} {name}")),
                _ => {}
            }
            continue;
        }
        if open > 0 {
            continue;
        }
        let statement = still(&std::mem::take(&mut pending));
        if statement.is_empty() || !shown_in(&blocks, hidden) {
            continue;
        }
        match blocks.as_slice() {
            [] => lines.push(statement),
            [(kind, name)] => lines.push(format!("{kind} {name}: {statement}")),
            [(_, table), (kind, name), ..] => {
                let elements = statement.strip_prefix("elements = {").and_then(|rest| rest.strip_suffix('}'));
                let is_rule = kind == "chain"
                    && !["type ", "policy ", "comment ", "flags "]
                        .iter()
                        .any(|word| statement.starts_with(word));
                if let Some(elements) = elements {
                    for element in split(elements) {
                        lines.push(format!("{table} {name}: element {element}"));
                    }
                } else if is_rule {
                    lines.push(format!("{table} {name}: {statement}"));
                } else {
                    lines.push(format!("{kind} {table} {name}: {statement}"));
                }
            }
        }
    }
    lines
}

fn shown_in(blocks: &[(String, String)], hidden: &BTreeSet<String>) -> bool {
    blocks.first().is_none_or(|(kind, name)| kind != "table" || !hidden.contains(name))
}

/// How many braces are open, outside of quotes.
fn depth(text: &str) -> i64 {
    let (mut depth, mut quoted) = (0, false);
    for c in text.chars() {
        match c {
            '"' => quoted = !quoted,
            '{' if !quoted => depth += 1,
            '}' if !quoted => depth -= 1,
            _ => {}
        }
    }
    depth
}

/// The elements of a set.
fn split(text: &str) -> Vec<String> {
    let (mut elements, mut element) = (Vec::new(), String::new());
    let (mut depth, mut quoted) = (0, false);
    for c in text.chars().chain([',']) {
        match c {
            '"' => quoted = !quoted,
            '{' if !quoted => depth += 1,
            '}' if !quoted => depth -= 1,
            ',' if !quoted && depth <= 0 => {
                let words: Vec<&str> = element.split_whitespace().collect();
                if !words.is_empty() {
                    elements.push(words.join(" "));
                }
                element.clear();
                continue;
            }
            _ => {}
        }
        element.push(c);
    }
    elements
}

/// A statement of nft without what changes by itself.
fn still(statement: &str) -> String {
    static MOVING: LazyLock<Vec<Regex>> = LazyLock::new(|| {
        [r"\bpackets \d+ bytes \d+\b", r"\bexpires [0-9dhms]+", r"\bused \d+ \w+", r"\blast used [0-9dhms]+"]
            .iter()
            .filter_map(|pattern| Regex::new(pattern).ok())
            .collect()
    });
    let mut text = statement.to_owned();
    // Text of the user's own stands in quotes, and behind everything else.
    let (head, tail) = text.split_once('"').map_or((text.as_str(), None), |(head, tail)| (head, Some(tail)));
    let mut head = head.to_owned();
    for pattern in MOVING.iter() {
        head = pattern.replace_all(&head, "").into_owned();
    }
    let mut words = head.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some(tail) = tail {
        words.push_str(" \"");
        words.push_str(tail);
    }
    text = words.trim().to_owned();
    text
}

/// The sets of `ipset save` and their members, without counters and remaining times.
fn ipset(text: &str) -> Vec<String> {
    static MOVING: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r" (?:packets|bytes) \d+| initval \S+").ok());
    static REMAINING: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r" timeout \d+").ok());
    let without = |line: &str, pattern: &Option<Regex>| match pattern {
        Some(pattern) => pattern.replace_all(line, "").into_owned(),
        None => line.to_owned(),
    };
    let mut lines: Vec<String> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| {
            let line = without(line, &MOVING);
            if line.starts_with("add ") { without(&line, &REMAINING) } else { line }
        })
        .collect();
    // In the order of a hash that changes as the set grows.
    lines.sort();
    lines
}

/// Which packet filter of the kernel a tool speaks to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Variant {
    Legacy,
    Nftables,
}

impl Variant {
    /// That of `iptables-save`. Before there were two, in 1.8, there was only the older one.
    fn of_default() -> Self {
        let Ok(path) = tool(&["iptables-save"]) else { return Self::Nftables };
        let real = std::fs::canonicalize(&path).unwrap_or_default();
        let name = real.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.contains("nft") {
            return Self::Nftables;
        }
        if name.contains("legacy") || name == "xtables-multi" {
            return Self::Legacy;
        }
        match run(&path, &["-V"]) {
            Ok(text) if text.contains("nf_tables") => Self::Nftables,
            _ => Self::Legacy,
        }
    }
}

/// The first of these tools that is installed.
fn tool(names: &[&str]) -> Result<PathBuf, String> {
    for name in names {
        for directory in SEARCH {
            let path = PathBuf::from(directory).join(name);
            let runs =
                std::fs::metadata(&path).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0);
            if runs {
                return Ok(path);
            }
        }
    }
    Err(format!("{} is not installed", names.first().copied().unwrap_or("the tool")))
}

/// What a tool writes to its standard output.
fn run(path: &PathBuf, arguments: &[&str]) -> Result<String, String> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let failed = |why: &dyn std::fmt::Display| format!("{name} failed: {why}");
    let mut command = Command::new(path);
    command
        .args(arguments)
        .env_clear()
        .env("PATH", SEARCH.join(":"))
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    // The script may have put another program in its place.
    child::shut_in(&mut command);
    let mut child = command.spawn().map_err(|error| failed(&error))?;
    let until = Instant::now() + LIMIT;
    let read = child.stdout.take().map_or_else(|| Err("no output".to_owned()), |out| output(out, until));
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return read.map_err(|why| failed(&why)),
            Ok(Some(status)) => return Err(failed(&status)),
            Ok(None) if read.is_ok() && Instant::now() < until => {
                std::thread::sleep(Duration::from_micros(200));
            }
            Ok(None) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(failed(&read.err().unwrap_or_else(|| "it does not end".to_owned())));
            }
            Err(error) => return Err(failed(&error)),
        }
    }
}

fn output(mut out: std::process::ChildStdout, until: Instant) -> Result<String, String> {
    fcntl(&out, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    let mut buffer = vec![0; 32 << 10];
    loop {
        match out.read(&mut buffer) {
            Ok(0) => return Ok(String::from_utf8_lossy(&bytes).into_owned()),
            Ok(n) => bytes.extend_from_slice(buffer.get(..n).unwrap_or_default()),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                let left = until.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return Err(format!("it takes longer than {} s", LIMIT.as_secs()));
                }
                let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
                let _ = poll(&mut [PollFd::new(std::os::fd::AsFd::as_fd(&out), PollFlags::POLLIN)], timeout);
            }
            Err(error) => return Err(error.to_string()),
        }
        if bytes.len() > MOST_OUTPUT {
            return Err("it writes too much".to_owned());
        }
    }
}

#[cfg(test)]
mod tests;
