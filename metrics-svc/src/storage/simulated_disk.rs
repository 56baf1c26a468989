//! A file system in memory that fails when told to, and loses in a crash what was not made durable.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::{
    collections::{BTreeMap, VecDeque},
    io::{self, Cursor, Read},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard},
};

use super::disk::{Disk, DiskFile};

/// What a disk writes at once.
const SECTOR: usize = 16;

/// A handle of the file system.
#[derive(Clone, Debug)]
pub(super) struct SimulatedDisk(Arc<Mutex<World>>);

#[derive(Debug)]
struct World {
    files: Vec<Content>,
    /// Files by name, as the system shows them.
    names: BTreeMap<PathBuf, usize>,
    /// The same, as they are after a crash.
    durable_names: BTreeMap<PathBuf, usize>,
    pending_names: Vec<NameChange>,
    /// Whether the next calls fail; those behind the last do not.
    failures: VecDeque<bool>,
    random: u64,
}

#[derive(Debug, Default)]
struct Content {
    shown: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Change>,
}

#[derive(Clone, Debug)]
enum Change {
    Write(usize, Vec<u8>),
    Length(usize),
}

/// A name that a file gets, and one that goes at the same time.
#[derive(Clone, Debug)]
struct NameChange {
    link: Option<(PathBuf, usize)>,
    unlink: Option<PathBuf>,
}

#[derive(Debug)]
struct Handle {
    disk: SimulatedDisk,
    file: usize,
}

impl SimulatedDisk {
    /// An empty disk whose `failures` tell which of the next calls fail.
    pub(super) fn new(seed: u64, failures: impl IntoIterator<Item = bool>) -> Self {
        Self(Arc::new(Mutex::new(World {
            files: Vec::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            pending_names: Vec::new(),
            failures: failures.into_iter().collect(),
            random: seed,
        })))
    }

    /// Lets the next calls fail or not, and all after these succeed.
    pub(super) fn set_failures(&self, failures: impl IntoIterator<Item = bool>) {
        self.world().failures = failures.into_iter().collect();
    }

    /// Changes a file's content behind everyone's back.
    pub(super) fn edit(&self, path: &Path, edit: impl FnOnce(&mut Vec<u8>)) {
        let world = &mut *self.world();
        let content = &mut world.files[world.names[path]];
        edit(&mut content.shown);
        content.durable.clone_from(&content.shown);
    }

    /// Paths and contents of all files.
    pub(super) fn contents(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let world = self.world();
        world.names.iter().map(|(path, file)| (path.clone(), world.files[*file].shown.clone())).collect()
    }

    /// Cuts the power: of what is not durable, some happens to be there and some not.
    pub(super) fn crash(&self) {
        let world = &mut *self.world();
        for change in std::mem::take(&mut world.pending_names) {
            if world.coin() {
                change.apply(&mut world.durable_names);
            }
        }
        world.names = world.durable_names.clone();
        for file in 0..world.files.len() {
            world.settle(file);
            world.files[file].shown = world.files[file].durable.clone();
        }
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap()
    }

    fn handle(&self, file: usize) -> Box<dyn DiskFile> {
        Box::new(Handle { disk: self.clone(), file })
    }
}

impl World {
    /// Xorshift of Marsaglia.
    fn random(&mut self) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 33) as usize
    }

    fn coin(&mut self) -> bool {
        self.random().is_multiple_of(2)
    }

    fn fails(&mut self) -> io::Result<()> {
        match self.failures.pop_front() {
            Some(true) => Err(io::Error::other("simulated")),
            _ => Ok(()),
        }
    }

    fn lookup(&self, path: &Path) -> io::Result<usize> {
        self.names.get(path).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn rename(&mut self, change: NameChange) {
        change.apply(&mut self.names);
        self.pending_names.push(change);
    }

    /// Part of what is pending becomes durable, the rest never will.
    fn settle(&mut self, file: usize) {
        for change in std::mem::take(&mut self.files[file].pending) {
            match change {
                Change::Length(_) if self.coin() => {}
                Change::Length(_) => change.apply(&mut self.files[file].durable),
                Change::Write(offset, bytes) => {
                    for (index, sector) in bytes.chunks(SECTOR).enumerate() {
                        if self.coin() {
                            let sector = Change::Write(offset + index * SECTOR, sector.to_vec());
                            sector.apply(&mut self.files[file].durable);
                        }
                    }
                }
            }
        }
    }

    fn change(&mut self, file: usize, change: Change) {
        change.apply(&mut self.files[file].shown);
        self.files[file].pending.push(change);
    }
}

impl Change {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Self::Length(length) => content.resize(*length, 0),
            Self::Write(offset, bytes) => {
                content.resize(content.len().max(offset + bytes.len()), 0);
                content[*offset..offset + bytes.len()].copy_from_slice(bytes);
            }
        }
    }
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<PathBuf, usize>) {
        if let Some(path) = &self.unlink {
            names.remove(path);
        }
        if let Some((path, file)) = &self.link {
            names.insert(path.clone(), *file);
        }
    }
}

impl Disk for SimulatedDisk {
    fn list(&self, _directory: &Path) -> io::Result<Vec<(String, u64)>> {
        let world = self.world();
        let files = world.names.iter().map(|(path, file)| {
            let name = path.file_name().unwrap().to_str().unwrap();
            (name.to_owned(), world.files[*file].shown.len() as u64)
        });
        Ok(files.collect())
    }

    fn read(&self, path: &Path) -> io::Result<Box<dyn Read>> {
        let world = self.world();
        Ok(Box::new(Cursor::new(world.files[world.lookup(path)?].shown.clone())))
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut world = self.world();
        world.fails()?;
        let file = world.files.len();
        world.files.push(Content::default());
        world.rename(NameChange { link: Some((path.to_owned(), file)), unlink: None });
        Ok(self.handle(file))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut world = self.world();
        world.fails()?;
        Ok(self.handle(world.lookup(path)?))
    }

    /// Fails before or after.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut world = self.world();
        let failure = world.fails();
        if failure.is_ok() || world.coin() {
            let file = world.lookup(from)?;
            world.rename(NameChange { link: Some((to.to_owned(), file)), unlink: Some(from.to_owned()) });
        }
        failure
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut world = self.world();
        world.lookup(path)?;
        world.fails()?;
        world.rename(NameChange { link: None, unlink: Some(path.to_owned()) });
        Ok(())
    }

    fn sync_directory(&self, _directory: &Path) -> io::Result<()> {
        let world = &mut *self.world();
        world.fails()?;
        for change in world.pending_names.drain(..) {
            change.apply(&mut world.durable_names);
        }
        Ok(())
    }
}

impl DiskFile for Handle {
    /// A failure comes after a part was written.
    fn write_all_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut world = self.disk.world();
        let failure = world.fails();
        let written = if failure.is_ok() { bytes.len() } else { world.random() % bytes.len() };
        world.change(self.file, Change::Write(offset as usize, bytes[..written].to_vec()));
        failure
    }

    /// After a failure the system takes for written what is not.
    fn sync(&mut self) -> io::Result<()> {
        let mut world = self.disk.world();
        if let Err(error) = world.fails() {
            world.settle(self.file);
            return Err(error);
        }
        let content = &mut world.files[self.file];
        for change in content.pending.drain(..) {
            change.apply(&mut content.durable);
        }
        Ok(())
    }

    fn set_len(&mut self, bytes: u64) -> io::Result<()> {
        let mut world = self.disk.world();
        world.fails()?;
        world.change(self.file, Change::Length(bytes as usize));
        Ok(())
    }
}
