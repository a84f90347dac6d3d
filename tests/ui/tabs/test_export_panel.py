"""A checkpoint taken along from the Runs tab, over HTTP."""

import json
import sys

import httpx
import safetensors.torch
import torch

from resnet_demo.inference.loading import load_classifier
from resnet_demo.ui.access import REFUSAL, Access
from tests.support.asking import post
from tests.support.checkpoints import make_run


def test_a_run_is_taken_along_as_a_file_that_is_named_after_it(serve, tmp_path):
    with serve() as (url, backend):
        run = make_run(backend.store, "20261127-run")
        kind, answer = post(url, "export_run", ["float16", '["20261127-run"]'])
        assert kind == "complete"
        sent = json.loads(answer)[0]
        assert sent["orig_name"] == "20261127-run-float16.safetensors"
        file = tmp_path / "taken.safetensors"
        file.write_bytes(httpx.get(sent["url"], timeout=30).content)
    weights = safetensors.torch.load_file(file)
    assert weights["fc.weight"].dtype == torch.float16
    assert load_classifier(file).info.classes == run.model_info().classes


def test_what_cannot_be_exported_is_a_sentence(serve, tiny_config, monkeypatch):
    with serve() as (url, backend):
        make_run(backend.store, "saved")
        backend.store.create(tiny_config, "unsaved")
        for kind, picked, said in (
            ("float64", '["saved"]', "no such format"),
            (["float32"], '["saved"]', "must be a text"),
            ("float32", "[]", "Tick exactly one run"),
            ("float32", '["../saved"]', "Tick exactly one run"),
            ("float32", '["unsaved"]', "no checkpoint"),
        ):
            ended, answer = post(url, "export_run", [kind, picked])
            assert ended == "error" and said in answer, (kind, picked, answer)


def test_only_the_owner_takes_weights_along(serve):
    with serve(Access("a long secret")) as (url, backend):
        make_run(backend.store, "saved")
        kind, answer = post(url, "export_run", ["float32", '["saved"]'])
        assert kind == "error" and REFUSAL in answer
        assert post(url, "export_run", ["float32", '["saved"]'], token="a long secret")[0] == "complete"


def test_without_the_package_for_onnx_it_says_how_to_get_it(serve, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with serve() as (url, backend):
        make_run(backend.store, "saved")
        kind, answer = post(url, "export_run", ["onnx", '["saved"]'])
        assert kind == "error" and "pip install onnxscript" in answer


def test_a_run_is_taken_along_as_a_report(serve):
    with serve() as (url, backend):
        make_run(backend.store, "saved")
        kind, answer = post(url, "export_run", ["report", '["saved"]'])
        sent = json.loads(answer)[0]
        assert kind == "complete" and sent["orig_name"] == "saved.html"
        assert httpx.get(sent["url"], timeout=30).text.startswith("<!doctype html>")
