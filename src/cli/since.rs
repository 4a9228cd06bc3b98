//! `--since`: how far back alerts are read.

use crate::facts::Since;

/// Reads `7d`, `12h`, `90m`, `45s`, `2026-11-20`, `2026-11-20T14:00:00Z` or `all`. A date without
/// a zone is UTC.
pub(super) fn parse(text: &str) -> Result<Since, String> {
    const FORMS: &str =
        "give an age (90m, 12h, 7d), a date (2026-11-20), a time (2026-11-20T14:00:00Z), or all";
    let refused = || FORMS.to_owned();
    if text == "all" {
        return Ok(Since::All);
    }
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    if let Some((number, unit)) = text.split_at_checked(digits)
        && let Some(seconds) = [("s", 1), ("m", 60), ("h", 3600), ("d", 86_400), ("w", 604_800)]
            .iter()
            .find_map(|&(name, seconds)| (name == unit).then_some(seconds))
    {
        let age = number.parse::<i64>().ok().and_then(|number| number.checked_mul(seconds));
        return age.map(Since::Age).ok_or_else(refused);
    }
    let instant = match text.parse::<jiff::Timestamp>() {
        Ok(instant) => Some(instant),
        Err(_) => text
            .parse::<jiff::civil::DateTime>()
            .or_else(|_| text.parse::<jiff::civil::Date>().map(|date| date.at(0, 0, 0, 0)))
            .and_then(|time| jiff::tz::Offset::UTC.to_timestamp(time))
            .ok(),
    };
    instant.map(|instant| Since::At(instant.as_second())).ok_or_else(refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        let noon = 1_795_262_400; // 2026-11-21 12:00:00 UTC
        let cases = [
            ("all", Some(Since::All)),
            ("90m", Some(Since::Age(5400))),
            ("12h", Some(Since::Age(43_200))),
            ("7d", Some(Since::Age(604_800))),
            ("0s", Some(Since::Age(0))),
            ("2w", Some(Since::Age(1_209_600))),
            ("2026-11-21T12:00:00Z", Some(Since::At(noon))),
            ("2026-11-21T13:00:00+01:00", Some(Since::At(noon))),
            ("2026-11-21T12:00:00", Some(Since::At(noon))),
            ("2026-11-21 12:00", Some(Since::At(noon))),
            ("2026-11-21", Some(Since::At(noon - 43_200))),
            ("", None),
            ("d", None),
            ("7", None),
            ("-7d", None),
            ("7 d", None),
            ("7y", None),
            ("7dd", None),
            ("ALL", None),
            ("99999999999999999999d", None),
            ("9223372036854775807d", None),
            ("2026-13-01", None),
            ("yesterday", None),
            ("７d", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text).ok(), expected, "{text}");
        }
    }
}
