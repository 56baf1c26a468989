//! The house is as its README says, and as the rules of the house ask.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use vision_metrics::catalogue;
use vision_service::settings::{KeyDoc, Settings};

/// Lines of a source file.
const MAX_LINES: usize = 350;
/// Folders that are not the project's own.
const NOT_OURS: [&str; 4] = ["target", ".git", ".local", ".venv"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn readme() -> String {
    fs::read_to_string(root().join("README.md")).unwrap()
}

/// Cells of the tables under a heading of the README, row by row, headers and rulers left out.
fn rows(heading: &str) -> Vec<Vec<String>> {
    let readme = readme();
    let section = readme.split_once(&format!("\n{heading}\n")).unwrap().1;
    let level = |line: &str| line.bytes().take_while(|byte| *byte == b'#').count();
    let lines = section.lines().take_while(|line| !(1..=level(heading)).contains(&level(line)));
    let cells = lines.filter(|line| line.starts_with("| `")).map(|line| {
        let cells = line.trim_matches('|').split(" | ");
        cells.map(|cell| cell.trim().trim_matches('`').to_owned()).collect()
    });
    cells.collect()
}

/// Rust files of the project.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() && !NOT_OURS.contains(&name) {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn the_metrics_table_is_the_catalogue() {
    let table: Vec<_> = rows("## Metrics").into_iter().map(|row| row[..3].join(" | ")).collect();
    let catalogue = catalogue::ALL.iter().map(|spec| {
        format!("{} | {} | {}", spec.name, spec.kind, spec.label_names.join(", ")).trim().to_owned()
    });
    let table: Vec<_> = table.iter().map(|row| row.trim().to_owned()).collect();
    assert_eq!(table, catalogue.collect::<Vec<_>>());
}

fn keys(prefix: &str, docs: &[KeyDoc], found: &mut Vec<String>) {
    for doc in docs {
        let path = format!("{prefix}{}", doc.name());
        match doc.keys() {
            Some(inner) => keys(&format!("{path}."), inner, found),
            None => found.push(path),
        }
    }
}

#[test]
fn the_settings_tables_are_the_settings() {
    for (heading, docs) in [
        ("### detector-svc", detector_svc::Settings::keys()),
        ("### metrics-svc", metrics_svc::Settings::keys()),
    ] {
        let table: Vec<_> = rows(heading).into_iter().map(|row| row[0].clone()).collect();
        let mut settings = Vec::new();
        keys("", &docs, &mut settings);
        assert_eq!(table, settings, "{heading}");
    }
}

#[test]
fn the_code_map_has_every_room_and_no_other() {
    let mut mapped = BTreeSet::new();
    for row in rows("## Code map") {
        let mut folder = PathBuf::new();
        for path in row[0].split(", ").map(|path| path.trim_matches('`')) {
            // The later paths of a row stand beside the first.
            let path = if path.contains('/') && root().join(path).exists() {
                PathBuf::from(path)
            } else {
                folder.join(path)
            };
            assert!(root().join(&path).exists(), "{} is not there", path.display());
            folder = path.parent().unwrap().to_owned();
            mapped.insert(path);
        }
    }
    for folder in
        ["metrics-svc/core", "metrics-svc/client", "metrics-svc/service", "metrics-svc", "detector-svc"]
    {
        for entry in fs::read_dir(root().join(folder).join("src")).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let tests = name.ends_with("_tests.rs");
            let room = Path::new(folder).join("src").join(&name);
            assert!(
                tests || ["lib.rs", "main.rs"].contains(&&*name) || mapped.contains(&room),
                "{}",
                room.display()
            );
        }
    }
}

#[test]
fn files_are_short_and_no_room_is_called_utils() {
    let mut files = Vec::new();
    sources(&root(), &mut files);
    assert!(files.len() > 100, "{} files", files.len());
    for file in files {
        let lines = fs::read_to_string(&file).unwrap().lines().count();
        assert!(lines <= MAX_LINES, "{} has {lines} lines", file.display());
        let room = file.file_stem().unwrap().to_str().unwrap();
        assert!(!["utils", "util", "common", "helpers", "misc"].contains(&room), "{}", file.display());
    }
}

#[test]
fn pure_rooms_do_no_io_and_read_no_clock() {
    let pure = [
        "metrics-svc/core/src",
        "detector-svc/src/frame.rs",
        "detector-svc/src/detection.rs",
        "detector-svc/src/annotate",
        "detector-svc/src/image",
        "detector-svc/src/preprocess",
        "detector-svc/src/model",
        "detector-svc/src/segment",
        "detector-svc/src/track",
    ];
    for room in pure.map(|room| root().join(room)) {
        let mut files = Vec::new();
        if room.is_dir() {
            sources(&room, &mut files);
        } else {
            files.push(room);
        }
        for file in files.iter().filter(|file| !file.to_str().unwrap().ends_with("tests.rs")) {
            let text = fs::read_to_string(file).unwrap();
            for word in ["tokio", "Instant::now", "SystemTime", "fs::", "fs,", "net::", "File::open"] {
                assert!(!text.contains(word), "{} says {word}", file.display());
            }
        }
    }
}
