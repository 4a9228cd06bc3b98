//! Rows about what only a log shows, and about lines that are over or harmless.

use ar_doctor::findings::checks;
use ar_doctor::findings::signatures::{Class, Log, SIGNATURES};
use ar_doctor::host::capture::{CaptureHost, EditError};

use super::{AGENT, AR_CONF, CONF, Case, MANAGER, fault, near, text};

const OSSEC: &str = "/var/ossec/logs/ossec.log";
const RESPONSES: &str = "/var/ossec/logs/active-responses.log";
const API: &str = "/var/ossec/logs/api.log";

/// A start of the daemons of an agent and a manager; nothing in the base hosts is newer.
const STARTS: &str = "\
2026/11/20 14:00:04 wazuh-execd: INFO: Started (pid: 811).
2026/11/20 14:00:05 wazuh-agentd: INFO: Started (pid: 839).
2026/11/20 14:00:06 wazuh-analysisd: INFO: Started (pid: 840).
2026/11/20 14:00:07 wazuh-remoted: INFO: Started (pid: 841). Listening on port 1514/TCP (secure).
";

const UNKNOWN_NAME: &str =
    "2026/11/20 14:05:12 wazuh-execd: ERROR: (1311): Invalid command name 'geo-block600' provided.\n";

const NO_TIMES: &str = "files of a tree have the times of its making";

type Done = Result<(), EditError>;

fn log(host: &mut CaptureHost, lines: &[&str]) -> Done {
    host.write(OSSEC, lines.concat())?;
    Ok(())
}

fn said(host: &mut CaptureHost, path: &str, lines: &str) -> Done {
    let old = if path == RESPONSES { text(host, path) } else { String::new() };
    host.write(path, format!("{old}{lines}"))?;
    Ok(())
}

/// Every line that is no failure, as current as can be, in the log it belongs to.
fn all_but_failures(host: &mut CaptureHost) -> Done {
    for (kind, path) in [(Log::Ossec, OSSEC), (Log::ActiveResponses, RESPONSES), (Log::Api, API)] {
        let mine = SIGNATURES.iter().filter(|signature| signature.logs.contains(&kind));
        let quiet = mine.filter(|signature| signature.class != Class::Failure);
        let lines: Vec<&str> = quiet.flat_map(|signature| signature.examples).copied().collect();
        assert!(lines.len() > 3 || kind == Log::Api, "{path}");
        said(host, path, &(lines.join("\n") + "\n"))?;
    }
    Ok(())
}

#[rustfmt::skip]
pub(super) const CASES: &[Case] = &[
    fault(checks::AR_CONF_NAME_MISSING, "execd was sent a name that it does not know", AGENT, |host| {
        log(host, &[STARTS, UNKNOWN_NAME])
    }).not_on_a_tree(NO_TIMES),
    fault(checks::AR_CONF_NAME_MISSING, "the same in the JSON form of the log, and no text", AGENT, |host| {
        host.write("/var/ossec/logs/ossec.json", "{\"timestamp\":\"2026/11/20 14:05:12\",\"tag\":\"wazuh-execd\",\"level\":\"error\",\"description\":\"(1311): Invalid command name 'geo-block600' provided.\"}\n")?;
        Ok(())
    }).not_on_a_tree(NO_TIMES),
    near(checks::AR_CONF_NAME_MISSING, "the name was unknown before execd was started", AGENT, |host| {
        log(host, &[&UNKNOWN_NAME.replace("14:05", "13:05"), STARTS])
    }).not_on_a_tree(NO_TIMES),
    near(checks::AR_CONF_NAME_MISSING, "the name was unknown, and ar.conf was written behind that", AGENT, |host| {
        log(host, &[STARTS, UNKNOWN_NAME])?;
        let list = text(host, AR_CONF);
        host.write(AR_CONF, list)?;
        host.set_times(AR_CONF, 1_795_183_780, 1_795_183_780)?;
        Ok(())
    }).not_on_a_tree(NO_TIMES),
    near(checks::AR_CONF_NAME_MISSING, "the name was unknown eight days ago", AGENT, |host| {
        log(host, &[&UNKNOWN_NAME.replace("2026/11/20", "2026/11/12")])
    }).not_on_a_tree(NO_TIMES),
    near(checks::EXECUTABLE_MISSING, "nothing but lines of health, and such as look like failures", AGENT, all_but_failures).not_on_a_tree(NO_TIMES),
    near(checks::EXECUTABLE_MISSING, "the same on a manager", MANAGER, all_but_failures).not_on_a_tree(NO_TIMES),
    fault(checks::EXECD_NOT_RUNNING, "a line of agentd about execd, whose process is there", AGENT, |host| {
        log(host, &[STARTS, "2026/11/20 14:05:12 wazuh-agentd: ERROR: Error communicating with execd\n"])
    }).not_on_a_tree(NO_TIMES),
    near(checks::EXECD_NOT_RUNNING, "execd was started again behind what agentd says", AGENT, |host| {
        log(host, &["2026/11/20 13:59:12 wazuh-agentd: ERROR: Error communicating with execd\n", STARTS])
    }).not_on_a_tree(NO_TIMES),
    near(checks::EXECD_NOT_RUNNING, "analysisd found the queue a second later", MANAGER, |host| {
        log(host, &[STARTS, "2026/11/20 14:00:08 wazuh-analysisd: ERROR: (1210): Queue 'queue/alerts/execq' not accessible: 'Connection refused'\n\
            2026/11/20 14:00:09 wazuh-analysisd: INFO: Connected to 'queue/alerts/execq' (exec queue)\n"])
    }).not_on_a_tree(NO_TIMES),
    fault(checks::TOOL_MISSING, "the last run of a response did not find its tool", AGENT, |host| {
        said(host, RESPONSES, "2026/11/20 14:06:12 active-response/bin/firewall-drop: Starting\n\
            2026/11/20 14:06:12 active-response/bin/firewall-drop: The iptables file 'iptables' is not accessible: No such file or directory (2)\n\
            2026/11/20 14:06:12 active-response/bin/firewall-drop: Ended\n")
    }).not_on_a_tree(NO_TIMES),
    near(checks::TOOL_MISSING, "the next run of it found the tool", AGENT, |host| {
        said(host, RESPONSES, "2026/11/20 14:06:12 active-response/bin/firewall-drop: The iptables file 'iptables' is not accessible: No such file or directory (2)\n\
            2026/11/20 14:07:12 active-response/bin/firewall-drop: Starting\n\
            2026/11/20 14:07:12 active-response/bin/firewall-drop: Ended\n")
    }).not_on_a_tree(NO_TIMES),
    near(checks::SCRIPT_NOT_EXECUTABLE, "a phrase that only guides know", AGENT, |host| {
        log(host, &[STARTS, "2026/11/20 14:05:12 ar-wrapper: ERROR: AR command execution failed\n"])
    }).not_on_a_tree(NO_TIMES),
    near(checks::CONFIG_BAD_VALUE, "a daemon refused a value, and the file was changed behind that", MANAGER, |host| {
        log(host, &[STARTS, "2026/11/20 14:05:12 wazuh-analysisd: ERROR: (1235): Invalid value for element 'timeout': x.\n"])?;
        host.set_times(CONF, 1_795_100_000, 1_795_183_780)?;
        Ok(())
    }).not_on_a_tree(NO_TIMES),
];
