//! Rows about rules.

use ar_doctor::findings::checks;
use ar_doctor::host::capture::{CaptureHost, EditError};

use super::{Case, MANAGER, config, fault, near, replace};

const LOCAL: &str = "/var/ossec/etc/rules/local_rules.xml";
const STOCK: &str = "/var/ossec/ruleset/rules/0095-example_rules.xml";
const IDS: &str = "<rules_id>5712, 5763</rules_id>";
const GROUP: &str = "<rules_group>authentication_failures</rules_group>";

/// Adds a rule of one's own.
fn rule(host: &mut CaptureHost, text: &str) -> Result<(), EditError> {
    replace(host, LOCAL, "</group>", &format!("{text}</group>"))
}

/// A rule that alone is in the group `only_here`.
fn in_group(level: &str, more: &str) -> String {
    format!(
        "<rule id=\"100002\" level=\"{level}\"><if_sid>5700</if_sid><match>x</match>{more}<description>x</description><group>only_here,</group></rule>"
    )
}

/// An overwrite of the one rule in `authentication_failures`.
fn overwritten(more: &str) -> String {
    format!(
        "<rule id=\"5712\" level=\"12\" frequency=\"8\" timeframe=\"120\" overwrite=\"yes\"><if_matched_sid>5710</if_matched_sid><description>x</description>{more}</rule>"
    )
}

pub(super) const CASES: &[Case] = &[
    fault(checks::RULES_ID_NOT_LOADED, "no such rules", MANAGER, |host| {
        config(host, IDS, "<rules_id>99998, 99999</rules_id>")
    }),
    fault(checks::RULES_ID_NOT_LOADED, "one of two is missing", MANAGER, |host| {
        config(host, IDS, "<rules_id>5712, 99999</rules_id>")
    }),
    fault(checks::RULES_ID_NOT_LOADED, "the rule is dropped for want of a parent", MANAGER, |host| {
        rule(
            host,
            "<rule id=\"100002\" level=\"7\"><if_sid>99999</if_sid><description>x</description></rule>",
        )?;
        config(host, IDS, "<rules_id>100002</rules_id>")
    }),
    fault(checks::RULES_ID_NOT_LOADED, "the rule's file is excluded", MANAGER, |host| {
        config(host, IDS, "<rules_id>100001</rules_id>")?;
        config(host, "<ruleset>", "<ruleset>\n    <rule_exclude>local_rules.xml</rule_exclude>")
    }),
    near(checks::RULES_ID_NOT_LOADED, "a rule of one's own", MANAGER, |host| {
        config(host, IDS, "<rules_id>100001</rules_id>")
    }),
    near(checks::RULES_ID_NOT_LOADED, "a rules file that may not be read", MANAGER, |host| {
        config(host, IDS, "<rules_id>99999</rules_id>")?;
        host.deny_read(LOCAL).map(drop)
    })
    .not_on_a_tree("root reads everything"),
    fault(checks::RULE_WITHOUT_RESPONSE, "level 0", MANAGER, |host| {
        replace(host, STOCK, "id=\"5712\" level=\"10\"", "id=\"5712\" level=\"0\"")?;
        replace(host, STOCK, "id=\"5763\" level=\"10\"", "id=\"5763\" level=\"0\"")?;
        config(host, GROUP, "<rules_group>sshd</rules_group>")
    }),
    fault(checks::RULE_WITHOUT_RESPONSE, "no_ar on one of two", MANAGER, |host| {
        replace(host, STOCK, "<regex>a & b</regex>", "<regex>a & b</regex><options>no_ar</options>")
    }),
    fault(checks::RULE_WITHOUT_RESPONSE, "accuracy 0", MANAGER, |host| {
        replace(host, STOCK, "id=\"5763\" level=\"10\"", "id=\"5763\" level=\"10\" accuracy=\"0\"")
    }),
    near(checks::RULE_WITHOUT_RESPONSE, "an overwrite gives the rule its level", MANAGER, |host| {
        replace(host, STOCK, "id=\"5763\" level=\"10\"", "id=\"5763\" level=\"0\"")?;
        rule(
            host,
            "<rule id=\"5763\" level=\"9\" overwrite=\"yes\"><regex>a & b</regex><description>x</description></rule>",
        )
    }),
    fault(checks::RULE_WITHOUT_RESPONSE, "the one rule of the group has level 0", MANAGER, |host| {
        rule(host, &in_group("0", ""))?;
        config(host, GROUP, "<rules_group>only_here</rules_group>")
    }),
    fault(checks::RULE_WITHOUT_RESPONSE, "no_ar on all rules of the group", MANAGER, |host| {
        rule(host, &in_group("5", "<options>no_ar</options>"))?;
        config(host, GROUP, "<rules_group>only_here</rules_group>")
    }),
    near(checks::RULE_WITHOUT_RESPONSE, "one of two rules of the group has level 0", MANAGER, |host| {
        rule(host, &in_group("0", ""))?;
        config(host, GROUP, "<rules_group>only_here|sshd</rules_group>")
    }),
    near(checks::RULE_WITHOUT_RESPONSE, "no_ar on a rule nobody names", MANAGER, |host| {
        replace(host, LOCAL, "<match>", "<options>no_ar</options><match>")
    }),
    fault(checks::RULE_NEVER_FINAL, "a child without a condition", MANAGER, |host| {
        rule(
            host,
            "<rule id=\"100002\" level=\"7\"><if_sid>5763</if_sid><description>x</description></rule>",
        )?;
        config(host, IDS, "<rules_id>5763</rules_id>")
    }),
    fault(checks::RULE_NEVER_FINAL, "one of two is only a step", MANAGER, |host| {
        replace(host, STOCK, "id=\"5763\" level=\"10\"", "id=\"5763\" level=\"10\" noalert=\"1\"")
    }),
    near(checks::RULE_NEVER_FINAL, "a child with a condition", MANAGER, |host| {
        rule(
            host,
            "<rule id=\"100002\" level=\"7\"><if_sid>5763</if_sid><match>x</match><description>x</description></rule>",
        )
    }),
    near(checks::RULE_NEVER_FINAL, "the child is named, too", MANAGER, |host| {
        rule(
            host,
            "<rule id=\"100002\" level=\"7\"><if_sid>5763</if_sid><description>x</description></rule>",
        )?;
        config(host, IDS, "<rules_id>5712, 100002</rules_id>")
    }),
    fault(checks::RULES_GROUP_UNMATCHED, "no such group", MANAGER, |host| {
        config(host, GROUP, "<rules_group>authentication_failure_s</rules_group>")
    }),
    fault(checks::RULES_GROUP_UNMATCHED, "a list with commas", MANAGER, |host| {
        config(host, GROUP, "<rules_group>sshd,local</rules_group>")
    }),
    fault(checks::RULES_GROUP_UNMATCHED, "a list with blanks behind the commas", MANAGER, |host| {
        config(host, GROUP, "<rules_group>syslog, sshd</rules_group>")
    }),
    fault(checks::RULES_GROUP_UNMATCHED, "an overwrite takes the group out", MANAGER, |host| {
        rule(host, &overwritten(""))
    }),
    near(checks::RULES_GROUP_UNMATCHED, "an overwrite that names the group again", MANAGER, |host| {
        rule(host, &overwritten("<group>authentication_failures,</group>"))
    }),
    near(checks::RULES_GROUP_UNMATCHED, "a comma between neighbours", MANAGER, |host| {
        config(host, GROUP, "<rules_group>syslog,sshd</rules_group>")
    }),
    near(checks::RULES_GROUP_UNMATCHED, "alternatives of which one fits", MANAGER, |host| {
        config(host, GROUP, "<rules_group>no_such_group|sshd</rules_group>")
    }),
    fault(checks::RULES_GROUP_EMPTY, "nothing in it", MANAGER, |host| {
        config(host, GROUP, "<rules_group></rules_group>")
    }),
    near(checks::RULES_GROUP_EMPTY, "a level beside it", MANAGER, |host| {
        config(host, GROUP, "<rules_group></rules_group><level>9</level>")
    }),
    fault(checks::TRIGGER_MATCHES_NO_RULE, "the group has no rule of this level", MANAGER, |host| {
        config(host, GROUP, "<rules_group>authentication_failures</rules_group><level>12</level>")
    }),
    fault(checks::TRIGGER_MATCHES_NO_RULE, "no rule is that high", MANAGER, |host| {
        replace(host, STOCK, "level=\"16\"", "level=\"11\"")
    }),
    near(checks::TRIGGER_MATCHES_NO_RULE, "the group has a rule of just this level", MANAGER, |host| {
        config(host, GROUP, "<rules_group>authentication_failures</rules_group><level>10</level>")
    }),
    fault(checks::RULES_FATAL, "a rule without a description", MANAGER, |host| {
        replace(host, LOCAL, "<description>Example.</description>", "")
    }),
    fault(checks::RULES_FATAL, "several options in one element", MANAGER, |host| {
        replace(host, LOCAL, "<match>", "<options>no_full_log,no_log</options><match>")
    }),
    near(checks::RULES_FATAL, "several options, each in its element", MANAGER, |host| {
        replace(host, LOCAL, "<match>", "<options>no_full_log</options><options>no_log</options><match>")
    }),
    fault(checks::RULES_FATAL, "an option nobody knows", MANAGER, |host| {
        replace(host, LOCAL, "<match>", "<matches>x</matches><match>")
    }),
    fault(checks::RULES_FATAL, "a rule without a level", MANAGER, |host| {
        replace(host, LOCAL, " level=\"5\"", "")
    }),
    near(checks::RULES_FATAL, "a number that is taken", MANAGER, |host| {
        rule(host, "<rule id=\"5710\" level=\"7\"><if_sid>5700</if_sid><description>x</description></rule>")
    }),
    fault(checks::OVERWRITE_WITHOUT_EFFECT, "another parent", MANAGER, |host| {
        rule(
            host,
            "<rule id=\"5763\" level=\"10\" overwrite=\"yes\"><if_sid>5710</if_sid><regex>a & b</regex><description>x</description></rule>",
        )
    }),
    near(checks::OVERWRITE_WITHOUT_EFFECT, "the same parent", MANAGER, |host| {
        rule(
            host,
            "<rule id=\"5763\" level=\"12\" overwrite=\"yes\"><if_sid>5700</if_sid><regex>a & b</regex><description>x</description></rule>",
        )
    }),
    near(checks::OVERWRITE_WITHOUT_EFFECT, "another parent for a rule nobody names", MANAGER, |host| {
        rule(
            host,
            "<rule id=\"5711\" level=\"3\" overwrite=\"yes\"><if_sid>5710</if_sid><match>y</match><description>x</description></rule>",
        )
    }),
    fault(checks::RULE_DROPPED, "the number of a bound rule is taken", MANAGER, |host| {
        rule(
            host,
            "<rule id=\"5712\" level=\"12\"><if_sid>5710</if_sid><match>x</match><description>x</description></rule>",
        )
    }),
    fault(checks::RULE_DROPPED, "a parent that is not there, of a rule nobody names", MANAGER, |host| {
        rule(
            host,
            "<rule id=\"100002\" level=\"7\"><if_sid>99999</if_sid><description>x</description></rule>",
        )
    }),
    fault(checks::RULE_DROPPED, "one parent of two is missing", MANAGER, |host| {
        rule(
            host,
            "<rule id=\"100002\" level=\"7\"><if_sid>5710, 99999</if_sid><match>x</match><description>x</description></rule>",
        )
    }),
    fault(checks::RULE_DROPPED, "many kinds at once", MANAGER, |host| {
        rule(
            host,
            "<rule id=\"100002\" level=\"7\"><if_matched_sid>99999</if_matched_sid><description>x</description></rule>\
             <rule id=\"100003\" level=\"7\"><if_group>no_such</if_group><description>x</description></rule>\
             <rule id=\"100004\" level=\"7\" overwrite=\"yes\"><match>y</match><description>x</description></rule>\
             <rule id=\"100005\" level=\"7\"><if_sid>5700</if_sid><list field=\"srcip\">etc/lists/none</list><description>x</description></rule>\
             <rule id=\"100006\" level=\"7\"><if_sid>5700;5710</if_sid><description>x</description></rule>",
        )
    }),
    near(checks::RULE_DROPPED, "an overwrite that repeats its parent", MANAGER, |host| {
        rule(
            host,
            "<rule id=\"5710\" level=\"6\" overwrite=\"yes\"><if_sid>5700</if_sid><match>x</match><description>x</description></rule>",
        )
    }),
    near(checks::RULE_DROPPED, "two parents, both there", MANAGER, |host| {
        rule(
            host,
            "<rule id=\"100002\" level=\"7\"><if_sid>5710, 5711</if_sid><match>x</match><description>x</description></rule>",
        )
    }),
];
