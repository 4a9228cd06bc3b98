//! Nothing of a replay gets out of its sandbox: scripts that do their worst, and the
//! machine byte for byte as it was. Root only.
//!
//! What the scripts attack belongs to the test, or is only compared: accounts,
//! packet filter and `/etc` of the machine are never changed from here.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "a test fails by panicking")]

#[path = "replay/play.rs"]
mod play;
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Read as _};
use std::net::{TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use play::{ALERT, PROGRAM, Place, Played, replay, skipped};
use serde_json::json;

/// A name nobody else uses.
fn unique(what: &str) -> String {
    format!("ar-doctor-{what}-{}-{:?}", std::process::id(), thread::current().id()).replace(['(', ')'], "")
}

/// Sockets of the machine that must hear nothing.
struct Canaries {
    streams: Vec<(String, UnixListener)>,
    datagrams: Vec<(String, UnixDatagram)>,
    tcp: TcpListener,
    udp: UdpSocket,
    files: Vec<PathBuf>,
}

impl Canaries {
    fn new(home: &Path) -> Self {
        let queue = home.join("queue/alerts");
        fs::create_dir_all(&queue).expect("the home is ours");
        let mut canaries = Self {
            streams: Vec::new(),
            datagrams: Vec::new(),
            tcp: TcpListener::bind("127.0.0.1:0").expect("a TCP port"),
            udp: UdpSocket::bind("127.0.0.1:0").expect("a UDP port"),
            files: Vec::new(),
        };
        canaries.tcp.set_nonblocking(true).expect("it is a socket");
        canaries.udp.set_nonblocking(true).expect("it is a socket");
        for directory in [Path::new("/tmp"), Path::new("/run"), Path::new("/var/tmp"), &queue] {
            let path = directory.join(unique("stream"));
            let stream =
                UnixListener::bind(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            canaries.streams.push((path.display().to_string(), stream));
            canaries.files.push(path);
            let path = directory.join(unique("datagram"));
            let datagram =
                UnixDatagram::bind(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            canaries.datagrams.push((path.display().to_string(), datagram));
            canaries.files.push(path);
        }
        let name = unique("abstract");
        let address = SocketAddr::from_abstract_name(&name).expect("a short name");
        canaries.streams.push((format!("@{name}"), UnixListener::bind_addr(&address).expect("a free name")));
        for (_, stream) in &canaries.streams {
            stream.set_nonblocking(true).expect("it is a socket");
        }
        for (_, datagram) in &canaries.datagrams {
            datagram.set_nonblocking(true).expect("it is a socket");
        }
        canaries
    }

    /// A line for each, as the scripts take it: kind and address.
    fn list(&self) -> String {
        let port = |address: io::Result<std::net::SocketAddr>| address.expect("it is bound").port();
        let streams = self.streams.iter().map(|(name, _)| format!("stream {name}\n"));
        let datagrams = self.datagrams.iter().map(|(name, _)| format!("datagram {name}\n"));
        let tcp = format!("tcp {}\n", port(self.tcp.local_addr()));
        let udp = format!("udp {}\n", port(self.udp.local_addr()));
        streams.chain(datagrams).chain([tcp, udp]).collect()
    }

    /// Those that heard something.
    fn heard(&self) -> Vec<String> {
        let mut heard = Vec::new();
        let mut buffer = [0; 64];
        for (name, stream) in &self.streams {
            if stream.accept().is_ok() {
                heard.push(name.clone());
            }
        }
        for (name, datagram) in &self.datagrams {
            if datagram.recv(&mut buffer).is_ok() {
                heard.push(name.clone());
            }
        }
        if self.tcp.accept().is_ok() {
            heard.push("tcp".to_owned());
        }
        if self.udp.recv(&mut buffer).is_ok() {
            heard.push("udp".to_owned());
        }
        heard
    }
}

impl Drop for Canaries {
    fn drop(&mut self) {
        for file in &self.files {
            let _ = fs::remove_file(file);
        }
    }
}

/// Connects and sends to each address of a list.
const CALLER: &str = r#"#!/usr/bin/python3
import socket, sys
sys.stdin.readline()
for line in open("CANARIES"):
    kind, name = line.split()
    try:
        if kind in ("tcp", "udp"):
            made = socket.socket(socket.AF_INET, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
            address = ("127.0.0.1", int(name))
        else:
            made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM if kind == "stream" else socket.SOCK_DGRAM)
            address = name.replace("@", "\0", 1)
        made.settimeout(0.5)
        made.connect(address)
        made.send(b"hello from inside")
        reached = True
    except OSError as error:
        reached = False
        print(kind, name, error, file=sys.stderr)
    if reached and len(sys.argv) > 1:
        print(kind, name)
"#;

fn scripted(place: &Place, name: &str, text: &str) -> PathBuf {
    let path = place.file(name, text);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it is ours");
    path
}

fn played(place: &Place, script: &Path, home: &Path, more: &[&str]) -> Played {
    let event = place.file("event.json", ALERT);
    let arguments = [&["--contract", "json4", "--timeout", "0"][..], more].concat();
    replay(script, &event, home, &arguments)
}

#[test]
fn no_socket_of_the_host_is_reached() {
    if skipped() {
        return;
    }
    let place = Place::new();
    let home = place.home("agent-4.14-debian");
    let canaries = Canaries::new(&home);
    // Not below /tmp alone: the list itself has to be seen inside.
    let text = CALLER.replace("CANARIES", &home.join("etc/canaries").display().to_string());
    fs::write(home.join("etc/canaries"), canaries.list()).expect("the home is ours");
    let script = scripted(&place, "caller.py", &text);

    // The script itself can reach them all, or this test would show nothing.
    let outside =
        Command::new("python3").arg(&script).arg("say").stdin(Stdio::null()).output().expect("python3");
    let said = String::from_utf8_lossy(&outside.stdout);
    assert_eq!(said.lines().count(), canaries.list().lines().count(), "{outside:?}");
    assert_eq!(canaries.heard().len(), canaries.list().lines().count(), "outside the sandbox all hear it");
    assert!(canaries.heard().is_empty(), "and only once");

    // Each by itself too: a script may be stopped at its first request.
    for line in canaries.list().lines().map(str::to_owned).chain([canaries.list()]) {
        fs::write(home.join("etc/canaries"), format!("{}\n", line.trim_end())).expect("the home is ours");
        let played = played(&place, &script, &home, &[]);
        assert!(played.report["findings"].is_array(), "{line}: {}", played.summary());
        assert_eq!(played.report["launch"]["started"], true, "{line}: {}", played.summary());
        assert_eq!(canaries.heard(), Vec::<String>::new(), "{line}");
        // It did try: either it tells that it failed, or that it was kept from it is noted.
        let told = told(&played);
        // After the first request that stops it nothing more is tried.
        let stopped = !played.report["not_containable"].is_null();
        for canary in line.lines().filter(|_| !stopped || line.lines().count() == 1) {
            let name = canary.split(' ').nth(1).expect("a kind and an address").trim_start_matches('@');
            assert!(told.contains(name), "nothing shows that {canary} was tried: {told}");
        }
    }
}

/// Standard error and attempts of all steps.
fn told(played: &Played) -> String {
    let steps = played.report["steps"].as_array().cloned().unwrap_or_default();
    steps.iter().map(|step| format!("{} {}\n", step["stderr"]["text"], step["attempts"])).collect()
}

/// sendto(2) with an address is no connect(2); sendmsg(2) is not seen, and finds nobody.
#[test]
fn no_datagram_of_its_own_address_reaches_the_host() {
    if skipped() {
        return;
    }
    let place = Place::new();
    let home = place.home("agent-4.14-debian");
    let path = Path::new("/run").join(unique("sendto"));
    let service = UnixDatagram::bind(&path).expect("/run is there");
    service.set_nonblocking(true).expect("it is a socket");
    for (call, noted) in [("sendto(b'x', NAME)", true), ("sendmsg([b'x'], [], 0, NAME)", false)] {
        let text = format!(
            "#!/usr/bin/python3\nimport socket, sys\nif len(sys.argv) < 2: sys.stdin.readline()\n\
             caller = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n\
             print(caller.{}, file=sys.stderr)\n",
            call.replace("NAME", &format!("{:?}", path.display().to_string()))
        );
        let script = scripted(&place, "sendto.py", &text);
        let outside = Command::new("python3").arg(&script).arg("-").output().expect("python3");
        let mut buffer = [0; 8];
        assert!(outside.status.success() && service.recv(&mut buffer).is_ok(), "{call}: {outside:?}");
        let played = played(&place, &script, &home, &[]);
        assert!(service.recv(&mut buffer).is_err(), "{call} reached the host");
        assert_eq!(played.report["launch"]["started"], true, "{call}: {}", played.summary());
        if noted {
            assert_eq!(played.status, Some(3), "{call}: {}", played.summary());
            let refused = &played.report["not_containable"];
            assert_eq!(refused["what"], json!(path.display().to_string()), "{call}: {refused}");
        } else {
            assert!(told(&played).contains("Error"), "{call}: {}", told(&played));
        }
    }
    fs::remove_file(&path).expect("it is ours");
}

/// What a script of the home's path finds in its `queue/`, by every name of the home.
#[test]
fn a_home_by_way_of_a_link_has_the_same_sockets() {
    if skipped() {
        return;
    }
    let place = Place::new();
    let home = place.home("agent-4.14-debian");
    let link = place.path().join("link");
    std::os::unix::fs::symlink(&home, &link).expect("it is ours");
    let queue = home.join("queue/sockets/queue");
    fs::create_dir_all(home.join("queue/sockets")).expect("it is ours");
    let service = UnixListener::bind(&queue).expect("the home is ours");
    service.set_nonblocking(true).expect("it is a socket");
    let mut wrong = Vec::new();
    for name in [
        "queue/sockets/queue".to_owned(),
        queue.display().to_string(),
        link.join("queue/sockets/queue").display().to_string(),
        link.join("bin/../queue/./sockets/queue").display().to_string(),
    ] {
        let text = format!(
            "#!/usr/bin/python3\nimport socket, sys\nsys.stdin.readline()\n\
             caller = socket.socket(socket.AF_UNIX)\ncaller.connect({name:?})\n"
        );
        let script = scripted(&place, "queue.py", &text);
        for home in [&home, &link] {
            let played = played(&place, &script, home, &[]);
            assert!(service.accept().is_err(), "{name} was reached");
            let what = played.report["not_containable"]["what"].as_str().unwrap_or_default();
            if played.status != Some(3) || !what.ends_with("queue/sockets/queue") {
                wrong.push(format!("{name}, home {}: {what:?} {}", home.display(), played.summary()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// What of the machine is compared.
#[derive(Debug, PartialEq, Eq)]
struct Machine {
    /// Output of commands that list what is no file.
    said: BTreeMap<&'static str, String>,
    /// Everything below some directories, with content where it is short.
    files: BTreeMap<PathBuf, String>,
}

/// Fields of rules that count packets, and what changes by itself.
fn settled(text: &str) -> String {
    let counters = regex::Regex::new(r"\[\d+:\d+\]|packets \d+ bytes \d+").expect("a pattern");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| format!("{}\n", counters.replace_all(line, ""))).collect()
}

impl Machine {
    fn look(trees: &[&Path]) -> Self {
        let commands: &[(&str, &str)] = &[
            ("iptables", "iptables-save"),
            ("ip6tables", "ip6tables-save"),
            ("nft", "nft -s list ruleset"),
            ("routes", "ip route show table all; ip -6 route show table all; ip rule; ip -6 rule"),
            ("links", "ip -o link"),
            ("host name", "hostname; cat /proc/sys/kernel/hostname"),
            (
                "message queues",
                "cat /proc/sysvipc/msg /proc/sysvipc/shm /proc/sysvipc/sem | awk '{print $1, $2}'",
            ),
            (
                "settings",
                "cd /proc/sys && cat net/ipv4/ip_forward kernel/sysrq vm/swappiness kernel/core_pattern",
            ),
            ("mounts", "cut -d' ' -f4- /proc/self/mountinfo"),
            (
                "accounts",
                "sha256sum /etc/passwd /etc/shadow /etc/group /etc/gshadow /etc/hosts.deny /etc/hosts",
            ),
        ];
        let mut said = BTreeMap::new();
        for (what, command) in commands {
            let output = Command::new("sh").args(["-c", command]).stderr(Stdio::null()).output().expect("sh");
            said.insert(*what, settled(&String::from_utf8_lossy(&output.stdout)));
        }
        let mut files = BTreeMap::new();
        for tree in trees {
            for entry in walkdir::WalkDir::new(tree).into_iter().filter_map(Result::ok) {
                files.insert(entry.path().to_path_buf(), described(entry.path()));
            }
        }
        // Other tests, and other people, use these; a file of ours would stand out by its name.
        for directory in ["/tmp", "/var/tmp", "/run", "/dev/shm", "/dev", "/", "/etc", "/root", "/var/lib"] {
            for entry in fs::read_dir(directory).into_iter().flatten().filter_map(Result::ok) {
                if entry.file_name().to_string_lossy().contains("escaped") {
                    files.insert(entry.path(), described(&entry.path()));
                }
            }
        }
        Self { said, files }
    }
}

/// All of a file that a change could touch.
fn described(path: &Path) -> String {
    let Ok(meta) = path.symlink_metadata() else { return "gone".to_owned() };
    let content = if meta.is_file() { fs::read(path).unwrap_or_default() } else { Vec::new() };
    format!(
        "{:o} {} {} {} {} {}.{} {}",
        meta.mode(),
        meta.uid(),
        meta.gid(),
        meta.ino(),
        meta.rdev(),
        meta.mtime(),
        meta.mtime_nsec(),
        String::from_utf8_lossy(&content)
    )
}

/// Does its worst, once it is sure that it is shut in; each line may fail. VICTIM is a
/// process of the host. What no namespace holds is only ever set to what it is.
const VANDAL: &str = r#"#!/bin/bash
read -r line
GUARD
exec 2>/dev/null
mkdir -p /var/lib/ar-said
for setting in vm/swappiness kernel/core_pattern kernel/sysrq net/ipv4/ip_forward; do
    now=$(cat /proc/sys/$setting)
    echo "$now" >/proc/sys/$setting && echo "wrote $setting" >>/var/lib/ar-said/vandal
done
date -s "$(date)" >/dev/null && echo "set the clock" >>/var/lib/ar-said/vandal
echo "was here" >>/var/lib/ar-said/vandal
kill -9 VICTIM
iptables -F; iptables -P INPUT DROP; iptables -I INPUT -s 203.0.113.9 -j DROP
ip6tables -I INPUT -s 2001:db8::9 -j DROP
nft add table inet escaped
ip route add blackhole 203.0.113.9
ip link set lo down
ip link add escaped type dummy
useradd escaped; passwd -l nobody; userdel games
echo 'ALL:203.0.113.9' >>/etc/hosts.deny
echo '203.0.113.9 escaped' >>/etc/hosts
: >/etc/escaped
for directory in /tmp /var/tmp /run /dev/shm /dev / /root; do : >"$directory/escaped"; mkdir "$directory/escaped.d"; done
hostname escaped
ipcmk -Q; ipcmk -M 4096
mknod /tmp/escaped.node b 7 0; mknod /dev/escaped.node c 1 1
mount -t tmpfs escaped /mnt; mount --bind /etc /opt; umount -l /opt
chmod 777 /etc/shadow; chown nobody /etc/passwd; touch -d 2001-01-01 /etc/passwd
for kind in proc sysfs cgroup2 devtmpfs tmpfs; do
    mkdir "/var/lib/ar-said/$kind"
    mount -t "$kind" escaped "/var/lib/ar-said/$kind" && echo "mounted $kind" >>/var/lib/ar-said/vandal
done
mount -o remount,rw /proc/sys && echo "mounted for writing" >>/var/lib/ar-said/vandal
mount -o remount,rw,bind /proc/sys && echo "mounted for writing" >>/var/lib/ar-said/vandal
mount -o remount,rw /sys && echo "mounted for writing" >>/var/lib/ar-said/vandal
umount /proc/sys && echo "mounted nothing over it" >>/var/lib/ar-said/vandal
umount -l /proc/sys && echo "mounted nothing over it" >>/var/lib/ar-said/vandal
for setting in vm/swappiness kernel/core_pattern kernel/sysrq; do
    now=$(cat /proc/sys/$setting)
    echo "$now" >/proc/sys/$setting && echo "wrote $setting" >>/var/lib/ar-said/vandal
done
head -c 1 NODE && echo "opened a device of the home" >>/var/lib/ar-said/vandal
[ "$(ulimit -c)" = 0 ] || [ "$(ulimit -H -c)" != unlimited ] || echo "opened the way to a core pattern" >>/var/lib/ar-said/vandal
unshare -m true && echo "mounted in a namespace of its own" >>/var/lib/ar-said/vandal
nsenter -t 1 -m true && echo "opened a namespace" >>/var/lib/ar-said/vandal
: >/etc/ld.so.cache; echo /escaped >/etc/ld.so.conf.d/escaped.conf; ldconfig
ip address add 203.0.113.77/32 dev lo && echo "added an address" >>/var/lib/ar-said/vandal
ip link add escaped2 type dummy && echo "added a link of its own" >>/var/lib/ar-said/vandal
rm -rf HOME_OF_IT
rm -rf /var/tmp/* /etc/ssl
"#;

/// Waits: more processes than any script has, but far from what a machine bears.
const FORKS: &str = r#"#!/bin/bash
read -r line
GUARD
for number in {1..200}; do
    sleep WORD >/dev/null 2>&1 &
done
exec sleep WORD
"#;

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_machine_is_the_same_after_the_worst() {
    if skipped() {
        return;
    }
    let place = Place::new();
    let home = place.home("agent-4.14-debian");
    // A node in the home that is /dev/zero where nodes count.
    let node = home.join("etc/zero");
    let mode = nix::sys::stat::Mode::from_bits_truncate(0o666);
    let number = nix::sys::stat::makedev(1, 5);
    nix::sys::stat::mknod(&node, nix::sys::stat::SFlag::S_IFCHR, mode, number).expect("a node of ours");
    if fs::File::open(&node).is_err() {
        support::skip("nodes are of no use in the temporary directory");
    }
    // Found by a name of its own, so that no other test's process is meant.
    let mut victim = Running(Command::new("sleep").arg("600").spawn().expect("sleep"));
    let text = VANDAL
        .replace("GUARD", &play::guard(&home))
        .replace("VICTIM", &victim.0.id().to_string())
        .replace("NODE", &node.display().to_string())
        .replace("HOME_OF_IT", &home.display().to_string());
    let script = scripted(&place, "vandal.sh", &text);
    let event = place.file("event.json", ALERT);
    let trees: &[&Path] = &[&home, Path::new("/etc")];
    let before = Machine::look(trees);
    let clock = (std::time::SystemTime::now(), Instant::now());
    // Not every kernel has such links.
    let dummy = Command::new("unshare").args(["-n", "ip", "link", "add", "d", "type", "dummy"]).output();
    let dummy = dummy.is_ok_and(|output| output.status.success());
    for more in [&["--timeout", "0"][..], &["--timeout", "600"], &["--conformance"]] {
        let arguments = [&["--contract", "json4", "--deadline", "5s"][..], more].concat();
        let played = replay(&script, &event, &home, &arguments);
        let effects = played.report["effects"].to_string();
        assert!(effects.contains("was here"), "{more:?}: it did not run: {}", played.summary());
        for word in ["wrote ", "set the clock", "mounted ", "opened "] {
            assert!(!effects.contains(word), "{more:?}: {word}in {effects}");
        }
        assert!(effects.contains("added an address"), "{more:?}: {effects}");
        assert!(!dummy || effects.contains("added a link of its own"), "{more:?}: {effects}");
        let asked = told(&played);
        for call in ["\"mount\"", "\"umount2\""] {
            assert!(asked.contains(call), "{more:?}: no {call} in {asked}");
        }
    }
    assert!(victim.0.try_wait().expect("it is our child").is_none(), "a process of the host was ended");
    let passed = clock.0.elapsed().unwrap_or_default();
    assert!(passed.abs_diff(clock.1.elapsed()) < Duration::from_secs(60), "the clock was set");
    let after = Machine::look(trees);
    for (what, said) in &before.said {
        assert_eq!(Some(said), after.said.get(what), "{what}");
    }
    let changed: Vec<_> =
        before.files.iter().filter(|(path, old)| after.files.get(*path) != Some(old)).collect();
    assert!(changed.is_empty(), "{changed:#?}");
    let new: Vec<_> = after.files.keys().filter(|path| !before.files.contains_key(*path)).collect();
    assert!(new.is_empty(), "{new:?}");
    assert!(before.files.len() > 50, "hardly anything was compared");
}

/// Programs that look at what changed may be the script's: here one that tries the
/// descriptors of process 1, which lead to the directories of the host.
#[test]
fn what_looks_is_shut_in_with_the_script() {
    if skipped() {
        return;
    }
    let place = Place::new();
    let home = place.home("agent-4.14-debian");
    let canary = place.path().join("canary");
    let text = r#"#!/bin/bash
read -r line
GUARD
mkdir -p /var/lib/ar-said /opt/escaped
cat >/opt/escaped/nft <<'TOOL'
#!/bin/bash
# Shows that it ran.
echo "as a tool, from ${0##*/}" >>/var/lib/ar-said/tool
ATTACK
exit 1
TOOL
chmod 755 /opt/escaped/nft
iptables -I INPUT -s 203.0.113.9 -j DROP
for name in ip iptables-save ip6tables-save iptables-legacy-save ip6tables-legacy-save iptables-nft-save ip6tables-nft-save; do
    ln -s nft "/opt/escaped/$name"
done
rm -rf /usr/local/sbin
ln -s /opt/escaped /usr/local/sbin
ATTACK
echo "was here" >>/var/lib/ar-said/script
exit 0
"#
    .replace(
        "ATTACK",
        r"for fd in /proc/1/fd/* /proc/1/root /proc/1/cwd /proc/self/fd/*; do
    (: >>$fd/CANARY) 2>/dev/null
    (: >>$fd/../../../../CANARY) 2>/dev/null
done
mount -t tmpfs escaped /mnt && echo mounted >>/var/lib/ar-said/tool
(: >>/proc/sys/kernel/sysrq) 2>/dev/null && echo wrote >>/var/lib/ar-said/tool
nsenter -t 1 -m true 2>/dev/null && echo entered >>/var/lib/ar-said/tool",
    )
    // Below whatever mount that is: by a name only this test has.
    .replace("CANARY", &canary.display().to_string())
    .replace("GUARD", &play::guard(&home));
    let script = scripted(&place, "tools.sh", &text);
    for more in [&["--timeout", "600"][..], &["--conformance"]] {
        let event = place.file("event.json", ALERT);
        let arguments = [&["--contract", "json4"][..], more].concat();
        let played = replay(&script, &event, &home, &arguments);
        assert!(!canary.exists(), "{more:?}: it reached the host: {}", played.summary());
        let effects = played.report["effects"].to_string();
        assert!(effects.contains("was here"), "{more:?}: it did not run: {}", played.summary());
        // The tool, if it is run at all, got no further than the script.
        let all = played.report["effects"].as_array().cloned().unwrap_or_default();
        let of_tool = all.iter().filter(|effect| effect["what"] == "/var/lib/ar-said/tool");
        let done: String = of_tool.map(|effect| effect["added"].to_string()).collect();
        for word in ["mounted", "wrote", "entered"] {
            assert!(!done.contains(word), "{more:?}: {done}");
        }
        assert!(effects.contains("cannot be listed"), "{more:?}: it is not said: {effects}");
    }
}

/// 200 processes that nobody waits for are ended with the script, and so is the time it took.
#[test]
fn a_crowd_of_processes_ends_with_the_run() {
    if skipped() {
        return;
    }
    let place = Place::new();
    let home = place.home("agent-4.14-debian");
    let word = format!("7{}.125", std::process::id());
    let text = FORKS.replace("GUARD", &play::guard(&home)).replace("WORD", &word);
    let script = scripted(&place, "forks.sh", &text);
    let begin = Instant::now();
    let played = played(&place, &script, &home, &["--deadline", "1s"]);
    assert_eq!(played.report["launch"]["started"], true, "{}", played.summary());
    assert_eq!(played.status, Some(5), "{}", played.summary());
    assert_eq!(played.headline(), "script-never-ends", "{}", played.summary());
    let seen = played.report["steps"][0]["stuck"]["processes"].as_array().map_or(0, Vec::len);
    assert!(seen > 0, "{}", played.stdout);
    assert!(processes(&format!("sleep {word}")).is_empty(), "some are left");
    assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
}

const NAMESPACES: [&str; 5] = ["mnt", "pid", "net", "ipc", "uts"];

/// The namespaces a process is in, by name and inode.
fn namespaces(process: &Path) -> BTreeSet<String> {
    let all = NAMESPACES.iter().filter_map(|kind| fs::read_link(process.join("ns").join(kind)).ok());
    all.map(|name| name.to_string_lossy().into_owned()).collect()
}

/// Hundredths of a second since the machine started.
fn now() -> u64 {
    let uptime = fs::read_to_string("/proc/uptime").expect("there is a /proc");
    let digits: String = uptime.split(' ').next().unwrap_or_default().replace('.', "");
    digits.parse().expect("a number")
}

/// Processes older than this that are in one of these namespaces. The numbers of
/// namespaces are used again at once, so a younger one is somebody else's.
fn still_in(namespaces_of_it: &BTreeSet<String>, older_than: u64) -> Vec<String> {
    let all = fs::read_dir("/proc").into_iter().flatten().filter_map(Result::ok).map(|entry| entry.path());
    let start = |process: &Path| -> Option<u64> {
        let stat = fs::read_to_string(process.join("stat")).ok()?;
        let (_, fields) = stat.rsplit_once(") ")?;
        // One that has ended is only waiting for init to take note.
        if fields.starts_with('Z') {
            return None;
        }
        fields.split(' ').nth(19)?.parse().ok()
    };
    all.filter(|process| start(process).is_some_and(|start| start < older_than))
        .filter(|process| namespaces(process).intersection(namespaces_of_it).count() > 0)
        .map(|process| {
            let stat = fs::read_to_string(process.join("stat")).unwrap_or_default();
            format!("{} {:?}", stat.chars().take(60).collect::<String>(), namespaces(&process))
        })
        .collect()
}

/// Processes with this word on their command line.
fn processes(word: &str) -> Vec<String> {
    let mut all = Vec::new();
    for process in fs::read_dir("/proc").into_iter().flatten().filter_map(Result::ok) {
        let mut line = Vec::new();
        let read =
            fs::File::open(process.path().join("cmdline")).and_then(|mut file| file.read_to_end(&mut line));
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        if read.is_ok() && line.contains(word) {
            all.push(line);
        }
    }
    all
}

/// Waits until something holds; false when it does not in time.
fn within(limit: Duration, holds: impl Fn() -> bool) -> bool {
    let start = Instant::now();
    while start.elapsed() < limit {
        if holds() {
            return true;
        }
        thread::sleep(Duration::from_millis(10));
    }
    holds()
}

#[test]
fn nothing_is_left_when_ar_doctor_is_killed() {
    if skipped() {
        return;
    }
    let place = Place::new();
    let home = place.home("agent-4.14-debian");
    let event = place.file("event.json", ALERT);
    let mounts = || fs::read_to_string("/proc/self/mountinfo").expect("there is a /proc");
    let before = mounts();
    for (number, signal) in ["KILL", "KILL", "TERM", "INT"].iter().enumerate() {
        // A word that finds the script and its children, whatever became of their parents.
        let word = format!("8{}{number}.25", std::process::id());
        let text = format!(
            "#!/bin/sh\nread -r line\nsetsid sleep {word} >/dev/null 2>&1 &\n(trap '' TERM INT HUP; exec sleep {word}) &\nsleep {word}\n"
        );
        let script = scripted(&place, &format!("sleeper{number}.sh"), &text);
        let mut doctor = Running(
            play::doctor()
                .arg("replay")
                .arg(&script)
                .arg("--payload")
                .arg(&event)
                .arg("--home")
                .arg(&home)
                .args(["--contract", "json4", "--timeout", "0", "--deadline", "60s"])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("the binary runs"),
        );
        let asleep = || processes(&format!("sleep {word}")).len() >= 3;
        assert!(within(Duration::from_secs(20), asleep), "the script never ran: {:?}", processes(&word));
        let inside: BTreeSet<String> = fs::read_dir("/proc")
            .into_iter()
            .flatten()
            .filter_map(Result::ok)
            .map(|process| process.path())
            .filter(|process| {
                let line = fs::read(process.join("cmdline")).unwrap_or_default();
                String::from_utf8_lossy(&line).replace('\0', " ").contains(&format!("sleep {word}"))
            })
            .flat_map(|process| namespaces(&process))
            .collect();
        let own = namespaces(Path::new("/proc/self"));
        assert_eq!(inside.intersection(&own).count(), 0, "it runs in namespaces of this test");
        assert!(inside.len() >= 5, "{inside:?}");
        assert_eq!(mounts(), before, "mounts are seen outside while it runs");

        let killed_at = now();
        let killed = Command::new("kill").args(["-s", signal, &doctor.0.id().to_string()]).status();
        assert!(killed.is_ok_and(|status| status.success()), "kill -{signal}");
        let gone = || processes(&format!("sleep {word}")).is_empty();
        assert!(within(Duration::from_secs(10), gone), "left after {signal}: {:?}", processes(&word));
        let ended = doctor.0.wait().expect("it is our child");
        assert!(!ended.success(), "{signal}: {ended}");
        let left = || still_in(&inside, killed_at);
        assert!(within(Duration::from_secs(10), || left().is_empty()), "left after {signal}: {:?}", left());
        assert_eq!(mounts(), before, "{signal}");
    }
}

/// Files a sandbox needs, or a run leaves, must not pile up.
#[test]
fn no_file_is_left_behind() {
    if skipped() {
        return;
    }
    let place = Place::new();
    let home = place.home("agent-4.14-debian");
    let scratch = place.path().join("tmp");
    fs::create_dir(&scratch).expect("it is ours");
    let event = place.file("event.json", ALERT);
    let names = |directory: &Path| -> BTreeSet<PathBuf> {
        let all = walkdir::WalkDir::new(directory).into_iter().filter_map(Result::ok);
        all.map(walkdir::DirEntry::into_path).collect()
    };
    let ours = |directory: &str| -> BTreeSet<PathBuf> {
        let all =
            fs::read_dir(directory).into_iter().flatten().filter_map(Result::ok).map(|entry| entry.path());
        all.filter(|path| path.to_string_lossy().contains("doctor")).collect()
    };
    let before = (names(&home), names(&scratch));
    for script in ["good/json4/bash-read.sh", "bad/hangs-before.sh"] {
        let mut command = play::doctor();
        command.env("TMPDIR", &scratch).arg("replay").arg(play::script(script)).arg("--payload").arg(&event);
        command.arg("--home").arg(&home);
        command.args(["--contract", "json4", "--timeout", "600", "--deadline", "1s", "--format", "json"]);
        let played = play::run(&mut command);
        assert!(played.report["findings"].is_array(), "{script}: {}", played.summary());
    }
    assert_eq!(before, (names(&home), names(&scratch)));
    let own = std::process::id().to_string();
    for directory in ["/var/tmp", "/run", "/dev/shm"] {
        let left: Vec<_> =
            ours(directory).into_iter().filter(|path| !path.to_string_lossy().contains(&own)).collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

/// A service of the host cannot be contained, and the report says so.
#[test]
fn a_script_that_asks_a_service_is_called_not_containable() {
    if skipped() {
        return;
    }
    let place = Place::new();
    let home = place.home("agent-4.14-debian");
    let path = Path::new("/run").join(unique("service"));
    let service = UnixListener::bind(&path).expect("/run is there");
    service.set_nonblocking(true).expect("it is a socket");
    let text = format!(
        "#!/usr/bin/python3\nimport socket, sys\nsys.stdin.readline()\n\
         caller = socket.socket(socket.AF_UNIX)\ncaller.connect({:?})\ncaller.send(b'block')\n",
        path.display().to_string()
    );
    let script = scripted(&place, "service.py", &text);
    let played = played(&place, &script, &home, &[]);
    let heard = service.accept().is_ok();
    fs::remove_file(&path).expect("it is ours");
    assert!(!heard, "the service was reached");
    assert_eq!(played.status, Some(3), "{}", played.summary());
    assert!(
        played.stdout.contains(&path.display().to_string()),
        "the socket is not named: {}",
        played.stdout
    );
    assert_ne!(played.report["outcome"]["exit_status"], json!(0), "{}", played.stdout);
}

/// Without the rights for a sandbox nothing runs, and nothing falls back to a real run.
#[test]
fn without_rights_nothing_is_run() {
    if skipped() {
        return;
    }
    let place = Place::new();
    let event = place.file("event.json", ALERT);
    let mark = place.path().join("it-ran");
    let text = format!("#!/bin/sh\n: >'{}'\n", mark.display());
    let script = scripted(&place, "mark.sh", &text);
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o777)).expect("it is ours");
    // Where the program lies nobody else may enter; a copy can be started by all.
    let copy = place.path().join("ar-doctor");
    fs::copy(PROGRAM, &copy).expect("a copy of the program");
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o755)).expect("it is ours");
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid", "65534", "--regid", "65534", "--clear-groups"])
        .arg(&copy)
        .arg("replay")
        .arg(&script);
    command.arg("--payload").arg(&event).args(["--contract", "json4"]);
    let played = play::run(&mut command);
    assert_eq!(played.status, Some(3), "{}", played.summary());
    let said = format!("{}{}", played.stdout, played.stderr);
    assert!(said.contains("root"), "{said}");
    assert!(!mark.exists(), "it was run for real");
}

/// `--execute --yes` is the real thing, and nothing else is.
#[test]
fn execute_runs_for_real() {
    if skipped() {
        return;
    }
    let place = Place::new();
    let home = place.home("agent-4.14-debian");
    let mark = place.path().join("it-ran");
    // Everything it does is to make a file of this test, in the home of this test.
    let script = home.join("active-response/bin/edge-block.sh");
    fs::write(&script, format!("#!/bin/sh\nread -r line\nprintf '%s' \"$line\" >'{}'\n", mark.display()))
        .expect("the home is ours");
    let event = place.file("event.json", ALERT);
    let target = Path::new("edge-block900");
    let sandboxed = replay(target, &event, &home, &["--timeout", "0"]);
    assert_eq!(sandboxed.report["launch"]["started"], true, "{}", sandboxed.summary());
    assert!(!mark.exists(), "without --execute it was run for real");
    let refused = replay(target, &event, &home, &["--timeout", "0", "--execute"]);
    assert_eq!(refused.status, Some(2), "{}", refused.summary());
    assert!(!mark.exists(), "it was run without --yes");
    let real = replay(target, &event, &home, &["--timeout", "0", "--execute", "--yes"]);
    assert_eq!(real.report["launch"]["started"], true, "{}", real.summary());
    assert!(
        fs::read_to_string(&mark).is_ok_and(|line| line.contains("203.0.113.9")),
        "it was not run for real"
    );
}
