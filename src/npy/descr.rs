//! Descriptions of dtypes, as `np.dtype.descr` has them, read from a literal.

use super::dtype::{Dtype, Field};
use super::literal::{Node, Value};
use super::scalar::Scalar;
use super::spelling::{self, Spelled};
use super::swap::{self, Swap};
use super::text::MAX_AXES;

/// The kind of descriptions that are read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// Ours, which has `bf16`.
    Ours,
    /// NumPy's.
    NumPy,
}

/// A dtype, and the swap that turns the file's bytes into it.
pub(super) struct Described {
    pub(super) dtype: Dtype,
    pub(super) swap: Swap,
}

/// Why a description is refused: it has something that no segment can hold.
type Refusal = String;

impl Dialect {
    /// Reads a description: a word, a list of fields, or a pair of dtype and shape.
    ///
    /// It recurses no deeper than literals nest.
    pub(super) fn read(self, value: Value<'_>) -> Result<Described, Refusal> {
        match value.node() {
            Node::Text(word) => self.word(word),
            Node::List(_) => self.fields(value),
            Node::Tuple(_) => {
                let mut items = value.items();
                match (items.next(), items.next()) {
                    (Some(base), Some(shape)) => repeated(self.read(base)?, shape),
                    _ => Err("a dtype that is a tuple of one".into()),
                }
            }
            _ => Err(format!("a dtype that is {}", value.name())),
        }
    }

    pub(super) fn word(self, word: &str) -> Result<Described, Refusal> {
        if self == Self::Ours && word == "<bf16" {
            return Ok(Described { dtype: Dtype::Scalar(Scalar::Bf16), swap: Swap::Nothing });
        }
        let Spelled { dtype, swap } =
            spelling::read(word).ok_or_else(|| spelling::refusal(word))?;
        Ok(Described { dtype, swap })
    }

    fn fields(self, list: Value<'_>) -> Result<Described, Refusal> {
        let (mut fields, mut swaps, mut offset) = (Vec::new(), Vec::new(), 0_usize);
        for item in list.items() {
            let (field, swap) = self.field(item)?;
            let len = field.dtype().item_size();
            if !swap.is_nothing() {
                swaps.push(swap::Field { offset, len, swap });
            }
            offset = offset.saturating_add(len);
            fields.push(field);
        }
        let swap = if swaps.is_empty() { Swap::Nothing } else { Swap::Fields(swaps) };
        Ok(Described { dtype: Dtype::Struct(fields), swap })
    }

    /// Reads a field: a name, a dtype, and perhaps a shape.
    fn field(self, value: Value<'_>) -> Result<(Field, Swap), Refusal> {
        let wrong = || format!("a field that is {} instead of its name and dtype", value.name());
        let mut items = value.sequence().ok_or_else(wrong)?;
        let name = name(items.next().ok_or_else(wrong)?)?;
        let base = self.read(items.next().ok_or_else(wrong)?)?;
        let Described { dtype, swap } = match items.next() {
            None => base,
            Some(shape) => repeated(base, shape)?,
        };
        if items.next().is_some() {
            return Err(format!("a field {name:?} of more than a name, a dtype and a shape"));
        }
        // Bytes without a name are padding, however many of them are said to follow one another.
        let size = dtype.item_size();
        let is_padding = name.is_empty() && matches!(dtype.base(), Dtype::Void(_));
        let field = if is_padding { Field::padding(size) } else { Field::new(name, dtype) };
        Ok((field, swap))
    }
}

/// Reads the name of a field, which may follow a title.
fn name<'t>(value: Value<'t>) -> Result<&'t str, Refusal> {
    let named = match value.node() {
        Node::Tuple(_) => {
            let mut items = value.items();
            let _title = items.next();
            items.next().filter(|_| items.next().is_none())
        }
        _ => Some(value),
    };
    let wrong = || format!("a field whose name is {}", value.name());
    named.and_then(Value::text).ok_or_else(wrong)
}

/// An array of a dtype with the given shape, which may be one number.
fn repeated(base: Described, shape: Value<'_>) -> Result<Described, Refusal> {
    let Described { dtype, swap } = base;
    let axes = match shape.node() {
        // ('S', 5) is NumPy's S5.
        Node::Number(Some(size)) if dtype.item_size() == 0 => {
            let sized = match dtype {
                Dtype::Bytes(_) => Dtype::Bytes(*size),
                Dtype::Text(_) => Dtype::Text(*size),
                Dtype::Void(_) => Dtype::Void(*size),
                other => Dtype::Array(Box::new(other), *size),
            };
            return Ok(Described { dtype: sized, swap });
        }
        Node::Number(_) => vec![axis(shape)?],
        Node::Tuple(_) | Node::List(_) => axes(shape)?,
        _ => return Err(format!("an axis that is {}", shape.name())),
    };
    let swap = if axes.is_empty() { swap } else { swap.each(dtype.item_size()) };
    let dtype = axes.into_iter().rev().fold(dtype, |item, len| Dtype::Array(Box::new(item), len));
    Ok(Described { dtype, swap })
}

/// Reads a shape of at most [`MAX_AXES`] numbers.
pub(super) fn axes(shape: Value<'_>) -> Result<Vec<usize>, Refusal> {
    let mut axes = Vec::new();
    for item in shape.items() {
        if axes.len() == MAX_AXES {
            return Err(format!("more than {MAX_AXES} axes"));
        }
        axes.push(axis(item)?);
    }
    Ok(axes)
}

fn axis(value: Value<'_>) -> Result<usize, Refusal> {
    match value.node() {
        Node::Number(Some(len)) => Ok(*len),
        Node::Number(None) => Err("an axis that is longer than any memory".into()),
        _ => Err(format!("an axis that is {}", value.name())),
    }
}

#[cfg(test)]
mod tests {
    use super::super::literal::{Literal, Writer};
    use super::*;

    fn read(text: &str) -> Result<Described, Refusal> {
        Dialect::NumPy.read(Literal::read(text, Writer::Python3).unwrap().value())
    }

    #[test]
    fn all_ways_to_describe_a_dtype_are_that_dtype() {
        for (text, dtype) in [
            ("('f4', (2,))", "('<f4', (2,))"),
            ("('f4', 2)", "('<f4', (2,))"),
            ("('f4', [2, 3])", "('<f4', (2, 3))"),
            ("('f4', ())", "<f4"),
            ("(('f4', (2,)), (3,))", "('<f4', (3, 2))"),
            ("('S', 4)", "|S4"),
            ("('U', 4)", "<U4"),
            ("[('a', 'f4')]", "[('a', '<f4')]"),
            ("[['a', 'f4']]", "[('a', '<f4')]"),
            ("[('a', 'f4', 2)]", "[('a', '<f4', (2,))]"),
            ("[('a', 'f4', ())]", "[('a', '<f4')]"),
            ("[(('a title', 'a'), 'f4')]", "[('a', '<f4')]"),
            ("[('a', 'u1'), ('', 'V1', (3,))]", "[('a', '|u1'), ('', '|V3')]"),
            ("[('a', [('b', 'M8[s]')], (2,))]", "[('a', [('b', '<M8[s]')], (2,))]"),
        ] {
            let read = read(text).unwrap_or_else(|why| panic!("{text}: {why}"));
            assert_eq!((read.dtype.to_string().as_str(), read.swap), (dtype, Swap::Nothing));
        }
    }

    #[test]
    fn what_is_big_endian_is_known_to_the_byte() {
        let field = |offset, len, swap| swap::Field { offset, len, swap };
        let read =
            read("[('a', '>u1'), ('b', '>i2', 3), ('c', [('d', '<f4'), ('e', '>f4')], (2, 2))]");
        let inner = Swap::Fields(vec![field(4, 4, Swap::Numbers(4))]).each(8);
        let fields = vec![field(1, 6, Swap::Numbers(2)), field(7, 32, inner)];
        assert_eq!(read.unwrap().swap, Swap::Fields(fields));
    }

    #[test]
    fn what_is_no_description_is_told_why() {
        for (text, why) in [
            ("5", "a dtype that is a number"),
            ("None", "a dtype that is None"),
            ("('f4',)", "a dtype that is a tuple of one"),
            ("('f4', -1)", "an axis that is a negative number"),
            ("('f4', (True,))", "an axis that is a truth value"),
            ("('f4', 'x')", "an axis that is a string"),
            ("['f4']", "a field that is a string instead of its name and dtype"),
            ("[('a',)]", "a field that is a tuple instead of its name and dtype"),
            ("[('a', 'f4', 1, 2)]", "a field \"a\" of more than a name, a dtype and a shape"),
            ("[(('t', 'a', 'x'), 'f4')]", "a field whose name is a tuple"),
            ("[(b'a', 'f4')]", "a field whose name is a string of bytes"),
            ("{'names': ['a'], 'formats': ['f4']}", "a dtype that is a dictionary"),
            ("('f4', 99999999999999999999999)", "an axis that is longer than any memory"),
        ] {
            assert_eq!(read(text).map(|_| ()).unwrap_err(), why, "{text}");
        }
    }
}
