//! Rows about the alerts of a manager. Its clock is at 14:10 of the 20th of November 2026; a tree
//! has none, and the newest alert stands for it.

use ar_doctor::findings::checks;
use ar_doctor::host::capture::{CaptureHost, EditError};

use super::{Case, MANAGER, config, fault, near, replace};

const LOG: &str = "/var/ossec/logs/alerts/alerts.json";
const LOCAL: &str = "/var/ossec/etc/rules/local_rules.xml";
const NOTIFY: &str = "/var/ossec/active-response/bin/notify-oncall.sh";
const IDS: &str = "<rules_id>5712, 5763</rules_id>";

const SRCIP: &str = "\"srcip\":\"203.0.113.9\",\"srcport\":\"40022\"";
const SRC_IP: &str = "\"src_ip\":\"203.0.113.9\",\"dest_ip\":\"198.51.100.1\"";
const NO_ADDRESS: &str = "\"srcport\":\"40022\",\"dstuser\":\"alice\"";
/// Of the site's own network, which is white-listed.
const OWN: &str = "\"srcip\":\"10.20.3.4\"";

/// A member of `data` of a run of a program for an alert of a rule.
macro_rules! run {
    ($program:literal, $cause:literal) => {
        concat!(
            "\"command\":\"add\",\"parameters\":{\"program\":\"active-response/bin/",
            $program,
            "\",\"alert\":{\"rule\":{\"id\":\"",
            $cause,
            "\"},\"data\":{\"srcip\":\"203.0.113.9\"}}}"
        )
    };
}

/// Adds alerts of a rule to the log, a minute apart from 12:00 of the 20th on, or another day.
fn day(host: &mut CaptureHost, day: u32, rule: u32, count: u32, data: &str) -> Result<(), EditError> {
    let old = ar_doctor::host::Host::read(host, LOG.as_ref(), 1 << 20);
    let mut text = old.get().map(|old| old.bytes.clone()).unwrap_or_default();
    for minute in 0..count {
        let line = format!(
            "{{\"timestamp\":\"2026-11-{day:02}T12:{:02}:00.000+0000\",\"rule\":{{\"level\":5,\"description\":\"x\",\"id\":\"{rule}\",\"groups\":[\"syslog\"]}},\"agent\":{{\"id\":\"003\",\"name\":\"web-01\"}},\"manager\":{{\"name\":\"siem-01\"}},\"full_log\":\"a line\",\"decoder\":{{\"name\":\"sshd\"}},\"data\":{{{data}}},\"location\":\"/var/log/auth.log\"}}\n",
            minute % 60
        );
        text.extend_from_slice(line.as_bytes());
    }
    host.write(LOG, text)?;
    Ok(())
}

fn today(host: &mut CaptureHost, rule: u32, count: u32, data: &str) -> Result<(), EditError> {
    day(host, 20, rule, count, data)
}

/// The rules of what responses log, as a site may have them.
fn feedback(host: &mut CaptureHost) -> Result<(), EditError> {
    replace(
        host,
        LOCAL,
        "</group>",
        "</group>\n<group name=\"ossec,active_response,\"><rule id=\"651\" level=\"3\"><if_sid>5700</if_sid><match>firewall-drop</match><description>x</description></rule><rule id=\"657\" level=\"3\"><if_sid>5700</if_sid><match>active-response</match><description>x</description></rule></group>",
    )
}

pub(super) const CASES: &[Case] = &[
    fault(checks::ALERT_FIELD_MISSING, "the address has another name", MANAGER, |host| {
        today(host, 5763, 5, SRC_IP)
    }),
    fault(checks::ALERT_FIELD_MISSING, "an address inside of an object", MANAGER, |host| {
        today(host, 5763, 5, "\"source\":{\"ip\":\"203.0.113.9\"}")
    }),
    fault(checks::ALERT_FIELD_MISSING, "no address at all", MANAGER, |host| today(host, 5763, 5, NO_ADDRESS)),
    fault(checks::ALERT_FIELD_MISSING, "a host name for an address", MANAGER, |host| {
        today(host, 5763, 5, "\"srcip\":\"www.example.org\"")
    }),
    fault(checks::ALERT_FIELD_MISSING, "one of two rules", MANAGER, |host| {
        today(host, 5712, 20, SRCIP)?;
        today(host, 5763, 5, NO_ADDRESS)
    }),
    fault(checks::ALERT_FIELD_MISSING, "another name, bound by a group", MANAGER, |host| {
        config(host, IDS, "<rules_id>5763</rules_id>")?;
        today(host, 5763, 1, SRCIP)?;
        today(host, 5712, 5, SRC_IP)
    }),
    fault(checks::ALERT_FIELD_MISSING, "no user for disable-account", MANAGER, |host| {
        config(host, "<executable>firewall-drop</executable>", "<executable>disable-account</executable>")?;
        today(host, 5763, 5, SRCIP)
    }),
    fault(checks::ALERT_FIELD_MISSING, "a script of one's own", MANAGER, |host| {
        host.write(
            NOTIFY,
            "#!/usr/bin/python3\nimport json, sys\nalert = json.loads(sys.stdin.readline())[\"parameters\"][\"alert\"]\nwith open(\"/var/tmp/seen\", \"a\") as out:\n    out.write(alert[\"data\"][\"srcip\"] + \"\\n\")\n",
        )?;
        today(host, 5719, 5, SRC_IP)
    }),
    near(checks::ALERT_FIELD_MISSING, "every alert has its address", MANAGER, |host| {
        today(host, 5712, 5, SRCIP)?;
        today(host, 5763, 5, SRCIP)
    }),
    near(checks::ALERT_FIELD_MISSING, "a few of many lack it", MANAGER, |host| {
        today(host, 5763, 50, SRCIP)?;
        today(host, 5763, 2, NO_ADDRESS)
    }),
    near(checks::ALERT_FIELD_MISSING, "rules nobody is bound to", MANAGER, |host| {
        today(host, 5763, 1, SRCIP)?;
        today(host, 100_001, 40, SRC_IP)
    }),
    near(checks::ALERT_FIELD_MISSING, "a white-listed source without a user", MANAGER, |host| {
        config(host, "<executable>firewall-drop</executable>", "<executable>disable-account</executable>")?;
        today(host, 5763, 5, OWN)
    }),
    near(checks::ALERT_FIELD_MISSING, "a name analysisd refuses, so that nothing starts", MANAGER, |host| {
        today(host, 5763, 5, "\"dstuser\":\"EXAMPLE\\\\alice\"")
    }),
    near(checks::ALERT_FIELD_MISSING, "a group takes in alerts without any address", MANAGER, |host| {
        config(host, IDS, "<rules_id>5763</rules_id>")?;
        today(host, 5763, 1, SRCIP)?;
        today(host, 5712, 20, NO_ADDRESS)
    }),
    near(checks::ALERT_FIELD_MISSING, "what a Windows event calls it", MANAGER, |host| {
        today(host, 5712, 5, "\"win\":{\"eventdata\":{\"ipAddress\":\"203.0.113.9\"}}")
    }),
    near(checks::ALERT_FIELD_MISSING, "eight days ago", MANAGER, |host| {
        day(host, 10, 5763, 9, SRC_IP)?;
        today(host, 5763, 3, SRCIP)
    }),
    near(checks::ALERT_FIELD_MISSING, "a line that is being written", MANAGER, |host| {
        today(host, 5763, 3, SRCIP)?;
        let old = super::text(host, LOG);
        host.write(
            LOG,
            format!("{old}{{\"timestamp\":\"2026-11-20T12:30:00.000+0000\",\"rule\":{{\"id\":\"57"),
        )?;
        Ok(())
    }),
    near(checks::ALERT_FIELD_MISSING, "a log that may not be read", MANAGER, |host| {
        today(host, 5763, 5, SRC_IP)?;
        host.deny_read(LOG).map(drop)
    })
    .not_on_a_tree("root reads everything"),
    fault(checks::RULE_NOT_SEEN, "only the parent is seen", MANAGER, |host| today(host, 5710, 41, SRCIP)),
    near(checks::RULE_NOT_SEEN, "one of its rules is seen", MANAGER, |host| {
        today(host, 5710, 41, SRCIP)?;
        today(host, 5712, 1, SRCIP)
    }),
    near(checks::RULE_NOT_SEEN, "its alerts had a white-listed source", MANAGER, |host| {
        today(host, 5710, 41, SRCIP)?;
        today(host, 5712, 2, OWN)
    }),
    near(checks::RULE_NOT_SEEN, "nothing to compare with", MANAGER, |host| today(host, 31_103, 41, SRCIP)),
    near(checks::RULE_NOT_SEEN, "its alerts are not written", MANAGER, |host| {
        config(host, "<log_alert_level>3<", "<log_alert_level>11<")?;
        today(host, 5719, 41, SRCIP)
    }),
    fault(checks::RESPONSE_LOOP, "a level that takes in its own alerts", MANAGER, |host| {
        feedback(host)?;
        config(host, IDS, "<level>3</level>")
    }),
    fault(checks::RESPONSE_LOOP, "its own rule by number, seen to happen", MANAGER, |host| {
        feedback(host)?;
        config(host, IDS, "<rules_id>5712, 651</rules_id>")?;
        today(host, 5712, 1, SRCIP)?;
        today(host, 651, 40, run!("firewall-drop", "651"))
    }),
    fault(checks::RESPONSE_LOOP, "a script of one's own, seen to happen", MANAGER, |host| {
        feedback(host)?;
        config(host, "<level>12</level>", "<rules_group>active_response</rules_group>")?;
        today(host, 5712, 1, SRCIP)?;
        today(host, 657, 40, run!("notify-oncall.sh", "657"))
    }),
    near(checks::RESPONSE_LOOP, "a level above", MANAGER, |host| {
        feedback(host)?;
        config(host, IDS, "<level>4</level>")
    }),
    near(checks::RESPONSE_LOOP, "a notice of what another response did", MANAGER, |host| {
        feedback(host)?;
        config(host, "<level>12</level>", "<rules_id>651</rules_id>")?;
        today(host, 5712, 4, SRCIP)?;
        today(host, 651, 4, run!("firewall-drop", "5712"))?;
        today(host, 657, 4, run!("notify-oncall.sh", "651"))
    }),
    near(checks::RESPONSE_LOOP, "mended since", MANAGER, |host| {
        feedback(host)?;
        today(host, 5712, 4, SRCIP)?;
        today(host, 651, 40, run!("firewall-drop", "651"))
    }),
];
