//! What a nickname may be, and which nicknames are the same (spec 1.2).
//!
//! Pure: text in, verdict out. Letters, digits and `_` of any script. Two nicknames are the same if they look
//! the same: NFKC, case folding and the UTS-39 skeleton make two keys, and each is unique in the store. Folding
//! first makes `BOB` and `bob` one but takes a Cyrillic `В` to `в`, which is like no Latin letter; the skeleton
//! first sees that `В` is like `B` but parts `Ian` from `ian`, since `I` is like `l`. Together they miss neither.

use crate::config::Limits;
use rand::{RngExt as _, seq::IndexedRandom as _};
use unicode_normalization::UnicodeNormalization as _;
use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory as _};
use unicode_security::skeleton;

/// More accents than this on one letter is no name in any language, but a stain on the page.
const MARKS_PER_LETTER: usize = 2;

/// Why a nickname cannot be used. The text is `reason` in answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NicknameFault {
    /// Fewer characters than `limits.nickname_min`.
    #[error("too_short")]
    TooShort,
    /// More characters than `limits.nickname_max`.
    #[error("too_long")]
    TooLong,
    /// Something else than a letter, a digit or `_`.
    #[error("bad_character")]
    BadCharacter,
    /// Zero-width, bidirectional control, filler: what one cannot see and could hide behind.
    #[error("invisible_character")]
    InvisibleCharacter,
}

impl NicknameFault {
    /// Its wire name.
    pub fn reason(self) -> &'static str {
        match self {
            Self::TooShort => "too_short",
            Self::TooLong => "too_long",
            Self::BadCharacter => "bad_character",
            Self::InvisibleCharacter => "invisible_character",
        }
    }
}

/// A nickname that keeps the rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nickname {
    shown: String,
    key: String,
    look: String,
}

impl Nickname {
    /// Checks a nickname. It is shown in NFKC, so that what is compared is what one sees.
    pub fn parse(text: &str, limits: &Limits) -> Result<Self, NicknameFault> {
        if text.chars().any(is_invisible) {
            return Err(NicknameFault::InvisibleCharacter);
        }
        // NFKC grows a character 18-fold at most: nobody makes us normalise a whole request body.
        if text.chars().nth(limits.nickname_max * 4).is_some() {
            return Err(NicknameFault::TooLong);
        }
        let shown: String = text.nfkc().collect();
        if shown.chars().any(is_invisible) {
            return Err(NicknameFault::InvisibleCharacter);
        }
        check_characters(&shown)?;
        match shown.chars().count() {
            n if n < limits.nickname_min => Err(NicknameFault::TooShort),
            n if n > limits.nickname_max => Err(NicknameFault::TooLong),
            _ => Ok(Self { key: folded_key(&shown), look: looks(&shown), shown }),
        }
    }

    /// A name for who brought none: adjective, animal, number. Not necessarily free.
    pub fn invent(limits: &Limits) -> Result<Self, NicknameFault> {
        let mut rng = rand::rng();
        let word = |words: &[&'static str], rng: &mut _| words.choose(rng).copied().unwrap_or_default();
        let text = format!("{}{}", word(&ADJECTIVES, &mut rng), word(&ANIMALS, &mut rng));
        let digits = limits.nickname_max.saturating_sub(text.len()).min(4);
        let number = rng.random_range(0..10_u32.pow(u32::try_from(digits).unwrap_or(0)));
        Self::parse(&format!("{text}{number:0digits$}"), limits)
    }

    /// As people see it.
    pub fn as_str(&self) -> &str {
        &self.shown
    }

    /// Equal for nicknames that differ in case, or look the same in small letters.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Equal for nicknames that look the same as they are written.
    pub fn look(&self) -> &str {
        &self.look
    }
}

/// Default_Ignorable_Code_Point: exactly what the skeleton drops.
fn is_invisible(c: char) -> bool {
    skeleton(c.encode_utf8(&mut [0; 4])).next().is_none()
}

fn check_characters(shown: &str) -> Result<(), NicknameFault> {
    let mut marks = MARKS_PER_LETTER; // none before the first letter
    for c in shown.chars() {
        match (c.general_category_group(), c.general_category()) {
            (GeneralCategoryGroup::Mark, _) => marks += 1,
            (GeneralCategoryGroup::Letter, _) | (_, GeneralCategory::DecimalNumber) => marks = 0,
            _ if c == '_' => marks = 0,
            _ => return Err(NicknameFault::BadCharacter),
        }
        if marks > MARKS_PER_LETTER {
            return Err(NicknameFault::BadCharacter);
        }
    }
    Ok(())
}

fn folded_key(shown: &str) -> String {
    looks(&fold(shown))
}

fn looks(text: &str) -> String {
    let skeleton: String = skeleton(text).collect();
    fold(&skeleton) // prototypes may be capitals: the digit 0 is like O
}

/// Full case folding by way of capitals, so that `ß` is `ss` and both small sigmas are one. By character, so
/// that it does not depend on what stands beside it.
fn fold(text: &str) -> String {
    text.nfkc().flat_map(char::to_uppercase).flat_map(char::to_lowercase).nfkc().collect()
}

const ADJECTIVES: [&str; 24] = [
    "Brave", "Bright", "Calm", "Clever", "Cosy", "Eager", "Fair", "Fond", "Gentle", "Glad", "Jolly", "Kind",
    "Lucky", "Merry", "Noble", "Proud", "Quick", "Quiet", "Rapid", "Shy", "Silent", "Sunny", "Swift",
    "Witty",
];

const ANIMALS: [&str; 24] = [
    "Badger", "Bear", "Crane", "Deer", "Dove", "Eagle", "Fox", "Gecko", "Hare", "Heron", "Koala", "Lynx",
    "Magpie", "Moth", "Newt", "Otter", "Owl", "Panda", "Raven", "Robin", "Seal", "Swan", "Tiger", "Wolf",
];

#[cfg(test)]
mod tests {
    use super::*;
    use NicknameFault::*;

    fn parse(text: &str) -> Result<Nickname, NicknameFault> {
        Nickname::parse(text, &Limits::default())
    }

    fn same(one: &str, other: &str) -> bool {
        let name = |text| parse(text).unwrap_or_else(|fault| panic!("{text:?}: {fault}"));
        let (one, other) = (name(one), name(other));
        one.key == other.key || one.look == other.look
    }

    #[test]
    fn letters_digits_and_underscores_of_any_script_are_good() {
        for good in [
            "보라",
            "Ann_42",
            "Ольга",
            "नमस्ते",
            "สมชาย",
            "محمد",
            "שלום",
            "日本語",
            "Ελένη",
            "ⴰⵣⵓⵍ",
            "Nguyễn",
            "٤٢",
        ] {
            assert_eq!(parse(good).map(|name| name.shown), Ok(good.nfkc().collect()), "{good}");
        }
    }

    #[test]
    fn length_is_counted_in_characters() {
        assert_eq!(parse("a"), Err(TooShort));
        assert_eq!(parse(""), Err(TooShort));
        assert!(parse(&"가".repeat(16)).is_ok());
        assert_eq!(parse(&"가".repeat(17)), Err(TooLong));
        assert_eq!(parse(&"a".repeat(100_000)), Err(TooLong));
        assert_eq!(parse("\u{1112}\u{1161}\u{11ab}"), Err(TooShort), "three jamo are one syllable");
    }

    #[test]
    fn other_characters_are_refused() {
        for bad in [
            "a b",
            "a-b",
            "a.b",
            "<b>",
            "a❶",
            "a🅐",
            "a\nb",
            "a\0b",
            "😀😀",
            "a/b",
            "\u{301}ab",
            "a\u{301}\u{302}\u{303}\u{304}b",
        ] {
            assert_eq!(parse(bad), Err(BadCharacter), "{bad:?}");
        }
    }

    #[test]
    fn what_cannot_be_seen_is_refused() {
        let zero_width = ["a\u{200b}b", "a\u{200d}b", "a\u{feff}b", "a\u{2060}b", "a\u{00ad}b", "a\u{fe0f}b"];
        let bidi = ["a\u{202e}b", "a\u{2066}b", "\u{200f}ab", "a\u{061c}b"];
        let fillers = ["\u{3164}\u{3164}", "\u{115f}a", "\u{ffa0}b", "a\u{e0041}"];
        for bad in zero_width.iter().chain(&bidi).chain(&fillers) {
            assert_eq!(parse(bad), Err(InvisibleCharacter), "{bad:?}");
        }
    }

    #[test]
    fn names_that_look_the_same_are_the_same() {
        for (one, other) in [
            ("Bora", "bORA"),
            ("paypal", "раураl"),   // Cyrillic р, а, у
            ("Bob", "Воb"),         // Cyrillic В, о
            ("Ian", "lan"),         // capital I, small l
            ("Ian", "ian"),         //
            ("Straße", "STRASSE"),  //
            ("Σίσυφος", "ΣΊΣΥΦΟΣ"), // two small sigmas, one capital
            ("Zoe", "Ｚｏｅ"),      // full width
            ("Bob", "B0b"),         // digit 0, letter o
            ("café", "cafe\u{301}"),
            ("𝐀𝐧𝐧", "ann"),
        ] {
            assert!(same(one, other), "{one} {other}");
        }
    }

    #[test]
    fn names_that_look_different_are_different() {
        for (one, other) in
            [("Anna", "Anne"), ("보라", "보리"), ("ann2", "ann3"), ("a_b", "ab"), ("한나", "하나")]
        {
            assert!(!same(one, other), "{one} {other}");
        }
    }

    #[test]
    fn an_invented_name_keeps_the_rules() {
        let names: Vec<_> = (0..500).map(|_| Nickname::invent(&Limits::default()).expect("good")).collect();
        let different: std::collections::HashSet<_> = names.iter().map(Nickname::key).collect();
        assert!(different.len() > 480, "{}", different.len());
    }
}
