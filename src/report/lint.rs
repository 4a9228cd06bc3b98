//! The report of `lint`: what the text of scripts shows, as text and as JSON.

use schemars::JsonSchema;
use serde::Serialize;

use super::json::{ConfidenceName, ContractName, Evidence, SeverityName, Tool, evidence};
use super::markdown::{Markdown, WIDTH, lines};
use super::page::{Page, Text, Tone};
use super::text::write_excerpt;
use crate::facts::TextFile;
use crate::findings::{self, Severity};
use crate::lint::{Context, Fault, Language, Lint};
use crate::probes::excerpt;
use crate::redact::{Redacted, Redactor};

/// Version of this format. Adding a field keeps it, removing or redefining one raises it.
pub const SCHEMA_VERSION: u32 = 1;

/// One script that was read.
#[derive(Debug)]
pub struct Script {
    /// Its text, and its name as the user gave it.
    pub file: TextFile,
    /// What it is written in; none when it is no script that is known.
    pub language: Option<Language>,
    /// How it was taken to be called.
    pub context: Context,
    /// What its text shows.
    pub lint: Lint,
}

/// What a run of `lint` came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Faults that stop a response.
    pub errors: usize,
    /// Faults that bend one.
    pub warnings: usize,
    /// Hygiene, and what is only possible.
    pub advice: usize,
    /// What comments in the scripts switch off.
    pub suppressed: usize,
}

impl Counts {
    /// Of several scripts.
    pub fn of(scripts: &[Script]) -> Self {
        let of = |severity| {
            let faults = scripts.iter().flat_map(|script| &script.lint.faults);
            faults.filter(|fault| fault.severity() == severity).count()
        };
        Self {
            errors: of(Severity::Error),
            warnings: of(Severity::Warning),
            advice: of(Severity::Advice),
            suppressed: scripts.iter().map(|script| script.lint.suppressed.len()).sum(),
        }
    }
}

/// What is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Advice, and what the script needs and reads.
    pub verbose: bool,
    /// Only the last line.
    pub quiet: bool,
}

/// Writes the text report.
pub fn write(scripts: &[Script], options: Options, redactor: &Redactor, page: &mut Page) {
    if !options.quiet {
        for script in scripts {
            write_script(script, options.verbose, redactor, page);
        }
    }
    let counts = Counts::of(scripts);
    let mut text = Text::new().severities(counts.errors, counts.warnings, counts.advice);
    if counts.advice > 0 && !options.verbose {
        text = text.own(" (-v shows them)");
    }
    if counts.suppressed > 0 {
        text = text.own(", ").count(counts.suppressed).own(" suppressed");
    }
    page.line(&text.own(".  ").counted(scripts.len(), "script").own("."));
}

fn write_script(script: &Script, verbose: bool, redactor: &Redactor, page: &mut Page) {
    let shown = || Text::new().host(&redactor.text(&script.file.shown));
    let Some(language) = script.language.filter(|language| !language.is_by_name_only()) else {
        let why = match script.language {
            Some(Language::PowerShell) => ": a PowerShell script; its text is not read",
            Some(_) => ": a batch file; its text is not read",
            None => ": no script of a known language; its text is not read",
        };
        page.paragraph(0, &shown().own(why));
        page.blank();
        return;
    };
    let mut is_something = false;
    for fault in &script.lint.faults {
        if verbose || fault.severity() > Severity::Advice {
            write_fault(script, fault, redactor, page);
            is_something = true;
        }
    }
    if verbose {
        let timeout = i128::from(script.context.timeout);
        let text = shown().own(": ").own(language.name()).own(", ").own(contract_name(script));
        page.paragraph(0, &text.own(", timeout ").number(timeout));
        let names = |list: Vec<(String, bool)>| {
            let names = list.into_iter().map(|(name, optional)| {
                let text = Text::new().host(&redactor.text(name));
                if optional { text.own(" (optional)") } else { text }
            });
            Text::new().list(names, ", ")
        };
        let needs = |list: &[crate::lint::Need]| list.iter().map(|n| (n.name.clone(), n.optional)).collect();
        let fields = script.lint.fields.iter().map(|read| (read.paths.join(" or "), read.optional)).collect();
        for (label, text) in [
            ("tools", names(needs(&script.lint.tools))),
            ("modules", names(needs(&script.lint.modules))),
            ("fields", names(fields)),
        ] {
            if !text.is_empty() {
                page.labelled(4, label, 8, &text);
            }
        }
        is_something = true;
    }
    if is_something {
        page.blank();
    }
}

const fn contract_name(script: &Script) -> &'static str {
    use crate::wazuh::version::Contract;
    match script.context.contract {
        Contract::Args => "args",
        Contract::Json4 => "json4",
        Contract::Json5 => "json5",
    }
}

fn write_fault(script: &Script, fault: &Fault, redactor: &Redactor, page: &mut Page) {
    let check = fault.kind.check().check();
    let tone = match fault.severity() {
        Severity::Error => Tone::Fail,
        Severity::Warning => Tone::Warn,
        Severity::Advice => Tone::Plain,
    };
    let text = Text::new()
        .host(&redactor.text(&script.file.shown))
        .own(":")
        .number(fault.line)
        .own(":")
        .number(fault.column)
        .own(": ")
        .toned(tone, fault.severity().name())
        .own(" ")
        .toned(Tone::Strong, check.id)
        .own(" ")
        .toned(Tone::Strong, check.slug)
        .own(", ")
        .own(findings::Confidence::from(fault.confidence).name());
    page.paragraph(0, &text);
    if let findings::Evidence::Excerpt { file, line, column, text, mark, label } =
        excerpt(&script.file, fault)
    {
        write_excerpt(redactor, page, (&file, line, column), (&text, &mark), &label);
    }
    match &fault.rewrite {
        Some(rewrite) => {
            let mut label = "write";
            for line in rewrite.lines() {
                page.labelled_whole(4, label, 8, Text::new().host(&redactor.text(line)));
                label = "";
            }
        }
        None => page.labelled(4, "more", 8, &Text::new().own("ar-doctor explain ").own(check.id)),
    }
}

/// The report as Markdown, to paste. `unreadable` is names and reasons.
pub fn markdown(scripts: &[Script], unreadable: &[(String, String)], redactor: &Redactor) -> String {
    let mut out = Markdown::new();
    let counts = Counts::of(scripts);
    let text = Text::new().own("ar-doctor lint: ");
    out.heading(2, &text.severities(counts.errors, counts.warnings, counts.advice));
    out.list([
        Text::new().own("ar-doctor: ").own(super::VERSION),
        Text::new().own("Scripts: ").count(scripts.len()),
        Text::new().own("Switched off by comments: ").count(counts.suppressed),
    ]);
    for script in scripts {
        markdown_of(script, redactor, &mut out);
    }
    if !unreadable.is_empty() {
        out.heading(3, &Text::new().own("What could not be read"));
        out.list(
            unreadable.iter().map(|(file, why)| {
                Text::new().host(&redactor.text(file)).own(": ").host(&redactor.text(why))
            }),
        );
    }
    out.into_text()
}

fn markdown_of(script: &Script, redactor: &Redactor, out: &mut Markdown) {
    out.heading(3, &Text::new().host(&redactor.text(&script.file.shown)));
    let Some(language) = script.language.filter(|language| !language.is_by_name_only()) else {
        return out.paragraph(
            &Text::new().own("Its text is not read: it is no script of a language that is read."),
        );
    };
    let text = Text::new()
        .own("Read as ")
        .own(language.name())
        .own(", called as ")
        .own(contract_name(script))
        .own(", timeout ")
        .number(script.context.timeout)
        .own(".");
    out.paragraph(&text);
    let write = |out: &mut Markdown, fault: &Fault| {
        let check = fault.kind.check().check();
        let text = Text::new()
            .own("Line ")
            .number(fault.line)
            .own(": ")
            .own(check.id)
            .own(" ")
            .own(check.slug)
            .own(", ")
            .own(fault.severity().name())
            .own(", ")
            .own(findings::Confidence::from(fault.confidence).name());
        out.heading(4, &text);
        out.paragraph(&Text::new().host(&redactor.text(&fault.message)));
        if let findings::Evidence::Excerpt { file, line, column, text, mark, .. } =
            excerpt(&script.file, fault)
        {
            let mut page = Page::new(WIDTH, false);
            // What stands under the mark is said above.
            write_excerpt(redactor, &mut page, (&file, line, column), (&text, &mark), "");
            out.page(page);
        }
        match &fault.rewrite {
            Some(rewrite) => {
                out.paragraph(&Text::new().own("Write:"));
                out.block(&lines(redactor, rewrite));
            }
            None => out.paragraph(&Text::new().own("More: `ar-doctor explain ").own(check.id).own("`")),
        }
    };
    let (advice, bad): (Vec<&Fault>, Vec<&Fault>) =
        script.lint.faults.iter().partition(|fault| fault.severity() == Severity::Advice);
    for fault in bad {
        write(out, fault);
    }
    for (label, faults) in [("Advice: ", advice), ("Switched off: ", script.lint.suppressed.iter().collect())]
    {
        if !faults.is_empty() {
            let summary = Text::new().own(label).counted(faults.len(), "finding");
            out.folded(&summary, |out| faults.iter().for_each(|fault| write(out, fault)));
        }
    }
}

/// What `lint --format json` writes.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "ar-doctor lint")]
pub struct Document {
    /// Version of this format.
    pub schema_version: u32,
    /// What wrote it.
    pub tool: Tool,
    /// Which document this is.
    pub kind: DocumentKind,
    /// In the order they were named.
    pub scripts: Vec<ScriptEntry>,
    /// Files that could not be read.
    pub unreadable: Vec<Unreadable>,
    /// Counts.
    pub summary: Summary,
}

/// Which document this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DocumentKind {
    /// What the text of scripts shows.
    Lint,
}

/// One script.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ScriptEntry {
    /// Its name as it was given; `-` is standard input.
    pub file: Redacted,
    /// `sh`, `bash`, `python`, `perl`, and `powershell`, `cmd`, whose texts are not read; null when
    /// it is no script of these.
    pub language: Option<&'static str>,
    /// How it was taken to be called.
    pub contract: ContractName,
    /// Seconds of the timeout it was taken to have; 0 is none.
    pub timeout: i32,
    /// By place.
    pub findings: Vec<Found>,
    /// What comments in the script switch off.
    pub suppressed: Vec<Found>,
    /// Programs it calls.
    pub tools: Vec<NeedEntry>,
    /// Modules it loads that are no part of its language.
    pub modules: Vec<NeedEntry>,
    /// Fields of the message it reads.
    pub fields: Vec<FieldEntry>,
}

/// What was found at one place.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Found {
    /// Id of the check (`AR095`).
    pub id: &'static str,
    /// Its slug.
    pub slug: &'static str,
    /// What it does.
    pub severity: SeverityName,
    /// How sure it is; never proven.
    pub confidence: ConfidenceName,
    /// Line, from 1.
    pub line: u64,
    /// Byte of the line, from 1.
    pub column: u64,
    /// Half a sentence about this place.
    pub message: Redacted,
    /// The line.
    pub evidence: Evidence,
    /// What may stand at the mark instead; null where that is not sure.
    pub rewrite: Option<Redacted>,
}

/// A program or module.
#[derive(Debug, Serialize, JsonSchema)]
pub struct NeedEntry {
    /// Its name, or its path as the script has it.
    pub name: Redacted,
    /// Not on every run, or the script looks whether it is there.
    pub optional: bool,
    /// The first line it is named in, from 1.
    pub line: u64,
}

/// A field of the message.
#[derive(Debug, Serialize, JsonSchema)]
pub struct FieldEntry {
    /// From the root of the message; of several the first that is there counts.
    pub paths: Vec<Redacted>,
    /// The script does without it, or may.
    pub optional: bool,
    /// How it is read.
    pub how: &'static str,
    /// The line it is read in, from 1.
    pub line: u64,
}

/// A file that could not be read.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Unreadable {
    /// Its name as it was given.
    pub file: Redacted,
    /// Why.
    pub why: Redacted,
}

/// Counts.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Summary {
    /// Faults that stop a response.
    pub errors: usize,
    /// Faults that bend one.
    pub warnings: usize,
    /// Hygiene, and what is only possible.
    pub advice: usize,
    /// What comments switch off.
    pub suppressed: usize,
}

/// The document. `unreadable` is names and reasons.
pub fn document(scripts: &[Script], unreadable: &[(String, String)], redactor: &Redactor) -> Document {
    let counts = Counts::of(scripts);
    Document {
        schema_version: SCHEMA_VERSION,
        tool: Tool::this(),
        kind: DocumentKind::Lint,
        scripts: scripts.iter().map(|script| entry(script, redactor)).collect(),
        unreadable: unreadable
            .iter()
            .map(|(file, why)| Unreadable { file: redactor.text(file), why: redactor.text(why) })
            .collect(),
        summary: Summary {
            errors: counts.errors,
            warnings: counts.warnings,
            advice: counts.advice,
            suppressed: counts.suppressed,
        },
    }
}

fn entry(script: &Script, redactor: &Redactor) -> ScriptEntry {
    let found = |fault: &Fault| {
        let check = fault.kind.check().check();
        Found {
            id: check.id,
            slug: check.slug,
            severity: fault.severity().into(),
            confidence: findings::Confidence::from(fault.confidence).into(),
            line: fault.line,
            column: fault.column,
            message: redactor.text(&fault.message),
            evidence: evidence(redactor, &excerpt(&script.file, fault)),
            rewrite: fault.rewrite.as_ref().map(|rewrite| redactor.text(rewrite)),
        }
    };
    let needs = |list: &[crate::lint::Need]| {
        let need = |need: &crate::lint::Need| NeedEntry {
            name: redactor.text(&need.name),
            optional: need.optional,
            line: script.file.line(need.span.start),
        };
        list.iter().map(need).collect()
    };
    let lint = &script.lint;
    ScriptEntry {
        file: redactor.text(&script.file.shown),
        language: script.language.map(Language::name),
        contract: script.context.contract.into(),
        timeout: script.context.timeout,
        findings: lint.faults.iter().map(found).collect(),
        suppressed: lint.suppressed.iter().map(found).collect(),
        tools: needs(&lint.tools),
        modules: needs(&lint.modules),
        fields: lint
            .fields
            .iter()
            .map(|read| FieldEntry {
                paths: read.paths.iter().map(|path| redactor.text(path)).collect(),
                optional: read.optional,
                how: read.how,
                line: script.file.line(read.span.start),
            })
            .collect(),
    }
}
