//! Objects come, change, stay and go.

use clusters::{Applied, Conflicts, Kind, Outcome, Rollout};
use serde_json::json;

use crate::harness::{DEPLOYMENT, cluster, manifests};

fn outcomes(applied: &[Applied]) -> Vec<Outcome> {
    applied.iter().map(|applied| applied.outcome).collect()
}

#[tokio::test]
async fn applying_twice_changes_nothing() {
    let (server, cluster) = cluster().await;
    let wanted = manifests("");
    let first = cluster.apply(&wanted, &[], Conflicts::Refuse).await.unwrap();
    assert!(outcomes(&first).iter().all(|outcome| *outcome == Outcome::Created), "{first:?}");
    assert_eq!(
        server.names(),
        [
            "deployments/traffic",
            "networkpolicies/traffic",
            "poddisruptionbudgets/traffic",
            "serviceaccounts/traffic",
            "services/traffic"
        ]
    );
    let writes = server.writes();
    let second = cluster.apply(&wanted, &wanted, Conflicts::Refuse).await.unwrap();
    assert!(outcomes(&second).iter().all(|outcome| *outcome == Outcome::Unchanged), "{second:?}");
    assert_eq!(server.writes(), writes);
}

#[tokio::test]
async fn what_is_no_longer_wanted_goes() {
    let (server, cluster) = cluster().await;
    let scaled = manifests("autoscale: { max: 4 }");
    cluster.apply(&scaled, &[], Conflicts::Refuse).await.unwrap();
    assert!(server.names().contains(&"horizontalpodautoscalers/traffic".to_owned()));
    let plain = manifests("replicas: 1");
    let applied = cluster.apply(&plain, &scaled, Conflicts::Refuse).await.unwrap();
    let gone: Vec<Kind> =
        applied.iter().filter(|one| one.outcome == Outcome::Deleted).map(|one| one.kind).collect();
    assert_eq!(gone, [Kind::HorizontalPodAutoscaler, Kind::PodDisruptionBudget]);
    let deployment = server.object("models", "deployments", "traffic").unwrap();
    assert_eq!(deployment["spec"]["replicas"], 1);
}

#[tokio::test]
async fn a_field_that_is_left_out_is_given_back() {
    let (server, cluster) = cluster().await;
    let fixed = manifests("replicas: 3");
    cluster.apply(&fixed, &[], Conflicts::Refuse).await.unwrap();
    cluster.apply(&manifests("autoscale: { max: 9 }"), &fixed, Conflicts::Refuse).await.unwrap();
    let deployment = server.object("models", "deployments", "traffic").unwrap();
    assert!(deployment["spec"].get("replicas").is_none(), "{deployment}");
    // The autoscaler's own writes are no conflict from then on.
    server.edit(DEPLOYMENT, "kube-controller-manager", &json!({ "spec": { "replicas": 7 } }));
    let again = manifests("autoscale: { max: 9 }");
    cluster.apply(&again, &again, Conflicts::Refuse).await.unwrap();
    assert_eq!(server.object("models", "deployments", "traffic").unwrap()["spec"]["replicas"], 7);
    assert!(cluster.drift(&again).await.unwrap().is_empty());
}

#[tokio::test]
async fn everything_can_be_removed_but_what_is_not_ours() {
    let (server, cluster) = cluster().await;
    let wanted = manifests("");
    cluster.apply(&wanted, &[], Conflicts::Refuse).await.unwrap();
    let label = json!({ "metadata": { "labels": { "app.kubernetes.io/managed-by": "somebody" } } });
    server.edit(("models", "services", "traffic"), "kubectl-edit", &label);
    cluster.remove(&wanted).await.unwrap();
    assert_eq!(server.names(), ["services/traffic"]);
    assert!(cluster.remove(&wanted).await.unwrap().is_empty());
}

#[tokio::test]
async fn the_cluster_says_how_the_replicas_are() {
    let (server, cluster) = cluster().await;
    let wanted = manifests("replicas: 3");
    assert_eq!(cluster.look(&wanted).await.unwrap().rollout, Rollout::Missing);
    cluster.apply(&wanted, &[], Conflicts::Refuse).await.unwrap();
    assert_eq!(cluster.look(&wanted).await.unwrap().rollout, Rollout::Rolling);
    server.set_status(
        DEPLOYMENT,
        json!({ "observedGeneration": 1, "replicas": 3, "updatedReplicas": 3, "readyReplicas": 3 }),
    );
    let seen = cluster.look(&wanted).await.unwrap();
    assert_eq!((seen.rollout, seen.ready_replicas), (Rollout::Ready, 3));
    assert!(seen.objects.iter().all(|object| object.exists));
}
