//! The little of a command line that these tools need: switches, options with a value, words.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail};

/// What was written after the name of a command.
#[derive(Debug, Default)]
pub struct Flags {
    switches: BTreeSet<String>,
    options: BTreeMap<String, String>,
    /// Everything that does not begin with `--`, in order.
    pub words: Vec<String>,
}

impl Flags {
    /// Reads `arguments`; anything that is neither in `switches` nor in `options` is an error.
    pub fn parse(arguments: &[String], switches: &[&str], options: &[&str]) -> Result<Self> {
        let mut flags = Self::default();
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let Some(name) = argument.strip_prefix("--") else {
                flags.words.push(argument.clone());
                continue;
            };
            let (name, inline) = match name.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (name, None),
            };
            if options.contains(&name) {
                let value = match inline {
                    Some(value) => value,
                    None => rest.next().cloned().with_context(|| format!("`--{name}` needs a value"))?,
                };
                flags.options.insert(name.to_owned(), value);
            } else if switches.contains(&name) && inline.is_none() {
                flags.switches.insert(name.to_owned());
            } else {
                let known: Vec<String> =
                    switches.iter().chain(options).map(|known| format!("--{known}")).collect();
                bail!("`--{name}` is not known here; there is {}", known.join(", "));
            }
        }
        Ok(flags)
    }

    /// Whether the switch was given.
    pub fn has(&self, switch: &str) -> bool {
        self.switches.contains(switch)
    }

    /// The value of an option, if it was given.
    pub fn get(&self, option: &str) -> Option<&str> {
        self.options.get(option).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn switches_options_and_words_may_be_mixed() {
        let flags =
            Flags::parse(&words("a --once --port 80 b --until=2014"), &["once"], &["port", "until"]).unwrap();
        assert!(flags.has("once"));
        assert_eq!(flags.get("port"), Some("80"));
        assert_eq!(flags.get("until"), Some("2014"));
        assert_eq!(flags.words, ["a", "b"]);
    }

    #[test]
    fn an_unknown_flag_is_named_with_the_known_ones() {
        let error = Flags::parse(&words("--prot 80"), &["once"], &["port"]).unwrap_err().to_string();
        assert!(error.contains("--prot") && error.contains("--once, --port"), "{error}");
    }

    #[test]
    fn an_option_without_a_value_is_an_error() {
        assert!(Flags::parse(&words("--port"), &[], &["port"]).is_err());
    }
}
