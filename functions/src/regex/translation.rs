//! PostgreSQL's way of writing regular expressions into that of the crate.

use super::{Flags, invalid};
use crate::condition::SqlResult;

/// The expression as the crate writes it, and the flags as its beginning changes them.
pub(super) fn translate(pattern: &str, flags: Flags) -> SqlResult<(String, Flags)> {
    let mut flags = flags;
    let mut rest = pattern;
    if let Some(literal) = rest.strip_prefix("***=") {
        return Ok((::regex::escape(literal), flags));
    }
    if flags.is_literal {
        return Ok((::regex::escape(rest), flags));
    }
    rest = rest.strip_prefix("***:").unwrap_or(rest);
    if let Some((letters, after)) = embedded_flags(rest) {
        for letter in letters.chars() {
            if !flags.set(letter) {
                return Err(invalid("invalid embedded option"));
            }
        }
        rest = after;
        if flags.is_literal {
            return Ok((::regex::escape(rest), flags));
        }
    }
    let mut translation = Translation { found: String::with_capacity(rest.len() + 8), is_expanded: flags.is_expanded };
    translation.expression(rest)?;
    Ok((translation.found, flags))
}

/// The letters of `(?letters)` at the very beginning, and what follows.
fn embedded_flags(pattern: &str) -> Option<(&str, &str)> {
    let (letters, after) = pattern.strip_prefix("(?")?.split_once(')')?;
    let is_flags = !letters.is_empty() && letters.chars().all(|letter| letter.is_ascii_lowercase());
    is_flags.then_some((letters, after))
}

struct Translation {
    found: String,
    is_expanded: bool,
}

impl Translation {
    fn expression(&mut self, pattern: &str) -> SqlResult<()> {
        let mut rest = pattern;
        let mut follows_quantifier = false;
        while let Some(next) = rest.chars().next() {
            rest = &rest[next.len_utf8()..];
            let is_quantifier = matches!(next, '*' | '+');
            if is_quantifier && follows_quantifier {
                return Err(invalid("quantifier operand invalid"));
            }
            follows_quantifier = is_quantifier || (next == '?' && !follows_quantifier);
            match next {
                '\\' => rest = self.escape(rest, false)?,
                '[' => rest = self.brackets(rest)?,
                '(' => {
                    if rest.starts_with("?=") || rest.starts_with("?!") || rest.starts_with("?<") {
                        return Err(invalid("lookaround is not supported"));
                    }
                    if rest.starts_with('*') {
                        return Err(invalid("quantifier operand invalid"));
                    }
                    self.found.push('(');
                }
                '{' if !rest.starts_with(|c: char| c.is_ascii_digit()) => self.found.push_str("\\{"),
                '}' if !self.ends_a_bound() => self.found.push_str("\\}"),
                '#' if self.is_expanded => rest = rest.split_once('\n').map_or("", |(_, after)| after),
                space if self.is_expanded && space.is_whitespace() => {}
                other => self.found.push(other),
            }
        }
        Ok(())
    }

    /// Whether a closing brace here closes one that was opened for a count.
    fn ends_a_bound(&self) -> bool {
        self.found.rfind('{').is_some_and(|place| {
            let inside = &self.found[place + 1..];
            !self.found[..place].ends_with('\\') && inside.chars().all(|c| c.is_ascii_digit() || c == ',')
        })
    }

    /// What stands after a backslash; gives what is left.
    fn escape<'p>(&mut self, rest: &'p str, is_in_brackets: bool) -> SqlResult<&'p str> {
        let Some(letter) = rest.chars().next() else { return Err(invalid("invalid escape \\ sequence")) };
        let after = &rest[letter.len_utf8()..];
        let literal = |found: &mut String, code: u32| match char::from_u32(code) {
            Some(character) => {
                found.push_str(&::regex::escape(character.encode_utf8(&mut [0; 4])));
                Ok(())
            }
            None => Err(invalid("invalid escape \\ sequence")),
        };
        match letter {
            'd' | 's' | 'w' | 'D' | 'S' | 'W' => {
                self.found.push('\\');
                self.found.push(letter);
            }
            'y' if !is_in_brackets => self.found.push_str("\\b"),
            'Y' if !is_in_brackets => self.found.push_str("\\B"),
            'm' if !is_in_brackets => self.found.push_str("\\b{start}"),
            'M' if !is_in_brackets => self.found.push_str("\\b{end}"),
            'A' if !is_in_brackets => self.found.push_str("\\A"),
            'Z' if !is_in_brackets => self.found.push_str("\\z"),
            'a' => literal(&mut self.found, 7)?,
            'b' => literal(&mut self.found, 8)?,
            'B' => self.found.push_str("\\\\"),
            'e' => literal(&mut self.found, 27)?,
            'f' => literal(&mut self.found, 12)?,
            'n' => self.found.push_str("\\n"),
            'r' => self.found.push_str("\\r"),
            't' => self.found.push_str("\\t"),
            'v' => literal(&mut self.found, 11)?,
            '0' => literal(&mut self.found, 0)?,
            'c' => {
                let control = after.chars().next().ok_or_else(|| invalid("invalid escape \\ sequence"))?;
                literal(&mut self.found, u32::from(control) & 31)?;
                return Ok(&after[control.len_utf8()..]);
            }
            'u' | 'U' | 'x' => {
                let limit = match letter {
                    'u' => 4,
                    'U' => 8,
                    _ => after.len(),
                };
                let end = after.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(after.len()).min(limit);
                let code = u32::from_str_radix(&after[..end], 16).map_err(|_| invalid("invalid escape \\ sequence"))?;
                literal(&mut self.found, code)?;
                return Ok(&after[end..]);
            }
            '1'..='9' => return Err(invalid("back references are not supported")),
            letter if letter.is_ascii_alphabetic() => return Err(invalid("invalid escape \\ sequence")),
            sign => literal(&mut self.found, u32::from(sign))?,
        }
        Ok(after)
    }

    /// A set of characters after its opening bracket; gives what is left.
    fn brackets<'p>(&mut self, rest: &'p str) -> SqlResult<&'p str> {
        // Words' ends are written as sets.
        if let Some(after) = rest.strip_prefix("[:<:]]") {
            self.found.push_str("\\b{start}");
            return Ok(after);
        }
        if let Some(after) = rest.strip_prefix("[:>:]]") {
            self.found.push_str("\\b{end}");
            return Ok(after);
        }
        let mut rest = rest;
        self.found.push('[');
        if let Some(after) = rest.strip_prefix('^') {
            self.found.push('^');
            rest = after;
        }
        let mut is_first = true;
        loop {
            let Some(next) = rest.chars().next() else { return Err(invalid("brackets [] not balanced")) };
            let after = &rest[next.len_utf8()..];
            rest = match next {
                ']' if !is_first => {
                    self.found.push(']');
                    return Ok(after);
                }
                '\\' => self.escape(after, true)?,
                '[' if after.starts_with([':', '.', '=']) => self.named(after)?,
                // A minus between two characters is a range; elsewhere it is itself.
                '-' if !is_first && !after.starts_with(']') => {
                    self.found.push('-');
                    after
                }
                other => {
                    if "[]&~-^".contains(other) {
                        self.found.push('\\');
                    }
                    self.found.push(other);
                    after
                }
            };
            is_first = false;
        }
    }

    /// A named part of a set after its opening bracket: a class, or a character.
    fn named<'p>(&mut self, rest: &'p str) -> SqlResult<&'p str> {
        let sign = &rest[..1];
        let (name, after) =
            rest[1..].split_once(&format!("{sign}]")).ok_or_else(|| invalid("brackets [] not balanced"))?;
        if sign != ":" {
            let mut characters = name.chars();
            let (Some(only), None) = (characters.next(), characters.next()) else {
                return Err(invalid("invalid collating element"));
            };
            self.found.push_str(&::regex::escape(only.encode_utf8(&mut [0; 4])));
            return Ok(after);
        }
        let class = CLASSES.iter().find(|(known, _)| *known == name).map(|(_, class)| *class);
        self.found.push_str(class.ok_or_else(|| invalid("invalid character class"))?);
        Ok(after)
    }
}

/// Classes of characters inside a set.
const CLASSES: [(&str, &str); 14] = [
    ("alpha", "\\p{Alphabetic}"),
    ("alnum", "\\p{Alphabetic}\\p{N}"),
    ("digit", "\\d"),
    ("lower", "\\p{Lowercase}"),
    ("upper", "\\p{Uppercase}"),
    ("space", "\\s"),
    ("word", "\\w"),
    ("punct", "[:punct:]"),
    ("blank", "[:blank:]"),
    ("cntrl", "[:cntrl:]"),
    ("graph", "[:graph:]"),
    ("print", "[:print:]"),
    ("xdigit", "[:xdigit:]"),
    ("ascii", "[:ascii:]"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_written_in_the_crates_way() {
        for (pattern, translated) in [
            ("a.c", "a.c"),
            (r"\yfoo\y", r"\bfoo\b"),
            (r"\mfoo\M", r"\b{start}foo\b{end}"),
            ("[[:digit:]x]+", r"[\dx]+"),
            ("[]a]", r"[\]a]"),
            ("[^]a-c]", r"[^\]a-c]"),
            ("[[:<:]]a", r"\b{start}a"),
            ("a{2,3}", "a{2,3}"),
            ("a{x}", r"a\{x\}"),
            (r"\u00e4", "ä"),
            ("***=a.b", r"a\.b"),
            ("[a&&b]", r"[a\&\&b]"),
        ] {
            assert_eq!(translate(pattern, Flags::default()).unwrap().0, translated);
        }
        assert!(translate("(?i)a", Flags::default()).unwrap().1.ignores_case);
        assert!(translate(r"(a)\1", Flags::default()).is_err());
        assert!(translate("[a", Flags::default()).is_err());
    }
}
