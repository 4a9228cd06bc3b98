//! Rows about what responses call, and about what else on the host may keep them from it.

use ar_doctor::findings::checks;
use ar_doctor::host::capture::{CaptureHost, EditError};
use ar_doctor::host::elf::Elf;
use ar_doctor::host::{Fact, Host as _, Mount, Process};

use super::{AGENT, AR_CONF, Case, MANAGER, config, fault, near, replace};

const RHEL: &str = "agent-4.9-rhel";
const AGENT_42: &str = "agent-4.2-debian";
const AGENT_50: &str = "agent-5.0-debian";
const BIN: &str = "/var/ossec/active-response/bin";
const SCRIPT: &str = "/var/ossec/active-response/bin/edge-block.sh";
const DROP_LINE: &str = "firewall-drop600 - firewall-drop - 600\n";
const NO_PROCESSES: &str = "trees have no processes";

type Done = Result<(), EditError>;

/// The response calls another of the shipped programs.
fn uses(host: &mut CaptureHost, program: &str) -> Done {
    replace(host, AR_CONF, DROP_LINE, &format!("{program}600 - {program} - 600\n"))
}

/// A program that is there.
fn tool(host: &mut CaptureHost, path: &str) -> Done {
    host.write(path, "#!/bin/sh\n")?.set_mode(path, 0o755)?;
    Ok(())
}

/// No route of net-tools, and no hosts.deny.
fn bare_host(host: &mut CaptureHost) -> Done {
    host.remove("/usr/sbin/route")?.remove("/etc/hosts.deny")?;
    Ok(())
}

/// No iptables, for neither kind of address.
fn without_iptables(host: &mut CaptureHost) -> Done {
    host.remove("/usr/sbin/iptables")?.remove("/usr/sbin/ip6tables")?;
    Ok(())
}

/// The environment of execd.
fn path(host: &mut CaptureHost, path: Fact<String>) -> Done {
    let all = host.processes().get().cloned().unwrap_or_default();
    let execd = all.into_iter().find(|process| process.pid == 811);
    let mut execd = execd.ok_or_else(|| EditError::Missing("/proc/811".into()))?;
    execd.env_path = path;
    host.add_process(execd);
    Ok(())
}

/// A daemon of the host.
fn daemon(host: &mut CaptureHost, comm: &str, exe: &str) {
    host.add_process(Process {
        pid: 600,
        ppid: 1,
        comm: comm.to_owned(),
        exe: Some(exe.into()),
        args: vec![exe.into()],
        uid: 0,
        state: 'S',
        start: 1_795_161_600,
        env_path: Fact::absent("/proc/600/environ"),
        foreign: false,
    });
}

fn firewalld(host: &mut CaptureHost) -> Done {
    tool(host, "/usr/bin/firewall-cmd")?;
    daemon(host, "firewalld", "/usr/bin/python3");
    Ok(())
}

fn program(needed: &[&str]) -> Elf {
    Elf {
        class: 64,
        machine: "x86_64".to_owned(),
        interpreter: Some("/lib64/ld-linux-x86-64.so.2".to_owned()),
        needed: needed.iter().map(|name| (*name).to_owned()).collect(),
        runpath: Vec::new(),
    }
}

/// host-deny with the file it needs, and an sshd that loads these.
fn sshd(host: &mut CaptureHost, needed: &[&str]) -> Done {
    uses(host, "host-deny")?;
    host.write("/etc/hosts.deny", "")?;
    host.write_elf("/usr/sbin/sshd", &program(needed))?.set_mode("/usr/sbin/sshd", 0o755)?;
    Ok(())
}

fn library(host: &mut CaptureHost, name: &str, needed: &[&str]) -> Done {
    host.write_elf(
        format!("/usr/lib/x86_64-linux-gnu/{name}"),
        &Elf { interpreter: None, ..program(needed) },
    )?;
    Ok(())
}

/// iptables leads to the legacy program.
fn legacy(host: &mut CaptureHost) -> Done {
    host.write_elf("/usr/sbin/xtables-legacy-multi", &program(&["libc.so.6"]))?
        .set_mode("/usr/sbin/xtables-legacy-multi", 0o755)?
        .remove("/etc/alternatives/iptables")?
        .symlink("/etc/alternatives/iptables", "/usr/sbin/xtables-legacy-multi")?;
    Ok(())
}

/// A kernel, the modules it has on the disk, and none of iptables loaded.
fn kernel(host: &mut CaptureHost, modules: &str) -> Done {
    host.write("/proc/sys/kernel/osrelease", "6.17.1-test\n")?;
    host.mkdir("/proc/net")?;
    host.write("/usr/lib/modules/6.17.1-test/modules.dep", modules)?;
    host.write("/usr/lib/modules/6.17.1-test/modules.builtin", "kernel/fs/ext4/ext4.ko\n")?;
    Ok(())
}

fn nftables(host: &mut CaptureHost, script: &str) -> Done {
    host.write(
        "/usr/lib/systemd/system/nftables.service",
        "[Service]\nExecReload=/usr/sbin/nft -f /etc/nftables.conf\n",
    )?;
    host.symlink(
        "/etc/systemd/system/sysinit.target.wants/nftables.service",
        "/usr/lib/systemd/system/nftables.service",
    )?;
    host.write("/etc/nftables.conf", script)?;
    Ok(())
}

/// The agent's script does this besides.
fn line(host: &mut CaptureHost, line: &str) -> Done {
    replace(host, SCRIPT, "echo \"$(date", &format!("{line}\necho \"$(date"))
}

/// Another first line.
fn shebang(host: &mut CaptureHost, line: &str) -> Done {
    replace(host, SCRIPT, "#!/bin/bash\n", &format!("{line}\n"))
}

fn rbash(host: &mut CaptureHost) -> Done {
    host.symlink("/usr/bin/rbash", "bash")?;
    Ok(())
}

fn fapolicyd(host: &mut CaptureHost, conf: &str, trust: &str) -> Done {
    daemon(host, "fapolicyd", "/usr/sbin/fapolicyd");
    host.write("/etc/fapolicyd/fapolicyd.conf", conf)?;
    host.mkdir("/etc/fapolicyd/trust.d")?;
    host.write("/etc/fapolicyd/trust.d/responses", trust)?;
    Ok(())
}

/// A compiled program of one's own in place of the script.
fn compiled(host: &mut CaptureHost, content: &[u8]) -> Done {
    host.write_elf(SCRIPT, &program(&["libc.so.6"]))?;
    host.append(SCRIPT, content)?;
    Ok(())
}

fn exec_tmp(host: &mut CaptureHost) {
    let mut mounts: Vec<Mount> = host.mounts().get().cloned().unwrap_or_default();
    mounts.retain(|mount| mount.target != std::path::Path::new("/tmp"));
    host.set_mounts(mounts);
}

/// The rows.
pub const CASES: &[Case] = &[
    fault(checks::TOOL_MISSING, "no iptables for firewall-drop", AGENT, without_iptables),
    fault(checks::TOOL_MISSING, "no iptables where 4.2 looks for it", AGENT_42, |host| {
        without_iptables(host)?;
        tool(host, "/usr/local/sbin/iptables")
    }),
    fault(checks::TOOL_MISSING, "no iptables for IPv6", AGENT, |host| {
        host.remove("/usr/sbin/ip6tables")?;
        Ok(())
    }),
    fault(checks::TOOL_MISSING, "iptables is there, and not in the PATH of execd", AGENT, |host| {
        path(host, Fact::known("/proc/811/environ", "/usr/local/bin:/usr/bin:/bin".to_owned()))
    })
    .not_on_a_tree(NO_PROCESSES),
    fault(checks::TOOL_MISSING, "execd has no PATH at all", AGENT, |host| {
        path(host, Fact::absent("/proc/811/environ"))
    })
    .not_on_a_tree(NO_PROCESSES),
    fault(checks::TOOL_MISSING, "the unit sets a PATH, and that of execd may not be read", AGENT, |host| {
        host.write(
            "/etc/systemd/system/wazuh-agent.service.d/path.conf",
            "[Service]\nEnvironment=PATH=/usr/bin:/bin\n",
        )?;
        path(host, Fact::denied("/proc/811/environ", "permission denied"))
    }),
    fault(checks::TOOL_MISSING, "an iptables that nobody may execute comes first", AGENT, |host| {
        host.write("/usr/local/sbin/iptables", "#!/bin/sh\n")?.set_mode("/usr/local/sbin/iptables", 0o644)?;
        Ok(())
    }),
    near(checks::TOOL_MISSING, "iptables in another directory of PATH", AGENT, |host| {
        without_iptables(host)?;
        tool(host, "/usr/local/bin/iptables")?;
        tool(host, "/usr/local/bin/ip6tables")
    }),
    near(checks::TOOL_MISSING, "4.2 needs no PATH", AGENT_42, |host| {
        path(host, Fact::known("/proc/811/environ", "/usr/local/bin:/bin".to_owned()))
    })
    .not_on_a_tree(NO_PROCESSES),
    near(checks::TOOL_MISSING, "no iptables, and no response that uses it", AGENT, |host| {
        replace(host, AR_CONF, DROP_LINE, "")?;
        without_iptables(host)
    }),
    near(checks::TOOL_MISSING, "no iptables on a manager whose responses run on agents", MANAGER, |host| {
        config(host, "<location>local</location>", "<location>defined-agent</location>\n    <agent_id>004</agent_id>")?;
        without_iptables(host)
    }),
    fault(checks::TOOL_MISSING, "no passwd for disable-account", AGENT, |host| {
        uses(host, "disable-account")?;
        host.remove("/usr/bin/passwd")?;
        Ok(())
    }),
    near(checks::TOOL_MISSING, "disable-account with passwd", AGENT, |host| uses(host, "disable-account")),
    fault(checks::TOOL_MISSING, "no net-tools for route-null", AGENT, |host| {
        uses(host, "route-null")?;
        host.remove("/usr/sbin/route")?;
        Ok(())
    }),
    near(checks::TOOL_MISSING, "route-null with net-tools", AGENT, |host| {
        uses(host, "route-null")
    }),
    fault(checks::TOOL_MISSING, "firewalld-drop without firewalld", AGENT, |host| uses(host, "firewalld-drop")),
    fault(checks::TOOL_MISSING, "none of the four ways of block-ip", AGENT_50, |host| {
        bare_host(host)?;
        without_iptables(host)
    }),
    near(checks::TOOL_MISSING, "block-ip takes route", AGENT_50, |host| {
        host.remove("/etc/hosts.deny")?;
        without_iptables(host)
    }),
    near(checks::TOOL_MISSING, "block-ip takes firewalld", AGENT_50, |host| {
        bare_host(host)?;
        without_iptables(host)?;
        firewalld(host)
    })
    .not_on_a_tree(NO_PROCESSES),
    fault(checks::LIBRARY_MISSING, "the directory of Wazuh's libraries is gone", AGENT, |host| {
        host.remove("/var/ossec/lib")?;
        Ok(())
    }),
    fault(checks::FIREWALLD_NOT_RUNNING, "firewalld-drop, and firewalld is installed only", AGENT, |host| {
        uses(host, "firewalld-drop")?;
        tool(host, "/usr/bin/firewall-cmd")
    })
    .not_on_a_tree(NO_PROCESSES),
    near(checks::FIREWALLD_NOT_RUNNING, "firewalld-drop with firewalld", AGENT, |host| {
        uses(host, "firewalld-drop")?;
        firewalld(host)
    })
    .not_on_a_tree(NO_PROCESSES),
    fault(checks::HOSTS_DENY_MISSING, "host-deny without its file", AGENT, |host| {
        uses(host, "host-deny")?;
        host.remove("/etc/hosts.deny")?;
        Ok(())
    }),
    fault(checks::HOSTS_DENY_MISSING, "hosts.deny is a directory", AGENT, |host| {
        uses(host, "host-deny")?;
        host.remove("/etc/hosts.deny")?.mkdir("/etc/hosts.deny")?;
        Ok(())
    }),
    near(checks::HOSTS_DENY_MISSING, "host-deny with its file, and no sshd", AGENT, |host| {
        uses(host, "host-deny")?;
        Ok(())
    }),
    fault(checks::HOSTS_DENY_IGNORED, "sshd without TCP wrappers", AGENT, |host| sshd(host, &["libc.so.6"])),
    fault(checks::HOSTS_DENY_IGNORED, "block-ip has hosts.deny alone, and sshd no TCP wrappers", AGENT_50, |host| {
        without_iptables(host)?;
        host.write("/etc/hosts.deny", "")?;
        host.write_elf("/usr/sbin/sshd", &program(&["libc.so.6"]))?;
        Ok(())
    }),
    fault(checks::HOSTS_DENY_IGNORED, "hosts.allow lets everyone in", AGENT, |host| {
        sshd(host, &["libwrap.so.0", "libc.so.6"])?;
        host.write("/etc/hosts.allow", "# local rules\nsshd : ALL\n")?;
        Ok(())
    }),
    near(checks::HOSTS_DENY_IGNORED, "sshd with TCP wrappers", AGENT, |host| {
        sshd(host, &["libwrap.so.0", "libc.so.6"])?;
        host.write("/etc/hosts.allow", "sshd : 192.0.2. : allow\n")?;
        Ok(())
    }),
    near(checks::HOSTS_DENY_IGNORED, "sshd has TCP wrappers through another library", AGENT, |host| {
        sshd(host, &["libexample.so.1", "libc.so.6"])?;
        library(host, "libexample.so.1", &["libwrap.so.0"])
    }),
    near(checks::HOSTS_DENY_IGNORED, "TCP wrappers in the program that serves the session", AGENT, |host| {
        sshd(host, &["libc.so.6"])?;
        host.write_elf("/usr/lib/openssh/sshd-session", &program(&["libwrap.so.0"]))?;
        Ok(())
    }),
    fault(checks::BLOCKS_FLUSHED, "firewalld beside firewall-drop", RHEL, |host| {
        firewalld(host)?;
        host.write("/etc/firewalld/firewalld.conf", "FirewallBackend=nftables\n")?;
        Ok(())
    })
    .not_on_a_tree(NO_PROCESSES),
    fault(checks::BLOCKS_FLUSHED, "nftables.service flushes all rules", AGENT, |host| {
        nftables(host, "#!/usr/sbin/nft -f\n\nflush ruleset\n\ntable inet filter {\n}\n")
    })
    .not_on_a_tree(NO_PROCESSES),
    near(checks::BLOCKS_FLUSHED, "nftables.service flushes its own table", AGENT, |host| {
        nftables(host, "#!/usr/sbin/nft -f\nadd table inet filter\nflush table inet filter\n")
    })
    .not_on_a_tree(NO_PROCESSES),
    near(checks::BLOCKS_FLUSHED, "firewalld, and no response that drives iptables", AGENT, |host| {
        uses(host, "firewalld-drop")?;
        firewalld(host)
    })
    .not_on_a_tree(NO_PROCESSES),
    fault(checks::IPTABLES_LEGACY, "the legacy iptables, and a kernel without its tables", AGENT, |host| {
        legacy(host)?;
        kernel(host, "kernel/net/netfilter/nf_tables.ko:\n")
    })
    .not_on_a_tree("/proc of a tree is not the host's"),
    fault(checks::IPTABLES_LEGACY, "the legacy iptables beside nftables.service", AGENT, |host| {
        legacy(host)?;
        nftables(host, "flush ruleset\n")
    })
    .not_on_a_tree(NO_PROCESSES),
    near(checks::IPTABLES_LEGACY, "the legacy iptables alone", AGENT, |host| {
        legacy(host)?;
        kernel(host, "kernel/net/ipv4/netfilter/ip_tables.ko: kernel/net/netfilter/x_tables.ko\n")
    })
    .not_on_a_tree("/proc of a tree is not the host's"),
    fault(checks::FAPOLICYD_UNTRUSTED, "fapolicyd, and a script it was not told of", RHEL, |host| {
        fapolicyd(host, "permissive = 0\n", "/opt/other 12 00\n")
    })
    .not_on_a_tree(NO_PROCESSES),
    fault(checks::FAPOLICYD_UNTRUSTED, "the script was changed since fapolicyd was told of it", RHEL, |host| {
        fapolicyd(host, "permissive = 0\n", &format!("{SCRIPT} 1 00\n"))
    })
    .not_on_a_tree(NO_PROCESSES),
    near(checks::FAPOLICYD_UNTRUSTED, "fapolicyd knows the script", RHEL, |host| {
        let size = host.entry(SCRIPT.as_ref()).get().map_or(0, |meta| meta.size);
        fapolicyd(host, "permissive = 0\n", &format!("{SCRIPT} {size} 00\n"))
    })
    .not_on_a_tree(NO_PROCESSES),
    near(checks::FAPOLICYD_UNTRUSTED, "fapolicyd only watches", RHEL, |host| {
        fapolicyd(host, "# testing\npermissive = 1\n", "")
    })
    .not_on_a_tree(NO_PROCESSES),
    fault(checks::DENIALS_NOT_AUDITED, "AVC records are excluded under SELinux", RHEL, |host| {
        host.write("/etc/selinux/config", "SELINUX=enforcing\nSELINUXTYPE=targeted\n")?;
        host.write("/etc/audit/rules.d/10-quiet.rules", "-D\n-a always,exclude -F msgtype=AVC\n")?;
        Ok(())
    }),
    near(checks::DENIALS_NOT_AUDITED, "AVC records are excluded, and nothing denies", AGENT, |host| {
        host.write("/etc/audit/rules.d/10-quiet.rules", "-a always,exclude -F msgtype=AVC\n")?;
        Ok(())
    }),
    near(checks::DENIALS_NOT_AUDITED, "other records are excluded under SELinux", RHEL, |host| {
        host.write("/etc/selinux/config", "SELINUX=enforcing\n")?;
        host.write("/etc/audit/audit.rules", "-a always,exclude -F msgtype=CWD\n-a never,task\n")?;
        Ok(())
    }),
    fault(checks::ENDPOINT_PROTECTION, "a product by the name of its process", AGENT, |host| {
        daemon(host, "falcon-sensor", "/opt/CrowdStrike/falcon-sensor");
        Ok(())
    })
    .not_on_a_tree(NO_PROCESSES),
    fault(checks::ENDPOINT_PROTECTION, "a product by the place of its program", AGENT, |host| {
        daemon(host, "scand", "/opt/eset/efs/lib/scand");
        Ok(())
    })
    .not_on_a_tree(NO_PROCESSES),
    near(checks::ENDPOINT_PROTECTION, "a daemon of nobody's", AGENT, |host| {
        daemon(host, "scand", "/usr/sbin/scand");
        Ok(())
    })
    .not_on_a_tree(NO_PROCESSES),
    fault(checks::TOOL_ON_NOEXEC, "the script runs what it made in /tmp", AGENT, |host| {
        host.mkdir("/tmp")?;
        line(host, "printf '#!/bin/sh\\n' >/tmp/edge-helper; chmod 700 /tmp/edge-helper; /tmp/edge-helper \"$SRCIP\"")
    })
    .mounted("/tmp", "noexec"),
    fault(checks::TOOL_ON_NOEXEC, "a program made by PyInstaller", AGENT, |host| {
        host.mkdir("/tmp")?;
        compiled(host, b"\0_MEIPASS2\0Cannot open archive\0")
    })
    .mounted("/tmp", "noexec"),
    near(checks::TOOL_ON_NOEXEC, "the script hands its file in /tmp to a shell", AGENT, |host| {
        line(host, "printf 'exit 0\\n' >/tmp/edge-helper; sh /tmp/edge-helper \"$SRCIP\"")
    }),
    near(checks::TOOL_ON_NOEXEC, "/tmp is mounted without noexec", AGENT, |host| {
        exec_tmp(host);
        line(host, "printf '#!/bin/sh\\n' >/tmp/edge-helper; chmod 700 /tmp/edge-helper; /tmp/edge-helper \"$SRCIP\"")
    })
    .not_on_a_tree("its mounts are those of this machine"),
    near(checks::TOOL_ON_NOEXEC, "a program by PyInstaller with its files beside it", AGENT, |host| {
        compiled(host, b"\0_MEIPASS2\0")?;
        host.mkdir(format!("{BIN}/_internal"))?;
        Ok(())
    }),
    fault(checks::RESTRICTED_SHELL, "line 1 names rbash", AGENT, |host| {
        rbash(host)?;
        shebang(host, "#!/bin/rbash")
    }),
    fault(checks::RESTRICTED_SHELL, "bash is restricted by an option", AGENT, |host| {
        shebang(host, "#!/bin/bash -r")
    }),
    fault(checks::RESTRICTED_SHELL, "/bin/sh is a wrapper", AGENT, |host| {
        host.write_elf("/usr/bin/rootsh", &program(&["libc.so.6"]))?
            .set_mode("/usr/bin/rootsh", 0o755)?
            .remove("/usr/bin/sh")?
            .symlink("/usr/bin/sh", "rootsh")?;
        host.write(SCRIPT, "#!/bin/sh\nread -r INPUT\necho \"$0: $INPUT\" >>logs/active-responses.log\n")?;
        replace(host, AR_CONF, "edge-block900 - edge-block.sh - 900\n", "edge-block0 - edge-block.sh - 0\n")
    }),
    near(checks::RESTRICTED_SHELL, "rbash is there, and no script names it", AGENT, rbash),
    near(checks::RESTRICTED_SHELL, "bash with another option", AGENT, |host| shebang(host, "#!/bin/bash -e")),
];
