//! A cluster with nothing in it, and a deployment to put there.

use clusters::{Access, Cluster, Kubernetes, Manifest, Target};
use testing::ApiServer;

pub(crate) async fn cluster() -> (ApiServer, Cluster) {
    let server = ApiServer::start(&["models"]).await;
    let access = Access::Kubeconfig { path: server.kubeconfig(), context: None };
    let cluster = Cluster::connect(&access).await.unwrap();
    (server, cluster)
}

pub(crate) fn manifests(more: &str) -> Vec<Manifest> {
    let base = "namespace: models\nimage: registry.example.com/gingham:0.1.0\n\
                server: http://gingham.gingham.svc:5050\ntoken: { secret: gingham-token }\n";
    let kubernetes: Kubernetes = serde_yaml_ng::from_str(&format!("{base}{more}")).unwrap();
    let target = Target { deployment: "traffic".into(), model: "traffic".into(), kubernetes };
    clusters::manifests::manifests(&target).unwrap()
}

/// Where the deployment's own object is.
pub(crate) const DEPLOYMENT: (&str, &str, &str) = ("models", "deployments", "traffic");
