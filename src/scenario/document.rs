//! A file of one document that is no scenario but speaks of some, such as a sweep: read as scenarios are, with every
//! mistake at its place.

use std::path::Path;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::diagnostic::{Diagnostic, Place, Source};
use super::source::read_source;
use super::spec::KIND;
use super::yaml::{Node, control_characters, parse, read};

/// A parsed document with its places.
#[derive(Clone, Debug)]
pub struct Document {
    source: Arc<Source>,
    node: Node,
}

impl Document {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// No text, not YAML, or not exactly one document.
    pub fn open(path: &Path) -> Result<Document, Vec<Diagnostic>> {
        let name = path.display().to_string();
        let source = read_source(path).map_err(|problem| vec![Diagnostic::without_text(&name, problem)])?;
        Document::of(source)
    }

    /// Of a text that is called `name` in messages.
    ///
    /// # Errors
    /// As [`Document::open`].
    pub fn parse(name: &str, text: &str) -> Result<Document, Vec<Diagnostic>> {
        Document::of(Source::new(name, text))
    }

    fn of(source: Source) -> Result<Document, Vec<Diagnostic>> {
        let source = Arc::new(source);
        let mut documents = parse(&source)?;
        // A scenario may stand among its objects: whoever asked for something else is told its kind.
        let is_scenario = |node: &Node| node.get("kind").and_then(Node::as_str) == Some(KIND);
        if let Some(at) = documents.iter().position(is_scenario) {
            let node = documents.swap_remove(at);
            return Ok(Document { source, node });
        }
        if let Some(second) = documents.get(1) {
            return Err(vec![Diagnostic::error(&second.place, "a second document; this file holds one")]);
        }
        match documents.pop() {
            Some(node) => Ok(Document { source, node }),
            None => Err(vec![Diagnostic::error(&Place::start_of(&source), "the file is empty")]),
        }
    }

    pub fn text(&self) -> &str {
        &self.source.text
    }

    /// The document's `kind`.
    pub fn kind(&self) -> Option<&str> {
        self.node.get("kind").and_then(Node::as_str)
    }

    /// A `T` from the document, and everything that is wrong with it.
    pub fn read<T: DeserializeOwned>(&self) -> (Option<T>, Vec<Diagnostic>) {
        let (value, mut mistakes) = read(&self.node);
        mistakes.extend(control_characters(&self.node));
        (value, mistakes)
    }

    /// The place of what a dotted path leads to, or of the innermost value on the way that exists.
    pub fn at(&self, path: &str) -> &Place {
        self.node.at(path)
    }
}

/// The kind of the first document of a file that says one; `None` where it can't be read as YAML.
pub fn kind_of(path: &Path) -> Option<String> {
    let source = Arc::new(read_source(path).ok()?);
    let documents = parse(&source).ok()?;
    documents.iter().find_map(|document| document.get("kind")?.as_str().map(str::to_owned))
}
