//! Netlink, as far as it is needed to see what changed: the bell of nftables, and lists of
//! routes, their rules, links and addresses (`linux/rtnetlink.h`, `linux/fib_rules.h`).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, send, setsockopt,
    socket, sockopt,
};
use nix::sys::time::TimeVal;

/// Lines of a list that are kept.
const MOST_LINES: usize = 20_000;

/// `NFNLGRP_NFTABLES`, as a bit of the mask.
const NFTABLES: u32 = 1 << (7 - 1);

/// Rings when the nftables of the namespace change.
#[derive(Debug)]
pub(super) struct Bell(OwnedFd);

impl Bell {
    pub(super) fn open() -> io::Result<Self> {
        open(SockProtocol::NetlinkNetFilter, NFTABLES, SockFlag::SOCK_NONBLOCK).map(Self)
    }

    /// Whether it rang since it was last asked.
    pub(super) fn rang(&self) -> bool {
        let mut rang = false;
        let mut buffer = [0; 8 << 10];
        loop {
            match recv(self.0.as_raw_fd(), &mut buffer, MsgFlags::empty()) {
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) | Ok(0) => return rang,
                // Too much for the buffer of the socket: there were changes.
                Err(Errno::ENOBUFS) | Ok(_) => rang = true,
                // It can no longer say; so look.
                Err(_) => return true,
            }
        }
    }
}

fn open(protocol: SockProtocol, groups: u32, flags: SockFlag) -> io::Result<OwnedFd> {
    let socket = socket(AddressFamily::Netlink, SockType::Raw, flags | SockFlag::SOCK_CLOEXEC, protocol)?;
    bind(socket.as_raw_fd(), &NetlinkAddr::new(0, groups))?;
    Ok(socket)
}

/// Asks for a list: messages as their type and what follows the header.
fn dump(protocol: SockProtocol, kind: u16, body: &[u8]) -> io::Result<Vec<(u16, Vec<u8>)>> {
    const REQUEST_DUMP: u16 = 0x301;
    let socket = open(protocol, 0, SockFlag::empty())?;
    setsockopt(&socket, sockopt::ReceiveTimeout, &TimeVal::new(1, 0))?;
    let mut message = Vec::new();
    message.extend(u32::try_from(16 + body.len()).unwrap_or(u32::MAX).to_ne_bytes());
    message.extend(kind.to_ne_bytes());
    message.extend(REQUEST_DUMP.to_ne_bytes());
    message.extend(1_u32.to_ne_bytes());
    message.extend(0_u32.to_ne_bytes());
    message.extend(body);
    send(socket.as_raw_fd(), &message, MsgFlags::empty())?;
    let mut messages = Vec::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        let n = match recv(socket.as_raw_fd(), &mut buffer, MsgFlags::empty()) {
            Err(Errno::EINTR) => continue,
            other => other?,
        };
        let mut rest = buffer.get(..n).unwrap_or_default();
        while let Some((kind, body, after)) = message_of(rest) {
            rest = after;
            match kind {
                // NLMSG_NOOP
                1 => {}
                // NLMSG_ERROR: a negative errno, 0 for an acknowledgement.
                2 => match number(body.get(..4)) {
                    0 => {}
                    error => return Err(io::Error::from_raw_os_error((error as i32).wrapping_neg())),
                },
                // NLMSG_DONE
                3 => return Ok(messages),
                _ if messages.len() < MOST_LINES => messages.push((kind, body.to_vec())),
                _ => {}
            }
        }
        if n == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// The first message: type, body, what follows.
fn message_of(bytes: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let length = number(bytes.get(..4)) as usize;
    let kind = number(bytes.get(4..6)) as u16;
    let body = bytes.get(16..length)?;
    Some((kind, body, bytes.get(length.next_multiple_of(4)..).unwrap_or_default()))
}

/// Attributes by number; of several with one number the last counts.
fn attributes(mut bytes: &[u8]) -> BTreeMap<u16, &[u8]> {
    let mut attributes = BTreeMap::new();
    while bytes.len() >= 4 {
        let length = number(bytes.get(..2)) as usize;
        let Some(value) = bytes.get(4..length) else { break };
        // The two highest bits say how it is coded.
        attributes.insert(number(bytes.get(2..4)) as u16 & 0x3fff, value);
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    attributes
}

/// A number of up to four bytes in the order of this machine.
fn number(bytes: Option<&[u8]>) -> u32 {
    match bytes.unwrap_or_default() {
        [a] => u32::from(*a),
        [a, b] => u32::from(u16::from_ne_bytes([*a, *b])),
        [a, b, c, d] => u32::from_ne_bytes([*a, *b, *c, *d]),
        _ => 0,
    }
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(bytes) = <[u8; 4]>::try_from(bytes) {
        return Some(Ipv4Addr::from(bytes).into());
    }
    Some(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?).into())
}

/// `203.0.113.9`, `10.0.0.0/8`, `default`.
fn prefix(bytes: Option<&&[u8]>, length: u8, all: &str) -> String {
    match bytes.and_then(|bytes| address(bytes)) {
        None if length == 0 => all.to_owned(),
        None => "?".to_owned(),
        Some(address) if length == if address.is_ipv4() { 32 } else { 128 } => address.to_string(),
        Some(address) => format!("{address}/{length}"),
    }
}

fn name(bytes: Option<&&[u8]>) -> Option<String> {
    let bytes = bytes?.split(|byte| *byte == 0).next().unwrap_or_default();
    Some(String::from_utf8_lossy(bytes).into_owned())
}

/// The lists of the network itself by name: `links`, `addresses`, `routes`, `routing rules`.
pub(super) fn lists() -> io::Result<BTreeMap<&'static str, Vec<String>>> {
    const GETLINK: u16 = 18;
    const GETADDR: u16 = 22;
    const GETROUTE: u16 = 26;
    const GETRULE: u16 = 34;
    let ask = |kind: u16, family: AddressFamily, length: usize| {
        let mut body = vec![0; length];
        if let Some(first) = body.first_mut() {
            *first = family as u8;
        }
        dump(SockProtocol::NetlinkRoute, kind, &body)
    };
    let mut links = BTreeMap::new();
    let mut up = Vec::new();
    for (_, body) in ask(GETLINK, AddressFamily::Unspec, 16)? {
        let attributes = attributes(body.get(16..).unwrap_or_default());
        let Some(name) = name(attributes.get(&3)) else { continue };
        if number(body.get(8..12)) & 1 != 0 {
            up.push(format!("{name} up"));
        }
        links.insert(number(body.get(4..8)), name);
    }
    let (mut addresses, mut routes, mut rules) = (Vec::new(), Vec::new(), Vec::new());
    for family in [AddressFamily::Inet, AddressFamily::Inet6] {
        // A kernel without IPv6 refuses to speak of it.
        let list = |kind, length| match ask(kind, family, length) {
            Err(_) if family == AddressFamily::Inet6 => Ok(Vec::new()),
            other => other,
        };
        addresses.extend(list(GETADDR, 8)?.iter().filter_map(|(_, body)| interface_address(body, &links)));
        routes.extend(list(GETROUTE, 12)?.iter().filter_map(|(_, body)| route(body, &links)));
        rules.extend(list(GETRULE, 12)?.iter().filter_map(|(_, body)| rule(body)));
    }
    Ok(BTreeMap::from([
        ("links", up),
        ("addresses", addresses),
        ("routes", routes),
        ("routing rules", rules),
    ]))
}

fn device(index: u32, links: &BTreeMap<u32, String>) -> String {
    links.get(&index).cloned().unwrap_or_else(|| format!("if{index}"))
}

fn interface_address(body: &[u8], links: &BTreeMap<u32, String>) -> Option<String> {
    const LINK: u8 = 253;
    const TEMPORARY: u8 = 1;
    let (&length, &flags, &scope) = (body.get(1)?, body.get(2)?, body.get(3)?);
    let attributes = attributes(body.get(8..)?);
    let address = attributes.get(&2).or(attributes.get(&1)).and_then(|bytes| address(bytes))?;
    if address.is_ipv6() && (scope == LINK || flags & TEMPORARY != 0) {
        return None;
    }
    Some(format!("{address}/{length} dev {}", device(number(body.get(4..8)), links)))
}

/// A route as `ip route` writes it; none for what the kernel makes by itself.
fn route(body: &[u8], links: &BTreeMap<u32, String>) -> Option<String> {
    const CLONED: u32 = 0x200;
    const REDIRECT: u8 = 1;
    let &[family, length, from, _, table, protocol, _, kind] = body.get(..8)? else { return None };
    let attributes = attributes(body.get(12..)?);
    let kind = match kind {
        1 => "",
        6 => "blackhole ",
        7 => "unreachable ",
        8 => "prohibit ",
        9 => "throw ",
        10 => "nat ",
        // Local, broadcast, anycast, multicast and what is newer.
        _ => return None,
    };
    let metric = attributes.get(&6).map_or(0, |bytes| number(Some(bytes)));
    let own = match attributes.get(&1).and_then(|bytes| address(bytes)) {
        Some(IpAddr::V6(to)) => to.is_loopback() || to.is_multicast() || to.is_unicast_link_local(),
        Some(IpAddr::V4(to)) => to.is_multicast(),
        None => false,
    };
    if own || number(body.get(8..12)) & CLONED != 0 || protocol == REDIRECT || metric == u32::MAX {
        return None;
    }
    let mut text = kind.to_owned();
    // Both families write `default`; only this tells them apart.
    if family == AddressFamily::Inet6 as u8 && length == 0 {
        text.push_str("-6 ");
    }
    text.push_str(&prefix(attributes.get(&1), length, "default"));
    if from > 0 {
        let _ = write!(text, " from {}", prefix(attributes.get(&2), from, "all"));
    }
    if let Some(via) = attributes.get(&5).and_then(|bytes| address(bytes)) {
        let _ = write!(text, " via {via}");
    }
    // RTA_VIA: a gateway of the other family, behind its number.
    if let Some(via) = attributes.get(&18).and_then(|bytes| address(bytes.get(2..)?)) {
        let _ = write!(text, " via inet6 {via}");
    }
    if let (true, Some(index)) = (kind.is_empty(), attributes.get(&4)) {
        let _ = write!(text, " dev {}", device(number(Some(index)), links));
    }
    let mut hops = attributes.get(&9).copied().unwrap_or_default();
    while let (Some(hop), Some(index)) = (hops.get(8..number(hops.get(..2)) as usize), hops.get(4..8)) {
        let via = self::attributes(hop).get(&5).and_then(|bytes| address(bytes));
        let via = via.map_or_else(String::new, |via| format!(" via {via}"));
        let weight = u32::from(hops.get(3).copied().unwrap_or(0)) + 1;
        let _ = write!(text, " nexthop{via} dev {} weight {weight}", device(number(Some(index)), links));
        hops = hops.get((number(hops.get(..2)) as usize).next_multiple_of(4)..).unwrap_or_default();
    }
    let table = attributes.get(&15).map_or(u32::from(table), |bytes| number(Some(bytes)));
    if table != 254 {
        let _ = write!(text, " table {}", table_name(table));
    }
    if let Some(source) = attributes.get(&7).and_then(|bytes| address(bytes)) {
        let _ = write!(text, " src {source}");
    }
    if metric != 0 && !(family == AddressFamily::Inet6 as u8 && metric == 1024) {
        let _ = write!(text, " metric {metric}");
    }
    Some(text)
}

fn table_name(table: u32) -> String {
    match table {
        253 => "default".to_owned(),
        254 => "main".to_owned(),
        255 => "local".to_owned(),
        other => other.to_string(),
    }
}

/// A rule as `ip rule` writes it.
fn rule(body: &[u8]) -> Option<String> {
    const INVERT: u32 = 2;
    let &[family, to, from, _, table, _, _, action] = body.get(..8)? else { return None };
    let attributes = attributes(body.get(12..)?);
    let value = |at: u16| attributes.get(&at).map(|bytes| number(Some(bytes)));
    let mut text = format!("{}:", value(6).unwrap_or(0));
    if family == AddressFamily::Inet6 as u8 {
        text.push_str(" -6");
    }
    if number(body.get(8..12)) & INVERT != 0 {
        text.push_str(" not");
    }
    let _ = write!(text, " from {}", prefix(attributes.get(&2), from, "all"));
    if to > 0 {
        let _ = write!(text, " to {}", prefix(attributes.get(&1), to, "all"));
    }
    if let Some(mark) = value(10).filter(|mark| *mark != 0) {
        let _ = write!(text, " fwmark {mark:#x}/{:#x}", value(16).unwrap_or(u32::MAX));
    }
    for (at, word) in [(3, "iif"), (17, "oif")] {
        if let Some(name) = name(attributes.get(&at)) {
            let _ = write!(text, " {word} {name}");
        }
    }
    if let Some(range) = attributes.get(&20) {
        let _ = write!(text, " uidrange {}-{}", number(range.get(..4)), number(range.get(4..8)));
    }
    if let Some(protocol) = value(22).filter(|protocol| *protocol != 0) {
        let _ = write!(text, " ipproto {protocol}");
    }
    for (at, word) in [(23, "sport"), (24, "dport")] {
        if let Some(range) = attributes.get(&at) {
            let _ = write!(text, " {word} {}-{}", number(range.get(..2)), number(range.get(2..4)));
        }
    }
    match action {
        1 => {
            let table = value(15).unwrap_or(u32::from(table));
            let _ = write!(text, " lookup {}", table_name(table));
        }
        2 => {
            let _ = write!(text, " goto {}", value(4).unwrap_or(0));
        }
        3 => text.push_str(" nop"),
        6 => text.push_str(" blackhole"),
        7 => text.push_str(" unreachable"),
        8 => text.push_str(" prohibit"),
        other => {
            let _ = write!(text, " action {other}");
        }
    }
    Some(text)
}

/// Whether there is any set of ipset. The kernel does not announce its changes.
pub(super) fn has_ipsets() -> bool {
    // To ask a kernel without ipset would make it load the module, on the host.
    if std::fs::symlink_metadata("/sys/module/ip_set").is_err() {
        return false;
    }
    // IPSET_CMD_LIST of NFNL_SUBSYS_IPSET; IPv4, then IPSET_ATTR_PROTOCOL = 6, all kernels take that.
    const LIST: u16 = 6 << 8 | 7;
    let mut body = vec![AddressFamily::Inet as u8, 0, 0, 0];
    body.extend(5_u16.to_ne_bytes());
    body.extend(1_u16.to_ne_bytes());
    body.extend([6, 0, 0, 0]);
    dump(SockProtocol::NetlinkNetFilter, LIST, &body).is_ok_and(|sets| !sets.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
        let mut bytes = u16::try_from(4 + value.len()).unwrap().to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn message(head: &[u8], rest: &[Vec<u8>]) -> Vec<u8> {
        [head, &rest.concat()].concat()
    }

    #[test]
    fn routes() {
        let links = BTreeMap::from([(2, "eth0".to_owned())]);
        let (v4, v6) = (AddressFamily::Inet as u8, AddressFamily::Inet6 as u8);
        let head = |family, length, table, protocol, kind| {
            [family, length, 0, 0, table, protocol, 0, kind, 0, 0, 0, 0]
        };
        let to = attribute(1, &[203, 0, 113, 9]);
        let dev = attribute(4, &2_u32.to_ne_bytes());
        let via = attribute(5, &[10, 0, 0, 1]);
        let six = attribute(1, &"2001:db8::1".parse::<Ipv6Addr>().unwrap().octets());
        let lo = attribute(1, &"fe80::".parse::<Ipv6Addr>().unwrap().octets());
        let hop = {
            let mut hop = 16_u16.to_ne_bytes().to_vec();
            hop.extend([0, 4]);
            hop.extend(2_u32.to_ne_bytes());
            hop.extend(&via);
            hop
        };
        for (head, rest, want) in [
            (head(v4, 32, 254, 3, 6), vec![to.clone()], Some("blackhole 203.0.113.9")),
            (head(v4, 32, 254, 3, 7), vec![to.clone()], Some("unreachable 203.0.113.9")),
            (head(v4, 24, 254, 3, 8), vec![to.clone()], Some("prohibit 203.0.113.9/24")),
            (head(v4, 0, 254, 3, 1), vec![via.clone(), dev.clone()], Some("default via 10.0.0.1 dev eth0")),
            (
                head(v4, 0, 0, 3, 1),
                vec![dev.clone(), attribute(15, &1000_u32.to_ne_bytes()), attribute(6, &5_u32.to_ne_bytes())],
                Some("default dev eth0 table 1000 metric 5"),
            ),
            (
                head(v4, 0, 254, 3, 1),
                vec![attribute(9, &[hop.clone(), hop].concat())],
                Some("default nexthop via 10.0.0.1 dev eth0 weight 5 nexthop via 10.0.0.1 dev eth0 weight 5"),
            ),
            (head(v6, 128, 254, 3, 7), vec![six, dev.clone()], Some("unreachable 2001:db8::1")),
            (head(v6, 0, 254, 3, 1), vec![dev.clone()], Some("-6 default dev eth0")),
            (head(v6, 64, 254, 2, 1), vec![lo, dev], None),
            (head(v4, 32, 255, 2, 2), vec![to.clone()], None),
            (head(v4, 32, 254, 1, 1), vec![to], None),
        ] {
            assert_eq!(route(&message(&head, &rest), &links).as_deref(), want);
        }
    }

    #[test]
    fn rules() {
        let (v4, v6) = (AddressFamily::Inet as u8, AddressFamily::Inet6 as u8);
        let head = |family, to, from, table, action| [family, to, from, 0, table, 0, 0, action, 0, 0, 0, 0];
        let priority = attribute(6, &100_u32.to_ne_bytes());
        for (head, rest, want) in [
            (
                head(v4, 0, 32, 0, 6),
                vec![priority.clone(), attribute(2, &[203, 0, 113, 9])],
                "100: from 203.0.113.9 blackhole",
            ),
            (head(v4, 0, 0, 255, 1), vec![], "0: from all lookup local"),
            (
                head(v6, 0, 0, 254, 1),
                vec![priority, attribute(10, &1_u32.to_ne_bytes()), attribute(3, b"eth0\0")],
                "100: -6 from all fwmark 0x1/0xffffffff iif eth0 lookup main",
            ),
        ] {
            assert_eq!(rule(&message(&head, &rest)).as_deref(), Some(want));
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_taken(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..120)) {
            let links = BTreeMap::new();
            let _ = (route(&bytes, &links), rule(&bytes), interface_address(&bytes, &links), message_of(&bytes));
        }
    }
}
