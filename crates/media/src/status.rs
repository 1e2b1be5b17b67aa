//! The words that runs use: the kernel's, and a media run's status.

pub use crate::run::Status;
pub use mw_kernel::status::*;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_parses_to_itself_and_nothing_else_parses() {
        for status in Status::ALL {
            assert_eq!(Status::parse(status.as_str()), Some(*status));
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        }
        for unknown in ["", "Published", "done", "pending", "published "] {
            assert_eq!(Status::parse(unknown), None);
        }
    }
}
