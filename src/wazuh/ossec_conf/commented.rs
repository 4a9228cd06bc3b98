//! Blocks that stand in comments: the usual way to switch a response off, and to forget it.

use memchr::memmem;

use super::super::xml::{self, Document, Element, Span};

/// Which kind of block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BlockKind {
    /// `<command>`
    Command,
    /// `<active-response>`
    ActiveResponse,
}

impl BlockKind {
    pub(super) fn of(name: &[u8]) -> Option<Self> {
        match name {
            b"command" => Some(Self::Command),
            b"active-response" => Some(Self::ActiveResponse),
            _ => None,
        }
    }

    /// The name of the command that the block defines or uses.
    pub(super) fn command_name(self, block: &Element) -> Option<Vec<u8>> {
        let child = match self {
            Self::Command => "name",
            Self::ActiveResponse => "command",
        };
        block.children_named(child).last().map(|child| child.content.clone())
    }

    /// It has what it cannot do without.
    fn complete(self, block: &Element) -> bool {
        let has = |name| block.children_named(name).any(|child| !child.content.is_empty());
        match self {
            Self::Command => has("name") && has("executable"),
            Self::ActiveResponse => has("command") && has("location"),
        }
    }
}

/// One block inside a comment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommentedBlock {
    /// Which kind.
    pub kind: BlockKind,
    /// The block in the file, without the comment's marks.
    pub span: Span,
    /// Its line.
    pub line: u64,
    /// The name of the command it defines or uses.
    pub command_name: Option<Vec<u8>>,
    /// It would work: `<command>` and `<location>`, or `<name>` and `<executable>`.
    pub complete: bool,
}

/// Finds them. A `<command>` without children is a reference and no block.
pub(super) fn find(bytes: &[u8], document: &Document) -> Vec<CommentedBlock> {
    let mut found = Vec::new();
    for comment in &document.comments {
        let Some(text) = bytes.get(comment.span.start..comment.span.end) else {
            continue;
        };
        inside(text, comment.span.start, comment.line, &mut found);
    }
    found
}

fn inside(text: &[u8], base: usize, first_line: u64, found: &mut Vec<CommentedBlock>) {
    let mut line = first_line;
    let mut counted = 0;
    let mut at = 0;
    // Without a closing tag ahead there is no use in looking for it again.
    let mut closed = [true, true];
    while let Some(open) = memchr::memchr(b'<', text.get(at..).unwrap_or_default()) {
        let start = at + open;
        let rest = text.get(start..).unwrap_or_default();
        at = start + 1;
        let (kind, name, close, slot) = if rest.starts_with(b"<active-response") {
            (BlockKind::ActiveResponse, "active-response", "</active-response>", 0)
        } else if rest.starts_with(b"<command") {
            (BlockKind::Command, "command", "</command>", 1)
        } else {
            continue;
        };
        if !matches!(rest.get(name.len() + 1), Some(b'>' | b' ' | b'\t' | b'\r' | b'\n')) {
            continue;
        }
        let Some(open_slot) = closed.get_mut(slot).filter(|open| **open) else {
            continue;
        };
        let Some(length) = memmem::find(rest, close.as_bytes()).map(|end| end + close.len()) else {
            *open_slot = false;
            continue;
        };
        let Some(block) = rest.get(..length) else {
            continue;
        };
        at = start + length;
        let Some(element) = xml::parse(block).ok().and_then(|document| document.roots.into_iter().next())
        else {
            continue;
        };
        if element.children.is_empty() {
            continue;
        }
        line += newlines(text.get(counted..start).unwrap_or_default());
        counted = start;
        found.push(CommentedBlock {
            kind,
            span: Span { start: base + start, end: base + at },
            line,
            command_name: kind.command_name(&element),
            complete: kind.complete(&element),
        });
    }
}

fn newlines(text: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', text).fold(0, |count, _| count + 1)
}
