//! A site's own log signatures: `/etc/ar-doctor/signatures.d` and `--signatures DIR`.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use clap::Args;

use super::{Failure, terminal};
use crate::findings::signatures::{Signature, of_site};
use crate::redact::Redactor;
use crate::report::escape;

/// Where a site keeps them.
const DIRECTORY: &str = "/etc/ar-doctor/signatures.d";

/// Bytes of one file.
const LIMIT: u64 = 1 << 20;

/// Where more signatures are.
#[derive(Debug, Args)]
pub(super) struct Signatures {
    /// Know the log lines of the *.toml files in this directory, too, besides those in
    /// /etc/ar-doctor/signatures.d; a bad one is named and left out
    #[arg(long, value_name = "DIR")]
    signatures: Option<PathBuf>,
}

impl Signatures {
    /// Reads them. What is wrong with one is said, and the others count.
    pub(super) fn load(&self, redactor: &Redactor) -> Result<Vec<&'static Signature>, Failure> {
        let mut all = Vec::new();
        if let Some(directory) = &self.signatures {
            let shown = directory.display();
            let files =
                files(directory).with_context(|| format!("--signatures {shown}")).map_err(Failure::usage)?;
            read(&files, redactor, &mut all);
        }
        match files(Path::new(DIRECTORY)) {
            Ok(files) => read(&files, redactor, &mut all),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => say(redactor, &anyhow!("{DIRECTORY}: {error}").to_string()),
        }
        Ok(all)
    }
}

fn files(directory: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn read(files: &[PathBuf], redactor: &Redactor, all: &mut Vec<&'static Signature>) {
    for path in files {
        let shown = path.display().to_string();
        let text = match text(path) {
            Ok(text) => text,
            Err(error) => {
                say(redactor, &format!("{shown}: {error}"));
                continue;
            }
        };
        let (signatures, bad) = of_site(&shown, &text);
        for bad in bad {
            say(redactor, &format!("{}:{}: {}", bad.file, bad.line, bad.why));
        }
        all.extend(signatures.into_iter().map(|signature| &*Box::leak(Box::new(signature))));
    }
}

fn text(path: &Path) -> std::io::Result<String> {
    use std::io::Read as _;
    let meta = std::fs::metadata(path)?;
    if !meta.is_file() || meta.len() > LIMIT {
        return Err(std::io::Error::other(format!("is no file of at most {LIMIT} bytes")));
    }
    let mut text = String::new();
    std::fs::File::open(path)?.take(LIMIT).read_to_string(&mut text)?;
    Ok(text)
}

fn say(redactor: &Redactor, text: &str) {
    terminal::complain(&escape::visible(&redactor.text(text)));
}
