//! From settings to objects: pure functions, the same settings always give the same text.

mod network;
mod scaling;
mod workload;

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Error, Kubernetes, Result};

/// The port on which a replica answers.
pub const PORT: u16 = 8080;

/// A deployment that is to run in a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The deployment.
    pub deployment: String,
    /// The model.
    pub model: String,
    /// Its settings.
    pub kubernetes: Kubernetes,
}

/// The kinds of objects that a deployment consists of, in the order in which they are applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Kind {
    /// Whom the pods act as.
    ServiceAccount,
    /// Who may reach the pods, and whom they may reach.
    NetworkPolicy,
    /// The address of the replicas.
    Service,
    /// How many replicas may go at once when nodes are emptied.
    PodDisruptionBudget,
    /// The replicas.
    Deployment,
    /// How many replicas there are, by their load.
    HorizontalPodAutoscaler,
    /// The same by KEDA.
    ScaledObject,
}

impl Kind {
    /// Its group, version and plural in the API.
    #[must_use]
    pub const fn resource(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::ServiceAccount => ("", "v1", "serviceaccounts"),
            Self::NetworkPolicy => ("networking.k8s.io", "v1", "networkpolicies"),
            Self::Service => ("", "v1", "services"),
            Self::PodDisruptionBudget => ("policy", "v1", "poddisruptionbudgets"),
            Self::Deployment => ("apps", "v1", "deployments"),
            Self::HorizontalPodAutoscaler => ("autoscaling", "v2", "horizontalpodautoscalers"),
            Self::ScaledObject => ("keda.sh", "v1alpha1", "scaledobjects"),
        }
    }

    /// Its name as manifests write it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::ServiceAccount => "ServiceAccount",
            Self::NetworkPolicy => "NetworkPolicy",
            Self::Service => "Service",
            Self::PodDisruptionBudget => "PodDisruptionBudget",
            Self::Deployment => "Deployment",
            Self::HorizontalPodAutoscaler => "HorizontalPodAutoscaler",
            Self::ScaledObject => "ScaledObject",
        }
    }
}

/// One object as it is applied.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// What it is.
    pub kind: Kind,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The whole object, `apiVersion` and `kind` included.
    pub object: Value,
}

/// The objects of a deployment, in the order in which they are applied.
///
/// # Errors
/// [`Error::Settings`] when the settings make no sense.
pub fn manifests(target: &Target) -> Result<Vec<Manifest>> {
    target.kubernetes.check(&target.deployment).map_err(|misfit| Error::Settings {
        deployment: target.deployment.clone(),
        misfit: Box::new(misfit),
    })?;
    let names = Names::of(target);
    let mut all = Vec::new();
    if target.kubernetes.service_account.is_none() {
        all.push(names.manifest(Kind::ServiceAccount, &workload::account(&names))?);
    }
    all.push(names.manifest(Kind::NetworkPolicy, &network::policy(&names))?);
    all.push(names.manifest(Kind::Service, &network::service(&names))?);
    if names.fewest() > 1 {
        all.push(names.manifest(Kind::PodDisruptionBudget, &scaling::budget(&names))?);
    }
    all.push(names.manifest(Kind::Deployment, &workload::deployment(&names))?);
    if let Some(autoscale) = &target.kubernetes.autoscale {
        all.push(match &autoscale.keda {
            None => names.manifest(Kind::HorizontalPodAutoscaler, &scaling::autoscaler(&names, autoscale))?,
            Some(keda) => {
                names.manifest(Kind::ScaledObject, &scaling::scaled_object(&names, autoscale, keda))?
            }
        });
    }
    Ok(all)
}

/// Objects as a YAML stream, fields in alphabetical order.
#[must_use]
pub fn yaml(manifests: &[Manifest]) -> String {
    let documents =
        manifests.iter().map(|manifest| serde_yaml_ng::to_string(&manifest.object).unwrap_or_default());
    documents.collect::<Vec<_>>().join("---\n")
}

/// What the objects of a deployment have in common.
struct Names<'a> {
    target: &'a Target,
    settings: &'a Kubernetes,
    name: &'a str,
}

impl<'a> Names<'a> {
    fn of(target: &'a Target) -> Self {
        let settings = &target.kubernetes;
        Self { target, settings, name: settings.name.as_deref().unwrap_or(&target.deployment) }
    }

    /// The replicas that are there even without load.
    fn fewest(&self) -> u32 {
        self.settings.autoscale.as_ref().map_or(self.settings.replicas, |autoscale| autoscale.min)
    }

    /// What picks the pods; it must never change for an object that is there.
    fn picks(&self) -> BTreeMap<String, String> {
        BTreeMap::from([
            ("app.kubernetes.io/name".to_owned(), "gingham-replica".to_owned()),
            ("app.kubernetes.io/instance".to_owned(), self.name.to_owned()),
        ])
    }

    fn selector(&self) -> LabelSelector {
        LabelSelector { match_labels: Some(self.picks()), ..LabelSelector::default() }
    }

    fn labels(&self) -> BTreeMap<String, String> {
        let mut labels = self.settings.labels.clone();
        labels.extend(self.picks());
        labels.insert("app.kubernetes.io/managed-by".to_owned(), "gingham".to_owned());
        labels
    }

    fn annotations(&self) -> BTreeMap<String, String> {
        let mut annotations = self.settings.annotations.clone();
        annotations.insert("gingham.dev/deployment".to_owned(), self.target.deployment.clone());
        annotations.insert("gingham.dev/model".to_owned(), self.target.model.clone());
        annotations
    }

    fn metadata(&self) -> ObjectMeta {
        ObjectMeta {
            name: Some(self.name.to_owned()),
            namespace: Some(self.settings.namespace.clone()),
            labels: Some(self.labels()),
            annotations: Some(self.annotations()),
            ..ObjectMeta::default()
        }
    }

    fn account_name(&self) -> &str {
        self.settings.service_account.as_deref().unwrap_or(self.name)
    }

    fn manifest(&self, kind: Kind, object: &impl Serialize) -> Result<Manifest> {
        let object = serde_json::to_value(object)
            .map_err(|cause| Error::Unreadable { what: kind.word().to_owned(), cause: cause.to_string() })?;
        Ok(Manifest { kind, namespace: self.settings.namespace.clone(), name: self.name.to_owned(), object })
    }
}

fn count(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tests::settings;

    fn of(more: &str) -> Vec<Manifest> {
        let target =
            Target { deployment: "traffic".into(), model: "traffic".into(), kubernetes: settings(more) };
        manifests(&target).unwrap()
    }

    fn at(manifests: &[Manifest], kind: Kind, pointer: &str) -> Value {
        let found = manifests.iter().find(|manifest| manifest.kind == kind);
        found.and_then(|manifest| manifest.object.pointer(pointer)).cloned().unwrap_or_default()
    }

    fn kinds(manifests: &[Manifest]) -> Vec<Kind> {
        manifests.iter().map(|manifest| manifest.kind).collect()
    }

    #[test]
    fn the_same_settings_give_the_same_text() {
        let more = "labels: { b: x, a: y }\nenv: { B: '1', A: '2' }\nautoscale: { max: 4 }";
        assert_eq!(yaml(&of(more)), yaml(&of(more)));
    }

    #[test]
    fn a_plain_deployment_has_five_objects() {
        use Kind::{Deployment, NetworkPolicy, PodDisruptionBudget, Service, ServiceAccount};
        assert_eq!(kinds(&of("")), [ServiceAccount, NetworkPolicy, Service, PodDisruptionBudget, Deployment]);
        assert_eq!(kinds(&of("replicas: 1\nservice_account: mine")), [NetworkPolicy, Service, Deployment]);
    }

    #[test]
    fn an_autoscaler_decides_alone_how_many_replicas_there_are() {
        let fixed = of("replicas: 3");
        assert_eq!(at(&fixed, Kind::Deployment, "/spec/replicas"), 3);
        let scaled = of("autoscale: { min: 2, max: 7, cpu_percent: 60 }");
        assert!(at(&scaled, Kind::Deployment, "/spec/replicas").is_null());
        let spec = at(&scaled, Kind::HorizontalPodAutoscaler, "/spec");
        assert_eq!((&spec["minReplicas"], &spec["maxReplicas"]), (&2.into(), &7.into()));
        assert_eq!(spec["metrics"][0]["resource"]["target"]["averageUtilization"], 60);
    }

    #[test]
    fn keda_may_take_the_last_replica_away() {
        let keda = of(
            "autoscale: { min: 0, max: 5, keda: { prometheus: 'http://p:9090', requests_per_second: 50, query: up } }",
        );
        assert!(!kinds(&keda).contains(&Kind::HorizontalPodAutoscaler));
        let spec = at(&keda, Kind::ScaledObject, "/spec");
        assert_eq!((&spec["minReplicaCount"], &spec["cooldownPeriod"]), (&0.into(), &300.into()));
        assert_eq!(spec["triggers"][0]["metadata"]["threshold"], "50");
    }

    #[test]
    fn graphics_processors_are_limits_and_select_their_nodes() {
        let gpu = of(
            "gpu: { count: 2 }\nnode_selector: { pool: gpu }\ntolerations: [{ key: nvidia.com/gpu }]\nruntime_class: nvidia",
        );
        let pod = at(&gpu, Kind::Deployment, "/spec/template/spec");
        assert_eq!(pod["containers"][0]["resources"]["limits"]["nvidia.com/gpu"], "2");
        assert_eq!(
            (&pod["nodeSelector"]["pool"], &pod["runtimeClassName"]),
            (&"gpu".into(), &"nvidia".into())
        );
        assert_eq!(pod["tolerations"][0]["operator"], "Exists");
    }

    #[test]
    fn replicas_may_reach_nothing_but_names_and_the_server() {
        let egress = at(&of(""), Kind::NetworkPolicy, "/spec/egress");
        let ports: Vec<_> = egress
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|rule| rule["ports"].as_array().unwrap())
            .map(|port| port["port"].as_i64().unwrap())
            .collect();
        assert_eq!(ports, [53, 53, 5050]);
    }

    #[test]
    fn a_pod_outlives_its_drain() {
        let pod = at(&of("drain_seconds: 40"), Kind::Deployment, "/spec/template/spec");
        assert_eq!(pod["terminationGracePeriodSeconds"], 60);
        let arguments = pod["containers"][0]["args"].as_array().unwrap();
        assert!(arguments.windows(2).any(|pair| pair == ["--drain-seconds", "40"]), "{arguments:?}");
    }
}
