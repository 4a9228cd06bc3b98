//! The forms of a report of findings and where they go: one to standard output,
//! any number to files. The form never changes the exit status.

use std::fs;
use std::path::PathBuf;

use anyhow::anyhow;
use clap::{Args, ValueEnum};

use super::interrupt::Held;
use super::{Failure, Global, exit, files, terminal};
use crate::redact::Redactor;
use crate::report::escape;
use crate::report::markdown::Markdown;
use crate::report::page::{Page, Text};

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
            if self.output[..at].iter().any(|other| files::is_same(&other.file, file)) {
                return unfit("is named twice");
            }
            match fs::symlink_metadata(file) {
                Ok(meta) if !meta.is_file() => return unfit("is there and is no regular file"),
                Ok(_) | Err(_) => {}
            }
            if files::is_below_home(file, homes) {
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
            if let Err(error) = files::write(file, text.as_bytes(), &is_stopped) {
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::path::Path;

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
            assert!(files::is_same(&top.join(one), &top.join(other)), "{one} {other}");
        }
        assert!(files::is_same(Path::new("x"), Path::new("./x")));
        assert!(
            !files::is_same(&top.join("a/x"), &top.join("x"))
                && !files::is_same(Path::new("x"), Path::new("y"))
        );
        let twice = ["json=x", "sarif=./x"].map(|text| target(text).unwrap()).to_vec();
        let output = Output { format: Form::Text, output: twice };
        assert!(output.refuse_unfit(&[]).unwrap_err().error.to_string().contains("named twice"));
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
