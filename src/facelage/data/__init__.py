"""Reading, checking, aligning and splitting face images."""
