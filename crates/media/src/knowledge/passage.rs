//! What a search finds: paragraphs that stand together, under the headings that they stand below.

use serde::Serialize;
use std::borrow::Cow;

/// Paragraphs are put together up to this; a longer one is divided between words.
const PASSAGE_CHARS_MAX: usize = 1_200;

/// A part of a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Passage {
    /// The document's name and the headings above, outermost first.
    pub title: String,
    pub content: String,
}

/// Cuts a document. Every word of it is in one passage, in order; a heading begins a new one, and stands in its title.
pub fn passages(name: &str, content: &str) -> Vec<Passage> {
    let mut cut = Cut { name, headings: Vec::new(), is_bare: false, open: String::new(), done: Vec::new() };
    for block in blocks(content) {
        match heading(&block) {
            Some((level, words)) => cut.enter(level, words),
            None => cut.take(&block),
        }
    }
    cut.close();
    cut.done
}

struct Cut<'a> {
    name: &'a str,
    /// (level, words), outermost first.
    headings: Vec<(usize, String)>,
    /// Nothing stands below the last heading yet.
    is_bare: bool,
    open: String,
    done: Vec<Passage>,
}

impl Cut<'_> {
    fn enter(&mut self, level: usize, words: &str) {
        // One right above a deeper one is in the deeper one's title, and needs no passage.
        if !self.is_bare || self.headings.last().is_some_and(|(above, _)| *above >= level) {
            self.close();
        }
        self.headings.retain(|(above, _)| *above < level);
        self.headings.push((level, words.to_owned()));
        self.is_bare = true;
    }

    fn take(&mut self, block: &str) {
        self.is_bare = false;
        for piece in divided(block) {
            let is_full = self.open.chars().count() + piece.chars().count() + 2 > PASSAGE_CHARS_MAX;
            if is_full && !self.open.is_empty() {
                self.close();
            }
            if !self.open.is_empty() {
                self.open.push_str("\n\n");
            }
            self.open.push_str(&piece);
        }
    }

    fn close(&mut self) {
        let mut content = std::mem::take(&mut self.open);
        // A divider alone says nothing.
        if content.trim_matches(['-', '*', '_', ' ', '\n']).is_empty() {
            match self.headings.last() {
                Some((_, words)) if self.is_bare => content = words.chars().take(PASSAGE_CHARS_MAX).collect(),
                _ => return,
            }
        }
        let headings = self.headings.iter().map(|(_, words)| words.as_str());
        let title: Vec<&str> = std::iter::once(self.name).chain(headings).collect();
        self.done.push(Passage { title: title.join(" › "), content });
    }
}

/// Paragraphs: what stands between empty lines. A heading is one by itself; inside a code fence nothing is a heading, and
/// an empty line divides nothing.
fn blocks(content: &str) -> Vec<String> {
    let (mut blocks, content) = front_matter(content);
    let all = lines(content);
    let mut open: Vec<&str> = Vec::new();
    let mut fenced = false;
    let mut end = |open: &mut Vec<&str>| {
        let block = open.join("\n");
        open.clear();
        if !block.trim().is_empty() {
            blocks.push(block.trim_end().to_owned());
        }
    };
    for line in &all {
        let is_fence = line.trim_start().starts_with(FENCE);
        if !fenced && (line.trim().is_empty() || heading(line).is_some()) {
            end(&mut open);
        }
        open.push(line);
        if !fenced && heading(line).is_some() {
            end(&mut open);
        }
        fenced ^= is_fence;
    }
    end(&mut open);
    blocks
}

const FENCE: &str = "```";

/// The lines, where a line that is underlined is written as a heading with `#` before it.
fn lines(content: &str) -> Vec<Cow<'_, str>> {
    let mut lines: Vec<Cow<'_, str>> = Vec::new();
    let mut fenced = false;
    for line in content.lines() {
        let marks = if fenced { None } else { underline(line) };
        let is_free =
            |above: &Cow<'_, str>| above.trim().is_empty() || heading(above).is_some() || underline(above).is_some();
        let is_alone = lines.iter().rev().nth(1).is_none_or(is_free);
        match (marks, lines.last_mut()) {
            (Some(marks), Some(words)) if is_alone && is_prose(words) => {
                *words = Cow::Owned(format!("{marks} {}", words.trim()));
            }
            _ => lines.push(Cow::Borrowed(line)),
        }
        fenced ^= line.trim_start().starts_with(FENCE);
    }
    lines
}

/// What a line of `=` or `-` makes of the line above.
fn underline(line: &str) -> Option<&'static str> {
    let marks = line.trim();
    let is_one = marks.len() > 1 && line.len() - line.trim_start().len() < 4;
    let all = |mark: char| is_one && marks.chars().all(|character| character == mark);
    if all('=') { Some("#") } else { all('-').then_some("##") }
}

/// Whether a line is words, and not an item of a list, a row of a table, a quotation, a heading or code.
fn is_prose(line: &str) -> bool {
    let marks = ["#", ">", "|", "- ", "* ", "+ ", FENCE, "    ", "\t"];
    !line.trim().is_empty() && line.len() <= 200 && !marks.iter().any(|mark| line.starts_with(mark))
}

/// What a file says of itself at its beginning, between two lines of `---` (YAML) or `+++` (TOML): its title as a heading, the rest
/// as a paragraph. And what stands below.
fn front_matter(content: &str) -> (Vec<String>, &str) {
    let none = (Vec::new(), content);
    let Some((mark, sign)) = [("---\n", ':'), ("+++\n", '=')].into_iter().find(|(mark, _)| content.starts_with(mark))
    else {
        return none;
    };
    let inside = content.get(mark.len()..).unwrap_or_default();
    let Some((matter, below)) = inside.split_once(&format!("\n{mark}")).or_else(|| {
        let last = format!("\n{}", mark.trim_end());
        inside.strip_suffix(&last).map(|matter| (matter, ""))
    }) else {
        return none;
    };
    let continues = [' ', '\t', '-', '#', ']', '}', '['];
    let is_matter = |line: &str| line.is_empty() || line.starts_with(continues) || line.contains(sign);
    if !matter.lines().all(is_matter) {
        return none;
    }
    let title = |line: &&str| line.split_once(sign).is_some_and(|(name, _)| name.trim() == "title");
    let (titles, others): (Vec<&str>, Vec<&str>) = matter.lines().partition(title);
    let words =
        titles.first().and_then(|line| line.split_once(sign)).map(|(_, words)| words.trim().trim_matches(['"', '\'']));
    let heading = words.filter(|words| !words.is_empty()).map(|words| format!("# {words}"));
    let rest = Some(others.join("\n")).filter(|rest| !rest.trim().is_empty());
    (heading.into_iter().chain(rest).collect(), below)
}

/// The level and the words of a Markdown heading.
fn heading(block: &str) -> Option<(usize, &str)> {
    let words = block.trim_start_matches('#');
    let level = block.len() - words.len();
    let is_one =
        (1..=6).contains(&level) && words.starts_with(' ') && !words.trim().is_empty() && !words.contains('\n');
    is_one.then(|| (level, words.trim()))
}

/// A block in pieces that fit, divided at white space where there is any.
fn divided(block: &str) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut rest = block.trim();
    while let Some((limit, _)) = rest.char_indices().nth(PASSAGE_CHARS_MAX) {
        let fitting = rest.get(..limit).unwrap_or(rest);
        let at = fitting.rfind(char::is_whitespace).filter(|at| *at > 0).unwrap_or(limit);
        let (piece, after) = rest.split_at(at);
        pieces.push(piece.trim_end().to_owned());
        rest = after.trim_start();
    }
    if !rest.is_empty() {
        pieces.push(rest.to_owned());
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn titles(content: &str) -> Vec<String> {
        passages("guide", content).into_iter().map(|passage| passage.title).collect()
    }

    #[test]
    fn headings_begin_passages_and_stand_above_them() {
        let text = "# Clips\n\nShort.\n\n## Length\nEight seconds.\n\n## Hands\n\nTwo at most.\n# Posts\n\nOne.";
        let expected = ["guide › Clips", "guide › Clips › Length", "guide › Clips › Hands", "guide › Posts"];
        assert_eq!(titles(text), expected);
        let contents: Vec<String> = passages("guide", text).into_iter().map(|passage| passage.content).collect();
        assert_eq!(contents[1], "Eight seconds.");
    }

    #[test]
    fn a_heading_without_words_of_its_own_goes_with_the_next() {
        assert_eq!(titles("# Clips\n\n## Length\n\nEight."), ["guide › Clips › Length"]);
        assert_eq!(
            titles("# Clips\n# Posts\n\nOne.\n\n## Later"),
            ["guide › Clips", "guide › Posts", "guide › Posts › Later"]
        );
        assert_eq!(passages("guide", "# Clips")[0].content, "Clips");
    }

    #[test]
    fn underlined_lines_are_headings() {
        let text = "Clips\n=====\n\nShort.\n\nLength\n------\nEight seconds.\n\nPosts\n===\n\nOne.";
        assert_eq!(titles(text), ["guide › Clips", "guide › Clips › Length", "guide › Posts"]);
        for text in [
            "Two lines\nof prose.\n---\n\nAfter.",
            "- an item\n---\n\nAfter.",
            "a | b\n--|--\n1 | 2",
            "One.\n\n---\n\nTwo.",
            "```\nName\n----\n```",
        ] {
            assert_eq!(titles(text), ["guide"], "{text}");
        }
    }

    #[test]
    fn front_matter_gives_the_title_and_stays_searchable() {
        let text = "---\ntitle: \"Night shots\"\ntags:\n  - lamps\n---\n\nUse a lamp.\n\n## Length\n\nEight.";
        let found = passages("guide", text);
        assert_eq!(found[0].title, "guide › Night shots");
        assert!(found[0].content.contains("lamps") && found[0].content.contains("Use a lamp."), "{found:?}");
        assert_eq!(found[1].title, "guide › Night shots › Length");
        assert_eq!(titles("+++\ntitle = 'Night'\n+++\nUse a lamp."), ["guide › Night"]);
        // Only a divider.
        assert_eq!(titles("---\nWords without a sign\n---\n"), ["guide › Words without a sign"]);
        assert_eq!(titles("---\n\nWords."), ["guide"]);
    }

    #[test]
    fn code_is_not_read_as_headings_or_paragraphs() {
        let text = "Before.\n\n```sh\n# no heading\n\nmw kb search x\n```\n\nAfter.";
        assert_eq!(passages("guide", text), [Passage { title: "guide".into(), content: text.into() }]);
    }

    #[test]
    fn short_paragraphs_stay_together_and_long_ones_are_divided_between_words() {
        let short = vec!["word ".repeat(20); 30].join("\n\n");
        assert!(passages("guide", &short).len() < 4);
        let long = passages("guide", &"word ".repeat(1_000));
        assert!(long.iter().all(|passage| passage.content.split(' ').all(|word| word == "word")));
        assert!(long.len() > 3);
    }

    fn words(text: &str) -> Vec<&str> {
        text.split_whitespace().collect()
    }

    proptest! {
        #[test]
        fn every_word_is_in_one_passage_in_order(text in "([a-z` ]{0,60}\n{1,3}){0,40}") {
            let passages = passages("guide", &text);
            let joined: Vec<&str> = passages.iter().flat_map(|passage| words(&passage.content)).collect();
            prop_assert_eq!(joined, words(&text));
            prop_assert!(passages.iter().all(|passage| passage.content.chars().count() <= PASSAGE_CHARS_MAX));
        }

        #[test]
        fn any_text_is_cut_to_size(text in "\\PC{0,5000}") {
            for passage in passages("guide", &text) {
                prop_assert!(passage.content.chars().count() <= PASSAGE_CHARS_MAX && !passage.content.is_empty());
            }
        }
    }
}
