//! Blocks: named shared memory without a header, which programs of every kind share.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use ndarray::{Dimension, RawArrayView, RawArrayViewMut, ShapeBuilder};

use super::facts::{Access, Lifetime, Reserve};
use super::inspect::check_ours;
use super::kinds::create_unique;
use super::memory::Memory;
use super::name::{Address, Name};
use super::naming::told_of_the_dead;
use super::options::Options;
use super::trust::{check_ours_to_remove, check_trusted};
use crate::error::{Error, ErrorKind, Result, ResultExt, size};
use crate::steps::step;
use crate::sys::lifeline::{Mark, registration};
use crate::sys::limits;
use crate::sys::map::{Mapping, Protection};
use crate::sys::name_lock::{unlink_if_still, unlink_to_leave};
use crate::sys::names::path_of;
use crate::sys::object::Object;
#[cfg(feature = "shared_memory")]
use crate::sys::place::Place;

/// Named shared memory without a header: a number of bytes without a description.
///
/// C's `shm_open` and `ftruncate`, Python's `SharedMemory` and the `shared_memory` crate all make
/// blocks, and they open each other's. A block has no dtype, no locks and nothing that survives a
/// death. The caller knows what the bytes mean and when they may be touched, and vouches for it
/// with `unsafe`. For everything else use an [`Array`](crate::Array) or a [`Value`](crate::Value).
///
/// **Python attaches with `SharedMemory(name, track=False)`**, which exists since 3.13. Without
/// `track=False`, and in all earlier versions, Python's resource tracker takes the name for its
/// own. It then removes the name when that Python ends, however many others use it. Before 3.13 map
/// the file: `np.memmap("/dev/shm/NAME", "u1", "r+")`. Do not use `np.memmap(…, "w+")`, and do not
/// open the file for writing anew. Both truncate it to nothing first, and every process that has it
/// mapped is killed by SIGBUS.
///
/// A clone is the same handle: cheap, and usable from any thread.
///
/// # Examples
///
/// ```
/// # fn main() -> ndshm::Result<()> {
/// use ndshm::Block;
///
/// let made = Block::create("doc-block", 4096)?; // zeros, mode 0600, removed on drop
///
/// // Any other program, in Python 3.13 or later say:
/// // >>> theirs = SharedMemory("doc-block", track=False)
/// // >>> theirs.buf[8:12] = struct.pack("<f", 0.5)
/// let block = Block::open("doc-block")?;
/// // SAFETY: nobody else uses the block.
/// unsafe { block.raw_view_mut::<f32, _>(8, (2, 3))?.deref_into_view_mut() }.fill(0.5);
///
/// // SAFETY: nobody writes it any more.
/// assert_eq!(unsafe { made.raw_view::<f32, _>(8, 6)?.deref_into_view() }.sum(), 3.0);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Block(Arc<Inner>);

struct Inner {
    name: Name,
    memory: Memory,
    access: Access,
    /// 1 if dropping this removes the name. A forked child reads zero.
    mark: Option<Mark>,
}

impl Block {
    /// Creates a block of `len` zero bytes at `address`, with mode 0600. Its name is removed when
    /// the last clone of this handle is dropped in this process. A file lasts until it is removed.
    ///
    /// A creator that is killed leaves the name behind, as with every program that makes such
    /// memory. [`remove`](Self::remove) removes it.
    ///
    /// # Errors
    ///
    /// [`AlreadyExists`](ErrorKind::AlreadyExists), [`InvalidName`](ErrorKind::InvalidName),
    /// [`StorageFull`](ErrorKind::StorageFull), [`MemoryLimit`](ErrorKind::MemoryLimit),
    /// [`SizeOverflow`](ErrorKind::SizeOverflow), and
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) for no bytes.
    ///
    /// # Examples
    ///
    /// See [`Block`].
    pub fn create<'a>(address: impl Into<Address<'a>>, len: usize) -> Result<Self> {
        Self::options().create(address, len)
    }

    /// Creates a block of `len` zero bytes under a name made up of `prefix` and 16 random hexadecimal
    /// digits.
    ///
    /// # Errors
    ///
    /// Those of [`create`](Self::create).
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let block = ndshm::Block::create_unique("doc-block-", 100)?;
    /// println!("tell the workers: {}", block.name());
    /// # Ok(()) }
    /// ```
    pub fn create_unique(prefix: &str, len: usize) -> Result<Self> {
        Self::options().create_unique(prefix, len)
    }

    /// Opens the memory at `address`, whoever made it and by whatever means. The block is all of
    /// it, including a segment's header.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound); [`Empty`](ErrorKind::Empty) when it has no bytes, as
    /// between `shm_open` and `ftruncate`; [`NotTrusted`](ErrorKind::NotTrusted) when another user
    /// owns it or may write it, and so could cut it short; [`NotASegment`](ErrorKind::NotASegment)
    /// when it is no regular file.
    ///
    /// # Examples
    ///
    /// See [`Block`].
    pub fn open<'a>(address: impl Into<Address<'a>>) -> Result<Self> {
        Self::options().open(address)
    }

    /// Begins with the default options. Blocks have no participants and no stripes, and their pages
    /// come as they are touched. The options for these have no effect.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// use ndshm::{Access, Block, ErrorKind, Reserve};
    ///
    /// let options = Block::options().mode(0o640).reserve(Reserve::Lazy);
    /// let block = options.create_unique("doc-block-options-", 1 << 30)?;
    /// let looked_at = Block::options().access(Access::Read).open(block.name())?;
    /// assert_eq!(looked_at.as_mut_ptr().unwrap_err().kind(), ErrorKind::ReadOnly);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn options() -> Options<Self> {
        Options::new()
    }

    /// Removes the name of a block, whoever made it. Processes that have it mapped keep their
    /// memory.
    ///
    /// This function refuses segments. [`ndshm::remove`](crate::remove) removes segments and
    /// refuses everything else.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound), [`KindMismatch`](ErrorKind::KindMismatch) when it is a
    /// segment, and [`NotTrusted`](ErrorKind::NotTrusted) when another user owns it.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// use ndshm::{Block, ErrorKind, Lifetime};
    ///
    /// let block = Block::options().lifetime(Lifetime::Persistent).create_unique("doc-block-gone-", 8)?;
    /// assert_eq!(ndshm::remove(block.name()).unwrap_err().kind(), ErrorKind::NotASegment);
    /// Block::remove(block.name())?;
    /// assert_eq!(block.len(), 8);
    /// # Ok(()) }
    /// ```
    pub fn remove<'a>(address: impl Into<Address<'a>>) -> Result<()> {
        let name = Name::new(address)?;
        while !remove_once(&name).of(name.as_str())? {}
        Ok(())
    }

    /// Returns the block's name.
    ///
    /// # Examples
    ///
    /// See [`create_unique`](Self::create_unique).
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.name.as_str()
    }

    /// Returns where other programs find it.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let block = ndshm::Block::create_unique("doc-block-path-", 8)?;
    /// assert_eq!(std::fs::read(block.path()).expect("it is a file"), [0; 8]);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn path(&self) -> PathBuf {
        path_of(self.0.name.place())
    }

    /// Returns what this handle may do with the bytes.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let block = ndshm::Block::create_unique("doc-block-access-", 8)?;
    /// assert_eq!(block.access(), ndshm::Access::ReadWrite);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn access(&self) -> Access {
        self.0.access
    }

    /// Returns the number of bytes, which is never zero.
    ///
    /// A block that another program made may be longer than the program asked for: some programs
    /// round up to whole pages.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// assert_eq!(ndshm::Block::create_unique("doc-block-len-", 100)?.len(), 100);
    /// # Ok(()) }
    /// ```
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "no block is empty")]
    pub fn len(&self) -> usize {
        self.0.memory.len()
    }

    /// Returns the first byte, which begins a page. [`len`](Self::len) bytes are valid to read from
    /// there while a clone of this lives and nobody cuts the file short.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let block = ndshm::Block::create_unique("doc-block-ptr-", 8)?;
    /// // SAFETY: nobody else uses the block, and it has bytes.
    /// assert_eq!(unsafe { block.as_ptr().read_volatile() }, 0);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn as_ptr(&self) -> *const u8 {
        self.0.memory.base().as_ptr()
    }

    /// Returns the first byte for writing: see [`as_ptr`](Self::as_ptr).
    ///
    /// # Errors
    ///
    /// [`ReadOnly`](ErrorKind::ReadOnly) when the block was opened for reading.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let block = ndshm::Block::create_unique("doc-block-mut-", 8)?;
    /// // SAFETY: nobody else uses the block, and it has bytes.
    /// unsafe { block.as_mut_ptr()?.write(1) };
    /// # Ok(()) }
    /// ```
    pub fn as_mut_ptr(&self) -> Result<*mut u8> {
        self.check_writable()?;
        Ok(self.0.memory.base().as_ptr())
    }

    /// Returns a raw view of an array of `T` of that shape that begins `offset` bytes into the
    /// block. The view is valid while a clone of this lives.
    ///
    /// Bounds and alignment are checked. Whoever dereferences the view must know that the bytes are
    /// such items, and that nobody changes them meanwhile. A shape may be in Fortran order, as `(3,
    /// 4).f()`.
    ///
    /// # Errors
    ///
    /// [`OutOfBounds`](ErrorKind::OutOfBounds), [`Misaligned`](ErrorKind::Misaligned), and
    /// [`SizeOverflow`](ErrorKind::SizeOverflow) for a shape that nothing can hold.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// use ndarray::ShapeBuilder;
    /// use ndshm::{Block, ErrorKind};
    ///
    /// let block = Block::create_unique("doc-block-view-", 64)?;
    /// assert_eq!(block.raw_view::<u32, _>(16, (3, 4).f())?.strides(), [1, 3]);
    /// let beyond = block.raw_view::<u32, _>(20, (3, 4)).map(|view| view.len());
    /// assert_eq!(beyond.unwrap_err().kind(), ErrorKind::OutOfBounds);
    /// # Ok(()) }
    /// ```
    pub fn raw_view<T, D: Dimension>(
        &self,
        offset: usize,
        shape: impl ShapeBuilder<Dim = D>,
    ) -> Result<RawArrayView<T, D>> {
        self.0.memory.view(offset, shape.into_shape_with_order()).of(self.name())
    }

    /// Returns a raw view to write through: see [`raw_view`](Self::raw_view).
    ///
    /// # Errors
    ///
    /// Those of [`raw_view`](Self::raw_view), and [`ReadOnly`](ErrorKind::ReadOnly) when the block was
    /// opened for reading.
    ///
    /// # Examples
    ///
    /// See [`Block`].
    pub fn raw_view_mut<T, D: Dimension>(
        &self,
        offset: usize,
        shape: impl ShapeBuilder<Dim = D>,
    ) -> Result<RawArrayViewMut<T, D>> {
        self.check_writable()?;
        self.0.memory.view_mut(offset, shape.into_shape_with_order()).of(self.name())
    }

    fn check_writable(&self) -> Result<()> {
        if self.0.access == Access::ReadWrite {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::ReadOnly,
            "was opened for reading only: open it with `Access::ReadWrite` to write",
        )
        .of(self.name()))
    }
}

/// Options of blocks.
impl Options<Block> {
    /// Creates a block: see [`Block::create`].
    ///
    /// # Errors
    ///
    /// Those of [`Block::create`], and [`InvalidArgument`](ErrorKind::InvalidArgument) for options
    /// that can never work.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let shared = ndshm::Block::options().mode(0o640).create("doc-block-mode", 100)?;
    /// # Ok(()) }
    /// ```
    pub fn create<'a>(&self, address: impl Into<Address<'a>>, len: usize) -> Result<Block> {
        self.make(Name::new(address)?, len)
    }

    /// Creates a block under a generated name: see [`Block::create_unique`].
    ///
    /// # Errors
    ///
    /// Those of [`create`](Self::create).
    ///
    /// # Examples
    ///
    /// See [`Block::options`].
    pub fn create_unique(&self, prefix: &str, len: usize) -> Result<Block> {
        create_unique(prefix, |name| self.make(name, len))
    }

    /// Opens a block: see [`Block::open`]. [`Access::Read`] needs only the permission to read.
    ///
    /// # Errors
    ///
    /// Those of [`Block::open`].
    ///
    /// # Examples
    ///
    /// See [`Block::options`].
    pub fn open<'a>(&self, address: impl Into<Address<'a>>) -> Result<Block> {
        let name = Name::new(address)?;
        self.attach(&name).of(name.as_str())
    }

    fn make(&self, name: Name, len: usize) -> Result<Block> {
        self.make_named(&name, len).of(name.as_str())
    }

    fn make_named(&self, name: &Name, len: usize) -> Result<Block> {
        let settings = self.settings();
        settings.check()?;
        if len == 0 {
            let problem = "asks for no bytes, which cannot be mapped: ask for one or more";
            return Err(Error::new(ErrorKind::InvalidArgument, problem));
        }
        let file_len = file_len(len)?;
        limits::check_file_size(file_len)?;
        let object = Object::create_unnamed(name.place(), file_len, settings.mode)?;
        step!("block: sized");
        if settings.reserve == Reserve::Full {
            if object.lies_in_memory()? {
                limits::check_memory(file_len)?;
            }
            object.reserve(0..file_len)?;
            step!("block: reserved");
        }
        let mapping = Mapping::new(&object, 0, len, Protection::ReadWrite)?;
        let default = if name.is_file() { Lifetime::Persistent } else { Lifetime::Creator };
        let removes_name = settings.lifetime.unwrap_or(default) == Lifetime::Creator;
        let mark = removes_name.then(new_mark).transpose()?;
        object.publish(name.place()).map_err(|error| told_of_the_dead(name, error))?;
        step!("block: published");
        Ok(Block(Arc::new(Inner {
            name: name.clone(),
            memory: Memory::Object { object, mapping },
            access: Access::ReadWrite,
            mark,
        })))
    }

    fn attach(&self, name: &Name) -> Result<Block> {
        let access = self.settings().access;
        let (object, facts, protection) = if access == Access::ReadWrite {
            let (object, facts) = Object::open(name.place())?;
            (object, facts, Protection::ReadWrite)
        } else {
            let (object, facts) = Object::open_to_observe(name.place())?;
            (object, facts, Protection::Read)
        };
        check_trusted(name, &object, &facts, self.settings().trust)?;
        if facts.len == 0 {
            return Err(Error::new(
                ErrorKind::Empty,
                "has no bytes: its creator has yet to size it (shm_open, then ftruncate), or never \
                 will; try again, or remove it",
            ));
        }
        let len = usize::try_from(facts.len).unwrap_or(usize::MAX);
        file_len(len)?;
        let mapping = Mapping::new(&object, 0, len, protection)?;
        Ok(Block(Arc::new(Inner {
            name: name.clone(),
            memory: Memory::Object { object, mapping },
            access,
            mark: None,
        })))
    }
}

/// The block takes over the mapping and the name. If the `Shmem` owned the name, the name is
/// removed when the last clone of the block is dropped. Unlike a `Shmem`'s, it stays when that
/// happens in a forked child.
#[cfg(feature = "shared_memory")]
impl From<shared_memory::Shmem> for Block {
    fn from(shmem: shared_memory::Shmem) -> Self {
        let id = shmem.get_os_id();
        Self(Arc::new(Inner {
            name: Name::found(Place::Named(id.strip_prefix('/').unwrap_or(id).into())),
            access: Access::ReadWrite,
            // A platform without marks has no fork either.
            mark: if shmem.is_owner() { new_mark().ok() } else { None },
            memory: Memory::Shmem(super::memory::Shmem(shmem)),
        }))
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let is_creator = match &self.mark {
            Some(mark) => {
                let is_creator = mark.load(Relaxed) == 1;
                mark.release(&registration());
                is_creator
            }
            None => false,
        };
        match &mut self.memory {
            Memory::Object { object, .. } if is_creator => {
                // The name may be gone by now, or stand for another block. Either is fine.
                let _ = unlink_to_leave(self.name.place(), object);
            }
            Memory::Object { .. } => {}
            #[cfg(feature = "shared_memory")]
            Memory::Shmem(shmem) => {
                if self.mark.is_some() && !is_creator {
                    shmem.0.set_owner(false);
                }
            }
        }
    }
}

impl fmt::Debug for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Block")
            .field("name", &self.name())
            .field("len", &self.len())
            .field("access", &self.access())
            .finish_non_exhaustive()
    }
}

/// Shows the type, the name and the length.
impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Block {:?} of {}", self.name(), size(self.len()))
    }
}

/// A mark that reads 1, in this process alone.
fn new_mark() -> Result<Mark> {
    let mark = Mark::new(&registration())?;
    mark.store(1, Relaxed);
    Ok(mark)
}

/// The length as a file's length. No mapping is longer than the address space.
fn file_len(len: usize) -> Result<u64> {
    isize::try_from(len).map(|_| len as u64).map_err(|_| {
        let problem = format!("cannot have {}: that is more than the address space", size(len));
        Error::new(ErrorKind::SizeOverflow, problem)
    })
}

/// Removes the object that has that name now. Returns false when the name changed hands meanwhile.
fn remove_once(name: &Name) -> Result<bool> {
    let (object, facts) = Object::open(name.place())?;
    check_ours_to_remove(&object, &facts)?;
    match check_ours(&object, &facts) {
        Err(error) if error.kind() == ErrorKind::NotASegment => {
            unlink_if_still(name.place(), &object)
        }
        Err(error) => Err(error),
        Ok(()) => Err(Error::new(
            ErrorKind::KindMismatch,
            "is a segment and not a block: remove it with `ndshm::remove`",
        )),
    }
}
