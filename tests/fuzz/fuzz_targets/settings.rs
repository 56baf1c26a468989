//! Settings from a file, the environment and flags: what is accepted is what a dump of it gives again.
#![no_main]

use std::{fs, path::PathBuf, process, time::Duration};

use libfuzzer_sys::{arbitrary::Arbitrary, fuzz_target};
use vision_service::{
    AppInfo,
    settings::{Layers, dump, load},
};

vision_service::settings! {
    /// A section with a value of each kind.
    pub struct Section {
        /// Text.
        pub text: String = "text".to_owned(),
        /// A whole number.
        pub number: u32 = 1,
        /// A fraction.
        pub fraction: f32 = 0.5,
        /// A switch.
        pub switch: bool = false,
        /// A list.
        pub list: Vec<String> = Vec::new(),
        /// A duration.
        #[serde(with = "humantime_serde")]
        pub duration: Duration = Duration::from_secs(1),
    }
}

vision_service::settings! {
    /// Everything.
    pub struct Everything {
        /// A section.
        pub section: Section,
        /// A key beside it.
        pub key: u64 = 0,
    }
}

#[derive(Arbitrary, Debug)]
struct Input {
    file: Option<String>,
    environment: Vec<(String, String)>,
    overrides: Vec<(u8, String)>,
}

const APP: AppInfo = AppInfo { name: "fuzzed", version: "1", env_prefix: "F" };
const KEYS: [&str; 9] = [
    "key",
    "section",
    "section.text",
    "section.number",
    "section.fraction",
    "section.switch",
    "section.list",
    "section.duration",
    "section.text.deeper",
];

fn read(layers: &Layers) -> Option<Everything> {
    match load(&APP, layers) {
        Ok(settings) => Some(settings),
        Err(error) => {
            assert!(!error.to_string().is_empty());
            None
        }
    }
}

fuzz_target!(|input: Input| {
    let path: PathBuf = std::env::temp_dir().join(format!("fuzz-settings-{}.toml", process::id()));
    if let Some(text) = &input.file {
        fs::write(&path, text).expect("the temporary folder can be written");
    }
    let key = |index: u8| KEYS[usize::from(index) % KEYS.len()].to_owned();
    let layers = Layers {
        file: input.file.as_ref().map(|_| path.clone()),
        env: input.environment.into_iter().map(|(name, value)| (format!("F__{name}"), value)).collect(),
        overrides: input.overrides.into_iter().map(|(index, value)| (key(index), value)).collect(),
    };
    let Some(settings) = read(&layers) else {
        return;
    };
    let text = dump(&settings).expect("what was read can be written");
    fs::write(&path, &text).expect("the temporary folder can be written");
    let again: Everything = load(&APP, &Layers { file: Some(path), ..Layers::default() }).expect(&text);
    assert_eq!(dump(&again).expect("as above"), text);
});
