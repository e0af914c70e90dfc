//! How the replicas are reached, and by whom.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::api::networking::v1::{
    NetworkPolicy, NetworkPolicyEgressRule, NetworkPolicyIngressRule, NetworkPolicyPeer, NetworkPolicyPort,
    NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::{Names, PORT};
use crate::check::port_of;

pub(super) fn service(names: &Names<'_>) -> Service {
    Service {
        metadata: names.metadata(),
        spec: Some(ServiceSpec {
            type_: Some("ClusterIP".to_owned()),
            selector: Some(names.picks()),
            ports: Some(vec![ServicePort {
                name: Some("http".to_owned()),
                port: 80,
                protocol: Some("TCP".to_owned()),
                target_port: Some(IntOrString::String("http".to_owned())),
                ..ServicePort::default()
            }]),
            ..ServiceSpec::default()
        }),
        status: None,
    }
}

pub(super) fn policy(names: &Names<'_>) -> NetworkPolicy {
    let settings = names.settings;
    let mut egress = vec![port("UDP", 53), port("TCP", 53)];
    let server = port_of(&settings.server).unwrap_or(443);
    let to_anywhere = |ports| NetworkPolicyEgressRule { ports: Some(ports), to: None };
    let egress = vec![to_anywhere(std::mem::take(&mut egress)), to_anywhere(vec![port("TCP", server)])];
    NetworkPolicy {
        metadata: names.metadata(),
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(names.selector()),
            policy_types: Some(vec!["Ingress".to_owned(), "Egress".to_owned()]),
            ingress: Some(vec![NetworkPolicyIngressRule {
                from: (!settings.network.open).then(|| peers(&settings.network.from_namespaces)),
                ports: Some(vec![port("TCP", PORT)]),
            }]),
            egress: Some(egress),
        }),
    }
}

/// The pods of the same namespace and of the others that are named.
fn peers(namespaces: &[String]) -> Vec<NetworkPolicyPeer> {
    let mut all = vec![NetworkPolicyPeer {
        pod_selector: Some(LabelSelector::default()),
        ..NetworkPolicyPeer::default()
    }];
    all.extend(namespaces.iter().map(|namespace| NetworkPolicyPeer {
        namespace_selector: Some(LabelSelector {
            match_labels: Some(BTreeMap::from([(
                "kubernetes.io/metadata.name".to_owned(),
                namespace.clone(),
            )])),
            ..LabelSelector::default()
        }),
        ..NetworkPolicyPeer::default()
    }));
    all
}

fn port(protocol: &str, port: u16) -> NetworkPolicyPort {
    NetworkPolicyPort {
        protocol: Some(protocol.to_owned()),
        port: Some(IntOrString::Int(i32::from(port))),
        end_port: None,
    }
}
