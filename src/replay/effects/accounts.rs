//! Accounts: what `passwd`, `shadow` and `group` say of them, without ever saying a hash.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;

/// The files that hold accounts.
pub(super) const FILES: [&str; 3] = ["/etc/passwd", "/etc/shadow", "/etc/group"];

/// One thing that is known of an account. `Debug` of a value never holds a hash: only a
/// fingerprint of one, made with a key of this process.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fact {
    /// It has a line in `passwd`.
    Exists,
    /// Its password is locked: `!` or `*LK*` stands before the hash.
    Locked,
    /// Fingerprint of the hash without the mark of the lock.
    Password,
    /// Day since 1970 from which on it cannot log in.
    Expires,
    /// Day of the last change and the limits of age.
    Ageing,
    /// Its shell.
    Shell,
    /// Its user id.
    Uid,
    /// Its group id.
    Gid,
    /// Its home directory.
    Home,
    /// It is a member of this group.
    Group(String),
}

/// What is known of one account.
pub(super) type Account = BTreeMap<Fact, String>;

/// Every account by name.
pub(super) type Accounts = BTreeMap<String, Account>;

/// The accounts of the three files; a file that is not there says nothing.
pub(super) fn parse(passwd: Option<&[u8]>, shadow: Option<&[u8]>, group: Option<&[u8]>) -> Accounts {
    let mut accounts = Accounts::new();
    for fields in rows(passwd) {
        let [name, _, uid, gid, _, home, shell] = fields.as_slice() else { continue };
        let account = accounts.entry(name.clone()).or_default();
        for (fact, value) in
            [(Fact::Exists, ""), (Fact::Uid, uid), (Fact::Gid, gid), (Fact::Home, home), (Fact::Shell, shell)]
        {
            account.insert(fact, value.to_owned());
        }
    }
    for fields in rows(shadow) {
        let [name, hash, rest @ ..] = fields.as_slice() else { continue };
        let account = accounts.entry(name.clone()).or_default();
        let bare = hash.trim_start_matches('!');
        let bare = bare.strip_prefix("*LK*").unwrap_or(bare);
        if bare.len() != hash.len() {
            account.insert(Fact::Locked, String::new());
        }
        account.insert(Fact::Password, fingerprint(bare));
        let field = |index: usize| rest.get(index).map_or("", String::as_str);
        if !field(5).is_empty() {
            account.insert(Fact::Expires, field(5).to_owned());
        }
        account.insert(Fact::Ageing, rest.get(..5).unwrap_or_default().join(":"));
    }
    for fields in rows(group) {
        let [name, _, _, members] = fields.as_slice() else { continue };
        for member in members.split(',').map(str::trim).filter(|member| !member.is_empty()) {
            accounts.entry(member.to_owned()).or_default().insert(Fact::Group(name.clone()), String::new());
        }
    }
    accounts
}

/// What changed, in words, by account.
pub(super) fn changes(before: &Accounts, after: &Accounts) -> BTreeMap<String, String> {
    let nothing = Account::new();
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let mut changes = BTreeMap::new();
    for name in names {
        let (old, new) = (before.get(name).unwrap_or(&nothing), after.get(name).unwrap_or(&nothing));
        let words = sentence(old, new);
        if !words.is_empty() {
            changes.insert(name.clone(), words);
        }
    }
    changes
}

fn sentence(old: &Account, new: &Account) -> String {
    let mut words = Vec::new();
    let facts: BTreeSet<&Fact> = old.keys().chain(new.keys()).collect();
    let (born, gone) = match (old.contains_key(&Fact::Exists), new.contains_key(&Fact::Exists)) {
        (false, true) => (true, false),
        (true, false) => (false, true),
        _ => (false, false),
    };
    for fact in facts {
        let (was, is) = (old.get(fact).map(String::as_str), new.get(fact).map(String::as_str));
        if was == is {
            continue;
        }
        // The rest goes without saying when the account itself comes or goes.
        let word = match (fact, was, is) {
            (Fact::Exists, None, _) => "user added".to_owned(),
            (Fact::Exists, ..) => "user removed".to_owned(),
            _ if gone => continue,
            (Fact::Locked, None, _) => "locked".to_owned(),
            (Fact::Group(group), None, _) => format!("now in group {group}"),
            _ if born => continue,
            (Fact::Locked, ..) => "unlocked".to_owned(),
            (Fact::Password, Some(_), Some(_)) => "password changed".to_owned(),
            // A line of shadow that comes or goes without its user.
            (Fact::Password, None, _) => "password entry added".to_owned(),
            (Fact::Password, ..) => "password entry removed".to_owned(),
            (Fact::Expires, _, Some(day)) => format!("expires {}", date(day)),
            (Fact::Expires, ..) => "expiry removed".to_owned(),
            (Fact::Ageing, Some(_), Some(_)) => "age of the password changed".to_owned(),
            (Fact::Ageing, ..) => continue,
            (Fact::Shell, was, is) => moved("shell", was, is),
            (Fact::Uid, was, is) => moved("user id", was, is),
            (Fact::Gid, was, is) => moved("group id", was, is),
            (Fact::Home, was, is) => moved("home", was, is),
            (Fact::Group(group), ..) => format!("no longer in group {group}"),
        };
        words.push(word);
    }
    words.join(", ")
}

fn moved(what: &str, was: Option<&str>, is: Option<&str>) -> String {
    format!("{what} {} -> {}", was.unwrap_or_default(), is.unwrap_or_default())
}

/// Whether everything of the account that turned `before` into `after` is in `end` as it was.
pub(super) fn undone(before: &Account, after: &Account, end: &Account) -> bool {
    let facts: BTreeSet<&Fact> = before.keys().chain(after.keys()).collect();
    facts
        .into_iter()
        .filter(|fact| before.get(fact) != after.get(fact))
        .all(|fact| before.get(fact) == end.get(fact))
}

fn rows(file: Option<&[u8]>) -> Vec<Vec<String>> {
    String::from_utf8_lossy(file.unwrap_or_default())
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with(['#', '+', '-']))
        .map(|line| line.split(':').map(str::to_owned).collect())
        .collect()
}

/// With a key of this process: a plain hash of the hash could be tried out.
fn fingerprint(hash: &str) -> String {
    static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    format!("{:016x}", KEY.hash_one(hash))
}

/// A number of days since 1970 as a date.
fn date(day: &str) -> String {
    let date = day.parse::<i32>().ok().and_then(|days| {
        jiff::civil::date(1970, 1, 1).checked_add(jiff::Span::new().try_days(days).ok()?).ok()
    });
    date.map_or_else(|| format!("on day {day}"), |date| date.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\nbob:x:1000:1000::/home/bob:/bin/bash\n";
    const GROUP: &str = "sudo:x:27:bob,eve\nusers:x:100:\n";

    fn accounts(passwd: &str, shadow: &str, group: &str) -> Accounts {
        parse(Some(passwd.as_bytes()), Some(shadow.as_bytes()), Some(group.as_bytes()))
    }

    #[test]
    fn shadow_lines() {
        let hash = "$y$j9T$SECRETsalt$SECREThash";
        let line = |field: &str, rest: &str| format!("bob:{field}:{rest}\n");
        let old = "19000:0:99999:7:::";
        for (before, after, want) in [
            (line(hash, old), line(hash, old), None),
            (line(hash, old), line(&format!("!{hash}"), old), Some("locked")),
            (line(hash, old), line(&format!("!!{hash}"), old), Some("locked")),
            (line(hash, old), line(&format!("*LK*{hash}"), old), Some("locked")),
            (line(&format!("!{hash}"), old), line(hash, old), Some("unlocked")),
            (line(&format!("!{hash}"), old), line(&format!("!!{hash}"), old), None),
            (line("!", old), line("!", old), None),
            (line("*", old), line("!*", old), Some("locked")),
            (line(hash, old), line("*", old), Some("password changed")),
            (line(hash, old), line("$6$other", old), Some("password changed")),
            (line(hash, old), line(hash, "19000:0:99999:7::1:"), Some("expires 1970-01-02")),
            (line(hash, "19000:0:99999:7::1:"), line(hash, old), Some("expiry removed")),
            (line(hash, old), line(hash, "19000:0:99999:7::x:"), Some("expires on day x")),
            (line(hash, old), line(hash, "0:0:99999:7:::"), Some("age of the password changed")),
            (
                line(hash, old),
                line(&format!("!{hash}"), "19000:0:99999:7::1:"),
                Some("locked, expires 1970-01-02"),
            ),
            // What is broken is left alone.
            ("bob\n\n#x\n".to_owned(), "bob\n".to_owned(), None),
            (line(hash, old), String::new(), Some("password entry removed, age of the password changed")),
        ] {
            let (a, b) = (accounts(PASSWD, &before, GROUP), accounts(PASSWD, &after, GROUP));
            let changes = changes(&a, &b);
            let want = want.map(|want| want.replace(", age of the password changed", ""));
            assert_eq!(changes.get("bob"), want.as_ref(), "{before} {after}");
            for text in [format!("{changes:?}"), format!("{a:?}"), format!("{b:?}")] {
                assert!(!text.contains("SECRET"), "{text}");
            }
            assert_eq!(changes.len(), usize::from(want.is_some()));
        }
    }

    #[test]
    fn passwd_and_group_lines() {
        let nologin = PASSWD.replace("bob:/bin/bash", "bob:/usr/sbin/nologin");
        let more = format!("{PASSWD}new:x:1001:1001::/home/new:/bin/sh\n");
        for (before, after, user, want) in [
            ((PASSWD, GROUP), (nologin.as_str(), GROUP), "bob", "shell /bin/bash -> /usr/sbin/nologin"),
            ((PASSWD, GROUP), (more.as_str(), GROUP), "new", "user added"),
            ((more.as_str(), GROUP), (PASSWD, GROUP), "new", "user removed"),
            ((PASSWD, GROUP), (PASSWD, "sudo:x:27:eve\nusers:x:100:\n"), "bob", "no longer in group sudo"),
            ((PASSWD, "sudo:x:27:\n"), (PASSWD, "sudo:x:27:bob\n"), "bob", "now in group sudo"),
        ] {
            let changes = changes(&accounts(before.0, "", before.1), &accounts(after.0, "", after.1));
            assert_eq!(changes.iter().collect::<Vec<_>>(), [(&user.to_owned(), &want.to_owned())]);
        }
    }

    #[test]
    fn undoing() {
        let at = |shadow: &str| parse(None, Some(shadow.as_bytes()), None).remove("bob").unwrap();
        for (before, after, end, want) in [
            ("bob:h:1:::::", "bob:!h:1:::::", "bob:h:1:::::", true),
            ("bob:h:1:::::", "bob:!h:1:::::", "bob:!h:1:::::", false),
            // Only what the add changed must come back.
            ("bob:h:1:::::", "bob:!h:1:::::", "bob:h:2:::::", true),
            ("bob:h:1:::::", "bob:!h:1::::1:", "bob:h:1::::1:", false),
        ] {
            assert_eq!(undone(&at(before), &at(after), &at(end)), want, "{before} {after} {end}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_taken(a in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let accounts = parse(Some(&a), Some(&a), Some(&a));
            proptest::prop_assert!(changes(&accounts, &accounts).is_empty());
        }
    }
}
