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

/// As logrotate does it, with `create`.
fn set_aside(host: &mut CaptureHost) -> Done {
    let old = text(host, RESPONSES);
    host.write(format!("{RESPONSES}.1"), old)?;
    host.write(RESPONSES, "")?;
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

/// A run of a stock program as it logs it: what it is sent for an alert with this data.
fn run_of(minute: u32, data: &str) -> String {
    let at = format!("2026/11/20 14:{minute:02}:12 active-response/bin/firewall-drop:");
    let message = format!(
        "{{\"version\":1,\"origin\":{{\"name\":\"node01\",\"module\":\"wazuh-execd\"}},\"command\":\"add\",\
         \"parameters\":{{\"extra_args\":[],\"alert\":{{\"timestamp\":\"2026-11-20T14:{minute:02}:11.000+0000\",\
         \"rule\":{{\"id\":\"100210\"}},\"agent\":{{\"id\":\"003\"}},\"data\":{data}}},\
         \"program\":\"active-response/bin/firewall-drop\"}}}}"
    );
    format!("{at} Starting\n{at} {message}\n\n{at} Ended\n")
}

/// Such runs, each with its minute and data, behind a start of execd.
fn runs(host: &mut CaptureHost, all: &[(u32, &str)]) -> Done {
    log(host, &[STARTS])?;
    said(host, RESPONSES, &all.iter().map(|(minute, data)| run_of(*minute, data)).collect::<String>())
}

/// execd refuses a message as it is no JSON.
fn refused(minute: &str, text: &str) -> String {
    format!("2026/11/20 {minute}:12 wazuh-execd: ERROR: (1315): Invalid JSON message: '{text}'\n")
}

/// A message that analysisd cut, without the end of its JSON.
fn cut_message() -> String {
    let head = "{\"version\":1,\"origin\":{\"name\":\"\",\"module\":\"wazuh-analysisd\"},\"command\":\"firewall-drop600\",\"parameters\":{\"extra_args\":[],\"alert\":{\"full_log\":\"";
    format!("{head}{}", "x".repeat(65_535 - head.len()))
}

const GOOD: &str = "{\"srcip\":\"203.0.113.7\"}";
const ELSEWHERE: &str = "{\"src_ip\":\"203.0.113.7\"}";
const OLD: &str =
    "firewall-drop600 - 203.0.113.7 1795183512.4711 5712 (web-01) 192.0.2.9->/var/log/auth.log - -";

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
    fault(checks::TOOL_MISSING, "the shell of a script says so without a time", AGENT, |host| {
        said(host, RESPONSES, "2026/11/20 14:06:12 active-response/bin/edge-block.sh: Starting\n\
            /var/ossec/active-response/bin/edge-block.sh: line 9: curl: command not found\n")
    }).not_on_a_tree(NO_TIMES),
    near(checks::TOOL_MISSING, "the shell of a script says so, and the next run does not", AGENT, |host| {
        said(host, RESPONSES, "/var/ossec/active-response/bin/edge-block.sh: line 9: curl: command not found\n\
            2026/11/20 14:07:12 active-response/bin/edge-block.sh: Starting\n\
            2026/11/20 14:07:12 active-response/bin/edge-block.sh: Ended\n")
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
    fault(checks::PAYLOAD_FIELD_MISSING, "no message of three that a program logged has a source address", AGENT, |host| {
        runs(host, &[(5, ELSEWHERE), (6, ELSEWHERE), (7, ELSEWHERE)])
    }).not_on_a_tree(NO_TIMES),
    fault(checks::PAYLOAD_FIELD_MISSING, "three such messages in the log that logrotate has just set aside", AGENT, |host| {
        runs(host, &[(5, ELSEWHERE), (6, ELSEWHERE), (7, ELSEWHERE)])?;
        set_aside(host)
    }).not_on_a_tree(NO_TIMES),
    near(checks::PAYLOAD_FIELD_MISSING, "the next message had a source address, in the log after logrotate", AGENT, |host| {
        runs(host, &[(5, ELSEWHERE), (6, ELSEWHERE)])?;
        set_aside(host)?;
        said(host, RESPONSES, &run_of(7, GOOD))
    }).not_on_a_tree(NO_TIMES),
    fault(checks::PAYLOAD_FIELD_MISSING, "one message without a source address, and no other of its rule", AGENT, |host| {
        runs(host, &[(5, ELSEWHERE)])
    }).not_on_a_tree(NO_TIMES),
    near(checks::PAYLOAD_FIELD_MISSING, "the next message of the rule had a source address", AGENT, |host| {
        runs(host, &[(5, ELSEWHERE), (6, ELSEWHERE), (7, GOOD)])
    }).not_on_a_tree(NO_TIMES),
    near(checks::PAYLOAD_FIELD_MISSING, "messages without a source address before execd was started", AGENT, |host| {
        log(host, &[&STARTS.replace("14:00", "14:08")])?;
        said(host, RESPONSES, &[run_of(1, ELSEWHERE), run_of(2, ELSEWHERE), run_of(3, ELSEWHERE)].concat())
    }).not_on_a_tree(NO_TIMES),
    fault(checks::PAYLOAD_FIELD_TYPE, "the source address is a list in three messages", AGENT, |host| {
        let list = "{\"srcip\":[\"203.0.113.7\"]}";
        runs(host, &[(5, list), (6, list), (7, list)])
    }).not_on_a_tree(NO_TIMES),
    near(checks::PAYLOAD_FIELD_TYPE, "other members of the event are lists and numbers", AGENT, |host| {
        runs(host, &[(5, "{\"srcip\":\"203.0.113.7\",\"dstip\":[\"192.0.2.1\"],\"srcport\":22}")])
    }).not_on_a_tree(NO_TIMES),
    fault(checks::PAYLOAD_ADDRESS, "the source address is short and read as another one", AGENT, |host| {
        let short = "{\"srcip\":\"10.1\"}";
        runs(host, &[(5, short), (6, short), (7, short)])
    }).not_on_a_tree(NO_TIMES),
    near(checks::PAYLOAD_ADDRESS, "the source address is one of IPv6", AGENT, |host| {
        runs(host, &[(5, "{\"srcip\":\"2001:db8::7\"}")])
    }).not_on_a_tree(NO_TIMES),
    fault(checks::PAYLOAD_NOT_JSON, "execd was sent JSON with single quotes", AGENT, |host| {
        log(host, &[STARTS, &refused("14:05", "{'version': 1, 'command': 'firewall-drop600'}")])
    }).not_on_a_tree(NO_TIMES),
    near(checks::PAYLOAD_NOT_JSON, "execd was sent such a message before it was started again", AGENT, |host| {
        log(host, &[&refused("13:05", "{'version': 1, 'command': 'firewall-drop600'}"), STARTS])
    }).not_on_a_tree(NO_TIMES),
    fault(checks::PAYLOAD_TOO_LARGE, "execd was sent a message that is cut at 64 KiB", AGENT, |host| {
        log(host, &[STARTS, &refused("14:05", &cut_message())])
    }).not_on_a_tree(NO_TIMES),
    near(checks::PAYLOAD_TOO_LARGE, "a script logs the first 200 bytes of its messages", AGENT, |host| {
        let short = |minute| run_of(minute, GOOD).lines().map(|line| line.get(..200).unwrap_or(line).to_owned() + "\n").collect::<String>();
        log(host, &[STARTS])?;
        said(host, RESPONSES, &[short(5), short(6), short(7)].concat())
    }).not_on_a_tree(NO_TIMES),
    fault(checks::PAYLOAD_OTHER_CONTRACT, "execd was sent the text of 4.1", AGENT, |host| {
        log(host, &[STARTS, &refused("14:05", OLD), &refused("14:06", OLD)])
    }).not_on_a_tree(NO_TIMES),
    near(checks::PAYLOAD_OTHER_CONTRACT, "execd was sent the text of 4.1 before it was started again", AGENT, |host| {
        log(host, &[&refused("13:05", OLD), STARTS])
    }).not_on_a_tree(NO_TIMES),
];
