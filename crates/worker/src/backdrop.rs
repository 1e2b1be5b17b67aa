//! The still behind a scene: a gradient with soft lights, drawn here and not by a filter, small, since it is made large smoothly.

use mw_render::presets::Archetype;

/// A third of the video's size.
pub const WIDTH: usize = 360;
pub const HEIGHT: usize = 640;

type Colour = [f64; 3];

/// Top, bottom, lights.
type Palette = [u32; 4];

const HERO: [Palette; 5] = [
    [0xF7F2EA, 0xD9C7AE, 0xFFFFFF, 0xF2B88A],
    [0xEEF3F8, 0xB9CBDD, 0xFFFFFF, 0x8FB8E8],
    [0xF8EEF1, 0xDDB8C4, 0xFFFFFF, 0xF08FA8],
    [0xEFF6EF, 0xB6D2BA, 0xFFFFFF, 0x7FC48F],
    [0xF4F0FA, 0xC6B8DF, 0xFFFFFF, 0xA98BE0],
];
const OVERLAY: [Palette; 5] = [
    [0x1B2A41, 0x0C1220, 0x2E6FA8, 0x7A4FD0],
    [0x14302E, 0x081716, 0x1E9E8A, 0x2F6FD0],
    [0x33202B, 0x150B11, 0xC0467A, 0x5A4FD0],
    [0x2B2A18, 0x120F08, 0xC79A2E, 0x8A4A1E],
    [0x1E2030, 0x0B0C14, 0x4F6BD8, 0x2AA0B8],
];
const MEME: [Palette; 5] = [
    [0x6A1B9A, 0x1A0033, 0xFF3D81, 0xFFB300],
    [0x0D47A1, 0x02123A, 0x00E5FF, 0xB2FF59],
    [0xB71C1C, 0x2E0404, 0xFF9100, 0xFFEA00],
    [0x004D40, 0x001511, 0x64FFDA, 0xFFD54F],
    [0x263238, 0x080B0D, 0xFF4081, 0x40C4FF],
];

/// A picture of a scene, as a PPM file. The words choose the colours, so that the segments of a video agree; the seed places the lights.
pub fn scene(archetype: Archetype, words: &str, seed: u32) -> Vec<u8> {
    let palettes = match archetype {
        Archetype::ProductHero => &HERO,
        Archetype::Overlay => &OVERLAY,
        Archetype::MemeText => &MEME,
    };
    let chosen =
        words.bytes().fold(5381_u32, |hash, byte| hash.wrapping_mul(33) ^ u32::from(byte)) as usize % palettes.len();
    let [top, bottom, first, second] = palettes.get(chosen).copied().unwrap_or(palettes[0]).map(colour);
    let mut dice = Dice(seed ^ 0x9E37_79B9);
    let lights: Vec<Light> = (0..6)
        .map(|place| Light {
            x: dice.roll(),
            y: dice.roll(),
            radius: 0.12 + 0.25 * dice.roll(),
            strength: 0.35 + 0.4 * dice.roll(),
            colour: if place % 2 == 0 { first } else { second },
        })
        .collect();
    draw(top, bottom, &lights, &mut dice)
}

/// A plain picture: a gradient from the top to the bottom, with one faint light. Colours are written `#RRGGBB`.
pub fn template(gradient: &[String; 2]) -> Vec<u8> {
    let [top, bottom] = gradient
        .each_ref()
        .map(|text| colour(u32::from_str_radix(text.trim_start_matches('#'), 16).unwrap_or(0x20_20_20)));
    let light = Light { x: 0.5, y: 0.35, radius: 0.3, strength: 0.18, colour: [255.0; 3] };
    draw(top, bottom, &[light], &mut Dice(1))
}

struct Light {
    x: f64,
    y: f64,
    /// Of the picture's height.
    radius: f64,
    strength: f64,
    colour: Colour,
}

fn draw(top: Colour, bottom: Colour, lights: &[Light], dice: &mut Dice) -> Vec<u8> {
    let mut picture = format!("P6\n{WIDTH} {HEIGHT}\n255\n").into_bytes();
    picture.reserve(WIDTH * HEIGHT * 3);
    let aspect = WIDTH as f64 / HEIGHT as f64;
    for row in 0..HEIGHT {
        let y = row as f64 / HEIGHT as f64;
        for column in 0..WIDTH {
            let x = column as f64 / WIDTH as f64;
            let mut point = mixed(top, bottom, y);
            for light in lights {
                let distance = ((x - light.x) * aspect).hypot(y - light.y) / light.radius;
                point = mixed(point, light.colour, light.strength * (-distance * distance).exp());
            }
            // A little grain, or the eye sees steps between neighbouring colours.
            let grain = 1.5 * (dice.roll() - 0.5);
            picture.extend(point.map(|value| (value + grain).round().clamp(0.0, 255.0) as u8));
        }
    }
    picture
}

fn mixed(from: Colour, to: Colour, share: f64) -> Colour {
    let [a, b, c] = from;
    let [x, y, z] = to;
    [a + (x - a) * share, b + (y - b) * share, c + (z - c) * share]
}

fn colour(rgb: u32) -> Colour {
    let [_, red, green, blue] = rgb.to_be_bytes();
    [red, green, blue].map(f64::from)
}

/// Numbers that are the same for the same seed, on every machine (xorshift).
struct Dice(u32);

impl Dice {
    /// From 0 to 1.
    fn roll(&mut self) -> f64 {
        self.0 = self.0.max(1);
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        f64::from(self.0) / f64::from(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scene_is_the_same_every_time() {
        let scene = |seed| super::scene(Archetype::Overlay, "a red shoe", seed);
        assert!(scene(7) == scene(7) && scene(7) != scene(8));
        assert_eq!(scene(7).len(), "P6\n360 640\n255\n".len() + WIDTH * HEIGHT * 3);
    }

    #[test]
    fn an_unreadable_colour_is_grey_not_a_panic() {
        let picture = template(&["red; movie=/etc/passwd".to_owned(), "#FFFFFF".to_owned()]);
        assert_eq!(picture.len(), template(&["#000000".to_owned(), "#FFFFFF".to_owned()]).len());
    }
}
