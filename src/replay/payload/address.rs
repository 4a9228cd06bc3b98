//! What response programs make of the text of an address.

use std::net::{Ipv4Addr, Ipv6Addr};

/// A text that should be the address of one host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Address {
    /// Four numbers.
    V4(Ipv4Addr),
    /// IPv6, perhaps with a scope.
    V6(Ipv6Addr),
    /// An IPv4 address written as IPv6 (`::ffff:192.0.2.1`).
    Mapped(Ipv4Addr),
    /// Taken for a number by `inet_aton(3)`, so that another address is meant than is read:
    /// as `inet_aton` reads it, and as iptables does.
    Misread(Ipv4Addr, Ipv4Addr),
    /// Nothing programs take; why.
    No(&'static str),
}

impl Address {
    /// Reads it as `getaddrinfo` with `AI_NUMERICHOST` does, which is what the shipped
    /// programs ask (`src/active-response/active_responses.c get_ip_version`, 4.14).
    pub(super) fn of(text: &str) -> Self {
        if let Ok(address) = text.parse::<Ipv4Addr>() {
            return Self::V4(address);
        }
        let bare = text.split_once('%').map_or(text, |(address, _)| address);
        if let Ok(address) = bare.parse::<Ipv6Addr>() {
            return match address.to_ipv4_mapped() {
                Some(inner) => Self::Mapped(inner),
                None => Self::V6(address),
            };
        }
        if let Some(number) = inet_aton(text) {
            let read = Ipv4Addr::from(number);
            return Self::Misread(read, short(text).unwrap_or(read));
        }
        Self::No(why(text))
    }
}

/// iptables fills a short address up with zeros at its end.
fn short(text: &str) -> Option<Ipv4Addr> {
    let mut octets = [0_u8; 4];
    for (index, group) in text.split('.').enumerate() {
        if group.len() > 1 && group.starts_with('0') {
            return None;
        }
        *octets.get_mut(index)? = group.parse().ok()?;
    }
    Some(Ipv4Addr::from(octets))
}

/// `inet_aton(3)`: one to four numbers, decimal, octal with 0, hexadecimal with 0x; the last
/// one fills the bytes that are left.
fn inet_aton(text: &str) -> Option<u32> {
    let groups: Vec<&str> = text.split('.').collect();
    if groups.len() > 4 {
        return None;
    }
    let mut address = 0_u32;
    for (index, group) in groups.iter().enumerate() {
        let number = if let Some(digits) = group.strip_prefix("0x").or_else(|| group.strip_prefix("0X")) {
            digits
                .bytes()
                .all(|byte| byte.is_ascii_hexdigit())
                .then(|| u64::from_str_radix(digits, 16).ok())??
        } else if group.len() > 1 && group.starts_with('0') {
            group.bytes().all(|byte| byte.is_ascii_digit()).then(|| u64::from_str_radix(group, 8).ok())??
        } else {
            group.bytes().all(|byte| byte.is_ascii_digit()).then(|| group.parse::<u64>().ok())??
        };
        let last = index + 1 == groups.len();
        let bits = if last { 32 - 8 * u32::try_from(index).ok()? } else { 8 };
        if number >= 1_u64 << bits {
            return None;
        }
        let number = u32::try_from(number).ok()?;
        address |= if last { number } else { number << (24 - 8 * u32::try_from(index).ok()?) };
    }
    Some(address)
}

fn why(text: &str) -> &'static str {
    if text.is_empty() {
        return "it is empty";
    }
    if text == "-" {
        return "it is a hyphen, which stands for no address";
    }
    if text.trim() != text {
        return "it has a blank at its beginning or end";
    }
    if let Some((address, prefix)) = text.split_once('/')
        && address.parse::<std::net::IpAddr>().is_ok()
        && prefix.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
    {
        return "it is a network, and one address is wanted";
    }
    if text.starts_with('[') {
        return "it has brackets";
    }
    if let Some((address, port)) = text.rsplit_once(':')
        && address.parse::<Ipv4Addr>().is_ok()
        && port.bytes().all(|byte| byte.is_ascii_digit())
    {
        return "it has a port";
    }
    if text.contains(',') || text.contains(' ') {
        return "it is more than one word";
    }
    if text.bytes().any(|byte| byte.is_ascii_alphabetic()) && !text.contains(':') {
        return "it is a host name";
    }
    "it is none"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_as_the_programs_do() {
        let v4 = |text: &str| text.parse::<Ipv4Addr>().unwrap_or(Ipv4Addr::UNSPECIFIED);
        for (text, wanted) in [
            ("192.0.2.1", Address::V4(v4("192.0.2.1"))),
            ("::ffff:192.0.2.1", Address::Mapped(v4("192.0.2.1"))),
            ("192.0.2", Address::Misread(v4("192.0.0.2"), v4("192.0.2.0"))),
            ("10.1", Address::Misread(v4("10.0.0.1"), v4("10.1.0.0"))),
            ("1", Address::Misread(v4("0.0.0.1"), v4("1.0.0.0"))),
            ("0x7f000001", Address::Misread(v4("127.0.0.1"), v4("127.0.0.1"))),
            ("010.0.0.1", Address::Misread(v4("8.0.0.1"), v4("8.0.0.1"))),
            ("192.0.2.256", Address::No("it is none")),
            ("192.0.2.1 ", Address::No("it has a blank at its beginning or end")),
            ("192.0.2.0/24", Address::No("it is a network, and one address is wanted")),
            ("192.0.2.1:22", Address::No("it has a port")),
            ("[2001:db8::1]", Address::No("it has brackets")),
            ("any", Address::No("it is a host name")),
            ("www.example.com", Address::No("it is a host name")),
            ("-", Address::No("it is a hyphen, which stands for no address")),
            ("", Address::No("it is empty")),
            ("1.2.3.4.5", Address::No("it is none")),
            ("4294967296", Address::No("it is none")),
            ("08.0.0.1", Address::No("it is none")),
        ] {
            assert_eq!(Address::of(text), wanted, "{text}");
        }
        for text in ["2001:db8::1", "fe80::1%eth0", "::"] {
            assert!(matches!(Address::of(text), Address::V6(_)), "{text}");
        }
    }
}
