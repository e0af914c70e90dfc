//! People, tokens and the one decision about who may do what.
