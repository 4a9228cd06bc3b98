//! Whether OS_XML reads the files at all, and what ordinary XML tools make of them.

use super::{Probe, quote};
use crate::engine::Sink;
use crate::facts::Facts;
use crate::findings::{Evidence, Finding, Subject, checks};
use crate::wazuh::ossec_conf::Role;
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
    if let Some(gap) = config.file.bytes.unknown() {
        sink.unknown_for_all(PROBE.checks, &gap);
        return;
    }
    let (Some(read), Some(bytes)) = (&config.read, config.file.bytes.get()) else {
        sink.find(
            Finding::new(
                checks::CONFIG_MISSING,
                Subject::File(path.clone()),
                format!("No Wazuh daemon of this host starts: {path} does not exist."),
            )
            .cause("Every daemon logs \"(1226): Error reading XML file 'etc/ossec.conf':  (line 0).\" and exits; the line and the missing reason mean nothing.")
            .observed(&path, "no such file")
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

fn unreadable(facts: &Facts<'_>, error: &xml::Error) -> Finding {
    let config = facts.config();
    let path = config.file.path.display().to_string();
    let said = String::from_utf8_lossy(&error.message).into_owned();
    let noticed = Span { start: error.offset.saturating_sub(1), end: error.offset };
    let mut finding = Finding::new(
        checks::CONFIG_XML_ERROR,
        Subject::File(path.clone()),
        format!("No Wazuh daemon of this host starts: {} is not readable for them.", config.file.shown),
    )
    .cause(format!(
        "Their XML reader says: {said} (line {}). Every daemon prints only \"(1226): Error reading XML file 'etc/ossec.conf':  (line 0).\" instead, because its logger reads the file first and wipes reason and line. Daemons that still run keep their old configuration.",
        error.line
    ))
    .shares(&path)
    .shares("process:execd")
    .shares("process:analysisd")
    .stops(facts.all_responses());
    if let Some(culprit) = error.culprit {
        finding = finding.evidence(config.file.excerpt(culprit, "look here")).at(culprit.start);
        if config.file.line(culprit.start) != config.file.line(noticed.start) {
            finding = finding.evidence(config.file.excerpt(noticed, "the reader noticed here"));
        }
    } else {
        finding = finding.evidence(config.file.excerpt(noticed, "the reader noticed here")).at(noticed.start);
    }
    let line = config.file.line(error.culprit.map_or(noticed.start, |culprit| culprit.start));
    finding
        .remedy(format!("mend line {line} of {path}"))
        .remedy(if facts.role() == Role::Agent { "systemctl restart wazuh-agent" } else { "systemctl restart wazuh-manager" })
        .verify(format!("ar-doctor show --config {} --role {}", quote(&path), role_word(facts)))
}

fn role_word(facts: &Facts<'_>) -> &'static str {
    if facts.role() == Role::Agent { "agent" } else { "manager" }
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
            let start = config.file.lines.line_span(line).start + usize::try_from(column).unwrap_or(1).saturating_sub(1);
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
            let telling = differences.iter().filter(|difference| difference.kind != xml::MisreadingKind::MixedText);
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
        if let Some(gap) = file.verdict.unknown() {
            sink.unknown_for_all(RULESET.checks, &gap);
            continue;
        }
        let Some(Err((error, evidence))) = file.verdict.get() else { continue };
        let line = match evidence {
            Evidence::Excerpt { line, .. } => *line,
            Evidence::Observation { .. } => error.line,
        };
        let path = facts.under_home(&file.shown).display().to_string();
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
            .remedy("systemctl restart wazuh-manager")
            .verify(format!("{}/bin/wazuh-logtest-legacy -t", facts.install.home.display()))
            .stops(facts.all_responses())
            .shares(&path)
            .shares("process:analysisd"),
        );
    }
}
