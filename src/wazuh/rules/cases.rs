//! Does it fire? A table of configurations and events; every row of what was seen on a real
//! manager is in it.

use std::collections::BTreeMap;

use super::super::version::Version;
use super::tests::{load_texts, manager};
use super::*;

/// An event of rule 5710 on the manager, changed by words like `srcip=192.0.2.1`.
fn event(words: &str) -> Event {
    let mut event = Event {
        rule: RuleFacts {
            id: 5710,
            level: 5,
            without_accuracy: false,
            groups: b"syslog,sshd,authentication_failed,invalid_login,".to_vec(),
            groups_guessed: false,
            no_ar: false,
        },
        srcip: None,
        dstuser: None,
        filename: false,
        agent: b"000".to_vec(),
        versions: BTreeMap::new(),
        connected: None,
    };
    for word in words.split(';').filter(|word| !word.is_empty()) {
        let (key, value) = word.split_once('=').unwrap_or((word, ""));
        let bytes = value.as_bytes().to_vec();
        match key {
            "srcip" => event.srcip = Some(bytes),
            "user" => event.dstuser = Some(bytes),
            "file" => event.filename = true,
            "agent" => event.agent = bytes,
            "rule" => event.rule.id = value.parse().unwrap(),
            "level" => event.rule.level = value.parse().unwrap(),
            "groups" => event.rule.groups = bytes,
            "no_ar" => event.rule.no_ar = true,
            "accuracy0" => event.rule.without_accuracy = true,
            "connected" => {
                let ids = value.split(' ').filter(|id| !id.is_empty());
                event.connected = Some(ids.map(|id| id.parse().unwrap()).collect());
            }
            "gone" => {
                event.versions.insert(value.parse().unwrap(), AgentVersion::NoAgent);
            }
            "versionless" => {
                event.versions.insert(value.parse().unwrap(), AgentVersion::Missing);
            }
            _ => {
                let version = AgentVersion::Text(bytes);
                event.versions.insert(key.parse().unwrap(), version);
            }
        }
    }
    event
}

fn message(message: AgentMessage) -> &'static str {
    match message {
        AgentMessage::Json => " json",
        AgentMessage::EscapedJson => " escaped",
        AgentMessage::Words => " words",
        AgentMessage::Unknown => "",
    }
}

fn why(reason: &Reason) -> String {
    let show = |text: &[u8]| String::from_utf8_lossy(text).into_owned();
    match reason {
        Reason::NoSuchResponse => "no such response".to_owned(),
        Reason::AnalysisdRefuses { .. } => "analysisd refuses".to_owned(),
        Reason::RulesRefused => "rules refused".to_owned(),
        Reason::NotInForce { outcome } => format!("not in force {outcome:?}"),
        Reason::Unbindable(Unbindable::LevelZero) => "level 0".to_owned(),
        Reason::Unbindable(Unbindable::WithoutAccuracy) => "accuracy 0".to_owned(),
        Reason::Unbindable(Unbindable::NoAr) => "no_ar".to_owned(),
        Reason::NotBound(miss) => {
            let mut parts = Vec::new();
            if let Some((wanted, has)) = miss.level {
                parts.push(format!("level {has} < {wanted}"));
            }
            if miss.group.is_some() {
                parts.push("group".to_owned());
            }
            if let Some(ids) = &miss.ids {
                parts.push(format!("ids {ids:?}"));
            }
            if miss.no_trigger {
                parts.push("no trigger".to_owned());
            }
            parts.join(", ")
        }
        Reason::Expected { field } => format!("expects {field}"),
        Reason::BadUser { at, .. } => format!("1272 at {at}"),
        Reason::BadAddress { at, .. } => format!("1271 at {at}"),
        Reason::WhiteListed { address, entry } => format!("white_list {entry} {}", show(address)),
        Reason::NoQueue { local, erased_by } => format!("no queue {local} {erased_by:?}"),
        Reason::NoAgentId => "no agent id".to_owned(),
        Reason::NoSuchAgent { id } => format!("no agent {id}"),
        Reason::NoAgentVersion { id } => format!("no version {id}"),
        Reason::BadAgentVersion { id, text } => format!("bad version {id} {}", show(text)),
        Reason::NobodyConnected => "nobody connected".to_owned(),
        Reason::NobodyLeft(left) => left.iter().map(|(_, one)| why(one)).collect::<Vec<_>>().join("; "),
    }
}

fn say(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Fires(fires) => {
            let targets = fires.targets.iter().map(|target| match target {
                Target::Manager => "manager".to_owned(),
                Target::Agent { id, message: form } => format!("agent {id}{}", message(*form)),
                Target::AllAgents => "all agents".to_owned(),
            });
            let left = fires.left_out.iter().map(|(_, reason)| format!("not {}", why(reason)));
            targets.chain(left).collect::<Vec<_>>().join(", ")
        }
        Verdict::Not(reason) => why(reason),
    }
}

const COMMAND: &str = "<command><name>fw</name><executable>fw</executable></command>";

fn response(body: &str) -> String {
    format!("<active-response><command>fw</command>{body}</active-response>")
}

fn check(sections: &str, words: &str, wanted: &str) {
    let conf = manager(sections);
    let event = event(words);
    let verdict = fires(&conf, None, 0, &event);
    assert_eq!(say(&verdict), wanted, "{sections}\n{words}");
    // What stops all responses of an event stops this one, unless something came before that.
    let stopped = stopped_for_all(&conf, None, event.srcip.as_deref(), event.dstuser.as_deref());
    match verdict {
        Verdict::Fires(_) => assert_eq!(stopped, None, "{words}"),
        Verdict::Not(
            reason @ (Reason::BadUser { .. } | Reason::BadAddress { .. } | Reason::WhiteListed { .. }),
        ) => assert_eq!(stopped, Some(reason), "{words}"),
        Verdict::Not(_) => {}
    }
}

/// What binds: on the manager, event of rule 5710.
const TRIGGERS: &[(&str, &str)] = &[
    ("<rules_id>5710</rules_id>", "manager"),
    ("<rules_id>5710, 5711</rules_id>", "manager"),
    ("<rules_id>5711, 5710</rules_id>", "manager"),
    ("<rules_id> 5710 </rules_id>", "manager"),
    ("<rules_id>,5710</rules_id>", "manager"),
    ("<rules_id>05710</rules_id>", "manager"),
    ("<rules_id>5711 5710</rules_id>", "ids [5711]"),
    ("<rules_id>5711;5710</rules_id>", "ids [5711]"),
    ("<rules_id>5711|5710</rules_id>", "ids [5711]"),
    ("<rules_id>5700-5720</rules_id>", "ids [5700]"),
    ("<rules_id>abc5710</rules_id>", "ids [], no trigger"),
    ("<rules_id></rules_id>", "ids [], no trigger"),
    ("<rules_id>5711,\n5710</rules_id>", "ids [5711]"),
    ("<rules_id>5711,\t5710</rules_id>", "ids [5711]"),
    ("<rules_id>\n5710</rules_id>", "ids [], no trigger"),
    ("<rules_id>5710 5711</rules_id>", "manager"),
    ("<rules_id>5710\n</rules_id>", "manager"),
    ("<rules_id>101 ,5710</rules_id>", "manager"),
    ("<rules_id>101;5,5710</rules_id>", "manager"),
    ("<rules_id>57<!-- -->10</rules_id>", "manager"),
    ("<rules_id>5711</rules_id><rules_id>5710</rules_id>", "manager"),
    ("<rules_id>5710</rules_id><rules_id>5711</rules_id>", "ids [5711]"),
    ("", "no trigger"),
    ("<level>0</level>", "no trigger"),
    ("<level></level>", "no trigger"),
    ("<level>3</level>", "manager"),
    ("<level>5</level>", "manager"),
    ("<level>6</level>", "level 5 < 6"),
    ("<level>20</level>", "level 5 < 20"),
    ("<level>6</level><rules_id>5710</rules_id>", "manager"),
    ("<level>6</level><rules_id>5716</rules_id>", "level 5 < 6, ids [5716]"),
    ("<level>3</level><rules_id>5716</rules_id>", "manager"),
    ("<level>0</level><rules_id>5710</rules_id>", "manager"),
    ("<level>3</level><rules_group>nosuch</rules_group>", "group"),
    ("<level>6</level><rules_group>nosuch</rules_group>", "level 5 < 6, group"),
    ("<level>6</level><rules_group>sshd</rules_group>", "level 5 < 6"),
    ("<level>3</level><rules_group>sshd</rules_group>", "manager"),
    ("<level>6</level><rules_group>sshd</rules_group><rules_id>5710</rules_id>", "manager"),
    ("<level>0</level><rules_group>sshd</rules_group>", "manager"),
    ("<rules_id>5716</rules_id><rules_group>sshd</rules_group>", "manager"),
    ("<rules_id>5716</rules_id><rules_group>web</rules_group>", "group, ids [5716]"),
    ("<rules_group>ssh</rules_group>", "manager"),
    ("<rules_group>SSHD</rules_group>", "manager"),
    ("<rules_group>sshd|foo</rules_group>", "manager"),
    ("<rules_group>foo|sshd</rules_group>", "manager"),
    ("<rules_group>authentication_failed,</rules_group>", "manager"),
    ("<rules_group>authentication_failures</rules_group>", "group"),
    ("<rules_group>foo,sshd</rules_group>", "group"),
    ("<rules_group>sshd,foo</rules_group>", "group"),
    ("<rules_group>sshd, authentication_failed</rules_group>", "group"),
    ("<rules_group>sshd,authentication_failed</rules_group>", "manager"),
    ("<rules_group></rules_group>", "manager"),
    ("<level>3</level><rules_group></rules_group>", "manager"),
    ("<level>6</level><rules_group></rules_group>", "level 5 < 6"),
    ("<rules_group>^sshd$</rules_group>", "group"),
    ("<rules_group>^sshd</rules_group>", "group"),
    ("<rules_group>^syslog</rules_group>", "manager"),
    ("<rules_group>*</rules_group>", "group"),
    ("<rules_group>.*</rules_group>", "group"),
    ("<rules_group>\\.*</rules_group>", "manager"),
    ("<rules_group>foo sshd</rules_group>", "group"),
    ("<rules_group> sshd</rules_group>", "group"),
    ("<rules_group>x|</rules_group>", "manager"),
    ("<rules_group>|x</rules_group>", "manager"),
    ("<rules_group>ss\\qhd</rules_group>", "group"),
    ("<rules_group>((sshd))</rules_group>", "group"),
    ("<rules_group>.</rules_group>", "group"),
    // A blank before a name ends it: the text in front of `<` is lost with it.
    ("<rules_id>5710 < /x</rules_id>", "ids [], no trigger"),
    ("<rule_id>5710</rule_id>", "analysisd refuses"),
    ("<level>21</level>", "analysisd refuses"),
    ("<level> 5</level>", "analysisd refuses"),
];

/// Level 3 binds; the place of the response, the event's words.
const PLACES: &[(&str, &str, &str)] = &[
    ("<location>local</location>", "", "manager"),
    ("<location>local</location>", "agent=001", "agent 1"),
    ("<location> LOCAL </location>", "agent=001", "agent 1"),
    ("<location>localhost</location>", "agent=001", "agent 1"),
    ("<location>server</location>", "", "manager"),
    ("<location>server</location>", "agent=001", "manager"),
    ("<location>AS</location>", "agent=001", "manager"),
    ("<location>base</location>", "agent=001", "manager"),
    ("<location>last</location>", "agent=001", "manager"),
    ("<location>all</location>", "", "all agents"),
    ("<location>all</location>", "agent=001", "all agents"),
    ("<location>firewall</location>", "agent=001", "all agents"),
    ("<location>many</location>", "agent=001", "all agents"),
    ("<location>install</location>", "agent=001", "all agents"),
    ("<location>all</location>", "connected=1 2", "agent 1, agent 2"),
    ("<location>all</location>", "connected=", "nobody connected"),
    ("<location>all</location>", "connected=1 2;versionless=2", "agent 1, not no version 2"),
    ("<location>all</location>", "connected=2;versionless=2", "no version 2"),
    ("<location>all,local</location>", "", "manager"),
    ("<location>all,local</location>", "agent=001", "all agents"),
    ("<location>defined-agent</location><agent_id>002</agent_id>", "", "agent 2"),
    ("<location>defined-agent</location><agent_id>002</agent_id>", "agent=001", "agent 2"),
    ("<location>defined-agent</location><agent_id>001,002</agent_id>", "", "agent 1"),
    ("<location>defined-agent</location><agent_id>7web</agent_id>", "", "agent 7"),
    ("<location>defined-agent</location><agent_id>3web</agent_id>", "gone=3", "no agent 3"),
    ("<location>defined-agent</location><agent_id>-1</agent_id>", "", "no agent id"),
    ("<location>defined-agent</location><agent_id>99999999999</agent_id>", "", "agent 1215752191"),
    ("<location>defined-agent</location><agent_id>000</agent_id>", "", "not in force DroppedInvalidAgent"),
    ("<location>defined-agent</location><agent_id>web1</agent_id>", "", "not in force DroppedInvalidAgent"),
    ("<location>defined-agent</location>", "", "analysisd refuses"),
    ("<location>defined-agent</location><agent_id>999</agent_id>", "connected=1", "agent 999"),
    ("<location>all</location>", "agent=000;connected=1", "agent 1"),
    ("<location>local,server</location>", "agent=001", "manager"),
    ("<location>local,server</location>", "", "manager"),
    ("<location>server,all</location>", "", "manager"),
    ("<location>firewall</location>", "", "all agents"),
    ("<location>base</location>", "", "manager"),
    ("<location>server,all</location>", "agent=001", "manager"),
    ("<location>defined-agent,local</location><agent_id>002</agent_id>", "agent=001", "agent 2"),
    ("<location>defined-agent,local</location><agent_id>002</agent_id>", "", "manager"),
    ("<location>agent</location>", "", "analysisd refuses"),
    ("", "", "analysisd refuses"),
    ("<location>local</location>", "agent=001;1=Wazuh v4.14.2", "agent 1 json"),
    ("<location>local</location>", "agent=001;1=Wazuh v4.2.5", "agent 1 json"),
    ("<location>local</location>", "agent=001;1=Wazuh v4.2.4", "agent 1 escaped"),
    ("<location>local</location>", "agent=001;1=Wazuh v4.1.5", "agent 1 words"),
    ("<location>local</location>", "agent=001;1=Wazuh v3.13.6", "agent 1 words"),
    ("<location>local</location>", "agent=001;1=Wazuh v5.0.0", "agent 1 json"),
    ("<location>local</location>", "agent=001;1=v5.0", "bad version 1 v5.0"),
    ("<location>local</location>", "agent=001;1=Wazuh v5.0", "bad version 1 Wazuh v5.0"),
    ("<location>local</location>", "agent=001;1=4.14.2", "bad version 1 4.14.2"),
    ("<location>local</location>", "agent=001;1=", "bad version 1 "),
    ("<location>local</location>", "agent=001;versionless=1", "no version 1"),
    ("<location>local</location>", "agent=001;gone=1", "no agent 1"),
    // The manager's own version is not looked at.
    ("<location>local</location>", "versionless=0", "manager"),
    // What the event brings.
    ("<location>local</location>", "level=0", "level 0"),
    ("<location>local</location>", "no_ar", "no_ar"),
    ("<location>local</location>", "level=0;accuracy0", "accuracy 0"),
    ("<location>local</location>", "level=2", "level 2 < 3"),
    ("<location>local</location>", "srcip=host.example.com", "manager"),
    ("<location>local</location>", "srcip=UNKNOWN", "manager"),
    ("<location>local</location>", "srcip=fe80::1%eth0", "1271 at 7"),
    ("<location>local</location>", "srcip=", "manager"),
    ("<location>local</location>", "srcip=2001:db8::1", "manager"),
    ("<location>local</location>", "srcip=192.0.2.1/24", "1271 at 9"),
    ("<location>local</location>", "user=root", "manager"),
    ("<location>local</location>", "user=DOM\\user", "1272 at 3"),
    ("<location>local</location>", "user=host$", "1272 at 4"),
    ("<location>local</location>", "user=a b", "1272 at 1"),
    ("<location>local</location>", "user=a@b.c?d-e_f", "manager"),
    ("<location>local</location>", "user=a b;srcip=x%", "1272 at 1"),
    ("<location>local</location>", "user=jürgen", "1272 at 1"),
    // Nothing of this is asked before the binding.
    ("<location>local</location>", "level=2;user=a b", "level 2 < 3"),
    ("<location>local</location><disabled>yes</disabled>", "", "not in force Disabled"),
    (
        "<location>local</location><disabled>yes</disabled><disabled>no</disabled>",
        "",
        "not in force Disabled",
    ),
    ("<location>local</location><disabled>no</disabled>", "", "manager"),
    ("<location>local</location><disabled>Yes</disabled>", "", "analysisd refuses"),
];

/// The white list, the address, whether it stops the response (event of the manager).
const WHITE_LISTS: &[(&str, &str, &str)] = &[
    ("192.0.2.1", "192.0.2.1", "white_list 0 192.0.2.1"),
    ("192.0.2.1", "192.0.2.2", "manager"),
    ("192.0.2.0/24", "192.0.2.77", "white_list 0 192.0.2.77"),
    ("192.0.2.0/24", "192.0.3.1", "manager"),
    ("192.0.2.0/255.255.255.0", "192.0.2.77", "white_list 0 192.0.2.77"),
    ("192.0.2.*", "192.0.2.77", "manager"),
    ("192.0.2.1 ", "192.0.2.1", "manager"),
    ("192.0.2.1", "::ffff:192.0.2.1", "white_list 0 192.0.2.1"),
    ("192.0.2.1", "::FFFF:192.0.2.1", "manager"),
    ("192.0.2.1", "", "manager"),
    ("", "192.0.2.1", "white_list 0 192.0.2.1"),
    ("<!-- x -->", "192.0.2.1", "white_list 0 192.0.2.1"),
    ("10.0.0.|", "192.0.2.1", "white_list 0 192.0.2.1"),
    (".", "192.0.2.1", "white_list 0 192.0.2.1"),
    ("example|192.0.2.", "192.0.2.1", "white_list 0 192.0.2.1"),
    ("^localhost.localdomain$", "localhost.localdomain", "white_list 0 localhost.localdomain"),
    ("!192.0.2.1", "192.0.2.1", "white_list 0 192.0.2.1"),
    ("!192.0.2.1", "192.0.2.2", "manager"),
    ("::1", "2001:db8::1", "white_list 0 2001:db8::1"),
    ("2001:db8::/32", "2001:db8::1", "manager"),
    ("0.0.0.0/0", "192.0.2.1", "white_list 0 192.0.2.1"),
    ("0.0.0.0/0", "host", "manager"),
    ("192.0.2.01", "192.0.2.1", "analysisd refuses"),
    ("300.0.0.1", "192.0.2.1", "analysisd refuses"),
    // Patterns are asked after addresses, wherever they stand.
    ("192</white_list><white_list>192.0.2.1", "192.0.2.1", "white_list 1 192.0.2.1"),
];

#[test]
fn the_table() {
    assert!(TRIGGERS.len() + PLACES.len() + WHITE_LISTS.len() >= 150);
    for (trigger, wanted) in TRIGGERS {
        let body = format!("<location>local</location>{trigger}");
        check(&format!("{COMMAND}{}", response(&body)), "", wanted);
    }
    for (place, words, wanted) in PLACES {
        check(&format!("{COMMAND}{}", response(&format!("{place}<level>3</level>"))), words, wanted);
    }
    let body = response("<location>local</location><level>3</level>");
    for (entry, address, wanted) in WHITE_LISTS {
        let sections = format!("<global><white_list>{entry}</white_list></global>{COMMAND}{body}");
        let words = if address.is_empty() { String::new() } else { format!("srcip={address}") };
        check(&sections, &words, wanted);
    }
}

#[test]
fn other_blocks_matter() {
    let local = response("<location>local</location><level>3</level>");
    let server = response("<location>server</location><level>3</level>");
    let off = response("<location>local</location><level>3</level><disabled>yes</disabled>");
    for (blocks, words, wanted) in [
        (format!("{local}{off}"), "", "no queue true Some(2)"),
        (format!("{local}{off}"), "agent=001", "no queue false Some(2)"),
        (format!("{off}{local}"), "", "not in force Disabled"),
        (format!("{local}{off}{server}"), "", "manager"),
        (format!("{local}{off}{server}"), "agent=001", "no queue false Some(2)"),
        (format!("{local}{off}{local}"), "agent=001", "agent 1"),
        (format!("{local}{off}"), "srcip=127.0.0.1", "no queue true Some(2)"),
        (local.clone() + "<active-response></active-response>", "", "analysisd refuses"),
        (local.clone() + "<global></global>", "", "analysisd refuses"),
        (local.clone() + "<alerts></alerts>", "", "analysisd refuses"),
        (local.clone() + "<ruleset></ruleset>", "", "analysisd refuses"),
        (local.clone() + "<logging/>", "", "manager"),
        (local.clone() + "<nosuch><a>1</a></nosuch>", "", "analysisd refuses"),
        (
            local.clone() + "<global><white_list>300.1.1.1</white_list></global>" + &response(""),
            "",
            "analysisd refuses",
        ),
    ] {
        check(&format!("{COMMAND}{blocks}"), words, wanted);
    }
    // A fault in a response block is told before one in <global>.
    let conf = manager(&format!(
        "{COMMAND}<global><white_list>300.1.1.1</white_list></global><active-response><command>no</command>\
         <location>local</location><level>3</level></active-response>"
    ));
    let Verdict::Not(Reason::AnalysisdRefuses { problem: Some(problem) }) = fires(&conf, None, 0, &event(""))
    else {
        panic!("it is refused");
    };
    assert_eq!(conf.problems[problem].number, Some(1303));
    // An empty group fits a rule of any group.
    let any = response("<location>local</location><rules_group></rules_group>");
    check(&format!("{COMMAND}{any}"), "rule=5402;level=3;groups=syslog,sudo,", "manager");
    // An agent's own ossec.conf starts nothing.
    let text = format!("<ossec_config>{COMMAND}{local}</ossec_config>");
    let conf = super::super::ossec_conf::read(text.as_bytes(), super::super::ossec_conf::Role::Agent, None);
    assert_eq!(say(&fires(&conf, None, 0, &event(""))), "not in force NotRead");
    // Two of the same: both.
    let conf = manager(&format!("{COMMAND}{local}{local}"));
    for index in [0, 1] {
        assert_eq!(say(&fires(&conf, None, index, &event(""))), "manager");
    }
    assert_eq!(say(&fires(&conf, None, 2, &event(""))), "no such response");
    // Managers before 4.2.5 escape for nobody.
    let conf = manager(&format!("{COMMAND}{local}"));
    let words = event("agent=001;1=Wazuh v4.2.3");
    for (version, wanted) in
        [("4.2.4", "agent 1 json"), ("4.2.5", "agent 1 escaped"), ("4.14.2", "agent 1 escaped")]
    {
        assert_eq!(say(&fires(&conf, Version::parse(version), 0, &words)), wanted, "{version}");
    }
    // An undefined command, and one that is defined too late.
    check(&local, "", "analysisd refuses");
    check(&format!("{local}{COMMAND}"), "", "analysisd refuses");
    let two = "<command><name>fw1</name><executable>a</executable></command>\
         <command><name>fw</name><executable>b</executable><timeout_allowed>yes</timeout_allowed></command>\
         <active-response><command>fw1</command><location>local</location><level>3</level></active-response>\
         <active-response><command>fw</command><location>local</location><level>3</level><timeout>10</timeout>\
         </active-response>";
    let conf = manager(two);
    let names = [0, 1].map(|index| match fires(&conf, None, index, &event("")) {
        Verdict::Fires(fires) => fires.name,
        Verdict::Not(_) => Vec::new(),
    });
    assert_eq!(names, [b"fw10".to_vec(), b"fw10".to_vec()]);
}

#[test]
fn before_4_2_expected_fields_must_be_there() {
    let old = Version::parse("4.1.5");
    for (expect, words, wanted) in [
        ("", "", "manager"),
        ("", "srcip=%;user=a b", "manager"),
        ("srcip", "", "expects srcip"),
        ("srcip", "srcip=192.0.2.1", "manager"),
        ("srcip", "srcip=192.0.2.1;user=a b", "manager"),
        ("srcip", "srcip=a%b", "1271 at 1"),
        ("user", "", "expects user"),
        ("user", "user=a b", "1272 at 1"),
        ("filename", "", "expects filename"),
        ("filename", "file", "manager"),
        ("srcip", "agent=001;srcip=192.0.2.1;1=v5.0", "agent 1 words"),
    ] {
        let command =
            format!("<command><name>fw</name><executable>fw</executable><expect>{expect}</expect></command>");
        let sections = format!("{command}{}", response("<location>local</location><level>3</level>"));
        let text = format!("<ossec_config>{sections}</ossec_config>");
        let conf =
            super::super::ossec_conf::read(text.as_bytes(), super::super::ossec_conf::Role::Manager, old);
        assert_eq!(say(&fires(&conf, old, 0, &event(words))), wanted, "{expect} {words}");
        if expect == "srcip" && words.is_empty() {
            assert_eq!(say(&fires(&manager(&sections), None, 0, &event(words))), "manager");
        }
    }
}

#[test]
fn the_rule_that_wins_counts() {
    let rules = "<group name=\"syslog,sshd,\"><rule id=\"1\" level=\"0\" noalert=\"1\"><description>r</description></rule>\
        <rule id=\"5710\" level=\"5\"><match>x</match><description>p</description><group>invalid_login,</group></rule>\
        <rule id=\"100001\" level=\"7\"><if_sid>5710</if_sid><description>c</description></rule>\
        <rule id=\"100002\" level=\"0\"><if_sid>5710</if_sid><match>y</match><description>c</description></rule>\
        <rule id=\"100003\" level=\"7\"><if_sid>5710</if_sid><match>z</match><options>no_ar</options><description>c</description></rule>\
        <rule id=\"100004\" level=\"7\"><if_sid>5710</if_sid><match>q</match><options>no_log</options><description>c</description></rule>\
        <rule id=\"100005\" level=\"9\" frequency=\"8\"><if_matched_sid>100001</if_matched_sid><description>c</description></rule>\
        <rule id=\"100006\" level=\"3\"><if_sid>5710</if_sid><match>o</match><description>c</description></rule>\
        <rule id=\"100006\" level=\"12\" overwrite=\"yes\"><match>o</match><group>over,</group><description>c</description></rule>\
        </group>";
    let set = load_texts(&[rules], &Surroundings::default());
    assert_eq!(set.messages, []);
    let ask = |trigger: &str, rule: u32| {
        let body = format!("<location>local</location>{trigger}");
        let conf = manager(&format!("{COMMAND}{}", response(&body)));
        let event = Event { rule: RuleFacts::of(set.rule(rule).unwrap()), ..event("") };
        let verdict = fires(&conf, None, 0, &event);
        let bound = set.bound_rules(&conf.responses[0]);
        let listed = bound.iter().any(|&(index, _)| set.rules[index].id == rule);
        assert_eq!(listed, matches!(verdict, Verdict::Fires(_)), "{trigger} {rule}");
        let other = set.bound_responses(set.rule(rule).unwrap(), &conf);
        assert_eq!(other.len(), usize::from(listed), "{trigger} {rule}");
        say(&verdict)
    };
    for (trigger, rule, wanted) in [
        ("<rules_id>5710</rules_id>", 5710, "manager"),
        ("<rules_id>5710</rules_id>", 100_001, "ids [5710]"),
        ("<rules_id>5710,100001</rules_id>", 100_001, "manager"),
        ("<rules_id>100002</rules_id>", 100_002, "level 0"),
        ("<rules_group></rules_group>", 100_002, "level 0"),
        ("<rules_id>100003</rules_id>", 100_003, "no_ar"),
        ("<rules_id>100004</rules_id>", 100_004, "manager"),
        ("<level>9</level>", 100_005, "manager"),
        ("<level>12</level>", 100_006, "manager"),
        ("<level>13</level>", 100_006, "level 12 < 13"),
        ("<rules_group>over</rules_group>", 100_006, "manager"),
        ("<rules_group>sshd,over</rules_group>", 100_006, "manager"),
        ("<rules_group>invalid_login</rules_group>", 100_001, "group"),
        ("<rules_group>sshd,invalid_login</rules_group>", 5710, "manager"),
        ("<rules_group></rules_group>", 1, "level 0"),
    ] {
        assert_eq!(ask(trigger, rule), wanted, "{trigger} {rule}");
    }
    let at = |id| set.index(id).unwrap();
    assert_eq!(set.never_final(at(5710)), Some(Never::ChildTakesAll { child: 100_001 }));
    let sibling = Never::SiblingTakesAll { sibling: 100_001, instead_of: 100_004 };
    assert_eq!(set.never_final(at(100_004)), Some(sibling));
    assert_eq!(set.never_final(at(100_002)), None);
    let conf = manager(&format!(
        "{COMMAND}{}",
        response("<location>local</location><rules_id>5710,99999</rules_id>")
    ));
    assert_eq!(set.missing_ids(&conf.responses[0]), [99999]);
    assert_eq!(set.rules_in_group(b"over").len(), 1);
    assert!(set.rules_in_group(b"sshd, over").is_empty());
}

#[test]
fn facts_from_an_alert() {
    let facts = RuleFacts::of_alert(5710, 5, &["syslog", "sshd"]);
    assert_eq!((facts.groups.as_slice(), facts.groups_guessed), (&b"syslog,sshd,"[..], true));
}
