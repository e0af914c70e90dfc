//! `manifests` and `deploy --target kubernetes`, against a stand-in for the API server.

use std::fs;

use serde_json::json;
use testing::ApiServer;
use tokio::runtime::Runtime;

use crate::harness::{Server, run, short_example};

const SETTINGS: &str = "deployment:
  name: traffic
  kubernetes:
    namespace: models
    image: registry.example.com/gingham:0.1.0
    server: http://gingham.gingham.svc:5050
    token: { secret: gingham-token }
";

/// The example with settings for Kubernetes, and `more` of them.
fn project(more: &str) -> (tempfile::TempDir, std::path::PathBuf) {
    let (folder, path) = short_example();
    let file = path.join("gingham.yaml");
    let yaml = fs::read_to_string(&file).unwrap();
    let settings = format!("{SETTINGS}{more}");
    fs::write(&file, yaml.replace("deployment: { name: traffic, alias: champion }\n", &settings)).unwrap();
    (folder, path)
}

#[test]
fn manifests_are_printed_without_a_server() {
    let (_folder, path) = project("    gpu: { count: 1 }\n");
    let path = path.to_str().unwrap();
    let first = run(&["manifests", path]);
    assert_eq!(first.code, Some(0), "{}", first.stderr);
    for kind in ["ServiceAccount", "NetworkPolicy", "Service", "PodDisruptionBudget", "Deployment"] {
        assert!(first.stdout.contains(&format!("kind: {kind}\n")), "{kind}: {}", first.stdout);
    }
    assert!(first.stdout.contains("nvidia.com/gpu: '1'"), "{}", first.stdout);
    assert_eq!(first.stdout, run(&["manifests", path]).stdout);
}

#[test]
fn a_mistake_is_placed_in_the_file() {
    let (_folder, path) = project("    resources: { cpu: much }\n");
    let ran = run(&["manifests", path.to_str().unwrap()]);
    assert_eq!(ran.code, Some(1));
    let line = fs::read_to_string(path.join("gingham.yaml"))
        .unwrap()
        .lines()
        .position(|line| line.contains("cpu: much"))
        .unwrap()
        + 1;
    assert!(ran.stderr.contains(&format!("gingham.yaml:{line}:18: `much` is no quantity")), "{}", ran.stderr);
}

#[test]
fn a_deployment_goes_into_the_cluster_and_back() {
    let runtime = Runtime::new().unwrap();
    let cluster = runtime.block_on(ApiServer::start(&["models"]));
    let kubeconfig = cluster.kubeconfig();
    let server = Server::start_with(&["--kubernetes", kubeconfig.to_str().unwrap()]);
    let (_folder, path) = project("");
    server.run(&["apply", path.to_str().unwrap(), "--no-train"]);
    let deploy = |more: &[&str]| {
        server.json(&[&["deploy", "traffic", "--target", "kubernetes", "--reason", "test"], more].concat())
    };
    assert_eq!(server.json(&["show", "deployment", "traffic"])["name"], "traffic");

    let first = deploy(&[]);
    assert_eq!(first["revision"], 1);
    assert_eq!(first["objects"].as_array().unwrap().len(), 5);
    assert!(cluster.names().contains(&"deployments/traffic".to_owned()));

    // Somebody else changes the image.
    let edit = json!({ "spec": { "template": { "spec": { "containers": [{ "name": "replica", "image": "other:1" }] } } } });
    cluster.edit(("models", "deployments", "traffic"), "kubectl-edit", &edit);
    let shown = server.run(&["show", "deployment", "traffic"]);
    assert!(shown.contains("image") && shown.contains("set by kubectl-edit"), "{shown}");
    let refused = server.try_run(&["deploy", "traffic", "--target", "kubernetes", "--reason", "again"]);
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.stderr.contains("kubectl-edit") && refused.stderr.contains("--take-over"),
        "{}",
        refused.stderr
    );
    assert_eq!(deploy(&["--take-over"])["revision"], 1);

    // Another size, and back.
    fs::write(
        path.join("gingham.yaml"),
        fs::read_to_string(path.join("gingham.yaml"))
            .unwrap()
            .replace("    namespace: models\n", "    namespace: models\n    replicas: 5\n"),
    )
    .unwrap();
    server.run(&["apply", path.to_str().unwrap(), "--no-train"]);
    assert_eq!(deploy(&[])["revision"], 2);
    let replicas = || cluster.object("models", "deployments", "traffic").unwrap()["spec"]["replicas"].clone();
    assert_eq!(replicas(), 5);
    assert_eq!(deploy(&["--roll-back"])["revision"], 3);
    assert_eq!(replicas(), 2);
    deploy(&["--stop"]);
    assert!(cluster.names().is_empty());
    let log = server.run(&["log", "--kind", "deployment.*"]);
    assert!(log.contains("went back to revision 1 in the cluster"), "{log}");
}

#[test]
fn without_a_cluster_the_server_says_how_to_name_one() {
    let server = Server::start();
    let (_folder, path) = project("");
    server.run(&["apply", path.to_str().unwrap(), "--no-train"]);
    let ran = server.try_run(&["deploy", "traffic", "--target", "kubernetes", "--reason", "test"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("knows no cluster") && ran.stderr.contains("--kubernetes"), "{}", ran.stderr);
}
