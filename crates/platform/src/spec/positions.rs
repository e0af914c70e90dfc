//! Where each part of a YAML file stands, so that an error can point at it.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser};

/// A place in a file, both counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The character within the line.
    pub column: usize,
}

/// Why a file cannot be walked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Broken {
    pub(super) at: Position,
    pub(super) why: String,
}

/// How deep parts may lie within each other.
const DEEPEST: usize = 24;

/// The place of each part, by its path such as `checks[2].column`. A path into a mapping leads to its key.
#[derive(Debug, Default)]
pub(super) struct Positions(HashMap<String, Position>);

enum Level {
    Mapping { path: String, key: Option<String> },
    Sequence { path: String, next: usize },
}

impl Positions {
    /// Walks the file; refuses aliases, as they let a small file describe a huge one.
    pub(super) fn of(yaml: &str) -> Result<Self, Broken> {
        let mut found = Self::default();
        let mut levels: Vec<Level> = Vec::new();
        for event in Parser::new_from_str(yaml) {
            let (event, span) = event.map_err(|error| Broken {
                at: Position { line: error.marker().line(), column: error.marker().col() + 1 },
                why: error.info().to_owned(),
            })?;
            let at = Position { line: span.start.line(), column: span.start.col() + 1 };
            let stop = |why: &str| Err(Broken { at, why: why.to_owned() });
            match event {
                Event::Scalar(text, ..) => found.scalar(&mut levels, &text, at),
                Event::MappingStart(..) => {
                    let path = found.enter(&mut levels, at);
                    levels.push(Level::Mapping { path, key: None });
                }
                Event::SequenceStart(..) => {
                    let path = found.enter(&mut levels, at);
                    levels.push(Level::Sequence { path, next: 0 });
                }
                Event::MappingEnd | Event::SequenceEnd => drop(levels.pop()),
                Event::Alias(_) => return stop("aliases (`*name`) are not taken here"),
                _ => {}
            }
            if levels.len() > DEEPEST {
                return stop("the parts lie too deep within each other");
            }
        }
        Ok(found)
    }

    /// The place of the part at `path`, or of the nearest part around it.
    pub(super) fn nearest(&self, path: &str) -> Option<Position> {
        let mut path = path;
        loop {
            if let Some(position) = self.0.get(path) {
                return Some(*position);
            }
            path = path.rfind(['.', '[']).and_then(|end| path.get(..end))?;
        }
    }

    /// The place of exactly the part at `path`.
    pub(super) fn exact(&self, path: &str) -> Option<Position> {
        self.0.get(path).copied()
    }

    /// A scalar is a key when its mapping waits for one, else a value.
    fn scalar(&mut self, levels: &mut [Level], text: &str, at: Position) {
        if let Some(Level::Mapping { path, key: key @ None }) = levels.last_mut() {
            self.0.entry(joined(path, text)).or_insert(at);
            *key = Some(text.to_owned());
        } else {
            self.enter(levels, at);
        }
    }

    /// Takes note of a value that begins here and answers its path.
    fn enter(&mut self, levels: &mut [Level], at: Position) -> String {
        let path = match levels.last_mut() {
            None => String::new(),
            Some(Level::Mapping { path, key }) => joined(path, &key.take().unwrap_or_default()),
            Some(Level::Sequence { path, next }) => {
                *next += 1;
                format!("{path}[{}]", *next - 1)
            }
        };
        self.0.entry(path.clone()).or_insert(at);
        path
    }
}

fn joined(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(yaml: &str, path: &str, line: usize, column: usize) {
        assert_eq!(Positions::of(yaml).unwrap().nearest(path), Some(Position { line, column }), "{path}");
    }

    #[test]
    fn keys_and_items_are_found() {
        let yaml = "model: traffic\nchecks:\n  - id: a\n    column: temp\n  - { id: b, column: rain }\n";
        check(yaml, "model", 1, 1);
        check(yaml, "checks[0].column", 4, 5);
        check(yaml, "checks[1]", 5, 5);
        check(yaml, "checks[1].column", 5, 14);
    }

    #[test]
    fn a_missing_part_leads_to_what_is_around_it() {
        check("data:\n  source: a.csv\n", "data.time", 1, 1);
    }

    #[test]
    fn aliases_are_refused() {
        assert!(Positions::of("a: &x 1\nb: *x\n").is_err());
    }

    #[test]
    fn broken_yaml_is_placed() {
        let broken = Positions::of("a: [1, 2\nb: 3\n").unwrap_err();
        assert!(broken.at.line >= 1);
    }
}
