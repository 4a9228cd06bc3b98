use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use proptest::prelude::*;

use super::*;

fn scripts(folder: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/scripts").join(folder);
    let mut all: Vec<PathBuf> = std::fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .collect();
    all.sort();
    all
}

/// Scripts that are for responses without a timeout.
const STATELESS: [&str; 13] = [
    "stateless.sh",
    "sh-background.sh",
    "never-reads.sh",
    "child-holds-stdout.sh",
    "child-holds-stdout.py",
    "module-missing.py",
    "module-missing.pl",
    "needs-user.sh",
    "kill-sessions.pl",
    "mail-note.sh",
    "restart-service.sh",
    "slack-hook.py",
    "yara-runner.sh",
];

fn of_file(path: &Path) -> Option<Lint> {
    let text = std::fs::read(path).unwrap();
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    let language = language(name.as_bytes(), &text)?;
    let five = path.to_string_lossy().contains("json5") || name.contains("five-5x");
    let contract = if five { Contract::Json5 } else { Contract::Json4 };
    let timeout = if STATELESS.contains(&name.as_str()) { 0 } else { 600 };
    Some(lint(&text, language, &Context { contract, timeout }))
}

fn kinds(lint: &Lint) -> Vec<&'static str> {
    let mut kinds: Vec<&str> = lint.faults.iter().map(|fault| fault.kind.slug()).collect();
    kinds.dedup();
    kinds
}

#[test]
fn correct_scripts_are_silent() {
    let mut seen = 0;
    for folder in ["good", "good/json4", "good/json5", "styles"] {
        for path in scripts(folder) {
            let Some(lint) = of_file(&path) else { continue };
            assert_eq!(lint.faults, [], "{}", path.display());
            assert!(lint.reads_input, "{}", path.display());
            seen += 1;
        }
    }
    assert!(seen >= 40, "{seen}");
}

#[test]
fn each_fault_is_found() {
    for (name, wanted) in [
        ("answer-first.sh", &["answer-before-keys"][..]),
        ("changes-nothing.sh", &["changed-nothing"]),
        // That the chain does not exist only a run can tell; that nothing is reverted shows.
        ("changes-nothing-failed.sh", &["delete-does-not-revert"]),
        ("child-holds-stdout.py", &["child-holds-stdout"]),
        ("child-holds-stdout.sh", &["child-holds-stdout"]),
        ("exits-nonzero.sh", &["script-exits-nonzero"]),
        ("hangs-after.sh", &["script-never-ends"]),
        ("hangs-before.sh", &["script-never-ends"]),
        ("hangs-on-delete.sh", &["script-never-ends"]),
        ("injection-eval.sh", &["shell-injection"]),
        ("injection-os-system.py", &["shell-injection"]),
        ("injection-sh-c.sh", &["shell-injection"]),
        ("injection-system.pl", &["shell-injection"]),
        ("keys-constant.py", &["keys-constant"]),
        ("keys-constant.sh", &["keys-constant"]),
        ("keys-empty-list.sh", &["keys-empty"]),
        ("keys-empty-string.sh", &["keys-empty"]),
        ("keys-missing.sh", &["keys-missing"]),
        ("keys-not-flushed.pl", &["keys-not-flushed"]),
        ("keys-not-flushed.py", &["keys-not-flushed"]),
        ("keys-numbers.py", &["keys-empty"]),
        ("keys-too-long.sh", &["keys-too-long"]),
        ("keys-without-newline.sh", &["keys-not-flushed"]),
        ("killed.sh", &["script-killed"]),
        // What is installed is the host's matter; the names are in `modules` and `tools`.
        ("module-missing.pl", &[]),
        ("module-missing.py", &[]),
        ("tool-missing.py", &[]),
        ("tool-missing.sh", &[]),
        // A matter of the event; the field is in `fields`.
        ("needs-user.sh", &[]),
        // The delete does something, but to another chain.
        ("not-reverted-other-rule.sh", &[]),
        ("never-reads.sh", &["stdin-never-read"]),
        ("noise-echo.sh", &["noise-before-keys"]),
        ("noise-print.py", &["noise-before-keys"]),
        ("noise-tool.sh", &["noise-before-keys"]),
        ("not-reverted.sh", &["delete-does-not-revert"]),
        ("output-after.py", &["output-after-answer"]),
        ("output-after.sh", &["output-after-answer"]),
        ("positional.py", &["positional-arguments"]),
        ("positional.sh", &["positional-arguments"]),
        ("read-to-end-cat.sh", &["stdin-read-to-end"]),
        ("read-to-end-for.py", &["stdin-read-to-end"]),
        ("read-to-end-jq.sh", &["stdin-read-to-end"]),
        ("read-to-end-json-load.py", &["stdin-read-to-end"]),
        ("read-to-end-mawk.sh", &["stdin-read-to-end"]),
        ("read-to-end-read.py", &["stdin-read-to-end"]),
        ("read-to-end-slurp.pl", &["stdin-read-to-end"]),
        ("read-to-end-substitution.sh", &["stdin-read-to-end"]),
        ("read-to-end-while.sh", &["stdin-read-to-end"]),
        ("read-without-r-sh.sh", &["read-without-r"]),
        ("read-without-r.sh", &["read-without-r"]),
    ] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/scripts/bad").join(name);
        assert_eq!(kinds(&of_file(&path).unwrap()), wanted, "{name}");
    }
    let need = |name: &str| {
        of_file(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/scripts/bad").join(name)).unwrap()
    };
    assert!(need("tool-missing.sh").tools.iter().any(|tool| tool.name == "pfctl"));
    assert!(need("tool-missing.py").tools.iter().any(|tool| tool.name == "pfctl"));
    assert_eq!(need("module-missing.py").modules.first().unwrap().name, "wazuh_edge_firewall");
    assert_eq!(need("module-missing.pl").modules.first().unwrap().name, "Net::EdgeFirewall");
}

const SH: &str = "#!/bin/bash\n";
const PY: &str = "#!/usr/bin/python3\nimport json, sys, os, subprocess\n";
const PL: &str = "#!/usr/bin/perl\nuse JSON::PP;\n";

fn run(head: &str, body: &str, timeout: i32) -> Lint {
    let text = format!("{head}{body}\n");
    let language = language(b"x", text.as_bytes()).unwrap();
    lint(text.as_bytes(), language, &Context { contract: Contract::Json4, timeout })
}

fn slugs(head: &str, body: &str, timeout: i32) -> String {
    kinds(&run(head, body, timeout)).join(" ")
}

const END: &str = "stdin-read-to-end";

#[test]
fn shell_readers() {
    for (body, wanted) in [
        ("x=$(cat)\ntouch /x", END),
        ("x=`cat`\ntouch /x", END),
        ("x=$(cat -)\ntouch /x", END),
        ("x=$(cat /dev/stdin)\ntouch /x", END),
        ("x=$(< /dev/stdin)\ntouch /x", END),
        ("cat | while read -r l; do touch /x; done", END),
        ("mapfile -t lines\ntouch /x", END),
        ("IFS= read -r -d '' x\ntouch /x", END),
        ("tee /tmp/alert >/dev/null\ntouch /x", END),
        ("x=$(jq -r .command)\ntouch /x", END),
        ("x=$(grep srcip)\ntouch /x", END),
        ("x=$(python3 -c 'import sys,json; print(json.load(sys.stdin)[\"command\"])')\ntouch /x", END),
        ("x=$(sed -n 's/a/b/p')\ntouch /x", END),
        ("x=$(awk '{print}')\ntouch /x", END),
        ("x=$(awk 'NR==1{print;exit}')\ntouch /x", END),
        ("f() { cat; }\nx=$(f)\ntouch /x", END),
        ("while read -r l; do touch /x; done", END),
        ("while IFS= read -r l\ndo\n touch /x\ndone < /dev/stdin", END),
        ("{ cat; } >/tmp/x", END),
        ("xargs -I{} touch {}", END),
        // Near misses.
        ("read -r x\ntouch /x", ""),
        ("x=$(head -n1)\ntouch /x", ""),
        ("x=$(head -1)\ntouch /x", ""),
        ("x=$(sed 1q)\ntouch /x", ""),
        ("x=$(sed -n '1p;q')\ntouch /x", ""),
        ("x=$(grep -m1 .)\ntouch /x", ""),
        ("mapfile -t -n 1 x\ntouch /x", ""),
        ("mapfile -n1 x\ntouch /x", ""),
        ("x=$(jq -nr input.command)\ntouch /x", ""),
        ("x=$(timeout 2 cat)\ntouch /x", ""),
        ("x=$(dd bs=65536 count=1 2>/dev/null)\ntouch /x", ""),
        ("x=$(gawk 'NR==1{print;exit}')\ntouch /x", ""),
        ("x=$(line)\ntouch /x", ""),
        ("read -r x\ny=$(cat /etc/hostname)\ntouch /x", ""),
        ("read -r x\ny=$(cat <<EOF\n$x\nEOF\n)\ntouch /x", ""),
        ("read -r x\ny=$(cat <<<\"$x\")\ntouch /x", ""),
        ("read -r x\necho \"$x\" | cat >/tmp/x", ""),
        ("read -r x\nf() { cat; }\ntouch /x", ""),
        ("read -r x\n# y=$(cat)\ntouch /x", ""),
        ("read -r x\ny='$(cat)'\ntouch /x", ""),
        ("read -r x\ncat <<'EOF' >/dev/null\n$(cat)\nEOF\ntouch /x", ""),
        ("read -r x\nwhile read -r l; do touch /x; done < /etc/passwd", ""),
        ("read -r x\nwhile read -r l; do touch /x; done <<EOF\na\nEOF", ""),
        ("read -r x\nwhile read -r l; do touch /x; done < <(ls /)", ""),
        ("read -r x\nls / | while read -r l; do touch /x; done", ""),
        ("while read -r l; do touch /x; break; done", ""),
        ("while read -r l; do touch /x; exit 0; done", ""),
        ("read -r x\nexec </dev/null\ncat >/tmp/x", ""),
        ("read -r x\nexec >/dev/null\ncat >/tmp/x", ""),
        ("if [ -t 0 ]; then cat; fi\nread -r x\ntouch /x", ""),
        ("read -r x\ncat 0</etc/passwd >/tmp/x", ""),
        ("read -r x\ncase $(jq -r .command <<<\"$x\") in delete) cat >/tmp/x;; *) touch /x;; esac", ""),
    ] {
        assert_eq!(slugs(SH, body, 0), wanted, "{body}");
    }
    // What depends on something unknown is possible only.
    let lint = run(SH, "x=$(awk 'NR==1{print;exit}')\ntouch /x", 0);
    assert_eq!(lint.faults.first().unwrap().confidence, Confidence::Possible);
    let lint = run(SH, "if [ -e /y ]; then x=$(cat); else read -r x; fi\ntouch /x", 0);
    assert_eq!(lint.faults.first().unwrap().confidence, Confidence::Possible);
}

const KEYS: &str = r#"echo "{\"version\":1,\"origin\":{\"name\":\"x\"},\"command\":\"check_keys\",\"parameters\":{\"keys\":[\"$ip\"]}}""#;
const TAKE: &str =
    "IFS= read -r l\nip=$(jq -r .parameters.alert.data.srcip <<<\"$l\")\nc=$(jq -r .command <<<\"$l\")\n";

#[test]
fn shell_protocol() {
    let block = "if [ \"$c\" = add ]; then\nKEYS\nread -r l\niptables -I INPUT -s \"$ip\" -j DROP\nelse\niptables -D INPUT -s \"$ip\" -j DROP\nfi";
    for (body, wanted) in [
        (block.to_owned(), ""),
        (format!("echo hello\n{block}"), "noise-before-keys"),
        (format!("echo hello >&2\n{block}"), ""),
        (format!("exec 3>&1 >>/var/log/x.log\necho hello\n{}", block.replace("KEYS", "KEYS >&3")), ""),
        (format!("exec 3>&1 >>/var/log/x.log\necho hello >&3\n{}", block.replace("KEYS", "KEYS >&3")), "noise-before-keys"),
        (format!("echo hello >>/var/log/x.log\n{block}"), ""),
        (format!("log() {{ echo \"$1\"; }}\nlog hello\n{block}"), "noise-before-keys"),
        (format!("log() {{ echo \"$1\"; }}\nx=$(log hello)\n{block}"), ""),
        (format!("log() {{ echo \"$1\"; }}\n{block}"), ""),
        (format!("[ -n \"$ip\" ] || {{ echo 'no address'; exit 1; }}\n{block}"), ""),
        (block.replace("read -r l", "read -r l\necho done"), "output-after-answer"),
        (block.replace("read -r l", "read -r l\necho done >&2"), ""),
        (block.replace("read -r l", "read -r l\nexec >/dev/null\necho done"), ""),
        (block.replace("KEYS", "read -r m\nKEYS"), "answer-before-keys"),
        (block.replace("KEYS", ":").replace("read -r l\n", ""), "keys-missing"),
        (block.replace("KEYS\nread -r l", "KEYS\nx=$(cat)"), ""),
        (block.replace("iptables -D INPUT -s \"$ip\" -j DROP", ":"), "delete-does-not-revert"),
        (block.replace("KEYS", "printf '%s' '{\"command\":\"check_keys\",\"version\":1,\"origin\":{},\"parameters\":{\"keys\":[\"a\"]}}'"), "keys-constant keys-not-flushed"),
        (block.replace("KEYS", "echo '{\"command\":\"check_keys\",\"parameters\":{\"keys\":[\"'\"$ip\"'\"]}}'"), "noise-before-keys"),
    ] {
        let body = format!("{TAKE}{}", body.replace("KEYS", KEYS));
        assert_eq!(slugs(SH, &body, 60), wanted, "{body}");
    }
}

#[test]
fn shell_others() {
    for (body, wanted) in [
        ("read x\ntouch /x", "read-without-r"),
        ("IFS= read -t 5 x\ntouch /x", "read-without-r"),
        ("if read x; then touch /x; fi", "read-without-r"),
        ("read -r a\necho \"$a\" | read b\ntouch /x", ""),
        ("read -r a\nread b </proc/uptime\ntouch /x", ""),
        ("read -rt5 x\ntouch /x", ""),
        ("touch \"$1\"", "positional-arguments"),
        ("f() { touch \"$1\"; }\nread -r x\nf /x", ""),
        ("read -r x\nset -- a b\ntouch \"/$1\"", ""),
        ("read -r x\nawk '{ print $1 }' /etc/passwd >/dev/null\ntouch /x", ""),
        ("touch /x", "stdin-never-read"),
        ("read -r x\nsleep 600 &\ntouch /x", "child-holds-stdout"),
        ("read -r x\nsleep 600 >/dev/null 2>&1 &\ntouch /x", ""),
        ("read -r x\nsleep 600 &>/dev/null &\ntouch /x", ""),
        ("read -r x\nexec >/dev/null\nsleep 600 &\ntouch /x", ""),
        ("read -r x\nsleep infinity", "script-never-ends"),
        ("read -r x\nsleep 10m\ntouch /x", "script-never-ends"),
        ("read -r x\nsleep 2\ntouch /x", ""),
        ("read -r x\nwhile true; do touch /x; done", "script-never-ends"),
        ("read -r x\nwhile true; do touch /x && break; done", ""),
        ("read -r x\neval \"$x\"", "shell-injection"),
        (
            "read -r x\nu=$(jq -r .parameters.alert.data.srcuser <<<\"$x\")\nbash -c \"echo $u >/x\"",
            "shell-injection",
        ),
        (
            "read -r x\nu=$(jq -r .parameters.alert.data.srcuser <<<\"$x\")\nbash -c 'echo \"$1\" >/x' _ \"$u\"",
            "",
        ),
        ("read -r x\nu=$(jq -r .parameters.alert.rule.id <<<\"$x\")\nbash -c \"echo $u >/x\"", ""),
        (
            "read -r x\nu=$(jq -r .parameters.alert.data.srcuser <<<\"$x\")\n[[ $u =~ ^[a-z]+$ ]] || exit 1\nbash -c \"echo $u >/x\"",
            "",
        ),
        ("read -r x\nu=$(jq -r .parameters.alert.data.srcuser <<<\"$x\")\ntouch $u", "payload-unquoted"),
        ("read -r x\n./helper.sh", "relative-path"),
        ("read -r x\ntouch /x >>logs/active-responses.log", ""),
        ("read -r x\n. ./lib.sh", "relative-path"),
        ("read -r x\njq -r .source.ip <<<\"$x\" >/tmp/x", "script-other-contract"),
        ("read -r x\ntouch /x\nkill -9 $$", "script-killed"),
    ] {
        assert_eq!(slugs(SH, body, 0), wanted, "{body}");
    }
    assert_eq!(run(SH, "touch \"$1\"", 0).written_for.unwrap().0, Contract::Args);
    let text = format!("{SH}touch \"$1\"\n");
    let old = lint(text.as_bytes(), Language::Bash, &Context { contract: Contract::Args, timeout: 0 });
    assert_eq!(old.faults, []);
}

#[test]
fn python_tables() {
    let after = "\nopen('/x', 'w')";
    for (body, wanted) in [
        ("x = sys.stdin.read()", END),
        ("x = sys.stdin.buffer.read()", END),
        ("x = sys.stdin.readlines()[0]", END),
        ("x = json.load(sys.stdin)", END),
        ("import sys as s\nx = s.stdin.read()", END),
        ("from sys import stdin\nx = stdin.read()", END),
        ("from sys import stdin as i\nx = json.load(i)", END),
        ("i = sys.stdin\nx = i.read()", END),
        ("x = ''.join([l for l in sys.stdin])", END),
        ("x = list(sys.stdin)", END),
        ("with open('/dev/stdin') as f:\n    x = f.read()", END),
        ("for l in sys.stdin:\n    json.loads(l)", END),
        ("def main():\n    return sys.stdin.read()\nmain()", END),
        ("import fileinput\nfor l in fileinput.input():\n    pass", END),
        // Near misses.
        ("x = sys.stdin.readline()", ""),
        ("x = input()", ""),
        ("x = next(sys.stdin)", ""),
        ("while True:\n    x = sys.stdin.readline()\n    if not x or x.endswith('\\n'):\n        break", ""),
        ("for l in sys.stdin:\n    x = l\n    break", ""),
        ("def f():\n    for l in sys.stdin:\n        return l\nf()", ""),
        ("x = sys.stdin.readline()\n# sys.stdin.read()", ""),
        ("x = sys.stdin.readline()\ny = 'sys.stdin.read()'", ""),
        ("x = sys.stdin.readline()\n\"\"\"\nsys.stdin.read()\n\"\"\"", ""),
        ("x = sys.stdin.readline()\ndef never():\n    return sys.stdin.read()", ""),
        ("x = sys.stdin.readline()\nwith open('/etc/hostname') as f:\n    y = f.read()", ""),
        ("x = sys.stdin.readline()\ny = subprocess.run(['cat'], input=b'x', stdout=subprocess.DEVNULL)", ""),
    ] {
        assert_eq!(slugs(PY, &format!("{body}{after}"), 0), wanted, "{body}");
    }
    for (body, wanted) in [
        ("x = sys.stdin.readline()\nsubprocess.Popen(['sleep', '600'])", "child-holds-stdout"),
        ("x = sys.stdin.readline()\np = subprocess.Popen(['true'])\np.wait()", ""),
        ("x = sys.stdin.readline()\nsubprocess.Popen(['sleep', '600'], stdout=subprocess.DEVNULL)", ""),
        (
            "m = json.loads(input())\nsubprocess.run('touch ' + m['parameters']['alert']['data']['x'], shell=True)",
            "shell-injection",
        ),
        ("m = json.loads(input())\nsubprocess.run(['touch', m['parameters']['alert']['data']['x']])", ""),
        (
            "import shlex\nm = json.loads(input())\nos.system('touch ' + shlex.quote(m['parameters']['alert']['data']['x']))",
            "",
        ),
        ("m = json.loads(input())\nwhile True:\n    os.remove('/x')", "script-never-ends"),
        ("import time\nm = json.loads(input())\nos.remove('/x')\ntime.sleep(900)", "script-never-ends"),
        ("os.remove(sys.argv[1])", "positional-arguments"),
        ("m = json.loads(input())\nos.remove(m['source']['ip'])", "script-other-contract"),
        ("def add():\n    os.mkdir('/x')\nm = json.loads(input())\n{'add': add}[m['command']]()", ""),
    ] {
        assert_eq!(slugs(PY, body, 0), wanted, "{body}");
    }
    let keys = "m = json.loads(sys.stdin.readline())\nip = m['parameters']['alert']['data']['srcip']\nif m['command'] == 'add':\n    k = {'version': 1, 'origin': {}, 'command': 'check_keys', 'parameters': {'keys': [ip]}}\n    SEND\n    if json.loads(READ)['command'] == 'continue':\n        os.mkdir(ip)\nelse:\n    os.rmdir(ip)";
    for (send, read, wanted) in [
        ("print(json.dumps(k), flush=True)", "sys.stdin.readline()", ""),
        ("print(json.dumps(k))", "sys.stdin.readline()", "keys-not-flushed"),
        ("print(json.dumps(k))", "input()", ""),
        ("print(json.dumps(k)); sys.stdout.flush()", "sys.stdin.readline()", ""),
        ("print(json.dumps(k), end='', flush=True)", "sys.stdin.readline()", "keys-not-flushed"),
        ("sys.stdout.write(json.dumps(k)); sys.stdout.flush()", "sys.stdin.readline()", "keys-not-flushed"),
        ("sys.stdout.write(json.dumps(k) + '\\n'); sys.stdout.flush()", "sys.stdin.readline()", ""),
        ("print('debug'); print(json.dumps(k), flush=True)", "sys.stdin.readline()", "noise-before-keys"),
        ("print('debug', file=sys.stderr); print(json.dumps(k), flush=True)", "sys.stdin.readline()", ""),
        ("pass", "sys.stdin.readline()", "answer-before-keys"),
        ("print(json.dumps(k), flush=True)", "sys.stdin.read()", ""),
    ] {
        let body = keys.replace("SEND", send).replace("READ", read);
        assert_eq!(slugs(PY, &body, 60), wanted, "{send} {read}");
    }
}

#[test]
fn perl_tables() {
    let after = "\nmkdir('/x');";
    for (body, wanted) in [
        ("my @l = <STDIN>;", END),
        ("my ($l) = <STDIN>;", END),
        ("local $/; my $l = <STDIN>;", END),
        ("my $l = do { local $/; <STDIN> };", END),
        ("$/ = undef; my $l = <STDIN>;", END),
        ("my $l = join('', <STDIN>);", END),
        ("while (<STDIN>) { chomp; }", END),
        ("while (my $l = <STDIN>) { chomp $l; }", END),
        ("foreach my $l (<STDIN>) { chomp $l; }", END),
        ("sub get { local $/; return <STDIN>; } my $l = get();", END),
        // Near misses.
        ("my $l = <STDIN>;", ""),
        ("chomp(my $l = <STDIN>);", ""),
        ("my $m = decode_json(<STDIN>);", ""),
        ("my $m = decode_json(scalar <STDIN>);", ""),
        ("while (<STDIN>) { last; }", ""),
        ("while (my $l = <STDIN>) { exit 0; }", ""),
        ("my $l = <STDIN>; # my @l = <STDIN>;", ""),
        ("my $l = <STDIN>; my $x = 'my @l = <STDIN>';", ""),
        ("my $l = <STDIN>; my $x = q{join '', <STDIN>};", ""),
        ("my $l = <STDIN>; sub never { my @l = <STDIN>; }", ""),
        ("my $l = <STDIN>; open(my $f, '<', '/etc/passwd'); my @l = <$f>;", ""),
        ("my $l = <STDIN>; my $c = do { local $/; open my $f, '<', '/x'; <$f> };", ""),
        ("my $l = <STDIN>;\n=pod\n\nmy @l = <STDIN>;\n\n=cut\n", ""),
    ] {
        assert_eq!(slugs(PL, &format!("{body}{after}"), 0), wanted, "{body}");
    }
    for (body, wanted) in [
        (
            "my $m = decode_json(scalar <STDIN>); system(\"touch $m->{parameters}{alert}{data}{x}\");",
            "shell-injection",
        ),
        (
            "my $m = decode_json(scalar <STDIN>); my $x = `touch $m->{parameters}{alert}{data}{x}`;",
            "shell-injection",
        ),
        ("my $m = decode_json(scalar <STDIN>); system('touch', $m->{parameters}{alert}{data}{x});", ""),
        ("mkdir($ARGV[2]);", "positional-arguments"),
        ("my $l = <STDIN>; mkdir('/x'); sleep 600;", "script-never-ends"),
        ("my $l = <STDIN>; while (1) { mkdir('/x'); }", "script-never-ends"),
    ] {
        assert_eq!(slugs(PL, body, 0), wanted, "{body}");
    }
}

const SRCIP: &str = "parameters.alert.data.srcip";

fn fields(head: &str, body: &str) -> Vec<(String, bool)> {
    run(head, body, 0).fields.into_iter().map(|field| (field.paths.join(" | "), !field.optional)).collect()
}

fn check(head: &str, before: &str, table: &[(&str, &[(&str, bool)])]) {
    let mut wrong = Vec::new();
    for (body, wanted) in table {
        let wanted: Vec<(String, bool)> =
            wanted.iter().map(|(path, sure)| ((*path).to_owned(), *sure)).collect();
        let got = fields(head, &format!("{before}{body}"));
        if got != wanted {
            wrong.push(format!("{body}\n   got {got:?}\n   not {wanted:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn fields_in_shell() {
    check(
        SH,
        "read -r INPUT\n",
        &[
            ("IP=$(echo \"$INPUT\" | jq -r .parameters.alert.data.srcip)", &[(SRCIP, true)]),
            ("IP=`echo $INPUT | jq -r '.parameters[\"alert\"].data[\"srcip\"]'`", &[(SRCIP, true)]),
            ("IP=$(jq -r '.parameters | .alert | .data.srcip' <<< \"$INPUT\")", &[(SRCIP, true)]),
            ("IP=$(jq -r '.parameters.alert.data.srcip // empty' <<<\"$INPUT\")", &[(SRCIP, false)]),
            ("IP=$(jq -r '.parameters.alert.data.srcip?' <<<\"$INPUT\")", &[(SRCIP, false)]),
            (
                "IP=$(jq -r '.parameters.alert.data.srcip // .parameters.alert.data.src_ip' <<<\"$INPUT\")",
                &[("parameters.alert.data.srcip | parameters.alert.data.src_ip", true)],
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
            (
                "U=$(echo \"$INPUT\" | jq -r '.parameters.extra_args[0]')",
                &[("parameters.extra_args[0]", true)],
            ),
            (
                "if true; then IP=$(echo \"$INPUT\" | jq -r .parameters.alert.data.srcip); fi",
                &[(SRCIP, false)],
            ),
            (
                "[ -n \"$X\" ] && IP=$(echo \"$INPUT\" | jq -r .parameters.alert.data.srcip)",
                &[(SRCIP, false)],
            ),
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
            ("IP=$(echo \"$INPUT\" | jq -r '.parameters.alert.data.srcip')", &[(SRCIP, true)]),
            (
                "IP=$(jq -r '.parameters.alert.data.srcip // .parameters.alert.data.src_ip // empty' <<<\"$INPUT\")",
                &[("parameters.alert.data.srcip | parameters.alert.data.src_ip", false)],
            ),
            (
                "field() { jq -r \"$1 | strings\" <<<\"$INPUT\"; }\nIP=$(field .parameters.alert.data.srcip)",
                &[(SRCIP, true)],
            ),
            ("field() { echo \"$1\"; }\nIP=$(field .parameters.alert.data.srcip)", &[]),
            (
                "get() { jq -r \"$1 // empty\" <<<\"$INPUT\"; }\nIP=$(get .parameters.alert.data.srcip)",
                &[(SRCIP, false)],
            ),
            ("# jq -r .parameters.alert.data.srcip", &[]),
            ("cat > /tmp/x <<'EOF'\njq -r .parameters.alert.data.srcip\nEOF", &[]),
            ("cat <<-EOF\n\tjq -r .parameters.alert.data.srcip\n\tEOF", &[]),
            ("echo 'jq -r .parameters.alert.data.srcip'", &[]),
            ("X=$(curl -s http://api | jq -r .data.srcip)", &[]),
            ("X=$(curl -s http://api | jq -r .message)", &[]),
            ("X=$(jq -n --arg a b '{\"version\":1,\"parameters\":{\"keys\":[$a]}}')", &[]),
        ],
    );
    check(
        SH,
        "",
        &[
            ("IP=$(echo \"$L\" | grep -oP '\"srcip\":\\s*\"\\K[^\"]+')", &[("*.srcip", true)]),
            ("IP=$(echo \"$L\" | sed -n 's/.*\"srcip\":\"\\([^\"]*\\)\".*/\\1/p')", &[("*.srcip", true)]),
            ("echo \"$L\" | grep -q '\"srcip\":' && echo yes", &[("*.srcip", false)]),
            ("IP=$(echo \"$L\" | grep -o 'srcip')", &[]),
            ("# grep '\"srcip\":'", &[]),
        ],
    );
}

#[test]
fn fields_in_python() {
    check(
        PY,
        "msg = json.loads(sys.stdin.readline())\n",
        &[
            ("ip = msg[\"parameters\"][\"alert\"][\"data\"][\"srcip\"]", &[(SRCIP, true)]),
            ("ip = msg['parameters']['alert']['data']['srcip']", &[(SRCIP, true)]),
            (
                "u = msg[\"wazuh\"][\"active_response\"][\"extra_arguments\"]",
                &[("wazuh.active_response.extra_arguments", true)],
            ),
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
        ],
    );
    check(
        PY,
        "",
        &[("ip = json.loads(input())[\"parameters\"][\"alert\"][\"data\"][\"srcip\"]", &[(SRCIP, true)])],
    );
}

#[test]
fn fields_in_perl() {
    check(
        PL,
        "my $m = decode_json(scalar <STDIN>);\n",
        &[
            ("my $ip = $m->{parameters}{alert}{data}{srcip};", &[(SRCIP, true)]),
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
        ],
    );
}

#[test]
fn generations() {
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
        ("#!/bin/sh\nread -r L\ncase $C in\n add|enable) x;;\n delete|disable) y;;\nesac\n", None),
        (
            "#!/bin/sh\nread -r L\nA=$(echo \"$L\" | jq -r '.source.ip // .parameters.alert.data.srcip')\n",
            None,
        ),
        ("#!/bin/sh\nread -r L\ntouch /tmp/x\n", None),
        ("#!/bin/sh\n# .parameters.alert\nread -r L\n", None),
        (
            "#!/bin/sh\nACTION=$1\nUSER=$2\nIP=$3\niptables -I INPUT -s $IP -j DROP\n",
            Some((Contract::Args, true)),
        ),
        ("#!/bin/sh\nf() { echo $1; }\nf x\n", None),
        ("#!/bin/sh\nread -r L\nLOG=${1:-/tmp/x}\n", None),
        ("#!/usr/bin/python3\nimport sys\nip = sys.argv[3]\n", Some((Contract::Args, true))),
        ("#!/usr/bin/python3\nimport sys\nprint(sys.argv[0])\n", None),
        ("#!/usr/bin/perl\nmy $ip = $ARGV[2];\n", Some((Contract::Args, true))),
        (
            "#!/bin/sh\nIP=$3\nif echo \"$IP\" | grep -q ':'; then ip6tables -I INPUT -s $IP -j DROP; fi\n",
            Some((Contract::Args, true)),
        ),
        (
            "#!/usr/bin/python3\nimport sys, json\nm = json.loads(sys.stdin.readline())\nif m['command'] == 'add':\n  pass\nelif m['command'] == 'delete':\n  pass\n",
            Some((Contract::Json4, false)),
        ),
    ] {
        let language = language(b"x", script.as_bytes()).unwrap();
        let lint = lint(script.as_bytes(), language, &Context { contract: Contract::Json4, timeout: 0 });
        assert_eq!(lint.written_for.map(|(contract, _, sure)| (contract, sure)), wanted, "{script}");
    }
}

/// Where a run shows what a script did, its text shows the place; whether the script does anything
/// else does not matter.
#[test]
fn places_for_replay() {
    let at = |script: &str, kind| {
        let text = script.as_bytes();
        shown(text).first(kind).map(|span| Places::of(text).of_byte(span.start))
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
        ("read INPUT # ar-doctor: ignore[read-without-r]", Some((2, 1))),
    ] {
        assert_eq!(at(&format!("#!/bin/bash\n{body}\n"), FaultKind::ReadWithoutR), wanted, "{body}");
    }
    assert_eq!(at("#!/usr/bin/python3\nread x\n", FaultKind::ReadWithoutR), None);
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
        // A second read to the end, with a timeout, would wait for an answer instead.
        let context = Context { contract: Contract::Json4, timeout: 0 };
        let once = lint(script.as_bytes(), language(b"", script.as_bytes()).unwrap(), &context);
        assert_eq!(once.first(FaultKind::ReadToEnd).is_some(), wanted, "{script}");
        assert_eq!(at(script, FaultKind::ReadToEnd).is_some(), wanted, "{script}");
    }
}

#[test]
fn stateful() {
    for (script, wanted) in [
        ("#!/bin/sh\nprintf '%s\\n' '{\"command\":\"check_keys\"}'\n", true),
        ("#!/bin/sh\ncase $c in delete) x;; esac\n", true),
        ("#!/usr/bin/python3\nif c == \"disable\": pass\n", true),
        // Who calls it is a table's secret.
        ("#!/usr/bin/python3\ndef add():\n    print('check_keys')\n{'add': add}[c]()\n", true),
        ("#!/usr/bin/python3\n'''\ncheck_keys\n'''\nprint(1)\n", false),
        ("#!/bin/sh\n# check_keys\n# delete\necho x\n", false),
        ("#!/bin/sh\niptables --delete INPUT 1\n", false),
    ] {
        assert_eq!(shown(script.as_bytes()).stateful, wanted, "{script}");
    }
    assert_eq!(shown(b"#!/usr/bin/lua\nmsg.parameters.alert"), Lint::default());
    assert_eq!(shown(b"\x7fELF\x02\0\0jq .parameters.alert"), Lint::default());
}

/// Code is told from texts and comments: c code, s text, # comment, here-document or documentation.
#[test]
fn marks() {
    let of = |head: &str, body: &str| -> String {
        let text = format!("{head}{body}");
        let code = Code::of(text.as_bytes()).unwrap();
        (head.len()..text.len())
            .map(|at| match code.mark(at) {
                Mark::Code => 'c',
                Mark::String => 's',
                Mark::Comment => '#',
            })
            .collect()
    };
    for (head, body, wanted) in [
        (SH, "a 'b' \"c\" # d", "ccsssc sssc###"),
        (SH, "a \"b$(c \"d\")e\"", "ccssccccsssc ss"),
        (SH, "a \"$b\"", "ccssss"),
        (SH, "a <<E\nbb\nE\nc", "cccccc###cccc".get(..12).unwrap_or_default()),
        (SH, "a $'b' c", "ccsssscc"),
        (SH, "a#b", "ccc"),
        ("#!/usr/bin/python3\n", "a('b', f\"c\") # d", "ccssscc sssscc###"),
        ("#!/usr/bin/python3\n", "\"\"\"b\"\"\"\na = '''c'''", "#######cccccsssssss"),
        ("#!/usr/bin/perl\n", "a 'b', q{c}; # d", "ccssscc ssss cc###"),
        ("#!/usr/bin/perl\n", "a <<E;\nbb\nE\nc", "ccccccc#####c"),
        ("#!/usr/bin/perl\n", "m/'/; a", "ccccccc"),
        ("#!/usr/bin/perl\n", "a;\n__END__\nb", "ccc#########"),
    ] {
        assert_eq!(of(head, body), wanted.replace(' ', ""), "{body}");
    }
}

#[test]
fn places_tools_and_modules() {
    let lint = run(
        SH,
        "IFS= read -r L\nX=$(cat)\ncommand -v yara && yara /x\n/opt/bin/tool \"$L\"\nif true; then nft list; fi",
        60,
    );
    let fault = lint.faults.first().unwrap();
    assert_eq!((fault.kind, fault.line, fault.column), (FaultKind::ReadToEnd, 3, 5));
    assert_eq!(fault.rewrite.as_deref(), Some("head -n1"));
    let tools: Vec<(&str, bool)> =
        lint.tools.iter().map(|tool| (tool.name.as_str(), tool.optional)).collect();
    assert_eq!(tools, [("cat", false), ("yara", true), ("/opt/bin/tool", false), ("nft", true)]);
    let lint = run(
        PY,
        "import requests, yaml\nfrom dns import resolver\ntry:\n    import redis\nexcept ImportError:\n    redis = None\nimport os.path, xml.etree",
        0,
    );
    let modules: Vec<(&str, bool)> =
        lint.modules.iter().map(|module| (module.name.as_str(), module.optional)).collect();
    assert_eq!(modules, [("requests", false), ("yaml", false), ("dns", false), ("redis", true)]);
    let lint = run(PL, "use strict; use LWP::UserAgent; use Net::SMTP; use File::Spec; require DBI;", 0);
    let modules: Vec<&str> = lint.modules.iter().map(|module| module.name.as_str()).collect();
    assert_eq!(modules, ["LWP::UserAgent", "DBI"]);
}

#[test]
fn languages() {
    for (name, text, wanted) in [
        ("x", "#!/bin/sh\n", Some(Language::Sh)),
        ("x.py", "#!/bin/bash\n", Some(Language::Bash)),
        ("x", "#!/usr/bin/env python3\n", Some(Language::Python)),
        ("x", "#!/var/ossec/framework/python/bin/python3\n", Some(Language::Python)),
        ("x", "#!/usr/bin/perl -w\n", Some(Language::Perl)),
        ("x", "#!/usr/bin/lua\n", None),
        ("x.py", "print(1)\n", Some(Language::Python)),
        ("x.ps1", "Write-Host\n", Some(Language::PowerShell)),
        ("X.CMD", "@echo off\r\n", Some(Language::Cmd)),
        ("x", "import sys\n", Some(Language::Python)),
        ("x", "iptables -L\n", Some(Language::Sh)),
        ("x.c", "int main(void) {}\n", None),
        ("x", "\u{7f}ELF\u{2}", None),
        ("x", "", None),
    ] {
        assert_eq!(language(name.as_bytes(), text.as_bytes()), wanted, "{name} {text}");
    }
}

#[test]
fn suppression() {
    for (body, wanted) in [
        ("x=$(cat) # ar-doctor: ignore[stdin-read-to-end]\ntouch /x", ""),
        ("# ar-doctor: ignore[stdin-read-to-end]\nx=$(cat)\ntouch /x", ""),
        ("# ar-doctor: ignore\nx=$(cat)\ntouch /x", ""),
        ("# ar-doctor: ignore[keys-empty, stdin-read-to-end]\nx=$(cat)\ntouch /x", ""),
        ("# ar-doctor: ignore[keys-empty]\nx=$(cat)\ntouch /x", END),
        ("# ar-doctor: ignore[stdin-read-to-end]\n\nx=$(cat)\ntouch /x", END),
        ("x=$(cat)\ntouch /x\n# ar-doctor: ignore-file[stdin-read-to-end]", ""),
        ("x=$(cat)\ntouch /x\n# ar-doctor: ignore-file", ""),
        ("x=$(cat)\ntouch /x\necho '# ar-doctor: ignore-file' >/dev/null", END),
        ("read -r x\n# ar-doctor: ignore[no-such]\ntouch /x", "suppression-unknown"),
    ] {
        assert_eq!(slugs(SH, body, 0), wanted, "{body}");
    }
    assert_eq!(slugs(PY, "x = sys.stdin.read()  # ar-doctor: ignore\nos.remove('/x')", 0), "");
    assert_eq!(slugs(PL, "my @l = <STDIN>; # ar-doctor: ignore[stdin-read-to-end]\nmkdir('/x');", 0), "");
}

fn set(text: &[u8], language: Language) -> BTreeSet<(FaultKind, Confidence)> {
    lint(text, language, &Context { contract: Contract::Json4, timeout: 60 })
        .faults
        .into_iter()
        .map(|fault| (fault.kind, fault.confidence))
        .collect()
}

const LANGUAGES: [Language; 6] =
    [Language::Sh, Language::Bash, Language::Python, Language::Perl, Language::PowerShell, Language::Cmd];

/// What this thread has used of a processor, whatever else the machine does.
fn processor_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = text.split(' ').next().and_then(|first| first.parse().ok());
    // Not every kernel counts it.
    nanoseconds.map_or_else(
        || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap(),
        Duration::from_nanos,
    )
}

/// Texts that make a reader slow or deep, if anything does: one piece again and again. In time that
/// grows with the square of the length, or in memory that doubles with each line, these do not end.
#[test]
fn the_longest_texts() {
    const LENGTH: usize = 128 * 1024;
    let sh = "read -r l\nip=$(jq -r .parameters.alert.data.srcip <<<\"$l\")\n";
    let py = "m = json.loads(sys.stdin.readline())\n";
    let pl = "my $m = decode_json(scalar <STDIN>);\n";
    let tables: [(&str, &str, Language, &[&str]); 3] = [
        (
            SH,
            sh,
            Language::Bash,
            &[
                "$(",
                "\"$(",
                "`",
                "${",
                "$((",
                "(",
                "{ ",
                "if ",
                "if x; then ",
                "elif x; then y\n",
                "while read x; do ",
                "f() { ",
                "f() { g; }; g() { f; }\n",
                "case x in a) ",
                "true && ",
                "iptables -L || ",
                "a | ",
                "a & ",
                "; ",
                "a ",
                "$ip ",
                "touch $ip $ip\n",
                "\"",
                "'",
                "cat <<EOF\n",
                "cat <<A\nA\n",
                "<<A ",
                "$l",
                "\\",
                "x+=$x;",
                "x=($l $l) ",
                "x=\"$x$x\"\n",
                "[[ ",
                "[[ a == b || ",
                "@(",
                "> a ",
                "<(",
                "! ",
                "coproc ",
                "x=$(jq -n --arg a '$b$b' --arg b '$a$a' '$a')\n",
                "jq '.a, .b, .c' ",
                ".a, ",
            ],
        ),
        (
            PY,
            py,
            Language::Python,
            &[
                "(",
                "[",
                "{",
                "f(",
                "m[",
                "([{",
                ")]}",
                "m.a",
                "\"\"\"",
                "'",
                "f\"{",
                "f\"{a}\" ",
                "f() or ",
                "a,",
                "m + ",
                "x = x + x\n",
                "x = [x, x]\n",
                "x += x\n",
                "elif x: y\n",
                "import a, ",
                "a; ",
                "a = ",
                "lambda x: ",
                "not ",
                "if a: ",
                "\\",
                "def f(): f()\n",
                "class A: ",
                "try: a\nexcept: b\n",
                "{1:",
                "print(m)\n",
                "a if b else ",
            ],
        ),
        (
            PL,
            pl,
            Language::Perl,
            &[
                "(",
                "{",
                "[",
                "if (1) { ",
                "\"",
                "'",
                "q{",
                "q{ q{ q{ q{ q{ q{ q{ q{ q{ q{ q{ q{\n",
                "< ",
                "<<",
                "print <<A;\n",
                "print <<A;\nA\n",
                "split / ",
                "$",
                "${",
                "@{",
                "f() or ",
                "f() || ",
                "a ? b : ",
                "a, ",
                "$x = ",
                "$x = $x . $x;\n",
                "$m->{a}",
                "->{a}",
                "kill ",
                "kill() ",
                "=pod\n",
                "elsif (1) { a(); } ",
                "sub f { f(); }\n",
                "not ",
                "!",
                "s{a}{b} ",
                "y/",
                "a if ",
                "foreach ",
            ],
        ),
    ];
    for (head, first, language, units) in tables {
        for start in [first.to_owned(), format!("{first}if x"), format!("{first}x = \"")] {
            for unit in units {
                let text = format!("{head}{start}{}", unit.repeat(LENGTH / unit.len()));
                let begun = processor_time();
                let _ = set(text.as_bytes(), language);
                let _ = Code::of(text.as_bytes());
                assert!(processor_time() - begun < Duration::from_secs(20), "{start}{unit}");
            }
        }
    }
    // Many different names.
    let many = |one: &dyn Fn(usize) -> String| (0..8_000).map(one).collect::<String>();
    for (head, text, language) in [
        (
            SH,
            format!("read -r l\njq '{}' <<<\"$l\"", many(&|at| format!(".parameters.f{at}, "))),
            Language::Bash,
        ),
        (SH, many(&|at| format!("tool{at} $x{at}\n")), Language::Bash),
        (SH, format!("read -r l\na='{}'\necho {}", "x".repeat(15_000), "$a ".repeat(40_000)), Language::Bash),
        (PY, format!("import {}", many(&|at| format!("m{at}, "))), Language::Python),
        (PL, many(&|at| format!("use M{at};\n")), Language::Perl),
    ] {
        let begun = processor_time();
        let _ = set(format!("{head}{text}\n").as_bytes(), language);
        assert!(processor_time() - begun < Duration::from_secs(20), "{}", text.get(..60).unwrap_or_default());
    }
}

/// Scripts of whatever else is installed here: they must not take long, nor panic.
#[test]
fn other_scripts() {
    for folder in ["/usr/bin", "/usr/sbin", "/etc/init.d"] {
        let Ok(entries) = std::fs::read_dir(folder) else { continue };
        for entry in entries.flatten().take(400) {
            let Ok(text) = std::fs::read(entry.path()) else { continue };
            if text.len() > 200_000 {
                continue;
            }
            let name = entry.file_name().to_string_lossy().into_owned();
            if let Some(language) = language(name.as_bytes(), &text) {
                let begun = processor_time();
                let _ = set(&text, language);
                assert!(processor_time() - begun < Duration::from_secs(5), "{folder}/{name}");
            }
        }
    }
}

proptest! {
    #[test]
    fn nothing_panics_on_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200), which in 0..6usize) {
        for contract in [Contract::Args, Contract::Json4, Contract::Json5] {
            let lint = lint(&bytes, LANGUAGES[which], &Context { contract, timeout: 60 });
            for fault in lint.faults {
                prop_assert!(fault.span.start <= fault.span.end && fault.span.end <= bytes.len());
            }
        }
        let _ = language(b"x", &bytes);
        let _ = (shown(&bytes), Code::of(&bytes).is_some());
    }

    #[test]
    fn nothing_panics_on_pieces(pieces in prop::collection::vec(prop::sample::select(vec![
        "jq", " ", "'", "\"", ".parameters.alert", ".get(\"", "[\"parameters\"]", "$m->{", "}", "{", "(", ")", "$(", "<<EOF", "\n",
        "EOF", "#", "\\", "read", "|", "=", "//", "?", "[0]", "json.loads(", "if ", "done", "case", "\u{e9}", "-r", "$1", "sys.argv[",
        "def x():", "  ", "sub x ", "<STDIN>", "grep \"srcip\":", "f() ", "while ", "do ", "esac", ";;", "then ", "fi", "for x in ",
        "${", "`", "<<<", "&", "&&", "||", "[[ ", " ]]", "coproc ", "exec ", "f\"{", "'''", "lambda", ":", "try:", "except:", "class A:",
        "print(", "my $x ", "qw(", "q{", "s/a/b/", "print ", "local $/;", "eval ", "x", "()", "$((", "))", "sys.stdin", "import ", "0",
    ]), 0..60), which in 0..4usize) {
        let text = pieces.concat();
        let _ = set(text.as_bytes(), LANGUAGES[which]);
        let heads = ["", "#!/bin/sh\n", "#!/usr/bin/python3\n", "#!/usr/bin/perl\n"];
        let text = format!("{}{text}", heads[which]);
        let lint = shown(text.as_bytes());
        for field in &lint.fields {
            prop_assert!(field.span.start <= field.span.end && field.span.end <= text.len());
        }
        if let Some(code) = Code::of(text.as_bytes()) {
            let _ = (code.words(b"done"), code.label("x"), code.literal("x"));
        }
    }

    #[test]
    fn comments_and_blank_lines_change_nothing(which in 0..200usize, at in any::<u16>(), comment in "[ a-z$('\"`{}]{0,20}") {
        let all: Vec<PathBuf> = ["good/json4", "bad", "styles"].iter().flat_map(|folder| scripts(folder)).collect();
        let path = &all[which % all.len()];
        let text = String::from_utf8(std::fs::read(path).unwrap()).unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if let Some(language) = language(name.as_bytes(), text.as_bytes()) {
            // Only where no text and no bracket that spans lines is open: before lines at the margin that begin a statement.
            let starts: Vec<usize> = text.match_indices('\n').map(|(at, _)| at + 1).filter(|at| {
                text[*at..].starts_with(|letter: char| letter.is_ascii_alphabetic()) && !text[*at..].starts_with("END")
                    && !text[*at..].starts_with("EOF") && !text[*at..].starts_with("MAIL") && !text[*at..].starts_with("This")
                    && !text[*at..].starts_with("Started") && !text[*at..].starts_with("It ")
            }).collect();
            if let Some(place) = starts.get(usize::from(at) % starts.len().max(1)) {
                let changed = format!("{}\n# {comment}\n\n{}", &text[..*place], &text[*place..]);
                prop_assert_eq!(set(text.as_bytes(), language), set(changed.as_bytes(), language), "{}", changed);
            }
        }
    }
}

/// A Python script in the style of Wazuh's documentation: numbers stand for the commands.
const DOCUMENTED: &str = r##"#!/usr/bin/python3
import os, sys, json, datetime
from pathlib import PureWindowsPath, PurePosixPath
if os.name == 'nt':
    LOG_FILE = "C:\\Program Files (x86)\\ossec-agent\\active-response\\active-responses.log"
else:
    LOG_FILE = "/var/ossec/logs/active-responses.log"
ADD_COMMAND = 0
DELETE_COMMAND = 1
CONTINUE_COMMAND = 2
ABORT_COMMAND = 3
OS_INVALID = -1
class message:
    def __init__(self):
        self.alert = ""
        self.command = 0
def log(ar_name, text):
    with open(LOG_FILE, mode="a") as log_file:
        name = str(PurePosixPath(PureWindowsPath(ar_name[ar_name.find("active-response"):])))
        log_file.write(str(datetime.datetime.now().strftime('%Y/%m/%d')) + " " + name + ": " + text + "\n")
def take(argv):
    input_str = ""
    for line in sys.stdin:
        input_str = line
        break
    log(argv[0], input_str)
    try:
        data = json.loads(input_str)
    except ValueError:
        message.command = OS_INVALID
        return message
    message.alert = data
    command = data.get("command")
    if command == "add":
        message.command = ADD_COMMAND
    elif command == "delete":
        message.command = DELETE_COMMAND
    else:
        message.command = OS_INVALID
    return message
def ask(argv, keys):
    keys_msg = json.dumps({"version": 1, "origin": {"name": argv[0], "module": "active-response"}, "command": "check_keys", "parameters": {"keys": keys}})
    print(keys_msg)
    sys.stdout.flush()
    input_str = ""
    while True:
        line = sys.stdin.readline()
        if line:
            input_str = line
            break
    try:
        data = json.loads(input_str)
    except ValueError:
        return message
    action = data.get("command")
    if "continue" == action:
        ret = CONTINUE_COMMAND
    elif "abort" == action:
        ret = ABORT_COMMAND
    else:
        ret = OS_INVALID
    return ret
def main(argv):
    log(argv[0], "Started")
    msg = take(argv)
    if msg.command < 0:
        sys.exit(OS_INVALID)
    if msg.command == ADD_COMMAND:
        keys = [msg.alert["parameters"]["alert"]["data"]["srcip"]]
        action = ask(argv, keys)
        if action != CONTINUE_COMMAND:
            sys.exit(0)
        open("/srv/blocked", mode="a").write(str(keys))
    elif msg.command == DELETE_COMMAND:
        os.remove("/srv/blocked")
    log(argv[0], "Ended")
main(sys.argv)
"##;

/// Slugs of what is likely, with the line.
fn likely(text: &str, timeout: i32) -> Vec<(&'static str, u64)> {
    let language = language(b"x", text.as_bytes()).unwrap();
    let found = lint(text.as_bytes(), language, &Context { contract: Contract::Json4, timeout });
    let faults = found.faults.iter().filter(|fault| fault.confidence == Confidence::Likely);
    faults.map(|fault| (fault.kind.slug(), fault.line)).collect()
}

#[test]
fn numbers_that_stand_for_the_command() {
    assert_eq!(run(DOCUMENTED, "", 600).faults, []);
    for (from, to, (slug, place)) in [
        ("        break\n    log", "    log", ("stdin-read-to-end", "for line in sys.stdin")),
        ("    sys.stdout.flush()\n", "", ("keys-not-flushed", "print(keys_msg)")),
        (
            "[msg.alert[\"parameters\"][\"alert\"][\"data\"][\"srcip\"]]",
            "[]",
            ("keys-empty", "print(keys_msg)"),
        ),
        (
            "[msg.alert[\"parameters\"][\"alert\"][\"data\"][\"srcip\"]]",
            "[\"block\"]",
            ("keys-constant", "print(keys_msg)"),
        ),
        (
            "        os.remove(\"/srv/blocked\")\n",
            "        pass\n",
            ("delete-does-not-revert", "open(\"/srv/blocked\""),
        ),
        (
            "    log(argv[0], \"Started\")",
            "    print(\"Started\")",
            ("noise-before-keys", "print(\"Started\")"),
        ),
    ] {
        assert!(DOCUMENTED.contains(from), "{from}");
        let text = DOCUMENTED.replacen(from, to, 1);
        let line = 1 + text.lines().position(|line| line.contains(place)).unwrap() as u64;
        assert_eq!(likely(&text, 600), [(slug, line)], "{from}");
    }
    let text = DOCUMENTED.replacen("        break\n    log", "    log", 1);
    let fault = run(&text, "", 600).faults.remove(0);
    let mended = text.replacen("in sys.stdin", &format!("in {}", fault.rewrite.unwrap()), 1);
    assert_eq!(likely(&mended, 600), []);
}

const ASK: &str = r#"{"version":1,"origin":{"name":"a","module":"active-response"},"command":"check_keys","parameters":{"keys":["#;

#[test]
fn formats_and_their_values() {
    let braces = ASK.replace('{', "{{").replace('}', "}}");
    for (print, wanted) in [
        (format!("print('{ASK}\"%s\"]}}}}' % ip, flush=True)"), ""),
        (format!("print('{ASK}\"%s\"]}}}}' % 'x', flush=True)"), "keys-constant"),
        (format!("print('{ASK}\"%(ip)s\"]}}}}' % {{'ip': ip}}, flush=True)"), ""),
        (format!("print('{braces}\"{{}}\"]}}}}}}}}'.format(ip), flush=True)"), ""),
        (format!("print('{braces}\"{{}}\"]}}}}}}}}'.format(''), flush=True)"), "keys-empty"),
        (format!("print('{braces}\"{{a}}\"]}}}}}}}}'.format(a=ip), flush=True)"), ""),
        (format!("sys.stdout.write('{ASK}%s]}}}}\\n' % json.dumps(ip)); sys.stdout.flush()"), ""),
        (format!("sys.stdout.write('{ASK}\"%s\"]}}}}' % ip); sys.stdout.flush()"), "keys-not-flushed"),
    ] {
        let body = format!(
            "m = json.loads(sys.stdin.readline())\nip = m['parameters']['alert']['data']['srcip']\n\
             if m['command'] == 'add':\n    {print}\n    if 'continue' in sys.stdin.readline():\n        \
             open('/srv/x', 'w')\nelse:\n    os.remove('/srv/x')"
        );
        assert_eq!(slugs(PY, &body, 600), wanted, "{print}");
    }
    for (print, wanted) in [
        (format!("my $k = sprintf('{ASK}\"%s\"]}}}}', $ip); print \"$k\\n\";"), ""),
        (format!("printf '{ASK}\"%s\"]}}}}'.\"\\n\", $ip;"), ""),
        (format!("printf('{ASK}\"%s\"]}}}}'.\"\\n\", 'x');"), "keys-constant"),
    ] {
        let body = format!(
            "$| = 1; my $m = decode_json(scalar <STDIN>); my $ip = $m->{{parameters}}{{alert}}{{data}}{{srcip}};\n\
             if ($m->{{command}} eq 'add') {{ {print} exit 0 if <STDIN> !~ /continue/; mkdir '/srv/x'; }}\n\
             else {{ rmdir '/srv/x' }}"
        );
        assert_eq!(slugs(PL, &body, 600), wanted, "{print}");
    }
}

#[test]
fn tables_of_functions_are_followed() {
    let python = |flush: &str, undo: &str, call: &str| {
        format!(
            "def block(ip):\n    print('{ASK}\"' + ip + '\"]}}}}'{flush})\n    \
             if 'continue' in sys.stdin.readline():\n        open('/srv/x', 'w')\n\
             def unblock(ip):\n    {undo}\nDEEDS = {{'add': block, 'delete': unblock}}\n\
             m = json.loads(sys.stdin.readline())\nip = m['parameters']['alert']['data']['srcip']\n{call}"
        )
    };
    let (flush, undo) = (", flush=True", "os.remove('/srv/x')");
    for call in [
        "DEEDS[m['command']](ip)",
        "f = DEEDS.get(m['command'])\nif f:\n    f(ip)",
        "DEEDS.get(m['command'])(ip)",
    ] {
        assert_eq!(slugs(PY, &python(flush, undo, call), 600), "", "{call}");
        assert_eq!(slugs(PY, &python("", undo, call), 600), "keys-not-flushed", "{call}");
        assert_eq!(slugs(PY, &python(flush, "pass", call), 600), "delete-does-not-revert", "{call}");
    }
    let perl = |head: &str, undo: &str| {
        format!(
            "{head} my $m = decode_json(scalar <STDIN>); my $ip = $m->{{parameters}}{{alert}}{{data}}{{srcip}};\n\
             my %do = (add => \\&block, delete => sub {{ {undo} }});\nmy $f = $do{{$m->{{command}}}} or exit 0;\n\
             $f->($ip);\nsub block {{ my $ip = shift; print '{ASK}\"'.$ip.'\"]}}}}'.\"\\n\";\n\
             exit 0 if <STDIN> !~ /continue/; mkdir '/srv/x'; }}"
        )
    };
    assert_eq!(slugs(PL, &perl("$| = 1;", "rmdir '/srv/x'"), 600), "");
    assert_eq!(slugs(PL, &perl("", "rmdir '/srv/x'"), 600), "keys-not-flushed");
    assert_eq!(slugs(PL, &perl("$| = 1;", ""), 600), "delete-does-not-revert");
    // A reference that goes elsewhere may be what is called.
    assert_eq!(slugs(PL, &perl("my $g = sub { 1 };", ""), 600), "");
    let shell = |undo: &str| {
        format!(
            "do_add() {{ echo '{ASK}\"'\"$1\"'\"]}}}}'; read -r a; mkdir /srv/x; }}\ndo_delete() {{ {undo}; }}\n\
             read -r m\na=$(jq -r .command <<<\"$m\")\ni=$(jq -r .parameters.alert.data.srcip <<<\"$m\")\n\"do_$a\" \"$i\""
        )
    };
    assert_eq!(slugs(SH, &shell("rmdir /srv/x"), 600), "");
    assert_eq!(slugs(SH, &shell(":"), 600), "delete-does-not-revert");
}

#[test]
fn streams_and_defaults_in_python() {
    let work = "m = json.loads(take())\nopen('/srv/x', 'w')";
    for (body, wanted) in [
        (format!("def take(stream=sys.stdin):\n    return stream.readline()\n{work}"), ""),
        (format!("def take(stream=sys.stdin):\n    return stream.read()\n{work}"), END),
        (
            format!(
                "import io\nsys.stdin = io.TextIOWrapper(sys.stdin.buffer, errors='replace')\n\
                 def take():\n    return sys.stdin.readline()\n{work}"
            ),
            "",
        ),
        (
            "class R:\n    def __init__(self, i=sys.stdin):\n        self.i = i\n    def go(self):\n        \
             m = self.i.readline()\n        os.remove('/srv/x')\nR().go()"
                .to_owned(),
            "",
        ),
    ] {
        assert_eq!(slugs(PY, &body, 0), wanted, "{body}");
    }
    let found = run(
        PY,
        "import shutil\nm = input()\nsubprocess.run([shutil.which('nft') or '/usr/sbin/nft', 'x'], stdout=-3)\n\
         open('C:\\\\x.txt', 'a')",
        0,
    );
    assert_eq!(found.faults, []);
    assert_eq!(
        found.tools.iter().map(|tool| tool.name.as_str()).collect::<Vec<_>>(),
        ["nft", "/usr/sbin/nft"]
    );
}

#[test]
fn arguments_beside_a_line_nobody_uses() {
    let found =
        run(SH, "read -r LINE\necho \"$LINE\" >>/var/log/x.log\n[ \"$1\" = add ] && touch \"/srv/$3\"", 0);
    let fault = found.faults.first().unwrap();
    assert_eq!((fault.kind, fault.confidence, fault.line), (FaultKind::Arguments, Confidence::Possible, 4));
    assert_eq!(
        slugs(
            SH,
            "read -r LINE\nI=$(jq -r .parameters.alert.data.srcip <<<\"$LINE\")\ntouch \"/srv/$I$1\"",
            0
        ),
        ""
    );
}
