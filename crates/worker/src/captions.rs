//! Captions: texts of people, broken into lines that fit their box, as subtitles for libass, which shapes the letters.

use crate::fonts::{self, Ruler};
use mw_render::plan::Caption;
use mw_render::presets::SizeRule;
use mw_render::spec::{CaptionLook, HEIGHT, WIDTH};
use std::fmt::Write;
use textwrap::core::Fragment;
use textwrap::wrap_algorithms::wrap_first_fit;

/// No caption is set smaller; what does not fit then ends with an ellipsis.
const SMALLEST_PX: f64 = 24.0;
/// Letters are drawn a little wider than they are measured: kerning, and the roundness of pixels.
const SPARE: f64 = 1.02;
/// Twice what a job's caption may have; no more is looked at.
const LETTERS: usize = 400;

/// The whole file of subtitles.
pub fn subtitles(captions: &[Caption], look: &CaptionLook) -> String {
    let ruler = Ruler::of(look.font);
    let font = fonts::shipped(look.font);
    let mut file = format!(
        "[Script Info]\nScriptType: v4.00+\nPlayResX: {WIDTH}\nPlayResY: {HEIGHT}\nWrapStyle: 2\nScaledBorderAndShadow: yes\n\
        YCbCr Matrix: TV.709\n\n[V4+ Styles]\nFormat: Name, Fontname, Fontsize, PrimaryColour, OutlineColour, BackColour, Bold, \
        BorderStyle, Outline, Shadow, Alignment, Encoding\nStyle: text,{family},{size},&H00FFFFFF,&H00101010,&H60000000,{bold},1,\
        {outline},{shadow},5,-1\n\n[Events]\nFormat: Layer, Start, End, Style, Text\n",
        family = font.family,
        size = look.size_px,
        bold = if font.bold { -1 } else { 0 },
        outline = look.outline_px,
        shadow = if look.effects.shadow { 6 } else { 2 },
    );
    for caption in captions {
        let Fitted { lines, size } = fit(&caption.text, look, &ruler);
        if lines.is_empty() {
            continue;
        }
        let text = lines.iter().map(|line| literal(line)).collect::<Vec<_>>().join("\\N");
        let (start, end) = (moment(caption.start_seconds), moment(caption.end_seconds));
        let area = look.text_box;
        let (x, y) = (area.left + area.width / 2, area.top + area.height / 2);
        // libass counts a font's size by its line.
        let place = format!("\\pos({x},{y})\\fs{:.2}{}", size * ruler.line(), entrance(look.size_rules));
        if look.effects.glow {
            const GLOW: &str = "\\1a&HFF&\\4a&HFF&\\3c&HFFE9A8&\\3a&H30&\\bord9\\shad0\\blur14";
            let _ = writeln!(file, "Dialogue: 0,{start},{end},text,{{{place}{GLOW}}}{text}");
        }
        let _ = writeln!(file, "Dialogue: 1,{start},{end},text,{{{place}}}{text}");
    }
    file
}

/// Large captions jump in, others appear.
fn entrance(size: SizeRule) -> &'static str {
    match size {
        SizeRule::Small | SizeRule::Auto => "\\fad(180,120)",
        SizeRule::Large => "\\fscx70\\fscy70\\t(0,90,\\fscx106\\fscy106)\\t(90,150,\\fscx100\\fscy100)\\fad(40,60)",
    }
}

/// A text that libass takes letter by letter: nothing in it is a command, and it is one line.
fn literal(text: &str) -> String {
    let mut literal = String::with_capacity(text.len() + 8);
    for letter in text.chars() {
        match letter {
            // A backslash cannot be written as such; followed by what is not seen it is no command either.
            '\\' => literal.push_str("\\\u{2060}"),
            '{' => literal.push_str("\\{"),
            '}' => literal.push_str("\\}"),
            letter => literal.push(letter),
        }
    }
    literal
}

/// "0:00:03.50", to the hundredth.
fn moment(seconds: f64) -> String {
    let hundredths = (seconds.max(0.0) * 100.0).round() as u64;
    let (seconds, hundredths) = (hundredths / 100, hundredths % 100);
    format!("{}:{:02}:{:02}.{hundredths:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

#[derive(Debug, PartialEq)]
struct Fitted {
    lines: Vec<String>,
    /// The height of the letters in pixels.
    size: f64,
}

/// As large as the look says where that fits into the box, else smaller.
fn fit(text: &str, look: &CaptionLook, ruler: &Ruler) -> Fitted {
    let visible = |letter: char| if letter.is_control() || letter.is_whitespace() { ' ' } else { letter };
    let cut = if text.chars().nth(LETTERS).is_some() { "…" } else { "" };
    let text = text.chars().take(LETTERS).map(visible).collect::<String>() + cut;
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let text = if look.uppercase { text.to_uppercase() } else { text };
    let mut size = f64::from(look.size_px);
    loop {
        let width = f64::from(look.text_box.width.saturating_sub(2 * look.outline_px)) / size / SPARE;
        let room = (f64::from(look.text_box.height) / size / ruler.line()).floor().max(1.0) as usize;
        let mut lines = lines(&text, width, ruler);
        if lines.len() <= room {
            return Fitted { lines, size };
        }
        if size <= SMALLEST_PX {
            lines.truncate(room);
            if let Some(last) = lines.last_mut() {
                while !last.is_empty() && ruler.width(last) + ruler.width("…") > width {
                    last.pop();
                }
                last.push('…');
            }
            return Fitted { lines, size };
        }
        size = (size * 0.92).max(SMALLEST_PX);
    }
}

/// Lines of about the same length, broken where Unicode allows it. The width counts heights of letters.
fn lines(text: &str, width: f64, ruler: &Ruler) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut from = 0;
    for (to, _) in unicode_linebreak::linebreaks(text) {
        pieces.extend(text.get(from..to).into_iter().flat_map(|piece| pieces_of(piece, width, ruler)));
        from = to;
    }
    // The narrowest column that needs no more lines has lines of about the same length.
    let count = wrap_first_fit(&pieces, &[width]).len();
    let (mut narrow, mut wide) = (0.0, width);
    for _ in 0..8 {
        let middle = (narrow + wide) / 2.0;
        let is_enough = wrap_first_fit(&pieces, &[middle]).len() <= count;
        (narrow, wide) = if is_enough { (narrow, middle) } else { (middle, wide) };
    }
    let text_of = |line: &&[Piece<'_>]| line.iter().map(|piece| piece.text).collect::<String>().trim_end().to_owned();
    wrap_first_fit(&pieces, &[wide]).iter().map(text_of).filter(|line| !line.is_empty()).collect()
}

/// What is not broken, and what of it is not counted at the end of a line.
#[derive(Debug)]
struct Piece<'a> {
    text: &'a str,
    width: f64,
    space: f64,
}

impl Fragment for Piece<'_> {
    fn width(&self) -> f64 {
        self.width
    }

    fn whitespace_width(&self) -> f64 {
        self.space
    }

    fn penalty_width(&self) -> f64 {
        0.0
    }
}

/// A word, cut where it would be longer than a line.
fn pieces_of<'a>(word: &'a str, width: f64, ruler: &Ruler) -> Vec<Piece<'a>> {
    let piece = |text: &'a str| {
        let letters = text.trim_end();
        let whole = ruler.width(letters);
        Piece { text, width: whole, space: ruler.width(text) - whole }
    };
    let (mut pieces, mut from, mut reached) = (Vec::new(), 0, 0.0);
    for (at, letter) in word.char_indices() {
        let advance = ruler.advance(letter);
        if at > from && reached + advance > width && !letter.is_whitespace() {
            pieces.extend(word.get(from..at).map(piece));
            (from, reached) = (at, 0.0);
        }
        reached += advance;
    }
    pieces.extend(word.get(from..).map(piece));
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use mw_render::presets::{Font, OverlayEffects, Position};
    use mw_render::spec::Area;

    fn look(font: Font, size_px: u32) -> CaptionLook {
        CaptionLook {
            font,
            size_rules: SizeRule::Auto,
            size_px,
            position: Position::Center,
            safe_margin_px: 120,
            text_box: Area { left: 120, top: 640, width: 840, height: 640 },
            uppercase: false,
            outline_px: 2,
            effects: OverlayEffects { shadow: false, glow: false },
        }
    }

    fn fitted(text: &str, look: &CaptionLook) -> Fitted {
        let ruler = Ruler::of(look.font);
        let fitted = fit(text, look, &ruler);
        for line in &fitted.lines {
            let width = ruler.width(line) * fitted.size;
            assert!(width <= f64::from(look.text_box.width), "{line:?} is {width} wide");
        }
        let height = fitted.lines.len() as f64 * fitted.size * ruler.line();
        assert!(height <= f64::from(look.text_box.height));
        fitted
    }

    #[test]
    fn lines_stay_in_their_box() {
        let texts = [
            "Short",
            "A caption of ordinary length that needs more than one line of the video",
            "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft",
            "これは日本語の字幕で、単語の間に空白がありません。それでも行は箱の中に収まります。",
            &"word ".repeat(400),
            &"W".repeat(2000),
        ];
        for font in Font::ALL {
            for text in texts {
                fitted(text, &look(*font, 72));
            }
        }
    }

    #[test]
    fn lines_are_of_about_the_same_length() {
        let fitted = fitted("Handmade candles that smell like the forest after rain", &look(Font::Inter, 56));
        assert_eq!(fitted.size, 56.0);
        assert_eq!(fitted.lines, ["Handmade candles that", "smell like the forest after rain"]);
        let two = super::tests::fitted("Stop scrolling for a second", &look(Font::Montserrat, 72));
        assert_eq!(two.lines, ["Stop scrolling", "for a second"]);
    }

    #[test]
    fn what_does_not_fit_is_smaller_then_shortened() {
        let long = fitted(&"word ".repeat(60), &look(Font::Inter, 72));
        assert!(long.size < 72.0 && !long.lines.concat().contains('…'));
        let low =
            CaptionLook { text_box: Area { height: 80, ..look(Font::Inter, 72).text_box }, ..look(Font::Inter, 72) };
        let endless = fitted(&"W".repeat(1000), &low);
        assert!(endless.size == 24.0 && endless.lines.last().unwrap().ends_with('…'));
    }

    #[test]
    fn no_text_is_a_command() {
        let caption = |text: &str| Caption {
            role: mw_render::plan::CaptionRole::Hook,
            text: text.to_owned(),
            start_seconds: 0.0,
            end_seconds: 3.0,
        };
        let text = "{\\p1}m 0 0\\N\\h{\\fs400}x\nDialogue: 9,0:00:00.00,0:00:09.00,text,evil\r\n[Fonts]";
        let file = subtitles(&[caption(text)], &look(Font::Inter, 56));
        let events = file.split("[Events]\n").nth(1).unwrap();
        assert_eq!(events.lines().count(), 2, "{events}");
        let written = events.lines().last().unwrap().split_once("\\fad(180,120)}").unwrap().1;
        let commands = written.replace("\\{", "").replace("\\}", "").replace("\\\u{2060}", "");
        let only_breaks = commands.replace("\\N", "");
        assert!(!only_breaks.contains(['\\', '{', '}']), "{written}");
    }

    #[test]
    fn moments_are_hundredths() {
        assert_eq!([0.0, 3.754, 59.999, 61.5].map(moment), ["0:00:00.00", "0:00:03.75", "0:01:00.00", "0:01:01.50"]);
    }

    #[test]
    fn glow_lies_under_the_text() {
        let mut look = look(Font::Inter, 56);
        look.effects = OverlayEffects { shadow: true, glow: true };
        let caption = Caption {
            role: mw_render::plan::CaptionRole::Cta,
            text: "Buy".to_owned(),
            start_seconds: 0.0,
            end_seconds: 1.0,
        };
        let file = subtitles(&[caption], &look);
        let layers: Vec<_> =
            file.lines().filter_map(|line| line.strip_prefix("Dialogue: ")).map(|line| &line[..1]).collect();
        assert_eq!(layers, ["0", "1"]);
    }
}
