//! Rust text as the rules want it: without comments, strings and test modules, line for line.

/// What stands before an item that exists for tests alone.
const TEST_MARK: &str = "#[cfg(test)]";

/// The lines of `text` with comments and the insides of strings blanked out, and everything
/// under `#[cfg(test)]` gone. Line numbers stay as they are.
pub fn code_outside_tests(text: &str) -> Vec<String> {
    blank_tests(&blank_words(text)).lines().map(str::to_owned).collect()
}

/// The modules that `text` declares for tests alone, in files of their own.
pub fn test_modules(text: &str) -> Vec<String> {
    let code = blank_words(text);
    let mut modules = Vec::new();
    for after in code.split(TEST_MARK).skip(1) {
        let item = after.get(..after.find([';', '{']).unwrap_or(after.len())).unwrap_or_default();
        let mut words = item.split_whitespace();
        let declares = after.get(item.len()..).is_some_and(|rest| rest.starts_with(';'));
        if declares && words.any(|word| word == "mod") {
            modules.extend(words.next().map(str::to_owned));
        }
    }
    modules
}

/// Blanks comments and the insides of string and character literals.
pub fn blank_words(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    let at = |index: usize| letters.get(index).copied().unwrap_or('\0');
    let mut plain = String::with_capacity(text.len());
    let mut index = 0;
    while index < letters.len() {
        let end = match (at(index), at(index + 1)) {
            ('/', '/') => line_end(&letters, index),
            ('/', '*') => comment_end(&letters, index),
            ('"', _) => string_end(&letters, index),
            ('r', '"' | '#') if !is_word(at(index.wrapping_sub(1))) => {
                raw_string_end(&letters, index).unwrap_or(index)
            }
            ('\'', '\\') => character_end(&letters, index + 3),
            ('\'', _) if at(index + 2) == '\'' => index + 3,
            _ => index,
        };
        if end == index {
            plain.push(at(index));
            index += 1;
            continue;
        }
        for letter in letters.iter().take(end.min(letters.len())).skip(index) {
            plain.push(if *letter == '\n' { '\n' } else { ' ' });
        }
        index = end;
    }
    plain
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

fn line_end(letters: &[char], start: usize) -> usize {
    letters.iter().skip(start).position(|letter| *letter == '\n').map_or(letters.len(), |found| start + found)
}

fn comment_end(letters: &[char], start: usize) -> usize {
    let mut depth = 0;
    let mut index = start;
    while index < letters.len() {
        match (letters.get(index), letters.get(index + 1)) {
            (Some('/'), Some('*')) => {
                depth += 1;
                index += 2;
            }
            (Some('*'), Some('/')) => {
                depth -= 1;
                index += 2;
                if depth == 0 {
                    return index;
                }
            }
            _ => index += 1,
        }
    }
    index
}

fn string_end(letters: &[char], start: usize) -> usize {
    let mut index = start + 1;
    while let Some(letter) = letters.get(index) {
        match letter {
            '\\' => index += 2,
            '"' => return index + 1,
            _ => index += 1,
        }
    }
    index
}

fn character_end(letters: &[char], from: usize) -> usize {
    letters
        .iter()
        .skip(from)
        .position(|letter| *letter == '\'')
        .map_or(letters.len(), |found| from + found + 1)
}

fn raw_string_end(letters: &[char], start: usize) -> Option<usize> {
    let hashes = letters.iter().skip(start + 1).take_while(|letter| **letter == '#').count();
    if letters.get(start + 1 + hashes) != Some(&'"') {
        return None;
    }
    let mut index = start + 2 + hashes;
    while index < letters.len() {
        if letters.get(index) == Some(&'"')
            && letters.iter().skip(index + 1).take(hashes).filter(|letter| **letter == '#').count() == hashes
        {
            return Some(index + 1 + hashes);
        }
        index += 1;
    }
    Some(index)
}

/// Blanks each item that follows `#[cfg(test)]`, to its closing brace or semicolon.
fn blank_tests(code: &str) -> String {
    let mut plain = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(found) = rest.find(TEST_MARK) {
        let (before, after) = rest.split_at(found);
        plain.push_str(before);
        let end = item_end(after.get(TEST_MARK.len()..).unwrap_or_default()) + TEST_MARK.len();
        plain.extend(after.chars().take(end).filter(|letter| *letter == '\n'));
        rest = after
            .get(after.char_indices().nth(end).map_or(after.len(), |(byte, _)| byte)..)
            .unwrap_or_default();
    }
    plain.push_str(rest);
    plain
}

fn item_end(item: &str) -> usize {
    let mut depth = 0_usize;
    for (count, letter) in item.chars().enumerate() {
        match letter {
            '{' => depth += 1,
            '}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return count + 1;
                }
            }
            ';' if depth == 0 => return count + 1,
            _ => {}
        }
    }
    item.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_strings_are_blanked_and_lines_stay() {
        let text = "let a = \"x.unwrap()\"; // y.unwrap()\n/* z /* deep */ .unwrap() */ let b = 'c';\nb.go()";
        let code = code_outside_tests(text);
        assert_eq!(code.len(), 3);
        assert!(code.iter().all(|line| !line.contains("unwrap")), "{code:?}");
        assert_eq!(code.last().unwrap(), "b.go()");
    }

    #[test]
    fn raw_strings_and_lifetimes_are_told_apart() {
        let code = code_outside_tests("fn f<'a>(x: &'a str) { r#\"a \" unwrap\"#; '\\''; '\"'; x.go() }");
        assert!(code.concat().contains("x.go()") && !code.concat().contains("unwrap"), "{code:?}");
    }

    #[test]
    fn files_of_tests_are_found_where_they_are_declared() {
        let text = "mod a;\n#[cfg(test)]\nmod quality;\n#[cfg(test)]\n#[path = \"x.rs\"]\npub(crate) mod b;\n#[cfg(test)]\nmod tests { mod c; }";
        assert_eq!(test_modules(text), ["quality", "b"]);
    }

    #[test]
    fn modules_of_tests_are_gone_and_what_follows_stays() {
        let code = code_outside_tests(
            "a();\n#[cfg(test)]\nmod tests {\n  fn f() { b(); }\n}\nc();\n#[cfg(test)]\nuse d;\ne();",
        );
        assert_eq!(code.len(), 9);
        let code = code.concat();
        assert!(code.contains("a()") && code.contains("c()") && code.contains("e()"), "{code}");
        assert!(!code.contains("b()") && !code.contains("use d"), "{code}");
    }
}
