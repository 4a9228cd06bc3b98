//! Wazuh's version numbers, and how a version calls its response scripts.

use std::fmt;

/// A Wazuh release, `major.minor.patch`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// First number.
    pub major: u16,
    /// Second number.
    pub minor: u16,
    /// Third number.
    pub patch: u16,
}

/// The newest 4.x whose source was read. Its tag did not exist then (branch 4.14.9, alpha0).
pub const NEWEST_4: Version = Version::new(4, 14, 9);

/// The 5.x whose source was read (v5.0.0-beta4).
pub const NEWEST_5: Version = Version::new(5, 0, 0);

impl Version {
    /// A version from its three numbers.
    pub const fn new(major: u16, minor: u16, patch: u16) -> Self {
        Self { major, minor, patch }
    }

    /// Reads `4.14.2`, `v4.14.2`, `Wazuh v4.14.2` and what stands behind a third number
    /// (`5.0.0-beta4`). Two numbers are enough; the third is then 0.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let text = match text.split_once(' ') {
            Some((product, rest)) if product.eq_ignore_ascii_case("wazuh") => rest.trim_start(),
            _ => text,
        };
        let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
        let mut numbers = text.splitn(3, '.');
        let major = numbers.next()?.parse().ok()?;
        let minor = leading_number(numbers.next()?)?;
        let patch = match numbers.next() {
            Some(rest) => leading_number(rest)?,
            None => 0,
        };
        Some(Self { major, minor, patch })
    }

    /// True when `self` is at least `major.minor.patch`.
    pub const fn at_least(self, other: Self) -> bool {
        if self.major != other.major {
            return self.major > other.major;
        }
        if self.minor != other.minor {
            return self.minor > other.minor;
        }
        self.patch >= other.patch
    }
}

fn leading_number(text: &str) -> Option<u16> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.get(..end)?.parse().ok()
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// How execd hands a message to a response script.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Contract {
    /// Positional arguments (up to 4.1).
    Args,
    /// One JSON line on stdin with the alert inside (4.2 to 4.x).
    Json4,
    /// One JSON line on stdin with the finding at its root (5.x).
    Json5,
}

impl Contract {
    /// The contract of a version.
    pub const fn of(version: Version) -> Self {
        if version.major >= 5 {
            Self::Json5
        } else if version.at_least(Version::new(4, 2, 0)) {
            Self::Json4
        } else {
            Self::Args
        }
    }

    /// The contract's name as the documents use it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Args => "args",
            Self::Json4 => "json4",
            Self::Json5 => "json5",
        }
    }
}

impl fmt::Display for Contract {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_wazuh_writes_them() {
        let wanted = Some(Version::new(4, 14, 2));
        for text in ["4.14.2", "v4.14.2", "Wazuh v4.14.2", " wazuh 4.14.2 ", "4.14.2-rc1"] {
            assert_eq!(Version::parse(text), wanted, "{text}");
        }
        assert_eq!(Version::parse("v5.0.0-beta4"), Some(Version::new(5, 0, 0)));
        assert_eq!(Version::parse("4.9"), Some(Version::new(4, 9, 0)));
        for text in ["", "v", "4", "x.y.z", "4.", "4.x.1", "-1.2.3", "70000.1.1"] {
            assert_eq!(Version::parse(text), None, "{text}");
        }
        assert_eq!(Version::new(4, 14, 2).to_string(), "4.14.2");
    }

    #[test]
    fn order_is_numeric() {
        assert!(Version::new(4, 9, 2) < Version::new(4, 14, 0));
        assert!(Version::new(4, 14, 0).at_least(Version::new(4, 9, 2)));
        assert!(!Version::new(4, 2, 9).at_least(Version::new(4, 3, 0)));
    }

    #[test]
    fn contracts() {
        assert_eq!(Contract::of(Version::new(4, 1, 5)), Contract::Args);
        assert_eq!(Contract::of(Version::new(3, 13, 6)), Contract::Args);
        assert_eq!(Contract::of(Version::new(4, 2, 0)), Contract::Json4);
        assert_eq!(Contract::of(NEWEST_4), Contract::Json4);
        assert_eq!(Contract::of(NEWEST_5), Contract::Json5);
    }

    proptest::proptest! {
        #[test]
        fn parse_never_panics_and_reads_its_own_output(text in ".{0,40}", a: u16, b: u16, c: u16) {
            let _ = Version::parse(&text);
            let version = Version::new(a, b, c);
            proptest::prop_assert_eq!(Version::parse(&version.to_string()), Some(version));
        }
    }
}
