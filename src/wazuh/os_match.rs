//! OSMatch patterns and addresses, as `<white_list>` uses them.
//!
//! An entry that looks like an IPv4 address, with or without prefix or netmask, becomes an
//! address range; everything else, IPv6 included, becomes a pattern
//! (`src/config/global-config.c Read_Global`, 4.14). Both are held against the decoded
//! `srcip` (`src/analysisd/alerts/exec.c get_ip`, 4.14).

use memchr::memmem;

/// The longest pattern that compiles (`src/os_regex/os_regex.h OS_PATTERN_MAXSIZE`, 4.14).
pub const MAX_PATTERN: usize = 20_480;

/// Where an alternative has to stand in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// Anywhere.
    None,
    /// `^...`: at the beginning.
    Start,
    /// `...$`: at the end.
    End,
    /// `^...$`: the whole text.
    Both,
    /// An empty alternative: matches whatever the text is.
    Empty,
}

/// One of the texts between the `|` of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alternative {
    /// The text to find, in lower case, without `^` and `$`.
    pub literal: Vec<u8>,
    /// Where.
    pub anchor: Anchor,
}

/// A compiled OSMatch pattern: literal texts, ASCII case ignored, no wildcards and no
/// escapes (`src/os_regex/os_match_compile.c OSMatch_Compile`, 4.14).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OsMatch {
    /// The pattern as written.
    pub raw: Vec<u8>,
    /// A leading `!`: the answer is turned round.
    pub negated: bool,
    /// The alternatives, at least one.
    pub alternatives: Vec<Alternative>,
}

/// The pattern is longer than [`MAX_PATTERN`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

impl OsMatch {
    /// Compiles a pattern.
    pub fn compile(pattern: &[u8]) -> Result<Self, TooLong> {
        let raw = pattern.split(|&byte| byte == 0).next().unwrap_or_default();
        if raw.len() > MAX_PATTERN {
            return Err(TooLong);
        }
        let (negated, body) = match raw.strip_prefix(b"!") {
            Some(rest) => (true, rest),
            None => (false, raw),
        };
        let alternatives = body.split(|&byte| byte == b'|').map(Alternative::compile).collect::<Vec<_>>();
        Ok(Self { raw: raw.to_vec(), negated, alternatives })
    }

    /// True when the pattern takes this text (`OSMatch_Execute`).
    pub fn matches(&self, text: &[u8]) -> bool {
        let text = text.to_ascii_lowercase();
        self.alternatives.iter().any(|alternative| alternative.matches(&text)) != self.negated
    }

    /// True when there is no text it does not take.
    pub fn matches_everything(&self) -> bool {
        !self.negated && self.alternatives.iter().any(Alternative::takes_everything)
    }

    /// True when it takes every IPv4 address: every text, or every text with a dot in it.
    pub fn matches_every_ipv4(&self) -> bool {
        self.matches_everything()
            || !self.negated
                && self.alternatives.iter().any(|one| one.anchor == Anchor::None && one.literal == b".")
            || self.negated && !self.can_match_unnegated()
    }

    /// True when some IPv4 or IPv6 address could be taken.
    pub fn can_match_an_address(&self) -> bool {
        if self.negated {
            return !self.alternatives.iter().any(Alternative::takes_everything);
        }
        self.can_match_unnegated()
    }

    fn can_match_unnegated(&self) -> bool {
        self.alternatives.iter().any(Alternative::can_match_an_address)
    }
}

impl Alternative {
    fn compile(text: &[u8]) -> Self {
        let lower = |text: &[u8]| text.to_ascii_lowercase();
        let (literal, anchor) = match text {
            [] => (Vec::new(), Anchor::Empty),
            // A lone `^` begins the text but does not end it.
            [b'^', rest @ .., b'$'] => (lower(rest), Anchor::Both),
            [rest @ .., b'$'] => (lower(rest), Anchor::End),
            [b'^', rest @ ..] => (lower(rest), Anchor::Start),
            _ => (lower(text), Anchor::None),
        };
        Self { literal, anchor }
    }

    fn matches(&self, lower: &[u8]) -> bool {
        match self.anchor {
            Anchor::Empty => true,
            Anchor::Both => lower == self.literal,
            Anchor::End => lower.ends_with(&self.literal),
            Anchor::Start => lower.starts_with(&self.literal),
            Anchor::None => memmem::find(lower, &self.literal).is_some(),
        }
    }

    fn takes_everything(&self) -> bool {
        match self.anchor {
            Anchor::Empty => true,
            Anchor::Start | Anchor::End => self.literal.is_empty(),
            Anchor::Both | Anchor::None => false,
        }
    }

    fn can_match_an_address(&self) -> bool {
        let start = matches!(self.anchor, Anchor::Start | Anchor::Both);
        let end = matches!(self.anchor, Anchor::End | Anchor::Both);
        if self.literal.is_empty() {
            return self.anchor != Anchor::Both;
        }
        piece_of_ipv4(&self.literal, start, end) || piece_of_ipv6(&self.literal, start, end)
    }
}

/// Could the text be a piece of a dotted quad?
fn piece_of_ipv4(text: &[u8], start: bool, end: bool) -> bool {
    let groups = text.split(|&byte| byte == b'.').collect::<Vec<_>>();
    if groups.len() > 4 || start && end && groups.len() != 4 {
        return false;
    }
    groups.iter().enumerate().all(|(index, group)| {
        let first = index == 0;
        let last = index + 1 == groups.len();
        let whole_left = !first || start;
        let whole_right = !last || end;
        piece_of_octet(group, whole_left, whole_right)
    })
}

fn piece_of_octet(group: &[u8], whole_left: bool, whole_right: bool) -> bool {
    if group.len() > 3 || !group.iter().all(u8::is_ascii_digit) {
        return false;
    }
    if group.is_empty() {
        return !(whole_left && whole_right);
    }
    // At most 256 candidates of at most three digits.
    (0..=255_u16).any(|octet| {
        let octet = octet.to_string();
        let octet = octet.as_bytes();
        match (whole_left, whole_right) {
            (true, true) => octet == group,
            (true, false) => octet.starts_with(group),
            (false, true) => octet.ends_with(group),
            (false, false) => memmem::find(octet, group).is_some(),
        }
    })
}

/// Could the text be a piece of an IPv6 address? Groups of at most four digits, at most
/// seven colons, at most one `::`.
fn piece_of_ipv6(text: &[u8], start: bool, end: bool) -> bool {
    if !text.iter().all(|&byte| byte.is_ascii_hexdigit() || byte == b':') {
        return false;
    }
    let colons = text.iter().filter(|&&byte| byte == b':').count();
    let doubles = text.windows(2).filter(|pair| pair == b"::").count();
    if colons > 8 || doubles > 1 {
        return false;
    }
    if start && end {
        return valid_ip(text).is_some();
    }
    if start && text.starts_with(b":") && text.len() > 1 && !text.starts_with(b"::")
        || end && text.ends_with(b":") && text.len() > 1 && !text.ends_with(b"::")
    {
        return false;
    }
    text.split(|&byte| byte == b':').all(|group| group.len() <= 4)
}

/// An IPv4 range of the white list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OsIp {
    /// The text without a leading `!`.
    pub text: Vec<u8>,
    /// A `!` stood before it. It has no effect: Wazuh drops it before it stores the text and
    /// looks for it there later (`src/shared/validate_op.c OS_IsValidIP`, `OS_IPFoundList`,
    /// 4.14).
    pub negated: bool,
    /// The network address, host bits cleared.
    pub address: u32,
    /// The mask, any 32 bits.
    pub mask: u32,
}

impl OsIp {
    /// Is this address whitelisted by the entry?
    pub fn contains(&self, address: u32) -> bool {
        address & self.mask == self.address
    }

    /// How many leading bits the mask has, when it is a run of ones.
    pub fn prefix(&self) -> Option<u32> {
        let ones = self.mask.leading_ones();
        (self.mask.checked_shl(ones).unwrap_or(0) == 0).then_some(ones)
    }
}

/// The text of a whitelist entry is tried as an address when it has the shape
/// `[!]d.d.d.d[/dd|/mask]`, groups of one to three digits, the first group of a netmask two
/// or three (`src/config/global-config.c Read_Global ip_address_regex`, 4.14).
pub fn looks_like_ip(text: &[u8]) -> bool {
    let text = text.strip_prefix(b"!").unwrap_or(text);
    let Some(rest) = digits(text, 1).and_then(three_more) else {
        return false;
    };
    let Some(mask) = rest.strip_prefix(b"/") else {
        return rest.is_empty();
    };
    let length = mask.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let rest = mask.get(length..).unwrap_or_default();
    match length {
        1 | 2 if rest.is_empty() => true,
        2 | 3 => three_more(rest) == Some(&[]),
        _ => false,
    }
}

/// One to three digits, at least `least`; what follows.
fn digits(text: &[u8], least: usize) -> Option<&[u8]> {
    let length = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    (least..=3).contains(&length).then(|| text.get(length..).unwrap_or_default())
}

/// Three times a dot and one to three digits; what follows.
fn three_more(text: &[u8]) -> Option<&[u8]> {
    let mut rest = text;
    for _ in 0..3 {
        rest = digits(rest.strip_prefix(b".")?, 1)?;
    }
    Some(rest)
}

/// What Wazuh takes a text for (`src/shared/validate_op.c OS_IsValidIP`, 4.14).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IpKind {
    /// One address.
    Single,
    /// An address with prefix or netmask, or the word `any`.
    Range,
}

/// Is the text an address, IPv4 or IPv6? A leading `!` is skipped. No octet and no IPv4
/// prefix may have a leading zero.
pub fn valid_ip(text: &[u8]) -> Option<IpKind> {
    let text = text.strip_prefix(b"!").unwrap_or(text);
    if text == b"any" {
        return Some(IpKind::Range);
    }
    // PCRE's `$` also matches before a line feed at the end.
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    if let Some((_, _, range)) = ipv4(text) {
        return Some(if range { IpKind::Range } else { IpKind::Single });
    }
    ipv6(text)
}

/// The white list's reading of an entry that [`looks_like_ip`]; none is the fatal 1237.
pub fn white_list_ip(text: &[u8]) -> Option<OsIp> {
    let negated = text.starts_with(b"!");
    let bare = text.strip_prefix(b"!").unwrap_or(text);
    let (address, mask, _) = ipv4(bare)?;
    Some(OsIp { text: bare.to_vec(), negated, address: address & mask, mask })
}

/// Address, mask, and whether a mask was written.
fn ipv4(text: &[u8]) -> Option<(u32, u32, bool)> {
    let text = match text {
        [b':', b':', a, b, c, d, b':', rest @ ..]
            if [a, b, c, d].iter().all(|byte| byte.eq_ignore_ascii_case(&b'f')) =>
        {
            rest
        }
        _ => text,
    };
    let mut halves = text.splitn(2, |&byte| byte == b'/');
    let address = quad(halves.next()?)?;
    let Some(mask) = halves.next() else {
        return Some((address, u32::MAX, false));
    };
    let mask = match mask {
        [one] if one.is_ascii_digit() => prefix_mask(u32::from(one - b'0')),
        [ten @ b'1'..=b'2', one] if one.is_ascii_digit() => {
            prefix_mask(u32::from(ten - b'0') * 10 + u32::from(one - b'0'))
        }
        [b'3', one @ b'0'..=b'2'] => prefix_mask(30 + u32::from(one - b'0')),
        _ => quad(mask)?,
    };
    Some((address, mask, true))
}

fn prefix_mask(bits: u32) -> u32 {
    u32::MAX.checked_shl(32_u32.saturating_sub(bits)).unwrap_or(0)
}

fn quad(text: &[u8]) -> Option<u32> {
    let mut address = 0_u32;
    let mut count = 0;
    for group in text.split(|&byte| byte == b'.') {
        let octet = match group {
            [one] if one.is_ascii_digit() => u32::from(one - b'0'),
            [b'1'..=b'9', ..] if group.len() <= 3 => group
                .iter()
                .try_fold(0, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + u32::from(byte - b'0')))?,
            _ => return None,
        };
        if octet > 255 {
            return None;
        }
        address = address << 8 | octet;
        count += 1;
    }
    (count == 4).then_some(address)
}

fn ipv6(text: &[u8]) -> Option<IpKind> {
    if text == b"::" {
        return Some(IpKind::Single);
    }
    let mut halves = text.splitn(2, |&byte| byte == b'/');
    let body = halves.next()?;
    let prefix = halves.next();
    if let Some(prefix) = prefix {
        let number = prefix.iter().try_fold(0_u32, |sum, byte| {
            byte.is_ascii_digit().then(|| sum.saturating_mul(10).saturating_add(u32::from(byte - b'0')))
        })?;
        let fits = match prefix.len() {
            1 | 2 => true,
            3 => prefix.starts_with(b"1") && number <= 128,
            _ => false,
        };
        if !fits {
            return None;
        }
    }
    let groups = |text: &[u8]| -> Option<usize> {
        if text.is_empty() {
            return Some(0);
        }
        let mut count = 0;
        for group in text.split(|&byte| byte == b':') {
            if !(1..=4).contains(&group.len()) || !group.iter().all(u8::is_ascii_hexdigit) {
                return None;
            }
            count += 1;
        }
        Some(count)
    };
    let fits = match memmem::find(body, b"::") {
        None => groups(body)? == 8,
        Some(at) => {
            let left = groups(body.get(..at).unwrap_or_default())?;
            let right = groups(body.get(at + 2..).unwrap_or_default())?;
            (1..=7).contains(&(left + right))
        }
    };
    fits.then_some(if prefix.is_some() { IpKind::Range } else { IpKind::Single })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> OsMatch {
        OsMatch::compile(text.as_bytes()).unwrap()
    }

    #[test]
    fn patterns_are_literal_and_ignore_case() {
        for (text, hit, yes) in [
            ("localhost", "my.LOCALHOST.net", true),
            ("^localhost", "my.localhost", false),
            ("^localhost.localdomain$", "localhost.localdomain", true),
            ("^localhost.localdomain$", "localhostxlocaldomain", false),
            ("domain$", "localdomain", true),
            ("domain$", "domains", false),
            ("a|b", "xbx", true),
            ("192.0.2.*", "192.0.2.7", false),
            ("::1", "2001:db8::1:2", true),
            ("^", "x", true),
            ("$", "x", true),
            ("^$", "x", false),
            ("^$", "", true),
            ("!lan", "lan", false),
            ("!lan", "wan", true),
            ("!", "x", false),
            ("10.0.0.|", "203.0.113.1", true),
            ("a\\|b", "b", true),
            ("aab", "aaab", true),
        ] {
            assert_eq!(pattern(text).matches(hit.as_bytes()), yes, "{text} {hit}");
        }
    }

    #[test]
    fn what_a_pattern_can_reach() {
        for text in ["", "^", "$", "10.0.0.|", "|", "a|^"] {
            assert!(pattern(text).matches_everything(), "{text}");
        }
        for text in [".", "", "x|.", "!x y"] {
            assert!(pattern(text).matches_every_ipv4(), "{text}");
        }
        for text in ["^$", "a", "!", "!a", "10."] {
            assert!(!pattern(text).matches_every_ipv4(), "{text}");
        }
        for text in ["10.", "^192.0.2.1$", "::1", "fe80:", "^2001:db8:", "!x", "0", "f", ".255$"] {
            assert!(pattern(text).can_match_an_address(), "{text}");
        }
        for text in [
            "2001:db8::/32",
            "192.0.2.*",
            "10.0.0.1 ",
            "^$",
            "!",
            "localhost",
            "256.1.",
            "1.2.3.4.5",
            "^1.2.3$",
            "10.0.0.0-10.0.0.9",
            "::::",
            "\n",
        ] {
            assert!(!pattern(text).can_match_an_address(), "{text}");
        }
    }

    #[test]
    fn only_this_shape_is_tried_as_an_address() {
        for text in [
            "1.2.3.4",
            "!1.2.3.4",
            "999.1.1.1",
            "010.0.0.1",
            "1.2.3.4/8",
            "1.2.3.4/99",
            "1.2.3.4/255.255.0.0",
            "1.2.3.4/10.0.0.0",
        ] {
            assert!(looks_like_ip(text.as_bytes()), "{text}");
        }
        for text in [
            "",
            "1.2.3",
            "1.2.3.4 ",
            " 1.2.3.4",
            "1.2.3.4/",
            "1.2.3.4/128",
            "1.2.3.4/8.0.0.0",
            "::1",
            "1.2.3.4/255.255.0",
            "1.2.3.4.5",
            "1234.1.1.1",
            "!!1.2.3.4",
            "1.2.3.4\n",
            "::ffff:1.2.3.4",
        ] {
            assert!(!looks_like_ip(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn white_list_ranges() {
        let entry = white_list_ip(b"192.0.2.77/24").unwrap();
        assert_eq!((entry.address, entry.mask, entry.prefix()), (0xc000_0200, 0xffff_ff00, Some(24)));
        assert!(entry.contains(0xc000_02ff) && !entry.contains(0xc000_0300));
        let entry = white_list_ip(b"!10.0.0.1").unwrap();
        assert!(entry.negated && entry.contains(0x0a00_0001));
        let entry = white_list_ip(b"10.0.0.0/255.0.255.0").unwrap();
        assert_eq!(entry.prefix(), None);
        assert!(entry.contains(0x0a63_0007));
        assert_eq!(white_list_ip(b"0.0.0.0/0").unwrap().mask, 0);
        for text in
            ["010.0.0.1", "10.0.0.01", "192.0.2.256", "1.2.3.4/33", "1.2.3.4/08", "1.2.3.4/255.255.0.00"]
        {
            assert_eq!(white_list_ip(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn addresses() {
        use IpKind::{Range, Single};
        for (text, kind) in [
            ("10.0.0.1", Some(Single)),
            ("10.0.0.1\n", Some(Single)),
            ("::ffff:10.0.0.1", Some(Single)),
            ("10.0.0.1/24", Some(Range)),
            ("any", Some(Range)),
            ("::", Some(Single)),
            ("::/0", None),
            ("::1", Some(Single)),
            ("fe80::1/64", Some(Range)),
            ("fe80::1/129", None),
            ("fe80::1/064", None),
            ("fe80::1/08", Some(Range)),
            ("1:2:3:4:5:6:7:8", Some(Single)),
            ("1:2:3:4:5:6:7::", Some(Single)),
            ("1:2:3:4:5:6:7::8", None),
            ("1:2:3:4:5:6:7", None),
            ("1::2::3", None),
            ("12345::", None),
            (":1:2:3:4:5:6:7", None),
            ("manager", None),
            ("", None),
        ] {
            assert_eq!(valid_ip(text.as_bytes()), kind, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_panic_and_the_claims_are_consistent(
            text in "[!^$|.:/0-9a-fx ]{0,24}",
            hit in "[0-9a-f.:]{0,16}",
            address in proptest::num::u32::ANY,
        ) {
            let pattern = pattern(&text);
            if pattern.matches_everything() {
                proptest::prop_assert!(pattern.matches(hit.as_bytes()));
            }
            let spelled = std::net::Ipv4Addr::from(address).to_string();
            let taken = pattern.matches(spelled.as_bytes());
            if pattern.matches_every_ipv4() {
                proptest::prop_assert!(taken);
            }
            if taken {
                proptest::prop_assert!(pattern.can_match_an_address());
            }
            let _ = (looks_like_ip(text.as_bytes()), valid_ip(text.as_bytes()));
            proptest::prop_assert!(white_list_ip(spelled.as_bytes()).is_some_and(|ip| ip.contains(address)));
        }
    }
}
