//! `simulate` as text and as JSON.

use schemars::JsonSchema;
use serde::Serialize;

use super::json::Tool;
use super::page::{Page, Text, Tone};
use super::{TOOL, VERSION};
use crate::facts::Facts;
use crate::redact::{Redacted, Redactor};
use crate::simulate::{Firing, Response, Simulation};

/// Version of this format. Adding a field keeps it, removing or redefining one raises it.
pub const SCHEMA_VERSION: u32 = 1;

/// What `simulate --format json` writes.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "ar-doctor simulate")]
pub struct Document {
    /// Version of this format.
    pub schema_version: u32,
    /// What wrote it.
    pub tool: Tool,
    /// The event.
    pub event: Event,
    /// Every response block, in file order.
    pub responses: Vec<Entry>,
    /// What else to know.
    pub notes: Vec<Redacted>,
}

/// The event.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Event {
    /// The rule it ends with.
    pub rule: u32,
    /// The level responses are bound by.
    pub level: u32,
    /// The agent it comes from, `000` for the manager.
    pub agent: Redacted,
    /// The version that was given for the agents that get it.
    pub agent_version: Option<String>,
}

/// One response.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Entry {
    /// The name in ar.conf.
    pub name: Redacted,
    /// Its command.
    pub command: Redacted,
    /// Its file and line.
    pub place: Redacted,
    /// Whether it fires.
    pub fires: bool,
    /// The first condition that stops it; null when it fires.
    pub reason: Option<Redacted>,
    /// The number of the line analysisd logs; null when it says nothing.
    pub logged: Option<u32>,
    /// What binds it: `rules_id`, `rules_group`, `level`.
    pub bound_by: Vec<&'static str>,
    /// On which hosts it runs, in words.
    pub hosts: Vec<Redacted>,
    /// What execd starts, relative to the home; null when it does not fire.
    pub program: Option<Redacted>,
    /// The form of the message: `json`, `escaped-json` (agents of 4.2.0 to 4.2.4) or `words` (before
    /// 4.2); null when it does not fire.
    pub form: Option<&'static str>,
    /// Whether the form follows from known versions; else it is that of an agent of 4.2.5 or later.
    pub form_is_known: Option<bool>,
    /// What analysisd sends; null when it does not fire.
    pub message: Option<Redacted>,
    /// The line on the script's standard input, up to 4.1 its arguments; null when there is none.
    pub line: Option<Redacted>,
    /// What execd says to the message instead; null when it starts the script.
    pub execd: Option<Redacted>,
}

/// What is written.
#[derive(Clone, Copy)]
pub struct View<'a, 'h> {
    /// The host.
    pub facts: &'a Facts<'h>,
    /// The answer.
    pub simulation: &'a Simulation,
    /// What text passes before it leaves.
    pub redactor: &'a Redactor,
}

impl View<'_, '_> {
    /// The JSON.
    pub fn document(&self) -> Document {
        let text = |text: &dyn AsRef<[u8]>| self.redactor.text(text);
        let entry = |response: &Response| {
            let firing = response.fires.as_ref().ok();
            let stop = response.fires.as_ref().err();
            let line = firing.map(|firing| &firing.line);
            Entry {
                name: text(&response.name),
                command: text(&response.command),
                place: text(&response.place),
                fires: firing.is_some(),
                reason: stop.map(|stop| text(&stop.why)),
                logged: stop.and_then(|stop| stop.logged),
                bound_by: firing.map(|firing| firing.bound_by.clone()).unwrap_or_default(),
                hosts: firing
                    .map(|firing| firing.hosts.iter().map(|host| text(host)).collect())
                    .unwrap_or_default(),
                program: firing.map(|firing| text(&firing.program)),
                form: firing.map(|firing| firing.form),
                form_is_known: firing.map(|firing| firing.form_is_known),
                message: firing.map(|firing| text(&firing.message)),
                line: line.and_then(|line| line.as_ref().ok()).map(|line| text(line)),
                execd: line.and_then(|line| line.as_ref().err()).map(|said| text(said)),
            }
        };
        Document {
            schema_version: SCHEMA_VERSION,
            tool: Tool::this(),
            event: Event {
                rule: self.simulation.rule,
                level: self.simulation.level,
                agent: text(&self.simulation.agent),
                agent_version: self.simulation.agent_version.map(|version| version.to_string()),
            },
            responses: self.simulation.responses.iter().map(entry).collect(),
            notes: self.simulation.notes.iter().map(|note| text(note)).collect(),
        }
    }

    /// The text.
    pub fn write(&self, page: &mut Page, verbose: bool) {
        let text = |text: &dyn AsRef<[u8]>| self.redactor.text(text);
        let said = self.simulation;
        let firing = said.responses.iter().filter(|response| response.fires.is_ok()).count();
        page.line(
            &Text::new()
                .own(TOOL)
                .own(" ")
                .own(VERSION)
                .own("   simulate   rule ")
                .number(said.rule)
                .own(", level ")
                .number(said.level)
                .own(", agent ")
                .host(&text(&said.agent))
                .own("   ")
                .host(&text(&self.facts.config().file.shown)),
        );
        page.blank();
        let headline = match (said.responses.len(), firing) {
            (0, _) => Text::new().toned(Tone::Strong, "No response is configured."),
            (_, 0) => Text::new().toned(Tone::Strong, "No response fires."),
            (all, some) => {
                let of = Text::new().own("Fires: ").count(some).own(" of ");
                of.counted(all, "response").own(".").all(Tone::Strong)
            }
        };
        page.paragraph(2, &headline);
        for response in &said.responses {
            if let Ok(firing) = &response.fires {
                self.firing(page, response, firing, verbose);
            }
        }
        let mut first = firing > 0;
        for response in &said.responses {
            let Err(stop) = &response.fires else { continue };
            if std::mem::take(&mut first) {
                page.blank();
                page.paragraph(2, &Text::new().own("These do not:"));
            }
            page.blank();
            page.indented(2, &self.name(response, Tone::Dim));
            page.labelled(4, "because", 9, &Text::new().host(&text(&stop.why)));
            match stop.logged {
                Some(number) => page.labelled(4, "logged", 9, &Text::new().own("(").number(number).own(")")),
                None if verbose => page.labelled(4, "logged", 9, &Text::new().own("nothing")),
                None => {}
            }
        }
        if !said.notes.is_empty() {
            page.blank();
            for note in &said.notes {
                page.paragraph(1, &Text::new().own("note: ").host(&text(note)));
            }
        }
    }

    fn name(&self, response: &Response, tone: Tone) -> Text {
        let text = |text: &dyn AsRef<[u8]>| self.redactor.text(text);
        Text::new()
            .host_toned(tone, &text(&response.name))
            .own("   ")
            .host_toned(Tone::Dim, &text(&response.place))
    }

    fn firing(&self, page: &mut Page, response: &Response, firing: &Firing, verbose: bool) {
        let text = |text: &dyn AsRef<[u8]>| self.redactor.text(text);
        page.blank();
        page.indented(2, &self.name(response, Tone::Good));
        let hosts = firing.hosts.iter().map(|host| Text::new().host(&text(host)));
        page.labelled(4, "on", 9, &Text::new().list(hosts, ", "));
        let bound = firing.bound_by.iter().map(|name| Text::new().own(name));
        page.labelled(4, "by", 9, &Text::new().list(bound, ", "));
        page.labelled(4, "starts", 9, &Text::new().host(&text(&firing.program)));
        match &firing.line {
            // One line, however long: it is there to be copied.
            Ok(line) => {
                let label = if firing.form == "words" { "args" } else { "line" };
                page.indented(4, &Text::new().toned(Tone::Dim, label).pad(9).host(&text(line)));
            }
            Err(said) => page.labelled(4, "execd", 9, &Text::new().host_toned(Tone::Fail, &text(said))),
        }
        if verbose {
            page.indented(4, &Text::new().toned(Tone::Dim, "sent").pad(9).host(&text(&firing.message)));
        }
    }
}
