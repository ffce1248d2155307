"""What runs the model reports to nobody."""

import subprocess
import sys
from pathlib import Path


def test_onnx_runtime_keeps_no_device_id(tmp_path: Path) -> None:
    command = "import vocafuse_server.transcription.onnx_network"
    subprocess.run([sys.executable, "-c", command], env={"HOME": str(tmp_path)}, check=True)
    assert list(tmp_path.iterdir()) == []
