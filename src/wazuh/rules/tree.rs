//! The tree of rules: how a rule is hung up, overwritten and reached.
//!
//! Model: `src/analysisd/rules_list.c`, 4.14.

use super::super::ar_conf::atoi;
use super::super::os_match::OsMatch;
use super::{Category, MAX_NODES, MessageKind, Node, Place, Rule, Ruleset, Search};

/// Steps without alert that are followed downwards.
const MAX_DEPTH: usize = 64;

/// Where a rule looks for its parents.
enum Parents<'a> {
    Id(u32),
    Level(i32),
    Group(&'a [u8]),
    Category(Category),
}

/// What becomes of a rule that is added.
pub(super) struct Added {
    /// It hangs in the tree.
    pub(super) kept: bool,
    /// What is said on the way.
    pub(super) messages: Vec<MessageKind>,
}

impl Ruleset {
    /// `OS_AddRule`: a root.
    pub(super) fn add_root(&mut self, rule: Rule) {
        let index = self.push_rule(rule);
        let at = self.place_among(&self.roots, index);
        let node = self.push_node(index, None);
        self.roots.insert(at, node);
    }

    /// `OS_AddChild`, with what is needed to count earlier events.
    pub(super) fn add_child(&mut self, rule: Rule, partial_if_sid: bool) -> Added {
        let mut messages = Vec::new();
        let index = self.push_rule(rule);
        let mut attached = false;
        let Some(rule) = self.rules.get(index) else {
            return Added { kept: false, messages };
        };
        let (if_sid, if_level, if_group) =
            (rule.if_sid.clone(), rule.if_level.clone(), rule.if_group.clone());
        let (category, if_matched_sid) = (rule.category, rule.if_matched_sid);
        let mut kept = true;
        if let Some(if_sid) = &if_sid {
            let mut digits_before = false;
            // The terminator counts as one more number, 0, when nothing stands before it.
            for (at, byte) in if_sid.iter().copied().chain([0]).enumerate() {
                match byte {
                    b',' | b' ' => digits_before = false,
                    b'0'..=b'9' | 0 => {
                        if std::mem::replace(&mut digits_before, true) {
                            continue;
                        }
                        let rest = if_sid.get(at..).unwrap_or_default();
                        let id = u32::try_from(atoi(rest)).unwrap_or(0);
                        if self.attach(index, &Parents::Id(id)) {
                            attached = true;
                        } else if if_matched_sid != 0 {
                            messages.push(MessageKind::MissingSource { id });
                            kept = false;
                            break;
                        } else {
                            messages.push(MessageKind::MissingParent { id });
                            if !partial_if_sid {
                                kept = false;
                                break;
                            }
                        }
                    }
                    _ => {
                        messages.push(MessageKind::IfSidCut);
                        kept = attached && partial_if_sid;
                        break;
                    }
                }
            }
            let cut = messages.last() == Some(&MessageKind::IfSidCut);
            if kept && !attached && !cut {
                messages.push(MessageKind::NoParent);
                kept = false;
            }
        } else if let Some(level) = &if_level {
            let wanted = atoi(level).wrapping_mul(100);
            if wanted == 0 {
                messages.push(MessageKind::BadIfLevel { value: level.clone() });
                kept = false;
            } else if !self.attach(index, &Parents::Level(wanted)) {
                messages.push(MessageKind::NoSuchLevel { level: wanted });
                kept = false;
            }
        } else if let Some(group) = &if_group {
            if !self.attach(index, &Parents::Group(group)) {
                messages.push(MessageKind::NoSuchGroup { group: group.clone() });
                kept = false;
            }
        } else if !self.attach(index, &Parents::Category(category)) {
            messages.push(MessageKind::NoSuchCategory);
            kept = false;
        }
        if kept {
            self.mark_sources(index);
        } else {
            self.remove_last_rule();
        }
        Added { kept, messages }
    }

    /// `OS_MarkID` and `OS_MarkGroup`.
    fn mark_sources(&mut self, index: usize) {
        let Some(rule) = self.rules.get(index) else { return };
        let sources: Vec<usize> = match rule.search {
            Search::Sid => {
                let id = rule.if_matched_sid;
                if id < 10 {
                    // An overwritten root is there twice.
                    let rules = self.rules.iter().enumerate();
                    rules.filter(|(_, one)| one.id == id).map(|(at, _)| at).collect()
                } else {
                    self.index(id).into_iter().collect()
                }
            }
            Search::Group => {
                let pattern = rule.if_matched_group.as_deref().unwrap_or_default();
                match OsMatch::compile(pattern) {
                    Ok(pattern) => self.groups.rules_where(|text| pattern.matches(text)).collect(),
                    Err(_) => Vec::new(),
                }
            }
            Search::None | Search::Events => return,
        };
        if let Some(rule) = self.rules.get_mut(index) {
            rule.has_sources = !sources.is_empty();
            rule.sources = sources;
        }
    }

    /// `OS_AddRuleInfo`: puts a new definition over an old rule. The old one keeps its place
    /// in the tree and what it counts. Returns what is said.
    pub(super) fn overwrite(&mut self, index: usize, new: Rule, place: Place) -> Vec<MessageKind> {
        let mut messages = Vec::new();
        let Some(old) = self.rules.get_mut(index) else { return messages };
        let mut keep = |option: &'static str| messages.push(MessageKind::NotOverwritten { option });
        if new.if_sid.is_some() && new.if_matched_sid == 0 && new.if_sid != old.if_sid {
            keep("if_sid");
        }
        // analysisd has forgotten the old group by now, so this is said in any case.
        if new.if_group.is_some() && new.if_matched_group.is_none() {
            keep("if_group");
        }
        if new.if_level.is_some() && new.if_level != old.if_level {
            keep("if_level");
        }
        if new.if_matched_group.is_some() && new.if_matched_group != old.if_matched_group {
            keep("if_matched_group");
        }
        if new.if_matched_sid != 0 && new.if_matched_sid != old.if_matched_sid {
            keep("if_matched_sid");
        }
        let kept = std::mem::replace(old, new);
        old.place = kept.place;
        old.overwrites = kept.overwrites;
        old.overwrites.push(place);
        old.group_before = kept.group_before.or(Some(kept.group)).filter(|group| *group != old.group);
        old.if_sid = kept.if_sid;
        old.if_group = kept.if_group;
        old.if_level = kept.if_level;
        old.if_matched_sid = kept.if_matched_sid;
        old.if_matched_group = kept.if_matched_group;
        old.search = kept.search;
        old.has_sources = kept.has_sources;
        old.sources = kept.sources;
        self.groups.replace(index, &old.group);
        messages
    }

    fn push_rule(&mut self, rule: Rule) -> usize {
        let index = self.rules.len();
        self.by_id.entry(rule.id).or_insert(index);
        self.groups.push(&rule.group);
        self.rules.push(rule);
        self.nodes_of.push(Vec::new());
        index
    }

    /// Takes back the rule added last. analysisd drops it too, but leaves it hanging where it
    /// was already hung up; that is not followed.
    fn remove_last_rule(&mut self) {
        let Some(rule) = self.rules.pop() else { return };
        self.groups.pop();
        let index = self.rules.len();
        if self.by_id.get(&rule.id) == Some(&index) {
            self.by_id.remove(&rule.id);
        }
        for node in self.nodes_of.pop().unwrap_or_default().into_iter().rev() {
            if let Some(parent) = self.nodes.get(node).and_then(|node| node.parent)
                && let Some(parent) = self.nodes.get_mut(parent)
            {
                parent.children.retain(|&child| child != node);
            }
            self.nodes.truncate(node);
        }
    }

    fn push_node(&mut self, rule: usize, parent: Option<usize>) -> usize {
        let node = self.nodes.len();
        self.nodes.push(Node { rule, parent, children: Vec::new() });
        if let Some(nodes) = self.nodes_of.get_mut(rule) {
            nodes.push(node);
        }
        node
    }

    /// Before the first sibling of a lower level.
    fn place_among(&self, siblings: &[usize], rule: usize) -> usize {
        let level = |rule: usize| self.rules.get(rule).map_or(0, |rule| rule.sort_level);
        let own = level(rule);
        let lower = |&node: &usize| self.nodes.get(node).is_some_and(|node| own > level(node.rule));
        siblings.iter().position(lower).unwrap_or(siblings.len())
    }

    fn hang(&mut self, rule: usize, parent: usize) {
        let Some(node) = self.nodes.get(parent) else { return };
        if self.nodes.len() >= MAX_NODES {
            self.overgrown = true;
            return;
        }
        let at = self.place_among(&node.children, rule);
        let child = self.push_node(rule, Some(parent));
        if let Some(node) = self.nodes.get_mut(parent) {
            node.children.insert(at, child);
        }
    }

    /// `_AddtoRule`: hangs a rule below every parent it names.
    fn attach(&mut self, index: usize, parents: &Parents<'_>) -> bool {
        let own_id = self.rules.get(index).map_or(0, |rule| rule.id);
        let below: Vec<usize> = match parents {
            // Number 0 is no number there: the search goes by category.
            Parents::Id(0) => {
                let category = self.rules.get(index).map_or(Category::Syslog, |rule| rule.category);
                self.root_of(category).into_iter().collect()
            }
            Parents::Id(id) => {
                // A rule that already hangs somewhere may become its own child (stock rule 91821).
                let parent = self.by_id.get(id).copied();
                let nodes = match parent {
                    // An overwritten root stands there twice; the first in the row is found.
                    Some(_) if *id < 10 => {
                        let named = |&root: &usize| self.node(root).is_some_and(|(_, rule)| rule.id == *id);
                        self.roots.iter().copied().find(named).into_iter().collect()
                    }
                    Some(parent) => self.reached(parent),
                    None => Vec::new(),
                };
                // A child is of its parent's category.
                let category = nodes.first().and_then(|&node| self.node(node)).map(|(_, one)| one.category);
                if let (Some(rule), Some(category)) = (self.rules.get_mut(index), category) {
                    rule.category = category;
                }
                nodes
            }
            Parents::Level(level) => {
                self.nodes_where(|rule| i64::from(rule.sort_level) >= i64::from(*level) && rule.id != own_id)
            }
            Parents::Group(group) => {
                let Self { groups, rules, nodes_of, .. } = self;
                let others = groups
                    .rules_with(group)
                    .filter(|&rule| rules.get(rule).is_some_and(|rule| rule.id != own_id));
                others.filter_map(|rule| nodes_of.get(rule)).flatten().copied().collect()
            }
            Parents::Category(category) => self.root_of(*category).into_iter().collect(),
        };
        for &parent in &below {
            self.hang(index, parent);
        }
        !below.is_empty()
    }

    fn root_of(&self, category: Category) -> Option<usize> {
        self.roots
            .iter()
            .copied()
            .find(|&root| self.node(root).is_some_and(|(_, rule)| rule.category == category))
    }

    fn nodes_where(&self, wanted: impl Fn(&Rule) -> bool) -> Vec<usize> {
        let mut nodes = Vec::new();
        for (index, rule) in self.rules.iter().enumerate() {
            if wanted(rule) {
                nodes.extend_from_slice(self.nodes_of(index));
            }
        }
        nodes
    }

    /// The nodes of a rule that a search by number finds: it looks no further along and below
    /// a row of siblings once it has found one.
    fn reached(&self, rule: usize) -> Vec<usize> {
        let nodes = self.nodes_of(rule);
        if nodes.len() < 2 {
            return nodes.to_vec();
        }
        let is_one = |node: usize| self.nodes.get(node).is_some_and(|node| node.rule == rule);
        let found_before = |node: usize| {
            let mut below = node;
            loop {
                let parent = self.nodes.get(below).and_then(|node| node.parent);
                let row = match parent {
                    Some(parent) => self.nodes.get(parent).map(|node| node.children.as_slice()),
                    None => Some(self.roots.as_slice()),
                };
                let before = row.unwrap_or_default().iter().take_while(|&&one| one != below);
                if before.copied().any(is_one) {
                    return true;
                }
                match parent {
                    Some(parent) if is_one(parent) => return true,
                    Some(parent) => below = parent,
                    None => return false,
                }
            }
        };
        nodes.iter().copied().filter(|&node| !found_before(node)).collect()
    }
}

/// Why no event can end with a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Never {
    /// `noalert="1"`: only a step on the way to its children.
    NoAlert,
    /// A child without a condition of its own takes every event that gets here.
    ChildTakesAll {
        /// The child's number.
        child: u32,
    },
    /// A sibling tried earlier takes every event that gets to the parent; for a rule with
    /// several parents, the first of them.
    SiblingTakesAll {
        /// The sibling's number.
        sibling: u32,
        /// The rule itself, or the ancestor that is never tried because of it.
        instead_of: u32,
    },
    /// It counts alerts of a rule that is not loaded before it (`No sid search.`).
    NothingToCount,
    /// It counts alerts of rules that never make one.
    CountsSilent {
        /// The first of them.
        source: u32,
    },
    /// A rule above it can never match.
    Unreachable {
        /// Its number.
        ancestor: u32,
    },
}

/// Why an alert of a rule is written nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    /// Level 0: the event is dropped, responses included.
    LevelZero,
    /// `noalert="1"`
    NoAlert,
    /// `<options>no_log`; responses run all the same.
    NoLog,
    /// The level is below `<log_alert_level>`; responses run all the same.
    BelowLogLevel {
        /// The rule's level.
        level: u32,
        /// What is wanted.
        wanted: u32,
    },
}

impl Rule {
    /// Whether its alerts are written, given `<log_alert_level>`.
    pub fn silence(&self, log_alert_level: u32) -> Option<Silence> {
        if self.noalert {
            Some(Silence::NoAlert)
        } else if self.level == 0 {
            Some(Silence::LevelZero)
        } else {
            match self.log {
                Some(true) => None,
                Some(false) => Some(Silence::NoLog),
                None => (self.level < log_alert_level)
                    .then_some(Silence::BelowLogLevel { level: self.level, wanted: log_alert_level }),
            }
        }
    }
}

impl Ruleset {
    /// Children of a rule, each once, in the order they are tried below its first node.
    pub fn children(&self, rule: usize) -> Vec<usize> {
        let mut children = Vec::new();
        for &node in self.nodes_of(rule) {
            for &child in self.nodes.get(node).map(|node| node.children.as_slice()).unwrap_or_default() {
                if let Some(child) = self.nodes.get(child)
                    && !children.contains(&child.rule)
                {
                    children.push(child.rule);
                }
            }
        }
        children
    }

    /// Parents of a rule, each once.
    pub fn parents(&self, rule: usize) -> Vec<usize> {
        let mut parents = Vec::new();
        for &node in self.nodes_of(rule) {
            if let Some(parent) = self.nodes.get(node).and_then(|node| node.parent)
                && let Some(parent) = self.nodes.get(parent)
                && !parents.contains(&parent.rule)
            {
                parents.push(parent.rule);
            }
        }
        parents
    }

    /// Every rule above one, each once, the nearest first.
    pub fn ancestors(&self, rule: usize) -> Vec<usize> {
        let mut all = self.parents(rule);
        let mut next = 0;
        while let Some(&one) = all.get(next) {
            for parent in self.parents(one) {
                if !all.contains(&parent) {
                    all.push(parent);
                }
            }
            next += 1;
        }
        all
    }

    /// Every rule below one, each once.
    pub fn descendants(&self, rule: usize) -> Vec<usize> {
        let mut all = self.children(rule);
        let mut next = 0;
        while let Some(&one) = all.get(next) {
            for child in self.children(one) {
                if !all.contains(&child) {
                    all.push(child);
                }
            }
            next += 1;
        }
        all
    }

    /// Why no event can end with this rule, so that no response starts by it; nothing when
    /// one may. Only what holds for every event is claimed, so nothing while a file is unknown:
    /// it could overwrite any rule.
    pub fn never_final(&self, rule: usize) -> Option<Never> {
        if !self.is_complete() || self.is_fatal() {
            return None;
        }
        self.never_final_within(rule, 4)
    }

    fn never_final_within(&self, rule: usize, depth: u32) -> Option<Never> {
        let own = self.rules.get(rule)?;
        if let Some(never) = self.cannot_match(own, depth) {
            return Some(never);
        }
        let mut reason = None;
        for &node in self.nodes_of(rule) {
            match self.node_never_final(node, own, depth) {
                None => return None,
                some => reason = reason.or(some),
            }
        }
        reason
    }

    /// A composite rule without anything to count.
    fn cannot_match(&self, rule: &Rule, depth: u32) -> Option<Never> {
        if !rule.composite || rule.check_diff || !matches!(rule.search, Search::Sid | Search::Group) {
            return None;
        }
        if !rule.has_sources {
            return Some(Never::NothingToCount);
        }
        let depth = depth.checked_sub(1)?;
        let silent = |&source: &usize| {
            let one = self.rules.get(source)?;
            let never =
                one.level == 0 && !self.stands_in(source) || self.never_final_within(source, depth).is_some();
            never.then_some(one.id)
        };
        let silent = rule.sources.iter().map(silent).collect::<Option<Vec<_>>>()?;
        silent.first().map(|&source| Never::CountsSilent { source })
    }

    fn node_never_final(&self, node: usize, own: &Rule, depth: u32) -> Option<Never> {
        let (this, _) = self.node(node)?;
        // Is the place reached at all?
        let mut below = node;
        loop {
            let (one, rule) = self.node(below)?;
            if below != node && self.cannot_match(rule, depth).is_some() {
                return Some(Never::Unreachable { ancestor: rule.id });
            }
            let row = match one.parent {
                Some(parent) => self.nodes.get(parent)?.children.as_slice(),
                None => self.roots.as_slice(),
            };
            for &earlier in row.iter().take_while(|&&earlier| earlier != below) {
                let (_, sibling) = self.node(earlier)?;
                let same_stage = one.parent.is_some() || sibling.category == rule.category;
                if same_stage && self.takes_all(earlier, MAX_DEPTH) {
                    return Some(Never::SiblingTakesAll { sibling: sibling.id, instead_of: rule.id });
                }
            }
            match one.parent {
                Some(parent) => below = parent,
                None => break,
            }
        }
        if self.has_ignoring_child(this) {
            return None;
        }
        if let Some(&child) = this.children.iter().find(|&&child| self.takes_all(child, MAX_DEPTH)) {
            let (_, child) = self.node(child)?;
            return Some(Never::ChildTakesAll { child: child.id });
        }
        own.noalert.then_some(Never::NoAlert)
    }

    /// A child that holds its peace for some time (`ignore="N"`) lets its parent speak
    /// instead, whatever the parent's level.
    fn has_ignoring_child(&self, node: &Node) -> bool {
        node.children.iter().any(|&child| self.node(child).is_some_and(|(_, rule)| rule.ignore_time > 0))
    }

    fn stands_in(&self, rule: usize) -> bool {
        let mut nodes = self.nodes_of(rule).iter().filter_map(|&node| self.nodes.get(node));
        nodes.any(|node| self.has_ignoring_child(node))
    }

    /// True when every event that is tried on this node ends with it or below it.
    fn takes_all(&self, node: usize, depth: usize) -> bool {
        let (Some((this, rule)), Some(depth)) = (self.node(node), depth.checked_sub(1)) else {
            return false;
        };
        rule.is_unconditional()
            && (!rule.noalert || this.children.iter().any(|&child| self.takes_all(child, depth)))
    }
}
