"""Golden models of RF-DETR, detection and segmentation: transformers' classes, tiny and with random weights, exported with the names of the
export of the rfdetr package: input `input`; outputs `dets` (centre x, centre y, width, height, normalised), `labels` (logits) and, for
segmentation, `masks` (logits at a quarter of the input's size). No configuration beside it, as that export writes none.

    python common.py && python rf_detr.py [rf_detr] [rf_detr_seg]

The resize is the package's own and unlike that of the other DETRs: stretched, bilinear without antialiasing, of floats already scaled to 0..1.

Expected detections: transformers' image processor on the frame, the PyTorch model, the processor's post_process_object_detection and
post_process_instance_segmentation (binary maps at the frame's size). Packages: see requirements.txt.
"""

import sys

import torch
import transformers
from transformers import RfDetrConfig, RfDetrForInstanceSegmentation, RfDetrForObjectDetection, RfDetrImageProcessor
from transformers.models.rf_detr.configuration_rf_detr import RfDetrDinov2Config

import common

MADE_BY = f"transformers {transformers.__version__}, torch {torch.__version__}"
SIZE, CLASSES, THRESHOLD = 256, 9, 0.3


class Exported(torch.nn.Module):
    """The model with the outputs of rfdetr's export."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input):
        found = self.model(pixel_values=input)
        more = (found.pred_masks,) if "pred_masks" in found else ()
        return found.pred_boxes, found.logits, *more


def build(seed, pixels, segments):
    """A model with a backbone of three layers (two of them windowed), 20 queries, two decoder layers."""
    backbone = RfDetrDinov2Config(hidden_size=32, num_hidden_layers=3, num_attention_heads=2, mlp_ratio=2, image_size=SIZE, patch_size=32,
                                  num_windows=2, out_features=["stage1", "stage3"], use_mask_token=False)
    config = RfDetrConfig(
        backbone_config=backbone, d_model=32, decoder_layers=2, decoder_ffn_dim=48, decoder_self_attention_heads=4,
        decoder_cross_attention_heads=4, decoder_n_points=2, num_queries=20, group_detr=1, c2f_num_blocks=1, intermediate_size=48,
        num_labels=CLASSES)
    model = (RfDetrForInstanceSegmentation if segments else RfDetrForObjectDetection)(config).eval()
    common.randomise(model, smooth=0.02, tilt=1.0, keep=("sampling_offsets",))
    common.fit_batch_norms(model, pixels)
    detector = model.model if segments else model
    inner = detector.model
    sizes = torch.tensor([0.3, 0.3, 0.4, 0.4])
    heads = [(inner.enc_out_class_embed[0], torch.zeros(CLASSES), 1.0),
             (inner.enc_out_bbox_embed[0].layers[-1], torch.tensor([0.0, 0.0, 1.2, 1.4]), 0.2),
             (detector.class_embed, torch.randn(CLASSES) * 0.4 - 2.0, 0.7),
             (detector.bbox_embed.layers[-1], torch.tensor([0.0, 0.0, 0.3, 0.3]), sizes)]
    inner.reference_point_embed.weight.data *= 0.5
    common.fit_heads(model, heads, pixels[:1])
    if segments:
        fit_masks(model, pixels[:1])
    # The position embeddings have the input's size; as in rfdetr's export they go into the file as they are
    embeddings = inner.backbone.model.embeddings if hasattr(inner.backbone, "model") else inner.backbone.backbone.embeddings
    embeddings.interpolate_pos_encoding = lambda tokens, height, width: embeddings.position_embeddings
    return model


def fit_masks(model, pixels):
    """Mask logits that are positive in a good part of the frame for each query: spatial features without a mean."""
    seen = []
    hook = model.spatial_features_proj.register_forward_hook(lambda module, inputs, output: seen.append(output))
    with torch.no_grad():
        model(pixel_values=pixels)
        model.spatial_features_proj.bias -= seen[-1].mean((0, 2, 3))
        gain = 3 / model(pixel_values=pixels).pred_masks.std()
        model.query_features_proj.weight *= gain
        model.query_features_proj.bias *= gain
        model.segmentation_bias -= 1.0
    hook.remove()


def detections(processor, outputs, threshold, segments):
    """transformers' post-processing for one image; the masks come in the order of the boxes, none may be empty."""
    found = transformers.utils.ModelOutput(pred_boxes=outputs[0][:1], logits=outputs[1][:1])
    result = processor.post_process_object_detection(found, threshold=threshold, target_sizes=[(576, 768)])[0]
    masks = [None] * len(result["scores"])
    if segments:
        found["pred_masks"] = outputs[2][:1]
        result_masks = processor.post_process_instance_segmentation(found, threshold=threshold, target_sizes=[(576, 768)],
                                                                    return_binary_maps=True)[0]
        if len(result_masks["segments_info"]) != len(masks):
            return []
        masks = result_masks["segmentation"].numpy() if len(masks) else []
        for score, info in zip(result["scores"].tolist(), result_masks["segments_info"]):
            assert abs(score - info["score"]) < 1e-5
    return [common.detection(label, score, box, mask=mask)
            for label, score, box, mask in zip(result["labels"].tolist(), result["scores"].tolist(), result["boxes"].tolist(), masks)]


def make(name, segments, first=0):
    """Find a seed, export, check, write."""
    folder = common.FAMILIES / name
    processor = RfDetrImageProcessor(size={"height": SIZE, "width": SIZE}, do_pad=False)
    pixels = processor(images=[common.load_frame(), common.other_frame()], return_tensors="pt")["pixel_values"]

    def detect(model, values, least):
        with torch.no_grad():
            return detections(processor, Exported(model)(values), least, segments)

    def grey_levels(values):
        """The same pixels as whole grey levels: the processor resizes in floating point, others in bytes."""
        mean, std = (torch.tensor(numbers).view(1, 3, 1, 1) for numbers in (processor.image_mean, processor.image_std))
        return (((values * std + mean) * 255).round() / 255 - mean) / std

    def check(model):
        wrong = common.problems(lambda values, least: detect(model, values, least), pixels[:1], THRESHOLD, at_most=19,
                                min_overlap=0.97)
        if not wrong:
            change = common.moved(*(detect(model, values, THRESHOLD) for values in (pixels[:1], grey_levels(pixels[:1]))))
            if change is None or change[0] > 3e-4 or change[1] > 0.3 or change[2] < 0.99:
                wrong.append(f"whole grey levels move the detections: {change}")
        if segments and not wrong:
            areas = [found["mask"].mean() for found in detect(model, pixels[:1], THRESHOLD) if found]
            if min(areas) < 0.01 or max(areas) > 0.8:
                wrong.append("masks empty or full")
        return wrong

    seed, model = common.search(name, lambda seed: build(seed, pixels, segments), check, first, 1500)
    module = Exported(model)
    inputs, outputs = ["input"], ["dets", "labels", "masks"][:3 if segments else 2]
    path = common.export(module, (pixels,), folder, inputs, outputs, {key: {0: "batch"} for key in inputs + outputs})
    common.check_onnx(path, module, inputs, outputs, (pixels,))
    expected = detect(model, pixels[:1], THRESHOLD)
    got = common.run_onnx(path, {"input": pixels[:1].numpy()})
    from_onnx = detections(processor, [torch.from_numpy(got[key]) for key in outputs], THRESHOLD, segments)
    print(f"{name}: ONNX moves the detections by", common.moved(expected, from_onnx))
    common.write_expected(folder, MADE_BY, "rf_detr.py", THRESHOLD, expected)
    shapes = {key: value.shape for key, value in got.items()}
    print(f"{name}: {sum(map(bool, expected))} detections, {common.check_size(path)} bytes, {shapes}", flush=True)


FAMILIES = {"rf_detr": False, "rf_detr_seg": True}

if __name__ == "__main__":
    for chosen in sys.argv[1:] or FAMILIES:
        make(chosen, FAMILIES[chosen], 300)
