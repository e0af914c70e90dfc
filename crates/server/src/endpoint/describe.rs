//! The `OpenAPI` document of one deployment.

use ::serving::oip::{ENTITY, EVENT_TIME, PREDICTION_ID};
use ::serving::{FieldKind, InputField, Output, OutputKind, Signature};
use serde_json::{Map, Value, json};

/// The document of the endpoint `name`.
pub(super) fn document(name: &str, version: i64, signature: &Signature) -> Value {
    let answer = json!({ "$ref": "#/components/schemas/Answer" });
    let row = json!({ "$ref": "#/components/schemas/Row" });
    let either = |one: &Value| json!({ "oneOf": [one, { "type": "array", "items": one }] });
    let body = |schema: Value| json!({ "application/json": { "schema": schema } });
    let problem = json!({
        "description": "a failure; `detail` names the field that does not fit",
        "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } },
    });
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": name,
            "version": version.to_string(),
            "description": "A row in, its prediction out; a list of rows, a list of predictions.",
        },
        "paths": {
            format!("/serve/{name}/predict"): {
                "post": {
                    "operationId": "predict",
                    "requestBody": { "required": true, "content": body(either(&row)) },
                    "responses": {
                        "200": { "description": "the predictions", "content": body(either(&answer)) },
                        "400": problem,
                        "401": problem,
                        "503": problem,
                    },
                },
            },
        },
        "components": {
            "schemas": {
                "Row": row_schema(signature),
                "Answer": answer_schema(signature),
                "Problem": {
                    "type": "object",
                    "required": ["code", "title", "status", "detail"],
                    "properties": {
                        "code": { "type": "string" },
                        "title": { "type": "string" },
                        "status": { "type": "integer" },
                        "detail": { "type": "string" },
                        "hint": { "type": "string" },
                        "request_id": { "type": "string" },
                    },
                },
            },
            "securitySchemes": { "bearer": { "type": "http", "scheme": "bearer" } },
        },
        "security": [{ "bearer": [] }],
    })
}

fn row_schema(signature: &Signature) -> Value {
    let required: Vec<&str> =
        signature.inputs.iter().filter(|field| field.required).map(|field| field.name.as_str()).collect();
    let mut properties: Map<String, Value> =
        signature.inputs.iter().map(|field| (field.name.clone(), field_schema(field))).collect();
    let extra = [
        (
            EVENT_TIME,
            json!({ "type": "string", "format": "date-time", "description": "when the row is about" }),
        ),
        (ENTITY, json!({ "type": "string", "description": "whom or what the row is about" })),
    ];
    for (name, schema) in extra {
        properties.entry(name).or_insert(schema);
    }
    json!({ "type": "object", "required": required, "properties": properties, "additionalProperties": false })
}

fn field_schema(field: &InputField) -> Value {
    let kind = match field.kind {
        FieldKind::Number => "number",
        FieldKind::Category => "string",
    };
    let kind = if field.required { json!(kind) } else { json!([kind, "null"]) };
    if field.width <= 1 {
        return json!({ "type": kind });
    }
    json!({ "type": "array", "items": { "type": kind }, "minItems": field.width, "maxItems": field.width })
}

fn answer_schema(signature: &Signature) -> Value {
    let mut properties: Map<String, Value> =
        signature.outputs().iter().map(|output| (output.name.clone(), output_schema(output))).collect();
    properties.insert(
        PREDICTION_ID.to_owned(),
        json!({ "type": "string", "format": "uuid", "description": "under it the prediction is archived, and labels are sent" }),
    );
    properties.insert("model_version".to_owned(), json!({ "type": "string" }));
    let required: Vec<String> = properties.keys().cloned().collect();
    json!({ "type": "object", "required": required, "properties": properties })
}

fn output_schema(output: &Output) -> Value {
    let kind = match output.kind {
        OutputKind::Real => "number",
        OutputKind::Integer => "integer",
        OutputKind::Word => "string",
    };
    if output.width <= 1 {
        return json!({ "type": kind });
    }
    let mut schema = json!({
        "type": "array", "items": { "type": kind }, "minItems": output.width, "maxItems": output.width,
    });
    if let (Some(schema), false) = (schema.as_object_mut(), output.labels.is_empty()) {
        let classes = format!("one for each of the classes {}", output.labels.join(", "));
        schema.insert("description".to_owned(), json!(classes));
    }
    schema
}
