"""One reader a format: user bytes in, a RawDataset out."""
