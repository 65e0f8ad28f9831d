"""What an image is: strict decoding, normalization, letter shards and fingerprints."""
