//! What a cluster does not take is said in words that lead on.

use base::Failure;
use clusters::{Access, Cluster, Conflicts, Error, Kind};
use testing::ApiServer;

use crate::harness::{cluster, manifests};

#[tokio::test]
async fn a_missing_namespace_is_named() {
    let server = ApiServer::start(&[]).await;
    let access = Access::Kubeconfig { path: server.kubeconfig(), context: None };
    let cluster = Cluster::connect(&access).await.unwrap();
    let error = cluster.apply(&manifests(""), &[], Conflicts::Refuse).await.unwrap_err();
    assert!(matches!(&error, Error::NoNamespace { namespace } if namespace == "models"), "{error}");
    assert_eq!(error.hint().unwrap(), "make it with `kubectl create namespace models`");
}

#[tokio::test]
async fn without_keda_nothing_is_applied_that_needs_it() {
    let (server, cluster) = cluster().await;
    let wanted =
        manifests("autoscale: { max: 3, keda: { prometheus: 'http://p:9090', requests_per_second: 9 } }");
    let error = cluster.apply(&wanted, &[], Conflicts::Refuse).await.unwrap_err();
    assert!(matches!(&error, Error::NoKind { kind } if kind == "ScaledObject"), "{error}");
    assert!(server.names().is_empty());
    server.install_keda();
    cluster.apply(&wanted, &[], Conflicts::Refuse).await.unwrap();
    assert!(server.names().contains(&"scaledobjects/traffic".to_owned()));
}

#[tokio::test]
async fn a_cluster_that_is_away_is_told_from_one_that_refuses() {
    let (server, cluster) = cluster().await;
    drop(server);
    let error = cluster.apply(&manifests(""), &[], Conflicts::Refuse).await.unwrap_err();
    assert_eq!(error.kind(), base::Kind::Unavailable, "{error}");
}

#[tokio::test]
async fn a_kubeconfig_that_cannot_be_read_is_refused() {
    let access = Access::Kubeconfig { path: "/nowhere/config".into(), context: None };
    assert!(matches!(Cluster::connect(&access).await, Err(Error::Access { .. })));
}

#[test]
fn every_kind_has_its_place_in_the_api() {
    for manifest in manifests("autoscale: { max: 3 }") {
        let (group, version, plural) = manifest.kind.resource();
        let expected = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
        assert_eq!(manifest.object["apiVersion"], expected.as_str(), "{plural}");
        assert_eq!(manifest.object["kind"], manifest.kind.word());
    }
    assert_eq!(Kind::ScaledObject.resource().0, "keda.sh");
}
