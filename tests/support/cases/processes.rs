//! Rows about execd and its neighbours: what runs, how often, and what it may do.

use ar_doctor::findings::checks;
use ar_doctor::host::capture::{CaptureHost, EditError};
use ar_doctor::host::process::{Capabilities, Seccomp};
use ar_doctor::host::{Fact, Host as _, Mount, Process, ProcessDetail, Value};

use super::{AGENT, AR_CONF, Case, MANAGER, fault, near, replace};

const RHEL: &str = "agent-4.9-rhel";
const AGENT_50: &str = "agent-5.0-debian";
const MANAGER_50: &str = "manager-5.0-debian";
const SCRIPT: &str = "/var/ossec/active-response/bin/edge-block.sh";
const LOG: &str = "/var/ossec/logs/ossec.log";
const DROP_IN: &str = "/etc/systemd/system/wazuh-agent.service.d/hardening.conf";
const DROP_LINE: &str = "firewall-drop600 - firewall-drop - 600\n";
const NO_PROCESSES: &str = "trees have no processes";
const EXECD: u32 = 811;
const AGENTD: u32 = 839;
const NET_ADMIN: u64 = 1 << 12;
const ALL: u64 = 0x1ff_ffff_ffff;

type Done = Result<(), EditError>;

fn uses(host: &mut CaptureHost, program: &str) -> Done {
    replace(host, AR_CONF, DROP_LINE, &format!("{program}600 - {program} - 600\n"))
}

/// The agent's script does this besides.
fn line(host: &mut CaptureHost, line: &str) -> Done {
    replace(host, SCRIPT, "echo \"$(date", &format!("{line}\necho \"$(date"))
}

/// No response but the script's.
fn script_only(host: &mut CaptureHost) -> Done {
    replace(host, AR_CONF, DROP_LINE, "")
}

fn process(host: &CaptureHost, pid: u32) -> Result<Process, EditError> {
    let all = host.processes();
    let found = all.get().into_iter().flatten().find(|process| process.pid == pid).cloned();
    found.ok_or_else(|| EditError::Missing(format!("/proc/{pid}").into()))
}

/// A copy of a process, changed.
fn another(host: &mut CaptureHost, of: u32, pid: u32, change: impl FnOnce(&mut Process)) -> Done {
    let mut copy = Process { pid, ..process(host, of)? };
    change(&mut copy);
    host.add_process(copy);
    Ok(())
}

fn without(host: &mut CaptureHost, pid: u32) -> Done {
    host.remove_process(pid)?;
    Ok(())
}

/// wazuh-control has been at work for some seconds.
fn restarts(host: &mut CaptureHost, seconds: i64) -> Done {
    let start = host.now().get().copied().unwrap_or_default() - seconds;
    another(host, 818, 9000, |control| {
        control.ppid = 1;
        control.comm = "wazuh-control".to_owned();
        control.exe = Some("/usr/bin/dash".into());
        control.args = ["/bin/sh", "/var/ossec/bin/wazuh-control", "restart"].map(Into::into).into();
        control.start = start;
    })
}

fn execd(host: &mut CaptureHost, change: impl FnOnce(&mut ProcessDetail)) -> Done {
    host.change_process(EXECD, change)?;
    Ok(())
}

fn set<T>(fact: &mut Fact<T>, value: T) {
    fact.value = Value::Known(value);
}

/// execd has what is left of all capabilities.
fn drops(host: &mut CaptureHost, dropped: u64) -> Done {
    let left = ALL & !dropped;
    execd(host, |detail| {
        let sets = Capabilities { permitted: left, effective: left, bounding: left, ambient: 0 };
        set(&mut detail.capabilities, sets);
    })
}

/// execd does not live in the namespaces of the reader.
fn apart(host: &mut CaptureHost, kinds: &[&str]) -> Done {
    execd(host, |detail| {
        let mut namespaces = detail.namespaces.get().cloned().unwrap_or_default();
        for kind in kinds {
            namespaces.numbers.insert((*kind).to_owned(), 4_026_532_301);
            namespaces.others.insert((*kind).to_owned());
        }
        set(&mut detail.namespaces, namespaces);
    })
}

/// All of the host is a container, with these namespaces.
fn container(host: &mut CaptureHost, net: u64) -> Done {
    host.write("/.dockerenv", "")?;
    execd(host, |detail| {
        let mut namespaces = detail.namespaces.get().cloned().unwrap_or_default();
        for (kind, number) in [("net", net), ("pid", 4_026_532_400), ("mnt", 4_026_532_399)] {
            namespaces.numbers.insert(kind.to_owned(), number);
        }
        set(&mut detail.namespaces, namespaces);
        set(&mut detail.cgroup, "/".to_owned());
    })
}

fn drop_in(host: &mut CaptureHost, settings: &str) -> Done {
    host.write(DROP_IN, format!("[Service]\n{settings}\n"))?;
    Ok(())
}

/// execd filters system calls.
fn filters(host: &mut CaptureHost) -> Done {
    execd(host, |detail| set(&mut detail.seccomp, Seccomp::Filter))
}

/// execd has a mount table of its own, in which `/etc` is as these options say.
fn etc_is(host: &mut CaptureHost, options: &str) -> Done {
    let mut mounts = host.mounts().get().cloned().unwrap_or_default();
    mounts.push(Mount {
        target: "/etc".into(),
        source: "/dev/sda1".to_owned(),
        fstype: "ext4".to_owned(),
        options: options.split(',').map(str::to_owned).collect(),
        root: "/etc".into(),
        ..Mount::default()
    });
    apart(host, &["mnt"])?;
    execd(host, |detail| set(&mut detail.mounts, mounts))
}

fn log(host: &mut CaptureHost, lines: &[&str]) -> Done {
    host.write(LOG, lines.iter().map(|line| format!("2026/11/20 {line}\n")).collect::<String>())?;
    Ok(())
}

const STARTED: [&str; 3] = [
    "09:00:01 wazuh-execd: INFO: Started (pid: 600).",
    "09:20:01 wazuh-execd: INFO: Started (pid: 700).",
    "10:00:05 wazuh-execd: INFO: Started (pid: 811).",
];

/// The rows.
pub const CASES: &[Case] = &[
    // Daemons.
    fault(checks::DAEMON_NOT_RUNNING, "no agentd", AGENT, |host| without(host, AGENTD))
        .not_on_a_tree(NO_PROCESSES),
    fault(checks::DAEMON_NOT_RUNNING, "no agentd on 5.x", AGENT_50, |host| without(host, AGENTD))
        .not_on_a_tree(NO_PROCESSES),
    fault(checks::DAEMON_NOT_RUNNING, "agentd gave up, and says why", AGENT, |host| {
        log(
            host,
            &[
                "10:00:05 wazuh-agentd: INFO: Started (pid: 839).",
                "10:01:05 wazuh-agentd: CRITICAL: (1216): Unable to connect.",
            ],
        )?;
        without(host, AGENTD)
    })
    .not_on_a_tree(NO_PROCESSES),
    fault(checks::DAEMON_NOT_RUNNING, "Wazuh is stopped", AGENT, |host| {
        let all = [EXECD, 818, 825, 832, AGENTD];
        all.into_iter().try_for_each(|pid| without(host, pid))
    })
    .not_on_a_tree(NO_PROCESSES),
    near(checks::DAEMON_NOT_RUNNING, "wazuh-control restarts the daemons just now", AGENT, |host| {
        without(host, AGENTD)?;
        without(host, EXECD)?;
        restarts(host, 5)
    })
    .not_on_a_tree(NO_PROCESSES),
    fault(checks::DAEMON_NOT_RUNNING, "wazuh-control has hung for an hour", AGENT, |host| {
        without(host, AGENTD)?;
        restarts(host, 3600)
    })
    .not_on_a_tree(NO_PROCESSES),
    fault(checks::DAEMON_NOT_RUNNING, "no analysisd", MANAGER, |host| without(host, 839))
        .not_on_a_tree(NO_PROCESSES),
    fault(checks::DAEMON_NOT_RUNNING, "no remoted", MANAGER, |host| without(host, 846))
        .not_on_a_tree(NO_PROCESSES),
    fault(checks::DAEMON_NOT_RUNNING, "no wazuh-db", MANAGER, |host| without(host, 853))
        .not_on_a_tree(NO_PROCESSES),
    near(checks::DAEMON_NOT_RUNNING, "no wazuh-db, and no response for an agent", MANAGER, |host| {
        super::config(host, "<location>local</location>", "<location>server</location>")?;
        const NETSH: &str = "<command>netsh</command>\n    <location>defined-agent</location>\n    <agent_id>004</agent_id>\n    <rules_group>authentication_failures</rules_group>\n    <timeout>1800</timeout>";
        const ONCALL: &str = "<command>notify-oncall</command>\n    <location>server</location>\n    <level>13</level>";
        super::config(host, NETSH, ONCALL)?;
        without(host, 853)
    })
    .not_on_a_tree(NO_PROCESSES),
    near(checks::DAEMON_NOT_RUNNING, "a daemon of 5.x that has no part in it", MANAGER_50, |host| {
        without(host, 825)
    })
    .not_on_a_tree(NO_PROCESSES),
    near(checks::DAEMON_NOT_RUNNING, "agentd, whose program may not be looked at", AGENT, |host| {
        another(host, AGENTD, AGENTD, |agentd| agentd.exe = None)
    })
    .not_on_a_tree(NO_PROCESSES),
    fault(checks::DAEMON_RESTARTS, "execd ended twice without a word", AGENT, |host| log(host, &STARTED)),
    near(checks::DAEMON_RESTARTS, "execd was restarted twice", AGENT, |host| {
        const END: &str = "wazuh-execd: INFO: (1225): SIGNAL [(15)-(Terminated)] Received. Exit Cleaning...";
        log(
            host,
            &[STARTED[0], &format!("09:20:00 {END}"), STARTED[1], &format!("10:00:02 {END}"), STARTED[2]],
        )
    }),
    near(checks::DAEMON_RESTARTS, "a power cut", AGENT, |host| log(host, &STARTED[1..])),
    near(checks::DAEMON_RESTARTS, "a container that was killed twice, with all in it", AGENT, |host| {
        let agentd = STARTED.map(|line| line.replace("execd", "agentd").replace("01 ", "03 "));
        let lines = [STARTED[0], &agentd[0], STARTED[1], &agentd[1], STARTED[2], &agentd[2]];
        log(host, &lines)
    }),
    fault(checks::DAEMON_RESTARTS, "a watchdog restarts all for execd's sake", AGENT, |host| {
        const END: &str = "wazuh-agentd: INFO: (1225): SIGNAL [(15)-(Terminated)] Received. Exit Cleaning...";
        let agentd = STARTED.map(|line| line.replace("execd", "agentd").replace("01 ", "03 "));
        let (first, second) = (format!("09:20:00 {END}"), format!("10:00:02 {END}"));
        let lines =
            [STARTED[0], &agentd[0], &first, STARTED[1], &agentd[1], &second, STARTED[2], &agentd[2]];
        log(host, &lines)
    }),
    fault(checks::DAEMON_TWICE, "a second execd, started by hand", AGENT, |host| {
        another(host, EXECD, 4711, |execd| execd.start += 600)
    })
    .not_on_a_tree(NO_PROCESSES),
    fault(checks::DAEMON_TWICE, "a second execd has taken the socket over", AGENT, |host| {
        another(host, EXECD, 4711, |execd| execd.start += 7200)?;
        let start = process(host, 4711)?.start;
        host.set_times("/var/ossec/queue/alerts/execq", start, start)?;
        Ok(())
    })
    .not_on_a_tree(NO_PROCESSES),
    fault(checks::DAEMON_TWICE, "a second agentd", RHEL, |host| {
        another(host, AGENTD, 4711, |agentd| agentd.start += 600)
    })
    .not_on_a_tree(NO_PROCESSES),
    near(checks::DAEMON_TWICE, "execd has forked, and not yet started the script", AGENT, |host| {
        another(host, EXECD, 4711, |child| child.ppid = EXECD)
    })
    .not_on_a_tree(NO_PROCESSES),
    near(checks::DAEMON_TWICE, "a configuration is being tried", MANAGER, |host| {
        another(host, 839, 4711, |tried| tried.args.push("-t".into()))
    })
    .not_on_a_tree(NO_PROCESSES),
    near(checks::DAEMON_TWICE, "the execd of a container", AGENT, |host| {
        another(host, EXECD, 4711, |other| other.foreign = true)
    })
    .not_on_a_tree(NO_PROCESSES),
    near(checks::DAEMON_TWICE, "the execd of another installation", AGENT, |host| {
        another(host, EXECD, 4711, |other| other.exe = Some("/srv/wazuh/bin/wazuh-execd".into()))
    })
    .not_on_a_tree(NO_PROCESSES),
    // Capabilities.
    fault(checks::CAPABILITY_MISSING, "no CAP_NET_ADMIN for iptables", AGENT, |host| drops(host, NET_ADMIN))
        .not_on_a_tree(NO_PROCESSES),
    fault(checks::CAPABILITY_MISSING, "no CAP_NET_ADMIN for block-ip", AGENT_50, |host| {
        drops(host, NET_ADMIN)
    })
    .not_on_a_tree(NO_PROCESSES),
    fault(checks::CAPABILITY_MISSING, "no CAP_NET_ADMIN for the nft of a script", AGENT, |host| {
        script_only(host)?;
        host.write("/usr/sbin/nft", "#!/bin/sh\n")?.set_mode("/usr/sbin/nft", 0o755)?;
        line(host, "nft add element inet filter blocked \"{ $SRCIP }\"")?;
        drops(host, NET_ADMIN)
    })
    .not_on_a_tree(NO_PROCESSES),
    fault(checks::CAPABILITY_MISSING, "no CAP_CHOWN for passwd", AGENT, |host| {
        uses(host, "disable-account")?;
        host.write("/etc/shadow", "")?.set_owner("/etc/shadow", 0, 42)?.set_mode("/etc/shadow", 0o640)?;
        drops(host, 1)
    })
    .not_on_a_tree(NO_PROCESSES),
    fault(checks::CAPABILITY_MISSING, "what no_new_privs does not give back", AGENT, |host| {
        execd(host, |detail| {
            set(&mut detail.no_new_privs, true);
            let left = ALL & !NET_ADMIN;
            let sets = Capabilities { permitted: left, effective: left, bounding: ALL, ambient: 0 };
            set(&mut detail.capabilities, sets);
        })
    })
    .not_on_a_tree(NO_PROCESSES),
    fault(checks::CAPABILITY_MISSING, "root of a user namespace on the network of the host", AGENT, |host| {
        apart(host, &["user"])
    })
    .not_on_a_tree(NO_PROCESSES),
    near(checks::CAPABILITY_MISSING, "root gets back what the bounding set leaves", AGENT, |host| {
        execd(host, |detail| {
            let sets = Capabilities { permitted: 0, effective: 0, bounding: ALL, ambient: 0 };
            set(&mut detail.capabilities, sets);
        })
    })
    .not_on_a_tree(NO_PROCESSES),
    near(checks::CAPABILITY_MISSING, "no CAP_NET_ADMIN, and no response that needs it", AGENT, |host| {
        script_only(host)?;
        drops(host, NET_ADMIN)
    })
    .not_on_a_tree(NO_PROCESSES),
    near(checks::CAPABILITY_MISSING, "a script that only shows addresses", AGENT, |host| {
        script_only(host)?;
        host.write("/usr/sbin/ip", "#!/bin/sh\n")?.set_mode("/usr/sbin/ip", 0o755)?;
        line(host, "ip addr show >/dev/null")?;
        drops(host, NET_ADMIN)
    })
    .not_on_a_tree(NO_PROCESSES),
    near(checks::CAPABILITY_MISSING, "disable-account needs no CAP_NET_ADMIN", AGENT, |host| {
        uses(host, "disable-account")?;
        drops(host, NET_ADMIN)
    })
    .not_on_a_tree(NO_PROCESSES),
    // The network.
    fault(checks::OTHER_NETWORK, "execd has a network of its own", AGENT, |host| apart(host, &["net"]))
        .not_on_a_tree(NO_PROCESSES),
    fault(checks::OTHER_NETWORK, "a container with its own network", AGENT, |host| {
        container(host, 4_026_532_405)
    })
    .not_on_a_tree(NO_PROCESSES),
    fault(checks::OTHER_NETWORK, "a pod that nothing names", AGENT, |host| {
        container(host, 4_026_532_405)?;
        host.remove("/.dockerenv")?;
        let mut mounts = host.mounts().get().cloned().unwrap_or_default();
        for root in mounts.iter_mut().filter(|mount| mount.target == std::path::Path::new("/")) {
            root.fstype = "overlay".to_owned();
        }
        host.set_mounts(mounts);
        Ok(())
    })
    .not_on_a_tree(NO_PROCESSES),
    near(checks::OTHER_NETWORK, "a container on the network of the host", AGENT, |host| {
        container(host, 4_026_531_840)
    })
    .not_on_a_tree(NO_PROCESSES),
    near(checks::OTHER_NETWORK, "a container whose responses block nothing", AGENT, |host| {
        script_only(host)?;
        container(host, 4_026_532_405)
    })
    .not_on_a_tree(NO_PROCESSES),
    near(checks::OTHER_NETWORK, "a mount namespace of its own", AGENT, |host| {
        apart(host, &["mnt", "uts"])?;
        let mounts = host.mounts().get().cloned().unwrap_or_default();
        execd(host, |detail| set(&mut detail.mounts, mounts))
    })
    .not_on_a_tree(NO_PROCESSES),
    // The unit.
    fault(checks::UNIT_RESTRICTS, "no netlink for iptables", AGENT, |host| {
        drop_in(host, "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX")?;
        filters(host)
    }),
    fault(checks::UNIT_RESTRICTS, "no CAP_NET_ADMIN in the unit, nor in execd", AGENT, |host| {
        drop_in(host, "CapabilityBoundingSet=~CAP_SYS_ADMIN CAP_NET_ADMIN")?;
        drops(host, NET_ADMIN | 1 << 21)
    })
    .not_on_a_tree(NO_PROCESSES),
    fault(checks::UNIT_RESTRICTS, "a unit that was hardened after the start", RHEL, |host| {
        drop_in(host, "CapabilityBoundingSet=CAP_CHOWN \\\n  CAP_SETUID CAP_SETGID")
    }),
    fault(checks::UNIT_RESTRICTS, "ProtectSystem=full, and hosts.deny", AGENT, |host| {
        uses(host, "host-deny")?;
        drop_in(host, "ProtectSystem=full")?;
        etc_is(host, "ro,relatime")
    })
    .not_on_a_tree(NO_PROCESSES),
    fault(checks::UNIT_RESTRICTS, "ProtectSystem=strict, and passwd", AGENT, |host| {
        uses(host, "disable-account")?;
        drop_in(host, "ProtectSystem=strict\nReadWritePaths=/var/ossec")
    }),
    fault(checks::UNIT_RESTRICTS, "PrivateNetwork=, and execd lives in it", AGENT, |host| {
        drop_in(host, "PrivateNetwork=yes")?;
        apart(host, &["net"])
    })
    .not_on_a_tree(NO_PROCESSES),
    fault(checks::UNIT_RESTRICTS, "no system calls of the network", AGENT, |host| {
        drop_in(host, "SystemCallFilter=~@network-io:EPERM")
    }),
    fault(checks::UNIT_RESTRICTS, "another user than root", AGENT, |host| {
        drop_in(host, "User=wazuh")?;
        without(host, EXECD)
    })
    .not_on_a_tree(NO_PROCESSES),
    fault(checks::UNIT_RESTRICTS, "DynamicUser=, from the next start on", AGENT, |host| {
        drop_in(host, "DynamicUser=yes")
    }),
    fault(checks::UNIT_RESTRICTS, "the home is read-only", AGENT, |host| {
        drop_in(host, "ProtectSystem=strict")
    }),
    fault(
        checks::UNIT_RESTRICTS,
        "the home is read-only, and nothing is known of the response",
        AGENT,
        |host| {
            script_only(host)?;
            drop_in(host, "ReadOnlyPaths=/var")
        },
    ),
    fault(checks::UNIT_RESTRICTS, "programs that may not be started", AGENT, |host| {
        drop_in(host, "NoExecPaths=/\nExecPaths=/usr")
    }),
    fault(checks::UNIT_RESTRICTS, "homes are hidden, and the script calls a program there", AGENT, |host| {
        host.write("/root/bin/block", "#!/bin/sh\n")?.set_mode("/root/bin/block", 0o755)?;
        line(host, "/root/bin/block \"$SRCIP\"")?;
        drop_in(host, "ProtectHome=yes")
    }),
    fault(checks::UNIT_RESTRICTS, "no_new_privs and a script that becomes another user, not as root", AGENT, |host| {
        script_only(host)?;
        host.write("/usr/bin/sudo", "#!/bin/sh\n")?.set_mode("/usr/bin/sudo", 0o4755)?;
        line(host, "sudo -n jq --version >/dev/null")?;
        drop_in(host, "NoNewPrivileges=yes")?;
        execd(host, |detail| {
            let mut user = detail.credentials.get().cloned().unwrap_or_default();
            user.euid = 998;
            set(&mut detail.credentials, user);
            set(&mut detail.no_new_privs, true);
            let sets = Capabilities { permitted: 0, effective: 0, bounding: ALL, ambient: ALL };
            set(&mut detail.capabilities, sets);
        })
    })
    .not_on_a_tree(NO_PROCESSES),
    near(checks::UNIT_RESTRICTS, "no_new_privs takes nothing from root", AGENT, |host| {
        host.write("/usr/bin/sudo", "#!/bin/sh\n")?.set_mode("/usr/bin/sudo", 0o4755)?;
        line(host, "sudo -n jq --version >/dev/null")?;
        drop_in(host, "NoNewPrivileges=yes")
    }),
    fault(checks::UNIT_RESTRICTS, "no chown for a script, by group of system calls", AGENT, |host| {
        host.write("/usr/bin/chown", "#!/bin/sh\n")?.set_mode("/usr/bin/chown", 0o755)?;
        line(host, "chown root:root /srv/quarantine")?;
        drop_in(host, "SystemCallFilter=@system-service\nSystemCallFilter=~@privileged @resources")
    }),
    near(checks::UNIT_RESTRICTS, "netlink is among the families", AGENT, |host| {
        drop_in(host, "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX\nRestrictAddressFamilies=AF_NETLINK")
    }),
    near(checks::UNIT_RESTRICTS, "hardened, and nothing of it is needed", AGENT, |host| {
        drop_in(
            host,
            "ProtectSystem=full\nProtectHome=yes\nPrivateTmp=yes\nNoNewPrivileges=yes\nLockPersonality=yes\n\
             RestrictSUIDSGID=yes\nMemoryDenyWriteExecute=yes\nProtectKernelModules=yes\n\
             SystemCallFilter=@system-service @network-io\nCapabilityBoundingSet=~CAP_SYS_ADMIN",
        )
    }),
    near(checks::UNIT_RESTRICTS, "the file that is written is an exception", AGENT, |host| {
        uses(host, "host-deny")?;
        drop_in(host, "ProtectSystem=strict\nReadWritePaths=/var/ossec /etc/hosts.deny")
    }),
    near(checks::UNIT_RESTRICTS, "a later drop-in takes it back", AGENT, |host| {
        drop_in(host, "CapabilityBoundingSet=CAP_CHOWN\nPrivateNetwork=yes")?;
        host.write(
            "/usr/lib/systemd/system/wazuh-agent.service.d/z.conf",
            "[Service]\nCapabilityBoundingSet=~\nPrivateNetwork=no\n",
        )?;
        Ok(())
    }),
    near(checks::UNIT_RESTRICTS, "a setting of another section", AGENT, |host| {
        host.write(DROP_IN, "[Unit]\nPrivateNetwork=yes\n# [Service]\n#PrivateNetwork=yes\n")?;
        Ok(())
    }),
    near(checks::UNIT_RESTRICTS, "the unit of another installation", AGENT, |host| {
        const UNIT: &str = "/usr/lib/systemd/system/wazuh-agent.service";
        host.write(
            UNIT,
            "[Service]\nPrivateNetwork=yes\nExecStart=/usr/bin/env /srv/w/bin/wazuh-control start\n",
        )?;
        Ok(())
    }),
    // System calls.
    fault(checks::SYSTEM_CALLS_FILTERED, "a filter of unknown origin", AGENT, filters)
        .not_on_a_tree(NO_PROCESSES),
    near(checks::SYSTEM_CALLS_FILTERED, "a filter of the unit", AGENT, |host| {
        drop_in(host, "LockPersonality=yes")?;
        filters(host)
    })
    .not_on_a_tree(NO_PROCESSES),
    near(checks::SYSTEM_CALLS_FILTERED, "the filter of a container", AGENT, |host| {
        container(host, 4_026_531_840)?;
        filters(host)
    })
    .not_on_a_tree(NO_PROCESSES),
];
