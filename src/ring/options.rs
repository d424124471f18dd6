//! Options of rings.

use ndarray::Dimension;

use super::Ring;
use crate::segment::Options;
use crate::typed::element::Element;

/// Options of rings.
impl<T: Element, D: Dimension> Options<Ring<T, D>> {
    /// Sets how many frames there is room for, 2 to 1024. Default: 8.
    ///
    /// # Examples
    ///
    /// See [`Ring`].
    #[must_use]
    pub fn slots(self, slots: u32) -> Self {
        self.set_slots(slots)
    }

    /// Sets how many frames one process may lease at once, 1 to 1024. Default: 4.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// // Three subscribing processes, each with a frame in hand and one more on the way.
    /// let options = ndshm::Ring2::<u8>::options().leases(2).slots(3 * 2 + 2);
    /// assert_eq!(options.create("doc-ring-leases", (480, 640))?.leases(), 2);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn leases(self, leases: u32) -> Self {
        self.set_leases(leases)
    }
}
