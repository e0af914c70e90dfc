//! What can be set about the HTTP server.

use std::time::Duration;

use platform::webhooks::WebhookRules;

use crate::replicas::ReplicaSettings;

/// How the HTTP server behaves. Read once by `cli` and passed down.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Names, besides those of loopback, by which the server may be addressed (`Host`), without a port.
    pub allowed_hosts: Vec<String>,
    /// Origins, besides its own, whose pages may change things, such as `https://portal.example.com`.
    pub allowed_origins: Vec<String>,
    /// Who a request over loopback without credentials is.
    pub local_access: LocalAccess,
    /// The folder that holds everything, shown to the local user only.
    pub data_folder: Option<String>,
    /// How long requests under way may take to finish once the server is told to stop.
    pub drain: Duration,
    /// Whether each request is written to the log.
    pub access_log: bool,
    /// Whether requests join the traces that their headers name.
    pub traces: bool,
    /// How many connections are open at most; further ones wait to be accepted.
    pub most_connections: usize,
    /// A path such as `/mlflow` below which everything is answered too, for a proxy that passes it on.
    pub static_prefix: Option<String>,
    /// What this process answers as a replica; it answers everything when it is none.
    pub replica: Option<ReplicaSettings>,
    /// Which addresses webhooks may have, and how they are told.
    pub webhooks: WebhookRules,
}

/// Who a request over loopback without credentials is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LocalAccess {
    /// The local user, who may do what an admin may, as long as the server itself listens on loopback only.
    Trusted,
    /// Nobody: a token is needed there too.
    Refused,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
            local_access: LocalAccess::Trusted,
            data_folder: None,
            drain: Duration::from_secs(20),
            access_log: false,
            traces: false,
            most_connections: 4_096,
            static_prefix: None,
            replica: None,
            webhooks: WebhookRules::default(),
        }
    }
}
