//! Model cards and datasheets over HTTP.

use axum::http::{Method, StatusCode};
use serde_json::json;

use crate::reviews::{ONE, World};

#[tokio::test]
async fn a_card_tells_what_is_written_what_is_blank_and_where_each_number_comes_from() {
    let world = World::new(&format!("card: [purpose, limitations]\n{ONE}")).await;
    let path = "/models/traffic/versions/1/card";
    let card = world.get(path).await;
    assert_eq!(card["blank"], json!(["purpose", "limitations"]));
    assert_eq!(card["fields"]["owner"], "traffic-team");
    let body = json!({ "fields": { "purpose": "forecasts <b>an</b> hour", "license": "MIT" } });
    let written = world.send("rita", Method::PUT, path, body).await.json();
    assert_eq!(written["blank"], json!(["limitations"]));
    let metric = &written["tables"][0]["rows"][0];
    assert_eq!(
        (&metric[0]["text"], &metric[1]),
        (&json!("mae"), &json!({ "text": "262.1", "link": "/models/traffic/versions/1" }))
    );

    let page = world.server.get(&format!("/api/v1{path}/html")).await;
    assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
    assert!(page.body.contains("forecasts &lt;b&gt;an&lt;/b&gt; hour"), "{}", page.body);
    assert!(page.headers["content-security-policy"].to_str().unwrap().contains("default-src 'none'"));
    let markdown = world.server.get(&format!("/api/v1{path}/markdown?base=https://g.example")).await.body;
    assert!(
        markdown.contains("| mae | [262.1](https://g.example/models/traffic/versions/1) |"),
        "{markdown}"
    );
    assert!(markdown.contains("## Limitations\n\n*blank*"), "{markdown}");
    let hugging = world.server.get(&format!("/api/v1{path}/huggingface")).await.body;
    assert!(hugging.starts_with("---\n") && hugging.contains("license: mit"), "{hugging}");
    for wrong in ["pdf", "html?base=javascript:alert(1)"] {
        let reply = world.server.get(&format!("/api/v1{path}/{wrong}")).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{wrong}");
    }
}

#[tokio::test]
async fn fields_have_names_and_limits_and_take_the_right_to_change_the_model() {
    let world = World::new(ONE).await;
    let path = "/models/traffic/versions/1/card";
    for fields in [json!({ "Purpose": "x" }), json!({ "purpose": "x".repeat(20_001) })] {
        let reply = world.send("rita", Method::PUT, path, json!({ "fields": fields })).await;
        assert_eq!(reply.problem(), "field_invalid");
    }
    let body = json!({ "fields": { "purpose": "x" } });
    assert_eq!(world.send("vera", Method::PUT, path, body.clone()).await.problem(), "denied");
    let missing = world.send("rita", Method::PUT, "/models/traffic/versions/9/card", body).await;
    assert_eq!(missing.problem(), "version_not_found");
}

#[tokio::test]
async fn a_datasheet_is_written_and_told() {
    let world = World::new(&format!("datasheet: [origin]\n{ONE}")).await;
    let path = "/datasets/traffic/datasheet";
    assert_eq!(world.get(path).await["blank"], json!(["origin"]));
    let body = json!({ "fields": { "origin": "loops in the road" } });
    let written = world.send("rita", Method::PUT, path, body).await.json();
    assert_eq!((&written["blank"], &written["fields"]["origin"]), (&json!([]), &json!("loops in the road")));
    let hugging = world.server.get(&format!("/api/v1{path}/huggingface")).await.body;
    assert!(hugging.contains("size_categories:\n- n<1K"), "{hugging}");
    assert_eq!(world.server.get("/api/v1/datasets/none/datasheet").await.problem(), "dataset_not_found");
}
