//! Every answer carries `X-Request-ID`: the caller's own where it is fit to be logged and echoed, else a new one.

/// The caller's id when it is 1 to 128 visible ASCII characters, else a new UUIDv4.
pub fn choose(sent: Option<&str>) -> String {
    match sent {
        Some(id) if is_fit(id) => id.to_owned(),
        _ => uuid::Uuid::new_v4().to_string(),
    }
}

fn is_fit(id: &str) -> bool {
    (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fit_ids_are_echoed_and_others_replaced() {
        assert_eq!(choose(Some("abc-123")), "abc-123");
        assert_eq!(choose(Some(&"x".repeat(128))), "x".repeat(128));
        for unfit in [None, Some(""), Some("two words"), Some("tab\there"), Some("ümlaut")] {
            assert_eq!(choose(unfit).len(), 36);
        }
        assert_eq!(choose(Some(&"x".repeat(129))).len(), 36);
    }
}
