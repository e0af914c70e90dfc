//! Models of gradient boosting libraries, read from their own files.
//!
//! Thresholds keep the precision that the library itself compares in: single for XGBoost, double
//! for LightGBM. Missing values, default directions, categorical splits and the last step of the
//! objective are those of the library.

mod lightgbm;
mod objective;
mod ubj;
mod xgboost;

pub(crate) use lightgbm::LightGbm;
pub(crate) use xgboost::XgBoost;

use crate::Error;

fn bad(library: &'static str, place: &str, reason: impl Into<String>) -> Error {
    Error::BadModel { library, place: place.to_owned(), reason: reason.into() }
}
