//! Profiles of older versions stay readable.

use stats::Profile;

#[test]
fn a_profile_written_by_format_one_is_read() {
    for (stored, rows) in
        [(include_str!("../stored/numbers-1.json"), 300), (include_str!("../stored/texts-1.json"), 5)]
    {
        let profile: Profile = serde_json::from_str(stored).unwrap();
        assert_eq!(profile.rows, rows);
    }
}

#[test]
fn a_broken_sketch_is_an_error_not_a_panic() {
    let stored = include_str!("../stored/numbers-1.json");
    let mut value: serde_json::Value = serde_json::from_str(stored).unwrap();
    for broken in ["", "AAAA", "not base64", "BQEPAMgACAAs"] {
        value["numbers"]["quantiles"] = broken.into();
        assert!(serde_json::from_value::<Profile>(value.clone()).is_err(), "{broken}");
    }
}

/// `cargo test -p stats write_stored -- --ignored` writes the files of a new format; older ones are never written again.
#[test]
#[ignore = "writes files"]
fn write_stored() {
    let numbers: Vec<Option<f64>> =
        (0..300).map(|row| (row % 50 != 0).then(|| f64::from(row) / 7.0 - 3.0)).collect();
    let edges = stats::Edges::from_reference(&stats::Sample::of_present(&numbers));
    let texts = [Some("Clear"), Some("Rain"), None, Some("Clear"), Some("")];
    for (name, profile) in
        [("numbers-1", Profile::of_numbers(&numbers, edges.as_ref())), ("texts-1", Profile::of_texts(&texts))]
    {
        let path = format!("{}/tests/stored/{name}.json", env!("CARGO_MANIFEST_DIR"));
        std::fs::write(path, serde_json::to_string(&profile).unwrap() + "\n").unwrap();
    }
}
