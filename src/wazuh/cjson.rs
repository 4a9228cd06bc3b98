//! JSON as the cJSON that Wazuh bundles reads and prints it, which is how execd does.
//!
//! cJSON 1.7.12 up to Wazuh 4.12, 1.7.18 since 4.13.0 (`README.md` of those tags). The two
//! read alike and print some numbers differently ([`Value::print_for`]).

use super::behavior::CJSON_1_7_18;
use super::version::Version;

/// Arrays and objects inside each other that are still read (`CJSON_NESTING_LIMIT`).
pub const MAX_NESTING: usize = 1000;

/// Bytes of a number that are looked at (`parse_number`).
const MAX_NUMBER: usize = 63;

/// One value. Strings and names are bytes: cJSON does not look at UTF-8.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, as cJSON keeps it; infinite when it does not fit.
    Number(f64),
    /// A string.
    String(Vec<u8>),
    /// An array.
    Array(Vec<Self>),
    /// An object; names may repeat.
    Object(Vec<(Vec<u8>, Self)>),
}

/// `cJSON_Parse`: one value, what follows it is ignored. The text ends at its first NUL.
pub fn parse(text: &[u8]) -> Option<Value> {
    let text = text.split(|&byte| byte == 0).next().unwrap_or_default();
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let mut parser = Parser { rest: text, depth: 0 };
    parser.blanks();
    parser.value()
}

struct Parser<'a> {
    rest: &'a [u8],
    depth: usize,
}

impl<'a> Parser<'a> {
    /// `buffer_skip_whitespace`: whatever is not above the space.
    fn blanks(&mut self) {
        while let Some((0..=b' ', rest)) = self.rest.split_first() {
            self.rest = rest;
        }
    }

    fn eat(&mut self, token: &[u8]) -> bool {
        let rest = self.rest.strip_prefix(token);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// `parse_value`.
    fn value(&mut self) -> Option<Value> {
        if self.eat(b"null") {
            return Some(Value::Null);
        }
        if self.eat(b"false") {
            return Some(Value::Bool(false));
        }
        if self.eat(b"true") {
            return Some(Value::Bool(true));
        }
        match self.rest.first()? {
            b'"' => self.string().map(Value::String),
            b'-' | b'0'..=b'9' => self.number(),
            b'[' => self.nested(Self::array),
            b'{' => self.nested(Self::object),
            _ => None,
        }
    }

    fn nested(&mut self, inside: impl Fn(&mut Self) -> Option<Value>) -> Option<Value> {
        if self.depth >= MAX_NESTING {
            return None;
        }
        self.depth += 1;
        self.rest = self.rest.get(1..)?;
        self.blanks();
        let value = inside(self)?;
        self.depth -= 1;
        Some(value)
    }

    /// `parse_array`, behind the bracket and blanks.
    fn array(&mut self) -> Option<Value> {
        let mut items = Vec::new();
        if self.eat(b"]") {
            return Some(Value::Array(items));
        }
        loop {
            self.blanks();
            items.push(self.value()?);
            self.blanks();
            if !self.eat(b",") {
                return self.eat(b"]").then_some(Value::Array(items));
            }
        }
    }

    /// `parse_object`, behind the brace and blanks.
    fn object(&mut self) -> Option<Value> {
        let mut members = Vec::new();
        if self.eat(b"}") {
            return Some(Value::Object(members));
        }
        loop {
            self.blanks();
            let name = self.string()?;
            self.blanks();
            if !self.eat(b":") {
                return None;
            }
            self.blanks();
            members.push((name, self.value()?));
            self.blanks();
            if !self.eat(b",") {
                return self.eat(b"}").then_some(Value::Object(members));
            }
        }
    }

    /// `parse_number`: what `strtod` takes of the signs, digits, points and `e` that follow.
    fn number(&mut self) -> Option<Value> {
        let window = self.rest.get(..MAX_NUMBER).unwrap_or(self.rest);
        let end =
            window.iter().position(|byte| !matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'e' | b'E' | b'.'));
        let (number, taken) = strtod(window.get(..end.unwrap_or(window.len()))?)?;
        self.rest = self.rest.get(taken..)?;
        Some(Value::Number(number))
    }

    /// `parse_string`: any byte may stand in it; the result is a C string, so it is cut at
    /// an escape that means NUL.
    fn string(&mut self) -> Option<Vec<u8>> {
        if !self.eat(b"\"") {
            return None;
        }
        let mut end = 0;
        loop {
            match self.rest.get(end)? {
                b'"' => break,
                b'\\' => end += 2,
                _ => end += 1,
            }
        }
        let mut raw = self.rest.get(..end)?;
        self.rest = self.rest.get(end + 1..)?;
        let mut string = Vec::with_capacity(end);
        while let Some((&byte, rest)) = raw.split_first() {
            if byte != b'\\' {
                string.push(byte);
                raw = rest;
                continue;
            }
            // A backslash that bad digits left alone takes the closing quote.
            let plain = match rest.first().unwrap_or(&b'"') {
                b'b' => 8,
                b'f' => 12,
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                &byte @ (b'"' | b'\\' | b'/') => byte,
                b'u' => {
                    let (character, taken) = code_point(raw)?;
                    string.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                    raw = raw.get(taken..)?;
                    continue;
                }
                _ => return None,
            };
            string.push(plain);
            raw = rest.get(1..).unwrap_or_default();
        }
        if let Some(nul) = string.iter().position(|&byte| byte == 0) {
            string.truncate(nul);
        }
        Some(string)
    }
}

/// `utf16_literal_to_utf8`: the character, and the bytes its one or two escapes take. Digits
/// that are none make a NUL.
fn code_point(raw: &[u8]) -> Option<(char, usize)> {
    let first = hex4(raw)?;
    if !(0xd800..=0xdbff).contains(&first) {
        return Some((char::from_u32(first)?, 6));
    }
    let raw = raw.get(6..)?;
    if !raw.starts_with(b"\\u") {
        return None;
    }
    let second = hex4(raw)?;
    if !(0xdc00..=0xdfff).contains(&second) {
        return None;
    }
    Some((char::from_u32(0x1_0000 + ((first & 0x3ff) << 10) + (second & 0x3ff))?, 12))
}

/// `parse_hex4` of `\uXXXX`: 0 when one is no digit, none when there are fewer than four bytes.
fn hex4(raw: &[u8]) -> Option<u32> {
    let mut number = 0;
    for &byte in raw.get(2..6)? {
        let Some(digit) = char::from(byte).to_digit(16) else { return Some(0) };
        number = number * 16 + digit;
    }
    Some(number)
}

/// C's `strtod` for a text of decimal digits, signs, points and `e` only.
fn strtod(text: &[u8]) -> Option<(f64, usize)> {
    let digits = |from: usize| {
        text.get(from..).unwrap_or_default().iter().take_while(|byte| byte.is_ascii_digit()).count()
    };
    let mut end = usize::from(matches!(text.first(), Some(b'+' | b'-')));
    let whole = digits(end);
    end += whole;
    let mut fraction = 0;
    if text.get(end) == Some(&b'.') {
        fraction = digits(end + 1);
        // A lone point is no number, and `1.` is one.
        if whole + fraction > 0 {
            end += 1 + fraction;
        }
    }
    if whole + fraction == 0 {
        return None;
    }
    if matches!(text.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(text.get(end + 1), Some(b'+' | b'-')));
        let exponent = digits(end + 1 + sign);
        if exponent > 0 {
            end += 1 + sign + exponent;
        }
    }
    let number = str::from_utf8(text.get(..end)?).ok()?.parse().ok()?;
    Some((number, end))
}

impl Value {
    /// A string.
    pub fn string(text: impl Into<Vec<u8>>) -> Self {
        Self::String(text.into())
    }

    /// `cJSON_GetObjectItem`: the first member of the name, in any case of its letters.
    pub fn get(&self, name: &[u8]) -> Option<&Self> {
        let Self::Object(members) = self else { return None };
        members.iter().find(|(member, _)| member.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The same, to change it.
    pub fn get_mut(&mut self, name: &[u8]) -> Option<&mut Self> {
        let Self::Object(members) = self else { return None };
        members.iter_mut().find(|(member, _)| member.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The bytes of a string; none for other values.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        if let Self::String(text) = self { Some(text) } else { None }
    }

    /// `cJSON_ReplaceItemInObject`: the first member of the name, in any case of its letters,
    /// gets the value and the name as spelt here, and keeps its place. True if there is one.
    pub fn replace(&mut self, name: &[u8], value: Self) -> bool {
        let Self::Object(members) = self else { return false };
        match members.iter_mut().find(|(member, _)| member.eq_ignore_ascii_case(name)) {
            Some(member) => {
                *member = (name.to_vec(), value);
                true
            }
            None => false,
        }
    }

    /// `cJSON_AddItemToObject`: a new last member, or a new last item of an array. Other
    /// values take it too, but it is never printed.
    pub fn add(&mut self, name: &[u8], value: Self) -> bool {
        match self {
            Self::Object(members) => members.push((name.to_vec(), value)),
            Self::Array(items) => items.push(value),
            _ => return false,
        }
        true
    }

    /// `cJSON_PrintUnformatted` of the newest Wazuh known.
    pub fn print(&self) -> Vec<u8> {
        self.print_for(None)
    }

    /// `cJSON_PrintUnformatted` of a version of Wazuh.
    pub fn print_for(&self, version: Option<Version>) -> Vec<u8> {
        let mut text = Vec::new();
        self.print_into(&mut text, CJSON_1_7_18.holds(version));
        text
    }

    fn print_into(&self, text: &mut Vec<u8>, newer: bool) {
        match self {
            Self::Null => text.extend_from_slice(b"null"),
            Self::Bool(true) => text.extend_from_slice(b"true"),
            Self::Bool(false) => text.extend_from_slice(b"false"),
            Self::Number(number) => text.extend_from_slice(print_number(*number, newer).as_bytes()),
            Self::String(string) => print_string(text, string),
            Self::Array(items) => {
                text.push(b'[');
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        text.push(b',');
                    }
                    item.print_into(text, newer);
                }
                text.push(b']');
            }
            Self::Object(members) => {
                text.push(b'{');
                for (at, (name, value)) in members.iter().enumerate() {
                    if at > 0 {
                        text.push(b',');
                    }
                    print_string(text, name);
                    text.push(b':');
                    value.print_into(text, newer);
                }
                text.push(b'}');
            }
        }
    }
}

/// `print_string_ptr`.
fn print_string(text: &mut Vec<u8>, string: &[u8]) {
    text.push(b'"');
    for &byte in string.iter().take_while(|&&byte| byte != 0) {
        match byte {
            b'"' | b'\\' => text.extend_from_slice(&[b'\\', byte]),
            8 => text.extend_from_slice(b"\\b"),
            12 => text.extend_from_slice(b"\\f"),
            b'\n' => text.extend_from_slice(b"\\n"),
            b'\r' => text.extend_from_slice(b"\\r"),
            b'\t' => text.extend_from_slice(b"\\t"),
            0..32 => text.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => text.push(byte),
        }
    }
    text.push(b'"');
}

/// `print_number`: 15 digits, or 17 where those would not do. The newer cJSON is content
/// with nearly the same number, and prints -0 as 0.
fn print_number(number: f64, newer: bool) -> String {
    if !number.is_finite() {
        return "null".to_owned();
    }
    #[expect(clippy::cast_possible_truncation, reason = "valueint is the nearest int")]
    let int = number as i32;
    #[expect(clippy::float_cmp, reason = "cJSON compares so")]
    if newer && f64::from(int) == number {
        return int.to_string();
    }
    let short = general(number, 15);
    let back: f64 = short.parse().unwrap_or(f64::NAN);
    let good = if newer {
        (back - number).abs() <= back.abs().max(number.abs()) * f64::EPSILON
    } else {
        back.total_cmp(&number).is_eq()
    };
    if good { short } else { general(number, 17) }
}

/// C's `%.*g` of a finite number.
fn general(number: f64, digits: usize) -> String {
    let text = format!("{number:.*e}", digits - 1);
    let Some((mantissa, exponent)) = text.split_once('e') else { return text };
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", mantissa),
    };
    let figures: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let kept = figures.trim_end_matches('0');
    let kept = if kept.is_empty() { "0" } else { kept };
    let exponent: i64 = exponent.parse().unwrap_or(0);
    let point = |whole: &str, fraction: &str| {
        if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
    };
    match usize::try_from(exponent) {
        Ok(at) if at < digits => {
            let whole = figures.get(..=at).unwrap_or_default();
            point(whole, kept.get(at + 1..).unwrap_or_default())
        }
        Err(_) if exponent >= -4 => {
            let zeros = usize::try_from(-exponent - 1).unwrap_or(0);
            point("0", &format!("{}{kept}", "0".repeat(zeros)))
        }
        _ => {
            let (whole, fraction) = kept.split_at(1);
            let mark = if exponent < 0 { '-' } else { '+' };
            format!("{}e{mark}{:02}", point(whole, fraction), exponent.abs())
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn printed(text: &[u8]) -> Option<String> {
        parse(text).map(|value| String::from_utf8_lossy(&value.print()).into_owned())
    }

    #[test]
    fn values_are_read_and_printed() {
        // Both versions of the C library gave the same for 2.4 million generated texts.
        for (text, expected) in [
            ("1", Some("1")),
            ("1.", Some("1")),
            ("-.5", Some("-0.5")),
            (".5", None),
            ("+1", None),
            ("-", None),
            ("-e5", None),
            ("01", Some("1")),
            ("1e5", Some("100000")),
            ("1e", Some("1")),
            ("[1e]", None),
            ("[1+2]", None),
            ("1+2", Some("1")),
            ("0x10", Some("0")),
            ("1e999", Some("null")),
            ("-1e999", Some("null")),
            ("-0", Some("0")),
            ("1e15", Some("1e+15")),
            ("123456789012345", Some("123456789012345")),
            ("1234567890123456789", Some("1.2345678901234568e+18")),
            ("0.0001", Some("0.0001")),
            ("0.00001", Some("1e-05")),
            ("1e-320", Some("9.99988867182683e-321")),
            ("0.1", Some("0.1")),
            ("3.141592653589793238", Some("3.1415926535897931")),
            ("nullx", Some("null")),
            ("Null", None),
            ("true", Some("true")),
            ("falsetto", Some("false")),
            ("tru", None),
            ("", None),
            (" \t\u{1}\u{1f}[ 1 ,\r\n2 ]", Some("[1,2]")),
            ("[1,]", None),
            ("[,1]", None),
            ("[", None),
            ("[]", Some("[]")),
            ("{}", Some("{}")),
            ("{ }x", Some("{}")),
            ("{\"a\":1,}", None),
            ("{\"a\" : 1 , \"A\":2,\"a\":3}", Some("{\"a\":1,\"A\":2,\"a\":3}")),
            ("{\"a\"}", None),
            ("{a:1}", None),
            ("{'a':1}", None),
            ("{\"a\":1", None),
            ("\u{feff}{\"a\":1}", Some("{\"a\":1}")),
            (" \u{feff}{\"a\":1}", None),
            ("{\"a\":1} {\"b\":2}", Some("{\"a\":1}")),
            ("{\"a\":1}\0{", Some("{\"a\":1}")),
            ("{\"a\"\0:1}", None),
            (r#""\b\f\n\r\t\"\\\/""#, Some(r#""\b\f\n\r\t\"\\/""#)),
            ("\"a\nb\u{1}\u{7f}\"", Some("\"a\\nb\\u0001\u{7f}\"")),
            (r#""\x""#, None),
            (r#""\"#, None),
            (r#""abc"#, None),
            (r#""\u00e9\u20AC""#, Some("\"é€\"")),
            (r#""\ud83d\ude00""#, Some("\"😀\"")),
            (r#""\ud83d""#, None),
            (r#""\ud83dx\u0041""#, None),
            (r#""\ud83d\u0041""#, None),
            (r#""\ude00""#, None),
            (r#""a\u0000b""#, Some("\"a\"")),
            (r#""a\uZZZZb""#, Some("\"a\"")),
            (r#""a\u12""#, None),
            (r#"["a\ufD1\\"]"#, Some("[\"a\"]")),
            (r#""\u1"23""#, None),
        ] {
            assert_eq!(printed(text.as_bytes()).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn the_two_versions_differ_in_numbers_only() {
        let old = Some(Version::new(4, 12, 0));
        for (text, older, newer) in [
            ("-0", "-0", "0"),
            ("0.30000000000000004", "0.30000000000000004", "0.3"),
            ("2147483648", "2147483648", "2147483648"),
            ("-2147483648.5", "-2147483648.5", "-2147483648.5"),
        ] {
            let value = parse(text.as_bytes()).unwrap();
            assert_eq!(String::from_utf8(value.print_for(old)).unwrap(), older);
            assert_eq!(String::from_utf8(value.print()).unwrap(), newer);
        }
    }

    #[test]
    fn a_number_is_read_up_to_63_bytes() {
        let digits = "1".repeat(70);
        let Some(Value::Number(number)) = parse(digits.as_bytes()) else { panic!("a number") };
        assert_eq!(number, digits[..63].parse::<f64>().unwrap());
        assert_eq!(parse(format!("[{digits}]").as_bytes()), None);
    }

    #[test]
    fn nesting_ends_at_a_thousand() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(nested(1000).as_bytes()).is_some());
        assert!(parse(nested(1001).as_bytes()).is_none());
        // It counts what is open, not what there is.
        assert!(parse(format!("[{}[]]", "[],".repeat(2000)).as_bytes()).is_some());
    }

    #[test]
    fn members_are_found_replaced_and_added() {
        let mut value = parse(br#"{"x":1,"COMMAND":"a","command":"b","l":[1],"s":"t"}"#).unwrap();
        assert_eq!(value.get(b"command").and_then(Value::as_bytes), Some(&b"a"[..]));
        assert!(value.replace(b"command", Value::string("c")));
        assert!(!value.replace(b"missing", Value::Null));
        assert!(value.add(b"x", Value::Null));
        assert!(value.get_mut(b"L").unwrap().add(b"name", Value::Bool(true)));
        assert!(!value.get_mut(b"l").unwrap().replace(b"name", Value::Bool(true)));
        assert!(!value.get_mut(b"s").unwrap().add(b"name", Value::Bool(true)));
        let expected: &[u8] = br#"{"x":1,"command":"c","command":"b","l":[1,true],"s":"t","x":null}"#;
        assert_eq!(value.print(), expected);
        assert_eq!(value.get(b"l").unwrap().get(b"name"), None);
    }

    fn same(one: &Value, other: &Value) -> bool {
        match (one, other) {
            (Value::Number(a), Value::Number(b)) => (a - b).abs() <= a.abs().max(b.abs()) * f64::EPSILON,
            // What is too large for a number is printed as null.
            (Value::Number(a), Value::Null) => !a.is_finite(),
            (Value::Array(a), Value::Array(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
            }
            (Value::Object(a), Value::Object(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.0 == b.0 && same(&a.1, &b.1))
            }
            _ => one == other,
        }
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let text = || proptest::collection::vec(1..=255_u8, 0..6);
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<f64>().prop_map(Value::Number),
            any::<i32>().prop_map(|number| Value::Number(f64::from(number) / 100.0)),
            text().prop_map(Value::String),
        ];
        leaf.prop_recursive(4, 24, 5, move |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
                proptest::collection::vec((text(), inner), 0..5).prop_map(Value::Object),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back(value in any_value()) {
            for version in [None, Some(Version::new(4, 9, 0))] {
                let text = value.print_for(version);
                let back = parse(&text).unwrap();
                prop_assert!(same(&value, &back), "{value:?} {back:?}");
                prop_assert_eq!(back.print_for(version), text);
            }
        }

        #[test]
        fn nothing_panics(
            text in proptest::collection::vec(
                proptest::sample::select(b"{}[]\",:\\u0dD8Cc-+.eE19 \x01\0tnrueflas\xef\xbb\xbf".to_vec()), 0..60),
        ) {
            if let Some(value) = parse(&text) {
                let text = value.print();
                let back = parse(&text).unwrap();
                prop_assert!(same(&value, &back));
                prop_assert_eq!(back.print(), text);
            }
        }
    }
}
