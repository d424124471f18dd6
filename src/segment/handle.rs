//! A segment's address as text.

use std::fmt;
use std::str::FromStr;

use super::inspect::read_control;
use super::name::Name;
use crate::error::{Error, ErrorKind, Result};
use crate::sys::names;
use crate::sys::object::Object;

/// The address of one particular segment, to be handed to another process as text. It holds the
/// segment's name and its id, so that another segment of the same name is not taken for it.
///
/// Its text is `NAME#ID`, `/absolute/path#ID` for a file, or `/proc/PID/fd/N#ID` for an anonymous
/// segment. The id has 32 hexadecimal digits. The handle of an anonymous segment works while the
/// process that made the handle runs and has the segment open, frozen or not. It works in processes
/// that see that PID. With feature `serde` a handle serialises as its text.
///
/// # Examples
///
/// ```
/// # fn main() -> ndshm::Result<()> {
/// use ndshm::{Array1, Handle};
///
/// let array = Array1::<f32>::create_unique("doc-handle-", 3)?;
/// let text = array.handle().to_string();
///
/// // In another process, which was given the text as an argument:
/// let handle: Handle = text.parse()?;
/// let same = Array1::<f32>::open_handle(&handle)?;
/// assert_eq!(same.segment().id(), array.segment().id());
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(into = "String", try_from = "String"))]
pub struct Handle {
    name: Name,
    id: [u8; 16],
}

impl Handle {
    pub(crate) fn new(name: Name, id: [u8; 16]) -> Self {
        Self { name, id }
    }

    pub(super) fn address(&self) -> &Name {
        &self.name
    }

    /// Finds where the process named by an anonymous segment's handle has that segment open now, if
    /// it has. [`freeze`](crate::Array::freeze) opens it anew, under another number.
    pub(super) fn moved(&self) -> Option<Name> {
        let places = names::beside_in_process(self.name.place());
        places.into_iter().map(Name::found).find(|name| {
            let id = Object::open_to_look(name.place())
                .and_then(|(object, facts)| read_control(&object, &facts))
                .map(|control| control.id);
            id.is_ok_and(|id| id == self.id)
        })
    }

    /// Returns the segment's name, or its path.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let handle: ndshm::Handle = "cam0#000102030405060708090a0b0c0d0e0f".parse()?;
    /// assert_eq!(handle.name(), "cam0");
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn name(&self) -> &str {
        self.name.as_str()
    }

    /// Returns the segment's id.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let handle: ndshm::Handle = "cam0#000102030405060708090a0b0c0d0e0f".parse()?;
    /// assert_eq!(handle.id()[..3], [0, 1, 2]);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn id(&self) -> [u8; 16] {
        self.id
    }
}

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{:032x}", self.name(), u128::from_be_bytes(self.id))
    }
}

impl FromStr for Handle {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let parsed = text.rsplit_once('#').and_then(|(name, id)| {
            let digits = id.len() == 32 && id.bytes().all(|digit| digit.is_ascii_hexdigit());
            Some((name, digits.then(|| u128::from_str_radix(id, 16).ok())??))
        });
        let Some((name, id)) = parsed else {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                format!("{text:?} is no handle: one looks like NAME#32-hexadecimal-digits"),
            ));
        };
        Ok(Self::new(Name::from_text(name)?, id.to_be_bytes()))
    }
}

impl From<Handle> for String {
    fn from(handle: Handle) -> Self {
        handle.to_string()
    }
}

impl TryFrom<String> for Handle {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_handle_survives_its_text(name in "[^/\0.]{1,40}", id: [u8; 16]) {
            let handle = Handle::new(Name::new(&name).unwrap(), id);
            prop_assert_eq!(handle.to_string().parse::<Handle>().unwrap(), handle);
        }

        #[test]
        fn no_text_panics(text: String) {
            let _ = text.parse::<Handle>();
        }
    }

    #[test]
    fn what_is_no_handle_is_refused() {
        for bad in ["", "name", "name#", "name#12", "#", "n#+0000000000000000000000000000000"] {
            assert_eq!(bad.parse::<Handle>().unwrap_err().kind(), ErrorKind::InvalidArgument);
        }
        let nameless = "#00000000000000000000000000000000".parse::<Handle>().unwrap_err();
        assert_eq!(nameless.kind(), ErrorKind::InvalidName);
    }

    #[cfg(feature = "serde")]
    #[test]
    fn serde_writes_the_text() {
        let handle = Handle::new(Name::new("cam0").unwrap(), [7; 16]);
        let json = serde_json::to_string(&handle).unwrap();
        assert_eq!(json, format!("\"{handle}\""));
        assert_eq!(serde_json::from_str::<Handle>(&json).unwrap(), handle);
        assert!(serde_json::from_str::<Handle>("\"nonsense\"").is_err());
    }
}
