"""The lock on a sweep's folder, and the cleaning up after a sweep that was killed."""

import os
import subprocess
import sys

import pytest

from ipe_sr.errors import InputError
from ipe_sr.sweeps import cleanup


def test_two_sweeps_do_not_share_a_folder_at_once(tmp_path):
    running = pytest.raises(InputError, match="another sweep is running in this folder")
    with cleanup.alone(tmp_path), running as caught, cleanup.alone(tmp_path):
        pass
    assert "\n" not in str(caught.value)
    with cleanup.alone(tmp_path):
        pass


def test_a_killed_sweep_frees_its_lock(tmp_path):
    code = """if True:
        import sys, time
        from pathlib import Path
        from ipe_sr.sweeps import cleanup
        with cleanup.alone(Path(sys.argv[1])):
            print("locked", flush=True)
            time.sleep(600)
    """
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "locked\n"
        with pytest.raises(InputError, match="another sweep is running"), cleanup.alone(tmp_path):
            pass
        process.kill()
    with cleanup.alone(tmp_path):
        pass


def test_a_folder_that_cannot_be_locked_is_one_line(tmp_path):
    (tmp_path / ".lock").mkdir()
    with pytest.raises(InputError, match=r"cannot be locked \(.*\); give an --out") as caught, cleanup.alone(tmp_path):
        pass
    assert "\n" not in str(caught.value)


def test_a_process_is_known_by_its_mark(tmp_path):
    environment = os.environ | {cleanup.MARK: str(tmp_path)}
    stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", stubborn], env=environment, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        cleanup.PATIENCE, before = 0.5, cleanup.PATIENCE
        try:
            cleanup.end_processes(tmp_path)
        finally:
            cleanup.PATIENCE = before
        process.wait(10)   # raises TimeoutExpired while it lives
