//! `ar-doctor simulate`: which responses an alert starts, and what stops the others.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use clap::{ArgGroup, Args};

use super::source::{self, Bare, Source};
use super::{Failure, Format, Global, exit, terminal};
use crate::facts::Facts;
use crate::redact::Redactor;
use crate::report::json;
use crate::report::simulate::View;
use crate::simulate::{self, Given, Simulation};
use crate::wazuh::ossec_conf::Role;
use crate::wazuh::version::Contract;

const EXAMPLES: &str = "\
Examples:
  sudo ar-doctor simulate --rule 5712 --srcip 203.0.113.9 --agent 001
  tail -n 1 /var/ossec/logs/alerts/alerts.json | sudo ar-doctor simulate -
  sudo ar-doctor simulate --logtest said.txt --expect firewall-drop600
                            said.txt is what wazuh-logtest printed
  ar-doctor simulate --config ossec.conf --role manager --rule 5712 --level 10

Exit status: 0 fine, 1 what --expect names does not fire, 2 usage, 3 nothing to simulate,
70 internal error, 130 interrupted.";

/// Say which responses an alert starts, with what message, and what stops the others.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, group = ArgGroup::new("event").required(true).args(["alert", "rule", "logtest"]))]
pub(super) struct Arguments {
    /// A file with one alert, as in alerts.json; `-` is standard input
    #[arg(value_name = "ALERT")]
    alert: Option<PathBuf>,
    /// An alert of this rule
    #[arg(long, value_name = "ID")]
    rule: Option<u32>,
    /// What wazuh-logtest printed; `-` is standard input
    #[arg(long, value_name = "FILE")]
    logtest: Option<PathBuf>,
    /// Its level [default: that of the rule]
    #[arg(long, value_name = "N")]
    level: Option<u32>,
    /// A group of the rule; may be repeated [default: those of the rule]
    #[arg(long = "group", value_name = "G")]
    groups: Vec<String>,
    /// Its source address
    #[arg(long, value_name = "IP")]
    srcip: Option<String>,
    /// Its user (dstuser)
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// The agent it comes from, 000 is the manager [default: that of the alert, or 001]
    #[arg(long, value_name = "ID")]
    agent: Option<String>,
    /// Exit with 1 when the response of this name does not fire
    #[arg(long, value_name = "NAME")]
    expect: Option<String>,
    /// The form of the report
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    bare: Bare,
}

fn read(path: &Path, option: &'static str) -> Result<Vec<u8>, Failure> {
    source::read(path).context(option).map_err(Failure::usage)
}

pub(super) fn run(global: &Global, arguments: &Arguments, redactor: &Redactor) -> Result<u8, Failure> {
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

    let source = Source::open(global, &arguments.bare)?;
    let facts = source.facts(global, redactor)?;
    refuse(&facts)?;
    let simulation = simulate::run(&facts, &given).map_err(|why| Failure::usage(anyhow!("{why}")))?;
    if let Some(name) = &arguments.expect
        && !simulation.responses.iter().any(|response| response.is_named(name))
    {
        return Err(Failure::usage(anyhow!("--expect: no response is called '{name}'")));
    }
    let view = View { facts: &facts, simulation: &simulation, redactor };
    let out = match arguments.format {
        Format::Json => json::to_text(&view.document()).map_err(Failure::internal)?,
        Format::Text if global.quiet => String::new(),
        Format::Text => {
            let mut page = terminal::page(global);
            view.write(&mut page, global.verbose);
            page.into_text()
        }
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
