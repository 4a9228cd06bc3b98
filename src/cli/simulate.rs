//! `ar-doctor simulate`: which responses an alert starts, and what stops the others.

use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, anyhow};
use clap::{ArgGroup, Args};
use flate2::read::MultiGzDecoder;

use super::output::PlainForm;
use super::source::{self, Bare, Source};
use super::{Failure, Global, exit, since, terminal};
use crate::facts::Facts;
use crate::facts::alert_log::{AlertLog, DEFAULT_AGE, DIRECTORY, Since};
use crate::redact::Redactor;
use crate::report::simulate::View;
use crate::report::{json, simulate_alerts as alerts_report};
use crate::simulate::alerts::{self, Filter, Reading, Tally};
use crate::simulate::{self, Given, Ground, Simulation};
use crate::wazuh::alerts::extract::{Extractor, Fields};
use crate::wazuh::alerts::histogram::Window;
use crate::wazuh::alerts::{Scanner, ahead};
use crate::wazuh::ossec_conf::Role;
use crate::wazuh::version::{Contract, Version};

const EXAMPLES: &str = "\
Examples:
  sudo ar-doctor simulate --rule 5712 --srcip 203.0.113.9 --agent 003
                            an attack from this address, seen by agent 003
  tail -n 1 /var/ossec/logs/alerts/alerts.json | sudo ar-doctor simulate -
                            the last alert: what did it start?
  sudo ar-doctor simulate --logtest said.txt --expect firewall-drop600
                            said.txt is what wazuh-logtest printed
  sudo ar-doctor simulate --from-alerts
                            seven days of alerts.json: what started each response how often, and
                            what stopped the others
  sudo ar-doctor simulate --from-alerts --since 24h --agent 003 --expect firewall-drop
  ar-doctor simulate --config new.conf --role manager --from-alerts ossec-alerts-20.json.gz
                            a configuration that is not deployed yet, against a day of alerts
  ar-doctor simulate --config ossec.conf --role manager --rule 5712 --level 10 --group sshd

It runs on the manager, or on its files. Nothing is sent and nothing is run.

Exit status: 0 fine, 1 what --expect names does not fire, 2 usage, 3 nothing to simulate (an agent,
a manager of 5.x, no alerts to read), 70 internal error, 130 interrupted.";

/// Say which responses an alert starts, with what message, and what stops the others.
#[derive(Debug, Args)]
#[command(
    after_help = EXAMPLES,
    group = ArgGroup::new("event").required(true).multiple(true).args(["alert", "rule", "logtest", "from_alerts"])
)]
pub(super) struct Arguments {
    /// A file with one alert, as in alerts.json; `-` is standard input
    #[arg(value_name = "ALERT", conflicts_with_all = ["rule", "logtest", "from_alerts"])]
    alert: Option<PathBuf>,
    /// An alert of this rule; with --from-alerts only alerts of this rule count
    #[arg(long, value_name = "ID", conflicts_with = "logtest")]
    rule: Option<u32>,
    /// What wazuh-logtest printed; `-` is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "from_alerts")]
    logtest: Option<PathBuf>,
    /// Every alert of the manager's alerts.json and its days, or of these files, gzipped or not;
    /// `-` is standard input
    #[arg(long, value_name = "FILE", num_args = 0..)]
    from_alerts: Option<Vec<PathBuf>>,
    /// --from-alerts: how far back, as 7d or 24h, from when on, as 2026-11-20 (UTC), or all
    /// [default: 7d, and all of files that are named]
    #[arg(long, value_name = "AGE", value_parser = since::parse, requires = "from_alerts")]
    since: Option<Since>,
    /// Its level [default: that of the rule]
    #[arg(long, value_name = "N", conflicts_with = "from_alerts")]
    level: Option<u32>,
    /// A group of the rule; may be repeated [default: those of the rule]
    #[arg(long = "group", value_name = "G", conflicts_with = "from_alerts")]
    groups: Vec<String>,
    /// Its source address
    #[arg(long, value_name = "IP", conflicts_with = "from_alerts")]
    srcip: Option<String>,
    /// Its user (dstuser)
    #[arg(long, value_name = "USER", conflicts_with = "from_alerts")]
    user: Option<String>,
    /// The agent it comes from, 000 is the manager [default: that of the alert, or 001]; with
    /// --from-alerts only alerts of this agent count
    #[arg(long, value_name = "ID", value_parser = agent)]
    agent: Option<String>,
    /// The version of the agent that gets it: before 4.2 it gets words, from 4.2.0 to 4.2.4 JSON
    /// with some signs escaped [default: taken for 4.2.5 or later]
    #[arg(long, value_name = "V", value_parser = source::version, conflicts_with = "from_alerts")]
    agent_version: Option<Version>,
    /// Exit with 1 when the response of this name does not fire; with --from-alerts, when it fires
    /// for no alert
    #[arg(long, value_name = "NAME")]
    expect: Option<String>,
    /// The form of the report
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = PlainForm::Text)]
    format: PlainForm,
    #[command(flatten)]
    bare: Bare,
}

/// The number of an agent as analysisd writes it.
fn agent(text: &str) -> Result<String, String> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = is_number.then(|| text.parse::<i32>().ok()).flatten();
    number
        .map(|number| format!("{number:03}"))
        .ok_or_else(|| "it is the number of an agent, as 003".to_owned())
}

fn read(path: &Path, option: &'static str) -> Result<Vec<u8>, Failure> {
    source::read(path).context(option).map_err(Failure::usage)
}

pub(super) fn run(global: &Global, arguments: &Arguments, redactor: &Redactor) -> Result<u8, Failure> {
    if let Some(files) = &arguments.from_alerts {
        return from_alerts(global, arguments, files, redactor);
    }
    let mut given = if let Some(path) = &arguments.alert {
        Given::of_alert(&read(path, "ALERT")?)
    } else if let Some(path) = &arguments.logtest {
        Given::of_logtest(&read(path, "--logtest")?)
    } else {
        Ok(Given { rule: arguments.rule, ..Given::default() })
    }
    .map_err(|why| Failure::usage(anyhow!("{why}")))?;
    given.level = arguments.level.or(given.level);
    if !arguments.groups.is_empty() {
        given.groups = Some(arguments.groups.iter().map(|group| group.clone().into_bytes()).collect());
    }
    let bytes = |text: &Option<String>| text.as_ref().map(|text| text.clone().into_bytes());
    given.srcip = bytes(&arguments.srcip).or(given.srcip);
    given.dstuser = bytes(&arguments.user).or(given.dstuser);
    given.agent = bytes(&arguments.agent).or(given.agent);
    given.agent_version = arguments.agent_version;

    let source = Source::open(global, &arguments.bare)?;
    let facts = source.facts(global, redactor)?;
    refuse(&facts)?;
    let simulation = simulate::run(&facts, &given).map_err(|why| Failure::usage(anyhow!("{why}")))?;
    expected(arguments, &simulation.responses, simulate::Response::is_named, |response| {
        response.name.clone()
    })?;
    let view = View { facts: &facts, simulation: &simulation, redactor };
    let out = match arguments.format {
        PlainForm::Json => json::to_text(&view.document()).map_err(Failure::internal)?,
        PlainForm::Text if global.quiet => String::new(),
        form => form.written("ar-doctor simulate", global, |page| view.write(page, global.verbose)),
    };
    terminal::print(&out)?;
    Ok(if arguments.expect.as_deref().is_none_or(|name| fires(&simulation, name)) {
        exit::FINE
    } else {
        exit::FOUND
    })
}

fn fires(simulation: &Simulation, name: &str) -> bool {
    simulation.responses.iter().any(|response| response.is_named(name) && response.fires.is_ok())
}

/// What `--expect` names must be there.
fn expected<R>(
    arguments: &Arguments,
    responses: &[R],
    is_named: impl Fn(&R, &str) -> bool,
    name_of: impl Fn(&R) -> String,
) -> Result<(), Failure> {
    let Some(name) = &arguments.expect else { return Ok(()) };
    if responses.iter().any(|response| is_named(response, name)) {
        return Ok(());
    }
    let mut names: Vec<String> = responses.iter().map(name_of).collect();
    names.dedup();
    let there = if names.is_empty() { "there is none".to_owned() } else { names.join(", ") };
    Err(Failure::usage(anyhow!("--expect: no response is called '{name}': {there}")))
}

/// Many alerts.
fn from_alerts(
    global: &Global,
    arguments: &Arguments,
    files: &[PathBuf],
    redactor: &Redactor,
) -> Result<u8, Failure> {
    let source = Source::open(global, &arguments.bare)?;
    let facts = source.facts(global, redactor)?;
    refuse(&facts)?;
    if files.is_empty() && facts.is_bare() {
        return Err(Failure::usage(anyhow!(
            "--from-alerts: name the files of alerts; with --config no host is looked at"
        )));
    }
    let ground = Ground::new(&facts).map_err(|why| Failure::usage(anyhow!("{why}")))?;
    let mut filter = Filter {
        window: Window::default(),
        rule: arguments.rule,
        agent: arguments.agent.as_ref().and_then(|agent| agent.parse().ok()),
    };
    let mut progress = Seldom::new(redactor);
    let (summary, reading) = if files.is_empty() {
        let since = match source.since(arguments.since) {
            Since::Default => Since::Age(DEFAULT_AGE),
            since => since,
        };
        let log = AlertLog::list(&facts, since);
        let Some(log) = log.get() else {
            let why = log.unknown().map_or_else(|| "does not exist".to_owned(), |gap| gap.why);
            return Err(Failure::nothing(anyhow!("{}: {why}", facts.under_home(DIRECTORY).display())));
        };
        filter.window = log.window;
        let mut tally = Tally::new(&ground, filter.clone());
        let read = log.read(&facts, tally.paths(), |alert, at| {
            tally.add(alert);
            progress.tell(|| log.files.get(at.file).map_or_else(String::new, |file| file.shown.clone()));
        });
        let reading = Reading {
            files: log.files.iter().map(|file| file.shown.clone()).collect(),
            stats: read.stats,
            gaps: read.gaps.iter().map(|gap| format!("{}: {}", gap.source, gap.why)).collect(),
        };
        (tally.finish(), reading)
    } else {
        filter.window.since = window(arguments.since, &facts);
        let mut tally = Tally::new(&ground, filter.clone());
        let shown = |file: &PathBuf| {
            if source::is_stdin(file) { "standard input".to_owned() } else { file.display().to_string() }
        };
        let mut scanner = Scanner::new(Extractor::new(tally.paths()));
        for file in files {
            let name = shown(file);
            let mut stream = source::stream(file).context("--from-alerts").map_err(Failure::usage)?;
            let each = |alert: &Fields<'_>| {
                tally.add(alert);
                progress.tell(|| name.clone());
            };
            unpacked(&mut stream, &mut scanner, each)
                .with_context(|| format!("--from-alerts: {name}"))
                .map_err(Failure::usage)?;
        }
        let (files, stats) = (files.iter().map(shown).collect(), scanner.stats().clone());
        (tally.finish(), Reading { files, stats, gaps: Vec::new() })
    };
    progress.erase();
    expected(arguments, &summary.responses, alerts::Response::is_named, |response| response.name.clone())?;
    let view = alerts_report::View {
        facts: &facts,
        summary: &summary,
        reading: &reading,
        filter: &filter,
        redactor,
    };
    let out = match arguments.format {
        PlainForm::Json => json::to_text(&view.document()).map_err(Failure::internal)?,
        PlainForm::Text if global.quiet => String::new(),
        form => form.written("ar-doctor simulate", global, |page| view.write(page, global.verbose)),
    };
    terminal::print(&out)?;
    // Alerts that could not be read may have fired it.
    if summary.totals.alerts == 0 && (!reading.gaps.is_empty() || reading.files.is_empty()) {
        return Ok(exit::NOTHING);
    }
    let fired =
        |name: &str| summary.responses.iter().any(|response| response.is_named(name) && response.started > 0);
    Ok(if arguments.expect.as_deref().is_none_or(fired) { exit::FINE } else { exit::FOUND })
}

/// The alerts of a stream, gzipped or not.
fn unpacked(
    stream: &mut (dyn Read + Send),
    scanner: &mut Scanner,
    each: impl FnMut(&Fields<'_>),
) -> std::io::Result<()> {
    let mut start = Vec::new();
    stream.take(2).read_to_end(&mut start)?;
    let gzip = start == [0x1f, 0x8b];
    let whole = std::io::Cursor::new(start).chain(stream);
    if gzip {
        ahead(MultiGzDecoder::new(BufReader::new(whole)), |reader| scanner.read(reader, each))
    } else {
        ahead(whole, |reader| scanner.read(reader, each))
    }
}

/// Milliseconds since 1970 of `--since` for files that are named.
fn window(since: Option<Since>, facts: &Facts<'_>) -> Option<i64> {
    let now = || facts.now().get().copied().unwrap_or_else(|| jiff::Timestamp::now().as_second());
    match since? {
        Since::All => None,
        Since::At(time) => Some(time.saturating_mul(1000)),
        Since::Age(age) => Some(now().saturating_sub(age).saturating_mul(1000)),
        Since::Default => Some(now().saturating_sub(DEFAULT_AGE).saturating_mul(1000)),
    }
}

/// Progress that is told for one alert in many.
struct Seldom<'a> {
    progress: terminal::Progress<'a>,
    start: Instant,
    alerts: u32,
}

impl<'a> Seldom<'a> {
    fn new(redactor: &'a Redactor) -> Self {
        Self { progress: terminal::Progress::new(redactor), start: Instant::now(), alerts: 0 }
    }

    fn tell(&mut self, file: impl Fn() -> String) {
        self.alerts = self.alerts.wrapping_add(1);
        if self.alerts.is_multiple_of(1 << 13) {
            self.progress.tell(&format!("reading {}", file()), self.start.elapsed());
        }
    }

    fn erase(&mut self) {
        self.progress.erase();
    }
}

/// Where there is nothing to simulate.
fn refuse(facts: &Facts<'_>) -> Result<(), Failure> {
    if facts.role() != Role::Manager {
        return Err(Failure::nothing(anyhow!("this is an agent; alerts start responses on the manager")));
    }
    if facts.contract() == Contract::Json5 {
        return Err(Failure::nothing(anyhow!("rules of 5.x start no responses; its monitors do")));
    }
    if facts.config().read.is_none() {
        let file = &facts.config().file;
        let why = file.bytes.unknown().map_or_else(|| "it does not exist".to_owned(), |gap| gap.why);
        return Err(Failure::nothing(anyhow!("{} could not be read: {why}", file.path.display())));
    }
    Ok(())
}
