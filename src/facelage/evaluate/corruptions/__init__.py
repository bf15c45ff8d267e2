"""Robustness: the error of age models on damaged faces."""

from facelage.evaluate.corruptions.damage import CORRUPTIONS, Corruption, corrupt
from facelage.evaluate.corruptions.run import CorruptionResult, corrupt_and_evaluate

__all__ = ["CORRUPTIONS", "Corruption", "CorruptionResult", "corrupt", "corrupt_and_evaluate"]
