//! Every endpoint that MLflow's server declares, against the real router: what is in scope is routed, the rest is
//! refused in the words that make its client carry on.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use super::tests::{over, server};

/// Mark, method and path of each endpoint.
fn declared() -> Vec<(&'static str, Method, &'static str)> {
    let lines = include_str!("endpoints.tsv").lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let mut words = line.split('\t');
            let mut next = || words.next().unwrap();
            (next(), next().parse().unwrap(), next())
        })
        .collect()
}

async fn code(server: &super::tests::Server, method: Method, path: &str) -> (StatusCode, String) {
    let (status, body) = server.raw(method, path, "").await;
    let answer: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    (status, answer["error_code"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn every_endpoint_in_scope_is_routed_and_every_other_is_unknown_in_shape() {
    let server = server().await;
    let all = declared();
    assert_eq!(all.len(), 371);
    for (mark, method, path) in all {
        let (status, code) = code(&server, method.clone(), path).await;
        assert!(!status.is_server_error(), "{method} {path}: {status}");
        if mark == "O" {
            assert_eq!(
                (status, code.as_str()),
                (StatusCode::NOT_FOUND, "ENDPOINT_NOT_FOUND"),
                "{method} {path}"
            );
        } else {
            assert!(code != "ENDPOINT_NOT_FOUND", "{method} {path}: {status}");
            assert!(status.is_success() || !code.is_empty(), "{method} {path}: {status} has no shape");
        }
    }
}

#[tokio::test]
async fn what_nobody_answers_to_is_unknown_in_shape_whatever_the_method() {
    let server = server().await;
    for path in [
        "/api/2.0/mlflow/nothing",
        "/api/2.0/mlflow-artifacts/nothing",
        "/api/2.0/other",
        "/api/3.0/mlflow/nothing",
        "/ajax-api/2.0/preview/mlflow/runs/create",
        "/ajax-api/9.9/x",
        "/graphql",
        "/v1/traces",
        "/gateway/x/mlflow/invocations",
        "/api/2.0/mlflow/users/get",
        "/api/2.0/mlflow/experiments/permissions/get",
    ] {
        for method in [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            let answer = code(&server, method.clone(), path).await;
            assert_eq!(answer, (StatusCode::NOT_FOUND, "ENDPOINT_NOT_FOUND".into()), "{method} {path}");
        }
    }
    for (method, path) in [
        (Method::DELETE, "/api/2.0/mlflow/runs/create"),
        (Method::POST, "/api/2.0/mlflow/runs/get"),
        (Method::PUT, "/api/3.0/mlflow/server-info"),
        (Method::POST, "/get-artifact"),
    ] {
        let answer = code(&server, method.clone(), path).await;
        assert_eq!(answer, (StatusCode::METHOD_NOT_ALLOWED, "ENDPOINT_NOT_FOUND".into()), "{method} {path}");
    }
}

#[tokio::test]
async fn a_small_file_goes_up_for_a_run() {
    let server = server().await;
    let run = server.run().await;
    let upload = format!("/ajax-api/2.0/mlflow/upload-artifact?run_uuid={run}&path=notes/a.txt");
    assert_eq!(server.raw(Method::POST, &upload, "hello").await.0, StatusCode::OK);
    let (_, shown) =
        server.raw(Method::GET, &format!("/get-artifact?run_id={run}&path=notes/a.txt"), "").await;
    assert_eq!(shown, b"hello");
    for (path, words) in [
        ("", "Request must specify run_uuid."),
        (&format!("?run_uuid={run}"), "Request must specify path."),
        (&format!("?run_uuid={run}&path=a"), "Request must specify data."),
        (&format!("?run_uuid={run}&path=../a"), "Invalid path"),
    ] {
        let path = format!("/ajax-api/2.0/mlflow/upload-artifact{path}");
        let (status, body) = server.raw(Method::POST, &path, "").await;
        let answer: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(
            (status, &answer["error_code"]),
            (StatusCode::BAD_REQUEST, &json!("INVALID_PARAMETER_VALUE"))
        );
        assert!(answer["message"].as_str().unwrap().starts_with(words), "{answer}");
    }
    let large = vec![0_u8; super::uploads::LIMIT_BYTES + 1];
    let (status, body) = server.raw(Method::POST, &upload, large).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{}", String::from_utf8_lossy(&body));
}

#[tokio::test]
async fn everything_is_answered_below_the_static_prefix_too() {
    use crate::{App, Settings};
    let fixture = over(testing::sqlite().await).await.fixture;
    let settings = Settings { static_prefix: Some("/mlflow".to_owned()), ..Settings::default() };
    let app = App::new(fixture.app.platform_handle(), settings);
    let server = super::tests::Server::of(app, fixture);
    for prefix in ["", "/mlflow"] {
        let path = format!("{prefix}/api/2.0/mlflow/experiments/get?experiment_id=0");
        assert_eq!(server.raw(Method::GET, &path, "").await.0, StatusCode::OK, "{path}");
        let answer = code(&server, Method::GET, &format!("{prefix}/api/2.0/mlflow/nothing")).await;
        assert_eq!(answer, (StatusCode::NOT_FOUND, "ENDPOINT_NOT_FOUND".into()));
    }
}

/// A request that names a workspace.
async fn within(
    server: &super::tests::Server,
    workspace: &str,
    method: Method,
    path: &str,
    body: Value,
) -> (StatusCode, Value) {
    use axum::http::Request;
    use tower::ServiceExt;
    let request = Request::builder().method(method).uri(path).header("host", "localhost");
    let request = request.header("content-type", "application/json").header("x-mlflow-workspace", workspace);
    let request = request.body(axum::body::Body::from(body.to_string())).unwrap();
    let response = server.router.clone().oneshot(request).await.unwrap();
    let status = response.status();
    let body = axum::body::to_bytes(response.into_body(), 1 << 24).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

#[tokio::test]
async fn what_belongs_to_one_workspace_is_not_there_in_another() {
    for database in testing::databases().await {
        let server = over(database).await;
        for (name, status) in
            [("team-a", 201), ("team-b", 201), ("team-a", 400), ("default", 400), ("Team", 400)]
        {
            let body = json!({"name": name, "description": "d"}).to_string();
            let (found, _) = server.raw(Method::POST, "/api/3.0/mlflow/workspaces", body).await;
            assert_eq!(found.as_u16(), status, "{name}");
        }
        let api = "/api/2.0/mlflow";
        let post = async |workspace: &str, path: &str, body: Value| {
            within(&server, workspace, Method::POST, &format!("{api}/{path}"), body).await
        };
        let get = async |workspace: &str, path: &str| {
            within(&server, workspace, Method::GET, &format!("{api}/{path}"), Value::Null).await
        };
        let ok = |answer: (StatusCode, Value)| {
            assert!(answer.0.is_success(), "{}: {}", server.engine, answer.1);
            answer.1
        };
        let mut made = Vec::new();
        for workspace in ["team-a", "team-b", "default"] {
            let experiment = ok(post(workspace, "experiments/create", json!({"name": "same"})).await);
            let experiment = experiment["experiment_id"].as_str().unwrap().to_owned();
            let run = ok(post(workspace, "runs/create", json!({"experiment_id": experiment})).await);
            let run = run["run"]["info"]["run_id"].as_str().unwrap().to_owned();
            let logged = json!({"experiment_id": experiment, "name": "m", "source_run_id": run});
            let logged = ok(post(workspace, "logged-models", logged).await)["model"]["info"].clone();
            let file = format!("/api/2.0/mlflow-artifacts/artifacts/{experiment}/{run}/artifacts/a.txt");
            ok(within(&server, workspace, Method::PUT, &file, json!("x")).await);
            ok(post(workspace, "registered-models/create", json!({"name": "churn"})).await);
            let source = format!("mlflow-artifacts:/{experiment}/{run}/artifacts");
            let version = json!({"name": "churn", "source": source, "run_id": run});
            let version = ok(post(workspace, "model-versions/create", version).await);
            assert_eq!(version["model_version"]["name"], "churn");
            assert_eq!(version["model_version"]["version"], "1");
            made.push((workspace, experiment, run, logged["model_id"].as_str().unwrap().to_owned(), file));
        }
        for (workspace, experiment, run, logged, file) in &made {
            for (other, ..) in made.iter().filter(|(other, ..)| other != workspace) {
                let others = made.iter().find(|(name, ..)| name == other).unwrap();
                for path in [
                    format!("experiments/get?experiment_id={experiment}"),
                    format!("runs/get?run_id={run}"),
                    format!("runs/get?run_uuid={run}"),
                    format!("artifacts/list?run_id={run}"),
                    format!("metrics/get-history?run_id={run}&metric_key=m"),
                    format!(
                        "metrics/get-history-bulk-interval?run_ids={}&run_ids={run}&metric_key=m",
                        others.2
                    ),
                    format!("logged-models/{logged}"),
                    format!("logged-models/{logged}/artifacts/directories"),
                ] {
                    let (status, answer) = get(other, &path).await;
                    assert_eq!(
                        (status.as_u16(), &answer["error_code"]),
                        (404, &json!("RESOURCE_DOES_NOT_EXIST")),
                        "{other}: {path} {answer}"
                    );
                }
                for (path, body) in [
                    ("runs/create", json!({"experiment_id": experiment})),
                    ("runs/log-metric", json!({"run_id": run, "key": "m", "value": 1, "timestamp": 1})),
                    (
                        "runs/log-batch",
                        json!({"run_id": others.2, "metrics": [{"key": "m", "value": 1,
                        "timestamp": 1, "model_id": logged}]}),
                    ),
                    (
                        "runs/outputs",
                        json!({"run_id": others.2, "models": [{"model_id": logged, "step": 0}]}),
                    ),
                    ("runs/set-tag", json!({"run_id": run, "key": "k", "value": "v"})),
                    ("runs/delete", json!({"run_id": run})),
                    ("experiments/delete", json!({"experiment_id": experiment})),
                    ("logged-models", json!({"experiment_id": experiment, "name": "m"})),
                    (
                        "model-versions/create",
                        json!({"name": "churn", "source": format!("models:/{logged}")}),
                    ),
                    (
                        "model-versions/create",
                        json!({"name": "churn",
                        "source": format!("mlflow-artifacts:/{experiment}/{run}/artifacts")}),
                    ),
                    (
                        "experiments/create",
                        json!({"name": "steal",
                        "artifact_location": format!("mlflow-artifacts:/{experiment}/{run}")}),
                    ),
                ] {
                    let (status, answer) = post(other, path, body).await;
                    assert_eq!(status.as_u16(), 404, "{other}: {path} {answer}");
                }
                for method in [Method::GET, Method::PUT, Method::DELETE] {
                    for file in
                        [file.clone(), file.replace(&format!("/{experiment}/"), &format!("/%3{experiment}/"))]
                    {
                        let (status, answer) =
                            within(&server, other, method.clone(), &file, json!("y")).await;
                        assert!(status.is_client_error(), "{other}: {method} {file}: {status} {answer}");
                    }
                }
                let (status, _) = within(
                    &server,
                    other,
                    Method::GET,
                    &format!("/get-artifact?run_id={run}&path=a.txt"),
                    Value::Null,
                )
                .await;
                assert_eq!(status.as_u16(), 404);
            }
            let both: Vec<&String> = made.iter().map(|(_, experiment, ..)| experiment).collect();
            let found = ok(post(workspace, "runs/search", json!({"experiment_ids": both})).await);
            assert_eq!(found["runs"].as_array().unwrap().len(), 1, "{workspace}");
            assert_eq!(found["runs"][0]["info"]["run_id"], json!(run));
            let found = ok(post(workspace, "logged-models/search", json!({"experiment_ids": both})).await);
            assert_eq!(found["models"].as_array().unwrap().len(), 1, "{workspace}");
            let found = ok(get(workspace, "experiments/get-by-name?experiment_name=same").await);
            assert_eq!(found["experiment"]["experiment_id"], json!(experiment));
            let found = ok(get(workspace, "experiments/search?max_results=50").await);
            let names = found["experiments"].as_array().unwrap().len();
            assert_eq!(names, if *workspace == "default" { 2 } else { 1 });
            for path in [
                "registered-models/search",
                "registered-models/search?filter=name%20%3D%20'churn'",
                "model-versions/search",
                "model-versions/search?filter=name%3D'churn'",
            ] {
                let found = ok(get(workspace, path).await);
                let items = found.as_object().unwrap().values().next().unwrap().as_array().unwrap().clone();
                assert_eq!((items.len(), &items[0]["name"]), (1, &json!("churn")), "{workspace} {path}");
            }
            let found = ok(get(workspace, "model-versions/get?name=churn&version=1").await);
            assert_eq!(found["model_version"]["run_id"], json!(run));
        }
        for name in ["team-a/churn", "team-b%2Fchurn"] {
            let (status, answer) = get("default", &format!("registered-models/get?name={name}")).await;
            assert_eq!(status.as_u16(), 400, "a name leads nowhere else: {answer}");
        }
        let source = json!({"name": "churn", "source": "models:/team-a/churn/1"});
        assert_eq!(post("default", "model-versions/create", source).await.0.as_u16(), 400);
        let (status, answer) = get("nobody", "experiments/get?experiment_id=0").await;
        assert_eq!((status.as_u16(), &answer["error_code"]), (404, &json!("RESOURCE_DOES_NOT_EXIST")));
        assert_eq!(answer["message"], "Workspace 'nobody' not found");
        assert_eq!(get("No_body", "experiments/get?experiment_id=0").await.0.as_u16(), 400);
        let info = within(&server, "nobody", Method::GET, "/api/3.0/mlflow/server-info", Value::Null).await;
        assert_eq!(info.1["workspaces_enabled"], true);

        let one = |name: &str, mode: &str| format!("/api/3.0/mlflow/workspaces/{name}{mode}");
        let change = json!({"description": "else", "default_artifact_root": "s3://b/p"});
        let changed = within(&server, "", Method::PATCH, &one("team-a", ""), change).await;
        assert_eq!(ok(changed)["workspace"]["default_artifact_root"], "s3://b/p");
        let away = ok(post("team-a", "experiments/create", json!({"name": "away"})).await);
        let away = ok(get(
            "team-a",
            &format!("experiments/get?experiment_id={}", away["experiment_id"].as_str().unwrap()),
        )
        .await);
        let id = away["experiment"]["experiment_id"].as_str().unwrap();
        assert_eq!(away["experiment"]["artifact_location"], format!("s3://b/p/{id}"));
        let delete = async |name: &str, mode: &str| {
            within(&server, "", Method::DELETE, &one(name, mode), Value::Null).await
        };
        let refused = delete("team-a", "").await;
        assert_eq!((refused.0.as_u16(), &refused.1["error_code"]), (409, &json!("INVALID_STATE")));
        assert_eq!(delete("team-a", "?mode=SET_DEFAULT").await.0.as_u16(), 400, "a name is taken");
        assert_eq!(delete("team-a", "?mode=CASCADE").await.0.as_u16(), 204);
        let gone =
            within(&server, "team-a", Method::GET, &format!("{api}/experiments/search"), Value::Null).await;
        assert_eq!(gone.0.as_u16(), 404);
        assert_eq!(delete("team-a", "").await.0.as_u16(), 404);
        assert_eq!(delete("default", "").await.0.as_u16(), 400);
    }
}

#[tokio::test]
async fn a_webhook_is_kept_shown_without_its_secret_changed_and_removed() {
    for database in testing::databases().await {
        let server = over(database).await;
        let event = |entity: &str, action: &str| json!({"entity": entity, "action": action});
        let new = json!({"name": "hook", "url": "https://8.8.8.8/x", "secret": "quiet", "description": "d",
            "events": [event("MODEL_VERSION", "CREATED"), event("MODEL_VERSION_ALIAS", "DELETED")]});
        let made = server.post("webhooks", new.clone()).await["webhook"].clone();
        assert_eq!((&made["status"], &made["events"]), (&json!("ACTIVE"), &new["events"]));
        let id = made["webhook_id"].as_str().unwrap();
        let one = format!("webhooks/{id}");
        let (_, changed) = server.ask(Method::PATCH, &one, &json!({"status": "DISABLED", "name": "b"})).await;
        assert_eq!(
            (&changed["webhook"]["status"], &changed["webhook"]["name"]),
            (&json!("DISABLED"), &json!("b"))
        );
        let shown = server.get(&one).await;
        assert_eq!(shown["webhook"]["description"], "d");
        server.post("webhooks", new.clone()).await;
        let first = server.get("webhooks?max_results=1").await;
        let second = server
            .get(&format!("webhooks?max_results=1&page_token={}", first["next_page_token"].as_str().unwrap()))
            .await;
        assert_eq!(second["webhooks"][0]["webhook_id"], json!(id));
        for seen in [&made, &changed, &shown, &first] {
            assert!(!seen.to_string().contains("quiet"), "{seen}");
        }
        let with = |name: &str, value: Value| {
            let mut body = new.clone();
            body[name] = value;
            body
        };
        for (body, words) in [
            (with("name", json!("a b")), "Webhook name"),
            (with("events", json!([])), "Missing value for required parameter 'events'"),
            (with("events", json!([event("REGISTERED_MODEL", "DELETED")])), "Invalid action 'deleted'"),
            (with("url", json!("http://8.8.8.8/x")), "Webhook address"),
            (with("url", json!("https://169.254.169.254/latest")), "Webhook address"),
            (with("url", json!("https://localhost/x")), "Webhook address"),
            (with("status", json!("PAUSED")), "Invalid value \"PAUSED\""),
        ] {
            let (status, code, message) = server.refused(Method::POST, "webhooks", body).await;
            assert_eq!((status, code.as_str()), (400, "INVALID_PARAMETER_VALUE"), "{message}");
            assert!(message.starts_with(words), "{message}");
        }
        assert_eq!(server.ask(Method::DELETE, &one, &Value::Null).await, (StatusCode::OK, json!({})));
        let (status, code, message) = server.refused(Method::GET, &one, Value::Null).await;
        assert_eq!((status, code.as_str()), (404, "RESOURCE_DOES_NOT_EXIST"), "{message}");
    }
}

#[tokio::test]
async fn a_prompt_is_no_way_to_files_of_the_server() {
    let server = server().await;
    let tags = json!([{"key": "mlflow.prompt.is_prompt", "value": "true"}]);
    server.post("registered-models/create", json!({"name": "p", "tags": tags})).await;
    for source in ["/etc", "file:///etc", "FILE:/etc", "mlflow-artifacts:/0/../1", "https://h/%2e%2e/x"] {
        let body = json!({"name": "p", "source": source, "tags": tags});
        let (status, code, message) = server.refused(Method::POST, "model-versions/create", body).await;
        assert_eq!((status, code.as_str()), (400, "INVALID_PARAMETER_VALUE"), "{source}: {message}");
    }
    let body = json!({"name": "p", "source": "prompt-template", "tags": tags});
    assert_eq!(server.post("model-versions/create", body).await["model_version"]["version"], "1");
}

#[tokio::test]
async fn a_role_in_one_project_counts_with_its_header_only() {
    use axum::http::Request;
    use base::{Actor, Timestamp};
    use governance::{Grant, NewMember, NewProject, NewToken, Role};
    use tower::ServiceExt;
    for database in testing::databases().await {
        let server = over(database).await;
        let issue = server.fixture.app.db().write::<_, governance::Error, _>(|tx| {
            Box::pin(async move {
                let (me, now) = (Actor::named("test"), Timestamp::from_millis(1));
                let project = NewProject { name: "pricing".into(), ..NewProject::default() };
                governance::create_project(tx, &project, &me, now).await?;
                let ada = NewMember::person("ada").with(Grant::within(Role::Contributor, "pricing"));
                governance::create_member(tx, &ada, &me, now).await?;
                let token = NewToken { name: "laptop".into(), lifetime: None };
                governance::issue_token(tx, "ada", &token, &me, now).await
            })
        });
        let token = issue.await.unwrap().secret.reveal().to_owned();
        let ask = async |workspace: &str, method: Method, path: &str, body: Value| {
            let request = Request::builder().method(method).uri(path).header("host", "localhost");
            let request = request
                .header("x-mlflow-workspace", workspace)
                .header("content-type", "application/json")
                .header("authorization", format!("Bearer {token}"));
            let request = request.body(axum::body::Body::from(body.to_string())).unwrap();
            let response = server.router.clone().oneshot(request).await.unwrap();
            let status = response.status().as_u16();
            let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
            let answer: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
            (status, answer["error_code"].as_str().unwrap_or_default().to_owned(), answer)
        };
        let create = "/api/2.0/mlflow/experiments/create";
        assert_eq!(ask("pricing", Method::POST, create, json!({"name": "e"})).await.0, 200);
        for workspace in ["", "default"] {
            let (status, code, _) = ask(workspace, Method::POST, create, json!({"name": "f"})).await;
            assert_eq!((status, code.as_str()), (403, "PERMISSION_DENIED"), "{workspace}");
        }
        for (method, path) in [
            (Method::POST, "/api/2.0/mlflow/webhooks"),
            (Method::DELETE, "/api/2.0/mlflow/registered-models/delete"),
            (Method::POST, "/api/3.0/mlflow/workspaces"),
            (Method::PATCH, "/api/3.0/mlflow/workspaces/default"),
            (Method::DELETE, "/api/3.0/mlflow/workspaces/pricing"),
        ] {
            let (status, code, _) = ask("pricing", method, path, json!({"name": "other"})).await;
            assert_eq!((status, code.as_str()), (403, "PERMISSION_DENIED"), "{path}");
        }
        let (_, _, seen) = ask("pricing", Method::GET, "/api/3.0/mlflow/workspaces", Value::Null).await;
        assert_eq!(seen["workspaces"], json!([{"name": "pricing"}]), "only those one may look at");
        let bad = Request::get("/api/2.0/mlflow/experiments/search").header("host", "localhost");
        let bad = bad.header("authorization", "Basic YWRhOm5vcGU=").header("x-mlflow-workspace", "nobody");
        let response =
            server.router.clone().oneshot(bad.body(axum::body::Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "strangers do not learn which there are");
    }
}
