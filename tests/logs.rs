//! Which files of logs are read, in what order, and from when on; what the log alone proves.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking"
)]

#[path = "logs/binary.rs"]
mod binary;
#[path = "logs/live.rs"]
mod live;
mod support;
#[path = "support/tree.rs"]
mod tree;

use std::io::Write as _;

use ar_doctor::facts::logs::LogFacts;
use ar_doctor::facts::{Facts, Since, install};
use ar_doctor::findings::signatures::Log;
use ar_doctor::host::Host;
use ar_doctor::host::capture::CaptureHost;
use ar_doctor::logs::scan::Fold;
use ar_doctor::redact::Redactor;

const LOGS: &str = "/var/ossec/logs";
const AGENT: &str = "agent-4.14-debian";

fn unknown_name(day: u32, name: &str) -> String {
    format!("2026/11/{day:02} 10:05:12 wazuh-execd: ERROR: (1311): Invalid command name '{name}' provided.\n")
}

fn gzip(text: &str) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packer.write_all(text.as_bytes()).unwrap();
    packer.finish().unwrap()
}

fn with<T>(host: &dyn Host, since: Since, look: impl FnOnce(&Facts<'_>) -> T) -> T {
    let redactor = Redactor::new();
    let install = install::find(host, None).unwrap();
    let mut facts = Facts::new(host, &redactor, install);
    facts.look_back(since);
    look(&facts)
}

fn names(log: &LogFacts) -> Vec<String> {
    let name = |fold: &&Fold| {
        let part = fold.captures.iter().find(|(name, _)| *name == "command");
        part.map(|(_, part)| format!("{} {}", String::from_utf8_lossy(part), fold.count))
    };
    log.found.folds().iter().filter_map(name).collect()
}

/// An agent with a log of today, two of yesterday, and one of a month ago.
fn days() -> CaptureHost {
    let mut host = support::base(AGENT);
    for directory in ["wazuh", "wazuh/2026", "wazuh/2026/Nov", "wazuh/2026/Oct"] {
        host.mkdir(format!("{LOGS}/{directory}")).unwrap();
    }
    let started = "2026/10/19 08:00:00 wazuh-execd: INFO: Started (pid: 7).\n";
    let mut write = |name: &str, text: Vec<u8>| {
        host.write(format!("{LOGS}/{name}"), text).unwrap();
    };
    write(
        "wazuh/2026/Oct/ossec-19.log.gz",
        gzip(&format!("{started}{}", unknown_name(1, "x").replace("11/01", "10/19"))),
    );
    write("wazuh/2026/Nov/ossec-19.log.gz", gzip(&(unknown_name(19, "first") + &unknown_name(19, "second"))));
    write("wazuh/2026/Nov/ossec-19-001.log.gz", gzip(&unknown_name(19, "second")));
    write("wazuh/2026/Nov/ossec-18.log", unknown_name(18, "plain").into_bytes());
    write("ossec.log", (unknown_name(20, "third") + &unknown_name(20, "second")).into_bytes());
    host
}

#[test]
fn days_come_in_order_and_once() {
    let host = days();
    with(&host, Since::Default, |facts| {
        let log = facts.log(Log::Ossec).get().unwrap();
        assert_eq!(names(log), ["plain 1", "first 1", "second 3", "third 1"]);
        assert!(log.gaps.is_empty() && !log.left_out, "{:?}", log.gaps);
        let shown: Vec<&str> = log.files.iter().map(|file| file.shown.as_str()).collect();
        assert_eq!(
            shown,
            [
                "logs/wazuh/2026/Nov/ossec-18.log",
                "logs/wazuh/2026/Nov/ossec-19.log.gz",
                "logs/wazuh/2026/Nov/ossec-19-001.log.gz",
                "logs/ossec.log"
            ]
        );
    });
    with(&host, Since::Age(3600 * 5), |facts| {
        assert_eq!(names(facts.log(Log::Ossec).get().unwrap()), ["third 1", "second 1"]);
    });
    with(&host, Since::All, |facts| {
        assert_eq!(
            names(facts.log(Log::Ossec).get().unwrap()),
            ["x 1", "plain 1", "first 1", "second 3", "third 1"]
        );
    });
}

#[test]
fn starts_are_sought_beyond_the_window() {
    let mut host = days();
    with(&host, Since::Default, |facts| {
        let anchor = facts.anchor("execd");
        assert_eq!(anchor.get().unwrap().file, "logs/wazuh/2026/Oct/ossec-19.log.gz");
        assert!(facts.anchor("agentd").is_absent());
    });
    // What could not be read may hold it.
    host.write(format!("{LOGS}/wazuh/2026/Oct/ossec-19.log.gz"), "no gzip").unwrap();
    with(&host, Since::Default, |facts| assert!(facts.anchor("execd").unknown().is_some()));
}

#[test]
fn json_alone_is_read() {
    let mut host = support::base(AGENT);
    let line = "{\"timestamp\":\"2026/11/20 14:05:12\",\"tag\":\"wazuh-execd\",\"level\":\"error\",\"description\":\"(1311): Invalid command name 'geo600' provided.\"}\n";
    host.write(format!("{LOGS}/ossec.json"), line).unwrap();
    with(&host, Since::Default, |facts| {
        let log = facts.log(Log::Ossec).get().unwrap();
        assert_eq!(names(log), ["geo600 1"], "{:?} {:?} {:?}", log.files, log.stats(), log.since);
    });
}

#[test]
fn absent_is_not_failed() {
    let mut host = support::base(AGENT);
    host.remove(format!("{LOGS}/ossec.log")).unwrap();
    with(&host, Since::Default, |facts| {
        assert!(facts.log(Log::Ossec).is_absent() && facts.log(Log::Api).is_absent());
        assert!(facts.log(Log::ActiveResponses).get().is_some());
        assert!(facts.anchor("execd").is_absent());
    });
    host.mkdir(format!("{LOGS}/api.log")).unwrap();
    with(&host, Since::Default, |facts| {
        let api = facts.log(Log::Api);
        assert!(api.get().is_none(), "{api:?}");
    });
}

#[test]
fn a_line_goes_to_the_finding_it_proves() {
    use ar_doctor::findings::{Evidence, checks};
    let mut host = support::base(AGENT);
    let name = "2026/11/20 14:05:12 wazuh-execd: INFO: Active response command not present: 'active-response/bin/firewall-drop'. Not using it on this system.\n";
    host.write(
        format!("{LOGS}/ossec.log"),
        format!(
            "2026/11/20 14:00:04 wazuh-execd: INFO: Started (pid: 811).\n{name}{}",
            name.replace("14:05", "14:06")
        ),
    )
    .unwrap();
    host.remove("/var/ossec/active-response/bin/firewall-drop").unwrap();
    let outcome = support::diagnose(&host);
    let found: Vec<_> =
        outcome.diagnosis.findings().filter(|finding| finding.check == checks::EXECUTABLE_MISSING).collect();
    assert_eq!(found.len(), 1, "{:#?}", outcome.lines);
    let lines: Vec<String> = found[0]
        .evidence
        .iter()
        .filter_map(|evidence| match evidence {
            Evidence::Excerpt { file, line, label, .. } => Some(format!("{file}:{line} {label}")),
            Evidence::Observation { .. } => None,
        })
        .collect();
    assert!(
        lines.contains(&"logs/ossec.log:3 said 2 times, first 2026/11/20 14:05:12".to_owned()),
        "{lines:?}"
    );
}

#[test]
fn silence_behind_a_start_is_evidence() {
    use ar_doctor::findings::{Evidence, checks};
    const STATE: &str = "/var/ossec/var/run/wazuh-agentd.state";
    let silent = |lines: &str| {
        let mut host = support::base(AGENT);
        let content = host.read(STATE.as_ref(), 1 << 20);
        let state = String::from_utf8(content.get().unwrap().bytes.clone()).unwrap();
        let state = state
            .replace("status='connected'", "status='pending'")
            .replace("last_keepalive='2026-11-20 14:09:51'", "last_keepalive=''");
        host.write(STATE, state).unwrap();
        host.write(format!("{LOGS}/ossec.log"), lines).unwrap();
        let outcome = support::diagnose(&host);
        let finding =
            outcome.diagnosis.findings().find(|finding| finding.check == checks::AGENT_NOT_CONNECTED);
        let finding = finding.unwrap_or_else(|| panic!("{:#?}", outcome.lines));
        finding.evidence.iter().any(|evidence| matches!(evidence, Evidence::Observation { text, .. } if text.contains("no line says")))
    };
    let start = "2026/11/20 13:00:05 wazuh-agentd: INFO: Started (pid: 839).\n";
    let connected =
        "2026/11/20 13:00:09 wazuh-agentd: INFO: (4102): Connected to the server ([192.0.2.5]:1514/tcp).\n";
    assert!(silent(start));
    assert!(!silent(&format!("{start}{connected}")));
    assert!(silent(&format!("{connected}{}", start.replace("13:00", "13:01"))));
    assert!(!silent("2026/11/20 13:00:05 wazuh-execd: INFO: Started (pid: 811).\n"), "no start, no silence");
}

#[test]
fn what_reading_could_not_do_is_said() {
    let mut host = support::base(AGENT);
    let line = |time: &str, text: &str| format!("2026/11/20 {time} wazuh-execd: INFO: {text}\n");
    let mut log = line("10:00:00", "Started (pid: 7).");
    log += &line("10:01:00", &"x".repeat(70_000));
    // Enough of it that the search for a time meets one that is not in order.
    for hour in [13, 9, 12, 8, 11, 7].repeat(400) {
        log += &line(&format!("{hour:02}:00:00"), &"y".repeat(60));
    }
    host.write(format!("{LOGS}/ossec.log"), log).unwrap();
    let notes = with(&host, Since::Age(3600 * 3), |facts| {
        assert_eq!(facts.log_notes(), Vec::<String>::new(), "nothing is read yet");
        assert!(facts.log(Log::Ossec).get().is_some());
        facts.log_notes()
    });
    let has = |text: &str| notes.iter().any(|note| note.contains(text));
    assert!(has("the times in logs/ossec.log are out of order, so all of it was read"), "{notes:?}");
    assert!(has("of 1 line in logs/ossec.log, longer than 64 KiB, only the beginning"), "{notes:?}");

    // The report has it in both of its forms; one of a host without such logs has nothing.
    let report = |host: &CaptureHost| support::report(host);
    let document: serde_json::Value = serde_json::from_str(&report(&host)).unwrap();
    let ossec = document["logs"].as_array().unwrap().iter().find(|log| log["log"] == "ossec").unwrap();
    assert_eq!(ossec["long_lines"], 1, "{ossec}");
    let document: serde_json::Value = serde_json::from_str(&report(&support::base(AGENT))).unwrap();
    for log in document["logs"].as_array().unwrap() {
        assert_eq!(log["notes"], serde_json::json!([]));
    }
}

/// Many messages are held against what scripts need without much time, and those of one rule that
/// were mended are not told.
#[test]
fn messages_are_those_since_execd_was_started() {
    let mut host = support::base(AGENT);
    let path = format!("{LOGS}/active-responses.log");
    let message = |data: &str| {
        format!(
            "2026/11/20 14:05:12 active-response/bin/firewall-drop: {{\"version\":1,\"origin\":{{\"name\":\"n\",\"module\":\"wazuh-execd\"}},\"command\":\"add\",\"parameters\":{{\"extra_args\":[],\"alert\":{{\"rule\":{{\"id\":\"5\"}},\"data\":{data}}},\"program\":\"x\"}}}}\n"
        )
    };
    host.write(&path, message("{}").repeat(3000) + &message("{\"srcip\":\"192.0.2.1\"}")).unwrap();
    with(&host, Since::Default, |facts| {
        let payloads = facts.payloads();
        assert_eq!(payloads.all.len(), 64, "the newest of one rule");
        assert!(payloads.all.iter().all(|logged| logged.rule == Some(5)));
        assert!(payloads.all.last().unwrap().text.ends_with(b"\"program\":\"x\"}}"));
        assert!(payloads.cut.is_empty() && payloads.gaps.is_empty());
    });
    // What is no line yet, sent by hand, or another message of the exchange is none.
    let other = message("{}").replace("\"add\"", "\"continue\"");
    let by_hand = message("{}").replace("\"rule\":{\"id\":\"5\"},", "");
    host.write(&path, other + &by_hand + message("{}").trim_end()).unwrap();
    with(&host, Since::Default, |facts| assert_eq!(facts.payloads().all, []));
}

fn shown(log: &LogFacts) -> Vec<&str> {
    log.files.iter().map(|file| file.shown.rsplit('/').next().unwrap()).collect()
}

/// Seconds since 1970 of a day of November 2026, at noon.
fn noon(day: i64) -> i64 {
    1_793_448_000 + 86_400 * day
}

#[test]
fn what_logrotate_set_aside_comes_in_order() {
    let line = |day: i64, text: &str| format!("2026/11/{day:02} 10:05:12 active-response/bin/x.sh: {text}\n");
    let cannot = |day| line(day, "Cannot read 'srcip' from data");
    let mut host = support::base(AGENT);
    let mut put = |name: &str, bytes: Vec<u8>, day: i64| {
        let path = format!("{LOGS}/{name}");
        host.write(&path, bytes).unwrap();
        host.set_times(&path, noon(day), noon(day)).unwrap();
    };
    put("active-responses.log", cannot(20).into_bytes(), 20);
    put("active-responses.log.1", cannot(19).into_bytes(), 19);
    put("active-responses.log.2.gz", gzip(&cannot(18)), 18);
    put("active-responses.log.3", b"xz".to_vec(), 17);
    put("active-responses.log.3.gz", gzip(&cannot(17)), 17);
    put("active-responses.log.4.xz", b"xz".to_vec(), 16);
    put("active-responses.log.5.xz", b"xz".to_vec(), 6);
    put("active-responses.log-20261115", cannot(15).into_bytes(), 15);
    put("active-responses.log-20261114.gz", gzip(&cannot(14)), 14);
    put("active-responses.log-20261101.gz", gzip(&cannot(1)), 1);
    put("active-responses.log.bak", cannot(12).into_bytes(), 12);
    put("active-responses.log.10", cannot(2).into_bytes(), 2);
    with(&host, Since::Default, |facts| {
        let log = facts.log(Log::ActiveResponses).get().unwrap();
        assert_eq!(
            shown(log),
            [
                "active-responses.log-20261114.gz",
                "active-responses.log-20261115",
                "active-responses.log.3",
                "active-responses.log.2.gz",
                "active-responses.log.1",
                "active-responses.log"
            ]
        );
        let gaps: Vec<&str> = log.gaps.iter().map(|gap| gap.source.as_str()).collect();
        assert_eq!(gaps, ["logs/active-responses.log.4.xz"], "what is packed otherwise is not missing");
    });
    with(&host, Since::All, |facts| {
        let log = facts.log(Log::ActiveResponses).get().unwrap();
        let all = shown(log);
        assert_eq!(all[..2], ["active-responses.log-20261101.gz", "active-responses.log.10"], "{all:?}");
    });
}

#[test]
fn both_rotations_of_one_log() {
    let mut host = days();
    let mut put = |name: &str, text: String, day: i64| {
        host.write(format!("{LOGS}/{name}"), text).unwrap();
        host.set_times(format!("{LOGS}/{name}"), noon(day), noon(day)).unwrap();
    };
    put("ossec.log.2", unknown_name(17, "by two"), 17);
    put("ossec.log.1", unknown_name(19, "by one"), 20);
    put("ossec.log", unknown_name(20, "now"), 20);
    with(&host, Since::Default, |facts| {
        let log = facts.log(Log::Ossec).get().unwrap();
        assert_eq!(names(log), ["by two 1", "plain 1", "first 1", "second 2", "by one 1", "now 1"]);
    });
}

#[test]
fn days_of_the_programs_in_python() {
    let mut host = support::base("manager-4.14-debian");
    for log in ["api", "cluster"] {
        for directory in [log.to_owned(), format!("{log}/2026"), format!("{log}/2026/Nov")] {
            host.mkdir(format!("{LOGS}/{directory}")).unwrap();
        }
        for (name, day) in [("-19.gz", 19), ("-18_2.gz", 18), ("-18_1.gz", 18), ("-18_10.gz", 18)] {
            let text = gzip(&format!("2026/11/{day} 10:00:00 INFO: x\n"));
            host.write(format!("{LOGS}/{log}/2026/Nov/{log}.log{name}"), text).unwrap();
        }
        host.write(format!("{LOGS}/{log}.log"), "2026/11/20 10:00:00 INFO: x\n").unwrap();
    }
    with(&host, Since::Default, |facts| {
        for (log, name) in [(Log::Api, "api.log"), (Log::Cluster, "cluster.log")] {
            let log = facts.log(log).get().unwrap();
            let expected = ["-18_1.gz", "-18_2.gz", "-18_10.gz", "-19.gz", ""];
            assert_eq!(shown(log), expected.map(|end| format!("{name}{end}")));
            assert!(log.gaps.is_empty(), "{:?}", log.gaps);
        }
    });
}

#[test]
fn a_line_of_a_gzip_has_its_number() {
    use ar_doctor::findings::Evidence;
    let mut host = days();
    let long = "x".repeat(70 << 10);
    let text = format!("a\n{long}\n\n{}b\n{}", unknown_name(19, "six"), unknown_name(19, "six"));
    host.write(format!("{LOGS}/wazuh/2026/Nov/ossec-19.log.gz"), gzip(&text)).unwrap();
    with(&host, Since::Default, |facts| {
        let log = facts.log(Log::Ossec).get().unwrap();
        let folds = log.found.folds();
        let six = folds.iter().find(|fold| fold.captures.iter().any(|(_, part)| part == b"six")).unwrap();
        assert_eq!((six.first.line, six.last.line), (Some(4), Some(6)));
        let Evidence::Excerpt { file, line, column, .. } =
            facts.log_line(log, &six.last, b"six", String::new())
        else {
            panic!("no place");
        };
        assert_eq!((file.as_str(), line, column), ("logs/wazuh/2026/Nov/ossec-19.log.gz", 6, 71));
    });
}

const OOM: &str = "kernel: [ 4711.1] Out of memory: Killed process 812 (wazuh-execd) total-vm:50000kB\n";

#[test]
fn the_kernel_tells_why_a_daemon_is_gone() {
    use ar_doctor::findings::{Evidence, checks};
    let evidence = |host: &CaptureHost| -> Vec<String> {
        let outcome = support::diagnose(host);
        let found = outcome.diagnosis.findings().find(|found| found.check == checks::EXECD_NOT_RUNNING);
        let lines = found.into_iter().flat_map(|found| &found.evidence);
        let place = |evidence: &Evidence| match evidence {
            Evidence::Excerpt { file, line, .. } => Some(format!("{file}:{line}")),
            Evidence::Observation { .. } => None,
        };
        lines.filter_map(place).filter(|place| place.contains("/var/log")).collect()
    };
    let mut host = support::base(AGENT);
    host.write("/var/log/kern.log", format!("Nov 20 10:00:00 h kernel: x\nNov 20 14:05:00 h {OOM}")).unwrap();
    host.set_times("/var/log/kern.log", noon(20), noon(20)).unwrap();
    // Debian has it a second time.
    host.write("/var/log/syslog", format!("Nov 20 14:05:00 h {OOM}")).unwrap();
    let running = host.clone();
    let execd = {
        let all = Host::processes(&host);
        all.get().unwrap().iter().find(|process| process.comm == "wazuh-execd").unwrap().clone()
    };
    host.remove_process(execd.pid).unwrap();
    assert_eq!(evidence(&host), ["/var/log/kern.log:2"]);
    // Of another year, or older than what is looked at.
    host.write("/var/log/kern.log", format!("Nov  9 14:05:00 h {OOM}Nov 25 14:05:00 h {OOM}")).unwrap();
    assert_eq!(evidence(&host), [""; 0]);
    // It was started again since.
    let before = running.clone();
    assert!(execd.start > noon(19), "the base host was not up for so long");
    let mut host = before;
    host.write("/var/log/kern.log", format!("Nov 19 14:05:00 h {OOM}")).unwrap();
    let outcome = support::diagnose(&host);
    assert!(!outcome.lines.iter().any(|line| line.contains("execd-not-running")), "{:#?}", outcome.lines);
}

#[test]
fn what_others_do_is_not_ours() {
    let mut host = support::base(AGENT);
    host.mkdir("/var/log/audit").unwrap();
    let at = noon(20);
    host.write(
        "/var/log/audit/audit.log",
        format!(
            "type=FANOTIFY msg=audit({at}.1:1): resp=2 fan_type=1 fan_info=3A subj_trust=1 obj_trust=0\n\
             type=AVC msg=audit({at}.2:2): avc:  denied  {{ execute }} for  pid=812 comm=\"wazuh-execd\" name=\"geo-block\" dev=\"dm-0\" ino=42 scontext=system_u:system_r:init_t:s0 tcontext=unconfined_u:object_r:user_home_t:s0 tclass=file permissive=1\n\
             type=AVC msg=audit({at}.3:3): avc:  denied  {{ read }} for  pid=9 comm=\"cat\" name=\"ossec.conf\" dev=\"dm-0\" ino=42 scontext=u:r:user_t:s0 tcontext=u:object_r:var_t:s0 tclass=file permissive=0\n"
        ),
    )
    .unwrap();
    host.write("/var/log/kern.log", "Nov 20 10:41:12 h kernel: [ 1.1] EXT4-fs (sdz9): Remounting filesystem read-only\nNov 20 10:41:12 h kernel: [ 1.2] Out of memory: Killed process 7 (java) x\n").unwrap();
    let outcome = support::diagnose(&host);
    assert_eq!(
        outcome.diagnosis.worst(),
        support::diagnose(&support::base(AGENT)).diagnosis.worst(),
        "{:#?}",
        outcome.lines
    );
    with(&host, Since::Default, |facts| {
        assert_eq!(facts.log(Log::Audit).get().unwrap().stats().hits, 3);
        assert_eq!(facts.log(Log::Kernel).get().unwrap().stats().hits, 1);
    });
}

#[test]
fn a_response_that_seccomp_killed() {
    use ar_doctor::findings::checks;
    let mut host = support::base(AGENT);
    host.mkdir("/var/log/audit").unwrap();
    let record = |time: i64| {
        format!(
            "type=SECCOMP msg=audit({time}.123:4713): auid=4294967295 uid=0 gid=0 ses=4294967295 pid=813 comm=\"firewall-drop\" exe=\"/var/ossec/active-response/bin/firewall-drop\" sig=31 arch=c000003e syscall=59\n"
        )
    };
    let found = |host: &CaptureHost| {
        let outcome = support::diagnose(host);
        outcome.diagnosis.findings().any(|found| found.check == checks::SCRIPT_KILLED)
    };
    host.write("/var/log/audit/audit.log", record(noon(1))).unwrap();
    host.write("/var/log/audit/audit.log.1", record(noon(20))).unwrap();
    host.set_times("/var/log/audit/audit.log.1", noon(20), noon(20)).unwrap();
    assert!(found(&host));
    host.write("/var/log/audit/audit.log.1", record(noon(10))).unwrap();
    assert!(!found(&host), "older than what is looked at");
}
