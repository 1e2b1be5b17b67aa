//! Ids: fresh ones, and what can be one.

/// Longer or odder texts are no run ids, and need no statement to say so.
const RUN_ID_LENGTH_MAX: usize = 128;

/// Whether a text may be a run's id.
pub fn is_run_id(text: &str) -> bool {
    (1..=RUN_ID_LENGTH_MAX).contains(&text.len()) && !text.chars().any(char::is_control)
}

/// A fresh unguessable id.
pub fn new_id() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// For jitter.
pub fn random_byte() -> u8 {
    let [byte, ..] = uuid::Uuid::new_v4().into_bytes();
    byte
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_ids_are_bounded_and_printable() {
        assert!(is_run_id("6f1c") && is_run_id("run-ü"));
        for odd in ["", "a\0b", "a\nb", &"x".repeat(129)] {
            assert!(!is_run_id(odd));
        }
    }
}
