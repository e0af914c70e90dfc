//! `restore`: what was deleted comes back.

use anyhow::Result;
use serde_json::json;

use crate::args::{RestoreArguments, RestoreKind};
use crate::client::Client;
use crate::exit::hinted;
use crate::output::{self, at, columns};

/// Brings a model or a version back, or lists the models that can be.
pub(super) async fn restore(client: &Client, arguments: &RestoreArguments, json: bool) -> Result<()> {
    let (Some(what), Some(name)) = (arguments.what, &arguments.name) else {
        let found = client.get("/api/v1/deleted-models").await?;
        if json {
            output::json(&found);
            return Ok(());
        }
        let items = at(&found, "items").as_array().cloned().unwrap_or_default();
        let columns = columns(&[("model", "name"), ("deleted", "deleted_at"), ("versions", "versions")]);
        output::table(&items, &columns, "no deleted model");
        return Ok(());
    };
    let path = match what {
        RestoreKind::Model => format!("/api/v1/models/{}/restore", encoded(name)),
        RestoreKind::Version => {
            let named = name.rsplit_once('@').filter(|(_, number)| number.parse::<u32>().is_ok());
            let (model, number) = named.ok_or_else(|| {
                hinted(format!("`{name}` names no version"), "write `MODEL@NUMBER`, such as `traffic@2`")
            })?;
            format!("/api/v1/models/{}/versions/{number}/restore", encoded(model))
        }
    };
    let back = client.post(&path, &json!({})).await?;
    if json {
        output::json(&back);
    } else {
        output::line(&format!("{name} is back, without its aliases"));
    }
    Ok(())
}

/// A name as one part of a path; that of another project holds a `/`.
fn encoded(name: &str) -> String {
    name.replace('%', "%25").replace('/', "%2F")
}
