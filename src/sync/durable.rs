//! Data that outlives the machine's restart.

use super::hold::{Demand, Hold, Mode, Regard};
use crate::error::{Result, ResultExt};
use crate::lock::Patience;
use crate::segment::{Kind, Segment, make_clean};

impl Segment {
    /// Waits until the file's disk holds everything written so far, and marks the file so.
    ///
    /// The kernel writes a file back when it likes. A file that was synced and not written since
    /// opens after a restart of the machine as if nothing had happened. Any other file opens
    /// poisoned ([`PoisonCause::Restarted`](crate::PoisonCause::Restarted)), since it may hold any
    /// mixture of old and new. A single number that was changed by
    /// [`Value::set`](crate::Value::set) and the like is never torn. So it is never suspect, but it
    /// may be the old one.
    ///
    /// This keeps writers out meanwhile, with the read lock of the whole array. The next lock for
    /// writing costs one write to the disk, which removes the mark. Poison stays. This does nothing
    /// where there is no disk: under a name, and for files on a tmpfs.
    ///
    /// # Errors
    ///
    /// [`Os`](crate::ErrorKind::Os) when the disk fails, [`Deadlock`](crate::ErrorKind::Deadlock)
    /// when this thread writes the segment, and [`OutOfSlots`](crate::ErrorKind::OutOfSlots).
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
            // Those that commit values exclude each other, but not readers.
            mode: if self.control().kind == Kind::Array { Mode::Read } else { Mode::Commit },
            patience: Patience::Endless,
            regard: Regard::Accept,
        };
        let _held = Hold::tracked(self, &demand)?;
        make_clean(self.region()).of(self.name())
    }
}
