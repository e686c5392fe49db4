//! Templates, filled in (`text/template/exec.go`, Go 1.26).

use std::collections::BTreeMap;
use std::rc::Rc;

use super::functions::call;
use super::parse::{Part, Pipeline, Template, Word};
use super::value::{Data, Labels, Value};

/// Parts filled in at most: a template that ranges over a number may be without end.
const MOST_STEPS: usize = 200_000;
/// Templates that call one another, at most.
const DEEPEST: usize = 100;

#[derive(Clone, Copy, PartialEq)]
enum Flow {
    On,
    Break,
    Continue,
}

struct Filling<'t, 'a> {
    data: &'t Data<'a>,
    named: &'t BTreeMap<String, Vec<Part>>,
    /// The innermost last.
    variables: Vec<(String, Value)>,
    text: String,
    steps: usize,
    depth: usize,
}

impl Template {
    /// The text with its places filled in; what went wrong, where something did.
    pub fn fill(&self, data: &Data<'_>) -> String {
        self.filled(data).unwrap_or_else(|problem| format!("<error expanding template: {problem}>"))
    }

    /// # Errors
    /// What went wrong.
    pub(super) fn filled(&self, data: &Data<'_>) -> Result<String, String> {
        let root = Value::Root(Rc::clone(&data.labels), data.value);
        let variables = [
            ("$", root.clone()),
            ("$labels", Value::Labels(Rc::clone(&data.labels))),
            ("$externalLabels", Value::Labels(Labels::default())),
            ("$externalURL", Value::Text(String::new())),
            ("$value", Value::Float(data.value)),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value)).to_vec();
        let mut filling = Filling { data, named: &self.named, variables, text: String::new(), steps: 0, depth: 0 };
        filling.fill(&self.parts, &root)?;
        Ok(filling.text)
    }
}

impl Filling<'_, '_> {
    fn fill(&mut self, parts: &[Part], dot: &Value) -> Result<Flow, String> {
        for part in parts {
            self.steps += 1;
            if self.steps > MOST_STEPS {
                return Err("it goes on and on".to_owned());
            }
            let flow = self.part(part, dot)?;
            if flow != Flow::On {
                return Ok(flow);
            }
        }
        Ok(Flow::On)
    }

    fn part(&mut self, part: &Part, dot: &Value) -> Result<Flow, String> {
        match part {
            Part::Text(plain) => self.text.push_str(plain),
            Part::Value(pipeline) => {
                let value = self.value(pipeline, dot)?;
                let text = if value == Value::Nil { "<no value>".to_owned() } else { value.printed() };
                self.text.push_str(&text);
            }
            Part::Declare(name, pipeline) => {
                let value = self.value(pipeline, dot)?;
                self.variables.push((name.clone(), value));
            }
            Part::Assign(name, pipeline) => {
                let value = self.value(pipeline, dot)?;
                let variable = self.variables.iter_mut().rev().find(|(known, _)| known == name);
                variable.ok_or_else(|| format!("undefined variable: {name}"))?.1 = value;
            }
            Part::Range { names, over, body, otherwise } => return self.range(names, over, (body, otherwise), dot),
            Part::Choice { name, condition, is_with, then, otherwise } => {
                let before = self.variables.len();
                let value = self.value(condition, dot)?;
                if let Some(name) = name {
                    self.variables.push((name.clone(), value.clone()));
                }
                let flow = match value.is_true() {
                    true if *is_with => self.fill(then, &value)?,
                    true => self.fill(then, dot)?,
                    false => self.fill(otherwise, dot)?,
                };
                self.variables.truncate(before);
                return Ok(flow);
            }
            Part::Call(name, given) => {
                let dot = match given {
                    Some(pipeline) => self.value(pipeline, dot)?,
                    None => Value::Nil,
                };
                let body = self.named.get(name).ok_or_else(|| format!("template {name:?} not defined"))?;
                self.depth += 1;
                if self.depth > DEEPEST {
                    return Err("exceeded maximum template depth".to_owned());
                }
                let variables = std::mem::replace(&mut self.variables, vec![("$".to_owned(), dot.clone())]);
                self.fill(body, &dot)?;
                self.variables = variables;
                self.depth -= 1;
            }
            Part::Break => return Ok(Flow::Break),
            Part::Continue => return Ok(Flow::Continue),
        }
        Ok(Flow::On)
    }

    fn range(
        &mut self,
        names: &[String],
        over: &Pipeline,
        (body, otherwise): (&[Part], &[Part]),
        dot: &Value,
    ) -> Result<Flow, String> {
        let of_map = |(key, value): (&String, Value)| (Value::Text(key.clone()), value);
        let pairs: Box<dyn Iterator<Item = (Value, Value)>> = match self.value(over, dot)? {
            Value::Samples(samples) => {
                let all: Vec<_> = samples.iter().cloned().collect();
                let numbered = all.into_iter().enumerate();
                Box::new(numbered.map(|(index, sample)| (Value::Whole(index as i64), Value::Sample(sample))))
            }
            Value::Labels(labels) => {
                let all: Vec<_> = labels.iter().map(|(key, value)| of_map((key, Value::Text(value.clone())))).collect();
                Box::new(all.into_iter())
            }
            Value::Args(args) => {
                let all: Vec<_> = args.iter().map(|(key, value)| of_map((key, value.clone()))).collect();
                Box::new(all.into_iter())
            }
            Value::Whole(_) if names.len() > 1 => {
                return Err("can't use more than one variable to range over an int".to_owned());
            }
            Value::Whole(number) => Box::new((0..number).map(|index| (Value::Whole(index), Value::Whole(index)))),
            Value::Nil => Box::new(std::iter::empty()),
            other => return Err(format!("range can't iterate over {}", other.printed())),
        };
        let before = self.variables.len();
        let mut is_empty = true;
        for (key, element) in pairs {
            is_empty = false;
            match names {
                [] => {}
                [name] => self.variables.push((name.clone(), element.clone())),
                [index, name, ..] => {
                    self.variables.push((index.clone(), key));
                    self.variables.push((name.clone(), element.clone()));
                }
            }
            self.steps += 1;
            let flow = self.fill(body, &element)?;
            self.variables.truncate(before);
            if flow == Flow::Break {
                break;
            }
            if self.steps > MOST_STEPS {
                return Err("it goes on and on".to_owned());
            }
        }
        if is_empty {
            return self.fill(otherwise, dot);
        }
        Ok(Flow::On)
    }

    fn value(&self, pipeline: &Pipeline, dot: &Value) -> Result<Value, String> {
        let mut last = None;
        for command in pipeline {
            last = Some(self.command(command, dot, last)?);
        }
        Ok(last.unwrap_or(Value::Nil))
    }

    fn command(&self, command: &[Word], dot: &Value, last: Option<Value>) -> Result<Value, String> {
        let Some((first, rest)) = command.split_first() else { return Ok(Value::Nil) };
        if let Word::Function(name) = first {
            if let "and" | "or" = name.as_str() {
                return self.short_cut(name, rest, dot, last);
            }
            let mut values = rest.iter().map(|word| self.word(word, dot)).collect::<Result<Vec<_>, _>>()?;
            values.extend(last);
            return self.call(name, &values);
        }
        if !rest.is_empty() || last.is_some() {
            return Err("can't give argument to non-function".to_owned());
        }
        match first {
            Word::Nil => Err("nil is not a command".to_owned()),
            first => self.word(first, dot),
        }
    }

    fn call(&self, name: &str, values: &[Value]) -> Result<Value, String> {
        // What is given is looked at before the call.
        let told = |problem: String| match problem.starts_with("wrong ") {
            true => problem,
            false => format!("error calling {name}: {problem}"),
        };
        call(name, values, self.data).map_err(told)
    }

    /// `and` and `or` look no further than they must.
    fn short_cut(&self, name: &str, rest: &[Word], dot: &Value, last: Option<Value>) -> Result<Value, String> {
        let mut value = None;
        for word in rest {
            let found = self.word(word, dot)?;
            let decides = found.is_true() == (name == "or");
            value = Some(found);
            if decides {
                return Ok(value.unwrap_or(Value::Nil));
            }
        }
        last.or(value).ok_or_else(|| format!("wrong number of args for {name}: want at least 1 got 0"))
    }

    fn word(&self, word: &Word, dot: &Value) -> Result<Value, String> {
        Ok(match word {
            Word::Text(text) => Value::Text(text.clone()),
            Word::Whole(number) => Value::Whole(*number),
            Word::Float(number) => Value::Float(*number),
            Word::Bool(holds) => Value::Bool(*holds),
            Word::Nil => Value::Nil,
            Word::Function(name) => {
                return self.call(name, &[]);
            }
            Word::Variable(name, fields) => {
                let known = self.variables.iter().rev().find(|(known, _)| known == name);
                let base = if name == "." { Some(dot) } else { known.map(|(_, value)| value) };
                return field_of(base.cloned().unwrap_or(Value::Nil), fields);
            }
            Word::Group(pipeline, fields) => return field_of(self.value(pipeline, dot)?, fields),
        })
    }
}

fn field_of(base: Value, fields: &[String]) -> Result<Value, String> {
    fields.iter().try_fold(base, |base, field| {
        Ok(match (&base, field.as_str()) {
            (Value::Root(labels, _), "Labels") => Value::Labels(Rc::clone(labels)),
            (Value::Root(..), "ExternalLabels") => Value::Labels(Labels::default()),
            (Value::Root(..), "ExternalURL") => Value::Text(String::new()),
            (Value::Root(_, value), "Value") => Value::Float(*value),
            (Value::Sample(sample), "Value") => Value::Float(sample.value),
            (Value::Sample(sample), "Labels") => Value::Labels(Rc::clone(&sample.labels)),
            (Value::Labels(labels), name) => Value::Text(labels.get(name).cloned().unwrap_or_default()),
            (Value::Args(args), name) => args.get(name).cloned().unwrap_or(Value::Nil),
            (Value::Nil, name) => return Err(format!("nil pointer evaluating interface {{}}.{name}")),
            (Value::Time(_) | Value::Duration(_), name) => {
                return Err(format!("the method {name} of {} is not filled in by a simulation", base.type_name()));
            }
            (other, name) => return Err(format!("can't evaluate field {name} in type {}", other.type_name())),
        })
    })
}
