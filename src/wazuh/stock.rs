//! The response programs Wazuh ships, by contract and system.
//!
//! 4.2 and later ship compiled programs without a suffix (`src/Makefile`, target
//! `active-response`, 4.14); up to 4.1 the same responses were shell and cmd files.

use super::behavior;
use super::version::{Contract, Version};

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

/// A directory that shipped programs make so that one of them works at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lock {
    /// Its name below `active-response/bin`; the file `pid` in it names the process that made it.
    pub directory: &'static str,
    /// The programs that make it.
    pub programs: &'static [&'static str],
    /// The contract they are of.
    pub contract: Contract,
}

/// Every lock (`src/active-response/firewalls/default-firewall-drop.c`, `firewalld-drop.c`, `host-deny.c`,
/// 4.2 to 4.14; `src/active-response/src/block-ip-unix.c`, 5.0).
pub const LOCKS: &[Lock] = &[
    Lock { directory: "fw-drop", programs: &["firewall-drop", "firewalld-drop"], contract: Json4 },
    Lock { directory: "host-deny-lock", programs: &["host-deny"], contract: Json4 },
    Lock { directory: "block-ip-lock", programs: &["block-ip"], contract: Json5 },
    Lock { directory: "block-ip-hostsdeny-lock", programs: &["block-ip"], contract: Json5 },
];

/// Seconds a program waits for a lock that nobody gives back, before it breaks it: it sleeps for a
/// number of seconds that grows by two while the number in the pid file stays the same, and by one while it
/// cannot be read, until it has come to 50 (`src/active-response/active_responses.c lock`, 4.2 to 5.0).
pub const fn lock_wait(pid_is_readable: bool) -> u32 {
    let (mut step, mut seconds) = (0, 0);
    while step < 50 {
        if pid_is_readable {
            step += 1;
        }
        seconds += step;
        step += 1;
    }
    seconds
}

/// A program of the system that shipped ones call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tool {
    /// Its name in `PATH`.
    pub name: &'static str,
    /// Where it was looked for before [`behavior::TOOLS_IN_PATH`], the first that is there; none was
    /// left to execvp(3), which searches `PATH`.
    fixed: &'static [&'static str],
    /// The package that brings it, on Debian and on RHEL.
    pub packages: (&'static str, &'static str),
}

/// How a program looks for a tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Search {
    /// The first regular file of the name in `PATH`, executable or not
    /// (`src/shared/binaries_op.c get_binary_path`, 4.8.0).
    Regular,
    /// The first executable of the name in `PATH`, as execvp(3) does.
    Executable,
    /// The first of these paths at which anything is
    /// (access(2), `src/active-response/firewalls/default-firewall-drop.c`, 4.7.5).
    Fixed(&'static [&'static str]),
}

impl Tool {
    /// How a version looks for it.
    pub const fn search(&self, version: Option<Version>) -> Search {
        match self.fixed {
            _ if behavior::TOOLS_IN_PATH.holds(version) => Search::Regular,
            [] => Search::Executable,
            paths => Search::Fixed(paths),
        }
    }
}

/// For IPv4.
pub const IPTABLES: Tool = Tool {
    name: "iptables",
    fixed: &["/sbin/iptables", "/usr/sbin/iptables"],
    packages: ("iptables", "iptables-nft"),
};
/// For IPv6.
pub const IP6TABLES: Tool =
    Tool { name: "ip6tables", fixed: &["/sbin/ip6tables", "/usr/sbin/ip6tables"], ..IPTABLES };
/// The client of firewalld.
pub const FIREWALL_CMD: Tool = Tool {
    name: "firewall-cmd",
    fixed: &["/bin/firewall-cmd", "/usr/bin/firewall-cmd"],
    packages: ("firewalld", "firewalld"),
};
/// Of net-tools.
pub const ROUTE: Tool = Tool { name: "route", fixed: &[], packages: ("net-tools", "net-tools") };
const PASSWD: Tool = Tool { name: "passwd", fixed: &["/usr/bin/passwd"], packages: ("passwd", "passwd") };
const CURL: Tool = Tool { name: "curl", fixed: &[], packages: ("curl", "curl") };
const WGET: Tool = Tool { name: "wget", fixed: &[], packages: ("wget", "wget") };
const PYTHON: Tool =
    Tool { name: "python", fixed: &["/usr/bin/python"], packages: ("python-is-python3", "python3") };
const PYTHON3: Tool =
    Tool { name: "python3", fixed: &["/usr/bin/python3"], packages: ("python3", "python3") };

/// Something a shipped program cannot do its work without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    /// The program.
    pub program: &'static str,
    /// One of these is enough; they are tried in this order.
    pub any_of: &'static [Tool],
    /// What is left undone, behind the response's name.
    pub undone: &'static str,
    /// Whether that concerns IPv6 addresses alone.
    pub only_ipv6: bool,
    /// What it says of it since 4.8.0, in active-responses.log.
    pub says: &'static str,
    /// What it said up to 4.7.
    pub said: &'static str,
}

const fn need(
    program: &'static str,
    any_of: &'static [Tool],
    undone: &'static str,
    says: &'static str,
) -> Need {
    Need { program, any_of, undone, only_ipv6: false, says, said: says }
}

/// What the programs for Linux call (`src/active-response/*.c`, 4.2.0, 4.7.5, 4.14.9, and 5.0.1 for
/// disable-account). block-ip takes one of several ways, see [`BLOCK_IP`].
pub const NEEDS: &[Need] = &[
    need(
        "firewall-drop",
        &[IPTABLES],
        "blocks nothing",
        "\"The iptables file 'iptables' is not accessible\", and the exit status is 0: it looks like a success.",
    ),
    Need {
        only_ipv6: true,
        ..need(
            "firewall-drop",
            &[IP6TABLES],
            "blocks no IPv6 address",
            "\"The iptables file 'ip6tables' is not accessible\", and the exit status is 0: it looks like a success.",
        )
    },
    need(
        "firewalld-drop",
        &[FIREWALL_CMD],
        "blocks nothing",
        "\"The firewall-cmd file 'firewall-cmd' is not accessible\", and execd ignores its exit status.",
    ),
    need(
        "disable-account",
        &[PASSWD],
        "locks no account",
        "\"The passwd file 'passwd' is not accessible\", and the exit status is 0: it looks like a success.",
    ),
    Need {
        said: "only \"Ended\", as after a success.",
        ..need(
            "route-null",
            &[ROUTE],
            "blocks nothing",
            "\"Binary 'route' not found in default paths\", then \"Ended\", as after a success.",
        )
    },
    need(
        "wazuh-slack",
        &[CURL, WGET],
        "sends nothing",
        "\"Unable to run curl, trying with wget...\" and \"Unable to run wget\".",
    ),
    need("kaspersky", &[PYTHON, PYTHON3], "does nothing", "\"Python binary not found\"."),
];

/// The ways of block-ip on Linux, in order, besides `/etc/hosts.deny`, which comes before `route`
/// (`src/active-response/src/block-ip-unix.c main`, 5.0.1).
pub const BLOCK_IP: &[Tool] = &[FIREWALL_CMD, IPTABLES, ROUTE];

/// What a shipped program of this exact file name calls.
pub fn needs_of(name: &[u8]) -> impl Iterator<Item = &'static Need> {
    NEEDS.iter().filter(move |need| need.program.as_bytes() == name)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_lock_costs_what_was_measured() {
        assert_eq!((lock_wait(true), lock_wait(false)), (625, 1225));
        for lock in LOCKS {
            for name in lock.programs {
                let program = program_named(name.as_bytes()).unwrap();
                assert!(program.contracts.contains(&lock.contract), "{name}");
            }
        }
    }

    #[test]
    fn every_need_is_of_a_program_for_linux() {
        for need in NEEDS {
            let program = program_named(need.program.as_bytes());
            assert!(program.is_some_and(|program| program.system == Linux), "{}", need.program);
            assert!(!need.any_of.is_empty() && need.says.ends_with('.') && need.said.ends_with('.'));
        }
        assert_eq!(needs_of(b"firewall-drop").count(), 2);
        assert_eq!(needs_of(b"host-deny").count(), 0);
    }

    #[test]
    fn tools_are_searched_as_the_version_does() {
        let of = |tool: Tool, text: &str| tool.search(Version::parse(text));
        assert_eq!(of(IPTABLES, "4.7.5"), Search::Fixed(&["/sbin/iptables", "/usr/sbin/iptables"]));
        assert_eq!(of(IPTABLES, "4.8.0"), Search::Regular);
        assert_eq!(of(ROUTE, "4.7.5"), Search::Executable);
        assert_eq!(of(ROUTE, "5.0.0"), Search::Regular);
        assert_eq!(IPTABLES.search(None), Search::Regular);
    }
}
