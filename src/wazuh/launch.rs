//! What the kernel and libc do with the file that execd hands them.
//!
//! execd calls execvp(3) with a path that holds a slash
//! (`src/shared/exec_op.c wpopenv`, 4.14): no search in PATH, and a file that
//! the kernel does not recognise (ENOEXEC) is given to `/bin/sh`.

/// How many bytes of a script the kernel looks at (`BINPRM_BUF_SIZE`, Linux 5.1
/// and later; 128 before).
pub const HEAD_BYTES: usize = 256;

/// The first line of a script that starts with `#!`, as the kernel splits it
/// (Linux `fs/binfmt_script.c load_script`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shebang {
    /// The interpreter's path, carriage return included if there is one.
    pub interpreter: Vec<u8>,
    /// Where it lies in the file.
    pub interpreter_at: std::ops::Range<usize>,
    /// Everything after it, as ONE argument, trailing blanks removed.
    pub argument: Option<Vec<u8>>,
    /// Where that lies in the file.
    pub argument_at: std::ops::Range<usize>,
}

/// What the first bytes of a file make it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Program {
    /// No bytes at all: `/bin/sh` runs nothing and returns 0.
    Empty,
    /// A compiled program.
    Elf,
    /// A compiled program of another system (`MZ`, Mach-O).
    Foreign(&'static str),
    /// `#!` and an interpreter.
    Script(Shebang),
    /// `#!` with nothing behind it: ENOEXEC, so `/bin/sh` runs it.
    BareShebang,
    /// `#!` and a path that does not end within the bytes the kernel looks at:
    /// ENOEXEC, so `/bin/sh` runs it.
    CutShebang,
    /// `#!` stands behind a byte order mark or blanks: ENOEXEC, so `/bin/sh` runs it.
    HiddenShebang {
        /// How many bytes stand before the `#!`.
        before: usize,
    },
    /// Neither: ENOEXEC, so `/bin/sh` runs it.
    Text,
}

/// Reads the first bytes of a file as the kernel does.
pub fn program(head: &[u8]) -> Program {
    if head.is_empty() {
        return Program::Empty;
    }
    if head.starts_with(b"\x7fELF") {
        return Program::Elf;
    }
    if head.starts_with(b"MZ") {
        return Program::Foreign("Windows");
    }
    if [&b"\xcf\xfa\xed\xfe"[..], b"\xce\xfa\xed\xfe", b"\xca\xfe\xba\xbe"]
        .iter()
        .any(|magic| head.starts_with(magic))
    {
        return Program::Foreign("macOS");
    }
    if head.starts_with(b"#!") {
        return script(head);
    }
    let blanks = head
        .strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(head)
        .iter()
        .take_while(|byte| byte.is_ascii_whitespace())
        .count();
    let before = blanks + if head.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    if before > 0 && head[before..].starts_with(b"#!") {
        return Program::HiddenShebang { before };
    }
    Program::Text
}

fn script(head: &[u8]) -> Program {
    let looked_at = &head[..head.len().min(HEAD_BYTES)];
    let blank = |byte: u8| byte == b' ' || byte == b'\t';
    let mut end = match looked_at.iter().position(|&byte| byte == b'\n') {
        Some(end) => end,
        None if looked_at.len() < HEAD_BYTES => looked_at.len(),
        None => {
            // A cut argument is handed over as it is, a cut path is not.
            let path = looked_at[2..].iter().skip_while(|&&byte| blank(byte));
            if path.clone().next().is_some() && !path.clone().any(|&byte| blank(byte) || byte == 0) {
                return Program::CutShebang;
            }
            HEAD_BYTES - 1
        }
    };
    end = looked_at[..end].iter().position(|&byte| byte == 0).unwrap_or(end);
    while end > 2 && blank(head[end - 1]) {
        end -= 1;
    }
    let mut start = 2;
    while start < end && blank(head[start]) {
        start += 1;
    }
    if start == end {
        return Program::BareShebang;
    }
    let stop = (start..end).find(|&at| blank(head[at])).unwrap_or(end);
    let mut argument_start = stop;
    while argument_start < end && blank(head[argument_start]) {
        argument_start += 1;
    }
    Program::Script(Shebang {
        interpreter: head[start..stop].to_vec(),
        interpreter_at: start..stop,
        argument: (argument_start < end).then(|| head[argument_start..end].to_vec()),
        argument_at: argument_start..end,
    })
}

/// The program that a first line names, without its directory: `python3` for
/// `#!/usr/bin/env python3` and for `#!/usr/bin/python3`.
pub fn named_interpreter(head: &[u8]) -> Option<String> {
    let Program::Script(shebang) = program(head) else { return None };
    let base = |path: &[u8]| {
        let name = path.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
        String::from_utf8_lossy(name).trim_end().to_owned()
    };
    let own = base(&shebang.interpreter);
    if own != "env" {
        return Some(own);
    }
    let argument = String::from_utf8_lossy(shebang.argument.as_deref()?).into_owned();
    argument.split_whitespace().find(|word| !word.starts_with('-') && !word.contains('=')).map(str::to_owned)
}

/// `PATH` that systemd gives a service whose unit sets none (systemd.exec(5)).
pub const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Which program text without a usable `#!` seems to be written for, from its
/// first lines; none when `/bin/sh` may well be meant.
pub fn looks_like(text: &[u8]) -> Option<&'static str> {
    let text = String::from_utf8_lossy(&text[..text.len().min(4096)]);
    for line in text.lines().map(str::trim_start) {
        let word = line.split_whitespace().next().unwrap_or("");
        if word == "import"
            || (word == "from" && line.contains(" import "))
            || (word == "def" && line.ends_with(':'))
        {
            return Some("python");
        }
        if word == "use" && line.trim_end().ends_with(';') || line.starts_with("my $") {
            return Some("perl");
        }
        if line.contains("[[ ") || line.contains("<<<") || word == "declare" || line.starts_with("function ")
        {
            return Some("bash");
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interpreter(head: &[u8]) -> (Vec<u8>, Option<Vec<u8>>) {
        match program(head) {
            Program::Script(shebang) => (shebang.interpreter, shebang.argument),
            other => panic!("{head:?} is {other:?}"),
        }
    }

    #[test]
    fn the_first_line_is_split_as_the_kernel_does() {
        assert_eq!(interpreter(b"#!/bin/sh\nx"), (b"/bin/sh".to_vec(), None));
        assert_eq!(interpreter(b"#! /bin/sh -e \t\nx"), (b"/bin/sh".to_vec(), Some(b"-e".to_vec())));
        assert_eq!(interpreter(b"#!/bin/bash\r\n"), (b"/bin/bash\r".to_vec(), None));
        assert_eq!(
            interpreter(b"#!/usr/bin/env python3 -u\n"),
            (b"/usr/bin/env".to_vec(), Some(b"python3 -u".to_vec()))
        );
        assert_eq!(interpreter(b"#!/bin/sh"), (b"/bin/sh".to_vec(), None));
    }

    #[test]
    fn the_program_behind_env_is_the_one() {
        for (head, name) in [
            (&b"#!/usr/bin/env python3\n"[..], Some("python3")),
            (b"#!/usr/bin/env -S A=b perl -w\r\n", Some("perl")),
            (b"#! /bin/bash -e\n", Some("bash")),
            (b"#!/usr/bin/env\n", None),
            (b"echo\n", None),
        ] {
            assert_eq!(named_interpreter(head).as_deref(), name);
        }
    }

    #[test]
    fn what_is_no_script_is_named() {
        assert_eq!(program(b""), Program::Empty);
        assert_eq!(program(b"#!\n"), Program::BareShebang);
        assert_eq!(program(b"#!  \nx"), Program::BareShebang);
        assert_eq!(program(b"\xef\xbb\xbf#!/bin/sh\n"), Program::HiddenShebang { before: 3 });
        assert_eq!(program(b" \n#!/bin/sh\n"), Program::HiddenShebang { before: 2 });
        assert_eq!(program(b"echo\n"), Program::Text);
        assert_eq!(program(b"MZ\x90"), Program::Foreign("Windows"));
    }

    #[test]
    fn a_long_first_line_is_cut_as_the_kernel_does() {
        let line = |path: usize, rest: &str| format!("#!/{}{rest}", "x".repeat(path - 1)).into_bytes();
        // 2 + 253 bytes and the line feed are just within 256.
        assert_eq!(interpreter(&line(253, "\nx")).0.len(), 253);
        assert_eq!(interpreter(&line(253, " -e -u -x\nx")), (line(253, "")[2..].to_vec(), None));
        assert_eq!(program(&line(254, "\nx")), Program::CutShebang);
        assert_eq!(program(&line(254, "")), Program::CutShebang);
        assert_eq!(program(&line(400, " -e\n")), Program::CutShebang);
        assert_eq!(interpreter(&line(253, "")).0.len(), 253);
        let (path, argument) = interpreter(format!("#!/bin/sh {}\n", "y".repeat(400)).as_bytes());
        assert_eq!((path, argument.map(|argument| argument.len())), (b"/bin/sh".to_vec(), Some(245)));
    }

    #[test]
    fn text_is_recognised_by_its_first_lines() {
        assert_eq!(looks_like(b"import sys\n"), Some("python"));
        assert_eq!(looks_like(b"if [[ -n $x ]]; then\n"), Some("bash"));
        assert_eq!(looks_like(b"read line\necho ok\n"), None);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_something(head: Vec<u8>) {
            let _ = (program(&head), looks_like(&head));
        }
    }
}
