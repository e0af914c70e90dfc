//! Deployments on Kubernetes: manifests, server-side apply, status.
