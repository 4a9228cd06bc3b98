//! `merged.mg`: the files of a group in one, as the manager sends them to its agents.

use std::ops::Range;

/// The most of a header line, with its end, that is read at once
/// (`src/shared/file_op.c UnmergeFiles`, 4.14).
const HEADER: usize = 2047;

/// One file in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its path below `etc/shared`.
    pub name: Vec<u8>,
    /// Its bytes, as far as they are there.
    pub content: Range<usize>,
    /// Fewer bytes are there than its header says.
    pub cut: bool,
}

/// The members, in the order of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Merged {
    /// The files in it.
    pub members: Vec<Member>,
}

/// Reads the list of files: a line `!SIZE NAME` and SIZE bytes each. Other lines between them are
/// passed over, as the agent does (`src/shared/file_op.c MergeAppendFile`, `UnmergeFiles`, 4.2 to
/// 4.14).
pub fn read(bytes: &[u8]) -> Merged {
    let mut merged = Merged::default();
    let mut at = 0;
    while at < bytes.len() {
        let rest = bytes.get(at..).unwrap_or_default();
        let window = rest.get(..HEADER).unwrap_or(rest);
        let length = window.iter().position(|&byte| byte == b'\n').map_or(window.len(), |end| end + 1);
        let line = rest.get(..length).unwrap_or(rest);
        at += length;
        let Some(header) = line.strip_prefix(b"!") else { continue };
        let header = header.strip_suffix(b"\n").unwrap_or(header);
        let Some(blank) = header.iter().position(|&byte| byte == b' ') else { continue };
        let (size, name) = header.split_at(blank);
        let size = atol(size);
        let end = at.saturating_add(size);
        let there = end.min(bytes.len());
        merged.members.push(Member {
            name: name.get(1..).unwrap_or_default().to_vec(),
            content: at..there,
            cut: end > bytes.len(),
        });
        at = there;
    }
    merged
}

/// A size as C reads it: blanks, then digits; anything else is 0. A negative one would be larger
/// than any file.
fn atol(text: &[u8]) -> usize {
    let text = text.trim_ascii_start();
    if text.first() == Some(&b'-') {
        return usize::MAX;
    }
    let text = text.strip_prefix(b"+").unwrap_or(text);
    text.iter()
        .take_while(|byte| byte.is_ascii_digit())
        .fold(0_usize, |value, byte| value.saturating_mul(10).saturating_add(usize::from(byte - b'0')))
}

impl Merged {
    /// The last member of a name: the one that stays on the agent.
    pub fn member(&self, name: &[u8]) -> Option<&Member> {
        self.members.iter().rfind(|member| member.name == name)
    }
}

/// The file that the manager makes of a group's files.
#[cfg(test)]
fn merge(group: &str, files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = format!("#{group}\n").into_bytes();
    for (name, content) in files {
        bytes.extend(format!("!{} {name}\n", content.len()).bytes());
        bytes.extend(*content);
    }
    bytes
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn members_as_the_manager_writes_them() {
        let text = merge("default", &[("ar.conf", b"a - b - 0\n"), ("agent.conf", b"<x/>"), ("sub/x", b"")]);
        let merged = read(&text);
        let names: Vec<&[u8]> = merged.members.iter().map(|member| member.name.as_slice()).collect();
        assert_eq!(names, [b"ar.conf".as_slice(), b"agent.conf", b"sub/x"]);
        let ar = merged.member(b"ar.conf").unwrap();
        assert_eq!(&text[ar.content.clone()], b"a - b - 0\n");
        assert!(merged.members.iter().all(|member| !member.cut));
        // No line feed is put behind a file: the next header follows at once.
        assert!(text.windows(5).any(|window| window == b"!0 su"));
    }

    #[test]
    fn content_is_no_header() {
        let text = merge("g", &[("a", b"!3 b\nxyz"), ("c", b"1")]);
        let names: Vec<Vec<u8>> = read(&text).members.into_iter().map(|member| member.name).collect();
        assert_eq!(names, [b"a".to_vec(), b"c".to_vec()]);
    }

    #[test]
    fn odd_files() {
        for (text, wanted) in [
            (b"".as_slice(), vec![]),
            (b"#only\n", vec![]),
            (b"!12\nx", vec![]),
            (b"!4 a\nxy", vec![("a", true)]),
            (b"!-1 a\nxy", vec![("a", true)]),
            (b"!x a\n!1 b\nz", vec![("a", false), ("b", false)]),
            (b"!99999999999999999999999 a\n", vec![("a", true)]),
            (b"!1 a", vec![("a", true)]),
        ] {
            let found: Vec<(String, bool)> = read(text)
                .members
                .iter()
                .map(|member| (String::from_utf8_lossy(&member.name).into_owned(), member.cut))
                .collect();
            let wanted: Vec<(String, bool)> =
                wanted.into_iter().map(|(name, cut)| (name.to_owned(), cut)).collect();
            assert_eq!(found, wanted, "{}", String::from_utf8_lossy(text));
        }
    }

    proptest! {
        #[test]
        fn what_was_merged_comes_out(
            files in proptest::collection::vec(
                ("[a-z]{1,8}(/[a-z]{1,8})?", proptest::collection::vec(any::<u8>(), 0..300)), 0..6)
        ) {
            let files: Vec<(&str, &[u8])> =
                files.iter().map(|(name, content)| (name.as_str(), content.as_slice())).collect();
            let text = merge("g", &files);
            let read = read(&text);
            prop_assert_eq!(read.members.len(), files.len());
            for (member, (name, content)) in read.members.iter().zip(files) {
                prop_assert_eq!(&member.name, name.as_bytes());
                prop_assert_eq!(&text[member.content.clone()], content);
                prop_assert!(!member.cut);
            }
        }

        #[test]
        fn no_bytes_are_too_odd(bytes in proptest::collection::vec(any::<u8>(), 0..3000)) {
            for member in read(&bytes).members {
                prop_assert!(bytes.get(member.content).is_some());
            }
        }
    }
}
