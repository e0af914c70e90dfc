//! The check language: what must hold for data and models, and the verdicts.
