//! JSON shapes of the server's description of itself.

use base::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// Whether the process is alive or ready.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// `ok`.
    pub status: &'static str,
}

/// What the server is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Info {
    /// `gingham`.
    pub name: &'static str,
    /// The version of the program.
    pub version: &'static str,
    /// When it started.
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Timestamp,
    /// The folder that holds everything; told to the local user only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_folder: Option<String>,
    /// Who is asking.
    pub principal: PrincipalBody,
    /// Which inference engines there are.
    pub engines: Vec<&'static str>,
}

/// Who is asking.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PrincipalBody {
    /// The name that events carry.
    pub name: String,
    /// `local`, `person` or `service`.
    pub kind: &'static str,
}
