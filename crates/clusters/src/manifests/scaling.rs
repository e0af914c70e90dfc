//! How many replicas there are.

use std::collections::BTreeMap;

use k8s_openapi::api::autoscaling::v2::{
    CrossVersionObjectReference, HPAScalingRules, HorizontalPodAutoscaler, HorizontalPodAutoscalerBehavior,
    HorizontalPodAutoscalerSpec, MetricSpec, MetricTarget, ResourceMetricSource,
};
use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde::Serialize;

use super::{Names, count};
use crate::{Autoscale, Keda};

/// The share of the requested processor time that is aimed at when nothing is said, in percent.
const CPU_PERCENT: u32 = 70;
/// How long load must stay low before replicas go, in seconds.
const SCALE_DOWN_SECONDS: i32 = 300;

pub(super) fn budget(names: &Names<'_>) -> PodDisruptionBudget {
    PodDisruptionBudget {
        metadata: names.metadata(),
        spec: Some(PodDisruptionBudgetSpec {
            max_unavailable: Some(IntOrString::Int(1)),
            selector: Some(names.selector()),
            // A replica that is not ready must not keep a node from being emptied.
            unhealthy_pod_eviction_policy: Some("AlwaysAllow".to_owned()),
            ..PodDisruptionBudgetSpec::default()
        }),
        status: None,
    }
}

pub(super) fn autoscaler(names: &Names<'_>, autoscale: &Autoscale) -> HorizontalPodAutoscaler {
    HorizontalPodAutoscaler {
        metadata: names.metadata(),
        spec: Some(HorizontalPodAutoscalerSpec {
            min_replicas: Some(count(autoscale.min)),
            max_replicas: count(autoscale.max),
            scale_target_ref: CrossVersionObjectReference {
                api_version: Some("apps/v1".to_owned()),
                kind: "Deployment".to_owned(),
                name: names.name.to_owned(),
            },
            metrics: Some(vec![MetricSpec {
                type_: "Resource".to_owned(),
                resource: Some(ResourceMetricSource {
                    name: "cpu".to_owned(),
                    target: MetricTarget {
                        type_: "Utilization".to_owned(),
                        average_utilization: Some(count(autoscale.cpu_percent.unwrap_or(CPU_PERCENT))),
                        ..MetricTarget::default()
                    },
                }),
                ..MetricSpec::default()
            }]),
            behavior: Some(HorizontalPodAutoscalerBehavior {
                scale_down: Some(HPAScalingRules {
                    stabilization_window_seconds: Some(SCALE_DOWN_SECONDS),
                    ..HPAScalingRules::default()
                }),
                scale_up: None,
            }),
        }),
        status: None,
    }
}

/// KEDA's own kind: `keda.sh/v1alpha1`, as its documentation of 2.x describes it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ScaledObject {
    api_version: &'static str,
    kind: &'static str,
    metadata: ObjectMeta,
    spec: ScaledObjectSpec,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ScaledObjectSpec {
    scale_target_ref: ScaleTarget,
    min_replica_count: u32,
    max_replica_count: u32,
    cooldown_period: u32,
    polling_interval: u32,
    triggers: Vec<Trigger>,
}

#[derive(Serialize)]
struct ScaleTarget {
    name: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Trigger {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    metric_type: Option<&'static str>,
    metadata: BTreeMap<&'static str, String>,
}

pub(super) fn scaled_object(names: &Names<'_>, autoscale: &Autoscale, keda: &Keda) -> ScaledObject {
    let query = keda.query.clone().unwrap_or_else(|| {
        format!(
            "sum(rate(gingham_inference_requests_total{{deployment=\"{}\",namespace=\"{}\"}}[1m]))",
            names.target.deployment, names.settings.namespace
        )
    });
    let prometheus = Trigger {
        kind: "prometheus",
        metric_type: None,
        metadata: BTreeMap::from([
            ("serverAddress", keda.prometheus.clone()),
            ("query", query),
            ("threshold", keda.requests_per_second.to_string()),
        ]),
    };
    // KEDA takes its processor trigger for pods that are there; it cannot wake the first one.
    let processor = autoscale.cpu_percent.map(|percent| Trigger {
        kind: "cpu",
        metric_type: Some("Utilization"),
        metadata: BTreeMap::from([("value", percent.to_string())]),
    });
    ScaledObject {
        api_version: "keda.sh/v1alpha1",
        kind: "ScaledObject",
        metadata: names.metadata(),
        spec: ScaledObjectSpec {
            scale_target_ref: ScaleTarget { name: names.name.to_owned() },
            min_replica_count: autoscale.min,
            max_replica_count: autoscale.max,
            cooldown_period: keda.idle_seconds,
            polling_interval: 15,
            triggers: std::iter::once(prometheus).chain(processor).collect(),
        },
    }
}
