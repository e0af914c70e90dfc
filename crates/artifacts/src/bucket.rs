//! Opening buckets of S3, Google Cloud Storage and Azure.

use std::str::FromStr;
use std::sync::Arc;

use object_store::ObjectStore;
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;

use crate::ArtifactsConfig;

/// The store of a bucket and the prefix below which everything lies, or why it cannot be opened. Nothing is asked of the
/// store yet.
pub(crate) fn open(config: &ArtifactsConfig) -> Result<(Arc<dyn ObjectStore>, String), String> {
    let unknown = || "only `file://`, `s3://`, `gs://` and `az://` are known".to_owned();
    let (scheme, place) = config.url.split_once("://").ok_or_else(unknown)?;
    let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
    if bucket.is_empty() && matches!(scheme, "s3" | "gs" | "az") {
        return Err("the name of the bucket is missing".to_owned());
    }
    let objects: Arc<dyn ObjectStore> = match scheme {
        "s3" => {
            let mut builder = AmazonS3Builder::from_env().with_bucket_name(bucket);
            for (name, value) in &config.options {
                builder = builder.with_config(setting(name, "an S3 bucket")?, value);
            }
            Arc::new(builder.build().map_err(|error| error.to_string())?)
        }
        "gs" => {
            let mut builder = GoogleCloudStorageBuilder::from_env().with_bucket_name(bucket);
            for (name, value) in &config.options {
                builder = builder.with_config(setting(name, "a bucket of Google Cloud Storage")?, value);
            }
            Arc::new(builder.build().map_err(|error| error.to_string())?)
        }
        "az" => {
            let mut builder = MicrosoftAzureBuilder::from_env().with_container_name(bucket);
            for (name, value) in &config.options {
                builder = builder.with_config(setting(name, "a container of Azure")?, value);
            }
            Arc::new(builder.build().map_err(|error| error.to_string())?)
        }
        _ => return Err(unknown()),
    };
    Ok((objects, prefix.trim_matches('/').to_owned()))
}

fn setting<Key: FromStr>(name: &str, of: &str) -> Result<Key, String> {
    name.parse().map_err(|_| format!("`{name}` is no setting of {of}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(url: &str, options: &[(&str, &str)]) -> String {
        let mut config = ArtifactsConfig::at(url);
        config.options =
            options.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        open(&config).unwrap_err()
    }

    #[test]
    fn what_no_store_is_known_for_is_refused_in_words() {
        assert!(refusal("ftp://a/b", &[]).contains("`gs://`"));
        assert!(refusal("folder", &[]).contains("`file://`"));
        assert!(refusal("gs://", &[]).contains("name of the bucket"));
        assert!(refusal("s3://b", &[("colour", "red")]).contains("`colour` is no setting of an S3 bucket"));
        assert!(refusal("az://b", &[("colour", "red")]).contains("a container of Azure"));
    }

    #[test]
    fn each_scheme_opens_its_store() {
        let key = "a2V5";
        for (url, options) in [
            (
                "gs://bucket/team/data/",
                vec![(
                    "google_service_account_key",
                    "{\"private_key\": \"private_key\", \"private_key_id\": \"private_key_id\", \"client_email\": \"client_email\", \"disable_oauth\": true}",
                )],
            ),
            ("az://container/team/data", vec![("account_name", "me"), ("account_key", key)]),
            ("s3://bucket/team/data", vec![("region", "us-east-1")]),
        ] {
            let mut config = ArtifactsConfig::at(url);
            config.options =
                options.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            assert_eq!(open(&config).unwrap().1, "team/data", "{url}");
        }
    }
}
