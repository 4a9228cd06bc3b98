use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;
use crate::replay::effects::{World, taken_back};

/// An overlay's two directories, worked on as the kernel would.
struct Overlay {
    root: tempfile::TempDir,
    home: Option<PathBuf>,
}

impl Overlay {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        for name in ["u", "l"] {
            std::fs::create_dir(root.path().join(name)).unwrap();
            chmod(&root.path().join(name), 0o755);
        }
        Self { root, home: None }
    }

    fn at(&self, side: &str, path: &str) -> PathBuf {
        let at = self.root.path().join(side).join(path);
        let mut above = self.root.path().join(side);
        for name in Path::new(path).parent().unwrap() {
            above.push(name);
            if !above.exists() {
                std::fs::create_dir(&above).unwrap();
                chmod(&above, 0o755);
            }
        }
        at
    }

    fn file(&self, side: &str, path: &str, content: &[u8], mode: u32) {
        let at = self.at(side, path);
        let _ = std::fs::remove_file(&at);
        std::fs::write(&at, content).unwrap();
        chmod(&at, mode);
    }

    fn directory(&self, side: &str, path: &str) {
        let at = self.at(side, path);
        std::fs::create_dir(&at).unwrap();
        chmod(&at, 0o755);
    }

    fn whiteout(&self, path: &str) {
        let at = self.at("u", path);
        let _ = std::fs::remove_file(&at);
        let _ = std::fs::remove_dir_all(&at);
        let (kind, mode) = (nix::sys::stat::SFlag::S_IFCHR, nix::sys::stat::Mode::empty());
        nix::sys::stat::mknod(&at, kind, mode, 0).unwrap();
    }

    fn opaque(&self, path: &str) {
        xattr::set(self.at("u", path), "trusted.overlay.opaque", b"y").unwrap();
    }

    fn look(&self, previous: Option<&World>) -> World {
        let layer = Layer {
            mount: PathBuf::from("/"),
            upper: self.root.path().join("u"),
            lower: Some(self.root.path().join("l")),
        };
        let options =
            Options { home: self.home.clone(), ignored: vec!["/home/logs/active-responses.log".into()] };
        let files = Files::look(&[layer], &options, previous.map(|previous| &previous.files));
        assert_eq!(files.notes, Vec::<String>::new());
        World { files, ..World::default() }
    }
}

fn chmod(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// `path: change +added -removed` by line.
fn said(effects: &[Effect]) -> Vec<String> {
    effects
        .iter()
        .map(|effect| {
            let mut text = format!("{}: {}", effect.what, effect.change);
            effect.added.iter().for_each(|line| text.push_str(&format!(" +{line}")));
            effect.removed.iter().for_each(|line| text.push_str(&format!(" -{line}")));
            text
        })
        .collect()
}

#[allow(clippy::print_stderr, reason = "a skip is said where cargo shows it")]
fn is_root() -> bool {
    if nix::unistd::geteuid().is_root() {
        return true;
    }
    let required = std::env::var_os("AR_DOCTOR_REQUIRE_ALL").is_some_and(|value| value == "1");
    assert!(!required, "must not be skipped: whiteouts need root");
    eprintln!("skipped: whiteouts need root");
    false
}

type Act = fn(&Overlay);

/// What one step does to the overlay, and what is said of it.
#[test]
fn one_step() {
    if !is_root() {
        return;
    }
    let rows: &[(&str, Act, Act, &[&str])] = &[
        ("nothing", |_| {}, |_| {}, &[]),
        (
            "created",
            |_| {},
            |o| o.file("u", "etc/x", b"a\nb\n", 0o644),
            &["/etc/x: created, 4 bytes, mode 644 +a +b"],
        ),
        (
            "created, not for all",
            |_| {},
            |o| o.file("u", "x", b"pw\n", 0o640),
            &["/x: created, 3 bytes, mode 640"],
        ),
        (
            "binary",
            |_| {},
            |o| o.file("u", "x", b"\0\x01", 0o644),
            &["/x: created, 2 bytes, mode 644, binary, so no lines are shown"],
        ),
        (
            "changed",
            |o| o.file("l", "etc/hosts.deny", b"# deny\nALL: a\n", 0o644),
            |o| o.file("u", "etc/hosts.deny", b"# deny\nALL: a\nALL:203.0.113.9\n", 0o644),
            &["/etc/hosts.deny: changed, 14 -> 30 bytes +ALL:203.0.113.9"],
        ),
        (
            "copied up as it is",
            |o| o.file("l", "etc/x", b"a\n", 0o644),
            |o| o.file("u", "etc/x", b"a\n", 0o644),
            &[],
        ),
        (
            "mode",
            |o| o.file("l", "x", b"a", 0o644),
            |o| o.file("u", "x", b"a", 0o600),
            &["/x: mode 644 -> 600"],
        ),
        (
            "owner",
            |o| o.file("l", "x", b"a", 0o644),
            |o| {
                o.file("u", "x", b"a", 0o644);
                std::os::unix::fs::chown(o.at("u", "x"), Some(7), Some(8)).unwrap();
            },
            &["/x: owner 0:0 -> 7:8"],
        ),
        (
            "removed",
            |o| o.file("l", "x", b"a\n", 0o644),
            |o| o.whiteout("x"),
            &["/x: removed, was 2 bytes -a"],
        ),
        (
            "a directory is removed",
            |o| o.file("l", "d/x", b"a", 0o644),
            |o| o.whiteout("d"),
            &["/d: directory removed"],
        ),
        (
            "a directory is replaced",
            |o| {
                o.file("l", "d/x", b"a\n", 0o644);
                o.file("l", "d/y", b"b\n", 0o644);
                o.file("l", "d/s/z", b"c\n", 0o644);
            },
            |o| {
                o.file("u", "d/y", b"b\n", 0o644);
                o.file("u", "d/new", b"n\n", 0o644);
                o.opaque("d");
            },
            &[
                "/d/new: created, 2 bytes, mode 644 +n",
                "/d/s: directory removed",
                "/d/x: removed, was 2 bytes -a",
            ],
        ),
        ("a directory is made", |_| {}, |o| o.directory("u", "d"), &["/d: directory created, mode 755"]),
        (
            "a directory is told by what is in it",
            |_| {},
            |o| o.file("u", "ipblock/s/203.0.113.9", b"", 0o644),
            &["/ipblock/s/203.0.113.9: created, 0 bytes, mode 644"],
        ),
        ("a directory that is only copied up", |o| o.directory("l", "d"), |o| o.directory("u", "d"), &[]),
        (
            "a link",
            |_| {},
            |o| symlink("/etc/shadow", o.at("u", "x")).unwrap(),
            &["/x: symbolic link to /etc/shadow created"],
        ),
        (
            "a link moves",
            |o| symlink("a", o.at("l", "x")).unwrap(),
            |o| symlink("b", o.at("u", "x")).unwrap(),
            &["/x: now a link to b, was to a"],
        ),
        (
            "another type",
            |o| o.file("l", "x", b"a", 0o644),
            |o| o.directory("u", "x"),
            &["/x: file replaced by directory"],
        ),
        (
            "a FIFO is not waited for",
            |_| {},
            |o| nix::unistd::mkfifo(&o.at("u", "x"), nix::sys::stat::Mode::S_IRWXU).unwrap(),
            &["/x: FIFO created, mode 700"],
        ),
        (
            "ignored",
            |_| {},
            |o| {
                o.file("u", "run/xtables.lock", b"", 0o600);
                o.file("u", "etc/ld.so.cache", b"x", 0o644);
                o.file("u", "usr/__pycache__/x.pyc", b"x", 0o644);
                o.file("u", "home/logs/active-responses.log", b"x", 0o644);
            },
            &[
                "/home/logs: directory created, mode 755",
                "/run: directory created, mode 755",
                "/usr: directory created, mode 755",
            ],
        ),
        (
            "large",
            |o| o.file("l", "x", &vec![b'a'; 300_000], 0o644),
            |o| {
                let mut new = vec![b'a'; 300_000];
                new[299_999] = b'b';
                o.file("u", "x", &new, 0o644);
            },
            &["/x: changed, 300000 bytes, too large to show its lines"],
        ),
        (
            "large, the same",
            |o| o.file("l", "x", &vec![b'a'; 300_000], 0o644),
            |o| o.file("u", "x", &vec![b'a'; 300_000], 0o644),
            &[],
        ),
        (
            "an account is locked",
            |o| {
                o.file("l", "etc/shadow", b"bob:$y$SECRET:1:0:9:7:::\n", 0o640);
                o.file("l", "etc/passwd", b"bob:x:1:1::/:/bin/sh\n", 0o644);
            },
            |o| {
                o.file("u", "etc/shadow", b"bob:!$y$SECRET:1:0:9:7:::\n", 0o640);
                o.file("u", "etc/shadow-", b"bob:$y$SECRET:1:0:9:7:::\n", 0o640);
                o.file("u", "etc/.pwd.lock", b"", 0o600);
            },
            &["bob: locked"],
        ),
        (
            "shadow becomes readable",
            |o| o.file("l", "etc/shadow", b"bob:$y$SECRET:1:0:9:7:::\n", 0o640),
            |o| o.file("u", "etc/shadow", b"bob:!$y$SECRET:1:0:9:7:::\n", 0o644),
            &["bob: locked", "/etc/shadow: changed, 25 -> 26 bytes, mode 640 -> 644"],
        ),
        (
            "passwd in a way accounts do not show",
            |o| o.file("l", "etc/passwd", b"bob:x:1:1:SECRET:/:/bin/sh\n", 0o644),
            |o| o.file("u", "etc/passwd", b"bob:x:1:1:SECRETS:/:/bin/sh\n", 0o644),
            &["/etc/passwd: changed, 27 -> 28 bytes"],
        ),
        (
            "shadow is removed",
            |o| o.file("l", "etc/shadow", b"bob:$y$SECRET:1:0:9:7:::\n", 0o644),
            |o| o.whiteout("etc/shadow"),
            &["/etc/shadow: removed, was 25 bytes"],
        ),
        (
            "below a closed directory",
            |o| {
                o.directory("l", "root");
                chmod(&o.at("l", "root"), 0o700);
            },
            |o| {
                o.file("u", "root/x", b"SECRET\n", 0o644);
                chmod(&o.at("u", "root"), 0o700);
            },
            &["/root/x: created, 7 bytes, mode 644"],
        ),
    ];
    for (name, lower, upper, want) in rows {
        let overlay = Overlay::new();
        // As on any host.
        for directory in ["etc", "home"] {
            overlay.directory("l", directory);
        }
        lower(&overlay);
        let before = overlay.look(None);
        upper(&overlay);
        let after = overlay.look(Some(&before));
        let mut effects = before.changes(&after);
        assert_eq!(said(&effects), *want, "{name}");
        assert!(!format!("{effects:?}{before:?}{after:?}").contains("SECRET"), "{name}");
        assert_eq!(before == after, want.is_empty(), "{name}");
        assert!(after.changes(&overlay.look(Some(&after))).is_empty(), "{name}");
        taken_back(&before, &after, &after, &mut effects);
        for effect in &effects {
            let made = effect.change.starts_with("directory created");
            assert_eq!(effect.taken_back, if made { None } else { Some(false) }, "{name} {effect:?}");
        }
        // Everything as it was: by an empty upper directory, and by the same content in it.
        let upper = overlay.root.path().join("u");
        std::fs::remove_dir_all(&upper).unwrap();
        std::fs::create_dir(&upper).unwrap();
        chmod(&upper, 0o755);
        let end = overlay.look(Some(&after));
        taken_back(&before, &after, &end, &mut effects);
        assert!(effects.iter().all(|effect| effect.taken_back == Some(true)), "{name} {effects:?}");
        assert!(before.changes(&end).is_empty(), "{name}");
    }
}

#[test]
fn several_steps() {
    if !is_root() {
        return;
    }
    let overlay = Overlay::new();
    overlay.file("l", "deny", b"# deny\n", 0o644);
    let start = overlay.look(None);
    overlay.file("u", "deny", b"# deny\nALL:203.0.113.9\n", 0o644);
    overlay.file("u", "d/x", b"", 0o644);
    let first = overlay.look(Some(&start));
    let mut effects = start.changes(&first);
    assert_eq!(effects.len(), 2);
    // A second target, then the delete of the first only.
    overlay.file("u", "deny", b"# deny\nALL:203.0.113.9\nALL:198.51.100.1\n", 0o644);
    let second = overlay.look(Some(&first));
    assert_eq!(said(&first.changes(&second)), ["/deny: changed, 23 -> 40 bytes +ALL:198.51.100.1"]);
    overlay.file("u", "deny", b"# deny\nALL:198.51.100.1\n", 0o644);
    std::fs::remove_file(overlay.at("u", "d/x")).unwrap();
    let end = overlay.look(Some(&second));
    taken_back(&start, &first, &end, &mut effects);
    assert!(effects.iter().all(|effect| effect.taken_back == Some(true)), "{effects:?}");
    // Back to the host's own content, though copied up.
    overlay.file("u", "deny", b"# deny\n", 0o644);
    assert_eq!(said(&start.changes(&overlay.look(Some(&end)))), ["/d: directory created, mode 755"]);
    // What a step made, another removes with its directory, and then all is new again.
    overlay.file("u", "d/x", b"1\n", 0o644);
    let made = overlay.look(Some(&end));
    overlay.whiteout("d");
    let gone = overlay.look(Some(&made));
    assert!(said(&made.changes(&gone)).contains(&"/d: directory removed".to_owned()));
    assert!(!said(&made.changes(&gone)).iter().any(|line| line.starts_with("/d/x")));
}

#[test]
fn content_of_the_home_is_shown_by_its_own_mode() {
    let mut overlay = Overlay::new();
    let sides = ["l", "u"];
    for home in [None, Some(PathBuf::from("/home"))] {
        overlay.home = home.clone();
        for side in sides {
            if !overlay.at(side, "home").exists() {
                overlay.directory(side, "home");
            }
            chmod(&overlay.at(side, "home"), 0o750);
        }
        let before = overlay.look(None);
        overlay.file("u", "home/state", b"open\n", 0o644);
        overlay.file("u", "home/client.keys", b"key\n", 0o644);
        let effects = before.changes(&overlay.look(Some(&before)));
        let shown: Vec<usize> = effects.iter().map(|effect| effect.added.len()).collect();
        assert_eq!(shown, if home.is_some() { [0, 1] } else { [0, 0] });
        std::fs::remove_file(overlay.at("u", "home/state")).unwrap();
        std::fs::remove_file(overlay.at("u", "home/client.keys")).unwrap();
    }
}

#[test]
fn a_tmpfs_that_began_empty() {
    let root = tempfile::tempdir().unwrap();
    let layer = Layer { mount: "/run".into(), upper: root.path().to_owned(), lower: None };
    let look = || Files::look(std::slice::from_ref(&layer), &Options::default(), None);
    let before = look();
    std::fs::write(root.path().join("x"), "a\n").unwrap();
    std::fs::write(root.path().join("xtables.lock"), "").unwrap();
    let after = look();
    let effects = before.changes(&after);
    assert_eq!(effects.len(), 1);
    assert!(effects[0].what == "/run/x" && effects[0].change.starts_with("created, 2 bytes"), "{effects:?}");
}

#[test]
fn very_many_files_are_cut() {
    let root = tempfile::tempdir().unwrap();
    let layer = Layer { mount: "/m".into(), upper: root.path().to_owned(), lower: None };
    let before = Files::look(std::slice::from_ref(&layer), &Options::default(), None);
    for n in 0..MOST_EFFECTS + 3 {
        std::fs::write(root.path().join(n.to_string()), "").unwrap();
    }
    let effects = before.changes(&Files::look(&[layer], &Options::default(), Some(&before)));
    assert_eq!(effects.len(), MOST_EFFECTS + 1);
    assert_eq!(effects[MOST_EFFECTS].change, "3 more paths changed");
}
