//! Settings that many processes read and none writes.

use std::fmt;
use std::ops::Deref;

use ndarray::ArrayView1;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::finite;
use super::frozen::Frozen1;
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::segment::{Access, Address, Name, Opens, Segment, handle};

/// A struct of settings in shared memory. It is created once, read by any process, and written by
/// nobody.
///
/// The struct is kept as JSON, in the bytes of a frozen array. So a process may ask for fewer
/// fields than there are, and Python reads it with `json.loads(np.load(path).tobytes())`. It is
/// deserialised once, when the configuration is opened. After that a field costs what it costs in a
/// struct.
///
/// # Examples
///
/// ```
/// # fn main() -> ndshm::Result<()> {
/// use ndshm::Config;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Settings {
///     rate: f64,
///     labels: Vec<String>,
/// }
///
/// let labels = vec!["cat".into(), "dog".into()];
/// let config = Config::create("doc-config", Settings { rate: 0.1, labels })?;
///
/// // In any other process:
/// let config = Config::<Settings>::open("doc-config")?;
/// assert_eq!((config.rate, config.labels.len()), (0.1, 2));
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Config<T> {
    settings: T,
    json: Frozen1<u8>,
}

impl<T: Serialize + DeserializeOwned> Config<T> {
    /// Creates a configuration at `address`, of mode 0600. A name is removed when the last clone of
    /// this handle is dropped; a file stays. No process ever sees half of it.
    ///
    /// # Errors
    ///
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) for settings that JSON cannot keep: infinite
    /// numbers and NaN, which it would lose, maps whose keys are not text, and settings that do not
    /// come back from their own JSON. Also those of [`Array::create`](crate::Array::create).
    ///
    /// # Examples
    ///
    /// ```
    /// use ndshm::{Config, ErrorKind};
    ///
    /// let lost = Config::create("doc-config-lost", vec![1.0, f64::INFINITY]).unwrap_err();
    /// assert_eq!(lost.kind(), ErrorKind::InvalidArgument);
    /// ```
    pub fn create<'a>(address: impl Into<Address<'a>>, settings: T) -> Result<Self> {
        let name = Name::new(address)?;
        let json = encode(&settings).of(name.as_str())?;
        let json = Frozen1::create_at(name, &ArrayView1::from(&json))?;
        Ok(Self { settings, json })
    }
}

handle! {
    /// Opening needs permission to read its file, and no more. If it holds no such settings, the
    /// error is [`KindMismatch`](ErrorKind::KindMismatch), which says what is missing or different.
    impl[T: DeserializeOwned] Config<T>, "configuration", "ndshm::Config::<[u32; 2]>",
    made "ndshm::Config::create(format!(\"doc-handle-{}\", std::process::id()).as_str(), [640_u32, 480])?",
    |it| it.json.segment()
}

impl<T: DeserializeOwned> Opens for Config<T> {
    fn check(segment: Segment) -> Result<Self> {
        Self::decode(Frozen1::check(segment)?)
    }

    fn access(asked: Access) -> Access {
        Frozen1::<u8>::access(asked)
    }
}

impl<T: DeserializeOwned> Config<T> {
    fn decode(json: Frozen1<u8>) -> Result<Self> {
        // A private copy, which nobody can change between the check and the use. Not even a process
        // that writes without permission can.
        let mut bytes = vec![0; json.len()];
        json.segment().read_payload(&mut bytes, 0)?;
        match serde_json::from_slice(&bytes) {
            Ok(settings) => Ok(Self { settings, json }),
            Err(error) => Err(Error::new(
                ErrorKind::KindMismatch,
                format!("holds no such settings: {error}; open it as what its creator made"),
            )
            .caused_by(error.into())
            .of(json.name())),
        }
    }
}

impl<T> Deref for Config<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.settings
    }
}

impl<T: fmt::Debug> fmt::Debug for Config<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("name", &self.json.name())
            .field("settings", &self.settings)
            .finish()
    }
}

/// Writes settings as JSON, and checks that they can be read again.
fn encode<T: Serialize + DeserializeOwned>(settings: &T) -> Result<Vec<u8>> {
    let lost = |why: String| {
        Error::new(
            ErrorKind::InvalidArgument,
            format!("cannot keep these settings, because {why}: JSON has no words for that"),
        )
    };
    finite::check(settings).map_err(|number| lost(number.to_string()))?;
    let json = serde_json::to_vec(settings)
        .map_err(|error| lost(error.to_string()).caused_by(error.into()))?;
    match serde_json::from_slice::<T>(&json) {
        Ok(_) => Ok(json),
        Err(error) => Err(lost(error.to_string()).caused_by(error.into())),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_json_would_lose_is_refused() {
        let says = |error: Error| {
            assert_eq!(error.kind(), ErrorKind::InvalidArgument);
            error.to_string()
        };
        assert!(says(encode(&f64::NAN).unwrap_err()).contains("NaN"));
        assert!(says(encode(&Some(f32::NEG_INFINITY)).unwrap_err()).contains("-inf"));
        assert!(says(encode(&BTreeMap::from([([1], 1)])).unwrap_err()).contains("key"));
    }

    fn come_back<T: Serialize + DeserializeOwned>(settings: &T) -> T {
        serde_json::from_slice(&encode(settings).unwrap()).unwrap()
    }

    proptest! {
        #[test]
        fn numbers_come_back_bit_for_bit(double: f64, single: f32, wide: u128) {
            prop_assume!(double.is_finite() && single.is_finite());
            let again = come_back(&(double, single, wide));
            prop_assert_eq!(again.0.to_bits(), double.to_bits());
            prop_assert_eq!(again.1.to_bits(), single.to_bits());
            prop_assert_eq!(again.2, wide);
        }
    }
}
