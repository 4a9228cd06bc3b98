//! What a script's standard error says about programs and modules that are not there.
//!
//! execd sends it to /dev/null (`src/shared/exec_op.c wpopenv`, 4.14), so this is the only
//! place where these words are ever seen.

use std::sync::LazyLock;

use regex::Regex;

/// A program or a module that was not found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Missing {
    /// Its name as the script used it.
    pub(super) name: String,
    /// The line that says so.
    pub(super) line: String,
    /// For a module its language; for a program empty.
    pub(super) language: &'static str,
    /// It is there and cannot be executed.
    pub(super) denied: bool,
}

/// When a line of that form counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum If {
    /// Always.
    Always,
    /// Redirections give the same text: only for a path of a program, or when the script ended as
    /// a shell does that could not start a program.
    Program,
    /// Opening a file gives the same text: only from the part of Python that starts programs.
    PythonStart,
    /// The same, for Ruby.
    RubyStart,
}

/// Forms of a missing program: dash, bash, busybox, ksh, zsh, env(1) and its like, perl, python,
/// node, go, ruby.
const PROGRAMS: &[(&str, If)] = &[
    (r"(?:^|: )(?P<t>[^\s:][^:]*): command not found$", If::Always),
    (r"^.+: command not found: (?P<t>.+)$", If::Always),
    (r"^.+: (?:line )?\d+: (?:exec: |eval: )?(?P<t>[^:]+): not found$", If::Always),
    (r"^.+\[\d+\]: (?P<t>[^:]+): not found(?: \[.*\])?$", If::Always),
    (r"^.+: line \d+: (?:exec: )?(?P<t>/[^:]+): No such file or directory$", If::Program),
    (r"^.+: line \d+: (?P<t>/[^:]+): cannot execute: required file not found$", If::Always),
    (r#"^(?:/usr)?(?:/bin/)?env: [‘'"`]?(?P<t>[^’'":]+)[’'"]?: No such file or directory"#, If::Always),
    (
        r#"^(?:nohup|timeout|nice|ionice|stdbuf|setsid|chroot|xargs|time|flock|setpriv|taskset): (?:failed to (?:run command|execute) )?[‘'"`]?(?P<t>[^’'":]+)[’'"]?: No such file or directory$"#,
        If::Always,
    ),
    (r#"^Can't exec "(?P<t>[^"]+)": No such file or directory"#, If::Always),
    (r"^FileNotFoundError: \[Errno 2\] No such file or directory: '(?P<t>[^']+)'", If::PythonStart),
    (r"Error: spawn (?P<t>\S+) ENOENT", If::Always),
    (r#"exec: "(?P<t>[^"]+)": executable file not found in"#, If::Always),
    (r"No such file or directory - (?P<t>\S+) \(Errno::ENOENT\)", If::RubyStart),
];

/// Forms of a program that is there and may not be executed.
const DENIED: &[(&str, If)] = &[
    (r"^.+: (?:line )?\d+: (?:exec: )?(?P<t>[^:\s]+): Permission denied$", If::Program),
    (r"^PermissionError: \[Errno 13\] Permission denied: '(?P<t>[^']+)'", If::PythonStart),
    (r#"^Can't exec "(?P<t>[^"]+)": Permission denied"#, If::Always),
];

/// What the shipped programs write into active-responses.log when a program is not there
/// (`src/active-response/*.c`, 4.14). They end with status 0 all the same.
const LOGGED: &[(&str, If)] = &[
    (r"The (?P<t>\S+) file '[^']*' is not accessible", If::Always),
    (r"Binary '(?P<t>[^']+)' not found in default paths", If::Always),
    (r": (?P<t>Python) binary not found", If::Always),
];

/// Forms of a missing module, with its language.
const MODULES: &[(&str, &str)] = &[
    (r"^ModuleNotFoundError: No module named '?(?P<t>[^';\s]+)'?", "python"),
    (r"^ImportError: No module named '?(?P<t>[^';\s]+)'?", "python"),
    (r"^ImportError: cannot import name '?(?P<t>[^'\s]+)'?", "python"),
    (r"^Can't locate (?P<t>\S+)\.pm in @INC", "perl"),
    (r"cannot load such file -- (?P<t>\S+)", "ruby"),
    (r"Error: Cannot find module '(?P<t>[^']+)'", "node"),
];

fn compiled<T: Copy>(forms: &[(&str, T)]) -> Vec<(Regex, T)> {
    forms.iter().filter_map(|(form, with)| Some((Regex::new(form).ok()?, *with))).collect()
}

static PROGRAM_FORMS: LazyLock<Vec<(Regex, If)>> = LazyLock::new(|| compiled(PROGRAMS));
static DENIED_FORMS: LazyLock<Vec<(Regex, If)>> = LazyLock::new(|| compiled(DENIED));
static LOGGED_FORMS: LazyLock<Vec<(Regex, If)>> = LazyLock::new(|| compiled(LOGGED));
static MODULE_FORMS: LazyLock<Vec<(Regex, &'static str)>> = LazyLock::new(|| compiled(MODULES));

fn add(found: &mut Vec<Missing>, name: &str, line: &str, language: &'static str, denied: bool) {
    let name = name.trim();
    if !name.is_empty() && !found.iter().any(|known| known.name == name) {
        found.push(Missing { name: name.to_owned(), line: line.to_owned(), language, denied });
    }
}

/// Programs that were not found, or could not be executed, each once.
pub(super) fn programs(stderr: &[u8], log: &[String], exit: Option<i32>) -> Vec<Missing> {
    let text = String::from_utf8_lossy(stderr);
    let python = ["_execute_child", "subprocess.py", "os.exec", "posix_spawn"];
    let from_python = python.iter().any(|word| text.contains(word));
    let from_ruby =
        ["spawn'", "system'", "popen'", "in ``'", "popen3'"].iter().any(|word| text.contains(word));
    let counts = |on: If, name: &str, status: i32| match on {
        If::Always => true,
        If::Program => exit == Some(status) || name.contains("/bin/") || name.contains("/sbin/"),
        If::PythonStart => from_python,
        If::RubyStart => from_ruby,
    };
    let mut found = Vec::new();
    for line in text.lines().map(str::trim_end) {
        for (forms, denied, status) in [(&*PROGRAM_FORMS, false, 127), (&*DENIED_FORMS, true, 126)] {
            let hit = forms.iter().find_map(|(form, on)| {
                let name = form.captures(line)?.name("t")?.as_str();
                counts(*on, name, status).then_some(name)
            });
            if let Some(name) = hit {
                add(&mut found, name, line, "", denied);
                break;
            }
        }
    }
    for line in log {
        let hit = LOGGED_FORMS.iter().find_map(|(form, _)| Some(form.captures(line)?.name("t")?.as_str()));
        if let Some(name) = hit {
            add(&mut found, &name.replace("Python", "python3"), line, "", false);
        }
    }
    found
}

/// Modules that were not found, each once.
pub(super) fn modules(stderr: &[u8]) -> Vec<Missing> {
    let text = String::from_utf8_lossy(stderr);
    let mut found = Vec::new();
    for line in text.lines().map(str::trim_end) {
        for (form, language) in &*MODULE_FORMS {
            if let Some(name) = form.captures(line).and_then(|hit| hit.name("t")) {
                let name = name.as_str();
                let name = if *language == "perl" { name.replace('/', "::") } else { name.to_owned() };
                add(&mut found, &name, line, language, false);
                break;
            }
        }
    }
    found
}

/// A line that says that what it wrote to was closed, as a script gets it that writes to
/// standard output after execd's answer.
pub(super) fn broken_pipe(stderr: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(stderr);
    text.lines()
        .map(str::trim_end)
        .find(|line| line.contains("BrokenPipeError") || line.ends_with("write error: Broken pipe"))
        .map(str::to_owned)
}

/// A line in which a reader of JSON complains.
pub(super) fn bad_json(stderr: &[u8]) -> Option<String> {
    const WORDS: [&str; 7] = [
        "parse error",
        "JSONDecodeError",
        "json.decoder",
        "Expecting ',' delimiter",
        "Invalid \\escape",
        "malformed JSON",
        "JSON::ParserError",
    ];
    let text = String::from_utf8_lossy(stderr);
    text.lines()
        .map(str::trim_end)
        .find(|line| WORDS.iter().any(|word| line.contains(word)) || line.contains("Unexpected token"))
        .map(str::to_owned)
}

/// The last line that says anything; of a traceback that is the one that names the error.
pub(super) fn last_line(stderr: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(stderr);
    text.lines().map(str::trim).rfind(|line| !line.is_empty()).map(str::to_owned)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_form_compiles() {
        assert_eq!(PROGRAM_FORMS.len(), PROGRAMS.len());
        assert_eq!(DENIED_FORMS.len(), DENIED.len());
        assert_eq!(LOGGED_FORMS.len(), LOGGED.len());
        assert_eq!(MODULE_FORMS.len(), MODULES.len());
    }

    #[test]
    fn programs_by_form() {
        let traceback = "  File \"/usr/lib/python3.11/subprocess.py\", line 1901, in _execute_child\nFileNotFoundError: [Errno 2] No such file or directory: 'jq'";
        let cases: &[(&str, Option<i32>, &[&str])] = &[
            ("active-response/bin/x: line 12: jq: command not found", Some(0), &["jq"]),
            ("active-response/bin/x: 12: jq: not found", Some(127), &["jq"]),
            ("active-response/bin/x: 12: exec: jq: not found", Some(127), &["jq"]),
            ("active-response/bin/x: line 12: jq: not found", Some(0), &["jq"]),
            ("active-response/bin/x[3]: jq: not found", Some(0), &["jq"]),
            ("active-response/bin/x:3: command not found: jq", Some(0), &["jq"]),
            ("x: line 3: /usr/sbin/iptables: No such file or directory", Some(0), &["/usr/sbin/iptables"]),
            ("x: line 3: /opt/tool: No such file or directory", Some(127), &["/opt/tool"]),
            ("x: line 3: /opt/list.txt: No such file or directory", Some(1), &[]),
            ("x: 3: cannot open /opt/list.txt: No such file", Some(2), &[]),
            ("x: 3: cannot create /opt/list.txt: Permission denied", Some(126), &[]),
            ("x: line 3: /opt/tool: Permission denied", Some(126), &["/opt/tool"]),
            ("x: line 3: /etc/x: Permission denied", Some(1), &[]),
            ("/usr/bin/env: ‘python9’: No such file or directory", Some(127), &["python9"]),
            ("env: 'python9': No such file or directory", Some(127), &["python9"]),
            ("env: can't execute 'python9': No such file or directory", Some(127), &[]),
            ("timeout: failed to run command ‘yara’: No such file or directory", Some(0), &["yara"]),
            ("sudo: nft: command not found", Some(1), &["nft"]),
            (traceback, Some(1), &["jq"]),
            ("FileNotFoundError: [Errno 2] No such file or directory: '/etc/list'", Some(1), &[]),
            ("Can't exec \"jq\": No such file or directory at x line 3.", Some(0), &["jq"]),
            ("cat: /etc/list: No such file or directory", Some(1), &[]),
            ("iptables: No chain/target/match by that name.", Some(1), &[]),
            (
                "x: line 1: jq: command not found\nx: line 2: nft: command not found\nx: line 9: jq: command not found",
                None,
                &["jq", "nft"],
            ),
        ];
        for (text, exit, expected) in cases {
            let names: Vec<String> =
                programs(text.as_bytes(), &[], *exit).into_iter().map(|found| found.name).collect();
            assert_eq!(&names, expected, "{text}");
        }
    }

    #[test]
    fn programs_the_log_names() {
        let log = [
            "2026/11/21 09:00:00 active-response/bin/firewall-drop: The iptables file 'iptables' is not accessible: No such file or directory (2)".to_owned(),
            "2026/11/21 09:00:00 active-response/bin/firewall-drop: Ended".to_owned(),
        ];
        let found = programs(b"", &log, Some(0));
        assert_eq!(found.len(), 1);
        assert_eq!(found.first().unwrap().name, "iptables");
    }

    #[test]
    fn modules_by_form() {
        let cases: &[(&str, &[(&str, &str)])] = &[
            ("ModuleNotFoundError: No module named 'requests'", &[("requests", "python")]),
            ("ImportError: No module named requests", &[("requests", "python")]),
            (
                "Can't locate JSON/XS.pm in @INC (you may need to install the JSON::XS module)",
                &[("JSON::XS", "perl")],
            ),
            ("KeyError: 'srcip'", &[]),
        ];
        for (text, expected) in cases {
            let found = modules(text.as_bytes());
            let names: Vec<(&str, &str)> =
                found.iter().map(|found| (found.name.as_str(), found.language)).collect();
            assert_eq!(&names, expected, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_will_do(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
            for found in programs(&bytes, &[], Some(127)).iter().chain(&modules(&bytes)) {
                proptest::prop_assert!(!found.name.is_empty());
            }
        }
    }
}
