//! What the usual programs do with standard input and output, as far as their arguments tell.

/// How a program takes its standard input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Input {
    No,
    Line,
    /// To its end; not certain where it depends on which of several programs it is.
    All {
        certain: bool,
    },
    Unknown,
}

/// What a program prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Prints {
    Nothing,
    Something,
    Maybe,
}

/// Arguments that are no options, and none of the values of `with_value`.
fn operands<'a>(args: &'a [String], with_value: &[&str]) -> Vec<&'a str> {
    let mut found = Vec::new();
    let mut skip = false;
    let mut only = false;
    for arg in args {
        if std::mem::take(&mut skip) {
            continue;
        }
        if only || !arg.starts_with('-') || arg == "-" {
            found.push(arg.as_str());
        } else if arg == "--" {
            only = true;
        } else if with_value.contains(&arg.as_str()) {
            skip = true;
        }
    }
    found
}

fn is_stdin(name: &str) -> bool {
    matches!(name, "-" | "/dev/stdin" | "/dev/fd/0" | "/proc/self/fd/0")
}

fn files(operands: &[&str]) -> Input {
    if operands.is_empty() || operands.iter().any(|file| is_stdin(file)) {
        Input::All { certain: true }
    } else {
        Input::No
    }
}

/// Whether a cluster of short options, or a long one, is there.
fn has(args: &[String], short: char, long: &str) -> bool {
    args.iter().any(|arg| {
        arg == long
            || arg.strip_prefix('-').is_some_and(|rest| {
                !rest.starts_with('-') && rest.chars().all(char::is_alphanumeric) && rest.contains(short)
            })
    })
}

/// How a program takes standard input; `args` are texts in which unknown parts are private
/// characters.
pub(super) fn input(name: &str, args: &[String]) -> Input {
    let all = Input::All { certain: true };
    match name {
        "cat" | "tac" | "nl" | "rev" | "od" | "xxd" | "hexdump" | "base64" | "md5sum" | "sha1sum"
        | "sha256sum" | "sort" | "uniq" | "wc" | "paste" | "fold" | "fmt" | "column" | "expand"
        | "strings" | "shuf" => files(&operands(args, &["-k", "-t", "-w", "-f", "-n", "-c", "-d"])),
        "tail" => files(&operands(args, &["-n", "-c"])),
        "cut" => files(&operands(args, &["-d", "-f", "-c", "-b"])),
        "tr" | "tee" | "sponge" => all,
        "xargs" => {
            if args.iter().any(|arg| arg == "-a" || arg.starts_with("--arg-file")) {
                Input::No
            } else {
                all
            }
        }
        "head" => {
            if files(&operands(args, &["-n", "-c"])) == Input::No {
                return Input::No;
            }
            let count = args
                .iter()
                .position(|arg| arg == "-n")
                .and_then(|at| args.get(at + 1))
                .map(String::as_str)
                .or_else(|| args.iter().find_map(|arg| arg.strip_prefix("--lines=")))
                .or_else(|| {
                    args.iter().find_map(|arg| arg.strip_prefix("-n").filter(|rest| !rest.is_empty()))
                })
                .or_else(|| {
                    args.iter().find_map(|arg| {
                        arg.strip_prefix('-').filter(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))
                    })
                });
            if has(args, 'c', "--bytes") {
                return Input::Unknown;
            }
            match count.map(str::parse::<u32>) {
                Some(Ok(1)) => Input::Line,
                Some(Err(_)) => Input::Unknown,
                _ => all,
            }
        }
        "line" => Input::Line,
        "jq" | "gojq" | "jaq" => jq(args),
        "yq" => Input::Unknown,
        "sed" | "gsed" => {
            let plain = operands(args, &["-e", "-f", "--expression", "--file"]);
            let script: String = args
                .iter()
                .position(|arg| matches!(arg.as_str(), "-e" | "--expression"))
                .and_then(|at| args.get(at + 1).cloned())
                .or_else(|| plain.first().map(|script| (*script).to_owned()))
                .unwrap_or_default();
            let given =
                args.iter().any(|arg| matches!(arg.as_str(), "-e" | "-f" | "--expression" | "--file"));
            let rest = plain.get(usize::from(!given)..).unwrap_or_default();
            if !rest.is_empty() {
                return files(rest);
            }
            let script = script.trim();
            let quits = script == "q"
                || script == "Q"
                || script.ends_with(";q")
                || script.ends_with("; q")
                || script.starts_with("1q")
                || script.contains(";1q")
                || script.contains("1{p;q")
                || script.contains("{p;q}")
                || script.contains(";q}")
                || script.contains("; q }")
                || script.contains(";q;");
            if quits { Input::Line } else { all }
        }
        "grep" | "egrep" | "fgrep" | "rg" => {
            let given = args.iter().any(|arg| arg == "-e" || arg == "-f");
            let plain = operands(args, &["-e", "-f", "-m", "-A", "-B", "-C"]);
            let rest = plain.get(usize::from(!given)..).unwrap_or_default();
            if has(args, 'r', "--recursive") || !rest.is_empty() {
                return files(rest);
            }
            let once = args.iter().any(|arg| arg == "-m1" || arg == "--max-count=1")
                || args.windows(2).any(|pair| {
                    pair.first().is_some_and(|arg| arg.ends_with('m') && arg.starts_with('-'))
                        && pair.get(1).is_some_and(|count| count == "1")
                })
                || args
                    .iter()
                    .any(|arg| arg.starts_with('-') && !arg.starts_with("--") && arg.ends_with("m1"));
            if once {
                Input::Line
            } else if has(args, 'q', "--quiet") {
                Input::All { certain: false }
            } else {
                all
            }
        }
        "awk" | "gawk" | "mawk" | "nawk" => {
            let plain = operands(args, &["-v", "-F", "-f"]);
            let given = args.iter().any(|arg| arg == "-f");
            let rest = plain.get(usize::from(!given)..).unwrap_or_default();
            if !rest.is_empty() {
                return files(rest);
            }
            let program = plain.first().copied().unwrap_or_default().trim();
            if program.starts_with("BEGIN") && !program.contains("} /") && !program.contains("getline") {
                return if program.contains("END") { all } else { Input::No };
            }
            match (name, program.contains("exit")) {
                ("mawk", _) | (_, false) => all,
                ("gawk", true) => Input::Line,
                // awk is mawk on Debian, and that fills its buffer first.
                _ => Input::All { certain: false },
            }
        }
        "dd" => {
            if args.iter().any(|arg| arg.starts_with("if=") && !is_stdin(arg.get(3..).unwrap_or_default())) {
                Input::No
            } else if args.iter().any(|arg| arg.starts_with("count=")) {
                Input::Line
            } else {
                all
            }
        }
        "python" | "python2" | "python3" | "perl" | "ruby" | "node" | "php" => interpreter(args),
        "bash" | "sh" | "dash" | "ssh" | "zsh" | "nc" | "ncat" | "socat" | "mail" | "mailx" | "sendmail"
        | "msmtp" | "su" | "sudo" | "chroot" | "docker" | "kubectl" | "psql" | "mysql" | "sqlite3" => {
            Input::Unknown
        }
        "curl" | "wget" => {
            let stdin = args.iter().any(|arg| arg.ends_with("@-") || arg.ends_with("@/dev/stdin"))
                || args.windows(2).any(|pair| {
                    pair.first().is_some_and(|arg| matches!(arg.as_str(), "-T" | "--upload-file" | "-K"))
                        && pair.get(1).is_some_and(|file| file == "-")
                });
            if stdin { all } else { Input::No }
        }
        "logger" => {
            let plain = operands(args, &["-t", "-p", "-n", "-P", "-f", "-i", "--tag", "--priority"]);
            if plain.is_empty() { all } else { Input::No }
        }
        _ if KNOWN.contains(&name) => Input::No,
        _ => Input::Unknown,
    }
}

fn jq(args: &[String]) -> Input {
    let mut filter: Option<&str> = None;
    let mut from_file = false;
    let mut file = false;
    let mut null = false;
    let mut skip = 0;
    let mut rest = false;
    for arg in args {
        if skip > 0 {
            skip -= 1;
            continue;
        }
        match arg.as_str() {
            "--arg" | "--argjson" | "--slurpfile" | "--rawfile" | "--argfile" => skip = 2,
            "--indent" | "-L" => skip = 1,
            "-f" | "--from-file" => {
                from_file = true;
                skip = 1;
            }
            "--null-input" => null = true,
            "--args" | "--jsonargs" => rest = true,
            arg if arg.starts_with('-') && arg.len() > 1 => {
                null |= !arg.starts_with("--") && arg.contains('n');
            }
            arg if filter.is_none() && !from_file => filter = Some(arg),
            arg if !rest => file |= !is_stdin(arg),
            _ => {}
        }
    }
    if file {
        return Input::No;
    }
    let filter = filter.unwrap_or_default();
    let filter = &without_texts(filter);
    if null {
        if contains_word(filter, "inputs") && !filter.contains("first(inputs)") {
            return Input::All { certain: true };
        }
        return if contains_word(filter, "input") || filter.contains("first(inputs)") {
            Input::Line
        } else {
            Input::No
        };
    }
    Input::All { certain: true }
}

/// A jq filter without its texts.
pub(super) fn without_texts(filter: &str) -> String {
    let mut out = String::new();
    let mut quoted = false;
    let mut escaped = false;
    for letter in filter.chars() {
        match letter {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if quoted => {}
            _ => out.push(letter),
        }
    }
    out
}

pub(super) fn contains_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let outside =
            |letter: Option<char>| !letter.is_some_and(|letter| letter.is_alphanumeric() || letter == '_');
        outside(text.get(..at).and_then(|head| head.chars().next_back()))
            && outside(text.get(at + word.len()..).and_then(|tail| tail.chars().next()))
    })
}

fn interpreter(args: &[String]) -> Input {
    let code = args
        .iter()
        .position(|arg| matches!(arg.as_str(), "-c" | "-e" | "-ne" | "-pe" | "-r" | "-ane"))
        .and_then(|at| args.get(at + 1));
    let Some(code) = code else { return Input::Unknown };
    if code.contains("stdin.readline()") || contains_word(code, "input") {
        Input::Line
    } else if code.contains("stdin") {
        Input::All { certain: code.contains("load(sys.stdin)") || code.contains("stdin.read()") }
    } else if code.contains("STDIN") || code.contains("<>") {
        Input::Unknown
    } else {
        Input::No
    }
}

/// Programs that leave standard input alone.
const KNOWN: &[&str] = &[
    "iptables",
    "ip6tables",
    "iptables-save",
    "ip6tables-save",
    "ipset",
    "nft",
    "firewall-cmd",
    "ufw",
    "route",
    "ip",
    "pfctl",
    "ipfw",
    "npfctl",
    "mkdir",
    "rm",
    "rmdir",
    "mv",
    "cp",
    "touch",
    "chmod",
    "chown",
    "chgrp",
    "chattr",
    "ln",
    "passwd",
    "usermod",
    "userdel",
    "useradd",
    "gpasswd",
    "chage",
    "kill",
    "pkill",
    "killall",
    "sleep",
    "systemctl",
    "service",
    "true",
    "false",
    "sync",
    "hostname",
    "hostnamectl",
    "basename",
    "dirname",
    "date",
    "uname",
    "id",
    "whoami",
    "stat",
    "readlink",
    "realpath",
    "find",
    "ls",
    "ps",
    "ss",
    "netstat",
    "lsof",
    "getent",
    "mktemp",
    "install",
    "test",
    "[",
    "echo",
    "printf",
    "expr",
    "seq",
    "which",
    "type",
    "command",
    "pwd",
    "env",
    "printenv",
    "flock",
    "pgrep",
    "pidof",
    "yara",
    "clamscan",
    "clamdscan",
    "tput",
    "who",
    "w",
    "last",
    "df",
    "du",
    "free",
    "uptime",
    "tar",
    "zip",
    "gzip",
    "rsync",
    "scp",
    "host",
    "dig",
    "nslookup",
    "ping",
    "geoiplookup",
    "conntrack",
    "fail2ban-client",
    "cscli",
    "loginctl",
    "auditctl",
    "file",
    "diff",
    "cmp",
    "truncate",
    "setfacl",
    "getfacl",
    "aide",
    "freshclam",
    "timedatectl",
    "journalctl",
    "notify-send",
    "wall",
    "nohup",
    "setsid",
    "trap",
    "set",
    "shift",
    "export",
    "unset",
    "umask",
    "cd",
    "return",
    "exit",
    "wait",
    "local",
    "declare",
    "readonly",
    "typeset",
    "alias",
    "hash",
    "let",
    "getopts",
    "shopt",
    "ulimit",
    ":",
    "pushd",
    "popd",
    "times",
];

/// Builtins, which are no tools.
pub(super) const BUILTINS: &[&str] = &[
    ":",
    ".",
    "[",
    "[[",
    "alias",
    "bg",
    "break",
    "builtin",
    "caller",
    "cd",
    "command",
    "compgen",
    "continue",
    "declare",
    "dirs",
    "disown",
    "echo",
    "enable",
    "eval",
    "exec",
    "exit",
    "export",
    "false",
    "fc",
    "fg",
    "getopts",
    "hash",
    "help",
    "history",
    "jobs",
    "kill",
    "let",
    "local",
    "logout",
    "mapfile",
    "popd",
    "printf",
    "pushd",
    "pwd",
    "read",
    "readarray",
    "readonly",
    "return",
    "set",
    "shift",
    "shopt",
    "source",
    "suspend",
    "test",
    "times",
    "trap",
    "true",
    "type",
    "typeset",
    "ulimit",
    "umask",
    "unalias",
    "unset",
    "wait",
    "print",
    "]]",
];

/// What a program prints on standard output.
pub(super) fn prints(name: &str, args: &[String]) -> Prints {
    let any = |wanted: &[&str]| args.iter().any(|arg| wanted.contains(&arg.as_str()));
    match name {
        "date" | "uname" | "id" | "whoami" | "hostname" | "ps" | "df" | "du" | "uptime" | "free" | "pwd"
        | "env" | "printenv" | "basename" | "dirname" | "iptables-save" | "ip6tables-save" | "seq"
        | "netstat" | "ss" | "stat" | "realpath" | "expr" | "mktemp" | "lsof" => {
            if name == "date" && any(&["-s", "--set"]) { Prints::Maybe } else { Prints::Something }
        }
        "iptables" | "ip6tables" => {
            if any(&[
                "-V",
                "--version",
                "-L",
                "--list",
                "-S",
                "--list-rules",
                "-nL",
                "-Ln",
                "-vnL",
                "-nvL",
                "-h",
            ]) {
                Prints::Something
            } else {
                Prints::Nothing
            }
        }
        "firewall-cmd" => {
            if any(&["-q", "--quiet"]) {
                Prints::Nothing
            } else {
                Prints::Something
            }
        }
        "ufw" => Prints::Something,
        "cat" if !args.is_empty() => Prints::Something,
        "passwd" if any(&["-q", "--quiet"]) => Prints::Nothing,
        "mkdir" | "rm" | "rmdir" | "mv" | "cp" | "touch" | "chmod" | "chown" | "chgrp" | "chattr" | "ln"
        | "sleep" | "logger" | "kill" | "pkill" | "true" | "false" | "sync" | "usermod" | "userdel"
        | "useradd" | "test" | "[" | "cd" | "set" | "shift" | "export" | "unset" | "umask" | "wait"
        | "local" | "declare" | "readonly" | "typeset" | ":" | "shopt" | "let" | "trap" | "return"
        | "exit" | "ulimit" | "install" | "nft" | "read" | "mapfile" | "readarray" | "getopts"
        | "truncate" | "setfacl" | "killall" => {
            if any(&["-v", "--verbose"]) && !matches!(name, "[" | "test" | "kill" | "pkill")
                || name == "nft" && any(&["list", "get"])
            {
                Prints::Maybe
            } else {
                Prints::Nothing
            }
        }
        "ip" if !any(&["show", "list", "ls", "get", "s", "a"]) && args.len() > 2 => Prints::Nothing,
        "route" if any(&["add", "del", "delete"]) => Prints::Nothing,
        "systemctl" if any(&["restart", "start", "stop", "reload", "enable", "disable", "mask"]) => {
            Prints::Nothing
        }
        _ => Prints::Maybe,
    }
}

/// It changes nothing on the host.
pub(super) fn pure(name: &str, args: &[String]) -> bool {
    let any = |wanted: &[&str]| args.iter().any(|arg| wanted.contains(&arg.as_str()));
    match name {
        "sed" => !args.iter().any(|arg| arg.starts_with("-i") || arg.starts_with("--in-place")),
        "find" => !any(&["-delete", "-exec", "-execdir", "-ok"]),
        "iptables" | "ip6tables" | "ip" => any(&[
            "-C",
            "--check",
            "-L",
            "--list",
            "-S",
            "-V",
            "--version",
            "show",
            "list",
            "get",
            "-nL",
            "-nvL",
            "ls",
        ]),
        "nft" | "ipset" => any(&["list", "get", "test"]),
        "firewall-cmd" => {
            args.iter().any(|arg| arg.starts_with("--list") || arg.starts_with("--query") || arg == "--state")
        }
        "systemctl" => any(&["status", "is-active", "show", "is-enabled"]),
        "kill" => any(&["-0"]),
        "jq" | "grep" | "egrep" | "fgrep" | "awk" | "gawk" | "mawk" | "cut" | "tr" | "head" | "tail"
        | "cat" | "date" | "sleep" | "basename" | "dirname" | "wc" | "sort" | "uniq" | "id" | "getent"
        | "hostname" | "which" | "expr" | "seq" | "uname" | "ps" | "stat" | "base64" | "md5sum"
        | "sha256sum" | "whoami" | "readlink" | "realpath" | "ls" | "ss" | "netstat" | "iptables-save"
        | "pgrep" | "pidof" | "file" | "line" | "rev" | "dd" | "env" | "printenv" | "host" | "dig"
        | "nslookup" | "geoiplookup" | "mktemp" | "df" | "du" | "column" | "paste" | "diff" | "cmp"
        | "tput" | "ping" => true,
        _ => BUILTINS.contains(&name) && name != "kill" && name != "exec" && name != "." && name != "source",
    }
}
