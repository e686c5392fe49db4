//! What is wrong with an input, where, what was expected there and what to do about it.
//!
//! Every reader and check of this room reports through [`Diagnostic`]; a run of `validate` shows them all at once.
//! Texts come from files or from the command line ([`Source`]), so that a bad `--set` has a place as a bad line has.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use crate::units::nearest;
use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Origin, Renderer, Snippet};

/// A text with a name: a file, or an override given on the command line.
#[derive(Debug)]
pub struct Source {
    pub name: String,
    pub text: String,
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
        let before = &self.source.text[..floor_char_boundary(&self.source.text, self.span.start)];
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        (line, column)
    }
}

fn floor_char_boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

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
            message,
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

fn snippet<'a>(place: &'a Place, label: Option<&'a str>) -> Snippet<'a, Annotation<'a>> {
    let text = &place.source.text;
    let start = floor_char_boundary(text, place.span.start);
    // Only the first line of the stretch is marked: a whole mapping would hide what is wrong with it.
    let line_end = text[start..].find('\n').map_or(text.len(), |length| start + length);
    let end = floor_char_boundary(text, place.span.end).clamp(start, line_end);
    let annotation = AnnotationKind::Primary.span(start..end).label(label);
    Snippet::source(text.as_str()).path(place.source.name.as_str()).annotation(annotation)
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

/// `did you mean …?` where a near name is known, else the list of the known ones (the first dozen).
pub fn suggestion(name: &str, known: &[&str]) -> Option<String> {
    if let Some(near) = nearest(name, known.iter().copied()) {
        return Some(format!("did you mean `{near}`?"));
    }
    let shown = known.iter().take(12).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let more = if known.len() > 12 { ", …" } else { "" };
    (!known.is_empty()).then(|| format!("known here: {shown}{more}"))
}
