//! The inputs that fuzzing found worth keeping, run as ordinary tests. `tests/fuzz/TARGET` holds them;
//! CONTRIBUTING.md says how they are made.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "a test fails by panicking")]

#[path = "support/fuzzing.rs"]
#[allow(unreachable_pub, reason = "fuzz/ uses it too")]
mod fuzzing;

use std::fs;
use std::path::Path;

/// Files of one target, and bytes of all.
const MOST: (usize, u64) = (40, 200 << 10);

#[test]
fn what_was_found_holds() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz");
    let mut bytes = 0;
    for target in fuzzing::TARGETS {
        let mut files: Vec<_> =
            fs::read_dir(root.join(target.name)).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        assert!((1..=MOST.0).contains(&files.len()), "{}: {} files", target.name, files.len());
        for file in files {
            let input = fs::read(&file).unwrap();
            bytes += input.len() as u64;
            eprintln!("{}", file.display());
            (target.run)(&input);
            // What is cut off is read too.
            (target.run)(&input[..input.len() / 2]);
        }
    }
    assert!(bytes <= MOST.1, "{bytes} bytes are kept");
    let targets: Vec<&str> = fuzzing::TARGETS.iter().map(|target| target.name).collect();
    for entry in fs::read_dir(&root).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(targets.contains(&name.as_str()), "nobody reads tests/fuzz/{name}");
    }
}

/// No input, and the shortest.
#[test]
fn next_to_nothing() {
    for target in fuzzing::TARGETS {
        (target.run)(b"");
        for first in 0..=255 {
            (target.run)(&[first]);
            (target.run)(&[first, b'\n', 0xff, 0, b'<']);
        }
    }
}

/// What opens something, over and over again: nobody counts on it being closed, on the stack or on time.
#[test]
fn never_closed() {
    const OPENERS: &[&str] = &[
        "(",
        "[",
        "{",
        "<a>",
        "<!--",
        "<!",
        "<a ",
        "$(",
        "${",
        "$((",
        "`",
        "\"$(",
        "\"${x:-",
        "'",
        "<<E\n",
        "if x; then ",
        "case x in x) ",
        "while x; do ",
        "f() { ",
        "x | ",
        "x && ",
        "! ",
        "if x:\n ",
        "[x for x in ",
        "lambda: ",
        "f'{",
        "not ",
        "x if x else ",
        "def f(",
        "@{",
        "${$",
        "sub { ",
        "qw(",
        "q{",
        "m{",
        "s{",
        "[{\"a\":",
        "{\"a\":[",
        "\"\\",
        "-",
        "<ossec_config><command>",
        "<group name='x'>",
        "!1 x\n",
        "a - b - ",
        "jq '(",
        "if . then ",
    ];
    for target in fuzzing::TARGETS {
        for opener in OPENERS {
            let start = std::time::Instant::now();
            for first in [0, 1, 2, 3, 6, 9] {
                let mut input = vec![first];
                input.extend(opener.bytes().cycle().take(12 << 10));
                (target.run)(&input);
            }
            let taken = start.elapsed();
            assert!(taken.as_secs() < 60, "{} takes {taken:?} for {opener}", target.name);
        }
    }
}
