//! Any input gives an answer: no panic, no failed probe, and the same answer
//! twice. `cargo test` runs 256 cases of each, `-- --ignored` the full count.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use ar_doctor::host::capture::CaptureHost;
use ar_doctor::wazuh::{ar_conf, ossec_conf, xml};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

const FULL: u32 = 20_000;

/// Pieces that mean something to Wazuh's XML reader and to the daemons.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    const WORDS: &[&str] = &[
        "<ossec_config>",
        "</ossec_config>",
        "<command>",
        "</command>",
        "<active-response>",
        "</active-response>",
        "<name>",
        "</name>",
        "<executable>",
        "</executable>",
        "<location>",
        "</location>",
        "<disabled>",
        "</disabled>",
        "<rules_id>",
        "</rules_id>",
        "<level>",
        "</level>",
        "<timeout>",
        "</timeout>",
        "<agent_id>",
        "</agent_id>",
        "<repeated_offenders>",
        "</repeated_offenders>",
        "<global>",
        "</global>",
        "<white_list>",
        "</white_list>",
        "<client>",
        "</client>",
        "<server>",
        "<address>",
        "</address>",
        "</server>",
        "<remote>",
        "</remote>",
        "<connection>",
        "</connection>",
        "<localfile>",
        "</localfile>",
        "<log_format>",
        "</log_format>",
        "<timeout_allowed>",
        "</timeout_allowed>",
        "<rules_group>",
        "</rules_group>",
        "<a b='c'>",
        "<a/>",
        "<!--",
        "-->",
        "!>",
        "\\<",
        "&lt;",
        "<var name='X'>",
        "yes",
        "no",
        "local",
        "server",
        "all",
        "defined-agent",
        "firewall-drop",
        "600",
        "5710, 5711",
        "10.0.0.0/8",
        "::1",
        "../x",
        "/bin/x",
        " ",
        "\n",
        "\r\n",
        "\u{feff}",
        "secure",
        "syslog",
        "\u{1b}[31m",
    ];
    prop_oneof![
        12 => proptest::sample::select(WORDS).prop_map(|word| word.as_bytes().to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 1..6),
        1 => "[a-z0-9 ,.;-]{1,12}".prop_map(String::into_bytes),
    ]
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(piece(), 0..60).prop_map(|pieces| pieces.concat())
}

fn property<S: Strategy>(cases: u32, strategy: S, test: impl Fn(S::Value)) {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let result = TestRunner::new(config).run(&strategy, |value| {
        test(value);
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

fn reader_keeps_its_spans(input: Vec<u8>) {
    assert_eq!(xml::check(&input).err(), xml::parse(&input).err());
    match xml::parse(&input) {
        Ok(document) => {
            for element in document.elements() {
                for span in [element.span, element.name_span, element.content_span] {
                    assert!(span.start <= span.end && span.end <= input.len(), "{span:?} of {}", input.len());
                }
                assert!(
                    element.span.start <= element.name_span.start
                        && element.name_span.end <= element.span.end
                );
            }
        }
        Err(error) => {
            assert!(error.message.starts_with(b"XMLERR: ") && error.line >= 1 && error.offset <= input.len());
        }
    }
}

fn configuration_is_read_the_same_twice(input: Vec<u8>) {
    for role in [ossec_conf::Role::Manager, ossec_conf::Role::Agent] {
        let read = ossec_conf::read(&input, role, None);
        assert_eq!(read, ossec_conf::read(&input, role, None));
        let lines = ar_conf::read(&read.ar_conf, None);
        assert!(lines.slots <= ar_conf::MAX_COMMANDS);
    }
}

/// A report about a host whose file holds these bytes.
fn report_is_made(base: &'static str, file: &'static str) -> impl Fn(Vec<u8>) {
    let host = support::base(base);
    move |input| {
        let mut host: CaptureHost = host.clone();
        host.write(file, &input).expect("the file is there");
        let outcome = support::diagnose(&host);
        assert!(outcome.diagnosis.failed_probes.is_empty(), "{:?}", outcome.diagnosis.failed_probes);
        assert_eq!(outcome.lines, support::diagnose(&host).lines);
    }
}

const MANAGER: &str = "manager-4.14-debian";
const AGENT: &str = "agent-4.14-debian";
const CONF: &str = "/var/ossec/etc/ossec.conf";
const AR_CONF: &str = "/var/ossec/etc/shared/ar.conf";
const SCRIPT: &str = "/var/ossec/active-response/bin/edge-block.sh";

fn script() -> impl Strategy<Value = Vec<u8>> {
    let start = proptest::sample::select(vec!["#!", "#! ", "\u{feff}#!", "", "MZ", "\u{7f}ELF", "\n#!"]);
    let rest = "(/usr)?/?bin/(env|sh|bash)?( -S)?( python3)?( -u)?\r?\n?";
    (start, rest, proptest::collection::vec(any::<u8>(), 0..40))
        .prop_map(|(start, rest, tail)| [start.as_bytes(), rest.as_bytes(), &tail].concat())
}

fn table() -> impl Strategy<Value = Vec<u8>> {
    const WORDS: &[&str] = &[
        " - ",
        "\n",
        "firewall-drop600",
        "edge-block.sh",
        "600",
        "0",
        "..",
        "/",
        "!",
        "#",
        "\r\n",
        "\t",
        "restart-wazuh0",
    ];
    let word = prop_oneof![
        10 => proptest::sample::select(WORDS).prop_map(|word| word.as_bytes().to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 1..8),
    ];
    proptest::collection::vec(word, 0..120).prop_map(|words| words.concat())
}

macro_rules! properties {
    ($($name:ident, $full:ident, $divide:literal: $strategy:expr => $test:expr;)*) => {
        $(
            #[test]
            fn $name() {
                property(256, $strategy, $test);
            }

            #[test]
            #[ignore = "the full count"]
            fn $full() {
                property(FULL / $divide, $strategy, $test);
            }
        )*
    };
}

properties! {
    spans_are_true, spans_are_true_in_full, 1: bytes() => reader_keeps_its_spans;
    any_bytes_are_read, any_bytes_are_read_in_full, 1: proptest::collection::vec(any::<u8>(), 0..400) => reader_keeps_its_spans;
    configurations, configurations_in_full, 1: bytes() => configuration_is_read_the_same_twice;
    manager_configurations, manager_configurations_in_full, 4: bytes() => report_is_made(MANAGER, CONF);
    agent_configurations, agent_configurations_in_full, 4: bytes() => report_is_made(AGENT, CONF);
    tables, tables_in_full, 4: table() => report_is_made(AGENT, AR_CONF);
    tables_of_managers, tables_of_managers_in_full, 4: table() => report_is_made(MANAGER, AR_CONF);
    scripts, scripts_in_full, 4: script() => report_is_made(AGENT, SCRIPT);
}
