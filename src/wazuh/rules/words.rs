//! Small readers of values in rules: group patterns, times, days.

/// The pattern of `if_group`, made ready to be looked for in many group texts. Alternatives are
/// plain texts, ASCII case ignored, `^` ties one to the beginning
/// (`src/os_regex/os_regex_match.c OS_WordMatch`, 4.14).
pub(super) struct WordMatch {
    alternatives: Vec<Alternative>,
}

enum Alternative {
    /// An empty one takes everything at the end of the pattern, and nothing before.
    All,
    Start(Vec<u8>),
    Anywhere(Box<memchr::memmem::Finder<'static>>),
}

impl WordMatch {
    pub(super) fn new(pattern: &[u8]) -> Self {
        let pattern = pattern.to_ascii_lowercase();
        let last = pattern.iter().filter(|&&byte| byte == b'|').count();
        let words = pattern.split(|&byte| byte == b'|').enumerate();
        let alternatives = words.filter_map(|(index, word)| match word {
            [] => (index == last && last > 0).then_some(Alternative::All),
            [b'^', rest @ ..] => Some(Alternative::Start(rest.to_vec())),
            _ => Some(Alternative::Anywhere(Box::new(memchr::memmem::Finder::new(word).into_owned()))),
        });
        Self { alternatives: alternatives.collect() }
    }

    /// Whether it is in a group text; `lower` is room to work in.
    pub(super) fn is_in(&self, text: &[u8], lower: &mut Vec<u8>) -> bool {
        lower.clear();
        lower.extend_from_slice(text);
        lower.make_ascii_lowercase();
        self.alternatives.iter().any(|alternative| match alternative {
            Alternative::All => true,
            Alternative::Start(word) => lower.starts_with(word),
            Alternative::Anywhere(word) => word.find(lower).is_some(),
        })
    }
}

/// Only digits, or nothing (`OS_StrIsNum`).
pub(super) fn is_number(text: &[u8]) -> bool {
    text.iter().all(u8::is_ascii_digit)
}

/// `atoi` of digits, at most `width` of them, without their sign.
pub(super) fn digits(text: &[u8], width: usize) -> Option<u32> {
    let digits = text.iter().take(width).take_while(|byte| byte.is_ascii_digit());
    let mut number = None;
    for digit in digits {
        let value = number.unwrap_or(0_u32).saturating_mul(10);
        number = Some(value.saturating_add(u32::from(digit - b'0')).min(i32::MAX.unsigned_abs()));
    }
    number
}

fn skip_blanks(text: &[u8]) -> &[u8] {
    let blanks = text.iter().take_while(|&&byte| byte == b' ').count();
    text.get(blanks..).unwrap_or_default()
}

/// `<time>`: `h[:mm][am|pm]-h[:mm][am|pm]`, a `!` before it (`src/shared/validate_op.c
/// OS_IsValidTime`, 4.14).
pub(super) fn is_time(text: &[u8]) -> bool {
    let text = skip_blanks(text);
    let text = text.strip_prefix(b"!").map_or(text, skip_blanks);
    hour(text)
        .and_then(|rest| hour(skip_blanks(skip_blanks(rest).strip_prefix(b"-")?)))
        .is_some_and(|rest| skip_blanks(rest).is_empty())
}

/// One hour; what follows it.
fn hour(text: &[u8]) -> Option<&[u8]> {
    let length = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut hour = digits(text, usize::MAX).unwrap_or(0);
    if hour >= 24 || length > 2 {
        return None;
    }
    let mut rest = text.get(length..)?;
    if let Some(minutes) = rest.strip_prefix(b":") {
        let digit = |at: usize| minutes.get(at).is_some_and(u8::is_ascii_digit);
        if !(digit(0) && digit(1)) && digit(2) {
            return None;
        }
        if digits(minutes, usize::MAX).unwrap_or(0) > 999 {
            return None;
        }
        rest = minutes.get(2..).unwrap_or_default();
    }
    rest = skip_blanks(rest);
    match rest {
        [b'a' | b'A', b'm' | b'M', rest @ ..] => Some(rest),
        [b'p' | b'P', b'm' | b'M', rest @ ..] => {
            hour %= 12;
            (hour + 12 < 24).then_some(rest)
        }
        [b'a' | b'A' | b'p' | b'P', ..] => None,
        _ => Some(rest),
    }
}

/// `<weekday>`: names joined by commas or blanks. A `!` is meant to be allowed and never is
/// (`src/shared/validate_op.c OS_IsValidDay`, 4.14).
pub(super) fn is_day(text: &[u8]) -> bool {
    const DAYS: [&str; 16] = [
        "sunday",
        "sun",
        "monday",
        "mon",
        "tuesday",
        "tue",
        "wednesday",
        "wed",
        "thursday",
        "thu",
        "friday",
        "fri",
        "saturday",
        "sat",
        "weekdays",
        "weekends",
    ];
    let mut rest = skip_blanks(text);
    let mut some = false;
    while !rest.is_empty() {
        let day = DAYS
            .iter()
            .find(|day| rest.get(..day.len()).is_some_and(|word| word.eq_ignore_ascii_case(day.as_bytes())));
        let Some(day) = day else { return false };
        some = true;
        rest = rest.get(day.len()..).unwrap_or_default();
        let blanks = rest.iter().take_while(|byte| matches!(byte, b' ' | b',')).count();
        if blanks == 0 && !rest.is_empty() {
            return false;
        }
        rest = rest.get(blanks..).unwrap_or_default();
    }
    some
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups() {
        for (pattern, text, wanted) in [
            ("sshd", "syslog,sshd,", true),
            ("SSH", "syslog,sshd,", true),
            ("a|sshd", "syslog,sshd,", true),
            ("^sshd", "syslog,sshd,", false),
            ("^syslog", "syslog,sshd,", true),
            ("", "x", false),
            ("x|", "syslog", true),
            ("|x", "syslog", false),
        ] {
            assert_eq!(
                WordMatch::new(pattern.as_bytes()).is_in(text.as_bytes(), &mut Vec::new()),
                wanted,
                "{pattern} {text}"
            );
        }
    }

    #[test]
    fn times_and_days() {
        for (text, wanted) in [
            ("6 pm - 8:30 am", true),
            ("18:00-8:30", true),
            ("! 6pm-8am", true),
            ("24-8", false),
            ("12pm-1am", true),
            ("13pm-1am", true),
            ("6-", true),
            ("6", false),
            ("6 xm - 8", false),
            ("6-8x", false),
        ] {
            assert_eq!(is_time(text.as_bytes()), wanted, "{text}");
        }
        for (text, wanted) in [
            ("monday", true),
            ("mon,tue", true),
            ("weekdays", true),
            ("SUN wed", true),
            ("!monday", false),
            ("", false),
            ("mondayx", false),
            ("mon;tue", false),
        ] {
            assert_eq!(is_day(text.as_bytes()), wanted, "{text}");
        }
    }
}
