//! How far back `--since` looks.

use crate::facts::alert_log::Since;

/// Reads `7d`, `24h`, `30m`, `90s`, `2w`, `all`, or a time as `2026-11-20T08:00:00Z`.
pub(super) fn parse(text: &str) -> Result<Since, String> {
    if text == "all" {
        return Ok(Since::All);
    }
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Ok(Since::At(time.as_second()));
    }
    let age = || {
        let unit = text.chars().next_back()?;
        let seconds: i64 = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 24 * 3600,
            'w' => 7 * 24 * 3600,
            _ => return None,
        };
        let number = text.strip_suffix(unit)?;
        let number =
            number.bytes().all(|byte| byte.is_ascii_digit()).then(|| number.parse::<i64>().ok())??;
        number.checked_mul(seconds)
    };
    age()
        .map(Since::Age)
        .ok_or_else(|| "write it like 7d, 24h or 30m, 2026-11-20T08:00:00Z, or all".to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn ages_times_and_all() {
        for (text, since) in [
            ("7d", Since::Age(604_800)),
            ("24h", Since::Age(86_400)),
            ("30m", Since::Age(1800)),
            ("90s", Since::Age(90)),
            ("2w", Since::Age(1_209_600)),
            ("0d", Since::Age(0)),
            ("all", Since::All),
            ("2026-11-20T08:00:00Z", Since::At(1_795_161_600)),
            ("2026-11-20T09:00:00+01:00", Since::At(1_795_161_600)),
        ] {
            assert_eq!(parse(text), Ok(since), "{text}");
        }
        for text in ["", "d", "7", "-1d", "+1d", "1.5d", "7 d", "ALL", "7y", "9223372036854775807d", "7é"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
