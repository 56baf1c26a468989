//! Image files, played at a rate: the images of a folder, or those that a list names.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::time::{Interval, MissedTickBehavior, interval};

/// Extensions of image files, in lower case.
const EXTENSIONS: [&str; 4] = ["jpg", "jpeg", "png", "webp"];

/// Why images cannot be played.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImagesError {
    /// A folder, a list or an image cannot be read.
    #[error("{} cannot be read: {source}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// An image that a list names cannot be read.
    #[error("{}, line {line}: {} cannot be read: {source}", list.display(), path.display())]
    Listed {
        /// The list.
        list: PathBuf,
        /// Line of the list, from 1.
        line: usize,
        /// The image.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is no image.
    #[error("{} has no JPEG, PNG or WebP files", .0.display())]
    Empty(PathBuf),
}

/// The images at `path`: of a folder in the order of their names, or of a text file that names one a line, relative to
/// itself, in that order. Each can be read.
///
/// # Errors
/// [`ImagesError`]: the first that is missing or cannot be read, or there is none.
pub fn images(path: &Path) -> Result<Vec<PathBuf>, ImagesError> {
    let images = if path.is_dir() { of_folder(path) } else { of_list(path) }?;
    if images.is_empty() {
        return Err(ImagesError::Empty(path.to_owned()));
    }
    Ok(images)
}

fn of_folder(folder: &Path) -> Result<Vec<PathBuf>, ImagesError> {
    let unreadable = |path: &Path| {
        let path = path.to_owned();
        move |source| ImagesError::Unreadable { path, source }
    };
    let entries = std::fs::read_dir(folder).map_err(unreadable(folder))?;
    let paths: Result<Vec<_>, _> = entries.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut images = paths.map_err(unreadable(folder))?;
    images.retain(|path| {
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        EXTENSIONS.contains(&extension.to_ascii_lowercase().as_str())
    });
    images.sort_unstable();
    for image in &images {
        can_be_read(image).map_err(unreadable(image))?;
    }
    Ok(images)
}

fn of_list(list: &Path) -> Result<Vec<PathBuf>, ImagesError> {
    let unreadable = |source| ImagesError::Unreadable { path: list.to_owned(), source };
    let text = std::fs::read_to_string(list).map_err(unreadable)?;
    let folder = list.parent().unwrap_or(Path::new(""));
    let lines = text.lines().enumerate().map(|(number, line)| (number + 1, line.trim()));
    let images = lines.filter(|(_, line)| !line.is_empty()).map(|(line, name)| {
        let path = folder.join(name);
        match can_be_read(&path) {
            Ok(()) => Ok(path),
            Err(source) => Err(ImagesError::Listed { list: list.to_owned(), line, path, source }),
        }
    });
    images.collect()
}

fn can_be_read(path: &Path) -> io::Result<()> {
    if File::open(path)?.metadata()?.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    Ok(())
}

/// Says when it is each image's turn.
#[derive(Debug)]
pub struct Player {
    images: Vec<PathBuf>,
    repeat: bool,
    next: usize,
    ticks: Interval,
}

impl Player {
    /// Plays `images` at `fps` frames a second, once, or again and again with `repeat`. Needs a tokio runtime.
    #[must_use]
    pub fn new(images: Vec<PathBuf>, fps: f64, repeat: bool) -> Self {
        let mut ticks = interval(Duration::from_secs_f64(1.0 / fps));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { images, repeat, next: 0, ticks }
    }

    /// Waits for the next image's turn; `None` after the last. Nothing is lost when it is not waited for to the end.
    pub async fn next(&mut self) -> Option<&Path> {
        if self.next == self.images.len() && self.repeat {
            self.next = 0;
        }
        self.images.get(self.next)?;
        self.ticks.tick().await;
        self.next += 1;
        self.images.get(self.next - 1).map(PathBuf::as_path)
    }
}

/// Whether images can be played at this rate.
#[must_use]
pub fn is_rate(fps: f64) -> bool {
    (0.001..=10_000.0).contains(&fps)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn names(images: &[PathBuf]) -> Vec<&str> {
        images.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect()
    }

    #[test]
    fn a_folder_is_played_in_the_order_of_its_names() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(images(folder.path()), Err(ImagesError::Empty(_))));
        for name in ["b.JPG", "a.png", "c.txt"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        assert_eq!(names(&images(folder.path()).unwrap()), ["a.png", "b.JPG"]);
    }

    #[test]
    fn a_list_is_played_in_its_own_order_and_a_missing_image_is_told_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let list = folder.path().join("list.txt");
        assert!(images(&list).unwrap_err().to_string().contains("list.txt cannot be read"));
        for name in ["b.jpg", "a.jpg"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        std::fs::write(&list, "b.jpg\n\n  a.jpg\nb.jpg\n").unwrap();
        assert_eq!(names(&images(&list).unwrap()), ["b.jpg", "a.jpg", "b.jpg"]);
        std::fs::write(&list, "b.jpg\n\nc.jpg\n").unwrap();
        let error = images(&list).unwrap_err().to_string();
        assert!(error.contains("line 3: ") && error.contains("c.jpg cannot be read"), "{error}");
        std::fs::write(&list, "\n").unwrap();
        assert!(matches!(images(&list), Err(ImagesError::Empty(_))));
    }

    #[tokio::test(start_paused = true)]
    async fn images_have_their_turn_once_or_for_ever() {
        let images = || vec![PathBuf::from("a"), PathBuf::from("b")];
        let mut once = Player::new(images(), 10.0, false);
        let start = tokio::time::Instant::now();
        assert_eq!(once.next().await, Some(Path::new("a")));
        assert_eq!(once.next().await, Some(Path::new("b")));
        assert_eq!(start.elapsed().as_millis(), 100);
        assert_eq!(once.next().await, None);
        let mut again = Player::new(images(), 10.0, true);
        for expected in ["a", "b", "a", "b"] {
            assert_eq!(again.next().await, Some(Path::new(expected)));
        }
    }

    #[test]
    fn a_rate_is_positive_and_finite() {
        assert!(![0.0, -1.0, f64::NAN, f64::INFINITY].into_iter().any(is_rate));
        assert!(is_rate(12.5));
    }
}
