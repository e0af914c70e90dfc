//! What a `gingham.yaml` says about the replicas of a deployment, under `deployment.kubernetes`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Where and how the replicas of a deployment run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kubernetes {
    /// The name of all its objects; the deployment's when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The namespace; it must exist.
    #[serde(default = "default_namespace")]
    pub namespace: String,
    /// The container image with the `gingham` binary.
    pub image: String,
    /// The address of the Gingham server as pods reach it, such as `http://gingham.gingham.svc:5050`.
    pub server: String,
    /// The secret with the token that replicas show the server.
    pub token: SecretKey,
    /// The secret with the token that clients must show the replicas; whoever reaches them may ask when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_token: Option<SecretKey>,
    /// How many replicas there are, unless `autoscale` decides.
    #[serde(default = "two")]
    pub replicas: u32,
    /// Lets load decide how many replicas there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autoscale: Option<Autoscale>,
    /// What a replica asks of its node.
    #[serde(default)]
    pub resources: Resources,
    /// Graphics processors of a replica.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu: Option<Gpu>,
    /// Labels that a node must have.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub node_selector: BTreeMap<String, String>,
    /// Taints of nodes that are no hindrance.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tolerations: Vec<Toleration>,
    /// The class of the container runtime, such as `nvidia`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime_class: Option<String>,
    /// A service account that exists; one without any rights is made when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_account: Option<String>,
    /// Secrets with which the image is pulled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub image_pull_secrets: Vec<String>,
    /// Who may reach the replicas.
    #[serde(default)]
    pub network: Network,
    /// The most that a replica keeps of models and unsent predictions on its node.
    #[serde(default = "default_cache")]
    pub cache: String,
    /// How long requests under way may take once a replica is told to stop, in seconds.
    #[serde(default = "default_drain")]
    pub drain_seconds: u32,
    /// Labels on every object, beside our own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Annotations on every object.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Environment of the container, beside our own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
}

/// A value in a secret that exists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretKey {
    /// The secret.
    pub secret: String,
    /// The key in it.
    #[serde(default = "default_key")]
    pub key: String,
}

/// How load decides on the number of replicas.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Autoscale {
    /// The fewest replicas; 0 only with `keda`.
    #[serde(default = "two")]
    pub min: u32,
    /// The most replicas.
    pub max: u32,
    /// The share of the requested processor time that is aimed at, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_percent: Option<u32>,
    /// Scales by KEDA instead of by a `HorizontalPodAutoscaler`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keda: Option<Keda>,
}

/// Scaling by KEDA on a number that Prometheus knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keda {
    /// The address of Prometheus as KEDA reaches it.
    pub prometheus: String,
    /// Requests a second that one replica shall get.
    pub requests_per_second: u32,
    /// What counts requests a second; the replicas' own counter when absent. To scale from zero it must come from
    /// elsewhere, such as the ingress: no replica counts when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// How long nothing must be asked before the last replica goes, in seconds.
    #[serde(default = "default_idle")]
    pub idle_seconds: u32,
}

/// What a replica asks of its node, as Kubernetes writes quantities.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Resources {
    /// Processor time that is set aside, such as `500m`.
    pub cpu: String,
    /// Memory that is set aside and never passed, such as `512Mi`.
    pub memory: String,
    /// The most processor time; no limit when absent, as a limit slows single requests down.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_limit: Option<String>,
}

impl Default for Resources {
    fn default() -> Self {
        Self { cpu: "500m".to_owned(), memory: "512Mi".to_owned(), cpu_limit: None }
    }
}

/// Graphics processors of a replica.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gpu {
    /// How many.
    #[serde(default = "one")]
    pub count: u32,
    /// What the device plugin calls them, such as `nvidia.com/mig-1g.10gb`.
    #[serde(default = "default_gpu")]
    pub resource: String,
}

/// A taint that is no hindrance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Toleration {
    /// The taint's key.
    pub key: String,
    /// The taint's value; any when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// `NoSchedule`, `PreferNoSchedule` or `NoExecute`; any when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<String>,
}

/// Who may reach the replicas; pods of the same namespace always may.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Network {
    /// Other namespaces whose pods may.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub from_namespaces: Vec<String>,
    /// Whether everybody may, such as an ingress outside of the cluster's own network.
    pub open: bool,
}

fn default_namespace() -> String {
    "default".to_owned()
}

fn default_key() -> String {
    "token".to_owned()
}

fn default_cache() -> String {
    "2Gi".to_owned()
}

fn default_gpu() -> String {
    "nvidia.com/gpu".to_owned()
}

const fn one() -> u32 {
    1
}

const fn two() -> u32 {
    2
}

const fn default_drain() -> u32 {
    20
}

const fn default_idle() -> u32 {
    300
}
