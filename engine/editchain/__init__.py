"""editchain: declarative pipelines of prompted picture edits."""

__version__ = "0.1.0"
