//! Rows about the text of scripts: those of `fixtures/scripts`, which `replay` plays too, put in the
//! place of the agent's.

use ar_doctor::findings::checks;
use ar_doctor::host::capture::{CaptureHost, EditError};

use super::{AGENT, AR_CONF, Case, fault, near, replace};

const SCRIPT: &str = "/var/ossec/active-response/bin/edge-block.sh";
const LINE: &str = "edge-block900 - edge-block.sh - 900\n";

type Done = Result<(), EditError>;

/// The text of a script of the fixtures.
macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!("../../../fixtures/scripts/", $name))
    };
}

/// Another text for the agent's script; the tools the fixtures call are there.
fn text(host: &mut CaptureHost, text: &str) -> Done {
    for tool in [
        "/usr/sbin/iptables",
        "/usr/sbin/ip6tables",
        "/usr/bin/perl",
        "/usr/bin/passwd",
        "/usr/bin/setsid",
        "/usr/bin/logger",
    ] {
        host.write(tool, "")?.set_mode(tool, 0o755)?;
    }
    host.write(SCRIPT, text)?;
    Ok(())
}

/// The same for a response without a timeout.
fn once(host: &mut CaptureHost, script: &str) -> Done {
    text(host, script)?;
    replace(host, AR_CONF, LINE, "edge-block0 - edge-block.sh - 0\n")
}

/// A script that takes its line and does this.
fn lines(host: &mut CaptureHost, more: &str) -> Done {
    let head = "#!/bin/bash\nread -r INPUT\nIP=$(jq -r .parameters.alert.data.srcip <<<\"$INPUT\")\n";
    once(host, &format!("{head}{more}echo \"$0: $IP\" >>logs/active-responses.log\n"))
}

/// The rows.
pub const CASES: &[Case] = &[
    fault(checks::STDIN_READ_TO_END, "bad/read-to-end-cat.sh", AGENT, |host| {
        text(host, fixture!("bad/read-to-end-cat.sh"))
    }),
    near(checks::STDIN_READ_TO_END, "good/json4/sh-head.sh", AGENT, |host| {
        text(host, fixture!("good/json4/sh-head.sh"))
    }),
    fault(checks::STDIN_NEVER_READ, "bad/never-reads.sh, without a timeout", AGENT, |host| {
        once(host, fixture!("bad/never-reads.sh"))
    }),
    near(checks::STDIN_NEVER_READ, "good/json4/stateless.sh, without a timeout", AGENT, |host| {
        once(host, fixture!("good/json4/stateless.sh"))
    }),
    fault(checks::POSITIONAL_ARGUMENTS, "bad/positional.sh", AGENT, |host| {
        text(host, fixture!("bad/positional.sh"))
    }),
    near(checks::POSITIONAL_ARGUMENTS, "good/json4/python-readline.py", AGENT, |host| {
        text(host, fixture!("good/json4/python-readline.py"))
    }),
    fault(checks::NOISE_BEFORE_KEYS, "bad/noise-echo.sh", AGENT, |host| {
        text(host, fixture!("bad/noise-echo.sh"))
    }),
    near(checks::NOISE_BEFORE_KEYS, "good/json4/bash-log.sh", AGENT, |host| {
        text(host, fixture!("good/json4/bash-log.sh"))
    }),
    fault(checks::OUTPUT_AFTER_ANSWER, "bad/output-after.sh", AGENT, |host| {
        text(host, fixture!("bad/output-after.sh"))
    }),
    near(checks::OUTPUT_AFTER_ANSWER, "good/json4/bash-log.sh", AGENT, |host| {
        text(host, fixture!("good/json4/bash-log.sh"))
    }),
    fault(checks::KEYS_EMPTY, "bad/keys-empty-list.sh", AGENT, |host| {
        text(host, fixture!("bad/keys-empty-list.sh"))
    }),
    near(checks::KEYS_EMPTY, "good/json4/python-fallback.py", AGENT, |host| {
        text(host, fixture!("good/json4/python-fallback.py"))
    }),
    fault(checks::KEYS_CONSTANT, "bad/keys-constant.sh", AGENT, |host| {
        text(host, fixture!("bad/keys-constant.sh"))
    }),
    near(checks::KEYS_CONSTANT, "good/json4/sh-read.sh", AGENT, |host| {
        text(host, fixture!("good/json4/sh-read.sh"))
    }),
    fault(checks::KEYS_MISSING, "bad/keys-missing.sh", AGENT, |host| {
        text(host, fixture!("bad/keys-missing.sh"))
    }),
    near(checks::KEYS_MISSING, "bad/keys-missing.sh, without a timeout", AGENT, |host| {
        once(host, fixture!("bad/keys-missing.sh"))
    }),
    fault(checks::KEYS_NOT_FLUSHED, "bad/keys-not-flushed.py", AGENT, |host| {
        text(host, fixture!("bad/keys-not-flushed.py"))
    }),
    near(checks::KEYS_NOT_FLUSHED, "good/json4/python-input.py", AGENT, |host| {
        text(host, fixture!("good/json4/python-input.py"))
    }),
    fault(checks::ANSWER_BEFORE_KEYS, "bad/answer-first.sh", AGENT, |host| {
        text(host, fixture!("bad/answer-first.sh"))
    }),
    near(checks::ANSWER_BEFORE_KEYS, "styles/loop-protocol.sh", AGENT, |host| {
        text(host, fixture!("styles/loop-protocol.sh"))
    }),
    fault(checks::READ_WITHOUT_R, "bad/read-without-r.sh", AGENT, |host| {
        text(host, fixture!("bad/read-without-r.sh"))
    }),
    near(checks::READ_WITHOUT_R, "good/json4/sh-read.sh", AGENT, |host| {
        text(host, fixture!("good/json4/sh-read.sh"))
    }),
    fault(checks::SCRIPT_NEVER_ENDS, "bad/hangs-after.sh", AGENT, |host| {
        text(host, fixture!("bad/hangs-after.sh"))
    }),
    near(checks::SCRIPT_NEVER_ENDS, "good/json4/python-for-break.py", AGENT, |host| {
        text(host, fixture!("good/json4/python-for-break.py"))
    }),
    fault(checks::CHILD_HOLDS_STDOUT, "bad/child-holds-stdout.sh, without a timeout", AGENT, |host| {
        once(host, fixture!("bad/child-holds-stdout.sh"))
    }),
    near(checks::CHILD_HOLDS_STDOUT, "good/json4/sh-background.sh, without a timeout", AGENT, |host| {
        once(host, fixture!("good/json4/sh-background.sh"))
    }),
    fault(checks::SCRIPT_EXITS_NONZERO, "bad/exits-nonzero.sh", AGENT, |host| {
        text(host, fixture!("bad/exits-nonzero.sh"))
    }),
    near(checks::SCRIPT_EXITS_NONZERO, "good/json4/perl-stdin.pl", AGENT, |host| {
        text(host, fixture!("good/json4/perl-stdin.pl"))
    }),
    fault(checks::SCRIPT_KILLED, "bad/killed.sh", AGENT, |host| text(host, fixture!("bad/killed.sh"))),
    near(checks::SCRIPT_KILLED, "good/json4/bash-log.sh", AGENT, |host| {
        text(host, fixture!("good/json4/bash-log.sh"))
    }),
    fault(checks::SHELL_INJECTION, "bad/injection-eval.sh", AGENT, |host| {
        text(host, fixture!("bad/injection-eval.sh"))
    }),
    near(checks::SHELL_INJECTION, "good/json4/bash-lock-account.sh", AGENT, |host| {
        text(host, fixture!("good/json4/bash-lock-account.sh"))
    }),
    fault(checks::CHANGED_NOTHING, "bad/changes-nothing.sh", AGENT, |host| {
        text(host, fixture!("bad/changes-nothing.sh"))
    }),
    near(checks::CHANGED_NOTHING, "good/json4/bash-lock-account.sh", AGENT, |host| {
        text(host, fixture!("good/json4/bash-lock-account.sh"))
    }),
    fault(checks::DELETE_DOES_NOT_REVERT, "bad/not-reverted.sh", AGENT, |host| {
        text(host, fixture!("bad/not-reverted.sh"))
    }),
    near(checks::DELETE_DOES_NOT_REVERT, "good/json4/sh-read.sh", AGENT, |host| {
        text(host, fixture!("good/json4/sh-read.sh"))
    }),
    fault(checks::KEYS_TOO_LONG, "bad/keys-too-long.sh", AGENT, |host| {
        text(host, fixture!("bad/keys-too-long.sh"))
    }),
    near(checks::KEYS_TOO_LONG, "good/json4/sh-grep.sh", AGENT, |host| {
        text(host, fixture!("good/json4/sh-grep.sh"))
    }),
    fault(checks::SCRIPT_OTHER_CONTRACT, "good/json5/bash-read.sh on 4.14", AGENT, |host| {
        text(host, fixture!("good/json5/bash-read.sh"))
    }),
    near(checks::SCRIPT_OTHER_CONTRACT, "styles/both-4x-and-5x.sh", AGENT, |host| {
        text(host, fixture!("styles/both-4x-and-5x.sh"))
    }),
    fault(checks::TOOL_MISSING, "a tool that is not installed", AGENT, |host| {
        lines(host, "edge-firewall-cli add \"$IP\"\n")
    }),
    fault(checks::TOOL_MISSING, "a tool that is not where the script looks for it", AGENT, |host| {
        lines(host, "/opt/edge/bin/cli add \"$IP\"\n")
    }),
    near(checks::TOOL_MISSING, "a tool that is only called where it is there", AGENT, |host| {
        lines(host, "if command -v edge-firewall-cli >/dev/null; then edge-firewall-cli add \"$IP\"; fi\n")
    }),
    near(checks::TOOL_MISSING, "a comment of the script switches it off", AGENT, |host| {
        lines(host, "# ar-doctor: ignore[tool-missing]\nedge-firewall-cli add \"$IP\"\n")
    }),
    fault(checks::RELATIVE_PATH, "a helper in the working directory", AGENT, |host| {
        lines(host, "./edge-helper.sh \"$IP\"\n")
    }),
    near(checks::RELATIVE_PATH, "the log below the home", AGENT, |host| lines(host, "")),
    fault(checks::PAYLOAD_UNQUOTED, "an argument without quotes", AGENT, |host| {
        lines(host, "iptables -I INPUT -s $IP -j DROP\n")
    }),
    near(checks::PAYLOAD_UNQUOTED, "the same in quotes", AGENT, |host| {
        lines(host, "iptables -I INPUT -s \"$IP\" -j DROP\n")
    }),
    fault(checks::SUPPRESSION_UNKNOWN, "a slip in a comment", AGENT, |host| {
        lines(host, "# ar-doctor: ignore[stdin-read-to-ent]\n")
    }),
    near(checks::SUPPRESSION_UNKNOWN, "an id and a slug", AGENT, |host| {
        lines(host, "# ar-doctor: ignore[AR095, keys-missing]\n")
    }),
    near(checks::STDIN_READ_TO_END, "switched off by its id", AGENT, |host| {
        once(
            host,
            "#!/bin/bash\n# ar-doctor: ignore-file[AR095]\nx=$(cat)\necho \"$x\" >>logs/active-responses.log\n",
        )
    }),
];
