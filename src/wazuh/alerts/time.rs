//! The `timestamp` of an alert, `2026-11-21T08:00:00.123+0000`.
//!
//! Written by `W_JSON_AddTimestamp` (`src/analysisd/format/json_extended.c`, 4.14) in the
//! manager's own zone. Read by hand since it is read once per alert of a gigabyte.

/// Milliseconds since 1970 in UTC. Also takes `Z`, `+00:00`, and no or another fraction.
pub fn unix_millis(text: &[u8]) -> Option<i64> {
    let (date, rest) = text.split_first_chunk::<19>()?;
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T' | b' ', h1, h2, b':', n1, n2, b':', s1, s2] = *date
    else {
        return None;
    };
    let year = number(&[y1, y2, y3, y4])?;
    let month = number(&[m1, m2])?;
    let day = number(&[d1, d2])?;
    let (hour, minute, second) = (number(&[h1, h2])?, number(&[n1, n2])?, number(&[s1, s2])?);
    // A leap second is taken as the second after it.
    if !(1..=12).contains(&month)
        || !(1..=days_in(year, month)).contains(&day)
        || hour > 23
        || minute > 59
        || second > 60
    {
        return None;
    }
    let (millis, zone) = fraction(rest)?;
    let seconds = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset(zone)?;
    Some(seconds * 1000 + millis)
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + i64::from(digit - b'0')))
}

/// The milliseconds of a fraction, if there is one, and what follows.
fn fraction(text: &[u8]) -> Option<(i64, &[u8])> {
    let Some(digits) = text.strip_prefix(b".").or_else(|| text.strip_prefix(b",")) else {
        return Some((0, text));
    };
    let count = digits.iter().take_while(|digit| digit.is_ascii_digit()).count();
    let (digits, rest) = digits.split_at_checked(count)?;
    let scale = [0, 100, 10, 1].get(digits.len().min(3)).copied().filter(|&scale| scale > 0)?;
    Some((number(digits.get(..3).unwrap_or(digits))? * scale, rest))
}

/// Seconds east of Greenwich.
fn offset(zone: &[u8]) -> Option<i64> {
    let (sign, [h1, h2, m1, m2]) = match *zone {
        [b'Z'] => return Some(0),
        [sign, h1, h2, m1, m2] | [sign, h1, h2, b':', m1, m2] => (sign, [h1, h2, m1, m2]),
        _ => return None,
    };
    let (hours, minutes) = (number(&[h1, h2])?, number(&[m1, m2])?);
    let seconds = hours * 3600 + minutes * 60;
    match sign {
        _ if hours > 23 || minutes > 59 => None,
        b'+' => Some(seconds),
        b'-' => Some(-seconds),
        _ => None,
    }
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 of a date of the Gregorian calendar.
pub(crate) fn days(year: i64, month: i64, day: i64) -> i64 {
    // Years begin in March here, so that the leap day is the last of its year.
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    let of_year = (153 * month + 2) / 5 + day - 1;
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn forms() {
        let cases = [
            ("2026-11-21T08:00:00.123+0000", Some(1_795_248_000_123)),
            ("2026-11-21T09:00:00.123+0100", Some(1_795_248_000_123)),
            ("2026-11-21T04:30:00.123-0330", Some(1_795_248_000_123)),
            ("2026-11-21T08:00:00.123+00:00", Some(1_795_248_000_123)),
            ("2026-11-21T08:00:00.1Z", Some(1_795_248_000_100)),
            ("2026-11-21T08:00:00.123999Z", Some(1_795_248_000_123)),
            ("2026-11-21T08:00:00Z", Some(1_795_248_000_000)),
            ("2026-11-21 08:00:00Z", Some(1_795_248_000_000)),
            ("1970-01-01T00:00:00.000+0000", Some(0)),
            ("1969-12-31T23:59:59.999+0000", Some(-1)),
            ("2000-02-29T00:00:00.000+0000", Some(951_782_400_000)),
            ("2026-02-29T00:00:00.000+0000", None),
            ("1900-02-29T00:00:00.000+0000", None),
            ("2026-13-01T00:00:00.000+0000", None),
            ("2026-00-01T00:00:00.000+0000", None),
            ("2026-11-00T00:00:00.000+0000", None),
            ("2026-11-31T00:00:00.000+0000", None),
            ("2026-11-21T24:00:00.000+0000", None),
            ("2026-11-21T08:60:00.000+0000", None),
            ("2026-11-21T08:00:00.+0000", None),
            ("2026-11-21T08:00:00.123", None),
            ("2026-11-21T08:00:00.123*0000", None),
            ("2026-11-21T08:00:00.123+2400", None),
            ("2026-11-21T08:00:00.123+0060", None),
            ("2026-11-21T08:00:00.123+0000 ", None),
            ("2026-11-21T08:00", None),
            ("", None),
            ("２026-11-21T08:00:00Z", None),
        ];
        for (text, expected) in cases {
            assert_eq!(unix_millis(text.as_bytes()), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn as_jiff_has_it(millis in -2_208_988_800_000_i64..4_102_444_800_000, minutes in -14 * 60..=14 * 60_i32) {
            let zone = jiff::tz::Offset::from_seconds(minutes * 60).unwrap();
            let time = jiff::Timestamp::from_millisecond(millis).unwrap();
            let date = zone.to_datetime(time);
            let sign = if minutes < 0 { '-' } else { '+' };
            let text = format!(
                "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}{sign}{:02}{:02}",
                date.year(), date.month(), date.day(), date.hour(), date.minute(), date.second(),
                date.millisecond(), minutes.abs() / 60, minutes.abs() % 60
            );
            prop_assert_eq!(unix_millis(text.as_bytes()), Some(millis), "{}", text);
        }

        #[test]
        fn no_text_breaks_it(text in proptest::collection::vec(any::<u8>(), 0..40)) {
            unix_millis(&text);
        }
    }
}
