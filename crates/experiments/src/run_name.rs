//! Names for runs that were given none.

const QUALITIES: [&str; 48] = [
    "able", "airy", "amber", "ample", "azure", "bold", "brave", "brisk", "calm", "candid", "cheery",
    "clever", "cosy", "crisp", "dapper", "deft", "eager", "early", "fair", "fleet", "gentle", "glad",
    "golden", "grand", "hardy", "honest", "jolly", "keen", "kind", "lively", "loyal", "lucid", "merry",
    "mild", "neat", "nimble", "noble", "patient", "plucky", "polite", "quiet", "rapid", "serene", "silver",
    "sturdy", "sunny", "tidy", "witty",
];
const CREATURES: [&str; 48] = [
    "badger", "beaver", "bison", "bittern", "carp", "crane", "curlew", "deer", "dove", "duck", "eider",
    "elk", "falcon", "ferret", "finch", "fox", "gannet", "goose", "grebe", "hare", "heron", "horse", "ibex",
    "jay", "kestrel", "lark", "linnet", "lynx", "marten", "mole", "newt", "otter", "owl", "perch", "pike",
    "plover", "quail", "raven", "robin", "salmon", "seal", "shrew", "snipe", "stoat", "swan", "tern", "vole",
    "wren",
];

/// A name such as `calm-otter-417`, made from the random end of a run's id, so that the same id has the same name.
#[must_use]
pub fn run_name(id: &str) -> String {
    let seed =
        id.bytes().rev().take(12).fold(0_u64, |seed, byte| seed.wrapping_mul(131).wrapping_add(byte.into()));
    let pick = |words: &[&'static str], from: u64| {
        let at = usize::try_from(from % words.len() as u64).unwrap_or(0);
        words.get(at).copied().unwrap_or("plain")
    };
    format!("{}-{}-{}", pick(&QUALITIES, seed), pick(&CREATURES, seed >> 16), (seed >> 32) % 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_name_is_two_words_and_a_number() {
        let name = run_name(&base::id::new_hex_id());
        let parts: Vec<_> = name.split('-').collect();
        assert_eq!(parts.len(), 3, "{name}");
        assert!(parts[2].parse::<u32>().unwrap() < 1_000);
    }

    #[test]
    fn names_of_neighbouring_ids_differ() {
        let names: std::collections::BTreeSet<_> = (0..100).map(|i| run_name(&format!("{i:032x}"))).collect();
        assert!(names.len() > 90, "{}", names.len());
    }
}
