//! What of a model's text is said to people. Models think before they answer, and inside their answers, and call tools by writing
//! calls; servers should take both out of the text, and many do not, or do so in whole answers and not in streams. Thoughts are
//! dropped, written calls are taken out, whatever pieces the text comes in.

/// Where something begins and ends that is not said.
struct Mark {
    open: &'static str,
    /// Empty for what goes on to the end.
    close: &'static str,
    is_call: bool,
}

const fn thought(open: &'static str, close: &'static str) -> Mark {
    Mark { open, close, is_call: false }
}

const fn call(open: &'static str, close: &'static str) -> Mark {
    Mark { open, close, is_call: true }
}

static MARKS: [Mark; 9] = [
    thought("<think>", "</think>"),
    thought("<thinking>", "</thinking>"),
    thought("<thought>", "</thought>"),
    thought("<reasoning>", "</reasoning>"),
    thought("<mm:think>", "</mm:think>"),
    thought("[THINK]", "[/THINK]"),
    call("<tool_call>", "</tool_call>"),
    call("<function_call>", "</function_call>"),
    call("[TOOL_CALLS]", ""),
];

/// A text on its way to people.
#[derive(Default)]
pub(super) struct Spoken {
    pub(super) said: String,
    /// The insides of calls that stood in the text.
    pub(super) calls: Vec<String>,
    /// The end of a thought came whose beginning was not marked: all before it was one.
    pub(super) began_with_thought: bool,
    /// A thought has ended: another end without a beginning is only dropped.
    pub(super) has_thought: bool,
    /// Since something was taken out, white space around it does not begin the text.
    was_cut: bool,
    open: Option<&'static Mark>,
    /// Not sorted yet: the inside of what is open, or what may become a mark.
    rest: String,
}

impl Spoken {
    /// A whole text.
    pub(super) fn of(text: &str) -> Spoken {
        let mut spoken = Spoken::default();
        spoken.push(text);
        spoken.finish()
    }

    /// Takes the next piece; what of the text is surely said is in `said` then.
    pub(super) fn push(&mut self, piece: &str) {
        let mut text = std::mem::take(&mut self.rest);
        let seen = text.len();
        text.push_str(piece);
        let mut from = 0;
        loop {
            let rest = text.get(from..).unwrap_or_default();
            from += match self.open {
                None => match next_mark(rest) {
                    Place::Mark { at, text, mark, opens } => {
                        self.say(rest.get(..at).unwrap_or_default());
                        self.pass(mark, opens);
                        at + text.len()
                    }
                    Place::End { at } => {
                        self.say(rest.get(..at).unwrap_or_default());
                        from += at;
                        break;
                    }
                },
                Some(mark) => {
                    // What was looked through before has no end.
                    let known = if from == 0 { seen.saturating_sub(mark.close.len()) } else { 0 };
                    let known = rest.floor_char_boundary(known);
                    let end = rest.get(known..).filter(|_| !mark.close.is_empty()).and_then(|new| new.find(mark.close));
                    let Some(end) = end.map(|end| known + end) else { break };
                    if mark.is_call {
                        self.calls.push(rest.get(..end).unwrap_or_default().to_owned());
                    }
                    self.has_thought |= !mark.is_call;
                    self.open = None;
                    end + mark.close.len()
                }
            };
        }
        // Nobody reads a thought; its end may have begun.
        if let Some(mark) = self.open.filter(|mark| !mark.is_call) {
            from = from.max(text.floor_char_boundary(text.len().saturating_sub(mark.close.len())));
        }
        self.rest = text.split_off(from);
    }

    /// What is open ends: a call may still be one, a thought is not said.
    pub(super) fn finish(mut self) -> Spoken {
        let rest = std::mem::take(&mut self.rest);
        match self.open {
            None => self.say(&rest),
            Some(mark) if mark.is_call => self.calls.push(rest),
            Some(_) => {}
        }
        if self.was_cut {
            self.said.truncate(self.said.trim_end().len());
        }
        self
    }

    /// A mark in the text, which begins something or ends what had no beginning.
    fn pass(&mut self, mark: &'static Mark, opens: bool) {
        self.was_cut = true;
        if opens {
            self.open = Some(mark);
        } else if !mark.is_call && !self.has_thought {
            self.said.clear();
            (self.began_with_thought, self.has_thought) = (true, true);
        }
        if self.said.trim().is_empty() {
            self.said.clear();
        }
    }

    fn say(&mut self, text: &str) {
        let is_first = self.was_cut && self.said.is_empty();
        self.said.push_str(if is_first { text.trim_start() } else { text });
    }
}

/// Where a text stands still: at a mark, or at its end, or before what may become a mark there.
enum Place {
    Mark { at: usize, text: &'static str, mark: &'static Mark, opens: bool },
    End { at: usize },
}

fn next_mark(text: &str) -> Place {
    for (at, _) in text.bytes().enumerate().filter(|(_, byte)| matches!(byte, b'<' | b'[')) {
        let rest = text.get(at..).unwrap_or_default();
        let marks = MARKS.iter().flat_map(|mark| [(mark.open, mark, true), (mark.close, mark, false)]);
        for (text, mark, opens) in marks.filter(|(text, ..)| !text.is_empty()) {
            if rest.starts_with(text) {
                return Place::Mark { at, text, mark, opens };
            }
            if text.starts_with(rest) {
                return Place::End { at };
            }
        }
    }
    Place::End { at: text.len() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn thoughts_are_not_said() {
        for (text, said) in [
            ("Sure.", "Sure."),
            ("  Sure.\n", "  Sure.\n"),
            ("<think>hm</think>\n\nSure.", "Sure."),
            ("<think>\n</think>Sure.<think>or not</think> Yes.", "Sure. Yes."),
            ("hm, so\n</think>\n\nSure.", "Sure."),
            ("hm\n</think>Sure. </think> is stray.", "Sure.  is stray."),
            ("<think>a</think>The literal </think> is stray.", "The literal  is stray."),
            ("<think>cut off", ""),
            ("Sure.<think>cut off", "Sure."),
            ("[THINK]hm[/THINK]Sure.", "Sure."),
            ("<thinking>hm</thinking> <mm:think>hm</mm:think> Sure [1] <b>.", "Sure [1] <b>."),
            ("a < b and [T", "a < b and [T"),
        ] {
            assert_eq!(Spoken::of(text).said, said, "{text}");
        }
    }

    #[test]
    fn written_calls_are_taken_out() {
        let spoken =
            Spoken::of("<think>a</think>One moment.\n<tool_call>\n{\"a\":1}\n</tool_call>\n<tool_call>{}</tool_call>");
        assert_eq!(
            (spoken.said.as_str(), spoken.calls),
            ("One moment.", vec!["\n{\"a\":1}\n".to_owned(), "{}".to_owned()])
        );
        let spoken = Spoken::of("[TOOL_CALLS][{\"a\":[1]}] \n");
        assert_eq!((spoken.said.as_str(), spoken.calls), ("", vec!["[{\"a\":[1]}] \n".to_owned()]));
        assert_eq!(Spoken::of("<tool_call>{\"cut\":").calls, ["{\"cut\":"]);
    }

    proptest! {
        #[test]
        fn pieces_say_what_the_whole_says(
            parts in proptest::collection::vec(prop_oneof![
                Just("<think>"), Just("</think>"), Just("[TOOL_CALLS]"), Just("<tool_call>"), Just("</tool_call>"), Just("<thi"),
                Just("nk>"), Just("[/"), Just("é😀"), Just(" "), Just("x"), Just("\n"), Just("<"),
            ], 0..20),
            cuts in proptest::collection::vec(any::<usize>(), 0..12),
        ) {
            let text = parts.concat();
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| text.floor_char_boundary(cut % (text.len() + 1))).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let (mut spoken, mut told) = (Spoken::default(), String::new());
            for pair in cuts.windows(2) {
                spoken.push(&text[pair[0]..pair[1]]);
                if !spoken.began_with_thought && !spoken.said.trim().is_empty() {
                    prop_assert!(spoken.said.starts_with(&told), "{} {told}", spoken.said);
                    spoken.said.clone_into(&mut told);
                }
            }
            let (spoken, whole) = (spoken.finish(), Spoken::of(&text));
            prop_assert_eq!(&spoken.said, &whole.said);
            prop_assert_eq!(&spoken.calls, &whole.calls);
        }
    }
}
