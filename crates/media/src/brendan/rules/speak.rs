//! Small words of sentences that people read: articles by sound, numbers with their nouns.

/// The words with "a" or "an" before them, as they sound: an AISMR run, a user, an hour, an 8-second clip.
#[must_use]
pub fn an(words: &str) -> String {
    let article = if begins_with_vowel(words) { "an" } else { "a" };
    format!("{article} {words}")
}

fn begins_with_vowel(words: &str) -> bool {
    let first: String = words.chars().take_while(|c| c.is_alphanumeric()).collect();
    let lower = mw_kernel::letters::folded(&first);
    let starts = |beginnings: &[&str]| beginnings.iter().any(|beginning| lower.starts_with(beginning));
    let letters = first.chars().count();
    let digits = first.chars().take_while(char::is_ascii_digit).count();
    if digits > 0 {
        // Eight, eighty, eight hundred; eleven and eighteen, also with thousands.
        return first.starts_with('8') || (matches!(first.get(..2), Some("11" | "18")) && digits % 3 == 2);
    }
    // A short name of capitals is spelt out, a longer one where it has no vowel.
    let is_name = !first.chars().any(char::is_lowercase);
    let is_spelt = letters == 1 || (is_name && (letters <= 3 || !lower.contains(['a', 'e', 'i', 'o', 'u', 'y'])));
    if is_spelt {
        return starts(&["a", "e", "f", "h", "i", "l", "m", "n", "o", "r", "s", "x"]);
    }
    if starts(&["uni", "use", "usa", "usu", "uti", "ura", "eu", "ewe", "one", "once"])
        && !starts(&["unin", "unim", "unid"])
    {
        return false;
    }
    starts(&["a", "e", "i", "o", "u", "hour", "honest", "honor", "honour", "heir"])
}

/// A number with its noun: 1 clip, 12 clips.
#[must_use]
pub fn number(count: u32, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// A length as people read it: 8 seconds, 2.5 seconds.
pub(super) fn seconds(length: f64) -> String {
    if (length - 1.0).abs() < 1e-9 { "1 second".to_owned() } else { format!("{length} seconds") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn articles_go_by_sound() {
        for words in [
            "an AISMR run",
            "a Test Video Gen run",
            "an hour",
            "a user",
            "a one-off",
            "an umbrella",
            "a unicorn",
            "an uninvited guest",
            "an MP4",
            "a BBC film",
            "an 8-second clip",
            "an 11th",
            "a 12-clip run",
            "a Harbour run",
            "an FBI film",
            "a NASA film",
            "a European film",
            "an x",
            "an école",
            "a 110th",
            "an 18,000th",
            "a quay film",
        ] {
            let (_, bare) = words.split_once(' ').unwrap();
            assert_eq!(an(bare), words);
        }
    }

    #[test]
    fn numbers_agree_with_their_nouns() {
        assert_eq!([number(0, "clip"), number(1, "clip"), number(12, "clip")], ["0 clips", "1 clip", "12 clips"]);
        assert_eq!(
            (seconds(8.0), seconds(2.5), seconds(1.0)),
            ("8 seconds".to_owned(), "2.5 seconds".to_owned(), "1 second".to_owned())
        );
    }
}
