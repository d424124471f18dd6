//! Ordinary `.npy` files become segments in place: a control block is added behind the data.
//!
//! The process that does this holds the file's init lock. The control block's first bytes say that
//! it is unfinished until all of it is there. Up to then the file is the plain one that it was, for
//! everybody. If the process is killed, the next one cuts off what it left.

use std::path::Path;

use super::control::{Control, LONGEST_HEADER, MAGIC, UNFINISHED};
use super::facts::{Access, Lifetime, Reserve};
use super::inspect::{read_control, read_header};
use super::layout::SHARED_ALIGNMENT;
use super::life::Segment;
use super::name::Name;
use super::npy_file::data_end;
use super::options::Settings;
use super::plan::Plan;
use super::reboot;
use super::region::Region;
use super::trust::check_trusted;
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::npy::{Header, UNIT};
use crate::steps::step;
use crate::sys::init::InitLock;
use crate::sys::limits;
use crate::sys::object::Object;

/// The conversion of one file.
struct Sharing<'a> {
    name: Name,
    settings: &'a Settings,
    object: Object,
}

impl Segment {
    /// Opens the `.npy` file at `path`. If it is no segment yet, it is made one first. `take` says
    /// what its contents are taken for, or refuses them.
    pub(crate) fn share_npy(
        path: &Path,
        settings: &Settings,
        take: impl FnOnce(&Header) -> Result<Plan>,
    ) -> Result<Self> {
        let name = Name::new(path)?;
        let share = || {
            settings.check()?;
            let (object, facts) = Object::open(name.place())?;
            check_trusted(&name, &object, &facts, settings.trust)?;
            Sharing { name: name.clone(), settings, object }.share(take)
        };
        share().of(name.as_str())?;
        Self::attach(name, settings.opening())
    }
}

impl Sharing<'_> {
    fn share(&self, take: impl FnOnce(&Header) -> Result<Plan>) -> Result<()> {
        let object = &self.object;
        let _lock = InitLock::take(object, self.name.place())?;
        step!("share: init locked");
        let facts = object.facts()?;
        let Err(damage) = read_control(object, &facts) else { return Ok(()) };
        let header = read_header(object, &facts)?;
        if header.data_offset > LONGEST_HEADER {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!(
                    "has a header of {} bytes, and a segment's has {LONGEST_HEADER} at most: save it anew \
                     with fewer fields or shorter names",
                    header.data_offset
                ),
            ));
        }
        let end = data_end(&header, &facts)? as u64;
        if facts.len > end {
            self.cut_off(end, damage)?;
        }
        header.check_in_place()?;
        if !header.data_offset.is_multiple_of(SHARED_ALIGNMENT) {
            return Err(Error::new(
                ErrorKind::Misaligned,
                format!(
                    "has data that begins at byte {}, and shared data begins at a multiple of \
                     {SHARED_ALIGNMENT}: save it anew with np.save",
                    header.data_offset
                ),
            ));
        }
        let plan = take(&header)?;
        let mut control = Control::new(plan, Lifetime::Persistent, header.data_offset)?;
        control.inode = object.identity().inode();
        if let Err(error) = self.add(&control) {
            // If this fails to take something back, the next process does.
            let _ = object.set_len(end);
            return Err(error);
        }
        step!("share: done");
        // From here on the file is a segment, whether or not its disk has all of it yet.
        object.flush()
    }

    /// Cuts off what a killed process began to add, and never anybody else's bytes.
    fn cut_off(&self, end: u64, damage: Error) -> Result<()> {
        let mut first = [0; 8];
        let place = end.next_multiple_of(UNIT as u64);
        match self.object.read_exact_at(&mut first, place) {
            Ok(()) if first == UNFINISHED => {
                self.object.set_len(end)?;
                step!("share: leftover cut off");
                Ok(())
            }
            Ok(()) if first == MAGIC => Err(damage),
            _ => Err(Error::new(
                ErrorKind::InvalidArgument,
                format!(
                    "has bytes after its data, which ends at byte {end}, where a control block would \
                     go: save the array anew, alone in its file"
                ),
            )),
        }
    }

    /// Adds the control block. Its first bytes come last, and with them the file is a segment.
    fn add(&self, control: &Control) -> Result<()> {
        let (object, layout) = (&self.object, control.layout);
        let (start, total) = (layout.control_offset as u64, layout.total as u64);
        limits::check_file_size(total)?;
        if object.lies_in_memory()? {
            limits::check_memory(total - start)?;
        }
        // In one step the file gets longer and says what for.
        object.write_all_at(&UNFINISHED, start)?;
        step!("share: begun");
        match self.settings.reserve {
            Reserve::Full => object.reserve_unshared(0..total)?,
            Reserve::Lazy => object.reserve_unshared(start..total)?,
        }
        step!("share: memory had");
        let head = control.encode();
        let (magic, rest) = head.split_at(MAGIC.len());
        object.write_all_at(rest, start + magic.len() as u64)?;
        step!("share: head written");
        let (participants, stripes) = (control.participants, control.stripes);
        let region = Region::new(object, layout, participants, stripes, Access::ReadWrite)?;
        reboot::note(&region);
        object.flush()?;
        step!("share: all but the first bytes on the disk");
        object.write_all_at(magic, start)
    }
}
