//! Rows about versions, packages, leftovers, and what changed since a baseline.

use std::path::{Path, PathBuf};

use ar_doctor::findings::checks;
use ar_doctor::host::capture::{CaptureHost, EditError};
use ar_doctor::host::{Account, Host as _, Process};
use md5::Digest as _;

use super::{AGENT, AR_CONF, CONF, Case, MANAGER, config, fault, near, replace, text};

const RHEL: &str = "agent-4.9-rhel";
const MANAGER_RHEL: &str = "manager-4.9-rhel";
const AGENT_50: &str = "agent-5.0-debian";
const STATUS: &str = "/var/lib/dpkg/status";
const SUMS: &str = "/var/lib/dpkg/info/wazuh-agent.md5sums";
const SCRIPT: &str = "/var/ossec/active-response/bin/edge-block.sh";
const DROP: &str = "/var/ossec/active-response/bin/firewall-drop";
/// Number of execd in the base hosts.
const EXECD: u32 = 811;
/// An hour after the daemons of the base hosts started.
const LATER: i64 = 1_795_172_400;
/// Number of syscheckd in the base hosts.
const SYSCHECKD: u32 = 825;

const NO_PROCESSES: &str = "trees have no processes";

type Done = Result<(), EditError>;

fn process(host: &mut CaptureHost, pid: u32, change: impl FnOnce(&mut Process)) -> Done {
    let found = host.processes().get().and_then(|all| all.iter().find(|process| process.pid == pid).cloned());
    let mut process = found.ok_or_else(|| EditError::Missing(PathBuf::from(format!("/proc/{pid}"))))?;
    change(&mut process);
    host.add_process(process);
    Ok(())
}

/// One more process, as execd is, of another program.
fn one_more(host: &mut CaptureHost, exe: &str) -> Done {
    process(host, EXECD, |process| {
        process.pid = 4242;
        process.exe = Some(exe.into());
        process.comm =
            Path::new(exe).file_name().map_or_else(String::new, |name| name.to_string_lossy().into());
    })
}

/// A program in which these strings stand.
fn program(host: &mut CaptureHost, path: &str, strings: &[&str]) -> Done {
    host.write(path, format!("\u{7f}text\0{}\0", strings.join("\0")))?;
    Ok(())
}

fn sum_of(host: &CaptureHost, path: &str) -> String {
    md5::Md5::digest(text(host, path)).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn group(host: &mut CaptureHost, name: &str, id: u32) {
    let mut groups = host.groups().get().cloned().unwrap_or_default();
    groups.push(Account { name: name.to_owned(), id });
    host.set_groups(groups);
}

/// A manager whose only response is gone, and what it had kept beside it.
fn without_responses(host: &mut CaptureHost, copy: &str) -> Done {
    let all = text(host, CONF);
    host.write(copy, &all)?;
    let mut rest = all.as_str();
    let mut kept = String::new();
    while let Some((before, inside)) = rest.split_once("<active-response>") {
        kept.push_str(before);
        rest = inside.split_once("</active-response>").map_or("", |(_, after)| after);
    }
    kept.push_str(rest);
    host.write(CONF, kept)?;
    config(host, "<ossec_config>", "<ossec_config>")
}

/// The rows.
pub const CASES: &[Case] = &[
    // --- versions --------------------------------------------------------------------------
    fault(checks::VERSION_SKEW, "VERSION.json of before, all else of now", AGENT, |host| {
        replace(host, "/var/ossec/VERSION.json", "4.14.2", "4.12.0")
    }),
    fault(checks::VERSION_SKEW, "agentd is of another version than the control script", AGENT, |host| {
        program(host, "/var/ossec/bin/wazuh-agentd", &["v4.3.0", "v4.12.0"])
    }),
    fault(checks::VERSION_SKEW, "a library of another version", MANAGER, |host| {
        program(host, "/var/ossec/lib/libwazuhshared.so", &["v4.12.0"])
    }),
    fault(checks::VERSION_SKEW, "dpkg knows the version before an upgrade by WPK", AGENT, |host| {
        replace(host, STATUS, "4.14.2-1", "4.9.2-1")
    }),
    near(checks::VERSION_SKEW, "another revision of the package", AGENT, |host| {
        replace(host, STATUS, "4.14.2-1", "1:4.14.2-7")
    }),
    near(checks::VERSION_SKEW, "a program holds versions it compares others with", AGENT, |host| {
        program(host, "/var/ossec/bin/wazuh-agentd", &["v4.3.0", "v4.14.2", "v9", "v1.2.3.4"])
    }),
    near(checks::VERSION_SKEW, "the package was removed, and Wazuh built from source", AGENT, |host| {
        replace(
            host,
            STATUS,
            "install ok installed\nPriority: extra",
            "deinstall ok config-files\nPriority: extra",
        )?;
        replace(host, STATUS, "4.14.2-1", "4.9.2-1")
    }),
    // --- packages --------------------------------------------------------------------------
    fault(checks::PACKAGE_HALF_INSTALLED, "dpkg says half-configured", AGENT, |host| {
        replace(
            host,
            STATUS,
            "install ok installed\nPriority: extra",
            "install ok half-configured\nPriority: extra",
        )
    }),
    fault(checks::PACKAGE_HALF_INSTALLED, "dpkg wants it installed again", MANAGER, |host| {
        replace(
            host,
            STATUS,
            "install ok installed\nPriority: extra",
            "install reinstreq unpacked\nPriority: extra",
        )
    }),
    fault(checks::PACKAGE_HALF_INSTALLED, "a file that dpkg did not rename", AGENT, |host| {
        host.write("/var/ossec/bin/wazuh-execd.dpkg-new", "")?;
        Ok(())
    }),
    fault(checks::PACKAGE_HALF_INSTALLED, "a file that rpm did not rename", RHEL, |host| {
        host.write("/var/ossec/active-response/bin/firewall-drop;6731c0de", "")?;
        Ok(())
    }),
    near(checks::PACKAGE_HALF_INSTALLED, "the package is held", AGENT, |host| {
        replace(host, STATUS, "install ok installed\nPriority: extra", "hold ok installed\nPriority: extra")
    }),
    near(checks::PACKAGE_HALF_INSTALLED, "another package is half configured", AGENT, |host| {
        replace(
            host,
            STATUS,
            "install ok installed\nPriority: required",
            "install ok half-configured\nPriority: required",
        )
    }),
    near(checks::PACKAGE_HALF_INSTALLED, "a copy somebody made", AGENT, |host| {
        host.write("/var/ossec/bin/wazuh-execd.dpkg-old", "")?;
        Ok(())
    }),
    fault(checks::PACKAGED_FILE_CHANGED, "a file of the package was edited", AGENT, |host| {
        let sum = sum_of(host, SCRIPT);
        host.append(SUMS, format!("{sum}  var/ossec/active-response/bin/edge-block.sh\n"))?;
        host.append(SCRIPT, "# changed on the host\n")?;
        Ok(())
    }),
    near(checks::PACKAGED_FILE_CHANGED, "a file of the package as it came", AGENT, |host| {
        let sum = sum_of(host, SCRIPT);
        host.append(SUMS, format!("{sum}  var/ossec/active-response/bin/edge-block.sh\n"))?;
        Ok(())
    }),
    near(checks::PACKAGED_FILE_CHANGED, "a script that is of no package", AGENT, |host| {
        host.append(SCRIPT, "# changed on the host\n")?;
        Ok(())
    }),
    near(checks::PACKAGED_FILE_CHANGED, "the files are of another version than the package", AGENT, |host| {
        replace(host, STATUS, "4.14.2-1", "4.9.2-1")?;
        host.append(SUMS, format!("{}  {}\n", "0".repeat(32), SCRIPT.trim_start_matches('/')))?;
        Ok(())
    }),
    // --- processes -------------------------------------------------------------------------
    fault(checks::PROGRAM_REPLACED, "execd runs a file that was replaced", AGENT, |host| {
        process(host, EXECD, |execd| execd.exe = Some("/var/ossec/bin/wazuh-execd (deleted)".into()))
    })
    .not_on_a_tree(NO_PROCESSES),
    fault(checks::PROGRAM_REPLACED, "every daemon of a manager is of before", MANAGER, |host| {
        let all: Vec<Process> = host.processes().get().cloned().unwrap_or_default();
        for mut process in all {
            if let Some(exe) = process.exe.take_if(|exe| exe.starts_with("/var/ossec")) {
                process.exe = Some(format!("{} (deleted)", exe.display()).into());
                host.add_process(process);
            }
        }
        Ok(())
    })
    .not_on_a_tree(NO_PROCESSES),
    near(checks::PROGRAM_REPLACED, "a daemon that has no part in responses", AGENT, |host| {
        process(host, SYSCHECKD, |process| {
            process.exe = Some("/var/ossec/bin/wazuh-syscheckd (deleted)".into())
        })
    })
    .not_on_a_tree(NO_PROCESSES),
    near(checks::PROGRAM_REPLACED, "an execd of a container", AGENT, |host| {
        one_more(host, "/var/ossec/bin/wazuh-execd (deleted)")?;
        process(host, 4242, |process| process.foreign = true)
    })
    .not_on_a_tree(NO_PROCESSES),
    fault(checks::RESTART_OWED, "ar.conf was changed and the agent not restarted", AGENT, |host| {
        host.set_times(AR_CONF, LATER, LATER)?;
        Ok(())
    })
    .not_on_a_tree(NO_PROCESSES),
    near(checks::RESTART_OWED, "ar.conf is older than execd", AGENT, |host| {
        host.set_times(AR_CONF, LATER - 7200, LATER)?;
        Ok(())
    })
    .not_on_a_tree(NO_PROCESSES),
    // --- leftovers -------------------------------------------------------------------------
    fault(checks::OLD_GENERATION_LEFT, "an execd of 4.1 runs beside that of today", AGENT, |host| {
        one_more(host, "/var/ossec/bin/ossec-execd (deleted)")
    })
    .not_on_a_tree(NO_PROCESSES),
    fault(checks::OLD_GENERATION_LEFT, "the start script of 4.1", AGENT, |host| {
        host.write("/etc/init.d/ossec", "#!/bin/sh\n/var/ossec/bin/ossec-control start\n")?;
        Ok(())
    }),
    fault(checks::OLD_GENERATION_LEFT, "ossec-init.conf of 4.1", MANAGER_RHEL, |host| {
        host.write(
            "/etc/ossec-init.conf",
            "DIRECTORY=\"/var/ossec\"\nVERSION=\"v4.1.5\"\nTYPE=\"server\"\n",
        )?;
        Ok(())
    }),
    near(checks::OLD_GENERATION_LEFT, "ossec-init.conf of OSSEC in a directory of its own", AGENT, |host| {
        host.write("/etc/ossec-init.conf", "DIRECTORY=\"/opt/ossec-hids\"\nVERSION=\"v3.7.0\"\n")?;
        Ok(())
    }),
    fault(checks::OLD_GENERATION_LEFT, "directories of the group of before 4.3", AGENT_50, |host| {
        group(host, "ossec", 996);
        host.set_owner("/var/ossec/logs", 998, 996)?;
        Ok(())
    })
    .not_on_a_tree("the group is not in the tree's etc/group"),
    near(checks::OLD_GENERATION_LEFT, "a group of this name that owns nothing here", AGENT, |host| {
        group(host, "ossec", 996);
        Ok(())
    }),
    near(checks::OLD_GENERATION_LEFT, "OSSEC in a directory of its own", AGENT, |host| {
        one_more(host, "/opt/ossec-hids/bin/ossec-execd")
    })
    .not_on_a_tree(NO_PROCESSES),
    fault(checks::CONFIG_SET_ASIDE, "the package was removed and installed again", MANAGER, |host| {
        without_responses(host, "/var/ossec/etc/ossec.conf.save")
    }),
    fault(checks::CONFIG_SET_ASIDE, "one response stands in the copy only", MANAGER_RHEL, |host| {
        let copy = text(host, CONF).replace(
            "</ossec_config>",
            "<active-response><command>firewall-drop</command><location>local</location>\
             <rules_id>5712</rules_id><timeout>4711</timeout></active-response></ossec_config>",
        );
        host.write("/var/ossec/etc/ossec.conf.rpmsave", copy)?;
        Ok(())
    }),
    near(checks::CONFIG_SET_ASIDE, "the same configuration twice", MANAGER, |host| {
        let copy = text(host, CONF);
        host.write("/var/ossec/etc/ossec.conf.save", copy)?;
        Ok(())
    }),
    near(checks::CONFIG_SET_ASIDE, "the default that every upgrade writes beside it", MANAGER, |host| {
        host.write(
            "/var/ossec/etc/ossec.conf.new",
            "<ossec_config><command><name>x</name><executable>x</executable></command><active-response>\
             <command>x</command><location>local</location><level>3</level></active-response></ossec_config>",
        )?;
        Ok(())
    }),
    // --- against a baseline ----------------------------------------------------------------
    fault(checks::SCRIPT_DRIFT, "the text of a script", AGENT, |host| {
        host.append(SCRIPT, "# changed since\n")?;
        Ok(())
    })
    .against_its_base(),
    fault(checks::SCRIPT_DRIFT, "the text of a script of a manager, and no more bytes", MANAGER, |host| {
        replace(host, "/var/ossec/active-response/bin/notify-oncall.sh", "on call", "on duty")
    })
    .against_its_base(),
    near(checks::SCRIPT_DRIFT, "only its time", AGENT, |host| {
        host.set_times(SCRIPT, 1_795_160_000, 1_795_160_000)?;
        Ok(())
    })
    .against_its_base(),
    near(checks::SCRIPT_DRIFT, "a stock program after an upgrade", AGENT, |host| {
        replace(host, "/var/ossec/VERSION.json", "4.14.2", "4.14.7")?;
        replace(host, "/var/ossec/bin/wazuh-control", "4.14.2", "4.14.7")?;
        replace(host, STATUS, "4.14.2-1", "4.14.7-1")?;
        host.set_mode(DROP, 0o755)?;
        Ok(())
    })
    .against_its_base(),
    fault(checks::RESPONSE_DRIFT, "another executable under the same name", AGENT, |host| {
        replace(host, AR_CONF, "edge-block900 - edge-block.sh - 900", "edge-block900 - firewall-drop - 900")
    })
    .against_its_base(),
    fault(checks::RESPONSE_DRIFT, "a response is gone", AGENT, |host| {
        replace(host, AR_CONF, "edge-block900 - edge-block.sh - 900\n", "")
    })
    .against_its_base(),
    fault(checks::RESPONSE_DRIFT, "another rule in a block", MANAGER, |host| {
        config(host, "<rules_id>5712", "<rules_id>5710,5712")
    })
    .against_its_base(),
    near(checks::RESPONSE_DRIFT, "a comment and blanks in a block", MANAGER, |host| {
        config(host, "<rules_id>5712", "<!-- since May -->\n\n    <rules_id>5712")
    })
    .against_its_base(),
    near(checks::RESPONSE_DRIFT, "a response more", AGENT, |host| {
        host.append(AR_CONF, "edge-block60 - edge-block.sh - 60\n")?;
        Ok(())
    })
    .against_its_base(),
];
