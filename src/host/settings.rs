//! Small text formats of Linux services: unit files, `key = value`, hosts_access(5),
//! audit rules, nftables scripts. Pure; bytes in, facts out.

/// `PATH` as the `Environment=` lines of unit files set it, the main file first, drop-ins in their
/// order (systemd.exec(5)): the last assignment counts, an empty one clears those before it.
pub fn unit_path(files: &[Vec<u8>]) -> Option<String> {
    let mut path = None;
    for file in files {
        let text = String::from_utf8_lossy(file).replace("\\\r\n", " ").replace("\\\n", " ");
        let mut is_service = false;
        for line in text.lines().map(str::trim) {
            if line.starts_with('[') {
                is_service = line == "[Service]";
            }
            let Some((key, value)) = line.split_once('=').filter(|_| is_service) else { continue };
            if key.trim_end() != "Environment" {
                continue;
            }
            if value.trim().is_empty() {
                path = None;
            }
            for word in words(value) {
                if let Some(value) = word.strip_prefix("PATH=") {
                    path = Some(value.to_owned());
                }
            }
        }
    }
    path
}

/// Words of a line of systemd: blanks divide, quotes hold together.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for letter in line.chars() {
        match (quote, letter) {
            (Some(open), letter) if open == letter => quote = None,
            (None, '"' | '\'') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (None, letter) if letter.is_whitespace() => words.extend(word.take()),
            (_, letter) => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    words
}

/// The value of a key in lines of `key = value`; keys of any case, `#` starts a comment, the last
/// line counts.
pub fn value(text: &[u8], key: &str) -> Option<String> {
    let text = String::from_utf8_lossy(text);
    let mut found = None;
    for line in text.lines() {
        let line = line.trim_start();
        if let Some((name, value)) = line.split_once('=').filter(|_| !line.starts_with('#'))
            && name.trim().eq_ignore_ascii_case(key)
        {
            found = Some(value.split('#').next().unwrap_or("").trim().trim_matches('"').to_owned());
        }
    }
    found
}

/// The line, from 1, of `hosts.allow` that lets every client of a daemon in, whatever `hosts.deny`
/// says (hosts_access(5): the first match counts, and `hosts.allow` comes first). One with
/// `EXCEPT` does not count, nor one that denies.
pub fn lets_everyone_in(hosts_allow: &[u8], daemon: &str) -> Option<u64> {
    let text = String::from_utf8_lossy(hosts_allow);
    let mut rule = String::new();
    let mut start = 0;
    for (number, line) in (1..).zip(text.lines()) {
        if rule.is_empty() {
            start = number;
        }
        if let Some(more) = line.strip_suffix('\\') {
            rule.push_str(more);
            continue;
        }
        rule.push_str(line);
        if everyone(&rule, daemon) {
            return Some(start);
        }
        rule.clear();
    }
    everyone(&rule, daemon).then_some(start)
}

fn everyone(rule: &str, daemon: &str) -> bool {
    let rule = rule.trim();
    if rule.starts_with('#') {
        return false;
    }
    // An address of IPv6 stands in brackets, and its colons divide nothing.
    let mut depth = 0;
    let mut fields = rule.split(|letter| {
        match letter {
            '[' => depth += 1,
            ']' => depth -= 1,
            _ => {}
        }
        letter == ':' && depth <= 0
    });
    let (Some(daemons), Some(clients)) = (fields.next(), fields.next()) else { return false };
    let has =
        |list: &str, name: &str| list.split([' ', '\t', ',']).any(|word| word.eq_ignore_ascii_case(name));
    let denies = fields.any(|option| option.trim().eq_ignore_ascii_case("deny"));
    (has(daemons, "ALL") || has(daemons, daemon))
        && has(clients, "ALL")
        && !has(daemons, "EXCEPT")
        && !has(clients, "EXCEPT")
        && !denies
}

/// The line, from 1, of an nftables script (nft(8)) that deletes every rule there is.
pub fn flushes_ruleset(script: &[u8]) -> Option<u64> {
    let text = String::from_utf8_lossy(script);
    (1..).zip(text.lines()).find_map(|(number, line)| {
        let line = line.split('#').next().unwrap_or("");
        line.split(';').any(|command| command.split_whitespace().eq(["flush", "ruleset"])).then_some(number)
    })
}

/// The number of a type of audit records (`linux/audit.h`, libaudit.h), as rules may name it.
fn number_of(name: &str) -> &'static str {
    match name {
        "AVC" => "1400",
        "USER_AVC" => "1107",
        "FANOTIFY" => "1331",
        _ => "",
    }
}

/// The line, from 1, of an audit rule (auditctl(8)) that keeps records of a type out of the log.
/// The types are matched by name or number; one with further conditions does not count.
pub fn excludes_record(rules: &[u8], types: &[&str]) -> Option<(u64, String)> {
    let text = String::from_utf8_lossy(rules);
    (1..).zip(text.lines()).find_map(|(number, line)| {
        let words: Vec<&str> = line.split_whitespace().collect();
        if words.first().is_none_or(|word| word.starts_with('#')) {
            return None;
        }
        let list = words.windows(2).find(|pair| pair[0] == "-a" || pair[0] == "-A")?[1];
        if !list.split(',').any(|word| word == "exclude") {
            return None;
        }
        let mut fields = words.windows(2).filter(|pair| pair[0] == "-F").map(|pair| pair[1]);
        let (field, more) = (fields.next()?, fields.next());
        let named = field.strip_prefix("msgtype=")?;
        let is_it = |known: &&&str| named.eq_ignore_ascii_case(known) || named == number_of(known);
        let known = types.iter().find(is_it)?;
        more.is_none().then(|| (number, (*known).to_owned()))
    })
}

/// The paths and sizes of a trust file of fapolicyd (fapolicyd.trust(5): path, size, SHA-256).
pub fn trusted(text: &[u8]) -> Vec<(String, Option<u64>)> {
    let text = String::from_utf8_lossy(text);
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .filter_map(|line| {
            // A path may hold blanks; the other two never do.
            let mut parts = line.rsplitn(3, ' ');
            let (_, size, path) = (parts.next()?, parts.next()?, parts.next()?);
            Some((path.trim_end().to_owned(), size.parse().ok()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_unit_sets_path() {
        let unit = |texts: &[&str]| {
            unit_path(&texts.iter().map(|text| text.as_bytes().to_vec()).collect::<Vec<_>>())
        };
        assert_eq!(unit(&["[Service]\nType=forking\n"]), None);
        assert_eq!(unit(&["[Service]\nEnvironment=PATH=/a:/b\n"]).as_deref(), Some("/a:/b"));
        assert_eq!(unit(&["[Service]\nEnvironment=\"A=b c\" 'PATH=/x y'\n"]).as_deref(), Some("/x y"));
        assert_eq!(unit(&["[Service]\nEnvironment=A=1 \\\n  PATH=/z\n"]).as_deref(), Some("/z"));
        let both = ["[Service]\nEnvironment=PATH=/a\n", "[Service]\nEnvironment=PATH=/b\n"];
        assert_eq!(unit(&both).as_deref(), Some("/b"));
        assert_eq!(unit(&["[Service]\nEnvironment=PATH=/a\n", "[Service]\nEnvironment=\n"]), None);
        assert_eq!(unit(&["[Unit]\nEnvironment=PATH=/a\n"]), None);
        assert_eq!(unit(&["[Service]\n#Environment=PATH=/a\nEnvironment=MYPATH=/a\n"]), None);
    }

    #[test]
    fn values_of_keys() {
        let text = b"# FirewallBackend=no\nFirewallBackend=iptables\npermissive = 1 # testing\n";
        assert_eq!(value(text, "firewallbackend").as_deref(), Some("iptables"));
        assert_eq!(value(text, "permissive").as_deref(), Some("1"));
        assert_eq!(value(text, "integrity"), None);
    }

    #[test]
    fn hosts_allow_that_lets_everyone_in() {
        let sshd = |text: &str| lets_everyone_in(text.as_bytes(), "sshd");
        assert_eq!(sshd("# ALL: ALL\n\nsshd: ALL\n"), Some(3));
        assert_eq!(sshd("ALL : ALL : allow\n"), Some(1));
        assert_eq!(sshd("vsftpd, sshd : all\n"), Some(1));
        assert_eq!(sshd("sshd: \\\nALL\n"), Some(1));
        assert_eq!(sshd("sshd: [2001:db8::]/32 ALL\n"), Some(1));
        for silent in [
            "",
            "sshd: 192.0.2.\n",
            "sshd: ALL EXCEPT 192.0.2.7\n",
            "ALL EXCEPT sshd: ALL\n",
            "sshd: ALL: deny\n",
            "vsftpd: ALL\n",
            "sshd ALL\n",
            "sshd: [ALL]\n",
        ] {
            assert_eq!(sshd(silent), None, "{silent}");
        }
    }

    #[test]
    fn scripts_that_delete_every_rule() {
        assert_eq!(flushes_ruleset(b"#!/usr/sbin/nft -f\n\nflush ruleset\n\ntable inet filter {\n"), Some(3));
        assert_eq!(flushes_ruleset(b"add table inet x; flush  ruleset\n"), Some(1));
        for silent in ["# flush ruleset\n", "flush table inet filter\n", "flush ruleset inet\n", ""] {
            assert_eq!(flushes_ruleset(silent.as_bytes()), None, "{silent}");
        }
    }

    #[test]
    fn rules_that_keep_records_out() {
        let avc = |text: &str| excludes_record(text.as_bytes(), &["AVC", "USER_AVC"]);
        assert_eq!(avc("-a always,exclude -F msgtype=1400\n"), Some((1, "AVC".to_owned())));
        assert_eq!(avc("-D\n-a always,exclude -F msgtype=AVC\n"), Some((2, "AVC".to_owned())));
        assert_eq!(avc("-a exclude,always -F msgtype=avc\n"), Some((1, "AVC".to_owned())));
        for silent in [
            "#-a always,exclude -F msgtype=AVC\n",
            "-a always,exclude -F msgtype=CWD\n",
            "-a always,exclude -F msgtype=AVC -F subj_type=chronyd_t\n",
            "-a never,task\n",
            "-w /etc/passwd -p wa -k AVC\n",
            "-a always,exit -F msgtype=AVC\n",
        ] {
            assert_eq!(avc(silent), None, "{silent}");
        }
    }

    #[test]
    fn lines_of_trust() {
        let text = b"# mine\n/opt/a b.sh 12 00ff\n/x 7 aa\nbroken\n";
        assert_eq!(trusted(text), [("/opt/a b.sh".to_owned(), Some(12)), ("/x".to_owned(), Some(7))]);
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = unit_path(std::slice::from_ref(&bytes));
            let _ = (value(&bytes, "a"), lets_everyone_in(&bytes, "sshd"), flushes_ruleset(&bytes));
            let _ = (excludes_record(&bytes, &["AVC"]), trusted(&bytes));
        }
    }
}
