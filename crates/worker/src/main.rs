//! `mw-worker`: what the library can, from the command line.

use clap::{Parser, Subcommand};
use mw_render::spec::RenderSpec;
use mw_render::{AssetRef, JobBody, JobDefaults, JobRefusal};
use mw_worker::files::Files;
use mw_worker::program::{Programs, Stop};
use mw_worker::render::Stage;
use mw_worker::verify::{Expected, verify};
use mw_worker::work::Workshop;
use mw_worker::{check, render, scratch};
use std::ffi::OsString;
use std::fs;
use std::io::{self, IsTerminal, Write};
use std::num::NonZero;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Makes videos: renders jobs with FFmpeg, and checks what was made.
///
/// A job is rendered in segments, which are assembled: crossfades, product, captions, logo, sound, and a check of the whole. It needs
/// FFmpeg and ffprobe on PATH (Debian: apt-get install ffmpeg) and no network. Ctrl-C stops within a second and leaves nothing behind.
#[derive(Parser)]
#[command(name = "mw-worker", version, after_help = EXAMPLES)]
struct Arguments {
    /// The FFmpeg to use.
    #[arg(long, global = true, default_value = "ffmpeg", value_name = "PROGRAM")]
    ffmpeg: OsString,
    /// The ffprobe to use.
    #[arg(long, global = true, default_value = "ffprobe", value_name = "PROGRAM")]
    ffprobe: OsString,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "Examples:
  mw-worker check
  echo '{\"preset_id\": \"overlay_glow\", \"prompt\": \"Handmade candles\", \"target_duration_seconds\": 6}' >job.json
  mw-worker render job.json --to candles.mp4
  mw-worker verify candles.mp4 --seconds 6";

#[derive(Subcommand)]
enum Command {
    /// Render a whole job on this machine
    Render {
        /// The job as JSON: a body as POST /api/v1/jobs takes it, or a job's stored spec
        spec: PathBuf,
        /// Where the video goes; its thumbnail goes beside it as .jpg
        #[arg(long, value_name = "FILE.mp4")]
        to: PathBuf,
        /// Where the job's assets are: `asset:<id>` is the file <id> in it
        #[arg(long, value_name = "FOLDER")]
        assets: Option<PathBuf>,
        /// A PNG that is shown in brand-safe videos
        #[arg(long, value_name = "FILE")]
        logo: Option<PathBuf>,
        /// How many segments are made at once (default: one for each core)
        #[arg(long, value_name = "N")]
        at_once: Option<NonZero<usize>>,
        /// Where files are kept while they are made (default: the system's folder for temporary files)
        #[arg(long, value_name = "FOLDER")]
        scratch: Option<PathBuf>,
    },
    /// Check whether a file may be delivered, and print the report as JSON
    Verify {
        file: PathBuf,
        /// How long it should be; half a second more or less is well
        #[arg(long, value_name = "T")]
        seconds: Option<f64>,
        /// It must have sound
        #[arg(long)]
        sound: bool,
    },
    /// Say what is missing on this machine for rendering, a line each
    Check,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments) {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(io::stderr(), "mw-worker: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Result<ExitCode, String> {
    let programs = Programs { ffmpeg: arguments.ffmpeg, ffprobe: arguments.ffprobe };
    let stop = Stop::default();
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, stop.flag())
            .map_err(|error| format!("signals cannot be heard: {error}"))?;
    }
    match arguments.command {
        Command::Check => {
            let lines = check::check(&programs);
            for line in &lines {
                say(&format!("{} {}", if line.found { "ok     " } else { "MISSING" }, line.text));
            }
            Ok(code(lines.iter().all(|line| line.found)))
        }
        Command::Verify { file, seconds, sound } => {
            let expected = Expected { seconds, sound: sound.then_some(true), ..Expected::OUTPUT };
            let report = verify(&programs, &file, &expected, &stop).map_err(|error| error.to_string())?;
            say(&serde_json::to_string_pretty(&report).map_err(|error| error.to_string())?);
            Ok(code(report.accepted))
        }
        Command::Render { spec, to, assets, logo, at_once, scratch } => {
            let scratch = scratch.unwrap_or_else(std::env::temp_dir);
            scratch::sweep(&scratch).map_err(|error| format!("{}: {error}", scratch.display()))?;
            let spec = read_spec(&spec)?;
            let files = find_assets(&spec, assets.as_deref())?;
            let at_once = at_once.or(std::thread::available_parallelism().ok()).unwrap_or(NonZero::<usize>::MIN);
            let job = job_id(&spec);
            let workshop = Workshop { programs, logo, scratch, stop };
            check::is_able(&workshop.programs).map_err(|error| error.to_string())?;
            let made = render::render(&workshop, &spec, &job, files, at_once, &show)
                .map_err(|error| format!("no video was made: {error}"))?;
            deliver(&made.video, &to)?;
            if let Some(thumbnail) = &made.thumbnail {
                deliver(thumbnail, &to.with_extension("jpg"))?;
            }
            say(&serde_json::to_string_pretty(&made.report).map_err(|error| error.to_string())?);
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn code(good: bool) -> ExitCode {
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn say(text: &str) {
    let _ = writeln!(io::stdout(), "{text}");
}

fn read_spec(path: &Path) -> Result<RenderSpec, String> {
    let wrong = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let text = fs::read_to_string(path).map_err(|error| wrong(&error))?;
    let json: serde_json::Value = serde_json::from_str(&text).map_err(|error| wrong(&error))?;
    if json.get("render_spec_version").is_some() {
        return serde_json::from_value(json).map_err(|error| wrong(&error));
    }
    let body: JobBody = serde_json::from_value(json).map_err(|error| wrong(&error))?;
    body.accept(JobDefaults::default()).map_err(|refusal| {
        wrong(&match &refusal {
            JobRefusal::UnknownPreset(_) => refusal.to_string(),
            JobRefusal::Invalid(errors) => {
                errors.iter().map(|error| format!("{} {}", error.pointer, error.detail)).collect::<Vec<_>>().join("; ")
            }
        })
    })
}

/// The same job looks the same every time.
fn job_id(spec: &RenderSpec) -> String {
    format!("{}:{}", spec.preset_id, spec.prompt)
}

fn find_assets(spec: &RenderSpec, folder: Option<&Path>) -> Result<Files, String> {
    let mut files = Files::default();
    let tracks = [&spec.mask, &spec.music, &spec.voice].into_iter().flatten();
    for asset in spec.images.iter().chain(tracks) {
        let folder = folder.ok_or_else(|| format!("the job has {asset}: say with --assets where it is"))?;
        files.add(asset.clone(), in_folder(folder, asset));
    }
    Ok(files)
}

/// An id is hexadecimal, so it stays in the folder.
fn in_folder(folder: &Path, asset: &AssetRef) -> PathBuf {
    folder.join(asset.id())
}

/// Whole or not at all: whoever watches the folder sees no half of a file.
fn deliver(made: &Path, to: &Path) -> Result<(), String> {
    let wrong = |error: io::Error| format!("{}: {error}", to.display());
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // A temporary file is its owner's only; a video is whoever's the folder lets.
    let everybody = fs::Permissions::from_mode(0o666);
    let mut part = tempfile::Builder::new().permissions(everybody).tempfile_in(folder).map_err(wrong)?;
    io::copy(&mut fs::File::open(made).map_err(wrong)?, &mut part).map_err(wrong)?;
    part.as_file().sync_all().map_err(wrong)?;
    part.persist(to).map_err(|error| wrong(error.error))?;
    Ok(())
}

/// One line that is written over where somebody watches.
fn show(stage: Stage) {
    let text = match stage {
        Stage::Segments(done, all) => format!("segments: {done} of {all}"),
        Stage::Assembly(share) => format!("assembly: {:.0} %", share * 100.0),
    };
    let mut to = io::stderr();
    let _ = if to.is_terminal() { write!(to, "\r\x1b[K{text}") } else { writeln!(to, "{text}") };
}
