"""Samples in, text out: the engine. It knows nothing of notes, tenants or HTTP."""

import os

# ONNX Runtime's wheels send events about their use to Microsoft, unless this is set before they are imported.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
