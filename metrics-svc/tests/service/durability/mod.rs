//! With a directory to keep metrics in, what is acknowledged is there whatever happens to the process.

mod checkpoints;
mod directory;
mod expiry;
mod full_disk;
mod journal_files;
mod kills;
pub(crate) mod load;
mod replay;
mod runs;
