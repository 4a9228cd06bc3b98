use std::process::Command;
use std::time::Instant;

use super::*;

/// Says that a test is skipped, or fails where nothing may be.
#[allow(clippy::print_stderr, reason = "a skip is said where cargo shows it")]
fn skip(why: &str) {
    let required = std::env::var_os("AR_DOCTOR_REQUIRE_ALL").is_some_and(|value| value == "1");
    assert!(!required, "must not be skipped: {why}");
    eprintln!("skipped: {why}");
}

fn sh(command: &str) {
    let status = Command::new("sh").args(["-ec", command]).status().unwrap();
    assert!(status.success(), "{command}");
}

const INNER: &str = "AR_DOCTOR_TEST_IN_EMPTY_NETWORK";

/// Runs one test of this file again, in a namespace of its own.
fn again(test: &str, unshare: &str) {
    let out = Command::new("unshare")
        .arg(unshare)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", &format!("replay::effects::tests::{test}"), "--nocapture"])
        .env(INNER, "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success() && text.contains("1 passed"), "{text}");
}

fn works(unshare: &str, command: &str) -> bool {
    let mut shell = Command::new("unshare");
    shell.args([unshare, "sh", "-ec", command]).output().is_ok_and(|out| out.status.success())
}

#[test]
fn real_rules_and_routes() {
    if std::env::var_os(INNER).is_some() {
        return in_an_empty_network();
    }
    if !nix::unistd::geteuid().is_root() {
        return skip("a network namespace needs root");
    }
    if !works("-n", "nft add table inet x; iptables-nft -I INPUT -j DROP; ip link set lo up") {
        return skip("unshare -n, nft, iptables and ip do not all work here");
    }
    again("real_rules_and_routes", "-n");
}

/// An overlay of the kernel's own, on a tmpfs at `/mnt`.
const OVERLAY: &str = "mount -t tmpfs scratch /mnt; cd /mnt; mkdir l u w m; chmod 755 l u; mkdir -p l/etc l/var/d/s l/opt; \
    echo '# deny' > l/etc/hosts.deny; echo old > l/var/d/x; echo keep > l/var/d/y; echo z > l/var/d/s/z; \
    echo one > l/opt/one; echo two > l/opt/two; chmod -R u=rwX,go=rX l; printf 'bob:x:1:1::/:/bin/sh\\n' > l/etc/passwd; \
    printf 'bob:$y$SECRET:1:0:9:7:::\\n' > l/etc/shadow; chmod 640 l/etc/shadow; \
    mount -t overlay o -o lowerdir=l,upperdir=u,workdir=w,redirect_dir=off,metacopy=off m";

#[test]
fn a_real_overlay() {
    if std::env::var_os(INNER).is_some() {
        return in_an_overlay();
    }
    if !nix::unistd::geteuid().is_root() {
        return skip("an overlay needs root");
    }
    if !works("-m", OVERLAY) {
        return skip("an overlay cannot be mounted here");
    }
    again("a_real_overlay", "-m");
}

fn in_an_overlay() {
    sh(OVERLAY);
    let layer = Layer { mount: "/".into(), upper: "/mnt/u".into(), lower: Some("/mnt/l".into()) };
    let look = |previous: Option<&World>| World {
        files: Files::look(
            std::slice::from_ref(&layer),
            &Options::default(),
            previous.map(|previous| &previous.files),
        ),
        ..World::default()
    };
    let mut before = look(None);
    let rows: &[(&str, &str, &[&str])] = &[
        ("cat etc/hosts.deny; touch etc/hosts.deny; chmod 644 opt/one", "true", &[]),
        (
            "echo ALL:203.0.113.9 >> etc/hosts.deny",
            "sed -i /203.0.113.9/d etc/hosts.deny",
            &["/etc/hosts.deny: changed, 7 -> 23 bytes"],
        ),
        (
            "sed -i 's/bob:/bob:!/' etc/shadow; cp etc/shadow etc/shadow-; touch etc/.pwd.lock",
            "sed -i 's/bob:!/bob:/' etc/shadow",
            &["bob: locked"],
        ),
        ("rm opt/one", "echo one > opt/one; chmod 644 opt/one", &["/opt/one: removed, was 4 bytes"]),
        (
            "rm -r var/d",
            "mkdir -p var/d/s; echo z > var/d/s/z; echo keep > var/d/y; echo old > var/d/x",
            &["/var/d: directory removed"],
        ),
        // The same, made anew: now opaque, and with the same in it.
        (
            "rm -r var/d; mkdir var/d; echo keep > var/d/y",
            "echo old > var/d/x; mkdir var/d/s; echo z > var/d/s/z",
            &["/var/d/s: directory removed", "/var/d/x: removed, was 4 bytes"],
        ),
        (
            "mv opt/two opt/three",
            "mv opt/three opt/two",
            &["/opt/three: created, 4 bytes, mode 644", "/opt/two: removed, was 4 bytes"],
        ),
        (
            r"printf '\0\377' > opt/bin; head -c 300000 /dev/zero > opt/large; chmod 644 opt/bin opt/large",
            "rm opt/bin opt/large",
            &[
                "/opt/bin: created, 2 bytes, mode 644, binary, so no lines are shown",
                "/opt/large: created, 300000 bytes, mode 644, too large to show its lines",
            ],
        ),
        ("mkdir opt/lock", "rmdir opt/lock", &["/opt/lock: directory created, mode 755"]),
        ("mkdir opt/lock; rmdir opt/lock", "true", &[]),
        ("ln -s /etc/shadow opt/s", "rm opt/s", &["/opt/s: symbolic link to /etc/shadow created"]),
        (
            "rm -r opt; ln -s /etc opt",
            "rm opt; mkdir opt; echo one > opt/one; echo two > opt/two",
            &["/opt: directory replaced by symbolic link"],
        ),
    ];
    for (add, delete, want) in rows {
        let act = |command: &str| sh(&format!("cd /mnt/m; umask 022; {{ {command}; }} > /mnt/out"));
        act(add);
        let after = look(Some(&before));
        let mut effects = before.changes(&after);
        let got: Vec<String> =
            effects.iter().map(|effect| format!("{}: {}", effect.what, effect.change)).collect();
        assert_eq!(got, *want, "{add}");
        assert!(!format!("{effects:?}{after:?}").contains("SECRET"));
        act(delete);
        let end = look(Some(&after));
        taken_back(&before, &after, &end, &mut effects);
        assert!(effects.iter().all(|effect| effect.taken_back == Some(true)), "{add} {effects:?} {end:?}");
        assert_eq!(end.notes().collect::<Vec<_>>(), Vec::<&str>::new());
        before = end;
    }
    // A directory that comes back without what was in it.
    sh("cd /mnt/m; rm -r var/d");
    let after = look(Some(&before));
    let mut effects = before.changes(&after);
    sh("cd /mnt/m; umask 022; mkdir var/d");
    taken_back(&before, &after, &look(Some(&after)), &mut effects);
    assert_eq!(effects.iter().map(|effect| effect.taken_back).collect::<Vec<_>>(), [Some(false)]);
}

/// Kind, name and added lines of an effect.
type Seen<'a> = (EffectKind, &'a str, &'a [&'a str]);

fn in_an_empty_network() {
    let watch = NetworkWatch::open().unwrap();
    sh(
        "ip link set lo up; ip link add up0 type dummy && ip addr add 10.0.0.2/24 dev up0 && ip link set up0 up || true",
    );
    let look = |previous: Option<&World>| World::look(&[], &watch, &Options::default(), previous);
    let start = look(None);
    let mut before = start.clone();
    let rows: &[(&str, &str, &[Seen<'_>])] = &[
        (
            "iptables-nft -I INPUT -s 203.0.113.9 -j DROP; iptables-nft -I FORWARD -s 203.0.113.9 -j DROP",
            "iptables-nft -D INPUT -s 203.0.113.9 -j DROP; iptables-nft -D FORWARD -s 203.0.113.9 -j DROP",
            &[(
                EffectKind::Firewall,
                "iptables",
                &["-A INPUT -s 203.0.113.9/32 -j DROP", "-A FORWARD -s 203.0.113.9/32 -j DROP"],
            )],
        ),
        (
            "ip6tables-nft -I INPUT -s 2001:db8::9 -j DROP",
            "ip6tables-nft -D INPUT -s 2001:db8::9 -j DROP",
            &[(EffectKind::Firewall, "ip6tables", &["-A INPUT -s 2001:db8::9/128 -j DROP"])],
        ),
        (
            "nft add table inet ar; nft 'add chain inet ar in { type filter hook input priority 0; }'; \
             nft 'add rule inet ar in ip saddr 203.0.113.9 counter drop'",
            "nft flush chain inet ar in",
            &[(
                EffectKind::Firewall,
                "nftables",
                &[
                    "table inet ar",
                    "chain inet ar in",
                    "chain inet ar in: type filter hook input priority filter; policy accept;",
                    "inet ar in: ip saddr 203.0.113.9 counter drop",
                ],
            )],
        ),
        (
            "ip route add blackhole 203.0.113.9; ip -6 route add unreachable 2001:db8::9",
            "ip route del blackhole 203.0.113.9; ip -6 route del unreachable 2001:db8::9",
            &[(EffectKind::Route, "routes", &["blackhole 203.0.113.9", "unreachable 2001:db8::9"])],
        ),
        (
            "ip rule add from 203.0.113.9 blackhole pref 7",
            "ip rule del pref 7",
            &[(EffectKind::Route, "routing rules", &["7: from 203.0.113.9 blackhole"])],
        ),
        (
            "ip addr add 192.0.2.7/24 dev lo",
            "ip addr del 192.0.2.7/24 dev lo",
            &[(EffectKind::Route, "addresses", &["192.0.2.7/24 dev lo"])],
        ),
    ];
    for (add, delete, want) in rows {
        sh(add);
        let after = look(Some(&before));
        let mut effects: Vec<Effect> = before.changes(&after);
        // Connected routes come with an address.
        effects.retain(|effect| !(effect.what == "routes" && add.contains("ip addr")));
        let got: Vec<(EffectKind, &str, Vec<&str>)> = effects
            .iter()
            .map(|effect| {
                (effect.kind, effect.what.as_str(), effect.added.iter().map(String::as_str).collect())
            })
            .collect();
        let want: Vec<(EffectKind, &str, Vec<&str>)> =
            want.iter().map(|(kind, what, added)| (*kind, *what, added.to_vec())).collect();
        assert_eq!(got, want, "{add}");
        // To look is no change.
        assert!(!watch.changed(), "{add}");
        // Nothing is done: nothing is different, and a delete that does nothing takes nothing back.
        let same = look(Some(&after));
        assert!(after.changes(&same).is_empty(), "{add}");
        taken_back(&before, &after, &same, &mut effects);
        assert!(effects.iter().all(|effect| effect.taken_back == Some(false)), "{effects:?}");
        sh(delete);
        let end = look(Some(&same));
        taken_back(&before, &after, &end, &mut effects);
        assert!(effects.iter().all(|effect| effect.taken_back == Some(true)), "{effects:?}");
        before = end;
    }
    // The older packet filter, where this kernel has it.
    if Command::new("iptables-legacy")
        .args(["-I", "INPUT", "-s", "198.51.100.7", "-j", "DROP"])
        .status()
        .is_ok_and(|s| s.success())
    {
        let after = look(Some(&before));
        let mut effects = before.changes(&after);
        assert_eq!(effects.len(), 1, "{effects:?}");
        assert_eq!(effects[0].added, ["-A INPUT -s 198.51.100.7/32 -j DROP"]);
        sh("iptables-legacy -D INPUT -s 198.51.100.7 -j DROP");
        taken_back(&before, &after, &look(Some(&after)), &mut effects);
        assert_eq!(effects[0].taken_back, Some(true));
    }
    assert_eq!(before.notes().collect::<Vec<_>>(), Vec::<&str>::new());
}

#[test]
fn nothing_changed_costs_little() {
    if std::env::var_os(INNER).is_some() {
        return;
    }
    let Ok(watch) = NetworkWatch::open() else { return skip("netlink is not to be had") };
    let upper = tempfile::tempdir().unwrap();
    let lower = tempfile::tempdir().unwrap();
    let layers: Vec<Layer> = (0..12)
        .map(|n| {
            let name = format!("u{n}");
            std::fs::create_dir(upper.path().join(&name)).unwrap();
            Layer {
                mount: PathBuf::from(format!("/m{n}")),
                upper: upper.path().join(name),
                lower: Some(lower.path().to_owned()),
            }
        })
        .collect();
    let first = World::look(&layers, &watch, &Options::default(), None);
    let times: Vec<_> = (0..20)
        .map(|_| {
            let start = Instant::now();
            let again = World::look(&layers, &watch, &Options::default(), Some(&first));
            let time = start.elapsed();
            assert!(first.files.changes(&again.files).is_empty());
            time
        })
        .collect();
    let best = times.iter().min().unwrap();
    // Of a build without optimisation, on a busy machine.
    assert!(best.as_millis() < 5, "{best:?}");
}

#[test]
fn the_host_itself() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("list");
    let missing = directory.path().join("missing");
    std::fs::write(&path, "a\n").unwrap();
    let paths = [path.clone(), missing.clone()];
    let before = World::look_at_host(&paths, false);
    assert!(before.changes(&World::look_at_host(&paths, false)).is_empty());
    std::fs::write(&path, "a\nb\n").unwrap();
    std::fs::write(&missing, "").unwrap();
    let after = World::look_at_host(&paths, false);
    let mut effects = before.changes(&after);
    let words: Vec<_> = effects.iter().map(|effect| effect.change.as_str()).collect();
    assert_eq!(words.len(), 2);
    assert_eq!(words[0], "changed, 2 -> 4 bytes");
    assert!(words[1].starts_with("created, 0 bytes, mode "), "{words:?}");
    std::fs::remove_file(&missing).unwrap();
    taken_back(&before, &after, &World::look_at_host(&paths, false), &mut effects);
    let back: Vec<_> = effects.iter().map(|effect| effect.taken_back).collect();
    assert_eq!(back, [Some(false), Some(true)]);
}

#[test]
fn tools_the_script_made_are_not_run() {
    for (path, want) in [
        ("/usr/sbin/nft", true),
        ("/usr/local/bin/iptables-save", true),
        ("/etc/alternatives/iptables-save", true),
        ("/usr/sbin/my-own", false),
        ("/var/ossec/active-response/bin/nft", false),
        ("/etc/ld.so.preload", true),
        ("/etc/ld.so.conf.d/x.conf", true),
        ("/usr/lib/x86_64-linux-gnu/libnftables.so.1", true),
        ("/usr/lib/python3/x.py", false),
        ("/home/x/a.so", false),
    ] {
        assert_eq!(could_run(Path::new(path)), want, "{path}");
    }
}
