//! A response: one `<active-response>` block joined with its `<command>`, its
//! `ar.conf` line and its executable; on an agent, one `ar.conf` line.

use crate::wazuh::ossec_conf::{Outcome, ResponseBlock};
use crate::wazuh::stock::System;
use crate::wazuh::xml::Span;

/// Whether a response's script is to run on the host that is diagnosed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Runs {
    /// Yes.
    Here,
    /// For events of this manager itself (agent 000); for all others on the agent
    /// that sent them (`location` local, `src/analysisd/alerts/exec.c OS_Exec`, 4.14).
    HereAndThere,
    /// On agents only.
    There,
    /// Never: its block is disabled, dropped or refused.
    Nowhere,
    /// On another system only: its executable is for that one.
    OtherSystem(System),
}

/// Where a response stands in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Path relative to the home (`etc/ossec.conf`), or as the user named it.
    pub file: String,
    /// Line, from 1.
    pub line: u64,
    /// Bytes.
    pub span: Span,
}

/// One response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// File and block ordinal (`etc/ossec.conf#2`), on agents the line (`etc/shared/ar.conf:7`).
    pub id: String,
    /// The name execd gets (`firewall-drop600`), or the command's where it gets none.
    pub name: Vec<u8>,
    /// Name of its `<command>`.
    pub command: Option<Vec<u8>>,
    /// File name below `active-response/bin`.
    pub executable: Option<Vec<u8>>,
    /// Seconds until it is undone; 0 is never.
    pub timeout: Option<i32>,
    /// Where it stands.
    pub place: Option<Place>,
    /// Index of its block in the configuration.
    pub block: Option<usize>,
    /// Whether it is to run on this host.
    pub runs: Runs,
}

impl Response {
    /// Its name in reports.
    pub fn shown(&self) -> String {
        String::from_utf8_lossy(&self.name).into_owned()
    }

    /// Whether some daemon is meant to run it, here or on an agent.
    pub fn is_meant(&self) -> bool {
        !matches!(self.runs, Runs::Nowhere | Runs::OtherSystem(_))
    }

    /// Whether it is meant for an agent.
    pub fn is_there(&self) -> bool {
        matches!(self.runs, Runs::There | Runs::HereAndThere)
    }

    /// Whether the script is looked for on this host.
    pub fn is_here(&self) -> bool {
        matches!(self.runs, Runs::Here | Runs::HereAndThere)
    }
}

/// Whether a block is meant as a response, and not only as a carrier of
/// `<disabled>`, `<repeated_offenders>` or the settings of agent upgrades.
pub fn is_response(block: &ResponseBlock) -> bool {
    let named = block.command.is_some()
        || block.location.is_some()
        || block.rules_id.is_some()
        || block.rules_group.is_some()
        || block.level.is_some();
    named && block.outcome != Outcome::OnlyRepeatedOffenders
}
