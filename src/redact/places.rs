//! Where addresses stand in a text, and their pseudonyms in the spelling they were written in.
//!
//! Versions, object ids, counters and dates look alike and are none.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::address::Addresses;

fn is_shape(byte: u8) -> bool {
    byte.is_ascii_hexdigit() || byte == b'.' || byte == b':'
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// The text with every address replaced; `starts` says that beginnings of addresses (`192.0.2.`,
/// `^2001:db8:`) stand in it, too, which in other texts could be anything.
pub(super) fn rewrite(addresses: &Addresses, text: &[u8], starts: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 16);
    let mut here = 0;
    let mut copied = 0;
    while let Some(&byte) = text.get(here) {
        if !is_shape(byte) {
            here += 1;
            continue;
        }
        let end = here + text.iter().skip(here).take_while(|byte| is_shape(**byte)).count();
        let run = Run { text, start: here, end };
        if let Some((from, to, with)) = run.v6(addresses, starts).or_else(|| run.v4(addresses, starts)) {
            out.extend_from_slice(text.get(copied..from).unwrap_or_default());
            out.extend_from_slice(with.as_bytes());
            copied = to;
            here = to.max(here + 1);
        } else {
            here = end;
        }
    }
    out.extend_from_slice(text.get(copied..).unwrap_or_default());
    out
}

/// Digits, dots and colons in a row.
struct Run<'t> {
    text: &'t [u8],
    start: usize,
    end: usize,
}

type Found = Option<(usize, usize, String)>;

impl Run<'_> {
    fn at(&self, index: usize) -> Option<u8> {
        self.text.get(index).copied()
    }

    fn before(&self, start: usize) -> Option<u8> {
        start.checked_sub(1).and_then(|before| self.at(before))
    }

    /// The number behind a `/`, and where it ends.
    fn prefix(&self, from: usize, most: u32) -> Option<(u32, usize)> {
        if self.at(from) != Some(b'/') {
            return None;
        }
        let digits = self.text.iter().skip(from + 1).take_while(|byte| byte.is_ascii_digit()).count();
        let end = from + 1 + digits;
        let number = std::str::from_utf8(self.text.get(from + 1..end)?).ok()?.parse().ok()?;
        // `/255.255.255.0` is no number, nor is `/24.tar`.
        let ends = !self
            .at(end)
            .is_some_and(|byte| is_word(byte) || byte == b'.' && self.at(end + 1).is_some_and(is_word));
        (number <= most && ends && digits <= 3).then_some((number, end))
    }

    fn v6(&self, addresses: &Addresses, starts: bool) -> Found {
        let run = self.text.get(self.start..self.end)?;
        let text = std::str::from_utf8(run).ok()?;
        let may_be = memchr::memchr_iter(b':', run).count() > 1 || starts && is_v6_start(text);
        if !may_be || self.before(self.start).is_some_and(is_word) {
            return None;
        }
        let trimmed = text.trim_end_matches(['.', ':']);
        let whole = [text, trimmed, trimmed.trim_start_matches(':')].into_iter().find_map(|text| {
            let address: Ipv6Addr = text.parse().ok()?;
            Some((text, address))
        });
        let skipped = |part: &str| part.as_ptr() as usize - text.as_ptr() as usize;
        if let Some((part, address)) = whole {
            let from = self.start + skipped(part);
            let to = from + part.len();
            let is_end = self.at(to).is_none_or(|byte| !is_word(byte) || byte == b':');
            // `00:11:22:33:44:55:66:77` is a number of hardware, `a::b` a name of a program.
            let hardware = part.split(':').all(|group| group.len() == 2) && !part.contains("::");
            if !is_end || hardware || !part.bytes().any(|byte| byte.is_ascii_digit()) {
                return None;
            }
            let (mapped, to) = match self.prefix(to, 128) {
                Some((bits, end)) => {
                    (format!("{}/{bits}", spelled(addresses.network_v6(address, bits), part)), end)
                }
                None => (spelled(addresses.v6(address), part), to),
            };
            return Some((from, to, mapped));
        }
        // `^2001:db8:`
        let groups: Option<Vec<u16>> = trimmed
            .split(':')
            .map(|group| u16::from_str_radix(group, 16).ok().filter(|_| group.len() <= 4))
            .collect();
        let groups = groups.filter(|groups| (2..8).contains(&groups.len()))?;
        let ends = text.len() == trimmed.len() + 1 && text.ends_with(':');
        // `2A00:1450`: a group of four digits ends by itself.
        let is_full = text.len() == trimmed.len() && is_v6_start(trimmed);
        let is_address = groups.first().is_some_and(|first| *first >= 0x100);
        if !starts || !(ends || is_full && !self.at(self.end).is_some_and(is_word)) || !is_address {
            return None;
        }
        let mapped = addresses.v6_start(&groups);
        let mut with = String::new();
        for (number, group) in mapped.iter().enumerate() {
            let _ = match (is_full, number) {
                (true, 0) => write!(with, "{group:x}"),
                (true, _) => write!(with, ":{group:x}"),
                (false, _) => write!(with, "{group:x}:"),
            };
        }
        Some((
            self.start,
            self.end,
            if trimmed.bytes().any(|byte| byte.is_ascii_uppercase()) { with.to_uppercase() } else { with },
        ))
    }

    fn v4(&self, addresses: &Addresses, starts: bool) -> Found {
        let mut from = self.start;
        while from < self.end {
            // The next digits that no letter stands in front of.
            let is_first = |at: usize| {
                self.at(at).is_some_and(|byte| byte.is_ascii_digit())
                    && self.before(at).is_none_or(|byte| !is_word(byte) && byte != b'.')
            };
            from = (from..self.end).find(|at| is_first(*at))?;
            if let Some(found) = self.v4_at(from, addresses, starts) {
                return Some(found);
            }
            from += self
                .text
                .iter()
                .skip(from)
                .take_while(|byte| byte.is_ascii_digit() || **byte == b'.')
                .count();
        }
        None
    }

    fn v4_at(&self, from: usize, addresses: &Addresses, starts: bool) -> Found {
        let mut octets: Vec<u8> = Vec::new();
        let mut to = from;
        let mut dot = false;
        loop {
            let digits = self.text.iter().skip(to).take_while(|byte| byte.is_ascii_digit()).count();
            let number = std::str::from_utf8(self.text.get(to..to + digits)?).ok()?;
            if digits == 0 {
                break;
            }
            // `010` is octal to some and ten to others.
            let octet = number.parse::<u8>().ok().filter(|_| digits == 1 || !number.starts_with('0'))?;
            octets.push(octet);
            to += digits;
            dot = self.at(to) == Some(b'.');
            if octets.len() == 4 || !dot {
                break;
            }
            to += 1;
        }
        if octets.len() < 4 {
            // `^192.0.2.`: the dot stands at its end.
            let ends = self.at(to).is_none_or(|byte| !is_word(byte));
            let is_start = starts
                && (dot || octets.len() > 1)
                && !octets.is_empty()
                && ends
                && !is_version(self.text, from);
            if !is_start {
                return None;
            }
            let mapped = addresses.v4_start(&octets);
            let mut with = String::new();
            for (number, octet) in mapped.iter().enumerate() {
                let _ = write!(with, "{}{octet}", if number > 0 { "." } else { "" });
            }
            with.push_str(if dot { "." } else { "" });
            return Some((from, to, with));
        }
        let address = <[u8; 4]>::try_from(octets).map(Ipv4Addr::from).ok()?;
        let after = self.at(to);
        // A fifth number, or a letter: no address.
        let goes_on =
            after.is_some_and(is_word) || dot && self.at(to + 1).is_some_and(|byte| byte.is_ascii_digit());
        let is_oid = address.octets().starts_with(&[1, 3, 6, 1]);
        let reverse = self.text.get(to..).is_some_and(|rest| rest.starts_with(b".in-addr.arpa"));
        if goes_on
            || is_oid
            || is_version(self.text, from)
            || self.before(from) == Some(b'/') && self.is_netmask(from, address)
        {
            return None;
        }
        if self.before(from) == Some(b'-') && !self.follows_address(from - 1) {
            return None;
        }
        // `4.14.2.1-1`: a package.
        if after == Some(b'-')
            && self.at(to + 1).is_some_and(|byte| byte.is_ascii_digit())
            && !self.leads_to_address(to + 1)
        {
            return None;
        }
        if reverse {
            let [a, b, c, d] = address.octets();
            let [a, b, c, d] = addresses.v4(Ipv4Addr::new(d, c, b, a)).octets();
            return Some((from, to, Ipv4Addr::new(d, c, b, a).to_string()));
        }
        if let Some((bits, end)) = self.prefix(to, 32) {
            return Some((from, end, format!("{}/{bits}", addresses.network_v4(address, bits))));
        }
        // With a netmask: what is 0 behind it stays so.
        if after == Some(b'/') || after == Some(b' ') {
            let mask = self.text.get(to + 1..).unwrap_or_default();
            let mask =
                mask.get(..mask.iter().take_while(|byte| byte.is_ascii_digit() || **byte == b'.').count())?;
            let mask = std::str::from_utf8(mask).ok()?.parse::<Ipv4Addr>().ok().map(u32::from);
            if let Some(mask) =
                mask.filter(|mask| mask.leading_ones() + mask.trailing_zeros() == 32 && *mask >= 0xff00_0000)
            {
                return Some((from, to, addresses.network_v4(address, mask.leading_ones()).to_string()));
            }
        }
        Some((from, to, addresses.v4(address).to_string()))
    }

    /// Behind a `/`, and bits that are set stand in front of those that are not.
    fn is_netmask(&self, from: usize, address: Ipv4Addr) -> bool {
        let bits = u32::from(address);
        bits.leading_ones() + bits.trailing_zeros() >= 32
            && from >= 2
            && self.at(from - 2).is_some_and(|byte| byte.is_ascii_digit())
    }

    /// An address stands in front: `10.0.0.1-10.0.0.9`.
    fn follows_address(&self, to: usize) -> bool {
        let start = (0..to)
            .rev()
            .take(15)
            .take_while(|at| self.at(*at).is_some_and(|byte| byte.is_ascii_digit() || byte == b'.'))
            .last();
        start.and_then(|start| self.text.get(start..to)).is_some_and(is_v4)
    }

    fn leads_to_address(&self, from: usize) -> bool {
        let length =
            self.text.iter().skip(from).take_while(|byte| byte.is_ascii_digit() || **byte == b'.').count();
        self.text.get(from..from + length).is_some_and(is_v4)
    }
}

/// The first groups of a public address, the last of them with all its digits.
fn is_v6_start(text: &str) -> bool {
    let groups: Vec<&str> = text.split(':').collect();
    (2..8).contains(&groups.len())
        && groups.iter().all(|group| (1..=4).contains(&group.len()))
        && groups.last().is_some_and(|last| last.len() == 4 && !last.starts_with('0'))
        && groups.first().is_some_and(|first| first.len() == 4 && first.starts_with(['2', '3']))
        && text.bytes().any(|byte| byte.is_ascii_alphabetic())
}

/// A pattern of addresses that is neither a whole one, a network nor the first numbers of one:
/// `.34$`, `93.18`, `^192.0.2.3\d`. What it matches among pseudonyms is another matter.
pub(super) fn is_piece(pattern: &str) -> bool {
    let text = pattern.trim_start_matches(['!', '^']).trim_end_matches(['$', '*']);
    let is_pattern = text.bytes().all(|byte| is_shape(byte) || b"/-\\".contains(&byte));
    if !is_pattern || !text.contains(['.', ':']) || !text.bytes().any(|byte| byte.is_ascii_digit()) {
        return false;
    }
    let first = text.split(['/', '-']).next().unwrap_or_default();
    if first.parse::<std::net::IpAddr>().is_ok() {
        return false;
    }
    let is_octets = |text: &str| text.split('.').all(|octet| octet.parse::<u8>().is_ok());
    let is_groups = |text: &str| {
        text.contains(':') && text.split(':').all(|group| u16::from_str_radix(group, 16).is_ok())
    };
    let is_start = text.strip_suffix('.').is_some_and(is_octets)
        || text.strip_suffix(':').is_some_and(is_groups)
        || is_v6_start(text);
    !is_start
}

fn is_v4(text: &[u8]) -> bool {
    std::str::from_utf8(text).is_ok_and(|text| text.trim_end_matches('.').parse::<Ipv4Addr>().is_ok())
}

/// The words in front say that it is a version: `version="4.14.2.1"`, `v 4.14.2.1`, `>= 1.2.3.4`.
fn is_version(text: &[u8], from: usize) -> bool {
    let before = text.get(from.saturating_sub(24)..from).unwrap_or_default().to_ascii_lowercase();
    let mut end = before.len();
    while end > 0 && before.get(end - 1).is_some_and(|byte| b" \t\"'\\:=(>~<v".contains(byte)) {
        end -= 1;
    }
    let gap = before.get(end..).unwrap_or_default();
    let word = before.get(..end).unwrap_or_default();
    let compared = gap.windows(2).any(|two| matches!(two, b">=" | b"<=" | b"==" | b"~=" | b"<<" | b">>"));
    let named = [
        &b"version"[..],
        b"_ver",
        b" ver",
        b"release",
        b"build",
        b"revision",
        b"firmware",
        b"upgrade",
        b"wazuh",
    ]
    .iter()
    .any(|name| word.ends_with(name));
    let lettered = gap.contains(&b'v') && word.last().is_none_or(|byte| !is_word(*byte));
    compared || named || lettered
}

/// An address in the spelling of another one: capitals, leading zeros, an IPv4 end.
fn spelled(address: Ipv6Addr, like: &str) -> String {
    let groups = like.split(':');
    let padded = groups.clone().any(|group| group.len() == 4 && group.starts_with('0')) || like.len() == 39;
    let text = if padded {
        let groups: Vec<String> = address.segments().iter().map(|group| format!("{group:04x}")).collect();
        groups.join(":")
    } else if like.contains("::") || like.contains('.') {
        address.to_string()
    } else {
        let groups: Vec<String> = address.segments().iter().map(|group| format!("{group:x}")).collect();
        groups.join(":")
    };
    if like.bytes().any(|byte| byte.is_ascii_uppercase()) { text.to_uppercase() } else { text }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn rewritten(text: &str, starts: bool) -> String {
        String::from_utf8(rewrite(&Addresses::new([9; 32]), text.as_bytes(), starts)).unwrap()
    }

    #[test]
    fn pieces_of_addresses_are_told() {
        for text in [".34$", "216.34", "93.18", "^93.184.216.3\\d", "^192.16", "2001:", "2a00:145", ":1450:"]
        {
            assert!(is_piece(text), "{text}");
        }
        for text in [
            "192.0.2.1",
            "!192.0.2.1",
            "^192.0.2.1$",
            "192.0.2.0/24",
            "192.0.2.0/255.255.255.0",
            "192.0.2.1-192.0.2.9",
            "^192.0.2.",
            "10.",
            "192.0.2.*",
            "2001:db8::7",
            "2001:db8::/32",
            "^2001:db8:",
            "2A00:1450",
            "::ffff:192.0.2.1",
            "example.com",
            "face.example",
            "any",
            "web-01",
            "",
        ] {
            assert!(!is_piece(text), "{text}");
        }
    }

    #[test]
    fn the_first_groups_of_an_address_need_no_colon_behind() {
        let whole = rewritten("2a00:1450:4001:81b::200e", true);
        for (start, text) in
            [("2a00:1450", "2a00:1450"), ("2A00:1450", "2A00:1450"), ("^2a00:1450", "2a00:1450")]
        {
            let mapped = rewritten(start, true);
            assert!(whole.starts_with(&mapped.trim_start_matches('^').to_lowercase()), "{mapped} {whole}");
            assert_ne!(mapped.trim_start_matches('^'), text);
        }
        // A key and its value, a part of a group.
        for text in ["2024:1234", "2a00:145", "12:30"] {
            assert_eq!(rewritten(text, true), text);
        }
    }

    #[test]
    fn what_is_no_address_stays() {
        for text in [
            "Wazuh v4.14.2.1",
            "version 4.14.2.1",
            "\"version\":\"4.14.2.1\"",
            "wazuh-agent_4.14.2.1-1_amd64.deb",
            "4.14.2.1-1",
            "1.3.6.1",
            "1.3.6.1.4.1.311",
            "libssl.so.1.2.3.4",
            "app-1.2.3.4/",
            "pip==1.2.3.4",
            "(>= 2.3.4.1)",
            "1.2.3.4.5",
            "256.1.2.3",
            "10.0.19045.1",
            "1.2.3",
            "[12:3456] -A",
            "12:34:56",
            "2026/11/20 14:09:57",
            "14:09:57.123456",
            "00:11:22:33:44:55",
            "00:11:22:33:44:55:66:77",
            "Foo::Bar",
            "add::bad",
            "std::vec",
            "a:b:c",
            "rule:5712",
            "127.0.0.1",
            "0.0.0.0",
            "255.255.255.0",
            "224.0.0.18",
            "::1",
            "::",
            "ff02::1",
            "0.0.0.0/0",
            "10.0.1. And so on",
            "127.0.0.0/8",
            "1.2.3.4rc1",
            "v1.2.3.4",
        ] {
            assert_eq!(rewritten(text, false), text);
        }
    }

    #[test]
    fn addresses_are_found_in_every_spelling() {
        for text in [
            "93.184.216.34",
            "from 93.184.216.34 port 22",
            "93.184.216.34:443",
            "(93.184.216.34)",
            "[93.184.216.34]",
            "ALL:93.184.216.34",
            "ip=93.184.216.34,",
            "93.184.216.34.",
            "http://93.184.216.34/x",
            "\\\"93.184.216.34\\\"",
            "2a00:1450:4001:81b::200e",
            "[2a00:1450:4001:81b::200e]:443",
            "2A00:1450:4001:081B:0000:0000:0000:200E",
            "2a00:1450::/32",
            "93.184.216.0/24",
            "93.184.216.0/255.255.255.0",
            "::ffff:93.184.216.34",
            "64:ff9b::93.184.216.34",
            "10.20.7.4",
            "192.168.7.9",
            "fe80::1ff:fe23:4567:890a%eth0",
            "93.184.216.34->/var/log/x",
            "(web-01) 93.184.216.34->syslog",
            "34.216.184.93.in-addr.arpa",
        ] {
            let out = rewritten(text, false);
            assert_ne!(out, text);
            assert_eq!(
                rewritten(&format!("x {text} y"), false),
                format!("x {out} y"),
                "words around it change nothing"
            );
        }
        let out = rewritten("93.184.216.34-93.184.216.99", false);
        let (one, other) = out.split_once('-').unwrap();
        assert_eq!((one, other), (&*rewritten("93.184.216.34", false), &*rewritten("93.184.216.99", false)));
        assert!(rewritten("93.184.216.0/24", false).ends_with(".0/24"));
        assert!(rewritten("93.184.216.0/255.255.255.0", false).ends_with(".0/255.255.255.0"));
        assert!(
            rewritten("2A00:1450:4001:081B:0000:0000:0000:200E", false)
                .bytes()
                .all(|byte| !byte.is_ascii_lowercase())
        );
    }

    #[test]
    fn beginnings_go_with_their_addresses() {
        let whole = rewritten("93.184.216.34", true);
        for text in ["93.184.216.", "^93.184.", "93."] {
            let start = rewritten(text, true);
            assert_ne!(start, text);
            assert!(whole.starts_with(start.trim_start_matches('^')), "{text}: {start} of {whole}");
            assert_eq!(rewritten(text, false), text, "elsewhere it may be anything");
        }
        let whole = rewritten("2a00:1450:4001:81b::200e", true);
        let start = rewritten("^2a00:1450:", true);
        assert!(whole.starts_with(&start[1..]), "{start} of {whole}");
    }
}
