//! What a file is by its content. FFmpeg is always told, so that it guesses nothing: a playlist called `photo.png` is no playlist.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    Png,
    Jpeg,
    Webp,
    Mp3,
    Wav,
    Mp4,
}

impl Content {
    pub fn of_file(path: &Path) -> io::Result<Option<Content>> {
        let mut head = Vec::new();
        File::open(path)?.take(16).read_to_end(&mut head)?;
        Ok(Content::of(&head))
    }

    /// By the first bytes.
    pub fn of(head: &[u8]) -> Option<Content> {
        let at = |from: usize, bytes: &[u8]| head.get(from..).is_some_and(|rest| rest.starts_with(bytes));
        match head {
            _ if at(0, b"\x89PNG\r\n\x1a\n") => Some(Content::Png),
            _ if at(0, b"\xff\xd8\xff") => Some(Content::Jpeg),
            _ if at(0, b"RIFF") && at(8, b"WEBP") => Some(Content::Webp),
            _ if at(0, b"RIFF") && at(8, b"WAVE") => Some(Content::Wav),
            _ if at(0, b"ID3") => Some(Content::Mp3),
            [0xff, second, ..] if second & 0xe6 == 0xe2 => Some(Content::Mp3),
            _ if at(4, b"ftyp") => Some(Content::Mp4),
            _ => None,
        }
    }

    pub fn is_image(self) -> bool {
        match self {
            Content::Png | Content::Jpeg | Content::Webp => true,
            Content::Mp3 | Content::Wav | Content::Mp4 => false,
        }
    }

    pub fn is_sound(self) -> bool {
        match self {
            Content::Mp3 | Content::Wav => true,
            Content::Png | Content::Jpeg | Content::Webp | Content::Mp4 => false,
        }
    }

    /// FFmpeg's name for the demuxer.
    pub fn format(self) -> &'static str {
        match self {
            Content::Png => "png_pipe",
            Content::Jpeg => "jpeg_pipe",
            Content::Webp => "webp_pipe",
            Content::Mp3 => "mp3",
            Content::Wav => "wav",
            Content::Mp4 => "mov",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_decides_not_the_name() {
        for (head, expected) in [
            (b"\x89PNG\r\n\x1a\n0000".as_slice(), Some(Content::Png)),
            (b"\xff\xd8\xff\xe0", Some(Content::Jpeg)),
            (b"RIFF0000WEBPVP8 ", Some(Content::Webp)),
            (b"RIFF0000WAVEfmt ", Some(Content::Wav)),
            (b"ID3\x04", Some(Content::Mp3)),
            (b"\xff\xfb\x90\x64", Some(Content::Mp3)),
            (b"\0\0\0\x20ftypisom", Some(Content::Mp4)),
            (b"#EXTM3U\nfile:///", None),
            (b"ffconcat version", None),
            (b"<svg xmlns", None),
            (b"", None),
        ] {
            assert_eq!(Content::of(head), expected);
        }
    }
}
