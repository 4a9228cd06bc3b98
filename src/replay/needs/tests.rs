//! Tables for what scripts read.
#![allow(clippy::unwrap_used, clippy::panic)]

use proptest::prelude::*;

use super::*;

fn sh(body: &str) -> Vec<(String, bool)> {
    of(&format!("#!/bin/bash\n{body}\n"))
}

fn py(body: &str) -> Vec<(String, bool)> {
    of(&format!("#!/usr/bin/env python3\nimport json, sys\n{body}\n"))
}

fn pl(body: &str) -> Vec<(String, bool)> {
    of(&format!("#!/usr/bin/perl\nuse JSON;\n{body}\n"))
}

/// Paths joined by ` | `, and whether they are required.
fn of(script: &str) -> Vec<(String, bool)> {
    Needs::of_text(script.as_bytes())
        .all
        .into_iter()
        .map(|need| (need.paths.join(" | "), !need.optional))
        .collect()
}

fn list(wanted: &[(&str, bool)]) -> Vec<(String, bool)> {
    wanted.iter().map(|(path, required)| ((*path).to_owned(), *required)).collect()
}

const SRCIP: &str = "parameters.alert.data.srcip";

#[test]
fn jq_in_shell() {
    let read = "read -r INPUT\n";
    for (body, wanted) in [
        ("IP=$(echo \"$INPUT\" | jq -r .parameters.alert.data.srcip)", &[(SRCIP, true)][..]),
        ("IP=$(echo \"$INPUT\" | jq -r '.parameters.alert.data.srcip')", &[(SRCIP, true)]),
        ("IP=`echo $INPUT | jq -r '.parameters[\"alert\"].data[\"srcip\"]'`", &[(SRCIP, true)]),
        ("IP=$(jq -r '.parameters | .alert | .data.srcip' <<< \"$INPUT\")", &[(SRCIP, true)]),
        ("IP=$(jq -r '.parameters.alert.data.srcip // empty' <<<\"$INPUT\")", &[(SRCIP, false)]),
        ("IP=$(jq -r '.parameters.alert.data.srcip?' <<<\"$INPUT\")", &[(SRCIP, false)]),
        (
            "IP=$(jq -r '.parameters.alert.data.srcip // .parameters.alert.data.src_ip' <<<\"$INPUT\")",
            &[("parameters.alert.data.srcip | parameters.alert.data.src_ip", true)],
        ),
        (
            "IP=$(jq -r '.parameters.alert.data.srcip // .parameters.alert.data.src_ip // empty' <<<\"$INPUT\")",
            &[("parameters.alert.data.srcip | parameters.alert.data.src_ip", false)],
        ),
        (
            "ALERT=$(echo \"$INPUT\" | jq .parameters.alert)\nIP=$(echo \"$ALERT\" | jq -r .data.srcip)",
            &[(SRCIP, true)],
        ),
        (
            "X=$(echo \"$INPUT\" | jq -r '\"\\(.parameters.alert.data.srcip) \\(.parameters.alert.agent.id)\"')",
            &[(SRCIP, true), ("parameters.alert.agent.id", true)],
        ),
        (
            "X=$(jq -r '[.parameters.alert.data.srcip, .parameters.alert.rule.id] | @tsv' <<< \"$INPUT\")",
            &[(SRCIP, true), ("parameters.alert.rule.id", true)],
        ),
        ("U=$(echo \"$INPUT\" | jq -r .source.ip)", &[("source.ip", true)]),
        ("U=$(echo \"$INPUT\" | jq -r '.parameters.extra_args[0]')", &[("parameters.extra_args[0]", true)]),
        (
            "field() { jq -r \"$1 | strings\" <<<\"$INPUT\"; }\nIP=$(field .parameters.alert.data.srcip)",
            &[(SRCIP, true)],
        ),
        (
            "field() { jq -r \"$1 // empty\" <<<\"$INPUT\"; }\nIP=$(field .parameters.alert.data.srcip)",
            &[(SRCIP, false)],
        ),
        ("field() { echo \"$1\"; }\nIP=$(field .parameters.alert.data.srcip)", &[]),
        // Not on every run.
        ("if true; then IP=$(echo \"$INPUT\" | jq -r .parameters.alert.data.srcip); fi", &[(SRCIP, false)]),
        ("[ -n \"$X\" ] && IP=$(echo \"$INPUT\" | jq -r .parameters.alert.data.srcip)", &[(SRCIP, false)]),
        (
            "case $C in\nadd)\n IP=$(echo \"$INPUT\" | jq -r .parameters.alert.data.srcip)\n;;\nesac",
            &[(SRCIP, false)],
        ),
        ("f() {\n IP=$(echo \"$INPUT\" | jq -r .parameters.alert.data.srcip)\n}", &[(SRCIP, false)]),
        ("f() {\n IP=$(echo \"$INPUT\" | jq -r .parameters.alert.data.srcip)\n}\nf", &[(SRCIP, true)]),
        (
            "function main {\n IP=$(echo \"$INPUT\" | jq -r .parameters.alert.data.srcip)\n}\nmain \"$@\"",
            &[(SRCIP, true)],
        ),
        // Not at all.
        ("# jq -r .parameters.alert.data.srcip", &[]),
        ("cat > /tmp/x <<'EOF'\njq -r .parameters.alert.data.srcip\nEOF", &[]),
        ("cat <<-EOF\n\tjq -r .parameters.alert.data.srcip\n\tEOF", &[]),
        ("echo 'jq -r .parameters.alert.data.srcip'", &[]),
        ("X=$(curl -s http://api | jq -r .data.srcip)", &[]),
        ("X=$(curl -s http://api | jq -r .message)", &[]),
        ("X=$(jq -n --arg a b '{\"version\":1,\"parameters\":{\"keys\":[$a]}}')", &[]),
    ] {
        assert_eq!(sh(&format!("{read}{body}")), list(wanted), "{body}");
    }
}

#[test]
fn patterns_in_shell() {
    for (body, wanted) in [
        ("IP=$(echo \"$L\" | grep -oP '\"srcip\":\\s*\"\\K[^\"]+')", &[("*.srcip", true)][..]),
        ("IP=$(echo \"$L\" | sed -n 's/.*\"srcip\":\"\\([^\"]*\\)\".*/\\1/p')", &[("*.srcip", true)]),
        ("echo \"$L\" | grep -q '\"srcip\":' && echo yes", &[("*.srcip", false)]),
        ("IP=$(echo \"$L\" | grep -o 'srcip')", &[]),
        ("# grep '\"srcip\":'", &[]),
    ] {
        assert_eq!(sh(body), list(wanted), "{body}");
    }
}

#[test]
fn python() {
    let load = "msg = json.loads(sys.stdin.readline())\n";
    for (body, wanted) in [
        ("ip = msg[\"parameters\"][\"alert\"][\"data\"][\"srcip\"]", &[(SRCIP, true)][..]),
        ("ip = msg['parameters']['alert']['data']['srcip']", &[(SRCIP, true)]),
        ("alert = msg[\"parameters\"][\"alert\"]\nip = alert[\"data\"][\"srcip\"]", &[(SRCIP, true)]),
        (
            "p = msg[\"parameters\"]\nalert = p[\"alert\"]\ndata = alert[\"data\"]\nprint(data[\"srcip\"])",
            &[(SRCIP, true)],
        ),
        (
            "ip = msg.get(\"parameters\", {}).get(\"alert\", {}).get(\"data\", {}).get(\"srcip\")",
            &[(SRCIP, false)],
        ),
        (
            "alert = msg[\"parameters\"].get(\"alert\", {})\nip = alert[\"data\"]",
            &[("parameters.alert.data", false)],
        ),
        ("ip = msg[\"source\"][\"ip\"]", &[("source.ip", true)]),
        (
            "u = msg[\"wazuh\"][\"active_response\"][\"extra_arguments\"]",
            &[("wazuh.active_response.extra_arguments", true)],
        ),
        (
            "def main():\n    ip = msg[\"parameters\"][\"alert\"][\"data\"][\"srcip\"]\n\nif __name__ == \"__main__\":\n    main()",
            &[(SRCIP, true)],
        ),
        (
            "def main(m):\n    ip = m[\"parameters\"][\"alert\"][\"data\"][\"srcip\"]\n\nmain(msg)",
            &[(SRCIP, true)],
        ),
        ("def never():\n    ip = msg[\"parameters\"][\"alert\"][\"data\"][\"srcip\"]", &[(SRCIP, false)]),
        (
            "try:\n    ip = msg[\"parameters\"][\"alert\"][\"data\"][\"srcip\"]\nexcept KeyError:\n    pass",
            &[(SRCIP, false)],
        ),
        ("if x:\n    ip = msg[\"parameters\"][\"alert\"][\"data\"][\"srcip\"]", &[(SRCIP, false)]),
        (
            "data = msg[\"parameters\"][\"alert\"][\"data\"]\nif \"srcip\" in data:\n    pass\nip = data[\"srcip\"]",
            &[("parameters.alert.data", true), (SRCIP, false)],
        ),
        ("# ip = msg[\"parameters\"][\"alert\"]", &[]),
        ("\"\"\"\nmsg[\"parameters\"][\"alert\"]\n\"\"\"", &[]),
        ("print('msg[\"parameters\"][\"alert\"]')", &[]),
        ("reply = {}\nreply[\"parameters\"] = 1", &[]),
        ("msg[\"command\"] = \"x\"", &[]),
        ("conf[\"source\"][\"ip\"]", &[]),
    ] {
        assert_eq!(py(&format!("{load}{body}")), list(wanted), "{body}");
    }
    assert_eq!(
        py("ip = json.loads(input())[\"parameters\"][\"alert\"][\"data\"][\"srcip\"]"),
        list(&[(SRCIP, true)])
    );
}

#[test]
fn perl() {
    let load = "my $m = decode_json(scalar <STDIN>);\n";
    for (body, wanted) in [
        ("my $ip = $m->{parameters}{alert}{data}{srcip};", &[(SRCIP, true)][..]),
        ("my $ip = $m->{'parameters'}->{\"alert\"}->{data}->{srcip};", &[(SRCIP, true)]),
        ("my $a = $m->{parameters}{alert};\nmy $ip = $a->{data}{srcip};", &[(SRCIP, true)]),
        ("my $ip = $m->{parameters}{alert}{data}{srcip} // '';", &[(SRCIP, false)]),
        ("my $ip = $m->{parameters}{alert}{data}{srcip} || die;", &[(SRCIP, false)]),
        ("if ($x) {\n  my $ip = $m->{parameters}{alert}{data}{srcip};\n}", &[(SRCIP, false)]),
        ("print $m->{parameters}{alert}{data}{srcip} if $x;", &[(SRCIP, false)]),
        ("sub run {\n  my $ip = $m->{parameters}{alert}{data}{srcip};\n}\nrun();", &[(SRCIP, true)]),
        ("sub run {\n  my $ip = $m->{parameters}{alert}{data}{srcip};\n}", &[(SRCIP, false)]),
        ("my $ip = $m->{source}{ip};", &[("source.ip", true)]),
        ("# $m->{parameters}{alert}", &[]),
        ("=pod\n\n$m->{parameters}{alert}\n\n=cut\n", &[]),
        ("$m->{parameters}{alert} = 1;", &[]),
    ] {
        assert_eq!(pl(&format!("{load}{body}")), list(wanted), "{body}");
    }
}

#[test]
fn places_and_other_languages() {
    let script = b"#!/bin/sh\nread -r L\nIP=$(echo \"$L\" | jq -r '.parameters.alert.data.srcip')\n";
    let needs = Needs::of_text(script);
    let place = needs.all[0].place.clone().unwrap();
    assert_eq!((place.line, place.column), (3, 24));
    assert_eq!(&script[place.span], b"'.parameters.alert.data.srcip'");
    assert_eq!(Needs::of_text(b"#!/usr/bin/lua\nmsg.parameters.alert"), Needs::default());
    assert_eq!(Needs::of_text(b"\x7fELF\x02\0\0jq .parameters.alert"), Needs::default());
}

#[test]
fn shipped_programs() {
    let path = |name: &str, contract| {
        Needs::of_stock(name.as_bytes(), contract, None)
            .map(|needs| needs.all.iter().map(|need| need.path().to_owned()).collect::<Vec<_>>())
    };
    let envelope = ["version", "origin", "parameters"];
    let with =
        |more: &[&str]| Some(envelope.iter().chain(more).map(|path| (*path).to_owned()).collect::<Vec<_>>());
    assert_eq!(path("firewall-drop", Contract::Json4), with(&[SRCIP]));
    assert_eq!(path("disable-account", Contract::Json4), with(&["parameters.alert.data.dstuser"]));
    assert_eq!(path("restart-wazuh", Contract::Json4), with(&[]));
    assert_eq!(path("wazuh-slack", Contract::Json4), with(&["parameters.alert", "parameters.extra_args"]));
    assert_eq!(path("kaspersky", Contract::Json4), with(&["parameters.extra_args"]));
    assert_eq!(path("block-ip", Contract::Json5), Some(vec!["wazuh".to_owned(), "source.ip".to_owned()]));
    assert_eq!(
        path("disable-account", Contract::Json5),
        Some(vec!["wazuh".to_owned(), "user.name".to_owned()])
    );
    assert_eq!(path("firewall-drop", Contract::Json5), None);
    assert_eq!(path("my-script", Contract::Json4), None);
    let old = Needs::of_stock(b"firewall-drop", Contract::Json4, Some(Version::new(4, 2, 5))).unwrap();
    assert_eq!(old.all.last().unwrap().paths, [SRCIP]);
}

fn written(script: &str) -> Option<(Contract, bool)> {
    written_for(script.as_bytes()).map(|written| (written.contract, written.sure))
}

#[test]
fn the_generation_a_script_is_written_for() {
    for (script, wanted) in [
        (
            "#!/bin/sh\nread -r L\necho \"$L\" | jq -r .parameters.alert.data.srcip\n",
            Some((Contract::Json4, true)),
        ),
        ("#!/bin/sh\nread -r L\necho \"$L\" | jq -r .source.ip\n", Some((Contract::Json5, true))),
        (
            "#!/bin/sh\nread -r L\nA=$(echo \"$L\" | jq -r '.wazuh.active_response.extra_arguments')\n",
            Some((Contract::Json5, true)),
        ),
        (
            "#!/bin/sh\nread -r L\nC=$(echo \"$L\" | jq -r .command)\ncase $C in\n add) x;;\n delete) y;;\nesac\n",
            Some((Contract::Json4, false)),
        ),
        (
            "#!/bin/sh\nread -r L\nC=$(echo \"$L\" | jq -r .command)\nif [ \"$C\" = \"enable\" ]; then x; fi\n",
            Some((Contract::Json5, false)),
        ),
        // Both, or neither.
        ("#!/bin/sh\nread -r L\ncase $C in\n add|enable) x;;\n delete|disable) y;;\nesac\n", None),
        (
            "#!/bin/sh\nread -r L\nA=$(echo \"$L\" | jq -r '.source.ip // .parameters.alert.data.srcip')\n",
            None,
        ),
        ("#!/bin/sh\nread -r L\ntouch /tmp/x\n", None),
        ("#!/bin/sh\n# .parameters.alert\nread -r L\n", None),
        // 4.1 and earlier.
        (
            "#!/bin/sh\nACTION=$1\nUSER=$2\nIP=$3\niptables -I INPUT -s $IP -j DROP\n",
            Some((Contract::Args, true)),
        ),
        (
            "#!/bin/sh\nIP=$3\nif echo \"$IP\" | grep -q ':'; then ip6tables -I INPUT -s $IP -j DROP; fi\n",
            Some((Contract::Args, true)),
        ),
        ("#!/bin/sh\nf() { echo $1; }\nf x\n", None),
        ("#!/bin/sh\nread -r L\nLOG=${1:-/tmp/x}\n", None),
        ("#!/usr/bin/python3\nimport sys\nip = sys.argv[3]\n", Some((Contract::Args, true))),
        ("#!/usr/bin/python3\nimport sys\nprint(sys.argv[0])\n", None),
        ("#!/usr/bin/perl\nmy $ip = $ARGV[2];\n", Some((Contract::Args, true))),
        (
            "#!/usr/bin/python3\nimport sys, json\nm = json.loads(sys.stdin.readline())\nif m['command'] == 'add':\n  pass\nelif m['command'] == 'delete':\n  pass\n",
            Some((Contract::Json4, false)),
        ),
    ] {
        assert_eq!(written(script), wanted, "{script}");
    }
}

#[test]
fn read_without_r() {
    let place = |body: &str| {
        shell_reads_without_r(format!("#!/bin/bash\n{body}\n").as_bytes())
            .map(|place| (place.line, place.column))
    };
    for (body, wanted) in [
        ("read INPUT", Some((2, 1))),
        ("IFS= read INPUT", Some((2, 6))),
        ("read -t 5 INPUT", Some((2, 1))),
        ("if read L; then :; fi", Some((2, 4))),
        ("while read L; do break; done", Some((2, 7))),
        ("read -r INPUT", None),
        ("IFS= read -r INPUT", None),
        ("read -t 5 -r INPUT", None),
        ("read -rt5 INPUT", None),
        ("# read INPUT", None),
        ("echo 'read INPUT'", None),
        ("echo \"please read this\"", None),
        ("echo read this", None),
        ("read X < /proc/uptime", None),
        ("read X <<< \"$Y\"", None),
        ("read -u 3 X", None),
        ("echo x | read Y", None),
        ("cat /etc/passwd | while read L; do :; done", None),
        ("while read L; do\n :\ndone < /etc/passwd", None),
        ("while read L; do\n :\ndone <<EOF\nx\nEOF", None),
        ("read INPUT < /dev/stdin", Some((2, 1))),
    ] {
        assert_eq!(place(body), wanted, "{body}");
    }
    assert_eq!(shell_reads_without_r(b"#!/usr/bin/python3\nread x\n"), None);
}

#[test]
fn reading_to_the_end() {
    for (script, wanted) in [
        ("#!/bin/sh\nINPUT=$(cat)\n", true),
        ("#!/bin/bash\nINPUT=$(</dev/stdin)\n", true),
        ("#!/bin/sh\njq -r .parameters.alert\n", true),
        ("#!/bin/sh\ncat > /tmp/x\n", true),
        ("#!/bin/sh\nread -r L\necho \"$L\" | jq .\n", false),
        ("#!/bin/sh\nread -r L\nX=$(cat /etc/hostname)\n", false),
        ("#!/bin/sh\nread -r L\n# $(cat)\n", false),
        ("#!/bin/sh\nread -r L\ncat <<EOF\nx\nEOF\n", false),
        ("#!/usr/bin/python3\nx = sys.stdin.read()\n", true),
        ("#!/usr/bin/python3\nx = json.load(sys.stdin)\n", true),
        ("#!/usr/bin/python3\nfor line in sys.stdin:\n  pass\n", true),
        ("#!/usr/bin/python3\nx = sys.stdin.readline()\n# sys.stdin.read()\n", false),
        ("#!/usr/bin/python3\nfor line in sys.stdin:\n  x = line\n  break\n", false),
        ("#!/usr/bin/perl\nmy @l = <STDIN>;\n", true),
        ("#!/usr/bin/perl\nlocal $/;\nmy $l = <STDIN>;\n", true),
        ("#!/usr/bin/perl\nmy $l = <STDIN>;\n", false),
    ] {
        assert_eq!(reads_to_end_hint(script.as_bytes()).is_some(), wanted, "{script}");
    }
}

#[test]
fn stateful() {
    assert!(is_stateful_by_text(b"#!/bin/sh\nprintf '%s\\n' '{\"command\":\"check_keys\"}'\n"));
    assert!(is_stateful_by_text(b"#!/bin/sh\ncase $c in delete) x;; esac\n"));
    assert!(is_stateful_by_text(b"#!/usr/bin/python3\nif c == \"disable\": pass\n"));
    assert!(!is_stateful_by_text(b"#!/bin/sh\n# check_keys\n# delete\necho x\n"));
    assert!(!is_stateful_by_text(b"#!/bin/sh\niptables --delete INPUT 1\n"));
}

proptest! {
    #[test]
    fn nothing_panics(head in 0..5usize, body in prop::collection::vec(prop::sample::select(vec![
        "jq", " ", "'", "\"", ".parameters.alert", ".get(\"", "[\"parameters\"]", "$m->{", "}", "{", "(", ")", "$(", "<<EOF", "\n", "EOF", "#", "\\", "read", "|", "=", "//", "?", "[0]", "json.loads(", "if ", "done", "case", "\u{e9}", "-r", "$1", "sys.argv[", "def x():", "  ", "sub x ", "<STDIN>", "grep \"srcip\":", "f() ",
    ]), 0..40)) {
        let heads = ["", "#!/bin/sh\n", "#!/usr/bin/python3\n", "#!/usr/bin/perl\n", "#!"];
        let text = format!("{}{}", heads[head], body.concat());
        every(text.as_bytes());
    }

    #[test]
    fn nothing_panics_on_bytes(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        every(&bytes);
    }
}

fn every(text: &[u8]) {
    for need in Needs::of_text(text).all {
        let place = need.place.unwrap();
        assert!(place.span.end <= text.len());
    }
    let _ = (
        written_for(text),
        uses_arguments(text),
        shell_reads_without_r(text),
        reads_to_end_hint(text),
        is_stateful_by_text(text),
    );
}
