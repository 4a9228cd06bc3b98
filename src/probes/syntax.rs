//! Whether OS_XML reads the files at all, and what ordinary XML tools make of them.

use super::{Probe, RESTART_MANAGER, Sink, lossy, quote};
use crate::facts::Facts;
use crate::findings::{Evidence, Finding, Subject, checks};
use crate::host::FileType;
use crate::wazuh::ossec_conf::Role;
use crate::wazuh::version::Contract;
use crate::wazuh::xml::{self, SecondOpinion, Span};

/// `ossec.conf` as a file.
pub(super) const PROBE: Probe = Probe {
    name: "config-file",
    checks: &[checks::CONFIG_XML_ERROR, checks::CONFIG_MISSING, checks::XML_TOOLS_MISREAD],
    run,
};

/// Rule and decoder files of a manager.
pub(super) const RULESET: Probe =
    Probe { name: "ruleset-files", checks: &[checks::RULESET_XML_ERROR], run: ruleset };

fn run(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    let config = facts.config();
    let path = config.file.path.display().to_string();
    if let Some((what, hangs)) = super::resolve::no_text_file(facts, &config.file.path) {
        let (title, cause) = if hangs {
            (
                format!("Every Wazuh daemon of this host hangs at its start: {path} {what}."),
                "Each opens the file first and waits for ever for somebody to write into the FIFO. Nothing is logged.".to_owned(),
            )
        } else if what == "is a directory" {
            let refuses = match facts.role() {
                Role::Agent => "agentd finds no server in it and does not start: (1215)",
                Role::Manager => {
                    "analysisd finds no response in it, and remoted of 4.7.0 and later does not start"
                }
            };
            (
                format!("Wazuh reads no configuration: {path} {what}."),
                format!(
                    "The daemons can open a directory, read nothing out of it and take it for an empty file: {refuses}."
                ),
            )
        } else {
            (
                format!("No Wazuh daemon of this host starts: {path} {what}."),
                format!(
                    "Every daemon logs \"(1226): Error reading XML file '{}':  (line 0).\" and exits.",
                    file_of_daemons(facts)
                ),
            )
        };
        sink.find(
            Finding::new(checks::CONFIG_MISSING, Subject::File(path.clone()), title)
                .cause(cause)
                .observed(&path, what.strip_prefix("is ").unwrap_or(what))
                .remedy(format!("move it away: mv {0} {0}.old", quote(&path)))
                .remedy(format!(
                    "restore {path} from a backup, or reinstall the package to get the stock file"
                ))
                .verify(format!("ls -l {}", quote(&path)))
                .stops(facts.all_responses())
                .shares(&path)
                .shares("process:execd")
                .shares("process:analysisd"),
        );
        return;
    }
    if let Some(gap) = config.file.bytes.unknown() {
        sink.unknown_for_all(PROBE.checks, &gap);
        return;
    }
    let (Some(read), Some(bytes)) = (&config.read, config.file.bytes.get()) else {
        let dangling =
            facts.entry(&config.file.path).get().is_some_and(|entry| entry.file_type == FileType::Symlink);
        let (what, seen) = if dangling {
            ("is a link that leads nowhere", "a link, and no file at its end")
        } else {
            ("does not exist", "no such file")
        };
        sink.find(
            Finding::new(
                checks::CONFIG_MISSING,
                Subject::File(path.clone()),
                format!("No Wazuh daemon of this host starts: {path} {what}."),
            )
            .cause(format!(
                "Every daemon logs \"(1226): Error reading XML file '{}':  (line 0).\" and exits; the line and the missing reason mean nothing.",
                file_of_daemons(facts)
            ))
            .observed(&path, seen)
            .remedy(format!("restore {path} from a backup, or reinstall the package to get the stock file"))
            .verify(format!("ls -l {}", quote(&path)))
            .stops(facts.all_responses())
            .shares(&path)
            .shares("process:execd")
            .shares("process:analysisd"),
        );
        return;
    };
    match &read.xml {
        Err(error) => sink.find(unreadable(facts, error)),
        Ok(document) => {
            let opinion = if document.roots.len() > 1 {
                xml::second_opinion_wrapped(bytes, document)
            } else {
                xml::second_opinion(bytes, document)
            };
            if let Some(finding) = misread(facts, opinion) {
                sink.find(finding);
            }
        }
    }
}

/// What the reader's words mean: the end of the title, where to look, what is
/// there, the remedy.
struct Plain {
    what: String,
    at: Option<Span>,
    label: &'static str,
    mend: &'static str,
}

/// Says in plain words what the reader trips over.
fn plain(error: &xml::Error, bytes: &[u8]) -> Plain {
    let message = String::from_utf8_lossy(&error.message);
    let message = message.trim_start_matches("XMLERR: ");
    let at = error.culprit;
    let say = |what: &str, label, mend| Plain { what: what.to_owned(), at, label, mend };
    if let Some(declaration) = declaration(bytes).filter(|span| at.is_some_and(|at| span.contains(at.start)))
    {
        return Plain {
            at: Some(declaration),
            ..say("there is an XML declaration", "Wazuh's reader knows no XML declaration", "delete it")
        };
    }
    if let Some(name) = message.strip_prefix("Element '").and_then(|rest| rest.strip_suffix("' not closed."))
    {
        return not_closed(error, bytes, name);
    }
    match message {
        "Comment not closed." => {
            say("a comment is not closed", "opened here, and no --> behind it", "end the comment with -->")
        }
        "Element not opened." => {
            if let Some((span, label, mend)) = swallowing(bytes) {
                return Plain {
                    what: "a comment hides more than it should".to_owned(),
                    at: Some(span),
                    label,
                    mend,
                };
            }
            say(
                "an end tag closes nothing",
                "closes what is not open",
                "take this end tag out, or find the start tag that is missing",
            )
        }
        "End of file and some elements were not closed." => {
            say("an element is not closed", "still open at the end", "add its end tag, or take this tag out")
        }
        "String overflow." => say(
            "a text is longer than 20479 bytes",
            "too long",
            "shorten the text, or the blanks between two elements",
        ),
        _ => say("a tag is malformed", "not accepted", "mend the tag; a < inside a text is written \\<"),
    }
}

/// The `<?xml ...?>` a file begins with.
fn declaration(bytes: &[u8]) -> Option<Span> {
    let start = memchr::memmem::find(bytes, b"<?xml")?;
    let end = start + memchr::memmem::find(bytes.get(start..)?, b"?>")? + 2;
    Some(Span { start, end })
}

fn not_closed(error: &xml::Error, bytes: &[u8], name: &str) -> Plain {
    let plain = |at, label, mend| Plain { what: format!("<{name}> is not closed"), at, label, mend };
    let Some(culprit) = error.culprit else { return plain(None, "not closed", "add the end tag") };
    let marked = culprit.slice(bytes);
    if marked.starts_with(b"</") {
        return if !marked.ends_with(b">") || marked.contains(&b'\n') {
            plain(Some(culprit), "its > is missing", "put > at the end of the tag")
        } else if marked.iter().any(u8::is_ascii_whitespace) {
            plain(Some(culprit), "a blank inside an end tag", "take the blank out of the end tag")
        } else {
            plain(
                Some(culprit),
                "this does not close it",
                "make the end tag the same as the start tag, letter by letter",
            )
        };
    }
    let hidden = format!("\\</{name}>");
    let inside = bytes.get(culprit.end..error.offset.min(bytes.len())).unwrap_or_default();
    if let Some(at) = memchr::memmem::find(inside, hidden.as_bytes()) {
        let start = culprit.end + at;
        return plain(
            Some(Span { start, end: start + hidden.len() }),
            "the backslash hides the end tag",
            "take the backslash away, or write two",
        );
    }
    plain(Some(culprit), "opened here", "add the end tag")
}

/// A comment that goes on further than it looks, and so swallows what the reader
/// misses later: one that is opened again inside, a document type, CDATA.
fn swallowing(bytes: &[u8]) -> Option<(Span, &'static str, &'static str)> {
    let mut at = 0;
    while let Some(open) = memchr::memmem::find(bytes.get(at..)?, b"<!") {
        let start = at + open;
        let inside = bytes.get(start + 2..)?;
        let end =
            [&b"-->"[..], b"!>"].into_iter().filter_map(|end| memchr::memmem::find(inside, end)).min()?;
        let comment = inside.get(..end)?;
        let mark = |len| Span { start, end: start + len };
        if comment.starts_with(b"DOCTYPE") || comment.starts_with(b"[CDATA[") {
            let label = "taken for the beginning of a comment, up to the next -->";
            return Some((mark(9), label, "delete it; Wazuh's reader knows no DOCTYPE and no CDATA"));
        }
        if memchr::memmem::find(comment, b"<!--").is_some() {
            return Some((
                mark(4),
                "ends only at the --> of the next comment",
                "end this comment with --> of its own",
            ));
        }
        at = start + 2 + end;
    }
    None
}

/// The configuration file as the daemons name it in their messages: relative to
/// the home, whatever a bare file is called here.
fn file_of_daemons(facts: &Facts<'_>) -> String {
    facts.shown(&facts.install.config_path())
}

fn unreadable(facts: &Facts<'_>, error: &xml::Error) -> Finding {
    let config = facts.config();
    let path = config.file.path.display().to_string();
    let bytes = config.file.bytes.get().map_or(&[][..], Vec::as_slice);
    let said = lossy(&error.message);
    let noticed = Span { start: error.offset.saturating_sub(1), end: error.offset };
    let plain = plain(error, bytes);
    let culprit = plain.at;
    let line = config.file.line(culprit.map_or(noticed.start, |culprit| culprit.start));
    let mut finding = Finding::new(
        checks::CONFIG_XML_ERROR,
        Subject::File(path.clone()),
        format!("No Wazuh daemon of this host starts: {}, {} line {line}.", plain.what, config.file.shown),
    )
    .cause(format!(
        "Their XML reader says: {said} (line {}). Every daemon prints only \"(1226): Error reading XML file '{}':  (line 0).\" instead, because its logger reads the file first and wipes reason and line. Daemons that still run keep their old configuration.",
        error.line,
        file_of_daemons(facts)
    ))
    .shares(&path)
    .shares("process:execd")
    .shares("process:analysisd")
    .stops(facts.all_responses());
    if let Some(culprit) = culprit {
        finding = finding.evidence(config.file.excerpt(culprit, plain.label)).at(culprit.start);
        if config.file.line(culprit.start) != config.file.line(noticed.start) {
            finding = finding.evidence(config.file.excerpt(noticed, "the reader noticed here"));
        }
    } else {
        finding = finding.evidence(config.file.excerpt(noticed, "the reader noticed here")).at(noticed.start);
    }
    finding
        .remedy(format!("in {path}, line {line}: {}", plain.mend))
        .remedy(super::restart(facts))
        .verify(super::show_file_command(facts))
}

fn misread(facts: &Facts<'_>, opinion: SecondOpinion) -> Option<Finding> {
    let config = facts.config();
    let base = |title: String| {
        Finding::new(checks::XML_TOOLS_MISREAD, Subject::File(config.file.path.display().to_string()), title)
            .verify(format!("xmllint --noout {}", quote(&config.file.path.display().to_string())))
    };
    match opinion {
        SecondOpinion::Agrees => None,
        SecondOpinion::Refuses { message, line, column } => {
            let start = config.file.lines.line_span(line).start
                + usize::try_from(column).unwrap_or(1).saturating_sub(1);
            Some(
                base(format!("Ordinary XML tools refuse {}, which the daemons read.", config.file.shown))
                    .cause("Editors, linters and the XML modules of Ansible and Puppet follow XML 1.0; Wazuh's reader does not. A tool that repairs the file changes what the daemons read.")
                    .evidence(config.file.excerpt(Span { start, end: start + 1 }, message))
                    .remedy("let only tools that know Wazuh's dialect write this file"),
            )
        }
        SecondOpinion::Misreads(differences) => {
            let mut finding = base(format!("Ordinary XML tools read {} differently from the daemons.", config.file.shown))
                .cause("Wazuh's reader decodes no entities and keeps only the text behind the last child element. A tool that reads and writes the file back changes what the daemons read.");
            let telling =
                differences.iter().filter(|difference| difference.kind != xml::MisreadingKind::MixedText);
            let mut any = false;
            for difference in telling.take(5) {
                any = true;
                finding = finding.evidence(config.file.excerpt(
                    difference.span,
                    format!(
                        "Wazuh: \"{}\", XML tools: \"{}\"",
                        String::from_utf8_lossy(&difference.wazuh),
                        String::from_utf8_lossy(&difference.ordinary)
                    ),
                ));
            }
            any.then(|| finding.remedy("let only tools that know Wazuh's dialect write this file"))
        }
    }
}

fn ruleset(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    if facts.is_bare() || facts.role() != Role::Manager {
        return;
    }
    let ruleset = facts.ruleset();
    if let Some(gap) = ruleset.unknown() {
        sink.unknown_for_all(RULESET.checks, &gap);
        return;
    }
    for file in ruleset.get().into_iter().flatten() {
        if let Some(gap) = file.refused.unknown() {
            sink.unknown_for_all(RULESET.checks, &gap);
            continue;
        }
        let Some((error, evidence)) = file.refused.get().and_then(|refused| refused.as_deref()) else {
            continue;
        };
        let line = match evidence {
            Evidence::Excerpt { line, .. } => *line,
            Evidence::Observation { .. } => error.line,
        };
        let path = facts.under_home(&file.shown).display().to_string();
        // Renamed with the other programs (`src/Makefile`, 4.1.5 and 4.2.0).
        let logtest =
            if facts.contract() == Contract::Args { "bin/ossec-logtest" } else { "bin/wazuh-logtest-legacy" };
        sink.find(
            Finding::new(
                checks::RULESET_XML_ERROR,
                Subject::File(path.clone()),
                format!("wazuh-analysisd does not start: {} is not readable for it.", file.shown),
            )
            .cause(format!(
                "It logs \"(1226): Error reading XML file '{}': {} (line {}).\", then CRITICAL (1220), and exits. Without it no alert and no response is made.",
                file.shown,
                String::from_utf8_lossy(&error.message),
                error.line
            ))
            .evidence(evidence.clone())
            .remedy(format!("mend line {line} of {path}"))
            .remedy(RESTART_MANAGER)
            .verify(format!("{} -t", super::under_home(facts, logtest)))
            .stops(facts.all_responses())
            .shares(&path)
            .shares("process:analysisd"),
        );
    }
}
