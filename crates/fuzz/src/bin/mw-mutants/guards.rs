//! Finds the guards of an SQL function in its text, and makes one mutant of each: a condition that is dropped, a branch that is
//! taken when it should not be, a bound that is off by one, a lock, a limit, a conflict clause or a call that is gone.

use std::ops::Range;

/// A function with one guard changed.
pub(crate) struct Mutant {
    /// The function's text, without what stands on the function in its file.
    pub(crate) text: String,
    /// What is changed, in one line; the same guard has the same words until its text changes.
    pub(crate) name: String,
}

/// A word, a literal or a sign.
#[derive(Debug, Clone)]
struct Token {
    at: Range<usize>,
    depth: usize,
}

/// Words at which a condition ends.
const ENDS: [&str; 26] = [
    "AND",
    "OR",
    "THEN",
    "LOOP",
    "GROUP",
    "ORDER",
    "LIMIT",
    "RETURNING",
    "FOR",
    "UNION",
    "WINDOW",
    "HAVING",
    "WHEN",
    "ELSE",
    "END",
    "ON",
    "LEFT",
    "JOIN",
    "CROSS",
    "FROM",
    "WHERE",
    "RETURN",
    "INTO",
    "USING",
    "OFFSET",
    "EXCEPT",
];

pub(crate) fn mutants(function: &str, text: &str) -> Vec<Mutant> {
    let Some(body) = body(text) else { return Vec::new() };
    let end = body.end;
    let source = Source { text, tokens: tokens(text, body) };
    let mut changes: Vec<(Range<usize>, String)> = Vec::new();
    for at in 0..source.tokens.len() {
        changes.extend(source.change(at));
    }
    let mut found: Vec<Mutant> = Vec::new();
    for (range, instead) in changes {
        let before = one_line(&text[range.clone()]);
        let change = if instead.is_empty() { "nothing".to_owned() } else { one_line(&instead) };
        let name = format!("{function}: {before} => {change}");
        let same = found.iter().filter(|known| known.name.split(" #").next() == Some(&name)).count();
        let name = if same == 0 { name } else { format!("{name} #{}", same + 1) };
        found.push(Mutant { text: format!("{}{instead}{}$$;", &text[..range.start], &text[range.end..end]), name });
    }
    found
}

struct Source<'a> {
    text: &'a str,
    tokens: Vec<Token>,
}

impl Source<'_> {
    fn word(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |token| &self.text[token.at.clone()])
    }

    /// Whether these words follow one another.
    fn are(&self, at: usize, words: &str) -> bool {
        words.split(' ').enumerate().all(|(place, word)| self.word(at + place) == word)
    }

    /// What a mutant has in the place of the guard that begins here.
    fn change(&self, at: usize) -> Option<(Range<usize>, String)> {
        let token = &self.tokens[at];
        let until = |end: usize| token.at.start..self.tokens[end].at.end;
        match self.word(at) {
            "WHERE" | "AND" if !self.is_between(at) => self.condition(at + 1).map(|range| (range, "true".to_owned())),
            "IF" | "ELSIF" if at == 0 || self.word(at - 1) != "END" => {
                let end = (at..self.tokens.len()).find(|end| self.word(*end) == "THEN")?;
                let range = self.tokens[at + 1].at.start..self.tokens[end - 1].at.end;
                let negated = format!("NOT coalesce(({}), false)", &self.text[range.clone()]);
                Some((range, negated))
            }
            "<" => Some((until(at), "<=".to_owned())),
            "<=" => Some((until(at), "<".to_owned())),
            ">" => Some((until(at), ">=".to_owned())),
            ">=" => Some((until(at), ">".to_owned())),
            "LIMIT" => Some((until(self.end(at + 1)), String::new())),
            "FOR" if self.word(at + 1) == "UPDATE" || self.are(at + 1, "NO KEY") || self.word(at + 1) == "SHARE" => {
                let mut end = at;
                while !matches!(self.word(end + 1), ")" | ";" | "LOOP" | "") {
                    end += 1;
                }
                Some((until(end), String::new()))
            }
            "SKIP" if self.word(at + 1) == "LOCKED" => Some((until(at + 1), String::new())),
            "ON" if self.word(at + 1) == "CONFLICT" => {
                let end = (at..self.tokens.len()).find(|end| self.word(*end) == "DO")?;
                (self.word(end + 1) == "NOTHING").then(|| (until(end + 1), String::new()))
            }
            "PERFORM" if self.word(at + 2) == "(" => {
                let end = (at..self.tokens.len()).find(|end| self.word(*end) == ";")?;
                Some((until(end), "NULL;".to_owned()))
            }
            _ => None,
        }
    }

    /// The AND of a BETWEEN.
    fn is_between(&self, at: usize) -> bool {
        let depth = self.tokens[at].depth;
        let before = (0..at).rev().take(8).take_while(|place| !matches!(self.word(*place), "AND" | "WHERE" | ";"));
        self.word(at) == "AND"
            && before.into_iter().any(|place| self.tokens[place].depth == depth && self.word(place) == "BETWEEN")
    }

    /// The condition that begins here, up to the next one or the clause's end.
    fn condition(&self, start: usize) -> Option<Range<usize>> {
        let end = self.end(start);
        let is_branching = (start..=end).any(|at| matches!(self.word(at), "CASE" | ";"));
        (!is_branching).then(|| self.tokens[start].at.start..self.tokens[end].at.end)
    }

    /// The last token of what begins here, on its own depth.
    fn end(&self, start: usize) -> usize {
        let depth = self.tokens.get(start).map_or(0, |token| token.depth);
        let mut end = start;
        for at in start + 1..self.tokens.len() {
            let token = &self.tokens[at];
            let closes = token.depth < depth || token.depth == depth && matches!(self.word(at), ";" | ",");
            let is_distinct = self.word(at) == "FROM" && self.word(at - 1) == "DISTINCT";
            let is_inner = is_distinct || self.is_between(at);
            let ends = token.depth == depth && ENDS.contains(&self.word(at)) && !is_inner;
            if closes || ends {
                break;
            }
            end = at;
        }
        end
    }
}

/// What stands between the first and the last `$$`.
fn body(text: &str) -> Option<Range<usize>> {
    let (start, end) = (text.find("$$")? + 2, text.rfind("$$")?);
    (start < end).then_some(start..end)
}

/// Tokens with the depth of brackets that they stand in; brackets stand outside of what they hold.
fn tokens(text: &str, body: Range<usize>) -> Vec<Token> {
    let bytes = text.as_bytes();
    let mut tokens = Vec::new();
    let (mut at, mut depth) = (body.start, 1_usize);
    while at < body.end {
        let rest = &bytes[at..body.end];
        let length = match rest[0] {
            byte if byte.is_ascii_whitespace() => {
                at += 1;
                continue;
            }
            b'-' if rest.starts_with(b"--") => {
                at += rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
                continue;
            }
            b'\'' => rest[1..].iter().position(|byte| *byte == b'\'').map_or(rest.len(), |end| end + 2),
            b'(' | b'[' => 1,
            b')' | b']' => {
                depth = depth.saturating_sub(1);
                1
            }
            byte if is_word(byte) => rest.iter().position(|byte| !is_word(*byte)).unwrap_or(rest.len()),
            byte if is_sign(byte) => rest.iter().position(|byte| !is_sign(*byte)).unwrap_or(rest.len()),
            _ => 1,
        };
        tokens.push(Token { at: at..at + length, depth });
        if matches!(rest[0], b'(' | b'[') {
            depth += 1;
        }
        at += length;
    }
    tokens
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.' || byte >= 0x80
}

fn is_sign(byte: u8) -> bool {
    b"<>=!|:@#?&~^-".contains(&byte)
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
#[allow(clippy::indexing_slicing)]
mod tests {
    use super::*;

    fn names(body: &str) -> Vec<String> {
        let text = format!("CREATE FUNCTION f() RETURNS x LANGUAGE plpgsql SET a = b AS $$\n{body}\n$$;");
        mutants("f", &text).into_iter().map(|mutant| mutant.name["f: ".len()..].to_owned()).collect()
    }

    #[test]
    fn each_condition_is_dropped_once() {
        assert_eq!(
            names("UPDATE t SET a = 1 WHERE b = 2 AND (c OR d) AND e IS DISTINCT FROM f RETURNING g;"),
            ["b = 2 => true", "(c OR d) => true", "e IS DISTINCT FROM f => true"]
        );
        assert_eq!(names("SELECT count(*) FILTER (WHERE a) FROM t;"), ["a => true"]);
        assert_eq!(names("SELECT 1 WHERE a BETWEEN 1 AND 2;"), ["a BETWEEN 1 AND 2 => true"]);
    }

    #[test]
    fn branches_are_negated_and_bounds_moved() {
        assert_eq!(names("IF a IS NULL THEN RETURN b; END IF;"), ["a IS NULL => NOT coalesce((a IS NULL), false)"]);
        assert_eq!(names("RETURN a <= b OR c > d;"), ["<= => <", "> => >="]);
    }

    #[test]
    fn locks_limits_conflicts_and_calls_are_left_out() {
        assert_eq!(
            names("PERFORM f(a); SELECT b FROM t ORDER BY c LIMIT 1 FOR UPDATE SKIP LOCKED;"),
            [
                "PERFORM f(a); => NULL;",
                "LIMIT 1 => nothing",
                "FOR UPDATE SKIP LOCKED => nothing",
                "SKIP LOCKED => nothing"
            ]
        );
        assert_eq!(
            names("INSERT INTO t VALUES (1) ON CONFLICT (a) DO NOTHING;"),
            ["ON CONFLICT (a) DO NOTHING => nothing"]
        );
    }

    #[test]
    fn comments_and_texts_hold_no_guards() {
        assert!(names("-- a WHERE b\nRETURN 'x WHERE y < z AND';").is_empty());
    }

    #[test]
    fn the_same_guard_twice_has_two_names() {
        assert_eq!(names("RETURN a < b, c < d;"), ["< => <=", "< => <= #2"]);
    }
}
