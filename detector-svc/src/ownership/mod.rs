//! Which replica has which stream.

mod keys;

pub use self::keys::OwnershipKeys;
