//! Unit files of systemd and what their `[Service]` section forbids the processes of a service
//! (systemd.syntax(7), systemd.exec(5)). Pure; bytes in, facts out. Specifiers stay as they are.

use std::collections::BTreeSet;

use super::capability;

/// One assignment of a `[Service]` section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its name.
    pub key: String,
    /// Its value without outer blanks, continued lines joined by a blank.
    pub value: String,
    /// Which of the files it stands in, from 0.
    pub file: usize,
    /// First byte of its line.
    pub start: usize,
    /// Behind the last byte of its first line.
    pub end: usize,
}

/// The `[Service]` sections of a unit file and its drop-ins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unit {
    /// In the order in which they count.
    pub settings: Vec<Setting>,
}

/// Names that are allowed, or all but those.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// Whether only these are allowed.
    pub allows: bool,
    /// The names.
    pub names: BTreeSet<String>,
    /// Names that later lines took back. A group may hold some of another one (`@system-service` holds
    /// calls of `@privileged`), so these are not only names that were there.
    pub except: BTreeSet<String>,
}

impl Filter {
    /// Whether a name is allowed.
    pub fn lets(&self, name: &str) -> bool {
        self.names.contains(name) == self.allows
    }

    fn take(&mut self, name: &str, inverted: bool) {
        if inverted == self.allows {
            self.names.remove(name);
            self.except.insert(name.to_owned());
        } else {
            self.except.remove(name);
            self.names.insert(name.to_owned());
        }
    }
}

/// Reads the main file and its drop-ins, in the order in which they count.
pub fn read<'b>(files: impl IntoIterator<Item = &'b [u8]>) -> Unit {
    let mut unit = Unit::default();
    for (file, bytes) in files.into_iter().enumerate() {
        sections(bytes, file, &mut unit.settings);
    }
    unit
}

fn sections(bytes: &[u8], file: usize, settings: &mut Vec<Setting>) {
    let mut is_service = false;
    // An assignment whose line goes on, and what it holds up to here.
    let mut open: Option<(usize, usize, String)> = None;
    let mut at = 0;
    let mut done = |is_service: bool, start: usize, end: usize, text: &str| {
        let Some((key, value)) = text.split_once('=').filter(|_| is_service) else { return };
        let (key, value) = (key.trim().to_owned(), value.trim().to_owned());
        settings.push(Setting { key, value, file, start, end });
    };
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let start = at;
        at += line.len();
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let text = String::from_utf8_lossy(line);
        let trimmed = text.trim_start();
        // A comment does not end a line that goes on.
        if trimmed.starts_with(['#', ';']) || (trimmed.is_empty() && open.is_none()) {
            continue;
        }
        let (piece, goes_on) = match text.strip_suffix('\\') {
            Some(piece) => (piece, true),
            None => (text.as_ref(), false),
        };
        let (first, end, whole) = match open.take() {
            Some((first, end, held)) => (first, end, format!("{held} {piece}")),
            None => (start, start + line.len(), piece.to_owned()),
        };
        if goes_on {
            open = Some((first, end, whole));
        } else if whole.trim_start().starts_with('[') {
            is_service = whole.trim() == "[Service]";
        } else {
            done(is_service, first, end, &whole);
        }
    }
    if let Some((first, end, whole)) = open {
        done(is_service, first, end, &whole);
    }
}

impl Unit {
    fn of(&self, key: &str) -> Vec<&Setting> {
        self.settings.iter().filter(|setting| setting.key == key).collect()
    }

    /// The last assignment of a key, when it is not empty.
    pub fn last(&self, key: &str) -> Option<&Setting> {
        self.settings.iter().rfind(|setting| setting.key == key).filter(|setting| !setting.value.is_empty())
    }

    /// The assignment that switches a key on.
    pub fn on(&self, key: &str) -> Option<&Setting> {
        self.last(key).filter(|setting| is_yes(&setting.value))
    }

    /// The words of a key whose lines add to each other; an empty one takes back those before it.
    pub fn list(&self, key: &str) -> Vec<(&str, &Setting)> {
        let mut words = Vec::new();
        for setting in self.of(key) {
            if setting.value.is_empty() {
                words.clear();
            }
            let value = setting.value.split_whitespace();
            words.extend(value.map(|word| (word.trim_matches(['"', '\'']), setting)));
        }
        words
    }

    /// A filter of names (`RestrictAddressFamilies=`, `SystemCallFilter=`), and the last line that has a
    /// part in it; none when nothing is restricted. The first line decides what the names mean
    /// (`src/core/load-fragment.c config_parse_address_families`, `config_parse_syscall_filter`,
    /// systemd 257).
    pub fn filter(&self, key: &str) -> Option<(Filter, &Setting)> {
        let mut found: Option<(Filter, &Setting)> = None;
        for setting in self.of(key) {
            if setting.value.is_empty() {
                found = None;
                continue;
            }
            let (inverted, names) = match setting.value.strip_prefix('~') {
                Some(names) => (true, names),
                None => (false, setting.value.as_str()),
            };
            let filter = found.get_or_insert_with(|| {
                (Filter { allows: !inverted, names: BTreeSet::new(), except: BTreeSet::new() }, setting)
            });
            filter.1 = setting;
            for name in names.split_whitespace().filter(|name| *name != "none") {
                // `@mount:EPERM` says what a refused call returns.
                filter.0.take(name.split(':').next().unwrap_or(name), inverted);
            }
        }
        found
    }

    /// The capabilities `CapabilityBoundingSet=` leaves, and the last line that has a part in it; none
    /// when it leaves all (`src/core/load-fragment.c config_parse_capability_set`, systemd 257).
    pub fn capabilities(&self) -> Option<(u64, &Setting)> {
        let mut set = capability::ALL;
        let mut by = None;
        for setting in self.of("CapabilityBoundingSet") {
            let (inverted, names) = match setting.value.strip_prefix('~') {
                Some(names) => (true, names),
                None => (false, setting.value.as_str()),
            };
            let sum = names
                .split_whitespace()
                .filter_map(capability::number)
                .fold(0_u64, |sum, number| sum | 1 << number);
            set = match (inverted, sum == 0 || set == capability::ALL) {
                (false, true) => sum,
                (true, true) => capability::ALL & !sum,
                (false, false) => set | sum,
                (true, false) => set & !sum,
            };
            by = Some(setting);
        }
        by.filter(|_| set != capability::ALL).map(|setting| (set, setting))
    }

    /// The setting that makes a path read-only or hides it, if one does: the longest path that holds it
    /// counts. Paths of homes are `/home`, `/root` and `/run/user`.
    pub fn shuts(&self, path: &str) -> Option<&Setting> {
        let mut rules: Vec<(&str, bool, &Setting)> = Vec::new();
        if let Some(setting) = self.last("ProtectSystem") {
            let shut: &[&str] = match setting.value.as_str() {
                "strict" => &["/"],
                "full" => &["/usr", "/boot", "/efi", "/etc"],
                value if is_yes(value) => &["/usr", "/boot", "/efi"],
                _ => &[],
            };
            rules.extend(shut.iter().map(|path| (*path, true, setting)));
            if setting.value == "strict" {
                rules.extend(["/dev", "/proc", "/sys"].map(|path| (path, false, setting)));
            }
        }
        if let Some(setting) = self.last("ProtectHome").filter(|setting| {
            is_yes(&setting.value) || matches!(setting.value.as_str(), "read-only" | "tmpfs")
        }) {
            rules.extend(["/home", "/root", "/run/user"].map(|path| (path, true, setting)));
        }
        if let Some(setting) = self.on("ProtectKernelTunables") {
            rules.extend(["/proc/sys", "/sys"].map(|path| (path, true, setting)));
        }
        for (key, shuts) in [
            ("ReadWritePaths", false),
            ("ReadOnlyPaths", true),
            ("InaccessiblePaths", true),
            ("ReadWriteDirectories", false),
            ("ReadOnlyDirectories", true),
            ("InaccessibleDirectories", true),
        ] {
            for (word, setting) in self.list(key) {
                rules.push((word.trim_start_matches(['-', '+']), shuts, setting));
            }
        }
        for (key, base) in [
            ("StateDirectory", "/var/lib"),
            ("CacheDirectory", "/var/cache"),
            ("LogsDirectory", "/var/log"),
            ("RuntimeDirectory", "/run"),
        ] {
            let lies_inside = self.list(key).into_iter().any(|(word, _)| {
                let inside = path.strip_prefix(base).and_then(|rest| rest.strip_prefix('/'));
                inside.is_some_and(|inside| below(inside, word))
            });
            if lies_inside {
                return None;
            }
        }
        let best =
            rules.into_iter().filter(|(rule, ..)| below(path, rule)).max_by_key(|(rule, shuts, _)| {
                // Where two speak of one path, the milder one is believed: no claim is made of a doubt.
                (rule.trim_end_matches('/').len(), !*shuts)
            })?;
        best.1.then_some(best.2)
    }

    /// The setting that forbids to start what lies at a path (`NoExecPaths=`, `ExecPaths=`).
    pub fn forbids_start(&self, path: &str) -> Option<&Setting> {
        let rules = [("NoExecPaths", true), ("ExecPaths", false)].map(|(key, shuts)| {
            self.list(key)
                .into_iter()
                .map(move |(word, setting)| (word.trim_start_matches(['-', '+']).to_owned(), shuts, setting))
        });
        let best = rules
            .into_iter()
            .flatten()
            .filter(|(rule, ..)| below(path, rule))
            .max_by_key(|(rule, shuts, _)| (rule.trim_end_matches('/').len(), !*shuts))?;
        best.1.then_some(best.2)
    }
}

/// Whether a path is another one or lies below it.
fn below(path: &str, other: &str) -> bool {
    let other = other.trim_end_matches('/');
    path.strip_prefix(other).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A boolean of systemd that is true.
pub fn is_yes(value: &str) -> bool {
    matches!(value.to_ascii_lowercase().as_str(), "1" | "yes" | "y" | "true" | "t" | "on")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn unit(texts: &[&str]) -> Unit {
        read(texts.iter().map(|text| text.as_bytes()))
    }

    fn service(lines: &str) -> Unit {
        unit(&[&format!("[Unit]\nUser=nobody\n[Service]\n{lines}\n[Install]\nUser=nobody\n")])
    }

    #[test]
    fn assignments() {
        let text = "# c\n[Service]\n Type = forking \nExecStart=/a \\\n# not this\n  /b\\\n\n;x\nUser=a\r\n[X]\nUser=b\n";
        let read = unit(&[text, "User=outside\n[Service]\nUser=c\\"]);
        let seen: Vec<(&str, &str, usize)> = read
            .settings
            .iter()
            .map(|setting| (setting.key.as_str(), setting.value.as_str(), setting.file))
            .collect();
        assert_eq!(
            seen,
            [("Type", "forking", 0), ("ExecStart", "/a    /b", 0), ("User", "a", 0), ("User", "c", 1)]
        );
        let start = &read.settings[1];
        assert_eq!(&text[start.start..start.end], "ExecStart=/a \\");
        assert_eq!(read.last("User").unwrap().value, "c");
        assert_eq!(read.last("Group"), None);
    }

    #[test]
    fn an_empty_assignment_takes_back() {
        let read = unit(&["[Service]\nNoNewPrivileges=yes\nReadOnlyPaths=/a /b\n"]);
        assert!(read.on("NoNewPrivileges").is_some());
        assert_eq!(read.list("ReadOnlyPaths").len(), 2);
        let read = unit(&[
            "[Service]\nNoNewPrivileges=yes\nReadOnlyPaths=/a /b\n",
            "[Service]\nNoNewPrivileges=\nReadOnlyPaths=\nReadOnlyPaths=\"/c\"\n",
        ]);
        assert!(read.on("NoNewPrivileges").is_none());
        assert_eq!(read.list("ReadOnlyPaths")[0].0, "/c");
    }

    #[test]
    fn filters() {
        for (lines, netlink, inet) in [
            ("RestrictAddressFamilies=AF_INET AF_UNIX", false, true),
            ("RestrictAddressFamilies=AF_INET\nRestrictAddressFamilies=AF_NETLINK", true, true),
            ("RestrictAddressFamilies=~AF_NETLINK", false, true),
            ("RestrictAddressFamilies=AF_INET AF_NETLINK\nRestrictAddressFamilies=~AF_NETLINK", false, true),
            ("RestrictAddressFamilies=~AF_NETLINK AF_INET\nRestrictAddressFamilies=AF_NETLINK", true, false),
            ("RestrictAddressFamilies=none", false, false),
        ] {
            let unit = service(lines);
            let (filter, _) = unit.filter("RestrictAddressFamilies").unwrap();
            assert_eq!((filter.lets("AF_NETLINK"), filter.lets("AF_INET")), (netlink, inet), "{lines}");
        }
        for lines in ["", "RestrictAddressFamilies=AF_INET\nRestrictAddressFamilies="] {
            assert_eq!(service(lines).filter("RestrictAddressFamilies"), None, "{lines}");
        }
        let unit = service("SystemCallFilter=@system-service\nSystemCallFilter=~@privileged:EPERM setns:1");
        let (filter, setting) = unit.filter("SystemCallFilter").unwrap();
        assert!(filter.lets("@system-service") && !filter.lets("@privileged"));
        assert!(filter.except.contains("@privileged") && filter.except.contains("setns"));
        assert!(setting.value.starts_with('~'));
    }

    #[test]
    fn capabilities() {
        use capability::{CHOWN, NET_ADMIN, NET_RAW};
        let has = |set: u64, number: u32| set >> number & 1 == 1;
        for (lines, expected) in [
            ("CapabilityBoundingSet=CAP_CHOWN CAP_NET_RAW", (true, false, true)),
            ("CapabilityBoundingSet=~CAP_NET_ADMIN", (true, false, true)),
            ("CapabilityBoundingSet=CAP_CHOWN\nCapabilityBoundingSet=CAP_NET_ADMIN", (true, true, false)),
            ("CapabilityBoundingSet=~CAP_CHOWN\nCapabilityBoundingSet=~CAP_NET_ADMIN", (false, false, true)),
            ("CapabilityBoundingSet=", (false, false, false)),
        ] {
            let unit = service(lines);
            let (set, _) = unit.capabilities().unwrap();
            assert_eq!((has(set, CHOWN), has(set, NET_ADMIN), has(set, NET_RAW)), expected, "{lines}");
        }
        for lines in ["", "CapabilityBoundingSet=CAP_CHOWN\nCapabilityBoundingSet=~"] {
            assert_eq!(service(lines).capabilities(), None, "{lines}");
        }
    }

    #[test]
    fn paths_that_are_shut() {
        for (lines, path, shut) in [
            ("ProtectSystem=full", "/etc/hosts.deny", Some("ProtectSystem")),
            ("ProtectSystem=yes", "/etc/hosts.deny", None),
            ("ProtectSystem=yes", "/usr/local/x", Some("ProtectSystem")),
            ("ProtectSystem=strict", "/var/ossec/logs/x", Some("ProtectSystem")),
            ("ProtectSystem=strict", "/proc/sys/net", None),
            ("ProtectSystem=strict\nReadWritePaths=/var/ossec -/etc", "/etc/hosts.deny", None),
            ("ProtectSystem=strict\nReadWritePaths=/etc/x", "/etc/hosts.deny", Some("ProtectSystem")),
            ("ProtectSystem=full\nReadWritePaths=/etc", "/etc/shadow", None),
            ("ProtectSystem=full\nProtectSystem=no", "/etc/shadow", None),
            ("ReadOnlyPaths=/etc", "/etc/shadow", Some("ReadOnlyPaths")),
            ("ReadOnlyPaths=/etc", "/etcetera", None),
            ("ReadOnlyPaths=/", "/srv", Some("ReadOnlyPaths")),
            ("ProtectHome=tmpfs", "/root/x", Some("ProtectHome")),
            ("ProtectKernelTunables=1", "/proc/sys/net", Some("ProtectKernelTunables")),
            ("ProtectSystem=strict\nLogsDirectory=ar", "/var/log/ar/x", None),
        ] {
            let unit = service(lines);
            assert_eq!(unit.shuts(path).map(|setting| setting.key.as_str()), shut, "{lines} {path}");
        }
        let unit = service("NoExecPaths=/\nExecPaths=/usr /lib");
        assert!(unit.forbids_start("/var/ossec/active-response/bin/x").is_some());
        assert!(unit.forbids_start("/usr/sbin/iptables").is_none());
        assert!(service("ExecPaths=/usr").forbids_start("/var/x").is_none());
    }

    proptest! {
        #[test]
        fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let unit = read([bytes.as_slice(), &bytes]);
            for setting in &unit.settings {
                prop_assert!(setting.start <= setting.end && setting.end <= bytes.len());
                let _ = (unit.filter(&setting.key), unit.list(&setting.key));
            }
            let _ = (unit.capabilities(), unit.shuts("/etc"), unit.forbids_start("/etc"));
        }
    }
}
