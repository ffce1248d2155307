"""The product that the machine's limit is measured with."""

import numpy as np
import onnxruntime

from bench.peak import int8_peak, product_model


def test_the_product_is_one() -> None:
    random = np.random.default_rng(1)
    inputs = random.integers(0, 200, (3, 200), dtype=np.uint8)
    weights = random.integers(-100, 100, (200, 5), dtype=np.int8)
    session = onnxruntime.InferenceSession(
        product_model(weights), onnxruntime.SessionOptions(), ["CPUExecutionProvider"]
    )
    (product,) = session.run(None, {"a": inputs})
    np.testing.assert_array_equal(product, inputs.astype(np.int32) @ weights.astype(np.int32))


def test_a_rate_is_found() -> None:
    assert int8_peak([(64, 256, 64)], seconds_each=0.01) > 1e8
