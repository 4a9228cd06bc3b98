//! Rows about SELinux and AppArmor: denials in the logs, labels, profiles.

use ar_doctor::findings::checks;
use ar_doctor::host::capture::{CaptureHost, EditError};
use ar_doctor::host::{Fact, Host as _, Value};

use super::{AGENT, Case, fault, near};

const RHEL: &str = "agent-4.9-rhel";
const RHEL_MANAGER: &str = "manager-4.9-rhel";
const AGENT_50: &str = "agent-5.0-debian";
const SCRIPT: &str = "/var/ossec/active-response/bin/edge-block.sh";
const AUDIT: &str = "/var/log/audit/audit.log";
const SYSLOG: &str = "/var/log/syslog";
const LOADED: &str = "/sys/kernel/security/apparmor/profiles";
const NO_KERNEL: &str = "trees have no running kernel";

/// 2026-11-20 14:00:00 UTC, ten minutes before the clock of the base hosts.
const TIME: &str = "1795183200.250";
/// Ten days before.
const LONG_AGO: &str = "1794319200.250";

type Done = Result<(), EditError>;

/// execd runs with a label.
fn execd_as(host: &mut CaptureHost, label: &str) -> Done {
    host.change_process(811, |detail| {
        detail.label = Fact::known("/proc/811/attr/current", label.to_owned())
    })?;
    Ok(())
}

fn domain(host: &mut CaptureHost, domain: &str) -> Done {
    execd_as(host, &format!("system_u:system_r:{domain}:s0"))
}

fn moved_from_home(host: &mut CaptureHost) -> Done {
    host.set_selinux(SCRIPT, "unconfined_u:object_r:user_home_t:s0")?;
    Ok(())
}

/// A denial as auditd writes it, with what the system call says.
#[derive(Clone, Copy)]
struct Avc {
    time: &'static str,
    asked: &'static str,
    comm: &'static str,
    exe: &'static str,
    object: &'static str,
    source: &'static str,
    target: &'static str,
    class: &'static str,
    permissive: u8,
    success: &'static str,
    cwd: &'static str,
    path: &'static str,
}

/// execd may not start the script that came from a home directory.
const START: Avc = Avc {
    time: TIME,
    asked: "execute",
    comm: "wazuh-execd",
    exe: "/var/ossec/bin/wazuh-execd",
    object: "name=\"edge-block.sh\" dev=\"sda1\" ino=50777",
    source: "init_t",
    target: "user_home_t",
    class: "file",
    permissive: 0,
    success: "no",
    cwd: "/var/ossec",
    path: "active-response/bin/edge-block.sh",
};

/// What the script calls may not change the firewall.
const TOOL: Avc = Avc {
    asked: "net_admin",
    comm: "iptables",
    exe: "/usr/sbin/xtables-nft-multi",
    object: "capability=12",
    source: "iptables_t",
    target: "iptables_t",
    class: "capability",
    path: "/usr/sbin/iptables",
    ..START
};

/// The script may not write its log.
const WRITES: Avc = Avc {
    asked: "append",
    comm: "edge-block.sh",
    exe: "/usr/bin/bash",
    object: "path=\"/var/ossec/logs/active-responses.log\" dev=\"sda1\" ino=50900",
    source: "responder_t",
    target: "var_t",
    path: "logs/active-responses.log",
    ..START
};

/// execd may not read its list.
const READS: Avc = Avc {
    asked: "read",
    object: "name=\"ar.conf\" dev=\"sda1\" ino=50111",
    source: "responder_t",
    target: "var_t",
    path: "etc/shared/ar.conf",
    ..START
};

impl Avc {
    fn record(&self) -> String {
        let Self { asked, comm, object, source, target, class, permissive, .. } = self;
        format!(
            "avc:  denied  {{ {asked} }} for  pid=4711 comm=\"{comm}\" {object} \
             scontext=system_u:system_r:{source}:s0 tcontext=unconfined_u:object_r:{target}:s0 tclass={class} \
             permissive={permissive}"
        )
    }

    /// Into auditd's log, with the records that follow.
    fn audited(&self, host: &mut CaptureHost) -> Done {
        let Self { time, comm, exe, source, success, cwd, path, .. } = self;
        let text = format!(
            "type=AVC msg=audit({time}:512): {}\n\
             type=SYSCALL msg=audit({time}:512): arch=c000003e syscall=59 success={success} exit=-13 a0=7f items=1 ppid=811 pid=4711 auid=4294967295 uid=0 gid=0 tty=(none) ses=4294967295 comm=\"{comm}\" exe=\"{exe}\" subj=system_u:system_r:{source}:s0 key=(null)\u{1d}ARCH=x86_64 SYSCALL=execve AUID=\"unset\"\n\
             type=CWD msg=audit({time}:512): cwd=\"{cwd}\"\n\
             type=PATH msg=audit({time}:512): item=0 name=\"{path}\" inode=50777 dev=08:01 mode=0100750 ouid=0 ogid=998 nametype=NORMAL\n",
            self.record()
        );
        host.append(AUDIT, text)?;
        Ok(())
    }
}

/// A record of AppArmor in the text log.
fn logged(host: &mut CaptureHost, time: &str, text: &str) -> Done {
    let line =
        format!("2026-11-20T14:00:00+00:00 web-01 kernel: audit: type=1400 audit({time}:77): {text}\n");
    host.append(SYSLOG, line)?;
    Ok(())
}

/// execd under a profile of the administrator's.
fn confined(host: &mut CaptureHost, mode: &str, rules: &str) -> Done {
    execd_as(host, &format!("wazuh-execd ({mode})"))?;
    loaded(host, &format!("wazuh-execd ({mode})"))?;
    host.write(
        "/etc/apparmor.d/wazuh-execd",
        format!("profile wazuh-execd /var/ossec/bin/wazuh-execd {{\n{rules}}}\n"),
    )?;
    Ok(())
}

fn loaded(host: &mut CaptureHost, line: &str) -> Done {
    host.append(LOADED, format!("{line}\n"))?;
    Ok(())
}

const EXEC: &str = "apparmor=\"DENIED\" operation=\"exec\" class=\"file\" profile=\"wazuh-execd\" name=\"/var/ossec/active-response/bin/edge-block.sh\" pid=4711 comm=\"wazuh-execd\" requested_mask=\"x\" denied_mask=\"x\" fsuid=0 ouid=0";
const APPENDS: &str = "apparmor=\"DENIED\" operation=\"open\" class=\"file\" profile=\"wazuh-execd\" name=\"/var/ossec/logs/active-responses.log\" pid=4712 comm=\"edge-block.sh\" requested_mask=\"ac\" denied_mask=\"ac\" fsuid=0 ouid=0";
const NET_ADMIN: &str = "apparmor=\"DENIED\" operation=\"capable\" class=\"cap\" profile=\"wazuh-execd\" pid=4713 comm=\"iptables\" capability=12  capname=\"net_admin\"";
const SOCKET: &str = "apparmor=\"DENIED\" operation=\"mknod\" class=\"file\" profile=\"wazuh-execd\" name=\"/var/ossec/queue/alerts/execq\" pid=811 comm=\"wazuh-execd\" requested_mask=\"c\" denied_mask=\"c\" fsuid=0 ouid=0";
const ALL: &str = "  file,\n";

/// The script names its shell through env(1).
fn by_env(host: &mut CaptureHost) -> Done {
    let script = host.read(SCRIPT.as_ref(), 1 << 20).get().map(|content| content.bytes.clone());
    let script = script.ok_or_else(|| EditError::Missing(SCRIPT.into()))?;
    host.write(SCRIPT, String::from_utf8_lossy(&script).replace("#!/bin/bash", "#!/usr/bin/env bash"))?;
    Ok(())
}

/// Whatever starts bash gets a profile that does not know of scripts.
fn shell_profile(host: &mut CaptureHost) -> Done {
    loaded(host, "bash (enforce)")?;
    host.write("/etc/apparmor.d/bash", "profile bash /{,usr/}bin/bash {\n  /etc/** r,\n}\n")?;
    Ok(())
}

/// All rows of this file.
pub(super) const CASES: &[Case] = &[
    fault(checks::SELINUX_START_DENIED, "a script that was moved from a home directory", RHEL, |host| {
        domain(host, "init_t")?;
        moved_from_home(host)?;
        START.audited(host)
    })
    .not_on_a_tree(NO_KERNEL),
    fault(checks::SELINUX_START_DENIED, "the policy knows nothing better than var_t", RHEL, |host| {
        domain(host, "responder_t")?;
        Avc { source: "responder_t", target: "var_t", asked: "execute_no_trans", ..START }.audited(host)
    })
    .not_on_a_tree(NO_KERNEL),
    fault(checks::SELINUX_START_DENIED, "the interpreter is denied", RHEL, |host| {
        domain(host, "responder_t")?;
        let object = "path=\"/usr/bin/bash\" dev=\"sda1\" ino=90";
        Avc { source: "responder_t", target: "shell_exec_t", object, path: "/usr/bin/bash", ..START }.audited(host)
    })
    .not_on_a_tree(NO_KERNEL),
    fault(checks::SELINUX_START_DENIED, "the interpreter may not read the script", RHEL_MANAGER, |host| {
        domain(host, "responder_t")?;
        let object = "path=\"/var/ossec/active-response/bin/notify-oncall.sh\" dev=\"sda1\" ino=9";
        let path = "/var/ossec/active-response/bin/notify-oncall.sh";
        let (comm, exe) = ("notify-oncall.s", "/usr/bin/bash");
        Avc { source: "responder_t", target: "var_t", asked: "read", object, path, comm, exe, ..START }.audited(host)
    })
    .not_on_a_tree(NO_KERNEL),
    fault(checks::SELINUX_START_DENIED, "the kernel's message in a text log, without auditd", RHEL, |host| {
        domain(host, "init_t")?;
        moved_from_home(host)?;
        host.remove(AUDIT)?.remove_process(702)?;
        let line = format!("Nov 20 14:00:00 web-01 kernel: audit: type=1400 audit({TIME}:5): {}\n", START.record());
        host.write("/var/log/messages", line)?;
        Ok(())
    })
    .not_on_a_tree(NO_KERNEL),
    fault(checks::SELINUX_START_DENIED, "in a log that was rotated since", RHEL, |host| {
        domain(host, "init_t")?;
        moved_from_home(host)?;
        START.audited(host)?;
        host.rename(AUDIT, format!("{AUDIT}.1"))?;
        host.write(AUDIT, "type=DAEMON_ROTATE msg=audit(1795183500.001:520): op=rotate-logs auid=0 res=success\n")?;
        Ok(())
    })
    .not_on_a_tree(NO_KERNEL),
    fault(checks::SELINUX_START_DENIED, "in a text log that logrotate set aside with a date", RHEL, |host| {
        domain(host, "init_t")?;
        moved_from_home(host)?;
        host.remove(AUDIT)?.remove_process(702)?;
        let line = format!("Nov 20 14:00:00 web-01 kernel: audit: type=1400 audit({TIME}:5): {}\n", START.record());
        host.write("/var/log/messages", "Nov 20 14:05:00 web-01 rsyslogd: rotated\n")?;
        host.write("/var/log/messages-20261120", line)?;
        Ok(())
    })
    .not_on_a_tree(NO_KERNEL),
    near(checks::SELINUX_START_DENIED, "the record says permissive", RHEL, |host| {
        domain(host, "responder_t")?;
        Avc { source: "responder_t", target: "var_t", permissive: 1, success: "yes", ..START }.audited(host)
    })
    .not_on_a_tree(NO_KERNEL),
    near(checks::SELINUX_START_DENIED, "SELinux is permissive for good", RHEL, |host| {
        domain(host, "init_t")?;
        moved_from_home(host)?;
        host.write("/sys/fs/selinux/enforce", "0")?;
        host.write("/etc/selinux/config", "SELINUX=permissive\nSELINUXTYPE=targeted\n")?;
        START.audited(host)
    })
    .not_on_a_tree(NO_KERNEL),
    fault(checks::SELINUX_START_DENIED, "it passed, and SELinux enforces again at the next boot", RHEL, |host| {
        domain(host, "init_t")?;
        moved_from_home(host)?;
        host.write("/sys/fs/selinux/enforce", "0")?;
        Avc { permissive: 1, success: "yes", ..START }.audited(host)
    })
    .not_on_a_tree(NO_KERNEL),
    near(checks::SELINUX_START_DENIED, "restorecon has mended the label since", RHEL, |host| {
        domain(host, "init_t")?;
        START.audited(host)
    })
    .not_on_a_tree(NO_KERNEL),
    near(checks::SELINUX_START_DENIED, "execd runs in another domain now", RHEL, |host| {
        Avc { target: "var_t", ..START }.audited(host)
    })
    .not_on_a_tree(NO_KERNEL),
    near(checks::SELINUX_START_DENIED, "the domain was made permissive", RHEL, |host| {
        domain(host, "init_t")?;
        moved_from_home(host)?;
        host.mkdir("/var/lib/selinux/targeted/active/modules/400/permissive_init_t")?;
        START.audited(host)
    })
    .not_on_a_tree(NO_KERNEL),
    near(checks::SELINUX_START_DENIED, "a denial of ten days ago", RHEL, |host| {
        domain(host, "responder_t")?;
        Avc { time: LONG_AGO, source: "responder_t", target: "var_t", ..START }.audited(host)
    })
    .not_on_a_tree(NO_KERNEL),
    near(checks::SELINUX_START_DENIED, "a script of the same name, started by another service", RHEL, |host| {
        domain(host, "init_t")?;
        let path = "/opt/app/edge-block.sh";
        Avc { target: "var_t", comm: "(app)", exe: "/usr/lib/systemd/systemd", path, ..START }.audited(host)
    })
    .not_on_a_tree(NO_KERNEL),
    near(checks::SELINUX_START_DENIED, "a file of the same name elsewhere", RHEL, |host| {
        domain(host, "responder_t")?;
        let (path, success) = ("/srv/edge-block.sh", "yes");
        Avc { source: "responder_t", target: "var_t", path, success, ..START }.audited(host)
    })
    .not_on_a_tree(NO_KERNEL),
    fault(checks::SELINUX_RUN_DENIED, "the script may not write its log", RHEL, |host| {
        domain(host, "responder_t")?;
        WRITES.audited(host)
    })
    .not_on_a_tree(NO_KERNEL),
    fault(checks::SELINUX_RUN_DENIED, "iptables may not change the firewall", RHEL, |host| TOOL.audited(host))
        .not_on_a_tree(NO_KERNEL),
    fault(checks::SELINUX_RUN_DENIED, "nobody tells who called iptables", RHEL, |host| {
        Avc { cwd: "/", ..TOOL }.audited(host)
    })
    .not_on_a_tree(NO_KERNEL),
    near(checks::SELINUX_RUN_DENIED, "a socket that iptables inherits and does not need", RHEL, |host| {
        let object = "path=\"socket:[20001]\" dev=\"sockfs\" ino=20001";
        Avc { asked: "read write", object, class: "unix_dgram_socket", success: "yes", ..TOOL }.audited(host)
    })
    .not_on_a_tree(NO_KERNEL),
    near(checks::SELINUX_RUN_DENIED, "a program that no response calls", RHEL, |host| {
        Avc { comm: "nmbd", exe: "/usr/sbin/nmbd", source: "nmbd_t", cwd: "/", path: "/usr/sbin/nmbd", ..TOOL }.audited(host)
    })
    .not_on_a_tree(NO_KERNEL),
    near(checks::SELINUX_RUN_DENIED, "a process of that name in another domain", RHEL, |host| WRITES.audited(host))
        .not_on_a_tree(NO_KERNEL),
    fault(checks::SELINUX_LABEL, "a script moved from a home directory, and execd in systemd's domain", RHEL, |host| {
        domain(host, "init_t")?;
        moved_from_home(host)
    })
    .not_on_a_tree(NO_KERNEL),
    fault(checks::SELINUX_LABEL, "a script without a label", RHEL_MANAGER, |host| {
        domain(host, "init_t")?;
        host.set_xattr(
            "/var/ossec/active-response/bin/notify-oncall.sh",
            "security.selinux",
            Value::Absent,
        )?;
        Ok(())
    })
    .not_on_a_tree(NO_KERNEL),
    fault(checks::SELINUX_LABEL, "a label of a home, and execd unconfined", RHEL, |host| {
        host.set_selinux(SCRIPT, "unconfined_u:object_r:admin_home_t:s0")?;
        Ok(())
    })
    .not_on_a_tree(NO_KERNEL),
    near(checks::SELINUX_LABEL, "the label of /var", RHEL, |host| domain(host, "init_t")).not_on_a_tree(NO_KERNEL),
    near(checks::SELINUX_LABEL, "systemd's domain is permissive", RHEL, |host| {
        domain(host, "init_t")?;
        host.mkdir("/var/lib/selinux/targeted/active/modules/400/permissive_init_t")?;
        moved_from_home(host)
    })
    .not_on_a_tree(NO_KERNEL),
    near(checks::SELINUX_LABEL, "SELinux is configured permissive", RHEL, |host| {
        domain(host, "init_t")?;
        host.write("/sys/fs/selinux/enforce", "0")?;
        moved_from_home(host)
    })
    .not_on_a_tree(NO_KERNEL),
    near(checks::SELINUX_LABEL, "a container, labelled as one", RHEL, |host| {
        domain(host, "container_t")?;
        host.set_selinux(SCRIPT, "system_u:object_r:container_file_t:s0:c1,c2")?;
        Ok(())
    })
    .not_on_a_tree(NO_KERNEL),
    fault(checks::EXECD_DENIED, "execd may not read ar.conf", RHEL, |host| {
        domain(host, "responder_t")?;
        READS.audited(host)
    })
    .not_on_a_tree(NO_KERNEL),
    fault(checks::EXECD_DENIED, "a profile lets execd make no socket", AGENT, |host| {
        confined(host, "enforce", ALL)?;
        logged(host, TIME, SOCKET)
    })
    .not_on_a_tree(NO_KERNEL),
    near(checks::EXECD_DENIED, "another daemon of Wazuh was denied something", RHEL, |host| {
        domain(host, "responder_t")?;
        Avc { comm: "wazuh-syscheckd", exe: "/var/ossec/bin/wazuh-syscheckd", ..READS }.audited(host)
    })
    .not_on_a_tree(NO_KERNEL),
    near(checks::EXECD_DENIED, "the profile only complains now", AGENT, |host| {
        confined(host, "complain", ALL)?;
        logged(host, TIME, SOCKET)
    })
    .not_on_a_tree(NO_KERNEL),
    fault(checks::APPARMOR_START_DENIED, "a profile on execd that forgot the script", AGENT, |host| {
        confined(host, "enforce", "  /var/ossec/active-response/bin/firewall-drop ix,\n")?;
        logged(host, TIME, EXEC)
    })
    .not_on_a_tree(NO_KERNEL),
    fault(checks::APPARMOR_START_DENIED, "on a 5.x agent, in kern.log", AGENT_50, |host| {
        confined(host, "kill", ALL)?;
        host.write("/var/log/kern.log", format!("Nov 20 14:00:00 web-01 kernel: [ 9.1] audit: type=1400 audit({TIME}:8): {}\n",
            EXEC.replace("edge-block.sh", "block-ip")))?;
        Ok(())
    })
    .not_on_a_tree(NO_KERNEL),
    near(checks::APPARMOR_START_DENIED, "the profile was unloaded since", AGENT, |host| logged(host, TIME, EXEC))
        .not_on_a_tree(NO_KERNEL),
    near(checks::APPARMOR_START_DENIED, "it would have been denied", AGENT, |host| {
        confined(host, "complain", ALL)?;
        logged(host, TIME, &EXEC.replace("DENIED", "ALLOWED"))
    })
    .not_on_a_tree(NO_KERNEL),
    near(checks::APPARMOR_START_DENIED, "execd is unconfined now, and what is loaded is not seen", AGENT, |host| {
        host.deny(LOADED)?;
        logged(host, TIME, EXEC)
    })
    .not_on_a_tree(NO_KERNEL),
    near(checks::APPARMOR_START_DENIED, "the denial is ten days old", AGENT, |host| {
        confined(host, "enforce", ALL)?;
        logged(host, LONG_AGO, EXEC)
    })
    .not_on_a_tree(NO_KERNEL),
    near(checks::APPARMOR_START_DENIED, "somebody else was denied the same file", AGENT, |host| {
        loaded(host, "backup (enforce)")?;
        logged(host, TIME, &EXEC.replace("wazuh-execd", "backup"))
    })
    .not_on_a_tree(NO_KERNEL),
    fault(checks::APPARMOR_RUN_DENIED, "the script may not write its log", AGENT, |host| {
        confined(host, "enforce", ALL)?;
        logged(host, TIME, APPENDS)
    })
    .not_on_a_tree(NO_KERNEL),
    fault(checks::APPARMOR_RUN_DENIED, "iptables lacks a capability", AGENT, |host| {
        confined(host, "enforce", ALL)?;
        logged(host, TIME, NET_ADMIN)
    })
    .not_on_a_tree(NO_KERNEL),
    near(checks::APPARMOR_RUN_DENIED, "iptables under the profile of another service", AGENT, |host| {
        loaded(host, "docker-default (enforce)")?;
        logged(host, TIME, &NET_ADMIN.replace("wazuh-execd", "docker-default"))
    })
    .not_on_a_tree(NO_KERNEL),
    fault(checks::APPARMOR_CONFINES, "no rule lets execd start the script", AGENT, |host| {
        confined(
            host,
            "enforce",
            "  /var/ossec/** rwk,\n  /var/ossec/active-response/bin/firewall-drop ix,\n  /{,usr/}bin/* rix,\n",
        )
    })
    .not_on_a_tree(NO_KERNEL),
    fault(checks::APPARMOR_CONFINES, "the rules may allow it, through a file they include", AGENT, |host| {
        confined(host, "enforce", "  include <abstractions/base>\n  /var/ossec/** rwk,\n")
    })
    .not_on_a_tree(NO_KERNEL),
    fault(checks::APPARMOR_CONFINES, "the script's own profile does not let it be read", AGENT, |host| {
        loaded(host, "edge (enforce)")?;
        host.write(
            "/etc/apparmor.d/edge",
            "profile edge /var/ossec/active-response/bin/edge-*.sh {\n  /etc/** r,\n  /usr/bin/** mrix,\n}\n",
        )?;
        Ok(())
    }),
    fault(checks::APPARMOR_CONFINES, "a profile of the interpreter that env starts", AGENT, |host| {
        by_env(host)?;
        shell_profile(host)
    }),
    near(checks::APPARMOR_CONFINES, "a profile of the interpreter that the first line names", AGENT, shell_profile),
    near(checks::APPARMOR_CONFINES, "the profile only complains", AGENT, |host| confined(host, "complain", "  /etc/** r,\n"))
        .not_on_a_tree(NO_KERNEL),
    near(checks::APPARMOR_CONFINES, "a profile that is not loaded, of the shell", AGENT, |host| {
        loaded(host, "/usr/bin/bash (enforce)")?;
        host.write("/etc/apparmor.d/usr.bin.bash", "/usr/bin/bash {\n  /etc/** r,\n}\n")?;
        Ok(())
    }),
    near(checks::APPARMOR_CONFINES, "the profile that Docker puts on every container", AGENT, |host| {
        execd_as(host, "docker-default (enforce)")?;
        loaded(host, "docker-default (enforce)")
    })
    .not_on_a_tree(NO_KERNEL),
    near(checks::APPARMOR_CONFINES, "the profile of a container of LXC", AGENT, |host| {
        let label = "lxc-web_</var/lib/lxc>//&:lxc-web_<-var-lib-lxc>:unconfined (enforce)";
        execd_as(host, label)?;
        loaded(host, label)
    })
    .not_on_a_tree(NO_KERNEL),
    fault(checks::DENIALS_NOT_AUDITED, "by number, and a profile confines execd", AGENT, |host| {
        confined(host, "enforce", ALL)?;
        host.write("/etc/audit/rules.d/quiet.rules", "-a always,exclude -F msgtype=1400\n")?;
        Ok(())
    })
    .not_on_a_tree(NO_KERNEL),
    near(checks::DENIALS_NOT_AUDITED, "the kernel was started without SELinux", RHEL, |host| {
        host.remove("/sys/fs/selinux")?;
        host.write("/etc/audit/rules.d/quiet.rules", "-a always,exclude -F msgtype=AVC\n")?;
        Ok(())
    })
    .not_on_a_tree(NO_KERNEL),
    fault(checks::SELINUX_RUN_DENIED, "a script by env, of which the kernel knows the interpreter's name", RHEL, |host| {
        domain(host, "responder_t")?;
        by_env(host)?;
        Avc { comm: "bash", ..WRITES }.audited(host)
    })
    .not_on_a_tree(NO_KERNEL),
    near(checks::SELINUX_RUN_DENIED, "a capability that is tried and not needed", RHEL, |host| {
        domain(host, "responder_t")?;
        let (asked, object, source) = ("dac_read_search", "capability=2", "responder_t");
        Avc { asked, object, source, target: source, success: "yes", ..TOOL }.audited(host)
    })
    .not_on_a_tree(NO_KERNEL),
    near(checks::APPARMOR_CONFINES, "AppArmor is switched off", AGENT, |host| {
        host.write("/sys/module/apparmor/parameters/enabled", "N\n")?;
        host.write("/etc/apparmor.d/wazuh-execd", "profile wazuh-execd /var/ossec/bin/wazuh-execd {\n}\n")?;
        Ok(())
    })
    .not_on_a_tree(NO_KERNEL),
];
