//! What can go wrong with artifacts.

use base::{Digest, Failure, Kind};

/// A failure of the artifact store.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A path that might lead out of its folder, or that cannot be stored.
    #[error("the path `{path}` is refused: {why}")]
    UnsafePath {
        /// The path, shortened.
        path: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// No blob has that digest.
    #[error("there is no artifact with digest `{digest}`")]
    BlobNotFound {
        /// The digest asked for.
        digest: Digest,
    },
    /// No file has that path.
    #[error("there is no file `{path}` in `{root}`")]
    FileNotFound {
        /// The root, such as a run.
        root: String,
        /// The path below it.
        path: String,
    },
    /// A file stands where a folder is needed, or the other way round.
    #[error("`{path}` is a {is} in `{root}` and cannot be a {wanted} as well")]
    FileClash {
        /// The root, such as a run.
        root: String,
        /// The path that is taken.
        path: String,
        /// What it is.
        is: &'static str,
        /// What it would have to be.
        wanted: &'static str,
    },
    /// A tree that cannot be one.
    #[error("the tree is refused: {why}")]
    BadTree {
        /// What is wrong with it.
        why: String,
    },
    /// The range lies outside the blob.
    #[error("bytes {from} to {to} were asked for of an artifact of {bytes} bytes")]
    BadRange {
        /// First byte asked for.
        from: u64,
        /// First byte no longer asked for.
        to: u64,
        /// How long the blob is.
        bytes: u64,
    },
    /// More than a stated limit.
    #[error("{what} may have at most {limit} {unit}")]
    TooLarge {
        /// What is limited.
        what: &'static str,
        /// The limit.
        limit: u64,
        /// Its unit.
        unit: &'static str,
    },
    /// What is stored is not what was stored; it is not served.
    #[error("artifact `{digest}` is damaged: {why}")]
    Damaged {
        /// The blob.
        digest: Digest,
        /// How it shows.
        why: String,
    },
    /// The one who sends stopped sending.
    #[error("the upload ended early")]
    Upload(#[source] std::io::Error),
    /// What is read from the store cannot be written where it is to go.
    #[error("what was read cannot be written")]
    Target(#[source] std::io::Error),
    /// The file or folder that is to be stored is not as it must be.
    #[error("`{path}` cannot be stored: {why}")]
    Source {
        /// Which file or folder.
        path: String,
        /// What is the matter with it.
        why: String,
    },
    /// Somebody else does the same at this moment.
    #[error("{what}")]
    Busy {
        /// What is under way.
        what: String,
    },
    /// Something that garbage is judged by cannot be read, so nothing is removed.
    #[error("nothing is collected: {why}")]
    RootUnreadable {
        /// Which root, and what is the matter with it.
        why: String,
    },
    /// There is no data of that name, or no such version of it.
    #[error("{what}")]
    NameNotFound {
        /// What was asked for.
        what: String,
    },
    /// The configuration cannot be used.
    #[error("the artifact store `{url}` cannot be opened: {why}")]
    Configuration {
        /// The address given.
        url: String,
        /// What is wrong.
        why: String,
    },
    /// The folder does not answer as it should.
    #[error("the artifact folder cannot {action} `{key}`")]
    Folder {
        /// What was tried.
        action: &'static str,
        /// On which object.
        key: String,
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },
    /// The object store does not answer as it should.
    #[error("the object store cannot {action} `{key}`")]
    ObjectStore {
        /// What was tried.
        action: &'static str,
        /// On which object.
        key: String,
        /// What the store said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Error {
    pub(crate) fn unsafe_path(path: &str, why: &'static str) -> Self {
        Self::UnsafePath { path: path.chars().take(120).flat_map(char::escape_default).collect(), why }
    }
}

impl Failure for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::UnsafePath { .. }
            | Self::BadTree { .. }
            | Self::BadRange { .. }
            | Self::Upload(_)
            | Self::Source { .. } => Kind::Invalid,
            Self::BlobNotFound { .. } | Self::FileNotFound { .. } | Self::NameNotFound { .. } => {
                Kind::NotFound
            }
            Self::FileClash { .. } | Self::Busy { .. } => Kind::Conflict,
            Self::RootUnreadable { .. } => Kind::Internal,
            Self::Target(_) => Kind::Unavailable,
            Self::TooLarge { .. } => Kind::TooLarge,
            Self::Damaged { .. } => Kind::Internal,
            Self::Configuration { .. } => Kind::Invalid,
            Self::Folder { .. } | Self::ObjectStore { .. } => Kind::Unavailable,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::UnsafePath { .. } => "unsafe_path",
            Self::BlobNotFound { .. } => "artifact_not_found",
            Self::FileNotFound { .. } => "file_not_found",
            Self::FileClash { .. } => "file_clash",
            Self::BadTree { .. } => "bad_tree",
            Self::BadRange { .. } => "bad_range",
            Self::TooLarge { .. } => "artifact_too_large",
            Self::Damaged { .. } => "artifact_damaged",
            Self::Upload(_) => "upload_ended_early",
            Self::Source { .. } => "source_unusable",
            Self::Busy { .. } => "artifact_store_busy",
            Self::RootUnreadable { .. } => "root_unreadable",
            Self::NameNotFound { .. } => "data_not_found",
            Self::Target(_) => "target_not_written",
            Self::Configuration { .. } => "artifact_store_configuration",
            Self::Folder { .. } | Self::ObjectStore { .. } => "artifact_store_unavailable",
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::UnsafePath { .. } => {
                Some("use a relative path with `/` between its parts, such as `model/MLmodel`".into())
            }
            Self::Configuration { .. } => Some(
                "give `file:///absolute/folder`, `s3://bucket/prefix`, `gs://…` or `az://container/…`".into(),
            ),
            Self::RootUnreadable { .. } => Some(
                "`gingham verify --artifacts` tells what is damaged; restore it or remove what refers to it"
                    .into(),
            ),
            Self::Busy { .. } => Some("try again when it has ended".into()),
            Self::Damaged { .. } => {
                Some("restore the folder from a backup, or store the artifact again".into())
            }
            _ => None,
        }
    }
}
