"""beklijf: what people learn in a training sticks at work."""

__version__ = "0.3.0"
