//! Data that outlives the machine's restart.

use super::hold::{Demand, Hold, Mode, Regard};
use crate::error::{Result, ResultExt};
use crate::lock::Patience;
use crate::segment::{Kind, Segment, make_clean};

impl Segment {
    /// Waits until the file's disk holds all that was written so far, and marks it so.
    ///
    /// The kernel writes a file back when it likes. A file that was synced, and not written since,
    /// opens after the machine's restart as if nothing had happened; any other one opens poisoned
    /// ([`PoisonCause::Restarted`](crate::PoisonCause::Restarted)), since it may hold any mixture of old
    /// and new. A single number changed by [`Value::set`](crate::Value::set) and its like is never
    /// torn and so never suspect, but may be the old one.
    ///
    /// Keeps writers out meanwhile, with the read lock of the whole array. The next lock for writing costs
    /// one write to the disk, which takes the mark off. Poison stays. Does nothing where there is no
    /// disk: under a name, and for files on a tmpfs.
    ///
    /// # Errors
    ///
    /// [`Os`](crate::ErrorKind::Os) when the disk fails, [`Deadlock`](crate::ErrorKind::Deadlock) when
    /// this thread writes the segment, [`OutOfSlots`](crate::ErrorKind::OutOfSlots).
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// use std::path::Path;
    ///
    /// let path = Path::new("/dev/shm/doc-sync.npy");
    /// # let path = &path.with_extension(std::process::id().to_string());
    /// let array = ndshm::Array1::<f64>::create(path, 1000)?;
    /// array.write()?.fill(1.0);
    /// array.sync()?;
    /// # ndshm::remove(path)?;
    /// # Ok(()) }
    /// ```
    pub fn sync(&self) -> Result<()> {
        if !self.is_durable().of(self.name())? {
            return Ok(());
        }
        let demand = Demand {
            stripes: 0..self.control().stripes,
            // Committers of values do not mind readers, but each other.
            mode: if self.control().kind == Kind::Array { Mode::Read } else { Mode::Commit },
            patience: Patience::Endless,
            regard: Regard::Accept,
        };
        let _held = Hold::tracked(self, &demand)?;
        make_clean(self.region()).of(self.name())
    }
}
