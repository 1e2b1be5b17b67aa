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

const INTER: Shipped = Shipped {
    family: "Inter",
    bold: true,
    file: "Inter-Bold.ttf",
    bytes: include_bytes!("../../../data/fonts/Inter-Bold.ttf"),
};
const BEBAS_NEUE: Shipped = Shipped {
    family: "Bebas Neue",
    bold: false,
    file: "BebasNeue-Regular.ttf",
    bytes: include_bytes!("../../../data/fonts/BebasNeue-Regular.ttf"),
};
const MONTSERRAT: Shipped = Shipped {
    family: "Montserrat ExtraBold",
    bold: false,
    file: "Montserrat-ExtraBold.ttf",
    bytes: include_bytes!("../../../data/fonts/Montserrat-ExtraBold.ttf"),
};
const ANTON: Shipped = Shipped {
    family: "Anton",
    bold: false,
    file: "Anton-Regular.ttf",
    bytes: include_bytes!("../../../data/fonts/Anton-Regular.ttf"),
};
const ARCHIVO_BLACK: Shipped = Shipped {
    family: "Archivo Black",
    bold: false,
    file: "ArchivoBlack-Regular.ttf",
    bytes: include_bytes!("../../../data/fonts/ArchivoBlack-Regular.ttf"),
};

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
