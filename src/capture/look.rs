//! Reads what each command reads, so that a capture holds it.

use std::path::Path;

use super::Documents;
use crate::engine::{self, Diagnosis};
use crate::facts::executable::SCRIPT_LIMIT;
use crate::facts::{Facts, Since};
use crate::host::FileType;
use crate::migrate::Inventory;
use crate::redact::Redactor;
use crate::report::{Report, json, show, ticket};
use crate::simulate::{self, Given, Ground};
use crate::trace::gather::{Asked, gather};

/// What is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// How far back logs are read; the facts are told of it, too.
    pub since: Since,
    /// Scripts that no response names.
    pub scripts: bool,
}

/// What was found, in the forms that stand beside the host.
///
/// # Errors
///
/// When the report cannot be put into JSON.
pub fn documents(
    facts: &Facts<'_>,
    diagnosis: &Diagnosis,
    redactor: &Redactor,
) -> std::io::Result<Documents> {
    let report = Report { facts, diagnosis, redactor, response: None, timings: None };
    Ok(Documents { report: json::to_text(&json::check(&report))?, ticket: ticket::write(&report) })
}

/// Reads what `check`, `show`, `trace`, `simulate`, `lint` and `migrate` read; what `check` finds.
pub fn look(facts: &Facts<'_>, redactor: &Redactor, wanted: Wanted) -> Diagnosis {
    let diagnosis = engine::run(facts, &engine::Options::default());
    // Reports ask for more than probes do. What they say now is not kept: not all secrets are known.
    let _ = documents(facts, &diagnosis, redactor);
    if let Some(view) = show::View::new(facts, redactor) {
        let _ = view.document();
    }
    let asked = Asked { since: wanted.since, rule: None, agent: None, response: None };
    let _ = gather(facts, &asked, |_| {});
    if Ground::new(facts).is_ok() {
        // What is asked of the host does not depend on the rule.
        let given = Given { rule: Some(5712), ..Given::default() };
        let _ = simulate::run(facts, &given);
    }
    if facts.install.sealed.is_none() {
        let _ = Inventory::collect(facts);
    }
    for directory in ["active-response/bin", "integrations"].iter().filter(|_| wanted.scripts) {
        scripts(facts, &facts.under_home(directory));
    }
    diagnosis
}

/// Reads all scripts of a directory.
fn scripts(facts: &Facts<'_>, directory: &Path) {
    for name in facts.list(directory).get().into_iter().flatten() {
        let path = directory.join(name);
        let is_file =
            facts.resolve(&path).get().is_some_and(|target| target.meta.file_type == FileType::Regular);
        if is_file && facts.program_at(&path).elf.get().is_none() {
            let _ = facts.head(&path, SCRIPT_LIMIT);
        }
    }
}
