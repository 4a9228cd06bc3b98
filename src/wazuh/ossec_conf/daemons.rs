//! Who reads what in which order, and what it says when it stops.

use super::super::ar_conf::MAX_COMMANDS;
use super::super::behavior::{
    AR_CONF_REMOVED, AR_TABLE_CHECKED, DAEMONS_RENAMED, DB_READS_CONFIG, LOGGER_EXITS_WITH_ERROR,
    SYSCHECK_WARNS,
};
use super::super::version::Version;
use super::super::xml::{self, Span};
use super::sections::Before;
use super::top::{Ctx, Entry, Fault, Item, Platform, Stop, file_name, reader};
use super::{Configuration, DaemonLog, DaemonOutcome, End, LogLevel, Outcome, Problem, ProblemKind, Role};

/// What a daemon says last when its configuration is refused.
#[derive(Clone, Copy)]
enum Farewell {
    /// `CRITICAL: (1202)`
    Critical,
    /// `ERROR: (1202)`; CRITICAL before 4.6.
    Error,
    /// `ERROR: (1215)`; CRITICAL before 4.6.
    NoClient,
    /// This text as CRITICAL.
    Text(Option<u32>, &'static str),
    /// Nothing.
    Silent,
}

/// One daemon: how it is called, the readers it runs one after the other, its last words.
struct Daemon {
    name: &'static str,
    old_name: &'static str,
    passes: &'static [u32],
    farewell: Farewell,
}

const fn daemon(
    name: &'static str,
    old_name: &'static str,
    passes: &'static [u32],
    farewell: Farewell,
) -> Daemon {
    Daemon { name, old_name, passes, farewell }
}

const EXECD: Daemon = daemon("wazuh-execd", "ossec-execd", &[], Farewell::Error);
const LOGCOLLECTOR: Daemon =
    daemon("wazuh-logcollector", "ossec-logcollector", &[reader::LOCALFILE], Farewell::Error);
const SYSCHECKD: Daemon =
    daemon("wazuh-syscheckd", "ossec-syscheckd", &[reader::SYSCHECK, reader::ROOTCHECK], Farewell::Silent);
const MODULESD: Daemon = daemon("wazuh-modulesd", "wazuh-modulesd", &[reader::MODULES], Farewell::Silent);

const MANAGER: &[Daemon] = &[
    daemon(
        "wazuh-analysisd",
        "ossec-analysisd",
        &[
            reader::RESPONSES,
            reader::GLOBAL | reader::RULES | reader::ALERTS | reader::CLUSTER,
            reader::OTHER,
        ],
        Farewell::Critical,
    ),
    daemon("wazuh-remoted", "ossec-remoted", &[reader::REMOTE, reader::GLOBAL], Farewell::Critical),
    EXECD,
    LOGCOLLECTOR,
    SYSCHECKD,
    MODULESD,
    daemon("wazuh-monitord", "ossec-monitord", &[reader::OTHER, reader::GLOBAL], Farewell::Critical),
    daemon(
        "wazuh-db",
        "wazuh-db",
        &[reader::CLUSTER],
        Farewell::Text(None, "Invalid configuration block for Wazuh-DB."),
    ),
    daemon("wazuh-authd", "ossec-authd", &[reader::OTHER], Farewell::Critical),
    daemon("wazuh-integratord", "ossec-integratord", &[reader::OTHER], Farewell::Critical),
    daemon("wazuh-maild", "ossec-maild", &[reader::MAIL, reader::GLOBAL], Farewell::Critical),
    daemon("wazuh-csyslogd", "ossec-csyslogd", &[reader::OTHER], Farewell::Critical),
    daemon(
        "wazuh-agentlessd",
        "ossec-agentlessd",
        &[reader::OTHER],
        Farewell::Text(Some(7101), "(7101): Invalid agentless configuration."),
    ),
];

const AGENT: &[Daemon] = &[
    daemon(
        "wazuh-agentd",
        "ossec-agentd",
        &[reader::CLIENT, reader::OTHER, reader::TAMPERING],
        Farewell::NoClient,
    ),
    EXECD,
    LOGCOLLECTOR,
    SYSCHECKD,
    MODULESD,
];

/// 5.x: only the names of sections are known here, so who reads what does not matter.
const MANAGER_5: &[Daemon] = &[
    daemon("wazuh-manager-remoted", "", &[reader::OTHER], Farewell::Critical),
    daemon("wazuh-manager-modulesd", "", &[reader::OTHER], Farewell::Silent),
    daemon("wazuh-manager-monitord", "", &[reader::OTHER], Farewell::Critical),
    daemon(
        "wazuh-manager-db",
        "",
        &[reader::OTHER],
        Farewell::Text(None, "Invalid configuration block for Wazuh-DB."),
    ),
    daemon("wazuh-manager-authd", "", &[reader::OTHER], Farewell::Critical),
];

fn daemons(role: Role, version: Option<Version>) -> &'static [Daemon] {
    match role {
        Role::Agent => AGENT,
        Role::Manager if AR_CONF_REMOVED.holds(version) => MANAGER_5,
        Role::Manager => MANAGER,
    }
}

impl Daemon {
    fn name(&self, version: Option<Version>) -> &'static str {
        if DAEMONS_RENAMED.holds(version) { self.name } else { self.old_name }
    }
}

/// Before 4.6 these left with CRITICAL.
fn quiet_exit(version: Option<Version>) -> LogLevel {
    if LOGGER_EXITS_WITH_ERROR.holds(version) { LogLevel::Error } else { LogLevel::Critical }
}

/// Nobody can read the file. The logger reads it first, wipes the reason, and exits
/// (`src/shared/debug_op.c os_logging_config`, 4.14).
pub(super) fn unreadable(conf: &mut Configuration, error: &xml::Error, version: Option<Version>) {
    let level = quiet_exit(version);
    let text = format!("(1226): Error reading XML file '{}':  (line 0).", file_name(conf.role, version))
        .into_bytes();
    let names = daemons(conf.role, version).iter().map(|daemon| daemon.name(version)).collect::<Vec<_>>();
    let log = DaemonLog { level, number: Some(1226), text: text.clone() };
    let at = Span { start: error.offset, end: error.offset };
    conf.problems.push(Problem {
        kind: ProblemKind::UnreadableXml,
        number: Some(1226),
        level,
        text,
        span: error.culprit.unwrap_or(at),
        line: error.line,
        fatal_for: names.clone(),
        logged_by: names.clone(),
        consequence_of: None,
    });
    conf.daemons = names
        .into_iter()
        .map(|daemon| DaemonOutcome {
            daemon,
            starts: false,
            end: End::Exits,
            logs: vec![log.clone()],
            first_problem: Some(0),
        })
        .collect();
}

/// Everything needed to run the daemons over the entries.
pub(super) struct Run<'a, 'b> {
    pub(super) ctx: Ctx<'a>,
    pub(super) conf: &'b mut Configuration,
    pub(super) entries: &'b [Entry],
    pub(super) before: Before,
    pub(super) platform: Platform,
}

/// A daemon on its way through the file.
struct Course {
    logs: Vec<DaemonLog>,
    first_problem: Option<usize>,
}

impl Run<'_, '_> {
    pub(super) fn all(mut self) {
        let table_full = self.table_full();
        let (role, version) = (self.ctx.role, self.ctx.version);
        let mut outcomes = Vec::new();
        for daemon in daemons(role, version) {
            self.blame(daemon, &table_full);
            outcomes.push(self.outcome(daemon, &table_full));
        }
        self.conf.daemons = outcomes;
        self.settle();
    }

    /// 1307, once every response is read.
    fn table_full(&mut self) -> Vec<Item> {
        let mut items = Vec::new();
        if self.ctx.role == Role::Agent || !AR_TABLE_CHECKED.holds(self.ctx.version) {
            return items;
        }
        let active = |outcome| matches!(outcome, Outcome::Active | Outcome::CrashesWhenFired);
        let count = self.conf.responses.iter().filter(|block| active(block.outcome)).count();
        let total = 2 + count;
        // The first block for which there is no room.
        let first = self.conf.responses.iter().filter(|block| active(block.outcome)).nth(MAX_COMMANDS - 2);
        if let Some(first) = first.map(|block| (block.span, block.line)) {
            self.ctx.fault(
                &mut items,
                Fault {
                    kind: ProblemKind::TooManyResponses,
                    number: Some(1307),
                    level: LogLevel::Warning,
                    text: format!(
                        "(1307): Defined {total} active response commands, more than the maximum of {MAX_COMMANDS}. The exceeding entries of 'etc/shared/ar.conf' may not be loaded by the agents."
                    )
                    .into_bytes(),
                    span: first.0,
                    line: first.1,
                    stop: Stop::Go,
                },
            );
        }
        items
    }

    /// What a daemon looks at besides the sections: before them, between the first reader
    /// and the second, and behind the last.
    fn extras<'c>(&'c self, daemon: &Daemon, table_full: &'c [Item]) -> [&'c [Item]; 3] {
        match daemon.name {
            "wazuh-analysisd" => [&[], table_full, &self.before.analysisd],
            "wazuh-remoted" => [&[], &[], &self.before.remoted],
            "wazuh-agentd" => [&[], &[], &self.before.agentd],
            "wazuh-modulesd" => [&self.before.agent_upgrade, &[], &[]],
            "wazuh-execd" => [&self.before.execd, &[], &[]],
            _ => [&[], &[], &[]],
        }
    }

    fn passes(&self, daemon: &Daemon) -> &'static [u32] {
        match daemon.name {
            "wazuh-db" if !DB_READS_CONFIG.holds(self.ctx.version) => &[],
            "wazuh-agentd" if self.platform == Platform::Windows || !self.has_tampering() => {
                daemon.passes.get(..2).unwrap_or_default()
            }
            _ => daemon.passes,
        }
    }

    fn has_tampering(&self) -> bool {
        self.ctx.version.is_none_or(|version| version.at_least(Version::new(4, 10, 0)))
    }

    /// Enters the daemon with every problem it would meet.
    fn blame(&mut self, daemon: &Daemon, table_full: &[Item]) {
        let name = daemon.name(self.ctx.version);
        let mask = self.passes(daemon).iter().fold(0, |mask, pass| mask | pass);
        let reads = !self.passes(daemon).is_empty();
        let survives = daemon.name == SYSCHECKD.name;
        let mut met = Vec::new();
        let logger = self.before.logger.iter();
        for item in logger.chain(self.extras(daemon, table_full).into_iter().flatten()) {
            met.push((item.problem, item.stop, false));
        }
        for entry in self.entries.iter().filter(|_| reads) {
            let by = entry.by.iter().filter(|(who, _)| who & mask != 0).flat_map(|(_, items)| items);
            for item in entry.always.iter().chain(by) {
                met.push((item.problem, item.stop, survives));
            }
        }
        for (problem, stop, survives) in met {
            let Some(problem) = problem.and_then(|index| self.ctx.problems.get_mut(index)) else {
                continue;
            };
            if !problem.text.is_empty() && problem.logged_by.last() != Some(&name) {
                problem.logged_by.push(name);
            }
            let fatal = stop != Stop::Go && (!survives || matches!(stop, Stop::Crash | Stop::Hang));
            if fatal && problem.fatal_for.last() != Some(&name) {
                problem.fatal_for.push(name);
            }
        }
    }

    fn outcome(&self, daemon: &Daemon, table_full: &[Item]) -> DaemonOutcome {
        let version = self.ctx.version;
        let mut course = Course { logs: Vec::new(), first_problem: None };
        let mut end = self.run(&mut course, daemon, table_full);
        // A logger that cannot start ends the daemon at its first message, whatever that is;
        // only who dies without a word is faster.
        let wordless = matches!(end, End::Crashes | End::Hangs) && course.logs.is_empty();
        if let Some(logger) = self.before.logger.first().filter(|_| !wordless) {
            let log = DaemonLog { level: quiet_exit(version), ..logger.log.clone() };
            course = Course { logs: vec![log], first_problem: logger.problem };
            end = End::Exits;
        }
        DaemonOutcome {
            daemon: daemon.name(version),
            starts: matches!(end, End::Accepted | End::Degraded),
            end,
            logs: course.logs,
            first_problem: course.first_problem,
        }
    }

    fn run(&self, course: &mut Course, daemon: &Daemon, table_full: &[Item]) -> End {
        let [before, between, after] = self.extras(daemon, table_full);
        let mut end = course.say(before);
        if daemon.name == SYSCHECKD.name {
            return self.syscheckd(course);
        }
        for (index, pass) in self.passes(daemon).iter().enumerate() {
            if end.is_continue() {
                end = self.pass(course, *pass);
            }
            if index == 0 && end.is_continue() {
                end = course.say(between);
            }
        }
        if end.is_continue() {
            end = course.say(after);
            // remoted says this one thing instead of its usual last words.
            if end.is_break() && daemon.name == "wazuh-remoted" {
                return End::Exits;
            }
        }
        let std::ops::ControlFlow::Break(stop) = end else {
            return End::Accepted;
        };
        match stop {
            Stop::Crash => End::Crashes,
            Stop::Hang => End::Hangs,
            Stop::Go | Stop::Fatal => {
                self.farewell(course, daemon.farewell);
                End::Exits
            }
        }
    }

    /// Both of its modules warn and are switched off.
    fn syscheckd(&self, course: &mut Course) -> End {
        let level = if SYSCHECK_WARNS.holds(self.ctx.version) { LogLevel::Warning } else { LogLevel::Error };
        let mut end = End::Accepted;
        for (pass, module) in [(reader::SYSCHECK, "syscheck"), (reader::ROOTCHECK, "rootcheck")] {
            match self.pass(course, pass) {
                std::ops::ControlFlow::Continue(()) => {}
                std::ops::ControlFlow::Break(Stop::Crash) => return End::Crashes,
                std::ops::ControlFlow::Break(Stop::Hang) => return End::Hangs,
                std::ops::ControlFlow::Break(_) => {
                    let file = file_name(self.ctx.role, self.ctx.version);
                    course.logs.push(DaemonLog {
                        level,
                        number: Some(1207),
                        text: format!("(1207): {module} remote configuration in '{file}' is corrupted.")
                            .into_bytes(),
                    });
                    end = End::Degraded;
                }
            }
        }
        end
    }

    /// One `ReadConfig`.
    fn pass(&self, course: &mut Course, mask: u32) -> std::ops::ControlFlow<Stop> {
        for entry in self.entries {
            let mut end = course.say(&entry.always);
            for (who, items) in &entry.by {
                if end.is_continue() && who & mask != 0 {
                    end = course.say(items);
                }
            }
            if end == std::ops::ControlFlow::Break(Stop::Fatal) && entry.inside {
                let quiet = mask == reader::SYSCHECK || mask == reader::ROOTCHECK;
                let level = if quiet && SYSCHECK_WARNS.holds(self.ctx.version) {
                    LogLevel::Warning
                } else {
                    LogLevel::Error
                };
                course.logs.push(self.config_error(level));
            }
            end?;
        }
        std::ops::ControlFlow::Continue(())
    }

    fn config_error(&self, level: LogLevel) -> DaemonLog {
        let file = file_name(self.ctx.role, self.ctx.version);
        DaemonLog {
            level,
            number: Some(1202),
            text: format!("(1202): Configuration error at '{file}'.").into_bytes(),
        }
    }

    fn farewell(&self, course: &mut Course, farewell: Farewell) {
        let quiet = quiet_exit(self.ctx.version);
        course.logs.push(match farewell {
            Farewell::Silent => return,
            Farewell::Critical => self.config_error(LogLevel::Critical),
            Farewell::Error => self.config_error(quiet),
            Farewell::NoClient => DaemonLog {
                level: quiet,
                number: Some(1215),
                text: b"(1215): No client configured. Exiting.".to_vec(),
            },
            Farewell::Text(number, text) => {
                DaemonLog { level: LogLevel::Critical, number, text: text.as_bytes().to_vec() }
            }
        });
    }

    /// Puts the problems into file order and follows the indices.
    fn settle(mut self) {
        let problems = std::mem::take(&mut self.ctx.problems);
        let met = |problem: &Problem| !problem.logged_by.is_empty() || !problem.fatal_for.is_empty();
        // A section that no daemon of this build reads can hold anything.
        let mut order =
            (0..problems.len()).filter(|&index| problems.get(index).is_some_and(met)).collect::<Vec<_>>();
        // What is about the file as a whole comes last.
        order.sort_by_key(|&index| {
            problems.get(index).map(|problem| (problem.span.end == 0, problem.span.start))
        });
        let mut moved = vec![0; problems.len()];
        for (new, &old) in order.iter().enumerate() {
            if let Some(place) = moved.get_mut(old) {
                *place = new;
            }
        }
        let new = |old: usize| moved.get(old).copied().unwrap_or(old);
        let mut slots = problems.into_iter().map(Some).collect::<Vec<_>>();
        self.conf.problems = order.iter().filter_map(|&old| slots.get_mut(old)?.take()).collect();
        for problem in &mut self.conf.problems {
            problem.consequence_of = problem.consequence_of.map(new);
        }
        for daemon in &mut self.conf.daemons {
            daemon.first_problem = daemon.first_problem.map(new);
        }
        for block in &mut self.conf.commands {
            block.problems.iter_mut().for_each(|index| *index = new(*index));
        }
        for block in &mut self.conf.responses {
            block.problems.iter_mut().for_each(|index| *index = new(*index));
            if let Outcome::Refused(index) = &mut block.outcome {
                *index = new(*index);
            }
        }
    }
}

impl Course {
    /// Says what there is to say, up to what ends it.
    fn say(&mut self, items: &[Item]) -> std::ops::ControlFlow<Stop> {
        for item in items {
            if !item.log.text.is_empty() && (item.stop != Stop::Crash || item.log.number.is_none()) {
                self.logs.push(item.log.clone());
            }
            if item.stop != Stop::Go {
                self.first_problem = item.problem;
                return std::ops::ControlFlow::Break(item.stop);
            }
        }
        std::ops::ControlFlow::Continue(())
    }
}
