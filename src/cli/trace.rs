//! `ar-doctor trace`: what became of each alert that a response is bound to.

use std::time::Instant;

use anyhow::anyhow;
use clap::Args;

use super::output::PlainForm;
use super::source::Source;
use super::{Failure, Global, exit, since, terminal};
use crate::facts::Since;
use crate::redact::Redactor;
use crate::report::json;
use crate::report::trace::View;
use crate::trace::gather::{Asked, Nothing, gather};

const EXAMPLES: &str = "\
Examples:
  sudo ar-doctor trace      seven days: which alerts were answered, and where the others stopped
  sudo ar-doctor trace --response firewall-drop --since 24h -v
                            every step of every alert of a day
  sudo ar-doctor trace --rule 5712 --agent 003 --format json
  ar-doctor trace --from /mnt/image --since all

On a manager it begins with alerts.json and sees of the agents only the alerts that come back
(rules 651 to 658); on an agent it begins with the requests in active-responses.log.

Exit status: 0 fine, 1 an alert was not answered, or an answer broke off, 2 usage, 3 nothing to
trace (a manager of 5.x, no log to read), 70 internal error, 130 interrupted.";

/// Follow each alert through its responses: started, answered, undone, come back, or where it stopped.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Only alerts of this rule
    #[arg(long, value_name = "ID")]
    rule: Option<u32>,
    /// Only alerts of this agent, 000 is the manager
    #[arg(long, value_name = "ID", value_parser = agent)]
    agent: Option<u32>,
    /// Only this response: its name, its command or its program
    #[arg(long, value_name = "NAME")]
    response: Option<String>,
    /// How far back, as 7d or 24h, from when on, as 2026-11-20 (UTC), or all [default: 7d]
    #[arg(long, value_name = "AGE", value_parser = since::parse)]
    since: Option<Since>,
    /// The form of the report
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = PlainForm::Text)]
    format: PlainForm,
}

fn agent(text: &str) -> Result<u32, String> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = is_number.then(|| text.parse::<i32>().ok()).flatten();
    number
        .and_then(|number| u32::try_from(number).ok())
        .ok_or_else(|| "it is the number of an agent, as 003".to_owned())
}

pub(super) fn run(global: &Global, arguments: &Arguments, redactor: &Redactor) -> Result<u8, Failure> {
    let source = Source::open(global, &super::source::Bare::default())?;
    let facts = source.facts(global, redactor)?;
    let asked = Asked {
        since: source.since(arguments.since),
        rule: arguments.rule,
        agent: arguments.agent,
        response: arguments.response.clone(),
    };
    let mut progress = terminal::Progress::new(redactor);
    let start = Instant::now();
    let mut told = 0_u32;
    let gathered = gather(&facts, &asked, |file| {
        told = told.wrapping_add(1);
        if told.is_multiple_of(1 << 13) {
            progress.tell(&format!("reading {file}"), start.elapsed());
        }
    });
    progress.erase();
    let gathered = gathered.map_err(|nothing| match nothing {
        Nothing::NoSuchResponse(..) => Failure::usage(anyhow!("--response: {nothing}")),
        Nothing::NotHere(_) => Failure::nothing(anyhow!("{nothing}")),
    })?;
    let view = View { facts: &facts, gathered: &gathered, asked: &asked, redactor };
    let out = match arguments.format {
        PlainForm::Json => json::to_text(&view.document()).map_err(Failure::internal)?,
        form => {
            form.written("ar-doctor trace", global, |page| view.write(page, global.verbose, global.quiet))
        }
    };
    terminal::print(&out)?;
    let missing: u64 = gathered.trace.totals.iter().map(|total| total.all.missing()).sum();
    Ok(if missing > 0 {
        exit::FOUND
    } else if !gathered.view.log && !gathered.view.alerts {
        exit::NOTHING
    } else {
        exit::FINE
    })
}
