"""The SLURM profile on a real SLURM of one node, where one is installed."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
MISSING = [name for name in ("munged", "slurmctld", "slurmd", "sbatch", "ip", "unshare") if not shutil.which(name)]
PLUGINS = ("snakemake", "snakemake_executor_plugin_slurm")


@pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)} (Debian: slurmctld slurmd munge iproute2)")
@pytest.mark.skipif(
    not all(map(importlib.util.find_spec, PLUGINS)), reason="needs pip install snakemake-executor-plugin-slurm"
)
@pytest.mark.skipif(os.geteuid() != 0, reason="starting a private SLURM needs root")
def test_two_runs_a_failure_a_kill_and_what_follows(tmp_path):
    if subprocess.run(["unshare", "--net", "--mount", "true"], capture_output=True, check=False).returncode:
        pytest.skip("no namespaces can be made here")
    scenario = [sys.executable, str(HERE / "scenario.py"), str(tmp_path / "world")]
    (tmp_path / "world").mkdir()
    environment = os.environ | {"PYTHONPATH": str(HERE.parents[1])}
    done = subprocess.run(
        ["unshare", "--net", "--mount", "sh", str(HERE / "cluster.sh"), str(tmp_path / "slurm"), *scenario],
        env=environment, capture_output=True, text=True, check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "two runs by SLURM, one of which fails: done" in done.stdout
    assert "a kill and what follows: done" in done.stdout
