"""Models as folders and as repositories of the Hugging Face Hub: the checkpoint, its config as JSON, and a model card.

    hub.save_pretrained(model, "folder")                 # the files alone
    hub.push(model, "owner/name")                        # the same as a repository; needs a token (`hf auth login`)
    ipe_sr.load("hf://owner/name")                       # or hub.from_pretrained("owner/name"), or of a folder

The checkpoint is the `.safetensors` file that `checkpoints.save` writes. Nothing is unpickled, no code of a repository runs.
The environment variable HF_ENDPOINT names another server.
"""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from torch import nn

from ipe_sr import files
from ipe_sr.errors import InputError, first_line, importing
from ipe_sr.models import checkpoints, configs

PREFIX = "hf://"
WEIGHTS, CONFIG, CARD = "model.safetensors", "config.json", "README.md"


def save_pretrained(
    model: nn.Module, folder: str | os.PathLike, training: dict[str, Any] | None = None, card: str = ""
) -> Path:
    """Write a model's checkpoint, config and card into a folder, which is made. Returns the folder.

    training: facts for the checkpoint's header.   card: text for the model card, after its first lines.
    """
    folder = Path(folder)
    files.make_folder(folder)
    checkpoints.save(model, folder / WEIGHTS, training)
    config = configs.to_dict(model.config)
    for name, text in ((CONFIG, json.dumps(config, indent=1) + "\n"), (CARD, _card(config, card))):
        with files.replacing(folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return folder


def from_pretrained(source: str | os.PathLike, revision: str | None = None) -> nn.Module:
    """The model in a folder of `save_pretrained`, or in a repository OWNER/NAME.   revision: a branch, tag or commit.

    Raises InputError if there is none, or the server does not answer.
    """
    folder = Path(source)
    return checkpoints.read(folder / WEIGHTS if folder.is_dir() else file(str(source), revision))


def push(
    model: nn.Module, repository: str, training: dict[str, Any] | None = None, card: str = "", private: bool = False
) -> str:
    """Upload what `save_pretrained` writes to a repository OWNER/NAME, which is made. Returns the address of the commit.

    Raises InputError if the server refuses, for instance without a token.
    """
    with importing("hub", "the Hugging Face Hub"):
        import huggingface_hub
    with tempfile.TemporaryDirectory() as folder:
        save_pretrained(model, folder, training, card)
        api = huggingface_hub.HfApi()
        try:
            api.create_repo(repository, private=private, exist_ok=True)
            return str(api.upload_folder(repo_id=repository, folder_path=folder, commit_message="Upload a model of ipe_sr"))
        except Exception as error:   # the errors of the hub and of its connections have no common class
            raise InputError(f"{PREFIX}{repository}: cannot be uploaded ({first_line(error)})") from None


def file(repository: str, revision: str | None = None) -> Path:
    """The checkpoint of a repository OWNER/NAME, downloaded into the hub's cache. Raises InputError if there is none."""
    with importing("hub", "the Hugging Face Hub"):
        import huggingface_hub
    try:
        return Path(huggingface_hub.hf_hub_download(repository, WEIGHTS, revision=revision))
    except Exception as error:   # as in `push`
        raise InputError(f"{PREFIX}{repository}: {WEIGHTS} cannot be downloaded ({first_line(error)})") from None


def _card(config: dict[str, Any], text: str) -> str:
    encoder = f" with encoder {config['encoder']['name']}" if "encoder" in config else ""
    return (
        "---\nlibrary_name: ipe_sr\npipeline_tag: image-to-image\ntags:\n- super-resolution\n---\n\n"
        f"# {config['kind']}{encoder}\n\nA model of ipe_sr, arbitrary-scale super-resolution with integrated positional "
        f"encoding. `{CONFIG}` has its options.\n\n```python\nimport ipe_sr\n\nmodel = ipe_sr.load(\"{PREFIX}OWNER/NAME\")\n"
        f"sr = ipe_sr.upscale(image, scale=2.7, model=model)\n```\n" + (f"\n{text}\n" if text else "")
    )
