//! Secrets that stand for an account.

use std::fmt;

use base::Digest;
use uuid::Uuid;

/// What every token begins with, so that scanners of leaked secrets find it.
const PREFIX: &str = "gng_";

/// The secret part of a token. It has no `Debug` or `Display` that shows it, so that it cannot reach a log by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// A fresh secret of 244 random bits from the operating system.
    #[must_use]
    pub fn generate() -> Self {
        Secret(format!("{PREFIX}{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple()))
    }

    /// The secret that a client presented, or `None` when it cannot be one of ours.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let rest = text.strip_prefix(PREFIX)?;
        (rest.len() == 64 && rest.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .then(|| Secret(text.to_owned()))
    }

    /// The hash that is stored. The secret is long and random, so that a plain hash is as good as a slow one.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&self.0)
    }

    /// The text to give to the owner, once.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secret(gng_…)")
    }
}

/// A token at the moment of its birth: the only time that the secret is seen.
#[derive(Clone, Debug)]
pub struct IssuedToken {
    /// The token's id, by which it is listed and revoked.
    pub id: String,
    /// The secret to hand to its owner.
    pub secret: Secret,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_prefixed_and_never_the_same_twice() {
        let (one, two) = (Secret::generate(), Secret::generate());
        assert!(one.reveal().starts_with("gng_"));
        assert_eq!(one.reveal().len(), 68);
        assert_ne!(one.reveal(), two.reveal());
        assert_eq!(Secret::parse(&format!(" {}\n", one.reveal())), Some(one));
    }

    #[test]
    fn a_secret_does_not_show_itself() {
        let secret = Secret::generate();
        assert!(!format!("{secret:?}").contains(&secret.reveal()[4..]));
    }

    #[test]
    fn what_is_no_token_is_not_looked_up() {
        for text in ["", "gng_", "gng_zz", "ghp_0123", &"a".repeat(68)] {
            assert_eq!(Secret::parse(text), None, "{text}");
        }
    }
}
