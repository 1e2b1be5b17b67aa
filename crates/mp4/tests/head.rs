//! Files built box by box: the real ones are in the tests of the worker, which has FFmpeg.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use mw_mp4::{Expected, Fault, Kind, Mismatch, read};
use proptest::prelude::*;

fn boxed(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len() + 8).unwrap();
    [&length.to_be_bytes(), name.as_slice(), content].concat()
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

fn track(handler: &[u8; 4], codec: &[u8; 4], frames: u32, seconds: u32) -> Vec<u8> {
    let mut entry = vec![0; 78];
    entry[24..26].copy_from_slice(&1080_u16.to_be_bytes());
    entry[26..28].copy_from_slice(&1920_u16.to_be_bytes());
    let description = [words(&[0, 1]), boxed(codec, &entry)].concat();
    let sizes = [words(&[0, 0, frames]), words(&vec![2; frames as usize])].concat();
    let samples = [boxed(b"stsd", &description), boxed(b"stsz", &sizes)].concat();
    let media = [
        boxed(b"mdhd", &words(&[0, 0, 0, 30, seconds * 30, 0])),
        boxed(b"hdlr", &[words(&[0, 0]), handler.to_vec(), vec![0; 13]].concat()),
        boxed(b"minf", &boxed(b"stbl", &samples)),
    ];
    let header = boxed(b"tkhd", &words(&[0, 0, 0, 1, 0, seconds * 1000]));
    boxed(b"trak", &[header, boxed(b"mdia", &media.concat())].concat())
}

fn movie(tracks: &[Vec<u8>], seconds: u32) -> Vec<u8> {
    boxed(b"moov", &[boxed(b"mvhd", &words(&[0, 0, 0, 1000, seconds * 1000])), tracks.concat()].concat())
}

fn parts() -> [Vec<u8>; 3] {
    let tracks = [track(b"vide", b"avc1", 90, 3), track(b"soun", b"mp4a", 90, 3)];
    [boxed(b"ftyp", b"isom\0\0\x02\0isommp42"), movie(&tracks, 3), boxed(b"mdat", &vec![7; 360])]
}

fn whole(file: &[u8]) -> Result<mw_mp4::Movie, Fault> {
    read(file, file.len() as u64)
}

const EXPECTED: Expected = Expected { width: 1080, height: 1920, frames_per_second: 30.0, seconds: 3.0, sound: true };

#[test]
fn tells_tracks_size_rate_and_length() {
    let movie = whole(&parts().concat()).unwrap();
    let video = movie.track(Kind::Video).unwrap();
    assert_eq!((video.width, video.height, video.samples, &video.codec), (1080, 1920, 90, b"avc1"));
    assert!((movie.seconds - 3.0).abs() < 1e-9 && (video.samples_per_second - 30.0).abs() < 1e-9);
    assert_eq!(movie.mismatches(&EXPECTED), []);
}

#[test]
fn the_head_alone_is_enough() {
    let file = parts().concat();
    let head = &file[..file.len() - 340];
    assert!(read(head, file.len() as u64).is_ok());
}

#[test]
fn refuses_media_before_the_movie() {
    let [kind, movie, media] = parts();
    assert_eq!(whole(&[kind, media, movie].concat()), Err(Fault::NotFastStart));
}

#[test]
fn refuses_what_is_cut_off_anywhere() {
    let file = parts().concat();
    for length in 1..file.len() {
        assert!(whole(&file[..length]).is_err(), "{length} of {} bytes were taken", file.len());
    }
    assert_eq!(
        whole(&file[..file.len() - 1]),
        Err(Fault::CutOff { needed: file.len() as u64, size: file.len() as u64 - 1 })
    );
}

#[test]
fn refuses_the_empty_and_the_foreign() {
    assert_eq!(whole(b""), Err(Fault::Empty));
    assert_eq!(whole(b"RIFF1234WAVEfmt 1234567890"), Err(Fault::NotMp4));
    assert_eq!(whole(&boxed(b"ftyp", b"isom\0\0\x02\0isommp42")), Err(Fault::HeadTooShort(24)));
    let [kind, movie, _] = parts();
    assert_eq!(whole(&[kind.clone(), movie.clone()].concat()), Err(Fault::NoMedia));
    let short = [kind, movie, boxed(b"mdat", &[7; 359])].concat();
    assert!(matches!(whole(&short), Err(Fault::Malformed(_))));
}

#[test]
fn names_each_mismatch() {
    let tracks = [track(b"vide", b"hvc1", 75, 5)];
    let file = [parts()[0].clone(), movie(&tracks, 5), boxed(b"mdat", &[7; 150])].concat();
    let expected = Expected { width: 720, ..EXPECTED };
    assert_eq!(
        whole(&file).unwrap().mismatches(&expected),
        [
            Mismatch::Codec("picture", "H.264"),
            Mismatch::Size(1080, 1920, 720, 1920),
            Mismatch::FrameRate(15.0, 30.0),
            Mismatch::Duration(5.0, 3.0),
            Mismatch::NoSound,
        ]
    );
    let file = [parts()[0].clone(), movie(&[], 3), boxed(b"mdat", &[7; 8])].concat();
    assert_eq!(whole(&file), Err(Fault::NoMedia));
}

#[test]
fn claimed_numbers_reserve_nothing() {
    let mut file = parts().concat();
    let at = file.windows(4).position(|four| four == b"stsz").unwrap() + 12;
    file[at..at + 4].copy_from_slice(&u32::MAX.to_be_bytes());
    assert!(matches!(whole(&file), Err(Fault::Malformed(_))));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), size in any::<u64>()) {
        let _ = read(&bytes, size);
    }

    #[test]
    fn no_mutation_makes_it_panic(at in 0_usize..1400, value in any::<u8>(), size in prop_oneof![Just(1500_u64), any::<u64>()]) {
        let mut file = parts().concat();
        if let Some(byte) = file.get_mut(at) {
            *byte = value;
        }
        let _ = read(&file, size).map(|movie| movie.mismatches(&EXPECTED));
        let _ = whole(&file);
    }
}
