//! SELinux and AppArmor: what is not seen is unknown and never "no denial", and each cause has its
//! own remedy. From the kernel's and auditd's own formats, as this machine enforces neither.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "a test fails by panicking")]

mod support;

use ar_doctor::engine::State;
use ar_doctor::findings::{Confidence, Finding, Severity, Stage, checks};
use ar_doctor::host::capture::CaptureHost;
use ar_doctor::host::{Fact, Host as _};

const RHEL: &str = "agent-4.9-rhel";
const DEBIAN: &str = "agent-4.14-debian";
const AUDIT: &str = "/var/log/audit/audit.log";
const SCRIPT: &str = "/var/ossec/active-response/bin/edge-block.sh";
const RECORD: &str = "type=AVC msg=audit(1795183200.250:512): avc:  denied  { execute } for  pid=4711 comm=\"wazuh-execd\" name=\"edge-block.sh\" dev=\"sda1\" ino=50777 scontext=system_u:system_r:DOMAIN:s0 tcontext=unconfined_u:object_r:TARGET:s0 tclass=file permissive=0\n";

fn label(host: &mut CaptureHost, label: &str) {
    let label = Fact::known("/proc/811/attr/current", label.to_owned());
    host.change_process(811, |detail| detail.label = label).expect("execd runs");
}

fn domain(host: &mut CaptureHost, domain: &str) {
    label(host, &format!("system_u:system_r:{domain}:s0"));
}

fn record(host: &mut CaptureHost, domain: &str, target: &str) {
    let text = RECORD.replace("DOMAIN", domain).replace("TARGET", target);
    host.append(AUDIT, text).expect("the log is there");
}

/// Stage of the response of the script.
fn stage(host: &CaptureHost, stage: Stage) -> State {
    let outcome = support::diagnose(host);
    let found = outcome.diagnosis.responses.iter().find(|result| {
        // The order of ar.conf: firewall-drop600, edge-block900, netsh1800.
        result.index == 1 || outcome.diagnosis.responses.len() == 1
    });
    found.expect("a response").stages[stage.index()].state
}

fn only(host: &CaptureHost) -> Finding {
    let outcome = support::diagnose(host);
    let [entry] = outcome.diagnosis.entries.as_slice() else { panic!("{:#?}", outcome.lines) };
    entry.finding.clone()
}

#[test]
fn a_log_that_cannot_be_read_is_no_log_without_denials() {
    for path in ["/var/log/audit", AUDIT] {
        let mut host = support::base(RHEL);
        domain(&mut host, "responder_t");
        host.deny(path).expect("it is there");
        let outcome = support::diagnose(&host);
        assert!(outcome.lines.is_empty(), "{:#?}", outcome.lines);
        assert!(
            outcome.unknown.iter().any(|line| line.contains("selinux-start-denied")),
            "{:#?}",
            outcome.unknown
        );
        assert_eq!(stage(&host, Stage::Launch), State::Unknown, "{path}");
        // The policy forbids nothing to an unconfined one, so there is nothing to be seen.
        domain(&mut host, "unconfined_service_t");
        assert_eq!(stage(&host, Stage::Launch), State::Pass, "{path}");
        assert!(support::diagnose(&host).unknown.iter().any(|line| line.contains("selinux-start-denied")));
    }
}

#[test]
fn a_rule_that_hides_denials_makes_them_unknown() {
    let mut host = support::base(RHEL);
    domain(&mut host, "responder_t");
    assert_eq!(stage(&host, Stage::Launch), State::Pass);
    host.write("/etc/audit/rules.d/quiet.rules", "-a always,exclude -F msgtype=AVC\n").expect("a file");
    assert_eq!(stage(&host, Stage::Launch), State::Unknown);
}

#[test]
fn a_store_of_modules_that_cannot_be_seen_is_no_claim() {
    let mut host = support::base(RHEL);
    domain(&mut host, "init_t");
    host.set_selinux(SCRIPT, "unconfined_u:object_r:user_home_t:s0").expect("the script is there");
    assert_eq!(only(&host).severity, Severity::Warning);
    host.deny("/var/lib/selinux").expect("a path");
    let outcome = support::diagnose(&host);
    assert!(outcome.lines.is_empty(), "{:#?}", outcome.lines);
    assert_eq!(stage(&host, Stage::Launch), State::Unknown);
}

#[test]
fn a_host_with_a_journal_alone_says_where_denials_are() {
    let mut host = support::base(DEBIAN);
    host.remove("/var/log/syslog").expect("it is there");
    let outcome = support::diagnose(&host);
    assert!(outcome.lines.is_empty(), "{:#?}", outcome.lines);
    let said = outcome.unknown.iter().filter(|line| line.contains("journalctl -k -g"));
    assert_eq!(said.count(), 3, "{:#?}", outcome.unknown);
    assert_eq!(stage(&host, Stage::Launch), State::Pass, "execd is unconfined");
    label(&mut host, "wazuh-execd (enforce)");
    host.append("/sys/kernel/security/apparmor/profiles", "wazuh-execd (enforce)\n")
        .expect("the list is there");
    assert_eq!(stage(&host, Stage::Effect), State::Unknown);
}

#[test]
fn what_an_outsider_may_not_see_is_no_claim() {
    for base in [RHEL, DEBIAN] {
        for gids in [&[][..], &[998][..]] {
            let mut host = support::base(base);
            host.set_reader(1000, gids);
            let outcome = support::diagnose(&host);
            assert!(outcome.lines.is_empty(), "{base}: {:#?}", outcome.lines);
        }
    }
    let files = [
        "/sys/fs/selinux/enforce",
        "/sys/module/apparmor/parameters/enabled",
        "/sys/kernel/security/apparmor/profiles",
        "/etc/selinux",
        "/etc/apparmor.d",
        "/etc/audit",
        "/var/log",
        "/var/log/syslog",
        SCRIPT,
    ];
    for base in support::BASES {
        for file in files {
            let mut host = support::base(base);
            if host.entry(file.as_ref()).get().is_none() {
                continue;
            }
            host.deny(file).expect("it is there");
            let outcome = support::diagnose(&host);
            assert!(outcome.lines.is_empty(), "{base}, {file} denied: {:#?}", outcome.lines);
        }
    }
}

#[test]
fn each_cause_has_its_remedy() {
    // The label is not the policy's, which knows nothing of programs there.
    let as_programs = [
        "semanage fcontext -a -t bin_t '/var/ossec/active-response/bin(/.*)?'",
        "restorecon -Rv /var/ossec/active-response/bin",
    ];
    let mut host = support::base(RHEL);
    domain(&mut host, "init_t");
    host.set_selinux(SCRIPT, "unconfined_u:object_r:user_home_t:s0").expect("the script is there");
    record(&mut host, "init_t", "user_home_t");
    let finding = only(&host);
    assert_eq!((finding.check, finding.severity), (checks::SELINUX_START_DENIED, Severity::Error));
    assert_eq!(finding.remedy, as_programs);
    assert_eq!(finding.responses, [1]);

    // The policy does: its label is all that is missing.
    host.write(
        "/etc/selinux/targeted/contexts/files/file_contexts.local",
        "/var/ossec/active-response/bin(/.*)? system_u:object_r:bin_t:s0\n",
    )
    .expect("a file");
    assert_eq!(only(&host).remedy, [format!("restorecon -v {SCRIPT}")]);

    // It has the label of the policy, which is not that of a program.
    let mut host = support::base(RHEL);
    domain(&mut host, "responder_t");
    record(&mut host, "responder_t", "var_t");
    assert_eq!(only(&host).remedy, as_programs);

    // It is that of a program, and the domain may not run programs.
    host.write(
        "/etc/selinux/targeted/contexts/files/file_contexts.local",
        "/var/ossec/active-response/bin(/.*)? system_u:object_r:bin_t:s0\n",
    )
    .expect("a file");
    host.set_selinux(SCRIPT, "system_u:object_r:bin_t:s0").expect("the script is there");
    record(&mut host, "responder_t", "bin_t");
    let finding = only(&host);
    assert!(finding.remedy[0].contains("audit2allow"), "{:?}", finding.remedy);
}

#[test]
fn permissive_until_the_next_boot_is_a_warning() {
    let mut host = support::base(RHEL);
    domain(&mut host, "responder_t");
    record(&mut host, "responder_t", "var_t");
    host.write("/sys/fs/selinux/enforce", "0").expect("it is there");
    let finding = only(&host);
    assert_eq!((finding.check, finding.severity), (checks::SELINUX_START_DENIED, Severity::Warning));
    assert!(finding.title.contains("once SELinux enforces again"), "{}", finding.title);
    host.write("/etc/selinux/config", "SELINUX=disabled\n").expect("it is there");
    assert!(support::diagnose(&host).lines.is_empty());
}

#[test]
fn an_audit_rule_is_taken_out_where_it_is_written() {
    let rule = "-a always,exclude -F msgtype=AVC\n";
    let mut host = support::base(RHEL);
    host.write("/etc/audit/audit.rules", rule).expect("a file");
    let remedy = only(&host).remedy;
    assert!(remedy[0].contains("audit.rules && auditctl -R /etc/audit/audit.rules"), "{remedy:?}");
    // audit.rules is made from those of the directory.
    host.write("/etc/audit/rules.d/quiet.rules", format!("# quiet\n{rule}")).expect("a file");
    let remedy = only(&host).remedy;
    assert!(
        remedy[0].starts_with("sed -i '2s/^/# /' /etc/audit/rules.d/quiet.rules && augenrules"),
        "{remedy:?}"
    );
}

#[test]
fn confidence_follows_from_what_the_record_names() {
    // A name alone may be of another file; with the whole path it is this one.
    let mut host = support::base(RHEL);
    domain(&mut host, "responder_t");
    record(&mut host, "responder_t", "var_t");
    assert_eq!(only(&host).confidence, Confidence::Likely);
    let path = "type=CWD msg=audit(1795183200.250:512): cwd=\"/var/ossec\"\ntype=PATH msg=audit(1795183200.250:512): item=0 name=\"active-response/bin/edge-block.sh\" inode=50777 nametype=NORMAL\n";
    host.append(AUDIT, path).expect("the log is there");
    assert_eq!(only(&host).confidence, Confidence::Proven);
    // The policy was built anew since: it may be mended.
    host.set_times("/etc/selinux/targeted/policy/policy.33", 1_795_183_300, 1_795_183_300)
        .expect("it is there");
    let finding = only(&host);
    assert_eq!((finding.severity, finding.confidence), (Severity::Advice, Confidence::Possible));
}

#[test]
fn a_flood_of_denials_is_read_from_its_end() {
    let mut host = support::base(RHEL);
    domain(&mut host, "responder_t");
    let noise = RECORD.replace("wazuh-execd", "noise").replace("edge-block.sh", "x");
    let mut text = noise.repeat(20 * 1024 * 1024 / noise.len());
    text.push_str(&RECORD.replace("DOMAIN", "responder_t").replace("TARGET", "var_t"));
    host.write(AUDIT, text).expect("the log is there");
    assert_eq!(only(&host).check, checks::SELINUX_START_DENIED);
}

#[test]
fn the_rule_that_is_proposed_lets_the_script_be_started() {
    const PROFILE: &str = "/etc/apparmor.d/wazuh-execd";
    let text = "# ours\nprofile wazuh-execd /var/ossec/bin/wazuh-execd {\n  /var/ossec/** rwk,\n}\n";
    let mut host = support::base(DEBIAN);
    label(&mut host, "wazuh-execd (enforce)");
    host.append("/sys/kernel/security/apparmor/profiles", "wazuh-execd (enforce)\n")
        .expect("the list is there");
    host.write(PROFILE, text).expect("a file");
    let finding = only(&host);
    assert_eq!((finding.check, finding.severity), (checks::APPARMOR_CONFINES, Severity::Warning));
    assert_eq!(finding.responses.len(), 2, "{finding:#?}");

    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("profile");
    std::fs::write(&file, text).expect("a file");
    let command = finding.remedy[0].replace(PROFILE, &file.display().to_string());
    let status = std::process::Command::new("sh").args(["-c", &command]).status().expect("sh(1)");
    assert!(status.success(), "{command}");
    let mended = std::fs::read(&file).expect("the file");
    host.write(PROFILE, &mended).expect("a file");
    let finding = only(&host);
    assert_eq!(finding.severity, Severity::Advice, "{}", String::from_utf8_lossy(&mended));
}

/// What confines execd is told once, behind what it denied.
#[test]
fn a_profile_is_told_with_what_it_denied() {
    let mut host = support::base(DEBIAN);
    label(&mut host, "wazuh-execd (enforce)");
    host.append("/sys/kernel/security/apparmor/profiles", "wazuh-execd (enforce)\n")
        .expect("the list is there");
    host.write(
        "/etc/apparmor.d/wazuh-execd",
        "profile wazuh-execd /var/ossec/bin/wazuh-execd {\n  file,\n}\n",
    )
    .expect("a file");
    let line = "Nov 20 14:00:00 web-01 kernel: audit: type=1400 audit(1795183200.250:77): apparmor=\"DENIED\" operation=\"capable\" class=\"cap\" profile=\"wazuh-execd\" pid=9 comm=\"iptables\" capability=12  capname=\"net_admin\"\n";
    host.append("/var/log/syslog", line).expect("the log is there");
    let outcome = support::diagnose(&host);
    let [entry] = &outcome.diagnosis.entries[..] else { panic!("{:#?}", outcome.lines) };
    assert_eq!(entry.finding.check, checks::APPARMOR_RUN_DENIED);
    assert!(
        entry.finding.title.ends_with("denies iptables, which it calls, the capability net_admin."),
        "{}",
        entry.finding.title
    );
    assert_eq!(entry.folded.len(), 1);
    assert_eq!(entry.folded[0].check, checks::APPARMOR_CONFINES);
}
