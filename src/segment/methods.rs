//! The public methods that the handles of all kinds have, each with its documentation.

/// Writes the methods that every handle has:
/// `handle! { impl[GENERICS] TYPE, NOUN, TYPE IN EXAMPLES, … }`.
///
/// For a type that [`Creates`], the macro is told how examples call its creator, and what becomes
/// of the creator's arguments: `given "10": create(shape: impl IntoDimension<Dim = D>) =>
/// shape.into_dimension()`. For a type that only [`Opens`], it is told which expression makes one
/// in examples.
macro_rules! handle {
    (
        $(#[$about:meta])*
        impl[$($generics:tt)*] $name:ident $(<$($parameter:ident),*>)?,
        $noun:literal, $a:literal, $type:literal, given $given:tt, |$it:ident| $segment:expr;
        create($($argument:ident: $argument_type:ty),*) => $start:expr
    ) => {
        $crate::segment::handle! {
            impl[$($generics)*] $name $(<$($parameter),*>)?, $noun, $type,
            made $crate::segment::handle!(@call $type, "create_unique", "\"doc-handle-\"", $given), |$it| $segment
        }

        #[doc = concat!("Creating ", $a, ".")]
        impl<$($generics)*> $name $(<$($parameter),*>)? {
            #[doc = concat!("Creates ", $a, " at `address`, of mode 0600. A name goes when the last clone of")]
            /// this handle is dropped. A file stays.
            ///
            $(#[$about])*
            ///
            /// # Errors
            ///
            /// [`AlreadyExists`](crate::ErrorKind::AlreadyExists), [`InvalidName`](crate::ErrorKind::InvalidName),
            /// [`SizeOverflow`](crate::ErrorKind::SizeOverflow), [`StorageFull`](crate::ErrorKind::StorageFull),
            /// [`MemoryLimit`](crate::ErrorKind::MemoryLimit), and
            /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for arguments that can never
            /// work.
            ///
            /// # Examples
            ///
            /// ```
            /// # fn main() -> ndshm::Result<()> {
            #[doc = concat!(
                "let made = ",
                $crate::segment::handle!(@call $type, "create", concat!("\"doc-create-", stringify!($name), "\""), $given), ";"
            )]
            #[doc = concat!("assert_eq!(made.name(), \"doc-create-", stringify!($name), "\");")]
            /// # Ok(()) }
            /// ```
            pub fn create<'a>(
                address: impl Into<$crate::segment::Address<'a>>,
                $($argument: $argument_type),*
            ) -> $crate::error::Result<Self> {
                Self::options().create(address, $($argument),*)
            }

            #[doc = concat!("Creates ", $a, " that has no name, so that nothing can be left behind. Forked children")]
            /// inherit it with the handle. Others open it by its [`handle`](Self::handle), as long
            /// as a process that has it is alive.
            ///
            /// # Errors
            ///
            /// Those of [`create`](Self::create).
            ///
            /// # Examples
            ///
            /// ```
            /// # fn main() -> ndshm::Result<()> {
            #[doc = concat!("let made = ", $type, "::create_anonymous(", $given, ")?;")]
            #[doc = concat!("let same = ", $type, "::open_handle(&made.handle())?;")]
            /// assert_eq!(same.segment().id(), made.segment().id());
            /// # Ok(()) }
            /// ```
            pub fn create_anonymous($($argument: $argument_type),*) -> $crate::error::Result<Self> {
                Self::options().create_anonymous($($argument),*)
            }

            #[doc = concat!("Creates ", $a, " under a name made up of `prefix` and 16 random hexadecimal digits.")]
            ///
            /// # Errors
            ///
            /// Those of [`create`](Self::create).
            ///
            /// # Examples
            ///
            /// ```
            /// # fn main() -> ndshm::Result<()> {
            #[doc = concat!(
                "let made = ", $crate::segment::handle!(@call $type, "create_unique", "\"doc-unique-\"", $given), ";"
            )]
            /// println!("tell the workers: {}", made.name());
            /// # Ok(()) }
            /// ```
            pub fn create_unique(prefix: &str, $($argument: $argument_type),*) -> $crate::error::Result<Self> {
                Self::options().create_unique(prefix, $($argument),*)
            }

            #[doc = concat!("Opens the ", $noun, " at `address`, or creates it if there is none;")]
            /// [`origin`](Self::origin) tells which. Its name lasts as long as anybody has it open
            /// ([`Lifetime::LastUser`](crate::Lifetime)). A file lasts until it is removed.
            ///
            /// # Errors
            ///
            /// Those of [`open`](Self::open) and [`create`](Self::create), and
            /// [`ShapeMismatch`](crate::ErrorKind::ShapeMismatch) when it exists in another shape.
            ///
            /// # Examples
            ///
            /// ```
            /// # fn main() -> ndshm::Result<()> {
            #[doc = concat!(
                "let one = ",
                $crate::segment::handle!(@call $type, "open_or_create", concat!("\"doc-either-", stringify!($name), "\""), $given), ";"
            )]
            #[doc = concat!(
                "let two = ",
                $crate::segment::handle!(@call $type, "open_or_create", concat!("\"doc-either-", stringify!($name), "\""), $given), ";"
            )]
            /// assert_eq!((one.origin(), two.origin()), (ndshm::Origin::Created, ndshm::Origin::Opened));
            /// # Ok(()) }
            /// ```
            pub fn open_or_create<'a>(
                address: impl Into<$crate::segment::Address<'a>>,
                $($argument: $argument_type),*
            ) -> $crate::error::Result<Self> {
                Self::options().open_or_create(address, $($argument),*)
            }

            #[doc = concat!("Creates ", $a, " at `address`, whatever segment is there. The name stands for the old one")]
            /// or for the new one at every moment, even if a process is killed meanwhile.
            ///
            /// Processes attached to the old one keep it, and those that wait for it to change are
            /// woken. [`is_replaced`](crate::Segment::is_replaced) tells them of the replacement,
            /// and [`reopen`](Self::reopen) opens the new one.
            ///
            /// # Errors
            ///
            /// Those of [`create`](Self::create) except `AlreadyExists`;
            /// [`NotASegment`](crate::ErrorKind::NotASegment) when something other than a segment
            /// is there, which is left alone; and [`NotTrusted`](crate::ErrorKind::NotTrusted) when
            /// the old segment is another user's, or others may write it.
            ///
            /// # Examples
            ///
            /// ```
            /// # fn main() -> ndshm::Result<()> {
            #[doc = concat!(
                "let old = ",
                $crate::segment::handle!(@call $type, "create", concat!("\"doc-replaced-", stringify!($name), "\""), $given), ";"
            )]
            #[doc = concat!(
                "let new = ",
                $crate::segment::handle!(@call $type, "create_or_replace", concat!("\"doc-replaced-", stringify!($name), "\""), $given), ";"
            )]
            /// assert!(old.segment().is_replaced());
            /// assert_eq!(old.reopen()?.segment().id(), new.segment().id());
            /// # Ok(()) }
            /// ```
            pub fn create_or_replace<'a>(
                address: impl Into<$crate::segment::Address<'a>>,
                $($argument: $argument_type),*
            ) -> $crate::error::Result<Self> {
                Self::options().create_or_replace(address, $($argument),*)
            }
        }

        #[doc = concat!("Creating ", $a, " with options. The methods of `", stringify!($name), "` that are called the same tell more.")]
        impl<$($generics)*> $crate::segment::Options<$name $(<$($parameter),*>)?> {
            #[doc = concat!("Creates ", $a, ": see [`", stringify!($name), "::create`].")]
            ///
            /// # Errors
            ///
            #[doc = concat!("Those of [`", stringify!($name), "::create`], and")]
            /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for options that can never work.
            ///
            /// # Examples
            ///
            /// ```
            /// # fn main() -> ndshm::Result<()> {
            #[doc = concat!("let options = ", $type, "::options().mode(0o640).participants(8);")]
            #[doc = concat!(
                "let made = ",
                $crate::segment::handle!(@method "create", concat!("\"doc-options-", stringify!($name), "\""), $given), ";"
            )]
            /// # Ok(()) }
            /// ```
            pub fn create<'a>(
                &self,
                address: impl Into<$crate::segment::Address<'a>>,
                $($argument: $argument_type),*
            ) -> $crate::error::Result<$name $(<$($parameter),*>)?> {
                let name = $crate::segment::Name::new(address)?;
                self.make(name, &$start, $crate::segment::Lifetime::Creator)
            }

            #[doc = concat!("Creates ", $a, " without a name: see [`", stringify!($name), "::create_anonymous`].")]
            ///
            /// # Errors
            ///
            /// Those of [`create`](Self::create).
            ///
            /// # Examples
            ///
            /// ```
            /// # fn main() -> ndshm::Result<()> {
            #[doc = concat!("let options = ", $type, "::options().participants(8);")]
            #[doc = concat!("let made = options.create_anonymous(", $given, ")?;")]
            /// # Ok(()) }
            /// ```
            pub fn create_anonymous(
                &self,
                $($argument: $argument_type),*
            ) -> $crate::error::Result<$name $(<$($parameter),*>)?> {
                self.make($crate::segment::Name::anonymous(), &$start, $crate::segment::Lifetime::Creator)
            }

            #[doc = concat!("Creates ", $a, " under a name made up: see [`", stringify!($name), "::create_unique`].")]
            ///
            /// # Errors
            ///
            /// Those of [`create`](Self::create).
            ///
            /// # Examples
            ///
            /// ```
            /// # fn main() -> ndshm::Result<()> {
            #[doc = concat!("let options = ", $type, "::options().participants(8);")]
            #[doc = concat!(
                "let made = ", $crate::segment::handle!(@method "create_unique", "\"doc-options-\"", $given), ";"
            )]
            /// # Ok(()) }
            /// ```
            pub fn create_unique(
                &self,
                prefix: &str,
                $($argument: $argument_type),*
            ) -> $crate::error::Result<$name $(<$($parameter),*>)?> {
                self.make_unique(prefix, &$start)
            }

            #[doc = concat!("Opens or creates ", $a, ": see [`", stringify!($name), "::open_or_create`].")]
            ///
            /// # Errors
            ///
            #[doc = concat!("Those of [`", stringify!($name), "::open_or_create`].")]
            ///
            /// # Examples
            ///
            /// ```
            /// # fn main() -> ndshm::Result<()> {
            #[doc = concat!("let options = ", $type, "::options().lifetime(ndshm::Lifetime::Creator);")]
            #[doc = concat!(
                "let made = ",
                $crate::segment::handle!(@method "open_or_create", concat!("\"doc-option-", stringify!($name), "\""), $given), ";"
            )]
            /// # Ok(()) }
            /// ```
            pub fn open_or_create<'a>(
                &self,
                address: impl Into<$crate::segment::Address<'a>>,
                $($argument: $argument_type),*
            ) -> $crate::error::Result<$name $(<$($parameter),*>)?> {
                self.open_or_make(address.into(), &$start)
            }

            #[doc = concat!("Creates ", $a, " in place of whatever segment is there: see")]
            #[doc = concat!("[`", stringify!($name), "::create_or_replace`].")]
            ///
            /// # Errors
            ///
            #[doc = concat!("Those of [`", stringify!($name), "::create_or_replace`].")]
            ///
            /// # Examples
            ///
            /// ```
            /// # fn main() -> ndshm::Result<()> {
            #[doc = concat!("let options = ", $type, "::options().mode(0o640);")]
            #[doc = concat!(
                "let made = ",
                $crate::segment::handle!(@method "create_or_replace", concat!("\"doc-new-", stringify!($name), "\""), $given), ";"
            )]
            /// # Ok(()) }
            /// ```
            pub fn create_or_replace<'a>(
                &self,
                address: impl Into<$crate::segment::Address<'a>>,
                $($argument: $argument_type),*
            ) -> $crate::error::Result<$name $(<$($parameter),*>)?> {
                self.make_or_replace($crate::segment::Name::new(address)?, &$start)
            }
        }
    };
    (
        $(#[$about:meta])*
        impl[$($generics:tt)*] $name:ident $(<$($parameter:ident),*>)?,
        $noun:literal, $type:literal, made $made:expr, |$it:ident| $segment:expr
    ) => {
        /// Opening, and what every handle knows of its segment.
        impl<$($generics)*> $name $(<$($parameter),*>)? {
            #[doc = concat!("Opens the ", $noun, " at `address`, and checks that it is one. Costs about a dozen system")]
            /// calls, whatever its size. This process takes a participant's slot at its first lock.
            ///
            $(#[$about])*
            ///
            /// This assumes that every process of this user or root that may write the segment
            /// writes only under its locks, and never cuts the file short. A process that does
            /// otherwise, NumPy included, causes undefined behaviour in processes that hold a
            /// guard: see [Trust](crate#trust).
            ///
            /// # Errors
            ///
            /// [`NotFound`](crate::ErrorKind::NotFound), [`KindMismatch`](crate::ErrorKind::KindMismatch),
            /// [`DtypeMismatch`](crate::ErrorKind::DtypeMismatch), [`RankMismatch`](crate::ErrorKind::RankMismatch), and
            /// those of [`Segment::open`](crate::Segment::open).
            ///
            /// # Examples
            ///
            /// ```
            /// # fn main() -> ndshm::Result<()> {
            #[doc = concat!("let made = ", $made, ";")]
            #[doc = concat!("let same = ", $type, "::open(made.name())?;")]
            /// assert_eq!(same.segment().id(), made.segment().id());
            /// # Ok(()) }
            /// ```
            pub fn open<'a>(address: impl Into<$crate::segment::Address<'a>>) -> $crate::error::Result<Self> {
                Self::options().open(address)
            }

            #[doc = concat!("Opens the ", $noun, " that `handle` means, and no namesake.")]
            ///
            /// # Errors
            ///
            /// Those of [`open`](Self::open), and [`Replaced`](crate::ErrorKind::Replaced).
            ///
            /// # Examples
            ///
            /// ```
            /// # fn main() -> ndshm::Result<()> {
            #[doc = concat!("let made = ", $made, ";")]
            #[doc = concat!("let same = ", $type, "::open_handle(&made.handle().to_string().parse()?)?;")]
            /// assert_eq!(same.segment().id(), made.segment().id());
            /// # Ok(()) }
            /// ```
            pub fn open_handle(handle: &$crate::segment::Handle) -> $crate::error::Result<Self> {
                Self::options().open_handle(handle)
            }

            /// Begins with the default options.
            ///
            /// # Examples
            ///
            /// ```
            /// # fn main() -> ndshm::Result<()> {
            #[doc = concat!("let made = ", $made, ";")]
            #[doc = concat!("let options = ", $type, "::options().access(ndshm::Access::Observe);")]
            /// assert_eq!(options.open(made.name())?.segment().access(), ndshm::Access::Observe);
            /// # Ok(()) }
            /// ```
            #[must_use]
            pub fn options() -> $crate::segment::Options<Self> {
                <Self as $crate::segment::Opens>::default_options()
            }

            #[doc = concat!("Opens what has the ", $noun, "'s name now, with the access of this handle.")]
            ///
            /// # Errors
            ///
            /// Those of [`open`](Self::open).
            ///
            /// # Examples
            ///
            /// ```
            /// # fn main() -> ndshm::Result<()> {
            #[doc = concat!("let made = ", $made, ";")]
            /// assert_eq!(made.reopen()?.segment().id(), made.segment().id());
            /// # Ok(()) }
            /// ```
            pub fn reopen(&self) -> $crate::error::Result<Self> {
                <Self as $crate::segment::Opens>::from_segment(self.segment().reopen()?)
            }

            #[doc = concat!("Returns the segment under the ", $noun, ".")]
            ///
            /// # Examples
            ///
            /// ```
            /// # fn main() -> ndshm::Result<()> {
            #[doc = concat!("let made = ", $made, ";")]
            /// println!("{}", made.segment().info()?);
            /// # Ok(()) }
            /// ```
            #[inline]
            #[must_use]
            pub fn segment(&self) -> &$crate::segment::Segment {
                let $it = self;
                $segment
            }

            #[doc = concat!("Returns the ", $noun, "'s name, or the path of its file.")]
            ///
            /// # Examples
            ///
            /// ```
            /// # fn main() -> ndshm::Result<()> {
            #[doc = concat!("let made = ", $made, ";")]
            /// assert!(made.name().starts_with("doc-handle-"));
            /// # Ok(()) }
            /// ```
            #[must_use]
            pub fn name(&self) -> &str {
                self.segment().name()
            }

            #[doc = concat!("Returns the ", $noun, "'s address as text, to be given to another process.")]
            ///
            /// # Examples
            ///
            /// See [`open_handle`](Self::open_handle).
            #[must_use]
            pub fn handle(&self) -> $crate::segment::Handle {
                self.segment().handle()
            }

            #[doc = concat!("Returns whether this handle created the ", $noun, " or found it.")]
            ///
            /// # Examples
            ///
            /// See [`Origin`](crate::Origin).
            #[must_use]
            pub fn origin(&self) -> $crate::segment::Origin {
                self.segment().origin()
            }

            #[doc = concat!("Waits until the file's disk holds the ", $noun, ": see [`Segment::sync`](crate::Segment::sync).")]
            ///
            /// # Errors
            ///
            /// Those of [`Segment::sync`](crate::Segment::sync).
            ///
            /// # Examples
            ///
            /// ```
            /// # fn main() -> ndshm::Result<()> {
            #[doc = concat!("let made = ", $made, ";")]
            /// made.sync()?; // at once, for what lies in memory
            /// # Ok(()) }
            /// ```
            pub fn sync(&self) -> $crate::error::Result<()> {
                self.segment().sync()
            }
        }
    };
    // A call in an example, with a first argument and perhaps others.
    (@call $type:expr, $function:expr, $first:expr, "") => {
        concat!($type, "::", $function, "(", $first, ")?")
    };
    (@call $type:expr, $function:expr, $first:expr, $given:tt) => {
        concat!($type, "::", $function, "(", $first, ", ", $given, ")?")
    };
    (@method $function:expr, $first:expr, "") => {
        concat!("options.", $function, "(", $first, ")?")
    };
    (@method $function:expr, $first:expr, $given:tt) => {
        concat!("options.", $function, "(", $first, ", ", $given, ")?")
    };
}

pub(crate) use handle;
