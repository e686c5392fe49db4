//! What is wrong with an input, where, what was expected there and what to do about it.
//!
//! Every reader and check of this room reports through [`Diagnostic`]; a run of `validate` shows them all at once.
//! Texts come from files or from the command line ([`Source`]), so that a bad `--set` has a place as a bad line has.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use crate::units::nearest;
use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Origin, Renderer, Snippet};

/// A text with a name: a file, or an override given on the command line.
#[derive(Debug)]
pub struct Source {
    pub name: String,
    pub text: String,
    /// Made when the first place is asked for.
    index: OnceLock<TextIndex>,
}

impl Source {
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Source {
        Source { name: name.into(), text: text.into(), index: OnceLock::new() }
    }

    fn index(&self) -> &TextIndex {
        self.index.get_or_init(|| TextIndex::of(&self.text))
    }
}

/// Where lines start and how many characters stand before each block, so that thousands of places in one text, or in
/// one line, cost no walk each.
#[derive(Debug)]
struct TextIndex {
    line_starts: Vec<usize>,
    chars_before_block: Vec<usize>,
}

impl TextIndex {
    /// In bytes.
    const BLOCK: usize = 1024;

    fn of(text: &str) -> TextIndex {
        let newlines = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let line_starts = std::iter::once(0).chain(newlines.map(|(at, _)| at + 1)).collect();
        let mut before = 0;
        let mut chars_before_block = Vec::with_capacity(text.len() / Self::BLOCK + 1);
        for block in text.as_bytes().chunks(Self::BLOCK) {
            chars_before_block.push(before);
            before += chars_begun(block);
        }
        TextIndex { line_starts, chars_before_block }
    }

    fn chars_before(&self, text: &str, at: usize) -> usize {
        let Some((block, before)) =
            self.chars_before_block.get(at / Self::BLOCK).map(|before| (at / Self::BLOCK, *before)).or_else(|| {
                let last = self.chars_before_block.len().checked_sub(1)?;
                Some((last, self.chars_before_block[last]))
            })
        else {
            return 0;
        };
        before + chars_begun(&text.as_bytes()[block * Self::BLOCK..at])
    }
}

fn chars_begun(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte & 0xC0 != 0x80).count()
}

/// A stretch of a [`Source`], in bytes.
#[derive(Clone, Debug)]
pub struct Place {
    pub source: Arc<Source>,
    pub span: Range<usize>,
}

impl Place {
    pub fn new(source: &Arc<Source>, span: Range<usize>) -> Place {
        Place { source: Arc::clone(source), span }
    }

    /// The start of a text: where a mistake concerns all of it.
    pub fn start_of(source: &Arc<Source>) -> Place {
        Place::new(source, 0..0)
    }

    /// Line and column of the start, both from 1; a column is a character.
    pub fn line_and_column(&self) -> (usize, usize) {
        let (text, index) = (&self.source.text, self.source.index());
        let at = floor_char_boundary(text, self.span.start);
        let line = index.line_starts.partition_point(|start| *start <= at);
        let column = index.chars_before(text, at) - index.chars_before(text, index.line_starts[line - 1]) + 1;
        (line, column)
    }

    /// Where a part of a text stands that was written here, be it quoted, folded or indented: letters are met one by one,
    /// and what the notation adds is passed over. The whole where that fails.
    pub fn part(&self, text: &str, part: Range<usize>) -> Place {
        let source = &self.source.text;
        let mut at = floor_char_boundary(source, self.span.start);
        let mut found: Option<Range<usize>> = None;
        for (offset, letter) in text.char_indices().filter(|(_, letter)| !letter.is_whitespace()) {
            let Some(skipped) = source[at..].find(letter) else { return self.clone() };
            let start = at + skipped;
            at = start + letter.len_utf8();
            if offset >= part.end && found.is_some() {
                break;
            }
            if offset >= part.start {
                found = Some(found.map_or(start, |found| found.start)..at);
            }
        }
        Place::new(&self.source, found.unwrap_or(at..at))
    }

    /// The bytes of the line that it starts on, without its end.
    fn first_line(&self) -> Range<usize> {
        let starts = &self.source.index().line_starts;
        let line = starts.partition_point(|start| *start <= self.span.start.min(self.source.text.len()));
        let end = starts.get(line).map_or(self.source.text.len(), |next| next - 1);
        starts[line - 1]..end
    }
}

fn floor_char_boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// Whether a mistake stops the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The run can't start.
    Error,
    /// The run goes on, but probably not as meant.
    Warning,
}

/// One mistake.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    pub severity: Severity,
    pub message: String,
    /// Name of the file, or `--set`.
    pub file: String,
    /// From 1; 0 where there is no text to point into (a missing file).
    pub line: usize,
    pub column: usize,
    /// What should stand there.
    pub expected: Option<String>,
    /// What to do.
    pub hint: Option<String>,
    place: Option<Place>,
}

impl Diagnostic {
    pub fn error(place: &Place, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(Severity::Error, place, message.into())
    }

    pub fn warning(place: &Place, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(Severity::Warning, place, message.into())
    }

    /// A mistake about a file that can't be shown, such as one that is not there.
    pub fn without_text(file: impl Into<String>, message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            severity: Severity::Error,
            message: message.into(),
            file: file.into(),
            line: 0,
            column: 0,
            expected: None,
            hint: None,
            place: None,
        }
    }

    /// What should be known, of no place.
    pub fn note(message: impl Into<String>) -> Diagnostic {
        Diagnostic { severity: Severity::Warning, ..Diagnostic::without_text("", message) }
    }

    pub fn place(&self) -> Option<&Place> {
        self.place.as_ref()
    }

    /// The whole text that it points into.
    pub fn text(&self) -> Option<&str> {
        self.place.as_ref().map(|place| place.source.text.as_str())
    }

    /// The same, as a warning: what it is about is left out.
    pub fn left_out(mut self) -> Diagnostic {
        self.severity = Severity::Warning;
        self.message.push_str(" (left out)");
        self
    }

    /// The same mistake at another place, in other words.
    pub fn moved(self, place: &Place, message: String) -> Diagnostic {
        let Diagnostic { severity, expected, hint, .. } = self;
        Diagnostic { expected, hint, ..Diagnostic::new(severity, place, message) }
    }

    fn new(severity: Severity, place: &Place, message: String) -> Diagnostic {
        let (line, column) = place.line_and_column();
        Diagnostic {
            severity,
            message: plain(message),
            file: place.source.name.clone(),
            line,
            column,
            expected: None,
            hint: None,
            place: Some(place.clone()),
        }
    }

    pub fn expected(mut self, expected: impl Into<String>) -> Diagnostic {
        self.expected = Some(expected.into());
        self
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Diagnostic {
        self.hint = Some(hint.into());
        self
    }

    pub fn maybe_hint(mut self, hint: Option<String>) -> Diagnostic {
        self.hint = hint.or(self.hint);
        self
    }

    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// The mistake drawn with the lines it is about, with colours where `styled`.
    pub fn draw(&self, styled: bool) -> String {
        let renderer = if styled { Renderer::styled() } else { Renderer::plain() };
        let level = if self.is_error() { Level::ERROR } else { Level::WARNING };
        let label = self.expected.as_ref().map(|expected| format!("expected {expected}"));
        let mut group = Group::with_title(level.primary_title(self.message.as_str()));
        group = match &self.place {
            Some(place) => group.element(snippet(place, label.as_deref())),
            None if self.file.is_empty() => group,
            None => group.element(Origin::path(self.file.as_str())),
        };
        if let Some(hint) = &self.hint {
            group = group.element(Level::HELP.message(hint.as_str()));
        }
        let report: &[Group<'_>] = &[group];
        renderer.render(report).to_string()
    }
}

/// The one line that the stretch starts on: a whole mapping would hide what is wrong with it, and to draw it from the
/// whole text would walk over that for each mistake.
fn snippet<'a>(place: &'a Place, label: Option<&'a str>) -> Snippet<'a, Annotation<'a>> {
    let text = &place.source.text;
    let line = place.first_line();
    let start = floor_char_boundary(text, place.span.start);
    let end = floor_char_boundary(text, place.span.end).clamp(start, line.end.max(start));
    let annotation = AnnotationKind::Primary.span(start - line.start..end - line.start).label(label);
    let (number, _) = place.line_and_column();
    Snippet::source(&text[line]).line_start(number).path(place.source.name.as_str()).annotation(annotation)
}

impl fmt::Display for Diagnostic {
    /// One line: `file:line:column: message (expected …; hint)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        write!(f, ": {}", self.message)?;
        if let Some(expected) = &self.expected {
            write!(f, "; expected {expected}")?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "; {hint}")?;
        }
        Ok(())
    }
}

/// A message quotes what users wrote: bytes that would steer a terminal are written out.
fn plain(message: String) -> String {
    if !message.chars().any(char::is_control) {
        return message;
    }
    let escaped = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    message.chars().map(escaped).collect()
}

/// The start of a text that a message quotes, where it is longer than anyone reads.
pub fn shortened(text: &str) -> std::borrow::Cow<'_, str> {
    const LONGEST: usize = 200;
    match text.char_indices().nth(LONGEST) {
        None => text.into(),
        Some((end, _)) => format!("{}… ({} bytes)", &text[..end], text.len()).into(),
    }
}

/// `did you mean …?` where a near name is known, else the list of the known ones (the first dozen).
pub fn suggestion(name: &str, known: &[&str]) -> Option<String> {
    if let Some(near) = nearest(name, known.iter().copied()) {
        return Some(format!("did you mean `{near}`?"));
    }
    let shown = known.iter().take(12).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let more = if known.len() > 12 { ", …" } else { "" };
    (!known.is_empty()).then(|| format!("known here: {shown}{more}"))
}
