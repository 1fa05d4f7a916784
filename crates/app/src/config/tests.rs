//! The file, the structs and the list of settings say the same; what is wrong is told with its place.

use std::collections::BTreeSet;
use std::path::Path;

use super::load::{Faults, Loaded};
use super::settings::SETTINGS;
use super::*;

fn read(text: &str, environment: &[(&str, &str)]) -> Result<Loaded, Faults> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hongyan.toml");
    std::fs::write(&path, text).unwrap();
    let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    load(Some(&path), environment)
}

/// The paths of all fields, by what is written of a configuration.
fn fields() -> BTreeSet<String> {
    let tree = serde_json::to_value(Config::default()).unwrap();
    let mut found = BTreeSet::new();
    for (name, value) in tree.as_object().unwrap() {
        match value.as_object() {
            Some(section) => found.extend(section.keys().map(|key| format!("{name}.{key}"))),
            None => {
                found.insert(name.clone());
            }
        }
    }
    found
}

/// The defaults with all examples taken in.
fn uncommented() -> String {
    let line = |line: &str| match line.strip_prefix("# ") {
        Some(rest) if rest.split_once(" = ").is_some_and(|(key, _)| key.bytes().all(is_key)) => {
            rest.to_owned()
        }
        _ => line.to_owned(),
    };
    DEFAULTS.lines().map(line).collect::<Vec<_>>().join("\n")
}

fn is_key(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte == b'_'
}

#[test]
fn the_commented_file_is_what_the_code_has_by_default() {
    let file = read(DEFAULTS, &[]).unwrap();
    assert_eq!(file.config, Config::default());
    assert!(file.config.check().is_ok());
    assert_eq!(file.config.key_file(), PathBuf::from("hongyan-data.key"));
}

#[test]
fn every_field_is_a_setting_and_every_setting_is_in_the_file() {
    let settings: BTreeSet<String> = SETTINGS.iter().map(|setting| setting.path.to_owned()).collect();
    assert_eq!(settings.len(), SETTINGS.len(), "none is there twice");
    assert_eq!(settings, fields());
    let all = read(&uncommented(), &[]).expect("every example may be taken in");
    let named: BTreeSet<String> = all.origins.keys().map(|path| (*path).to_owned()).collect();
    assert_eq!(named, settings);
}

#[test]
fn every_setting_has_a_comment_in_both_languages() {
    let mut comment = String::new();
    for line in DEFAULTS.lines() {
        let is_example = line.strip_prefix("# ").and_then(|rest| rest.split_once(" = "));
        match line.strip_prefix('#') {
            Some(words) if is_example.is_none_or(|(key, _)| !key.bytes().all(is_key)) => {
                comment.push_str(words);
            }
            _ if line.is_empty() || line.starts_with('[') => comment.clear(),
            _ => {
                let chinese = comment.chars().any(|ch| ('\u{4e00}'..='\u{9fff}').contains(&ch));
                let english =
                    comment.split_whitespace().any(|word| word.bytes().all(|b| b.is_ascii_lowercase()));
                assert!(chinese && english, "{line}: {comment}");
            }
        }
    }
}

#[test]
fn a_secret_can_come_from_a_file() {
    for secret in SETTINGS.iter().filter(|setting| setting.is_secret) {
        let file = format!("{}_file", secret.path);
        assert!(SETTINGS.iter().any(|setting| setting.path == file), "{file}");
    }
}

#[test]
fn the_environment_is_laid_over_the_file_and_the_file_over_the_defaults() {
    let over = [("HONGYAN__PARTITIONS", "16"), ("HONGYAN__POLICY__WORD_LISTS", "a.tsv, b.tsv")];
    let loaded = read("partitions = 4\n[policy]\nmarketing_per_day = 2\n", &over).unwrap();
    let config = &loaded.config;
    assert_eq!((config.partitions, config.policy.marketing_per_day), (16, 2));
    assert_eq!(config.policy.word_lists, [Path::new("a.tsv"), Path::new("b.tsv")]);
    assert_eq!(config.policy.marketing_per_week, 2);
    assert_eq!(loaded.origins["partitions"], Origin::Variable("HONGYAN__PARTITIONS".to_owned()));
    assert_eq!(loaded.origins["policy.marketing_per_day"], Origin::Line(3));
}

#[test]
fn every_mistake_is_told_with_its_place_and_without_its_value() {
    let text =
        "partition = 4\nlisten = \"s3cret\"\n\n[policy]\nmarketing_hours = \"8 to 20\"\n[storag]\nurl = 1\n";
    let over = [("HONGYAN__STORAGE__CONNECTIONS", "many"), ("HONGYAN__STORAGE__URI", "s3cret")];
    let faults = read(text, &over).unwrap_err();
    let (en, zh) = (faults.told(false), faults.told(true));
    for (place, en_words, zh_words) in [
        ("hongyan.toml:1", "no setting partition; is partitions meant?", "是不是想写 partitions"),
        ("hongyan.toml:2", "the value of listen does not fit", "listen 的值不对"),
        ("hongyan.toml:5", "as in \"08:00-20:00\"", "policy.marketing_hours 的值不对"),
        ("hongyan.toml:6", "no setting storag", "没有设置项 storag"),
        ("HONGYAN__STORAGE__CONNECTIONS", "from 2 to 200", "2 到 200"),
        ("HONGYAN__STORAGE__URI", "is storage.url meant?", "没有设置项 storage.uri"),
    ] {
        let line = |told: &str| told.lines().find(|line| line.contains(place)).map(str::to_owned);
        assert!(line(&en).is_some_and(|line| line.contains(en_words)), "{place} {en_words}: {en}");
        assert!(line(&zh).is_some_and(|line| line.contains(zh_words)), "{place} {zh_words}: {zh}");
    }
    assert!(!en.contains("s3cret") && !zh.contains("s3cret"), "{en}");
    let torn = read("partitions = 4\n\"torn", &[]).unwrap_err().told(false);
    assert!(torn.contains("hongyan.toml:2: this is not TOML"), "{torn}");
    assert!(load(Some(Path::new("/nowhere/hongyan.toml")), std::iter::empty()).is_err());
}

#[test]
fn what_only_the_whole_shows_is_checked_too() {
    let folder = tempfile::tempdir().unwrap();
    let codes = folder.path().join("codes.csv");
    let text = format!("[codes]\nfile = {codes:?}\n");
    std::fs::write(&codes, "code,reason\nZZ:1,unreachable\n").unwrap();
    let config = read(&text, &[]).unwrap().config;
    assert_eq!(config.codes().unwrap().entries().len(), 1);
    assert!(config.check().is_ok());
    std::fs::write(&codes, "code,reason\nZZ:1,late\n").unwrap();
    let error = config.check().unwrap_err().to_string();
    assert!(error.contains("第 2 行") && error.contains("line 2"), "{error}");
    let port = read("[downstream]\nsmpp_tls = \"127.0.0.1:0\"\n", &[]).unwrap().config;
    assert!(port.check().unwrap_err().to_string().contains("tls_certificate"));
    assert!(read("[policy]\ndead_number_days = 0\n", &[]).is_err());
}
