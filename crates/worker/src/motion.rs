//! How a still moves: a window wanders over it. The window is placed to fractions of a pixel (`perspective`), since `zoompan` and
//! `scale` move by whole ones, which the eye sees as trembling in slow movements. What is soft is moved while it is small.

use mw_render::presets::Motion;

/// A window as FFmpeg's expressions of `on`, the picture's number: how much is cut off on each side, as a share of the picture, and how
/// far the rest is moved.
struct Window {
    cut: String,
    right: String,
    down: String,
}

/// The filter. `forward` turns around at every second segment, so that a video does not creep in one direction; `frames` is its length.
pub fn filter(motion: Motion, frames: u32, forward: bool, seed: u32) -> String {
    let Window { cut, right, down } = window(motion, frames.max(1), forward, seed);
    let (left, more) = (format!("W*({cut}+{right})"), format!("W*(1-({cut})+{right})"));
    let (upper, lower) = (format!("H*({cut}+{down})"), format!("H*(1-({cut})+{down})"));
    format!(
        "perspective=x0='{left}':y0='{upper}':x1='{more}':y1='{upper}':x2='{left}':y2='{lower}':x3='{more}':y3='{lower}':\
        interpolation=linear:eval=frame"
    )
}

fn window(motion: Motion, frames: u32, forward: bool, seed: u32) -> Window {
    let way = if forward { format!("(on/{frames})") } else { format!("(1-on/{frames})") };
    let phase = f64::from(seed % 628) / 100.0;
    let still = || "0".to_owned();
    match motion {
        Motion::Minimal => {
            Window { cut: "0.05".to_owned(), right: format!("0.035*({way}-0.5)"), down: format!("0.045*({way}-0.5)") }
        }
        Motion::Subtle => {
            Window { cut: format!("(0.02+0.07*{way})"), right: format!("0.015*({way}-0.5)"), down: still() }
        }
        Motion::Smooth => Window {
            cut: format!("(0.09+0.02*sin(on/40+{phase:.2}))"),
            right: format!("0.06*sin(on/32+{phase:.2})"),
            down: format!("0.06*cos(on/38+{phase:.2})"),
        },
        // A beat of 0.6 s, on which the picture jumps nearer and falls back.
        Motion::Punchy => Window {
            cut: format!("(0.03+0.02*{way}+0.11*exp(-mod(on,18)/5))"),
            right: format!("0.02*sin(floor(on/18)*2.4+{phase:.2})"),
            down: format!("0.02*cos(floor(on/18)*1.7+{phase:.2})"),
        },
        // A cut to another part of the picture five times a second, and a shiver between.
        Motion::Chaotic => Window {
            cut: format!("(0.13+0.05*sin(floor(on/6)*7.3+{phase:.2}))"),
            right: format!("(0.07*sin(floor(on/6)*12.9+{phase:.2})+0.006*sin(on*2.1))"),
            down: format!("(0.07*sin(floor(on/6)*4.7+{phase:.2}+1)+0.006*cos(on*2.7))"),
        },
    }
}
