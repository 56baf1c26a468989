"""Golden models of SAM 2.1, made with transformers: tiny, random weights, exported as two graphs with the file, input and output names of the
public exports for Transformers.js: vision_encoder.onnx (`pixel_values`; `image_embeddings.0`, `.1`, `.2`) and
prompt_encoder_mask_decoder.onnx (`input_points`, `input_labels`, `input_boxes` and the embeddings; `iou_scores`, `pred_masks`,
`object_score_logits`), with config.json and preprocessor_config.json as the library saves them.

    python common.py && python sam2.py [sam2] [sam2_single]

sam2 gives three masks a prompt, as those exports do; the expected mask is that of the best IoU score. sam2_single is exported with
multimask_output=False and gives one mask a prompt: the first mask token's, or the best of three where that is not stable.

Expected masks: Sam2Processor on frame and boxes, the PyTorch model, the processor's post_process_masks. Packages: see requirements.txt.
"""

import sys

import numpy as np
import onnx
import torch
import transformers
from transformers import Sam2Config, Sam2HieraDetConfig, Sam2ImageProcessor, Sam2Model, Sam2Processor, Sam2VisionConfig

import common

MADE_BY = f"transformers {transformers.__version__}, torch {torch.__version__}"
SIZE = 128
HIDDEN = 32
PROMPTS = [[60.5, 80.25, 300.0, 420.0], [400.0, 30.0, 740.0, 300.5], [250.0, 350.0, 560.0, 560.0]]
OTHER_PROMPTS = [[10.0, 20.0, 500.0, 400.0]]
EMBEDDINGS = ["image_embeddings.0", "image_embeddings.1", "image_embeddings.2"]
INPUTS = ["input_points", "input_labels", "input_boxes", *EMBEDDINGS]
OUTPUTS = ["iou_scores", "pred_masks", "object_score_logits"]
LAYOUT = {
    "input_points": {0: "batch_size", 1: "num_prompts", 2: "num_points"}, "input_labels": {0: "batch_size", 1: "num_prompts", 2: "num_points"},
    "input_boxes": {0: "batch_size", 1: "num_boxes"}, **{name: {0: "batch_size"} for name in EMBEDDINGS},
    **{name: {0: "batch_size", 1: "num_boxes_or_points"} for name in OUTPUTS},
}


class VisionEncoder(torch.nn.Module):
    """The image's part: three feature maps."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, pixel_values):
        return tuple(self.model.get_image_embeddings(pixel_values))


class Decoder(torch.nn.Module):
    """The prompts' part: masks and scores."""

    def __init__(self, model, multimask):
        super().__init__()
        self.model, self.multimask = model, multimask

    def forward(self, input_points, input_labels, input_boxes, *embeddings):
        found = self.model(input_points=input_points, input_labels=input_labels, input_boxes=input_boxes, image_embeddings=list(embeddings),
                           multimask_output=self.multimask)
        return found.iou_scores, found.pred_masks, found.object_score_logits


def repeat_each(tensor, repeats, dim=0):
    """repeat_interleave along the first axis in a form that exports with a number of repeats known at run time only."""
    assert dim == 0
    return tensor.unsqueeze(1).expand(-1, repeats, *tensor.shape[1:]).flatten(0, 1)


def build():
    """A tiny SAM 2.1 whose masks depend on picture and prompts."""
    backbone = Sam2HieraDetConfig(
        hidden_size=16, num_attention_heads=1, image_size=[SIZE, SIZE], blocks_per_stage=[1, 1, 2, 1], embed_dim_per_stage=[16, 24, 32, 48],
        num_attention_heads_per_stage=[1, 2, 2, 4], window_size_per_stage=[8, 4, 4, 2], global_attention_blocks=[3], mlp_ratio=2.0)
    vision = Sam2VisionConfig(
        backbone_config=backbone, backbone_channel_list=[48, 32, 24, 16], fpn_hidden_size=HIDDEN,
        backbone_feature_sizes=[[SIZE // 4] * 2, [SIZE // 8] * 2, [SIZE // 16] * 2])
    config = Sam2Config(
        vision_config=vision, prompt_encoder_config=dict(hidden_size=HIDDEN, image_size=SIZE, patch_size=16),
        mask_decoder_config=dict(hidden_size=HIDDEN, mlp_dim=64, num_attention_heads=4, iou_head_hidden_dim=32))
    model = Sam2Model(config)
    common.randomise(model)
    found = model.vision_encoder.backbone
    found.patch_embed.projection.weight.data *= 0.6
    found.pos_embed.data = torch.randn_like(found.pos_embed) * 0.5
    found.pos_embed_window.data = torch.randn_like(found.pos_embed_window) * 0.3
    model.no_memory_embedding.data = torch.randn_like(model.no_memory_embedding) * 0.3
    for embedding in (model.prompt_encoder.shared_embedding, model.shared_image_embedding):
        embedding.positional_embedding.data = torch.randn(2, HIDDEN // 2) * 0.6
    model.shared_image_embedding.positional_embedding.data = model.prompt_encoder.shared_embedding.positional_embedding.data
    decoder = model.mask_decoder
    for table in (model.prompt_encoder.point_embed, model.prompt_encoder.not_a_point_embed, decoder.mask_tokens, decoder.iou_token):
        table.weight.data *= 0.4
    for key, module in decoder.named_modules():
        if key.endswith(("q_proj", "k_proj", "v_proj", "o_proj", "out_proj")):
            module.weight.data *= 1.8
    for head in decoder.output_hypernetworks_mlps:
        head.proj_out.weight.data *= 5
    for head in (decoder.iou_prediction_head, decoder.pred_obj_score_head):
        head.proj_out.weight.data *= 2
    return model.eval()


def make(name, multimask, first=0):
    """Find a seed whose masks are robust, export both parts, check them against PyTorch, write all files."""
    folder = common.FAMILIES / name
    folder.mkdir(parents=True, exist_ok=True)
    image_processor = Sam2ImageProcessor(size={"height": SIZE, "width": SIZE}, mask_size={"height": SIZE // 4, "width": SIZE // 4})
    processor = Sam2Processor(image_processor)
    frames = [common.load_frame(), common.other_frame()]

    def inputs(count, prompts):
        batch = processor(images=frames[:count], input_boxes=[prompts] * count, return_tensors="pt")
        return batch["pixel_values"], batch["input_boxes"], batch["original_sizes"]

    pixels, boxes, sizes = inputs(1, PROMPTS)

    def masks_of(masks, scores):
        """The library's masks in the frame's size; of several masks a prompt that with the best score."""
        whole = processor.post_process_masks([mask for mask in masks], sizes)[0].numpy()
        best = scores[0].argmax(-1).tolist()
        return [whole[number, index] for number, index in enumerate(best)]

    def detect(model, values):
        with torch.no_grad():
            found = model(pixel_values=values, input_boxes=boxes, multimask_output=multimask)
        return masks_of(found.pred_masks, found.iou_scores), found

    def overlap(one, other):
        return float((one & other).sum() / max((one | other).sum(), 1))

    def check(model):
        masks, found = detect(model, pixels)
        wrong = []
        parts = [mask.mean() for mask in masks]
        if min(parts) < 0.03 or max(parts) > 0.6:
            wrong.append(f"parts of the frame {np.round(parts, 3)}")
        alike = max(overlap(masks[a], masks[b]) for a, b in ((0, 1), (0, 2), (1, 2)))
        if alike > 0.75:
            wrong.append(f"masks are alike: {alike:.2f}")
        if multimask:
            best = found.iou_scores[0].topk(2, -1).values
            if (best[:, 0] - best[:, 1]).min() < 0.02:
                wrong.append("two scores are alike")
            if len(set(found.iou_scores[0].argmax(-1).tolist())) < 2:
                wrong.append("the same mask is best for all prompts")
        else:
            with torch.no_grad():
                firsts = model.mask_decoder._get_stability_scores
                seen = []
                model.mask_decoder._get_stability_scores = lambda logits: seen.append(firsts(logits)) or seen[-1]
                detect(model, pixels)
                model.mask_decoder._get_stability_scores = firsts
                best = model(pixel_values=pixels, input_boxes=boxes, multimask_output=True).iou_scores[0].topk(2, -1).values
            above = seen[0].flatten() - model.mask_decoder.dynamic_multimask_stability_thresh
            if above.abs().min() < 0.003:
                wrong.append("a mask is on the edge of stable")
            if (best[:, 0] - best[:, 1]).min() < 0.02:
                wrong.append("two scores are alike")
        if wrong:
            return wrong
        for seed in range(4):
            worst = min(overlap(one, other) for one, other in zip(masks, detect(model, common.grey_noise(pixels, seed))[0]))
            if worst < 0.99:
                return [f"noise changes the masks: {worst:.3f}"]
        flipped = min(overlap(one, other) for one, other in zip(masks, detect(model, pixels.flip(1))[0]))
        moved = max(overlap(one, other) for one, other in zip(masks, detect(model, pixels.roll(SIZE // 8, -1))[0]))
        return ["blind to the order of channels"] * (flipped > 0.97) + ["blind to places"] * (moved > 0.97)

    seed, model = common.search(name, lambda seed: build(), check, first)
    encoder, decoder = VisionEncoder(model).eval(), Decoder(model, multimask).eval()
    pair, pair_boxes, _ = inputs(2, PROMPTS)
    paths = [folder / "vision_encoder.onnx", folder / "prompt_encoder_mask_decoder.onnx"]
    plain = torch.Tensor.repeat_interleave
    torch.Tensor.repeat_interleave = repeat_each
    try:
        with torch.no_grad():
            features = encoder(pair)
            torch.onnx.export(encoder, (pair,), str(paths[0]), input_names=["pixel_values"], output_names=EMBEDDINGS, opset_version=17,
                              dynamic_axes={key: {0: "batch_size"} for key in ("pixel_values", *EMBEDDINGS)}, dynamo=False)
            points, labels = torch.full((2, 3, 1, 2), 20.0), torch.ones(2, 3, 1, dtype=torch.int64)
            torch.onnx.export(decoder, (points, labels, pair_boxes, *features), str(paths[1]), input_names=INPUTS, output_names=OUTPUTS,
                              opset_version=17, dynamic_axes=LAYOUT, dynamo=False)
    finally:
        torch.Tensor.repeat_interleave = plain
    for path in paths:
        onnx.checker.check_model(onnx.load(str(path)), full_check=True)
        common.check_size(path)

    def run(count, prompts):
        """Both ONNX models with boxes alone: no points, as Transformers.js feeds them."""
        values, prompt_boxes, _ = inputs(count, prompts)
        found = common.run_onnx(paths[0], {"pixel_values": values.numpy()})
        return values, prompt_boxes, common.run_onnx(paths[1], {
            "input_points": np.zeros((count, 1, 0, 2), np.float32), "input_labels": np.full((count, len(prompts), 0), -1, np.int64),
            "input_boxes": prompt_boxes.numpy(), **found})

    for count, prompts in ((1, PROMPTS), (2, PROMPTS), (1, OTHER_PROMPTS), (2, OTHER_PROMPTS)):
        values, prompt_boxes, got = run(count, prompts)
        with torch.no_grad():
            wanted = model(pixel_values=values, input_boxes=prompt_boxes, multimask_output=multimask)
        for key in OUTPUTS:
            value = wanted[key].numpy()
            error = np.abs(got[key] - value).max()
            assert got[key].shape == value.shape and error < 1e-4 * max(1, np.abs(value).max()), (key, got[key].shape, value.shape, error)
        print(f"{name}: {count} images, {len(prompts)} boxes: {({key: value.shape for key, value in got.items()})}")
    model.config.save_pretrained(folder)
    image_processor.save_pretrained(folder)

    masks, found = detect(model, pixels)
    got = run(1, PROMPTS)[2]
    from_onnx = masks_of(torch.from_numpy(got["pred_masks"]), torch.from_numpy(got["iou_scores"]))
    print(f"{name}: ONNX masks' IoU {[overlap(one, other) for one, other in zip(masks, from_onnx)]}, "
          f"parts {[round(float(mask.mean()), 3) for mask in masks]}, scores {got['iou_scores'].round(3).tolist()}")
    rows = [common.detection(0, 1.0, box, "prompt", mask) for box, mask in zip(PROMPTS, masks)]
    common.write_expected(folder, MADE_BY, "sam2.py", 0.0, rows, prompts=PROMPTS, multimask_output=multimask,
                          iou_scores=[round(score, 6) for score in found.iou_scores[0].max(-1).values.tolist()],
                          object_score_logits=[round(score, 6) for score in found.object_score_logits[0, :, 0].tolist()])
    print(f"{name}: {len(rows)} masks, {[path.stat().st_size for path in paths]} bytes", flush=True)


if __name__ == "__main__":
    for name in sys.argv[1:] or ("sam2", "sam2_single"):
        make(name, name == "sam2", 90)
