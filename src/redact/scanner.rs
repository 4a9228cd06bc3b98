//! The last look at what is about to leave: does any remembered secret stand in it?

use serde::Serialize;

use super::index::LONG;
use super::{Kind, Redactor};

/// What stands around a secret in base64 is kept from block to block, too.
const CODED: usize = 256;

/// A remembered secret in what is about to leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Leak {
    /// What it is.
    pub kind: Kind,
    /// Where it begins, in bytes since the first block.
    pub offset: u64,
}

/// Looks for every remembered secret of 8 bytes or more in a stream of blocks, wherever they are
/// cut. Blocks of 64 KiB and more are cheapest.
#[derive(Debug)]
pub struct Scanner<'r> {
    redactor: &'r Redactor,
    /// The end of what was seen, and the block behind it.
    window: Vec<u8>,
    /// Where the window begins.
    offset: u64,
}

impl<'r> Scanner<'r> {
    pub(super) fn new(redactor: &'r Redactor) -> Self {
        Self { redactor, window: Vec::new(), offset: 0 }
    }

    /// Looks at the next block; the first secret that ends in it.
    pub fn feed(&mut self, block: &[u8]) -> Option<Leak> {
        let index = self.redactor.secrets();
        // What could be the beginning of a secret is kept from block to block.
        let keep = index.longest().max(LONG) * 3 / 2 + CODED;
        let seen = self.window.len();
        self.window.extend_from_slice(block);
        let mut leak = None;
        index.find(&self.window, false, |hit| {
            let is_secret =
                || self.window.get(hit.start..hit.end).is_some_and(|text| !self.redactor.is_spared(text));
            if hit.end > seen && is_secret() {
                leak = Some(Leak { kind: hit.kind, offset: self.offset + hit.start as u64 });
            }
            leak.is_none()
        });
        self.redactor.coded(&index, &self.window, |range, kind| {
            if range.end > seen && leak.is_none() {
                leak = Some(Leak { kind, offset: self.offset + range.start as u64 });
            }
        });
        let cut = self.window.len().saturating_sub(keep);
        self.window.drain(..cut);
        self.offset += cut as u64;
        leak
    }

    /// Begins another stream: what follows is no part of what was seen.
    pub fn restart(&mut self) {
        self.window.clear();
        self.offset = 0;
    }
}
