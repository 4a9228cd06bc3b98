//! Capabilities of Linux by name (capabilities(7)), and what common programs ask of the kernel:
//! capabilities, kinds of sockets, files they write. Pure tables.

/// Names by number, without `CAP_` and in lower case, up to Linux 6.12.
const NAMES: [&str; 41] = [
    "chown",
    "dac_override",
    "dac_read_search",
    "fowner",
    "fsetid",
    "kill",
    "setgid",
    "setuid",
    "setpcap",
    "linux_immutable",
    "net_bind_service",
    "net_broadcast",
    "net_admin",
    "net_raw",
    "ipc_lock",
    "ipc_owner",
    "sys_module",
    "sys_rawio",
    "sys_chroot",
    "sys_ptrace",
    "sys_pacct",
    "sys_admin",
    "sys_boot",
    "sys_nice",
    "sys_resource",
    "sys_time",
    "sys_tty_config",
    "mknod",
    "lease",
    "audit_write",
    "audit_control",
    "setfcap",
    "mac_override",
    "mac_admin",
    "syslog",
    "wake_alarm",
    "block_suspend",
    "audit_read",
    "perfmon",
    "bpf",
    "checkpoint_restore",
];

/// Every capability that has a name here.
pub const ALL: u64 = (1 << NAMES.len()) - 1;

/// Make any file one's own.
pub const CHOWN: u32 = 0;
/// Pass by file modes.
pub const DAC_OVERRIDE: u32 = 1;
/// Signal any process.
pub const KILL: u32 = 5;
/// Change groups.
pub const SETGID: u32 = 6;
/// Change users.
pub const SETUID: u32 = 7;
/// Set chattr(1)'s i and a.
pub const LINUX_IMMUTABLE: u32 = 9;
/// Change the network.
pub const NET_ADMIN: u32 = 12;
/// Raw sockets.
pub const NET_RAW: u32 = 13;
/// Load modules.
pub const SYS_MODULE: u32 = 16;
/// Mount, and much more.
pub const SYS_ADMIN: u32 = 21;

/// The name of a capability as capabilities(7) has it.
pub fn name(number: u32) -> String {
    let known = usize::try_from(number).ok().and_then(|number| NAMES.get(number));
    known.map_or_else(|| format!("capability {number}"), |name| format!("CAP_{}", name.to_uppercase()))
}

/// The number of a name, in any case, with `CAP_`.
pub fn number(name: &str) -> Option<u32> {
    let name = name.to_ascii_lowercase();
    let name = name.strip_prefix("cap_")?;
    NAMES.iter().position(|known| *known == name).and_then(|number| u32::try_from(number).ok())
}

/// What a program asks of the kernel to do its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Program {
    /// Its name.
    pub name: &'static str,
    /// Capabilities it cannot do without, by number.
    pub capabilities: &'static [u32],
    /// Families of sockets it cannot do without.
    pub families: &'static [&'static str],
    /// It changes, or talks to, the network namespace it runs in.
    pub reaches: Reach,
    /// Paths it writes.
    pub writes: &'static [&'static str],
    /// It gains the rights of another user by its set-user-ID bit, when it is not started by root.
    pub is_setuid: bool,
    /// It makes code at run time: memory that is written and executed.
    pub makes_code: bool,
    /// Words of which one stands on its line when it changes something; none when it always does.
    pub words: &'static [&'static str],
}

/// What a program has to do with the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Nothing.
    Nothing,
    /// It changes the rules, routes or links of its network namespace.
    Changes,
    /// It talks to other hosts.
    Talks,
}

/// A program that asks the kernel for nothing special.
pub const PLAIN: Program = Program {
    name: "",
    capabilities: &[],
    families: &[],
    reaches: Reach::Nothing,
    writes: &[],
    is_setuid: false,
    makes_code: false,
    words: &[],
};

const fn firewall(name: &'static str) -> Program {
    Program { name, capabilities: &[NET_ADMIN], families: &["AF_NETLINK"], reaches: Reach::Changes, ..PLAIN }
}

const fn legacy(name: &'static str) -> Program {
    // `iptables/xshared.c xtables_lock`, `libiptc/libiptc.c TC_INIT`, iptables 1.8.
    Program {
        capabilities: &[NET_ADMIN, NET_RAW],
        families: &["AF_INET"],
        writes: &["/run/xtables.lock"],
        ..firewall(name)
    }
}

const fn accounts(name: &'static str) -> Program {
    Program { name, writes: &["/etc/passwd", "/etc/shadow"], ..PLAIN }
}

const fn becomes(name: &'static str) -> Program {
    Program { name, capabilities: &[SETUID, SETGID], is_setuid: true, ..PLAIN }
}

const fn talks(name: &'static str) -> Program {
    Program { name, families: &["AF_INET"], reaches: Reach::Talks, ..PLAIN }
}

const CHANGING: &[&str] = &["add", "del", "delete", "replace", "append", "change", "set", "flush"];

/// What is known of programs that responses call.
pub const PROGRAMS: &[Program] = &[
    firewall("iptables"),
    firewall("ip6tables"),
    firewall("iptables-nft"),
    firewall("ip6tables-nft"),
    legacy("iptables-legacy"),
    legacy("ip6tables-legacy"),
    firewall("nft"),
    firewall("ipset"),
    firewall("conntrack"),
    firewall("ebtables"),
    firewall("arptables"),
    firewall("ufw"),
    Program { words: CHANGING, ..firewall("ip") },
    Program { words: CHANGING, ..firewall("tc") },
    Program { words: &["add", "del"], families: &["AF_INET"], ..firewall("route") },
    Program { words: &["up", "down"], families: &["AF_INET"], ..firewall("ifconfig") },
    accounts("usermod"),
    accounts("useradd"),
    accounts("userdel"),
    accounts("chpasswd"),
    accounts("chage"),
    Program { is_setuid: true, writes: &["/etc/shadow"], ..accounts("passwd") },
    becomes("su"),
    becomes("sudo"),
    becomes("runuser"),
    becomes("doas"),
    Program { name: "chown", capabilities: &[CHOWN], ..PLAIN },
    Program { name: "chattr", capabilities: &[LINUX_IMMUTABLE], words: &["+i", "-i", "+a", "-a"], ..PLAIN },
    Program { name: "pkill", capabilities: &[KILL], ..PLAIN },
    Program { name: "killall", capabilities: &[KILL], ..PLAIN },
    Program { name: "mount", capabilities: &[SYS_ADMIN], words: &["-o", "-t", "--bind", "/"], ..PLAIN },
    Program { name: "umount", capabilities: &[SYS_ADMIN], ..PLAIN },
    Program { name: "modprobe", capabilities: &[SYS_MODULE], ..PLAIN },
    Program { name: "insmod", capabilities: &[SYS_MODULE], ..PLAIN },
    Program { name: "rmmod", capabilities: &[SYS_MODULE], ..PLAIN },
    Program { name: "sysctl", writes: &["/proc/sys/net"], words: &["-w", "--write", "="], ..PLAIN },
    Program { name: "tcpdump", capabilities: &[NET_RAW], reaches: Reach::Changes, ..PLAIN },
    talks("curl"),
    talks("wget"),
    talks("ssh"),
    talks("mail"),
    talks("sendmail"),
    Program { name: "node", makes_code: true, ..PLAIN },
    Program { name: "nodejs", makes_code: true, ..PLAIN },
    Program { name: "java", makes_code: true, ..PLAIN },
    Program { name: "pwsh", makes_code: true, ..PLAIN },
];

/// What is known of a program, by its name or path.
pub fn program(name: &str) -> Option<&'static Program> {
    let name = name.rsplit('/').next().unwrap_or(name);
    PROGRAMS.iter().find(|program| program.name == name)
}

/// The legacy iptables, whatever name leads to it.
pub const LEGACY: Program = legacy("iptables");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers() {
        assert_eq!(name(NET_ADMIN), "CAP_NET_ADMIN");
        assert_eq!(name(63), "capability 63");
        for (number, _) in (0..).zip(NAMES) {
            assert_eq!(super::number(&name(number)), Some(number));
        }
        assert_eq!(number("CAP_net_raw"), Some(NET_RAW));
        assert_eq!((number("net_raw"), number("CAP_"), number("")), (None, None, None));
        assert_eq!(ALL, 0x1ff_ffff_ffff);
    }

    #[test]
    fn programs_are_known_once() {
        for known in PROGRAMS {
            assert_eq!(program(known.name), Some(known));
        }
        assert_eq!(program("/usr/sbin/nft").map(|program| program.name), Some("nft"));
        assert_eq!(program("grep"), None);
    }
}
