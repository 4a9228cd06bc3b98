//! Words that every capture and every report is made of, and that no secret takes out of them.
//!
//! Whoever logs in as `password=wazuh-execd` would else hide the daemon's name everywhere, and a
//! capture would show a host on which it does not run.

use std::sync::LazyLock;

use crate::findings::CheckId;

/// Names of fields and values in `host.json`, in the reports and in what stands beside them, of
/// daemons, files and directories of Wazuh. A word that is a part of one is one, too.
const FIXED: &str = "\
aborted|abstract_name|absent|access_key|active-response|advice|agent-key|alerts|ambient|answer|api-key|ar-doctor|as_root|\
attributes|attributes_gap|authorization-header|available|base64|baseline|birth_gap|block_size|blocked|blocks|blocks_available|\
blocks_free|boot_time|bounding|capabilities|capture|captured|cgroup|changed_while_read|checks|cloud-key|cluster-key|column|command|\
complete|confidence|config|confirmed|connected|connecting|connection-string|contract|credentials|datagram|default_acl|\
default_mtime|defaults|definition_sha256|deleted|deliver|denied|descriptors|detail|dir_mode|disabled|disconnecting|disordered|\
dispatch|effect|effective|effective_group|effective_user|elf_gap|enrollment-password|entries|errors|evidence|examined|excerpt|\
executable|executables|expected|expires|explained_by|explains|failed|feedback|file_size|files|filter|findings|fingerprint|foreign|\
format|fstype|groups|headline|here-and-there|home_named_by|hook-url|host.json|hostname|immutable|append_only|in_force|\
in_force_until|in_part|incomplete|inodes|inodes_free|interpreter|json-web-token|last_stage|launch|ledger.json|left_out|\
left_out_bytes|likely|limits|listening|long_lines|machine|made_at|made_by|manager|manifest.json|mounts|namespaces|needed|\
no-fault|no_new_privs|not-applicable|not-collected|not-meant|not_back|not_collected|not_reverted|nowhere|observation|observed|\
opaque|open_files|open_ms|options|other-system|other_namespaces|other_xattrs|outcome|packed|parent|password|password-hash|\
path_gap|pending|permitted|pieces|possible|present|private-key|probes_ms|process_defaults|processes|proven|read_denied|\
read_failed|read_not_collected|read_only|reader|reader_uid|reason|redacted|remedy|report.json|resolve|response|responses|revert|\
runpath|schema_version|seccomp|security.capability|selinux|seqpacket|service-token|severity|sha256|since_baseline|\
snmp-community|socket|source|space_gaps|stages|static|stopped|stream|strict|subject|summary|super_options|suppressed|\
suppressions|system|target|threads|ticket.md|timeline|timeout|timestamp|timings|total_ms|trigger|truncated|unanswered|unconnected|\
unexpected|unix_sockets|unknown|variable|verdict|verify|version|version_note|warning|warnings|wazuh_version|worker|xattr_gaps|\
xattrs|x86_64|aarch64|system_u:object_r|system.posix_acl_access|system.posix_acl_default|unconfined|localhost|\
wazuh-agentd|wazuh-agentlessd|wazuh-analysisd|wazuh-apid|wazuh-authd|wazuh-clusterd|wazuh-control|wazuh-csyslogd|wazuh-db|\
wazuh-dbd|wazuh-execd|wazuh-integratord|wazuh-logcollector|wazuh-logtest|wazuh-logtest-legacy|wazuh-maild|wazuh-modulesd|\
wazuh-monitord|wazuh-regex|wazuh-remoted|wazuh-reportd|wazuh-syscheckd|wazuh-agent.service|wazuh-manager.service|\
wazuh-local|wazuh-manager-analysisd|wazuh-manager-remoted|wazuh-manager-modulesd|wazuh-indexer|wazuh-dashboard|wazuh-server|\
ossec-agentd|ossec-analysisd|ossec-authd|ossec-control|ossec-execd|ossec-logcollector|ossec-maild|ossec-monitord|\
ossec-remoted|ossec-syscheckd|ossec.conf|ossec.log|ossec.json|ossec-init.conf|ossec-hids|\
/var/ossec/bin/agent_control|/var/ossec/bin/manage_agents|/var/ossec/bin/cluster_control|/var/ossec/bin/agent_groups|\
/var/ossec/bin/verify-agent-conf|/var/ossec/active-response/bin/|/var/ossec/agentless/|/var/ossec/api/configuration/api.yaml|\
/var/ossec/etc/ossec.conf|/var/ossec/etc/client.keys|/var/ossec/etc/authd.pass|/var/ossec/etc/internal_options.conf|\
/var/ossec/etc/local_internal_options.conf|/var/ossec/etc/shared/ar.conf|/var/ossec/etc/shared/default/agent.conf|\
/var/ossec/etc/shared/merged.mg|/var/ossec/etc/rules/local_rules.xml|/var/ossec/etc/decoders/local_decoder.xml|\
/var/ossec/etc/lists/audit-keys|/var/ossec/etc/lists/amazon|/var/ossec/etc/lists/security-eventchannel|/var/ossec/framework|\
/var/ossec/integrations/|/var/ossec/logs/ossec.log|/var/ossec/logs/active-responses.log|/var/ossec/logs/alerts/alerts.json|\
/var/ossec/logs/alerts/alerts.log|/var/ossec/logs/archives/archives.json|/var/ossec/logs/archives/archives.log|\
/var/ossec/logs/integrations.log|/var/ossec/logs/cluster.log|/var/ossec/logs/api.log|/var/ossec/logs/firewall/firewall.log|\
/var/ossec/queue/alerts/ar|/var/ossec/queue/alerts/cfgaq|/var/ossec/queue/alerts/execq|/var/ossec/queue/alerts/execa|\
/var/ossec/queue/sockets/queue|/var/ossec/queue/sockets/remote|/var/ossec/queue/sockets/control|/var/ossec/queue/db/wdb|\
/var/ossec/queue/db/global.db|/var/ossec/queue/rids/|/var/ossec/ruleset/rules/|/var/ossec/ruleset/decoders/|\
/var/ossec/ruleset/sca/|/var/ossec/stats/|/var/ossec/tmp/|/var/ossec/var/run/|/var/ossec/var/upgrade/|/var/ossec/wodles/|\
/var/ossec/lib/|/var/ossec/VERSION.json|/var/ossec/.ssh|/var/wazuh-manager/|/etc/ossec-init.conf|/etc/hosts.deny|\
/etc/hosts.allow|/etc/passwd|/etc/shadow|/var/log/auth.log|/var/log/syslog|/var/log/secure|/var/log/messages|\
/var/log/audit/audit.log|/usr/sbin/iptables|/usr/sbin/ip6tables|/usr/bin/python3|/bin/bash|/usr/bin/env|/usr/lib/systemd|\
/etc/systemd/system/|/lib/dpkg/status|/lib/dpkg/info|\
firewall-drop|firewalld-drop|firewall-cmd|disable-account|host-deny|ip-customblock|restart.sh|restart-wazuh|restart-ossec|\
route-null|netsh.exe|restart-wazuh.exe|default-firewall-drop|wazuh-slack|wazuh-tcp|kaspersky|kaspersky.py|npf.sh|ipfw|iptables|ip6tables|nftables|\
parameters|extra_args|check_keys|continue|program|full_log|location|decoder|srcip|srcuser|dstuser|rules_id|rules_group|\
agent_id|level|command|white_list|ossec_config|agent_config|localfile|log_format|syscheck|rootcheck|vulnerability-detection|\
active_response|authorization_pass";

/// No word has more bytes.
const LONGEST: usize = 48;

/// All words, those of the catalogue too, in lower case.
static WORDS: LazyLock<String> = LazyLock::new(|| {
    let slugs = CheckId::all().map(|check| check.check().slug);
    std::iter::once(FIXED).chain(slugs).collect::<Vec<_>>().join("|").to_ascii_lowercase()
});

/// Whether a text is a word, or a part of one, that stays wherever it stands.
pub(super) fn is_fixed(text: &[u8]) -> bool {
    // A bar parts the words.
    if text.len() > LONGEST || text.contains(&b'|') {
        return false;
    }
    let lower = text.to_ascii_lowercase();
    is_date(&lower) || memchr::memmem::find(WORDS.as_bytes(), &lower).is_some()
}

/// `2026-11-20`, `2026/11/20 14:06:00`, `2026-11-20t14:06:00.000z`, and the beginnings of them.
fn is_date(text: &[u8]) -> bool {
    let digits = |range: std::ops::Range<usize>| {
        text.get(range).is_some_and(|part| part.iter().all(u8::is_ascii_digit))
    };
    let is_part = |byte: &u8| byte.is_ascii_digit() || b"-/:.+ tz".contains(byte);
    digits(0..4) && matches!(text.get(4), Some(b'-' | b'/')) && digits(5..6) && text.iter().all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_words_stay_and_nothing_else() {
        for word in [
            "wazuh-execd",
            "analysisd",
            "var/ossec",
            "Processes",
            "2026-11-20",
            "2026-11-20T14:06:00.000000+00:00",
        ] {
            assert!(is_fixed(word.as_bytes()), "{word}");
        }
        assert!(WORDS.split('|').all(|word| word.len() <= LONGEST));
        for check in CheckId::all() {
            assert!(is_fixed(check.check().slug.as_bytes()), "{check}");
        }
        for word in [
            "wazuh-execd|x",
            "execd|wazuh",
            "5w0rdf1sh",
            "2026-11-2x",
            "20261120",
            "Zx81kQpL0vTnE4sWbR7u",
            "wazuh-execd1",
        ] {
            assert!(!is_fixed(word.as_bytes()), "{word}");
        }
    }
}
