//! Where artifacts are kept and how much may be kept at once.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Where artifacts are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArtifactsConfig {
    /// `file:///absolute/folder`, `s3://bucket/prefix`, `gs://bucket/prefix` or `az://container/prefix`.
    pub url: String,
    /// Settings of the bucket, such as `endpoint`, `region`, `allow_http`; what is not given here
    /// is taken from the usual variables: `AWS_*`, `GOOGLE_*`, `AZURE_*`.
    #[serde(default)]
    pub options: BTreeMap<String, String>,
    /// How much may be kept at once.
    #[serde(default)]
    pub limits: Limits,
}

impl ArtifactsConfig {
    /// Artifacts in a folder or bucket, with the usual limits.
    pub fn at(url: impl Into<String>) -> Self {
        Self { url: url.into(), options: BTreeMap::new(), limits: Limits::default() }
    }
}

/// How much may be kept at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// The longest blob, in bytes.
    pub blob_bytes: u64,
    /// The most files in one tree.
    pub tree_entries: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { blob_bytes: 1 << 38, tree_entries: 200_000 }
    }
}
