//! What of a model's text is said to people. Models think before they answer, and inside their answers, and call tools by writing
//! calls; servers should take both out of the text, and many do not, or do so in whole answers and not in streams. Thoughts are
//! dropped, written calls are taken out, and so are the marks between which a model's messages stand, whatever pieces the text
//! comes in. One table has every mark; it is known in any case, and with white space between its words and signs.

/// Where something begins and ends that is not said.
struct Mark {
    /// Empty for what is known by its end alone.
    open: &'static str,
    /// Empty for what goes on to the end.
    close: &'static str,
    is: Inside,
}

#[derive(Clone, Copy, PartialEq)]
enum Inside {
    /// May stand inside of itself.
    Thought,
    /// Channels, until the one that is said, and the calls among them.
    Channels,
    /// Another one begins another call.
    Call,
}

const fn thought(open: &'static str, close: &'static str) -> Mark {
    Mark { open, close, is: Inside::Thought }
}

const fn channels(open: &'static str) -> Mark {
    Mark { open, close: "<|channel|>final<|message|>", is: Inside::Channels }
}

const fn call(open: &'static str, close: &'static str) -> Mark {
    Mark { open, close, is: Inside::Call }
}

/// How a call in a channel ends.
const CHANNEL_CALL_END: &str = "<|call|>";

/// Of those that fit at one place the first holds.
static MARKS: [Mark; 24] = [
    thought("<think>", "</think>"),
    thought("<thinking>", "</thinking>"),
    thought("<thought>", "</thought>"),
    thought("<thoughts>", "</thoughts>"),
    thought("<reasoning>", "</reasoning>"),
    thought("<mm:think>", "</mm:think>"),
    thought("<seed:think>", "</seed:think>"),
    thought("[THINK]", "[/THINK]"),
    thought("◁think▷", "◁/think▷"),
    thought("<|START_THINKING|>", "<|END_THINKING|>"),
    thought("<|begin_of_thought|>", "<|end_of_thought|>"),
    thought("<|channel>thought", "<channel|>"),
    call("<|channel|>commentary to=", CHANNEL_CALL_END),
    call("<|start|>assistant to=", CHANNEL_CALL_END),
    channels("<|channel|>"),
    channels("<|start|>assistant"),
    // The same, without its signs.
    thought("", "assistantfinal"),
    call("<tool_call>", "</tool_call>"),
    call("<function_call>", "</function_call>"),
    call("<function=", "</function>"),
    call("<|tool_call_begin|>", "<|tool_call_end|>"),
    call("<｜tool▁call▁begin｜>", "<｜tool▁call▁end｜>"),
    call("[TOOL_REQUEST]", "[END_TOOL_REQUEST]"),
    call("[TOOL_CALLS]", ""),
];

/// No mark is longer, with the white space in it.
const MARK_BYTES_MAX: usize = 64;

/// A text on its way to people.
#[derive(Default)]
pub(super) struct Spoken {
    pub(super) said: String,
    /// The insides of calls that stood in the text.
    pub(super) calls: Vec<String>,
    /// More was said after a call.
    pub(super) goes_on: bool,
    /// The end of a thought came whose beginning was not marked: all before it was one.
    pub(super) began_with_thought: bool,
    /// A thought has ended: another end without a beginning is only dropped.
    pub(super) has_thought: bool,
    /// Since something was taken out, white space around it does not begin the text.
    was_cut: bool,
    open: Option<&'static Mark>,
    /// Thoughts around the one that is open.
    depth: usize,
    /// The open call, so far.
    inside: String,
    /// What may become a mark.
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
        self.rest.push_str(piece);
        self.sort(false);
    }

    /// What is open ends: a call may still be one, a thought is not said.
    pub(super) fn finish(mut self) -> Spoken {
        self.sort(true);
        self.close();
        if self.was_cut {
            self.said.truncate(self.said.trim_end().len());
        }
        self
    }

    fn sort(&mut self, is_over: bool) {
        let text = std::mem::take(&mut self.rest);
        let mut rest = text.as_str();
        loop {
            let (at, found) = next_mark(rest, self.open, is_over);
            let (before, after) = rest.split_at_checked(at).unwrap_or_default();
            match self.open.map(|mark| mark.is) {
                None => self.say(before),
                Some(Inside::Call) => self.inside.push_str(before),
                // Nobody reads a thought.
                Some(Inside::Thought | Inside::Channels) => {}
            }
            rest = after;
            let Some((length, mark)) = found else { break };
            self.pass(mark);
            rest = rest.get(length..).unwrap_or_default();
        }
        rest.clone_into(&mut self.rest);
    }

    /// A sign in the text: it begins something, or ends it, or ends what had no beginning, or is only taken out.
    fn pass(&mut self, sign: Option<(&'static Mark, bool)>) {
        self.was_cut = true;
        match (self.open, sign) {
            (Some(open), Some((mark, false))) if open.is == mark.is => match self.depth.checked_sub(1) {
                Some(depth) => self.depth = depth,
                None => self.close(),
            },
            (Some(open), Some((_, true))) if open.is == Inside::Thought => self.depth += 1,
            (Some(_), Some((mark, true))) if mark.is == Inside::Call => {
                self.close();
                self.open = Some(mark);
            }
            (None, Some((mark, true))) => self.open = Some(mark),
            (None, Some((mark, false))) if mark.is != Inside::Call && !self.has_thought => {
                self.said.clear();
                (self.began_with_thought, self.has_thought) = (true, true);
            }
            _ => {}
        }
        if self.said.trim().is_empty() {
            self.said.clear();
        }
    }

    /// Ends what is open.
    fn close(&mut self) {
        match self.open.take().map(|mark| mark.is) {
            Some(Inside::Call) => self.calls.push(std::mem::take(&mut self.inside)),
            Some(Inside::Thought | Inside::Channels) => self.has_thought = true,
            None => {}
        }
    }

    fn say(&mut self, text: &str) {
        let is_first = self.was_cut && self.said.is_empty();
        self.goes_on |= !self.calls.is_empty() && !text.trim().is_empty();
        self.said.push_str(if is_first { text.trim_start() } else { text });
    }
}

/// The length of a sign, and what it begins (or else ends), where the table has it.
type Sign = (usize, Option<(&'static Mark, bool)>);

/// Where a text stands still: at a sign, or before what may become one there, or at its end. What is open knows its own signs only.
fn next_mark(text: &str, open: Option<&'static Mark>, is_over: bool) -> (usize, Option<Sign>) {
    for at in 0..text.len() {
        let rest = text.as_bytes().get(at..).unwrap_or_default();
        if !matches!(rest, [b'<' | b'[' | b'a' | b'A' | 0xe2, ..]) {
            continue;
        }
        let signs = MARKS.iter().flat_map(|mark| [(mark, false), (mark, true)]).filter(|(mark, _)| {
            open.is_none_or(|open| {
                std::ptr::eq(open, *mark) || open.is == Inside::Channels && mark.close == CHANNEL_CALL_END
            })
        });
        let listed =
            signs.map(|(mark, opens)| (length(rest, if opens { mark.open } else { mark.close }), Some((mark, opens))));
        let token = open.is_none().then(|| (token_length(rest), None));
        for (length, sign) in listed.chain(token) {
            match length {
                Some(0) if is_over => {}
                Some(0) => return (at, None),
                Some(length) => return (at, Some((length, sign))),
                None => {}
            }
        }
    }
    (text.len(), None)
}

/// How long a sign is at the beginning of a text; 0 where the text ends before it does.
fn length(text: &[u8], sign: &str) -> Option<usize> {
    let (mut at, mut before) = (0, b' ');
    for byte in sign.bytes() {
        let is_word = before.is_ascii_alphanumeric() && byte.is_ascii_alphanumeric();
        while at > 0 && !is_word && text.get(at).is_some_and(u8::is_ascii_whitespace) {
            at += 1;
        }
        before = byte;
        match text.get(at) {
            _ if byte == b' ' => {}
            None if at < MARK_BYTES_MAX => return Some(0),
            Some(found) if found.eq_ignore_ascii_case(&byte) => at += 1,
            _ => return None,
        }
    }
    Some(at).filter(|at| (1..=MARK_BYTES_MAX).contains(at))
}

/// The same for what models end and begin their messages with, each its own: `<|im_end|>`, `<｜end▁of▁sentence｜>`.
fn token_length(text: &[u8]) -> Option<usize> {
    let is_in = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(*byte, b'_' | b'|' | 0x80..);
    let inside = text.strip_prefix(b"<")?;
    let bar = ["|", "｜"].into_iter().find(|bar| inside.starts_with(bar.as_bytes()))?;
    let end = inside.iter().take(MARK_BYTES_MAX).position(|byte| !is_in(byte));
    match end.map(|end| inside.split_at(end)) {
        Some((token, [b'>', ..])) if token.len() > 2 * bar.len() && token.ends_with(bar.as_bytes()) => {
            Some(token.len() + 2)
        }
        None if inside.len() < MARK_BYTES_MAX => Some(0),
        _ => None,
    }
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
    fn thoughts_are_known_however_they_are_marked() {
        for (text, said) in [
            ("<THINK>hm</Think>Sure.", "Sure."),
            ("<think >hm</ think\n>Sure.", "Sure."),
            ("<thi nk>hm", "<thi nk>hm"),
            ("<think>a<think>b</think>c</think>Sure.", "Sure."),
            ("<seed:think>hm</seed:think>◁think▷hm◁/think▷Sure.", "Sure."),
            ("<|START_THINKING|>hm<|END_THINKING|><|START_RESPONSE|>Sure.<|END_RESPONSE|>", "Sure."),
            ("<|channel>thought\nhm<channel|>Sure.", "Sure."),
            (
                "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>Sure.<|return|>",
                "Sure.",
            ),
            ("<|channel|>analysis<|message|>hm<|start|>assistant<|channel|>final <|message|>Sure.", "Sure."),
            ("<|channel|>commentary<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>Sure.", "Sure."),
            ("<|channel|>final<|message|>Sure.<|end|>", "Sure."),
            ("<|start|>assistant<|channel|>final<|message|>Sure.", "Sure."),
            ("<|channel|>analysis<|message|>cut off", ""),
            ("<|channel|>", ""),
            ("analysishm, so.assistantfinalSure.", "Sure."),
            ("<|begin_of_box|>Sure.<|end_of_box|>", "Sure."),
            ("Sure.<|im_end|>\n", "Sure."),
            ("Sure.<｜end▁of▁sentence｜>", "Sure."),
            ("a <| b |> c <|d", "a <| b |> c <|d"),
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
        for (text, calls) in [
            (
                "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>commentary to=x <|message|>{}<|call|>",
                vec!["x <|message|>{}"],
            ),
            (
                "<|start|>assistant to=x<|channel|>commentary<|message|>{}<|call|>",
                vec!["x<|channel|>commentary<|message|>{}"],
            ),
            ("[TOOL_CALLS]x[ARGS]{}[TOOL_CALLS]y[ARGS]{}", vec!["x[ARGS]{}", "y[ARGS]{}"]),
            ("<function=x>{}</function>", vec!["x>{}"]),
            ("<function=x>\n</function>\n</tool_call>", vec!["x>\n"]),
            ("<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>x<｜tool▁call▁end｜><｜tool▁calls▁end｜>", vec!["x"]),
            ("<|tool_calls_section_begin|><|tool_call_begin|>x<|tool_call_end|><|tool_calls_section_end|>", vec!["x"]),
            ("[TOOL_REQUEST]{}[END_TOOL_REQUEST]", vec!["{}"]),
        ] {
            let spoken = Spoken::of(text);
            assert_eq!(
                (spoken.said.as_str(), spoken.calls, spoken.goes_on),
                ("", calls.into_iter().map(str::to_owned).collect(), false),
                "{text}"
            );
        }
        assert!(Spoken::of("<tool_call>{}</tool_call> is a call.").goes_on);
    }

    proptest! {
        #[test]
        fn pieces_say_what_the_whole_says(
            parts in proptest::collection::vec(prop_oneof![
                Just("<think>"), Just("</think>"), Just("[TOOL_CALLS]"), Just("<tool_call>"), Just("</tool_call>"), Just("<thi"),
                Just("nk>"), Just("<|channel|>"), Just("final<|message|>"), Just("<|end|>"), Just("commentary to="), Just("<|call|>"),
                Just("assistantfinal"), Just("◁"), Just("THINK"), Just("▷"), Just("<｜"), Just("▁｜>"), Just("<|start|>assistant"), Just("[/"), Just("é😀"), Just(" "), Just("x"), Just("\n"), Just("<"),
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
