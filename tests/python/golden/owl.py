"""Golden models of OWLv2 and OWL-ViT, made with transformers: tiny, random weights, exported as one graph with the input and output names and
the dynamic axes of optimum's exports for zero-shot object detection (`input_ids`, `pixel_values`, `attention_mask`; `logits`, `pred_boxes`,
`text_embeds`, `image_embeds`), with config.json, preprocessor_config.json and tokenizer.json as the library saves them.

    python common.py && python owl.py [owlv2] [owlvit]

The tokenizer is a genuine CLIP tokenizer (byte-level BPE, lower-casing, `</w>`) with a small vocabulary: the 512 byte symbols, a few merges
learnt from the sentences below and the two special tokens; padding is "!" (0) as in the published models. Queries are padded to 16 tokens.

Expected detections: the processor (its tokenizer and its Pillow/SciPy image backend) on frame and queries, the PyTorch model, the processor's
post_process_grounded_object_detection. Packages: see requirements.txt.
"""

import json
import sys

import numpy as np
import torch
import transformers
from transformers import (
    CLIPTokenizer, Owlv2Config, Owlv2ForObjectDetection, Owlv2ImageProcessor, Owlv2Processor, OwlViTConfig, OwlViTForObjectDetection,
    OwlViTImageProcessor, OwlViTProcessor,
)
from transformers.models.owlv2.image_processing_pil_owlv2 import Owlv2ImageProcessorPil
from transformers.models.owlvit.image_processing_pil_owlvit import OwlViTImageProcessorPil

import common

MADE_BY = f"transformers {transformers.__version__}, torch {torch.__version__}"
THRESHOLD = 0.3
QUERIES = ["a photo of a person", "a car", "street lamp", "bag"]
OTHER_QUERIES = ["Fahrräder", "a photo of a person", "don't walk", "a car", "dog", "umbrella"]
INPUTS = ["input_ids", "pixel_values", "attention_mask"]
OUTPUTS = ["logits", "pred_boxes", "text_embeds", "image_embeds"]
AXES = {
    "input_ids": {0: "text_batch_size", 1: "sequence_length"}, "attention_mask": {0: "text_batch_size", 1: "sequence_length"},
    "pixel_values": {0: "image_batch_size"}, "logits": {0: "image_batch_size", 2: "num_queries"},
    "pred_boxes": {0: "image_batch_size", 1: "num_boxes"}, "text_embeds": {0: "text_batch_size", 1: "max_text_queries"},
    "image_embeds": {0: "image_batch_size"},
}
SENTENCES = (
    "a photo of a person", "a photo of a car", "a photo of a dog", "a street lamp", "the street", "a bag", "a backpack", "an umbrella",
    "the person with a bag", "a photo of the street", "a lamp post", "a red car", "a bicycle", "a truck", "a traffic light", "a person walking",
)
LENGTH = 16


def byte_symbols():
    """CLIP's 256 symbols for bytes: printable ones first ("!" is the first), then stand-ins for the others."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in printable]
    return [chr(byte) for byte in printable] + [chr(256 + number) for number in range(len(others))]


def learn_merges(words, count):
    """Plain byte-pair encoding: the most frequent pair of neighbours becomes a merge, `count` times."""
    words = [[*word[:-1], word[-1] + "</w>"] for word in words]
    merges = []
    for _ in range(count):
        pairs = {}
        for word in words:
            for pair in zip(word, word[1:]):
                pairs[pair] = pairs.get(pair, 0) + 1
        if not pairs:
            break
        best = max(pairs, key=lambda pair: (pairs[pair], pair))
        merges.append(best)
        for word in words:
            place = 0
            while place < len(word) - 1:
                if (word[place], word[place + 1]) == best:
                    word[place:place + 2] = ["".join(best)]
                place += 1
    return merges


def make_tokenizer():
    """A CLIP tokenizer with a small vocabulary, in the order of the published one: symbols, symbols that end words, merges, specials."""
    symbols = byte_symbols()
    merges = learn_merges([word for sentence in SENTENCES for word in sentence.split()], 80)
    tokens = [*symbols, *(symbol + "</w>" for symbol in symbols), *("".join(pair) for pair in merges), "<|startoftext|>", "<|endoftext|>"]
    assert len(set(tokens)) == len(tokens)
    return CLIPTokenizer(vocab={token: number for number, token in enumerate(tokens)}, merges=merges, pad_token="!", model_max_length=LENGTH)


class Exported(torch.nn.Module):
    """The model with plain tensors in and out."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, pixel_values, attention_mask):
        found = self.model(input_ids=input_ids, pixel_values=pixel_values, attention_mask=attention_mask)
        return found.logits, found.pred_boxes, found.text_embeds, found.image_embeds


def build(config_class, model_class, size, patch, tokenizer, args):
    """A tiny model whose scores and boxes vary."""
    config = config_class(
        text_config=dict(vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
                         max_position_embeddings=LENGTH, pad_token_id=tokenizer.pad_token_id, bos_token_id=tokenizer.bos_token_id,
                         eos_token_id=tokenizer.eos_token_id),
        vision_config=dict(hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, image_size=size, patch_size=patch),
        projection_dim=32)
    model = model_class(config)
    common.randomise(model)
    base = getattr(model, config.model_type)
    base.vision_model.embeddings.class_embedding.data = torch.randn(32)
    base.vision_model.embeddings.patch_embedding.weight.data *= 0.7
    heads = model.class_head
    common.fit_heads(model, [
        (heads.logit_shift, -0.35, 0.25), (heads.logit_scale, 5.0, 1.0),
        (model.box_head.dense2, torch.tensor([0.0, 0.0, 1.2, 1.5]), torch.tensor([0.5, 0.5, 0.6, 0.6])),
    ], *args)
    return model.eval()


def make(name, size, patch, config_class, model_class, processor_class, image_class, default_class, first=0):
    """Find a seed whose expectation is robust, export, check the ONNX model against PyTorch, write all files."""
    folder = common.FAMILIES / name
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = make_tokenizer()
    tokenizer.backend_tokenizer.save(str(folder / "tokenizer.json"))
    image_processor = image_class(size={"height": size, "width": size})
    default_processor = default_class(size={"height": size, "width": size})
    processor = processor_class(image_processor=image_processor, tokenizer=tokenizer)
    frames = [common.load_frame(), common.other_frame()]

    def inputs(count, queries):
        """The processor's tensors for `count` images, each with all queries."""
        batch = processor(text=[queries] * count, images=frames[:count], return_tensors="pt")
        return tuple(batch[key] for key in INPUTS)

    args = inputs(1, QUERIES)
    default_pixels = default_processor(images=frames[:1], return_tensors="pt")["pixel_values"]

    def post_process(logits, boxes, least):
        found = transformers.utils.ModelOutput(logits=logits, pred_boxes=boxes)
        result = processor.post_process_grounded_object_detection(found, threshold=least, target_sizes=[(576, 768)], text_labels=[QUERIES])[0]
        return [common.detection(label, score, box, text) for score, label, box, text in
                zip(result["scores"].tolist(), result["labels"].tolist(), result["boxes"].tolist(), result["text_labels"])]

    def detect(model, pixels, least):
        with torch.no_grad():
            logits, boxes = Exported(model)(args[0], pixels, args[2])[:2]
        return post_process(logits, boxes, least)

    def check(model):
        wrong = common.problems(lambda pixels, least: detect(model, pixels, least), args[1], THRESHOLD, image_processor.image_std)
        with torch.no_grad():
            best = Exported(model)(*args)[0][0].topk(2).values
        gaps = (best[:, 0] - best[:, 1])[best[:, 0].sigmoid() > THRESHOLD]
        if len(gaps) and gaps.min() < 0.03:
            wrong.append("two queries are alike")
        change = common.moved(detect(model, args[1], THRESHOLD), detect(model, default_pixels, THRESHOLD))
        if change is None or change[0] > 3e-3 or change[1] > 1:
            wrong.append(f"the library's image backends differ: {change}")
        return wrong

    seed, model = common.search(name, lambda seed: build(config_class, model_class, size, patch, tokenizer, args), check, first)
    module = Exported(model)
    path = common.export(module, inputs(2, QUERIES), folder, INPUTS, OUTPUTS, AXES)
    for count, queries in ((1, QUERIES), (2, QUERIES), (1, QUERIES[:1]), (1, OTHER_QUERIES), (2, OTHER_QUERIES)):
        values = inputs(count, queries)
        with torch.no_grad():
            wanted = module(*values)
        got = common.run_onnx(path, {key: value.numpy() for key, value in zip(INPUTS, values)})
        errors = {key: float(np.abs(got[key] - value.numpy()).max()) for key, value in zip(OUTPUTS, wanted)}
        shapes = {key: got[key].shape for key in OUTPUTS}
        assert all(shapes[key] == tuple(value.shape) for key, value in zip(OUTPUTS, wanted)), shapes
        assert max(errors.values()) < 1e-4, errors
        print(f"{name}: {count} images, {len(queries)} queries: {shapes}, largest difference {max(errors.values()):.1e}")
    model.config.save_pretrained(folder)
    default_processor.save_pretrained(folder)

    expected = detect(model, args[1], THRESHOLD)
    got = common.run_onnx(path, {key: value.numpy() for key, value in zip(INPUTS, args)})
    from_onnx = post_process(torch.from_numpy(got["logits"]), torch.from_numpy(got["pred_boxes"]), THRESHOLD)
    print(f"{name}: ONNX moves the detections by", common.moved(expected, from_onnx))
    levels = (default_pixels - args[1]).abs().max() * 255 * max(image_processor.image_std)
    print(f"{name}: the torchvision backend differs by {levels:.2f} grey levels; that moves them by",
          common.moved(expected, detect(model, default_pixels, THRESHOLD)))
    samples = {query: tokenizer(query)["input_ids"] for query in (*OTHER_QUERIES, "  Two\tSPACES  ", "l'été à 9€!")}
    common.write_expected(folder, MADE_BY, "owl.py", THRESHOLD, expected, vocabulary=QUERIES, input_ids=args[0].tolist(),
                          attention_mask=args[2].tolist(), tokens=samples)
    print(f"{name}: {len([found for found in expected if found])} of {len(expected)} detections, {common.check_size(path)} bytes, tokenizer "
          f"{(folder / 'tokenizer.json').stat().st_size} bytes", flush=True)


def owlv2():
    make("owlv2", 128, 16, Owlv2Config, Owlv2ForObjectDetection, Owlv2Processor, Owlv2ImageProcessorPil, Owlv2ImageProcessor, 52)


def owlvit():
    make("owlvit", 128, 16, OwlViTConfig, OwlViTForObjectDetection, OwlViTProcessor, OwlViTImageProcessorPil, OwlViTImageProcessor, 149)


if __name__ == "__main__":
    for name in sys.argv[1:] or ("owlv2", "owlvit"):
        globals()[name]()
