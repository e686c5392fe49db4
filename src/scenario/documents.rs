//! The files of a scenario: read once, overridden and lowered as often as a sweep likes.
//!
//! [`ScenarioFiles`] holds the parsed documents of the scenario's stream and, once read, of its manifests and tables.
//! [`ScenarioFiles::load`] applies overrides to copies of the trees, so that places survive.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use rustc_hash::FxHashSet;

use super::diagnostic::{Diagnostic, Place, Source, shortened};
use super::digest::Digests;
use super::lower::{self, Lowered};
use super::source::read_source;
use super::tables::Tables;
use super::yaml::{Entry, Node, PathError, Value, check_length, parse, parse_value};
use super::{Scenario, spec};
use crate::units::nearest;

/// `--set path=value`, or a field of a `--values` file.
#[derive(Clone, Debug)]
pub struct Override {
    /// Where its path stands.
    place: Place,
    path: String,
    value: Node,
    /// Laid over what is there, field by field, rather than put in its place.
    lays: bool,
    /// Of the file that it comes from.
    file: Option<Arc<Source>>,
}

impl Override {
    /// Reads `path=value`; the value is YAML.
    ///
    /// # Errors
    /// No `=`, an empty path, or a value that is not YAML.
    pub fn parse(text: &str) -> Result<Override, Vec<Diagnostic>> {
        let source = Arc::new(Source::new("--set", text));
        let Some((path, value)) = text.split_once('=').filter(|(path, _)| !path.trim().is_empty()) else {
            let diagnostic = Diagnostic::error(&Place::start_of(&source), format!("`{text}` is not an override"));
            return Err(vec![diagnostic.expected("path=value").hint("such as nodeGroups.general.maxSize=5")]);
        };
        let value = parse_value(&source, path.len() + 1..path.len() + 1 + value.len())?;
        let place = Place::new(&source, 0..path.trim_end().len());
        Ok(Override { place, path: path.trim().to_owned(), value, lays: false, file: None })
    }

    /// Reads a file of values, as Helm has them: one change for each of its fields, and for each object below
    /// `manifests:` where that is a mapping. An empty file changes nothing.
    ///
    /// # Errors
    /// A file that can't be read, is no YAML, or is not one mapping.
    pub fn values(path: &Path) -> Result<Vec<Override>, Vec<Diagnostic>> {
        let name = path.display().to_string();
        let source = read_source(path).map(Arc::new).map_err(|problem| {
            vec![Diagnostic::without_text(&name, problem).hint("--values takes the path of a YAML file")]
        })?;
        let mut documents = parse(&source)?;
        if documents.len() > 1 {
            let diagnostic = Diagnostic::error(&documents[1].place, "a second document");
            return Err(vec![diagnostic.hint("a file of values is one mapping; give the other as a second --values")]);
        }
        let Some(root) = documents.pop().filter(|root| !root.is_null()) else { return Ok(Vec::new()) };
        if !matches!(root.value, Value::Mapping(_)) {
            let diagnostic = Diagnostic::error(&root.place, "a file of values is a mapping");
            return Err(vec![diagnostic.expected("fields of the scenario, such as `nodeGroups:`")]);
        }
        let one = |path: String, place: &Place, value: &Node| Override {
            place: place.clone(),
            path,
            value: value.clone(),
            lays: true,
            file: Some(Arc::clone(&source)),
        };
        let mut overrides = Vec::new();
        for entry in root.entries() {
            match &entry.value.value {
                Value::Mapping(objects) if entry.key == "manifests" => overrides
                    .extend(objects.iter().map(|of| one(format!("manifests.{}", of.key), &of.key_place, &of.value))),
                _ => overrides.push(one(entry.key.clone(), &entry.key_place, &entry.value)),
            }
        }
        Ok(overrides)
    }

    fn apply(&self, root: &mut Node, path: &str) -> Result<(), PathError> {
        check_length(path)?;
        if !self.lays {
            return root.set(path, self.value.clone());
        }
        if path.is_empty() {
            root.overlay(&self.value);
            return Ok(());
        }
        // A mapping around the value for each step, so that a null takes its field away.
        let around = |key: &str, value: Node| {
            let entry = Entry { key: key.to_owned(), key_place: self.place.clone(), value };
            Node { place: self.place.clone(), value: Value::Mapping(vec![entry]) }
        };
        root.overlay(&path.rsplit('.').fold(self.value.clone(), |value, key| around(key, value)));
        Ok(())
    }

    /// The path as given.
    pub fn path(&self) -> &str {
        &self.path
    }
}

/// A scenario ready to run, and what may not be as meant.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub scenario: Scenario,
    pub warnings: Vec<Diagnostic>,
}

/// Reads and lowers one scenario.
///
/// # Errors
/// Every mistake that was found, ascending by place.
pub fn load(path: &Path, overrides: &[Override]) -> Result<Loaded, Vec<Diagnostic>> {
    ScenarioFiles::open(path)?.load(overrides)
}

/// A file's documents, or what is wrong with it.
type Parsed = Result<Arc<Vec<Node>>, Vec<Diagnostic>>;

/// A scenario's files, parsed.
#[derive(Debug)]
pub struct ScenarioFiles {
    path: PathBuf,
    /// The scenario's own file.
    source: Arc<Source>,
    folder: PathBuf,
    /// The stream's scenario document.
    scenario: Node,
    /// The stream's other documents.
    objects: Vec<Node>,
    /// Parsed manifests by path as written; filled as overrides ask for them.
    manifests: Mutex<HashMap<String, Parsed>>,
    tables: Tables,
    digests: Arc<Digests>,
}

/// Names of `--values` files among the digests.
const VALUES: &str = "--values ";

impl ScenarioFiles {
    /// Reads and parses the scenario's own file; manifests follow when it is lowered.
    ///
    /// # Errors
    /// A file that is missing, not YAML, or without exactly one document of `kind: Scenario`.
    pub fn open(path: &Path) -> Result<ScenarioFiles, Vec<Diagnostic>> {
        let name = path.display().to_string();
        let source = read_source(path).map_err(|problem| {
            vec![Diagnostic::without_text(&name, problem).hint("give the path of a scenario file (kind: Scenario)")]
        })?;
        ScenarioFiles::read(path, source)
    }

    /// A scenario that stands in no file (standard input, say): `name` is what mistakes call it, and paths in it are
    /// relative to the working directory.
    ///
    /// # Errors
    /// As [`ScenarioFiles::open`].
    pub fn of_text(name: &str, text: String) -> Result<ScenarioFiles, Vec<Diagnostic>> {
        ScenarioFiles::read(Path::new(name), Source::new(name, text))
    }

    fn read(path: &Path, source: Source) -> Result<ScenarioFiles, Vec<Diagnostic>> {
        let source = Arc::new(source);
        let documents = parse(&source)?;
        if let Some(sweep) =
            documents.iter().find(|document| document.get("kind").and_then(Node::as_str) == Some("Sweep"))
        {
            let place = sweep.get("kind").map_or(&sweep.place, |kind| &kind.place);
            let name = path.display();
            let hint =
                format!("use `windtunnel sweep {name}`, or `windtunnel optimize {name}` where it has an `optimize:`");
            return Err(vec![Diagnostic::error(place, "this is a sweep, not a scenario").hint(hint)]);
        }
        let (mut scenarios, objects): (Vec<Node>, Vec<Node>) = documents.into_iter().partition(is_scenario);
        if scenarios.len() > 1 {
            let diagnostic = Diagnostic::error(&scenarios[1].place, "a second document of kind Scenario");
            return Err(vec![diagnostic.hint("a file holds one scenario; give the other a file of its own")]);
        }
        let Some(scenario) = scenarios.pop() else {
            return Err(vec![no_scenario(&source, &objects)]);
        };
        let folder = path.parent().map(Path::to_owned).unwrap_or_default();
        let digests = Arc::new(Digests::default());
        digests.add("", source.text.as_bytes());
        let tables = Tables::new(folder.clone(), Arc::clone(&digests));
        let manifests = Mutex::default();
        Ok(ScenarioFiles { path: path.to_owned(), source, folder, scenario, objects, manifests, tables, digests })
    }

    /// The path it was opened with.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The text of the scenario's own file.
    pub fn text(&self) -> &str {
        &self.source.text
    }

    /// Every file that was read so far, the scenario's own first.
    pub fn inputs(&self) -> Vec<PathBuf> {
        let read = self.digests.names().into_iter().filter(|name| !name.is_empty() && !name.starts_with(VALUES));
        std::iter::once(self.path.clone()).chain(read.map(|name| self.folder.join(name))).collect()
    }

    /// A hash of every file that was read so far, of the scenario and by it: `sha256:…`. Equal files give equal hashes
    /// wherever they are.
    pub fn hash(&self) -> String {
        self.digests.all()
    }

    /// Applies `overrides` in their order and lowers the outcome.
    ///
    /// # Errors
    /// Every mistake that was found, ascending by place.
    pub fn load(&self, overrides: &[Override]) -> Result<Loaded, Vec<Diagnostic>> {
        let mut diagnostics = Vec::new();
        let mut scenario = self.scenario.clone();
        let (of_objects, of_scenario): (Vec<&Override>, Vec<&Override>) =
            overrides.iter().partition(|change| object_path(&change.path).is_some());
        let mut files: Vec<&Arc<Source>> = overrides.iter().filter_map(|change| change.file.as_ref()).collect();
        files.dedup_by(|a, b| Arc::ptr_eq(a, b));
        for (index, file) in files.into_iter().enumerate() {
            self.digests.add(&format!("{VALUES}{index}"), file.text.as_bytes());
        }
        for change in of_scenario {
            let path = scenario_path(&change.path);
            if let Err(error) = change.apply(&mut scenario, &path) {
                diagnostics.push(refused(change, error.problem, error.hint));
            }
        }
        let mut objects = self.objects.clone();
        let before = diagnostics.len();
        objects.extend(self.read_manifests(&scenario, &mut diagnostics));
        let is_complete = diagnostics.len() == before;
        let mut objects = super::objects::flatten_lists(objects);
        for change in of_objects {
            set_in_object(&mut objects, change, &mut diagnostics);
        }
        let Lowered { scenario, diagnostics: found } = lower::lower(&scenario, objects, is_complete, &self.tables);
        diagnostics.extend(found);
        finish(scenario, diagnostics)
    }

    fn read_manifests(&self, scenario: &Node, diagnostics: &mut Vec<Diagnostic>) -> Vec<Node> {
        let mut objects = Vec::new();
        let mut cache = self.manifests.lock().expect("no reader panics while it holds the lock");
        let mut seen: FxHashSet<&str> = FxHashSet::default();
        for item in scenario.get("spec").and_then(|spec| spec.get("manifests")).map_or(&[][..], Node::items) {
            // Anything but text is told by the typed reading.
            let Some(path) = item.as_str() else { continue };
            if !seen.insert(path) {
                diagnostics.push(Diagnostic::error(&item.place, format!("{path} is listed twice")));
                continue;
            }
            let read = cache.entry(path.to_owned()).or_insert_with(|| {
                let source = read_source(&self.folder.join(path)).map(Arc::new);
                match source {
                    Ok(source) => {
                        self.digests.add(path, source.text.as_bytes());
                        parse(&source).map(Arc::new)
                    }
                    Err(problem) => Err(vec![
                        Diagnostic::error(&item.place, problem)
                            .expected("the path of a manifest")
                            .hint("paths are relative to the scenario file"),
                    ]),
                }
            });
            match read {
                Ok(documents) => objects.extend(documents.iter().cloned()),
                Err(problems) => diagnostics.extend(problems.iter().cloned()),
            }
        }
        objects
    }
}

fn finish(scenario: Option<Scenario>, mut diagnostics: Vec<Diagnostic>) -> Result<Loaded, Vec<Diagnostic>> {
    diagnostics.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
    match scenario {
        Some(scenario) if !diagnostics.iter().any(Diagnostic::is_error) => {
            Ok(Loaded { scenario, warnings: diagnostics })
        }
        _ => Err(diagnostics),
    }
}

fn is_scenario(document: &Node) -> bool {
    document.get("kind").and_then(Node::as_str) == Some(spec::KIND)
        || document.get("apiVersion").and_then(Node::as_str).is_some_and(|version| version.starts_with("windtunnel/"))
}

fn no_scenario(source: &Arc<Source>, documents: &[Node]) -> Diagnostic {
    let kind = documents.iter().find_map(|document| document.get("kind"));
    let near = kind.filter(|kind| kind.as_str().is_some_and(|kind| nearest(kind, [spec::KIND]).is_some()));
    let place = near.map_or_else(|| Place::start_of(source), |kind| kind.place.clone());
    Diagnostic::error(&place, "no document of kind Scenario")
        .expected("a document with `kind: Scenario`")
        .hint(format!("a scenario starts with `apiVersion: {}` and `kind: {}`", spec::API_VERSION, spec::KIND))
}

/// `manifests.KIND/NAME.path`: the object and the path within it.
fn object_path(path: &str) -> Option<(&str, &str)> {
    let (kind, rest) = path.strip_prefix("manifests.")?.split_once('/')?;
    Some((kind, rest))
}

/// Paths start at the scenario's spec unless they name another part of the document.
fn scenario_path(path: &str) -> String {
    let is_whole = ["spec", "metadata", "apiVersion", "kind"]
        .iter()
        .any(|part| path.strip_prefix(part).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')));
    if is_whole { path.to_owned() } else { format!("spec.{path}") }
}

fn set_in_object(objects: &mut [Node], change: &Override, diagnostics: &mut Vec<Diagnostic>) {
    let Some((kind, rest)) = object_path(&change.path) else { return };
    let found = objects
        .iter()
        .enumerate()
        .filter(|(_, object)| object.get("kind").and_then(Node::as_str) == Some(kind))
        .filter_map(|(at, object)| {
            let name = object.name()?;
            let path = rest.strip_prefix(name)?;
            (path.is_empty() || path.starts_with(['.', '['])).then_some((name.len(), at, path.trim_start_matches('.')))
        })
        .max_by_key(|(length, ..)| *length);
    let Some((_, at, path)) = found else {
        let names: Vec<String> = objects
            .iter()
            .filter_map(|object| Some(format!("{}/{}", object.get("kind")?.as_str()?, object.name()?)))
            .collect();
        let known: Vec<&str> = names.iter().map(String::as_str).collect();
        let hint = super::diagnostic::suggestion(&format!("{kind}/{}", rest.split('.').next().unwrap_or(rest)), &known);
        diagnostics.push(refused(change, format!("no manifest holds {kind}/{rest}"), hint));
        return;
    };
    if let Err(error) = change.apply(&mut objects[at], path) {
        diagnostics.push(refused(change, error.problem, error.hint));
    }
}

fn refused(change: &Override, problem: String, hint: Option<String>) -> Diagnostic {
    let option = if change.lays { "--values: " } else { "--set " };
    Diagnostic::error(&change.place, format!("{option}{}: {problem}", shortened(&change.path))).maybe_hint(hint)
}
