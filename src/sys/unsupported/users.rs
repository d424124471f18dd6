//! Users, of whom nothing is known.

use super::object::Object;

/// A user, of whom there is one here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UserId(());

impl UserId {
    pub(crate) fn current() -> Self {
        Self(())
    }

    pub(crate) fn number(self) -> u32 {
        0
    }
}

pub(crate) fn check_owner(object: &Object, _owner: UserId) -> Result<(), String> {
    object.never()
}
