"""Golden models of the DETR kin, made with transformers: tiny, random weights, exported with the input and output names of the Hugging Face
exporters (`pixel_values`, `pixel_mask`; `logits`, `pred_boxes`), with config.json and preprocessor_config.json as the library saves them.
rt_detr_deploy has the inputs and outputs of the export scripts of the RT-DETR and D-FINE repositories instead, and no configuration.

    python common.py && python detr.py [FAMILY ...]

Expected detections: the library's image processor (its Pillow backend) on the frame, the PyTorch model, the processor's
post_process_object_detection. Packages: see requirements.txt.
"""

import sys

import numpy as np
import torch
import transformers
from transformers import (
    DeformableDetrConfig, DeformableDetrForObjectDetection, DetrConfig, DetrForObjectDetection, DFineConfig, DFineForObjectDetection,
    HGNetV2Config, ResNetConfig, RTDetrResNetConfig, RTDetrV2Config, RTDetrV2ForObjectDetection, YolosConfig, YolosForObjectDetection,
)
from transformers import DeformableDetrImageProcessor, DetrImageProcessor, RTDetrImageProcessor, YolosImageProcessor
from transformers.models.deformable_detr.image_processing_pil_deformable_detr import DeformableDetrImageProcessorPil
from transformers.models.detr.image_processing_pil_detr import DetrImageProcessorPil
from transformers.models.rt_detr.image_processing_pil_rt_detr import RTDetrImageProcessorPil
from transformers.models.yolos.image_processing_pil_yolos import YolosImageProcessorPil

import common

MADE_BY = f"transformers {transformers.__version__}, torch {torch.__version__}"
NAMES = ("person", "bicycle", "car", "dog", "backpack", "umbrella", "handbag", "suitcase")
LABELS = dict(enumerate(NAMES))
LABEL_IDS = {name: number for number, name in LABELS.items()}


class Exported(torch.nn.Module):
    """The model with plain tensors in and out."""

    def __init__(self, model, takes_mask):
        super().__init__()
        self.model, self.takes_mask = model, takes_mask

    def forward(self, pixel_values, pixel_mask=None):
        more = {"pixel_mask": pixel_mask} if self.takes_mask else {}
        found = self.model(pixel_values=pixel_values, **more)
        return found.logits, found.pred_boxes


def detections(processor, logits, boxes, threshold, names, **options):
    """The library's post-processing for one image."""
    found = transformers.utils.ModelOutput(logits=logits[:1], pred_boxes=boxes[:1])
    result = processor.post_process_object_detection(found, threshold=threshold, target_sizes=[(576, 768)], **options)[0]
    return [common.detection(label, score, box, names[int(label)])
            for score, label, box in zip(result["scores"].tolist(), result["labels"].tolist(), result["boxes"].tolist())]


def make(name, build, processor, default_processor, takes_mask=False, threshold=0.3, names=LABELS, first=0, checks=None, options=None):
    """Find a seed whose expectation is robust, export, check the ONNX model against PyTorch, write all files."""
    folder = common.FAMILIES / name
    frames = [common.load_frame(), common.other_frame()]
    batch = processor(images=frames, return_tensors="pt")
    pixels = batch["pixel_values"]
    args = (pixels, batch["pixel_mask"]) if takes_mask else (pixels,)
    valid = batch["pixel_mask"][:1] if takes_mask else None
    options = options or {}

    def detect(model, values, least):
        with torch.no_grad():
            logits, boxes = Exported(model, takes_mask)(values, *(arg[:1] for arg in args[1:]))
        return detections(processor, logits, boxes, least, names, **options)

    def check(model):
        return common.problems(lambda values, least: detect(model, values, least), pixels[:1], threshold, processor_std(processor), valid,
                               **(checks or {}))

    seed, model = common.search(name, lambda seed: build(seed, args), check, first)
    module = Exported(model, takes_mask)
    inputs = ["pixel_values", "pixel_mask"][:len(args)]
    outputs = ["logits", "pred_boxes"]
    path = common.export(module, args, folder, inputs, outputs, {key: {0: "batch_size"} for key in inputs + outputs})
    common.check_onnx(path, module, inputs, outputs, args)
    model.config.save_pretrained(folder)
    default_processor.save_pretrained(folder)
    expected = detect(model, pixels[:1], threshold)

    got = common.run_onnx(path, {key: arg[:1].numpy() for key, arg in zip(inputs, args)})
    from_onnx = detections(processor, torch.from_numpy(got["logits"]), torch.from_numpy(got["pred_boxes"]), threshold, names, **options)
    print(f"{name}: ONNX moves the detections by", common.moved(expected, from_onnx))
    default = default_processor(images=frames[:1], return_tensors="pt")
    levels = (default["pixel_values"] - pixels[:1]).abs().max() * 255 * 0.226
    print(f"{name}: the torchvision processor differs by {levels:.2f} grey levels; that moves them by",
          common.moved(expected, detect(model, default["pixel_values"], threshold)))
    common.write_expected(folder, MADE_BY, "detr.py", threshold, expected)
    print(f"{name}: {sum(map(bool, expected))} detections, {common.check_size(path)} bytes, inputs {[tuple(arg.shape) for arg in args]}", flush=True)


def processor_std(processor):
    """Deviation by which the processor divides, 1 where it does not normalise."""
    return processor.image_std if processor.do_normalize else (1.0, 1.0, 1.0)


def rt_detr_v2_model(seed, args):
    """RT-DETRv2 with a small ResNet-vd, two decoder layers, 40 queries."""
    backbone = RTDetrResNetConfig(embedding_size=16, hidden_sizes=[16, 24, 32, 48], depths=[1, 1, 1, 1], layer_type="basic",
                                  out_features=["stage2", "stage3", "stage4"])
    config = RTDetrV2Config(
        backbone_config=backbone, encoder_in_channels=[24, 32, 48], encoder_hidden_dim=32, encoder_ffn_dim=48, encoder_attention_heads=4,
        d_model=32, decoder_in_channels=[32, 32, 32], decoder_layers=2, decoder_ffn_dim=48, decoder_attention_heads=4, num_queries=40,
        num_denoising=0, hidden_expansion=0.5, id2label=LABELS, label2id=LABEL_IDS)
    model = RTDetrV2ForObjectDetection(config).eval()
    common.randomise(model, keep=("sampling_offsets",))
    fit_rt_detr(model, args)
    return model


def fit_rt_detr(model, args, mean=-1.7):
    """Heads of the RT-DETR kin: scores spread about the threshold, boxes of several sizes."""
    common.fit_batch_norms(model, args[0])
    classes = model.config.num_labels
    sizes = torch.tensor([0.4, 0.4, 0.7, 0.7])
    heads = [(model.model.enc_score_head, torch.randn(classes) * 0.3 - 2, 1.0),
             (model.model.enc_bbox_head.layers[-1], torch.tensor([0.0, 0.0, 0.5, 0.9]), sizes)]
    for layer in model.model.decoder.class_embed:
        heads.append((layer, torch.randn(classes) * 0.3 + mean, 0.6))
    for layer in model.model.decoder.bbox_embed:
        heads.append((layer.layers[-1], torch.tensor([0.0, 0.0, 0.2, 0.3]), sizes / 2))
    common.fit_heads(model, heads, args[0])


def rt_detr_v2():
    options = {"size": {"height": 160, "width": 224}}
    make("rt_detr_v2", rt_detr_v2_model, RTDetrImageProcessorPil(**options), RTDetrImageProcessor(**options))


def fit_softmax(model, classifier, box_head, args, deviation=1.0):
    """Heads with a last class for "no object"."""
    classes = classifier.weight.shape[0] - 1
    means = torch.cat([torch.randn(classes) * 0.3, torch.tensor([1.5])])
    sizes = torch.tensor([0.9, 0.9, 0.8, 0.8])
    mask = {"pixel_mask": args[1]} if len(args) > 1 else {}
    heads = [(classifier, means, deviation), (box_head, torch.tensor([0.0, 0.0, -1.2, -0.9]), sizes)]
    common.fit_heads(lambda values: model(pixel_values=values, **mask), heads, args[0])


def detr_model(seed, args):
    """DETR with a small ResNet (stride 16), one encoder and two decoder layers, 40 queries."""
    backbone = ResNetConfig(embedding_size=16, hidden_sizes=[16, 24, 48], depths=[1, 1, 1], layer_type="basic", out_features=["stage3"])
    config = DetrConfig(
        backbone_config=backbone, use_timm_backbone=False, d_model=32, encoder_layers=1, decoder_layers=2, encoder_ffn_dim=48,
        decoder_ffn_dim=48, encoder_attention_heads=4, decoder_attention_heads=4, num_queries=40, id2label=LABELS, label2id=LABEL_IDS)
    model = DetrForObjectDetection(config).eval()
    common.randomise(model)
    common.fit_batch_norms(lambda values: model(pixel_values=values, pixel_mask=args[1]), args[0], model=model)
    fit_softmax(model, model.class_labels_classifier, model.bbox_predictor.layers[-1], args)
    return model


def detr():
    options = {"size": {"shortest_edge": 120, "longest_edge": 150}, "pad_size": {"height": 128, "width": 160}}
    make("detr", detr_model, DetrImageProcessorPil(**options), DetrImageProcessor(**options), takes_mask=True)


def yolos_model(seed, args):
    """YOLOS with two layers, patches of 16 pixels and 30 detection tokens."""
    config = YolosConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48, image_size=list(args[0].shape[-2:]), patch_size=16,
        num_detection_tokens=30, use_mid_position_embeddings=True, id2label=LABELS, label2id=LABEL_IDS)
    model = YolosForObjectDetection(config).eval()
    common.randomise(model)
    for name, parameter in model.named_parameters():
        if "position_embeddings" in name or "detection_tokens" in name or "cls_token" in name:
            parameter.data = torch.randn_like(parameter)
    fit_softmax(model, model.class_labels_classifier.layers[-1], model.bbox_predictor.layers[-1], args)
    return model


def yolos():
    options = {"size": {"shortest_edge": 128, "longest_edge": 160}}
    make("yolos", yolos_model, YolosImageProcessorPil(**options), YolosImageProcessor(**options))


def d_fine_model(seed, args):
    """D-FINE with a small HGNetV2, two decoder layers, 30 queries."""
    backbone = HGNetV2Config(
        stem_channels=[3, 8, 12], stage_in_channels=[12, 16, 24, 32], stage_mid_channels=[8, 8, 12, 16], stage_out_channels=[16, 24, 32, 48],
        stage_num_blocks=[1, 1, 1, 1], stage_numb_of_layers=[2, 2, 2, 2], hidden_sizes=[16, 24, 32, 48], depths=[1, 1, 1, 1],
        embedding_size=12, use_learnable_affine_block=True, out_features=["stage2", "stage3", "stage4"])
    config = DFineConfig(
        backbone_config=backbone, encoder_in_channels=[24, 32, 48], encoder_hidden_dim=32, encoder_ffn_dim=48, encoder_attention_heads=4,
        d_model=32, decoder_in_channels=[32, 32, 32], decoder_layers=2, decoder_ffn_dim=48, decoder_attention_heads=4, num_queries=30,
        decoder_n_points=[3, 4, 3], lqe_hidden_dim=16, num_denoising=0, hidden_expansion=0.34, depth_mult=0.34, id2label=LABELS,
        label2id=LABEL_IDS)
    model = DFineForObjectDetection(config).eval()
    common.randomise(model, keep=("sampling_offsets",))
    common.fit_batch_norms(model, args[0])
    classes = model.config.num_labels
    decoder = model.model.decoder
    heads = [(model.model.enc_score_head, torch.randn(classes) * 0.3 - 2, 1.0),
             (model.model.enc_bbox_head.layers[-1], torch.tensor([0.0, 0.0, 0.5, 0.9]), torch.tensor([0.4, 0.4, 0.7, 0.7]))]
    for layer in decoder.class_embed:
        heads.append((layer, torch.randn(classes) * 0.3 - 1.7, 0.6))
    for layer in decoder.bbox_embed:
        heads.append((layer.layers[-1], torch.randn(layer.layers[-1].weight.shape[0]) * 0.3, 0.7))
    for layer in decoder.lqe_layers:
        heads.append((layer.reg_conf.layers[-1], torch.zeros(1), 0.3))
    common.fit_heads(model, heads, args[0])
    return model


def d_fine():
    options = {"size": {"height": 160, "width": 160}}
    make("d_fine", d_fine_model, RTDetrImageProcessorPil(**options), RTDetrImageProcessor(**options), first=2000, checks={"at_most": 29})


def deformable_detr_model(seed, args):
    """Deformable DETR (two scales, one encoder and two decoder layers, box refinement, 40 queries), attention in plain PyTorch."""
    backbone = ResNetConfig(embedding_size=16, hidden_sizes=[16, 24, 48], depths=[1, 1, 1], layer_type="basic",
                            out_features=["stage2", "stage3"])
    config = DeformableDetrConfig(
        backbone_config=backbone, use_timm_backbone=False, d_model=32, encoder_layers=1, decoder_layers=2, encoder_ffn_dim=48,
        decoder_ffn_dim=48, encoder_attention_heads=4, decoder_attention_heads=4, num_queries=40, num_feature_levels=2, encoder_n_points=2,
        decoder_n_points=2, with_box_refine=True, disable_custom_kernels=True, id2label=LABELS, label2id=LABEL_IDS)
    model = DeformableDetrForObjectDetection(config).eval()
    common.randomise(model, keep=("sampling_offsets",))
    mask = {"pixel_mask": args[1]}
    common.fit_batch_norms(lambda values: model(pixel_values=values, **mask), args[0], model=model)
    classes = model.config.num_labels
    heads = []
    for layer in model.class_embed:
        heads.append((layer, torch.randn(classes) * 0.3 - 2.0, 0.7))
    for layer in model.bbox_embed:
        heads.append((layer.layers[-1], torch.tensor([0.0, 0.0, -0.7, -0.5]), torch.tensor([0.4, 0.4, 0.4, 0.4])))
    common.fit_heads(lambda values: model(pixel_values=values, **mask), heads, args[0])
    return model


def deformable_detr():
    options = {"size": {"shortest_edge": 120, "longest_edge": 150}, "pad_size": {"height": 128, "width": 160}}
    make("deformable_detr", deformable_detr_model, DeformableDetrImageProcessorPil(**options), DeformableDetrImageProcessor(**options),
         takes_mask=True, first=3000)


class Deploy(torch.nn.Module):
    """RT-DETR with the post-processor of its repository in deploy mode, as its export script wires them: labels, boxes, scores."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, images, orig_target_sizes):
        found = self.model(pixel_values=images)
        centre, size = found.pred_boxes.split(2, dim=-1)
        boxes = torch.cat([centre - size / 2, centre + size / 2], dim=-1) * orig_target_sizes.repeat(1, 2).unsqueeze(1)
        classes, queries = found.logits.shape[-1], found.logits.shape[1]
        scores, index = torch.topk(found.logits.sigmoid().flatten(1), queries, dim=-1)
        labels = index - index // classes * classes
        boxes = boxes.gather(dim=1, index=(index // classes).unsqueeze(-1).repeat(1, 1, 4))
        return labels, boxes, scores


def rt_detr_deploy():
    """Reference: the export's own outputs, above the threshold (its repository has nothing more); they must equal the detections of
    transformers' post-processing of the same model."""
    name, threshold = "rt_detr_deploy", 0.3
    folder = common.FAMILIES / name
    processor = RTDetrImageProcessorPil(size={"height": 160, "width": 160})
    pixels = processor(images=[common.load_frame(), common.other_frame()], return_tensors="pt")["pixel_values"]
    sizes = torch.tensor([[768, 576], [640, 480]])
    names = {number: f"class_{number}" for number in LABELS}

    def detect(model, values, least):
        with torch.no_grad():
            labels, boxes, scores = Deploy(model)(values, sizes[:1])
        return [common.detection(*row) for row in zip(labels[0].tolist(), scores[0].tolist(), boxes[0].tolist()) if row[1] > least]

    def check(model):
        return common.problems(lambda values, least: detect(model, values, least), pixels[:1], threshold, processor_std(processor),
                               at_most=36)

    seed, model = common.search(name, lambda seed: rt_detr_v2_model(seed, (pixels,)), check, 1000)
    inputs, outputs = ["images", "orig_target_sizes"], ["labels", "boxes", "scores"]
    path = common.export(Deploy(model), (pixels, sizes), folder, inputs, outputs, {key: {0: "N"} for key in inputs + outputs})
    common.check_onnx(path, Deploy(model), inputs, outputs, (pixels, sizes))
    expected = detect(model, pixels[:1], threshold)
    with torch.no_grad():
        found = model(pixel_values=pixels)
    print(f"{name}: against transformers' post-processing:",
          common.moved(expected, detections(processor, found.logits, found.pred_boxes, threshold, names)))
    common.write_expected(folder, MADE_BY, "detr.py", threshold, expected)
    print(f"{name}: {sum(map(bool, expected))} detections, {common.check_size(path)} bytes", flush=True)


FAMILIES = {function.__name__: function for function in (rt_detr_v2, d_fine, deformable_detr, detr, yolos, rt_detr_deploy)}

if __name__ == "__main__":
    for chosen in sys.argv[1:] or FAMILIES:
        FAMILIES[chosen]()
