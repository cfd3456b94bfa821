"""A copy of the package and of the experiments in a folder of its own, with tables whose runs take seconds."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from PIL import Image

from ipe_sr.imaging import samples

ROOT = Path(__file__).parents[1]
SECONDS = 600   # a command that takes longer hangs


@dataclass(frozen=True)
class World:
    """folder: holds ipe_sr/, experiments/, pictures/, a README.md and what sweeps write, out/."""

    folder: Path

    @property
    def experiments(self) -> Path:
        return self.folder / "experiments"

    def command(self, *words: str, out: str = "out") -> list[str]:
        options = ["--experiments", str(self.experiments), "--out", str(self.folder / out)]
        return [sys.executable, "-m", "ipe_sr", "sweep", *words, *options]

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | {"PYTHONPATH": str(self.folder), "IPE_SR_CACHE": str(self.folder / "cache")}

    def run(self, command: list[str], **variables: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            command, cwd=self.folder, env=self.environment | variables, capture_output=True, text=True, timeout=SECONDS,
            check=False,
        )

    def sweep(self, *words: str, out: str = "out", **variables: str) -> subprocess.CompletedProcess:
        return self.run(self.command(*words, out=out), **variables)

    def due(self, table: str) -> dict[str, str]:
        """Run -> reason, of what a sweep of the table would run now."""
        done = self.sweep(table, "--params", "micro", "--dry-run")
        assert done.returncode == 0, done.stderr
        found = re.findall(r"^ +reason: (.*)\n +wildcards: run=(\S+)$", done.stdout + done.stderr, re.M)
        return {name: reason for reason, name in found}

    def tables(self) -> dict[str, Any]:
        return yaml.safe_load((self.experiments / "tables.yaml").read_text(encoding="utf-8"))

    def write_tables(self, tables: dict[str, Any]) -> None:
        (self.experiments / "tables.yaml").write_text(yaml.safe_dump(tables, sort_keys=False), encoding="utf-8")

    def records(self, table: str, out: str = "out") -> dict[str, Path]:
        """Run -> record."""
        return {path.parent.name: path for path in (self.folder / out / f"{table}-micro").glob("*/record.json")}


def make(folder: Path) -> World:
    """Table `good` has three runs that succeed. In table `bad`, the crops of the second block are too large for the picture."""
    world = World(folder)
    shutil.copytree(ROOT / "ipe_sr", folder / "ipe_sr", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "notebooks" / "experiments", world.experiments)
    shutil.copy(ROOT / "README.md", folder)
    (folder / "pictures").mkdir()
    Image.fromarray(samples.image("coffee")[150:222, 200:272]).save(folder / "pictures" / "cup.png")
    pictures = str(folder / "pictures")
    schedule = folder / "ipe_sr" / "presets" / "schedules" / "tiny.yaml"
    smaller = {"width": 8, "encoder": {"blocks": 1, "channels": 4}}
    changed = yaml.safe_load(schedule.read_text(encoding="utf-8")) | {"model": smaller}
    schedule.write_text(yaml.safe_dump(changed), encoding="utf-8")
    settings = {
        "steps": 4, "batch": 2, "patch": 12, "queries": 40, "validate_every": 2, "log_every": 2, "valid_scales": [2],
        "data": [pictures], "valid": pictures,
    }
    here = {"seeds": [0], "data": [pictures], "optional": ["nowhere"]}
    world.write_tables({
        "tables": {
            "good": {
                "caption": "three that succeed", "blocks": {"U(1,4)": {"range": "", "scales": [2]}},
                "rows": {"Bicubic": ["bicubic"], "LIIF": ["liif"], "IPE-LIIF": ["ipe-liif"]},
                "scoring": {"protocol": "edsr", "ssim": "volume"},
            },
            "bad": {
                "caption": "one of two fails", "rows": {"LIIF": ["liif"]},
                "blocks": {"U(1,4)": {"range": "", "scales": [2]}, "U(1,12)": {"range": "12", "scales": [2]}},
            },
        },
        "params": {
            "micro": {
                "schedule": "tiny", "settings": settings, "threads": 1, "resources": {"mem_mb": 1000},
                "tables": {"good": here, "bad": here},
            },
        },
    })
    return world
