//! What has to be made in 5.x for each response: an Active Response channel, and what the
//! query of its monitor has to match (`framework/wazuh/core/indexer/active_response.py`
//! AR_SCHEMA, 5.0; the notifications and alerting plugins of the indexer, 5.0).

use std::collections::BTreeSet;

use super::Inventory;
use crate::facts::response::is_response;
use crate::wazuh::ossec_conf::{Dispatch, Outcome, ResponseBlock, Role};
use crate::wazuh::stock::{self, System};

/// What becomes of an executable's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Executable {
    /// The same file; if it is a script, it may have to change.
    Same(Vec<u8>),
    /// A program that 5.x ships does its work.
    Replaced {
        /// The name in 4.x.
        old: Vec<u8>,
        /// The name in 5.x.
        new: &'static str,
    },
    /// 5.x has nothing of the kind.
    Gone {
        /// The name in 4.x.
        old: Vec<u8>,
        /// What does it instead.
        instead: &'static str,
    },
}

impl Executable {
    /// The name a channel gets.
    pub fn name(&self) -> Option<Vec<u8>> {
        match self {
            Self::Same(name) => Some(name.trim_ascii().to_vec()),
            Self::Replaced { new, .. } => Some(new.as_bytes().to_vec()),
            Self::Gone { .. } => None,
        }
    }
}

/// Of a file name in 4.x or before (5.x sheet 4.6; `src/init/wazuh/wazuh.sh`, 5.0).
pub fn executable(name: &[u8]) -> Executable {
    let old = name.to_vec();
    let bare = name.trim_ascii();
    let lower = bare.to_ascii_lowercase();
    let stem = [&b".sh"[..], b".exe", b".cmd", b".py"]
        .iter()
        .find_map(|suffix| lower.strip_suffix(*suffix))
        .unwrap_or(&lower);
    // Only a name Wazuh has shipped is Wazuh's; a file of the site may be called pf.py.
    let shipped = stock::program_named(bare).is_some()
        || matches!(bare, b"default-firewall-drop" | b"restart.sh" | b"restart-wazuh.sh" | b"kaspersky.py")
        || matches!(bare, b"wazuh-slack.sh" | b"ip-customblock.sh" | b"netsh.cmd" | b"route-null.cmd");
    if !shipped {
        return Executable::Same(old);
    }
    match stem {
        b"firewall-drop"
        | b"default-firewall-drop"
        | b"firewalld-drop"
        | b"pf"
        | b"npf"
        | b"ipfw"
        | b"ipfw_mac"
        | b"host-deny"
        | b"route-null"
        | b"route-null-2012"
        | b"netsh"
        | b"netsh-win-2016" => Executable::Replaced { old, new: "block-ip" },
        b"disable-account" if bare != b"disable-account" => {
            Executable::Replaced { old, new: "disable-account" }
        }
        b"disable-account" | b"block-ip" => Executable::Same(old),
        b"restart-wazuh" | b"restart-ossec" | b"restart" => Executable::Gone {
            old,
            // `api/api/spec/spec.yaml`, `framework/wazuh/core/agent_tasks.py`, 5.0.
            instead: "PUT /agents/restart or PUT /agents/reload of the manager's API, which make a task for each agent",
        },
        b"wazuh-slack" | b"ossec-slack" | b"ossec-tweeter" => {
            Executable::Gone { old, instead: "a notification channel of the indexer" }
        }
        _ => Executable::Gone { old, instead: "nothing; write a script of your own for messages of 5.x" },
    }
}

/// Where a channel's response runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Location {
    /// On the agent the finding is from.
    Local,
    /// On every registered agent.
    All,
    /// On one agent.
    DefinedAgent,
}

impl Location {
    /// The value in the channel.
    pub const fn value(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::All => "all",
            Self::DefinedAgent => "defined-agent",
        }
    }
}

/// An Active Response channel.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Channel {
    /// Its name.
    pub name: Vec<u8>,
    /// File below active-response/bin.
    pub executable: Vec<u8>,
    /// One string for the script.
    pub extra_arguments: Option<Vec<u8>>,
    /// Where it runs; none when only the manager's configuration says.
    pub location: Option<Location>,
    /// Three digits.
    pub agent_id: Option<String>,
    /// Seconds; none is stateless.
    pub stateful_timeout: Option<i32>,
}

/// What the query of the monitor has to match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// Rules of 4.x, with their descriptions where they are known.
    pub rules: Vec<(u32, Option<Vec<u8>>)>,
    /// The pattern of groups.
    pub group: Option<Vec<u8>>,
    /// The lowest level.
    pub level: Option<i32>,
    /// The binding is on the manager.
    pub elsewhere: bool,
}

/// What becomes of one response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponsePlan {
    /// Its name in 4.x.
    pub name: Vec<u8>,
    /// File and line of it.
    pub place: Option<(String, u64)>,
    /// In force in 4.x.
    pub in_force: bool,
    /// What becomes of its executable; none when there is no command.
    pub executable: Option<Executable>,
    /// The channel; none when nothing of the kind can be made.
    pub channel: Option<Channel>,
    /// What the monitor's query has to match.
    pub query: Query,
    /// What has no equivalent, or changes.
    pub lost: Vec<String>,
}

/// Channels that differ in what they do.
pub fn distinct(responses: &[ResponsePlan]) -> usize {
    let distinct: BTreeSet<_> = responses
        .iter()
        .filter(|response| response.in_force)
        .filter_map(|response| response.channel.as_ref())
        .map(|channel| {
            (
                &channel.executable,
                &channel.extra_arguments,
                channel.location,
                &channel.agent_id,
                channel.stateful_timeout,
            )
        })
        .collect();
    distinct.len()
}

/// Every response as a plan.
pub fn plan(inventory: &Inventory<'_>) -> Vec<ResponsePlan> {
    match inventory.role {
        Role::Manager => manager(inventory),
        Role::Agent => agent(inventory),
    }
}

fn common(name: &[u8], executable: &Executable, lost: &mut Vec<String>) -> Option<Vec<u8>> {
    match executable {
        Executable::Replaced { old, new } => {
            lost.push(format!(
                "`{}` is not shipped with 5.x; `{new}` does its work, by other means",
                String::from_utf8_lossy(old)
            ));
            if *new == "block-ip" && stock::system_of(name) == Some(System::Windows) {
                lost.push(
                    "on Windows the channel says block-ip, and execd appends .exe (since 5.0.0-beta4)"
                        .to_owned(),
                );
            }
        }
        Executable::Gone { old, instead } => lost
            .push(format!("`{}` is not shipped with 5.x; instead: {instead}", String::from_utf8_lossy(old))),
        Executable::Same(_) => {}
    }
    executable.name()
}

fn manager(inventory: &Inventory<'_>) -> Vec<ResponsePlan> {
    let Some(read) = &inventory.config.read else { return Vec::new() };
    read.responses
        .iter()
        .filter(|block| is_response(block))
        .map(|block| {
            let command = block.command_block.and_then(|command| read.commands.get(command));
            let mut lost = Vec::new();
            let name = block
                .name
                .clone()
                .or_else(|| block.command.as_ref().map(|value| value.text.clone()))
                .unwrap_or_else(|| format!("block {}", block.ordinal).into_bytes());
            let file = command.and_then(|command| command.executable.as_ref()).map(|value| value.text.as_slice());
            let program = file.map(executable);
            let new = file.zip(program.as_ref()).and_then(|(file, program)| common(file, program, &mut lost));
            let extra = command
                .and_then(|command| command.extra_args.as_ref())
                .map(|value| value.text.trim_ascii().to_vec())
                .filter(|text| !text.is_empty());
            if extra.is_some() {
                lost.push("extra_args were a list of words; extra_arguments is one string that the script splits".to_owned());
            }
            let in_force = matches!(block.outcome, Outcome::Active | Outcome::CrashesWhenFired);
            let place = location(block, &mut lost);
            if block.raw_timeout != 0 && block.timeout_in_force == 0 && block.command_block.is_some() {
                lost.push(format!(
                    "timeout {} was not in force, since its command does not allow one: the channel is stateless",
                    block.raw_timeout
                ));
            }
            if !in_force {
                lost.push("not in force in 4.x: nothing has to be made for it".to_owned());
            }
            if block.repeated_offenders.is_some() {
                lost.push("repeated_offenders has no place in a channel; it stays in each agent's own ossec.conf".to_owned());
            }
            let query = Query {
                rules: block
                    .rule_ids
                    .iter()
                    .map(|id| (*id, inventory.rule_names.get(id).cloned()))
                    .collect(),
                group: block.rules_group.as_ref().map(|value| value.text.clone()),
                level: block.level_in_force,
                elsewhere: false,
            };
            let channel = new.zip(place).map(|(executable, (location, agent_id))| Channel {
                name: name.clone(),
                executable,
                extra_arguments: extra,
                location: Some(location),
                agent_id,
                stateful_timeout: (block.timeout_in_force > 0).then_some(block.timeout_in_force),
            });
            let line = inventory.config.file.line(block.span.start);
            ResponsePlan {
                name,
                place: Some((inventory.config.file.shown.clone(), line)),
                in_force,
                executable: program,
                channel,
                query,
                lost,
            }
        })
        .collect()
}

fn location(block: &ResponseBlock, lost: &mut Vec<String>) -> Option<(Location, Option<String>)> {
    let own = |lost: &mut Vec<String>, own: bool| {
        if own {
            lost.push(
                "events of the manager itself were answered on the manager: its host needs an agent"
                    .to_owned(),
            );
        }
    };
    let named = block.location_in_force;
    let dispatch = match block.dispatch {
        // A block that is not in force still says what was meant.
        Dispatch::Nowhere if named.server => Dispatch::Manager,
        Dispatch::Nowhere if named.all => Dispatch::AllAgents { own_events_on_manager: named.local },
        Dispatch::Nowhere if named.local => Dispatch::Sender,
        Dispatch::Nowhere => match named.agent {
            Some(id) => Dispatch::Agent { id, own_events_on_manager: named.local },
            None => return None,
        },
        other => other,
    };
    match dispatch {
        Dispatch::Manager => {
            lost.push(
                "nothing runs on a 5.x manager: install an agent on its host and use defined-agent with that agent's number, \
                 or do the work elsewhere (a notification channel)"
                    .to_owned(),
            );
            if named.local || named.all || named.agent.is_some() {
                lost.push("the location names other places too, which 4.x passed over".to_owned());
            }
            None
        }
        Dispatch::Sender => Some((Location::Local, None)),
        Dispatch::AllAgents { own_events_on_manager } => {
            lost.push("all is every registered agent in 5.x, not those connected".to_owned());
            own(lost, own_events_on_manager);
            Some((Location::All, None))
        }
        Dispatch::Agent { id, own_events_on_manager } => {
            own(lost, own_events_on_manager);
            let text =
                block.agent_id.as_ref().map(|value| value.text.trim_ascii().to_vec()).unwrap_or_default();
            if !text.iter().all(u8::is_ascii_digit) {
                lost.push("a channel has one agent: make a channel for each further one (4.x read the first number only)".to_owned());
            }
            if id <= 0 {
                lost.push("there is no agent of this number".to_owned());
                return None;
            }
            Some((Location::DefinedAgent, Some(format!("{id:03}"))))
        }
        Dispatch::Nowhere => None,
    }
}

/// On an agent only names, files and timeouts are known.
fn agent(inventory: &Inventory<'_>) -> Vec<ResponsePlan> {
    let Some(read) = &inventory.ar_conf.read else { return Vec::new() };
    let mut known = BTreeSet::new();
    read.lines
        .iter()
        .filter(|line| {
            // Every agent gets the lines of all systems.
            let windows = stock::system_of(&line.executable) == Some(System::Windows);
            windows == (inventory.system.as_deref() == Some("Windows")) || !windows
        })
        .filter(|line| !line.builtin && known.insert((line.name.clone(), line.executable.clone())))
        .map(|line| {
            let mut lost = Vec::new();
            let program = executable(&line.executable);
            let channel = common(&line.executable, &program, &mut lost).map(|executable| Channel {
                name: line.name.clone(),
                executable,
                extra_arguments: None,
                location: None,
                agent_id: None,
                stateful_timeout: (line.timeout > 0).then_some(line.timeout),
            });
            ResponsePlan {
                name: line.name.clone(),
                place: Some((inventory.ar_conf.file.shown.clone(), line.line)),
                in_force: true,
                executable: Some(program),
                channel,
                query: Query { elsewhere: true, ..Query::default() },
                lost,
            }
        })
        .collect()
}
