//! What webhooks are told, in the shapes that MLflow's receivers know.

use base::Event;
use registry::{Subject, project_and_name};
use serde_json::{Map, Value, json};

/// Tags that only say that something is a prompt, and of which type; receivers are not told of them.
const PROMPT_MARKS: [&str; 2] = ["mlflow.prompt.is_prompt", "_mlflow_prompt_type"];
/// The tag that holds the text of a prompt.
const PROMPT_TEXT: &str = "mlflow.prompt.text";

/// What an event is to webhooks of a project, if it is anything to them.
pub(super) fn subject_of(event: &Event, project: &str) -> Option<Subject> {
    let (of_models, of_prompts) = match event.kind.as_str() {
        "model.created" => ("registered_model.created", "prompt.created"),
        "model.tagged" => ("", "prompt_tag.set"),
        "model.untagged" => ("", "prompt_tag.deleted"),
        "version.registered" => ("model_version.created", "prompt_version.created"),
        "version.tagged" => ("model_version_tag.set", "prompt_version_tag.set"),
        "version.untagged" => ("model_version_tag.deleted", "prompt_version_tag.deleted"),
        "alias.moved" => ("model_version_alias.created", "prompt_alias.created"),
        "alias.removed" => ("model_version_alias.deleted", "prompt_alias.deleted"),
        _ => return None,
    };
    if project_and_name(&event.object.name).0 != project {
        return None;
    }
    let prompt = event.data["prompt"].as_bool().unwrap_or(false);
    Subject::find(if prompt { of_prompts } else { of_models })
}

/// The facts of an event, under the names that receivers know them by.
pub(super) fn facts_of(event: &Event, subject: Subject) -> Value {
    let data = &event.data;
    let object = event.object.name.as_str();
    // A version is called `model@number`.
    let model = data["model"].as_str().unwrap_or(object);
    let (_, name) = project_and_name(model);
    let version = || Value::from(data["version"].as_i64().unwrap_or_default().to_string());
    let mut facts = Map::new();
    facts.insert("name".to_owned(), name.into());
    let mut put = |key: &str, value: Value| facts.insert(key.to_owned(), value);
    match (subject.entity(), subject.action()) {
        ("registered_model", _) => {
            put("tags", or_empty(&data["tags"]));
            put("description", data["description"].clone());
        }
        ("prompt", _) => {
            put("tags", without_marks(&data["tags"], &PROMPT_MARKS));
            put("description", data["description"].clone());
        }
        ("model_version", _) => {
            put("version", version());
            put("source", data["source"].clone());
            put("run_id", data["source_run"].clone());
            put("tags", or_empty(&data["tags"]));
            put("description", or_null(&data["description"]));
        }
        ("prompt_version", _) => {
            put("version", version());
            put("template", data["tags"][PROMPT_TEXT].clone());
            let [one, two] = PROMPT_MARKS;
            put("tags", without_marks(&data["tags"], &[one, two, PROMPT_TEXT]));
            put("description", or_null(&data["description"]));
        }
        ("model_version_alias" | "prompt_alias", action) => {
            put("alias", data["alias"].clone());
            if action == "created" {
                put("version", version());
            }
        }
        (entity, action) => {
            if entity != "prompt_tag" {
                put("version", version());
            }
            put("key", data["key"].clone());
            if action == "set" {
                put("value", data["value"].clone());
            }
        }
    }
    Value::Object(facts)
}

/// Made-up facts of the same shape, to try a webhook with.
pub(super) fn example_of(subject: Subject) -> Value {
    let name = if subject.entity().starts_with("prompt") { "example_prompt" } else { "example_model" };
    let tags = json!({"example_key": "example_value"});
    let mut facts = match (subject.entity(), subject.action()) {
        ("registered_model" | "prompt", _) => json!({"tags": tags, "description": "an example"}),
        ("model_version", _) => json!({
            "version": "1", "source": "models:/m-0", "run_id": "0123456789abcdef", "tags": tags,
            "description": "an example"}),
        ("prompt_version", _) => {
            json!({"version": "1", "template": "Hello {{name}}", "tags": tags, "description": "an example"})
        }
        ("model_version_alias" | "prompt_alias", "created") => {
            json!({"alias": "example_alias", "version": "1"})
        }
        ("model_version_alias" | "prompt_alias", _) => json!({"alias": "example_alias"}),
        ("prompt_tag", "set") => json!({"key": "example_key", "value": "example_value"}),
        ("prompt_tag", _) => json!({"key": "example_key"}),
        ("budget_policy", _) => {
            return json!({
                "budget_policy_id": "bp-0", "budget_unit": "USD", "budget_amount": 100.0, "current_spend": 101.0,
                "duration_unit": "MONTHS", "duration_value": 1, "target_scope": "WORKSPACE",
                "workspace": "default", "window_start": 0});
        }
        (_, "set") => json!({"version": "1", "key": "example_key", "value": "example_value"}),
        _ => json!({"version": "1", "key": "example_key"}),
    };
    if let Value::Object(facts) = &mut facts {
        facts.insert("name".to_owned(), name.into());
    }
    facts
}

fn or_empty(tags: &Value) -> Value {
    if tags.is_object() { tags.clone() } else { json!({}) }
}

fn or_null(text: &Value) -> Value {
    if text.as_str().is_some_and(str::is_empty) { Value::Null } else { text.clone() }
}

fn without_marks(tags: &Value, marks: &[&str]) -> Value {
    let kept = tags.as_object().into_iter().flatten().filter(|(key, _)| !marks.contains(&key.as_str()));
    Value::Object(kept.map(|(key, value)| (key.clone(), value.clone())).collect())
}
