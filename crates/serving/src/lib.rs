//! Deployments, routing and hot swap.
