"""Exports the BERT of a model folder to ONNX, as its users do, into FOLDER/onnx:

  model.onnx       torch.onnx.export, dynamic batch and length
  fused.onnx       the same after the BERT fusions of onnxruntime.transformers.optimizer
  model-int8.onnx, fused-int8.onnx   quantize_dynamic of both: MatMul, weights per channel

    python benchmarks/peers/export_onnx.py FOLDER

The attention is written out in the form that the optimizer knows (additive mask, as Transformers had it when the
optimizer was written): of what Transformers' current code exports it fuses the norms and GELU only.
"""
import os
import sys
import warnings

import onnx
import torch
import transformers
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.transformers import optimizer
from transformers.masking_utils import AttentionMaskInterface

warnings.filterwarnings("ignore")
transformers.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()


def attend(module, query, key, value, mask, scaling=None, dropout=0.0, **_):
    scores = torch.matmul(query, key.transpose(2, 3)) / query.shape[-1] ** 0.5
    weights = torch.softmax(scores + mask, dim=-1)
    return torch.matmul(weights, value).transpose(1, 2).contiguous(), weights


def additive_mask(*_, attention_mask=None, **__):
    return (1.0 - attention_mask[:, None, None, :].to(torch.float32)) * torch.finfo(torch.float32).min


transformers.AttentionInterface.register("written_out", attend)
AttentionMaskInterface.register("written_out", additive_mask)


class Outputs(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask, token_type_ids):
        result = self.model(input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids)
        return result.last_hidden_state, result.pooler_output


def export(folder, file):
    model = transformers.AutoModel.from_pretrained(folder, attn_implementation="written_out").eval()
    ids = torch.randint(1000, 20000, (2, 16))
    mask = torch.ones_like(ids)
    mask[1, 9:] = 0
    names = ["input_ids", "attention_mask", "token_type_ids"]
    axes = {name: {0: "batch", 1: "length"} for name in names + ["last_hidden_state"]}
    torch.onnx.export(
        Outputs(model).eval(), (ids, mask, torch.zeros_like(ids)), file, input_names=names,
        output_names=["last_hidden_state", "pooler_output"], opset_version=17, dynamo=False,
        dynamic_axes=axes | {"pooler_output": {0: "batch"}},
    )
    name_heads(file, model.config)
    return model.config


def name_heads(file, config):
    """Reshapes to (batch, length, -1, head size) get the number of heads for the -1: the optimizer looks for it."""
    model = onnx.load(file)
    tensors = {t.name: t for t in model.graph.initializer}
    constants = {n.output[0]: n.attribute[0].t for n in model.graph.node if n.op_type == "Constant"}

    def value(name):
        tensor = tensors.get(name) or constants.get(name)
        return None if tensor is None else onnx.numpy_helper.to_array(tensor).tolist()

    heads = config.num_attention_heads
    for node in model.graph.node:
        if node.op_type == "Concat" and len(node.input) == 4:
            if value(node.input[2]) == [-1] and value(node.input[3]) == [config.hidden_size // heads]:
                node.input[2] = "heads"
    model.graph.initializer.append(onnx.helper.make_tensor("heads", onnx.TensorProto.INT64, [1], [heads]))
    onnx.save(model, file)


def main():
    folder = sys.argv[1]
    target = os.path.join(folder, "onnx")
    os.makedirs(target, exist_ok=True)
    plain, fused = os.path.join(target, "model.onnx"), os.path.join(target, "fused.onnx")
    config = export(folder, plain)
    optimized = optimizer.optimize_model(
        plain, model_type="bert", num_heads=config.num_attention_heads, hidden_size=config.hidden_size
    )
    optimized.save_model_to_file(fused)
    print({name: count for name, count in optimized.get_fused_operator_statistics().items() if count})
    for file in (plain, fused):
        quantize_dynamic(
            file, file.replace(".onnx", "-int8.onnx"), op_types_to_quantize=["MatMul", "Attention"],
            per_channel=True, weight_type=QuantType.QInt8,
            extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT},
        )


main()
