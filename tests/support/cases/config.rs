//! Rows about configuration files.

use ar_doctor::findings::checks;
use ar_doctor::host::capture::{CaptureHost, EditError};

use super::{AGENT, AR_CONF, CONF, Case, MANAGER, config, fault, near, replace, text, whole_config};

const MANAGER_4_9: &str = "manager-4.9-rhel";
const MANAGER_4_2: &str = "manager-4.2-debian";
const MANAGER_5: &str = "manager-5.0-debian";
const AGENT_4_9: &str = "agent-4.9-rhel";
const AGENT_4_2: &str = "agent-4.2-debian";
const AGENT_5: &str = "agent-5.0-debian";

/// Writes `ossec.conf` again with Windows line ends.
fn crlf(host: &mut CaptureHost) -> Result<(), EditError> {
    let old = text(host, CONF);
    whole_config(host, old.replace('\n', "\r\n"))
}

/// Puts everything from the first response to the last into one comment.
fn only_block_in_comment(host: &mut CaptureHost) -> Result<(), EditError> {
    let old = text(host, CONF)
        .replace("<!-- Brute force over ssh: the host that was attacked blocks the source. -->", "");
    let old = old.replace("<!-- The person on call hears of it from the manager. -->", "");
    let old = old.replacen("<active-response>", "<!-- <active-response>", 1);
    let end = old.rfind("</active-response>").map_or(0, |at| at + "</active-response>".len());
    whole_config(host, format!("{} -->{}", &old[..end], &old[end..]))
}

/// The manager's only `<remote>`.
const REMOTE: &str = "  <remote>\n    <connection>secure</connection>\n    <port>1514</port>\n    <protocol>tcp</protocol>\n  </remote>\n";

/// Has every response of the manager run on itself.
fn all_on_the_manager(host: &mut CaptureHost) -> Result<(), EditError> {
    config(host, "<location>local</location>", "<location>server</location>")?;
    config(host, "    <command>netsh</command>", "    <command>firewall-drop</command>")?;
    config(
        host,
        "<location>defined-agent</location>\n    <agent_id>004</agent_id>",
        "<location>server</location>",
    )
}

/// Takes the `<client>` section out of an agent's `ossec.conf`.
fn no_client(host: &mut CaptureHost) -> Result<(), EditError> {
    let old = text(host, CONF);
    let start = old.find("  <client>").unwrap_or(0);
    let end = old.find("</client>").map_or(0, |at| at + "</client>\n".len());
    whole_config(host, format!("{}{}", &old[..start], &old[end..]))
}

/// The rows.
pub const CASES: &[Case] = &[
    fault(checks::CONFIG_XML_ERROR, "a tag is not closed", MANAGER, |host| {
        config(host, "<rules_id>5712, 5763</rules_id>", "<rules_id>5712, 5763")
    }),
    fault(checks::CONFIG_XML_ERROR, "a tag is not closed", MANAGER_4_2, |host| {
        config(host, "<rules_id>5712, 5763</rules_id>", "<rules_id>5712, 5763")
    }),
    fault(checks::CONFIG_XML_ERROR, "a tag is not closed", AGENT, |host| {
        config(host, "<disabled>no</disabled>", "<disabled>no")
    }),
    fault(checks::CONFIG_XML_ERROR, "a tag is not closed", AGENT_4_9, |host| {
        config(host, "<disabled>no</disabled>", "<disabled>no")
    }),
    fault(checks::CONFIG_XML_ERROR, "an XML prolog", MANAGER, |host| {
        config(host, "<!-- Manager", "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- Manager")
    }),
    fault(checks::CONFIG_XML_ERROR, "an XML prolog", AGENT, |host| {
        config(host, "<!-- Agent", "<?xml version=\"1.0\" encoding=\"UTF-8\" ?>\n<!-- Agent")
    }),
    fault(checks::CONFIG_XML_ERROR, "a blank in a closing tag", MANAGER, |host| {
        config(host, "</rules_id>", "</rules_id >")
    }),
    fault(checks::CONFIG_XML_ERROR, "a closing tag in another case", MANAGER, |host| {
        config(host, "</rules_id>", "</Rules_id>")
    }),
    fault(checks::CONFIG_XML_ERROR, "a comment that ends in a dash of another kind", MANAGER, |host| {
        config(host, "from the manager. -->", "from the manager. \u{2014}>")
    }),
    fault(checks::CONFIG_XML_ERROR, "a comment that is not closed", MANAGER, |host| {
        config(host, "of the example site. -->", "of the example site.")
    }),
    fault(checks::CONFIG_XML_ERROR, "a root too many is closed", MANAGER, |host| {
        config(host, "</ossec_config>", "</ossec_config>\n</ossec_config>")
    }),
    fault(checks::CONFIG_XML_ERROR, "a root is opened twice", MANAGER, |host| {
        config(host, "<ossec_config>", "<ossec_config>\n<ossec_config>")
    }),
    fault(checks::CONFIG_XML_ERROR, "a value ends in a backslash", MANAGER, |host| {
        config(host, "authentication_failures<", "authentication_failures\\<")
    }),
    fault(checks::CONFIG_XML_ERROR, "the > of a closing tag is missing", MANAGER, |host| {
        config(host, "</location>", "</location")
    }),
    fault(checks::CONFIG_XML_ERROR, "an attribute without quotes", MANAGER, |host| {
        config(host, "<global>", "<global a=b>")
    }),
    fault(checks::CONFIG_XML_ERROR, "a document type", MANAGER, |host| {
        config(host, "<!-- Manager of the example site. -->", "<!DOCTYPE ossec_config>")
    }),
    near(checks::CONFIG_XML_ERROR, "a comment that ends in !>", MANAGER, |host| {
        config(host, "example site. -->", "example site. !>")
    }),
    near(checks::CONFIG_XML_ERROR, "two hyphens inside a comment", MANAGER, |host| {
        config(host, "Brute force over", "Brute force -- over")
    }),
    near(checks::CONFIG_XML_ERROR, "an ampersand and an entity in a value", MANAGER, |host| {
        config(host, "authentication_failures<", "authentication_failures|a&b|a&lt;b<")
    }),
    near(checks::CONFIG_XML_ERROR, "a blank in an opening tag", MANAGER, |host| {
        config(host, "<rules_id>", "<rules_id >")
    }),
    near(checks::CONFIG_XML_ERROR, "text around the root, a byte order mark before it", MANAGER, |host| {
        config(host, "<!-- Manager", "\u{feff}Manager <!-- Manager")?;
        config(host, "</ossec_config>", "</ossec_config>\nend")
    }),
    near(checks::CONFIG_XML_ERROR, "Windows line ends between the elements", MANAGER, crlf),
    near(checks::CONFIG_XML_ERROR, "attributes in single quotes", MANAGER, |host| {
        config(host, "<global>", "<global note='x'>")
    }),
    near(checks::CONFIG_XML_ERROR, "no line end at the end", AGENT, |host| {
        config(host, "</ossec_config>\n", "</ossec_config>")
    }),
    fault(checks::CONFIG_UNKNOWN_ELEMENT, "rule_id for rules_id", MANAGER, |host| {
        config(host, "<rules_id>5712, 5763</rules_id>", "<rule_id>5712, 5763</rule_id>")
    }),
    fault(checks::CONFIG_UNKNOWN_ELEMENT, "rule_id for rules_id", MANAGER_4_9, |host| {
        config(host, "<rules_id>5712, 5763</rules_id>", "<rule_id>5712, 5763</rule_id>")
    }),
    fault(checks::CONFIG_UNKNOWN_ELEMENT, "rules_ids for rules_id", MANAGER, |host| {
        config(host, "<rules_id>5712, 5763</rules_id>", "<rules_ids>5712, 5763</rules_ids>")
    }),
    fault(checks::CONFIG_UNKNOWN_ELEMENT, "Name for name", MANAGER, |host| {
        config(host, "<name>firewall-drop</name>", "<Name>firewall-drop</Name>")
    }),
    fault(checks::CONFIG_UNKNOWN_ELEMENT, "a timeout in a command", MANAGER, |host| {
        config(
            host,
            "<executable>firewall-drop</executable>",
            "<executable>firewall-drop</executable><timeout>600</timeout>",
        )
    }),
    fault(checks::CONFIG_UNKNOWN_ELEMENT, "active_response for active-response", MANAGER, |host| {
        config(
            host,
            "  <!-- Brute force over ssh",
            "  <active_response>\n    <command>firewall-drop</command>\n    <location>local</location>\n    <level>9</level>\n  </active_response>\n  <!-- Brute force over ssh",
        )
    }),
    fault(checks::CONFIG_UNKNOWN_ELEMENT, "a command block in capitals", MANAGER, |host| {
        config(
            host,
            "  <!-- Brute force over ssh",
            "  <COMMAND>\n    <name>x</name>\n    <executable>x.sh</executable>\n  </COMMAND>\n  <!-- Brute force over ssh",
        )
    }),
    fault(checks::CONFIG_UNKNOWN_ELEMENT, "a section nobody knows", MANAGER, |host| {
        config(host, "</ossec_config>", "  <foo>\n    <bar>1</bar>\n  </foo>\n</ossec_config>")
    }),
    fault(checks::CONFIG_UNKNOWN_ELEMENT, "a section nobody knows, empty", AGENT, |host| {
        config(host, "</ossec_config>", "  <foo/>\n</ossec_config>")
    }),
    fault(checks::CONFIG_UNKNOWN_ELEMENT, "a root in a root", MANAGER, |host| {
        config(
            host,
            "</ossec_config>",
            "  <ossec_config>\n    <logging/>\n  </ossec_config>\n</ossec_config>",
        )
    }),
    fault(checks::CONFIG_UNKNOWN_ELEMENT, "an option <client> does not know", AGENT, |host| {
        config(host, "<notify_time>", "<timeout>5</timeout>\n    <notify_time>")
    }),
    fault(checks::CONFIG_UNKNOWN_ELEMENT, "disable for disabled", MANAGER, |host| {
        config(host, "<location>local</location>", "<location>local</location><disable>no</disable>")
    }),
    near(checks::CONFIG_UNKNOWN_ELEMENT, "an agent's block holds anything", AGENT, |host| {
        config(host, "<disabled>no</disabled>", "<disabled>no</disabled>\n    <foo>1</foo>")
    }),
    near(checks::CONFIG_UNKNOWN_ELEMENT, "a deprecated option of a command", MANAGER, |host| {
        config(
            host,
            "<executable>firewall-drop</executable>",
            "<executable>firewall-drop</executable><expect>srcip</expect>",
        )
    }),
    near(checks::CONFIG_UNKNOWN_ELEMENT, "an attribute nobody asked for", MANAGER, |host| {
        config(host, "<command>\n    <name>firewall", "<command note=\"x\">\n    <name>firewall")
    }),
    fault(checks::CONFIG_WRONG_ROOT, "the root in capitals", MANAGER, |host| {
        config(host, "<ossec_config>", "<OSSEC_CONFIG>")?;
        config(host, "</ossec_config>", "</OSSEC_CONFIG>")
    }),
    fault(checks::CONFIG_WRONG_ROOT, "the root of 5.x", MANAGER, |host| {
        config(host, "<ossec_config>", "<wazuh_config>")?;
        config(host, "</ossec_config>", "</wazuh_config>")
    }),
    fault(checks::CONFIG_WRONG_ROOT, "a group's root", AGENT, |host| {
        config(host, "<ossec_config>", "<agent_config>")?;
        config(host, "</ossec_config>", "</agent_config>")
    }),
    fault(checks::CONFIG_WRONG_ROOT, "a second root of another kind", MANAGER, |host| {
        config(host, "</ossec_config>", "</ossec_config>\n<agent_config>\n  <logging/>\n</agent_config>")
    }),
    fault(checks::CONFIG_WRONG_ROOT, "a block behind the end of the root", MANAGER, |host| {
        config(
            host,
            "</ossec_config>",
            "</ossec_config>\n  <active-response>\n    <command>firewall-drop</command><location>local</location><level>12</level>\n  </active-response>\n",
        )
    }),
    fault(checks::CONFIG_WRONG_ROOT, "a second root of another kind", AGENT_4_9, |host| {
        config(host, "</ossec_config>", "</ossec_config>\n<agent_config>\n  <logging/>\n</agent_config>")
    }),
    near(checks::CONFIG_WRONG_ROOT, "two roots of the right kind", MANAGER, |host| {
        config(
            host,
            "  <!-- Brute force over ssh",
            "</ossec_config>\n<ossec_config>\n  <!-- Brute force over ssh",
        )
    }),
    near(checks::CONFIG_WRONG_ROOT, "the stray root is in a comment", AGENT, |host| {
        config(host, "</ossec_config>", "</ossec_config>\n<!-- <agent_config></agent_config> -->")
    }),
    fault(checks::CONFIG_EMPTY_BLOCK, "<active-response> with the text of the template", MANAGER, |host| {
        config(
            host,
            "  <!-- Brute force over ssh",
            "  <active-response>\n    active-response options here\n  </active-response>\n  <!-- Brute force over ssh",
        )
    }),
    fault(checks::CONFIG_EMPTY_BLOCK, "<active-response/>", MANAGER, |host| {
        config(host, "</ossec_config>", "  <active-response/>\n</ossec_config>")
    }),
    fault(checks::CONFIG_EMPTY_BLOCK, "<active-response/>", AGENT, |host| {
        config(host, "</ossec_config>", "  <active-response/>\n</ossec_config>")
    }),
    fault(checks::CONFIG_EMPTY_BLOCK, "<active-response/>", AGENT_4_2, |host| {
        config(host, "</ossec_config>", "  <active-response/>\n</ossec_config>")
    }),
    fault(checks::CONFIG_EMPTY_BLOCK, "<command></command>", MANAGER, |host| {
        config(host, "</ossec_config>", "  <command></command>\n</ossec_config>")
    }),
    fault(checks::CONFIG_EMPTY_BLOCK, "<command></command>", AGENT, |host| {
        config(host, "</ossec_config>", "  <command></command>\n</ossec_config>")
    }),
    fault(checks::CONFIG_EMPTY_BLOCK, "<global> with nothing but a comment", MANAGER, |host| {
        config(host, "</ossec_config>", "  <global>\n    <!-- later -->\n  </global>\n</ossec_config>")
    }),
    fault(checks::CONFIG_EMPTY_BLOCK, "<alerts> with nothing but a comment", MANAGER, |host| {
        config(host, "</ossec_config>", "  <alerts>\n    <!-- later -->\n  </alerts>\n</ossec_config>")
    }),
    fault(checks::CONFIG_EMPTY_BLOCK, "<remote> with nothing but a comment", MANAGER, |host| {
        config(host, "</ossec_config>", "  <remote>\n    <!-- later -->\n  </remote>\n</ossec_config>")
    }),
    fault(checks::CONFIG_EMPTY_BLOCK, "<localfile> with nothing but a comment", MANAGER, |host| {
        config(host, "</ossec_config>", "  <localfile>\n    <!-- later -->\n  </localfile>\n</ossec_config>")
    }),
    fault(checks::CONFIG_EMPTY_BLOCK, "<localfile/>", AGENT, |host| {
        config(host, "</ossec_config>", "  <localfile/>\n</ossec_config>")
    }),
    fault(checks::CONFIG_EMPTY_BLOCK, "<client> without anything", AGENT, |host| {
        config(host, "</ossec_config>", "  <client>\n  </client>\n</ossec_config>")
    }),
    near(checks::CONFIG_EMPTY_BLOCK, "<logging/> and <syscheck/> may be empty", MANAGER, |host| {
        config(host, "</ossec_config>", "  <logging/>\n  <syscheck/>\n</ossec_config>")
    }),
    near(checks::CONFIG_EMPTY_BLOCK, "an empty value", MANAGER, |host| {
        config(
            host,
            "<rules_id>5712, 5763</rules_id>",
            "<rules_id>5712, 5763</rules_id><agent_id></agent_id>",
        )
    }),
    near(checks::CONFIG_EMPTY_BLOCK, "an empty block in a comment", AGENT, |host| {
        config(host, "</ossec_config>", "  <!-- <active-response></active-response> -->\n</ossec_config>")
    }),
    fault(checks::CONFIG_BAD_VALUE, "timeout_allowed true", MANAGER, |host| {
        config(host, "<timeout_allowed>yes</timeout_allowed>", "<timeout_allowed>true</timeout_allowed>")
    }),
    fault(checks::CONFIG_BAD_VALUE, "timeout_allowed Yes", MANAGER_4_9, |host| {
        config(host, "<timeout_allowed>yes</timeout_allowed>", "<timeout_allowed>Yes</timeout_allowed>")
    }),
    fault(checks::CONFIG_BAD_VALUE, "timeout_allowed with blanks", MANAGER, |host| {
        config(host, "<timeout_allowed>yes</timeout_allowed>", "<timeout_allowed> yes </timeout_allowed>")
    }),
    fault(checks::CONFIG_BAD_VALUE, "a command's name that begins with !", MANAGER, |host| {
        config(host, "<name>firewall-drop</name>", "<name>!firewall-drop</name>")?;
        config(host, "<command>firewall-drop</command>", "<command>!firewall-drop</command>")
    }),
    fault(checks::CONFIG_BAD_VALUE, "a white list entry that is no address", MANAGER, |host| {
        config(host, "<white_list>10.20.0.0/16</white_list>", "<white_list>10.0.0.256</white_list>")
    }),
    fault(checks::CONFIG_BAD_VALUE, "a white list entry with leading zeros", MANAGER, |host| {
        config(host, "<white_list>10.20.0.0/16</white_list>", "<white_list>192.168.001.001</white_list>")
    }),
    fault(checks::CONFIG_BAD_VALUE, "a white list entry with a prefix that is none", MANAGER, |host| {
        config(host, "<white_list>10.20.0.0/16</white_list>", "<white_list>10.0.0.0/33</white_list>")
    }),
    fault(checks::CONFIG_BAD_VALUE, "alerts_log true", MANAGER, |host| {
        config(host, "<alerts_log>yes", "<alerts_log>true")
    }),
    fault(checks::CONFIG_BAD_VALUE, "a port out of range", MANAGER, |host| {
        config(host, "<port>1514", "<port>70000")
    }),
    fault(checks::CONFIG_BAD_VALUE, "a protocol nobody speaks", AGENT, |host| {
        config(host, "<protocol>tcp", "<protocol>TCP")
    }),
    fault(checks::CONFIG_BAD_VALUE, "auto_restart true", AGENT, |host| {
        config(host, "<auto_restart>yes", "<auto_restart>true")
    }),
    fault(checks::CONFIG_BAD_VALUE, "disable-active-response true", AGENT, |host| {
        config(
            host,
            "<notify_time>",
            "<disable-active-response>true</disable-active-response>\n    <notify_time>",
        )
    }),
    fault(checks::CONFIG_BAD_VALUE, "a log format nobody reads", AGENT, |host| {
        config(
            host,
            "<log_format>syslog</log_format>\n    <location>/var/log/auth",
            "<log_format>auth</log_format>\n    <location>/var/log/auth",
        )
    }),
    near(checks::CONFIG_BAD_VALUE, "a comment inside yes", MANAGER, |host| {
        config(
            host,
            "<timeout_allowed>yes</timeout_allowed>",
            "<timeout_allowed>y<!-- -->es</timeout_allowed>",
        )
    }),
    near(checks::CONFIG_BAD_VALUE, "a ! inside a command's name", MANAGER, |host| {
        config(host, "<name>firewall-drop</name>", "<name>firewall-drop!</name>")?;
        config(host, "<command>firewall-drop</command>", "<command>firewall-drop!</command>")
    }),
    near(checks::CONFIG_BAD_VALUE, "a white list entry with a netmask", MANAGER, |host| {
        config(
            host,
            "<white_list>10.20.0.0/16</white_list>",
            "<white_list>10.20.0.0/255.255.0.0</white_list>",
        )
    }),
    near(checks::CONFIG_BAD_VALUE, "timeout_allowed no, and no timeout", MANAGER, |host| {
        config(
            host,
            "<executable>notify-oncall.sh</executable>",
            "<executable>notify-oncall.sh</executable><timeout_allowed>no</timeout_allowed>",
        )
    }),
    fault(checks::CONFIG_MISSING_OPTION, "a command without name", MANAGER, |host| {
        config(
            host,
            "</ossec_config>",
            "  <command>\n    <executable>x.sh</executable>\n  </command>\n</ossec_config>",
        )
    }),
    fault(checks::CONFIG_MISSING_OPTION, "a command without executable", MANAGER, |host| {
        config(host, "<executable>firewall-drop</executable>", "")
    }),
    fault(checks::CONFIG_MISSING_OPTION, "a response without command", MANAGER, |host| {
        config(host, "<command>firewall-drop</command>", "")
    }),
    fault(checks::CONFIG_MISSING_OPTION, "a response without location", MANAGER, |host| {
        config(host, "<location>local</location>", "")
    }),
    fault(checks::CONFIG_MISSING_OPTION, "a response without location", MANAGER_4_2, |host| {
        config(host, "<location>local</location>", "")
    }),
    fault(checks::CONFIG_MISSING_OPTION, "a response with an empty location", MANAGER, |host| {
        config(host, "<location>local</location>", "<location></location>")
    }),
    fault(checks::CONFIG_MISSING_OPTION, "a response with an empty location", MANAGER_4_9, |host| {
        config(host, "<location>local</location>", "<location/>")
    }),
    fault(checks::CONFIG_MISSING_OPTION, "a response with an empty command", MANAGER, |host| {
        config(host, "<command>firewall-drop</command>", "<command/>")
    }),
    fault(checks::CONFIG_MISSING_OPTION, "a <localfile> without format", AGENT, |host| {
        config(
            host,
            "</ossec_config>",
            "  <localfile>\n    <location>/var/log/x</location>\n  </localfile>\n</ossec_config>",
        )
    }),
    fault(checks::CONFIG_MISSING_OPTION, "a <localfile> without format", MANAGER, |host| {
        config(
            host,
            "</ossec_config>",
            "  <localfile>\n    <location>/var/log/x</location>\n  </localfile>\n</ossec_config>",
        )
    }),
    near(checks::CONFIG_MISSING_OPTION, "a block that only carries repeated_offenders", MANAGER, |host| {
        config(host, "<location>local</location>", "<location>server</location>")?;
        config(
            host,
            "</ossec_config>",
            "  <active-response>\n    <repeated_offenders>30,60</repeated_offenders>\n  </active-response>\n</ossec_config>",
        )
    }),
    near(checks::CONFIG_MISSING_OPTION, "two executables, the last counts", MANAGER, |host| {
        config(
            host,
            "<executable>firewall-drop</executable>",
            "<executable>nothing.sh</executable><executable>firewall-drop</executable>",
        )
    }),
    near(checks::CONFIG_MISSING_OPTION, "an incomplete block in an agent's file", AGENT, |host| {
        config(host, "<disabled>no</disabled>", "<disabled>no</disabled>\n    <timeout>5</timeout>")
    }),
    fault(checks::CONFIG_MISSING, "ossec.conf is gone", MANAGER, |host| host.remove(CONF).map(drop)),
    fault(checks::CONFIG_MISSING, "ossec.conf is gone", AGENT, |host| host.remove(CONF).map(drop)),
    fault(checks::CONFIG_MISSING, "ossec.conf is gone", AGENT_4_2, |host| host.remove(CONF).map(drop)),
    fault(checks::CONFIG_MISSING, "ossec.conf is a link to nowhere", AGENT, |host| {
        host.remove(CONF)?;
        host.symlink(CONF, "/var/ossec/etc/gone.conf").map(drop)
    }),
    near(checks::CONFIG_MISSING, "ossec.conf is a link to another file", AGENT, |host| {
        host.rename(CONF, "/var/ossec/etc/site.conf")?;
        host.symlink(CONF, "site.conf").map(drop)
    }),
    fault(checks::XML_TOOLS_MISREAD, "two hyphens inside a comment", MANAGER, |host| {
        config(host, "Brute force over", "Brute force -- over")
    }),
    fault(checks::XML_TOOLS_MISREAD, "a bare ampersand", MANAGER, |host| {
        config(host, "authentication_failures<", "authentication_failures|a&b<")
    }),
    fault(checks::XML_TOOLS_MISREAD, "an entity in a value", MANAGER, |host| {
        config(host, "authentication_failures<", "authentication_failures|a&lt;b<")
    }),
    fault(checks::XML_TOOLS_MISREAD, "text behind a child element", AGENT, |host| {
        config(host, "<!-- Agent", "\u{feff}x <!-- Agent")
    }),
    near(checks::XML_TOOLS_MISREAD, "two roots, as Wazuh's own files have them", MANAGER, |host| {
        config(
            host,
            "  <!-- Brute force over ssh",
            "</ossec_config>\n<ossec_config>\n  <!-- Brute force over ssh",
        )
    }),
    near(checks::XML_TOOLS_MISREAD, "letters beyond ASCII", MANAGER, |host| {
        config(host, "Brute force", "Force brute répétée")
    }),
    fault(checks::RULESET_XML_ERROR, "a rule file with a tag that is not closed", MANAGER, |host| {
        replace(host, "/var/ossec/etc/rules/local_rules.xml", "</group>", "")
    }),
    fault(checks::RULESET_XML_ERROR, "a rule file with a tag that is not closed", MANAGER_4_2, |host| {
        replace(host, "/var/ossec/etc/rules/local_rules.xml", "</group>", "")
    }),
    fault(checks::RULESET_XML_ERROR, "a decoder file with a prolog", MANAGER, |host| {
        host.write(
            "/var/ossec/etc/decoders/local_decoder.xml",
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<decoder name=\"a\">\n</decoder>\n",
        )
        .map(drop)
    }),
    near(checks::RULESET_XML_ERROR, "a broken file that is no .xml", MANAGER, |host| {
        host.write("/var/ossec/etc/rules/local_rules.xml.bak", "<group>").map(drop)
    }),
    near(checks::RULESET_XML_ERROR, "a broken file that is excluded", MANAGER, |host| {
        host.write("/var/ossec/etc/rules/old.xml", "<group>")?;
        config(
            host,
            "<rule_dir>etc/rules</rule_dir>",
            "<rule_dir>etc/rules</rule_dir>\n    <rule_exclude>etc/rules/old.xml</rule_exclude>",
        )
    }),
    fault(checks::COMMAND_UNDEFINED, "a response names a command that is nowhere", MANAGER, |host| {
        config(host, "<command>firewall-drop</command>", "<command>quarantine</command>")
    }),
    fault(checks::COMMAND_UNDEFINED, "a response names a command that is nowhere", MANAGER_4_9, |host| {
        config(host, "<command>firewall-drop</command>", "<command>quarantine</command>")
    }),
    fault(checks::COMMAND_UNDEFINED, "a response names a command that is nowhere", MANAGER_4_2, |host| {
        config(host, "<command>firewall-drop</command>", "<command>quarantine</command>")
    }),
    fault(checks::COMMAND_UNDEFINED, "the command stands in a comment", MANAGER, |host| {
        config(
            host,
            "  <!-- Brute force over ssh",
            "  <!-- <command><name>quarantine</name><executable>firewall-drop</executable></command> -->\n  <active-response>\n    <command>quarantine</command><location>local</location><level>12</level>\n  </active-response>\n  <!-- Brute force over ssh",
        )
    }),
    near(checks::COMMAND_UNDEFINED, "a command defined in an earlier root", MANAGER, |host| {
        config(
            host,
            "  <!-- Brute force over ssh",
            "</ossec_config>\n<ossec_config>\n  <!-- Brute force over ssh",
        )
    }),
    near(checks::COMMAND_UNDEFINED, "a disabled block names a command that is nowhere", MANAGER, |host| {
        config(
            host,
            "  <!-- Brute force over ssh",
            "  <active-response>\n    <command>firewall-drop</command><location>server</location><level>12</level>\n  </active-response>\n  <active-response>\n    <disabled>yes</disabled><command>quarantine</command><location>local</location>\n  </active-response>\n  <!-- Brute force over ssh",
        )
    }),
    fault(checks::COMMAND_AFTER_USE, "the command stands behind the block", MANAGER, |host| {
        config(
            host,
            "  <command>\n    <name>firewall-drop</name>\n    <executable>firewall-drop</executable>\n    <timeout_allowed>yes</timeout_allowed>\n  </command>\n",
            "",
        )?;
        config(
            host,
            "</ossec_config>",
            "  <command>\n    <name>firewall-drop</name>\n    <executable>firewall-drop</executable>\n    <timeout_allowed>yes</timeout_allowed>\n  </command>\n</ossec_config>",
        )
    }),
    fault(checks::COMMAND_AFTER_USE, "the command stands in a later root", MANAGER, |host| {
        config(
            host,
            "  <command>\n    <name>firewall-drop</name>\n    <executable>firewall-drop</executable>\n    <timeout_allowed>yes</timeout_allowed>\n  </command>\n",
            "",
        )?;
        config(
            host,
            "</ossec_config>",
            "</ossec_config>\n<ossec_config>\n  <command>\n    <name>firewall-drop</name>\n    <executable>firewall-drop</executable>\n    <timeout_allowed>yes</timeout_allowed>\n  </command>\n</ossec_config>",
        )
    }),
    fault(checks::COMMAND_AFTER_USE, "the command stands behind the block", MANAGER_4_2, |host| {
        config(
            host,
            "  <command>\n    <name>firewall-drop</name>\n    <executable>firewall-drop</executable>\n    <timeout_allowed>yes</timeout_allowed>\n  </command>\n",
            "",
        )?;
        config(
            host,
            "</ossec_config>",
            "  <command>\n    <name>firewall-drop</name>\n    <executable>firewall-drop</executable>\n    <timeout_allowed>yes</timeout_allowed>\n  </command>\n</ossec_config>",
        )
    }),
    near(checks::COMMAND_AFTER_USE, "the command stands in an earlier root", MANAGER, |host| {
        config(
            host,
            "  <command>\n    <name>firewall-drop</name>\n    <executable>firewall-drop</executable>\n    <timeout_allowed>yes</timeout_allowed>\n  </command>\n",
            "",
        )?;
        config(
            host,
            "<ossec_config>",
            "<ossec_config>\n  <command>\n    <name>firewall-drop</name>\n    <executable>firewall-drop</executable>\n    <timeout_allowed>yes</timeout_allowed>\n  </command>\n</ossec_config>\n<ossec_config>",
        )
    }),
    fault(checks::COMMAND_NEAR_MISS, "firewal-drop for firewall-drop", MANAGER, |host| {
        config(host, "<command>firewall-drop</command>", "<command>firewal-drop</command>")
    }),
    fault(checks::COMMAND_NEAR_MISS, "Firewall-Drop for firewall-drop", MANAGER, |host| {
        config(host, "<command>firewall-drop</command>", "<command>Firewall-Drop</command>")
    }),
    fault(checks::COMMAND_NEAR_MISS, "firewall-drop.sh for firewall-drop", MANAGER, |host| {
        config(host, "<command>firewall-drop</command>", "<command>firewall-drop.sh</command>")
    }),
    fault(checks::COMMAND_NEAR_MISS, "firewall_drop for firewall-drop", MANAGER, |host| {
        config(host, "<command>firewall-drop</command>", "<command>firewall_drop</command>")
    }),
    fault(checks::COMMAND_NEAR_MISS, "a blank before the name", MANAGER, |host| {
        config(host, "<command>firewall-drop</command>", "<command> firewall-drop</command>")
    }),
    fault(checks::COMMAND_NEAR_MISS, "a line break behind the name", MANAGER, |host| {
        config(host, "<command>firewall-drop</command>", "<command>firewall-drop\n    </command>")
    }),
    fault(checks::COMMAND_NEAR_MISS, "blanks around the name of the definition", MANAGER, |host| {
        config(host, "<name>firewall-drop</name>", "<name> firewall-drop </name>")
    }),
    fault(checks::COMMAND_NEAR_MISS, "the executable's name for the command's", MANAGER, |host| {
        config(host, "<command>notify-oncall<", "<command>notify-oncall.sh<")
    }),
    fault(checks::COMMAND_NEAR_MISS, "the executable's name for the command's", MANAGER_4_9, |host| {
        config(host, "<command>netsh<", "<command>netsh.exe<")
    }),
    near(checks::COMMAND_NEAR_MISS, "two commands with names that differ in one letter", MANAGER, |host| {
        config(
            host,
            "  <!-- Brute force over ssh",
            "  <command>\n    <name>firewall-drop2</name>\n    <executable>firewall-drop</executable>\n    <timeout_allowed>yes</timeout_allowed>\n  </command>\n  <!-- Brute force over ssh",
        )?;
        config(
            host,
            "</ossec_config>",
            "  <active-response>\n    <command>firewall-drop2</command><location>local</location><level>12</level>\n  </active-response>\n</ossec_config>",
        )
    }),
    fault(
        checks::COMMAND_DUPLICATE_NAME,
        "two commands of one name with different executables",
        MANAGER,
        |host| {
            config(
                host,
                "  <!-- Brute force over ssh",
                "  <command>\n    <name>firewall-drop</name>\n    <executable>host-deny</executable>\n    <timeout_allowed>yes</timeout_allowed>\n  </command>\n  <!-- Brute force over ssh",
            )
        },
    ),
    fault(
        checks::COMMAND_DUPLICATE_NAME,
        "two commands of one name with different executables",
        MANAGER_4_2,
        |host| {
            config(
                host,
                "  <!-- Brute force over ssh",
                "  <command>\n    <name>firewall-drop</name>\n    <executable>host-deny</executable>\n    <timeout_allowed>yes</timeout_allowed>\n  </command>\n  <!-- Brute force over ssh",
            )
        },
    ),
    fault(checks::COMMAND_DUPLICATE_NAME, "the same command twice", MANAGER, |host| {
        config(
            host,
            "  <!-- Brute force over ssh",
            "  <command>\n    <name>firewall-drop</name>\n    <executable>firewall-drop</executable>\n    <timeout_allowed>yes</timeout_allowed>\n  </command>\n  <!-- Brute force over ssh",
        )
    }),
    near(checks::COMMAND_DUPLICATE_NAME, "two commands with one executable", MANAGER, |host| {
        config(
            host,
            "  <!-- Brute force over ssh",
            "  <command>\n    <name>ssh-drop</name>\n    <executable>firewall-drop</executable>\n    <timeout_allowed>yes</timeout_allowed>\n  </command>\n  <!-- Brute force over ssh",
        )?;
        config(
            host,
            "</ossec_config>",
            "  <active-response>\n    <command>ssh-drop</command><location>local</location><level>12</level>\n  </active-response>\n</ossec_config>",
        )
    }),
    fault(checks::AR_NAME_CLASH, "fw1 without timeout and fw with 10", MANAGER, |host| {
        config(
            host,
            "  <!-- Brute force over ssh",
            "  <command>\n    <name>fw1</name>\n    <executable>host-deny</executable>\n  </command>\n  <command>\n    <name>fw</name>\n    <executable>firewall-drop</executable>\n    <timeout_allowed>yes</timeout_allowed>\n  </command>\n  <!-- Brute force over ssh",
        )?;
        config(
            host,
            "</ossec_config>",
            "  <active-response>\n    <command>fw1</command><location>local</location><level>12</level>\n  </active-response>\n  <active-response>\n    <command>fw</command><location>local</location><level>12</level><timeout>10</timeout>\n  </active-response>\n</ossec_config>",
        )
    }),
    fault(checks::AR_NAME_CLASH, "fw1 without timeout and fw with 10", MANAGER_4_2, |host| {
        config(
            host,
            "  <!-- Brute force over ssh",
            "  <command>\n    <name>fw1</name>\n    <executable>host-deny</executable>\n  </command>\n  <command>\n    <name>fw</name>\n    <executable>firewall-drop</executable>\n    <timeout_allowed>yes</timeout_allowed>\n  </command>\n  <!-- Brute force over ssh",
        )?;
        config(
            host,
            "</ossec_config>",
            "  <active-response>\n    <command>fw1</command><location>local</location><level>12</level>\n  </active-response>\n  <active-response>\n    <command>fw</command><location>local</location><level>12</level><timeout>10</timeout>\n  </active-response>\n</ossec_config>",
        )
    }),
    fault(checks::AR_NAME_CLASH, "two lines of one name, as an agent gets them", AGENT, |host| {
        replace(host, AR_CONF, "edge-block900 -", "fw10 - host-deny - 0\nfw10 -")
    }),
    near(checks::AR_NAME_CLASH, "fw1 without timeout and fw with 100", MANAGER, |host| {
        config(
            host,
            "  <!-- Brute force over ssh",
            "  <command>\n    <name>fw1</name>\n    <executable>host-deny</executable>\n  </command>\n  <command>\n    <name>fw</name>\n    <executable>firewall-drop</executable>\n    <timeout_allowed>yes</timeout_allowed>\n  </command>\n  <!-- Brute force over ssh",
        )?;
        config(
            host,
            "</ossec_config>",
            "  <active-response>\n    <command>fw1</command><location>local</location><level>12</level>\n  </active-response>\n  <active-response>\n    <command>fw</command><location>local</location><level>12</level><timeout>100</timeout>\n  </active-response>\n</ossec_config>",
        )
    }),
    near(checks::AR_NAME_CLASH, "two blocks with one command and timeout", MANAGER, |host| {
        config(
            host,
            "</ossec_config>",
            "  <active-response>\n    <command>firewall-drop</command><location>local</location><level>12</level><timeout>600</timeout>\n  </active-response>\n</ossec_config>",
        )
    }),
    near(checks::AR_NAME_CLASH, "the same line twice", AGENT, |host| {
        replace(host, AR_CONF, "edge-block900 -", "edge-block900 - edge-block.sh - 900\nedge-block900 -")
    }),
    fault(checks::COMMAND_UNUSED, "a custom command that no block names", MANAGER, |host| {
        config(
            host,
            "  <!-- Brute force over ssh",
            "  <command>\n    <name>quarantine</name>\n    <executable>quarantine.sh</executable>\n  </command>\n  <!-- Brute force over ssh",
        )
    }),
    fault(checks::COMMAND_UNUSED, "a custom command that no block names", MANAGER_4_9, |host| {
        config(
            host,
            "  <!-- Brute force over ssh",
            "  <command>\n    <name>quarantine</name>\n    <executable>quarantine.sh</executable>\n  </command>\n  <!-- Brute force over ssh",
        )
    }),
    near(checks::COMMAND_UNUSED, "a stock command that no block names", MANAGER, |host| {
        config(
            host,
            "  <!-- Brute force over ssh",
            "  <command>\n    <name>route-null</name>\n    <executable>route-null</executable>\n    <timeout_allowed>yes</timeout_allowed>\n  </command>\n  <!-- Brute force over ssh",
        )
    }),
    near(checks::COMMAND_UNUSED, "a custom command whose only block is switched off", MANAGER, |host| {
        config(
            host,
            "  <!-- Brute force over ssh",
            "  <command>\n    <name>ssh-drop</name>\n    <executable>firewall-drop</executable>\n    <timeout_allowed>yes</timeout_allowed>\n  </command>\n  <active-response>\n    <command>firewall-drop</command><location>server</location><level>12</level>\n  </active-response>\n  <active-response>\n    <command>ssh-drop</command><location>local</location><level>12</level><disabled>yes</disabled>\n  </active-response>\n  <!-- Brute force over ssh",
        )
    }),
    fault(checks::BLOCK_IN_COMMENT, "the only block stands in a comment", MANAGER, |host| {
        only_block_in_comment(host)
    }),
    fault(checks::BLOCK_IN_COMMENT, "the only block stands in a comment", MANAGER_4_2, |host| {
        only_block_in_comment(host)
    }),
    fault(checks::BLOCK_IN_COMMENT, "one block of several stands in a comment", MANAGER, |host| {
        config(
            host,
            "  <!-- Brute force over ssh",
            "  <command>\n    <name>quarantine</name>\n    <executable>host-deny</executable>\n  </command>\n  <!-- Brute force over ssh",
        )?;
        config(
            host,
            "</ossec_config>",
            "<!--\n  <active-response>\n    <command>quarantine</command><location>local</location><level>12</level>\n  </active-response>\n-->\n</ossec_config>",
        )
    }),
    near(checks::BLOCK_IN_COMMENT, "the example of the template", MANAGER, |host| {
        config(
            host,
            "</ossec_config>",
            "  <!--\n  <active-response>\n    active-response options here\n  </active-response>\n  -->\n</ossec_config>",
        )
    }),
    near(checks::BLOCK_IN_COMMENT, "an older form of a block that is in force", MANAGER, |host| {
        config(
            host,
            "</ossec_config>",
            "  <!--\n  <active-response>\n    <command>firewall-drop</command><location>local</location><level>12</level>\n  </active-response>\n  -->\n</ossec_config>",
        )
    }),
    fault(checks::AGENT_CONF_IGNORED, "a response in a group's file", MANAGER, |host| {
        replace(
            host,
            "/var/ossec/etc/shared/default/agent.conf",
            "</agent_config>",
            "  <active-response>\n    <command>firewall-drop</command><location>local</location><level>12</level>\n  </active-response>\n</agent_config>",
        )
    }),
    fault(checks::AGENT_CONF_IGNORED, "a response in a group's file", MANAGER_4_2, |host| {
        replace(
            host,
            "/var/ossec/etc/shared/default/agent.conf",
            "</agent_config>",
            "  <active-response>\n    <command>firewall-drop</command><location>local</location><level>12</level>\n  </active-response>\n</agent_config>",
        )
    }),
    fault(checks::AGENT_CONF_IGNORED, "responses switched off for a group", MANAGER, |host| {
        replace(
            host,
            "/var/ossec/etc/shared/default/agent.conf",
            "</agent_config>",
            "  <active-response>\n    <disabled>yes</disabled>\n  </active-response>\n</agent_config>",
        )
    }),
    fault(checks::AGENT_CONF_IGNORED, "a response in the group's file an agent got", AGENT, |host| {
        replace(
            host,
            "/var/ossec/etc/shared/agent.conf",
            "</agent_config>",
            "  <active-response>\n    <command>firewall-drop</command><location>local</location><level>12</level>\n  </active-response>\n</agent_config>",
        )
    }),
    fault(checks::AGENT_CONF_IGNORED, "a command in the group's file an agent got", AGENT_4_9, |host| {
        replace(
            host,
            "/var/ossec/etc/shared/agent.conf",
            "</agent_config>",
            "  <command>\n    <name>quarantine</name>\n    <executable>quarantine.sh</executable>\n  </command>\n</agent_config>",
        )
    }),
    near(checks::AGENT_CONF_IGNORED, "a <localfile> in a group's file", MANAGER, |host| {
        replace(
            host,
            "/var/ossec/etc/shared/default/agent.conf",
            "</agent_config>",
            "  <localfile>\n    <log_format>syslog</log_format>\n    <location>/var/log/x</location>\n  </localfile>\n</agent_config>",
        )
    }),
    near(checks::AGENT_CONF_IGNORED, "a command that logcollector runs", AGENT, |host| {
        replace(
            host,
            "/var/ossec/etc/shared/agent.conf",
            "</agent_config>",
            "  <localfile>\n    <log_format>command</log_format>\n    <command>df -P</command>\n  </localfile>\n</agent_config>",
        )
    }),
    near(checks::AGENT_CONF_IGNORED, "a response in a comment of a group's file", AGENT, |host| {
        replace(
            host,
            "/var/ossec/etc/shared/agent.conf",
            "</agent_config>",
            "<!--\n  <active-response>\n    <command>firewall-drop</command><location>local</location><level>12</level>\n  </active-response>\n-->\n</agent_config>",
        )
    }),
    fault(checks::AGENT_CONFIG_IGNORED, "a full response in an agent's file", AGENT, |host| {
        config(
            host,
            "</ossec_config>",
            "  <active-response>\n    <command>firewall-drop</command><location>local</location><rules_id>5712, 5763</rules_id>\n  </active-response>\n</ossec_config>",
        )
    }),
    fault(checks::AGENT_CONFIG_IGNORED, "a command in an agent's file", AGENT, |host| {
        config(
            host,
            "</ossec_config>",
            "  <command>\n    <name>quarantine</name>\n    <executable>quarantine.sh</executable>\n  </command>\n</ossec_config>",
        )
    }),
    fault(checks::AGENT_CONFIG_IGNORED, "a command in an agent's file", AGENT_4_2, |host| {
        config(
            host,
            "</ossec_config>",
            "  <command>\n    <name>quarantine</name>\n    <executable>quarantine.sh</executable>\n  </command>\n</ossec_config>",
        )
    }),
    near(checks::AGENT_CONFIG_IGNORED, "the block of the installer", AGENT, |host| {
        config(
            host,
            "<disabled>no</disabled>",
            "<disabled>no</disabled>\n    <ca_store>etc/wpk_root.pem</ca_store>\n    <ca_verification>yes</ca_verification>",
        )
    }),
    near(checks::AGENT_CONFIG_IGNORED, "a command that logcollector runs", AGENT, |host| {
        config(
            host,
            "</ossec_config>",
            "  <localfile>\n    <log_format>full_command</log_format>\n    <command>last -n 5</command>\n    <frequency>360</frequency>\n  </localfile>\n</ossec_config>",
        )
    }),
    fault(checks::LOCATION_INVALID, "location everywhere", MANAGER, |host| {
        config(host, "<location>local</location>", "<location>everywhere</location>")
    }),
    fault(checks::LOCATION_INVALID, "location agent", MANAGER, |host| {
        config(host, "<location>local</location>", "<location>agent</location>")
    }),
    fault(checks::LOCATION_INVALID, "location manager", MANAGER, |host| {
        config(host, "<location>local</location>", "<location>manager</location>")
    }),
    fault(checks::LOCATION_INVALID, "location 001", MANAGER, |host| {
        config(host, "<location>local</location>", "<location>001</location>")
    }),
    fault(checks::LOCATION_INVALID, "location remote", MANAGER, |host| {
        config(host, "<location>local</location>", "<location>remote</location>")
    }),
    fault(checks::LOCATION_INVALID, "location everywhere", MANAGER_4_9, |host| {
        config(host, "<location>local</location>", "<location>everywhere</location>")
    }),
    fault(
        checks::LOCATION_INVALID,
        "an empty location, which counts as given before 4.4",
        MANAGER_4_2,
        |host| config(host, "<location>local</location>", "<location></location>"),
    ),
    near(checks::LOCATION_INVALID, "location `LOCAL`", MANAGER, |host| {
        config(host, "<location>local</location>", "<location>LOCAL</location>")
    }),
    near(checks::LOCATION_INVALID, "location ` local `", MANAGER, |host| {
        config(host, "<location>local</location>", "<location> local </location>")
    }),
    near(checks::LOCATION_INVALID, "location local", MANAGER_4_2, |host| {
        config(host, "<location>local</location>", "<location>Local</location>")
    }),
    fault(checks::LOCATION_SUBSTRING, "location firewall", MANAGER, |host| {
        config(host, "<location>local</location>", "<location>firewall</location>")
    }),
    fault(checks::LOCATION_SUBSTRING, "location many", MANAGER, |host| {
        config(host, "<location>local</location>", "<location>many</location>")
    }),
    fault(checks::LOCATION_SUBSTRING, "location install", MANAGER, |host| {
        config(host, "<location>local</location>", "<location>install</location>")
    }),
    fault(checks::LOCATION_SUBSTRING, "location base", MANAGER, |host| {
        config(host, "<location>local</location>", "<location>base</location>")
    }),
    fault(checks::LOCATION_SUBSTRING, "location last", MANAGER, |host| {
        config(host, "<location>local</location>", "<location>last</location>")
    }),
    fault(checks::LOCATION_SUBSTRING, "location localhost", MANAGER, |host| {
        config(host, "<location>local</location>", "<location>localhost</location>")
    }),
    fault(checks::LOCATION_SUBSTRING, "location firewall", MANAGER_4_2, |host| {
        config(host, "<location>local</location>", "<location>firewall</location>")
    }),
    near(checks::LOCATION_SUBSTRING, "location analysisd", MANAGER, |host| {
        config(host, "<location>server</location>", "<location>analysisd</location>")
    }),
    near(checks::LOCATION_SUBSTRING, "location AS", MANAGER, |host| {
        config(host, "<location>server</location>", "<location>AS</location>")
    }),
    near(checks::LOCATION_SUBSTRING, "location analysis-server", MANAGER, |host| {
        config(host, "<location>server</location>", "<location>analysis-server</location>")
    }),
    near(checks::LOCATION_SUBSTRING, "a location on a line of its own", MANAGER, |host| {
        config(host, "<location>local</location>", "<location>\n      local\n    </location>")
    }),
    fault(checks::LOCATION_COMBINED, "location server,all", MANAGER, |host| {
        config(host, "<location>local</location>", "<location>server,all</location>")
    }),
    fault(checks::LOCATION_COMBINED, "location local,server", MANAGER, |host| {
        config(host, "<location>local</location>", "<location>local,server</location>")
    }),
    fault(checks::LOCATION_COMBINED, "location local server", MANAGER, |host| {
        config(host, "<location>local</location>", "<location>local server</location>")
    }),
    fault(checks::LOCATION_COMBINED, "location defined-agent,local", MANAGER, |host| {
        config(host, "<location>defined-agent</location>", "<location>defined-agent,local</location>")
    }),
    fault(checks::LOCATION_COMBINED, "location local,server", MANAGER_4_2, |host| {
        config(host, "<location>local</location>", "<location>local,server</location>")
    }),
    near(checks::LOCATION_COMBINED, "two blocks for two places", MANAGER, |host| {
        config(
            host,
            "</ossec_config>",
            "  <active-response>\n    <command>firewall-drop</command><location>server</location><rules_id>5712, 5763</rules_id><timeout>600</timeout>\n  </active-response>\n</ossec_config>",
        )
    }),
    near(checks::LOCATION_COMBINED, "two words for one place", MANAGER, |host| {
        config(host, "<location>server</location>", "<location>server,analysisd</location>")
    }),
    fault(checks::LOCATION_ALL_WITHOUT_MANAGER, "location all", MANAGER, |host| {
        config(host, "<location>local</location>", "<location>all</location>")
    }),
    fault(checks::LOCATION_ALL_WITHOUT_MANAGER, "location any", MANAGER_4_9, |host| {
        config(host, "<location>local</location>", "<location>any</location>")
    }),
    near(
        checks::LOCATION_ALL_WITHOUT_MANAGER,
        "location all, and a second block for the manager",
        MANAGER,
        |host| {
            config(host, "<location>local</location>", "<location>all</location>")?;
            config(
                host,
                "</ossec_config>",
                "  <active-response>\n    <command>firewall-drop</command><location>server</location><rules_id>5712, 5763</rules_id><timeout>600</timeout>\n  </active-response>\n</ossec_config>",
            )
        },
    ),
    fault(checks::AGENT_ID_MISSING, "defined-agent without agent_id", MANAGER, |host| {
        config(host, "    <agent_id>004</agent_id>\n", "")
    }),
    fault(checks::AGENT_ID_MISSING, "defined-agent without agent_id", MANAGER_4_2, |host| {
        config(host, "    <agent_id>004</agent_id>\n", "")
    }),
    fault(checks::AGENT_ID_MISSING, "defined-agents without agent_id", MANAGER, |host| {
        config(host, "<location>local</location>", "<location>defined-agents</location>")
    }),
    near(checks::AGENT_ID_MISSING, "agent_id beside another location", MANAGER, |host| {
        config(host, "<location>defined-agent</location>", "<location>local</location>")
    }),
    fault(checks::AGENT_ID_NOT_AN_AGENT, "agent_id 000", MANAGER, |host| config(host, ">004<", ">000<")),
    fault(checks::AGENT_ID_NOT_AN_AGENT, "agent_id 0", MANAGER, |host| config(host, ">004<", ">0<")),
    fault(checks::AGENT_ID_NOT_AN_AGENT, "agent_id web-01", MANAGER, |host| {
        config(host, ">004<", ">web-01<")
    }),
    fault(checks::AGENT_ID_NOT_AN_AGENT, "agent_id without a number", MANAGER, |host| {
        config(host, ">004<", "><")
    }),
    fault(checks::AGENT_ID_NOT_AN_AGENT, "agent_id 000", MANAGER_4_9, |host| config(host, ">004<", ">000<")),
    fault(checks::AGENT_ID_NOT_AN_AGENT, "agent_id 000, on which analysisd crashes", MANAGER_4_2, |host| {
        config(host, ">004<", ">000<")
    }),
    near(checks::AGENT_ID_NOT_AN_AGENT, "agent_id with other leading zeros", MANAGER, |host| {
        config(host, ">004<", ">0004<")
    }),
    near(checks::AGENT_ID_NOT_AN_AGENT, "agent_id without leading zeros", MANAGER_4_2, |host| {
        config(host, ">004<", ">4<")
    }),
    near(checks::AGENT_ID_NOT_AN_AGENT, "agent_id with blanks around it", MANAGER, |host| {
        config(host, ">004<", "> 004 <")
    }),
    fault(checks::AGENT_ID_LIST, "agent_id 004,005", MANAGER, |host| config(host, ">004<", ">004,005<")),
    fault(checks::AGENT_ID_LIST, "agent_id 3web", MANAGER, |host| config(host, ">004<", ">3web<")),
    fault(checks::AGENT_ID_LIST, "agent_id 4 5", MANAGER, |host| config(host, ">004<", ">4 5<")),
    fault(checks::AGENT_ID_LIST, "agent_id -1", MANAGER, |host| config(host, ">004<", ">-1<")),
    fault(checks::AGENT_ID_LIST, "agent_id 99999999999", MANAGER, |host| {
        config(host, ">004<", ">99999999999<")
    }),
    fault(checks::AGENT_ID_LIST, "agent_id 004,005", MANAGER_4_2, |host| config(host, ">004<", ">004,005<")),
    near(checks::AGENT_ID_LIST, "agent_id on a line of its own", MANAGER, |host| {
        config(host, ">004<", ">\n      004\n    <")
    }),
    near(checks::AGENT_ID_LIST, "two blocks for two agents", MANAGER, |host| {
        config(
            host,
            "</ossec_config>",
            "  <active-response>\n    <command>netsh</command><location>defined-agent</location><agent_id>005</agent_id><rules_group>authentication_failures</rules_group>\n  </active-response>\n</ossec_config>",
        )
    }),
    fault(checks::TRIGGER_MISSING, "neither level nor rule nor group", MANAGER, |host| {
        config(host, "<rules_id>5712, 5763</rules_id>", "")
    }),
    fault(checks::TRIGGER_MISSING, "neither level nor rule nor group", MANAGER_4_2, |host| {
        config(host, "<rules_id>5712, 5763</rules_id>", "")
    }),
    fault(checks::TRIGGER_MISSING, "level 0", MANAGER, |host| {
        config(host, "<level>12</level>", "<level>0</level>")
    }),
    fault(checks::TRIGGER_MISSING, "an empty level", MANAGER, |host| {
        config(host, "<level>12</level>", "<level></level>")
    }),
    fault(checks::TRIGGER_MISSING, "an empty rules_id", MANAGER, |host| {
        config(host, "<rules_id>5712, 5763</rules_id>", "<rules_id></rules_id>")
    }),
    near(checks::TRIGGER_MISSING, "level 0 beside a rule", MANAGER, |host| {
        config(host, "<rules_id>5712, 5763</rules_id>", "<rules_id>5712, 5763</rules_id><level>0</level>")
    }),
    near(checks::TRIGGER_MISSING, "only a group", MANAGER, |host| {
        config(host, "<rules_id>5712, 5763</rules_id>", "<rules_group>sshd</rules_group>")
    }),
    fault(checks::RULES_ID_CUT, "a blank for the comma", MANAGER, |host| {
        config(host, "<rules_id>5712, 5763</rules_id>", "<rules_id>5712 5763</rules_id>")
    }),
    fault(checks::RULES_ID_CUT, "a range", MANAGER, |host| {
        config(host, "<rules_id>5712, 5763</rules_id>", "<rules_id>5712-5763</rules_id>")
    }),
    fault(checks::RULES_ID_CUT, "a semicolon", MANAGER, |host| {
        config(host, "<rules_id>5712, 5763</rules_id>", "<rules_id>5712;5763</rules_id>")
    }),
    fault(checks::RULES_ID_CUT, "a bar", MANAGER, |host| {
        config(host, "<rules_id>5712, 5763</rules_id>", "<rules_id>5712|5763</rules_id>")
    }),
    fault(checks::RULES_ID_CUT, "a line break behind a comma", MANAGER, |host| {
        config(host, "<rules_id>5712, 5763</rules_id>", "<rules_id>5712,\n    5763</rules_id>")
    }),
    fault(checks::RULES_ID_CUT, "a tab behind a comma", MANAGER, |host| {
        config(host, "<rules_id>5712, 5763</rules_id>", "<rules_id>5712,\t5763</rules_id>")
    }),
    fault(checks::RULES_ID_CUT, "letters before the number", MANAGER, |host| {
        config(host, "<rules_id>5712, 5763</rules_id>", "<rules_id>sid5712</rules_id>")
    }),
    fault(checks::RULES_ID_CUT, "a blank for the comma", MANAGER_4_2, |host| {
        config(host, "<rules_id>5712, 5763</rules_id>", "<rules_id>5712 5763</rules_id>")
    }),
    near(checks::RULES_ID_CUT, "rules_id `5710, 5711`", MANAGER, |host| {
        config(host, "<rules_id>5712, 5763</rules_id>", "<rules_id>5710, 5711</rules_id>")
    }),
    near(checks::RULES_ID_CUT, "rules_id ` 5710 `", MANAGER, |host| {
        config(host, "<rules_id>5712, 5763</rules_id>", "<rules_id> 5710 </rules_id>")
    }),
    near(checks::RULES_ID_CUT, "rules_id `,5710`", MANAGER, |host| {
        config(host, "<rules_id>5712, 5763</rules_id>", "<rules_id>,5710</rules_id>")
    }),
    near(checks::RULES_ID_CUT, "rules_id `05710`", MANAGER, |host| {
        config(host, "<rules_id>5712, 5763</rules_id>", "<rules_id>05710</rules_id>")
    }),
    near(checks::RULES_ID_CUT, "rules_id `5712,5763,`", MANAGER, |host| {
        config(host, "<rules_id>5712, 5763</rules_id>", "<rules_id>5712,5763,</rules_id>")
    }),
    near(checks::RULES_ID_CUT, "rules_id `5712 ,5763`", MANAGER, |host| {
        config(host, "<rules_id>5712, 5763</rules_id>", "<rules_id>5712 ,5763</rules_id>")
    }),
    near(checks::RULES_ID_CUT, "a comment inside a number", MANAGER, |host| {
        config(host, "<rules_id>5712, 5763</rules_id>", "<rules_id>57<!-- -->12</rules_id>")
    }),
    fault(checks::LEVEL_OUT_OF_RANGE, "level `21`", MANAGER, |host| {
        config(host, "<level>12</level>", "<level>21</level>")
    }),
    fault(checks::LEVEL_OUT_OF_RANGE, "level ` 5`", MANAGER, |host| {
        config(host, "<level>12</level>", "<level> 5</level>")
    }),
    fault(checks::LEVEL_OUT_OF_RANGE, "level `5 `", MANAGER, |host| {
        config(host, "<level>12</level>", "<level>5 </level>")
    }),
    fault(checks::LEVEL_OUT_OF_RANGE, "level `abc`", MANAGER, |host| {
        config(host, "<level>12</level>", "<level>abc</level>")
    }),
    fault(checks::LEVEL_OUT_OF_RANGE, "level `-1`", MANAGER, |host| {
        config(host, "<level>12</level>", "<level>-1</level>")
    }),
    fault(checks::LEVEL_OUT_OF_RANGE, "level `5,6`", MANAGER, |host| {
        config(host, "<level>12</level>", "<level>5,6</level>")
    }),
    fault(checks::LEVEL_OUT_OF_RANGE, "level `7.5`", MANAGER, |host| {
        config(host, "<level>12</level>", "<level>7.5</level>")
    }),
    fault(checks::LEVEL_OUT_OF_RANGE, "level 21", MANAGER_4_2, |host| {
        config(host, "<level>12</level>", "<level>21</level>")
    }),
    near(checks::LEVEL_OUT_OF_RANGE, "level 007", MANAGER, |host| {
        config(host, "<level>12</level>", "<level>007</level>")
    }),
    near(checks::LEVEL_OUT_OF_RANGE, "the last level counts", MANAGER, |host| {
        config(host, "<level>12</level>", "<level>5</level><level>12</level>")
    }),
    fault(checks::LEVEL_UNREACHABLE, "level 17", MANAGER, |host| {
        config(host, "<level>12</level>", "<level>17</level>")
    }),
    fault(checks::LEVEL_UNREACHABLE, "level 20", MANAGER_4_2, |host| {
        config(host, "<level>12</level>", "<level>20</level>")
    }),
    fault(checks::LEVEL_UNREACHABLE, "level 20 beside a rule", MANAGER, |host| {
        config(host, "<level>12</level>", "<level>20</level><rules_id>5712</rules_id>")
    }),
    near(checks::LEVEL_UNREACHABLE, "level 16", MANAGER, |host| {
        config(host, "<level>12</level>", "<level>16</level>")
    }),
    fault(checks::TIMEOUT_NOT_A_NUMBER, "timeout abc", MANAGER, |host| {
        config(host, "<timeout>600</timeout>", "<timeout>abc</timeout>")
    }),
    fault(checks::TIMEOUT_NOT_A_NUMBER, "timeout 10m", MANAGER, |host| {
        config(host, "<timeout>600</timeout>", "<timeout>10m</timeout>")
    }),
    fault(checks::TIMEOUT_NOT_A_NUMBER, "timeout -5", MANAGER, |host| {
        config(host, "<timeout>600</timeout>", "<timeout>-5</timeout>")
    }),
    fault(checks::TIMEOUT_NOT_A_NUMBER, "timeout 99999999999", MANAGER, |host| {
        config(host, "<timeout>600</timeout>", "<timeout>99999999999</timeout>")
    }),
    fault(checks::TIMEOUT_NOT_A_NUMBER, "timeout 1.5", MANAGER, |host| {
        config(host, "<timeout>600</timeout>", "<timeout>1.5</timeout>")
    }),
    fault(checks::TIMEOUT_NOT_A_NUMBER, "timeout 0x10", MANAGER, |host| {
        config(host, "<timeout>600</timeout>", "<timeout>0x10</timeout>")
    }),
    fault(checks::TIMEOUT_NOT_A_NUMBER, "timeout 600s", MANAGER, |host| {
        config(host, "<timeout>600</timeout>", "<timeout>600s</timeout>")
    }),
    fault(checks::TIMEOUT_NOT_A_NUMBER, "timeout 10m", MANAGER_4_2, |host| {
        config(host, "<timeout>600</timeout>", "<timeout>10m</timeout>")
    }),
    near(checks::TIMEOUT_NOT_A_NUMBER, "timeout ` 600`", MANAGER, |host| {
        config(host, "<timeout>600</timeout>", "<timeout> 600</timeout>")
    }),
    near(checks::TIMEOUT_NOT_A_NUMBER, "timeout `600 `", MANAGER, |host| {
        config(host, "<timeout>600</timeout>", "<timeout>600 </timeout>")
    }),
    near(checks::TIMEOUT_NOT_A_NUMBER, "timeout `0600`", MANAGER, |host| {
        config(host, "<timeout>600</timeout>", "<timeout>0600</timeout>")
    }),
    near(checks::TIMEOUT_NOT_A_NUMBER, "timeout `0`", MANAGER, |host| {
        config(host, "<timeout>600</timeout>", "<timeout>0</timeout>")
    }),
    near(checks::TIMEOUT_NOT_A_NUMBER, "timeout `/      600/    `", MANAGER, |host| {
        config(host, "<timeout>600</timeout>", "<timeout>\n      600\n    </timeout>")
    }),
    fault(checks::TIMEOUT_NOT_ALLOWED, "timeout_allowed no", MANAGER, |host| {
        config(host, "<timeout_allowed>yes</timeout_allowed>", "<timeout_allowed>no</timeout_allowed>")
    }),
    fault(checks::TIMEOUT_NOT_ALLOWED, "no timeout_allowed", MANAGER, |host| {
        config(host, "<timeout_allowed>yes</timeout_allowed>", "")
    }),
    fault(checks::TIMEOUT_NOT_ALLOWED, "no timeout_allowed", MANAGER_4_2, |host| {
        config(host, "<timeout_allowed>yes</timeout_allowed>", "")
    }),
    near(checks::TIMEOUT_NOT_ALLOWED, "timeout 0 for a command that allows none", MANAGER, |host| {
        config(host, "<level>12</level>", "<level>12</level><timeout>0</timeout>")
    }),
    near(checks::TIMEOUT_NOT_ALLOWED, "no timeout for a command that allows one", MANAGER, |host| {
        config(host, "<timeout>600</timeout>", "")
    }),
    fault(
        checks::REPEATED_OFFENDERS_MISPLACED,
        "on a manager whose responses run on agents",
        MANAGER,
        |host| {
            config(host, "<location>server</location>", "<location>all</location>")?;
            config(
                host,
                "<location>local</location>",
                "<location>local</location><repeated_offenders>30,60,120</repeated_offenders>",
            )
        },
    ),
    fault(
        checks::REPEATED_OFFENDERS_MISPLACED,
        "on a manager whose responses run on agents",
        MANAGER_4_2,
        |host| {
            config(host, "<location>server</location>", "<location>all</location>")?;
            config(
                host,
                "<location>local</location>",
                "<location>local</location><repeated_offenders>30,60,120</repeated_offenders>",
            )
        },
    ),
    fault(
        checks::REPEATED_OFFENDERS_MISPLACED,
        "on a manager that runs only a response without a timeout itself",
        MANAGER,
        |host| {
            config(
                host,
                "<location>server</location>",
                "<location>server</location><repeated_offenders>30,60,120</repeated_offenders>",
            )
        },
    ),
    near(
        checks::REPEATED_OFFENDERS_MISPLACED,
        "on a manager that runs a response with a timeout itself",
        MANAGER,
        |host| {
            config(
                host,
                "<location>local</location>",
                "<location>server</location><repeated_offenders>30,60,120</repeated_offenders>",
            )
        },
    ),
    near(checks::REPEATED_OFFENDERS_MISPLACED, "on an agent", AGENT, |host| {
        config(
            host,
            "<repeated_offenders>30,60,120</repeated_offenders>",
            "<repeated_offenders>15</repeated_offenders>",
        )
    }),
    fault(checks::REPEATED_OFFENDERS_INVALID, "six values", AGENT, |host| {
        config(
            host,
            "<repeated_offenders>30,60,120</repeated_offenders>",
            "<repeated_offenders>30,60,120,240,480,960</repeated_offenders>",
        )
    }),
    fault(checks::REPEATED_OFFENDERS_INVALID, "no number", AGENT, |host| {
        config(
            host,
            "<repeated_offenders>30,60,120</repeated_offenders>",
            "<repeated_offenders>abc</repeated_offenders>",
        )
    }),
    fault(checks::REPEATED_OFFENDERS_INVALID, "a zero first", AGENT, |host| {
        config(
            host,
            "<repeated_offenders>30,60,120</repeated_offenders>",
            "<repeated_offenders>0,30,60</repeated_offenders>",
        )
    }),
    fault(checks::REPEATED_OFFENDERS_INVALID, "a zero in between", AGENT, |host| {
        config(
            host,
            "<repeated_offenders>30,60,120</repeated_offenders>",
            "<repeated_offenders>30,0,60</repeated_offenders>",
        )
    }),
    fault(checks::REPEATED_OFFENDERS_INVALID, "a semicolon", AGENT, |host| {
        config(
            host,
            "<repeated_offenders>30,60,120</repeated_offenders>",
            "<repeated_offenders>30;60</repeated_offenders>",
        )
    }),
    fault(checks::REPEATED_OFFENDERS_INVALID, "nothing", AGENT, |host| {
        config(
            host,
            "<repeated_offenders>30,60,120</repeated_offenders>",
            "<repeated_offenders></repeated_offenders>",
        )
    }),
    fault(checks::REPEATED_OFFENDERS_INVALID, "units", AGENT, |host| {
        config(
            host,
            "<repeated_offenders>30,60,120</repeated_offenders>",
            "<repeated_offenders>30m,60m</repeated_offenders>",
        )
    }),
    fault(checks::REPEATED_OFFENDERS_INVALID, "a negative number", AGENT, |host| {
        config(
            host,
            "<repeated_offenders>30,60,120</repeated_offenders>",
            "<repeated_offenders>-5,60</repeated_offenders>",
        )
    }),
    fault(checks::REPEATED_OFFENDERS_INVALID, "no number", AGENT_4_2, |host| {
        config(
            host,
            "<repeated_offenders>30,60,120</repeated_offenders>",
            "<repeated_offenders>abc</repeated_offenders>",
        )
    }),
    fault(checks::REPEATED_OFFENDERS_INVALID, "a semicolon", MANAGER, |host| {
        config(
            host,
            "<location>local</location>",
            "<location>server</location><repeated_offenders>30;60</repeated_offenders>",
        )
    }),
    near(checks::REPEATED_OFFENDERS_INVALID, "blanks", AGENT, |host| {
        config(
            host,
            "<repeated_offenders>30,60,120</repeated_offenders>",
            "<repeated_offenders> 30, 60, 120 </repeated_offenders>",
        )
    }),
    near(checks::REPEATED_OFFENDERS_INVALID, "five values", AGENT, |host| {
        config(
            host,
            "<repeated_offenders>30,60,120</repeated_offenders>",
            "<repeated_offenders>30,60,120,240,480</repeated_offenders>",
        )
    }),
    near(checks::REPEATED_OFFENDERS_INVALID, "an empty value, which is passed over", AGENT, |host| {
        config(
            host,
            "<repeated_offenders>30,60,120</repeated_offenders>",
            "<repeated_offenders>30,,60</repeated_offenders>",
        )
    }),
    near(checks::REPEATED_OFFENDERS_INVALID, "leading zeros", AGENT, |host| {
        config(
            host,
            "<repeated_offenders>30,60,120</repeated_offenders>",
            "<repeated_offenders>030,060</repeated_offenders>",
        )
    }),
    near(checks::REPEATED_OFFENDERS_INVALID, "a second setting, which nobody reads", AGENT, |host| {
        config(
            host,
            "</ossec_config>",
            "  <active-response>\n    <repeated_offenders>abc</repeated_offenders>\n  </active-response>\n</ossec_config>",
        )
    }),
    fault(checks::WHITE_LIST_MATCHES_EVERYTHING, "an empty entry", MANAGER, |host| {
        config(host, "<white_list>10.20.0.0/16</white_list>", "<white_list></white_list>")
    }),
    fault(checks::WHITE_LIST_MATCHES_EVERYTHING, "an entry that is a comment", MANAGER, |host| {
        config(host, "<white_list>10.20.0.0/16</white_list>", "<white_list><!-- none --></white_list>")
    }),
    fault(checks::WHITE_LIST_MATCHES_EVERYTHING, "an empty alternative", MANAGER, |host| {
        config(host, "<white_list>10.20.0.0/16</white_list>", "<white_list>10.0.0.|</white_list>")
    }),
    fault(checks::WHITE_LIST_MATCHES_EVERYTHING, "a dot", MANAGER, |host| {
        config(host, "<white_list>10.20.0.0/16</white_list>", "<white_list>.</white_list>")
    }),
    fault(checks::WHITE_LIST_MATCHES_EVERYTHING, "the network of all addresses", MANAGER, |host| {
        config(host, "<white_list>10.20.0.0/16</white_list>", "<white_list>0.0.0.0/0</white_list>")
    }),
    fault(checks::WHITE_LIST_MATCHES_EVERYTHING, "an empty entry", MANAGER_4_2, |host| {
        config(host, "<white_list>10.20.0.0/16</white_list>", "<white_list/>")
    }),
    near(checks::WHITE_LIST_MATCHES_EVERYTHING, "alternatives", MANAGER, |host| {
        config(host, "<white_list>10.20.0.0/16</white_list>", "<white_list>10.20.|10.21.</white_list>")
    }),
    near(checks::WHITE_LIST_MATCHES_EVERYTHING, "a host", MANAGER, |host| {
        config(host, "<white_list>10.20.0.0/16</white_list>", "<white_list>10.20.0.7</white_list>")
    }),
    fault(checks::WHITE_LIST_NEVER_MATCHES, "an IPv6 network", MANAGER, |host| {
        config(host, "<white_list>10.20.0.0/16</white_list>", "<white_list>2001:db8::/32</white_list>")
    }),
    fault(checks::WHITE_LIST_NEVER_MATCHES, "a blank behind an address", MANAGER, |host| {
        config(host, "<white_list>10.20.0.0/16</white_list>", "<white_list>10.20.0.7 </white_list>")
    }),
    fault(checks::WHITE_LIST_NEVER_MATCHES, "a blank before an address", MANAGER, |host| {
        config(host, "<white_list>10.20.0.0/16</white_list>", "<white_list> 10.20.0.7</white_list>")
    }),
    fault(checks::WHITE_LIST_NEVER_MATCHES, "an asterisk", MANAGER, |host| {
        config(host, "<white_list>10.20.0.0/16</white_list>", "<white_list>192.0.2.*</white_list>")
    }),
    fault(checks::WHITE_LIST_NEVER_MATCHES, "a range", MANAGER, |host| {
        config(host, "<white_list>10.20.0.0/16</white_list>", "<white_list>192.0.2.1-192.0.2.9</white_list>")
    }),
    fault(checks::WHITE_LIST_NEVER_MATCHES, "a list", MANAGER, |host| {
        config(
            host,
            "<white_list>10.20.0.0/16</white_list>",
            "<white_list>10.20.0.0/16, 10.21.0.0/16</white_list>",
        )
    }),
    fault(checks::WHITE_LIST_NEVER_MATCHES, "an IPv6 network", MANAGER_4_2, |host| {
        config(host, "<white_list>10.20.0.0/16</white_list>", "<white_list>2001:db8::/32</white_list>")
    }),
    fault(checks::WHITE_LIST_NEVER_MATCHES, "an asterisk alone", MANAGER, |host| {
        config(host, "<white_list>10.20.0.0/16</white_list>", "<white_list>*</white_list>")
    }),
    fault(checks::WHITE_LIST_NEVER_MATCHES, "an empty text between anchors", MANAGER, |host| {
        config(host, "<white_list>10.20.0.0/16</white_list>", "<white_list>^$</white_list>")
    }),
    fault(checks::WHITE_LIST_NEVER_MATCHES, "a negated address", MANAGER, |host| {
        config(host, "<white_list>10.20.0.0/16</white_list>", "<white_list>!10.20.0.7</white_list>")
    }),
    near(checks::WHITE_LIST_NEVER_MATCHES, "an IPv6 address", MANAGER, |host| {
        config(host, "<white_list>10.20.0.0/16</white_list>", "<white_list>2001:db8::1</white_list>")
    }),
    near(checks::WHITE_LIST_NEVER_MATCHES, "the beginning of IPv6 addresses", MANAGER, |host| {
        config(host, "<white_list>10.20.0.0/16</white_list>", "<white_list>^2001:db8:</white_list>")
    }),
    near(checks::WHITE_LIST_NEVER_MATCHES, "a host name", MANAGER, |host| {
        config(host, "<white_list>10.20.0.0/16</white_list>", "<white_list>scanner-01.example</white_list>")
    }),
    near(checks::WHITE_LIST_NEVER_MATCHES, "the beginning of addresses", MANAGER, |host| {
        config(host, "<white_list>10.20.0.0/16</white_list>", "<white_list>10.20.</white_list>")
    }),
    fault(checks::DISABLED_EXECD_OFF, "an agent's block says yes", AGENT, |host| {
        config(host, "<disabled>no</disabled>", "<disabled>yes</disabled>")
    }),
    fault(checks::DISABLED_EXECD_OFF, "an agent's block says yes", AGENT_4_2, |host| {
        config(host, "<disabled>no</disabled>", "<disabled>yes</disabled>")
    }),
    fault(checks::DISABLED_EXECD_OFF, "yes, and then no in the same block", AGENT, |host| {
        config(host, "<disabled>no</disabled>", "<disabled>yes</disabled><disabled>no</disabled>")
    }),
    fault(checks::DISABLED_EXECD_OFF, "a manager's first block is disabled", MANAGER, |host| {
        config(
            host,
            "<command>firewall-drop</command>",
            "<command>firewall-drop</command><disabled>yes</disabled>",
        )
    }),
    fault(checks::DISABLED_EXECD_OFF, "a manager's first block is disabled", MANAGER_4_2, |host| {
        config(
            host,
            "<command>firewall-drop</command>",
            "<command>firewall-drop</command><disabled>yes</disabled>",
        )
    }),
    fault(checks::DISABLED_EXECD_OFF, "a manager's first block does nothing else", MANAGER, |host| {
        config(
            host,
            "  <!-- Brute force over ssh",
            "  <active-response>\n    <disabled>yes</disabled>\n  </active-response>\n  <!-- Brute force over ssh",
        )
    }),
    near(checks::DISABLED_EXECD_OFF, "a later block of an agent says yes", AGENT, |host| {
        config(
            host,
            "</ossec_config>",
            "  <active-response>\n    <disabled>yes</disabled>\n  </active-response>\n</ossec_config>",
        )
    }),
    near(checks::DISABLED_EXECD_OFF, "the setting stands in a comment", AGENT, |host| {
        config(host, "<disabled>no</disabled>", "<disabled>no</disabled><!-- <disabled>yes</disabled> -->")
    }),
    near(checks::DISABLED_EXECD_OFF, "a block that says no in front", MANAGER, |host| {
        config(
            host,
            "<command>firewall-drop</command>",
            "<command>firewall-drop</command><disabled>no</disabled>",
        )
    }),
    fault(checks::DISABLED_DROPS_QUEUES, "the last block is disabled", MANAGER, |host| {
        config(host, "<timeout>1800</timeout>", "<timeout>1800</timeout><disabled>yes</disabled>")
    }),
    fault(checks::DISABLED_DROPS_QUEUES, "the last block is disabled", MANAGER_4_2, |host| {
        config(host, "<timeout>1800</timeout>", "<timeout>1800</timeout><disabled>yes</disabled>")
    }),
    fault(checks::DISABLED_DROPS_QUEUES, "a disabled block before one for the manager", MANAGER, |host| {
        config(
            host,
            "  <!-- The person on call",
            "  <active-response>\n    <command>firewall-drop</command><location>local</location><disabled>yes</disabled>\n  </active-response>\n  <!-- The person on call",
        )?;
        config(
            host,
            "<command>netsh</command>\n    <location>defined-agent</location>",
            "<command>firewall-drop</command><location>server</location>",
        )
    }),
    near(
        checks::DISABLED_DROPS_QUEUES,
        "a disabled block before one that asks for both queues",
        MANAGER,
        |host| {
            config(
                host,
                "  <!-- Brute force over ssh",
                "  <active-response>\n    <command>firewall-drop</command><location>server</location><level>12</level>\n  </active-response>\n  <active-response>\n    <command>firewall-drop</command><location>local</location><disabled>yes</disabled>\n  </active-response>\n  <!-- Brute force over ssh",
            )
        },
    ),
    fault(checks::DISABLED_INVALID_VALUE, "Yes", AGENT, |host| {
        config(host, "<disabled>no</disabled>", "<disabled>Yes</disabled>")
    }),
    fault(checks::DISABLED_INVALID_VALUE, "Yes", MANAGER, |host| {
        config(
            host,
            "<command>firewall-drop</command>",
            "<command>firewall-drop</command><disabled>Yes</disabled>",
        )
    }),
    fault(checks::DISABLED_INVALID_VALUE, "yes with blanks", AGENT, |host| {
        config(host, "<disabled>no</disabled>", "<disabled> yes </disabled>")
    }),
    fault(checks::DISABLED_INVALID_VALUE, "yes with blanks", MANAGER, |host| {
        config(
            host,
            "<command>firewall-drop</command>",
            "<command>firewall-drop</command><disabled> yes </disabled>",
        )
    }),
    fault(checks::DISABLED_INVALID_VALUE, "nothing", AGENT, |host| {
        config(host, "<disabled>no</disabled>", "<disabled></disabled>")
    }),
    fault(checks::DISABLED_INVALID_VALUE, "nothing", MANAGER, |host| {
        config(
            host,
            "<command>firewall-drop</command>",
            "<command>firewall-drop</command><disabled></disabled>",
        )
    }),
    fault(checks::DISABLED_INVALID_VALUE, "true", AGENT, |host| {
        config(host, "<disabled>no</disabled>", "<disabled>true</disabled>")
    }),
    fault(checks::DISABLED_INVALID_VALUE, "true", MANAGER, |host| {
        config(
            host,
            "<command>firewall-drop</command>",
            "<command>firewall-drop</command><disabled>true</disabled>",
        )
    }),
    fault(checks::DISABLED_INVALID_VALUE, "No", AGENT_4_2, |host| {
        config(host, "<disabled>no</disabled>", "<disabled>No</disabled>")
    }),
    fault(checks::DISABLED_INVALID_VALUE, "true in a later block", MANAGER, |host| {
        config(host, "<level>12</level>", "<level>12</level><disabled>true</disabled>")
    }),
    near(checks::DISABLED_INVALID_VALUE, "a comment inside no", AGENT, |host| {
        config(host, "<disabled>no</disabled>", "<disabled>no<!-- for now --></disabled>")
    }),
    near(
        checks::DISABLED_INVALID_VALUE,
        "true in a later block of an agent, which nobody reads",
        AGENT,
        |host| {
            config(
                host,
                "</ossec_config>",
                "  <active-response>\n    <disabled>true</disabled>\n  </active-response>\n</ossec_config>",
            )
        },
    ),
    fault(checks::MANAGER_CA_VERIFICATION, "an agent's block in a manager's file", MANAGER, |host| {
        config(
            host,
            "  <!-- Brute force over ssh",
            "  <active-response>\n    <disabled>no</disabled><ca_store>etc/wpk_root.pem</ca_store><ca_verification>yes</ca_verification>\n  </active-response>\n  <!-- Brute force over ssh",
        )
    }),
    fault(checks::MANAGER_CA_VERIFICATION, "an agent's block in a manager's file", MANAGER_4_2, |host| {
        config(
            host,
            "  <!-- Brute force over ssh",
            "  <active-response>\n    <disabled>no</disabled><ca_store>etc/wpk_root.pem</ca_store><ca_verification>yes</ca_verification>\n  </active-response>\n  <!-- Brute force over ssh",
        )
    }),
    fault(checks::MANAGER_CA_VERIFICATION, "an agent's block behind the others", MANAGER, |host| {
        config(
            host,
            "</ossec_config>",
            "  <active-response>\n    <disabled>no</disabled><ca_store>etc/wpk_root.pem</ca_store><ca_verification>yes</ca_verification>\n  </active-response>\n</ossec_config>",
        )
    }),
    near(checks::MANAGER_CA_VERIFICATION, "only ca_store", MANAGER, |host| {
        config(
            host,
            "<command>firewall-drop</command>",
            "<command>firewall-drop</command><ca_store>etc/wpk_root.pem</ca_store>",
        )
    }),
    near(checks::MANAGER_CA_VERIFICATION, "the same block in an agent's file", AGENT, |host| {
        config(
            host,
            "<disabled>no</disabled>",
            "<disabled>no</disabled><ca_store>etc/wpk_root.pem</ca_store><ca_verification>yes</ca_verification>",
        )
    }),
    fault(checks::BARE_DISABLED_BLOCK, "nothing but no", MANAGER, |host| {
        config(
            host,
            "  <!-- Brute force over ssh",
            "  <active-response>\n    <disabled>no</disabled>\n  </active-response>\n  <!-- Brute force over ssh",
        )
    }),
    fault(checks::BARE_DISABLED_BLOCK, "nothing but no", MANAGER_4_2, |host| {
        config(
            host,
            "  <!-- Brute force over ssh",
            "  <active-response>\n    <disabled>no</disabled>\n  </active-response>\n  <!-- Brute force over ssh",
        )
    }),
    fault(checks::BARE_DISABLED_BLOCK, "no and ca_store", MANAGER, |host| {
        config(
            host,
            "</ossec_config>",
            "  <active-response>\n    <disabled>no</disabled><ca_store>etc/wpk_root.pem</ca_store>\n  </active-response>\n</ossec_config>",
        )
    }),
    near(checks::BARE_DISABLED_BLOCK, "no beside repeated_offenders", MANAGER, |host| {
        config(host, "<location>local</location>", "<location>server</location>")?;
        config(
            host,
            "  <!-- Brute force over ssh",
            "  <active-response>\n    <disabled>no</disabled><repeated_offenders>30,60,120</repeated_offenders>\n  </active-response>\n  <!-- Brute force over ssh",
        )
    }),
    near(checks::BARE_DISABLED_BLOCK, "no in a full block", MANAGER, |host| {
        config(
            host,
            "<command>firewall-drop</command>",
            "<command>firewall-drop</command><disabled>no</disabled>",
        )
    }),
    near(checks::BARE_DISABLED_BLOCK, "the same block in an agent's file", AGENT, |host| {
        config(
            host,
            "<disabled>no</disabled>\n    <repeated_offenders>30,60,120</repeated_offenders>",
            "<disabled>no</disabled>",
        )
    }),
    fault(checks::CLIENT_ADDRESS_INVALID, "MANAGER_IP", AGENT, |host| {
        config(host, "<address>10.20.0.5</address>", "<address>MANAGER_IP</address>")
    }),
    fault(checks::CLIENT_ADDRESS_INVALID, "MANAGER_IP", AGENT_4_2, |host| {
        config(host, "<address>10.20.0.5</address>", "<address>MANAGER_IP</address>")
    }),
    fault(checks::CLIENT_ADDRESS_INVALID, "0.0.0.0", AGENT, |host| {
        config(host, "<address>10.20.0.5</address>", "<address>0.0.0.0</address>")
    }),
    fault(checks::CLIENT_ADDRESS_INVALID, "an empty address", AGENT, |host| {
        config(host, "<address>10.20.0.5</address>", "<address></address>")
    }),
    fault(checks::CLIENT_ADDRESS_INVALID, "a server without address", AGENT, |host| {
        config(host, "<address>10.20.0.5</address>", "")
    }),
    fault(checks::CLIENT_ADDRESS_INVALID, "no client", AGENT, no_client),
    fault(checks::CLIENT_ADDRESS_INVALID, "an IPv6 link-local address without interface", AGENT, |host| {
        config(host, "<address>10.20.0.5</address>", "<address>fe80::1</address>")
    }),
    near(checks::CLIENT_ADDRESS_INVALID, "a host name", AGENT, |host| {
        config(host, "<address>10.20.0.5</address>", "<address>manager.example</address>")
    }),
    near(checks::CLIENT_ADDRESS_INVALID, "an IPv6 address", AGENT, |host| {
        config(host, "<address>10.20.0.5</address>", "<address>2001:db8::5</address>")
    }),
    near(checks::CLIENT_ADDRESS_INVALID, "a placeholder beside a real address", AGENT, |host| {
        config(host, "<server>", "<server>\n      <address>MANAGER_IP</address>\n    </server>\n    <server>")
    }),
    fault(checks::NO_SECURE_REMOTE, "no remote", MANAGER, |host| {
        config(
            host,
            "  <remote>\n    <connection>secure</connection>\n    <port>1514</port>\n    <protocol>tcp</protocol>\n  </remote>\n",
            "",
        )
    }),
    fault(checks::NO_SECURE_REMOTE, "no remote", MANAGER_4_2, |host| {
        config(
            host,
            "  <remote>\n    <connection>secure</connection>\n    <port>1514</port>\n    <protocol>tcp</protocol>\n  </remote>\n",
            "",
        )
    }),
    fault(checks::NO_SECURE_REMOTE, "only syslog", MANAGER, |host| {
        config(
            host,
            "  <remote>\n    <connection>secure</connection>\n    <port>1514</port>\n    <protocol>tcp</protocol>\n  </remote>\n",
            "  <remote>\n    <connection>syslog</connection>\n    <port>514</port>\n    <protocol>udp</protocol>\n    <allowed-ips>10.20.0.0/16</allowed-ips>\n  </remote>\n",
        )
    }),
    fault(checks::NO_SECURE_REMOTE, "no remote, and every response runs on the manager", MANAGER, |host| {
        all_on_the_manager(host)?;
        config(host, REMOTE, "")
    }),
    near(
        checks::NO_SECURE_REMOTE,
        "no remote before 4.7, and every response runs on the manager",
        MANAGER_4_2,
        |host| {
            all_on_the_manager(host)?;
            config(host, REMOTE, "")
        },
    ),
    near(checks::NO_SECURE_REMOTE, "syslog beside agents", MANAGER, |host| {
        config(
            host,
            "  <remote>\n    <connection>secure</connection>\n    <port>1514</port>\n    <protocol>tcp</protocol>\n  </remote>\n",
            "  <remote>\n    <connection>syslog</connection>\n    <port>514</port>\n    <protocol>udp</protocol>\n    <allowed-ips>10.20.0.0/16</allowed-ips>\n  </remote>\n  <remote>\n    <connection>secure</connection>\n    <port>1514</port>\n    <protocol>tcp</protocol>\n  </remote>\n",
        )
    }),
    near(checks::NO_SECURE_REMOTE, "only agents, in another root", MANAGER, |host| {
        config(
            host,
            "  <remote>\n    <connection>secure</connection>\n    <port>1514</port>\n    <protocol>tcp</protocol>\n  </remote>\n",
            "",
        )?;
        config(
            host,
            "</ossec_config>",
            "</ossec_config>\n<ossec_config>\n  <remote>\n    <connection>secure</connection>\n    <port>1514</port>\n    <protocol>tcp</protocol>\n  </remote>\n</ossec_config>",
        )
    }),
    fault(checks::CLIENT_DISABLES_RESPONSES, "yes, which counts up to 4.13", AGENT_4_9, |host| {
        config(
            host,
            "<notify_time>",
            "<disable-active-response>yes</disable-active-response>\n    <notify_time>",
        )
    }),
    fault(checks::CLIENT_DISABLES_RESPONSES, "yes, which counts up to 4.13", AGENT_4_2, |host| {
        config(
            host,
            "<notify_time>",
            "<disable-active-response>yes</disable-active-response>\n    <notify_time>",
        )
    }),
    fault(checks::CLIENT_DISABLES_RESPONSES, "yes, which does nothing since 4.14", AGENT, |host| {
        config(
            host,
            "<notify_time>",
            "<disable-active-response>yes</disable-active-response>\n    <notify_time>",
        )
    }),
    near(checks::CLIENT_DISABLES_RESPONSES, "no", AGENT_4_9, |host| {
        config(
            host,
            "<notify_time>",
            "<disable-active-response>no</disable-active-response>\n    <notify_time>",
        )
    }),
    fault(checks::RESPONSE_DISABLED, "a block between others that ask for all queues", MANAGER, |host| {
        config(
            host,
            "  <!-- Brute force over ssh",
            "  <active-response>\n    <command>firewall-drop</command><location>server</location><level>12</level>\n  </active-response>\n  <active-response>\n    <command>firewall-drop</command><location>local</location><rules_id>5712, 5763</rules_id><disabled>yes</disabled>\n  </active-response>\n  <!-- Brute force over ssh",
        )
    }),
    fault(checks::RESPONSE_DISABLED, "a block between others that ask for all queues", MANAGER_4_2, |host| {
        config(
            host,
            "  <!-- Brute force over ssh",
            "  <active-response>\n    <command>firewall-drop</command><location>server</location><level>12</level>\n  </active-response>\n  <active-response>\n    <command>firewall-drop</command><location>local</location><rules_id>5712, 5763</rules_id><disabled>yes</disabled>\n  </active-response>\n  <!-- Brute force over ssh",
        )
    }),
    near(checks::RESPONSE_DISABLED, "no in a block", MANAGER, |host| {
        config(host, "<level>12</level>", "<level>12</level><disabled>no</disabled>")
    }),
    near(checks::RESPONSE_DISABLED, "a carrier of a setting that says yes", MANAGER, |host| {
        config(
            host,
            "  <!-- Brute force over ssh",
            "  <active-response>\n    <command>firewall-drop</command><location>server</location><level>12</level>\n  </active-response>\n  <active-response>\n    <disabled>yes</disabled>\n  </active-response>\n  <!-- Brute force over ssh",
        )
    }),
    fault(checks::BLOCKS_OF_4X_ON_5X, "a command in an agent's file", AGENT_5, |host| {
        config(
            host,
            "</ossec_config>",
            "  <command>\n    <name>quarantine</name>\n    <executable>quarantine.sh</executable>\n  </command>\n</ossec_config>",
        )
    }),
    fault(checks::BLOCKS_OF_4X_ON_5X, "a response in an agent's file", AGENT_5, |host| {
        config(
            host,
            "</ossec_config>",
            "  <active-response>\n    <command>quarantine</command><location>local</location><rules_id>5712, 5763</rules_id>\n  </active-response>\n</ossec_config>",
        )
    }),
    fault(checks::BLOCKS_OF_4X_ON_5X, "a command and a response in an agent's file", AGENT_5, |host| {
        config(
            host,
            "</ossec_config>",
            "  <command>\n    <name>quarantine</name>\n    <executable>quarantine.sh</executable>\n  </command>\n  <active-response>\n    <command>quarantine</command><location>local</location><rules_id>5712, 5763</rules_id>\n  </active-response>\n</ossec_config>",
        )
    }),
    fault(checks::BLOCKS_OF_4X_ON_5X, "a command in the manager's file", MANAGER_5, |host| {
        replace(
            host,
            "/var/wazuh-manager/etc/wazuh-manager.conf",
            "</wazuh_config>",
            "  <command>\n    <name>quarantine</name>\n    <executable>quarantine.sh</executable>\n  </command>\n</wazuh_config>",
        )
    }),
    fault(checks::BLOCKS_OF_4X_ON_5X, "a response in the manager's file", MANAGER_5, |host| {
        replace(
            host,
            "/var/wazuh-manager/etc/wazuh-manager.conf",
            "</wazuh_config>",
            "  <active-response>\n    <command>quarantine</command><location>local</location><rules_id>5712, 5763</rules_id>\n  </active-response>\n</wazuh_config>",
        )
    }),
    near(checks::BLOCKS_OF_4X_ON_5X, "repeated offenders of an agent", AGENT_5, |host| {
        config(
            host,
            "<disabled>no</disabled>",
            "<disabled>no</disabled>\n    <repeated_offenders>30,60</repeated_offenders>",
        )
    }),
    near(checks::BLOCKS_OF_4X_ON_5X, "a command that logcollector runs", AGENT_5, |host| {
        config(
            host,
            "</ossec_config>",
            "  <localfile>\n    <log_format>command</log_format>\n    <command>df -P</command>\n  </localfile>\n</ossec_config>",
        )
    }),
    near(checks::BLOCKS_OF_4X_ON_5X, "a response in a comment", MANAGER_5, |host| {
        replace(
            host,
            "/var/wazuh-manager/etc/wazuh-manager.conf",
            "</wazuh_config>",
            "<!--\n  <active-response>\n    <command>quarantine</command><location>local</location>\n  </active-response>\n-->\n</wazuh_config>",
        )
    }),
    fault(checks::DISABLED_EXECD_OFF, "an agent's block says yes", AGENT_5, |host| {
        config(host, "<disabled>no</disabled>", "<disabled>yes</disabled>")
    }),
    fault(checks::DISABLED_INVALID_VALUE, "true", AGENT_5, |host| {
        config(host, "<disabled>no</disabled>", "<disabled>true</disabled>")
    }),
    fault(checks::REPEATED_OFFENDERS_INVALID, "no number", AGENT_5, |host| {
        config(
            host,
            "<disabled>no</disabled>",
            "<disabled>no</disabled><repeated_offenders>abc</repeated_offenders>",
        )
    }),
    fault(checks::CONFIG_XML_ERROR, "a tag is not closed", AGENT_5, |host| {
        config(host, "<disabled>no</disabled>", "<disabled>no")
    }),
    fault(checks::CONFIG_MISSING, "the manager's file is gone", MANAGER_5, |host| {
        host.remove("/var/wazuh-manager/etc/wazuh-manager.conf").map(drop)
    }),
    fault(checks::CONFIG_WRONG_ROOT, "the root of 4.x", MANAGER_5, |host| {
        replace(host, "/var/wazuh-manager/etc/wazuh-manager.conf", "<wazuh_config>", "<ossec_config>")?;
        replace(host, "/var/wazuh-manager/etc/wazuh-manager.conf", "</wazuh_config>", "</ossec_config>")
    }),
    fault(checks::CONFIG_UNKNOWN_ELEMENT, "a section 5.x dropped", MANAGER_5, |host| {
        replace(
            host,
            "/var/wazuh-manager/etc/wazuh-manager.conf",
            "</wazuh_config>",
            "  <ruleset>\n    <rule_dir>etc/rules</rule_dir>\n  </ruleset>\n</wazuh_config>",
        )
    }),
    // Faults in the very block another check looks at: one fault, one entry.
    fault(checks::CONFIG_BAD_VALUE, "the only <remote> has a connection that is none", MANAGER, |host| {
        config(host, "<connection>secure</connection>", "<connection>sec</connection>")
    }),
    fault(checks::CONFIG_MISSING_OPTION, "the only <remote> has no connection", MANAGER, |host| {
        config(host, "<connection>secure</connection>", "")
    }),
    fault(
        checks::CONFIG_UNKNOWN_ELEMENT,
        "the connection of the only <remote> is misspelt",
        MANAGER,
        |host| config(host, "<connection>secure</connection>", "<conection>secure</conection>"),
    ),
    fault(checks::CONFIG_EMPTY_BLOCK, "the only <remote> is empty", MANAGER, |host| {
        config(
            host,
            "  <remote>\n    <connection>secure</connection>\n    <port>1514</port>\n    <protocol>tcp</protocol>\n  </remote>",
            "  <remote></remote>",
        )
    }),
    fault(checks::CONFIG_EMPTY_BLOCK, "the command of a response is empty", MANAGER, |host| {
        config(
            host,
            "  <command>\n    <name>notify-oncall</name>\n    <executable>notify-oncall.sh</executable>\n  </command>",
            "  <command></command>",
        )
    }),
    fault(checks::CONFIG_MISSING_OPTION, "the command of a response has no name", MANAGER, |host| {
        config(host, "    <name>notify-oncall</name>\n", "")
    }),
    fault(checks::CONFIG_UNKNOWN_ELEMENT, "the manager's address is in a misspelt element", AGENT, |host| {
        config(host, "<address>10.20.0.5</address>", "<adress>10.20.0.5</adress>")
    }),
    fault(
        checks::CONFIG_BAD_VALUE,
        "the log of responses is collected in a format that is none",
        AGENT,
        |host| config(host, "<log_format>syslog</log_format>", "<log_format>Syslog</log_format>"),
    ),
    fault(checks::CONFIG_EMPTY_BLOCK, "the only <localfile> of a manager is empty", MANAGER, |host| {
        config(
            host,
            "  <localfile>\n    <log_format>syslog</log_format>\n    <location>/var/ossec/logs/active-responses.log</location>\n  </localfile>",
            "  <localfile></localfile>",
        )
    }),
];
