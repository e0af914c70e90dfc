//! What is checked: a model with all that stands around it.

use tables::Table;

/// Something that predicts: a loaded engine, or a stand-in.
pub trait Predictor: Send + Sync {
    /// One number a row, in the order of the rows. The rows may have more columns than the model takes; a column that
    /// it must have and the rows lack is an error, in words.
    fn predict(&self, rows: &Table) -> Result<Vec<f64>, String>;
}

/// A model version, and what its checks need to know.
///
/// Whatever is not known is absent; a check that needs it cannot be evaluated and says so.
pub struct Subject<'a> {
    /// Its name for people: `traffic@3`.
    pub name: &'a str,
    /// The model.
    pub model: &'a dyn Predictor,
    /// What it takes.
    pub inputs: Vec<ModelInput>,
    /// The name of what it gives.
    pub output: &'a str,
    /// The rows to judge by, with the target.
    pub rows: &'a Table,
    /// The rows that it learnt from, with the target.
    pub training: Option<&'a Table>,
    /// The column with the truth.
    pub target: &'a str,
    /// The column that says when a row happened.
    pub time: Option<&'a str>,
    /// The version in production.
    pub champion: Option<Rival<'a>>,
    /// The baselines that were trained beside it.
    pub baselines: Vec<Rival<'a>>,
    /// Other artefacts by the name that checks of parity use.
    pub artefacts: Vec<(String, Rival<'a>)>,
    /// How large it is.
    pub footprint: Footprint,
    /// Who sends it rows, as far as is known.
    pub consumers: Option<Vec<Consumer>>,
    /// The packages of its environment.
    pub packages: Option<Vec<Package>>,
    /// The files it consists of.
    pub files: Option<Vec<ModelFile>>,
    /// Where chance starts: the same seed gives the same verdict.
    pub seed: u64,
}

/// Another model on the same rows.
pub struct Rival<'a> {
    /// Its name for people.
    pub name: String,
    /// The model; absent when only its figures are kept.
    pub model: Option<&'a dyn Predictor>,
    /// Its figures on the rows to judge by, where they are known.
    pub metrics: Option<serde_json::Value>,
}

/// What an input holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InputKind {
    /// Numbers.
    Number,
    /// Words.
    Word,
}

impl InputKind {
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Number => "numbers",
            Self::Word => "words",
        }
    }
}

/// One input of a model.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ModelInput {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: InputKind,
    /// Whether every row must have it.
    pub required: bool,
}

/// Who sends rows to a model.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Consumer {
    /// Its name for people: `deployment traffic`.
    pub name: String,
    /// What it sends.
    pub sends: Vec<(String, InputKind)>,
    /// The name of the output that it reads, where that is known.
    pub reads: Option<String>,
}

/// How large a model is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Footprint {
    /// Its files, in bytes.
    pub file_bytes: Option<u64>,
    /// What it keeps in memory, in bytes.
    pub memory_bytes: Option<u64>,
}

/// A package of an environment.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its licence as it says itself; absent when not known.
    pub licence: Option<String>,
}

/// A file of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelFile {
    /// Its path in the model's folder.
    pub path: String,
    /// Its content, as much of it as is looked at.
    pub content: Vec<u8>,
    /// Whether that is all of it.
    pub whole: bool,
}
