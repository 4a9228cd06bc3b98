//! Reading a rules file.
//!
//! Model: `src/analysisd/rules.c Rules_OP_ReadRules`, `getattributes`, 4.14.

use std::borrow::Cow;
use std::mem;

use super::super::ar_conf::atoi;
use super::super::behavior::{self, Behavior};
use super::super::os_match::valid_ip;
use super::super::ossec_conf::LogLevel;
use super::super::xml::{self, Span};
use super::os_regex::OsRegex;
use super::words::{digits, is_day, is_number, is_time};
use super::{
    Category, Condition, Content, DEFAULT_TIMEFRAME, MAX_FIELDS, MAX_MESSAGES, Message, MessageKind, Parsed,
    Place, Rule, Ruleset, Search, SourceFile, Surroundings,
};

type Element<'b> = xml::Element<Cow<'b, [u8]>>;

/// Texts of this length are dropped (`loadmemory`).
const MAX_TEXT: usize = 2048;

/// Fields `<field>` may not name.
const STATIC_FIELDS: [&str; 17] = [
    "srcip",
    "dstip",
    "srcgeoip",
    "dstgeoip",
    "srcport",
    "dstport",
    "user",
    "srcuser",
    "dstuser",
    "url",
    "id",
    "data",
    "extra_data",
    "status",
    "protocol",
    "system_name",
    "action",
];

/// Names of `<compiled_rule>` (`src/analysisd/compiled_rules/generic_samples.c`).
const COMPILED: [&str; 5] = [
    "check_id_size",
    "comp_mswin_targetuser_calleruser_diff",
    "comp_srcuser_dstuser",
    "is_simple_http_request",
    "is_valid_crawler",
];

/// Conditions that are one pattern, joined when repeated, in the order they are compiled.
const PATTERNS: [&str; 18] = [
    "regex",
    "match",
    "id",
    "srcport",
    "dstport",
    "status",
    "hostname",
    "data",
    "extra_data",
    "program_name",
    "user",
    "srcgeoip",
    "dstgeoip",
    "url",
    "location",
    "action",
    "protocol",
    "system_name",
];
/// How many of them come before `if_matched_regex`.
const BEFORE_MATCHED: usize = 16;

/// Elements about earlier events, without regard to case.
const SAME_ANY_CASE: [&str; 23] = [
    "same_source_ip",
    "same_srcip",
    "same_dstip",
    "same_src_port",
    "same_srcport",
    "same_dst_port",
    "same_dstport",
    "same_protocol",
    "same_action",
    "same_location",
    "same_srcuser",
    "same_user",
    "different_dstip",
    "different_src_port",
    "different_srcport",
    "different_dst_port",
    "different_dstport",
    "different_srcuser",
    "different_user",
    "not_same_user",
    "different_location",
    "global_frequency",
    "same_field",
];
/// The same, lower case only.
const SAME_EXACT: [&str; 20] = [
    "same_id",
    "same_url",
    "same_data",
    "same_extra_data",
    "same_status",
    "same_system_name",
    "same_srcgeoip",
    "same_dstgeoip",
    "different_srcip",
    "not_same_source_ip",
    "different_protocol",
    "different_action",
    "different_id",
    "not_same_id",
    "different_url",
    "different_data",
    "different_extra_data",
    "different_status",
    "different_system_name",
    "different_srcgeoip",
];

/// What all of these begin with.
const ABOUT_OTHERS: [&str; 4] = ["same_", "different_", "not_same_", "global_frequency"];

/// The text in lower case, where it stands if it is so already.
fn lower_case(text: &[u8]) -> Cow<'_, [u8]> {
    if text.iter().any(u8::is_ascii_uppercase) { text.to_ascii_lowercase().into() } else { text.into() }
}

/// Puts arguments in the place of each `{}`.
fn fill(template: &str, arguments: &[&[u8]]) -> Vec<u8> {
    let mut text = Vec::with_capacity(template.len() + 16);
    let mut arguments = arguments.iter();
    for (index, piece) in template.split("{}").enumerate() {
        if index > 0 {
            text.extend_from_slice(arguments.next().copied().unwrap_or_default());
        }
        text.extend_from_slice(piece.as_bytes());
    }
    text
}

/// A fault that ends the reading of everything.
struct Fatal;

pub(super) struct Reader<'a> {
    pub(super) set: Ruleset,
    around: &'a Surroundings<'a>,
    /// Where the file's first message stands.
    first: usize,
    file: usize,
}

/// `w_get_attr_val_by_name`
fn attribute<'e>(element: &'e Element<'_>, name: &str) -> Option<&'e [u8]> {
    let found = element.attributes.iter().find(|one| *one.name == *name.as_bytes())?;
    Some(&found.value)
}

impl<'a> Reader<'a> {
    pub(super) fn new(around: &'a Surroundings<'_>) -> Self {
        Self { set: Ruleset::default(), around, first: 0, file: 0 }
    }

    pub(super) fn load(&mut self, source: &SourceFile<'_>) {
        self.file = self.set.files.len();
        self.set.files.push(source.path.to_vec());
        self.first = self.set.messages.len();
        let outcome = self.file(source);
        self.keep_the_last();
        if outcome.is_err() {
            let text = fill("(1220): Error loading the rules: '{}'.", &[source.path]);
            let last = self.set.messages.last();
            let kind = last.map_or(MessageKind::BadRoot, |message| message.kind.clone());
            let rule = last.and_then(|message| message.rule);
            let place = last.map_or_else(|| self.whole_file(), |message| message.place);
            self.set.messages.push(Message {
                kind,
                level: LogLevel::Critical,
                number: Some(1220),
                text,
                rule,
                place,
                fatal: true,
                drops_rule: false,
                logged: true,
            });
        }
    }

    fn has(&self, behavior: &Behavior) -> bool {
        behavior.holds(self.around.version)
    }

    fn whole_file(&self) -> Place {
        Place { file: self.file, line: 1, span: Span::new(0, 0) }
    }

    fn place(&self, element: &Element<'_>) -> Place {
        Place { file: self.file, line: element.line, span: element.span }
    }

    fn say(
        &mut self,
        level: LogLevel,
        kind: MessageKind,
        number: Option<u32>,
        text: Vec<u8>,
        rule: Option<u32>,
        place: Place,
    ) {
        let text = match number {
            Some(number) => [format!("({number}): ").as_bytes(), &text].concat(),
            None => text,
        };
        self.set.messages.push(Message {
            kind,
            level,
            number,
            text,
            rule,
            place,
            fatal: false,
            drops_rule: false,
            logged: true,
        });
    }

    /// Changes the message said last.
    fn and(&mut self, change: impl FnOnce(&mut Message)) {
        if let Some(message) = self.set.messages.last_mut() {
            change(message);
        }
    }

    fn fatal<T>(
        &mut self,
        kind: MessageKind,
        number: Option<u32>,
        text: Vec<u8>,
        rule: Option<u32>,
        place: Place,
    ) -> Result<T, Fatal> {
        self.say(LogLevel::Error, kind, number, text, rule, place);
        self.and(|message| message.fatal = true);
        Err(Fatal)
    }

    /// analysisd keeps a limited number of messages of one file.
    fn keep_the_last(&mut self) {
        let messages = self.set.messages.get_mut(self.first..).unwrap_or_default();
        let lost = messages.len().saturating_sub(MAX_MESSAGES);
        for message in messages.iter_mut().take(lost) {
            message.logged = false;
        }
    }

    fn file(&mut self, source: &SourceFile<'_>) -> Result<(), Fatal> {
        let own;
        let parsed = match source.content {
            Content::Bytes(bytes) => {
                own = Parsed::of(bytes);
                &own
            }
            Content::Parsed(parsed) => parsed,
            Content::Missing(number, why) => {
                let number = number.to_string();
                let text = fill(
                    "Could not open file '{}' due to [({})-({})].",
                    &[source.path, number.as_bytes(), why.as_bytes()],
                );
                let place = self.whole_file();
                self.say(LogLevel::Warning, MessageKind::MissingFile, Some(1103), text, None, place);
                return Ok(());
            }
            Content::Unknown => {
                self.set.unknown_files.push(self.file);
                return Ok(());
            }
        };
        let document = match &parsed.document {
            Ok(document) => document,
            Err(error) => {
                let line = error.line.to_string();
                let text = fill(
                    "Error reading XML file '{}': {} (line {}).",
                    &[source.path, &error.message, line.as_bytes()],
                );
                let span = error.culprit.unwrap_or_else(|| Span::new(error.offset, error.offset));
                let place = Place { file: self.file, line: error.line, span };
                return self.fatal(MessageKind::UnreadableXml, Some(1226), text, None, place);
            }
        };
        if let Err(fault) = &parsed.variables {
            let text = fill("Error applying XML variables '{}': {}.", &[source.path, &fault.message]);
            let span = Span::new(fault.offset, fault.offset);
            let place = Place { file: self.file, line: fault.line, span };
            return self.fatal(MessageKind::BadVariable, Some(1227), text, None, place);
        }
        if parsed.is_empty {
            return Ok(());
        }
        if document.roots.is_empty() {
            let text = fill("Configuration error at '{}'.", &[source.path]);
            let place = self.whole_file();
            return self.fatal(MessageKind::NoElement, Some(1202), text, None, place);
        }
        for root in &document.roots {
            self.root(root)?;
        }
        for root in &document.roots {
            self.group(root)?;
        }
        Ok(())
    }

    fn root(&mut self, root: &Element<'_>) -> Result<(), Fatal> {
        let place = self.place(root);
        if !root.name.eq_ignore_ascii_case(b"group") {
            let text = fill("rules_op: Invalid root element \"{}\".Only \"group\" is allowed", &[&root.name]);
            return self.fatal(MessageKind::BadRoot, None, text, None, place);
        }
        match root.attributes.as_slice() {
            [one] if one.name.eq_ignore_ascii_case(b"name") => Ok(()),
            _ => {
                let text =
                    fill("rules_op: Invalid root element '{}'.Only the group name is allowed", &[&root.name]);
                self.fatal(MessageKind::BadRoot, None, text, None, place)
            }
        }
    }

    fn group(&mut self, root: &Element<'_>) -> Result<(), Fatal> {
        if root.children.is_empty() {
            let text = fill("Group '{}' without any rule.", &[&root.name]);
            let place = self.place(root);
            return self.fatal(MessageKind::EmptyGroup, None, text, None, place);
        }
        let group = root.attributes.first().map_or(&[][..], |name| &name.value);
        for (index, element) in root.children.iter().enumerate() {
            let place = self.place(element);
            if !element.name.eq_ignore_ascii_case(b"rule") {
                let text = fill("Invalid configuration. '{}' is not a valid element.", &[&element.name]);
                return self.fatal(MessageKind::NotARule, None, text, None, place);
            }
            if element.attributes.is_empty() {
                let index = index.to_string();
                let text = fill(
                    "Invalid rule '{}'. You must specify an ID and a level at least.",
                    &[index.as_bytes()],
                );
                return self.fatal(MessageKind::NotARule, None, text, None, place);
            }
            self.rule(element, index, group)?;
        }
        Ok(())
    }

    /// A fault that costs the rule; before 4.3.0 it ends analysisd.
    fn drop_rule(
        &mut self,
        kind: MessageKind,
        number: u32,
        text: Vec<u8>,
        id: u32,
        place: Place,
    ) -> Result<(), Fatal> {
        if !self.has(&behavior::RULE_FAULTS_ARE_WARNINGS) {
            return self.fatal(kind, None, text, Some(id), place);
        }
        self.say(LogLevel::Warning, kind, Some(number), text, Some(id), place);
        self.and(|message| message.drops_rule = true);
        Ok(())
    }

    fn rule(&mut self, element: &Element<'_>, position: usize, group: &[u8]) -> Result<(), Fatal> {
        let place = self.place(element);
        let attributes = self.attributes(element)?;
        let (Some(id), Some(level)) = (attributes.id, attributes.level) else {
            let position = position.to_string();
            let text = fill("No rule id or level specified for rule '{}'.", &[position.as_bytes()]);
            return self.fatal(MessageKind::NoIdOrLevel, None, text, attributes.id, place);
        };
        let id_text = || id.to_string();
        let known = self.set.index(id);
        let mut overwrite = attributes.overwrite;
        if known.is_some() && !overwrite {
            let text = fill(
                "Rule ID '{}' is duplicated. Only the first occurrence will be considered.",
                &[id_text().as_bytes()],
            );
            return self.drop_rule(MessageKind::Duplicate, 7612, text, id, place);
        }
        if known.is_none() && overwrite {
            let text = fill(
                "Rule ID '{}' does not exist but 'overwrite' is set to 'yes'. Still, the rule will be loaded.",
                &[id_text().as_bytes()],
            );
            if !self.has(&behavior::RULE_FAULTS_ARE_WARNINGS) {
                return self.fatal(MessageKind::NothingToOverwrite, None, text, Some(id), place);
            }
            self.say(LogLevel::Warning, MessageKind::NothingToOverwrite, Some(7613), text, Some(id), place);
            overwrite = false;
        }
        // Level 0 goes first; without accuracy a rule goes last.
        let high = if level == 0 { 99 } else { level };
        let sort_level = if attributes.accuracy { high * 100 } else { high };
        let rule = Rule {
            id,
            level: match sort_level {
                9900 => 0,
                hundreds @ 100.. => hundreds / 100,
                low => low,
            },
            response_level: match sort_level {
                9900 | 0..100 => 0,
                hundreds => hundreds / 100,
            },
            sort_level,
            place,
            overwrites: Vec::new(),
            group: group.to_vec(),
            group_before: None,
            category: Category::Syslog,
            frequency: attributes.frequency,
            timeframe: attributes.timeframe,
            ignore_time: attributes.ignore_time,
            noalert: attributes.noalert,
            no_ar: false,
            log: None,
            decoded_as: None,
            conditions: Vec::new(),
            fts: false,
            check_diff: false,
            composite: false,
            search: Search::None,
            check_if_ignored: false,
            if_sid: None,
            if_group: None,
            if_level: None,
            if_matched_sid: 0,
            if_matched_group: None,
            has_sources: false,
            sources: Vec::new(),
            description: Vec::new(),
        };
        let pattern = Pattern { text: None, negated: false, kind: Type::OsMatch, place: None };
        let mut draft = Draft {
            rule,
            overwrite,
            described: false,
            context: false,
            about_others: false,
            matched_regex: None,
            patterns: vec![pattern; PATTERNS.len()],
        };
        if attributes.maxsize > 0 {
            draft.condition("maxsize", None, attributes.maxsize.to_string().into_bytes(), false);
        }
        if element.children.is_empty() {
            let text = fill(
                "Rule '{}' without any option. It may lead to false positives and some other problems for the system. Exiting.",
                &[id_text().as_bytes()],
            );
            return self.fatal(MessageKind::BadElement { name: Vec::new() }, None, text, Some(id), place);
        }
        let mut skipped = false;
        for child in &element.children {
            if !self.option(&mut draft, child)? {
                skipped = true;
                break;
            }
        }
        let refused = draft.overwrite && self.has(&behavior::OVERWRITE_WITH_PARENTS_REFUSED);
        let own = &draft.rule;
        if refused && (own.if_sid.is_some() || own.if_group.is_some() || own.if_level.is_some()) {
            let text = fill(
                "Invalid use of 'overwrite' option, it is not compatible with 'if_sid', 'if_group' nor 'if_level' attributes. Could not overwrite rule '{}'.",
                &[id_text().as_bytes()],
            );
            self.drop_rule(MessageKind::OverwriteRefused, 7605, text, id, place)?;
            skipped = true;
        }
        if let Some(if_sid) = &draft.rule.if_sid
            && self.has(&behavior::IF_SID_CHECKED)
            && !valid_if_sid(if_sid)
        {
            let text = fill(
                "Invalid 'if_sid' value: '{}'. Rule '{}' will be ignored.",
                &[if_sid, id_text().as_bytes()],
            );
            self.drop_rule(MessageKind::BadIfSid, 7618, text, id, place)?;
            skipped = true;
        }
        if skipped {
            return Ok(());
        }
        self.finish(draft, known)
    }

    /// What is checked when all elements were seen, and the place in the tree.
    fn finish(&mut self, mut draft: Draft, known: Option<usize>) -> Result<(), Fatal> {
        let (id, place) = (draft.rule.id, draft.rule.place);
        let id_text = || id.to_string();
        if !draft.described {
            let text = fill("No such description at rule '{}'.", &[id_text().as_bytes()]);
            return self.fatal(MessageKind::NoDescription, None, text, Some(id), place);
        }
        if (draft.about_others || draft.rule.frequency.is_some_and(|times| times > 2)) && !draft.context {
            let text = fill(
                "Invalid use of frequency/context options. Missing if_matched on rule '{}'.",
                &[id_text().as_bytes()],
            );
            return self.fatal(MessageKind::FrequencyAlone, None, text, Some(id), place);
        }
        let rule = &mut draft.rule;
        if !draft.overwrite && rule.if_sid.is_none() && rule.if_group.is_none() {
            if rule.if_matched_group.is_some() {
                rule.if_group.clone_from(&rule.if_matched_group);
            } else if rule.if_matched_sid != 0 {
                rule.if_sid = Some(rule.if_matched_sid.to_string().into_bytes());
            }
        }
        self.compile(&mut draft)?;
        let mut rule = draft.rule;
        rule.composite = draft.context;
        if draft.overwrite && id >= 10 {
            if let Some(known) = known {
                let kinds = self.set.overwrite(known, rule, place);
                let first = self.set.messages.len();
                self.report(kinds, id, place, true);
                if !self.has(&behavior::OVERWRITE_SAYS_KEPT) {
                    for message in self.set.messages.get_mut(first..).unwrap_or_default() {
                        message.logged = false;
                    }
                }
            }
            return Ok(());
        }
        rule.search = match () {
            () if rule.if_matched_sid != 0 => Search::Sid,
            () if rule.if_matched_group.is_some() => Search::Group,
            () if rule.composite && !rule.check_diff => Search::Events,
            () => Search::None,
        };
        if id < 10 {
            self.set.add_root(rule);
            return Ok(());
        }
        let partial = self.has(&behavior::PARTIAL_IF_SID);
        let added = self.set.add_child(rule, partial);
        self.report(added.messages, id, place, added.kept);
        if !added.kept && !self.has(&behavior::RULE_FAULTS_ARE_WARNINGS) {
            if let Some(last) = self.set.messages.last_mut() {
                last.fatal = true;
                last.level = LogLevel::Error;
                last.number = None;
            }
            return Err(Fatal);
        }
        Ok(())
    }

    /// The messages of the tree.
    fn report(&mut self, kinds: Vec<MessageKind>, id: u32, place: Place, kept: bool) {
        let id_text = || id.to_string();
        let count = kinds.len();
        let partial = self.has(&behavior::PARTIAL_IF_SID);
        for (index, kind) in kinds.into_iter().enumerate() {
            let rule = self.set.rule(id);
            let option =
                if rule.is_some_and(|rule| rule.if_matched_sid != 0) { "if_matched_sid" } else { "if_sid" };
            let (number, text) = match &kind {
                MessageKind::NotOverwritten { option } => (
                    7605,
                    fill(
                        "It is not possible to overwrite '{}' value in rule '{}'. The original value is retained.",
                        &[option.as_bytes(), id_text().as_bytes()],
                    ),
                ),
                MessageKind::IfSidCut => (
                    7607,
                    fill(
                        "Invalid '{}'. Signature ID must be an integer. Rule '{}' will be ignored.",
                        &[option.as_bytes(), id_text().as_bytes()],
                    ),
                ),
                MessageKind::MissingParent { id: parent } | MessageKind::MissingSource { id: parent }
                    if !partial =>
                {
                    let source = matches!(kind, MessageKind::MissingSource { .. });
                    let option = if source { "if_matched_sid" } else { "if_sid" };
                    let parent = parent.to_string();
                    (
                        7606,
                        fill(
                            "Signature ID '{}' was not found. Invalid '{}'. Rule '{}' will be ignored.",
                            &[parent.as_bytes(), option.as_bytes(), id_text().as_bytes()],
                        ),
                    )
                }
                MessageKind::MissingParent { id: parent } => (
                    7617,
                    fill(
                        "Signature ID '{}' was not found and will be ignored in the 'if_sid' option of rule '{}'.",
                        &[parent.to_string().as_bytes(), id_text().as_bytes()],
                    ),
                ),
                MessageKind::MissingSource { id: source } => (
                    7620,
                    fill(
                        "Signature ID '{}' was not found. Invalid 'if_matched_sid'.Rule '{}' will be ignored.",
                        &[source.to_string().as_bytes(), id_text().as_bytes()],
                    ),
                ),
                MessageKind::NoParent => {
                    (7619, fill("Empty 'if_sid' value. Rule '{}' will be ignored.", &[id_text().as_bytes()]))
                }
                MessageKind::BadIfLevel { value } => (
                    7609,
                    fill(
                        "Invalid 'if_level' value: '{}'. Rule '{}' will be ignored.",
                        &[value, id_text().as_bytes()],
                    ),
                ),
                MessageKind::NoSuchLevel { level } => (
                    7608,
                    fill(
                        "Level ID '{}' was not found. Invalid 'if_level'. Rule '{}' will be ignored.",
                        &[level.to_string().as_bytes(), id_text().as_bytes()],
                    ),
                ),
                MessageKind::NoSuchGroup { group } => (
                    7610,
                    fill(
                        "Group '{}' was not found. Invalid 'if_group'. Rule '{}' will be ignored.",
                        &[group, id_text().as_bytes()],
                    ),
                ),
                _ => (
                    7611,
                    fill(
                        "Category was not found. Invalid 'category'. Rule '{}' will be ignored.",
                        &[id_text().as_bytes()],
                    ),
                ),
            };
            let last = index + 1 == count;
            self.say(LogLevel::Warning, kind, Some(number), text, Some(id), place);
            self.and(|message| message.drops_rule = last && !kept);
        }
    }

    fn attributes(&mut self, element: &Element<'_>) -> Result<Attributes, Fatal> {
        let mut read = Attributes {
            id: None,
            level: None,
            maxsize: 0,
            timeframe: DEFAULT_TIMEFRAME,
            frequency: None,
            accuracy: true,
            noalert: false,
            ignore_time: 0,
            overwrite: false,
        };
        let place = self.place(element);
        for attribute in &element.attributes {
            let value = attribute.value.as_ref();
            let name = lower_case(&attribute.name);
            let number = is_number(value);
            let bad = match name.as_ref() {
                b"id" if number && value.len() <= 6 => {
                    read.id = digits(value, 6).or(read.id);
                    None
                }
                b"id" => {
                    Some(fill("rules_op: Invalid rule id: {}. Must be integer (max 6 digits)", &[value]))
                }
                b"level" if number => {
                    let level = atoi(value);
                    read.level = u32::try_from(level).ok();
                    let text = level.to_string();
                    (!(0..=16).contains(&level)).then(|| {
                        fill(
                            "rules_op: Invalid level: {}. Must be an integer between 0 and 16.",
                            &[text.as_bytes()],
                        )
                    })
                }
                // Any other level is passed over and missed later.
                b"level" => None,
                b"maxsize" if number => {
                    read.maxsize = digits(value, 4).unwrap_or(read.maxsize);
                    None
                }
                b"maxsize" => Some(fill("rules_op: Invalid maxsize: {}. Must be integer", &[value])),
                b"timeframe" if number => {
                    read.timeframe = digits(value, 5).unwrap_or(read.timeframe);
                    None
                }
                b"timeframe" => {
                    Some(fill("rules_op: Invalid timeframe: {}. Must be integer (max 5 digits)", &[value]))
                }
                b"frequency" if number => {
                    let frequency = atoi(value);
                    read.frequency = u32::try_from(frequency).ok();
                    let text = frequency.to_string();
                    (!(2..=9999).contains(&frequency)).then(|| {
                        fill(
                            "rules_op: Invalid frequency: {}. Must be higher than 1 and lower than 10000.",
                            &[text.as_bytes()],
                        )
                    })
                }
                b"frequency" => Some(fill("rules_op: Invalid frequency: {}. Must be integer", &[value])),
                b"accuracy" if number => {
                    read.accuracy = digits(value, 4).map_or(read.accuracy, |accuracy| accuracy != 0);
                    None
                }
                b"accuracy" => Some(fill("rules_op: Invalid accuracy: {}. Must be integer", &[value])),
                b"ignore" if number => {
                    read.ignore_time = digits(value, 6).unwrap_or(read.ignore_time);
                    None
                }
                b"ignore" => {
                    Some(fill("rules_op: Invalid ignore_time: {}. Must be integer (max 6 digits)", &[value]))
                }
                b"noalert" => {
                    match value {
                        b"0" => read.noalert = false,
                        b"1" => read.noalert = true,
                        _ => {
                            let text = b"Invalid value for attribute 'noalert'".to_vec();
                            let kind = MessageKind::BadAttribute { name: attribute.name.to_vec() };
                            self.say(LogLevel::Warning, kind, None, text, read.id, place);
                        }
                    }
                    None
                }
                b"overwrite" => match value {
                    b"yes" => {
                        read.overwrite = true;
                        None
                    }
                    b"no" => {
                        read.overwrite = false;
                        None
                    }
                    _ => Some(fill("rules_op: Invalid overwrite: {}. Can only by 'yes' or 'no'.", &[value])),
                },
                _ => Some(fill(
                    "rules_op: Invalid attribute \"{}\". Only id, level, maxsize, accuracy, noalert, ignore, frequency and timeframe are allowed.",
                    &[&attribute.name],
                )),
            };
            if let Some(text) = bad {
                let kind = MessageKind::BadAttribute { name: attribute.name.to_vec() };
                self.say(LogLevel::Error, kind.clone(), None, text, read.id, place);
                let text = b"Invalid attribute for rule.".to_vec();
                return self.fatal(kind, None, text, read.id, place);
            }
        }
        Ok(read)
    }

    /// `loadmemory`: joins texts, drops long ones.
    fn join(&mut self, joined: &mut Option<Vec<u8>>, element: &'static str, child: &Element<'_>, id: u32) {
        let text = child.content.as_ref();
        let too_long = match joined {
            None => text.len() >= MAX_TEXT,
            Some(before) => before.len() > MAX_TEXT || text.len() > MAX_TEXT,
        };
        if too_long {
            let place = self.place(child);
            let said = fill("Maximum string size reached for: {}.", &[text]);
            self.say(LogLevel::Error, MessageKind::TooLong { element }, Some(1104), said, Some(id), place);
            *joined = None;
            return;
        }
        joined.get_or_insert_default().extend_from_slice(text);
    }

    /// `negate` and `type` of a pattern.
    fn pattern_attributes(&mut self, child: &Element<'_>, id: u32, usual: Type) -> (bool, Type) {
        let id_text = || id.to_string();
        let place = self.place(child);
        let mut negated = false;
        let mut kind = usual;
        for name in ["negate", "type"] {
            let Some(value) = attribute(child, name) else { continue };
            let lower = value.to_ascii_lowercase();
            match (name, lower.as_slice()) {
                ("negate", b"yes") => negated = true,
                ("negate", b"no") => {}
                ("type", b"osregex") => kind = Type::OsRegex,
                ("type", b"osmatch") => kind = Type::OsMatch,
                ("type", b"pcre2") => kind = Type::Pcre2,
                _ => {
                    let text = fill(
                        "Invalid value '{}' for attribute '{}' in rule {}.",
                        &[value, name.as_bytes(), id_text().as_bytes()],
                    );
                    let kind = MessageKind::BadAttribute { name: name.as_bytes().to_vec() };
                    self.say(LogLevel::Warning, kind, Some(7600), text, Some(id), place);
                }
            }
        }
        (negated, kind)
    }

    /// One element of a rule; false when the rule is given up.
    fn option(&mut self, draft: &mut Draft, child: &Element<'_>) -> Result<bool, Fatal> {
        let id = draft.rule.id;
        let id_text = || id.to_string();
        let place = self.place(child);
        let lower = lower_case(&child.name);
        let lower = lower.as_ref();
        if let Some((index, &name)) = PATTERNS.iter().enumerate().find(|(_, name)| name.as_bytes() == lower) {
            let usual = match name {
                "regex" => Type::OsRegex,
                "action" => Type::Text,
                _ => Type::OsMatch,
            };
            let (negated, kind) = self.pattern_attributes(child, id, usual);
            let mut text =
                draft.patterns.get_mut(index).map(|one| mem::take(&mut one.text)).unwrap_or_default();
            self.join(&mut text, name, child, id);
            if let Some(pattern) = draft.patterns.get_mut(index) {
                *pattern = Pattern { text, negated, kind, place: Some(place) };
            }
            return Ok(true);
        }
        if ABOUT_OTHERS.iter().any(|start| lower.starts_with(start.as_bytes()))
            && (SAME_ANY_CASE.iter().any(|name| name.as_bytes() == lower)
                || SAME_EXACT.iter().any(|name| *name.as_bytes() == *child.name)
                || matches!(lower, b"not_same_field" | b"different_field")
                || *child.name == *b"different_dstgeoip")
        {
            draft.about_others = true;
            return Ok(true);
        }
        let text = child.content.to_vec();
        match lower {
            b"decoded_as" => {
                if let Some(decoders) = self.around.decoders
                    && !decoders.contains(&text)
                    && !super::BUILT_IN_DECODERS.iter().any(|name| name.as_bytes() == text)
                {
                    let said = fill("Invalid decoder name: '{}'.", &[&text]);
                    let kind = MessageKind::UnknownDecoder { name: text };
                    return self.fatal(kind, None, said, Some(id), place);
                }
                draft.rule.decoded_as = Some(text);
            }
            b"cve" => {}
            b"info" => self.info(child, id),
            b"time" => {
                if !is_time(&text) {
                    return self.invalid(child, "time", id);
                }
                draft.replace("time", text);
            }
            b"weekday" => {
                if !is_day(&text) {
                    let said = fill("Invalid day format: '{}'.", &[&text]);
                    let kind = MessageKind::BadValue { element: "weekday" };
                    self.say(LogLevel::Error, kind, Some(1241), said, Some(id), place);
                    return self.invalid(child, "weekday", id);
                }
                draft.replace("weekday", text);
            }
            b"group" => {
                let mut group = Some(mem::take(&mut draft.rule.group));
                self.join(&mut group, "group", child, id);
                let mut group = group.unwrap_or_default();
                if self.has(&behavior::RULE_GROUP_LINE_ENDS) {
                    group.retain(|&byte| byte != b'\n');
                }
                draft.rule.group = group;
            }
            b"description" => {
                let mut description = draft.described.then(|| mem::take(&mut draft.rule.description));
                self.join(&mut description, "description", child, id);
                draft.described = description.is_some();
                draft.rule.description = description.unwrap_or_default();
            }
            b"srcip" | b"dstip" => {
                let name = if lower == b"srcip" { "srcip" } else { "dstip" };
                if valid_ip(&text).is_none() {
                    let said = fill("Invalid ip address: '{}'.", &[&text]);
                    let kind = MessageKind::BadValue { element: name };
                    return self.fatal(kind, Some(1237), said, Some(id), place);
                }
                let (negated, _) = self.pattern_attributes(child, id, Type::OsMatch);
                draft.condition(name, None, text, negated);
            }
            b"field" => self.field(draft, child)?,
            b"list" => return self.list(draft, child),
            b"compiled_rule" => {
                if !COMPILED.iter().any(|name| name.as_bytes() == text) {
                    let said = fill("Compiled rule not found: '{}'", &[&text]);
                    let kind = MessageKind::BadValue { element: "compiled_rule" };
                    self.say(LogLevel::Error, kind, None, said, Some(id), place);
                    return self.invalid(child, "compiled_rule", id);
                }
                draft.replace("compiled_rule", text);
            }
            b"category" => {
                draft.rule.category = match text.as_slice() {
                    b"firewall" => Category::Firewall,
                    b"ids" => Category::Ids,
                    b"syslog" => Category::Syslog,
                    b"web-log" => Category::WebLog,
                    b"squid" => Category::Squid,
                    b"windows" => Category::Windows,
                    b"ossec" => Category::Ossec,
                    _ => {
                        let said = fill("Invalid category '{}' chosen.", &[&text]);
                        let kind = MessageKind::BadValue { element: "category" };
                        return self.fatal(kind, Some(1273), said, Some(id), place);
                    }
                };
            }
            b"if_sid" => {
                let mut joined = draft.rule.if_sid.take();
                self.join(&mut joined, "if_sid", child, id);
                draft.rule.if_sid = joined;
            }
            b"if_level" => {
                if !is_number(&text) {
                    let said = fill(
                        "Invalid 'if_level' value: '{}'. Rule '{}' will be ignored.",
                        &[&text, id_text().as_bytes()],
                    );
                    self.drop_rule(MessageKind::BadIfLevel { value: text }, 7609, said, id, place)?;
                    return Ok(false);
                }
                let mut joined = draft.rule.if_level.take();
                self.join(&mut joined, "if_level", child, id);
                draft.rule.if_level = joined;
            }
            b"if_group" => {
                let mut joined = draft.rule.if_group.take();
                self.join(&mut joined, "if_group", child, id);
                draft.rule.if_group = joined;
            }
            b"if_fts" => draft.rule.fts = true,
            b"if_matched_regex" => {
                draft.context = true;
                let mut joined = draft.matched_regex.take();
                self.join(&mut joined, "if_matched_regex", child, id);
                draft.matched_regex = joined;
            }
            b"if_matched_group" => {
                draft.context = true;
                let mut joined = draft.rule.if_matched_group.take();
                self.join(&mut joined, "if_matched_group", child, id);
                draft.rule.if_matched_group = joined;
            }
            b"if_matched_sid" => {
                draft.context = true;
                if !is_number(&text) {
                    let said = fill(
                        "Invalid 'if_matched_sid' value: '{}'. Rule '{}' will be ignored.",
                        &[&text, id_text().as_bytes()],
                    );
                    self.drop_rule(MessageKind::BadIfMatchedSid, 7615, said, id, place)?;
                    return Ok(false);
                }
                draft.rule.if_matched_sid = u32::try_from(atoi(&text)).unwrap_or(0);
            }
            b"same_agent" | b"not_same_agent" => {
                let said = fill(
                    "Detected a deprecated field option for rule, {} is not longer available.",
                    &[lower],
                );
                self.say(LogLevel::Warning, MessageKind::Remark, None, said, Some(id), place);
            }
            b"check_diff" => {
                draft.context = true;
                draft.about_others = true;
                draft.rule.check_diff = true;
            }
            b"options" => match text.as_slice() {
                b"alert_by_email" | b"no_email_alert" | b"no_full_log" | b"no_counter" => {}
                b"log_alert" => draft.rule.log = Some(true),
                b"no_log" => draft.rule.log = Some(false),
                b"no_ar" => draft.rule.no_ar = true,
                _ => {
                    let said = fill("Invalid value for element '{}': {}.", &[b"options", &text]);
                    let kind = MessageKind::BadValue { element: "options" };
                    self.say(LogLevel::Error, kind.clone(), Some(1235), said, Some(id), place);
                    let said =
                        fill("Invalid option '{}' for rule '{}'.", &[&child.name, id_text().as_bytes()]);
                    return self.fatal(kind, None, said, Some(id), place);
                }
            },
            b"ignore" | b"check_if_ignored" => {
                let name = if lower == b"ignore" { "ignore" } else { "check_if_ignored" };
                let blank = |word: &[u8]| {
                    let word = word.iter().skip_while(|&&byte| byte == b' ');
                    word.take_while(|&&byte| byte != b' ').next().is_none()
                };
                if text.split(|&byte| byte == b',').any(blank) {
                    let said = fill("Wrong {} option: '{}'", &[name.as_bytes(), &text]);
                    let kind = MessageKind::BadValue { element: name };
                    return self.fatal(kind, None, said, Some(id), place);
                }
                draft.rule.check_if_ignored |= name == "check_if_ignored";
            }
            b"mitre" => self.mitre(child, id),
            _ => {
                let said = fill("Invalid option '{}' for rule '{}'.", &[&child.name, id_text().as_bytes()]);
                let kind = MessageKind::BadElement { name: child.name.to_vec() };
                return self.fatal(kind, None, said, Some(id), place);
            }
        }
        Ok(true)
    }

    /// 1274
    fn invalid<T>(&mut self, child: &Element<'_>, element: &'static str, id: u32) -> Result<T, Fatal> {
        let place = self.place(child);
        let text = fill("Invalid configuration. Element '{}': {}.", &[&child.name, &child.content]);
        self.fatal(MessageKind::BadValue { element }, Some(1274), text, Some(id), place)
    }

    fn info(&mut self, child: &Element<'_>, id: u32) {
        let Some(first) = child.attributes.first() else { return };
        let value = first.value.as_ref();
        let place = self.place(child);
        let text = if !first.name.eq_ignore_ascii_case(b"type") {
            fill("rules_op: Element info has invalid attribute \"{}\"", &[&first.name])
        } else if !matches!(value, b"text" | b"link" | b"cve" | b"osvdb") {
            fill("rules_op: Element info attribute \"{}\" has invalid value \"{}\"", &[&first.name, value])
        } else {
            return;
        };
        self.say(LogLevel::Error, MessageKind::Remark, None, text, Some(id), place);
    }

    fn field(&mut self, draft: &mut Draft, child: &Element<'_>) -> Result<(), Fatal> {
        let id = draft.rule.id;
        let id_text = || id.to_string();
        let place = self.place(child);
        let kind = MessageKind::BadValue { element: "field" };
        let before = draft.rule.conditions.iter().filter(|condition| condition.name == "field").count();
        if self.around.max_fields.unwrap_or(MAX_FIELDS) <= before {
            let text =
                fill("Rule {} has exceeded the maximum number of allowed fields", &[id_text().as_bytes()]);
            return self.fatal(kind, None, text, Some(id), place);
        }
        let Some(name) = attribute(child, "name") else {
            if child.attributes.is_empty() {
                // Nothing is said before the last line.
                let text = Vec::new();
                self.say(LogLevel::Error, kind, None, text, Some(id), place);
                self.and(|message| message.logged = false);
                return Err(Fatal);
            }
            let text =
                fill("Failure to read rule {}. No such attribute 'name' for field.", &[id_text().as_bytes()]);
            return self.fatal(kind, None, text, Some(id), place);
        };
        if STATIC_FIELDS.iter().any(|known| name.eq_ignore_ascii_case(known.as_bytes())) {
            let text = fill("Failure to read rule {}. Field '{}' is static.", &[id_text().as_bytes(), name]);
            return self.fatal(kind, None, text, Some(id), place);
        }
        let (negated, pattern) = self.pattern_attributes(child, id, Type::OsRegex);
        let text = child.content.as_ref();
        if pattern == Type::OsRegex && OsRegex::compile(text).is_err() {
            let said = fill("Syntax error on tag '{}' in rule {}", &[name, id_text().as_bytes()]);
            let kind = MessageKind::BadPattern { element: "field" };
            return self.fatal(kind, Some(5107), said, Some(id), place);
        }
        draft.condition("field", Some(name.to_vec()), text.to_vec(), negated);
        Ok(())
    }

    fn list(&mut self, draft: &mut Draft, child: &Element<'_>) -> Result<bool, Fatal> {
        let id = draft.rule.id;
        let place = self.place(child);
        let text = child.content.to_vec();
        let mut field = None;
        let mut negated = false;
        for attribute in &child.attributes {
            let value = attribute.value.as_ref();
            let kind = MessageKind::BadValue { element: "list" };
            match attribute.name.to_ascii_lowercase().as_slice() {
                b"lookup" => match value.to_ascii_lowercase().as_slice() {
                    b"match_key" | b"match_key_value" | b"address_match_key" | b"address_match_key_value" => {
                        negated = false;
                    }
                    b"not_match_key" | b"not_address_match_key" => negated = true,
                    _ => {
                        let said = fill("Invalid configuration. Element '{}': {}.", &[&child.name, &text]);
                        self.say(LogLevel::Error, kind.clone(), Some(1274), said, Some(id), place);
                        let said = fill("List match lookup=\"{}\" is not valid.", &[value]);
                        return self.fatal(kind, None, said, Some(id), place);
                    }
                },
                b"field" => field = Some(value.to_vec()),
                b"check_value" => {}
                _ => {
                    let said = fill("List field=\"{}\" is not valid", &[value]);
                    self.say(LogLevel::Error, kind, None, said, Some(id), place);
                    return self.invalid(child, "list", id);
                }
            }
        }
        let Some(field) = field else {
            let said: &[u8] = if child.attributes.is_empty() {
                b"List must have a correctly formatted field attribute"
            } else {
                b"List requires the field=\"\" attribute"
            };
            let kind = MessageKind::BadValue { element: "list" };
            self.say(LogLevel::Error, kind, None, said.to_vec(), Some(id), place);
            return self.invalid(child, "list", id);
        };
        if let Some(lists) = self.around.lists
            && !lists.iter().any(|list| list.text == text || list.cdb == text)
        {
            let id_text = || id.to_string();
            let said = fill(
                "List '{}' could not be loaded. Rule '{}' will be ignored.",
                &[&text, id_text().as_bytes()],
            );
            self.drop_rule(MessageKind::ListNotLoaded { name: text }, 7616, said, id, place)?;
            return Ok(false);
        }
        draft.condition("list", Some(field), text, negated);
        Ok(true)
    }

    /// Nothing about MITRE keeps a rule from being loaded.
    fn mitre(&mut self, child: &Element<'_>, id: u32) {
        let id_text = || id.to_string();
        let place = self.place(child);
        if child.children.is_empty() {
            let text = fill("Empty Mitre information for rule '{}'", &[id_text().as_bytes()]);
            self.say(LogLevel::Warning, MessageKind::Remark, None, text, Some(id), place);
        }
        for part in &child.children {
            let known = [&b"id"[..], b"tacticID", b"techniqueID"];
            if !known.iter().any(|name| part.name.eq_ignore_ascii_case(name)) {
                let text = fill("Invalid option '{}' for rule '{}'", &[&part.name, id_text().as_bytes()]);
                self.say(LogLevel::Error, MessageKind::Remark, None, text, Some(id), place);
            }
        }
    }

    /// Compiles the patterns in analysisd's order and turns them into conditions.
    fn compile(&mut self, draft: &mut Draft) -> Result<(), Fatal> {
        let id = draft.rule.id;
        let id_text = || id.to_string();
        for (index, name) in PATTERNS.into_iter().enumerate() {
            if index == BEFORE_MATCHED
                && let Some(pattern) = &draft.matched_regex
                && OsRegex::compile(pattern).is_err()
            {
                let text = fill("Syntax error on regex: '{}': {}.", &[pattern, b"6"]);
                let kind = MessageKind::BadPattern { element: "if_matched_regex" };
                let place = draft.rule.place;
                return self.fatal(kind, Some(1450), text, Some(id), place);
            }
            let Some(pattern) = draft.patterns.get_mut(index) else { continue };
            let Some(text) = pattern.text.take() else { continue };
            if pattern.kind == Type::OsRegex && OsRegex::compile(&text).is_err() {
                // The protocol's message shows the pattern where the others show the name.
                let tag = if name == "protocol" { &text } else { name.as_bytes() };
                let said = fill("Syntax error on tag '{}' in rule {}", &[tag, id_text().as_bytes()]);
                let kind = MessageKind::BadPattern { element: name };
                let place = pattern.place.unwrap_or(draft.rule.place);
                return self.fatal(kind, Some(5107), said, Some(id), place);
            }
            let negated = pattern.negated;
            draft.condition(name, None, text, negated);
        }
        Ok(())
    }
}

/// Digits, commas and blanks; one line end behind them is overlooked (`^[\d, ]+$`).
fn valid_if_sid(text: &[u8]) -> bool {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    !text.is_empty() && text.iter().all(|byte| matches!(byte, b'0'..=b'9' | b',' | b' '))
}

struct Attributes {
    id: Option<u32>,
    level: Option<u32>,
    maxsize: u32,
    timeframe: u32,
    frequency: Option<u32>,
    accuracy: bool,
    noalert: bool,
    ignore_time: u32,
    overwrite: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Type {
    OsMatch,
    OsRegex,
    Pcre2,
    Text,
}

#[derive(Clone)]
struct Pattern {
    text: Option<Vec<u8>>,
    negated: bool,
    kind: Type,
    place: Option<Place>,
}

/// A rule while its elements are read.
struct Draft {
    rule: Rule,
    overwrite: bool,
    /// There is a description.
    described: bool,
    /// `if_matched_...` or `check_diff`.
    context: bool,
    /// `same_...`, `different_...` and the like.
    about_others: bool,
    matched_regex: Option<Vec<u8>>,
    patterns: Vec<Pattern>,
}

impl Draft {
    fn condition(&mut self, name: &'static str, of: Option<Vec<u8>>, text: Vec<u8>, negated: bool) {
        self.rule.conditions.push(Condition { name, of, text, negated });
    }

    /// A condition of which only the last counts.
    fn replace(&mut self, name: &'static str, text: Vec<u8>) {
        self.rule.conditions.retain(|condition| condition.name != name);
        self.condition(name, None, text, false);
    }
}
