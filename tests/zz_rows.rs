//! Temporary: prints the reports of the rows.
mod support;
use ar_doctor::engine::{self, Options};
use ar_doctor::facts::{Facts, install};
use ar_doctor::redact::Redactor;
use ar_doctor::report::{Report, page::Page, text};
use support::cases::cases;
#[test]
fn print() {
    let only = std::env::var("ROWS").unwrap_or_default();
    for case in cases() {
        if !case.name().contains(&only) { continue; }
        let mut host = support::base(case.base);
        (case.edit)(&mut host).unwrap_or_else(|error| panic!("{}: {error}", case.name()));
        println!("=== {}", case.name());
        if std::env::var("FULL").is_ok() {
            let redactor = Redactor::new();
            let install = install::find(&host, None).unwrap_or_else(|error| panic!("{error}"));
            let facts = Facts::new(&host, &redactor, install);
            let diagnosis = engine::run(&facts, &Options::default());
            let report = Report { facts: &facts, diagnosis: &diagnosis, redactor: &redactor, response: None, timings: None };
            let mut page = Page::new(140, false);
            text::write(&report, text::Options { verbose: false, quiet: false, why: false }, &mut page);
            println!("{}", page.into_text());
        } else {
            for line in support::diagnose(&host).lines { println!("  {line}"); }
        }
    }
}
