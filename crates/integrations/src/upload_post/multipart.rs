//! `multipart/form-data` of text fields.

use sha2::{Digest, Sha256};

use crate::callback::hex;

/// The content type and the body. The boundary is made from the content, which can therefore not have been written to
/// contain it, and the same fields give the same bytes.
pub(super) fn encoded(fields: &[(&'static str, String)]) -> (String, Vec<u8>) {
    let mut hash = Sha256::new();
    for (name, value) in fields {
        hash.update(name);
        hash.update([0]);
        hash.update(value);
        hash.update([0]);
    }
    let boundary = format!("mw-{}", hex(&hash.finalize()));
    let mut body = String::new();
    for (name, value) in fields {
        body.push_str(&format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"));
    }
    body.push_str(&format!("--{boundary}--\r\n"));
    (format!("multipart/form-data; boundary={boundary}"), body.into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn fields_stand_between_boundaries() {
        let (content_type, body) = encoded(&[("user", "brand".into()), ("title", "a\r\nb".into())]);
        let boundary = content_type.strip_prefix("multipart/form-data; boundary=").unwrap();
        assert!(boundary.len() <= 70);
        let body = String::from_utf8(body).unwrap();
        let expected = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"user\"\r\n\r\nbrand\r\n\
             --{boundary}\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\na\r\nb\r\n--{boundary}--\r\n"
        );
        assert_eq!(body, expected);
    }

    proptest! {
        #[test]
        fn no_value_ends_its_field(value in "(\r\n|--|mw-|[0-9a-f]|.){0,80}") {
            let (content_type, body) = encoded(&[("title", value)]);
            let boundary = content_type.rsplit('=').next().unwrap();
            prop_assert_eq!(String::from_utf8(body).unwrap().matches(boundary).count(), 2);
        }
    }
}
