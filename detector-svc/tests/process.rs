//! The program as whoever starts it sees it: exit codes and what it says.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::process::{Command, Output};

/// Runs the program on free ports, without Redis.
fn run(args: &[&str]) -> Output {
    let common = ["grpc.listen=127.0.0.1:0", "http.listen=127.0.0.1:0", "redis.url="];
    let mut command = Command::new(env!("CARGO_BIN_EXE_detector-svc"));
    command.args(common.iter().flat_map(|setting| ["--set", setting])).args(args).output().unwrap()
}

fn assert_ends(args: &[&str], code: i32, says: &[&str]) {
    let output = run(args);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{args:?}: {stderr}");
    for part in says {
        assert!(stderr.contains(part), "{args:?} says {stderr:?}, which lacks {part:?}");
    }
}

#[test]
fn settings_that_cannot_be_used_exit_64_and_are_named() {
    assert_ends(&["--set", "redis.urll=x"], 64, &["unknown setting `redis.urll`"]);
    assert_ends(&["--set", "redis.policy=newest"], 64, &["redis.policy", "newest", "latest"]);
    assert_ends(&["--set", "runtime.providers=[\"gpu\"]"], 64, &["runtime.providers", "gpu", "cuda"]);
    assert_ends(&["--set", "runtime.providers=[]"], 64, &["runtime.providers", "empty"]);
    assert_ends(&["--set", "model.confidence_threshold=2"], 64, &["model.confidence_threshold", "2"]);
    assert_ends(&["--set", "model.family=resnet"], 64, &["model.family", "resnet", "boxes_scores"]);
    assert_ends(&["--set", "batch.max_size=0"], 64, &["batch.max_size", "0"]);
    assert_ends(&["--set", "image.max_pixels=0"], 64, &["image.max_pixels", "1 to 100000000"]);
    assert_ends(&["--set", "model.max_detections=4097"], 64, &["model.max_detections", "1 to 4096"]);
    assert_ends(&["--set", "metrics.endpoint=nowhere"], 64, &["metrics.endpoint", "nowhere"]);
    assert_ends(&["--set", "redis.url=http://x"], 64, &["redis.url"]);
    assert_ends(&["--set", "redis.policies.cam=all"], 64, &["redis.policies.cam", "all", "every"]);
    assert_ends(&["--set", "ownership.lease=100ms"], 64, &["ownership.lease", "100ms", "500ms..=60s"]);
    assert_ends(&["--set", "batch.max_age=999999999999s"], 64, &["batch.max_age", "1 day"]);
    assert_ends(
        &["--set", "publish.labels_stream=detected_objects"],
        64,
        &["publish.labels_stream", "detected_objects", "publish.objects_stream"],
    );
    assert_ends(&["--set", "files.fps=0"], 64, &["files.fps", "0.001..=10000"]);
    for (setting, says) in
        [("discover_every=1ms", "50ms"), ("group=", "empty"), ("max_deliveries=0", "at least 1")]
    {
        let setting = format!("redis.{setting}");
        assert_ends(&["--set", "redis.url=redis://x", "--set", &setting], 64, &[says]);
    }
    assert_ends(
        &["--set", "redis.streams=[\"a\", \"a\"]", "--set", "redis.url=redis://x"],
        64,
        &["\"a\" twice"],
    );
    assert_ends(&["--set", "redis.streams=[\"detected_objects\"]"], 64, &["publish.objects_stream", "reads"]);
    assert_ends(&["--config", "/nonexistent.toml"], 64, &["/nonexistent.toml"]);
    assert_ends(&["--nonsense"], 64, &["--nonsense"]);
}

#[test]
fn sound_settings_are_checked_and_shown() {
    assert_ends(&["--check"], 0, &[]);
    let shown = run(&["--dump-config", "--set", "batch.max_size=3"]);
    let shown = String::from_utf8(shown.stdout).unwrap();
    for line in ["[batch]", "max_size = 3", "# Most images in one run of the model, 1 to 64."] {
        assert!(shown.lines().any(|shown| shown == line), "{line} is not in {shown}");
    }
}

#[test]
fn passwords_are_not_shown() {
    let url = "redis.url=redis://:hunter2@host/3";
    let output = run(&["--dump-config", "--set", url, "--set", "redis.password=hunter2"]);
    let shown = String::from_utf8(output.stdout).unwrap();
    for line in ["url = \"redis://:***@host/3\"", "password = \"***\""] {
        assert!(shown.lines().any(|shown| shown == line), "{line} is not in {shown}");
    }
    for mistake in ["redis.url=rediss://:hunter2@host/#insecure", "redis.urll=redis://:hunter2@host"] {
        let output = run(&["--set", mistake]);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(64) && stderr.contains("redis.url"), "{stderr}");
        assert!(!stderr.contains("hunter2"), "{stderr}");
    }
}

#[test]
fn a_model_that_cannot_be_served_exits_1_with_what_was_expected() {
    assert_ends(&["--set", "model.path=/nonexistent.onnx"], 1, &["/nonexistent.onnx", "cannot be read"]);
    let no_model = concat!("model.path=", env!("CARGO_MANIFEST_DIR"), "/tests/process.rs");
    assert_ends(&["--set", no_model], 1, &["process", "an ONNX file was expected"]);
    let classifier = concat!("model.path=", env!("CARGO_MANIFEST_DIR"), "/tests/models/identity.onnx");
    assert_ends(&["--set", classifier], 1, &["identity", "not a detector of a known family", "`scores`"]);
    let labels = "model.labels=[\"a\", \"b\"]";
    assert_ends(&["--set", labels], 1, &["80 classes", "2 labels"]);
}

#[test]
fn a_provider_that_is_missing_exits_1_unless_the_processor_may_stand_in() {
    assert_ends(&["--set", "runtime.providers=[\"cuda\"]"], 1, &["cuda", "`cpu` is not listed after it"]);
    assert_ends(&["--set", "runtime.providers=[\"cpu\", \"tensorrt\"]"], 1, &["tensorrt"]);
}

#[test]
fn an_address_that_is_taken_exits_1_and_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    assert_ends(&["--set", &format!("grpc.listen={address}")], 1, &[&address]);
}

#[test]
fn a_runtime_that_is_missing_is_looked_for_in_every_place() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_detector-svc"));
    command.args([
        "--set",
        "grpc.listen=127.0.0.1:0",
        "--set",
        "http.listen=127.0.0.1:0",
        "--set",
        "redis.url=",
    ]);
    let output = command.env("ORT_DYLIB_PATH", "/nonexistent/libonnxruntime.so").output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(
        stderr.contains("/nonexistent/libonnxruntime.so") && stderr.contains("ORT_DYLIB_PATH"),
        "{stderr}"
    );
}

#[test]
fn a_folder_without_images_is_not_published() {
    let empty = tempfile::tempdir().unwrap();
    let dir = empty.path().display().to_string();
    assert_ends(&["publish", &dir], 1, &[&dir, "no JPEG, PNG or WebP files"]);
}
