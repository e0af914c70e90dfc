//! What a request asks for: fields from the query of a `GET`, or from the JSON body of anything else.
//!
//! Read as leniently as MLflow's own server does: unknown fields are ignored, whole numbers may come as strings, an
//! empty text is the same as none, and a body may be JSON within a JSON string, as old clients send it.

use std::collections::BTreeMap;

use axum::extract::{FromRequest, Request};
use axum::http::{Method, header};
use base::{Actor, Timestamp};
use bytes::Bytes;
use serde_json::{Map, Value};

use super::failure::Failure;
use super::scope::{self, InProject};
use crate::app::App;
use crate::extract::Caller;

/// The fields of a request, and who asks.
#[derive(Debug)]
pub(super) struct Asked {
    fields: Map<String, Value>,
    /// Who asks, for events.
    pub(super) actor: Actor,
    /// The name of who asks.
    pub(super) name: String,
    /// The project that is spoken of.
    pub(super) project: InProject,
}

impl FromRequest<App> for Asked {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &App) -> Result<Self, Failure> {
        let project = request.extensions().get::<InProject>().cloned();
        let project = project.unwrap_or_else(InProject::default_one);
        let path = request.uri().path().to_owned();
        let caller = request.extensions().get::<Caller>().cloned();
        let actor = caller.as_ref().map_or_else(|| Actor::named("anonymous"), Caller::actor);
        let name = caller.map(|caller| caller.principal().name().to_owned()).unwrap_or_default();
        check_content_type(&request)?;
        let mut fields = if matches!(*request.method(), Method::GET | Method::HEAD) {
            from_query(request.uri().query().unwrap_or_default())
        } else {
            let body = <crate::extract::Body as FromRequest<App>>::from_request(request, state).await?;
            from_body(&body.0)?
        };
        scope::check_body(state, &project, &path, &mut fields).await?;
        Ok(Self { fields, actor, name, project })
    }
}

/// A page of somebody else's can make a browser send forms and plain text here, but not JSON; so only that is read.
fn check_content_type(request: &Request) -> Result<(), Failure> {
    if !matches!(*request.method(), Method::POST | Method::PUT) {
        return Ok(());
    }
    let Some(given) = request.headers().get(header::CONTENT_TYPE) else {
        return Err(Failure::invalid("Bad Request. Content-Type header is missing."));
    };
    let essence = given.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
    if essence.trim().eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(Failure::invalid("Bad Request. Content-Type must be one of ['application/json']."))
}

/// The fields of a query string; one that is given several times is a list.
pub(super) fn from_query(query: &str) -> Map<String, Value> {
    let mut fields = Map::new();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        let value = Value::String(value.into_owned());
        match fields.get_mut(name.as_ref()) {
            Some(Value::Array(values)) => values.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
            None => {
                fields.insert(name.into_owned(), value);
            }
        }
    }
    fields
}

fn from_body(body: &Bytes) -> Result<Map<String, Value>, Failure> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Map::new());
    }
    let broken = |error: serde_json::Error| {
        Failure::bad_request(format!("The request body is not valid JSON: {error}"))
    };
    let mut value: Value = serde_json::from_slice(body).map_err(broken)?;
    if let Value::String(inner) = &value {
        value = serde_json::from_str(inner).map_err(broken)?;
    }
    match value {
        Value::Object(fields) => Ok(fields),
        Value::Null => Ok(Map::new()),
        _ => Err(Failure::bad_request("The request body must be a JSON object.")),
    }
}

impl Asked {
    /// All fields.
    pub(super) fn fields(&self) -> Fields<'_> {
        Fields { fields: &self.fields, place: String::new() }
    }

    /// A text that must be given.
    pub(super) fn required(&self, name: &str) -> Result<&str, Failure> {
        self.fields().required(name)
    }

    /// A text, if one is given.
    pub(super) fn text(&self, name: &str) -> Result<Option<&str>, Failure> {
        self.fields().text(name)
    }

    /// The id of a run, under its new or its old name.
    pub(super) fn run_id(&self) -> Result<&str, Failure> {
        match self.text("run_id")? {
            Some(id) => Ok(id),
            None => self.text("run_uuid")?.ok_or_else(|| Failure::missing_value("run_id")),
        }
    }

    /// The number of an experiment.
    pub(super) fn experiment_id(&self) -> Result<i64, Failure> {
        experiment_number(self.required("experiment_id")?)
    }

    /// Elements of a list of objects; one that is not given is empty.
    pub(super) fn list(&self, name: &str) -> Result<Vec<Fields<'_>>, Failure> {
        self.fields().list(name)
    }

    /// Texts of a list; a single text is a list of one, as queries have it.
    pub(super) fn texts(&self, name: &str) -> Result<Vec<String>, Failure> {
        self.fields().texts(name)
    }

    /// How many results at most, between 1 and `most`.
    pub(super) fn max_results(&self, usual: usize, most: usize) -> Result<usize, Failure> {
        let Some(asked) = self.fields().int("max_results")? else { return Ok(usual) };
        match usize::try_from(asked) {
            Ok(asked) if (1..=most).contains(&asked) => Ok(asked),
            _ if asked < 1 => Err(Failure::invalid(format!(
                "Invalid value {asked} for parameter 'max_results' supplied. It must be a positive integer"
            ))),
            _ => Err(Failure::wrong_type(
                "max_results",
                self.fields.get("max_results").unwrap_or(&Value::Null),
            )),
        }
    }
}

/// A whole number that was written as a decimal one, such as `1.6e12`.
fn whole(number: f64) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() != 0.0 || number.abs() > EXACT {
        return None;
    }
    format!("{number:.0}").parse().ok()
}

/// The number of an experiment from its text.
pub(super) fn experiment_number(id: &str) -> Result<i64, Failure> {
    id.parse().map_err(|_| {
        Failure::invalid(format!("Invalid experiment ID '{id}'. Experiment ID must be a valid integer."))
    })
}

/// The fields of an object somewhere in a request.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    fields: &'a Map<String, Value>,
    /// Where the object stands, such as `metrics[3].`.
    place: String,
}

impl<'a> Fields<'a> {
    fn value(&self, name: &str) -> Option<&'a Value> {
        self.fields.get(name).filter(|value| !value.is_null())
    }

    fn wrong(&self, name: &str, value: &Value) -> Failure {
        Failure::wrong_type(&format!("{}{name}", self.place), value)
    }

    fn absent(&self, name: &str) -> Failure {
        Failure::missing_value(&format!("{}{name}", self.place))
    }

    /// Where the object stands, such as `metrics[3].`; nothing for the request itself.
    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// Whether there is such a field at all.
    pub(super) fn is_given(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    pub(super) fn required(&self, name: &str) -> Result<&'a str, Failure> {
        self.text(name)?.ok_or_else(|| self.absent(name))
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<&'a str>, Failure> {
        Ok(self.text_as_given(name)?.filter(|text| !text.is_empty()))
    }

    /// A text that may be empty and still mean something, such as a tag's value.
    pub(super) fn text_as_given(&self, name: &str) -> Result<Option<&'a str>, Failure> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(self.wrong(name, other)),
        }
    }

    pub(super) fn int(&self, name: &str) -> Result<Option<i64>, Failure> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(value) => match value {
                Value::Number(number) => number.as_i64().or_else(|| whole(number.as_f64()?)),
                Value::String(text) => text.parse().ok(),
                _ => None,
            }
            .map(Some)
            .ok_or_else(|| self.wrong(name, value)),
        }
    }

    /// A number; texts such as `"NaN"` and `"-Infinity"` are numbers too.
    pub(super) fn real(&self, name: &str) -> Result<Option<f64>, Failure> {
        match self.value(name) {
            None => Ok(None),
            Some(value) => match value {
                Value::Number(number) => number.as_f64(),
                Value::String(text) => text.parse().ok(),
                _ => None,
            }
            .map(Some)
            .ok_or_else(|| self.wrong(name, value)),
        }
    }

    pub(super) fn required_real(&self, name: &str) -> Result<f64, Failure> {
        if matches!(self.value(name), Some(Value::String(text)) if text.is_empty()) {
            return Err(self.absent(name));
        }
        self.real(name)?.ok_or_else(|| self.absent(name))
    }

    pub(super) fn required_time(&self, name: &str) -> Result<Timestamp, Failure> {
        self.time(name)?.ok_or_else(|| self.absent(name))
    }

    pub(super) fn time(&self, name: &str) -> Result<Option<Timestamp>, Failure> {
        Ok(self.int(name)?.map(Timestamp::from_millis))
    }

    pub(super) fn flag(&self, name: &str) -> Result<bool, Failure> {
        match self.value(name) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(Value::String(text)) if matches!(text.as_str(), "true" | "false") => Ok(text == "true"),
            Some(other) => Err(self.wrong(name, other)),
        }
    }

    /// An object; one that is not given has no fields.
    pub(super) fn object(&self, name: &str) -> Result<Option<Fields<'a>>, Failure> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::Object(fields)) => {
                Ok(Some(Fields { fields, place: format!("{}{name}.", self.place) }))
            }
            Some(other) => Err(self.wrong(name, other)),
        }
    }

    pub(super) fn list(&self, name: &str) -> Result<Vec<Fields<'a>>, Failure> {
        let values = match self.value(name) {
            None => return Ok(Vec::new()),
            Some(Value::Array(values)) => values,
            Some(other) => return Err(self.wrong(name, other)),
        };
        values
            .iter()
            .enumerate()
            .map(|(at, value)| match value {
                Value::Object(fields) => Ok(Fields { fields, place: format!("{}{name}[{at}].", self.place) }),
                other => Err(self.wrong(&format!("{name}[{at}]"), other)),
            })
            .collect()
    }

    pub(super) fn texts(&self, name: &str) -> Result<Vec<String>, Failure> {
        let Some(value) = self.value(name) else { return Ok(Vec::new()) };
        let one = |value: &Value| match value {
            Value::String(text) => Ok(text.clone()),
            Value::Number(number) => Ok(number.to_string()),
            other => Err(self.wrong(name, other)),
        };
        match value {
            Value::Array(values) => values.iter().map(one).collect(),
            other => Ok(vec![one(other)?]),
        }
    }

    /// A list of `{key, value}`.
    pub(super) fn pairs(&self, name: &str) -> Result<Vec<(String, String)>, Failure> {
        self.list(name)?
            .iter()
            .map(|pair| {
                let value = pair.text_as_given("value")?.unwrap_or_default();
                Ok((pair.required("key")?.to_owned(), value.to_owned()))
            })
            .collect()
    }

    /// A list of `{key, value}` by key.
    pub(super) fn tags(&self, name: &str) -> Result<BTreeMap<String, String>, Failure> {
        Ok(self.pairs(name)?.into_iter().collect())
    }
}
