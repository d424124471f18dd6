//! Python literals, as `ast.literal_eval` reads them. The text of a header is one.
//!
//! A text becomes a row of [`Node`]s, each before its contents. A [`Value`] is one literal in that
//! row. Reading takes time and memory proportional to the length of the text, whatever it says.

use std::borrow::Cow;

use super::token::Cursor;

/// Greatest depth to which brackets nest. Python has a limit too, of about 200.
const MAX_NESTING: usize = 100;

/// One literal, or the start of one that contains others. It has the number of nodes that follow
/// and belong to it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Node<'a> {
    Text(Cow<'a, str>),
    /// An integer that is not negative, or `None` if it is larger than any length.
    Number(Option<usize>),
    Truth(bool),
    Tuple(usize),
    List(usize),
    /// Keys and values alternate.
    Dict(usize),
    /// Parentheses around one value. They mean that value.
    Parentheses(usize),
    /// A literal that no header needs, with its name for people.
    Other(&'static str),
}

/// Why a text is refused.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    /// It breaks Python's grammar at byte `at`, where `wanted` belongs.
    Broken { at: usize, wanted: &'static str },
    /// Python reads it, but this crate does not.
    Strange(String),
}

type Result<T> = std::result::Result<T, Flaw>;

/// A text that was read.
#[derive(Debug)]
pub(super) struct Literal<'a>(Vec<Node<'a>>);

/// Who wrote the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Writer {
    /// Perhaps Python 2, whose long integers end in an L.
    Python2,
    Python3,
}

impl<'a> Literal<'a> {
    /// Reads a text that is one literal.
    pub(super) fn read(text: &'a str, writer: Writer) -> Result<Self> {
        let mut parser = Parser { cursor: Cursor { text, at: 0, writer }, nodes: Vec::new() };
        parser.value(0)?;
        match parser.cursor.peek() {
            None => Ok(Self(parser.nodes)),
            Some(_) => Err(parser.cursor.broken("the end")),
        }
    }

    /// The literal.
    pub(super) fn value(&self) -> Value<'_> {
        Value::of(&self.0)
    }
}

/// One literal and its contents.
#[derive(Clone, Copy)]
pub(super) struct Value<'t>(&'t [Node<'t>]);

impl<'t> Value<'t> {
    fn of(mut nodes: &'t [Node<'t>]) -> Self {
        while let Node::Parentheses(_) = nodes[0] {
            nodes = &nodes[1..];
        }
        Self(nodes)
    }

    /// The literal itself.
    pub(super) fn node(self) -> &'t Node<'t> {
        &self.0[0]
    }

    /// The items of a tuple, a list or a dictionary.
    pub(super) fn items(self) -> impl Iterator<Item = Self> {
        let mut rest = &self.0[1..];
        std::iter::from_fn(move || {
            let inside = match rest.first()? {
                Node::Tuple(count)
                | Node::List(count)
                | Node::Dict(count)
                | Node::Parentheses(count) => *count,
                _ => 0,
            };
            let (item, others) = rest.split_at(1 + inside);
            rest = others;
            Some(Self::of(item))
        })
    }

    /// The items of a tuple or a list.
    pub(super) fn sequence(self) -> Option<impl Iterator<Item = Self>> {
        matches!(self.node(), Node::Tuple(_) | Node::List(_)).then(|| self.items())
    }

    pub(super) fn text(self) -> Option<&'t str> {
        match self.node() {
            Node::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Its name for people.
    pub(super) fn name(self) -> &'static str {
        match self.node() {
            Node::Text(_) => "a string",
            Node::Number(_) => "a number",
            Node::Truth(_) => "a truth value",
            Node::Tuple(_) => "a tuple",
            Node::List(_) => "a list",
            Node::Dict(_) => "a dictionary",
            Node::Parentheses(_) => "parentheses",
            Node::Other(name) => name,
        }
    }
}

/// The place in the text, and what was read so far.
struct Parser<'a> {
    cursor: Cursor<'a>,
    nodes: Vec<Node<'a>>,
}

impl<'a> Parser<'a> {
    fn value(&mut self, depth: usize) -> Result<()> {
        if depth > MAX_NESTING {
            let what = format!("brackets that nest deeper than {MAX_NESTING} levels");
            return Err(Flaw::Strange(what));
        }
        match self.cursor.peek() {
            Some(b'(') => self.parenthesis(depth),
            Some(b'[') => self.inside(b']', depth, Self::value).map(|place| {
                self.nodes[place] = Node::List(self.nodes.len() - place - 1);
            }),
            Some(b'{') => self.dictionary(depth),
            Some(b'0'..=b'9' | b'.' | b'+' | b'-') => self.single(Cursor::number),
            _ if self.cursor.quote().is_some() => self.single(Cursor::string),
            _ => self.single(word),
        }
    }

    /// A tuple, or one value in parentheses, which is that value.
    fn parenthesis(&mut self, depth: usize) -> Result<()> {
        let mut commas = 0;
        let place = self.inside(b')', depth, |parser, depth| {
            parser.value(depth)?;
            commas += usize::from(parser.cursor.peek() == Some(b','));
            Ok(())
        })?;
        let inside = self.nodes.len() - place - 1;
        self.nodes[place] =
            if commas == 0 && inside > 0 { Node::Parentheses(inside) } else { Node::Tuple(inside) };
        Ok(())
    }

    /// A dictionary, or a set.
    fn dictionary(&mut self, depth: usize) -> Result<()> {
        let (mut keys, mut pairs) = (0, 0);
        let place = self.inside(b'}', depth, |parser, depth| {
            keys += 1;
            parser.value(depth)?;
            if pairs + 1 == keys && (keys == 1 || pairs > 0) && parser.cursor.eat(b':') {
                pairs += 1;
                parser.value(depth)?;
            }
            Ok(())
        })?;
        if pairs == keys {
            self.nodes[place] = Node::Dict(self.nodes.len() - place - 1);
            Ok(())
        } else if pairs == 0 {
            self.nodes.truncate(place);
            self.nodes.push(Node::Other("a set"));
            Ok(())
        } else {
            Err(self.cursor.broken("':' after each key before it"))
        }
    }

    /// Reads the items between brackets, separated by commas, and returns the place of the node
    /// before them.
    fn inside(
        &mut self,
        end: u8,
        depth: usize,
        mut item: impl FnMut(&mut Self, usize) -> Result<()>,
    ) -> Result<usize> {
        let place = self.nodes.len();
        self.nodes.push(Node::Other("brackets"));
        self.cursor.at += 1;
        while !self.cursor.eat(end) {
            item(self, depth + 1)?;
            if !self.cursor.eat(b',') && self.cursor.peek() != Some(end) {
                return Err(self.cursor.broken("',' or a closing bracket"));
            }
        }
        Ok(place)
    }

    /// A value without contents.
    fn single(&mut self, read: impl FnOnce(&mut Cursor<'a>) -> Result<Node<'a>>) -> Result<()> {
        self.nodes.push(read(&mut self.cursor)?);
        Ok(())
    }
}

/// A word that is a value.
fn word<'a>(cursor: &mut Cursor<'a>) -> Result<Node<'a>> {
    let word = cursor.name();
    let (node, len) = match word {
        "True" => (Node::Truth(true), word.len()),
        "False" => (Node::Truth(false), word.len()),
        "None" => (Node::Other("None"), word.len()),
        "set" if cursor.text[cursor.at..].starts_with("set()") => (Node::Other("a set"), 5),
        _ => return Err(cursor.broken("a value")),
    };
    cursor.at += len;
    Ok(node)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn nodes(text: &str) -> Vec<Node<'_>> {
        Literal::read(text, Writer::Python3).unwrap_or_else(|flaw| panic!("{text}: {flaw:?}")).0
    }

    #[test]
    fn what_stands_between_literals_does_not_matter() {
        let plain = nodes("{'a':(1,2),'b':[True,('x',)]}");
        let spread = "\n{ # a comment\n'a'\t: (1,\\\n2,),\r\n 'b':\x0c[True, ('x' ,)],}\n\n  ";
        assert_eq!(plain[0], Node::Dict(9));
        assert_eq!(nodes(spread), plain);
        assert_eq!(nodes("()"), [Node::Tuple(0)]);
        assert_eq!(nodes("(())"), [Node::Parentheses(1), Node::Tuple(0)]);
        assert_eq!(nodes("((),)"), [Node::Tuple(1), Node::Tuple(0)]);
        let single = Literal::read("((('x')))", Writer::Python3).unwrap();
        assert_eq!(single.value().text(), Some("x"));
        assert_eq!(nodes("[None, ..., b'x', set(), {1, 2}, {}]").len(), 7);
    }

    #[test]
    fn items_are_those_of_one_level() {
        let literal = Literal::read("[(1, (2, 3)), [], 'x']", Writer::Python3).unwrap();
        let names: Vec<_> = literal.value().items().map(Value::name).collect();
        assert_eq!(names, ["a tuple", "a list", "a string"]);
    }

    #[test]
    fn what_breaks_the_grammar_is_told_where() {
        for (literal, at) in [
            ("", 0),
            ("x", 0),
            ("(,)", 1),
            ("(3,,)", 3),
            ("[1 2]", 3),
            ("{'a': 1, 'b'}", 13),
            ("{1, 2: 3}", 5),
            ("'a", 0),
            ("'a\nb'", 0),
            (r"'\x4'", 1),
            ("03", 0),
            ("1__0", 0),
            ("1_", 0),
            ("12abc", 0),
            ("0x", 0),
            (".", 0),
            ("f'x'", 0),
            ("()()", 2),
            ("(1", 2),
            ("ur'x'", 0),
            ("\u{a0}1", 0),
        ] {
            let flaw = Literal::read(literal, Writer::Python3).unwrap_err();
            assert!(
                matches!(flaw, Flaw::Broken { at: found, .. } if found == at),
                "{literal}: {flaw:?}"
            );
        }
        for literal in [r"'\ud800'", r"'\N{DIGIT ONE}'"] {
            assert!(matches!(Literal::read(literal, Writer::Python3), Err(Flaw::Strange(_))));
        }
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |levels| "[".repeat(levels) + &"]".repeat(levels);
        assert!(Literal::read(&nested(MAX_NESTING), Writer::Python3).is_ok());
        for text in [nested(MAX_NESTING + 2), nested(500_000), "(".repeat(1 << 20)] {
            assert!(matches!(Literal::read(&text, Writer::Python3), Err(Flaw::Strange(_))));
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[\\[\\](){}'\"\\\\urbBx0-9aLeEjn_,:.#+ \\n\\-Δ]{0,40}") {
            for writer in [Writer::Python2, Writer::Python3] {
                if let Ok(literal) = Literal::read(&text, writer) {
                    prop_assert!(literal.0.len() <= text.len());
                }
            }
        }
    }
}
