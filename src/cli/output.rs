//! The forms of a report of findings and where they go: one to standard output,
//! any number to files. The form never changes the exit status.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use clap::{Args, ValueEnum};

use super::interrupt::Held;
use super::{Failure, Global, exit, source, terminal};
use crate::redact::Redactor;
use crate::report::escape;
use crate::report::markdown::Markdown;
use crate::report::page::{Page, Text};

/// Bytes that are written before a signal is looked for again.
const PART: usize = 256 << 10;

/// The form of a report of findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Form {
    /// For people
    Text,
    /// For programs
    Json,
    /// A ticket to paste into GitHub, GitLab or a mail
    Markdown,
    /// For code scanning and editors: SARIF 2.1.0
    Sarif,
}

/// The form of a report that is read, not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum PlainForm {
    /// For people
    Text,
    /// For programs
    Json,
    /// The text as a block, to paste into GitHub, GitLab or a mail
    Markdown,
}

impl PlainForm {
    /// The text report, for the terminal or as a block of Markdown.
    pub(super) fn written(
        self,
        title: &'static str,
        global: &Global,
        write: impl FnOnce(&mut Page),
    ) -> String {
        let is_markdown = self == Self::Markdown;
        let mut page = terminal::page_for(if is_markdown { Place::File } else { Place::Terminal }, global);
        write(&mut page);
        if !is_markdown {
            return page.into_text();
        }
        let mut markdown = Markdown::new();
        markdown.heading(2, &Text::new().own(title));
        markdown.page(page);
        markdown.into_text()
    }
}

/// Which forms, and where to.
#[derive(Debug, Args)]
pub(super) struct Output {
    /// The form of the report on standard output
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Form::Text)]
    pub(super) format: Form,
    /// Write the report to a file, too (`--output sarif=ar.sarif`); may be given several times.
    /// It is written whole or not at all, and only its owner may read it
    #[arg(long, short, value_name = "FORMAT=FILE", value_parser = target)]
    output: Vec<Target>,
}

/// A form and its file.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Target {
    form: Form,
    file: PathBuf,
}

fn target(text: &str) -> Result<Target, String> {
    let forms = "text, json, markdown and sarif";
    let Some((form, file)) = text.split_once('=') else {
        return Err(format!("write it like json=report.json; the forms are {forms}"));
    };
    let form =
        Form::from_str(form, false).map_err(|_| format!("no form is called '{form}'; there are {forms}"))?;
    match file {
        "" => Err("the file is missing".to_owned()),
        "-" => Err("standard output has the form of --format".to_owned()),
        file => Ok(Target { form, file: PathBuf::from(file) }),
    }
}

impl Output {
    /// Refuses files that must not be written, before anything is looked at. `homes` are Wazuh
    /// directories besides those that are recognised.
    pub(super) fn refuse_unfit(&self, homes: &[PathBuf]) -> Result<(), Failure> {
        for (at, Target { file, .. }) in self.output.iter().enumerate() {
            let shown = file.display();
            let unfit = |why: &str| Err(Failure::usage(anyhow!("--output {shown}: {why}")));
            if self.output[..at].iter().any(|other| is_same(&other.file, file)) {
                return unfit("is named twice");
            }
            match fs::symlink_metadata(file) {
                Ok(meta) if !meta.is_file() => return unfit("is there and is no regular file"),
                Ok(_) | Err(_) => {}
            }
            if is_below_home(file, homes) {
                return unfit("is inside of a Wazuh directory, where ar-doctor writes nothing");
            }
        }
        Ok(())
    }

    /// Prints the report, and writes it to its files. Returns the status of what could not be
    /// written, having named it.
    pub(super) fn write(
        &self,
        redactor: &Redactor,
        mut render: impl FnMut(Form, Place) -> Result<String, Failure>,
    ) -> Result<Option<u8>, Failure> {
        let mut status = None;
        let held = (!self.output.is_empty()).then(Held::new);
        let is_stopped = || held.as_ref().is_some_and(Held::is_noted);
        let interrupted = |said: String| Failure { status: exit::INTERRUPTED, error: anyhow!(said) };
        for Target { form, file } in &self.output {
            let text = render(*form, Place::File)?;
            if let Err(error) = replace(file, text.as_bytes(), &is_stopped) {
                if is_stopped() {
                    return Err(interrupted(format!("interrupted; {} was not written", file.display())));
                }
                let said =
                    redactor.text(format!("{}: the report cannot be written: {error}", file.display()));
                terminal::complain(&escape::visible(&said));
                status = Some(exit::NOTHING);
            }
        }
        if is_stopped() {
            return Err(interrupted("interrupted; the files of --output were written".to_owned()));
        }
        drop(held);
        terminal::print(&render(self.format, Place::Terminal)?)?;
        Ok(status)
    }
}

/// Where a report goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Standard output, which may have colour and a width.
    Terminal,
    /// A file, which has neither.
    File,
}

/// The worse one of two statuses by the precedence of exit statuses: 70, 3, 1 or 5, 4.
pub(super) fn worse(status: u8, other: Option<u8>) -> u8 {
    match other {
        Some(other) if status != exit::INTERNAL => other,
        _ => status,
    }
}

/// Whether two names are of one file, which need not be there.
pub(super) fn is_same(one: &Path, other: &Path) -> bool {
    let real = |file: &Path| {
        let parent = file.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
        let parent = parent.canonicalize().unwrap_or_else(|_| parent.to_owned());
        file.file_name().map_or_else(|| file.to_owned(), |name| parent.join(name))
    };
    real(one) == real(other)
}

/// Whether a file would lie below a Wazuh directory: one of `homes`, or one that has the
/// directories of one.
fn is_below_home(file: &Path, homes: &[PathBuf]) -> bool {
    let parent = match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    // Without the directory nothing can be written.
    let Ok(parent) = parent.canonicalize() else { return false };
    let homes: Vec<PathBuf> = homes.iter().filter_map(|home| home.canonicalize().ok()).collect();
    parent.ancestors().any(|directory| {
        homes.iter().any(|home| home == directory)
            || directory.join("active-response/bin").is_dir() && directory.join("etc").is_dir()
    })
}

/// Writes a file whole or not at all, readable by its owner only.
fn replace(file: &Path, bytes: &[u8], is_stopped: &dyn Fn() -> bool) -> io::Result<()> {
    let parent = file.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
    // What is left of it when something fails is of no use to anybody: it is removed.
    let scratch = tempfile::Builder::new().prefix(".ar-doctor-").suffix(".partial").tempfile_in(parent);
    // Its error names a file that the user does not know.
    let mut scratch = scratch.map_err(|error| io::Error::from(error.kind()))?;
    for part in bytes.chunks(PART) {
        if is_stopped() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        scratch.as_file_mut().write_all(part)?;
    }
    scratch.as_file().sync_all()?;
    // It may have become something else meanwhile; a link is replaced, never followed.
    if fs::symlink_metadata(file).is_ok_and(|meta| !meta.is_file()) {
        return Err(io::Error::other("is no regular file"));
    }
    if is_stopped() {
        return Err(io::ErrorKind::Interrupted.into());
    }
    scratch.persist(file)?;
    Ok(())
}

/// The Wazuh directories that a source has on this machine.
pub(super) fn homes(from: Option<&Path>, home: &Path) -> Vec<PathBuf> {
    match from {
        None => vec![home.to_owned()],
        Some(root) if source::is_stdin(root) => Vec::new(),
        Some(root) => {
            let inside = home.strip_prefix("/").unwrap_or(home);
            vec![root.join(inside), root.join("files").join(inside)]
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_target_is_a_form_and_a_file() {
        let parsed = target("sarif=a=b.sarif").unwrap();
        assert_eq!((parsed.form, parsed.file), (Form::Sarif, PathBuf::from("a=b.sarif")));
        for (text, words) in
            [("json", "json=report.json"), ("xml=a", "'xml'"), ("json=", "missing"), ("json=-", "--format")]
        {
            assert!(target(text).unwrap_err().contains(words), "{text}");
        }
    }

    #[test]
    fn one_file_of_several_names_is_named_twice() {
        let directory = tempfile::tempdir().unwrap();
        let top = directory.path();
        fs::create_dir(top.join("a")).unwrap();
        std::os::unix::fs::symlink(top.join("a"), top.join("link")).unwrap();
        for (one, other) in [("a/x", "a/./x"), ("a/x", "a/../a/x"), ("a/x", "link/x"), ("x", "./x")] {
            assert!(is_same(&top.join(one), &top.join(other)), "{one} {other}");
        }
        assert!(is_same(Path::new("x"), Path::new("./x")));
        assert!(!is_same(&top.join("a/x"), &top.join("x")) && !is_same(Path::new("x"), Path::new("y")));
        let twice = ["json=x", "sarif=./x"].map(|text| target(text).unwrap()).to_vec();
        let output = Output { format: Form::Text, output: twice };
        assert!(output.refuse_unfit(&[]).unwrap_err().error.to_string().contains("named twice"));
    }

    #[test]
    fn a_file_is_replaced_whole_and_only_its_owner_reads_it() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("report.json");
        fs::write(&file, "old").unwrap();
        replace(&file, b"new", &|| false).unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"new");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o7777, 0o600);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        // What cannot be replaced leaves nothing behind.
        let taken = directory.path().join("directory");
        fs::create_dir(&taken).unwrap();
        assert!(replace(&taken, b"new", &|| false).is_err());
        assert!(replace(&directory.path().join("none/file"), b"new", &|| false).is_err());
        // Nor does one that a signal stops, before or while it is written.
        for parts in 0..3 {
            let asked = std::cell::Cell::new(0);
            let is_stopped = || asked.replace(asked.get() + 1) >= parts;
            let stopped = replace(&file, &vec![b'x'; 2 * PART], &is_stopped);
            assert_eq!(stopped.unwrap_err().kind(), io::ErrorKind::Interrupted);
            assert_eq!(fs::read(&file).unwrap(), b"new");
        }
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2);
    }

    #[test]
    fn nothing_is_written_where_wazuh_lives_or_over_a_device() {
        let directory = tempfile::tempdir().unwrap();
        let home = directory.path().join("ossec");
        fs::create_dir_all(home.join("active-response/bin")).unwrap();
        fs::create_dir_all(home.join("etc")).unwrap();
        std::os::unix::fs::symlink(&home, directory.path().join("link")).unwrap();
        let refused = |file: &Path, homes: &[PathBuf]| {
            let output =
                Output { format: Form::Text, output: vec![Target { form: Form::Json, file: file.into() }] };
            output.refuse_unfit(homes).is_err()
        };
        assert!(refused(&home.join("report.json"), &[]));
        assert!(refused(&home.join("etc/report.json"), &[]));
        assert!(refused(&directory.path().join("link/report.json"), &[]));
        assert!(refused(&directory.path().join("link"), &[]));
        assert!(refused(Path::new("/dev/null"), &[]));
        assert!(!refused(&directory.path().join("report.json"), &[]));
        assert!(refused(&directory.path().join("report.json"), &[directory.path().to_owned()]));
    }
}
