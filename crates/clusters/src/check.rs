//! Whether settings make sense, before a cluster is asked.

use crate::Kubernetes;
use crate::quantity;

/// A part of the settings that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// The path of the part within `deployment.kubernetes`, such as `autoscale.min`; empty for the whole.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

/// The most replicas that one deployment may have.
const MOST_REPLICAS: u32 = 1_000;
/// The longest time that requests under way may take.
const MOST_DRAIN_SECONDS: u32 = 3_600;
/// A DNS label.
const MOST_NAME_CHARS: usize = 63;
/// The objects' names are the name with a word behind it, none longer than this.
const MOST_OWN_CHARS: usize = 52;

impl Kubernetes {
    /// Whether the settings of the deployment `name` make sense as a whole.
    ///
    /// # Errors
    /// The first part that does not, by its path.
    pub fn check(&self, name: &str) -> Result<(), Misfit> {
        self.names(name)?;
        self.addresses()?;
        self.amounts()?;
        self.scaling()
    }

    fn names(&self, name: &str) -> Result<(), Misfit> {
        let own = self.name.as_deref().unwrap_or(name);
        if !is_label(own) || own.len() > MOST_OWN_CHARS {
            let message = format!(
                "`{own}` cannot name objects in Kubernetes: at most {MOST_OWN_CHARS} small letters, digits and `-`, a letter \
                 first and no `-` at the end"
            );
            let path = if self.name.is_some() { "name" } else { "" };
            let hint = "write another one as `deployment.kubernetes.name`".to_owned();
            return Err(Misfit { path: path.to_owned(), message, hint: Some(hint) });
        }
        let mut labels = vec![("namespace".to_owned(), self.namespace.as_str())];
        labels.extend(
            self.network
                .from_namespaces
                .iter()
                .enumerate()
                .map(|(index, namespace)| (format!("network.from_namespaces[{index}]"), namespace.as_str())),
        );
        for (path, label) in labels {
            if !is_label(label) {
                return Err(misfit(&path, format!("`{label}` is no name of a namespace")));
            }
        }
        let mut objects = vec![("token.secret".to_owned(), self.token.secret.as_str())];
        objects.extend(
            self.client_token.iter().map(|key| ("client_token.secret".to_owned(), key.secret.as_str())),
        );
        objects.extend(self.service_account.iter().map(|name| ("service_account".to_owned(), name.as_str())));
        objects.extend(self.runtime_class.iter().map(|name| ("runtime_class".to_owned(), name.as_str())));
        objects.extend(
            self.image_pull_secrets
                .iter()
                .enumerate()
                .map(|(index, name)| (format!("image_pull_secrets[{index}]"), name.as_str())),
        );
        for (path, object) in objects {
            if !object.split('.').all(is_label_or_digit_first) || object.len() > 253 {
                return Err(misfit(&path, format!("`{object}` is no name of an object in Kubernetes")));
            }
        }
        for (map, path) in [(&self.labels, "labels"), (&self.node_selector, "node_selector")] {
            for (key, value) in map {
                if !is_qualified(key) || !is_label_value(value) {
                    return Err(misfit(
                        &format!("{path}.{key}"),
                        format!("`{key}: {value}` is no label in Kubernetes"),
                    ));
                }
            }
        }
        for key in self.annotations.keys() {
            if !is_qualified(key) {
                return Err(misfit(
                    &format!("annotations.{key}"),
                    format!("`{key}` is no key of an annotation"),
                ));
            }
        }
        for own in ["app.kubernetes.io/name", "app.kubernetes.io/instance", "app.kubernetes.io/managed-by"] {
            if self.labels.contains_key(own) {
                return Err(misfit(&format!("labels.{own}"), format!("the label `{own}` is set by Gingham")));
            }
        }
        for name in self.env.keys() {
            let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
                && !name.starts_with(|first: char| first.is_ascii_digit())
                && !name.is_empty();
            if !plain || matches!(name.as_str(), "GINGHAM_TOKEN" | "GINGHAM_CLIENT_TOKEN") {
                let message = format!("`{name}` cannot be set here");
                return Err(misfit(&format!("env.{name}"), message));
            }
        }
        Ok(())
    }

    fn addresses(&self) -> Result<(), Misfit> {
        if self.image.is_empty() || self.image.len() > 512 || self.image.contains(char::is_whitespace) {
            return Err(misfit("image", format!("`{}` names no image", self.image)));
        }
        let mut addresses = vec![("server", self.server.as_str())];
        if let Some(keda) = self.autoscale.as_ref().and_then(|autoscale| autoscale.keda.as_ref()) {
            addresses.push(("autoscale.keda.prometheus", &keda.prometheus));
        }
        for (path, address) in addresses {
            if port_of(address).is_none() {
                let message = format!("`{address}` is no address");
                let hint = "such as http://gingham.gingham.svc:5050".to_owned();
                return Err(Misfit { path: path.to_owned(), message, hint: Some(hint) });
            }
        }
        Ok(())
    }

    fn amounts(&self) -> Result<(), Misfit> {
        let mut quantities = vec![
            ("resources.cpu", self.resources.cpu.as_str()),
            ("resources.memory", self.resources.memory.as_str()),
            ("cache", self.cache.as_str()),
        ];
        quantities
            .extend(self.resources.cpu_limit.iter().map(|limit| ("resources.cpu_limit", limit.as_str())));
        for (path, text) in quantities {
            if quantity::value(text).is_none_or(|value| value <= 0.0) {
                let hint = "write quantities as Kubernetes does: `500m`, `2`, `512Mi`".to_owned();
                let message = format!("`{text}` is no quantity");
                return Err(Misfit { path: path.to_owned(), message, hint: Some(hint) });
            }
        }
        let limit = self.resources.cpu_limit.as_deref().and_then(quantity::value);
        if limit.is_some_and(|limit| Some(limit) < quantity::value(&self.resources.cpu)) {
            return Err(misfit(
                "resources.cpu_limit",
                "the limit is lower than what is set aside".to_owned(),
            ));
        }
        if self.drain_seconds > MOST_DRAIN_SECONDS {
            return Err(misfit("drain_seconds", format!("at most {MOST_DRAIN_SECONDS} seconds are taken")));
        }
        if let Some(gpu) = &self.gpu {
            if gpu.count == 0 || gpu.count > 64 {
                return Err(misfit("gpu.count", "a replica has between 1 and 64".to_owned()));
            }
            if !is_qualified(&gpu.resource) || !gpu.resource.contains('/') {
                return Err(misfit("gpu.resource", format!("`{}` is no extended resource", gpu.resource)));
            }
        }
        for (index, toleration) in self.tolerations.iter().enumerate() {
            let known = ["NoSchedule", "PreferNoSchedule", "NoExecute"];
            if let Some(effect) = toleration.effect.as_deref().filter(|effect| !known.contains(effect)) {
                return Err(misfit(
                    &format!("tolerations[{index}].effect"),
                    format!("no effect is called `{effect}`; there are `{}`", known.join("`, `")),
                ));
            }
        }
        Ok(())
    }

    fn scaling(&self) -> Result<(), Misfit> {
        if self.replicas == 0 || self.replicas > MOST_REPLICAS {
            return Err(misfit(
                "replicas",
                format!("a deployment has between 1 and {MOST_REPLICAS} replicas"),
            ));
        }
        let Some(autoscale) = &self.autoscale else { return Ok(()) };
        if autoscale.max == 0 || autoscale.max > MOST_REPLICAS {
            return Err(misfit("autoscale.max", format!("between 1 and {MOST_REPLICAS} replicas")));
        }
        if autoscale.min > autoscale.max {
            return Err(misfit(
                "autoscale.min",
                format!("at least {} replicas and at most {} cannot be", autoscale.min, autoscale.max),
            ));
        }
        if autoscale.cpu_percent.is_some_and(|percent| percent == 0 || percent > 1_000) {
            return Err(misfit("autoscale.cpu_percent", "between 1 and 1000 percent".to_owned()));
        }
        match &autoscale.keda {
            None if autoscale.min == 0 => Err(Misfit {
                path: "autoscale.min".to_owned(),
                message: "only KEDA can take the last replica away".to_owned(),
                hint: Some("set `min: 1`, or add `autoscale.keda`".to_owned()),
            }),
            Some(keda) if keda.requests_per_second == 0 => {
                Err(misfit("autoscale.keda.requests_per_second", "it must be more than 0".to_owned()))
            }
            Some(keda) if autoscale.min == 0 && keda.query.is_none() => Err(Misfit {
                path: "autoscale.keda".to_owned(),
                message: "without a replica nobody counts requests, so none would ever come back".to_owned(),
                hint: Some("write a `query` on what the ingress counts".to_owned()),
            }),
            _ => Ok(()),
        }
    }
}

fn misfit(path: &str, message: String) -> Misfit {
    Misfit { path: path.to_owned(), message, hint: None }
}

/// The port of an `http` or `https` address.
pub(crate) fn port_of(address: &str) -> Option<u16> {
    let (rest, otherwise) = match address.strip_prefix("http://") {
        Some(rest) => (rest, 80),
        None => (address.strip_prefix("https://")?, 443),
    };
    let host = rest.split('/').next()?;
    let plain = |text: &str| {
        !text.is_empty()
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'))
    };
    match host.rsplit_once(':') {
        Some((name, port)) if plain(name) => port.parse().ok().filter(|port| *port > 0),
        None if plain(host) => Some(otherwise),
        _ => None,
    }
}

/// RFC 1035: what a service may be called.
fn is_label(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_lowercase()) && is_label_or_digit_first(text)
}

/// RFC 1123.
fn is_label_or_digit_first(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty()
        && text.len() <= MOST_NAME_CHARS
        && text.bytes().all(inner)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// A key of labels and annotations: a name, perhaps with a domain and `/` before it.
fn is_qualified(key: &str) -> bool {
    match key.split_once('/') {
        Some((domain, name)) => {
            domain.len() <= 253 && domain.split('.').all(is_label_or_digit_first) && is_name_part(name)
        }
        None => is_name_part(key),
    }
}

fn is_label_value(value: &str) -> bool {
    value.is_empty() || is_name_part(value)
}

fn is_name_part(text: &str) -> bool {
    let outer = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    bytes.len() <= MOST_NAME_CHARS
        && outer(bytes.first())
        && outer(bytes.last())
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Settings with the parts that must be there, and `more`.
    pub(crate) fn settings(more: &str) -> Kubernetes {
        let base = "image: registry.example.com/gingham:0.1.0\nserver: http://gingham.gingham.svc:5050\n\
                    token: { secret: gingham-token }\n";
        serde_yaml_ng::from_str(&format!("{base}{more}")).unwrap()
    }

    fn check(more: &str, path: &str) {
        let found = settings(more).check("traffic").expect_err(more);
        assert_eq!(found.path, path, "{more}: {}", found.message);
    }

    #[test]
    fn few_lines_are_enough() {
        assert_eq!(settings("").check("traffic"), Ok(()));
    }

    #[test]
    fn what_makes_no_sense_is_found_by_its_path() {
        check("name: Traffic_1", "name");
        check("namespace: a.b", "namespace");
        check("network: { from_namespaces: [web, 'x y'] }", "network.from_namespaces[1]");
        check("resources: { cpu: much }", "resources.cpu");
        check("resources: { cpu: '2', cpu_limit: 500m }", "resources.cpu_limit");
        check("cache: 0", "cache");
        check("gpu: { count: 0 }", "gpu.count");
        check("gpu: { resource: gpu }", "gpu.resource");
        check("tolerations: [{ key: gpu, effect: Never }]", "tolerations[0].effect");
        check("replicas: 0", "replicas");
        check("autoscale: { min: 3, max: 2 }", "autoscale.min");
        check("autoscale: { min: 0, max: 2 }", "autoscale.min");
        check(
            "autoscale: { min: 0, max: 2, keda: { prometheus: 'http://p:9090', requests_per_second: 5 } }",
            "autoscale.keda",
        );
        check(
            "autoscale: { max: 2, keda: { prometheus: 'p:9090', requests_per_second: 5 } }",
            "autoscale.keda.prometheus",
        );
        check("env: { GINGHAM_TOKEN: x }", "env.GINGHAM_TOKEN");
        check("labels: { app.kubernetes.io/name: x }", "labels.app.kubernetes.io/name");
    }

    #[test]
    fn a_name_that_kubernetes_does_not_take_asks_for_another() {
        let found = settings("").check("Taxi_Fares").unwrap_err();
        assert!(
            found.path.is_empty() && found.hint.unwrap().contains("kubernetes.name"),
            "{}",
            found.message
        );
    }

    #[test]
    fn ports_are_those_of_the_address() {
        assert_eq!(port_of("http://a.b:5050/x"), Some(5050));
        assert_eq!((port_of("https://a"), port_of("http://a/")), (Some(443), Some(80)));
        assert_eq!((port_of("a:1"), port_of("http://:1"), port_of("http://a:x")), (None, None, None));
    }
}
