//! What a Python pickle would import when it is loaded, found without loading it.
//!
//! A pickle is a program for a small machine (`pickletools` of Python's library lists its instructions). It can call
//! whatever it imports, so its imports say what it can do. Only names are gathered here; nothing is run.

use std::collections::HashMap;

/// What was found in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// It is no pickle and holds none.
    NoPickle,
    /// It imports these, as `module.name`.
    Imports(Vec<String>),
    /// It is a pickle, or holds one, that cannot be read to its end; the reason, and what it imports until there.
    Unreadable(String, Vec<String>),
}

/// A pickle imports at most so many names before it is given up.
const MOST_IMPORTS: usize = 10_000;

/// Modules whose functions build data and do nothing else. A name from anywhere else is unsafe.
const SAFE_MODULES: [&str; 22] = [
    "numpy",
    "scipy.sparse",
    "sklearn",
    "pandas",
    "xgboost",
    "lightgbm",
    "catboost",
    "statsmodels",
    "joblib.numpy_pickle",
    "collections",
    "datetime",
    "decimal",
    "fractions",
    "uuid",
    "copyreg",
    "copy_reg",
    "_codecs",
    "pyarrow",
    "polars",
    "torch._utils",
    "torch.nn",
    "torch",
];
/// Names of those modules that reach further than data.
const UNSAFE_NAMES: [&str; 12] = [
    "numpy.testing",
    "numpy.f2py",
    "numpy.distutils",
    "numpy.ctypeslib",
    "numpy.load",
    "numpy.memmap",
    "torch.load",
    "torch.hub",
    "torch.jit",
    "torch.utils",
    "pandas.read_pickle",
    "pandas.eval",
];
const SAFE_BUILTINS: [&str; 16] = [
    "bool",
    "bytearray",
    "bytes",
    "complex",
    "dict",
    "float",
    "frozenset",
    "int",
    "list",
    "object",
    "range",
    "set",
    "slice",
    "str",
    "tuple",
    "type",
];

/// The imports that can do more than build data.
#[must_use]
pub fn unsafe_imports(imports: &[String]) -> Vec<&String> {
    imports.iter().filter(|import| !is_safe(import)).collect()
}

fn is_safe(import: &str) -> bool {
    let within = |module: &str| import.strip_prefix(module).is_some_and(|rest| rest.starts_with('.'));
    for builtins in ["builtins.", "__builtin__."] {
        if let Some(name) = import.strip_prefix(builtins) {
            return SAFE_BUILTINS.contains(&name);
        }
    }
    let reaches = UNSAFE_NAMES.iter().any(|name| import == *name || within(name));
    SAFE_MODULES.iter().any(|module| within(module)) && !reaches
}

/// Looks through a file by its path and content. `whole` says whether the content is all of it.
pub(super) fn look(path: &str, content: &[u8], whole: bool) -> Finding {
    let lower = path.to_ascii_lowercase();
    let ends = |endings: &[&str]| endings.iter().any(|ending| lower.ends_with(ending));
    if content.starts_with(b"PK\x03\x04") {
        return in_archive(content);
    }
    let named = ends(&[".pkl", ".pickle", ".joblib", ".dill", ".cloudpickle", ".pt", ".pth", ".bin", ".sav"]);
    let begins = content.first() == Some(&0x80) && content.get(1).is_some_and(|version| *version <= 5);
    if content.starts_with(b"\x93NUMPY") {
        // Arrays of objects are pickles within.
        let head = content.get(..256.min(content.len())).unwrap_or_default();
        return match find(head, b"'|O'").and(find(content, &[0x80])) {
            Some(at) => imports(content.get(at..).unwrap_or_default(), whole),
            None => Finding::NoPickle,
        };
    }
    if begins {
        return imports(content, whole);
    }
    if !named || ends(&[".bin"]) {
        return Finding::NoPickle;
    }
    let packed =
        [&b"\x1f\x8b"[..], b"\x78\x9c", b"\x78\xda", b"\x78\x01", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd"];
    if packed.iter().any(|magic| content.starts_with(magic)) {
        return Finding::Unreadable("it is compressed".to_owned(), Vec::new());
    }
    // The oldest protocol has no first byte to know it by.
    imports(content, whole)
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// The pickles in a ZIP archive, such as the files of PyTorch.
fn in_archive(content: &[u8]) -> Finding {
    let mut all = Vec::new();
    let mut found = false;
    let mut at = 0;
    while let Some(next) = content.get(at..).and_then(|rest| find(rest, b"PK\x03\x04")) {
        let head = at + next;
        let short = |place: usize| {
            let bytes = content.get(head + place..head + place + 2)?;
            Some(usize::from(u16::from_le_bytes([*bytes.first()?, *bytes.get(1)?])))
        };
        let (Some(method), Some(name), Some(extra)) = (short(8), short(26), short(28)) else { break };
        let start = head + 30 + name + extra;
        let path = String::from_utf8_lossy(content.get(head + 30..head + 30 + name).unwrap_or_default())
            .into_owned();
        if path.ends_with(".pkl") || path.ends_with(".pickle") {
            found = true;
            if method != 0 {
                return Finding::Unreadable(format!("`{path}` in it is compressed"), all);
            }
            match imports(content.get(start..).unwrap_or_default(), true) {
                Finding::Imports(more) => all.extend(more),
                Finding::Unreadable(why, more) => {
                    all.extend(more);
                    return Finding::Unreadable(why, all);
                }
                Finding::NoPickle => {}
            }
        }
        at = head + 4;
    }
    if found { Finding::Imports(all) } else { Finding::NoPickle }
}

/// Reads the instructions up to the end of the first pickle.
fn imports(content: &[u8], whole: bool) -> Finding {
    let mut reader =
        Reader { rest: content, texts: Vec::new(), memo: HashMap::new(), memoized: 0, found: Vec::new() };
    loop {
        match reader.step() {
            Ok(true) => {}
            Ok(false) => return Finding::Imports(reader.found),
            Err(why) => {
                let why = if whole { why } else { "it is larger than what is looked at".to_owned() };
                return Finding::Unreadable(why, reader.found);
            }
        }
    }
}

struct Reader<'a> {
    rest: &'a [u8],
    /// The texts that were pushed, newest last.
    texts: Vec<String>,
    memo: HashMap<u64, String>,
    memoized: u64,
    found: Vec<String>,
}

impl Reader<'_> {
    fn take(&mut self, count: usize) -> Result<&[u8], String> {
        let (taken, rest) =
            self.rest.split_at_checked(count).ok_or_else(|| "it ends in the middle".to_owned())?;
        self.rest = rest;
        Ok(taken)
    }

    /// A whole number of so many bytes, the least first.
    fn number(&mut self, bytes: usize) -> Result<u64, String> {
        Ok(self.take(bytes)?.iter().rev().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte)))
    }

    fn skip(&mut self, count: u64) -> Result<(), String> {
        let count = usize::try_from(count).map_err(|_| "it names an impossible length".to_owned())?;
        self.take(count).map(|_| ())
    }

    fn text(&mut self, length: u64) -> Result<(), String> {
        let length = usize::try_from(length).map_err(|_| "it names an impossible length".to_owned())?;
        let text = String::from_utf8_lossy(self.take(length)?).into_owned();
        self.push(text);
        Ok(())
    }

    fn push(&mut self, text: String) {
        if self.texts.len() > 64 {
            self.texts.drain(..32);
        }
        self.texts.push(text);
    }

    fn line(&mut self) -> Result<String, String> {
        let end = find(self.rest, b"\n").ok_or_else(|| "it ends in the middle".to_owned())?;
        let line = String::from_utf8_lossy(self.take(end)?).into_owned();
        self.take(1)?;
        Ok(line)
    }

    fn import(&mut self, module: &str, name: &str) -> Result<(), String> {
        if self.found.len() >= MOST_IMPORTS {
            return Err("it imports too much".to_owned());
        }
        let import = format!("{module}.{name}");
        if !self.found.contains(&import) {
            self.found.push(import);
        }
        Ok(())
    }

    /// Reads one instruction; false at the end.
    fn step(&mut self) -> Result<bool, String> {
        let code = self.number(1)? as u8;
        match code {
            b'.' => return Ok(false),
            // Texts, by length.
            0x8c => {
                let length = self.number(1)?;
                self.text(length)?;
            }
            b'X' | b'T' => {
                let length = self.number(4)?;
                self.text(length)?;
            }
            0x8d => {
                let length = self.number(8)?;
                self.text(length)?;
            }
            b'U' => {
                let length = self.number(1)?;
                self.text(length)?;
            }
            b'V' | b'S' => {
                let line = self.line()?;
                self.push(line.trim_matches(['\'', '"']).to_owned());
            }
            // Imports.
            b'c' | b'i' => {
                let (module, name) = (self.line()?, self.line()?);
                self.import(&module, &name)?;
            }
            0x93 => {
                let mut last = self.texts.iter().rev();
                let (name, module) = (last.next().cloned(), last.next().cloned());
                match (module, name) {
                    (Some(module), Some(name)) => self.import(&module, &name)?,
                    _ => self.import("unknown", "unknown")?,
                }
            }
            0x82..=0x84 => {
                let bytes = [1, 2, 4].get(usize::from(code - 0x82)).copied().unwrap_or(1);
                let extension = self.number(bytes)?;
                self.import("copyreg-extension", &extension.to_string())?;
            }
            // What is remembered.
            0x94 => {
                self.remember(self.memoized);
                self.memoized += 1;
            }
            b'q' => {
                let place = self.number(1)?;
                self.remember(place);
            }
            b'r' => {
                let place = self.number(4)?;
                self.remember(place);
            }
            b'p' => {
                let place = self.line()?.trim().parse().unwrap_or_default();
                self.remember(place);
            }
            b'h' => {
                let place = self.number(1)?;
                self.recall(place);
            }
            b'j' => {
                let place = self.number(4)?;
                self.recall(place);
            }
            b'g' => {
                let place = self.line()?.trim().parse().unwrap_or_default();
                self.recall(place);
            }
            // Other values, by length.
            b'C' | 0x8a => {
                let length = self.number(1)?;
                self.skip(length)?;
            }
            b'B' | 0x8b => {
                let length = self.number(4)?;
                self.skip(length)?;
            }
            0x8e | 0x96 => {
                let length = self.number(8)?;
                self.skip(length)?;
            }
            b'K' | 0x80 => self.skip(1)?,
            b'M' => self.skip(2)?,
            b'J' => self.skip(4)?,
            b'G' | 0x95 => self.skip(8)?,
            b'F' | b'I' | b'L' | b'P' => {
                self.line()?;
            }
            // Without an argument.
            b'('
            | b'0'
            | b'1'
            | b'2'
            | b'N'
            | b'Q'
            | b'R'
            | b'a'
            | b'b'
            | b'd'
            | b'e'
            | b'l'
            | b'o'
            | b's'
            | b't'
            | b'u'
            | b')'
            | b'}'
            | b']'
            | 0x81
            | 0x85..=0x89
            | 0x8f..=0x92
            | 0x97
            | 0x98 => {}
            other => return Err(format!("byte {other:#04x} is no instruction of a pickle")),
        }
        Ok(true)
    }

    fn remember(&mut self, place: u64) {
        if let Some(text) = self.texts.last()
            && self.memo.len() < 1_000_000
        {
            self.memo.insert(place, text.clone());
        }
    }

    fn recall(&mut self, place: u64) {
        if let Some(text) = self.memo.get(&place).cloned() {
            self.push(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `pickle.dumps(os.system)` of protocol 4, with a call around it.
    const SYSTEM: &[u8] = b"\x80\x04\x95\x1d\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93\x94\x8c\x02id\x94\x85\x94R\x94.";

    #[test]
    fn a_call_of_the_shell_is_found_in_old_and_new_protocols() {
        for content in [SYSTEM, b"cos\nsystem\n(S'id'\ntR."] {
            let Finding::Imports(imports) = look("model.pkl", content, true) else { panic!("no imports") };
            assert_eq!(imports.len(), 1);
            assert!(imports[0].ends_with(".system") && unsafe_imports(&imports).len() == 1, "{imports:?}");
        }
    }

    #[test]
    fn what_builds_data_is_safe() {
        let imports: Vec<String> = [
            "numpy.ndarray",
            "numpy._core.multiarray._reconstruct",
            "builtins.set",
            "sklearn.tree._tree.Tree",
        ]
        .map(str::to_owned)
        .into();
        assert!(unsafe_imports(&imports).is_empty());
        let imports: Vec<String> =
            ["builtins.eval", "numpy.f2py.compile", "os.system", "numpyx.ndarray", "torch.load"]
                .map(str::to_owned)
                .into();
        assert_eq!(unsafe_imports(&imports).len(), 5);
    }

    #[test]
    fn what_cannot_be_read_is_said_and_what_is_no_pickle_is_left_alone() {
        assert_eq!(look("model.onnx", b"\x08\x07\x12", true), Finding::NoPickle);
        assert_eq!(look("weights.bin", b"\x00\x01", true), Finding::NoPickle);
        assert!(matches!(look("model.joblib", b"\x78\x9cabc", true), Finding::Unreadable(..)));
        assert!(matches!(look("model.pkl", &SYSTEM[..20], true), Finding::Unreadable(..)));
        let Finding::Unreadable(why, imports) = look("model.pkl", &SYSTEM[..30], false) else { panic!() };
        assert!(why.contains("larger") && imports.len() <= 1, "{why}");
    }

    #[test]
    fn an_archive_is_looked_into() {
        let name = b"archive/data.pkl";
        let mut zip = b"PK\x03\x04\x00\x00\x00\x00\x00\x00".to_vec();
        zip.extend([0_u8; 16]);
        zip.extend((name.len() as u16).to_le_bytes());
        zip.extend([0, 0]);
        zip.extend(name);
        zip.extend(SYSTEM);
        let Finding::Imports(imports) = look("model.pt", &zip, true) else { panic!("no imports") };
        assert_eq!(imports, ["posix.system"]);
    }
}
