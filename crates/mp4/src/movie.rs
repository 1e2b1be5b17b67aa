//! The movie box and its tracks.

use crate::Fault;
use crate::boxes::{self, Children, Name, Reader};

/// More tracks than any video of ours has; a file with more is not read on.
const TRACKS: usize = 16;

#[derive(Debug, Clone, PartialEq)]
pub struct Movie {
    pub seconds: f64,
    pub tracks: Vec<Track>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Track {
    pub kind: Kind,
    /// Four letters: `avc1` is H.264, `mp4a` is AAC and its kin.
    pub codec: [u8; 4],
    pub seconds: f64,
    /// Pictures, or packets of sound.
    pub samples: u32,
    pub samples_per_second: f64,
    /// Of the picture as it is stored; nothing for sound.
    pub width: u16,
    pub height: u16,
    /// The bytes of all samples.
    bytes: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Video,
    Audio,
    Other,
}

impl Movie {
    pub fn track(&self, kind: Kind) -> Option<&Track> {
        self.tracks.iter().find(|track| track.kind == kind)
    }
}

pub(crate) fn read(head: &[u8], size: u64) -> Result<Movie, Fault> {
    let (mut movie, mut media): (Option<&[u8]>, Option<u64>) = (None, None);
    let mut from = 0_u64;
    while from < size {
        let Some(rest) = usize::try_from(from).ok().and_then(|from| head.get(from..)).filter(|rest| rest.len() >= 16)
        else {
            break;
        };
        let header = boxes::header(rest).map_err(|fault| if from == 0 { Fault::NotMp4 } else { fault })?;
        if from == 0 && header.name != *b"ftyp" {
            return Err(Fault::NotMp4);
        }
        let needed = from.saturating_add(header.length.unwrap_or(size - from));
        if needed > size {
            return Err(Fault::CutOff { needed, size });
        }
        match &header.name {
            b"mdat" if movie.is_none() => return Err(Fault::NotFastStart),
            b"mdat" => media = Some(media.unwrap_or(0).saturating_add(needed.saturating_sub(from + header.content))),
            b"moov" if movie.is_some() => return Err(Fault::Malformed("there are two movie boxes")),
            b"moov" => movie = Some(content(head, from + header.content, needed)?),
            _ => {}
        }
        from = needed;
    }
    let movie = movie.ok_or(if from == 0 { Fault::NotMp4 } else { Fault::HeadTooShort(head.len()) });
    let movie = parse(movie?)?;
    let needed = movie.tracks.iter().fold(0_u64, |sum, track| sum.saturating_add(track.bytes));
    match media {
        None | Some(0) => Err(Fault::NoMedia),
        Some(_) if needed == 0 => Err(Fault::NoMedia),
        Some(media) if media < needed => Err(Fault::Malformed("the samples need more bytes than the media has")),
        Some(_) => Ok(movie),
    }
}

fn content(head: &[u8], from: u64, to: u64) -> Result<&[u8], Fault> {
    let range = usize::try_from(from).ok().zip(usize::try_from(to).ok());
    range.and_then(|(from, to)| head.get(from..to)).ok_or(Fault::HeadTooShort(head.len()))
}

fn parse(movie: &[u8]) -> Result<Movie, Fault> {
    let mut header = Reader(boxes::only(movie, b"mvhd", "the movie has no header")?);
    let version = version(&mut header)?;
    header.wide(version)?;
    header.wide(version)?;
    let scale = header.u32()?;
    let seconds = ratio(header.wide(version)?, scale)?;
    let mut tracks = Vec::new();
    for child in Children(movie) {
        let (name, content) = child?;
        if name == *b"mvex" {
            return Err(Fault::Malformed("the movie is in fragments"));
        }
        if name == *b"trak" {
            if tracks.len() == TRACKS {
                return Err(Fault::Malformed("there are too many tracks"));
            }
            tracks.push(track(content, scale)?);
        }
    }
    Ok(Movie { seconds, tracks })
}

fn track(track: &[u8], movie_scale: u32) -> Result<Track, Fault> {
    let mut header = Reader(boxes::only(track, b"tkhd", "a track has no header")?);
    let version = version(&mut header)?;
    header.wide(version)?;
    header.wide(version)?;
    header.skip(8)?;
    let seconds = ratio(header.wide(version)?, movie_scale)?;

    let media = boxes::only(track, b"mdia", "a track has no media")?;
    let mut header = Reader(boxes::only(media, b"mdhd", "a track's media has no header")?);
    let version = self::version(&mut header)?;
    header.wide(version)?;
    header.wide(version)?;
    let scale = header.u32()?;
    let media_seconds = ratio(header.wide(version)?, scale)?;
    let mut handler = Reader(boxes::only(media, b"hdlr", "a track has no handler")?);
    handler.skip(8)?;
    let kind = match &handler.name()? {
        b"vide" => Kind::Video,
        b"soun" => Kind::Audio,
        _ => Kind::Other,
    };

    let information = boxes::only(media, b"minf", "a track has no information")?;
    let samples = boxes::only(information, b"stbl", "a track has no table of samples")?;
    let (codec, width, height) = description(boxes::only(samples, b"stsd", "a track has no description")?, kind)?;
    let (count, bytes) = sizes(boxes::only(samples, b"stsz", "a track has no sizes of samples")?)?;
    let samples_per_second = if media_seconds > 0.0 { f64::from(count) / media_seconds } else { 0.0 };
    Ok(Track { kind, codec, seconds, samples: count, samples_per_second, width, height, bytes })
}

/// A full box begins with its version, and three bytes of flags.
fn version(header: &mut Reader<'_>) -> Result<u8, Fault> {
    let version = header.u8()?;
    header.skip(3)?;
    Ok(version)
}

fn description(description: &[u8], kind: Kind) -> Result<(Name, u16, u16), Fault> {
    let entries = description.get(8..).ok_or(Fault::Malformed("a box ends too early"))?;
    let (codec, entry) = Children(entries).next().ok_or(Fault::Malformed("a track has no description"))??;
    if kind != Kind::Video {
        return Ok((codec, 0, 0));
    }
    let mut entry = Reader(entry);
    entry.skip(24)?;
    Ok((codec, entry.u16()?, entry.u16()?))
}

/// How many samples there are, and their bytes together.
fn sizes(sizes: &[u8]) -> Result<(u32, u64), Fault> {
    let mut sizes = Reader(sizes);
    sizes.skip(4)?;
    let (each, count) = (sizes.u32()?, sizes.u32()?);
    if each != 0 {
        return Ok((count, u64::from(each).saturating_mul(u64::from(count))));
    }
    // The table is walked by the bytes that are there, not by the number that it claims.
    let listed = sizes.0.chunks_exact(4);
    if u64::try_from(listed.len()) != Ok(u64::from(count)) {
        return Err(Fault::Malformed("the sizes of samples are not as many as they should be"));
    }
    let sum = listed.filter_map(|bytes| bytes.first_chunk()).map(|bytes| u64::from(u32::from_be_bytes(*bytes))).sum();
    Ok((count, sum))
}

fn ratio(duration: u64, scale: u32) -> Result<f64, Fault> {
    if scale == 0 {
        return Err(Fault::Malformed("a clock has no speed"));
    }
    // Beyond 2^53 the number is no duration, and its last digits are nothing to anybody.
    #[allow(clippy::cast_precision_loss)]
    Ok(duration as f64 / f64::from(scale))
}
