//! Standard output and standard error.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use super::output::Place;
use super::{Color, Failure, Global};
use crate::facts::Facts;
use crate::redact::Redactor;
use crate::report::escape;
use crate::report::page::Page;

/// Columns of a report that does not go to a terminal, and the most of one that does.
const WIDTH: usize = 100;

/// Narrower than this a report is no report.
const NARROWEST: usize = 40;

/// A step that takes longer than this is told on a terminal.
const QUIET: Duration = Duration::from_secs(1);

/// How often a watcher looks.
const TICK: Duration = Duration::from_millis(250);

/// An empty page for standard output.
pub(super) fn page(global: &Global) -> Page {
    let is_terminal = io::stdout().is_terminal();
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let colour = wants_colour(
        global.color,
        is_terminal,
        variable("NO_COLOR").is_some(),
        variable("CLICOLOR_FORCE").is_some_and(|value| value != "0"),
        variable("TERM").is_some_and(|value| value == "dumb"),
    );
    colored::control::set_override(colour);
    let terminal =
        terminal_size::terminal_size().filter(|_| is_terminal).map(|(width, _)| usize::from(width.0));
    let width = global.width.map(usize::from).or(terminal.map(|width| width.min(WIDTH))).unwrap_or(WIDTH);
    Page::new(width.max(NARROWEST), colour)
}

/// An empty page for where a report goes to.
pub(super) fn page_for(place: Place, global: &Global) -> Page {
    match place {
        Place::Terminal => page(global),
        Place::File => Page::new(global.width.map_or(WIDTH, usize::from).max(NARROWEST), false),
    }
}

fn wants_colour(when: Color, is_terminal: bool, no_color: bool, force: bool, is_dumb: bool) -> bool {
    match when {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => !no_color && (force || is_terminal && !is_dumb),
    }
}

/// Prints. A reader that left has seen what it wanted.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::internal(anyhow::Error::from(error).context("the report cannot be written")))
        }
        _ => Ok(()),
    }
}

/// Says what is wrong. Where even that cannot be said, the status speaks.
pub(super) fn complain(text: &str) {
    let _ = writeln!(io::stderr(), "ar-doctor: {text}");
}

/// A line on standard error about a step that takes long; only on a terminal.
pub(super) struct Progress<'a> {
    redactor: &'a Redactor,
    is_terminal: bool,
    /// The second that is shown.
    shown: Option<(String, u64)>,
}

impl<'a> Progress<'a> {
    pub(super) fn new(redactor: &'a Redactor) -> Self {
        Self { redactor, is_terminal: io::stderr().is_terminal(), shown: None }
    }

    pub(super) fn tell(&mut self, label: &str, since: Duration) {
        if !self.is_terminal || since < QUIET {
            return;
        }
        let now = (label.to_owned(), since.as_secs());
        if self.shown.as_ref() != Some(&now) {
            let label = escape::visible(&self.redactor.text(label));
            let _ = write!(io::stderr(), "\r\x1b[K{label}: {} s", now.1);
            self.shown = Some(now);
        }
    }

    pub(super) fn erase(&mut self) {
        if self.shown.take().is_some() {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

/// Does some work, and tells which log it reads when it takes long; only on a terminal.
pub(super) fn reading<T>(facts: &Facts<'_>, redactor: &Redactor, work: impl FnOnce() -> T) -> T {
    let watch = facts.watch_logs();
    let now = move || watch.now().map(|(file, done)| format!("reading {file}, {} MiB", done >> 20));
    watched(redactor, now, work)
}

/// Does some work, and tells what it does on standard error when it takes long; only on a terminal.
pub(super) fn watched<T>(
    redactor: &Redactor,
    now: impl Fn() -> Option<String> + Send,
    work: impl FnOnce() -> T,
) -> T {
    if !io::stderr().is_terminal() {
        return work();
    }
    let start = Instant::now();
    // The watcher ends when the work does, even by a panic: then the sender is gone.
    let (ended, end) = mpsc::channel::<()>();
    std::thread::scope(|scope| {
        let watch = move || {
            let mut progress = Progress::new(redactor);
            while end.recv_timeout(TICK) == Err(mpsc::RecvTimeoutError::Timeout) {
                if let Some(now) = now() {
                    progress.tell(&now, start.elapsed());
                }
            }
            progress.erase();
        };
        // Where the system has no thread to give, nothing is told.
        let _ = std::thread::Builder::new().spawn_scoped(scope, watch);
        let done = work();
        drop(ended);
        done
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_is_for_terminals_and_for_whoever_asks() {
        assert!(wants_colour(Color::Auto, true, false, false, false));
        assert!(!wants_colour(Color::Auto, false, false, false, false));
        assert!(!wants_colour(Color::Auto, true, true, false, false));
        assert!(!wants_colour(Color::Auto, true, false, false, true));
        assert!(wants_colour(Color::Auto, false, false, true, false));
        assert!(!wants_colour(Color::Auto, true, true, true, false), "NO_COLOR wins");
        assert!(wants_colour(Color::Always, false, true, false, true));
        assert!(!wants_colour(Color::Never, true, false, true, false));
    }
}
