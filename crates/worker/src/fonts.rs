//! The fonts that are shipped, and how much room a text takes in them.

use mw_render::presets::Font;
use ttf_parser::Face;

pub struct Shipped {
    /// The name by which libass finds it.
    pub family: &'static str,
    /// Whether it is the bold one of its family, of which the system may have others.
    pub bold: bool,
    pub file: &'static str,
    pub bytes: &'static [u8],
}

/// A font by its file in data/fonts, which is compiled in.
macro_rules! shipped {
    ($file:literal, $family:literal, bold: $bold:literal) => {
        Shipped {
            family: $family,
            bold: $bold,
            file: $file,
            bytes: include_bytes!(concat!("../../../data/fonts/", $file)),
        }
    };
}

const INTER: Shipped = shipped!("Inter-Bold.ttf", "Inter", bold: true);
const BEBAS_NEUE: Shipped = shipped!("BebasNeue-Regular.ttf", "Bebas Neue", bold: false);
const MONTSERRAT: Shipped = shipped!("Montserrat-ExtraBold.ttf", "Montserrat ExtraBold", bold: false);
const ANTON: Shipped = shipped!("Anton-Regular.ttf", "Anton", bold: false);
const ARCHIVO_BLACK: Shipped = shipped!("ArchivoBlack-Regular.ttf", "Archivo Black", bold: false);

/// What a preset's font is set in: Impact and Arial Black may not be shipped, and have free stand-ins.
pub fn shipped(font: Font) -> &'static Shipped {
    match font {
        Font::Inter => &INTER,
        Font::BebasNeue => &BEBAS_NEUE,
        Font::Montserrat => &MONTSERRAT,
        Font::Impact => &ANTON,
        Font::ArialBlack => &ARCHIVO_BLACK,
    }
}

/// Measures texts in one font.
pub struct Ruler {
    face: Option<Face<'static>>,
}

impl Ruler {
    pub fn of(font: Font) -> Ruler {
        Ruler { face: Face::parse(shipped(font).bytes, 0).ok() }
    }

    /// The width of a text whose letters are one unit high. A letter that the font does not have comes from another one and is
    /// counted as square, as the widest are.
    pub fn width(&self, text: &str) -> f64 {
        text.chars().map(|letter| self.advance(letter)).sum()
    }

    /// The width of one letter.
    pub fn advance(&self, letter: char) -> f64 {
        let advance = self.face.as_ref().and_then(|face| {
            let advance = face.glyph_hor_advance(face.glyph_index(letter)?)?;
            Some(f64::from(advance) / f64::from(face.units_per_em()))
        });
        advance.unwrap_or(1.0)
    }

    /// The height of a line whose letters are one unit high. It is what libass calls the size of a font: from the highest to the
    /// lowest point that Windows leaves room for.
    pub fn line(&self) -> f64 {
        let height = self.face.as_ref().and_then(|face| {
            let table = face.tables().os2?;
            let height = f64::from(table.windows_ascender()) - f64::from(table.windows_descender());
            Some(height / f64::from(face.units_per_em()))
        });
        height.unwrap_or(1.25)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_font_of_a_preset_is_shipped() {
        for font in Font::ALL {
            let face = Face::parse(shipped(*font).bytes, 0).unwrap();
            let families: Vec<_> =
                face.names().into_iter().filter(|name| name.name_id == 1).filter_map(|name| name.to_string()).collect();
            assert!(families.iter().any(|family| family == shipped(*font).family), "{families:?}");
            let ruler = Ruler::of(*font);
            assert!(ruler.width("MMMM") > ruler.width("iiii") && (1.0..1.8).contains(&ruler.line()));
            assert_eq!(ruler.width("漢字"), 2.0);
        }
    }
}
