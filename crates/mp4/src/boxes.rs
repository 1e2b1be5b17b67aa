//! Boxes: a length, four letters, and what is in them.

use crate::Fault;

pub(crate) type Name = [u8; 4];

/// A box of which only the header need be in the bytes at hand.
pub(crate) struct Header {
    pub(crate) name: Name,
    /// Where its content begins, from the first byte of the box.
    pub(crate) content: u64,
    /// The whole length; `None` when the box says that it reaches to the end.
    pub(crate) length: Option<u64>,
}

pub(crate) fn header(bytes: &[u8]) -> Result<Header, Fault> {
    let mut at = Reader(bytes);
    let (short, name) = (at.u32()?, at.name()?);
    let (content, length) = match short {
        0 => (8, None),
        1 => (16, Some(at.u64()?)),
        short => (8, Some(u64::from(short))),
    };
    if length.is_some_and(|length| length < content) {
        return Err(Fault::Malformed("a box is shorter than its header"));
    }
    Ok(Header { name, content, length })
}

/// The boxes in the content of another, one after the other.
pub(crate) struct Children<'a>(pub(crate) &'a [u8]);

impl<'a> Iterator for Children<'a> {
    type Item = Result<(Name, &'a [u8]), Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let read = self.read();
        if read.is_err() {
            self.0 = &[];
        }
        Some(read)
    }
}

impl<'a> Children<'a> {
    fn read(&mut self) -> Result<(Name, &'a [u8]), Fault> {
        let header = header(self.0)?;
        let length = header.length.map_or(Ok(self.0.len()), usize::try_from);
        let (whole, rest) = length
            .ok()
            .and_then(|length| self.0.split_at_checked(length))
            .ok_or(Fault::Malformed("a box is longer than the one around it"))?;
        self.0 = rest;
        let content = usize::try_from(header.content).ok().and_then(|from| whole.get(from..));
        Ok((header.name, content.ok_or(Fault::Malformed("a box is shorter than its header"))?))
    }
}

/// The content of the one box with this name.
pub(crate) fn only<'a>(parent: &'a [u8], name: &Name, missing: &'static str) -> Result<&'a [u8], Fault> {
    let mut found = None;
    for child in Children(parent) {
        match child? {
            (known, _) if known != *name => {}
            (_, content) if found.replace(content).is_none() => {}
            _ => return Err(Fault::Malformed("a box is there twice")),
        }
    }
    found.ok_or(Fault::Malformed(missing))
}

/// Reads numbers from the front.
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(Fault::Malformed("a box ends too early"))?;
        self.0 = rest;
        Ok(*taken)
    }

    pub(crate) fn skip(&mut self, bytes: usize) -> Result<(), Fault> {
        self.0 = self.0.get(bytes..).ok_or(Fault::Malformed("a box ends too early"))?;
        Ok(())
    }

    pub(crate) fn name(&mut self) -> Result<Name, Fault> {
        self.take()
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Fault> {
        self.take().map(u8::from_be_bytes)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, Fault> {
        self.take().map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Fault> {
        self.take().map(u32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Fault> {
        self.take().map(u64::from_be_bytes)
    }

    /// A number that newer versions of a box write with eight bytes.
    pub(crate) fn wide(&mut self, version: u8) -> Result<u64, Fault> {
        if version == 0 { self.u32().map(u64::from) } else { self.u64() }
    }
}
