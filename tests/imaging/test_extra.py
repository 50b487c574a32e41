"""What is said where the extra is not installed."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
sys.modules["cv2"] = None
from PIL import Image
from editchain.errors import ConfigurationError
from editchain.operations import load
from editchain.providers import check_prompt
try:
    load("dehaze").apply(image=Image.new("RGB", (9, 9)), amount=1, mask=None)
except ConfigurationError as error:
    print(error)
for start, end, message, suggestion in check_prompt("darkroom", "sepia, remove the haze"):
    print(start, end, message, suggestion)
"""


def test_operations_and_prompts_name_the_extra() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "dehaze needs numpy and OpenCV; install them with: pip install 'editchain[darkroom]'",
        '7 22 "remove the haze" needs numpy and OpenCV, which are not installed. '
        "pip install 'editchain[darkroom]' adds them.",
    ]
