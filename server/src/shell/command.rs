//! The commands of the shell: what begins with a backslash.

/// A command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Command {
    Help,
    Quit,
    Timing,
    Expanded,
    Include(String),
    /// What there is, of one kind.
    List(Listing),
    /// A table by its name.
    Describe(String),
}

/// What a list is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Listing {
    Relations,
    Tables,
    Indexes,
    Schemas,
    Views,
    Sequences,
    Databases,
}

pub(super) const HELP: &str = "\
Statements end with a semicolon. Commands:
  \\d            tables, views and sequences        \\d NAME       one of them: its columns, indexes, constraints
  \\dt \\dv \\ds   tables, views, sequences            \\di           indexes
  \\dn           schemas                            \\l            databases
  \\x            wide rows as blocks, or not        \\timing       how long statements take, or not
  \\i FILE       the statements in a file           \\?            this help
  \\q            the end (or Control-D)";

impl Command {
    /// The command that `text` is.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (name, argument) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let argument = argument.trim().trim_end_matches(';').trim_end();
        let command = match (name.trim_end_matches(['+', ';']), argument) {
            ("\\?" | "\\h" | "\\help", _) => Command::Help,
            ("\\q" | "\\quit" | "\\exit", "") => Command::Quit,
            ("\\timing", "") => Command::Timing,
            ("\\x", "") => Command::Expanded,
            ("\\i", file) if !file.is_empty() => Command::Include(file.to_owned()),
            ("\\d", "") => Command::List(Listing::Relations),
            ("\\d", name) => Command::Describe(name.to_owned()),
            ("\\dt", "") => Command::List(Listing::Tables),
            ("\\di", "") => Command::List(Listing::Indexes),
            ("\\dn", "") => Command::List(Listing::Schemas),
            ("\\dv", "") => Command::List(Listing::Views),
            ("\\ds", "") => Command::List(Listing::Sequences),
            ("\\l", "") => Command::List(Listing::Databases),
            _ => return Err(format!("{text} is no command here; \\? lists them")),
        };
        Ok(command)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_known_by_their_names() {
        assert_eq!(Command::parse("\\d"), Ok(Command::List(Listing::Relations)));
        assert_eq!(Command::parse("\\d public.t;"), Ok(Command::Describe("public.t".into())));
        assert_eq!(Command::parse("\\dt+"), Ok(Command::List(Listing::Tables)));
        assert_eq!(Command::parse("\\i a b.sql"), Ok(Command::Include("a b.sql".into())));
        assert!(Command::parse("\\i").is_err());
        assert!(Command::parse("\\copy t").is_err());
    }
}
