//! The replicas themselves.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec, DeploymentStrategy, RollingUpdateDeployment};
use k8s_openapi::api::core::v1::{
    Capabilities, Container, ContainerPort, EmptyDirVolumeSource, EnvVar, EnvVarSource, HTTPGetAction,
    LocalObjectReference, PodSecurityContext, PodSpec, PodTemplateSpec, Probe, ResourceRequirements,
    SeccompProfile, SecretKeySelector, SecurityContext, ServiceAccount, Toleration, TopologySpreadConstraint,
    Volume, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::{Names, PORT, count};
use crate::SecretKey;

/// Where a replica keeps models and unsent predictions.
const CACHE: &str = "/var/lib/gingham";
/// A user that owns nothing.
const USER: i64 = 65_532;
/// How long a replica goes on taking requests after it was told to stop, until everybody has heard.
const DRAIN_DELAY_SECONDS: u32 = 5;
/// What a pod gets beyond delay and drain, to send what it archived.
const GRACE_SECONDS: u32 = 15;

pub(super) fn account(names: &Names<'_>) -> ServiceAccount {
    ServiceAccount {
        metadata: names.metadata(),
        automount_service_account_token: Some(false),
        ..ServiceAccount::default()
    }
}

pub(super) fn deployment(names: &Names<'_>) -> Deployment {
    let replicas = names.settings.autoscale.is_none().then(|| count(names.settings.replicas));
    Deployment {
        metadata: names.metadata(),
        spec: Some(DeploymentSpec {
            replicas,
            selector: names.selector(),
            revision_history_limit: Some(5),
            strategy: Some(DeploymentStrategy {
                type_: Some("RollingUpdate".to_owned()),
                // A new replica is ready before an old one goes.
                rolling_update: Some(RollingUpdateDeployment {
                    max_surge: Some(IntOrString::Int(1)),
                    max_unavailable: Some(IntOrString::Int(0)),
                }),
            }),
            template: PodTemplateSpec {
                metadata: Some(ObjectMeta {
                    labels: Some(names.labels()),
                    annotations: Some(names.annotations()),
                    ..ObjectMeta::default()
                }),
                spec: Some(pod(names)),
            },
            ..DeploymentSpec::default()
        }),
        status: None,
    }
}

fn pod(names: &Names<'_>) -> PodSpec {
    let settings = names.settings;
    let some = |list: Vec<Toleration>| (!list.is_empty()).then_some(list);
    let tolerations = settings.tolerations.iter().map(|toleration| Toleration {
        key: Some(toleration.key.clone()),
        operator: Some(if toleration.value.is_some() { "Equal" } else { "Exists" }.to_owned()),
        value: toleration.value.clone(),
        effect: toleration.effect.clone(),
        ..Toleration::default()
    });
    let secrets = settings.image_pull_secrets.iter().map(|name| LocalObjectReference { name: name.clone() });
    let secrets: Vec<_> = secrets.collect();
    PodSpec {
        service_account_name: Some(names.account_name().to_owned()),
        automount_service_account_token: Some(false),
        enable_service_links: Some(false),
        termination_grace_period_seconds: Some(i64::from(
            DRAIN_DELAY_SECONDS.saturating_add(settings.drain_seconds).saturating_add(GRACE_SECONDS),
        )),
        security_context: Some(PodSecurityContext {
            run_as_non_root: Some(true),
            run_as_user: Some(USER),
            run_as_group: Some(USER),
            fs_group: Some(USER),
            seccomp_profile: Some(SeccompProfile {
                type_: "RuntimeDefault".to_owned(),
                localhost_profile: None,
            }),
            ..PodSecurityContext::default()
        }),
        containers: vec![container(names)],
        volumes: Some(vec![
            volume("cache", Some(Quantity(settings.cache.clone()))),
            volume("scratch", Some(Quantity("256Mi".to_owned()))),
        ]),
        node_selector: (!settings.node_selector.is_empty()).then(|| settings.node_selector.clone()),
        tolerations: some(tolerations.collect()),
        runtime_class_name: settings.runtime_class.clone(),
        image_pull_secrets: (!secrets.is_empty()).then_some(secrets),
        topology_spread_constraints: Some(vec![TopologySpreadConstraint {
            max_skew: 1,
            topology_key: "kubernetes.io/hostname".to_owned(),
            when_unsatisfiable: "ScheduleAnyway".to_owned(),
            label_selector: Some(names.selector()),
            ..TopologySpreadConstraint::default()
        }]),
        ..PodSpec::default()
    }
}

fn container(names: &Names<'_>) -> Container {
    let settings = names.settings;
    let arguments = [
        "serve",
        &names.target.deployment,
        "--registry",
        &settings.server,
        "--cache",
        CACHE,
        "--host",
        "0.0.0.0",
        "--port",
        &PORT.to_string(),
        "--drain-delay-seconds",
        &DRAIN_DELAY_SECONDS.to_string(),
        "--drain-seconds",
        &settings.drain_seconds.to_string(),
    ]
    .map(str::to_owned);
    let mut arguments = arguments.to_vec();
    if settings.client_token.is_none() {
        // The network policy says who reaches it.
        arguments.push("--open".to_owned());
    }
    Container {
        name: "replica".to_owned(),
        image: Some(settings.image.clone()),
        args: Some(arguments),
        env: Some(environment(names)),
        ports: Some(vec![ContainerPort {
            name: Some("http".to_owned()),
            container_port: i32::from(PORT),
            protocol: Some("TCP".to_owned()),
            ..ContainerPort::default()
        }]),
        resources: Some(resources(names)),
        // Up to five minutes for models to come and to warm up.
        startup_probe: Some(probe("/v2/health/ready", 2, 150)),
        readiness_probe: Some(probe("/v2/health/ready", 2, 2)),
        liveness_probe: Some(probe("/v2/health/live", 10, 6)),
        volume_mounts: Some(vec![mount("cache", CACHE), mount("scratch", "/tmp")]),
        security_context: Some(SecurityContext {
            allow_privilege_escalation: Some(false),
            read_only_root_filesystem: Some(true),
            capabilities: Some(Capabilities { add: None, drop: Some(vec!["ALL".to_owned()]) }),
            ..SecurityContext::default()
        }),
        ..Container::default()
    }
}

fn environment(names: &Names<'_>) -> Vec<EnvVar> {
    let settings = names.settings;
    let secret = |name: &str, key: &SecretKey| EnvVar {
        name: name.to_owned(),
        value: None,
        value_from: Some(EnvVarSource {
            secret_key_ref: Some(SecretKeySelector {
                name: key.secret.clone(),
                key: key.key.clone(),
                optional: None,
            }),
            ..EnvVarSource::default()
        }),
    };
    let mut all = vec![secret("GINGHAM_TOKEN", &settings.token)];
    all.extend(settings.client_token.iter().map(|key| secret("GINGHAM_CLIENT_TOKEN", key)));
    all.extend(settings.env.iter().map(|(name, value)| EnvVar {
        name: name.clone(),
        value: Some(value.clone()),
        value_from: None,
    }));
    all
}

fn resources(names: &Names<'_>) -> ResourceRequirements {
    let wanted = &names.settings.resources;
    let quantity = |text: &str| Quantity(text.to_owned());
    let requests = BTreeMap::from([
        ("cpu".to_owned(), quantity(&wanted.cpu)),
        ("memory".to_owned(), quantity(&wanted.memory)),
    ]);
    let mut limits = BTreeMap::from([("memory".to_owned(), quantity(&wanted.memory))]);
    limits.extend(wanted.cpu_limit.iter().map(|limit| ("cpu".to_owned(), quantity(limit))));
    limits
        .extend(names.settings.gpu.iter().map(|gpu| (gpu.resource.clone(), Quantity(gpu.count.to_string()))));
    ResourceRequirements { claims: None, requests: Some(requests), limits: Some(limits) }
}

fn probe(path: &str, period_seconds: i32, failure_threshold: i32) -> Probe {
    Probe {
        http_get: Some(HTTPGetAction {
            path: Some(path.to_owned()),
            port: IntOrString::String("http".to_owned()),
            scheme: Some("HTTP".to_owned()),
            ..HTTPGetAction::default()
        }),
        period_seconds: Some(period_seconds),
        timeout_seconds: Some(2),
        failure_threshold: Some(failure_threshold),
        ..Probe::default()
    }
}

fn volume(name: &str, size_limit: Option<Quantity>) -> Volume {
    Volume {
        name: name.to_owned(),
        empty_dir: Some(EmptyDirVolumeSource { medium: None, size_limit }),
        ..Volume::default()
    }
}

fn mount(name: &str, mount_path: &str) -> VolumeMount {
    VolumeMount { name: name.to_owned(), mount_path: mount_path.to_owned(), ..VolumeMount::default() }
}
