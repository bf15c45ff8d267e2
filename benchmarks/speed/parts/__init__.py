"""What `benchmarks/speed/predict.py` measures, a module a concern."""
