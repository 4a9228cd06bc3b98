//! Tables for payloads: sources, building, settings, problems.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::PathBuf;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::facts::TextFile;
use crate::host::Fact;
use crate::wazuh::os_match::{OsMatch, white_list_ip};
use crate::wazuh::version::Version;

const ALERT4: &str = include_str!("../../../fixtures/payloads/alert-4.json");
const MESSAGE4: &str = include_str!("../../../fixtures/payloads/message-4.json");
const FINDING5: &str = include_str!("../../../fixtures/payloads/finding-5.json");
const MESSAGE5: &str = include_str!("../../../fixtures/payloads/message-5.json");
const SEED: &str = include_str!("../../../fixtures/payloads/seed.json");

static NONE: Needs = Needs { stock: None, all: Vec::new() };

fn wish(text: &str, contract: Contract) -> Wish<'_> {
    Wish {
        source: Some(Source { shown: "alert.json", bytes: text.as_bytes(), is_log: false }),
        contract,
        name: "firewall-drop600",
        program: if contract == Contract::Json5 { "block-ip" } else { "firewall-drop" },
        rule: None,
        agent: None,
        deed: None,
        extra_args: None,
        timeout: None,
        set: &[],
        needs: &NONE,
    }
}

fn make(text: &str, contract: Contract) -> Payload {
    Payload::make(&wish(text, contract)).unwrap()
}

fn value(payload: &Payload) -> Value {
    serde_json::from_slice(&payload.message).unwrap()
}

fn stock(program: &str, contract: Contract) -> Needs {
    Needs::of_stock(program.as_bytes(), contract, None).unwrap()
}

fn problems(payload: &mut Payload, needs: &Needs) -> Vec<(&'static str, Severity)> {
    payload.check(&Against {
        needs,
        version: None,
        white_list: None,
        to_agent: true,
        arrived: false,
        script: None,
    });
    payload.problems.iter().map(|problem| (problem.check.check().slug, problem.severity)).collect()
}

#[test]
fn a_message_is_built_round_an_alert() {
    let payload = make(ALERT4, Contract::Json4);
    assert_eq!((payload.kind, payload.deed, payload.problems.len()), (Kind::Alert, Deed::Add, 0));
    let text = String::from_utf8(payload.message.clone()).unwrap();
    assert!(text.starts_with(
        "{\"version\":1,\"origin\":{\"name\":\"\",\"module\":\"wazuh-analysisd\"},\"command\":\"firewall-drop600\",\"parameters\":{\"extra_args\":[],\"alert\":{\"timestamp\""
    ), "{text}");
    assert!(text.ends_with(&format!("{}}}}}", ALERT4.trim())), "the alert is as it was");
    let mut with_args = wish(ALERT4, Contract::Json4);
    with_args.extra_args = Some("-a  b");
    assert_eq!(value(&Payload::make(&with_args).unwrap())["parameters"]["extra_args"], json!(["-a", "b"]));
}

#[test]
fn a_message_is_built_round_a_finding() {
    let mut wish = wish(FINDING5, Contract::Json5);
    wish.timeout = Some(600);
    wish.extra_args = Some("a b");
    let payload = Payload::make(&wish).unwrap();
    assert_eq!((payload.kind, payload.problems.len()), (Kind::Alert, 0));
    let got = value(&payload);
    assert_eq!(got.get("command"), None, "execd adds it");
    assert_eq!(
        got["wazuh"]["active_response"],
        json!({"name":"firewall-drop600","executable":"block-ip","location":"local","extra_arguments":"a b","type":"stateful","stateful_timeout":600})
    );
    assert_eq!(got["source"]["ip"], "203.0.113.45");
    assert_eq!(got["wazuh"]["agent"]["id"], "001");
}

#[test]
fn what_was_logged_behind_execd_is_turned_back() {
    let payload = make(MESSAGE4, Contract::Json4);
    let got = value(&payload);
    assert_eq!(payload.kind, Kind::Message);
    assert_eq!(got["command"], "firewall-drop600");
    assert_eq!(got["origin"], json!({"name":"node01","module":"wazuh-analysisd"}));
    assert_eq!(got["parameters"].get("program"), None);
    assert_eq!(got["parameters"]["extra_args"], json!(["--zone", "public"]));
    assert_eq!(payload.notes.len(), 1);

    let deleted = MESSAGE4.replace("\"add\"", "\"delete\"");
    assert_eq!(make(&deleted, Contract::Json4).deed, Deed::Delete);
    let mut wish = wish(&deleted, Contract::Json4);
    wish.deed = Some(Deed::Add);
    assert_eq!(Payload::make(&wish).unwrap().deed, Deed::Add);

    let payload = make(MESSAGE5, Contract::Json5);
    assert_eq!(value(&payload).get("command"), None);
    assert_eq!(value(&payload)["wazuh"]["active_response"]["executable"], "block-ip");
    let payload = make(SEED, Contract::Json4);
    assert_eq!(value(&payload)["command"], "firewall-drop600");
    assert!(payload.valid());
    assert!(
        Payload::make(&self::wish(
            "{\"version\":1,\"command\":\"check_keys\",\"parameters\":{\"keys\":[]}}",
            Contract::Json4
        ))
        .is_err()
    );
}

#[test]
fn the_other_generation_is_an_error() {
    for (text, contract) in [
        (ALERT4, Contract::Json5),
        (MESSAGE4, Contract::Json5),
        (FINDING5, Contract::Json4),
        (MESSAGE5, Contract::Json4),
        (SEED, Contract::Json5),
    ] {
        let payload = make(text, contract);
        assert!(!payload.valid());
        assert_eq!(payload.problems[0].check, checks::PAYLOAD_OTHER_CONTRACT);
    }
}

#[test]
fn arguments_of_4_1() {
    let payload = make(ALERT4, Contract::Args);
    assert_eq!(
        String::from_utf8(payload.message).unwrap(),
        "firewall-drop600 alice 203.0.113.45 1768472430.12345 5712 /var/log/auth.log - -"
    );
    let old = "firewall-drop600 - 192.0.2.1 1616161616.123 5712 (web) any->/var/log/auth.log - -";
    let payload = make(old, Contract::Args);
    assert_eq!(
        (payload.kind, payload.valid(), payload.message.as_slice()),
        (Kind::Text, true, old.as_bytes())
    );
    // For the response that is asked for, as with JSON.
    let payload = make(&old.replace("firewall-drop600", "host-deny600"), Contract::Args);
    assert_eq!((payload.message.as_slice(), payload.notes.len()), (old.as_bytes(), 1));
}

#[test]
fn what_execd_itself_reads() {
    let executable = "wazuh.active_response.executable";
    for (text, contract, set, what) in [
        (ALERT4, Contract::Json4, "command:=7", "command is a number"),
        (ALERT4, Contract::Json4, "command:=null", "command is null"),
        (ALERT4, Contract::Json4, "command=", "command is empty"),
        (ALERT4, Contract::Json4, "command=restart-wazuh", "restart.sh"),
        (FINDING5, Contract::Json5, "wazuh.active_response.executable=../x", "leads out"),
        (FINDING5, Contract::Json5, "wazuh.active_response.executable=", "is empty"),
        (FINDING5, Contract::Json5, "wazuh.active_response.executable:=[]", "and execd wants a string"),
        (MESSAGE5, Contract::Json5, "wazuh.active_response:=7", "has no"),
    ] {
        let set = [Set::parse(set).unwrap()];
        let mut wish = wish(text, contract);
        wish.set = &set;
        let mut payload = Payload::make(&wish).unwrap();
        let found = problems(&mut payload, &NONE);
        assert_eq!(found, [("payload-field-type", Severity::Error)], "{set:?}");
        let problem = &payload.problems[0];
        assert!(problem.what.contains(what), "{set:?}: {}", problem.what);
        assert_eq!(
            problem.pointer.as_deref(),
            Some(if contract == Contract::Json5 { executable } else { "command" })
        );
    }
    // A name that is not known is execd's to refuse, and a path below the folder is fine.
    for (text, contract, set) in [
        (ALERT4, Contract::Json4, "command=other"),
        (FINDING5, Contract::Json5, "wazuh.active_response.executable=a..b/c"),
        (MESSAGE5, Contract::Json5, "wazuh.active_response.executable=x"),
    ] {
        let set = [Set::parse(set).unwrap()];
        let mut wish = wish(text, contract);
        wish.set = &set;
        assert_eq!(problems(&mut Payload::make(&wish).unwrap(), &NONE), [], "{set:?}");
    }
}

#[test]
fn a_command_in_an_event_of_5_x_is_there_twice_for_the_script() {
    let own = FINDING5.replacen('{', "{\"command\":\"ls\",", 1);
    let mut payload = make(&own, Contract::Json5);
    assert_eq!(problems(&mut payload, &NONE), [("payload-not-json", Severity::Warning)]);
    assert!(payload.valid() && payload.findings("block")[0].title.contains("command of its own"));
    // What execd itself added was taken out.
    assert_eq!(problems(&mut make(MESSAGE5, Contract::Json5), &NONE), []);
    let below = FINDING5.replacen('{', "{\"process\":{\"command\":\"ls\"},", 1);
    assert_eq!(problems(&mut make(&below, Contract::Json5), &NONE), []);
}

#[test]
fn one_reading_of_an_address_is_named_once() {
    assert_eq!(misread("010.0.0.1").unwrap(), ["8.0.0.1".parse::<IpAddr>().unwrap()]);
    assert_eq!(misread("10.1").unwrap().len(), 2);
}

#[test]
fn a_document_of_the_indexer_is_unwrapped() {
    let text = format!("{{\"_index\":\"wazuh-alerts\",\"_source\":{}}}", ALERT4.trim());
    assert_eq!(value(&make(&text, Contract::Json4)), value(&make(ALERT4, Contract::Json4)));
}

#[test]
fn faults_of_the_text() {
    let payload = make("{'version':1}", Contract::Json4);
    assert_eq!(
        (payload.kind, payload.valid(), payload.message.as_slice()),
        (Kind::Broken, false, &b"{'version':1}"[..])
    );
    let place = payload.problems[0].place.clone().unwrap();
    assert_eq!((place.line, place.column, &place.text[place.mark]), (1, 2, &b"'"[..]));
    let finding = &payload.findings("firewall-drop600")[0];
    assert_eq!(finding.check, checks::PAYLOAD_NOT_JSON);
    assert!(matches!(&finding.evidence[0], Evidence::Excerpt { file, .. } if file == "alert.json"));

    // What execd takes is played, mended.
    for (text, severity) in [
        (format!("\u{feff}{ALERT4}"), Severity::Advice),
        (
            serde_json::to_string_pretty(&serde_json::from_str::<Value>(ALERT4).unwrap()).unwrap(),
            Severity::Advice,
        ),
        (format!("{} trailing", ALERT4.trim()), Severity::Warning),
    ] {
        let payload = make(&text, Contract::Json4);
        assert_eq!(payload.problems[0].severity, severity, "{text}");
        assert!(payload.valid());
        assert_eq!(value(&payload), value(&make(ALERT4, Contract::Json4)));
        assert!(!payload.message.contains(&b'\n'));
    }
}

#[test]
fn one_of_many_alerts_is_picked() {
    let line = |rule: &str, agent: &str, ip: &str| {
        format!(
            "{{\"rule\":{{\"id\":\"{rule}\",\"level\":5}},\"agent\":{{\"id\":\"{agent}\",\"name\":\"n{agent}\"}},\"data\":{{\"srcip\":\"{ip}\"}}}}\n"
        )
    };
    let text = line("5710", "001", "192.0.2.1")
        + "broken\n"
        + &line("5712", "002", "192.0.2.2")
        + &line("5710", "002", "192.0.2.3")
        + &line("31101", "003", "192.0.2.4");
    let pick = |rule: Option<&str>, agent: Option<&str>| {
        let mut wish = wish(&text, Contract::Json4);
        (wish.rule, wish.agent) = (rule, agent);
        Payload::make(&wish).map(|payload| {
            value(&payload)["parameters"]["alert"]["data"]["srcip"].as_str().unwrap().to_owned()
        })
    };
    assert_eq!(pick(Some("5710"), None).unwrap(), "192.0.2.3");
    assert_eq!(pick(Some("5710"), Some("001")).unwrap(), "192.0.2.1");
    assert_eq!(pick(Some("5710"), Some("1")).unwrap(), "192.0.2.1");
    assert_eq!(pick(None, Some("n002")).unwrap(), "192.0.2.3");
    assert_eq!(pick(Some("31101"), None).unwrap(), "192.0.2.4");
    let error = pick(Some("100100"), None).unwrap_err();
    assert!(
        error.contains("none of the 4 alerts")
            && error.contains("rule 31101 of agent 003")
            && error.contains("1 lines"),
        "{error}"
    );
    // Without a filter it is not said which one.
    let payload = make(&text, Contract::Json4);
    assert_eq!(payload.problems[0].check, checks::PAYLOAD_NOT_JSON);
    // A first line that is cut spoils nothing.
    let cut = format!("\"level\":5}}}}\n{text}");
    let mut first = wish(&cut, Contract::Json4);
    first.rule = Some("5712");
    assert_eq!(value(&Payload::make(&first).unwrap())["parameters"]["alert"]["data"]["srcip"], "192.0.2.2");
    // A single alert that does not fit.
    let mut wish = wish(ALERT4, Contract::Json4);
    wish.rule = Some("31101");
    assert!(Payload::make(&wish).unwrap_err().contains("rule 5712 of agent 001"));
    wish.rule = Some("5712");
    assert!(Payload::make(&wish).is_ok());
}

#[test]
fn the_newest_message_of_the_log() {
    let line = |program: &str, command: &str, ip: &str| {
        format!(
            "2026/01/15 10:20:30 active-response/bin/{program}: {{\"version\":1,\"origin\":{{\"name\":\"node01\",\"module\":\"wazuh-execd\"}},\"command\":\"{command}\",\"parameters\":{{\"extra_args\":[],\"alert\":{{\"rule\":{{\"id\":\"5712\"}},\"data\":{{\"srcip\":\"{ip}\"}}}},\"program\":\"active-response/bin/{program}\"}}}}\n\n"
        )
    };
    let keys = "2026/01/15 10:20:30 active-response/bin/firewall-drop: {\"version\":1,\"origin\":{\"name\":\"firewall-drop\",\"module\":\"active-response\"},\"command\":\"check_keys\",\"parameters\":{\"keys\":[\"192.0.2.9\"]}}\n";
    let last = |text: &str, deed: Option<Deed>| {
        let mut wish = wish(text, Contract::Json4);
        wish.source = Some(Source { shown: "log", bytes: text.as_bytes(), is_log: true });
        wish.deed = deed;
        Payload::make(&wish).map(|payload| {
            (
                value(&payload)["parameters"]["alert"]["data"]["srcip"].as_str().unwrap().to_owned(),
                payload.shown.clone(),
                payload.notes.len(),
            )
        })
    };
    let head = "2026/01/15 10:20:30 active-response/bin/firewall-drop: Starting\n";
    let text = head.to_owned()
        + &line("firewall-drop", "add", "192.0.2.1")
        + keys
        + &line("firewall-drop", "continue", "192.0.2.2")
        + keys
        + &line("firewall-drop", "delete", "192.0.2.3")
        + &line("host-deny", "add", "192.0.2.4")
        + "2026/01/15 x: Ended\n";
    assert_eq!(last(&text, None).unwrap(), ("192.0.2.2".to_owned(), "log:5".to_owned(), 1));
    assert_eq!(last(&text, Some(Deed::Delete)).unwrap().0, "192.0.2.3");
    // Only others' lines, only a delete, nothing.
    assert_eq!(
        last(&line("host-deny", "add", "192.0.2.4"), None).unwrap(),
        ("192.0.2.4".to_owned(), "log:1".to_owned(), 2)
    );
    assert_eq!(last(&line("firewall-drop", "delete", "192.0.2.3"), None).unwrap().0, "192.0.2.3");
    assert!(last(head, None).is_err());
    assert!(last("", None).is_err());
    assert!(last(keys, None).is_err());
}

#[test]
fn settings() {
    let set = |text: &str| Set::parse(text);
    assert_eq!(set("data.srcip=203.0.113.9").unwrap().json, b"\"203.0.113.9\"");
    assert_eq!(set("a=b=c").unwrap(), Set { path: "a".to_owned(), json: b"\"b=c\"".to_vec() });
    assert_eq!(set("rule.level:=7").unwrap(), Set { path: "rule.level".to_owned(), json: b"7".to_vec() });
    assert_eq!(set("a:={ \"b\" : [1] }").unwrap().json, b"{\"b\":[1]}");
    assert_eq!(set("rule.level=7").unwrap().json, b"\"7\"");
    for text in ["data.srcip", "=x", "a:=x", "a..b=1", "a:=1 2"] {
        assert!(set(text).is_err(), "{text}");
    }
    let sets = [
        set("data.srcip=192.0.2.7").unwrap(),
        set("parameters.extra_args:=[\"x\"]").unwrap(),
        set("data.new.deep:=1").unwrap(),
    ];
    let mut wish = wish(ALERT4, Contract::Json4);
    wish.set = &sets;
    let got = value(&Payload::make(&wish).unwrap());
    assert_eq!(got["parameters"]["alert"]["data"]["srcip"], "192.0.2.7");
    assert_eq!(got["parameters"]["extra_args"], json!(["x"]));
    assert_eq!(got["parameters"]["alert"]["data"]["new"]["deep"], 1);
    let sets = [set("source.ip=192.0.2.7").unwrap()];
    let mut wish = self::wish(FINDING5, Contract::Json5);
    wish.set = &sets;
    assert_eq!(value(&Payload::make(&wish).unwrap())["source"]["ip"], "192.0.2.7");
}

#[test]
fn the_sample_serves_every_shipped_program() {
    for (contract, programs) in [
        (
            Contract::Json4,
            &[
                "firewall-drop",
                "firewalld-drop",
                "disable-account",
                "host-deny",
                "route-null",
                "restart-wazuh",
            ][..],
        ),
        (Contract::Json5, &["block-ip", "disable-account"]),
    ] {
        for program in programs {
            let needs = stock(program, contract);
            let mut wish = wish("", contract);
            (wish.source, wish.needs, wish.program) = (None, &needs, program);
            let mut payload = Payload::make(&wish).unwrap();
            assert_eq!(payload.kind, Kind::Sample);
            assert_eq!(problems(&mut payload, &needs), [], "{program}");
        }
    }
    let needs = Needs::of_text(
        b"#!/bin/sh\nread -r L\nX=$(echo \"$L\" | jq -r .parameters.alert.data.custom.field)\n",
    );
    let mut wish = wish("", Contract::Json4);
    (wish.source, wish.needs) = (None, &needs);
    let mut payload = Payload::make(&wish).unwrap();
    assert_eq!(value(&payload)["parameters"]["alert"]["data"]["custom"]["field"], "sample");
    assert_eq!(problems(&mut payload, &needs), []);
}

#[test]
fn fields_are_held_against_the_script() {
    let drop = stock("firewall-drop", Contract::Json4);
    let account = stock("disable-account", Contract::Json4);
    let slack = stock("wazuh-slack", Contract::Json4);
    let missing = [("payload-field-missing", Severity::Error)];
    let kind = [("payload-field-type", Severity::Error)];
    let address = [("payload-address", Severity::Error)];
    let good = &[][..];
    for (needs, data, wanted) in [
        (&drop, json!({"srcip":"192.0.2.1"}), good),
        (&drop, json!({"srcip":"2001:db8::1"}), good),
        (&drop, json!({"src_ip":"192.0.2.1"}), &missing[..]),
        (&drop, json!({}), &missing),
        (&drop, json!({"srcip":7}), &kind),
        (&drop, json!({"srcip":["192.0.2.1"]}), &kind),
        (&drop, json!({"srcip":null}), &missing),
        (&drop, json!({"srcip":"www.example.com"}), &address),
        (&drop, json!({"srcip":""}), &address),
        (&drop, json!({"srcip":"10.1"}), &address),
        (&drop, json!({"srcip":"010.0.0.1"}), &address),
        (&drop, json!({"srcip":"::ffff:192.0.2.1"}), &address),
        // The first string counts, without a second chance.
        (&drop, json!({"srcip":"192.0.2.1","win":{"eventdata":{"ipAddress":"-"}}}), &address),
        (&drop, json!({"win":{"eventdata":{"ipAddress":"192.0.2.1"}}}), good),
        (&drop, json!({"srcip":"192.0.2.1","win":{"eventdata":{"ipAddress":5}}}), good),
        (&account, json!({"dstuser":"alice"}), good),
        (&account, json!({"dstuser":"Root"}), good),
        (&account, json!({"dstuser":"root"}), &kind),
        (&account, json!({"dstuser":"-x"}), &kind),
        (&account, json!({"dstuser":""}), &kind),
        (&account, json!({"srcuser":"alice"}), &missing),
        (&slack, json!({}), &kind),
    ] {
        let alert = json!({"rule":{"id":"1","level":3},"data":data}).to_string();
        let mut payload = make(&alert, Contract::Json4);
        assert_eq!(problems(&mut payload, needs), wanted, "{alert}");
    }
    // What the field is called instead is said.
    let mut payload = make("{\"rule\":{\"id\":\"1\"},\"data\":{\"src_ip\":\"192.0.2.1\"}}", Contract::Json4);
    problems(&mut payload, &drop);
    assert!(
        payload.problems[0].what.contains("parameters.alert.data.src_ip = 192.0.2.1"),
        "{:?}",
        payload.problems
    );
    // 10.1 is 10.1.0.0 for iptables.
    let mut payload = make("{\"rule\":{\"id\":\"1\"},\"data\":{\"srcip\":\"10.1\"}}", Contract::Json4);
    problems(&mut payload, &drop);
    assert!(payload.problems[0].what.contains("10.1.0.0"));
    // The seed's message has no origin.
    assert_eq!(problems(&mut make(SEED, Contract::Json4), &drop), missing);
    let block = stock("block-ip", Contract::Json5);
    assert_eq!(problems(&mut make(FINDING5, Contract::Json5), &block), []);
    assert_eq!(
        problems(&mut make("{\"wazuh\":{},\"source\":{\"ip\":[\"192.0.2.1\"]}}", Contract::Json5), &block),
        kind
    );
}

#[test]
fn scripts_of_ones_own() {
    let shell =
        Needs::of_text(b"#!/bin/sh\nread -r L\nX=$(echo \"$L\" | jq -r .parameters.alert.data.srcip)\n");
    let python = Needs::of_text(b"#!/usr/bin/python3\nimport json\nm = json.loads(input())\nip = m['parameters']['alert']['data']['srcip']\n");
    let five = Needs::of_text(b"#!/bin/sh\nread -r L\nX=$(echo \"$L\" | jq -r .source.ip)\n");
    let pattern =
        Needs::of_text(b"#!/bin/sh\nread -r L\nX=$(echo \"$L\" | grep -o '\"srcip\":\"[^\"]*\"')\n");
    let none = "{\"rule\":{\"id\":\"1\"},\"data\":{}}";
    assert_eq!(
        problems(&mut make(none, Contract::Json4), &shell),
        [("payload-field-missing", Severity::Warning)]
    );
    assert_eq!(
        problems(&mut make(none, Contract::Json4), &python),
        [("payload-field-missing", Severity::Error)]
    );
    assert_eq!(
        problems(&mut make(none, Contract::Json4), &pattern),
        [("payload-field-missing", Severity::Warning)]
    );
    assert_eq!(
        problems(&mut make(none, Contract::Json4), &five),
        [],
        "the script is for 5.x, which is another check"
    );
    for needs in [&shell, &python, &pattern] {
        assert_eq!(problems(&mut make(SEED, Contract::Json4), needs), []);
        assert_eq!(problems(&mut make(ALERT4, Contract::Json4), needs), []);
    }
    let host = "{\"rule\":{\"id\":\"1\"},\"data\":{\"srcip\":\"www\"}}";
    assert_eq!(problems(&mut make(host, Contract::Json4), &shell), [("payload-address", Severity::Warning)]);
}

#[test]
fn gates_of_analysisd() {
    for (data, wanted) in [
        (json!({"dstuser":"DOMAIN\\user"}), Some("1272")),
        (json!({"dstuser":"a b"}), Some("1272")),
        (json!({"dstuser":"user@x-y.z_1?"}), None),
        (json!({"srcip":"fe80::1%eth0"}), Some("1271")),
        (json!({"srcip":"192.0.2.1"}), None),
    ] {
        let mut payload = make(&json!({"rule":{"id":"1"},"data":data}).to_string(), Contract::Json4);
        problems(&mut payload, &NONE);
        match wanted {
            None => assert_eq!(payload.problems, [], "{data}"),
            Some(number) => assert!(payload.problems[0].what.contains(number), "{data}"),
        }
    }
}

#[test]
fn deep_events_are_read() {
    let deep =
        format!("{{\"rule\":{{\"id\":\"1\"}},\"data\":{}1{}}}", "{\"a\":".repeat(900), "}".repeat(900));
    let payload = make(&deep, Contract::Json4);
    assert_eq!(payload.problems, []);
    assert!(payload.message.ends_with(b"}}}"));
    let _ = other_target(&payload.message, Contract::Json4);
}

#[test]
fn sizes() {
    for (fill, to_agent, wanted) in
        [(1000, true, 0), (65_300, true, 1), (65_300, false, 0), (66_000, false, 1)]
    {
        let alert = json!({"rule":{"id":"1"},"full_log":"x".repeat(fill)}).to_string();
        let mut payload = make(&alert, Contract::Json4);
        payload.check(&Against {
            needs: &NONE,
            version: Some(Version::new(4, 14, 9)),
            white_list: None,
            to_agent,
            arrived: false,
            script: None,
        });
        assert_eq!(payload.problems.len(), wanted, "{fill} {to_agent}");
    }
}

#[test]
fn the_white_list() {
    use crate::wazuh::ossec_conf::{Value, WhiteListEntry, WhiteListKind};
    use crate::wazuh::xml::Span;
    let text =
        b"<global>\n<white_list>192.0.2.0/24</white_list>\n<white_list>^localhost</white_list>\n</global>\n";
    let file =
        TextFile::of_bytes("etc/ossec.conf".to_owned(), PathBuf::from("/x"), Fact::known("x", text.to_vec()));
    let entry = |needle: &str, kind: WhiteListKind| {
        let at = memchr::memmem::find(text, needle.as_bytes()).unwrap();
        let span = Span { start: at, end: at + needle.len() };
        WhiteListEntry {
            value: Value { text: needle.as_bytes().to_vec(), span, element: span, line: 1 },
            kind,
        }
    };
    let entries = [
        entry("192.0.2.0/24", WhiteListKind::Ip(white_list_ip(b"192.0.2.0/24").unwrap())),
        entry("^localhost", WhiteListKind::Pattern(OsMatch::compile(b"^localhost").unwrap())),
    ];
    for (srcip, line) in [
        ("192.0.2.7", Some(2)),
        ("::ffff:192.0.2.7", Some(2)),
        ("localhost.x", Some(3)),
        ("203.0.113.1", None),
    ] {
        let alert = json!({"rule":{"id":"1"},"data":{"srcip":srcip}}).to_string();
        let mut payload = make(&alert, Contract::Json4);
        let white_list = Some(WhiteList { entries: &entries, file: &file });
        payload.check(&Against {
            needs: &NONE,
            version: None,
            white_list,
            to_agent: false,
            arrived: false,
            script: None,
        });
        let found = payload.problems.iter().find(|problem| problem.check == checks::PAYLOAD_WHITE_LISTED);
        assert_eq!(found.is_some(), line.is_some(), "{srcip}");
        if let (Some(found), Some(line)) = (found, line) {
            assert!(matches!(&found.evidence[0], Evidence::Excerpt { line: at, .. } if *at == line));
        }
    }
}

#[test]
fn another_target() {
    let payload = make(ALERT4, Contract::Json4);
    let other = other_target(&payload.message, Contract::Json4);
    let (a, b) = (value(&payload), serde_json::from_slice::<Value>(&other).unwrap());
    let (a, b) = (&a["parameters"]["alert"], &b["parameters"]["alert"]);
    assert_ne!(a["data"]["srcip"], b["data"]["srcip"]);
    assert_ne!(a["data"]["dstuser"], b["data"]["dstuser"]);
    assert!(b["full_log"].as_str().unwrap().contains(b["data"]["srcip"].as_str().unwrap()));
    assert_eq!((&a["agent"], &a["rule"]), (&b["agent"], &b["rule"]));
    let payload = make(FINDING5, Contract::Json5);
    let other = serde_json::from_slice::<Value>(&other_target(&payload.message, Contract::Json5)).unwrap();
    assert_ne!(value(&payload)["source"]["ip"], other["source"]["ip"]);
    assert_ne!(value(&payload)["user"]["name"], other["user"]["name"]);
    assert_eq!(value(&payload)["wazuh"], other["wazuh"]);
    // Once more gives yet another.
    let message = make(SEED, Contract::Json4).message;
    let twice = other_target(&other_target(&message, Contract::Json4), Contract::Json4);
    assert_ne!(twice, other_target(&message, Contract::Json4));
    assert_eq!(other_target(b"no JSON", Contract::Json4), b"no JSON");
}

#[test]
fn strings_are_filled() {
    let payload = make(FINDING5, Contract::Json5);
    let filled = fill_strings(&payload.message, Contract::Json5, |_, _| "$(touch /tmp/x)\"'".to_owned());
    let got = serde_json::from_slice::<Value>(&filled).unwrap();
    assert_eq!(got["source"]["ip"], "$(touch /tmp/x)\"'");
    assert_eq!(got["wazuh"]["active_response"], value(&payload)["wazuh"]["active_response"]);
    assert_eq!(got["source"]["port"], value(&payload)["source"]["port"]);
    let payload = make(ALERT4, Contract::Json4);
    let got =
        serde_json::from_slice::<Value>(&fill_strings(&payload.message, Contract::Json4, |path, text| {
            if path.ends_with("srcip") { "x".to_owned() } else { text.to_owned() }
        }))
        .unwrap();
    assert_eq!(got["parameters"]["alert"]["data"]["srcip"], "x");
    assert_eq!(got["command"], "firewall-drop600");
    let message = with(&payload.message, "parameters.alert.data.srcip", &json!(["a"])).unwrap();
    assert_eq!(
        serde_json::from_slice::<Value>(&message).unwrap()["parameters"]["alert"]["data"]["srcip"],
        json!(["a"])
    );
    let message = without(&message, "parameters.alert.data.srcip");
    assert_eq!(
        serde_json::from_slice::<Value>(&message).unwrap()["parameters"]["alert"]["data"].get("srcip"),
        None
    );
}

proptest! {
    #[test]
    fn nothing_panics(bytes in prop::collection::vec(any::<u8>(), 0..80), log: bool, five: bool) {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let mut wish = wish(&text, if five { Contract::Json5 } else { Contract::Json4 });
        wish.source = Some(Source { shown: "x", bytes: &bytes, is_log: log });
        let _ = Payload::make(&wish);
    }

    #[test]
    fn broken_messages_never_panic(at in any::<prop::sample::Index>(), byte: u8, which in 0..5usize, contract in 0..3usize, rule: bool) {
        let mut bytes = [ALERT4, MESSAGE4, FINDING5, MESSAGE5, SEED][which].trim().as_bytes().to_vec();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let contract = [Contract::Args, Contract::Json4, Contract::Json5][contract];
        let mut wish = wish("", contract);
        wish.source = Some(Source { shown: "x", bytes: &bytes, is_log: false });
        wish.rule = rule.then_some("5712");
        if let Ok(mut payload) = Payload::make(&wish) {
            let needs = if contract == Contract::Json5 { stock("block-ip", contract) } else { stock("firewall-drop", Contract::Json4) };
            problems(&mut payload, &needs);
            prop_assert!(payload.kind == Kind::Broken || !payload.message.contains(&b'\n'));
            let _ = (payload.findings("x"), other_target(&payload.message, contract));
        }
    }

    #[test]
    fn a_setting_is_read_back(path in "[a-z]{1,4}(\\.[a-z]{1,4}){0,3}", text in ".{0,20}") {
        let set = Set::parse(&format!("{path}={text}"));
        prop_assume!(!path.starts_with("parameters") && set.is_ok());
        let sets = [set.unwrap()];
        let mut wish = wish("{\"rule\":{\"level\":1}}", Contract::Json4);
        wish.set = &sets;
        if let Ok(payload) = Payload::make(&wish) {
            let got = value(&payload);
            let pointer = format!("/parameters/alert/{}", path.replace('.', "/"));
            let root = format!("/{}", path.replace('.', "/"));
            let found = got.pointer(&pointer).or_else(|| got.pointer(&root)).and_then(Value::as_str);
            prop_assert_eq!(found, Some(text.as_str()));
        }
    }
}
