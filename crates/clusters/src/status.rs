//! What the cluster says about the objects of a deployment, in a few words.

use serde::Serialize;
use serde_json::Value;

use crate::{Kind, Manifest};

/// How the replicas are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rollout {
    /// All wanted replicas are ready and of the newest settings.
    Ready,
    /// Replicas of the newest settings are on their way.
    Rolling,
    /// There are none, as nothing is asked of them.
    Idle,
    /// Fewer replicas are ready than are wanted, and it does not get better by itself.
    Degraded,
    /// The deployment is not in the cluster.
    Missing,
}

/// One object as the cluster has it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ObjectStatus {
    /// Its kind.
    pub kind: Kind,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Whether it is there.
    pub exists: bool,
    /// What there is to say about it.
    pub message: String,
}

/// The objects of a deployment as the cluster has them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Seen {
    /// How the replicas are.
    pub rollout: Rollout,
    /// In a sentence.
    pub message: String,
    /// Replicas that there should be now.
    pub wanted_replicas: i64,
    /// Replicas that answer.
    pub ready_replicas: i64,
    /// Replicas of the newest settings.
    pub updated_replicas: i64,
    /// Each object.
    pub objects: Vec<ObjectStatus>,
}

/// What the live objects say.
pub(crate) fn seen(found: &[(&Manifest, Option<Value>)]) -> Seen {
    let objects = found
        .iter()
        .map(|(manifest, live)| ObjectStatus {
            kind: manifest.kind,
            namespace: manifest.namespace.clone(),
            name: manifest.name.clone(),
            exists: live.is_some(),
            message: live
                .as_ref()
                .map_or_else(|| "it is not there".to_owned(), |live| words(manifest.kind, live)),
        })
        .collect();
    let live = found
        .iter()
        .find(|(manifest, _)| manifest.kind == Kind::Deployment)
        .and_then(|(_, live)| live.as_ref());
    let Some(live) = live else {
        return Seen {
            rollout: Rollout::Missing,
            message: "there are no replicas in the cluster".to_owned(),
            wanted_replicas: 0,
            ready_replicas: 0,
            updated_replicas: 0,
            objects,
        };
    };
    let number = |pointer: &str| live.pointer(pointer).and_then(Value::as_i64);
    let wanted = number("/spec/replicas").unwrap_or(1);
    let ready = number("/status/readyReplicas").unwrap_or(0);
    let updated = number("/status/updatedReplicas").unwrap_or(0);
    let total = number("/status/replicas").unwrap_or(0);
    let noticed = number("/status/observedGeneration") >= number("/metadata/generation");
    let stuck = condition(live, "Progressing").filter(|(status, _)| status == "False");
    let failing = condition(live, "ReplicaFailure").filter(|(status, _)| status == "True");
    let (rollout, message) = if let Some((_, why)) = stuck.or(failing) {
        (Rollout::Degraded, format!("{ready} of {wanted} replicas are ready: {why}"))
    } else if !noticed || updated < wanted || total > updated {
        (
            Rollout::Rolling,
            format!("{updated} of {wanted} replicas have the newest settings, {ready} are ready"),
        )
    } else if wanted == 0 {
        (Rollout::Idle, "no replica runs, as nothing is asked".to_owned())
    } else if ready < wanted {
        let why = condition(live, "Available").map(|(_, why)| format!(": {why}")).unwrap_or_default();
        (Rollout::Degraded, format!("{ready} of {wanted} replicas are ready{why}"))
    } else {
        (Rollout::Ready, format!("all {wanted} replicas are ready"))
    };
    Seen {
        rollout,
        message,
        wanted_replicas: wanted,
        ready_replicas: ready,
        updated_replicas: updated,
        objects,
    }
}

/// The status and the message of a condition.
fn condition(live: &Value, kind: &str) -> Option<(String, String)> {
    let all = live.pointer("/status/conditions")?.as_array()?;
    let found = all.iter().find(|condition| condition.get("type").and_then(Value::as_str) == Some(kind))?;
    let text = |key: &str| found.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    Some((text("status"), text("message")))
}

fn words(kind: Kind, live: &Value) -> String {
    let number = |pointer: &str| live.pointer(pointer).and_then(Value::as_i64).unwrap_or(0);
    let text = |pointer: &str| live.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    match kind {
        Kind::Deployment => {
            format!("{} of {} replicas ready", number("/status/readyReplicas"), number("/spec/replicas"))
        }
        Kind::Service => format!("at {}", text("/spec/clusterIP")),
        Kind::HorizontalPodAutoscaler => format!(
            "{} replicas now, {} wanted, between {} and {}",
            number("/status/currentReplicas"),
            number("/status/desiredReplicas"),
            number("/spec/minReplicas"),
            number("/spec/maxReplicas"),
        ),
        Kind::ScaledObject => condition(live, "Ready").map_or_else(String::new, |(status, message)| {
            if status == "True" { message } else { format!("not ready: {message}") }
        }),
        Kind::PodDisruptionBudget => {
            format!("{} replicas may go now", number("/status/disruptionsAllowed"))
        }
        Kind::ServiceAccount | Kind::NetworkPolicy => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn manifest() -> Manifest {
        Manifest {
            kind: Kind::Deployment,
            namespace: "models".into(),
            name: "traffic".into(),
            object: Value::Null,
        }
    }

    fn check(live: Option<Value>, expected: Rollout) {
        let manifest = manifest();
        let seen = seen(&[(&manifest, live)]);
        assert_eq!(seen.rollout, expected, "{}", seen.message);
    }

    fn live(wanted: i64, updated: i64, ready: i64, observed: i64) -> Value {
        json!({
            "metadata": { "generation": 3 },
            "spec": { "replicas": wanted },
            "status": {
                "observedGeneration": observed, "replicas": updated.max(ready),
                "updatedReplicas": updated, "readyReplicas": ready,
            },
        })
    }

    #[test]
    fn replicas_are_ready_when_all_are_new_and_ready() {
        check(Some(live(2, 2, 2, 3)), Rollout::Ready);
        check(Some(live(2, 1, 2, 3)), Rollout::Rolling);
        check(Some(live(2, 2, 2, 2)), Rollout::Rolling);
        check(Some(live(2, 2, 1, 3)), Rollout::Degraded);
        check(Some(live(0, 0, 0, 3)), Rollout::Idle);
        check(None, Rollout::Missing);
    }

    #[test]
    fn a_rollout_that_does_not_get_on_says_why() {
        let mut stuck = live(2, 1, 1, 3);
        stuck["status"]["conditions"] =
            json!([{ "type": "Progressing", "status": "False", "message": "timed out" }]);
        let manifest = manifest();
        let seen = seen(&[(&manifest, Some(stuck))]);
        assert_eq!(seen.rollout, Rollout::Degraded);
        assert!(seen.message.ends_with("timed out"), "{}", seen.message);
    }
}
