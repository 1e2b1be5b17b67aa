//! Server-sent events, from pieces that may be split anywhere.

/// One line or event is not longer: an answer in a single event has room.
const EVENT_BYTES_MAX: usize = 1_000_000;

/// What has come and is no whole event yet.
#[derive(Default)]
pub(super) struct Events {
    line: Vec<u8>,
    /// The last line ended with CR: an LF that follows belongs to it.
    after_cr: bool,
    data: Option<Vec<u8>>,
}

/// An event is longer than is read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooLong;

impl Events {
    /// Takes a piece; gives the data of each event that it ends.
    pub(super) fn take(&mut self, piece: &[u8]) -> Result<Vec<String>, TooLong> {
        let mut events = Vec::new();
        for byte in piece {
            let after_cr = std::mem::replace(&mut self.after_cr, *byte == b'\r');
            match byte {
                b'\n' if after_cr => {}
                b'\n' | b'\r' => events.extend(self.end_line()),
                _ => self.line.push(*byte),
            }
            if self.line.len() + self.data.as_ref().map_or(0, Vec::len) > EVENT_BYTES_MAX {
                return Err(TooLong);
            }
        }
        Ok(events)
    }

    /// The data of an event whose empty line, or whose last line's end, never came.
    pub(super) fn finish(mut self) -> Option<String> {
        self.end_line().or_else(|| self.end_line())
    }

    /// An empty line ends an event. Of its fields only the data matter: their JSON names the kind of event again.
    fn end_line(&mut self) -> Option<String> {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            return self.data.take().map(|data| String::from_utf8_lossy(&data).into_owned());
        }
        let value = line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&line).strip_prefix(b"data:")?;
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match &mut self.data {
            None => self.data = Some(value.to_vec()),
            Some(data) => {
                data.push(b'\n');
                data.extend_from_slice(value);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const STREAM: &str = "\u{feff}: a comment\r\n\r\nevent: x\r\ndata: {\"a\":\"é😀\"}\r\n\r\ndata:one\ndata:  two\n\nid: 7\ndata: three\r\rdata\n\ndata: [DONE]\n\n";

    fn in_pieces(stream: &[u8], cuts: &[usize]) -> Vec<String> {
        let mut events = Events::default();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (stream.len() + 1)).collect();
        cuts.extend([0, stream.len()]);
        cuts.sort_unstable();
        cuts.windows(2).flat_map(|pair| events.take(&stream[pair[0]..pair[1]]).unwrap()).collect()
    }

    #[test]
    fn events_are_their_data() {
        let expected = ["{\"a\":\"é😀\"}", "one\n two", "three", "[DONE]"];
        assert_eq!(in_pieces(STREAM.as_bytes(), &[]), expected);
        let by_byte: Vec<usize> = (0..STREAM.len()).collect();
        assert_eq!(in_pieces(STREAM.as_bytes(), &by_byte), expected);
    }

    #[test]
    fn an_event_without_end_is_not_kept_for_ever() {
        let mut events = Events::default();
        assert_eq!(events.take(&vec![b'x'; EVENT_BYTES_MAX + 1]), Err(TooLong));
        let mut events = Events::default();
        let line = [b"data:".as_slice(), &[b'x'; 1000], b"\n"].concat();
        assert!((0..1001).any(|_| events.take(&line).is_err()));
    }

    #[test]
    fn the_last_event_needs_no_empty_line() {
        for stream in ["data: {}", "data: {}\n", "data: {}\r\n", "data: {}\nid: 7"] {
            let mut events = Events::default();
            assert_eq!(events.take(stream.as_bytes()), Ok(vec![]));
            assert_eq!(events.finish().as_deref(), Some("{}"), "{stream:?}");
        }
        let mut events = Events::default();
        assert_eq!(events.take(b"data: {}\n\n: bye"), Ok(vec!["{}".to_owned()]));
        assert_eq!(events.finish(), None);
    }

    proptest! {
        #[test]
        fn however_a_stream_is_split_its_events_are_the_same(
            stream in proptest::collection::vec(prop_oneof![
                Just(b"data: ".to_vec()), Just(b"\r\n".to_vec()), Just(b"\n".to_vec()), Just(b"\r".to_vec()),
                Just("é".as_bytes().to_vec()), Just(b"x".to_vec()), Just(b":".to_vec()), any::<Vec<u8>>(),
            ], 0..40),
            cuts in proptest::collection::vec(any::<usize>(), 0..20),
        ) {
            let stream = stream.concat();
            prop_assert_eq!(in_pieces(&stream, &cuts), in_pieces(&stream, &[]));
        }
    }
}
