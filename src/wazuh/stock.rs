//! The response programs Wazuh ships, by contract and system.
//!
//! 4.2 and later ship compiled programs without a suffix (`src/Makefile`, target
//! `active-response`, 4.14); up to 4.1 the same responses were shell and cmd files.

use super::version::Contract;

/// On which system a shipped program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum System {
    /// Linux, and more.
    Linux,
    /// Some Unix that is not Linux (BSD, macOS).
    OtherUnix,
    /// Windows.
    Windows,
}

impl std::fmt::Display for System {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Linux => "Linux",
            Self::OtherUnix => "another Unix than Linux",
            Self::Windows => "Windows",
        })
    }
}

/// One shipped program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Program {
    /// Exact file name below `active-response/bin`.
    pub name: &'static str,
    /// Where it runs.
    pub system: System,
    /// The contracts it was shipped with.
    pub contracts: &'static [Contract],
    /// The name that does the same job in `json4`, for a name of `args`, and the reverse.
    pub twin: Option<&'static str>,
}

use Contract::{Args, Json4, Json5};
use System::{Linux, OtherUnix, Windows};

const fn program(
    name: &'static str,
    system: System,
    contracts: &'static [Contract],
    twin: Option<&'static str>,
) -> Program {
    Program { name, system, contracts, twin }
}

/// Every shipped program that bears a name of its own.
pub const PROGRAMS: &[Program] = &[
    program("firewall-drop", Linux, &[Json4], Some("firewall-drop.sh")),
    program("firewalld-drop", Linux, &[Json4], Some("firewalld-drop.sh")),
    program("disable-account", Linux, &[Json4, Json5], Some("disable-account.sh")),
    program("host-deny", Linux, &[Json4], Some("host-deny.sh")),
    program("route-null", Linux, &[Json4], Some("route-null.sh")),
    program("ip-customblock", Linux, &[Json4], Some("ip-customblock.sh")),
    program("restart-wazuh", Linux, &[Json4], Some("restart-ossec.sh")),
    program("wazuh-slack", Linux, &[Json4], Some("ossec-slack.sh")),
    program("kaspersky", Linux, &[Json4], Some("kaspersky.sh")),
    program("block-ip", Linux, &[Json5], None),
    program("pf", OtherUnix, &[Json4], Some("pf.sh")),
    program("npf", OtherUnix, &[Json4], Some("npf.sh")),
    program("ipfw", OtherUnix, &[Json4], Some("ipfw.sh")),
    program("netsh.exe", Windows, &[Json4], Some("netsh.cmd")),
    program("route-null.exe", Windows, &[Json4], Some("route-null.cmd")),
    program("restart-wazuh.exe", Windows, &[Json4], Some("restart-ossec.cmd")),
    program("block-ip.exe", Windows, &[Json5], None),
    program("firewall-drop.sh", Linux, &[Args], Some("firewall-drop")),
    program("firewalld-drop.sh", Linux, &[Args], Some("firewalld-drop")),
    program("disable-account.sh", Linux, &[Args], Some("disable-account")),
    program("host-deny.sh", Linux, &[Args], Some("host-deny")),
    program("route-null.sh", Linux, &[Args], Some("route-null")),
    program("ip-customblock.sh", Linux, &[Args], Some("ip-customblock")),
    program("restart-ossec.sh", Linux, &[Args], Some("restart-wazuh")),
    program("ossec-slack.sh", Linux, &[Args], Some("wazuh-slack")),
    program("ossec-tweeter.sh", Linux, &[Args], None),
    program("kaspersky.sh", Linux, &[Args], Some("kaspersky")),
    program("pf.sh", OtherUnix, &[Args], Some("pf")),
    program("npf.sh", OtherUnix, &[Args], Some("npf")),
    program("ipfw.sh", OtherUnix, &[Args], Some("ipfw")),
    program("ipfw_mac.sh", OtherUnix, &[Args], None),
    program("netsh.cmd", Windows, &[Args], Some("netsh.exe")),
    program("netsh-win-2016.cmd", Windows, &[Args], Some("netsh.exe")),
    program("route-null.cmd", Windows, &[Args], Some("route-null.exe")),
    program("route-null-2012.cmd", Windows, &[Args], Some("route-null.exe")),
    program("restart-ossec.cmd", Windows, &[Args], Some("restart-wazuh.exe")),
];

/// The shipped program of this exact file name.
pub fn program_named(name: &[u8]) -> Option<&'static Program> {
    PROGRAMS.iter().find(|program| program.name.as_bytes() == name)
}

/// Names of the `<command>` blocks in the stock manager configuration, which
/// are there whether a response uses them or not
/// (`etc/templates/config/generic/ar-commands.template`, 4.14, and its older forms).
pub const STOCK_COMMANDS: &[&str] = &[
    "disable-account",
    "restart-wazuh",
    "restart-ossec",
    "firewall-drop",
    "firewalld-drop",
    "host-deny",
    "route-null",
    "win_route-null",
    "win_route-null-2012",
    "netsh",
    "netsh-win-2016",
    "pf",
    "npf",
    "ipfw",
];

/// The system a file name can run on, from the name alone: shipped programs,
/// else Windows for names only Windows can start.
pub fn system_of(name: &[u8]) -> Option<System> {
    if let Some(program) = program_named(name) {
        return Some(program.system);
    }
    let lower = name.to_ascii_lowercase();
    [&b".exe"[..], b".cmd", b".bat", b".ps1", b".vbs"]
        .iter()
        .any(|suffix| lower.ends_with(suffix))
        .then_some(Windows)
}
