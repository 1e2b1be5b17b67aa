//! The sound of a video: the voice over the music, which gives way while it speaks, made as loud as it is to be in two passes.

use crate::args;
use crate::files::Files;
use crate::program::{Failure, Runner};
use mw_render::spec::{Loudness, Sound};
use serde::Deserialize;

/// The mix, before its loudness is made right.
pub const MIX: &str = "mix.wav";
/// How long music takes to end.
const FADE_SECONDS: f64 = 0.6;
/// AAC adds to the peaks of what it is given; the limit is that much lower.
const SPARE_DB: f64 = 0.7;
/// Below this nothing is heard, and nothing is made louder.
const SILENCE_LUFS: f64 = -60.0;

/// Mixes the sounds to the video's length into [`MIX`], measures the mix, and gives the filter that makes it as loud as it is to be.
pub fn mix(runner: &Runner<'_>, sound: &Sound, files: &Files, seconds: f64) -> Result<String, Failure> {
    let mut arguments = args!["-v", "info"];
    let mut graph = Vec::new();
    let same = "aresample=48000,aformat=sample_fmts=fltp:channel_layouts=stereo";
    let mut number = 0;
    if let Some(track) = &sound.music {
        // Music that is too short is played again.
        arguments.extend(args!["-stream_loop", "-1"]);
        arguments.extend(files.place(&track.asset, runner.folder, "music")?.sound()?.open());
        let fade = FADE_SECONDS.min(seconds / 4.0);
        let (level, out) = (track.level_db, seconds - fade);
        graph.push(format!(
            "[{number}:a]{same},atrim=duration={seconds},volume={level}dB,afade=t=out:st={out:.3}:d={fade:.3}[music]"
        ));
        number += 1;
    }
    if let Some(track) = &sound.voice {
        arguments.extend(files.place(&track.asset, runner.folder, "voice")?.sound()?.open());
        let level = track.level_db;
        graph.push(format!("[{number}:a]{same},volume={level}dB,apad,atrim=duration={seconds}[voice]"));
    }
    let mixed = match (&sound.music, &sound.voice) {
        (Some(_), Some(_)) if sound.duck_music => {
            graph.push("[voice]asplit[heard][key]".to_owned());
            graph.push(
                "[music][key]sidechaincompress=threshold=0.02:ratio=8:attack=20:release=350:knee=4[ducked]".to_owned(),
            );
            "[ducked][heard]amix=inputs=2:duration=longest:normalize=0"
        }
        (Some(_), Some(_)) => "[music][voice]amix=inputs=2:duration=longest:normalize=0",
        (Some(_), None) => "[music]anull",
        (None, Some(_)) => "[voice]anull",
        (None, None) => return Err(Failure::Input("there is no sound to mix".to_owned())),
    };
    graph.push(format!("{mixed},atrim=duration={seconds},asplit[mix][measured]"));
    graph.push(format!("[measured]{}:print_format=json[told]", loudnorm(sound.loudness)));
    arguments.extend(args!["-filter_complex", graph.join(";"), "-map", "[mix]", "-c:a", "pcm_f32le", "-f", "wav", MIX]);
    arguments.extend(args!["-map", "[told]", "-f", "null", "-"]);
    let said = runner.ffmpeg(&arguments, &mut |_| {})?;
    let measured = read(&said.errors)?;
    if measured.input_i.parse().unwrap_or(f64::NEG_INFINITY) < SILENCE_LUFS {
        return Ok("anull".to_owned());
    }
    let Measured { input_i, input_tp, input_lra, input_thresh, target_offset } = measured;
    Ok(format!(
        "{}:measured_I={input_i}:measured_TP={input_tp}:measured_LRA={input_lra}:measured_thresh={input_thresh}:offset={target_offset}:linear=true,\
        aresample=48000",
        loudnorm(sound.loudness)
    ))
}

fn loudnorm(loudness: Loudness) -> String {
    let Loudness { integrated_lufs, true_peak_db, range_lu } = loudness;
    format!("loudnorm=I={integrated_lufs}:TP={}:LRA={range_lu}", true_peak_db - SPARE_DB)
}

/// What the first pass says of the mix. The numbers are FFmpeg's texts; they become part of a filter only when they are numbers.
#[derive(Debug, Deserialize)]
struct Measured {
    input_i: String,
    input_tp: String,
    input_lra: String,
    input_thresh: String,
    target_offset: String,
}

fn read(log: &str) -> Result<Measured, Failure> {
    let unreadable = || Failure::Unreadable("loudnorm", "it did not say how loud the sound is".to_owned());
    let (from, to) = log.rfind('{').zip(log.rfind('}')).ok_or_else(unreadable)?;
    let measured: Measured =
        log.get(from..=to).and_then(|json| serde_json::from_str(json).ok()).ok_or_else(unreadable)?;
    let texts =
        [&measured.input_i, &measured.input_tp, &measured.input_lra, &measured.input_thresh, &measured.target_offset];
    if texts.iter().any(|text| text.parse::<f64>().is_err()) {
        return Err(unreadable());
    }
    Ok(measured)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_loudnorm_measured() {
        let log = "[Parsed_loudnorm_3 @ 0x1] \n{\n\t\"input_i\" : \"-27.61\",\n\t\"input_tp\" : \"-4.47\",\n\t\"input_lra\" : \"18.06\",\n\
            \t\"input_thresh\" : \"-39.20\",\n\t\"output_i\" : \"-16.58\",\n\t\"normalization_type\" : \"dynamic\",\n\t\"target_offset\" : \"0.58\"\n}\n";
        assert_eq!(read(log).unwrap().input_i, "-27.61");
        assert!(read("nothing").is_err() && read(&log.replace("-27.61", "1:movie=x")).is_err());
    }
}
