//! `gingham test` and `gingham checks`: data alone, without a server.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::harness::{Ran, example, run};

/// Two small sources and a suite over them, with one line more.
fn shop(line: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("orders.csv", "id,shop,temp\n1,1,20.5\n2,2,21.0\n3,9,19.0\n");
    write("shops.csv", "id\n1\n2\n9\n");
    write(
        "checks.yaml",
        &format!(
            "sources:\n  orders:\n    file: orders.csv\n    checks:\n      - {{ id: key, unique: [id] }}\n      \
             - {{ id: shop, references: {{ columns: [shop], source: shops, to: [id] }} }}\n{line}  shops:\n    \
             file: shops.csv\n    checks: []\n"
        ),
    );
    folder
}

fn test(folder: &Path) -> Ran {
    run(&["test", folder.to_str().unwrap()])
}

#[test]
fn the_data_of_the_example_fails_and_every_report_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let report = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let files = ["junit", "sarif", "markdown", "html"].map(|name| (format!("--{name}"), report(name)));
    let mut arguments = vec!["test".to_owned(), example().to_str().unwrap().to_owned()];
    arguments.extend(files.iter().flat_map(|(flag, file)| [flag.clone(), file.clone()]));
    let ran = run(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(ran.code, Some(2), "{}\n{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains("rain-is-possible"), "{}", ran.stdout);
    let said = "traffic: 8 checks: 5 pass, 2 warn, 1 fails over 48204 rows";
    assert!(ran.stdout.contains(said), "{}", ran.stdout);
    let read = |name: &str| fs::read_to_string(report(name)).unwrap();
    assert!(read("junit").contains("tests=\"8\" failures=\"1\" errors=\"0\""), "{}", read("junit"));
    let sarif: Value = serde_json::from_str(&read("sarif")).unwrap();
    let yaml = fs::read_to_string(example().join("gingham.yaml")).unwrap();
    let line = yaml.lines().position(|line| line.contains("id: rain-is-possible")).unwrap() + 1;
    let failed = sarif["runs"][0]["results"].as_array().unwrap().iter().find(|one| one["level"] == "error");
    let region = &failed.unwrap()["locations"][0]["physicalLocation"]["region"];
    assert_eq!(region["startLine"], line, "{sarif}");
    assert!(read("markdown").contains("| ✗ fail | rain-is-possible |"), "{}", read("markdown"));
    assert!(read("html").contains("9831.3"), "the failing row is there");
}

#[test]
fn checks_that_hold_exit_with_0_and_results_come_as_json() {
    let folder = shop("");
    assert_eq!(test(folder.path()).code, Some(0));
    let ran = run(&["--json", "test", folder.path().to_str().unwrap(), "--source", "orders"]);
    let found: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(found["outcome"], "pass");
    assert_eq!(found["sources"][0]["verdict"]["results"][1]["check_id"], "shop");
    assert_eq!(found["sources"].as_array().unwrap().len(), 1);
    let ran = run(&["test", folder.path().to_str().unwrap(), "--source", "order"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("the sources are orders, shops"), "{}", ran.stderr);
}

#[test]
fn what_does_not_fit_is_refused_at_its_place() {
    for (line, place, words) in [
        ("      - { id: a, column: tmep, not_null: true }\n", "7:18", "did you mean `temp`?"),
        ("      - { id: a, column: temp, matches: x }\n", "7:32", "patterns are for text"),
        ("      - { id: a, column: temp, between: [a, b] }\n", "7:32", "which `a` is not"),
        ("      - { id: a, column: temp, matches: '(' }\n", "7:32", "does not compile: unclosed group"),
        ("      - { id: a, column: temp, betwen: [1, 2] }\n", "7:", "did you mean `between`?"),
        ("      - { id: a, rows_as_in: { source: shop, share: [1, 1] } }\n", "7:18", "did you mean `shops`?"),
    ] {
        let folder = shop(line);
        let ran = test(folder.path());
        assert_eq!(ran.code, Some(1), "{line}: {}", ran.stdout);
        assert!(ran.stderr.contains(&format!("checks.yaml:{place}")), "{line}: {}", ran.stderr);
        assert!(ran.stderr.contains(words), "{line}: {}", ran.stderr);
        assert_eq!(ran.stdout, "", "nothing is evaluated");
    }
}

#[test]
fn a_condition_that_cannot_be_run_is_an_error_and_no_pass() {
    let folder = shop("      - { id: a, column: temp, not_null: true, where: tmep > 1 }\n");
    let ran = test(folder.path());
    assert_eq!(ran.code, Some(1), "{}", ran.stdout);
    assert!(ran.stderr.contains("checks.yaml:7:9: check `a` cannot be evaluated"), "{}", ran.stderr);
    assert!(ran.stdout.contains("3 checks: 2 pass, 1 cannot be evaluated"), "{}", ran.stdout);
}

#[test]
fn a_failed_check_exits_with_2_and_names_the_row() {
    let folder = shop("      - { id: a, column: temp, between: [20, null] }\n");
    let ran = test(folder.path());
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(ran.stdout.contains("row 3"), "{}", ran.stdout);
}

#[test]
fn a_folder_without_checks_and_a_file_without_rows_say_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let ran = test(folder.path());
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("gingham checks draft"), "{}", ran.stderr);
    let folder = shop("");
    fs::remove_file(folder.path().join("shops.csv")).unwrap();
    let ran = test(folder.path());
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("the rows of source `shops`"), "{}", ran.stderr);
}

#[test]
fn a_draft_of_the_example_holds_for_it_and_tells_its_false_alarms() {
    let folder = tempfile::tempdir().unwrap();
    let suite = folder.path().join("checks.yaml");
    let rows = example().join("traffic.csv.gz");
    let (suite, rows) = (suite.to_str().unwrap(), rows.to_str().unwrap());
    let ran = run(&["checks", "draft", rows, "--out", suite]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(
        ran.stdout.contains("+ traffic_volume-there: no value is missing in 48,204 rows"),
        "{}",
        ran.stdout
    );
    assert!(ran.stderr.contains("cut in the order of `date_time`"), "{}", ran.stderr);
    let yaml = fs::read_to_string(suite).unwrap();
    assert!(yaml.contains("id: date_time-rises"), "{yaml}");
    let ran = run(&["test", suite]);
    assert_eq!(ran.code, Some(0), "{}\n{}", ran.stdout, ran.stderr);
    assert!(!ran.stdout.contains("warns"), "{}", ran.stdout);
}

#[test]
fn a_suite_of_another_tool_is_carried_and_what_is_not_is_printed() {
    let folder = shop("");
    let suite = folder.path().join("suite.json");
    let text = r#"{"expectations": [
        {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "temp"}},
        {"type": "expect_column_kl_divergence_to_be_less_than", "kwargs": {"column": "temp"}}]}"#;
    fs::write(&suite, text).unwrap();
    let out = folder.path().join("imported.yaml");
    let paths = [suite.to_str().unwrap(), out.to_str().unwrap()];
    let ran =
        run(&["checks", "import", paths[0], "--file", "orders.csv", "--source", "orders", "--out", paths[1]]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains("expect_column_kl_divergence_to_be_less_than"), "{}", ran.stderr);
    let ran = run(&["test", paths[1]]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stdout.contains("temp-not_null"), "{}", ran.stdout);

    let schema = folder.path().join("schema.yaml");
    fs::write(
        &schema,
        "schema_type: dataframe\ncolumns:\n  temp:\n    dtype: float64\n    nullable: false\n",
    )
    .unwrap();
    let ran = run(&["checks", "import", schema.to_str().unwrap(), "--file", "orders.csv"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stdout.contains("of_type: real"), "{}", ran.stdout);
    fs::write(&schema, "a: [\n").unwrap();
    let ran = run(&["checks", "import", schema.to_str().unwrap()]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("schema.yaml:"), "{}", ran.stderr);
}
