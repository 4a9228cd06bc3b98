//! Secrets that stand in files which are read never leave, in any form.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "replay/play.rs"]
mod play;
mod support;

use std::fs;
use std::path::Path;
use std::process::Command;

/// Runs every command that prints something of a host, in every form.
fn everything(host: &Path) -> String {
    let temp = tempfile::tempdir().expect("a temporary directory");
    let mut all = String::new();
    let mut run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ar-doctor"));
        command.current_dir(temp.path());
        let host = fs::canonicalize(host).expect("it is there");
        let output = command.args(arguments).arg("--from").arg(host).output().expect("the binary runs");
        all.push_str(&String::from_utf8_lossy(&output.stdout));
        all.push_str(&String::from_utf8_lossy(&output.stderr));
    };
    let forms = ["json", "markdown", "sarif"];
    let outputs = forms.map(|form| format!("--output={form}=report.{form}"));
    run(&["check", "-v", "--why", &outputs[0], &outputs[1], &outputs[2]]);
    run(&["check", "-q"]);
    run(&["show", "-v"]);
    run(&["show", "--format", "json"]);
    for form in forms {
        all.push_str(&fs::read_to_string(temp.path().join(format!("report.{form}"))).expect("a report"));
    }
    all
}

/// No eight bytes of a secret in a row.
fn assert_hidden(text: &str, secret: &str) {
    for start in 0..=secret.len().saturating_sub(8) {
        let piece = &secret[start..start + 8];
        assert!(!text.contains(piece), "{piece} of {secret} leaves:\n{text}");
    }
}

fn with_config(base: &str, from: &str, to: &str) -> String {
    let temp = tempfile::tempdir().expect("a temporary directory");
    let mut host = support::base(base);
    support::cases::config(&mut host, from, to).expect("the edit fits");
    let root = temp.path().join("host");
    host.materialise(&root).expect("the host is built");
    everything(&root)
}

#[test]
fn secrets_of_healthy_hosts_stay_inside() {
    for base in support::BASES {
        let text = everything(&support::base_path(base));
        assert_hidden(&text, "0badc0de0badc0de0badc0de0badc0de");
        assert_hidden(&text, "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
    }
}

#[test]
fn a_secret_in_the_line_that_is_shown() {
    let long = "Q7".repeat(90);
    for (kind, block, secret) in [
        (
            "an element",
            "<integration><hook_url>https://hooks.example.com/T0SECRET9/B1SECRET9</hook_url><bogus/></integration><bogus/>",
            "T0SECRET9/B1SECRET9",
        ),
        (
            "a long one, cut by the excerpt",
            &format!("<bogus/><api_key>{long}</api_key>") as &str,
            long.as_str(),
        ),
        ("a long one before the mark", &format!("<api_key>{long}</api_key><bogus/>"), long.as_str()),
        ("a URL", "<bogus>https://admin:hunter2hunter2@siem.example/x</bogus>", "hunter2hunter2"),
        ("a token", "<bogus>Bearer abcdefghijklmnop1234</bogus>", "abcdefghijklmnop1234"),
        (
            "a JWT",
            "<bogus>eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abcDEFghi_jkl</bogus>",
            "eyJzdWIiOiIxMjM0In0",
        ),
        ("a cloud key", "<bogus>AKIAQWERTYUIOPASDFGH</bogus>", "AKIAQWERTYUIOPASDFGH"),
        ("a password", "<bogus>password=swordfish-swordfish</bogus>", "swordfish-swordfish"),
        ("a broken file", "<api_key>Zx81Zx81Zx81Zx81</api_key><a></b>", "Zx81Zx81Zx81Zx81"),
    ] {
        for base in ["manager-4.14-debian", "agent-4.14-debian"] {
            let text = with_config(base, "  <localfile>", &format!("  {block}\n  <localfile>"));
            assert!(text.contains("AR0"), "{kind}: something is found");
            assert_hidden(&text, secret);
        }
    }
}

#[test]
fn a_secret_of_one_place_is_hidden_in_another() {
    // The cluster key turns up as an executable.
    let text = with_config(
        "manager-4.14-debian",
        "<executable>notify-oncall.sh</executable>",
        "<executable>/opt/0badc0de0badc0de0badc0de0badc0de.sh</executable>",
    );
    assert!(text.contains("executable-absolute"), "{text}");
    assert_hidden(&text, "0badc0de0badc0de0badc0de0badc0de");
}

#[test]
fn a_secret_in_a_script() {
    let temp = tempfile::tempdir().expect("a temporary directory");
    let mut host = support::base("agent-4.14-debian");
    let script = "/var/ossec/active-response/bin/edge-block.sh";
    host.write(script, "#!/bin/bash --token=s3cr3t-s3cr3t-s3cr3t\r\ntrue\n").expect("the script is there");
    let root = temp.path().join("host");
    host.materialise(&root).expect("the host is built");
    let text = everything(&root);
    assert!(text.contains("crlf-shebang"), "{text}");
    assert_hidden(&text, "s3cr3t-s3cr3t-s3cr3t");
    fs::remove_dir_all(&root).expect("it is removed");
}

// ---- what a replay shows ----

/// Ways to write a secret, each with one made of `seed`, on one line without `/` at its ends.
fn shapes(seed: &str) -> Vec<(String, String)> {
    let secret = |number: usize| format!("{seed}x{number:02}xQ7wZk4Vt9Lp2");
    let all: &[&dyn Fn(&str) -> String] = &[
        &|secret| format!("password={secret}"),
        &|secret| format!("api_key: {secret}"),
        &|secret| format!("SLACK_TOKEN={secret}"),
        &|secret| format!("AWS_SECRET_ACCESS_KEY={secret}"),
        &|secret| format!("curl --token {secret}"),
        &|secret| format!("curl -u admin:{secret}"),
        &|secret| format!("Authorization: Bearer {secret}"),
        &|secret| format!("https://admin:{secret}@siem.example/x"),
        &|secret| format!("https://hooks.slack.com/services/{secret}"),
        &|secret| format!("eyJhbGciOiJIUzI1NiJ9.{secret}.c2lnbmF0dXJl"),
        &|secret| format!("<api_key>{secret}</api_key>"),
    ];
    let mut shapes: Vec<(String, String)> =
        all.iter().enumerate().map(|(number, shape)| (shape(&secret(number)), secret(number))).collect();
    // Of these the format says the letters.
    let cloud = format!("AKIA{:0<16}", seed.to_uppercase());
    shapes.push((cloud.clone(), cloud));
    shapes
}

/// The lines of a key in PEM form, and what must not be seen of it.
fn pem(seed: &str) -> (String, Vec<String>) {
    let lines: Vec<String> = (0..3).map(|line| format!("MIIE{seed}pem{line}c3dvcmRmaXNo")).collect();
    let text = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"));
    (text, lines)
}

/// One replay: its event, its script, and what of it must not be seen.
struct Planted {
    what: String,
    event: String,
    script: String,
    arguments: Vec<String>,
    secrets: Vec<String>,
    /// Shown without it, the test would be of nothing.
    seen: &'static str,
}

const READS: &str = "#!/bin/bash\nIFS= read -r line\n";
const KEYS: &str = r#"{"version":1,"origin":{"name":"x","module":"active-response"},"command":"check_keys","parameters":{"keys":["KEY"]}}"#;

/// A word for a shell.
fn word(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

fn planted() -> Vec<Planted> {
    let mut all = Vec::new();
    let mut plant =
        |what: &str, event: String, script: String, arguments: &[&str], secrets: Vec<String>, seen| {
            all.push(Planted {
                what: what.to_owned(),
                event,
                script,
                arguments: arguments.iter().map(|&word| word.to_owned()).collect(),
                secrets,
                seen,
            });
        };
    let texts = |shapes: &[(String, String)]| -> Vec<String> {
        shapes.iter().map(|(text, _)| text.clone()).collect()
    };
    let hidden = |shapes: &[(String, String)]| -> Vec<String> {
        shapes.iter().map(|(_, secret)| secret.clone()).collect()
    };
    let json = |text: &str| serde_json::to_string(text).expect("a string");
    let echo = |lines: &[String], to: &str| -> String {
        lines.iter().map(|line| format!("printf '%s\\n' {} {to}\n", word(line))).collect()
    };

    // What the script says and does.
    for (what, seed, to) in [
        ("standard error", "Se", ">&2"),
        ("the log", "Lo", ">>logs/active-responses.log"),
        ("a changed file", "Fi", ">>/etc/planted.conf"),
    ] {
        let shapes = shapes(seed);
        plant(
            what,
            play::ALERT.to_owned(),
            format!("{READS}{}exit 3\n", echo(&texts(&shapes), to)),
            &[],
            hidden(&shapes),
            "siem.example",
        );
        let (text, lines) = pem(seed);
        let text: Vec<String> = text.lines().map(str::to_owned).collect();
        plant(
            &format!("{what}, a private key"),
            play::ALERT.to_owned(),
            format!("{READS}{}exit 3\n", echo(&text, to)),
            &[],
            lines,
            "BEGIN",
        );
    }
    let shapes_of_names = shapes("Na");
    let touch: String = texts(&shapes_of_names)
        .iter()
        .map(|name| format!("mkdir -p {0}\ntouch {0}/leaf\n", word(&format!("/var/lib/planted/{name}"))))
        .collect();
    plant(
        "names of files",
        play::ALERT.to_owned(),
        format!("{READS}{touch}"),
        &[],
        hidden(&shapes_of_names),
        "/var/lib/planted",
    );

    // What execd takes from it, one at a time: only one line is looked at.
    for (number, (text, secret)) in shapes("St").into_iter().enumerate() {
        let secrets = vec![secret.clone()];
        let echo = |line: &str| format!("printf '%s\\n' {}\n", word(line));
        let keys = |key: &str| echo(&KEYS.replace("\"KEY\"", &json(key)));
        let cases = [
            ("noise", format!("{}read -r line\n", echo(&text)), "AR098"),
            (
                "long noise",
                format!(
                    "{}read -r line\n",
                    echo(&format!("{} {text}", "n".repeat(148 - text.find(secret.as_str()).unwrap_or(0))))
                ),
                "AR098",
            ),
            ("key", format!("{}read -r line\ntouch /var/lib/planted\n", keys(&text)), "continue"),
            (
                "long key",
                format!("{}read -r line\ntouch /var/lib/planted\n", keys(&format!("203.0.113.9-{text}"))),
                "continue",
            ),
            (
                "after the answer",
                format!("{}read -r line\n{}", keys("203.0.113.9"), echo(&text)),
                "203.0.113.9",
            ),
            ("unfinished line", format!("printf '%s' {}\nsleep 30\n", word(&text)), "deadline"),
            ("command line", format!("bash -c 'read -rt 30 x; :' {}\n", word(&text)), "deadline"),
            (
                "long command line",
                format!(
                    "bash -c 'read -rt 30 x; :' {}\n",
                    word(&format!(
                        "{}{text}",
                        "w".repeat(174 - text.find(secret.as_str()).unwrap_or(0) - 11) + " "
                    ))
                ),
                "deadline",
            ),
            ("a line of the script", format!("x=$(cat) # {text}\n"), "AR095"),
            (
                "an error",
                format!("echo {} >&2\nexit 1\n", word(&format!("{text}: command not found"))),
                "exit",
            ),
        ];
        for (what, lines, seen) in cases {
            plant(
                &format!("{what} {number}"),
                play::ALERT.to_owned(),
                format!("{READS}{lines}"),
                &[],
                secrets.clone(),
                seen,
            );
        }
    }

    // What the event holds.
    let echoes = format!(
        "{READS}printf '%s\\n' \"$line\" >&2\nprintf '%s\\n' \"$line\" >>logs/active-responses.log\nprintf '%s\\n' \"$line\" >>/etc/planted.conf\nexit 3\n"
    );
    let log = shapes("Ev");
    let event = play::ALERT
        .replace("Nov 20 14:09:57 web-01 sshd[2931]:", json(&texts(&log).join(" ")).trim_matches('"'));
    plant("full_log", event, echoes.clone(), &[], hidden(&log), "siem.example");
    let quoted: Vec<String> =
        hidden(&log).iter().map(|secret| format!("{{\"password\":\"{secret}\"}}")).collect();
    let event =
        play::ALERT.replace("Nov 20 14:09:57 web-01 sshd[2931]:", json(&quoted.join(" ")).trim_matches('"'));
    plant("JSON in full_log", event, echoes.clone(), &[], hidden(&log), "sshd");
    let twice = json(json(&quoted[0]).trim_matches('"'));
    let event = play::ALERT.replace("Nov 20 14:09:57 web-01 sshd[2931]:", twice.trim_matches('"'));
    plant("JSON in JSON in full_log", event, echoes.clone(), &[], vec![hidden(&log)[0].clone()], "sshd");
    let fields = r#""api_key":"DaxQ7wZk4Vt9Lp2a","hook_url":"DaxQ7wZk4Vt9Lp2b","passwd": "DaxQ7wZk4Vt9Lp2c","access_token":"DaxQ7wZk4Vt9Lp2d","client_secret":"DaxQ7wZk4Vt9Lp2e","db_password":"DaxQ7wZk4Vt9Lp2f","srcip""#;
    let event = play::ALERT.replace(r#""srcip""#, fields);
    let secrets: Vec<String> = ('a'..='f').map(|letter| format!("DaxQ7wZk4Vt9Lp2{letter}")).collect();
    plant("fields", event.clone(), echoes.clone(), &[], secrets.clone(), "203.0.113.9");
    plant(
        "a broken event",
        event.replace(r#""srcip":"#, r#""srcip":'"#),
        echoes.clone(),
        &[],
        secrets.clone(),
        "AR114",
    );
    plant("a broken event, single quotes", event.replace('"', "'"), echoes.clone(), &[], secrets, "AR114");
    let extra = shapes("Ex");
    let list = serde_json::to_string(&texts(&extra)).expect("a list");
    let event = play::message(play::ALERT).replace(r#""extra_args":[]"#, &format!(r#""extra_args":{list}"#));
    plant("extra_args", event, echoes.clone(), &[], hidden(&extra), "siem.example");
    let texts = texts(&extra);
    let arguments: Vec<&str> = texts.iter().flat_map(|text| ["--extra-args", text.as_str()]).collect();
    plant("--extra-args", play::ALERT.to_owned(), echoes.clone(), &arguments, hidden(&extra), "siem.example");
    plant(
        "--set",
        play::alert_with(r#""srcip":"203.0.113.9","#, ""),
        "#!/bin/bash\nread -r line\nip=$(jq -r .parameters.alert.data.srcip <<<\"$line\")\n".to_owned(),
        &["--set", "data.api_token=SexQ7wZk4Vt9Lp2a", "--set", r#"data.password:="SexQ7wZk4Vt9Lp2b""#],
        vec!["SexQ7wZk4Vt9Lp2a".to_owned(), "SexQ7wZk4Vt9Lp2b".to_owned()],
        "AR112",
    );
    all
}

#[test]
fn secrets_of_a_replay_stay_inside() {
    if play::skipped() {
        return;
    }
    let place = play::Place::new();
    let home = place.home("agent-4.14-debian");
    let numbered: Vec<(usize, Planted)> = planted().into_iter().enumerate().collect();
    let wrong = play::wrong(&numbered, |(number, planted)| {
        let event = place.file(&format!("{number}.json"), &planted.event);
        let script = place.file(&format!("{number}.sh"), &planted.script);
        let mut all = String::new();
        let mut more: Vec<&[&str]> = vec![&["--color", "never"], &["-v"], &["--format", "json"]];
        if planted.event != play::ALERT {
            more.push(&["--check-only"]);
        }
        // Only what hangs is not waited for.
        let deadline = if ["deadline", "AR095"].contains(&planted.seen) { "500ms" } else { "10s" };
        for more in more {
            let mut command = play::doctor();
            command.arg("replay").arg(&script).arg("--payload").arg(&event).arg("--home").arg(&home);
            command.args(["--contract", "json4", "--timeout", "600", "--deadline", deadline]);
            let played = play::run(command.args(&planted.arguments).args(more));
            all += &format!("{}{}", played.stdout, played.stderr);
        }
        let leaks: Vec<&str> = all
            .lines()
            .filter(|line| {
                planted.secrets.iter().any(|secret| {
                    (0..=secret.len().saturating_sub(8)).any(|at| line.contains(&secret[at..at + 8]))
                })
            })
            .collect();
        if !leaks.is_empty() {
            return Err(format!("{} leaks:\n    {}", planted.what, leaks.join("\n    ")));
        }
        if all.contains(planted.seen) {
            Ok(())
        } else {
            Err(format!("{} is not shown:\n{all}", planted.what))
        }
    });
    assert!(wrong.is_empty(), "{} of {} leak:\n{}", wrong.len(), numbered.len(), wrong.join("\n"));
}

/// execd's environment is the script's, and a script may print it.
#[test]
fn secrets_of_the_environment_of_execd_stay_inside() {
    if play::skipped() {
        return;
    }
    let place = play::Place::new();
    let home = place.home("agent-4.14-debian");
    // A program that runs from the path of execd is execd.
    let program = home.join("bin/wazuh-execd");
    // By cp(1): a file that another thread's child still holds open for writing cannot be run.
    let copied = Command::new("cp").arg("/bin/sleep").arg(&program).status().expect("there is a cp");
    assert!(copied.success(), "cp ends with {copied}");
    let shapes = shapes("En");
    let mut execd = Command::new(&program);
    execd.arg("300").env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("COLOUR", "visible-blue");
    for (number, (text, _)) in shapes.iter().enumerate() {
        execd.env(format!("PLAIN_{number}"), text);
    }
    let named =
        ["SLACK_TOKEN", "DB_PASSWORD", "AWS_SECRET_ACCESS_KEY", "API_KEY", "SMTP_AUTH", "GIT_CREDENTIALS"];
    for name in named {
        execd.env(name, format!("{}7wZk4Vt9Lp2", name.to_lowercase()));
    }
    let mut execd = execd.spawn().expect("it runs");
    let script = place.file(
        "env.sh",
        format!("{READS}env >&2\nenv >>logs/active-responses.log\nenv >/etc/planted.conf\nexit 3\n"),
    );
    let event = place.file("event.json", play::ALERT);
    let mut all = String::new();
    for format in ["text", "json"] {
        let mut command = play::doctor();
        command.arg("replay").arg(&script).arg("--payload").arg(&event).arg("--home").arg(&home);
        let played = play::run(command.args(["-v", "--timeout", "0", "--format", format]));
        all += &format!("{}{}", played.stdout, played.stderr);
    }
    execd.kill().expect("it is ended");
    execd.wait().expect("it has ended");
    assert!(all.contains("COLOUR=visible-blue"), "the script has the environment of execd:\n{all}");
    for (_, secret) in &shapes {
        assert_hidden(&all, secret);
    }
    assert!(!all.contains("7wZk4Vt9Lp2"), "{all}");
}

/// The battery puts text of the event into every case.
#[test]
fn secrets_of_a_battery_stay_inside() {
    if play::skipped() {
        return;
    }
    let place = play::Place::new();
    let home = place.home("agent-4.14-debian");
    let shapes = shapes("Ba");
    let texts: Vec<&str> = shapes.iter().map(|(text, _)| text.as_str()).collect();
    let list = serde_json::to_string(&texts).expect("a list");
    let message =
        play::message(play::ALERT).replace(r#""extra_args":[]"#, &format!(r#""extra_args":{list}"#));
    let event = place.file("event.json", message);
    let script = format!("{READS}printf '%s\\n' \"$line\" >&2\nprintf '%s\\n' \"$line\"\nexit 3\n");
    let script = place.file("says-all.sh", script);
    let mut all = String::new();
    for format in ["text", "json"] {
        let mut command = play::doctor();
        command.arg("replay").arg(&script).arg("--payload").arg(&event).arg("--home").arg(&home);
        command.args(["-v", "--timeout", "600", "--deadline", "1s", "--conformance", "--format", format]);
        let played = play::run(&mut command);
        all += &format!("{}{}", played.stdout, played.stderr);
    }
    assert!(all.contains("siem.example") && all.contains("second target"), "{all}");
    for (_, secret) in &shapes {
        assert_hidden(&all, secret);
    }
}
