//! Wazuh's own XML reader, rebuilt to the byte.
//!
//! Wazuh does not read `ossec.conf` with an XML 1.0 parser but with OS_XML, which
//! has its own idea of comments, escapes, limits and line numbers.  [`parse`] accepts
//! and refuses exactly what OS_XML does, with the same message and the same line, and
//! adds what OS_XML throws away: where in the file everything stands.
//! [`second_opinion`] tells where an ordinary XML parser would read the same bytes
//! differently.
//!
//! Model: `src/os_xml/os_xml.c`, `os_xml_access.c` and `os_xml_node_access.c` of
//! Wazuh 4.14, as used by `OS_ReadXML` (reading a file, no truncation).

use std::borrow::Cow;
use std::cmp::Ordering;
use std::ops::Deref;

/// A text, a name or an attribute may not reach this many bytes
/// (`src/os_xml/os_xml_internal.h XML_MAXSIZE`, 4.14).
pub const MAX_TEXT: usize = 20_480;
/// Attributes separated by blanks beyond this index are refused
/// (`src/os_xml/os_xml_internal.h XML_MAX_ATTR_DEPTH`, 4.14).
pub const MAX_ATTRIBUTE_DEPTH: usize = 48;
/// Deepest nesting that is still read (`src/os_xml/os_xml.c _ReadElem`, 4.14).
pub const MAX_NESTING: usize = 1_024;
/// Bytes of an error text that survive: the buffer has 128, its size is passed to
/// `vsnprintf` less one, and the terminator takes one more
/// (`src/os_xml/os_xml.c xml_error`, 4.14).
pub const MAX_MESSAGE: usize = 126;
/// Longest path the path lookup follows (`src/os_xml/os_xml_access.c
/// _GetElementContent`, 4.14).
const MAX_PATH: usize = 16;
/// Names up to this length are looked at as a whole first; any number below [`MAX_TEXT`] will do.
const SHORT_NAME: usize = 64;
/// This byte turns into end-of-file once it was read ahead and put back: it is kept in
/// a signed `char` (`src/os_xml/os_xml.c _xml_ungetc`, `os_xml.h` `stash`, 4.14).
const FALSE_EOF: u8 = 0xff;

/// Half-open byte range in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// Behind the last byte.
    pub end: usize,
}

impl Span {
    /// The range from `start` to before `end`.
    pub fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }

    /// Number of bytes.
    pub fn len(&self) -> usize {
        self.end.saturating_sub(self.start)
    }

    /// Whether there is no byte in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the byte at this offset is in it.
    pub fn contains(&self, offset: usize) -> bool {
        self.start <= offset && offset < self.end
    }

    /// The bytes of the range; empty when it does not lie within `bytes`.
    pub fn slice<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        bytes.get(self.start..self.end).unwrap_or_default()
    }
}

/// One attribute as handed out by `OS_GetElementsbyNode`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute<T = Vec<u8>> {
    /// Cut at the first NUL.
    pub name: T,
    /// Cut at the first NUL, nothing decoded.
    pub value: T,
    /// From the first byte of the name to behind the closing quote.
    pub span: Span,
    /// Between the quotes.
    pub value_span: Span,
}

/// One element as handed out by `OS_GetElementsbyNode`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element<T = Vec<u8>> {
    /// Cut at the first NUL, may be empty.
    pub name: T,
    /// What OS_XML keeps: the text after the last child, without comments, cut at the
    /// first NUL, never trimmed and never decoded.
    pub content: T,
    /// Attributes up to the first one called `var` in any case, which hides itself and
    /// the rest.
    pub attributes: Vec<Attribute<T>>,
    /// Children as `OS_GetElementsbyNode` finds them.  Elements called `var` are not
    /// among them, but what stands inside such an element is adopted by the element
    /// before it, if that is of the right depth.
    pub children: Vec<Self>,
    /// Line OS_XML records: the one it had reached when the name ended.
    pub line: u64,
    /// From `<` of the start tag to behind `>` of the end tag.  For `<a />` the `>` is
    /// included although OS_XML takes it for text of the parent.
    pub span: Span,
    /// The name in the start tag, first to last kept byte.
    pub name_span: Span,
    /// First to last byte the content was built from; empty when there is none.
    pub content_span: Span,
    /// The whole start tag, from `<` to behind `>`.
    pub start_tag: Span,
    /// Written as `<a/>`.
    pub self_closed: bool,
    /// Index in OS_XML's flat list (`xml_node.key`).
    key: usize,
}

impl<T: Deref<Target = [u8]>> Element<T> {
    /// Children of exactly this name, as the `strcmp` chains in Wazuh's readers see them.
    pub fn children_named<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| *child.name == *name.as_bytes())
    }
}

/// One comment, new (`<!-- -->`) or old style (`<! !>`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Comment {
    /// From `<` to behind `>`.
    pub span: Span,
    /// Line of the `<`.
    pub line: u64,
}

/// Something called `var`, in any case: read, but invisible to every config reader
/// (`src/os_xml/os_xml.c _writememory`, 4.14).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invisible {
    /// The start tag's name or the attribute, as far as written.
    pub span: Span,
    /// Line OS_XML records.
    pub line: u64,
    /// An attribute, not an element.
    pub attribute: bool,
}

/// A file OS_XML accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document<T = Vec<u8>> {
    /// Root elements; OS_XML takes any number of them.
    pub roots: Vec<Element<T>>,
    /// All comments in file order.
    pub comments: Vec<Comment>,
    /// Elements and attributes called `var`, in file order.
    pub invisible: Vec<Invisible>,
    /// Where OS_XML took a byte 0xFF behind `\<` for the end of the file and silently
    /// ignored the rest.
    pub stopped_at: Option<usize>,
    /// OS_XML's flat list: kind and depth of everything it recorded.
    slots: Vec<Slot>,
}

/// Why OS_XML refuses a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// Text with the `XMLERR: ` prefix, cut where the C buffer cuts it.
    pub message: Vec<u8>,
    /// The line OS_XML names.
    pub line: u64,
    /// Where the reader stood when it noticed: behind the last byte it had used.
    pub offset: usize,
    /// Where a human should look.
    pub culprit: Option<Span>,
    /// Start tag of the innermost element that was open.
    pub open: Option<Span>,
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} (line {})", String::from_utf8_lossy(&self.message), self.line)
    }
}

impl std::error::Error for Error {}

/// What an entry of the flat list is (`src/os_xml/os_xml.h XML_TYPE`, 4.14).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Element,
    Attribute,
    Variable,
}

/// Entry of the flat list: `tp` and `rl` of OS_XML.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Slot {
    kind: Kind,
    depth: u16,
}

/// Reads a file the way `OS_ReadXML` does (`src/os_xml/os_xml.c`, 4.14).
pub fn parse(bytes: &[u8]) -> Result<Document, Error> {
    Reader::new(bytes).read()
}

/// Like [`parse`], but names and texts stay in `bytes` where they stand there in one piece.
pub fn parse_in_place(bytes: &[u8]) -> Result<Document<Cow<'_, [u8]>>, Error> {
    Reader::new(bytes).read()
}

/// Whether OS_XML accepts a file, without keeping what is in it.
pub fn check(bytes: &[u8]) -> Result<(), Error> {
    let reader: Reader<'_, Cow<'_, [u8]>> = Reader { keeps: false, ..Reader::new(bytes) };
    reader.read().map(drop)
}

/// What the reader is about to meet (`location` in `src/os_xml/os_xml.c _ReadElem`).
enum Phase {
    /// Between root elements.
    Outside,
    /// Behind the `<` at this offset.
    StartTag(usize),
    /// In the text of the innermost open element.
    Text,
}

/// An element whose end tag has not been met.
struct Frame<T> {
    owner: Owner<T>,
    start_tag: Span,
}

enum Owner<T> {
    /// Index in `Reader::spine`.
    Visible(usize),
    /// Called `var`; this is how it was spelt.
    Variable(T),
}

/// An element that may still get children, because nothing of its depth or less deep
/// has followed yet.
struct Limb<T> {
    element: Element<T>,
    depth: usize,
    /// Whether the element before it of lesser depth is really its parent.
    attached: bool,
}

/// Stretches of the file that make up one text, with the comments between left out.
struct Runs {
    runs: Vec<Span>,
    /// No NUL stands anywhere in the file.
    no_nul: bool,
}

impl Runs {
    fn clear(&mut self) {
        self.runs.clear();
    }

    fn push(&mut self, start: usize, end: usize) {
        if start < end {
            self.runs.push(Span { start, end });
        }
    }

    fn last_byte(&self, bytes: &[u8]) -> Option<u8> {
        let last = self.runs.last()?;
        bytes.get(last.end.checked_sub(1)?).copied()
    }

    fn drop_last_byte(&mut self) {
        if let Some(last) = self.runs.last_mut() {
            last.end -= 1;
            if last.is_empty() {
                self.runs.pop();
            }
        }
    }

    /// The text as a C string, and where it stands.
    fn collect<'b>(&self, bytes: &'b [u8], empty_at: usize) -> (Cow<'b, [u8]>, Span) {
        if self.no_nul
            && let [run] = self.runs.as_slice()
        {
            return (Cow::Borrowed(run.slice(bytes)), *run);
        }
        let mut text: Cow<'b, [u8]> = Cow::Borrowed(&[]);
        let mut span = Span { start: empty_at, end: empty_at };
        for run in &self.runs {
            let whole = run.slice(bytes);
            let kept = until_nul(whole);
            if text.is_empty() {
                text = Cow::Borrowed(kept);
                span.start = run.start;
                span.end = run.start;
            } else if !kept.is_empty() {
                text.to_mut().extend_from_slice(kept);
            }
            if !kept.is_empty() {
                span.end = run.start + kept.len();
            }
            if kept.len() < whole.len() {
                break;
            }
        }
        (text, span)
    }
}

/// An empty text.
fn nothing<'a, T: From<Cow<'a, [u8]>>>() -> T {
    T::from(Cow::Borrowed(&[]))
}

/// The part of a buffer a C string function sees.
fn until_nul(bytes: &[u8]) -> &[u8] {
    match memchr::memchr(0, bytes) {
        Some(end) => bytes.get(..end).unwrap_or_default(),
        None => bytes,
    }
}

/// `isspace` of the C locale.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// `strcasecmp(XML_VAR, name) == 0` (`src/os_xml/os_xml.c _writememory`, 4.14).
fn is_variable(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"var")
}

/// Counts newlines up to positions that never move back.
struct Lines<'a> {
    bytes: &'a [u8],
    line: u64,
    upto: usize,
}

impl Lines<'_> {
    fn at(&mut self, offset: usize) -> u64 {
        if let Some(passed) = self.bytes.get(self.upto..offset) {
            let newlines = if passed.len() < 64 {
                passed.iter().filter(|&&byte| byte == b'\n').count()
            } else {
                memchr::memchr_iter(b'\n', passed).count()
            };
            self.line += newlines as u64;
            self.upto = offset;
        }
        self.line
    }
}

/// How a start tag ended.
struct TagEnd<T> {
    closed: bool,
    attributes: Vec<Attribute<T>>,
}

struct Reader<'a, T> {
    bytes: &'a [u8],
    /// Next byte OS_XML would get; what it puts back is simply not passed over.
    pos: usize,
    lines: Lines<'a>,
    frames: Vec<Frame<T>>,
    spine: Vec<Limb<T>>,
    runs: Runs,
    roots: Vec<Element<T>>,
    comments: Vec<Comment>,
    invisible: Vec<Invisible>,
    slots: Vec<Slot>,
    stopped_at: Option<usize>,
    /// Whether the tree is wanted, not only the verdict.
    keeps: bool,
}

impl<'a, T: Deref<Target = [u8]> + From<Cow<'a, [u8]>>> Reader<'a, T> {
    fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            pos: 0,
            lines: Lines { bytes, line: 1, upto: 0 },
            frames: Vec::new(),
            spine: Vec::new(),
            runs: Runs { runs: Vec::new(), no_nul: memchr::memchr(0, bytes).is_none() },
            roots: Vec::new(),
            comments: Vec::new(),
            invisible: Vec::new(),
            slots: Vec::new(),
            stopped_at: None,
            keeps: true,
        }
    }

    fn read(mut self) -> Result<Document<T>, Error> {
        let mut phase = Phase::Outside;
        loop {
            phase = match phase {
                Phase::Outside => match self.outside()? {
                    Some(tag) => Phase::StartTag(tag),
                    None => break,
                },
                Phase::StartTag(tag) => self.start_tag(tag)?,
                Phase::Text => self.text()?,
            };
        }
        self.prune(0);
        Ok(Document {
            roots: self.roots,
            comments: self.comments,
            invisible: self.invisible,
            stopped_at: self.stopped_at,
            slots: self.slots,
        })
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.pos).copied()
    }

    /// The next byte, for places where OS_XML reads the file directly.
    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.pos += 1;
        Some(byte)
    }

    /// The next byte where OS_XML has looked at it before and put it back.
    fn next_put_back(&mut self) -> Option<u8> {
        self.next().filter(|&byte| byte != FALSE_EOF)
    }

    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.pos..).unwrap_or_default()
    }

    /// Notes an error at the current position (`src/os_xml/os_xml.c xml_error`, 4.14).
    fn fail(&mut self, parts: &[&[u8]], culprit: Option<Span>) -> Error {
        let mut message = b"XMLERR: ".to_vec();
        for part in parts {
            let room = MAX_MESSAGE.saturating_sub(message.len());
            message.extend(part.iter().take(room));
        }
        Error {
            message,
            line: self.lines.at(self.pos),
            offset: self.pos,
            culprit,
            open: self.frames.last().map(|frame| frame.start_tag),
        }
    }

    fn fail_eof(&mut self, culprit: Option<Span>) -> Error {
        self.fail(&[b"End of file and some elements were not closed."], culprit)
    }

    /// From `start` to the end of its line, but not beyond `>`: what a person would take
    /// for the tag that begins there.
    fn tag_from(&self, start: usize) -> Span {
        let rest = self.bytes.get(start..).unwrap_or_default();
        let rest = rest.get(..MAX_TEXT).unwrap_or(rest);
        let end = match memchr::memchr2(b'>', b'\n', rest) {
            Some(at) if rest.get(at) == Some(&b'>') => at + 1,
            Some(at) => at,
            None => rest.len(),
        };
        Span { start, end: start + end }
    }

    /// Between root elements: anything but a tag is skipped.  Returns the offset of the
    /// `<` of the next root (`src/os_xml/os_xml.c _ReadElem`, location -1, 4.14).
    fn outside(&mut self) -> Result<Option<usize>, Error> {
        let mut escaped = false;
        loop {
            let rest = self.rest();
            let Some(skip) = memchr::memchr2(b'<', b'\\', rest) else {
                self.pos = self.bytes.len();
                return Ok(None);
            };
            if skip > 0 {
                escaped = false;
            }
            let at = self.pos + skip;
            self.pos = at + 1;
            if rest.get(skip) == Some(&b'\\') {
                escaped = !escaped;
                continue;
            }
            if self.peek() == Some(b'!') {
                self.comment(at)?;
            } else if escaped {
                escaped = false;
                if self.peek() == Some(FALSE_EOF) {
                    self.stopped_at = Some(self.pos);
                    return Ok(None);
                }
            } else if self.peek() == Some(b'/') {
                self.pos += 1;
                let culprit = self.tag_from(at);
                return Err(self.fail(&[b"Element not opened."], Some(culprit)));
            } else {
                return Ok(Some(at));
            }
        }
    }

    /// Passes over a comment.  It begins with `<!` and ends with `!>` or `-->`, and the
    /// `!` that opens it may not end it (`src/os_xml/os_xml.c _oscomment`, 4.14).
    fn comment(&mut self, start: usize) -> Result<(), Error> {
        let line = self.lines.at(start);
        self.pos = start + 2;
        loop {
            let rest = self.rest();
            let Some(skip) = memchr::memchr2(b'!', b'-', rest) else {
                self.pos = self.bytes.len();
                break;
            };
            self.pos += skip + 1;
            let done = match (rest.get(skip), rest.get(skip + 1), rest.get(skip + 2)) {
                (_, Some(&FALSE_EOF), _) => {
                    self.pos += 1;
                    break;
                }
                (Some(b'!'), Some(b'>'), _) => Some(1),
                (Some(b'-'), Some(b'-'), Some(b'>')) => Some(2),
                _ => None,
            };
            if let Some(more) = done {
                self.pos += more;
                let span = Span { start, end: self.pos };
                self.comments.push(Comment { span, line });
                return Ok(());
            }
        }
        let opening: &[u8] = b"<!--";
        let width = if self.bytes.get(start..start + 4) == Some(opening) { 4 } else { 2 };
        let culprit = Span { start, end: start + width };
        Err(self.fail(&[b"Comment not closed."], Some(culprit)))
    }

    /// Reads the name behind `<` or `</` into `self.runs`, up to and over the byte that
    /// ends it, and returns that byte (`src/os_xml/os_xml.c _ReadElem`, locations 0
    /// and 2, 4.14).
    fn name(&mut self, tag: usize, ends: impl Fn(u8) -> bool) -> Result<u8, Error> {
        self.runs.clear();
        let mut run = self.pos;
        // Nearly all are short, and nothing odd is in them.
        let window = self.rest();
        let window = window.get(..SHORT_NAME).unwrap_or(window);
        let plain = window.iter().position(|&byte| ends(byte) || matches!(byte, b'<' | FALSE_EOF));
        if let Some(length) = plain
            && let Some(&end) = window.get(length)
            && ends(end)
        {
            self.pos += length + 1;
            self.runs.push(run, self.pos - 1);
            return Ok(end);
        }
        let mut count = 0;
        // In a start tag the first byte was looked at together with the `<`.
        let mut looked_ahead = self.pos == tag + 1;
        loop {
            let next = if looked_ahead { self.next_put_back() } else { self.next() };
            looked_ahead = false;
            let Some(byte) = next else {
                let culprit = self.tag_from(tag);
                return Err(self.fail_eof(Some(culprit)));
            };
            if count >= MAX_TEXT {
                let culprit = self.tag_from(tag);
                return Err(self.fail(&[b"String overflow."], Some(culprit)));
            }
            if byte == b'<' {
                let at = self.pos - 1;
                if self.peek() == Some(b'!') {
                    self.runs.push(run, at);
                    self.comment(at)?;
                    run = self.pos;
                    continue;
                }
                looked_ahead = true;
            } else if ends(byte) {
                self.runs.push(run, self.pos - 1);
                return Ok(byte);
            }
            count += 1;
        }
    }

    /// Reads a start tag behind its `<`.
    fn start_tag(&mut self, tag: usize) -> Result<Phase, Error> {
        let depth = self.frames.len();
        let end = self.name(tag, |byte| byte == b'>' || is_space(byte))?;
        let slash = self.runs.last_byte(self.bytes) == Some(b'/');
        if slash {
            self.runs.drop_last_byte();
        }
        let (name, name_span) = self.runs.collect(self.bytes, tag + 1);
        let name = T::from(name);
        let line = self.lines.at(self.pos);
        let variable = is_variable(&name);
        let key = self.slots.len();
        self.slots
            .push(Slot { kind: if variable { Kind::Variable } else { Kind::Element }, depth: depth as u16 });
        if variable {
            self.invisible.push(Invisible { span: name_span, line, attribute: false });
        }
        let tag_end = if end == b'>' {
            TagEnd { closed: false, attributes: Vec::new() }
        } else {
            self.attributes(tag, name.is_empty())?
        };
        let self_closed = slash || tag_end.closed;
        let mut start_tag = Span { start: tag, end: self.pos };
        if tag_end.closed && self.peek() == Some(b'>') {
            // OS_XML leaves this one for the parent's text.
            start_tag.end += 1;
        }
        let owner = if variable {
            Owner::Variable(name)
        } else {
            let empty = Span { start: start_tag.end, end: start_tag.end };
            let element = Element {
                name,
                content: nothing(),
                attributes: tag_end.attributes,
                children: Vec::new(),
                line,
                span: start_tag,
                name_span,
                content_span: empty,
                start_tag,
                self_closed,
                key,
            };
            Owner::Visible(self.grow(element, depth))
        };
        if !self_closed {
            self.frames.push(Frame { owner, start_tag });
        }
        Ok(self.after_tag())
    }

    /// What follows a complete tag.
    fn after_tag(&self) -> Phase {
        if self.frames.is_empty() { Phase::Outside } else { Phase::Text }
    }

    /// Adds a new element behind all others and returns its place on the spine.
    fn grow(&mut self, element: Element<T>, depth: usize) -> usize {
        self.prune(depth);
        let attached = match self.spine.last() {
            Some(limb) => limb.depth + 1 == depth,
            None => depth == 0,
        };
        self.spine.push(Limb { element, depth, attached });
        self.spine.len() - 1
    }

    /// Hands elements that cannot get children any more to their parents.  The parent is
    /// not the element around them but the last one before them that is less deep, and
    /// only if it is exactly one level up (`src/os_xml/os_xml_node_access.c
    /// OS_GetElementsbyNode`, 4.14).
    fn prune(&mut self, depth: usize) {
        while self.spine.last().is_some_and(|limb| limb.depth >= depth) {
            let Some(limb) = self.spine.pop() else { return };
            if limb.attached && self.keeps {
                match self.spine.last_mut() {
                    Some(parent) => parent.element.children.push(limb.element),
                    None => self.roots.push(limb.element),
                }
            }
        }
    }

    /// Reads the text of the innermost open element up to its end tag or to a child.
    /// Every child starts the text anew (`src/os_xml/os_xml.c _ReadElem`, location 1,
    /// 4.14).
    fn text(&mut self) -> Result<Phase, Error> {
        self.runs.clear();
        let begin = self.pos;
        let mut run = begin;
        let mut count = 0;
        let mut escaped = false;
        loop {
            let rest = self.rest();
            let room = MAX_TEXT - count + 1;
            let window = rest.get(..room).unwrap_or(rest);
            let Some(skip) = memchr::memchr2(b'<', b'\\', window) else {
                self.pos += window.len();
                let culprit = self.frames.last().map(|frame| frame.start_tag);
                return Err(if window.len() == room {
                    self.fail(&[b"String overflow."], culprit)
                } else {
                    self.fail_eof(culprit)
                });
            };
            if skip > 0 {
                escaped = false;
            }
            count += skip;
            let at = self.pos + skip;
            self.pos = at + 1;
            if count >= MAX_TEXT {
                let culprit = self.frames.last().map(|frame| frame.start_tag);
                return Err(self.fail(&[b"String overflow."], culprit));
            }
            if window.get(skip) == Some(&b'\\') {
                escaped = !escaped;
                count += 1;
                continue;
            }
            match self.peek() {
                Some(b'!') => {
                    self.runs.push(run, at);
                    self.comment(at)?;
                    run = self.pos;
                }
                ahead if escaped => {
                    escaped = false;
                    count += 1;
                    if ahead == Some(FALSE_EOF) {
                        self.pos += 1;
                        let culprit = self.frames.last().map(|frame| frame.start_tag);
                        return Err(self.fail_eof(culprit));
                    }
                }
                Some(b'/') => {
                    self.runs.push(run, at);
                    self.pos += 1;
                    let (content, span) = if self.keeps {
                        let (content, span) = self.runs.collect(self.bytes, begin);
                        (T::from(content), span)
                    } else {
                        (nothing(), Span { start: begin, end: begin })
                    };
                    return self.end_tag(at, content, span);
                }
                _ => {
                    if self.frames.len() >= MAX_NESTING {
                        self.pos = at;
                        let culprit = self.tag_from(at);
                        return Err(self.fail(&[b"Max recursion level reached"], Some(culprit)));
                    }
                    return Ok(Phase::StartTag(at));
                }
            }
        }
    }

    /// Reads an end tag behind its `</` and closes the innermost open element.
    fn end_tag(&mut self, tag: usize, content: T, span: Span) -> Result<Phase, Error> {
        self.name(tag, |byte| byte == b'>')?;
        let (closing, _) = self.runs.collect(self.bytes, tag + 2);
        let Some(frame) = self.frames.pop() else {
            return Ok(Phase::Outside);
        };
        let matches = match &frame.owner {
            Owner::Visible(place) => {
                self.spine.get(*place).is_some_and(|limb| *limb.element.name == *closing)
            }
            Owner::Variable(name) => **name == *closing,
        };
        if !matches {
            return Err(self.wrong_end(tag, &closing, frame));
        }
        if let Owner::Visible(place) = frame.owner
            && let Some(limb) = self.spine.get_mut(place)
        {
            limb.element.content = content;
            limb.element.content_span = span;
            limb.element.span.end = self.pos;
        }
        Ok(self.after_tag())
    }

    /// The end tag does not name the innermost open element.  If it names one further
    /// out, the inner one was forgotten; if not, the end tag itself is wrong.
    fn wrong_end(&mut self, tag: usize, closing: &[u8], frame: Frame<T>) -> Error {
        let name_of = |frame: &Frame<T>| match &frame.owner {
            Owner::Visible(place) => {
                self.spine.get(*place).map(|limb| limb.element.name.to_vec()).unwrap_or_default()
            }
            Owner::Variable(name) => name.to_vec(),
        };
        let name = name_of(&frame);
        let further_out = self.frames.iter().rev().any(|outer| name_of(outer) == closing);
        let culprit = if further_out { frame.start_tag } else { Span { start: tag, end: self.pos } };
        self.frames.push(frame);
        self.fail(&[b"Element '", &name, b"' not closed."], Some(culprit))
    }

    /// Reads the attributes behind the blank that ended the element's name
    /// (`src/os_xml/os_xml.c _getattributes`, 4.14).
    fn attributes(&mut self, tag: usize, nameless: bool) -> Result<TagEnd<T>, Error> {
        let depth = self.frames.len() as u16;
        let mut found: Vec<Attribute<T>> = Vec::new();
        // Attributes from here on are hidden, because one called `var` came before.
        let mut visible = None;
        // The search for a name used twice goes back to the last one called `var`.
        let mut comparable = 0;
        let mut nesting = 0;
        let closed = loop {
            if nesting > MAX_ATTRIBUTE_DEPTH {
                let culprit = Span { start: tag, end: self.pos };
                return Err(self.fail(&[b"Too many attributes."], Some(culprit)));
            }
            let Some((name_start, raw_name)) = self.attribute_name(tag, nameless)? else {
                break self.bytes.get(self.pos.saturating_sub(1)) == Some(&b'/');
            };
            let name = until_nul(raw_name);
            // With a nameless element it is the `<` that should not be there.
            let blame = if nameless { tag } else { name_start };
            let twice =
                found.get(comparable..).unwrap_or_default().iter().any(|attribute| *attribute.name == *name);
            if twice {
                let culprit = Span { start: name_start, end: self.pos };
                return Err(self.fail(&[b"Attribute '", name, b"' already defined."], Some(culprit)));
            }
            let quote = self.opening_quote(name, blame)?;
            let raw_value = self.attribute_value(name, quote, blame)?;
            let value = until_nul(raw_value);
            let variable = is_variable(name);
            let line = self.lines.at(self.pos);
            let span = Span { start: name_start, end: self.pos };
            self.slots.push(Slot { kind: if variable { Kind::Variable } else { Kind::Attribute }, depth });
            let value_end = self.pos - 1;
            found.push(Attribute {
                name: T::from(Cow::Borrowed(name)),
                value: T::from(Cow::Borrowed(value)),
                span,
                value_span: Span { start: value_end - raw_value.len(), end: value_end },
            });
            if variable {
                self.invisible.push(Invisible { span, line, attribute: true });
                visible = visible.or(Some(found.len() - 1));
                comparable = found.len();
            }
            match self.next() {
                Some(byte) if is_space(byte) => nesting += 1,
                Some(b'>') => break false,
                Some(b'/') => break true,
                _ => {
                    let culprit = Span { start: blame, end: self.pos };
                    let parts: [&[u8]; 5] = [b"Bad attribute closing for '", name, b"'='", value, b"'."];
                    return Err(self.fail(&parts, Some(culprit)));
                }
            }
        };
        if let Some(visible) = visible {
            found.truncate(visible);
        }
        Ok(TagEnd { closed, attributes: found })
    }

    /// Reads up to and over the `=` of an attribute, or, where none follows, over the
    /// `>` or `/` that ends the tag.
    fn attribute_name(&mut self, tag: usize, nameless: bool) -> Result<Option<(usize, &'a [u8])>, Error> {
        while self.peek().is_some_and(is_space) {
            self.pos += 1;
        }
        let start = self.pos;
        let blame = if nameless { tag } else { start };
        loop {
            let Some(byte) = self.next() else {
                let blame = if start == self.pos { tag } else { blame };
                return Err(self.eof_in_attribute(blame));
            };
            let end = self.pos - 1;
            let name = self.bytes.get(start..end).unwrap_or_default();
            if name.len() >= MAX_TEXT {
                return Err(self.attribute_overflow(name, blame));
            }
            let valueless = match byte {
                b'=' => return Ok(Some((start, name))),
                b'>' | b'/' if name.is_empty() => return Ok(None),
                b'>' | b'/' => true,
                _ => is_space(byte),
            };
            if valueless {
                let culprit = Span { start: blame, end };
                let parts: [&[u8]; 3] = [b"Attribute '", until_nul(name), b"' has no value."];
                return Err(self.fail(&parts, Some(culprit)));
            }
        }
    }

    /// Reads the quote behind `=`; blanks may come before it.
    fn opening_quote(&mut self, name: &[u8], blame: usize) -> Result<u8, Error> {
        let quote = loop {
            match self.next() {
                Some(byte) if is_space(byte) => {}
                other => break other,
            }
        };
        match quote {
            Some(quote @ (b'"' | b'\'')) => Ok(quote),
            _ => {
                let culprit = Span { start: blame, end: self.pos };
                let parts: [&[u8]; 3] = [b"Attribute '", name, b"' not followed by a \" or '."];
                Err(self.fail(&parts, Some(culprit)))
            }
        }
    }

    /// Reads an attribute's value and the quote that ends it.
    fn attribute_value(&mut self, name: &[u8], quote: u8, blame: usize) -> Result<&'a [u8], Error> {
        let rest = self.rest();
        let window = rest.get(..=MAX_TEXT).unwrap_or(rest);
        let end = memchr::memchr2(quote, b'>', window).unwrap_or(window.len());
        if end >= MAX_TEXT && window.len() > MAX_TEXT {
            self.pos += MAX_TEXT + 1;
            return Err(self.attribute_overflow(name, blame));
        }
        match window.get(end) {
            None => {
                self.pos += end;
                Err(self.eof_in_attribute(blame))
            }
            Some(b'>') => {
                self.pos += end + 1;
                let culprit = Span { start: blame, end: self.pos };
                let parts: [&[u8]; 3] = [b"Attribute '", name, b"' not closed."];
                Err(self.fail(&parts, Some(culprit)))
            }
            Some(_) => {
                self.pos += end + 1;
                Ok(window.get(..end).unwrap_or_default())
            }
        }
    }

    fn eof_in_attribute(&mut self, blame: usize) -> Error {
        let culprit = self.tag_from(blame);
        self.fail(&[b"End of file while reading an attribute."], Some(culprit))
    }

    fn attribute_overflow(&mut self, name: &[u8], blame: usize) -> Error {
        let name = until_nul(name);
        let shown = name.get(..20).unwrap_or(name);
        let culprit = self.tag_from(blame);
        self.fail(&[b"Overflow attempt at attribute '", shown, b"'."], Some(culprit))
    }
}

impl Document {
    /// All elements in file order, with their index in OS_XML's flat list.
    fn preorder(&self) -> Preorder<'_> {
        Preorder { stack: vec![self.roots.iter()] }
    }

    /// The element whose content `OS_GetOneContentforElement` returns for this path
    /// (`src/os_xml/os_xml_access.c`, 4.14).
    pub fn one_content<'a>(&'a self, path: &[&str]) -> Option<&'a Element> {
        self.contents_up_to(path, 1).into_iter().next()
    }

    /// The elements whose contents `OS_GetElementContent` returns for this path
    /// (`src/os_xml/os_xml_access.c _GetElementContent`, 4.14).
    ///
    /// The lookup is not a search of the tree: it walks the flat list with a counter of
    /// matched levels.  An attribute of a matched element resets the counter, so that
    /// nothing below that element is found.  In each root only the first element of a
    /// matching name is entered, unless the whole path has just been found.
    pub fn contents<'a>(&'a self, path: &[&str]) -> Vec<&'a Element> {
        self.contents_up_to(path, usize::MAX)
    }

    fn contents_up_to<'a>(&'a self, path: &[&str], limit: usize) -> Vec<&'a Element> {
        let mut found = Vec::new();
        let mut level = 0;
        let mut matched = false;
        let mut elements = self.preorder().peekable();
        for (key, slot) in self.slots.iter().enumerate() {
            if path.get(level).is_none() && !matched {
                break;
            }
            if level > MAX_PATH {
                return Vec::new();
            }
            let mut element = None;
            while let Some(next) = elements.next_if(|next| next.key <= key) {
                element = Some(next);
            }
            let element = element.filter(|element| element.key == key);
            let depth = usize::from(slot.depth);
            if level > depth {
                // The entry is looked at again from the top level, where it matters
                // only if it is a root.
                level = 0;
                matched = false;
                if path.is_empty() {
                    break;
                }
            }
            if slot.kind != Kind::Element || depth != level {
                continue;
            }
            let (Some(element), Some(wanted)) = (element, path.get(level)) else {
                continue;
            };
            if element.name != wanted.as_bytes() {
                continue;
            }
            level += 1;
            matched = true;
            if level == path.len() {
                found.push(element);
                // Past the depth limit the real lookup throws everything away when it
                // takes its next step, so it may not stop early there.
                if found.len() >= limit && path.len() <= MAX_PATH {
                    break;
                }
                if let Some(next) = self.slots.get(key + 1)
                    && next.kind == Kind::Element
                {
                    level = usize::from(next.depth);
                }
            }
        }
        found
    }

    /// The element execd takes its `repeated_offenders` from: the first one in the first
    /// `active-response` that has one, whatever the root is called
    /// (`src/os_execd/config.c ExecdConfig`, 4.14).
    pub fn repeated_offenders(&self) -> Option<&Element> {
        self.roots
            .iter()
            .flat_map(|root| root.children_named("active-response"))
            .find_map(|response| response.children_named("repeated_offenders").next())
    }

    /// All visible elements in file order.
    pub fn elements(&self) -> impl Iterator<Item = &Element> {
        self.preorder()
    }

    /// The innermost visible element whose span holds this offset.
    pub fn element_at(&self, offset: usize) -> Option<&Element> {
        let mut best = None;
        let mut level = &self.roots;
        loop {
            let inside = level.iter().find(|element| element.span.contains(offset));
            match inside {
                Some(element) => {
                    best = Some(element);
                    level = &element.children;
                }
                None => return best,
            }
        }
    }
}

/// Walks the tree without recursion.
struct Preorder<'a> {
    stack: Vec<std::slice::Iter<'a, Element>>,
}

impl<'a> Iterator for Preorder<'a> {
    type Item = &'a Element;

    fn next(&mut self) -> Option<&'a Element> {
        loop {
            match self.stack.last_mut()?.next() {
                Some(element) => {
                    if !element.children.is_empty() {
                        self.stack.push(element.children.iter());
                    }
                    return Some(element);
                }
                None => {
                    self.stack.pop();
                }
            }
        }
    }
}

/// Finds lines and columns in a file.
#[derive(Clone, Debug)]
pub struct LineIndex {
    /// Where each line starts.
    starts: Vec<usize>,
    length: usize,
}

impl LineIndex {
    /// Notes where the lines of a file begin.
    pub fn new(bytes: &[u8]) -> Self {
        let mut starts = vec![0];
        starts.extend(memchr::memchr_iter(b'\n', bytes).map(|at| at + 1));
        Self { starts, length: bytes.len() }
    }

    /// Line and column of an offset, both counted from 1, the column in bytes.  An
    /// offset behind the end counts as the end.
    pub fn line_col(&self, offset: usize) -> (u64, u64) {
        let offset = offset.min(self.length);
        let line = self.starts.partition_point(|&start| start <= offset).max(1);
        let start = self.starts.get(line - 1).copied().unwrap_or(0);
        (line as u64, (offset - start) as u64 + 1)
    }

    /// The bytes of a line (counted from 1) without its newline; empty and at the end
    /// of the file when there is no such line.
    pub fn line_span(&self, line: u64) -> Span {
        let index = usize::try_from(line).ok().and_then(|line| line.checked_sub(1));
        let nowhere = Span { start: self.length, end: self.length };
        let Some(index) = index else { return nowhere };
        let Some(&start) = self.starts.get(index) else {
            return nowhere;
        };
        let end = self.starts.get(index + 1).map_or(self.length, |next| next - 1);
        Span { start, end }
    }

    /// Number of lines, an unfinished or empty last one included.
    pub fn lines(&self) -> u64 {
        self.starts.len() as u64
    }
}

/// What an ordinary XML 1.0 parser makes of a file OS_XML accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecondOpinion {
    /// Reads the same.
    Agrees,
    /// Does not read it at all.
    Refuses {
        /// The parser's words.
        message: String,
        /// Counted from 1.
        line: u64,
        /// Counted from 1.
        column: u64,
    },
    /// Reads something else.
    Misreads(Vec<Misreading>),
}

/// One difference between the two readings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misreading {
    /// In what the readings differ.
    pub kind: MisreadingKind,
    /// The element, or the attribute's value.
    pub span: Span,
    /// Name of the element.
    pub element: Vec<u8>,
    /// What Wazuh reads.
    pub wazuh: Vec<u8>,
    /// What an ordinary parser reads.
    pub ordinary: Vec<u8>,
}

/// In what two readings differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MisreadingKind {
    /// The names differ.
    Name,
    /// The texts of an element without children differ.
    Text,
    /// An element with children has text of its own, of which Wazuh keeps only what
    /// follows the last child.
    MixedText,
    /// The value of an attribute differs, or only one of the two sees it.
    Attribute,
    /// Only Wazuh sees this element here.
    OnlyWazuh,
    /// Only an ordinary parser sees this element here.
    OnlyOrdinary,
}

/// Second opinion: what an ordinary XML 1.0 parser thinks of the same bytes.
///
/// `doc` must be what [`parse`] made of `bytes`.
pub fn second_opinion(bytes: &[u8], doc: &Document) -> SecondOpinion {
    match std::str::from_utf8(bytes) {
        Ok(text) => compare(text, 0, bytes, doc),
        Err(error) => not_utf8(bytes, &error),
    }
}

/// Like [`second_opinion`], but with one element put around the whole file first, so
/// that several roots, which Wazuh allows, do not end the matter.
pub fn second_opinion_wrapped(bytes: &[u8], doc: &Document) -> SecondOpinion {
    const OPEN: &str = "<wrap>";
    let body = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match std::str::from_utf8(body) {
        Ok(text) => {
            let text = format!("{OPEN}{text}</wrap>");
            let cut = bytes.len() - body.len();
            compare(&text, OPEN.len() as isize - cut as isize, bytes, doc)
        }
        Err(_) => match std::str::from_utf8(bytes) {
            Err(error) => not_utf8(bytes, &error),
            Ok(_) => SecondOpinion::Agrees,
        },
    }
}

fn not_utf8(bytes: &[u8], error: &std::str::Utf8Error) -> SecondOpinion {
    let (line, column) = LineIndex::new(bytes).line_col(error.valid_up_to());
    SecondOpinion::Refuses { message: "the file is not valid UTF-8".to_owned(), line, column }
}

/// Moves an offset in the text given to roxmltree to the file.
fn moved(offset: usize, shift: isize) -> usize {
    offset.checked_add_signed(-shift).unwrap_or(0)
}

fn compare(text: &str, shift: isize, bytes: &[u8], doc: &Document) -> SecondOpinion {
    let options = roxmltree::ParsingOptions { allow_dtd: true, ..Default::default() };
    let tree = match roxmltree::Document::parse_with_options(text, options) {
        Ok(tree) => tree,
        Err(error) => {
            let at = error.pos();
            let index = LineIndex::new(bytes);
            let (mut line, mut column) = (u64::from(at.row), u64::from(at.col));
            if shift != 0 && line == 1 {
                column = column.saturating_sub(shift.max(0) as u64).max(1);
            }
            if line > index.lines() {
                (line, column) = index.line_col(bytes.len());
            }
            return SecondOpinion::Refuses { message: error.to_string(), line, column };
        }
    };
    let mut out = Vec::new();
    let top: Vec<_> = if shift == 0 {
        vec![tree.root_element()]
    } else {
        tree.root_element().children().filter(|node| node.is_element()).collect()
    };
    let mut work: Vec<(&Element, roxmltree::Node<'_, '_>)> = Vec::new();
    align(&doc.roots, top, text, shift, &mut work, &mut out);
    while let Some((element, node)) = work.pop() {
        let name = qualified_name(text, &node);
        if element.name != name.as_bytes() {
            out.push(Misreading {
                kind: MisreadingKind::Name,
                span: element.span,
                element: element.name.clone(),
                wazuh: element.name.clone(),
                ordinary: name.as_bytes().to_vec(),
            });
        }
        compare_attributes(element, &node, text, shift, &mut out);
        let children: Vec<_> = node.children().filter(|child| child.is_element()).collect();
        let ordinary: String =
            node.children().filter(|child| child.is_text()).filter_map(|child| child.text()).collect();
        let leaf = element.children.is_empty() && children.is_empty();
        let (own, other) = (element.content.trim_ascii(), ordinary.as_bytes().trim_ascii());
        let difference = if leaf {
            (element.content != ordinary.as_bytes()).then_some(MisreadingKind::Text)
        } else {
            // Next to children, blanks say nothing, and nobody reads what `<a />` leaks.
            (!other.is_empty() && own != other).then_some(MisreadingKind::MixedText)
        };
        if let Some(kind) = difference {
            out.push(Misreading {
                kind,
                span: element.span,
                element: element.name.clone(),
                wazuh: element.content.clone(),
                ordinary: ordinary.into_bytes(),
            });
        }
        align(&element.children, children, text, shift, &mut work, &mut out);
    }
    if out.is_empty() {
        SecondOpinion::Agrees
    } else {
        out.sort_by_key(|misreading| misreading.span);
        SecondOpinion::Misreads(out)
    }
}

/// Pairs elements that begin at the same place and reports those without a partner.
fn align<'a, 'd, 'i>(
    elements: &'a [Element],
    nodes: Vec<roxmltree::Node<'d, 'i>>,
    text: &str,
    shift: isize,
    work: &mut Vec<(&'a Element, roxmltree::Node<'d, 'i>)>,
    out: &mut Vec<Misreading>,
) {
    let mut left = elements.iter().peekable();
    let mut right = nodes.into_iter().peekable();
    loop {
        let order = match (left.peek(), right.peek()) {
            (None, None) => return,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(element), Some(node)) => element.span.start.cmp(&moved(node.range().start, shift)),
        };
        let element = if order != Ordering::Greater { left.next() } else { None };
        let node = if order != Ordering::Less { right.next() } else { None };
        match (element, node) {
            (Some(element), Some(node)) => work.push((element, node)),
            (Some(element), None) => out.push(Misreading {
                kind: MisreadingKind::OnlyWazuh,
                span: element.span,
                element: element.name.clone(),
                wazuh: element.content.clone(),
                ordinary: Vec::new(),
            }),
            (None, Some(node)) => {
                let range = node.range();
                out.push(Misreading {
                    kind: MisreadingKind::OnlyOrdinary,
                    span: Span { start: moved(range.start, shift), end: moved(range.end, shift) },
                    element: qualified_name(text, &node).as_bytes().to_vec(),
                    wazuh: Vec::new(),
                    ordinary: node.text().unwrap_or_default().as_bytes().to_vec(),
                });
            }
            (None, None) => return,
        }
    }
}

/// The name as written, prefix included.
fn qualified_name<'t>(text: &'t str, node: &roxmltree::Node<'_, '_>) -> &'t str {
    let tag = text.get(node.range()).unwrap_or_default();
    let tag = tag.strip_prefix('<').unwrap_or(tag);
    let end = tag.find([' ', '\t', '\r', '\n', '/', '>']).unwrap_or(tag.len());
    tag.get(..end).unwrap_or_default()
}

fn compare_attributes(
    element: &Element,
    node: &roxmltree::Node<'_, '_>,
    text: &str,
    shift: isize,
    out: &mut Vec<Misreading>,
) {
    let mut ordinary: Vec<_> = node.attributes().collect();
    for attribute in &element.attributes {
        // Both read the same bytes, so an attribute is the same one if it begins at the
        // same place; namespace declarations are no attributes to roxmltree.
        let partner =
            ordinary.iter().position(|other| moved(other.range().start, shift) == attribute.span.start);
        let value = match partner {
            Some(at) => ordinary.swap_remove(at).value().as_bytes().to_vec(),
            None if attribute.name.starts_with(b"xmlns") => continue,
            None => Vec::new(),
        };
        if partner.is_none() || value != attribute.value {
            out.push(Misreading {
                kind: MisreadingKind::Attribute,
                span: attribute.span,
                element: element.name.clone(),
                wazuh: attribute.value.clone(),
                ordinary: value,
            });
        }
    }
    for other in ordinary {
        let range = other.range();
        out.push(Misreading {
            kind: MisreadingKind::Attribute,
            span: Span { start: moved(range.start, shift), end: moved(range.end, shift) },
            element: qualified_name(text, node).as_bytes().to_vec(),
            wazuh: Vec::new(),
            ordinary: other.value().as_bytes().to_vec(),
        });
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(bytes: &[u8]) -> String {
        let mut out = String::new();
        for &byte in bytes {
            match byte {
                b'\'' | b'"' => out.push(char::from(byte)),
                _ => out.push_str(&byte.escape_ascii().to_string()),
            }
        }
        out
    }

    /// `name:line(attribute=value ...)[content]{children}`, one after the other.
    fn render(elements: &[Element], out: &mut String) {
        for element in elements {
            let name = shown(&element.name);
            out.push_str(&format!("{name}:{}", element.line));
            if !element.attributes.is_empty() {
                let list: Vec<String> = element
                    .attributes
                    .iter()
                    .map(|a| format!("{}={}", shown(&a.name), shown(&a.value)))
                    .collect();
                out.push_str(&format!("({})", list.join(" ")));
            }
            out.push_str(&format!("[{}]", shown(&element.content)));
            if !element.children.is_empty() {
                out.push('{');
                render(&element.children, out);
                out.push('}');
            }
        }
    }

    fn reading(bytes: &[u8]) -> String {
        match parse(bytes) {
            Ok(doc) => {
                let mut out = "ok ".to_owned();
                render(&doc.roots, &mut out);
                out
            }
            Err(error) => format!("{}: {}", error.line, shown(&error.message)),
        }
    }

    /// What the original answers, checked against it compiled from Wazuh's source.
    const ROWS: &[(&str, &[u8], &str)] = &[
        ("several roots", b"<a>1</a>\n<b/>", "ok a:1[1]b:2[]"),
        ("second root of the same name", b"<ossec_config>\n</ossec_config>\n<ossec_config>\n<x>1</x></ossec_config>", "ok ossec_config:1[\\n]ossec_config:3[]{x:4[1]}"),
        ("empty file", b"", "ok "),
        ("only blanks", b" \n\t", "ok "),
        ("only a comment", b"<!-- a -->\n", "ok "),
        ("only text", b"hello & goodbye > x", "ok "),
        ("byte order mark", b"\xef\xbb\xbf<a/>", "ok a:1[]"),
        ("text around the roots", b"x <a>1</a> y <b>2</b> z", "ok a:1[1]b:1[2]"),
        ("prolog with encoding", b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<a/>", "1: XMLERR: Bad attribute closing for 'encoding'='UTF-8'."),
        ("prolog with a blank before its end", b"<?xml version=\"1.0\" ?><a/>", "1: XMLERR: Attribute '?' has no value."),
        ("prolog closed like an element", b"<?xml version=\"1.0\"/><a/>", "ok ?xml:1(version=1.0)[]a:1[]"),
        ("other instruction", b"<?x?><a/>", "1: XMLERR: End of file and some elements were not closed."),
        ("comment", b"<a>1<!-- <b> & \" ' --></a>", "ok a:1[1]"),
        ("comment ended the old way", b"<a><!-- x !>1</a>", "ok a:1[1]"),
        ("old comment", b"<! x !><a>1</a>", "ok a:1[1]"),
        ("old comment ended the new way", b"<! x --><a>1</a>", "ok a:1[1]"),
        ("shortest comment", b"<!--><a>1</a>", "ok a:1[1]"),
        ("comment not ended by >", b"<a>\n<! x >\n</a>", "3: XMLERR: Comment not closed."),
        ("two dashes in a comment", b"<a><!-- x -- y -->1</a>", "ok a:1[1]"),
        ("three dashes end a comment", b"<a><!-- x --->1</a>", "ok a:1[1]"),
        ("blank before the > of a comment", b"<a><!-- x -- ></a>", "1: XMLERR: Comment not closed."),
        ("comments do not nest", b"<a><!-- x <!-- y --> z --></a>", "ok a:1[ z -->]"),
        ("comment not closed", b"<a>\n<!-- x\n</a>\n", "4: XMLERR: Comment not closed."),
        ("typographic dash in a comment", b"<a><!-- x \xe2\x80\x93></a>", "1: XMLERR: Comment not closed."),
        ("comment around elements", b"<a><!-- <b>1</b> --><c>2</c></a>", "ok a:1[]{c:1[2]}"),
        ("document type", b"<!DOCTYPE a>\n<a/>", "2: XMLERR: Comment not closed."),
        ("document type and a comment", b"<!DOCTYPE a>\n<!-- x -->\n<a/>", "ok a:3[]"),
        ("literal section", b"<a><![CDATA[x]]></a>", "1: XMLERR: Comment not closed."),
        ("literal section that passes", b"<a><![CDATA[x!>y</a>", "ok a:1[y]"),
        ("literal section swallowing an end tag", b"<a><![CDATA[x]]></a><!-- y -->", "1: XMLERR: End of file and some elements were not closed."),
        ("comment joins texts", b"<a>he<!--c-->llo</a>", "ok a:1[hello]"),
        ("comment in a start tag", b"<a <!-- x --> b='1'/>", "1: XMLERR: Attribute '<!--' has no value."),
        ("comment in a name", b"<a<!-- x -->b>1</ab>", "ok ab:1[1]"),
        ("comment in an end tag", b"<a>1</a<!-- x -->>", "ok a:1[1]"),
        ("entities", b"<a>&lt; &amp; &#65;</a>", "ok a:1[&lt; &amp; &#65;]"),
        ("bare ampersand and >", b"<a>1 & 2 > 1 ></a>", "ok a:1[1 & 2 > 1 >]"),
        ("bare <", b"<a>\n1 <b and\n2</a>", "3: XMLERR: Attribute 'and' has no value."),
        ("bare < and a blank", b"<a>1 < 2</a>", "1: XMLERR: Attribute '2<' has no value."),
        ("bare < before a path", b"<a>cat < /tmp/y</a>", "ok a:1[tmp/y]{:1[]}"),
        ("two <", b"<r><<a>1</a></r>", "1: XMLERR: Element '<a' not closed."),
        ("stray < before a tag", b"<r>\n< <a>1</a></r>", "2: XMLERR: Attribute '<a' has no value."),
        ("escaped <", b"<a>1 \\< 2</a>", "ok a:1[1 \\\\< 2]"),
        ("escaped < outside", b"\\<a><b/>", "ok b:1[]"),
        ("escaped comment is a comment", b"<a>\\<!-- x -->1</a>", "ok a:1[\\\\1]"),
        ("escape outlives a comment", b"<a>\\<!-- x --></a>", "1: XMLERR: End of file and some elements were not closed."),
        ("backslash before an end tag", b"<a>C:\\dir\\</a>", "1: XMLERR: End of file and some elements were not closed."),
        ("two backslashes before an end tag", b"<a>C:\\dir\\\\</a>", "ok a:1[C:\\\\dir\\\\\\\\]"),
        ("backslash and blank before an end tag", b"<a>C:\\ </a>", "ok a:1[C:\\\\ ]"),
        ("two backslashes and a <", b"<a>x \\\\< /y</a>", "ok a:1[y]{:1[]}"),
        ("backslash before a start tag", b"<a>\\<b>1</b></a>", "1: XMLERR: Element 'a' not closed."),
        ("blanks in a leaf", b"<a> yes\r\n </a>", "ok a:1[ yes\\r\\n ]"),
        ("text between children", b"<a>1<b>2</b>3<c/>4</a>", "ok a:1[4]{b:1[2]c:1[]}"),
        ("text before a child only", b"<a>longer text<b/></a>", "ok a:1[]{b:1[]}"),
        ("comment behind the last child", b"<a><b/>x<!-- y -->z</a>", "ok a:1[xz]{b:1[]}"),
        ("self closed", b"<a/>", "ok a:1[]"),
        ("self closed with a blank", b"<a />", "ok a:1[]"),
        ("self closed with an attribute", b"<a b='1'/>", "ok a:1(b=1)[]"),
        ("> of <a /> leaks", b"<r><a /></r>", "ok r:1[>]{a:1[]}"),
        ("> of <a b='1'/> leaks", b"<r><a b='1'/></r>", "ok r:1[>]{a:1(b=1)[]}"),
        ("nothing of <a/> leaks", b"<r><a/></r>", "ok r:1[]{a:1[]}"),
        ("junk behind / leaks", b"<r><a /junk></r>", "ok r:1[junk>]{a:1[]}"),
        ("blank behind /", b"<r><a/ ></r>", "ok r:1[]{a:1[]}"),
        ("attribute behind /", b"<r><a/ b='1'></r>", "ok r:1[]{a:1(b=1)[]}"),
        ("blank in an end tag", b"<a>1</a >", "1: XMLERR: Element 'a' not closed."),
        ("blank before the name of an end tag", b"<a>1</ a>", "1: XMLERR: Element 'a' not closed."),
        ("line break in an end tag", b"<a>1</a\n>", "2: XMLERR: Element 'a' not closed."),
        ("blank before a name", b"<r>< a>1</a></r>", "1: XMLERR: Attribute 'a' has no value."),
        ("blank behind a name", b"<a >1</a>", "ok a:1[1]"),
        ("line break behind a name", b"<r><a\nb='1'\n>1</a></r>", "ok r:1[]{a:2(b=1)[1]}"),
        ("odd names", b"<a/b>1</a/b><1a>2</1a><x:y>3</x:y>", "ok a/b:1[1]1a:1[2]x:y:1[3]"),
        ("empty name", b"<>1</>", "ok :1[1]"),
        ("case of a tag", b"<A>\n</a>", "2: XMLERR: Element 'A' not closed."),
        ("wrong end tag", b"<r>\n<a>\n</b>\n</r>", "3: XMLERR: Element 'a' not closed."),
        ("end tag missing", b"<r>\n<a>1\n</r>\n", "3: XMLERR: Element 'a' not closed."),
        ("end tag of a block missing", b"<r>\n<b><c>1</c>\n</r>\n", "3: XMLERR: Element 'b' not closed."),
        ("root not closed", b"<r>\n<a/>\n", "3: XMLERR: End of file and some elements were not closed."),
        ("end tag too many", b"<r>\n<a>1</a></a>\n</r>", "2: XMLERR: Element 'r' not closed."),
        ("end tag of a root too many", b"<r/>\n</r>\n", "2: XMLERR: Element not opened."),
        ("crossed tags", b"<r><a><b></a></b></r>", "1: XMLERR: Element 'b' not closed."),
        ("end tag without >", b"<r><a>1</a\n<b>2</b></r>", "2: XMLERR: Element 'a' not closed."),
        ("start tag without >", b"<r>\n<a1</a>\n<b/></r>", "3: XMLERR: Element 'a1</a' not closed."),
        ("root opened twice", b"<r>\n<r>\n</r>\n", "4: XMLERR: End of file and some elements were not closed."),
        ("attribute without quotes", b"<a b=1/>", "1: XMLERR: Attribute 'b' not followed by a \" or '."),
        ("attribute without value", b"<a\nb/>", "2: XMLERR: Attribute 'b' has no value."),
        ("attribute without value and a blank", b"<a b />", "1: XMLERR: Attribute 'b' has no value."),
        ("mixed quotes", b"<a b=\"1'>", "1: XMLERR: Attribute 'b' not closed."),
        ("single quotes", b"<a b='1\"2'/>", "ok a:1(b=1\"2)[]"),
        ("curly quotes", b"<a b=\xe2\x80\x9c1\xe2\x80\x9d/>", "1: XMLERR: Attribute 'b' not followed by a \" or '."),
        ("attribute twice", b"<a b='1' b='2'/>", "1: XMLERR: Attribute 'b' already defined."),
        ("attribute twice around var", b"<a b='1' var='2' b='3'/>", "ok a:1(b=1)[]"),
        ("attributes without a blank", b"<a b='1'c='2'/>", "1: XMLERR: Bad attribute closing for 'b'='1'."),
        ("blank before =", b"<a b ='1'/>", "1: XMLERR: Attribute 'b' has no value."),
        ("blank behind =", b"<a b= \n'1'/>", "ok a:1(b=1)[]"),
        ("> in a value", b"<a b='x>y'/>", "1: XMLERR: Attribute 'b' not closed."),
        ("< and / in a value", b"<a b='</x>/'/>", "1: XMLERR: Attribute 'b' not closed."),
        ("< and / in a value without >", b"<a b='</x/'/>", "ok a:1(b=</x/)[]"),
        ("attribute without name", b"<a ='1'/>", "ok a:1(=1)[]"),
        ("end of file in an attribute", b"<a b='1\n", "2: XMLERR: End of file while reading an attribute."),
        ("end of file behind an attribute", b"<a b='1'", "1: XMLERR: Bad attribute closing for 'b'='1'."),
        ("end of file behind a blank", b"<a ", "1: XMLERR: End of file while reading an attribute."),
        ("end of file in a name", b"<a>1</a><b", "1: XMLERR: End of file and some elements were not closed."),
        ("end of file behind <", b"<a>1<", "1: XMLERR: End of file and some elements were not closed."),
        ("end of file behind </", b"<a>1</", "1: XMLERR: End of file and some elements were not closed."),
        ("end of file behind <!", b"<a/><!", "1: XMLERR: Comment not closed."),
        ("end of file behind =", b"<a b=", "1: XMLERR: Attribute 'b' not followed by a \" or '."),
        ("element called var", b"<r><var name='X'>1</var><a>$X</a></r>", "ok r:1[]{a:1[$X]}"),
        ("element called VAR", b"<r><VAR>1</VAR></r>", "ok r:1[]"),
        ("attribute called var", b"<r a='1' Var='2' c='3'/>", "ok r:1(a=1)[]"),
        ("element adopts what stands in var", b"<r><a/><var><x>1</x></var></r>", "ok r:1[]{a:1[]{x:1[1]}}"),
        ("what stands in a first var is lost", b"<r><var><x>1</x></var><a/></r>", "ok r:1[]{a:1[]}"),
        ("NUL in a text", b"<a>12\x0034</a>", "ok a:1[12]"),
        ("NUL in a name", b"<a\0b>1</a\0c>", "ok a:1[1]"),
        ("NUL in a value", b"<a b='1\x002'/>", "ok a:1(b=1)[]"),
        ("NUL between elements", b"<r>\0<a/>\0</r>", "ok r:1[]{a:1[]}"),
        ("bytes that are no UTF-8", b"<a>\xff\xfe\x80</a>", "ok a:1[\\xff\\xfe\\x80]"),
        ("0xFF behind <", b"<a>1<\xffb/></a>", "1: XMLERR: End of file and some elements were not closed."),
        ("0xFF behind an escaped <", b"<a>1</a>\\<\xff<b>2</b>", "ok a:1[1]"),
        ("0xFF behind - in a comment", b"<a><!-- -\xff --></a>", "1: XMLERR: Comment not closed."),
        ("0xFF in a comment", b"<a><!-- \xff --></a>", "ok a:1[]"),
        ("UTF-16", b"\xff\xfe<\0a\0>\x001\0<\0/\0a\0>\0", "1: XMLERR: End of file and some elements were not closed."),
        ("carriage returns only", b"<a>\r<b>1</b>\r</a>", "ok a:1[\\r]{b:1[1]}"),
        ("form feed behind a name", b"<a\x0cb='1'\x0b/>", "ok a:1(b=1)[]"),
        ("no-break space behind a name", b"<a\xc2\xa0b='1'/>", "ok a\\xc2\\xa0b='1':1[]"),
        ("last line without newline", b"<a>\n</a>", "ok a:1[\\n]"),
        ("long message", b"<nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn>\n</x>", "2: XMLERR: Element 'nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"),
        ("two long texts in a message", b"<a nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn='vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv'x>", "1: XMLERR: Bad attribute closing for 'nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn'='vvvvvvvvvvvvvvvvvvvvvvvvvvvv"),
    ];

    #[test]
    fn reads_as_the_original_does() {
        for (name, input, expected) in ROWS {
            assert_eq!(reading(input), *expected, "{name}");
        }
    }

    fn in_element(inside: &[u8]) -> Vec<u8> {
        [b"<a>", inside, b"</a>"].concat()
    }

    #[test]
    fn limits() {
        let x = |count: usize| vec![b'x'; count];
        let overflow = "1: XMLERR: String overflow.";
        assert!(parse(&in_element(&x(MAX_TEXT - 1))).is_ok());
        assert_eq!(reading(&in_element(&x(MAX_TEXT))), overflow);
        // A comment does not start the count anew, a child does.
        let half = x(MAX_TEXT / 2);
        let comment = [&half[..], b"<!-- x -->", &half].concat();
        assert_eq!(reading(&in_element(&comment)), overflow);
        let child = [&half[..], b"<b/>", &half].concat();
        assert!(parse(&in_element(&child)).is_ok());
        // An unfinished text of just this length is still an early end of file.
        let unfinished = [b"<a>", &x(MAX_TEXT)[..]].concat();
        assert_eq!(reading(&unfinished), "1: XMLERR: End of file and some elements were not closed.");
        assert_eq!(reading(&[b"<", &x(MAX_TEXT)[..], b">"].concat()), overflow);
        assert_eq!(reading(&[b"<a></", &x(MAX_TEXT)[..], b">"].concat()), overflow);
        // Outside the roots and in comments nothing is counted.
        assert!(parse(&[&x(3 * MAX_TEXT)[..], b"<a/>"].concat()).is_ok());
        assert!(parse(&in_element(&[b"<!--", &x(3 * MAX_TEXT)[..], b"-->"].concat())).is_ok());
        assert_eq!(
            reading(&[b"<a ", &x(MAX_TEXT)[..], b"='1'/>"].concat()),
            "1: XMLERR: Overflow attempt at attribute 'xxxxxxxxxxxxxxxxxxxx'."
        );
        assert_eq!(
            reading(&[b"<a name='", &x(MAX_TEXT)[..], b"'/>"].concat()),
            "1: XMLERR: Overflow attempt at attribute 'name'."
        );
        assert!(parse(&[b"<a name='", &x(MAX_TEXT - 1)[..], b"'/>"].concat()).is_ok());
    }

    #[test]
    fn attributes_are_counted() {
        let tag = |count: usize, end: &str| {
            let mut text = "<a".to_owned();
            for index in 0..count {
                text.push_str(&format!(" a{index}='x'"));
            }
            text + end
        };
        let refused = "1: XMLERR: Too many attributes.";
        assert!(parse(tag(49, "/>").as_bytes()).is_ok());
        assert_eq!(reading(tag(50, "/>").as_bytes()), refused);
        assert_eq!(reading(tag(49, " />").as_bytes()), refused);
    }

    fn nested(levels: usize) -> Vec<u8> {
        let mut text = b"<a>\n".repeat(levels);
        text.extend(b"</a>".repeat(levels));
        text
    }

    #[test]
    fn nesting_is_limited() {
        let deepest = parse(&nested(MAX_NESTING)).unwrap();
        assert_eq!(deepest.elements().count(), MAX_NESTING);
        // None of what is derived may exhaust the stack of a thread.
        let copy = deepest.clone();
        assert!(copy == deepest);
        assert!(format!("{copy:?}").len() > MAX_NESTING);
        assert_eq!(reading(&nested(MAX_NESTING + 1)), "1025: XMLERR: Max recursion level reached");
    }

    #[test]
    fn path_lookup() {
        const PATH: &[&str] = &["ossec_config", "active-response", "disabled"];
        let find = |text: &str| {
            let doc = parse(text.as_bytes()).unwrap();
            doc.one_content(PATH).map(|e| String::from_utf8_lossy(&e.content).into_owned())
        };
        let ar = |inside: &str| format!("<active-response>{inside}</active-response>");
        let root = |inside: &str| format!("<ossec_config>{inside}</ossec_config>");
        let yes = "<disabled>yes</disabled>";
        assert_eq!(find(&root(&ar(yes))).as_deref(), Some("yes"));
        assert_eq!(find(&root(&ar(&format!("{yes}<disabled>no</disabled>")))).as_deref(), Some("yes"));
        // Only the first block of a root is entered.
        assert_eq!(find(&root(&(ar("<x/>") + &ar(yes)))), None);
        assert_eq!(find(&(root(&ar("<x/>")) + &root(&ar(yes)))).as_deref(), Some("yes"));
        // An attribute on the way makes the reader lose its place, a `var` does not.
        assert_eq!(find(&format!("<ossec_config a='1'>{}</ossec_config>", ar(yes))), None);
        assert_eq!(find(&root(&format!("<active-response a='1'>{yes}</active-response>"))), None);
        assert_eq!(find(&root(&format!("<var>1</var>{}", ar(yes)))).as_deref(), Some("yes"));
        // One on the element itself does not.
        assert_eq!(find(&root(&ar("<disabled a='1'>no</disabled>"))).as_deref(), Some("no"));
        assert_eq!(
            find(&format!("<ossec_config><x a='1'/>{}</ossec_config>", ar(yes))).as_deref(),
            Some("yes")
        );
        assert_eq!(parse(b"<a/>").unwrap().one_content(&[]), None);

        let two = root(&(ar(yes) + &ar("<disabled>no</disabled>")));
        let doc = parse(two.as_bytes()).unwrap();
        let all: Vec<_> = doc.contents(PATH).iter().map(|e| &e.content[..]).collect();
        assert_eq!(all, [&b"yes"[..], b"no"]);
    }

    #[test]
    fn repeated_offenders_come_from_any_root_and_block() {
        let text = b"<x><active-response><a/></active-response><active-response><b/>\
            <repeated_offenders>1,2</repeated_offenders></active-response></x>";
        let doc = parse(text).unwrap();
        assert_eq!(doc.repeated_offenders().unwrap().content, b"1,2");
        assert_eq!(parse(b"<x><y/></x>").unwrap().repeated_offenders(), None);
    }

    #[test]
    fn spans() {
        let text = b"<r>\n <a b=\"1\">x<!-- c -->y</a>z\n</r>";
        let doc = parse(text).unwrap();
        let root = &doc.roots[0];
        let a = &root.children[0];
        let show = |span: Span| String::from_utf8_lossy(span.slice(text)).into_owned();
        assert_eq!(show(root.span), String::from_utf8_lossy(text));
        assert_eq!(show(root.content_span), "z\n");
        assert_eq!(show(a.span), "<a b=\"1\">x<!-- c -->y</a>");
        assert_eq!(show(a.start_tag), "<a b=\"1\">");
        assert_eq!(show(a.name_span), "a");
        assert_eq!(show(a.content_span), "x<!-- c -->y");
        assert_eq!(show(a.attributes[0].span), "b=\"1\"");
        assert_eq!(show(a.attributes[0].value_span), "1");
        assert_eq!(show(doc.comments[0].span), "<!-- c -->");
        assert_eq!(doc.comments[0].line, 2);
        assert_eq!(doc.element_at(a.span.start + 1), Some(a));
        assert_eq!(doc.element_at(text.len()), None);
        let empty = parse(b"<r><a></a></r>").unwrap();
        assert_eq!(empty.roots[0].children[0].content_span, Span::new(6, 6));
        assert_eq!(empty.roots[0].content_span, Span::new(10, 10));
    }

    #[test]
    fn culprits() {
        let culprit = |text: &str| {
            let error = parse(text.as_bytes()).unwrap_err();
            let span = error.culprit.unwrap();
            String::from_utf8_lossy(span.slice(text.as_bytes())).into_owned()
        };
        // A forgotten end tag: the start tag; a wrong one: the end tag.
        assert_eq!(culprit("<r>\n<a x='1'>1\n</r>"), "<a x='1'>");
        assert_eq!(culprit("<r>\n<a>1</A>\n</r>"), "</A>");
        assert_eq!(culprit("<r>\n<a>1</a></a></r>"), "</a>");
        assert_eq!(culprit("<r>\n<a>1</a>\n"), "<r>");
        assert_eq!(culprit("<r/></r>\n"), "</r>");
        assert_eq!(culprit("<r>\n<!-- x\n</r>\n"), "<!--");
        assert_eq!(culprit("<r>\n<! x\n</r>\n"), "<!");
        assert_eq!(culprit("<r><a b></a></r>"), "b");
        assert_eq!(culprit("<r>1 < 2</r>"), "< 2<");
        assert_eq!(culprit("<a b='1"), "b='1");
        assert_eq!(culprit("<a>\n<bcd\n"), "<bcd");
    }

    #[test]
    fn lines_and_columns() {
        let index = LineIndex::new(b"ab\ncd\n");
        assert_eq!(index.line_col(0), (1, 1));
        assert_eq!(index.line_col(2), (1, 3));
        assert_eq!(index.line_col(3), (2, 1));
        assert_eq!(index.line_col(99), (3, 1));
        assert_eq!(index.line_span(1), Span::new(0, 2));
        assert_eq!(index.line_span(2), Span::new(3, 5));
        assert_eq!(index.line_span(3), Span::new(6, 6));
        assert_eq!(index.line_span(0), Span::new(6, 6));
        assert_eq!(index.line_span(9), Span::new(6, 6));
        assert_eq!(index.lines(), 3);
        assert_eq!(LineIndex::new(b"").line_col(0), (1, 1));
    }

    fn kinds(text: &[u8]) -> Vec<(MisreadingKind, String)> {
        match second_opinion_wrapped(text, &parse(text).unwrap()) {
            SecondOpinion::Misreads(list) => list
                .into_iter()
                .map(|m| (m.kind, String::from_utf8_lossy(m.span.slice(text)).into_owned()))
                .collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn second_opinions() {
        let opinion = |text: &[u8]| second_opinion(text, &parse(text).unwrap());
        assert_eq!(opinion(b"<r>\n <a>1</a><!-- x --> <b c='2'/>\n</r>\n"), SecondOpinion::Agrees);
        let SecondOpinion::Misreads(list) = opinion(b"<r><a>&lt;x</a></r>") else { panic!() };
        assert_eq!(list.len(), 1);
        assert_eq!(list[0].kind, MisreadingKind::Text);
        assert_eq!((&list[0].wazuh[..], &list[0].ordinary[..]), (&b"&lt;x"[..], &b"<x"[..]));
        assert_eq!(list[0].span, Span::new(3, 15));
        let refused = |text: &[u8]| match opinion(text) {
            SecondOpinion::Refuses { line, column, .. } => (line, column),
            other => panic!("{other:?}"),
        };
        assert_eq!(refused(b"<r>\n<a>1 & 2</a></r>").0, 2);
        assert_eq!(refused(b"<a/>\n<b/>").0, 2);
        assert_eq!(refused(b"<a>\n\xff</a>"), (2, 1));
        let wrapped = |text: &[u8]| second_opinion_wrapped(text, &parse(text).unwrap());
        assert_eq!(wrapped(b"<a/>\n<b>1</b>"), SecondOpinion::Agrees);
        assert_eq!(wrapped(b"\xef\xbb\xbf<a/>\n<b>1</b>"), SecondOpinion::Agrees);
        assert!(matches!(wrapped(b"<a>&</a>"), SecondOpinion::Refuses { line: 1, column: 4..=6, .. }));
        assert_eq!(
            kinds(b"<r><a/><var><x>1</x></var></r>"),
            [
                (MisreadingKind::OnlyOrdinary, "<var><x>1</x></var>".to_owned()),
                (MisreadingKind::OnlyWazuh, "<x>1</x>".to_owned()),
            ]
        );
        assert_eq!(kinds(b"<r x='&lt;'/>"), [(MisreadingKind::Attribute, "x='&lt;'".to_owned())]);
        assert_eq!(wrapped(b"<r><a b='1'/> </r>"), SecondOpinion::Agrees);
        assert_eq!(kinds(b"<r><a>60<b/></a></r>"), [(MisreadingKind::MixedText, "<a>60<b/></a>".to_owned())]);
        assert_eq!(kinds(b"<a>1\r\n</a>"), [(MisreadingKind::Text, "<a>1\r\n</a>".to_owned())]);
    }

    /// Simple XML that both kinds of reader understand alike.
    fn simple_xml() -> impl Strategy<Value = String> {
        let name = "[a-z]{1,2}[a-z0-9_-]{2,6}";
        let text = "[a-zA-Z0-9 .,;:_()*+\n-]{0,20}";
        let leaf = (name, "[a-z0-9 ]{0,5}", text)
            .prop_map(|(name, value, text)| format!("<{name} key=\"{value}\">{text}</{name}>"));
        let tree = leaf.prop_recursive(5, 40, 5, move |inner| {
            (name, prop::collection::vec(inner, 1..5)).prop_map(|(name, children)| {
                format!("<{name}>\n  {}\n<!-- note --></{name}>", children.join("\n  "))
            })
        });
        tree.prop_map(|text| format!("{text}\n"))
    }

    /// Bytes that come close to a configuration.
    fn scraps() -> impl Strategy<Value = Vec<u8>> {
        let scrap = prop::sample::select(vec![
            &b"<"[..],
            b">",
            b"/",
            b"!",
            b"-",
            b"\\",
            b"\"",
            b"'",
            b"=",
            b" ",
            b"\n",
            b"a",
            b"var",
            b"\0",
            b"\xff",
            b"<!--",
            b"-->",
            b"<a>",
            b"</a>",
            b"<b c='1'>",
            b"</b>",
            b"<a />",
            b"\\<",
        ]);
        prop::collection::vec(scrap, 0..40).prop_map(|scraps| scraps.concat())
    }

    fn hold_up(bytes: &[u8]) {
        match parse(bytes) {
            Err(error) => {
                assert!(error.offset <= bytes.len());
                assert!(error.message.len() <= MAX_MESSAGE);
                let culprit = error.culprit.unwrap();
                assert!(culprit.start <= culprit.end && culprit.end <= bytes.len());
            }
            Ok(doc) => {
                for element in doc.elements() {
                    assert!(element.span.slice(bytes).starts_with(b"<"));
                }
                let _ = second_opinion(bytes, &doc);
                let _ = second_opinion_wrapped(bytes, &doc);
                let _ = doc.contents(&["a", "b"]);
            }
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            hold_up(&bytes);
        }

        #[test]
        fn any_scraps_are_survived(bytes in scraps()) {
            hold_up(&bytes);
        }

        #[test]
        fn simple_xml_is_read_alike(text in simple_xml()) {
            let doc = parse(text.as_bytes()).unwrap();
            prop_assert_eq!(second_opinion(text.as_bytes(), &doc), SecondOpinion::Agrees);
            prop_assert_eq!(second_opinion_wrapped(text.as_bytes(), &doc), SecondOpinion::Agrees);
        }
    }
}
