#![expect(clippy::unwrap_used, reason = "tests")]

use std::{collections::BTreeMap, io::Write, net::SocketAddr, time::Duration};

use super::*;
use crate::AppInfo;

const APP: AppInfo = AppInfo { name: "detector-svc", version: "1.2.3", env_prefix: "DETECTOR_SVC" };

crate::settings! {
    /// Where frames come from.
    pub(crate) struct Redis {
        /// URL of the server.
        ///
        /// May hold a password.
        pub(crate) url: String = "redis://localhost".to_owned(),
        /// Streams to read.
        pub(crate) streams: Vec<String> = vec!["robot_camera".to_owned()],
        /// How long to wait.
        #[serde(with = "humantime_serde")]
        pub(crate) wait: Duration = Duration::from_millis(1500),
    }
}

crate::settings! {
    /// What nobody is to see.
    pub(crate) struct Login {
        /// Who.
        pub(crate) user: String = String::new(),
        /// The password.
        #[masked(masked)]
        pub(crate) password: Secret = Secret::default(),
        /// Addresses.
        #[masked(upper)]
        pub(crate) address: String = "a".to_owned(),
    }
}

fn upper(text: &str) -> String {
    text.to_uppercase()
}

crate::settings! {
    /// How sure to be.
    pub(crate) struct Model checked by check_model {
        /// In 0..=1.
        pub(crate) threshold: f64 = 0.35,
        /// At most this many.
        pub(crate) max: u32 = 100,
        /// Another set of names.
        pub(crate) path: Option<String> = None,
        /// More buckets, by metric.
        pub(crate) buckets: BTreeMap<String, Vec<f64>> = BTreeMap::new(),
        /// Nested deeper.
        pub(crate) redis: Redis,
    }
}

crate::settings! {
    /// Everything.
    pub(crate) struct Everything {
        /// Input.
        pub(crate) redis: Redis,
        /// Name of this process.
        pub(crate) name: String = String::new(),
        /// Inference.
        pub(crate) model: Model,
        /// Address to listen on.
        pub(crate) listen: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 9)),
        /// Whether to.
        pub(crate) enabled: bool = true,
    }
}

fn check_model(model: &Model) -> Result<(), InvalidSetting> {
    if (0.0..=1.0).contains(&model.threshold) {
        return Ok(());
    }
    let reason = format!("is {}, not within 0..=1", model.threshold);
    Err(InvalidSetting::new("threshold", reason))
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned()));
    owned.collect()
}

fn from_file(text: &str) -> Result<Everything, SettingsError> {
    let file = file(text);
    let layers = Layers { file: Some(file.path().to_owned()), ..Layers::default() };
    load(&APP, &layers)
}

fn from_env(name: &str, text: &str) -> Result<Everything, SettingsError> {
    let env = pairs(&[(name, text)]);
    load(&APP, &Layers { env, ..Layers::default() })
}

fn from_flag(key: &str, text: &str) -> Result<Everything, SettingsError> {
    let overrides = pairs(&[(key, text)]);
    load(&APP, &Layers { overrides, ..Layers::default() })
}

fn message(loaded: Result<Everything, SettingsError>) -> String {
    loaded.unwrap_err().to_string()
}

#[test]
fn later_layers_win() {
    let file = file("name = 'file'\n[redis]\nurl = 'file'\n[model]\nmax = 1\nthreshold = 0.1\n");
    let layers = Layers {
        file: Some(file.path().to_owned()),
        env: pairs(&[("DETECTOR_SVC__MODEL__MAX", "2"), ("DETECTOR_SVC__REDIS__URL", "env")]),
        overrides: pairs(&[("redis.url", "flag")]),
    };
    let settings: Everything = load(&APP, &layers).unwrap();
    assert_eq!(settings.name, "file");
    assert_eq!(settings.model.threshold, 0.1);
    assert_eq!(settings.model.max, 2);
    assert_eq!(settings.redis.url, "flag");
    assert_eq!(settings.redis.wait, Duration::from_millis(1500));
}

#[test]
fn environment_takes_strings_raw_and_the_rest_as_toml() {
    for (text, expected) in [("12", "12"), ("[\"a\"]", "[\"a\"]"), ("", ""), ("\"q\"", "\"q\"")] {
        let settings = from_env("DETECTOR_SVC__REDIS__URL", text).unwrap();
        assert_eq!(settings.redis.url, expected);
    }
    let streams = from_env("DETECTOR_SVC__REDIS__STREAMS", "[\"a\", \"b\"]").unwrap();
    assert_eq!(streams.redis.streams, ["a", "b"]);
    assert!(!from_env("DETECTOR_SVC__ENABLED", "false").unwrap().enabled);
    let wait = from_env("DETECTOR_SVC__REDIS__WAIT", "2m").unwrap();
    assert_eq!(wait.redis.wait, Duration::from_secs(120));
    let listen = from_env("DETECTOR_SVC__LISTEN", "[::]:0").unwrap();
    assert_eq!(listen.listen.port(), 0);
}

#[test]
fn environment_is_matched_in_any_case_and_other_variables_are_left_alone() {
    let mixed = from_env("DETECTOR_SVC__Redis__Url", "x").unwrap();
    assert_eq!(mixed.redis.url, "x");
    for other in ["DETECTOR_SVC_PORT", "DETECTOR_SVCX__NAME", "PATH", "METRICS_SVC__NAME"] {
        assert_eq!(from_env(other, "x").unwrap(), Everything::default());
    }
}

#[test]
fn an_optional_setting_and_a_table_can_be_set_from_anywhere() {
    let path = from_env("DETECTOR_SVC__MODEL__PATH", "/a b").unwrap();
    assert_eq!(path.model.path.as_deref(), Some("/a b"));
    let buckets = from_flag("model.buckets.latency", "[1.0]").unwrap();
    assert_eq!(buckets.model.buckets["latency"], [1.0]);
    let buckets = from_file("[model.buckets]\nlatency = [2.0]").unwrap();
    assert_eq!(buckets.model.buckets["latency"], [2.0]);
}

#[test]
fn an_unknown_key_is_named_with_its_layer() {
    assert_eq!(
        message(from_env("DETECTOR_SVC__REDIS__URLL", "x")),
        "unknown setting `redis.urll` in environment variable DETECTOR_SVC__REDIS__URLL"
    );
    assert_eq!(
        message(from_flag("model.redis.urll", "x")),
        "unknown setting `model.redis.urll` in flag --set model.redis.urll"
    );
    assert_eq!(message(from_flag("name.more", "x")), "unknown setting `name.more` in flag --set name.more");
    let unknown = message(from_file("[model.redis]\nurll = 1"));
    assert!(unknown.starts_with("unknown setting `model.redis.urll` in file /"), "{unknown}");
}

#[test]
fn a_wrong_type_names_key_value_and_what_was_expected() {
    let wrong = message(from_env("DETECTOR_SVC__MODEL__MAX", "many"));
    assert_eq!(
        wrong,
        "setting `model.max` in environment variable DETECTOR_SVC__MODEL__MAX cannot be \"many\": \
         invalid type: string \"many\", expected u32"
    );
    let negative = message(from_flag("model.max", "-1"));
    assert!(negative.contains("integer `-1`") && negative.contains("expected u32"), "{negative}");
    let address = message(from_file("listen = 'nowhere'"));
    assert!(address.contains("`listen`") && address.contains("\"nowhere\""), "{address}");
    let section = message(from_file("redis = 1"));
    assert!(section.contains("`redis`") && section.contains("section"), "{section}");
}

#[test]
fn text_cannot_break_out_of_its_key() {
    let broken = message(from_flag("model.max", "1\nmodel.threshold = 2"));
    assert!(broken.contains("`model.max`"), "{broken}");
}

#[test]
fn a_rule_of_a_section_is_checked_last() {
    assert_eq!(
        message(from_flag("model.threshold", "1.5")),
        "setting `model.threshold` is 1.5, not within 0..=1"
    );
}

#[test]
fn a_file_that_is_missing_or_no_toml_is_named() {
    let layers = Layers { file: Some("/nonexistent/settings.toml".into()), ..Layers::default() };
    let missing = message(load(&APP, &layers));
    assert!(missing.contains("/nonexistent/settings.toml"), "{missing}");
    let syntax = message(from_file("name = = 1"));
    assert!(syntax.contains("is not TOML") && syntax.contains("line 1"), "{syntax}");
}

#[test]
fn a_dump_explains_every_key_and_loads_as_the_same_settings() {
    let mut settings = Everything::default();
    settings.redis.url = "quote \" backslash \\ line\nend".to_owned();
    settings.redis.streams = vec!["a".to_owned(), "b]".to_owned()];
    settings.model.buckets.insert("a.b".to_owned(), vec![0.1, 2.0]);
    settings.model.path = Some(String::new());
    let text = dump(&settings).unwrap();
    assert_eq!(from_file(&text).unwrap(), settings, "{text}");
}

#[test]
fn the_dump_of_the_defaults_reads_as_a_file_does() {
    let text = dump(&Everything::default()).unwrap();
    let expected = r#"# Name of this process.
name = ""

# Address to listen on.
listen = "127.0.0.1:9"

# Whether to.
enabled = true

# Input.
[redis]
# URL of the server.
#
# May hold a password.
url = "redis://localhost"

# Streams to read.
streams = ["robot_camera"]

# How long to wait.
wait = "1s 500ms"

# Inference.
[model]
# In 0..=1.
threshold = 0.35

# At most this many.
max = 100

# Another set of names.
# path is not set

# More buckets, by metric.
buckets = {}

# Nested deeper.
[model.redis]
"#;
    assert!(text.starts_with(expected), "{text}");
}

#[test]
fn a_secret_is_loaded_and_written_to_files_and_shown_nowhere() {
    let mut settings = Login { user: "u".to_owned(), ..Login::default() };
    assert!(dump(&settings).unwrap().contains("password = \"\"\n"));
    settings.password = Secret::new("hunter2");
    let shown = dump(&settings).unwrap();
    assert!(shown.contains("password = \"***\"\n") && shown.contains("address = \"A\"\n"), "{shown}");
    assert!(!format!("{settings:?}").contains("hunter2"));
    let file = file(&to_toml(&settings).unwrap());
    let layers = Layers { file: Some(file.path().to_owned()), ..Layers::default() };
    let loaded: Login = load(&APP, &layers).unwrap();
    assert_eq!(loaded.password.reveal(), "hunter2");
    assert_eq!(loaded, settings);
}

#[test]
fn no_error_repeats_a_secret() {
    for text in ["password = [\"hunter2\"]", "password = hunter2", "password = \"hunter2", "hunter2"] {
        let file = file(text);
        let layers = Layers { file: Some(file.path().to_owned()), ..Layers::default() };
        let error = load::<Login>(&APP, &layers).unwrap_err().to_string();
        assert!(!error.contains("hunter2"), "{error}");
        assert!(error.contains("`password`") || error.contains("line 1, column"), "{error}");
    }
    let overrides = pairs(&[("pasword", "hunter2")]);
    let error = load::<Login>(&APP, &Layers { overrides, ..Layers::default() }).unwrap_err().to_string();
    assert_eq!(error, "unknown setting `pasword` in flag --set pasword");
}
