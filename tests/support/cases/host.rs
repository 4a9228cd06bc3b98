//! Rows about files, mounts, processes and ar.conf.

use std::path::{Path, PathBuf};

use ar_doctor::findings::checks;
use ar_doctor::host::capture::{CaptureHost, EditError};
use ar_doctor::host::elf::Elf;
use ar_doctor::host::{Fact, FileType, Host as _, Mount, Process, Value};

use super::{AGENT, AR_CONF, CONF, Case, MANAGER, config, fault, near, replace, text, whole_config};

const BIN: &str = "/var/ossec/active-response/bin";
const SCRIPT: &str = "/var/ossec/active-response/bin/edge-block.sh";
const DROP: &str = "/var/ossec/active-response/bin/firewall-drop";
const NOTIFY: &str = "/var/ossec/active-response/bin/notify-oncall.sh";
const LOG: &str = "/var/ossec/logs/active-responses.log";
const LINE: &str = "edge-block900 - edge-block.sh - 900\n";

const RHEL: &str = "agent-4.9-rhel";
const AGENT_50: &str = "agent-5.0-debian";
const AGENT_42: &str = "agent-4.2-debian";

/// Number of execd in the base hosts.
const EXECD: u32 = 811;
/// Number of analysisd in the base hosts of managers.
const ANALYSISD: u32 = 839;
/// An hour after the daemons of the base hosts started.
const LATER: i64 = 1_795_172_400;

/// uid, and gid, of nobody in the base hosts.
const NOBODY: u32 = 65_534;
/// uid, and gid, of wazuh in the base hosts.
const WAZUH: u32 = 998;

const NO_PROCESSES: &str = "trees have no processes";

type Done = Result<(), EditError>;

/// Puts a script of one's own where responses lie, as the documentation says.
fn script(host: &mut CaptureHost, path: &str, text: &str) -> Done {
    host.write(path, text)?.set_mode(path, 0o750)?;
    Ok(())
}

/// A script that does something harmless.
const TEXT: &str = "#!/bin/bash\nread -r INPUT\necho \"response: $INPUT\" >>logs/active-responses.log\n";

/// Has the agent's `edge-block900` run another executable.
fn executable(host: &mut CaptureHost, name: &str) -> Done {
    replace(host, AR_CONF, LINE, &format!("edge-block900 - {name} - 900\n"))
}

/// Another name for the agent's script, and the file itself.
fn renamed(host: &mut CaptureHost, name: &str) -> Done {
    host.rename(SCRIPT, Path::new(BIN).join(name))?;
    executable(host, name)
}

/// Another first line of the agent's script.
fn first_line(host: &mut CaptureHost, line: &str) -> Done {
    replace(host, SCRIPT, "#!/bin/bash\n", line)
}

/// More lines at the end of ar.conf.
fn more_lines(host: &mut CaptureHost, lines: &str) -> Done {
    host.append(AR_CONF, lines)?;
    Ok(())
}

/// `count` lines with names of their own, all for one script.
fn many_lines(host: &mut CaptureHost, count: usize) -> Done {
    let lines: String =
        (0..count).map(|at| format!("edge-block{} - edge-block.sh - {}\n", 1000 + at, 1000 + at)).collect();
    more_lines(host, &lines)
}

/// `count` more blocks on the manager, with timeouts of their own.
fn many_blocks(host: &mut CaptureHost, count: usize) -> Done {
    let blocks: String = (0..count)
        .map(|at| {
            format!(
                "<active-response><command>firewall-drop</command><location>local</location>\
                 <rules_id>{}</rules_id><timeout>{}</timeout></active-response>\n",
                5712,
                1000 + at
            )
        })
        .collect();
    config(host, "  <localfile>\n", &format!("{blocks}  <localfile>\n"))
}

/// The version that refuses to write past execd's table.
fn as_4_14_9(host: &mut CaptureHost) -> Done {
    replace(host, "/var/ossec/bin/wazuh-control", "v4.14.2", "v4.14.9")?;
    replace(host, "/var/ossec/VERSION.json", "4.14.2", "4.14.9")
}

/// The agent as 4.1 has it: other names of programs, other scripts.
fn as_4_1(host: &mut CaptureHost) -> Done {
    host.rename("/var/ossec/bin/wazuh-control", "/var/ossec/bin/ossec-control")?;
    host.write("/etc/ossec-init.conf", "DIRECTORY=\"/var/ossec\"\nVERSION=\"v4.1.5\"\nTYPE=\"agent\"\n")?;
    replace(host, "/var/ossec/bin/ossec-control", "v4.2.5", "v4.1.5")?;
    let ours: String = text(host, AR_CONF)
        .lines()
        .filter(|line| !line.starts_with("restart-wazuh"))
        .map(|line| format!("{line}\n"))
        .collect();
    host.write(AR_CONF, ours)?;
    for name in ["execd", "agentd", "logcollector"] {
        host.rename(format!("/var/ossec/bin/wazuh-{name}"), format!("/var/ossec/bin/ossec-{name}"))?;
    }
    let processes: Vec<Process> = host.processes().get().cloned().unwrap_or_default();
    for mut process in processes {
        if let Some(exe) = &process.exe {
            process.exe = Some(PathBuf::from(exe.display().to_string().replace("wazuh-", "ossec-")));
            process.comm = process.comm.replace("wazuh-", "ossec-");
            host.add_process(process);
        }
    }
    Ok(())
}

/// Changes a process.
fn process(host: &mut CaptureHost, pid: u32, change: impl FnOnce(&mut Process)) -> Done {
    let found = host.processes().get().and_then(|all| all.iter().find(|process| process.pid == pid).cloned());
    let mut process = found.ok_or_else(|| EditError::Missing(PathBuf::from(format!("/proc/{pid}"))))?;
    change(&mut process);
    host.add_process(process);
    Ok(())
}

/// Takes a group away; the files keep its number.
fn without_group(host: &mut CaptureHost, name: &str) -> Done {
    let groups = host.groups().get().cloned().unwrap_or_default();
    host.set_groups(groups.into_iter().filter(|group| group.name != name).collect());
    Ok(())
}

fn mount(host: &mut CaptureHost, target: &str, options: &str) -> Done {
    host.add_mount(Mount {
        target: target.into(),
        source: "/dev/sdb1".into(),
        fstype: "ext4".into(),
        options: options.split(',').map(str::to_owned).collect(),
        ..Mount::default()
    });
    Ok(())
}

/// A program without a loader and libraries.
fn program(host: &mut CaptureHost, path: &str, machine: &str, class: u8, loader: Option<&str>) -> Done {
    let elf = Elf {
        class,
        machine: machine.to_owned(),
        interpreter: loader.map(str::to_owned),
        needed: Vec::new(),
        runpath: Vec::new(),
    };
    host.write_elf(path, &elf)?.set_mode(path, 0o750)?;
    Ok(())
}

/// A second script of the agent, and a response for it.
fn second_script(host: &mut CaptureHost, text: &str) -> Done {
    script(host, "/var/ossec/active-response/bin/night-watch.sh", text)?;
    more_lines(host, "night-watch0 - night-watch.sh - 0\n")
}

/// An interpreter that is a script itself.
fn wrapper(host: &mut CaptureHost, path: &str, line: &str) -> Done {
    host.write(path, format!("{line}exec /bin/bash \"$@\"\n"))?.set_mode(path, 0o755)?;
    Ok(())
}

/// Wrappers that start each other, `count` of them, the last one for bash.
fn wrappers(host: &mut CaptureHost, count: usize) -> Done {
    for at in 1..count {
        wrapper(host, &format!("/usr/local/bin/w{at}"), &format!("#!/usr/local/bin/w{}\n", at + 1))?;
    }
    wrapper(host, &format!("/usr/local/bin/w{count}"), "#!/bin/bash\n")?;
    first_line(host, "#!/usr/local/bin/w1\n")
}

/// A program linked as the stock ones are.
fn stock_program(host: &mut CaptureHost, path: &str) -> Done {
    let elf = host.elf(Path::new(DROP));
    let elf = elf.get().cloned().ok_or_else(|| EditError::Missing(DROP.into()))?;
    host.write_elf(path, &elf)?.set_mode(path, 0o750)?;
    Ok(())
}

/// `<localfile>` of the response log in both base configurations.
const LOCALFILE: &str = "  <localfile>
    <log_format>syslog</log_format>
    <location>/var/ossec/logs/active-responses.log</location>
  </localfile>
";

/// The rows.
pub const CASES: &[Case] = &[
    // --- names -----------------------------------------------------------------------------
    fault(checks::AR_NAME_CLASH, "two lines with one name, both files there", AGENT, |host| {
        script(host, "/var/ossec/active-response/bin/edge-unblock.sh", TEXT)?;
        more_lines(host, "edge-block900 - edge-unblock.sh - 900\n")
    }),
    near(checks::AR_NAME_CLASH, "the same line twice: two blocks with one command and timeout", AGENT, |host| {
        more_lines(host, LINE)
    }),
    near(checks::AR_NAME_CLASH, "one name, a file of Windows and one of Linux", AGENT, |host| {
        replace(host, AR_CONF, LINE, &format!("edge-block900 - edge-block.exe - 900\n{LINE}"))
    }),
    near(checks::AR_NAME_CLASH, "one name, and only the second file is there: it is used", AGENT, |host| {
        replace(host, AR_CONF, LINE, &format!("edge-block900 - edge-block-bsd.sh - 900\n{LINE}"))
    }),
    near(checks::EXECUTABLE_MISSING, "one name, and only the first file is there: it is used", AGENT, |host| {
        more_lines(host, "edge-block900 - edge-block-bsd.sh - 900\n")
    }),
    fault(checks::EXECUTABLE_ABSOLUTE, "an absolute path", AGENT, |host| executable(host, SCRIPT)),
    fault(checks::EXECUTABLE_ABSOLUTE, "an absolute path to somewhere else", AGENT, |host| {
        host.rename(SCRIPT, "/usr/local/bin/edge-block.sh")?;
        executable(host, "/usr/local/bin/edge-block.sh")
    }),
    fault(checks::EXECUTABLE_ABSOLUTE, "an absolute path in the manager's command", MANAGER, |host| {
        config(host, "<executable>notify-oncall.sh<", "<executable>/var/ossec/active-response/bin/notify-oncall.sh<")
    }),
    near(checks::EXECUTABLE_ABSOLUTE, "a script in a directory below", AGENT, |host| {
        script(host, "/var/ossec/active-response/bin/sub/x.sh", TEXT)?;
        executable(host, "sub/x.sh")
    }),
    fault(checks::EXECUTABLE_TRAVERSAL, "a path through the directory above", AGENT, |host| {
        executable(host, "../bin/edge-block.sh")
    }),
    fault(checks::EXECUTABLE_TRAVERSAL, ".. inside the path", AGENT, |host| {
        host.mkdir("/var/ossec/active-response/bin/sub")?;
        executable(host, "sub/../edge-block.sh")
    }),
    fault(checks::EXECUTABLE_TRAVERSAL, ".. in the manager's command", MANAGER, |host| {
        script(host, "/var/ossec/integrations/notify-oncall.sh", TEXT)?;
        config(host, "<executable>notify-oncall.sh<", "<executable>../../integrations/notify-oncall.sh<")
    }),
    near(checks::EXECUTABLE_TRAVERSAL, "two dots inside a name", AGENT, |host| renamed(host, "te..st.sh")),
    fault(checks::EXECUTABLE_OUTER_BLANKS, "a blank behind the name", AGENT, |host| executable(host, "edge-block.sh ")),
    fault(checks::EXECUTABLE_OUTER_BLANKS, "a blank before the name", AGENT, |host| executable(host, " edge-block.sh")),
    fault(checks::EXECUTABLE_OUTER_BLANKS, "a blank behind the name in the manager's command", MANAGER, |host| {
        config(host, "<executable>notify-oncall.sh<", "<executable>notify-oncall.sh <")
    }),
    fault(checks::EXECUTABLE_OUTER_BLANKS, "the name on a line of its own", MANAGER, |host| {
        config(host, "<executable>notify-oncall.sh<", "<executable>\n      notify-oncall.sh\n    <")
    }),
    near(checks::EXECUTABLE_OUTER_BLANKS, "a blank inside the name", AGENT, |host| renamed(host, "edge block.sh")),
    fault(checks::EXECUTABLE_WITH_ARGUMENTS, "an option behind the script", AGENT, |host| {
        executable(host, "edge-block.sh --table drop")
    }),
    fault(checks::EXECUTABLE_WITH_ARGUMENTS, "an argument in the manager's command", MANAGER, |host| {
        config(host, "<executable>notify-oncall.sh<", "<executable>notify-oncall.sh night<")
    }),
    fault(checks::EXECUTABLE_WITH_ARGUMENTS, "an argument behind a stock program", AGENT, |host| {
        executable(host, "firewall-drop add")
    }),
    fault(checks::EXECUTABLE_WITH_ARGUMENTS, "output sent elsewhere", AGENT, |host| {
        executable(host, "edge-block.sh >> /tmp/log")
    }),
    near(checks::EXECUTABLE_WITH_ARGUMENTS, "a file of that name, blank and all", AGENT, |host| {
        renamed(host, "edge-block.sh night")
    }),
    fault(checks::EXECUTABLE_WITH_INTERPRETER, "an interpreter with its path", AGENT, |host| {
        executable(host, "/usr/bin/python3 edge-block.py")
    }),
    fault(checks::EXECUTABLE_WITH_INTERPRETER, "an interpreter without a path", AGENT, |host| {
        executable(host, "bash edge-block.sh")
    }),
    fault(checks::EXECUTABLE_WITH_INTERPRETER, "sudo before the script", AGENT, |host| {
        executable(host, "sudo /var/ossec/active-response/bin/edge-block.sh")
    }),
    fault(checks::EXECUTABLE_WITH_INTERPRETER, "an interpreter in the manager's command", MANAGER, |host| {
        config(
            host,
            "<executable>notify-oncall.sh<",
            "<executable>/bin/bash /var/ossec/active-response/bin/notify-oncall.sh<",
        )
    }),
    near(checks::EXECUTABLE_WITH_INTERPRETER, "a script named after an interpreter", AGENT, |host| {
        renamed(host, "bash")
    }),
    fault(checks::EXECUTABLE_OTHER_CONTRACT, "the name of 4.1 on 4.14", AGENT, |host| {
        more_lines(host, "firewall0 - firewall-drop.sh - 0\n")
    }),
    fault(checks::EXECUTABLE_OTHER_CONTRACT, "the name of 4.1 on 4.2", AGENT_42, |host| {
        more_lines(host, "hosts0 - host-deny.sh - 0\n")
    }),
    fault(checks::EXECUTABLE_OTHER_CONTRACT, "the name of 4.1 in the manager's command", MANAGER, |host| {
        config(host, "<executable>firewall-drop<", "<executable>firewall-drop.sh<")
    }),
    fault(checks::EXECUTABLE_OTHER_CONTRACT, "the name of 4.2 on 4.1", AGENT_42, |host| {
        as_4_1(host)?;
        host.remove(DROP)?;
        Ok(())
    }),
    near(checks::EXECUTABLE_OTHER_CONTRACT, "a script of one's own with the name of 4.1", AGENT, |host| {
        script(host, "/var/ossec/active-response/bin/firewall-drop.sh", TEXT)?;
        more_lines(host, "firewall0 - firewall-drop.sh - 0\n")
    }),
    near(checks::EXECUTABLE_OTHER_CONTRACT, "another name of 4.2", AGENT, |host| {
        more_lines(host, "hosts600 - host-deny - 600\nroute600 - route-null - 600\n")
    }),
    fault(checks::EXECUTABLE_OTHER_SYSTEM, "a Windows program on a Linux manager", MANAGER, |host| {
        config(host, "<location>defined-agent</location>\n    <agent_id>004</agent_id>", "<location>server</location>")
    }),
    fault(checks::EXECUTABLE_OTHER_SYSTEM, "a program of the BSDs on a Linux manager", MANAGER, |host| {
        config(host, "<executable>notify-oncall.sh<", "<executable>pf<")
    }),
    near(checks::EXECUTABLE_OTHER_SYSTEM, "a Windows program on agents", MANAGER, |host| {
        config(host, "<location>defined-agent</location>\n    <agent_id>004</agent_id>", "<location>all</location>")
    }),
    near(checks::EXECUTABLE_OTHER_SYSTEM, "a Linux script with a name as on Windows", MANAGER, |host| {
        host.rename(NOTIFY, "/var/ossec/active-response/bin/notify-oncall.cmd")?;
        config(host, "<executable>notify-oncall.sh<", "<executable>notify-oncall.cmd<")
    }),
    near(checks::EXECUTABLE_OTHER_SYSTEM, "every system's lines on a Linux agent", AGENT, |host| {
        more_lines(host, "pf600 - pf - 600\nroute600 - route-null.exe - 600\nbat0 - clean.bat - 0\n")
    }),
    fault(checks::NAME_TOO_LONG, "an executable of 236 bytes", AGENT, |host| renamed(host, &"x".repeat(236))),
    fault(checks::NAME_TOO_LONG, "a name of 257 bytes", AGENT, |host| {
        replace(host, AR_CONF, LINE, &format!("{} - edge-block.sh - 900\n", "n".repeat(257)))
    }),
    fault(checks::NAME_TOO_LONG, "an executable of 236 bytes in the manager's command", MANAGER, |host| {
        let name = "x".repeat(236);
        host.rename(NOTIFY, Path::new(BIN).join(&name))?;
        config(host, "<executable>notify-oncall.sh<", &format!("<executable>{name}<"))
    }),
    near(checks::NAME_TOO_LONG, "a command's name of 260 bytes: analysisd cuts it for itself too", MANAGER, |host| {
        let name = "n".repeat(260);
        let conf = text(host, CONF).replace(">notify-oncall<", &format!(">{name}<"));
        whole_config(host, conf)
    }),
    near(checks::NAME_TOO_LONG, "an executable of 235 bytes", AGENT, |host| renamed(host, &"x".repeat(235))),
    near(checks::NAME_TOO_LONG, "a name of 256 bytes", AGENT, |host| {
        replace(host, AR_CONF, LINE, &format!("{} - edge-block.sh - 900\n", "n".repeat(256)))
    }),
    // --- ar.conf ---------------------------------------------------------------------------
    fault(checks::TOO_MANY_RESPONSES, "63 responses on an agent", AGENT, |host| many_lines(host, 60)),
    fault(checks::TOO_MANY_RESPONSES, "63 responses on an agent that checks its table", AGENT, |host| {
        as_4_14_9(host)?;
        many_lines(host, 60)
    }),
    fault(checks::TOO_MANY_RESPONSES, "63 responses on a manager", MANAGER, |host| many_blocks(host, 60)),
    fault(checks::TOO_MANY_RESPONSES, "63 responses on a manager that checks its table", MANAGER, |host| {
        as_4_14_9(host)?;
        many_blocks(host, 60)
    }),
    near(checks::TOO_MANY_RESPONSES, "62 responses on an agent", AGENT, |host| many_lines(host, 59)),
    near(checks::TOO_MANY_RESPONSES, "62 responses on a manager", MANAGER, |host| many_blocks(host, 59)),
    near(checks::TOO_MANY_RESPONSES, "70 lines of one name for a file of Windows: one slot", AGENT, |host| {
        more_lines(host, &"netsh1800 - netsh.exe - 1800\n".repeat(70))
    }),
    fault(checks::AR_CONF_MISSING, "ar.conf is not there on an agent", AGENT, |host| {
        host.remove(AR_CONF)?;
        Ok(())
    }),
    fault(checks::AR_CONF_MISSING, "ar.conf is not there on a manager", MANAGER, |host| {
        host.remove(AR_CONF)?;
        Ok(())
    }),
    fault(checks::AR_CONF_MISSING, "ar.conf is a directory", AGENT, |host| {
        host.remove(AR_CONF)?.mkdir(AR_CONF)?;
        Ok(())
    }),
    fault(checks::AR_CONF_MISSING, "ar.conf is a directory on a manager", MANAGER, |host| {
        host.remove(AR_CONF)?.mkdir(AR_CONF)?;
        Ok(())
    }),
    fault(checks::AR_CONF_MISSING, "ar.conf is a FIFO", AGENT, |host| {
        host.remove(AR_CONF)?.mkfifo(AR_CONF)?;
        Ok(())
    }),
    fault(checks::AR_CONF_MISSING, "ar.conf is a link to itself", AGENT, |host| {
        host.remove(AR_CONF)?.symlink(AR_CONF, "ar.conf")?;
        Ok(())
    }),
    near(checks::AR_CONF_MISSING, "ar.conf is a link to a file elsewhere", AGENT, |host| {
        host.rename(AR_CONF, "/var/ossec/etc/ar.conf")?.symlink(AR_CONF, "../ar.conf")?;
        Ok(())
    }),
    fault(checks::CONFIG_MISSING, "ossec.conf is a directory", AGENT, |host| {
        host.remove(CONF)?.mkdir(CONF)?;
        Ok(())
    }),
    fault(checks::CONFIG_MISSING, "ossec.conf is a FIFO on a manager", MANAGER, |host| {
        host.remove(CONF)?.mkfifo(CONF)?;
        Ok(())
    }),
    fault(checks::CONFIG_MISSING, "ossec.conf is a link to itself", AGENT, |host| {
        host.remove(CONF)?.symlink(CONF, "ossec.conf")?;
        Ok(())
    }),
    near(checks::CONFIG_MISSING, "ossec.conf is a link to a file elsewhere", AGENT, |host| {
        host.rename(CONF, "/var/ossec/etc/ours.conf")?.symlink(CONF, "ours.conf")?;
        Ok(())
    }),
    near(checks::AR_CONF_MISSING, "ar.conf with CR LF", AGENT, |host| {
        let lines = text(host, AR_CONF).replace('\n', "\r\n");
        host.write(AR_CONF, lines)?;
        Ok(())
    }),
    fault(checks::AR_CONF_STALE, "another executable, by hand", MANAGER, |host| {
        script(host, "/var/ossec/active-response/bin/notify-night.sh", TEXT)?;
        replace(host, AR_CONF, "notify-oncall.sh", "notify-night.sh")
    }),
    fault(checks::AR_CONF_STALE, "a line more, by hand", MANAGER, |host| {
        script(host, "/var/ossec/active-response/bin/own.sh", TEXT)?;
        more_lines(host, "own0 - own.sh - 0\n")
    }),
    fault(checks::AR_CONF_STALE, "another timeout in the configuration and no restart", MANAGER, |host| {
        replace(host, CONF, "<timeout>600<", "<timeout>900<")
    }),
    near(checks::AR_CONF_STALE, "the lines in another order", MANAGER, |host| {
        replace(host, AR_CONF, "notify-oncall0 - notify-oncall.sh - 0\n", "")?;
        more_lines(host, "notify-oncall0 - notify-oncall.sh - 0\n")
    }),
    near(checks::AR_CONF_STALE, "ar.conf with CR LF on a manager", MANAGER, |host| {
        let lines = text(host, AR_CONF).replace('\n', "\r\n");
        host.write(AR_CONF, lines)?;
        Ok(())
    }),
    fault(checks::AR_CONF_TRUNCATED, "only analysisd's own lines on a manager", MANAGER, |host| {
        let lines: String = text(host, AR_CONF).lines().take(6).map(|line| format!("{line}\n")).collect();
        host.write(AR_CONF, lines)?;
        Ok(())
    }),
    fault(checks::AR_CONF_TRUNCATED, "an empty ar.conf on an agent", AGENT, |host| {
        host.write(AR_CONF, "")?;
        Ok(())
    }),
    fault(checks::AR_CONF_TRUNCATED, "an empty ar.conf on a manager", MANAGER, |host| {
        host.write(AR_CONF, "")?;
        Ok(())
    }),
    near(checks::AR_CONF_TRUNCATED, "only analysisd's own lines, and no responses configured", MANAGER, |host| {
        let conf = text(host, CONF);
        let (start, end) = (conf.find("  <command>").unwrap_or(0), conf.find("  <localfile>").unwrap_or(0));
        whole_config(host, format!("{}{}", &conf[..start], &conf[end..]))
    }),
    near(checks::AR_CONF_TRUNCATED, "no line feed at the end", AGENT, |host| {
        let lines = text(host, AR_CONF);
        host.write(AR_CONF, lines.trim_end())?;
        Ok(())
    }),
    fault(checks::AR_CONF_MALFORMED, "a comment", AGENT, |host| more_lines(host, "# ours\n")),
    fault(checks::AR_CONF_MALFORMED, "an empty line", AGENT, |host| replace(host, AR_CONF, LINE, &format!("\n{LINE}"))),
    fault(checks::AR_CONF_MALFORMED, "tabs between the parts", AGENT, |host| {
        replace(host, AR_CONF, LINE, "edge-block900\t-\tedge-block.sh\t-\t900\n")
    }),
    fault(checks::AR_CONF_MALFORMED, "one dash only", AGENT, |host| {
        replace(host, AR_CONF, LINE, "edge-block900 - edge-block.sh\n")
    }),
    fault(checks::AR_CONF_MALFORMED, "an executable with line breaks, as an agent gets it", AGENT, |host| {
        executable(host, "\n      edge-block.sh\n    ")
    }),
    fault(checks::AR_CONF_MALFORMED, "a comment on a manager", MANAGER, |host| more_lines(host, "# ours\n")),
    fault(checks::AR_CONF_MALFORMED, "tabs between the parts on a manager", MANAGER, |host| {
        replace(host, AR_CONF, "notify-oncall0 - notify-oncall.sh - 0", "notify-oncall0\t-\tnotify-oncall.sh\t-\t0")
    }),
    fault(checks::AR_CONF_MALFORMED, "a byte order mark before a response", AGENT, |host| {
        replace(host, AR_CONF, LINE, "")?;
        let lines = text(host, AR_CONF);
        host.write(AR_CONF, format!("\u{feff}{LINE}{lines}"))?;
        Ok(())
    }),
    fault(checks::AR_CONF_MALFORMED, "a blank before a response", AGENT, |host| {
        replace(host, AR_CONF, LINE, &format!(" {LINE}"))
    }),
    fault(checks::AR_CONF_MALFORMED, "a byte order mark before a stock line", AGENT, |host| {
        let lines = text(host, AR_CONF);
        host.write(AR_CONF, format!("\u{feff}{lines}"))?;
        Ok(())
    }),
    fault(checks::AR_CONF_MALFORMED, "a blank before a response on a manager", MANAGER, |host| {
        replace(host, AR_CONF, "notify-oncall0 -", " notify-oncall0 -")
    }),
    near(checks::EXECUTABLE_OTHER_CONTRACT, "a byte order mark before a stock line", AGENT, |host| {
        let lines = text(host, AR_CONF);
        host.write(AR_CONF, format!("\u{feff}{lines}"))?;
        Ok(())
    }),
    near(checks::AR_CONF_MALFORMED, "a blank inside a name", AGENT, |host| {
        more_lines(host, "edge block5 - edge-block.sh - 5\n")
    }),
    near(checks::AR_CONF_MALFORMED, "CR LF at the ends of lines", AGENT, |host| {
        let lines = text(host, AR_CONF).replace('\n', "\r\n");
        host.write(AR_CONF, lines)?;
        Ok(())
    }),
    near(checks::AR_CONF_MALFORMED, "no line feed at the end of a manager's", MANAGER, |host| {
        let lines = text(host, AR_CONF);
        host.write(AR_CONF, lines.trim_end())?;
        Ok(())
    }),
    near(checks::AR_CONF_MALFORMED, "a fourth part, and a timeout that is no number", AGENT, |host| {
        more_lines(host, "edge0 - edge-block.sh - abc\nedge5 - edge-block.sh - 5 - 6\n")
    }),
    fault(checks::AR_CONF_NAME_MISSING, "no line for a response of the manager", MANAGER, |host| {
        replace(host, AR_CONF, "notify-oncall0 - notify-oncall.sh - 0\n", "")
    }),
    near(checks::AR_CONF_NAME_MISSING, "no line for a response that the manager was told to leave out", MANAGER, |host| {
        config(
            host,
            "  <!-- Brute force",
            "  <active-response><disabled>yes</disabled><command>notify-oncall</command><location>local</location>\
             <level>3</level></active-response>\n  <!-- Brute force",
        )?;
        // The block stands first, where execd looks too: an enabled one goes before it.
        let conf = text(host, CONF).replacen("<active-response><disabled>yes</disabled>", "<active-response>", 1);
        whole_config(host, conf)
    }),
    // --- what stands at the path -----------------------------------------------------------
    fault(checks::EXECUTABLE_MISSING, "the script was removed", AGENT, |host| {
        host.remove(SCRIPT)?;
        Ok(())
    }),
    fault(checks::EXECUTABLE_MISSING, "the script has an underscore", AGENT, |host| {
        host.rename(SCRIPT, "/var/ossec/active-response/bin/edge_block.sh")?;
        Ok(())
    }),
    fault(checks::EXECUTABLE_MISSING, "the script has no suffix", AGENT, |host| {
        host.rename(SCRIPT, "/var/ossec/active-response/bin/edge-block")?;
        Ok(())
    }),
    fault(checks::EXECUTABLE_MISSING, "the script has another case", AGENT, |host| {
        host.rename(SCRIPT, "/var/ossec/active-response/bin/Edge-Block.sh")?;
        Ok(())
    }),
    fault(checks::EXECUTABLE_MISSING, "a stock program was removed", AGENT, |host| {
        host.remove(DROP)?;
        Ok(())
    }),
    fault(checks::EXECUTABLE_MISSING, "a letter is missing in the name of a stock program", AGENT, |host| {
        executable(host, "firewal-drop")
    }),
    fault(checks::EXECUTABLE_MISSING, "a directory below is not there", AGENT, |host| executable(host, "sub/edge-block.sh")),
    fault(checks::EXECUTABLE_MISSING, "the directory of responses is not there", AGENT, |host| {
        host.remove(BIN)?;
        Ok(())
    }),
    fault(checks::EXECUTABLE_MISSING, "the manager's own script is not there", MANAGER, |host| {
        host.remove(NOTIFY)?;
        Ok(())
    }),
    fault(checks::EXECUTABLE_MISSING, "the script is not there, another response's has nearly its name", AGENT, |host| {
        host.rename(SCRIPT, "/var/ossec/active-response/bin/edge-blocks.sh")?;
        more_lines(host, "edge-blocks0 - edge-blocks.sh - 0\n")
    }),
    fault(checks::EXECUTABLE_MISSING, "an installer of Windows, which may be meant for other hosts", AGENT, |host| {
        more_lines(host, "sweep0 - sweep.msi - 0\n")
    }),
    near(checks::EXECUTABLE_MISSING, "a script of a suffix that is rare, and there", AGENT, |host| {
        renamed(host, "edge-block.ksh")
    }),
    near(checks::EXECUTABLE_MISSING, "a program that no response uses", AGENT, |host| {
        host.remove("/var/ossec/active-response/bin/host-deny")?;
        Ok(())
    }),
    near(checks::EXECUTABLE_MISSING, "a script of Windows agents", AGENT, |host| {
        more_lines(host, "quarantine0 - quarantine.ps1 - 0\nclean0 - Clean.CMD - 0\n")
    }),
    near(checks::EXECUTABLE_MISSING, "a script that runs on agents is not on the manager", MANAGER, |host| {
        config(host, "<executable>firewall-drop<", "<executable>edge-block.sh<")
    }),
    fault(checks::EXECUTABLE_IS_DIRECTORY, "a directory in the script's place", AGENT, |host| {
        host.remove(SCRIPT)?.mkdir(SCRIPT)?;
        Ok(())
    }),
    fault(checks::EXECUTABLE_IS_DIRECTORY, "an empty executable", AGENT, |host| executable(host, "")),
    fault(checks::EXECUTABLE_IS_DIRECTORY, "an empty executable in the manager's command", MANAGER, |host| {
        config(host, "<executable>notify-oncall.sh<", "<executable><")
    }),
    near(checks::EXECUTABLE_IS_DIRECTORY, "a directory beside the script", AGENT, |host| {
        host.mkdir("/var/ossec/active-response/bin/edge-block")?;
        Ok(())
    }),
    fault(checks::EXECUTABLE_NOT_REGULAR, "a FIFO in the script's place", AGENT, |host| {
        host.remove(SCRIPT)?.mkfifo(SCRIPT)?;
        Ok(())
    }),
    fault(checks::EXECUTABLE_NOT_REGULAR, "a link to a FIFO", AGENT, |host| {
        host.remove(SCRIPT)?.symlink(SCRIPT, "edge")?.mkfifo("/var/ossec/active-response/bin/edge")?;
        Ok(())
    }),
    fault(checks::EXECUTABLE_NOT_REGULAR, "a socket in the script's place", AGENT, |host| {
        host.remove(SCRIPT)?.special(SCRIPT, FileType::Socket)?;
        Ok(())
    }),
    fault(checks::EXECUTABLE_NOT_REGULAR, "a device in the script's place", AGENT, |host| {
        host.remove(SCRIPT)?.special(SCRIPT, FileType::CharDevice)?;
        Ok(())
    }),
    near(checks::EXECUTABLE_NOT_REGULAR, "a FIFO that no response uses", AGENT, |host| {
        host.mkfifo("/var/ossec/active-response/bin/pipe")?;
        Ok(())
    }),
    fault(checks::EXECUTABLE_DANGLING_LINK, "a link to nothing", AGENT, |host| {
        host.remove(SCRIPT)?.symlink(SCRIPT, "/usr/local/bin/edge-block.sh")?;
        Ok(())
    }),
    fault(checks::EXECUTABLE_DANGLING_LINK, "a link to itself", AGENT, |host| {
        host.remove(SCRIPT)?.symlink(SCRIPT, "edge-block.sh")?;
        Ok(())
    }),
    fault(checks::EXECUTABLE_DANGLING_LINK, "two links in a circle", AGENT, |host| {
        host.remove(SCRIPT)?.symlink(SCRIPT, "edge")?.symlink("/var/ossec/active-response/bin/edge", SCRIPT)?;
        Ok(())
    }),
    near(checks::EXECUTABLE_DANGLING_LINK, "a link to a script elsewhere", AGENT, |host| {
        host.rename(SCRIPT, "/usr/local/bin/edge-block.sh")?.symlink(SCRIPT, "/usr/local/bin/edge-block.sh")?;
        Ok(())
    }),
    near(checks::EXECUTABLE_DANGLING_LINK, "a link to nothing that no response uses", AGENT, |host| {
        host.symlink("/var/ossec/active-response/bin/old.sh", "/usr/local/bin/gone.sh")?;
        Ok(())
    }),
    fault(checks::EXECUTABLE_EMPTY, "a script without content", AGENT, |host| {
        host.write(SCRIPT, "")?;
        Ok(())
    }),
    near(checks::EXECUTABLE_EMPTY, "a script of one line", AGENT, |host| {
        host.write(SCRIPT, "#!/bin/sh\n")?;
        Ok(())
    }),
    // --- who may run and change it ---------------------------------------------------------
    fault(checks::SCRIPT_NOT_EXECUTABLE, "mode 0640", AGENT, |host| {
        host.set_mode(SCRIPT, 0o640)?;
        Ok(())
    }),
    fault(checks::SCRIPT_NOT_EXECUTABLE, "mode 0000", AGENT, |host| {
        host.set_mode(SCRIPT, 0)?;
        Ok(())
    }),
    fault(checks::SCRIPT_NOT_EXECUTABLE, "mode 0640 of a stock program", AGENT, |host| {
        host.set_mode(DROP, 0o640)?;
        Ok(())
    }),
    fault(checks::SCRIPT_NOT_EXECUTABLE, "mode 0666 on a manager", MANAGER, |host| {
        host.set_mode(NOTIFY, 0o666)?;
        Ok(())
    }),
    fault(
        checks::SCRIPT_NOT_EXECUTABLE,
        "mode 0640 of a program that a manager runs for its own events",
        MANAGER,
        |host| {
            host.set_mode(DROP, 0o640)?;
            Ok(())
        },
    ),
    fault(checks::SCRIPT_NOT_EXECUTABLE, "mode 0640 on an agent of 5.x", AGENT_50, |host| {
        host.set_mode("/var/ossec/active-response/bin/block-ip", 0o640)?;
        Ok(())
    }),
    fault(checks::SCRIPT_NOT_EXECUTABLE, "mode 0640 of every script: one entry", AGENT, |host| {
        second_script(host, TEXT)?;
        host.set_mode(SCRIPT, 0o640)?
            .set_mode(DROP, 0o640)?
            .set_mode("/var/ossec/active-response/bin/night-watch.sh", 0o640)?;
        Ok(())
    }),
    near(checks::SCRIPT_NOT_EXECUTABLE, "an execute bit for the owner alone", AGENT, |host| {
        host.set_mode(SCRIPT, 0o100)?;
        Ok(())
    }),
    near(checks::SCRIPT_NOT_EXECUTABLE, "mode 0640 of a script that no response uses", AGENT, |host| {
        host.set_mode("/var/ossec/active-response/bin/restart.sh", 0o640)?;
        Ok(())
    }),
    fault(checks::EXECUTABLE_WRITABLE, "mode 0770", AGENT, |host| {
        host.set_mode(SCRIPT, 0o770)?;
        Ok(())
    }),
    fault(checks::EXECUTABLE_WRITABLE, "mode 0777", AGENT, |host| {
        host.set_mode(SCRIPT, 0o777)?;
        Ok(())
    }),
    near(checks::EXECUTABLE_WRITABLE, "mode 0755", AGENT, |host| {
        host.set_mode(SCRIPT, 0o755)?;
        Ok(())
    }),
    near(checks::EXECUTABLE_WRITABLE, "mode 0770 for group root", AGENT, |host| {
        host.set_owner(SCRIPT, 0, 0)?.set_mode(SCRIPT, 0o770)?;
        Ok(())
    }),
    fault(checks::EXECUTABLE_OWNER, "owner nobody", AGENT, |host| {
        host.set_owner(SCRIPT, NOBODY, WAZUH)?;
        Ok(())
    }),
    fault(checks::EXECUTABLE_OWNER, "owner wazuh", AGENT, |host| {
        host.set_owner(SCRIPT, WAZUH, WAZUH)?;
        Ok(())
    }),
    near(checks::EXECUTABLE_OWNER, "owner nobody of a script that no response uses", AGENT, |host| {
        host.set_owner("/var/ossec/active-response/bin/restart.sh", NOBODY, WAZUH)?;
        Ok(())
    }),
    fault(checks::EXECUTABLE_GROUP, "group root", AGENT, |host| {
        host.set_owner(SCRIPT, 0, 0)?;
        Ok(())
    }),
    near(checks::EXECUTABLE_GROUP, "group ossec before 4.3", AGENT_42, |host| {
        script(host, "/var/ossec/active-response/bin/own.sh", TEXT)?;
        more_lines(host, "own0 - own.sh - 0\n")
    }),
    fault(checks::EXECUTABLE_MODE, "mode 0700", AGENT, |host| {
        host.set_mode(SCRIPT, 0o700)?;
        Ok(())
    }),
    fault(checks::EXECUTABLE_MODE, "mode 0755", AGENT, |host| {
        host.set_mode(SCRIPT, 0o755)?;
        Ok(())
    }),
    near(checks::EXECUTABLE_MODE, "mode 0755 of a script that no response uses", AGENT, |host| {
        host.set_mode("/var/ossec/active-response/bin/restart.sh", 0o755)?;
        Ok(())
    }),
    fault(checks::EXECUTABLE_SETUID, "setuid on a script", AGENT, |host| {
        host.set_mode(SCRIPT, 0o4750)?;
        Ok(())
    }),
    fault(checks::EXECUTABLE_SETUID, "setuid on a program of root", AGENT, |host| {
        host.set_mode(DROP, 0o4755)?;
        Ok(())
    }),
    fault(checks::EXECUTABLE_SETUID, "setuid on a program of another user: root is lost", AGENT, |host| {
        host.set_owner(DROP, NOBODY, WAZUH)?.set_mode(DROP, 0o4750)?;
        Ok(())
    }),
    near(checks::EXECUTABLE_SETUID, "setgid on the directory", AGENT, |host| {
        host.set_mode(BIN, 0o2750)?;
        Ok(())
    }),
    fault(checks::DIRECTORY_NOT_SEARCHABLE, "the home for root alone", AGENT, |host| {
        host.set_owner("/var/ossec", 0, 0)?.set_mode("/var/ossec", 0o700)?;
        Ok(())
    }),
    fault(checks::DIRECTORY_NOT_SEARCHABLE, "the home without the group's search bit", AGENT, |host| {
        host.set_mode("/var/ossec", 0o740)?;
        Ok(())
    }),
    near(checks::DIRECTORY_NOT_SEARCHABLE, "the home of group root, open to all", AGENT, |host| {
        host.set_owner("/var/ossec", 0, 0)?.set_mode("/var/ossec", 0o755)?;
        Ok(())
    }),
    fault(checks::DIRECTORY_WRITABLE, "the directory of responses with mode 0777", AGENT, |host| {
        host.set_mode(BIN, 0o777)?;
        Ok(())
    }),
    fault(checks::DIRECTORY_WRITABLE, "the directory of responses belongs to wazuh", AGENT, |host| {
        host.set_owner(BIN, WAZUH, WAZUH)?;
        Ok(())
    }),
    near(checks::DIRECTORY_WRITABLE, "writable for group root", AGENT, |host| {
        host.set_mode("/var", 0o775)?;
        Ok(())
    }),
    fault(checks::DIRECTORY_WRITABLE, "the home is writable for its group", AGENT, |host| {
        host.set_mode("/var/ossec", 0o770)?;
        Ok(())
    }),
    fault(checks::DIRECTORY_WRITABLE, "a link to a script in a user's home", AGENT, |host| {
        host.rename(SCRIPT, "/home/ops/edge-block.sh")?
            .set_owner("/home/ops", NOBODY, NOBODY)?
            .symlink(SCRIPT, "/home/ops/edge-block.sh")?;
        Ok(())
    }),
    fault(checks::DIRECTORY_WRITABLE, "a link elsewhere, and the link itself can be replaced", AGENT, |host| {
        host.rename(SCRIPT, "/usr/local/bin/edge-block.sh")?
            .symlink(SCRIPT, "/usr/local/bin/edge-block.sh")?
            .set_mode(BIN, 0o777)?
            .remove(AR_CONF)?
            .write(AR_CONF, LINE)?;
        Ok(())
    }),
    near(checks::DIRECTORY_WRITABLE, "writable for all, with the sticky bit", AGENT, |host| {
        host.set_mode("/var", 0o1777)?;
        Ok(())
    }),
    // --- what interprets it ----------------------------------------------------------------
    fault(checks::CRLF_SHEBANG, "line 1 of a script ends in CR LF", AGENT, |host| first_line(host, "#!/bin/bash\r\n")),
    fault(checks::CRLF_SHEBANG, "every line of a script ends in CR LF", AGENT, |host| {
        let lines = text(host, SCRIPT).replace('\n', "\r\n");
        host.write(SCRIPT, lines)?;
        Ok(())
    }),
    fault(checks::CRLF_SHEBANG, "CR LF behind an argument", AGENT, |host| first_line(host, "#!/bin/bash -e\r\n")),
    fault(checks::CRLF_SHEBANG, "CR LF behind env's argument", AGENT, |host| {
        first_line(host, "#!/usr/bin/env python3\r\n")
    }),
    fault(checks::CRLF_SHEBANG, "CR LF in the manager's own script", MANAGER, |host| {
        let lines = text(host, NOTIFY).replace('\n', "\r\n");
        host.write(NOTIFY, lines)?;
        Ok(())
    }),
    fault(checks::CRLF_SHEBANG, "CR LF in two scripts: one entry", AGENT, |host| {
        second_script(host, &TEXT.replace('\n', "\r\n"))?;
        first_line(host, "#!/bin/bash\r\n")
    }),
    near(checks::CRLF_SHEBANG, "CR LF in the body only", AGENT, |host| replace(host, SCRIPT, "exit 1\n", "exit 1\r\n")),
    near(checks::CRLF_SHEBANG, "CR LF, and a link of that name to help it", AGENT, |host| {
        host.symlink("/usr/bin/bash\r", "bash")?;
        first_line(host, "#!/bin/bash\r\n")
    }),
    fault(checks::SHEBANG_MISSING, "Python without a first line", AGENT, |host| {
        host.write(SCRIPT, "# Blocks an address.\nimport json\nimport sys\n\njson.loads(sys.stdin.readline())\n")?;
        Ok(())
    }),
    fault(checks::SHEBANG_MISSING, "bash without a first line", AGENT, |host| first_line(host, "")),
    fault(checks::SHEBANG_MISSING, "sh without a first line", AGENT, |host| {
        host.write(SCRIPT, "read -r INPUT\necho \"$INPUT\" >>logs/active-responses.log\n")?;
        Ok(())
    }),
    fault(checks::SHEBANG_MISSING, "#! with nothing behind it", AGENT, |host| first_line(host, "#!\n")),
    fault(checks::SHEBANG_MISSING, "bash without a first line where sh is bash: advice", RHEL, |host| {
        first_line(host, "")
    }),
    fault(checks::SHEBANG_MISSING, "an interpreter's path that is too long for the kernel", AGENT, |host| {
        let path = format!("/opt/{}/python3", "x".repeat(245));
        host.symlink(&path, "/usr/bin/python3")?;
        first_line(host, &format!("#!{path}\n"))
    }),
    fault(checks::SHEBANG_MISSING, "a path that is too long, with an argument behind it", AGENT, |host| {
        let path = format!("/opt/{}/python3", "x".repeat(245));
        host.symlink(&path, "/usr/bin/python3")?;
        first_line(host, &format!("#!{path} -u\n"))
    }),
    near(checks::SHEBANG_MISSING, "an interpreter's path that just fits", AGENT, |host| {
        let path = format!("/opt/{}/python3", "x".repeat(240));
        host.symlink(&path, "/usr/bin/python3")?;
        first_line(host, &format!("#!{path}\n"))
    }),
    near(checks::SHEBANG_MISSING, "an argument that is cut", AGENT, |host| {
        first_line(host, &format!("#!/bin/bash -{}\n", "e".repeat(300)))
    }),
    near(checks::SHEBANG_MISSING, "a blank behind #!", AGENT, |host| first_line(host, "#! /bin/bash\n")),
    fault(checks::SHEBANG_BEHIND_BOM, "a byte order mark", AGENT, |host| first_line(host, "\u{feff}#!/bin/bash\n")),
    fault(checks::SHEBANG_BEHIND_BOM, "an empty line", AGENT, |host| first_line(host, "\n#!/bin/bash\n")),
    fault(checks::SHEBANG_BEHIND_BOM, "a blank", AGENT, |host| first_line(host, " #!/bin/bash\n")),
    fault(checks::SHEBANG_BEHIND_BOM, "a byte order mark before Python", AGENT, |host| {
        host.write(SCRIPT, "\u{feff}#!/usr/bin/env python3\nimport sys\n")?;
        Ok(())
    }),
    near(checks::SHEBANG_BEHIND_BOM, "a byte order mark further down", AGENT, |host| {
        first_line(host, "#!/bin/bash\n# \u{feff}\n")
    }),
    fault(checks::SHEBANG_BEHIND_BOM, "an empty line where sh is bash: advice", RHEL, |host| {
        first_line(host, "\n#!/bin/bash\n")
    }),
    fault(checks::SHEBANG_RELATIVE, "the slash in front is missing", AGENT, |host| first_line(host, "#!bin/bash\n")),
    fault(checks::SHEBANG_RELATIVE, "a bare name", AGENT, |host| first_line(host, "#!bash\n")),
    near(checks::SHEBANG_RELATIVE, "a relative interpreter that is below the home", AGENT, |host| {
        host.symlink("/var/ossec/bin/bash", "/usr/bin/bash")?;
        first_line(host, "#!bin/bash\n")
    }),
    fault(checks::INTERPRETER_MISSING, "python where there is only python3", AGENT, |host| {
        first_line(host, "#!/usr/bin/python\n")
    }),
    fault(checks::INTERPRETER_MISSING, "bash in the place of another system", AGENT, |host| {
        first_line(host, "#!/usr/local/bin/bash\n")
    }),
    fault(checks::INTERPRETER_MISSING, "an interpreter that is not installed", AGENT, |host| {
        first_line(host, "#!/usr/bin/pwsh\n")
    }),
    fault(checks::INTERPRETER_MISSING, "env in the wrong place", AGENT, |host| first_line(host, "#!/usr/sbin/env bash\n")),
    fault(checks::INTERPRETER_MISSING, "two scripts and one interpreter: one entry", AGENT, |host| {
        second_script(host, "#!/usr/bin/pwsh\nexit 0\n")?;
        first_line(host, "#!/usr/bin/pwsh\n")
    }),
    fault(checks::INTERPRETER_MISSING, "an interpreter that is a script for nothing", AGENT, |host| {
        wrapper(host, "/usr/local/bin/w", "#!/opt/nope\n")?;
        first_line(host, "#!/usr/local/bin/w\n")
    }),
    fault(checks::INTERPRETER_MISSING, "an interpreter that is a script with CR LF", AGENT, |host| {
        wrapper(host, "/usr/local/bin/w", "#!/bin/bash\r\n")?;
        first_line(host, "#!/usr/local/bin/w\n")
    }),
    fault(checks::INTERPRETER_MISSING, "a script for nothing behind env", AGENT, |host| {
        wrapper(host, "/usr/local/bin/w", "#!/opt/nope\n")?;
        first_line(host, "#!/usr/bin/env w\n")
    }),
    near(checks::INTERPRETER_MISSING, "an interpreter that is a script for bash", AGENT, |host| wrappers(host, 1)),
    near(checks::INTERPRETER_MISSING, "an interpreter through two links", AGENT, |host| {
        host.symlink("/usr/bin/python", "python3")?;
        first_line(host, "#!/bin/python\n")
    }),
    fault(checks::INTERPRETER_NOT_EXECUTABLE, "a directory", AGENT, |host| first_line(host, "#!/usr/bin\n")),
    fault(checks::INTERPRETER_NOT_EXECUTABLE, "an interpreter without an execute bit", AGENT, |host| {
        host.set_mode("/usr/bin/python3", 0o644)?;
        first_line(host, "#!/usr/bin/python3\n")
    }),
    fault(checks::INTERPRETER_NOT_EXECUTABLE, "five scripts, one for the other", AGENT, |host| wrappers(host, 5)),
    near(checks::INTERPRETER_NOT_EXECUTABLE, "four scripts, one for the other", AGENT, |host| wrappers(host, 4)),
    fault(checks::INTERPRETER_NOT_EXECUTABLE, "env and the path of a directory", AGENT, |host| {
        first_line(host, "#!/usr/bin/env /usr/bin\n")
    }),
    fault(checks::INTERPRETER_NOT_EXECUTABLE, "env and the path of a file without an execute bit", AGENT, |host| {
        host.set_mode("/usr/bin/python3", 0o644)?;
        first_line(host, "#!/usr/bin/env /usr/bin/python3\n")
    }),
    near(checks::INTERPRETER_NOT_EXECUTABLE, "an interpreter for root alone", AGENT, |host| {
        host.set_mode("/usr/bin/bash", 0o700)?;
        Ok(())
    }),
    fault(checks::ENV_TWO_WORDS, "env, a name and an option", AGENT, |host| {
        first_line(host, "#!/usr/bin/env python3 -u\n")
    }),
    fault(checks::ENV_TWO_WORDS, "env, an option and a name", AGENT, |host| first_line(host, "#!/usr/bin/env -i bash\n")),
    fault(checks::ENV_TWO_WORDS, "env and nothing behind it", AGENT, |host| first_line(host, "#!/usr/bin/env\n")),
    fault(checks::ENV_TWO_WORDS, "env and a variable alone", AGENT, |host| first_line(host, "#!/usr/bin/env FOO=1\n")),
    fault(checks::ENV_TWO_WORDS, "env and a dash alone", AGENT, |host| first_line(host, "#!/usr/bin/env -\n")),
    fault(checks::ENV_TWO_WORDS, "env, a variable and a name", AGENT, |host| {
        first_line(host, "#!/usr/bin/env LANG=C bash\n")
    }),
    fault(checks::ENV_TWO_WORDS, "env -S and a variable alone", AGENT, |host| {
        first_line(host, "#!/usr/bin/env -S LANG=C\n")
    }),
    near(checks::ENV_TWO_WORDS, "env -S", AGENT, |host| first_line(host, "#!/usr/bin/env -S python3 -u\n")),
    near(checks::ENV_TWO_WORDS, "env -S with options of its own", AGENT, |host| {
        first_line(host, "#!/usr/bin/env -S -i LANG=C bash -e\n")
    }),
    near(checks::ENV_TWO_WORDS, "bash with an option", AGENT, |host| first_line(host, "#!/bin/bash -e\n")),
    fault(checks::ENV_NOT_IN_PATH, "a name that is nowhere", AGENT, |host| first_line(host, "#!/usr/bin/env nosuch\n")),
    fault(checks::ENV_NOT_IN_PATH, "a name that is nowhere, behind -S", AGENT, |host| {
        first_line(host, "#!/usr/bin/env -S nosuch -u\n")
    }),
    fault(checks::ENV_NOT_IN_PATH, "a name that is not in execd's PATH", AGENT, |host| {
        process(host, EXECD, |execd| execd.env_path = Fact::known("/proc/811/environ", "/usr/local/bin:/sbin".to_owned()))?;
        first_line(host, "#!/usr/bin/env bash\n")
    })
    .not_on_a_tree(NO_PROCESSES),
    fault(checks::ENV_NOT_IN_PATH, "a name outside every directory of PATH", AGENT, |host| {
        host.write("/usr/lib/venv/bin/python3.12", TEXT)?.set_mode("/usr/lib/venv/bin/python3.12", 0o755)?;
        first_line(host, "#!/usr/bin/env python3.12\n")
    }),
    near(checks::ENV_NOT_IN_PATH, "a name in a directory of execd's PATH alone", AGENT, |host| {
        host.write("/usr/lib/venv/bin/python3.12", TEXT)?.set_mode("/usr/lib/venv/bin/python3.12", 0o755)?;
        process(host, EXECD, |execd| {
            execd.env_path = Fact::known("/proc/811/environ", "/usr/lib/venv/bin:/usr/sbin:/usr/bin".to_owned());
        })?;
        first_line(host, "#!/usr/bin/env python3.12\n")
    })
    .not_on_a_tree(NO_PROCESSES),
    fault(checks::ENV_NOT_IN_PATH, "a path that is not there", AGENT, |host| {
        first_line(host, "#!/usr/bin/env /opt/nope\n")
    }),
    fault(checks::ENV_NOT_IN_PATH, "a path without its first slash", AGENT, |host| {
        first_line(host, "#!/usr/bin/env bin/bash\n")
    }),
    fault(checks::ENV_NOT_IN_PATH, "two scripts, one name: one entry", AGENT, |host| {
        second_script(host, "#!/usr/bin/env nosuch\n")?;
        first_line(host, "#!/usr/bin/env nosuch\n")
    }),
    near(checks::ENV_NOT_IN_PATH, "env and a path that is there", AGENT, |host| {
        first_line(host, "#!/usr/bin/env /bin/bash\n")
    }),
    near(checks::ENV_NOT_IN_PATH, "env and bash", AGENT, |host| first_line(host, "#!/usr/bin/env bash\n")),
    // --- what it is compiled for -----------------------------------------------------------
    fault(checks::WRONG_ARCHITECTURE, "a program for arm", AGENT, |host| program(host, SCRIPT, "aarch64", 64, None)),
    fault(checks::WRONG_ARCHITECTURE, "a program of Windows", AGENT, |host| {
        host.write(SCRIPT, b"MZ\x90\x00\x03\x00\x00\x00\x04")?;
        Ok(())
    }),
    fault(checks::WRONG_ARCHITECTURE, "a program of macOS", AGENT, |host| {
        host.write(SCRIPT, b"\xcf\xfa\xed\xfe\x0c\x00\x00\x01")?;
        Ok(())
    }),
    fault(checks::WRONG_ARCHITECTURE, "an archive in the script's place", AGENT, |host| {
        host.write(SCRIPT, b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xcb\x48")?;
        Ok(())
    }),
    fault(checks::WRONG_ARCHITECTURE, "two scripts, and their interpreter is for arm: one entry", AGENT, |host| {
        program(host, "/opt/python3", "aarch64", 64, None)?;
        second_script(host, "#!/opt/python3\n")?;
        first_line(host, "#!/opt/python3\n")
    }),
    near(checks::WRONG_ARCHITECTURE, "an interpreter for 32 bits on 64 bits", AGENT, |host| {
        program(host, "/opt/python3", "i386", 32, None)?;
        first_line(host, "#!/usr/bin/env /opt/python3\n")
    }),
    near(checks::WRONG_ARCHITECTURE, "a program for 32 bits on 64 bits", AGENT, |host| {
        program(host, SCRIPT, "i386", 32, None)
    }),
    fault(checks::LOADER_MISSING, "a program for another C library", AGENT, |host| {
        program(host, SCRIPT, "x86_64", 64, Some("/lib/ld-musl-x86_64.so.1"))
    }),
    fault(checks::LOADER_MISSING, "a program and an interpreter without their loader: one entry", AGENT, |host| {
        program(host, "/opt/python3", "x86_64", 64, Some("/lib/ld-musl-x86_64.so.1"))?;
        second_script(host, "#!/usr/bin/env -S /opt/python3 -u\n")?;
        program(host, SCRIPT, "x86_64", 64, Some("/lib/ld-musl-x86_64.so.1"))
    }),
    near(checks::LOADER_MISSING, "a static program", AGENT, |host| program(host, SCRIPT, "x86_64", 64, None)),
    near(checks::LOADER_MISSING, "a program for the C library that is there", AGENT, |host| {
        program(host, SCRIPT, "x86_64", 64, Some("/lib64/ld-linux-x86-64.so.2"))
    }),
    fault(checks::LIBRARY_MISSING, "Wazuh's libraries were removed", AGENT, |host| {
        host.remove("/var/ossec/lib")?;
        Ok(())
    }),
    fault(checks::LIBRARY_MISSING, "Wazuh's libraries were removed, and several programs need them", AGENT, |host| {
        host.remove("/var/ossec/lib/libwazuhshared.so")?;
        more_lines(host, "hosts600 - host-deny - 600\nroute600 - route-null - 600\n")
    }),
    fault(checks::LIBRARY_MISSING, "a link to a copy of a stock program outside", AGENT, |host| {
        stock_program(host, "/usr/local/bin/firewall-drop")?;
        host.remove(DROP)?.symlink(DROP, "/usr/local/bin/firewall-drop")?;
        Ok(())
    }),
    fault(checks::LIBRARY_MISSING, "a copy of a stock program in a directory below", AGENT, |host| {
        stock_program(host, "/var/ossec/active-response/bin/ours/drop")?;
        executable(host, "ours/drop")
    }),
    fault(checks::LIBRARY_MISSING, "a library that the interpreter of two scripts needs", AGENT, |host| {
        let elf = Elf {
            class: 64,
            machine: "x86_64".to_owned(),
            interpreter: Some("/lib64/ld-linux-x86-64.so.2".to_owned()),
            needed: vec!["libpython3.12.so.1.0".to_owned()],
            runpath: Vec::new(),
        };
        host.write_elf("/opt/python3", &elf)?.set_mode("/opt/python3", 0o755)?;
        second_script(host, "#!/opt/python3\n")?;
        first_line(host, "#!/opt/python3\n")
    }),
    near(checks::LIBRARY_MISSING, "a link to a stock program beside it", AGENT, |host| {
        host.symlink("/var/ossec/active-response/bin/drop", "firewall-drop")?;
        executable(host, "drop")
    }),
    near(checks::LIBRARY_MISSING, "a library in a directory of the loader's own list", AGENT, |host| {
        host.rename("/usr/lib/x86_64-linux-gnu/libc.so.6", "/usr/lib/c/libc.so.6")?
            .write("/etc/ld.so.conf", "include /etc/ld.so.conf.d/*.conf\n")?
            .write("/etc/ld.so.conf.d/c.conf", "# ours\n/usr/lib/c\n")?;
        Ok(())
    }),
    // --- mounts ----------------------------------------------------------------------------
    fault(checks::NOEXEC_MOUNT, "the directory of responses is mounted noexec", AGENT, |host| {
        mount(host, BIN, "rw,noexec,relatime")
    })
    .mounted("/var/ossec/active-response/bin", "noexec"),
    fault(checks::NOEXEC_MOUNT, "the home is mounted noexec", AGENT, |host| {
        mount(host, "/var/ossec", "rw,nosuid,nodev,noexec")
    })
    .mounted("/var/ossec", "nosuid,nodev,noexec"),
    fault(checks::NOEXEC_MOUNT, "a link to a script where nothing is executed", AGENT, |host| {
        host.rename(SCRIPT, "/usr/local/bin/edge-block.sh")?.symlink(SCRIPT, "/usr/local/bin/edge-block.sh")?;
        mount(host, "/usr/local", "rw,noexec")
    })
    .mounted("/usr/local", "noexec"),
    fault(checks::NOEXEC_MOUNT, "an interpreter where nothing is executed", AGENT, |host| {
        host.write("/usr/local/bin/python3", TEXT)?.set_mode("/usr/local/bin/python3", 0o755)?;
        first_line(host, "#!/usr/local/bin/python3\n")?;
        mount(host, "/usr/local", "rw,noexec")
    })
    .mounted("/usr/local", "noexec"),
    fault(checks::NOEXEC_MOUNT, "the manager's scripts are mounted noexec", MANAGER, |host| {
        mount(host, "/var/ossec/active-response", "rw,noexec")
    })
    .mounted("/var/ossec/active-response", "noexec"),
    near(checks::NOEXEC_MOUNT, "another directory is mounted noexec", AGENT, |host| {
        mount(host, "/var/ossec/queue", "rw,noexec,relatime")
    })
    .mounted("/var/ossec/queue", "noexec"),
    near(checks::NOEXEC_MOUNT, "noexec above, and exec again on the directory itself", AGENT, |host| {
        mount(host, "/var", "rw,noexec")?;
        mount(host, "/var/ossec", "rw,relatime")
    })
    .not_on_a_tree("two mounts"),
    near(checks::NOEXEC_MOUNT, "the directory of responses is mounted nosuid,nodev", AGENT, |host| {
        mount(host, BIN, "rw,nosuid,nodev")
    })
    .mounted("/var/ossec/active-response/bin", "nosuid,nodev"),
    // --- daemons ---------------------------------------------------------------------------
    fault(checks::EXECD_NOT_RUNNING, "no execd, and its pid file left behind", AGENT, |host| {
        host.remove_process(EXECD)?;
        Ok(())
    })
    .not_on_a_tree(NO_PROCESSES),
    fault(checks::EXECD_NOT_RUNNING, "no execd and no pid file", AGENT, |host| {
        host.remove_process(EXECD)?.remove("/var/ossec/var/run/wazuh-execd-811.pid")?;
        Ok(())
    })
    .not_on_a_tree(NO_PROCESSES),
    fault(checks::EXECD_NOT_RUNNING, "execd is dead and its parent has not noticed", AGENT, |host| {
        process(host, EXECD, |execd| {
            execd.state = 'Z';
            execd.exe = None;
            execd.args.clear();
        })
    })
    .not_on_a_tree(NO_PROCESSES),
    fault(checks::EXECD_NOT_RUNNING, "no execd on a manager", MANAGER, |host| {
        host.remove_process(EXECD)?;
        Ok(())
    })
    .not_on_a_tree(NO_PROCESSES),
    fault(checks::EXECD_NOT_RUNNING, "the execd of another installation", AGENT, |host| {
        process(host, EXECD, |execd| execd.exe = Some("/srv/jail/var/ossec/bin/wazuh-execd".into()))
    })
    .not_on_a_tree(NO_PROCESSES),
    fault(checks::EXECD_NOT_RUNNING, "the execd of a container", AGENT, |host| {
        process(host, EXECD, |execd| execd.foreign = true)
    })
    .not_on_a_tree(NO_PROCESSES),
    fault(checks::GROUP_MISSING, "no group wazuh, and execd is down", AGENT, |host| {
        without_group(host, "wazuh")?;
        host.remove_process(EXECD)?;
        Ok(())
    })
    .not_on_a_tree(NO_PROCESSES),
    fault(checks::GROUP_MISSING, "no group wazuh in a tree", AGENT, |host| without_group(host, "wazuh")),
    fault(checks::GROUP_MISSING, "no group ossec on 4.2", AGENT_42, |host| without_group(host, "ossec")),
    fault(checks::GROUP_MISSING, "no group wazuh on a manager", MANAGER, |host| without_group(host, "wazuh")),
    near(checks::GROUP_MISSING, "a group wazuh, and no user of that name", AGENT, |host| {
        let users = host.users().get().cloned().unwrap_or_default();
        host.set_users(users.into_iter().filter(|user| user.name != "wazuh").collect());
        Ok(())
    }),
    near(checks::GROUP_MISSING, "no group ossec on 4.14", AGENT, |host| without_group(host, "ossec")),
    near(checks::EXECD_NOT_RUNNING, "execd runs under another number", AGENT, |host| {
        let mut execd = None;
        process(host, EXECD, |process| execd = Some(process.clone()))?;
        let held = host.process_detail(EXECD).get().map(|detail| detail.descriptors.value.clone());
        host.remove_process(EXECD)?.rename("/var/ossec/var/run/wazuh-execd-811.pid", "/var/ossec/var/run/wazuh-execd-4711.pid")?;
        host.add_process(Process { pid: 4711, ..execd.ok_or(EditError::Missing(BIN.into()))? });
        // It takes its sockets along.
        host.change_process(4711, |detail| detail.descriptors.value = held.unwrap_or(Value::Absent))?;
        Ok(())
    })
    .not_on_a_tree(NO_PROCESSES),
    near(checks::EXECD_NOT_RUNNING, "the program file may not be looked at", AGENT, |host| {
        process(host, EXECD, |execd| execd.exe = None)
    })
    .not_on_a_tree(NO_PROCESSES),
    near(checks::EXECD_NOT_RUNNING, "a daemon that responses do not need is down", AGENT, |host| {
        host.remove_process(825)?.remove("/var/ossec/var/run/wazuh-syscheckd-825.pid")?;
        Ok(())
    })
    .not_on_a_tree(NO_PROCESSES),
    fault(checks::RESTART_OWED, "a script that came after execd's start", AGENT, |host| {
        host.set_times(SCRIPT, LATER, LATER)?.set_times(BIN, LATER, LATER)?.set_birth(SCRIPT, LATER)?;
        Ok(())
    })
    .not_on_a_tree(NO_PROCESSES),
    near(checks::RESTART_OWED, "a script that was changed in place after a lock directory came and went", AGENT, |host| {
        host.set_times(SCRIPT, LATER, LATER)?.set_times(BIN, LATER, LATER)?.set_birth(SCRIPT, 1_700_000_000)?;
        Ok(())
    })
    .not_on_a_tree(NO_PROCESSES),
    fault(checks::RESTART_OWED, "a configuration that came after analysisd's start", MANAGER, |host| {
        host.set_times(CONF, LATER, LATER)?;
        Ok(())
    })
    .not_on_a_tree(NO_PROCESSES),
    fault(checks::RESTART_OWED, "settings of execd that came after its start", AGENT, |host| {
        host.set_times(CONF, LATER, LATER)?;
        Ok(())
    })
    .not_on_a_tree(NO_PROCESSES),
    near(checks::RESTART_OWED, "a script that was changed in place", AGENT, |host| {
        host.set_times(SCRIPT, LATER, LATER)?;
        Ok(())
    })
    .not_on_a_tree(NO_PROCESSES),
    near(checks::RESTART_OWED, "another file in the directory of responses", AGENT, |host| {
        script(host, "/var/ossec/active-response/bin/edge-unblock.sh", TEXT)?;
        host.set_times("/var/ossec/active-response/bin/edge-unblock.sh", LATER, LATER)?.set_times(BIN, LATER, LATER)?;
        Ok(())
    })
    .not_on_a_tree(NO_PROCESSES),
    near(checks::RESTART_OWED, "analysisd started again after the change", MANAGER, |host| {
        host.set_times(CONF, LATER, LATER)?;
        process(host, ANALYSISD, |analysisd| analysisd.start = LATER + 60)
    })
    .not_on_a_tree(NO_PROCESSES),
    near(checks::RESTART_OWED, "an agent's configuration without settings of execd", AGENT, |host| {
        replace(
            host,
            CONF,
            "  <active-response>\n    <disabled>no</disabled>\n    <repeated_offenders>30,60,120</repeated_offenders>\n  </active-response>\n",
            "",
        )?;
        host.set_times(CONF, LATER, LATER)?;
        Ok(())
    })
    .not_on_a_tree(NO_PROCESSES),
    fault(checks::STALE_PID_FILE, "a second pid file of execd", AGENT, |host| {
        host.write("/var/ossec/var/run/wazuh-execd-700.pid", "700\n")?;
        Ok(())
    })
    .not_on_a_tree(NO_PROCESSES),
    fault(checks::STALE_PID_FILE, "a pid file that names another program", AGENT, |host| {
        host.write("/var/ossec/var/run/wazuh-execd-839.pid", "839\n")?;
        Ok(())
    })
    .not_on_a_tree(NO_PROCESSES),
    near(checks::STALE_PID_FILE, "other files in var/run", AGENT, |host| {
        host.write("/var/ossec/var/run/wazuh-agentd.state", "status='connected'\n")?
            .write("/var/ossec/var/run/wazuh-execd.failed", "")?;
        Ok(())
    })
    .not_on_a_tree(NO_PROCESSES),
    // --- the log of responses --------------------------------------------------------------
    fault(checks::AR_LOG_UNWRITABLE, "a directory in the log's place", AGENT, |host| {
        host.remove(LOG)?.mkdir(LOG)?;
        Ok(())
    }),
    fault(checks::AR_LOG_UNWRITABLE, "the log lies on a read-only mount", AGENT, |host| {
        mount(host, "/var/ossec/logs", "ro,relatime")
    })
    .mounted("/var/ossec/logs", "ro"),
    near(checks::AR_LOG_UNWRITABLE, "a log that only root may write", AGENT, |host| {
        host.set_owner(LOG, 0, 0)?.set_mode(LOG, 0o444)?;
        Ok(())
    }),
    near(checks::AR_LOG_UNWRITABLE, "another directory is mounted read-only", AGENT, |host| {
        mount(host, "/usr/lib", "ro,relatime")
    })
    .mounted("/usr/lib", "ro"),
    fault(checks::AR_LOG_UNWRITABLE, "the directory of the logs is not there", AGENT, |host| {
        host.remove("/var/ossec/logs")?;
        Ok(())
    }),
    fault(checks::AR_LOG_UNWRITABLE, "the log is a link into a directory that is not there", AGENT, |host| {
        host.remove(LOG)?.symlink(LOG, "old/active-responses.log")?;
        Ok(())
    }),
    fault(checks::BIN_READ_ONLY, "the directory of responses is mounted read-only", AGENT, |host| {
        mount(host, BIN, "ro,relatime")
    })
    .mounted(BIN, "ro"),
    fault(checks::BIN_READ_ONLY, "the whole home is mounted read-only", AGENT, |host| {
        mount(host, "/var/ossec", "ro,relatime")
    })
    .mounted("/var/ossec", "ro"),
    fault(checks::BIN_READ_ONLY, "a read-only mount on a manager that runs a program for itself", MANAGER, |host| {
        config(host, "<executable>notify-oncall.sh<", "<executable>host-deny<")?;
        mount(host, "/var/ossec/active-response", "ro,relatime")
    })
    .mounted("/var/ossec/active-response", "ro"),
    near(checks::BIN_READ_ONLY, "another directory of the home is mounted read-only", AGENT, |host| {
        mount(host, "/var/ossec/ruleset", "ro,relatime")
    })
    .mounted("/usr/lib", "ro"),
    near(checks::BIN_READ_ONLY, "a read-only mount and only a script without a lock", AGENT, |host| {
        let lines: String =
            text(host, AR_CONF).lines().filter(|line| !line.contains("firewall-drop")).map(|line| format!("{line}\n")).collect();
        host.write(AR_CONF, lines)?;
        mount(host, BIN, "ro,relatime")
    })
    .mounted(BIN, "ro"),
    fault(checks::AR_LOG_MISSING, "no log", AGENT, |host| {
        host.remove(LOG)?;
        Ok(())
    }),
    near(checks::AR_LOG_MISSING, "an empty log", AGENT, |host| {
        host.write(LOG, "")?;
        Ok(())
    }),
    near(checks::AR_LOG_MISSING, "the log is a link to a file elsewhere", AGENT, |host| {
        host.rename(LOG, "/var/log/active-responses.log")?.symlink(LOG, "/var/log/active-responses.log")?;
        Ok(())
    }),
    fault(checks::AR_LOG_FIFO, "a FIFO in the log's place", AGENT, |host| {
        host.remove(LOG)?.mkfifo(LOG)?;
        Ok(())
    }),
    near(checks::AR_LOG_FIFO, "a FIFO beside the log", AGENT, |host| {
        host.mkfifo("/var/ossec/logs/tap")?;
        Ok(())
    }),
    fault(checks::LOCALFILE_MISSING, "nothing collects the log on an agent", AGENT, |host| {
        replace(host, CONF, LOCALFILE, "")
    }),
    fault(checks::LOCALFILE_MISSING, "nothing collects the log on a manager", MANAGER, |host| {
        config(host, LOCALFILE, "")
    }),
    fault(checks::LOCALFILE_MISSING, "the block stands in a comment", AGENT, |host| {
        replace(host, CONF, LOCALFILE, &format!("<!--\n{LOCALFILE}-->\n"))
    }),
    fault(checks::LOCALFILE_MISSING, "the group's block stands in a comment", AGENT, |host| {
        replace(host, CONF, LOCALFILE, "")?;
        host.write(
            "/var/ossec/etc/shared/agent.conf",
            format!("<agent_config>\n<!-- {LOCALFILE} -->\n</agent_config>\n"),
        )?;
        Ok(())
    }),
    near(checks::LOCALFILE_MISSING, "the group's agent.conf has the block", AGENT, |host| {
        replace(host, CONF, LOCALFILE, "")?;
        host.write("/var/ossec/etc/shared/agent.conf", format!("<agent_config>\n{LOCALFILE}</agent_config>\n"))?;
        Ok(())
    }),
    near(checks::LOCALFILE_MISSING, "a location relative to the home", AGENT, |host| {
        replace(host, CONF, "/var/ossec/logs/active-responses.log", "logs/active-responses.log")
    }),
    near(checks::LOCALFILE_MISSING, "the home is a link, and the location names the real path", AGENT, |host| {
        host.rename("/var/ossec", "/srv/ossec")?.symlink("/var/ossec", "/srv/ossec")?;
        for (pid, name) in [(EXECD, "execd"), (818, "logcollector"), (839, "agentd")] {
            let exe = format!("/srv/ossec/bin/wazuh-{name}");
            process(host, pid, |daemon| daemon.exe = Some(exe.into()))?;
        }
        replace(host, CONF, "/var/ossec/logs/active-responses.log", "/srv/ossec/logs/active-responses.log")
    })
    .not_on_a_tree(NO_PROCESSES),
    near(checks::LOCALFILE_MISSING, "a pattern", AGENT, |host| {
        replace(host, CONF, "/var/ossec/logs/active-responses.log", "/var/ossec/logs/active-*.log")
    }),
    near(checks::LOCALFILE_MISSING, "an agent without responses", AGENT, |host| {
        replace(host, CONF, LOCALFILE, "")?;
        let lines: String = text(host, AR_CONF).lines().take(6).map(|line| format!("{line}\n")).collect();
        host.write(AR_CONF, lines)?;
        Ok(())
    }),
    fault(checks::LOCALFILE_WRONG_FORMAT, "collected as JSON", AGENT, |host| {
        replace(
            host,
            CONF,
            "<log_format>syslog</log_format>\n    <location>/var/ossec/logs",
            "<log_format>json</log_format>\n    <location>/var/ossec/logs",
        )
    }),
    fault(checks::LOCALFILE_WRONG_FORMAT, "collected as JSON on a manager", MANAGER, |host| {
        config(host, "<log_format>syslog</log_format>", "<log_format>json</log_format>")
    }),
    near(checks::LOCALFILE_WRONG_FORMAT, "another log is collected as JSON", AGENT, |host| {
        replace(
            host,
            CONF,
            "<log_format>syslog</log_format>\n    <location>/var/log/auth.log",
            "<log_format>json</log_format>\n    <location>/var/log/app.json",
        )
    }),
    near(checks::LOCALFILE_WRONG_FORMAT, "a format with another name for the same reader", AGENT, |host| {
        replace(
            host,
            CONF,
            "<log_format>syslog</log_format>\n    <location>/var/ossec/logs",
            "<log_format>apache</log_format>\n    <location>/var/ossec/logs",
        )
    }),
];
