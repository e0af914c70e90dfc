//! HTTP: the API, MLflow's API, the Open Inference Protocol and the embedded UI.
