//! Where settings come from, which wins, and what is refused.

use super::*;

#[test]
fn later_sources_win_and_numbers_stay_numbers() {
    let sets = ["limits.chat_chars=7".to_owned(), "server.listen=127.0.0.1:0".to_owned()];
    let config = Config::load(None, &sets).expect("valid");
    assert_eq!(config.limits.chat_chars, 7);
    assert_eq!(config.server.listen.port(), 0);
}

#[test]
fn an_unknown_setting_stops_the_start_with_its_name() {
    let error = Config::load(None, &["limits.colour=3".to_owned()]).expect_err("unknown").to_string();
    assert!(error.contains("colour"), "{error}");
}

#[test]
fn an_ill_typed_setting_stops_the_start_with_its_name() {
    let error = Config::load(None, &["limits.chat_chars=many".to_owned()]).expect_err("typed").to_string();
    assert!(error.contains("limits.chat_chars"), "{error}");
}

#[test]
fn a_secret_is_not_printed() {
    let config = Config::load(None, &["auth.key_secret=hush-hush".to_owned()]).expect("valid");
    assert_eq!(config.auth.key_secret, Some(Secret("hush-hush".to_owned())));
    assert!(config.describe().contains("auth.key_secret = (set)"));
    assert!(!config.describe().contains("hush") && !format!("{config:?}").contains("hush"));
}

#[test]
fn the_password_in_an_address_is_not_printed() {
    let sets = [
        "database.url=postgres://ann:hush@db:5432/p?a=b",
        "database.replicas=[\"postgres://ann:hush@r1/p\"]",
    ];
    let shown = Config::load(None, &sets.map(str::to_owned)).expect("valid").describe();
    assert!(shown.contains("database.url = \"postgres://ann:(set)@db:5432/p?a=b\""), "{shown}");
    assert!(shown.contains("[\"postgres://ann:(set)@r1/p\"]") && !shown.contains("hush"), "{shown}");
    assert!(shown.contains("redis.prefix = \"playhouse\""));
}

#[test]
fn every_setting_is_described() {
    let text = Config::default().describe();
    for setting in Config::settings() {
        assert!(text.contains(&format!("{} = ", setting.name)), "{}", setting.name);
    }
}
