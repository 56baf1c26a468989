//! A directory that this process has to itself.

use std::{
    collections::BTreeMap,
    fs::{self, File, TryLockError},
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    checkpoint::CheckpointWriter,
    disk::{Disk, DiskFile, LocalDisk},
    error::StorageError,
    file_kind::{FileKind, FileName},
};

const LOCK: &str = "lock";

/// A directory that is locked until the last clone is gone.
#[derive(Clone, Debug)]
pub struct Directory {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    disk: Box<dyn Disk>,
    _lock: Option<File>,
}

/// The files of a directory; their lengths in bytes by their numbers.
#[derive(Debug, Default)]
pub(super) struct Listing {
    pub(super) journals: BTreeMap<u64, u64>,
    pub(super) checkpoints: BTreeMap<u64, u64>,
    pub(super) temporaries: Vec<PathBuf>,
}

impl Listing {
    /// Segments and checkpoints below `number`.
    pub(super) fn superfluous(&self, directory: &Directory, number: u64) -> Vec<PathBuf> {
        let older = |files: &BTreeMap<u64, u64>, kind| -> Vec<PathBuf> {
            files.range(..number).map(|(&older, _)| directory.file(kind, older)).collect()
        };
        // Checkpoints first: without their segments they would be of no use.
        let mut paths = older(&self.checkpoints, FileKind::Checkpoint);
        paths.extend(older(&self.journals, FileKind::Journal));
        paths
    }
}

impl Directory {
    /// Takes the directory, and makes it and its parents if they are absent.
    ///
    /// # Errors
    /// When another process has it, or it cannot be made or written to.
    pub fn lock(path: &Path) -> Result<Self, StorageError> {
        create_directory(path)?;
        let lock = path.join(LOCK);
        let open = File::options().create(true).truncate(false).write(true).open(&lock);
        let file = open.map_err(StorageError::io("create", &lock))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StorageError::Locked(lock)),
            Err(TryLockError::Error(error)) => return Err(StorageError::io("lock", &lock)(error)),
        }
        Ok(Self::new(path.to_owned(), Box::new(LocalDisk), Some(file)))
    }

    pub(super) fn new(path: PathBuf, disk: Box<dyn Disk>, lock: Option<File>) -> Self {
        Self { shared: Arc::new(Shared { path, disk, _lock: lock }) }
    }

    /// The directory's path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.shared.path
    }

    /// Begins the checkpoint that holds everything of the segments below `number`, a number that
    /// [`Journal::rotate`](super::Journal::rotate) gave. One checkpoint at a time is written, on any thread.
    ///
    /// # Errors
    /// When there is no such segment, or the file cannot be made.
    pub fn begin_checkpoint(&self, number: u64) -> Result<CheckpointWriter, StorageError> {
        CheckpointWriter::create(self, number)
    }

    pub(super) fn disk(&self) -> &dyn Disk {
        &*self.shared.disk
    }

    pub(super) fn file(&self, kind: FileKind, number: u64) -> PathBuf {
        self.path().join(kind.name(number))
    }

    pub(super) fn temporary(&self, kind: FileKind, number: u64) -> PathBuf {
        self.path().join(kind.temporary_name(number))
    }

    pub(super) fn read(&self, kind: FileKind, number: u64) -> Result<Box<dyn Read>, StorageError> {
        let path = self.file(kind, number);
        self.disk().read(&path).map_err(StorageError::io("open", &path))
    }

    pub(super) fn list(&self) -> Result<Listing, StorageError> {
        let files = self.disk().list(self.path()).map_err(StorageError::io("list", self.path()))?;
        let mut listing = Listing::default();
        for (name, bytes) in files {
            match FileName::parse(&name) {
                Some(FileName::Whole(FileKind::Journal, number)) => listing.journals.insert(number, bytes),
                Some(FileName::Whole(FileKind::Checkpoint, number)) => {
                    listing.checkpoints.insert(number, bytes)
                }
                Some(FileName::Temporary) => {
                    listing.temporaries.push(self.path().join(name));
                    None
                }
                None => None,
            };
        }
        Ok(listing)
    }

    pub(super) fn create_temporary(
        &self,
        kind: FileKind,
        number: u64,
    ) -> Result<Box<dyn DiskFile>, StorageError> {
        let path = self.temporary(kind, number);
        self.disk().create(&path).map_err(StorageError::io("create", &path))
    }

    /// Gives a temporary file its name, durably. After an error it may have it or not.
    pub(super) fn publish(&self, kind: FileKind, number: u64) -> Result<(), StorageError> {
        let path = self.file(kind, number);
        let renamed = self.disk().rename(&self.temporary(kind, number), &path);
        renamed.map_err(StorageError::io("rename to", &path))?;
        self.synchronize()
    }

    /// Makes the names durable.
    pub(super) fn synchronize(&self) -> Result<(), StorageError> {
        self.disk().sync_directory(self.path()).map_err(StorageError::io("synchronize", self.path()))
    }

    pub(super) fn remove(&self, path: &Path) -> Result<(), StorageError> {
        match self.disk().remove(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(StorageError::io("delete", path)(error))
            }
            _ => Ok(()),
        }
    }
}

/// Makes a directory and its parents, durably.
fn create_directory(path: &Path) -> Result<(), StorageError> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    create_directory(parent)?;
    match fs::create_dir(path) {
        Err(error) if !path.is_dir() => Err(StorageError::io("create", path)(error)),
        _ => LocalDisk.sync_directory(parent).map_err(StorageError::io("synchronize", parent)),
    }
}
