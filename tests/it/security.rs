//! What `docs/security.md` says is answered by a test, a setting or a file is: each that it names exists.

use playhouse::config::Config;
use std::{collections::BTreeSet, fs, path::Path};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Everything under these folders with this extension, as one text.
fn texts(folders: &[&str], extension: &str) -> String {
    let mut left: Vec<_> = folders.iter().map(|folder| root().join(folder)).collect();
    let mut out = String::new();
    while let Some(dir) = left.pop() {
        for entry in fs::read_dir(&dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display())) {
            let path = entry.unwrap().path();
            if path.is_dir() {
                left.push(path);
            } else if path.extension().is_some_and(|is| is == extension) {
                out.push_str(&fs::read_to_string(path).unwrap());
            }
        }
    }
    out
}

/// Names of the functions that a test attribute stands over; of a macro's `fn $name`, those that it is then given.
fn tests() -> BTreeSet<String> {
    let source = texts(&["src", "tests"], "rs");
    let (mut over_a_test, mut by_macro) = (false, false);
    let mut found = BTreeSet::new();
    for line in source.lines().map(|line| line.trim().trim_start_matches("$(")) {
        if line.starts_with("#[") && line.contains("test") && !line.contains("cfg") {
            over_a_test = true;
        } else if let Some(rest) = line.strip_prefix("async fn ").or_else(|| line.strip_prefix("fn ")) {
            if over_a_test {
                found.extend(rest.split(['(', '<']).next().map(str::to_owned));
            }
            by_macro = over_a_test && rest.starts_with("$name");
            over_a_test = false;
        } else if by_macro && line.ends_with(';') {
            found.extend(line.split_once(':').map(|(name, _)| name.to_owned()));
        }
    }
    found
}

/// What stands between these marks.
fn between(text: &str, mark: char) -> Vec<&str> {
    text.split(mark).skip(1).step_by(2).collect()
}

/// Rows of the document's tables: their cells.
fn rows() -> Vec<Vec<String>> {
    let document = fs::read_to_string(root().join("docs/security.md")).unwrap();
    let rows = document.lines().filter(|line| line.starts_with('|') && !line.starts_with("| ---"));
    rows.map(|line| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
}

/// What a name in the document is.
#[derive(Debug, PartialEq)]
enum Named {
    Test,
    File,
    Setting,
    /// A header, a word of code: nothing that can be looked for.
    Word,
}

fn kind(name: &str) -> Named {
    const FOLDERS: [&str; 7] = ["src/", "tests/", "scripts/", "docs/", "deploy/", "web/", "migrations/"];
    let snake = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '*');
    let settings = Config::settings();
    let section = |name: &str| settings.iter().any(|it| it.name.split('.').next() == name.split('.').next());
    if FOLDERS.iter().any(|folder| name.starts_with(folder)) || name.ends_with(".toml") {
        Named::File
    } else if name.matches('_').count() >= 2 && name.chars().all(snake) {
        Named::Test
    } else if name.contains('.') && section(name) {
        Named::Setting
    } else {
        Named::Word
    }
}

fn exists(name: &str, tests: &BTreeSet<String>) -> bool {
    match kind(name) {
        Named::Word => true,
        Named::File => root().join(name).exists(),
        Named::Setting => {
            let settings = Config::settings();
            settings.iter().any(|it| {
                it.name == name || name.strip_suffix('*').is_some_and(|all| it.name.starts_with(all))
            })
        }
        Named::Test => match name.strip_suffix('*') {
            Some(begin) => tests.iter().any(|test| test.starts_with(begin)),
            None => tests.contains(name),
        },
    }
}

#[test]
fn every_test_setting_and_file_that_the_document_names_exists() {
    let (tests, rows) = (tests(), rows());
    assert!(tests.len() > 300, "{} tests", tests.len());
    let named: BTreeSet<_> = rows.iter().flatten().flat_map(|cell| between(cell, '`')).collect();
    let missing: Vec<_> = named.iter().filter(|name| !exists(name, &tests)).collect();
    assert!(missing.is_empty(), "docs/security.md names what is not there: {missing:?}");
    assert!(named.iter().filter(|name| kind(name) == Named::Test).count() > 30, "{named:?}");
    let in_pages = texts(&["web/test"], "js");
    for title in
        rows.iter().flatten().filter(|cell| cell.contains("`web/test`")).flat_map(|cell| between(cell, '"'))
    {
        assert!(in_pages.contains(title), "no test of the pages is called {title:?}");
    }
}

#[test]
fn what_is_said_to_be_answered_names_a_test_or_a_file_that_answers_it() {
    let answers =
        |cell: &str| between(cell, '`').iter().any(|name| matches!(kind(name), Named::Test | Named::File));
    for row in rows() {
        let [item, state, answer] = row.as_slice() else { continue };
        // The Top 10's rows have a threat where ASVS has a state.
        let owned =
            ["no", "in part", "mostly", "by the proxy", "does not apply", "state", "what could happen here"];
        let honest = owned.contains(&state.as_str())
            || answer.starts_with("not answered")
            || answer.starts_with("does not apply");
        assert!(
            honest || answers(answer) || answer.contains("A0"),
            "{item} {state}: nothing is named in {answer:?}"
        );
    }
}
