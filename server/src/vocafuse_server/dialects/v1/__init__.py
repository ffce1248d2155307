"""The first dialect: VocaFuse's, under `/v1`."""
