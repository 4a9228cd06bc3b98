//! `ar-doctor migrate`: every row of what a move to 5.x breaks is found where it is and not
//! found where it only looks alike; a diff that claims to be all makes a script that execd of
//! 5.x can play.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "a test fails by panicking")]

#[path = "replay/play.rs"]
mod play;
mod support;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use ar_doctor::facts::{Facts, install};
use ar_doctor::host::capture::{CaptureHost, EditError};
use ar_doctor::host::{FileType, Host as _, Machine};
use ar_doctor::migrate::rewrite::rewrite;
use ar_doctor::migrate::{Harm, Inventory, Plan, ROWS, Verdict, plan};
use ar_doctor::redact::Redactor;
use ar_doctor::report::migrate::{document, markdown};
use play::{PROGRAM, Place, replay, skipped, wrong};
use serde_json::Value;

const MANAGER: &str = "manager-4.14-debian";
const AGENT: &str = "agent-4.14-debian";
const CONF: &str = "/var/ossec/etc/ossec.conf";

/// How a row's setup comes about.
enum Setup {
    /// `<active-response>` and `<command>` blocks in a manager's ossec.conf.
    Manager(&'static str),
    /// Elements in an agent's ossec.conf.
    Agent(&'static str),
    /// A script of an agent's active-response/bin: its name and text.
    Script(&'static str, &'static str),
    /// A script of a manager's.
    OnManager(&'static str, &'static str),
    /// Edits of a base host.
    Edit(&'static str, fn(&mut CaptureHost) -> Result<(), EditError>),
}

use Setup::{Agent, Edit, Manager, OnManager, Script};

fn host(setup: &Setup) -> CaptureHost {
    let name = |text: &str| format!("/var/ossec/active-response/bin/{text}");
    let mut host = match setup {
        Manager(_) | OnManager(..) => support::base(MANAGER),
        Agent(_) | Script(..) => support::base(AGENT),
        Edit(base, _) => support::base(base),
    };
    let done = match setup {
        Manager(text) => host
            .write(CONF, format!("<ossec_config>\n{text}\n<indexer><hosts><host>x</host></hosts></indexer></ossec_config>\n"))
            .map(|_| ()),
        Agent(text) => host.write(CONF, format!("<ossec_config>\n{text}\n</ossec_config>\n")).map(|_| ()),
        Script(file, text) | OnManager(file, text) => host
            .write(name(file), text)
            .and_then(|host| host.set_mode(name(file), 0o750))
            .map(|_| ()),
        Edit(_, edit) => edit(&mut host),
    };
    done.unwrap_or_else(|error| panic!("{error}"));
    host
}

fn planned(host: &CaptureHost) -> Plan {
    let redactor = Redactor::new();
    let home = install::find(host, None).unwrap_or_else(|error| panic!("{error}"));
    let facts = Facts::new(host, &redactor, home);
    plan(&Inventory::collect(&facts))
}

/// Whether a row is found in a setup, in its own file where that is a script.
fn finds(id: &str, setup: &Setup) -> bool {
    let plan = planned(&host(setup));
    let file = match setup {
        Script(name, _) | OnManager(name, _) => Some(format!("active-response/bin/{name}")),
        _ => None,
    };
    plan.hazards.iter().any(|hazard| {
        hazard.row.id == id
            && hazard.places.iter().any(|place| file.as_ref().is_none_or(|file| place.file == *file))
    })
}

const DROP: &str =
    "<command><name>d</name><executable>own.sh</executable><timeout_allowed>yes</timeout_allowed></command>";

/// Id, what shows it, what looks alike.
fn table() -> Vec<(&'static str, Setup, Setup)> {
    let mut rows = config_rows();
    rows.extend(script_rows());
    rows.extend(runtime_rows());
    rows
}

macro_rules! blocks {
    ($($text:literal),*) => { concat!(
        "<command><name>d</name><executable>own.sh</executable><timeout_allowed>yes</timeout_allowed></command>\n",
        $($text),*) };
}

fn config_rows() -> Vec<(&'static str, Setup, Setup)> {
    const SHARED: &str = "/var/ossec/etc/shared/agent.conf";
    const RULES: &str = "/var/ossec/etc/rules/local_rules.xml";
    vec![
        (
            "C01",
            Agent("<command><name>x</name></command>"),
            Agent("<localfile><command>df</command></localfile>"),
        ),
        (
            "C02",
            Edit(AGENT, |h| {
                h.write(SHARED, "<agent_config><command><name>x</name></command></agent_config>").map(|_| ())
            }),
            Edit(AGENT, |h| {
                h.write(SHARED, "<agent_config><localfile><command>df</command></localfile></agent_config>")
                    .map(|_| ())
            }),
        ),
        (
            "C03",
            Manager("<command><name>x</name><executable>y</executable></command>"),
            Manager("<!-- <command/> --><localfile><command>df</command></localfile>"),
        ),
        (
            "M01",
            Manager("<ruleset><rule_dir>r</rule_dir></ruleset>"),
            Manager("<global><jsonout_output>yes</jsonout_output></global>"),
        ),
        (
            "C04",
            Manager("<active-response><disabled>yes</disabled></active-response>"),
            Manager("<!-- <active-response><disabled>yes</disabled></active-response> -->"),
        ),
        (
            "C05",
            Manager(blocks!(
                "<active-response><command>d</command><location>local,server</location><level>3</level></active-response>"
            )),
            Manager(blocks!(
                "<active-response><command>d</command><location>local</location><level>3</level></active-response>"
            )),
        ),
        (
            "C06",
            Manager(blocks!(
                "<active-response><command>d</command><location>any</location><level>3</level></active-response>"
            )),
            Manager(blocks!(
                "<active-response><command>d</command><location>defined-agent</location><agent_id>003</agent_id><level>3</level></active-response>"
            )),
        ),
        (
            "C07",
            Manager(blocks!(
                "<active-response><command>d</command><location>defined-agent</location><agent_id>7</agent_id><level>3</level></active-response>"
            )),
            Manager(blocks!(
                "<active-response><command>d</command><location>defined-agent</location><agent_id>007</agent_id><level>3</level></active-response>"
            )),
        ),
        (
            "C08",
            Manager(blocks!(
                "<active-response><command>d</command><location>defined-agent</location><agent_id>000</agent_id><level>3</level></active-response>"
            )),
            Manager(blocks!(
                "<active-response><command>d</command><location>defined-agent</location><agent_id>100</agent_id><level>3</level></active-response>"
            )),
        ),
        ("C09", Edit(MANAGER, |h| many(h, 11)), Edit(MANAGER, |h| many(h, 10))),
        (
            "C10",
            Manager(
                "<command><name>d</name><executable>own.sh</executable></command><active-response><command>d</command><location>local</location><level>3</level><timeout>60</timeout></active-response>",
            ),
            Manager(blocks!(
                "<active-response><command>d</command><location>local</location><level>3</level><timeout>60</timeout></active-response>"
            )),
        ),
        (
            "C11",
            Manager(blocks!(
                "<active-response><command>d</command><location>local</location><level>3</level></active-response>"
            )),
            Manager(blocks!(
                "<active-response><command>d</command><location>local</location><level>3</level><timeout>60</timeout></active-response>"
            )),
        ),
        (
            "C12",
            Agent("<active-response><repeated_offenders>30,60</repeated_offenders></active-response>"),
            Agent("<active-response><repeated_offenders>none</repeated_offenders></active-response>"),
        ),
        (
            "C13",
            Manager(blocks!(
                "<active-response><command>d</command><location>local</location><rules_group>sshd</rules_group></active-response>"
            )),
            Manager(blocks!(
                "<active-response><disabled>yes</disabled><command>d</command><location>local</location><rules_group>sshd</rules_group></active-response>"
            )),
        ),
        (
            "C14",
            Manager("<global><white_list>10.0.0.1</white_list></global>"),
            Manager("<global><email_to>a@b</email_to></global>"),
        ),
        (
            "C15",
            Manager(
                "<command><name>d</name><executable>netsh.exe</executable></command><active-response><command>d</command><location>local</location><level>3</level></active-response>",
            ),
            Manager(blocks!(
                "<active-response><command>d</command><location>local</location><rules_group>sshd</rules_group></active-response>"
            )),
        ),
        (
            "C16",
            Manager(
                "<command><name>d</name><executable>own.sh</executable><extra_args>-a b</extra_args></command><active-response><command>d</command><location>local</location><level>3</level></active-response>",
            ),
            Manager(
                "<command><name>d</name><executable>own.sh</executable><extra_args> </extra_args></command><active-response><command>d</command><location>local</location><level>3</level></active-response>",
            ),
        ),
        (
            "C17",
            Manager(
                "<command><name>d</name><executable>host-deny</executable></command><active-response><command>d</command><location>local</location><level>3</level></active-response>",
            ),
            Manager(
                "<command><name>d</name><executable>host-deny-site</executable></command><active-response><command>d</command><location>local</location><level>3</level></active-response>",
            ),
        ),
        (
            "C18",
            Manager(
                "<command><name>d</name><executable>own.ps1</executable></command><active-response><command>d</command><location>local</location><level>3</level></active-response>",
            ),
            Manager(
                "<command><name>d</name><executable>own.exe</executable></command><active-response><command>d</command><location>local</location><level>3</level></active-response>",
            ),
        ),
        ("C18", Edit(AGENT, |h| windows(h, "own.py")), Edit(AGENT, |h| windows(h, "own.exe"))),
        (
            "C19",
            Edit("agent-5.0-debian", |h| beta(h, "beta3")),
            Edit("agent-5.0-debian", |h| beta(h, "beta4")),
        ),
        (
            "C20",
            Manager(
                "<command><name>d</name><executable> own.sh</executable></command><active-response><command>d</command><location>local</location><level>3</level></active-response>",
            ),
            Manager(blocks!(
                "<active-response><command>d</command><location>local</location><level>3</level></active-response>"
            )),
        ),
        (
            "C21",
            Agent("<active-response><disabled>yes</disabled></active-response>"),
            Agent("<active-response><disabled>no</disabled></active-response>"),
        ),
        (
            "C22",
            Agent("<active-response><disabled> yes </disabled></active-response>"),
            Agent("<active-response><disabled>yes</disabled></active-response>"),
        ),
        (
            "C23",
            Edit(AGENT, |h| {
                h.write(SHARED, "<agent_config><active-response><disabled>yes</disabled></active-response></agent_config>").map(|_| ())
            }),
            Edit(AGENT, |h| {
                h.write(SHARED, "<agent_config><!-- <active-response/> --></agent_config>").map(|_| ())
            }),
        ),
        ("C24", Edit(AGENT, |_| Ok(())), Edit("agent-5.0-debian", |_| Ok(()))),
        (
            "C26",
            Script("x.sh", "#!/bin/sh\ncurl -m 5 -X PUT https://h:55000/active-response?agents_list=001\n"),
            Script("x.sh", "#!/bin/sh\ncd /var/ossec/active-response\n"),
        ),
        (
            "C26",
            Script("x.py", "#!/usr/bin/python3\nbody = {\"command\": \"!own.sh\", \"arguments\": []}\n"),
            Script("x.py", "#!/usr/bin/python3\nprint(\"!own.sh\")\ncommand = \"a!b\"\n"),
        ),
        (
            "C26",
            Script("x.sh", "#!/bin/sh\nbody=\"{\\\"command\\\":\\\"!own.sh\\\"}\"\n"),
            Script("x.sh", "#!/bin/sh\necho \"!\"\n"),
        ),
        (
            "C27",
            Script("x.sh", "#!/bin/sh\ngrep -c . etc/shared/ar.conf\n"),
            Script("x.sh", "#!/bin/sh\n# ar.conf is not read\ngrep -c . /etc/solar.conf\n"),
        ),
        (
            "C28",
            Edit(MANAGER, |h| {
                h.write(
                    RULES,
                    "<group name=\"x,\"><rule id=\"100100\" level=\"3\"><if_sid>651</if_sid></rule></group>",
                )
                .map(|_| ())
            }),
            Edit(MANAGER, |h| {
                h.write(
                    RULES,
                    "<group name=\"x,\"><rule id=\"100100\" level=\"3\"><if_sid>5710</if_sid></rule></group>",
                )
                .map(|_| ())
            }),
        ),
        (
            "C29",
            Agent("<client><disable-active-response>yes</disable-active-response></client>"),
            Agent("<client><notify_time>10</notify_time></client>"),
        ),
        ("C32", Edit(MANAGER, |_| Ok(())), Manager("")),
        ("C35", Edit(MANAGER, |h| same(h, 3)), Edit(MANAGER, |h| same(h, 2))),
        (
            "C36",
            Manager(
                "<command><name>d</name><executable>netsh.exe</executable></command><active-response><command>d</command><location>all</location><level>3</level></active-response>",
            ),
            Manager(
                "<command><name>d</name><executable>netsh.exe</executable></command><active-response><command>d</command><location>local</location><level>3</level></active-response>",
            ),
        ),
    ]
}

/// The agent runs Windows, and has this line in its ar.conf.
fn windows(host: &mut CaptureHost, executable: &str) -> Result<(), EditError> {
    host.set_machine(Machine {
        system: "Windows".to_owned(),
        arch: "x86_64".to_owned(),
        hostname: "win-01".to_owned(),
    });
    host.write("/var/ossec/etc/shared/ar.conf", format!("own0 - {executable} - 0\n")).map(|_| ())
}

fn beta(host: &mut CaptureHost, stage: &str) -> Result<(), EditError> {
    windows(host, "own.exe")?;
    host.write("/var/ossec/VERSION.json", format!("{{\"version\": \"5.0.0\", \"stage\": \"{stage}\"}}\n"))
        .map(|_| ())
}

fn many(host: &mut CaptureHost, count: usize) -> Result<(), EditError> {
    let blocks: String = (1..=count)
        .map(|timeout| format!("<active-response><command>d</command><location>local</location><level>3</level><timeout>{timeout}</timeout></active-response>"))
        .collect();
    host.write(CONF, format!("<ossec_config>{DROP}{blocks}{blocks}</ossec_config>")).map(|_| ())
}

fn same(host: &mut CaptureHost, count: usize) -> Result<(), EditError> {
    let blocks: String = (1..=count)
        .map(|rule| format!("<active-response><command>d</command><location>local</location><rules_id>{rule}</rules_id></active-response>"))
        .collect();
    host.write(CONF, format!("<ossec_config>{DROP}{blocks}</ossec_config>")).map(|_| ())
}

macro_rules! sh {
    ($text:literal) => {
        Script("x.sh", concat!("#!/bin/bash\n", $text, "\n"))
    };
}
macro_rules! py {
    ($text:literal) => {
        Script("x.py", concat!("#!/usr/bin/python3\nimport json, sys, subprocess\n", $text, "\n"))
    };
}

fn script_rows() -> Vec<(&'static str, Setup, Setup)> {
    vec![
        (
            "S01",
            sh!("read -r l; ip=$(jq -r '.parameters.alert.data.srcip // empty' <<<\"$l\")"),
            sh!("read -r l; ip=$(jq -r '.source.ip // empty' <<<\"$l\")"),
        ),
        (
            "S02",
            py!("m = json.loads(sys.stdin.readline())\nname = m[\"parameters\"][\"program\"]"),
            py!(
                "m = json.loads(sys.stdin.readline())\nname = m[\"wazuh\"][\"active_response\"][\"executable\"]"
            ),
        ),
        (
            "S03",
            py!(
                "m = json.loads(sys.stdin.readline())\nif m[\"origin\"][\"module\"] != \"wazuh-execd\": sys.exit(0)"
            ),
            py!("m = json.loads(sys.stdin.readline())\nkeys = {\"origin\": {\"name\": \"x\"}}"),
        ),
        (
            "S04",
            sh!("read -r l; command=$(jq -r .command <<<\"$l\")\ncase $command in\nadd) : ;;\nesac"),
            sh!("read -r l\nip route add blackhole 192.0.2.1"),
        ),
        (
            "S06",
            sh!("[ \"$1\" = add ] && iptables -I INPUT -s \"$3\" -j DROP"),
            sh!("f() { echo \"$1\" >>/tmp/x; }\nread -r l\nf \"$l\""),
        ),
        (
            "S07",
            sh!("line=$(cat)\nlogger \"$(jq -r .command <<<\"$line\")\""),
            sh!("line=$(head -n1)\nlogger \"$(jq -r .command <<<\"$line\")\""),
        ),
        ("S08", sh!("cat | logger -t x"), sh!("read -r l\nprintf '%s' \"$l\" | logger -t x")),
        (
            "S09",
            sh!(
                "read -r l; ip=$(jq -r '.source.ip | strings' <<<\"$l\")\ncase $(jq -r .command <<<\"$l\") in\nenable) iptables -I INPUT -s \"$ip\" -j DROP ;;\ndisable) iptables -D INPUT -s \"$ip\" -j DROP ;;\nesac"
            ),
            Script("x.sh", include_str!("../fixtures/scripts/good/json5/bash-read.sh")),
        ),
        (
            "S10",
            Script("x.py", include_str!("../fixtures/scripts/bad/keys-not-flushed.py")),
            Script("x.py", include_str!("../fixtures/scripts/good/json4/python-input.py")),
        ),
        (
            "S11",
            Script("x.sh", include_str!("../fixtures/scripts/bad/keys-without-newline.sh")),
            Script("x.sh", include_str!("../fixtures/scripts/good/json4/sh-read.sh")),
        ),
        (
            "S12",
            Script("x.sh", include_str!("../fixtures/scripts/bad/noise-echo.sh")),
            Script("x.sh", include_str!("../fixtures/scripts/good/json4/bash-log.sh")),
        ),
        (
            "S13",
            sh!(
                "read -r l; ip=$(jq -r '.source.ip | strings' <<<\"$l\"); flag=-I\nprintf '{\"origin\":{},\"command\":\"check_keys\",\"parameters\":{\"keys\":[\"%s\"]}}\\n' \"$ip\"\nread -r a\n[ \"$(jq -r .command <<<\"$a\")\" = continue ] || exit 0\n[ \"$(jq -r .command <<<\"$l\")\" = disable ] && flag=-D\niptables $flag INPUT -s \"$ip\" -j DROP"
            ),
            Script("x.sh", include_str!("../fixtures/scripts/good/json5/bash-read.sh")),
        ),
        (
            "S14",
            Script("x.sh", include_str!("../fixtures/scripts/bad/keys-constant.sh")),
            Script("x.sh", include_str!("../fixtures/scripts/good/json4/sh-head.sh")),
        ),
        (
            "S14",
            sh!(
                "read -r l; id=$(jq -r '.parameters.alert.rule.id' <<<\"$l\")\nprintf '{\"version\":1,\"origin\":{},\"command\":\"check_keys\",\"parameters\":{\"keys\":[\"%s\"]}}\\n' \"$id\"\nread -r a"
            ),
            sh!(
                "read -r l; id=$(jq -r '.parameters.alert.rule.id' <<<\"$l\"); ip=$(jq -r '.parameters.alert.data.srcip' <<<\"$l\")\nlogger \"$id\"\nprintf '{\"version\":1,\"origin\":{},\"command\":\"check_keys\",\"parameters\":{\"keys\":[\"%s\"]}}\\n' \"$ip\"\nread -r a"
            ),
        ),
        (
            "S14",
            py!(
                "import uuid\nm = json.loads(sys.stdin.readline())\nprint(json.dumps({\"origin\": {}, \"command\": \"check_keys\", \"parameters\": {\"keys\": [str(uuid.uuid4())]}}), flush=True)\nsys.stdin.readline()"
            ),
            Script("x.py", include_str!("../fixtures/scripts/good/json4/python-readline.py")),
        ),
        (
            "S15",
            Script("x.py", include_str!("../fixtures/scripts/bad/keys-numbers.py")),
            Script("x.py", include_str!("../fixtures/scripts/good/json4/python-readline.py")),
        ),
        (
            "S16",
            Script("x.sh", include_str!("../fixtures/scripts/bad/output-after.sh")),
            Script("x.sh", include_str!("../fixtures/scripts/good/json4/sh-sed.sh")),
        ),
        (
            "S17",
            Script("x.sh", include_str!("../fixtures/scripts/bad/child-holds-stdout.sh")),
            Script("x.sh", include_str!("../fixtures/scripts/good/json4/sh-background.sh")),
        ),
        (
            "S18",
            Script("x.sh", include_str!("../fixtures/scripts/bad/read-without-r.sh")),
            Script("x.sh", include_str!("../fixtures/scripts/good/json4/bash-read.sh")),
        ),
        (
            "S19",
            py!(
                "m = json.loads(sys.stdin.readline())\nstate = \"/var/lib/x/\" + m[\"parameters\"][\"alert\"][\"id\"]"
            ),
            py!(
                "m = json.loads(sys.stdin.readline())\nstate = \"/var/lib/x/\" + m[\"parameters\"][\"alert\"][\"data\"][\"srcip\"]"
            ),
        ),
        (
            "S20",
            sh!(
                "read -r l; ip=$(jq -r .parameters.alert.data.srcip <<<\"$l\")\niptables -I INPUT -s \"$ip\" -j DROP"
            ),
            sh!(
                "read -r l; ip=$(jq -r '.parameters.alert.data.srcip // empty' <<<\"$l\")\niptables -I INPUT -s \"$ip\" -j DROP"
            ),
        ),
        (
            "S21",
            sh!(
                "read -r l; level=$(jq -r .parameters.alert.rule.level <<<\"$l\")\n[ \"$level\" -ge 10 ] || exit 0"
            ),
            sh!("read -r l; level=$(jq -r .parameters.alert.rule.level <<<\"$l\")\nlogger \"level $level\""),
        ),
        (
            "S22",
            sh!("read -r l; id=$(jq -r .parameters.alert.rule.id <<<\"$l\")\n[ \"$id\" = 5763 ] || exit 0"),
            sh!("read -r l; id=$(jq -r .parameters.alert.rule.id <<<\"$l\")\nlogger \"rule $id\""),
        ),
        (
            "S23",
            sh!("read -r l; first=$(jq -r '.parameters.extra_args[0]' <<<\"$l\")"),
            sh!("read -r l; all=$(jq -r '.wazuh.active_response.extra_arguments // \"\"' <<<\"$l\")"),
        ),
        (
            "S24",
            sh!("read -r l\nprintf '%s' \"$l\" | /var/ossec/active-response/bin/firewall-drop"),
            sh!("read -r l\nprintf '%s' \"$l\" | /var/ossec/active-response/bin/firewall-drop-site"),
        ),
        (
            "S24",
            sh!("read -r l\nprintf restart | socat - UNIX:/var/ossec/queue/sockets/com"),
            sh!("read -r l\nprintf getconfig | socat - UNIX:/var/ossec/queue/sockets/com"),
        ),
        (
            "S25",
            OnManager("x.sh", "#!/bin/sh\nread -r l\necho \"$l\" >>/var/ossec/logs/own.log\n"),
            sh!("read -r l\necho \"$l\" >>/var/ossec/logs/own.log"),
        ),
        (
            "S26",
            sh!("read -r l\n./helper.sh \"$l\" >/dev/null"),
            sh!("read -r l\n/usr/local/bin/helper.sh \"$l\" >/dev/null"),
        ),
        (
            "S27",
            sh!("read -r l\nchown root:ossec /var/lib/x"),
            sh!("read -r l\nchown root:wazuh /var/ossec/x"),
        ),
        (
            "S28",
            sh!("read -r l\necho 192.0.2.1: >>/var/ossec/etc/lists/blocked"),
            sh!("read -r l\necho 192.0.2.1: >>/var/lib/lists-blocked"),
        ),
        ("S29", sh!("read -r l\necho failed >&2"), sh!("read -r l\necho failed >&2\nlogger failed")),
        (
            "S30",
            sh!("read -r l\ncurl -s https://h/x >/dev/null"),
            sh!("read -r l\ncurl -s --max-time 5 https://h/x >/dev/null"),
        ),
        (
            "S31",
            sh!("read -r l\n[ -n \"$l\" ] || exit 1 # nothing to do"),
            sh!("read -r l\n[ -n \"$l\" ] || exit 1"),
        ),
        (
            "S32",
            Edit(AGENT, |h| {
                h.write("/var/ossec/active-response/bin/x.sh", "#!/bin/sh\nread -r l\n")
                    .and_then(|h| h.set_mode("/var/ossec/active-response/bin/x.sh", 0o640))
                    .map(|_| ())
            }),
            Edit(AGENT, |_| Ok(())),
        ),
        (
            "S33",
            sh!("read -r l\niptables -I INPUT -s 192.0.2.1 -j DROP"),
            sh!("PATH=/usr/sbin:/usr/bin\nread -r l\niptables -I INPUT -s 192.0.2.1 -j DROP"),
        ),
        (
            "S34",
            Script("x.sh", include_str!("../fixtures/scripts/bad/injection-eval.sh")),
            Script("x.sh", include_str!("../fixtures/scripts/good/json4/bash-read.sh")),
        ),
        ("S35", Script("x.ps1", "Write-Host\n"), Script("x.sh", "#!/bin/sh\nread -r l\n")),
        (
            "S36",
            sh!("read -r l; ip=$(jq -r '.source.ip // empty' <<<\"$l\")"),
            sh!("read -r l; ip=$(jq -r '.source.ip | strings' <<<\"$l\")"),
        ),
        (
            "S37",
            py!(
                "m = json.loads(sys.stdin.readline())\nprint(json.dumps({\"origin\": {}, \"command\": \"check_keys\", \"parameters\": {\"keys\": [m[\"source\"][\"ip\"]]}}), flush=True)\nsubprocess.run([\"true\"])"
            ),
            Script("x.py", include_str!("../fixtures/scripts/good/json5/python-readline.py")),
        ),
        (
            "S38",
            Script("x.sh", include_str!("../fixtures/scripts/bad/keys-too-long.sh")),
            Script("x.sh", include_str!("../fixtures/scripts/good/json4/bash-read.sh")),
        ),
        (
            "S39",
            Script("x.sh", include_str!("../fixtures/scripts/good/json5/sh-head-short-keys.sh")),
            Script("x.sh", include_str!("../fixtures/scripts/good/json4/sh-head.sh")),
        ),
        (
            "S40",
            sh!("read -r l\n/var/ossec/bin/agent_control -r -a"),
            sh!("read -r l\n/usr/local/bin/my-agent_control-x"),
        ),
        (
            "S41",
            py!(
                "m = json.loads(sys.stdin.readline())\nid = m[\"event\"][\"doc_id\"]\nip = m[\"source\"][\"ip\"]"
            ),
            py!(
                "m = json.loads(sys.stdin.readline())\nid = m[\"wazuh\"][\"rule\"][\"id\"]\nip = m[\"source\"][\"ip\"]"
            ),
        ),
    ]
}

fn runtime_rows() -> Vec<(&'static str, Setup, Setup)> {
    const AGENT_5: &str = "agent-5.0-debian";
    const MANAGER_5: &str = "manager-5.0-debian";
    const STATE: &str = "/var/ossec/var/run/wazuh-agentd.state";
    const LOG: &str = "/var/ossec/logs/active-responses.log";
    const CLUSTER: &str = "/var/wazuh-manager/logs/cluster.log";
    const TWICE: &str = "2026/11/20 10:00:00 ERROR: [Active Response] Error during active response processing: 'event'.\n2026/11/20 10:00:30 ERROR: [Active Response] Error during active response processing: 'event'.\n";
    vec![
        (
            "R01",
            Edit(AGENT_5, |h| h.remove("/var/ossec/queue/sockets/execq").map(|_| ())),
            Edit(AGENT_5, execq),
        ),
        (
            "R02",
            Edit(AGENT_5, |h| h.write(STATE, "dispatched='0'\nfailed='3'\n").map(|_| ())),
            Edit(AGENT_5, |h| h.write(STATE, "dispatched='3'\nfailed='0'\n").map(|_| ())),
        ),
        (
            "R03",
            Edit(AGENT, |h| {
                h.append(LOG, "2026/11/20 14:00:00 active-response/bin/x: Starting\n").map(|_| ())
            }),
            Edit(AGENT, |h| {
                h.append(LOG, "2026/11/20 14:00:00 active-response/bin/x: Starting\n2026/11/20 14:00:01 active-response/bin/x: Aborted\n").map(|_| ())
            }),
        ),
        (
            "R04",
            Edit(AGENT, |h| {
                h.write("/var/ossec/active-response/bin/host-deny-lock/pid", "99999").map(|_| ())
            }),
            Edit(AGENT, |h| h.write("/var/ossec/active-response/bin/host-deny-lock/pid", "811").map(|_| ())),
        ),
        (
            "R05",
            Edit(AGENT_5, |h| {
                h.write(
                    "/var/ossec/logs/ossec.log",
                    "2026/11/20 10:00:05 wazuh-agentd: INFO: Started (pid: 839).\n",
                )
                .map(|_| ())
            }),
            Edit(AGENT_5, |h| {
                h.write("/var/ossec/logs/ossec.log", "2026/11/20 10:00:04 wazuh-execd: INFO: Started (pid: 811).\n2026/11/20 10:00:05 wazuh-agentd: INFO: Started (pid: 839).\n").map(|_| ())
            }),
        ),
        (
            "R06",
            Edit(MANAGER_5, |h| h.write(CLUSTER, TWICE).map(|_| ())),
            Edit(MANAGER_5, |h| {
                h.write(CLUSTER, format!("{TWICE}2026/11/20 10:01:00 INFO: [Active Response] Created 1 task(s) from 1 active response(s).\n")).map(|_| ())
            }),
        ),
        (
            "R07",
            Edit(MANAGER_5, |h| {
                h.write(CLUSTER, "x\n")
                    .and_then(|h| h.remove("/var/wazuh-manager/queue/tasks/task"))
                    .map(|_| ())
            }),
            Edit(MANAGER_5, |h| h.write(CLUSTER, "x\n").map(|_| ())),
        ),
        (
            "R08",
            Edit(MANAGER_5, |h| h.write(CLUSTER, cycles("10:06:00")).map(|_| ())),
            Edit(MANAGER_5, |h| h.write(CLUSTER, cycles("10:00:40")).map(|_| ())),
        ),
    ]
}

/// A log whose poller finished at 10:00:00 and whose last line is of another time.
fn cycles(last: &str) -> String {
    format!(
        "2026/11/20 10:00:00 INFO: [Master] [Active Response] Finished in 0.012s.\n2026/11/20 {last} INFO: [Master] [Local agent-groups] Finished in 0.003s.\n"
    )
}

fn execq(host: &mut CaptureHost) -> Result<(), EditError> {
    match host.special("/var/ossec/queue/sockets/execq", FileType::Socket) {
        Ok(_) | Err(EditError::Exists(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Rows of which no file of one host can hold a case, with the reason in the row itself.
const NOT_IN_FILES: &[&str] = &["C25", "C30", "C31", "C33", "C34", "R09"];

#[test]
fn every_row_is_found_and_its_near_miss_is_not() {
    let rows = table();
    for row in ROWS {
        let has = rows.iter().any(|(id, ..)| *id == row.id);
        let exempt = NOT_IN_FILES.contains(&row.id) && row.by_hand.is_some() || row.harm == Harm::Unchanged;
        assert!(has != exempt, "{} has no case, or is said to need none", row.id);
    }
    let mut wrong = Vec::new();
    for (id, shows, near) in &rows {
        if !finds(id, shows) {
            wrong.push(format!("{id} is not found where it is"));
        }
        if finds(id, near) {
            wrong.push(format!("{id} is found in its near miss"));
        }
    }
    assert!(wrong.is_empty(), "{} faults:\n{}", wrong.len(), wrong.join("\n"));
}

fn scripts(directory: &str) -> Vec<(String, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/scripts").join(directory);
    let mut all: Vec<(String, String)> = fs::read_dir(path)
        .expect("the fixtures are there")
        .map(|entry| entry.expect("an entry").path())
        .filter_map(|path| {
            Some((path.file_name()?.to_string_lossy().into_owned(), fs::read_to_string(&path).ok()?))
        })
        .collect();
    all.sort();
    all
}

#[test]
fn most_good_scripts_get_a_whole_diff_and_the_rest_get_steps() {
    let mut whole = 0;
    let all = scripts("good/json4");
    for (name, text) in &all {
        let result = rewrite(text.as_bytes());
        assert!(result.complete || !result.steps.is_empty(), "{name}: neither done nor a step: {result:?}");
        whole += usize::from(result.complete);
        let again = result.text.as_deref().map(rewrite).unwrap_or_default();
        assert!(!result.complete || again.replacements.is_empty(), "{name}: rewritten twice");
    }
    assert!(whole * 10 >= all.len() * 8, "{whole} of {}", all.len());
}

#[test]
fn scripts_for_5x_are_left_alone() {
    let both = scripts("good").into_iter().filter(|(name, _)| name == "both.py");
    for (name, text) in scripts("good/json5").into_iter().chain(both) {
        let file: &'static str = Box::leak(name.clone().into_boxed_str());
        let text: &'static str = Box::leak(text.into_boxed_str());
        let plan = planned(&host(&Script(file, text)));
        let script = plan.scripts.iter().find(|script| script.file.ends_with(&name)).expect("it is there");
        assert_eq!(script.verdict, Verdict::Keep, "{name}: {:?} {:?}", script.rows, script.rewrite);
    }
}

/// What does not change between the versions is no reason to change anything.
#[test]
fn what_did_not_change_is_not_flagged() {
    let text = "#!/bin/sh\nread -r l\ncase $(printf '%s' \"$l\" | jq -r .command) in continue) ;; abort) exit 0 ;; esac\n";
    assert!(!finds("S04", &Script("x.sh", Box::leak(text.to_owned().into_boxed_str()))));
    let plan = planned(&support::base("agent-5.0-debian"));
    assert!(plan.hazards.is_empty(), "{:?}", plan.hazards);
    let plan = planned(&support::base("manager-5.0-debian"));
    assert!(plan.hazards.is_empty(), "{:?}", plan.hazards);
}

/// Scripts of other styles whose diff is all, and whose original passes on 4.x here.
const MORE: &[&str] = &["jq-hosts-deny.sh", "loop-protocol.sh"];

/// Root: a diff that claims to be all makes a script that passes every trial of 5.x.
#[test]
fn a_whole_diff_makes_a_script_that_5x_can_play() {
    if skipped() {
        return;
    }
    let place = Place::new();
    let home = place.home("agent-5.0-debian");
    place.home("agent-4.14-debian");
    let mut all = scripts("good/json4");
    // In more styles, of which some have no diff that is all.
    let more: Vec<(String, String)> =
        scripts("styles").into_iter().filter(|(name, _)| MORE.contains(&name.as_str())).collect();
    assert_eq!(more.len(), MORE.len(), "the fixtures have moved");
    all.extend(more);
    let wrong = wrong(&all, |(name, text)| {
        let result = rewrite(text.as_bytes());
        let Some(new) = result.text.filter(|_| result.complete) else { return Ok(()) };
        let target = place.file(name, &new);
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(&target, mode).expect("the mode is set");
        let event = place.file(&format!("{name}.json"), play::FINDING);
        let timeout = if name == "stateless.sh" || name == "sh-background.sh" { "0" } else { "600" };
        let played =
            replay(&target, &event, &home, &["--contract", "json5", "--timeout", timeout, "--conformance"]);
        if played.status == Some(0) && played.findings().is_empty() {
            Ok(())
        } else {
            Err(format!("{name}: {}", played.summary()))
        }
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(PROGRAM)
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env_clear()
        .stdin(Stdio::null())
        .output()
        .expect("the program runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("output is UTF-8");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_document_fits_its_schema_and_says_what_breaks_first() {
    let schema: Value = serde_json::from_str(&run(&["schema", "migrate"]).1).expect("a schema");
    let validator = jsonschema::validator_for(&schema).expect("the schema is one");
    for base in support::BASES {
        let from = format!("fixtures/hosts/{base}");
        let (status, out, err) = run(&["migrate", "--from", &from, "--format", "json"]);
        assert_eq!(status, Some(0), "{base}: {err}");
        let document: Value = serde_json::from_str(&out).expect("JSON");
        let faults: Vec<String> = validator.iter_errors(&document).map(|error| error.to_string()).collect();
        assert!(faults.is_empty(), "{base}: {faults:?}");
        let (status, out, _) = run(&["migrate", "--from", &from]);
        assert_eq!(status, Some(0));
        let order: Vec<Option<usize>> = [
            "## What breaks first",
            "## What never runs",
            "## What is not reverted",
            "## Responses",
            "## Scripts",
            "## Checklist",
        ]
        .iter()
        .map(|title| out.find(title))
        .collect();
        assert!(order.iter().all(Option::is_some) && order.is_sorted(), "{base}: {order:?}");
    }
}

/// The excerpt in the README is what the command above it prints.
#[test]
fn the_excerpt_in_the_readme_is_real() {
    let readme = include_str!("../README.md");
    let excerpt = readme.split_once("An excerpt of the first:").expect("the excerpt").1;
    let excerpt = excerpt.split("```").nth(1).expect("it stands in a fence");
    let (status, out, _) = run(&["migrate", "--from", "fixtures/hosts/manager-4.14-debian"]);
    assert_eq!(status, Some(0));
    let flat = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in excerpt.split("\n\n").map(flat).filter(|part| !part.is_empty()) {
        assert!(flat(&out).contains(&part), "{part}\n{out}");
    }
}

#[test]
fn the_exit_status_is_that_of_every_command() {
    assert_eq!(run(&["migrate", "--from", "/nowhere"]).0, Some(2));
    assert_eq!(run(&["migrate", "--from", "src"]).0, Some(3));
    assert_eq!(run(&["migrate", "--format", "yaml"]).0, Some(2));
    let bare = "fixtures/hosts/manager-4.14-debian/files/var/ossec/etc/ossec.conf";
    let (status, out, _) = run(&["migrate", "--config", bare, "--role", "manager"]);
    assert_eq!(status, Some(0));
    assert!(out.contains("location: defined-agent") && out.contains("agent\\_id: `004`"), "{out}");
}

#[test]
fn no_secret_and_no_control_character_leaves() {
    let text = "#!/bin/bash\nread -r l\ntoken=swordfish1234\nip=$(jq -r '.parameters.alert.data.srcip' <<<\"$l\")\n# \u{1b}[31m\n";
    let host = host(&Script("x\u{1b}[2J.sh", Box::leak(text.to_owned().into_boxed_str())));
    let redactor = Redactor::new();
    let document = document(&planned(&host), "x", &redactor);
    for out in [markdown(&document), serde_json::to_string(&document).expect("JSON")] {
        assert!(!out.contains("swordfish1234"), "{out}");
        assert!(!out.contains('\u{1b}'), "{out}");
    }
}

/// Odd scripts whose diff is all there is to do.
const WHOLE: &[(&str, &str)] = &[
    (
        "perl.pl",
        r#"#!/usr/bin/perl
use strict; use warnings; use JSON::PP;
$| = 1;
my $line = <STDIN>;
my $m = decode_json($line);
my $ip = $m->{parameters}->{alert}->{data}->{srcip};
# add or delete
my $help = "usage: add|delete";
if ($m->{command} eq 'add') {
    print encode_json({version => 1, origin => {name => 'x', module => 'active-response'}, command => 'check_keys', parameters => {keys => [$ip]}}), "\n";
    my $r = decode_json(scalar <STDIN>);
    exit 0 unless $r->{command} eq 'continue';
    system('iptables', '-I', 'INPUT', '-s', $ip, '-j', 'DROP');
} elsif ($m->{command} eq 'delete') {
    system('iptables', '-D', 'INPUT', '-s', $ip, '-j', 'DROP');
}
"#,
    ),
    (
        "bracket-jq.sh",
        r#"#!/bin/sh
line=$(head -n1)
cmd=$(printf '%s' "$line" | jq -r '.["command"]')
ip=$(printf '%s' "$line" | jq -r '.["parameters"]["alert"]["data"]["srcip"] // empty')
user=$(printf '%s' "$line" | jq -r '.parameters.alert.data.dstuser? // "root"')
full=$(printf '%s' "$line" | jq -r '.parameters.alert.full_log')
[ "$cmd" = add ] && echo "add $ip $user $full" >>/var/log/x.log
[ "$cmd" = delete ] && echo "delete $ip" >>/var/log/x.log
"#,
    ),
    (
        "tabs-crlf.sh",
        r#"#!/bin/bash
read -r L
	IP=$(jq -r '.parameters.alert.data.srcip' <<<"$L")
	case "$(jq -r .command <<<"$L")" in	"add")	logger "a $IP";;	"delete")	logger "d $IP";;	esac
"#,
    ),
    (
        "nonl.sh",
        r#"#!/bin/bash
read -r L; C=$(jq -r .command <<<"$L"); IP=$(jq -r ".parameters.alert.data.srcip" <<<"$L"); if [ "$C" = "add" ]; then logger "b $IP"; elif [ "$C" = "delete" ]; then logger "u $IP"; fi"#,
    ),
    (
        "m.py",
        r#"#!/usr/bin/python3
import json, sys
m = json.loads(sys.stdin.readline())
ip = m["parameters"]["alert"]["data"]["srcip"]
match m["command"]:
    case "add":
        pass
    case "delete":
        pass
"#,
    ),
    (
        "o.sh",
        r#"#!/bin/bash
read -r L
IP=$(jq -r '.parameters.alert.data.srcip // empty' <<<"$L")
A=$(jq -r 'if .command=="add" then "-I" else "-D" end' <<<"$L")
logger "$A $IP"
"#,
    ),
    (
        "o2.sh",
        r#"#!/bin/bash
read -r L
IP=$(jq -r '.parameters.alert.data.srcip // empty' <<<"$L")
jq -e 'select(.command == "add")' <<<"$L" >/dev/null && logger "b $IP"
"#,
    ),
    (
        "r4.sh",
        r#"#!/bin/bash
read -r L
IP=$(jq -r '[.parameters.alert.data.srcip, .parameters.alert.agent.name] | @tsv' <<<"$L")
logger "$IP"
"#,
    ),
    (
        "r7.sh",
        r#"#!/bin/bash
read -r L
read -r IP U < <(jq -r '"\(.parameters.alert.data.srcip) \(.parameters.alert.data.dstuser)"' <<<"$L")
logger "$IP $U"
"#,
    ),
    (
        "x.sh",
        r#"#!/bin/bash
read -r L
IP=$(jq -r '.parameters.alert.data.srcip // empty' <<<"$L")
C=`jq -r .command <<<"$L"`
if [ "$C" == 'add' -o "$C" == 'delete' ]; then logger "$C $IP"; fi
"#,
    ),
];

/// Odd scripts of which something is left to a person: a dispatch by name, a word put together, a pattern, a text that is no code, another field of the name `command`.
const PARTLY: &[(&str, &str)] = &[
    (
        "heredoc.sh",
        r#"#!/bin/bash
# Reads .parameters.alert.data.srcip and blocks on add, unblocks on delete.
read -r INPUT
cat >/tmp/readme.txt <<'DOC'
This uses .parameters.alert.data.srcip ; add means block, delete means unblock.
case "$COMMAND" in add) ;; delete) ;; esac
DOC
COMMAND=$(jq -r .command <<<"$INPUT")
IP=$(jq -r '.parameters.alert.data.srcip // empty' <<<"$INPUT")
[ -n "$IP" ] || exit 1
case "$COMMAND" in
add)
  printf '{"version":1,"origin":{"name":"x","module":"active-response"},"command":"check_keys","parameters":{"keys":["%s"]}}\n' "$IP"
  read -r ANSWER
  [ "$(jq -r .command <<<"$ANSWER")" = continue ] || exit 0
  iptables -I INPUT -s "$IP" -j DROP >/dev/null
  ;;
delete)
  iptables -D INPUT -s "$IP" -j DROP >/dev/null
  ;;
esac
"#,
    ),
    (
        "othercmp.py",
        r#"#!/usr/bin/python3
import json, sys, subprocess
msg = json.loads(sys.stdin.readline())
command = msg["command"]
action = msg["parameters"]["alert"]["data"].get("action")
ip = msg["parameters"]["alert"]["data"]["srcip"]
if action == "delete":
    sys.exit(0)
if command == "add":
    print(json.dumps({"version": 1, "origin": {"name": "x", "module": "active-response"}, "command": "check_keys", "parameters": {"keys": [ip]}}), flush=True)
    reply = json.loads(sys.stdin.readline())
    if reply["command"] != "continue":
        sys.exit(0)
    subprocess.run(["ip", "route", "add", "blackhole", ip], timeout=5)
else:
    subprocess.run(["ip", "route", "del", "blackhole", ip], timeout=5)
"#,
    ),
    (
        "dict.py",
        r#"#!/usr/bin/env python3
"""Handles add and delete; reads parameters.alert.data.srcip."""
import json, sys, subprocess
VERBS = {"add": "-I", "delete": "-D"}
def main():
    data = json.loads(sys.stdin.readline())
    flag = VERBS[data["command"]]
    alert = data["parameters"]["alert"]
    ip = alert["data"]["srcip"]
    if data["command"] == "add":
        sys.stdout.write(json.dumps({"version": 1, "origin": {"name": "x", "module": "active-response"}, "command": "check_keys", "parameters": {"keys": [ip]}}) + "\n")
        sys.stdout.flush()
        if json.loads(sys.stdin.readline())["command"] != "continue":
            return
    subprocess.run(["iptables", flag, "INPUT", "-s", ip, "-j", "DROP"], timeout=10, stdout=subprocess.DEVNULL)
main()
"#,
    ),
    (
        "default-verb.sh",
        r#"#!/bin/bash
read -r L
CMD=$(jq -r '.command // "add"' <<<"$L")
IP=$(jq -r '.parameters.alert.data.srcip // .parameters.alert.data.src_ip // empty' <<<"$L")
case $CMD in
  add|enable) logger "block $IP" ;;
  delete|disable) logger "unblock $IP" ;;
esac
"#,
    ),
    (
        "inline-python.sh",
        r#"#!/bin/bash
read -r L
IP=$(python3 -c 'import json,sys; print(json.loads(sys.argv[1])["parameters"]["alert"]["data"]["srcip"])' "$L")
CMD=$(python3 - "$L" <<'PY'
import json, sys
print(json.loads(sys.argv[1])["command"])
PY
)
if [[ $CMD == add ]]; then iptables -I INPUT -s "$IP" -j DROP >/dev/null; fi
if [[ $CMD == delete ]]; then iptables -D INPUT -s "$IP" -j DROP >/dev/null; fi
"#,
    ),
    (
        "sed.sh",
        r#"#!/bin/sh
read -r L
IP=$(echo "$L" | sed -n 's/.*"srcip":"\([^"]*\)".*/\1/p')
CMD=$(echo "$L" | sed -n 's/.*"command":"\([a-z]*\)".*/\1/p')
test "$CMD" = add && route add -host "$IP" reject >/dev/null
test "$CMD" = delete && route del -host "$IP" reject >/dev/null
"#,
    ),
    (
        "shadow.py",
        r#"#!/usr/bin/python3
import json, sys
class Action: add = "add"; delete = "delete"
line = sys.stdin.readline()
m = json.loads(line)
parameters = m.get("parameters", {})
alert = parameters.get("alert", {})
data = alert.get("data", {})
ip = data.get("srcip")
for data in alert.get("other", []):
    print(data["srcip"], file=sys.stderr)
if m.get("command") == Action.add:
    open("/var/lib/x/" + ip, "w").close()
elif m.get("command") == Action.delete:
    pass
"#,
    ),
    (
        "two-vars.py",
        r#"#!/usr/bin/python3
import json, sys
m = json.loads(sys.stdin.readline())
d = m["parameters"]["alert"]["data"]
ip = d["srcip"]
def other(d):
    return d["srcip"]
d2 = {"x": d}
if m["command"] in ("add", "delete"):
    mode = "add" if m["command"] == "add" else "delete"
    open("/tmp/x", "a").write(mode + ip)
"#,
    ),
    (
        "level.sh",
        r#"#!/bin/bash
read -r L
LEVEL=$(jq -r '.parameters.alert.rule.level' <<<"$L")
RULE=$(jq -r '.parameters.alert.rule.id' <<<"$L")
AG=$(jq -r '.parameters.alert.agent.id // empty' <<<"$L")
(( LEVEL >= 10 )) || exit 0
IP=$(jq -r '.parameters.alert.data.srcip // empty' <<<"$L")
C=$(jq -r .command <<<"$L")
[ "$C" = add ] && logger "$RULE $IP $AG"
[ "$C" = delete ] && logger "un $IP"
"#,
    ),
    (
        "a.sh",
        r#"#!/bin/bash
read -r L
IP=$(jq -r '.parameters.alert.data.srcip // empty' <<<"$L")
C=$(jq -r '.parameters.alert.data.command' <<<"$L")
case $C in add) logger a;; delete) logger d;; esac
"#,
    ),
    (
        "a2.sh",
        r#"#!/bin/bash
read -r L
IP=$(jq -r '.parameters.alert.data.srcip // empty' <<<"$L")
command=$(basename "$0")
[ "$command" = add ] && logger a
"#,
    ),
    (
        "b.pl",
        r#"#!/usr/bin/perl
use JSON::PP;
my $m = decode_json(scalar <STDIN>);
my $ip = $m->{parameters}{alert}{data}{srcip};
if ($m->{parameters}{alert}{data}{command} eq "add") { system("logger", $ip); }
"#,
    ),
    (
        "c.py",
        r#"#!/usr/bin/python3
import json, sys
m = json.loads(sys.stdin.readline())
ip = m["parameters"]["alert"]["data"]["srcip"]
if m["parameters"]["alert"]["data"]["command"] == "delete":
    sys.exit(0)
"#,
    ),
    (
        "d.sh",
        r#"#!/bin/bash
read -r L
export L
python3 <<'EOF'
import json, os
m = json.loads(os.environ["L"])
if m["command"] == "add":
    print(m["parameters"]["alert"]["data"]["srcip"])
EOF
"#,
    ),
    (
        "e.sh",
        r#"#!/bin/bash
read -r L
IP=$(jq -r '.parameters.alert.data.srcip // empty' <<<"$L")
C=$(jq -r .command <<<"$L")
[[ $C =~ ^(add|delete)$ ]] || exit 1
logger "$C $IP"
"#,
    ),
    (
        "f.sh",
        r#"#!/bin/bash
read -r L
IP=$(jq -r '.parameters.alert.data.srcip // empty' <<<"$L")
C=$(jq -r .command <<<"$L")
declare -A flag=([add]=-I [delete]=-D)
logger "${flag[$C]} $IP"
"#,
    ),
    (
        "g.sh",
        r#"#!/bin/bash
read -r L
IP=$(jq -r '.parameters.alert.data.srcip // empty' <<<"$L")
C=$(jq -r .command <<<"$L")
add() { logger "b $IP"; }
delete() { logger "u $IP"; }
"$C"
"#,
    ),
    (
        "g2.sh",
        r#"#!/bin/bash
read -r L
IP=$(jq -r '.parameters.alert.data.srcip // empty' <<<"$L")
C=$(jq -r .command <<<"$L")
do_add() { logger "b $IP"; }
do_delete() { logger "u $IP"; }
"do_$C"
"#,
    ),
    (
        "h.py",
        r#"#!/usr/bin/python3
import json, sys
m = json.loads(sys.stdin.readline())
ip = m["parameters"]["alert"]["data"]["srcip"]
class A:
    def add(self): pass
    def delete(self): pass
getattr(A(), m["command"])()
"#,
    ),
    (
        "h2.py",
        r#"#!/usr/bin/python3
import json, sys
m = json.loads(sys.stdin.readline())
ip = m["parameters"]["alert"]["data"]["srcip"]
def add(): pass
def delete(): pass
globals()[m["command"]]()
"#,
    ),
    (
        "i.pl",
        r#"#!/usr/bin/perl
use JSON::PP;
my $m = decode_json(scalar <STDIN>);
my $ip = $m->{parameters}{alert}{data}{srcip};
my %d = (add => sub { print STDERR "a" }, delete => sub { print STDERR "d" });
$d{$m->{command}}->();
"#,
    ),
    (
        "j.sh",
        r#"#!/bin/bash
read -r L
IP=$(jq -r '.parameters.alert.data.srcip // empty' <<<"$L")
if echo "$L" | grep -q '"command":"add"'; then logger "b $IP"; else logger "u $IP"; fi
"#,
    ),
    (
        "k.sh",
        r#"#!/bin/bash
read -r L
IP=$(jq -r '.parameters.alert.data.srcip // empty' <<<"$L")
case "$L" in *'"command":"add"'*) logger "b $IP";; *) logger "u $IP";; esac
"#,
    ),
    (
        "l.sh",
        r#"#!/bin/bash
read -r L
IP=$(jq -r '.parameters.alert.data.srcip // empty' <<<"$L")
C=$(jq -r .command <<<"$L")
[ add = "$C" ] && logger "b $IP"
[ delete = "$C" ] && logger "u $IP"
"#,
    ),
    (
        "l2.sh",
        r#"#!/bin/bash
read -r L
IP=$(jq -r '.parameters.alert.data.srcip // empty' <<<"$L")
C=$(jq -r .command <<<"$L")
[ x$C = xadd ] && logger "b $IP"
[ "x$C" = "xdelete" ] && logger "u $IP"
"#,
    ),
    (
        "m2.py",
        r#"#!/usr/bin/python3
import json, sys
m = json.loads(sys.stdin.readline())
ip = m["parameters"]["alert"]["data"]["srcip"]
c = m["command"]
if c.startswith("add"):
    pass
elif c.startswith("del"):
    pass
"#,
    ),
    (
        "m3.py",
        r#"#!/usr/bin/python3
import json, sys
m = json.loads(sys.stdin.readline())
ip = m["parameters"]["alert"]["data"]["srcip"]
f = {"add": print, "delete": exit}.get(m["command"])
f()
"#,
    ),
    (
        "m4.py",
        r#"#!/usr/bin/python3
import json, sys
m = json.loads(sys.stdin.readline())
ip = m["parameters"]["alert"]["data"]["srcip"]
c = m["command"]
if c[0] == "a":
    open("/tmp/x")
"#,
    ),
    (
        "n.sh",
        r#"#!/bin/bash
read -r L
IP=$(jq -r '.parameters.alert.data.srcip // empty' <<<"$L")
echo "$L" | awk -F'"' '$4=="add" {print "x"}' >/dev/null
"#,
    ),
    (
        "p.pl",
        r#"#!/usr/bin/perl
use JSON::PP;
my $m = decode_json(scalar <STDIN>);
my $ip = $m->{parameters}{alert}{data}{srcip};
if ($m->{command} =~ /^add$/) { system("logger", $ip); } else { system("logger", "-u", $ip); }
"#,
    ),
    (
        "r1.sh",
        r#"#!/bin/bash
read -r L
IP=$(jq -r '.parameters.alert as $a | $a.data.srcip' <<<"$L")
logger $IP
"#,
    ),
    (
        "r2.sh",
        r#"#!/bin/bash
read -r L
IP=$(jq -r '.parameters | .alert.data.srcip' <<<"$L")
logger "$IP"
"#,
    ),
    (
        "r3.sh",
        r#"#!/bin/bash
read -r L
IP=$(jq -r '.parameters.alert.data | .srcip' <<<"$L")
logger "$IP"
"#,
    ),
    (
        "r5.sh",
        r#"#!/bin/bash
read -r L
IP=$(jq -r 'getpath(["parameters","alert","data","srcip"])' <<<"$L")
logger "$IP"
"#,
    ),
    (
        "r6.sh",
        r#"#!/bin/bash
read -r L
IP=$(jq -r '.. | .srcip? // empty' <<<"$L")
logger "$IP"
"#,
    ),
    (
        "t.py",
        r#"#!/usr/bin/python3
import json, sys
m = json.loads(sys.stdin.readline())
ip = m["parameters"]["alert"]["data"]["srcip"]
if "parameters" not in m:
    sys.exit(1)
"#,
    ),
    (
        "u.sh",
        r#"#!/bin/bash
read -r L
IP=$(jq -r '.parameters.alert.data.srcip // empty' <<<"$L")
V=$(jq -r .version <<<"$L")
[ "$V" = 1 ] || exit 1
logger "$IP"
"#,
    ),
    (
        "w.py",
        r#"#!/usr/bin/python3
import json, sys
m = json.loads(sys.stdin.readline())
def run(alert, extra_args=None, program=None):
    print(alert["data"]["srcip"], file=sys.stderr)
run(**m["parameters"])
"#,
    ),
    (
        "y.sh",
        r#"#!/bin/bash
read -r L
IP=$(jq -r '.parameters.alert.data.srcip // empty' <<<"$L")
C=$(jq -r .command <<<"$L")
logger "$C"
logger "type: $(jq -r 'if has("parameters") then "4" else "5" end' <<<"$L")"
"#,
    ),
    (
        "z.py",
        r#"#!/usr/bin/python3
import json, sys
m = json.loads(sys.stdin.readline())
ip = m["parameters"]["alert"]["data"]["srcip"]
cmd = m["command"]
verbs = ["add", "delete"]
if cmd not in verbs:
    sys.exit(1)
"#,
    ),
    (
        "z2.py",
        r#"#!/usr/bin/python3
import json, sys
m = json.loads(sys.stdin.readline())
ip = m["parameters"]["alert"]["data"]["srcip"]
ADD = "add"
DELETE = "delete"
if m["command"] == ADD:
    pass
"#,
    ),
    (
        "z3.sh",
        r#"#!/bin/bash
ADD=add
read -r L
IP=$(jq -r '.parameters.alert.data.srcip // empty' <<<"$L")
C=$(jq -r .command <<<"$L")
if [ "$C" = "$ADD" ]; then logger "$IP"; fi
"#,
    ),
    (
        "z4.sh",
        r#"#!/bin/bash
read -r L
IP=$(jq -r '.parameters.alert.data.srcip // empty' <<<"$L")
C=$(jq -r .command <<<"$L")
if [ "$C" = "${1:-add}" ]; then logger "$IP"; fi
"#,
    ),
    (
        "z5.sh",
        r#"#!/bin/bash
read -r L
IP=$(jq -r '.parameters.alert.data.srcip // empty' <<<"$L")
C=$(jq -r .command <<<"$L" | tr a-z A-Z)
if [ "$C" = ADD ]; then logger "$IP"; fi
"#,
    ),
    (
        "z6.py",
        r#"#!/usr/bin/python3
import json, sys
m = json.loads(sys.stdin.readline())
ip = m["parameters"]["alert"]["data"]["srcip"]
print(m["parameters"]["alert"]["agent"]["ip"], file=sys.stderr)
if m["command"].upper() == "ADD":
    open("/tmp/x")
"#,
    ),
];

/// Applies a diff with patch(1); none where that is not installed.
fn patched(diff: &str, name: &str, text: &str) -> Option<String> {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("active-response/bin").join(name);
    fs::create_dir_all(file.parent().expect("a directory")).expect("it is new");
    fs::write(&file, text).expect("written");
    fs::write(directory.path().join("diff"), diff).expect("written");
    let output = Command::new("patch")
        .args(["-p1", "--no-backup-if-mismatch", "-i", "diff"])
        .current_dir(directory.path())
        .output()
        .ok()?;
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stdout));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!said.contains("fuzz") && !said.contains("offset"), "{name}: {said}");
    Some(fs::read_to_string(&file).expect("it is there"))
}

#[test]
fn odd_scripts_get_a_whole_diff_only_where_it_is_sure() {
    use ar_doctor::lint::{Context, FaultKind, language, lint};
    use ar_doctor::wazuh::version::Contract;
    let mut wrong = Vec::new();
    let mut tool = true;
    for (rows, whole) in [(WHOLE, true), (PARTLY, false)] {
        for (name, text) in rows {
            let plan = planned(&host(&Script(name, text)));
            let own = format!("active-response/bin/{name}");
            let script = plan.scripts.iter().find(|script| script.file == own).expect("it is there");
            if (script.verdict == Verdict::Diff) != whole || script.rewrite.complete != whole {
                wrong.push(format!("{name}: {:?} {:?}", script.verdict, script.rewrite.steps));
                continue;
            }
            if !whole && script.rewrite.steps.is_empty() {
                wrong.push(format!("{name}: nothing is said"));
            }
            // Part of a diff has to apply, too.
            let Some(diff) = &script.diff else { continue };
            let new = script.rewrite.text.as_deref().map(String::from_utf8_lossy).expect("a text");
            match patched(diff, name, text) {
                Some(patched) if patched != new => wrong.push(format!("{name}: patched otherwise")),
                Some(_) => {}
                None => tool = false,
            }
            if whole {
                let context = Context { contract: Contract::Json5, timeout: 0 };
                let language = language(name.as_bytes(), new.as_bytes()).expect("a language");
                let faults = lint(new.as_bytes(), language, &context).faults;
                if let Some(fault) = faults.iter().find(|fault| fault.kind == FaultKind::OtherContract) {
                    wrong.push(format!("{name}: lint takes it for 4.x: {}", fault.message));
                }
            }
        }
    }
    if !tool {
        eprintln!("skipped: patch(1) is not installed");
    }
    assert!(wrong.is_empty(), "{} faults:\n{}", wrong.len(), wrong.join("\n"));
}

/// What is too large, or may not be read, is not said to be clear.
#[test]
fn what_is_not_read_is_not_clear() {
    let unknown = |host: &CaptureHost, row: &str| {
        let plan = planned(host);
        let says = plan.unknown.iter().any(|(other, why)| other.id == row && !why.is_empty());
        assert!(says, "{row}: {:?} {:?}", plan.unknown, plan.hazards);
        assert!(!plan.clear.iter().any(|other| other.id == row), "{row} is said to be clear");
    };
    let large = vec![b'\n'; 9 << 20];
    let (agent, manager) = ("agent-5.0-debian", "manager-5.0-debian");
    let home = |path: &str| format!("/var/ossec/{path}");
    for (base, path, row) in [
        (agent, home("logs/ossec.log"), "R05"),
        (agent, home("logs/active-responses.log"), "R03"),
        (manager, "/var/wazuh-manager/logs/cluster.log".to_owned(), "R06"),
    ] {
        let mut host = support::base(base);
        host.write(&path, &large).unwrap_or_else(|error| panic!("{error}"));
        unknown(&host, row);
    }
    for (base, path, row) in [
        (agent, home("logs/ossec.log"), "R05"),
        (agent, home("var/run/wazuh-agentd.state"), "R02"),
        (AGENT, home("etc/shared/agent.conf"), "C02"),
        (AGENT, home("active-response/bin/edge-block.sh"), "S07"),
        (MANAGER, home("etc/rules/local_rules.xml"), "C28"),
        (MANAGER, home("etc/client.keys"), "C24"),
    ] {
        let mut host = support::base(base);
        if host.entry(path.as_ref()).get().is_none() {
            host.write(&path, "x\n").unwrap_or_else(|error| panic!("{error}"));
        }
        host.deny_read(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        unknown(&host, row);
    }
}

proptest::proptest! {
    #[test]
    fn any_text_is_taken(text in "(#!/bin/bash\n|#!/usr/bin/python3\n|#!/usr/bin/perl\n)([a-z \"'\\[\\]{}()$=.\n-]|parameters|\\.alert|\\[\"alert\"\\]|->\\{data\\}|srcip|command|add|delete|case |esac|\\.get\\(){0,60}") {
        let result = rewrite(text.as_bytes());
        for span in result.replacements.iter().map(|r| &r.span).chain(result.steps.iter().map(|s| &s.span)) {
            proptest::prop_assert!(span.start <= span.end && span.start <= text.len());
        }
        if let Some(new) = &result.text {
            proptest::prop_assert!(std::str::from_utf8(new).is_ok());
        }
    }
}
