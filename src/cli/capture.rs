//! `ar-doctor capture`: everything the commands read on a host, redacted, in one file.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use clap::{Args, ValueEnum};

use super::interrupt::Held;
use super::source::Source;
use super::{Failure, Global, exit, files, since, terminal};
use crate::capture::{self, Error, Form, Recorder, Summary, Wanted};
use crate::facts::{Facts, Since, install};
use crate::redact::Redactor;
use crate::report::{TOOL, VERSION, escape};

const EXAMPLES: &str = "\
Examples:
  sudo ar-doctor capture                  ar-doctor-HOST-TIME.tar.gz in this directory
  sudo ar-doctor capture -o /tmp/web-01.tar.gz --since 2d
  sudo ar-doctor capture --redact identities --map ~/names.json
                                          names and addresses hidden, too
  sudo ar-doctor capture -o /tmp/web-01   a directory, to look into it before it is sent
  ar-doctor check --from web-01.tar.gz    what the host showed, on another machine

In it: host.json (what was looked at: types, owners, modes, labels, processes, mounts, and what
could not be seen), files/ (the contents that were read, of logs the parts that were read),
report.json and ticket.md (what check found), ledger.json (what was hidden and what was left out),
manifest.json (SHA-256 of all of them). Secrets are overwritten with `*`. Of compiled programs the
headers and checksums are held, and not their bytes. Custom scripts are held where check reads
them, because their text is what it judges; --with-scripts adds those that no response names.

check, show, trace, simulate, lint and migrate take the capture with --from and answer as on the
host. For a manager and an agent that do not find each other, make one on each.

Exit status: 0 fine, 2 usage, or a place that cannot be written to, 3 nothing to capture, or
no capture could be made, 70 internal error, 130 interrupted. Nothing is left behind but a
whole capture.";

/// Write all that the commands read on this host into one redacted file
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Where to write: a file that ends in .tar.gz or .tgz, else a directory, which is made. In a
    /// directory that is there, a file of the usual name [default: ar-doctor-HOST-TIME.tar.gz]
    #[arg(short, long, value_name = "PATH")]
    output: Option<PathBuf>,
    /// Read alerts and logs of this age (90m, 12h, 2d), from this date or time on, or `all`
    /// [default: as check does]
    #[arg(long, value_name = "AGE", value_parser = parse_since)]
    since: Option<(String, Since)>,
    /// Take the scripts that no response names along, too: all of active-response/bin and
    /// integrations
    #[arg(long)]
    with_scripts: bool,
    /// The most bytes of contents, before they are compressed (200M, 1G); of the largest logs the
    /// oldest parts are left out
    #[arg(long, value_name = "SIZE", value_parser = parse_size, default_value = "256M")]
    max_size: u64,
    /// Hide this, too: names and addresses get pseudonyms that are the same all through the
    /// capture, and with which it shows the same; special addresses and networks stay what they are
    #[arg(long, value_name = "WHAT", value_enum)]
    redact: Option<Hidden>,
    /// Write which pseudonym stands for what into this file, for yourself
    #[arg(long, value_name = "FILE", requires = "redact")]
    map: Option<PathBuf>,
}

/// What is hidden besides secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Hidden {
    /// Names of hosts, agents and users, mail, and addresses
    Identities,
}

fn parse_since(text: &str) -> Result<(String, Since), String> {
    since::parse(text).map(|since| (text.to_owned(), since))
}

fn parse_size(text: &str) -> Result<u64, String> {
    let (digits, unit) = match text.to_ascii_uppercase() {
        upper if upper.ends_with('K') => (upper.len() - 1, 1 << 10),
        upper if upper.ends_with('M') => (upper.len() - 1, 1 << 20),
        upper if upper.ends_with('G') => (upper.len() - 1, 1 << 30),
        upper => (upper.len(), 1),
    };
    let number = text.get(..digits).and_then(|digits| digits.parse::<u64>().ok());
    // What is larger is refused by who reads it.
    let size = number.and_then(|number| number.checked_mul(unit)).filter(|size| *size <= 2 << 30);
    size.filter(|size| *size > 0).ok_or_else(|| "give a size up to 2G, such as 200M".to_owned())
}

pub(super) fn run(global: &Global, arguments: &Arguments, redactor: &Redactor) -> Result<u8, Failure> {
    if arguments.redact.is_some() {
        // A new one for each capture, so that two of them cannot be held against each other.
        redactor.redact_identities(crate::redact::salt().map_err(Failure::internal)?);
    }
    let source = Source::of_host(global)?;
    let recorder = Recorder::new(source.host());
    let install = install::find(&recorder, global.home.as_deref()).map_err(Failure::nothing)?;
    let homes = files::homes(global.from.as_deref(), &install.home);
    let mut facts = Facts::new(&recorder, redactor, install);
    let made_at = jiff::Timestamp::now().as_second();
    let hostname = facts.machine().get().map(|machine| machine.hostname.clone());
    let hostname = hostname.filter(|name| !name.is_empty());
    let name = hostname.as_deref().filter(|_| arguments.redact.is_none()).unwrap_or("host");
    let target = target(arguments.output.as_deref(), name, made_at);
    let form = form(&target)?;
    check_target(&target, &homes)?;
    let map = arguments.map.as_deref().map(|map| Map::begin(map, &target, &homes)).transpose()?;

    let asked_since = arguments.since.as_ref().map(|(_, since)| *since);
    let since = source.since(asked_since);
    facts.look_back(since);
    let wanted = Wanted { since, scripts: arguments.with_scripts };
    let diagnosis = terminal::reading(&facts, redactor, || capture::look(&facts, redactor, wanted));

    redactor.keep(facts.responses().iter().map(|response| response.shown()));
    // From here on there is something to be taken away.
    let held = Held::new();
    let options = capture::Options {
        target: &target,
        form,
        max_size: arguments.max_size,
        label: format!(
            "capture of {}, {}",
            hostname.as_deref().unwrap_or("a host"),
            crate::facts::change::instant(made_at)
        ),
        home: global.home.clone().or_else(|| source.host().asked().home),
        since: arguments.since.as_ref().map(|(text, _)| text.clone()).or_else(|| source.host().asked().since),
        made_by: &format!("{TOOL} {VERSION}"),
        made_at,
        stop: held.noted(),
    };
    let documents = || capture::documents(&facts, &diagnosis, redactor);
    let writing = || Some(format!("writing {}", target.display()));
    let written =
        terminal::watched(redactor, writing, || capture::write(&recorder, redactor, &documents, &options));
    let summary = written.map_err(|error| {
        let status = match &error {
            Error::Exists(_) => exit::USAGE,
            Error::Write { why, .. } if why.kind() == std::io::ErrorKind::PermissionDenied => exit::USAGE,
            Error::Stopped => exit::INTERRUPTED,
            _ => exit::NOTHING,
        };
        Failure { status, error: error.into() }
    })?;
    if let Some(map) = map {
        map.write(redactor, &target)?;
    }
    terminal::print(&said(&target, &summary, &facts, redactor, global))?;
    Ok(exit::FINE)
}

/// The form of a name. One of another kind of archive, or of standard output, is no directory's.
fn form(target: &Path) -> Result<Form, Failure> {
    let shown = target.display();
    if target == Path::new("-") {
        return Err(Failure::usage(anyhow!(
            "-o -: a capture is not written to standard output; name a file"
        )));
    }
    if is_archive(target) {
        return Ok(Form::Archive);
    }
    let extension = target.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    if ["tar", "gz", "xz", "bz2", "zst", "zip", "7z", "txz", "tbz2", "tzst", "json"]
        .contains(&extension.as_str())
    {
        return Err(Failure::usage(anyhow!(
            "-o {shown}: a capture is a file that ends in .tar.gz or .tgz, or a directory; name it so"
        )));
    }
    Ok(Form::Directory)
}

fn is_archive(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    name.ends_with(".tar.gz") || name.ends_with(".tgz")
}

/// Where it is written which pseudonym stands for what. It is begun before the capture, which
/// nobody could resolve without it.
struct Map<'p> {
    path: &'p Path,
    file: tempfile::NamedTempFile,
}

impl<'p> Map<'p> {
    fn begin(path: &'p Path, capture: &Path, homes: &[PathBuf]) -> Result<Self, Failure> {
        check_target(path, homes)?;
        if fs::symlink_metadata(path).is_ok() {
            return Err(Failure::usage(anyhow!("--map: {}", Error::Exists(path.to_owned()))));
        }
        if files::is_same(path, capture) {
            let path = path.display();
            return Err(Failure::usage(anyhow!(
                "--map {path}: the capture has this name; name another file"
            )));
        }
        let file = files::scratch(path)
            .map_err(|error| Failure::usage(anyhow!("--map {}: {error}", path.display())))?;
        Ok(Self { path, file })
    }

    /// Without it the capture is taken away.
    fn write(mut self, redactor: &Redactor, capture: &Path) -> Result<(), Failure> {
        let write = || -> std::io::Result<()> {
            serde_json::to_writer_pretty(&mut self.file, &redactor.map())?;
            self.file.as_file().sync_all()?;
            self.file.persist_noclobber(self.path).map_err(|error| error.error)?;
            Ok(())
        };
        write().map_err(|error| {
            let removed =
                if capture.is_dir() { fs::remove_dir_all(capture) } else { fs::remove_file(capture) };
            let left = match removed {
                Ok(()) => "no capture was made".to_owned(),
                Err(_) => format!("{} was made, and nobody can resolve its names", capture.display()),
            };
            Failure::usage(anyhow!("--map {}: {error}; {left}", self.path.display()))
        })
    }
}

/// Where the capture goes.
fn target(output: Option<&Path>, hostname: &str, made_at: i64) -> PathBuf {
    let plain: String = hostname
        .chars()
        .map(|sign| if sign.is_ascii_alphanumeric() || matches!(sign, '-' | '_' | '.') { sign } else { '_' })
        .take(64)
        .collect();
    let time = jiff::Timestamp::from_second(made_at).unwrap_or_default().strftime("%Y%m%dT%H%M%SZ");
    let usual = format!("{TOOL}-{plain}-{time}.tar.gz");
    match output {
        None => PathBuf::from(usual),
        Some(output) if output.is_dir() => output.join(usual),
        Some(output) => output.to_owned(),
    }
}

/// A capture is never written below a Wazuh directory, and its directory must be there.
fn check_target(target: &Path, homes: &[PathBuf]) -> Result<(), Failure> {
    let directory = files::directory_of(target);
    fs::canonicalize(directory)
        .map_err(|error| Failure::usage(anyhow!("{} cannot be written to: {error}", directory.display())))?;
    if files::is_below_home(target, homes) {
        return Err(Failure::usage(anyhow!(
            "{} lies in a Wazuh directory, where nothing is written; name another place with -o",
            directory.display()
        )));
    }
    Ok(())
}

/// What was done, and what to do next.
fn said(target: &Path, summary: &Summary, facts: &Facts<'_>, redactor: &Redactor, global: &Global) -> String {
    let visible = |text: String| escape::visible(&redactor.text(text)).to_string();
    // As the one who asked for it called it: it may hold a name that is hidden in it.
    let path = escape::visible(&Redactor::new().text(target.display().to_string())).to_string();
    if global.quiet {
        return format!("{path}\n");
    }
    let size = |bytes: u64| match bytes {
        0..=0xfffff => format!("{} KiB", bytes.div_ceil(1024)),
        _ => format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20)),
    };
    let mut out = format!("{path}: {}, parts of {} files\n", size(summary.bytes), summary.files);
    let count = |number: u64, one: &str, many: &str| {
        if number == 1 { format!("1 {one}") } else { format!("{number} {many}") }
    };
    if summary.hidden.is_empty() {
        out.push_str("redacted: no secret was seen\n");
    } else {
        let kinds: Vec<String> =
            summary.hidden.iter().map(|(kind, count)| format!("{count} {}", kind.name())).collect();
        let places = count(summary.hidden_in as u64, "file", "files");
        out.push_str(&format!("redacted: {} in {places} (ledger.json says where)\n", kinds.join(", ")));
    }
    for left in summary.left_out.iter().take(10) {
        let bytes = left.bytes.map_or_else(String::new, |bytes| format!("{} of ", size(bytes)));
        out.push_str(&visible(format!("left out: {bytes}{}: {}", left.path, left.why)));
        out.push('\n');
    }
    if summary.left_out.len() > 10 {
        out.push_str(&format!("left out: {} more, see ledger.json\n", summary.left_out.len() - 10));
    }
    for note in &summary.notes {
        out.push_str(&visible(format!("note: {note}")));
        out.push('\n');
    }
    if facts.reader_uid() != 0 {
        out.push_str("read without root: what root alone may see is not in it; run it with sudo\n");
    }
    out.push_str(&format!("next: send this file; look into it with `ar-doctor check --from {path}`\n"));
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert_eq!(parse_size("200M").unwrap(), 200 << 20);
        assert_eq!(parse_size("1g").unwrap(), 1 << 30);
        assert_eq!(parse_size("4096").unwrap(), 4096);
        for wrong in ["", "M", "0", "3G", "-1", "1T", "99999999999999999999", "1 M"] {
            assert!(parse_size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_name_says_host_and_time() {
        let name = target(None, "web 01/../x", 1_795_262_400);
        assert_eq!(name, Path::new("ar-doctor-web_01_.._x-20261121T120000Z.tar.gz"));
        for wrong in ["-", "x.tar", "x.zip", "x.tar.xz", "x.gz", "x.json"] {
            assert!(form(Path::new(wrong)).is_err(), "{wrong}");
        }
        assert_eq!(form(Path::new("x")).unwrap(), Form::Directory);
        assert_eq!(form(Path::new("web-01.corp")).unwrap(), Form::Directory);
        assert!(is_archive(&name) && is_archive(Path::new("x.TGZ")) && !is_archive(Path::new("x.tar")));
    }
}
