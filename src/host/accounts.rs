//! Users and groups from files in the format of passwd(5) and group(5).
//!
//! Only the files are read, never a name service: asking one may need the
//! network, and a tree has none.

use std::path::Path;

use super::{Account, Fact, Host, Value};

/// More than any real file holds; beyond it the file is refused, because half
/// a list would make users look absent.
const LIMIT: u64 = 16 << 20;

/// The accounts of a passwd or group file, in its order. Lines that are no
/// entry (comments, `+::::`, a broken number) are skipped, as libc does.
pub(super) fn parse(bytes: &[u8]) -> Vec<Account> {
    bytes.split(|byte| *byte == b'\n').filter_map(parse_line).collect()
}

fn parse_line(line: &[u8]) -> Option<Account> {
    let line = std::str::from_utf8(line).ok()?;
    let mut fields = line.split(':');
    let name = fields.next()?.trim_start();
    let _password = fields.next()?;
    let id = fields.next()?.trim().parse().ok()?;
    let is_entry = !name.is_empty() && !name.starts_with(['#', '+', '-']);
    is_entry.then(|| Account { name: name.to_owned(), id })
}

/// Reads a passwd or group file of a host.
pub(super) fn read(host: &dyn Host, path: &str) -> Fact<Vec<Account>> {
    let content = host.read(Path::new(path), LIMIT);
    if content.get().is_some_and(|content| content.truncated) {
        return Fact::failed(path, format!("it is larger than {LIMIT} bytes"));
    }
    match content.value {
        // No file means no known names, not a host without users.
        Value::Absent => Fact::absent(path),
        _ => content.map(|content| parse(&content.bytes)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_lines_are_skipped() {
        let text = b"root:x:0:0:root:/root:/bin/sh\n# c:x:1:\n+::::::\nbad:x:no:\n\nwazuh:!:999:\xff\nossec:x:998:\r\n";
        let names: Vec<_> = parse(text).into_iter().map(|a| (a.name, a.id)).collect();
        assert_eq!(names, [("root".to_owned(), 0), ("ossec".to_owned(), 998)]);
    }
}
