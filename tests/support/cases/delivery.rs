//! Rows about the way to the agent: connection, keys, lists of commands, queues, internal options.

use ar_doctor::findings::checks;
use ar_doctor::host::Host as _;
use ar_doctor::host::capture::{CaptureHost, EditError};

use super::{AGENT, AR_CONF, CONF, Case, DELIVERED, MANAGER, config, fault, near, replace, restarted, text};

const AGENT_50: &str = "agent-5.0-debian";
const AGENT_STATE: &str = "/var/ossec/var/run/wazuh-agentd.state";
const REMOTED_STATE: &str = "/var/ossec/var/run/wazuh-remoted.state";
const ANALYSISD_STATE: &str = "/var/ossec/var/run/wazuh-analysisd.state";
const KEYS: &str = "/var/ossec/etc/client.keys";
const MERGED: &str = "/var/ossec/etc/shared/default/merged.mg";
const LOCAL_OPTIONS: &str = "/var/ossec/etc/local_internal_options.conf";
const WAIT: &str = "/var/ossec/queue/sockets/.wait";

/// The clock of the base hosts.
const NOW: i64 = 1_795_183_800;
/// Number of agentd in the base hosts of agents.
const AGENTD: u32 = 839;

const NO_CLOCK: &str = "trees have no clock and no processes";

type Done = Result<(), EditError>;

fn status(host: &mut CaptureHost, status: &str) -> Done {
    replace(host, AGENT_STATE, "status='connected'", &format!("status='{status}'"))
}

fn last_keepalive(host: &mut CaptureHost, time: &str) -> Done {
    replace(host, AGENT_STATE, "last_keepalive='2026-11-20 14:09:51'", &format!("last_keepalive='{time}'"))
}

fn age(host: &mut CaptureHost, path: &str, seconds: i64) -> Done {
    host.set_times(path, NOW - seconds, NOW - seconds)?;
    Ok(())
}

/// All daemons began five seconds ago.
fn just_started(host: &mut CaptureHost) -> Done {
    let all = host.processes().get().cloned().unwrap_or_default();
    for mut process in all.into_iter().filter(|process| process.pid != 1) {
        process.start = NOW - 5;
        host.add_process(process);
    }
    Ok(())
}

/// A file of the time zone `CET-1`, without summer time: two empty blocks and the rule.
fn central_europe() -> Vec<u8> {
    let block = |version: u8| {
        let mut block = b"TZif".to_vec();
        block.push(version);
        block.extend([0; 15]);
        // Counts of UT and standard indicators, leap seconds, transitions; types; letters.
        for count in [0_u32, 0, 0, 0, 1, 4] {
            block.extend(count.to_be_bytes());
        }
        block.extend(3600_i32.to_be_bytes());
        block.extend([0, 0]);
        block.extend(b"CET\0");
        block
    };
    [block(b'2'), block(b'2'), b"\nCET-1\n".to_vec()].concat()
}

fn merged(host: &mut CaptureHost, path: &str, files: &[(&str, &str)]) -> Done {
    let mut bytes = "#default\n".to_owned();
    for (name, content) in files {
        bytes.push_str(&format!("!{} {name}\n{content}", content.len()));
    }
    host.write(path, bytes)?;
    Ok(())
}

/// A list of commands as a master with these lines would send it.
fn sent(host: &mut CaptureHost, lines: &str) -> Done {
    let own = "restart-ossec0 - restart-ossec.sh - 0\nrestart-wazuh0 - restart-wazuh - 0\n";
    merged(host, MERGED, &[("ar.conf", &format!("{own}{lines}")), ("agent.conf", "<agent_config/>\n")])
}

const ALL: &str = "firewall-drop600 - firewall-drop - 600\nnotify-oncall0 - notify-oncall.sh - 0\n\
                   netsh1800 - netsh.exe - 1800\n";

fn cluster(host: &mut CaptureHost, node_type: &str) -> Done {
    replace(host, CONF, "<node_type>master</node_type>", &format!("<node_type>{node_type}</node_type>"))?;
    config(host, "<disabled>yes</disabled>\n  </cluster>", "<disabled>no</disabled>\n  </cluster>")
}

fn without_netsh(host: &mut CaptureHost) -> Done {
    let old = text(host, CONF);
    let at = old.find("  <active-response>\n    <command>netsh").unwrap_or_default();
    let end = old[at..].find("</active-response>\n").map_or(at, |end| at + end + 19);
    host.write(CONF, format!("{}{}", &old[..at], &old[end..]))?;
    restarted(host)
}

#[rustfmt::skip]
pub(super) const CASES: &[Case] = &[
    fault(checks::AGENT_NOT_CONNECTED, "the manager is gone for the better part of an hour", AGENT, |host| {
        status(host, "disconnected")?;
        last_keepalive(host, "2026-11-20 13:20:31")
    }).not_on_a_tree(NO_CLOCK),
    fault(checks::AGENT_NOT_CONNECTED, "it has never been connected since it started", AGENT, |host| {
        status(host, "pending")?;
        last_keepalive(host, "")
    }).not_on_a_tree(NO_CLOCK),
    fault(checks::AGENT_NOT_CONNECTED, "no state file is written, and the lock is old", AGENT, |host| {
        host.write(LOCAL_OPTIONS, "agent.state_interval=0\n")?;
        host.remove(AGENT_STATE)?;
        host.write(WAIT, "")?;
        age(host, WAIT, 3000)
    }).not_on_a_tree(NO_CLOCK),
    fault(checks::AGENT_NOT_CONNECTED, "a 5.x agent without its manager", AGENT_50, |host| status(host, "pending"))
        .not_on_a_tree(NO_CLOCK),
    near(checks::AGENT_NOT_CONNECTED, "it was started five seconds ago", AGENT, |host| {
        just_started(host)?;
        status(host, "pending")?;
        last_keepalive(host, "")
    }),
    near(checks::AGENT_NOT_CONNECTED, "it was started five seconds ago, and writes no state", AGENT, |host| {
        just_started(host)?;
        host.write(LOCAL_OPTIONS, "agent.state_interval=0\n")?;
        host.remove(AGENT_STATE)?;
        host.write(WAIT, "")?;
        age(host, WAIT, 4)
    }),
    near(checks::AGENT_NOT_CONNECTED, "no state file is written, and there is no lock", AGENT, |host| {
        host.write(LOCAL_OPTIONS, "agent.state_interval=0\n")?;
        host.remove(AGENT_STATE)?;
        Ok(())
    }),
    fault(checks::DAEMON_HUNG, "agentd is stopped by a signal", AGENT, |host| {
        let mut agentd = host.processes().get().and_then(|all| all.iter().find(|one| one.pid == AGENTD)).cloned();
        if let Some(agentd) = &mut agentd {
            agentd.state = 'T';
        }
        agentd.into_iter().for_each(|agentd| { host.add_process(agentd); });
        Ok(())
    }).not_on_a_tree(NO_CLOCK),
    fault(checks::DAEMON_HUNG, "agentd wrote its state an hour ago", AGENT, |host| age(host, AGENT_STATE, 3600))
        .not_on_a_tree(NO_CLOCK),
    fault(checks::DAEMON_HUNG, "analysisd wrote its state an hour ago", MANAGER, |host| age(host, ANALYSISD_STATE, 3600))
        .not_on_a_tree(NO_CLOCK),
    near(checks::DAEMON_HUNG, "the state is written once a minute, as it is set", AGENT, |host| {
        host.write(LOCAL_OPTIONS, "agent.state_interval=60\n")?;
        age(host, AGENT_STATE, 58)
    }),
    fault(checks::AGENTD_STUCK, "connected, and the last keepalive is 49 minutes old", AGENT, |host| last_keepalive(host, "2026-11-20 13:20:31"))
        .not_on_a_tree(NO_CLOCK),
    fault(checks::AGENTD_STUCK, "the same with times of another zone", AGENT, |host| {
        host.write("/etc/localtime", central_europe())?;
        last_keepalive(host, "2026-11-20 14:20:31")
    }).not_on_a_tree(NO_CLOCK),
    near(checks::AGENTD_STUCK, "times of another zone", AGENT, |host| {
        host.write("/etc/localtime", central_europe())?;
        last_keepalive(host, "2026-11-20 15:09:51")
    }),
    near(checks::AGENTD_STUCK, "agentd has a time zone of its own", AGENT, |host| last_keepalive(host, "2026-11-20 09:09:51")),
    fault(checks::CLIENT_KEYS_UNUSABLE, "there is no key, and agentd still runs on the old one", AGENT, |host| {
        host.remove(KEYS)?;
        Ok(())
    }),
    fault(checks::CLIENT_KEYS_UNUSABLE, "the agent's entry is marked as removed, and it waits", AGENT, |host| {
        replace(host, KEYS, "web-01", "!web-01")?;
        status(host, "pending")
    }),
    near(checks::CLIENT_KEYS_UNUSABLE, "comments and a removed entry before the good one", AGENT, |host| {
        let old = text(host, KEYS);
        host.write(KEYS, format!("# enrolled anew\n001 !web-01 any 00\n{old}"))?;
        Ok(())
    }),
    fault(checks::AR_CONF_DIFFERS, "a line is gone that the manager sent", AGENT, |host| {
        replace(host, AR_CONF, "firewall-drop600 - firewall-drop - 600\n", "")
    }),
    fault(checks::AR_CONF_TRUNCATED, "the manager sent all, and the file was emptied since", AGENT, |host| {
        let list = text(host, AR_CONF);
        merged(host, DELIVERED, &[("ar.conf", &list)])?;
        host.write(AR_CONF, "")?;
        Ok(())
    }),
    near(checks::AR_CONF_DIFFERS, "a line for Windows alone is gone", AGENT, |host| {
        replace(host, AR_CONF, "netsh1800 - netsh.exe - 1800\n", "")
    }),
    near(checks::AR_CONF_DIFFERS, "the same lines, one of them twice", AGENT, |host| {
        let old = text(host, AR_CONF);
        merged(host, DELIVERED, &[("agent.conf", "<agent_config/>\n"), ("ar.conf", &format!("{old}{old}"))])
    }),
    fault(checks::MERGED_MG_WITHOUT_AR_CONF, "the agent gets files without a list", AGENT, |host| {
        merged(host, DELIVERED, &[("agent.conf", "<agent_config/>\n")])?;
        host.remove(AR_CONF)?;
        Ok(())
    }),
    fault(checks::MERGED_MG_WITHOUT_AR_CONF, "one group gets a finished file", MANAGER, |host| {
        merged(host, "/var/ossec/etc/shared/web/merged.mg", &[("agent.conf", "<agent_config/>\n")])
    }),
    near(checks::MERGED_MG_WITHOUT_AR_CONF, "ar.conf comes last", MANAGER, |host| {
        let list = text(host, AR_CONF);
        merged(host, MERGED, &[("agent.conf", "!9 fake\n"), ("ar.conf", &list)])
    }),
    fault(checks::MERGED_MG_STALE, "the agents' list is from before the last change", MANAGER, |host| {
        sent(host, "firewall-drop600 - firewall-drop - 600\n")
    }).not_on_a_tree(NO_CLOCK),
    near(checks::MERGED_MG_STALE, "the list changed a moment ago", MANAGER, |host| {
        sent(host, "firewall-drop600 - firewall-drop - 600\n")?;
        age(host, AR_CONF, 5)
    }),
    near(checks::MERGED_MG_STALE, "only a response of the manager itself is missing", MANAGER, |host| {
        sent(host, "firewall-drop600 - firewall-drop - 600\nnetsh1800 - netsh.exe - 1800\n")
    }),
    fault(checks::WORKER_NAMES_UNKNOWN, "the master has other timeouts", MANAGER, |host| {
        cluster(host, "worker")?;
        sent(host, "firewall-drop900 - firewall-drop - 900\nnotify-oncall0 - notify-oncall.sh - 0\nnetsh1800 - netsh.exe - 1800\n")
    }),
    near(checks::WORKER_NAMES_UNKNOWN, "the master has another executable under the name", MANAGER, |host| {
        cluster(host, "worker")?;
        sent(host, &ALL.replace(" - firewall-drop ", " - firewalld-drop "))
    }),
    fault(checks::WORKER_LACKS_RESPONSES, "the block stands on the master only", MANAGER, |host| {
        cluster(host, "worker")?;
        without_netsh(host)?;
        sent(host, ALL)
    }),
    near(checks::WORKER_LACKS_RESPONSES, "the same blocks on both", MANAGER, |host| {
        cluster(host, "worker")?;
        sent(host, ALL)
    }),
    fault(checks::CLUSTER_LOCATION, "defined-agent on the master of a cluster", MANAGER, |host| cluster(host, "master")),
    near(checks::CLUSTER_LOCATION, "a cluster with responses where the event was", MANAGER, |host| {
        without_netsh(host)?;
        cluster(host, "master")
    }),
    fault(checks::AGENT_NOT_REGISTERED, "the agent was removed", MANAGER, |host| replace(host, KEYS, "win-02", "!win-02")),
    near(checks::AGENT_NOT_REGISTERED, "its number is written without zeros", MANAGER, |host| {
        config(host, "<agent_id>004</agent_id>", "<agent_id>4</agent_id>")
    }),
    fault(checks::RULE_QUEUE_FULL, "the queue is full", MANAGER, |host| {
        replace(host, ANALYSISD_STATE, "rule_matching_queue_usage='0.00'", "rule_matching_queue_usage='0.99'")
    }).not_on_a_tree(NO_CLOCK),
    fault(checks::RULE_QUEUE_FULL, "and no alert was written for an hour", MANAGER, |host| {
        host.write("/var/ossec/logs/alerts/alerts.json", "")?;
        age(host, "/var/ossec/logs/alerts/alerts.json", 3600)?;
        replace(host, ANALYSISD_STATE, "rule_matching_queue_usage='0.00'", "rule_matching_queue_usage='1.00'")
    }).not_on_a_tree(NO_CLOCK),
    near(checks::RULE_QUEUE_FULL, "the queue has room", MANAGER, |host| {
        replace(host, ANALYSISD_STATE, "rule_matching_queue_usage='0.00'", "rule_matching_queue_usage='0.80'")
    }),
    fault(checks::MANAGER_DROPS_EVENTS, "events were dropped", MANAGER, |host| {
        replace(host, ANALYSISD_STATE, "events_dropped='0'", "events_dropped='1204'")
    }).not_on_a_tree(NO_CLOCK),
    fault(checks::MANAGER_DROPS_EVENTS, "remoted's queue is full", MANAGER, |host| {
        replace(host, REMOTED_STATE, "queue_size='0'", "queue_size='131070'")?;
        replace(host, REMOTED_STATE, "discarded_count='0'", "discarded_count='77'")
    }).not_on_a_tree(NO_CLOCK),
    near(checks::MANAGER_DROPS_EVENTS, "a queue that is used", MANAGER, |host| {
        replace(host, ANALYSISD_STATE, "event_queue_usage='0.00'", "event_queue_usage='0.70'")
    }),
    fault(checks::NO_AGENT_CONNECTED, "no session is open", MANAGER, |host| {
        replace(host, REMOTED_STATE, "tcp_sessions='2'", "tcp_sessions='0'")
    }).not_on_a_tree(NO_CLOCK),
    near(checks::NO_AGENT_CONNECTED, "agents come by UDP", MANAGER, |host| {
        config(host, "<protocol>tcp</protocol>", "<protocol>udp</protocol>")?;
        replace(host, REMOTED_STATE, "tcp_sessions='2'", "tcp_sessions='0'")
    }),
    fault(checks::MERGE_SHARED_OFF, "agents get nothing new", MANAGER, |host| {
        host.write(LOCAL_OPTIONS, "# kept small\nremoted.merge_shared=0\n")?;
        sent(host, "firewall-drop600 - firewall-drop - 600\n")
    }),
    near(checks::MERGE_SHARED_OFF, "the local file has the last word", MANAGER, |host| {
        host.write(LOCAL_OPTIONS, "#remoted.merge_shared=0\nremoted.merge_shared=1\n")?;
        host.write("/var/ossec/etc/internal_options.conf", "remoted.merge_shared=0\n")?;
        Ok(())
    }),
    fault(checks::INTERNAL_OPTION_INVALID, "a comment behind the number", AGENT, |host| {
        host.write(LOCAL_OPTIONS, "agent.debug=2 # for now\n")?;
        Ok(())
    }),
    fault(checks::INTERNAL_OPTION_INVALID, "a number out of its range on a manager", MANAGER, |host| {
        host.write(LOCAL_OPTIONS, "analysisd.label_cache_maxage=3600\n")?;
        Ok(())
    }),
    near(checks::INTERNAL_OPTION_INVALID, "blanks that do no harm, and an option of another daemon", AGENT, |host| {
        host.write(LOCAL_OPTIONS, "agent.debug = 2\nremoted.debug=lots\n")?;
        Ok(())
    }),
    fault(checks::REMOTE_CONF_OFF, "the agent does not reload", AGENT, |host| {
        host.write(LOCAL_OPTIONS, "agent.remote_conf=0\n")?;
        Ok(())
    }),
    near(checks::REMOTE_CONF_OFF, "the local file has the last word", AGENT, |host| {
        host.write("/var/ossec/etc/internal_options.conf", "agent.remote_conf=0\n")?;
        host.write(LOCAL_OPTIONS, "agent.remote_conf=1\n")?;
        Ok(())
    }),
    fault(checks::TASKS_FAILED, "no task was handed on", AGENT_50, |host| {
        replace(host, AGENT_STATE, "dispatched='3'", "dispatched='0'")?;
        replace(host, AGENT_STATE, "failed='0'", "failed='2'")
    }).not_on_a_tree(NO_CLOCK),
    near(checks::TASKS_FAILED, "a task came twice", AGENT_50, |host| {
        replace(host, AGENT_STATE, "discarded_duplicate='0'", "discarded_duplicate='5'")
    }),
];
