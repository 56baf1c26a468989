"""What the generator scripts of the golden models share.

Each script makes tiny models with random weights of real architectures, exports them to ONNX as the library's users would, and writes
beside each the detections that the library's own pre- and post-processing gives for one frame (expected.json).

Called by itself, `python common.py [JPEG]` decodes the sample frame and saves it as tests/golden/families/frame.png.
Packages: see requirements.txt.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from PIL import Image, ImageOps

TESTS = Path(__file__).resolve().parents[2]
FAMILIES = TESTS / "golden" / "families"
FRAME = FAMILIES / "frame.png"
MAX_BYTES = 2_000_000
IMAGENET_STD = (0.229, 0.224, 0.225)


def make_frame(jpeg=TESTS / "frames" / "vtest" / "0000.jpg"):
    """Save the frame as PNG, so that no JPEG decoder's rounding matters."""
    FAMILIES.mkdir(parents=True, exist_ok=True)
    Image.open(jpeg).convert("RGB").save(FRAME, optimize=True)


def load_frame():
    """The sample frame: 768x576, RGB."""
    return Image.open(FRAME).convert("RGB")


def other_frame():
    """A second picture of the same size, for batches of two: the frame turned upside down, its colours inverted."""
    return ImageOps.invert(ImageOps.flip(load_frame()))


def set_seed(seed):
    """Same numbers each time."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    np.random.seed(seed)


def session(path):
    """An onnxruntime session on the CPU with one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def run_onnx(path, feeds):
    """Outputs of the model by name."""
    runner = session(path)
    names = [output.name for output in runner.get_outputs()]
    return dict(zip(names, runner.run(names, feeds)))


def export(module, args, folder, inputs, outputs, dynamic_axes, opset=17):
    """Export with PyTorch's TorchScript exporter; check the file and its size."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "model.onnx"
    module.eval()
    with torch.no_grad():
        torch.onnx.export(module, args, str(path), input_names=inputs, output_names=outputs, dynamic_axes=dynamic_axes,
                          opset_version=opset, dynamo=False)
    model = onnx.load(str(path))
    onnx.checker.check_model(model, full_check=True)
    check_size(path)
    return path


def check_size(path):
    """Small files only."""
    size = path.stat().st_size
    assert size <= MAX_BYTES, f"{path} has {size} bytes"
    return size


def check_onnx(path, module, inputs, outputs, args, tolerance=1e-4):
    """The ONNX model gives PyTorch's outputs, for `args` (a batch of two) and for its first image alone."""
    for count in (1, len(args[0])):
        part = [arg[:count] for arg in args]
        with torch.no_grad():
            wanted = module(*part)
        wanted = [wanted] if isinstance(wanted, torch.Tensor) else list(wanted)
        got = run_onnx(path, {name: arg.numpy() for name, arg in zip(inputs, part)})
        assert len(wanted) == len(outputs) == len(got)
        for name, value in zip(outputs, wanted):
            assert got[name].shape == tuple(value.shape), (name, got[name].shape, value.shape)
            error = np.abs(got[name].astype(np.float64) - value.numpy().astype(np.float64)).max()
            scale = max(1.0, float(value.abs().max()))
            assert error <= tolerance * scale, f"{name}, batch of {count}: off by {error} (of {scale})"


def clip_box(box, width=768, height=576):
    """Corners inside the frame, or None where nothing is left."""
    x_min, x_max = (min(max(float(x), 0.0), float(width)) for x in (box[0], box[2]))
    y_min, y_max = (min(max(float(y), 0.0), float(height)) for y in (box[1], box[3]))
    return [x_min, y_min, x_max, y_max] if x_max > x_min and y_max > y_min else None


def rle(mask):
    """COCO's compressed run lengths of a mask."""
    from pycocotools import mask as coco

    encoded = coco.encode(np.asfortranarray(np.asarray(mask).astype(np.uint8)))
    return {"size": [int(side) for side in encoded["size"]], "counts": encoded["counts"].decode("ascii")}


def detection(class_id, confidence, box, label=None, mask=None):
    """One detection as the scripts pass it on; None where the clipped box is empty."""
    box = clip_box(box)
    if box is None:
        return None
    return {"class_id": int(class_id), "label": label or f"class_{int(class_id)}", "confidence": float(confidence), "box": box,
            "mask": None if mask is None else np.asarray(mask).astype(bool)}


def write_expected(folder, made_by, script, threshold, detections, iou=1.0, max_detections=300, **more):
    """Write expected.json: the last file of a family."""
    rows = []
    for found in sorted((found for found in detections if found), key=lambda found: -found["confidence"])[:max_detections]:
        row = {"label": found["label"], "class_id": found["class_id"], "confidence": round(found["confidence"], 6),
               "box": [round(x, 3) for x in found["box"]]}
        if found["mask"] is not None:
            row["mask"] = rle(found["mask"])
        rows.append(row)
    head = {"made_by": made_by, "script": script, "threshold": threshold, "iou": iou, "max_detections": max_detections, **more}
    lines = [f"  {json.dumps(key)}: {json.dumps(value)}," for key, value in head.items()]
    body = ",\n".join("    " + json.dumps(row) for row in rows)
    text = "{\n" + "\n".join(lines) + '\n  "detections": [\n' + body + "\n  ]\n}\n"
    json.loads(text)
    (folder / "expected.json").write_text(text)


# Checks that an expectation is robust, yet tells a wrong chain from the right one


def grey_noise(pixels, seed, std=IMAGENET_STD, valid=None):
    """`pixels` (N, 3, H, W, normalised) with -1, 0 or +1 grey level added at each place; `valid` marks what is no padding."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randint(-1, 2, pixels.shape, generator=generator).float() / 255 / torch.tensor(std).view(1, 3, 1, 1)
    if valid is not None:
        noise = noise * valid.view(len(pixels), 1, *valid.shape[-2:]).float()
    return pixels + noise


def moved(before, after):
    """How far the detections moved: the largest change of a score and of a box corner, and the smallest IoU of masks. Detections are
    paired by class and nearest box. None where their number changed."""
    before, after = [d for d in before if d], [d for d in after if d]
    if len(before) != len(after):
        return None
    score = corner = 0.0
    overlap = 1.0
    left = list(after)
    for one in before:
        same = [other for other in left if other["class_id"] == one["class_id"]]
        if not same:
            return None
        other = min(same, key=lambda other: np.abs(np.subtract(one["box"], other["box"])).max() + 100 * abs(one["confidence"] - other["confidence"]))
        left = [kept for kept in left if kept is not other]
        score = max(score, abs(one["confidence"] - other["confidence"]))
        corner = max(corner, float(np.abs(np.subtract(one["box"], other["box"])).max()))
        if one["mask"] is not None:
            union = (one["mask"] | other["mask"]).sum()
            overlap = min(overlap, float((one["mask"] & other["mask"]).sum() / max(union, 1)))
    return score, corner, overlap


def problems(detect, pixels, threshold, std=IMAGENET_STD, valid=None, at_least=8, at_most=80, classes=3, margin=3e-3, rounds=4,
             max_score=3e-4, max_corner=0.3, min_overlap=0.0, spread=40):
    """What is wrong with an expectation, as a list of strings. `detect(pixels, threshold)` gives the detections."""
    found = detect(pixels, threshold)
    if len(found) > at_most:  # with those outside the frame: they count where a number of best ones is cut off
        return [f"{len(found)} detections"]
    found = [d for d in found if d]
    wrong = []
    if len(found) < at_least:
        return [f"{len(found)} detections"]
    if len({d["class_id"] for d in found}) < classes:
        wrong.append("too few classes")
    if len(detect(pixels, threshold - margin)) != len(detect(pixels, threshold + margin)):
        wrong.append("a score near the threshold")
    scores = [d["confidence"] for d in found]
    if max(scores) - min(scores) < 0.15:
        wrong.append("scores are alike")
    boxes = np.array([d["box"] for d in found])
    sizes = np.stack([boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]], 1)
    centres = np.stack([boxes[:, 2] + boxes[:, 0], boxes[:, 3] + boxes[:, 1]], 1) / 2
    if sizes.std(0).min() < 15 or centres.std(0).min() < spread or sizes.min() < 4:
        wrong.append(f"boxes are alike or tiny (sizes {sizes.std(0)}, centres {centres.std(0)}, least {sizes.min()})")
    for seed in range(rounds):
        change = moved(found, detect(grey_noise(pixels, seed, std, valid), threshold))
        if change is None:
            wrong.append("noise changes the detections")
        elif change[0] > max_score or change[1] > max_corner or change[2] < min_overlap:
            wrong.append("noise moves them by %.1e, %.2f px, masks' IoU %.3f" % change)
        if wrong:
            break
    change = moved(found, detect(pixels.flip(1), threshold))
    if change is not None and change[0] < 2e-3 and change[1] < 2:
        wrong.append("blind to the order of channels: %.1e, %.2f px" % change[:2])
    return wrong


# Random weights that behave


def randomise(model, gain=1.0, smooth=0.1, bias=0.05, embedding=1.0, lift=1.0, tilt=0.7, keep=()):
    """New random weights for all linear and convolution layers and embeddings: outputs as large as inputs (times `gain`). Kernels are
    nearly flat (`smooth` is the part that varies inside) and batch norms lift their outputs to where the activations are nearly linear,
    so that pixel noise averages out instead of growing from layer to layer. Layers whose name has a string of `keep`
    stay as the library made them."""
    for name, module in model.named_modules():
        if any(part in name for part in keep):
            continue
        weight = getattr(module, "weight", None)
        if hasattr(module, "running_var"):
            weight.data.fill_(1.0)
            module.bias.data.fill_(lift)
            continue
        if isinstance(module, (torch.nn.Conv2d, torch.nn.ConvTranspose2d)):
            flat = torch.randn(*weight.shape[:2], 1, 1) + tilt
            area = weight.shape[2] * weight.shape[3]
            varied = smooth if area > 1 else 0.0
            weight.data = (flat + varied * torch.randn_like(weight)) * gain / (weight.shape[1] ** 0.5 * area)
        elif isinstance(module, torch.nn.Linear):
            weight.data = torch.randn_like(weight) * gain / weight.shape[1] ** 0.5
        elif isinstance(module, torch.nn.Embedding):
            weight.data = torch.randn_like(weight) * embedding
        else:
            continue
        if getattr(module, "bias", None) is not None:
            module.bias.data = torch.randn_like(module.bias) * bias


def fit_batch_norms(run, *args, model=None):
    """Set the statistics of all batch norms (frozen ones too) from one forward pass, `run(*args)`. Channels that vary little stay so: scaled up they
    would bring noise."""

    def fit(module, inputs):
        module.running_mean.copy_(inputs[0].mean((0, 2, 3)))
        variance = inputs[0].var((0, 2, 3))
        module.running_var.copy_(variance.clamp(min=variance.mean()))

    hooks = [module.register_forward_pre_hook(fit) for module in (model or run).modules() if hasattr(module, "running_var")]
    with torch.no_grad():
        run(*args)
    for hook in hooks:
        hook.remove()


def fit_heads(run, heads, *args):
    """Scale and shift linear layers so that their outputs have given means and deviations over all queries of `run(*args)`.
    `heads`: list of (module, means, deviations), numbers or tensors, one value an output."""

    def fitter(mean, deviation):
        def fit(module, inputs):
            rows = inputs[0].reshape(-1, inputs[0].shape[-1])
            rows = rows[rows.abs().amax(1) < 1e6]
            plain = rows @ module.weight.T
            factor = torch.as_tensor(deviation) / plain.std(0)
            module.weight.data = module.weight * factor[:, None]
            module.bias.data = torch.as_tensor(mean) - plain.mean(0) * factor
        return fit

    hooks = [module.register_forward_pre_hook(fitter(mean, deviation)) for module, mean, deviation in heads]
    with torch.no_grad():
        run(*args)
    for hook in hooks:
        hook.remove()


def search(name, build, check, first=0, tries=300):
    """The first seed whose model has no problems: (seed, model). `build(seed)` makes a model, `check(model)` lists what is wrong."""
    for seed in range(first, first + tries):
        set_seed(seed)
        model = build(seed)
        wrong = check(model)
        if not wrong:
            print(f"{name}: seed {seed}")
            return seed, model
        print(f"{name}: seed {seed}: {'; '.join(wrong)}", flush=True)
    raise SystemExit(f"{name}: no seed is fine")


if __name__ == "__main__":
    make_frame(*sys.argv[1:2])
