//! A generated week of a manager, with what is true of it: alerts of five agents, three responses,
//! their log and the alerts that come back. Always the same for the same number of alerts.
#![allow(dead_code, unreachable_pub, reason = "a test and a benchmark use their own part")]
#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "tree.rs"]
mod tree;

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;

pub use tree::copy;

/// The clock of the base host, 2026-11-20T14:10:00Z in milliseconds.
pub const NOW: i64 = 1_795_183_800_000;
const WEEK: i64 = 7 * 86_400_000;
const GRACE: i64 = 300_000;
pub const HOME: &str = "files/var/ossec";

/// What is true of one response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Truth {
    pub expected: u64,
    pub confirmed: u64,
    pub aborted: u64,
    pub failed: u64,
    pub unanswered: u64,
    pub in_force: u64,
    pub not_reverted: u64,
    pub not_back: u64,
    /// Expected and without an answer, by day since 1970.
    pub days: BTreeMap<i64, (u64, u64)>,
}

impl Truth {
    fn count(&mut self, at: i64, missing: bool) {
        self.expected += 1;
        let day = self.days.entry(at.div_euclid(86_400_000)).or_default();
        day.0 += 1;
        day.1 += u64::from(missing);
    }
}

/// How much goes wrong, in percent.
#[derive(Clone, Copy, Debug)]
pub struct Faults {
    pub lost: u64,
    pub broken: u64,
    pub not_reverted: u64,
    pub not_back: u64,
}

/// A week in which all goes well.
pub const HEALTHY: Faults = Faults { lost: 0, broken: 0, not_reverted: 0, not_back: 0 };
/// One in which some does not.
pub const ILL: Faults = Faults { lost: 3, broken: 2, not_reverted: 4, not_back: 5 };

struct Random(u64);

impl Random {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }

    fn percent(&mut self, percent: u64) -> bool {
        self.next(100) < percent
    }
}

/// `2026-11-20T14:10:00.123+0000`
pub fn stamp(millis: i64) -> String {
    let text =
        jiff::Timestamp::from_millisecond(millis).expect("a time").strftime("%Y-%m-%dT%H:%M:%S").to_string();
    format!("{text}.{:03}+0000", millis.rem_euclid(1000))
}

/// `2026/11/20 14:10:00`
pub fn clock(millis: i64) -> String {
    jiff::Timestamp::from_millisecond(millis).expect("a time").strftime("%Y/%m/%d %H:%M:%S").to_string()
}

/// An alert as alerts.json has it.
pub fn alert(at: i64, rule: u32, agent: u64, srcip: &str) -> String {
    format!(
        "{{\"timestamp\":\"{}\",\"rule\":{{\"level\":10,\"description\":\"d\",\"id\":\"{rule}\",\"groups\":[\"g\"]}},\
         \"agent\":{{\"id\":\"{agent:03}\",\"name\":\"host-{agent:03}\"}},\"manager\":{{\"name\":\"siem-01\"}},\
         \"id\":\"{}.{}\",\"full_log\":\"Nov 20 host sshd[1]: Failed password from {srcip}\",\
         \"data\":{{\"srcip\":\"{srcip}\"}},\"location\":\"/var/log/auth.log\"}}",
        stamp(at),
        at / 1000,
        at % 7919
    )
}

/// The alert that comes back of a program on a host.
pub fn back(at: i64, host: u64, program: &str, command: &str, of: &str) -> String {
    format!(
        "{{\"timestamp\":\"{}\",\"rule\":{{\"level\":3,\"id\":\"657\",\"groups\":[\"ossec\",\"active_response\"]}},\
         \"agent\":{{\"id\":\"{host:03}\"}},\"data\":{{\"version\":\"1\",\"command\":\"{command}\",\
         \"parameters\":{{\"alert\":{of},\"program\":\"active-response/bin/{program}\"}}}},\
         \"location\":\"/var/ossec/logs/active-responses.log\"}}",
        stamp(at)
    )
}

/// A request, as a program logs it.
pub fn request(program: &str, command: &str, of: &str) -> String {
    format!(
        "{{\"version\":1,\"origin\":{{\"name\":\"node01\",\"module\":\"wazuh-execd\"}},\"command\":\"{command}\",\
         \"parameters\":{{\"extra_args\":[],\"alert\":{of},\"program\":\"active-response/bin/{program}\"}}}}"
    )
}

/// Adds a line to a log of responses.
pub fn say(log: &mut String, at: i64, program: &str, text: &str) {
    let _ = writeln!(log, "{} active-response/bin/{program}: {text}", clock(at));
    // A message is logged with its line feed.
    if text.starts_with('{') && !text.contains("check_keys") {
        log.push('\n');
    }
}

/// The keys a program asks with.
pub fn keys(program: &str, key: &str) -> String {
    format!(
        "{{\"version\":1,\"origin\":{{\"name\":\"{program}\",\"module\":\"active-response\"}},\"command\":\"check_keys\",\
         \"parameters\":{{\"keys\":[\"{key}\"]}}}}"
    )
}

pub const AGENTS: u64 = 5;
const BLOCKED: i64 = 600_000;
const DENIED: i64 = 1_800_000;

/// One that is in force.
struct Block {
    until: i64,
    program: &'static str,
    of: String,
    host: u64,
}

/// Everything of a week that is written.
#[derive(Default)]
struct Written {
    alerts: Vec<(i64, String)>,
    log: String,
}

/// Blocks of all hosts, the one that ends first in front.
#[derive(Default)]
struct Blocks {
    by_key: HashMap<(u64, String), Block>,
    /// When to look, and at which.
    ends: BTreeMap<(i64, u64), (u64, String)>,
    next: u64,
    /// When an address was last in force on a host.
    gone: HashMap<(u64, String), i64>,
}

impl Blocks {
    fn add(&mut self, key: (u64, String), block: Block) {
        self.ends.insert((block.until, self.next), key.clone());
        self.next += 1;
        self.by_key.insert(key, block);
    }

    fn extend(&mut self, key: &(u64, String), until: i64) {
        if let Some(block) = self.by_key.get_mut(key) {
            block.until = until;
            self.ends.insert((until, self.next), key.clone());
            self.next += 1;
        }
    }

    /// Undoes what ends until a time.
    fn undo(
        &mut self,
        now: i64,
        random: &mut Random,
        faults: Faults,
        to: &mut Written,
        truth: &mut [Truth; 3],
    ) {
        while let Some((&(until, serial), key)) = self.ends.iter().next().filter(|end| end.0.0 <= now) {
            let key = key.clone();
            self.ends.remove(&(until, serial));
            if self.by_key.get(&key).is_none_or(|block| block.until != until) {
                continue;
            }
            let Some(block) = self.by_key.remove(&key) else { continue };
            self.gone.insert(key, until);
            let response = usize::from(block.host == 0);
            if random.percent(faults.not_reverted) {
                truth[response].not_reverted += u64::from(until + GRACE + 1000 < NOW);
                continue;
            }
            if block.host == 0 {
                say(&mut to.log, until, block.program, "Starting");
                say(&mut to.log, until, block.program, &request(block.program, "delete", &block.of));
                say(&mut to.log, until, block.program, "Ended");
            }
            to.alerts
                .push((until + 2000, back(until + 2000, block.host, block.program, "delete", &block.of)));
        }
    }
}

/// Writes the logs of a week below a copy of the base host and says what is true of the responses:
/// `firewall-drop600` on the agents, `host-deny1800` and `page-oncall0` on the manager.
pub fn write(directory: &Path, alerts: u32, faults: Faults) -> [Truth; 3] {
    let mut random = Random(u64::from(alerts));
    let mut truth: [Truth; 3] = Default::default();
    let mut to = Written::default();
    let mut blocks = Blocks::default();
    let begin = NOW - WEEK + 60_000;
    let step = (WEEK - 180_000) / i64::from(alerts);
    // A week with more alerts has more addresses, so that as many are in force of each.
    let addresses = (u64::from(alerts) / 400).max(10);
    for number in 0..alerts {
        let at = begin + i64::from(number) * step;
        blocks.undo(at + 1000, &mut random, faults, &mut to, &mut truth);
        let agent = 1 + random.next(AGENTS);
        let kind = random.next(10);
        let host = if kind == 0 { agent } else { 0 };
        let mut one = random.next(addresses);
        // Whether one that has just ended is in force is a matter of milliseconds.
        while blocks.gone.get(&(host, address(one))).is_some_and(|gone| at - gone < 10_000)
            || blocks.by_key.get(&(host, address(one))).is_some_and(|block| block.until - at < 10_000)
        {
            one = (one + 1) % addresses;
        }
        let srcip = address(one);
        let rule = match kind {
            0 => 5712,
            1 => 5763,
            2 => 5710,
            _ => 5501,
        };
        let of = alert(at, rule, agent, &srcip);
        to.alerts.push((at, of.clone()));
        match kind {
            0 => {
                let lost = random.percent(faults.lost);
                truth[0].count(at, lost);
                if lost {
                    truth[0].unanswered += 1;
                    continue;
                }
                truth[0].confirmed += 1;
                to.alerts.push((at + 2000, back(at + 2000, agent, "firewall-drop", "add", &of)));
                let key = (agent, srcip);
                if blocks.by_key.contains_key(&key) {
                    blocks.extend(&key, at + BLOCKED);
                } else {
                    let block = Block { until: at + BLOCKED, program: "firewall-drop", of, host: agent };
                    blocks.add(key, block);
                }
            }
            1 => denied(at, &of, &srcip, &mut random, faults, &mut to, &mut blocks, &mut truth[1]),
            2 => paged(at, &of, &mut random, faults, &mut to, &mut truth[2]),
            _ => {}
        }
    }
    blocks.undo(NOW, &mut random, faults, &mut to, &mut truth);
    for (key, _) in blocks.by_key {
        truth[usize::from(key.0 == 0)].in_force += 1;
    }
    store(directory, &mut to);
    truth
}

fn address(one: u64) -> String {
    format!("203.0.{}.{}", one / 250, one % 250 + 1)
}

#[allow(clippy::too_many_arguments, reason = "the state of the week")]
fn denied(
    at: i64,
    of: &str,
    srcip: &str,
    random: &mut Random,
    faults: Faults,
    to: &mut Written,
    blocks: &mut Blocks,
    truth: &mut Truth,
) {
    const NAME: &str = "host-deny";
    let (lost, broken) = (random.percent(faults.lost), random.percent(faults.broken));
    let key = (0, srcip.to_owned());
    let again = blocks.by_key.contains_key(&key);
    truth.count(at, lost || broken && !again);
    if lost {
        truth.unanswered += 1;
        return;
    }
    let run = at + 1000;
    say(&mut to.log, run, NAME, "Starting");
    say(&mut to.log, run, NAME, &request(NAME, "add", of));
    say(&mut to.log, run, NAME, &keys(NAME, srcip));
    if random.percent(faults.not_back) {
        truth.not_back += 1;
    } else {
        to.alerts.push((at + 2000, back(at + 2000, 0, NAME, "add", of)));
    }
    if again {
        say(&mut to.log, run, NAME, &request(NAME, "abort", of));
        say(&mut to.log, run, NAME, "Aborted");
        truth.aborted += 1;
        blocks.extend(&key, run + DENIED);
        return;
    }
    say(&mut to.log, run, NAME, &request(NAME, "continue", of));
    if broken {
        truth.failed += 1;
    } else {
        say(&mut to.log, run, NAME, "Ended");
        truth.confirmed += 1;
    }
    blocks.add(key, Block { until: run + DENIED, program: NAME, of: of.to_owned(), host: 0 });
}

fn paged(at: i64, of: &str, random: &mut Random, faults: Faults, to: &mut Written, truth: &mut Truth) {
    const NAME: &str = "page-oncall.sh";
    let (lost, broken) = (random.percent(faults.lost), random.percent(faults.broken));
    truth.count(at, lost || broken);
    if lost {
        truth.unanswered += 1;
        return;
    }
    let run = at + 1000;
    say(&mut to.log, run, NAME, "Starting");
    say(&mut to.log, run, NAME, &request(NAME, "add", of));
    if broken {
        say(&mut to.log, run, NAME, "Cannot read 'srcip' from data");
        truth.failed += 1;
    } else {
        say(&mut to.log, run, NAME, "Ended");
        truth.confirmed += 1;
    }
}

fn store(directory: &Path, to: &mut Written) {
    to.alerts.retain(|alert| alert.0 <= NOW);
    to.alerts.sort_by_key(|alert| alert.0);
    let mut days: BTreeMap<String, String> = BTreeMap::new();
    for (at, line) in &to.alerts {
        let day = jiff::Timestamp::from_millisecond(*at).expect("a time").strftime("%d").to_string();
        let text = days.entry(day).or_default();
        text.push_str(line);
        text.push('\n');
    }
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    for (day, text) in days {
        if day == "20" {
            files.push(("logs/alerts/alerts.json".to_owned(), text.into_bytes()));
        } else {
            let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            packed.write_all(text.as_bytes()).expect("it is packed");
            let packed = packed.finish().expect("it is packed");
            files.push((format!("logs/alerts/2026/Nov/ossec-alerts-{day}.json.gz"), packed));
        }
    }
    files.push(("logs/active-responses.log".to_owned(), std::mem::take(&mut to.log).into_bytes()));
    put(directory, &files);
}

/// Writes files below the home.
pub fn put(directory: &Path, files: &[(String, Vec<u8>)]) {
    let json = directory.join("host.json");
    let mut text = fs::read_to_string(&json).expect("the capture");
    for (path, bytes) in files {
        let file = directory.join(HOME).join(path);
        fs::create_dir_all(file.parent().expect("a directory")).expect("a directory");
        fs::write(file, bytes).expect("it is written");
        let listed = format!("\"/var/ossec/{path}\"");
        // Its text may stand in the capture itself.
        let inline = |line: &&str| line.trim_start().starts_with(&listed) && line.contains("\"text\"");
        if let Some(line) = text.lines().find(inline).map(str::to_owned) {
            text = text.replacen(&line, &format!("{listed}: {{}},"), 1);
        } else if !text.contains(&listed) {
            text = text.replacen("\"files\": {", &format!("\"files\": {{\n{listed}: {{}},"), 1);
        }
    }
    fs::write(&json, text).expect("it is written");
}

/// A copy of the base manager with the three responses.
pub fn manager(directory: &Path) {
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/hosts/manager-4.14-debian"), directory);
    let command = |name: &str, file: &str| {
        format!(
            "<command><name>{name}</name><executable>{file}</executable><timeout_allowed>yes</timeout_allowed></command>\n"
        )
    };
    let response = |name: &str, place: &str, rule: u32, timeout: &str| {
        format!(
            "<active-response><command>{name}</command><location>{place}</location><rules_id>{rule}</rules_id>{timeout}</active-response>\n"
        )
    };
    let text = [
        "<ossec_config>\n".to_owned(),
        "<ruleset><decoder_dir>ruleset/decoders</decoder_dir><rule_dir>ruleset/rules</rule_dir></ruleset>\n"
            .to_owned(),
        command("firewall-drop", "firewall-drop"),
        command("host-deny", "host-deny"),
        command("page-oncall", "page-oncall.sh"),
        response("firewall-drop", "local", 5712, "<timeout>600</timeout>"),
        response("host-deny", "server", 5763, "<timeout>1800</timeout>"),
        response("page-oncall", "server", 5710, ""),
        "</ossec_config>\n".to_owned(),
    ]
    .concat();
    fs::write(directory.join(HOME).join("etc/ossec.conf"), text).expect("it is written");
}
