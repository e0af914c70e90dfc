//! What others change in the cluster is found, named, and put right on request.

use clusters::{Conflicts, Error};
use serde_json::json;

use crate::harness::{DEPLOYMENT, cluster, manifests};

fn other_image() -> serde_json::Value {
    json!({ "spec": { "template": { "spec": { "containers": [{ "name": "replica", "image": "other:1" }] } } } })
}

#[tokio::test]
async fn a_changed_image_is_told_with_who_changed_it() {
    let (server, cluster) = cluster().await;
    let wanted = manifests("");
    cluster.apply(&wanted, &[], Conflicts::Refuse).await.unwrap();
    assert!(cluster.drift(&wanted).await.unwrap().is_empty());
    server.edit(DEPLOYMENT, "kubectl-edit", &other_image());
    let drift = cluster.drift(&wanted).await.unwrap();
    assert_eq!(drift.len(), 1);
    let difference = &drift[0].differences[0];
    assert_eq!(difference.field, "spec.template.spec.containers[replica].image");
    assert_eq!(difference.by.as_deref(), Some("kubectl-edit"));
    assert_eq!(
        (&difference.found, &difference.applied),
        (&json!("other:1"), &json!("registry.example.com/gingham:0.1.0"))
    );
    assert_eq!(
        server.object("models", "deployments", "traffic").unwrap()["spec"]["template"]["spec"]["containers"]
            [0]["image"],
        "other:1",
        "looking for drift changes nothing"
    );
}

#[tokio::test]
async fn a_deleted_object_is_drift() {
    let (server, cluster) = cluster().await;
    let wanted = manifests("");
    cluster.apply(&wanted, &[], Conflicts::Refuse).await.unwrap();
    server.delete("models", "services", "traffic");
    let drift = cluster.drift(&wanted).await.unwrap();
    assert!(drift.len() == 1 && drift[0].missing && drift[0].kind == clusters::Kind::Service);
}

#[tokio::test]
async fn a_conflict_leaves_everything_as_it_was() {
    let (server, cluster) = cluster().await;
    let wanted = manifests("");
    cluster.apply(&wanted, &[], Conflicts::Refuse).await.unwrap();
    server.edit(DEPLOYMENT, "kubectl-edit", &other_image());
    let writes = server.writes();
    let more = manifests("labels: { team: traffic }");
    let error = cluster.apply(&more, &wanted, Conflicts::Refuse).await.unwrap_err();
    let Error::Conflict { fields, .. } = &error else { panic!("{error}") };
    assert!(fields[0].contains("image") && fields[0].contains("kubectl-edit"), "{fields:?}");
    assert_eq!(server.writes(), writes);
    cluster.apply(&more, &wanted, Conflicts::TakeOver).await.unwrap();
    assert!(cluster.drift(&more).await.unwrap().is_empty());
    // It is ours again: the next one meets no conflict.
    cluster.apply(&wanted, &more, Conflicts::Refuse).await.unwrap();
}
