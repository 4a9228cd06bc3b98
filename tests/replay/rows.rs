//! The tables of `tests/replay.rs`: which script and which event show what.

use super::play::{ALERT, FINDING, alert_with, message, message_5x};

/// What a row shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shows {
    /// This check leads the report.
    Fault(&'static str),
    /// It leads too, but execd takes the event all the same.
    Told(&'static str),
    /// There is no finding at all.
    Clean,
}
use Shows::{Clean, Fault, Told};

/// A script, and what replay says of it.
#[derive(Debug)]
pub(crate) struct Row {
    /// Below `fixtures/scripts`.
    pub(crate) script: &'static str,
    pub(crate) contract: &'static str,
    /// None is the usual event of the contract.
    pub(crate) event: Option<fn() -> String>,
    /// More arguments; without `--timeout` it is stateful with 600 seconds.
    pub(crate) arguments: &'static [&'static str],
    pub(crate) shows: Shows,
    /// The checks a clean row comes near to.
    pub(crate) near: &'static [&'static str],
}

const fn bad(script: &'static str, slug: &'static str, arguments: &'static [&'static str]) -> Row {
    Row { script, contract: "json4", event: None, arguments, shows: Fault(slug), near: &[] }
}

const fn good(script: &'static str, contract: &'static str, near: &'static [&'static str]) -> Row {
    Row { script, contract, event: None, arguments: &[], shows: Clean, near }
}

impl Row {
    const fn contract(mut self, contract: &'static str) -> Self {
        self.contract = contract;
        self
    }

    const fn event(mut self, event: fn() -> String) -> Self {
        self.event = Some(event);
        self
    }

    const fn arguments(mut self, arguments: &'static [&'static str]) -> Self {
        self.arguments = arguments;
        self
    }

    /// The event of the row.
    pub(crate) fn text(&self) -> String {
        self.event
            .map_or_else(|| if self.contract == "json5" { FINDING } else { ALERT }.to_owned(), |make| make())
    }
}

const STUCK: &[&str] = &["--deadline", "1s"];
const STATELESS: &[&str] = &["--timeout", "0"];
const STATELESS_STUCK: &[&str] = &["--timeout", "0", "--deadline", "1s"];

/// Each way to fail.
pub(crate) const BAD: &[Row] = &[
    bad("bad/read-to-end-cat.sh", "stdin-read-to-end", STUCK),
    bad("bad/read-to-end-substitution.sh", "stdin-read-to-end", STUCK),
    bad("bad/read-to-end-while.sh", "stdin-read-to-end", STUCK),
    bad("bad/read-to-end-jq.sh", "stdin-read-to-end", STUCK),
    bad("bad/read-to-end-mawk.sh", "stdin-read-to-end", STUCK),
    bad("bad/read-to-end-read.py", "stdin-read-to-end", STUCK),
    bad("bad/read-to-end-json-load.py", "stdin-read-to-end", STUCK),
    bad("bad/read-to-end-for.py", "stdin-read-to-end", STUCK),
    bad("bad/read-to-end-slurp.pl", "stdin-read-to-end", STUCK),
    bad("bad/never-reads.sh", "stdin-never-read", STATELESS),
    bad("bad/positional.sh", "positional-arguments", &[]),
    bad("bad/positional.sh", "positional-arguments", STATELESS),
    bad("bad/positional.py", "positional-arguments", STATELESS),
    bad("bad/noise-echo.sh", "noise-before-keys", &[]),
    bad("bad/noise-tool.sh", "noise-before-keys", &[]),
    bad("bad/noise-print.py", "noise-before-keys", &[]),
    bad("bad/output-after.sh", "output-after-answer", &[]),
    bad("bad/output-after.py", "output-after-answer", &[]),
    bad("bad/keys-empty-list.sh", "keys-empty", &[]),
    bad("bad/keys-empty-string.sh", "keys-empty", &[]),
    bad("bad/keys-numbers.py", "keys-empty", &[]),
    bad("bad/keys-constant.sh", "keys-constant", &[]),
    bad("bad/keys-constant.py", "keys-constant", &[]),
    bad("bad/keys-missing.sh", "keys-missing", &[]),
    bad("bad/keys-not-flushed.py", "keys-not-flushed", STUCK),
    bad("bad/keys-not-flushed.pl", "keys-not-flushed", STUCK),
    bad("bad/keys-not-flushed.c", "keys-not-flushed", STUCK),
    bad("bad/keys-without-newline.sh", "keys-not-flushed", STUCK),
    bad("bad/answer-first.sh", "answer-before-keys", STUCK),
    bad("bad/read-without-r.sh", "read-without-r", &[]),
    bad("bad/read-without-r-sh.sh", "read-without-r", &[]),
    // Nothing is lost in this event, but the next one may have a backslash.
    bad("bad/read-without-r.sh", "read-without-r", &[]).event(|| alert_with(r#" \"guest\\\\ops\""#, "")),
    bad("bad/hangs-before.sh", "script-never-ends", STUCK),
    bad("bad/hangs-after.sh", "script-never-ends", STUCK),
    bad("bad/hangs-on-delete.sh", "script-never-ends", STUCK),
    bad("bad/child-holds-stdout.sh", "child-holds-stdout", STATELESS_STUCK),
    bad("bad/child-holds-stdout.py", "child-holds-stdout", STATELESS_STUCK),
    bad("bad/exits-nonzero.sh", "script-exits-nonzero", &[]),
    bad("bad/killed.sh", "script-killed", &[]),
    bad("bad/segfault.c", "script-killed", STATELESS),
    bad("bad/tool-missing.sh", "tool-missing", &[]),
    bad("bad/tool-missing.py", "tool-missing", &[]),
    bad("bad/module-missing.py", "module-missing", STATELESS),
    bad("bad/module-missing.pl", "module-missing", STATELESS),
    bad("bad/needs-user.sh", "payload-field-missing", STATELESS)
        .event(|| alert_with(r#","dstuser":"nobody""#, "")),
    bad("bad/injection-eval.sh", "shell-injection", &["--conformance"]),
    bad("bad/injection-sh-c.sh", "shell-injection", &["--conformance"]),
    bad("bad/injection-os-system.py", "shell-injection", &["--conformance"]),
    bad("bad/injection-system.pl", "shell-injection", &["--conformance"]),
    bad("bad/changes-nothing.sh", "changed-nothing", &[]),
    bad("bad/changes-nothing-failed.sh", "changed-nothing", &[]),
    bad("bad/not-reverted.sh", "delete-does-not-revert", &[]),
    bad("bad/not-reverted-other-rule.sh", "delete-does-not-revert", &[]),
    bad("bad/keys-too-long.sh", "keys-too-long", &[])
        .event(|| alert_with("Nov 20 14:09:57", &"x".repeat(5000))),
    // A line of keys that does not fit into execd's buffer.
    bad("bad/keys-too-long.sh", "keys-too-long", &[])
        .event(|| alert_with("Nov 20 14:09:57", &"x".repeat(9000))),
    // The other generation.
    bad("good/json4/bash-read.sh", "script-other-contract", &[]).contract("json5"),
    bad("good/json4/python-readline.py", "script-other-contract", &[]).contract("json5"),
    bad("good/json4/perl-stdin.pl", "script-other-contract", &[]).contract("json5"),
    bad("good/json5/bash-read.sh", "script-other-contract", &[]),
    bad("good/json5/python-readline.py", "script-other-contract", &[]),
    bad("good/json5/perl-stdin.pl", "script-other-contract", &[]),
    bad("good/json5/sh-head-short-keys.sh", "script-other-contract", &[]),
    // Good scripts with an event they cannot use: a trial, or the rule they make, shows it.
    bad("good/json4/bash-read.sh", "payload-field-missing", &[]).event(no_address),
    bad("good/json4/python-readline.py", "payload-field-missing", &[]).event(no_address),
    bad("good/json4/perl-stdin.pl", "payload-field-missing", &[]).event(no_address),
    bad("good/json4/sh-read.sh", "payload-field-missing", &[]).event(no_address),
    bad("good/block.c", "payload-field-missing", &[]).event(no_address),
    bad("good/both.py", "payload-field-missing", &[]).event(no_address),
    bad("good/json4/python-readline.py", "payload-field-missing", &[])
        .event(|| alert_with("\"srcip\"", "\"SrcIp\"")),
    bad("good/json4/bash-read.sh", "payload-address", &[]).event(short_address),
    bad("good/json4/python-readline.py", "payload-address", &[]).event(short_address),
    bad("good/json4/perl-stdin.pl", "payload-address", &[]).event(short_address),
    bad("good/json4/sh-read.sh", "payload-address", &[]).event(short_address),
    bad("good/json4/perl-stdin.pl", "payload-address", &[])
        .event(|| alert_with("\"srcip\":\"", "\"srcip\":\"::ffff:")),
    bad("good/json4/bash-read.sh", "payload-field-type", &[]).event(number),
    bad("good/json4/python-readline.py", "payload-field-type", &[]).event(number),
    bad("good/json4/perl-stdin.pl", "payload-field-type", &[]).event(number),
    bad("good/json4/sh-read.sh", "payload-field-type", &[]).event(number),
    bad("good/json5/bash-read.sh", "payload-field-missing", &[]).contract("json5").event(no_source),
    bad("good/json5/python-readline.py", "payload-field-missing", &[]).contract("json5").event(no_source),
    bad("good/json5/perl-stdin.pl", "payload-field-missing", &[])
        .contract("json5")
        .event(|| finding_with(r#""user":{"name":"nobody"},"#, "")),
    bad("good/json5/bash-read.sh", "payload-address", &[]).contract("json5").event(short_source),
    bad("good/json5/python-readline.py", "payload-address", &[]).contract("json5").event(short_source),
    bad("good/json5/bash-read.sh", "payload-field-type", &[]).contract("json5").event(list),
    bad("good/json5/python-readline.py", "payload-field-type", &[]).contract("json5").event(list),
    // No field of the event is at fault, whatever it lacks.
    bad("bad/exits-nonzero.sh", "script-exits-nonzero", &[])
        .event(|| alert_with(r#","dstuser":"nobody""#, "")),
    bad("bad/changes-nothing.sh", "changed-nothing", &[])
        .event(|| alert_with(r#","srcuser":"guest","dstuser":"nobody""#, "")),
    bad("bad/keys-missing.sh", "keys-missing", &[]).event(|| alert_with(r#","dstuser":"nobody""#, "")),
];

fn no_address() -> String {
    alert_with(r#""srcip":"203.0.113.9","#, "")
}

fn short_address() -> String {
    alert_with(r#""srcip":"203.0.113.9""#, r#""srcip":"10.1""#)
}

fn number() -> String {
    alert_with(r#""srcip":"203.0.113.9""#, r#""srcip":3405803785"#)
}

fn finding_with(from: &str, to: &str) -> String {
    assert!(FINDING.contains(from), "the finding has no {from}");
    FINDING.replace(from, to)
}

fn no_source() -> String {
    finding_with(r#""ip":"203.0.113.9","#, "")
}

fn short_source() -> String {
    finding_with(r#""ip":"203.0.113.9""#, r#""ip":"10.1""#)
}

fn list() -> String {
    finding_with(r#""ip":"203.0.113.9""#, r#""ip":["203.0.113.9"]"#)
}

/// Correct ones; they pass the battery too.
pub(crate) const GOOD: &[Row] = &[
    good(
        "good/json4/bash-read.sh",
        "json4",
        &[
            "positional-arguments",
            "answer-before-keys",
            "keys-constant",
            "read-without-r",
            "delete-does-not-revert",
            "shell-injection",
        ],
    ),
    good("good/json4/sh-read.sh", "json4", &["read-without-r", "delete-does-not-revert"]),
    good("good/json4/sh-head.sh", "json4", &["stdin-read-to-end"]),
    good("good/json4/sh-sed.sh", "json4", &["stdin-read-to-end"]),
    good("good/json4/sh-grep.sh", "json4", &["stdin-read-to-end"]),
    good("good/json4/sh-jq-input.sh", "json4", &["stdin-read-to-end"]),
    good("good/json4/bash-mapfile.sh", "json4", &["stdin-read-to-end"]),
    good("good/json4/bash-coproc.sh", "json4", &["stdin-read-to-end", "child-holds-stdout"]),
    good(
        "good/json4/bash-log.sh",
        "json4",
        &["noise-before-keys", "output-after-answer", "script-killed", "script-never-ends", "tool-missing"],
    ),
    good("good/json4/bash-lock-account.sh", "json4", &["shell-injection", "changed-nothing"]),
    good("good/json4/python-readline.py", "json4", &["positional-arguments", "keys-not-flushed"]),
    good("good/json4/python-input.py", "json4", &["keys-not-flushed"]),
    good("good/json4/python-for-break.py", "json4", &["stdin-read-to-end", "keys-not-flushed"]),
    good("good/json4/python-fallback.py", "json4", &["module-missing", "keys-empty"]),
    good("good/json4/perl-stdin.pl", "json4", &["keys-not-flushed", "script-exits-nonzero"]),
    good("good/json4/stateless.sh", "json4", &["keys-missing", "stdin-never-read"]).arguments(STATELESS),
    good("good/json4/sh-background.sh", "json4", &["child-holds-stdout"]).arguments(STATELESS),
    good("good/block.c", "json4", &["keys-not-flushed"]),
    good("good/both.py", "json4", &["script-other-contract"]),
    good("good/json5/bash-read.sh", "json5", &["script-other-contract"]),
    good("good/json5/sh-head-short-keys.sh", "json5", &["keys-empty", "noise-before-keys"]),
    good("good/json5/python-readline.py", "json5", &["script-other-contract"]),
    good("good/json5/perl-stdin.pl", "json5", &["keys-not-flushed"]),
    good("good/block.c", "json5", &[]),
    good("good/both.py", "json5", &["script-other-contract"]),
    // In other styles.
    good("styles/awk-cut.sh", "json4", &[]),
    good("styles/both-4x-and-5x.sh", "json4", &[]),
    good("styles/both-4x-and-5x.sh", "json5", &[]),
    good("styles/input-loop.py", "json4", &[]),
    good("styles/jq-hosts-deny.sh", "json4", &[]),
    good("styles/loop-protocol.sh", "json4", &[]),
    good("styles/read-timeout-trap.sh", "json4", &[]),
    good("styles/select-argparse.py", "json4", &[]),
    good("styles/helper-setsid.sh", "json4", &[]),
    good("styles/tsv-fields.sh", "json4", &[]),
    good("styles/perl-dispatch.pl", "json4", &[]),
    good("styles/dataclass-dispatch.py", "json4", &[]),
];

/// Scripts of other styles that lack something here; what leads the report of a plain replay. The
/// battery is not for them: it would show the same for each case.
pub(crate) const STYLES: &[Row] = &[
    // Fields of the sshd event that the battery takes away.
    good("styles/background-work.sh", "json4", &[]),
    good("styles/select-case.sh", "json4", &[]),
    good("styles/five-5x.py", "json5", &[]),
    // The set of nftables they add to is not there.
    good("styles/functions-main.sh", "json4", &[]),
    // Files below /var/ossec, which is not the home here.
    bad("styles/class-based.py", "script-exits-nonzero", &[]),
    bad("styles/closed-stdout.sh", "script-exits-nonzero", &[]),
    // mail, ipset and the like, and the module requests, are not installed.
    bad("styles/mail-note.sh", "tool-missing", STATELESS),
    bad("styles/perl-locale.pl", "tool-missing", &[]),
    bad("styles/five-5x.sh", "tool-missing", &[]).contract("json5"),
    bad("styles/slack-hook.py", "module-missing", STATELESS),
    // The event has none of what they act on, or there is no network.
    bad("styles/kill-sessions.pl", "script-exits-nonzero", STATELESS),
    bad("styles/remove-threat.py", "script-exits-nonzero", STATELESS),
    bad("styles/restart-service.sh", "script-exits-nonzero", STATELESS),
    bad("styles/requests-firewall.py", "script-exits-nonzero", &[]),
    bad("styles/yara-runner.sh", "payload-field-missing", STATELESS),
];

/// Clean with one event, and only once.
pub(crate) const ONCE: &[Row] = &[
    good("bad/keys-too-long.sh", "json4", &["keys-too-long"])
        .event(|| alert_with("Nov 20 14:09:57", &"x".repeat(3800))),
    good("bad/needs-user.sh", "json4", &["payload-field-missing"]).arguments(STATELESS),
    // What they do not read may be missing, or anything.
    good("good/json4/python-readline.py", "json4", &["payload-field-missing"])
        .event(|| alert_with(r#","srcuser":"guest","dstuser":"nobody""#, "")),
    good("good/json4/perl-stdin.pl", "json4", &["payload-field-type"])
        .event(|| alert_with(r#""dstuser":"nobody""#, r#""dstuser":7,"src_ip":[1]"#)),
    good("good/json5/python-readline.py", "json5", &["payload-field-missing"])
        .event(|| finding_with(r#""user":{"name":"nobody"},"#, "")),
    good("good/json5/perl-stdin.pl", "json5", &["payload-address"]).event(short_source),
];

/// An event, and what replay says of it before it plays it. The script is one of the
/// contract that reads the address alone.
pub(crate) struct Event {
    pub(crate) what: &'static str,
    /// The base host.
    pub(crate) base: &'static str,
    pub(crate) make: fn() -> Vec<u8>,
    pub(crate) shows: Shows,
    pub(crate) near: &'static [&'static str],
}

const AGENT: &str = "agent-4.14-debian";
const AGENT_5: &str = "agent-5.0-debian";
const MANAGER: &str = "manager-4.14-debian";

const fn event(what: &'static str, slug: &'static str, make: fn() -> Vec<u8>) -> Event {
    Event { what, base: AGENT, make, shows: Fault(slug), near: &[] }
}

/// Text that execd's parser takes and others do not.
const fn told(what: &'static str, slug: &'static str, make: fn() -> Vec<u8>) -> Event {
    Event { what, base: AGENT, make, shows: Told(slug), near: &[] }
}

const fn fine(what: &'static str, near: &'static [&'static str], make: fn() -> Vec<u8>) -> Event {
    Event { what, base: AGENT, make, shows: Clean, near }
}

impl Event {
    const fn on(mut self, base: &'static str) -> Self {
        self.base = base;
        self
    }
}

fn address(value: &str) -> Vec<u8> {
    alert_with(r#""srcip":"203.0.113.9""#, &format!(r#""srcip":{value}"#)).into_bytes()
}

fn broken(from: &str, to: &str) -> Vec<u8> {
    let whole = message(ALERT);
    assert!(whole.contains(from), "the message has no {from}");
    whole.replace(from, to).into_bytes()
}

/// A message of this size in bytes.
fn sized(bytes: usize) -> Vec<u8> {
    let room = bytes - message(ALERT).len();
    message(&alert_with("Nov 20 14:09:57 ", &format!("Nov 20 14:09:57 {}", "x".repeat(room)))).into_bytes()
}

pub(crate) const EVENTS: &[Event] = &[
    fine("a bare alert", &["payload-field-missing", "payload-field-type"], || ALERT.into()),
    fine("a whole message", &["payload-not-json", "payload-other-contract"], || message(ALERT).into_bytes()),
    fine("a line feed at the end", &["payload-not-json"], || format!("{}\n", message(ALERT)).into_bytes()),
    fine("text beyond ASCII", &["payload-not-json"], || alert_with("guest", "Jürgen 😀").into_bytes()),
    fine("a bare finding", &["payload-field-missing"], || FINDING.into()).on(AGENT_5),
    fine("a whole message of 5.x", &["payload-other-contract"], || message_5x(FINDING).into_bytes())
        .on(AGENT_5),
    event("nothing", "payload-not-json", Vec::new),
    event("plain text", "payload-not-json", || b"add - 203.0.113.9".to_vec()),
    event("single quotes", "payload-not-json", || broken("\"", "'")),
    event("a comma before a brace", "payload-not-json", || broken("}}", ",}}")),
    told("a raw tab in a string", "payload-not-json", || broken("web-01", "web\t01")),
    told("a raw line feed in a string", "payload-not-json", || broken("web-01", "web\n01")),
    event("a lone backslash", "payload-not-json", || broken("journald", r"journald\q")),
    event("cut off", "payload-not-json", || message(ALERT).into_bytes()[..700].to_vec()),
    told("two objects", "payload-not-json", || format!("{0}{0}", message(ALERT)).into_bytes()),
    event("smart quotes", "payload-not-json", || broken("\"command\"", "\u{201c}command\u{201d}")),
    told("a byte order mark", "payload-not-json", || format!("\u{feff}{}", message(ALERT)).into_bytes()),
    event("an array", "payload-not-json", || format!("[{}]", message(ALERT)).into_bytes()),
    told("over several lines", "payload-not-json", || broken(",\"command\"", ",\n  \"command\"")),
    event("no srcip", "payload-field-missing", || alert_with(r#""srcip":"203.0.113.9","#, "").into_bytes()),
    event("srcip under another name", "payload-field-missing", || {
        alert_with("\"srcip\"", "\"src_ip\"").into_bytes()
    }),
    event("no data", "payload-field-missing", || alert_with("\"data\"", "\"fields\"").into_bytes()),
    event("no source.ip", "payload-field-missing", || {
        FINDING.replace("\"source\"", "\"client\"").into_bytes()
    })
    .on(AGENT_5),
    event("srcip is a number", "payload-field-type", || address("3405803785")),
    event("srcip is an array", "payload-field-type", || address(r#"["203.0.113.9"]"#)),
    event("srcip is null", "payload-field-missing", || address("null")),
    event("srcip is empty", "payload-field-type", || address(r#""""#)),
    fine("a field nobody reads is a number", &["payload-field-type"], || {
        alert_with(r#""srcport":"51022""#, r#""srcport":51022"#).into_bytes()
    }),
    event("a host name", "payload-address", || address(r#""attacker.example""#)),
    event("two parts", "payload-address", || address(r#""10.1""#)),
    event("leading zeros", "payload-address", || address(r#""010.0.0.1""#)),
    event("IPv4 within IPv6", "payload-address", || address(r#""::ffff:203.0.113.9""#)),
    event("an address with a port", "payload-address", || address(r#""203.0.113.9:22""#)),
    fine("IPv6", &["payload-address"], || address(r#""2001:db8::1""#)),
    fine("zeros that are whole parts", &["payload-address"], || address(r#""203.0.113.0""#)),
    event("an address of the white list", "payload-white-listed", || address(r#""10.20.7.1""#)).on(MANAGER),
    fine("an address beside the white list", &["payload-white-listed"], || address(r#""10.21.7.1""#))
        .on(MANAGER),
    event("larger than a datagram", "payload-too-large", || sized(66_000)),
    event("larger than remoted takes", "payload-too-large", || sized(65_480)),
    fine("just small enough", &["payload-too-large"], || sized(64_900)),
    event("a message of 5.x", "payload-other-contract", || message_5x(FINDING).into_bytes()),
    event("a message of 4.x", "payload-other-contract", || message(ALERT).into_bytes()).on(AGENT_5),
];
