//! Copies of directories that a test changes.
#![allow(unreachable_pub, clippy::expect_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;

/// Copies what is in a directory. The directory it goes to may be there.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).expect("a directory") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        // A link to a directory is followed as well.
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("it is copied");
        }
    }
}
