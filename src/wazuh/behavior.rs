//! One row per difference between Wazuh versions.
//!
//! The code asks a row instead of comparing version numbers, so every difference has one
//! place with its dates and its source. Dates come from the tags of wazuh/wazuh.

use super::version::{NEWEST_4, Version};

/// Something Wazuh does in some versions and not in others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Behavior {
    /// Short name, kebab-case, never reused.
    pub id: &'static str,
    /// First version that has it; none means older than 4.0.
    pub since: Option<Version>,
    /// Last version that has it; none means still there.
    pub until: Option<Version>,
    /// What happens, as one sentence.
    pub what: &'static str,
    /// Where that is written.
    pub source: &'static str,
}

impl Behavior {
    /// True when this version has it. An unknown version counts as the newest known 4.x.
    pub const fn holds(&self, version: Option<Version>) -> bool {
        let version = match version {
            Some(version) => version,
            None => NEWEST_4,
        };
        if let Some(since) = self.since
            && !version.at_least(since)
        {
            return false;
        }
        if let Some(until) = self.until
            && !until.at_least(version)
        {
            return false;
        }
        true
    }
}

macro_rules! rows {
    ($($(#[$doc:meta])* $name:ident = $id:literal, $since:expr, $until:expr, $what:literal, $source:literal;)*) => {
        $(
            #[doc = concat!("The row `", $id, "`; [`Behavior::what`] says what it is about.")]
            pub const $name: Behavior = Behavior {
                id: $id,
                since: $since,
                until: $until,
                what: $what,
                source: $source,
            };
        )*
        /// Every row.
        pub const ALL: &[&Behavior] = &[$(&$name),*];
    };
}

const fn v(major: u16, minor: u16, patch: u16) -> Option<Version> {
    Some(Version::new(major, minor, patch))
}

/// The last 4.x there can be.
const LAST_4: Option<Version> = v(4, u16::MAX, u16::MAX);

rows! {
    MESSAGE_ESCAPED = "message-escaped", v(4, 2, 5), None,
        "Agents of 4.2.0 to 4.2.4 get the message with `!`, `$`, `'` and the backquote escaped.",
        "src/analysisd/alerts/exec.c OS_Exec, 4.2.5; CHANGELOG v4.2.5 #10809";
    JSON_CONTRACT = "json-contract", v(4, 2, 0), None,
        "execd writes one JSON line to the script's stdin instead of passing arguments.",
        "src/os_execd/execd.c ExecdRun, 4.2.0; CHANGELOG v4.2.0 #7317";
    DAEMONS_RENAMED = "daemons-renamed", v(4, 2, 0), None,
        "The daemons are called wazuh-* instead of ossec-*.",
        "src/init/wazuh-client.sh, 4.2.0";
    RELATIVE_PATHS = "relative-paths", v(4, 2, 0), None,
        "Messages name files relative to the home directory.",
        "src/headers/defs.h, 4.2.0";
    GROUP_WAZUH = "group-wazuh", v(4, 3, 0), None,
        "User and group are wazuh instead of ossec.",
        "src/headers/defs.h USER GROUPGLOBAL, 4.3.0";
    EXPECT_IGNORED = "expect-ignored", v(4, 2, 0), None,
        "<expect> has no effect; before, a response was skipped when the event lacked the field it names.",
        "src/config/active-response.c ReadActiveCommands, 4.1.5 and 4.2.0";
    RESTART_WAZUH_LINES = "restart-wazuh-lines", v(4, 2, 0), LAST_4,
        "analysisd starts ar.conf with six lines of its own, before with two.",
        "src/analysisd/active-response.c AR_ReadConfig, 4.1.5 and 4.2.0";
    AGENT_ID_ZERO_WARNS = "agent-id-zero-warns", v(4, 3, 0), LAST_4,
        "defined-agent with an agent_id that reads as 0 drops the block with 1306; before, the block was accepted and analysisd crashed.",
        "src/config/active-response.c ReadActiveResponses, 4.3.0; CHANGELOG v4.3.0 #10948";
    EMPTY_IS_MISSING = "empty-is-missing", v(4, 4, 0), LAST_4,
        "An empty <command> or <location> in a response block counts as missing (1281).",
        "src/config/active-response.c ReadActiveResponses, 4.3.11 and 4.4.0";
    AR_TABLE_CHECKED = "ar-table-checked", v(4, 14, 9), LAST_4,
        "More than 64 commands are warned about (1307) and cut off by execd (1319); before, execd wrote past its table.",
        "src/os_execd/exec.c ReadExecConfig, src/analysisd/active-response.c, 4.14.7 and branch 4.14.9; CHANGELOG v4.14.9 #38410";
    NAME_TRUNCATED_1318 = "name-truncated-1318", v(4, 4, 0), LAST_4,
        "execd reports a command name longer than 256 bytes (1318); before, it cut it silently.",
        "src/os_execd/exec.c ReadExecConfig, 4.3.11 and 4.4.0";
    TRAVERSAL_SPELLING = "traversal-spelling", v(4, 3, 8), None,
        "The message about '..' says traversal; before, transversal.",
        "src/os_execd/exec.c ReadExecConfig, 4.3.7 and 4.3.8";
    BANG_TRAVERSAL_FIXED = "bang-traversal-fixed", v(4, 3, 8), None,
        "A !script name with '..' is refused.",
        "src/os_execd/exec.c GetCommandbyName, 4.3.8; CHANGELOG #14801";
    DISABLE_AR_IGNORED_ON_UNIX = "disable-ar-ignored-on-unix", v(4, 14, 0), None,
        "<client><disable-active-response>yes has no effect: agentd connects to execd whenever it has no connection.",
        "src/client-agent/agentd.c AgentdStart, 4.13.1 and 4.14.0";
    AGENTD_RETRIES_EXECD = "agentd-retries-execd", v(4, 14, 0), None,
        "agentd tries again to connect to execd; before, once at start.",
        "src/client-agent/agentd.c AgentdStart, 4.13.1 and 4.14.0";
    AGENTD_ERRORS_DEBUG = "agentd-errors-debug", v(4, 14, 1), None,
        "agentd reports trouble with execd only at debug level.",
        "src/client-agent/receiver.c; CHANGELOG v4.14.2 #33343";
    AGENT_RELOADS = "agent-reloads", v(4, 14, 0), None,
        "A changed shared configuration reloads the agent; before, it restarted it.",
        "src/client-agent/receiver.c, 4.14.0";
    CA_IN_AGENT_UPGRADE = "ca-in-agent-upgrade", v(4, 1, 0), LAST_4,
        "The CA settings belong to <agent-upgrade>; modulesd still reads the old place.",
        "src/config/wmodules-agent-upgrade.c, 4.1; CHANGELOG v4.1.0 #5929";
    KEY_TRUNCATION = "key-truncation", v(4, 14, 3), None,
        "execd cuts a key longer than 4096 bytes with a warning.",
        "src/os_execd/execd.c; CHANGELOG v4.14.3 #33665";
    CJSON_1_7_18 = "cjson-1-7-18", v(4, 13, 0), None,
        "The bundled cJSON is 1.7.18, before 1.7.12: -0 is printed as 0, and 15 digits do when they are nearly the number.",
        "README.md, 4.12.0 and 4.13.0; cJSON.c print_number, 1.7.12 and 1.7.18";
    AR_QUEUE_TIMEOUT = "ar-queue-timeout", v(4, 14, 8), LAST_4,
        "analysisd gives up on a full queue after one second; before, it could stop for good.",
        "src/analysisd/alerts/exec.c; CHANGELOG v4.14.8 #37764";
    VERSION_JSON = "version-json", v(4, 12, 0), None,
        "The home directory holds VERSION.json.",
        "CHANGELOG v4.12.0";
    HOT_RELOAD = "hot-reload", v(4, 13, 0), LAST_4,
        "The ruleset can be reloaded without a restart; responses are not read again.",
        "src/analysisd/analysisd.c w_hotreload_*, 4.13.0";
    LOGGER_EXITS_WITH_ERROR = "logger-exits-with-error", v(4, 6, 0), None,
        "A daemon that cannot read the logging settings, and execd, logcollector and agentd on a bad configuration, exit with ERROR; before, with CRITICAL.",
        "src/shared/debug_op.c os_logging_config, src/os_execd/main.c, src/client-agent/main.c, 4.5.4 and 4.6.0";
    SYSCHECK_WARNS = "syscheck-warns", v(4, 6, 0), None,
        "syscheckd reports a bad configuration as a warning; before, as an error. It runs on with the module off either way.",
        "src/syscheckd/src/main.c, src/config/config.c PrintErrorAcordingToModules, 4.5.4 and 4.6.0";
    CLIENT_BLOCKS_ADD_UP = "client-blocks-add-up", v(4, 4, 0), LAST_4,
        "The servers of several <client> blocks add up; before, the last block replaced the others.",
        "src/config/client-config.c Read_Client, 4.3.11 and 4.4.0";
    LINK_LOCAL_CHECKED = "link-local-checked", v(4, 4, 0), LAST_4,
        "agentd refuses to start when every server is an IPv6 link-local address without interface (4114).",
        "src/config/client-config.c Validate_IPv6_Link_Local_Interface, 4.4.0";
    CLIENT_LOCAL_IP_IGNORED = "client-local-ip-ignored", v(4, 6, 0), LAST_4,
        "<client><local_ip> has no effect and is not checked; before, it had to be an address.",
        "src/config/client-config.c Read_Client, 4.5.4 and 4.6.0";
    REMOTED_NEEDS_CONNECTION = "remoted-needs-connection", v(4, 7, 0), LAST_4,
        "remoted fails without a <remote> block; before, it left quietly.",
        "src/remoted/main.c, 4.6.0 and 4.7.0";
    DB_READS_CONFIG = "db-reads-config", v(4, 4, 0), None,
        "wazuh-db reads ossec.conf and refuses to start when it is wrong.",
        "src/wazuh_db/main.c, 4.3.11 and 4.4.0";
    RULE_FAULTS_ARE_WARNINGS = "rule-faults-are-warnings", v(4, 3, 0), LAST_4,
        "A rule whose number is taken, whose parents are not loaded, or whose list is not loaded is left out with a warning (7605 to 7620); before, analysisd exited.",
        "src/analysisd/rules.c Rules_OP_ReadRules, src/analysisd/rules_list.c OS_AddChild, 4.2.7 and 4.3.0";
    PARTIAL_IF_SID = "partial-if-sid", v(4, 3, 8), LAST_4,
        "A rule of which only some parents in <if_sid> are loaded hangs below those (7617); before, it was left out (7606).",
        "src/analysisd/rules_list.c OS_AddChild, 4.3.7 and 4.3.8";
    IF_SID_CHECKED = "if-sid-checked", v(4, 3, 8), LAST_4,
        "An <if_sid> that holds something else than digits, commas and blanks costs the rule at once (7618); before, only when the reading got there (7607).",
        "src/analysisd/rules.c Rules_OP_ReadRules, 4.3.7 and 4.3.8";
    OVERWRITE_WITH_PARENTS_REFUSED = "overwrite-with-parents-refused", v(4, 3, 0), v(4, 3, 0),
        "An overwrite that has <if_sid>, <if_group> or <if_level> is left out as a whole (7605).",
        "src/analysisd/rules.c Rules_OP_ReadRules, 4.3.0";
    OVERWRITE_SAYS_KEPT = "overwrite-says-kept", v(4, 3, 1), LAST_4,
        "An overwrite that names other parents leaves them as they were and says so (7605); before 4.3.0 it did so without a word.",
        "src/analysisd/rules_list.c OS_AddRuleInfo, 4.2.7 and 4.3.1";
    RULE_GROUP_LINE_ENDS = "rule-group-line-ends", v(4, 14, 0), LAST_4,
        "Line ends are taken out of a rule's <group>; before, they were part of the text <rules_group> is searched in.",
        "src/analysisd/rules.c Rules_OP_ReadRules, 4.13.1 and 4.14.0";
    COMMAND_SECTION_REMOVED = "command-section-removed", v(5, 0, 0), None,
        "A top-level <command> stops every daemon (1230); <active-response> is only read by the agent's execd.",
        "src/config/src/config.c read_main_elements, 5.0.0-beta4";
    WHITE_LIST_REMOVED = "white-list-removed", v(5, 0, 0), None,
        "There is no white list: <global><white_list> is refused (1230) and every address can be blocked.",
        "src/config/src/global-config.c Read_Global, 5.0.0-beta4";
    AR_CONF_REMOVED = "ar-conf-removed", v(5, 0, 0), None,
        "There is no ar.conf: a message names the executable.",
        "src/os_execd/src/execd.c, 5.0.0-beta4";
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn ids_are_unique_and_rows_are_complete() {
        let ids: BTreeSet<_> = ALL.iter().map(|row| row.id).collect();
        assert_eq!(ids.len(), ALL.len());
        for row in ALL {
            assert!(row.what.ends_with('.'), "{}", row.id);
            assert!(row.source.contains("4.") || row.source.contains("5."), "{}", row.id);
            assert!(row.since.is_some() || row.until.is_some(), "{}", row.id);
            if let (Some(since), Some(until)) = (row.since, row.until) {
                assert!(since <= until);
            }
        }
    }

    #[test]
    fn rows_hold_between_their_dates() {
        let at = |a, b, c| Some(Version::new(a, b, c));
        assert!(!AGENT_ID_ZERO_WARNS.holds(at(4, 2, 7)));
        assert!(AGENT_ID_ZERO_WARNS.holds(at(4, 3, 0)));
        assert!(!AGENT_ID_ZERO_WARNS.holds(at(5, 0, 0)));
        assert!(AR_TABLE_CHECKED.holds(None));
        assert!(!AR_TABLE_CHECKED.holds(at(4, 14, 7)));
        assert!(!COMMAND_SECTION_REMOVED.holds(None));
        assert!(COMMAND_SECTION_REMOVED.holds(at(5, 0, 0)));
        assert!(RESTART_WAZUH_LINES.holds(at(4, 99, 0)));
    }
}
