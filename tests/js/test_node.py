"""The trial screen's own tests, run by Node."""

import shutil
import subprocess
from pathlib import Path

import pytest

NODE = shutil.which("node")
TESTS = sorted(Path(__file__).parent.glob("*.test.mjs"))


@pytest.mark.skipif(NODE is None, reason="NODE IS MISSING: the trial screen is not tested")
def test_the_trial_screen_passes_its_tests_in_node():
    done = subprocess.run([NODE, "--test", *TESTS], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "# pass 0" not in done.stdout
