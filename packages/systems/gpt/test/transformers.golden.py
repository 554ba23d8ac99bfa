"""Writes transformers.golden.json: folders that Hugging Face's transformers itself writes, of small networks with random weights, and what
it makes of them. Run: python3 transformers.golden.py (pip install torch transformers; written with torch 2.13 and transformers 5.18)"""
import base64
import copy
import json
import pathlib
import tempfile

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    BertConfig, BertForMaskedLM, DistilBertConfig, DistilBertForMaskedLM, GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM,
    PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM,
)

here = pathlib.Path(__file__).parent
torch.manual_seed(0)
text = (here / "gpt.golden.py").read_text()
prompt = "Write what modules give. Zürich 東京 123\n"


def byte_pairs(begins):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>", *(["<s>"] if begins else [])]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator([text], trainers.BpeTrainer(vocab_size=300, special_tokens=special, initial_alphabet=alphabet, show_progress=False))
    if begins:
        tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    more = {"bos_token": "<s>"} if begins else {}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|endoftext|>", **more)


def word_pieces():
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer.train_from_iterator([text], trainers.WordPieceTrainer(vocab_size=300, special_tokens=special, show_progress=False))
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    names = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), special))
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names)


sizes = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4, "max_position_embeddings": 64}
shared = {**sizes, "vocab_size": 300, "num_key_value_heads": 2, "eos_token_id": 0}
begins = {"bos_token_id": 1}
slowed = {"rope_type": "llama3", "rope_theta": 5e5, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 32}
gpt2 = GPT2Config(vocab_size=300, n_positions=64, n_embd=16, n_layer=2, n_head=4, bos_token_id=0, eos_token_id=0)
decoders_ = {
    "gpt2": (GPT2LMHeadModel(gpt2), byte_pairs(False), "1GB"),
    "llama": (LlamaForCausalLM(LlamaConfig(**shared, **begins, tie_word_embeddings=False)), byte_pairs(True), "8KB"),
    "llama 3": (LlamaForCausalLM(LlamaConfig(**shared, **begins, rope_parameters=slowed, tie_word_embeddings=True)), byte_pairs(True), "1GB"),
    "qwen2": (Qwen2ForCausalLM(Qwen2Config(**shared, bos_token_id=None, tie_word_embeddings=True)), byte_pairs(False), "1GB"),
}
pieces = word_pieces()
distil = DistilBertConfig(vocab_size=300, dim=16, n_layers=2, n_heads=4, hidden_dim=24, max_position_embeddings=64)
encoders = {
    "bert": (BertForMaskedLM(BertConfig(**sizes, vocab_size=300)), pieces, "1GB"),
    "distilbert": (DistilBertForMaskedLM(distil), pieces, "1GB"),
}


def filled(network):
    """Weights large enough to matter, such as 16 bits can hold."""
    with torch.no_grad():
        for weight in network.parameters():
            weight.normal_(0, 0.4) if weight.ndim > 1 else weight.add_(torch.randn_like(weight) * 0.1)
            weight.copy_(weight.bfloat16())
    return network.eval()


def files_of(network, tokenizer, shard):
    with tempfile.TemporaryDirectory() as folder:
        tokenizer.save_pretrained(folder)
        copy.deepcopy(network).to(torch.bfloat16).save_pretrained(folder, max_shard_size=shard)
        return {path.name: base64.b64encode(path.read_bytes()).decode() for path in sorted(pathlib.Path(folder).iterdir())}


cases = []
for name, (network, tokenizer, shard) in decoders_.items():
    ids = tokenizer(prompt)["input_ids"]
    files = files_of(filled(network), tokenizer, shard)
    with torch.no_grad():
        said = torch.log_softmax(network(torch.tensor([ids])).logits[0, -1], -1)
        written = network.generate(torch.tensor([ids]), max_new_tokens=12, do_sample=False, pad_token_id=0)[0, len(ids):].tolist()
    cases.append({"name": name, "files": files, "ids": ids, "logProbabilities": [float("%.7g" % v) for v in said], "text": tokenizer.decode(written)})
gaps = []
for name, (network, tokenizer, shard) in encoders.items():
    ids = tokenizer("the network [MASK] a test")["input_ids"]
    files = files_of(filled(network), tokenizer, shard)
    with torch.no_grad():
        top = torch.softmax(network(torch.tensor([ids])).logits[0, ids.index(tokenizer.mask_token_id)], -1).topk(5)
    gaps.append({"name": name, "files": files, "best": [{"id": int(i), "probability": float("%.7g" % p)} for i, p in zip(top.indices, top.values)]})
json.dump({"prompt": prompt, "cases": cases, "gaps": gaps}, open(here / "transformers.golden.json", "w"))
