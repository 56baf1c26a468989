"""Golden models of MaskFormer and Mask2Former (instances as sets of masks), made with transformers: tiny, random weights, exported with the
names of the Hugging Face exporters (`pixel_values`; `class_queries_logits`, `masks_queries_logits`), with config.json and
preprocessor_config.json as the library saves them. The two differ in post-processing, and only config.json (model_type) tells them apart.

    python common.py && python maskformer.py [maskformer] [mask2former]

Expected detections: the library's image processor (its Pillow backend) on the frame, the PyTorch model, the processor's
post_process_instance_segmentation with binary masks. It gives no boxes: here they are the bounds of a mask, from the left edge of its first
column to the right edge of its last. Packages: see requirements.txt.
"""

import sys

import numpy as np
import torch
import transformers
from transformers import (
    Mask2FormerConfig, Mask2FormerForUniversalSegmentation, Mask2FormerImageProcessor, MaskFormerConfig, MaskFormerForInstanceSegmentation,
    MaskFormerImageProcessor, ResNetConfig,
)
from transformers.models.mask2former.image_processing_pil_mask2former import Mask2FormerImageProcessorPil
from transformers.models.maskformer.configuration_maskformer import MaskFormerDetrConfig
from transformers.models.maskformer.image_processing_pil_maskformer import MaskFormerImageProcessorPil

import common

MADE_BY = f"transformers {transformers.__version__}, torch {torch.__version__}"
LABELS = dict(enumerate(("person", "bicycle", "car", "dog", "backpack")))
LABEL_IDS = {name: number for number, name in LABELS.items()}
THRESHOLD, QUERIES = 0.3, 40


class Exported(torch.nn.Module):
    """The model with plain tensors in and out."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, pixel_values):
        found = self.model(pixel_values=pixel_values)
        return found.class_queries_logits, found.masks_queries_logits


def maskformer_model(seed, pixels):
    """MaskFormer with a ResNet, a DETR decoder of two layers, 40 queries."""
    backbone = ResNetConfig(embedding_size=16, hidden_sizes=[16, 24, 32, 48], depths=[1, 1, 1, 1], layer_type="basic",
                            out_features=["stage1", "stage2", "stage3", "stage4"])
    decoder = MaskFormerDetrConfig(d_model=32, encoder_layers=1, decoder_layers=2, encoder_ffn_dim=48, decoder_ffn_dim=48,
                                   encoder_attention_heads=4, decoder_attention_heads=4, num_queries=QUERIES)
    config = MaskFormerConfig(backbone_config=backbone, decoder_config=decoder, fpn_feature_size=32, mask_feature_size=32,
                              id2label=LABELS, label2id=LABEL_IDS)
    model = MaskFormerForInstanceSegmentation(config).eval()
    common.randomise(model)
    common.fit_batch_norms(model, pixels)
    fit(model, pixels, model.mask_embedder)
    return model


def mask2former_model(seed, pixels):
    """Mask2Former with a ResNet, one encoder layer, two decoder layers, 40 queries. What its masked attention brings is scaled down, as the
    masks of that attention jump where a logit changes its sign."""
    backbone = ResNetConfig(embedding_size=16, hidden_sizes=[16, 24, 32, 48], depths=[1, 1, 1, 1], layer_type="basic",
                            out_features=["stage1", "stage2", "stage3", "stage4"])
    config = Mask2FormerConfig(
        backbone_config=backbone, feature_size=32, mask_feature_size=32, hidden_dim=32, encoder_feedforward_dim=48, encoder_layers=1,
        decoder_layers=3, num_attention_heads=4, dim_feedforward=48, num_queries=QUERIES, id2label=LABELS, label2id=LABEL_IDS)
    model = Mask2FormerForUniversalSegmentation(config).eval()
    common.randomise(model, keep=("sampling_offsets",))
    for name, module in model.named_modules():
        if name.endswith("cross_attn.out_proj"):
            module.weight.data *= 0.1
    common.fit_batch_norms(model, pixels)
    fit(model, pixels, model.model.transformer_module.decoder.mask_predictor.mask_embedder)
    return model


def fit(model, pixels, embedder):
    """Classes about the threshold, and masks that are positive in a small part of the frame: mask features without a mean, but for one that
    is 1 everywhere, by which each query lowers its mask."""
    classifier, projection = model.class_predictor, model.model.pixel_level_module.decoder.mask_projection
    classes = classifier.weight.shape[0] - 1
    last = [layer for layer in embedder.modules() if isinstance(layer, torch.nn.Linear)][-1]

    def whiten(module, inputs, output):
        """Mask features of like size in all directions (where they are not mostly noise), without a mean."""
        rows = output.transpose(0, 1).flatten(1)
        values, vectors = torch.linalg.eigh(torch.cov(rows))
        change = vectors @ torch.diag((values + 0.0005 * values.max()).rsqrt()) @ vectors.T
        module.bias.data = change @ (module.bias - rows.mean(1))
        module.weight.data = torch.einsum("oi,ihwc->ohwc", change, module.weight)

    with torch.no_grad():
        hook = projection.register_forward_hook(whiten)
        model(pixel_values=pixels[:1])
        hook.remove()
        projection.weight[0] = 0
        projection.bias[0] = 1
    size = torch.full((last.weight.shape[0],), 1.2)
    mean = torch.zeros_like(size)
    mean[0] = -2.0
    common.fit_heads(model, [(last, mean, size)], pixels[:1])
    common.fit_heads(model, [(classifier, torch.cat([torch.randn(classes) * 0.4, torch.tensor([0.3])]), 1.5)], pixels[:1])


def detections(processor, outputs, threshold):
    """The library's post-processing for one image, with boxes around the masks."""
    found = transformers.utils.ModelOutput(class_queries_logits=outputs[0][:1], masks_queries_logits=outputs[1][:1])
    result = processor.post_process_instance_segmentation(found, threshold=threshold, target_sizes=[(576, 768)], return_binary_maps=True)[0]
    rows = []
    for info, mask in zip(result["segments_info"], result["segmentation"]):
        mask = mask.numpy() > 0.5
        xs, ys = np.flatnonzero(mask.any(0)), np.flatnonzero(mask.any(1))
        box = [xs[0], ys[0], xs[-1] + 1, ys[-1] + 1]
        rows.append(common.detection(info["label_id"], info["score"], box, LABELS[info["label_id"]], mask))
    return rows


def make(name, build, processor, default_processor, first=0, max_corner=0.3, max_score=3e-4):
    """Find a seed, export, check, write. A box may move by `max_corner` where a mask changes by a pixel of its grid."""
    folder = common.FAMILIES / name
    frames = [common.load_frame(), common.other_frame()]
    pixels = processor(images=frames, return_tensors="pt")["pixel_values"]

    def detect(model, values, least):
        with torch.no_grad():
            return detections(processor, Exported(model)(values), least)

    def cut(model):
        """The scores about the cut of the best (query, class) pairs: only as many as there are queries are looked at."""
        with torch.no_grad():
            scores = Exported(model)(pixels[:1])[0].softmax(-1)[0, :, :-1].flatten().sort(descending=True)[0]
        return scores[QUERIES - 1] - scores[QUERIES]

    def check(model):
        if cut(model) < 1e-3:
            return ["a score near the cut"]
        wrong = common.problems(lambda values, least: detect(model, values, least), pixels[:1], THRESHOLD, at_least=8, at_most=30,
                                min_overlap=0.97, spread=15, max_corner=max_corner, max_score=max_score)
        return wrong

    seed, model = common.search(name, lambda seed: build(seed, pixels), check, first, tries=1000)
    module = Exported(model)
    inputs, outputs = ["pixel_values"], ["class_queries_logits", "masks_queries_logits"]
    path = common.export(module, (pixels,), folder, inputs, outputs, {key: {0: "batch_size"} for key in inputs + outputs})
    common.check_onnx(path, module, inputs, outputs, (pixels,))
    model.config.save_pretrained(folder)
    default_processor.save_pretrained(folder)
    expected = detect(model, pixels[:1], THRESHOLD)
    got = common.run_onnx(path, {"pixel_values": pixels[:1].numpy()})
    from_onnx = detections(processor, [torch.from_numpy(got[key]) for key in outputs], THRESHOLD)
    print(f"{name}: ONNX moves the detections by", common.moved(expected, from_onnx))
    default = default_processor(images=frames[:1], return_tensors="pt")["pixel_values"]
    print(f"{name}: the torchvision processor moves them by", common.moved(expected, detect(model, default, THRESHOLD)))
    common.write_expected(folder, MADE_BY, "maskformer.py", THRESHOLD, expected)
    shapes = {"pixel_values": tuple(pixels.shape)} | {key: value.shape for key, value in got.items()}
    print(f"{name}: {len(expected)} detections, {common.check_size(path)} bytes, {shapes}", flush=True)


def maskformer():
    options = {"size": {"shortest_edge": 90, "longest_edge": 200}, "size_divisor": 32}
    make("maskformer", maskformer_model, MaskFormerImageProcessorPil(**options), MaskFormerImageProcessor(**options))


def mask2former():
    options = {"size": {"height": 128, "width": 128}, "size_divisor": 32}
    make("mask2former", mask2former_model, Mask2FormerImageProcessorPil(**options), Mask2FormerImageProcessor(**options),
         max_corner=2.1, max_score=4e-4)


FAMILIES = {"maskformer": maskformer, "mask2former": mask2former}

if __name__ == "__main__":
    for chosen in sys.argv[1:] or FAMILIES:
        FAMILIES[chosen]()
