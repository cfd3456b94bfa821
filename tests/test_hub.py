"""Models in folders and on a server that speaks the Hugging Face Hub's protocol, on this machine."""

import base64
import contextlib
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import torch

import ipe_sr
from ipe_sr import InputError, models
from ipe_sr.models import hub

NAME = "someone/small"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@contextlib.contextmanager
def server():
    """Yields (address, {path in the repository: content}). It takes files in a commit's text and gives them back."""
    stored, asked = {}, []

    class Handler(BaseHTTPRequestHandler):
        def answer(self, content, status=200, **headers):
            data = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            for key, value in ({"Content-Length": str(len(data))} | headers).items():
                self.send_header(key.replace("_", "-"), value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)

        def do_GET(self):
            asked.append(self.path)
            place = f"/{NAME}/resolve/"
            name = self.path.split("/", 5)[-1] if self.path.startswith(place) else None
            if name in stored:
                tag = hashlib.sha1(stored[name]).hexdigest()
                return self.answer(stored[name], X_Repo_Commit=COMMIT, ETag=f'"{tag}"')
            if self.path.startswith(f"/api/models/{NAME}"):
                return self.answer({"id": NAME, "sha": COMMIT, "siblings": [{"rfilename": name} for name in stored]})
            self.answer({"error": "not found"}, 404, X_Error_Code="RepoNotFound")

        do_HEAD = do_GET

        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if self.headers.get("Authorization") != "Bearer hf_token":
                return self.answer({"error": "no token"}, 401)
            if self.path == "/api/repos/create":
                return self.answer({"url": f"http://{self.headers['Host']}/{NAME}"})
            if self.path.endswith("/preupload/main"):
                names = [file["path"] for file in json.loads(body)["files"]]
                return self.answer({"files": [{"path": n, "uploadMode": "regular", "shouldIgnore": False} for n in names]})
            if not self.path.endswith("/commit/main"):   # such as the check of the card
                return self.answer({"errors": [], "warnings": []})
            for line in filter(None, body.splitlines()):
                if (entry := json.loads(line))["key"] == "file":
                    stored[entry["value"]["path"]] = base64.b64decode(entry["value"]["content"])
            url = f"http://{self.headers['Host']}/{NAME}/commit/{COMMIT}"
            self.answer({"success": True, "commitOid": COMMIT, "commitUrl": url, "hookOutput": ""})

        def log_message(self, *_):
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=http.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{http.server_port}", stored
    finally:
        http.shutdown()


@pytest.fixture
def hub_server(monkeypatch, tmp_path):
    constants = pytest.importorskip("huggingface_hub.constants", reason="needs the extra `hub`")
    with server() as (address, stored):
        monkeypatch.setattr(constants, "ENDPOINT", address)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE", address + "/{repo_id}/resolve/{revision}/{filename}"
        )
        monkeypatch.setenv("HF_TOKEN", "hf_token")
        monkeypatch.setenv("HF_HUB_DISABLE_TELEMETRY", "1")
        yield stored


def same(a, b):
    return a.config == b.config and all(torch.equal(x, y) for x, y in zip(a.parameters(), b.parameters(), strict=True))


def test_a_model_in_a_folder_is_read_back(tiny, tmp_path):
    model = tiny("ipe-liif")
    folder = hub.save_pretrained(model, tmp_path / "new" / "folder", {"steps": 7}, card="Trained on nothing.")
    assert sorted(path.name for path in folder.iterdir()) == ["README.md", "config.json", "model.safetensors"]
    assert same(hub.from_pretrained(folder), model)
    assert models.training_facts(folder / hub.WEIGHTS) == {"steps": 7}
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert card.startswith("---\nlibrary_name: ipe_sr\n") and card.endswith("\nTrained on nothing.\n")
    assert json.loads((folder / "config.json").read_text(encoding="utf-8"))["kind"] == "liif"


def test_a_pushed_model_is_loaded_by_its_name(tiny, hub_server):
    model = tiny("field")
    assert hub.push(model, NAME).endswith(COMMIT)
    assert sorted(hub_server) == ["README.md", "config.json", "model.safetensors"]
    assert same(ipe_sr.load(f"hf://{NAME}"), model) and same(hub.from_pretrained(NAME), model)


def test_what_the_hub_does_not_give_is_one_line(tiny, hub_server, monkeypatch):
    for repository in ("someone/else", "no/good/name", "..", ""):
        with pytest.raises(InputError, match="cannot be downloaded") as caught:
            ipe_sr.load(f"hf://{repository}")
        assert "\n" not in str(caught.value)
    from huggingface_hub import constants

    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    with pytest.raises(InputError, match="cannot be uploaded"):
        hub.push(tiny("ipe-liif"), NAME)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:1")   # nobody listens there
    with pytest.raises(InputError, match="cannot be uploaded"):
        hub.push(tiny("ipe-liif"), NAME)
    assert not hub_server


def test_a_repository_with_another_file_is_refused(hub_server):
    hub_server[hub.WEIGHTS] = b"no safetensors"
    with pytest.raises(InputError, match="not a readable safetensors file"):
        ipe_sr.load(f"hf://{NAME}")
