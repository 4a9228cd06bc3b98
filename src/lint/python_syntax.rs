//! A tolerant reader of Python 3: logical lines, blocks by indentation, expressions as far as
//! calls, subscripts, texts and collections go. It never fails.

use std::ops::Range;

use super::code::Spans;

pub(super) type Block = Vec<Statement>;

#[derive(Clone, Debug)]
pub(super) struct Statement {
    pub(super) span: Range<usize>,
    pub(super) kind: Kind,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    If(Vec<(Expr, Block)>, Block),
    While(Expr, Block, Block),
    For(Expr, Expr, Block, Block),
    Def(String, Vec<Parameter>, Block),
    Class(Block),
    /// Body, handlers, else, finally; whether a handler is for failed imports.
    Try(Block, Vec<Block>, Block, Block, bool),
    With(Vec<(Expr, Option<String>)>, Block),
    Return(Option<Expr>),
    Break,
    Continue,
    Raise(Option<Expr>),
    /// Dotted module, and the name it gets.
    Import(Vec<(String, String, Range<usize>)>),
    /// Targets and the value; `+=` has the flag.
    Assign(Vec<Expr>, Expr, bool),
    Expr(Expr),
    Other,
}

/// A parameter of a function, and what it is when the call gives none.
#[derive(Clone, Debug)]
pub(super) struct Parameter {
    pub(super) name: String,
    pub(super) default: Option<Expr>,
}

#[derive(Clone, Debug)]
pub(super) struct Expr {
    pub(super) span: Range<usize>,
    pub(super) kind: Shape,
}

#[derive(Clone, Debug)]
pub(super) enum Shape {
    Name(String),
    Number(String),
    Text(Vec<Piece>),
    Attribute(Box<Expr>, String),
    Call(Box<Expr>, Vec<Expr>, Vec<(String, Expr)>),
    Index(Box<Expr>, Box<Expr>),
    /// `[...]`, `(...)` with commas, `{...}` without colons.
    List(Vec<Expr>),
    Dict(Vec<(Expr, Expr)>),
    Sequence(Vec<Item>),
    Nothing,
}

#[derive(Clone, Debug)]
pub(super) enum Piece {
    Text(String),
    Expr(Expr),
}

#[derive(Clone, Debug)]
pub(super) enum Item {
    Operator(String),
    Expr(Expr),
}

#[derive(Clone, Debug)]
enum Token {
    Name(String),
    Number(String),
    Text { body: Range<usize>, raw: bool, format: bool },
    Operator(String),
}

type Spanned = (Token, Range<usize>);

struct Line {
    indent: usize,
    tokens: Vec<Spanned>,
    span: Range<usize>,
}

/// The statements of a script, and where its comments and texts are.
pub(super) fn parse(text: &[u8]) -> (Block, Spans) {
    let mut spans = Spans::default();
    let lines = lines(text, &mut spans);
    let mut at = 0;
    let mut block = Vec::new();
    while at < lines.len() {
        let before = at;
        block.append(&mut read_block(text, &lines, &mut at, 0, 0));
        if at == before {
            at += 1;
        }
    }
    (block, spans)
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn slice(text: &[u8], range: Range<usize>) -> &[u8] {
    text.get(range.start.min(text.len())..range.end.min(text.len())).unwrap_or_default()
}

const OPERATORS: [&str; 22] = [
    "**=", "//=", ">>=", "<<=", "...", "==", "!=", "<=", ">=", "->", ":=", "+=", "-=", "*=", "/=", "%=",
    "|=", "&=", "**", "//", "<<", ">>",
];

fn token(text: &[u8], at: usize, end: usize) -> Option<Spanned> {
    let rest = text.get(at..end)?;
    let first = *rest.first()?;
    let name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || *byte >= 0x80;
    if first.is_ascii_digit() {
        let length = rest.iter().take_while(|byte| name(byte) || **byte == b'.').count();
        return Some((Token::Number(lossy(slice(text, at..at + length))), at..at + length));
    }
    let length = rest.iter().take_while(|byte| name(byte)).count();
    let quote = rest.get(length).copied();
    let prefix = length <= 2
        && rest.get(..length).is_some_and(|prefix| {
            prefix.iter().all(|byte| matches!(byte, b'r' | b'R' | b'f' | b'F' | b'b' | b'B' | b'u' | b'U'))
        });
    if let (Some(quote @ (b'"' | b'\'')), true) = (quote, prefix) {
        let raw = rest.iter().take(length).any(|byte| matches!(byte, b'r' | b'R'));
        let format = rest.iter().take(length).any(|byte| matches!(byte, b'f' | b'F'));
        let triple = rest.get(length..length + 3) == Some(&[quote; 3]);
        let wide = if triple { 3 } else { 1 };
        let mut here = length + wide;
        loop {
            match rest.get(here) {
                None => {
                    let body = at + (length + wide).min(rest.len())..end;
                    return Some((Token::Text { body, raw, format }, at..end));
                }
                Some(b'\\') => here += 2,
                Some(b'\n') if !triple => {
                    return Some((
                        Token::Text { body: at + length + wide..at + here, raw, format },
                        at..at + here,
                    ));
                }
                Some(byte)
                    if *byte == quote && (!triple || rest.get(here..here + 3) == Some(&[quote; 3])) =>
                {
                    let body = at + length + wide..at + here;
                    return Some((Token::Text { body, raw, format }, at..at + here + wide));
                }
                Some(_) => here += 1,
            }
        }
    }
    if length > 0 {
        return Some((Token::Name(lossy(slice(text, at..at + length))), at..at + length));
    }
    for operator in OPERATORS {
        if rest.starts_with(operator.as_bytes()) {
            return Some((Token::Operator(operator.to_owned()), at..at + operator.len()));
        }
    }
    Some((Token::Operator(lossy(&[first])), at..at + 1))
}

fn lines(text: &[u8], spans: &mut Spans) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut at = 0;
    if text.starts_with(b"\xef\xbb\xbf") {
        at = 3;
    }
    while at < text.len() {
        // Indentation.
        let mut indent = 0;
        while let Some(byte) = text.get(at) {
            match byte {
                b' ' => indent += 1,
                b'\t' => indent = (indent / 8 + 1) * 8,
                b'\x0c' => indent = 0,
                _ => break,
            }
            at += 1;
        }
        let mut tokens: Vec<Spanned> = Vec::new();
        let mut depth = 0_i32;
        let start = at;
        let mut end = at;
        while let Some(&byte) = text.get(at) {
            match byte {
                b'\n' => {
                    at += 1;
                    if depth <= 0 {
                        break;
                    }
                }
                b' ' | b'\t' | b'\r' | b'\x0c' => at += 1,
                b'\\' => at += if text.get(at + 1) == Some(&b'\r') { 3 } else { 2 },
                b'#' => {
                    let rest = slice(text, at..text.len());
                    let length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
                    spans.comments.push(at..at + length);
                    at += length;
                }
                _ => {
                    let Some((token, span)) = token(text, at, text.len()) else { break };
                    if let Token::Text { .. } = &token {
                        spans.strings.push(span.clone());
                    }
                    if let Token::Operator(operator) = &token {
                        match operator.as_str() {
                            "(" | "[" | "{" => depth += 1,
                            ")" | "]" | "}" => depth -= 1,
                            _ => {}
                        }
                    }
                    at = span.end.max(at + 1);
                    end = at;
                    tokens.push((token, span));
                }
            }
        }
        if !tokens.is_empty() {
            lines.push(Line { indent, tokens, span: start..end });
        }
    }
    lines
}

const DEPTH: u32 = 50;

/// Statements of at least this indentation.
fn read_block(text: &[u8], lines: &[Line], at: &mut usize, indent: usize, depth: u32) -> Block {
    let mut block = Vec::new();
    while let Some(line) = lines.get(*at) {
        if line.indent < indent {
            break;
        }
        if depth > DEPTH {
            *at += 1;
            continue;
        }
        statement(text, lines, at, depth, &mut block);
    }
    block
}

fn is(token: Option<&Spanned>, word: &str) -> bool {
    matches!(token, Some((Token::Name(name) | Token::Operator(name), _)) if name == word)
}

/// The colon that ends the head of a compound statement.
fn head_end(tokens: &[Spanned]) -> usize {
    let mut depth = 0_i32;
    let mut lambdas = 0;
    for (at, (token, _)) in tokens.iter().enumerate() {
        match token {
            Token::Operator(operator) => match operator.as_str() {
                "(" | "[" | "{" => depth += 1,
                ")" | "]" | "}" => depth -= 1,
                ":" if depth <= 0 => {
                    if lambdas == 0 {
                        return at;
                    }
                    lambdas -= 1;
                }
                _ => {}
            },
            Token::Name(name) if name == "lambda" => lambdas += 1,
            _ => {}
        }
    }
    tokens.len()
}

/// Head tokens of the line, and its body; moves on behind both.
fn compound<'a>(text: &[u8], lines: &'a [Line], at: &mut usize, depth: u32) -> (&'a [Spanned], Block) {
    let Some(line) = lines.get(*at) else { return (&[], Vec::new()) };
    let colon = head_end(&line.tokens);
    let head = line.tokens.get(..colon).unwrap_or_default();
    let rest = line.tokens.get(colon + 1..).unwrap_or_default();
    *at += 1;
    let mut block = Vec::new();
    if rest.is_empty() {
        if let Some(next) = lines.get(*at).filter(|next| next.indent > line.indent) {
            block = read_block(text, lines, at, next.indent.min(line.indent + 1), depth + 1);
        }
    } else {
        simple(text, rest, &mut block);
    }
    (head, block)
}

fn next_is(lines: &[Line], at: usize, indent: usize, word: &str) -> bool {
    lines.get(at).is_some_and(|line| line.indent == indent && is(line.tokens.first(), word))
}

fn statement(text: &[u8], lines: &[Line], at: &mut usize, depth: u32, into: &mut Block) {
    let Some(line) = lines.get(*at) else { return };
    let mut tokens = line.tokens.as_slice();
    if is(tokens.first(), "async") {
        tokens = tokens.get(1..).unwrap_or_default();
    }
    let skipped = line.tokens.len() - tokens.len();
    let indent = line.indent;
    let span = line.span.clone();
    let word = match tokens.first() {
        Some((Token::Name(name), _)) => name.as_str(),
        _ => "",
    };
    let inner =
        |head: &[Spanned], from: usize| expression(text, head.get(from + skipped..).unwrap_or_default(), 0);
    let kind = match word {
        "if" => {
            let (head, body) = compound(text, lines, at, depth);
            let mut arms = vec![(inner(head, 1), body)];
            while next_is(lines, *at, indent, "elif") {
                let (head, body) = compound(text, lines, at, depth);
                arms.push((expression(text, head.get(1..).unwrap_or_default(), 0), body));
            }
            let otherwise = if next_is(lines, *at, indent, "else") {
                compound(text, lines, at, depth).1
            } else {
                Vec::new()
            };
            Kind::If(arms, otherwise)
        }
        "while" | "for" => {
            let (head, body) = compound(text, lines, at, depth);
            let otherwise = if next_is(lines, *at, indent, "else") {
                compound(text, lines, at, depth).1
            } else {
                Vec::new()
            };
            if word == "while" {
                Kind::While(inner(head, 1), body, otherwise)
            } else {
                let head = head.get(1 + skipped..).unwrap_or_default();
                let split = head.iter().position(|token| is(Some(token), "in")).unwrap_or(head.len());
                let target = expression(text, head.get(..split).unwrap_or_default(), 0);
                let over = expression(text, head.get(split + 1..).unwrap_or_default(), 0);
                Kind::For(target, over, body, otherwise)
            }
        }
        "def" => {
            let (head, body) = compound(text, lines, at, depth);
            let name = match head.get(1 + skipped) {
                Some((Token::Name(name), _)) => name.clone(),
                _ => String::new(),
            };
            let parameters = parameters(text, head.get(2 + skipped..).unwrap_or_default());
            Kind::Def(name, parameters, body)
        }
        "class" => Kind::Class(compound(text, lines, at, depth).1),
        "try" => {
            let body = compound(text, lines, at, depth).1;
            let (mut handlers, mut otherwise, mut last, mut imports) =
                (Vec::new(), Vec::new(), Vec::new(), false);
            loop {
                if next_is(lines, *at, indent, "except") {
                    let (head, handler) = compound(text, lines, at, depth);
                    imports |= head.len() == 1
                        || head.iter().any(|token| {
                            ["ImportError", "ModuleNotFoundError", "Exception"]
                                .iter()
                                .any(|name| is(Some(token), name))
                        });
                    handlers.push(handler);
                } else if next_is(lines, *at, indent, "else") {
                    otherwise = compound(text, lines, at, depth).1;
                } else if next_is(lines, *at, indent, "finally") {
                    last = compound(text, lines, at, depth).1;
                } else {
                    break;
                }
            }
            Kind::Try(body, handlers, otherwise, last, imports)
        }
        "with" => {
            let (head, body) = compound(text, lines, at, depth);
            let mut items = Vec::new();
            for item in split(head.get(1 + skipped..).unwrap_or_default(), ",") {
                let cut = item.iter().position(|token| is(Some(token), "as"));
                let name = cut.and_then(|cut| match item.get(cut + 1) {
                    Some((Token::Name(name), _)) => Some(name.clone()),
                    _ => None,
                });
                items.push((
                    expression(text, item.get(..cut.unwrap_or(item.len())).unwrap_or_default(), 0),
                    name,
                ));
            }
            Kind::With(items, body)
        }
        // Out of place; or `match`, `case`, which are read as doubtful blocks.
        "else" | "elif" | "except" | "finally" => {
            let body = compound(text, lines, at, depth).1;
            Kind::If(vec![(nothing(span.clone()), body)], Vec::new())
        }
        "match" | "case" if head_end(tokens) + 1 == tokens.len() => {
            let (head, body) = compound(text, lines, at, depth);
            if word == "match" {
                let subject = inner(head, 1);
                into.push(Statement { span: span.clone(), kind: Kind::Expr(subject) });
                into.extend(cases(body));
                return;
            }
            let labels = inner(head, 1);
            Kind::If(vec![(labels, body)], Vec::new())
        }
        _ => {
            *at += 1;
            simple(text, tokens, into);
            return;
        }
    };
    into.push(Statement { span, kind });
}

/// `case "add" | "enable":` is a comparison with one of these.
fn cases(block: Block) -> Block {
    let mut arms = Vec::new();
    let mut otherwise = Vec::new();
    let mut span = 0..0;
    for statement in block {
        let Kind::If(list, _) = statement.kind else { continue };
        span = statement.span;
        for (label, body) in list {
            if matches!(&label.kind, Shape::Name(name) if name == "_") {
                otherwise = body;
                continue;
            }
            let texts: Vec<Expr> = match &label.kind {
                Shape::Sequence(items) => items
                    .iter()
                    .filter_map(|item| if let Item::Expr(expr) = item { Some(expr.clone()) } else { None })
                    .collect(),
                _ => vec![label.clone()],
            };
            let place = label.span.clone();
            let list = Expr { span: place.clone(), kind: Shape::List(texts) };
            let items =
                vec![Item::Expr(nothing(place.clone())), Item::Operator("in".to_owned()), Item::Expr(list)];
            arms.push((Expr { span: place, kind: Shape::Sequence(items) }, body));
        }
    }
    if arms.is_empty() {
        return otherwise;
    }
    vec![Statement { span, kind: Kind::If(arms, otherwise) }]
}

fn nothing(span: Range<usize>) -> Expr {
    Expr { span, kind: Shape::Nothing }
}

/// Tokens between separators outside of brackets.
fn split<'a>(tokens: &'a [Spanned], by: &str) -> Vec<&'a [Spanned]> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0_i32, 0);
    for (at, (token, _)) in tokens.iter().enumerate() {
        if let Token::Operator(operator) = token {
            match operator.as_str() {
                "(" | "[" | "{" => depth += 1,
                ")" | "]" | "}" => depth -= 1,
                operator if operator == by && depth == 0 => {
                    parts.push(tokens.get(start..at).unwrap_or_default());
                    start = at + 1;
                }
                _ => {}
            }
        }
    }
    parts.push(tokens.get(start..).unwrap_or_default());
    parts
}

/// What stands in the round brackets of a `def`, from the first of them on.
fn parameters(text: &[u8], tokens: &[Spanned]) -> Vec<Parameter> {
    let mut depth = 0_i32;
    let end = tokens.iter().position(|(token, _)| {
        if let Token::Operator(operator) = token {
            match operator.as_str() {
                "(" | "[" | "{" => depth += 1,
                ")" | "]" | "}" => depth -= 1,
                _ => {}
            }
        }
        depth == 0
    });
    let inside = tokens.get(1..end.unwrap_or(tokens.len())).unwrap_or_default();
    split(inside, ",")
        .into_iter()
        .filter_map(|part| {
            let name = match part.iter().find(|(token, _)| !matches!(token, Token::Operator(_))) {
                Some((Token::Name(name), _)) => name.clone(),
                _ => return None,
            };
            let default = match split(part, "=").as_slice() {
                [_, default, ..] => Some(expression(text, default, 0)),
                _ => None,
            };
            Some(Parameter { name, default })
        })
        .collect()
}

fn simple(text: &[u8], tokens: &[Spanned], into: &mut Block) {
    for part in split(tokens, ";") {
        let (Some((first, start)), Some((_, end))) = (part.first(), part.last()) else { continue };
        let span = start.start..end.end;
        let rest = part.get(1..).unwrap_or_default();
        let value = || (!rest.is_empty()).then(|| expression(text, rest, 0));
        let word = if let Token::Name(name) = first { name.as_str() } else { "" };
        let kind = match word {
            "return" => Kind::Return(value()),
            "raise" => Kind::Raise(value()),
            "break" => Kind::Break,
            "continue" => Kind::Continue,
            "pass" | "global" | "nonlocal" | "del" => Kind::Other,
            "import" => {
                let names = split(rest, ",");
                Kind::Import(names.into_iter().filter_map(|name| import(name, None)).collect())
            }
            "from" => {
                let cut = rest.iter().position(|token| is(Some(token), "import")).unwrap_or(rest.len());
                let module = rest.get(..cut).unwrap_or_default();
                let names: Vec<Spanned> = rest
                    .get(cut + 1..)
                    .unwrap_or_default()
                    .iter()
                    .filter(|token| !is(Some(token), "(") && !is(Some(token), ")"))
                    .cloned()
                    .collect();
                let prefix = dotted(module);
                let place = module.first().map_or(span.clone(), |(_, place)| place.clone());
                let mut found: Vec<_> =
                    split(&names, ",").into_iter().filter_map(|name| import(name, Some(&prefix))).collect();
                for item in &mut found {
                    item.2 = place.clone();
                }
                Kind::Import(found)
            }
            _ => {
                let parts = split(part, "=");
                if let [targets @ .., value] = parts.as_slice()
                    && !targets.is_empty()
                {
                    let targets = targets.iter().map(|target| {
                        // `x: str = ...`.
                        let target = target.get(..head_end(target)).unwrap_or_default();
                        expression(text, target, 0)
                    });
                    Kind::Assign(targets.collect(), expression(text, value, 0), false)
                } else if let Some(at) = part.iter().position(|token| {
                    matches!(token, (Token::Operator(operator), _) if operator.len() >= 2 && operator.ends_with('=')
                        && !matches!(operator.as_str(), "==" | "!=" | "<=" | ">=" | ":="))
                }) {
                    let target = expression(text, part.get(..at).unwrap_or_default(), 0);
                    let value = expression(text, part.get(at + 1..).unwrap_or_default(), 0);
                    Kind::Assign(vec![target], value, true)
                } else {
                    Kind::Expr(expression(text, part, 0))
                }
            }
        };
        into.push(Statement { span, kind });
    }
}

fn dotted(tokens: &[Spanned]) -> String {
    let mut name = String::new();
    for (token, _) in tokens {
        match token {
            Token::Name(part) => name.push_str(part),
            Token::Operator(part) if part == "." || part == "..." => name.push_str(part),
            _ => break,
        }
    }
    name
}

fn import(tokens: &[Spanned], from: Option<&str>) -> Option<(String, String, Range<usize>)> {
    let (_, span) = tokens.first()?;
    let cut = tokens.iter().position(|token| is(Some(token), "as"));
    let name = dotted(tokens.get(..cut.unwrap_or(tokens.len()))?);
    let whole = match from {
        Some(from) => format!("{from}.{name}"),
        None => name.clone(),
    };
    let alias = match cut.and_then(|cut| tokens.get(cut + 1)) {
        Some((Token::Name(alias), _)) => alias.clone(),
        // `import os.path` gives `os`.
        _ if from.is_none() => {
            let top = name.split('.').next().unwrap_or_default().to_owned();
            return Some((top.clone(), top, span.clone()));
        }
        _ => name,
    };
    Some((whole, alias, span.clone()))
}

fn expression(text: &[u8], tokens: &[Spanned], depth: u32) -> Expr {
    let span = match (tokens.first(), tokens.last()) {
        (Some((_, first)), Some((_, last))) => first.start..last.end,
        _ => 0..0,
    };
    if depth > DEPTH {
        return nothing(span);
    }
    let parts = split(tokens, ",");
    if parts.len() > 1 {
        let list = parts
            .into_iter()
            .filter(|part| !part.is_empty())
            .map(|part| expression(text, part, depth + 1))
            .collect();
        return Expr { span, kind: Shape::List(list) };
    }
    let mut items = Vec::new();
    let mut at = 0;
    while let Some((token, place)) = tokens.get(at) {
        let operator = match token {
            Token::Operator(operator) if !matches!(operator.as_str(), "(" | "[" | "{") => {
                Some(operator.clone())
            }
            Token::Name(name)
                if matches!(
                    name.as_str(),
                    "and"
                        | "or"
                        | "not"
                        | "in"
                        | "is"
                        | "if"
                        | "else"
                        | "for"
                        | "lambda"
                        | "await"
                        | "yield"
                        | "async"
                ) =>
            {
                Some(name.clone())
            }
            _ => None,
        };
        if let Some(operator) = operator {
            items.push(Item::Operator(operator));
            at += 1;
            continue;
        }
        let before = at;
        let expr = primary(text, tokens, &mut at, place.start, depth);
        items.push(Item::Expr(expr));
        if at == before {
            at += 1;
        }
    }
    if items.len() == 1
        && let Some(Item::Expr(_)) = items.first()
        && let Some(Item::Expr(expr)) = items.pop()
    {
        return expr;
    }
    if items.is_empty() {
        return nothing(span);
    }
    Expr { span, kind: Shape::Sequence(items) }
}

/// Behind the bracket that closes the one here.
fn closing(tokens: &[Spanned], open: usize) -> usize {
    let mut depth = 0_i32;
    for (at, (token, _)) in tokens.iter().enumerate().skip(open) {
        if let Token::Operator(operator) = token {
            match operator.as_str() {
                "(" | "[" | "{" => depth += 1,
                ")" | "]" | "}" => {
                    depth -= 1;
                    if depth <= 0 {
                        return at;
                    }
                }
                _ => {}
            }
        }
    }
    tokens.len()
}

fn primary(text: &[u8], tokens: &[Spanned], at: &mut usize, start: usize, depth: u32) -> Expr {
    let Some((token, place)) = tokens.get(*at) else { return nothing(start..start) };
    let mut expr = match token {
        Token::Name(name) => {
            *at += 1;
            Expr { span: place.clone(), kind: Shape::Name(name.clone()) }
        }
        Token::Number(number) => {
            *at += 1;
            Expr { span: place.clone(), kind: Shape::Number(number.clone()) }
        }
        Token::Text { .. } => {
            let mut pieces = Vec::new();
            let mut end = place.end;
            // Neighbours are one text.
            while let Some((Token::Text { body, raw, format }, place)) = tokens.get(*at) {
                literal(text, body.clone(), *raw, *format, depth, &mut pieces);
                end = place.end;
                *at += 1;
            }
            Expr { span: start..end, kind: Shape::Text(pieces) }
        }
        Token::Operator(open) => {
            let close = closing(tokens, *at);
            let inner = tokens.get(*at + 1..close).unwrap_or_default();
            let end = tokens.get(close).map_or(place.end, |(_, place)| place.end);
            *at = close + 1;
            let span = start..end;
            if open == "{" {
                let mut pairs = Vec::new();
                let mut list = Vec::new();
                for part in split(inner, ",") {
                    if part.is_empty() {
                        continue;
                    }
                    let colon = head_end(part);
                    if colon < part.len() {
                        let key = expression(text, part.get(..colon).unwrap_or_default(), depth + 1);
                        let value = expression(text, part.get(colon + 1..).unwrap_or_default(), depth + 1);
                        pairs.push((key, value));
                    } else {
                        list.push(expression(text, part, depth + 1));
                    }
                }
                if pairs.is_empty() && !list.is_empty() {
                    Expr { span, kind: Shape::List(list) }
                } else {
                    for extra in list {
                        pairs.push((nothing(extra.span.clone()), extra));
                    }
                    Expr { span, kind: Shape::Dict(pairs) }
                }
            } else {
                let parts: Vec<_> = split(inner, ",");
                if open == "(" && parts.len() == 1 && !inner.is_empty() {
                    let inner = expression(text, inner, depth + 1);
                    Expr { span, kind: Shape::Sequence(vec![Item::Expr(inner)]) }
                } else {
                    let list = parts
                        .into_iter()
                        .filter(|part| !part.is_empty())
                        .map(|part| expression(text, part, depth + 1))
                        .collect();
                    Expr { span, kind: Shape::List(list) }
                }
            }
        }
    };
    let mut links = 0;
    while let Some((Token::Operator(operator), _)) = tokens.get(*at) {
        links += 1;
        if links > 60 {
            break;
        }
        match operator.as_str() {
            "." => {
                let Some((Token::Name(name), place)) = tokens.get(*at + 1) else { break };
                let span = start..place.end;
                *at += 2;
                expr = Expr { span, kind: Shape::Attribute(Box::new(expr), name.clone()) };
            }
            "(" => {
                let close = closing(tokens, *at);
                let inner = tokens.get(*at + 1..close).unwrap_or_default();
                let end =
                    tokens.get(close).or_else(|| tokens.last()).map_or(expr.span.end, |(_, place)| place.end);
                let (mut args, mut named) = (Vec::new(), Vec::new());
                for part in split(inner, ",") {
                    match part {
                        [] => {}
                        [(Token::Name(name), _), (Token::Operator(equals), _), value @ ..]
                            if equals == "=" =>
                        {
                            named.push((name.clone(), expression(text, value, depth + 1)));
                        }
                        part => args.push(expression(text, part, depth + 1)),
                    }
                }
                *at = close + 1;
                expr = Expr { span: start..end, kind: Shape::Call(Box::new(expr), args, named) };
            }
            "[" => {
                let close = closing(tokens, *at);
                let inner = expression(text, tokens.get(*at + 1..close).unwrap_or_default(), depth + 1);
                let end =
                    tokens.get(close).or_else(|| tokens.last()).map_or(expr.span.end, |(_, place)| place.end);
                *at = close + 1;
                expr = Expr { span: start..end, kind: Shape::Index(Box::new(expr), Box::new(inner)) };
            }
            _ => break,
        }
    }
    expr
}

fn literal(text: &[u8], body: Range<usize>, raw: bool, format: bool, depth: u32, pieces: &mut Vec<Piece>) {
    let mut plain: Vec<u8> = Vec::new();
    let mut at = body.start;
    let get = |at: usize| if at < body.end { text.get(at).copied() } else { None };
    while let Some(byte) = get(at) {
        match byte {
            b'\\' if !raw => {
                match get(at + 1) {
                    Some(b'n') => plain.push(b'\n'),
                    Some(b't') => plain.push(b'\t'),
                    Some(b'\n') => {}
                    Some(other) => plain.push(other),
                    None => {}
                }
                at += 2;
            }
            b'{' if format && get(at + 1) == Some(b'{') => {
                plain.push(b'{');
                at += 2;
            }
            b'}' if format && get(at + 1) == Some(b'}') => {
                plain.push(b'}');
                at += 2;
            }
            b'{' if format && depth < 6 => {
                let start = at + 1;
                let mut level = 1;
                let mut end = start;
                let mut spec = None;
                while let Some(byte) = get(end) {
                    match byte {
                        b'{' | b'(' | b'[' => level += 1,
                        b'}' | b')' | b']' => level -= 1,
                        b':' | b'!' if level == 1 && get(end + 1) != Some(b'=') && spec.is_none() => {
                            spec = Some(end)
                        }
                        _ => {}
                    }
                    if level == 0 {
                        break;
                    }
                    end += 1;
                }
                if !plain.is_empty() {
                    pieces.push(Piece::Text(lossy(&plain)));
                    plain.clear();
                }
                let stop = spec.unwrap_or(end);
                let mut tokens = Vec::new();
                let mut here = start;
                while here < stop {
                    if text.get(here).is_some_and(u8::is_ascii_whitespace) {
                        here += 1;
                        continue;
                    }
                    let Some((token, span)) = token(text, here, stop) else { break };
                    here = span.end.max(here + 1);
                    tokens.push((token, span));
                }
                pieces.push(Piece::Expr(expression(text, &tokens, depth + 10)));
                at = end + 1;
            }
            _ => {
                plain.push(byte);
                at += 1;
            }
        }
    }
    if !plain.is_empty() {
        pieces.push(Piece::Text(lossy(&plain)));
    }
}
