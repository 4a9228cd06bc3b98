//! From 4.x to 5.x: what a setup has, what 5.x makes of it when it is left in place, and what
//! has to be made instead.
//!
//! [`Inventory::collect`] reads the facts of one host; [`plan`] is a pure function of it.
//! Rules, levels and groups have no counterpart of the same value in 5.x, so the plan says
//! what has to be chosen by hand rather than to guess.

pub mod channel;
mod config;
pub mod fields;
mod inventory;
pub mod rewrite;
pub mod rows;
mod runtime;
mod script;

use std::collections::BTreeMap;

use crate::facts::TextFile;
use crate::findings::Evidence;
use crate::wazuh::ossec_conf::Role;
use crate::wazuh::version::Version;
use crate::wazuh::xml::Span;

pub use channel::{Channel, ResponsePlan};
pub use inventory::{Inventory, ScriptFile};
pub use rows::{Harm, ROWS, Row};
pub use script::{ScriptPlan, Verdict};

/// Where a hazard was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// File, below the home or as the user named it.
    pub file: String,
    /// Line, from 1; none when it is about the file as a whole.
    pub line: Option<u64>,
    /// Byte of the line, from 1.
    pub column: Option<u64>,
    /// The line, secrets of its file hidden.
    pub excerpt: Vec<u8>,
    /// What is there, when the line does not say it by itself.
    pub note: Option<String>,
}

impl Place {
    fn of(file: &TextFile, span: Span, note: Option<String>) -> Self {
        match file.excerpt(span, "") {
            Evidence::Excerpt { file, line, column, text, .. } => {
                Self { file, line: Some(line), column: Some(column), excerpt: text, note }
            }
            _ => Self::whole(&file.shown, note),
        }
    }

    fn whole(file: &str, note: Option<String>) -> Self {
        Self { file: file.to_owned(), line: None, column: None, excerpt: Vec::new(), note }
    }
}

/// A row that was found.
#[derive(Clone, Debug)]
pub struct Hazard {
    /// Which.
    pub row: &'static Row,
    /// Where, in the order of the files.
    pub places: Vec<Place>,
}

/// The whole plan.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Whose installation it is.
    pub role: Role,
    /// Its version.
    pub version: Option<Version>,
    /// What was found, worst first.
    pub hazards: Vec<Hazard>,
    /// Rows that files of this host cannot show.
    pub by_hand: Vec<&'static Row>,
    /// Rows that were looked for here and not found.
    pub clear: Vec<&'static Row>,
    /// Rows whose files could not be read, and why.
    pub unknown: Vec<(&'static Row, String)>,
    /// Every response.
    pub responses: Vec<ResponsePlan>,
    /// Distinct channels of [`Self::responses`].
    pub channels: usize,
    /// Addresses and names that must never be blocked: the query of each monitor has to leave them out.
    pub never_block: Vec<Vec<u8>>,
    /// Every script.
    pub scripts: Vec<ScriptPlan>,
    /// What could not be read.
    pub gaps: Vec<String>,
}

/// Rows that were found, while they are gathered.
#[derive(Debug, Default)]
struct Hits {
    all: BTreeMap<&'static str, Vec<Place>>,
    /// Rows that were looked for.
    looked: Vec<&'static str>,
    unknown: BTreeMap<&'static str, String>,
}

impl Hits {
    fn add(&mut self, row: &'static str, place: Place) {
        let places = self.all.entry(row).or_default();
        if !places.contains(&place) {
            places.push(place);
        }
    }

    fn look(&mut self, rows: &[&'static str]) {
        self.looked.extend(rows);
    }
}

/// Makes the plan.
pub fn plan(inventory: &Inventory<'_>) -> Plan {
    let mut hits = Hits::default();
    config::look(inventory, &mut hits);
    let responses = channel::plan(inventory);
    let channels = channel::distinct(&responses);
    config::look_at_channels(inventory, channels, &mut hits);
    let scripts: Vec<ScriptPlan> =
        inventory.scripts.iter().map(|file| script::plan(inventory, file, &mut hits)).collect();
    runtime::look(inventory, &mut hits);
    let mut hazards: Vec<Hazard> = hits
        .all
        .into_iter()
        .filter_map(|(id, places)| Some(Hazard { row: rows::row(id)?, places }))
        .collect();
    let order = |row: &Row| ROWS.iter().position(|other| other.id == row.id);
    hazards.sort_by_key(|hazard| (hazard.row.harm, order(hazard.row)));
    let found = |row: &Row| hazards.iter().any(|hazard| hazard.row.id == row.id);
    let rest = || ROWS.iter().filter(|row| !found(row) && row.harm != Harm::Unchanged);
    let unknown: Vec<(&'static Row, String)> =
        rest().filter_map(|row| Some((row, hits.unknown.get(row.id)?.clone()))).collect();
    let open = || rest().filter(|row| !hits.unknown.contains_key(row.id));
    Plan {
        role: inventory.role,
        version: inventory.version,
        by_hand: open().filter(|row| row.by_hand.is_some()).collect(),
        clear: open().filter(|row| row.by_hand.is_none() && hits.looked.contains(&row.id)).collect(),
        unknown,
        hazards,
        responses,
        channels,
        never_block: inventory.white_list(),
        scripts,
        gaps: inventory.gaps.clone(),
    }
}
