//! Denials of SELinux and AppArmor as the kernel words them, in audit.log (auditd(8)) and in text
//! logs of the system. Pure; lines in, [`Denial`]s out. The records of one event have one serial:
//! what SYSCALL, PATH and CWD say of a denial is joined to it.
//!
//! ```text
//! type=AVC msg=audit(1700000000.123:456): avc:  denied  { execute } for  pid=7 comm="wazuh-execd" ...
//! type=SYSCALL msg=audit(1700000000.123:456): arch=c000003e syscall=59 success=no exit=-13 ...
//! Nov 20 14:00:00 web-01 kernel: audit: type=1400 audit(1700000000.123:456): apparmor="DENIED" ...
//! ```

use std::collections::HashMap;

use memchr::memmem;

/// Denials that are held at most; behind them the oldest are forgotten.
pub const MAX_DENIALS: usize = 16_384;

/// Records of PATH that are kept of one event.
const MAX_PATHS: usize = 16;

/// Bytes of a line that are looked at.
pub const MAX_LINE: usize = 16 * 1024;

/// Who denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Module {
    /// SELinux.
    Selinux,
    /// AppArmor.
    Apparmor,
}

/// A file that an event names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named {
    /// Path, or the last part of one.
    pub name: Vec<u8>,
    /// Number of its inode.
    pub inode: Option<u64>,
}

/// One denial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// Who denied.
    pub module: Module,
    /// When, milliseconds since 1970.
    pub time: i64,
    /// Number of the event.
    pub serial: u64,
    /// Byte offset of its line in the file.
    pub offset: u64,
    /// The line, cut to [`MAX_LINE`].
    pub line: Vec<u8>,
    /// What was asked for: permissions of SELinux (`execute`), or the letters of AppArmor's
    /// `denied_mask`, each one.
    pub permissions: Vec<String>,
    /// Class of the object (`file`), with AppArmor the operation (`exec`).
    pub class: String,
    /// Label of the process: context, with AppArmor its profile.
    pub source: String,
    /// Label of the object; empty with AppArmor.
    pub target: String,
    /// Whether SELinux let it pass all the same; none where the record does not say.
    pub permissive: Option<bool>,
    /// The process.
    pub pid: Option<u32>,
    /// Its parent.
    pub ppid: Option<u32>,
    /// Its name, 15 bytes at most.
    pub comm: Vec<u8>,
    /// Its program.
    pub exe: Option<Vec<u8>>,
    /// The object's path, whole.
    pub path: Option<Vec<u8>>,
    /// The last part of its path, and its inode.
    pub name: Named,
    /// Whether the system call succeeded nevertheless.
    pub success: Option<bool>,
    /// Directory of the process.
    pub cwd: Option<Vec<u8>>,
    /// Paths of the system call.
    pub paths: Vec<Named>,
}

impl Denial {
    /// Whether this was asked for.
    pub fn asks(&self, permission: &str) -> bool {
        self.permissions.iter().any(|asked| asked == permission)
    }

    /// Every path it names whole, with the inode; one from the directory of the process on is
    /// put behind that.
    pub fn whole_paths(&self) -> Vec<Named> {
        let own = self.path.iter().map(|path| Named { name: path.clone(), inode: self.name.inode });
        let of_call = self.paths.iter().filter_map(|named| {
            if named.name.starts_with(b"/") {
                return Some(named.clone());
            }
            let cwd = self.cwd.as_deref()?.strip_suffix(b"/").or(self.cwd.as_deref())?;
            Some(Named { name: [cwd, b"/", &named.name].concat(), inode: named.inode })
        });
        own.filter(|named| named.name.starts_with(b"/")).chain(of_call).collect()
    }
}

/// Lines of a log, from its beginning or any later line on.
#[derive(Debug, Default)]
pub struct Reader {
    /// Denials before it are left out, milliseconds since 1970.
    since: i64,
    denials: Vec<Denial>,
    /// Denials by event.
    by_event: HashMap<(i64, u64), Vec<usize>>,
    /// Some were forgotten.
    forgotten: bool,
    /// The time of the first event.
    first: Option<i64>,
}

impl Reader {
    /// One that leaves out what is older.
    pub fn new(since: i64) -> Self {
        Self { since, ..Self::default() }
    }

    /// Takes one line, which begins at a byte of the file.
    pub fn line(&mut self, line: &[u8], offset: u64) {
        let line = &line[..line.len().min(MAX_LINE)];
        let Some((time, serial, rest)) = event(line) else { return };
        self.first.get_or_insert(time);
        if time < self.since {
            return;
        }
        if let Some(mut denial) = denial(rest) {
            (denial.time, denial.serial, denial.offset) = (time, serial, offset);
            denial.line = line.strip_suffix(b"\r").unwrap_or(line).to_vec();
            if self.denials.len() >= MAX_DENIALS {
                self.forget();
            }
            self.by_event.entry((time, serial)).or_default().push(self.denials.len());
            self.denials.push(denial);
            return;
        }
        let Some(of_event) = self.by_event.get(&(time, serial)) else { return };
        let Some(kind) = record_type(line) else { return };
        let fields = Fields(rest);
        for &at in of_event {
            let Some(denial) = self.denials.get_mut(at) else { continue };
            match kind {
                b"SYSCALL" => {
                    denial.success = fields.word("success").map(|word| word == b"yes");
                    denial.ppid = fields.number("ppid");
                    denial.pid = denial.pid.or_else(|| fields.number("pid"));
                    denial.exe = denial.exe.take().or_else(|| fields.text("exe"));
                    if denial.comm.is_empty() {
                        denial.comm = fields.text("comm").unwrap_or_default();
                    }
                }
                b"CWD" => denial.cwd = fields.text("cwd"),
                b"PATH" if denial.paths.len() < MAX_PATHS => {
                    if let Some(name) = fields.text("name") {
                        denial.paths.push(Named { name, inode: fields.number("inode") });
                    }
                }
                _ => {}
            }
        }
    }

    fn forget(&mut self) {
        self.forgotten = true;
        self.denials.drain(..MAX_DENIALS / 2);
        self.by_event.clear();
        for (at, denial) in self.denials.iter().enumerate() {
            self.by_event.entry((denial.time, denial.serial)).or_default().push(at);
        }
    }

    /// The denials, in the order of the file; the time of its first event; whether older denials
    /// were forgotten because there are too many.
    pub fn finish(self) -> (Vec<Denial>, Option<i64>, bool) {
        (self.denials, self.first, self.forgotten)
    }
}

/// Time, serial and what stands behind `audit(SECONDS.MILLISECONDS:SERIAL):`.
fn event(line: &[u8]) -> Option<(i64, u64, &[u8])> {
    let at = memmem::find(line, b"audit(")?;
    let rest = &line[at + b"audit(".len()..];
    let end = memchr::memchr(b')', rest)?;
    let stamp = std::str::from_utf8(rest.get(..end)?).ok()?;
    let (time, serial) = stamp.split_once(':')?;
    let (seconds, millis) = time.split_once('.')?;
    let seconds: i64 = seconds.parse().ok().filter(|seconds| *seconds >= 0)?;
    let millis: i64 = millis.parse().ok().filter(|millis| (0..1000).contains(millis))?;
    let time = seconds.checked_mul(1000)?.checked_add(millis)?;
    // auditd appends what it looked up behind this byte, if it is told to (log_format=ENRICHED).
    let rest = &rest[end + 1..];
    let rest = rest.split(|byte| *byte == 0x1d).next().unwrap_or_default();
    Some((time, serial.parse().ok()?, rest))
}

/// The word behind `type=` that stands before the stamp.
fn record_type(line: &[u8]) -> Option<&[u8]> {
    let head = &line[..memmem::find(line, b"audit(")?];
    let at = memmem::rfind(head, b"type=")?;
    head[at + b"type=".len()..].split(|byte| *byte == b' ').next()
}

fn denial(rest: &[u8]) -> Option<Denial> {
    let selinux = memmem::find(rest, b"avc:").filter(|at| {
        let behind = rest[at + 4..].trim_ascii_start();
        behind.starts_with(b"denied")
    });
    let fields = Fields(rest);
    let empty = |module| Denial {
        module,
        time: 0,
        serial: 0,
        offset: 0,
        line: Vec::new(),
        permissions: Vec::new(),
        class: String::new(),
        source: String::new(),
        target: String::new(),
        permissive: None,
        pid: fields.number("pid"),
        ppid: None,
        comm: fields.text("comm").unwrap_or_default(),
        exe: fields.text("exe"),
        path: fields.text("path"),
        name: Named {
            name: fields.text("name").unwrap_or_default(),
            inode: fields.number("ino").or_else(|| fields.number("inode")),
        },
        success: None,
        cwd: None,
        paths: Vec::new(),
    };
    let words = |key| fields.text(key).map(|text| String::from_utf8_lossy(&text).into_owned());
    if let Some(at) = selinux {
        let open = memchr::memchr(b'{', &rest[at..])? + at;
        let close = memchr::memchr(b'}', &rest[open..])? + open;
        let permissions = String::from_utf8_lossy(&rest[open + 1..close]);
        let denial = Denial {
            permissions: permissions.split_ascii_whitespace().map(str::to_owned).collect(),
            class: words("tclass")?,
            source: words("scontext")?,
            target: words("tcontext")?,
            permissive: fields.word("permissive").map(|word| word == b"1"),
            ..empty(Module::Selinux)
        };
        // Objects of user space, such as a message of D-Bus: `exe` is the one who asked the kernel.
        let is_message = fields.word("exe").is_some() && fields.word("spid").is_some();
        return Some(if is_message {
            Denial { pid: fields.number("spid"), exe: None, comm: Vec::new(), ..denial }
        } else {
            denial
        });
    }
    if fields.word("apparmor")? != b"DENIED" {
        return None;
    }
    let mask = words("denied_mask").or_else(|| words("denied")).or_else(|| words("capname"));
    let operation = words("operation")?;
    let permissions = match mask {
        Some(mask) if !mask.contains(' ') && !operation.starts_with("cap") && mask.len() <= 8 => {
            mask.chars().map(String::from).collect()
        }
        Some(mask) => mask.split_ascii_whitespace().map(str::to_owned).collect(),
        None => Vec::new(),
    };
    let mut denial = Denial {
        permissions,
        class: operation,
        source: words("profile")?,
        permissive: Some(false),
        ..empty(Module::Apparmor)
    };
    // AppArmor's `name` is a whole path.
    if denial.name.name.starts_with(b"/") {
        denial.path = Some(std::mem::take(&mut denial.name.name));
    }
    Some(denial)
}

/// `key=value` with blanks between.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    /// A value without its quotes, and whether it had some.
    fn raw(&self, key: &str) -> Option<(&'a [u8], bool)> {
        let mut rest = self.0;
        loop {
            let at = memmem::find(rest, key.as_bytes())?;
            let begins = at == 0 || matches!(rest[at - 1], b' ' | b'\'' | b':' | b'\t');
            let behind = &rest[at + key.len()..];
            let Some(value) = behind.strip_prefix(b"=").filter(|_| begins) else {
                rest = behind;
                continue;
            };
            if let Some(quoted) = value.strip_prefix(b"\"") {
                let end = memchr::memchr(b'"', quoted)?;
                return Some((&quoted[..end], true));
            }
            let end = value.iter().position(|byte| matches!(byte, b' ' | b'\n' | b'\r' | b'\''));
            return Some((&value[..end.unwrap_or(value.len())], false));
        }
    }

    fn word(&self, key: &str) -> Option<&'a [u8]> {
        self.raw(key).map(|(value, _)| value)
    }

    fn number<N: std::str::FromStr>(&self, key: &str) -> Option<N> {
        std::str::from_utf8(self.word(key)?).ok()?.parse().ok()
    }

    /// A name: what holds blanks, quotes or control characters is in hexadecimal, without quotes.
    fn text(&self, key: &str) -> Option<Vec<u8>> {
        let (value, quoted) = self.raw(key)?;
        if quoted {
            return Some(value.to_vec());
        }
        if value.is_empty() || value == b"(null)" || value == b"?" {
            return None;
        }
        Some(unhex(value).unwrap_or_else(|| value.to_vec()))
    }
}

/// Bytes of pairs of upper-case hexadecimal digits, as the kernel writes them. A number of decimal
/// digits stays one.
fn unhex(text: &[u8]) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'A'..=b'F')) {
        return None;
    }
    text.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const EVENT: &str = r#"type=AVC msg=audit(1763647200.123:456): avc:  denied  { execute } for  pid=4711 comm="wazuh-execd" name="edge-block.sh" dev="dm-0" ino=8811 scontext=system_u:system_r:init_t:s0 tcontext=unconfined_u:object_r:user_home_t:s0 tclass=file permissive=0
type=AVC msg=audit(1763647200.123:457): avc:  denied  { read write } for  pid=4712 comm=6120622E7368 path="socket:[1]" scontext=a:b:c_t:s0:c1,c2 tcontext=a:b:d_t:s0 tclass=unix_stream_socket
type=SYSCALL msg=audit(1763647200.123:456): arch=c000003e syscall=59 success=no exit=-13 a0=1 items=1 ppid=811 pid=4711 auid=4294967295 uid=0 comm="wazuh-execd" exe="/var/ossec/bin/wazuh-execd" subj=system_u:system_r:init_t:s0 key=(null)ARCH=x86_64 SYSCALL=execve
type=CWD msg=audit(1763647200.123:456): cwd="/var/ossec"
type=PATH msg=audit(1763647200.123:456): item=0 name="active-response/bin/edge-block.sh" inode=8811 dev=fd:00 mode=0100750 obj=unconfined_u:object_r:user_home_t:s0 nametype=NORMAL
type=PROCTITLE msg=audit(1763647200.123:456): proctitle=2F7661
"#;

    fn read(text: &str) -> Vec<Denial> {
        let mut reader = Reader::new(0);
        let mut offset = 0;
        for line in text.lines() {
            reader.line(line.as_bytes(), offset);
            offset += line.len() as u64 + 1;
        }
        reader.finish().0
    }

    #[test]
    fn records_of_one_event_are_joined() {
        let denials = read(EVENT);
        assert_eq!(denials.len(), 2);
        let first = &denials[0];
        assert_eq!((first.module, first.time, first.serial), (Module::Selinux, 1_763_647_200_123, 456));
        assert_eq!(first.permissions, ["execute"]);
        assert_eq!((first.class.as_str(), first.permissive), ("file", Some(false)));
        assert_eq!(first.source, "system_u:system_r:init_t:s0");
        assert_eq!((first.pid, first.ppid, first.success), (Some(4711), Some(811), Some(false)));
        assert_eq!(first.exe.as_deref(), Some(&b"/var/ossec/bin/wazuh-execd"[..]));
        assert_eq!(first.cwd.as_deref(), Some(&b"/var/ossec"[..]));
        assert_eq!(first.name, Named { name: b"edge-block.sh".to_vec(), inode: Some(8811) });
        let whole =
            Named { name: b"/var/ossec/active-response/bin/edge-block.sh".to_vec(), inode: Some(8811) };
        assert_eq!(first.whole_paths(), [whole]);
        let second = &denials[1];
        assert_eq!(second.comm, b"a b.sh");
        assert_eq!((second.permissive, second.success), (None, None));
        assert_eq!(second.permissions, ["read", "write"]);
        assert_eq!(second.whole_paths().len(), 0);
        assert!(second.offset > 0);
    }

    #[test]
    fn text_logs() {
        let denials = read(
            "Nov 20 14:00:00 web-01 kernel: [ 12.3] audit: type=1400 audit(1763647200.001:9): avc:  denied  { name_connect } for  pid=5 comm=\"curl\" dest=443 scontext=a:b:c:s0 tcontext=a:b:d:s0 tclass=tcp_socket permissive=1\n\
             Nov 20 14:00:00 web-01 kernel: audit: type=1400 audit(1763647200.002:10): apparmor=\"DENIED\" operation=\"exec\" class=\"file\" profile=\"/var/ossec/bin/wazuh-execd\" name=\"/var/ossec/active-response/bin/x.sh\" pid=6 comm=\"wazuh-execd\" requested_mask=\"x\" denied_mask=\"x\" fsuid=0 ouid=0\n\
             Nov 20 14:00:00 web-01 kernel: audit: type=1400 audit(1763647200.003:11): apparmor=\"ALLOWED\" operation=\"exec\" profile=\"p\" name=\"/x\" pid=6 comm=\"y\" requested_mask=\"x\" denied_mask=\"x\"\n\
             Nov 20 14:00:00 web-01 kernel: audit: type=1400 audit(1763647200.004:12): apparmor=\"STATUS\" operation=\"profile_load\" profile=\"unconfined\" name=\"p\" pid=6 comm=\"apparmor_parser\"\n\
             Nov 20 14:00:00 web-01 kernel: audit: type=1400 audit(1763647200.005:13): apparmor=\"DENIED\" operation=\"capable\" profile=\"p\" pid=6 comm=\"y\" capability=12  capname=\"net_admin\"\n",
        );
        assert_eq!(denials.len(), 3);
        assert_eq!(denials[0].permissive, Some(true));
        let exec = &denials[1];
        assert_eq!((exec.module, exec.class.as_str()), (Module::Apparmor, "exec"));
        assert_eq!(exec.path.as_deref(), Some(&b"/var/ossec/active-response/bin/x.sh"[..]));
        assert!(exec.asks("x"));
        assert_eq!(denials[2].permissions, ["net_admin"]);
    }

    #[test]
    fn messages_of_user_space() {
        let denials = read(
            "type=USER_AVC msg=audit(1763647200.1:3): pid=700 uid=81 auid=1 msg='avc:  denied  { send_msg } for scontext=a:b:c:s0 tcontext=a:b:firewalld_t:s0 tclass=dbus permissive=0 exe=\"/usr/bin/dbus-broker\" sauid=81 spid=99'\n",
        );
        assert_eq!(denials.len(), 1);
        assert_eq!(denials[0].class, "dbus");
        assert_eq!((denials[0].pid, denials[0].exe.as_deref()), (Some(99), None));
    }

    #[test]
    fn older_events_are_left_out() {
        let mut reader = Reader::new(1_763_647_200_124);
        for line in EVENT.lines() {
            reader.line(line.as_bytes(), 0);
        }
        let (denials, first, forgotten) = reader.finish();
        assert!(denials.is_empty() && !forgotten);
        assert_eq!(first, Some(1_763_647_200_123));
    }

    #[test]
    fn too_many_forget_the_oldest() {
        let mut reader = Reader::new(0);
        for serial in 0..=MAX_DENIALS {
            let line = format!(
                "type=AVC msg=audit(1.000:{serial}): avc:  denied  {{ read }} for  pid=1 scontext=a tcontext=b tclass=c"
            );
            reader.line(line.as_bytes(), 0);
        }
        let last = format!("type=CWD msg=audit(1.000:{MAX_DENIALS}): cwd=\"/x\"");
        reader.line(last.as_bytes(), 0);
        let (denials, _, forgotten) = reader.finish();
        assert!(forgotten);
        assert_eq!(denials.len(), MAX_DENIALS / 2 + 1);
        assert_eq!(denials.last().unwrap().cwd.as_deref(), Some(&b"/x"[..]));
    }

    proptest! {
        #[test]
        fn any_bytes(lines in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..200), 0..5)) {
            let mut reader = Reader::new(0);
            for line in &lines {
                reader.line(line, 0);
            }
            let _ = reader.finish();
        }

        #[test]
        fn a_broken_event(at in 0..EVENT.len(), byte: u8, cut in 0..EVENT.len()) {
            let mut bytes = EVENT.as_bytes().to_vec();
            bytes[at] = byte;
            let mut reader = Reader::new(0);
            for line in bytes.split(|byte| *byte == b'\n').chain(bytes[..cut].split(|byte| *byte == b'\n')) {
                reader.line(line, 0);
            }
            let (denials, ..) = reader.finish();
            prop_assert!(denials.len() <= 4);
        }
    }
}
