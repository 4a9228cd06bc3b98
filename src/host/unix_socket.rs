//! Unix sockets in the format of /proc/net/unix (unix(7), proc_net(5)).
//!
//! A name of a socket may hold a newline, which the kernel writes as it is, so
//! whoever may bind sockets can write lines into this list. A line that is not
//! in the kernel's form is skipped; a forged one that is cannot be told apart.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// Where the kernel lists the sockets of the caller's network namespace.
pub(super) const SOURCE: &str = "/proc/net/unix";

/// `SO_ACCEPTCON`: listen(2) was called.
const ACCEPTS: u32 = 0x1_0000;

/// Type of a socket (socket(2)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SocketKind {
    /// `SOCK_STREAM`.
    Stream,
    /// `SOCK_DGRAM`.
    Datagram,
    /// `SOCK_SEQPACKET`.
    Seqpacket,
}

/// How far its connection is (`SS_*` of include/uapi/linux/net.h). A bound
/// datagram socket and a listening one are unconnected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SocketState {
    /// `SS_UNCONNECTED`.
    #[default]
    Unconnected,
    /// `SS_CONNECTING`.
    Connecting,
    /// `SS_CONNECTED`.
    Connected,
    /// `SS_DISCONNECTING`.
    Disconnecting,
}

/// The name a socket is bound to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SocketName {
    /// As the binder gave it to bind(2): it may be relative, or be meant in the
    /// binder's own root directory, and the file may be gone.
    Path(PathBuf),
    /// A name without a file, after its first NUL. The kernel writes further
    /// NULs as `@`.
    Abstract(Vec<u8>),
}

/// One Unix socket. How full its queue is does not show here: ss(8) asks for
/// that through a netlink socket, which this program does not open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnixSocket {
    /// Its number, as descriptors name it (`socket:[NUMBER]`); not that of the file.
    pub inode: u64,
    /// Type.
    pub kind: SocketKind,
    /// Whether connections are accepted.
    pub listening: bool,
    /// How far its connection is.
    pub state: SocketState,
    /// References held by descriptors and connections.
    pub refs: u32,
    /// What it is bound to; none when it is bound to nothing.
    pub name: Option<SocketName>,
}

impl UnixSocket {
    /// Whether it is bound to a name.
    #[must_use]
    pub fn is_bound(&self) -> bool {
        self.name.is_some()
    }

    /// The path it is bound to.
    #[must_use]
    pub fn path(&self) -> Option<&std::path::Path> {
        match &self.name {
            Some(SocketName::Path(path)) => Some(path),
            _ => None,
        }
    }
}

/// The sockets of a list, in its order; its heading and broken lines are skipped.
pub(super) fn parse(bytes: &[u8]) -> Vec<UnixSocket> {
    bytes.split(|byte| *byte == b'\n').filter_map(parse_line).collect()
}

/// `ADDRESS: REFS PROTOCOL FLAGS TYPE STATE INODE[ NAME]`, numbers in hexadecimal
/// but for the inode.
fn parse_line(line: &[u8]) -> Option<UnixSocket> {
    let mut rest = line;
    let mut field = || {
        let start = rest.iter().position(|byte| *byte != b' ')?;
        let end = rest[start..].iter().position(|byte| *byte == b' ').map_or(rest.len(), |end| start + end);
        let text = std::str::from_utf8(&rest[start..end]).ok()?;
        rest = &rest[end..];
        Some(text)
    };
    let hexadecimal = |text: &str| u32::from_str_radix(text, 16).ok();
    let address = field()?.strip_suffix(':')?;
    u128::from_str_radix(address, 16).ok()?;
    let refs = hexadecimal(field()?)?;
    hexadecimal(field()?)?;
    let flags = hexadecimal(field()?)?;
    let kind = match hexadecimal(field()?)? {
        1 => SocketKind::Stream,
        2 => SocketKind::Datagram,
        5 => SocketKind::Seqpacket,
        _ => return None,
    };
    let state = match hexadecimal(field()?)? {
        1 => SocketState::Unconnected,
        2 => SocketState::Connecting,
        3 => SocketState::Connected,
        4 => SocketState::Disconnecting,
        _ => return None,
    };
    let inode = field()?.parse().ok()?;
    // Behind exactly one blank; the name may begin with more.
    let name = match rest.strip_prefix(b" ") {
        None | Some([]) => None,
        Some([b'@', name @ ..]) => Some(SocketName::Abstract(name.to_vec())),
        Some(path) => Some(SocketName::Path(PathBuf::from(OsString::from_vec(path.to_vec())))),
    };
    Some(UnixSocket { inode, kind, listening: flags & ACCEPTS != 0, state, refs, name })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_of_the_kernel() {
        let text = b"Num       RefCount Protocol Flags    Type St Inode Path\n\
            0000000000000000: 00000002 00000000 00010000 0001 01 18231 /run/systemd/private\n\
            ffff8c0a00000000: 00000003 00000000 00000000 0002 01    77 /var/ossec/queue/alerts/execq\n\
            0000000000000000: 00000003 00000000 00000000 0001 03 18240\n\
            0000000000000000: 00000002 00000000 00010000 0005 01 18241 @/org/x@@\n\
            0000000000000000: 00000002 00000000 00000000 0002 01 18242 /a b \xff\n\
            0000000000000000: 00000002 00000000 00000000 0009 01 18243 /odd\n\
            forged\n";
        let sockets = parse(text);
        assert_eq!(
            sockets.iter().map(|socket| socket.inode).collect::<Vec<_>>(),
            [18231, 77, 18240, 18241, 18242]
        );
        assert!(sockets[0].listening && sockets[0].is_bound());
        assert_eq!(sockets[1].path().unwrap(), std::path::Path::new("/var/ossec/queue/alerts/execq"));
        assert_eq!(
            (sockets[1].kind, sockets[1].refs, sockets[1].listening),
            (SocketKind::Datagram, 3, false)
        );
        assert_eq!((sockets[2].state, &sockets[2].name), (SocketState::Connected, &None));
        assert_eq!(sockets[3].kind, SocketKind::Seqpacket);
        assert_eq!(sockets[3].name, Some(SocketName::Abstract(b"/org/x@@".to_vec())));
        assert_eq!(sockets[4].path().unwrap().as_os_str().as_encoded_bytes(), b"/a b \xff");
    }

    proptest! {
        #[test]
        fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(parse(&bytes).len() <= bytes.len());
        }

        #[test]
        fn what_was_written_is_read(inode: u64, refs: u32, name in "[!-~][ -~]{0,40}") {
            let line = format!("0000000000000000: {refs:08X} 00000000 00010000 0001 01 {inode:5} {name}\n");
            let sockets = parse(line.as_bytes());
            let expected = match name.strip_prefix('@') {
                Some(rest) => SocketName::Abstract(rest.into()),
                None => SocketName::Path(name.clone().into()),
            };
            prop_assert_eq!(sockets, vec![UnixSocket {
                inode, refs, kind: SocketKind::Stream, listening: true,
                state: SocketState::Unconnected, name: Some(expected),
            }]);
        }
    }
}
