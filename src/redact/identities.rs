//! Stable pseudonyms of hosts, agents, users, mail and addresses, for `--redact identities`.
//!
//! Names are learned where a field says what they are, and replaced wherever they stand as whole
//! words. Names of users that only a log tells are replaced in that place alone: whoever tries to
//! log in as `active-response` shall not change what the rest of a capture says.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::IpAddr;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, PoisonError, RwLock};

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, MatchKind};
use regex::bytes::{Regex, RegexSet};
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::address::Addresses;
use super::places;

/// What is called by a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Identity {
    /// A machine.
    Host,
    /// An agent of Wazuh.
    Agent,
    /// A part of a domain.
    Network,
    /// An account.
    User,
    /// An address of mail.
    Mail,
    /// An address of IP.
    Address,
}

/// A name, and what stands for it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Pair {
    /// What it names.
    pub what: Identity,
    /// The name.
    pub original: String,
    /// Its pseudonym.
    pub pseudonym: String,
}

/// Names that stay: accounts and words that Wazuh's logic or every host has. They tell nothing of
/// whose host it is.
const RESERVED: &str = "\
any all none manager_ip localhost localdomain local server servers client clients manager managers agent agents master worker node \
node01 node02 cluster default wazuh ossec ossecm ossecr ossece active-response active response responses command commands \
root daemon bin sys adm lp sync shutdown halt mail news uucp operator games ftp proxy www-data backup list irc gnats nobody \
nogroup messagebus syslog sshd systemd ntp chrony postfix dovecot mysql mariadb postgres postgresql nginx apache apache2 httpd \
tomcat redis elasticsearch opensearch kibana filebeat indexer dashboard docker kubelet git jenkins gitlab zabbix nagios bind \
named squid rpc rpcuser polkitd tss sssd dbus avahi pulse rtkit colord lightdm gdm saned whoopsie snmp mosquitto rabbitmq \
admin administrator guest user users test oracle ubuntu debian centos fedora rocky almalinux rhel redhat suse opensuse alpine \
arch linux windows darwin macos amazon ec2-user opc vagrant azureuser cloud-user pi support service system \
var log logs etc usr opt tmp run dev lib lib64 sbin home proc srv mnt media boot share shared local queue rules ruleset \
decoder decoders lists stats alert alerts archive archives diff syscheck rootcheck sca modules integrations wodles agentless \
authd execd analysisd remoted monitord logcollector modulesd syscheckd agentd maild integratord clusterd apid csyslogd dbd \
firewall-drop firewalld-drop host-deny disable-account restart restart-wazuh restart-ossec kill route-null netsh ipfw pf npf \
ssh sshd sudo su cron crond kernel systemd init login pam bash sh dash zsh python python3 perl ruby node java php \
tcp udp icmp http https ipv4 ipv6 src dst srcip dstip srcuser dstuser hostname name type value data full_log location input \
origin version parameters extra_args program module add delete check_keys continue abort keys level rule id ids group groups \
timeout timeouts yes no true false null and the for not has was are new old end set get off with from into this that error \
warn warning info debug notice critical failed failure success invalid unknown status start stop started stopped enabled \
disabled file files path paths port ports host hosts address addresses network interface eth0 lo date time year month day \
web db app api dns ntp vpn dev test prod stage staging lan wan dmz corp internal intranet example invalid com net org";

static RESERVED_WORDS: LazyLock<HashSet<&str>> = LazyLock::new(|| RESERVED.split_whitespace().collect());

/// The most names that are kept of logs.
const KEPT: usize = 100_000;

/// Where the name that a field holds is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    /// Wherever it stands.
    Everywhere,
    /// In that field: who writes to a host shall not change what else is said of it.
    Here,
    /// In that field, in a log.
    Log,
}

/// Patterns of one form: what group 1 is, and where it is replaced.
struct Field {
    what: Identity,
    scope: Scope,
    pattern: Regex,
}

/// Fields that hold an identity, each on one line.
struct Fields {
    all: Vec<Field>,
    /// Which of them a line has.
    set: Option<RegexSet>,
}

static FIELDS: LazyLock<Fields> = LazyLock::new(|| {
    let all: Vec<Field> = patterns()
        .into_iter()
        .filter_map(|(what, scope, pattern)| Some(Field { what, scope, pattern: Regex::new(pattern).ok()? }))
        .collect();
    let set = RegexSet::new(all.iter().map(|field| field.pattern.as_str())).ok();
    Fields { all, set }
});

impl Fields {
    /// Every identity that a field holds, where it stands.
    fn each(&self, text: &[u8], mut found: impl FnMut(Range<usize>, &Field)) {
        let mut start = 0;
        for line in text.split_inclusive(|&byte| byte == b'\n') {
            // Most lines have none.
            if let Some(set) = self.set.as_ref().filter(|set| set.is_match(line)) {
                for field in set.matches(line).iter().filter_map(|at| self.all.get(at)) {
                    for name in field.pattern.captures_iter(line).filter_map(|captures| captures.get(1)) {
                        found(start + name.start()..start + name.end(), field);
                    }
                }
            }
            start += line.len();
        }
    }
}

fn patterns() -> Vec<(Identity, Scope, &'static str)> {
    let host = |pattern| (Identity::Host, Scope::Everywhere, pattern);
    let agent = |pattern| (Identity::Agent, Scope::Everywhere, pattern);
    let user = |pattern| (Identity::User, Scope::Log, pattern);
    let mail = |pattern| (Identity::Mail, Scope::Everywhere, pattern);
    vec![
        // Alerts, archives, events, and what ar-doctor writes of a host.
        agent(r#"(?-u)"agent"\s*:\s*\{[^{}]*?"name"\s*:\s*"([^"\\]+)""#),
        host(r#"(?-u)"manager"\s*:\s*\{\s*"name"\s*:\s*"([^"\\]+)""#),
        host(r#"(?-u)"(?:hostname|manager_name|node|node_name|workstationName|computer)"\s*:\s*"([^"\\]+)""#),
        agent(r#"(?-u)"agent_name"\s*:\s*"([^"\\]+)""#),
        user(
            r#"(?-u)"(?:srcuser|dstuser|euid_name|uname|uname_after|login_user|effective_user|audit_user|targetUserName|subjectUserName|userName|samAccountName)"\s*:\s*"([^"\\]+)""#,
        ),
        // alerts.log.
        agent(r"(?m-u)^\d{4} [A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d \(([^()\s]+)\) "),
        host(r"(?m-u)^\d{4} [A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d ([\w.-]+)->"),
        user(r"(?m-u)^User: (\S+)"),
        // The header of syslog.
        host(r"(?m-u)^[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d ([\w.-]+) [\w/.-]+(?:\[\d+\])?:"),
        host(r"(?m-u)^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S* ([\w.-]+) [\w/.-]+(?:\[\d+\])?:"),
        host(
            r#"(?-u)"full_log"\s*:\s*"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d ([\w.-]+) [\w/.-]+(?:\[\d+\])?:"#,
        ),
        // What daemons say of users.
        user(r"(?-u)(?:nvalid|llegal) user (\S+) (?:from|by) "),
        user(r"(?-u)(?:Accepted|Failed) [\w/-]+ for (?:invalid user )?(\S+) from "),
        user(r"(?-u)session (?:opened|closed) for user ([^\s()]+)"),
        user(r"(?-u)sudo(?:\[\d+\])?: +([^\s:]+) : "),
        user(
            r#"(?-u)\b(?:ruser|user|logname|acct|USER|srcuser|dstuser|auid_name)=\\?"?([A-Za-z_][\w.@$-]+)"#,
        ),
        // What authd says of those that ask for a key (`src/os_auth/auth.c`, `main-server.c`, `local-server.c`, 4.14).
        (
            Identity::Agent,
            Scope::Here,
            r"(?-u)(?:new agent \(|generated for (?:agent )?'|old agent '|uplicate name '|Agent '\d+' \()([^()'\s]+)[)']",
        ),
        // The configuration of Wazuh.
        host(
            r"(?i-u)<(?:smtp_server|server|address|server-ip|server-hostname|manager_address|node_name|node|agent_name|host)>\s*([\w.-]+)\s*</",
        ),
        host(r"(?i-u)<host>\s*https?://(?:[^@/\s<>]*@)?([\w.-]+)"),
        mail(r"(?i-u)<(?:email_to|email_from|email_reply_to|idsname)>\s*([^<>\s,;]+@[^<>\s,;]+)\s*</"),
        mail(r#"(?-u)"(?:email|mail|email_to|email_from)"\s*:\s*"([^"\\\s]+@[^"\\\s]+)""#),
        (Identity::User, Scope::Everywhere, r"(?i-u)<host>\s*([\w.-]+)@[\w.-]+\s*</"),
        host(r"(?i-u)<host>\s*[\w.-]+@([\w.-]+)\s*</"),
        // Mail anywhere else, also several in one field: behind what may stand in a field of a user.
        (
            Identity::Mail,
            Scope::Here,
            r"(?i-u)(?:^|[^\w./@:+%-])([a-z0-9][\w.+-]*@(?:[a-z0-9-]+\.)+[a-z]{2,24})(?-u:\b)",
        ),
    ]
}

/// Where beginnings of addresses may stand.
static STARTS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?i-u)<(?:white_list|srcip|dstip|allowed-ips|denied-ips)(?:\s[^<>]*)?>([^<]*)<").ok()
});

/// The identities of one capture.
#[derive(Debug)]
pub(super) struct Identities {
    salt: [u8; 32],
    addresses: Addresses,
    names: RwLock<Names>,
    /// Patterns of addresses whose matches pseudonyms change: the file, and the line from 1.
    pieces: Mutex<BTreeSet<(PathBuf, usize)>>,
}

#[derive(Debug, Default)]
struct Names {
    /// By name in lower case.
    known: HashMap<Vec<u8>, Name>,
    /// Pseudonyms in use.
    taken: HashSet<String>,
    /// Words that stay.
    kept: HashSet<Vec<u8>>,
    /// Names that are more than one word, and the search for them.
    odd: Vec<Vec<u8>>,
    search: Option<AhoCorasick>,
    /// Some name is replaced everywhere.
    any: bool,
}

#[derive(Clone, Debug)]
struct Name {
    what: Identity,
    /// As it was first seen.
    original: String,
    pseudonym: String,
    everywhere: bool,
}

/// An instance of a systemd unit, which has the form of mail: `getty@tty1.service`.
fn is_unit(name: &str) -> bool {
    const UNITS: [&str; 10] =
        ["service", "socket", "target", "timer", "slice", "scope", "mount", "device", "path", "swap"];
    name.rsplit_once('.').is_some_and(|(_, last)| UNITS.contains(&last))
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-' || byte >= 0x80
}

impl Identities {
    pub(super) fn new(salt: [u8; 32]) -> Self {
        Self { salt, addresses: Addresses::new(salt), names: RwLock::default(), pieces: Mutex::default() }
    }

    /// Words that stay what they are, whoever bears them as a name.
    pub(super) fn keep(&self, words: impl IntoIterator<Item = impl AsRef<[u8]>>) {
        let mut names = self.names.write().unwrap_or_else(PoisonError::into_inner);
        names.kept.extend(words.into_iter().map(|word| word.as_ref().to_ascii_lowercase()));
    }

    /// Learns the names in a file.
    pub(super) fn learn(&self, path: &Path, bytes: &[u8]) {
        if is_package_data(path) {
            return;
        }
        let file = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        match file.as_str() {
            "hostname" | "mailname" => self.name(Identity::Host, bytes.trim_ascii(), true),
            "passwd" | "group" => {
                for line in lines(bytes) {
                    let mut fields = line.split(|&byte| byte == b':');
                    if let (Some(name), Some(id)) = (fields.next(), fields.nth(1)) {
                        self.account(name, std::str::from_utf8(id).ok().and_then(|id| id.parse().ok()));
                    }
                }
            }
            "hosts" => {
                for line in lines(bytes) {
                    let line = line.split(|&byte| byte == b'#').next().unwrap_or_default();
                    for name in line.split(u8::is_ascii_whitespace).filter(|name| !name.is_empty()).skip(1) {
                        if !name.starts_with(b"ip6-") {
                            self.name(Identity::Host, name, true);
                        }
                    }
                }
            }
            "host.json" => self.host(bytes),
            _ if file.contains("client.keys") => {
                for line in lines(bytes) {
                    if let Some(name) =
                        line.split(|&byte| byte == b' ').nth(1).filter(|_| !line.starts_with(b"#"))
                    {
                        self.name(Identity::Agent, name.strip_prefix(b"!").unwrap_or(name), true);
                    }
                }
            }
            _ => {}
        }
        FIELDS.each(bytes, |range, field| {
            if field.scope == Scope::Everywhere {
                self.name(field.what, bytes.get(range).unwrap_or_default(), true);
            }
        });
    }

    /// The state of a host in a capture.
    fn host(&self, bytes: &[u8]) {
        let Ok(state) = serde_json::from_slice::<Value>(bytes) else { return };
        if let Some(name) = state.pointer("/machine/hostname").and_then(Value::as_str) {
            self.name(Identity::Host, name.as_bytes(), true);
        }
        let accounts = ["users", "groups"].iter().filter_map(|of| state.get(of)?.as_object()).flatten();
        for (name, id) in accounts {
            let id = id.as_u64().or_else(|| id.get("uid").or_else(|| id.get("id")).and_then(Value::as_u64));
            self.account(name.as_bytes(), id);
        }
        // `nas:/export`, `//nas/share`
        let mounts = state.get("mounts").and_then(Value::as_array);
        for source in mounts.into_iter().flatten().filter_map(|mount| mount.get("source")?.as_str()) {
            let server = match source.strip_prefix("//") {
                Some(share) => share.split_once('/').map(|(server, _)| server),
                None => source.split_once(":/").map(|(server, _)| server),
            };
            if let Some(server) = server {
                self.name(Identity::Host, server.as_bytes(), true);
            }
        }
    }

    /// An account of this host: those below 1000 are the system's.
    fn account(&self, name: &[u8], id: Option<u64>) {
        if id.is_some_and(|id| (1000..65_534).contains(&id)) {
            self.name(Identity::User, name, true);
        } else {
            self.keep([name]);
        }
    }

    /// Learns a name; a host's with its domain.
    fn name(&self, what: Identity, name: &[u8], everywhere: bool) {
        let Ok(name) = std::str::from_utf8(name.trim_ascii()) else { return };
        let name = name.trim_matches(['.', '-', '_']);
        if name.parse::<IpAddr>().is_ok() || name.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
            return;
        }
        let mut names = self.names.write().unwrap_or_else(PoisonError::into_inner);
        self.add(&mut names, what, name, everywhere);
    }

    /// The pseudonym of a name, made when there is none; none when the name stays.
    fn add(&self, names: &mut Names, what: Identity, name: &str, everywhere: bool) -> Option<String> {
        let lower = name.to_lowercase();
        if let Some(known) = names.known.get_mut(lower.as_bytes()) {
            known.everywhere |= everywhere;
            names.any |= everywhere;
            return Some(known.pseudonym.clone());
        }
        let is_domain = matches!(what, Identity::Host | Identity::Agent)
            && name.rsplit_once('.').is_some_and(|(_, last)| {
                last.len() >= 2 && last.bytes().all(|byte| byte.is_ascii_alphabetic())
            });
        if is_domain && let Some((host, domain)) = lower.split_once('.') {
            if domain == "localdomain" {
                return self.add(names, what, host, everywhere);
            }
            let host = self.add(names, what, host, everywhere).unwrap_or_else(|| host.to_owned());
            let domain = self.domain(names, domain, everywhere);
            let pseudonym = format!("{host}.{domain}");
            return Some(insert(names, what, name, lower, pseudonym, everywhere));
        }
        if name.chars().count() < 3
            || RESERVED_WORDS.contains(lower.as_str())
            || names.kept.contains(lower.as_bytes())
            || lower.starts_with("wazuh-")
            || lower.starts_with("ossec-")
            || lower.starts_with("systemd-")
            || names.taken.contains(&lower)
            || lower.bytes().all(|byte| byte.is_ascii_digit())
            || what == Identity::Mail && is_unit(&lower)
        {
            return None;
        }
        let (prefix, suffix) = match what {
            Identity::Host | Identity::Address => ("host-", ""),
            Identity::Agent => ("agent-", ""),
            Identity::Network => ("net-", ""),
            Identity::User => ("user-", ""),
            Identity::Mail => ("mail-", "@example.invalid"),
        };
        let hash = Sha256::new()
            .chain_update(self.salt)
            .chain_update(b"name")
            .chain_update(lower.as_bytes())
            .finalize();
        let digits: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        let pseudonym = (4..=digits.len())
            .filter_map(|length| digits.get(..length))
            .map(|digits| format!("{prefix}{digits}{suffix}"))
            .find(|text| !names.taken.contains(text) && !names.known.contains_key(text.as_bytes()))?;
        if names.known.len() >= KEPT && !everywhere {
            return Some(format!("{prefix}{}{suffix}", digits.get(..16).unwrap_or_default()));
        }
        Some(insert(names, what, name, lower, pseudonym, everywhere))
    }

    /// A domain, and every domain it lies in: each label but the last has a pseudonym.
    fn domain(&self, names: &mut Names, domain: &str, everywhere: bool) -> String {
        if let Some(known) = names.known.get(domain.as_bytes()) {
            return known.pseudonym.clone();
        }
        let Some((first, rest)) = domain.split_once('.') else { return domain.to_owned() };
        let rest = self.domain(names, rest, everywhere);
        // A label alone is no name: it may be any word.
        let label = self.add(names, Identity::Network, first, false).unwrap_or_else(|| first.to_owned());
        insert(names, Identity::Network, domain, domain.to_owned(), format!("{label}.{rest}"), everywhere)
    }

    /// Text with pseudonyms in place of identities.
    pub(super) fn text(&self, text: &[u8]) -> Vec<u8> {
        self.replaced(text, false, true)
    }

    /// `starts`: beginnings of addresses stand everywhere in it. `logs`: it tells who logged in.
    fn replaced(&self, text: &[u8], starts: bool, logs: bool) -> Vec<u8> {
        let text = self.fields(text, logs);
        let text = self.odd_names(&text);
        let text = self.addresses(&text, starts);
        self.words(&text)
    }

    /// A file with pseudonyms in place of identities.
    pub(super) fn file(&self, path: &Path, bytes: &[u8]) -> Vec<u8> {
        if is_package_data(path) {
            return bytes.to_vec();
        }
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let starts = name == "hosts.deny"
            || name == "hosts.allow"
            || path.parent().is_some_and(|parent| parent.ends_with("etc/lists"));
        self.note_pieces(path, bytes);
        let is_log = super::is_log(path) || path.extension().is_some_and(|extension| extension == "json");
        self.replaced(bytes, starts, is_log)
    }

    /// Notes the patterns of addresses that pseudonyms do not keep.
    fn note_pieces(&self, path: &Path, bytes: &[u8]) {
        if !path.extension().is_some_and(|name| name == "conf" || name == "xml") {
            return;
        }
        let found =
            STARTS.iter().flat_map(|pattern| pattern.captures_iter(bytes)).filter_map(|found| found.get(1));
        for entry in found {
            let text = String::from_utf8_lossy(entry.as_bytes());
            let mut parts = text.split(|letter: char| letter.is_whitespace() || "|,".contains(letter));
            if parts.any(places::is_piece) {
                let line =
                    1 + memchr::memchr_iter(b'\n', bytes.get(..entry.start()).unwrap_or_default()).count();
                let mut pieces = self.pieces.lock().unwrap_or_else(PoisonError::into_inner);
                pieces.insert((path.to_owned(), line));
            }
        }
    }

    /// Where patterns stand whose matches pseudonyms change: the file, and the line from 1.
    pub(super) fn pieces(&self) -> Vec<(PathBuf, usize)> {
        self.pieces.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// The pairs so far, addresses last.
    pub(super) fn map(&self) -> Vec<Pair> {
        let names = self.names.read().unwrap_or_else(PoisonError::into_inner);
        let mut pairs: Vec<Pair> = names
            .known
            .values()
            .map(|name| Pair {
                what: name.what,
                original: name.original.clone(),
                pseudonym: name.pseudonym.clone(),
            })
            .collect();
        pairs.sort();
        pairs.extend(self.addresses.pairs().into_iter().map(|(original, pseudonym)| Pair {
            what: Identity::Address,
            original,
            pseudonym,
        }));
        pairs
    }

    /// Replaces what a field says is a name.
    fn fields(&self, text: &[u8], logs: bool) -> Vec<u8> {
        let mut places = Vec::new();
        FIELDS.each(text, |range, field| {
            if field.scope != Scope::Log || logs {
                places.push((range, field.what, field.scope == Scope::Everywhere));
            }
        });
        if places.is_empty() {
            return text.to_vec();
        }
        places.sort_by_key(|(range, ..)| range.start);
        let mut names = self.names.write().unwrap_or_else(PoisonError::into_inner);
        let mut out = Vec::with_capacity(text.len());
        let mut copied = 0;
        for (range, what, everywhere) in places {
            let name = text.get(range.clone()).and_then(|name| std::str::from_utf8(name).ok());
            let Some(name) = name.filter(|name| range.start >= copied && name.parse::<IpAddr>().is_err())
            else {
                continue;
            };
            if let Some(pseudonym) = self.add(&mut names, what, name, everywhere) {
                out.extend_from_slice(text.get(copied..range.start).unwrap_or_default());
                out.extend_from_slice(cased(name.as_bytes(), &pseudonym).as_bytes());
                copied = range.end;
            }
        }
        out.extend_from_slice(text.get(copied..).unwrap_or_default());
        out
    }

    /// Replaces names that are more than one word: mail addresses, names with blanks.
    fn odd_names(&self, text: &[u8]) -> Vec<u8> {
        {
            let mut names = self.names.write().unwrap_or_else(PoisonError::into_inner);
            if names.search.is_none() && !names.odd.is_empty() {
                names.search = AhoCorasickBuilder::new()
                    .ascii_case_insensitive(true)
                    .match_kind(MatchKind::LeftmostLongest)
                    .build(&names.odd)
                    .ok();
            }
        }
        let names = self.names.read().unwrap_or_else(PoisonError::into_inner);
        let Some(search) = &names.search else { return text.to_vec() };
        let mut out = Vec::with_capacity(text.len());
        let mut copied = 0;
        for found in search.find_iter(text) {
            let edge = |at: Option<usize>| at.and_then(|at| text.get(at)).is_none_or(|byte| !is_word(*byte));
            let name = names.odd.get(found.pattern().as_usize()).and_then(|name| names.known.get(name));
            let is_whole = edge(found.start().checked_sub(1)) && edge(Some(found.end()));
            if let Some(name) = name.filter(|name| is_whole && name.everywhere) {
                out.extend_from_slice(text.get(copied..found.start()).unwrap_or_default());
                out.extend_from_slice(name.pseudonym.as_bytes());
                copied = found.end();
            }
        }
        out.extend_from_slice(text.get(copied..).unwrap_or_default());
        out
    }

    fn addresses(&self, text: &[u8], starts: bool) -> Vec<u8> {
        let Some(pattern) = STARTS.as_ref().filter(|_| !starts) else {
            return places::rewrite(&self.addresses, text, starts);
        };
        let mut out = Vec::with_capacity(text.len());
        let mut copied = 0;
        for found in pattern.captures_iter(text).filter_map(|found| found.get(1)) {
            out.extend(places::rewrite(
                &self.addresses,
                text.get(copied..found.start()).unwrap_or_default(),
                false,
            ));
            out.extend(places::rewrite(&self.addresses, found.as_bytes(), true));
            copied = found.end();
        }
        out.extend(places::rewrite(&self.addresses, text.get(copied..).unwrap_or_default(), false));
        out
    }

    /// Replaces known names where they stand as whole words, alone or with their domain.
    fn words(&self, text: &[u8]) -> Vec<u8> {
        let names = self.names.read().unwrap_or_else(PoisonError::into_inner);
        if !names.any {
            return text.to_vec();
        }
        let mut out = Vec::with_capacity(text.len());
        let mut copied = 0;
        let mut here = 0;
        let mut lower = Vec::new();
        while here < text.len() {
            let part = |byte: &u8| is_word(*byte) || *byte == b'.';
            let Some(skipped) = text.get(here..).and_then(|rest| rest.iter().position(part)) else { break };
            let start = here + skipped;
            let end = start + text.iter().skip(start).take_while(|byte| part(byte)).count();
            here = end;
            lower.clear();
            lower.extend(text.get(start..end).unwrap_or_default().iter().map(u8::to_ascii_lowercase));
            let mut label = 0;
            while label < lower.len() {
                let Some((from, to, name)) = longest(&names, &lower, label) else {
                    label = memchr::memchr(b'.', lower.get(label..).unwrap_or_default())
                        .map_or(lower.len(), |dot| label + dot + 1);
                    continue;
                };
                out.extend_from_slice(text.get(copied..start + from).unwrap_or_default());
                let original = text.get(start + from..start + to).unwrap_or_default();
                out.extend_from_slice(cased(original, &name.pseudonym).as_bytes());
                copied = start + to;
                label = to + 1;
            }
        }
        out.extend_from_slice(text.get(copied..).unwrap_or_default());
        out
    }
}

/// The longest known name that begins with this label: a word with some of the labels behind it.
fn longest<'n>(names: &'n Names, run: &[u8], label: usize) -> Option<(usize, usize, &'n Name)> {
    let edge = |byte: &u8| b"-_.".contains(byte);
    let rest = run.get(label..)?;
    let from = label + rest.iter().take_while(|byte| edge(byte)).count();
    let ends = memchr::memchr_iter(b'.', run).filter(|end| *end > from).take(8).chain([run.len()]);
    let mut best = None;
    for end in ends {
        let word = run.get(from..end)?;
        let to = from + word.len() - word.iter().rev().take_while(|byte| edge(byte)).count();
        let name = run.get(from..to).and_then(|word| names.known.get(word)).filter(|name| name.everywhere);
        best = name.map(|name| (from, to, name)).or(best);
    }
    best
}

fn insert(
    names: &mut Names,
    what: Identity,
    name: &str,
    lower: String,
    pseudonym: String,
    everywhere: bool,
) -> String {
    names.taken.insert(pseudonym.clone());
    names.any |= everywhere;
    if !lower.bytes().all(|byte| is_word(byte) || byte == b'.') {
        names.odd.push(lower.clone().into_bytes());
        names.search = None;
    }
    let original = name.to_owned();
    names.known.insert(lower.into_bytes(), Name { what, original, pseudonym: pseudonym.clone(), everywhere });
    pseudonym
}

/// A pseudonym in capitals where the name stands in capitals: some of Wazuh's comparisons tell
/// them apart.
fn cased(original: &[u8], pseudonym: &str) -> String {
    let has_lower = original.iter().any(u8::is_ascii_lowercase);
    let has_upper = original.iter().any(u8::is_ascii_uppercase);
    match (has_upper, has_lower) {
        (true, false) => pseudonym.to_ascii_uppercase(),
        (true, true) => {
            let mut letters = pseudonym.chars();
            let first = letters.next().map(|letter| letter.to_ascii_uppercase());
            first.into_iter().chain(letters).collect()
        }
        _ => pseudonym.to_owned(),
    }
}

/// Lists of packages: full of versions, and of nobody's names.
pub fn is_package_data(path: &Path) -> bool {
    ["/var/lib/dpkg", "/var/lib/rpm", "/usr/lib/sysimage", "/lib/apk"]
        .iter()
        .any(|place| path.to_string_lossy().contains(place.trim_start_matches('/')))
}

fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii_end)
}

/// Patterns that do not compile.
#[cfg(test)]
pub(super) fn broken_patterns() -> Vec<&'static str> {
    let all = patterns().into_iter().map(|(_, _, pattern)| pattern);
    let broken: Vec<&str> = all.filter(|pattern| Regex::new(pattern).is_err()).collect();
    assert!(STARTS.is_some());
    broken
}
