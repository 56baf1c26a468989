#!/usr/bin/env python3
"""Installs the ONNX Runtime shared library that detector-svc loads.

Downloads the pinned wheel with pip, which verifies its hash, and unpacks the library into
DIR/<version>/lib (DIR/<version>-gpu/lib with --gpu). Only the standard library and pip are needed.
Run again, it checks what is there and does nothing when it is whole.
"""

import argparse
import hashlib
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path, PurePosixPath

HERE = Path(__file__).resolve().parent
DEFAULT_DIR = HERE.parent.parent / ".local" / "onnxruntime"
# Which wheel is taken has nothing to do with the Python that runs this: see requirements.txt.
WHEEL_PYTHON = "3.12"
PLATFORM_TAGS = {
    "linux-x86_64": "manylinux_2_28_x86_64",
    "linux-aarch64": "manylinux_2_28_aarch64",
    "macos-arm64": "macosx_14_0_arm64",
}
# How other tools name the same processors.
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
NOTICES = ("LICENSE", "ThirdPartyNotices.txt")
SUMS = "SHA256SUMS"


def main():
    args = parse_args()
    requirements = HERE / ("requirements-gpu.txt" if args.gpu else "requirements.txt")
    version = pinned_version(requirements)
    target = args.dir / (version + ("-gpu" if args.gpu else ""))
    if is_whole(target):
        print(f"ONNX Runtime {version}: already in {target / 'lib'}")
        return
    print(f"ONNX Runtime {version}: downloading the wheel for {args.platform} with pip into {target / 'lib'}")
    args.dir.mkdir(parents=True, exist_ok=True)
    # Beside the target, so that the last step is one rename: what is half done never has the final name.
    with tempfile.TemporaryDirectory(prefix=".download-", dir=args.dir) as scratch:
        wheel = download(requirements, args.platform, Path(scratch) / "wheel")
        unpacked = Path(scratch) / "unpacked"
        unpack(wheel, unpacked)
        put_in_place(unpacked, target, Path(scratch) / "old")
    names = ", ".join(sorted(path.name for path in (target / "lib").iterdir()))
    print(f"ONNX Runtime {version}: installed, {names}")


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--dir", type=Path, default=DEFAULT_DIR, help="where to install (default: %(default)s)"
    )
    parser.add_argument(
        "--gpu", action="store_true", help="with the CUDA and TensorRT providers (Linux x86_64)"
    )
    parser.add_argument("--platform", help=f"instead of this machine's: {', '.join(PLATFORM_TAGS)}")
    args = parser.parse_args()
    args.dir = args.dir.absolute()
    args.platform = args.platform or this_platform()
    if args.platform not in PLATFORM_TAGS:
        parser.error(
            f"there is no wheel for {args.platform}: install ONNX Runtime some other way "
            "and name its library in ORT_DYLIB_PATH"
        )
    if args.gpu and args.platform != "linux-x86_64":
        parser.error("--gpu needs Linux on x86_64")
    return args


def this_platform():
    machine = platform.machine().lower()
    if platform.system() == "Darwin":
        return f"macos-{machine}"
    return f"{platform.system().lower()}-{MACHINES.get(machine, machine)}"


def pinned_version(requirements):
    return re.search(r"^onnxruntime(?:-gpu)?==(\S+)", requirements.read_text(), re.MULTILINE).group(1)


def download(requirements, platform_name, folder):
    """The wheel, downloaded and its hash verified by pip."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary=:all:", "--implementation", "cp", "--python-version", WHEEL_PYTHON]
    command += ["--platform", PLATFORM_TAGS[platform_name], "--require-hashes", "--requirement", requirements]
    result = subprocess.run([*command, "--dest", folder], check=False)
    if result.returncode != 0:
        sys.exit(
            "ONNX Runtime: pip could not download the wheel (its message is above); nothing was installed"
        )
    return next(folder.glob("*.whl"))


def unpack(wheel, folder):
    """Takes the shared libraries and the notices out of the wheel."""
    lib = folder / "lib"
    lib.mkdir(parents=True)
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.namelist():
            path = PurePosixPath(member)
            if path.match("onnxruntime/capi/libonnxruntime*"):
                extract(archive, member, lib / path.name)
            elif path.parent.name == "onnxruntime" and path.name in NOTICES:
                extract(archive, member, folder / path.name)
    versioned = next(
        path for path in lib.iterdir() if re.search(r"libonnxruntime\.(so\.\d|\d.*dylib)", path.name)
    )
    suffix = ".dylib" if versioned.name.endswith(".dylib") else ".so"
    (lib / f"libonnxruntime{suffix}").symlink_to(versioned.name)
    (folder / SUMS).write_text(
        "".join(f"{sha256(path)}  {path.relative_to(folder)}\n" for path in files(folder))
    )


def extract(archive, member, to):
    with archive.open(member) as source, to.open("wb") as target:
        shutil.copyfileobj(source, target)
    to.chmod(0o755 if to.parent.name == "lib" else 0o644)


def put_in_place(unpacked, target, old):
    if target.exists():
        target.rename(old)
    try:
        unpacked.rename(target)
    except OSError:
        # Another run was faster; what it installed is as good.
        if not is_whole(target):
            raise


def is_whole(target):
    """Whether everything that was installed is still there, byte by byte."""
    try:
        entries = [line.split("  ", 1) for line in (target / SUMS).read_text().splitlines()]
        return bool(entries) and all(sha256(target / name) == digest for digest, name in entries)
    except (OSError, ValueError):
        return False


def files(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def sha256(path):
    with path.open("rb") as file:
        digest = hashlib.sha256()
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


if __name__ == "__main__":
    main()
