//! How the older parts of a log are called that logrotate(8) or auditd(8) set aside beside it.

use crate::wazuh::alerts::time::days;

/// Which part of a log a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotated {
    /// Its place among the others.
    pub order: Order,
    /// How it is packed.
    pub packing: Packing,
}

/// The place of a part among the others of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// `audit.log.3`: the higher, the older.
    Number(u32),
    /// `messages-20261115` (`dateext`): the day it was set aside, since 1970, and what tells those
    /// of one day apart, an hour or seconds.
    Date(i64, u64),
}

/// How a part is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// Not at all.
    Plain,
    /// By gzip.
    Gzip,
    /// In another way, which is not read.
    Other,
}

/// How others than gzip name what they pack.
const OTHERS: [&str; 4] = [".xz", ".bz2", ".zst", ".lz4"];

/// What a file is that lies beside the log `current`; none when it is no part of it.
pub fn rotated(current: &str, name: &str) -> Option<Rotated> {
    let (plain, packing) = match name.strip_suffix(".gz") {
        Some(plain) => (plain, Packing::Gzip),
        None => OTHERS
            .iter()
            .find_map(|end| name.strip_suffix(end))
            .map_or((name, Packing::Plain), |plain| (plain, Packing::Other)),
    };
    // With logrotate's `extension .log` the part stands before it: `x-20261115.log`.
    let inside = || {
        let dot = current.rfind('.').filter(|dot| *dot > 0)?;
        let (stem, extension) = current.split_at_checked(dot)?;
        plain.strip_prefix(stem)?.strip_suffix(extension)
    };
    let order = |mark: &str| match mark.split_at_checked(1)? {
        (".", number) => digits(number).filter(|number| *number > 0).map(Order::Number),
        ("-", date) => date_of(date),
        _ => None,
    };
    let order = plain.strip_prefix(current).and_then(order).or_else(|| order(inside()?))?;
    Some(Rotated { order, packing })
}

/// `YYYYMMDD` or `YYYY-MM-DD`, and digits behind it.
fn date_of(text: &str) -> Option<Order> {
    let (head, rest) = match text.as_bytes().get(4) {
        Some(b'-') => (text.get(..10)?, text.get(10..)?),
        _ => (text.get(..8)?, text.get(8..)?),
    };
    let compact: String = head.split('-').collect();
    let number: u32 = digits(&compact).filter(|_| compact.len() == 8)?;
    let (year, month, day) = (number / 10_000, number / 100 % 100, number % 100);
    let tail = match rest.strip_prefix(['-', '_', '.']).unwrap_or(rest) {
        "" if rest.is_empty() => 0,
        tail => digits(tail)?,
    };
    let valid = (1970..=9999).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
    valid.then(|| Order::Date(days(year.into(), month.into(), day.into()), tail))
}

fn digits<T: std::str::FromStr>(text: &str) -> Option<T> {
    (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        const NOV_15: i64 = 20_772;
        let date = |tail| Some(Order::Date(NOV_15, tail));
        for (name, order, packing) in [
            ("x.log.1", Some(Order::Number(1)), Packing::Plain),
            ("x.log.12.gz", Some(Order::Number(12)), Packing::Gzip),
            ("x.1.log", Some(Order::Number(1)), Packing::Plain),
            ("x.log-20261115", date(0), Packing::Plain),
            ("x.log-20261115.gz", date(0), Packing::Gzip),
            ("x.log-2026111507.gz", date(7), Packing::Gzip),
            ("x.log-20261115-1795171272", date(1_795_171_272), Packing::Plain),
            ("x.log-2026-11-15.xz", date(0), Packing::Other),
            ("x-20261115.log.gz", date(0), Packing::Gzip),
            ("x.log", None, Packing::Plain),
            ("x.log.gz", None, Packing::Plain),
            ("x.log.0", None, Packing::Plain),
            ("x.log.", None, Packing::Plain),
            ("x.log.1.bak", None, Packing::Plain),
            ("x.log-", None, Packing::Plain),
            ("x.log-old", None, Packing::Plain),
            ("x.log-20261315", None, Packing::Plain),
            ("x.log-20261115-", None, Packing::Plain),
            ("x.log-2026-11", None, Packing::Plain),
            ("x.logé1", None, Packing::Plain),
            ("yx.log.1", None, Packing::Plain),
            ("x.log.99999999999", None, Packing::Plain),
        ] {
            let expected = order.map(|order| Rotated { order, packing });
            assert_eq!(rotated("x.log", name), expected, "{name}");
        }
        assert_eq!(rotated("messages", "messages.log.1"), None);
        assert!(rotated("messages", "messages-20261115").is_some());
    }
}
